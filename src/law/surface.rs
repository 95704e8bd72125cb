//! A law with its coefficients: a loss for every (N, D).

use serde::{Deserialize, Serialize};

use super::at::{At, Factor};
use super::families::{Muennighoff, law_by_id};
use super::family::Law;
use super::point::{Point, Support};
use super::powers::Powers;
use crate::error::LawError;
use crate::num::find_root;
use crate::units::{Flops, LossUnit, ParamRule, Params, Setting, Tokens};

/// A law family with coefficients, a label and the convention of its N.
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
    /// The ranges of the runs behind it.
    pub support: Support,
    /// The setting that methods with only N and D use.
    pub setting: Setting,
    /// FLOPs of training per parameter and token: six, or as the runs behind the law count them.
    pub flops_per_nd: f64,
    /// What its losses are measured in.
    pub loss_unit: LossUnit,
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
    /// [`LawError::MissingCoefficient`] when there are too few, [`LawError::CoefficientOutside`] when
    /// one is not finite or outside its domain.
    ///
    /// ```
    /// use isoloss::law::{Surface, law_by_id};
    /// use isoloss::units::ParamRule;
    ///
    /// let theta = vec![1.69, 406.4, 410.7, 0.34, 0.28]; // E, A, B, alpha, beta
    /// let law = law_by_id("chinchilla")?;
    /// let surface = Surface::new(law, theta, "mine", ParamRule::All, Default::default())?;
    /// assert_eq!(surface.coef("alpha"), Some(0.34));
    /// # Ok::<(), isoloss::error::Error>(())
    /// ```
    pub fn new(
        law: &'static dyn Law,
        theta: Vec<f64>,
        label: impl Into<String>,
        params: ParamRule,
        support: Support,
    ) -> Result<Self, LawError> {
        let label = label.into();
        for (i, coef) in law.coefs().iter().enumerate() {
            let (lo, hi) = coef.domain;
            let law = || label.clone();
            match theta.get(i) {
                None => return Err(LawError::MissingCoefficient { law: law(), coef: coef.name }),
                Some(&found) if !coef.holds(found) => {
                    let coef = coef.name;
                    return Err(LawError::CoefficientOutside { law: law(), coef, found, lo, hi });
                }
                Some(_) => {}
            }
        }
        Ok(Self {
            law,
            theta,
            label,
            params,
            support,
            setting: Setting::PLAIN,
            flops_per_nd: BY_RULE,
            loss_unit: LossUnit::default(),
        })
    }

    /// Same law, convention and support with other coefficients, as bootstrap draws need.
    #[must_use]
    pub fn with_theta(&self, theta: Vec<f64>) -> Self {
        debug_assert_eq!(theta.len(), self.theta.len());
        Self { theta, ..self.clone() }
    }

    /// Same law in another setting: another number of experts, of unique tokens, of bits.
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
    ///
    /// ```
    /// use isoloss::law::{Point, Surface};
    /// use isoloss::units::{Params, Tokens};
    ///
    /// let surface = Surface::published("besiroglu")?;
    /// let loss = |d: f64| surface.loss(&Point::new(Params::new(8e9), Tokens::new(d)));
    /// assert!(loss(15e12) < loss(160e9), "more data, lower loss");
    /// assert!(loss(15e12) > surface.floor());
    /// # Ok::<(), isoloss::error::Error>(())
    /// ```
    #[must_use]
    pub fn loss(&self, point: &Point) -> f64 {
        self.law.loss(&self.theta, &point.at())
    }

    /// Training FLOPs of `n` parameters on `d` tokens, as the runs behind the law count them:
    /// [`flops_per_nd`](Self::flops_per_nd) · N · D.
    #[must_use]
    pub fn train_flops(&self, n: Params, d: Tokens) -> Flops {
        Flops::new(self.flops_per_nd * n.get() * d.get())
    }

    /// Tokens that `c` training FLOPs allow `n` parameters, counted so.
    #[must_use]
    pub fn tokens_for(&self, c: Flops, n: Params) -> Tokens {
        Tokens::new(c.get() / (self.flops_per_nd * n.get()))
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

    /// ln D that brings ln N to a loss, if the family has a closed form; infinite below the wall.
    #[must_use]
    pub fn ln_d_for_loss(&self, ln_n: f64, loss: f64) -> Option<f64> {
        self.law.ln_d_for_loss(&self.theta, ln_n, loss, &self.setting)
    }

    /// (ln N, ln D) of the smallest compute that reaches a loss, if the family has a closed form.
    #[must_use]
    pub fn ln_optimum_for_loss(&self, loss: f64) -> Option<(f64, f64)> {
        self.law.ln_optimum_for_loss(&self.theta, loss, &self.setting)
    }

    /// ln of the smallest N that reaches a loss with unlimited tokens, the wall, if the family has a
    /// closed form.
    #[must_use]
    pub fn ln_n_wall(&self, loss: f64) -> Option<f64> {
        self.law.ln_n_wall(&self.theta, loss, &self.setting)
    }

    /// ln D beyond which more tokens raise the loss at ln N: infinite except for laws of quantisation.
    #[must_use]
    pub fn ln_d_most_useful(&self, ln_n: f64) -> f64 {
        self.law.ln_d_most_useful(&self.theta, ln_n, &self.setting)
    }

    /// The law in this setting as a sum of powers, if it is one.
    #[must_use]
    pub fn powers(&self) -> Option<Powers> {
        self.law.powers(&self.theta, &self.setting)
    }

    /// The same law with repeated tokens counting for less, after Muennighoff et al. 2023: its own powers of
    /// N and D with the constants `rd` and `rn` of another law.
    ///
    /// A law that depends on unique tokens stays as it is. `None` for one that is no sum of powers.
    #[must_use]
    pub fn with_repetition(&self, rd: f64, rn: f64) -> Option<Self> {
        if self.law.factors().contains(&Factor::UniqueTokens) {
            return Some(self.clone());
        }
        let p = self.powers()?;
        let theta = vec![p.e, p.a, p.b, p.alpha, p.beta, rd, rn];
        Some(Self { law: &Muennighoff, theta, ..self.clone() })
    }

    /// ln N of the lowest loss at `c` training FLOPs, counted by [`flops_per_nd`](Self::flops_per_nd): the
    /// family's closed form, else solved where the two slopes agree. `None` when no minimum lies between one parameter and one token, or the law does
    /// not look at both N and D.
    #[must_use]
    pub fn ln_n_optimal(&self, c: Flops) -> Option<f64> {
        let ln_nd = (c.get() / self.flops_per_nd).ln();
        if !self.law.has_optimum() {
            return None;
        }
        let closed = self.law.ln_n_optimal(&self.theta, ln_nd, &self.setting);
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

    /// d ln N* / d ln C at `c`; with C in proportion to N D the exponent of D* is one minus this.
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
    #[serde(default = "by_rule", skip_serializing_if = "is_by_rule")]
    flops_per_nd: f64,
    #[serde(default, skip_serializing_if = "LossUnit::is_per_token")]
    loss_unit: LossUnit,
}

/// C = 6 N D: two FLOPs per weight and token forward, four backward (Kaplan et al. 2020, sec. 2.1).
const BY_RULE: f64 = 6.0;

fn by_rule() -> f64 {
    BY_RULE
}

fn is_by_rule(per_nd: &f64) -> bool {
    *per_nd == BY_RULE
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
            flops_per_nd: self.flops_per_nd,
            loss_unit: self.loss_unit,
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
            .map(|surface| Surface {
                flops_per_nd: saved.flops_per_nd,
                loss_unit: saved.loss_unit,
                ..surface.within(saved.setting)
            })
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
