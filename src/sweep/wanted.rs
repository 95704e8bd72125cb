//! Which runs a sweep wants, given those that have ended: tuning first, then the design, its repeats and
//! the check of the rate.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::design::SweepConfig;
use super::drafts::Draft;
use super::explore::{Known, Trials, check_cell, small_cells};
use super::run::{Part, RunResult, RunSpec};
use super::sections::Repeats;
use super::tuning::Tuning;
use crate::error::Result;

/// Why a run is wanted, in the order in which runs are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Rates and batches at small cells.
    Tune,
    /// Points of the design.
    Main,
    /// Further seeds of them.
    Repeats,
    /// The tuned rate at a large cell.
    Check,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [Self::Tune, Self::Main, Self::Repeats, Self::Check];
}

impl std::fmt::Display for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Tune => "tune",
            Self::Main => "main",
            Self::Repeats => "repeats",
            Self::Check => "check",
        })
    }
}

/// A run with the reason why it is wanted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StagedRun {
    /// Why.
    pub stage: Stage,
    /// The run.
    pub spec: RunSpec,
}

impl SweepConfig {
    /// All runs that are known to be wanted, given the rows of those that have ended.
    ///
    /// A pure function: tuning runs first; the design once the tuning it needs has ended, with the rate
    /// that it found; further seeds of the floor of an isoFLOP profile once its sizes have ended. Runs
    /// that have ended stay in the list. A sweep is done when every run of it has ended.
    ///
    /// - `ended`: rows of runs that finished or diverged, by run id.
    ///
    /// # Errors
    /// When no shape has a size that is asked for.
    ///
    /// ```
    /// use std::collections::BTreeMap;
    ///
    /// use isoloss::sweep::{Part, SweepConfig};
    ///
    /// let text = "name = 'a'\n[tune]\n[[isoflop]]\nbudgets = [1e10, 3e10, 1e11]";
    /// let sweep = SweepConfig::parse(text, "a.toml")?;
    /// let wanted = sweep.wanted(&BTreeMap::new())?;
    /// // Five rates at the smallest and the largest model of the smallest budget.
    /// assert_eq!(wanted.len(), 10);
    /// assert!(wanted.iter().all(|run| run.part == Part::Tune));
    /// # Ok::<(), isoloss::error::Error>(())
    /// ```
    pub fn wanted(&self, ended: &BTreeMap<String, RunResult>) -> Result<Vec<RunSpec>> {
        Ok(self.staged(ended)?.into_iter().map(|run| run.spec).collect())
    }

    /// As [`wanted`](Self::wanted), with the reasons.
    ///
    /// # Errors
    /// As [`wanted`](Self::wanted).
    pub fn staged(&self, ended: &BTreeMap<String, RunResult>) -> Result<Vec<StagedRun>> {
        self.staged_by(&|spec| ended.get(&spec.id).map(|row| row.loss_nats))
    }

    /// What tuning found so far; `None` without the section `[tune]`.
    ///
    /// # Errors
    /// As [`wanted`](Self::wanted).
    pub fn tuning(&self, ended: &BTreeMap<String, RunResult>) -> Result<Option<Tuning>> {
        let Some(tune) = &self.tune else { return Ok(None) };
        let known = |spec: &RunSpec| ended.get(&spec.id).map(|row| row.loss_nats);
        Ok(Some(self.trials(&known).tuning(tune, &self.drafts()?).tuning))
    }

    pub(super) fn staged_by(&self, known: Known<'_>) -> Result<Vec<StagedRun>> {
        let drafts = self.drafts()?;
        let trials = self.trials(known);
        let mut runs: Vec<StagedRun> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut want = |stage: Stage, spec: RunSpec| {
            if seen.insert(spec.id.clone()) {
                runs.push(StagedRun { stage, spec });
            }
        };
        let mut rate = (self.recipe.peak_lr, 1.0);
        let state = self.tune.as_ref().map(|tune| trials.tuning(tune, &drafts));
        if let Some(state) = &state {
            state.specs.iter().for_each(|spec| want(Stage::Tune, spec.clone()));
            match state.tuning.peak_lr {
                Some(peak) => rate = (peak, state.tuning.batch_ratio),
                None => return Ok(runs),
            }
        }
        let of = |draft: &Draft, seed: u64| {
            draft.spec(&trials.tuned(draft, rate.0, rate.1), seed, Part::Main)
        };
        let sure = self.sure_seeds();
        let first = trials.seed;
        // The smallest cell leads, with its repeats: what seeds scatter is known before anything else.
        let smallest = self.repeats_floors().then(|| smallest(&drafts)).flatten();
        if let Some(draft) = smallest {
            want(Stage::Main, of(draft, first));
            self.repeated_seeds()
                .into_iter()
                .for_each(|seed| want(Stage::Repeats, of(draft, seed)));
        }
        for draft in &drafts {
            sure.iter().for_each(|seed| want(Stage::Main, of(draft, *seed)));
        }
        if self.repeats_floors() {
            for draft in floors(&drafts, &|draft| known(&of(draft, first))) {
                let seeds = self.repeated_seeds();
                seeds.into_iter().for_each(|seed| want(Stage::Repeats, of(draft, seed)));
            }
        }
        if let (Some(_), Some(tune)) = (&state, self.tune.as_ref().filter(|tune| tune.check)) {
            let cells = small_cells(&drafts, tune.cells);
            if let Some(cell) = check_cell(&drafts, &cells) {
                let [half, _, twice] = trials.check_specs(cell, rate.0, rate.1);
                [half, twice].into_iter().for_each(|(_, spec)| want(Stage::Check, spec));
            }
        }
        Ok(runs)
    }

    fn repeats_floors(&self) -> bool {
        self.seeds.is_none() && matches!(self.repeats, None | Some(Repeats::Floors(_)))
    }

    fn trials<'a>(&'a self, known: Known<'a>) -> Trials<'a> {
        let seed = self.sure_seeds().first().copied().unwrap_or(0);
        Trials { recipe: &self.recipe, seed, known }
    }
}

/// Sizes from which a budget has a profile with a floor.
const LEAST_SIZES: usize = 3;

/// The point that costs least, among those of grids and of profiles.
fn smallest(drafts: &[Draft]) -> Option<&Draft> {
    let is_profile = |draft: &Draft| {
        let alike = drafts.iter().filter(|other| other.budget == draft.budget).count();
        draft.budget.is_none() || alike >= LEAST_SIZES
    };
    drafts
        .iter()
        .filter(|draft| draft.repeatable && is_profile(draft))
        .min_by(|a, b| a.flops().total_cmp(&b.flops()).then(a.n().total_cmp(&b.n())))
}

/// The lowest size of each isoFLOP profile whose sizes have all ended, with its two neighbours.
fn floors<'a>(drafts: &'a [Draft], loss: &dyn Fn(&Draft) -> Option<Option<f64>>) -> Vec<&'a Draft> {
    let mut found = Vec::new();
    let budgets: BTreeSet<u64> =
        drafts.iter().filter_map(|draft| Some(draft.budget?.get().to_bits())).collect();
    for budget in budgets {
        // Dense and sparse models have profiles of their own.
        for sparse in [false, true] {
            let mut cells: Vec<&Draft> = drafts
                .iter()
                .filter(|draft| draft.budget.is_some_and(|c| c.get().to_bits() == budget))
                .filter(|draft| draft.shape.experts.is_some() == sparse)
                .collect();
            cells.sort_by(|a, b| a.n().total_cmp(&b.n()));
            if cells.len() < LEAST_SIZES {
                continue;
            }
            let Some(losses) = cells.iter().map(|cell| loss(cell)).collect::<Option<Vec<_>>>()
            else {
                continue;
            };
            let finished: Vec<(usize, f64)> =
                losses.iter().enumerate().filter_map(|(i, loss)| Some((i, (*loss)?))).collect();
            let lowest = (0..finished.len())
                .min_by(|a, b| finished[*a].1.total_cmp(&finished[*b].1))
                .filter(|_| finished.len() > 1);
            if let Some(at) = lowest {
                let around = at.saturating_sub(1)..(at + 2).min(finished.len());
                found.extend(finished[around].iter().map(|(i, _)| cells[*i]));
            }
        }
    }
    found
}
