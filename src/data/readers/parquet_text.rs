//! One column of text of a Parquet file, plain or inside groups, whatever it is encoded as.

use std::fs::File;
use std::io::{Cursor, Read, Seek, SeekFrom};

use polars_arrow::array::{Array, BinaryViewArray, StructArray, Utf8ViewArray};
use polars_arrow::datatypes::{ArrowDataType, Field};
use polars_parquet::read::{
    BasicDecompressor, PageReader, RowGroupMetadata, column_iter_to_arrays, infer_schema,
    read_metadata,
};

use super::parquet::guarded;
use crate::data::files::Source;
use crate::error::DataError;

/// The cells of a column of text, row by row; `None` where one is empty or no UTF-8.
///
/// - `field`: its name, or the names of the groups it lies in and its own, joined by dots or as a JSON pointer.
///
/// Read leaf by leaf rather than as a table: a table of polars needs features for dictionaries and for
/// structs that cost every build minutes. What other programs note about their own types (a dictionary, large
/// strings) is not asked: in the file all of these are byte arrays.
pub(in crate::data) fn texts(
    source: &Source,
    field: &str,
) -> Result<Vec<Option<String>>, DataError> {
    // The reader panics on some damaged pages.
    guarded(|| read(source, field))
        .unwrap_or_else(|| Err(source.unreadable(&"the file is damaged")))
}

fn read(source: &Source, field: &str) -> Result<Vec<Option<String>>, DataError> {
    let no_text = |reason: String| DataError::NoTextColumn {
        path: source.shown(),
        field: field.to_owned(),
        reason,
    };
    let mut file = File::open(source.place()).map_err(|e| source.unreadable(&e))?;
    let mut metadata = read_metadata(&mut file).map_err(|e| source.unreadable(&e))?;
    metadata.key_value_metadata = None;
    let schema = infer_schema(&metadata).map_err(|e| source.unreadable(&e))?;
    let names: Vec<&str> = schema.iter_values().map(|f| f.name.as_str()).collect();
    let path = parts(field, &names);
    let top = schema.get(path[0].as_str()).ok_or_else(|| {
        let known = names.iter().take(8).map(|name| format!("`{name}`")).collect::<Vec<_>>();
        no_text(format!("the file has {}", known.join(", ")))
    })?;
    let leaf = only(top, &path[1..]).map_err(no_text)?;
    let mut cells = Vec::with_capacity(metadata.num_rows);
    for group in &metadata.row_groups {
        let array = column(&mut file, group, &path, &leaf).map_err(|e| source.unreadable(&e))?;
        for array in array {
            collect(array.as_ref(), &mut cells).map_err(no_text)?;
        }
    }
    Ok(cells)
}

/// The names of the groups and the column that `field` stands for.
fn parts(field: &str, names: &[&str]) -> Vec<String> {
    if names.contains(&field) {
        return vec![field.to_owned()];
    }
    match field.strip_prefix('/') {
        Some(pointer) => {
            pointer.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect()
        }
        None => field.split('.').map(str::to_owned).collect(),
    }
}

/// The field with nothing in its groups but the path to one leaf of bytes.
fn only(field: &Field, path: &[String]) -> Result<Field, String> {
    let kept = |dtype| Field::new(field.name.clone(), dtype, field.is_nullable);
    match (&field.dtype, path) {
        (ArrowDataType::Utf8View | ArrowDataType::BinaryView, []) => Ok(field.clone()),
        (ArrowDataType::Struct(fields), [name, rest @ ..]) => {
            let inner = fields.iter().find(|f| f.name.as_str() == name);
            let inner = inner.ok_or_else(|| {
                let known: Vec<&str> = fields.iter().map(|f| f.name.as_str()).collect();
                format!("`{}` holds {}, not `{name}`", field.name, known.join(", "))
            })?;
            Ok(kept(ArrowDataType::Struct(vec![only(inner, rest)?])))
        }
        (ArrowDataType::Struct(fields), []) => {
            let known: Vec<&str> = fields.iter().map(|f| f.name.as_str()).collect();
            Err(format!("`{}` is a group of {}", field.name, known.join(", ")))
        }
        (dtype, []) => Err(format!("`{}` is of type {dtype:?}", field.name)),
        (_, [name, ..]) => Err(format!("`{}` is no group, so it has no `{name}`", field.name)),
    }
}

/// The pages of one leaf in one row group, decoded.
fn column(
    file: &mut File,
    group: &RowGroupMetadata,
    path: &[String],
    field: &Field,
) -> Result<Vec<Box<dyn Array>>, String> {
    let found = group
        .parquet_columns()
        .iter()
        .find(|c| c.descriptor().path_in_schema.iter().map(|part| part.as_str()).eq(path.iter()));
    let chunk = found.ok_or("a row group lacks the column")?;
    let range = chunk.byte_range();
    file.seek(SeekFrom::Start(range.start)).map_err(|e| e.to_string())?;
    let mut bytes = Vec::new();
    let length = range.end.saturating_sub(range.start);
    file.take(length).read_to_end(&mut bytes).map_err(|e| e.to_string())?;
    let pages = PageReader::new(Cursor::new(bytes.into()), chunk, Vec::new(), usize::MAX);
    let pages = vec![BasicDecompressor::new(pages, Vec::new())];
    let kind = vec![&chunk.descriptor().descriptor.primitive_type];
    let (arrays, _) =
        column_iter_to_arrays(pages, kind, field.clone(), None).map_err(|e| e.to_string())?;
    Ok(arrays)
}

fn collect(array: &dyn Array, cells: &mut Vec<Option<String>>) -> Result<(), String> {
    let any = array.as_any();
    if let Some(group) = any.downcast_ref::<StructArray>() {
        let from = cells.len();
        let inner = group.values().first().ok_or("an empty group")?;
        collect(inner.as_ref(), cells)?;
        if let Some(there) = group.validity() {
            for (cell, there) in cells[from..].iter_mut().zip(there.iter()) {
                *cell = cell.take().filter(|_| there);
            }
        }
    } else if let Some(texts) = any.downcast_ref::<Utf8ViewArray>() {
        cells.extend(texts.iter().map(|text| text.map(str::to_owned)));
    } else if let Some(bytes) = any.downcast_ref::<BinaryViewArray>() {
        let text = |bytes: &[u8]| std::str::from_utf8(bytes).ok().map(str::to_owned);
        cells.extend(bytes.iter().map(|cell| cell.and_then(text)));
    } else {
        return Err(format!("of type {:?}", array.dtype()));
    }
    Ok(())
}
