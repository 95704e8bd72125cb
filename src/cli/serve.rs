//! `isoloss serve`: the explorer, a page on this machine.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::Args as ClapArgs;
use serde_json::json;

use super::output::{Console, Output};
use super::progress::Shown;
use super::streams::{deliver, note};
use crate::error::Result;
use crate::serve::{Explorer, LoadedFit, Origin, ServeConfig};

/// Flags of `isoloss serve`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss serve fit.json
  isoloss serve --law besiroglu,hoffmann-a3-devries
  isoloss serve fit.json --port 8080 --no-open")]
pub(super) struct Args {
    /// Fits to begin with, as `isoloss fit -o` writes them; more can be dropped on the page.
    #[arg(value_name = "FIT")]
    fits: Vec<PathBuf>,
    /// Published laws to begin with, several with commas, or a family with constants of your own.
    #[arg(long)]
    law: Option<String>,
    /// Port on 127.0.0.1; any free one when absent.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// Do not open a browser; the address is printed either way.
    #[arg(long)]
    no_open: bool,
}

pub(super) fn run(args: &Args, console: &Console) -> Result<Output> {
    let config = ServeConfig {
        fits: args.fits.clone(),
        law: args.law.clone(),
        port: args.port,
        command: command_lines,
    };
    let explorer = Explorer::open(&config)?;
    let address = explorer.address();
    let line =
        if console.json { json!({ "address": address }).to_string() } else { address.clone() };
    deliver(format!("{line}\n").as_bytes())?;
    note("the explorer runs until Ctrl-C; it answers this machine alone, and writes nothing");
    // It waits for the page, which is no work that takes long.
    let _waits = Shown::new();
    if !args.no_open && std::io::stdout().is_terminal() && has_display() {
        // Where there is no browser the address is enough.
        let _ = open::that_detached(&address);
    }
    explorer.run()?;
    Ok(Output { exit: Some(0), ..Output::default() })
}

/// Whether a browser has somewhere to open; a text browser would take the terminal.
fn has_display() -> bool {
    !cfg!(target_os = "linux")
        || ["DISPLAY", "WAYLAND_DISPLAY"].iter().any(|name| std::env::var_os(name).is_some())
}

/// The commands that answer what an address asks: its fields are called as the flags of `plan` are.
fn command_lines(fields: &[(&'static str, String)], fits: &[LoadedFit]) -> Vec<String> {
    let file = |fit: &LoadedFit| match fit.origin {
        Origin::Saved => fit.file.clone(),
        Origin::Runs => format!("{}.fit.json", fit.file),
    };
    let mut lines: Vec<String> = fits
        .iter()
        .filter(|fit| fit.origin == Origin::Runs)
        .map(|fit| format!("isoloss fit {} -o {}", word(&fit.file), word(&file(fit))))
        .collect();
    let named = |text: &str| {
        let part = |part: &str| {
            fits.iter().find(|fit| fit.id == part).map_or_else(|| part.to_owned(), &file)
        };
        text.split(',').map(part).collect::<Vec<_>>().join(",")
    };
    let flags = fields.iter().map(|(name, text)| {
        let text = if *name == "law" { named(text) } else { text.clone() };
        format!(" --{name} {}", word(&text))
    });
    lines.push(format!("isoloss plan{}", flags.collect::<String>()));
    lines
}

/// A word of a command line, in quotes where a shell would read more into it.
fn word(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "._-,/~:=+".contains(c);
    match !text.is_empty() && text.chars().all(plain) && !text.starts_with('~') {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}
