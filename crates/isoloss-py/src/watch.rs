//! Work off the interpreter's lock, with progress, until it is done or Ctrl-C.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use isoloss::fit::Progress;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// How often Python is asked for signals.
const TICK: Duration = Duration::from_millis(50);

/// How long work that was told to stop is waited for.
const GRACE: Duration = Duration::from_secs(2);

/// As the main thread of a program has; laws are written out by recursion in places.
const STACK: usize = 8 << 20;

/// What working and waiting threads share.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    done: AtomicU64,
    total: AtomicU64,
    stop: AtomicBool,
}

impl Watch {
    /// Parts of a fit; breaks where Ctrl-C was pressed.
    pub(crate) fn parts(&self, Progress { done, total }: Progress) -> ControlFlow<()> {
        self.bytes(done as u64, total as u64);
        match self.stop.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    /// Bytes that were read.
    pub(crate) fn bytes(&self, done: u64, total: u64) {
        self.done.store(done, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
    }
}

/// Runs `work` in a thread of its own while other threads of Python run, too.
///
/// - `report`: called with parts done and all parts, every tick.
///
/// # Errors
/// `KeyboardInterrupt`, or what `report` raises; the work is then told to stop, and left behind where
/// it does not listen.
pub(crate) fn watched<T: Send + 'static>(
    py: Python<'_>,
    report: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(&Watch) -> T + Send + 'static,
) -> PyResult<T> {
    let watch = Arc::new(Watch::default());
    let theirs = Arc::clone(&watch);
    let (to, from) = channel();
    let from = Mutex::new(from);
    std::thread::Builder::new()
        .stack_size(STACK)
        // Nobody may be waiting any more.
        .spawn(move || drop(to.send(work(&theirs))))?;
    loop {
        match wait(py, &from, TICK) {
            Ok(value) => return Ok(value),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(PyRuntimeError::new_err("isoloss panicked, which is a bug of isoloss"));
            }
        }
        if let Err(error) = py.check_signals().and_then(|()| tell(report, &watch)) {
            watch.stop.store(true, Ordering::Relaxed);
            let begun = Instant::now();
            while begun.elapsed() < GRACE {
                if !matches!(wait(py, &from, TICK), Err(RecvTimeoutError::Timeout)) {
                    break;
                }
            }
            return Err(error);
        }
    }
}

fn wait<T: Send>(
    py: Python<'_>,
    from: &Mutex<Receiver<T>>,
    most: Duration,
) -> Result<T, RecvTimeoutError> {
    py.detach(|| from.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(most))
}

fn tell(report: Option<&Bound<'_, PyAny>>, watch: &Watch) -> PyResult<()> {
    let (done, total) = (&watch.done, &watch.total);
    if let Some(report) = report {
        report.call1((done.load(Ordering::Relaxed), total.load(Ordering::Relaxed)))?;
    }
    Ok(())
}
