//! How well modelled serving speeds meet the measured ones on record.

use serde::{Deserialize, Serialize};

use super::deployment::Deployment;
use super::measured::{
    Batched, Efficiency, FirstToken, Loaded, Measured, OlderEngine, Table, decode_measurements,
    loaded_measurements,
};
use super::request::Requests;
use crate::cost::model::model;
use crate::cost::uncertain::Uncertain;
use crate::error::CostError;
use crate::flops::Footprint;
use crate::num::quantile;

/// How far the model of serving is from measurements of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Accuracy {
    /// What was measured.
    pub kind: String,
    /// Years of the engines, first and last.
    pub years: (u32, u32),
    /// Measurements.
    pub rows: usize,
    /// Mean of |modelled time / measured time - 1|.
    pub mean_error_ratio: f64,
    /// Median of modelled over measured time: above one where the model is slow.
    pub median_ratio: f64,
}

/// Errors of the serving model by kind of measurement.
///
/// The constants were fitted to most of these rows, so another engine or device may be farther off.
///
/// # Errors
/// Those of the shipped tables.
///
/// ```
/// let kinds = isoloss::cost::serving_accuracy()?;
/// assert!(kinds.iter().all(|kind| kind.mean_error_ratio < 0.2));
/// # Ok::<(), isoloss::error::Error>(())
/// ```
pub fn serving_accuracy() -> Result<Vec<Accuracy>, CostError> {
    let Times { alone, loaded, batched, first } = Times::of(Efficiency::fitted()?, None)?;
    let table = Table::shipped()?;
    let of_alone = decode_measurements()?.iter().map(|row| row.year);
    let of_loaded: Vec<u32> = loaded_measurements()?.iter().map(|row| row.year).collect();
    let of_batched = table.batched.iter().map(|row| row.year);
    let of_first = table.first_token.iter().map(|row| row.year).chain(of_loaded.clone());
    Ok(vec![
        accuracy("one sequence at a time", of_alone, alone),
        accuracy("time per token under load", of_loaded.into_iter(), loaded),
        accuracy("large batches", of_batched, batched),
        accuracy("first tokens", of_first, first),
    ])
}

fn accuracy(kind: &str, years: impl Iterator<Item = u32>, mut ratios: Vec<f64>) -> Accuracy {
    let years = years.fold((u32::MAX, 0), |(lo, hi), y| (lo.min(y), hi.max(y)));
    let off: f64 = ratios.iter().map(|x| (x - 1.0).abs()).sum();
    ratios.sort_by(f64::total_cmp);
    Accuracy {
        kind: kind.to_owned(),
        years,
        rows: ratios.len(),
        mean_error_ratio: off / ratios.len() as f64,
        median_ratio: quantile(&ratios, 0.5),
    }
}

/// Modelled over measured times, by kind of measurement.
pub(super) struct Times {
    /// Of single sequences.
    pub(super) alone: Vec<f64>,
    /// Between tokens under load.
    pub(super) loaded: Vec<f64>,
    /// Of large batches that start together.
    pub(super) batched: Vec<f64>,
    /// To the first token.
    pub(super) first: Vec<f64>,
}

impl Times {
    /// With constants that may have been moved; `older_engine` as shipped when absent.
    pub(super) fn of(
        efficiency: Efficiency,
        older_engine: Option<OlderEngine>,
    ) -> Result<Self, CostError> {
        let table = Table::shipped()?;
        let older = older_engine.unwrap_or(table.older_engine);
        let mut times =
            Self { alone: Vec::new(), loaded: Vec::new(), batched: Vec::new(), first: Vec::new() };
        for row in decode_measurements()? {
            times.alone.push(row.modelled_over_measured(efficiency)?);
        }
        for row in loaded_measurements()? {
            times.loaded.push(row.modelled_over_measured(efficiency)?);
            times.first.extend(row.first_over_measured(efficiency)?);
        }
        for row in &table.batched {
            times.batched.push(row.modelled_over_measured(efficiency, older)?);
        }
        for row in &table.first_token {
            times.first.push(row.modelled_over_measured(efficiency)?);
        }
        Ok(times)
    }
}

fn group(
    device: &str,
    devices: f64,
    weight_bits: f64,
    efficiency: Efficiency,
) -> Result<Deployment, CostError> {
    // Bits of measured rows count the scales already.
    Ok(Deployment { weight_bits, efficiency, ..Deployment::of(device, devices)? })
}

fn footprint(name: &str) -> Result<Footprint, CostError> {
    Ok(Footprint::from(&model(name)?.known_shape()?))
}

impl Measured {
    fn modelled_over_measured(&self, efficiency: Efficiency) -> Result<f64, CostError> {
        let on = group(&self.device, self.devices, self.weight_bits, efficiency)?;
        Ok(on.step_s(&footprint(&self.model)?, 1.0, self.prompt).0 * self.tokens_per_s)
    }
}

impl Loaded {
    fn modelled_over_measured(&self, efficiency: Efficiency) -> Result<f64, CostError> {
        let on = group(&self.device, self.devices, self.weight_bits, efficiency)?;
        let requests = Requests { prompt: self.prompt, answer: self.answer };
        let model = footprint(&self.model)?;
        Ok(1e3 * on.loaded_step_s(&model, self.concurrency, &requests).0 / self.per_token_ms)
    }

    fn first_over_measured(&self, efficiency: Efficiency) -> Result<Option<f64>, CostError> {
        let on = group(&self.device, self.devices, self.weight_bits, efficiency)?;
        let modelled_ms = 1e3 * on.prefill_s(&footprint(&self.model)?, self.prompt);
        Ok(self.first_token_ms.map(|ms| modelled_ms / ms))
    }
}

impl Batched {
    fn modelled_over_measured(
        &self,
        efficiency: Efficiency,
        older: OlderEngine,
    ) -> Result<f64, CostError> {
        let on = group(&self.device, self.devices, self.weight_bits, efficiency)?;
        let on = Deployment { kv_bits: self.kv_bits, ..on };
        let model = footprint(&self.model)?;
        let unshared = 2.0 * model.layers * model.attention_width;
        let entries = (model.kv_entries_per_token * older.kv_rereads).min(unshared);
        let reread = Footprint { kv_entries_per_token: entries, ..model };
        let context = self.prompt + 0.5 * self.answer;
        let modelled_s = on.prefill_batch_s(&model, self.batch, self.prompt)
            + self.answer * on.step_s(&reread, self.batch, context).0;
        let tokens = self.batch * self.answer;
        Ok(modelled_s * self.tokens_per_s_per_device * self.devices / tokens)
    }
}

impl FirstToken {
    fn modelled_over_measured(&self, efficiency: Efficiency) -> Result<f64, CostError> {
        let on = group(&self.device, self.devices, self.weight_bits, efficiency)?;
        Ok(1e3 * on.prefill_s(&footprint(&self.model)?, self.prompt) / self.first_token_ms)
    }
}

/// Measured serving speed over modelled speed: range and median over the measurements on record.
///
/// First tokens are left out: they say how long one user waits, not how long devices are busy.
///
/// # Errors
/// Those of the shipped tables.
///
/// ```
/// let speed = isoloss::cost::measured_speed()?;
/// assert!(speed.low < 1.0 && speed.high > 1.0);
/// # Ok::<(), isoloss::error::Error>(())
/// ```
pub fn measured_speed() -> Result<Uncertain, CostError> {
    let Times { alone, loaded, batched, .. } = Times::of(Efficiency::fitted()?, None)?;
    let mut ratios: Vec<f64> = alone.into_iter().chain(loaded).chain(batched).collect();
    ratios.sort_by(f64::total_cmp);
    let at = |p| quantile(&ratios, p);
    Ok(Uncertain { low: at(0.0), mid: at(0.5), high: at(1.0) })
}
