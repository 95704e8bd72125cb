//! One law for both recipes, some of its coefficients shared.

use std::sync::LazyLock;

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::pair::LawPair;
use crate::data::RunTable;
use crate::error::{FitError, Result};
use crate::fit::config::FitConfig;
use crate::fit::design::{FlopCount, support};
use crate::fit::progress::OnProgress;
use crate::fit::solve::{Known, Penalty, Predictor, Problem, Rows, estimate, refit};
use crate::fit::uncertainty::resample;
use crate::law::{At, Chinchilla, Coef, ComputeEnvelope, Law, Skaling, Surface};

/// What two recipes share of a law.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Sharing {
    /// Everything but the amplitudes A and B. Then one recipe is the other with parameters worth rho_N
    /// and tokens worth rho_D times as much: L = E + A/(rho_N N)^alpha + B/(rho_D D)^beta.
    Exponents,
    /// The floor alone: the text has one entropy, whatever is trained on it.
    Floor,
}

/// A family with the places of B's coefficients among those of both.
struct Layout {
    law: &'static dyn Law,
    sharing: Sharing,
    /// A's coefficients, then those of B that are its own.
    coefs: Vec<Coef>,
    b_at: Vec<usize>,
}

/// The families in which parameters and tokens worth more by a factor change only amplitudes.
static LAYOUTS: LazyLock<Vec<Layout>> = LazyLock::new(|| {
    let laws: [&'static dyn Law; 3] = [&Chinchilla, &Skaling, &ComputeEnvelope];
    let both = laws.into_iter().flat_map(|law| [(law, Sharing::Exponents), (law, Sharing::Floor)]);
    both.map(|(law, sharing)| {
        let mut coefs = law.coefs().to_vec();
        let mut b_at = Vec::new();
        for (i, coef) in law.coefs().iter().enumerate() {
            let own = match sharing {
                Sharing::Exponents => ["A", "B"].contains(&coef.name),
                // The floor comes first in each of these families.
                Sharing::Floor => i > 0,
            };
            b_at.push(if own { coefs.len() } else { i });
            coefs.extend(own.then(|| Coef { name: of_b(coef.name), ..*coef }));
        }
        Layout { law, sharing, coefs, b_at }
    })
    .collect()
});

/// The name of B's own coefficient.
fn of_b(name: &str) -> &'static str {
    match name {
        "A" => "A of b",
        "B" => "B of b",
        "alpha" => "alpha of b",
        "beta" => "beta of b",
        _ => "k of b",
    }
}

impl Layout {
    fn of(law: &dyn Law, sharing: Sharing) -> Option<&'static Self> {
        LAYOUTS.iter().find(|layout| layout.law.id() == law.id() && layout.sharing == sharing)
    }

    /// Coefficients of A and of B.
    fn split(&self, theta: &[f64]) -> [Vec<f64>; 2] {
        let a = theta[..self.law.coefs().len()].to_vec();
        [a, self.b_at.iter().map(|&i| theta[i]).collect()]
    }
}

/// The law on the rows of A and, after them, of B.
struct Joined<'a> {
    layout: &'static Layout,
    at: &'a [At<f64>],
    /// Rows of A.
    of_a: usize,
}

/// Most coefficients of a family here; scratch lives on the stack.
const MOST: usize = 6;

impl Predictor for Joined<'_> {
    fn coefs(&self) -> &'static [Coef] {
        &self.layout.coefs
    }

    fn predict(&self, theta: &[f64], i: usize) -> f64 {
        let p = self.layout.law.coefs().len();
        let mut own = [0.0; MOST];
        own[..p].copy_from_slice(&theta[..p]);
        if i >= self.of_a {
            (0..p).for_each(|k| own[k] = theta[self.layout.b_at[k]]);
        }
        self.layout.law.loss(&own[..p], &self.at[i])
    }

    fn jet(&self, theta: &[f64], i: usize, gradient: &mut [f64], hessian: &mut [f64]) -> f64 {
        let (p, all) = (self.layout.law.coefs().len(), self.layout.coefs.len());
        let place = |k: usize| if i < self.of_a { k } else { self.layout.b_at[k] };
        let (mut own, mut g, mut h) = ([0.0; MOST], [0.0; MOST], [0.0; MOST * MOST]);
        (0..p).for_each(|k| own[k] = theta[place(k)]);
        let loss = self.layout.law.jet(&own[..p], &self.at[i], &mut g[..p], &mut h[..p * p]);
        gradient.fill(0.0);
        hessian.fill(0.0);
        for j in 0..p {
            gradient[place(j)] = g[j];
            for k in 0..p {
                hessian[place(j) * all + place(k)] = h[j * p + k];
            }
        }
        loss
    }
}

/// Fits both tables together; draws resample the runs of each table apart.
///
/// - `floor`: the value at which E is held, if it is.
///
/// # Errors
/// [`FitError::TooFewRuns`], [`FitError::NoMinimum`], [`FitError::Stopped`]; [`FitError::NoEffect`]
/// is left to the fits of each table. `None` for a family that cannot be shared so.
pub(super) fn fit_joined(
    law: &'static dyn Law,
    sharing: Sharing,
    tables: [&RunTable; 2],
    config: &FitConfig,
    floor: Option<f64>,
    progress: &OnProgress<'_>,
) -> Result<Option<LawPair>> {
    let Some(layout) = Layout::of(law, sharing) else { return Ok(None) };
    let [a, b] = tables;
    let of_a = a.runs.len();
    let both = a.with_runs(a.runs.iter().chain(&b.runs).cloned().collect());
    let mut held = vec![None; layout.coefs.len()];
    held[0] = floor;
    let free = held.iter().filter(|h| h.is_none()).count();
    let found = both.runs.len();
    if found <= free {
        return Err(
            FitError::TooFewRuns { law: law.id(), found, coefs: free, wanted: free + 1 }.into()
        );
    }
    let rows = Rows::of(&both, law);
    let model = Joined { layout, at: &rows.at, of_a };
    let known = Known::held(held);
    let problem = Problem {
        model: &model,
        observed: &rows.observed,
        weights: rows.weights.as_deref(),
        penalty: Penalty::of(config),
        held: &known.held,
        priors: &[],
    };
    let starts: Vec<Vec<f64>> = law
        .starts(&rows.at, &rows.observed.value.to_vec())
        .into_iter()
        .map(|theta| {
            let mut start = theta.clone();
            let own = layout.b_at.iter().enumerate().filter(|(_, at)| **at >= theta.len());
            start.extend(own.map(|(k, _)| theta[k]));
            start
        })
        .collect();
    let minimum = estimate(law.id(), &problem, &known, &starts, law.is_rugged())?;
    let surfaces = surfaces(law, tables)?;
    let uncentred = |theta: &[f64]| -> [Surface; 2] {
        let mut k = 0;
        let [a, b] = &surfaces;
        layout.split(theta).map(|mut theta| {
            law.recentre(&mut theta, -rows.ln_n0, -rows.ln_d0);
            k += 1;
            if k == 1 { a.with_theta(theta) } else { b.with_theta(theta) }
        })
    };
    let drawn = resample(config.bootstrap, config.seed, progress, |rng| {
        let mut counts = vec![0.0; found];
        for (from, to) in [(0, of_a), (of_a, found)] {
            (from..to).for_each(|_| counts[rng.random_range(from..to)] += 1.0);
        }
        if let Some(weights) = &rows.weights {
            counts.iter_mut().zip(weights).for_each(|(count, weight)| *count *= weight);
        }
        let drawn = Problem { weights: Some(&counts), held: &known.held, ..problem };
        let (_, theta) = known.settle(&drawn, &minimum.held, |problem| {
            let end = refit(problem, &[problem.variables(&minimum.theta)])?;
            let theta = problem.natural(&end.x);
            Some((end, theta))
        })?;
        let holds = |theta: &[f64]| law.coefs().iter().zip(theta).all(|(c, t)| c.holds(*t));
        layout.split(&theta).iter().all(|theta| holds(theta)).then_some(theta)
    })?;
    Ok(Some(LawPair {
        best: uncentred(&minimum.theta),
        draws: drawn.thetas.iter().map(|theta| uncentred(theta)).collect(),
        objective: minimum.best.jet.value,
        certified: minimum.certificate.certified,
    }))
}

/// Surfaces of both tables with typical coefficients, to be given those of a fit.
fn surfaces(law: &'static dyn Law, [a, b]: [&RunTable; 2]) -> Result<[Surface; 2]> {
    let surface = |runs: &RunTable| -> Result<Surface> {
        let theta = law.example().to_vec();
        let mut surface = Surface::new(law, theta, law.id(), runs.params, support(runs))?;
        surface.loss_unit = runs.loss_unit();
        if let Some(count) = FlopCount::of(runs) {
            surface.flops_per_nd = count.per_nd;
        }
        Ok(surface)
    };
    Ok([surface(a)?, surface(b)?])
}

/// What parameters and tokens of B are worth in those of A, where both share their exponents.
///
/// - Returns (rho_N, rho_D); rho_N alone is the worth of compute for a law of compute.
pub(super) fn worth([a, b]: &[Surface; 2]) -> (Option<f64>, Option<f64>) {
    let ratio = |amplitude: &str, exponent: &str| {
        let of = |surface: &Surface| surface.coef(amplitude);
        Some((of(a)? / of(b)?).powf(1.0 / a.coef(exponent)?))
    };
    (ratio("A", "alpha"), ratio("B", "beta"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::RunRecord;
    use crate::fit::progress::ignore;
    use crate::law::Point;
    use crate::units::{ParamRule, Params, Tokens};

    fn runs(surface: &Surface, worth: (f64, f64)) -> RunTable {
        let mut runs = Vec::new();
        for n in [5e7, 1e8, 2e8, 4e8, 8e8] {
            for ratio in [4.0, 12.0, 40.0, 120.0] {
                let at = Point::new(Params::new(n * worth.0), Tokens::new(n * ratio * worth.1));
                let (n, d) = (Params::new(n), Tokens::new(n * ratio));
                runs.push(RunRecord::new(format!("{n} {d}"), n, d, surface.loss(&at)));
            }
        }
        RunTable::from_runs(runs, ParamRule::All)
    }

    /// Parameters worth 1.3 and tokens worth 2.5 times as much are found again, by either sharing.
    #[test]
    fn known_worths_are_found_again() {
        for law in [&Chinchilla as &'static dyn Law, &Skaling] {
            let theta = law.example().to_vec();
            let truth = Surface::new(law, theta, "t", ParamRule::All, Default::default());
            let truth = truth.expect("fine");
            let (a, b) = (runs(&truth, (1.0, 1.0)), runs(&truth, (1.3, 2.5)));
            let config = FitConfig { bootstrap: 0, ..FitConfig::default() };
            for sharing in [Sharing::Exponents, Sharing::Floor] {
                let pair = fit_joined(law, sharing, [&a, &b], &config, None, &ignore)
                    .expect("a minimum")
                    .expect("a family that is shared");
                assert!(pair.certified, "{} {sharing:?}", law.id());
                let (n, d) = worth(&pair.best);
                let (n, d) = (n.expect("A"), d.expect("B"));
                assert!((n / 1.3 - 1.0).abs() < 1e-3 && (d / 2.5 - 1.0).abs() < 1e-3, "{n} {d}");
                let m = pair.ln_multiplier(crate::units::Flops::new(1e18)).expect("an optimum");
                assert!((m.exp() / (1.3 * 2.5) - 1.0).abs() < 1e-3, "{}", m.exp());
            }
        }
    }

    /// Gradient and Hessian of the joined law against differences, on a row of each recipe.
    #[test]
    fn derivatives_agree_with_differences() {
        for layout in LAYOUTS.iter() {
            let at = [At::plain(0.3, -0.4), At::plain(-0.7, 0.2)];
            let model = Joined { layout, at: &at, of_a: 1 };
            let mut theta: Vec<f64> = layout.coefs.iter().map(|_| 0.6).collect();
            theta.iter_mut().enumerate().for_each(|(i, t)| *t += 0.05 * i as f64);
            let p = theta.len();
            for i in 0..2 {
                let (mut g, mut h) = (vec![0.0; p], vec![0.0; p * p]);
                let loss = model.jet(&theta, i, &mut g, &mut h);
                assert!((loss - model.predict(&theta, i)).abs() < 1e-14);
                for k in 0..p {
                    let moved = |by: f64| {
                        let mut theta = theta.clone();
                        theta[k] += by;
                        theta
                    };
                    let slope =
                        (model.predict(&moved(1e-6), i) - model.predict(&moved(-1e-6), i)) / 2e-6;
                    assert!((g[k] - slope).abs() < 1e-7, "{k}: {} {slope}", g[k]);
                    let at = |by: f64| {
                        let (mut g, mut h) = (vec![0.0; p], vec![0.0; p * p]);
                        model.jet(&moved(by), i, &mut g, &mut h);
                        g
                    };
                    let (up, down) = (at(1e-6), at(-1e-6));
                    for j in 0..p {
                        let bend = (up[j] - down[j]) / 2e-6;
                        assert!((h[k * p + j] - bend).abs() < 1e-6, "{k} {j}");
                    }
                }
            }
        }
    }
}
