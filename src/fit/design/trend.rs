//! Structure in the residuals: what the law leaves unexplained, and along what.

use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::data::{RunRecord, RunTable};
use crate::num::median;

/// A quantity along which the residuals are not scatter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trend {
    /// ln N, ln D, a square of one of them, or their product.
    pub against: String,
    /// Student t of its coefficient when it is added to the law.
    pub t: f64,
    /// Two-sided probability of such a t by chance, times the five quantities tried (Bonferroni).
    pub p: f64,
}

/// Probability below which a trend is reported.
const REPORTED: f64 = 1e-3;

/// Trends in log residuals at least squares or near it.
///
/// Each quantity is cleared of what the law could take up itself, its part in the column space of
/// `q`, and regressed on. Residuals beyond three robust standard deviations are pulled in to that, so
/// that one outlier is no trend.
///
/// - `q`: orthonormal columns spanning the Jacobian, n by p.
pub(crate) fn trends(table: &RunTable, q: &DMatrix<f64>, residuals: &DVector<f64>) -> Vec<Trend> {
    let (n, p) = (q.nrows(), q.ncols());
    let robust = 1.4826 * median(&residuals.iter().map(|r| r.abs()).collect::<Vec<_>>());
    if n < p + 3 || robust <= 1e-12 {
        return Vec::new();
    }
    let clear = |v: &DVector<f64>| v - q * (q.transpose() * v);
    let pulled = residuals.map(|r| r.clamp(-3.0 * robust, 3.0 * robust));
    let e = clear(&pulled);
    let centred = |f: fn(&RunRecord) -> f64| {
        let v = DVector::from_iterator(n, table.runs.iter().map(f));
        let mean = v.mean();
        v.map(|x| x - mean)
    };
    let (x, y) = (centred(|r| r.n.ln()), centred(|r| r.d.ln()));
    let quantities = [
        ("ln N", x.clone()),
        ("ln D", y.clone()),
        ("(ln N)²", x.component_mul(&x)),
        ("(ln D)²", y.component_mul(&y)),
        ("ln N · ln D", x.component_mul(&y)),
    ];
    let tried = quantities.len() as f64;
    let Ok(student) = StudentsT::new(0.0, 1.0, (n - p - 1) as f64) else { return Vec::new() };
    let mut trends: Vec<Trend> = quantities
        .into_iter()
        .filter_map(|(against, z)| {
            let size = z.norm();
            let z = clear(&z);
            // What the law takes up itself leaves rounding, which is no direction.
            if z.norm() < 1e-6 * size {
                return None;
            }
            let slope = z.dot(&e) / z.norm_squared();
            let left = (&e - slope * &z).norm_squared() / (n - p - 1) as f64;
            let t = slope * z.norm() / left.sqrt();
            let p = (2.0 * tried * student.sf(t.abs())).min(1.0);
            (p < REPORTED).then(|| Trend { against: against.to_owned(), t, p })
        })
        .collect();
    trends.sort_by(|a, b| b.t.abs().total_cmp(&a.t.abs()));
    trends
}
