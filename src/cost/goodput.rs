//! The share of their peak that published runs reached, from `data/goodput.toml`.

use std::str::FromStr;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::uncertain::Uncertain;
use crate::error::{CostError, UnitsError};
use crate::num::quantile;

const TABLE: &str = "data/goodput.toml";
const TEXT: &str = include_str!("../../data/goodput.toml");

/// Which time a utilisation is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Basis {
    /// Training steps only: MFU as papers quote it.
    Step,
    /// Every device-hour that was paid for.
    Billed,
}

/// One published run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Utilisation {
    /// The run.
    pub name: String,
    /// Which time it is over.
    pub basis: Basis,
    /// Useful FLOPs over the dense BF16 peak of that time.
    pub utilisation: f64,
    /// The device.
    pub device: String,
    /// Where it was read.
    pub source: String,
    /// How it was read.
    pub checked: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    run: Vec<Utilisation>,
}

static RUNS: LazyLock<Result<Table, CostError>> = LazyLock::new(|| {
    toml::from_str(TEXT)
        .map_err(|e| CostError::Table { table: TABLE, reason: e.message().to_owned() })
});

/// Every run on record.
///
/// # Errors
/// [`CostError::Table`] when the shipped table does not parse.
pub fn utilisations() -> Result<&'static [Utilisation], CostError> {
    RUNS.as_ref().map(|t| t.run.as_slice()).map_err(Clone::clone)
}

/// The range over published runs of useful FLOPs per billed device-hour, with its median.
///
/// # Errors
/// As [`utilisations`].
pub fn billed_goodput() -> Result<Uncertain, CostError> {
    let mut shares: Vec<f64> = utilisations()?
        .iter()
        .filter(|run| run.basis == Basis::Billed)
        .map(|run| run.utilisation)
        .collect();
    shares.sort_by(f64::total_cmp);
    let at = |p| quantile(&shares, p);
    Ok(Uncertain { low: at(0.0), mid: at(0.5), high: at(1.0) })
}

/// The useful share of the training peak over paid hours, as it is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "Spelling", into = "Spelling")]
pub enum Goodput {
    /// The range over published runs, [`billed_goodput`].
    #[default]
    Published,
    /// This share, or range of shares.
    Given(Uncertain),
}

/// In files: the word `published`, or a share or range.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Spelling {
    Word(Word),
    Given(Uncertain),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    Published,
}

impl From<Spelling> for Goodput {
    fn from(spelling: Spelling) -> Self {
        match spelling {
            Spelling::Word(Word::Published) => Self::Published,
            Spelling::Given(range) => Self::Given(range),
        }
    }
}

impl From<Goodput> for Spelling {
    fn from(goodput: Goodput) -> Self {
        match goodput {
            Goodput::Published => Self::Word(Word::Published),
            Goodput::Given(range) => Self::Given(range),
        }
    }
}

impl Goodput {
    /// The range it means.
    ///
    /// # Errors
    /// As [`billed_goodput`].
    pub fn range(self) -> Result<Uncertain, CostError> {
        match self {
            Self::Published => billed_goodput(),
            Self::Given(range) => Ok(range),
        }
    }

    /// Whether it is one number.
    #[must_use]
    pub fn is_known(self) -> bool {
        matches!(self, Self::Given(range) if range.is_known())
    }
}

impl FromStr for Goodput {
    type Err = UnitsError;

    /// `published`, a share such as `0.4` or `40%`, or a range such as `0.3..0.45`.
    fn from_str(text: &str) -> Result<Self, UnitsError> {
        if text.trim().eq_ignore_ascii_case("published") {
            return Ok(Self::Published);
        }
        // `40%` is 0.4, alone or as an end of a range.
        let share = |part: &str| {
            let percent = part.trim().strip_suffix('%')?.trim().parse::<f64>().ok()?;
            Some((percent / 100.0).to_string())
        };
        let plain: Vec<String> =
            text.split("..").map(|part| share(part).unwrap_or_else(|| part.to_owned())).collect();
        plain.join("..").parse().map(Self::Given)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::{device, models};

    /// 6 N D over the published device-hours and the device's peak, for every run that has them.
    #[test]
    fn billed_goodput_follows_from_the_device_hours() {
        let mut checked = 0;
        for run in utilisations().expect("shipped").iter().filter(|r| r.basis == Basis::Billed) {
            let known = models().expect("shipped").iter().find(|m| m.name == run.name);
            let model = known.unwrap_or_else(|| panic!("{} is on record", run.name));
            let n = model.active_params.or(model.params).expect("a size").get();
            let d = model.tokens.expect("tokens").get();
            let hours = model.train_device_hours.expect("hours");
            let name = match run.device.as_str() {
                "A100" => "A100 SXM 80GB",
                "H100" => "H100 SXM 80GB",
                other => other,
            };
            let peak = device(name).expect("known").peak_flop_per_s().expect("a peak");
            let share = 6.0 * n * d / (3600.0 * hours * peak);
            assert!((share - run.utilisation).abs() < 6e-4, "{}: {share}", run.name);
            checked += 1;
        }
        assert_eq!(checked, 9);
        let range = billed_goodput().expect("shipped");
        assert_eq!((range.low, range.high), (0.156, 0.478));
    }
}
