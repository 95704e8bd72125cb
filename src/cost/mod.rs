//! What compute costs: devices, utilisation, prices, and the demand a model will serve.

mod device;
mod model;
mod workload;

pub use device::{Budget, Device, Price, device, devices};
pub use model::{Model, model, models};
pub use workload::{CostModel, Workload};
