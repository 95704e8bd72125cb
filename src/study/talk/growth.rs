//! How model and data grow with compute.

use super::claim::{Claim, finding, times};
use super::record::{GOPHER_BUDGET, LAWS, RIVALS, laws, size_and_tokens};
use crate::cost::model;
use crate::error::Result;
use crate::law::{Surface, kaplan_allocation, token_allocation};
use crate::plan::{compute_optimal, next_doubling};
use crate::units::Flops;

pub(super) fn kaplan_growth() -> Result<Claim> {
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

pub(super) fn equal_growth() -> Result<Claim> {
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

pub(super) fn constant_ratio() -> Result<Claim> {
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

pub(super) fn thirty_tokens() -> Result<Claim> {
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
        verdict: "between the laws: the data and the fit move it more than the word \"about\" suggests",
    })
}

pub(super) fn saturation() -> Result<Claim> {
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

pub(super) fn at_chance() -> Result<Claim> {
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
