//! Machines, demand, data and limits in plain fields, and the scenario they make.

use serde::{Deserialize, Serialize};

use super::own::device_of;
use super::training::TrainingRequest;
use crate::cost::{
    BatchSize, Deployment, Efficiency, Goodput, Latency, Price, Requests, Uncertain,
    measured_speed, usual_scale_group,
};
use crate::error::{CostError, Result, StudyError};
use crate::flops::Pattern;
use crate::plan::{
    Aim, Currency, DataLimit, Demand, Design, MemoryLimit, Scenario, Serving, Training,
    published_repetition, rival_repetition,
};
use crate::units::{Params, Tokens};

/// Everything a plan is made for besides a law, a target and a budget; a field left at its default is
/// not limited or not counted.
///
/// | field | default | unit |
/// |---|---|---|
/// | `cost` | money where serving has a device, FLOPs otherwise | what counts as cost |
/// | `mfu` | published goodput (median 0.377) | share of the dense BF16 peak |
/// | `fp8_training` | false | whether matrix products of training run in FP8, 1.25 to 1.51 times as fast |
/// | `usd_per_hour` | newest price on record | USD per training device-hour |
/// | `usd_per_kwh` | none | USD per kWh, for machines of one's own |
/// | `pue` | 1.2 | energy of the site over that of its devices |
/// | `serve_tokens`, `requests` | none | over the model's life; one of the two |
/// | `prompt`, `answer` | 1000, 300 | tokens of a request |
/// | `serve_device`, `serve_gpus` | none, 1 | device, and how many hold one copy |
/// | `serve_usd_per_hour` | newest price on record | USD per serving device-hour |
/// | `serve_bits`, `kv_bits` | 16, 16 | bits per weight and per cache entry |
/// | `batch` | as many as fit, at most 256 | sequences decoded together |
/// | `ttft_s`, `tpot_s` | none | longest time to the first token and per token, s |
/// | `prefill_apart` | false | whether prompts are read on devices of their own |
/// | `serve_mfu`, `serve_peak_flop_per_s` | none | price serving by utilisation instead: prefill, decode |
/// | `unique_tokens`, `max_epochs` | none | unique tokens, and how often they may be shown |
/// | `repetition` | as published for C4 | R_D, R_N for laws that have none |
/// | `memory_bytes`, `weight_bits`, `context` | none, 16, 0 | memory of a copy, its precision, tokens in its cache |
/// | `max_params` | none | parameters, experts included |
/// | `experts`, `top_k` | 1, 1 | experts per layer to consider, and how many a token visits |
/// | `granularity` | 1 | small experts that replace one of full size, under a law of such experts |
/// | `pattern` | [`Pattern::MODERN`] | proportions of the shape |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScenarioRequest {
    /// What counts as cost.
    pub cost: Option<Currency>,
    /// Share of the dense BF16 peak that does useful work in every paid hour.
    pub mfu: Option<Goodput>,
    /// Whether training multiplies in FP8.
    pub fp8_training: bool,
    /// Price of a training device-hour, USD.
    pub usd_per_hour: Option<Uncertain>,
    /// Price of energy on top, USD per kWh.
    pub usd_per_kwh: Option<Uncertain>,
    /// Energy of the site over that of its devices.
    pub pue: f64,
    /// Tokens served over the model's life.
    pub serve_tokens: Option<Uncertain>,
    /// Requests served over the model's life.
    pub requests: Option<Uncertain>,
    /// Tokens read per request.
    pub prompt: f64,
    /// Tokens written per request.
    pub answer: f64,
    /// Device it is served on.
    pub serve_device: Option<String>,
    /// Devices that hold one copy (tensor parallel).
    pub serve_gpus: f64,
    /// Price of a serving device-hour, USD.
    pub serve_usd_per_hour: Option<Uncertain>,
    /// Bits per weight in serving; below 8 every 32 weights share a 16-bit scale.
    pub serve_bits: f64,
    /// Bits per entry of keys and values.
    pub kv_bits: f64,
    /// Sequences decoded together.
    pub batch: Option<f64>,
    /// Longest time to the first token, s.
    pub ttft_s: Option<f64>,
    /// Longest time per output token, s.
    pub tpot_s: Option<f64>,
    /// Whether prompts are read on other devices than answers are written on.
    pub prefill_apart: bool,
    /// Shares of the peak while reading and while writing.
    pub serve_mfu: Option<(f64, f64)>,
    /// Peak for `serve_mfu`, FLOP/s; the dense BF16 peak of the serving device when absent.
    pub serve_peak_flop_per_s: Option<f64>,
    /// Unique tokens there are.
    pub unique_tokens: Option<Tokens>,
    /// Most times they may be shown.
    pub max_epochs: Option<f64>,
    /// R_D and R_N for laws that have none.
    pub repetition: Option<(f64, f64)>,
    /// Memory the weights, and the cache of `context` tokens, must fit, bytes.
    pub memory_bytes: Option<f64>,
    /// Bits per weight in that memory.
    pub weight_bits: f64,
    /// Tokens kept in the cache in that memory.
    pub context: f64,
    /// Most parameters, experts included.
    pub max_params: Option<Params>,
    /// Experts per layer to consider; 1 is a dense model.
    pub experts: Vec<u32>,
    /// Experts a token visits.
    pub top_k: u32,
    /// Small experts that replace one of full size, under a law of fine-grained experts.
    pub granularity: f64,
    /// Proportions of the shape.
    pub pattern: Pattern,
}

impl Default for ScenarioRequest {
    fn default() -> Self {
        Self {
            cost: None,
            mfu: None,
            fp8_training: false,
            usd_per_hour: None,
            usd_per_kwh: None,
            pue: 1.2,
            serve_tokens: None,
            requests: None,
            prompt: 1000.0,
            answer: 300.0,
            serve_device: None,
            serve_gpus: 1.0,
            serve_usd_per_hour: None,
            serve_bits: 16.0,
            kv_bits: 16.0,
            batch: None,
            ttft_s: None,
            tpot_s: None,
            prefill_apart: false,
            serve_mfu: None,
            serve_peak_flop_per_s: None,
            unique_tokens: None,
            max_epochs: None,
            repetition: None,
            memory_bytes: None,
            weight_bits: 16.0,
            context: 0.0,
            max_params: None,
            experts: vec![1],
            top_k: 1,
            granularity: 1.0,
            pattern: Pattern::MODERN,
        }
    }
}

impl ScenarioRequest {
    /// Useful share of the training peak over paid hours.
    ///
    /// # Errors
    /// When the shipped table of published runs does not parse.
    pub fn utilisation(&self) -> Result<Uncertain> {
        Ok(self.mfu.unwrap_or_default().range()?)
    }

    /// Median served tokens.
    #[must_use]
    pub fn served_tokens(&self) -> Option<Tokens> {
        let each = self.prompt + self.answer;
        let requests = self.requests.map(|r| r.mid * each);
        self.serve_tokens.map(|r| r.mid).or(requests).map(Tokens::new)
    }

    /// Where training happens; `None` without a device.
    ///
    /// - `devices`: how many there are, where limited.
    /// - `duration_s`: calendar time, where limited, s.
    ///
    /// # Errors
    /// [`CostError`] for an unknown device or a field out of range.
    pub fn training(
        &self,
        device_name: Option<&str>,
        devices: Option<f64>,
        duration_s: Option<f64>,
    ) -> Result<Option<Training>> {
        let request = |name: &str| TrainingRequest {
            device: name.to_owned(),
            gpus: devices,
            duration_s,
            mfu: self.mfu.unwrap_or_default(),
            fp8: self.fp8_training,
            usd_per_hour: self.usd_per_hour,
            usd_per_kwh: self.usd_per_kwh,
            pue: self.pue,
        };
        device_name.map(|name| request(name).resolve()).transpose()
    }

    fn serving(&self, training: Option<&Training>) -> Result<Option<Serving>> {
        let Some(name) = &self.serve_device else {
            return Ok(None);
        };
        device_of(name)?;
        let of = Deployment::of(name, self.serve_gpus)?.quantised(self.serve_bits);
        let on_record = of.device.latest_price().ok().map(Price::range);
        // A device that also trains has the price given for that.
        let trained = training.filter(|t| t.device.name == of.device.name);
        let price = self.serve_usd_per_hour.or(trained.and_then(|t| t.usd_per_hour)).or(on_record);
        if let Some((prefill, decode)) = self.serve_mfu {
            let peak = match self.serve_peak_flop_per_s {
                Some(peak) => peak,
                None => of.device.peak_flop_per_s()?,
            };
            let no_price = CostError::NoPrice { name: name.clone() };
            let usd_per_hour = price.ok_or(no_price)?;
            return Ok(Some(Serving::Utilisation {
                usd_per_hour,
                peak_flop_per_s: peak,
                prefill,
                decode,
            }));
        }
        let deployment = Deployment {
            kv_bits: self.kv_bits,
            prefill_apart: self.prefill_apart,
            efficiency: Efficiency::fitted()?,
            ..of
        };
        Ok(Some(Serving::Physics {
            deployment,
            batch: self.batch.map_or(BatchSize::Largest(256.0), BatchSize::Fixed),
            latency: Latency { first_token_s: self.ttft_s, per_token_s: self.tpot_s },
            usd_per_hour: price,
            speed: measured_speed()?,
        }))
    }

    fn data(&self) -> Result<Option<DataLimit>> {
        let (repetition, rival) = match self.repetition {
            Some(given) => (given, None),
            None => (published_repetition()?, rival_repetition()?),
        };
        let max_epochs = self.max_epochs.unwrap_or(1e6);
        Ok(self.unique_tokens.map(|unique| DataLimit { unique, max_epochs, repetition, rival }))
    }

    /// The scenario for a target and machines to train on.
    ///
    /// # Errors
    /// [`StudyError`], [`PlanError`](crate::error::PlanError) and [`CostError`] for fields that exclude
    /// each other or are out of range.
    pub fn scenario(&self, aim: Aim, training: Option<Training>) -> Result<Scenario> {
        let request = Requests { prompt: self.prompt, answer: self.answer };
        let each = self.prompt + self.answer;
        let requests = self.requests.or(self.serve_tokens.map(|t| t.map(|t| t / each)));
        let demand = requests.map(|requests| Demand { request, requests });
        let serving = self.serving(training.as_ref())?;
        if serving.is_none() && (self.ttft_s.is_some() || self.tpot_s.is_some()) {
            return Err(StudyError::NoServingDevice { what: "a limit on waiting" }.into());
        }
        if self.serve_mfu.is_some() && serving.is_none() {
            return Err(StudyError::NoServingDevice { what: "a utilisation of serving" }.into());
        }
        // Latency needs requests to be about, even where their number does not count.
        let demand = demand
            .or(serving.as_ref().map(|_| Demand { request, requests: Uncertain::known(1.0) }));
        // Serving is paid in money; training on the same device then has a price as well.
        let training = match (&serving, training) {
            (Some(_), None) if requests.is_some() && self.cost.is_none_or(|c| c.is_money()) => {
                self.training(self.serve_device.as_deref(), None, None)?.filter(Training::has_price)
            }
            (_, training) => training,
        };
        let priced = serving.is_some() && training.is_some();
        let currency = match (self.cost, aim) {
            (Some(cost), _) => cost,
            (None, _) if requests.is_some() && priced => Currency::LifetimeUsd,
            (None, Aim::TrainUsd(_) | Aim::Lifetime(_)) => Currency::TrainUsd,
            (None, _) if requests.is_some() => Currency::LifetimeFlops,
            (None, _) => Currency::TrainFlops,
        };
        let pattern = self.pattern;
        let experts = &self.experts;
        if experts.contains(&0) {
            return Err(StudyError::ZeroExperts.into());
        }
        let scenario = Scenario {
            aim,
            currency,
            designs: experts
                .iter()
                .map(|e| Design::of(pattern, *e, self.top_k).fine_grained(self.granularity))
                .collect(),
            training,
            serving,
            demand,
            data: self.data()?,
            memory: self.memory_bytes.map(|bytes| MemoryLimit {
                bytes,
                weight_bits: self.weight_bits,
                scale_group: usual_scale_group(self.weight_bits),
                kv_bits: self.kv_bits,
                context: self.context,
            }),
            max_params: self.max_params,
            nat_value: None,
        };
        scenario.validate()?;
        Ok(scenario)
    }
}
