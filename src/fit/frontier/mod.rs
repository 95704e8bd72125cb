//! The compute-optimal frontier by each of Hoffmann's approaches.

mod approach;
mod approaches;
mod envelope;
mod profiles;
mod valley;

pub use approach::{Approach, FrontierPoint, Refused};
pub use approaches::{Approaches, approaches};
pub use valley::{Valley, valleys, valleys_within};

pub(super) use valley::lowest_of_profile;
