//! From an architecture to parameter counts and FLOPs: the one place where either is counted.
//!
//! The planner prices with these formulas and the bundled trainer's model is tested against them,
//! so a sweep and a plan can never disagree about what N or C means.

mod footprint;
mod pattern;
mod shape;

pub use footprint::Footprint;
pub use pattern::Pattern;
pub use shape::{Experts, Latent, ParamCount, Shape, mean_span};

use serde::{Deserialize, Serialize};

use crate::units::{Flops, Params, Tokens};

/// Which operations C counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlopRule {
    /// C = 6 N D, forward plus backward, attention scores left out (Kaplan et al. 2020, sec. 2.1).
    #[default]
    SixNd,
    /// Every matrix product of the shape, attention scores included, see [`Shape::train_flops_per_token`].
    Counted,
}

impl FlopRule {
    /// Training FLOPs of a run under C = 6 N D.
    #[must_use]
    pub fn six_nd(n: Params, d: Tokens) -> Flops {
        Flops::new(6.0 * n.get() * d.get())
    }
}

/// Tokens that spend `c` training FLOPs on `n` parameters under C = 6 N D.
#[must_use]
pub fn tokens_for(c: Flops, n: Params) -> Tokens {
    Tokens::new(c.get() / (6.0 * n.get()))
}
