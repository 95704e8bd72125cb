//! From a curve to a point: whether a run finished, which loss represents it, and how much it saw.

mod accounts;
mod axis;
mod consistency;
mod course;
mod ending;
mod judge;
mod merge;
mod reason;
mod record;
mod schedule;
mod size;

pub(super) use accounts::tokens_of_steps;
pub(super) use axis::to_steps;
pub(super) use judge::{Settled, Verdict, settle};
pub(super) use merge::{Joined, ends_at, join_row, knows_size_and_tokens, merge};
pub(super) use record::enter;
pub(super) use size::sizes;
