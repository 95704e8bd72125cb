//! Runs of NUL bytes in text, as a lost page of a file system leaves them.

use std::collections::VecDeque;

/// Makes each run of NUL bytes from `start` on a single one and notes how long it was. A run that
/// goes on from the bytes before is part of theirs.
pub(super) fn compact(bytes: &mut Vec<u8>, start: usize, holes: &mut VecDeque<u64>) {
    let Some(first) = memchr::memchr(0, &bytes[start..]) else { return };
    let mut after_nul = start > 0 && bytes[start - 1] == 0;
    let from = start + if after_nul { 0 } else { first };
    let mut to = from;
    for at in from..bytes.len() {
        let byte = bytes[at];
        let is_nul = byte == 0;
        match (is_nul && after_nul, holes.back_mut()) {
            (true, Some(last)) => *last += 1,
            _ => {
                if is_nul {
                    holes.push_back(1);
                }
                bytes[to] = byte;
                to += 1;
            }
        }
        after_nul = is_nul;
    }
    bytes.truncate(to);
}

/// Empties the lines with NUL bytes in them, and of a row with line ends in its cells those before
/// as well; returns each such line, counted from 0, with the NUL bytes it had.
///
/// - `holes`: the length of each run, which is a single byte here; those of these bytes are taken
///   out.
pub(super) fn blank(
    bytes: &mut Vec<u8>,
    quoted: bool,
    holes: &mut VecDeque<u64>,
) -> Vec<(usize, u64)> {
    let mut found = Vec::new();
    if holes.is_empty() || memchr::memchr(0, bytes).is_none() {
        return found;
    }
    let mut kept: Vec<u8> = Vec::with_capacity(bytes.len());
    // Where the row under way begins, and whether a quote in it is open.
    let (mut row, mut is_open) = (0, false);
    for (at, line) in bytes.split_inclusive(|b| *b == b'\n').enumerate() {
        let runs = memchr::memchr_iter(0, line).count();
        if runs == 0 {
            kept.extend_from_slice(line);
            is_open ^= quoted && memchr::memchr_iter(b'"', line).count() % 2 == 1;
        } else {
            let lines = kept[row..].iter().filter(|b| **b == b'\n').count();
            kept.truncate(row);
            kept.resize(row + lines + usize::from(line.ends_with(b"\n")), b'\n');
            is_open = false;
            found.push((at, holes.drain(..runs.min(holes.len())).sum()));
        }
        if !is_open {
            row = kept.len();
        }
    }
    *bytes = kept;
    found
}

/// Text without the lines that have NUL bytes in them.
pub(super) fn without_holes(text: &[u8]) -> Vec<u8> {
    if memchr::memchr(0, text).is_none() {
        return text.to_vec();
    }
    let (mut bytes, mut holes) = (text.to_vec(), VecDeque::new());
    compact(&mut bytes, 0, &mut holes);
    blank(&mut bytes, false, &mut holes);
    bytes
}

/// Most runs of NUL bytes in the beginning of what is still text.
const MOST_RUNS: usize = 16;

/// Whether bytes with NUL among them are text all the same: few runs of it, and nothing else that
/// text does not have.
pub(super) fn is_text_with_holes(bytes: &[u8]) -> bool {
    let (mut bytes, mut holes) = (bytes.to_vec(), VecDeque::new());
    compact(&mut bytes, 0, &mut holes);
    let is_control = |b: &u8| b.is_ascii_control() && !matches!(b, 0 | 7..=13 | 27);
    let controls = bytes.iter().filter(|b| is_control(b)).count();
    // The header of a tar archive is text and zeros, and its files are not one.
    let is_tar = bytes.windows(5).take(4096).any(|five| five == b"ustar");
    holes.len() <= MOST_RUNS && controls == 0 && !is_tar && bytes.len() > 64 + holes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_counted_also_across_pieces() {
        let mut holes = VecDeque::new();
        let mut bytes = b"a\0\0".to_vec();
        compact(&mut bytes, 0, &mut holes);
        let start = bytes.len();
        bytes.extend_from_slice(b"\0b\n\0c");
        compact(&mut bytes, start, &mut holes);
        assert_eq!((bytes.as_slice(), holes), (&b"a\0b\n\0c"[..], VecDeque::from([3, 1])));
    }

    #[test]
    fn a_row_with_line_ends_in_it_goes_as_a_whole() {
        let mut bytes = b"a,b\n1,\"x\ny\0z\n2,3\n".to_vec();
        let found = blank(&mut bytes, true, &mut VecDeque::from([9]));
        assert_eq!((bytes.as_slice(), found), (&b"a,b\n\n\n2,3\n"[..], vec![(2, 9)]));
    }

    #[test]
    fn binary_is_not_taken_for_text_with_holes() {
        let log = "step 1 loss 3.1\n".repeat(20);
        let holed = [log.as_bytes(), &[0; 4096], log.as_bytes()].concat();
        assert!(is_text_with_holes(&holed));
        assert!(!is_text_with_holes(&[0; 4096]));
        assert!(!is_text_with_holes(&[b"\x7fELF\x02\x01\0\0\0".as_slice(), &holed].concat()));
        let spread: Vec<u8> = log.bytes().flat_map(|b| [b, 0]).collect();
        assert!(!is_text_with_holes(&spread));
        let tar = [b"run.log\0\0ustar\0".as_slice(), &[0; 200], log.as_bytes()].concat();
        assert!(!is_text_with_holes(&tar));
    }
}
