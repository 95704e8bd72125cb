//! IsoFLOP profiles: the lowest loss at each budget (Hoffmann et al. 2022, approach 2).

use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

use crate::data::RunTable;
use crate::num::smallest_eigenvalue;
use crate::units::{Flops, Params};

/// The isoFLOP profile of one budget: a parabola in ln N through its runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Valley {
    /// The budget.
    #[serde(rename = "flops")]
    pub c: Flops,
    /// Runs in it.
    pub n_points: usize,
    /// Whether the lowest run has a smaller and a larger neighbour.
    pub bracketed: bool,
    /// Size at the parabola's minimum; absent when it has none or one outside the sizes.
    #[serde(rename = "params")]
    pub n: Option<Params>,
    /// Loss at the minimum, nats per token.
    #[serde(rename = "loss")]
    pub loss_nats: Option<f64>,
    /// Coefficients of loss = c0 + c1 t + c2 t², t = ln N - ln N0.
    pub parabola: [f64; 3],
    /// Centre of t.
    pub ln_n0: f64,
}

impl Valley {
    /// Loss on the parabola at ln N.
    #[must_use]
    pub fn loss_at(&self, ln_n: f64) -> f64 {
        let t = ln_n - self.ln_n0;
        self.parabola[0] + t * (self.parabola[1] + t * self.parabola[2])
    }

    /// Why no optimum can be read off this profile; `None` where one can.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        if self.parabola[2] <= 0.0 {
            return Some("concave: the losses have no minimum in ln N".to_owned());
        }
        if self.n.is_none() {
            return Some("the minimum lies outside the sizes".to_owned());
        }
        if !self.bracketed {
            let reason = "not bracketed: the lowest loss is that of the smallest or largest size";
            return Some(reason.to_owned());
        }
        None
    }
}

/// One profile per budget with at least three sizes, smallest budget first.
///
/// # Example
/// ```
/// use isoloss::data::{RunRecord, RunTable};
/// use isoloss::fit::valleys;
/// use isoloss::law::{Point, Surface};
/// use isoloss::units::{Flops, ParamRule, Params, Tokens};
///
/// let truth = Surface::published("besiroglu")?;
/// let c = Flops::new(1e20);
/// let best = truth.ln_n_optimal(c).expect("an optimum");
/// let run = |step: f64| {
///     let n = Params::new((best + 0.3 * step).exp());
///     let d = Tokens::new(c.get() / (6.0 * n.get()));
///     let run = RunRecord::new(format!("{n}"), n, d, truth.loss(&Point::new(n, d)));
///     RunRecord { budget: Some(c), ..run }
/// };
/// let runs = [-2.0, -1.0, 0.0, 1.0, 2.0].map(run).to_vec();
/// let profile = &valleys(&RunTable::from_runs(runs, ParamRule::All))[0];
/// let n = profile.n.expect("a minimum inside the sizes");
/// assert!((n.ln() - best).abs() < 0.1);
/// # Ok::<(), isoloss::error::Error>(())
/// ```
#[must_use]
pub fn valleys(table: &RunTable) -> Vec<Valley> {
    valleys_within(table, f64::INFINITY)
}

/// As [`valleys`], each through the runs within a factor `window` of the size of its lowest loss:
/// far from its minimum a profile is no parabola.
#[must_use]
pub fn valleys_within(table: &RunTable, window: f64) -> Vec<Valley> {
    table
        .by_budget()
        .into_iter()
        .filter_map(|(c, runs)| {
            let lowest = runs.iter().min_by(|a, b| a.loss_nats.total_cmp(&b.loss_nats))?.n.ln();
            // Sizes at the edge of the window belong to it, whatever rounding says.
            let near = |ln_n: f64| (ln_n - lowest).abs() <= window.ln() + 1e-9;
            let points: Vec<(f64, f64)> = runs
                .iter()
                .map(|r| (r.n.ln(), r.loss_nats))
                .filter(|(ln_n, _)| near(*ln_n))
                .collect();
            valley(c, &points)
        })
        .collect()
}

/// A parabola loss = c0 + c1 t + c2 t², t = ln N - ln N0, by least squares; `None` below three sizes.
struct Parabola {
    coefficients: [f64; 3],
    ln_n0: f64,
    /// Smallest and largest ln N.
    span: (f64, f64),
}

impl Parabola {
    fn through(points: &[(f64, f64)]) -> Option<Self> {
        let ln_n0 = points.iter().map(|p| p.0).sum::<f64>() / points.len() as f64;
        let power = |k: i32| points.iter().map(|p| (p.0 - ln_n0).powi(k)).sum::<f64>();
        let moment = |k: i32| points.iter().map(|p| (p.0 - ln_n0).powi(k) * p.1).sum::<f64>();
        let s: Vec<f64> = (0..5).map(power).collect();
        let normal = [s[0], s[1], s[2], s[1], s[2], s[3], s[2], s[3], s[4]];
        if points.len() < 3 || smallest_eigenvalue(3, &normal) <= 1e-12 * s[4].max(s[0]) {
            return None;
        }
        let solution = nalgebra::Matrix3::from_row_slice(&normal)
            .cholesky()?
            .solve(&nalgebra::Vector3::new(moment(0), moment(1), moment(2)));
        let span = points
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), p| (lo.min(p.0), hi.max(p.0)));
        Some(Self { coefficients: [solution[0], solution[1], solution[2]], ln_n0, span })
    }

    /// ln N of the minimum, where the parabola is convex.
    fn minimum(&self) -> Option<f64> {
        let [_, c1, c2] = self.coefficients;
        (c2 > 0.0).then(|| self.ln_n0 - c1 / (2.0 * c2))
    }

    /// The minimum, where it lies among the sizes.
    fn minimum_inside(&self) -> Option<f64> {
        self.minimum().filter(|ln_n| (self.span.0..=self.span.1).contains(ln_n))
    }
}

/// ln N of the minimum of a parabola through (ln N, loss), where it is convex with its minimum among
/// the sizes.
pub(super) fn minimum_of_profile(points: &[(f64, f64)]) -> Option<f64> {
    Parabola::through(points)?.minimum_inside()
}

/// The lowest loss on a curve through the profile (ln N, loss): a parabola, or a cubic, which follows a
/// profile that is steeper on one side. `None` where the curve has no minimum among the sizes.
pub(in crate::fit) fn lowest_of_profile(points: &[(f64, f64)], cubic: bool) -> Option<f64> {
    if !cubic {
        let parabola = Parabola::through(points)?;
        let t = parabola.minimum_inside()? - parabola.ln_n0;
        let [c0, c1, c2] = parabola.coefficients;
        return Some(c0 + t * (c1 + t * c2));
    }
    let ln_n0 = points.iter().map(|p| p.0).sum::<f64>() / points.len() as f64;
    let powers = DMatrix::from_fn(points.len(), 4, |i, k| (points[i].0 - ln_n0).powi(k as i32));
    let losses = DVector::from_iterator(points.len(), points.iter().map(|p| p.1));
    let c = powers.svd(true, true).solve(&losses, 1e-12).ok()?;
    // Where c1 + 2 c2 t + 3 c3 t² is zero and rises.
    let root = (c[2] * c[2] - 3.0 * c[1] * c[3]).sqrt();
    let t = -c[1] / (c[2] + root);
    let inside = |t: &f64| {
        let ln_n = t + ln_n0;
        points.iter().any(|p| p.0 <= ln_n) && points.iter().any(|p| p.0 >= ln_n)
    };
    Some(t).filter(inside).map(|t| c[0] + t * (c[1] + t * (c[2] + t * c[3])))
}

fn valley(c: Flops, points: &[(f64, f64)]) -> Option<Valley> {
    let parabola = Parabola::through(points)?;
    let lowest = points.iter().min_by(|a, b| a.1.total_cmp(&b.1))?.0;
    let minimum = parabola.minimum_inside();
    let mut valley = Valley {
        c,
        n_points: points.len(),
        bracketed: lowest > parabola.span.0 && lowest < parabola.span.1,
        n: minimum.map(|ln_n| Params::new(ln_n.exp())),
        loss_nats: None,
        parabola: parabola.coefficients,
        ln_n0: parabola.ln_n0,
    };
    valley.loss_nats = minimum.map(|ln_n| valley.loss_at(ln_n));
    Some(valley)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_parabola_gives_its_minimum() {
        let points: Vec<(f64, f64)> =
            [10.0, 11.0, 12.0, 13.0].map(|x: f64| (x, 2.0 + 0.1 * (x - 11.3).powi(2))).to_vec();
        let valley = valley(Flops::new(1e18), &points).expect("four sizes");
        assert!((valley.n.expect("convex").ln() - 11.3).abs() < 1e-9);
        assert!((valley.loss_nats.expect("convex") - 2.0).abs() < 1e-9);
        assert!(valley.bracketed);
    }

    #[test]
    fn a_cubic_finds_the_floor_of_a_lopsided_profile() {
        let loss = |x: f64| 2.0 + 0.1 * (x - 11.3).powi(2) * (1.0 - 0.1 * (x - 11.3));
        let points: Vec<(f64, f64)> =
            (0..9).map(|k| 10.0 + 0.4 * f64::from(k)).map(|x| (x, loss(x))).collect();
        let by_cubic = lowest_of_profile(&points, true).expect("inside");
        let by_parabola = lowest_of_profile(&points, false).expect("inside");
        assert!((by_cubic - 2.0).abs() < 1e-9, "{by_cubic}");
        assert!((by_parabola - 2.0).abs() > 1e-4, "{by_parabola}");
        let slope: Vec<(f64, f64)> = [1.0, 2.0, 3.0, 4.0, 5.0].map(|x: f64| (x, x)).to_vec();
        assert!(
            lowest_of_profile(&slope, true).is_none() && lowest_of_profile(&slope, false).is_none()
        );
    }

    #[test]
    fn a_hill_and_a_slope_have_no_minimum_inside() {
        let hill = [1.0, 2.0, 3.0].map(|x: f64| (x, -(x - 2.0).powi(2))).to_vec();
        assert!(valley(Flops::new(1.0), &hill).expect("three sizes").n.is_none());
        let slope = [1.0, 2.0, 3.0].map(|x: f64| (x, (x - 9.0).powi(2))).to_vec();
        let valley = valley(Flops::new(1.0), &slope).expect("three sizes");
        assert!(valley.n.is_none() && !valley.bracketed);
    }
}
