//! The three approaches of Hoffmann et al. 2022 (arXiv:2203.15556, sec. 3) side by side.
//!
//! 1. The envelope of training curves: which size has the lowest loss at each compute.
//! 2. IsoFLOP profiles: the minimum of a parabola in ln N at each budget.
//! 3. A law of N and D.
//!
//! Each gives a frontier N* ∝ C^a. They share the runs and little else, so where they disagree
//! beyond their intervals, one of them assumes something that does not hold.

use serde::{Deserialize, Serialize};

use super::approach::{Approach, FrontierPoint, Refused};
use super::envelope::by_envelope;
use super::profiles::by_valleys;
use crate::data::RunTable;
use crate::error::Warning;
use crate::fit::design::support;
use crate::fit::fitted::Fit;
use crate::fit::predict::decide;
use crate::num::Interval;
use crate::units::{Flops, Params};

/// The three frontiers and where they disagree.
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

fn by_law(fit: &Fit, targets: &[Flops]) -> Approach {
    let name = format!("3 law of N and D ({})", fit.law);
    let predicted = targets
        .iter()
        .filter_map(|&c| {
            let n = Params::new(fit.surface.ln_n_optimal(c)?.exp());
            let interval = decide(fit, c)?.intervals.get("params").copied();
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
///
/// # Example
/// ```
/// use isoloss::fit::{FitConfig, approaches, fit};
///
/// # use isoloss::data::{RunRecord, RunTable};
/// # use isoloss::law::{Chinchilla, Point, Surface};
/// # use isoloss::units::{Flops, ParamRule, Params, Tokens};
/// # let truth = Surface::published("besiroglu")?;
/// # let mut runs = Vec::new();
/// # for c in [1e18, 1e19, 1e20].map(Flops::new) {
/// #     let best = truth.ln_n_optimal(c).expect("an optimum");
/// #     for step in [-2.0, -1.0, 0.0, 1.0, 2.0] {
/// #         let n = Params::new((best + 0.3 * step).exp());
/// #         let d = Tokens::new(c.get() / (6.0 * n.get()));
/// #         let run = RunRecord::new(format!("{n} {d}"), n, d, truth.loss(&Point::new(n, d)));
/// #         runs.push(RunRecord { budget: Some(c), ..run });
/// #     }
/// # }
/// # let table = RunTable::from_runs(runs, ParamRule::All);
/// let config = FitConfig { bootstrap: 0, ..FitConfig::default() };
/// let fitted = fit(&Chinchilla, &table, &config)?;
/// let [_, profiles, law] = &approaches(&fitted, &table).approaches[..] else { unreachable!() };
/// let (a, b) = (profiles.n_exponent.expect("a line"), law.n_exponent.expect("an optimum"));
/// assert!((a - b).abs() < 0.01, "both approaches agree on N* ∝ C^a");
/// # Ok::<(), isoloss::error::Error>(())
/// ```
#[must_use]
pub fn approaches(fit: &Fit, table: &RunTable) -> Approaches {
    let per_nd = fit.surface.flops_per_nd;
    // The ranges are by the rule, budgets as the runs count.
    let largest = support(table).c.map_or(1.0, |c| c.hi * per_nd / 6.0);
    let targets = [1.0, 10.0, 100.0].map(|k| Flops::new(k * largest));
    let approaches = vec![
        by_envelope(table, per_nd, &targets, &fit.config),
        by_valleys(table, &targets, &fit.config),
        by_law(fit, &targets),
    ];
    let apart = |a: Option<Interval>, b: Option<Interval>| {
        a.zip(b).is_some_and(|(a, b)| a.hi < b.lo || b.hi < a.lo)
    };
    let mut warnings = Vec::new();
    for (i, one) in approaches.iter().enumerate() {
        for other in &approaches[i + 1..] {
            let mut on = Vec::new();
            if apart(one.interval, other.interval) {
                on.push("the exponent of N*".to_owned());
            }
            let pairs = one.predicted.iter().zip(&other.predicted);
            if let Some((p, _)) = pairs.into_iter().find(|(p, q)| apart(p.interval, q.interval)) {
                on.push(format!("N* at {} FLOPs", p.c));
            }
            if !on.is_empty() {
                let (one, other) = (one.name.clone(), other.name.clone());
                let quantity = on.join(" and ");
                warnings.push(Warning::ApproachesDisagree { one, other, quantity });
            }
        }
    }
    Approaches { approaches, level: fit.level, warnings }
}
