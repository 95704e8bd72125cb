//! Sparse models, speed, laptops and waiting.

use super::claim::{Claim, Finding, finding, times};
use super::record::{footprint, size};
use crate::cost::{
    BatchSize, Deployment, Latency, ReleasedModel, Requests, Uncertain, decode_measurements, model,
};
use crate::error::Result;
use crate::flops::Pattern;
use crate::plan::{Aim, Demand, Design, Scenario, Serving};
use crate::units::{ParamRule, Params, short_count};

pub(super) fn twelve_active() -> Result<Claim> {
    let (mixtral, llama) = (model("Mixtral 8x7B")?, model("Llama 2 70B")?);
    let ratio = size("Llama 2 70B")?.get() / size("Mixtral 8x7B")?.get();
    let score = |m: &ReleasedModel| {
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

pub(super) fn five_times_faster() -> Result<Claim> {
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

pub(super) fn experts_loaded() -> Result<Claim> {
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

pub(super) fn laptop() -> Result<Claim> {
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
            let one = on.serve(&model, &request, BatchSize::Fixed(1.0), &Latency::default());
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

pub(super) fn latency() -> Result<Claim> {
    let mut findings = Vec::new();
    for ms in [50.0, 20.0, 10.0] {
        let mut scenario = Scenario::new(Aim::QualityOf(Params::new(70e9)));
        scenario.serving = Some(Serving::Physics {
            deployment: Deployment::of("H100 SXM", 1.0)?,
            batch: BatchSize::Fixed(1.0),
            latency: Latency { per_token_s: Some(ms / 1e3), first_token_s: None },
            usd_per_hour: None,
            speed: Uncertain::known(1.0),
        });
        scenario.demand = Some(Demand {
            request: Requests { prompt: 1000.0, answer: 300.0 },
            requests: Uncertain::known(1.0),
        });
        let design = Design::of(Pattern::MODERN, 1, 1);
        let largest = scenario.largest_size(&design, ParamRule::All);
        let (n, limit) = largest.map_or((f64::INFINITY, "no limit"), |l| (l.params.get(), l.limit));
        let what = format!("largest dense model at {ms} ms per token on one H100");
        let text = format!("{} ({limit})", short_count(n));
        findings.push(finding("model of serving", what, n, text));
    }
    Ok(Claim {
        id: "latency",
        says: "once latency is low enough, it matters what one can build on it",
        findings,
        verdict: "a limit on the time per token is a limit on size; the planner takes it into account",
    })
}
