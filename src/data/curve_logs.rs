//! Training curves from logs of any tool.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::axis::Axis;
use super::curve::{LoggedPoint, MOST_STEPS, TrainingCurve, read_curve};
use super::facts::FactKind;
use super::files::Source;
use super::gather::{gather, join_facts};
use super::given::Given;
use super::log::RunLog;
use super::options::{LossChoice, ReadOptions};
use super::read::{patterns_of, suggest_from};
use super::roles::Metric;
use super::settle::{Joined, merge, sizes, to_steps};
use super::table::Skipped;
use crate::error::{DataError, Error, Result};
use crate::units::Params;

/// Training curves with what was left out of their files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CurveSet {
    /// The curves, in the order of the files.
    pub curves: Vec<TrainingCurve>,
    /// Runs and files without a curve, each with its reason.
    pub skipped: Vec<Skipped>,
}

/// Logged evaluations that make a curve where no training loss does.
const FEWEST: usize = 20;

/// Reads training curves: learning rate and loss by step, of tables and of logs of any tool, finished
/// or not.
///
/// A table with plain columns of step, rate and loss is one run, and a bad row of it is refused. Other
/// logs are read as [`read()`](super::read()) reads them.
///
/// - `options`: of them, the share of the tail, the rows left out and what N counts have no effect.
///   The loss is that of training where it was logged, unless `loss` says otherwise.
/// - `progress`: bytes read, of how many.
///
/// # Errors
/// [`DataError`] naming the file and, for a bad row, its line; no curve in any file.
pub fn read_curves(
    paths: &[impl AsRef<Path>],
    options: &ReadOptions,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<CurveSet> {
    let mut set = CurveSet::default();
    let mut placed: Vec<(usize, TrainingCurve)> = Vec::new();
    let mut logs: Vec<(usize, PathBuf)> = Vec::new();
    let mut first_error = None;
    for (at, path) in paths.iter().enumerate() {
        match read_curve(path) {
            Ok(curve) => placed.push((at, curve)),
            Err(error) if is_bad_table(path.as_ref(), &error) => return Err(error),
            Err(error) => {
                if matches!(&error, Error::Data(DataError::MissingColumn { .. })) {
                    first_error.get_or_insert(error);
                }
                logs.push((at, path.as_ref().to_owned()));
            }
        }
    }
    if !logs.is_empty() {
        let files: Vec<&PathBuf> = logs.iter().map(|(_, path)| path).collect();
        let found = logs_of(&files, options, &mut set.skipped, progress);
        let found = match (found, first_error) {
            (Ok(found), Some(error)) if found.is_empty() && placed.is_empty() => return Err(error),
            // What a table lacks is clearer than that it is no log.
            (Err(_), Some(error)) => return Err(error),
            (found, _) => found?,
        };
        for mut log in found {
            let at = logs.iter().find(|(_, path)| log.path.starts_with(path));
            let at = at.map_or(paths.len(), |(at, _)| *at);
            match curve_of(&mut log, options.loss) {
                Ok(curve) => placed.push((at, curve)),
                Err(reason) => {
                    let path = log.path.display().to_string();
                    set.skipped.push(Skipped::run(path, &log.run, reason));
                }
            }
        }
    }
    placed.sort_by_key(|(at, _)| *at);
    set.curves = placed.into_iter().map(|(_, curve)| curve).collect();
    if set.curves.is_empty() {
        let first = set.skipped.first().map(ToString::to_string).unwrap_or_default();
        return Err(DataError::NoRuns { left_out: set.skipped.len(), first, lack: None }.into());
    }
    Ok(set)
}

/// Whether a file is a table of a curve with something wrong in it, rather than another log.
fn is_bad_table(path: &Path, error: &Error) -> bool {
    let Error::Data(error) = error else { return false };
    let is_text = || {
        let source = Source { path: path.to_owned(), asked: true, is_folder: false };
        source.head().is_ok_and(|head| {
            let first = head.iter().find(|b| !b.is_ascii_whitespace());
            !matches!(first, Some(b'{' | b'['))
        })
    };
    matches!(error, DataError::BadRow { .. } | DataError::Empty { .. }) && is_text()
        || matches!(error, DataError::Unreadable { .. }) && !path.is_dir()
}

/// Logs of runs, put together as for a table of runs.
fn logs_of(
    files: &[&PathBuf],
    options: &ReadOptions,
    skipped: &mut Vec<Skipped>,
    progress: &(dyn Fn(u64, u64) + Sync),
) -> Result<Vec<RunLog>> {
    let patterns = patterns_of(options)?;
    let mut gathered = gather(files, options, &patterns, progress)?;
    join_facts(&mut gathered, options);
    skipped.append(&mut gathered.skipped);
    for table in &gathered.tables {
        let reason = "a table with a row per run holds no curve";
        skipped.push(Skipped::file(&table.path, reason));
    }
    for (folder, facts) in &gathered.facts {
        gathered.logs.iter_mut().for_each(|log| suggest_from(folder, facts, log));
    }
    let Joined { mut logs, copies } = merge(gathered.logs);
    for (copy, of) in copies {
        let path = copy.path.display().to_string();
        skipped.push(Skipped::run(path, &copy.run, format!("the same run as in {of}")));
    }
    Given::add(&options.given, &mut logs);
    Ok(logs)
}

/// The curve of a log, or what it lacks.
fn curve_of(log: &mut RunLog, choice: LossChoice) -> Result<TrainingCurve, String> {
    log.settle();
    to_steps(log).map_err(|reason| reason.text)?;
    if log.axis != Axis::Step {
        return Err("its positions are not steps, and nothing says how many make a step".to_owned());
    }
    let metric = loss_metric(log, choice);
    let losses = log.series(metric);
    if losses.is_empty() {
        return Err("no loss was logged; choose the column or key for loss".to_owned());
    }
    let rates = log.series(Metric::Rate);
    if log.last_step().is_some_and(|step| step > MOST_STEPS) {
        return Err(format!("more than {MOST_STEPS:e} steps"));
    }
    let rate_at = |step: f64| match (rates.at(step), rates.first(), rates.last()) {
        (Some(rate), _, _) => rate,
        (None, Some(first), _) if step < first.step => first.last,
        (None, _, Some(last)) => last.last,
        (None, _, None) => 1.0,
    };
    // Step by step, a loss where there is one; the rate of a step without one shapes the schedule.
    let mut points: BTreeMap<usize, LoggedPoint> = BTreeMap::new();
    for bin in rates.bins().iter().filter(|bin| bin.step >= 1.0) {
        let (step, rate) = (bin.step as usize, bin.last);
        points.insert(step, LoggedPoint { step, rate, loss_nats: None });
    }
    for bin in losses.bins() {
        let step = (0.5 * (bin.first + bin.step)).round();
        let Some(loss) = bin.mean().filter(|loss| *loss > 0.0 && step >= 1.0) else { continue };
        let (rate, at) = (rate_at(step), step as usize);
        points.insert(at, LoggedPoint { step: at, rate, loss_nats: Some(loss) });
    }
    if points.values().any(|point| !(point.rate.is_finite() && point.rate >= 0.0)) {
        return Err("a learning rate below zero, or none that is a number".to_owned());
    }
    if points.values().all(|point| point.loss_nats.is_none()) {
        return Err("no loss above zero beyond step 0".to_owned());
    }
    let sizes = sizes(log);
    let planned = log.count(FactKind::PlannedSteps).filter(|steps| *steps <= MOST_STEPS);
    Ok(TrainingCurve {
        name: log.run.clone(),
        points: points.into_values().collect(),
        replaced: losses.replaced,
        warmup: None,
        without_rates: rates.is_empty(),
        planned: planned.map(|steps| steps as usize),
        params: sizes.all.or(sizes.non_embedding).or(sizes.active).map(Params::new),
        per_byte: log.is_per_byte(metric),
    })
}

/// The loss that makes the curve: of training, where enough of it was logged.
fn loss_metric(log: &RunLog, choice: LossChoice) -> Metric {
    let count = |metric| log.series(metric).len();
    match choice {
        LossChoice::Tail => Metric::TrainLoss,
        LossChoice::Evaluation => Metric::EvalLoss,
        LossChoice::Auto if count(Metric::TrainLoss) >= FEWEST.min(count(Metric::EvalLoss)) => {
            Metric::TrainLoss
        }
        LossChoice::Auto => Metric::EvalLoss,
    }
}
