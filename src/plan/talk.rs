//! Every quantitative claim of Mensch's talk "Chinchilla to Mistral 7B", checked with the laws and
//! facts on record.

use serde::Serialize;

use super::compare::compare_sizes;
use super::explain::{decompose, explain, next_doubling};
use super::isoloss::{smallest_params, tokens_for_loss};
use super::optimum::{compute_optimal, optimum_of_size};
use super::scenario::{Aim, Demand, Design, Scenario, Serving};
use crate::cost::{
    Batch, Deployment, Latency, Model, Requests, Uncertain, decode_measurements, device, model,
    models,
};
use crate::error::{PlanError, Result};
use crate::flops::{Footprint, Pattern};
use crate::law::{Surface, kaplan_allocation, token_allocation};
use crate::units::{Flops, ParamRule, Params, Tokens, short_count};

/// One thing the talk says, and what comes out here.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Claim {
    /// Short name.
    pub id: &'static str,
    /// What the talk says.
    pub says: &'static str,
    /// What comes out, by law or fact.
    pub findings: Vec<Finding>,
    /// What follows.
    pub verdict: &'static str,
}

/// One number behind a claim.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// The law or the fact it rests on.
    pub by: String,
    /// What it is.
    pub quantity: String,
    /// Its value; absent where there is none, as past the wall.
    pub value: Option<f64>,
    /// Value and unit in words.
    pub text: String,
}

/// A system the talk names.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct System {
    /// What the talk calls it.
    pub said: &'static str,
    /// The model on record.
    pub model: Model,
}

/// Laws every claim about an optimum is checked under.
const LAWS: [&str; 4] = ["hoffmann-a3-devries", "hoffmann-a3-tex", "besiroglu", "muennighoff-base"];
/// Those that place released models; they disagree most.
const RIVALS: [&str; 2] = ["hoffmann-a3-devries", "besiroglu"];
/// Gopher's budget as its paper and Chinchilla's quote it.
const GOPHER_BUDGET: Flops = Flops::new(5.76e23);

fn finding(by: &str, quantity: impl Into<String>, value: f64, text: String) -> Finding {
    Finding { by: by.to_owned(), quantity: quantity.into(), value: Some(value), text }
}

fn laws(names: &[&str]) -> Result<Vec<Surface>> {
    names.iter().map(|name| Ok(Surface::published(name)?)).collect()
}

/// N and D of a released model.
fn size_and_tokens(name: &str) -> Result<(Params, Tokens)> {
    let model = model(name)?;
    let n = model.n().ok_or_else(|| PlanError::SizeUnknown { name: name.to_owned() })?;
    let d = model.tokens.ok_or_else(|| PlanError::TokensUnknown { name: name.to_owned() })?;
    Ok((n, d))
}

fn size(name: &str) -> Result<Params> {
    model(name)?.n().ok_or_else(|| PlanError::SizeUnknown { name: name.to_owned() }.into())
}

fn footprint(name: &str) -> Result<Footprint> {
    let no_shape = || PlanError::SizeUnknown { name: name.to_owned() };
    Ok(Footprint::from(&model(name)?.shape.ok_or_else(no_shape)?))
}

fn times(x: f64) -> String {
    format!("{x:.2}x")
}

/// Every claim, computed anew.
///
/// # Errors
/// Those of the shipped tables.
pub fn talk() -> Result<Vec<Claim>> {
    Ok(vec![
        kaplan_growth()?,
        equal_growth()?,
        constant_ratio()?,
        thirty_tokens()?,
        saturation()?,
        at_chance()?,
        llama_past_optimum()?,
        horizontal_tangent()?,
        ten_times_smaller()?,
        compression_costs()?,
        useful_threshold()?,
        factor_forty()?,
        twelve_active()?,
        five_times_faster()?,
        experts_loaded()?,
        laptop()?,
        latency()?,
    ])
}

/// Every system the talk names, in the order of time, with what it calls it.
///
/// # Errors
/// [`PlanError::UnknownModel`] never, unless the shipped table lost a row.
pub fn talk_systems() -> Result<Vec<System>> {
    const NAMED: [(&str, &str); 18] = [
        ("GPT-2", "GPT-2 XL"),
        ("GPT-3 (\"Palmyra\" in the transcript)", "GPT-3 175B"),
        ("Gopher", "Gopher 280B"),
        ("Megatron-Turing", "MT-NLG 530B"),
        ("RETRO", "RETRO 7.5B"),
        ("Chinchilla", "Chinchilla 70B"),
        ("LLaMA", "LLaMA 7B"),
        ("LLaMA", "LLaMA 13B"),
        ("LLaMA", "LLaMA 33B"),
        ("LLaMA", "LLaMA 65B"),
        ("Llama 2", "Llama 2 7B"),
        ("Llama 2 (\"Lama 21B\")", "Llama 2 13B"),
        ("Llama 2 (\"Lama 27B\")", "Llama 2 70B"),
        ("Mistral 7B", "Mistral 7B"),
        ("Mixtral", "Mixtral 8x7B"),
        ("Grok", "Grok-1"),
        ("Mistral Small", "Mistral Small"),
        ("Mistral Large", "Mistral Large"),
    ];
    NAMED.iter().map(|(said, name)| Ok(System { said, model: model(name)?.clone() })).collect()
}

fn kaplan_growth() -> Result<Claim> {
    let kaplan = kaplan_allocation()?;
    let n = kaplan.params_for(Flops::new(1e22)).get() / kaplan.params_for(Flops::new(1e21)).get();
    Ok(Claim {
        id: "kaplan-10x",
        says: "Kaplan: with 10x compute, 5x the size and 2x the data",
        findings: vec![
            finding("kaplan-alloc", "N", n, times(n)),
            finding("kaplan-alloc", "D", 10.0 / n, times(10.0 / n)),
        ],
        verdict: "holds",
    })
}

fn equal_growth() -> Result<Claim> {
    let mut findings = Vec::new();
    for law in laws(&LAWS)? {
        let small = compute_optimal(&law, GOPHER_BUDGET)?;
        let big = compute_optimal(&law, GOPHER_BUDGET * 10.0)?;
        let (n, d) = (big.n.get() / small.n.get(), big.d.get() / small.d.get());
        findings.push(finding(&law.label, "N", n, times(n)));
        findings.push(finding(&law.label, "D", d, times(d)));
    }
    Ok(Claim {
        id: "chinchilla-10x",
        says: "Chinchilla: with 10x compute, the root of ten (3.16x) each",
        findings,
        verdict: "exact only where both exponents are equal; near it elsewhere",
    })
}

fn constant_ratio() -> Result<Claim> {
    let mut findings = Vec::new();
    for law in laws(&["hoffmann-a3-devries", "besiroglu", "muennighoff-base"])? {
        for c in [1e18, 5.8e23, 1e26] {
            let m = compute_optimal(&law, Flops::new(c))?.tokens_per_param;
            findings.push(finding(
                &law.label,
                format!("D/N at {c:.1e} FLOPs"),
                m,
                format!("{m:.1}"),
            ));
        }
    }
    Ok(Claim {
        id: "does-not-explode",
        says: "growing both alike is the only setting that does not explode",
        findings,
        verdict: "true of a constant ratio; fitted laws let it drift with compute, in both directions",
    })
}

fn thirty_tokens() -> Result<Claim> {
    let mut findings = Vec::new();
    for law in laws(&[&LAWS[..], &["hoffmann-a3-rounded", "bigcode-python"]].concat())? {
        let m = compute_optimal(&law, GOPHER_BUDGET)?.tokens_per_param;
        findings.push(finding(&law.label, "D/N at 5.76e23 FLOPs", m, format!("{m:.1}")));
    }
    let llama = token_allocation("llama3-figure")?;
    let c = Flops::new(3.8e25);
    let m = llama.tokens_for(c) / llama.params_for(c);
    findings.push(finding(&llama.name, "D/N at 3.8e25 FLOPs", m, format!("{m:.1}")));
    let joint = Surface::published("joint-moe")?;
    let m = compute_optimal(&joint, GOPHER_BUDGET)?.tokens_per_param;
    findings.push(finding(&joint.label, "D/N at 5.76e23 FLOPs, dense", m, format!("{m:.1}")));
    Ok(Claim {
        id: "thirty-tokens",
        says: "about 30 tokens per parameter, depending on the data",
        findings,
        verdict: "between the laws: the text and the fit move it more than the talk's word \"about\" lets on",
    })
}

fn saturation() -> Result<Claim> {
    let (n, d) = size_and_tokens("Gopher 280B")?;
    let mut findings = Vec::new();
    for law in laws(&RIVALS)? {
        let next = next_doubling(&law, n, d)?;
        for (what, gain) in [("2x N", next.params), ("2x D", next.tokens)] {
            let quantity = format!("{what} from 280B on 300B tokens");
            findings.push(finding(&law.label, quantity, gain, format!("{gain:.4} nats")));
        }
        let ratio = next.tokens / next.params;
        findings.push(finding(&law.label, "gain of data over size", ratio, times(ratio)));
    }
    Ok(Claim {
        id: "300B-saturates",
        says: "with 300 billion tokens for everyone, larger models stopped paying",
        findings,
        verdict: "follows from the form of the law: there the next doubling of data gains more than that of size",
    })
}

fn at_chance() -> Result<Claim> {
    let score = model("LLaMA 7B")?.mmlu_percent().map_or(f64::NAN, |s| s.percent);
    Ok(Claim {
        id: "7B-at-chance",
        says: "a 7B model on 200 billion tokens is at chance on MMLU",
        findings: vec![finding(
            "LLaMA paper (recalled)",
            "MMLU of LLaMA 7B after 1T tokens",
            score,
            format!("{score} %, chance is 25 %"),
        )],
        verdict: "plausible; no law of loss says it, a benchmark law fitted to such models would",
    })
}

fn llama_past_optimum() -> Result<Claim> {
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

fn horizontal_tangent() -> Result<Claim> {
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

fn ten_times_smaller() -> Result<Claim> {
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

fn compression_costs() -> Result<Claim> {
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

fn useful_threshold() -> Result<Claim> {
    let mut ready: Vec<(&Model, f64)> = models()?
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

fn factor_forty() -> Result<Claim> {
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

fn twelve_active() -> Result<Claim> {
    let (mixtral, llama) = (model("Mixtral 8x7B")?, model("Llama 2 70B")?);
    let ratio = size("Llama 2 70B")?.get() / size("Mixtral 8x7B")?.get();
    let score = |m: &Model| {
        let rerun = m.mmlu.iter().find(|s| s.checked == "secondary").or(m.mmlu.first());
        rerun.map_or(f64::NAN, |s| s.percent)
    };
    let by = "Mixtral paper";
    let active = size("Mixtral 8x7B")?.get();
    Ok(Claim {
        id: "12B-active",
        says: "Mixtral with 12B active parameters is at the level of Llama 2 70B",
        findings: vec![
            finding(by, "active parameters", active, short_count(active)),
            finding(by, "MMLU of Mixtral", score(mixtral), format!("{} %", score(mixtral))),
            finding(by, "MMLU of Llama 2 70B", score(llama), format!("{} %", score(llama))),
            finding("shapes", "active weights of Llama 2 70B over its", ratio, times(ratio)),
        ],
        verdict: "holds on that benchmark",
    })
}

fn five_times_faster() -> Result<Claim> {
    let rows = decode_measurements()?;
    let of = |name: &str, devices: f64| {
        let same = |r: &&crate::cost::Measured| {
            r.model == name && r.weight_bits == 16.0 && r.devices == devices
        };
        rows.iter().find(same).map(|r| r.tokens_per_s)
    };
    let mut findings = Vec::new();
    if let (Some(sparse), Some(dense)) = (of("Mixtral 8x7B", 2.0), of("Llama 2 70B", 2.0)) {
        let x = sparse / dense;
        let what = "decoding on two A100, batch 1";
        findings.push(finding("measured (gpt-fast)", what, x, times(x)));
    }
    let (sparse, dense) = (footprint("Mixtral 8x7B")?, footprint("Llama 2 70B")?);
    for devices in [2.0, 4.0, 8.0] {
        let on = Deployment::of("A100 SXM 80GB", devices)?;
        for batch in [1.0, 16.0] {
            let x = on.step_s(&dense, batch, 1000.0).0 / on.step_s(&sparse, batch, 1000.0).0;
            let what = format!("decoding on {devices} A100, batch {batch}");
            findings.push(finding("model of serving", what, x, times(x)));
        }
    }
    Ok(Claim {
        id: "5x-faster",
        says: "and five times faster",
        findings,
        verdict: "nearly so for one sequence; in a batch little is left of it",
    })
}

fn experts_loaded() -> Result<Claim> {
    let sparse = footprint("Mixtral 8x7B")?;
    let twin = Pattern::MODERN.footprint(sparse.active, ParamRule::All);
    let on = Deployment::of("H100 SXM", 2.0)?;
    let mut findings = Vec::new();
    let input = on.prefill_s(&sparse, 1000.0) / on.prefill_s(&twin, 1000.0);
    let what = "time to read 1000 tokens, over a dense model of its active size";
    findings.push(finding("model of serving", what, input, times(input)));
    let all = sparse.weights_read(f64::INFINITY);
    const BATCHES: [f64; 5] = [1.0, 2.0, 4.0, 8.0, 16.0];
    for batch in BATCHES {
        let experts = sparse.experts_reached(batch);
        let share = sparse.weights_read(batch) / all;
        let text = format!("{experts:.2} of 8, {:.0} % of the weights", 100.0 * share);
        let what = format!("experts read per layer at batch {batch}");
        findings.push(finding("uniform routing", what, experts, text));
    }
    for batch in BATCHES {
        let output = on.step_s(&sparse, batch, 1000.0).0 / on.step_s(&twin, batch, 1000.0).0;
        let what = format!("time per token written at batch {batch}, over that dense model");
        findings.push(finding("model of serving", what, output, times(output)));
    }
    Ok(Claim {
        id: "experts-loaded",
        says: "sparse models are good at input and worse at output, because all experts are loaded",
        findings,
        verdict: "true in batches: one sequence reads its own experts only, a few of them nearly all there are",
    })
}

fn laptop() -> Result<Claim> {
    let mut findings = Vec::new();
    for name in ["Mistral 7B", "Mixtral 8x7B"] {
        let model = footprint(name)?;
        for machine in ["Apple M1 Max", "Apple M4"] {
            let on = Deployment::of(machine, 1.0)?.quantised(4.0);
            let gb = on.weight_bytes(&model) / 1e9;
            if machine == "Apple M1 Max" {
                let what = format!("weights of {name} at 4 bits with scales");
                findings.push(finding("shape", what, gb, format!("{gb:.1} GB")));
            }
            let request = Requests { prompt: 512.0, answer: 256.0 };
            let one = on.serve(&model, &request, Batch::Fixed(1.0), &Latency::default());
            let what = format!("{name} on {machine} ({} GB)", on.device.memory_gb);
            match one {
                Ok(served) => {
                    let speed = 1.0 / served.per_token_s;
                    let text = format!("{speed:.0} tokens/s");
                    findings.push(finding("model of serving", what, speed, text));
                }
                Err(_) => findings.push(Finding {
                    by: "model of serving".to_owned(),
                    quantity: what,
                    value: None,
                    text: "does not fit".to_owned(),
                }),
            }
        }
    }
    for row in decode_measurements()?.iter().filter(|r| r.device.starts_with("Apple")) {
        let what = format!("{} at {} bits on {}", row.model, row.weight_bits, row.device);
        let text = format!("{} tokens/s", row.tokens_per_s);
        findings.push(finding("measured (normiebench)", what, row.tokens_per_s, text));
    }
    Ok(Claim {
        id: "laptop",
        says: "such a model runs on a laptop",
        findings,
        verdict: "Mistral 7B with room to spare; Mixtral takes more memory than most laptops have",
    })
}

fn latency() -> Result<Claim> {
    let mut findings = Vec::new();
    for ms in [50.0, 20.0, 10.0] {
        let mut scenario = Scenario::new(Aim::QualityOf(Params::new(70e9)));
        scenario.serving = Some(Serving::Physics {
            deployment: Deployment::of("H100 SXM", 1.0)?,
            batch: Batch::Fixed(1.0),
            latency: Latency { per_token_s: Some(ms / 1e3), first_token_s: None },
            usd_per_hour: None,
            speed: Uncertain::known(1.0),
        });
        scenario.demand = Some(Demand {
            request: Requests { prompt: 1000.0, answer: 300.0 },
            requests: Uncertain::known(1.0),
        });
        let design = Design::of(Pattern::MODERN, 1, 1);
        let (ln_n, limit) = scenario.size_cap(&design, ParamRule::All);
        let what = format!("largest dense model at {ms} ms per token on one H100");
        let text = format!("{} ({})", short_count(ln_n.exp()), limit.unwrap_or("no limit"));
        findings.push(finding("model of serving", what, ln_n.exp(), text));
    }
    Ok(Claim {
        id: "latency",
        says: "once latency is low enough, it matters what one can build on it",
        findings,
        verdict: "a limit on the time per token is a limit on size; `isoloss plan --tpot` plans under it",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(claims: &[Claim], id: &str, by: &str, quantity: &str) -> f64 {
        let claim = claims.iter().find(|c| c.id == id).expect("a claim");
        let found = claim.findings.iter().find(|f| f.by == by && f.quantity == quantity);
        found.and_then(|f| f.value).unwrap_or(f64::NAN)
    }

    /// Figures that others computed for the same claims.
    #[test]
    fn golden_claims_come_out_as_known() {
        let claims = talk().expect("computed");
        let (dv, be, mu) = ("hoffmann-a3-devries", "besiroglu", "muennighoff-base");
        let over = "D over the optimal D of its size";
        let smaller = |n: &str| format!("compute of {n} at the loss of an optimal 100B");
        let read = "experts read per layer at batch 8";
        for (id, by, quantity, known, tolerance) in [
            ("kaplan-10x", "kaplan-alloc", "N", 5.37, 1e-3),
            ("kaplan-10x", "kaplan-alloc", "D", 1.86, 2e-3),
            ("chinchilla-10x", "hoffmann-a3-tex", "N", 2.86, 2e-3),
            ("chinchilla-10x", "hoffmann-a3-tex", "D", 3.50, 2e-3),
            ("chinchilla-10x", be, "N", 3.25, 2e-3),
            ("chinchilla-10x", mu, "N", 3.162_28, 1e-5),
            ("does-not-explode", dv, "D/N at 1.0e18 FLOPs", 18.0, 0.03),
            ("does-not-explode", dv, "D/N at 1.0e26 FLOPs", 86.0, 0.01),
            ("does-not-explode", be, "D/N at 1.0e18 FLOPs", 26.0, 0.03),
            ("thirty-tokens", "bigcode-python", "D/N at 5.76e23 FLOPs", 150.0, 0.01),
            ("thirty-tokens", "hoffmann-a3-rounded", "D/N at 5.76e23 FLOPs", 93.0, 0.01),
            ("300B-saturates", dv, "gain of data over size", 3.4, 0.02),
            ("llama-7B-past-optimum", dv, over, 3.8, 0.02),
            ("llama-7B-past-optimum", be, over, 7.0, 0.05),
            ("llama-7B-past-optimum", "30 tokens per parameter", "D over 30 N", 5.0, 0.02),
            ("100B-to-10B", dv, &smaller("50.0B"), 1.21, 5e-3),
            ("100B-to-10B", be, &smaller("50.0B"), 1.26, 5e-3),
            ("100B-to-10B", dv, &smaller("30.0B"), 2.06, 0.01),
            ("100B-to-10B", be, &smaller("20.0B"), 14.1, 0.02),
            ("factor-40", dv, "allocation, free", 11.8, 0.01),
            ("12B-active", "shapes", "active weights of Llama 2 70B over its", 5.36, 2e-3),
            ("5x-faster", "measured (gpt-fast)", "decoding on two A100, batch 1", 4.53, 2e-3),
            ("experts-loaded", "uniform routing", read, 7.2, 1e-3),
        ] {
            let ours = value(&claims, id, by, quantity);
            assert!((ours / known - 1.0).abs() < tolerance, "{id} {by} {quantity}: {ours} {known}");
        }
        // 10B is past the wall of the refit, and next to it under the other law.
        assert!(value(&claims, "100B-to-10B", be, &smaller("10.0B")).is_nan());
        assert!(value(&claims, "100B-to-10B", dv, &smaller("10.0B")) > 1e4);
        for law in RIVALS {
            let slope =
                value(&claims, "horizontal-tangent", law, "d ln C / d ln N at the optimal 70B");
            assert!(slope.abs() < 1e-6, "{law}: {slope}");
        }
    }

    #[test]
    fn every_claim_has_numbers_and_every_system_a_row() {
        let claims = talk().expect("computed");
        assert_eq!(claims.len(), 17);
        for claim in &claims {
            assert!(!claim.findings.is_empty(), "{}", claim.id);
            let sound = |f: &Finding| f.value.is_none_or(f64::is_finite);
            assert!(claim.findings.iter().all(sound), "{claim:?}");
        }
        assert_eq!(talk_systems().expect("on record").len(), 18);
    }
}
