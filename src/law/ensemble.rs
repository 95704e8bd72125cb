//! Many surfaces, one question: bootstrap draws of a fit, or rival published laws.

use serde::{Deserialize, Serialize};

use super::surface::Surface;
use crate::error::Error;
use crate::num::Interval;

/// What the surfaces of an ensemble are to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EnsembleKind {
    /// Equally likely draws of one law: spread is uncertainty.
    Draws,
    /// Different laws: spread is disagreement, not probability.
    Rivals,
}

/// A best surface and, if there are any, the others around it.
#[derive(Clone, Debug)]
pub struct Ensemble {
    /// The point estimate.
    pub best: Surface,
    /// Draws or rivals; empty for a bare published law.
    pub others: Vec<Surface>,
    /// What the others are.
    pub kind: EnsembleKind,
    /// Level of the intervals, e.g. 0.95.
    pub level: f64,
}

impl Ensemble {
    /// A law without draws: values come without intervals.
    #[must_use]
    pub fn single(best: Surface) -> Self {
        Self { best, others: Vec::new(), kind: EnsembleKind::Draws, level: 0.95 }
    }

    /// Asks every surface the same question.
    ///
    /// A surface without an answer is counted in [`Draws::failed`], never dropped in silence.
    pub fn map<T: Send>(&self, f: impl Fn(&Surface) -> Result<T, Error> + Sync) -> Draws<T> {
        let answers = map_all(&self.others, &f);
        let mut values = Vec::with_capacity(answers.len());
        let mut failed = 0;
        for answer in answers {
            match answer {
                Ok(value) => values.push(value),
                Err(_) => failed += 1,
            }
        }
        Draws { values, failed, level: self.level }
    }
}

#[cfg(feature = "parallel")]
fn map_all<T: Send>(
    surfaces: &[Surface],
    f: &(impl Fn(&Surface) -> Result<T, Error> + Sync),
) -> Vec<Result<T, Error>> {
    use rayon::prelude::*;
    surfaces.par_iter().map(f).collect()
}

#[cfg(not(feature = "parallel"))]
fn map_all<T: Send>(
    surfaces: &[Surface],
    f: &(impl Fn(&Surface) -> Result<T, Error> + Sync),
) -> Vec<Result<T, Error>> {
    surfaces.iter().map(f).collect()
}

/// The answers of an ensemble.
#[derive(Clone, Debug)]
pub struct Draws<T> {
    /// One per surface with an answer, in order.
    pub values: Vec<T>,
    /// Surfaces without an answer.
    pub failed: usize,
    /// Level of the intervals.
    pub level: f64,
}

impl<T> Draws<T> {
    /// Percentile interval of one number of each answer; `None` below two answers.
    #[must_use]
    pub fn interval(&self, of: impl Fn(&T) -> f64) -> Option<Interval> {
        let sample: Vec<f64> = self.values.iter().map(of).collect();
        Interval::percentile(&sample, self.level)
    }
}
