//! How a family of shapes grows with size: footprints at any N, and concrete shapes near one.

use serde::{Deserialize, Serialize};

use super::footprint::Footprint;
use super::shape::{Experts, Shape};
use crate::error::FlopsError;
use crate::units::{ParamRule, Params};

/// Proportions that a family of decoders keeps at every size.
///
/// | field | meaning | [`Pattern::MODERN`] |
/// |---|---|---|
/// | `aspect` | d_model over layers | 128 |
/// | `head_dim` | width of a head; halved below d_model 1024 | 128 |
/// | `kv_heads` | key/value heads; absent for as many as query heads | 8 |
/// | `ffn_ratio`, `ffn_matrices` | inner width over d_model; 3 gated, 2 plain | 3.5, 3 |
/// | `vocab`, `tied_embeddings` | vocabulary; one matrix or two | 32000, two |
/// | `experts` | mixture of experts of that inner width, all layers alike | none |
/// | `window` | sliding window, tokens | none |
///
/// The default proportions are those of Mistral 7B and Llama 3.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pattern {
    /// d_model over layers.
    pub aspect: f64,
    /// Width of a head.
    pub head_dim: u32,
    /// Key/value heads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kv_heads: Option<u32>,
    /// Inner width of the feed-forward part, or of one expert, over d_model.
    pub ffn_ratio: f64,
    /// Matrices of the feed-forward part.
    pub ffn_matrices: u32,
    /// Vocabulary size.
    pub vocab: u32,
    /// Whether input and output share a matrix.
    pub tied_embeddings: bool,
    /// Mixture of experts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub experts: Option<Experts>,
    /// Sliding window, tokens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<u32>,
}

impl Default for Pattern {
    fn default() -> Self {
        Self::MODERN
    }
}

impl Pattern {
    /// Grouped queries, SwiGLU, untied embeddings.
    pub const MODERN: Self = Self {
        aspect: 128.0,
        head_dim: 128,
        kv_heads: Some(8),
        ffn_ratio: 3.5,
        ffn_matrices: 3,
        vocab: 32_000,
        tied_embeddings: false,
        experts: None,
        window: None,
    };

    /// The same proportions with `count` experts of which a token visits `top_k`; one expert is the
    /// dense model.
    #[must_use]
    pub fn with_experts(self, count: u32, top_k: u32) -> Self {
        let mixture = Experts { count, top_k, shared: 0, dense_layers: 0, dense_ffn: 0 };
        Self { experts: (count > 1).then_some(mixture), ..self }
    }

    /// Checks the proportions.
    ///
    /// # Errors
    /// [`FlopsError::Pattern`] naming the first field out of range.
    pub fn validate(&self) -> Result<(), FlopsError> {
        let positive = |field, found: f64, hi: f64, expected| {
            let ok = found.is_finite() && found > 0.0 && found <= hi;
            if ok { Ok(()) } else { Err(FlopsError::Pattern { field, found, expected }) }
        };
        positive("aspect", self.aspect, 1e4, "d_model over layers, such as 128")?;
        positive("ffn_ratio", self.ffn_ratio, 100.0, "inner width over d_model, such as 3.5")?;
        positive("head_dim", f64::from(self.head_dim), 4096.0, "a width such as 128")?;
        positive("vocab", f64::from(self.vocab), 1e8, "a number of tokens such as 32000")?;
        let kv = f64::from(self.kv_heads.unwrap_or(1));
        positive("kv_heads", kv, 1e5, "a number of heads such as 8")?;
        let probe = Shape { experts: self.experts, ..Shape::swiglu(1_000_000, 64, 1, 2) };
        probe.validate()
    }

    fn kv_width(&self, d: f64) -> f64 {
        self.kv_heads.map_or(d, |heads| (f64::from(heads) * f64::from(self.head_dim)).min(d))
    }

    /// Routed experts a token visits, all routed ones, and shared ones; (1, 1, 0) when dense.
    fn mixture(&self) -> (f64, f64, f64) {
        self.experts.map_or((1.0, 1.0, 0.0), |e| {
            (f64::from(e.top_k), f64::from(e.count), f64::from(e.shared))
        })
    }

    /// Block weights at width `d` with `routed` experts per layer, gains included.
    fn blocks(&self, d: f64, routed: f64) -> f64 {
        let (_, count, shared) = self.mixture();
        let router = if self.experts.is_some() { count * d } else { 0.0 };
        let expert = f64::from(self.ffn_matrices) * self.ffn_ratio * d * d;
        let attention = 2.0 * d * d + 2.0 * d * self.kv_width(d);
        d / self.aspect * (attention + expert * (routed + shared) + router + 2.0 * d)
    }

    fn embeddings(&self, d: f64) -> f64 {
        (if self.tied_embeddings { 1.0 } else { 2.0 }) * f64::from(self.vocab) * d
    }

    /// d_model, as a real number, of the outline with `n` active parameters by the rule's count.
    fn width(&self, n: Params, rule: ParamRule) -> f64 {
        let visited = self.mixture().0;
        let with_embeddings = rule != ParamRule::NonEmbedding;
        let count = |d: f64| {
            self.blocks(d, visited) + if with_embeddings { self.embeddings(d) } else { 0.0 }
        };
        // A root in ln d of a function that rises between its powers 1 and 3: Newton from above
        // stays above.
        let target = n.get().ln();
        let mut x = (n.get() * self.aspect).cbrt().ln();
        for _ in 0..40 {
            let (f, step) = (count(x.exp()).ln() - target, 1e-6);
            let slope = (count((x + step).exp()).ln() - target - f) / step;
            let next = x - f / slope;
            if (next - x).abs() < 1e-13 * x.abs().max(1.0) {
                return next.exp();
            }
            x = next;
        }
        x.exp()
    }

    /// The footprint of a model with `n` active parameters, counted by `rule`; its dimensions are not
    /// rounded to whole numbers.
    ///
    /// ```
    /// use isoloss::flops::Pattern;
    /// use isoloss::units::{ParamRule, Params};
    ///
    /// let sparse = Pattern::MODERN.with_experts(8, 2);
    /// let model = sparse.footprint(Params::new(13e9), ParamRule::Active);
    /// assert!((model.active.get() / 13e9 - 1.0).abs() < 1e-9);
    /// assert!(model.total.get() > 3.0 * model.active.get());
    /// ```
    #[must_use]
    pub fn footprint(&self, n: Params, rule: ParamRule) -> Footprint {
        let d = self.width(n, rule);
        let (top_k, count, _) = self.mixture();
        let layers = d / self.aspect;
        let sparse = self.experts.is_some();
        let or_zero = |x: f64| if sparse { x } else { 0.0 };
        let embeddings = self.embeddings(d);
        let head = f64::from(self.vocab) * d;
        let fixed = self.blocks(d, if sparse { 0.0 } else { 1.0 }) + head;
        Footprint {
            total: Params::new(self.blocks(d, count) + embeddings),
            active: Params::new(self.blocks(d, top_k) + embeddings),
            fixed_weights: fixed,
            expert_weights: or_zero(f64::from(self.ffn_matrices) * self.ffn_ratio * d * d),
            expert_layers: or_zero(layers),
            experts: or_zero(count),
            top_k: or_zero(top_k),
            layers,
            d_model: d,
            attention_width: d,
            kv_entries_per_token: layers * 2.0 * self.kv_width(d),
            window: self.window.map_or(f64::INFINITY, f64::from),
        }
    }

    /// A concrete shape near `n` active parameters, counted by `rule`, that keeps the proportions: whole
    /// layers, whole heads, an inner width divisible by 128 (by 16 for small models). From 16 on, layers
    /// and heads come in fours, many of them in eights, so that devices can share them.
    ///
    /// # Errors
    /// [`FlopsError::NoShape`] when nothing within 5 % can be built, as when the vocabulary alone is
    /// larger than `n`.
    ///
    /// ```
    /// use isoloss::flops::Pattern;
    /// use isoloss::units::{ParamRule, Params};
    ///
    /// let shape = Pattern::MODERN.near(Params::new(7e9), ParamRule::All)?;
    /// assert!((shape.params().all.get() / 7e9 - 1.0).abs() < 5e-3);
    /// # Ok::<(), isoloss::error::Error>(())
    /// ```
    pub fn near(&self, n: Params, rule: ParamRule) -> Result<Shape, FlopsError> {
        self.validate()?;
        let no_shape = || FlopsError::NoShape { params: n, vocab: self.vocab };
        if !n.is_usable() || n.get() > 1e18 {
            return Err(no_shape());
        }
        let d = self.width(n, rule);
        let head_dim =
            if d < 1024.0 { (self.head_dim / 2).next_multiple_of(2) } else { self.head_dim };
        let layers = (d / self.aspect).max(1.0);
        let heads = (d / f64::from(head_dim)).max(1.0);
        let nearby = |x: f64, below: f64, above: f64| {
            let lo = (x * below).floor().max(1.0) as u32;
            lo..=((x * above).ceil() as u32).max(lo)
        };
        // Large models are split over devices: layers into stages, heads into tensor parts.
        let splits = |layers: u32, heads: u32| {
            (layers < 16 || layers.is_multiple_of(if layers < 64 { 4 } else { 8 }))
                && (heads < 16 || heads.is_multiple_of(if heads < 32 { 4 } else { 8 }))
        };
        let mut best: Option<(f64, Shape)> = None;
        for heads in nearby(heads, 0.85, 1.15) {
            for layers in nearby(layers, 0.75, 1.35).filter(|l| splits(*l, heads)) {
                let Some(shape) = self.fitted(n, rule, layers, heads, head_dim) else { continue };
                let counted = active_by(&shape, rule).get();
                let off = (counted / n.get()).ln().abs();
                let aspect = f64::from(shape.d_model) / f64::from(layers);
                let ratio = f64::from(shape.ffn) / f64::from(shape.d_model);
                let kv = f64::from(self.kv_heads.unwrap_or(heads).min(heads));
                let uneven = (kv / f64::from(shape.kv_heads)).ln();
                // An error of 0.1 % in size weighs as much as one of 10 % in the proportions.
                let score = off * 100.0
                    + (aspect / self.aspect).ln().abs()
                    + (ratio / self.ffn_ratio).ln().abs()
                    + uneven;
                if off < 0.05 && best.is_none_or(|(least, _)| score < least) {
                    best = Some((score, shape));
                }
            }
        }
        best.map(|(_, shape)| shape).ok_or_else(no_shape)
    }

    /// The shape of this depth and these heads whose inner width brings it nearest to `n`.
    fn fitted(
        &self,
        n: Params,
        rule: ParamRule,
        layers: u32,
        heads: u32,
        head_dim: u32,
    ) -> Option<Shape> {
        let d_model = heads * head_dim;
        // The largest divisor of the number of heads that is no larger than the pattern's.
        let most = self.kv_heads.unwrap_or(heads).min(heads);
        let kv_heads = (1..=most).rev().find(|k| heads.is_multiple_of(*k))?;
        let bare = Shape {
            layers,
            d_model,
            heads,
            kv_heads,
            head_dim,
            ffn: 1,
            ffn_matrices: self.ffn_matrices,
            vocab: self.vocab,
            tied_embeddings: self.tied_embeddings,
            experts: self.experts,
            latent: None,
            window: self.window,
            positions: 0,
            relative_positions: false,
            biases: false,
            qk_norm: false,
            vectors: None,
        };
        let at_one = active_by(&bare, rule).get();
        let per_unit = active_by(&Shape { ffn: 2, ..bare }, rule).get() - at_one;
        let step = if d_model >= 1024 { 128.0 } else { 16.0 };
        let ffn = ((n.get() - at_one) / per_unit / step).round() * step;
        let ratio = ffn / f64::from(d_model);
        let near = (0.6..1.6).contains(&(ratio / self.ffn_ratio));
        near.then_some(Shape { ffn: ffn as u32, ..bare })
    }
}

/// Active parameters of a shape under a rule.
fn active_by(shape: &Shape, rule: ParamRule) -> Params {
    let params = shape.params();
    match rule {
        ParamRule::All | ParamRule::Active => params.active,
        ParamRule::NonEmbedding => {
            Params::new(params.active.get() - (params.all.get() - params.non_embedding.get()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_come_within_half_a_percent_from_a_hundred_million_on() {
        for pattern in [Pattern::MODERN, Pattern::MODERN.with_experts(8, 2)] {
            for i in 0..60 {
                let n = Params::new(1e8 * 10f64.powf(f64::from(i) / 15.0));
                for rule in [ParamRule::All, ParamRule::NonEmbedding] {
                    let shape = pattern.near(n, rule).expect("a shape");
                    shape.validate().expect("can be built");
                    let off = active_by(&shape, rule).get() / n.get() - 1.0;
                    assert!(off.abs() < 5e-3, "{n}: {off:+.2e} {shape:?}");
                }
            }
        }
    }

    #[test]
    fn a_footprint_has_the_size_it_was_asked_for_and_a_shape_near_it_agrees() {
        for pattern in [Pattern::MODERN, Pattern::MODERN.with_experts(16, 2)] {
            for n in [1e9, 7e9, 70e9, 500e9] {
                let outline = pattern.footprint(Params::new(n), ParamRule::Active);
                assert!((outline.active.get() / n - 1.0).abs() < 1e-9, "{n:e}");
                let shape = pattern.near(Params::new(n), ParamRule::Active).expect("a shape");
                let built = Footprint::from(&shape);
                for (a, b) in [
                    (outline.total.get(), built.total.get()),
                    (outline.weights_read(4.0), built.weights_read(4.0)),
                ] {
                    assert!((a / b - 1.0).abs() < 0.05, "{n:e}: {a:e} {b:e}");
                }
                let (a, b) = (outline.kv_entries_per_token, built.kv_entries_per_token);
                assert!((a / b).ln().abs() < 0.35, "{n:e}: {a:e} {b:e}");
            }
        }
    }

    #[test]
    fn what_the_vocabulary_forbids_is_refused() {
        let error = Pattern::MODERN.near(Params::new(1e5), ParamRule::All).expect_err("too small");
        assert!(error.to_string().contains("vocabulary"), "{error}");
    }
}
