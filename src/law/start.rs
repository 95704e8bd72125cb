//! Starting points: exponents from a grid, the rest by least squares.

use std::borrow::Cow;

use super::at::At;
use crate::num::nonnegative_least_squares;

/// Starts kept of a grid.
const MOST_STARTS: usize = 12;

/// What is linear in the other coefficients once a tuple of exponents is fixed: `target` = sum of
/// coefficient times column, one value per run.
///
/// The target is the loss itself, or a function of it in which the law is linear, such as L - E or
/// L^(1 / k). See [`Form`](super::Form) for an example.
pub struct LinearPart<'a> {
    columns: Vec<Vec<f64>>,
    target: Cow<'a, [f64]>,
    back: Option<Box<dyn Fn(f64) -> f64 + 'a>>,
}

impl<'a> LinearPart<'a> {
    /// A law that is linear in the loss itself; no columns yet.
    #[must_use]
    pub fn of_loss(loss: &'a [f64]) -> Self {
        Self { columns: Vec::new(), target: Cow::Borrowed(loss), back: None }
    }

    /// A law that is linear in `forward(loss)`; `back` undoes `forward`, so that tuples with
    /// different targets are compared by the losses they predict.
    #[must_use]
    pub fn of(
        loss: &'a [f64],
        forward: impl Fn(f64) -> f64,
        back: impl Fn(f64) -> f64 + 'a,
    ) -> Self {
        Self {
            columns: Vec::new(),
            target: loss.iter().map(|l| forward(*l)).collect(),
            back: Some(Box::new(back)),
        }
    }

    /// The same with one more column: what the next coefficient multiplies, one value per run.
    #[must_use]
    pub fn with(mut self, column: impl IntoIterator<Item = f64>) -> Self {
        self.columns.push(column.into_iter().collect());
        self
    }

    /// Predicted loss of run `i`.
    fn loss(&self, b: &[f64], i: usize) -> f64 {
        let fitted: f64 = self.columns.iter().zip(b).map(|(c, b)| c[i] * b).sum();
        self.back.as_ref().map_or(fitted, |back| back(fitted))
    }
}

/// For every tuple of exponents in `grid`, the coefficients that enter linearly, by nonnegative least
/// squares; the best twelve tuples, smallest sum of squared errors of the loss first.
///
/// - `part`: what is linear for a tuple.
/// - Returns (tuple, linear coefficients); a coefficient at zero is lifted to a hundredth of what
///   would explain a typical target, since a logarithm cannot start there.
pub fn ranked_starts<'a, const K: usize>(
    grid: &[[f64; K]],
    loss: &[f64],
    part: impl Fn(&[f64; K]) -> LinearPart<'a>,
) -> Vec<([f64; K], Vec<f64>)> {
    let mut starts: Vec<(f64, [f64; K], Vec<f64>)> = grid
        .iter()
        .filter_map(|exponents| {
            let part = part(exponents);
            let mut b = nonnegative_least_squares(&part.columns, &part.target)?;
            let squares =
                (0..loss.len()).map(|i| (part.loss(&b, i) - loss[i]).powi(2)).sum::<f64>();
            let total = part.target.iter().map(|x| x.abs()).sum::<f64>();
            for (column, b) in part.columns.iter().zip(&mut b) {
                let typical = total / column.iter().map(|x| x.abs()).sum::<f64>();
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
#[must_use]
pub fn grid<const K: usize>(values: [&[f64]; K]) -> Vec<[f64; K]> {
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

/// E, A, B of E + A N^-alpha + B D^-beta by least squares for fixed exponents.
pub(super) fn start_powers(
    at: &[At<f64>],
    loss: &[f64],
    alpha: f64,
    beta: f64,
) -> Option<[f64; 3]> {
    let columns = vec![
        vec![1.0; at.len()],
        at.iter().map(|x| (-alpha * x.ln_n).exp()).collect(),
        at.iter().map(|x| (-beta * x.ln_d).exp()).collect(),
    ];
    Some(lifted(&nonnegative_least_squares(&columns, loss)?, loss))
}

/// A logarithm cannot start at zero; a hundredth of a typical loss can grow back.
pub(super) fn lifted(b: &[f64], loss: &[f64]) -> [f64; 3] {
    let least = 0.01 * loss.iter().sum::<f64>() / loss.len() as f64;
    [b[0].max(least), b[1].max(least), b[2].max(least)]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// L = E + (a + b x)^2 is linear in sqrt(L - E); tuples of E are ranked by the loss they give.
    #[test]
    fn a_transformed_loss_ranks_the_true_tuple_first() {
        let x: Vec<f64> = (0..10).map(f64::from).collect();
        let loss: Vec<f64> = x.iter().map(|x| 1.5 + (0.4 + 0.3 * x).powi(2)).collect();
        let part = |[e]: &[f64; 1]| {
            let e = *e;
            LinearPart::of(&loss, move |l| (l - e).sqrt(), move |y| e + y * y)
                .with(x.iter().map(|_| 1.0))
                .with(x.iter().copied())
        };
        let starts = ranked_starts(&grid([&[0.5, 1.0, 1.5]]), &loss, part);
        let ([e], b) = &starts[0];
        assert_eq!((starts.len(), *e), (3, 1.5));
        assert!((b[0] - 0.4).abs() < 1e-9 && (b[1] - 0.3).abs() < 1e-9, "{b:?}");
    }
}
