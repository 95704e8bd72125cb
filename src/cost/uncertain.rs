//! A number known to a range.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{CostError, UnitsError};
use crate::units::Tokens;

/// A positive quantity known to a range, `mid` its median.
///
/// As a random quantity its logarithm is uniform between `low` and `mid` and between `mid` and `high`,
/// with half of the probability in each part. That assumes nothing beyond the ends and the median. In
/// files a single number is a range of no width.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Spelling")]
pub struct Uncertain {
    /// Smallest value.
    pub low: f64,
    /// Median.
    pub mid: f64,
    /// Largest value.
    pub high: f64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Spelling {
    Known(f64),
    Ends([f64; 2]),
    Full { low: f64, mid: f64, high: f64 },
}

impl From<Spelling> for Uncertain {
    fn from(spelling: Spelling) -> Self {
        match spelling {
            Spelling::Known(x) => Self::known(x),
            Spelling::Ends([low, high]) => Self::between(low, high),
            Spelling::Full { low, mid, high } => Self { low, mid, high },
        }
    }
}

impl Uncertain {
    /// A quantity that is known.
    #[must_use]
    pub const fn known(x: f64) -> Self {
        Self { low: x, mid: x, high: x }
    }

    /// A range whose median is the geometric mean of its ends.
    #[must_use]
    pub fn between(low: f64, high: f64) -> Self {
        Self { low, mid: (low * high).sqrt(), high }
    }

    /// Whether it is a single number.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.low == self.high
    }

    /// The value below which a share `p` of the probability lies.
    #[must_use]
    pub fn quantile(&self, p: f64) -> f64 {
        let (from, to, share) = if p < 0.5 {
            (self.low, self.mid, 2.0 * p)
        } else {
            (self.mid, self.high, 2.0 * p - 1.0)
        };
        from * (to / from).powf(share)
    }

    /// The range with every value changed by `f`, which has to rise or fall throughout.
    #[must_use]
    pub fn map(&self, f: impl Fn(f64) -> f64) -> Self {
        let (a, b) = (f(self.low), f(self.high));
        Self { low: a.min(b), mid: f(self.mid), high: a.max(b) }
    }

    /// Checks that it is an ordered range of finite numbers above zero.
    ///
    /// # Errors
    /// [`CostError::Field`] with the end that is not.
    pub fn validate(&self, field: &'static str) -> Result<(), CostError> {
        for found in [self.low, self.mid, self.high] {
            if !(found.is_finite() && found > 0.0) {
                return Err(CostError::Field { field, found, expected: "a number above zero" });
            }
        }
        if self.low > self.mid || self.mid > self.high {
            let expected = "a median between the ends of its range, low before high";
            return Err(CostError::Field { field, found: self.mid, expected });
        }
        Ok(())
    }
}

impl FromStr for Uncertain {
    type Err = UnitsError;

    /// `2.95`, `1.99..5.00`, or with the median `1.99..2.95..5.00`.
    fn from_str(text: &str) -> Result<Self, UnitsError> {
        let bad = || UnitsError::NotARange { text: text.to_owned() };
        parse_range(text, |part| {
            let x: f64 = part.trim().trim_start_matches('$').parse().map_err(|_| bad())?;
            if x.is_finite() && x > 0.0 { Ok(x) } else { Err(bad()) }
        })
    }
}

/// A number of tokens or a range of it: `1T`, `1T..4T`, or with the median `1T..2T..4T`.
///
/// # Errors
/// [`UnitsError`] for a part that is no number of tokens, or ends that are not in order.
///
/// ```
/// let served = isoloss::cost::parse_token_range("1T..4T")?;
/// assert_eq!((served.low, served.mid, served.high), (1e12, 2e12, 4e12));
/// # Ok::<(), isoloss::error::Error>(())
/// ```
pub fn parse_token_range(text: &str) -> Result<Uncertain, UnitsError> {
    parse_range(text, |part| part.parse::<Tokens>().map(Tokens::get))
}

fn parse_range(
    text: &str,
    part: impl Fn(&str) -> Result<f64, UnitsError>,
) -> Result<Uncertain, UnitsError> {
    let bad = || UnitsError::NotARange { text: text.to_owned() };
    let parts = text.split("..").map(part).collect::<Result<Vec<f64>, _>>()?;
    let range = match parts[..] {
        [x] => Uncertain::known(x),
        [low, high] => Uncertain::between(low, high),
        [low, mid, high] => Uncertain { low, mid, high },
        _ => return Err(bad()),
    };
    if range.low <= range.mid && range.mid <= range.high { Ok(range) } else { Err(bad()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_mass_lies_below_the_median() {
        let price = Uncertain { low: 1.99, mid: 2.95, high: 5.0 };
        for (p, want) in [(0.0, 1.99), (0.5, 2.95), (1.0, 5.0)] {
            assert!((price.quantile(p) - want).abs() < 1e-12);
        }
        assert!(price.quantile(0.25) < 2.95 && price.quantile(0.25) > 1.99);
    }

    #[test]
    fn ranges_are_read_as_people_write_them() {
        assert_eq!("2.5".parse(), Ok(Uncertain::known(2.5)));
        assert_eq!("$1..4".parse(), Ok(Uncertain { low: 1.0, mid: 2.0, high: 4.0 }));
        assert_eq!("1..3..4".parse(), Ok(Uncertain { low: 1.0, mid: 3.0, high: 4.0 }));
        for text in ["", "a", "4..1", "1..2..3..4", "-1", "0..3"] {
            assert!(text.parse::<Uncertain>().is_err(), "{text}");
        }
    }
}
