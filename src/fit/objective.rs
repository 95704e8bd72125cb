//! The Huber objective on log residuals, with exact gradient and Hessian.

use super::rows::Rows;
use crate::law::{Law, Scale};
use crate::num::{Jet, Quadratic};

/// Most coefficients a family may have here; scratch arrays live on the stack.
const MOST: usize = 10;

/// sum_i w_i rho(r_i), r = ln L(theta) - ln L_i, rho quadratic within `delta`, linear outside.
///
/// Variables are the coefficients of [`Scale::Log`] as logarithms and the others as they are.
pub(super) struct HuberLog<'a> {
    pub(super) law: &'static dyn Law,
    pub(super) rows: &'a Rows,
    /// Resampling counts, or `None` for every row once.
    pub(super) weights: Option<&'a [f64]>,
    pub(super) delta: f64,
}

impl HuberLog<'_> {
    /// Rows whose residual lies within the band: those that carry the curvature.
    pub(super) fn rows_in_band(&self, x: &[f64]) -> usize {
        let theta = natural(self.law, x);
        let residual =
            |i: usize| self.law.loss(&theta, &self.rows.at[i]).ln() - self.rows.ln_loss[i];
        (0..self.rows.len()).filter(|&i| residual(i).abs() <= self.delta).count()
    }
}

impl Quadratic for HuberLog<'_> {
    fn jet(&mut self, x: &[f64], jet: &mut Jet) {
        let p = x.len();
        let theta = natural(self.law, x);
        let coefs = self.law.coefs();
        let mut g = [0.0; MOST];
        let mut h = [0.0; MOST * MOST];
        let (g, h) = (&mut g[..p], &mut h[..p * p]);
        jet.clear();
        for (i, at) in self.rows.at.iter().enumerate() {
            let weight = self.weights.map_or(1.0, |w| w[i]);
            if weight == 0.0 {
                continue;
            }
            let loss = self.law.jet(&theta, at, g, h);
            let r = loss.ln() - self.rows.ln_loss[i];
            let inside = r.abs() <= self.delta;
            let slope = weight * if inside { r } else { self.delta * r.signum() };
            let bend = if inside { weight } else { 0.0 };
            // A few roundings in the loss and its logarithm; outside the band the slope is exact.
            let rounding = bend * 8.0 * f64::EPSILON * (1.0 + self.rows.ln_loss[i].abs());
            jet.value += weight
                * if inside { 0.5 * r * r } else { self.delta * (r.abs() - 0.5 * self.delta) };
            // From d loss / d theta to d ln(loss) / d x, where x = ln theta if the scale says so.
            let mut chain = [1.0; MOST];
            for a in 0..p {
                if coefs[a].scale == Scale::Log {
                    chain[a] = theta[a];
                }
                g[a] *= chain[a] / loss;
                jet.gradient[a] += slope * g[a];
                jet.gradient_scale[a] += (slope * g[a]).abs();
                jet.gradient_noise[a] += rounding * g[a].abs();
            }
            for a in 0..p {
                for b in a..p {
                    let mut second = h[a * p + b] * chain[a] * chain[b] / loss - g[a] * g[b];
                    if a == b && coefs[a].scale == Scale::Log {
                        // exp is its own second derivative.
                        second += g[a];
                    }
                    jet.hessian[a * p + b] += bend * g[a] * g[b] + slope * second;
                }
            }
        }
        for a in 0..p {
            for b in 0..a {
                jet.hessian[a * p + b] = jet.hessian[b * p + a];
            }
        }
    }
}

/// Coefficients in natural units from solver variables.
pub(super) fn natural(law: &dyn Law, x: &[f64]) -> Vec<f64> {
    law.coefs()
        .iter()
        .zip(x)
        .map(|(c, x)| if c.scale == Scale::Log { x.exp() } else { *x })
        .collect()
}

/// Solver variables from coefficients in natural units.
pub(super) fn variables(law: &dyn Law, theta: &[f64]) -> Vec<f64> {
    law.coefs()
        .iter()
        .zip(theta)
        .map(|(c, t)| if c.scale == Scale::Log { t.ln() } else { *t })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::{At, forms};
    use ndarray::Array1;

    /// Value, gradient and Hessian agree with central differences for every registered law.
    #[test]
    fn derivatives_agree_with_differences() {
        for law in forms() {
            let at: Vec<At<f64>> = (0..12)
                .map(|i| {
                    let t = f64::from(i);
                    At { ln_n: (t * 1.7).sin() * 2.0, ln_d: (t * 0.9).cos() * 2.0 }
                })
                .collect();
            let theta: Vec<f64> =
                law.coefs().iter().enumerate().map(|(i, _)| 0.6 + 0.1 * i as f64).collect();
            let ln_loss: Array1<f64> = at
                .iter()
                .enumerate()
                .map(|(i, x)| law.loss(&theta, x).ln() + 0.3 * (i as f64).sin())
                .collect();
            let rows = Rows { at, ln_loss, ln_n0: 0.0, ln_d0: 0.0 };
            let mut objective = HuberLog { law: *law, rows: &rows, weights: None, delta: 0.1 };
            let x = variables(*law, &theta);
            let p = x.len();
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
                let slope = (up.value - down.value) / (2.0 * step);
                assert!((slope - here.gradient[a]).abs() < 1e-7, "{} {a}", law.id());
                for b in 0..p {
                    let bend = (up.gradient[b] - down.gradient[b]) / (2.0 * step);
                    let exact = here.hessian[b * p + a];
                    assert!((bend - exact).abs() < 1e-6, "{} {a} {b}: {bend} {exact}", law.id());
                }
            }
        }
    }
}
