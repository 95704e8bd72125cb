//! `isoloss study`: fit, plan, curve, validation and report from one file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args as ClapArgs;
use serde::{Deserialize, Serialize};

use super::curve::{BandedCurve, banded, picture};
use super::output::{Output, to_json_text};
use super::progress::Counter;
use crate::cost::Workload;
use crate::data::{ReadOptions, RunTable, read};
use crate::error::{Error, Result, SweepError};
use crate::fit::{
    Backtest, Fit, FitConfig, NormalPrior, Objective, Resample, backtest, fit, valleys,
};
use crate::law::{Ensemble, Range, law_by_id};
use crate::plan::{Comparison, Goal, Limits, Proposal, compare_ratios, optimum_of_size, propose};
use crate::report::{self, Chart, Size, StudyReport, write_atomically};
use crate::study::{AskedLaw, ask_laws};
use crate::units::{Flops, Params, Tokens};

/// Flags of `isoloss study`.
#[derive(Debug, ClapArgs)]
#[command(after_help = "Example:
  isoloss study configs/first-light.toml -o reports/first-light")]
pub(super) struct Args {
    /// The study file.
    #[arg(value_name = "FILE.toml")]
    file: PathBuf,
    /// Folder of the report; `reports/<name>` when absent.
    #[arg(short, long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// A study as written in its file. Paths are relative to the working directory.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StudyConfig {
    /// Names the study and its folder.
    pub(super) name: String,
    /// Title of the page.
    pub(super) title: String,
    /// A paragraph on what was run, for the page.
    #[serde(default)]
    pub(super) about: String,
    /// Tables of runs.
    pub(super) logs: Vec<PathBuf>,
    /// How they are read.
    #[serde(default)]
    pub(super) read: ReadOptions,
    /// How the law is fitted.
    #[serde(default)]
    pub(super) fit: FitSection,
    /// Budgets to plan for.
    #[serde(default)]
    pub(super) plan: Vec<PlanSection>,
    /// The compression curve to draw.
    #[serde(default)]
    pub(super) curve: Option<CurveSection>,
    /// Whether to fit the cheaper budgets and predict the dearest.
    #[serde(default = "yes")]
    pub(super) validate: bool,
}

fn yes() -> bool {
    true
}

/// How the law is fitted.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct FitSection {
    /// Family id.
    pub(super) law: String,
    delta: f64,
    bootstrap: usize,
    seed: u64,
    level: f64,
    objective: Objective,
    over_weight: f64,
    fixed: BTreeMap<String, f64>,
    bounds: BTreeMap<String, Range>,
    priors: BTreeMap<String, NormalPrior>,
    resample: Resample,
}

impl Default for FitSection {
    fn default() -> Self {
        let config = FitConfig::default();
        Self {
            law: "chinchilla".to_owned(),
            delta: config.delta,
            bootstrap: config.bootstrap,
            seed: config.seed,
            level: config.level,
            objective: config.objective,
            over_weight: config.over_weight,
            fixed: config.fixed,
            bounds: config.bounds,
            priors: config.priors,
            resample: config.resample,
        }
    }
}

impl FitSection {
    pub(super) fn config(&self) -> FitConfig {
        FitConfig {
            delta: self.delta,
            bootstrap: self.bootstrap,
            seed: self.seed,
            level: self.level,
            objective: self.objective,
            over_weight: self.over_weight,
            fixed: self.fixed.clone(),
            bounds: self.bounds.clone(),
            priors: self.priors.clone(),
            resample: self.resample,
            ..FitConfig::default()
        }
    }
}

/// A budget to plan for.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PlanSection {
    /// Heading on the page.
    title: String,
    /// `fit` for the study's own law, or what `--law` takes.
    #[serde(default = "own_fit")]
    law: String,
    /// Training FLOPs.
    flops: Flops,
    /// Tokens served over the model's life.
    #[serde(default)]
    serve_tokens: Option<Tokens>,
}

fn own_fit() -> String {
    "fit".to_owned()
}

/// The compression curve to draw.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CurveSection {
    /// The quality of the compute-optimal model of this size.
    quality_of: Params,
    /// Tokens per parameter to compare at that quality.
    #[serde(default)]
    ratios: Vec<f64>,
}

impl StudyConfig {
    pub(super) fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, "reading", &e))?;
        let bad = |reason: String| SweepError::File { path: path.display().to_string(), reason };
        let config: Self =
            toml::from_str(&text).map_err(|e| bad(e.to_string().trim_end().to_owned()))?;
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        if config.name.is_empty() || !config.name.chars().all(plain) {
            return Err(bad("`name` wants letters, digits, - and _".to_owned()).into());
        }
        if config.logs.is_empty() {
            return Err(bad("`logs` is empty; name at least one table of runs".to_owned()).into());
        }
        Ok(config)
    }

    pub(super) fn read_logs(&self) -> Result<RunTable> {
        read(&self.logs, &self.read)
    }
}

/// One `[[plan]]` with its answer.
#[derive(Clone, Debug, Serialize)]
struct Planned {
    title: String,
    goal: Goal,
    #[serde(flatten)]
    proposal: Proposal,
}

pub(super) fn run(args: &Args) -> Result<Output> {
    let config = StudyConfig::load(&args.file)?;
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from("reports").join(&config.name));
    let table = config.read_logs()?;
    let progress = Counter::new("bootstrap", config.fit.bootstrap);
    let law = law_by_id(&config.fit.law)?;
    let fitted = fit(law, &table, &config.fit.config(), &|done| progress.at(done))?;
    progress.clear();
    let ensemble = fitted.ensemble();
    let plans = config.plan.iter().map(|p| plan(p, &ensemble)).collect::<Result<Vec<_>>>()?;
    let curve = config.curve.as_ref().map(|c| curve_of(c, &ensemble)).transpose()?;
    let tested =
        config.validate.then(|| backtest(law, &table, &config.fit.config())).transpose()?;

    let command = format!("isoloss study {}", args.file.display());
    let report = Report {
        config: &config,
        command,
        table: &table,
        fit: &fitted,
        plans: &plans,
        curve: curve.as_ref(),
        tested: tested.as_ref(),
    };
    let files = report.files(&ensemble)?;
    for (name, bytes) in &files {
        write_atomically(&out.join(name), bytes)?;
    }
    let mut warnings = fitted.warnings.clone();
    warnings.extend(plans.iter().flat_map(|p| p.proposal.warnings.iter().cloned()));
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    let text = report.summary(&out, &names);
    let json = serde_json::json!({
        "study": config.name,
        "out": out,
        "files": names,
        "n_points": fitted.n_points,
        "coefficients": fitted.coefficients,
        "certified": fitted.certificate.certified,
        "plans": plans,
        "validation": tested,
    });
    Output::new(text, &json, warnings)
}

fn plan(section: &PlanSection, own: &Ensemble) -> Result<Planned> {
    let workload = section.serve_tokens.map_or(Workload::NONE, Workload::output);
    let goal = Goal::Budget(section.flops);
    let limits = Limits::default();
    let asked = if section.law == "fit" {
        vec![AskedLaw { ensemble: own.clone(), warnings: Vec::new() }]
    } else {
        ask_laws(&section.law)?
    };
    let mut proposal = Proposal { plans: Vec::new(), warnings: Vec::new() };
    for AskedLaw { ensemble, warnings } in &asked {
        let one = propose(ensemble, goal, &workload, &limits)?;
        proposal.plans.extend(one.plans);
        proposal.warnings.extend(warnings.iter().cloned());
        proposal.warnings.extend(one.warnings);
    }
    proposal.warnings.extend(crate::plan::disagreement(&proposal.plans));
    Ok(Planned { title: section.title.clone(), goal, proposal })
}

/// The curve of a study and the trade-offs along it.
struct StudyCurve {
    banded: BandedCurve,
    comparison: Option<Comparison>,
}

fn curve_of(section: &CurveSection, ensemble: &Ensemble) -> Result<StudyCurve> {
    const POINTS: usize = 160;
    let loss = optimum_of_size(&ensemble.best, section.quality_of)?.loss_nats;
    let comparison = (!section.ratios.is_empty())
        .then(|| compare_ratios(&ensemble.best, loss, &section.ratios))
        .transpose()?;
    Ok(StudyCurve { banded: banded(ensemble, loss, POINTS)?, comparison })
}

/// Everything the report is made of.
struct Report<'a> {
    config: &'a StudyConfig,
    command: String,
    table: &'a RunTable,
    fit: &'a Fit,
    plans: &'a [Planned],
    curve: Option<&'a StudyCurve>,
    tested: Option<&'a Backtest>,
}

impl Report<'_> {
    /// File names and contents, nothing written yet: a study that fails leaves no half report.
    fn files(&self, ensemble: &Ensemble) -> Result<Vec<(String, Vec<u8>)>> {
        let measured = valleys(self.table);
        let own_plans = self.plans.iter().flat_map(|p| &p.proposal.plans);
        let own_plans: Vec<_> =
            own_plans.filter(|r| r.law == ensemble.best.label).cloned().collect();
        let mut charts: Vec<Chart> = vec![
            report::valleys(self.table, &measured, Some(&self.fit.surface))?,
            report::frontier(self.table, ensemble, None)?,
            report::plane(Some(self.table), ensemble, &own_plans)?,
        ];
        if let Some(curve) = self.curve {
            charts.push(picture(&curve.banded, ensemble));
            // From training alone to a demand that dwarfs it.
            let d = curve.banded.curve.optimum.d;
            let served = [0.0, 10.0, 100.0, 1000.0].map(|times| d * times);
            charts.push(report::trade_off(&curve.banded.curve, &served));
        }
        charts.extend(self.tested.map(|t| report::predicted_against_actual(&t.runs)));
        let mut files = Vec::new();
        let mut figures = Vec::new();
        for chart in &charts {
            let (name, svg) = (chart.name.to_owned(), report::render_svg(chart, Size::PAGE)?);
            files.push((format!("{name}.svg"), svg.clone().into_bytes()));
            files.push((format!("{name}.png"), report::render_png(chart, Size::LARGE)?));
            figures.push(report::Figure { name, svg, caption: chart.caption.clone() });
        }
        let plans: Vec<(String, &Proposal)> =
            self.plans.iter().map(|p| (p.title.clone(), &p.proposal)).collect();
        let page = StudyReport {
            title: &self.config.title,
            about: &self.config.about,
            command: &self.command,
            table: self.table,
            valleys: &measured,
            fit: self.fit,
            plans: &plans,
            curve: self.curve.map(|c| &c.banded.curve),
            comparison: self.curve.and_then(|c| c.comparison.as_ref()),
            backtest: self.tested,
            figures: &figures,
        };
        files.push(("index.html".to_owned(), page.html()?.into_bytes()));
        files.push(("report.md".to_owned(), page.markdown().into_bytes()));
        files.push(("fit.json".to_owned(), to_json_text(self.fit)?.into_bytes()));
        files.push(("plan.json".to_owned(), to_json_text(&self.plans)?.into_bytes()));
        if let Some(curve) = self.curve {
            files.push((
                "curve.csv".to_owned(),
                report::curve_csv(&curve.banded.curve).into_bytes(),
            ));
        }
        if let Some(tested) = self.tested {
            files.push(("validation.json".to_owned(), to_json_text(tested)?.into_bytes()));
        }
        Ok(files)
    }

    fn summary(&self, out: &Path, names: &[&str]) -> String {
        let mut text = report::fit_sheet(self.fit).to_text();
        for planned in self.plans {
            text.push_str(&format!("\n{}\n", planned.title));
            for sheet in report::proposal_sheets(&planned.proposal.plans) {
                text.push_str(&sheet.to_text());
            }
        }
        if let Some(tested) = self.tested {
            text.push('\n');
            text.push_str(&report::backtest_text(tested));
        }
        text.push_str(&format!("\nwrote {} to {}/\n", names.join(", "), out.display()));
        text
    }
}
