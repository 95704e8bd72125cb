//! What to train next: the runs that are left, and sizes beyond an isoFLOP profile that is open.

use serde::Serialize;

use crate::units::{Flops, Params, short_count};

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
    /// Fewer than three sizes have finished.
    Sizes,
    /// The smallest size has the lowest loss, or the minimum lies below it.
    Smaller,
    /// The largest size has the lowest loss, or the minimum lies above it.
    Larger,
    /// The losses have no minimum in ln N: they scatter more than the profile is deep.
    Minimum,
}

impl NextRuns {
    /// With a sentence for each.
    #[must_use]
    pub fn new(todo: Vec<String>, sizes: Vec<NextSize>) -> Self {
        let left = todo.iter().map(|id| format!("train {id}"));
        let advice = left.chain(sizes.iter().map(ToString::to_string)).collect();
        Self { todo, advice, sizes }
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
            Lack::Minimum => write!(
                f,
                "the losses have no minimum in the size, a fit leaves this profile out; train its sizes with more seeds, or sizes farther apart"
            ),
        }
    }
}
