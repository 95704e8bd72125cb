//! What every reader is given beside the file.

use super::patterns::Patterns;
use crate::data::columns::ColumnMap;
use crate::data::files::{Meter, Progress};

/// What readers need beside the file.
#[derive(Clone, Copy)]
pub(in crate::data) struct Context<'a> {
    pub(in crate::data) map: &'a ColumnMap,
    pub(in crate::data) patterns: &'a Patterns,
    pub(in crate::data) meter: &'a Meter,
    pub(in crate::data) progress: Progress<'a>,
}
