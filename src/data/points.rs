//! Tables of planned runs: N and D without a loss.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::cell_table::CellTable;
use super::condition;
use super::files::sources;
use super::layout::{Layout, Needs};
use super::options::ReadOptions;
use super::overrule::{fill, overrule};
use super::readers::table_of;
use super::table::{Assumption, Skipped};
use crate::error::{DataError, Result};
use crate::units::{Flops, ParamRule, Params, Setting, Tokens};

/// One row of a table of planned runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TablePoint {
    /// Its name, or `file:line` when the row has none.
    pub run: String,
    /// The file.
    pub path: String,
    /// 1-based line in the file (row for Parquet).
    pub line: usize,
    /// Parameters, by the table's convention.
    pub n: Params,
    /// Training tokens.
    pub d: Tokens,
    /// Training FLOPs: stated, or 6 N D.
    pub c: Flops,
    /// Repetition, sparsity and precision.
    #[serde(default, skip_serializing_if = "Setting::is_plain")]
    pub setting: Setting,
}

/// Planned runs with one convention.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PointTable {
    /// The points, in the order they were read.
    pub points: Vec<TablePoint>,
    /// Which parameters N counts.
    pub params: ParamRule,
    /// What was assumed.
    pub assumptions: Vec<Assumption>,
    /// Rows left out, each with its reason.
    pub skipped: Vec<Skipped>,
}

/// Reads tables of points: N with D, C or D/N in each row; a loss is not needed and not looked at.
///
/// - `options`: the column map, the facts, the rows to leave out and what N counts; the rest is
///   about losses and has no effect.
///
/// # Errors
/// [`DataError`] naming the file and, for a bad row, its line; mixed conventions; nothing left.
///
/// # Example
/// ```
/// use isoloss::data::{ReadOptions, read_points};
///
/// # let folder = tempfile::tempdir().expect("a folder");
/// let path = folder.path().join("points.csv");
/// std::fs::write(&path, "run,params,tokens\na,7B,140B\nb,70B,1.4T\n").expect("written");
/// let table = read_points(&[path], &ReadOptions::default())?;
/// assert_eq!(table.points[1].run, "b");
/// assert_eq!(table.points[1].d / table.points[1].n, 20.0);
/// # Ok::<(), isoloss::error::Error>(())
/// ```
pub fn read_points(paths: &[impl AsRef<Path>], options: &ReadOptions) -> Result<PointTable> {
    let mut points = PointTable {
        points: Vec::new(),
        params: options.params,
        assumptions: Vec::new(),
        skipped: Vec::new(),
    };
    let mut first: Option<ParamRule> = None;
    for source in sources(paths)? {
        let mut table = table_of(&source)?;
        fill(&mut table, options);
        let params = append(table, options, &mut points)?;
        let one = *first.get_or_insert(params);
        if one != params {
            let path = source.path.display().to_string();
            return Err(DataError::MixedParams { one, other: params, path }.into());
        }
        points.params = params;
    }
    Ok(points)
}

/// Adds the points of a table; returns which parameters its N counts.
fn append(
    mut table: CellTable,
    options: &ReadOptions,
    points: &mut PointTable,
) -> Result<ParamRule, DataError> {
    condition::select(&mut table, &options.only)?;
    table.add_sums(&options.map);
    table.scale(&options.map);
    overrule(&mut table, options);
    let layout = Layout::of(&table, options, Needs::Nothing)?;
    for assumption in layout.assumptions(&table, Needs::Nothing) {
        if !points.assumptions.contains(&assumption) {
            points.assumptions.push(assumption);
        }
    }
    let read = |row: usize, values: &[_]| {
        let size = layout.size(&table, row, values)?;
        let (path, line) = (table.path.clone(), table.lines[row]);
        let (n, d, c, setting) = (size.n, size.d, size.c, size.setting);
        Ok(TablePoint { run: size.run, path, line, n, d, c, setting })
    };
    let (found, outcome) = layout.rows(&table, options, read, &mut points.skipped);
    outcome?;
    points.points.extend(found);
    Ok(layout.params)
}
