//! A law fitted to some runs and tested on others.

use crate::data::RunTable;
use crate::error::Result;
use crate::fit::config::FitConfig;
use crate::fit::predict::{PredictedRun, predict_runs};
use crate::fit::progress::Parts;
use crate::fit::runs::fit_with_progress;
use crate::law::Law;

/// The predictions of a fit on runs it was not fitted to.
pub(super) struct Trial {
    /// predicted / observed - 1 of each tested run.
    pub(super) errors: Vec<f64>,
    /// Tested runs inside their prediction interval; `None` without draws.
    pub(super) covered: Option<usize>,
    /// The largest factor by which a tested run lies outside the fitted ones.
    pub(super) distance: f64,
    /// Whether the fit is certified.
    pub(super) certified: bool,
}

/// Fits `law` to `train` and predicts `test`, as one of `parts`.
pub(super) fn trial(
    law: &'static dyn Law,
    train: &RunTable,
    test: &RunTable,
    config: &FitConfig,
    parts: &Parts<'_>,
) -> Result<Trial> {
    parts.check()?;
    let fitted = fit_with_progress(law, train, config, &parts.inner())?;
    parts.one_done();
    let predicted = predict_runs(&fitted, test);
    let covered = predicted.iter().filter(|p| p.is_covered()).count();
    Ok(Trial {
        errors: predicted.iter().map(|p| p.error).collect(),
        covered: predicted.iter().any(|p| p.interval.is_some()).then_some(covered),
        distance: predicted.iter().map(PredictedRun::distance).fold(1.0, f64::max),
        certified: fitted.certificate.certified,
    })
}
