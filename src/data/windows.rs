//! A long file in pieces that end at line ends, read ahead and worked on by all cores.

use std::collections::VecDeque;

use rayon::prelude::*;

use super::holes::{blank, compact};
use super::plain::{Stream, read_full};

/// Bytes of a piece: large enough that its overhead is nothing, small enough that all in flight fit
/// in a few caches.
const WINDOW: usize = 512 << 10;

/// Pieces worked on at a time, and bytes of them beyond which no other is added.
const BATCH: usize = 16;

/// Longest line that is read, and longest row with line ends in its cells.
const MOST_LINE: usize = 16 << 20;

/// A piece of whole lines.
pub(super) struct Window {
    /// 1-based number of its first line.
    pub(super) first_line: usize,
    pub(super) bytes: Vec<u8>,
    /// Lines of it, or just before it, that were left out.
    pub(super) lost: Vec<LostLine>,
    /// Whether it is the last one and its last line has no end.
    pub(super) is_unended: bool,
}

/// A line that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LostLine {
    /// 1-based.
    pub(super) line: usize,
    why: Lost,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lost {
    /// NUL bytes in it.
    Hole(u64),
    TooLong,
}

impl LostLine {
    /// What is wrong with it.
    pub(super) fn problem(&self) -> String {
        match self.why {
            Lost::Hole(1) => "a NUL byte; the line is left out".to_owned(),
            Lost::Hole(bytes) => {
                format!("a hole of {bytes} NUL bytes; the lines it touches are left out")
            }
            Lost::TooLong => {
                format!("the line is longer than {} MiB and is left out", MOST_LINE >> 20)
            }
        }
    }
}

impl Window {
    /// The line a CSV record begins on. The reader's own position is where the record before ended,
    /// ahead of blank lines and of the second half of a carriage return and line feed.
    pub(super) fn line_of(&self, record: &csv::ByteRecord) -> usize {
        let Some(position) = record.position() else { return self.first_line };
        let start = usize::try_from(position.byte()).unwrap_or(usize::MAX).min(self.bytes.len());
        let blank = self.bytes[start..].iter().take_while(|b| matches!(**b, b'\n' | b'\r'));
        let skipped = blank.filter(|b| **b == b'\n').count();
        self.first_line + position.line() as usize - 1 + skipped
    }
}

/// Cuts a reader into windows.
struct Cutter<R> {
    from: R,
    rest: Vec<u8>,
    line: usize,
    /// Whether a line end within quotes does not end a row.
    quoted: bool,
    ended: bool,
    /// Lines left out since the last window.
    lost: Vec<LostLine>,
    /// Lengths of the runs of NUL bytes in what was read and not handed out; each is one byte there.
    holes: VecDeque<u64>,
}

impl<R: Stream> Cutter<R> {
    fn new(from: R, quoted: bool) -> Self {
        let (rest, lost, holes) = (Vec::new(), Vec::new(), VecDeque::new());
        Self { from, rest, line: 1, quoted, ended: false, lost, holes }
    }

    /// Reads on until `bytes` has `length` bytes or the file ends.
    fn fill(&mut self, bytes: &mut Vec<u8>, length: usize) -> std::io::Result<()> {
        while !self.ended && bytes.len() < length {
            let start = bytes.len();
            bytes.resize(length, 0);
            let n = read_full(&mut self.from, &mut bytes[start..])?;
            self.ended = start + n < length;
            bytes.truncate(start + n);
            compact(bytes, start, &mut self.holes);
        }
        if self.ended && self.from.is_torn() {
            let whole = memchr::memrchr(b'\n', bytes).map_or(0, |at| at + 1);
            bytes.truncate(whole);
        }
        Ok(())
    }

    fn next(&mut self) -> std::io::Result<Option<Window>> {
        let mut bytes = std::mem::take(&mut self.rest);
        // What was looked through for a line end, and the quotes in it.
        let (mut seen, mut quotes) = (0, 0);
        loop {
            self.fill(&mut bytes, if seen == 0 { WINDOW } else { seen + WINDOW })?;
            let is_row = self.quoted.then_some(&mut quotes);
            let end = line_end(&bytes, seen, is_row);
            if self.ended && quotes % 2 == 0 {
                break;
            }
            if let Some(end) = end {
                self.rest = bytes.split_off(end);
                break;
            }
            seen = bytes.len();
            if !self.ended && seen < MOST_LINE {
                continue;
            }
            // A quote that nothing closes is taken for one of its line, which stands alone.
            if let Some(at) = memchr::memchr(b'\n', &bytes) {
                self.rest = bytes.split_off(at + 1);
                break;
            }
            if self.ended {
                break;
            }
            bytes = self.skip_line(bytes)?;
            (seen, quotes) = (0, 0);
        }
        if bytes.is_empty() && self.lost.is_empty() {
            return Ok(None);
        }
        let is_unended = self.ended && self.rest.is_empty() && bytes.last() != Some(&b'\n');
        let first_line = self.line;
        self.line += memchr::memchr_iter(b'\n', &bytes).count();
        let mut lost = std::mem::take(&mut self.lost);
        for (line, nuls) in blank(&mut bytes, self.quoted, &mut self.holes) {
            lost.push(LostLine { line: first_line + line, why: Lost::Hole(nuls) });
        }
        Ok(Some(Window { first_line, bytes, lost, is_unended }))
    }

    /// Reads past the end of a line whose beginning is too long already; returns what follows.
    fn skip_line(&mut self, mut bytes: Vec<u8>) -> std::io::Result<Vec<u8>> {
        self.lost.push(LostLine { line: self.line, why: Lost::TooLong });
        self.line += 1;
        loop {
            let end = memchr::memchr(b'\n', &bytes);
            let gone = end.map_or(bytes.len(), |at| at + 1);
            self.holes.drain(..memchr::memchr_iter(0, &bytes[..gone]).count());
            bytes.drain(..gone);
            if end.is_some() || self.ended {
                return Ok(bytes);
            }
            self.fill(&mut bytes, WINDOW)?;
        }
    }

    fn batch(&mut self) -> std::io::Result<Vec<Window>> {
        let mut batch = Vec::with_capacity(BATCH);
        let mut length = 0;
        while length < BATCH * WINDOW
            && let Some(window) = self.next()?
        {
            length += window.bytes.len().max(WINDOW);
            batch.push(window);
        }
        Ok(batch)
    }
}

/// Just behind the last line end from `seen` on that is not within quotes.
///
/// - `quotes`: those before `seen`, to which the others are added; none where quotes mean nothing.
fn line_end(bytes: &[u8], seen: usize, quotes: Option<&mut usize>) -> Option<usize> {
    let Some(quotes) = quotes else {
        return memchr::memrchr(b'\n', &bytes[seen..]).map(|at| seen + at + 1);
    };
    *quotes += memchr::memchr_iter(b'"', &bytes[seen..]).count();
    let mut before = *quotes;
    let mut end = bytes.len();
    for at in memchr::memrchr_iter(b'\n', &bytes[seen..]).map(|at| seen + at) {
        if *quotes > 0 {
            before -= memchr::memchr_iter(b'"', &bytes[at..end]).count();
            end = at;
        }
        if before.is_multiple_of(2) {
            return Some(at + 1);
        }
    }
    None
}

/// `work` on every piece of `from`, on all cores, its results handed to `take` in order.
///
/// While pieces are worked on, the results of those before are taken and the next ones read.
/// Reading stops where `take` fails.
pub(super) fn try_for_each<T: Send, E: Send + From<std::io::Error>>(
    from: impl Stream,
    quoted: bool,
    work: &(impl Fn(&Window) -> T + Sync),
    take: &mut (impl FnMut(T) -> Result<(), E> + Send),
) -> Result<(), E> {
    let mut cutter = Cutter::new(from, quoted);
    let mut batch = cutter.batch()?;
    let mut done: Vec<T> = Vec::new();
    while !batch.is_empty() {
        let before = std::mem::take(&mut done);
        let (next, now) = rayon::join(
            || -> Result<Vec<Window>, E> {
                before.into_iter().try_for_each(&mut *take)?;
                Ok(cutter.batch()?)
            },
            || batch.par_iter().map(work).collect::<Vec<T>>(),
        );
        done = now;
        batch = next?;
    }
    done.into_iter().try_for_each(take)
}

/// As [`try_for_each`] where nothing but reading can fail.
pub(super) fn for_each<T: Send>(
    from: impl Stream,
    quoted: bool,
    work: &(impl Fn(&Window) -> T + Sync),
    take: &mut (impl FnMut(T) + Send),
) -> std::io::Result<()> {
    try_for_each(from, quoted, work, &mut |found| {
        take(found);
        Ok::<(), std::io::Error>(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Piece {
        first: usize,
        text: String,
        lost: Vec<String>,
    }

    fn pieces(text: &[u8], quoted: bool) -> Vec<Piece> {
        let mut found = Vec::new();
        let work = |w: &Window| Piece {
            first: w.first_line,
            text: String::from_utf8_lossy(&w.bytes).into_owned(),
            lost: w.lost.iter().map(|l| format!("{}: {}", l.line, l.problem())).collect(),
        };
        for_each(text, quoted, &work, &mut |piece| found.push(piece)).expect("bytes");
        found
    }

    fn joined(pieces: &[Piece]) -> String {
        pieces.iter().map(|p| p.text.as_str()).collect()
    }

    fn lost(pieces: &[Piece]) -> Vec<&str> {
        pieces.iter().flat_map(|p| p.lost.iter().map(String::as_str)).collect()
    }

    #[test]
    fn pieces_hold_whole_lines_and_know_their_number() {
        let line = format!("{}\n", "x".repeat(99));
        let text = line.repeat(80_000);
        let found = pieces(text.as_bytes(), false);
        assert!(found.len() > 3);
        assert_eq!(joined(&found), text);
        let mut line = 1;
        for piece in &found {
            assert_eq!(piece.first, line);
            assert!(piece.text.ends_with('\n'));
            line += piece.text.lines().count();
        }
    }

    #[test]
    fn a_line_end_within_quotes_does_not_cut() {
        let record = format!("a,\"{}\n{}\"\n", "x".repeat(3000), "y".repeat(3000));
        for piece in pieces(record.repeat(1500).as_bytes(), true) {
            assert_eq!(piece.text.matches('"').count() % 2, 0);
            assert!(piece.text.ends_with("\"\n"));
        }
    }

    #[test]
    fn a_stray_quote_takes_bounded_memory_and_its_own_line() {
        for rows in [10, 100_000, 8_000_000] {
            let text = format!("a,b\n3,4\na,\"b\n{}", "1,2\n".repeat(rows));
            let found = pieces(text.as_bytes(), true);
            assert!(found.iter().all(|p| p.text.len() <= MOST_LINE + WINDOW));
            assert!(found.iter().any(|p| p.text == "a,\"b\n"), "{rows}");
            assert_eq!(joined(&found), text);
        }
    }

    #[test]
    fn a_long_line_is_whole_and_one_beyond_the_bound_is_left_out_alone() {
        for quote in ["", "\""] {
            let long = format!("a,{quote}{}{quote}\n", "x".repeat(5 << 20));
            let text = format!("h,h\n{long}1,2\n");
            let found = pieces(text.as_bytes(), true);
            assert_eq!(joined(&found), text);
            assert!(lost(&found).is_empty());
        }
        for (length, end) in [(17 << 20, "\n3,4\n"), (40 << 20, "\n3,4\n"), (17 << 20, "")] {
            let text = format!("1,2\na,\"{}\"{end}", "x".repeat(length));
            let found = pieces(text.as_bytes(), true);
            assert_eq!(lost(&found), ["2: the line is longer than 16 MiB and is left out"]);
            let left = joined(&found);
            assert_eq!(left, format!("1,2\n{}", end.trim_start()), "{length}");
            let last = found.last().expect("a piece");
            assert!(end.is_empty() || last.first == 3);
        }
    }

    #[test]
    fn a_hole_costs_the_lines_it_touches() {
        let line = |i: usize| format!("step {i}\n");
        let text: Vec<u8> = (0..200_000).flat_map(|i| line(i).into_bytes()).collect();
        // At the start, across a piece's end, longer than a piece, and at the end.
        for (at, length) in [(0, 4096), (WINDOW - 100, 4096), (5000, 3 * WINDOW), (0, 0)] {
            let mut torn = text.clone();
            let at = if length == 0 { text.len() - 4096 } else { at };
            let length = length.max(4096);
            torn[at..(at + length).min(text.len())].fill(0);
            let found = pieces(&torn, false);
            let left = joined(&found);
            let nuls = length.min(text.len() - at);
            let problem = format!("a hole of {nuls} NUL bytes; the lines it touches are left out");
            assert_eq!(lost(&found).len(), 1, "{at}");
            assert!(lost(&found)[0].ends_with(&problem), "{:?}", lost(&found));
            let lines = |text: &str| text.lines().filter(|l| !l.is_empty()).count();
            let touched = text[at..at + nuls].iter().filter(|b| **b == b'\n').count();
            let left_out = 200_000 - lines(&left);
            assert!((touched..=touched + 1).contains(&left_out), "{touched} {left_out}");
            assert!(left.lines().all(|l| l.is_empty() || l.starts_with("step ")));
        }
    }
}
