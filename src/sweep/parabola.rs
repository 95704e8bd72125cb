//! A parabola through a few losses over ln of a learning rate, with the interval of its minimum.

use nalgebra::{Matrix3, Vector3};
use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::num::Interval;

/// y = c0 + c1 t + c2 t², t = x - x0, by least squares.
#[derive(Clone, Debug)]
pub(super) struct Parabola {
    c: [f64; 3],
    x0: f64,
    /// Inverse of the normal matrix: the covariance of the coefficients over σ².
    inverse: Matrix3<f64>,
    /// Sum of squared residuals.
    pub(super) squares: f64,
    /// Points less coefficients.
    pub(super) freedom: usize,
    ends: (f64, f64),
}

impl Parabola {
    /// `None` below three distinct x.
    pub(super) fn through(points: &[(f64, f64)]) -> Option<Self> {
        let freedom = points.len().checked_sub(3)?;
        let mut distinct: Vec<f64> = points.iter().map(|p| p.0).collect();
        distinct.sort_by(f64::total_cmp);
        distinct.dedup_by(|a, b| (*a - *b).abs() < 1e-9);
        if distinct.len() < 3 {
            return None;
        }
        let x0 = points.iter().map(|p| p.0).sum::<f64>() / points.len() as f64;
        let row = |x: f64| Vector3::new(1.0, x - x0, (x - x0).powi(2));
        let mut normal = Matrix3::zeros();
        let mut moment = Vector3::zeros();
        for (x, y) in points {
            normal += row(*x) * row(*x).transpose();
            moment += row(*x) * *y;
        }
        let inverse = normal.cholesky()?.inverse();
        let solution = inverse * moment;
        let squares = points.iter().map(|(x, y)| (y - row(*x).dot(&solution)).powi(2)).sum();
        let ends = points
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), p| (lo.min(p.0), hi.max(p.0)));
        let finite = inverse.iter().all(|v| v.is_finite());
        let c = [solution[0], solution[1], solution[2]];
        finite.then_some(Self { c, x0, inverse, squares, freedom, ends })
    }

    /// x of the minimum, where it is convex and has it between its outermost points.
    pub(super) fn minimum(&self) -> Option<f64> {
        let [_, c1, c2] = self.c;
        let x = self.x0 - c1 / (2.0 * c2);
        (c2 > 0.0 && (self.ends.0..=self.ends.1).contains(&x)).then_some(x)
    }

    /// Coefficient of t².
    pub(super) fn curvature(&self) -> f64 {
        self.c[2]
    }

    pub(super) fn at(&self, x: f64) -> f64 {
        let t = x - self.x0;
        self.c[0] + t * (self.c[1] + t * self.c[2])
    }

    /// Variance of the minimum when the points scatter by σ² = `variance`, by the delta method.
    pub(super) fn variance_of_minimum(&self, variance: f64) -> Option<f64> {
        self.minimum()?;
        let [_, c1, c2] = self.c;
        let slope = Vector3::new(0.0, -0.5 / c2, 0.5 * c1 / (c2 * c2));
        Some(variance * (self.inverse * slope).dot(&slope))
    }

    /// Every x at which a slope of zero is within the noise: the interval of the minimum.
    ///
    /// Fieller's: where (c1 + 2 c2 t)² is at most q² times its variance. `None` where the curvature itself
    /// is within the noise, so that there is no end.
    ///
    /// - `variance`: σ² of the points, known to `freedom` degrees.
    pub(super) fn interval(&self, variance: f64, freedom: usize, level: f64) -> Option<Interval> {
        let q = quantile(level, freedom)?;
        let [_, b, c] = self.c;
        let v = self.inverse * (variance * q * q);
        // 4 (c² - V22) t² + 4 (b c - V12) t + (b² - V11) = 0
        let (two, one, none) =
            (4.0 * (c * c - v[(2, 2)]), 4.0 * (b * c - v[(1, 2)]), b * b - v[(1, 1)]);
        if c <= 0.0 || two <= 0.0 {
            return None;
        }
        let root = (one * one - 4.0 * two * none).max(0.0).sqrt();
        let at = |sign: f64| self.x0 + (-one + sign * root) / (2.0 * two);
        Some(Interval { lo: at(-1.0), hi: at(1.0) })
    }
}

/// Student's t that is exceeded on either side with a probability of 1 - `level`.
pub(super) fn quantile(level: f64, freedom: usize) -> Option<f64> {
    let student = StudentsT::new(0.0, 1.0, freedom as f64).ok()?;
    Some(student.inverse_cdf(0.5 + 0.5 * level))
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::num::stream;

    #[test]
    fn a_known_parabola_gives_its_minimum() {
        let points: Vec<(f64, f64)> =
            [-3.0, -1.0, 0.0, 2.0].map(|x: f64| (x, 1.5 + 0.2 * (x - 0.7).powi(2))).to_vec();
        let parabola = Parabola::through(&points).expect("four points");
        assert!((parabola.minimum().expect("inside") - 0.7).abs() < 1e-12);
        assert!((parabola.at(2.0) - (1.5 + 0.2 * 1.69)).abs() < 1e-12);
        assert!(parabola.squares < 1e-24 && parabola.freedom == 1);
        assert!(Parabola::through(&points[..2]).is_none());
        let twice = [points[0], points[0], points[1], points[1]];
        assert!(Parabola::through(&twice).is_none());
        let hill = points.iter().map(|(x, y)| (*x, -y)).collect::<Vec<_>>();
        assert!(Parabola::through(&hill).expect("four points").minimum().is_none());
    }

    /// Two points on each side and one between, as `[tune]` lays them out, with normal noise.
    #[test]
    fn the_interval_holds_the_truth_as_often_as_it_says() {
        let mut rng = stream(11, 0);
        let mut normal = move || -> f64 {
            let (u, v): (f64, f64) = (rng.random_range(1e-12..1.0), rng.random_range(0.0..1.0));
            (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
        };
        let (mut inside, mut unbounded) = (0, 0);
        const DRAWS: usize = 4000;
        for draw in 0..DRAWS {
            let truth = -0.6 + 1.2 * draw as f64 / DRAWS as f64;
            // Noise so large that a delta method would fail.
            let points: Vec<(f64, f64)> = (-2..=2)
                .map(|i| f64::from(i) * std::f64::consts::LN_2)
                .map(|x| (x, 0.05 * (x - truth).powi(2) + 0.006 * normal()))
                .collect();
            let parabola = Parabola::through(&points).expect("five points");
            let variance = parabola.squares / parabola.freedom as f64;
            match parabola.interval(variance, parabola.freedom, 0.8) {
                Some(interval) => inside += usize::from(interval.contains(truth)),
                None => unbounded += 1,
            }
        }
        // A set without an end holds it or not; when all are counted as held, the share is above 80 %.
        let bounded = inside as f64 / (DRAWS - unbounded) as f64;
        let all = (inside + unbounded) as f64 / DRAWS as f64;
        assert!(bounded > 0.76 && all > 0.78 && all < 0.86, "{bounded} {all} {unbounded}");
    }

    #[test]
    fn golden_quantiles_of_student() {
        for (freedom, want) in [(1, 12.706_2), (4, 2.776_4), (30, 2.042_3)] {
            assert!((quantile(0.95, freedom).expect("positive") - want).abs() < 1e-3);
        }
        assert!(quantile(0.95, 0).is_none());
    }
}
