//! TensorBoard event files: TFRecord frames with masked CRC-32C, an `Event` message in each.
//!
//! Frame: length (u64, little-endian), its masked checksum, the bytes, their masked checksum; from
//! `tensorflow/core/lib/io/record_writer.h`. Messages: `event.proto`, `summary.proto`.

use std::collections::BTreeMap;
use std::io::Read;

use prost::Message;

use super::content::{Damage, FileContent};
use super::context::Context;
use super::run_name::name_of;
use super::steps::{book, factor, role};
use crate::data::files::Source;
use crate::data::files::read_full;
use crate::data::format::Format;
use crate::data::log::{RunLog, Value};
use crate::error::DataError;

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Event {
    #[prost(double, tag = "1")]
    pub(crate) wall_time: f64,
    #[prost(int64, tag = "2")]
    pub(crate) step: i64,
    #[prost(string, optional, tag = "3")]
    pub(crate) file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    pub(crate) summary: Option<Summary>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Summary {
    #[prost(message, repeated, tag = "1")]
    pub(crate) value: Vec<Scalar>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Scalar {
    #[prost(string, tag = "1")]
    pub(crate) tag: String,
    #[prost(float, optional, tag = "2")]
    pub(crate) simple_value: Option<f32>,
    #[prost(message, optional, tag = "8")]
    pub(crate) tensor: Option<Tensor>,
    #[prost(message, optional, tag = "9")]
    pub(crate) metadata: Option<Metadata>,
}

/// `TensorProto`, as TensorFlow 2 writes scalars.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Tensor {
    #[prost(int32, tag = "1")]
    pub(crate) dtype: i32,
    #[prost(bytes = "vec", tag = "4")]
    pub(crate) content: Vec<u8>,
    #[prost(float, repeated, tag = "5")]
    pub(crate) floats: Vec<f32>,
    #[prost(double, repeated, tag = "6")]
    pub(crate) doubles: Vec<f64>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Metadata {
    #[prost(message, optional, tag = "1")]
    pub(crate) plugin: Option<Plugin>,
}

#[derive(Clone, PartialEq, Message)]
pub(crate) struct Plugin {
    #[prost(string, tag = "1")]
    pub(crate) name: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) content: Vec<u8>,
}

/// `HParamsPluginData`: what `add_hparams` leaves.
#[derive(Clone, PartialEq, Message)]
struct HParams {
    #[prost(message, optional, tag = "3")]
    start: Option<SessionStart>,
}

#[derive(Clone, PartialEq, Message)]
struct SessionStart {
    #[prost(btree_map = "string, message", tag = "1")]
    hparams: BTreeMap<String, HParam>,
}

/// `google.protobuf.Value`.
#[derive(Clone, PartialEq, Message)]
struct HParam {
    #[prost(double, optional, tag = "2")]
    number: Option<f64>,
    #[prost(string, optional, tag = "3")]
    text: Option<String>,
}

impl Scalar {
    fn number(&self) -> Option<f64> {
        const FLOAT: i32 = 1;
        const DOUBLE: i32 = 2;
        if let Some(x) = self.simple_value {
            return Some(f64::from(x));
        }
        let tensor = self.tensor.as_ref()?;
        let content = tensor.content.as_slice();
        match (tensor.dtype, tensor.floats.first(), tensor.doubles.first()) {
            (FLOAT, Some(x), _) => Some(f64::from(*x)),
            (FLOAT, ..) => content.try_into().ok().map(f32::from_le_bytes).map(f64::from),
            (DOUBLE, _, Some(x)) => Some(*x),
            (DOUBLE, ..) => content.try_into().ok().map(f64::from_le_bytes),
            _ => None,
        }
    }
}

/// TensorFlow masks checksums, so that the checksum of data that holds checksums is not trivial.
fn masked(crc: u32) -> u32 {
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The frame that begins an event file.
pub(crate) fn first_event_frame() -> Vec<u8> {
    let file_version = Some("brain.Event:2".to_owned());
    frame(&Event { wall_time: 0.0, step: 0, file_version, summary: None })
}

/// A frame of scalars at a step; `wall_time` in seconds.
pub(crate) fn event_frame(step: u64, wall_time: f64, scalars: &[(&str, f64)]) -> Vec<u8> {
    let scalar = |(tag, value): &(&str, f64)| Scalar {
        tag: (*tag).to_owned(),
        simple_value: Some(*value as f32),
        ..Scalar::default()
    };
    let summary = Some(Summary { value: scalars.iter().map(scalar).collect() });
    frame(&Event { wall_time, step: step as i64, file_version: None, summary })
}

/// Length, its checksum, the message, its checksum.
fn frame(event: &Event) -> Vec<u8> {
    let message = event.encode_to_vec();
    let length = (message.len() as u64).to_le_bytes();
    let mut frame = length.to_vec();
    frame.extend(masked(crc32c::crc32c(&length)).to_le_bytes());
    frame.extend(&message);
    frame.extend(masked(crc32c::crc32c(&message)).to_le_bytes());
    frame
}

const FRAME_HEADER: usize = 12;

/// Largest frame taken for one; pictures and graphs among the scalars are passed over.
const MOST_FRAME: u64 = 256 << 20;

/// Whether the bytes begin with a frame whose length has the right checksum.
pub(in crate::data) fn starts_like_events(head: &[u8]) -> bool {
    head.len() >= FRAME_HEADER && header(head).is_some_and(|(_, right)| right)
}

/// Length of a frame and whether its checksum is right.
fn header(bytes: &[u8]) -> Option<(u64, bool)> {
    let length: [u8; 8] = bytes.get(..8)?.try_into().ok()?;
    let crc: [u8; 4] = bytes.get(8..12)?.try_into().ok()?;
    let right = masked(crc32c::crc32c(&length)) == u32::from_le_bytes(crc);
    Some((u64::from_le_bytes(length), right))
}

pub(super) fn read(source: &Source, context: &Context<'_>) -> Result<FileContent, DataError> {
    let file = source.open(context.meter, context.progress)?;
    let mut from = std::io::BufReader::with_capacity(1 << 20, file);
    let mut log = RunLog::new(name_of(source), &source.path, Format::TensorBoard);
    let mut damage = Vec::new();
    let mut at = 0_u64;
    let mut frame = Vec::new();
    let mut broken = 0_usize;
    loop {
        let mut head = [0_u8; FRAME_HEADER];
        let n = read_full(&mut from, &mut head).map_err(|e| source.unreadable(&e))?;
        if n == 0 {
            break;
        }
        let (length, right) = header(&head).unwrap_or((0, false));
        if n < FRAME_HEADER {
            damage.push(Damage::byte(at, "the file ends within a record").at_end());
            break;
        }
        if !right || length > MOST_FRAME {
            // Without the length the next record cannot be found.
            let problem = "the length of a record fails its checksum; what follows is lost";
            damage.push(Damage::byte(at, problem));
            break;
        }
        frame.clear();
        let wanted = length + 4;
        (&mut from).take(wanted).read_to_end(&mut frame).map_err(|e| source.unreadable(&e))?;
        if (frame.len() as u64) < wanted {
            damage.push(Damage::byte(at, "the file ends within a record").at_end());
            break;
        }
        let (data, crc) = frame.split_at(length as usize);
        let stored = crc.try_into().map(u32::from_le_bytes).unwrap_or(0);
        if masked(crc32c::crc32c(data)) != stored {
            broken += 1;
            if broken <= 20 {
                damage.push(Damage::byte(at, "a record fails its checksum and is left out"));
            }
        } else if let Ok(event) = Event::decode(data) {
            take(&mut log, &event, context);
        } else {
            damage.push(Damage::byte(at, "a record is not an event and is left out"));
        }
        at += FRAME_HEADER as u64 + wanted;
    }
    if broken > 20 {
        let problem = format!("{} more records fail their checksum", broken - 20);
        damage.push(Damage::byte(at, problem));
    }
    Ok(FileContent::logs(Format::TensorBoard, vec![log]).with_damage(damage))
}

fn take(log: &mut RunLog, event: &Event, context: &Context<'_>) {
    for value in event.summary.iter().flat_map(|s| &s.value) {
        if let Some(x) = value.number() {
            let role = role(&value.tag, context.map);
            let factor = factor(&value.tag, context.map);
            book(log, &value.tag, role, event.step as f64, &Value::Number(x), factor);
        }
        let plugin = value.metadata.as_ref().and_then(|m| m.plugin.as_ref());
        let Some(plugin) = plugin.filter(|p| p.name == "hparams") else { continue };
        let start = HParams::decode(plugin.content.as_slice()).ok().and_then(|h| h.start);
        for (key, value) in start.into_iter().flat_map(|s| s.hparams) {
            let value = match (value.number, value.text) {
                (Some(x), _) => Value::Number(x),
                (None, Some(text)) => Value::from_text(&text),
                _ => Value::Missing,
            };
            log.set(&key, value);
        }
    }
}
