//! Step logs made on the spot, and reading them from a temporary folder.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use isoloss::data::{ReadOptions, RunTable, read};
use tempfile::TempDir;

pub(crate) fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

pub(crate) fn put(folder: &TempDir, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("created");
    std::fs::write(&path, bytes).expect("written");
    path
}

pub(crate) fn options(given: &[&str]) -> ReadOptions {
    let given = given.iter().map(|g| g.parse().expect("a fact")).collect();
    ReadOptions { given, ..ReadOptions::default() }
}

pub(crate) fn table(path: &Path, options: &ReadOptions) -> RunTable {
    read(&[path.to_owned()], options).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

pub(crate) fn refused(path: &Path, options: &ReadOptions) -> String {
    let error = read(&[path.to_owned()], options).expect_err("bad logs");
    assert!(error.is_bad_input(), "{error}");
    error.to_string()
}

pub(crate) fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is missing in: {text}");
    }
}

/// A step log with a cosine schedule over `planned` steps, cut at `until`.
pub(crate) struct Curve {
    pub(crate) planned: u32,
    pub(crate) until: u32,
    pub(crate) from: u32,
    pub(crate) floor: f64,
    pub(crate) seed: f64,
}

impl Curve {
    pub(crate) fn whole() -> Self {
        Self { planned: 400, until: 400, from: 1, floor: 0.1, seed: 0.0 }
    }

    pub(crate) fn loss(&self, step: u32) -> f64 {
        3.0 + 4.0 / f64::from(step).sqrt() + 0.01 * (f64::from(step) * 1.7 + self.seed).sin()
    }

    pub(crate) fn rate(&self, step: u32) -> f64 {
        let (t, warm) = (f64::from(step), 20.0);
        if t <= warm {
            return 3e-4 * t / warm;
        }
        let share = (t - warm) / (f64::from(self.planned) - warm);
        let wave = 0.5 * (1.0 + (std::f64::consts::PI * share).cos());
        3e-4 * (self.floor + (1.0 - self.floor) * wave)
    }

    /// Rows `step,lr,train_loss`.
    pub(crate) fn rows(&self) -> String {
        (self.from..=self.until).fold(String::new(), |mut text, step| {
            let _ = writeln!(text, "{step},{:e},{:.6}", self.rate(step), self.loss(step));
            text
        })
    }

    pub(crate) fn csv(&self) -> String {
        format!("step,lr,train_loss\n{}", self.rows())
    }
}

pub(crate) const SIZED: [&str; 3] = ["n_params=1e6", "batch_size=8", "seq_len=128"];
