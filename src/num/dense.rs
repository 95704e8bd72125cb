//! Small dense algebra on nalgebra.

use nalgebra::{DMatrix, DVector};

/// Smallest eigenvalue of a symmetric `p` by `p` matrix stored row by row; NaN when an entry is not
/// finite.
#[must_use]
pub fn smallest_eigenvalue(p: usize, matrix: &[f64]) -> f64 {
    if matrix.iter().any(|x| !x.is_finite()) {
        return f64::NAN;
    }
    DMatrix::from_row_slice(p, p, matrix)
        .symmetric_eigenvalues()
        .iter()
        .copied()
        .fold(f64::INFINITY, f64::min)
}

/// min |X b - y|² with b >= 0, by trying every active set: exact for the three to five columns of a
/// law, where 2^columns is small.
///
/// - `columns`: columns of X, each as long as `y`.
/// - Returns b, or `None` if no subset of the columns has a solution.
#[must_use]
pub fn nonnegative_least_squares(columns: &[Vec<f64>], y: &[f64]) -> Option<Vec<f64>> {
    let k = columns.len();
    let gram: Vec<f64> = (0..k * k).map(|ij| dot(&columns[ij / k], &columns[ij % k])).collect();
    let moment: Vec<f64> = columns.iter().map(|c| dot(c, y)).collect();
    nonnegative_least_squares_of(&gram, &moment).map(|(b, _)| b)
}

/// x · y.
#[must_use]
pub fn dot(x: &[f64], y: &[f64]) -> f64 {
    x.iter().zip(y).map(|(x, y)| x * y).sum()
}

/// As [`nonnegative_least_squares`] from X'X (row by row) and X'y; also returns |X b - y|² - |y|².
#[must_use]
pub fn nonnegative_least_squares_of(gram: &[f64], moment: &[f64]) -> Option<(Vec<f64>, f64)> {
    let k = moment.len();
    let mut best: Option<(Vec<f64>, f64)> = None;
    // From all columns down: when all of them come out positive, no subset does better.
    for set in (1..(1_usize << k)).rev() {
        let active: Vec<usize> = (0..k).filter(|j| set >> j & 1 == 1).collect();
        let m = active.len();
        let normal = DMatrix::from_fn(m, m, |r, c| gram[active[r] * k + active[c]]);
        let rhs = DVector::from_fn(m, |r, _| moment[active[r]]);
        let Some(solution) = normal.cholesky().map(|c| c.solve(&rhs)) else { continue };
        if solution.iter().any(|b| *b < 0.0) {
            continue;
        }
        let value = -solution.dot(&rhs);
        if best.as_ref().is_none_or(|(_, v)| value < *v) {
            let mut b = vec![0.0; k];
            active.iter().zip(solution.iter()).for_each(|(&j, &x)| b[j] = x);
            best = Some((b, value));
        }
        if m == k {
            break;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eigenvalues_of_a_known_matrix() {
        assert!((smallest_eigenvalue(2, &[2.0, 1.0, 1.0, 2.0]) - 1.0).abs() < 1e-12);
        assert!(smallest_eigenvalue(1, &[f64::INFINITY]).is_nan());
    }

    #[test]
    fn nonnegative_least_squares_clamps_negative_coefficients() {
        let columns = vec![vec![1.0, 1.0, 1.0], vec![0.0, 1.0, 2.0]];
        let rising = nonnegative_least_squares(&columns, &[1.0, 3.0, 5.0]).expect("solution");
        assert!((rising[0] - 1.0).abs() < 1e-12 && (rising[1] - 2.0).abs() < 1e-12);
        let falling = nonnegative_least_squares(&columns, &[5.0, 3.0, 1.0]).expect("solution");
        assert!((falling[0] - 3.0).abs() < 1e-12 && falling[1] == 0.0);
    }
}
