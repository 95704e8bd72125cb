//! What serving a model takes: memory, time to the first token, time per token, money.

mod accuracy;
mod bits;
mod by_batch;
mod chunks;
mod deployment;
mod measured;
mod request;
mod steady;
#[cfg(test)]
mod tests;

pub use accuracy::{Accuracy, measured_speed, serving_accuracy};
pub use bits::{stored_bits, usual_scale_group};
pub use by_batch::{BatchRow, ServingLine};
pub use deployment::Deployment;
pub use measured::{Efficiency, Loaded, Measured, decode_measurements, loaded_measurements};
pub use request::{BatchSize, Bound, Latency, Requests, Served};
