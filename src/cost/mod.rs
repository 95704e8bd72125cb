//! What compute costs: devices, utilisation, prices, serving, and the demand a model will serve.

mod device;
mod goodput;
mod layout;
mod model;
mod own_file;
mod price;
mod serving;
mod uncertain;
mod workload;

pub use device::{Budget, Device, add_device, device, devices};
pub use goodput::{Basis, Goodput, Utilisation, billed_goodput, utilisations};
pub use layout::{Layout, TrainingMemory, training_layout};
pub use model::{ReleasedModel, Score, add_model, model, models};
pub use price::{Price, PriceKind};
pub use serving::{
    Accuracy, BatchRow, BatchSize, Bound, Deployment, Efficiency, Latency, Loaded, Measured,
    Requests, Served, ServingLine, decode_measurements, loaded_measurements, measured_speed,
    serving_accuracy, stored_bits, usual_scale_group,
};
pub use uncertain::{Uncertain, parse_token_range};
pub use workload::{CostModel, Workload};
