//! Whether runs of several recipes stand in one table.

use std::collections::{BTreeMap, BTreeSet};

use super::kinds::repeats_the_plane;
use crate::data::{Label, RunRecord, RunTable};
use crate::error::Warning;
use crate::law::{Factor, Law};
use crate::units::ParamRule;

/// Columns that name a part of a recipe which a law of N and D takes to be the same in all runs, with what
/// it is. What is set anew for each size, as rates and batches, is not among them.
const PARTS: [(&str, &[&str]); 8] = [
    (
        "schedule",
        &["schedule", "lr_schedule", "lr_scheduler", "lr_scheduler_type", "lr_decay_style"],
    ),
    ("tokenizer", &["tokenizer", "tokenizer_name", "tokenizer_type", "tokeniser"]),
    (
        "corpus",
        &["corpus", "corpus_sha256", "corpus_digest", "dataset", "dataset_name", "train_set"],
    ),
    ("context", &["context", "context_length", "seq_len", "seq_length", "sequence_length"]),
    ("precision", &["precision", "dtype", "compute_dtype", "train_precision"]),
    ("transfer", &["width_transfer", "transfer", "parametrization", "parameterization"]),
    ("optimiser", &["optimizer", "optimizer_name", "optimiser", "optim"]),
    ("architecture", &["architecture", "model_type", "arch", "attention"]),
];

/// Columns of parameters that a token visits.
const VISITED: [&str; 5] =
    ["n_params_active", "active_params", "n_active_params", "params_active", "active_parameters"];

/// Columns of all parameters.
const ALL: [&str; 4] = ["n_params", "params", "total_params", "num_params"];

/// A warning where runs of several recipes are fitted as one: dense and sparse models under a law that
/// knows no experts, or a column that names a part of the recipe and says different things.
///
/// A column that only says N or D again is none, nor is one that `explains` the residuals, of which there
/// is a word already.
pub(crate) fn mixed_recipes(
    law: &dyn Law,
    table: &RunTable,
    explains: Option<&str>,
) -> Option<Warning> {
    let knows = |factor: Factor| law.factors().contains(&factor);
    let sparse = [Factor::Experts, Factor::Sparsity, Factor::Granularity].into_iter().any(knows);
    if !sparse && let Some((column, groups)) = by_sparsity(table) {
        return Some(Warning::MixedRecipes { column, part: "experts".to_owned(), groups });
    }
    let columns: BTreeSet<&str> = table.runs.iter().flat_map(|r| r.labels.columns()).collect();
    let mut found: Vec<(usize, Warning)> = columns
        .into_iter()
        .filter(|column| Some(*column) != explains)
        .filter_map(|column| {
            let name = column.to_lowercase().replace(['-', '.', ' '], "_");
            let name = name.rsplit('/').next().unwrap_or(&name);
            let (rank, part) =
                PARTS.iter().enumerate().find(|(_, (_, names))| names.contains(&name))?;
            if part.0 == "precision" && knows(Factor::Precision) {
                return None;
            }
            let groups = by_value(table, column)?;
            let (column, part) = (column.to_owned(), part.0.to_owned());
            Some((rank, Warning::MixedRecipes { column, part, groups }))
        })
        .collect();
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().next().map(|(_, warning)| warning)
}

/// Dense and sparse runs, with the column that tells them apart.
fn by_sparsity(table: &RunTable) -> Option<(String, Vec<(String, usize)>)> {
    // Where N counts visited parameters, all of them stand beside it.
    let names: &[&str] = if table.params == ParamRule::Active { &ALL } else { &VISITED };
    let visited = |run: &RunRecord| {
        names.iter().find_map(|name| match run.labels.get(name) {
            Some(Label::Number(n)) => Some((*name, *n)),
            _ => None,
        })
    };
    let is_sparse = |run: &RunRecord| {
        let fewer = visited(run).is_some_and(|(_, n)| (n / run.n.get() - 1.0).abs() > 1e-6);
        fewer || run.setting.experts > 1.0
    };
    let sparse = table.runs.iter().filter(|run| is_sparse(run)).count();
    let dense = table.runs.len() - sparse;
    if sparse == 0 || dense == 0 {
        return None;
    }
    let column = table.runs.iter().find_map(visited).map_or("experts", |(name, _)| name);
    let mut groups = vec![("dense".to_owned(), dense), ("sparse".to_owned(), sparse)];
    groups.sort_by_key(|(_, runs)| std::cmp::Reverse(*runs));
    Some((column.to_owned(), groups))
}

/// The values of a column with their runs, the most frequent first; `None` below two groups of two runs,
/// and where each value stands for one N or one D.
fn by_value(table: &RunTable, column: &str) -> Option<Vec<(String, usize)>> {
    let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (i, run) in table.runs.iter().enumerate() {
        let value = run.labels.get(column).map_or("not said".to_owned(), ToString::to_string);
        groups.entry(value).or_default().push(i);
    }
    let large = groups.values().filter(|rows| rows.len() > 1).count();
    if large < 2 || 3 * groups.len() > table.runs.len() || repeats_the_plane(table, &groups) {
        return None;
    }
    let mut counts: Vec<(String, usize)> =
        groups.into_iter().map(|(value, rows)| (value, rows.len())).collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(&b.0)));
    Some(counts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::{Chinchilla, law_by_id};
    use crate::units::{Params, Tokens};

    /// Sixteen runs on a grid, each with what `label` says of it.
    fn table(label: impl Fn(usize) -> Vec<(&'static str, Label)>) -> RunTable {
        let run = |i: usize| {
            let n = Params::new(1e6 * 2.0_f64.powi((i % 4) as i32));
            let d = Tokens::new(1e8 * 2.0_f64.powi((i / 4) as i32));
            let labels = label(i).into_iter().map(|(c, l)| (c.to_owned(), l)).collect();
            RunRecord { labels, ..RunRecord::new(format!("{i}"), n, d, 3.0) }
        };
        RunTable::from_runs((0..16).map(run).collect(), ParamRule::All)
    }

    fn found(table: &RunTable) -> Option<(String, Vec<(String, usize)>)> {
        match mixed_recipes(&Chinchilla, table, None)? {
            Warning::MixedRecipes { column, groups, .. } => Some((column, groups)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn dense_and_sparse_and_two_schedules_are_told() {
        let sparse = table(|i| {
            // Half of the runs visit a third of their parameters.
            let n = 1e6 * 2.0_f64.powi((i % 4) as i32);
            if (i / 4).is_multiple_of(2) {
                vec![("n_params_active", Label::Number(n / 3.0))]
            } else {
                vec![]
            }
        });
        let (column, groups) = found(&sparse).expect("told");
        assert_eq!(column, "n_params_active");
        assert_eq!(groups, [("dense".to_owned(), 8), ("sparse".to_owned(), 8)]);
        let text = |i: usize| if (i + i / 4).is_multiple_of(3) { "wsd" } else { "cosine" };
        let mixed = table(|i| vec![("schedule", Label::of(text(i)))]);
        let (column, groups) = found(&mixed).expect("told");
        assert_eq!((column.as_str(), groups[0].0.as_str()), ("schedule", "cosine"));
        let explained = mixed_recipes(&Chinchilla, &mixed, Some("schedule"));
        assert!(explained.is_none(), "said already");
        let moe = law_by_id("joint-moe").expect("a law of experts");
        assert!(mixed_recipes(moe, &sparse, None).is_none(), "the law knows of it");
    }

    #[test]
    fn one_recipe_other_columns_and_settings_of_a_size_are_not() {
        assert!(found(&table(|_| vec![("schedule", Label::of("wsd"))])).is_none());
        assert!(found(&table(|i| vec![("seed", Label::Number((i % 2) as f64))])).is_none());
        let by_size = table(|i| vec![("context", Label::Number(128.0 * (i % 4) as f64))]);
        assert!(found(&by_size).is_none(), "each context is a size's own");
        let visits_all =
            table(|i| vec![("n_params_active", Label::Number(1e6 * 2.0_f64.powi((i % 4) as i32)))]);
        assert!(found(&visits_all).is_none());
    }

    #[test]
    fn runs_that_do_not_say_are_a_group_of_their_own() {
        let half = table(|i| match (i + i / 4) % 2 {
            0 => vec![("tokenizer", Label::of("bpe"))],
            _ => vec![],
        });
        let (column, groups) = found(&half).expect("told");
        assert_eq!(column, "tokenizer");
        assert_eq!(groups, [("bpe".to_owned(), 8), ("not said".to_owned(), 8)]);
    }
}
