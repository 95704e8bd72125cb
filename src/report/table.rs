//! A table of text that prints as text or Markdown and fills the page.

use serde::Serialize;

use super::inert::markdown;

/// A titled table. Cells are already formatted; every header carries its unit.
///
/// ```
/// use isoloss::report::Table;
///
/// let mut table = Table::new("Runs", &["run", "N (parameters)"]);
/// table.push(["small", "70M"]);
/// table.push(["large", "1.4B"]);
/// assert_eq!(table.to_text().lines().next(), Some("Runs"));
/// assert!(table.to_markdown().ends_with("| small | 70M |\n| large | 1.4B |\n"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Table {
    /// Title above it.
    pub title: String,
    /// Headers.
    pub columns: Vec<String>,
    /// Rows, each as long as `columns`.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(title: impl Into<String>, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|c| (*c).to_owned()).collect();
        Self { title: title.into(), columns, rows: Vec::new() }
    }

    /// Adds a row.
    ///
    /// # Panics
    /// When the number of cells differs from the number of columns, which is a bug of the caller.
    pub fn push<const N: usize>(&mut self, cells: [&str; N]) {
        assert_eq!(N, self.columns.len(), "a row of `{}`", self.title);
        self.rows.push(cells.iter().map(|c| (*c).to_owned()).collect());
    }

    /// The table with its first rows, and how many were left away.
    #[must_use]
    pub fn first_rows(mut self, most: usize) -> (Self, usize) {
        let more = self.rows.len().saturating_sub(most);
        self.rows.truncate(most);
        (self, more)
    }

    /// Whether a column holds numbers and is aligned right.
    fn is_numeric(&self, column: usize) -> bool {
        column > 0 && self.holds_numbers(column)
    }

    fn holds_numbers(&self, column: usize) -> bool {
        let numeric = |cell: &str| {
            cell.is_empty()
                || cell == "-"
                || cell
                    .trim_start_matches(['+', '-', '[', '$'])
                    .starts_with(|c: char| c.is_ascii_digit())
        };
        self.rows.iter().all(|row| numeric(&row[column]))
    }

    /// Aligned columns for a terminal, without ruling.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.text_of(self.laid_out())
    }

    /// As [`to_text`](Self::to_text), closer and with words broken into lines where a line would be
    /// longer than `width` characters; numbers stay whole.
    #[must_use]
    pub fn to_text_within(&self, width: u16) -> String {
        let mut table = self.laid_out();
        let fits = |table: &comfy_table::Table| {
            table.lines().all(|line| line.trim_end().chars().count() <= usize::from(width))
        };
        if fits(&table) {
            return self.text_of(table);
        }
        table.column_iter_mut().for_each(|column| {
            column.set_padding((1, 0));
        });
        table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
        table.set_width(width);
        for i in 0..self.columns.len() {
            if let (true, Some(column)) = (self.holds_numbers(i), table.column_mut(i)) {
                column.set_constraint(comfy_table::ColumnConstraint::ContentWidth);
            }
        }
        self.text_of(table)
    }

    fn laid_out(&self) -> comfy_table::Table {
        let mut table = comfy_table::Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        table.set_header(self.columns.iter().map(String::as_str));
        for row in &self.rows {
            table.add_row(row.iter().map(String::as_str));
        }
        for i in 0..self.columns.len() {
            if let (true, Some(column)) = (self.is_numeric(i), table.column_mut(i)) {
                column.set_cell_alignment(comfy_table::CellAlignment::Right);
            }
        }
        table
    }

    fn text_of(&self, table: comfy_table::Table) -> String {
        let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
        let title = if self.title.is_empty() { String::new() } else { format!("{}\n", self.title) };
        format!("{title}{}\n", lines.join("\n"))
    }

    /// A Markdown table, without its title.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let line = |cells: &[String]| {
            let escaped: Vec<String> =
                cells.iter().map(|c| markdown(c).replace('|', "\\|")).collect();
            format!("| {} |\n", escaped.join(" | "))
        };
        let rule: Vec<String> = (0..self.columns.len())
            .map(|i| if self.is_numeric(i) { "---:" } else { "---" }.to_owned())
            .collect();
        let mut text = line(&self.columns) + &line(&rule);
        self.rows.iter().for_each(|row| text.push_str(&line(row)));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_aligned_right() {
        let mut table = Table::new("T", &["name", "N"]);
        table.push(["a", "7"]);
        table.push(["b", "1000"]);
        assert!(table.to_text().contains("   7\n"), "{}", table.to_text());
        assert!(table.to_markdown().contains("| --- | ---: |"));
    }

    #[test]
    fn words_give_way_to_numbers_where_lines_are_short() {
        let mut table = Table::new("", &["name", "N"]);
        table.push(["a run with a name of many words that goes on", "1234567890"]);
        let text = table.to_text_within(30);
        assert!(text.lines().all(|line| line.chars().count() <= 30), "{text}");
        assert!(text.contains("1234567890") && text.lines().count() > 2, "{text}");
    }

    #[test]
    fn the_first_rows_say_how_many_follow() {
        let mut table = Table::new("T", &["name"]);
        ["a", "b", "c"].into_iter().for_each(|name| table.push([name]));
        let (first, more) = table.first_rows(2);
        assert_eq!((first.rows.len(), more), (2, 1));
    }
}
