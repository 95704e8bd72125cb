//! Structure in the residuals: what the law leaves unexplained, and along what.

use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::data::{RunRecord, RunTable};
use crate::law::{At, Law, Scale};
use crate::num::{median, quantile};
use crate::units::Setting;

/// A quantity along which the residuals are not scatter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trend {
    /// ln N, ln D, a square of one of them, or their product.
    pub against: String,
    /// Student t of its coefficient when it is added to the law.
    pub t: f64,
    /// Two-sided probability of such a t by chance, times the five quantities tried (Bonferroni).
    pub p: f64,
    /// How far it takes the runs from the law, as a share of the loss: the ninth decile over them.
    #[serde(default)]
    pub size: f64,
    /// N* at the largest budget of the runs with the quantity in the law, over that without; absent
    /// where there is no optimum.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moves: Option<f64>,
}

/// A law at one budget, to see what a trend does to its decision.
pub(crate) struct AtBudget {
    pub(crate) law: &'static dyn Law,
    /// ln(N D) of the budget.
    pub(crate) ln_nd: f64,
}

/// Probability below which a trend is reported.
const REPORTED: f64 = 1e-3;

/// Trends in log residuals at least squares or near it.
///
/// Each quantity is cleared of what the law could take up itself, its part in the column space of
/// `q`, and regressed on. Residuals beyond three robust standard deviations are pulled in to that, so
/// that one outlier is no trend.
///
/// - `q`, `inverse_r`: the Jacobian is Q R; n by p and p by p.
/// - `budget`, `theta`, `free`: where decisions are compared, the coefficients, and which of them the
///   columns of the Jacobian belong to.
pub(crate) fn trends(
    table: &RunTable,
    (q, inverse_r): (&DMatrix<f64>, &DMatrix<f64>),
    residuals: &DVector<f64>,
    budget: &AtBudget,
    (theta, free): (&[f64], &[usize]),
) -> Vec<Trend> {
    let (n, p) = (q.nrows(), q.ncols());
    let robust = 1.4826 * median(&residuals.iter().map(|r| r.abs()).collect::<Vec<_>>());
    if n < p + 3 || robust <= 1e-12 {
        return Vec::new();
    }
    let clear = |v: &DVector<f64>| v - q * (q.transpose() * v);
    let pulled = residuals.map(|r| r.clamp(-3.0 * robust, 3.0 * robust));
    let e = clear(&pulled);
    let values = |f: fn(&RunRecord) -> f64| DVector::from_iterator(n, table.runs.iter().map(f));
    let (x, y) = (values(|r| r.n.ln()), values(|r| r.d.ln()));
    let (x0, y0) = (x.mean(), y.mean());
    type Of = fn(f64, f64) -> f64;
    let quantities: [(&str, Of); 5] = [
        ("ln N", |x, _| x),
        ("ln D", |_, y| y),
        ("(ln N)²", |x, _| x * x),
        ("(ln D)²", |_, y| y * y),
        ("ln N · ln D", |x, y| x * y),
    ];
    let tried = quantities.len() as f64;
    let Ok(student) = StudentsT::new(0.0, 1.0, (n - p - 1) as f64) else { return Vec::new() };
    let mut trends: Vec<Trend> = quantities
        .into_iter()
        .filter_map(|(against, of)| {
            let whole = DVector::from_fn(n, |i, _| of(x[i] - x0, y[i] - y0));
            let size = whole.norm();
            let z = clear(&whole);
            // What the law takes up itself leaves rounding, which is no direction.
            if z.norm() < 1e-6 * size {
                return None;
            }
            let slope = z.dot(&e) / z.norm_squared();
            let left = (&e - slope * &z).norm_squared() / (n - p - 1) as f64;
            let t = slope * z.norm() / left.sqrt();
            let p = (2.0 * tried * student.sf(t.abs())).min(1.0);
            (p < REPORTED).then(|| {
                // What the law takes up of the quantity, as changes of its coefficients.
                let taken_up = inverse_r * (q.transpose() * &whole);
                let left = |ln_n: f64, ln_d: f64, gradient: &[f64]| {
                    let by_law: f64 =
                        gradient.iter().zip(taken_up.iter()).map(|(g, c)| g * c).sum();
                    slope * (of(ln_n - x0, ln_d - y0) - by_law)
                };
                let mut sizes: Vec<f64> = z.iter().map(|z| (slope * z).abs()).collect();
                sizes.sort_by(f64::total_cmp);
                Trend {
                    against: against.to_owned(),
                    t,
                    p,
                    size: quantile(&sizes, 0.9),
                    moves: budget.moves(theta, free, &left),
                }
            })
        })
        .collect();
    trends.sort_by(|a, b| b.t.abs().total_cmp(&a.t.abs()));
    trends
}

impl AtBudget {
    /// The best N of the budget with a term taken off ln loss, over that of the law; `None` where
    /// either is at an end of a factor of ten around the optimum.
    ///
    /// - `term`: of ln N, ln D and the gradient of ln loss in the free variables of the solver.
    fn moves(
        &self,
        theta: &[f64],
        free: &[usize],
        term: &dyn Fn(f64, f64, &[f64]) -> f64,
    ) -> Option<f64> {
        const STEPS: usize = 200;
        const REACH: f64 = std::f64::consts::LN_10;
        if !self.law.has_optimum() {
            return None;
        }
        let coefs = self.law.coefs();
        let p = coefs.len();
        let (mut g, mut h) = (vec![0.0; p], vec![0.0; p * p]);
        let centre = self.law.ln_n_optimal(theta, self.ln_nd, &Setting::PLAIN)?;
        let mut curve = Vec::with_capacity(STEPS + 1);
        for step in 0..=STEPS {
            let ln_n = centre + REACH * (2.0 * step as f64 / STEPS as f64 - 1.0);
            let at = At { ln_n, ln_d: self.ln_nd - ln_n, setting: Setting::PLAIN };
            let loss = self.law.jet(theta, &at, &mut g, &mut h);
            let chain = |k: &usize| if coefs[*k].scale == Scale::Log { theta[*k] } else { 1.0 };
            let gradient: Vec<f64> = free.iter().map(|k| g[*k] * chain(k) / loss).collect();
            curve.push((ln_n, loss.ln() - term(ln_n, at.ln_d, &gradient)));
        }
        let lowest = (0..curve.len()).min_by(|a, b| curve[*a].1.total_cmp(&curve[*b].1))?;
        (lowest > 0 && lowest < STEPS).then(|| {
            let [l, m, r] = [lowest - 1, lowest, lowest + 1].map(|k| curve[k].1);
            let step = curve[1].0 - curve[0].0;
            let bend = l - 2.0 * m + r;
            let off = if bend > 0.0 { 0.5 * (l - r) / bend * step } else { 0.0 };
            (curve[lowest].0 + off - centre).exp()
        })
    }
}
