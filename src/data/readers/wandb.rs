//! Weights & Biases offline runs, `run-*.wandb`: a log of protobuf records in 32 KiB blocks.
//!
//! Layout of LevelDB's log with its own header and plain CRC-32: 7 bytes `:W&B`, magic, version;
//! then chunks of checksum (u32), length (u16), type (u8: full, first, middle, last), little-endian.
//! Source: wandb 0.31, `core/pkg/leveldb`, and `wandb_internal.proto`.

use prost::Message;

use super::content::{Damage, FileContent};
use super::context::Context;
use super::json_lines::flatten;
use super::run_name::name_of;
use super::steps::{book, factor, role};
use crate::data::facts::is_fact;
use crate::data::files::Source;
use crate::data::files::read_full;
use crate::data::format::Format;
use crate::data::log::{RunLog, Value};
use crate::data::roles::Role;
use crate::error::DataError;

#[derive(Clone, PartialEq, Message)]
struct Record {
    #[prost(message, optional, tag = "2")]
    history: Option<History>,
    #[prost(message, optional, tag = "5")]
    config: Option<Config>,
    #[prost(message, optional, tag = "17")]
    run: Option<Run>,
    #[prost(message, optional, tag = "18")]
    exit: Option<Exit>,
}

#[derive(Clone, PartialEq, Message)]
struct History {
    #[prost(message, repeated, tag = "1")]
    item: Vec<Item>,
    #[prost(message, optional, tag = "2")]
    step: Option<Step>,
}

#[derive(Clone, PartialEq, Message)]
struct Step {
    #[prost(int64, tag = "1")]
    num: i64,
}

/// `HistoryItem` and `ConfigItem`, which share their fields.
#[derive(Clone, PartialEq, Message)]
struct Item {
    #[prost(string, tag = "1")]
    key: String,
    #[prost(string, repeated, tag = "2")]
    nested_key: Vec<String>,
    #[prost(sint64, optional, tag = "5")]
    integer: Option<i64>,
    #[prost(double, optional, tag = "6")]
    number: Option<f64>,
    #[prost(string, optional, tag = "7")]
    text: Option<String>,
    #[prost(string, optional, tag = "8")]
    json: Option<String>,
    #[prost(string, optional, tag = "16")]
    value_json: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
struct Config {
    #[prost(message, repeated, tag = "1")]
    update: Vec<Item>,
}

#[derive(Clone, PartialEq, Message)]
struct Run {
    #[prost(string, tag = "1")]
    run_id: String,
    #[prost(message, optional, tag = "4")]
    config: Option<Config>,
    #[prost(string, tag = "8")]
    display_name: String,
}

#[derive(Clone, PartialEq, Message)]
struct Exit {
    #[prost(int32, tag = "1")]
    exit_code: i32,
}

impl Item {
    fn full_name(&self) -> String {
        if self.key.is_empty() { self.nested_key.join(".") } else { self.key.clone() }
    }

    /// The value, `NaN` and `Infinity` as W&B's JSON has them.
    fn parsed(&self) -> Option<serde_json::Value> {
        if let Some(x) = self.integer {
            return Some(x.into());
        }
        if let Some(x) = self.number {
            return Some(
                serde_json::Number::from_f64(x).map_or_else(|| x.to_string().into(), Into::into),
            );
        }
        if let Some(text) = &self.text {
            return Some(text.clone().into());
        }
        let json = self.json.as_ref().or(self.value_json.as_ref())?;
        serde_json::from_str(json).ok().or_else(|| Some(json.trim().into()))
    }
}

const BLOCK: usize = 32 * 1024;
const FILE_HEADER: usize = 7;
const CHUNK_HEADER: usize = 7;

/// Largest record put together from chunks.
const MOST_RECORD: usize = 64 << 20;

pub(super) fn read(source: &Source, context: &Context<'_>) -> Result<FileContent, DataError> {
    let mut from = source.open(context.meter, context.progress)?;
    let mut log = RunLog::new(name_of(source), &source.path, Format::WandbOffline);
    let mut damage = Vec::new();
    let mut block = vec![0_u8; BLOCK];
    let mut record: Vec<u8> = Vec::new();
    let (mut start, mut at) = (FILE_HEADER, 0_u64);
    // Whether the chunks at hand begin a record; after damage the next first chunk does again.
    let mut open = false;
    let mut state = State::default();
    loop {
        let n = read_full(&mut from, &mut block).map_err(|e| source.unreadable(&e))?;
        let mut offset = std::mem::take(&mut start);
        let mut failed = false;
        while offset + CHUNK_HEADER <= n {
            let here = at + offset as u64;
            let crc = u32::from_le_bytes([
                block[offset],
                block[offset + 1],
                block[offset + 2],
                block[offset + 3],
            ]);
            let length = usize::from(u16::from_le_bytes([block[offset + 4], block[offset + 5]]));
            let kind = block[offset + 6];
            if crc == 0 && length == 0 && kind == 0 {
                // Zeros fill a block's end, or the end of a file that was never closed.
                break;
            }
            let end = offset + CHUNK_HEADER + length;
            if end > n {
                damage.push(if n < BLOCK {
                    Damage::byte(here, "the file ends within a record").at_end()
                } else {
                    let problem =
                        "a record runs beyond its block; the rest of the block is left out";
                    Damage::byte(here, problem)
                });
                open = false;
                break;
            }
            let data = &block[offset + CHUNK_HEADER..end];
            let mut sum = crc32fast::Hasher::new();
            sum.update(&[kind]);
            sum.update(data);
            offset = end;
            if sum.finalize() != crc {
                open = false;
                if std::mem::replace(&mut failed, true) {
                    let problem = "two records in a row fail their checksum; the rest of the block is left out";
                    damage.push(Damage::byte(here, problem));
                    break;
                }
                damage.push(Damage::byte(here, "a record fails its checksum and is left out"));
                continue;
            }
            failed = false;
            match kind {
                1 => state.take(&mut log, data, context),
                2 => {
                    record.clear();
                    record.extend_from_slice(data);
                    open = true;
                }
                3 | 4 if open => {
                    record.extend_from_slice(data);
                    if record.len() > MOST_RECORD {
                        damage.push(Damage::byte(here, "a record is larger than 64 MiB"));
                        open = false;
                    } else if kind == 4 {
                        state.take(&mut log, &record, context);
                        open = false;
                    }
                }
                _ => {}
            }
        }
        at += n as u64;
        if n < BLOCK {
            break;
        }
    }
    match state.exit {
        Some(0) => log.set("status", Value::Text("finished".to_owned())),
        Some(code) => log.set("status", Value::Text(format!("exited with {code}"))),
        None => {
            log.notes.push("the log has no end: the run was still going or was killed".to_owned())
        }
    }
    if state.undecoded > 0 {
        let problem = format!("{} records are not W&B messages", state.undecoded);
        damage.push(Damage::at("within the file", problem));
    }
    Ok(FileContent::logs(Format::WandbOffline, vec![log]).with_damage(damage))
}

/// What the records have said so far.
#[derive(Default)]
struct State {
    exit: Option<i32>,
    undecoded: usize,
}

impl State {
    fn take(&mut self, log: &mut RunLog, data: &[u8], context: &Context<'_>) {
        let Ok(record) = Record::decode(data) else {
            self.undecoded += 1;
            return;
        };
        if let Some(run) = record.run {
            let name = if run.display_name.is_empty() { run.run_id } else { run.display_name };
            if !name.is_empty() {
                log.run = name;
                log.named = true;
            }
            configure(log, run.config);
        }
        configure(log, record.config);
        if let Some(exit) = record.exit {
            self.exit = Some(exit.exit_code);
        }
        if let Some(history) = record.history {
            row(log, &history, context);
        }
    }
}

fn configure(log: &mut RunLog, config: Option<Config>) {
    for item in config.into_iter().flat_map(|c| c.update) {
        let name = item.full_name();
        let Some(json) = item.parsed().filter(|_| !name.starts_with("_wandb")) else { continue };
        flatten(&name, &json, 1, &mut |key, value| {
            if is_fact(key) {
                log.set(key, value);
            }
        });
    }
}

/// One call of `wandb.log`: the trainer's own step where it logs one, else W&B's.
fn row(log: &mut RunLog, history: &History, context: &Context<'_>) {
    let mut step: Option<(usize, f64)> = history.step.as_ref().map(|s| (usize::MAX, s.num as f64));
    let mut values = Vec::with_capacity(history.item.len());
    for item in &history.item {
        let (name, Some(json)) = (item.full_name(), item.parsed()) else { continue };
        let value = Value::from_json(&json);
        match (role(&name, context.map), &value) {
            (Role::Step { rank }, Value::Number(x)) if step.is_none_or(|(r, _)| rank < r) => {
                step = Some((rank, *x));
            }
            (Role::Metric { .. } | Role::Fact, _) => values.push((name, value)),
            _ => {}
        }
    }
    let Some((rank, step)) = step else { return };
    if rank == usize::MAX {
        "_step".clone_into(&mut log.step_key);
    } else {
        log.step_key.clear();
    }
    for (name, value) in values {
        let (role, factor) = (role(&name, context.map), factor(&name, context.map));
        book(log, &name, role, step, &value, factor);
    }
}
