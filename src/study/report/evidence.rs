//! What stands behind the answer: the fit, its decisions, other approaches, the design, tests.

use super::answer::{StudyCurve, StudyReport};
use super::charts::{Place, figures_of};
use crate::fit::{Backtest, Valley, valleys};
use crate::report::{
    Block, Figure, Section, approaches_table, backtest_table, certificate_text, comparison_table,
    decision_table, design_table, design_text, diagnostics_text, extrapolation_text, fit_table,
    flop_count_text, groups_text, held_out_text, minima_table, objective_text, ranking_text,
    refusals_text, rollout_table, sentence, stack_text, valley_table, verdict_lines,
    verdict_sentences,
};
use crate::units::Params;

/// Lines as points of a list.
fn points(text: &str) -> Option<Block> {
    let items: Vec<String> = text.lines().map(sentence).filter(|line| !line.is_empty()).collect();
    (!items.is_empty()).then_some(Block::List { items })
}

impl StudyReport {
    /// The evidence in its order, without sections that have nothing to say.
    pub(super) fn evidence(&self, figures: &[(Place, Figure)]) -> Vec<Section> {
        let at = |place| figures_of(figures, place);
        let measured = valleys(&self.table);
        let mut runs = at(Place::Runs);
        if self.plans.is_empty() {
            runs.extend(at(Place::Plan));
        }
        let mut sections = vec![
            self.fit_section(at(Place::Fit)),
            self.decision_section(),
            self.approach_section(),
            profile_section(&measured, at(Place::Profiles)),
            self.design_section(runs),
            self.test_section(at(Place::Tests)),
        ];
        sections.extend(self.backtest.as_ref().map(|t| backtest_section(t, at(Place::Backtest))));
        sections.extend(self.curve.as_ref().map(|c| curve_section(c, at(Place::Curve))));
        sections.retain(|section| !section.is_empty());
        sections
    }

    fn fit_section(&self, figures: Vec<Block>) -> Section {
        let fit = &self.fit.fit;
        let mut section = Section::new("fit", "The fit")
            .with(Block::paragraph(format!(
                "{} fitted to {} runs by {}.",
                fit.surface.law().equation(),
                fit.n_points,
                objective_text(fit)
            )))
            .with(fit_table(fit))
            .with(Block::paragraph(sentence(&certificate_text(fit))))
            .with(Block::paragraph(format!(
                "Intervals: {} bootstrap draws, {} failed.",
                fit.draws.len(),
                fit.draws_failed
            )));
        if fit.minima.len() > 1 {
            section = section.with(minima_table(fit));
        }
        if let Some(stack) = &fit.stack {
            section = section.with(Block::paragraph(sentence(&stack_text(stack))));
        }
        if let Some(found) = &fit.diagnostics {
            section = section.with_all(points(&diagnostics_text(found)));
        }
        if let Some(count) = &fit.flop_count {
            section = section.with_all(points(&flop_count_text(count)));
        }
        section = section.with_all(figures);
        let mut beyond = Section::new("beyond", "Beyond the runs");
        if let Some(cost) = &fit.extrapolation {
            let says = extrapolation_text(cost, &fit.law);
            beyond = beyond.with_all(points(&says.replacen("beyond the runs:", "verdict:", 1)));
        }
        section.part(beyond)
    }

    fn decision_section(&self) -> Section {
        let section = Section::new("decisions", "What the law decides");
        if self.fit.decisions.is_empty() {
            return section;
        }
        let fit = &self.fit.fit;
        let mut table = decision_table(&self.fit.decisions, fit.level, fit.surface.loss_unit);
        table.title = "the compute-optimal run of each budget".to_owned();
        fill_down(&mut table.rows);
        let far = self.fit.decisions.iter().filter(|d| !d.outside.is_empty()).map(|d| {
            let by = d.outside.iter().map(|(name, by)| format!("{name} by a factor {by:.1}"));
            format!("{} FLOPs lie beyond the runs: {}.", d.c, by.collect::<Vec<_>>().join(", "))
        });
        let far: Vec<String> = far.collect();
        let far = (!far.is_empty()).then_some(Block::List { items: far });
        section.with(table).with_all(far)
    }

    fn approach_section(&self) -> Section {
        let section = Section::new("approaches", "Three approaches");
        match &self.fit.approaches {
            Some(found) => {
                section.with(approaches_table(found)).with_all(points(&refusals_text(found)))
            }
            None => section,
        }
    }

    fn design_section(&self, figures: Vec<Block>) -> Section {
        let level = self.fit.fit.level;
        let mut table = design_table(&self.table.runs);
        table.title = String::new();
        Section::new("design", "The runs")
            .with_all(points(&design_text(&self.table, level)))
            .with(table)
            .with_all(figures)
    }

    fn test_section(&self, figures: Vec<Block>) -> Section {
        let (fit, mut section) = (&self.fit, Section::new("tests", "Held-out tests"));
        if let Some(held) = &fit.held_out {
            section = section.with_all(held_out_text(held, fit.fit.level).into_blocks());
        }
        if let Some(rollout) = &fit.rollout {
            section = section.with(rollout_table(rollout));
        }
        if let Some(groups) = &fit.groups_left_out {
            section = section.with_all(groups_text(groups).into_blocks());
        }
        if let Some(ranking) = &fit.ranking {
            section = section.with_all(ranking_text(ranking).into_blocks());
        }
        section.with_all(figures)
    }
}

/// The budget in every row of a decision, which below it says how far it lies from the runs.
fn fill_down(rows: &mut [Vec<String>]) {
    let mut budget = String::new();
    for row in rows.iter_mut() {
        if !row[0].is_empty() && !row[0].starts_with(' ') {
            budget.clone_from(&row[0]);
        }
        row[0].clone_from(&budget);
    }
}

fn profile_section(measured: &[Valley], figures: Vec<Block>) -> Section {
    let section = Section::new("profiles", "Measured isoFLOP profiles");
    if measured.is_empty() {
        return section.with_all(figures);
    }
    let mut table = valley_table(measured);
    table.title = "minimum of a parabola in ln N at each budget".to_owned();
    section.with(table).with_all(figures)
}

fn backtest_section(test: &Backtest, figures: Vec<Block>) -> Section {
    let heading = format!("Test: the runs at {} FLOPs", test.budget);
    let says = verdict_sentences(test).iter().map(|says| sentence(says)).collect();
    Section::new("backtest", heading)
        .with_all(verdict_lines(&test.verdict).into_blocks())
        .with(backtest_table(test))
        .with_all(figures)
        .with(Block::List { items: says })
}

fn curve_section(curve: &StudyCurve, figures: Vec<Block>) -> Section {
    let line = &curve.banded.curve;
    let share = |n: Params| format!("{:.0} %", 100.0 * n.get() / line.optimum.n.get());
    let says = format!(
        "At {:.4} {} the compute-optimal model has {} parameters. No model below {} parameters ({} of it) reaches this loss on any number of tokens.",
        line.loss_nats,
        line.optimum.loss_unit,
        line.optimum.n,
        line.wall_params,
        share(line.wall_params),
    );
    let section = Section::new("curve", "One loss, many sizes").with(Block::paragraph(says));
    let section = match &curve.comparison {
        Some(comparison) => section.with(comparison_table(comparison)),
        None => section,
    };
    section.with_all(figures)
}
