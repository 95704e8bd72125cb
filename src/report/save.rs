//! Results in files: the extension of the path chooses the format.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use super::chart::{Chart, Size, render_png, render_svg};
use crate::data::write_atomically;
use crate::error::{Error, ReportError, Result};

/// Formats of files that are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A picture for pages, 800 x 500.
    Svg,
    /// A picture for slides and papers, 1600 x 1000.
    Png,
    /// Rows.
    Csv,
    /// The whole value.
    Json,
    /// A file of runs for the trainer.
    Toml,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Svg => ".svg",
            Self::Png => ".png",
            Self::Csv => ".csv",
            Self::Json => ".json",
            Self::Toml => ".toml",
        })
    }
}

impl Format {
    /// The format of a path, one of `among`.
    ///
    /// # Errors
    /// [`ReportError::UnknownFormat`] for any other extension, or for none.
    pub fn of(path: impl AsRef<Path>, among: &[Self]) -> Result<Self> {
        let path = path.as_ref();
        let extension = path.extension().map(|e| e.to_string_lossy().to_lowercase());
        let extension = extension.unwrap_or_default();
        let known = among.iter().find(|f| f.to_string().trim_start_matches('.') == extension);
        known.copied().ok_or_else(|| {
            let expected: Vec<String> = among.iter().map(ToString::to_string).collect();
            let (path, expected) = (path.display().to_string(), expected.join(", "));
            ReportError::UnknownFormat { path, extension, expected }.into()
        })
    }
}

/// Refuses paths whose extension is none of `among`; call it before any long work.
///
/// # Errors
/// [`ReportError::UnknownFormat`] for the first of them.
pub fn check_extensions(paths: &[impl AsRef<Path>], among: &[Format]) -> Result<()> {
    paths.iter().try_for_each(|path| Format::of(path, among).map(|_| ()))
}

/// One form of a result.
#[derive(Clone, Copy, Debug)]
pub enum Saved<'a> {
    /// A chart, as .svg or .png.
    Chart(&'a Chart),
    /// Rows, as .csv.
    Csv(&'a str),
    /// JSON text, as .json.
    Json(&'a str),
    /// A sweep file, as .toml.
    Toml(&'a str),
}

impl Saved<'_> {
    fn formats(&self) -> &'static [Format] {
        match self {
            Self::Chart(_) => &[Format::Svg, Format::Png],
            Self::Csv(_) => &[Format::Csv],
            Self::Json(_) => &[Format::Json],
            Self::Toml(_) => &[Format::Toml],
        }
    }

    fn bytes(&self, format: Format) -> Result<Vec<u8>> {
        Ok(match self {
            Self::Chart(chart) if format == Format::Png => render_png(chart, Size::LARGE)?,
            Self::Chart(chart) => render_svg(chart, Size::PAGE)?.into_bytes(),
            Self::Csv(text) | Self::Json(text) | Self::Toml(text) => text.as_bytes().to_vec(),
        })
    }
}

/// Writes the form that the extension of `path` asks for, whole or not at all.
///
/// ```
/// use isoloss::report::{Saved, json_text, save};
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("plan.json");
/// let json = json_text(&[70e9, 1.4e12])?;
/// save(&path, &[Saved::Csv("params,tokens\n70e9,1.4e12\n"), Saved::Json(&json)])?;
/// assert_eq!(std::fs::read_to_string(&path)?, json);
///
/// let error = save("plan.xlsx", &[Saved::Json(&json)]).expect_err("not a format");
/// assert_eq!(error.to_string(), "plan.xlsx: `.xlsx` is not a format for this; expected .json");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// [`ReportError::UnknownFormat`] when no form has that extension, [`ReportError::Draw`] and
/// [`Error::Io`] when drawing or writing fails.
pub fn save(path: impl AsRef<Path>, forms: &[Saved<'_>]) -> Result<()> {
    let path = path.as_ref();
    let among: Vec<Format> = forms.iter().flat_map(Saved::formats).copied().collect();
    let format = Format::of(path, &among)?;
    write_atomically(path, &saved_bytes(path, format, forms)?)
}

/// What [`save`] writes for a format, for whoever writes it elsewhere.
///
/// - `path`: where it goes, for errors.
///
/// # Errors
/// As [`save`], but for writing.
pub fn saved_bytes(path: impl AsRef<Path>, format: Format, forms: &[Saved<'_>]) -> Result<Vec<u8>> {
    let form = forms.iter().find(|f| f.formats().contains(&format));
    let expected = || {
        let among = forms.iter().flat_map(Saved::formats).map(ToString::to_string);
        let (path, extension) = (path.as_ref().display().to_string(), format.to_string());
        ReportError::UnknownFormat {
            path,
            extension: extension.trim_start_matches('.').to_owned(),
            expected: among.collect::<Vec<_>>().join(", "),
        }
    };
    form.ok_or_else(expected)?.bytes(format)
}

/// JSON as files hold it: indented, with a final newline.
///
/// # Errors
/// [`ReportError::Json`] for a value JSON cannot hold, such as a map with keys that are no text.
pub fn json_text(value: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|e| Error::from(ReportError::Json { reason: e.to_string() }))?;
    Ok(text + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_are_checked_in_any_case_before_any_work() {
        let pictures = [Format::Svg, Format::Png];
        assert_eq!(Format::of("a/B.PNG", &pictures).expect("a picture"), Format::Png);
        assert!(check_extensions(&["a.svg", "b.png"], &pictures).is_ok());
        for bad in ["a.csv", "a", ".svg"] {
            let error = check_extensions(&["a.svg", bad], &pictures).expect_err(bad);
            assert!(error.is_bad_input() && error.to_string().contains(".svg, .png"), "{error}");
        }
    }
}
