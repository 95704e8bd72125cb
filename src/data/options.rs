//! How to read logs.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::columns::ColumnMap;
use super::condition::Where;
use super::given::Given;
use crate::error::DataError;
use crate::units::ParamRule;

/// Which loss represents a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum LossChoice {
    /// The last evaluation where every run has one, else the tail of training where none has.
    #[default]
    Auto,
    /// The last evaluation.
    Evaluation,
    /// The mean training loss over the end of the run.
    Tail,
}

/// Among which runs the best is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum BestPer {
    /// Runs at one N, D and setting: the tries of a search over learning rates.
    Cell,
}

/// How to read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadOptions {
    /// Columns by quantity, where their names do not say it.
    pub map: ColumnMap,
    /// Which parameter column to prefer when there are both.
    pub params: ParamRule,
    /// 0-based data rows of each table to leave out.
    pub exclude: Vec<usize>,
    /// Conditions that every row, and every log, has to meet.
    pub only: Vec<Where>,
    /// Keep the run of lowest loss among its like.
    pub best_per: Option<BestPer>,
    /// Take each row of a run with several for a run of its own, not its last alone.
    pub every_row: bool,
    /// Leave bad rows of tables out instead of refusing the table.
    pub skip_bad: bool,
    /// Refuse damaged files instead of setting them aside.
    pub strict: bool,
    /// Facts that the logs do not hold.
    pub given: Vec<Given>,
    /// Which loss of a log represents its run.
    pub loss: LossChoice,
    /// Share of a run's steps over which training loss is averaged, 0 to 1.
    pub tail: f64,
    /// A file of patterns for text logs, tried before the shipped ones.
    pub patterns: Option<PathBuf>,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            map: ColumnMap::default(),
            params: ParamRule::default(),
            exclude: Vec::new(),
            only: Vec::new(),
            best_per: None,
            every_row: false,
            skip_bad: false,
            strict: false,
            given: Vec::new(),
            loss: LossChoice::default(),
            tail: 0.1,
            patterns: None,
        }
    }
}

impl ReadOptions {
    /// Checks that every option is in its range.
    ///
    /// # Errors
    /// [`DataError::BadTail`].
    pub fn validate(&self) -> Result<(), DataError> {
        match self.tail > 0.0 && self.tail <= 1.0 {
            true => Ok(()),
            false => Err(DataError::BadTail { share: self.tail }),
        }
    }
}
