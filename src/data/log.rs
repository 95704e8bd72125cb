//! One run's log as a reader hands it over, before anything is decided about it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::axis::Axis;
use super::facts::count_with_unit;
use super::format::Format;
use super::roles::{LossScale, Metric};
use super::series::Series;
use super::spelling::{collapsed, without_groups};
use super::vocabulary::{Ending, SIZES, Term, ending, is_name, names};

/// Most facts of one run; a file with more is not a config.
const MOST_FACTS: usize = 4096;

/// One value of a row or a config.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Missing,
    Number(f64),
    Text(String),
}

impl Value {
    pub(super) fn from_text(text: &str) -> Self {
        let bare = text.trim();
        if bare.is_empty() {
            return Self::Missing;
        }
        bare.parse().map_or_else(|_| Self::Text(bare.to_owned()), Self::Number)
    }

    pub(super) fn from_json(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Missing,
            serde_json::Value::Number(n) => n.as_f64().map_or(Self::Missing, Self::Number),
            // Python's json writes NaN bare, others quote it; both are read as what they say.
            serde_json::Value::String(s) => Self::from_text(s),
            other => Self::Text(other.to_string()),
        }
    }

    pub(super) fn describe(&self) -> String {
        match self {
            Self::Missing => "empty".to_owned(),
            Self::Number(x) => x.to_string(),
            Self::Text(text) => {
                let short: String = text.chars().take(60).collect();
                format!("`{short}{}`", if short.len() < text.len() { "…" } else { "" })
            }
        }
    }

    /// What the value names.
    pub(super) fn name(&self) -> Option<String> {
        match self {
            Self::Text(name) => Some(name.clone()),
            Self::Number(id) => Some(id.to_string()),
            Self::Missing => None,
        }
    }

    /// A count as people write it: 2300000, `2.30M`, `4,096`.
    pub(super) fn count(&self) -> Option<f64> {
        match self {
            Self::Number(x) => Some(*x),
            Self::Text(text) => text
                .replace(',', "")
                .parse::<crate::units::Params>()
                .ok()
                .map(crate::units::Params::get),
            Self::Missing => None,
        }
        .filter(|x| x.is_finite() && *x > 0.0)
    }
}

/// Keys of logged quantities one run may have.
const MOST_SLOTS: usize = 64;

/// A key that could be a quantity.
#[derive(Clone, Debug)]
struct Slot {
    metric: Metric,
    key: String,
    rank: usize,
    scale: LossScale,
    series: Series,
}

/// A loss and a perplexity logged at one step: their keys with the loss and the logarithm of the
/// perplexity.
#[derive(Clone, Debug)]
pub(super) struct Beside {
    metric: Metric,
    pub(super) loss: (String, f64),
    pub(super) perplexity: (String, f64),
}

/// What a reader found out about one run.
#[derive(Clone, Debug)]
pub(super) struct RunLog {
    /// Its name: what the log says, else the name of its file or folder.
    pub(super) run: String,
    /// Whether the log itself named it.
    pub(super) named: bool,
    /// The file it came from.
    pub(super) path: PathBuf,
    pub(super) format: Format,
    /// What its positions count.
    pub(super) axis: Axis,
    /// Facts by collapsed name.
    pub(super) facts: BTreeMap<String, Value>,
    /// Every key that could be a quantity, until [`settle`](Self::settle) chooses.
    slots: Vec<Slot>,
    /// The key of its positions, where a reader knows one.
    pub(super) step_key: String,
    /// Facts that the user gave, which count more than what a file says.
    pub(super) given: BTreeSet<String>,
    /// Two numbers of parameters that it states, as of two runs.
    pub(super) two_sizes: Option<(f64, f64)>,
    /// Losses with the perplexities beside them.
    beside: Vec<Beside>,
    /// Losses that several keys could be.
    pub(super) ambiguous: Vec<(Metric, String)>,
    /// Whether step 0 is the first update, so that the last step is one short of the updates made.
    pub(super) zero_based: bool,
    /// The loss that the row of a table states for this run, and the table.
    pub(super) stated: Option<(f64, String)>,
    /// What a reader noticed on the way, in words.
    pub(super) notes: Vec<String>,
    /// Whether its file ends before what was being written did.
    pub(super) is_cut_off: bool,
}

impl RunLog {
    pub(super) fn new(run: impl Into<String>, path: &Path, format: Format) -> Self {
        Self {
            run: run.into(),
            named: false,
            path: path.to_owned(),
            format,
            axis: Axis::Step,
            facts: BTreeMap::new(),
            slots: Vec::new(),
            step_key: String::new(),
            given: BTreeSet::new(),
            two_sizes: None,
            beside: Vec::new(),
            ambiguous: Vec::new(),
            zero_based: false,
            stated: None,
            notes: Vec::new(),
            is_cut_off: false,
        }
    }

    fn slot(&self, metric: Metric) -> Option<&Slot> {
        self.slots.iter().find(|s| s.metric == metric)
    }

    /// The series of a quantity, empty when it was not logged; after [`settle`](Self::settle).
    pub(super) fn series(&self, metric: Metric) -> &Series {
        static NONE: Series = Series::NONE;
        self.slot(metric).map_or(&NONE, |s| &s.series)
    }

    /// The key a quantity was logged under.
    pub(super) fn key(&self, metric: Metric) -> &str {
        self.slot(metric).map_or("", |s| &s.key)
    }

    /// Whether a loss counts bytes rather than tokens.
    pub(super) fn is_per_byte(&self, metric: Metric) -> bool {
        self.slot(metric).is_some_and(|s| s.scale.is_per_byte())
    }

    /// A loss with the perplexity logged beside it.
    pub(super) fn beside(&self, metric: Metric) -> Option<&Beside> {
        self.beside.iter().find(|beside| beside.metric == metric)
    }

    /// Whether its positions are W&B's own counter, which counts calls of `log`, and nothing says that
    /// those are the updates: every number from 0 on, and another plan.
    pub(super) fn counts_calls(&self) -> bool {
        let key = collapsed(&self.step_key);
        let own = key == "_step" || self.format == Format::WandbChart && key == "step";
        let Some(last) = self.last_step().filter(|_| own) else { return false };
        let planned = self.count(Term::PlannedSteps);
        let losses = [Metric::TrainLoss, Metric::EvalLoss].map(|metric| self.series(metric));
        let every = |series: &&Series| {
            series.first().is_some_and(|b| b.first == 0.0)
                && series.last().is_some_and(|b| b.step + 1.0 == series.len() as f64)
        };
        losses.iter().any(every) && planned.is_none_or(|p| p > last + 1.0)
    }

    /// Adds a value at a step; losses are turned into nats.
    ///
    /// - `rank`: how sure the key is, the lower the surer.
    pub(super) fn push(
        &mut self,
        key: &str,
        metric: Metric,
        scale: LossScale,
        rank: usize,
        step: f64,
        value: f64,
    ) {
        let is_loss = matches!(metric, Metric::TrainLoss | Metric::EvalLoss);
        if !step.is_finite() || (!is_loss && !value.is_finite()) {
            return;
        }
        let value = if is_loss { scale.nats(value) } else { value };
        if let Some(at) = self.slot_of(key, metric, scale, rank) {
            self.slots[at].series.push(step, value);
        }
    }

    /// Where the values of a key go; `None` when there are too many keys.
    pub(super) fn slot_of(
        &mut self,
        key: &str,
        metric: Metric,
        scale: LossScale,
        rank: usize,
    ) -> Option<usize> {
        match self.slots.iter().position(|s| s.metric == metric && s.key == key) {
            Some(at) => Some(at),
            None if self.slots.len() >= MOST_SLOTS => None,
            None => {
                let is_loss = matches!(metric, Metric::TrainLoss | Metric::EvalLoss);
                let scale = if is_loss { scale } else { LossScale::NatsPerToken };
                let (key, series) = (key.to_owned(), Series::default());
                self.slots.push(Slot { metric, key, rank, scale, series });
                Some(self.slots.len() - 1)
            }
        }
    }

    /// As [`push`](Self::push) into a slot known from [`slot_of`](Self::slot_of).
    pub(super) fn push_at(&mut self, slot: usize, scale: LossScale, step: f64, value: f64) {
        let slot = &mut self.slots[slot];
        let is_loss = matches!(slot.metric, Metric::TrainLoss | Metric::EvalLoss);
        if step.is_finite() && (is_loss || value.is_finite()) {
            slot.series.push(step, if is_loss { scale.nats(value) } else { value });
        }
    }

    /// Keeps a fact; a later one of the same name replaces it unless it is empty.
    pub(super) fn set(&mut self, key: &str, value: Value) {
        if value == Value::Missing || self.facts.len() >= MOST_FACTS {
            return;
        }
        self.compare_size(key, &value);
        // `params_m` is a count in millions.
        match (count_with_unit(key), value.count()) {
            (Some((base, factor)), Some(x)) if !self.facts.contains_key(&collapsed(key)) => {
                self.facts.insert(base, Value::Number(x * factor));
            }
            _ => {
                self.facts.insert(collapsed(key), value);
            }
        }
    }

    /// Remembers that a number of parameters is another one than before.
    fn compare_size(&mut self, key: &str, value: &Value) {
        /// Beyond rounding, and beyond what tools count differently.
        const APART: f64 = 0.05;
        let name = collapsed(key);
        let is_size = SIZES.iter().any(|size| is_name(*size, &name));
        let before = self.facts.get(&name).filter(|_| is_size).and_then(Value::count);
        if let (Some(before), Some(now)) = (before, value.count())
            && (before / now - 1.0).abs() > APART
        {
            self.two_sizes.get_or_insert((before, now));
        }
    }

    /// Keeps a fact of a line beside the steps, that nothing has said before.
    pub(super) fn add_fact(&mut self, key: &str, value: &Value) {
        self.compare_size(key, value);
        self.suggest(key, value);
    }

    /// Keeps a fact that nothing has said before.
    pub(super) fn suggest(&mut self, key: &str, value: &Value) {
        if !self.facts.contains_key(&collapsed(key)) {
            self.set(key, value.clone());
        }
    }

    /// The fact of a kind under its surest name.
    pub(super) fn fact(&self, kind: Term) -> Option<(&str, &Value)> {
        names(kind).iter().find_map(|name| {
            let exact = self.facts.get_key_value(name);
            // A key in a group, `model.hidden_size`, when there is no bare one.
            exact
                .or_else(|| {
                    self.facts.iter().find(|(key, _)| without_groups(key).contains(&name.as_str()))
                })
                .map(|(key, value)| (key.as_str(), value))
        })
    }

    /// The word that the log, or the user, has for how the run ended.
    pub(super) fn status(&self) -> Option<&str> {
        match self.fact(Term::Status)?.1 {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether the user says that the run finished.
    pub(super) fn is_told_finished(&self) -> bool {
        self.fact(Term::Status).is_some_and(|(key, _)| self.given.contains(key))
            && self.status().is_some_and(|word| ending(&collapsed(word)) == Ending::Finished)
    }

    /// A fact that counts something.
    pub(super) fn count(&self, kind: Term) -> Option<f64> {
        self.fact(kind)?.1.count()
    }

    /// Adds a later piece of the same log.
    pub(super) fn absorb(&mut self, later: Self) {
        for theirs in later.slots {
            let same = |s: &Slot| s.metric == theirs.metric && s.key == theirs.key;
            match self.slots.iter().position(same) {
                Some(at) => self.slots[at].series.absorb(&theirs.series),
                None if self.slots.len() < MOST_SLOTS => self.slots.push(theirs),
                None => {}
            }
        }
        self.two_sizes = self.two_sizes.or(later.two_sizes);
        for (key, value) in later.facts {
            self.compare_size(&key, &value);
            if self.facts.len() < MOST_FACTS {
                self.facts.insert(key, value);
            }
        }
        self.notes.extend(later.notes);
        self.is_cut_off |= later.is_cut_off;
    }

    /// Puts every series in order, counts updates from 1 and keeps the surest key of each quantity.
    ///
    /// Of equally sure keys the one logged at least twice as often is taken: the mean over all of
    /// training that trainers log once at the end is not its loss.
    pub(super) fn settle(&mut self) {
        let mut slots = std::mem::take(&mut self.slots);
        for slot in &mut slots {
            slot.series.settle();
            if self.zero_based {
                slot.series.shift(1.0);
            }
        }
        self.zero_based = false;
        slots.sort_by_key(|s| (s.metric, s.rank, usize::MAX - s.series.len()));
        self.find_perplexities(&slots);
        self.notes.extend(prefer_all_devices(&mut slots));
        for slot in slots {
            match self.slots.last() {
                Some(best) if best.metric == slot.metric => {
                    let is_loss = matches!(slot.metric, Metric::TrainLoss | Metric::EvalLoss);
                    let rivals =
                        best.rank == slot.rank && 2 * slot.series.len() > best.series.len();
                    if is_loss && rivals {
                        let keys = format!("{} and {}", best.key, slot.key);
                        self.ambiguous.push((slot.metric, keys));
                    }
                }
                _ => self.slots.push(slot),
            }
        }
    }

    fn find_perplexities(&mut self, slots: &[Slot]) {
        for metric in [Metric::TrainLoss, Metric::EvalLoss] {
            let of = |scale| slots.iter().find(|s| s.metric == metric && s.scale == scale);
            let (Some(loss), Some(ppl)) = (of(LossScale::NatsPerToken), of(LossScale::Perplexity))
            else {
                continue;
            };
            let Some(last) = ppl.series.last().filter(|b| b.last.is_finite()) else { continue };
            if let Some(nats) = loss.series.at(last.step) {
                let (loss, perplexity) = ((loss.key.clone(), nats), (ppl.key.clone(), last.last));
                self.beside.push(Beside { metric, loss, perplexity });
            }
        }
    }

    /// Turns the positions of a log on another axis into steps.
    pub(super) fn move_to_steps(&mut self, step_of: &dyn Fn(f64) -> f64) {
        self.slots.iter_mut().for_each(|slot| slot.series.reposition(step_of));
        self.axis = Axis::Step;
    }

    /// The last step of anything.
    pub(super) fn last_step(&self) -> Option<f64> {
        self.slots.iter().filter_map(|s| s.series.last().map(|b| b.step)).max_by(f64::total_cmp)
    }

    /// The first step of a loss.
    pub(super) fn first_step(&self) -> Option<f64> {
        [Metric::TrainLoss, Metric::EvalLoss]
            .iter()
            .filter_map(|m| self.series(*m).first().map(|b| b.first))
            .min_by(f64::total_cmp)
    }

    /// Whether it holds a loss at any step.
    pub(super) fn has_curve(&self) -> bool {
        self.first_step().is_some()
    }

    /// Forgets what was logged from `step` on.
    pub(super) fn truncate_from(&mut self, step: f64) {
        self.slots.iter_mut().for_each(|s| s.series.truncate_from(step));
    }
}

/// Of two totals of tokens, one a whole number of times the other from start to end, the larger
/// counts all devices: it takes the place of the surest. Returns what to say about it.
fn prefer_all_devices(slots: &mut [Slot]) -> Option<String> {
    let of_tokens = |s: &&Slot| s.metric == Metric::Tokens && s.series.len() > 1;
    let first = slots.iter().position(|s| s.metric == Metric::Tokens)?;
    let times = |slot: &Slot| {
        let (one, all) = (&slots[first].series, &slot.series);
        let (a, b) = (one.first()?, one.last()?);
        let ratio = |bin: &super::series::Bin| Some(all.at(bin.step)? / bin.last);
        let (start, end) = (ratio(a)?, ratio(b)?);
        let whole = end.round() >= 2.0 && (end / end.round() - 1.0).abs() < 1e-3;
        (whole && (start / end - 1.0).abs() < 1e-3 && b.last > a.last).then_some(end.round())
    };
    let (at, times) = slots
        .iter()
        .enumerate()
        .filter(|(at, slot)| *at != first && of_tokens(slot))
        .find_map(|(at, slot)| Some((at, times(slot)?)))?;
    let (one, all) = (slots[first].key.clone(), slots[at].key.clone());
    let rank = slots[first].rank;
    slots.swap(first, at);
    slots[first].rank = rank;
    Some(format!("`{all}` is {times} times `{one}`, which counts one device"))
}
