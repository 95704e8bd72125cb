//! Plans: where on a loss surface to spend a budget.
//!
//! Every function here takes one [`Surface`](crate::law::Surface) and has no notion of uncertainty;
//! intervals come from asking an [`Ensemble`](crate::law::Ensemble) the same question
//! ([`propose`]). A published law and a fit enter by the same door.

mod allocation;
mod band;
mod compare;
mod curve;
mod doubt;
mod explain;
mod hyper;
mod inference;
mod isoloss;
mod optimum;
mod proposal;
mod recipe;
mod recommend;
mod regret;
mod scenario;
mod search;
mod talk;

pub use allocation::{Goal, Plan, Strategy};
pub use band::{BandedCurve, banded_curve};
pub use compare::{Comparison, ComparisonRow, compare_ratios, compare_sizes};
pub use curve::{CurvePoint, IsoLossCurve, iso_loss_curve};
pub use doubt::{Share, Spread};
pub use explain::{Decomposition, Explanation, NextDoubling, decompose, explain, next_doubling};
pub use hyper::{Advice, Hyper, Rule, advise, power_lines_timescale, step_law};
pub use inference::{break_even_tokens, implied_serve_tokens, inference_aware, lifetime_optimal};
pub use isoloss::{params_for_loss, smallest_params, tokens_for_loss};
pub use optimum::{compute_optimal, optimum_for_loss, optimum_of_size};
pub use proposal::{Limits, Proposal, Row, disagreement, propose, recommended_row};
pub use recipe::{Recipe, RecipeInputs, Running, recipe};
pub use recommend::{Alternative, Costs, Recommendation, Sampling, recommend};
pub use regret::{Choice, Regret, regret_over_draws, regret_over_laws};
pub use scenario::{
    Aim, Circumstances, Currency, DataLimit, Demand, Design, Input, MemoryLimit, Scenario, Serving,
    Training,
};
pub use talk::{Claim, Finding, System, talk, talk_systems};
