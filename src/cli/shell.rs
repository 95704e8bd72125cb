//! `isoloss completions` and `isoloss man`: what shells and `man` know of the command line.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Command, CommandFactory};
use clap_complete::Shell;
use roff::{Roff, roman};
use serde_json::json;

use super::Cli;
use super::output::{Console, Output};
use crate::data::write_atomically;
use crate::error::{ReportError, Result};

/// Flags of `isoloss completions`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss completions bash > ~/.local/share/bash-completion/completions/isoloss
  isoloss completions zsh > ~/.zfunc/_isoloss
  isoloss completions fish > ~/.config/fish/completions/isoloss.fish")]
pub(super) struct CompletionArgs {
    /// The shell.
    shell: Shell,
}

/// Flags of `isoloss man`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss man plan | man -l -
  isoloss man -o ~/.local/share/man/man1")]
pub(super) struct ManArgs {
    /// A verb; the page of isoloss itself when absent.
    verb: Option<String>,
    /// Write the pages of all verbs to this folder.
    #[arg(short, long, value_name = "DIR", conflicts_with = "verb")]
    out: Option<PathBuf>,
}

pub(super) fn completions(args: &CompletionArgs, console: &Console) -> Result<Output> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "isoloss", &mut script);
    let text = String::from_utf8_lossy(&script).into_owned();
    let json = json!({ "shell": args.shell.to_string(), "script": text });
    Output::file(&text, &json, console)
}

pub(super) fn man(args: &ManArgs, console: &Console) -> Result<Output> {
    let mut command = Cli::command();
    command.build();
    if let Some(folder) = &args.out {
        let pages = pages(&command)?;
        for (name, page) in &pages {
            write_atomically(folder.join(name), page.as_bytes())?;
        }
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        let text = format!("wrote {} pages to {}/\n", names.len(), folder.display());
        return Output::new(text, &json!({ "out": folder, "files": names }), Vec::new());
    }
    let page = match &args.verb {
        None => page(&command)?,
        Some(verb) => {
            let known = command.get_subcommands().map(Command::get_name);
            let found = command.find_subcommand(verb).ok_or_else(|| ReportError::NoManual {
                verb: verb.clone(),
                known: known.collect::<Vec<_>>().join(", "),
            })?;
            page(found)?
        }
    };
    Output::file(&page, &json!({ "page": page }), console)
}

/// Name and text of the page of a command and of all below it.
fn pages(command: &Command) -> Result<Vec<(String, String)>> {
    let mut pages = vec![(format!("{}.1", full_name(command)), page(command)?)];
    for below in command.get_subcommands().filter(|c| !c.is_hide_set() && c.get_name() != "help") {
        pages.extend(self::pages(below)?);
    }
    Ok(pages)
}

/// `isoloss-sweep-run`.
fn full_name(command: &Command) -> String {
    command.get_bin_name().unwrap_or(command.get_name()).replace(' ', "-")
}

fn page(command: &Command) -> Result<String> {
    let bad = |e: std::io::Error| ReportError::Template { reason: e.to_string() };
    let examples = command.get_after_help().map(ToString::to_string);
    let man = clap_mangen::Man::new(command.clone().after_help(""))
        .title(full_name(command).to_uppercase())
        .source(concat!("isoloss ", env!("CARGO_PKG_VERSION")))
        .manual("isoloss");
    let mut text = Vec::new();
    man.render(&mut text).map_err(bad)?;
    if let Some(examples) = examples {
        // In lines as they are typed.
        Roff::new()
            .control("SH", ["EXAMPLES"])
            .control("nf", [])
            .text([roman(
                examples.trim_start_matches("Examples:\n").trim_start_matches("Example:\n"),
            )])
            .control("fi", [])
            .to_writer(&mut text)
            .map_err(bad)?;
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}
