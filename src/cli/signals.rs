//! Ctrl-C and SIGTERM: exit codes 130 and 143, and no file half-written.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};

use super::streams::{clear_line, note};
use crate::data::remove_temporary_files;

/// How soon after a signal the process ends.
const LOOK: Duration = Duration::from_millis(20);

/// The signals that came.
#[derive(Debug)]
struct Caught {
    /// The last signal; 0 for none.
    signal: Arc<AtomicUsize>,
    /// Whether the verb ends by itself, after it has saved what it has.
    saves_first: AtomicBool,
}

static CAUGHT: OnceLock<Caught> = OnceLock::new();

/// Watches from now on. Verbs end at once, but for those that called [`save_first`]; the second signal
/// ends these too.
pub(super) fn watch() {
    let signal = Arc::new(AtomicUsize::new(0));
    let again = Arc::new(AtomicBool::new(false));
    for number in [SIGINT, SIGTERM] {
        // What cannot be registered keeps its default, which ends the process. The order counts: the
        // first signal must not find `again` set.
        let _ = signal_hook::flag::register_conditional_shutdown(
            number,
            128 + number,
            Arc::clone(&again),
        );
        let _ = signal_hook::flag::register(number, Arc::clone(&again));
        let _ = signal_hook::flag::register_usize(
            number,
            Arc::clone(&signal),
            usize::try_from(number).unwrap_or(0),
        );
    }
    let caught = Caught { signal, saves_first: AtomicBool::new(false) };
    if CAUGHT.set(caught).is_ok() {
        // A process without room for a thread still ends at the second signal.
        let _ = std::thread::Builder::new().name("signals".to_owned()).spawn(end_when_told);
    }
}

#[allow(clippy::exit, reason = "a signal asks for exactly that")]
fn end_when_told() {
    let Some(caught) = CAUGHT.get() else { return };
    loop {
        std::thread::sleep(LOOK);
        let signal = caught.signal.load(Ordering::SeqCst);
        if signal != 0 && !caught.saves_first.load(Ordering::SeqCst) {
            remove_temporary_files();
            clear_line();
            note("stopped");
            std::process::exit(128 + i32::try_from(signal).unwrap_or(0));
        }
    }
}

/// The verb looks at [`caught`] itself and ends when its work is safe.
pub(super) fn save_first() {
    if let Some(caught) = CAUGHT.get() {
        caught.saves_first.store(true, Ordering::SeqCst);
    }
}

/// The signal that came, if any.
pub(super) fn caught() -> Option<u8> {
    let signal = CAUGHT.get()?.signal.load(Ordering::SeqCst);
    u8::try_from(signal).ok().filter(|signal| *signal != 0)
}
