//! The fit as a value: everything a plan, a report or a repetition needs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::beyond::Extrapolation;
use super::config::{FitConfig, Objective};
use super::design::{Diagnostics, FlopCount};
use super::solve::{Certificate, LocalMinimum};
use super::stack::Stack;
use super::uncertainty::Profile;
use crate::error::Warning;
use crate::law::{Ensemble, Point, Surface};
use crate::num::Interval;
use crate::units::{Flops, Params, Tokens};

/// Version of the saved form of [`Fit`].
pub const SCHEMA: u32 = 1;

/// How N* and D* grow with C.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct AllocationExponents {
    /// a in N* ∝ C^a.
    pub n_exponent: f64,
    /// b = 1 - a in D* ∝ C^b.
    pub d_exponent: f64,
    /// The budget at which they and the ratio are taken: the largest of the runs.
    pub reference_flops: Flops,
    /// D*/N* there.
    pub tokens_per_param: f64,
}

/// A fitted law with its certificate, draws and provenance; made by [`fit()`](super::fit()), never changed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Fit {
    /// Version of this form.
    pub schema: u32,
    /// Version of isoloss that wrote it.
    pub isoloss_version: String,
    /// Family id.
    pub law: String,
    /// What was minimised.
    pub objective: Objective,
    /// Half-width of the Huber band.
    pub delta: f64,
    /// Runs fitted.
    pub n_points: usize,
    /// Coefficients by name.
    pub coefficients: BTreeMap<String, f64>,
    /// Percentile intervals of coefficients, exponents and the ratio, by name.
    pub intervals: BTreeMap<String, Interval>,
    /// Level of the intervals.
    pub level: f64,
    /// Value at the minimum.
    pub objective_value: f64,
    /// The proof of the minimum.
    pub certificate: Certificate,
    /// Every minimum the starts found, lowest first, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub minima: Vec<LocalMinimum>,
    /// Bootstrap standard deviations by name.
    pub std_errors: BTreeMap<String, f64>,
    /// How N* and D* grow.
    pub allocation: Option<AllocationExponents>,
    /// Profile likelihoods, of weak coefficients or as asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<Profile>,
    /// How logged compute relates to 6 N D; absent where every run counts by that rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flop_count: Option<FlopCount>,
    /// Design and residuals; absent when the runs do not fix every coefficient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnostics: Option<Diagnostics>,
    /// What extrapolation has cost among the runs; absent away from a minimum, without draws, and where
    /// it was not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extrapolation: Option<Extrapolation>,
    /// Entropy of the source of the runs, nats per token, where they state it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor_nats: Option<f64>,
    /// What a reader has to know.
    #[serde(serialize_with = "crate::error::with_messages")]
    pub warnings: Vec<Warning>,
    /// The fitted surface, with the ranges of its runs.
    pub surface: Surface,
    /// ln(predicted) - ln(observed) of the fitted runs, in their order.
    pub residuals: Vec<f64>,
    /// Coefficients of the bootstrap draws, in the order of the family.
    pub draws: Vec<Vec<f64>>,
    /// Draws that found no certified minimum.
    pub draws_failed: usize,
    /// The laws that plans and predictions are made with, this one among them, where several were
    /// weighed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<Stack>,
    /// Settings.
    pub config: FitConfig,
    /// Digest of the data.
    pub data_digest: String,
}

impl Fit {
    /// The fit as plans take it: best surface and draws, of all laws of a stack.
    #[must_use]
    pub fn ensemble(&self) -> Ensemble {
        let own = || self.draws.iter().map(|t| self.surface.with_theta(t.clone())).collect();
        Ensemble {
            best: self.surface.clone(),
            draws: self.stack.as_ref().map_or_else(own, Stack::draws),
            level: self.level,
            beyond: self.extrapolation.as_ref().map(|e| e.beyond.clone()),
        }
    }

    /// Why no plan may be made with it; `None` where one may: its minimum is certified, and so are those
    /// of most of its resamples.
    #[must_use]
    pub fn unfit_to_plan(&self) -> Option<String> {
        if !self.certificate.certified {
            return Some("no certified minimum was found".to_owned());
        }
        let made = self.draws.len() + self.draws_failed;
        (self.draws.is_empty() && self.draws_failed > 0)
            .then(|| format!("{} of {made} resamples found no minimum", self.draws_failed))
    }

    /// Predicted loss in nats per token: of the law, or the weighted mean of a stack.
    #[must_use]
    pub fn loss(&self, point: &Point) -> f64 {
        self.stack.as_ref().map_or_else(|| self.surface.loss(point), |stack| stack.loss(point))
    }
}

impl AllocationExponents {
    /// Those of a surface at `c`; `None` where it has no optimum.
    pub(super) fn of(surface: &Surface, c: Flops) -> Option<Self> {
        let n_exponent = surface.allocation_exponent(c)?;
        let ln_n = surface.ln_n_optimal(c)?;
        let n = Params::new(ln_n.exp());
        let d = Tokens::new(c.get() / (surface.flops_per_nd * n.get()));
        Some(Self {
            n_exponent,
            d_exponent: 1.0 - n_exponent,
            reference_flops: c,
            tokens_per_param: d / n,
        })
    }
}
