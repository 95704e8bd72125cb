//! What compute costs: devices, utilisation, prices, serving, and the demand a model will serve.

mod device;
mod goodput;
mod layout;
mod model;
mod price;
mod serving;
mod uncertain;
mod workload;

pub use device::{Budget, Device, device, devices};
pub use goodput::{Basis, Utilisation, billed_goodput, utilisations};
pub use layout::{Layout, TrainingMemory, training_layout};
pub use model::{Model, Score, model, models};
pub use price::{Price, PriceKind};
pub use serving::{
    Batch, Bound, Deployment, Efficiency, Latency, Measured, Requests, Served, decode_measurements,
    stored_bits, usual_scale_group,
};
pub use uncertain::Uncertain;
pub use workload::{CostModel, Workload};
