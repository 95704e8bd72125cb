//! Accelerators with dense peaks and dated prices, from `data/devices.toml`; budgets in their terms.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::own_file::Own;
use super::price::{Price, PriceKind};
use super::workload::CostModel;
use crate::error::{CostError, nearest_name};
use crate::units::Flops;

const TABLE: &str = "data/devices.toml";
const TEXT: &str = include_str!("../../data/devices.toml");

/// One accelerator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// Name by which [`device()`] finds it.
    pub name: String,
    /// Maker.
    pub vendor: String,
    /// What it is built for.
    pub class: String,
    /// Dense BF16 peak, TFLOP/s.
    #[serde(default)]
    pub bf16_dense_tflop_per_s: Option<f64>,
    /// Dense FP8 peak, TFLOP/s.
    #[serde(default)]
    pub fp8_dense_tflop_per_s: Option<f64>,
    /// Dense FP4 peak, TFLOP/s.
    #[serde(default)]
    pub fp4_dense_tflop_per_s: Option<f64>,
    /// Dense INT8 peak, TOP/s.
    #[serde(default)]
    pub int8_dense_top_per_s: Option<f64>,
    /// What a plain matrix product was measured to reach, TFLOP/s.
    #[serde(default)]
    pub measured_matmul_tflop_per_s: Option<f64>,
    /// Memory, GB of 1e9 bytes.
    pub memory_gb: f64,
    /// Memory bandwidth, GB/s.
    pub bandwidth_gb_per_s: f64,
    /// Thermal design power, W.
    #[serde(default)]
    pub power_w: Option<f64>,
    /// Bandwidth to its neighbours, GB/s.
    #[serde(default)]
    pub link_gb_per_s: Option<f64>,
    /// Where the figures were collected.
    pub source: String,
    /// How they were read: secondary or recalled.
    pub checked: String,
    /// What to know about them.
    #[serde(default)]
    pub note: Option<String>,
    /// Prices by date, oldest first.
    #[serde(default)]
    pub price: Vec<Price>,
}

impl Device {
    /// Dense BF16 peak, FLOP/s.
    ///
    /// # Errors
    /// [`CostError::NoPeak`] when none is on record.
    pub fn peak_flop_per_s(&self) -> Result<f64, CostError> {
        let none = || CostError::NoPeak { name: self.name.clone(), precision: "BF16" };
        self.bf16_dense_tflop_per_s.map(|t| t * 1e12).ok_or_else(none)
    }

    /// Whether its figures are those of a device.
    fn check(&self) -> Result<(), String> {
        let figures = [
            ("memory_gb", Some(self.memory_gb)),
            ("bandwidth_gb_per_s", Some(self.bandwidth_gb_per_s)),
            ("bf16_dense_tflop_per_s", self.bf16_dense_tflop_per_s),
            ("fp8_dense_tflop_per_s", self.fp8_dense_tflop_per_s),
            ("measured_matmul_tflop_per_s", self.measured_matmul_tflop_per_s),
            ("power_w", self.power_w),
        ];
        for (field, x) in figures {
            if let Some(x) = x.filter(|x| !(x.is_finite() && *x > 0.0)) {
                return Err(format!("`{field}` is {x}; expected a number above zero"));
            }
        }
        for price in &self.price {
            if !(price.low > 0.0 && price.low <= price.high && price.high.is_finite()) {
                let (low, high) = (price.low, price.high);
                return Err(format!("a price from {low} to {high}; expected low before high"));
            }
        }
        Ok(())
    }

    /// Bandwidth of its memory, bytes per second.
    #[must_use]
    pub fn bandwidth_bytes_per_s(&self) -> f64 {
        self.bandwidth_gb_per_s * 1e9
    }

    /// Its memory in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> f64 {
        self.memory_gb * 1e9
    }

    /// Share of the peak that a plain matrix product was measured to reach. Without a measurement: 0.8 in
    /// datacenters, about the middle of those measured; 0.38 on laptops and desktops, from the one
    /// measurement on record (500 tokens of an 8B model read per second on an M1 Max of 21 TFLOP/s).
    #[must_use]
    pub fn matmul_share(&self) -> f64 {
        let usual = if self.class == "datacenter" || self.class == "consumer" { 0.8 } else { 0.38 };
        self.measured_matmul_tflop_per_s
            .zip(self.bf16_dense_tflop_per_s)
            .map_or(usual, |(measured, peak)| measured / peak)
    }

    /// The newest price on record: an offer where there is one, else a price someone assumed.
    ///
    /// # Errors
    /// [`CostError::NoPrice`] when there is neither.
    pub fn latest_price(&self) -> Result<&Price, CostError> {
        let newest = |kind: PriceKind| {
            self.price
                .iter()
                .filter(|p| p.kind == kind)
                .max_by(|a, b| a.last_month().cmp(b.last_month()))
        };
        newest(PriceKind::OnDemand)
            .or_else(|| newest(PriceKind::Assumed))
            .ok_or_else(|| CostError::NoPrice { name: self.name.clone() })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    device: Vec<Device>,
}

static DEVICES: LazyLock<Result<Table, CostError>> = LazyLock::new(|| {
    toml::from_str(TEXT)
        .map_err(|e| CostError::Table { table: TABLE, reason: e.message().to_owned() })
});

/// Every device on record.
///
/// # Errors
/// [`CostError::Table`] when the shipped table does not parse.
pub fn devices() -> Result<&'static [Device], CostError> {
    DEVICES.as_ref().map(|t| t.device.as_slice()).map_err(Clone::clone)
}

/// The device of this name. Case and hyphens do not matter; a part of the name is enough where only one
/// device has it (`H200`, `a100-80gb-sxm`). Devices of one's own are found by the path they
/// were added by, see [`add_device`].
///
/// # Errors
/// [`CostError::UnknownDevice`] with the nearest name, [`CostError::AmbiguousDevice`] with the candidates.
///
/// ```
/// use isoloss::cost::device;
///
/// let h200 = device("h200")?;
/// assert_eq!((h200.name.as_str(), h200.memory_gb), ("H200 SXM", 141.0));
/// # Ok::<(), isoloss::error::Error>(())
/// ```
pub fn device(name: &str) -> Result<&'static Device, CostError> {
    if let Some(own) = OWN_DEVICES.get(name) {
        return Ok(own);
    }
    let devices = devices()?;
    let apart = |c: char| c.is_whitespace() || c == '-' || c == '_';
    let words: Vec<String> =
        name.split(apart).filter(|w| !w.is_empty()).map(str::to_lowercase).collect();
    let exact = devices.iter().find(|d| d.name.eq_ignore_ascii_case(name.trim()));
    if let Some(device) = exact {
        return Ok(device);
    }
    let holding = |holds: &dyn Fn(&str, &str) -> bool| -> Vec<&Device> {
        let all = |d: &&Device| {
            let full = d.name.to_lowercase();
            !words.is_empty() && words.iter().all(|w| holds(&full, w))
        };
        devices.iter().filter(all).collect()
    };
    // Whole words first: `B200` is not `GB200`.
    let whole = holding(&|full, word| full.split(apart).any(|part| part == word));
    let matches = if whole.is_empty() { holding(&|full, word| full.contains(word)) } else { whole };
    if let [one] = matches.as_slice() {
        return Ok(one);
    }
    let names = |of: &[&Device]| -> Vec<String> { of.iter().map(|d| d.name.clone()).collect() };
    if !matches.is_empty() {
        let candidates = names(&matches);
        return Err(CostError::AmbiguousDevice { name: name.to_owned(), candidates });
    }
    let nearest = nearest_name(name, devices.iter().map(|d| d.name.as_str()));
    let known = names(&devices.iter().collect::<Vec<_>>());
    Err(CostError::UnknownDevice { name: name.to_owned(), nearest, known })
}

static OWN_DEVICES: Own<Device> = Own::new();

/// Adds a device of one's own, which [`device()`] then finds by `path`: a TOML file with one `[[device]]`
/// and the fields of [`Device`].
///
/// # Errors
/// [`CostError::OwnFile`] for text that holds no such device.
pub fn add_device(path: &str, text: &str) -> Result<(), CostError> {
    let read = || {
        let mut table: Table = toml::from_str(text).map_err(|e| e.to_string())?;
        let count = table.device.len();
        let one = table.device.pop().filter(|_| count == 1);
        let device = one.ok_or(format!("{count} devices; expected one [[device]]"))?;
        device.check()?;
        Ok(device)
    };
    OWN_DEVICES.add(path, read())
}

/// What there is to spend on training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Budget {
    /// FLOPs.
    Compute(Flops),
    /// Devices for a time at a share of their peak.
    DeviceTime {
        /// Number of devices.
        gpus: f64,
        /// Name of the device.
        device: String,
        /// Calendar time, seconds.
        duration_s: f64,
        /// Share of the dense BF16 peak.
        mfu: f64,
    },
    /// Money at a price per device-hour.
    Money {
        /// US dollars.
        usd: f64,
        /// Name of the device.
        device: String,
        /// Price; the newest on record when absent.
        usd_per_hour: Option<f64>,
        /// Share of the dense BF16 peak, on billed hours.
        mfu: f64,
    },
}

impl Budget {
    /// The training FLOPs it buys.
    ///
    /// # Errors
    /// [`CostError`] for an unknown device, a missing price, or a share outside (0, 1].
    ///
    /// ```
    /// use isoloss::cost::Budget;
    ///
    /// let month = Budget::DeviceTime {
    ///     gpus: 1024.0,
    ///     device: "H100 SXM".to_owned(),
    ///     duration_s: 30.0 * 86_400.0,
    ///     mfu: 0.4,
    /// };
    /// assert!((month.flops()?.get() / 1.05e24 - 1.0).abs() < 1e-2);
    /// # Ok::<(), isoloss::error::Error>(())
    /// ```
    pub fn flops(&self) -> Result<Flops, CostError> {
        let positive = |field, found: f64| -> Result<f64, CostError> {
            let ok = found.is_finite() && found > 0.0;
            let expected = "a finite number above zero";
            if ok { Ok(found) } else { Err(CostError::Field { field, found, expected }) }
        };
        let share = |mfu: f64| -> Result<f64, CostError> {
            if mfu > 1.0 {
                let expected = "a share of the dense peak, at most 1 (0.4 for 40 %)";
                return Err(CostError::Field { field: "mfu", found: mfu, expected });
            }
            positive("mfu", mfu)
        };
        match self {
            Self::Compute(c) => Ok(*c),
            Self::DeviceTime { gpus, device: name, duration_s, mfu } => {
                let peak = device(name)?.peak_flop_per_s()?;
                let device_s = positive("gpus", *gpus)? * positive("days", *duration_s)?;
                Ok(Flops::new(device_s * peak * share(*mfu)?))
            }
            Self::Money { usd, device: name, usd_per_hour, mfu } => {
                let device = device(name)?;
                let price = match usd_per_hour {
                    Some(price) => *price,
                    None => device.latest_price()?.typical(),
                };
                let per_flop =
                    CostModel::usd_per_flop(price, device.peak_flop_per_s()?, share(*mfu)?)?;
                Ok(Flops::new(positive("usd", *usd)? / per_flop))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_found_by_a_part_of_their_name() {
        assert_eq!(device("h200").map(|d| d.name.as_str()).ok(), Some("H200 SXM"));
        assert_eq!(device("H100-SXM").map(|d| d.name.as_str()).ok(), Some("H100 SXM 80GB"));
        assert_eq!(device("A100 80GB SXM").map(|d| d.name.as_str()).ok(), Some("A100 SXM 80GB"));
        assert_eq!(device("b200").map(|d| d.name.as_str()).ok(), Some("B200 SXM"));
        assert!(device("A100").expect_err("three of them").to_string().contains("A100 PCIe"));
        assert!(device("abacus").is_err());
    }

    #[test]
    fn device_time_and_money_buy_the_same_flops_at_the_same_price() {
        let time = Budget::DeviceTime {
            gpus: 1024.0,
            device: "H100 SXM 80GB".to_owned(),
            duration_s: 30.0 * 86_400.0,
            mfu: 0.4,
        };
        // 1024 x 30 days x 989.4e12 x 0.4, by hand.
        let flops = time.flops().expect("known device");
        assert!((flops.get() / 1.050_4e24 - 1.0).abs() < 1e-4, "{flops}");
        let money = Budget::Money {
            usd: 1024.0 * 30.0 * 24.0 * 2.0,
            device: "H100 SXM 80GB".to_owned(),
            usd_per_hour: Some(2.0),
            mfu: 0.4,
        };
        assert!((money.flops().expect("priced") / flops - 1.0).abs() < 1e-12);
    }

    #[test]
    fn a_share_in_percent_is_refused() {
        let budget =
            Budget::DeviceTime { gpus: 8.0, device: "H200".to_owned(), duration_s: 1.0, mfu: 40.0 };
        assert!(
            budget.flops().expect_err("forty is no share").to_string().contains("0.4 for 40 %")
        );
    }

    #[test]
    fn the_newest_price_wins() {
        let price = device("H100 SXM").expect("known").latest_price().expect("priced");
        assert_eq!(price.date, "2026-05");
    }
}
