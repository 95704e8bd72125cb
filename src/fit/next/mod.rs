//! Which runs would tell most: those that leave the least doubt of a decision for what they cost, and the
//! one that best separates two laws.
//!
//! A [`Doubt`] knows nothing of laws: it holds draws of some decisions and of the losses of candidate
//! runs. Whatever can be drawn, an optimum, a loss, a gain of one recipe over another, can be decided so.

mod choose;
mod doubt;
mod rival;

pub use choose::{ChosenRun, choose};
pub use doubt::{CandidateRun, Doubt, ErrorModel};
pub use rival::{Separation, separate};
