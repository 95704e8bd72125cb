//! Files to read: folders walked, compression undone, bytes counted.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use walkdir::WalkDir;

use super::pipes::{Pipe, STDIN, framed, piped};
pub(super) use super::plain::read_full;
use super::plain::{Stream, Tear, plain};
use crate::error::DataError;

/// Most files of a folder; one with more is not a folder of logs.
const MOST_FILES: usize = 100_000;

/// Bytes of a file that decide what it is.
pub(super) const HEAD: usize = 256 * 1024;

/// Longest hole at the beginning of a file behind which its text is looked for: a log that was
/// emptied while it was written to begins with one.
const MOST_HOLE: usize = 64 << 20;

/// What the readers report while they read: bytes so far, of how many.
pub(super) type Progress<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// One file, or one folder that is a log as a whole.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) path: PathBuf,
    /// Whether the user named it, rather than a folder it is in.
    pub(super) asked: bool,
    /// The folder of an MLflow run.
    pub(super) is_folder: bool,
    /// What came out of it, of a pipe.
    pipe: Option<Arc<Pipe>>,
    /// Where its compressed bytes end too early, once they were read to there.
    tear: Arc<OnceLock<Tear>>,
}

/// Bytes read so far over all sources, and their checksum by source.
#[derive(Debug, Default)]
pub(super) struct Meter {
    done: AtomicU64,
    pub(super) total: u64,
    crc: AtomicU32,
}

impl Meter {
    pub(super) fn new(total: u64) -> Self {
        Self { total, ..Self::default() }
    }

    /// The checksum since the last call.
    pub(super) fn take_crc(&self) -> u32 {
        self.crc.swap(0, Ordering::Relaxed)
    }
}

/// A reader that counts, checksums and reports its progress.
pub(super) struct Metered<'a> {
    inner: Box<dyn Read + Send>,
    meter: &'a Meter,
    progress: Progress<'a>,
    tear: Arc<OnceLock<Tear>>,
}

impl Stream for Metered<'_> {
    fn is_torn(&self) -> bool {
        self.tear.get().is_some()
    }
}

impl Read for Metered<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(into)?;
        let crc = self.meter.crc.load(Ordering::Relaxed);
        self.meter.crc.store(crc32c::crc32c_append(crc, &into[..n]), Ordering::Relaxed);
        let done = self.meter.done.fetch_add(n as u64, Ordering::Relaxed) + n as u64;
        (self.progress)(done, self.meter.total);
        Ok(n)
    }
}

impl Source {
    fn new(path: &Path, asked: bool, is_folder: bool) -> Self {
        Self { path: path.to_owned(), asked, is_folder, pipe: None, tear: Arc::default() }
    }

    /// A file that the user named; a pipe is read to its end.
    ///
    /// # Errors
    /// [`DataError::Unreadable`] for a terminal and for a pipe that stays silent.
    pub(super) fn named(path: &Path) -> Result<Self, DataError> {
        Ok(Self { pipe: piped(path)?, ..Self::new(path, true, false) })
    }

    /// Where its bytes lie.
    pub(super) fn place(&self) -> &Path {
        self.pipe.as_ref().map_or(self.path.as_path(), |pipe| pipe.place())
    }

    /// Where its compressed bytes were found to end too early.
    pub(super) fn tear(&self) -> Option<&Tear> {
        self.tear.get()
    }

    pub(super) fn shown(&self) -> String {
        self.path.display().to_string()
    }

    /// The name without what compression added.
    pub(super) fn file_name(&self) -> String {
        let name = self.path.file_name().map(|n| n.to_string_lossy().into_owned());
        let name = name.unwrap_or_default();
        if name == STDIN {
            return "stdin".to_owned();
        }
        let frame = name.strip_prefix('<').and_then(|name| name.strip_suffix('>'));
        if let Some(frame) = frame.filter(|_| self.pipe.is_some()) {
            return format!("{frame}.csv");
        }
        let bare = name.strip_suffix(".gz").or_else(|| name.strip_suffix(".zst"));
        bare.map_or_else(|| name.clone(), str::to_owned)
    }

    pub(super) fn unreadable(&self, cause: &impl std::fmt::Display) -> DataError {
        DataError::Unreadable { path: self.shown(), reason: cause.to_string() }
    }

    /// This file needs a reader that was left out of the build.
    #[cfg(not(all(feature = "parquet", feature = "mlflow", feature = "zstd")))]
    pub(super) fn needs(&self, format: &'static str, feature: &'static str) -> DataError {
        DataError::NotBuilt { path: self.shown(), format, feature }
    }

    /// The bytes, decompressed, text as UTF-8.
    fn plain(&self) -> Result<Box<dyn Read + Send>, DataError> {
        let mut file = File::open(self.place()).map_err(|e| self.unreadable(&e))?;
        let mut magic = [0_u8; 4];
        let n = read_full(&mut file, &mut magic).map_err(|e| self.unreadable(&e))?;
        #[cfg(not(feature = "zstd"))]
        if super::plain::is_zstd(&magic[..n]) {
            return Err(self.needs("Zstandard", "zstd"));
        }
        plain(&magic[..n], file, &self.tear).map_err(|e| self.unreadable(&e))
    }

    /// The bytes from the start, decompressed and counted.
    pub(super) fn open<'a>(
        &self,
        meter: &'a Meter,
        progress: Progress<'a>,
    ) -> Result<Metered<'a>, DataError> {
        let tear = Arc::clone(&self.tear);
        Ok(Metered { inner: self.plain()?, meter, progress, tear })
    }

    /// Reads all bytes for their checksum alone, ahead of a library that opens the file itself.
    #[cfg(any(feature = "parquet", feature = "mlflow"))]
    pub(super) fn checksum(&self, meter: &Meter, progress: Progress<'_>) -> Result<(), DataError> {
        let mut from = self.open(meter, progress)?;
        let mut buffer = vec![0; 1 << 20];
        while read_full(&mut from, &mut buffer).map_err(|e| self.unreadable(&e))? > 0 {}
        Ok(())
    }

    /// The first [`HEAD`] bytes, behind a hole of NUL bytes that is longer.
    pub(super) fn head(&self) -> Result<Vec<u8>, DataError> {
        let mut from = self.plain()?;
        let mut head = vec![0; HEAD];
        for _ in 0..MOST_HOLE / HEAD {
            let n = read_full(&mut from, &mut head).map_err(|e| self.unreadable(&e))?;
            if n < HEAD || head.iter().any(|byte| *byte != 0) {
                head.truncate(n);
                break;
            }
        }
        Ok(head)
    }

    /// All bytes of a file that must be held as a whole.
    ///
    /// # Errors
    /// When it is larger than `most` bytes, so that a damaged or hostile file takes no more.
    pub(super) fn all(
        &self,
        most: u64,
        meter: &Meter,
        progress: Progress<'_>,
    ) -> Result<Vec<u8>, DataError> {
        let mut bytes = Vec::new();
        let read = self.open(meter, progress)?.take(most + 1).read_to_end(&mut bytes);
        read.map_err(|e| self.unreadable(&e))?;
        if bytes.len() as u64 > most {
            return Err(DataError::FileTooLarge { path: self.shown(), limit_mib: most >> 20 });
        }
        Ok(bytes)
    }

    pub(super) fn len(&self) -> u64 {
        std::fs::metadata(self.place()).map_or(0, |m| m.len())
    }
}

/// Whether this folder is an MLflow run: its facts beside its metrics.
fn is_mlflow_run(folder: &Path) -> bool {
    folder.join("meta.yaml").is_file() && folder.join("metrics").is_dir()
}

/// Whether this folder is a sweep of ours: its table is made from records beside it, and its other
/// files say the same again, or say it of runs that no longer count.
fn is_sweep(folder: &Path) -> bool {
    folder.join(SWEEP_TABLE).is_file() && ["rows", "units"].iter().all(|f| folder.join(f).is_dir())
}

/// The runs of a sweep that count.
const SWEEP_TABLE: &str = "runs.jsonl";

/// The files behind what the user named, folders walked in order of names; hidden files and what
/// belongs to an MLflow run folder are not listed by themselves, and of a sweep only its table is.
///
/// # Errors
/// [`DataError::Unreadable`] for a path that does not exist or a folder that cannot be listed.
pub(super) fn sources(paths: &[impl AsRef<Path>]) -> Result<Vec<Source>, DataError> {
    let mut found: Vec<Source> = Vec::new();
    for path in paths.iter().map(AsRef::as_ref) {
        let shown = || path.display().to_string();
        let unreadable = |reason: String| DataError::Unreadable { path: shown(), reason };
        let is_kept = path == Path::new(STDIN) || framed(path).is_some();
        if is_kept || !std::fs::metadata(path).map_err(|e| unreadable(e.to_string()))?.is_dir() {
            found.push(Source::named(path)?);
            continue;
        }
        let mut walk = WalkDir::new(path).sort_by_file_name().into_iter();
        while let Some(entry) = walk.next() {
            let entry = entry.map_err(|e| unreadable(e.to_string()))?;
            let hidden = entry.depth() > 0 && entry.file_name().to_string_lossy().starts_with('.');
            let mut push = |is_folder| {
                found.push(Source::new(entry.path(), false, is_folder));
            };
            if entry.file_type().is_dir() {
                if hidden {
                    walk.skip_current_dir();
                } else if is_mlflow_run(entry.path()) {
                    push(true);
                    walk.skip_current_dir();
                } else if is_sweep(entry.path()) {
                    found.push(Source::new(&entry.path().join(SWEEP_TABLE), false, false));
                    walk.skip_current_dir();
                }
            } else if !hidden && entry.path().is_file() {
                push(false);
            }
            if found.len() > MOST_FILES {
                return Err(DataError::TooManyFiles { path: shown(), limit: MOST_FILES });
            }
        }
    }
    Ok(found)
}
