//! Patterns of text logs: those shipped in `data/log-patterns.toml`, and anyone's own.

use regex::Regex;
use serde::Deserialize;

use crate::error::DataError;

/// Number expressions as loggers print them, NaN included.
const NUMBER: &str =
    r"[-+]?(?:\d[\d,]*\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|[nN]a[nN]|[iI]nf(?:inity)?)";

/// Lines of the beginning that decide which pattern is taken.
const SAMPLE: usize = 2000;

/// Longest line looked at.
pub(super) const MOST_LINE: usize = 64 * 1024;

/// Compiled size of one expression, so that a hostile one fails instead of filling the memory.
const MOST_REGEX: usize = 4 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PatternFile {
    pattern: Vec<PatternText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PatternText {
    name: String,
    detect: String,
    lines: Vec<String>,
}

/// One trainer's way of printing.
#[derive(Debug)]
pub(in crate::data) struct Pattern {
    pub(super) name: String,
    detect: Regex,
    /// Compiled when a file is read by it.
    lines: std::sync::OnceLock<Vec<Regex>>,
    texts: Vec<String>,
}

/// All patterns, the user's first.
#[derive(Debug)]
pub(in crate::data) struct Patterns {
    own: Vec<Pattern>,
    shipped: &'static [Pattern],
}

/// The shipped patterns, parsed once.
static SHIPPED: std::sync::LazyLock<Vec<Pattern>> = std::sync::LazyLock::new(|| {
    let text = include_str!("../../../data/log-patterns.toml");
    parse("data/log-patterns.toml", text).expect("the shipped patterns are tested")
});

fn compile(text: &str) -> Result<Regex, String> {
    regex::RegexBuilder::new(&text.replace("NUMBER", NUMBER))
        .size_limit(MOST_REGEX)
        .build()
        .map_err(|e| e.to_string().lines().last().unwrap_or("").to_owned())
}

fn parse(path: &str, text: &str) -> Result<Vec<Pattern>, DataError> {
    let unreadable = |reason: String| DataError::Unreadable { path: path.to_owned(), reason };
    let file: PatternFile =
        toml::from_str(text).map_err(|e| unreadable(e.to_string().trim_end().to_owned()))?;
    file.pattern
        .into_iter()
        .map(|PatternText { name, detect: text, lines: texts }| {
            let detect =
                compile(&text).map_err(|reason| bad_pattern(path, &name, &text, reason))?;
            Ok(Pattern { name, detect, lines: std::sync::OnceLock::new(), texts })
        })
        .collect()
}

fn bad_pattern(path: &str, pattern: &str, expression: &str, reason: String) -> DataError {
    let [path, pattern, expression] = [path, pattern, expression].map(str::to_owned);
    DataError::BadPattern { path, pattern, expression, reason }
}

impl Pattern {
    /// The compiled lines.
    ///
    /// # Errors
    /// The first that is not an expression.
    fn check(&self, path: &str) -> Result<(), DataError> {
        for text in &self.texts {
            compile(text).map_err(|reason| bad_pattern(path, &self.name, text, reason))?;
        }
        Ok(())
    }

    pub(super) fn lines(&self) -> &[Regex] {
        self.lines.get_or_init(|| self.texts.iter().filter_map(|t| compile(t).ok()).collect())
    }
}

impl Patterns {
    /// The shipped patterns, and before them those of a file's text.
    ///
    /// # Errors
    /// [`DataError`] for a file that is not a pattern file or text that is not an expression.
    pub(in crate::data) fn new(own: Option<(&str, &str)>) -> Result<Self, DataError> {
        let own = match own {
            None => Vec::new(),
            Some((path, text)) => {
                let own = parse(path, text)?;
                own.iter().try_for_each(|pattern| pattern.check(path))?;
                own
            }
        };
        Ok(Self { own, shipped: &SHIPPED })
    }

    fn all(&self) -> impl Iterator<Item = &Pattern> {
        self.own.iter().chain(self.shipped)
    }

    /// The pattern whose own lines are most frequent in this text; of equals the first.
    pub(in crate::data) fn of_text(&self, text: &str) -> Option<&Pattern> {
        let mut counts = vec![0_usize; self.all().count()];
        for line in text.lines().take(SAMPLE).filter(|l| l.len() <= MOST_LINE) {
            let line = without_colour(line);
            for (count, pattern) in counts.iter_mut().zip(self.all()) {
                *count += usize::from(pattern.detect.is_match(&line));
            }
        }
        let most = counts.iter().copied().max().filter(|n| *n > 0)?;
        self.all().zip(&counts).find(|(_, n)| **n == most).map(|(p, _)| p)
    }
}

/// The line without the escapes that colour it on a terminal.
pub(super) fn without_colour(line: &str) -> std::borrow::Cow<'_, str> {
    static ESCAPE: std::sync::LazyLock<Regex> =
        std::sync::LazyLock::new(|| Regex::new(r"\x1b\[[0-9;]*[A-Za-z]").expect("a fixed pattern"));
    ESCAPE.replace_all(line, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_pattern_compiles() {
        for pattern in SHIPPED.iter() {
            assert_eq!(pattern.check("data/log-patterns.toml"), Ok(()));
            assert_eq!(pattern.lines().len(), pattern.texts.len());
        }
    }
}
