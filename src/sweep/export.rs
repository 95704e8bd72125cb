//! Step logs thinned to a size that can be kept beside the code.

use super::runner::SweepFolder;
use crate::error::{Error, Result};

/// The lines of a step log with at most `steps` step lines, evenly spaced, the last one kept.
///
/// Everything that is no step (what was asked for, the start, evaluations, the end) stays whole.
///
/// # Errors
/// [`Error::Io`] when the run has no log.
pub fn thinned_log(folder: &SweepFolder, id: &str, steps: usize) -> Result<String> {
    let path = folder.log(id);
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
