//! A fitted law with its equally likely draws.

use super::beyond::Beyond;
use super::surface::Surface;
use crate::error::Error;
use crate::num::{Interval, map_all};

/// A best surface and, if it was fitted, equally likely draws around it.
#[derive(Clone, Debug)]
pub struct Ensemble {
    /// The point estimate.
    pub best: Surface,
    /// Draws; empty for a published law: printed standard errors do not give their correlations.
    pub draws: Vec<Surface>,
    /// Level of the intervals, e.g. 0.95.
    pub level: f64,
    /// What intervals carry beyond the runs, where that was measured.
    pub beyond: Option<Beyond>,
}

impl Ensemble {
    /// A law without draws: values come without intervals.
    #[must_use]
    pub fn single(best: Surface) -> Self {
        Self { best, draws: Vec::new(), level: 0.95, beyond: None }
    }

    /// Several laws as one: each is equally likely, whether it has draws or not. The first is the
    /// point estimate. What one of them carries beyond its runs is left out: the laws speak for
    /// themselves there.
    ///
    /// `None` without a law.
    #[must_use]
    pub fn rivals(laws: &[&Self]) -> Option<Self> {
        let first = laws.first()?;
        let each = laws.iter().map(|law| law.draws.len()).max().unwrap_or(0).clamp(1, 1000);
        let draws = laws
            .iter()
            .flat_map(|law| {
                (0..each).map(|i| match law.draws.len() {
                    0 => law.best.clone(),
                    n => law.draws[i * n / each].clone(),
                })
            })
            .collect();
        Some(Self { best: first.best.clone(), draws, level: first.level, beyond: None })
    }

    /// `f` of every draw.
    ///
    /// A draw without an answer is counted in [`Draws::failed`], never dropped in silence.
    ///
    /// ```
    /// use isoloss::law::{Ensemble, Surface};
    /// use isoloss::plan::compute_optimal;
    /// use isoloss::units::Flops;
    ///
    /// // Two readings of the same runs, each as likely as the other.
    /// let laws = ["besiroglu", "hoffmann-a3-devries"].map(|name| Surface::published(name));
    /// let [first, second] = laws.map(|law| Ensemble::single(law.expect("shipped")));
    /// let both = Ensemble::rivals(&[&first, &second]).expect("two laws");
    ///
    /// let plans = both.map(|law| compute_optimal(law, Flops::new(1e24)));
    /// assert_eq!((plans.values.len(), plans.failed), (2, 0));
    /// let sizes = plans.interval(|plan| plan.n.get()).expect("two answers");
    /// assert!(sizes.lo < sizes.hi);
    /// ```
    pub fn map<T: Send>(&self, f: impl Fn(&Surface) -> Result<T, Error> + Sync) -> Draws<T> {
        let answers = map_all(&self.draws, &f);
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

/// The answers of an ensemble.
#[derive(Clone, Debug)]
pub struct Draws<T> {
    /// One per draw with an answer, in order.
    pub values: Vec<T>,
    /// Draws without an answer.
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
