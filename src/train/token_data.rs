//! Token ids in a row: in memory at their own width, or mapped from a file.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use polars_utils::mmap::MMapSemaphore;

use crate::error::{Error, Result};

/// Bytes of one stored token id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Width {
    /// Bytes: vocabularies up to 256.
    U8,
    /// Little-endian 16 bits: vocabularies up to 65536.
    U16,
    /// Little-endian 32 bits.
    U32,
}

impl Width {
    /// The narrowest width that holds ids below `vocab`.
    #[must_use]
    pub fn of_vocab(vocab: u32) -> Self {
        match vocab {
            0..=0x100 => Self::U8,
            0x101..=0x1_0000 => Self::U16,
            _ => Self::U32,
        }
    }

    /// Bytes of one id.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::U16 => 2,
            Self::U32 => 4,
        }
    }
}

/// Training or validation data as token ids; clones share it.
#[derive(Clone, Debug)]
pub struct TokenData {
    store: Store,
    width: Width,
    /// In tokens.
    length: usize,
}

#[derive(Clone, Debug)]
enum Store {
    Memory(Arc<[u8]>),
    Mapped(Arc<MMapSemaphore>),
}

impl TokenData {
    /// Ids stored as bytes of `width`, the last incomplete id left out.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>, width: Width) -> Self {
        let length = bytes.len() / width.bytes();
        Self { store: Store::Memory(bytes.into()), width, length }
    }

    /// Ids at the narrowest width for a vocabulary.
    #[must_use]
    pub fn from_ids(ids: &[u32], vocab: u32) -> Self {
        let width = Width::of_vocab(vocab);
        let mut bytes = Vec::with_capacity(ids.len() * width.bytes());
        for id in ids {
            bytes.extend_from_slice(&id.to_le_bytes()[..width.bytes()]);
        }
        Self::from_bytes(bytes, width)
    }

    /// Maps a file of ids; pages are read as they are needed and shared by all runs of the machine.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be opened or mapped.
    pub fn map(path: &Path, width: Width) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::io(path, "reading", &e))?;
        let size = file.metadata().map_err(|e| Error::io(path, "reading", &e))?.len();
        if size == 0 {
            return Ok(Self::from_bytes(Vec::new(), width));
        }
        let map = MMapSemaphore::new_from_file(&file).map_err(|e| {
            let reason = std::io::Error::other(e.to_string());
            Error::io(path, "mapping", &reason)
        })?;
        let length = map.as_ref().len() / width.bytes();
        Ok(Self { store: Store::Mapped(Arc::new(map)), width, length })
    }

    /// Tokens.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The ids as they are stored.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        let bytes = match &self.store {
            Store::Memory(bytes) => bytes,
            Store::Mapped(map) => map.as_ref().as_ref(),
        };
        &bytes[..self.length * self.width.bytes()]
    }

    /// Width of one id.
    #[must_use]
    pub fn width(&self) -> Width {
        self.width
    }

    /// The first `tokens` of it.
    #[must_use]
    pub fn truncated(mut self, tokens: usize) -> Self {
        self.length = self.length.min(tokens);
        self
    }

    /// Appends `count` ids from `start` on to `out`; all must lie within the data.
    pub fn read(&self, start: usize, count: usize, out: &mut Vec<i32>) {
        let width = self.width.bytes();
        let bytes = &self.bytes()[start * width..(start + count) * width];
        match self.width {
            Width::U8 => out.extend(bytes.iter().map(|b| i32::from(*b))),
            Width::U16 => {
                let (pairs, _) = bytes.as_chunks::<2>();
                out.extend(pairs.iter().map(|b| i32::from(u16::from_le_bytes(*b))));
            }
            Width::U32 => {
                let (quads, _) = bytes.as_chunks::<4>();
                out.extend(quads.iter().map(|b| i32::from_le_bytes(*b)));
            }
        }
    }

    /// How many ids below `vocab` occur.
    #[must_use]
    pub fn kinds(&self, vocab: u32) -> u32 {
        let mut seen = vec![false; vocab as usize];
        let mut part = Vec::new();
        for start in (0..self.length).step_by(1 << 16) {
            part.clear();
            self.read(start, (self.length - start).min(1 << 16), &mut part);
            for id in &part {
                if let Some(seen) = usize::try_from(*id).ok().and_then(|id| seen.get_mut(id)) {
                    *seen = true;
                }
            }
        }
        seen.iter().map(|seen| u32::from(*seen)).sum()
    }

    /// The largest id, 0 where there is none.
    #[must_use]
    pub fn largest_id(&self) -> u32 {
        let mut largest = 0;
        let mut part = Vec::new();
        for start in (0..self.length).step_by(1 << 16) {
            part.clear();
            self.read(start, (self.length - start).min(1 << 16), &mut part);
            largest = part.iter().copied().fold(largest, i32::max);
        }
        u32::try_from(largest).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_come_back_at_every_width_from_memory_and_from_a_file() {
        let home = tempfile::tempdir().expect("temporary folder");
        for vocab in [200_u32, 50_000, 200_000] {
            let ids: Vec<u32> = (0..1000).map(|i| i * 7919 % vocab).collect();
            let data = TokenData::from_ids(&ids, vocab);
            let path = home.path().join("ids.bin");
            std::fs::write(&path, data.bytes()).expect("written");
            let mapped = TokenData::map(&path, data.width()).expect("mapped");
            for data in [data, mapped] {
                let mut back = Vec::new();
                data.read(3, 500, &mut back);
                let expected: Vec<i32> = ids[3..503].iter().map(|i| *i as i32).collect();
                assert_eq!((back, data.len()), (expected, 1000));
                assert_eq!(data.largest_id(), *ids.iter().max().expect("some"));
                let kinds = ids.iter().collect::<std::collections::HashSet<_>>().len();
                assert_eq!(data.kinds(vocab) as usize, kinds);
                assert_eq!(data.truncated(10).bytes().len() % 10, 0);
            }
        }
    }
}
