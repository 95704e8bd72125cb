//! Questions and their answers: what people ask of the rooms together.
//!
//! Each file holds a request, a plain struct that can be written down, and the answer it leads to. The
//! command line, other languages and pages call this room; nothing here reads flags or prints.

mod benchmark;
mod compare;
#[cfg(feature = "logs")]
mod config;
mod counts;
mod curve;
#[cfg(feature = "report")]
mod curve_chart;
mod explain;
#[cfg(feature = "logs")]
mod file_error;
mod fit;
mod floor;
mod forecast;
mod gain;
mod kinds;
mod law;
mod lists;
mod mix;
mod next_runs;
mod one_quantity;
#[cfg(feature = "logs")]
mod open_profiles;
mod outliers;
mod own;
#[cfg(all(feature = "logs", feature = "report"))]
mod pictures;
mod plan;
#[cfg(feature = "logs")]
mod predict;
mod recipe;
#[cfg(feature = "logs")]
mod replay;
#[cfg(all(feature = "logs", feature = "report"))]
mod report;
#[cfg(feature = "logs")]
mod runs_json;
mod scenario;
mod serving;
mod talk;
mod target;
#[cfg(all(feature = "logs", feature = "report"))]
mod text;
mod training;
mod tune;
mod validate;
mod verify;

pub use benchmark::{BenchmarkReport, BenchmarkRequest, benchmark_law};
pub use compare::{CompareReport, CompareRequest, Ways};
#[cfg(feature = "logs")]
pub use config::{CurveSection, GainSection, PlanSection, StudyConfig};
pub use curve::{CostScale, CostUnit, CurveAnswer, CurveRequest, PlacedModel, models_near};
pub use explain::{ExplainReport, ExplainRequest, Explained, Placed, Record};
#[cfg(feature = "logs")]
pub use fit::LogSource;
pub use fit::{FitReport, FitRequest};
pub use forecast::{Continuation, ForecastReport, ForecastRequest, Rest};
pub use gain::{GainRecipe, GainReport, GainRequest, GainsReport, Running, Stack, recipes_by};
pub use kinds::{KindFit, KindFits};
pub use law::{AskedLaw, USUAL_LAWS, WhichLaw, ask_each, ask_laws, load_fit};
pub use lists::{devices_json, laws_json, models_json};
#[cfg(feature = "logs")]
pub use mix::mixtures_of;
pub use mix::{MixReport, MixRequest};
pub use next_runs::{Decide, NextRun, NextRunsAnswer, NextRunsRequest, RunAgainst};
pub use one_quantity::load_one_quantity;
#[cfg(feature = "logs")]
pub use open_profiles::runs_left;
#[cfg(all(feature = "logs", feature = "report"))]
pub use pictures::{BacktestPicture, ComparePicture, FitPicture, PlanPicture, backtest_chart};
pub use plan::{LawPlans, PlanAnswer, PlanRequest, PlannedLaw};
#[cfg(feature = "logs")]
pub use predict::{PredictReport, PredictRequest, PredictedPoint, predict_points};
pub use recipe::RecipeRequest;
#[cfg(feature = "logs")]
pub use replay::{Replay, replay};
#[cfg(all(feature = "logs", feature = "report"))]
pub use report::{Planned, ReportFile, StudyCurve, StudyGain, StudyReport, StudyServing};
#[cfg(feature = "logs")]
pub use runs_json::SurveyJson;
pub use scenario::ScenarioRequest;
pub use serving::{ServedModel, ServingReport, ServingRequest};
pub use talk::{Claim, Finding, System, TalkReport, talk};
pub use target::Target;
#[cfg(all(feature = "logs", feature = "report"))]
pub use text::{devices_text, laws_text, models_text, survey_text};
pub use training::TrainingRequest;
pub use tune::{TuneReport, TuneRequest, TunedRun};
pub use validate::ValidateRequest;
pub use verify::{CellRole, OtherLaw, PlanCell, PlanCheck, PlanFile, TestedRun};
