//! What a worker said on its standard streams.

use std::path::Path;

/// Bytes of the end that are looked at.
const MOST: usize = 8192;

/// The last lines of a console that are not empty, each cut to a readable length; `None` where there is
/// none.
pub(super) fn tail_of(path: &Path, lines: usize) -> Option<String> {
    let bytes = std::fs::read(path).ok()?;
    let end = &bytes[bytes.len().saturating_sub(MOST)..];
    let text = String::from_utf8_lossy(end);
    let all: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let last: Vec<String> = all[all.len().saturating_sub(lines)..]
        .iter()
        .map(|line| line.chars().take(300).collect())
        .collect();
    (!last.is_empty()).then(|| last.join("\n"))
}
