//! A fitted law of loss: coefficients, objective, certificate, minima, residuals.

use super::number::{between, factor, interval_header, number, or_dash, seven_digits};
use super::table::Table;
use crate::fit::{Diagnostics, Fit, FlopCount, Notable, Objective, Profile};
use crate::units::LossUnit;

/// Coefficients, exponents and the ratio with one interval each: that of the profile likelihood where
/// one was walked, else percentiles of the draws.
#[must_use]
pub fn fit_table(fit: &Fit) -> Table {
    let level = interval_header(fit.level);
    let mut table = Table::new("", &["quantity", "estimate", &level, "bootstrap SD", "unit"]);
    let mut push = |name: &str, label: &str, value: f64, unit: &str| {
        // The exponent of a law with one exponent is the same in all draws except for rounding.
        let varies = |s: &&f64| **s > 1e-10 * value.abs();
        let sd = fit.std_errors.get(name).filter(varies);
        let sd = or_dash(sd.map(|s| number(*s)));
        let fixed = fit.config.fixed.contains_key(name);
        let profile = fit.profiles.iter().find(|profile| profile.coef == name);
        let interval = match (fit.intervals.get(name), profile) {
            _ if fixed => "fixed".to_owned(),
            (_, Some(profile)) => profile_interval(profile),
            (interval, None) => between(interval, number),
        };
        table.push([label, &number(value), &interval, &sd, unit]);
    };
    for coef in fit.surface.law().coefs() {
        let value = fit.coefficients.get(coef.name).copied().unwrap_or(f64::NAN);
        let unit = coef.unit.replace(LossUnit::NatsPerToken.name(), fit.surface.loss_unit.name());
        push(coef.name, coef.name, value, &unit);
    }
    if let Some(a) = &fit.allocation {
        push("n_exponent", "N* exponent a", a.n_exponent, "N* ∝ C^a");
        push("d_exponent", "D* exponent b", a.d_exponent, "D* ∝ C^b");
        let unit = format!("at {} FLOPs", a.reference_flops);
        push("tokens_per_param", "D*/N*", a.tokens_per_param, &unit);
    }
    table
}

/// The interval of a profile, with its open ends.
fn profile_interval(profile: &Profile) -> String {
    let end = |x: Option<f64>| x.map_or_else(|| "no limit".to_owned(), number);
    format!("{} to {}", end(profile.lo), end(profile.hi))
}

/// Every minimum of a fit that found several, with the coefficients in which they differ.
#[must_use]
pub fn minima_table(fit: &Fit) -> Table {
    let title = format!("{} local minima, lowest first", fit.minima.len());
    let columns = ["objective", "above the lowest", "starts", "where they differ"];
    let mut table = Table::new(title, &columns);
    let Some(lowest) = fit.minima.first() else { return table };
    let differs = |name: &&str| {
        let here = lowest.coefficients[*name];
        fit.minima.iter().any(|m| (m.coefficients[*name] / here - 1.0).abs() > 1e-3)
    };
    let names = fit.surface.law().coefs().iter().map(|c| c.name);
    let names: Vec<&str> = names.filter(differs).collect();
    for minimum in &fit.minima {
        let coefficients: Vec<String> = names
            .iter()
            .map(|name| format!("{name} {}", number(minimum.coefficients[*name])))
            .collect();
        table.push([
            &*format!("{:.9e}", minimum.objective),
            &format!("{:.4} %", 100.0 * (minimum.objective / lowest.objective - 1.0)),
            &minimum.starts.to_string(),
            &coefficients.join(", "),
        ]);
    }
    table
}

/// What was minimised, with its settings.
#[must_use]
pub fn objective_text(fit: &Fit) -> String {
    let fixed: Vec<String> =
        fit.config.fixed.iter().map(|(c, x)| format!("{c} = {}", seven_digits(*x))).collect();
    let fixed =
        if fixed.is_empty() { String::new() } else { format!(", {} fixed", fixed.join(", ")) };
    let delta = fit.delta;
    match fit.objective {
        Objective::HuberLog => format!("{} (delta {delta:e}){fixed}", fit.objective),
        Objective::AsymmetricLog => {
            let over = fit.config.over_weight;
            format!(
                "{} (delta {delta:e}, over-estimates weighted {over} times){fixed}",
                fit.objective
            )
        }
        Objective::LadLog | Objective::LsLog | Objective::LsLoss => {
            format!("{}{fixed}", fit.objective)
        }
    }
}

/// In which currency the runs count compute.
#[must_use]
pub fn flop_count_text(count: &FlopCount) -> String {
    format!(
        "logged C is {:.3} of 6 N D in the largest runs ({:.3} to {:.3} over all); plans spend budgets so\n",
        count.per_nd / 6.0,
        count.low / 6.0,
        count.high / 6.0
    )
}

/// The certificate in one sentence.
#[must_use]
pub fn certificate_text(fit: &Fit) -> String {
    let c = &fit.certificate;
    let agree = format!("{} of {} starts agree", c.starts_agreeing, c.starts);
    let proof = if fit.objective == Objective::LadLog {
        format!(
            "{} runs fitted exactly, multipliers beyond their weights by {:.1e}, smallest eigenvalue of their Gram matrix {:.4e}, {agree}",
            c.rows_in_band, c.gradient_norm, c.hessian_min_eigenvalue
        )
    } else {
        let band = if fit.objective.has_band() {
            format!(", {} runs inside the Huber band", c.rows_in_band)
        } else {
            String::new()
        };
        format!(
            "scaled gradient beyond rounding {:.1e}, smallest Hessian eigenvalue {:.4e}, {agree}{band}",
            c.gradient_norm, c.hessian_min_eigenvalue
        )
    };
    format!("{}: {proof}", if c.certified { "certified minimum" } else { "NOT certified" })
}

/// Design and residuals, a line each.
#[must_use]
pub fn diagnostics_text(d: &Diagnostics) -> String {
    const SHOWN: usize = 5;
    let p = &d.plane;
    let mut text = format!(
        "runs: {} sizes (N spans a factor of {}), {} token counts (D {}, D/N {}); {} of 16 cells of the (N, D/N) rectangle hold runs\n",
        p.sizes,
        factor(p.n_span),
        p.token_counts,
        factor(p.d_span),
        factor(p.ratio_span),
        p.cells_filled,
    );
    text.push_str(&format!("design: condition number {:.1e}", d.condition_number));
    for pair in &d.correlations {
        let [a, b] = &pair.coefs;
        text.push_str(&format!("; correlation of {a} and {b} {:.4}", pair.correlation));
    }
    text.push_str(&format!(
        "\nresiduals: SD {:.2} %, robust SD {:.2} %",
        100.0 * d.residual_sd,
        100.0 * d.robust_sd
    ));
    if let Some(s) = &d.seed_noise {
        text.push_str(&format!(
            "; seed noise {:.2} % ({:.2} to {:.2} %, from {} runs at {} repeated settings)",
            100.0 * s.sd,
            100.0 * s.interval.lo,
            100.0 * s.interval.hi,
            s.runs,
            s.cells,
        ));
    }
    for trend in &d.trends {
        let moves = trend.moves.map_or(String::new(), |m| {
            format!("; with it N* at the largest budget is {:+.1} %", 100.0 * (m - 1.0))
        });
        text.push_str(&format!(
            "\nresiduals have a trend in {} (t = {:+.1}), up to {:.2} % of the loss{moves}",
            trend.against,
            trend.t,
            100.0 * trend.size
        ));
    }
    let mut list = |title: &str, runs: &[Notable], show: fn(&Notable) -> String| {
        if runs.is_empty() {
            return;
        }
        let shown: Vec<String> =
            runs.iter().take(SHOWN).map(|r| format!("{} ({})", r.run, show(r))).collect();
        let more = runs.len().saturating_sub(SHOWN);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        text.push_str(&format!("\n{title}: {}{more}", shown.join(", ")));
    };
    list("predicted loss off by more than 5 robust SD", &d.outliers, |r| {
        format!("{:+.1} %", 100.0 * r.residual.exp_m1())
    });
    list("high leverage", &d.high_leverage, |r| format!("{:.2}", r.leverage));
    text.push('\n');
    text
}
