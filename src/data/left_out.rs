//! What was left out, put together for messages.

use std::collections::BTreeMap;

use super::copies::CHECKPOINT;
use super::table::Skipped;
use crate::error::{Cause, Missing};

/// Names that a cause holds; a message has room for few.
const MOST_NAMES: usize = 10_000;

/// The reasons for which runs, rows and files were left out: those of runs before those of files, the
/// most frequent first, copies last. Reasons that differ in numbers alone are one.
#[must_use]
pub fn causes(skipped: &[Skipped]) -> Vec<Cause> {
    let mut found: Vec<(bool, bool, Cause)> = Vec::new();
    let mut at = BTreeMap::new();
    for one in skipped {
        let is_file = one.is_file();
        let kind = without_numbers(&one.reason);
        let place = *at.entry((is_file, kind)).or_insert_with(|| {
            let cause = Cause { names: Vec::new(), reason: one.reason.clone() };
            found.push((is_file, one.is_repeat(), cause));
            found.len() - 1
        });
        let names = &mut found[place].2.names;
        if names.len() < MOST_NAMES {
            names.push(one.name());
        }
    }
    // That a run was logged twice is no reason for having none.
    found.sort_by_key(|(is_file, is_repeat, cause)| {
        (*is_file, *is_repeat, std::cmp::Reverse(cause.names.len()))
    });
    found.into_iter().map(|(_, _, cause)| cause).collect()
}

/// How the reasons of those begin that another row or log speaks for.
const REPEATS: [&str; 5] = [
    "the same run as",
    "the same table as",
    "says the same as",
    "has the numbers of another run",
    CHECKPOINT,
];

impl Skipped {
    /// Whether it was left out because another row or log is the same run.
    #[must_use]
    pub fn is_repeat(&self) -> bool {
        REPEATS.iter().any(|begin| self.reason.starts_with(begin))
    }
}

/// A reason with its numbers taken out.
fn without_numbers(reason: &str) -> String {
    let mut text = String::with_capacity(reason.len());
    let mut in_number = false;
    for c in reason.chars() {
        let digit = c.is_ascii_digit() || in_number && (c == '.' || c == ',');
        if !digit {
            text.push(c);
        } else if !in_number {
            text.push('#');
        }
        in_number = digit;
    }
    text
}

/// All that runs left out lack, by run, in the order they were read.
#[must_use]
pub fn missing(skipped: &[Skipped]) -> Vec<Missing> {
    let mut found: Vec<Missing> = Vec::new();
    let mut at = BTreeMap::new();
    for one in skipped.iter().filter(|one| !one.lacks.is_empty()) {
        let Some(run) = &one.run else { continue };
        let place = *at.entry(run.as_str()).or_insert_with(|| {
            found.push(Missing { run: run.clone(), lacks: Vec::new() });
            found.len() - 1
        });
        let known = &mut found[place].lacks;
        for lack in &one.lacks {
            if !known.contains(lack) {
                known.push(*lack);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Lack;

    #[test]
    fn reasons_that_differ_in_numbers_are_one_and_runs_come_first() {
        let skipped = [
            Skipped::file("a.csv", "line 3: torn"),
            Skipped::run("a.csv", "a", "stops at step 140.5 of 200"),
            Skipped::run("b.csv", "b", "stops at step 7 of 200"),
            Skipped::run("c.csv", "c", "diverged"),
        ];
        let found = causes(&skipped);
        let names: Vec<&[String]> = found.iter().map(|c| c.names.as_slice()).collect();
        assert_eq!(names, [&["a", "b"][..], &["c"], &["a.csv"]]);
        assert_eq!(found[0].to_string(), "2 like a: stops at step 140.5 of 200");
    }

    #[test]
    fn what_a_run_lacks_is_told_once() {
        let lacking = |lacks: &[Lack]| Skipped {
            lacks: lacks.to_vec(),
            ..Skipped::run("a.csv", "a", "no N")
        };
        let found = missing(&[lacking(&[Lack::Params]), lacking(&[Lack::Params, Lack::Batch])]);
        assert_eq!(found, [Missing { run: "a".into(), lacks: vec![Lack::Params, Lack::Batch] }]);
    }
}
