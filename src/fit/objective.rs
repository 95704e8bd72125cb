//! What a fit minimises, with exact gradient and Hessian.

use nalgebra::{DMatrix, DVector};
use ndarray::Array1;

use super::config::{FitConfig, Objective};
use super::separable;
use crate::law::{At, Coef, Scale, Separable};
use crate::num::{Jet, Quadratic, median};

/// Most coefficients a family may have here; scratch arrays live on the stack.
const MOST: usize = 12;

/// A family on rows: what is predicted for each, whatever the rows hold.
pub(super) trait Model: Sync {
    /// Coefficients in order.
    fn coefs(&self) -> &'static [Coef];
    /// Prediction for row `i`.
    fn predict(&self, theta: &[f64], i: usize) -> f64;
    /// Prediction for row `i` with gradient (p) and Hessian (p by p) in the coefficients.
    fn jet(&self, theta: &[f64], i: usize, gradient: &mut [f64], hessian: &mut [f64]) -> f64;
    /// The model as a separable law with its rows, if it is one.
    fn separable(&self, _theta: &[f64]) -> Option<(Separable, &[At<f64>])> {
        None
    }
}

/// What was measured, one value per row.
#[derive(Clone, Debug)]
pub(super) struct Observed {
    pub(super) value: Array1<f64>,
    pub(super) ln: Array1<f64>,
}

impl Observed {
    pub(super) fn of(value: Array1<f64>) -> Self {
        Self { ln: value.mapv(f64::ln), value }
    }

    pub(super) fn len(&self) -> usize {
        self.value.len()
    }
}

/// Something known of a coefficient beforehand: a normal distribution, in natural units.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Prior {
    /// Its coefficient.
    pub(super) coef: usize,
    pub(super) mean: f64,
    pub(super) sd: f64,
    /// What one unit of negative log likelihood is worth in the objective.
    pub(super) scale: f64,
}

/// How a residual is weighed, with its numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Penalty {
    /// Quadratic within `delta` of ln(predicted) = ln(observed), linear outside.
    HuberLog { delta: f64 },
    /// As Huber, and over-estimates count `over` times.
    AsymmetricLog { delta: f64, over: f64 },
    /// Absolute log residual: evaluated at vertices only, since it has no curvature (see `lad`).
    AbsoluteLog,
    /// Square of the log residual.
    SquareLog,
    /// Square of predicted - observed.
    SquareLoss,
}

/// Value, slope and second derivative of a penalty at a residual.
pub(super) struct Bent {
    pub(super) value: f64,
    pub(super) slope: f64,
    pub(super) bend: f64,
}

impl Penalty {
    /// The penalty of the settings.
    pub(super) fn of(config: &FitConfig) -> Self {
        match config.objective {
            Objective::HuberLog => Self::HuberLog { delta: config.delta },
            Objective::AsymmetricLog => {
                Self::AsymmetricLog { delta: config.delta, over: config.over_weight }
            }
            Objective::LsLog => Self::SquareLog,
            Objective::LsLoss => Self::SquareLoss,
            Objective::LadLog => Self::AbsoluteLog,
        }
    }

    /// The same penalty with another band; absolute deviations get one, squares need none.
    pub(super) fn with_band(self, delta: f64) -> Self {
        match self {
            Self::HuberLog { .. } | Self::AbsoluteLog => Self::HuberLog { delta },
            Self::AsymmetricLog { over, .. } => Self::AsymmetricLog { delta, over },
            other => other,
        }
    }

    /// Half-width of the quadratic band; infinite where all is quadratic.
    pub(super) fn band(self) -> f64 {
        match self {
            Self::HuberLog { delta } | Self::AsymmetricLog { delta, .. } => delta,
            Self::AbsoluteLog => super::lad::MET,
            Self::SquareLog | Self::SquareLoss => f64::INFINITY,
        }
    }

    #[inline]
    pub(super) fn at(self, r: f64) -> Bent {
        match self {
            Self::HuberLog { delta } => huber(r, delta, 1.0),
            Self::AsymmetricLog { delta, over } => {
                huber(r, delta, if r > 0.0 { over } else { 1.0 })
            }
            Self::AbsoluteLog => Bent { value: r.abs(), slope: r.signum(), bend: 0.0 },
            Self::SquareLog | Self::SquareLoss => Bent { value: r * r, slope: 2.0 * r, bend: 2.0 },
        }
    }
}

fn huber(r: f64, delta: f64, weight: f64) -> Bent {
    if r.abs() <= delta {
        Bent { value: weight * 0.5 * r * r, slope: weight * r, bend: weight }
    } else {
        let value = weight * delta * (r.abs() - 0.5 * delta);
        Bent { value, slope: weight * delta * r.signum(), bend: 0.0 }
    }
}

/// sum_i w_i rho(r_i) over the free coefficients of a family, plus what priors add.
///
/// Variables are the free coefficients, those of [`Scale::Log`] as logarithms.
#[derive(Clone, Copy)]
pub(super) struct Problem<'a> {
    pub(super) model: &'a dyn Model,
    pub(super) observed: &'a Observed,
    /// How much each row counts, or `None` for every row once.
    pub(super) weights: Option<&'a [f64]>,
    pub(super) penalty: Penalty,
    /// Per coefficient, the value it is held at, around the centre of the rows.
    pub(super) held: &'a [Option<f64>],
    pub(super) priors: &'a [Prior],
}

impl Problem<'_> {
    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.observed.len()
    }

    pub(super) fn weight(&self, i: usize) -> f64 {
        self.weights.map_or(1.0, |w| w[i])
    }

    /// Indices of the free coefficients.
    pub(super) fn free(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.held.len()).filter(|&i| self.held[i].is_none())
    }

    /// Coefficients in natural units from solver variables.
    pub(super) fn natural(&self, x: &[f64]) -> Vec<f64> {
        let mut x = x.iter();
        self.model
            .coefs()
            .iter()
            .zip(self.held)
            .map(|(c, held)| match (held, c.scale) {
                (Some(value), _) => *value,
                (None, Scale::Log) => x.next().map_or(f64::NAN, |x| x.exp()),
                (None, Scale::Linear) => x.next().copied().unwrap_or(f64::NAN),
            })
            .collect()
    }

    /// Solver variables from coefficients in natural units.
    pub(super) fn variables(&self, theta: &[f64]) -> Vec<f64> {
        let coefs = self.model.coefs();
        self.free()
            .map(|i| if coefs[i].scale == Scale::Log { theta[i].ln() } else { theta[i] })
            .collect()
    }

    /// ln(predicted) - ln(observed) of row `i`.
    pub(super) fn residual(&self, theta: &[f64], i: usize) -> f64 {
        self.model.predict(theta, i).ln() - self.observed.ln[i]
    }

    /// Rows whose residual lies within the band: those that carry the curvature.
    pub(super) fn rows_in_band(&self, x: &[f64]) -> Vec<usize> {
        let theta = self.natural(x);
        let band = self.penalty.band();
        (0..self.len())
            .filter(|&i| self.weight(i) > 0.0 && self.residual(&theta, i).abs() <= band)
            .collect()
    }

    /// Log residual of row `i` with its gradient in the free variables.
    pub(super) fn residual_with_gradient(&self, theta: &[f64], i: usize) -> (f64, Vec<f64>) {
        let coefs = self.model.coefs();
        let p = coefs.len();
        let (mut g, mut h) = ([0.0; MOST], [0.0; MOST * MOST]);
        let predicted = self.model.jet(theta, i, &mut g[..p], &mut h[..p * p]);
        let chain = |k: usize| if coefs[k].scale == Scale::Log { theta[k] } else { 1.0 };
        let gradient = self.free().map(|k| g[k] * chain(k) / predicted).collect();
        (predicted.ln() - self.observed.ln[i], gradient)
    }

    /// Log residual of row `i` with its gradient and Hessian in the free variables.
    pub(super) fn residual_with_hessian(
        &self,
        theta: &[f64],
        i: usize,
    ) -> (f64, DVector<f64>, DMatrix<f64>) {
        let coefs = self.model.coefs();
        let p = coefs.len();
        let (mut g, mut h) = ([0.0; MOST], [0.0; MOST * MOST]);
        let predicted = self.model.jet(theta, i, &mut g[..p], &mut h[..p * p]);
        let free: Vec<usize> = self.free().collect();
        let q = free.len();
        let log = |k: usize| coefs[k].scale == Scale::Log;
        let chain = |k: usize| if log(k) { theta[k] } else { 1.0 };
        let gradient = DVector::from_fn(q, |a, _| g[free[a]] * chain(free[a]) / predicted);
        let hessian = DMatrix::from_fn(q, q, |a, b| {
            let (i, j) = (free[a], free[b]);
            let own = if a == b && log(i) { gradient[a] } else { 0.0 };
            h[i * p + j] * chain(i) * chain(j) / predicted - gradient[a] * gradient[b] + own
        });
        (predicted.ln() - self.observed.ln[i], gradient, hessian)
    }

    /// The objective at `x`.
    pub(super) fn value(&self, x: &[f64]) -> f64 {
        let mut jet = Jet::zeros(x.len());
        self.clone().jet(x, &mut jet);
        jet.value
    }

    /// What one unit of negative log likelihood is worth in the objective: E(psi²) / E(psi') of the
    /// residuals at `theta`, psi the slope of the penalty; twice the variance for squares. A fit of p
    /// coefficients takes p rows' worth out of its residuals, so n - p stands for n.
    ///
    /// A narrow band holds too few rows to tell E(psi'), so the density of the residuals at zero is
    /// counted over half a robust standard deviation either side, without the p rows that such a fit
    /// meets.
    pub(super) fn scale(&self, theta: &[f64]) -> f64 {
        let in_value = self.penalty == Penalty::SquareLoss;
        let mut rows: Vec<(f64, f64)> = (0..self.len())
            .map(|i| {
                let r = if in_value {
                    self.model.predict(theta, i) - self.observed.value[i]
                } else {
                    self.residual(theta, i)
                };
                (r, self.weight(i))
            })
            .filter(|(_, weight)| *weight > 0.0)
            .collect();
        rows.sort_by(|a, b| a.0.abs().total_cmp(&b.0.abs()));
        let p = self.free().count().min(rows.len().saturating_sub(1));
        let mean = |rows: &[(f64, f64)], f: &dyn Fn(f64) -> f64| {
            let count: f64 = rows.iter().map(|(_, w)| w).sum();
            rows.iter().map(|(r, w)| w * f(*r)).sum::<f64>() / count
        };
        let left = &rows[p..];
        let robust_sd = 1.4826 * median(&left.iter().map(|(r, _)| r.abs()).collect::<Vec<_>>());
        let near = 0.5 * robust_sd;
        if self.penalty.band() >= near {
            let freedom = rows.len() as f64 / left.len() as f64;
            let squared_slope = mean(&rows, &|r| self.penalty.at(r).slope.powi(2));
            return freedom * squared_slope / mean(&rows, &|r| self.penalty.at(r).bend);
        }
        // The slope turns by its two outer values within the band.
        let turn = self.penalty.at(2.0 * near).slope - self.penalty.at(-2.0 * near).slope;
        let bend = turn * mean(left, &|r| f64::from(r.abs() <= near)) / (2.0 * near);
        mean(left, &|r| self.penalty.at(r).slope.powi(2)) / bend
    }
}

/// Sums over rows in natural coefficients; the chain rule to solver variables is applied once.
struct Sums {
    gradient: [f64; MOST],
    size: [f64; MOST],
    noise: [f64; MOST],
    hessian: [f64; MOST * MOST],
}

impl Quadratic for Problem<'_> {
    fn jet(&mut self, x: &[f64], jet: &mut Jet) {
        let theta = self.natural(x);
        if let (Some((law, at)), true) = (self.model.separable(&theta), self.priors.is_empty()) {
            let whole = separable::jet(&law, at, self);
            return self.restrict(&law, &whole, jet);
        }
        let p = theta.len();
        let mut sums = Sums {
            gradient: [0.0; MOST],
            size: [0.0; MOST],
            noise: [0.0; MOST],
            hessian: [0.0; MOST * MOST],
        };
        let (mut raw, mut bent) = ([0.0; MOST], [0.0; MOST * MOST]);
        let (raw, bent) = (&mut raw[..p], &mut bent[..p * p]);
        let in_value = self.penalty == Penalty::SquareLoss;
        let (mut value, mut squared_noise) = (0.0, 0.0);
        for i in 0..self.len() {
            let weight = self.weight(i);
            if weight == 0.0 {
                continue;
            }
            let predicted = self.model.jet(&theta, i, raw, bent);
            // For log residuals, d ln L = dL / L and d2 ln L = d2 L / L - (dL / L)^2.
            let (r, over, size) = if in_value {
                (predicted - self.observed.value[i], 1.0, predicted.abs())
            } else {
                let ln_observed = self.observed.ln[i];
                (predicted.ln() - ln_observed, 1.0 / predicted, 1.0 + ln_observed.abs())
            };
            let here = self.penalty.at(r);
            value += weight * here.value;
            let (slope, bend) = (weight * here.slope * over, weight * here.bend * over);
            // Roundings of rows are independent, so their squares add.
            squared_noise += (4.0 * weight * here.slope * f64::EPSILON * size).powi(2);
            // A few roundings in the prediction and its logarithm; outside the band the slope is
            // exact.
            let rounding = bend.abs() * 8.0 * f64::EPSILON * size;
            let twice = (bend - if in_value { 0.0 } else { slope }) * over;
            for a in 0..p {
                let g = raw[a];
                sums.gradient[a] += slope * g;
                sums.size[a] += (slope * g).abs();
                sums.noise[a] += rounding * g.abs();
                let by = twice * g;
                for b in a..p {
                    sums.hessian[a * p + b] += by * raw[b] + slope * bent[a * p + b];
                }
            }
        }
        jet.clear();
        jet.value = value;
        jet.value_noise = squared_noise.sqrt();
        self.add_priors(&theta, &mut sums, jet);
        self.chain(&theta, &sums, jet);
    }
}

impl Problem<'_> {
    /// From (ln E, ln A, ln B, alpha, beta) to the free variables of the law.
    fn restrict(&self, law: &Separable, whole: &Jet, jet: &mut Jet) {
        let q = jet.gradient.len();
        (jet.value, jet.value_noise) = (whole.value, whole.value_noise);
        let along = |weights: &[f64; 5], of: &dyn Fn(usize) -> f64| -> f64 {
            (0..5).map(|m| if weights[m] == 0.0 { 0.0 } else { weights[m] * of(m) }).sum()
        };
        for (a, i) in self.free().enumerate() {
            let chain = &law.chain[i];
            let size = chain.map(f64::abs);
            jet.gradient[a] = along(chain, &|m| whole.gradient[m]);
            jet.gradient_scale[a] = along(&size, &|m| whole.gradient_scale[m]);
            jet.gradient_noise[a] = along(&size, &|m| whole.gradient_noise[m]);
            for (b, j) in self.free().enumerate().skip(a) {
                let bend = along(chain, &|m| along(&law.chain[j], &|n| whole.hessian[m * 5 + n]));
                jet.hessian[a * q + b] = bend;
                jet.hessian[b * q + a] = bend;
            }
        }
    }

    fn add_priors(&self, theta: &[f64], sums: &mut Sums, jet: &mut Jet) {
        let p = theta.len();
        for Prior { coef, mean, sd, scale } in self.priors {
            let z = (theta[*coef] - mean) / sd;
            jet.value += scale * 0.5 * z * z;
            sums.gradient[*coef] += scale * z / sd;
            sums.size[*coef] += (scale * z / sd).abs();
            sums.noise[*coef] += scale / sd / sd * 4.0 * f64::EPSILON * theta[*coef].abs();
            sums.hessian[*coef * p + *coef] += scale / sd / sd;
        }
    }

    /// From d / d theta to d / d x, where x = ln theta if the scale says so.
    fn chain(&self, theta: &[f64], sums: &Sums, jet: &mut Jet) {
        let coefs = self.model.coefs();
        let (p, q) = (theta.len(), jet.gradient.len());
        let by = |k: usize| if coefs[k].scale == Scale::Log { theta[k] } else { 1.0 };
        for (a, i) in self.free().enumerate() {
            jet.gradient[a] = sums.gradient[i] * by(i);
            jet.gradient_scale[a] = sums.size[i] * by(i).abs();
            jet.gradient_noise[a] = sums.noise[i] * by(i).abs();
            for (b, j) in self.free().enumerate().skip(a) {
                let mut second = sums.hessian[i * p + j] * by(i) * by(j);
                if a == b && coefs[i].scale == Scale::Log {
                    // exp is its own second derivative.
                    second += jet.gradient[a];
                }
                jet.hessian[a * q + b] = second;
                jet.hessian[b * q + a] = second;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rows::LawOn;
    use super::*;
    use crate::law::{At, forms};
    use crate::units::{Setting, Tokens};

    /// Value, gradient and Hessian agree with central differences for every registered law and
    /// penalty, with all coefficients free and with the first one held.
    #[test]
    fn derivatives_agree_with_differences() {
        let penalties = [
            Penalty::HuberLog { delta: 0.1 },
            Penalty::AsymmetricLog { delta: 0.1, over: 7.0 },
            Penalty::SquareLog,
            Penalty::SquareLoss,
        ];
        let cases = forms().iter().flat_map(|law| {
            penalties.into_iter().flat_map(move |p| [(*law, p, false), (*law, p, true)])
        });
        for (law, penalty, hold) in cases {
            let at: Vec<At<f64>> = (0..12)
                .map(|i| {
                    let t = f64::from(i);
                    let ln_d = (t * 0.9).cos() * 2.0;
                    let setting = Setting {
                        unique: Some(Tokens::new((ln_d - 0.3 * t).exp())),
                        experts: 1.0 + t,
                        granularity: 1.0 + 0.5 * t,
                        sparsity: 0.07 * t,
                        weight_bits: Some(4.0 + t),
                        activation_bits: Some(16.0 - t),
                        kv_bits: Some(5.0 + t),
                        served_bits: Some(2.0 + t),
                    };
                    At { ln_n: (t * 1.7).sin() * 2.0, ln_d, setting }
                })
                .collect();
            // Inside the domain of every coefficient; laws with printed signs have negative ones.
            let theta: Vec<f64> = law
                .coefs()
                .iter()
                .enumerate()
                .map(|(i, c)| (0.6 + 0.1 * i as f64) * if c.domain.1 <= 0.0 { -0.5 } else { 1.0 })
                .collect();
            // No residual is zero, where the asymmetric curvature jumps.
            let ln_loss: Array1<f64> = at
                .iter()
                .enumerate()
                .map(|(i, x)| law.loss(&theta, x).ln() + 0.3 * (i as f64 + 1.0).sin())
                .collect();
            let observed = Observed { value: ln_loss.mapv(f64::exp), ln: ln_loss };
            let model = LawOn { law, at: &at };
            let prior = Prior { coef: 1, mean: 0.5, sd: 0.2, scale: 0.3 };
            let mut held = vec![None; theta.len()];
            held[0] = hold.then_some(theta[0]);
            let mut objective = Problem {
                model: &model,
                observed: &observed,
                weights: None,
                penalty,
                held: &held,
                priors: &[prior],
            };
            let x = objective.variables(&theta);
            let p = x.len();
            assert_eq!(p, theta.len() - usize::from(hold));
            let (mut here, mut up, mut down) = (Jet::zeros(p), Jet::zeros(p), Jet::zeros(p));
            objective.jet(&x, &mut here);
            for a in 0..p {
                let step = 1e-6;
                let shifted = |sign: f64| {
                    let mut y = x.clone();
                    y[a] += sign * step;
                    y
                };
                objective.jet(&shifted(1.0), &mut up);
                objective.jet(&shifted(-1.0), &mut down);
                let close = |a: f64, b: f64| (a - b).abs() < 1e-6 * (1.0 + here.value + a.abs());
                let slope = (up.value - down.value) / (2.0 * step);
                assert!(close(slope, here.gradient[a]), "{} {penalty:?} {a}", law.id());
                for b in 0..p {
                    let bend = (up.gradient[b] - down.gradient[b]) / (2.0 * step);
                    let exact = here.hessian[b * p + a];
                    let whose = format!("{} {penalty:?} {a} {b}: {bend} {exact}", law.id());
                    assert!(close(bend, exact), "{whose}");
                }
            }
        }
    }
}
