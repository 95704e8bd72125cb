//! Fits of loss curves under a learning-rate schedule, and forecasts of runs that are not finished.

mod ahead;
mod config;
mod fitted;
mod forecast;
mod windows;

pub use ahead::Trial;
pub use config::CurveConfig;
pub use forecast::{FittedCurve, Forecast, Hindsight, forecast, forecast_with_progress};
