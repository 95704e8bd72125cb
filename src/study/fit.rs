//! From runs to a law, what it says to do, and how far to believe it.

use std::ops::ControlFlow;
#[cfg(feature = "logs")]
use std::path::PathBuf;

use serde::{Deserialize, Serialize, Serializer};

use super::counts::two_counts;
use super::floor::{check_fit, check_loss};
use super::outliers::outliers;
#[cfg(feature = "logs")]
use crate::data::ReadOptions;
use crate::data::{HoldOut, RunTable};
use crate::error::{FitError, Result, StudyError, Warning};
use crate::fit::{
    Approaches, Decision, Fit, FitConfig, FutureAxis, GroupsLeftOut, HeldOut, OnProgress, Ranking,
    Resample, Rollout, approaches, decide, fit_with_progress, leave_groups_out_with_progress,
    rank_with_progress, rollout_with_progress, score_held_out, stack_with_progress,
};
use crate::law::law_by_id;
use crate::units::Flops;

/// What is asked of a table of runs.
///
/// | field | default | purpose |
/// |---|---|---|
/// | `law` | chinchilla | family id, `auto` for the one that predicts held-out runs best, or `stack` for all of them, weighed by that |
/// | `config` | [`FitConfig::default`] | how the law is fitted; its fields stand beside `law` in a file |
/// | `hold_out` | none | runs kept from the fit and used to test it |
/// | `leave_future_out` | none | axis along which nearer runs predict farther ones, step by step |
/// | `leave_out` | none | groups of runs, each predicted from the others |
/// | `at` | largest budget of the runs, and ten times that | training FLOPs to decide at |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FitRequest {
    /// Family id, `auto` or `stack`.
    pub law: String,
    /// Runs kept from the fit and used to test it.
    pub hold_out: Option<HoldOut>,
    /// Axis along which nearer runs predict farther ones; that of `auto`, which takes C when absent.
    pub leave_future_out: Option<FutureAxis>,
    /// Groups of runs, each predicted from the others.
    pub leave_out: Option<Resample>,
    /// Training FLOPs to decide at.
    pub at: Vec<Flops>,
    /// How the law is fitted.
    #[serde(flatten)]
    pub config: FitConfig,
}

impl Default for FitRequest {
    fn default() -> Self {
        Self {
            law: "chinchilla".to_owned(),
            hold_out: None,
            leave_future_out: None,
            leave_out: None,
            at: Vec::new(),
            config: FitConfig::default(),
        }
    }
}

/// Where runs come from.
#[cfg(feature = "logs")]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogSource {
    /// Files and folders.
    pub logs: Vec<PathBuf>,
    /// Those of other runs, which test the fit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub test: Vec<PathBuf>,
    /// How they are read.
    #[serde(default)]
    pub read: ReadOptions,
}

#[cfg(feature = "logs")]
impl LogSource {
    /// Reads the runs; `progress` hears how many bytes of how many are done.
    ///
    /// # Errors
    /// As [`read_with_progress`](crate::data::read_with_progress).
    pub fn table(&self, progress: &(dyn Fn(u64, u64) + Sync)) -> Result<RunTable> {
        crate::data::read_with_progress(&self.logs, &self.read, progress)
    }

    /// Reads the runs that test the fit, with what they are called; `None` where there are none.
    ///
    /// # Errors
    /// As [`table`](Self::table).
    pub fn test_table(&self) -> Result<Option<(String, RunTable)>> {
        if self.test.is_empty() {
            return Ok(None);
        }
        // Rows are left out by their number in the table that is fitted.
        let read = ReadOptions { exclude: Vec::new(), ..self.read.clone() };
        let names: Vec<String> = self.test.iter().map(|p| p.display().to_string()).collect();
        Ok(Some((names.join(", "), crate::data::read(&self.test, &read)?)))
    }
}

/// A fitted law, what it says to do, and how it predicts runs it was not fitted to.
///
/// Written as one object: the fields of [`Fit`] and those below side by side, with all warnings
/// together. What is written reads back as a [`Fit`].
#[derive(Clone, Debug)]
pub struct FitReport {
    /// The law.
    pub fit: Fit,
    /// What to do at some budgets; empty for a law no plan may be made with.
    pub decisions: Vec<Decision>,
    /// Hoffmann's three approaches side by side, where more than one can be taken.
    pub approaches: Option<Approaches>,
    /// Errors on held-out runs.
    pub held_out: Option<HeldOut>,
    /// How the law predicts runs farther out.
    pub rollout: Option<Rollout>,
    /// Each group of runs predicted from the others.
    pub groups_left_out: Option<GroupsLeftOut>,
    /// The law among its rivals.
    pub ranking: Option<Ranking>,
    /// Warnings of the fit and of all that was asked beside it.
    pub warnings: Vec<Warning>,
    /// What was asked.
    pub request: FitRequest,
    /// Where the runs came from, if they were read from logs.
    #[cfg(feature = "logs")]
    pub source: Option<LogSource>,
}

impl FitRequest {
    /// Fits the law and answers everything asked beside it.
    ///
    /// Whatever chooses or scores a law does not see the runs of `hold_out`, which are for the final
    /// test.
    ///
    /// ```
    /// # use isoloss::data::RunTable;
    /// use isoloss::study::FitRequest;
    /// # fn f(table: &RunTable) -> isoloss::error::Result<()> {
    /// let report = FitRequest { law: "auto".to_owned(), ..FitRequest::default() }.answer(table)?;
    /// for decision in &report.decisions {
    ///     println!("{} parameters on {} tokens", decision.n, decision.d);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`fit()`](crate::fit::fit()); [`FitError::NoDecision`] where the law has no compute-optimal size at a
    /// budget asked for; [`LawError`](crate::error::LawError) for an unknown family.
    pub fn answer(&self, table: &RunTable) -> Result<FitReport> {
        self.answer_with_progress(table, &|_| ControlFlow::Continue(()))
    }

    /// As [`answer`](Self::answer); `progress` hears how far each fit and each test is, and can stop
    /// them.
    ///
    /// # Errors
    /// As [`answer`](Self::answer), and [`FitError::Stopped`].
    pub fn answer_with_progress(
        &self,
        table: &RunTable,
        progress: &OnProgress<'_>,
    ) -> Result<FitReport> {
        self.answer_tested(table, None, progress)
    }

    /// As [`answer_with_progress`](Self::answer_with_progress), tested on the runs of another table in
    /// place of those of `hold_out`.
    ///
    /// - `test`: what the table is called, and its runs.
    ///
    /// # Errors
    /// As [`answer_with_progress`](Self::answer_with_progress), and
    /// [`StudyError::OtherParams`] where N counts something else in the other table.
    pub fn answer_tested(
        &self,
        table: &RunTable,
        test: Option<(&str, &RunTable)>,
        progress: &OnProgress<'_>,
    ) -> Result<FitReport> {
        self.config.validate()?;
        let (seen, kept) = match (test, &self.hold_out) {
            (Some((name, runs)), _) => {
                let (fitted, found) = (table.params, runs.params);
                if fitted != found {
                    return Err(StudyError::OtherParams { fitted, found }.into());
                }
                (table.clone(), Some((name.to_owned(), runs.clone())))
            }
            (None, None) => (table.clone(), None),
            (None, Some(condition)) => {
                let (seen, kept) = condition.split(table)?;
                (seen, Some((condition.to_string(), kept)))
            }
        };
        let config = &self.config;
        let axis = self.leave_future_out;
        let ranked = ["auto", "stack"].contains(&self.law.as_str());
        let ranking = ranked
            .then(|| rank_with_progress(&seen, axis.unwrap_or(FutureAxis::C), config, progress))
            .transpose()?;
        let stacked = match &ranking {
            Some(ranking) if self.law == "stack" => {
                Some(stack_with_progress(&seen, ranking, config, progress)?)
            }
            _ => None,
        };
        let law = match (&stacked, ranking.as_ref().and_then(Ranking::choice)) {
            (Some(stack), _) => stack.surface.law(),
            (None, Some(best)) => law_by_id(&best.rollout.law)?,
            (None, None) => law_by_id(&self.law)?,
        };
        let rollout = axis
            .map(|axis| rollout_with_progress(law, &seen, axis, config, progress))
            .transpose()?;
        let fit = match stacked {
            Some(stack) => stack,
            None => fit_with_progress(law, &seen, config, progress)?,
        };
        check_fit(&fit)?;
        let held_out = kept.map(|(condition, kept)| score_held_out(&fit, &kept, &condition));
        let groups_left_out = self
            .leave_out
            .map(|by| leave_groups_out_with_progress(law, &seen, by, config, progress))
            .transpose()?;
        let unfit = fit.unfit_to_plan().is_some();
        let decisions = self
            .budgets(&fit)?
            .into_iter()
            .map(|c| {
                let law = law.id().to_owned();
                let decision = match decide(&fit, c) {
                    None if unfit => return Ok(None),
                    None => return Err(FitError::NoDecision { law, flops: c }.into()),
                    Some(decision) => decision,
                };
                check_loss(&fit, c, decision.loss_nats)?;
                // What a law without a proven minimum says to do is not worth saying.
                Ok(Some(decision).filter(|_| !unfit))
            })
            .filter_map(Result::transpose)
            .collect::<Result<Vec<_>>>()?;
        let sides = approaches(&fit, &seen);
        // The law alone is no comparison.
        let compared = sides.approaches.iter().filter(|a| a.n_exponent.is_some()).count() > 1;
        let approaches = compared.then_some(sides);

        let mut warnings = fit.warnings.clone();
        let farthest = decisions.iter().map(|d| d.c).max_by(|a, b| a.get().total_cmp(&b.get()));
        match two_counts(&fit, &seen) {
            Some(counts) => {
                // What the count explains is no rise.
                warnings.retain(|w| !matches!(w, Warning::LossRises { .. }));
                warnings.push(counts);
            }
            None => warnings.extend(farthest.and_then(|c| outliers(&fit, &seen, c))),
        }
        warnings.extend(held_out.iter().flat_map(HeldOut::warnings));
        warnings.extend(approaches.iter().flat_map(|a| a.warnings.iter().cloned()));
        let chosen = ranking.as_ref().filter(|_| fit.stack.is_none());
        if let Some((axis, laws)) =
            chosen.map(|r| (r.axis, r.tied())).filter(|(_, tied)| tied.len() > 1)
        {
            // The law that is used stands first, though another without an optimum may err less.
            let (used, others): (Vec<_>, Vec<_>) = laws.into_iter().partition(|id| *id == law.id());
            let laws: Vec<_> = used.into_iter().chain(others).collect();
            let (axis, laws) = (axis.to_string(), laws.join(", "));
            warnings.push(Warning::LawsTied { laws, axis });
        }
        Ok(FitReport {
            fit,
            decisions,
            approaches,
            held_out,
            rollout,
            groups_left_out,
            ranking,
            warnings,
            request: self.clone(),
            #[cfg(feature = "logs")]
            source: None,
        })
    }

    /// The budgets to decide at.
    fn budgets(&self, fit: &Fit) -> Result<Vec<Flops>> {
        if let Some(bad) = self.at.iter().find(|c| !c.is_usable()) {
            let (field, wanted) = ("at", "training FLOPs above zero");
            return Err(FitError::Config { field, found: bad.get().to_string(), wanted }.into());
        }
        Ok(match (self.at.as_slice(), &fit.allocation) {
            ([], Some(a)) => vec![a.reference_flops, a.reference_flops * 10.0],
            (asked, _) => asked.to_vec(),
        })
    }
}

#[cfg(feature = "logs")]
impl FitReport {
    /// With the logs the runs came from, so that the fit can be made again from what is written.
    #[must_use]
    pub fn from_logs(self, source: LogSource) -> Self {
        Self { source: Some(source), ..self }
    }
}

impl Serialize for FitReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Written<'a> {
            #[serde(flatten)]
            fit: Fit,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            decisions: &'a [Decision],
            #[serde(skip_serializing_if = "Option::is_none")]
            approaches: &'a Option<Approaches>,
            held_out: &'a Option<HeldOut>,
            #[serde(skip_serializing_if = "Option::is_none")]
            rollout: &'a Option<Rollout>,
            #[serde(skip_serializing_if = "Option::is_none")]
            groups_left_out: &'a Option<GroupsLeftOut>,
            #[serde(skip_serializing_if = "Option::is_none")]
            ranking: &'a Option<Ranking>,
            request: &'a FitRequest,
            #[cfg(feature = "logs")]
            #[serde(skip_serializing_if = "Option::is_none")]
            source: &'a Option<LogSource>,
        }
        Written {
            fit: Fit { warnings: self.warnings.clone(), ..self.fit.clone() },
            decisions: &self.decisions,
            approaches: &self.approaches,
            held_out: &self.held_out,
            rollout: &self.rollout,
            groups_left_out: &self.groups_left_out,
            ranking: &self.ranking,
            request: &self.request,
            #[cfg(feature = "logs")]
            source: &self.source,
        }
        .serialize(serializer)
    }
}
