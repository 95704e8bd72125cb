//! A copy of a sweep small enough to keep beside code: its table and thinned step logs.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::design::SweepConfig;
use super::folder::SweepFolder;
use super::row_file::RunRow;
use super::run::Part;
use super::state::SweepState;
use super::step_log::write_line;
use crate::data::write_atomically;
use crate::error::{Error, Result};

/// What an export wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// The folder.
    pub out: PathBuf,
    /// Runs in it.
    pub runs: usize,
}

/// Copies the table of ended runs, in the order of the sweep file, and their step logs with at most
/// `steps` step lines each.
///
/// # Errors
/// [`Error::Io`] when an ended run has no log, or the folder cannot be written.
pub fn export(config: &SweepConfig, out: &Path, steps: usize) -> Result<Exported> {
    let folder = SweepFolder::new(config.out_dir());
    let state = SweepState::read(config)?;
    let logs = out.join("logs");
    std::fs::create_dir_all(&logs).map_err(|e| Error::io(&logs, "create", &e))?;
    let (mut table, mut runs) = (Vec::new(), 0);
    let path = out.join("runs.jsonl");
    for run in state.wanted.iter().filter(|run| run.spec.part == Part::Main) {
        let Some(row) = state.row(run).and_then(RunRow::ended) else { continue };
        let log = thinned_log(&folder, &run.stem, steps)?;
        write_atomically(logs.join(format!("{}.jsonl", row.run)), log.as_bytes())?;
        write_line(&mut table, row).map_err(|e| Error::io(&path, "write", &e))?;
        runs += 1;
    }
    write_atomically(&path, &table)?;
    Ok(Exported { out: out.to_owned(), runs })
}

/// The lines of a step log with at most `steps` step lines, evenly spaced, the last one kept.
///
/// All other lines (the specification, the start, evaluations, the end) are kept.
///
/// # Errors
/// [`Error::Io`] when the run has no log.
pub fn thinned_log(folder: &SweepFolder, stem: &str, steps: usize) -> Result<String> {
    let path = folder.log(stem);
    let text = std::fs::read_to_string(&path).map_err(|e| Error::io(&path, "reading", &e))?;
    let is_step = |line: &&str| line.starts_with(r#"{"event":"step""#);
    let total = text.lines().filter(is_step).count();
    let steps = steps.clamp(1, total.max(1));
    let mut seen = 0;
    let mut kept = String::new();
    for line in text.lines() {
        if is_step(&line) {
            seen += 1;
            // Step k is kept where the running share of steps passes a whole number.
            if seen * steps / total == (seen - 1) * steps / total {
                continue;
            }
        }
        kept.push_str(line);
        kept.push('\n');
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinning_keeps_the_last_step_and_everything_else() {
        let home = tempfile::tempdir().expect("temporary folder");
        let folder = SweepFolder::new(home.path().to_owned());
        std::fs::create_dir_all(home.path().join("logs")).expect("created");
        let mut log = "{\"event\":\"spec\"}\n".to_owned();
        for step in 1..=100 {
            log.push_str(&format!("{{\"event\":\"step\",\"step\":{step}}}\n"));
        }
        log.push_str("{\"event\":\"end\"}\n");
        std::fs::write(folder.log("a"), log).expect("written");
        let kept = thinned_log(&folder, "a", 8).expect("a log");
        assert_eq!(kept.lines().count(), 10);
        assert!(kept.contains("\"step\":100}"));
        assert!(thinned_log(&folder, "b", 8).is_err());
    }
}
