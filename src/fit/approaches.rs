//! The three approaches of Hoffmann et al. 2022 (arXiv:2203.15556, sec. 3) side by side.
//!
//! 1. The envelope of training curves: which size has the lowest loss at each compute.
//! 2. IsoFLOP valleys: the floor of a parabola in ln N at each budget.
//! 3. A law of N and D.
//!
//! Each gives a frontier N* ∝ C^a. They share the runs and little else, so where they disagree
//! beyond their intervals, one of them rests on something that is not so.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::artifact::Fit;
use super::config::FitConfig;
use super::valley::{Valley, floor_of, valleys};
use crate::data::{RunRecord, RunTable};
use crate::error::Warning;
use crate::num::{Interval, mean, stream};
use crate::units::{Flops, Params, Tokens};

/// What an approach left out, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// A budget or a run.
    pub what: String,
    /// The reason.
    pub reason: String,
}

/// N* of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrontierPoint {
    /// Training FLOPs.
    #[serde(rename = "flops")]
    pub c: Flops,
    /// N*.
    #[serde(rename = "params")]
    pub n: Params,
    /// Its interval; absent without resamples, and for a point that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
}

/// A frontier by one approach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Approach {
    /// Which.
    pub name: String,
    /// a in N* ∝ C^a; absent where the approach cannot be taken.
    pub n_exponent: Option<f64>,
    /// Its interval.
    pub interval: Option<Interval>,
    /// Points the line goes through: valleys, or corners of the envelope; none for a law.
    pub measured: Vec<FrontierPoint>,
    /// N* at the dearest budget, ten and a hundred times that.
    pub predicted: Vec<FrontierPoint>,
    /// What was left out.
    pub refused: Vec<Refused>,
}

/// The three frontiers and where they part.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Approaches {
    /// In Hoffmann's order.
    pub approaches: Vec<Approach>,
    /// Level of the intervals.
    pub level: f64,
    /// Pairs whose intervals do not meet.
    #[serde(serialize_with = "crate::error::with_messages")]
    pub warnings: Vec<Warning>,
}

/// Most resamples of the first two approaches.
const MOST_RESAMPLES: usize = 1000;

/// Compute grid of the envelope, points per factor e.
const GRID_PER_E: f64 = 20.0;

/// The line ln N = a ln C + b through frontier points, by least squares.
#[derive(Clone, Copy)]
struct Line {
    a: f64,
    b: f64,
}

impl Line {
    fn through(points: &[(f64, f64)]) -> Option<Self> {
        let x: Vec<f64> = points.iter().map(|p| p.0).collect();
        let y: Vec<f64> = points.iter().map(|p| p.1).collect();
        let (mx, my) = (mean(&x), mean(&y));
        let xx: f64 = x.iter().map(|x| (x - mx).powi(2)).sum();
        let xy: f64 = points.iter().map(|(x, y)| (x - mx) * (y - my)).sum();
        let a = xy / xx;
        (xx > 1e-9 && a.is_finite()).then_some(Self { a, b: my - a * mx })
    }

    fn ln_n(self, c: Flops) -> f64 {
        self.a * c.ln() + self.b
    }
}

/// The exponent and predictions of a line with its resamples.
fn approach(
    name: &str,
    line: Option<Line>,
    resampled: &[Line],
    targets: &[Flops],
    level: f64,
    measured: Vec<FrontierPoint>,
    refused: Vec<Refused>,
) -> Approach {
    let interval = |f: &dyn Fn(&Line) -> f64| {
        Interval::percentile(&resampled.iter().map(f).collect::<Vec<_>>(), level)
    };
    let predicted = targets
        .iter()
        .filter_map(|&c| {
            let n = Params::new(line?.ln_n(c).exp());
            Some(FrontierPoint { c, n, interval: interval(&|l| l.ln_n(c).exp()) })
        })
        .collect();
    Approach {
        name: name.to_owned(),
        n_exponent: line.map(|l| l.a),
        interval: interval(&|l| l.a),
        measured,
        predicted,
        refused,
    }
}

/// A training curve: ln C against loss of one run, in order of compute.
struct Curve {
    ln_n: f64,
    points: Vec<(f64, f64)>,
}

impl Curve {
    /// Loss at ln C, linear between logged points; `None` outside them.
    fn loss_at(&self, ln_c: f64) -> Option<f64> {
        let after = self.points.partition_point(|p| p.0 < ln_c);
        let (x1, y1) = *self.points.get(after)?;
        if x1 == ln_c {
            return Some(y1);
        }
        let (x0, y0) = *self.points.get(after.checked_sub(1)?)?;
        Some(y0 + (y1 - y0) * (ln_c - x0) / (x1 - x0))
    }
}

/// The curves of step logs whose learning rate never came down; in a table without step logs, rows that share a run's name and size, where there
/// are at least five of them.
fn curves(table: &RunTable) -> Vec<Curve> {
    if !table.curves.is_empty() {
        let point = |n: Params, d: Tokens, loss: f64| ((6.0 * n.get() * d.get()).ln(), loss);
        return table
            .curves
            .iter()
            .filter(|curve| !curve.decays)
            .map(|curve| Curve {
                ln_n: curve.n.ln(),
                points: curve.points.iter().map(|(d, loss)| point(curve.n, *d, *loss)).collect(),
            })
            .collect();
    }
    let mut groups: std::collections::BTreeMap<(&str, u64), Vec<&RunRecord>> =
        std::collections::BTreeMap::new();
    for run in &table.runs {
        groups.entry((&run.run, run.n.get().to_bits())).or_default().push(run);
    }
    groups
        .into_values()
        .filter(|rows| rows.len() >= 5)
        .map(|rows| {
            let ln_c = |r: &RunRecord| (6.0 * r.n.get() * r.d.get()).ln();
            let mut points: Vec<(f64, f64)> = rows.iter().map(|r| (ln_c(r), r.loss_nats)).collect();
            points.sort_by(|a, b| a.0.total_cmp(&b.0));
            points.dedup_by(|a, b| a.0 == b.0);
            Curve { ln_n: rows[0].n.ln(), points }
        })
        .collect()
}

/// Corners of the lower envelope: at each compute of a grid the size with the lowest loss, where a
/// smaller and a larger one are there to lose against it.
fn envelope(curves: &[&Curve]) -> Vec<(f64, f64)> {
    let ends = |f: fn(f64, f64) -> f64, start: f64, which: fn(&Curve) -> Option<f64>| {
        curves.iter().filter_map(|c| which(c)).fold(start, f)
    };
    let lo = ends(f64::min, f64::INFINITY, |c| c.points.first().map(|p| p.0));
    let hi = ends(f64::max, f64::NEG_INFINITY, |c| c.points.last().map(|p| p.0));
    if !(lo < hi && (hi - lo).is_finite()) {
        return Vec::new();
    }
    let steps = ((hi - lo) * GRID_PER_E).ceil() as usize;
    (0..=steps)
        .filter_map(|k| {
            let ln_c = lo + (hi - lo) * k as f64 / steps as f64;
            let there: Vec<(f64, f64)> =
                curves.iter().filter_map(|c| Some((c.ln_n, c.loss_at(ln_c)?))).collect();
            let best = there.iter().min_by(|a, b| a.1.total_cmp(&b.1))?.0;
            let smaller = there.iter().any(|p| p.0 < best - 1e-6);
            let larger = there.iter().any(|p| p.0 > best + 1e-6);
            (smaller && larger).then_some((ln_c, best))
        })
        .collect()
}

fn by_envelope(table: &RunTable, targets: &[Flops], config: &FitConfig) -> Approach {
    const NAME: &str = "1 envelope of training curves";
    let curves = curves(table);
    let refuse = |reason: String| {
        let refused = vec![Refused { what: "all runs".to_owned(), reason }];
        approach(NAME, None, &[], targets, config.level, Vec::new(), refused)
    };
    let sizes: std::collections::BTreeSet<i64> =
        curves.iter().map(|c| (c.ln_n * 1e4).round() as i64).collect();
    let decaying = table.curves.iter().filter(|c| c.decays).count();
    if sizes.len() < 3 && decaying > 0 {
        return refuse(format!(
            "the learning rate of {decaying} curves decays: before its end such a curve lies above runs that end there, which bends the envelope; it takes curves at a constant rate"
        ));
    }
    if sizes.len() < 3 {
        return refuse(format!(
            "it takes training curves, several rows per run name, of at least 3 sizes; {} were found",
            sizes.len()
        ));
    }
    let all: Vec<&Curve> = curves.iter().collect();
    let corners = envelope(&all);
    let distinct: std::collections::BTreeSet<i64> =
        corners.iter().map(|p| (p.1 * 1e4).round() as i64).collect();
    if distinct.len() < 2 {
        return refuse(
            "the curves cross too seldom: at every compute the lowest is the smallest or the largest size there".to_owned(),
        );
    }
    let line = Line::through(&corners);
    let resampled: Vec<Line> = (0..config.bootstrap.min(MOST_RESAMPLES))
        .filter_map(|k| {
            let mut rng = stream(config.seed, k as u64);
            let drawn: Vec<&Curve> =
                (0..all.len()).map(|_| all[rng.random_range(0..all.len())]).collect();
            Line::through(&envelope(&drawn))
        })
        .collect();
    // One point per size: where it is on the envelope, in the middle of its stretch.
    let measured = distinct
        .iter()
        .map(|size| {
            let stretch: Vec<f64> = corners
                .iter()
                .filter(|p| (p.1 * 1e4).round() as i64 == *size)
                .map(|p| p.0)
                .collect();
            let (c, n) =
                (Flops::new(mean(&stretch).exp()), Params::new((*size as f64 / 1e4).exp()));
            FrontierPoint { c, n, interval: None }
        })
        .collect();
    approach(NAME, line, &resampled, targets, config.level, measured, Vec::new())
}

fn by_valleys(table: &RunTable, targets: &[Flops], config: &FitConfig) -> Approach {
    const NAME: &str = "2 isoFLOP valleys";
    let (mut used, mut refused): (Vec<Valley>, Vec<Refused>) = (Vec::new(), Vec::new());
    let found = valleys(table);
    for valley in &found {
        match valley.refusal() {
            None => used.push(valley.clone()),
            Some(reason) => {
                refused.push(Refused { what: format!("{} FLOPs", valley.c), reason });
            }
        }
    }
    let budgets = table.by_budget();
    for (c, _) in &budgets {
        if !found.iter().any(|v| v.c == *c) {
            let reason = "fewer than three sizes".to_owned();
            refused.push(Refused { what: format!("{c} FLOPs"), reason });
        }
    }
    let point = |v: &Valley| Some((v.c.ln(), v.n?.ln()));
    let measured: Vec<FrontierPoint> = used
        .iter()
        .filter_map(|v| Some(FrontierPoint { c: v.c, n: v.n?, interval: None }))
        .collect();
    if measured.len() < 2 {
        let reason = format!("{} usable valleys; a line takes two", measured.len());
        refused.push(Refused { what: "the frontier".to_owned(), reason });
        return approach(NAME, None, &[], targets, config.level, measured, refused);
    }
    let line = Line::through(&used.iter().filter_map(point).collect::<Vec<_>>());
    // The runs of each usable budget, as points of its valley.
    let points: Vec<(f64, Vec<(f64, f64)>)> = budgets
        .iter()
        .filter(|(c, _)| used.iter().any(|v| v.c == *c))
        .map(|(c, runs)| (c.ln(), runs.iter().map(|r| (r.n.ln(), r.loss_nats)).collect()))
        .collect();
    let resampled: Vec<Line> = (0..config.bootstrap.min(MOST_RESAMPLES))
        .filter_map(|k| {
            let mut rng = stream(config.seed, k as u64);
            let floors: Vec<(f64, f64)> = points
                .iter()
                .filter_map(|(ln_c, runs)| {
                    let drawn: Vec<(f64, f64)> =
                        (0..runs.len()).map(|_| runs[rng.random_range(0..runs.len())]).collect();
                    Some((*ln_c, floor_of(&drawn)?))
                })
                .collect();
            (floors.len() >= 2).then(|| Line::through(&floors))?
        })
        .collect();
    approach(NAME, line, &resampled, targets, config.level, measured, refused)
}

fn by_law(fit: &Fit, targets: &[Flops]) -> Approach {
    let name = format!("3 law of N and D ({})", fit.law);
    let predicted = targets
        .iter()
        .filter_map(|&c| {
            let n = Params::new(fit.surface.ln_n_optimal(c)?.exp());
            let interval = super::decide(fit, c)
                .and_then(|decision| decision.intervals.get("params").copied());
            Some(FrontierPoint { c, n, interval })
        })
        .collect();
    let refused = match fit.allocation {
        Some(_) => Vec::new(),
        None => vec![Refused {
            what: "the law".to_owned(),
            reason: "it has no compute-optimal size".to_owned(),
        }],
    };
    Approach {
        name,
        n_exponent: fit.allocation.map(|a| a.n_exponent),
        interval: fit.intervals.get("n_exponent").copied(),
        measured: Vec::new(),
        predicted,
        refused,
    }
}

/// Takes all three approaches to the runs of `fit`.
#[must_use]
pub fn approaches(fit: &Fit, table: &RunTable) -> Approaches {
    let dearest = super::design::support(table).c.map_or(1.0, |c| c.hi);
    let targets = [1.0, 10.0, 100.0].map(|k| Flops::new(k * dearest));
    let approaches = vec![
        by_envelope(table, &targets, &fit.config),
        by_valleys(table, &targets, &fit.config),
        by_law(fit, &targets),
    ];
    let apart = |a: Option<Interval>, b: Option<Interval>| {
        a.zip(b).is_some_and(|(a, b)| a.hi < b.lo || b.hi < a.lo)
    };
    let mut warnings = Vec::new();
    for (i, one) in approaches.iter().enumerate() {
        for other in &approaches[i + 1..] {
            let mut disagree = |quantity: String| {
                let (one, other) = (one.name.clone(), other.name.clone());
                warnings.push(Warning::ApproachesDisagree { one, other, quantity });
            };
            if apart(one.interval, other.interval) {
                disagree("the exponent of N*".to_owned());
            }
            let pairs = one.predicted.iter().zip(&other.predicted);
            if let Some((p, _)) = pairs.into_iter().find(|(p, q)| apart(p.interval, q.interval)) {
                disagree(format!("N* at {} FLOPs", p.c));
            }
        }
    }
    Approaches { approaches, level: fit.level, warnings }
}
