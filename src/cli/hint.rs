//! What to type to fix an error: the library speaks of quantities, this file of flags.

mod given;
mod law;
mod plan;

use std::path::Path;

pub(super) use given::all_to_give;

use crate::error::{
    DataError, DesignGap, Error, FitError, Odd, Quantity, ServeError, Severity, StudyError,
    SweepError, TrainError, Warning,
};
use crate::study::FitReport;

/// One line after the error, where a flag or a command helps.
pub(super) fn hint(error: &Error) -> Option<String> {
    match error {
        Error::Data(kind) => data(kind),
        Error::Fit(kind) => fit(kind),
        Error::Law(kind) => law::law(kind).map(str::to_owned),
        Error::Study(kind) => study(kind).map(str::to_owned),
        Error::Plan(kind) => plan::plan(kind).map(str::to_owned),
        Error::Cost(kind) => plan::cost(kind).map(str::to_owned),
        Error::Flops(kind) => plan::flops(kind).map(str::to_owned),
        Error::Sweep(kind) => sweep(kind).map(str::to_owned),
        Error::Train(kind) => train(kind),
        Error::Serve(kind) => serve(kind).map(str::to_owned),
        _ => None,
    }
}

fn serve(error: &ServeError) -> Option<&'static str> {
    match error {
        ServeError::PortTaken { .. } | ServeError::NoListener { .. } => {
            Some("without --port the system chooses a free one")
        }
        ServeError::NamesFile { .. } => {
            Some("fits stand without a flag: isoloss serve fit.json --law besiroglu")
        }
        _ => None,
    }
}

fn data(error: &DataError) -> Option<String> {
    Some(match error {
        DataError::NotBuilt { feature, .. } => {
            format!("install with cargo install --path . --features {feature} (or full)")
        }
        DataError::MissingColumn { key: "lr", .. } | DataError::NoSuchColumn { key: "lr", .. } => {
            "call the column lr; isoloss tune takes --lr COLUMN, isoloss forecast --peak-lr RATE where none was logged".to_owned()
        }
        DataError::NoSuchColumn { key: "batch", .. } => "name a column of the file: --batch COLUMN".to_owned(),
        DataError::MissingColumn { key, also, .. } => {
            let also: Vec<&str> = also.iter().map(|(_, key)| *key).collect();
            missing_columns(key, &also)
        }
        DataError::AmbiguousColumn { key, .. } => format!("use --map {key}=COLUMN"),
        DataError::NoSuchColumn { key, .. } => {
            format!("name a column of the file: --map {key}=COLUMN")
        }
        DataError::Implausible { key, column, odd, .. } => {
            let column = column.as_deref().unwrap_or("COLUMN");
            match odd {
                Odd::Perplexity => format!("use --map 'loss=ln({column})'"),
                Odd::TooSmall if *key == "loss" => "use --map loss=COLUMN".to_owned(),
                Odd::OffTheRule => "use --map with a factor, e.g. --map 'c=COLUMN*1e21'".to_owned(),
                Odd::TooSmall => format!(
                    "for example --map '{key}={column}*1e6' where it counts millions, *1e9 billions"
                ),
            }
        }
        DataError::UnknownColumn { .. }
        | DataError::NoOrder { .. }
        | DataError::NoSuchLabel { .. }
        | DataError::BadWhere { .. } => "see --where".to_owned(),
        DataError::TooManyCells { .. } => "use --map step=COLUMN".to_owned(),
        DataError::UnknownFormat { .. } => {
            "--patterns FILE reads text of any other form".to_owned()
        }
        DataError::Damaged { .. } => "without --strict the rest of the file is used".to_owned(),
        DataError::BadRow { .. } => "--skip-bad leaves bad rows out".to_owned(),
        DataError::MixedParams { .. } => {
            "use --params all, non-embedding or active, or --given RUN:n_params=N".to_owned()
        }
        DataError::MixedFloors { .. } => {
            "--by floor_nats fits each apart, --where 'floor_nats == VALUE' takes one".to_owned()
        }
        DataError::MixedUnits => "use --given bytes_per_token=RATIO".to_owned(),
        DataError::MixedLosses { .. } => "use --loss tail or --loss evaluation".to_owned(),
        DataError::RowsWithoutText { .. } | DataError::NoTextColumn { .. } => {
            "set text_field in the file, or --text-field, to its name".to_owned()
        }
        DataError::NoRuns { missing, unmapped, .. } => {
            let given = all_to_give(missing, 0);
            let columns = unmapped.split_first().map(|(first, rest)| missing_columns(first, rest));
            let parts: Vec<String> = given.into_iter().chain(columns).collect();
            return (!parts.is_empty()).then(|| parts.join("\n"));
        }
        DataError::NoLogs { files, .. } => {
            let is = |what: &str| files.iter().any(|file| file.what.contains(what));
            match (is("table of something else"), is("text that no pattern")) {
                (true, _) => "--map loss=COLUMN,n=COLUMN,d=COLUMN names the columns of a table".to_owned(),
                (_, true) => "--patterns FILE reads text of any other form".to_owned(),
                _ => return None,
            }
        }
        _ => return None,
    })
}

/// Flags for columns that were not recognised.
fn missing_columns(key: &str, also: &[&str]) -> String {
    let keys: Vec<&str> = std::iter::once(key).chain(also.iter().copied()).collect();
    let pairs: Vec<String> = keys.iter().map(|key| format!("{key}=COLUMN")).collect();
    let given = keys.iter().filter_map(|key| match *key {
        "n" => Some("--given RUN:n_params=N"),
        "d" => Some("--given RUN:tokens=D"),
        _ => None,
    });
    let given: Vec<&str> = given.collect();
    let given = if given.is_empty() { String::new() } else { format!(", or {}", given.join(" ")) };
    format!("use --map {}{given}", pairs.join(","))
}

fn fit(error: &FitError) -> Option<String> {
    let text = match error {
        FitError::NotIdentified { gap: DesignGap::FewValues { quantity, .. }, .. } => {
            let column = match quantity {
                Quantity::Epochs => "unique",
                Quantity::Experts => "experts",
                Quantity::Granularity => "granularity",
                Quantity::Sparsity => "sparsity",
                Quantity::Precision => "weight_bits",
                _ => return None,
            };
            return Some(format!("where a column holds it, use --map {column}=COLUMN"));
        }
        FitError::NoEffect { coef, .. } => {
            return Some(format!(
                "use --map for the column it acts on (isoloss fit --help lists the keys), or --fix {coef}=VALUE"
            ));
        }
        FitError::Config { field, .. } => {
            let flag = match *field {
                "priors" => "prior",
                "bounds" => "bound",
                "curves" => return None,
                other => other,
            };
            return Some(format!("see --{}", flag.replace('_', "-")));
        }
        FitError::UnknownCoefficient { .. } | FitError::OutsideDomain { .. } => {
            "see --fix, --bound and --prior; isoloss laws lists the equations"
        }
        FitError::AlreadyHeld { coef, .. } => {
            return Some(format!("leave out --fix {coef}, or its --bound and --prior"));
        }
        FitError::NothingFree { .. } => "leave out one --fix",
        FitError::NoDecision { .. } => "leave out --at, or name a law with an optimum in --law",
        FitError::NotFollowed { .. } => {
            "--where and --exclude leave rows out, --map names columns and their units"
        }
        FitError::NoMinimum { .. } => "--exclude ROWS leaves out outliers",
        FitError::Artifact { .. } | FitError::ArtifactSchema { .. } => {
            "isoloss fit LOGS -o fit.json writes a fit, isoloss benchmark --json a benchmark law"
        }
        _ => return None,
    };
    Some(text.to_owned())
}

fn study(error: &StudyError) -> Option<&'static str> {
    Some(match error {
        StudyError::NoTarget | StudyError::TwoTargets => {
            "use one of --flops C, --gpus K --device NAME --days T, --usd M --device NAME, --quality-of N, --loss L"
        }
        StudyError::NoLoss => "use --quality-of 70B or --loss 2.0",
        StudyError::ErrorUnderSeveralLaws { .. } => "name one law in --law",
        StudyError::ErrorOutOfReach { .. } => {
            "isoloss benchmark --target ERROR says which loss an error takes"
        }
        StudyError::NoServingDevice { .. } => "add --serve-device NAME; isoloss devices lists them",
        StudyError::NoTrainingDevice { .. } => "add --device NAME; isoloss devices lists them",
        StudyError::ZeroExperts => "use --experts 1 for a dense model",
        StudyError::SeveralLaws { .. } => "name one law in --law",
        StudyError::NothingToDraw { .. } => {
            "--picture chooses another; --leave-future-out C and --hold-out test a fit"
        }
        StudyError::NothingToServe => "isoloss models lists the names; or use --params N",
        StudyError::NothingToExplain { .. } => {
            "isoloss models lists the names; or use --params N --tokens D"
        }
        StudyError::NothingToCompare => "use --sizes 35B,21B or --ratios 20,100,500",
        StudyError::NoBenchmarkError { .. } => "use --map error=COLUMN",
        StudyError::OtherParams { .. } => "use --params all, non-embedding or active",
        StudyError::Schedule { .. } => {
            "--until STEP, --shape hold|linear|sqrt|cosine and --final-lr RATE say how the rate goes on"
        }
        StudyError::NoRates { .. } => {
            "--peak-lr RATE --warmup STEPS --until STEP --shape hold|linear|sqrt|cosine --final-lr RATE"
        }
        StudyError::NotCertified { .. } => {
            "isoloss fit LOGS --law auto compares laws, --fix NAME=VALUE holds a coefficient"
        }
        StudyError::NoDraws { .. } => {
            "isoloss fit LOGS -o fit.json makes resamples; see --bootstrap"
        }
        StudyError::BelowFloor { .. } => "--fix E=VALUE holds it; --where leaves runs out",
        StudyError::NotAPlan { .. } => {
            "isoloss plan --law fit.json --flops C -o plan.json writes one"
        }
        StudyError::UnknownRun { .. } => "--run NAME takes one of them",
        _ => return None,
    })
}

fn sweep(error: &SweepError) -> Option<&'static str> {
    Some(match error {
        SweepError::Slurm { program: "sbatch", .. } => {
            "correct [slurm] in the sweep file, or train here: --executor local"
        }
        SweepError::Field { field: "corpus.vocab", .. } => {
            "isoloss corpus prints the vocabulary of a corpus and its tokenizer"
        }
        _ => return None,
    })
}

fn train(error: &TrainError) -> Option<String> {
    let text = match error {
        TrainError::NotBuilt => "install with cargo install --path . --features full",
        TrainError::Device { name, .. } => {
            return Some(format!("install with cargo install --path . --features full,{name}"));
        }
        TrainError::MissingCrate { .. } | TrainError::NoRegistry => {
            "cargo fetch, in the folder of this program's source, unpacks the crates; isoloss corpus \
             turns your own text into tokens"
        }
        TrainError::ShardCard { .. }
        | TrainError::ShardVersion { .. }
        | TrainError::ShardLength { .. }
        | TrainError::ShardId { .. }
        | TrainError::ShardDigest { .. } => "isoloss corpus TEXT -o DIR writes shards",
        _ => return None,
    };
    Some(text.to_owned())
}

/// What to type about a warning, where a flag helps.
pub(super) fn warning_hint(warning: &Warning) -> Option<String> {
    let text = match warning {
        Warning::Outliers { rows, .. } => {
            const MOST: usize = 30;
            let few = !rows.is_empty() && rows.len() <= MOST;
            return few.then(|| format!("--exclude {}", rows_text(rows)));
        }
        Warning::SeveralKinds { column, tries: false, .. } => {
            return Some(format!("--by '{column}', or --where '{column} == VALUE'"));
        }
        Warning::SeveralKinds { .. } => "--best-per cell",
        // Sparse runs differ in a number each.
        Warning::MixedRecipes { column, part, .. } if part == "experts" => {
            return Some(format!("--where '{column} > 0' takes those that state it"));
        }
        Warning::MixedRecipes { column, .. } => {
            return Some(format!("--by '{column}', or --where '{column} == VALUE'"));
        }
        Warning::NotSeeds { .. } => "--best-per cell, or --where CONDITION",
        Warning::NoFloor { .. } => "--fix E=VALUE",
        Warning::ResidualTrend { .. } | Warning::LackOfFit { .. } => "--law auto",
        Warning::RepeatsIgnored { .. } => "--law muennighoff",
        Warning::WarmupGuessed { .. } => "--warmup STEPS",
        Warning::OpenProfile { .. } => "--fix, --prior",
        Warning::FewRuns { .. } => "--profile all",
        Warning::WildUndercovers { .. } => "--resample row",
        Warning::FlopsMismatch { ratio } if (0.32..0.35).contains(ratio) => "--map 'c=COLUMN*3'",
        Warning::FlopsMismatch { ratio } if (1.29..1.38).contains(ratio) => "--map 'c=COLUMN*0.75'",
        _ => return None,
    };
    Some(text.to_owned())
}

/// What to do with a fit: settle its most serious warning, or plan.
pub(super) fn next_step(report: &FitReport, saved: Option<&Path>) -> String {
    let mut warnings: Vec<&Warning> = report.warnings.iter().collect();
    warnings.sort_by_key(|warning| warning.severity());
    let serious = warnings.into_iter().find(|warning| warning.severity() < Severity::Imprecise);
    let compared = ["auto", "stack"].contains(&report.request.law.as_str());
    match serious {
        Some(
            Warning::DoNotExtrapolate { .. }
            | Warning::ResidualTrend { .. }
            | Warning::LackOfFit { .. },
        ) if compared => "runs of more compute before a plan far beyond them".to_owned(),
        Some(Warning::DoNotExtrapolate { better: Some(law), .. }) => {
            format!("--law {law}, or runs of more compute before a plan beyond them")
        }
        Some(Warning::DoNotExtrapolate { .. }) => {
            "--law auto compares other laws; else train runs of more compute".to_owned()
        }
        Some(Warning::NotCertified { .. }) => "--law auto, or --fix a coefficient".to_owned(),
        Some(warning) if warning_hint(warning).is_some() => {
            format!("{} ({})", warning_hint(warning).unwrap_or_default(), warning.code())
        }
        _ => match saved {
            Some(path) => format!("isoloss plan --law {} --flops C", path.display()),
            None => "-o fit.json, then isoloss plan --law fit.json --flops C".to_owned(),
        },
    }
}

/// Rising row numbers as `--exclude` takes them: `0-4,7`.
fn rows_text(rows: &[usize]) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for row in rows {
        match ranges.last_mut() {
            Some((_, last)) if *row == *last + 1 => *last = *row,
            _ => ranges.push((*row, *row)),
        }
    }
    let text = |(from, to): &(usize, usize)| match from == to {
        true => from.to_string(),
        false => format!("{from}-{to}"),
    };
    ranges.iter().map(text).collect::<Vec<String>>().join(",")
}
