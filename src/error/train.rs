use thiserror::Error;

/// A training run that cannot begin.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TrainError {
    /// A shape that can be planned but not trained here.
    #[error(
        "shape: `{field}` is set, but the bundled trainer trains dense decoders with full attention only; leave it out"
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
    /// The build has no trainer.
    #[error("this build has no trainer; build with the feature `train`")]
    NotBuilt,
}
