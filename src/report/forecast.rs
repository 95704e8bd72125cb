//! Forecasts of a run's final loss from its curve.

use super::number::{between, interval_header, loss, number, or_dash};
use super::sparkline::sparkline;
use super::style::proof;
use super::table::Table;
use super::text::Text;
use crate::data::{LoggedPoint, TrainingCurve};
use crate::fit::{Forecast, Hindsight};
use crate::law::{Coef, curve_forms};
use crate::num::mean;

/// A forecast: the final loss, how far such forecasts were off before, and what it was made from.
///
/// - `in_full`: with the coefficients and the proof of the minimum.
#[must_use]
pub fn forecast_text(f: &Forecast, in_full: bool) -> Text {
    let unit = if f.per_byte { "nats per byte" } else { "nats per token" };
    let interval = f.interval.map_or_else(String::new, |i| {
        format!(" ({:.0} %: {:.4} to {:.4})", 100.0 * f.level, i.lo, i.hi)
    });
    let mut text = Text::from(format!(
        "final loss at step {}: {:.4} {unit}{interval}\n",
        f.final_step, f.loss_nats
    ));
    text.push_str(&match f.known_until {
        0 => "of a run that was not begun, from other curves alone\n".to_owned(),
        step if step == f.final_step => "the run is at its end\n".to_owned(),
        step => format!("from step {step} of {}\n", f.run),
    });
    text.push_str(&record_text(f));
    if !f.hindsight.is_empty() {
        text.apart(hindsight_table(f));
    }
    let curves: Vec<String> = f
        .fitted
        .iter()
        .map(|curve| {
            let replaced = match curve.replaced {
                0 => String::new(),
                n => format!(" ({n} repeated steps replaced)"),
            };
            format!("  {} to step {}{replaced}\n", curve.run, curve.known_until)
        })
        .collect();
    text.apart(format!("{} fitted to {} windows of\n{}", f.law, f.n_points, curves.concat()));
    if in_full {
        text.apart(fit_text(f));
    }
    text
}

/// The loss of a curve over its steps, in a line; empty where there is hardly one.
#[must_use]
pub fn loss_curve_text(curve: &TrainingCurve) -> String {
    const BARS: usize = 36;
    let logged = |point: &LoggedPoint| Some((point.step as f64, point.loss_nats?));
    let known: Vec<(f64, f64)> = curve.points.iter().filter_map(logged).collect();
    let [(first, from), .., (last, to)] = known.as_slice() else { return String::new() };
    // By step, since logs may be denser at the beginning.
    let bars = known.len().min(BARS);
    let mut sums = vec![(0.0, 0.0); bars];
    for (step, loss) in &known {
        let place = (step - first) / (last - first).max(1.0) * bars as f64;
        let (sum, n) = &mut sums[(place as usize).min(bars - 1)];
        (*sum, *n) = (*sum + loss, *n + 1.0);
    }
    let means: Vec<f64> = sums.into_iter().map(|(sum, n)| sum / n).collect();
    let line = sparkline(&means, bars);
    format!("{line}  {} at step {first} to {} at {last}\n", loss(*from), loss(*to))
}

/// How far forecasts of known ends were off.
fn record_text(f: &Forecast) -> String {
    let own = f.hindsight.iter().map(|h| (h.forecast, h.actual));
    let errors: Vec<f64> = own
        .chain(f.trials.iter().map(|t| (t.forecast, t.actual)))
        .map(|(forecast, actual)| (forecast / actual - 1.0).abs())
        .collect();
    if errors.is_empty() {
        return "no part of the curves could be forecast from the rest, so nothing tests this\n"
            .to_owned();
    }
    let held = |h: &&Hindsight| h.interval.is_some_and(|i| i.contains(h.actual));
    let inside = match f.hindsight.iter().filter(|h| h.interval.is_some()).count() {
        0 => String::new(),
        all => format!("; {} of {all} intervals held", f.hindsight.iter().filter(held).count()),
    };
    format!(
        "{} forecasts of known ends were off by {:.2} % on average, {:.2} % at most{inside}\n",
        errors.len(),
        100.0 * mean(&errors),
        100.0 * errors.iter().copied().fold(0.0, f64::max),
    )
}

/// The fit behind a forecast.
fn fit_text(f: &Forecast) -> Text {
    let proof = proof(f.certificate.certified);
    let form = curve_forms().iter().find(|form| form.id() == f.law);
    let mut text = Text::from(format!("{}\n", form.map_or("", |form| form.equation())));
    text.push(curve_fit_table(f));
    text.apart(format!(
        "{proof}: scaled gradient beyond rounding {:.1e}, {} of {} starts agree\n\
         residuals: SD {:.3} %, correlation of neighbours {:.2}, resampled in blocks of {} windows\n",
        f.certificate.gradient_norm,
        f.certificate.starts_agreeing,
        f.certificate.starts,
        100.0 * f.residual_sd,
        f.lag_one,
        f.block,
    ));
    text
}

/// Coefficients of a law of loss curves.
#[must_use]
pub fn curve_fit_table(forecast: &Forecast) -> Table {
    let level = interval_header(forecast.level);
    let mut table = Table::new("", &["coefficient", "estimate", &level, "bootstrap SD"]);
    // The law of a constant rate is the registered one without its last terms.
    let known = |coef: &&Coef| forecast.coefficients.contains_key(coef.name);
    let form = curve_forms().iter().find(|f| f.id() == forecast.law).or(curve_forms().first());
    for coef in form.iter().flat_map(|f| f.coefs()).filter(known) {
        let sd = or_dash(forecast.std_errors.get(coef.name).map(|s| number(*s)));
        let interval = between(forecast.intervals.get(coef.name), number);
        table.push([coef.name, &number(forecast.coefficients[coef.name]), &interval, &sd]);
    }
    table
}

/// Forecasts of the last known window from less of the curve.
#[must_use]
pub fn hindsight_table(forecast: &Forecast) -> Table {
    let level = interval_header(forecast.level);
    let columns = ["known to step", "forecast", &level, "actual", "error", "inside"];
    let title = "backtest: the last known loss, forecast from less of the curve";
    let mut table = Table::new(title, &columns);
    for h in &forecast.hindsight {
        let inside = h.interval.map(|i| if i.contains(h.actual) { "yes" } else { "no" });
        table.push([
            &*h.known_until.to_string(),
            &loss(h.forecast),
            &between(h.interval.as_ref(), loss),
            &loss(h.actual),
            &format!("{:+.2} %", 100.0 * (h.forecast / h.actual - 1.0)),
            inside.unwrap_or("-"),
        ]);
    }
    table
}
