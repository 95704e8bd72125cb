//! Laws: families with their derivatives, published constants, surfaces and ensembles of them.
//!
//! To add a family: one file here that implements [`Form`], one line in `registry.rs`, rows for
//! published constants in `data/laws.toml`.

mod chinchilla;
mod ensemble;
mod form;
mod gadre;
mod kaplan;
mod published;
mod registry;
mod surface;
mod tied;

pub use chinchilla::Chinchilla;
pub use ensemble::{Draws, Ensemble};
pub use form::{At, Coef, Form, Law, Scale};
pub use gadre::GadreOvertraining;
pub use kaplan::KaplanJoint;
pub use published::{Allocation, Checked, Published, kaplan_allocation, published_laws};
pub use registry::{forms, law_by_id};
pub use surface::{Point, Range, Support, Surface};
pub use tied::ChinchillaTied;
