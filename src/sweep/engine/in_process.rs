//! Units trained in this process, one after the other: for tests, and for trainers written in Rust.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use super::seam::{Engine, Gone, UnitState};
use crate::error::Result;
use crate::sweep::folder::SweepFolder;
use crate::sweep::run::{RunSpec, TrainEvent, Trainer};
use crate::sweep::unit::{Manifest, Unit};
use crate::sweep::worker::{Worked, work};

/// Hears every event; `Break` stops the run.
type Hears<'a> = Box<dyn FnMut(&RunSpec, &TrainEvent) -> ControlFlow<()> + Send + 'a>;

/// Trains units in this process, one at a time.
pub struct InProcess<'a> {
    folder: SweepFolder,
    new_trainer: Box<dyn FnMut() -> Box<dyn Trainer> + 'a>,
    on_event: Hears<'a>,
    queue: VecDeque<String>,
}

impl<'a> InProcess<'a> {
    /// An engine whose units each have a trainer of their own.
    pub fn new(
        folder: SweepFolder,
        new_trainer: impl FnMut() -> Box<dyn Trainer> + 'a,
        on_event: impl FnMut(&RunSpec, &TrainEvent) -> ControlFlow<()> + Send + 'a,
    ) -> Self {
        let (new_trainer, on_event) = (Box::new(new_trainer), Box::new(on_event));
        Self { folder, new_trainer, on_event, queue: VecDeque::new() }
    }
}

impl std::fmt::Debug for InProcess<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InProcess").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Engine for InProcess<'_> {
    fn name(&self) -> &'static str {
        "in-process"
    }

    fn submit(&mut self, units: &[Unit]) -> Result<()> {
        self.queue.extend(units.iter().map(|unit| unit.name.clone()));
        Ok(())
    }

    fn poll(&mut self) -> Result<Vec<(String, UnitState)>> {
        let Some(name) = self.queue.pop_front() else { return Ok(Vec::new()) };
        let manifest = Manifest::read(&self.folder, &name)?;
        let new_trainer = &mut self.new_trainer;
        let worked =
            work(&self.folder, &manifest, &mut |_| Ok(new_trainer()), &mut *self.on_event)?;
        let gone = match worked {
            Worked::Finished => Gone::Exited(0),
            Worked::NotAll => Gone::Exited(1),
            Worked::Stopped | Worked::Busy => Gone::Killed("it was stopped".to_owned()),
        };
        let waiting = self.queue.iter().map(|name| (name.clone(), UnitState::Waiting(None)));
        Ok(std::iter::once((name, UnitState::Gone(gone))).chain(waiting).collect())
    }

    fn stop(&mut self) -> Result<()> {
        self.queue.clear();
        Ok(())
    }

    fn pause(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }
}
