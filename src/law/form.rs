//! What a family of laws writes.

use num_dual::{Dual64, HyperDual64};

use super::at::{At, Factor};
use super::coef::Coef;
use super::powers::{Powers, Separable};
use crate::num::Real;
use crate::units::Setting;

/// A family of laws: the part a new law writes.
///
/// `theta` holds the coefficients in the order of [`Form::COEFS`], in natural units. Required are the
/// names, [`EXAMPLE`](Form::EXAMPLE), the loss, its floor, how the coefficients change with the origin
/// of ln N and ln D, and starting points. Everything else has a default: derivatives come from dual
/// numbers, optima and iso-loss curves are solved numerically. A family overrides a default where it
/// has a closed form or where speed matters.
///
/// ```
/// use isoloss::law::{At, Coef, Form, LinearPart, Surface, grid, ranked_starts};
/// use isoloss::num::Real;
/// use isoloss::units::{Flops, ParamRule, Setting};
///
/// /// L(N, D) = E + A / N^alpha + B / D^alpha, in nats per token.
/// struct OneExponent;
///
/// impl Form for OneExponent {
///     const ID: &'static str = "one-exponent";
///     const TITLE: &'static str = "One exponent";
///     const EQUATION: &'static str = "L = E + A/N^alpha + B/D^alpha";
///     const SOURCE: &'static str = "this page";
///     const COEFS: &'static [Coef] = &[
///         Coef::floor("E"),
///         Coef::positive("A", "nats · parameters^alpha"),
///         Coef::positive("B", "nats · tokens^alpha"),
///         Coef::exponent("alpha"),
///     ];
///     const EXAMPLE: &'static [f64] = &[1.8, 500.0, 1500.0, 0.35];
///
///     fn loss<T: Real>(&self, theta: &[T], at: &At<T>) -> T {
///         let power = |ln_x: T| (-theta[3] * ln_x).exp();
///         theta[0] + theta[1] * power(at.ln_n) + theta[2] * power(at.ln_d)
///     }
///
///     fn floor(&self, theta: &[f64], _setting: &Setting) -> f64 {
///         theta[0]
///     }
///
///     fn recentre(&self, theta: &mut [f64], ln_n0: f64, ln_d0: f64) {
///         theta[1] *= (-theta[3] * ln_n0).exp();
///         theta[2] *= (-theta[3] * ln_d0).exp();
///     }
///
///     // For a fixed exponent the loss is linear in E, A and B.
///     fn starts(&self, at: &[At<f64>], loss: &[f64]) -> Vec<Vec<f64>> {
///         let part = |[alpha]: &[f64; 1]| {
///             LinearPart::of_loss(loss)
///                 .with(at.iter().map(|_| 1.0))
///                 .with(at.iter().map(|x| (-alpha * x.ln_n).exp()))
///                 .with(at.iter().map(|x| (-alpha * x.ln_d).exp()))
///         };
///         ranked_starts(&grid([&[0.2, 0.35, 0.5]]), loss, part)
///             .into_iter()
///             .map(|([alpha], x)| vec![x[0], x[1], x[2], alpha])
///             .collect()
///     }
/// }
///
/// let theta = OneExponent::EXAMPLE.to_vec();
/// let surface = Surface::new(&OneExponent, theta, "mine", ParamRule::All, Default::default())?;
/// // Solved, as there is no closed form here: D/N is the same at every budget.
/// let ratio = |c: f64| (c / 6.0).ln() - 2.0 * surface.ln_n_optimal(Flops::new(c)).unwrap();
/// assert!((ratio(1e20) - ratio(1e24)).abs() < 1e-9);
/// # Ok::<(), isoloss::error::Error>(())
/// ```
pub trait Form: Send + Sync + 'static {
    /// Stable id, as in files and flags.
    const ID: &'static str;
    /// Name for people.
    const TITLE: &'static str;
    /// The equation in plain text.
    const EQUATION: &'static str;
    /// Paper and equation number.
    const SOURCE: &'static str;
    /// Coefficients in order.
    const COEFS: &'static [Coef];
    /// Typical coefficients, such as a fit to runs of language models gives; for tests and
    /// documentation, not for plans.
    const EXAMPLE: &'static [f64];
    /// What the loss depends on.
    const FACTORS: &'static [Factor] = &[Factor::Params, Factor::Tokens];
    /// Whether [`Form::recentre`] can move the origin of ln D.
    const CENTRES_TOKENS: bool = true;
    /// Whether the objective is known to have several minima close to each other, so that every
    /// start has to be followed to its end.
    const RUGGED: bool = false;

    /// Loss in nats per token.
    fn loss<T: Real>(&self, theta: &[T], at: &At<T>) -> T;

    /// Infimum of the loss over all N and D in this setting, in nats per token.
    fn floor(&self, theta: &[f64], setting: &Setting) -> f64;

    /// Turns coefficients for (ln N, ln D) into those for (ln N - ln_n0, ln D - ln_d0), so that a
    /// fit can work near zero where the logarithms of coefficients and exponents decouple.
    fn recentre(&self, theta: &mut [f64], ln_n0: f64, ln_d0: f64);

    /// Points to start a fit from, spread over the exponents seen in the literature.
    fn starts(&self, at: &[At<f64>], loss: &[f64]) -> Vec<Vec<f64>>;

    /// The law as E + A N^-alpha + B D^-beta in every setting, if it is one; fits are then faster.
    fn separable(&self, _theta: &[f64]) -> Option<Separable> {
        None
    }

    /// The law in this setting as E + A N^-alpha + B D^-beta, if it is one: slopes and all closed
    /// forms below then follow from it.
    fn powers(&self, theta: &[f64], _setting: &Setting) -> Option<Powers> {
        self.separable(theta).map(|s| s.powers())
    }

    /// ln N of the lowest loss on ln N + ln D = `ln_nd`, if it has a closed form; else it is solved.
    fn ln_n_optimal(&self, theta: &[f64], ln_nd: f64, setting: &Setting) -> Option<f64> {
        self.powers(theta, setting).map(|p| p.ln_n_optimal(ln_nd))
    }

    /// (ln N, ln D) of the smallest N D that reaches `loss`, if they have a closed form; else they
    /// are solved. NaN at or below the floor.
    fn ln_optimum_for_loss(
        &self,
        theta: &[f64],
        loss: f64,
        setting: &Setting,
    ) -> Option<(f64, f64)> {
        self.powers(theta, setting).map(|p| p.ln_optimum_for_loss(loss))
    }

    /// ln of the smallest N that reaches `loss` with unlimited tokens, the wall, if it has a closed
    /// form; else it is solved. NaN at or below the floor.
    fn ln_n_wall(&self, theta: &[f64], loss: f64, setting: &Setting) -> Option<f64> {
        self.powers(theta, setting).map(|p| p.ln_n_wall(loss))
    }

    /// ln D that brings ln N = `ln_n` to `loss`, if it has a closed form; else it is solved. Infinite
    /// below the wall.
    fn ln_d_for_loss(&self, theta: &[f64], ln_n: f64, loss: f64, setting: &Setting) -> Option<f64> {
        self.powers(theta, setting).map(|p| p.ln_d_for_loss(ln_n, loss))
    }

    /// ln D beyond which more tokens raise the loss; infinite for a law where they never do.
    fn ln_d_most_useful(&self, _theta: &[f64], _ln_n: f64, _setting: &Setting) -> f64 {
        f64::INFINITY
    }

    /// Loss with its gradient (length p) and Hessian (p by p, row by row) in the coefficients.
    ///
    /// By dual numbers; a family overrides it where speed matters.
    fn jet(&self, theta: &[f64], at: &At<f64>, gradient: &mut [f64], hessian: &mut [f64]) -> f64
    where
        Self: Sized,
    {
        jet_by_duals(self, theta, at, gradient, hessian)
    }

    /// (dL / d ln N, dL / d ln D), both negative where more of either helps.
    fn slopes(&self, theta: &[f64], at: &At<f64>) -> (f64, f64)
    where
        Self: Sized,
    {
        match self.powers(theta, &at.setting) {
            Some(powers) => powers.slopes(at.ln_n, at.ln_d),
            None => slopes_by_duals(self, theta, at),
        }
    }
}

/// [`Form::jet`] by dual numbers, whatever the family overrides.
pub(super) fn jet_by_duals<F: Form>(
    form: &F,
    theta: &[f64],
    at: &At<f64>,
    gradient: &mut [f64],
    hessian: &mut [f64],
) -> f64 {
    dual_jet(|theta| form.loss(theta, &constant(at)), theta, gradient, hessian)
}

/// [`Form::slopes`] by dual numbers, whatever the family overrides.
pub(super) fn slopes_by_duals<F: Form>(form: &F, theta: &[f64], at: &At<f64>) -> (f64, f64) {
    let theta: Vec<Dual64> = theta.iter().map(|t| Dual64::from(*t)).collect();
    let fixed: At<Dual64> = constant(at);
    let moving = |x: f64| Dual64::new(x, 1.0);
    let by_n = form.loss(&theta, &At { ln_n: moving(at.ln_n), ..fixed });
    let by_d = form.loss(&theta, &At { ln_d: moving(at.ln_d), ..fixed });
    (by_n.eps, by_d.eps)
}

/// The same place in numbers whose derivative is zero.
fn constant<T: Real>(at: &At<f64>) -> At<T> {
    At { ln_n: T::from(at.ln_n), ln_d: T::from(at.ln_d), setting: at.setting }
}

/// Value, gradient and Hessian of `f` at `theta` by hyper-dual numbers, a pair of coefficients at a
/// time: p (p + 1) / 2 evaluations, exact to rounding.
pub(crate) fn dual_jet(
    f: impl Fn(&[HyperDual64]) -> HyperDual64,
    theta: &[f64],
    gradient: &mut [f64],
    hessian: &mut [f64],
) -> f64 {
    let p = theta.len();
    let mut duals: Vec<HyperDual64> = theta.iter().map(|t| HyperDual64::from_re(*t)).collect();
    let mut value = f64::NAN;
    for a in 0..p {
        duals[a].eps1 = 1.0;
        for b in a..p {
            duals[b].eps2 = 1.0;
            let y = f(&duals);
            duals[b].eps2 = 0.0;
            hessian[a * p + b] = y.eps1eps2;
            hessian[b * p + a] = y.eps1eps2;
            gradient[a] = y.eps1;
            value = y.re;
        }
        duals[a].eps1 = 0.0;
    }
    value
}
