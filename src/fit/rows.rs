//! Run tables as the solver sees them: centred logarithms and losses.

use ndarray::Array1;

use crate::data::RunTable;
use crate::law::At;

/// ln N, ln D and ln L of the runs, N and D relative to their means.
///
/// Around the mean the logarithm of a coefficient and its exponent are nearly independent; from
/// N = 1 they are correlated to 0.9993 on the Chinchilla points and every solver crawls.
#[derive(Clone, Debug)]
pub(super) struct Rows {
    pub(super) at: Vec<At<f64>>,
    pub(super) ln_loss: Array1<f64>,
    pub(super) loss: Array1<f64>,
    pub(super) ln_n0: f64,
    pub(super) ln_d0: f64,
}

impl Rows {
    pub(super) fn of(table: &RunTable) -> Self {
        let ln_n: Array1<f64> = table.runs.iter().map(|r| r.n.ln()).collect();
        let ln_d: Array1<f64> = table.runs.iter().map(|r| r.d.ln()).collect();
        let ln_loss: Array1<f64> = table.runs.iter().map(|r| r.loss_nats.ln()).collect();
        let loss = table.runs.iter().map(|r| r.loss_nats).collect();
        let ln_n0 = ln_n.mean().unwrap_or(0.0);
        let ln_d0 = ln_d.mean().unwrap_or(0.0);
        let at =
            ln_n.iter().zip(&ln_d).map(|(n, d)| At { ln_n: n - ln_n0, ln_d: d - ln_d0 }).collect();
        Self { at, ln_loss, loss, ln_n0, ln_d0 }
    }

    pub(super) fn len(&self) -> usize {
        self.at.len()
    }

    /// The same rows around N = 1 and D = 1, where published constants live.
    pub(super) fn uncentred(&self) -> Self {
        let at = self
            .at
            .iter()
            .map(|x| At { ln_n: x.ln_n + self.ln_n0, ln_d: x.ln_d + self.ln_d0 })
            .collect();
        Self { at, ln_loss: self.ln_loss.clone(), loss: self.loss.clone(), ln_n0: 0.0, ln_d0: 0.0 }
    }
}
