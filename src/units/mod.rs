//! Quantities that cross public boundaries: parameters N, tokens D, training FLOPs C, and the setting
//! of a run.
//!
//! All three are `f64` inside, because C exceeds 2^64 in every run of interest. Parsing
//! takes what people write (`7B`, `1.4T`, `5.76e23 FLOP`), printing gives it back.

mod error;
mod loss;
mod params;
mod parse;
mod print;
mod quantity;
mod setting;

pub use error::UnitsError;
pub use loss::LossUnit;
pub use params::ParamRule;
pub use parse::{parse_bytes, parse_days_s, parse_duration_s, parse_pair, parse_usd};
pub use print::{short_count, times};
pub use quantity::{Flops, Params, Tokens};
pub use setting::Setting;
