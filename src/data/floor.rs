//! The entropy of the source of a table of runs.

use super::table::{RunRecord, RunTable};
use crate::error::DataError;

impl RunTable {
    /// The entropy of the source of the runs, nats per token; `None` where no run states one.
    ///
    /// # Errors
    /// [`DataError::MixedFloors`] where they do not all state the same: they are of different data.
    pub fn floor_nats(&self) -> Result<Option<f64>, DataError> {
        let stated = |run: &RunRecord| run.floor_nats;
        let Some(first) = self.runs.first().and_then(stated) else {
            return match self.runs.iter().find_map(stated) {
                None => Ok(None),
                other => Err(self.mixed_floors(None, other)),
            };
        };
        let same = |x: Option<f64>| x.is_some_and(|x| (x - first).abs() <= 1e-6 * first.max(1e-3));
        match self.runs.iter().map(stated).find(|x| !same(*x)) {
            None => Ok(Some(first)),
            Some(other) => Err(self.mixed_floors(Some(first), other)),
        }
    }

    fn mixed_floors(&self, one: Option<f64>, other: Option<f64>) -> DataError {
        let count = |floor: Option<f64>| {
            let runs = self.runs.iter().filter(|run| run.floor_nats == floor).count();
            (floor, runs)
        };
        DataError::MixedFloors { one: count(one), other: count(other) }
    }
}
