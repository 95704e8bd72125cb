//! IsoFLOP valleys: the lowest loss at each budget (Hoffmann et al. 2022, approach 2).

use serde::{Deserialize, Serialize};

use crate::data::RunTable;
use crate::num::smallest_eigenvalue;
use crate::units::{Flops, Params};

/// A parabola in ln N through the runs of one budget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Valley {
    /// The budget.
    #[serde(rename = "flops")]
    pub c: Flops,
    /// Runs in it.
    pub n_points: usize,
    /// Whether the lowest run has a smaller and a larger neighbour.
    pub bracketed: bool,
    /// Size at the parabola's floor; absent when it is not convex or lies outside the sizes.
    #[serde(rename = "params")]
    pub n: Option<Params>,
    /// Loss at the floor, nats per token.
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
}

/// One valley per budget with at least three sizes, cheapest first.
#[must_use]
pub fn valleys(table: &RunTable) -> Vec<Valley> {
    table
        .by_budget()
        .into_iter()
        .filter_map(|(c, runs)| {
            let points: Vec<(f64, f64)> = runs.iter().map(|r| (r.n.ln(), r.loss_nats)).collect();
            valley(c, &points)
        })
        .collect()
}

fn valley(c: Flops, points: &[(f64, f64)]) -> Option<Valley> {
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
    let parabola = [solution[0], solution[1], solution[2]];
    let lowest = points.iter().min_by(|a, b| a.1.total_cmp(&b.1))?.0;
    let (lo, hi) = points
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), p| (lo.min(p.0), hi.max(p.0)));
    let floor = ln_n0 - parabola[1] / (2.0 * parabola[2]);
    let inside = parabola[2] > 0.0 && (lo..=hi).contains(&floor);
    let mut valley = Valley {
        c,
        n_points: points.len(),
        bracketed: lowest > lo && lowest < hi,
        n: inside.then(|| Params::new(floor.exp())),
        loss_nats: None,
        parabola,
        ln_n0,
    };
    valley.loss_nats = inside.then(|| valley.loss_at(floor));
    Some(valley)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_parabola_gives_its_floor() {
        let points: Vec<(f64, f64)> =
            [10.0, 11.0, 12.0, 13.0].map(|x: f64| (x, 2.0 + 0.1 * (x - 11.3).powi(2))).to_vec();
        let valley = valley(Flops::new(1e18), &points).expect("four sizes");
        assert!((valley.n.expect("convex").ln() - 11.3).abs() < 1e-9);
        assert!((valley.loss_nats.expect("convex") - 2.0).abs() < 1e-9);
        assert!(valley.bracketed);
    }

    #[test]
    fn a_hill_and_a_slope_have_no_floor() {
        let hill = [1.0, 2.0, 3.0].map(|x: f64| (x, -(x - 2.0).powi(2))).to_vec();
        assert!(valley(Flops::new(1.0), &hill).expect("three sizes").n.is_none());
        let slope = [1.0, 2.0, 3.0].map(|x: f64| (x, (x - 9.0).powi(2))).to_vec();
        let valley = valley(Flops::new(1.0), &slope).expect("three sizes");
        assert!(valley.n.is_none() && !valley.bracketed);
    }
}
