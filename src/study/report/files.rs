//! The page of a study and all files of its report.

use serde::Serialize;
use serde_json::Value;

use super::answer::{Planned, StudyCurve, StudyGain, StudyReport, StudyServing};
use super::charts::{Place, figures_of};
use super::scenarios::recipe_section;
use crate::error::{Error, ReportError, Result};
use crate::fit::{Backtest, Fit, Valley, valleys};
use crate::plan::Recipe;
use crate::report::{self, Figure, Page, Size, warning_groups};
use crate::study::fit::FitReport;
use crate::study::next_runs::NextRunsAnswer;

/// A file of a report: its name and its bytes.
pub type ReportFile = (String, Vec<u8>);

impl StudyReport {
    /// Names and contents of all files of the report, none of them written yet: a study that fails
    /// leaves no half report. `command` is what rebuilds it, for the page.
    ///
    /// # Errors
    /// [`ReportError`] when a chart or the page cannot be made.
    pub fn files(&self, command: &str) -> Result<Vec<ReportFile>> {
        let mut files = Vec::new();
        let mut figures = Vec::new();
        for placed in self.charts()? {
            let (name, chart) = (&placed.name, &placed.chart);
            let svg = report::render_svg(chart, Size::PAGE)?;
            files.push((format!("{name}.svg"), svg.into_bytes()));
            files.push((format!("{name}.png"), report::render_png(chart, Size::LARGE)?));
            figures.push((placed.place, placed.figure()?));
        }
        let page = self.page(command, &figures)?;
        files.push(("index.html".to_owned(), page.html()?.into_bytes()));
        files.push(("report.md".to_owned(), page.markdown().into_bytes()));
        files.push(("report.json".to_owned(), page.json(&self.values()?)?.into_bytes()));
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

    fn page(&self, command: &str, figures: &[(Place, Figure)]) -> Result<Page> {
        let mut sections = Vec::new();
        // The plane shows the runs, so it stands with the first plan of their law.
        let label = &self.fit.fit.surface.label;
        let own = |p: &Planned| p.answer.laws.iter().any(|law| law.recommended.law == *label);
        let drawn = self.plans.iter().position(own).unwrap_or(0);
        for (i, plan) in self.plans.iter().enumerate() {
            let with = if i == drawn { figures_of(figures, Place::Plan) } else { Vec::new() };
            sections.push(plan.section(i, figures, with)?);
        }
        sections.extend(self.evidence(figures));
        let served = self.serving.iter().enumerate();
        sections.extend(served.map(|(i, s)| s.section(i, figures_of(figures, Place::Serving(i)))));
        let gains = self.gains.iter().enumerate();
        sections.extend(gains.map(|(i, g)| g.section(i, figures_of(figures, Place::Gain(i)))));
        sections.extend(self.recipes.iter().enumerate().map(|(i, r)| recipe_section(r, i)));
        sections.extend(self.next_section());
        Ok(Page {
            title: self.config.title.clone(),
            about: self.config.about.clone(),
            card: self.card(),
            sections,
            warnings: warning_groups(&self.warnings()),
            provenance: self.provenance()?,
            command: command.to_owned(),
        })
    }

    /// The numbers behind the page in full precision, without draws.
    fn values(&self) -> Result<Value> {
        #[derive(Serialize)]
        struct Values<'a> {
            fit: FitReport,
            plans: Vec<Value>,
            profiles: Vec<Valley>,
            #[serde(skip_serializing_if = "Option::is_none")]
            validation: &'a Option<Backtest>,
            #[serde(skip_serializing_if = "Option::is_none")]
            curve: &'a Option<StudyCurve>,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            serving: &'a [StudyServing],
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            gains: &'a [StudyGain],
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            recipes: &'a [Recipe],
            #[serde(skip_serializing_if = "Option::is_none")]
            next_runs: &'a Option<NextRunsAnswer>,
        }
        let values = Values {
            fit: FitReport { fit: without_draws(&self.fit.fit), ..self.fit.clone() },
            plans: self.plans.iter().map(without_laws).collect::<Result<_>>()?,
            profiles: valleys(&self.table),
            validation: &self.backtest,
            curve: &self.curve,
            serving: &self.serving,
            gains: &self.gains,
            recipes: &self.recipes,
            next_runs: &self.next_runs,
        };
        json(&values)
    }
}

fn json(value: &impl Serialize) -> Result<Value> {
    serde_json::to_value(value)
        .map_err(|e| Error::from(ReportError::Json { reason: e.to_string() }))
}

/// The fit without its draws, which `fit.json` has.
fn without_draws(fit: &Fit) -> Fit {
    let stack = fit.stack.clone().map(|mut stack| {
        stack.members.iter_mut().for_each(|member| member.draws.clear());
        stack
    });
    Fit { draws: Vec::new(), stack, ..fit.clone() }
}

/// A plan without the laws it was made with, which `plan.json` has.
fn without_laws(plan: &Planned) -> Result<Value> {
    let mut value = json(plan)?;
    if let Some(fields) = value.as_object_mut() {
        fields.remove("laws");
    }
    Ok(value)
}
