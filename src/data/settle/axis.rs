//! From the axis that a log keeps to optimiser steps.

use super::accounts::{sequences_per_step, tokens_per_step};
use super::reason::Reason;
use crate::data::axis::Axis;
use crate::data::log::RunLog;
use crate::data::roles::Metric;
use crate::data::vocabulary::Term;
use crate::error::Lack;

/// Puts a log that counts tokens, sequences or epochs on steps, where its facts say how many make a
/// step. Without them tokens and sequences stay as they are, since D follows from them alone.
///
/// # Errors
/// For epochs: what is missing.
pub(in crate::data) fn to_steps(log: &mut RunLog) -> Result<(), Reason> {
    match log.axis {
        Axis::Step => {}
        Axis::Tokens => {
            if let Some(each) = tokens_per_step(log) {
                log.move_to_steps(&|tokens| tokens / each);
            }
        }
        Axis::Samples => {
            if let Some(each) = sequences_per_step(log) {
                log.move_to_steps(&|sequences| sequences / each);
            }
        }
        Axis::Epoch => match steps_per_epoch(log) {
            Some(each) => log.move_to_steps(&|epochs| epochs * each),
            None if says_tokens(log) => {}
            None => {
                let text = "the log counts epochs and no steps; give steps_per_epoch, or max_steps with num_epochs";
                return Err(Reason::lacks(Lack::StepsPerEpoch, text));
            }
        },
    }
    Ok(())
}

/// Epochs from which on a plan has none: what is repeated without end is counted by steps.
const ENDLESS: f64 = 1e9;

/// Steps of an epoch: stated, or its sequences over those of a step, or all planned steps over all
/// planned epochs, or the tokens of an epoch over those of a step.
fn steps_per_epoch(log: &RunLog) -> Option<f64> {
    let epochs = log.count(Term::Epochs);
    let planned = || {
        let steps = log.count(Term::PlannedSteps)?;
        // Of data without end, an epoch is the share of the plan.
        Some(if epochs? >= ENDLESS { steps } else { steps / epochs? })
    };
    let by_examples = || {
        let examples = log.count(Term::Examples).filter(|_| epochs.is_none_or(|n| n < ENDLESS))?;
        Some((examples / sequences_per_step(log)?).ceil())
    };
    let by_tokens = || Some(log.count(Term::UniqueTokens)? / tokens_per_step(log)?);
    log.count(Term::StepsPerEpoch).or_else(by_examples).or_else(planned).or_else(by_tokens)
}

/// Whether tokens or sequences are logged along, so that D needs no steps.
fn says_tokens(log: &RunLog) -> bool {
    !log.series(Metric::Tokens).is_empty()
        || log.count(Term::UniqueTokens).is_some()
        || (!log.series(Metric::Samples).is_empty() && log.count(Term::Length).is_some())
}
