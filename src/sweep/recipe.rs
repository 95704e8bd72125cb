//! How a run is trained, and the learning rate of each of its steps.

use serde::{Deserialize, Serialize};

use crate::error::SweepError;

/// How a run is trained; everything that is not its shape, its length or its seed.
///
/// | field | default | range | purpose |
/// |---|---|---|---|
/// | `context` | 128 | >= 8 | sequence length in tokens |
/// | `batch_sequences` | 16 | >= 1 | sequences per optimiser step |
/// | `peak_lr` | 3e-3 | > 0 | learning rate after warm-up, for a width of 64 |
/// | `lr_width_exponent` | 0.5 | 0..2 | lr = peak_lr · (64 / d_model)^this |
/// | `warmup_fraction` | 0.05 | 0..0.5 | share of the steps with rising rate |
/// | `final_lr_fraction` | 0.1 | 0..1 | rate at the end of the cosine over the peak |
/// | `weight_decay` | 0.1 | >= 0 | decoupled, on matrices only |
/// | `beta1`, `beta2` | 0.9, 0.95 | 0..1 | AdamW moments |
/// | `clip_norm` | 1.0 | > 0 | global gradient norm |
/// | `evaluations` | 10 | >= 1 | validation passes over the run, the last at its end |
/// | `validation_tokens` | 131072 | >= context | tokens of one validation pass |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Recipe {
    /// Sequence length in tokens.
    pub context: u32,
    /// Sequences per optimiser step.
    pub batch_sequences: u32,
    /// Peak learning rate at a width of 64.
    pub peak_lr: f64,
    /// Exponent of the width rule lr = peak_lr · (64 / d_model)^x.
    pub lr_width_exponent: f64,
    /// Share of all steps spent in linear warm-up.
    pub warmup_fraction: f64,
    /// Final over peak learning rate; the decay between is a cosine.
    pub final_lr_fraction: f64,
    /// Decoupled weight decay on matrices.
    pub weight_decay: f64,
    /// First-moment decay of AdamW.
    pub beta1: f64,
    /// Second-moment decay of AdamW.
    pub beta2: f64,
    /// Largest global gradient norm; longer gradients are scaled down to it.
    pub clip_norm: f64,
    /// Validation passes, evenly spaced, the last at the end.
    pub evaluations: u32,
    /// Tokens of one validation pass.
    pub validation_tokens: u64,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            context: 128,
            batch_sequences: 16,
            peak_lr: 3e-3,
            lr_width_exponent: 0.5,
            warmup_fraction: 0.05,
            final_lr_fraction: 0.1,
            weight_decay: 0.1,
            beta1: 0.9,
            beta2: 0.95,
            clip_norm: 1.0,
            evaluations: 10,
            validation_tokens: 131_072,
        }
    }
}

impl Recipe {
    /// Tokens of one optimiser step.
    #[must_use]
    pub fn tokens_per_step(&self) -> u64 {
        u64::from(self.context) * u64::from(self.batch_sequences)
    }

    /// Peak learning rate for a model of this width.
    #[must_use]
    pub fn lr_for(&self, d_model: u32) -> f64 {
        self.peak_lr * (64.0 / f64::from(d_model)).powf(self.lr_width_exponent)
    }

    /// Learning rate of step `step` (0-based) of `steps`: linear warm-up, then cosine.
    #[must_use]
    pub fn lr_at(&self, peak: f64, step: u64, steps: u64) -> f64 {
        let warmup = (self.warmup_fraction * steps as f64).ceil().max(1.0);
        let at = step as f64 + 1.0;
        if at <= warmup {
            return peak * at / warmup;
        }
        let progress = (at - warmup) / (steps as f64 - warmup).max(1.0);
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * progress.min(1.0)).cos());
        peak * (self.final_lr_fraction + (1.0 - self.final_lr_fraction) * cosine)
    }

    /// Checks every field against its range.
    ///
    /// # Errors
    /// [`SweepError::Field`] naming the first field out of range.
    pub fn validate(&self) -> Result<(), SweepError> {
        let fail = |field: &'static str, found: f64, wanted: &'static str| {
            Err(SweepError::Field { field, found: found.to_string(), wanted })
        };
        if self.context < 8 {
            return fail("context", f64::from(self.context), "at least 8 tokens");
        }
        if self.batch_sequences == 0 {
            return fail("batch_sequences", 0.0, "at least 1");
        }
        let unit = 0.0..1.0;
        let checks: [(&'static str, f64, bool, &'static str); 8] = [
            (
                "peak_lr",
                self.peak_lr,
                self.peak_lr > 0.0 && self.peak_lr < 10.0,
                "above 0, below 10",
            ),
            (
                "lr_width_exponent",
                self.lr_width_exponent,
                (0.0..=2.0).contains(&self.lr_width_exponent),
                "0 to 2",
            ),
            (
                "warmup_fraction",
                self.warmup_fraction,
                (0.0..=0.5).contains(&self.warmup_fraction),
                "0 to 0.5",
            ),
            (
                "final_lr_fraction",
                self.final_lr_fraction,
                (0.0..=1.0).contains(&self.final_lr_fraction),
                "0 to 1",
            ),
            (
                "weight_decay",
                self.weight_decay,
                (0.0..10.0).contains(&self.weight_decay),
                "0 to 10",
            ),
            ("beta1", self.beta1, unit.contains(&self.beta1), "0 up to 1"),
            ("beta2", self.beta2, unit.contains(&self.beta2), "0 up to 1"),
            ("clip_norm", self.clip_norm, self.clip_norm > 0.0, "above 0"),
        ];
        for (field, found, ok, wanted) in checks {
            if !ok {
                return fail(field, found, wanted);
            }
        }
        if self.evaluations == 0 {
            return fail("evaluations", 0.0, "at least 1");
        }
        if self.validation_tokens < u64::from(self.context) {
            let found = self.validation_tokens as f64;
            return fail("validation_tokens", found, "at least one context");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_rises_to_its_peak_and_falls_to_its_floor() {
        let recipe = Recipe { warmup_fraction: 0.1, final_lr_fraction: 0.1, ..Recipe::default() };
        let rates: Vec<f64> = (0..100).map(|step| recipe.lr_at(1.0, step, 100)).collect();
        assert!((rates[0] - 0.1).abs() < 1e-12 && rates[9] == 1.0);
        assert!(rates[9..].windows(2).all(|w| w[1] <= w[0]));
        assert!((rates[99] - 0.1).abs() < 1e-12);
        // Half-way down the cosine lies half-way between peak and floor.
        assert!((rates[54] - 0.55).abs() < 1e-12, "{}", rates[54]);
    }

    #[test]
    fn fields_out_of_range_are_named() {
        let bad = Recipe { peak_lr: -1.0, ..Recipe::default() };
        let error = bad.validate().expect_err("negative").to_string();
        assert!(error.contains("peak_lr") && error.contains("-1"), "{error}");
        assert!(Recipe::default().validate().is_ok());
    }
}
