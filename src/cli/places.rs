//! Where results go: checked before any work, so that no input is destroyed and no hour lost.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

use crate::data::check_writable;
use crate::error::{ReportError, Result};

/// The flag of every verb that writes, `-o`.
const OUT: &str = "out";

/// What is asked of standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stdout {
    /// The answer, as text or JSON.
    Answer,
    /// The file of `-o -`; the answer is not printed.
    File,
}

/// Whether a path stands for standard output: `-`, `-.svg`, `/dev/stdout`.
pub(super) fn is_stdout(path: &Path) -> bool {
    let named = ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].map(Path::new);
    named.contains(&path)
        || path.file_stem() == Some(OsStr::new("-")) && path.parent() == Some(Path::new(""))
}

/// Refuses results that would destroy what they are made from, or that cannot be written.
///
/// # Errors
/// [`ReportError::OverwritesInput`] for an output that another argument names, or a folder it names
/// holds; [`ReportError::TwoInOnePlace`]; as [`check_writable`].
pub(super) fn check(command: &Command, matches: &ArgMatches, json: bool) -> Result<Stdout> {
    let (mut command, mut matches) = (command, matches);
    while let Some((name, below)) = matches.subcommand() {
        let Some(verb) = command.find_subcommand(name) else { break };
        (command, matches) = (verb, below);
    }
    let given: Vec<(String, OsString)> = given(matches);
    let is_out = |(id, _): &&(String, OsString)| id == OUT;
    let inputs: Vec<PathBuf> = given.iter().filter(|one| !is_out(one)).flat_map(paths_of).collect();
    let outs: Vec<&Path> = given.iter().filter(is_out).map(|(_, path)| Path::new(path)).collect();
    let printed: Vec<&&Path> = outs.iter().filter(|path| is_stdout(path)).collect();
    let is_folder = command
        .get_arguments()
        .find(|arg| arg.get_id() == OUT)
        .and_then(|arg| arg.get_value_names())
        .is_some_and(|names| names.iter().any(|name| name.as_str() == "DIR"));
    match printed.as_slice() {
        [] => {}
        [path, ..] if is_folder => {
            let path = path.display().to_string();
            return Err(ReportError::NoRoom { path, expected: "folder" }.into());
        }
        [first, second, ..] => return Err(two(first, &second.display().to_string())),
        [path] if json => return Err(two(path, "the JSON of the answer")),
        [_] => {}
    }
    if !is_folder {
        let files = outs.iter().filter(|path| !is_stdout(path)).map(|path| path.to_path_buf());
        let files: Vec<PathBuf> = files.collect();
        spare(&inputs, &files)?;
        files.iter().try_for_each(check_writable)?;
    }
    Ok(if printed.is_empty() { Stdout::Answer } else { Stdout::File })
}

/// Refuses to write over any of the inputs, files or folders.
///
/// # Errors
/// [`ReportError::OverwritesInput`].
pub(super) fn spare(inputs: &[PathBuf], outs: &[PathBuf]) -> Result<()> {
    match outs.iter().find(|out| inputs.iter().any(|input| holds(input, out))) {
        Some(out) => Err(ReportError::OverwritesInput { path: out.display().to_string() }.into()),
        None => Ok(()),
    }
}

fn two(path: &Path, other: &str) -> crate::error::Error {
    let (place, what) = ("standard output".to_owned(), path.display().to_string());
    ReportError::TwoInOnePlace { place, what, other: other.to_owned() }.into()
}

/// What was typed for each flag.
fn given(matches: &ArgMatches) -> Vec<(String, OsString)> {
    let ids = matches.ids().map(clap::Id::as_str);
    let typed = ids.filter(|id| matches.value_source(id) == Some(ValueSource::CommandLine));
    let values = typed.filter_map(|id| Some((id, matches.try_get_raw(id).ok()??)));
    values.flat_map(|(id, raw)| raw.map(move |value| (id.to_owned(), value.to_owned()))).collect()
}

/// The files and folders that an argument may mean: laws, for one, are given with commas between.
fn paths_of((_, value): &(String, OsString)) -> Vec<PathBuf> {
    let whole = PathBuf::from(value);
    let parts = value.to_str().into_iter().flat_map(|text| text.split(','));
    let parts: Vec<PathBuf> = parts.map(|part| PathBuf::from(part.trim())).collect();
    std::iter::once(whole).chain(parts).filter(|path| path.exists()).collect()
}

/// Whether writing to `out` would change `input`, a file or a folder.
fn holds(input: &Path, out: &Path) -> bool {
    let (Ok(input), Ok(out)) = (input.canonicalize(), out.canonicalize()) else { return false };
    let takes_anything = !out.is_file() && std::fs::metadata(&out).is_ok_and(|m| !m.is_dir());
    match input.is_dir() {
        true => out.is_file() && out.starts_with(&input),
        false => input == out && !takes_anything,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dash_is_standard_output_and_a_file_with_a_dash_is_not() {
        for path in ["-", "-.svg", "/dev/stdout"] {
            assert!(is_stdout(Path::new(path)), "{path}");
        }
        for path in ["./-", "a/-", "-x", "--", "/dev/null", "a-.svg"] {
            assert!(!is_stdout(Path::new(path)), "{path}");
        }
    }
}
