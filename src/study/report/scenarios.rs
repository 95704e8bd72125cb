//! Sections that a study asks for beside its plans: models served, runs written out, runs to make next.

use super::answer::{StudyGain, StudyReport, StudyServing};
use super::charts::on;
use super::plans::recipe_blocks;
use crate::plan::Recipe;
use crate::report::{
    Block, Section, sentence, serving_accuracy_text, serving_answer, serving_table, serving_title,
};

impl StudyServing {
    pub(super) fn section(&self, place: usize, figures: Vec<Block>) -> Section {
        let report = &self.report;
        let heading = format!("Serving on {}", on(report.devices, &report.device));
        let mut section = Section::new(format!("serving-{}", place + 1), heading);
        for model in &report.models {
            section = section
                .with(Block::paragraph(sentence(&serving_answer(&model.model, &model.rows))));
        }
        for model in &report.models {
            let title = serving_title(&model.model, model.params, model.active_params);
            section = section.with(serving_table(&title, &model.rows));
        }
        let accuracy = serving_accuracy_text(&report.accuracy);
        if !accuracy.is_empty() {
            section = section.with(Block::paragraph(sentence(&accuracy)));
        }
        section.with_all(figures)
    }
}

impl StudyGain {
    pub(super) fn section(&self, place: usize, figures: Vec<Block>) -> Section {
        Section::new(format!("gain-{}", place + 1), self.title.clone())
            .with_all(self.report.text().into_blocks())
            .with_all(figures)
    }
}

pub(super) fn recipe_section(recipe: &Recipe, place: usize) -> Section {
    let heading = format!("Run: {} parameters on {} tokens", recipe.params, recipe.tokens);
    Section::new(format!("recipe-{}", place + 1), heading).with_all(recipe_blocks(recipe, None))
}

impl StudyReport {
    pub(super) fn next_section(&self) -> Option<Section> {
        let next = self.next_runs.as_ref()?;
        Some(Section::new("next", "Runs to make next").with_all(next.text().into_blocks()))
    }
}
