//! What the course of a loss says: a loss that broke, a run that diverged.

use super::reason::Reason;
use crate::data::series::Series;

/// A rise of the loss above its lowest by this share, and by this many standard deviations, is
/// divergence.
const RISE: f64 = 0.05;
const RISE_SDS: f64 = 4.0;

/// Windows in which a rise is looked for.
const WINDOWS: usize = 40;

/// The usual distance between two logged losses.
pub(super) fn interval(train: &Series, eval: &Series) -> f64 {
    let of = |series: &Series| {
        let (first, last) = (series.first()?, series.last()?);
        (series.len() > 1).then(|| (last.step - first.first) / (series.len() - 1) as f64)
    };
    of(train).into_iter().chain(of(eval)).fold(f64::INFINITY, f64::min).min(1e12)
}

/// Refuses a run whose loss ends as NaN or infinite.
pub(super) fn broken(train: &Series, eval: &Series) -> Result<(), Reason> {
    for (series, what) in [(train, "training"), (eval, "evaluation")] {
        let (mut finite, mut bad) = (0_u64, 0_u64);
        for bin in series.bins() {
            finite += u64::from(bin.count);
            bad += u64::from(bin.broken);
        }
        // Tables fill the steps without an evaluation with NaN.
        let is_padding = what == "evaluation" && bad > finite && finite > 0;
        let ends_bad = series.last().is_some_and(|b| b.broken > 0 && !b.last.is_finite());
        if ends_bad && !is_padding {
            let from = series
                .bins()
                .iter()
                .rev()
                .take_while(|b| b.broken > 0)
                .last()
                .map_or(0.0, |b| b.first);
            return Err(format!("the {what} loss is NaN or infinite from step {from} on").into());
        }
    }
    Ok(())
}

/// Refuses a run whose loss ends well above its lowest.
pub(super) fn rise(series: &Series, key: &str) -> Result<(), Reason> {
    let means: Vec<(f64, f64)> =
        series.bins().iter().filter_map(|b| Some((b.step, b.mean()?))).collect();
    let each = means.len().div_ceil(WINDOWS).max(1);
    let windows: Vec<(f64, f64, usize)> = means
        .chunks(each)
        .map(|w| {
            let mean = w.iter().map(|p| p.1).sum::<f64>() / w.len() as f64;
            (w[w.len() - 1].0, mean, w.len())
        })
        .collect();
    let Some(last) = windows.last().copied() else { return Ok(()) };
    let Some(lowest) = windows.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1)) else {
        return Ok(());
    };
    // Scatter of single points around their window, from neighbours.
    let late = &means[means.len() / 2..];
    let apart: f64 = late.windows(2).map(|p| (p[1].1 - p[0].1).abs()).sum();
    // Two draws of a normal variable differ by 2 / sqrt(pi) of its standard deviation on average.
    let sd = 0.886 * apart / late.len().max(1) as f64 / (last.2 as f64).sqrt();
    let above = last.1 - lowest.1;
    if windows.len() >= 3 && above > RISE * lowest.1 && above > RISE_SDS * sd {
        return Err(format!(
            "diverged: `{key}` rose from {:.3} near step {} to {:.3} at the end",
            lowest.1, lowest.0, last.1
        )
        .into());
    }
    Ok(())
}

/// What is said of a loss that was NaN or infinite for a while and came back.
pub(super) fn holes(series: &Series, key: &str) -> Option<String> {
    let broken: Vec<_> = series.bins().iter().filter(|bin| bin.broken > 0).collect();
    let (first, last) = (broken.first()?, broken.last()?);
    let values: u64 = broken.iter().map(|bin| u64::from(bin.broken)).sum();
    let finite: u64 = series.bins().iter().map(|bin| u64::from(bin.count)).sum();
    // Tables fill the steps without an evaluation with NaN.
    (values <= finite).then(|| {
        format!(
            "`{key}` is NaN or infinite at {values} of its {} points, steps {} to {}; the run went on",
            values + finite,
            first.first,
            last.step
        )
    })
}
