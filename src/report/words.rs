//! Results in sentences.

use super::sheets::{backtest_sheet, number, percent};
use crate::fit::{AllocationRule, Approaches, Backtest, Diagnostics, Fit, Notable, Objective};
use crate::plan::{Decomposition, Explanation};

/// Where a model stands, line by line.
#[must_use]
pub fn explanation_text(e: &Explanation) -> String {
    let side = if e.size_ratio < 1.0 { "smaller" } else { "larger" };
    format!(
        "under {}: loss {:.4} nats per token, {} tokens per parameter\n\
         \x20 optimum of the same loss   {} parameters on {} tokens, {} FLOPs\n\
         \x20 size against it            {:.3} ({side})\n\
         \x20 compute overhead           {}\n\
         \x20 overtraining ratio         {} (D/N over the optimal D/N at the same compute)\n\
         \x20 tokens over optimal        {} (D over the D for which this N is optimal)\n\
         \x20 implied served demand      {} tokens (for which this choice is the cheapest)\n\
         \x20 wall of this loss          {} parameters\n\
         \x20 next doubling gains        {:.4} nats by N, {:.4} by D, {:.4} by C at its best split\n",
        e.law,
        e.model.loss_nats,
        number(e.model.tokens_per_param),
        e.optimum.n,
        e.optimum.d,
        e.optimum.train_flops,
        e.size_ratio,
        percent(e.overhead),
        number(e.overtraining_ratio),
        number(e.tokens_over_optimal),
        e.implied_serve_tokens,
        e.wall_params,
        e.next_doubling.params,
        e.next_doubling.tokens,
        e.next_doubling.compute,
    )
}

/// Why a model can be smaller than its reference, line by line.
#[must_use]
pub fn decomposition_text(d: &Decomposition) -> String {
    let tokens = match d.tokens_needed {
        Some(tokens) => format!("{tokens} tokens bring it to that loss"),
        None => "past the wall: no number of tokens brings it to that loss".to_owned(),
    };
    let residual = if d.residual > 1.0 + 1e-9 {
        "better text or method, or less quality"
    } else {
        "nothing is left to explain"
    };
    format!(
        "against {} under {}: {:.4} nats per token, {:.3} times the size\n\
         \x20 allocation                 {:.3} (optimum {} on {}, {:.2} of its compute)\n\
         \x20 compression                {:.3} ({:.2} times the optimum's compute, {:.2} of the reference's)\n\
         \x20 residual                   {:.3} ({residual})\n\
         \x20 the model                  {tokens}\n",
        d.reference,
        d.law,
        d.reference_plan.loss_nats,
        d.size_ratio,
        d.allocation,
        d.optimum.n,
        d.optimum.d,
        d.allocation_compute,
        d.compression,
        d.compression_compute,
        d.compute_over_reference,
        d.residual,
    )
}

/// What was minimised, with the numbers that belong to it.
#[must_use]
pub fn objective_text(fit: &Fit) -> String {
    // Seven digits tell any published constant; fit.json has all of them.
    let short = |x: f64| {
        let magnitude = x.abs().max(f64::MIN_POSITIVE).log10().floor();
        if !(-4.0..7.0).contains(&magnitude) {
            return format!("{x:e}");
        }
        let decimals = (6.0 - magnitude).clamp(0.0, 10.0) as usize;
        let text = format!("{x:.decimals$}");
        if text.contains('.') {
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        } else {
            text
        }
    };
    let held: Vec<String> =
        fit.config.fixed.iter().map(|(c, x)| format!("{c} = {}", short(*x))).collect();
    let held = if held.is_empty() { String::new() } else { format!(", {} held", held.join(", ")) };
    let delta = fit.delta;
    match fit.objective {
        Objective::HuberLog => format!("{} (delta {delta:e}){held}", fit.objective),
        Objective::AsymmetricLog => {
            let over = fit.config.over_weight;
            format!("{} (delta {delta:e}, over-estimates count {over} times){held}", fit.objective)
        }
        Objective::LadLog | Objective::LsLog | Objective::LsLoss => {
            format!("{}{held}", fit.objective)
        }
    }
}

/// The certificate in one sentence.
#[must_use]
pub fn certificate_text(fit: &Fit) -> String {
    let c = &fit.certificate;
    let agree = format!("{} of {} starts agree", c.starts_agreeing, c.starts);
    let proof = if fit.objective == Objective::LadLog {
        format!(
            "{} runs met exactly, multipliers beyond their weights by {:.1e}, smallest eigenvalue of their Gram matrix {:.4e}, {agree}",
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
        "runs: {} sizes over a factor {}, {} lengths over {}, D/N over {}; {} of 16 cells of (N, D/N) filled\n",
        p.sizes,
        short(p.n_span),
        p.token_counts,
        short(p.d_span),
        short(p.ratio_span),
        p.cells_filled,
    );
    text.push_str(&format!("design: condition number {:.1e}", d.condition_number));
    for pair in &d.correlations {
        let [a, b] = &pair.coefs;
        text.push_str(&format!("; {a} and {b} correlate to {:.4}", pair.correlation));
    }
    text.push_str(&format!(
        "\nresiduals: SD {:.2} %, robust SD {:.2} %",
        100.0 * d.residual_sd,
        100.0 * d.robust_sd
    ));
    if let Some(s) = &d.seed_noise {
        text.push_str(&format!(
            "; seeds scatter by {:.2} % ({:.2} to {:.2} %, {} runs at {} places)",
            100.0 * s.sd,
            100.0 * s.interval.lo,
            100.0 * s.interval.hi,
            s.runs,
            s.cells,
        ));
    }
    for trend in &d.trends {
        text.push_str(&format!("\nresiduals follow {} (t = {:+.1})", trend.against, trend.t));
    }
    let mut list = |title: &str, runs: &[Notable], show: fn(&Notable) -> String| {
        if runs.is_empty() {
            return;
        }
        let shown: Vec<String> =
            runs.iter().take(SHOWN).map(|r| format!("{} ({})", bare(&r.run), show(r))).collect();
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

/// What the approaches left out, one line per reason.
#[must_use]
pub fn refusals_text(approaches: &Approaches) -> String {
    const SHOWN: usize = 4;
    let mut text = String::new();
    for approach in &approaches.approaches {
        let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
        for refused in &approach.refused {
            match reasons.iter_mut().find(|(reason, _)| *reason == refused.reason) {
                Some((_, whats)) => whats.push(&refused.what),
                None => reasons.push((&refused.reason, vec![&refused.what])),
            }
        }
        let number = approach.name.split(' ').next().unwrap_or_default();
        for (reason, whats) in reasons {
            let more = match whats.len().saturating_sub(SHOWN) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            let shown = whats[..whats.len().min(SHOWN)].join(", ");
            text.push_str(&format!("approach {number} leaves out {shown}{more}: {reason}\n"));
        }
    }
    text
}

/// A run without the folder of its file, which names nothing.
fn bare(run: &str) -> &str {
    run.rsplit('/').next().unwrap_or(run)
}

/// A factor in few digits.
fn short(x: f64) -> String {
    if x < 10.0 { format!("{x:.1}") } else { format!("{x:.0}") }
}

/// The verdict on the dearest budget.
#[must_use]
pub fn backtest_text(test: &Backtest) -> String {
    let fitted: Vec<String> = test.fitted_flops.iter().map(ToString::to_string).collect();
    let mut text = format!(
        "fitted {} runs at {} FLOPs, then predicted {} FLOPs, which the fit never saw\n\n{}",
        test.n_fitted,
        fitted.join(", "),
        test.budget,
        backtest_sheet(test).to_text(),
    );
    text.push_str(&format!(
        "\nmean |error| {:.2} %, largest {:.2} %, bias {:+.2} %; {} of {} runs inside their {:.0} % interval\n",
        100.0 * test.mean_abs_error,
        100.0 * test.max_abs_error,
        100.0 * test.bias,
        test.covered,
        test.runs.len(),
        100.0 * test.level,
    ));
    text.push_str(&verdict_sentences(test).join("\n"));
    text.push('\n');
    text
}

/// Who chose the best size at the dearest budget, by the runs trained there.
pub(super) fn verdict_sentences(test: &Backtest) -> Vec<String> {
    let mut sentences: Vec<String> = test
        .choices
        .iter()
        .map(|c| match (c.loss_nats, c.excess_nats) {
            (Some(loss), Some(excess)) => format!(
                "{} chooses {} parameters: measured loss there {loss:.4} nats, {excess:.4} above the valley's floor",
                c.rule, c.n
            ),
            _ => format!("{} chooses {} parameters, outside the sizes trained", c.rule, c.n),
        })
        .collect();
    match (test.winner(), test.valley.as_ref().and_then(|v| v.n)) {
        (Some(best), Some(floor)) => {
            sentences.push(format!(
                "lowest measured loss at {} FLOPs: {} (measured optimum {floor} parameters)",
                test.budget, best.rule
            ));
            let close = |c: &&AllocationRule| {
                c.loss_nats.zip(best.loss_nats).is_some_and(|(l, b)| l - b < test.scatter_nats)
            };
            let tied = test.choices.iter().skip(1).filter(close).count();
            if tied > 0 {
                sentences.push(format!(
                    "single runs scatter by {:.4} nats around the law, so {tied} of the other choices cannot be told from it: repeat runs with other seeds to settle it",
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
