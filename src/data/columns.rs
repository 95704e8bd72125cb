//! Which column holds what: by a map, else by the names people use.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::quantity::Quantity;
use crate::error::DataError;

/// A column and what its values are multiplied by.
#[derive(Clone, Debug, PartialEq)]
struct Scaled {
    column: String,
    factor: f64,
    /// Whether the values are logarithms of those of the column, `ln(COLUMN)`.
    ln: bool,
}

/// Column names by quantity, written `n=COLUMN,d=COLUMN`; `n=params_b*1e9` reads billions,
/// `n=body+head` adds columns, `loss=ln(ppl)` takes a logarithm.
///
/// ```
/// use isoloss::data::{ColumnMap, Quantity};
///
/// let map: ColumnMap = "n=params_b*1e9,loss=val/ce".parse()?;
/// assert_eq!(map.column(Quantity::Params), Some("params_b"));
/// assert_eq!(map.factor(Quantity::Params), 1e9);
/// assert_eq!(map.column(Quantity::Tokens), None);
/// assert!("size=params".parse::<ColumnMap>().is_err());
/// # Ok::<(), isoloss::error::DataError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ColumnMap(Vec<(Quantity, Scaled)>);

impl ColumnMap {
    /// The mapped column of a quantity.
    #[must_use]
    pub fn column(&self, quantity: Quantity) -> Option<&str> {
        self.0.iter().find(|(q, _)| *q == quantity).map(|(_, s)| s.column.as_str())
    }

    /// What the values of a quantity are multiplied by; 1 unless the map says so.
    #[must_use]
    pub fn factor(&self, quantity: Quantity) -> f64 {
        self.0.iter().find(|(q, _)| *q == quantity).map_or(1.0, |(_, s)| s.factor)
    }

    /// Whether the values of a quantity are the logarithms of those of its column.
    #[must_use]
    pub fn takes_ln(&self, quantity: Quantity) -> bool {
        self.0.iter().any(|(q, s)| *q == quantity && s.ln)
    }
}

impl FromStr for ColumnMap {
    type Err = DataError;

    fn from_str(from: &str) -> Result<Self, DataError> {
        let text = || from.to_owned();
        let mut map = Vec::new();
        for part in from.split(',').filter(|p| !p.trim().is_empty()) {
            let (key, column) =
                part.split_once('=').ok_or_else(|| DataError::BadMap { text: text() })?;
            let known = || Quantity::ALL.map(Quantity::key).to_vec();
            let quantity =
                Quantity::ALL.into_iter().find(|q| q.key() == key.trim()).ok_or_else(|| {
                    DataError::UnknownKey {
                        text: text(),
                        key: key.trim().to_owned(),
                        known: known(),
                    }
                })?;
            if map.iter().any(|(q, _)| *q == quantity) {
                return Err(DataError::RepeatedKey { text: text(), key: quantity.key() });
            }
            let inside = column.trim().strip_prefix("ln(").and_then(|c| c.strip_suffix(')'));
            if let Some(column) = inside {
                // Only losses are written as the exponential of what they are.
                if quantity != Quantity::Loss {
                    return Err(DataError::BadMap { text: text() });
                }
                let column = column.trim().to_owned();
                map.push((quantity, Scaled { column, factor: 1.0, ln: true }));
                continue;
            }
            let scaled = match column.rsplit_once('*').map(|(c, f)| (c, f.trim().parse::<f64>())) {
                Some((column, Ok(factor))) if factor.is_finite() && factor > 0.0 => {
                    Scaled { column: column.trim().to_owned(), factor, ln: false }
                }
                _ => Scaled { column: column.trim().to_owned(), factor: 1.0, ln: false },
            };
            map.push((quantity, scaled));
        }
        Ok(Self(map))
    }
}

impl TryFrom<String> for ColumnMap {
    type Error = DataError;
    fn try_from(text: String) -> Result<Self, DataError> {
        text.parse()
    }
}

impl From<ColumnMap> for String {
    fn from(map: ColumnMap) -> Self {
        let pairs: Vec<String> = map
            .0
            .iter()
            .map(|(q, s)| match s.factor {
                _ if s.ln => format!("{}=ln({})", q.key(), s.column),
                1.0 => format!("{}={}", q.key(), s.column),
                factor => format!("{}={}*{factor:e}", q.key(), s.column),
            })
            .collect();
        pairs.join(",")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_read_and_written() {
        let map: ColumnMap = "n=Model Size,loss=l".parse().expect("pairs");
        assert_eq!(map.column(Quantity::Params), Some("Model Size"));
        assert_eq!(map.column(Quantity::Tokens), None);
        assert_eq!(String::from(map), "n=Model Size,loss=l");
        let scaled: ColumnMap = "n=params_b*1e9,loss=a*b".parse().expect("pairs");
        assert_eq!(scaled.column(Quantity::Params), Some("params_b"));
        assert_eq!(scaled.factor(Quantity::Params), 1e9);
        assert_eq!(scaled.column(Quantity::Loss), Some("a*b"));
        assert_eq!(String::from(scaled.clone()), "n=params_b*1e9,loss=a*b");
        let ln: ColumnMap = "loss=ln(val ppl)".parse().expect("pairs");
        assert_eq!(ln.column(Quantity::Loss), Some("val ppl"));
        assert!(ln.takes_ln(Quantity::Loss) && !scaled.takes_ln(Quantity::Loss));
        assert_eq!(String::from(ln), "loss=ln(val ppl)");
        for text in ["n", "x=y", "n=a,n=b"] {
            assert!(text.parse::<ColumnMap>().is_err(), "{text}");
        }
    }
}
