//! What a plan is made for: a target, a budget, machines, users, data and limits.

mod aim;
mod design;
mod input;
mod limits;
mod machines;
mod question;
mod size;
mod terms;
mod validate;

pub use aim::{Aim, Currency};
pub use design::Design;
pub use input::{Circumstances, Input};
pub use limits::{DataLimit, MemoryLimit, published_repetition, rival_repetition};
pub use machines::{Demand, Serving, Training};
pub use question::Scenario;
pub(in crate::plan) use size::SizeCaps;
pub use size::SizeLimit;
pub(in crate::plan) use terms::quality;
