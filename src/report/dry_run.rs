//! What a sweep will take: totals, stages, a row for each run, the learning rate.

use super::sparkline::sparkline;
use super::sweep::time;
use super::table::Table;
use super::text::Text;
use crate::sweep::{DryRun, ExpectedRun, Speed, Stage, short_bytes};
use crate::units::short_count;

/// Bars of a learning-rate curve.
const BARS: usize = 60;

/// Totals first, then doubts, stages, curves and runs, at most `most` of each table.
#[must_use]
pub fn dry_run_text(dry: &DryRun, most: usize) -> Text {
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
    // Repeats are seeds of the cells of the design, which say how many they have.
    let mut left_out = 0;
    for stage in [Stage::Tune, Stage::Main, Stage::Check] {
        let (table, more) = dry_run_table(dry, stage).first_rows(most);
        left_out += more;
        if !table.rows.is_empty() {
            text.apart(table);
        }
    }
    if left_out > 0 {
        text.push_str(&format!("and {left_out} rows more\n"));
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

/// Characters of the longest name beside which D/N and memory have room. Names say the budget.
const SHORT_NAME: usize = 22;

/// A row for each cell of a stage, with the number of its seeds; the design with its repeats.
#[must_use]
pub fn dry_run_table(dry: &DryRun, stage: Stage) -> Table {
    let is_here = |run: &&ExpectedRun| {
        run.stage == stage || (stage == Stage::Main && run.stage == Stage::Repeats)
    };
    let prefix = format!("{stage}-");
    // Runs that differ in their seed alone, in the order of the first.
    let mut cells: Vec<(&str, Vec<&ExpectedRun>)> = Vec::new();
    for run in dry.runs.iter().filter(is_here) {
        let name = run.run.rsplit_once("-s").map_or(run.run.as_str(), |(cell, _)| cell);
        let name = name.strip_prefix(&prefix).unwrap_or(name);
        match cells.iter_mut().find(|(other, _)| *other == name) {
            Some((_, runs)) => runs.push(run),
            None => cells.push((name, vec![run])),
        }
    }
    let longest = cells.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let all = longest <= SHORT_NAME;
    let mut columns = vec!["cell", "seeds", "N", "D", "D/N", "lr", "batch", "steps", "MB", "s"];
    columns.retain(|column| all || !["D/N", "MB"].contains(column));
    let mut table = Table::new(title(stage), &columns);
    for (name, runs) in cells {
        let run = runs[0];
        let mut row = vec![
            name.to_owned(),
            runs.len().to_string(),
            short_count(run.n_params_active.get()),
            short_count(run.tokens.get()),
        ];
        row.extend(all.then(|| short_count(run.tokens_per_param)));
        row.extend([
            format!("{:.1e}", run.lr),
            run.batch_sequences.to_string(),
            run.steps.to_string(),
        ]);
        row.extend(all.then(|| format!("{:.0}", run.memory_bytes / 1e6)));
        row.push(format!("{:.0}", run.seconds));
        table.rows.push(row);
    }
    table
}

fn title(stage: Stage) -> &'static str {
    match stage {
        Stage::Tune => "Tune: rates and batches at small cells",
        Stage::Main => "Main: the design, with further seeds where they pay",
        Stage::Repeats => "Repeats: seeds of the smallest cell and of the floors",
        Stage::Check => "Check: the tuned rate at a large cell",
    }
}

fn speed_text(speed: &Speed) -> String {
    match speed.measured_rows {
        0 => "time: an assumption, one thread of the machine behind the shipped data: 24 GFLOP/s at 50k parameters rising to 60, half a millisecond for each layer and step; the first rows of the sweep replace it".to_owned(),
        rows => format!(
            "time: from {rows} runs that ended here, {:.1} times as long as on the machine behind the shipped data",
            1.0 / speed.over_assumed
        ),
    }
}
