//! The page that text is laid out for, and where its lines may end.

use super::inert::inert;
use super::style::{plain, styled};

/// The page that text is laid out for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// Characters of a line.
    pub width: usize,
    /// Whether marks become colours.
    pub color: bool,
}

impl Screen {
    /// Where nothing is known of the page: 80 columns without colour.
    pub const PLAIN: Self = Self { width: 80, color: false };

    /// A terminal of so many columns: lines are no shorter than 60 characters, and no longer than a
    /// reader follows, 100.
    ///
    /// ```
    /// use isoloss::report::Screen;
    ///
    /// assert_eq!([40, 90, 240].map(|columns| Screen::terminal(columns).width), [60, 90, 100]);
    /// ```
    #[must_use]
    pub fn terminal(columns: usize) -> Self {
        Self { width: columns.clamp(60, 100), color: false }
    }

    /// A paragraph in lines of this page, further lines indented.
    #[must_use]
    pub fn wrapped(self, text: &str, indent: &str) -> String {
        let options = textwrap::Options::new(self.width)
            .subsequent_indent(indent)
            .break_words(false)
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        let text = inert(text);
        let text = if self.color { styled(&text) } else { plain(&text) };
        textwrap::fill(&tied(&text), options).replace(TIE, " ")
    }
}

/// A paragraph wrapped to 80 columns, further lines indented.
#[must_use]
pub fn wrapped(text: &str, indent: &str) -> String {
    Screen::PLAIN.wrapped(text, indent)
}

/// A space at which no line ends.
pub(super) const TIE: char = '\u{a0}';

/// The text with each number tied to the per cent sign after it.
fn tied(text: &str) -> String {
    text.replace(" %", "\u{a0}%")
}

/// Units that stay with their number in a cell.
const UNITS: [&str; 7] = ["ms", "s", "GB", "TB", "MWh", "nats", "points"];

/// The same for a cell of a table, with intervals (`1.2 to 1.4`, `1.2 - 1.4`), factors (`N 2.3x`) and
/// short units in one piece.
pub(super) fn whole_numbers(cell: &str) -> String {
    let is_number = |word: &str| {
        word.trim_start_matches(['+', '-', '[', '(', '$']).starts_with(|c: char| c.is_ascii_digit())
    };
    let is_factor =
        |word: &str| is_number(word) && word.trim_end_matches([',', ')']).ends_with('x');
    let between = ["to", "-"];
    let words: Vec<&str> = cell.split(' ').collect();
    let mut text = String::with_capacity(cell.len());
    for (i, word) in words.iter().enumerate() {
        let before = |k: usize| i.checked_sub(k).map_or("", |i| words[i]);
        let after = words.get(i + 1).copied().unwrap_or_default();
        let number_before = is_number(before(1)) || before(1) == "%" && is_number(before(2));
        let tie = word.starts_with('%')
            || (between.contains(word) && number_before && is_number(after))
            || (between.contains(&before(1)) && is_number(word))
            || (UNITS.contains(word) && is_number(before(1)))
            || (is_factor(word) && before(1).len() <= 3);
        if i > 0 {
            text.push(if tie { TIE } else { ' ' });
        }
        text.push_str(word);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_keeps_its_sign_of_per_cent() {
        for width in 60..100 {
            let screen = Screen { width, color: false };
            let text = screen.wrapped(&"up to 12.5 % ".repeat(12), "");
            assert!(text.lines().all(|line| !line.starts_with('%')), "{text}");
        }
    }

    #[test]
    fn numbers_of_a_cell_stay_in_one_piece() {
        for (cell, pieces) in [
            ("1.2 to 1.4", 1),
            ("-0.5 to 12.5 %", 1),
            ("65.1B - 80.2B", 1),
            ("C 10.0x, N 2.3x", 2),
            ("1.99 to 5 (2026-05)", 2),
            ("from 3 to eight", 4),
            ("all parameters", 2),
            ("batch of 20.5 ms", 3),
        ] {
            assert_eq!(whole_numbers(cell).split(' ').count(), pieces, "{cell}");
        }
    }
}
