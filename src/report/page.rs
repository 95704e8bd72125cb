//! A study as one page that opens offline, and the same page as Markdown.

use minijinja::{Environment, context};
use serde::Serialize;

use super::allocation::valley_table;
use super::compare::comparison_table;
use super::fit::{certificate_text, fit_table, objective_text};
use super::inert::markdown;
use super::number::{number, percent};
use super::plan::{Detail, plan_tables};
use super::table::Table;
use super::unseen::{backtest_table, inside, verdict_sentences};
use crate::data::RunTable;
use crate::error::{ReportError, Result, Warning};
use crate::fit::{Backtest, Fit, Valley};
use crate::plan::{Comparison, IsoLossCurve, Row, Strategy};

const TEMPLATE: &str = include_str!("page.html");

/// A chart on the page.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// Name of its files, without ending.
    pub name: String,
    /// The chart as SVG text.
    pub svg: String,
    /// What it shows, also read aloud.
    pub caption: String,
}

/// Everything a page is made of.
#[derive(Clone, Copy, Debug)]
pub struct Page<'a> {
    /// Title.
    pub title: &'a str,
    /// What was run, as the study's author wrote it.
    pub about: &'a str,
    /// The command that rebuilds it.
    pub command: &'a str,
    /// The runs.
    pub table: &'a RunTable,
    /// Measured isoFLOP profiles.
    pub valleys: &'a [Valley],
    /// The fit.
    pub fit: &'a Fit,
    /// Plans with their headings.
    pub plans: &'a [(String, Vec<Row>)],
    /// Warnings of the plans; those of the fit come first by themselves.
    pub warnings: &'a [Warning],
    /// The iso-loss curve.
    pub curve: Option<&'a IsoLossCurve>,
    /// Sizes compared along it.
    pub comparison: Option<&'a Comparison>,
    /// The backtest on the largest budget.
    pub backtest: Option<&'a Backtest>,
    /// Charts.
    pub figures: &'a [Figure],
}

/// A heading with its paragraphs and tables.
#[derive(Clone, Debug, Serialize)]
struct Section {
    heading: String,
    paragraphs: Vec<String>,
    tables: Vec<Table>,
}

impl Page<'_> {
    /// The page as HTML with everything inside. The same study gives the same bytes.
    ///
    /// # Errors
    /// [`ReportError::Template`] when the template fails.
    pub fn html(&self) -> Result<String> {
        let failed = |e: minijinja::Error| ReportError::Template { reason: e.to_string() };
        let mut environment = Environment::new();
        environment.add_template("page.html", TEMPLATE).map_err(failed)?;
        let template = environment.get_template("page.html").map_err(failed)?;
        let page = context! {
            title => self.title,
            about => self.about,
            command => self.command,
            answer => self.answer(),
            sections => minijinja::value::Serde(self.sections()),
            figures => minijinja::value::Serde(self.figures),
            warnings => self.warnings(),
            provenance => self.provenance(),
        };
        Ok(template.render(page).map_err(failed)?)
    }

    /// The page as Markdown, charts as links to the files beside it.
    #[must_use]
    pub fn markdown(&self) -> String {
        let lines = |text: &str| text.lines().map(markdown).collect::<Vec<String>>().join("\n");
        let mut text = format!("# {}\n\n", markdown(self.title));
        for sentence in self.answer() {
            text.push_str(&format!("- {}\n", markdown(&sentence)));
        }
        if !self.about.is_empty() {
            text.push_str(&format!("\n{}\n", lines(self.about)));
        }
        for section in self.sections() {
            text.push_str(&format!("\n## {}\n", markdown(&section.heading)));
            for paragraph in &section.paragraphs {
                text.push_str(&format!("\n{}\n", lines(paragraph)));
            }
            for table in &section.tables {
                if !table.title.is_empty() {
                    text.push_str(&format!("\n{}:\n", markdown(&table.title)));
                }
                text.push_str(&format!("\n{}", table.to_markdown()));
            }
        }
        text.push_str("\n## Figures\n\n");
        for figure in self.figures {
            text.push_str(&format!("![{}]({}.svg)\n\n", markdown(&figure.caption), figure.name));
        }
        text.push_str("## Warnings\n\n");
        for (code, message) in self.warnings() {
            text.push_str(&format!("- `{code}`: {}\n", markdown(&message)));
        }
        text.push_str("\n## Provenance\n\n");
        for (what, which) in self.provenance() {
            text.push_str(&format!("- {}: {}\n", markdown(&what), markdown(&which)));
        }
        text.push_str(&format!("\nRebuild with `{}`.\n", self.command));
        text
    }

    /// The plan in sentences, first thing on the page.
    fn answer(&self) -> Vec<String> {
        let mut sentences = Vec::new();
        for (title, rows) in self.plans {
            for row in rows {
                let (n, d) = (row.plan.n, row.plan.d);
                let range = row.intervals.get("params").map_or_else(String::new, |i| {
                    let (lo, hi) =
                        (crate::units::short_count(i.lo), crate::units::short_count(i.hi));
                    format!(" (N between {lo} and {hi})")
                });
                let (train, total) = (row.plan.train_flops, row.total_flops);
                sentences.push(match row.strategy {
                    Strategy::Chinchilla => format!(
                        "{title}: under {} the compute-optimal model has {n} parameters{range} on {d} tokens and reaches {:.4} {}.",
                        row.law, row.plan.loss_nats, row.plan.loss_unit
                    ),
                    Strategy::Recommended if total > train => format!(
                        "With serving counted, train {n} parameters{range} on {d} tokens, to {:.4} {}: {train} FLOPs to train, {total} FLOPs with serving.",
                        row.plan.loss_nats, row.plan.loss_unit
                    ),
                    _ => continue,
                });
            }
        }
        if let Some(test) = self.backtest {
            sentences.push(format!(
                "Test: the runs at {} FLOPs, predicted from smaller budgets, have a mean error of {:.2} %; {}.",
                test.budget,
                100.0 * test.mean_abs_error,
                inside(test, "lie inside")
            ));
        }
        sentences
    }

    fn sections(&self) -> Vec<Section> {
        let mut sections: Vec<Section> = self
            .plans
            .iter()
            .map(|(title, rows)| Section {
                heading: format!("Plan: {title}"),
                paragraphs: Vec::new(),
                tables: plan_tables(rows, Detail::Full),
            })
            .collect();
        sections.push(self.fit_section());
        sections.extend(self.curve.map(|curve| self.curve_section(curve)));
        sections.extend(self.backtest.map(|test| Section {
            heading: format!("Validation: held-out runs at {} FLOPs", test.budget),
            paragraphs: verdict_sentences(test),
            tables: vec![backtest_table(test)],
        }));
        sections
    }

    fn fit_section(&self) -> Section {
        let fit = self.fit;
        let paragraphs = vec![
            format!(
                "{} fitted to {} runs by {}.",
                fit.surface.law().equation(),
                fit.n_points,
                objective_text(fit)
            ),
            format!("{}.", certificate_text(fit)),
            format!("{} bootstrap draws, {} failed.", fit.draws.len(), fit.draws_failed),
        ];
        let tables = vec![fit_table(fit), valley_table(self.valleys)];
        Section { heading: "Fit".to_owned(), paragraphs, tables }
    }

    fn curve_section(&self, curve: &IsoLossCurve) -> Section {
        let wall = curve.wall_params.get() / curve.optimum.n.get();
        let paragraphs = vec![format!(
            "At {:.4} {} the compute-optimal model has {} parameters. No model below {} parameters ({}) reaches this loss on any number of tokens.",
            curve.loss_nats,
            curve.optimum.loss_unit,
            curve.optimum.n,
            curve.wall_params,
            percent(wall - 1.0),
        )];
        let tables = self.comparison.map(comparison_table).into_iter().collect();
        Section { heading: "Iso-loss curve".to_owned(), paragraphs, tables }
    }

    fn warnings(&self) -> Vec<(String, String)> {
        let mut seen: Vec<(String, String)> = Vec::new();
        for warning in self.fit.warnings.iter().chain(self.warnings) {
            let line = (warning.code().to_owned(), warning.to_string());
            if !seen.contains(&line) {
                seen.push(line);
            }
        }
        seen
    }

    fn provenance(&self) -> Vec<(String, String)> {
        let mut lines = vec![
            ("isoloss".to_owned(), self.fit.isoloss_version.clone()),
            ("data".to_owned(), format!("{} ({} runs)", self.fit.data_digest, self.fit.n_points)),
            ("seed of the bootstrap".to_owned(), self.fit.config.seed.to_string()),
            ("N counts".to_owned(), self.table.params.to_string()),
        ];
        lines.extend(self.table.assumptions.iter().map(|a| ("assumed".to_owned(), a.to_string())));
        lines.extend(self.table.skipped.iter().map(|s| ("left out".to_owned(), s.to_string())));
        let coefs = self.fit.coefficients.iter().map(|(n, x)| format!("{n} = {}", number(*x)));
        lines.push(("fitted coefficients".to_owned(), coefs.collect::<Vec<_>>().join(", ")));
        let laws = crate::law::published_laws().unwrap_or_default();
        for (_, rows) in self.plans {
            for row in rows {
                if let Some(law) = laws.iter().find(|l| l.name == row.law) {
                    let line = (format!("law {}", law.name), law.source.clone());
                    if !lines.contains(&line) {
                        lines.push(line);
                    }
                }
            }
        }
        let kaplan = crate::law::kaplan_allocation().map(|k| k.source.clone()).unwrap_or_default();
        lines.push(("Kaplan's allocation".to_owned(), kaplan));
        lines
    }
}
