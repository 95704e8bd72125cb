//! Memory, speed and price of serving models, by batch size.

use serde::{Deserialize, Serialize};

use super::own::{device_of, model_of};
use crate::cost::{
    Accuracy, BatchRow, Deployment, Efficiency, Latency, Price, Requests, ServingLine, Uncertain,
    serving_accuracy,
};
use crate::error::{Result, StudyError};
use crate::flops::{Footprint, Pattern};
use crate::units::{ParamRule, Params};

/// Which models to serve on which devices.
///
/// | field | default | purpose |
/// |---|---|---|
/// | `models` | none | released models with a known shape |
/// | `params` | none | a size instead: active parameters of a shape of `pattern` |
/// | `pattern` | [`Pattern::MODERN`] | proportions of that shape and of the dense twins |
/// | `device`, `devices` | one H100 SXM | the group that holds one copy |
/// | `weight_bits`, `kv_bits` | 16, 16 | bits per weight (below 8, 32 weights share a 16-bit scale) and per cache entry |
/// | `memory_bytes` | 90 % of the devices' | memory of the group for weights and cache |
/// | `request` | 1000 read, 300 written | tokens of one request |
/// | `batches` | 1, 2, 4, … 256 | sequences decoded together |
/// | `latency` | none | times to the first and per further token, s; also the largest batch that keeps them |
/// | `prefill_apart` | false | whether prompts are read on devices of their own; so with `ideal` |
/// | `usd_per_hour` | newest on record | price of a device-hour |
/// | `ideal` | false | full bandwidth and peak, no overheads |
/// | `twins` | false | beside a sparse model, dense ones of its active and of its stored size |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServingRequest {
    /// Released models with a known shape.
    pub models: Vec<String>,
    /// Active parameters of a shape of `pattern`.
    pub params: Option<Params>,
    /// Proportions of that shape, and, without experts, of the twins.
    pub pattern: Pattern,
    /// Name of the device.
    pub device: String,
    /// Devices that hold one copy (tensor parallel).
    pub devices: f64,
    /// Bits per weight.
    pub weight_bits: f64,
    /// Bits per entry of keys and values.
    pub kv_bits: f64,
    /// Memory of the group, instead of 90 % of the devices' own.
    pub memory_bytes: Option<f64>,
    /// Tokens of one request.
    pub request: Requests,
    /// Sequences decoded together.
    pub batches: Vec<f64>,
    /// Limits on waiting; the largest batch that keeps them gets a row of its own.
    pub latency: Latency,
    /// Whether prompts are read on other devices than answers are written on.
    pub prefill_apart: bool,
    /// Price of a device-hour; the newest on record when absent.
    pub usd_per_hour: Option<Uncertain>,
    /// Full bandwidth and peak, no overheads.
    pub ideal: bool,
    /// Dense models of the active and of the stored size of each sparse one.
    pub twins: bool,
}

impl Default for ServingRequest {
    fn default() -> Self {
        Self {
            models: Vec::new(),
            params: None,
            pattern: Pattern::MODERN,
            device: "H100 SXM".to_owned(),
            devices: 1.0,
            weight_bits: 16.0,
            kv_bits: 16.0,
            memory_bytes: None,
            request: Requests { prompt: 1000.0, answer: 300.0 },
            batches: (0..=8).map(|i| f64::from(1 << i)).collect(),
            latency: Latency::default(),
            prefill_apart: false,
            usd_per_hour: None,
            ideal: false,
            twins: false,
        }
    }
}

/// Models in one deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServingReport {
    /// Full name of the device.
    pub device: String,
    /// Devices that hold one copy.
    pub devices: f64,
    /// Bits a stored weight takes, its part of the scale included.
    pub stored_bits: f64,
    /// How well the model of serving meets measurements; empty for the data sheet itself.
    #[serde(default)]
    pub accuracy: Vec<Accuracy>,
    /// The models, in the order asked, twins last.
    pub models: Vec<ServedModel>,
}

/// One model in the deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServedModel {
    /// Its name.
    pub model: String,
    /// All parameters.
    pub params: Params,
    /// Those one token uses.
    pub active_params: Params,
    /// Bytes one token leaves in the cache.
    pub kv_bytes_per_token: f64,
    /// One row per batch size that fits the memory.
    pub rows: Vec<BatchRow>,
}

impl ServingRequest {
    /// Serves every model at every batch size.
    ///
    /// # Errors
    /// [`StudyError::NothingToServe`] without a model; [`CostError`](crate::error::CostError) for an
    /// unknown model or device, a field out of range, and a model that does not fit the memory.
    ///
    /// ```
    /// use isoloss::study::ServingRequest;
    ///
    /// let request = ServingRequest {
    ///     models: vec!["Mixtral 8x7B".to_owned()],
    ///     devices: 2.0,
    ///     twins: true,
    ///     prefill_apart: true,
    ///     ..ServingRequest::default()
    /// };
    /// let report = request.answer()?;
    /// let (sparse, active) = (&report.models[0], &report.models[1]);
    /// let last = sparse.rows.len() - 1;
    /// // In a batch all experts are read, so a token takes longer than in the dense twin.
    /// assert!(sparse.rows[last].served.per_token_s > active.rows[last].served.per_token_s);
    /// # Ok::<(), isoloss::error::Error>(())
    /// ```
    pub fn answer(&self) -> Result<ServingReport> {
        let on = self.deployment()?;
        for (field, x) in [("prompt", self.request.prompt), ("answer", self.request.answer)] {
            Uncertain::known(x).validate(field)?;
        }
        for batch in &self.batches {
            Uncertain::known(*batch).validate("batch")?;
        }
        let price = self.usd_per_hour.or(on.device.latest_price().ok().map(Price::range));
        let served = |(name, model): (String, Footprint)| -> Result<ServedModel> {
            Ok(ServedModel {
                rows: on.by_batch(&model, &self.request, &self.batches, &self.latency, price)?,
                model: name,
                params: model.total,
                active_params: model.active,
                kv_bytes_per_token: on.cache_bytes(&model, 1.0),
            })
        };
        Ok(ServingReport {
            device: on.device.name.clone(),
            devices: on.devices,
            stored_bits: on.stored_bits(),
            accuracy: if self.ideal { Vec::new() } else { serving_accuracy()? },
            models: self.subjects()?.into_iter().map(served).collect::<Result<_>>()?,
        })
    }

    /// Times per token of every model over batch sizes from 1 to 256, as a chart draws them.
    ///
    /// # Errors
    /// As [`answer`](Self::answer), but for memory.
    pub fn lines(&self) -> Result<Vec<ServingLine>> {
        let on = self.deployment()?;
        let line = |(name, model)| on.line(name, &model, &self.request);
        Ok(self.subjects()?.into_iter().map(line).collect())
    }

    fn deployment(&self) -> Result<Deployment> {
        device_of(&self.device)?;
        let on = Deployment::of(&self.device, self.devices)?.quantised(self.weight_bits);
        let efficiency = if self.ideal { Efficiency::IDEAL } else { on.efficiency };
        let (kv_bits, memory_bytes) = (self.kv_bits, self.memory_bytes);
        let prefill_apart = self.prefill_apart || self.ideal;
        let on = Deployment { kv_bits, memory_bytes, efficiency, prefill_apart, ..on };
        on.validate()?;
        Ok(on)
    }

    /// The models by name, twins last.
    fn subjects(&self) -> Result<Vec<(String, Footprint)>> {
        let mut subjects = Vec::new();
        if let Some(n) = self.params {
            // Refuses sizes and proportions that no shape has.
            self.pattern.near(n, ParamRule::Active)?;
            let footprint = self.pattern.footprint(n, ParamRule::Active);
            subjects.push((format!("{n} active"), footprint));
        }
        for name in &self.models {
            let model = model_of(name)?;
            subjects.push((model.name.clone(), Footprint::from(&model.known_shape()?)));
        }
        if subjects.is_empty() {
            return Err(StudyError::NothingToServe.into());
        }
        if self.twins {
            let dense = Pattern { experts: None, ..self.pattern };
            let twins: Vec<_> = subjects
                .iter()
                .filter(|(_, m)| m.experts > 1.0)
                .flat_map(|(_, m)| [("active", m.active), ("stored", m.total)])
                .map(|(which, n)| {
                    let name = format!("dense {n}, its {which} size");
                    (name, dense.footprint(n, ParamRule::All))
                })
                .collect();
            subjects.extend(twins);
        }
        Ok(subjects)
    }
}
