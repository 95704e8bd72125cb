//! Rows that are no runs of their own: copies, and checkpoints on the way to another row.

use std::collections::{BTreeMap, BTreeSet};

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
    let mut by_name: BTreeSet<(String, Numbers)> = BTreeSet::new();
    let mut by_numbers: BTreeSet<Numbers> = BTreeSet::new();
    let numbers_of = |run: &RunRecord| -> Numbers {
        let budget = run.budget.map_or(0, |c| c.get().to_bits());
        let bits = |x: f64| x.to_bits();
        [bits(run.n.get()), bits(run.d.get()), bits(run.loss_nats), budget]
    };
    let different: BTreeSet<Numbers> = table.runs.iter().map(numbers_of).collect();
    let repeated = table.runs.len() - different.len();
    let telling = match repeated >= MANY && repeated >= different.len() {
        true => TELLING_DIGITS_OF_MANY,
        false => TELLING_DIGITS,
    };
    let skipped = &mut table.skipped;
    table.runs.retain(|run| {
        let numbers = numbers_of(run);
        // Without a name of its own, equal numbers may be a coincidence of rounding.
        let unnamed =
            run.run.rsplit_once(':').is_some_and(|(_, line)| line.parse::<usize>().is_ok());
        let same_name = !by_name.insert((run.run.clone(), numbers)) && !unnamed;
        let seen = !by_numbers.insert(numbers) && digits(run.loss_nats) >= telling;
        let reason = match (same_name, seen) {
            (true, _) => "says the same as an earlier row of the same name",
            (false, true) => "has the numbers of another run to the last digit",
            (false, false) => return true,
        };
        skipped.push(Skipped::run(format!("row {}", run.row), &run.run, reason));
        false
    });
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
    let mut groups: BTreeMap<(String, u64), Vec<usize>> = BTreeMap::new();
    for (i, run) in runs.iter().enumerate() {
        groups.entry((run.run.clone(), run.n.get().to_bits())).or_default().push(i);
    }
    let mut ends: BTreeSet<usize> = (0..runs.len()).collect();
    for group in groups.values().filter(|group| group.len() > 1) {
        let words = |i: &usize| -> Vec<(String, Label)> {
            let is_word = |(_, label): &(&String, &Label)| matches!(label, Label::Text(_));
            let words = runs[*i].labels.iter().filter(is_word);
            words.map(|(column, label)| (column.clone(), label.clone())).collect()
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
            ends.remove(i);
            let reason = CHECKPOINT;
            skipped.push(Skipped::run(format!("row {}", runs[*i].row), &runs[*i].run, reason));
        }
    }
    let mut place = 0..;
    runs.retain(|_| place.next().is_some_and(|i| ends.contains(&i)));
}
