//! How a training run is spread over devices so that it fits their memory.

use serde::{Deserialize, Serialize};

use super::device::Device;
use crate::error::CostError;
use crate::flops::{Footprint, Shape};

/// Bytes that AdamW keeps of each parameter in mixed precision.
///
/// Every data-parallel copy holds BF16 weights and gradients; the f32 master weights and two moments are
/// sharded over the copies (ZeRO stage 1, Rajbhandari et al. 2020, arXiv:1910.02054,
/// sec. 5).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainingMemory {
    /// Weights and gradients, bytes per parameter.
    pub per_copy_bytes: f64,
    /// Master weights and moments, bytes per parameter.
    pub shared_bytes: f64,
    /// Activations per token, layer and unit of width, bytes, of a layer whose feed-forward part has two
    /// matrices of four times the width: 34 with the scores recomputed (Korthikanti et al. 2022,
    /// arXiv:2205.05198, eq. 6). Other layers keep 2 bytes more or less per matrix and inner unit. With
    /// every layer recomputed, only 2 per unit of width are kept.
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
    /// Devices over which the experts are sharded, within the copies.
    pub expert: u32,
    /// Sequences of one copy and pass.
    pub micro_batch: u32,
    /// Passes of each copy before the optimiser steps.
    pub accumulation: u32,
    /// Sequences of one optimiser step: data x micro_batch x accumulation.
    pub sequences: f64,
    /// Whether every layer is computed again in the backward pass.
    pub recompute: bool,
    /// Bytes on the device that holds most.
    pub bytes_per_device: f64,
    /// Share of a step in which pipeline stages wait: (p - 1) / (m + p - 1) for m micro-batches.
    pub bubble: f64,
}

/// The layout on at most `devices` of a kind that fits their memory and keeps most of them busy.
///
/// Tries tensor splits up to eight (one node), pipeline splits up to 64, experts sharded over the copies,
/// and recomputation of every layer. A split divides what it splits: heads (and the heads of keys and
/// values, unless each device holds a copy of one) by the tensor, layers by the pipeline (stages of unequal
/// depth only where no equal ones fit), experts by their shards. There are as many copies as devices and
/// sequences allow, and the batch is the multiple of them nearest to the one asked for. Of the layouts that fit, the one with the most busy devices wins: devices
/// used, less the bubble, times three quarters with recomputation (which adds one forward pass to a forward
/// and a double backward pass). Of equals the one with the fewest splits wins.
///
/// - `context`: tokens of a sequence; `batch_tokens`: tokens of one optimiser step, about.
///
/// # Errors
/// [`CostError::DoesNotFit`] when no layout does.
pub fn training_layout(
    shape: &Shape,
    device: &Device,
    devices: u32,
    context: f64,
    batch_tokens: f64,
    memory: &TrainingMemory,
) -> Result<Layout, CostError> {
    let model = Footprint::from(shape);
    let free = device.memory_bytes() * memory.memory_share;
    let wanted = (batch_tokens / context).clamp(1.0, f64::from(u32::MAX));
    let powers = |most: u32| (0..12).map(|i| 1u32 << i).filter(move |p| *p <= most);
    let experts = shape.experts.map_or(1, |e| e.count);
    let splits_heads = |tensor: u32| {
        let kv = shape.kv_heads;
        shape.heads.is_multiple_of(tensor)
            && (kv.is_multiple_of(tensor) || tensor.is_multiple_of(kv))
    };
    let per_unit = memory.activation_bytes + inner_bytes(shape) - PLAIN_INNER_BYTES;
    let mut least = f64::INFINITY;
    let mut best: Option<(f64, Layout)> = None;
    // Stages of unequal depth only where no equal ones fit.
    for (uneven, recompute) in [(false, false), (false, true), (true, false), (true, true)] {
        if uneven && best.is_some() {
            break;
        }
        let stages = |p: &u32| match uneven {
            false => shape.layers.is_multiple_of(*p),
            true => p.is_power_of_two() && *p <= shape.layers,
        };
        for pipeline in (1..=devices.min(64)).filter(stages) {
            for tensor in powers(8.min(devices / pipeline)).filter(|t| splits_heads(*t)) {
                let data = (devices / (tensor * pipeline)).min(wanted as u32).max(1);
                let accumulation = (wanted / f64::from(data)).round().max(1.0);
                let shards = 1..=data.min(experts.max(1));
                for expert in
                    shards.filter(|e| experts.is_multiple_of(*e) && data.is_multiple_of(*e))
                {
                    let waiting = f64::from(pipeline - 1);
                    let mut layout = Layout {
                        tensor,
                        pipeline,
                        data,
                        expert,
                        micro_batch: 1,
                        accumulation: accumulation as u32,
                        sequences: f64::from(data) * accumulation,
                        recompute,
                        bytes_per_device: 0.0,
                        bubble: waiting / (accumulation + waiting),
                    };
                    layout.bytes_per_device =
                        bytes_per_device(&model, &layout, context, per_unit, memory);
                    least = least.min(layout.bytes_per_device);
                    let at_work = layout.at_work();
                    // Splits rise in the loops, so the first of equals is split least.
                    let better =
                        best.as_ref().is_none_or(|(most, _)| at_work > most * (1.0 + 1e-9));
                    if layout.bytes_per_device <= free && better {
                        best = Some((at_work, layout));
                    }
                }
            }
        }
    }
    best.map(|(_, layout)| layout).ok_or_else(|| CostError::DoesNotFit {
        what: "weights, gradients, optimiser and activations",
        needed_gb: least / 1e9,
        devices: 1.0,
        device: device.name.clone(),
        free_gb: free / 1e9,
    })
}

/// What of [`TrainingMemory::activation_bytes`] is the inner width: two values of two bytes in each of four
/// inner units per unit of width, the input and the output of the plain feed-forward part's nonlinearity.
const PLAIN_INNER_BYTES: f64 = 16.0;

/// Bytes that the inner widths of a token's feed-forward part keep per unit of width: two for each matrix and
/// inner unit, in the layer that keeps most.
fn inner_bytes(shape: &Shape) -> f64 {
    let inner = match shape.experts {
        None => shape.ffn,
        Some(e) => (shape.ffn * (e.top_k + e.shared)).max(e.dense_ffn),
    };
    2.0 * f64::from(shape.ffn_matrices) * f64::from(inner) / f64::from(shape.d_model)
}

/// Bytes on the fullest device of a layout; `layer_bytes` are those a layer that is not recomputed keeps per
/// token and unit of width.
fn bytes_per_device(
    model: &Footprint,
    layout: &Layout,
    context: f64,
    layer_bytes: f64,
    memory: &TrainingMemory,
) -> f64 {
    // The deepest stage, where the stages are not equal.
    let stages = f64::from(layout.pipeline);
    let deepest = (model.layers / stages).ceil() / model.layers;
    let part = f64::from(layout.tensor) / deepest;
    let routed = model.expert_layers * model.expert_weights * model.experts;
    let dense = model.total.get() - routed;
    let held = (dense + routed / f64::from(layout.expert)) / part;
    let shared = model.total.get() * memory.shared_bytes / (part * f64::from(layout.data));
    let per_unit = if layout.recompute { 2.0 } else { layer_bytes };
    // A stage holds its share of the layers for as many micro-batches as there are stages.
    let kept = context * model.d_model * model.layers * per_unit;
    let one_layer = if layout.recompute { context * model.d_model * layer_bytes } else { 0.0 };
    held * memory.per_copy_bytes + shared + (kept + one_layer) / f64::from(layout.tensor)
}

impl Layout {
    /// Devices it uses.
    #[must_use]
    pub fn devices(&self) -> f64 {
        f64::from(self.tensor) * f64::from(self.pipeline) * f64::from(self.data)
    }

    fn at_work(&self) -> f64 {
        let recomputed = if self.recompute { 0.75 } else { 1.0 };
        self.devices() * (1.0 - self.bubble) * recomputed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::{device, model};

    fn layout(name: &str, devices: u32) -> Result<Layout, CostError> {
        let shape = model(name).expect("known").shape.expect("a shape");
        let device = device("H100 SXM").expect("known");
        training_layout(&shape, device, devices, 4096.0, 4e6, &TrainingMemory::default())
    }

    #[test]
    fn a_layout_fits_and_uses_every_device_it_can() {
        for (name, devices) in [("LLaMA 7B", 64), ("Llama 2 70B", 512), ("Llama 3.1 405B", 2048)] {
            let found = layout(name, devices).expect("fits");
            assert!(found.bytes_per_device <= 0.9 * 80e9, "{name}: {found:?}");
            // 126 layers have no equal stages in powers of two: 36 copies of 56 use 2016 of 2048.
            assert!(found.devices() >= 0.98 * f64::from(devices), "{name}: {found:?}");
            let layers = model(name).expect("known").shape.expect("a shape").layers;
            assert!(layers.is_multiple_of(found.pipeline), "{name}: {found:?}");
        }
        let small = layout("LLaMA 7B", 64).expect("fits");
        assert!(small.tensor * small.pipeline <= 4, "{small:?}");
    }

    #[test]
    fn a_small_batch_leaves_devices_idle_rather_than_without_a_layout() {
        let shape = model("LLaMA 7B").expect("known").shape.expect("a shape");
        let device = device("RTX 4090").expect("known");
        let memory = TrainingMemory::default();
        let found = training_layout(&shape, device, 35_700, 4096.0, 16.0 * 4096.0, &memory);
        let found = found.expect("fits");
        assert!(found.devices() <= 35_700.0 && found.data <= 16, "{found:?}");
    }

    #[test]
    fn what_no_layout_can_hold_is_refused_with_the_bytes() {
        let error = layout("Llama 3.1 405B", 16).expect_err("6.5 TB of state on 1.3 TB");
        assert!(error.to_string().contains("optimiser"), "{error}");
    }

    /// Korthikanti et al. 2022, eq. 6: 34 s b h per layer for two matrices of four times the width. A gated
    /// layer keeps its gate, its other half and their product; a mixture those of every expert visited.
    #[test]
    fn gates_and_experts_keep_more() {
        let kept = |name: &str| {
            let shape = model(name).expect("known").shape.expect("a shape");
            34.0 + inner_bytes(&shape) - PLAIN_INNER_BYTES
        };
        assert!((kept("GPT-3 175B") - 34.0).abs() < 1e-12);
        assert!((kept("Mistral 7B") - (18.0 + 3.0 * 2.0 * 3.5)).abs() < 1e-12);
        assert!((kept("Mixtral 8x7B") - (18.0 + 2.0 * 3.0 * 2.0 * 3.5)).abs() < 1e-12);
    }

    #[test]
    fn stages_are_equal_where_any_equal_ones_fit() {
        // 88 layers have no equal sixteen stages, but eleven and twenty-two.
        let mut shape = model("Llama 2 70B").expect("known").shape.expect("a shape");
        shape.layers = 88;
        let device = device("H100 SXM").expect("known");
        let memory = TrainingMemory::default();
        for devices in [64, 352, 1024] {
            let found = training_layout(&shape, device, devices, 4096.0, 4e6, &memory);
            let found = found.expect("fits");
            assert_eq!(shape.layers % found.pipeline, 0, "{found:?}");
        }
    }
}
