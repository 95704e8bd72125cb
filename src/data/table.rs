//! The run table every fit starts from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::digest::InputDigest;
use super::format::Format;
use super::labels::Labels;
use crate::error::{Lack, Warning};
use crate::units::{Flops, LossUnit, ParamRule, Params, Setting, Tokens};

/// Where the loss of a run comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "from", rename_all = "kebab-case")]
pub enum LossSource {
    /// The row of a table says it.
    #[default]
    Stated,
    /// The last evaluation of a log.
    Evaluation {
        /// Its step.
        step: f64,
    },
    /// The mean of the training loss over the end of a log.
    Tail {
        /// First step of the window.
        from_step: f64,
        /// Last step of the window.
        to_step: f64,
        /// Logged losses in it.
        points: u64,
    },
}

impl std::fmt::Display for LossSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stated => f.write_str("stated"),
            Self::Evaluation { step } => write!(f, "evaluation at step {step}"),
            Self::Tail { from_step, to_step, points } => {
                write!(f, "mean of {points} training losses, steps {from_step} to {to_step}")
            }
        }
    }
}

/// One finished run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Name, or `file:line` when the log has none.
    pub run: String,
    /// Parameters, by the table's convention.
    pub n: Params,
    /// Training tokens.
    pub d: Tokens,
    /// Final loss, nats per token.
    pub loss_nats: f64,
    /// Training FLOPs: logged, or 6 N D.
    pub c: Flops,
    /// The isoFLOP budget of its cell, where the log says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub budget: Option<Flops>,
    /// How much the run counts in a fit; absent for once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<f64>,
    /// Error on tasks, one minus accuracy, where the table has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub benchmark_error: Option<f64>,
    /// Entropy of the source that it was trained on, nats per token, where that is known: no loss lies
    /// below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub floor_nats: Option<f64>,
    /// Repetition, sparsity and precision.
    #[serde(default, skip_serializing_if = "Setting::is_plain")]
    pub setting: Setting,
    /// What the other columns of its row say, by column.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// 0-based data row in its file; of a log, its place among the logs.
    pub row: usize,
    /// Where the loss comes from.
    #[serde(default)]
    pub loss_source: LossSource,
}

impl RunRecord {
    /// A dense run on text seen once, C = 6 N D, in row 0.
    #[must_use]
    pub fn new(run: impl Into<String>, n: Params, d: Tokens, loss_nats: f64) -> Self {
        let c = Flops::new(6.0 * n.get() * d.get());
        Self {
            run: run.into(),
            n,
            d,
            loss_nats,
            c,
            budget: None,
            weight: None,
            benchmark_error: None,
            floor_nats: None,
            setting: Setting::PLAIN,
            labels: Labels::default(),
            row: 0,
            loss_source: LossSource::Stated,
        }
    }

    /// Its name without folders, or `row 7` where its table names no runs.
    #[must_use]
    pub fn label(&self) -> String {
        let unnamed =
            self.run.rsplit_once(':').is_some_and(|(_, line)| line.parse::<usize>().is_ok());
        let short = self.run.rsplit('/').next().unwrap_or(&self.run);
        if unnamed { format!("row {}", self.row) } else { short.to_owned() }
    }

    /// N and D to a hundredth of a percent and the setting: runs with the same are repeats.
    #[must_use]
    pub fn cell(&self) -> [u64; 10] {
        let s = &self.setting;
        let rounded = |x: f64| ((x * 1e4).round() as i64).cast_unsigned();
        let bits = |x: Option<f64>| x.map_or(u64::MAX, f64::to_bits);
        [
            rounded(self.n.ln()),
            rounded(self.d.ln()),
            s.unique.map_or(u64::MAX, |u| rounded(u.ln())),
            s.experts.to_bits(),
            s.granularity.to_bits(),
            s.sparsity.to_bits(),
            bits(s.weight_bits),
            bits(s.activation_bits),
            bits(s.kv_bits),
            bits(s.served_bits),
        ]
    }
}

/// Something the reader had to assume.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "assumed", rename_all = "kebab-case")]
pub enum Assumption {
    /// A column was recognised by its name.
    Column {
        /// What it was taken for.
        quantity: String,
        /// Its name.
        column: String,
    },
    /// D = C / (6 N), since no column holds tokens.
    TokensFromFlops,
    /// N = C / (6 D), since no column holds parameters.
    ParamsFromFlops,
    /// C = 6 N D, since no column holds FLOPs.
    FlopsFromSixNd,
    /// N counts all parameters, since the column does not say otherwise.
    AllParameters,
    /// The loss is in nats per token, since nothing says otherwise.
    NatsPerToken,
    /// The loss is in nats per byte: the log has bits per byte and no bytes per token.
    NatsPerByte,
    /// A quantity was turned into the units of the table, or put together from others.
    Computed {
        /// What.
        quantity: String,
        /// From what.
        from: String,
    },
}

impl std::fmt::Display for Assumption {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Column { quantity, column } => write!(f, "{quantity} from column `{column}`"),
            Self::TokensFromFlops => f.write_str("D = C / (6 N)"),
            Self::ParamsFromFlops => f.write_str("N = C / (6 D)"),
            Self::FlopsFromSixNd => f.write_str("C = 6 N D"),
            Self::AllParameters => f.write_str("N counts all parameters"),
            Self::NatsPerToken => f.write_str("loss in nats per token"),
            Self::NatsPerByte => f.write_str("loss in nats per byte"),
            Self::Computed { quantity, from } => write!(f, "{quantity} from {from}"),
        }
    }
}

/// A row, a run or a file that did not become a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The file.
    pub path: String,
    /// 1-based line in the file, of a row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Its name, of a run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Why.
    pub reason: String,
    /// All that would have to be given for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lacks: Vec<Lack>,
}

impl Skipped {
    /// A file, or part of one.
    #[cfg(feature = "logs")]
    pub(super) fn file(path: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { path: path.into(), line: None, run: None, reason: reason.into(), lacks: Vec::new() }
    }

    /// A row.
    #[cfg(feature = "logs")]
    pub(super) fn row(path: &str, line: usize, reason: String) -> Self {
        Self { line: Some(line), ..Self::file(path, reason) }
    }

    /// A run.
    #[cfg(feature = "logs")]
    pub(super) fn run(path: impl Into<String>, run: &str, reason: impl Into<String>) -> Self {
        Self { run: Some(run.to_owned()), ..Self::file(path, reason) }
    }
}

impl Skipped {
    /// Whether it is a file, or part of one, rather than a run or a row.
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.run.is_none() && self.line.is_none()
    }

    /// What it is called: the run, else the file with the line.
    #[must_use]
    pub fn name(&self) -> String {
        match (&self.run, self.line) {
            (Some(run), _) => run.clone(),
            (None, Some(line)) => format!("{}:{line}", self.path),
            (None, None) => self.path.clone(),
        }
    }
}

impl std::fmt::Display for Skipped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.path)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(run) = &self.run {
            write!(f, " (run {run})")?;
        }
        write!(f, ": {}", self.reason)
    }
}

/// What a file was taken for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileNote {
    /// The file.
    pub path: String,
    /// What it was taken for; absent when it is not a log.
    pub format: Option<Format>,
    /// Which kind of that format, as the trainer whose pattern read a text; of a file that is not a
    /// log, what it seems to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Runs found in it.
    pub runs: usize,
    /// What was left out of it, and why, with the position.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub damage: Vec<String>,
}

impl FileNote {
    /// What it was taken for, in words.
    #[must_use]
    pub fn taken_for(&self) -> String {
        match (&self.detail, self.format) {
            (Some(detail), Some(_)) => detail.clone(),
            (None, Some(format)) => format.name().to_owned(),
            (Some(detail), None) if detail.starts_with("no log") => detail.clone(),
            (Some(detail), None) => format!("no log: {detail}"),
            (None, None) => "no log".to_owned(),
        }
    }
}

/// Something to know about a run that is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunNote {
    /// The run.
    pub run: String,
    /// What.
    pub note: String,
}

/// The training curve of a run, without its warm-up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunCurve {
    /// The run.
    pub run: String,
    /// Its parameters, by the table's convention.
    pub n: Params,
    /// Whether its learning rate came down: before its end such a curve lies above runs that end
    /// there.
    pub decays: bool,
    /// Tokens seen and smoothed training loss in nats, in order of tokens.
    pub points: Vec<(Tokens, f64)>,
}

/// Runs with one convention.
///
/// ```
/// use isoloss::data::{RunRecord, RunTable};
/// use isoloss::units::{ParamRule, Params, Tokens};
///
/// let run = |name: &str, n: f64, d: f64, loss: f64| {
///     RunRecord::new(name, Params::new(n), Tokens::new(d), loss)
/// };
/// let runs = vec![run("a", 1e8, 4e9, 3.1), run("b", 2e8, 2e9, 3.2), run("c", 4e8, 8e9, 2.7)];
/// let table = RunTable::from_runs(runs, ParamRule::All);
/// // `a` and `b` take the same FLOPs, 6 N D.
/// let budgets: Vec<usize> = table.by_budget().iter().map(|(_, runs)| runs.len()).collect();
/// assert_eq!(budgets, [2, 1]);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunTable {
    /// The runs, in the order they were read.
    pub runs: Vec<RunRecord>,
    /// Rows, runs and files left out, each with its reason.
    pub skipped: Vec<Skipped>,
    /// Which parameters N counts.
    pub params: ParamRule,
    /// What was assumed.
    pub assumptions: Vec<Assumption>,
    /// Digest of the bytes read, for provenance: `sha256-` and 32 hexadecimal digits.
    pub digest: String,
    /// What each file was taken for.
    #[serde(default)]
    pub files: Vec<FileNote>,
    /// What should be known about single runs.
    #[serde(default)]
    pub notes: Vec<RunNote>,
    /// Training curves of the runs that came from step logs.
    #[serde(default)]
    pub curves: Vec<RunCurve>,
    /// Warnings about the table as a whole.
    #[serde(default)]
    pub warnings: Vec<Warning>,
}

impl RunTable {
    /// A table of runs made in memory.
    #[must_use]
    pub fn from_runs(runs: Vec<RunRecord>, params: ParamRule) -> Self {
        let mut digest = InputDigest::new();
        for run in &runs {
            digest.update(&run.n.get().to_le_bytes());
            digest.update(&run.d.get().to_le_bytes());
            digest.update(&run.loss_nats.to_le_bytes());
        }
        Self {
            runs,
            skipped: Vec::new(),
            params,
            assumptions: Vec::new(),
            digest: digest.to_string(),
            files: Vec::new(),
            notes: Vec::new(),
            curves: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// What its losses are measured in.
    #[must_use]
    pub fn loss_unit(&self) -> LossUnit {
        match self.assumptions.contains(&Assumption::NatsPerByte) {
            true => LossUnit::NatsPerByte,
            false => LossUnit::NatsPerToken,
        }
    }

    /// The table with other runs, their curves, and everything else as it is.
    #[must_use]
    pub fn with_runs(&self, runs: Vec<RunRecord>) -> Self {
        let names: std::collections::BTreeSet<&str> = runs.iter().map(|r| r.run.as_str()).collect();
        let of_runs = |curve: &&RunCurve| names.contains(curve.run.as_str());
        let curves = self.curves.iter().filter(of_runs).cloned().collect();
        Self { curves, runs, ..self.clone() }
    }

    /// The table with the run of lowest loss in each [`RunRecord::cell`], in the order they were read.
    #[must_use]
    pub fn best_of_cells(&self) -> Self {
        let mut best: BTreeMap<[u64; 10], usize> = BTreeMap::new();
        for (i, run) in self.runs.iter().enumerate() {
            let here = best.entry(run.cell()).or_insert(i);
            if run.loss_nats < self.runs[*here].loss_nats {
                *here = i;
            }
        }
        let mut kept: Vec<usize> = best.into_values().collect();
        kept.sort_unstable();
        self.with_runs(kept.into_iter().map(|i| self.runs[i].clone()).collect())
    }

    /// The runs by what a column says of them, in the order of its values; runs it says nothing of
    /// are left out. Empty when no run has the column.
    #[must_use]
    pub fn by_label(&self, column: &str) -> Vec<(String, Self)> {
        let mut groups: BTreeMap<String, Vec<RunRecord>> = BTreeMap::new();
        for run in &self.runs {
            if let Some(label) = run.labels.get(column) {
                groups.entry(label.to_string()).or_default().push(run.clone());
            }
        }
        groups.into_iter().map(|(label, runs)| (label, self.with_runs(runs))).collect()
    }

    /// Runs by isoFLOP budget, smallest first: the logged budget, else C rounded to 2 % in ratio.
    #[must_use]
    pub fn by_budget(&self) -> Vec<(Flops, Vec<&RunRecord>)> {
        let mut runs: Vec<(f64, &RunRecord)> =
            self.runs.iter().map(|r| (r.budget.unwrap_or(r.c).get(), r)).collect();
        runs.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut groups: Vec<(Flops, Vec<&RunRecord>)> = Vec::new();
        for (c, run) in runs {
            match groups.last_mut() {
                Some((budget, group)) if c / budget.get() < 1.04 => group.push(run),
                _ => groups.push((Flops::new(c), vec![run])),
            }
        }
        groups
    }
}
