//! Whether a run finished, and which losses could represent it.

use super::axis::to_steps;
use super::reason::Reason;
use super::schedule::{ScheduleState, state_of};
use super::size::{Sizes, sizes};
use super::tokens::{TokensSeen, tokens_at};
use crate::data::axis::Axis;
use crate::data::facts::FactKind;
use crate::data::log::{RunLog, Value};
use crate::data::roles::Metric;
use crate::data::series::{Series, Window};
use crate::data::table::RunCurve;
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

/// A rise of the loss above its lowest by this share, and by this many standard deviations, is
/// divergence.
const RISE: f64 = 0.05;
const RISE_SDS: f64 = 4.0;

/// Windows in which a rise is looked for.
const WINDOWS: usize = 40;

/// States that are an end.
const ENDED: [&str; 6] = ["finished", "completed", "complete", "done", "success", "succeeded"];

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
    match judge(&mut log, tail) {
        Ok((schedule, notes, evaluation, tail, last_step)) => {
            let sizes = sizes(&log);
            let run = Settled { log, sizes, evaluation, tail, last_step, schedule, notes };
            Verdict::Usable(Box::new(run))
        }
        Err(reason) => Verdict::LeftOut(Box::new(log), reason),
    }
}

type Judged = (ScheduleState, Vec<String>, Option<(f64, f64)>, Option<Window>, f64);

fn judge(log: &mut RunLog, tail: f64) -> Result<Judged, Reason> {
    if log.has_curve() {
        to_steps(log)?;
    }
    let Some(mut last_step) = log.last_step().filter(|_| log.has_curve()) else {
        let text = "no loss was logged; choose the column or key for loss";
        return Err(Reason::lacks(Lack::LossColumn, text));
    };
    let mut notes = std::mem::take(&mut log.notes);
    // A log that is not on steps cannot be compared with a plan of steps.
    let planned = log.count(FactKind::PlannedSteps).filter(|_| log.axis == Axis::Step);
    // Steps counted from 0 end one short of the plan.
    if planned == Some(last_step + 1.0) && log.first_step() == Some(0.0) {
        log.zero_based = true;
        log.settle();
        last_step += 1.0;
        notes.push("steps are counted from 0".to_owned());
    }
    if last_step <= 0.0 {
        return Err("nothing was logged beyond step 0".into());
    }
    for metric in [Metric::TrainLoss, Metric::EvalLoss] {
        let series = log.series(metric);
        if let (Some(at), replaced) = (series.restarted_at, series.replaced) {
            notes.push(format!(
                "restarted from step {at}: {replaced} points of `{}` before the restart are replaced",
                log.key(metric)
            ));
        }
    }
    let (train, eval) = (log.series(Metric::TrainLoss), log.series(Metric::EvalLoss));
    broken(train, eval)?;
    let reached =
        planned.is_none_or(|p| last_step + interval(train, eval) > p || last_step >= 0.99 * p);
    let status = log.fact(FactKind::Status).and_then(|(_, value)| match value {
        Value::Text(text) => Some(text.to_lowercase()),
        _ => None,
    });
    if let Some(state) = status.filter(|s| !ENDED.contains(&s.as_str())) {
        if planned.is_none() || !reached {
            return Err(format!("the run says it is `{state}`").into());
        }
        notes.push(format!("the run says it is `{state}`, though it took all planned steps"));
    }
    if let Some(planned) = planned.filter(|_| !reached) {
        let how = if log.is_cut_off { "its file is cut off" } else { "stops" };
        return Err(format!("{how} at step {last_step} of the {planned} planned").into());
    }
    rise(train, log.key(Metric::TrainLoss))?;
    if train.is_empty() {
        rise(eval, log.key(Metric::EvalLoss))?;
    }
    let schedule = state_of(log.series(Metric::Rate));
    match &schedule {
        ScheduleState::Midway { share, shape, ends_at } => {
            let end = ends_at.filter(|end| end.is_finite()).map_or(String::new(), |end| {
                format!(", which would end near step {}", two_digits(end))
            });
            return Err(format!(
                "stops in the middle of its {shape}: at step {last_step} the learning rate is {:.0} % of its peak{end}",
                100.0 * share
            )
            .into());
        }
        ScheduleState::WarmingUp => return Err("stops within its warm-up".into()),
        _ => {}
    }
    let evaluation = eval
        .bins()
        .iter()
        .rev()
        .find_map(|b| Some((b.step, if b.count == 1 { b.mean()? } else { b.last })));
    if let Some((step, _)) = evaluation.filter(|(step, _)| *step < 0.9 * last_step) {
        notes.push(format!("the last evaluation is at step {step} of {last_step}"));
    }
    let window = train.mean_from(last_step * (1.0 - tail) + 1e-9);
    Ok((schedule, notes, evaluation, window, last_step))
}

fn two_digits(x: f64) -> String {
    let unit = 10_f64.powf(x.abs().max(1.0).log10().floor() - 1.0).max(1.0);
    format!("{}", (x / unit).round() * unit)
}

/// The usual distance between two logged losses.
fn interval(train: &Series, eval: &Series) -> f64 {
    let of = |series: &Series| {
        let (first, last) = (series.first()?, series.last()?);
        (series.len() > 1).then(|| (last.step - first.first) / (series.len() - 1) as f64)
    };
    of(train).into_iter().chain(of(eval)).fold(f64::INFINITY, f64::min).min(1e12)
}

/// Refuses a run whose loss ends as NaN or infinite.
fn broken(train: &Series, eval: &Series) -> Result<(), Reason> {
    for (series, what) in [(train, "training"), (eval, "evaluation")] {
        let (mut finite, mut bad) = (0_u64, 0_u64);
        for bin in series.bins() {
            finite += u64::from(bin.count);
            bad += u64::from(bin.broken);
        }
        // Tables fill the steps without an evaluation with NaN.
        let is_padding = what == "evaluation" && bad > finite && finite > 0;
        let ends_bad = series.last().is_some_and(|b| b.broken > 0 && !b.last.is_finite());
        if ends_bad && !is_padding {
            let from = series
                .bins()
                .iter()
                .rev()
                .take_while(|b| b.broken > 0)
                .last()
                .map_or(0.0, |b| b.first);
            return Err(format!("the {what} loss is NaN or infinite from step {from} on").into());
        }
    }
    Ok(())
}

/// Refuses a run whose loss ends well above its lowest.
fn rise(series: &Series, key: &str) -> Result<(), Reason> {
    let means: Vec<(f64, f64)> =
        series.bins().iter().filter_map(|b| Some((b.step, b.mean()?))).collect();
    let each = means.len().div_ceil(WINDOWS).max(1);
    let windows: Vec<(f64, f64, usize)> = means
        .chunks(each)
        .map(|w| {
            let mean = w.iter().map(|p| p.1).sum::<f64>() / w.len() as f64;
            (w[w.len() - 1].0, mean, w.len())
        })
        .collect();
    let Some(last) = windows.last().copied() else { return Ok(()) };
    let Some(lowest) = windows.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1)) else {
        return Ok(());
    };
    // Scatter of single points around their window, from neighbours.
    let late = &means[means.len() / 2..];
    let apart: f64 = late.windows(2).map(|p| (p[1].1 - p[0].1).abs()).sum();
    // Two draws of a normal variable differ by 2 / sqrt(pi) of its standard deviation on average.
    let sd = 0.886 * apart / late.len().max(1) as f64 / (last.2 as f64).sqrt();
    let above = last.1 - lowest.1;
    if windows.len() >= 3 && above > RISE * lowest.1 && above > RISE_SDS * sd {
        return Err(format!(
            "diverged: `{key}` rose from {:.3} near step {} to {:.3} at the end",
            lowest.1, lowest.0, last.1
        )
        .into());
    }
    Ok(())
}

impl Settled {
    /// Tokens seen at the step of the loss that represents the run.
    ///
    /// # Errors
    /// What is missing, and how to give it.
    pub(super) fn tokens(&self, step: f64) -> Result<TokensSeen, Reason> {
        tokens_at(&self.log, step)
    }

    /// Unique tokens: stated, or tokens seen over epochs where the log counts more than one.
    pub(in crate::data) fn unique_tokens(&self, seen: f64) -> Option<f64> {
        if let Some(unique) = self.log.count(FactKind::UniqueTokens) {
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
