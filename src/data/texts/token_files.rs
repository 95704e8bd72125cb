//! Token ids as other trainers store them: nanoGPT's plain `.bin` files, and shards with the header of
//! llm.c and modded-nanogpt.

use std::io::Read;
use std::path::Path;
#[cfg(test)]
use std::path::PathBuf;

use crate::data::files::{Meter, Source, read_full, sources};
use crate::error::DataError;

/// Bytes of the header: 256 numbers of 32 bits, magic, version and token count first.
const HEADER: usize = 1024;

/// (magic, version, width) of `llm.c/dev/data/data_common.py`: GPT-2 and Llama 3 tokens.
const KINDS: [(u32, u32, TokenWidth); 2] =
    [(20_240_520, 1, TokenWidth::Two), (20_240_801, 7, TokenWidth::Four)];

/// Bytes of one id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenWidth {
    /// Little-endian 16 bits.
    Two,
    /// Little-endian 32 bits.
    Four,
}

impl TokenWidth {
    fn bytes(self) -> usize {
        match self {
            Self::Two => 2,
            Self::Four => 4,
        }
    }
}

/// The files of tokens of a path.
#[derive(Debug)]
pub(crate) struct TokenFiles {
    train: Vec<TokenFile>,
    validation: Vec<TokenFile>,
    /// Width of every id.
    pub(crate) width: TokenWidth,
    /// Files beside them that hold no tokens.
    pub(crate) left_out: usize,
}

#[derive(Debug)]
struct TokenFile {
    source: Source,
    /// Where ids begin, and how many the header says there are.
    header: Option<u64>,
    width: TokenWidth,
}

/// The files of tokens at a path, or `None` where there are none: shards are detected by the magic number
/// of their header, plain 16-bit ids by the name `.bin` and by bytes that are no text.
///
/// A file with `val` or `valid…` in its name is validation data, as in nanoGPT and in the shards of
/// FineWeb.
///
/// # Errors
/// [`DataError::TokenFile`] for a shard of an unknown version or of another length than its header says, and for
/// shards of two widths; [`DataError::Unreadable`] and its kin.
pub(crate) fn find_token_files(path: &Path) -> Result<Option<TokenFiles>, DataError> {
    let mut found = sources(&[path.to_owned()])?;
    found.sort_by(|a, b| a.path.cmp(&b.path));
    let (mut train, mut validation, mut left_out) = (Vec::new(), Vec::new(), 0);
    for source in found.into_iter().filter(|s| !s.is_folder) {
        match TokenFile::of(source)? {
            None => left_out += 1,
            Some(file) if file.is_validation() => validation.push(file),
            Some(file) => train.push(file),
        }
    }
    if train.is_empty() {
        train = std::mem::take(&mut validation);
    }
    let Some(width) = train.first().map(|file| file.width) else { return Ok(None) };
    if let Some(odd) = train.iter().chain(&validation).find(|file| file.width != width) {
        let reason = "16-bit and 32-bit ids lie side by side; keep one kind".to_owned();
        return Err(DataError::TokenFile { path: odd.source.shown(), reason });
    }
    Ok(Some(TokenFiles { train, validation, width, left_out }))
}

impl TokenFiles {
    /// Ids of the training and validation files as they are stored, at most `most` of the first.
    ///
    /// # Errors
    /// Those of [`find_token_files`].
    pub(crate) fn read(&self, most: usize) -> Result<[Vec<u8>; 2], DataError> {
        let side = |files: &[TokenFile], most: usize| -> Result<Vec<u8>, DataError> {
            let mut bytes = Vec::new();
            for file in files {
                let left = most.saturating_mul(self.width.bytes()).saturating_sub(bytes.len());
                if left > 0 {
                    file.read(left, &mut bytes)?;
                }
            }
            Ok(bytes)
        };
        Ok([side(&self.train, most)?, side(&self.validation, usize::MAX)?])
    }

    /// Whether some files are for validation.
    pub(crate) fn has_validation(&self) -> bool {
        !self.validation.is_empty()
    }
}

/// Whether one of the words is in the name of a file.
fn names(source: &Source, any: &[&str]) -> bool {
    let name = source.file_name().to_lowercase();
    name.split(|c: char| !c.is_ascii_alphabetic()).any(|word| any.contains(&word))
}

impl TokenFile {
    fn of(source: Source) -> Result<Option<Self>, DataError> {
        let mut head = vec![0; HEADER];
        let meter = Meter::default();
        let read = {
            let mut from = source.open(&meter, &|_, _| {})?;
            read_full(&mut from, &mut head).map_err(|e| source.unreadable(&e))?
        };
        let word = |at: usize| {
            u32::from_le_bytes(std::array::from_fn(|i| head.get(4 * at + i).copied().unwrap_or(0)))
        };
        let kind = KINDS.iter().find(|(magic, ..)| read >= 12 && word(0) == *magic);
        if let Some((_, version, width)) = kind {
            let bad = |reason| DataError::TokenFile { path: source.shown(), reason };
            if read < HEADER {
                return Err(bad("its header ends too early".to_owned()));
            }
            if word(1) != *version {
                return Err(bad(format!("version {}; expected {version}", word(1))));
            }
            return Ok(Some(Self { header: Some(u64::from(word(2))), width: *width, source }));
        }
        let text = std::str::from_utf8(&head[..read]);
        // Text that was cut within a character is text.
        let is_text = text.map_or_else(|e| e.error_len().is_none(), |_| true);
        let is_text = is_text && !head[..read].contains(&0);
        let is_zip = head.starts_with(b"PK\x03\x04");
        // Among other files, any `.bin` may be anything; nanoGPT's have these names.
        let named = source.asked || names(&source, &["train", "val", "valid", "validation"]);
        let is_bin = source.file_name().ends_with(".bin");
        let plain = is_bin && named && read > 0 && !is_text && !is_zip;
        Ok(plain.then_some(Self { header: None, width: TokenWidth::Two, source }))
    }

    fn is_validation(&self) -> bool {
        names(&self.source, &["val", "valid", "validation"])
    }

    /// Appends at most `most` bytes of ids.
    fn read(&self, most: usize, bytes: &mut Vec<u8>) -> Result<(), DataError> {
        let bad = |reason| DataError::TokenFile { path: self.source.shown(), reason };
        let unreadable = |e: std::io::Error| self.source.unreadable(&e);
        let meter = Meter::default();
        let mut from = self.source.open(&meter, &|_, _| {})?;
        let width = self.width.bytes();
        let before = bytes.len();
        let Some(count) = self.header else {
            from.take(most as u64).read_to_end(bytes).map_err(unreadable)?;
            return match (bytes.len() - before) % width {
                0 => Ok(()),
                _ => Err(bad(format!("{} bytes, which are no 16-bit ids", bytes.len() - before))),
            };
        };
        let mut header = vec![0; HEADER];
        read_full(&mut from, &mut header).map_err(unreadable)?;
        let expected = count.saturating_mul(width as u64);
        // One more byte shows whether the file goes on.
        let limit = expected.saturating_add(1).min(most as u64);
        from.take(limit).read_to_end(bytes).map_err(unreadable)?;
        let read = (bytes.len() - before) as u64;
        if read < limit.min(expected) || read > expected {
            let found =
                if read > expected { "more".to_owned() } else { (read / width as u64).to_string() };
            return Err(bad(format!("its header says {count} tokens, it holds {found}")));
        }
        Ok(())
    }
}

/// The path of a token file, for tests.
#[cfg(test)]
fn write(folder: &Path, name: &str, header: Option<[u32; 3]>, ids: &[u16]) -> PathBuf {
    let mut bytes = Vec::new();
    if let Some(head) = header {
        bytes = vec![0; HEADER];
        for (i, word) in head.iter().enumerate() {
            bytes[4 * i..4 * i + 4].copy_from_slice(&word.to_le_bytes());
        }
    }
    bytes.extend(ids.iter().flat_map(|id| id.to_le_bytes()));
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("written");
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(bytes: &[u8]) -> Vec<u16> {
        bytes.as_chunks::<2>().0.iter().map(|b| u16::from_le_bytes(*b)).collect()
    }

    #[test]
    fn plain_ids_and_shards_are_found_by_what_they_hold() {
        let home = tempfile::tempdir().expect("temporary folder");
        let all: Vec<u16> = (0..900).map(|i| i * 50).collect();
        write(home.path(), "train.bin", None, &all[..600]);
        write(home.path(), "val.bin", None, &all[600..]);
        std::fs::write(home.path().join("readme.md"), "text").expect("written");
        let found = find_token_files(home.path()).expect("read").expect("tokens");
        assert_eq!((found.left_out, found.has_validation()), (1, true));
        let [train, validation] = found.read(usize::MAX).expect("read");
        assert_eq!((ids(&train), ids(&validation)), (all[..600].to_vec(), all[600..].to_vec()));
        assert_eq!(ids(&found.read(10).expect("read")[0]), all[..10]);

        let shards = tempfile::tempdir().expect("temporary folder");
        let head = |count| Some([20_240_520, 1, count]);
        write(shards.path(), "fineweb_train_000001.bin", head(300), &all[..300]);
        write(shards.path(), "fineweb_train_000002.bin", head(300), &all[300..600]);
        write(shards.path(), "fineweb_val_000000.bin", head(300), &all[600..]);
        let found = find_token_files(shards.path()).expect("read").expect("tokens");
        let [train, validation] = found.read(usize::MAX).expect("read");
        assert_eq!((ids(&train), ids(&validation)), (all[..600].to_vec(), all[600..].to_vec()));
        assert_eq!(ids(&found.read(450).expect("read")[0]), all[..450]);
    }

    #[test]
    fn texts_are_no_tokens_and_damaged_shards_are_refused() {
        let home = tempfile::tempdir().expect("temporary folder");
        std::fs::write(home.path().join("a.txt"), "text").expect("written");
        std::fs::write(home.path().join("b.bin"), "text in a file of that name").expect("written");
        write(home.path(), "weights.bin", None, &[0; 40]);
        assert!(find_token_files(home.path()).expect("read").is_none());
        for (header, said) in [
            ([20_240_520, 2, 5], "version 2"),
            ([20_240_520, 1, 9], "says 9 tokens, it holds 5"),
            ([20_240_520, 1, 3], "says 3 tokens, it holds more"),
        ] {
            let path = write(home.path(), "c.bin", Some(header), &[1, 2, 3, 4, 5]);
            let outcome = find_token_files(&path)
                .and_then(|found| found.expect("tokens").read(usize::MAX).map(|_| ()));
            let error = outcome.expect_err(said).to_string();
            assert!(error.contains(said) && error.contains("c.bin"), "{error}");
        }
    }
}
