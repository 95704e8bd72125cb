//! What Slurm says of its jobs: `squeue` while they are there, `sacct` when they are not.

use std::collections::BTreeMap;
use std::process::Command;

use crate::error::SweepError;

/// A task of a job array: name of the job, index within it.
pub(super) type Task = (String, usize);

/// A state as Slurm names it, with what else is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct JobState {
    /// Such as `PENDING` or `NODE_FAIL`.
    pub(super) state: String,
    /// Why it waits.
    pub(super) reason: String,
    /// Number of the job array it belongs to.
    pub(super) array: String,
    /// Exit code and signal, where accounting has them.
    pub(super) ended: Option<(i32, i32)>,
}

/// A state by what it means for the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Waiting,
    Running,
    Over,
}

impl JobState {
    pub(super) fn stage(&self) -> Stage {
        match self.state.as_str() {
            "PENDING" | "REQUEUED" | "REQUEUE_FED" | "REQUEUE_HOLD" | "SPECIAL_EXIT"
            | "RESV_DEL_HOLD" | "CONFIGURING" => Stage::Waiting,
            "RUNNING" | "COMPLETING" | "SUSPENDED" | "STOPPED" | "SIGNALING" | "STAGE_OUT"
            | "RESIZING" => Stage::Running,
            _ => Stage::Over,
        }
    }
}

/// Runs one of Slurm's commands.
pub(super) fn ask(program: &'static str, words: &[String]) -> Result<String, SweepError> {
    let bad = |reason: String| SweepError::Slurm { program, reason };
    let done = Command::new(program)
        .args(words)
        // Dates and errors in one language.
        .env("LC_ALL", "C")
        .output()
        .map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => {
                bad("not found on this machine; start this on a machine from which jobs are sent"
                    .into())
            }
            _ => bad(e.to_string()),
        })?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&done.stderr);
    let said = said.trim();
    Err(bad(if said.is_empty() { format!("ended with {}", done.status) } else { said.to_owned() }))
}

/// The tasks of these jobs that the queue still knows, those that ended a moment ago among them.
pub(super) fn queued(names: &[String]) -> Result<BTreeMap<Task, JobState>, SweepError> {
    let words = [
        "--noheader",
        "--array",
        "--states=all",
        &format!("--name={}", names.join(",")),
        "--format=%j|%F|%K|%T|%r",
    ];
    ask("squeue", &words.map(str::to_owned)).map(|text| read_queue(&text))
}

fn read_queue(text: &str) -> BTreeMap<Task, JobState> {
    let task = |line: &str| {
        let mut parts = line.trim().split('|');
        let (name, array, index) = (parts.next()?, parts.next()?, parts.next()?);
        let (state, reason) = (parts.next()?.to_owned(), parts.next().unwrap_or("").to_owned());
        let state = JobState { state, reason, array: array.to_owned(), ended: None };
        Some(((name.to_owned(), index.parse().ok()?), state))
    };
    text.lines().filter_map(task).collect()
}

/// What accounting knows of the tasks of a job array by index, where the cluster keeps accounts.
pub(super) fn accounted(array: &str) -> Option<BTreeMap<usize, JobState>> {
    let words = [
        "--noheader",
        "--parsable2",
        "--allocations",
        "--array",
        "--jobs",
        array,
        "--format=JobID,State,ExitCode",
    ];
    ask("sacct", &words.map(str::to_owned)).ok().map(|text| read_accounts(&text))
}

fn read_accounts(text: &str) -> BTreeMap<usize, JobState> {
    let task = |line: &str| {
        let mut parts = line.trim().split('|');
        let (id, state, code) = (parts.next()?, parts.next()?, parts.next()?);
        let (array, index) = id.split_once('_')?;
        let (code, signal) = code.split_once(':')?;
        // `CANCELLED by 1000`
        let state = state.split(' ').next()?.to_owned();
        let ended = Some((code.parse().ok()?, signal.parse().ok()?));
        let (array, reason) = (array.to_owned(), String::new());
        Some((index.parse().ok()?, JobState { state, reason, array, ended }))
    };
    text.lines().filter_map(task).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Slurm 22.05 printed them for a job array of four tasks, two at a time, one of them cancelled.
    const QUEUE: &str = "isoloss-a-1|1|3|PENDING|JobArrayTaskLimit\n\
                         isoloss-a-1|1|2|RUNNING|None\nisoloss-a-1|1|0|COMPLETED|None\n";
    const ACCOUNTS: &str = "1_0|COMPLETED|0:0\n1_1|CANCELLED by 0|0:15\n1_2|FAILED|143:0\n\
                            1_[3-5%2]|PENDING|0:0\n";

    #[test]
    fn queues_and_accounts_are_read() {
        let queue = read_queue(QUEUE);
        let at = |index| &queue[&("isoloss-a-1".to_owned(), index)];
        assert_eq!((at(3).stage(), at(3).reason.as_str()), (Stage::Waiting, "JobArrayTaskLimit"));
        assert_eq!((at(2).stage(), at(0).stage()), (Stage::Running, Stage::Over));
        let accounts = read_accounts(ACCOUNTS);
        assert_eq!(accounts.len(), 3);
        assert_eq!((accounts[&1].state.as_str(), accounts[&1].ended), ("CANCELLED", Some((0, 15))));
        assert_eq!(accounts[&2].ended, Some((143, 0)));
        assert!(read_queue("slurm_load_jobs error\n").is_empty());
    }

    #[test]
    fn a_command_that_is_not_there_is_named() {
        let error = ask("no-such-command-of-slurm", &[]).expect_err("none").to_string();
        assert!(
            error.contains("no-such-command-of-slurm") && error.contains("not found"),
            "{error}"
        );
    }
}
