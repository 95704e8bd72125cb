//! What a verb says: lines and tables, laid out when the page they go to is known.

use std::fmt;

use super::screen::Screen;
use super::style::plain;
use super::table::Table;

/// Lines and tables in their order. `to_string` lays them out for [`Screen::PLAIN`].
///
/// ```
/// use isoloss::report::{Screen, Table, Text};
///
/// let mut table = Table::new("", &["run", "N"]);
/// table.push(["small", "70M"]);
/// let mut text = Text::from("one run\n");
/// text.apart(table);
/// assert_eq!(text.to_string(), text.render(Screen::PLAIN));
/// assert_eq!(text.to_string().lines().count(), 4);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    parts: Vec<Part>,
}

/// What a text is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Whole lines. What does not fit goes on below the value of a label that two spaces set off,
    /// else indented by two.
    Lines(String),
    /// One line, and the column where it goes on.
    Paragraph(String, usize),
    /// A table.
    Table(Table),
}

impl Text {
    /// Adds lines, each with its end.
    pub fn push_str(&mut self, lines: &str) {
        match self.parts.last_mut() {
            Some(Part::Lines(last)) => last.push_str(lines),
            _ => self.parts.push(Part::Lines(lines.to_owned())),
        }
    }

    /// Adds one line that goes on at column `indent` where it does not fit.
    pub fn paragraph(&mut self, line: &str, indent: usize) {
        self.parts.push(Part::Paragraph(line.to_owned(), indent));
    }

    /// Adds lines, a table or a text.
    pub fn push(&mut self, part: impl Into<Self>) {
        for part in part.into().parts {
            match part {
                Part::Lines(lines) => self.push_str(&lines),
                other => self.parts.push(other),
            }
        }
    }

    /// The same below an empty line.
    pub fn apart(&mut self, part: impl Into<Self>) {
        self.push_str("\n");
        self.push(part);
    }

    /// The parts, for whoever lays them out another way.
    pub(super) fn into_parts(self) -> Vec<Part> {
        self.parts
    }

    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The text laid out for a page. What a terminal would act upon is written out.
    #[must_use]
    pub fn render(&self, screen: Screen) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Lines(lines) => {
                    for line in lines.split_inclusive('\n') {
                        let (line, end) =
                            line.strip_suffix('\n').map_or((line, ""), |line| (line, "\n"));
                        text.push_str(&screen.wrapped(line, &" ".repeat(hang(line))));
                        text.push_str(end);
                    }
                }
                Part::Paragraph(line, indent) => {
                    text.push_str(&screen.wrapped(line, &" ".repeat(*indent)));
                    text.push('\n');
                }
                Part::Table(table) => text.push_str(&table.to_text_on(screen)),
            }
        }
        text
    }
}

/// The column where a line goes on.
fn hang(line: &str) -> usize {
    /// Labels end before it; farther right too little of the line would be left.
    const LABELS: usize = 32;
    let lead = line.chars().take_while(|c| *c == ' ').count();
    let label = line.trim_start_matches(' ').split("  ").next().unwrap_or_default();
    let label_end = lead + textwrap::core::display_width(&plain(label));
    let gap = line.chars().skip(lead + label.chars().count()).take_while(|c| *c == ' ').count();
    if gap >= 2 && label_end + gap <= LABELS { label_end + gap } else { lead + 2 }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(Screen::PLAIN))
    }
}

impl From<String> for Text {
    fn from(lines: String) -> Self {
        let parts = if lines.is_empty() { Vec::new() } else { vec![Part::Lines(lines)] };
        Self { parts }
    }
}

impl From<&str> for Text {
    fn from(lines: &str) -> Self {
        lines.to_owned().into()
    }
}

impl From<Table> for Text {
    fn from(table: Table) -> Self {
        Self { parts: vec![Part::Table(table)] }
    }
}

#[cfg(test)]
mod tests {
    use super::super::style::Style;
    use super::*;

    #[test]
    fn a_line_goes_on_below_its_value() {
        let words = "word ".repeat(30);
        for (line, column) in
            [(format!("  label      {words}"), 13), (format!("text {words}"), 2), (words, 2)]
        {
            let text = Text::from(format!("{line}\n")).to_string();
            let next = text.lines().nth(1).expect("a second line");
            assert_eq!(next.len() - next.trim_start().len(), column, "{text}");
            assert!(text.lines().all(|line| line.len() <= 80), "{text}");
        }
    }

    #[test]
    fn marks_take_no_room_and_are_gone_without_colour() {
        let line = format!("{} {}", "x".repeat(70), Style::Good.mark("and 9 more"));
        let text = Text::from(line);
        let colored = text.render(Screen { color: true, ..Screen::PLAIN });
        assert!(colored.contains("\u{1b}[") && !text.to_string().contains('\u{1b}'));
        assert_eq!(colored.lines().count(), text.to_string().lines().count());
        assert!(!text.to_string().contains(|c: char| ('\u{fdd0}'..='\u{fddf}').contains(&c)));
    }

    #[test]
    fn control_characters_are_written_out_and_colours_of_ours_stay() {
        let line = Style::Bad.mark("a\u{1b}[31mb");
        let colored = Text::from(line).render(Screen { color: true, ..Screen::PLAIN });
        assert!(colored.contains("a\\u{1b}[31mb"), "{colored:?}");
    }
}
