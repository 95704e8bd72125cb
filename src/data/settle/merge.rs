//! Logs of one run in several files: pieces put together, copies set aside, facts joined.

use std::collections::BTreeMap;
use std::path::Path;

use super::consistency::tokens_at;
use super::size::{Sizes, sizes};

use crate::data::axis::Axis;
use crate::data::digest::InputDigest;
use crate::data::format::Format;
use crate::data::log::{RunLog, Value};
use crate::data::names::folded;
use crate::data::roles::Metric;
use crate::data::vocabulary::Term;

/// Two logs of a run agree when their last losses do to this share: formats round to four digits or
/// keep single precision.
const AGREE: f64 = 5e-4;

/// N of one run in two spellings, `8.95M` and 8953344, and its D.
const ROUNDED: f64 = 0.01;
const SAME_TOKENS: f64 = 1e-3;

/// Losses at the end of the shorter log that are compared; a few may agree by chance.
const COMPARED: usize = 5;

/// What merging left.
pub(in crate::data) struct Joined {
    pub(in crate::data) logs: Vec<RunLog>,
    /// Logs that say the same as another, with where that one is.
    pub(in crate::data) copies: Vec<(RunLog, String)>,
}

/// How two logs of one name belong together.
enum Relation {
    /// The same run, wholly or in an earlier state.
    Copy,
    /// The second goes on from a step of the first.
    Continuation { from: f64 },
    /// One of them has only facts.
    Facts,
    /// Different runs.
    Apart,
}

/// Puts the logs of each run together, in the order they were read. Tools that differ in how they
/// write its name are compared by their numbers.
pub(in crate::data) fn merge(logs: Vec<RunLog>) -> Joined {
    let mut groups: Vec<Vec<RunLog>> = Vec::new();
    let mut at: BTreeMap<String, usize> = BTreeMap::new();
    for log in pieces(logs) {
        let name = folded(&log.run);
        match at.get(&name) {
            Some(i) => groups[*i].push(log),
            None => {
                at.insert(name, groups.len());
                groups.push(vec![log]);
            }
        }
    }
    let mut joined = Joined { logs: Vec::new(), copies: Vec::new() };
    for group in groups {
        let mut kept: Vec<RunLog> = Vec::new();
        for mut log in group {
            log.settle();
            take_in(&mut kept, log, &mut joined.copies);
        }
        // Different runs of one name are named by their files as well.
        let names: Vec<String> = kept.iter().map(|log| log.run.clone()).collect();
        for log in &mut kept {
            if names.iter().filter(|name| **name == log.run).count() > 1 {
                log.run = format!("{} ({})", log.run, log.path.display());
            }
        }
        joined.logs.extend(kept);
    }
    // A copy under another name has the same losses to the last bit of single precision, in which
    // TensorBoard keeps them.
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    let Joined { logs, copies } = &mut joined;
    logs.retain(|log| {
        let mut digest = InputDigest::new();
        let mut points = 0;
        for metric in [Metric::TrainLoss, Metric::EvalLoss] {
            digest.update(&[metric as u8]);
            for bin in log.series(metric).bins() {
                digest.update(&bin.step.to_bits().to_le_bytes());
                digest.update(&(bin.last as f32).to_bits().to_le_bytes());
                points += 1;
            }
        }
        // A few losses, rounded, may be equal by chance.
        if points < COMPARED {
            return true;
        }
        if let Some(first) = seen.get(&digest.to_string()) {
            copies.push((log.clone(), first.clone()));
            return false;
        }
        seen.insert(digest.to_string(), log.path.display().to_string());
        true
    });
    joined
}

/// Event files of one folder are one run, written in turn; their names hold the time they were
/// begun, and they were read in that order.
fn pieces(logs: Vec<RunLog>) -> Vec<RunLog> {
    let mut whole: Vec<RunLog> = Vec::new();
    for log in logs {
        let same = |other: &&mut RunLog| {
            is_pieces(log.format)
                && other.format == log.format
                && other.run == log.run
                && other.path.parent() == log.path.parent()
        };
        match whole.iter_mut().find(same) {
            Some(first) => first.absorb(log),
            None => whole.push(log),
        }
    }
    // `add_hparams` writes its facts to a folder of their own within that of the run.
    let is_aside = |log: &mut RunLog| log.format == Format::TensorBoard && !log.has_curve();
    let asides: Vec<RunLog> = whole.extract_if(.., is_aside).collect();
    for aside in asides {
        let above = aside.path.parent().and_then(Path::parent);
        let of_run =
            |log: &&mut RunLog| log.format == Format::TensorBoard && log.path.parent() == above;
        match whole.iter_mut().find(of_run) {
            Some(log) => aside.facts.iter().for_each(|(key, value)| log.suggest(key, value)),
            None => whole.push(aside),
        }
    }
    whole
}

/// Formats that write one run in several files.
fn is_pieces(format: Format) -> bool {
    matches!(format, Format::TensorBoard | Format::TensorBoardCsv)
}

/// Adds a log to those of its name that are kept.
fn take_in(kept: &mut Vec<RunLog>, mut log: RunLog, copies: &mut Vec<(RunLog, String)>) {
    let (own, other_names): (Vec<usize>, Vec<usize>) =
        (0..kept.len()).partition(|i| kept[*i].run == log.run);
    for i in own.into_iter().chain(other_names) {
        let other = &mut kept[i];
        let is_own = other.run == log.run;
        match if is_own { relation(other, &log) } else { relation_of_names(other, &log) } {
            Relation::Copy => {
                // The fuller one stays and learns what the other knew.
                if worth(&log) > worth(other) {
                    std::mem::swap(other, &mut log);
                }
                if !clashes(other, &log) {
                    log.facts.iter().for_each(|(key, value)| other.suggest(key, value));
                }
                copies.push((log, other.path.display().to_string()));
                return;
            }
            Relation::Continuation { from } => {
                other.truncate_from(from);
                other.notes.push(format!("goes on from step {from} in {}", log.path.display()));
                other.absorb(log);
                other.settle();
                return;
            }
            Relation::Facts => {
                if !other.has_curve() {
                    std::mem::swap(other, &mut log);
                }
                log.facts.iter().for_each(|(key, value)| other.suggest(key, value));
                return;
            }
            Relation::Apart => {}
        }
    }
    kept.push(log);
}

/// Facts about tokens come as products; those of two logs must not be mixed.
fn clashes(one: &RunLog, other: &RunLog) -> bool {
    let both = |kind| one.count(kind).zip(other.count(kind));
    [Term::AllParams, Term::NonEmbeddingParams]
        .into_iter()
        .filter_map(both)
        .any(|(a, b)| (a / b - 1.0).abs() > 0.02)
}

/// How much a log knows: a size, tokens, evaluations, rates, and then its length.
fn worth(log: &RunLog) -> (usize, f64, usize) {
    let known = [
        log.count(Term::AllParams).is_some(),
        log.count(Term::AllParams).is_some() || log.count(Term::NonEmbeddingParams).is_some(),
        !log.series(Metric::Tokens).is_empty()
            || log.count(Term::TokensPerStep).is_some()
            || (log.count(Term::Batch).is_some() && log.count(Term::Length).is_some()),
        !log.series(Metric::EvalLoss).is_empty(),
        !log.series(Metric::Rate).is_empty(),
    ];
    let knows = known.into_iter().filter(|k| *k).count();
    (knows, log.last_step().unwrap_or(0.0), log.series(Metric::TrainLoss).len())
}

/// Relation of two logs whose names differ in accents, case or separators: the same run only where
/// all that both know says so.
fn relation_of_names(one: &RunLog, other: &RunLog) -> Relation {
    // One file does not write one name in two ways.
    let one_file = one.path == other.path;
    let apart = |a: Option<f64>, b: Option<f64>, share: f64| {
        a.zip(b).is_some_and(|(a, b)| (a / b - 1.0).abs() > share)
    };
    let (a, b) = (sizes(one), sizes(other));
    if one_file
        || apart(a.all, b.all, ROUNDED)
        || apart(a.non_embedding, b.non_embedding, ROUNDED)
        || apart(tokens(one), tokens(other), SAME_TOKENS)
    {
        return Relation::Apart;
    }
    match relation(one, other) {
        Relation::Facts if one.has_curve() == other.has_curve() => Relation::Apart,
        Relation::Continuation { .. } => Relation::Apart,
        relation => relation,
    }
}

/// D at the last step, where the log knows it.
fn tokens(log: &RunLog) -> Option<f64> {
    let last = log.last_step()?;
    match log.axis {
        Axis::Tokens => Some(last),
        _ => tokens_at(log, last, last, &sizes(log)).ok().map(|seen| seen.tokens),
    }
}

/// Whether N and D of a log need no other file.
pub(in crate::data) fn knows_size_and_tokens(log: &RunLog) -> bool {
    let Sizes { all, non_embedding, active, .. } = sizes(log);
    all.or(non_embedding).or(active).is_some() && tokens(log).is_some()
}

/// Whether the last of a log's losses is this one, to the digits that tools keep.
pub(in crate::data) fn ends_at(log: &RunLog, loss: f64) -> bool {
    [Metric::EvalLoss, Metric::TrainLoss]
        .into_iter()
        .filter_map(|metric| log.series(metric).last())
        .any(|bin| (bin.last / loss - 1.0).abs() <= AGREE)
}

fn relation(one: &RunLog, other: &RunLog) -> Relation {
    if !one.has_curve() || !other.has_curve() {
        return Relation::Facts;
    }
    if clashes(one, other) {
        return Relation::Apart;
    }
    let (Some(a), Some(b)) = (one.last_step(), other.last_step()) else { return Relation::Facts };
    let close = |x: f64, y: f64| (x / y - 1.0).abs() <= AGREE;
    if one.axis != other.axis {
        // Positions that count different things cannot be compared; the last losses can.
        let last = |log: &RunLog, metric| log.series(metric).last().map(|b| b.last);
        let same = [Metric::EvalLoss, Metric::TrainLoss]
            .into_iter()
            .find_map(|metric| Some(close(last(one, metric)?, last(other, metric)?)));
        return if same == Some(true) { Relation::Copy } else { Relation::Apart };
    }
    let (short, long) = if a <= b { (one, other) } else { (other, one) };
    let end = a.min(b);
    let shared = [Metric::EvalLoss, Metric::TrainLoss].into_iter().find_map(|metric| {
        let (s, l) = (short.series(metric), long.series(metric));
        let ends: Vec<(f64, f64)> =
            s.bins().iter().rev().take(COMPARED).map(|b| (b.step, b.last)).collect();
        // Some count steps from 0.
        let mut compared = false;
        let same = [0.0, 1.0, -1.0].into_iter().any(|offset| {
            let pairs: Vec<(f64, f64)> =
                ends.iter().filter_map(|(t, x)| Some((l.at(t + offset)?, *x))).collect();
            compared |= !pairs.is_empty();
            // The last point may lie beyond the other log by the offset.
            pairs.len() + 1 >= ends.len()
                && !pairs.is_empty()
                && pairs.iter().all(|(x, y)| close(*x, *y))
        });
        compared.then_some(same)
    });
    if shared == Some(true) {
        return Relation::Copy;
    }
    let (first_a, first_b) = (one.first_step().unwrap_or(0.0), other.first_step().unwrap_or(0.0));
    // A restart begins where the first log had been, not at the start, and goes further.
    if first_b > first_a + 0.02 * end && b > a && one.format == other.format {
        return Relation::Continuation { from: first_b };
    }
    Relation::Apart
}

/// Facts of a table's row that a log of the same name may want.
pub(in crate::data) fn join_row(log: &mut RunLog, columns: &[String], row: &[Value]) {
    for (column, value) in columns.iter().zip(row) {
        if crate::data::facts::is_fact(column) {
            log.suggest(column, value);
        }
    }
}
