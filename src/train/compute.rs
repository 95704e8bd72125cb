//! The devices of this build.

use burn::tensor::Device;

use super::run_setup::Path;
use crate::error::TrainError;
use crate::sweep::Compute;

/// The devices of this build, for messages.
#[cfg(not(all(feature = "cuda", feature = "wgpu")))]
const KNOWN: &str = match (cfg!(feature = "cuda"), cfg!(feature = "wgpu")) {
    (false, false) => "the CPU only",
    (true, false) => "the CPU and `cuda`",
    (false, true) => "the CPU and `wgpu`",
    (true, true) => "every device",
};

/// The device, without gradients.
///
/// # Errors
/// [`TrainError::Device`] when this build has no back end for it.
pub(super) fn device(compute: Compute) -> Result<Device, TrainError> {
    match compute {
        Compute::Cpu => Ok(Device::flex()),
        #[cfg(feature = "cuda")]
        Compute::Cuda => Ok(Device::cuda(0_usize)),
        #[cfg(not(feature = "cuda"))]
        Compute::Cuda => Err(TrainError::Device { name: "cuda", known: KNOWN }),
        #[cfg(feature = "wgpu")]
        Compute::Wgpu => Ok(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice)),
        #[cfg(not(feature = "wgpu"))]
        Compute::Wgpu => Err(TrainError::Device { name: "wgpu", known: KNOWN }),
    }
}

/// How hot operations are computed on a device.
pub(super) fn path(compute: Compute) -> Path {
    if compute == Compute::Cpu { Path::Fused } else { Path::Plain }
}

/// Name of the trainer in records.
pub(super) fn trainer_name(compute: Compute) -> &'static str {
    match compute {
        Compute::Cpu => "burn-flex",
        Compute::Cuda => "burn-cuda",
        Compute::Wgpu => "burn-wgpu",
    }
}
