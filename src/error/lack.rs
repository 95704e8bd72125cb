//! What a run lacks, and why runs were left out.

use serde::{Deserialize, Serialize};

/// What a run lacks that a user can give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Lack {
    /// The column or key of the loss.
    LossColumn,
    /// N.
    Params,
    /// Tokens of a sequence.
    SequenceLength,
    /// Sequences or tokens of a step.
    Batch,
    /// Steps of an epoch, in a log that counts epochs only.
    StepsPerEpoch,
    /// The updates planned, where the log counts something else.
    PlannedSteps,
    /// That a run which seems cut off has finished.
    Status,
    /// Which of two ways to count tokens is right.
    Consistency,
}

/// All that would have to be given for one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// The run.
    pub run: String,
    /// What it lacks.
    pub lacks: Vec<Lack>,
}

/// One reason for which runs, rows or files were left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// Their names, in the order they were read.
    pub names: Vec<String>,
    /// The reason of the first; those of the others differ in numbers at most.
    pub reason: String,
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.names.as_slice() {
            [one] => write!(f, "{one}: {}", self.reason),
            [first, ..] => {
                write!(f, "{} like {first}: {}", self.names.len(), self.reason)
            }
            [] => f.write_str(&self.reason),
        }
    }
}

/// Reasons that a message has room for.
const SHOWN: usize = 5;

/// The first reasons, and how many more there are.
pub(super) fn causes_text(causes: &[Cause]) -> String {
    let shown: Vec<String> = causes.iter().take(SHOWN).map(|cause| format!("({cause})")).collect();
    let more = causes.len().saturating_sub(SHOWN);
    let more = if more == 0 { String::new() } else { format!(", and {more} more reasons") };
    match causes {
        [] => String::new(),
        [one] => format!(": {one}"),
        _ => format!(": {}{more}", shown.join(", ")),
    }
}

/// What a file was taken for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenFor {
    /// Its name in the folder looked at.
    pub file: String,
    /// What it seems to be.
    pub what: String,
}

/// What files were taken for, those of one kind together: few by name, many counted.
pub(super) fn taken_text(files: &[TakenFor]) -> String {
    const SHOWN: usize = 6;
    let mut kinds: Vec<(&str, Vec<&str>)> = Vec::new();
    for TakenFor { file, what } in files {
        match kinds.iter_mut().find(|(kind, _)| kind == what) {
            Some((_, names)) => names.push(file),
            None => kinds.push((what, vec![file])),
        }
    }
    if files.len() > SHOWN {
        kinds.sort_by_key(|(_, names)| std::cmp::Reverse(names.len()));
    }
    let text = |(what, names): &(&str, Vec<&str>)| match names.as_slice() {
        [first, _, ..] if files.len() > SHOWN => format!("{} like {first}: {what}", names.len()),
        names => format!("{}: {what}", names.join(", ")),
    };
    let shown: Vec<String> = kinds.iter().take(SHOWN).map(text).collect();
    let more: usize = kinds.iter().skip(SHOWN).map(|(_, names)| names.len()).sum();
    let more = if more == 0 { String::new() } else { format!("; and {more} others") };
    shown.join("; ") + &more
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(file: &str, what: &str) -> TakenFor {
        TakenFor { file: file.to_owned(), what: what.to_owned() }
    }

    #[test]
    fn many_files_are_counted_by_what_they_are() {
        let mut files: Vec<TakenFor> =
            (0..9).map(|i| file(&format!("{i}.png"), "binary")).collect();
        files.push(file("notes.txt", "text"));
        assert_eq!(taken_text(&files), "9 like 0.png: binary; notes.txt: text");
        assert_eq!(taken_text(&files[7..]), "7.png, 8.png: binary; notes.txt: text");
    }

    #[test]
    fn reasons_beyond_the_fifth_are_counted() {
        let cause = |i: usize| Cause { names: vec![format!("r{i}")], reason: format!("why {i}") };
        let causes: Vec<Cause> = (0..7).map(cause).collect();
        let text = causes_text(&causes);
        assert!(text.contains("(r4: why 4)") && !text.contains("r5"), "{text}");
        assert!(text.ends_with("and 2 more reasons"), "{text}");
        let alike = Cause { names: vec!["a".into(), "b".into()], reason: "no N".into() };
        assert_eq!(causes_text(&[alike]), ": 2 like a: no N");
    }
}
