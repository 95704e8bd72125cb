//! The coefficients of a family: name, unit, range, and how a fit moves them.

/// How a fit moves a coefficient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Positive; the fit moves its logarithm.
    Log,
    /// Any sign; the fit moves the number itself.
    Linear,
}

/// One coefficient of a family.
///
/// ```
/// use isoloss::law::Coef;
///
/// // What a typical law of N and D declares, e.g. E + A / N^alpha.
/// const COEFS: &[Coef] = &[
///     Coef::positive("E", "nats per token").flat_above(4.0),
///     Coef::positive("A", "nats · parameters^alpha"),
///     Coef::exponent("alpha"),
/// ];
/// assert_eq!(COEFS[2].domain, (0.0, 5.0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Coef {
    /// Name as in tables and JSON.
    pub name: &'static str,
    /// Unit in words; empty for a plain number.
    pub unit: &'static str,
    /// How a fit moves it.
    pub scale: Scale,
    /// Open range in which the law keeps its meaning.
    pub domain: (f64, f64),
    /// Ratio of the upper to the lower end of its interval above which the runs hardly fix it;
    /// `None` for a coefficient that can move by orders of magnitude without harm, as A and B do
    /// together with their exponents.
    pub flat_above: Option<f64>,
}

impl Coef {
    /// A coefficient above zero.
    #[must_use]
    pub const fn positive(name: &'static str, unit: &'static str) -> Self {
        Self { name, unit, scale: Scale::Log, domain: (0.0, f64::INFINITY), flat_above: None }
    }

    /// An exponent of N, D or C: a plain number from 0 to 5. Plans rest on it, so it counts as
    /// hardly known when its interval spans more than a factor of 4.
    #[must_use]
    pub const fn exponent(name: &'static str) -> Self {
        Self::linear(name, "", 0.0, 5.0).flat_above(4.0)
    }

    /// A coefficient of any sign between `lo` and `hi`.
    #[must_use]
    pub const fn linear(name: &'static str, unit: &'static str, lo: f64, hi: f64) -> Self {
        Self { name, unit, scale: Scale::Linear, domain: (lo, hi), flat_above: None }
    }

    /// The same coefficient with another range.
    #[must_use]
    pub const fn within(self, lo: f64, hi: f64) -> Self {
        Self { domain: (lo, hi), ..self }
    }

    /// The same coefficient, hardly known when its interval spans more than a factor of `ratio`.
    #[must_use]
    pub const fn flat_above(self, ratio: f64) -> Self {
        Self { flat_above: Some(ratio), ..self }
    }
}
