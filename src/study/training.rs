//! Where a model is trained, by name and with what is on record.

use serde::{Deserialize, Serialize};

use super::own::device_of;
use crate::cost::{Goodput, Price, TrainingMemory, Uncertain};
use crate::error::{CostError, Result};
use crate::plan::Training;

/// Devices for training, and their prices.
///
/// | field | default | purpose |
/// |---|---|---|
/// | `device` | one is required | name of the device |
/// | `gpus`, `duration_s` | unlimited | how many there are, and for how long |
/// | `mfu` | published | useful share of the peak over paid hours |
/// | `fp8` | false | whether matrix products run in FP8 |
/// | `usd_per_hour` | newest on record | price of a device-hour |
/// | `usd_per_kwh` | none | price of energy on top, for machines of one's own |
/// | `pue` | 1.2 | energy of the site over that of its devices, at least 1 |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingRequest {
    /// Name of the device.
    pub device: String,
    /// Number of devices, where limited.
    #[serde(default)]
    pub gpus: Option<f64>,
    /// Calendar time, where limited, s.
    #[serde(default)]
    pub duration_s: Option<f64>,
    /// Useful share of the dense BF16 peak over paid hours, in BF16.
    #[serde(default)]
    pub mfu: Goodput,
    /// Whether matrix products run in FP8: the share rises by what was measured for that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fp8: bool,
    /// Price of a device-hour, USD; the newest on record when absent.
    #[serde(default)]
    pub usd_per_hour: Option<Uncertain>,
    /// Price of energy on top, USD per kWh.
    #[serde(default)]
    pub usd_per_kwh: Option<Uncertain>,
    /// Energy of the site over that of its devices.
    #[serde(default = "usual_pue")]
    pub pue: f64,
}

/// Measured speed of training in FP8 over BF16 on the same devices: up to 1.25 for 8B on eight GPUs, 1.28 on
/// B200 (MXFP8), 1.34 to 1.43 on two thousand H200, 1.43 to 1.51 for Llama 3.1 70B and 405B on H100. Here their
/// ends and their median. Master weights, gradients and moments stay as they are in BF16, so memory does too.
///
/// Source: documentation (quantised training) and readme of pytorch/ao, primary.
const FP8_SPEED_UP: Uncertain = Uncertain { low: 1.25, mid: 1.385, high: 1.51 };

/// What large datacenters need for cooling and conversion.
fn usual_pue() -> f64 {
    1.2
}

impl TrainingRequest {
    /// Any number of these devices, with everything else as on record.
    #[must_use]
    pub fn on(device: impl Into<String>) -> Self {
        Self {
            device: device.into(),
            gpus: None,
            duration_s: None,
            mfu: Goodput::Published,
            fp8: false,
            usd_per_hour: None,
            usd_per_kwh: None,
            pue: usual_pue(),
        }
    }

    /// The machines of a scenario.
    ///
    /// # Errors
    /// [`CostError`] for an unknown device, and an energy overhead below 1.
    pub fn resolve(&self) -> Result<Training> {
        let device = device_of(&self.device)?;
        let found = self.pue;
        if !(found.is_finite() && found >= 1.0) {
            let expected = "the site's energy over its devices', at least 1";
            return Err(CostError::Field { field: "pue", found, expected }.into());
        }
        if self.fp8 && device.fp8_dense_tflop_per_s.is_none() {
            let name = device.name.clone();
            return Err(CostError::NoPeak { name, precision: "FP8" }.into());
        }
        let share = self.mfu.range()?;
        let speed_up = if self.fp8 { FP8_SPEED_UP } else { Uncertain::known(1.0) };
        let utilisation = Uncertain {
            low: share.low * speed_up.low,
            mid: share.mid * speed_up.mid,
            high: share.high * speed_up.high,
        };
        Ok(Training {
            device,
            devices: self.gpus,
            duration_s: self.duration_s,
            utilisation,
            usd_per_hour: self.usd_per_hour.or(device.latest_price().ok().map(Price::range)),
            usd_per_kwh: self.usd_per_kwh,
            energy_overhead: self.pue,
            memory: TrainingMemory::default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_written_as_a_few_lines_of_toml() {
        let text = "device = \"H100 SXM\"\nmfu = [0.3, 0.45]\n";
        let request: TrainingRequest = toml::from_str(text).expect("complete");
        let training = request.resolve().expect("on record");
        assert_eq!((training.utilisation.low, training.utilisation.high), (0.3, 0.45));
        assert!(training.usd_per_hour.is_some(), "the newest price on record");
        let back = toml::to_string(&TrainingRequest::on("H200")).expect("plain");
        assert!(back.contains("mfu = \"published\""), "{back}");
        assert_eq!(toml::from_str(&back), Ok(TrainingRequest::on("H200")));
        let low = TrainingRequest { pue: 0.5, ..request };
        assert!(low.resolve().is_err());
    }
}
