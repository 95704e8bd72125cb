//! Plans: a budget or a loss, machines, demand and limits in; allocations under each law out.

mod answer;
mod basis;
mod request;
#[cfg(feature = "report")]
mod text;

pub use answer::{LawPlans, PlanAnswer};
pub use basis::PlannedLaw;
pub use request::PlanRequest;
