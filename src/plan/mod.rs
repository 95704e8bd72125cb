//! Plans: where on a loss surface to spend a budget.
//!
//! | question | function |
//! |---|---|
//! | best N and D for a training budget, a loss, or of a size | [`compute_optimal`], [`optimum_for_loss`], [`optimum_of_size`] |
//! | the least cost of training and serving together | [`inference_aware`], [`lifetime_optimal`] |
//! | all sizes that reach a loss, and the smallest of them | [`iso_loss_curve`], [`smallest_params`] |
//! | what each size costs at one loss, serving included | [`costs_by_size`] |
//! | smaller models at the same loss | [`compare_sizes`], [`compare_ratios`] |
//! | a released model against the optimum, or trained on | [`explain()`], [`decompose`], [`continue_training`] |
//! | one plan under prices, machines, users, data and limits | [`recommend()`] with a [`Scenario`] |
//! | the same question with fewer constraints, side by side | [`strategies()`] |
//! | one input moved at a time | [`what_if()`] |
//! | one size under several laws | [`regret_over_laws`], [`regret_over_draws`] |
//! | the run itself: shape, hyper-parameters, layout, days | [`recipe()`] |
//!
//! A function that takes one [`Surface`](crate::law::Surface) knows no uncertainty; intervals come from
//! asking an [`Ensemble`](crate::law::Ensemble) the same question. Published laws and fits are the same
//! types here.

mod allocation;
mod band;
mod beyond;
mod by_size;
mod candidate;
mod compare;
mod curve;
mod exchange;
mod explain;
mod hyper;
mod inference;
mod isoloss;
mod neighbour;
mod optimum;
mod recipe;
mod recommend;
mod regret;
mod repetition;
mod request_time;
mod scenario;
mod search;
mod solve;
mod strategies;
mod uncertainty;
mod what_if;

pub use allocation::{Plan, Strategy};
pub use band::{BandedCurve, banded_curve};
pub use by_size::{SizedCost, costs_by_size};
pub use compare::{Comparison, ComparisonRow, compare_ratios, compare_sizes};
pub use curve::{CurvePoint, IsoLossCurve, iso_loss_curve};
pub use explain::{
    Continued, Decomposition, Explanation, NextDoubling, OUT_OF_REACH, continue_training,
    decompose, explain, next_doubling,
};
pub use hyper::{Advice, Hyper, Rule, advise, power_lines_timescale, step_law};
pub use inference::{break_even_tokens, implied_serve_tokens, inference_aware, lifetime_optimal};
pub use isoloss::{params_for_loss, smallest_params, tokens_for_loss};
pub use neighbour::{FrontierPoint, Neighbour};
pub use optimum::{compute_optimal, optimum_for_loss, optimum_of_size};
pub use recipe::{Recipe, RecipeInputs, Running, recipe};
pub use recommend::{Alternative, Recommendation, recommend};
pub use regret::{Regret, SizeRegret, regret_over_draws, regret_over_laws};
pub use scenario::{
    Aim, Circumstances, Currency, DataLimit, Demand, Design, Input, MemoryLimit, Scenario, Serving,
    SizeLimit, Training, published_repetition, rival_repetition,
};
pub use solve::Costs;
pub use strategies::{Row, disagreement, strategies};
pub use uncertainty::{Sampling, Share, Spread};
pub use what_if::{WhatIf, what_if};
