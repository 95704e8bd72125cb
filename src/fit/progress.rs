//! How far a long computation is, and whether it goes on.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::error::FitError;

/// How many of its parts a computation has done: resamples of a fit, or fits of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Parts done.
    pub done: usize,
    /// All parts.
    pub total: usize,
}

/// Called now and then, from any thread; `Break` stops the computation with [`FitError::Stopped`].
pub type OnProgress<'a> = dyn Fn(Progress) -> ControlFlow<()> + Sync + 'a;

/// For those who do not care: never stops.
pub(crate) fn ignore(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Parts that are done one after another or side by side, until the caller stops them.
pub(crate) struct Parts<'a> {
    progress: &'a OnProgress<'a>,
    total: usize,
    done: AtomicUsize,
    stopped: AtomicBool,
}

impl<'a> Parts<'a> {
    pub(crate) fn new(total: usize, progress: &'a OnProgress<'a>) -> Self {
        Self { progress, total, done: AtomicUsize::new(0), stopped: AtomicBool::new(false) }
    }

    /// Reports where things are.
    ///
    /// # Errors
    /// [`FitError::Stopped`] once the caller said so.
    pub(crate) fn check(&self) -> Result<(), FitError> {
        self.report(self.done.load(Ordering::Relaxed));
        self.stopped()
    }

    /// Counts one more part.
    pub(crate) fn one_done(&self) {
        self.report(self.done.fetch_add(1, Ordering::Relaxed) + 1);
    }

    /// Counts `parts` that are not made.
    pub(crate) fn skip(&self, parts: usize) {
        self.report(self.done.fetch_add(parts, Ordering::Relaxed) + parts);
    }

    /// Counts all parts, where those left are not made.
    pub(crate) fn rest_done(&self) {
        self.done.store(self.total, Ordering::Relaxed);
        self.report(self.total);
    }

    /// [`FitError::Stopped`] once the caller said so.
    pub(crate) fn stopped(&self) -> Result<(), FitError> {
        if self.stopped.load(Ordering::Relaxed) { Err(FitError::Stopped) } else { Ok(()) }
    }

    /// A report for the parts of a part: the count stays, the caller may stop.
    pub(crate) fn inner(&self) -> impl Fn(Progress) -> ControlFlow<()> + Sync + '_ {
        |_| match self.check() {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    }

    fn report(&self, done: usize) {
        let here = Progress { done, total: self.total };
        if (self.progress)(here).is_break() {
            self.stopped.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_break_stops_the_parts_and_those_inside_a_part() {
        let at_two = |p: Progress| {
            if p.done >= 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let parts = Parts::new(3, &at_two);
        let here = Progress { done: 0, total: 9 };
        parts.one_done();
        assert!(parts.check().is_ok() && (parts.inner())(here).is_continue());
        parts.one_done();
        assert_eq!(parts.check(), Err(FitError::Stopped));
        assert!((parts.inner())(here).is_break());
    }
}
