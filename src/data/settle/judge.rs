//! Whether a run finished, and which losses could represent it.

use super::accounts::accounts;
use super::axis::to_steps;
use super::consistency::{TokensSeen, tokens_at};
use super::course::{broken, holes, interval, rise};
use super::ending::{Plan, ended};
use super::reason::Reason;
use super::schedule::ScheduleState;
use super::size::{Sizes, sizes};
use crate::data::axis::Axis;
use crate::data::log::RunLog;
use crate::data::roles::Metric;
use crate::data::series::Window;
use crate::data::spelling::collapsed;
use crate::data::table::RunCurve;
use crate::data::vocabulary::{Term, is_name, rank};
use crate::error::Lack;
use crate::units::{Params, Tokens};

/// What is known about a run that may enter a table.
#[derive(Clone, Debug)]
pub(in crate::data) struct Settled {
    pub(in crate::data) log: RunLog,
    pub(super) sizes: Sizes,
    /// The last evaluation: step and nats.
    pub(in crate::data) evaluation: Option<(f64, f64)>,
    /// The tail of training.
    pub(in crate::data) tail: Option<Window>,
    pub(in crate::data) last_step: f64,
    pub(super) schedule: ScheduleState,
    /// What should be known about it, though it is used.
    pub(in crate::data) notes: Vec<String>,
}

/// A log judged: what is known about its run, or why it cannot enter a table.
pub(in crate::data) enum Verdict {
    Usable(Box<Settled>),
    LeftOut(Box<RunLog>, Reason),
}

/// Judges a log.
///
/// - `tail`: share of the steps over which training loss is averaged.
pub(in crate::data) fn settle(mut log: RunLog, tail: f64) -> Verdict {
    log.settle();
    let judged = judge(&mut log, tail);
    let sizes = sizes(&log);
    match judged {
        Ok(Judged { schedule, notes, evaluation, tail, last_step }) => {
            let run = Settled { log, sizes, evaluation, tail, last_step, schedule, notes };
            Verdict::Usable(Box::new(run))
        }
        Err(reason) => {
            // What a user could supply is said together with all else that is missing.
            let mut reasons = vec![reason];
            if !reasons[0].lacks.is_empty() {
                reasons.extend(no_size(&sizes));
                let last = log.last_step().unwrap_or(0.0);
                reasons.extend(accounts(&log, last, last, &sizes).err());
            }
            let reason = Reason::all(reasons).unwrap_or_else(|| "it cannot be used".into());
            Verdict::LeftOut(Box::new(log), reason)
        }
    }
}

/// That no N is known.
pub(super) fn no_size(sizes: &Sizes) -> Option<Reason> {
    let unknown = [sizes.all, sizes.non_embedding, sizes.active].iter().all(Option::is_none);
    unknown.then(|| {
        let text = match &sizes.uncounted {
            Some(why) => format!("N is not in the log, and {why}: give n_params"),
            None => "N is not in the log: put a table with the columns run and n_params beside it, or give n_params".to_owned(),
        };
        Reason::lacks(Lack::Params, text)
    })
}

struct Judged {
    schedule: ScheduleState,
    notes: Vec<String>,
    evaluation: Option<(f64, f64)>,
    tail: Option<Window>,
    last_step: f64,
}

fn judge(log: &mut RunLog, tail: f64) -> Result<Judged, Reason> {
    if log.has_curve() {
        to_steps(log)?;
    }
    if log.last_step().is_none() || !log.has_curve() {
        let text = "no loss was logged; choose the column or key for loss";
        return Err(Reason::lacks(Lack::LossColumn, text));
    }
    if let Some((one, other)) = log.two_sizes {
        return Err(format!(
            "its log states two sizes, {} and {} parameters, as of several runs without names in one file: a column or key `run` tells them apart",
            Params::new(one),
            Params::new(other)
        )
        .into());
    }
    let mut notes = std::mem::take(&mut log.notes);
    notes.extend(count_from_one(log));
    let last_step = log.last_step().unwrap_or(0.0);
    if last_step <= 0.0 {
        return Err("nothing was logged beyond step 0".into());
    }
    let (train, eval) = (log.series(Metric::TrainLoss), log.series(Metric::EvalLoss));
    for (series, key) in [(train, log.key(Metric::TrainLoss)), (eval, log.key(Metric::EvalLoss))] {
        if let (Some(at), replaced) = (series.restarted_at, series.replaced) {
            notes.push(format!(
                "restarted from step {at}: {replaced} points of `{key}` before the restart are replaced"
            ));
        }
        notes.extend(holes(series, key));
    }
    broken(train, eval)?;
    let steps = log.count(Term::PlannedSteps).filter(|_| log.axis == Axis::Step);
    // Some say how many steps were taken without logging the last of them.
    let taken = log.count(Term::LastStep).unwrap_or(0.0).max(last_step);
    let every = interval(train, eval);
    let reached = steps.is_none_or(|p| last_step + every > p || taken >= 0.99 * p);
    let (schedule, said) = ended(log, taken, Plan { steps, reached })?;
    notes.extend(said);
    rise(train, log.key(Metric::TrainLoss))?;
    if train.is_empty() {
        rise(eval, log.key(Metric::EvalLoss))?;
    }
    let evaluation = eval
        .bins()
        .iter()
        .rev()
        .find_map(|b| Some((b.step, if b.count == 1 { b.mean()? } else { b.last })));
    if let Some((step, _)) = evaluation.filter(|(step, _)| *step < 0.9 * last_step) {
        notes.push(format!("the last evaluation is at step {step} of {last_step}"));
    }
    let tail = train.mean_from(last_step * (1.0 - tail) + 1e-9);
    Ok(Judged { schedule, notes, evaluation, tail, last_step })
}

/// Counts updates made, from 1, where a log counts from 0 or counts something else; returns what to
/// say about it.
fn count_from_one(log: &mut RunLog) -> Option<String> {
    let last = log.last_step().filter(|_| matches!(log.axis, Axis::Step | Axis::Epoch))?;
    let planned = log.count(Term::PlannedSteps);
    if log.counts_calls()
        && let Some(planned) =
            planned.filter(|_| log.given.iter().any(|key| is_name(Term::PlannedSteps, key)))
    {
        let each = planned / (last + 1.0);
        log.move_to_steps(&|calls| (calls + 1.0) * each);
        return Some(format!("W&B counted {} calls of log over the {planned} steps", last + 1.0));
    }
    let first = log.first_step()?;
    // A row per epoch is written at its end.
    let epochs = rank(Term::Epoch, &collapsed(&log.step_key)).is_some();
    let short = planned == Some(last + 1.0) && log.axis == Axis::Step;
    if first == 0.0 && (short || epochs) {
        log.zero_based = true;
        log.settle();
        let what = if epochs { "epochs" } else { "steps" };
        return Some(format!("{what} are counted from 0"));
    }
    None
}

impl Settled {
    /// Tokens seen at the step of the loss that represents the run.
    ///
    /// # Errors
    /// What is missing, and how to give it.
    pub(super) fn tokens(&self, step: f64) -> Result<TokensSeen, Reason> {
        tokens_at(&self.log, step, self.last_step, &self.sizes)
    }

    /// Unique tokens: stated, or tokens seen over epochs where the log counts more than one.
    pub(in crate::data) fn unique_tokens(&self, seen: f64) -> Option<f64> {
        if let Some(unique) = self.log.count(Term::UniqueTokens) {
            return Some(unique);
        }
        let epochs = self.log.series(Metric::Epoch).last()?.last;
        (epochs > 1.01 && epochs.is_finite()).then(|| seen / epochs)
    }

    /// The training curve against tokens, without its warm-up and thinned, for the envelope of
    /// curves.
    pub(in crate::data) fn curve(&self, n: Params) -> Option<RunCurve> {
        /// Points of a curve: as fine as its noise allows.
        const POINTS: usize = 64;
        let series = self.log.series(Metric::TrainLoss);
        let peak_at = {
            let rates = self.log.series(Metric::Rate).bins();
            let peak = rates.iter().map(|b| b.last).fold(0.0, f64::max);
            rates.iter().find(|b| b.last >= 0.9995 * peak).map_or(0.0, |b| b.step)
        };
        // The first hundredth is burn-in whether or not a warm-up was logged.
        let from = peak_at.max(0.01 * self.last_step);
        let bins: Vec<_> = series.bins().iter().filter(|b| b.first >= from).collect();
        let each = bins.len().div_ceil(POINTS).max(1);
        let mut points = Vec::new();
        for chunk in bins.chunks(each) {
            let step = 0.5 * (chunk[0].first + chunk[chunk.len() - 1].step);
            let means: Vec<f64> = chunk.iter().filter_map(|b| b.mean()).collect();
            let tokens = self.tokens(step).ok()?.tokens;
            if !means.is_empty() && tokens > 0.0 {
                let mean = means.iter().sum::<f64>() / means.len() as f64;
                points.push((Tokens::new(tokens), mean));
            }
        }
        let run = self.log.run.clone();
        let decays = self.schedule == ScheduleState::Finished;
        (points.len() >= 5).then_some(RunCurve { run, n, decays, points })
    }
}
