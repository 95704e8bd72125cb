//! Predictions of runs outside the fit: held out, left out in groups, farther out, backtested.

use super::number::{
    between, flops, interval_header, loss, number, or_dash, outside_cell, share_of,
};
use super::sparkline::sparkline;
use super::style::Style;
use super::table::Table;
use super::text::Text;
use crate::fit::{
    AllocationRule, Backtest, Extrapolation, FutureAxis, GroupsLeftOut, HeldOut, Outcome,
    PredictedRun, Ranking, Rollout, Stack, Verdict, no_intervals,
};
use crate::num::Interval;
use crate::units::short_count;

/// Most rows of a table of groups or held-out runs.
const MOST_ROWS: usize = 12;

/// An error as a signed percentage with two decimals.
fn error(fraction: f64) -> String {
    format!("{:+.2} %", 100.0 * fraction)
}

/// The size of an error as a percentage with two decimals.
fn size(fraction: f64) -> String {
    format!("{:.2} %", 100.0 * fraction)
}

/// Whether the law may be believed beyond its runs, and what intervals there carry.
///
/// - `law`: its id.
#[must_use]
pub fn extrapolation_text(cost: &Extrapolation, law: &str) -> String {
    let percent = |x: f64| format!("{:.1} %", 100.0 * x);
    let source = match cost.fits.len() {
        0 => "as laws of other runs: these have no nearer part to fit".to_owned(),
        1 => "by a fit of the nearer runs, tested on the others".to_owned(),
        n => format!("by {n} fits of the nearer runs, tested on the others"),
    };
    let mut text = format!(
        "beyond the runs: {}\n  \
         intervals carry what extrapolation costs: ±{} of the loss at ten times the compute, \
         for which the law promises {} less ({source})\n",
        cost.reach,
        percent(cost.tenfold.exp_m1()),
        percent(-(-cost.gain).exp_m1()),
    );
    if let (Some(rival), Some(own)) = (cost.better(), cost.error) {
        text.push_str(&format!(
            "  {} missed those others by {}, {law} by {}\n",
            rival.surface.law().id(),
            percent(rival.error.unwrap_or(f64::NAN)),
            percent(own),
        ));
    }
    text
}

/// Held-out runs: the summary, then the runs farthest out.
///
/// - `level`: of the intervals, as 0.95.
#[must_use]
pub fn held_out_text(held: &HeldOut, level: f64) -> Text {
    let mut text = Text::from(format!(
        "held out {} ({} runs): mean |error| {:.4} %, largest {:.4} %, bias {:+.4} %\n",
        held.condition,
        held.n_points,
        100.0 * held.mean_abs_error,
        100.0 * held.max_abs_error,
        100.0 * held.bias,
    ));
    if let Some(covered) = held.covered {
        text.push_str(&format!(
            "{covered} of {} inside their {:.0} % interval for a new run\n",
            held.n_points,
            100.0 * level
        ));
    }
    text.push(held_out_table(held));
    text
}

/// Held-out runs, farthest first, with how far outside the fitted ones each lies.
#[must_use]
pub fn held_out_table(held: &HeldOut) -> Table {
    let shown = held.runs.len().min(MOST_ROWS);
    let title = format!("the {shown} farthest of {} held-out runs", held.runs.len());
    let columns = ["C", "N", "D/N", "loss", "predicted", "error", "interval", "outside by"];
    let mut table = Table::new(title, &columns);
    let mut runs: Vec<_> = held.runs.iter().collect();
    runs.sort_by(|a, b| b.distance().total_cmp(&a.distance()));
    for predicted in runs.into_iter().take(MOST_ROWS) {
        let run = &predicted.run;
        table.push([
            &*run.c.to_string(),
            &run.n.to_string(),
            &number(run.d / run.n),
            &loss(run.loss_nats),
            &loss(predicted.predicted_nats),
            &error(predicted.error),
            &between(predicted.interval.as_ref(), |x| format!("{x:.3}")),
            &outside_cell(&predicted.outside),
        ]);
    }
    table
}

/// Each group of runs predicted from the others, and the groups that could not be left out.
#[must_use]
pub fn groups_text(groups: &GroupsLeftOut) -> Text {
    let mut text = Text::from(groups_table(groups));
    for (group, reason) in &groups.skipped {
        text.push_str(&format!("not left out: {group}: {reason}\n"));
    }
    text
}

/// Each group of runs predicted from the others, worst first.
#[must_use]
pub fn groups_table(groups: &GroupsLeftOut) -> Table {
    let shown = groups.folds.len().min(MOST_ROWS);
    let title = format!(
        "{}, each group by {} left out once: mean |error| {}, bias {}{}; the worst {shown} of {}",
        groups.law,
        groups.by,
        size(groups.mean_abs_error),
        error(groups.bias),
        groups
            .coverage
            .map_or(String::new(), |c| format!(", {:.0} % inside their interval", 100.0 * c)),
        groups.folds.len(),
    );
    let columns = ["group", "runs", "mean |error|", "bias", "inside", "outside the others by"];
    let mut table = Table::new(title, &columns);
    for fold in groups.folds.iter().take(MOST_ROWS) {
        let distance = match fold.distance {
            d if d <= 1.0 => "inside".to_owned(),
            d => format!("{d:.1}x"),
        };
        table.push([
            &*fold.group,
            &fold.n_points.to_string(),
            &size(fold.mean_abs_error),
            &error(fold.bias),
            &share_of(fold.covered, fold.n_points),
            &distance,
        ]);
    }
    table
}

/// The steps of a rollout, nearest first, and how its errors grow.
#[must_use]
pub fn rollout_text(rollout: &Rollout) -> Text {
    let mut text = Text::from(rollout_table(rollout));
    let errors: Vec<f64> = rollout.folds.iter().map(|fold| fold.mean_abs_error).collect();
    if let [_, _, .., last] = errors.as_slice() {
        text.push_str(&format!(
            " {}  mean |error| step by step, at last {}\n",
            sparkline(&errors, 60),
            size(*last)
        ));
    }
    text
}

/// The steps of a rollout, nearest first.
#[must_use]
pub fn rollout_table(rollout: &Rollout) -> Table {
    let axis = rollout.axis;
    let (to, tested) = (format!("fitted to {axis}"), format!("tested {axis}"));
    let columns = [&*to, "runs", &*tested, "runs", "mean |error|", "bias", "inside", "certified"];
    let title = format!("{}: larger {axis} predicted from smaller", rollout.law);
    let mut table = Table::new(title, &columns);
    // Compute is read as a power of ten, counts as 7B, a ratio as it is.
    let count = |x: f64| match axis {
        FutureAxis::C => flops(x),
        FutureAxis::N | FutureAxis::D => short_count(x),
        FutureAxis::TokensPerParam => number(x),
    };
    for fold in &rollout.folds {
        table.push([
            &*count(fold.fitted_to),
            &fold.n_fitted.to_string(),
            &format!("{} to {}", count(fold.tested.lo), count(fold.tested.hi)),
            &fold.n_points.to_string(),
            &size(fold.mean_abs_error),
            &error(fold.bias),
            &share_of(fold.covered, fold.n_points),
            if fold.certified { "yes" } else { "no" },
        ]);
    }
    table
}

/// Laws by held-out error, and those that could not be ranked.
#[must_use]
pub fn ranking_text(ranking: &Ranking) -> Text {
    let mut text = Text::from(ranking_table(ranking));
    for law in &ranking.unranked {
        text.push_str(&format!("not ranked: {}: {}\n", law.law, law.reason));
    }
    text
}

/// What each law of a stack weighs, and what they do together.
#[must_use]
pub fn stack_text(stack: &Stack) -> String {
    let parts: Vec<String> =
        stack.members.iter().map(|m| format!("{} {:.2}", m.law, m.weight)).collect();
    let alone = stack.members.iter().map(|m| m.mean_abs_error).fold(f64::INFINITY, f64::min);
    format!(
        "weighed by those runs: {}; their weighted mean errs by {:.3} % there, the best of them by {:.3} %\n",
        parts.join(", "),
        100.0 * stack.mean_abs_error,
        100.0 * alone,
    )
}

/// Laws by held-out error.
#[must_use]
pub fn ranking_table(ranking: &Ranking) -> Table {
    let title = format!("laws by their error on held-out runs of larger {}", ranking.axis);
    let columns = ["law", "mean |error|", "largest", "bias", "inside", "behind the best by"];
    let mut table = Table::new(title, &columns);
    for (place, law) in ranking.laws.iter().enumerate() {
        let r = &law.rollout;
        let points = |i: &Interval| format!("{:+.2} to {:+.2} points", 100.0 * i.lo, 100.0 * i.hi);
        let behind = match &law.behind {
            _ if place == 0 => "best".to_owned(),
            Some(i) if law.tied_with_best => format!("{}: a tie", points(i)),
            Some(i) => points(i),
            None => "too few steps".to_owned(),
        };
        let behind = match law.has_optimum {
            true => behind,
            false => format!("{behind}; no optimum"),
        };
        table.push([
            &*r.law,
            &format!("{:.3} %", 100.0 * r.mean_abs_error),
            &size(r.max_abs_error),
            &error(r.bias),
            &or_dash(r.coverage.map(|c| format!("{:.0} %", 100.0 * c))),
            &behind,
        ]);
    }
    table
}

/// Predictions beside outcomes.
#[must_use]
pub fn backtest_table(test: &Backtest) -> Table {
    predicted_runs_table(test.runs.iter().map(|r| (r.run.run.as_str(), r)), test.level)
}

/// Runs beside their predictions, a row each: (name, run). A mark stands behind a loss outside its
/// interval.
///
/// - `level`: of the intervals, as 0.95.
#[must_use]
pub fn predicted_runs_table<'a>(
    runs: impl Iterator<Item = (&'a str, &'a PredictedRun)>,
    level: f64,
) -> Table {
    let level = interval_header(level);
    let columns =
        ["run", "N (params)", "D (tokens)", "predicted", &level, "actual (nats)", "error"];
    let mut table = Table::new("", &columns);
    for (name, r) in runs {
        let inside = r.interval.map_or("", |i| if i.contains(r.run.loss_nats) { "" } else { " !" });
        table.push([
            name,
            &r.run.n.to_string(),
            &r.run.d.to_string(),
            &loss(r.predicted_nats),
            &between(r.interval.as_ref(), loss),
            &format!("{}{inside}", loss(r.run.loss_nats)),
            &error(r.error),
        ]);
    }
    table
}

/// How many runs lie inside their intervals, where there are any.
pub(super) fn inside(test: &Backtest, runs_inside: &str) -> String {
    let Some(covered) = test.covered else {
        return test.fit.as_deref().map_or_else(|| "no intervals".to_owned(), no_intervals);
    };
    let all = test.coverage.map_or(test.runs.len(), |c| c.runs);
    format!("{covered} of {all} {runs_inside} their {:.0} % interval", 100.0 * test.level)
}

/// A verdict: what it is and why, and what to run next.
#[must_use]
pub fn verdict_lines(verdict: &Verdict) -> Text {
    let style = match verdict.outcome {
        Outcome::Holds => Style::Good,
        Outcome::Fails => Style::Bad,
        Outcome::CannotTell => Style::Doubt,
    };
    let outcome = style.mark(&verdict.outcome.to_string());
    let mut text = Text::default();
    text.paragraph(&format!("{outcome}: {}", verdict.reason), 2);
    text.paragraph(&format!("  next: {}", verdict.next), 4);
    text
}

/// The verdict on the largest budget, and each of its runs.
#[must_use]
pub fn backtest_text(test: &Backtest) -> Text {
    let fitted: Vec<String> = test.fitted_flops.iter().map(ToString::to_string).collect();
    let mut text = verdict_lines(&test.verdict);
    text.push_str(&format!(
        "held-out runs at {} FLOPs, predicted from {} runs at {} FLOPs\n",
        test.budget,
        test.n_fitted,
        fitted.join(", "),
    ));
    text.push_str(&format!(
        "mean |error| {}, largest {}, bias {}; {}\n",
        size(test.mean_abs_error),
        size(test.max_abs_error),
        error(test.bias),
        inside(test, "runs inside"),
    ));
    text.push_str(&(verdict_sentences(test).join("\n") + "\n"));
    let mut table = backtest_table(test);
    // Without their units, which the suffixes of the numbers imply, the columns fit a page.
    for (column, name) in [(1, "N"), (2, "D")] {
        name.clone_into(&mut table.columns[column]);
    }
    text.apart(table);
    text
}

/// Which rule chose the best size at the largest budget, by the runs trained there.
#[must_use]
pub fn verdict_sentences(test: &Backtest) -> Vec<String> {
    let mut sentences: Vec<String> = test
        .choices
        .iter()
        .map(|c| match (c.loss_nats, c.excess_nats) {
            (Some(loss), Some(excess)) => format!(
                "{} chooses {} parameters: measured loss there {loss:.4} nats, {excess:.4} above the minimum of the isoFLOP profile",
                c.rule, c.n
            ),
            _ => format!("{} chooses {} parameters, outside the sizes trained", c.rule, c.n),
        })
        .collect();
    match (test.winner(), test.valley.as_ref().and_then(|v| v.n)) {
        (Some(best), Some(optimum)) => {
            sentences.push(format!(
                "lowest measured loss at {} FLOPs: {} (measured optimum {optimum} parameters)",
                test.budget, best.rule
            ));
            let close = |c: &&AllocationRule| {
                c.loss_nats.zip(best.loss_nats).is_some_and(|(l, b)| l - b < test.scatter_nats)
            };
            let tied = test.choices.iter().skip(1).filter(close).count();
            if tied > 0 {
                sentences.push(format!(
                    "single runs scatter by {:.4} nats around the law, and {tied} of the other choices are within that noise: repeat runs with other seeds to decide",
                    test.scatter_nats
                ));
            }
        }
        _ => sentences.push(format!(
            "no winner at {} FLOPs: its runs do not bracket an optimum",
            test.budget
        )),
    }
    sentences
}
