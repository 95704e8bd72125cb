//! Lines of a terminal as sentences and facts of a page.

use super::block::{Block, Fact};
use crate::report::style::plain;
use crate::report::text::{Part, Text};

/// Longest label in front of a value, characters.
const LABEL: usize = 18;
/// Spaces in front of a line that goes on with the value above it.
const CONTINUED: usize = 9;

/// A line as a sentence: its first letter large, a full stop at its end.
///
/// ```
/// assert_eq!(isoloss::report::sentence("one run is left"), "One run is left.");
/// assert_eq!(isoloss::report::sentence("`seed` is named: why?"), "`seed` is named: why?");
/// ```
#[must_use]
pub fn sentence(line: &str) -> String {
    let line = plain(line);
    let line = line.trim();
    let mut chars = line.chars();
    let Some(first) = chars.next() else { return String::new() };
    let stop = if line.ends_with(['.', '!', '?', ':']) { "" } else { "." };
    format!("{}{}{stop}", first.to_uppercase(), chars.as_str())
}

/// A label and its value, set apart by two spaces.
fn labelled(line: &str) -> Option<(&str, &str)> {
    let (label, value) = line.trim_start().split_once("  ")?;
    let is_label = !label.is_empty() && label.chars().count() <= LABEL;
    (is_label && !value.trim().is_empty()).then(|| (label, value.trim()))
}

fn take_line(blocks: &mut Vec<Block>, line: &str) {
    let line = plain(line);
    let indent = line.chars().take_while(|c| *c == ' ').count();
    match (labelled(&line), blocks.last_mut()) {
        (None, _) if line.trim().is_empty() => {}
        (None, Some(Block::Facts { facts })) if indent >= CONTINUED => {
            if let Some(fact) = facts.last_mut() {
                fact.lines.push(line.trim().to_owned());
            }
        }
        (Some((label, value)), Some(Block::Facts { facts })) => {
            facts.push(Fact { label: label.to_owned(), lines: vec![value.to_owned()] });
        }
        (Some((label, value)), _) => blocks.push(Block::Facts {
            facts: vec![Fact { label: label.to_owned(), lines: vec![value.to_owned()] }],
        }),
        (None, Some(Block::Paragraph { text })) if indent > 0 => {
            let so_far = text.trim_end_matches('.');
            let join = if so_far.ends_with([',', ';', ':']) { " " } else { "; " };
            *text = sentence(&format!("{so_far}{join}{}", line.trim()));
        }
        (None, _) => blocks.push(Block::paragraph(sentence(&line))),
    }
}

impl Text {
    /// The same as blocks of a page: labelled lines as facts, other lines as sentences.
    ///
    /// ```
    /// use isoloss::report::{Block, Text};
    ///
    /// let text = Text::from("train   7B on 1T tokens\ncost    $2.00M\n".to_owned());
    /// let blocks = text.into_blocks();
    /// assert!(matches!(&blocks[..], [Block::Facts { facts }] if facts[1].label == "cost"));
    /// ```
    #[must_use]
    pub fn into_blocks(self) -> Vec<Block> {
        let mut blocks = Vec::new();
        for part in self.into_parts() {
            match part {
                Part::Lines(lines) => lines.lines().for_each(|line| take_line(&mut blocks, line)),
                Part::Paragraph(line, _) => blocks.push(Block::paragraph(sentence(&line))),
                Part::Table(table) => blocks.push(table.into()),
            }
        }
        blocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_values_and_what_goes_on_below_them_are_told_apart() {
        let lines =
            "the run\n  learning rate    3e-4 (a rule)\n                   also in range: b\n";
        let blocks = Text::from(lines.to_owned()).into_blocks();
        let [Block::Paragraph { text }, Block::Facts { facts }] = &blocks[..] else {
            panic!("{blocks:?}")
        };
        assert_eq!(text, "The run.");
        assert_eq!(facts[0].label, "learning rate");
        assert_eq!(facts[0].lines, ["3e-4 (a rule)", "also in range: b"]);
    }

    #[test]
    fn a_sentence_that_goes_on_is_one() {
        let blocks = Text::from("one,\n  two\nthree\n".to_owned()).into_blocks();
        assert_eq!(blocks, [Block::paragraph("One, two."), Block::paragraph("Three.")]);
    }
}
