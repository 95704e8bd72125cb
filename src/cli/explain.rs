//! `isoloss explain`: where a model stands.

use clap::Args as ClapArgs;
use serde::Serialize;
use serde_json::json;

use super::law_arg::{self, AskedLaw};
use super::output::{Output, to_value};
use crate::cost;
use crate::error::{PlanError, Result, Warning};
use crate::law::Point;
use crate::plan::{self, Explanation};
use crate::report::explanation_text;
use crate::units::{Params, Tokens};

/// Flags of `isoloss explain`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss explain \"LLaMA 7B\" --law hoffmann-a3-devries
  isoloss explain --params 8.03B --tokens 15T --law besiroglu,hoffmann-a3-devries")]
pub(super) struct Args {
    /// A released model (`isoloss models`).
    model: Option<String>,
    /// A published law (`isoloss laws`), several with commas, `all`, or a fit.json.
    #[arg(long)]
    law: String,
    /// Parameters, for a model without a name or to overrule its record.
    #[arg(long)]
    params: Option<Params>,
    /// Training tokens, likewise.
    #[arg(long)]
    tokens: Option<Tokens>,
}

#[derive(Debug, Serialize)]
struct Row {
    model: String,
    #[serde(flatten)]
    explanation: Explanation,
}

pub(super) fn run(args: &Args) -> Result<Output> {
    let (name, n, d, note) = args.subject()?;
    let laws = law_arg::resolve(&args.law)?;
    let mut rows = Vec::new();
    let mut warnings = Vec::new();
    for AskedLaw { ensemble, warnings: doubts } in &laws {
        let explanation = plan::explain(&ensemble.best, n, d)?;
        warnings.extend(doubts.iter().cloned());
        let outside = ensemble.best.support.outside(&Point::new(n, d));
        if let Some((quantity, factor)) = outside.into_iter().max_by(|a, b| a.1.total_cmp(&b.1)) {
            let quantity = format!("{quantity} of {name} under {}", ensemble.best.label);
            warnings.push(Warning::Extrapolation { quantity, factor });
        }
        rows.push(Row { model: name.clone(), explanation });
    }
    let mut text = format!("{name}: {n} parameters on {d} tokens{note}\n");
    for row in &rows {
        text.push('\n');
        text.push_str(&explanation_text(&row.explanation));
    }
    let json = match rows.as_slice() {
        [one] => to_value(one)?,
        several => json!({ "explanations": to_value(&several)? }),
    };
    Ok(Output { text, json, warnings })
}

impl Args {
    /// Name, N, D and a note on where they come from.
    fn subject(&self) -> Result<(String, Params, Tokens, String)> {
        let missing = |problem: &str| PlanError::Inputs {
            problem: problem.to_owned(),
            mend: "name a model from `isoloss models`, or give --params and --tokens",
        };
        let Some(name) = &self.model else {
            let n = self.params.ok_or_else(|| missing("no model and no --params"))?;
            let d = self.tokens.ok_or_else(|| missing("no model and no --tokens"))?;
            return Ok(("custom".to_owned(), n, d, String::new()));
        };
        let model = cost::model(name)?;
        let n = self
            .params
            .or(model.n())
            .ok_or_else(|| PlanError::SizeUnknown { name: model.name.clone() })?;
        let d = self
            .tokens
            .or(model.tokens)
            .ok_or_else(|| PlanError::TokensUnknown { name: model.name.clone() })?;
        let active = if model.active_params.is_some() { ", active parameters" } else { "" };
        let note = format!("{active} ({}; {})", model.source, model.checked);
        Ok((model.name.clone(), n, d, note))
    }
}
