//! Tests on held-out runs: a condition, the future along an axis, groups, the largest budget; and laws
//! ranked and weighed by them.

mod backtest;
mod errors;
mod groups;
mod heldout;
mod outcome;
mod ranking;
mod rollout;
mod same_budget;
mod stacking;
mod trial;

pub use backtest::{AllocationRule, Backtest, backtest, backtest_with_progress, no_intervals};
pub use groups::{GroupFold, GroupsLeftOut, leave_groups_out, leave_groups_out_with_progress};
pub use heldout::{HeldOut, score_held_out};
pub use outcome::{Coverage, Outcome, Verdict};
pub use ranking::{Ranked, Ranking, Unranked, rank, rank_with_progress};
pub use rollout::{Fold, FutureAxis, Rollout, rollout, rollout_with_progress};
pub use same_budget::{AllocationTest, MeasuredSize, SAME_BUDGET};
pub use stacking::{stack, stack_with_progress};
