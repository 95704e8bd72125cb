//! What intervals of a plan carry beyond the runs of its law.

use std::collections::BTreeMap;

use super::scenario::{Scenario, Serving};
use crate::law::{Ensemble, Point, Surface};
use crate::num::Interval;
use crate::units::{Params, Tokens};

/// Quantities in proportion to the compute of training.
const OF_TRAINING: [&str; 5] =
    ["train_flops", "train_usd", "train_device_hours", "train_days", "train_kwh"];

/// Most that an interval of compute carries, in ln: a factor of half a billion.
const MOST: f64 = 20.0;

/// The intervals of a plan, wider beyond the runs by what extrapolation has cost among them.
///
/// Under a budget the loss carries it, and the size, tokens and their ratio where nothing limits the size.
/// At a given loss the compute carries it, by the compute that makes up for the loss, and with it what is
/// in proportion to the compute; size and tokens take half of it each. What is the same in every draw
/// stays so.
///
/// - `surface`: the law as the plan asks it, at the plan (`ln_n`, `ln_d`).
pub(super) fn carried(
    mut intervals: BTreeMap<String, Interval>,
    ensemble: &Ensemble,
    scenario: &Scenario,
    surface: &Surface,
    (ln_n, ln_d): (f64, f64),
) -> BTreeMap<String, Interval> {
    let Some(beyond) = &ensemble.beyond else { return intervals };
    let at = Point::new(Params::new(ln_n.exp()), Tokens::new(ln_d.exp()));
    let loss = beyond.half_width(&ensemble.best, &at.within(surface.setting));
    let mut widen = |name: &str, half: f64| {
        let varies = |i: &&mut Interval| i.hi > i.lo * (1.0 + 1e-9);
        if let Some(interval) = intervals.get_mut(name).filter(varies) {
            *interval = interval.widened(half);
        }
    };
    let limited = scenario.data.is_some()
        || scenario.memory.is_some()
        || matches!(scenario.serving, Some(Serving::Physics { .. }));
    if scenario.aim.is_loss() {
        let (by_n, by_d) = surface.slopes_at(ln_n, ln_d);
        // Per unit of ln C, spent in equal parts.
        let gain = -0.5 * (by_n + by_d) / surface.loss_at(ln_n, ln_d);
        // Near the floor of the law no compute makes up for it.
        let compute = if gain > 0.0 { (loss / gain).min(MOST) } else { 0.0 };
        OF_TRAINING.iter().for_each(|name| widen(name, compute));
        if scenario.demand.is_none() {
            ["cost", "total_usd"].iter().for_each(|name| widen(name, compute));
        }
        if !limited {
            ["params", "tokens"].iter().for_each(|name| widen(name, 0.5 * compute));
        }
        return intervals;
    }
    widen("loss", loss);
    if scenario.aim.is_training_budget() && !limited {
        let size = beyond.half_width_params(&ensemble.best, surface.train_flops(at.n, at.d));
        widen("params", size);
        widen("tokens", size);
        widen("tokens_per_param", 2.0 * size);
    }
    intervals
}
