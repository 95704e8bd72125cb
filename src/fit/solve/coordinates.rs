//! Which coefficients the solver moves: those of the family, or others for the same surfaces.

use super::known::Known;
use crate::law::{Law, Solved, solved_as};

/// The coefficients the solver moves.
#[derive(Clone, Copy)]
pub(crate) struct Coordinates {
    /// The family in these coefficients.
    pub(crate) law: &'static dyn Law,
    solved: Option<Solved>,
}

impl Coordinates {
    /// Those that suit the solver best, unless something is known of a printed coefficient.
    pub(super) fn of(law: &'static dyn Law, known: &Known) -> Self {
        let constrained = (0..known.held.len()).any(|i| known.constrains(i));
        let solved = if constrained { None } else { solved_as(law) };
        Self { law: solved.map_or(law, |s| s.law), solved }
    }

    /// Whether they are the family's own.
    pub(crate) fn are_printed(&self) -> bool {
        self.solved.is_none()
    }

    /// From printed coefficients.
    pub(crate) fn enter(&self, theta: &[f64]) -> Vec<f64> {
        self.solved.map_or_else(|| theta.to_vec(), |s| (s.enter)(theta))
    }

    /// To printed coefficients.
    pub(crate) fn leave(&self, theta: &[f64]) -> Vec<f64> {
        self.solved.map_or_else(|| theta.to_vec(), |s| (s.leave)(theta))
    }
}

impl std::fmt::Debug for Coordinates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Coordinates").field("coefs", &self.law.coefs()).finish_non_exhaustive()
    }
}
