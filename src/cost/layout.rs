//! How a training run is spread over devices so that it fits their memory.

use serde::{Deserialize, Serialize};

use super::device::Device;
use crate::error::CostError;
use crate::flops::Footprint;

/// Bytes that AdamW keeps of each parameter in mixed precision.
///
/// BF16 weights and gradients are held by every data-parallel copy; the f32 master weights and two
/// moments are shared out among the copies (ZeRO stage 1, Rajbhandari et al. 2020, arXiv:1910.02054,
/// sec. 5).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainingMemory {
    /// Weights and gradients, bytes per parameter.
    pub per_copy_bytes: f64,
    /// Master weights and moments, bytes per parameter.
    pub shared_bytes: f64,
    /// Activations per token, layer and unit of width, bytes: 34 with the scores recomputed
    /// (Korthikanti et al. 2022, arXiv:2205.05198, eq. 6), 2 with every layer recomputed.
    pub activation_bytes: f64,
    /// Share of the device memory that all this may take.
    pub memory_share: f64,
}

impl Default for TrainingMemory {
    fn default() -> Self {
        Self { per_copy_bytes: 4.0, shared_bytes: 12.0, activation_bytes: 34.0, memory_share: 0.9 }
    }
}

/// A way to spread a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Layout {
    /// Devices that split each matrix.
    pub tensor: u32,
    /// Devices that split the layers.
    pub pipeline: u32,
    /// Copies of the model.
    pub data: u32,
    /// Devices that share out the experts, within the copies.
    pub expert: u32,
    /// Sequences of one device and step.
    pub micro_batch: u32,
    /// Whether every layer is computed again in the backward pass.
    pub recompute: bool,
    /// Memory of the fullest device, bytes.
    pub bytes_per_device: f64,
    /// Share of a step in which pipeline stages wait: (p - 1) / (m + p - 1) for m micro-batches.
    pub bubble: f64,
}

/// The layout on `devices` of a kind that splits a model least and still fits.
///
/// Tries tensor splits up to eight (one node), then pipeline splits, then recomputation; what is left
/// are copies. Experts are shared out over the copies when one device cannot hold them.
///
/// - `context`: tokens of a sequence; `batch_tokens`: tokens of one optimiser step.
///
/// # Errors
/// [`CostError::DoesNotFit`] when no layout does.
pub fn training_layout(
    model: &Footprint,
    device: &Device,
    devices: u32,
    context: f64,
    batch_tokens: f64,
    memory: &TrainingMemory,
) -> Result<Layout, CostError> {
    let free = device.memory_bytes() * memory.memory_share;
    let sequences = (batch_tokens / context).max(1.0);
    let routed = model.expert_layers * model.expert_weights * model.experts;
    let dense = model.total.get() - routed;
    let powers = |most: u32| (0..12).map(|i| 1u32 << i).filter(move |p| *p <= most);
    let mut least = f64::INFINITY;
    for recompute in [false, true] {
        for pipeline in powers(devices.min(64)).filter(|p| f64::from(*p) <= model.layers) {
            for tensor in powers(8.min(devices / pipeline)) {
                let split = tensor * pipeline;
                let data = devices / split;
                // More copies than sequences have nothing to do.
                if data == 0 || f64::from(data) > sequences {
                    continue;
                }
                for expert in powers(data.min((model.experts as u32).max(1))) {
                    let part = f64::from(split);
                    let held = (dense + routed / f64::from(expert)) / part;
                    let mine = held * memory.per_copy_bytes
                        + model.total.get() * memory.shared_bytes / (part * f64::from(data));
                    let per_layer = if recompute { 2.0 } else { memory.activation_bytes };
                    // Stages hold the activations of as many micro-batches as there are stages.
                    let kept = context * model.d_model * model.layers * per_layer;
                    let one_layer = context * model.d_model * memory.activation_bytes;
                    let activations =
                        (kept + if recompute { one_layer } else { 0.0 }) / f64::from(tensor);
                    let bytes = mine + activations;
                    least = least.min(bytes);
                    if bytes <= free {
                        let micro_batches = (sequences / f64::from(data)).max(1.0);
                        let waiting = f64::from(pipeline - 1);
                        return Ok(Layout {
                            tensor,
                            pipeline,
                            data,
                            expert,
                            micro_batch: 1,
                            recompute,
                            bytes_per_device: bytes,
                            bubble: waiting / (micro_batches + waiting),
                        });
                    }
                }
            }
        }
    }
    Err(CostError::DoesNotFit {
        what: "weights, gradients, optimiser and activations",
        needed_gb: least / 1e9,
        devices: 1.0,
        device: device.name.clone(),
        free_gb: free / 1e9,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::{device, model};

    fn layout(name: &str, devices: u32) -> Result<Layout, CostError> {
        let model = Footprint::from(&model(name).expect("known").shape.expect("a shape"));
        let device = device("H100 SXM").expect("known");
        training_layout(&model, device, devices, 4096.0, 4e6, &TrainingMemory::default())
    }

    #[test]
    fn a_layout_fits_and_uses_every_device_it_can() {
        for (name, devices) in [("LLaMA 7B", 64), ("Llama 2 70B", 512), ("Llama 3.1 405B", 2048)] {
            let found = layout(name, devices).expect("fits");
            assert!(found.bytes_per_device <= 0.9 * 80e9, "{name}: {found:?}");
            assert_eq!(found.tensor * found.pipeline * found.data, devices, "{name}");
        }
        let small = layout("LLaMA 7B", 64).expect("fits");
        assert!(small.tensor * small.pipeline <= 4, "{small:?}");
    }

    #[test]
    fn what_no_layout_can_hold_is_refused_with_the_bytes() {
        let error = layout("Llama 3.1 405B", 16).expect_err("6.5 TB of state on 1.3 TB");
        assert!(error.to_string().contains("optimiser"), "{error}");
    }
}
