//! What repeated tokens are worth in a plan.

use super::allocation::Plan;
use super::isoloss::ln_d_for_loss;
use super::optimum::optimum_for_loss;
use super::scenario::Scenario;
use super::solve::Solved;
use crate::error::Warning;
use crate::law::Surface;
use crate::units::{Setting, Tokens};

/// Share of the compute lost to repetition from which a plan says so.
const LOST: f64 = 0.3;

/// Tokens seen once with which a model of this size would reach the plan's loss; absent where no token
/// is repeated.
pub(super) fn effective_tokens(surface: &Surface, plan: &Plan) -> Option<Tokens> {
    let unique = surface.setting.unique?;
    let plain = surface.within(Setting { unique: None, ..surface.setting });
    let ln_d = ln_d_for_loss(&plain, plan.n.ln(), plan.loss_nats);
    (plan.d > unique && ln_d.is_finite()).then(|| Tokens::new(ln_d.exp()))
}

/// What is to be said of repeated, or unrepeatable, tokens.
pub(super) fn warning(scenario: &Scenario, at: &Solved, plan: &Plan) -> Option<Warning> {
    let data = scenario.data?;
    if at.surface.setting.unique.is_none() {
        let at_limit = plan.d.get() > data.unique.get() * (1.0 - 1e-6);
        return (data.max_epochs > 1.0 && at_limit)
            .then(|| Warning::RepetitionUnpriced { law: at.law.label.clone() });
    }
    let plain = at.surface.within(Setting { unique: None, ..at.surface.setting });
    let needed = optimum_for_loss(&plain, plan.loss_nats).ok()?.train_flops;
    let lost = 1.0 - needed / plan.train_flops;
    let epochs = plan.d.get() / data.unique.get();
    (lost > LOST && epochs > 1.0).then_some(Warning::ComputeWasted { epochs, lost, needed })
}
