//! How far a learning-rate schedule has come when a log ends.

use crate::data::series::Series;

/// What the rates say about the end of a log.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ScheduleState {
    /// No rates, or too few to say.
    Unknown,
    /// The rate never came down from its peak.
    Constant,
    /// The schedule came to its floor.
    Finished,
    /// The rate was still on its way up.
    WarmingUp,
    /// The rate was on its way down: what share of its peak it had, and where its course would end.
    Midway { share: f64, shape: &'static str, ends_at: Option<f64> },
}

/// A rate at or below this share of its peak counts as a floor: a tenth is the usual one (Hoffmann
/// et al. 2022, sec. 3.1), and six digits of a printed tenth may read 0.1000002.
const FLOOR: f64 = 0.105;

/// How far beyond the last step a schedule may seem to go before it counts as cut off. A finished
/// cosine is flat at its end, so its length is known to a few percent only.
const SLACK: f64 = 1.04;

/// Largest root mean square misfit, as a share of the peak, of a schedule that has this shape.
const MISFIT: f64 = 0.004;

/// Rates a shape is fitted to.
const FITTED: usize = 128;

/// How far the schedule has come at its last logged rate.
///
/// The decay is everything after the last rate at the peak. A cosine
/// r = f + (p - f)(1 + cos(pi t / T)) / 2 and a line r = p - s t are fitted to it, T by search, the
/// rest by least squares. A cosine whose T is beyond the last step was cut off, whatever the log
/// calls its end.
pub(super) fn state_of(rates: &Series) -> ScheduleState {
    let points: Vec<(f64, f64)> = rates.bins().iter().map(|b| (b.step, b.last)).collect();
    let peak = points.iter().map(|p| p.1).fold(0.0, f64::max);
    if points.len() < 4 || peak <= 0.0 {
        return ScheduleState::Unknown;
    }
    let at_peak = |rate: f64| rate >= (1.0 - 1e-9) * peak;
    let (first_top, last_top) = (
        points.iter().position(|p| at_peak(p.1)).unwrap_or(0),
        points.iter().rposition(|p| at_peak(p.1)).unwrap_or(0),
    );
    let last = points.len() - 1;
    if last_top == last {
        return if first_top == last { ScheduleState::WarmingUp } else { ScheduleState::Constant };
    }
    let (start, end) = (points[last_top].0, points[last].0);
    let share = points[last].1 / peak;
    let decay: Vec<(f64, f64)> =
        points[last_top..].iter().map(|(t, r)| (t - start, r / peak)).collect();
    let span = end - start;
    if share <= 0.02 || (decay.len() < 5 && share <= FLOOR) {
        return ScheduleState::Finished;
    }
    if decay.len() < 5 {
        return ScheduleState::Midway { share, shape: "decay", ends_at: None };
    }
    // A floor that is held is an end.
    let held = decay.iter().rev().take_while(|(_, r)| (r - share).abs() <= 1e-9 + 1e-6 * share);
    let held_from = held.last().map_or(span, |p| p.0);
    if span - held_from >= 0.02 * span && share < 0.9 {
        return ScheduleState::Finished;
    }
    // A hundred points fix three numbers as well as thousands.
    let every = decay.len().div_ceil(FITTED);
    let mut thin: Vec<(f64, f64)> = decay.iter().copied().step_by(every).collect();
    if !(decay.len() - 1).is_multiple_of(every) {
        thin.extend(decay.last());
    }
    let (cosine, period) = cosine(&thin, span);
    let (line, zero_at) = line(&thin);
    if cosine <= MISFIT && cosine <= line {
        return if period > SLACK * span {
            ScheduleState::Midway { share, shape: "cosine", ends_at: Some(start + period) }
        } else {
            ScheduleState::Finished
        };
    }
    if share <= FLOOR {
        return ScheduleState::Finished;
    }
    if line <= MISFIT {
        return ScheduleState::Midway {
            share,
            shape: "linear decay",
            ends_at: Some(start + zero_at),
        };
    }
    // Another shape: an end is where it has become flat.
    let late = decay.iter().find(|p| p.0 >= 0.9 * span).map_or(share, |p| p.1);
    if late - share > 0.025 * (1.0 - share) {
        return ScheduleState::Midway { share, shape: "decay", ends_at: None };
    }
    ScheduleState::Finished
}

/// Misfit and period of the best cosine from the peak.
fn cosine(decay: &[(f64, f64)], span: f64) -> (f64, f64) {
    let misfit = |period: f64| {
        // r = f + (p - f) w is linear in p and f.
        let (mut ww, mut wv, mut vv, mut rw, mut rv) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for (t, r) in decay {
            let w = 0.5 * (1.0 + (std::f64::consts::PI * (t / period).min(1.0)).cos());
            let v = 1.0 - w;
            ww += w * w;
            wv += w * v;
            vv += v * v;
            rw += r * w;
            rv += r * v;
        }
        let determinant = ww * vv - wv * wv;
        if determinant <= 1e-12 {
            return f64::INFINITY;
        }
        let (p, f) = ((rw * vv - rv * wv) / determinant, (rv * ww - rw * wv) / determinant);
        // A floor below zero is not a schedule; it lets a short piece pass for a longer period.
        let f = f.max(0.0);
        let squares: f64 = decay
            .iter()
            .map(|(t, r)| {
                let w = 0.5 * (1.0 + (std::f64::consts::PI * (t / period).min(1.0)).cos());
                (f + (p - f) * w - r).powi(2)
            })
            .sum();
        (squares / decay.len() as f64).sqrt()
    };
    const GRID: i32 = 160;
    let period = |k: f64| span * (0.8 * (30.0_f64 / 0.8).powf(k / f64::from(GRID)));
    let best = (0..=GRID)
        .map(f64::from)
        .min_by(|a, b| misfit(period(*a)).total_cmp(&misfit(period(*b))))
        .unwrap_or(0.0);
    // Golden-section steps within the neighbouring grid points.
    let (mut lo, mut hi) = ((best - 1.0).max(0.0), (best + 1.0).min(f64::from(GRID)));
    for _ in 0..40 {
        let third = (hi - lo) / 3.0;
        if misfit(period(lo + third)) < misfit(period(hi - third)) {
            hi -= third;
        } else {
            lo += third;
        }
    }
    let best = period(0.5 * (lo + hi));
    (misfit(best), best)
}

/// Misfit of the best line from the peak, and where it reaches zero.
fn line(decay: &[(f64, f64)]) -> (f64, f64) {
    let n = decay.len() as f64;
    let (mt, mr) =
        (decay.iter().map(|p| p.0).sum::<f64>() / n, decay.iter().map(|p| p.1).sum::<f64>() / n);
    let tt: f64 = decay.iter().map(|p| (p.0 - mt).powi(2)).sum();
    let tr: f64 = decay.iter().map(|p| (p.0 - mt) * (p.1 - mr)).sum();
    let slope = if tt > 0.0 { tr / tt } else { 0.0 };
    let squares: f64 = decay.iter().map(|(t, r)| (mr + slope * (t - mt) - r).powi(2)).sum();
    let zero_at = if slope < 0.0 { mt - mr / slope } else { f64::INFINITY };
    ((squares / n).sqrt(), zero_at)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rates of a warm-up of 50 steps and then `decay(share of 1000 steps)`, up to `until`.
    fn rates(until: usize, every: usize, decay: &dyn Fn(f64) -> f64) -> Series {
        let mut series = Series::default();
        for step in (1..=until).filter(|s| s % every == 0) {
            let t = step as f64;
            let rate = if t <= 50.0 { t / 50.0 } else { decay(((t - 50.0) / 1000.0).min(1.0)) };
            series.push(t, 3e-4 * rate);
        }
        series.settle();
        series
    }

    fn cosine_to(floor: f64) -> impl Fn(f64) -> f64 {
        move |x| floor + (1.0 - floor) * 0.5 * (1.0 + (std::f64::consts::PI * x).cos())
    }

    #[test]
    fn a_cosine_is_midway_until_its_end_and_its_end_is_foretold() {
        for floor in [0.0, 0.1, 0.3] {
            for every in [1, 10, 50] {
                let shape = cosine_to(floor);
                assert_eq!(
                    state_of(&rates(1050, every, &shape)),
                    ScheduleState::Finished,
                    "{floor} {every}"
                );
                for until in [350, 550, 750, 950] {
                    match state_of(&rates(until, every, &shape)) {
                        ScheduleState::Midway { ends_at, .. } => {
                            let end = ends_at.unwrap_or(f64::NAN);
                            // Half-way on, the length is known well.
                            if until >= 550 && every < 50 {
                                assert!((end / 1050.0 - 1.0).abs() < 0.15, "{floor} {until} {end}");
                            }
                        }
                        other => panic!("{floor} {every} {until}: {other:?}"),
                    }
                }
            }
        }
    }

    #[test]
    fn lines_square_roots_and_floors_end() {
        assert_eq!(state_of(&rates(1050, 10, &|x| 1.0 - x)), ScheduleState::Finished);
        assert_eq!(state_of(&rates(1050, 10, &|x| 1.0 - 0.9 * x)), ScheduleState::Finished);
        assert_eq!(state_of(&rates(1050, 10, &|x| 1.0 - x.sqrt())), ScheduleState::Finished);
        let held = |x: f64| cosine_to(0.2)((x / 0.8).min(1.0));
        assert_eq!(state_of(&rates(1050, 10, &held)), ScheduleState::Finished);
        assert!(matches!(state_of(&rates(600, 10, &|x| 1.0 - x)), ScheduleState::Midway { .. }));
        // Warm-up, stable, decay: the trunk is constant, its branch ends.
        let wsd = |x: f64| if x < 0.8 { 1.0 } else { 5.0 * (1.0 - x) };
        assert_eq!(state_of(&rates(800, 10, &wsd)), ScheduleState::Constant);
        assert_eq!(state_of(&rates(1050, 10, &wsd)), ScheduleState::Finished);
        assert!(matches!(state_of(&rates(950, 10, &wsd)), ScheduleState::Midway { .. }));
    }

    #[test]
    fn a_rising_rate_is_a_warm_up_and_few_rates_say_nothing() {
        assert_eq!(state_of(&rates(40, 5, &|_| 1.0)), ScheduleState::WarmingUp);
        assert_eq!(state_of(&rates(20, 10, &|_| 1.0)), ScheduleState::Unknown);
        assert_eq!(state_of(&Series::NONE), ScheduleState::Unknown);
    }
}
