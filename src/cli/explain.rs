//! `isoloss explain`: where a model stands, and why it can be smaller than another.

use std::collections::BTreeMap;

use clap::Args as ClapArgs;
use serde::Serialize;
use serde_json::json;

use super::output::{Output, to_value};
use crate::cost::{self, Model};
use crate::error::{CostError, PlanError, Result, Warning};
use crate::law::{Ensemble, Point, Surface};
use crate::num::Interval;
use crate::plan::{self, Decomposition, Explanation, decompose};
use crate::report::{decomposition_text, explanation_text};
use crate::study::{AskedLaw, ask_laws};
use crate::units::{Params, Setting, Tokens};

/// Whose size is explained when nothing else is said: the model the talk compares with.
const USUAL_REFERENCE: &str = "Gopher 280B";

/// Flags of `isoloss explain`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss explain \"LLaMA 7B\" --law hoffmann-a3-devries
  isoloss explain \"Mistral 7B\" --against Gopher
  isoloss explain --params 8.03B --tokens 15T --law besiroglu,hoffmann-a3-devries")]
pub(super) struct Args {
    /// A released model (`isoloss models`).
    model: Option<String>,
    /// A published law (`isoloss laws`), several with commas, `all`, a fit.json, or a family with
    /// constants of your own (`chinchilla:E=1.69;A=406.4;B=410.7;alpha=0.34;beta=0.28`).
    #[arg(long, default_value = crate::study::USUAL_LAWS)]
    law: String,
    /// Parameters, for a model without a name or to overrule its record.
    #[arg(long)]
    params: Option<Params>,
    /// Training tokens, likewise.
    #[arg(long)]
    tokens: Option<Tokens>,
    /// Unique tokens, where the law knows repetition: the others are repeats.
    #[arg(long, value_name = "TOKENS")]
    unique_tokens: Option<Tokens>,
    /// Experts per layer, where the law knows them.
    #[arg(long)]
    experts: Option<f64>,
    /// Granularity of the experts, likewise.
    #[arg(long)]
    granularity: Option<f64>,
    /// Bits per weight after training, likewise.
    #[arg(long)]
    served_bits: Option<f64>,
    /// A larger model of about the same quality: split the difference in size into allocation,
    /// compression and what neither explains. Gopher where the model's tokens are not published.
    #[arg(long, value_name = "MODEL")]
    against: Option<String>,
}

#[derive(Debug, Serialize)]
struct Row {
    model: String,
    /// Whether the tokens are those that would reach the loss of the reference, since the model's own
    /// are not published.
    tokens_assumed: bool,
    #[serde(flatten)]
    explanation: Explanation,
    /// Quantities in which the model lies outside the runs of the law, with the factor.
    outside: BTreeMap<String, f64>,
    /// Over the draws of a fit, by field name.
    intervals: BTreeMap<String, Interval>,
    #[serde(skip_serializing_if = "Option::is_none")]
    against: Option<Decomposition>,
}

pub(super) fn run(args: &Args) -> Result<Output> {
    let subject = args.subject()?;
    let reference = args.reference(&subject)?;
    let laws = ask_laws(&args.law)?;
    let Subject { name, n, d, note } = &subject;
    let tokens = d.map_or_else(|| "an unpublished number of".to_owned(), |d| d.to_string());
    let mut text = format!("{name}: {n} parameters on {tokens} tokens{note}\n");
    let (mut rows, mut lone, mut warnings) = (Vec::new(), Vec::new(), Vec::new());
    for AskedLaw { ensemble, warnings: doubts } in &laws {
        warnings.extend(doubts.iter().cloned());
        let asked = Ensemble {
            best: args.within(&ensemble.best)?,
            draws: ensemble.draws.iter().map(|d| args.within(d)).collect::<Result<_>>()?,
            level: ensemble.level,
        };
        let (law, ensemble) = (&asked.best, &asked);
        let split = match &reference {
            Some((r, n_r, d_r)) => Some(decompose(law, *n, &r.name, *n_r, *d_r)?),
            None => None,
        };
        let d = d.or(split.as_ref().and_then(|s| s.tokens_needed));
        text.push('\n');
        let Some(d) = d else {
            // Past the wall there is nothing to place; the split says so.
            if let Some(split) = split {
                text.push_str(&decomposition_text(&split));
                lone.push(split);
            }
            continue;
        };
        let outside = law.support.distances(&Point::new(*n, d));
        if let Some((quantity, factor)) = outside.iter().max_by(|a, b| a.1.total_cmp(b.1)) {
            let factor = *factor;
            let quantity = format!("{quantity} of {name} under {}", law.label);
            warnings.push(Warning::Extrapolation { quantity, factor });
        }
        let explanation = plan::explain(law, *n, d)?;
        let tokens_assumed = subject.d.is_none();
        if tokens_assumed {
            text.push_str(&format!("if it has the loss of its reference, on {d} tokens:\n"));
        }
        text.push_str(&explanation_text(&explanation));
        let intervals = intervals(ensemble, *n, d);
        for (what, interval) in &intervals {
            let level = 100.0 * ensemble.level;
            text.push_str(&format!(
                "  {level:.0} % of {what}: {:.4} to {:.4}\n",
                interval.lo, interval.hi
            ));
        }
        if let Some(split) = &split {
            text.push_str(&decomposition_text(split));
        }
        let model = name.clone();
        rows.push(Row { model, tokens_assumed, explanation, outside, intervals, against: split });
    }
    let json = match (rows.as_slice(), lone.is_empty()) {
        ([one], true) => to_value(one)?,
        (several, _) => {
            json!({ "explanations": to_value(&several)?, "past_the_wall": to_value(&lone)? })
        }
    };
    Ok(Output { text, json, warnings })
}

/// Spread of the figures over the draws of a fit; empty for a published law.
fn intervals(ensemble: &Ensemble, n: Params, d: Tokens) -> BTreeMap<String, Interval> {
    let draws = ensemble.map(|surface| plan::explain(surface, n, d));
    type Of = fn(&Explanation) -> f64;
    let fields: [(&str, Of); 4] = [
        ("overtraining_ratio", |e| e.overtraining_ratio),
        ("overhead", |e| e.overhead),
        ("size_ratio", |e| e.size_ratio),
        ("tokens_over_optimal", |e| e.tokens_over_optimal),
    ];
    fields
        .into_iter()
        .filter_map(|(name, of)| Some((name.to_owned(), draws.interval(of)?)))
        .collect()
}

/// What is explained.
struct Subject {
    name: String,
    n: Params,
    d: Option<Tokens>,
    note: String,
}

impl Args {
    /// The law in the setting that is asked for.
    fn within(&self, law: &Surface) -> Result<Surface> {
        let own = law.setting;
        let setting = Setting {
            unique: self.unique_tokens.or(own.unique),
            experts: self.experts.unwrap_or(own.experts),
            granularity: self.granularity.unwrap_or(own.granularity),
            served_bits: self.served_bits.or(own.served_bits),
            ..own
        };
        if let Some((field, found, wanted)) = setting.fault() {
            return Err(CostError::Field { field, found, wanted }.into());
        }
        Ok(law.within(setting))
    }

    fn subject(&self) -> Result<Subject> {
        let missing = |problem: &str| PlanError::Inputs {
            problem: problem.to_owned(),
            mend: "name a model from `isoloss models`, or give --params and --tokens",
        };
        let Some(name) = &self.model else {
            let n = self.params.ok_or_else(|| missing("no model and no --params"))?;
            let d = self.tokens.ok_or_else(|| missing("no model and no --tokens"))?;
            return Ok(Subject { name: "custom".to_owned(), n, d: Some(d), note: String::new() });
        };
        let model = cost::model(name)?;
        let n = self
            .params
            .or(model.n())
            .ok_or_else(|| PlanError::SizeUnknown { name: model.name.clone() })?;
        let d = self.tokens.or(model.tokens);
        let active = if model.active_params.is_some() { ", active parameters" } else { "" };
        let note = format!("{active} ({}; {})", model.source, model.checked);
        Ok(Subject { name: model.name.clone(), n, d, note })
    }

    /// The model to compare with, its N and D.
    fn reference(&self, subject: &Subject) -> Result<Option<(&'static Model, Params, Tokens)>> {
        let name = match (&self.against, subject.d) {
            (Some(name), _) => name.as_str(),
            (None, None) => USUAL_REFERENCE,
            (None, Some(_)) => return Ok(None),
        };
        let model = cost::model(name)?;
        let n = model.n().ok_or_else(|| PlanError::SizeUnknown { name: model.name.clone() })?;
        let d =
            model.tokens.ok_or_else(|| PlanError::TokensUnknown { name: model.name.clone() })?;
        Ok(Some((model, n, d)))
    }
}
