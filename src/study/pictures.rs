//! Which picture an answer is shown as.

use serde::{Deserialize, Serialize};

use super::compare::CompareReport;
use super::fit::FitReport;
use super::law::AskedLaw;
use super::plan::PlanAnswer;
use crate::data::RunTable;
use crate::error::{Result, StudyError};
use crate::fit::{Backtest, FutureAxis, valleys};
use crate::law::Ensemble;
use crate::plan::{BandedCurve, Row, banded_curve};
use crate::report::{
    Chart, CostUnitOfServing, HeldOutError, ServedCost, comparison_chart, frontier_chart,
    held_out_errors_chart, loss_curves_chart, plane_of_laws_chart, served_costs_chart,
    serving_frontier_chart, validation_chart, valleys_chart,
};

/// Points along the curves of a comparison.
const CURVE_POINTS: usize = 160;

/// Pictures of a comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum ComparePicture {
    /// Training compute over the optimum's against model size.
    #[default]
    Overtraining,
    /// Training plus serving against tokens served.
    Cost,
}

/// Pictures of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum PlanPicture {
    /// Sizes and tokens: the plans and the compute-optimal lines.
    #[default]
    Plane,
    /// Loss against the cost of serving, on one training budget.
    Frontier,
    /// Training plus serving against tokens served.
    Cost,
}

/// Pictures of a fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum FitPicture {
    /// Loss against compute, with the fitted frontier.
    #[default]
    Frontier,
    /// Loss against size at each budget.
    Profiles,
    /// Sizes and tokens, with the compute-optimal line.
    Plane,
    /// Errors on runs outside the fit, by distance.
    Errors,
    /// Training curves.
    Curves,
}

/// Pictures of a backtest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum BacktestPicture {
    /// Predicted against actual loss.
    #[default]
    Losses,
    /// Errors by distance from the fitted runs.
    Errors,
}

impl CompareReport {
    /// The comparison as a picture; `laws` are those it was made under.
    ///
    /// # Errors
    /// As [`banded_curve`].
    pub fn chart(&self, picture: ComparePicture, laws: &[AskedLaw]) -> Result<Chart> {
        match picture {
            ComparePicture::Overtraining => {
                let curves = self.comparisons.iter().zip(laws);
                let curves = curves
                    .map(|(c, law)| banded_curve(&law.ensemble, c.loss_nats, CURVE_POINTS))
                    .collect::<Result<Vec<BandedCurve>>>()?;
                Ok(comparison_chart(&self.comparisons, &curves))
            }
            ComparePicture::Cost => {
                let models = ServedCost::of_comparisons(&self.comparisons);
                Ok(served_costs_chart(&models, CostUnitOfServing::Flops, None))
            }
        }
    }
}

impl PlanAnswer {
    /// The plan as a picture; `laws` are those it was made under.
    ///
    /// # Errors
    /// [`StudyError::NothingToDraw`] for a frontier without a training budget and a demand; as
    /// [`plane_of_laws_chart`].
    pub fn chart(&self, picture: PlanPicture, laws: &[AskedLaw]) -> Result<Chart> {
        match picture {
            PlanPicture::Plane => {
                let ensembles: Vec<&Ensemble> = laws.iter().map(|law| &law.ensemble).collect();
                let rows: Vec<Row> = self.rows().cloned().collect();
                plane_of_laws_chart(None, &ensembles, &rows)
            }
            PlanPicture::Frontier => {
                let plans: Vec<_> = self.laws.iter().map(|law| &law.recommended).collect();
                if plans.iter().all(|plan| plan.frontier.is_empty()) {
                    return Err(StudyError::NothingToDraw {
                        what: "a frontier of loss and serving",
                        needs: "a training budget and a number of served tokens",
                    }
                    .into());
                }
                Ok(serving_frontier_chart(&plans))
            }
            PlanPicture::Cost => Ok(self.served_costs()),
        }
    }

    /// Every plan with what it costs to train and to serve: in dollars where all of them have a price.
    fn served_costs(&self) -> Chart {
        let demand = self.request.scenario.served_tokens().filter(|t| t.get() > 0.0);
        let several = self.laws.len() > 1;
        let name = |row: &Row| {
            let law = if several { format!(", {}", row.law) } else { String::new() };
            let plan = &row.plan;
            format!("{} {}, loss {:.3}{law}", row.strategy, plan.n, plan.loss_nats)
        };
        let in_money = |row: &Row| {
            let served = demand?.get();
            let per_token = row.costs.serve_usd? / served;
            Some((row.costs.train_usd?, per_token))
        };
        let money: Option<Vec<(f64, f64)>> = self.rows().map(in_money).collect();
        let flops = || {
            self.rows()
                .map(|row| (row.plan.train_flops.get(), 2.0 * row.plan.n.get()))
                .collect::<Vec<_>>()
        };
        let unit = match money {
            Some(_) => CostUnitOfServing::Usd,
            None => CostUnitOfServing::Flops,
        };
        let costs = money.unwrap_or_else(flops);
        let models = self.rows().zip(costs).map(|(row, (train, per_token))| ServedCost {
            name: name(row),
            law: row.law.clone(),
            loss_nats: row.plan.loss_nats,
            n: row.plan.n,
            train,
            per_token,
        });
        served_costs_chart(&models.collect::<Vec<_>>(), unit, demand)
    }
}

impl FitReport {
    /// The fit as a picture; `table` holds the runs it was made from.
    ///
    /// # Errors
    /// [`StudyError::NothingToDraw`] for errors without a test and for curves without step logs; as
    /// [`frontier_chart`] for a law without an optimum.
    pub fn chart(&self, picture: FitPicture, table: &RunTable) -> Result<Chart> {
        let fit = &self.fit;
        match picture {
            FitPicture::Frontier => frontier_chart(table, &fit.ensemble(), None),
            FitPicture::Profiles => valleys_chart(table, &valleys(table), Some(&fit.surface)),
            FitPicture::Plane => plane_of_laws_chart(Some(table), &[&fit.ensemble()], &[]),
            FitPicture::Curves if table.curves.is_empty() => Err(StudyError::NothingToDraw {
                what: "a picture of training curves",
                needs: "step logs",
            }
            .into()),
            FitPicture::Curves => Ok(loss_curves_chart(table)),
            FitPicture::Errors => {
                let (errors, law, along) =
                    self.held_out_errors().ok_or(StudyError::NothingToDraw {
                        what: "a picture of errors by distance",
                        needs: "runs that are held out, or farther runs predicted step by step",
                    })?;
                Ok(held_out_errors_chart(&errors, &law, along))
            }
        }
    }

    /// Errors on runs outside the fit, the law that predicted them, and what their distance is measured
    /// in; absent without a test.
    pub(super) fn held_out_errors(&self) -> Option<(Vec<HeldOutError>, String, &'static str)> {
        match (&self.rollout, &self.held_out) {
            (Some(rollout), _) => {
                let law = format!("{}, fitted anew at each step", rollout.law);
                Some((HeldOutError::of_rollout(rollout), law, axis_name(rollout.axis)))
            }
            (None, Some(held)) => {
                let law = self.fit.surface.label.clone();
                Some((HeldOutError::of_runs(&held.runs), law, "N, D, C or D/N"))
            }
            (None, None) => None,
        }
    }
}

/// A backtest as a picture.
#[must_use]
pub fn backtest_chart(test: &Backtest, picture: BacktestPicture, table: &RunTable) -> Chart {
    match picture {
        BacktestPicture::Losses => validation_chart(&test.runs, table.loss_unit()),
        BacktestPicture::Errors => {
            let label = |fit: &crate::fit::Fit| fit.surface.label.clone();
            let law = test.fit.as_deref().map_or_else(String::new, label);
            held_out_errors_chart(&HeldOutError::of_runs(&test.runs), &law, "N, D, C or D/N")
        }
    }
}

fn axis_name(axis: FutureAxis) -> &'static str {
    match axis {
        FutureAxis::C => "C",
        FutureAxis::N => "N",
        FutureAxis::D => "D",
        FutureAxis::TokensPerParam => "D/N",
    }
}
