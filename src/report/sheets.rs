//! The tables of fits, benchmark laws, forecasts and validation.

use super::sheet::Sheet;
use crate::fit::{
    Approaches, Backtest, BenchmarkFit, Decision, Fit, Forecast, FutureAxis, GroupsLeftOut,
    HeldOut, Ranking, Rollout, Valley,
};
use crate::law::{Benchmark, TwoStepPrediction, curve_forms};
use crate::num::Interval;
use crate::units::{Flops, short_count};

/// Four significant digits, or scientific where that is shorter.
pub(super) fn number(x: f64) -> String {
    if x == 0.0 {
        return "0".to_owned();
    }
    let magnitude = x.abs().log10().floor();
    if (-4.0..6.0).contains(&magnitude) {
        let decimals = (3.0 - magnitude).clamp(0.0, 8.0) as usize;
        format!("{x:.decimals$}")
    } else {
        format!("{x:.3e}")
    }
}

pub(super) fn percent(fraction: f64) -> String {
    let x = 100.0 * fraction;
    if x.abs() < 1000.0 { format!("{x:+.1} %") } else { format!("{x:+.2e} %") }
}

fn between(interval: Option<&Interval>, show: impl Fn(f64) -> String) -> String {
    interval.map_or_else(|| "-".to_owned(), |i| format!("{} to {}", show(i.lo), show(i.hi)))
}

/// Coefficients, exponents and the ratio with intervals and standard deviations.
#[must_use]
pub fn fit_sheet(fit: &Fit) -> Sheet {
    let level = format!("{:.0} % interval", 100.0 * fit.level);
    let mut sheet = Sheet::new("", &["quantity", "estimate", &level, "bootstrap SD", "unit"]);
    let mut push = |name: &str, label: &str, value: f64, unit: &str| {
        // The exponent of a law with one exponent is the same in all draws but for rounding.
        let varies = |s: &&f64| **s > 1e-10 * value.abs();
        let sd = fit.std_errors.get(name).filter(varies);
        let sd = sd.map_or_else(|| "-".to_owned(), |s| number(*s));
        let held = fit.config.fixed.contains_key(name);
        let interval = match fit.intervals.get(name) {
            _ if held => "held".to_owned(),
            interval => between(interval, number),
        };
        sheet.push([label, &number(value), &interval, &sd, unit]);
    };
    for coef in fit.surface.law().coefs() {
        let value = fit.coefficients.get(coef.name).copied().unwrap_or(f64::NAN);
        push(coef.name, coef.name, value, coef.unit);
    }
    if let Some(a) = &fit.allocation {
        push("n_exponent", "N* exponent a", a.n_exponent, "N* ∝ C^a");
        push("d_exponent", "D* exponent b", a.d_exponent, "D* ∝ C^b");
        let unit = format!("at {} FLOPs", a.reference_flops);
        push("tokens_per_param", "D*/N*", a.tokens_per_param, &unit);
    }
    sheet
}

/// Coefficients of a benchmark law.
#[must_use]
pub fn benchmark_sheet(benchmark: &dyn Benchmark, fit: &BenchmarkFit) -> Sheet {
    let level = format!("{:.0} % interval", 100.0 * fit.level);
    let mut sheet = Sheet::new("", &["coefficient", "estimate", &level, "bootstrap SD", "unit"]);
    for coef in benchmark.coefs() {
        let sd = fit.std_errors.get(coef.name).map_or_else(|| "-".to_owned(), |s| number(*s));
        let interval = between(fit.intervals.get(coef.name), number);
        sheet.push([coef.name, &number(fit.coefficients[coef.name]), &interval, &sd, coef.unit]);
    }
    sheet
}

/// Coefficients of a law of loss curves.
#[must_use]
pub fn curve_fit_sheet(forecast: &Forecast) -> Sheet {
    let level = format!("{:.0} % interval", 100.0 * forecast.level);
    let mut sheet = Sheet::new("", &["coefficient", "estimate", &level, "bootstrap SD"]);
    let form = curve_forms().iter().find(|f| f.id() == forecast.law);
    for coef in form.iter().flat_map(|f| f.coefs()) {
        let sd = forecast.std_errors.get(coef.name).map_or_else(|| "-".to_owned(), |s| number(*s));
        let interval = between(forecast.intervals.get(coef.name), number);
        sheet.push([coef.name, &number(forecast.coefficients[coef.name]), &interval, &sd]);
    }
    sheet
}

/// Forecasts of the last known window from less of the curve.
#[must_use]
pub fn hindsight_sheet(forecast: &Forecast) -> Sheet {
    let level = format!("{:.0} % interval", 100.0 * forecast.level);
    let columns = ["known to step", "forecast", &level, "came", "error", "inside"];
    let title = "in hindsight: the last known loss, foreseen from less of the curve";
    let mut sheet = Sheet::new(title, &columns);
    for h in &forecast.hindsight {
        let inside = h.interval.map(|i| if i.contains(h.actual) { "yes" } else { "no" });
        sheet.push([
            &*h.known_until.to_string(),
            &format!("{:.4}", h.forecast),
            &between(h.interval.as_ref(), |x| format!("{x:.4}")),
            &format!("{:.4}", h.actual),
            &format!("{:+.2} %", 100.0 * (h.forecast / h.actual - 1.0)),
            inside.unwrap_or("-"),
        ]);
    }
    sheet
}

/// Errors predicted in two steps.
#[must_use]
pub fn two_step_sheet(predictions: &[TwoStepPrediction], level: f64) -> Sheet {
    let level = format!("{:.0} % interval", 100.0 * level);
    let columns = ["law of loss", "N", "D", "loss", "error", &level];
    let mut sheet = Sheet::new("in two steps", &columns);
    for p in predictions {
        sheet.push([
            &*p.law,
            &p.params.to_string(),
            &p.tokens.to_string(),
            &format!("{:.4}", p.loss),
            &format!("{:.4}", p.error),
            &between(p.interval.as_ref(), |x| format!("{x:.4}")),
        ]);
    }
    sheet
}

/// How far outside the fitted runs something lies, in words.
fn distance(outside: &std::collections::BTreeMap<String, f64>) -> String {
    let words: Vec<String> =
        outside.iter().map(|(name, factor)| format!("{name} {factor:.1}x")).collect();
    if words.is_empty() { "inside".to_owned() } else { words.join(", ") }
}

/// What to do at each budget, one quantity a row.
#[must_use]
pub fn decision_sheet(decisions: &[Decision], level: f64) -> Sheet {
    let level = format!("{:.0} % interval", 100.0 * level);
    let title = "what the law says to do";
    let mut sheet = Sheet::new(title, &["budget", "quantity", "estimate", &level, "unit"]);
    for decision in decisions {
        let flops = |x: f64| Flops::new(x).to_string();
        type Shown<'a> = (&'a str, &'a str, f64, &'a dyn Fn(f64) -> String, &'a str);
        let rows: [Shown; 6] = [
            ("N*", "params", decision.n.get(), &short_count, "parameters"),
            ("D*", "tokens", decision.d.get(), &short_count, "tokens"),
            ("D*/N*", "tokens_per_param", decision.tokens_per_param, &number, ""),
            ("loss", "loss", decision.loss_nats, &number, "nats per token"),
            ("loss of one run", "new_run", decision.loss_nats, &number, "nats per token"),
            ("cost of that loss", "flops_for_loss", decision.c.get(), &flops, "FLOPs"),
        ];
        let budget = format!("{}, {}", decision.c, distance(&decision.outside));
        for (i, (label, name, value, show, unit)) in rows.into_iter().enumerate() {
            let interval = between(decision.intervals.get(name), show);
            let budget = if i == 0 { &*budget } else { "" };
            sheet.push([budget, label, &show(value), &interval, unit]);
        }
    }
    sheet
}

/// The frontiers of Hoffmann's approaches.
#[must_use]
pub fn approaches_sheet(approaches: &Approaches) -> Sheet {
    let level = format!("{:.0} %", 100.0 * approaches.level);
    let targets = approaches.approaches.iter().find(|a| !a.predicted.is_empty());
    let last = targets.and_then(|a| a.predicted.get(1)).map_or(String::new(), |p| p.c.to_string());
    let (of_a, n, of_n) = (format!("a, {level}"), format!("N* at {last}"), format!("N*, {level}"));
    let title = "three approaches to N* ∝ C^a";
    let mut sheet = Sheet::new(title, &["approach", "points", "a", &of_a, &n, &of_n]);
    for approach in &approaches.approaches {
        let predicted = approach.predicted.get(1);
        let or_dash = |x: Option<String>| x.unwrap_or_else(|| "-".to_owned());
        let points = match approach.measured.len() {
            0 => "-".to_owned(),
            n => n.to_string(),
        };
        sheet.push([
            &*approach.name,
            &points,
            &or_dash(approach.n_exponent.map(number)),
            &between(approach.interval.as_ref(), number),
            &or_dash(predicted.map(|p| p.n.to_string())),
            &between(predicted.and_then(|p| p.interval.as_ref()), short_count),
        ]);
    }
    sheet
}

/// Most rows of a table of groups or held-out runs.
const MOST_ROWS: usize = 12;

/// Each group of runs predicted from the others, worst first.
#[must_use]
pub fn groups_sheet(groups: &GroupsLeftOut) -> Sheet {
    let shown = groups.folds.len().min(MOST_ROWS);
    let title = format!(
        "{} by {}, each left out once: mean |error| {:.2} %, bias {:+.2} %{}; the worst {shown} of {}",
        groups.law,
        groups.by,
        100.0 * groups.mean_abs_error,
        100.0 * groups.bias,
        groups.coverage.map_or(String::new(), |c| format!(", {:.0} % inside", 100.0 * c)),
        groups.folds.len(),
    );
    let columns = ["group", "runs", "mean |error|", "bias", "inside", "outside the others by"];
    let mut sheet = Sheet::new(title, &columns);
    for fold in groups.folds.iter().take(MOST_ROWS) {
        let distance = match fold.distance {
            d if d <= 1.0 => "inside".to_owned(),
            d => format!("{d:.1}x"),
        };
        sheet.push([
            &*fold.group,
            &fold.n_points.to_string(),
            &format!("{:.2} %", 100.0 * fold.mean_abs_error),
            &format!("{:+.2} %", 100.0 * fold.bias),
            &fold.covered.map_or_else(|| "-".to_owned(), |k| format!("{k} of {}", fold.n_points)),
            &distance,
        ]);
    }
    sheet
}

/// Held-out runs, farthest first, with how far outside the fitted ones each lies.
#[must_use]
pub fn held_out_sheet(held: &HeldOut) -> Sheet {
    let shown = held.runs.len().min(MOST_ROWS);
    let title = format!("the {shown} farthest of {} held-out runs", held.runs.len());
    let columns = ["C", "N", "D/N", "loss", "predicted", "error", "interval", "outside by"];
    let mut sheet = Sheet::new(title, &columns);
    let mut runs: Vec<_> = held.runs.iter().collect();
    runs.sort_by(|a, b| b.distance().total_cmp(&a.distance()));
    for predicted in runs.into_iter().take(MOST_ROWS) {
        let run = &predicted.run;
        sheet.push([
            &*run.c.to_string(),
            &run.n.to_string(),
            &number(run.d / run.n),
            &format!("{:.4}", run.loss_nats),
            &format!("{:.4}", predicted.predicted_nats),
            &format!("{:+.2} %", 100.0 * predicted.error),
            &between(predicted.interval.as_ref(), |x| format!("{x:.3}")),
            &distance(&predicted.outside),
        ]);
    }
    sheet
}

/// Profile likelihood intervals beside the estimates.
#[must_use]
pub fn profile_sheet(fit: &Fit) -> Sheet {
    let level = format!("{:.0} % interval", 100.0 * fit.level);
    let mut sheet = Sheet::new("profile likelihood", &["coefficient", "estimate", &level]);
    for profile in &fit.profiles {
        let end = |x: Option<f64>| x.map_or_else(|| "no limit".to_owned(), number);
        let interval = format!("{} to {}", end(profile.lo), end(profile.hi));
        sheet.push([&*profile.coef, &number(fit.coefficients[&profile.coef]), &interval]);
    }
    sheet
}

/// Every minimum of a fit that found several, with the coefficients in which they differ.
#[must_use]
pub fn minima_sheet(fit: &Fit) -> Sheet {
    let title = format!("{} local minima, lowest first", fit.minima.len());
    let columns = ["objective", "above the lowest", "starts", "where they differ"];
    let mut sheet = Sheet::new(title, &columns);
    let Some(lowest) = fit.minima.first() else { return sheet };
    let differs = |name: &&str| {
        let here = lowest.coefficients[*name];
        fit.minima.iter().any(|m| (m.coefficients[*name] / here - 1.0).abs() > 1e-3)
    };
    let names = fit.surface.law().coefs().iter().map(|c| c.name);
    let names: Vec<&str> = names.filter(differs).collect();
    for minimum in &fit.minima {
        let place: Vec<String> = names
            .iter()
            .map(|name| format!("{name} {}", number(minimum.coefficients[*name])))
            .collect();
        sheet.push([
            &*format!("{:.9e}", minimum.objective),
            &format!("{:.4} %", 100.0 * (minimum.objective / lowest.objective - 1.0)),
            &minimum.starts.to_string(),
            &place.join(", "),
        ]);
    }
    sheet
}

/// The steps of a rollout, nearest first.
#[must_use]
pub fn rollout_sheet(rollout: &Rollout) -> Sheet {
    let axis = rollout.axis;
    let (to, tested) = (format!("fitted to {axis}"), format!("tested {axis}"));
    let columns = [&*to, "runs", &*tested, "runs", "mean |error|", "bias", "inside", "certified"];
    let mut sheet = Sheet::new(format!("{} by {axis}, future left out", rollout.law), &columns);
    // Compute is read as a power of ten, counts as 7B, a ratio as it is.
    let count = |x: f64| match axis {
        FutureAxis::C => Flops::new(x).to_string(),
        FutureAxis::N | FutureAxis::D => short_count(x),
        FutureAxis::TokensPerParam => number(x),
    };
    for fold in &rollout.folds {
        sheet.push([
            &*count(fold.fitted_to),
            &fold.n_fitted.to_string(),
            &format!("{} to {}", count(fold.tested.lo), count(fold.tested.hi)),
            &fold.n_points.to_string(),
            &format!("{:.2} %", 100.0 * fold.mean_abs_error),
            &format!("{:+.2} %", 100.0 * fold.bias),
            &fold.covered.map_or_else(|| "-".to_owned(), |k| format!("{k} of {}", fold.n_points)),
            if fold.certified { "yes" } else { "no" },
        ]);
    }
    sheet
}

/// Laws by held-out error.
#[must_use]
pub fn ranking_sheet(ranking: &Ranking) -> Sheet {
    let title = format!("laws by their error on runs farther out in {}", ranking.axis);
    let columns = ["law", "mean |error|", "largest", "bias", "inside", "behind the best by"];
    let mut sheet = Sheet::new(title, &columns);
    for (place, law) in ranking.laws.iter().enumerate() {
        let r = &law.rollout;
        let points = |i: &Interval| format!("{:+.2} to {:+.2} points", 100.0 * i.lo, 100.0 * i.hi);
        let behind = match &law.behind {
            _ if place == 0 => "best".to_owned(),
            Some(i) if law.tied_with_best => format!("{}: a tie", points(i)),
            Some(i) => points(i),
            None => "too few steps to tell".to_owned(),
        };
        sheet.push([
            &*r.law,
            &format!("{:.3} %", 100.0 * r.mean_abs_error),
            &format!("{:.2} %", 100.0 * r.max_abs_error),
            &format!("{:+.2} %", 100.0 * r.bias),
            &r.coverage.map_or_else(|| "-".to_owned(), |c| format!("{:.0} %", 100.0 * c)),
            &behind,
        ]);
    }
    sheet
}

/// The measured valleys.
#[must_use]
pub fn valley_sheet(valleys: &[Valley]) -> Sheet {
    let columns = ["FLOPs", "runs", "N at the floor", "loss (nats)", "bracketed"];
    let mut sheet = Sheet::new("Measured isoFLOP valleys (parabola in ln N)", &columns);
    for v in valleys {
        sheet.push([
            &v.c.to_string(),
            &v.n_points.to_string(),
            &v.n.map_or_else(|| "-".to_owned(), |n| n.to_string()),
            &v.loss_nats.map_or_else(|| "-".to_owned(), |l| format!("{l:.4}")),
            if v.bracketed { "yes" } else { "no" },
        ]);
    }
    sheet
}

/// Predictions beside outcomes.
#[must_use]
pub fn backtest_sheet(test: &Backtest) -> Sheet {
    let level = format!("{:.0} % interval", 100.0 * test.level);
    let columns =
        ["run", "N (params)", "D (tokens)", "predicted", &level, "actual (nats)", "error"];
    let mut sheet = Sheet::new("", &columns);
    for r in &test.runs {
        let inside = r.interval.map_or("", |i| if i.contains(r.run.loss_nats) { "" } else { " !" });
        sheet.push([
            &r.run.run,
            &r.run.n.to_string(),
            &r.run.d.to_string(),
            &format!("{:.4}", r.predicted_nats),
            &between(r.interval.as_ref(), |x| format!("{x:.4}")),
            &format!("{:.4}{inside}", r.run.loss_nats),
            &format!("{:+.2} %", 100.0 * r.error),
        ]);
    }
    sheet
}
