//! What people call things in logs, from `data/log-vocabulary.toml`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

/// A thing that logs name: a quantity of a run, or a fact from which one follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Term {
    Run,
    Step,
    EvalLoss,
    TrainLoss,
    /// A loss that does not say of which text.
    Loss,
    /// One in other units than nats.
    ScaledLoss,
    Tokens,
    Samples,
    Flops,
    Epoch,
    /// How long training took.
    Seconds,
    SamplesPerSecond,
    StepsPerSecond,
    TokensPerSecond,
    AllParams,
    /// All but the position embeddings.
    AllButPositions,
    NonEmbeddingParams,
    ActiveParams,
    TokensPerParam,
    UniqueTokens,
    Budget,
    TokensPerStep,
    /// Sequences of an optimiser step.
    Batch,
    /// Sequences of one pass on one device.
    MicroBatch,
    Accumulation,
    DataParallel,
    /// All devices.
    World,
    /// Devices of a node.
    Devices,
    Nodes,
    ModelParallel,
    TensorParallel,
    PipelineParallel,
    ContextParallel,
    /// Tokens of a sequence.
    Length,
    BytesPerToken,
    PlannedSteps,
    PlannedTokens,
    Epochs,
    /// Sequences of an epoch.
    Examples,
    StepsPerEpoch,
    LastStep,
    Status,
    Vocab,
    Width,
    Layers,
    Heads,
    KvHeads,
    HeadDim,
    Inner,
    InnerRatio,
    Activation,
    Tied,
    Experts,
    TopK,
    Positions,
    ModelType,
    Granularity,
    Sparsity,
    WeightBits,
    ActivationBits,
    KvBits,
    ServedBits,
    /// Entropy of the source.
    Floor,
}

/// N by each convention.
pub(super) const SIZES: [Term; 3] = [Term::AllParams, Term::NonEmbeddingParams, Term::ActiveParams];

/// What names a column or a logged value rather than a fact about the run.
const LOGGED: [Term; 9] = [
    Term::Run,
    Term::Step,
    Term::EvalLoss,
    Term::TrainLoss,
    Term::Loss,
    Term::ScaledLoss,
    Term::Samples,
    Term::Epoch,
    Term::LastStep,
];

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Finished,
    NotFinished,
    Failed,
    /// A word that is none of these.
    Other,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct States {
    finished: Vec<String>,
    not_finished: Vec<String>,
    failed: Vec<String>,
}

/// Words within names.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Words {
    pub(super) held_out: Vec<String>,
    pub(super) loss: Vec<String>,
    pub(super) not_the_loss: Vec<String>,
    pub(super) not_the_rate: Vec<String>,
    pub(super) whole: Vec<String>,
    pub(super) bits_per_byte: Vec<String>,
    pub(super) bits_per_token: Vec<String>,
    pub(super) per_byte: Vec<String>,
    pub(super) perplexity: Vec<String>,
}

/// Groups of keys and of files.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Groups {
    pub(super) holders: Vec<String>,
    pub(super) silent: Vec<String>,
    pub(super) files: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    names: BTreeMap<Term, Vec<String>>,
    states: States,
    units: BTreeMap<String, f64>,
    words: Words,
    groups: Groups,
}

static FILE: LazyLock<File> = LazyLock::new(|| {
    toml::from_str(include_str!("../../data/log-vocabulary.toml"))
        .expect("the shipped vocabulary is tested")
});

/// Units by their ending, the longest first, so that `_millions` is not read as `_s`.
static UNITS: LazyLock<Vec<(&str, f64)>> = LazyLock::new(|| {
    let mut units: Vec<(&str, f64)> = FILE.units.iter().map(|(u, f)| (u.as_str(), *f)).collect();
    units.sort_by_key(|(unit, _)| std::cmp::Reverse(unit.len()));
    units
});

/// Names of a thing, the surest first.
pub(super) fn names(term: Term) -> &'static [String] {
    FILE.names.get(&term).map_or(&[], Vec::as_slice)
}

/// Whether this spelled name is one of a thing.
pub(super) fn is_name(term: Term, name: &str) -> bool {
    names(term).iter().any(|n| n == name)
}

/// The place of a spelled name among those of a thing, 0 for the surest.
pub(super) fn rank(term: Term, name: &str) -> Option<usize> {
    names(term).iter().position(|n| n == name)
}

/// Whether a spelled name, without its groups, is a fact about a run.
pub(super) fn names_fact(name: &str) -> bool {
    fact_named(name).is_some()
}

/// The fact about a run of a spelled name without its groups.
pub(super) fn fact_named(name: &str) -> Option<Term> {
    let facts = FILE.names.iter().filter(|(term, _)| !LOGGED.contains(term));
    let mut named = facts.filter(|(_, names)| names.iter().any(|n| n == name));
    named.next().map(|(term, _)| *term)
}

/// Columns that are sums of others, as `body+head`.
pub(super) fn sums() -> impl Iterator<Item = &'static str> {
    FILE.names.values().flatten().map(String::as_str).filter(|name| name.contains('+'))
}

/// The base and the factor of a spelled name that ends in a unit.
pub(super) fn unit_of(name: &str) -> Option<(&str, f64)> {
    let (base, factor) = UNITS.iter().find_map(|(u, f)| Some((name.strip_suffix(u)?, *f)))?;
    Some((base.strip_suffix("_in").unwrap_or(base), factor))
}

/// How a run ended by the spelled word that its log has for it.
pub(super) fn ending(word: &str) -> Ending {
    let has = |states: &[String]| states.iter().any(|state| state == word);
    let states = &FILE.states;
    match () {
        () if has(&states.finished) => Ending::Finished,
        () if has(&states.not_finished) => Ending::NotFinished,
        () if has(&states.failed) => Ending::Failed,
        () => Ending::Other,
    }
}

pub(super) fn words() -> &'static Words {
    &FILE.words
}

pub(super) fn groups() -> &'static Groups {
    &FILE.groups
}

#[cfg(test)]
mod tests {
    use super::super::spelling::collapsed;
    use super::*;

    #[test]
    fn every_name_is_spelled_as_names_are_compared_and_stands_once() {
        for (term, names) in &FILE.names {
            for name in names.iter().filter(|name| !name.contains('+') && *name != "_step") {
                assert_eq!(&collapsed(name), name, "{term:?}");
            }
            let mut once = names.clone();
            once.sort();
            once.dedup();
            assert_eq!(once.len(), names.len(), "{term:?} has a name twice");
        }
        assert!(FILE.units.values().all(|factor| *factor > 1.0));
    }

    #[test]
    fn only_the_epochs_are_both_planned_and_counted() {
        let mut at: BTreeMap<&str, Vec<Term>> = BTreeMap::new();
        for (term, names) in &FILE.names {
            names.iter().for_each(|name| at.entry(name).or_default().push(*term));
        }
        let twice: Vec<_> = at.into_iter().filter(|(_, terms)| terms.len() > 1).collect();
        assert_eq!(twice, [("epochs", vec![Term::Epoch, Term::Epochs])]);
    }

    #[test]
    fn states_are_known_however_they_are_written() {
        let of = |word| ending(&collapsed(word));
        assert_eq!(of("Succeeded"), Ending::Finished);
        assert_eq!(of("FINISHED"), Ending::Finished);
        assert_eq!(of("timed out"), Ending::NotFinished);
        assert_eq!(of("Crashed"), Ending::Failed);
        assert_eq!(of("exited with 3"), Ending::Other);
    }
}
