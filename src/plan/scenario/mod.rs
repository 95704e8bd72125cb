//! What a plan is made for: an aim, a purse, machines, readers, and limits.

mod input;
mod size;
mod terms;
mod validate;

pub use input::{Circumstances, Input};
pub(in crate::plan) use size::SizeCaps;

use serde::{Deserialize, Serialize};

use crate::cost::{
    Batch, Deployment, Device, Latency, Requests, TrainingMemory, Uncertain, Workload, stored_bits,
};
use crate::flops::Pattern;
use crate::units::{Params, Tokens};

/// What is counted as cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Currency {
    /// Training FLOPs, 6 N D.
    TrainFlops,
    /// Training FLOPs plus 2 N per served token.
    LifetimeFlops,
    /// Money for training.
    TrainUsd,
    /// Money for training and serving.
    LifetimeUsd,
}

impl Currency {
    fn counts_serving(self) -> bool {
        matches!(self, Self::LifetimeFlops | Self::LifetimeUsd)
    }

    fn is_money(self) -> bool {
        matches!(self, Self::TrainUsd | Self::LifetimeUsd)
    }
}

impl std::fmt::Display for Currency {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::TrainFlops => "training FLOPs",
            Self::LifetimeFlops => "training plus serving FLOPs",
            Self::TrainUsd => "USD for training",
            Self::LifetimeUsd => "USD for training and serving",
        })
    }
}

/// What the plan has to do.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aim {
    /// The lowest loss for so much of the currency.
    Budget(f64),
    /// The lowest loss for all the training the machines can do in their time.
    MachineTime,
    /// This loss, nats per token, at the least cost.
    Loss(f64),
    /// The loss of the compute-optimal dense model of this size, at the least cost.
    QualityOf(Params),
}

/// A family of shapes to consider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Design {
    /// Name in tables, e.g. `dense` or `8 experts, top 2`.
    pub name: String,
    /// Its proportions.
    pub pattern: Pattern,
}

impl Design {
    /// A dense design, or one of `experts` of which a token visits `top_k`.
    #[must_use]
    pub fn of(pattern: Pattern, experts: u32, top_k: u32) -> Self {
        let name = if experts > 1 {
            format!("{experts} experts, top {top_k}")
        } else {
            "dense".to_owned()
        };
        Self { name, pattern: pattern.with_experts(experts, top_k) }
    }

    fn experts(&self) -> f64 {
        self.pattern.experts.map_or(1.0, |e| f64::from(e.count))
    }
}

/// Where training happens.
#[derive(Clone, Debug, PartialEq)]
pub struct Training {
    /// The device.
    pub device: &'static Device,
    /// How many there are, where limited.
    pub devices: Option<f64>,
    /// Calendar time, where limited, s.
    pub duration_s: Option<f64>,
    /// Useful FLOPs over the dense BF16 peak of every paid hour.
    pub utilisation: Uncertain,
    /// Price of a device-hour, USD; absent when money does not count.
    pub usd_per_hour: Option<Uncertain>,
    /// Price of energy on top, USD per kWh, for machines of one's own.
    pub usd_per_kwh: Option<Uncertain>,
    /// Energy of the site over that of its devices.
    pub energy_overhead: f64,
    /// Bytes training keeps of a parameter; the sum limits the size where devices are limited.
    pub memory: TrainingMemory,
}

/// How the model is served.
#[derive(Clone, Debug, PartialEq)]
pub enum Serving {
    /// 2 N FLOPs per token at the utilisation of each phase (Sardana et al. 2024, eq. 6).
    Utilisation {
        /// Price of a device-hour, USD.
        usd_per_hour: Uncertain,
        /// Peak at the precision of serving, FLOP/s.
        peak_flop_per_s: f64,
        /// Share of it while reading.
        prefill: f64,
        /// Share of it while writing.
        decode: f64,
    },
    /// Weights, cache, bandwidth and arithmetic of a deployment.
    Physics {
        /// Devices, precision, efficiency.
        deployment: Deployment,
        /// Sequences decoded together.
        batch: Batch,
        /// Limits on waiting.
        latency: Latency,
        /// Price of a device-hour, USD.
        usd_per_hour: Option<Uncertain>,
        /// Real speed over that of the model of serving.
        speed: Uncertain,
    },
}

/// What will be asked of the model over its life.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Demand {
    /// Tokens of one request.
    pub request: Requests,
    /// Number of requests.
    pub requests: Uncertain,
}

impl Demand {
    fn workload(&self, requests: f64) -> Workload {
        self.request.workload(requests)
    }
}

/// The text there is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataLimit {
    /// Unique tokens U.
    pub unique: Tokens,
    /// Most times they may be shown.
    pub max_epochs: f64,
    /// R_D and R_N of Muennighoff et al. 2023 for laws that do not know repetition.
    pub repetition: (f64, f64),
}

/// What a deployed copy may take.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemoryLimit {
    /// Bytes for weights and cache.
    pub bytes: f64,
    /// Bits per weight without scales.
    pub weight_bits: f64,
    /// Weights that share one 16-bit scale; absent for none.
    pub scale_group: Option<f64>,
    /// Bits per cache entry.
    pub kv_bits: f64,
    /// Tokens kept in the cache.
    pub context: f64,
}

impl MemoryLimit {
    /// Bits a stored weight takes, its part of the scale included.
    #[must_use]
    pub fn stored_bits(&self) -> f64 {
        stored_bits(self.weight_bits, self.scale_group)
    }
}

/// Everything a plan is made for, besides the law.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// What the plan has to do.
    pub aim: Aim,
    /// What counts as cost.
    pub currency: Currency,
    /// Families of shapes to choose from, at least one.
    pub designs: Vec<Design>,
    /// Where it is trained.
    pub training: Option<Training>,
    /// How it is served.
    pub serving: Option<Serving>,
    /// How much it is asked.
    pub demand: Option<Demand>,
    /// The text there is.
    pub data: Option<DataLimit>,
    /// What a deployed copy may take.
    pub memory: Option<MemoryLimit>,
    /// Most parameters, experts included.
    pub max_params: Option<Params>,
}

impl Scenario {
    /// A dense plan for training FLOPs alone.
    #[must_use]
    pub fn new(aim: Aim) -> Self {
        Self {
            aim,
            currency: Currency::TrainFlops,
            designs: vec![Design::of(Pattern::MODERN, 1, 1)],
            training: None,
            serving: None,
            demand: None,
            data: None,
            memory: None,
            max_params: None,
        }
    }
}
