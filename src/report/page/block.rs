//! What a page is made of: sections of paragraphs, facts, tables and figures.

use serde::Serialize;

use crate::report::table::Table;

/// A chart at one width, as SVG text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Width it was drawn for, CSS pixels.
    pub width: u32,
    /// The chart.
    pub svg: String,
}

/// A chart on the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Figure {
    /// Name of its files, without ending.
    pub name: String,
    /// The chart, once or for several widths; the page shows the widest that fits.
    #[serde(skip)]
    pub pictures: Vec<Picture>,
    /// What it is, in a few words; the text in place of the picture.
    pub description: String,
    /// What it shows, below it.
    pub caption: String,
    /// Files of the report that hold it.
    pub files: Vec<String>,
}

/// A label and what is said under it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// The label.
    pub label: String,
    /// Sentences or values.
    pub lines: Vec<String>,
}

/// A cell, and its interval below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// The value as it is shown.
    pub text: String,
    /// Its interval; empty where there is none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub interval: String,
}

/// A table of the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sheet {
    /// Title above it; empty for none.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// Headers.
    pub columns: Vec<String>,
    /// Which columns hold numbers.
    pub numeric: Vec<bool>,
    /// Rows, each as long as `columns`.
    pub rows: Vec<Vec<Cell>>,
}

/// The first cell of a row of intervals, which belong to the row above it.
const INTERVAL: &str = "interval";

impl From<Table> for Sheet {
    fn from(table: Table) -> Self {
        let numeric = (0..table.columns.len()).map(|i| table.is_numeric(i)).collect();
        let mut rows: Vec<Vec<Cell>> = Vec::new();
        for row in table.rows {
            match rows.last_mut() {
                Some(above) if row.first().is_some_and(|cell| cell.trim() == INTERVAL) => {
                    for (cell, interval) in above.iter_mut().zip(row).skip(1) {
                        // A cost may have a range where typical circumstances give it no value.
                        let of =
                            if cell.text.is_empty() { &mut cell.text } else { &mut cell.interval };
                        *of = interval;
                    }
                }
                _ => rows.push(
                    row.into_iter().map(|text| Cell { text, interval: String::new() }).collect(),
                ),
            }
        }
        let mut chars = table.title.chars();
        let title = chars
            .next()
            .map_or(String::new(), |first| format!("{}{}", first.to_uppercase(), chars.as_str()));
        Self { title, columns: table.columns, numeric, rows }
    }
}

/// A part of a section.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Block {
    /// A paragraph.
    Paragraph {
        /// Its sentences.
        text: String,
    },
    /// Points of a list.
    List {
        /// The points.
        items: Vec<String>,
    },
    /// Labels with values.
    Facts {
        /// In their order.
        facts: Vec<Fact>,
    },
    /// A table.
    Table(Sheet),
    /// A chart.
    Figure(Figure),
}

impl Block {
    /// A paragraph.
    #[must_use]
    pub fn paragraph(text: impl Into<String>) -> Self {
        Self::Paragraph { text: text.into() }
    }
}

impl From<Table> for Block {
    fn from(table: Table) -> Self {
        Self::Table(table.into())
    }
}

/// A heading with what stands below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Section {
    /// Its anchor: letters, digits and hyphens, once on a page.
    pub id: String,
    /// Its heading.
    pub heading: String,
    /// What stands below it.
    pub blocks: Vec<Block>,
    /// Sections below it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Self>,
}

impl Section {
    /// An empty section.
    #[must_use]
    pub fn new(id: impl Into<String>, heading: impl Into<String>) -> Self {
        let (id, heading) = (id.into(), heading.into());
        Self { id, heading, blocks: Vec::new(), parts: Vec::new() }
    }

    /// Adds a block.
    #[must_use]
    pub fn with(mut self, block: impl Into<Block>) -> Self {
        self.blocks.push(block.into());
        self
    }

    /// Adds blocks.
    #[must_use]
    pub fn with_all(mut self, blocks: impl IntoIterator<Item = Block>) -> Self {
        self.blocks.extend(blocks);
        self
    }

    /// Adds a section below it, unless it is empty.
    #[must_use]
    pub fn part(mut self, part: Self) -> Self {
        if !part.is_empty() {
            self.parts.push(part);
        }
        self
    }

    /// Whether nothing stands below the heading.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty() && self.parts.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_stand_with_their_numbers() {
        let mut table = Table::new("T", &["quantity", "plan"]);
        table.push(["N (parameters)", "7B"]);
        table.push(["  interval", "6B - 8B"]);
        table.push(["D (tokens)", "1T"]);
        table.push(["serve (USD)", ""]);
        table.push(["  interval", "$1 - $2"]);
        let sheet = Sheet::from(table);
        assert_eq!(sheet.rows.len(), 3);
        assert_eq!(sheet.rows[2][1].text, "$1 - $2");
        assert_eq!(sheet.rows[0][1].text, "7B");
        assert_eq!(sheet.rows[0][1].interval, "6B - 8B");
        assert_eq!(sheet.rows[1][1].interval, "");
        assert_eq!(sheet.numeric, [false, true]);
    }
}
