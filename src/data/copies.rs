//! Rows that are no runs of their own: copies, and checkpoints on the way to another row.

use std::collections::{BTreeSet, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::label::Label;
use super::table::{RunRecord, RunTable, Skipped};

/// Why a row is left out that is on the way to another.
pub(crate) const CHECKPOINT: &str = "a checkpoint of a run that goes on in another row";

/// Significant digits of a loss from which equal numbers are no coincidence.
const TELLING_DIGITS: usize = 8;
/// The same where at least this many rows, and half of all, repeat another.
const MANY: usize = 10;
const TELLING_DIGITS_OF_MANY: usize = 5;

/// Leaves out runs that say what another says, to the last digit: of the same name, or under another
/// where the loss has so many digits that it can be no coincidence.
pub(super) fn drop_copies(table: &mut RunTable) {
    type Numbers = [u64; 4];
    let numbers_of = |run: &RunRecord| -> Numbers {
        let budget = run.budget.map_or(0, |c| c.get().to_bits());
        let bits = |x: f64| x.to_bits();
        [bits(run.n.get()), bits(run.d.get()), bits(run.loss_nats), budget]
    };
    if !has_repeats(table.runs.iter().map(numbers_of)) {
        return;
    }
    let mut different: HashSet<Numbers> = HashSet::with_capacity(table.runs.len());
    let is_new: Vec<bool> =
        table.runs.iter().map(|run| different.insert(numbers_of(run))).collect();
    let different = different.len();
    let repeated = table.runs.len() - different;
    let telling = match repeated >= MANY && repeated >= different {
        true => TELLING_DIGITS_OF_MANY,
        false => TELLING_DIGITS,
    };
    let mut by_name: HashSet<(&str, Numbers)> = HashSet::with_capacity(table.runs.len());
    let mut reasons: Vec<Option<&str>> = Vec::with_capacity(table.runs.len());
    for (run, is_new) in table.runs.iter().zip(is_new) {
        // Without a name of its own, equal numbers may be a coincidence of rounding.
        let unnamed =
            run.run.rsplit_once(':').is_some_and(|(_, line)| line.parse::<usize>().is_ok());
        let same_name = !by_name.insert((&run.run, numbers_of(run))) && !unnamed;
        let seen = !is_new && digits(run.loss_nats) >= telling;
        reasons.push(match (same_name, seen) {
            (true, _) => Some("says the same as an earlier row of the same name"),
            (false, true) => Some("has the numbers of another run to the last digit"),
            (false, false) => None,
        });
    }
    drop(by_name);
    let mut reasons = reasons.into_iter();
    let skipped = &mut table.skipped;
    table.runs.retain(|run| match reasons.next().flatten() {
        Some(reason) => {
            skipped.push(Skipped::run(format!("row {}", run.row), &run.run, reason));
            false
        }
        None => true,
    });
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
fn digits(x: f64) -> usize {
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
