//! Learning rates tried at small cells: which are wanted next, and what came of them.

use super::drafts::Draft;
use super::run::{Part, RunSpec};
use super::sections::three_digits;
use super::train_config::TrainConfig;
use super::tune::{MOST_RATE, TuneConfig};

/// Rates that are added where the best one is the outermost, and how often.
const MORE_RATES: i32 = 2;
const MOST_WIDENINGS: u32 = 2;

/// What a rate ended with: `None` while it has not ended, no loss when it diverged.
pub(super) type Known<'a> = &'a dyn Fn(&RunSpec) -> Option<Option<f64>>;

/// The small cells: of each budget, smallest first, the smallest and the largest N; where there are no
/// budgets the cheapest runs of distinct shapes.
pub(super) fn small_cells(drafts: &[Draft], cells: u32) -> Vec<&Draft> {
    let mut found: Vec<&Draft> = Vec::new();
    let budgeted = drafts.iter().any(|draft| draft.budget.is_some());
    let mut sorted: Vec<&Draft> =
        drafts.iter().filter(|draft| !budgeted || draft.budget.is_some()).collect();
    sorted.sort_by(|a, b| a.flops().total_cmp(&b.flops()).then(a.n().total_cmp(&b.n())));
    if budgeted {
        for budget in sorted.chunk_by(|a, b| a.budget == b.budget) {
            found.extend(budget.first());
            found.extend(budget.last().filter(|last| last.name != budget[0].name));
        }
    } else {
        for draft in sorted {
            if found.iter().all(|other| other.shape != draft.shape) {
                found.push(draft);
            }
        }
    }
    found.truncate(cells as usize);
    found
}

/// Share of the design's FLOPs that the two runs of a check may take.
const CHECK_SHARE: f64 = 0.15;

/// The cell at which the tuned rate is checked: the largest N of the largest budget whose two further runs
/// take at most 15 % of the design; `None` where no cell is larger than those tuned at.
pub(super) fn check_cell<'a>(drafts: &'a [Draft], tuned: &[&Draft]) -> Option<&'a Draft> {
    let largest = tuned.iter().map(|draft| draft.flops()).fold(0.0, f64::max);
    let budgeted = drafts.iter().any(|draft| draft.budget.is_some());
    let mut larger: Vec<&Draft> = drafts
        .iter()
        .filter(|draft| !budgeted || draft.budget.is_some())
        .filter(|draft| draft.flops() > largest * 1.01)
        .collect();
    larger.sort_by(|a, b| a.flops().total_cmp(&b.flops()).then(a.n().total_cmp(&b.n())));
    let total: f64 = drafts.iter().map(Draft::flops).sum();
    let fits = |draft: &&&Draft| 2.0 * draft.flops() <= CHECK_SHARE * total;
    // Where even the next budget takes more, it is that one.
    let least = || {
        let first = larger.first()?.flops();
        larger.iter().rev().find(|draft| draft.flops() <= first * 1.01)
    };
    larger.iter().rev().find(fits).or_else(least).copied()
}

/// Rates tried at one cell and batch, with what came of them.
#[derive(Clone, Debug)]
pub(super) struct Explored {
    /// Runs that are wanted so far, smallest rate first.
    pub(super) specs: Vec<RunSpec>,
    /// Rates that have ended, with their losses; none for a rate that diverged.
    pub(super) points: Vec<(f64, Option<f64>)>,
    /// Whether all have ended, and no further rate is wanted.
    pub(super) ended: bool,
    /// Times the axis was widened.
    pub(super) widened: u32,
}

/// Where the axis goes on.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    Down,
    Up,
}

/// The side on which the best rate is the outermost; a rate that diverged bounds its side.
fn open_side(points: &[(f64, Option<f64>)]) -> Option<Side> {
    let finished: Vec<(usize, f64)> =
        points.iter().enumerate().filter_map(|(i, p)| Some((i, p.1?))).collect();
    let Some((lowest, _)) = finished.iter().min_by(|a, b| a.1.total_cmp(&b.1)) else {
        return Some(Side::Down);
    };
    match *lowest {
        0 => Some(Side::Down),
        i if i + 1 == points.len() => Some(Side::Up),
        _ => None,
    }
}

/// What trials are made of.
#[derive(Clone, Copy)]
pub(super) struct Trials<'a> {
    pub(super) recipe: &'a TrainConfig,
    /// Seed of every trial.
    pub(super) seed: u64,
    pub(super) known: Known<'a>,
}

impl Trials<'_> {
    /// The rates tried at a cell, as far as it is known which are wanted.
    pub(super) fn explore(&self, tune: &TuneConfig, cell: &Draft, batch: f64) -> Explored {
        let mut rates = tune.lr.rates(self.recipe.peak_lr);
        rates.retain(|rate| *rate < MOST_RATE);
        let mut widened = 0;
        loop {
            let specs: Vec<RunSpec> =
                rates.iter().map(|rate| self.trial(Part::Tune, cell, *rate, batch)).collect();
            let ended = |(rate, spec): (&f64, &RunSpec)| Some((*rate, (self.known)(spec)?));
            let points: Vec<(f64, Option<f64>)> =
                rates.iter().zip(&specs).filter_map(ended).collect();
            let all_ended = points.len() == rates.len();
            let more = match (open_side(&points), rates.as_slice()) {
                _ if !all_ended || widened == MOST_WIDENINGS => Vec::new(),
                (Some(Side::Down), [first, second, ..]) => further(*first, first / second),
                (Some(Side::Up), [.., before, last]) => further(*last, last / before),
                _ => Vec::new(),
            };
            if more.is_empty() {
                return Explored { specs, points, ended: all_ended, widened };
            }
            widened += 1;
            rates.extend(more);
            rates.sort_by(f64::total_cmp);
        }
    }

    /// A run at another rate, of a cell on its own.
    pub(super) fn trial(&self, part: Part, cell: &Draft, rate: f64, batch: f64) -> RunSpec {
        let recipe = self.tuned(cell, rate, batch);
        let mut name = format!("{part}-{}-lr{rate:.2e}", cell.name);
        if batch != 1.0 {
            name = format!("{name}-b{}", recipe.sequences());
        }
        cell.alone(name).spec(&recipe, self.seed, part)
    }

    /// The recipe of a point at a rate, and at a multiple of its batch.
    pub(super) fn tuned(&self, cell: &Draft, peak_lr: f64, batch: f64) -> TrainConfig {
        let recipe = cell.recipe(self.recipe);
        let sequences = sequences_times(recipe.sequences(), batch);
        TrainConfig { peak_lr, batch_sequences: Some(sequences), ..recipe }
    }
}

/// A batch times a factor, at least one sequence.
fn sequences_times(sequences: u32, factor: f64) -> u32 {
    // `as` saturates.
    ((f64::from(sequences) * factor).round() as u32).max(1)
}

/// The next rates beyond one.
fn further(from: f64, ratio: f64) -> Vec<f64> {
    (1..=MORE_RATES)
        .map(|i| three_digits(from * ratio.powi(i)))
        .filter(|rate| (1e-9..MOST_RATE).contains(rate))
        .collect()
}
