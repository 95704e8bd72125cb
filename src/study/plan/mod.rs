//! Plans: a budget or a loss, machines, demand and limits in; allocations under each law out.

mod answer;
mod request;
#[cfg(feature = "report")]
mod text;

pub use answer::{LawPlans, PlanAnswer};
pub use request::PlanRequest;
