//! `isoloss init`: an annotated study, sweep or run file.

use std::borrow::Cow;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::{Args as ClapArgs, ValueEnum};
use serde_json::json;

use super::output::{Console, Output, check_whole};
use super::places::is_stdout;
use crate::data::write_atomically;
use crate::error::{Error, Result};
use crate::report::Format;
use crate::study::StudyConfig;
use crate::sweep::{RunConfig, SweepConfig};

/// Flags of `isoloss init`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss init study > study.toml
  isoloss init sweep -o sweep.toml")]
pub(super) struct Args {
    /// What to write.
    #[arg(value_enum)]
    kind: Kind,
    /// A new file, in place of stdout; one that exists is never replaced.
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// For `isoloss study`: logs, fit, plans, curve and report.
    Study,
    /// For `isoloss sweep`: many small training runs.
    Sweep,
    /// For `isoloss train`: one training run.
    Run,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Study => "study",
            Self::Sweep => "sweep",
            Self::Run => "run",
        }
    }

    /// What runs a file of this kind.
    fn verb(self) -> &'static str {
        match self {
            Self::Study => "isoloss study",
            Self::Sweep => "isoloss sweep run",
            Self::Run => "isoloss train",
        }
    }

    fn template(self) -> Cow<'static, str> {
        match self {
            Self::Study => StudyConfig::TEMPLATE.into(),
            Self::Sweep => SweepConfig::template().into(),
            Self::Run => RunConfig::TEMPLATE.into(),
        }
    }
}

pub(super) fn run(args: &Args, console: &Console) -> Result<Output> {
    check_whole(args.out.as_slice(), &[Format::Toml])?;
    let (kind, template) = (args.kind.name(), args.kind.template());
    match args.out.as_deref().filter(|path| !is_stdout(path)) {
        None => {
            let json = json!({ "kind": kind, "template": template });
            Output::file(&template, &json, console)
        }
        Some(path) => {
            write_new(path, template.as_bytes())?;
            let shown = path.display();
            let text = format!("wrote {shown}; next: {} {shown}\n", args.kind.verb());
            Output::new(text, &json!({ "kind": kind, "out": path }), Vec::new())
        }
    }
}

/// Writes a file that is not there yet; a device or a pipe is written to.
fn write_new(path: &Path, bytes: &[u8]) -> Result<()> {
    if std::fs::metadata(path).is_ok_and(|m| !m.is_file() && !m.is_dir()) {
        return write_atomically(path, bytes);
    }
    let mut file = match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            return Err(Error::Io {
                path: path.display().to_string(),
                action: "writing a template",
                reason: "it exists, and a template replaces no file".to_owned(),
            });
        }
        Err(e) => return Err(Error::io(path, "create", &e)),
    };
    file.write_all(bytes).map_err(|e| {
        // Half a template would be in the way of the next try.
        let _ = std::fs::remove_file(path);
        Error::io(path, "write", &e)
    })
}
