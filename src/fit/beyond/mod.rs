//! What a law costs beyond its runs: fits of their nearer part tested on the rest, and rival laws of the
//! same runs.

mod extrapolation;
mod folds;
mod measure;
mod rivals;
mod verdict;

pub use extrapolation::{Extrapolation, NearerFit};
pub use verdict::Reach;

pub(crate) use measure::measure;
