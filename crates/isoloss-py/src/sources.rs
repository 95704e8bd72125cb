//! Where rows come from: paths, and tables in memory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use isoloss::data::{Frame, FrameColumn};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyFloat, PyInt, PyList, PyString};

use crate::errors::raised;

/// A table in memory.
#[pyclass(frozen, module = "isoloss._isoloss")]
pub(crate) struct Table {
    frame: Arc<Frame>,
}

#[pymethods]
impl Table {
    /// A table of columns.
    ///
    /// A column is the bytes of 64-bit floats, where NaN is an empty cell if `nan_is_empty` says so, or
    /// a list of anything.
    #[new]
    fn new(
        py: Python<'_>,
        name: &str,
        columns: Vec<(String, Bound<'_, PyAny>)>,
        nan_is_empty: bool,
    ) -> PyResult<Self> {
        let columns: Vec<(String, FrameColumn)> = columns
            .into_iter()
            .map(|(column, cells)| Ok((column, cells_of(&cells, nan_is_empty)?)))
            .collect::<PyResult<_>>()?;
        let name = name.to_owned();
        let frame = py.detach(|| Frame::new(&name, &columns));
        let frame = frame.map_err(|error| raised(py, &error.into()))?;
        Ok(Self { frame: Arc::new(frame) })
    }
}

fn cells_of(cells: &Bound<'_, PyAny>, nan_is_empty: bool) -> PyResult<FrameColumn> {
    let filled = |x: f64| (!(nan_is_empty && x.is_nan())).then_some(x);
    if let Ok(bytes) = cells.cast::<PyBytes>() {
        let (numbers, _) = bytes.as_bytes().as_chunks::<8>();
        return Ok(FrameColumn::Numbers(
            numbers.iter().map(|bytes| filled(f64::from_ne_bytes(*bytes))).collect(),
        ));
    }
    let cells: Vec<Bound<'_, PyAny>> = cells.try_iter()?.collect::<PyResult<_>>()?;
    let is_number = |cell: &Bound<'_, PyAny>| {
        cell.is_none()
            || !cell.is_instance_of::<PyBool>()
                && (cell.is_instance_of::<PyFloat>() || cell.is_instance_of::<PyInt>())
    };
    if cells.iter().all(is_number) {
        let number = |cell: &Bound<'_, PyAny>| -> PyResult<Option<f64>> {
            Ok(cell.extract::<Option<f64>>()?.and_then(filled))
        };
        return cells.iter().map(number).collect::<PyResult<_>>().map(FrameColumn::Numbers);
    }
    let text = |cell: &Bound<'_, PyAny>| -> PyResult<Option<String>> {
        if cell.is_none() {
            return Ok(None);
        }
        if cell.is_instance_of::<PyBool>() {
            return Ok(Some(if cell.is_truthy()? { "true" } else { "false" }.to_owned()));
        }
        if cell.is_instance_of::<PyFloat>() {
            return Ok(filled(cell.extract()?).map(|x| format!("{x:e}")));
        }
        Ok(Some(cell.str()?.to_string()))
    };
    cells.iter().map(text).collect::<PyResult<_>>().map(FrameColumn::Texts)
}

/// Paths to read; tables in memory live as long as this.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources {
    pub(crate) paths: Vec<PathBuf>,
    _frames: Vec<Arc<Frame>>,
}

impl Sources {
    /// Of a list of paths and tables.
    pub(crate) fn of(list: &Bound<'_, PyList>) -> PyResult<Self> {
        let mut sources = Self::default();
        for one in list {
            if let Ok(table) = one.cast::<Table>() {
                let frame = &table.get().frame;
                let path: &Path = AsRef::<Path>::as_ref(&**frame);
                sources.paths.push(path.to_owned());
                sources._frames.push(Arc::clone(frame));
            } else if one.is_instance_of::<PyString>() {
                sources.paths.push(one.extract()?);
            } else {
                return Err(PyTypeError::new_err("expected paths and tables"));
            }
        }
        Ok(sources)
    }
}
