//! Forecasts of a run's final loss from its curve.

use super::number::{between, interval_header, loss, number, or_dash};
use super::table::Table;
use crate::data::TrainingCurve;
use crate::fit::Forecast;
use crate::law::curve_forms;

/// A forecast in full: the fit, its backtest and the final loss.
///
/// - `equation`: of the law of curves.
/// - `curves`: what was fitted.
#[must_use]
pub fn forecast_text(f: &Forecast, equation: &str, curves: &[TrainingCurve]) -> String {
    let curves: Vec<String> = curves
        .iter()
        .map(|curve| {
            let replaced = match curve.replaced {
                0 => String::new(),
                n => format!(" ({n} repeated steps replaced)"),
            };
            format!("{} to step {}{replaced}", curve.name, curve.known_until())
        })
        .collect();
    let proof = if f.certificate.certified { "certified minimum" } else { "NOT certified" };
    let mut text = format!(
        "{equation}\nfitted to {} windows of {}\n\n{}\n\
         {proof}: scaled gradient beyond rounding {:.1e}, {} of {} starts agree\n\
         residuals: SD {:.3} %, correlation of neighbours {:.2}, resampled in blocks of {} windows\n",
        f.n_points,
        curves.join(", "),
        curve_fit_table(f).to_text(),
        f.certificate.gradient_norm,
        f.certificate.starts_agreeing,
        f.certificate.starts,
        100.0 * f.residual_sd,
        f.lag_one,
        f.block,
    );
    if !f.hindsight.is_empty() {
        text.push_str(&format!("\n{}", hindsight_table(f).to_text()));
    }
    let interval = f.interval.map_or_else(String::new, |i| {
        format!(" ({:.0} %: {:.4} to {:.4})", 100.0 * f.level, i.lo, i.hi)
    });
    text.push_str(&format!(
        "\nfinal loss at step {}: {:.4} nats per token{interval}, from step {}\n",
        f.final_step, f.loss_nats, f.known_until
    ));
    text
}

/// Coefficients of a law of loss curves.
#[must_use]
pub fn curve_fit_table(forecast: &Forecast) -> Table {
    let level = interval_header(forecast.level);
    let mut table = Table::new("", &["coefficient", "estimate", &level, "bootstrap SD"]);
    let form = curve_forms().iter().find(|f| f.id() == forecast.law);
    for coef in form.iter().flat_map(|f| f.coefs()) {
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
