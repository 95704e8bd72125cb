//! Rows that are no runs of their own: copies, and checkpoints on the way to another row.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::str::FromStr;

use super::label::Label;
use super::names::folded;
use super::table::{RunRecord, RunTable, Skipped};

/// Why a row is left out that is on the way to another.
pub(crate) const CHECKPOINT: &str = "a checkpoint of a run that goes on in another row";

/// Significant digits of a loss from which equal numbers are no coincidence.
const TELLING_DIGITS: usize = 8;
/// The same where at least this many rows, and half of all, repeat another.
const MANY: usize = 10;
const TELLING_DIGITS_OF_MANY: usize = 5;

/// Losses of a table and of a log, which may be a mean of rounded ones, agree to this share; D to the
/// other. As logs of one name do.
const AGREE: f64 = 5e-4;
const SAME_TOKENS: f64 = 1e-3;

/// Fewest digits of a rounded loss that can be held against an exact one.
const ROUNDED_DIGITS: usize = 4;

/// Where the runs of a table come from, in their order.
#[derive(Default)]
pub(super) struct Sources {
    /// Its shown path, whether it is a table of runs, and how many runs there are up to its end.
    files: Vec<(String, bool, usize)>,
}

impl Sources {
    /// A table of runs, with which there are `until` runs.
    pub(super) fn add_table(&mut self, path: &str, until: usize) {
        self.files.push((path.to_owned(), true, until));
    }

    /// A log of one run.
    pub(super) fn add_log(&mut self, path: &str) {
        let before = self.files.last().map_or(0, |file| file.2);
        self.files.push((path.to_owned(), false, before + 1));
    }

    /// The place among the files of the run at `at`.
    fn file_of(&self, at: usize) -> usize {
        self.files.partition_point(|file| file.2 <= at)
    }
}

/// Leaves out runs that say what another says: to the last digit and of the same name; under another
/// name where the loss has so many digits that it can be no coincidence; and of a name that differs
/// in accents, case and separators at most, in another file, where N, D and loss agree as rounded.
pub(super) fn drop_copies(table: &mut RunTable, sources: &Sources) {
    // A table of a million runs has most likely no copies, and eight bytes a run tell.
    if sources.files.len() < 2 && !has_repeats(table.runs.iter().map(numbers_of)) {
        return;
    }
    let different: BTreeSet<Numbers> = table.runs.iter().map(numbers_of).collect();
    let repeated = table.runs.len() - different.len();
    let telling = match repeated >= MANY && repeated >= different.len() {
        true => TELLING_DIGITS_OF_MANY,
        false => TELLING_DIGITS,
    };
    let mut seen = Seen::new(&table.runs, sources, telling);
    let copies: Vec<_> = (0..table.runs.len()).map(|at| seen.copied(at)).collect();
    let mut copies = copies.into_iter();
    let skipped = &mut table.skipped;
    table.runs.retain(|run| match copies.next().flatten() {
        Some((place, reason)) => {
            skipped.push(Skipped::run(place, &run.run, reason));
            false
        }
        None => true,
    });
}

/// N, D, loss and budget, to the bit.
type Numbers = [u64; 4];

fn numbers_of(run: &RunRecord) -> Numbers {
    let bits = |x: f64| x.to_bits();
    let budget = run.budget.map_or(0, |c| bits(c.get()));
    [bits(run.n.get()), bits(run.d.get()), bits(run.loss_nats), budget]
}

/// The runs so far, by what a copy of one would have in common with it.
struct Seen<'a> {
    runs: &'a [RunRecord],
    sources: &'a Sources,
    /// Digits of a loss that are no coincidence.
    telling: usize,
    by_name: HashMap<(&'a str, Numbers), usize>,
    by_numbers: HashMap<[u32; 4], usize>,
    by_folded: HashMap<(String, u32), Vec<usize>>,
}

impl<'a> Seen<'a> {
    fn new(runs: &'a [RunRecord], sources: &'a Sources, telling: usize) -> Self {
        let (by_name, by_numbers) = (HashMap::new(), HashMap::new());
        Self { runs, sources, telling, by_name, by_numbers, by_folded: HashMap::new() }
    }

    /// Where a run is a copy, its place and why it is left out; any other is kept in mind.
    fn copied(&mut self, at: usize) -> Option<(String, String)> {
        let run = &self.runs[at];
        // Without a name of its own, equal numbers may be a coincidence of rounding.
        let unnamed =
            run.run.rsplit_once(':').is_some_and(|(_, line)| line.parse::<usize>().is_ok());
        let first = *self.by_name.entry((&run.run, numbers_of(run))).or_insert(at);
        if first != at && !unnamed {
            return Some(self.told_by(
                at,
                first,
                "says the same as an earlier row of the same name",
            ));
        }
        if let Some(twin) = self.twin(at) {
            return Some(self.told_by(
                at,
                twin,
                "has the numbers of another run to the last digit",
            ));
        }
        self.by_numbers.entry(in_single(run)).or_insert(at);
        if self.sources.files.len() < 2 || unnamed {
            return None;
        }
        let key = (folded(&run.run), in_single(run)[0]);
        let alike = self.by_folded.get(&key).map_or(&[][..], Vec::as_slice);
        if let Some(other) = alike.iter().copied().find(|other| self.is_same(at, *other)) {
            return Some(self.told_by(at, other, ""));
        }
        // Runs of one name and size beyond these are rows of something else.
        let alike = self.by_folded.entry(key).or_default();
        if alike.len() < MOST_ALIKE {
            alike.push(at);
        }
        None
    }

    /// A run of equal numbers, which are no coincidence; in one table to the bit, since one table
    /// keeps all its numbers alike.
    fn twin(&self, at: usize) -> Option<usize> {
        let run = &self.runs[at];
        let [n, d, loss, budget] = in_single(run);
        let twin = [0_i32, -1, 1].into_iter().find_map(|step| {
            let near = loss.checked_add_signed(step)?;
            self.by_numbers.get(&[n, d, near, budget]).copied()
        })?;
        let other = &self.runs[twin];
        let is_equal = self.sources.file_of(twin) != self.sources.file_of(at)
            || numbers_of(other) == numbers_of(run);
        let is_telling = [run, other].iter().all(|r| is_telling(r.loss_nats, self.telling));
        (is_equal && is_telling).then_some(twin)
    }

    /// Whether two runs of one folded name and size, in two files, are one. Logs have been compared
    /// with each other by their curves.
    fn is_same(&self, at: usize, other: usize) -> bool {
        let (here, there) = (self.sources.file_of(at), self.sources.file_of(other));
        let (is_table, was_table) = (self.sources.files[here].1, self.sources.files[there].1);
        here != there
            && (is_table || was_table)
            && is_same(&self.runs[at], &self.runs[other], is_table && was_table)
    }

    /// The place of a copy and why it is left out, with the file that tells the same run.
    fn told_by(&self, at: usize, other: usize, within_one_file: &str) -> (String, String) {
        let (run, first) = (&self.runs[at], &self.runs[other]);
        let path = |at: usize| &self.sources.files[self.sources.file_of(at)].0;
        if self.sources.file_of(at) == self.sources.file_of(other) {
            return (format!("row {}", run.row), within_one_file.to_owned());
        }
        let (name, there) = (&first.run, path(other));
        let reason = if folded(name) == folded(&run.run) {
            format!("the same run as `{name}` in {there}")
        } else {
            format!("has the numbers of `{name}` in {there} to the last digit")
        };
        (path(at).clone(), reason)
    }
}

/// Runs of one name and size that a run is compared with.
const MOST_ALIKE: usize = 256;

/// N, D, loss and budget in single precision, in which some tools keep them.
fn in_single(run: &RunRecord) -> [u32; 4] {
    let bits = |x: f64| (x as f32).to_bits();
    let budget = run.budget.map_or(0, |c| bits(c.get()));
    [bits(run.n.get()), bits(run.d.get()), bits(run.loss_nats), budget]
}

/// Whether a loss has so many digits that an equal one is no coincidence.
fn is_telling(loss: f64, telling: usize) -> bool {
    let single = loss as f32;
    // All that single precision holds; a rounded loss has few digits in it too.
    if f64::from(single) == loss {
        return digits(f64::from_str(&single.to_string()).unwrap_or(loss))
            >= telling.min(TELLING_DIGITS - 1);
    }
    digits(loss) >= telling
}

/// Whether two runs of one size have the same D and loss.
///
/// - `alike`: both come from tables, which state losses rather than means of them.
fn is_same(run: &RunRecord, other: &RunRecord, alike: bool) -> bool {
    let near = |a: f64, b: f64, share: f64| (a / b - 1.0).abs() <= share;
    let (a, b) = (run.loss_nats, other.loss_nats);
    near(run.d.get(), other.d.get(), SAME_TOKENS)
        && if alike { is_rounding(a, b) } else { near(a, b, AGREE) }
}

/// Whether one number is the other, rounded.
fn is_rounding(a: f64, b: f64) -> bool {
    let kept = digits(a).min(digits(b));
    let rounded = |x: f64| format!("{x:.*e}", kept.saturating_sub(1));
    kept >= ROUNDED_DIGITS && rounded(a) == rounded(b)
}

/// Whether any of these may be there twice, by eight bytes each.
fn has_repeats(items: impl Iterator<Item = impl Hash>) -> bool {
    let hash = |item| {
        let mut hasher = DefaultHasher::new();
        Hash::hash(&item, &mut hasher);
        hasher.finish()
    };
    let mut hashes: Vec<u64> = items.map(hash).collect();
    hashes.sort_unstable();
    hashes.windows(2).any(|pair| pair[0] == pair[1])
}

/// Significant decimal digits that the number was written with.
pub(super) fn digits(x: f64) -> usize {
    let text = format!("{x:e}");
    let mantissa = text.split('e').next().unwrap_or_default();
    mantissa.chars().filter(char::is_ascii_digit).count()
}

/// Keeps the last row, by tokens, of each run of a table whose rows are named by their run. What lies
/// before the end of a run has not seen its learning rate come down (Hoffmann et al. 2022, sec. 3.1).
///
/// Rows of one name that differ in size, or in a word of another column, are runs of their own.
pub(super) fn keep_ends(runs: &mut Vec<RunRecord>, skipped: &mut Vec<Skipped>) {
    let key = |i: &usize| (runs[*i].run.as_str(), runs[*i].n.get().to_bits());
    let mut order: Vec<usize> = (0..runs.len()).collect();
    order.sort_by_key(key);
    let mut is_end = vec![true; runs.len()];
    for group in order.chunk_by(|a, b| key(a) == key(b)).filter(|group| group.len() > 1) {
        let words = |i: &usize| -> Vec<(&str, &Label)> {
            let labels = runs[*i].labels.iter();
            labels.filter(|(_, label)| matches!(label, Label::Text(_))).collect()
        };
        let first = words(&group[0]);
        let alike = group.iter().all(|i| words(i) == first);
        let tokens: BTreeSet<u64> = group.iter().map(|i| runs[*i].d.get().to_bits()).collect();
        if !alike || tokens.len() < group.len() {
            continue;
        }
        let last =
            group.iter().copied().max_by(|a, b| runs[*a].d.get().total_cmp(&runs[*b].d.get()));
        for i in group.iter().filter(|i| Some(**i) != last) {
            is_end[*i] = false;
            let reason = CHECKPOINT;
            skipped.push(Skipped::run(format!("row {}", runs[*i].row), &runs[*i].run, reason));
        }
    }
    let mut is_end = is_end.into_iter();
    runs.retain(|_| is_end.next().unwrap_or(true));
}
