//! Text from logs, which can hold anything, made harmless where it is shown or saved.

use std::borrow::Cow;

/// Characters that a terminal would act upon, or that turn the direction of text: names in logs can
/// hold any.
fn acts(c: char) -> bool {
    let turns =
        matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || c.is_control() && c != '\n' && c != '\t'
}

/// The text with such characters written out, `\u{1b}`.
pub(crate) fn inert(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c.escape_unicode().to_string())
}

/// The same of JSON, whose own escape is `\u001b`.
#[cfg(feature = "cli")]
pub(crate) fn inert_json(text: &str) -> Cow<'_, str> {
    escaped(text, |c| format!("\\u{:04x}", u32::from(c)))
}

fn escaped(text: &str, escape: impl Fn(char) -> String) -> Cow<'_, str> {
    if !text.chars().any(acts) {
        return Cow::Borrowed(text);
    }
    let mut inert = String::with_capacity(text.len());
    for c in text.chars() {
        if acts(c) { inert.push_str(&escape(c)) } else { inert.push(c) }
    }
    Cow::Owned(inert)
}

/// One line of Markdown in which nothing begins HTML, a link or another line.
pub(super) fn markdown(text: &str) -> String {
    let text = inert(text);
    let mut line = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, rest.peek()) {
            // A number below another, `p < 0.01`, begins no tag.
            ('<', Some(next)) if next.is_alphabetic() || "/!?".contains(*next) => {
                line.push_str("&lt;");
            }
            ('&', Some(next)) if next.is_alphabetic() || *next == '#' => line.push_str("&amp;"),
            (']', Some('(' | '[')) => line.push_str("\\]"),
            ('\n' | '\t', _) => line.push(' '),
            (c, _) => line.push(c),
        }
    }
    line
}

/// A cell of CSV that no spreadsheet takes for a formula: one that begins like one, and is no number,
/// begins with an apostrophe.
pub(super) fn csv_cell(text: &str) -> Cow<'_, str> {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.parse::<f64>().is_err() {
        true => Cow::Owned(format!("'{text}")),
        false => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_written_out() {
        assert_eq!(inert("a\x1b[31mb\u{7}\u{202e}c\td\n"), "a\\u{1b}[31mb\\u{7}\\u{202e}c\td\n");
        assert!(matches!(inert("plain – ünïcode"), Cow::Borrowed(_)));
    }

    #[test]
    fn names_are_text_in_markdown() {
        for (text, line) in [
            ("<script>alert(1)</script>|x", "&lt;script>alert(1)&lt;/script>|x"),
            ("p < 0.01, N <= 3 & D", "p < 0.01, N <= 3 & D"),
            ("![x](javascript:1)&lt;", "![x\\](javascript:1)&amp;lt;"),
            ("a\n# b", "a # b"),
        ] {
            assert_eq!(markdown(text), line);
        }
    }

    #[test]
    fn formulas_are_text_and_numbers_stay() {
        for text in ["=1+1", "@SUM(1)", "+cmd", "-x", "\tx", "\rx"] {
            assert_eq!(csv_cell(text), format!("'{text}"));
        }
        for text in ["-1.5", "+2e3", "run-1", "", "-inf"] {
            assert_eq!(csv_cell(text), text);
        }
    }
}
