//! The plane of the talk as a picture.

use super::report::TalkReport;
use crate::error::Result;
use crate::law::{Ensemble, Surface};
use crate::plan::{banded_curve, optimum_of_size};
use crate::report::{Chart, FamilyMember, talk_chart};
use crate::units::{Flops, Params};

/// The law of the picture: the refit whose optimum of Chinchilla's size is nearest to its budget.
const LAW: &str = "besiroglu";
/// Chinchilla's size.
const CHINCHILLA: Params = Params::new(70e9);
/// Points of the curve.
const POINTS: usize = 200;

impl TalkReport {
    /// Training FLOPs against model size: the iso-loss line through the compute-optimal model of
    /// Chinchilla's size, its horizontal tangent, the capacity wall, and the dense systems the talk
    /// names whose size and tokens are published.
    ///
    /// # Errors
    /// Those of the shipped tables.
    pub fn chart(&self) -> Result<Chart> {
        let law = Ensemble::single(Surface::published(LAW)?);
        let loss = optimum_of_size(&law.best, CHINCHILLA)?.loss_nats;
        let banded = banded_curve(&law, loss, POINTS)?;
        let member = FamilyMember { curve: &banded.curve, band: banded.band() };
        let mut models: Vec<(String, Params, Flops)> = Vec::new();
        for model in self.systems.iter().map(|system| &system.model) {
            let dense = model.active_params.is_none();
            let known = model.n().zip(model.tokens).filter(|_| dense);
            if let Some((n, d)) = known.filter(|_| models.iter().all(|m| m.0 != model.name)) {
                models.push((model.name.clone(), n, law.best.train_flops(n, d)));
            }
        }
        Ok(talk_chart(&member, "optimal", &models))
    }
}
