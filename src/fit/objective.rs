//! What a fit minimises, with exact gradient and Hessian.

use super::config::{FitConfig, Objective};
use super::rows::Rows;
use crate::law::{Law, Scale};
use crate::num::{Jet, Quadratic};

/// Most coefficients a family may have here; scratch arrays live on the stack.
const MOST: usize = 10;

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
struct Bent {
    value: f64,
    slope: f64,
    bend: f64,
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

    fn at(self, r: f64) -> Bent {
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

/// sum_i w_i rho(r_i) over the free coefficients of a law.
///
/// Variables are the free coefficients, those of [`Scale::Log`] as logarithms.
#[derive(Clone, Copy)]
pub(super) struct Problem<'a> {
    pub(super) law: &'static dyn Law,
    pub(super) rows: &'a Rows,
    /// Resampling counts, or `None` for every row once.
    pub(super) weights: Option<&'a [f64]>,
    pub(super) penalty: Penalty,
    /// Per coefficient, the value it is held at, around the centre of the rows.
    pub(super) held: &'a [Option<f64>],
}

impl Problem<'_> {
    /// Indices of the free coefficients.
    fn free(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.held.len()).filter(|&i| self.held[i].is_none())
    }

    /// Coefficients in natural units from solver variables.
    pub(super) fn natural(&self, x: &[f64]) -> Vec<f64> {
        let mut x = x.iter();
        self.law
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
        let coefs = self.law.coefs();
        self.free()
            .map(|i| if coefs[i].scale == Scale::Log { theta[i].ln() } else { theta[i] })
            .collect()
    }

    /// ln(predicted) - ln(observed) of row `i`.
    pub(super) fn residual(&self, theta: &[f64], i: usize) -> f64 {
        self.law.loss(theta, &self.rows.at[i]).ln() - self.rows.ln_loss[i]
    }

    /// Rows whose residual lies within the band: those that carry the curvature.
    pub(super) fn rows_in_band(&self, x: &[f64]) -> Vec<usize> {
        let theta = self.natural(x);
        let band = self.penalty.band();
        (0..self.rows.len()).filter(|&i| self.residual(&theta, i).abs() <= band).collect()
    }

    /// Log residual of row `i` with its gradient in the free variables.
    pub(super) fn residual_with_gradient(&self, theta: &[f64], i: usize) -> (f64, Vec<f64>) {
        let coefs = self.law.coefs();
        let p = coefs.len();
        let (mut g, mut h) = ([0.0; MOST], [0.0; MOST * MOST]);
        let loss = self.law.jet(theta, &self.rows.at[i], &mut g[..p], &mut h[..p * p]);
        let chain = |k: usize| if coefs[k].scale == Scale::Log { theta[k] } else { 1.0 };
        (loss.ln() - self.rows.ln_loss[i], self.free().map(|k| g[k] * chain(k) / loss).collect())
    }
}

impl Quadratic for Problem<'_> {
    fn jet(&mut self, x: &[f64], jet: &mut Jet) {
        let theta = self.natural(x);
        let coefs = self.law.coefs();
        let p = coefs.len();
        let q = x.len();
        let mut index = [0; MOST];
        self.free().enumerate().for_each(|(a, k)| index[a] = k);
        let index = &index[..q];
        // From d / d theta to d / d x, where x = ln theta if the scale says so.
        let mut chain = [1.0; MOST];
        for (a, &k) in index.iter().enumerate() {
            if coefs[k].scale == Scale::Log {
                chain[a] = theta[k];
            }
        }
        let mut raw = [0.0; MOST];
        let mut h = [0.0; MOST * MOST];
        let (raw, h) = (&mut raw[..p], &mut h[..p * p]);
        let mut g = [0.0; MOST];
        jet.clear();
        let mut squared_noise = 0.0;
        for (i, at) in self.rows.at.iter().enumerate() {
            let weight = self.weights.map_or(1.0, |w| w[i]);
            if weight == 0.0 {
                continue;
            }
            let loss = self.law.jet(&theta, at, raw, h);
            let ln_observed = self.rows.ln_loss[i];
            let in_loss = self.penalty == Penalty::SquareLoss;
            // For log residuals, d ln L = dL / L and d2 ln L = d2 L / L - (dL / L)^2.
            let (r, over, square) = if in_loss {
                (loss - self.rows.loss[i], 1.0, 0.0)
            } else {
                (loss.ln() - ln_observed, 1.0 / loss, 1.0)
            };
            let Bent { value, slope, bend } = self.penalty.at(r);
            let (value, slope, bend) = (weight * value, weight * slope, weight * bend);
            jet.value += value;
            // A few roundings in the loss and its logarithm; outside the band the slope is exact.
            let size = if in_loss { loss } else { 1.0 + ln_observed.abs() };
            let rounding = bend * 8.0 * f64::EPSILON * size;
            // Roundings of rows are independent, so their squares add.
            squared_noise += (4.0 * slope * f64::EPSILON * size).powi(2);
            for a in 0..q {
                g[a] = raw[index[a]] * chain[a] * over;
                jet.gradient[a] += slope * g[a];
                jet.gradient_scale[a] += (slope * g[a]).abs();
                jet.gradient_noise[a] += rounding * g[a].abs();
            }
            for a in 0..q {
                for b in a..q {
                    let mut second = h[index[a] * p + index[b]] * chain[a] * chain[b] * over
                        - square * g[a] * g[b];
                    if a == b && coefs[index[a]].scale == Scale::Log {
                        // exp is its own second derivative.
                        second += g[a];
                    }
                    jet.hessian[a * q + b] += bend * g[a] * g[b] + slope * second;
                }
            }
        }
        jet.value_noise = squared_noise.sqrt();
        for a in 0..q {
            for b in 0..a {
                jet.hessian[a * q + b] = jet.hessian[b * q + a];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::{At, forms};
    use ndarray::Array1;

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
                    At { ln_n: (t * 1.7).sin() * 2.0, ln_d: (t * 0.9).cos() * 2.0 }
                })
                .collect();
            let theta: Vec<f64> =
                law.coefs().iter().enumerate().map(|(i, _)| 0.6 + 0.1 * i as f64).collect();
            // No residual is zero, where the asymmetric curvature jumps.
            let ln_loss: Array1<f64> = at
                .iter()
                .enumerate()
                .map(|(i, x)| law.loss(&theta, x).ln() + 0.3 * (i as f64 + 1.0).sin())
                .collect();
            let loss = ln_loss.mapv(f64::exp);
            let rows = Rows { at, ln_loss, loss, ln_n0: 0.0, ln_d0: 0.0 };
            let mut held = vec![None; theta.len()];
            held[0] = hold.then_some(theta[0]);
            let mut objective = Problem { law, rows: &rows, weights: None, penalty, held: &held };
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
                let close = |a: f64, b: f64| (a - b).abs() < 1e-6 * (1.0 + a.abs());
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
