//! Units as processes of this machine, so many at a time.

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::seam::{Engine, Gone, UnitState, WorkerCommand};
use crate::error::{Error, Result};
use crate::sweep::console::tail_of;
use crate::sweep::folder::SweepFolder;
use crate::sweep::machine::{end_group, host, killed_for_memory};
use crate::sweep::unit::{Progress, Unit, has_worker, is_alive};
use crate::sweep::worker::BUSY;

/// How long a program that lost its worker has to end by itself.
const GRACE: Duration = Duration::from_secs(10);

/// Between two looks at children that were asked to stop.
const LOOK: Duration = Duration::from_millis(20);

/// Trains units as processes of this machine.
///
/// A worker holds the reading end of a pipe as its standard input; when this process closes it or dies,
/// by a kill even, the worker saves what it has and stops.
#[derive(Debug)]
pub struct Local {
    folder: SweepFolder,
    command: WorkerCommand,
    jobs: usize,
    queue: VecDeque<String>,
    running: Vec<Working>,
}

/// A unit that takes up room.
#[derive(Debug)]
struct Working {
    unit: String,
    /// `None` of a unit that is alive from before.
    child: Option<Child>,
    stdin: Option<ChildStdin>,
    /// How the child ended, while something of the unit is still alive.
    ended: Option<ExitStatus>,
    /// When the program that outlived its worker was asked to end.
    asked: Option<Instant>,
    killed_before: Option<u64>,
}

impl Local {
    /// An engine that runs `jobs` workers at a time.
    #[must_use]
    pub fn new(folder: SweepFolder, command: WorkerCommand, jobs: usize) -> Self {
        let (queue, running) = (VecDeque::new(), Vec::new());
        Self { folder, command, jobs: jobs.max(1), queue, running }
    }

    fn start(&self, unit: &str) -> Result<Working> {
        let taken_over = Working {
            unit: unit.to_owned(),
            child: None,
            stdin: None,
            ended: None,
            asked: None,
            killed_before: killed_for_memory(),
        };
        if is_alive(&self.folder, unit) {
            return Ok(taken_over);
        }
        let path = self.folder.console(unit);
        let console = OpenOptions::new().create(true).append(true).open(&path);
        let console = console.map_err(|e| Error::io(&path, "create", &e))?;
        let errors = console.try_clone().map_err(|e| Error::io(&path, "create", &e))?;
        // From inside, so that it follows the folder wherever that is moved.
        let words = self.command.words(Path::new("."), unit, true);
        let mut child = Command::new(&self.command.program)
            .args(&words[1..])
            .current_dir(self.folder.root())
            .stdin(Stdio::piped())
            .stdout(console)
            .stderr(errors)
            .spawn()
            .map_err(|e| Error::io(&self.command.program, "starting", &e))?;
        let stdin = child.stdin.take();
        Ok(Working { child: Some(child), stdin, ..taken_over })
    }

    /// Ends a program that outlived its worker: nobody would take its result.
    fn end_orphan(&self, working: &mut Working) {
        if has_worker(&self.folder, &working.unit) {
            return;
        }
        let progress = Progress::read(&self.folder, &working.unit).filter(|p| p.host == host());
        let Some(group) = progress.and_then(|p| p.trainer_group) else { return };
        match working.asked {
            None => {
                working.asked = Some(Instant::now());
                end_group(group, false);
            }
            Some(asked) if asked.elapsed() > GRACE => end_group(group, true),
            Some(_) => {}
        }
    }

    /// What became of a worker; `None` while anything of its unit is alive.
    fn look(&self, working: &mut Working) -> Result<Option<Gone>> {
        if let (Some(child), None) = (&mut working.child, working.ended) {
            let ended = child.try_wait();
            working.ended =
                ended.map_err(|e| Error::io(&self.command.program, "waiting for", &e))?;
            if working.ended.is_none() {
                return Ok(None);
            }
        }
        if is_alive(&self.folder, &working.unit) {
            self.end_orphan(working);
            return Ok(None);
        }
        Ok(Some(match working.ended {
            // It was alive from before; its records say what it did.
            None => Gone::Exited(BUSY),
            Some(status) => self.verdict(status, working),
        }))
    }

    fn verdict(&self, status: ExitStatus, working: &Working) -> Gone {
        if let Some(code) = status.code() {
            return Gone::Exited(code);
        }
        let said = tail_of(&self.folder.console(&working.unit), 3).unwrap_or_default();
        let more_killed = killed_for_memory() > working.killed_before;
        match signal_of(status) {
            ABORT if said.contains("memory allocation of") => Gone::OutOfMemory(said),
            KILL if more_killed => {
                Gone::OutOfMemory("the system ended it for lack of memory".to_owned())
            }
            // A fault of its own, not of anyone outside.
            signal @ (4 | 6 | 7 | 8 | 11) => Gone::Exited(128 + signal),
            signal => Gone::Killed(format!("its process was ended by signal {signal}")),
        }
    }
}

const ABORT: i32 = 6;
const KILL: i32 = 9;

fn signal_of(status: ExitStatus) -> i32 {
    #[cfg(unix)]
    return std::os::unix::process::ExitStatusExt::signal(&status).unwrap_or(0);
    #[cfg(not(unix))]
    {
        let _ = status;
        0
    }
}

impl Engine for Local {
    fn name(&self) -> &'static str {
        "local"
    }

    fn submit(&mut self, units: &[Unit]) -> Result<()> {
        self.queue.extend(units.iter().map(|unit| unit.name.clone()));
        Ok(())
    }

    fn poll(&mut self) -> Result<Vec<(String, UnitState)>> {
        let mut states = Vec::new();
        for mut working in std::mem::take(&mut self.running) {
            match self.look(&mut working)? {
                Some(gone) => states.push((working.unit, UnitState::Gone(gone))),
                None => self.running.push(working),
            }
        }
        while self.running.len() < self.jobs
            && let Some(unit) = self.queue.pop_front()
        {
            let working = self.start(&unit)?;
            self.running.push(working);
        }
        let running = self.running.iter().map(|w| (w.unit.clone(), UnitState::Running));
        let waiting = self.queue.iter().map(|unit| (unit.clone(), UnitState::Waiting(None)));
        states.extend(running.chain(waiting));
        Ok(states)
    }

    fn stop(&mut self) -> Result<()> {
        self.queue.clear();
        for working in &mut self.running {
            drop(working.stdin.take());
        }
        for working in &mut self.running {
            while let Some(child) = &mut working.child
                && child.try_wait().is_ok_and(|ended| ended.is_none())
            {
                std::thread::sleep(LOOK);
            }
        }
        Ok(())
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        // Nobody is there any more to hear what went wrong.
        let _ = self.stop();
    }
}
