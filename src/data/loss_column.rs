//! The column of a table that holds the loss, and what it is measured in.

use super::cell_table::CellTable;
use super::options::ReadOptions;
use super::quantity::Quantity;
use super::roles::LossScale;
use super::vocabulary::{Term, names};
use crate::error::RowProblem;

#[derive(Clone, Copy)]
pub(super) struct LossColumn {
    pub(super) at: usize,
    /// What the loss is measured in, by the name of its column.
    pub(super) scale: LossScale,
    /// Bytes per token, which turn a loss per byte into one per token.
    pub(super) bytes_per_token: Option<usize>,
}

impl LossColumn {
    /// The column at a place.
    pub(super) fn of(table: &CellTable, at: usize, options: &ReadOptions) -> Self {
        // A factor of the map is the user's own conversion.
        let scale = match options.map.factor(Quantity::Loss) {
            _ if options.map.takes_ln(Quantity::Loss) => LossScale::Perplexity,
            1.0 => LossScale::of_name(&table.columns[at]),
            _ => LossScale::NatsPerToken,
        };
        let bytes_per_token = match scale.is_per_byte() {
            true => table.first_named(names(Term::BytesPerToken)),
            false => None,
        };
        Self { at, scale, bytes_per_token }
    }

    /// The loss in nats, per token where the bytes of a token are known.
    ///
    /// # Errors
    /// A loss that is not above zero.
    pub(super) fn nats(
        self,
        table: &CellTable,
        stated: f64,
        bytes: Option<f64>,
    ) -> Result<f64, RowProblem> {
        let nats = self.scale.nats(stated);
        let nats = if self.scale.is_per_byte() { nats * bytes.unwrap_or(1.0) } else { nats };
        if nats <= 0.0 {
            return Err(RowProblem::OutOfRange {
                column: table.columns[self.at].clone(),
                found: stated.to_string(),
                expected: "a loss above zero",
            });
        }
        Ok(nats)
    }
}
