//! The fit as a value: everything a plan, a report or a repetition needs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bootstrap::Draw;
use super::certificate::Certificate;
use super::config::{FitConfig, Objective};
use super::design;
use super::diagnostics::Diagnostics;
use super::profile::Profile;
use super::rows::point;
use super::solve::{LocalMinimum, Minimum};
use crate::data::RunTable;
use crate::error::Warning;
use crate::law::{Ensemble, Surface};
use crate::num::{Interval, standard_deviation};
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
    /// The budget at which they and the ratio are taken: the dearest run's.
    pub reference_flops: Flops,
    /// D*/N* there.
    pub tokens_per_param: f64,
}

/// A fitted law with its certificate, draws and provenance.
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
    /// Design and residuals; absent when the runs do not fix every coefficient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnostics: Option<Diagnostics>,
    /// Doubts.
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
    /// Settings.
    pub config: FitConfig,
    /// Digest of the data.
    pub data_digest: String,
}

impl Fit {
    /// The fit as plans take it: best surface and draws.
    #[must_use]
    pub fn ensemble(&self) -> Ensemble {
        Ensemble {
            best: self.surface.clone(),
            draws: self.draws.iter().map(|t| self.surface.with_theta(t.clone())).collect(),
            level: self.level,
        }
    }

    /// Free coefficients that the runs hardly fix: those with a wide interval, or all of them when
    /// runs are few or more than a hundredth of the draws found no minimum.
    pub(super) fn weak_coefs(&self) -> Vec<String> {
        let draws = self.draws.len() + self.draws_failed;
        if draws == 0 {
            return Vec::new();
        }
        let few = self.warnings.iter().any(|w| matches!(w, Warning::FewRuns { .. }));
        if few || 100 * self.draws_failed > draws {
            let free = |name: &&str| !self.config.fixed.contains_key(*name);
            let names = self.surface.law().coefs().iter().map(|c| c.name);
            return names.filter(free).map(str::to_owned).collect();
        }
        let flat = |warning: &Warning| match warning {
            Warning::FlatProfile { coef, .. } => Some(coef.clone()),
            _ => None,
        };
        self.warnings.iter().filter_map(flat).collect()
    }

    /// Warns of coefficients whose profile never rises beyond chance on one side.
    pub(super) fn warn_of_open_profiles(&mut self) {
        let open: Vec<String> = self
            .profiles
            .iter()
            .filter_map(|p| match (p.lo, p.hi) {
                (None, None) => Some(format!("{} on either side", p.coef)),
                (None, _) => Some(format!("{} below", p.coef)),
                (_, None) => Some(format!("{} above", p.coef)),
                _ => None,
            })
            .collect();
        if !open.is_empty() {
            self.warnings.push(Warning::OpenProfile { coefs: open.join(", ") });
        }
    }
}

fn exponents(surface: &Surface, c: Flops) -> Option<AllocationExponents> {
    let n_exponent = surface.allocation_exponent(c)?;
    let ln_n = surface.ln_n_optimal(c)?;
    let n = Params::new(ln_n.exp());
    let d = Tokens::new(c.get() / (6.0 * n.get()));
    Some(AllocationExponents {
        n_exponent,
        d_exponent: 1.0 - n_exponent,
        reference_flops: c,
        tokens_per_param: d / n,
    })
}

pub(super) fn assemble(
    surface: Surface,
    runs: &RunTable,
    config: &FitConfig,
    minimum: &Minimum,
    draws: Vec<Draw>,
    mut warnings: Vec<Warning>,
) -> Fit {
    let dearest = design::support(runs).c.map_or(1.0, |c| c.hi);
    let reference = Flops::new(dearest);
    let draws_failed = draws.iter().filter(|d| d.is_none()).count();
    if draws_failed > 0 {
        warnings.push(Warning::DrawsFailed { failed: draws_failed, draws: draws.len() });
    }
    let draws: Vec<Vec<f64>> = draws.into_iter().flatten().collect();

    let coefs = surface.law().coefs();
    let mut samples: BTreeMap<String, Vec<f64>> = coefs
        .iter()
        .enumerate()
        .filter(|(_, c)| !config.fixed.contains_key(c.name))
        .map(|(i, c)| (c.name.to_owned(), draws.iter().map(|t| t[i]).collect()))
        .collect();
    let per_draw: Vec<AllocationExponents> =
        draws.iter().filter_map(|t| exponents(&surface.with_theta(t.clone()), reference)).collect();
    if surface.law().has_optimum() && per_draw.len() < draws.len() {
        warnings.push(Warning::DrawsWithoutPlan {
            failed: draws.len() - per_draw.len(),
            draws: draws.len(),
            what: "optimum at the dearest budget".to_owned(),
        });
    }
    let of = |f: fn(&AllocationExponents) -> f64| per_draw.iter().map(f).collect();
    samples.insert("n_exponent".to_owned(), of(|a| a.n_exponent));
    samples.insert("d_exponent".to_owned(), of(|a| a.d_exponent));
    samples.insert("tokens_per_param".to_owned(), of(|a| a.tokens_per_param));

    let intervals: BTreeMap<String, Interval> = samples
        .iter()
        .filter_map(|(name, s)| Some((name.clone(), Interval::percentile(s, config.level)?)))
        .collect();
    let std_errors = samples
        .iter()
        .filter(|(_, s)| s.len() >= 2)
        .map(|(name, s)| (name.clone(), standard_deviation(s)))
        .collect();
    // The ratio is 4 to 40 even for published laws.
    let limits = coefs.iter().filter_map(|c| Some((c.name, c.flat_above?)));
    for (name, limit) in limits.chain([("tokens_per_param", 30.0)]) {
        if let Some(ratio) = intervals.get(name).map(|i| i.hi / i.lo).filter(|r| *r > limit) {
            warnings.push(Warning::FlatProfile { coef: name.to_owned(), ratio });
        }
    }
    for (i, coef) in coefs.iter().enumerate() {
        if minimum.known.held[i].is_none() && minimum.held[i].is_some() {
            let (coef, bound) = (coef.name.to_owned(), minimum.theta[i]);
            warnings.push(Warning::AtBound { coef, bound });
        }
    }
    let residuals =
        runs.runs.iter().map(|r| surface.loss(&point(r)).ln() - r.loss_nats.ln()).collect();
    Fit {
        schema: SCHEMA,
        isoloss_version: env!("CARGO_PKG_VERSION").to_owned(),
        law: surface.law().id().to_owned(),
        objective: config.objective,
        delta: config.delta,
        n_points: runs.runs.len(),
        coefficients: coefs
            .iter()
            .zip(&minimum.theta)
            .map(|(c, t)| (c.name.to_owned(), *t))
            .collect(),
        intervals,
        level: config.level,
        objective_value: minimum.objective,
        certificate: minimum.certificate,
        minima: if minimum.minima.len() > 1 { minimum.minima.clone() } else { Vec::new() },
        std_errors,
        allocation: exponents(&surface, reference),
        profiles: Vec::new(),
        diagnostics: None,
        warnings,
        residuals,
        surface,
        draws,
        draws_failed,
        config: config.clone(),
        data_digest: runs.digest.clone(),
    }
}
