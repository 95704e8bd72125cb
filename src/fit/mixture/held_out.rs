//! Laws of mixtures on runs they were not fitted to.

use rand::seq::SliceRandom;

use super::answer::MixtureTest;
use super::law::{MixtureForm, MixtureLaw, MixtureRows, fit_law};
use crate::data::MixtureTable;
use crate::num::{mean, stream};

/// Parts of the runs that are held out in turn.
const FOLDS: usize = 5;

/// Rows of one target among some runs.
pub(super) fn rows_of(table: &MixtureTable, target: usize, runs: &[usize]) -> MixtureRows {
    let row = |i: &usize| (table.runs[*i].shares.clone(), table.runs[*i].losses[target]);
    MixtureRows::new(runs.iter().map(row), table.domains.len())
}

/// The law of each target on some runs, with its weight; `None` where one has no proven minimum.
pub(super) fn laws_on(
    form: MixtureForm,
    table: &MixtureTable,
    weights: &[(usize, f64)],
    runs: &[usize],
) -> Option<Vec<(MixtureLaw, f64)>> {
    weights
        .iter()
        .map(|(target, weight)| {
            let fitted = fit_law(form, &rows_of(table, *target, runs))?;
            fitted.certificate.certified.then_some((fitted.law, *weight))
        })
        .collect()
}

/// Weighted loss that laws predict.
pub(super) fn weighted(laws: &[(MixtureLaw, f64)], shares: &[f64]) -> f64 {
    laws.iter().map(|(law, weight)| weight * law.loss(shares)).sum()
}

/// Weighted loss that was measured.
pub(super) fn measured(table: &MixtureTable, weights: &[(usize, f64)], run: usize) -> f64 {
    weights.iter().map(|(target, weight)| weight * table.runs[run].losses[*target]).sum()
}

/// A random order of runs.
pub(super) fn shuffled(runs: usize, seed: u64) -> Vec<usize> {
    let mut order: Vec<usize> = (0..runs).collect();
    order.shuffle(&mut stream(seed, u64::MAX));
    order
}

/// Every run predicted from the four fifths that it is not among.
pub(super) fn cross_validated(
    form: MixtureForm,
    table: &MixtureTable,
    weights: &[(usize, f64)],
    seed: u64,
) -> Option<MixtureTest> {
    let order = shuffled(table.runs.len(), seed);
    let mut pairs = Vec::new();
    for fold in 0..FOLDS {
        let is_in = |place: usize| place % FOLDS == fold;
        let places = || order.iter().enumerate();
        let fitted: Vec<usize> = places().filter(|(p, _)| !is_in(*p)).map(|(_, i)| *i).collect();
        let laws = laws_on(form, table, weights, &fitted)?;
        for (_, i) in places().filter(|(p, _)| is_in(*p)) {
            pairs.push((weighted(&laws, &table.runs[*i].shares), measured(table, weights, *i)));
        }
    }
    Some(tested(&pairs, false))
}

/// Predictions for the runs of another table, whose targets are those of `weights` by place.
pub(super) fn on_table(
    laws: &[(MixtureLaw, f64)],
    table: &MixtureTable,
    weights: &[(usize, f64)],
) -> MixtureTest {
    let pair = |i: usize| (weighted(laws, &table.runs[i].shares), measured(table, weights, i));
    tested(&(0..table.runs.len()).map(pair).collect::<Vec<_>>(), true)
}

/// - `pairs`: (predicted, actual).
fn tested(pairs: &[(f64, f64)], of_another_table: bool) -> MixtureTest {
    let squares = pairs.iter().map(|(p, a)| (p - a).powi(2)).sum::<f64>();
    let best = pairs.iter().min_by(|x, y| x.0.total_cmp(&y.0)).map_or(f64::NAN, |pair| pair.1);
    MixtureTest {
        of_another_table,
        runs: pairs.len(),
        spearman: spearman(pairs),
        error_nats: (squares / pairs.len() as f64).sqrt(),
        predicted_best_is: 1 + pairs.iter().filter(|pair| pair.1 < best).count(),
    }
}

/// Spearman's rank correlation, tied values at the mean of their ranks.
pub(super) fn spearman(pairs: &[(f64, f64)]) -> f64 {
    let (x, y) = (ranks(pairs.iter().map(|p| p.0)), ranks(pairs.iter().map(|p| p.1)));
    let (mx, my) = (mean(&x), mean(&y));
    let moment = |a: &[f64], ma: f64, b: &[f64], mb: f64| {
        a.iter().zip(b).map(|(a, b)| (a - ma) * (b - mb)).sum::<f64>()
    };
    moment(&x, mx, &y, my) / (moment(&x, mx, &x, mx) * moment(&y, my, &y, my)).sqrt()
}

fn ranks(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let values: Vec<f64> = values.collect();
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    for group in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let first = order.iter().position(|i| *i == group[0]).unwrap_or(0);
        let rank = first as f64 + 0.5 * (group.len() - 1) as f64;
        group.iter().for_each(|i| ranks[*i] = rank);
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: ranks 1 2 3 4 against 2 1 4 3, and with a tie.
    #[test]
    fn rank_correlations_are_those_of_textbooks() {
        let pairs = [(1.0, 20.0), (2.0, 10.0), (3.0, 40.0), (4.0, 30.0)];
        assert!((spearman(&pairs) - 0.6).abs() < 1e-12);
        let tied = [(1.0, 1.0), (1.0, 2.0), (2.0, 3.0)];
        // Ranks 1.5 1.5 3 against 1 2 3.
        assert!((spearman(&tied) - 0.866_025_403_784).abs() < 1e-9);
    }
}
