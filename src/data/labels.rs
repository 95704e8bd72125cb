//! The labels of a run by column, cheap where many runs have the same columns.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::label::Label;

/// What the other columns of a row say, by column.
///
/// Rows of one table share the names of their columns.
///
/// ```
/// use isoloss::data::{Label, Labels};
///
/// let labels: Labels = [("seed".to_owned(), Label::of("3"))].into_iter().collect();
/// assert_eq!(labels.get("seed"), Some(&Label::Number(3.0)));
/// assert_eq!(labels.columns().collect::<Vec<_>>(), ["seed"]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Labels {
    /// In order.
    columns: Arc<[Arc<str>]>,
    /// As many as columns, or none where every cell is empty.
    values: Box<[Option<Label>]>,
}

impl Labels {
    /// Cells of columns that are in order of their names.
    #[cfg(feature = "logs")]
    pub(super) fn shared(columns: &Arc<[Arc<str>]>, values: Vec<Option<Label>>) -> Self {
        if values.iter().all(Option::is_none) {
            return Self::default();
        }
        Self { columns: Arc::clone(columns), values: values.into() }
    }

    /// What a column says.
    #[must_use]
    pub fn get(&self, column: &str) -> Option<&Label> {
        let at = self.columns.binary_search_by(|name| (**name).cmp(column)).ok()?;
        self.values.get(at)?.as_ref()
    }

    /// The columns that say something, with what they say, in order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Label)> {
        let pairs = self.columns.iter().zip(&self.values);
        pairs.filter_map(|(column, value)| Some((&**column, value.as_ref()?)))
    }

    /// The columns that say something, in order.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(column, _)| column)
    }

    /// Whether no column says anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.columns().next().is_none()
    }
}

impl PartialEq for Labels {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl FromIterator<(String, Label)> for Labels {
    fn from_iter<I: IntoIterator<Item = (String, Label)>>(pairs: I) -> Self {
        let sorted: BTreeMap<String, Label> = pairs.into_iter().collect();
        let columns = sorted.keys().map(|column| Arc::from(column.as_str())).collect();
        Self { columns, values: sorted.into_values().map(Some).collect() }
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        BTreeMap::<String, Label>::deserialize(from).map(Self::from_iter)
    }
}
