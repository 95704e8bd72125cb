//! The charts of a question: the iso-loss curve, cost against size, and the frontier.

use std::borrow::Cow;

use super::chart::{
    Axis, Band, Chart, Dash, Line, Mark, MarkKind, Scale, Wall, placed, spread, union,
};
use crate::error::Result;
use crate::law::{Ensemble, Point};
use crate::num::Interval;
use crate::plan::{
    BandedCurve, Currency, Recommendation, SizedCost, banded_curve, compute_optimal, costs_by_size,
    tokens_for_loss,
};
use crate::report::dollars;
use crate::study::{AskedLaw, PlanAnswer, models_near};
use crate::units::{Flops, Params};

/// Sizes along an iso-loss curve.
const SIZES: usize = 60;
/// Budgets along a frontier.
const BUDGETS: usize = 33;
/// Highest compute shown, over the optimum's; higher, the wall would flatten the rest.
const CEILING: f64 = 10.0;
/// Largest size shown, over the optimum's.
const WIDEST: f64 = 6.0;

/// How much of an answer is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Depth {
    /// Everything.
    Full,
    /// Without draws: what can be had while a slider moves.
    Middle,
}

/// A law with its plan and its curve at the loss of the plan.
struct OfLaw<'a> {
    ensemble: Cow<'a, Ensemble>,
    plan: &'a Recommendation,
    curve: BandedCurve,
}

impl OfLaw<'_> {
    fn label(&self) -> String {
        self.plan.law.clone()
    }

    /// What its band is.
    fn band_text(&self) -> String {
        format!("{:.0} % interval", 100.0 * self.ensemble.level)
    }
}

/// Every chart of an answer.
///
/// # Errors
/// As [`banded_curve`].
pub(super) fn charts(laws: &[AskedLaw], answer: &PlanAnswer, depth: Depth) -> Result<Vec<Chart>> {
    let mut all = Vec::new();
    for (law, planned) in laws.iter().zip(&answer.laws) {
        let plan = &planned.recommended;
        let ensemble = match depth {
            Depth::Full => Cow::Borrowed(&law.ensemble),
            Depth::Middle => Cow::Owned(Ensemble::single(law.ensemble.best.clone())),
        };
        let curve = banded_curve(&ensemble, plan.plan.loss_nats, SIZES)?;
        all.push(OfLaw { ensemble, plan, curve });
    }
    Ok(vec![compression(&all), cost(&all, answer)?, frontier(&all)?])
}

/// A value with its interval where there is one.
fn with_band(text: String, band: Option<(String, String)>) -> String {
    match band {
        Some((lo, hi)) if lo != hi => format!("{text} ({lo} to {hi})"),
        _ => text,
    }
}

fn percent(fraction: f64) -> String {
    let x = 100.0 * fraction;
    let digits = usize::from(x.abs() < 9.95);
    format!("{x:.digits$} %")
}

/// Training compute against size at the loss of the plan.
fn compression(laws: &[OfLaw<'_>]) -> Chart {
    let bands: Vec<Vec<(Params, Interval)>> = laws.iter().map(|law| law.curve.band()).collect();
    let shown = size_range(laws);
    let sizes = laws.iter().flat_map(|law| law.curve.curve.points.iter().map(|p| p.n.get()));
    let left = bands.iter().flatten().map(|(n, _)| n.get());
    let plans = laws.iter().map(|law| law.plan.plan.n.get());
    let places = union(sizes.chain(left).chain(plans).filter(|n| (shown.0..=shown.1).contains(n)));
    let best = |of: fn(f64, f64) -> f64, from: f64| {
        laws.iter().map(|l| l.curve.curve.optimum.train_flops.get()).fold(from, of)
    };
    let (lowest, highest) = (best(f64::min, f64::INFINITY), best(f64::max, 0.0));
    let mut texts: Vec<(String, Vec<String>)> =
        places.iter().map(|n| (format!("{} parameters", Params::new(*n)), Vec::new())).collect();
    let mut lines = Vec::new();
    for (i, (law, band)) in laws.iter().zip(&bands).enumerate() {
        let (surface, loss) = (&law.ensemble.best, law.curve.curve.loss_nats);
        let least = law.curve.curve.optimum.train_flops.get();
        let of = |f: fn(&Interval) -> f64| {
            placed(&places, band.iter().map(|(n, interval)| (n.get(), f(interval))))
        };
        let band = (!band.is_empty()).then(|| Band {
            text: law.band_text(),
            low: of(|i| i.lo),
            high: of(|i| i.hi),
        });
        let mut values = Vec::new();
        for (at, n) in places.iter().enumerate() {
            let tokens = tokens_for_loss(surface, Params::new(*n), loss).ok();
            let flops = tokens.map(|d| surface.train_flops(Params::new(*n), d).get());
            values.push(flops);
            let Some((d, c)) = tokens.zip(flops) else {
                texts[at].1.push(format!("{}: cannot reach this loss", law.label()));
                continue;
            };
            let ends = band.as_ref().and_then(|b| b.low[at].zip(b.high[at]));
            let ends = ends.map(|(lo, hi)| (exact(lo, 1e4 * least), exact(hi, 1e4 * least)));
            let c_text = with_band(format!("{} FLOPs", Flops::new(c)), ends);
            let over = match c / least - 1.0 {
                over if over < 5e-4 => "the least".to_owned(),
                over => format!("{} above the least", percent(over)),
            };
            texts[at].1.push(format!("{}: {c_text}, {over}, on {d} tokens", law.label()));
        }
        lines.push(Line { label: law.label(), law: i, dash: Dash::Solid, values, band });
    }
    let y = (0.7 * lowest, CEILING * highest);
    let (marks, walls) = compression_marks(laws, shown, y);
    Chart {
        id: "compression",
        title: "Smaller models of the same loss".to_owned(),
        caption: format!(
            "Training compute to reach the loss of the plan ({}), by model size. The least is at the \
             compute-optimal size; below the wall no number of tokens reaches it.",
            losses(laws)
        ),
        x: Axis { title: "Model size N (parameters)".to_owned(), scale: Scale::Count, range: shown },
        y: Axis { title: "Training compute C (FLOPs)".to_owned(), scale: Scale::Flops, range: y },
        places,
        lines,
        marks,
        walls,
        texts,
        csv: String::new(),
    }
    .with_csv("params", "train_flops")
}

/// The loss of each plan, once where they are alike.
fn losses(laws: &[OfLaw<'_>]) -> String {
    let mut all: Vec<String> =
        laws.iter().map(|law| format!("{:.4}", law.curve.curve.loss_nats)).collect();
    all.dedup();
    let unit = laws.first().map_or("", |law| law.plan.plan.loss_unit.name());
    format!("{} {unit}", all.join(", "))
}

/// An end of a band; what is far above the picture has no number worth reading.
fn exact(x: f64, most: f64) -> String {
    if x < most { Flops::new(x).to_string() } else { "no end".to_owned() }
}

fn size_range(laws: &[OfLaw<'_>]) -> (f64, f64) {
    let walls = laws.iter().map(|law| law.curve.curve.wall_params.get() / 1.15);
    let plans = laws.iter().map(|law| law.plan.plan.n.get());
    let largest = laws.iter().map(|law| WIDEST * law.curve.curve.optimum.n.get());
    let lo = walls.chain(plans.clone().map(|n| n / 1.2)).fold(f64::INFINITY, f64::min);
    (lo, largest.chain(plans.map(|n| 1.5 * n)).fold(0.0, f64::max))
}

fn compression_marks(laws: &[OfLaw<'_>], x: (f64, f64), y: (f64, f64)) -> (Vec<Mark>, Vec<Wall>) {
    let inside = |(n, c): (f64, f64)| (x.0..=x.1).contains(&n) && (y.0..=y.1).contains(&c);
    let (mut marks, mut walls) = (Vec::new(), Vec::new());
    for (i, law) in laws.iter().enumerate() {
        let (plan, optimum) = (&law.plan.plan, &law.curve.curve.optimum);
        let wall = law.curve.curve.wall_params;
        walls.push(Wall { label: format!("wall {wall}"), law: i, at: wall.get() });
        let same = (plan.n.get() / optimum.n.get() - 1.0).abs() < 1e-3;
        if !same {
            let label = format!("least compute: {}", optimum.n);
            let at = (optimum.n.get(), optimum.train_flops.get());
            marks.push(Mark { label, law: i, kind: MarkKind::Optimum, at });
        }
        let at = (plan.n.get(), plan.train_flops.get());
        marks.push(Mark { label: format!("plan: {}", plan.n), law: i, kind: MarkKind::Plan, at });
    }
    if let [law] = laws {
        marks.extend(models_near(&law.curve, &law.ensemble).into_iter().map(|model| Mark {
            label: model.name,
            law: 0,
            kind: MarkKind::Model,
            at: (model.params.get(), model.train_flops.get()),
        }));
    }
    marks.retain(|mark| inside(mark.at));
    (marks, walls)
}

/// Training and serving at the loss of the plan, by size.
fn cost(laws: &[OfLaw<'_>], answer: &PlanAnswer) -> Result<Chart> {
    let scenario = &answer.scenario;
    let shown = size_range(laws);
    let sizes = laws.iter().flat_map(|law| law.curve.curve.points.iter().map(|p| p.n.get()));
    let plans = laws.iter().map(|law| law.plan.plan.n.get());
    let places = union(sizes.chain(plans).filter(|n| (shown.0..=shown.1).contains(n)));
    let params: Vec<Params> = places.iter().copied().map(Params::new).collect();
    let money = scenario.currency.is_money();
    let served = scenario.currency.counts_serving();
    let show = |x: f64| if money { dollars(x) } else { format!("{} FLOPs", Flops::new(x)) };
    let mut texts: Vec<(String, Vec<String>)> =
        params.iter().map(|n| (format!("{n} parameters"), Vec::new())).collect();
    let (mut lines, mut marks) = (Vec::new(), Vec::new());
    let (mut lowest, mut at_plan) = (f64::INFINITY, 0.0_f64);
    for (i, law) in laws.iter().enumerate() {
        let designs = &scenario.designs;
        let design = designs.iter().find(|d| d.name == law.plan.design).unwrap_or(&designs[0]);
        let loss = law.plan.plan.loss_nats;
        let costs = costs_by_size(&law.ensemble.best, scenario, design, loss, &params)?;
        let of = |f: fn(&SizedCost) -> f64| -> Vec<Option<f64>> {
            costs.iter().map(|c| c.as_ref().map(f).filter(|x| x.is_finite())).collect()
        };
        let total = of(|c| c.train + c.serve);
        for (at, c) in costs.iter().enumerate() {
            texts[at].1.push(match (c, total[at]) {
                (Some(c), Some(sum)) if served => format!(
                    "{}: {} on {} tokens; training {}, serving {}",
                    law.label(),
                    show(sum),
                    c.plan.d,
                    show(c.train),
                    show(c.serve),
                ),
                (Some(c), Some(sum)) => {
                    format!("{}: {} on {} tokens", law.label(), show(sum), c.plan.d)
                }
                (Some(_), None) => format!("{}: does not fit its serving devices", law.label()),
                (None, _) => format!("{}: cannot reach this loss within the limits", law.label()),
            });
        }
        let least = places.iter().zip(&total).filter_map(|(n, c)| Some((*n, (*c)?)));
        let least = least.min_by(|a, b| a.1.total_cmp(&b.1));
        let own = places.iter().position(|n| (n / law.plan.plan.n.get() - 1.0).abs() < 1e-8);
        if let Some(at) = own.and_then(|at| Some((places[at], total[at]?))) {
            at_plan = at_plan.max(at.1);
            let label = format!("plan: {}", law.plan.plan.n);
            marks.push(Mark { label, law: i, kind: MarkKind::Plan, at });
        }
        lowest = lowest.min(least.map_or(f64::INFINITY, |l| l.1));
        at_plan = at_plan.max(least.map_or(0.0, |l| l.1));
        let line = |label: String, dash, values| Line { label, law: i, dash, values, band: None };
        let name = law.label();
        if served && laws.len() == 1 {
            lines.push(line("training and serving".to_owned(), Dash::Solid, total));
            lines.push(line("training".to_owned(), Dash::Dashed, of(|c| c.train)));
            lines.push(line("serving".to_owned(), Dash::Dotted, of(|c| c.serve)));
        } else {
            lines.push(line(name, Dash::Solid, total));
        }
    }
    let lowest = if lowest.is_finite() { lowest } else { 1.0 };
    // Low enough for the parts of a cost, where they are no thousandth of it.
    let parts = lines.iter().flat_map(|line| line.values.iter().flatten().copied());
    let least_part = parts.fold(lowest, f64::min).max(1e-3 * lowest);
    let what = match scenario.currency {
        Currency::TrainFlops => "Training (FLOPs)",
        Currency::LifetimeFlops => "Training and serving (FLOPs)",
        Currency::TrainUsd => "Training (US dollars)",
        Currency::LifetimeUsd => "Training and serving (US dollars)",
    };
    let column = if money { "cost_usd" } else { "cost_flops" };
    Ok(Chart {
        id: "cost",
        title: "What each size costs at that loss".to_owned(),
        caption: match (served, scenario.demand.is_some()) {
            (true, _) => {
                "The cost of reaching the loss of the plan by model size: training, serving, \
                          and both."
            }
            (false, true) => {
                "The cost of training to the loss of the plan by model size. Serving has no \
                              price here: say on what it is served."
            }
            (false, false) => {
                "The cost of training to the loss of the plan by model size. Say how much is \
                               served to see what that adds."
            }
        }
        .to_owned(),
        x: Axis {
            title: "Model size N (parameters)".to_owned(),
            scale: Scale::Count,
            range: shown,
        },
        y: Axis {
            title: what.to_owned(),
            scale: if money { Scale::Usd } else { Scale::Flops },
            range: (0.7 * least_part, CEILING * at_plan.max(lowest)),
        },
        places,
        lines,
        marks,
        walls: Vec::new(),
        texts,
        csv: String::new(),
    }
    .with_csv("params", column))
}

/// The lowest loss each training budget can buy.
fn frontier(laws: &[OfLaw<'_>]) -> Result<Chart> {
    let plans = || laws.iter().map(|law| law.plan.plan.train_flops.get());
    let from = plans().fold(f64::INFINITY, f64::min) / 300.0;
    let to = plans().fold(0.0, f64::max) * 100.0;
    let (from, to) = (from.max(1.001e8), to.min(0.999e36));
    let places = union(spread(from, to, BUDGETS).chain(plans()));
    let mut texts: Vec<(String, Vec<String>)> =
        places.iter().map(|c| (format!("{} FLOPs", Flops::new(*c)), Vec::new())).collect();
    let (mut lines, mut marks, mut seen) = (Vec::new(), Vec::new(), Vec::new());
    for (i, law) in laws.iter().enumerate() {
        let best: Vec<_> = places
            .iter()
            .map(|c| compute_optimal(&law.ensemble.best, Flops::new(*c)).ok())
            .collect();
        let draws = law.ensemble.map(|surface| {
            let loss = |c: &f64| Ok(compute_optimal(surface, Flops::new(*c))?.loss_nats);
            places.iter().map(loss).collect::<Result<Vec<f64>>>()
        });
        // As intervals of plans are, wider beyond the runs.
        let carried = |at: usize| {
            let (beyond, plan) = (law.ensemble.beyond.as_ref()?, best[at].as_ref()?);
            Some(beyond.half_width(&law.ensemble.best, &Point::new(plan.n, plan.d)))
        };
        let end = |at: usize| {
            let interval = draws.interval(|losses| losses[at])?;
            Some(interval.widened(carried(at).unwrap_or(0.0)))
        };
        let ends: Vec<Option<Interval>> = (0..places.len()).map(end).collect();
        let values: Vec<Option<f64>> =
            best.iter().map(|plan| plan.as_ref().map(|p| p.loss_nats)).collect();
        for (at, plan) in best.iter().enumerate() {
            texts[at].1.push(match plan {
                Some(plan) => {
                    let band = ends[at].map(|e| (format!("{:.4}", e.lo), format!("{:.4}", e.hi)));
                    let loss = with_band(format!("{:.4}", plan.loss_nats), band);
                    let (n, d) = (plan.n, plan.d);
                    format!("{}: {loss} {}, {n} on {d} tokens", law.label(), plan.loss_unit)
                }
                None => format!("{}: no optimum at this budget", law.label()),
            });
        }
        let band = ends.iter().any(Option::is_some).then(|| Band {
            text: law.band_text(),
            low: ends.iter().map(|e| e.map(|e| e.lo)).collect(),
            high: ends.iter().map(|e| e.map(|e| e.hi)).collect(),
        });
        seen.extend(ends.iter().flatten().flat_map(|e| [e.lo, e.hi]));
        seen.extend(values.iter().flatten().copied());
        let plan = &law.plan.plan;
        let (label, at) = (format!("plan: {}", plan.n), (plan.train_flops.get(), plan.loss_nats));
        marks.push(Mark { label, law: i, kind: MarkKind::Plan, at });
        seen.push(plan.loss_nats);
        lines.push(Line { label: law.label(), law: i, dash: Dash::Solid, values, band });
    }
    let (lo, hi) =
        seen.iter().fold((f64::INFINITY, 0.0_f64), |(lo, hi), x| (lo.min(*x), hi.max(*x)));
    let unit = laws.first().map_or("", |law| law.plan.plan.loss_unit.name());
    Ok(Chart {
        id: "frontier",
        title: "The lowest loss each budget can buy".to_owned(),
        caption: "Loss of the compute-optimal model by training compute, and where the plan lies. A plan \
                  above the line gives up loss for cheaper serving, or meets a limit."
            .to_owned(),
        x: Axis {
            title: "Training compute C (FLOPs)".to_owned(),
            scale: Scale::Flops,
            range: (from, to),
        },
        y: Axis {
            title: format!("Loss ({unit})"),
            scale: Scale::Loss,
            range: (lo - 0.04 * (hi - lo), hi + 0.04 * (hi - lo)),
        },
        places,
        lines,
        marks,
        walls: Vec::new(),
        texts,
        csv: String::new(),
    }
    .with_csv("train_flops", "loss"))
}
