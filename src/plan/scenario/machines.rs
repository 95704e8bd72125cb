//! Machines: where a model is trained, how it is served, and how much.

use serde::{Deserialize, Serialize};

use crate::cost::{
    BatchSize, Deployment, Device, Latency, Requests, TrainingMemory, Uncertain, Workload,
};

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
#[expect(clippy::large_enum_variant, reason = "a scenario has one of them")]
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
        batch: BatchSize,
        /// Limits on the time a user waits.
        latency: Latency,
        /// Price of a device-hour, USD.
        usd_per_hour: Option<Uncertain>,
        /// Measured speed over modelled speed, see [`measured_speed`](crate::cost::measured_speed).
        speed: Uncertain,
    },
}

impl Serving {
    /// The same deployment without limits on the time a user waits.
    pub(in crate::plan) fn without_limits(self) -> Self {
        match self {
            Self::Physics { deployment, batch, usd_per_hour, speed, .. } => {
                let latency = Latency::default();
                Self::Physics { deployment, batch, latency, usd_per_hour, speed }
            }
            by_utilisation @ Self::Utilisation { .. } => by_utilisation,
        }
    }
}

/// What the model will be asked over its life.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Demand {
    /// Tokens of one request.
    pub request: Requests,
    /// Number of requests.
    pub requests: Uncertain,
}

impl Demand {
    pub(in crate::plan) fn workload(&self, requests: f64) -> Workload {
        self.request.workload(requests)
    }
}

impl Training {
    /// Whether a device-hour has a price.
    #[must_use]
    pub fn has_price(&self) -> bool {
        self.usd_per_hour.is_some() && self.device.bf16_dense_tflop_per_s.is_some()
    }

    /// Power of one device with its part of the site, kW, at its design power.
    #[must_use]
    pub fn kilowatt(&self) -> Option<f64> {
        self.device.power_w.map(|w| w / 1e3 * self.energy_overhead)
    }
}
