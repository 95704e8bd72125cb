//! A study done: fit, plans, curve, test, and what was asked beside them.

use std::ops::ControlFlow;

use serde::Serialize;

use crate::cost::ServingLine;
use crate::data::RunTable;
use crate::error::{Result, Warning};
use crate::fit::{Backtest, Fit, FitConfig, GainConfig, OnProgress};
use crate::law::Ensemble;
use crate::plan::{BandedCurve, Comparison, Recipe, banded_curve, compare_ratios, optimum_of_size};
use crate::study::config::{CurveSection, GainSection, PlanSection, StudyConfig};
use crate::study::fit::FitReport;
use crate::study::gain::{GainRecipe, GainReport, GainRequest, Running};
use crate::study::law::{AskedLaw, ask_laws};
use crate::study::next_runs::{NextRunsAnswer, NextRunsRequest};
use crate::study::plan::PlanAnswer;
use crate::study::recipe::RecipeRequest;
use crate::study::serving::ServingReport;
use crate::units::LossUnit;

/// Points of the compression curve.
const CURVE_POINTS: usize = 160;

/// A plan of the study under its heading.
#[derive(Clone, Debug, Serialize)]
pub struct Planned {
    /// The heading.
    pub title: String,
    /// The plans.
    #[serde(flatten)]
    pub answer: PlanAnswer,
}

/// The curve of a study and the trade-offs along it.
#[derive(Clone, Debug, Serialize)]
pub struct StudyCurve {
    /// The curve.
    pub banded: BandedCurve,
    /// Sizes at some tokens per parameter.
    pub comparison: Option<Comparison>,
}

/// Models served, as the study asked.
#[derive(Clone, Debug, Serialize)]
pub struct StudyServing {
    /// Memory, speed and price by batch size.
    pub report: ServingReport,
    /// Times per token over batch sizes.
    #[serde(skip)]
    pub lines: Vec<ServingLine>,
}

/// Two recipes compared, as the study asked.
#[derive(Clone, Debug, Serialize)]
pub struct StudyGain {
    /// The heading.
    pub title: String,
    /// The comparison.
    #[serde(flatten)]
    pub report: GainReport,
    /// What their losses are measured in.
    #[serde(skip)]
    pub unit: LossUnit,
}

/// Everything a study found.
#[derive(Clone, Debug)]
pub struct StudyReport {
    /// What was asked.
    pub config: StudyConfig,
    /// The runs.
    pub table: RunTable,
    /// The law.
    pub fit: FitReport,
    /// The plans.
    pub plans: Vec<Planned>,
    /// The compression curve.
    pub curve: Option<StudyCurve>,
    /// The test against the largest budget.
    pub backtest: Option<Backtest>,
    /// Models served.
    pub serving: Vec<StudyServing>,
    /// Runs written out.
    pub recipes: Vec<Recipe>,
    /// Recipes compared, each under its heading.
    pub gains: Vec<StudyGain>,
    /// The runs that would settle the decision; absent for a fit without draws or a proven minimum.
    pub next_runs: Option<NextRunsAnswer>,
}

impl StudyConfig {
    /// Reads the runs, fits, plans and tests.
    ///
    /// # Errors
    /// As reading, fitting and planning.
    pub fn answer(&self) -> Result<StudyReport> {
        self.answer_with_progress(&|_| ControlFlow::Continue(()))
    }

    /// As [`answer`](Self::answer); `progress` hears how far each fit is, and can stop it.
    ///
    /// # Errors
    /// As [`answer`](Self::answer), and [`FitError::Stopped`](crate::error::FitError::Stopped).
    pub fn answer_with_progress(&self, progress: &OnProgress<'_>) -> Result<StudyReport> {
        let source = self.source();
        let table = source.table(&|_, _| {})?;
        let fit = self.fit.answer_with_progress(&table, progress)?.from_logs(source);
        let ensemble = fit.fit.ensemble();
        let plans: Vec<Planned> = self
            .plan
            .iter()
            .filter_map(|p| p.answer(&fit.fit).transpose())
            .collect::<Result<_>>()?;
        Ok(StudyReport {
            next_runs: self.next_runs(&fit.fit, &plans)?,
            plans,
            serving: self
                .serving
                .iter()
                .map(|s| Ok(StudyServing { report: s.answer()?, lines: s.lines()? }))
                .collect::<Result<_>>()?,
            gains: self
                .gain
                .iter()
                .map(|section| section.answer(self, progress))
                .collect::<Result<_>>()?,
            recipes: self.recipe.iter().map(RecipeRequest::answer).collect::<Result<_>>()?,
            curve: self.curve.as_ref().map(|c| c.answer(&ensemble)).transpose()?,
            backtest: self.validate.then(|| self.validation().answer(&table)).transpose()?,
            config: self.clone(),
            table,
            fit,
        })
    }

    /// The runs to make next: as the study asks, else for the first plan of its own law.
    fn next_runs(&self, fit: &Fit, plans: &[Planned]) -> Result<Option<NextRunsAnswer>> {
        if fit.unfit_to_plan().is_some() {
            return Ok(None);
        }
        if let Some(asked) = &self.next {
            return asked.answer(fit).map(Some);
        }
        let own = |r: &crate::plan::Recommendation| r.law == fit.surface.label;
        let flops = plans
            .iter()
            .flat_map(|p| &p.answer.laws)
            .find(|law| own(&law.recommended))
            .map(|law| law.recommended.plan.train_flops);
        // Nobody asked: a fit that cannot say what to run next is no failure of the study.
        Ok(NextRunsRequest { flops, ..NextRunsRequest::default() }.answer(fit).ok())
    }
}

impl PlanSection {
    /// `None` where the plan is of the study's own law and that is no law to plan with.
    fn answer(&self, own: &Fit) -> Result<Option<Planned>> {
        let laws = if self.law == "fit" {
            if own.unfit_to_plan().is_some() {
                return Ok(None);
            }
            // The warnings of the fit are told once, with the fit.
            vec![AskedLaw { warnings: Vec::new(), ..AskedLaw::of_fit(own) }]
        } else {
            ask_laws(&self.law)?
        };
        Ok(Some(Planned { title: self.title.clone(), answer: self.request.answer_under(&laws)? }))
    }
}

impl GainSection {
    fn answer(&self, study: &StudyConfig, progress: &OnProgress<'_>) -> Result<StudyGain> {
        let [a, b] = self.names.clone().unwrap_or_else(|| {
            [&self.a, &self.b].map(|path| {
                path.file_stem().map_or(String::new(), |stem| stem.to_string_lossy().into_owned())
            })
        });
        let read = |name, path| GainRecipe::read(name, path, &study.read, &|_, _| {});
        let recipes = [read(a, &self.a)?, read(b, &self.b)?];
        let config = &study.fit.config;
        let rates = self.tokens_per_s.map_or(Vec::new(), |rates| rates.to_vec());
        let running = |tokens_per_s| Running { tokens_per_s, usd_per_hour: None };
        let request = GainRequest {
            config: GainConfig {
                laws: self.laws.clone(),
                floor: self.floor,
                at: Vec::new(),
                // What the study's own law is held at is not known of other recipes.
                fit: FitConfig {
                    objective: config.objective,
                    delta: config.delta,
                    over_weight: config.over_weight,
                    bootstrap: config.bootstrap,
                    seed: config.seed,
                    level: config.level,
                    ..FitConfig::default()
                },
            },
            running: rates.into_iter().map(running).collect(),
            joint: false,
        };
        let unit = recipes.iter().find_map(|r| Some(r.runs.as_ref()?.loss_unit()));
        let mut gains = request.answer_with_progress(&recipes, progress)?.gains;
        // Two recipes give one comparison.
        let report = gains.swap_remove(0);
        Ok(StudyGain { title: self.title.clone(), report, unit: unit.unwrap_or_default() })
    }
}

impl CurveSection {
    fn answer(&self, ensemble: &Ensemble) -> Result<StudyCurve> {
        let loss = optimum_of_size(&ensemble.best, self.quality_of)?.loss_nats;
        let comparison = (!self.ratios.is_empty())
            .then(|| compare_ratios(&ensemble.best, loss, &self.ratios))
            .transpose()?;
        Ok(StudyCurve { banded: banded_curve(ensemble, loss, CURVE_POINTS)?, comparison })
    }
}

impl StudyReport {
    /// Warnings of the fit and of every plan.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let plans = self.plans.iter().flat_map(|p| p.answer.warnings.iter());
        self.fit.warnings.iter().chain(plans).cloned().collect()
    }
}
