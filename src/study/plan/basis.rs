//! The law under a plan as it is written beside it, so that the plan can be tested from its file alone.

use serde::{Deserialize, Serialize};

use crate::error::{Result, StudyError};
use crate::fit::{Fit, Stack, StackedLaw};
use crate::law::Surface;
use crate::plan::Plan;
use crate::study::floor::{check_fit, check_loss};
use crate::study::law::AskedLaw;

/// Draws kept beside a plan: ends of 95 % intervals are then off by a twelfth of their half-width.
const DRAWS_KEPT: usize = 400;

/// A law that a plan was made with.
///
/// A fit is written with every few of its draws and without what no prediction reads: its design, its
/// profiles and its minima.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlannedLaw {
    /// Its label, as in the rows of the plan.
    pub law: String,
    /// The surface of the point estimate.
    pub surface: Surface,
    /// The fit, where it is one; a published law has no draws.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fit: Option<Box<Fit>>,
}

impl PlannedLaw {
    pub(super) fn of(asked: &AskedLaw) -> Self {
        let surface = asked.ensemble.best.clone();
        let fit = asked.fit.as_deref().map(|fit| Box::new(slim(fit)));
        Self { law: surface.label.clone(), surface, fit }
    }
}

/// A fit with what predictions read.
fn slim(fit: &Fit) -> Fit {
    let stack = fit.stack.as_ref().map(|stack| {
        let all: usize = stack.members.iter().map(|m| m.draws.len()).sum();
        let member = |m: &StackedLaw| StackedLaw { draws: every(&m.draws, all), ..m.clone() };
        Stack { members: stack.members.iter().map(member).collect(), ..stack.clone() }
    });
    Fit {
        draws: every(&fit.draws, fit.draws.len()),
        stack,
        minima: Vec::new(),
        profiles: Vec::new(),
        diagnostics: None,
        warnings: Vec::new(),
        ..fit.clone()
    }
}

/// Every few of some draws, so that about [`DRAWS_KEPT`] of `all` remain.
fn every(draws: &[Vec<f64>], all: usize) -> Vec<Vec<f64>> {
    draws.iter().step_by(all.div_ceil(DRAWS_KEPT).max(1)).cloned().collect()
}

/// Refuses a law no plan may be made with: a fit without a certified minimum, or one whose resamples
/// mostly found none, or whose floor lies below what its source allows.
///
/// # Errors
/// [`StudyError::NotCertified`], [`StudyError::BelowFloor`].
pub(super) fn check(asked: &AskedLaw) -> Result<()> {
    match asked.fit.as_deref().and_then(Fit::unfit_to_plan) {
        None => asked.fit.as_deref().map_or(Ok(()), check_fit),
        Some(reason) => {
            let law = asked.ensemble.best.label.clone();
            Err(StudyError::NotCertified { law, reason }.into())
        }
    }
}

/// Refuses a plan whose loss no model of the source can have.
///
/// # Errors
/// [`StudyError::BelowFloor`].
pub(super) fn check_plan(asked: &AskedLaw, plan: &Plan) -> Result<()> {
    let fit = asked.fit.as_deref();
    fit.map_or(Ok(()), |fit| check_loss(fit, plan.train_flops, plan.loss_nats))
}
