use thiserror::Error;

use crate::units::{LossUnit, ParamRule};

/// A question that cannot be asked as it stands.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum StudyError {
    /// A log without learning rates.
    #[error(
        "no learning rate was logged for `{run}`; give its peak, its warm-up and the shape of its schedule, or the column or key of the rate"
    )]
    NoRates {
        /// The run.
        run: String,
    },
    /// A run that no file holds.
    #[error("no curve is of a run `{run}`; there are {}", .known.join(", "))]
    UnknownRun {
        /// The run asked for.
        run: String,
        /// The runs there are.
        known: Vec<String>,
    },
    /// Neither a budget nor a loss.
    #[error("there is no budget to spend and no loss to reach; give one of them")]
    NoTarget,
    /// A budget and a loss.
    #[error("there is a budget to spend and also a loss to reach; give only one of them")]
    TwoTargets,
    /// No loss where one is needed.
    #[error("there is no loss to reach; give a loss, or the model size whose quality is meant")]
    NoLoss,
    /// A benchmark error under several laws.
    #[error("a benchmark error can be turned into a loss under one law only; {laws} were given")]
    ErrorUnderSeveralLaws {
        /// How many.
        laws: usize,
    },
    /// A benchmark error no loss has.
    #[error("no loss that `{law}` can reach has a benchmark error of {error}; give a larger error")]
    ErrorOutOfReach {
        /// The law of loss.
        law: String,
        /// The error.
        error: f64,
    },
    /// A limit or price of serving without a device.
    #[error("{what} needs a device to serve on, and none was given")]
    NoServingDevice {
        /// What needs it.
        what: &'static str,
    },
    /// Device-hours or dollars without a device.
    #[error("{what} need a device to train on, and none was given")]
    NoTrainingDevice {
        /// What needs it.
        what: &'static str,
    },
    /// Zero experts.
    #[error("a layer cannot have zero experts; 1 means a dense model")]
    ZeroExperts,
    /// Several laws where one is needed.
    #[error("{what} takes one law; {laws} were given")]
    SeveralLaws {
        /// What takes one.
        what: &'static str,
        /// How many.
        laws: usize,
    },
    /// No sizes and no ratios.
    #[error("there is nothing to compare; give model sizes or tokens per parameter")]
    NothingToCompare,
    /// A picture of what was not asked.
    #[error("{what} needs {needs}, and there is none")]
    NothingToDraw {
        /// The picture.
        what: &'static str,
        /// What it shows.
        needs: &'static str,
    },
    /// No model to serve.
    #[error("there is no model to serve; name a released model or give a size")]
    NothingToServe,
    /// A model to explain without N or D.
    #[error(
        "{missing} of the model to explain is not given; name a released model, or give both its parameters and its training tokens"
    )]
    NothingToExplain {
        /// What is not given.
        missing: &'static str,
    },
    /// A column of benchmark errors is missing.
    #[error("run `{run}` has no benchmark error; name the column that holds it (1 - accuracy)")]
    NoBenchmarkError {
        /// The first run without one.
        run: String,
    },
    /// A schedule that cannot go on as asked.
    #[error("the schedule of {run}: {problem}")]
    Schedule {
        /// The curve.
        run: String,
        /// What is wrong with it.
        problem: ScheduleProblem,
    },
    /// Planned runs whose N counts something else than that of the fit.
    #[error(
        "N counts {found} in the planned runs and {fitted} in the fit; give N as the fit counts it"
    )]
    OtherParams {
        /// What the fit counts.
        fitted: ParamRule,
        /// What the planned runs count.
        found: ParamRule,
    },
    /// A study file that cannot be used.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// What is wrong, with the line where there is one.
        reason: String,
    },
    /// A fit no plan may be made with.
    #[error(
        "no plan is made from {law}: {reason}; add runs, hold a coefficient, or compare other laws"
    )]
    NotCertified {
        /// Label of the law.
        law: String,
        /// What it lacks.
        reason: String,
    },
    /// A fit that does not say how uncertain it is.
    #[error(
        "nothing says which runs would tell more: {reason}; fit with resamples, to more runs or with fewer coefficients"
    )]
    NoDraws {
        /// What it lacks.
        reason: String,
    },
    /// A law that promises what no model of the source can reach.
    #[error(
        "{law} cannot be right: {found}, and no model has a loss below {floor:.4} nats per token, the entropy of its source; add runs nearer to the floor, or hold {coef} at it"
    )]
    BelowFloor {
        /// Label of the law.
        law: String,
        /// What lies below.
        found: String,
        /// The entropy of the source.
        floor: f64,
        /// The coefficient of the floor.
        coef: &'static str,
    },
    /// A file that holds no plan.
    #[error("{path}: {found}; expected a plan with its law, as this version writes it")]
    NotAPlan {
        /// The file.
        path: String,
        /// What it is, or what it lacks.
        found: String,
    },
    /// Runs whose loss is measured in something else than that of the law.
    #[error(
        "the loss of the runs is in {found}, that of the law in {fitted}; give the runs in the unit of the law"
    )]
    OtherLossUnit {
        /// What the law predicts.
        fitted: LossUnit,
        /// What the runs state.
        found: LossUnit,
    },
}

/// Why the rest of a schedule cannot be laid out.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ScheduleProblem {
    /// The log plans more steps than it says the rate of.
    #[error(
        "its log ends at step {last} of {planned} planned and does not say how the learning rate goes on; give its shape"
    )]
    NotPlanned {
        /// Last step in the log.
        last: usize,
        /// Steps planned.
        planned: usize,
    },
    /// Nothing says where the run ends.
    #[error("its log goes to step {last} and does not say where the run ends; give its last step")]
    NoEnd {
        /// Last step in the log.
        last: usize,
    },
    /// The end is not after the last row.
    #[error("its table goes to step {last}; its end, step {until}, has to be later")]
    EndsBefore {
        /// Last step in the table.
        last: usize,
        /// End asked for.
        until: usize,
    },
    /// Too many steps.
    #[error("its end, step {until}, is beyond the {most} steps that are supported")]
    TooLong {
        /// End asked for.
        until: usize,
        /// Most steps.
        most: usize,
    },
    /// A final rate below zero or not a number.
    #[error("its final learning rate {found} has to be zero or more")]
    FinalRate {
        /// Rate asked for.
        found: f64,
    },
    /// The cosine asked for is not the one the run followed.
    #[error(
        "the cosine from {peak:e} at step {warm} to {final_rate:e} at step {until} passes step {step} at {expected:e}, but the log has {found:e} there; give the run's own end and final rate"
    )]
    OtherCosine {
        /// Highest rate.
        peak: f64,
        /// Where it is.
        warm: usize,
        /// Final rate asked for.
        final_rate: f64,
        /// End asked for.
        until: usize,
        /// Last step in the table.
        step: usize,
        /// Rate of the cosine there.
        expected: f64,
        /// Rate in the table there.
        found: f64,
    },
}
