//! The points of a design: every shape with its tokens, before seed and learning rate are decided.

use super::run::{Part, RunSpec};
use super::schedule::Schedule;
use super::sections::{Cell, Grid, Isoflop, Ladder};
use super::shape_spec::short_name;
use super::sized::shape_near;
use super::train_config::TrainConfig;
use crate::error::Result;
use crate::flops::{FlopRule, Shape, tokens_for};
use crate::units::{Flops, Tokens};

/// A point of a design.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    /// Unique in its sweep; runs append what they differ in.
    pub(super) name: String,
    pub(super) shape: Shape,
    pub(super) tokens: Tokens,
    /// The isoFLOP budget; absent in grids and ladders.
    pub(super) budget: Option<Flops>,
    pub(super) schedule: Schedule,
    /// Trunk and tokens of its shortest branch, for branches of one.
    trunk: Option<(String, Tokens)>,
    /// Whether its cell may be repeated where that pays.
    pub(super) repeatable: bool,
}

impl Draft {
    /// The run of this point under `recipe`.
    pub(super) fn spec(&self, recipe: &TrainConfig, seed: u64, part: Part) -> RunSpec {
        let recipe = self.recipe(recipe);
        RunSpec {
            id: format!("{}-s{seed}", self.name),
            shape: self.shape,
            tokens: self.tokens,
            budget: self.budget,
            seed,
            recipe,
            trunk: self.trunk.as_ref().map(|(name, _)| format!("{name}-s{seed}")),
            part,
        }
    }

    /// The recipe with batch and warm-up as this point has them: branches of a trunk those of the shortest.
    pub(super) fn recipe(&self, recipe: &TrainConfig) -> TrainConfig {
        let shortest = self.trunk.as_ref().map_or(self.tokens, |(_, tokens)| *tokens);
        let mut fixed = TrainConfig { schedule: self.schedule, ..recipe.for_run(shortest) };
        if self.trunk.is_some() {
            let steps = (shortest.get() / fixed.tokens_per_step() as f64).round().max(1.0);
            fixed.warmup_steps = Some(fixed.warmup_of(steps as u64));
        }
        fixed
    }

    /// This point trained on its own, under another name.
    pub(super) fn alone(&self, name: String) -> Self {
        Self { name, trunk: None, ..self.clone() }
    }

    /// Parameters that a token visits.
    pub(super) fn n(&self) -> f64 {
        self.shape.params().active.get()
    }

    /// Its budget, or C = 6 N D.
    pub(super) fn flops(&self) -> f64 {
        let spent = || FlopRule::six_nd(self.shape.params().active, self.tokens);
        self.budget.unwrap_or_else(spent).get()
    }
}

/// What a design is made of.
pub(super) struct Sections<'a> {
    pub(super) vocab: u32,
    /// The schedule of the recipe.
    pub(super) schedule: Schedule,
    pub(super) cell: &'a [Cell],
    pub(super) isoflop: &'a [Isoflop],
    pub(super) grid: &'a [Grid],
    pub(super) ladder: &'a [Ladder],
}

/// Every point, in the order of the sections.
///
/// # Errors
/// When no shape has a size that is asked for.
pub(super) fn drafts(sections: &Sections<'_>) -> Result<Vec<Draft>> {
    let Sections { vocab, schedule, .. } = *sections;
    let mut sheet = Sheet { vocab, schedule, drafts: Vec::new() };
    sections.cell.iter().for_each(|cell| sheet.cell(cell));
    sections.isoflop.iter().try_for_each(|section| sheet.isoflop(section))?;
    sections.grid.iter().try_for_each(|grid| sheet.grid(grid))?;
    sections.ladder.iter().try_for_each(|ladder| sheet.ladder(ladder))?;
    Ok(sheet.drafts)
}

struct Sheet {
    vocab: u32,
    schedule: Schedule,
    drafts: Vec<Draft>,
}

impl Sheet {
    fn on_budget(&mut self, c: Flops, shape: Shape) {
        let name = format!("c{:.2e}-{}", c.get(), short_name(&shape));
        let tokens = tokens_for(c, shape.params().active);
        let (schedule, trunk, repeatable) = (self.schedule, None, true);
        let draft = Draft { name, shape, tokens, budget: Some(c), schedule, trunk, repeatable };
        self.drafts.push(draft);
    }

    fn on_tokens(&mut self, tokens: f64, shape: Shape) {
        self.drafts.push(Draft {
            name: format!("d{tokens:.2e}-{}", short_name(&shape)),
            shape,
            tokens: Tokens::new(tokens),
            budget: None,
            schedule: self.schedule,
            trunk: None,
            repeatable: true,
        });
    }

    fn cell(&mut self, cell: &Cell) {
        let vocab = self.vocab;
        for shape in cell.shapes.iter().map(|s| s.shape(vocab)) {
            self.on_budget(cell.flops, shape);
        }
    }

    fn isoflop(&mut self, section: &Isoflop) -> Result<()> {
        for c in section.budgets.all() {
            // Shapes that the file already has at this budget are not found again.
            let mut taken: Vec<Shape> =
                self.drafts.iter().filter(|d| d.budget == Some(c)).map(|d| d.shape).collect();
            let there = taken.len();
            for n in section.targets(c) {
                taken.push(shape_near(n, self.vocab, section.experts, &taken)?);
            }
            let mut found = taken.split_off(there);
            found.sort_by(|a, b| a.params().active.get().total_cmp(&b.params().active.get()));
            found.into_iter().for_each(|shape| self.on_budget(c, shape));
        }
        Ok(())
    }

    fn grid(&mut self, grid: &Grid) -> Result<()> {
        for shape in self.shapes(&grid.params, grid.experts)? {
            let n = shape.params().active.get();
            let by_ratio = grid.tokens_per_param.iter().map(|ratio| (ratio * n).round().max(1.0));
            for tokens in grid.tokens.iter().copied().chain(by_ratio).collect::<Vec<_>>() {
                self.on_tokens(tokens, shape);
            }
        }
        Ok(())
    }

    fn ladder(&mut self, ladder: &Ladder) -> Result<()> {
        let mut shapes: Vec<Shape> = ladder.shapes.iter().map(|s| s.shape(self.vocab)).collect();
        shapes.extend(self.shapes(&ladder.params, None)?);
        let schedule = ladder.schedule.unwrap_or(self.schedule);
        let shared = ladder.branches && schedule == Schedule::Wsd && ladder.tokens.len() > 1;
        let shortest = ladder.tokens.iter().copied().fold(f64::INFINITY, f64::min);
        // Beside runs under another schedule a name says which it is.
        let suffix = if schedule == self.schedule { "" } else { schedule.suffix() };
        for shape in shapes {
            let trunk = format!("{}{suffix}", short_name(&shape));
            for &tokens in &ladder.tokens {
                self.drafts.push(Draft {
                    name: format!("d{tokens:.2e}-{trunk}"),
                    shape,
                    tokens: Tokens::new(tokens),
                    budget: None,
                    schedule,
                    trunk: shared.then(|| (trunk.clone(), Tokens::new(shortest))),
                    repeatable: false,
                });
            }
        }
        Ok(())
    }

    /// Distinct shapes of these sizes.
    fn shapes(&self, sizes: &[f64], experts: Option<crate::flops::Experts>) -> Result<Vec<Shape>> {
        let mut found = Vec::new();
        for n in sizes {
            found.push(shape_near(*n, self.vocab, experts, &found)?);
        }
        Ok(found)
    }
}
