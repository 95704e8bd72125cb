//! Quantities that cross public boundaries: parameters N, tokens D, training FLOPs C.
//!
//! All three are `f64` inside, because C passes 2^64 long before it gets interesting. Parsing
//! takes what people write (`7B`, `1.4T`, `5.76e23 FLOP`), printing gives it back.

use std::fmt;
use std::ops::{Div, Mul};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

mod setting;

pub use setting::Setting;

/// Text that is no quantity.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UnitsError {
    /// Not a number with a known suffix.
    #[error("`{text}` is not a number of {noun}: write it as 7B, 1.4T or 5.76e23")]
    NotACount {
        /// What was written.
        text: String,
        /// What was to be counted.
        noun: &'static str,
    },
    /// Zero, negative or not finite.
    #[error("`{text}` is not usable as {noun}: a finite number above zero is wanted")]
    NotPositive {
        /// What was written.
        text: String,
        /// What was to be counted.
        noun: &'static str,
    },
    /// A duration without its unit.
    #[error("`{text}` is not a duration: write it with a unit, as 30d, 12h, 90min or 45s")]
    NoTimeUnit {
        /// What was written.
        text: String,
    },
    /// Not two numbers.
    #[error("`{text}` is no pair of numbers above zero: write 0.5,0.01")]
    NotAPair {
        /// What was written.
        text: String,
    },
    /// Not a number or a range of numbers.
    #[error("`{text}` is no range: write 2.95, 1.99..5.00, or with the median 1.99..2.95..5.00")]
    NotARange {
        /// What was written.
        text: String,
    },
    /// Memory without its unit.
    #[error("`{text}` is not an amount of memory: write 16GB (decimal) or 16GiB (binary)")]
    NoByteUnit {
        /// What was written.
        text: String,
    },
}

macro_rules! quantity {
    ($(#[$doc:meta])* $name:ident, $noun:literal, $words:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(f64);

        impl $name {
            /// Wraps a plain count; no check, so that laws can be probed anywhere.
            #[must_use]
            pub const fn new(count: f64) -> Self {
                Self(count)
            }

            /// The plain count.
            #[must_use]
            pub const fn get(self) -> f64 {
                self.0
            }

            /// Natural logarithm of the count, the scale every law works on.
            #[must_use]
            pub fn ln(self) -> f64 {
                self.0.ln()
            }

            /// Whether the count is a finite number above zero, as every law needs.
            #[must_use]
            pub fn is_usable(self) -> bool {
                self.0.is_finite() && self.0 > 0.0
            }
        }

        impl FromStr for $name {
            type Err = UnitsError;

            fn from_str(text: &str) -> Result<Self, UnitsError> {
                let count = parse_count(text, $noun, $words)?;
                Ok(Self(count))
            }
        }

        impl Mul<f64> for $name {
            type Output = Self;
            fn mul(self, factor: f64) -> Self {
                Self(self.0 * factor)
            }
        }
    };
}

quantity!(
    /// Model parameters N. Which ones are counted is the run table's or the law's convention.
    Params, "parameters", &["params", "parameters", "param"]
);
quantity!(
    /// Training tokens D, counted as seen (a second epoch counts again).
    Tokens, "tokens", &["tokens", "token", "tok"]
);
quantity!(
    /// An amount of floating-point operations, never a rate.
    Flops, "FLOPs", &["flops", "flop"]
);

/// Which parameters N counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ParamRule {
    /// Every parameter, embeddings included (Hoffmann et al. 2022).
    #[default]
    All,
    /// Without embedding and output matrices (Kaplan et al. 2020).
    NonEmbedding,
    /// Those a token visits, embeddings included: all of a dense model, fewer of a sparse one.
    Active,
}

impl fmt::Display for ParamRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "all parameters",
            Self::NonEmbedding => "non-embedding parameters",
            Self::Active => "active parameters",
        })
    }
}

impl Div<Params> for Tokens {
    /// Tokens per parameter, D/N.
    type Output = f64;
    fn div(self, n: Params) -> f64 {
        self.0 / n.0
    }
}

impl Div<Flops> for Flops {
    /// Ratio of two amounts of compute.
    type Output = f64;
    fn div(self, other: Flops) -> f64 {
        self.0 / other.0
    }
}

impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&short_count(self.0))
    }
}

impl fmt::Display for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&short_count(self.0))
    }
}

impl fmt::Display for Flops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:.2e}", self.0))
    }
}

/// `7.24B`, `1.40T`, `91.2k`: three significant digits with the suffix people say aloud.
///
/// Below 1000 the number stands alone; from 1e15 on it turns to `1.54e15`.
#[must_use]
pub fn short_count(count: f64) -> String {
    const STEPS: [(f64, &str); 4] = [(1e3, "k"), (1e6, "M"), (1e9, "B"), (1e12, "T")];
    if !count.is_finite() || count.abs() >= 9.995e15 {
        return format!("{count:.2e}");
    }
    // 999.6M must read 1.00B, not 1000M, so the step is chosen on the rounded value.
    let step = STEPS.iter().rev().find(|(unit, _)| count.abs() >= unit * 0.9995);
    match step {
        Some((unit, suffix)) => format!("{}{suffix}", three_digits(count / unit)),
        None => three_digits(count),
    }
}

fn three_digits(x: f64) -> String {
    let a = x.abs();
    if a >= 99.95 {
        format!("{x:.0}")
    } else if a >= 9.995 {
        format!("{x:.1}")
    } else {
        format!("{x:.2}")
    }
}

/// A count written by a person: `7B`, `1.4T`, `5.76e23`, `300 B tokens`.
///
/// - `noun`: what is counted, for the message.
/// - `words`: unit words allowed after the number, lower case.
///
/// # Errors
/// [`UnitsError`] when the text is no number, the suffix is unknown, or the count is not a finite
/// number above zero.
fn parse_count(text: &str, noun: &'static str, words: &[&str]) -> Result<f64, UnitsError> {
    let lower = text.trim().to_ascii_lowercase();
    let bare = words.iter().find_map(|w| lower.strip_suffix(w)).unwrap_or(&lower).trim_end();
    let count =
        parse_scaled(bare).ok_or_else(|| UnitsError::NotACount { text: text.to_owned(), noun })?;
    if count.is_finite() && count > 0.0 {
        Ok(count)
    } else {
        Err(UnitsError::NotPositive { text: text.to_owned(), noun })
    }
}

/// A number with an optional `k`, `M`, `B`/`G`, `T`, `P` suffix; `None` if it is not one.
fn parse_scaled(bare: &str) -> Option<f64> {
    const SUFFIXES: [(&str, f64); 6] =
        [("k", 1e3), ("m", 1e6), ("b", 1e9), ("g", 1e9), ("t", 1e12), ("p", 1e15)];
    let lower = bare.trim().to_ascii_lowercase().replace('_', "");
    let (digits, scale) = SUFFIXES
        .iter()
        .find_map(|(s, scale)| lower.strip_suffix(s).map(|d| (d, *scale)))
        .unwrap_or((&lower, 1.0));
    // `inf` and `nan` parse as f64; only digits may start a count.
    if !digits.trim().starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
        return None;
    }
    digits.trim().parse::<f64>().ok().map(|x| x * scale)
}

/// US dollars: `$2M`, `2M`, `350k USD`.
///
/// # Errors
/// [`UnitsError`] when the text is not an amount above zero.
pub fn parse_usd(text: &str) -> Result<f64, UnitsError> {
    let bare = text.trim().trim_start_matches('$');
    parse_count(bare, "US dollars", &["usd", "dollars", "$"])
}

/// A duration in seconds: `30d`, `12h`, `90min`, `45s`, `2w`. The unit is required.
///
/// # Errors
/// [`UnitsError`] when the unit is missing or the number is not above zero.
pub fn parse_duration_s(text: &str) -> Result<f64, UnitsError> {
    const UNITS: [(&str, f64); 9] = [
        ("weeks", 604_800.0),
        ("days", 86_400.0),
        ("hours", 3_600.0),
        ("min", 60.0),
        ("w", 604_800.0),
        ("d", 86_400.0),
        ("h", 3_600.0),
        ("m", 60.0),
        ("s", 1.0),
    ];
    let lower = text.trim().to_ascii_lowercase();
    let (number, unit_s) = UNITS
        .iter()
        .find_map(|(u, s)| lower.strip_suffix(u).map(|n| (n, *s)))
        .ok_or_else(|| UnitsError::NoTimeUnit { text: text.to_owned() })?;
    parse_plain(number, text, "a duration").map(|x| x * unit_s)
}

/// Bytes: `16GB` is decimal, `16GiB` binary. The unit is required.
///
/// # Errors
/// [`UnitsError`] when the unit is missing or the number is not above zero.
pub fn parse_bytes(text: &str) -> Result<f64, UnitsError> {
    const UNITS: [(&str, f64); 6] = [
        ("tib", 1_099_511_627_776.0),
        ("gib", 1_073_741_824.0),
        ("mib", 1_048_576.0),
        ("tb", 1e12),
        ("gb", 1e9),
        ("mb", 1e6),
    ];
    let lower = text.trim().to_ascii_lowercase();
    let (number, unit) = UNITS
        .iter()
        .find_map(|(u, b)| lower.strip_suffix(u).map(|n| (n, *b)))
        .ok_or_else(|| UnitsError::NoByteUnit { text: text.to_owned() })?;
    parse_plain(number, text, "an amount of memory").map(|x| x * unit)
}

fn parse_plain(number: &str, text: &str, noun: &'static str) -> Result<f64, UnitsError> {
    match number.trim().parse::<f64>() {
        Ok(x) if x.is_finite() && x > 0.0 => Ok(x),
        Ok(_) => Err(UnitsError::NotPositive { text: text.to_owned(), noun }),
        Err(_) => Err(UnitsError::NotACount { text: text.to_owned(), noun }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_as_people_write_them() {
        for (text, want) in [
            ("7B", 7e9),
            ("1.4T", 1.4e12),
            ("300 B tokens", 3e11),
            ("5.76e23", 5.76e23),
            ("1_000", 1000.0),
            ("12k", 12e3),
        ] {
            assert_eq!(text.parse::<Tokens>().map(Tokens::get), Ok(want), "{text}");
        }
        assert_eq!("5.76e23 FLOP".parse::<Flops>().map(Flops::get), Ok(5.76e23));
    }

    #[test]
    fn what_is_no_count_is_refused() {
        for text in ["", "B", "seven", "nan", "inf", "-3B", "0", "1e999", "7 apples"] {
            assert!(text.parse::<Params>().is_err(), "{text}");
        }
    }

    #[test]
    fn counts_print_with_three_digits_and_read_back() {
        for (count, want) in [
            (7.24e9, "7.24B"),
            (999.6e6, "1.00B"),
            (1.4e12, "1.40T"),
            (91_234.0, "91.2k"),
            (12.0, "12.0"),
            (1.0e16, "1.00e16"),
        ] {
            let text = short_count(count);
            assert_eq!(text, want);
            let back: Params = text.parse().expect("what we print we read");
            assert!((back.get() / count - 1.0).abs() < 5e-3);
        }
    }

    #[test]
    fn money_time_and_memory_need_their_units() {
        assert_eq!(parse_usd("$2M"), Ok(2e6));
        assert_eq!(parse_usd("350k USD"), Ok(350e3));
        assert_eq!(parse_duration_s("30d"), Ok(2_592_000.0));
        assert_eq!(parse_duration_s("90min"), Ok(5400.0));
        assert!(parse_duration_s("30").is_err());
        assert_eq!(parse_bytes("16GB"), Ok(16e9));
        assert_eq!(parse_bytes("16GiB"), Ok(17_179_869_184.0));
        assert!(parse_bytes("16").is_err());
    }
}
