//! Questions and their answers: what people ask of the rooms together.
//!
//! Each file holds a request, a plain struct that can be written down, and the answer it leads to. The
//! command line, other languages and pages call this room; nothing here reads flags or prints.

mod fit;
mod law;
mod replay;

#[cfg(feature = "logs")]
pub use fit::LogSource;
pub use fit::{FitReport, FitRequest};
pub use law::{AskedLaw, USUAL_LAWS, ask_laws, load_fit};
#[cfg(feature = "logs")]
pub use replay::{Replay, replay};
