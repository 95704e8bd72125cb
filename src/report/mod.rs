//! Reports: tables, charts and a self-contained page.

pub mod chart;
mod model_config;
mod page;
mod plan_sheets;
mod planning;
mod run_sheets;
mod sheet;
mod sheets;
mod words;

pub use crate::data::write_atomically;
pub use chart::{
    Chart, CostAxis, FamilyMember, ServingLine, Size, compression, frontier, iso_loss_family,
    plane, predicted_against_actual, render_png, render_svg, serving_by_batch, trade_off, valleys,
};
pub use model_config::model_config;
pub use page::{Figure, StudyReport};
pub use plan_sheets::{comparison_sheet, curve_csv, curve_sheet, family_csv, proposal_sheets};
pub use planning::{
    BatchRow, across_sheet, designs_sheet, dollars, family_sheet, recipe_text, recommendation_text,
    regret_sheet, serving_sheet, spread_sheet,
};
pub use run_sheets::{design_sheet, design_text, files_sheet, runs_csv, runs_sheet};
pub use sheet::Sheet;
pub use sheets::{
    approaches_sheet, backtest_sheet, benchmark_sheet, curve_fit_sheet, decision_sheet, fit_sheet,
    groups_sheet, held_out_sheet, hindsight_sheet, minima_sheet, profile_sheet, ranking_sheet,
    rollout_sheet, two_step_sheet, valley_sheet,
};
pub use words::{
    backtest_text, certificate_text, decomposition_text, diagnostics_text, explanation_text,
    objective_text, refusals_text,
};
