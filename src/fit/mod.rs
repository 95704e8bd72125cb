//! Fits: from a table of runs to a law with a certificate and honest intervals.
//!
//! The parametric approach (Hoffmann et al. 2022, approach 3): the least sum over runs of a penalty
//! on residuals, see [`Objective`]. A fit is not called converged because an objective stopped
//! falling: see [`Certificate`].
//!
//! | wing | what it holds |
//! |---|---|
//! | `solve` | what is minimised, the search over starts, the certificate |
//! | `design` | whether runs identify a law, how they cover the plane, residuals |
//! | `uncertainty` | resamples, percentile and predictive intervals, profiles |
//! | `next` | the runs that would tell most of a decision, or of two laws |
//! | `beyond` | what extrapolation cost among the runs, and what intervals carry for it |
//! | `predict` | the best run of a budget, losses of given runs |
//! | `unseen` | tests on held-out runs, laws ranked and weighed by them |
//! | `frontier` | the three approaches side by side |
//! | `gain` | two recipes compared: compute multipliers in several ways, each tested |
//! | `mixture` | laws over mixtures of domains, and the best mixture |
//! | `curve` | laws of loss curves, forecasts |
//!
//! Laws of runs ([`fit()`]), benchmark laws ([`fit_benchmark`]) and laws of curves ([`forecast`]) share
//! the estimate, the resampling loop and the intervals. Long computations come in two forms: plain, and
//! `_with_progress` with a callback that can stop them.

mod benchmark;
mod beyond;
mod config;
mod curve;
mod design;
mod fitted;
mod frontier;
mod gain;
mod limits;
mod mixture;
mod next;
mod one_quantity;
mod predict;
mod progress;
mod runs;
mod solve;
mod stack;
mod tuning;
mod uncertainty;
mod unseen;

pub use benchmark::{BenchmarkConfig, BenchmarkFit, fit_benchmark, fit_benchmark_with_progress};
pub use beyond::{Extrapolation, NearerFit, Reach};
pub use config::{FitConfig, NormalPrior, Objective, ProfileOf, Resample};
pub use curve::{
    CurveConfig, FittedCurve, Forecast, Hindsight, Trial, forecast, forecast_with_progress,
};
pub use design::{
    Correlation, Diagnostics, Explaining, FlopCount, Notable, Plane, Repeats, SeedNoise, Trend,
    coverage, repeats,
};
pub use fitted::{AllocationExponents, Fit, SCHEMA};
pub use frontier::{
    Approach, Approaches, FrontierPoint, Refused, Valley, approaches, valleys, valleys_within,
};
pub use gain::{
    FloorSensitivity, FrontierKind, FrontierLoss, Gain, GainConfig, HeldOutGain, Method,
    Multiplier, PairedNoise, Parting, Recipe, Settling, SettlingRun, Way, Worth, gain,
};
pub use mixture::{
    BesideRun, DomainShare, DomainTokens, FewerRuns, FormTest, MixtureAnswer, MixtureConfig,
    MixtureForm, MixtureLaw, MixtureTest, TargetLaw, best_mixture, mixture_design,
};
pub use next::{CandidateRun, ChosenRun, Doubt, ErrorModel, Separation, choose, separate};
pub use one_quantity::{
    ONE_QUANTITY_SCHEMA, OneQuantityFit, OneQuantityNeeded, OneQuantityPrediction, as_runs,
    fit_one_quantity,
};
pub use predict::{
    Decision, PredictedRun, Prediction, decide, predict, predict_quantiles, predict_runs,
};
pub use progress::{OnProgress, Progress};
pub use runs::{fit, fit_with_progress};
pub use solve::{Certificate, LocalMinimum};
pub use stack::{Stack, StackedLaw};
pub use tuning::{
    CellProblem, RefusedCell, TunedCell, TuningConfig, TuningFit, TuningLaw, fit_tuning,
};
pub use uncertainty::Profile;
pub use unseen::{
    AllocationRule, AllocationTest, Backtest, Coverage, Fold, FutureAxis, GroupFold, GroupsLeftOut,
    HeldOut, MeasuredSize, Outcome, Ranked, Ranking, Rollout, SAME_BUDGET, Unranked, Verdict,
    backtest, backtest_with_progress, leave_groups_out, leave_groups_out_with_progress,
    no_intervals, rank, rank_with_progress, rollout, rollout_with_progress, score_held_out, stack,
    stack_with_progress,
};
