//! Trust-region Newton minimisation for objectives that are smooth in pieces.
//!
//! Huber-type objectives have a gradient without jumps, and their Hessian jumps only where a row enters
//! or leaves the band. Once the set of rows inside the band is right, Newton steps converge; until then
//! the trust region keeps them safe. The end is judged by the gradient alone: near the minimum
//! the objective is flat to rounding long before the coefficients are exact.

use nalgebra::{DMatrix, DVector};

/// Value, gradient and Hessian of an objective at one point.
#[derive(Clone, Debug)]
pub struct Jet {
    /// Objective.
    pub value: f64,
    /// What rounding of the residuals can add to the objective: smaller changes mean nothing.
    pub value_noise: f64,
    /// Gradient, length p.
    pub gradient: Vec<f64>,
    /// Hessian, p by p, row by row.
    pub hessian: Vec<f64>,
    /// Per component, the sum of absolute row contributions to the gradient: the size against
    /// which a gradient counts as zero.
    pub gradient_scale: Vec<f64>,
    /// Per component, what rounding of the residuals can add to the gradient.
    pub gradient_noise: Vec<f64>,
}

impl Jet {
    /// A jet of zeros for `p` variables.
    #[must_use]
    pub fn zeros(p: usize) -> Self {
        Self {
            value: 0.0,
            value_noise: 0.0,
            gradient: vec![0.0; p],
            hessian: vec![0.0; p * p],
            gradient_scale: vec![0.0; p],
            gradient_noise: vec![0.0; p],
        }
    }

    /// Sets everything to zero, keeping the storage.
    pub fn clear(&mut self) {
        self.value = 0.0;
        self.value_noise = 0.0;
        self.gradient.fill(0.0);
        self.hessian.fill(0.0);
        self.gradient_scale.fill(0.0);
        self.gradient_noise.fill(0.0);
    }

    /// Largest gradient component relative to its scale, beyond what rounding alone can add:
    /// on noiseless data the scale itself is rounding, and the quotient of the two means nothing.
    #[must_use]
    pub fn scaled_gradient(&self) -> f64 {
        let scale_and_noise = self.gradient_scale.iter().zip(&self.gradient_noise);
        self.gradient
            .iter()
            .zip(scale_and_noise)
            .map(|(g, (scale, noise))| match g.abs() {
                g if !g.is_finite() => f64::INFINITY,
                g if g <= *noise => 0.0,
                g if *scale > 0.0 => (g - noise) / scale,
                g => g - noise,
            })
            .fold(0.0, f64::max)
    }

    /// Whether every number in it is finite.
    #[must_use]
    pub fn is_finite(&self) -> bool {
        let all = |numbers: &[f64]| numbers.iter().all(|x| x.is_finite());
        self.value.is_finite() && all(&self.gradient) && all(&self.hessian)
    }
}

/// An objective the Newton method can minimise.
pub trait Quadratic {
    /// Writes value, gradient, Hessian and gradient scale at `x` into `jet`.
    fn jet(&mut self, x: &[f64], jet: &mut Jet);
}

/// Settings of [`minimise`].
///
/// | field | default | purpose |
/// |---|---|---|
/// | `max_iterations` | 200 | Newton steps tried |
/// | `first_radius` | 1.0 | first trust radius, in the objective's own variables |
/// | `stop_at` | 1e-13 | scaled gradient at which the point counts as stationary |
#[derive(Clone, Copy, Debug)]
pub struct NewtonConfig {
    /// Newton steps tried, accepted or not.
    pub max_iterations: usize,
    /// First trust radius.
    pub first_radius: f64,
    /// Scaled gradient to stop at.
    pub stop_at: f64,
}

impl Default for NewtonConfig {
    fn default() -> Self {
        Self { max_iterations: 200, first_radius: 1.0, stop_at: 1e-13 }
    }
}

/// Where [`minimise`] ended.
#[derive(Clone, Debug)]
pub struct NewtonEnd {
    /// The point.
    pub x: Vec<f64>,
    /// Objective, gradient and Hessian there.
    pub jet: Jet,
    /// Steps tried.
    pub iterations: usize,
}

/// Minimises `objective` from `x0`.
///
/// Each step minimises the quadratic model inside a ball, exactly, from the eigenvalues of the
/// Hessian (Moré and Sorensen 1983). A step is also taken when it does not lower the objective
/// beyond rounding but halves the gradient: the last Newton steps are of that kind. Never fails; judge
/// the end by [`Jet::scaled_gradient`] and the Hessian.
#[must_use]
pub fn minimise(objective: &mut impl Quadratic, x0: &[f64], config: &NewtonConfig) -> NewtonEnd {
    let p = x0.len();
    let mut x = x0.to_vec();
    let mut here = Jet::zeros(p);
    let mut there = Jet::zeros(p);
    objective.jet(&x, &mut here);
    let mut radius = config.first_radius;
    let mut iterations = 0;
    let mut trial = vec![0.0; p];
    while iterations < config.max_iterations && here.is_finite() {
        if here.scaled_gradient() <= config.stop_at || radius < 1e-14 {
            break;
        }
        iterations += 1;
        let (step, predicted) = bounded_step(p, &here, radius);
        let length = step.norm();
        trial.iter_mut().zip(&x).zip(step.iter()).for_each(|((t, x), s)| *t = x + s);
        objective.jet(&trial, &mut there);
        let gain = here.value - there.value;
        let rounding = here.value_noise.max(1e-14 * here.value.abs());
        let flat = gain.abs() <= rounding;
        let better_gradient = there.scaled_gradient() <= 0.5 * here.scaled_gradient();
        let accept = there.is_finite() && (gain > rounding || (flat && better_gradient));
        let agreement = if predicted > 0.0 { gain / predicted } else { 0.0 };
        if accept {
            std::mem::swap(&mut x, &mut trial);
            std::mem::swap(&mut here, &mut there);
        }
        if flat {
            if !accept {
                break;
            }
        } else if agreement > 0.75 && length > 0.8 * radius {
            radius *= 2.5;
        } else if !agreement.is_finite() || agreement < 0.25 {
            radius = 0.3 * length.min(radius);
        }
    }
    NewtonEnd { x, jet: here, iterations }
}

/// The minimiser of the quadratic model within `radius`, and the decrease the model predicts.
fn bounded_step(p: usize, jet: &Jet, radius: f64) -> (DVector<f64>, f64) {
    let hessian = DMatrix::from_row_slice(p, p, &jet.hessian);
    let eigen = hessian.symmetric_eigen();
    let g = DVector::from_column_slice(&jet.gradient);
    let along = eigen.eigenvectors.transpose() * &g;
    let lambda_min = eigen.eigenvalues.min();
    let lambda_max = eigen.eigenvalues.amax().max(f64::MIN_POSITIVE);
    let at = |mu: f64| -> DVector<f64> {
        DVector::from_fn(p, |i, _| -along[i] / (eigen.eigenvalues[i] + mu))
    };
    let floor = 1e-15 * lambda_max;
    let mut mu = if lambda_min > floor { 0.0 } else { floor - lambda_min + 1e-10 * lambda_max };
    let mut s = at(mu);
    if s.norm() > radius {
        // |s(mu)| falls in mu; double up to bracket, then bisect: three digits of the radius are enough.
        let mut lo = mu;
        let mut hi = (mu + g.norm() / radius).max(1e-300);
        while at(hi).norm() > radius {
            hi *= 2.0;
        }
        for _ in 0..60 {
            mu = 0.5 * (lo + hi);
            if at(mu).norm() > radius {
                lo = mu
            } else {
                hi = mu
            }
            if hi - lo <= 1e-3 * hi {
                break;
            }
        }
        s = at(hi);
    }
    let model: f64 = (0..p).map(|i| s[i] * (along[i] + 0.5 * eigen.eigenvalues[i] * s[i])).sum();
    (&eigen.eigenvectors * s, -model)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Rosenbrock;

    impl Quadratic for Rosenbrock {
        fn jet(&mut self, x: &[f64], jet: &mut Jet) {
            let (a, b) = (x[0], x[1]);
            let r = b - a * a;
            jet.value = (1.0 - a).powi(2) + 100.0 * r * r;
            jet.gradient = vec![-2.0 * (1.0 - a) - 400.0 * a * r, 200.0 * r];
            jet.hessian = vec![2.0 - 400.0 * r + 800.0 * a * a, -400.0 * a, -400.0 * a, 200.0];
            jet.gradient_scale = vec![1.0, 1.0];
            jet.gradient_noise = vec![0.0, 0.0];
        }
    }

    #[test]
    fn a_gradient_that_is_no_number_is_not_stationary() {
        let mut jet = Jet::zeros(2);
        assert_eq!(jet.scaled_gradient(), 0.0);
        jet.gradient[1] = f64::NAN;
        assert!(jet.scaled_gradient().is_infinite() && !jet.is_finite());
    }

    #[test]
    fn rosenbrock_is_minimised_to_all_digits() {
        let end = minimise(&mut Rosenbrock, &[-1.2, 1.0], &NewtonConfig::default());
        assert!(end.x.iter().all(|x| (x - 1.0).abs() < 1e-12), "{:?}", end.x);
        assert!(end.iterations < 60);
    }
}
