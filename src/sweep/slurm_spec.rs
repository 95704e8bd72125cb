//! What a sweep asks of Slurm: the table `[slurm]` of a sweep file.

use serde::{Deserialize, Serialize};

use crate::error::SweepError;

/// How units are sent to Slurm. What is absent is left to the partition's own defaults.
///
/// Every field with its default and range: [run files and sweep files](crate::sweep#run-files-and-sweep-files).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SlurmSpec {
    /// Partition.
    pub partition: Option<String>,
    /// Account that is charged.
    pub account: Option<String>,
    /// Quality of service.
    pub qos: Option<String>,
    /// Longest time of one job, as Slurm writes it: `30` minutes, `02:00:00`, `1-12:00:00`.
    pub time: Option<String>,
    /// Memory of one job, as Slurm writes it: `2G`.
    pub memory: Option<String>,
    /// GPUs of one job.
    pub gpus: u32,
    /// Seconds before the end of its time at which a job is asked to save what it has. It is sent again
    /// then, and continues.
    pub save_seconds: u32,
    /// More options of `sbatch`, a list of words.
    pub options: Vec<String>,
    /// Lines of shell before the trainer, such as `module load cuda`.
    pub setup: Vec<String>,
}

impl Default for SlurmSpec {
    fn default() -> Self {
        Self {
            partition: None,
            account: None,
            qos: None,
            time: None,
            memory: None,
            gpus: 0,
            save_seconds: 60,
            options: Vec::new(),
            setup: Vec::new(),
        }
    }
}

impl SlurmSpec {
    /// Checks every field against its range.
    ///
    /// # Errors
    /// [`SweepError::Field`] naming the first field out of range.
    pub fn validate(&self) -> Result<(), SweepError> {
        let bad = |field, found: &str, expected| {
            Err(SweepError::Field { field, found: format!("`{found}`"), expected })
        };
        if let Some(time) = self.time.as_deref().filter(|time| !is_time(time)) {
            return bad("slurm.time", time, "minutes, or a time such as 02:00:00 or 1-12:00:00");
        }
        if let Some(memory) = self.memory.as_deref().filter(|memory| !is_memory(memory)) {
            return bad("slurm.memory", memory, "a number with K, M, G or T, for example 2G");
        }
        if let Some(option) = self.options.iter().find(|option| ours(option)) {
            return bad("slurm.options", option, "options that isoloss does not set itself");
        }
        if let Some(line) = self.setup.iter().find(|line| line.contains(['\n', '\0'])) {
            return bad("slurm.setup", line, "one line of shell in each entry");
        }
        Ok(())
    }
}

/// `90`, `90:30`, `02:00:00`, `1-12`, `1-12:30`, `1-12:30:00`, or no limit.
fn is_time(text: &str) -> bool {
    let number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if text.eq_ignore_ascii_case("unlimited") || text.eq_ignore_ascii_case("infinite") {
        return true;
    }
    let (days, rest) = match text.split_once('-') {
        Some((days, rest)) => (Some(days), rest),
        None => (None, text),
    };
    let is_zero = text.bytes().all(|b| !b.is_ascii_digit() || b == b'0');
    days.is_none_or(number)
        && rest.split(':').count() <= 3
        && rest.split(':').all(number)
        && !is_zero
}

fn is_memory(text: &str) -> bool {
    let number = text.trim_end_matches(['K', 'M', 'G', 'T', 'k', 'm', 'g', 't']);
    text.len() - number.len() <= 1 && number.parse::<u64>().is_ok_and(|n| n > 0)
}

/// Options that decide which unit is trained and where its words go.
fn ours(option: &str) -> bool {
    let name = option.split('=').next().unwrap_or(option);
    let long = ["--array", "--output", "--error", "--job-name", "--parsable", "--wrap", "--signal"];
    long.contains(&name)
        || ["-a", "-o", "-e", "-J"]
            .iter()
            .any(|short| option.starts_with(short) && !option.starts_with("--"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_those_that_slurm_takes() {
        for time in ["30", "90:30", "02:00:00", "1-0", "1-12:30", "2-00:00:00", "UNLIMITED"] {
            assert!(is_time(time), "{time}");
        }
        for time in ["", "2h", "1:2:3:4", "-1", "0", "00:00:00", "1-", ":30"] {
            assert!(!is_time(time), "{time}");
        }
        for (memory, good) in
            [("2G", true), ("512", true), ("2GB", false), ("0G", false), ("G", false)]
        {
            assert_eq!(is_memory(memory), good, "{memory}");
        }
    }

    #[test]
    fn options_that_would_lose_a_run_are_refused() {
        for (option, good) in [
            ("--exclusive", true),
            ("--constraint=a100", true),
            ("-x", true),
            ("--array=0-3", false),
            ("-o", false),
            ("--output=x", false),
        ] {
            let spec = SlurmSpec { options: vec![option.to_owned()], ..SlurmSpec::default() };
            assert_eq!(spec.validate().is_ok(), good, "{option}");
        }
        let spec = SlurmSpec { time: Some("2 hours".into()), ..SlurmSpec::default() };
        let error = spec.validate().expect_err("words").to_string();
        assert!(error.contains("slurm.time") && error.contains("2 hours"), "{error}");
    }
}
