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
///     Coef::floor("E"),
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
    /// Whether it may be zero too: the law then lacks the term, as one without a floor.
    pub or_zero: bool,
    /// Ratio of the upper to the lower end of its interval above which the runs hardly fix it;
    /// `None` for a coefficient that can move by orders of magnitude without harm, as A and B do
    /// together with their exponents.
    pub flat_above: Option<f64>,
}

impl Coef {
    /// A coefficient above zero.
    #[must_use]
    pub const fn positive(name: &'static str, unit: &'static str) -> Self {
        let domain = (0.0, f64::INFINITY);
        Self { name, unit, scale: Scale::Log, domain, or_zero: false, flat_above: None }
    }

    /// The entropy of the text, in nats per token: above zero, or zero where the runs show no floor.
    /// Hardly known when its interval spans more than a factor of 4.
    #[must_use]
    pub const fn floor(name: &'static str) -> Self {
        Self { or_zero: true, ..Self::positive(name, "nats per token").flat_above(4.0) }
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
        let domain = (lo, hi);
        Self { name, unit, scale: Scale::Linear, domain, or_zero: false, flat_above: None }
    }

    /// The same coefficient with another range.
    #[must_use]
    pub const fn within(self, lo: f64, hi: f64) -> Self {
        Self { domain: (lo, hi), ..self }
    }

    /// Whether the coefficient can have this value.
    #[must_use]
    pub const fn holds(&self, value: f64) -> bool {
        let (lo, hi) = self.domain;
        value.is_finite() && value < hi && (value > lo || self.or_zero && value == 0.0)
    }

    /// The same coefficient, hardly known when its interval spans more than a factor of `ratio`.
    #[must_use]
    pub const fn flat_above(self, ratio: f64) -> Self {
        Self { flat_above: Some(ratio), ..self }
    }
}
