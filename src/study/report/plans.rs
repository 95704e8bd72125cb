//! A plan on the page: its table, what it takes, what drives its uncertainty, what it may lose.

use super::answer::Planned;
use super::charts::{Place, figures_of};
use crate::error::Result;
use crate::plan::Strategy;
use crate::report::{
    Block, Detail, Fact, Figure, Section, Text, across_table, designs_table, plan_tables,
    recipe_answer, recipe_text, recommendation_text, refused_designs_text, regret_table, sentence,
    serving_frontier_table, spread_table, what_if_table,
};
use crate::study::plan::LawPlans;

/// Anchor of a plan, by its place in the study.
pub(super) fn anchor(place: usize) -> String {
    format!("plan-{}", place + 1)
}

impl Planned {
    /// The section of the page.
    ///
    /// - `place`: among the plans of the study; the first one's answer is the card.
    /// - `figures`: charts of the study.
    /// - `plane`: those of the plan itself.
    ///
    /// # Errors
    /// As the premises of the plan.
    pub(super) fn section(
        &self,
        place: usize,
        figures: &[(Place, Figure)],
        plane: Vec<Block>,
    ) -> Result<Section> {
        let answer = &self.answer;
        let id = anchor(place);
        let part = |name: &str, heading: &str| Section::new(format!("{id}-{name}"), heading);
        let mut section = Section::new(&id, format!("Plan: {}", self.title));
        if place > 0 {
            section = section.with_all(answer.advice().into_blocks());
        }
        for law in &answer.laws {
            let tables = plan_tables(&law.rows, Detail::Full);
            section = section.with_all(tables.into_iter().map(Block::from));
        }
        section = section.with_all(rows_said(&answer.laws)).with_all(plane);
        let mut takes = part("takes", "What it takes");
        let mut serving = part("serving", "The same training, smaller to serve");
        let mut designs = part("designs", "Designs");
        let mut doubt = part("uncertainty", "What drives the uncertainty");
        let mut what_if = part("what-if", "What one input would change");
        let mut runs = part("recipe", "The run");
        let several = answer.laws.len() > 1;
        let named = |mut table: crate::report::Table, law: &str| {
            table.title = if several { format!("under {law}") } else { String::new() };
            Block::from(table)
        };
        for law in &answer.laws {
            let r = &law.recommended;
            takes = takes.with_all(said(&recommendation_text(r), &r.law, several));
            if !r.frontier.is_empty() {
                let mut table = serving_frontier_table(&r.frontier, r.currency);
                // An arrow says nothing to who listens.
                let marks = table.rows.iter_mut().filter_map(|row| row.first_mut());
                marks.filter(|mark| *mark == "->").for_each(|mark| *mark = "recommended".into());
                serving = serving.with(named(table, &r.law));
            }
            if r.designs.len() > 1 {
                let refused = Text::from(refused_designs_text(r)).into_blocks();
                designs = designs.with(named(designs_table(r), &r.law)).with_all(refused);
            }
            if !law.what_if.is_empty() {
                let mut table = what_if_table(&law.what_if);
                if several {
                    table.title = format!("{}, under {}", table.title, r.law);
                }
                what_if = what_if.with(table);
            }
            if !r.spread.is_empty() {
                doubt = doubt.with(named(spread_table(&r.spread), &r.law));
            }
            if let Some(recipe) = &law.recipe {
                runs = runs.with_all(recipe_blocks(recipe, several.then_some(r.law.as_str())));
            }
        }
        serving = serving.with_all(figures_of(figures, Place::Served(place)));
        let mut across = part("across", "Over all its laws");
        if let Some(all) = &answer.across_laws {
            across = across.with(across_table(all));
            if !all.spread.is_empty() {
                let mut table = spread_table(&all.spread);
                table.title = "what drives the uncertainty over all of them".to_owned();
                across = across.with(table);
            }
        }
        let mut regret = part("regret", "What fixing the size now may lose");
        if let Some(found) = &answer.regret {
            regret = regret.with(regret_table(found, answer.scenario.aim.is_loss()));
        }
        let premises = part("premises", "What it was made for").with(premises(&answer.premises()?));
        let parts = [serving, takes, designs, what_if, runs, doubt, across, regret, premises];
        Ok(parts.into_iter().fold(section, Section::part))
    }
}

/// What the rows of the tables are.
fn rows_said(laws: &[LawPlans]) -> Option<Block> {
    let there = |s: Strategy| laws.iter().flat_map(|l| &l.rows).any(|row| row.strategy == s);
    let meanings = [
        (Strategy::Kaplan, "a size that grows as C^0.73, for comparison"),
        (
            Strategy::Chinchilla,
            "the lowest loss of the training budget, without serving and limits",
        ),
        (Strategy::InferenceAware, "the loss of chinchilla with serving counted, without limits"),
        (Strategy::DataConstrained, "training alone, on the unique tokens there are"),
        (Strategy::MemoryConstrained, "training alone, within the memory of a copy"),
        (Strategy::GivenSize, "the size that was given"),
        (Strategy::Recommended, "everything that was asked"),
    ];
    let items: Vec<String> = meanings
        .into_iter()
        .filter(|(strategy, _)| there(*strategy))
        .map(|(strategy, means)| format!("{strategy}: {means}"))
        .collect();
    (items.len() > 1).then(|| Block::paragraph(format!("Columns: {}.", items.join("; "))))
}

/// What a plan takes, without the line that names its law where there is one law.
fn said(text: &str, law: &str, several: bool) -> Vec<Block> {
    let Some((_, facts)) = text.split_once('\n') else { return Vec::new() };
    let mut blocks = Text::from(facts.to_owned()).into_blocks();
    if several {
        blocks.insert(0, Block::paragraph(format!("Under {law}:")));
    }
    blocks
}

/// A run in full: the answer, then every line of it.
pub(super) fn recipe_blocks(recipe: &crate::plan::Recipe, law: Option<&str>) -> Vec<Block> {
    let mut blocks: Vec<Block> =
        law.map(|law| Block::paragraph(format!("Under {law}:"))).into_iter().collect();
    blocks.extend(recipe_answer(recipe).into_blocks());
    let text = recipe_text(recipe);
    let lines = text.split_once('\n').map_or("", |(_, lines)| lines);
    // Apart from the answer, so that both are lists of their own.
    blocks.push(Block::paragraph("In full:"));
    blocks.extend(Text::from(lines.to_owned()).into_blocks());
    blocks
}

/// Lines `what: how` as facts.
fn premises(lines: &str) -> Block {
    let fact = |line: &str| {
        let (label, value) = line.split_once(": ").unwrap_or(("", line));
        Fact { label: label.to_owned(), lines: vec![sentence(value)] }
    };
    Block::Facts { facts: lines.lines().map(fact).collect() }
}
