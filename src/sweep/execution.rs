//! Where and how runs are executed, which does not change their losses.

use serde::{Deserialize, Serialize};

use crate::error::SweepError;

/// A kind of device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compute {
    /// The CPU.
    #[default]
    Cpu,
    /// The first NVIDIA GPU; in builds with the feature `cuda`.
    Cuda,
    /// The best GPU that Vulkan, Metal or WebGPU finds; in builds with the feature `wgpu`.
    Wgpu,
}

/// Precision of matrix products; parameters and sums are always kept in 32 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// 32 bits throughout.
    #[default]
    F32,
    /// Factors of products rounded to bfloat16, for GPUs.
    Bf16,
}

/// Which checkpoints are kept when a run has ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeepCheckpoints {
    /// None: checkpoints only serve to continue a run that was interrupted.
    #[default]
    None,
    /// The last one, with the trained parameters.
    Last,
    /// One of every step, from step 0 on.
    All,
}

/// A form of the step log besides JSON Lines, for other tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// Event files under `tensorboard/<run>/`.
    Tensorboard,
    /// `csv/<run>.csv`, with the columns of a W&B chart export.
    Csv,
}

/// How runs are executed.
///
/// Every field with its default and range: [run files and sweep files](crate::sweep#run-files-and-sweep-files).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Execution {
    /// Device.
    pub device: Compute,
    /// Precision of matrix products.
    pub precision: Precision,
    /// Threads of one run.
    pub threads: usize,
    /// Shortest time between two checkpoints, seconds.
    pub checkpoint_seconds: f64,
    /// Which checkpoints are kept at the end.
    pub keep_checkpoints: KeepCheckpoints,
    /// Longest time of one run at a stretch, seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_limit: Option<f64>,
    /// Logs for other tools.
    pub logs: Vec<LogFormat>,
}

impl Default for Execution {
    fn default() -> Self {
        Self {
            device: Compute::Cpu,
            precision: Precision::F32,
            threads: 1,
            checkpoint_seconds: 60.0,
            keep_checkpoints: KeepCheckpoints::None,
            time_limit: None,
            logs: Vec::new(),
        }
    }
}

impl Execution {
    /// Checks every field against its range.
    ///
    /// # Errors
    /// [`SweepError::Field`] naming the first field out of range.
    pub fn validate(&self) -> Result<(), SweepError> {
        let bad =
            |field, found: String, expected| Err(SweepError::Field { field, found, expected });
        if !(1..=256).contains(&self.threads) {
            return bad("execution.threads", self.threads.to_string(), "1 to 256");
        }
        let seconds = self.checkpoint_seconds;
        if !(0.0..=1e9).contains(&seconds) {
            return bad("execution.checkpoint_seconds", seconds.to_string(), "0 to 1e9");
        }
        if let Some(limit) = self.time_limit.filter(|limit| !(limit > &0.0 && limit <= &1e9)) {
            return bad("execution.time_limit", limit.to_string(), "above 0, at most 1e9");
        }
        Ok(())
    }
}
