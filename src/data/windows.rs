//! A long file in pieces that end at line ends, read ahead and worked on by all cores.

use std::io::Read;

use rayon::prelude::*;

use super::files::read_full;

/// Bytes of a piece: large enough that its overhead is nothing, small enough that all in flight fit
/// in a few caches.
const WINDOW: usize = 512 << 10;

/// Pieces worked on at a time.
const BATCH: usize = 16;

/// A piece of whole lines.
pub(super) struct Window {
    /// 1-based number of its first line.
    pub(super) first_line: usize,
    pub(super) bytes: Vec<u8>,
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
}

impl<R: Read> Cutter<R> {
    fn next(&mut self) -> std::io::Result<Option<Window>> {
        if self.ended && self.rest.is_empty() {
            return Ok(None);
        }
        let mut bytes = std::mem::take(&mut self.rest);
        // A line longer than a piece, or one with a stray quote, is cut where the piece ends: its
        // reader will call it damaged, and memory stays bounded.
        while !self.ended {
            let start = bytes.len();
            bytes.resize(start.max(WINDOW) + if start >= WINDOW { WINDOW } else { 0 }, 0);
            let n = read_full(&mut self.from, &mut bytes[start..])?;
            self.ended = start + n < bytes.len();
            bytes.truncate(start + n);
            if let Some(end) = line_end(&bytes, self.quoted).filter(|_| !self.ended) {
                self.rest = bytes.split_off(end);
                break;
            }
            if bytes.len() >= 4 * WINDOW {
                break;
            }
        }
        let first_line = self.line;
        self.line += memchr::memchr_iter(b'\n', &bytes).count();
        Ok((!bytes.is_empty()).then_some(Window { first_line, bytes }))
    }

    fn batch(&mut self) -> std::io::Result<Vec<Window>> {
        let mut batch = Vec::with_capacity(BATCH);
        while batch.len() < BATCH
            && let Some(window) = self.next()?
        {
            batch.push(window);
        }
        Ok(batch)
    }
}

/// Just behind the last line end that is not within quotes.
fn line_end(bytes: &[u8], quoted: bool) -> Option<usize> {
    let mut quotes_before = if quoted { memchr::memchr_iter(b'"', bytes).count() } else { 0 };
    let mut end = bytes.len();
    for at in memchr::memrchr_iter(b'\n', bytes) {
        if quotes_before > 0 {
            quotes_before -= memchr::memchr_iter(b'"', &bytes[at..end]).count();
            end = at;
        }
        if quotes_before.is_multiple_of(2) {
            return Some(at + 1);
        }
    }
    None
}

/// `work` on every piece of `from`, on all cores, its results handed to `take` in order.
///
/// While pieces are worked on, the results of those before are taken and the next ones read.
pub(super) fn for_each<T: Send>(
    from: impl Read + Send,
    quoted: bool,
    work: &(impl Fn(&Window) -> T + Sync),
    take: &mut (impl FnMut(T) + Send),
) -> std::io::Result<()> {
    let mut cutter = Cutter { from, rest: Vec::new(), line: 1, quoted, ended: false };
    let mut batch = cutter.batch()?;
    let mut done: Vec<T> = Vec::new();
    while !batch.is_empty() {
        let before = std::mem::take(&mut done);
        let (next, now) = rayon::join(
            || {
                before.into_iter().for_each(&mut *take);
                cutter.batch()
            },
            || batch.par_iter().map(work).collect::<Vec<T>>(),
        );
        done = now;
        batch = next?;
    }
    done.into_iter().for_each(take);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str, quoted: bool) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        let work = |w: &Window| (w.first_line, String::from_utf8_lossy(&w.bytes).into_owned());
        for_each(text.as_bytes(), quoted, &work, &mut |piece| found.push(piece)).expect("bytes");
        found
    }

    #[test]
    fn pieces_hold_whole_lines_and_know_their_number() {
        let line = format!("{}\n", "x".repeat(99));
        let text = line.repeat(80_000);
        let found = pieces(&text, false);
        assert!(found.len() > 3);
        assert_eq!(found.iter().map(|p| p.1.as_str()).collect::<String>(), text);
        let mut line = 1;
        for (first, piece) in &found {
            assert_eq!(*first, line);
            assert!(piece.ends_with('\n'));
            line += piece.lines().count();
        }
    }

    #[test]
    fn a_line_end_within_quotes_does_not_cut() {
        let record = format!("a,\"{}\n{}\"\n", "x".repeat(3000), "y".repeat(3000));
        for (_, piece) in pieces(&record.repeat(1500), true) {
            assert_eq!(piece.matches('"').count() % 2, 0);
            assert!(piece.ends_with("\"\n"));
        }
    }

    #[test]
    fn a_stray_quote_takes_bounded_memory() {
        let text = format!("a,\"b\n{}", "1,2\n".repeat(4_000_000));
        assert!(pieces(&text, true).iter().all(|(_, p)| p.len() <= 5 * WINDOW));
    }
}
