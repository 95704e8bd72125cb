//! Reports: tables, sentences, charts and a self-contained page, a file per subject.
//!
//! Functions named `…_table` give a [`Table`], `…_text` lines for people, `…_chart` a [`Chart`],
//! `…_csv` rows in full precision. [`save`] writes any of them to a file. [`Text`] holds lines and
//! tables until a [`Screen`] says how wide a page is, and whether it has colours.

mod advice;
mod allocation;
mod benchmark;
pub mod chart;
mod compare;
mod curve;
mod design;
mod dry_run;
mod explain;
mod fit;
mod forecast;
mod gain;
mod inert;
mod kinds;
mod lists;
mod mix;
mod number;
mod one_quantity;
mod page;
mod plan;
mod predict;
mod recipe;
mod recommendation;
mod runs;
mod save;
mod screen;
mod serving;
mod sparkline;
mod style;
mod survey;
mod sweep;
mod sweep_tuning;
mod table;
mod talk;
mod text;
mod tune;
mod uncertainty;
mod unseen;
mod verdict;

pub use advice::advice_text;
pub use allocation::{approaches_table, decision_table, refusals_text, valley_table};
pub use benchmark::{benchmark_table, benchmark_text, target_text, two_step_table};
pub use chart::{
    Chart, CostAxis, CostUnitOfServing, FamilyMember, HeldOutError, ServedCost, Size,
    comparison_chart, compression_chart, compression_of_laws_chart, design_chart, family_chart,
    frontier_chart, frontier_of_laws_chart, gain_chart, held_out_errors_chart, loss_curves_chart,
    plane_chart, plane_of_laws_chart, rates_chart, render_png, render_svg, served_costs_chart,
    serving_chart, serving_frontier_chart, talk_chart, trade_off_chart, validation_chart,
    valleys_chart,
};
pub use compare::comparison_table;
pub use curve::{curve_csv, curve_table, curve_text, family_csv, family_table};
pub use design::{design_table, design_text};
pub use dry_run::{dry_run_table, dry_run_text};
pub use explain::{
    continued_text, decomposition_text, explanation_intervals_text, explanation_text,
};
pub use fit::{
    certificate_text, diagnostics_text, fit_table, flop_count_text, minima_table, objective_text,
};
pub use forecast::{curve_fit_table, forecast_text, hindsight_table, loss_curve_text};
pub use gain::gain_text;
#[cfg(feature = "cli")]
pub(crate) use inert::{inert, inert_json};
pub use kinds::{Kind, kinds_table};
pub use lists::{
    devices_table, families_table, laws_table, models_table, published_benchmarks_table,
};
pub use mix::{domain_tokens_table, mix_text, mixtures_csv};
pub use number::dollars;
pub use one_quantity::{one_quantity_needed_text, one_quantity_predictions, one_quantity_text};
pub use page::{
    Block, Card, CardOf, Cell, Fact, Figure, Link, Measure, Other, PAGE_SCHEMA, Page, Picture,
    Section, Sheet, Source, Tone, WarningGroup, sentence, warning_groups,
};
pub use plan::{Detail, every_row_table, plan_tables, serving_frontier_table, what_if_table};
pub use predict::{prediction_csv, prediction_table, quantile_table};
pub use recipe::{model_config, recipe_answer, recipe_text};
pub use recommendation::{across_table, designs_table, recommendation_text, refused_designs_text};
pub use runs::{files_table, left_out_text, runs_csv, runs_table};
pub use save::{Format, Saved, check_extensions, json_text, save, saved_bytes};
pub use screen::{Screen, wrapped};
pub use serving::{
    serving_accuracy_text, serving_answer, serving_price_text, serving_table, serving_title,
};
pub use sparkline::sparkline;
pub use style::Style;
pub use survey::{left_out_list, usable_text};
pub use sweep::{next_runs_text, sweep_line, sweep_table, sweep_text};
pub use sweep_tuning::{sweep_tuning_table, sweep_tuning_text};
pub use table::Table;
pub use talk::{findings_table, systems_table};
pub use text::Text;
pub use tune::{cells_table, tuning_table, tuning_text};
pub use uncertainty::{regret_table, spread_table};
pub use unseen::{
    backtest_table, backtest_text, extrapolation_text, groups_table, groups_text, held_out_table,
    held_out_text, predicted_runs_table, ranking_table, ranking_text, rollout_table, rollout_text,
    stack_text, verdict_lines, verdict_sentences,
};
pub use verdict::verdict_text;
