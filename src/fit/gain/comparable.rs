//! Whether the losses of two recipes mean the same.

use std::collections::BTreeSet;

use super::request::Recipe;
use crate::data::{RunRecord, RunTable};
use crate::error::GainProblem;
use crate::units::{Flops, LossUnit, ParamRule};

/// Refuses losses of different units, tokenisers or validation texts, and sizes counted differently.
pub(super) fn comparable(a: &Recipe<'_>, b: &Recipe<'_>) -> Result<(), GainProblem> {
    let differ = |what: &str, of_a: String, of_b: String| {
        let (a, b, what) = (a.name.to_owned(), b.name.to_owned(), what.to_owned());
        Err(GainProblem::NotTheSameLoss { a, b, what, of_a, of_b })
    };
    let (unit_a, unit_b) = (loss_unit(a), loss_unit(b));
    if unit_a != unit_b {
        return differ("the unit of their losses", unit_a.to_string(), unit_b.to_string());
    }
    let (rule_a, rule_b) = (params_rule(a), params_rule(b));
    if rule_a != rule_b {
        return differ("what N counts", rule_a.to_string(), rule_b.to_string());
    }
    let (Some(runs_a), Some(runs_b)) = (a.runs, b.runs) else { return Ok(()) };
    let columns: BTreeSet<&str> = runs_a.runs.iter().flat_map(|run| run.labels.columns()).collect();
    for column in columns.into_iter().filter(|column| sets_the_loss(column)) {
        if let (Some(x), Some(y)) = (only_value(runs_a, column), only_value(runs_b, column))
            && x != y
        {
            return differ(&format!("column `{column}`"), x, y);
        }
    }
    for (name, runs) in [(a.name, runs_a), (b.name, runs_b)] {
        let budgets = runs.by_budget();
        let lowest = |runs: &[&RunRecord]| {
            runs.iter().map(|run| run.loss_nats).fold(f64::INFINITY, f64::min)
        };
        if let [(from_flops, first), .., (to_flops, last)] = &budgets[..] {
            let (from, to) = (lowest(first), lowest(last));
            if to >= from {
                let (name, from_flops, to_flops) = (name.to_owned(), *from_flops, *to_flops);
                return Err(GainProblem::NoFall { name, from, from_flops, to, to_flops });
            }
        }
    }
    for (name, runs, fit) in [(a.name, runs_a, a.fit), (b.name, runs_b, b.fit)] {
        let budgets = runs.by_budget();
        if let ([(flops, _)], None, true) = (&budgets[..], fit, name == a.name) {
            let (name, flops) = (name.to_owned(), *flops);
            let (smaller, larger) = (Flops::new(0.3 * flops.get()), flops * 3.0);
            return Err(GainProblem::OneBudget { name, flops, smaller, larger });
        }
    }
    Ok(())
}

fn loss_unit(recipe: &Recipe<'_>) -> LossUnit {
    let of_runs = recipe.runs.map(RunTable::loss_unit);
    of_runs.or(recipe.fit.map(|fit| fit.surface.loss_unit)).unwrap_or_default()
}

fn params_rule(recipe: &Recipe<'_>) -> ParamRule {
    let of_runs = recipe.runs.map(|runs| runs.params);
    of_runs.or(recipe.fit.map(|fit| fit.surface.params)).unwrap_or(ParamRule::All)
}

/// Whether a column says what a loss is the loss of.
fn sets_the_loss(column: &str) -> bool {
    let name = column.to_lowercase();
    let evaluated = ["val", "eval", "valid", "validation", "heldout"];
    let text = ["set", "data", "text", "corpus", "split", "dataset"];
    let words: Vec<&str> = name.split(|c: char| !c.is_alphanumeric()).collect();
    name.contains("tokeni")
        || name.contains("vocab")
        || words.iter().any(|w| evaluated.contains(w)) && words.iter().any(|w| text.contains(w))
}

/// What a column says of every run that it says anything of.
fn only_value(runs: &RunTable, column: &str) -> Option<String> {
    let values: BTreeSet<String> =
        runs.runs.iter().filter_map(|run| Some(run.labels.get(column)?.to_string())).collect();
    (values.len() == 1).then(|| values.into_iter().next()).flatten()
}
