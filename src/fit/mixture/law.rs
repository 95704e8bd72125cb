//! Laws of a loss over mixtures, and their least squares.

use std::fmt;

use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

use crate::fit::solve::{Certificate, is_minimum};
use crate::num::{
    Jet, NewtonConfig, NewtonEnd, Quadratic, dot, map_all, minimise, smallest_eigenvalue,
};

/// How a loss depends on the shares r of the domains, which add to one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum MixtureForm {
    /// L = c + exp(t · r) (Ye et al. 2024, arXiv:2403.16952, eq. 1, the factor before the exponential
    /// taken into t since the shares add to one).
    #[default]
    Exponential,
    /// L = exp(t · r): the same without a floor.
    LogLinear,
    /// L = t · r: every domain has one worth, whatever the others are.
    Linear,
}

impl MixtureForm {
    /// Every form, most coefficients first.
    pub const ALL: [Self; 3] = [Self::Exponential, Self::LogLinear, Self::Linear];

    /// Coefficients over so many domains.
    #[must_use]
    pub const fn coefs(self, domains: usize) -> usize {
        domains + matches!(self, Self::Exponential) as usize
    }
}

impl fmt::Display for MixtureForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Exponential => "exponential",
            Self::LogLinear => "log-linear",
            Self::Linear => "linear",
        })
    }
}

/// A law of one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MixtureLaw {
    /// Its form.
    pub form: MixtureForm,
    /// c, nats; zero for forms without one.
    pub floor_nats: f64,
    /// t, one for each domain.
    pub slopes: Vec<f64>,
}

impl MixtureLaw {
    /// Predicted loss, nats.
    ///
    /// - `shares`: one for each domain, adding to one.
    #[must_use]
    pub fn loss(&self, shares: &[f64]) -> f64 {
        let along = dot(&self.slopes, shares);
        match self.form {
            MixtureForm::Linear => along,
            MixtureForm::Exponential | MixtureForm::LogLinear => self.floor_nats + along.exp(),
        }
    }

    /// dL / dr of each domain, nats.
    #[must_use]
    pub fn gradient(&self, shares: &[f64]) -> Vec<f64> {
        let factor = match self.form {
            MixtureForm::Linear => 1.0,
            MixtureForm::Exponential | MixtureForm::LogLinear => dot(&self.slopes, shares).exp(),
        };
        self.slopes.iter().map(|t| factor * t).collect()
    }

    fn of(form: MixtureForm, x: &[f64]) -> Self {
        match form {
            MixtureForm::Exponential => Self { form, floor_nats: x[0], slopes: x[1..].to_vec() },
            MixtureForm::LogLinear | MixtureForm::Linear => {
                Self { form, floor_nats: 0.0, slopes: x.to_vec() }
            }
        }
    }

    fn variables(&self) -> Vec<f64> {
        let floor = (self.form == MixtureForm::Exponential).then_some(self.floor_nats);
        floor.into_iter().chain(self.slopes.iter().copied()).collect()
    }
}

/// Shares of the runs with one loss of each.
pub(super) struct MixtureRows {
    /// Row by row.
    shares: Vec<f64>,
    domains: usize,
    losses: Vec<f64>,
}

impl MixtureRows {
    pub(super) fn new(rows: impl Iterator<Item = (Vec<f64>, f64)>, domains: usize) -> Self {
        let (mut shares, mut losses) = (Vec::new(), Vec::new());
        for (row, loss) in rows {
            shares.extend(row);
            losses.push(loss);
        }
        Self { shares, domains, losses }
    }

    pub(super) fn len(&self) -> usize {
        self.losses.len()
    }

    fn row(&self, i: usize) -> &[f64] {
        &self.shares[i * self.domains..(i + 1) * self.domains]
    }

    /// Coefficients of a linear law of `target` by least squares; `None` where the shares do not fix them.
    fn linear(&self, weights: &[f64], target: impl Fn(f64) -> f64) -> Option<Vec<f64>> {
        let k = self.domains;
        let (mut gram, mut moment) = (DMatrix::zeros(k, k), DVector::zeros(k));
        for (i, (loss, w)) in self.losses.iter().zip(weights).enumerate() {
            let (row, w) = (self.row(i), *w);
            let y = target(*loss);
            if w == 0.0 || !y.is_finite() {
                continue;
            }
            for a in 0..k {
                moment[a] += w * y * row[a];
                for b in 0..=a {
                    gram[(a, b)] += w * row[a] * row[b];
                }
            }
        }
        gram.fill_upper_triangle_with_lower_triangle();
        let slopes: DVector<f64> = gram.cholesky()?.solve(&moment);
        slopes.iter().all(|t| t.is_finite()).then(|| slopes.iter().copied().collect())
    }
}

/// Half the weighted sum of squares of an exponential, in its slopes and, before them where there is one,
/// its floor.
struct Squares<'a> {
    rows: &'a MixtureRows,
    weights: &'a [f64],
}

impl Quadratic for Squares<'_> {
    fn jet(&mut self, x: &[f64], jet: &mut Jet) {
        jet.clear();
        let p = x.len();
        // Where the slopes begin.
        let first = p - self.rows.domains;
        let floor = if first == 1 { x[0] } else { 0.0 };
        let mut noise = 0.0;
        for i in 0..self.rows.len() {
            let w = self.weights[i];
            if w == 0.0 {
                continue;
            }
            let (row, y) = (self.rows.row(i), self.rows.losses[i]);
            let e = dot(&x[first..], row).exp();
            let r = floor + e - y;
            // Rounding of the residual.
            let tiny = 4.0 * f64::EPSILON * (floor.abs() + e + y.abs());
            jet.value += 0.5 * w * r * r;
            noise += (w * r * tiny).powi(2);
            let (slope, bend) = (w * r * e, w * (e * e + r * e));
            if first == 1 {
                jet.gradient[0] += w * r;
                jet.gradient_scale[0] += w * r.abs();
                jet.gradient_noise[0] += w * tiny;
                jet.hessian[0] += w;
            }
            for a in 0..row.len() {
                if row[a] == 0.0 {
                    continue;
                }
                let at = first + a;
                jet.gradient[at] += slope * row[a];
                jet.gradient_scale[at] += slope.abs() * row[a];
                jet.gradient_noise[at] += w * tiny * e * row[a];
                if first == 1 {
                    jet.hessian[at] += w * e * row[a];
                }
                let bent = bend * row[a];
                let to = &mut jet.hessian[at * p + first..at * p + first + a + 1];
                to.iter_mut().zip(row).for_each(|(h, share)| *h += bent * share);
            }
        }
        jet.value_noise = noise.sqrt();
        for a in 0..p {
            for b in 0..a {
                // The floor's row was filled, every other row below the diagonal.
                if b == 0 && first == 1 {
                    jet.hessian[a * p] = jet.hessian[a];
                } else {
                    jet.hessian[b * p + a] = jet.hessian[a * p + b];
                }
            }
        }
    }
}

/// A law with the proof of its minimum.
#[derive(Clone, Debug)]
pub(super) struct FittedLaw {
    pub(super) law: MixtureLaw,
    pub(super) squares: f64,
    pub(super) certificate: Certificate,
}

/// Floors that starts are made with, as shares of the lowest loss.
const FLOORS: [f64; 8] = [0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99];

/// Least squares of a form from many starts; `None` where none ends at a minimum or the shares do not fix
/// the coefficients.
pub(super) fn fit_law(form: MixtureForm, rows: &MixtureRows) -> Option<FittedLaw> {
    let weights = vec![1.0; rows.len()];
    if form == MixtureForm::Linear {
        let slopes = rows.linear(&weights, |y| y)?;
        let law = MixtureLaw { form, floor_nats: 0.0, slopes };
        let squares = sum_of_squares(&law, rows);
        // A positive definite Gram matrix has one minimum.
        let certificate = Certificate::new(0.0, 1.0, 2, 2, rows.len(), None);
        return Some(FittedLaw { law, squares, certificate });
    }
    let lowest = rows.losses.iter().copied().fold(f64::INFINITY, f64::min);
    let starts: Vec<Vec<f64>> = match form {
        MixtureForm::Exponential => FLOORS
            .iter()
            .filter_map(|share| {
                let floor = share * lowest;
                let slopes = rows.linear(&weights, |y| (y - floor).ln())?;
                Some(std::iter::once(floor).chain(slopes).collect())
            })
            .collect(),
        _ => {
            let slopes = rows.linear(&weights, f64::ln)?;
            let off = |by: f64| slopes.iter().map(|t| t + by).collect();
            vec![slopes.clone(), off(0.1), off(-0.1)]
        }
    };
    let ends: Vec<NewtonEnd> = map_all(&starts, &|start| {
        let mut squares = Squares { rows, weights: &weights };
        minimise(
            &mut squares,
            start,
            &NewtonConfig { max_iterations: 400, ..NewtonConfig::default() },
        )
    });
    let minima: Vec<&NewtonEnd> = ends.iter().filter(|end| is_minimum(end)).collect();
    let best = *minima.iter().min_by(|a, b| a.jet.value.total_cmp(&b.jet.value))?;
    let agreeing =
        minima.iter().filter(|end| end.jet.value <= best.jet.value * (1.0 + 1e-9) + 1e-15);
    let certificate = Certificate::new(
        best.jet.scaled_gradient(),
        smallest_eigenvalue(best.x.len(), &best.jet.hessian),
        starts.len(),
        agreeing.count(),
        rows.len(),
        None,
    );
    let law = MixtureLaw::of(form, &best.x);
    let squares = sum_of_squares(&law, rows);
    Some(FittedLaw { law, squares, certificate })
}

/// The law on reweighted rows, from the minimum of a nearby problem; `None` where it has none there.
pub(super) fn refit_law(
    near: &MixtureLaw,
    rows: &MixtureRows,
    weights: &[f64],
) -> Option<MixtureLaw> {
    let form = near.form;
    if form == MixtureForm::Linear {
        let slopes = rows.linear(weights, |y| y)?;
        return Some(MixtureLaw { form, floor_nats: 0.0, slopes });
    }
    let mut squares = Squares { rows, weights };
    let mut x = near.variables();
    let p = x.len();
    let mut jet = Jet::zeros(p);
    // Plain Newton steps arrive from next door; what they do not reach goes the safe way.
    const STEPS: usize = 25;
    for _ in 0..STEPS {
        squares.jet(&x, &mut jet);
        let Some(hessian) = DMatrix::from_row_slice(p, p, &jet.hessian).cholesky() else { break };
        if jet.scaled_gradient() <= 1e-10 {
            return Some(MixtureLaw::of(form, &x));
        }
        let step = hessian.solve(&DVector::from_column_slice(&jet.gradient));
        if !step.iter().all(|s| s.is_finite()) || step.amax() > 5.0 {
            break;
        }
        x.iter_mut().zip(step.iter()).for_each(|(x, s)| *x -= s);
    }
    let end = minimise(&mut squares, &near.variables(), &NewtonConfig::default());
    is_minimum(&end).then(|| MixtureLaw::of(form, &end.x))
}

fn sum_of_squares(law: &MixtureLaw, rows: &MixtureRows) -> f64 {
    (0..rows.len()).map(|i| (law.loss(rows.row(i)) - rows.losses[i]).powi(2)).sum()
}

/// Share of the variance that a law explains.
pub(super) fn r_squared(squares: f64, rows: &MixtureRows) -> f64 {
    let mean = rows.losses.iter().sum::<f64>() / rows.len() as f64;
    1.0 - squares / rows.losses.iter().map(|y| (y - mean).powi(2)).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::num::stream;
    use rand::RngExt;

    fn rows(n: usize, noise: f64) -> (MixtureLaw, MixtureRows) {
        let form = MixtureForm::Exponential;
        let law = MixtureLaw { form, floor_nats: 2.1, slopes: vec![-0.9, 0.4, 0.1, -0.3] };
        let mut rng = stream(4, 0);
        let made = (0..n).map(|_| {
            let mut shares: Vec<f64> =
                (0..4).map(|_| -rng.random_range(1e-9_f64..1.0).ln()).collect();
            let sum: f64 = shares.iter().sum();
            shares.iter_mut().for_each(|s| *s /= sum);
            let loss = law.loss(&shares) + noise * rng.random_range(-1.0..1.0);
            (shares, loss)
        });
        let rows = MixtureRows::new(made.collect::<Vec<_>>().into_iter(), 4);
        (law, rows)
    }

    #[test]
    fn a_known_law_is_found_again_and_a_resample_by_both_ways() {
        let (truth, exact) = rows(60, 0.0);
        let found = fit_law(MixtureForm::Exponential, &exact).expect("a minimum");
        assert!(found.certificate.certified, "{:?}", found.certificate);
        assert!((found.law.floor_nats - truth.floor_nats).abs() < 1e-6, "{:?}", found.law);
        let (_, noisy) = rows(60, 0.02);
        let found = fit_law(MixtureForm::Exponential, &noisy).expect("a minimum");
        let weights: Vec<f64> = (0..60).map(|i| f64::from(i % 3)).collect();
        let near = refit_law(&found.law, &noisy, &weights).expect("a minimum");
        let start = [1.0, -0.5, 0.6, 0.3, 0.0];
        let mut squares = Squares { rows: &noisy, weights: &weights };
        let far = minimise(&mut squares, &start, &NewtonConfig::default());
        for (a, b) in near.variables().iter().zip(&far.x) {
            assert!((a - b).abs() < 1e-7, "{near:?} {:?}", far.x);
        }
    }

    #[test]
    fn derivatives_agree_with_differences() {
        let (_, rows) = rows(20, 0.05);
        let weights: Vec<f64> = (0..20).map(|i| 0.5 + 0.1 * f64::from(i)).collect();
        // With a floor and without one.
        for x in [vec![1.5, -0.2, 0.5, 0.2, -0.1], vec![0.8, 1.1, 1.0, 0.9]] {
            let p = x.len();
            let mut squares = Squares { rows: &rows, weights: &weights };
            let mut at = |k: usize, by: f64| {
                let mut moved = x.clone();
                moved[k] += by;
                let mut jet = Jet::zeros(p);
                squares.jet(&moved, &mut jet);
                jet
            };
            let here = at(0, 0.0);
            for k in 0..p {
                let (up, down) = (at(k, 1e-5), at(k, -1e-5));
                let slope = (up.value - down.value) / 2e-5;
                assert!((here.gradient[k] - slope).abs() < 1e-6 * (1.0 + slope.abs()), "{k}");
                for j in 0..p {
                    let bend = (up.gradient[j] - down.gradient[j]) / 2e-5;
                    assert!(
                        (here.hessian[k * p + j] - bend).abs() < 1e-5 * (1.0 + bend.abs()),
                        "{k} {j}"
                    );
                }
            }
        }
    }
}
