//! What to write in Python to fix an error.

use isoloss::Error;
use isoloss::error::{CostError, DataError, FitError, Lack, LawError, Missing, Odd, StudyError};

/// One line after the error, where a keyword or a function helps.
pub(crate) fn hint(error: &Error) -> Option<String> {
    match error {
        Error::Data(kind) => data(kind),
        Error::Fit(kind) => fit(kind),
        Error::Study(kind) => study(kind).map(str::to_owned),
        Error::Law(LawError::UnknownLaw { .. }) => {
            Some("isoloss.laws() lists the names; a path ends in .json".to_owned())
        }
        Error::Cost(CostError::UnknownDevice { .. }) => {
            Some("isoloss.devices() lists the names".to_owned())
        }
        Error::Cost(CostError::UnknownModel { .. }) => {
            Some("isoloss.models() lists the names; or give params= and tokens=".to_owned())
        }
        _ => None,
    }
}

fn data(error: &DataError) -> Option<String> {
    Some(match error {
        DataError::NotBuilt { feature, .. } => format!(
            "build the package with it: pip install . --config-settings=build-args=--features={feature}; a frame of pandas or polars is read by any build"
        ),
        DataError::MissingColumn { key, also, .. } => {
            let keys = std::iter::once(*key).chain(also.iter().map(|(_, key)| *key));
            columns(keys)
        }
        DataError::AmbiguousColumn { key, .. } | DataError::NoSuchColumn { key, .. } => {
            columns(std::iter::once(*key))
        }
        DataError::Implausible { key, column, odd, .. } => {
            let column = column.as_deref().unwrap_or("COLUMN");
            match odd {
                Odd::Perplexity => format!("use map={{\"loss\": \"ln({column})\"}}"),
                Odd::OffTheRule => {
                    "use map= with a factor, for example map={\"c\": \"COLUMN*1e21\"}".to_owned()
                }
                Odd::TooSmall => format!(
                    "for example map={{\"{key}\": \"{column}*1e6\"}} where it counts millions, *1e9 billions"
                ),
                _ => return None,
            }
        }
        DataError::UnknownColumn { .. } | DataError::BadWhere { .. } => "see where=".to_owned(),
        DataError::TooManyCells { .. } => "use map={\"step\": \"COLUMN\"}".to_owned(),
        DataError::UnknownFormat { .. } => "patterns=FILE reads text of any other form".to_owned(),
        DataError::Damaged { .. } => "without strict=True the rest of the file is used".to_owned(),
        DataError::BadRow { .. } => "skip_bad=True leaves bad rows out".to_owned(),
        DataError::MixedParams { .. } => {
            "use params=\"all\", \"non-embedding\" or \"active\", or given={\"RUN:n_params\": N}"
                .to_owned()
        }
        DataError::MixedUnits => "use given={\"bytes_per_token\": RATIO}".to_owned(),
        DataError::MixedLosses { .. } => "use loss=\"tail\" or loss=\"evaluation\"".to_owned(),
        DataError::NoRuns { missing, unmapped, .. } => {
            let parts =
                [facts(missing), (!unmapped.is_empty()).then(|| columns(unmapped.iter().copied()))];
            let parts: Vec<String> = parts.into_iter().flatten().collect();
            return (!parts.is_empty()).then(|| parts.join("\n"));
        }
        _ => return None,
    })
}

/// Facts shown; the others are of more runs.
const MOST: usize = 12;

/// What to give for runs that lack something, ready to be pasted and filled in.
fn facts(missing: &[Missing]) -> Option<String> {
    let fact = |lack: &Lack| {
        Some(match lack {
            Lack::Params => ("n_params", "N"),
            Lack::SequenceLength => ("seq_len", "LENGTH"),
            Lack::Batch => ("batch_size", "SEQUENCES"),
            Lack::StepsPerEpoch => ("steps_per_epoch", "STEPS"),
            Lack::PlannedSteps => ("max_steps", "STEPS"),
            Lack::Status => ("status", "\"finished\""),
            Lack::Consistency => ("global_batch_size", "SEQUENCES"),
            _ => return None,
        })
    };
    let facts: Vec<String> = missing
        .iter()
        .flat_map(|run| run.lacks.iter().filter_map(fact).map(move |fact| (&run.run, fact)))
        .map(|(run, (key, value))| format!("\"{run}:{key}\": {value}"))
        .collect();
    let more = if facts.len() > MOST { ", …" } else { "" };
    let shown = &facts[..facts.len().min(MOST)];
    (!facts.is_empty()).then(|| {
        format!("use given={{{}{more}}}, or the key without RUN: for all runs", shown.join(", "))
    })
}

/// The map for columns that were not recognised.
fn columns<'a>(keys: impl Iterator<Item = &'a str>) -> String {
    let pairs: Vec<String> = keys.map(|key| format!("\"{key}\": \"COLUMN\"")).collect();
    format!("use map={{{}}}", pairs.join(", "))
}

fn fit(error: &FitError) -> Option<String> {
    Some(match error {
        FitError::NoEffect { coef, .. } => {
            format!("use map= for the column it acts on, or fix={{\"{coef}\": VALUE}}")
        }
        FitError::Config { field, .. } => match *field {
            "priors" => "see prior=".to_owned(),
            "bounds" => "see bound=".to_owned(),
            "curves" => return None,
            other => format!("see {other}="),
        },
        FitError::UnknownCoefficient { .. } | FitError::OutsideDomain { .. } => {
            "see fix=, bound= and prior=; isoloss.laws() has the equations".to_owned()
        }
        FitError::AlreadyHeld { coef, .. } => {
            format!("leave out fix= of {coef}, or its bound= and prior=")
        }
        FitError::NoDecision { .. } => "leave out at=, or take a law with an optimum".to_owned(),
        FitError::NotFollowed { .. } => {
            "where= and exclude= leave rows out, map= names columns and their units".to_owned()
        }
        FitError::NoMinimum { .. } => "exclude= leaves out outliers".to_owned(),
        FitError::Artifact { .. } | FitError::ArtifactSchema { .. } => {
            "Fit.save writes a fit".to_owned()
        }
        _ => return None,
    })
}

fn study(error: &StudyError) -> Option<&'static str> {
    Some(match error {
        StudyError::NoTarget | StudyError::TwoTargets => {
            "use one of flops=, gpus= with device= and days=, usd= with device=, quality_of=, loss="
        }
        StudyError::NoLoss => "use quality_of=\"70B\" or loss=2.0",
        StudyError::ErrorUnderSeveralLaws { .. } | StudyError::SeveralLaws { .. } => "name one law",
        StudyError::NoServingDevice { .. } => {
            "add serve_device=; isoloss.devices() lists the names"
        }
        StudyError::NoTrainingDevice { .. } => "add device=; isoloss.devices() lists the names",
        StudyError::NothingToServe | StudyError::NothingToExplain { .. } => {
            "isoloss.models() lists the names; or use params= (and tokens=)"
        }
        StudyError::NothingToCompare => "use sizes=[\"35B\", \"21B\"] or ratios=[20, 100, 500]",
        StudyError::OtherParams { .. } => "use params=\"all\", \"non-embedding\" or \"active\"",
        StudyError::Schedule { .. } | StudyError::NoRates { .. } => {
            "peak_lr=, warmup=, until=, shape= and final_lr= say how the rate goes on"
        }
        StudyError::UnknownRun { .. } => "run= takes one of them",
        _ => return None,
    })
}
