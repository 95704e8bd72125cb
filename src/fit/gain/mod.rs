//! How much compute one recipe saves over another, in every way that is in use, and which to believe.
//!
//! The compute multiplier at a budget is the compute that A needs for B's loss over the compute of B.
//! The same runs give 3, 4 or 260 by different ways, so each way is asked for multipliers that it was
//! not given and that were measured.

mod answer;
mod comparable;
mod compare;
mod floor;
mod held_out;
mod joined;
mod limit;
mod measured;
mod multiplier;
mod next;
mod pair;
mod pairs;
mod read_off;
mod request;
mod row;
mod way;

pub use answer::{Gain, Method, Parting, Worth};
pub use compare::gain;
pub use floor::FloorSensitivity;
pub use held_out::HeldOutGain;
pub use measured::{FrontierKind, FrontierLoss};
pub use multiplier::Multiplier;
pub use next::{Settling, SettlingRun};
pub use pairs::PairedNoise;
pub use request::{GainConfig, Recipe};
pub use way::Way;
