//! Flags that supply what runs lack, with the runs' own names, to be pasted and filled in.

use crate::error::{Lack, Missing};

/// Flags for single runs that are shown; more are counted.
const MOST: usize = 12;

/// Width of a line, characters.
const WIDTH: usize = 80;

/// What to give for runs that lack something; `None` where nothing can be given.
///
/// - `others`: runs of the same logs that lack nothing, which a flag for all runs would change too.
fn what_to_give(missing: &[Missing], others: usize) -> Option<String> {
    let mut text = block("give what is missing:", &flags(missing, others, is_missing))?;
    let wants = |lack| missing.iter().any(|run| run.lacks.contains(&lack));
    if wants(Lack::Batch) {
        text.push_str("\n(tokens_per_step=TOKENS does in place of batch_size and seq_len)");
    }
    Some(text)
}

/// The same for runs that look unfinished, or that say two things about their tokens.
fn what_to_settle(missing: &[Missing]) -> Option<String> {
    let finished = "where a run has finished all the same (or give max_steps=STEPS):";
    let disputed = "where two counts of tokens disagree (or give tokens=D):";
    let parts = [
        block(finished, &flags(missing, 1, |lack| lack == Lack::Status)),
        block(disputed, &flags(missing, 1, |lack| lack == Lack::Consistency)),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("\n"))
}

/// All of it.
pub(in crate::cli) fn all_to_give(missing: &[Missing], others: usize) -> Option<String> {
    let parts = [what_to_give(missing, others), what_to_settle(missing)];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("\n"))
}

fn is_missing(lack: Lack) -> bool {
    !matches!(lack, Lack::Status | Lack::Consistency)
}

/// What is given for a lack, and whether it is the same for most runs of a sweep.
fn fact(lack: Lack) -> (&'static str, bool) {
    match lack {
        Lack::Params => ("n_params=N", false),
        Lack::SequenceLength => ("seq_len=LENGTH", true),
        Lack::Batch => ("batch_size=SEQUENCES", true),
        Lack::StepsPerEpoch => ("steps_per_epoch=STEPS", true),
        Lack::PlannedSteps => ("max_steps=STEPS", false),
        Lack::Status => ("status=finished", false),
        Lack::Consistency => ("global_batch_size=SEQUENCES", false),
        // A column is mapped for all.
        Lack::LossColumn => ("", true),
    }
}

/// The flags and how many more there are.
fn flags(missing: &[Missing], others: usize, wanted: fn(Lack) -> bool) -> (Vec<String>, usize) {
    let mut kinds: Vec<Lack> =
        missing.iter().flat_map(|run| &run.lacks).copied().filter(|lack| wanted(*lack)).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let (mut flags, mut more) = (Vec::new(), 0);
    for lack in kinds {
        let lacking: Vec<&str> = missing
            .iter()
            .filter(|run| run.lacks.contains(&lack))
            .map(|run| run.run.as_str())
            .collect();
        let (fact, alike) = fact(lack);
        // What is given for all runs holds for those that say it themselves too.
        let for_all = alike && others == 0 && lacking.len() == missing.len() && lacking.len() > 1;
        if lack == Lack::LossColumn {
            flags.push("--map loss=COLUMN".to_owned());
        } else if for_all {
            flags.push(format!("--given {fact}"));
        } else {
            let each = |run: &&str| format!("--given {}", quoted(&format!("{run}:{fact}")));
            flags.extend(lacking.iter().take(MOST).map(each));
            more += lacking.len().saturating_sub(MOST);
        }
    }
    (flags, more)
}

/// A heading and the flags below it, in lines that a shell reads as one.
fn block(heading: &str, (flags, more): &(Vec<String>, usize)) -> Option<String> {
    let mut lines: Vec<String> = Vec::new();
    for flag in flags {
        match lines.last_mut() {
            // Room for the sign that a line goes on.
            Some(line) if line.len() + flag.len() + 3 <= WIDTH => {
                line.push(' ');
                line.push_str(flag);
            }
            _ => lines.push(format!("  {flag}")),
        }
    }
    let rest = match more {
        0 => String::new(),
        n => format!(
            "\n(and {n} more; a CSV file with a column run beside the logs says it for all)"
        ),
    };
    (!lines.is_empty()).then(|| format!("{heading}\n{}{rest}", lines.join(" \\\n")))
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@+%".contains(c) || !c.is_ascii();
    match word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lacking(run: &str, lacks: &[Lack]) -> Missing {
        Missing { run: run.to_owned(), lacks: lacks.to_vec() }
    }

    #[test]
    fn flags_name_the_runs_and_what_all_lack_is_given_once() {
        let all = [Lack::Params, Lack::SequenceLength];
        let missing = [lacking("cedar-l", &all), lacking("cedar m", &all)];
        assert_eq!(
            what_to_give(&missing, 0).expect("flags"),
            "give what is missing:\n  --given cedar-l:n_params=N --given 'cedar m:n_params=N' \\\n  \
             --given seq_len=LENGTH"
        );
        // Another run says its own length, which must stay.
        let text = what_to_give(&missing, 1).expect("flags");
        assert!(text.contains("cedar-l:seq_len=LENGTH"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    }

    #[test]
    fn many_runs_are_counted() {
        let missing: Vec<Missing> =
            (0..40).map(|i| lacking(&format!("run-{i}"), &[Lack::Params])).collect();
        let text = what_to_give(&missing, 0).expect("flags");
        assert_eq!(text.matches("n_params").count(), MOST);
        assert!(text.contains("(and 28 more; a CSV file"), "{text}");
    }

    #[test]
    fn a_run_cut_off_is_never_said_to_lack_its_end() {
        let missing = [lacking("a", &[Lack::Status])];
        assert_eq!(what_to_give(&missing, 0), None);
        let text = what_to_settle(&missing).expect("flags");
        assert!(text.starts_with("where a run has finished all the same"), "{text}");
        assert!(text.contains("--given a:status=finished"), "{text}");
        assert_eq!(all_to_give(&[lacking("a", &[])], 0), None);
    }
}
