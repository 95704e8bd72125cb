//! `isoloss validate`: a plan held against runs, or the largest budget against the smaller ones.

use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;

use super::output::{Console, Output, check_formats, save_all};
use super::progress::Counter;
use super::reading::ReadingArgs;
use crate::data::read_text;
use crate::error::Result;
use crate::report::{Format, Saved, backtest_text, json_text};
use crate::study::{BacktestPicture, PlanFile, StudyConfig, ValidateRequest, backtest_chart};
use crate::sweep::{BaseSweep, ChosenRun, chosen_sweep};

/// Flags of `isoloss validate`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Examples:
  isoloss validate plan.json
  isoloss validate plan.json -o verify.toml --sweep sweep.toml
  isoloss validate plan.json runs/verify/runs.jsonl
  isoloss validate configs/first-light.toml
  isoloss validate runs/first-light/runs.jsonl --json
  isoloss validate runs/first-light/runs.jsonl --picture errors -o errors.svg

plan.json is what isoloss plan -o wrote. Alone, it is answered by the runs that would test it. Exit
codes: 0 holds, 4 fails, 5 cannot tell.")]
pub(super) struct Args {
    /// A plan, with the runs that test it; or a study file; or logs of an isoFLOP sweep.
    #[arg(required = true, value_name = "PLAN_STUDY_OR_LOGS")]
    input: Vec<PathBuf>,
    /// Law family, where the input is logs.
    #[arg(long, default_value = "chinchilla")]
    law: String,
    /// Sweep file whose corpus and recipe the runs of -o FILE.toml take.
    #[arg(long, value_name = "FILE.toml")]
    sweep: Option<PathBuf>,
    #[command(flatten)]
    reading: ReadingArgs,
    /// What a picture of the largest budget shows.
    #[arg(long, value_enum, default_value = "losses")]
    picture: BacktestPicture,
    /// Write the runs that test a plan: a sweep file .toml, a table .csv, or .json; of a test of the
    /// largest budget a picture, .svg or .png, or .json (repeatable).
    #[arg(short, long, value_name = "FILE")]
    out: Vec<PathBuf>,
}

pub(super) fn run(args: &Args, console: &Console) -> Result<Output> {
    let formats = [Format::Toml, Format::Csv, Format::Json, Format::Svg, Format::Png];
    check_formats(&args.out, &formats)?;
    let has = |p: &PathBuf, extension: &str| p.extension().is_some_and(|e| e == extension);
    let (first, runs) = args.input.split_first().unwrap_or((&args.input[0], &[]));
    // Any other .json may be a table of runs, in any encoding.
    let text = if has(first, "json") { read_text(first).ok() } else { None };
    if let Some(text) = text.filter(|text| PlanFile::is_ours(text)) {
        let plan = PlanFile::parse(&text, &first.display().to_string())?;
        return plan_tested(&plan, runs, args, console);
    }
    let (table, request) = match args.input.as_slice() {
        [file] if has(file, "toml") => {
            let study = StudyConfig::load(file)?;
            (study.source().table(&|_, _| {})?, study.validation())
        }
        files => {
            let request = ValidateRequest { law: args.law.clone(), ..ValidateRequest::default() };
            (args.reading.read(files, console)?, request)
        }
    };
    let draws = Counter::new("fitting", request.config.bootstrap);
    let test = request.answer_with_progress(&table, &|progress| draws.at(progress))?;
    draws.clear();
    let mut text = backtest_text(&test);
    if !args.out.is_empty() {
        let (json, chart) = (json_text(&test)?, backtest_chart(&test, args.picture, &table));
        text.apart(save_all(&args.out, &[Saved::Json(&json), Saved::Chart(&chart)])?);
    }
    let output = Output::new(text, &test, test.warnings.clone())?;
    Ok(Output { verdict: Some(test.verdict.outcome), ..output })
}

/// The runs that would test a plan, or what those at hand say of it.
fn plan_tested(
    plan: &PlanFile,
    runs: &[PathBuf],
    args: &Args,
    console: &Console,
) -> Result<Output> {
    let check = match runs {
        [] => plan.unchecked(),
        runs => plan.check(&args.reading.read(runs, console)?)?,
    };
    let mut text = check.text();
    if !args.out.is_empty() {
        let wants = |format| args.out.iter().any(|path| Format::of(path, &[format]).is_ok());
        let sweep = match wants(Format::Toml) {
            true => Some(sweep_file(plan, args.sweep.as_deref(), &args.out)?),
            false => None,
        };
        let (csv, json) = (check.csv()?, json_text(&check)?);
        let mut forms = vec![Saved::Csv(&csv), Saved::Json(&json)];
        forms.extend(sweep.as_deref().map(Saved::Toml));
        text.apart(save_all(&args.out, &forms)?);
    } else if runs.is_empty() {
        text.apart(format!(
            "next: -o verify.toml or -o verify.csv, train them, then\n  isoloss validate {} RUNS\n",
            plan.path
        ));
    }
    let output = Output::new(text, &check, check.warnings.clone())?;
    Ok(Output { verdict: check.verdict.map(|verdict| verdict.outcome), ..output })
}

/// The sweep file of the runs around a plan.
fn sweep_file(plan: &PlanFile, base: Option<&Path>, outs: &[PathBuf]) -> Result<String> {
    let runs: Vec<ChosenRun> = plan
        .cells()
        .iter()
        .map(|cell| ChosenRun { n: cell.prediction.params, d: cell.prediction.tokens })
        .collect();
    let about = [format!("The runs around the plan of {}.", plan.path)];
    sweep_of(&runs, plan.law().surface.params, base, outs, &about)
}

/// A sweep file of chosen runs, named after the first .toml of `outs`.
pub(super) fn sweep_of(
    runs: &[ChosenRun],
    count: crate::units::ParamRule,
    base: Option<&Path>,
    outs: &[PathBuf],
    about: &[String],
) -> Result<String> {
    let mut about = about.to_vec();
    let base = match base {
        Some(path) => {
            about.push(format!("Corpus and recipe: those of {}.", path.display()));
            Some((read_text(path)?, path.display().to_string()))
        }
        None => {
            about.push(
                "Corpus and recipe: put in those of the runs that the law was fitted to."
                    .to_owned(),
            );
            None
        }
    };
    let files = || outs.iter().filter(|path| path.extension().is_some_and(|e| e == "toml"));
    let folder_of = |path: &Path| path.parent().map_or(PathBuf::new(), Path::to_path_buf);
    let base_folder = base.as_ref().map(|(_, path)| folder_of(Path::new(path)));
    let moved = base_folder.filter(|from| files().any(|path| folder_of(path) != *from));
    let base =
        base.as_ref().map(|(text, path)| BaseSweep { text, path, moved_from: moved.as_deref() });
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '-' };
    let stem = files()
        .find_map(|path| path.file_stem())
        .map(|stem| stem.to_string_lossy().chars().map(plain).collect::<String>());
    let name = stem.filter(|name| name.chars().any(char::is_alphanumeric));
    let name = name.unwrap_or_else(|| "next".to_owned());
    chosen_sweep(&name, runs, count, base, &about)
}
