//! Fits of loss curves under a learning-rate schedule, and forecasts of runs that are not finished.

mod config;
mod fitted;
mod forecast;
mod windows;

pub use config::CurveConfig;
pub use forecast::{Forecast, Hindsight, forecast, forecast_with_progress};
