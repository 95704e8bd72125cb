//! The settings of a run: repetition, sparsity and precision, by column or fact.

use super::cell_table::CellTable;
use super::log::Value;
use super::quantity::Quantity;
use crate::error::{DataError, RowProblem};
use crate::units::{Setting, Tokens};

/// A field of a setting outside its range.
#[derive(Clone, Copy, Debug)]
pub(super) struct SettingFault {
    field: &'static str,
    value: f64,
    expected: &'static str,
}

impl std::fmt::Display for SettingFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is {}; expected {}", self.field, self.value, self.expected)
    }
}

/// Sets one field of a setting.
///
/// # Errors
/// What is wrong with the value.
pub(super) fn set_field(
    setting: &mut Setting,
    quantity: Quantity,
    x: f64,
) -> Result<(), SettingFault> {
    match quantity {
        Quantity::UniqueTokens => setting.unique = Some(Tokens::new(x)),
        Quantity::Experts => setting.experts = x,
        Quantity::Granularity => setting.granularity = x,
        Quantity::Sparsity => setting.sparsity = x,
        Quantity::WeightBits => setting.weight_bits = Some(x),
        Quantity::ActivationBits => setting.activation_bits = Some(x),
        Quantity::KvBits => setting.kv_bits = Some(x),
        _ => setting.served_bits = Some(x),
    }
    match setting.fault() {
        Some((field, value, expected)) => Err(SettingFault { field, value, expected }),
        None => Ok(()),
    }
}

/// The columns of the fields of a [`Setting`].
pub(super) struct SettingColumns {
    pub(super) columns: [(Quantity, Option<usize>); 8],
}

impl SettingColumns {
    pub(super) fn find(
        find: impl Fn(Quantity) -> Result<Option<usize>, DataError>,
    ) -> Result<Self, DataError> {
        let mut columns = [
            Quantity::UniqueTokens,
            Quantity::Experts,
            Quantity::Granularity,
            Quantity::Sparsity,
            Quantity::WeightBits,
            Quantity::ActivationBits,
            Quantity::KvBits,
            Quantity::ServedBits,
        ]
        .map(|q| (q, None));
        for (quantity, at) in &mut columns {
            *at = find(*quantity)?;
        }
        Ok(Self { columns })
    }

    /// The setting of a row; an empty cell says nothing and keeps the plain value.
    pub(super) fn read(&self, table: &CellTable, values: &[Value]) -> Result<Setting, RowProblem> {
        let mut setting = Setting::PLAIN;
        for (quantity, at) in self.columns {
            let Some(at) = at else { continue };
            let column = || table.columns[at].clone();
            let x = match &values[at] {
                Value::Missing => continue,
                Value::Text(text) => {
                    return Err(RowProblem::NotANumber {
                        column: column(),
                        found: format!("`{text}`"),
                    });
                }
                Value::Number(x) => *x,
            };
            set_field(&mut setting, quantity, x).map_err(|fault| {
                let SettingFault { field, value, expected } = fault;
                RowProblem::Setting { column: column(), field, value, expected }
            })?;
        }
        Ok(setting)
    }
}
