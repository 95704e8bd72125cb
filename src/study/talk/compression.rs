//! Smaller models of the same quality, and what they cost.

use super::claim::{Claim, Finding, finding, times};
use super::record::{LAWS, RIVALS, laws, size, size_and_tokens};
use crate::cost::{ReleasedModel, device, models};
use crate::error::Result;
use crate::plan::{
    compare_sizes, decompose, explain, optimum_of_size, smallest_params, tokens_for_loss,
};
use crate::units::{Params, Tokens, short_count};

pub(super) fn llama_past_optimum() -> Result<Claim> {
    let (n, d) = size_and_tokens("LLaMA 7B")?;
    let mut findings = Vec::new();
    for law in laws(&LAWS)? {
        let e = explain(&law, n, d)?;
        let over = e.tokens_over_optimal;
        findings.push(finding(&law.label, "D over the optimal D of its size", over, times(over)));
        let overhead = e.overhead;
        let text = format!("{:+.0} %", 100.0 * overhead);
        findings.push(finding(&law.label, "compute over its own optimum's", overhead, text));
    }
    let by_thirty = d.get() / (30.0 * n.get());
    findings.push(finding("30 tokens per parameter", "D over 30 N", by_thirty, times(by_thirty)));
    Ok(Claim {
        id: "llama-7B-past-optimum",
        says: "LLaMA 7B was trained three times past its optimum",
        findings,
        verdict: "past it under every law; how far, and what it cost, depends on which",
    })
}

pub(super) fn horizontal_tangent() -> Result<Claim> {
    let mut findings = Vec::new();
    for law in laws(&RIVALS)? {
        let best = optimum_of_size(&law, Params::new(70e9))?;
        let ln_c = |factor: f64| -> Result<f64> {
            let n = best.n * factor;
            Ok((n.get() * tokens_for_loss(&law, n, best.loss_nats)?.get()).ln())
        };
        let step = 1e-4_f64;
        let (above, below) = (ln_c(step.exp())?, ln_c((-step).exp())?);
        let slope = (above - below) / (2.0 * step);
        let at = "d ln C / d ln N at the optimal 70B";
        findings.push(finding(&law.label, at, slope, format!("{slope:.1e}")));
        let bend = (above + below - 2.0 * ln_c(1.0)?) / (step * step);
        let quantity = "second derivative there";
        findings.push(finding(&law.label, quantity, bend, format!("{bend:.3}")));
    }
    Ok(Claim {
        id: "horizontal-tangent",
        says: "the optimum is where the iso-loss line has its horizontal tangent",
        findings,
        verdict: "holds, and the line is convex",
    })
}

pub(super) fn ten_times_smaller() -> Result<Claim> {
    let mut findings = Vec::new();
    for law in laws(&RIVALS)? {
        let best = optimum_of_size(&law, Params::new(100e9))?;
        for n in [50e9, 30e9, 20e9, 15e9, 10e9].map(Params::new) {
            let quantity = format!("compute of {n} at the loss of an optimal 100B");
            match compare_sizes(&law, best.loss_nats, &[n]) {
                Ok(table) => {
                    let row = table.rows[0];
                    let factor = 1.0 + row.overhead;
                    let text = format!("{} on {} tokens", number(factor), row.plan.d);
                    findings.push(finding(&law.label, quantity, factor, text));
                }
                Err(_) => findings.push(Finding {
                    by: law.label.clone(),
                    quantity,
                    value: None,
                    text: "past the wall: no number of tokens".to_owned(),
                }),
            }
        }
        let wall = smallest_params(&law, best.loss_nats)?.get();
        findings.push(finding(&law.label, "wall of that loss", wall, short_count(wall)));
    }
    Ok(Claim {
        id: "100B-to-10B",
        says: "a 100B model can be compressed to about 10B at a measurable cost",
        findings,
        verdict: "not along one line of these laws: 10B is at or past their wall; better data or method is needed",
    })
}

fn number(x: f64) -> String {
    if x < 1e3 { format!("{x:.2}x") } else { format!("{x:.1e}x") }
}

pub(super) fn compression_costs() -> Result<Claim> {
    let h100 = device("H100 SXM")?;
    let price = h100.latest_price()?.range();
    let per_hour = 3600.0 * h100.peak_flop_per_s()? * 0.4;
    let mut findings = Vec::new();
    for law in laws(&RIVALS)? {
        let best = optimum_of_size(&law, Params::new(70e9))?;
        let row = compare_sizes(&law, best.loss_nats, &[Params::new(35e9)])?.rows[0];
        let extra = row.plan.train_flops.get() - best.train_flops.get();
        let hours = extra / per_hour;
        let text = format!(
            "{:+.0} %: {} device-hours, ${} to ${}",
            100.0 * row.overhead,
            short_count(hours),
            short_count(hours * price.low),
            short_count(hours * price.high)
        );
        let what = "halving an optimal 70B, H100 at MFU 0.4";
        findings.push(finding(&law.label, what, row.overhead, text));
        let pays = row.break_even_serve_tokens.map_or(f64::NAN, Tokens::get);
        let what = "it pays back after serving";
        findings.push(finding(&law.label, what, pays, format!("{} tokens", short_count(pays))));
    }
    Ok(Claim {
        id: "compression-costs",
        says: "compressing a model costs dollars and GPUs, and saves them in serving",
        findings,
        verdict: "holds; how much, and when it pays back, is where laws differ",
    })
}

pub(super) fn useful_threshold() -> Result<Claim> {
    let mut ready: Vec<(&ReleasedModel, f64)> = models()?
        .iter()
        .filter_map(|m| Some((m, m.mmlu_percent()?.percent)))
        .filter(|(m, percent)| *percent >= 60.0 && m.params.is_some())
        .collect();
    ready.sort_by_key(|(m, _)| m.year);
    let mut findings = Vec::new();
    let mut smallest = f64::INFINITY;
    for (m, percent) in ready {
        let n = m.params.map_or(f64::NAN, Params::get);
        if n < smallest {
            smallest = n;
            let score = m.mmlu_percent().map_or("", |s| s.checked.as_str());
            let text = format!("{} at {percent} % ({score})", short_count(n));
            findings.push(finding(&m.name, format!("smallest known by {}", m.year), n, text));
        }
    }
    Ok(Claim {
        id: "60-percent",
        says: "an assistant becomes useful at 60 % MMLU, and the size it takes keeps falling",
        findings,
        verdict: "the threshold is a judgement; the fall is on record",
    })
}

pub(super) fn factor_forty() -> Result<Claim> {
    let (n, d) = size_and_tokens("Gopher 280B")?;
    let small = size("Mistral 7B")?;
    let mut findings = Vec::new();
    for law in laws(&RIVALS)? {
        let split = decompose(&law, small, "Gopher 280B", n, d)?;
        for (what, x) in [
            ("size", split.size_ratio),
            ("allocation, free", split.allocation),
            ("compression, within Gopher's compute", split.compression),
            ("residual: data or method", split.residual),
        ] {
            findings.push(finding(&law.label, what, x, times(x)));
        }
    }
    Ok(Claim {
        id: "factor-40",
        says: "from Gopher to Mistral 7B the size fell by a factor 40",
        findings,
        verdict: "holds; a better split of compute is most of it, and where longer training cannot give the rest, data or method must",
    })
}
