//! A study done: fit, plans, curve and test, and the files that show them.

use std::ops::ControlFlow;

use serde::Serialize;

use super::config::{CurveSection, PlanSection, StudyConfig};
use super::curve::models_near;
use super::fit::FitReport;
use super::law::{AskedLaw, ask_laws};
use super::plan::PlanAnswer;
use crate::data::RunTable;
use crate::error::{Result, Warning};
use crate::fit::{Backtest, Fit, OnProgress, valleys};
use crate::law::Ensemble;
use crate::plan::{BandedCurve, Comparison, Row, banded_curve, compare_ratios, optimum_of_size};
use crate::report::{self, Chart, Size};
use crate::units::{Flops, Params};

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
}

/// A file of a report: its name and its bytes.
pub type ReportFile = (String, Vec<u8>);

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
        Ok(StudyReport {
            plans: self
                .plan
                .iter()
                .filter_map(|p| p.answer(&fit.fit).transpose())
                .collect::<Result<_>>()?,
            curve: self.curve.as_ref().map(|c| c.answer(&ensemble)).transpose()?,
            backtest: self.validate.then(|| self.validation().answer(&table)).transpose()?,
            config: self.clone(),
            table,
            fit,
        })
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

    /// Names and contents of all files of the report, none of them written yet: a study that fails
    /// leaves no half report. `command` is what rebuilds it, for the page.
    ///
    /// # Errors
    /// [`ReportError`](crate::error::ReportError) when a chart or the page cannot be made.
    pub fn files(&self, command: &str) -> Result<Vec<ReportFile>> {
        let mut files = Vec::new();
        let mut figures = Vec::new();
        for chart in &self.charts()? {
            let (name, svg) = (chart.name.to_owned(), report::render_svg(chart, Size::PAGE)?);
            files.push((format!("{name}.svg"), svg.clone().into_bytes()));
            files.push((format!("{name}.png"), report::render_png(chart, Size::LARGE)?));
            figures.push(report::Figure { name, svg, caption: chart.caption.clone() });
        }
        let plans: Vec<(String, Vec<Row>)> = self
            .plans
            .iter()
            .map(|p| (p.title.clone(), p.answer.rows().cloned().collect()))
            .collect();
        let warnings = self.warnings();
        let measured = valleys(&self.table);
        let page = report::Page {
            title: &self.config.title,
            about: &self.config.about,
            command,
            table: &self.table,
            valleys: &measured,
            fit: &self.fit.fit,
            plans: &plans,
            warnings: &warnings,
            curve: self.curve.as_ref().map(|c| &c.banded.curve),
            comparison: self.curve.as_ref().and_then(|c| c.comparison.as_ref()),
            backtest: self.backtest.as_ref(),
            figures: &figures,
        };
        files.push(("index.html".to_owned(), page.html()?.into_bytes()));
        files.push(("report.md".to_owned(), page.markdown().into_bytes()));
        files.push(("fit.json".to_owned(), report::json_text(&self.fit)?.into_bytes()));
        files.push(("plan.json".to_owned(), report::json_text(&self.plans)?.into_bytes()));
        if let Some(curve) = &self.curve {
            let csv = report::curve_csv(&curve.banded.curve);
            files.push(("curve.csv".to_owned(), csv.into_bytes()));
        }
        if let Some(tested) = &self.backtest {
            files.push(("validation.json".to_owned(), report::json_text(tested)?.into_bytes()));
        }
        Ok(files)
    }

    fn charts(&self) -> Result<Vec<Chart>> {
        let ensemble = self.fit.fit.ensemble();
        let own_plans: Vec<_> = self
            .plans
            .iter()
            .flat_map(|p| p.answer.rows())
            .filter(|row| row.law == ensemble.best.label)
            .cloned()
            .collect();
        let measured = valleys(&self.table);
        let mut charts = vec![
            report::valleys_chart(&self.table, &measured, Some(&self.fit.fit.surface))?,
            report::frontier_chart(&self.table, &ensemble, None)?,
            report::plane_chart(Some(&self.table), &ensemble, &own_plans)?,
        ];
        if let Some(StudyCurve { banded, .. }) = &self.curve {
            let near = models_near(banded, &ensemble)
                .into_iter()
                .map(|m| (m.name, m.params, m.train_flops))
                .collect::<Vec<(String, Params, Flops)>>();
            charts.push(report::compression_chart(&banded.curve, &banded.band(), &near));
            // From training alone to a demand that dwarfs it.
            let d = banded.curve.optimum.d;
            let served = [0.0, 10.0, 100.0, 1000.0].map(|times| d * times);
            charts.push(report::trade_off_chart(&banded.curve, &served));
        }
        let unit = self.table.loss_unit();
        charts.extend(self.backtest.as_ref().map(|t| report::validation_chart(&t.runs, unit)));
        Ok(charts)
    }
}
