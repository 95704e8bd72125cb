//! The runs that test a plan, each with its prediction.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::file::PlanFile;
use crate::fit::{Prediction, predict};
use crate::law::{Point, Surface, kaplan_allocation};
use crate::study::plan::PlannedLaw;
use crate::units::{Flops, Params, Tokens};

/// Sizes closer than this, as a factor, are one run.
const SAME: f64 = 1.05;
/// Passes over the data from which a plan repeats it.
const REPEATS: f64 = 1.01;

/// What a run stands for beside a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CellRole {
    /// The plan itself.
    Plan,
    /// Half its size on twice the tokens.
    Half,
    /// Twice its size on half the tokens.
    Double,
    /// The size that Kaplan's N ∝ C^0.73 (Kaplan et al. 2020) reaches at its budget, from the law's best
    /// size at the smallest budget that was fitted; without one, their own.
    Kaplan,
    /// The law's best size for its budget, where the plan has another.
    ComputeOptimal,
}

impl fmt::Display for CellRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Plan => "the plan",
            Self::Half => "half its size",
            Self::Double => "twice its size",
            Self::Kaplan => "Kaplan's size",
            Self::ComputeOptimal => "compute-optimal",
        })
    }
}

/// A run that tests a plan, with its prediction.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PlanCell {
    /// What it stands for.
    pub role: CellRole,
    /// N, D, the predicted loss and its interval for one run.
    #[serde(flatten)]
    pub prediction: Prediction,
    /// Its training FLOPs, as the law counts them.
    pub flops: Flops,
}

impl PlanFile {
    /// The budget of the plan, as its law counts compute.
    #[must_use]
    pub fn flops(&self) -> Flops {
        let nd = self.recommended().map_or(0.0, |row| row.plan.n.get() * row.plan.d.get());
        Flops::new(self.law().surface.flops_per_nd * nd)
    }

    /// The runs around the plan at its budget: its own, half and twice its size, Kaplan's, and the law's
    /// best where that is another. Sizes within 5 % of each other are one run.
    ///
    /// A plan that repeats its data is tested by its own run alone: around it the law would have to say
    /// what more epochs cost.
    #[must_use]
    pub fn cells(&self) -> Vec<PlanCell> {
        let Some(row) = self.recommended() else { return Vec::new() };
        let (law, c, n) = (self.law(), self.flops(), row.plan.n);
        let mut sizes = vec![(CellRole::Plan, n)];
        if !self.repeats() {
            sizes.push((CellRole::Half, n * 0.5));
            sizes.push((CellRole::Double, n * 2.0));
            let best = law.surface.ln_n_optimal(c).map(|ln_n| Params::new(ln_n.exp()));
            sizes.extend(best.map(|n| (CellRole::ComputeOptimal, n)));
            sizes.extend(kaplan(&law.surface, c).map(|n| (CellRole::Kaplan, n)));
        }
        let mut kept: Vec<(CellRole, Params)> = Vec::new();
        for (role, n) in sizes {
            let known =
                kept.iter().any(|(_, other)| (n.get() / other.get()).ln().abs() < SAME.ln());
            // Half a token of data is no run.
            if !known && n.get() >= 1.0 && c.get() / n.get() >= law.surface.flops_per_nd {
                kept.push((role, n));
            }
        }
        let points: Vec<Point> = kept.iter().map(|(_, n)| at_budget(&law.surface, c, *n)).collect();
        let mut predictions = law.predict(&points);
        if let Some(own) = predictions.first_mut().filter(|_| self.repeats()) {
            // The plan knows what its epochs cost, its law may not.
            let shift = row.plan.loss_nats / own.loss_nats;
            own.interval =
                own.interval.map(|i| crate::num::Interval { lo: i.lo * shift, hi: i.hi * shift });
            own.loss_nats = row.plan.loss_nats;
        }
        let roles = kept.into_iter().zip(predictions);
        roles.map(|((role, _), prediction)| PlanCell { role, prediction, flops: c }).collect()
    }

    /// Whether the plan shows its data more than once.
    #[must_use]
    pub fn repeats(&self) -> bool {
        self.recommended().and_then(|row| row.epochs).is_some_and(|epochs| epochs > REPEATS)
    }
}

impl PlannedLaw {
    /// Predicted losses of runs; without intervals where the law has no draws.
    #[must_use]
    pub fn predict(&self, points: &[Point]) -> Vec<Prediction> {
        if let Some(fit) = &self.fit {
            return predict(fit, points);
        }
        let one = |at: &Point| Prediction {
            params: at.n,
            tokens: at.d,
            loss_nats: self.surface.loss(at),
            interval: None,
            outside: self
                .surface
                .support
                .outside(at)
                .into_iter()
                .map(|(q, x)| (q.to_owned(), x))
                .collect(),
        };
        points.iter().map(one).collect()
    }

    /// Level of its intervals; 0.95 where it has none.
    #[must_use]
    pub fn level(&self) -> f64 {
        self.fit.as_ref().map_or(0.95, |fit| fit.level)
    }
}

/// Kaplan's growth from where the law was fitted: their own constants are those of other data.
fn kaplan(surface: &Surface, c: Flops) -> Option<Params> {
    let allocation = kaplan_allocation().ok()?;
    let fitted = surface.support.c.map(|c| Flops::new(c.lo * surface.flops_per_nd / 6.0));
    match fitted {
        Some(from) => {
            let ln_n = surface.ln_n_optimal(from)?;
            Some(Params::new(ln_n.exp() * (c / from).powf(allocation.n_exponent)))
        }
        None => Some(allocation.params_for(c)),
    }
}

fn at_budget(surface: &Surface, c: Flops, n: Params) -> Point {
    let d = Tokens::new(c.get() / (surface.flops_per_nd * n.get()));
    Point::new(n, d).within(surface.setting)
}
