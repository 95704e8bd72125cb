//! Tables in memory, which come in by the door of files.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::NamedTempFile;

use super::pipes::{Pipe, keep};
use crate::error::DataError;

/// The cells of one column.
#[derive(Clone, Debug, PartialEq)]
pub enum FrameColumn {
    /// Numbers; `None` is an empty cell, NaN one that says so.
    Numbers(Vec<Option<f64>>),
    /// Anything else.
    Texts(Vec<Option<String>>),
}

impl FrameColumn {
    /// Cells in it.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Numbers(cells) => cells.len(),
            Self::Texts(cells) => cells.len(),
        }
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A table in memory, under a path that every reader takes as long as this value lives.
///
/// It is read as a CSV file of the same cells is: the same names of columns, units, conditions and
/// refusals. Like a pipe it goes to a temporary file, numbers with the digits that give back their
/// bits. Its rows are lines in messages, the names of the columns being line 1.
///
/// ```
/// use isoloss::data::{Frame, FrameColumn, ReadOptions, read};
///
/// let numbers = |cells: [f64; 2]| FrameColumn::Numbers(cells.map(Some).to_vec());
/// let frame = Frame::new(
///     "runs",
///     &[
///         ("params".to_owned(), numbers([1e8, 2e8])),
///         ("tokens".to_owned(), numbers([2e9, 4e9])),
///         ("loss".to_owned(), numbers([0.1 + 3.0, 2.9])),
///     ],
/// )?;
/// let table = read(&[&frame], &ReadOptions::default())?;
/// assert_eq!(table.runs[0].loss_nats, 0.1 + 3.0);
/// assert_eq!(table.runs[0].run, "<runs>:2");
/// # Ok::<(), isoloss::error::Error>(())
/// ```
#[derive(Debug)]
pub struct Frame {
    path: PathBuf,
    _kept: Arc<Pipe>,
}

impl Frame {
    /// A table of columns.
    ///
    /// - `name`: what messages call it; a number is added where another of that name is there.
    ///
    /// # Errors
    /// [`DataError::Unreadable`] for columns of different lengths and for a full disk.
    pub fn new(name: &str, columns: &[(String, FrameColumn)]) -> Result<Self, DataError> {
        let bad = |reason: String| DataError::Unreadable { path: format!("<{name}>"), reason };
        let rows = columns.first().map_or(0, |(_, column)| column.len());
        if let Some((other, column)) = columns.iter().find(|(_, column)| column.len() != rows) {
            let (first, found) = (&columns[0].0, column.len());
            return Err(bad(format!(
                "`{first}` has {rows} cells and `{other}` {found}; a table has columns of one length"
            )));
        }
        let failed = |e: &dyn std::fmt::Display| bad(format!("its copy: {e}"));
        let file = NamedTempFile::new().map_err(|e| failed(&e))?;
        let mut to = csv::Writer::from_writer(std::io::BufWriter::new(file.as_file()));
        to.write_record(columns.iter().map(|(name, _)| line(name))).map_err(|e| failed(&e))?;
        for row in 0..rows {
            for (_, column) in columns {
                let cell = match column {
                    FrameColumn::Numbers(cells) => {
                        cells[row].map_or(String::new(), |x| format!("{x:e}"))
                    }
                    FrameColumn::Texts(cells) => cells[row].as_deref().map_or(String::new(), line),
                };
                to.write_field(&cell).map_err(|e| failed(&e))?;
            }
            to.write_record(None::<&[u8]>).map_err(|e| failed(&e))?;
        }
        let mut to = to.into_inner().map_err(|e| failed(&e))?;
        to.flush().map_err(|e| failed(&e))?;
        drop(to);
        let (path, kept) = keep(name, file);
        Ok(Self { path, _kept: kept })
    }

    /// The bytes of a file of any format that is read.
    ///
    /// - `name`: what messages call it; a number is added where another of that name is there.
    ///
    /// ```
    /// use isoloss::data::{Frame, ReadOptions, read};
    ///
    /// let frame = Frame::of_bytes("runs.csv", b"params,tokens,loss\n1e8,2e9,3.1\n2e8,4e9,2.9\n")?;
    /// assert_eq!(read(&[&frame], &ReadOptions::default())?.runs.len(), 2);
    /// # Ok::<(), isoloss::error::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`DataError::Unreadable`] for a full disk.
    pub fn of_bytes(name: &str, bytes: &[u8]) -> Result<Self, DataError> {
        let failed = |e: std::io::Error| DataError::Unreadable {
            path: format!("<{name}>"),
            reason: format!("its copy: {e}"),
        };
        let mut file = NamedTempFile::new().map_err(failed)?;
        file.write_all(bytes).and_then(|()| file.flush()).map_err(failed)?;
        let (path, kept) = keep(name, file);
        Ok(Self { path, _kept: kept })
    }
}

/// A text on one line.
fn line(text: impl AsRef<str>) -> String {
    text.as_ref().replace(['\n', '\r'], " ")
}

impl AsRef<Path> for Frame {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{ReadOptions, read};

    fn frame(name: &str, losses: &[f64]) -> Frame {
        let of = |x: f64| FrameColumn::Numbers(vec![Some(x); losses.len()]);
        let names = (0..losses.len()).map(|i| Some(format!("run, \"{i}\"\nof two lines")));
        let losses = FrameColumn::Numbers(losses.iter().copied().map(Some).collect());
        let columns = [
            ("run", FrameColumn::Texts(names.collect())),
            ("params", of(1e8)),
            ("tokens", of(2e9)),
            ("loss", losses),
        ];
        Frame::new(name, &columns.map(|(name, column)| (name.to_owned(), column))).expect("a frame")
    }

    #[test]
    fn every_bit_of_a_number_comes_back() {
        let losses: Vec<f64> = (1..500)
            .map(|i| f64::from_bits(0x3ff0_0000_0000_0000 + i * 0x0000_1234_5678_9abd))
            .collect();
        let table = read(&[frame("bits", &losses)], &ReadOptions::default()).expect("runs");
        let back: Vec<f64> = table.runs.iter().map(|run| run.loss_nats).collect();
        assert_eq!(back, losses);
        assert_eq!(table.runs[7].run, "run, \"7\" of two lines");
    }

    #[test]
    fn frames_of_one_name_are_told_apart_and_go_with_their_value() {
        let (one, two) = (frame("same", &[3.0, 2.5]), frame("same", &[2.0, 1.5]));
        assert_eq!(one.as_ref(), Path::new("<same>"));
        assert_eq!(two.as_ref(), Path::new("<same 2>"));
        let table = read(&[&one, &two], &ReadOptions::default()).expect("runs");
        assert_eq!(table.files.len(), 2);
        let path = one.as_ref().to_owned();
        drop(one);
        assert!(read(&[path], &ReadOptions::default()).is_err());
    }

    #[test]
    fn columns_have_one_length() {
        let column = |cells: usize| FrameColumn::Numbers(vec![Some(1.0); cells]);
        let columns = [("n".to_owned(), column(2)), ("d".to_owned(), column(3))];
        let error = Frame::new("odd", &columns).expect_err("two lengths").to_string();
        assert!(error.contains("`n` has 2 cells and `d` 3"), "{error}");
    }
}
