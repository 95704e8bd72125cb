//! Value, gradient and Hessian of what a fit minimises.

use super::penalty::Penalty;
use super::problem::{MOST, Prior, Problem};
use super::separable;
use crate::law::{Scale, Separable};
use crate::num::{Jet, Quadratic};

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
    /// The objective at `x`.
    pub(crate) fn value(&self, x: &[f64]) -> f64 {
        let mut jet = Jet::zeros(x.len());
        self.clone().jet(x, &mut jet);
        jet.value
    }

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
    use super::super::problem::Observed;
    use super::super::rows::LawOn;
    use super::*;
    use ndarray::Array1;

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
