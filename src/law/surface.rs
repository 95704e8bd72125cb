//! A law with its coefficients: a loss for every (N, D).

use serde::{Deserialize, Serialize};

use super::form::{At, Factor, Law};
use super::muennighoff::Muennighoff;
use super::powers::Powers;
use super::registry::law_by_id;
use crate::error::LawError;
use crate::num::find_root;
use crate::units::{Flops, ParamRule, Params, Setting, Tokens};

/// One training run as a law sees it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Parameters, by the surface's convention.
    pub n: Params,
    /// Training tokens.
    pub d: Tokens,
    /// Repetition, sparsity and precision.
    #[serde(default, skip_serializing_if = "Setting::is_plain")]
    pub setting: Setting,
}

impl Point {
    /// A dense model in full precision at N, D, every token seen once.
    #[must_use]
    pub const fn new(n: Params, d: Tokens) -> Self {
        Self { n, d, setting: Setting::PLAIN }
    }

    /// The same N and D in another setting.
    #[must_use]
    pub const fn within(self, setting: Setting) -> Self {
        Self { setting, ..self }
    }

    /// Its logarithms.
    #[must_use]
    pub fn at(&self) -> At<f64> {
        At { ln_n: self.n.ln(), ln_d: self.d.ln(), setting: self.setting }
    }
}

/// A closed range of a quantity, as `[lo, hi]` in files.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "[f64; 2]", into = "[f64; 2]")]
pub struct Range {
    /// Smallest value seen.
    pub lo: f64,
    /// Largest value seen.
    pub hi: f64,
}

impl From<[f64; 2]> for Range {
    fn from([lo, hi]: [f64; 2]) -> Self {
        Self { lo, hi }
    }
}

impl From<Range> for [f64; 2] {
    fn from(r: Range) -> Self {
        [r.lo, r.hi]
    }
}

impl Range {
    /// The range of some values; `None` when there are none.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        values.into_iter().fold(None, |range, x| match range {
            None => Some(Self { lo: x, hi: x }),
            Some(r) => Some(Self { lo: r.lo.min(x), hi: r.hi.max(x) }),
        })
    }

    /// By which factor `x` lies outside; 1 inside.
    #[must_use]
    pub fn factor_outside(&self, x: f64) -> f64 {
        (x / self.hi).max(self.lo / x).max(1.0)
    }
}

/// Where the runs behind a law lie; beyond it the law extrapolates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Support {
    /// Parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<Range>,
    /// Tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub d: Option<Range>,
    /// Training FLOPs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub c: Option<Range>,
    /// Tokens per parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_param: Option<Range>,
}

impl Support {
    /// [`outside`](Self::outside) by name, as results carry it.
    #[must_use]
    pub fn distances(&self, point: &Point) -> std::collections::BTreeMap<String, f64> {
        let named = |(name, factor): (&str, f64)| (name.to_owned(), factor);
        self.outside(point).into_iter().map(named).collect()
    }

    /// Quantities in which `point` lies outside, with the factor; empty inside.
    #[must_use]
    pub fn outside(&self, point: &Point) -> Vec<(&'static str, f64)> {
        let c = 6.0 * point.n.get() * point.d.get();
        [
            ("N", self.n, point.n.get()),
            ("D", self.d, point.d.get()),
            ("C", self.c, c),
            ("D/N", self.tokens_per_param, point.d / point.n),
        ]
        .into_iter()
        .filter_map(|(name, range, x)| {
            let factor = range?.factor_outside(x);
            (factor > 1.0 + 1e-9).then_some((name, factor))
        })
        .collect()
    }
}

/// A law family with coefficients, a label and the convention its N follows.
///
/// ```
/// use isoloss::law::{Point, Surface};
/// use isoloss::units::{Params, Tokens};
///
/// let surface = Surface::published("besiroglu")?; // arXiv:2404.10102, eq. 3
/// let loss = surface.loss(&Point::new(Params::new(70e9), Tokens::new(1.4e12)));
/// assert!((loss - 1.9735).abs() < 1e-3);
/// # Ok::<(), isoloss::error::Error>(())
/// ```
#[derive(Clone)]
pub struct Surface {
    law: &'static dyn Law,
    theta: Vec<f64>,
    /// Name for tables: a published name, or the fit's.
    pub label: String,
    /// Which parameters N counts.
    pub params: ParamRule,
    /// Where the runs behind it lie.
    pub support: Support,
    /// What the methods that take only N and D hold everything else at.
    pub setting: Setting,
}

impl std::fmt::Debug for Surface {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Surface")
            .field("law", &self.law.id())
            .field("theta", &self.theta)
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

impl Surface {
    /// A surface from coefficients in the order of [`Law::coefs`].
    ///
    /// # Errors
    /// [`LawError::Coefficient`] when one is missing, not finite or outside its domain.
    pub fn new(
        law: &'static dyn Law,
        theta: Vec<f64>,
        label: impl Into<String>,
        params: ParamRule,
        support: Support,
    ) -> Result<Self, LawError> {
        let label = label.into();
        for (i, coef) in law.coefs().iter().enumerate() {
            let bad = |found: String, wanted: String| LawError::Coefficient {
                law: label.clone(),
                coef: coef.name.to_owned(),
                found,
                wanted,
            };
            let (lo, hi) = coef.domain;
            match theta.get(i) {
                None => return Err(bad("missing".to_owned(), "a number".to_owned())),
                Some(x) if !(x.is_finite() && *x > lo && *x < hi) => {
                    return Err(bad(x.to_string(), format!("a number between {lo} and {hi}")));
                }
                Some(_) => {}
            }
        }
        Ok(Self { law, theta, label, params, support, setting: Setting::PLAIN })
    }

    /// The published surface of this name (`isoloss laws` lists them).
    ///
    /// # Errors
    /// [`LawError::UnknownLaw`] with the nearest name.
    pub fn published(name: &str) -> Result<Self, LawError> {
        super::published::published_surface(name)
    }

    /// Same law, convention and support with other coefficients, as bootstrap draws need.
    #[must_use]
    pub fn with_theta(&self, theta: Vec<f64>) -> Self {
        debug_assert_eq!(theta.len(), self.theta.len());
        Self { theta, ..self.clone() }
    }

    /// Same law asked in another setting: so many experts, so many unique tokens.
    #[must_use]
    pub fn within(&self, setting: Setting) -> Self {
        Self { setting, ..self.clone() }
    }

    fn at(&self, ln_n: f64, ln_d: f64) -> At<f64> {
        At { ln_n, ln_d, setting: self.setting }
    }

    /// The family.
    #[must_use]
    pub fn law(&self) -> &'static dyn Law {
        self.law
    }

    /// Coefficients in the order of [`Law::coefs`].
    #[must_use]
    pub fn theta(&self) -> &[f64] {
        &self.theta
    }

    /// The coefficient of this name, if the family has it.
    #[must_use]
    pub fn coef(&self, name: &str) -> Option<f64> {
        let i = self.law.coefs().iter().position(|c| c.name == name)?;
        self.theta.get(i).copied()
    }

    /// Predicted loss in nats per token.
    #[must_use]
    pub fn loss(&self, point: &Point) -> f64 {
        self.law.loss(&self.theta, &point.at())
    }

    /// Predicted loss at logarithms, for solvers that work there.
    #[must_use]
    pub fn loss_at(&self, ln_n: f64, ln_d: f64) -> f64 {
        self.law.loss(&self.theta, &self.at(ln_n, ln_d))
    }

    /// (dL / d ln N, dL / d ln D) in nats.
    #[must_use]
    pub fn slopes_at(&self, ln_n: f64, ln_d: f64) -> (f64, f64) {
        self.law.slopes(&self.theta, &self.at(ln_n, ln_d))
    }

    /// Infimum of the loss over all N and D, in nats per token.
    #[must_use]
    pub fn floor(&self) -> f64 {
        self.law.floor(&self.theta, &self.setting)
    }

    /// Closed-form ln D for a loss at ln N, where the family has one; infinite past the wall.
    #[must_use]
    pub fn ln_d_for_loss(&self, ln_n: f64, loss: f64) -> Option<f64> {
        self.law.ln_d_for_loss(&self.theta, ln_n, loss, &self.setting)
    }

    /// ln D beyond which more tokens raise the loss at ln N: infinite but for laws of quantisation.
    #[must_use]
    pub fn ln_d_most_useful(&self, ln_n: f64) -> f64 {
        self.law.ln_d_most_useful(&self.theta, ln_n, &self.setting)
    }

    /// The law in this setting as a sum of powers, if it is one.
    #[must_use]
    pub fn powers(&self) -> Option<Powers> {
        self.law.powers(&self.theta, &self.setting)
    }

    /// The same law with repeated tokens worth less, after Muennighoff et al. 2023: its own powers of
    /// N and D with the constants `rd` and `rn` of another law.
    ///
    /// A law that knows of unique tokens stays as it is. `None` for one that is no sum of powers.
    #[must_use]
    pub fn with_repetition(&self, rd: f64, rn: f64) -> Option<Self> {
        if self.law.factors().contains(&Factor::UniqueTokens) {
            return Some(self.clone());
        }
        let p = self.powers()?;
        let theta = vec![p.e, p.a, p.b, p.alpha, p.beta, rd, rn];
        Some(Self { law: &Muennighoff, theta, ..self.clone() })
    }

    /// ln N of the lowest loss on C = 6 N D: the family's closed form, else solved where the two
    /// slopes agree. `None` when no interior minimum lies between one parameter and one token, or the
    /// law does not tell N and D apart.
    #[must_use]
    pub fn ln_n_optimal(&self, c: Flops) -> Option<f64> {
        let ln_nd = (c.get() / 6.0).ln();
        if !self.law.has_optimum() {
            return None;
        }
        let closed = self.powers().map(|p| p.ln_n_optimal(ln_nd));
        let ln_n = closed.or_else(|| self.solved_ln_n_optimal(ln_nd))?;
        (0.0..=ln_nd).contains(&ln_n).then_some(ln_n)
    }

    fn solved_ln_n_optimal(&self, ln_nd: f64) -> Option<f64> {
        let imbalance = |ln_n: f64| {
            let (by_n, by_d) = self.slopes_at(ln_n, ln_nd - ln_n);
            by_n - by_d
        };
        find_root("slope balance", imbalance, 0.0, ln_nd).ok()
    }

    /// d ln N* / d ln C at `c`; with C = 6 N D the exponent of D* is one minus this.
    ///
    /// Exact for a power law; elsewhere a central difference over a factor e^0.02 in C.
    #[must_use]
    pub fn allocation_exponent(&self, c: Flops) -> Option<f64> {
        const STEP: f64 = 0.01;
        let up = self.ln_n_optimal(c * STEP.exp())?;
        let down = self.ln_n_optimal(c * (-STEP).exp())?;
        Some((up - down) / (2.0 * STEP))
    }
}

#[derive(Serialize, Deserialize)]
struct SavedSurface {
    law: String,
    label: String,
    params: ParamRule,
    coefficients: std::collections::BTreeMap<String, f64>,
    #[serde(default)]
    support: Support,
    #[serde(default, skip_serializing_if = "Setting::is_plain")]
    setting: Setting,
}

impl Serialize for Surface {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        SavedSurface {
            law: self.law.id().to_owned(),
            label: self.label.clone(),
            params: self.params,
            coefficients: self
                .law
                .coefs()
                .iter()
                .zip(&self.theta)
                .map(|(c, x)| (c.name.to_owned(), *x))
                .collect(),
            support: self.support,
            setting: self.setting,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Surface {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let saved = SavedSurface::deserialize(deserializer)?;
        let law = law_by_id(&saved.law).map_err(D::Error::custom)?;
        let theta =
            law.coefs().iter().map_while(|c| saved.coefficients.get(c.name).copied()).collect();
        Surface::new(law, theta, saved.label, saved.params, saved.support)
            .map(|surface| surface.within(saved.setting))
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_solved_optimum_equals_the_closed_one() {
        let surface = Surface::published("besiroglu").expect("shipped");
        for c in [1e12, 1e18, 5.76e23, 1e30] {
            let closed = surface.ln_n_optimal(Flops::new(c)).expect("optimum");
            let solved = surface.solved_ln_n_optimal((c / 6.0_f64).ln()).expect("bracketed");
            assert!((solved - closed).abs() < 1e-10, "{c:e}: {solved} {closed}");
        }
    }

    #[test]
    fn the_allocation_exponent_is_beta_over_alpha_plus_beta() {
        let surface = Surface::published("besiroglu").expect("shipped");
        let a = surface.allocation_exponent(Flops::new(1e21)).expect("optimum");
        assert!((a - 0.3658 / (0.3478 + 0.3658)).abs() < 1e-10, "{a}");
    }

    #[test]
    fn a_surface_survives_being_saved() {
        let surface = Surface::published("kaplan-nd").expect("shipped");
        let text = serde_json::to_string(&surface).expect("serialises");
        let back: Surface = serde_json::from_str(&text).expect("parses");
        assert_eq!(back.theta(), surface.theta());
        assert_eq!(back.law().id(), "kaplan-joint");
    }
}
