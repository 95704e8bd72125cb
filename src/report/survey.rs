//! What was found in logs, the answer first: how many runs can be used, and why not the others.

use std::collections::{BTreeMap, BTreeSet};

use super::runs::{common_folder, within};
use crate::data::{FileNote, Skipped, Survey, causes};
use crate::error::{DataError, Error};

/// How many runs can be used of how many there are, in a line.
#[must_use]
pub fn usable_text(survey: &Survey) -> String {
    let usable = survey.table.runs.len();
    let own = |one: &&Skipped| !one.is_file() && !one.is_repeat();
    let left_out = survey.table.skipped.iter().filter(own).count();
    let all = usable + survey.refused.len() + left_out;
    let runs = |n: usize| format!("{n} {}", if n == 1 { "run" } else { "runs" });
    let answer = match &survey.error {
        None if all == 1 => "the only run is usable".to_owned(),
        None if usable == all => format!("all {all} runs are usable"),
        None => format!("{usable} of {} {} usable", runs(all), are(usable)),
        Some(_) if all == 0 => "no run was found".to_owned(),
        Some(Error::Data(DataError::NoRuns { .. })) => match all {
            1 => "the only run is not usable".to_owned(),
            n => format!("none of {} is usable", runs(n)),
        },
        Some(_) => format!("{} found, not usable as {}", runs(all), they_are(all)),
    };
    // What is something else altogether is no loss.
    let unread = |file: &&FileNote| file.format.is_none() && !file.damage.is_empty();
    let unread = match survey.table.files.iter().filter(unread).count() {
        0 => "",
        1 => "; 1 file could not be read",
        n => &format!("; {n} files could not be read"),
    };
    format!("{answer}{unread}\n")
}

fn they_are(n: usize) -> &'static str {
    if n == 1 { "it is" } else { "they are" }
}

fn are(n: usize) -> &'static str {
    if n == 1 { "is" } else { "are" }
}

/// Everything left out, those of one reason together: runs first, then rows and files.
///
/// - `files`: those shown above, whose first damage is said there.
/// - `most`: reasons listed; how many there are comes with the text.
#[must_use]
pub fn left_out_list(skipped: &[Skipped], files: &[FileNote], most: usize) -> (String, usize) {
    // The table of files has what a file is that is no log, and the first damage of the others.
    let mut above: BTreeSet<(&str, &str)> = BTreeSet::new();
    let mut no_logs: BTreeSet<&str> = BTreeSet::new();
    for file in files {
        if file.format.is_none() {
            no_logs.insert(&file.path);
        }
        above.extend(file.damage.first().map(|damage| (file.path.as_str(), damage.as_str())));
    }
    let is_above = |one: &&Skipped| {
        no_logs.contains(one.path.as_str())
            || above.contains(&(one.path.as_str(), one.reason.as_str()))
    };
    let told: Vec<&Skipped> =
        skipped.iter().filter(|one| !one.is_file() || !is_above(one)).collect();
    let paths = told.iter().map(|one| one.path.as_str());
    // Copies among rows are named by their place.
    let folder = common_folder(paths.filter(|path| path.contains(['/', '\\'])));
    let (damage, runs): (Vec<&Skipped>, Vec<&Skipped>) = told.iter().partition(|s| s.is_file());
    let lines: Vec<String> =
        runs_left_out(&runs, folder).into_iter().chain(damage_of(&damage, folder)).collect();
    if lines.is_empty() {
        return (String::new(), 0);
    }
    let mut text = String::from("Left out\n");
    for line in lines.iter().take(most) {
        text.push_str(&format!(" {}\n", seen_from(line, folder)));
    }
    (text, lines.len())
}

/// Runs and rows by their reason.
fn runs_left_out(runs: &[&Skipped], folder: Option<&str>) -> Vec<String> {
    /// Names of one reason; scripts get all.
    const NAMES: usize = 12;
    let mut reasons: Vec<(&str, Vec<&Skipped>)> = Vec::new();
    let mut at = BTreeMap::new();
    for one in runs {
        let place = *at.entry(one.reason.as_str()).or_insert_with(|| {
            reasons.push((&one.reason, Vec::new()));
            reasons.len() - 1
        });
        reasons[place].1.push(one);
    }
    let line = |(reason, those): &(&str, Vec<&Skipped>)| {
        let names: Vec<String> = those.iter().take(NAMES).map(|one| name(one, folder)).collect();
        let more = those.len().saturating_sub(NAMES);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        format!("{}{more}: {reason}", names.join(", "))
    };
    reasons.iter().map(line).collect()
}

/// Files, and what is damaged in each, the first of its kind.
fn damage_of(damage: &[&Skipped], folder: Option<&str>) -> Vec<String> {
    let mut by_file: Vec<(&str, Vec<Skipped>)> = Vec::new();
    for one in damage {
        match by_file.last_mut() {
            Some((path, those)) if *path == one.path => those.push((*one).clone()),
            _ => by_file.push((&one.path, vec![(*one).clone()])),
        }
    }
    let mut lines = Vec::new();
    for (path, those) in by_file {
        for cause in causes(&those) {
            let more = cause.names.len() - 1;
            let more =
                if more == 0 { String::new() } else { format!(" (and {more} more like it)") };
            lines.push(format!("{}: {}{more}", within(path, folder), cause.reason));
        }
    }
    lines
}

/// A run with its file where that is called otherwise; else the file and the line.
fn name(one: &Skipped, folder: Option<&str>) -> String {
    let file = within(&one.path, folder);
    match (&one.run, one.line) {
        (Some(run), _) if file.contains(run.as_str()) || run.contains(file) => run.clone(),
        (Some(run), _) => format!("{run} ({file})"),
        (None, Some(line)) => format!("{file}:{line}"),
        (None, None) => file.to_owned(),
    }
}

/// A reason without the folder that all files are in.
fn seen_from(reason: &str, folder: Option<&str>) -> String {
    folder.map_or_else(|| reason.to_owned(), |folder| reason.replace(&format!("{folder}/"), ""))
}
