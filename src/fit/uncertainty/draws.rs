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

/// Resamples after which a loop is given up when more than half of them failed: by chance that happens
/// once in a thousand times at a quarter.
const FIRST: usize = 40;

/// `count` refits in parallel, in order. Draw k takes stream k of the seed, so the draws do not depend
/// on the number of threads.
///
/// No draw is returned where more than a quarter failed; the loop ends after the first forty when more
/// than half of them did.
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
    let mut drawn = draw(0, count.min(FIRST));
    if 2 * failures(&drawn) <= FIRST {
        drawn.extend(draw(drawn.len(), count));
    } else {
        parts.rest_done();
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
        (failed > 0).then_some(Warning::DrawsFailed { failed, draws })
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
