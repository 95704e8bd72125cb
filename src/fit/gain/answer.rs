//! What a comparison says, way by way.

use serde::{Deserialize, Serialize};

use super::floor::FloorSensitivity;
use super::held_out::HeldOutGain;
use super::measured::{FrontierKind, FrontierLoss};
use super::multiplier::Multiplier;
use super::next::Settling;
use super::pairs::PairedNoise;
use super::way::Way;
use crate::num::Interval;
use crate::units::Flops;

/// What one way says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Method {
    /// The way, with its law where several were tried.
    pub name: String,
    /// The way.
    pub way: Way,
    /// Family id, of a way with laws.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub law: Option<String>,
    /// Mean of |ln(predicted / measured)| of multipliers at budgets that were held out, as a fraction;
    /// absent where nothing could be held out.
    pub held_out_error: Option<f64>,
    /// Each of those predictions.
    pub held_out: Vec<HeldOutGain>,
    /// The largest compute of B up to which it agrees with what was measured.
    pub holds_to_flops: Option<Flops>,
    /// Multipliers up to there, smallest compute first.
    pub budgets: Vec<Multiplier>,
    /// Where it parts from what was measured, with what it says there; an absent number is infinite.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parts_at: Option<Parting>,
    /// What parameters and tokens of B are worth in those of A, of shared exponents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worth: Option<Worth>,
    /// Value of the objective over both tables, of laws.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objective_value: Option<f64>,
    /// How much noise pairs share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paired_noise: Option<PairedNoise>,
    /// Why it was not taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// A way against a measurement that it misses.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Parting {
    /// Training FLOPs of B.
    pub flops: Flops,
    /// What was measured there.
    pub measured: f64,
    /// What the way says; absent where it says infinite.
    pub says: Option<f64>,
}

/// A gain split into parameters and tokens.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Worth {
    /// rho_N: one parameter of B is worth so many of A. Of a law of compute, the worth of compute.
    pub params: f64,
    /// Its interval.
    pub params_interval: Option<Interval>,
    /// rho_D: one token of B is worth so many of A.
    pub tokens: Option<f64>,
    /// Its interval.
    pub tokens_interval: Option<Interval>,
}

/// Two recipes compared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gain {
    /// The recipe that is measured against.
    pub a: String,
    /// The other.
    pub b: String,
    /// How the frontiers were measured; absent where they were not.
    pub frontier: Option<FrontierKind>,
    /// A's losses by budget.
    pub a_frontier: Vec<FrontierLoss>,
    /// B's.
    pub b_frontier: Vec<FrontierLoss>,
    /// Budgets that show no frontier, with the reason.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// Every way.
    pub methods: Vec<Method>,
    /// The name of the way to believe; absent where nothing tells.
    pub chosen: Option<String>,
    /// The largest compute of B for which a multiplier may be believed.
    pub holds_to_flops: Option<Flops>,
    /// Runs that would tell it farther out, where laws with draws say which.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Settling>,
    /// How much it depends on the floor; absent without runs or draws.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor_sensitivity: Option<FloorSensitivity>,
    /// FLOPs per parameter and token as A counts them over those of B, where they differ by more than a
    /// hundredth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts_differ: Option<f64>,
    /// Level of the intervals.
    pub level: f64,
}

impl Gain {
    /// The way to believe.
    #[must_use]
    pub fn believed(&self) -> Option<&Method> {
        self.methods.iter().find(|m| Some(&m.name) == self.chosen.as_ref())
    }

    /// Its multiplier at the largest compute that it holds for.
    #[must_use]
    pub fn at_most(&self) -> Option<&Multiplier> {
        self.believed()?.budgets.last()
    }
}
