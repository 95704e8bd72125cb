//! What the lines of a text log say, put into the logs of its runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::content::Damage;
use super::patterns::Pattern;
use crate::data::axis::Axis;
use crate::data::columns::ColumnMap;
use crate::data::facts::is_fact;
use crate::data::format::Format;
use crate::data::log::{RunLog, Value};
use crate::data::quantity::Quantity;
use crate::data::roles::{LossScale, Metric};
use crate::data::spelling::collapsed;
use crate::data::vocabulary::{SIZES, Term, is_name};

/// What one line holds: names of groups and their text.
pub(super) struct Find {
    pub(super) line: usize,
    pub(super) groups: Vec<(String, String)>,
}

/// Counts of parameters further apart than this are of two models.
const OTHER_SIZE: f64 = 1e-3;

/// Runs that one file may hold.
const MOST_RUNS: usize = 10_000;

/// The log by one axis, as long as it is not known which axes the file has.
#[derive(Clone)]
struct Track {
    log: RunLog,
    /// Where the file is.
    at: Option<f64>,
    /// Where it began.
    from: Option<f64>,
}

/// One run of the file under way.
struct Attempt {
    /// One per axis that the pattern can find, the surest first; facts go to the first.
    tracks: Vec<Track>,
    /// Parameters of the parts of a model that is split over devices.
    parts: BTreeMap<String, f64>,
    /// Evaluations at this position, by their key.
    evaluated: Vec<String>,
    /// The last evaluation as it was printed.
    last_evaluation: String,
}

/// What a line outside any step says of the run that goes on or of the one that begins.
#[derive(Default)]
struct Header {
    facts: Vec<(String, Value)>,
    parts: BTreeMap<String, f64>,
}

pub(super) struct Booking<'a> {
    name: &'a str,
    path: PathBuf,
    pattern: &'a Pattern,
    map: &'a ColumnMap,
    attempt: Attempt,
    header: Header,
    done: Vec<Attempt>,
    damage: Vec<Damage>,
}

/// The group of a pattern that holds positions on an axis.
fn group_of(axis: Axis) -> &'static str {
    match axis {
        Axis::Step => "step",
        Axis::Tokens => "tokens",
        Axis::Samples => "samples",
        Axis::Epoch => "epoch",
    }
}

/// A number as loggers print it: `1,024`, `1.60k`, `0.009 billion`.
fn number(text: &str) -> Option<f64> {
    let bare = text.replace([',', '_'], "");
    let bare = bare.trim_end_matches("it");
    if let Ok(x) = bare.parse::<f64>() {
        return Some(x);
    }
    let words = [(" billion", 1e9), (" million", 1e6)];
    let letters = [("k", 1e3), ("K", 1e3), ("M", 1e6), ("G", 1e9), ("B", 1e9), ("T", 1e12)];
    words.into_iter().chain(letters).find_map(|(unit, factor)| {
        bare.strip_suffix(unit)?.trim_end().parse::<f64>().ok().map(|x| x * factor)
    })
}

/// Whether a spelled key is a number of parameters.
fn is_size(key: &str) -> bool {
    SIZES.iter().chain(&[Term::AllButPositions]).any(|size| is_name(*size, key))
}

/// Digits that a printed number says something with.
fn digits(text: &str) -> usize {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits.trim_start_matches('0').len()
}

/// The metric of a group and the scale of a loss.
fn metric_of(group: &str) -> Option<(Metric, LossScale)> {
    let plain = LossScale::NatsPerToken;
    Some(match group {
        "train_loss" => (Metric::TrainLoss, plain),
        "train_bits" => (Metric::TrainLoss, LossScale::BitsPerToken),
        "eval_loss" => (Metric::EvalLoss, plain),
        "eval_bits" => (Metric::EvalLoss, LossScale::BitsPerToken),
        "eval_bpb" => (Metric::EvalLoss, LossScale::BitsPerByte),
        "tokens" => (Metric::Tokens, plain),
        "samples" => (Metric::Samples, plain),
        "rate" => (Metric::Rate, plain),
        "epoch" => (Metric::Epoch, plain),
        "flops" => (Metric::Flops, plain),
        _ => return None,
    })
}

impl Attempt {
    fn new(name: &str, path: &Path, pattern: &Pattern) -> Self {
        let finds = |axis: &Axis| {
            let names =
                |line: &regex::Regex| line.capture_names().flatten().any(|n| n == group_of(*axis));
            *axis == Axis::Step || pattern.lines().iter().any(names)
        };
        let track = |axis| {
            let mut log = RunLog::new(name, path, Format::Text);
            log.axis = axis;
            Track { log, at: None, from: None }
        };
        let tracks = Axis::ALL.into_iter().filter(finds).map(track).collect();
        let (parts, evaluated) = (BTreeMap::new(), Vec::new());
        Self { tracks, parts, evaluated, last_evaluation: String::new() }
    }

    fn facts(&self) -> Option<&BTreeMap<String, Value>> {
        self.tracks.first().map(|track| &track.log.facts)
    }

    fn set(&mut self, key: &str, value: Value) {
        if let Some(first) = self.tracks.first_mut() {
            first.log.set(key, value);
        }
    }

    fn has_curve(&self) -> bool {
        self.tracks.iter().any(|track| track.log.has_curve())
    }

    /// The last position on the surest axis that has any.
    fn last(&self) -> Option<f64> {
        self.tracks.iter().find_map(|track| track.at)
    }

    fn take_header(&mut self, header: Header) {
        header.facts.into_iter().for_each(|(key, value)| self.set(&key, value));
        if !header.parts.is_empty() {
            self.parts = header.parts;
        }
    }

    /// Whether a header is that of another model or plan.
    fn differs(&self, header: &Header) -> bool {
        let facts = self.facts();
        let other = |(key, value): &(String, Value)| {
            let key = collapsed(key);
            let (Some(old), Some(new)) =
                (facts.and_then(|f| f.get(&key)).and_then(Value::count), value.count())
            else {
                return false;
            };
            (old / new - 1.0).abs() > OTHER_SIZE
        };
        header.facts.iter().any(other)
            || !header.parts.is_empty() && !self.parts.is_empty() && header.parts != self.parts
    }

    /// Whether a header counts other parameters.
    fn differs_in_size(&self, header: &Header) -> bool {
        let sizes = |(key, _): &&(String, Value)| is_size(&collapsed(key));
        let facts = header.facts.iter().filter(sizes).cloned().collect();
        self.differs(&Header { facts, parts: header.parts.clone() })
    }

    /// Whether all planned steps were taken.
    fn has_ended(&self) -> bool {
        let planned = self.tracks.first().and_then(|t| t.log.count(Term::PlannedSteps));
        planned.zip(self.last()).is_some_and(|(planned, last)| last >= 0.98 * planned)
    }

    /// The log by the surest axis that has losses.
    fn finish(mut self, zero_based: bool) -> RunLog {
        if !self.parts.is_empty() {
            let n = self.parts.values().sum();
            self.set("n_params", Value::Number(n));
        }
        let best = self.tracks.iter().position(|track| track.log.has_curve()).unwrap_or(0);
        let mut log = self.tracks.swap_remove(best).log;
        if let Some(first) = self.tracks.first_mut().filter(|_| best > 0) {
            log.facts = std::mem::take(&mut first.log.facts);
            log.notes.append(&mut first.log.notes);
        }
        log.zero_based = zero_based && log.axis == Axis::Step;
        log
    }
}

impl<'a> Booking<'a> {
    pub(super) fn new(
        name: &'a str,
        path: &Path,
        pattern: &'a Pattern,
        map: &'a ColumnMap,
    ) -> Self {
        Self {
            name,
            path: path.to_owned(),
            pattern,
            map,
            attempt: Attempt::new(name, path, pattern),
            header: Header::default(),
            done: Vec::new(),
            damage: Vec::new(),
        }
    }

    /// Notes lines that could not be read.
    pub(super) fn lose(&mut self, lost: Vec<Damage>) {
        self.damage.extend(lost);
    }

    pub(super) fn take(&mut self, find: Find) {
        let of = |name: &str| {
            find.groups.iter().find(|(key, _)| key == name).map(|(_, text)| text.as_str())
        };
        self.move_on(&of);
        if let (Some(part), Some(n)) = (of("part"), of("n_params").and_then(number)) {
            self.header.parts.insert(part.to_owned(), n);
            return;
        }
        let all = |name: &'static str| find.groups.iter().filter(move |(key, _)| key == name);
        for ((_, key), (_, value)) in all("key").zip(all("value")) {
            let value = value.trim_matches(['\'', '"']);
            self.header.facts.push((key.clone(), fact_value(value)));
        }
        let stale = of("train_loss").is_some()
            && of("eval_loss").is_some_and(|text| text == self.attempt.last_evaluation);
        for (group, text) in &find.groups {
            let Some((metric, scale)) = metric_of(group) else {
                if is_fact(group) {
                    self.header.facts.push((group.clone(), fact_value(text)));
                }
                continue;
            };
            let Some(x) = number(text) else {
                let problem = format!("{group} is `{text}`, which is not a number");
                self.damage.push(Damage::line(find.line, problem));
                continue;
            };
            // A bar shows the last evaluation until there is another.
            if metric == Metric::EvalLoss && stale {
                continue;
            }
            let key = match (metric, of("eval_name")) {
                (Metric::EvalLoss, Some(name)) => name,
                _ => group,
            };
            self.book(key, metric, scale, x);
            if metric == Metric::EvalLoss {
                self.attempt.last_evaluation.clone_from(text);
            }
        }
    }

    /// Takes the positions of a line; the beginning of another run ends the one before.
    fn move_on<'t>(&mut self, of: &dyn Fn(&str) -> Option<&'t str>) {
        let positions: Vec<Option<f64>> = (self.attempt.tracks.iter())
            .map(|track| of(group_of(track.log.axis)).and_then(number))
            .collect();
        if positions.iter().all(Option::is_none) {
            return;
        }
        let back = self.attempt.tracks.iter().zip(&positions).find_map(|(track, to)| {
            let (at, from, to) = (track.at?, track.from?, (*to)?);
            Some((to < at, to <= from))
        });
        let (falls, to_start) = back.unwrap_or((false, false));
        let other_size = self.attempt.has_curve() && self.attempt.differs_in_size(&self.header);
        if (falls && to_start && self.attempt.has_curve() || other_size)
            && self.done.len() < MOST_RUNS
        {
            self.begin();
        }
        let header = std::mem::take(&mut self.header);
        self.attempt.take_header(header);
        for (track, to) in self.attempt.tracks.iter_mut().zip(positions) {
            let Some(to) = to else { continue };
            if track.at != Some(to) {
                self.attempt.evaluated.clear();
            }
            track.at = Some(to);
            track.from.get_or_insert(to);
        }
    }

    /// Another run begins. What was printed once holds for it too, but for the sizes where its own
    /// header has some.
    fn begin(&mut self) {
        let mut next = Attempt::new(self.name, &self.path, self.pattern);
        let resized = !self.header.parts.is_empty()
            || self.header.facts.iter().any(|(key, _)| is_size(&collapsed(key)));
        for (key, value) in self.attempt.facts().into_iter().flatten() {
            if !(resized && is_size(key)) {
                next.set(key, value.clone());
            }
        }
        if !resized {
            next.parts = self.attempt.parts.clone();
        }
        let ended = std::mem::replace(&mut self.attempt, next);
        // The same model and plan again, before the end: that attempt was given up.
        let given_up = !ended.has_ended() && !ended.differs(&self.header);
        match (ended.last(), given_up) {
            (Some(last), true) if self.is_planned() => {
                let note = format!("an attempt that stopped at step {last} was begun again");
                if let Some(first) = self.attempt.tracks.first_mut() {
                    first.log.notes.push(note);
                }
            }
            _ => self.done.push(ended),
        }
    }

    /// Whether the steps of the run under way are planned, so that an attempt before can be told to
    /// have stopped short.
    fn is_planned(&self) -> bool {
        self.attempt.tracks.first().is_some_and(|t| t.log.count(Term::PlannedSteps).is_some())
    }

    fn book(&mut self, key: &str, metric: Metric, scale: LossScale, x: f64) {
        let attempt = &mut self.attempt;
        if metric == Metric::EvalLoss && attempt.last().is_some() {
            // A second value at one step is of something else: a test set, a model made smaller.
            if attempt.evaluated.iter().any(|k| k == key) {
                let note = format!("`{key}` is printed again at one step: the first stands");
                if let Some(first) = attempt.tracks.first_mut()
                    && !first.log.notes.contains(&note)
                {
                    first.log.notes.push(note);
                }
                return;
            }
            attempt.evaluated.push(key.to_owned());
        }
        let rank = match self.map.column(Quantity::Loss) {
            Some(wanted) if metric == Metric::EvalLoss => usize::from(wanted != key),
            _ => 0,
        };
        for track in &mut attempt.tracks {
            if let Some(at) = track.at {
                track.log.push(key, metric, scale, rank, at, x);
            }
        }
    }

    /// The logs of the runs, and what could not be used.
    pub(super) fn finish(mut self) -> (Vec<RunLog>, Vec<Damage>) {
        let header = std::mem::take(&mut self.header);
        let before_any_step = !self.attempt.has_curve();
        // What follows the last step may be the header of a run that took none.
        if before_any_step || !self.attempt.differs(&header) {
            self.attempt.take_header(header);
        }
        self.done.push(self.attempt);
        drop_given_up(&mut self.done);
        let mut logs: Vec<RunLog> =
            self.done.into_iter().map(|run| run.finish(self.pattern.zero_based)).collect();
        if logs.len() > 1 {
            for (i, log) in logs.iter_mut().enumerate() {
                log.run = format!("{}-{}", self.name, i + 1);
            }
        }
        (logs, self.damage)
    }
}

/// Leaves out attempts at the same model that stopped short of the one after them: without a plan,
/// only that tells a run that was killed from one that ended.
fn drop_given_up(runs: &mut Vec<Attempt>) {
    for i in (1..runs.len()).rev() {
        let (before, after) = (&runs[i - 1], &runs[i]);
        let planned = |run: &Attempt| {
            run.tracks.first().is_some_and(|t| t.log.count(Term::PlannedSteps).is_some())
        };
        let short = before.last().zip(after.last()).filter(|(a, b)| *a < 0.98 * b);
        let same = before.facts() == after.facts() && before.parts == after.parts;
        let Some((last, _)) = short.filter(|_| same && !planned(before)) else { continue };
        runs.remove(i - 1);
        let note = format!("an attempt that stopped at step {last} was begun again");
        if let Some(first) = runs[i - 1].tracks.first_mut() {
            first.log.notes.push(note);
        }
    }
}

/// A fact as text prints it. A count with one digit says too little to be one.
fn fact_value(text: &str) -> Value {
    match number(text) {
        Some(_) if digits(text) == 1 && text.ends_with("llion") => Value::Missing,
        Some(x) if text.parse::<f64>().is_ok() => Value::Number(x),
        // `8.95M` keeps its few digits in view.
        Some(x) => match text.contains(['k', 'K', 'M', 'G', 'B', 'T', 'n']) {
            true => Value::Text(crate::units::Params::new(x).to_string()),
            false => Value::Number(x),
        },
        None => Value::from_text(text),
    }
}
