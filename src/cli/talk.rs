//! `isoloss talk`: every quantitative claim of the talk, with our numbers beside.

use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::output::{Output, check_formats, save_all};
use crate::error::Result;
use crate::report::{Format, Saved, Text, findings_table, systems_table};
use crate::study::talk;

/// Flags of `isoloss talk`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss talk --json
  isoloss talk -o talk.svg -o talk.png")]
pub(super) struct Args {
    /// Write the plane of the talk to .svg or .png: training FLOPs against model size, the iso-loss
    /// line with its horizontal tangent, the capacity wall and the models named; repeatable.
    #[arg(short, long, value_name = "FILE")]
    out: Vec<PathBuf>,
}

pub(super) fn run(args: &Args) -> Result<Output> {
    check_formats(&args.out, &[Format::Svg, Format::Png])?;
    let report = talk()?;
    let mut text = Text::from(
        "Mensch, from Chinchilla to Mistral 7B: the claims of the talk, and our numbers\n",
    );
    for claim in &report.claims {
        let findings = claim.findings.iter();
        let findings = findings.map(|f| (f.by.as_str(), f.quantity.as_str(), f.text.as_str()));
        text.apart(format!("\"{}\"\n", claim.says));
        text.push(findings_table(findings));
        text.push_str(&format!(" -> {}\n", claim.verdict));
    }
    let systems = systems_table(report.systems.iter().map(|s| (s.said, &s.model)));
    text.apart(systems);
    if !args.out.is_empty() {
        text.apart(save_all(&args.out, &[Saved::Chart(&report.chart()?)])?);
    }
    Output::new(text, &report, Vec::new())
}
