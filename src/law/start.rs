//! Starting points: exponents from a grid, the rest by least squares.

use crate::num::nonnegative_least_squares;

/// Starts kept of a grid.
const MOST_STARTS: usize = 12;

/// For every exponent tuple of `grid`, the coefficients in which the loss is linear, by nonnegative
/// least squares; the best [`MOST_STARTS`] tuples, lowest sum of squares first.
///
/// - `columns`: for a tuple, what each linear coefficient multiplies, one value per run.
/// - Returns (tuple, linear coefficients); a coefficient at zero is lifted to a hundredth of what
///   would explain a typical loss, since a logarithm cannot start there.
pub(super) fn ranked_starts<const K: usize>(
    grid: &[[f64; K]],
    loss: &[f64],
    columns: impl Fn(&[f64; K]) -> Vec<Vec<f64>>,
) -> Vec<([f64; K], Vec<f64>)> {
    let mut starts: Vec<(f64, [f64; K], Vec<f64>)> = grid
        .iter()
        .filter_map(|exponents| {
            let columns = columns(exponents);
            let mut b = nonnegative_least_squares(&columns, loss)?;
            let squares = (0..loss.len())
                .map(|i| {
                    let fitted: f64 = columns.iter().zip(&b).map(|(c, b)| c[i] * b).sum();
                    (fitted - loss[i]).powi(2)
                })
                .sum::<f64>();
            for (column, b) in columns.iter().zip(&mut b) {
                let typical =
                    loss.iter().sum::<f64>() / column.iter().map(|x| x.abs()).sum::<f64>();
                *b = b.max(0.01 * typical);
            }
            let usable = squares.is_finite() && b.iter().all(|b| b.is_finite() && *b > 0.0);
            usable.then_some((squares, *exponents, b))
        })
        .collect();
    starts.sort_by(|a, b| a.0.total_cmp(&b.0));
    starts.truncate(MOST_STARTS);
    starts.into_iter().map(|(_, exponents, b)| (exponents, b)).collect()
}

/// Every combination of one value from each list.
pub(super) fn grid<const K: usize>(values: [&[f64]; K]) -> Vec<[f64; K]> {
    let mut all = vec![[0.0; K]];
    for (k, list) in values.iter().enumerate() {
        all = all
            .into_iter()
            .flat_map(|tuple| {
                list.iter().map(move |x| {
                    let mut tuple = tuple;
                    tuple[k] = *x;
                    tuple
                })
            })
            .collect();
    }
    all
}
