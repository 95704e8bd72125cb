//! What a family of laws writes, and what the rest of the house uses of it.

use num_dual::{Derivative, Dual2SVec64, Dual64};

use crate::num::Real;

/// Where a law is evaluated: logarithms of N and D, possibly relative to a centre.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct At<T> {
    /// ln N.
    pub ln_n: T,
    /// ln D.
    pub ln_d: T,
}

/// How a coefficient is moved by a fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Positive; the fit moves its logarithm.
    Log,
    /// Any sign; the fit moves it as it is.
    Linear,
}

/// One coefficient of a family.
#[derive(Clone, Copy, Debug)]
pub struct Coef {
    /// Name as in tables and JSON.
    pub name: &'static str,
    /// Unit in words.
    pub unit: &'static str,
    /// How a fit moves it.
    pub scale: Scale,
    /// Open range in which the law keeps its meaning.
    pub domain: (f64, f64),
}

/// A family of laws: the part a new law writes (see `src/law/chinchilla.rs`).
///
/// `theta` holds the coefficients in the order of [`Form::COEFS`], in natural units.
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

    /// Loss in nats per token.
    fn loss<T: Real>(&self, theta: &[T], at: &At<T>) -> T;

    /// Infimum of the loss over all N and D, in nats per token.
    fn floor(&self, theta: &[f64]) -> f64;

    /// Turns coefficients for (ln N, ln D) into those for (ln N - ln_n0, ln D - ln_d0), so that a
    /// fit can work near zero where the logarithms of coefficients and exponents decouple.
    fn recentre(&self, theta: &mut [f64], ln_n0: f64, ln_d0: f64);

    /// Points to start a fit from, spread over the exponents seen in the literature.
    fn starts(&self, at: &[At<f64>], loss: &[f64]) -> Vec<Vec<f64>>;

    /// ln N of the lowest loss on ln N + ln D = `ln_nd`, where a closed form exists.
    fn ln_n_optimal(&self, _theta: &[f64], _ln_nd: f64) -> Option<f64> {
        None
    }

    /// ln D that brings ln N = `ln_n` to `loss`, where a closed form exists; infinite past the wall.
    fn ln_d_for_loss(&self, _theta: &[f64], _ln_n: f64, _loss: f64) -> Option<f64> {
        None
    }

    /// Loss with its gradient (length p) and Hessian (p by p, row by row) in the coefficients.
    ///
    /// By dual numbers; a family overrides it where speed matters.
    fn jet(&self, theta: &[f64], at: &At<f64>, gradient: &mut [f64], hessian: &mut [f64]) -> f64
    where
        Self: Sized,
    {
        match Self::COEFS.len() {
            3 => dual_jet::<Self, 3>(self, theta, at, gradient, hessian),
            4 => dual_jet::<Self, 4>(self, theta, at, gradient, hessian),
            5 => dual_jet::<Self, 5>(self, theta, at, gradient, hessian),
            6 => dual_jet::<Self, 6>(self, theta, at, gradient, hessian),
            7 => dual_jet::<Self, 7>(self, theta, at, gradient, hessian),
            8 => dual_jet::<Self, 8>(self, theta, at, gradient, hessian),
            // The compiler needs one size per arm; a wider law adds its arm here.
            p => unreachable!("no dual numbers of {p} coefficients are set up"),
        }
    }

    /// (dL / d ln N, dL / d ln D), both negative where more of either helps.
    fn slopes(&self, theta: &[f64], at: &At<f64>) -> (f64, f64)
    where
        Self: Sized,
    {
        let theta: Vec<Dual64> = theta.iter().map(|t| Dual64::from(*t)).collect();
        let constant = Dual64::from;
        let moving = |x: f64| Dual64::new(x, 1.0);
        let by_n = self.loss(&theta, &At { ln_n: moving(at.ln_n), ln_d: constant(at.ln_d) });
        let by_d = self.loss(&theta, &At { ln_n: constant(at.ln_n), ln_d: moving(at.ln_d) });
        (by_n.eps, by_d.eps)
    }
}

fn dual_jet<F: Form, const P: usize>(
    form: &F,
    theta: &[f64],
    at: &At<f64>,
    gradient: &mut [f64],
    hessian: &mut [f64],
) -> f64 {
    let duals: [Dual2SVec64<P>; P] = std::array::from_fn(|i| {
        let mut x = Dual2SVec64::<P>::from(theta[i]);
        x.v1 = Derivative::derivative_generic(nalgebra::Const::<1>, nalgebra::Const::<P>, i);
        x
    });
    let here = At { ln_n: Dual2SVec64::from(at.ln_n), ln_d: Dual2SVec64::from(at.ln_d) };
    let loss = form.loss(&duals, &here);
    let (row, square) = (nalgebra::Const::<1>, nalgebra::Const::<P>);
    let g = loss.v1.unwrap_generic(row, square);
    let h = loss.v2.unwrap_generic(square, square);
    gradient.iter_mut().zip(g.iter()).for_each(|(out, x)| *out = *x);
    hessian.iter_mut().zip(h.iter()).for_each(|(out, x)| *out = *x);
    loss.re
}

/// A family behind a reference, as fits and plans use it. Implemented for every [`Form`].
pub trait Law: Send + Sync {
    /// Stable id.
    fn id(&self) -> &'static str;
    /// Name for people.
    fn title(&self) -> &'static str;
    /// The equation in plain text.
    fn equation(&self) -> &'static str;
    /// Paper and equation number.
    fn source(&self) -> &'static str;
    /// Coefficients in order.
    fn coefs(&self) -> &'static [Coef];
    /// Loss in nats per token.
    fn loss(&self, theta: &[f64], at: &At<f64>) -> f64;
    /// See [`Form::jet`].
    fn jet(&self, theta: &[f64], at: &At<f64>, gradient: &mut [f64], hessian: &mut [f64]) -> f64;
    /// See [`Form::slopes`].
    fn slopes(&self, theta: &[f64], at: &At<f64>) -> (f64, f64);
    /// See [`Form::floor`].
    fn floor(&self, theta: &[f64]) -> f64;
    /// See [`Form::recentre`].
    fn recentre(&self, theta: &mut [f64], ln_n0: f64, ln_d0: f64);
    /// See [`Form::starts`].
    fn starts(&self, at: &[At<f64>], loss: &[f64]) -> Vec<Vec<f64>>;
    /// See [`Form::ln_n_optimal`].
    fn ln_n_optimal(&self, theta: &[f64], ln_nd: f64) -> Option<f64>;
    /// See [`Form::ln_d_for_loss`].
    fn ln_d_for_loss(&self, theta: &[f64], ln_n: f64, loss: f64) -> Option<f64>;
}

impl<F: Form> Law for F {
    fn id(&self) -> &'static str {
        F::ID
    }
    fn title(&self) -> &'static str {
        F::TITLE
    }
    fn equation(&self) -> &'static str {
        F::EQUATION
    }
    fn source(&self) -> &'static str {
        F::SOURCE
    }
    fn coefs(&self) -> &'static [Coef] {
        F::COEFS
    }
    fn loss(&self, theta: &[f64], at: &At<f64>) -> f64 {
        Form::loss(self, theta, at)
    }
    fn jet(&self, theta: &[f64], at: &At<f64>, gradient: &mut [f64], hessian: &mut [f64]) -> f64 {
        Form::jet(self, theta, at, gradient, hessian)
    }
    fn slopes(&self, theta: &[f64], at: &At<f64>) -> (f64, f64) {
        Form::slopes(self, theta, at)
    }
    fn floor(&self, theta: &[f64]) -> f64 {
        Form::floor(self, theta)
    }
    fn recentre(&self, theta: &mut [f64], ln_n0: f64, ln_d0: f64) {
        Form::recentre(self, theta, ln_n0, ln_d0);
    }
    fn starts(&self, at: &[At<f64>], loss: &[f64]) -> Vec<Vec<f64>> {
        Form::starts(self, at, loss)
    }
    fn ln_n_optimal(&self, theta: &[f64], ln_nd: f64) -> Option<f64> {
        Form::ln_n_optimal(self, theta, ln_nd)
    }
    fn ln_d_for_loss(&self, theta: &[f64], ln_n: f64, loss: f64) -> Option<f64> {
        Form::ln_d_for_loss(self, theta, ln_n, loss)
    }
}
