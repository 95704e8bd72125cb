//! What a sweep will take: totals, stages, a row for each run, the learning rate.

use super::sparkline::sparkline;
use super::sweep::time;
use super::table::Table;
use super::text::Text;
use crate::sweep::{DryRun, ExpectedRun, Speed, Stage, short_bytes};
use crate::units::short_count;

/// Bars of a learning-rate curve.
const BARS: usize = 60;

/// Totals first, then doubts, stages, curves and runs.
#[must_use]
pub fn dry_run_text(dry: &DryRun) -> Text {
    let mut text = Text::default();
    let left = dry.runs.iter().filter(|run| !run.ended).count();
    let of = if left < dry.runs.len() {
        format!("{left} of {}", dry.runs.len())
    } else {
        left.to_string()
    };
    text.paragraph(
        &format!(
            "{}: {of} runs to train, {} FLOPs in all, about {} with {} at a time, {} of memory",
            dry.sweep,
            dry.flops,
            time(3600.0 * dry.hours),
            dry.jobs,
            short_bytes(dry.memory_bytes),
        ),
        2,
    );
    text.paragraph(&speed_text(&dry.speed), 2);
    if dry.doubts.is_empty() {
        let budgets =
            if dry.budgets > 0 { format!("{} budgets, ", dry.budgets) } else { String::new() };
        text.paragraph(&format!("design: {budgets}D/N over a factor of {:.0}", dry.ratio_span), 2);
    }
    for doubt in &dry.doubts {
        text.paragraph(&format!("warning: {doubt}"), 2);
    }
    text.apart(stages(dry));
    let mut curves = String::new();
    for curve in &dry.schedules {
        let rates: Vec<f64> = curve.points.iter().map(|p| p.1).collect();
        let name = format!("{:?}", curve.schedule).to_lowercase();
        curves.push_str(&format!("{name:<8}{}\n", sparkline(&rates, BARS)));
    }
    if !curves.is_empty() {
        text.apart(Text::from(format!("Learning rate over the steps\n{curves}")));
    }
    for stage in &dry.stages {
        text.apart(dry_run_table(dry, stage.stage));
    }
    text
}

fn stages(dry: &DryRun) -> Table {
    let mut table =
        Table::new("Stages", &["stage", "runs", "ended", "FLOPs", "hours, one at a time"]);
    for stage in &dry.stages {
        table.push([
            &stage.stage.to_string(),
            &stage.runs.to_string(),
            &stage.ended.to_string(),
            &stage.flops.to_string(),
            &format!("{:.2}", stage.run_hours),
        ]);
    }
    table
}

/// Characters of the longest name beside which FLOPs have room; longer names say the budget themselves.
const SHORT_NAME: usize = 18;

/// A row for each run of a stage.
#[must_use]
pub fn dry_run_table(dry: &DryRun, stage: Stage) -> Table {
    let runs: Vec<&ExpectedRun> = dry.runs.iter().filter(|run| run.stage == stage).collect();
    let prefix = format!("{stage}-");
    let name = |run: &ExpectedRun| run.run.strip_prefix(&prefix).unwrap_or(&run.run).to_owned();
    let longest = runs.iter().map(|run| name(run).chars().count()).max().unwrap_or(0);
    let with_flops = longest <= SHORT_NAME;
    let mut columns = vec!["run", "N", "D", "D/N", "FLOPs", "lr", "batch", "steps", "MB", "s"];
    columns.retain(|column| with_flops || *column != "FLOPs");
    let mut table = Table::new(title(stage), &columns);
    for run in runs {
        let flops = with_flops.then(|| run.flops.to_string());
        let before = [
            name(run),
            short_count(run.n_params_active.get()),
            short_count(run.tokens.get()),
            short_count(run.tokens_per_param),
        ];
        let after = [
            format!("{:.1e}", run.lr),
            run.batch_sequences.to_string(),
            run.steps.to_string(),
            format!("{:.0}", run.memory_bytes / 1e6),
            format!("{:.0}", run.seconds),
        ];
        table.rows.push(before.into_iter().chain(flops).chain(after).collect());
    }
    table
}

fn title(stage: Stage) -> &'static str {
    match stage {
        Stage::Tune => "Tune: rates and batches at small cells",
        Stage::Main => "Main: the design",
        Stage::Repeats => "Repeats: seeds of the smallest cell and of the floors",
        Stage::Check => "Check: the tuned rate at a large cell",
    }
}

fn speed_text(speed: &Speed) -> String {
    let at_50k = 24.0 * speed.over_assumed;
    match speed.measured_rows {
        0 => format!(
            "speed: an assumption, {at_50k:.0} GFLOP/s at 50k parameters rising to 60, one thread of the machine behind the shipped data; the first rows of the sweep replace it"
        ),
        rows => format!(
            "speed: from {rows} runs that ended here, {at_50k:.0} GFLOP/s at 50k parameters"
        ),
    }
}
