//! Which runs would teach most next: those left, and sizes beyond a profile that is open on one side.

use serde::Serialize;

use super::design::SweepConfig;
use super::run::RunSpec;
use super::state::SweepState;
use crate::error::Result;
use crate::units::{Flops, Params, short_count};

/// The next size lies beyond the smallest or largest trained one by this factor.
const STEP: f64 = 1.5;

/// Sizes an isoFLOP profile needs to have a minimum inside.
const LEAST_SIZES: usize = 3;

/// What to train next.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NextRuns {
    /// Ids of runs left to train.
    pub todo: Vec<String>,
    /// One sentence for each run left and each budget that needs another size.
    pub advice: Vec<String>,
    /// Budgets whose isoFLOP profile needs another size.
    pub sizes: Vec<NextSize>,
}

/// What the isoFLOP profile of one budget lacks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct NextSize {
    /// The budget.
    pub flops: Flops,
    /// What it lacks.
    pub lacks: Lack,
    /// A size to train; absent where any will do.
    pub n_params: Option<Params>,
}

/// Why an isoFLOP profile needs another size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lack {
    /// Fewer than three sizes have ended.
    Sizes,
    /// The smallest size has the lowest loss.
    Smaller,
    /// The largest size has the lowest loss.
    Larger,
}

impl NextRuns {
    /// Reads the folder of a sweep and says what to train next.
    ///
    /// # Errors
    /// When its table of ended runs cannot be read.
    pub fn read(config: &SweepConfig) -> Result<Self> {
        let state = SweepState::read(config)?;
        let specs: Vec<RunSpec> = state.wanted.iter().map(|run| run.spec.clone()).collect();
        let todo: Vec<String> = state.left().map(|run| run.spec.id.clone()).collect();
        let sizes: Vec<NextSize> =
            config.cell.iter().filter_map(|cell| next_size(cell.flops, &specs, &state)).collect();
        let left = todo.iter().map(|id| format!("train {id}"));
        let advice = left.chain(sizes.iter().map(ToString::to_string)).collect();
        Ok(Self { todo, advice, sizes })
    }
}

impl std::fmt::Display for NextSize {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let n = self.n_params.map_or_else(String::new, |n| short_count(n.get()));
        write!(f, "at {} FLOPs: ", self.flops)?;
        match self.lacks {
            Lack::Sizes => write!(f, "train at least {LEAST_SIZES} sizes for an isoFLOP profile"),
            Lack::Smaller => write!(f, "train a smaller model, about {n} parameters"),
            Lack::Larger => write!(f, "train a larger model, about {n} parameters"),
        }
    }
}

/// What the profile of `flops` lacks; `None` when its minimum is inside, or none of its runs has ended.
fn next_size(flops: Flops, specs: &[RunSpec], state: &SweepState) -> Option<NextSize> {
    let mut ended: Vec<(f64, f64)> = specs
        .iter()
        .filter(|spec| spec.budget == Some(flops))
        .filter_map(|spec| {
            let row = state.ended(&spec.id)?;
            Some((row.n_params.get(), row.loss_nats?))
        })
        .collect();
    ended.sort_by(|a, b| a.0.total_cmp(&b.0));
    let lowest = ended.iter().min_by(|a, b| a.1.total_cmp(&b.1))?.0;
    let (smallest, largest) = (ended.first()?.0, ended.last()?.0);
    let (lacks, n) = if ended.len() < LEAST_SIZES {
        (Lack::Sizes, None)
    } else if lowest == smallest {
        (Lack::Smaller, Some(smallest / STEP))
    } else if lowest == largest {
        (Lack::Larger, Some(largest * STEP))
    } else {
        return None;
    };
    Some(NextSize { flops, lacks, n_params: n.map(Params::new) })
}
