//! What a family of laws writes, and what the rest of the house uses of it.

use num_dual::{Dual64, HyperDual64};

use super::powers::Powers;
use crate::num::Real;
use crate::units::Setting;

/// Where a law is evaluated: logarithms of N and D, possibly relative to a centre, and what else
/// the run was made with.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct At<T> {
    /// ln N.
    pub ln_n: T,
    /// ln D.
    pub ln_d: T,
    /// Repetition, sparsity, precision; unique tokens are relative to the same centre as D.
    pub setting: Setting,
}

impl<T> At<T> {
    /// A dense model in full precision on text seen once.
    pub const fn plain(ln_n: T, ln_d: T) -> Self {
        Self { ln_n, ln_d, setting: Setting::PLAIN }
    }
}

impl At<f64> {
    /// The same place relative to (ln_n0, ln_d0).
    #[must_use]
    pub fn relative_to(&self, ln_n0: f64, ln_d0: f64) -> Self {
        let unique =
            self.setting.unique.map(|u| crate::units::Tokens::new(u.get() * (-ln_d0).exp()));
        Self {
            ln_n: self.ln_n - ln_n0,
            ln_d: self.ln_d - ln_d0,
            setting: Setting { unique, ..self.setting },
        }
    }
}

/// A law that reads E + A N^-alpha + B D^-beta, whatever its own coefficients are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Separable {
    /// E.
    pub e: f64,
    /// A.
    pub a: f64,
    /// B.
    pub b: f64,
    /// alpha.
    pub alpha: f64,
    /// beta.
    pub beta: f64,
    /// How (ln E, ln A, ln B, alpha, beta) move with each coefficient of the law, in its order, those
    /// of [`Scale::Log`] as logarithms; constant, since the relation is linear in these.
    pub chain: &'static [[f64; 5]],
}

impl Separable {
    /// The powers themselves.
    #[must_use]
    pub fn powers(&self) -> Powers {
        let Self { e, a, b, alpha, beta, .. } = *self;
        Powers { e, a, b, alpha, beta }
    }
}

/// A quantity a law looks at; its runs must differ in each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Factor {
    /// N.
    Params,
    /// D.
    Tokens,
    /// C = 6 N D, and N and D only through it.
    Compute,
    /// Unique tokens U.
    UniqueTokens,
    /// Experts per layer.
    Experts,
    /// Granularity of the experts.
    Granularity,
    /// Share of experts a token does not visit.
    Sparsity,
    /// Bits in training or in serving.
    Precision,
}

impl std::fmt::Display for Factor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Params => "N",
            Self::Tokens => "D",
            Self::Compute => "C",
            Self::UniqueTokens => "unique tokens",
            Self::Experts => "experts",
            Self::Granularity => "granularity",
            Self::Sparsity => "sparsity",
            Self::Precision => "bits",
        })
    }
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
    /// What the loss depends on.
    const FACTORS: &'static [Factor] = &[Factor::Params, Factor::Tokens];
    /// Whether [`Form::recentre`] can move the origin of ln D; all but the least separable laws can.
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

    /// The law in a fixed setting as E + A N^-alpha + B D^-beta, if it is one there: optimum, iso-loss
    /// curve and slopes then have closed forms.
    fn powers(&self, theta: &[f64], _setting: &Setting) -> Option<Powers> {
        self.separable(theta).map(|s| s.powers())
    }

    /// ln D that brings ln N = `ln_n` to `loss`, where a closed form exists; infinite past the wall.
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
        dual_jet(|theta| self.loss(theta, &constant(at)), theta, gradient, hessian)
    }

    /// The law as E + A N^-alpha + B D^-beta, if it is one; fits then take a shorter way.
    fn separable(&self, _theta: &[f64]) -> Option<Separable> {
        None
    }

    /// (dL / d ln N, dL / d ln D), both negative where more of either helps.
    fn slopes(&self, theta: &[f64], at: &At<f64>) -> (f64, f64)
    where
        Self: Sized,
    {
        if let Some(powers) = self.powers(theta, &at.setting) {
            return powers.slopes(at.ln_n, at.ln_d);
        }
        let theta: Vec<Dual64> = theta.iter().map(|t| Dual64::from(*t)).collect();
        let fixed: At<Dual64> = constant(at);
        let moving = |x: f64| Dual64::new(x, 1.0);
        let by_n = self.loss(&theta, &At { ln_n: moving(at.ln_n), ..fixed });
        let by_d = self.loss(&theta, &At { ln_d: moving(at.ln_d), ..fixed });
        (by_n.eps, by_d.eps)
    }
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
    /// See [`Form::FACTORS`].
    fn factors(&self) -> &'static [Factor];
    /// Whether N and D enter apart from each other, so that a budget has a best split.
    fn has_optimum(&self) -> bool {
        [Factor::Params, Factor::Tokens].iter().all(|f| self.factors().contains(f))
    }
    /// See [`Form::CENTRES_TOKENS`].
    fn centres_tokens(&self) -> bool;
    /// See [`Form::RUGGED`].
    fn is_rugged(&self) -> bool;
    /// Loss in nats per token.
    fn loss(&self, theta: &[f64], at: &At<f64>) -> f64;
    /// See [`Form::jet`].
    fn jet(&self, theta: &[f64], at: &At<f64>, gradient: &mut [f64], hessian: &mut [f64]) -> f64;
    /// See [`Form::separable`].
    fn separable(&self, theta: &[f64]) -> Option<Separable>;
    /// See [`Form::slopes`].
    fn slopes(&self, theta: &[f64], at: &At<f64>) -> (f64, f64);
    /// See [`Form::floor`].
    fn floor(&self, theta: &[f64], setting: &Setting) -> f64;
    /// See [`Form::recentre`].
    fn recentre(&self, theta: &mut [f64], ln_n0: f64, ln_d0: f64);
    /// See [`Form::starts`].
    fn starts(&self, at: &[At<f64>], loss: &[f64]) -> Vec<Vec<f64>>;
    /// See [`Form::powers`].
    fn powers(&self, theta: &[f64], setting: &Setting) -> Option<Powers>;
    /// See [`Form::ln_d_most_useful`].
    fn ln_d_most_useful(&self, theta: &[f64], ln_n: f64, setting: &Setting) -> f64;
    /// See [`Form::ln_d_for_loss`].
    fn ln_d_for_loss(&self, theta: &[f64], ln_n: f64, loss: f64, setting: &Setting) -> Option<f64>;
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
    fn factors(&self) -> &'static [Factor] {
        F::FACTORS
    }
    fn centres_tokens(&self) -> bool {
        F::CENTRES_TOKENS
    }
    fn is_rugged(&self) -> bool {
        F::RUGGED
    }
    fn loss(&self, theta: &[f64], at: &At<f64>) -> f64 {
        Form::loss(self, theta, at)
    }
    fn jet(&self, theta: &[f64], at: &At<f64>, gradient: &mut [f64], hessian: &mut [f64]) -> f64 {
        Form::jet(self, theta, at, gradient, hessian)
    }
    fn separable(&self, theta: &[f64]) -> Option<Separable> {
        Form::separable(self, theta)
    }
    fn slopes(&self, theta: &[f64], at: &At<f64>) -> (f64, f64) {
        Form::slopes(self, theta, at)
    }
    fn floor(&self, theta: &[f64], setting: &Setting) -> f64 {
        Form::floor(self, theta, setting)
    }
    fn recentre(&self, theta: &mut [f64], ln_n0: f64, ln_d0: f64) {
        Form::recentre(self, theta, ln_n0, ln_d0);
    }
    fn starts(&self, at: &[At<f64>], loss: &[f64]) -> Vec<Vec<f64>> {
        Form::starts(self, at, loss)
    }
    fn powers(&self, theta: &[f64], setting: &Setting) -> Option<Powers> {
        Form::powers(self, theta, setting)
    }
    fn ln_d_most_useful(&self, theta: &[f64], ln_n: f64, setting: &Setting) -> f64 {
        Form::ln_d_most_useful(self, theta, ln_n, setting)
    }
    fn ln_d_for_loss(&self, theta: &[f64], ln_n: f64, loss: f64, setting: &Setting) -> Option<f64> {
        Form::ln_d_for_loss(self, theta, ln_n, loss, setting)
    }
}
