//! The bytes of a file before compression and encoding; compressed ones that end too early are read
//! up to there.

use std::io::{BufReader, Cursor, Error, ErrorKind, Read};
use std::sync::{Arc, OnceLock};

use encoding_rs_io::DecodeReaderBytesBuilder;

/// Bytes that may end before their file does.
pub(super) trait Stream: Read + Send {
    /// Whether the bytes ended at damage, so that the last line is most likely not whole.
    fn is_torn(&self) -> bool;
}

#[cfg(test)]
impl Stream for &[u8] {
    fn is_torn(&self) -> bool {
        false
    }
}

/// Where compressed bytes cannot be read on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tear {
    /// Bytes decoded before it.
    pub(super) bytes: u64,
    /// Whether the file just ends; else its bytes are not what was written.
    pub(super) is_end: bool,
}

impl std::fmt::Display for Tear {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = if self.is_end { "truncated" } else { "corrupt" };
        write!(f, "the compressed file is {what} after {} bytes decoded", self.bytes)
    }
}

/// Bytes of a decompressor up to where it fails.
struct UpToTear<R> {
    from: R,
    bytes: u64,
    tear: Arc<OnceLock<Tear>>,
}

impl<R: Read> Read for UpToTear<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.tear.get().is_some_and(|tear| tear.bytes == self.bytes) {
            return Ok(0);
        }
        match self.from.read(into) {
            Ok(n) => {
                self.bytes += n as u64;
                Ok(n)
            }
            Err(error) => {
                let is_end = error.kind() == ErrorKind::UnexpectedEof;
                // What a wrong checksum covers has been handed out, and any of it may be wrong.
                if !is_end && (!is_of_format(&error) || is_checksum(&error)) {
                    return Err(error);
                }
                let _ = self.tear.set(Tear { bytes: self.bytes, is_end });
                Ok(0)
            }
        }
    }
}

/// Whether an error is about the bytes, not about reading them.
fn is_of_format(error: &Error) -> bool {
    let kinds = [ErrorKind::InvalidInput, ErrorKind::InvalidData, ErrorKind::Other];
    kinds.contains(&error.kind()) && error.raw_os_error().is_none()
}

fn is_checksum(error: &Error) -> bool {
    error.to_string().contains("checksum")
}

/// Whether bytes begin a Zstandard frame.
pub(super) fn is_zstd(magic: &[u8]) -> bool {
    magic.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
}

/// What a file holds, decompressed, UTF-16 text as UTF-8.
///
/// - `magic`: its first bytes, which `rest` follows.
/// - `tear`: where a place is noted beyond which nothing can be decompressed.
pub(super) fn plain(
    magic: &[u8],
    rest: impl Read + Send + 'static,
    tear: &Arc<OnceLock<Tear>>,
) -> std::io::Result<Box<dyn Read + Send>> {
    let file = Cursor::new(magic.to_vec()).chain(rest);
    let torn = Arc::clone(tear);
    let mut bytes: Box<dyn Read + Send> = if magic.starts_with(&[0x1f, 0x8b]) {
        let file = BufReader::with_capacity(1 << 18, file);
        Box::new(UpToTear { from: flate2::read::MultiGzDecoder::new(file), bytes: 0, tear: torn })
    } else if cfg!(feature = "zstd") && is_zstd(magic) {
        #[cfg(feature = "zstd")]
        let file = zstd::stream::read::Decoder::new(file)?;
        Box::new(UpToTear { from: file, bytes: 0, tear: torn })
    } else {
        Box::new(file)
    };
    let mut mark = [0_u8; 2];
    let n = read_full(&mut bytes, &mut mark)?;
    let bytes = Cursor::new(mark[..n].to_vec()).chain(bytes);
    Ok(match mark {
        [0xff, 0xfe] | [0xfe, 0xff] => {
            let mut builder = DecodeReaderBytesBuilder::new();
            builder.strip_bom(true);
            Box::new(builder.build_with_buffer(bytes, vec![0; 1 << 16])?)
        }
        _ => Box::new(bytes),
    })
}

/// Fills the buffer as far as the file goes.
pub(super) fn read_full(from: &mut impl Read, into: &mut [u8]) -> std::io::Result<usize> {
    let mut n = 0;
    while n < into.len() {
        match from.read(&mut into[n..]) {
            Ok(0) => break,
            Ok(k) => n += k,
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(n)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gz(text: &[u8]) -> Vec<u8> {
        let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        to.write_all(text).expect("memory");
        to.finish().expect("memory")
    }

    fn read(bytes: &[u8]) -> (std::io::Result<Vec<u8>>, Option<Tear>) {
        let tear = Arc::default();
        let (magic, rest) = bytes.split_at(bytes.len().min(4));
        let mut text = Vec::new();
        let read = plain(magic, Cursor::new(rest.to_vec()), &tear)
            .and_then(|mut from| from.read_to_end(&mut text));
        (read.map(|_| text), tear.get().cloned())
    }

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(bytes).collect()
    }

    #[test]
    fn utf16_with_its_mark_is_decoded_compressed_or_not() {
        let text = "step 1: loss 3.1 \u{2014} \u{1f600}\r\n".repeat(9000);
        for bytes in [u16::to_le_bytes, u16::to_be_bytes] {
            let file = utf16(&text, bytes);
            for file in [gz(&file), file] {
                let (read, tear) = read(&file);
                assert_eq!((read.expect("text") == text.as_bytes(), tear), (true, None));
            }
        }
    }

    #[test]
    fn compressed_bytes_are_read_up_to_where_they_end() {
        let text: Vec<u8> =
            (0..20_000).flat_map(|i| format!("{i},{}\n", i * i).into_bytes()).collect();
        let one = gz(&text);
        let two = [one.as_slice(), &one].concat();
        for (file, cut) in
            [(&one, one.len() / 2), (&one, 3), (&two, one.len() + 5), (&two, two.len() - 1)]
        {
            let (read, tear) = read(&file[..cut]);
            let (read, tear) = (read.expect("a beginning"), tear.expect("a tear"));
            assert!(tear.is_end && tear.bytes == read.len() as u64, "{tear}");
            assert!([text.as_slice(), &text].concat().starts_with(&read));
        }
        assert_eq!(read(&two).1, None);
    }

    #[test]
    fn a_wrong_checksum_is_an_error_and_a_lost_page_is_an_end() {
        let text: Vec<u8> =
            (0..20_000).flat_map(|i| format!("{i},{}\n", i * i).into_bytes()).collect();
        let mut file = gz(&text);
        let length = file.len();
        file[length - 6] ^= 1;
        assert!(read(&file).0.expect_err("a wrong checksum").to_string().contains("checksum"));
        // Blocks of 64 KiB as they are: one of them begins among the lost bytes.
        let mut to = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::none());
        to.write_all(&text).expect("memory");
        let mut file = to.finish().expect("memory");
        let length = file.len();
        file[length / 2..length / 2 + 70_000].fill(0xff);
        let (read, tear) = read(&file);
        let tear = tear.expect("a tear");
        assert_eq!((tear.is_end, tear.bytes), (false, read.expect("a beginning").len() as u64));
    }

    #[cfg(feature = "zstd")]
    #[test]
    fn the_same_of_zstandard() {
        let text: Vec<u8> =
            (0..90_000).flat_map(|i| format!("{i},{}\n", i * i).into_bytes()).collect();
        let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).expect("memory");
        encoder.include_checksum(true).expect("a flag");
        encoder.write_all(&text).expect("memory");
        let mut file = encoder.finish().expect("memory");
        let (part, tear) = read(&file[..file.len() * 3 / 5]);
        assert!(text.starts_with(&part.expect("a beginning")));
        assert!(tear.expect("a tear").is_end);
        let last = file.len() - 1;
        file[last] ^= 1;
        assert!(read(&file).0.expect_err("a wrong checksum").to_string().contains("checksum"));
    }
}
