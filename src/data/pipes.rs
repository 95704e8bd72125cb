//! Pipes and standard input, which can be read once: their bytes go to a temporary file.

use std::fs::File;
use std::io::{ErrorKind, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tempfile::{NamedTempFile, TempPath};

use super::leftovers::Listed;
use crate::error::DataError;

/// The path that stands for standard input.
pub(super) const STDIN: &str = "-";

/// How long a pipe is waited for.
#[derive(Clone, Copy)]
struct Patience {
    /// Until something opens it for writing.
    opened: Duration,
    /// Between one piece and the next.
    silent: Duration,
}

const PATIENCE: Patience =
    Patience { opened: Duration::from_secs(10), silent: Duration::from_secs(60) };

/// Most bytes of a pipe that are kept.
const MOST: u64 = 16 << 30;

/// What came out of a pipe; the file goes with the last who holds it.
#[derive(Debug)]
pub(super) struct Pipe(TempPath, #[allow(dead_code, reason = "held for its end")] Listed);

impl Pipe {
    pub(super) fn place(&self) -> &Path {
        &self.0
    }
}

/// The pipes that were read.
struct Known {
    keepers: usize,
    /// Held for the keepers.
    kept: Vec<Arc<Pipe>>,
    pipes: Vec<(PathBuf, Weak<Pipe>)>,
}

static KNOWN: Mutex<Known> = Mutex::new(Known { keepers: 0, kept: Vec::new(), pipes: Vec::new() });

fn known() -> MutexGuard<'static, Known> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As long as it lives, a pipe that is named again is the one that was read.
#[derive(Debug)]
pub(crate) struct PipeKeeper(());

impl PipeKeeper {
    pub(crate) fn new() -> Self {
        known().keepers += 1;
        Self(())
    }
}

impl Drop for PipeKeeper {
    fn drop(&mut self) {
        let mut known = known();
        known.keepers -= 1;
        if known.keepers == 0 {
            known.kept.clear();
        }
    }
}

/// Everything that comes out of a pipe or of standard input; `None` for any other file.
///
/// # Errors
/// [`DataError::Unreadable`] for a terminal, for a pipe that nothing writes to, and for one that is
/// silent for a minute.
pub(super) fn piped(path: &Path) -> Result<Option<Arc<Pipe>>, DataError> {
    let unreadable =
        |reason: String| DataError::Unreadable { path: path.display().to_string(), reason };
    if let Some(frame) = framed(path) {
        return Ok(Some(frame));
    }
    let is_stdin = path == Path::new(STDIN);
    let is_terminal = if is_stdin {
        std::io::stdin().is_terminal()
    } else {
        match kind_of(path) {
            Kind::Other => return Ok(None),
            Kind::Device if !File::open(path).is_ok_and(|file| file.is_terminal()) => {
                return Ok(None);
            }
            Kind::Device => true,
            Kind::Pipe => false,
        }
    };
    if is_terminal {
        let reason = "it is a terminal; name a file, or pipe a log into it".to_owned();
        return Err(unreadable(reason));
    }
    let mut known = known();
    known.pipes.retain(|(_, pipe)| pipe.strong_count() > 0);
    let read = known.pipes.iter().find(|(known, _)| known == path);
    if let Some(pipe) = read.and_then(|(_, pipe)| pipe.upgrade()) {
        return Ok(Some(pipe));
    }
    let file = NamedTempFile::new().map_err(|e| unreadable(e.to_string()))?;
    let listed = Listed::new(file.path());
    let owned = path.to_owned();
    let open = move || -> std::io::Result<Box<dyn Read>> {
        Ok(if is_stdin { Box::new(std::io::stdin()) } else { Box::new(File::open(owned)?) })
    };
    spool(open, &mut file.as_file(), PATIENCE, MOST).map_err(unreadable)?;
    let pipe = Arc::new(Pipe(file.into_temp_path(), listed));
    known.pipes.push((path.to_owned(), Arc::downgrade(&pipe)));
    if known.keepers > 0 {
        known.kept.push(Arc::clone(&pipe));
    }
    Ok(Some(pipe))
}

/// Keeps bytes under a path of angle brackets, which no file that people read has.
pub(super) fn keep(name: &str, file: NamedTempFile) -> (PathBuf, Arc<Pipe>) {
    let name = name.replace(['/', '<', '>'], " ");
    let mut known = known();
    known.pipes.retain(|(_, pipe)| pipe.strong_count() > 0);
    let path = (1..)
        .map(|i| PathBuf::from(if i == 1 { format!("<{name}>") } else { format!("<{name} {i}>") }))
        .find(|path| known.pipes.iter().all(|(other, _)| other != path))
        .unwrap_or_default();
    let listed = Listed::new(file.path());
    let pipe = Arc::new(Pipe(file.into_temp_path(), listed));
    known.pipes.push((path.clone(), Arc::downgrade(&pipe)));
    (path, pipe)
}

/// What is kept under such a path.
pub(super) fn framed(path: &Path) -> Option<Arc<Pipe>> {
    let is_frame = path.to_str().is_some_and(|path| path.starts_with('<') && path.ends_with('>'));
    let known = is_frame.then(known)?;
    let kept = known.pipes.iter().find(|(known, _)| known == path);
    kept.and_then(|(_, pipe)| pipe.upgrade())
}

enum Kind {
    Pipe,
    Device,
    Other,
}

#[cfg(unix)]
fn kind_of(path: &Path) -> Kind {
    use std::os::unix::fs::FileTypeExt;
    match std::fs::metadata(path).map(|m| m.file_type()) {
        Ok(kind) if kind.is_fifo() => Kind::Pipe,
        Ok(kind) if kind.is_char_device() => Kind::Device,
        _ => Kind::Other,
    }
}

#[cfg(not(unix))]
fn kind_of(_: &Path) -> Kind {
    Kind::Other
}

/// Bytes of a piece.
const PIECE: usize = 1 << 16;

/// Copies all that can be read.
///
/// Opening and reading may block for ever, so a thread of its own does that; where patience ends, it
/// is left behind.
fn spool(
    open: impl FnOnce() -> std::io::Result<Box<dyn Read>> + Send + 'static,
    into: &mut impl Write,
    patience: Patience,
    most: u64,
) -> Result<(), String> {
    let (to, from) = sync_channel::<std::io::Result<Vec<u8>>>(16);
    std::thread::spawn(move || {
        let mut pipe = match open() {
            Ok(pipe) => pipe,
            Err(error) => return drop(to.send(Err(error))),
        };
        // Nothing, to say that it is open.
        let mut piece = Ok(Vec::new());
        while to.send(piece).is_ok() {
            let mut bytes = vec![0; PIECE];
            piece = match pipe.read(&mut bytes) {
                Ok(0) => return,
                Ok(n) => {
                    bytes.truncate(n);
                    Ok(bytes)
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => Ok(Vec::new()),
                Err(error) => Err(error),
            };
        }
    });
    receive(&from, into, patience, most)
}

fn receive(
    from: &Receiver<std::io::Result<Vec<u8>>>,
    into: &mut impl Write,
    patience: Patience,
    most: u64,
) -> Result<(), String> {
    let mut bytes = 0;
    let mut wait = patience.opened;
    loop {
        match from.recv_timeout(wait) {
            Ok(piece) => {
                let piece = piece.map_err(|e| e.to_string())?;
                bytes += piece.len() as u64;
                if bytes > most {
                    return Err(format!("more than {} GiB came out of the pipe", most >> 30));
                }
                into.write_all(&piece).map_err(|e| format!("its copy: {e}"))?;
                wait = patience.silent;
            }
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {
                let seconds = wait.as_secs();
                return Err(match bytes {
                    0 if wait == patience.opened => {
                        format!("a pipe that nothing opened for writing within {seconds} s")
                    }
                    _ => format!("the pipe was silent for {seconds} s, after {bytes} bytes"),
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Patience =
        Patience { opened: Duration::from_millis(200), silent: Duration::from_millis(400) };

    /// Pieces with a pause before each.
    struct Slow {
        pauses_ms: Vec<u64>,
    }

    impl Read for Slow {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let Some(pause) = self.pauses_ms.pop() else { return Ok(0) };
            std::thread::sleep(Duration::from_millis(pause));
            into[..3].copy_from_slice(b"abc");
            Ok(3)
        }
    }

    fn spooled(pauses_ms: Vec<u64>, most: u64) -> Result<Vec<u8>, String> {
        let mut copy = Vec::new();
        let open = move || Ok(Box::new(Slow { pauses_ms }) as Box<dyn Read>);
        spool(open, &mut copy, SHORT, most).map(|()| copy)
    }

    #[test]
    fn a_slow_writer_is_waited_for_and_a_silent_one_is_not() {
        assert_eq!(spooled(vec![30, 100, 0], MOST).expect("bytes"), b"abcabcabc");
        assert_eq!(spooled(Vec::new(), MOST).expect("nothing"), b"");
        let silent = spooled(vec![5000, 0], MOST).expect_err("a silent pipe");
        assert!(silent.contains("silent") && silent.contains("after 3 bytes"), "{silent}");
        assert!(spooled(vec![0; 10], 20).expect_err("too much").contains("more than"));
    }

    #[test]
    fn a_pipe_that_nothing_opens_is_not_waited_for() {
        let open = || {
            std::thread::sleep(Duration::from_secs(5));
            Ok(Box::new(std::io::empty()) as Box<dyn Read>)
        };
        let error = spool(open, &mut Vec::new(), SHORT, MOST).expect_err("nothing opened it");
        assert!(error.contains("nothing opened"), "{error}");
    }
}
