//! How a run is trained: the table `[recipe]` of a run or sweep file.

use serde::{Deserialize, Serialize};

use super::schedule::{DecayShape, Schedule};
use crate::error::SweepError;

/// How a good learning rate of one width becomes one of another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WidthTransfer {
    /// One rate for all parameters, a power of the width.
    #[default]
    Rule,
    /// μP: hidden matrices at peak_lr · 64 / d_model, embeddings and gains at peak_lr, logits times
    /// 64 / d_model, scores of attention times √32 / head_dim (Yang et al. 2022, arXiv:2203.03466,
    /// table 8 and definition 4.1).
    Mup,
    /// CompleteP: μP, and depths too. Every part of a block enters the residual stream with a factor of
    /// 2 / layers, matrices start as in a model of 2 layers, AdamW's ε of the blocks shrinks with width
    /// and depth, and the decay of matrices per step stays the same at every width (Dey et al. 2025,
    /// arXiv:2505.01618, table 1 with α = 1).
    CompleteP,
}

/// Sequences of a step in a recipe that leaves them open, where no run is known.
pub const USUAL_BATCH: u32 = 16;

/// AdamW's ε at the base width and depth.
const EPSILON: f64 = 1e-8;

/// Width at which the rates of a recipe hold as they are written.
pub const BASE_WIDTH: f64 = 64.0;

/// Tokens of a step at which they do.
pub const BASE_BATCH: f64 = 512.0;

/// Depth at which [`WidthTransfer::CompleteP`] is [`WidthTransfer::Mup`].
pub const BASE_LAYERS: f64 = 2.0;

/// Head width at which the scores of attention have the usual factor 1 / √head_dim under μP.
pub const BASE_HEAD: f64 = 32.0;

impl WidthTransfer {
    /// Whether it is μP in the widths.
    #[must_use]
    pub fn is_mup(self) -> bool {
        self != Self::Rule
    }
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// How a run is trained; everything that is not its shape, its length or its seed.
///
/// Every field with its default and range: [run files and sweep files](crate::sweep#run-files-and-sweep-files).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Sequence length in tokens.
    pub context: u32,
    /// Sequences per optimiser step; by a [rule](TrainConfig::for_run) of the training tokens when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch_sequences: Option<u32>,
    /// Sequences computed at once, all of the step when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub micro_sequences: Option<u32>,
    /// Peak learning rate at a width of 64, and of 512 tokens a step where it follows the batch.
    pub peak_lr: f64,
    /// How learning rates follow the width.
    #[serde(skip_serializing_if = "is_default")]
    pub width_transfer: WidthTransfer,
    /// Exponent of the width rule lr = peak_lr · (64 / d_model)^x.
    pub lr_width_exponent: f64,
    /// Exponent y of the batch rule: rates times (tokens of a step / 512)^y. When absent, 0.3 where the
    /// batch follows its rule and 0 where it is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lr_batch_exponent: Option<f64>,
    /// How the rate falls.
    #[serde(skip_serializing_if = "is_default")]
    pub schedule: Schedule,
    /// Share of all steps spent in linear warm-up; a twentieth, but some steps at least, when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmup_fraction: Option<f64>,
    /// Steps spent in linear warm-up, in place of the share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warmup_steps: Option<u64>,
    /// Share of all steps spent in the decay of a warm-up, stable, decay schedule.
    pub decay_fraction: f64,
    /// Form of that decay.
    #[serde(skip_serializing_if = "is_default")]
    pub decay_shape: DecayShape,
    /// Final over peak learning rate.
    pub final_lr_fraction: f64,
    /// Decoupled weight decay on matrices.
    pub weight_decay: f64,
    /// Whether the embedding and output matrices are decayed too.
    pub decay_embeddings: bool,
    /// Learning rate of the embedding and output matrices over that of the rest.
    pub embedding_lr_ratio: f64,
    /// First-moment decay of AdamW.
    pub beta1: f64,
    /// Second-moment decay of AdamW.
    pub beta2: f64,
    /// Largest global gradient norm; longer gradients are scaled down to it.
    pub clip_norm: f64,
    /// Weight of the load-balancing loss of a mixture of experts.
    pub balance_loss: f64,
    /// Weight of the squared log-sum of its router's logits.
    pub router_z_loss: f64,
    /// Validation passes, evenly spaced, the last at the end.
    pub evaluations: u32,
    /// Tokens of one validation pass.
    pub validation_tokens: u64,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            context: 128,
            batch_sequences: None,
            micro_sequences: None,
            peak_lr: 4.5e-3,
            width_transfer: WidthTransfer::Rule,
            lr_width_exponent: 1.0,
            lr_batch_exponent: None,
            schedule: Schedule::Cosine,
            warmup_fraction: None,
            warmup_steps: None,
            decay_fraction: 0.2,
            decay_shape: DecayShape::Linear,
            final_lr_fraction: 0.1,
            weight_decay: 0.1,
            decay_embeddings: true,
            embedding_lr_ratio: 1.0,
            beta1: 0.9,
            beta2: 0.95,
            clip_norm: 1.0,
            balance_loss: 0.01,
            router_z_loss: 1e-3,
            evaluations: 10,
            validation_tokens: 131_072,
        }
    }
}

impl TrainConfig {
    /// Tokens of one optimiser step.
    #[must_use]
    pub fn tokens_per_step(&self) -> u64 {
        u64::from(self.context) * u64::from(self.sequences())
    }

    /// Sequences of one optimiser step: as given, or [`USUAL_BATCH`](super::USUAL_BATCH) in a recipe that
    /// no run has [fixed](Self::for_run) yet.
    #[must_use]
    pub fn sequences(&self) -> u32 {
        self.batch_sequences.unwrap_or(USUAL_BATCH)
    }

    /// Sequences computed at once. It need not divide the batch: the last part is smaller then.
    #[must_use]
    pub fn micro_batch(&self) -> u32 {
        self.micro_sequences.unwrap_or(u32::MAX).min(self.sequences())
    }

    /// Peak learning rate of the hidden matrices of a model of this width.
    #[must_use]
    pub fn lr_for(&self, d_model: u32) -> f64 {
        let exponent = match self.width_transfer {
            WidthTransfer::Rule => self.lr_width_exponent,
            WidthTransfer::Mup | WidthTransfer::CompleteP => 1.0,
        };
        let batch = self.tokens_per_step() as f64 / BASE_BATCH;
        let of_batch = batch.powf(self.lr_batch_exponent.unwrap_or(0.0));
        self.peak_lr * of_batch * (BASE_WIDTH / f64::from(d_model)).powf(exponent)
    }

    /// Learning rate of the embedding and output matrices over that of the hidden ones.
    #[must_use]
    pub fn embedding_lr_factor(&self, d_model: u32) -> f64 {
        self.embedding_lr_ratio * self.gain_lr_factor(d_model)
    }

    /// Learning rate of the gains over that of the hidden matrices.
    #[must_use]
    pub fn gain_lr_factor(&self, d_model: u32) -> f64 {
        match self.width_transfer {
            WidthTransfer::Rule => 1.0,
            WidthTransfer::Mup | WidthTransfer::CompleteP => f64::from(d_model) / BASE_WIDTH,
        }
    }

    /// Decay of the hidden matrices over that of the recipe.
    ///
    /// A step decays by rate times decay: under CompleteP, where the rate falls with the width, the decay
    /// grows with it.
    #[must_use]
    pub fn hidden_decay_factor(&self, d_model: u32) -> f64 {
        match self.width_transfer {
            WidthTransfer::Rule | WidthTransfer::Mup => 1.0,
            WidthTransfer::CompleteP => f64::from(d_model) / BASE_WIDTH,
        }
    }

    /// AdamW's ε of the embedding and output matrices.
    #[must_use]
    pub fn embedding_epsilon(&self, d_model: u32) -> f64 {
        EPSILON / self.hidden_decay_factor(d_model)
    }

    /// AdamW's ε of the parameters of the blocks, whose gradients shrink with the depth under CompleteP.
    #[must_use]
    pub fn block_epsilon(&self, d_model: u32, layers: u32) -> f64 {
        let depth = match self.width_transfer {
            WidthTransfer::Rule | WidthTransfer::Mup => 1.0,
            WidthTransfer::CompleteP => f64::from(layers) / BASE_LAYERS,
        };
        self.embedding_epsilon(d_model) / depth
    }

    /// Checks every field against its range.
    ///
    /// # Errors
    /// [`SweepError::Field`] naming the first field out of range.
    pub fn validate(&self) -> Result<(), SweepError> {
        let fail = |field: &'static str, found: f64, expected: &'static str| {
            Err(SweepError::Field { field, found: found.to_string(), expected })
        };
        if self.context < 8 {
            return fail("recipe.context", f64::from(self.context), "at least 8 tokens");
        }
        if self.batch_sequences == Some(0) {
            return fail("recipe.batch_sequences", 0.0, "at least 1");
        }
        if self.micro_sequences == Some(0) {
            return fail("recipe.micro_sequences", 0.0, "at least 1");
        }
        if self.warmup_steps == Some(0) {
            return fail("recipe.warmup_steps", 0.0, "at least 1");
        }
        let unit = 0.0..1.0;
        let small = 0.0..=10.0;
        let checks: [(&'static str, f64, bool, &'static str); 13] = [
            (
                "recipe.decay_fraction",
                self.decay_fraction,
                self.decay_fraction > 0.0 && self.decay_fraction <= 1.0,
                "above 0, at most 1",
            ),
            (
                "recipe.embedding_lr_ratio",
                self.embedding_lr_ratio,
                self.embedding_lr_ratio > 0.0 && self.embedding_lr_ratio <= 1e4,
                "above 0, at most 1e4",
            ),
            (
                "recipe.balance_loss",
                self.balance_loss,
                small.contains(&self.balance_loss),
                "0 to 10",
            ),
            (
                "recipe.router_z_loss",
                self.router_z_loss,
                small.contains(&self.router_z_loss),
                "0 to 10",
            ),
            (
                "recipe.peak_lr",
                self.peak_lr,
                self.peak_lr > 0.0 && self.peak_lr < 10.0,
                "above 0, below 10",
            ),
            (
                "recipe.lr_width_exponent",
                self.lr_width_exponent,
                (0.0..=2.0).contains(&self.lr_width_exponent),
                "0 to 2",
            ),
            (
                "recipe.lr_batch_exponent",
                self.lr_batch_exponent.unwrap_or(0.0),
                (0.0..=1.0).contains(&self.lr_batch_exponent.unwrap_or(0.0)),
                "0 to 1",
            ),
            (
                "recipe.warmup_fraction",
                self.warmup_fraction.unwrap_or(0.0),
                (0.0..=0.5).contains(&self.warmup_fraction.unwrap_or(0.0)),
                "0 to 0.5",
            ),
            (
                "recipe.final_lr_fraction",
                self.final_lr_fraction,
                (0.0..=1.0).contains(&self.final_lr_fraction),
                "0 to 1",
            ),
            (
                "recipe.weight_decay",
                self.weight_decay,
                (0.0..10.0).contains(&self.weight_decay),
                "0 to 10",
            ),
            ("recipe.beta1", self.beta1, unit.contains(&self.beta1), "0 up to 1"),
            ("recipe.beta2", self.beta2, unit.contains(&self.beta2), "0 up to 1"),
            ("recipe.clip_norm", self.clip_norm, self.clip_norm > 0.0, "above 0"),
        ];
        for (field, found, ok, expected) in checks {
            if !ok {
                return fail(field, found, expected);
            }
        }
        if self.evaluations == 0 {
            return fail("recipe.evaluations", 0.0, "at least 1");
        }
        if self.validation_tokens < u64::from(self.context) {
            let found = self.validation_tokens as f64;
            return fail("recipe.validation_tokens", found, "at least one context");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_out_of_range_are_named() {
        let bad = TrainConfig { peak_lr: -1.0, ..TrainConfig::default() };
        let error = bad.validate().expect_err("negative").to_string();
        assert!(error.contains("recipe.peak_lr") && error.contains("-1"), "{error}");
        assert!(TrainConfig::default().validate().is_ok());
    }
}
