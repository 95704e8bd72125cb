use std::fmt::{self, Display};

use thiserror::Error;

use super::gain::GainProblem;
use super::mixture::MixtureProblem;
use crate::units::Flops;

/// A table that cannot be fitted, or a fit that cannot answer.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum FitError {
    /// Not enough runs.
    #[error(
        "{found} runs cannot fix the {coefs} coefficients of `{law}`; add runs until there are at least {wanted}"
    )]
    TooFewRuns {
        /// The law family.
        law: &'static str,
        /// Usable runs.
        found: usize,
        /// Its coefficients.
        coefs: usize,
        /// Runs it takes.
        wanted: usize,
    },
    /// The design cannot tell the coefficients apart.
    #[error("the runs cannot identify `{law}`: {gap}")]
    NotIdentified {
        /// The law family.
        law: &'static str,
        /// What the design lacks.
        gap: DesignGap,
    },
    /// Too few cells with an optimum, or none that differ.
    #[error(
        "{usable} of {cells} cells of (N, D) have an optimum, {sizes} sizes and {tokens} token counts among them; a law takes {wanted}{}",
        .first.as_ref().map_or(String::new(), |first| format!(". The first refused: {first}"))
    )]
    FewCells {
        /// Cells with an optimum.
        usable: usize,
        /// All cells.
        cells: usize,
        /// Different N among the usable.
        sizes: usize,
        /// Different D among the usable.
        tokens: usize,
        /// What is missing.
        wanted: &'static str,
        /// The first refused cell with the reason.
        first: Option<String>,
    },
    /// A law of one quantity where N and D are asked for.
    #[error(
        "{path} is a law of {of} alone: it says which {of} a loss takes, and nothing of {rest}; fit a table that holds both"
    )]
    OneQuantityLaw {
        /// The file.
        path: String,
        /// C, N or D.
        of: String,
        /// What it does not know.
        rest: &'static str,
    },
    /// A setting out of its range.
    #[error("fit settings: `{field}` is {found}; expected {wanted}")]
    Config {
        /// The field.
        field: &'static str,
        /// Its value.
        found: String,
        /// What is expected.
        wanted: &'static str,
    },
    /// A coefficient the law does not have.
    #[error("`{law}` has no coefficient `{coef}`, only {}", .known.join(", "))]
    UnknownCoefficient {
        /// The law family.
        law: &'static str,
        /// The name asked for.
        coef: String,
        /// Its coefficients.
        known: Vec<&'static str>,
    },
    /// A value that a coefficient cannot have.
    #[error("`{coef}` of `{law}` cannot be {value}; expected a value between {lo} and {hi}")]
    OutsideDomain {
        /// The law family.
        law: &'static str,
        /// The coefficient.
        coef: String,
        /// The value given.
        value: f64,
        /// Lower end of its domain.
        lo: f64,
        /// Upper end of its domain.
        hi: f64,
    },
    /// A bound or a prior for a coefficient that is held at a value.
    #[error(
        "`{coef}` of `{law}` is held at a value already; bounds and priors are for free coefficients"
    )]
    AlreadyHeld {
        /// The law family.
        law: &'static str,
        /// The coefficient.
        coef: String,
    },
    /// Every coefficient is held.
    #[error("every coefficient of `{law}` is held, so nothing is left to fit; hold fewer")]
    NothingFree {
        /// The law family.
        law: &'static str,
    },
    /// A coefficient that the runs say nothing about.
    #[error(
        "`{coef}` of `{law}` has no effect on any of these runs; give the quantity it acts on, or hold the coefficient at a value"
    )]
    NoEffect {
        /// The law family.
        law: &'static str,
        /// The coefficient.
        coef: String,
    },
    /// A budget at which the law decides nothing.
    #[error("C = {flops}: `{law}` has no compute-optimal size there")]
    NoDecision {
        /// The law family.
        law: String,
        /// Training FLOPs asked for.
        flops: Flops,
    },
    /// Runs whose loss does not behave as the law says.
    #[error("the runs do not follow `{law}`: {shown}")]
    NotFollowed {
        /// The law family.
        law: &'static str,
        /// What they show.
        shown: Shown,
    },
    /// No start reached a finite objective.
    #[error(
        "no start of `{law}` reached a finite minimum ({starts} tried); look at the losses for outliers or wrong units"
    )]
    NoMinimum {
        /// The law family.
        law: &'static str,
        /// Starts tried.
        starts: usize,
    },
    /// Two recipes that cannot be compared.
    #[error(transparent)]
    Gain(#[from] Box<GainProblem>),
    /// Mixtures that cannot be fitted or met.
    #[error(transparent)]
    Mixture(#[from] Box<MixtureProblem>),
    /// The caller stopped it.
    #[error("the fit was stopped before its end")]
    Stopped,
    /// A saved fit that cannot be read.
    #[error("{path}: not a saved fit: {reason}")]
    Artifact {
        /// The file.
        path: String,
        /// What the system or the parser said.
        reason: String,
    },
    /// A saved fit of another version of the format.
    #[error("{path}: a saved fit of schema {found}; this version reads schema {reads}: fit again")]
    ArtifactSchema {
        /// The file.
        path: String,
        /// Its schema.
        found: u32,
        /// The schema that can be read.
        reads: u32,
    },
    /// A saved fit that contradicts itself.
    #[error(
        "{path}: a saved fit whose `{field}` {problem}; it was changed after it was written, or cut"
    )]
    ArtifactField {
        /// The file.
        path: String,
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// No law among those ranked has a certified fit.
    #[error(
        "none of {laws} laws has a certified fit to these {runs} runs, so there is nothing to rank; add runs, or hold coefficients of one law"
    )]
    NoLawCertified {
        /// Laws tried.
        laws: usize,
        /// Runs.
        runs: usize,
    },
    /// A saved fit that was not made from logs.
    #[error("{path}: it does not say which logs it was fitted to, so it cannot be made again")]
    ArtifactWithoutLogs {
        /// The file.
        path: String,
    },
    /// A saved fit whose request this version does not read.
    #[error(
        "{path}: isoloss {version} wrote it, and what it was asked cannot be read here ({reason}); its law can be planned with, and its logs fitted again"
    )]
    ArtifactRequest {
        /// The file.
        path: String,
        /// The version that wrote it, or `of an unknown version`.
        version: String,
        /// What could not be read.
        reason: String,
    },
}

/// What runs show that do not follow a law falling with N and D.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Shown {
    /// The loss rises.
    Rises {
        /// N or D.
        quantity: &'static str,
        /// By which share per doubling, the other held.
        share: f64,
    },
    /// The loss depends on neither.
    Nothing {
        /// Probability of such slopes by chance.
        p: f64,
    },
    /// A coefficient leaves its range.
    Runaway {
        /// The coefficient.
        coef: &'static str,
    },
}

impl Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rises { quantity, share } => write!(
                f,
                "the loss rises by {:.1} % per doubling of {quantity}, the other held. Check the units of the columns, that each loss is the final one, and that runs of another kind are left out",
                100.0 * share
            ),
            Self::Nothing { p } => write!(
                f,
                "their loss depends on neither N nor D beyond chance (p = {p:.3}). Check that each loss belongs to its row, and that runs of another kind are left out"
            ),
            Self::Runaway { coef } => write!(
                f,
                "the fit drives {coef} out of its range: what N and D explain is too little, or has another shape. Look at the losses against N and D, or hold {coef}"
            ),
        }
    }
}

/// What a design lacks, with what to add.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum DesignGap {
    /// A quantity of the law takes too few values.
    FewValues {
        /// The quantity.
        quantity: Quantity,
        /// Different values found.
        found: usize,
        /// Different values it takes.
        wanted: usize,
    },
    /// All runs have one ratio of tokens to parameters.
    OneRatio {
        /// D/N of all of them.
        tokens_per_param: f64,
    },
    /// All runs lie on one line.
    OneLine,
    /// The runs have one loss.
    OneLoss,
    /// No learning rate comes down.
    NoDecay {
        /// Largest share of the peak by which one does, as a fraction.
        decay: f64,
    },
}

impl Display for DesignGap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FewValues { quantity, found, wanted } => write!(
                f,
                "only {found} different {quantity}. Add runs until there are at least {wanted} {quantity}"
            ),
            Self::OneRatio { tokens_per_param } => write!(
                f,
                "every run has {tokens_per_param} tokens per parameter, so the terms of N and D cannot be separated. Add runs at other D/N, for example a quarter and four times as many tokens"
            ),
            Self::OneLine => f.write_str(
                "all runs lie on one line in (ln N, ln D). Add runs off that line, for example at a second compute budget",
            ),
            Self::OneLoss => f.write_str(
                "the losses hardly differ between runs. Check that each run has its final loss",
            ),
            Self::NoDecay { decay } => write!(
                f,
                "the learning rate comes down by at most {:.1} % of its peak, so the effect of its decay cannot be seen. Add the curve of a run of the same size and batch whose rate decays",
                100.0 * decay
            ),
        }
    }
}

/// A quantity that has to take several values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Quantity {
    /// N.
    Params,
    /// D.
    Tokens,
    /// C.
    Compute,
    /// Epochs: D over unique tokens.
    Epochs,
    /// Experts per layer.
    Experts,
    /// Granularity of the experts.
    Granularity,
    /// Share of experts a token does not visit.
    Sparsity,
    /// Bits in training or in serving.
    Precision,
}

impl Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Params => "model sizes",
            Self::Tokens => "token counts",
            Self::Compute => "compute budgets",
            Self::Epochs => "numbers of epochs",
            Self::Experts => "numbers of experts",
            Self::Granularity => "granularities",
            Self::Sparsity => "sparsities",
            Self::Precision => "precisions",
        })
    }
}
