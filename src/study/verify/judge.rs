//! What became of the runs that test a plan.

use serde::Serialize;

use super::cells::{CellRole, PlanCell};
use super::file::PlanFile;
use crate::data::{RunRecord, RunTable};
use crate::error::{Result, StudyError, Warning};
use crate::fit::{
    AllocationTest, Coverage, Outcome, PredictedRun, SAME_BUDGET, Verdict, no_intervals,
};
use crate::law::{Point, Surface};
use crate::study::plan::PlannedLaw;
use crate::units::Flops;

/// A run is one of the plan's when its N and its D are within this factor of those asked.
const TOLERANCE: f64 = 1.1;
/// A run tests a law when it has this much more compute than any run of its fit.
const BEYOND: f64 = 1.05;

/// A run that was not fitted, beside its prediction.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TestedRun {
    /// What it stands for; absent for a run beyond those of the fit that the plan did not ask for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<CellRole>,
    /// The run, its prediction and its error.
    #[serde(flatten)]
    pub predicted: PredictedRun,
}

/// The same runs under another law of the plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OtherLaw {
    /// Its label.
    pub law: String,
    /// Mean of |predicted / actual - 1|.
    pub mean_abs_error: f64,
    /// Runs inside their intervals; absent without draws.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Coverage>,
    /// What it comes to under that law.
    pub verdict: Verdict,
}

/// A plan, the runs that test it, and what they say.
#[derive(Clone, Debug, Serialize)]
pub struct PlanCheck {
    /// The file of the plan.
    pub plan: String,
    /// Label of the law that is tested.
    pub law: String,
    /// Budget of the plan, as the law counts it.
    pub flops: Flops,
    /// The runs that test it.
    pub cells: Vec<PlanCell>,
    /// A run stands for a cell when its N and D are within this factor.
    pub tolerance: f64,
    /// Level of the intervals.
    pub level: f64,
    /// Runs that were compared, by compute.
    pub runs: Vec<TestedRun>,
    /// Runs that say nothing of the plan: those within the range that was fitted.
    pub not_used: usize,
    /// Cells of which no run was given.
    pub missing: Vec<CellRole>,
    /// Mean of |predicted / actual - 1|; absent without runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_abs_error: Option<f64>,
    /// Runs inside their intervals beside how many should be; absent without intervals.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coverage: Option<Coverage>,
    /// The law's size among those trained at the budget of the plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allocation: Option<AllocationTest>,
    /// What it comes to; absent where no runs were given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// The other laws of the plan on the same runs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<OtherLaw>,
    /// What a reader has to know of the runs.
    #[serde(serialize_with = "crate::error::with_messages")]
    pub warnings: Vec<Warning>,
}

impl PlanFile {
    /// The runs that would test the plan.
    #[must_use]
    pub fn unchecked(&self) -> PlanCheck {
        let cells = self.cells();
        PlanCheck {
            plan: self.path.clone(),
            law: self.law().law.clone(),
            flops: self.flops(),
            missing: cells.iter().map(|cell| cell.role).collect(),
            cells,
            tolerance: TOLERANCE,
            level: self.law().level(),
            runs: Vec::new(),
            not_used: 0,
            mean_abs_error: None,
            coverage: None,
            allocation: None,
            verdict: None,
            others: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Holds the plan against runs.
    ///
    /// Compared are runs at the N and D of a cell, any other of at least the plan's compute, and any of
    /// more compute than the law was fitted to. The plan *fails* when fewer runs lie inside their
    /// intervals than chance explains, or another size at its budget is better beyond noise; it *holds*
    /// when neither is so, its own run is among them and sizes on both sides of the best are; else it
    /// *cannot tell*.
    ///
    /// # Errors
    /// [`StudyError::OtherParams`] and [`StudyError::OtherLossUnit`] where the runs count N, or measure
    /// loss, in another way than the law.
    pub fn check(&self, table: &RunTable) -> Result<PlanCheck> {
        let surface = &self.law().surface;
        if surface.params != table.params {
            let (fitted, found) = (surface.params, table.params);
            return Err(StudyError::OtherParams { fitted, found }.into());
        }
        if surface.loss_unit != table.loss_unit() {
            let (fitted, found) = (surface.loss_unit, table.loss_unit());
            return Err(StudyError::OtherLossUnit { fitted, found }.into());
        }
        let mut check = self.unchecked();
        let mut used: Vec<(Option<CellRole>, &RunRecord)> = Vec::new();
        for run in &table.runs {
            let role = check.cells.iter().find(|cell| stands_for(cell, run)).map(|cell| cell.role);
            match role.is_some() || is_beyond(surface, run, check.flops) {
                true => used.push((role, run)),
                false => check.not_used += 1,
            }
        }
        used.sort_by(|a, b| spent(surface, a.1).total_cmp(&spent(surface, b.1)));
        check.missing.retain(|role| !used.iter().any(|(have, _)| have.as_ref() == Some(role)));
        let runs: Vec<&RunRecord> = used.iter().map(|(_, run)| *run).collect();
        let tested = Tested::of(self.law(), self, table, &runs, &check);
        check.runs = used
            .iter()
            .zip(tested.runs)
            .map(|((role, _), predicted)| TestedRun { role: *role, predicted })
            .collect();
        check.mean_abs_error = tested.mean_abs_error;
        check.coverage = tested.coverage;
        check.allocation = tested.allocation;
        check.verdict = Some(tested.verdict);
        check.others = self.laws[1..]
            .iter()
            .map(|law| {
                let Tested { mean_abs_error, coverage, verdict, .. } =
                    Tested::of(law, self, table, &runs, &check);
                let mean_abs_error = mean_abs_error.unwrap_or(0.0);
                OtherLaw { law: law.law.clone(), mean_abs_error, coverage, verdict }
            })
            .filter(|_| !runs.is_empty())
            .collect();
        check.warnings.clone_from(&table.warnings);
        Ok(check)
    }
}

fn spent(surface: &Surface, run: &RunRecord) -> f64 {
    surface.flops_per_nd * run.n.get() * run.d.get()
}

fn stands_for(cell: &PlanCell, run: &RunRecord) -> bool {
    let near = |ratio: f64| ratio.ln().abs() <= TOLERANCE.ln();
    near(run.n.get() / cell.prediction.params.get())
        && near(run.d.get() / cell.prediction.tokens.get())
}

/// Whether a run lies beyond the fitted ones, or at the plan's compute.
fn is_beyond(surface: &Surface, run: &RunRecord, plan: Flops) -> bool {
    let c = spent(surface, run);
    let fitted = surface.support.c.map(|c| c.hi * surface.flops_per_nd / 6.0);
    c >= plan.get() / SAME_BUDGET || fitted.is_some_and(|largest| c > BEYOND * largest)
}

/// The runs under one law.
struct Tested {
    runs: Vec<PredictedRun>,
    mean_abs_error: Option<f64>,
    coverage: Option<Coverage>,
    allocation: Option<AllocationTest>,
    verdict: Verdict,
}

impl Tested {
    fn of(
        law: &PlannedLaw,
        plan: &PlanFile,
        table: &RunTable,
        runs: &[&RunRecord],
        check: &PlanCheck,
    ) -> Self {
        let points: Vec<Point> =
            runs.iter().map(|run| Point::new(run.n, run.d).within(run.setting)).collect();
        let predicted: Vec<PredictedRun> = law
            .predict(&points)
            .into_iter()
            .zip(runs)
            .map(|(p, run)| PredictedRun {
                error: p.loss_nats / run.loss_nats - 1.0,
                run: (*run).clone(),
                predicted_nats: p.loss_nats,
                interval: p.interval,
                outside: p.outside,
            })
            .collect();
        let inside = predicted.iter().filter(|run| run.interval.is_some());
        let coverage = Coverage::of(inside.map(PredictedRun::is_covered), law.level());
        let mean_abs_error = (!predicted.is_empty()).then(|| {
            predicted.iter().map(|run| run.error.abs()).sum::<f64>() / predicted.len() as f64
        });
        let allocation = (!plan.repeats())
            .then(|| AllocationTest::of(&law.surface, check.flops, table, scatter(law)))
            .flatten();
        let fitted_to = law.fit.as_ref().is_some_and(|fit| fit.data_digest == table.digest);
        let evidence = Evidence {
            law,
            runs: predicted.len(),
            fitted_to,
            coverage: coverage.as_ref(),
            allocation: allocation.as_ref(),
            check,
            repeats: plan.repeats(),
        };
        let verdict = evidence.verdict();
        Self { runs: predicted, mean_abs_error, coverage, allocation, verdict }
    }
}

/// Standard deviation of a run around the law, as a fraction of its loss.
fn scatter(law: &PlannedLaw) -> Option<f64> {
    let fit = law.fit.as_ref()?;
    let freedom = fit.residuals.len().saturating_sub(fit.surface.theta().len()).max(1) as f64;
    Some((fit.residuals.iter().map(|r| r * r).sum::<f64>() / freedom).sqrt())
}

/// What speaks for and against a plan.
struct Evidence<'a> {
    law: &'a PlannedLaw,
    runs: usize,
    /// Whether the runs are those the law was fitted to.
    fitted_to: bool,
    coverage: Option<&'a Coverage>,
    allocation: Option<&'a AllocationTest>,
    check: &'a PlanCheck,
    /// Whether the plan repeats its data: then no other size is asked for.
    repeats: bool,
}

impl Evidence<'_> {
    fn verdict(&self) -> Verdict {
        let (outcome, reason) = self.reason();
        let next = match outcome {
            Outcome::Holds => "train the plan".to_owned(),
            Outcome::Fails => {
                "fit again with these runs among the others, and plan anew from that fit".to_owned()
            }
            Outcome::CannotTell => self.missing(),
        };
        Verdict { outcome, reason, next }
    }

    fn reason(&self) -> (Outcome, String) {
        let unknown = |reason: &str| (Outcome::CannotTell, reason.to_owned());
        if self.fitted_to {
            return unknown(
                "these are the runs that the law was fitted to, and they cannot test it",
            );
        }
        if self.runs == 0 {
            return unknown(
                "none of the runs lies at the plan or beyond the runs that were fitted",
            );
        }
        if let Some(coverage) = self.coverage.filter(|c| c.is_too_low()) {
            return (Outcome::Fails, format!("the law does not predict these runs: {coverage}"));
        }
        let allocation = self.allocation.map(|test| (test.outcome, test));
        if let Some((Outcome::Fails, test)) = allocation {
            return (Outcome::Fails, test.to_string());
        }
        let Some(coverage) = self.coverage else {
            let why = self.law.fit.as_deref().map_or_else(
                || "no intervals: a published law has no draws".to_owned(),
                no_intervals,
            );
            return (Outcome::CannotTell, format!("{why}, so no loss can contradict it"));
        };
        if self.check.missing.contains(&CellRole::Plan) {
            return (
                Outcome::CannotTell,
                format!("{coverage}, but none of them is the plan's own"),
            );
        }
        if let Some(wide) = self.too_wide() {
            return (Outcome::CannotTell, wide);
        }
        match allocation {
            Some((Outcome::Holds, test)) => (Outcome::Holds, format!("{coverage}; {test}")),
            _ if self.repeats => (Outcome::Holds, coverage.to_string()),
            Some((_, test)) => (Outcome::CannotTell, format!("{coverage}, but {test}")),
            None => unknown("the law has no best size at the plan's budget"),
        }
    }

    /// Why being inside says nothing: the interval reaches what a tenth of the compute would give.
    fn too_wide(&self) -> Option<String> {
        let plan = self.check.cells.iter().find(|cell| cell.role == CellRole::Plan)?;
        let surface = &self.law.surface;
        let tenth = Flops::new(0.1 * self.check.flops.get());
        let ln_n = surface.ln_n_optimal(tenth)?;
        let less = surface.loss_at(ln_n, (tenth.get() / surface.flops_per_nd).ln() - ln_n);
        let interval = plan.prediction.interval.filter(|i| i.hi >= less)?;
        Some(format!(
            "the interval of the plan's loss, {:.3} to {:.3} nats, reaches the {less:.3} that a tenth of the compute gives: being inside says nothing",
            interval.lo, interval.hi
        ))
    }

    /// What to run.
    fn missing(&self) -> String {
        let cells = self.check.cells.iter().filter(|c| self.check.missing.contains(&c.role));
        let runs: Vec<String> = cells
            .map(|c| {
                let (n, d) = (c.prediction.params, c.prediction.tokens);
                format!("{n} parameters on {d} tokens ({})", c.role)
            })
            .collect();
        match runs.as_slice() {
            [] if self.law.fit.is_none() => {
                "fit a law to runs of your own, and plan with that".to_owned()
            }
            [] => "repeat these runs with other seeds, and fit with more runs at larger budgets"
                .to_owned(),
            runs => format!("train {}", runs.join(", ")),
        }
    }
}
