//! What words mean to a reader, as marks in a text that a page turns into colours or leaves out.

use anstyle::{AnsiColor, Style as Ansi};

/// What words mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// The answer itself, and headings.
    Strong,
    /// It may be believed.
    Good,
    /// With care.
    Doubt,
    /// Not to be believed.
    Bad,
    /// Beside the point.
    Faint,
}

/// What ends any mark. Marks are noncharacters of Unicode, which no text holds.
const END: char = '\u{fddf}';

impl Style {
    const ALL: [Self; 5] = [Self::Strong, Self::Good, Self::Doubt, Self::Bad, Self::Faint];

    fn start(self) -> char {
        match self {
            Self::Strong => '\u{fdd0}',
            Self::Good => '\u{fdd1}',
            Self::Doubt => '\u{fdd2}',
            Self::Bad => '\u{fdd3}',
            Self::Faint => '\u{fdd4}',
        }
    }

    fn ansi(self) -> Ansi {
        let color = |color: AnsiColor| Ansi::new().fg_color(Some(color.into()));
        match self {
            Self::Strong => Ansi::new().bold(),
            Self::Good => color(AnsiColor::Green),
            Self::Doubt => color(AnsiColor::Yellow),
            Self::Bad => color(AnsiColor::Red).bold(),
            Self::Faint => Ansi::new().dimmed(),
        }
    }

    /// The words, marked.
    #[must_use]
    pub fn mark(self, words: &str) -> String {
        format!("{}{words}{END}", self.start())
    }
}

/// Whether a minimum was proved, in words.
pub(super) fn proof(certified: bool) -> String {
    match certified {
        true => Style::Good.mark("certified minimum"),
        false => Style::Bad.mark("NOT certified"),
    }
}

fn is_mark(c: char) -> bool {
    ('\u{fdd0}'..='\u{fddf}').contains(&c)
}

/// The text without marks.
pub(super) fn plain(text: &str) -> String {
    text.replace(is_mark, "")
}

/// The text with colours in place of marks.
pub(super) fn styled(text: &str) -> String {
    let mut colored = String::with_capacity(text.len());
    for c in text.chars() {
        match Style::ALL.into_iter().find(|style| style.start() == c) {
            Some(style) => colored.push_str(&style.ansi().render().to_string()),
            None if c == END => colored.push_str(&anstyle::Reset.render().to_string()),
            None if is_mark(c) => {}
            None => colored.push(c),
        }
    }
    colored
}
