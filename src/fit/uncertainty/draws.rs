//! The resampling loop of all kinds of fit, and what its draws say.

use std::collections::BTreeMap;

use crate::error::{FitError, Warning};
use crate::fit::progress::{OnProgress, Parts};
use crate::law::Coef;
use crate::num::{Interval, Stream, map_all, standard_deviation, stream};

/// Coefficients of the resamples that found a minimum, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draws {
    /// Coefficients in natural units, in the order of the family; none where more than a quarter of the
    /// resamples failed.
    pub(crate) thetas: Vec<Vec<f64>>,
    /// Resamples made: as many as asked for, or fewer where so many of the first failed that the rest
    /// could not help.
    pub(crate) made: usize,
    /// Resamples without a minimum.
    pub(crate) failed: usize,
}

/// Share of resamples without a minimum above which the others say nothing: which ones fail is not
/// left to chance, and a tail of an interval at 95 % is a fortieth.
const MOST_FAILED: f64 = 0.25; // As `Warning::DrawsFailed` says it.

/// Resamples after which a loop is given up when clearly more than [`MOST_FAILED`] of them failed.
const LOOKS: [usize; 4] = [40, 200, 1000, usize::MAX];

/// Whether so many failures would be chance once in a thousand times at [`MOST_FAILED`].
fn clearly_too_many(failed: usize, made: usize) -> bool {
    let made = made as f64;
    let spread = (MOST_FAILED * (1.0 - MOST_FAILED) * made).sqrt();
    failed as f64 > MOST_FAILED * made + 3.0 * spread
}

/// `count` refits in parallel, in order. Draw k takes stream k of the seed, so the draws do not depend
/// on the number of threads.
///
/// No draw is returned where more than a quarter failed; the loop ends after forty, two hundred or a
/// thousand when clearly more did.
///
/// - `refit`: coefficients of one resample, or `None` where it has no minimum.
///
/// # Errors
/// [`FitError::Stopped`] when `progress` says so.
pub(crate) fn resample(
    count: usize,
    seed: u64,
    progress: &OnProgress<'_>,
    refit: impl Fn(&mut Stream) -> Option<Vec<f64>> + Sync,
) -> Result<Draws, FitError> {
    let parts = Parts::new(count, progress);
    let draw = |from: usize, to: usize| {
        let indices: Vec<u64> = (from as u64..to as u64).collect();
        map_all(&indices, &|k| {
            // The rest of a stopped loop is walked through without work.
            parts.stopped().ok()?;
            let theta = refit(&mut stream(seed, *k));
            parts.one_done();
            theta
        })
    };
    let failures =
        |drawn: &[Option<Vec<f64>>]| drawn.iter().filter(|theta| theta.is_none()).count();
    let mut drawn: Vec<Option<Vec<f64>>> = Vec::new();
    for look in LOOKS {
        drawn.extend(draw(drawn.len(), look.min(count)));
        if clearly_too_many(failures(&drawn), drawn.len()) {
            parts.rest_done();
            break;
        }
    }
    parts.stopped()?;
    let (made, failed) = (drawn.len(), failures(&drawn));
    let thetas = match failed as f64 > MOST_FAILED * made as f64 {
        true => Vec::new(),
        false => drawn.into_iter().flatten().collect(),
    };
    Ok(Draws { thetas, made, failed })
}

impl Draws {
    /// A warning where some resamples had no minimum.
    pub(crate) fn warning(&self) -> Option<Warning> {
        let (failed, draws) = (self.failed, self.made);
        // Below a hundredth no end of an interval moves.
        (100 * failed > draws).then_some(Warning::DrawsFailed { failed, draws })
    }

    /// One number per draw for each free coefficient, by name.
    pub(crate) fn samples(
        &self,
        coefs: &[Coef],
        held: &[Option<f64>],
    ) -> BTreeMap<String, Vec<f64>> {
        let free = coefs.iter().enumerate().filter(|(i, _)| held[*i].is_none());
        free.map(|(i, c)| (c.name.to_owned(), self.thetas.iter().map(|t| t[i]).collect())).collect()
    }
}

/// What samples say, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spread {
    /// Percentile intervals.
    pub(crate) intervals: BTreeMap<String, Interval>,
    /// Standard deviations.
    pub(crate) std_errors: BTreeMap<String, f64>,
}

impl Spread {
    /// Intervals at `level` and standard deviations, of samples with at least two values.
    pub(crate) fn of(samples: &BTreeMap<String, Vec<f64>>, level: f64) -> Self {
        let intervals = samples
            .iter()
            .filter_map(|(name, s)| Some((name.clone(), Interval::percentile(s, level)?)))
            .collect();
        let std_errors = samples
            .iter()
            .filter(|(_, s)| s.len() >= 2)
            .map(|(name, s)| (name.clone(), standard_deviation(s)))
            .collect();
        Self { intervals, std_errors }
    }
}

#[cfg(test)]
mod tests {
    use rand::RngExt;

    use super::*;
    use crate::fit::progress::{Progress, ignore};

    /// Resamples of which a share has no minimum.
    fn with_failing(share: f64, count: usize) -> Draws {
        let refit = |rng: &mut Stream| (rng.random_range(0.0..1.0) >= share).then(|| vec![1.0]);
        resample(count, 7, &ignore, refit).expect("not stopped")
    }

    #[test]
    fn a_few_failures_are_left_out_and_many_leave_nothing() {
        let few = with_failing(0.1, 1000);
        assert_eq!((few.made, few.thetas.len() + few.failed), (1000, 1000));
        assert!((60..140).contains(&few.failed), "{}", few.failed);
        let said = few.warning().expect("a warning").to_string();
        assert!(said.contains("left out of the intervals"), "{said}");
        let many = with_failing(0.4, 1000);
        assert!(many.made == 200 && many.thetas.is_empty(), "{}", many.failed);
        let said = many.warning().expect("a warning").to_string();
        assert!(said.contains("above a quarter no interval is given"), "{said}");
        assert!(with_failing(0.0, 20).warning().is_none());
    }

    #[test]
    fn a_loop_whose_first_draws_fail_is_given_up_and_counts_to_its_end() {
        let last = std::sync::Mutex::new(Progress { done: 0, total: 0 });
        let hear = |progress: Progress| {
            *last.lock().expect("one thread at a time") = progress;
            std::ops::ControlFlow::Continue(())
        };
        let given_up = resample(5000, 7, &hear, |_| None).expect("not stopped");
        assert_eq!((given_up.made, given_up.failed, given_up.thetas.len()), (40, 40, 0));
        assert_eq!(*last.lock().expect("done"), Progress { done: 5000, total: 5000 });
    }
}
