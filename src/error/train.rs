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
    /// No text at the path.
    #[error("{path}: holds no readable text; give a text file or a folder of text files")]
    NoText {
        /// File or folder.
        path: String,
    },
    /// Nothing to train on but copies of the validation text.
    #[error(
        "{path}: all {dropped} training documents repeat, or nearly repeat, validation documents; give more text, or keep near copies with near_duplicates = 1"
    )]
    OnlyCopies {
        /// File or folder.
        path: String,
        /// Training documents dropped.
        dropped: usize,
    },
    /// Too little text to train and validate on.
    #[error("corpus {corpus}: {found} {split} tokens, but {wanted} are wanted at least")]
    TooLittleText {
        /// Name of the corpus.
        corpus: String,
        /// `training` or `validation`.
        split: &'static str,
        /// Tokens there are.
        found: usize,
        /// Tokens wanted.
        wanted: usize,
    },
    /// The default corpus is not on this machine.
    #[error(
        "the crate-source corpus needs {package} under {path}; run `cargo fetch`, or give a corpus path"
    )]
    MissingCrate {
        /// The package that is not there.
        package: String,
        /// The registry folder.
        path: String,
    },
    /// The system gives no threads.
    #[error("threads for training could not be started: {reason}")]
    Threads {
        /// What the system said.
        reason: String,
    },
    /// A checkpoint that cannot be read.
    #[error("{path}: no checkpoint of this program ({reason}); remove it to train from the start")]
    Checkpoint {
        /// The file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A checkpoint of another run.
    #[error(
        "{path}: kept by a run with another {what}; remove it to train from the start, or give this run another name"
    )]
    ForeignCheckpoint {
        /// The file.
        path: String,
        /// What differs.
        what: &'static str,
    },
    /// A device this build does not know.
    #[error("device `{name}`: this build trains on {known}; build with `--features {name}`")]
    Device {
        /// What was asked for.
        name: &'static str,
        /// What there is.
        known: &'static str,
    },
    /// Two fields that do not go together, or a value out of range.
    #[error("corpus: {what}; {mend}")]
    Corpus {
        /// What was found.
        what: String,
        /// What to do.
        mend: String,
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
    #[error("this build has no trainer; build with the feature `train`")]
    NotBuilt,
}
