//! What a reader hands over.

use std::collections::{BTreeMap, HashMap};

use crate::data::cell_table::CellTable;
use crate::data::format::Format;
use crate::data::log::{RunLog, Value};
use crate::data::windows::Window;

/// What is in a file.
#[derive(Debug)]
pub(in crate::data) enum Content {
    /// Runs step by step.
    Logs(Vec<RunLog>),
    /// Runs row by row.
    Table(CellTable),
    /// Facts about the runs beside it.
    Facts(BTreeMap<String, Value>),
    /// Nothing that is known; why.
    Unknown(String),
}

/// What a reader found in a file.
#[derive(Debug)]
pub(in crate::data) struct FileContent {
    pub(in crate::data) format: Option<Format>,
    /// What kind of that format, in words.
    pub(in crate::data) detail: Option<String>,
    pub(in crate::data) content: Content,
    /// Lines and records left out, each with its position.
    pub(in crate::data) damage: Vec<Damage>,
}

impl FileContent {
    pub(super) fn logs(format: Format, logs: Vec<RunLog>) -> Self {
        Self {
            format: Some(format),
            detail: None,
            content: Content::Logs(logs),
            damage: Vec::new(),
        }
    }

    pub(super) fn facts(facts: BTreeMap<String, Value>) -> Self {
        let content = Content::Facts(facts);
        Self { format: Some(Format::Config), detail: None, content, damage: Vec::new() }
    }

    pub(super) fn table(table: CellTable) -> Self {
        let content = Content::Table(table);
        Self { format: Some(Format::RunTable), detail: None, content, damage: Vec::new() }
    }

    pub(in crate::data) fn unknown(reason: impl Into<String>) -> Self {
        Self {
            format: None,
            detail: None,
            content: Content::Unknown(reason.into()),
            damage: Vec::new(),
        }
    }

    /// Whether the file ends before what was being written did.
    pub(super) fn is_cut_off(&self) -> bool {
        self.damage.iter().any(|damage| damage.is_end)
    }

    pub(super) fn with_damage(mut self, damage: Vec<Damage>) -> Self {
        self.damage = damage;
        self
    }
}

/// Part of a file that could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::data) struct Damage {
    /// Where: `line 12`, `byte 4096`.
    pub(in crate::data) at: String,
    pub(in crate::data) problem: String,
    /// Whether the file ends there, before what was being written did.
    pub(in crate::data) is_end: bool,
}

impl Damage {
    /// Damage at a place in words.
    pub(super) fn at(at: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { at: at.into(), problem: problem.into(), is_end: false }
    }

    pub(super) fn line(line: usize, problem: impl Into<String>) -> Self {
        Self::at(format!("line {line}"), problem)
    }

    pub(super) fn byte(byte: u64, problem: impl Into<String>) -> Self {
        Self::at(format!("byte {byte}"), problem)
    }

    /// The lines of a piece of text that were left out of it.
    pub(super) fn lost(window: &Window) -> Vec<Self> {
        window.lost.iter().map(|lost| Self::line(lost.line, lost.problem())).collect()
    }

    /// The same where the file ends.
    pub(super) fn at_end(self) -> Self {
        Self { is_end: true, ..self }
    }
}

/// Damage kept with its position; beyond that it is only counted.
const MOST_DAMAGE: usize = 100;

/// The runs of a file put together from its pieces.
#[derive(Default)]
pub(super) struct Whole {
    logs: Vec<RunLog>,
    at: HashMap<String, usize>,
    damage: Vec<Damage>,
    more: usize,
}

impl Whole {
    pub(super) fn add(&mut self, logs: Vec<RunLog>, damage: Vec<Damage>) {
        for log in logs {
            match self.at.get(&log.run) {
                Some(at) => self.logs[*at].absorb(log),
                None => {
                    self.at.insert(log.run.clone(), self.logs.len());
                    self.logs.push(log);
                }
            }
        }
        for one in damage {
            // Where the file ends is always said.
            if self.damage.len() < MOST_DAMAGE || one.is_end {
                self.damage.push(one);
            } else {
                self.more += 1;
            }
        }
    }

    pub(super) fn into_parts(mut self) -> (Vec<RunLog>, Vec<Damage>) {
        if self.more > 0 {
            let problem = format!("{} more lines like these", self.more);
            self.damage.push(Damage::at("further on", problem));
        }
        (self.logs, self.damage)
    }
}
