//! C = 6 N D, and the full count beside it.

use serde::{Deserialize, Serialize};

use crate::units::{Flops, Params, Tokens};

/// Which operations C counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlopRule {
    /// C = 6 N D, forward plus backward, attention scores left out (Kaplan et al. 2020, sec. 2.1).
    #[default]
    SixNd,
    /// Every matrix product of the shape, attention scores included, see
    /// [`Shape::train_flops_per_token`](crate::flops::Shape::train_flops_per_token).
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
///
/// ```
/// use isoloss::{flops::tokens_for, units::{Flops, Params}};
///
/// let chinchilla = tokens_for(Flops::new(5.88e23), Params::new(70e9));
/// assert!((chinchilla.get() / 1.4e12 - 1.0).abs() < 1e-12);
/// ```
#[must_use]
pub fn tokens_for(c: Flops, n: Params) -> Tokens {
    Tokens::new(c.get() / (6.0 * n.get()))
}
