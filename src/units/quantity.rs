//! N, D and C as types, so that one cannot be given for another.

use std::fmt;
use std::ops::{Div, Mul};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::error::UnitsError;
use super::parse::parse_count;
use super::print::short_count;

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
    /// Model parameters N. Which ones are counted is the convention of the run table or of the law,
    /// a [`ParamRule`](super::ParamRule).
    ///
    /// ```
    /// use isoloss::units::Params;
    ///
    /// let n: Params = "70B".parse()?;
    /// assert_eq!(n, Params::new(70e9));
    /// assert_eq!((n * 0.1).to_string(), "7.00B");
    /// assert!("-3B".parse::<Params>().is_err());
    /// # Ok::<(), isoloss::error::Error>(())
    /// ```
    Params, "parameters", &["params", "parameters", "param"]
);
quantity!(
    /// Training tokens D, counted as seen (a second epoch counts again).
    ///
    /// ```
    /// use isoloss::units::{Params, Tokens};
    ///
    /// let d: Tokens = "1.4T tokens".parse()?;
    /// assert_eq!(d / Params::new(70e9), 20.0); // tokens per parameter
    /// assert_eq!(d.to_string(), "1.40T");
    /// # Ok::<(), isoloss::error::Error>(())
    /// ```
    Tokens, "tokens", &["tokens", "token", "tok"]
);
quantity!(
    /// An amount of floating-point operations, never a rate.
    ///
    /// ```
    /// use isoloss::units::{Flops, Params, Tokens};
    ///
    /// let (n, d) = (Params::new(70e9), Tokens::new(1.4e12));
    /// let c = Flops::new(6.0 * n.get() * d.get());
    /// assert_eq!(c.to_string(), "5.88e23");
    /// let gopher: Flops = "5.76e23 FLOP".parse()?;
    /// assert!(c / gopher > 1.0); // a ratio of two budgets
    /// # Ok::<(), isoloss::error::Error>(())
    /// ```
    Flops, "FLOPs", &["flops", "flop"]
);

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
}
