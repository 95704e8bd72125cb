//! Whether a run came to its end.

use super::reason::Reason;
use super::schedule::{ScheduleState, state_of};
use crate::data::log::RunLog;
use crate::data::roles::Metric;
use crate::data::spelling::collapsed;
use crate::data::vocabulary::{Ending, ending};
use crate::error::Lack;

/// Of its peak, the largest learning rate with which a run that took all planned steps may end: where
/// the course is a cosine that would have gone on, and where it is any other.
const END_OF_COSINE: f64 = 0.25;
const END_OF_DECAY: f64 = 0.5;

/// A rate logged earlier than this share of the steps before the end says nothing about the end.
const RECENT: f64 = 0.02;

/// How far the schedule may seem to go beyond the last step.
const SLACK: f64 = 1.04;

/// The planned end of a log: how many steps, and whether they were taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// Steps planned; a log that is not on steps cannot be compared with a plan of steps.
    pub(super) steps: Option<f64>,
    pub(super) reached: bool,
}

/// How far the schedule had come, with what should be known about it.
///
/// What the user says comes first, then the plan of steps, then the course of the learning rate at
/// the step where it was last logged.
///
/// # Errors
/// Why the run has not come to its end.
pub(super) fn ended(
    log: &RunLog,
    last_step: f64,
    plan: Plan,
) -> Result<(ScheduleState, Vec<String>), Reason> {
    let mut notes = Vec::new();
    let status = log.status().map(str::to_owned);
    let told = log.is_told_finished();
    if let Some(word) = status.filter(|word| ending(&collapsed(word)) != Ending::Finished) {
        let Some(planned) = plan.steps.filter(|_| plan.reached) else {
            return Err(torn_or(log, last_step, plan, format!("the run says it is `{word}`")));
        };
        notes.push(format!(
            "the run says it is `{word}`, though it took all {planned} planned steps"
        ));
    }
    if let Some(planned) = plan.steps.filter(|_| !plan.reached) {
        let text = format!("stops at step {last_step} of the {planned} planned");
        match told {
            true => notes.push(format!("{text}, and is taken as finished as told")),
            false => return Err(torn_or(log, last_step, plan, text)),
        }
    }
    if log.is_cut_off {
        let text = format!("its file is cut off at step {last_step}");
        match plan.steps.is_some() || told {
            true => notes.push(format!("{text}, after all that was planned")),
            false => return Err(Reason::lacks(Lack::Status, text)),
        }
    }
    let rates = log.series(Metric::Rate);
    let state = state_of(rates);
    let rated_at = rates.last().map_or(last_step, |bin| bin.step);
    let (text, by_plan) = match &state {
        ScheduleState::Midway { share, shape, ends_at } => {
            let ends_at = ends_at.filter(|end| end.is_finite());
            let recent = last_step - rated_at <= RECENT * last_step;
            if !recent && ends_at.is_some_and(|end| end <= SLACK * last_step) {
                notes.push(format!("the last learning rate logged is of step {rated_at}"));
                return Ok((ScheduleState::Finished, notes));
            }
            let end = ends_at.map_or(String::new(), |end| {
                format!(", which would end near step {}", two_digits(end))
            });
            let text = format!(
                "stops in the middle of its {shape}: at step {rated_at} the learning rate is {:.0} % of its peak{end}",
                100.0 * share
            );
            let limit = if *shape == "cosine" { END_OF_COSINE } else { END_OF_DECAY };
            (text, !recent || *share <= limit)
        }
        ScheduleState::WarmingUp => ("stops within its warm-up".to_owned(), false),
        _ => return Ok((state, notes)),
    };
    if told {
        notes.push(format!("{text}; it is taken as finished as told"));
        return Ok((ScheduleState::Finished, notes));
    }
    if plan.steps.is_some() && by_plan {
        if let ScheduleState::Midway { share, .. } = state {
            let share = 100.0 * share;
            notes.push(format!(
                "took all planned steps; its learning rate at step {rated_at} is {share:.0} % of its peak"
            ));
        }
        return Ok((ScheduleState::Finished, notes));
    }
    let fix = "; if it was to end there, give status=finished";
    Err(Reason::lacks(Lack::Status, format!("{text}{fix}")))
}

/// A run whose file is cut off has stopped for that reason.
fn torn_or(log: &RunLog, last_step: f64, plan: Plan, text: String) -> Reason {
    if !log.is_cut_off {
        return Reason::lacks(Lack::Status, text);
    }
    let of = plan.steps.map_or(String::new(), |steps| format!(" of the {steps} planned"));
    Reason::lacks(Lack::Status, format!("its file is cut off at step {last_step}{of}"))
}

fn two_digits(x: f64) -> String {
    let unit = 10_f64.powf(x.abs().max(1.0).log10().floor() - 1.0).max(1.0);
    format!("{}", (x / unit).round() * unit)
}
