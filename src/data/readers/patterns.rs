//! Patterns of text logs: those shipped in `data/log-patterns.toml`, and anyone's own.

use regex::{Regex, RegexSet};
use serde::Deserialize;

use crate::error::DataError;

/// Number expressions as loggers print them, NaN included.
const NUMBER: &str =
    r"[-+]?(?:\d[\d,]*\.?\d*(?:[eE][-+]?\d+)?|\.\d+(?:[eE][-+]?\d+)?|[nN]a[nN]|[iI]nf(?:inity)?)";

/// A count as people print it: 1,024, 1.6k, 2.5 M.
const COUNT: &str = r"\d[\d,_]*\.?\d*(?:[eE][-+]?\d+)?(?:\s?[kKMGBT]\b|\s?[kKMGBT](?:it)?\b)?";

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
    #[serde(default)]
    zero_based: bool,
    #[serde(default)]
    fallback: bool,
}

/// One trainer's way of printing.
#[derive(Debug)]
pub(in crate::data) struct Pattern {
    pub(super) name: String,
    detect: String,
    /// Whether the first update is step 0.
    pub(super) zero_based: bool,
    /// Whether other patterns come first.
    fallback: bool,
    /// Compiled when a file is read by it.
    lines: std::sync::OnceLock<Vec<Regex>>,
    texts: Vec<String>,
}

/// All patterns, the user's first.
#[derive(Debug)]
pub(in crate::data) struct Patterns {
    own: Vec<Pattern>,
    /// Which lines are those of a pattern of its own.
    own_detect: RegexSet,
    shipped: &'static [Pattern],
}

/// The shipped patterns, parsed once.
static SHIPPED: std::sync::LazyLock<Vec<Pattern>> = std::sync::LazyLock::new(|| {
    let text = include_str!("../../../data/log-patterns.toml");
    parse("data/log-patterns.toml", text).expect("the shipped patterns are tested")
});

static SHIPPED_DETECT: std::sync::LazyLock<RegexSet> =
    std::sync::LazyLock::new(|| detect_set(&SHIPPED).expect("the shipped patterns are tested"));

fn spelled(text: &str) -> String {
    text.replace("NUMBER", NUMBER).replace("COUNT", COUNT)
}

fn compile(text: &str) -> Result<Regex, String> {
    regex::RegexBuilder::new(&spelled(text))
        .size_limit(MOST_REGEX)
        .build()
        .map_err(|e| e.to_string().lines().last().unwrap_or("").to_owned())
}

fn detect_set(patterns: &[Pattern]) -> Result<RegexSet, String> {
    let texts = patterns.iter().map(|pattern| spelled(&pattern.detect));
    regex::RegexSetBuilder::new(texts)
        .size_limit(MOST_REGEX * patterns.len().max(1))
        .build()
        .map_err(|e| e.to_string())
}

fn parse(path: &str, text: &str) -> Result<Vec<Pattern>, DataError> {
    let unreadable = |reason: String| DataError::Unreadable { path: path.to_owned(), reason };
    let file: PatternFile =
        toml::from_str(text).map_err(|e| unreadable(e.to_string().trim_end().to_owned()))?;
    file.pattern
        .into_iter()
        .map(|PatternText { name, detect, lines: texts, zero_based, fallback }| {
            compile(&detect).map_err(|reason| bad_pattern(path, &name, &detect, reason))?;
            let lines = std::sync::OnceLock::new();
            Ok(Pattern { name, detect, zero_based, fallback, lines, texts })
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
        let own_path = own.map(|(path, _)| path);
        let own = match own {
            None => Vec::new(),
            Some((path, text)) => {
                let own = parse(path, text)?;
                own.iter().try_for_each(|pattern| pattern.check(path))?;
                own
            }
        };
        let own_detect = detect_set(&own).map_err(|reason| {
            let path = own_path.unwrap_or_default().to_owned();
            DataError::Unreadable { path, reason }
        })?;
        Ok(Self { own, own_detect, shipped: &SHIPPED })
    }

    fn all(&self) -> impl Iterator<Item = &Pattern> {
        self.own.iter().chain(self.shipped)
    }

    /// How many lines of a text are those of each pattern.
    pub(super) fn count(&self, text: &[u8]) -> Counts {
        let mut counts = vec![0; self.own.len() + self.shipped.len()];
        for line in lines(text) {
            for at in self.own_detect.matches(&line) {
                counts[at] += 1;
            }
            for at in SHIPPED_DETECT.matches(&line) {
                counts[self.own.len() + at] += 1;
            }
        }
        Counts(counts)
    }

    /// The pattern whose own lines are most frequent; of equals the first, and one that any trainer's
    /// lines may match only where no other has a twentieth as many.
    pub(super) fn most(&self, counts: &Counts) -> Option<&Pattern> {
        let most = |fallback: bool| {
            let of_kind =
                self.all().zip(&counts.0).filter(|(p, n)| p.fallback == fallback && **n > 0);
            // Of equals the first.
            of_kind.fold(None, |best: Option<(&Pattern, usize)>, (pattern, n)| match best {
                Some((_, most)) if most >= *n => best,
                _ => Some((pattern, *n)),
            })
        };
        match (most(false), most(true)) {
            (Some((own, n)), Some((_, any))) if 20 * n >= any => Some(own),
            (_, Some((any, _))) => Some(any),
            (own, None) => own.map(|(pattern, _)| pattern),
        }
    }

    /// Whether any line of a text is one of a pattern.
    pub(in crate::data) fn knows(&self, text: &str) -> bool {
        lines(text.as_bytes())
            .any(|line| self.own_detect.is_match(&line) || SHIPPED_DETECT.is_match(&line))
    }
}

/// How many lines are those of each pattern.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts(Vec<usize>);

impl Counts {
    /// Lines of the pattern that has most.
    pub(super) fn most(&self) -> usize {
        self.0.iter().copied().max().unwrap_or(0)
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.0.resize(self.0.len().max(other.0.len()), 0);
        self.0.iter_mut().zip(&other.0).for_each(|(sum, n)| *sum += n);
    }
}

/// The lines of a text as its reader sees them: what a progress bar overwrites is a line too, and
/// colours are gone.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = std::borrow::Cow<'_, str>> {
    text.split(|b| *b == b'\n' || *b == b'\r')
        .filter(|line| !line.is_empty() && line.len() <= MOST_LINE)
        .map(|line| match String::from_utf8_lossy(line) {
            std::borrow::Cow::Borrowed(line) => without_colour(line),
            std::borrow::Cow::Owned(line) => without_colour(&line).into_owned().into(),
        })
}

/// The line without the escapes that colour it on a terminal.
fn without_colour(line: &str) -> std::borrow::Cow<'_, str> {
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
