//! Benchmark laws: error from loss, and errors predicted through it.

use super::number::{between, interval_header, loss, number, or_dash};
use super::style::proof;
use super::table::Table;
use super::text::Text;
use crate::fit::BenchmarkFit;
use crate::law::{Benchmark, TwoStepPrediction};

/// Coefficients of a benchmark law, its residuals and its certificate.
#[must_use]
pub fn benchmark_text(benchmark: &dyn Benchmark, fit: &BenchmarkFit) -> Text {
    let mut text = Text::from(format!(
        "{} fitted to {} models by least squares on the error\n",
        benchmark.equation(),
        fit.n_points,
    ));
    text.apart(benchmark_table(benchmark, fit));
    text.apart(format!(
        "residuals: SD {:.4}; losses from {:.3} to {:.3} nats per token; {} of {} starts agree, {}\n",
        fit.residual_sd,
        fit.losses.lo,
        fit.losses.hi,
        fit.certificate.starts_agreeing,
        fit.certificate.starts,
        proof(fit.certificate.certified),
    ));
    text
}

/// Coefficients of a benchmark law.
#[must_use]
pub fn benchmark_table(benchmark: &dyn Benchmark, fit: &BenchmarkFit) -> Table {
    let level = interval_header(fit.level);
    let mut table = Table::new("", &["coefficient", "estimate", &level, "bootstrap SD", "unit"]);
    for coef in benchmark.coefs() {
        let sd = or_dash(fit.std_errors.get(coef.name).map(|s| number(*s)));
        let interval = between(fit.intervals.get(coef.name), number);
        table.push([coef.name, &number(fit.coefficients[coef.name]), &interval, &sd, coef.unit]);
    }
    table
}

/// Errors predicted in two steps.
#[must_use]
pub fn two_step_table(predictions: &[TwoStepPrediction], level: f64) -> Table {
    let level = interval_header(level);
    let columns = ["law of loss", "N", "D", "loss", "error", &level];
    let mut table = Table::new("error predicted from N and D through the loss", &columns);
    for p in predictions {
        table.push([
            &*p.law,
            &p.params.to_string(),
            &p.tokens.to_string(),
            &loss(p.loss),
            &format!("{:.4}", p.error),
            &between(p.interval.as_ref(), |x| format!("{x:.4}")),
        ]);
    }
    table
}

/// At which loss a benchmark error is reached.
#[must_use]
pub fn target_text(target: f64, loss_nats: Option<f64>) -> String {
    match loss_nats {
        Some(nats) => {
            format!("an error of {target} is reached at a loss of {nats:.4} nats per token\n")
        }
        None => format!("no loss gives an error of {target} under this law\n"),
    }
}
