//! The kinds of logs that are read.

use serde::{Deserialize, Serialize};

/// A kind of log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Format {
    /// A table with one row per run: CSV, JSON Lines or Parquet.
    RunTable,
    /// CSV with a row per step.
    CsvSteps,
    /// JSON Lines with a line per step.
    JsonSteps,
    /// Parquet with a row per step.
    ParquetSteps,
    /// Weights & Biases chart export: a column per run.
    WandbChart,
    /// Weights & Biases transaction log of an offline run.
    WandbOffline,
    /// TensorBoard event file.
    TensorBoard,
    /// CSV files downloaded from TensorBoard, one per run and tag.
    TensorBoardCsv,
    /// Hugging Face `trainer_state.json`.
    HuggingFace,
    /// Lightning `metrics.csv`.
    Lightning,
    /// MLflow run folder.
    MlflowFolder,
    /// MLflow SQLite store.
    MlflowSqlite,
    /// Text read by patterns.
    Text,
    /// Facts about the runs beside it: a model's config, `hparams.yaml`.
    Config,
}

impl Format {
    /// The name for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RunTable => "table of runs",
            Self::CsvSteps => "CSV step log",
            Self::JsonSteps => "JSON Lines step log",
            Self::ParquetSteps => "Parquet step log",
            Self::WandbChart => "W&B chart export",
            Self::WandbOffline => "W&B offline run",
            Self::TensorBoard => "TensorBoard events",
            Self::TensorBoardCsv => "TensorBoard CSV download",
            Self::HuggingFace => "Hugging Face trainer state",
            Self::Lightning => "Lightning metrics",
            Self::MlflowFolder => "MLflow run folder",
            Self::MlflowSqlite => "MLflow SQLite store",
            Self::Text => "text log",
            Self::Config => "config",
        }
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
