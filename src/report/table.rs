//! A table of text that prints as text or Markdown and fills the page.

use serde::Serialize;
use textwrap::core::display_width;

use super::inert::{inert, markdown};
use super::screen::{Screen, TIE, whole_numbers};
use super::style::Style;

/// Characters between two columns.
const GAP: usize = 2;

/// Characters from which a single word, as a path, is broken.
const LONG_WORD: usize = 30;

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
    pub(super) fn is_numeric(&self, column: usize) -> bool {
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

    /// Aligned columns without ruling, of at most 80 characters a line.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.to_text_on(Screen::PLAIN)
    }

    /// Aligned columns for a page. Where a line would be longer, words go on in a next line of their
    /// cell, and numbers stay whole; where even that is too wide, each row becomes lines of its own.
    #[must_use]
    pub fn to_text_on(&self, screen: Screen) -> String {
        let mut text = String::new();
        if !self.title.is_empty() {
            let title = Style::Strong.mark(&self.title);
            text.push_str(&(screen.wrapped(&title, "  ") + "\n"));
        }
        let cells = Cells::of(self);
        let natural: Vec<usize> = (0..self.columns.len()).map(|i| cells.widest(i)).collect();
        let layout = if taken(&natural, GAP) <= screen.width {
            Some((natural, GAP))
        } else {
            // Closer columns, where that leaves every cell in one line.
            let with = |gap: usize| Some((cells.widths(screen.width, gap)?, gap));
            let in_one_line = |(widths, _): &(Vec<usize>, usize)| {
                widths.iter().enumerate().all(|(i, width)| *width >= cells.widest_cell(i))
            };
            with(GAP)
                .filter(in_one_line)
                .or_else(|| with(1).filter(in_one_line))
                .or_else(|| with(GAP))
                .or_else(|| with(1))
        };
        match layout {
            Some((widths, gap)) => text.push_str(&cells.laid_out(self, &widths, gap)),
            None => text.push_str(&self.stacked(screen)),
        }
        text
    }

    /// Each row as lines, a column a line.
    fn stacked(&self, screen: Screen) -> String {
        let label = self.columns.iter().skip(1).map(|c| display_width(c)).max().unwrap_or(0);
        let mut text = String::new();
        for row in &self.rows {
            text.push_str(&(screen.wrapped(&format!(" {}", row[0]), "   ") + "\n"));
            for (column, cell) in self.columns.iter().zip(row).skip(1) {
                let pad = " ".repeat(label - display_width(column));
                let line = format!("   {column}{pad}  {}", whole_numbers(cell));
                text.push_str(&(screen.wrapped(&line, &" ".repeat(label + 5)) + "\n"));
            }
        }
        text
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

/// Headers and cells as they are printed, header first.
struct Cells {
    /// By column.
    columns: Vec<Vec<String>>,
}

impl Cells {
    fn of(table: &Table) -> Self {
        let printed = |cell: &str| whole_numbers(&inert(cell).replace('\t', " "));
        let columns = (0..table.columns.len())
            .map(|i| {
                let cells = table.rows.iter().map(|row| printed(&row[i]));
                std::iter::once(printed(&table.columns[i])).chain(cells).collect()
            })
            .collect();
        Self { columns }
    }

    fn widest(&self, column: usize) -> usize {
        self.columns[column].iter().map(|cell| width(cell)).max().unwrap_or(0)
    }

    /// The same without the header.
    fn widest_cell(&self, column: usize) -> usize {
        self.columns[column].iter().skip(1).map(|cell| width(cell)).max().unwrap_or(0)
    }

    /// The least width of a column: that of its longest word, where a number with its unit is one.
    fn least(&self, column: usize) -> usize {
        let words = |cell: &String| cell.split(' ').map(width).max().unwrap_or(0);
        let cells = &self.columns[column];
        let below = cells.iter().skip(1).map(words).max().unwrap_or(0);
        words(&cells[0]).max(below.min(LONG_WORD))
    }

    /// Widths that fit a page: columns of few characters get all they need, the others share the rest.
    fn widths(&self, page: usize, gap: usize) -> Option<Vec<usize>> {
        let n = self.columns.len();
        let mut widths: Vec<usize> = (0..n).map(|i| self.least(i)).collect();
        let mut free = page.checked_sub(taken(&widths, gap))?;
        // Cells before headers; the narrowest grow first, so that a long text leaves the others whole.
        let cells: Vec<usize> = (0..n).map(|i| self.widest_cell(i)).collect();
        let all: Vec<usize> = (0..n).map(|i| self.widest(i)).collect();
        for wanted in [cells, all] {
            let wanting = |widths: &[usize]| {
                (0..n).filter(|i| widths[*i] < wanted[*i]).min_by_key(|i| widths[*i])
            };
            while let Some(least) = wanting(&widths).filter(|_| free > 0) {
                widths[least] += 1;
                free -= 1;
            }
        }
        Some(widths)
    }

    fn laid_out(&self, table: &Table, widths: &[usize], gap: usize) -> String {
        let broken = |column: usize, cell: &String| {
            let options = textwrap::Options::new(widths[column].max(1))
                .word_splitter(textwrap::WordSplitter::NoHyphenation);
            textwrap::fill(cell, options)
        };
        let line = |k: usize| self.columns.iter().enumerate().map(move |(i, c)| broken(i, &c[k]));
        let mut grid = comfy_table::Table::new();
        grid.load_style(comfy_table::presets::NOTHING);
        grid.set_header(line(0));
        (1..=table.rows.len()).for_each(|k| {
            grid.add_row(line(k));
        });
        for i in 0..widths.len() {
            let Some(column) = grid.column_mut(i) else { continue };
            column.set_padding((1, if gap == GAP { 1 } else { 0 }));
            if table.is_numeric(i) {
                column.set_cell_alignment(comfy_table::CellAlignment::Right);
            }
        }
        grid.lines().map(|line| line.trim_end().replace(TIE, " ") + "\n").collect()
    }
}

/// Characters of the longest line of a cell.
fn width(cell: &str) -> usize {
    cell.lines().map(display_width).max().unwrap_or(0)
}

/// Characters that columns of these widths take, with the one before the first.
fn taken(widths: &[usize], gap: usize) -> usize {
    1 + widths.iter().sum::<usize>() + gap * widths.len().saturating_sub(1)
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
        let text = table.to_text_on(Screen { width: 30, color: false });
        assert!(text.lines().all(|line| line.chars().count() <= 30), "{text}");
        assert!(text.contains("1234567890") && text.lines().count() > 2, "{text}");
    }

    #[test]
    fn no_number_or_header_is_broken_at_any_width() {
        let mut table = Table::new("", &["law of loss", "95 % interval", "N (params)", "source"]);
        let source = "a paper with a title, table 3, and a remark on how its numbers were read";
        table.push(["chinchilla", "1.2345 to 1.4567", "70.23B", source]);
        table.push(["a-law-with-a-long-name", "-0.5 to 12.25 %", "1.3T", source]);
        for width in 24..120 {
            let text = table.to_text_on(Screen { width, color: false });
            for whole in ["1.2345 to 1.4567", "12.25 %", "70.23B", "interval", "(params)"] {
                assert!(text.contains(whole), "{width}: {whole}\n{text}");
            }
            let wide = text.lines().find(|line| line.chars().count() > width);
            assert!(wide.is_none_or(|_| width < 44), "{width}\n{text}");
        }
    }

    #[test]
    fn the_first_rows_say_how_many_follow() {
        let mut table = Table::new("T", &["name"]);
        ["a", "b", "c"].into_iter().for_each(|name| table.push([name]));
        let (first, more) = table.first_rows(2);
        assert_eq!((first.rows.len(), more), (2, 1));
    }
}
