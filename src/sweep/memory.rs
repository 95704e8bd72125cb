//! How much memory training a run takes, from its shape and recipe alone.

use serde::{Deserialize, Serialize};

use super::execution::{Compute, Execution};
use super::train_config::TrainConfig;
use crate::flops::Shape;

/// Bytes of one number: parameters, moments and activations are kept in 32 bits.
const FLOAT: f64 = 4.0;

/// Bytes that a tensor takes besides its numbers, with its gradient, its moments and its place in the
/// graph: what counts in a model of very many very small layers.
const PER_TENSOR: f64 = 4096.0;

/// Tokens scored at once in a validation pass.
pub(crate) const EVAL_TOKENS: usize = 4096;

/// Memory of one training run at its fullest, bytes by what they hold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct MemoryEstimate {
    /// Parameters.
    pub parameters_bytes: f64,
    /// Their gradients; twice where a step is computed in parts that are added up.
    pub gradients_bytes: f64,
    /// The two moments of AdamW.
    pub moments_bytes: f64,
    /// What the layers keep for the backward pass, of the sequences computed at once.
    pub activations_bytes: f64,
    /// Logits of these sequences and their gradients.
    pub logits_bytes: f64,
    /// Scores of attention: of one head for each thread on a CPU, of all heads elsewhere.
    pub attention_bytes: f64,
    /// Copies of parameters and moments and their file, while a checkpoint is written: neither gradients nor
    /// activations are there then.
    pub checkpoint_bytes: f64,
}

impl MemoryEstimate {
    /// The most that is in memory at once: parameters and moments with either a step or a checkpoint.
    #[must_use]
    pub fn total_bytes(&self) -> f64 {
        self.parameters_bytes + self.moments_bytes + self.step_bytes().max(self.checkpoint_bytes)
    }

    fn step_bytes(&self) -> f64 {
        self.gradients_bytes + self.work_bytes()
    }

    fn work_bytes(&self) -> f64 {
        self.activations_bytes + self.logits_bytes + self.attention_bytes
    }

    /// The fields of a file that make it smaller, those that matter most first.
    #[must_use]
    pub fn reduce(&self) -> &'static str {
        let held = self.total_bytes() - self.work_bytes();
        let work = [self.logits_bytes, self.activations_bytes, self.attention_bytes];
        let most = work.into_iter().fold(0.0, f64::max);
        if held >= most {
            "`shape` (layers, d_model, ffn, experts) or the vocabulary"
        } else if most == self.logits_bytes {
            "`recipe.micro_sequences` (sequences computed at once), `recipe.context` or the vocabulary"
        } else if most == self.activations_bytes {
            "`recipe.micro_sequences` (sequences computed at once), `recipe.context` or `shape`"
        } else {
            "`recipe.context` or `execution.threads`"
        }
    }
}

/// Memory that training a run takes, as the bundled trainer does it.
///
/// Counted: parameters, gradients, two moments (4 bytes a number each); for every token of the sequences
/// computed at once what each layer keeps, 4 d + (h + 2 h_kv) k + h k + m f numbers with m matrices of
/// inner width f (experts: those visited, and 5 d for each visit), and 2 V of logits; attention's scores; three
/// times parameters and moments while a checkpoint is written.
/// Not counted: the corpus, and about 60 MB of the program itself. Measured on seven models of 1M to 25M parameters,
/// dense and sparse, the most that was resident was 0.90 to 1.02 of the sum. Every count is a real number, so that
/// no shape is too large to be estimated.
///
/// Validation passes keep nothing for a backward pass; their logits count where they are more.
#[must_use]
pub fn memory_estimate(
    shape: &Shape,
    recipe: &TrainConfig,
    execution: &Execution,
) -> MemoryEstimate {
    let context = f64::from(recipe.context);
    let rows = context * f64::from(recipe.micro_batch());
    let layers = f64::from(shape.layers);
    let (d, vocab) = (f64::from(shape.d_model), f64::from(shape.vocab));
    let (queries, head_dim) = (shape.attention_width(), f64::from(shape.head_dim));
    let keys = f64::from(shape.kv_heads) * head_dim;
    let matrices = f64::from(shape.ffn_matrices);

    let experts = shape.experts.map_or(0.0, |e| f64::from(e.count) + f64::from(e.shared.min(1)));
    let tensors = layers * 8.0 + shape.expert_layers() * 2.0 * experts;
    let parameters = shape.params().all.get() * FLOAT;
    let parts = if recipe.micro_batch() < recipe.sequences() { 2.0 } else { 1.0 };

    let per_layer = 4.0 * d + queries + 2.0 * keys + queries;
    let dense = |ffn: f64| matrices * ffn;
    let feed_forward = match shape.experts {
        None => layers * dense(f64::from(shape.ffn)),
        Some(e) => {
            let (routed, shared) = (f64::from(e.top_k), f64::from(e.shared));
            let sparse = (routed + shared) * dense(f64::from(shape.ffn))
                + routed * 5.0 * d
                + 6.0 * f64::from(e.count);
            shape.expert_layers() * sparse
                + f64::from(e.dense_layers) * dense(f64::from(e.dense_ffn))
        }
    };
    let kept = rows * (layers * per_layer + feed_forward + 2.0 * d);
    // Going backward, the gradients of the widest layer are there as well.
    let widest = f64::from(shape.ffn).max(shape.experts.map_or(0.0, |e| f64::from(e.dense_ffn)));
    let backward = rows * (dense(widest) + 3.0 * d);

    let scored = (EVAL_TOKENS as f64).max(context);
    let logits = 2.0 * vocab * rows.max(scored);

    let padded = context + 16.0;
    let attention = match execution.device {
        Compute::Cpu => {
            let threads = execution.threads as f64;
            threads.min(f64::from(recipe.micro_batch()))
                * (2.0 * padded * padded + 9.0 * padded * (head_dim + 16.0))
                + context * head_dim
        }
        Compute::Cuda | Compute::Wgpu => {
            2.0 * layers * rows * f64::from(shape.heads) * context + context * context
        }
    };
    // Two copies on the way to the file, and the file.
    let copied = 3.0 * (parameters + 2.0 * parameters);
    MemoryEstimate {
        parameters_bytes: parameters + tensors * PER_TENSOR,
        gradients_bytes: parts * parameters,
        moments_bytes: 2.0 * parameters,
        activations_bytes: FLOAT * (kept + backward),
        logits_bytes: FLOAT * logits,
        attention_bytes: FLOAT * attention,
        checkpoint_bytes: copied,
    }
}

/// A number of bytes as people say it, `20.1 GB`; powers of 1000.
#[must_use]
pub fn short_bytes(bytes: f64) -> String {
    const STEPS: [(f64, &str); 4] = [(1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")];
    if !bytes.is_finite() || bytes >= 9.995e17 {
        return format!("{bytes:.1e} bytes");
    }
    match STEPS.iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) if bytes / unit < 99.95 => format!("{:.1} {name}", bytes / unit),
        Some((unit, name)) => format!("{:.0} {name}", bytes / unit),
        None => format!("{bytes:.0} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flops::Experts;

    fn estimate(shape: &Shape, recipe: &TrainConfig) -> MemoryEstimate {
        memory_estimate(shape, recipe, &Execution::default())
    }

    #[test]
    fn every_part_grows_with_what_it_is_made_of() {
        let shape = Shape::swiglu(4, 256, 4, 1000);
        let recipe = TrainConfig::default();
        let base = estimate(&shape, &recipe);
        let parameters = shape.params().all.get();
        assert!(base.total_bytes() > 16.0 * parameters);
        let twice = estimate(&shape, &TrainConfig { batch_sequences: Some(32), ..recipe.clone() });
        assert_eq!(twice.activations_bytes, 2.0 * base.activations_bytes);
        let parts = TrainConfig { micro_sequences: Some(4), ..recipe.clone() };
        let parts = estimate(&shape, &parts);
        assert_eq!(parts.gradients_bytes, 2.0 * base.gradients_bytes);
        assert_eq!(parts.activations_bytes, base.activations_bytes / 4.0);
        let wide = estimate(&Shape { vocab: 100_000, ..shape }, &recipe);
        assert!(wide.logits_bytes > 99.0 * base.logits_bytes);
    }

    #[test]
    fn shapes_beyond_any_machine_have_an_estimate_and_say_what_to_reduce() {
        let recipe = TrainConfig::default();
        let most = u32::MAX;
        let experts = Experts { count: most, top_k: 2, shared: 0, dense_layers: 0, dense_ffn: 0 };
        let small = Shape::swiglu(2, 64, 2, 256);
        for (shape, recipe, reduce) in [
            (Shape::swiglu(1, 4_000_000_000, 1, 256), recipe.clone(), "shape"),
            (Shape { layers: most, ..small }, recipe.clone(), "shape"),
            (Shape { experts: Some(experts), ..small }, recipe.clone(), "shape"),
            (Shape { vocab: 1 << 24, ..small }, recipe.clone(), "micro_sequences"),
            (small, TrainConfig { context: most, ..recipe.clone() }, "context"),
            (small, TrainConfig { batch_sequences: Some(most), ..recipe }, "micro_sequences"),
        ] {
            let estimate = memory_estimate(&shape, &recipe, &Execution::default());
            let bytes = estimate.total_bytes();
            assert!(bytes > 1e10 && bytes.is_finite(), "{shape:?} {bytes:e}");
            assert!(estimate.reduce().contains(reduce), "{shape:?}: {}", estimate.reduce());
        }
    }

    #[test]
    fn bytes_are_said_with_three_digits() {
        let said: Vec<String> = [512.0, 2.01e10, 3.46e11, 7e22].map(short_bytes).into();
        assert_eq!(said, ["512 bytes", "20.1 GB", "346 GB", "7.0e22 bytes"]);
    }
}
