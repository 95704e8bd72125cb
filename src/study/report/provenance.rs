//! Where each constant behind a study comes from.

use super::answer::{StudyCurve, StudyReport};
use crate::cost::{Basis, Device, Uncertain, billed_goodput, device, models, utilisations};
use crate::error::Result;
use crate::law::{kaplan_allocation, published_laws};
use crate::plan::{Recipe, Serving, Strategy};
use crate::report::{Source, serving_accuracy_text};
use crate::study::curve::models_near;

/// Rows and files left out that are named one by one.
const NAMED: usize = 12;

impl StudyReport {
    /// The version, the runs, and every published constant that the page uses.
    ///
    /// # Errors
    /// Those of the shipped tables.
    pub(super) fn provenance(&self) -> Result<Vec<Source>> {
        let (fit, config) = (&self.fit.fit, &self.config);
        let mut sources = vec![
            Source::new("isoloss", format!("version {}", fit.isoloss_version)),
            Source {
                what: "runs".to_owned(),
                says: vec![
                    format!("{} runs, {}", fit.n_points, fit.data_digest),
                    config
                        .logs
                        .iter()
                        .map(|p| p.display().to_string())
                        .collect::<Vec<_>>()
                        .join(", "),
                ],
            },
        ];
        let read: Vec<String> = self.table.assumptions.iter().map(ToString::to_string).collect();
        if !read.is_empty() {
            sources.push(Source::new("read as", read.join("; ")));
        }
        sources.extend(self.left_out());
        let drawn = format!("{} resamples, seed {}", fit.config.bootstrap, fit.config.seed);
        sources.push(Source::new("bootstrap of the fit", drawn));
        sources.extend(self.laws()?);
        sources.extend(self.machines()?);
        if self.plans.iter().any(|p| p.answer.scenario.data.is_some()) {
            let repeats = published_laws()?.iter().find(|law| law.name == "muennighoff-repeat");
            sources.extend(
                repeats.map(|law| Source::new("worth of repeated tokens", law.source.clone())),
            );
        }
        sources.extend(rules(self.all_recipes()));
        sources.extend(self.models()?);
        Ok(sources)
    }

    fn left_out(&self) -> Option<Source> {
        let skipped = &self.table.skipped;
        let mut says: Vec<String> = skipped.iter().take(NAMED).map(ToString::to_string).collect();
        if let Some(more) = skipped.len().checked_sub(NAMED).filter(|more| *more > 0) {
            says.push(format!("and {more} more"));
        }
        (!says.is_empty()).then(|| Source { what: "left out".to_owned(), says })
    }

    /// Published laws and allocations of the plans.
    fn laws(&self) -> Result<Vec<Source>> {
        let rows = || self.plans.iter().flat_map(|p| p.answer.rows());
        let mut sources = Vec::new();
        for law in published_laws()? {
            if rows().any(|row| row.law == law.name) {
                let mut says = vec![
                    format!("{}; {}", law.title, law.source),
                    format!("fitted on {}", law.fitted_on),
                ];
                says.extend(law.caution.iter().cloned());
                sources.push(Source { what: format!("law {}", law.name), says });
            }
        }
        if rows().any(|row| row.strategy == Strategy::Kaplan) {
            let kaplan = kaplan_allocation()?;
            sources.push(Source::new("allocation kaplan", kaplan.source.clone()));
        }
        Ok(sources)
    }

    /// Devices with their prices, and the utilisation of published runs.
    fn machines(&self) -> Result<Vec<Source>> {
        let mut sources: Vec<Source> = Vec::new();
        let mut put = |source: Source| {
            if !sources.contains(&source) {
                sources.push(source);
            }
        };
        let mut utilisation = None;
        for plan in &self.plans {
            let (scenario, asked) = (&plan.answer.scenario, &plan.answer.request.scenario);
            if let Some(training) = &scenario.training {
                put(of_device(training.device, asked.usd_per_hour));
                utilisation = utilisation.or(asked.mfu.is_none().then_some(training.utilisation));
            }
            if let (Some(Serving::Physics { .. } | Serving::Utilisation { .. }), Some(name)) =
                (&scenario.serving, &asked.serve_device)
            {
                put(of_device(device(name)?, asked.serve_usd_per_hour));
            }
        }
        for asked in &self.config.serving {
            put(of_device(device(&asked.device)?, asked.usd_per_hour));
        }
        for recipe in &self.config.recipe {
            if let Some(training) = &recipe.training {
                put(of_device(device(&training.device)?, training.usd_per_hour));
                utilisation = utilisation.or(Some(billed_goodput()?));
            }
        }
        if let Some(range) = utilisation {
            sources.push(of_utilisation(&range)?);
        }
        let served = self.serving.iter().find(|s| !s.report.accuracy.is_empty());
        sources.extend(
            served.map(|s| {
                Source::new("model of serving", serving_accuracy_text(&s.report.accuracy))
            }),
        );
        Ok(sources)
    }

    fn all_recipes(&self) -> impl Iterator<Item = &Recipe> {
        let planned = self.plans.iter().flat_map(|p| &p.answer.laws);
        planned.filter_map(|law| law.recipe.as_ref()).chain(&self.recipes)
    }

    /// Released models beside the curve.
    fn models(&self) -> Result<Option<Source>> {
        let Some(StudyCurve { banded, .. }) = &self.curve else { return Ok(None) };
        let near = models_near(banded, &self.fit.fit.ensemble());
        let known = models()?;
        let says: Vec<String> = near
            .iter()
            .filter_map(|m| known.iter().find(|model| model.name == m.name))
            .map(|model| format!("{}: {}", model.name, model.source))
            .collect();
        Ok((!says.is_empty()).then(|| Source { what: "released models".to_owned(), says }))
    }
}

/// Figures of a device, and the price that was used.
fn of_device(device: &Device, given: Option<Uncertain>) -> Source {
    let mut says = vec![device.source.clone()];
    says.extend(device.note.iter().cloned());
    says.push(match (given, device.latest_price()) {
        (Some(_), _) => "price: as the study gives it".to_owned(),
        (None, Ok(price)) => format!(
            "price: ${} to ${} per device-hour, {}; {}",
            price.low, price.high, price.date, price.source
        ),
        (None, Err(_)) => "price: none on record".to_owned(),
    });
    Source { what: device.name.clone(), says }
}

/// The published runs behind a utilisation that nobody gave.
fn of_utilisation(range: &Uncertain) -> Result<Source> {
    let mut by_source: Vec<(&str, Vec<&str>)> = Vec::new();
    for run in utilisations()?.iter().filter(|run| run.basis == Basis::Billed) {
        match by_source.iter_mut().find(|(source, _)| *source == run.source) {
            Some((_, names)) => names.push(&run.name),
            None => by_source.push((&run.source, vec![&run.name])),
        }
    }
    let mut says = vec![format!(
        "{:.1} % to {:.1} % of the dense BF16 peak over paid hours, median {:.1} %",
        100.0 * range.low,
        100.0 * range.high,
        100.0 * range.mid
    )];
    says.extend(by_source.iter().map(|(source, names)| format!("{}: {source}", names.join(", "))));
    Ok(Source { what: "utilisation in training".to_owned(), says })
}

/// The rules that chose the hyper-parameters of the runs written out.
fn rules<'a>(recipes: impl Iterator<Item = &'a Recipe>) -> Option<Source> {
    let mut says: Vec<String> = Vec::new();
    for advice in recipes.flat_map(|recipe| &recipe.advice) {
        for rule in advice.rules.iter().filter(|rule| rule.name == advice.by) {
            let line = format!("{} by {}: {}", advice.quantity, rule.name, rule.source);
            if !says.contains(&line) {
                says.push(line);
            }
        }
    }
    (!says.is_empty()).then(|| Source { what: "hyper-parameters".to_owned(), says })
}
