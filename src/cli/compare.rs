//! `isoloss compare`: smaller models at the same loss, and when they pay back.

use clap::Args as ClapArgs;
use serde_json::json;

use super::output::{Output, to_value};
use super::target::Target;
use crate::error::{PlanError, Result, Warning};
use crate::plan::{Comparison, compare_ratios, compare_sizes};
use crate::report::comparison_sheet;
use crate::study::{AskedLaw, ask_laws};
use crate::units::Params;

/// Flags of `isoloss compare`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss compare --law besiroglu --quality-of 70B --sizes 35B,21B
  isoloss compare --law hoffmann-a3-devries --quality-of 70B --ratios 20,100,500")]
pub(super) struct Args {
    /// A published law (`isoloss laws`), several with commas, `all`, a fit.json, or a family with
    /// constants of your own (`chinchilla:E=1.69;A=406.4;B=410.7;alpha=0.34;beta=0.28`).
    #[arg(long)]
    law: String,
    #[command(flatten)]
    target: Target,
    /// Model sizes, e.g. 35B,21B.
    #[arg(long, value_delimiter = ',', conflicts_with = "ratios")]
    sizes: Vec<Params>,
    /// Tokens per parameter, e.g. 20,100,500.
    #[arg(long, value_delimiter = ',')]
    ratios: Vec<f64>,
}

pub(super) fn run(args: &Args) -> Result<Output> {
    let laws = ask_laws(&args.law)?;
    let (mut tables, mut warnings) = (Vec::new(), Vec::new());
    for AskedLaw { ensemble, warnings: doubts } in &laws {
        let surface = &ensemble.best;
        let loss = args.target.loss_under(surface)?;
        let table = if !args.sizes.is_empty() {
            compare_sizes(surface, loss, &args.sizes)?
        } else if !args.ratios.is_empty() {
            compare_ratios(surface, loss, &args.ratios)?
        } else {
            return Err(PlanError::Inputs {
                problem: "nothing to compare".to_owned(),
                mend: "give --sizes 35B,21B or --ratios 20,100,500",
            }
            .into());
        };
        warnings.extend(doubts.iter().cloned());
        warnings.extend(near_wall(&table));
        tables.push(table);
    }
    let text = tables.iter().map(|t| comparison_sheet(t).to_text()).collect::<Vec<_>>().join("\n");
    let json = match tables.as_slice() {
        [one] => flat(one)?,
        several => {
            let each = several.iter().map(flat).collect::<Result<Vec<_>>>()?;
            json!({ "comparisons": each })
        }
    };
    Ok(Output { text, json, warnings })
}

fn flat(table: &Comparison) -> Result<serde_json::Value> {
    to_value(table)
}

/// Rows within a third of the wall, where the law is least sure.
pub(super) fn near_wall(table: &Comparison) -> Vec<Warning> {
    table
        .rows
        .iter()
        .map(|row| row.plan.n.get() / table.wall_params.get())
        .filter(|ratio| *ratio < 4.0 / 3.0)
        .map(|ratio| Warning::NearWall { ratio })
        .collect()
}
