//! How uncertain decisions are together with the losses of runs that were not made.

use nalgebra::DMatrix;

use crate::fit::fitted::Fit;
use crate::num::{Interval, median};
use crate::units::{Flops, Params, Tokens};

/// Draws beyond this many robust standard deviations count as if they stood there: a few resamples that
/// lost half a design would otherwise be most of a variance.
const FARTHEST: f64 = 4.0;

/// A run that could be made.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CandidateRun {
    /// N.
    pub n: Params,
    /// D.
    pub d: Tokens,
    /// What it costs.
    pub c: Flops,
}

/// How the logarithm of the loss of a run differs from a law.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ErrorModel {
    /// Standard deviation of a single run: seeds and the like.
    pub noise: f64,
    /// Standard deviation of what the law itself is off, per square root of ln C: runs tell the less of a
    /// budget the farther they lie below it, and many runs of one budget share that error.
    pub drift: f64,
    /// The budget at which the decision is made, where the law counts as right.
    pub target: Flops,
}

impl ErrorModel {
    /// How runs differ from a fitted law: by its residuals, or by how repeats scatter where that is more;
    /// and by what fits of nearer runs missed farther ones.
    ///
    /// - `target`: the budget of the decision.
    #[must_use]
    pub fn of(fit: &Fit, target: Flops) -> Self {
        let freedom = fit.residuals.len().saturating_sub(fit.surface.theta().len()).max(1) as f64;
        let residual = (fit.residuals.iter().map(|r| r * r).sum::<f64>() / freedom).sqrt();
        let repeats = fit.diagnostics.as_ref().and_then(|d| d.seed_noise.as_ref());
        let seeds = repeats.map_or(0.0, |s| s.sd);
        let drift = fit.extrapolation.as_ref().map_or(0.0, |e| e.beyond.rate);
        // Losses without any noise still have digits.
        Self { noise: residual.max(seeds).max(1e-6), drift, target }
    }

    /// What two runs share of the error of the law: the part between the nearer of them and the target.
    fn shared(&self, a: Flops, b: Flops) -> f64 {
        let near = a.get().max(b.get());
        self.drift * self.drift * (self.target.get() / near).ln().max(0.0)
    }
}

/// The joint distribution of decisions and of the losses of candidate runs, as a normal one.
///
/// Means are left out: what is learnt from a run does not depend on its outcome here, so that runs can be
/// chosen before they are made.
#[derive(Clone, Debug)]
pub struct Doubt {
    /// Variances and covariances, decisions first.
    covariance: DMatrix<f64>,
    decisions: usize,
    /// Variance of the noise of one run.
    noise: f64,
    /// What each candidate costs, FLOPs.
    pub(super) costs: Vec<f64>,
    /// Whether a candidate can be run but once.
    pub(super) once: bool,
}

impl Doubt {
    /// From draws: the decisions under each draw, and the logarithm of the loss of each candidate under the
    /// same draws.
    ///
    /// - `decisions`, `ln_losses`: one list of draws each, all of one length.
    ///
    /// `None` below three draws, without a candidate or a decision, and where a draw is not finite.
    #[must_use]
    pub fn new(
        decisions: &[Vec<f64>],
        candidates: &[CandidateRun],
        ln_losses: &[Vec<f64>],
        errors: &ErrorModel,
    ) -> Option<Self> {
        let draws = decisions.first()?.len();
        let all: Vec<&Vec<f64>> = decisions.iter().chain(ln_losses).collect();
        let fits = |x: &&&Vec<f64>| x.len() == draws && x.iter().all(|x| x.is_finite());
        let usable = draws >= 3 && !candidates.is_empty() && candidates.len() == ln_losses.len();
        if !usable || all.iter().filter(fits).count() < all.len() {
            return None;
        }
        let columns: Vec<Vec<f64>> = all.into_iter().map(|x| centred(x)).collect();
        let rows = columns.len();
        let samples = DMatrix::from_fn(rows, draws, |i, k| columns[i][k]);
        let mut covariance = &samples * samples.transpose() / (draws as f64 - 1.0);
        let first = decisions.len();
        for (i, a) in candidates.iter().enumerate() {
            for (j, b) in candidates.iter().enumerate() {
                covariance[(first + i, first + j)] += errors.shared(a.c, b.c);
            }
        }
        let costs = candidates.iter().map(|run| run.c.get()).collect();
        Some(Self {
            covariance,
            decisions: first,
            noise: errors.noise * errors.noise,
            costs,
            once: false,
        })
    }

    /// The same where each candidate can be run but once, as in a list of runs that were made before.
    #[must_use]
    pub fn each_once(self) -> Self {
        Self { once: true, ..self }
    }

    /// The sum of the variances of the decisions.
    #[must_use]
    pub fn variance(&self) -> f64 {
        (0..self.decisions).map(|t| self.covariance[(t, t)].max(0.0)).sum()
    }

    /// By how much one run of candidate `j` lowers [`variance`](Self::variance).
    #[must_use]
    pub fn gain(&self, j: usize) -> f64 {
        let j = self.decisions + j;
        let spread = self.covariance[(j, j)] + self.noise;
        let squares = (0..self.decisions).map(|t| self.covariance[(t, j)].powi(2)).sum::<f64>();
        if spread > 0.0 { squares / spread } else { 0.0 }
    }

    /// What is left to be known once candidate `j` was run.
    pub fn run(&mut self, j: usize) {
        let j = self.decisions + j;
        let spread = self.covariance[(j, j)] + self.noise;
        if spread > 0.0 {
            let column = self.covariance.column(j).clone_owned();
            self.covariance.ger(-1.0 / spread, &column, &column, 1.0);
        }
    }
}

/// Draws around their middle, the farthest drawn in.
fn centred(draws: &[f64]) -> Vec<f64> {
    let middle = median(draws);
    // Two standard deviations of a normal, whatever its tails.
    let half = Interval::percentile(draws, 0.6827).map_or(0.0, |i| 0.5 * (i.hi - i.lo));
    let limit = if half > 0.0 { FARTHEST * half } else { f64::INFINITY };
    let near: Vec<f64> = draws.iter().map(|x| (x - middle).clamp(-limit, limit)).collect();
    let mean = near.iter().sum::<f64>() / near.len() as f64;
    near.into_iter().map(|x| x - mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::stream;
    use rand_distr::{Distribution, StandardNormal};

    fn candidate(c: f64) -> CandidateRun {
        CandidateRun { n: Params::new(1e8), d: Tokens::new(c / 6e8), c: Flops::new(c) }
    }

    /// A line through known points: the posterior variance of its value elsewhere is textbook.
    #[test]
    fn the_variance_left_is_that_of_bayesian_regression() {
        let mut rng = stream(3, 0);
        let mut normal = || -> f64 { StandardNormal.sample(&mut rng) };
        let draws: Vec<[f64; 2]> = (0..60_000).map(|_| [normal(), 0.5 * normal()]).collect();
        let line = |x: f64| draws.iter().map(|[a, b]| a + b * x).collect::<Vec<f64>>();
        let candidates = [candidate(1e18), candidate(1e18)];
        let errors = ErrorModel { noise: 0.3, drift: 0.0, target: Flops::new(1e19) };
        let losses = [line(-1.0), line(1.0)];
        let mut doubt = Doubt::new(&[line(3.0)], &candidates, &losses, &errors).expect("draws");
        // By (Λ + X' X / s²)^-1 with the prior precisions 1 and 4, at x = 3.
        let left = |xs: &[f64]| {
            let s2 = 0.09;
            let n = xs.len() as f64;
            let (sum, squares) = (xs.iter().sum::<f64>(), xs.iter().map(|x| x * x).sum::<f64>());
            let (p, q, r) = (1.0 + n / s2, sum / s2, 4.0 + squares / s2);
            (r - 6.0 * q + 9.0 * p) / (p * r - q * q)
        };
        let near = |got: f64, xs: &[f64]| (got / left(xs) - 1.0).abs() < 0.03;
        assert!(near(doubt.variance(), &[]), "{}", doubt.variance());
        let gained = doubt.variance() - doubt.gain(1);
        doubt.run(1);
        assert!((gained / doubt.variance() - 1.0).abs() < 1e-9);
        assert!(near(doubt.variance(), &[1.0]), "{} {}", doubt.variance(), left(&[1.0]));
        doubt.run(0);
        doubt.run(0);
        assert!(near(doubt.variance(), &[1.0, -1.0, -1.0]), "{}", doubt.variance());
    }

    #[test]
    fn what_the_law_is_off_is_not_averaged_away_by_cheap_runs() {
        let draws: Vec<f64> = (0..500).map(|k| 0.01 * (f64::from(k) * 0.7).sin()).collect();
        let cheap = [candidate(1e18)];
        let left = |drift: f64, times: usize| {
            let errors = ErrorModel { noise: 0.005, drift, target: Flops::new(1e22) };
            let draws = [draws.clone()];
            let mut doubt = Doubt::new(&draws, &cheap, &draws, &errors).expect("draws");
            let before = doubt.variance();
            (0..times).for_each(|_| doubt.run(0));
            doubt.variance() / before
        };
        assert!(left(0.0, 1000) < 1e-2);
        assert!(left(0.01, 1000) > 0.8, "{}", left(0.01, 1000));
        assert!(left(0.01, 1000) < left(0.01, 1));
    }

    #[test]
    fn a_wild_draw_does_not_make_the_variance_and_bad_draws_make_none() {
        let mut draws: Vec<f64> = (0..200).map(|k| (f64::from(k) * 0.7).sin()).collect();
        let runs = [candidate(1e18)];
        let errors = ErrorModel { noise: 0.1, drift: 0.0, target: Flops::new(1e19) };
        let of = |x: &[f64]| Doubt::new(&[x.to_vec()], &runs, &[x.to_vec()], &errors);
        let tame = of(&draws).expect("draws").variance();
        draws[7] = 1e6;
        assert!(of(&draws).expect("draws").variance() < 1.2 * tame);
        draws[7] = f64::NAN;
        assert!(of(&draws).is_none() && of(&[1.0, 2.0]).is_none());
    }
}
