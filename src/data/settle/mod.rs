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

pub(super) use axis::to_steps;
pub(super) use judge::{Settled, Verdict, settle};
pub(super) use merge::{Joined, join_row, merge};
pub(super) use record::enter;
pub(super) use size::sizes;
