//! A table of text that prints as text, Markdown, CSV or HTML rows.

use serde::Serialize;

/// A titled table. Cells are already formatted; every header carries its unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Sheet {
    /// Title above it.
    pub title: String,
    /// Headers.
    pub columns: Vec<String>,
    /// Rows, each as long as `columns`.
    pub rows: Vec<Vec<String>>,
}

impl Sheet {
    /// An empty table.
    #[must_use]
    pub fn new(title: impl Into<String>, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|c| (*c).to_owned()).collect();
        Self { title: title.into(), columns, rows: Vec::new() }
    }

    /// Adds a row.
    ///
    /// # Panics
    /// When it has another number of cells than there are columns, which is a slip in the code.
    pub fn push<const N: usize>(&mut self, cells: [&str; N]) {
        assert_eq!(N, self.columns.len(), "a row of `{}`", self.title);
        self.rows.push(cells.iter().map(|c| (*c).to_owned()).collect());
    }

    /// Whether a column holds numbers and is aligned right.
    fn is_numeric(&self, column: usize) -> bool {
        let numeric = |cell: &str| {
            cell.is_empty()
                || cell == "-"
                || cell
                    .trim_start_matches(['+', '-', '[', '$'])
                    .starts_with(|c: char| c.is_ascii_digit())
        };
        column > 0 && self.rows.iter().all(|row| numeric(&row[column]))
    }

    /// Aligned columns for a terminal, without ruling.
    #[must_use]
    pub fn to_text(&self) -> String {
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
        let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
        let title = if self.title.is_empty() { String::new() } else { format!("{}\n", self.title) };
        format!("{title}{}\n", lines.join("\n"))
    }

    /// A Markdown table.
    #[must_use]
    pub fn to_markdown(&self) -> String {
        let line = |cells: &[String]| {
            let escaped: Vec<String> = cells.iter().map(|c| c.replace('|', "\\|")).collect();
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
        let mut sheet = Sheet::new("T", &["name", "N"]);
        sheet.push(["a", "7"]);
        sheet.push(["b", "1000"]);
        assert!(sheet.to_text().contains("   7\n"), "{}", sheet.to_text());
        assert!(sheet.to_markdown().contains("| --- | ---: |"));
    }
}
