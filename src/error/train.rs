use thiserror::Error;

/// A training run that cannot begin.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A shape that can be planned but not trained here.
    #[error(
        "shape: `{field}` is set, but the bundled trainer has rotary positions, plain keys and values and no biases; leave it out"
    )]
    Untrainable {
        /// The field.
        field: &'static str,
    },
    /// A run that does not fit in memory.
    #[error(
        "run `{run}`: training its {params} parameters needs about {needs}; there is {has}; reduce {reduce}"
    )]
    TooLarge {
        /// The run.
        run: String,
        /// Its parameters.
        params: String,
        /// Memory at its fullest, and what it is for.
        needs: String,
        /// Memory this machine has left.
        has: String,
        /// Fields that make it smaller.
        reduce: &'static str,
    },
    /// No text at the path.
    #[error("{path}: holds no readable text; expected a text file, or a folder of text files")]
    NoText {
        /// File or folder.
        path: String,
    },
    /// Nothing to train on but copies of the validation documents.
    #[error(
        "{path}: all {dropped} training documents repeat, or nearly repeat, validation documents; give more text, or keep near copies with near_duplicates = 1"
    )]
    OnlyCopies {
        /// File or folder.
        path: String,
        /// Training documents dropped.
        dropped: usize,
    },
    /// Too few tokens to train and validate on.
    #[error("corpus {corpus}: {found} {split} tokens; expected at least {expected}")]
    TooFewTokens {
        /// Name of the corpus.
        corpus: String,
        /// `training` or `validation`.
        split: &'static str,
        /// Tokens there are.
        found: usize,
        /// Tokens that one step or one window needs.
        expected: usize,
    },
    /// Fewer training tokens than are to be seen before they repeat.
    #[error(
        "corpus {corpus}: `corpus.unique_tokens` is {expected}, but there are {found} training tokens; ask for at most that many, or give more data"
    )]
    TooFewUnique {
        /// Name of the corpus.
        corpus: String,
        /// Training tokens there are.
        found: usize,
        /// Tokens asked for.
        expected: usize,
    },
    /// A crate of the crate sources is not on this machine.
    #[error(
        "corpus: the sources of {package} are not under {path}; choose another corpus: a path to text of your own, or leave `corpus` out to train on the synthetic source, which needs no files"
    )]
    MissingCrate {
        /// The package that is not there.
        package: String,
        /// The registry folder.
        path: String,
    },
    /// Nobody said where cargo unpacks crates.
    #[error(
        "corpus: crate sources need the folder in which cargo unpacks crates, and there is none; choose another corpus: a path to text of your own, or leave `corpus` out to train on the synthetic source, which needs no files"
    )]
    NoRegistry,
    /// The system gives no threads.
    #[error("threads for training could not be started: {reason}")]
    Threads {
        /// What the system said.
        reason: String,
    },
    /// A checkpoint that cannot be read.
    #[error(
        "{path}: not a checkpoint of this program ({reason}); remove it to train from the start"
    )]
    Checkpoint {
        /// The file.
        path: String,
        /// What the format's reader said.
        reason: String,
    },
    /// A checkpoint of another version.
    #[error(
        "{path}: checkpoint of version {found}; expected {expected}; remove it to train from the start"
    )]
    CheckpointVersion {
        /// The file.
        path: String,
        /// Its version.
        found: u32,
        /// The version of this build.
        expected: u32,
    },
    /// A checkpoint whose arrays are not those of the model.
    #[error("{path}: array `{array}` {problem}; remove it to train from the start")]
    CheckpointArray {
        /// The file.
        path: String,
        /// The array.
        array: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The state of a run that cannot be written as a checkpoint.
    #[error("run `{run}`: its checkpoint cannot be written: {reason}")]
    CheckpointForm {
        /// The run.
        run: String,
        /// What the format's writer said.
        reason: String,
    },
    /// A checkpoint of another run.
    #[error(
        "{path}: written by a run with another {what}; remove it to train from the start, or give this run another name"
    )]
    ForeignCheckpoint {
        /// The file.
        path: String,
        /// What differs.
        what: &'static str,
    },
    /// A device this build does not know.
    #[error("device `{name}`: this build trains on {known}; it needs the feature `{name}`")]
    Device {
        /// What was asked for, which is also the feature.
        name: &'static str,
        /// What there is.
        known: &'static str,
    },
    /// A vocabulary smaller than that of the corpus.
    #[error(
        "`corpus.vocab` is {found}, but the corpus has {expected} kinds of tokens; set vocab = {expected}"
    )]
    SmallVocab {
        /// Vocabulary of the shape.
        found: u32,
        /// Kinds of tokens in the corpus.
        expected: u32,
    },
    /// A description of shards that does not parse.
    #[error("{path}: does not describe a folder of shards ({reason}); write the shards again")]
    ShardCard {
        /// The file.
        path: String,
        /// What the parser said.
        reason: String,
    },
    /// Shards of another version.
    #[error("{path}: shards of version {found}; expected {expected}; write the shards again")]
    ShardVersion {
        /// The file.
        path: String,
        /// Their version.
        found: u32,
        /// The version of this build.
        expected: u32,
    },
    /// A shard of another length than its description says.
    #[error("{path}: holds {found} tokens; expected {expected}; write the shards again")]
    ShardLength {
        /// The file.
        path: String,
        /// Tokens in it.
        found: usize,
        /// Tokens in its description.
        expected: usize,
    },
    /// A token id beyond the vocabulary.
    #[error(
        "{path}: holds token id {found}; expected ids below the vocabulary of {vocab}; write the shards again"
    )]
    ShardId {
        /// The file.
        path: String,
        /// The largest id.
        found: u32,
        /// The vocabulary.
        vocab: u32,
    },
    /// Shards whose tokens are not those that were written.
    #[error("{path}: its tokens have SHA-256 {found}; expected {expected}; write the shards again")]
    ShardDigest {
        /// The file.
        path: String,
        /// Digest of the tokens.
        found: String,
        /// Digest in their description.
        expected: String,
    },
    /// A tokenizer's name that means nothing.
    #[error(
        "tokenizer `{name}`: expected `bytes`, a `tokenizer.json`, or `bpe:` with a vocabulary size, for example bpe:4096"
    )]
    TokenizerName {
        /// The name.
        name: String,
    },
    /// A tokenizer that cannot be loaded, trained or used.
    #[error("tokenizer {name}: {reason}")]
    Tokenizer {
        /// The file, or `bpe:N`.
        name: String,
        /// What the library said.
        reason: String,
    },
    /// The build has no trainer.
    #[error("this build has no trainer; it needs the feature `train`, which `full` includes")]
    NotBuilt,
}
