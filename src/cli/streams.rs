//! Standard output and standard error, and the only place that writes to them.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "the one room that prints")]

use std::io::{ErrorKind, IsTerminal, Write};
use std::path::Path;
use std::sync::OnceLock;

use anstyle::{AnsiColor, Style};

use crate::error::{Error, Result};
use crate::report::inert;

/// Whether only errors are said; a property of the process, as its streams are.
static QUIET: OnceLock<bool> = OnceLock::new();

/// From now on, notes, warnings and progress are not shown.
pub(super) fn be_quiet() {
    let _ = QUIET.set(true);
}

pub(super) fn is_quiet() -> bool {
    QUIET.get().copied().unwrap_or(false)
}

/// The result, all of it, on standard output.
///
/// # Errors
/// [`Error::Io`] for a full disk and the like. A closed pipe (`isoloss … | head`) is the reader's
/// choice, not a failure.
pub(super) fn deliver(bytes: &[u8]) -> Result<()> {
    deliver_while_read(bytes).map(|_| ())
}

/// The same; whether anyone still reads.
///
/// # Errors
/// As [`deliver`].
pub(super) fn deliver_while_read(bytes: &[u8]) -> Result<bool> {
    let mut to = std::io::stdout().lock();
    match to.write_all(bytes).and_then(|()| to.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Error::io(Path::new("standard output"), "write", &error)),
        Ok(()) => Ok(true),
    }
}

/// What a line on standard error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    Error,
    Warning,
    Hint,
}

impl Label {
    fn style(self) -> Style {
        let color = match self {
            Self::Error => AnsiColor::Red,
            Self::Warning => AnsiColor::Yellow,
            Self::Hint => AnsiColor::Cyan,
        };
        color.on_default().bold()
    }
}

/// One line for people or logs; never on stdout. Whoever closes stderr does not want it.
pub(super) fn note(line: &str) {
    if !is_quiet() {
        let _ = writeln!(anstream::stderr().lock(), "{}", inert(line));
    }
}

/// Takes a bar off the terminal, so that the next line stands alone.
pub(super) fn clear_line() {
    let mut to = std::io::stderr().lock();
    if to.is_terminal() {
        let _ = to.write_all(b"\r\x1b[2K");
    }
}

/// A line that begins with its label, `error: `; errors are said also where the rest is not.
pub(super) fn say(label: Label, line: &str) {
    if is_quiet() && label != Label::Error {
        return;
    }
    let line = inert(line);
    let (head, rest) = line.split_at(line.find(':').unwrap_or(0));
    let style = label.style();
    let _ = writeln!(anstream::stderr().lock(), "{style}{head}{style:#}{rest}");
}
