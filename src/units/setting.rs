//! What besides N and D decides the loss of a run.

use serde::{Deserialize, Serialize};

use super::quantity::Tokens;

/// Repetition, sparsity and precision of a run; the default is a dense model in full precision on
/// data it sees once.
///
/// A law ignores the fields it does not depend on, so that one table serves all laws.
///
/// ```
/// use isoloss::law::{Point, Surface};
/// use isoloss::units::{Params, Setting, Tokens};
///
/// // 1.4T tokens seen, of which 140B are unique: ten epochs.
/// let setting = Setting { unique: Some(Tokens::new(140e9)), ..Setting::PLAIN };
/// let once = Point::new(Params::new(8e9), Tokens::new(1.4e12));
/// let law = Surface::published("muennighoff-repeat")?;
/// assert!(law.loss(&once.within(setting)) > law.loss(&once));
/// # Ok::<(), isoloss::error::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Setting {
    /// Unique training tokens U; absent when every token is seen once, so that U = D.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unique: Option<Tokens>,
    /// Experts per mixture layer, shared ones not counted; 1 is a dense model.
    pub experts: f64,
    /// Granularity G: hidden width of the dense feed-forward layer over that of an expert; 1 for
    /// experts of full size (Krajewski et al. 2024, arXiv:2402.07871).
    pub granularity: f64,
    /// Share of the experts that a token does not visit, 0 to 1; 0 is a dense model (Abnar et al.
    /// 2025, arXiv:2501.12370).
    pub sparsity: f64,
    /// Bits per weight in training; absent for full precision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_bits: Option<f64>,
    /// Bits per activation in training; absent for full precision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activation_bits: Option<f64>,
    /// Bits per entry of keys and values in training; absent for full precision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kv_bits: Option<f64>,
    /// Bits per weight after training; absent when the weights are served as trained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub served_bits: Option<f64>,
}

impl Setting {
    /// A dense model in full precision on data seen once.
    pub const PLAIN: Self = Self {
        unique: None,
        experts: 1.0,
        granularity: 1.0,
        sparsity: 0.0,
        weight_bits: None,
        activation_bits: None,
        kv_bits: None,
        served_bits: None,
    };

    /// Times `d` tokens show the unique ones; 1 where nothing is repeated.
    #[must_use]
    pub fn epochs(&self, d: Tokens) -> f64 {
        self.unique.map_or(1.0, |unique| (d.get() / unique.get()).max(1.0))
    }

    /// Whether nothing differs from [`Setting::PLAIN`].
    #[must_use]
    pub fn is_plain(&self) -> bool {
        *self == Self::PLAIN
    }

    /// The first field outside its range, its value and what is expected; `None` when all are usable.
    #[must_use]
    pub fn fault(&self) -> Option<(&'static str, f64, &'static str)> {
        let count = |x: f64| x.is_finite() && x >= 1.0;
        let bits = |x: Option<f64>| x.is_none_or(|b| b.is_finite() && b > 0.0);
        if let Some(u) = self.unique.filter(|u| !u.is_usable()) {
            return Some(("unique", u.get(), "a number of tokens above zero"));
        }
        if !count(self.experts) {
            return Some(("experts", self.experts, "a number of at least 1"));
        }
        if !(self.granularity.is_finite() && self.granularity > 0.0) {
            return Some(("granularity", self.granularity, "a number above zero"));
        }
        if !(0.0..1.0).contains(&self.sparsity) {
            return Some(("sparsity", self.sparsity, "a share from 0 to below 1"));
        }
        [
            ("weight_bits", self.weight_bits),
            ("activation_bits", self.activation_bits),
            ("kv_bits", self.kv_bits),
            ("served_bits", self.served_bits),
        ]
        .into_iter()
        .find(|(_, b)| !bits(*b))
        .map(|(name, b)| (name, b.unwrap_or(f64::NAN), "a number of bits above zero"))
    }
}

impl Default for Setting {
    fn default() -> Self {
        Self::PLAIN
    }
}
