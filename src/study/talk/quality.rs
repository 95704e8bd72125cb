//! Who is better than whom, what experts buy, and the floor of every law.

use super::claim::{Claim, Finding, finding, times};
use super::record::{LAWS, laws};
use crate::cost::{Score, model};
use crate::error::Result;
use crate::law::{Surface, published_laws};
use crate::plan::{compute_optimal, optimum_for_loss, optimum_of_size};
use crate::units::{Flops, Params, Setting};

/// MMLU as a finding: the report whose source holds `from`, else the most carefully read one.
fn mmlu(name: &str, from: &str) -> Result<Finding> {
    let model = model(name)?;
    let rerun = model.mmlu.iter().find(|s| s.source.contains(from));
    let score: Option<&Score> = rerun.or(model.mmlu_percent());
    let percent = score.map_or(f64::NAN, |s| s.percent);
    let by = score.map_or("not reported".to_owned(), |s| format!("{} ({})", s.source, s.checked));
    Ok(finding(&by, format!("MMLU of {}", model.name), percent, format!("{percent} %")))
}

pub(super) fn seven_above_thirteen() -> Result<Claim> {
    Ok(Claim {
        id: "7B-above-13B",
        says: "Mistral 7B is above Llama 2 13B",
        findings: vec![mmlu("Mistral 7B", "Mixtral")?, mmlu("Llama 2 13B", "Mixtral")?],
        verdict: "holds in one evaluation of both, by the maker of the smaller one",
    })
}

pub(super) fn small_above_mixtral() -> Result<Claim> {
    Ok(Claim {
        id: "small-above-mixtral",
        says: "Mistral Small is above Mixtral",
        findings: vec![mmlu("Mistral Small", "")?, mmlu("Mixtral 8x7B", "")?],
        verdict: "holds by the scores on record, within what reports of one model differ by; sizes and tokens of Mistral Small are not published, so no law places it",
    })
}

pub(super) fn experts_train_well() -> Result<Claim> {
    let law = Surface::published("joint-moe")?;
    let mut findings = Vec::new();
    for c in [1e20, 1e22, 1e24] {
        let sparse = law.within(Setting { experts: 8.0, ..law.setting });
        let best = compute_optimal(&sparse, Flops::new(c))?;
        let dense = law.within(Setting { experts: 1.0, ..law.setting });
        let needed = optimum_for_loss(&dense, best.loss_nats)?.train_flops.get() / c;
        let what = format!("compute of a dense model at the loss of 8 experts, {c:.0e} FLOPs");
        findings.push(finding(&law.label, what, needed, times(needed)));
    }
    Ok(Claim {
        id: "experts-train-well",
        says: "mixtures of experts are efficient to train",
        findings,
        verdict: "holds by the one law of both; the larger the budget, the less they save under it",
    })
}

pub(super) fn tokens_of_seven() -> Result<Claim> {
    let mut findings = Vec::new();
    for law in laws(&LAWS)? {
        let d = optimum_of_size(&law, Params::new(7e9))?.d;
        findings.push(finding(&law.label, "D of an optimal 7B", d.get(), format!("{d} tokens")));
    }
    Ok(Claim {
        id: "7B-on-200B",
        says: "a Chinchilla-optimal 7B is trained on about 200 billion tokens",
        findings,
        verdict: "between the laws, which differ by a factor of two at this size",
    })
}

pub(super) fn entropy() -> Result<Claim> {
    let mut findings = Vec::new();
    for law in laws(&LAWS)? {
        let text = published_laws()?.iter().find(|l| l.name == law.label);
        let text = text.map_or("its text", |l| l.text.as_str());
        let (e, at) = (law.floor(), compute_optimal(&law, Flops::new(1e24))?.loss_nats);
        let what = format!("E on {text}, nats per token");
        findings.push(finding(&law.label, what, e, format!("{e:.3}")));
        let share = e / at;
        let what = "share of the loss at 1e24 FLOPs that no model can remove";
        findings.push(finding(&law.label, what, share, format!("{:.0} %", 100.0 * share)));
    }
    Ok(Claim {
        id: "entropy",
        says: "the loss is the entropy of the text plus what size and data leave over",
        findings,
        verdict: "the form of the law; E is extrapolated, and belongs to one text and one tokeniser",
    })
}

pub(super) fn gpt3_far_from_sixty() -> Result<Claim> {
    Ok(Claim {
        id: "GPT-3-near-60",
        says: "in 2020 models were not far from 60 % of MMLU",
        findings: vec![mmlu("GPT-3 175B", "")?, mmlu("Gopher 280B", "")?],
        verdict: "no: GPT-3 is sixteen points below; Gopher reached it a year and a half later",
    })
}
