//! From an architecture to parameter counts and FLOPs: the one place where either is counted.
//!
//! Plans use these formulas, and the bundled trainer's model is tested against them, so N and C mean the
//! same in a sweep and in a plan.

mod config;
mod family;
mod footprint;
mod pattern;
mod rule;
mod shape;
mod vectors;

pub use family::is_config_key;
pub use footprint::Footprint;
pub use pattern::Pattern;
pub use rule::{FlopRule, tokens_for};
pub use shape::{Experts, Latent, ParamCount, Shape, mean_span};
pub use vectors::{QkGains, Vectors};
