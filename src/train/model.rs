//! The decoder: RMSNorm, rotary positions, causal attention, SwiGLU or GELU, no biases.
//!
//! Activations are kept as [batch · context, width] wherever possible: one large product per
//! projection is what a CPU does best at these widths.

use burn::module::{Module, Param};
use burn::tensor::activation::{gelu, log_softmax, sigmoid, softmax};
use burn::tensor::{Device, Int, Tensor, TensorData};
use rand::RngExt;

use crate::flops::Shape;
use crate::sweep::{Stream, stream};

const RMS_EPSILON: f64 = 1e-6;
const ROPE_BASE: f64 = 10_000.0;
/// Spread of the embeddings: with tied matrices the first logits then have a variance of d · this²,
/// small enough for a first loss of ln(vocabulary).
const EMBEDDING_STD: f64 = 0.02;

/// A decoder-only transformer of a [`Shape`].
#[derive(Module, Debug)]
pub struct Decoder {
    embedding: Param<Tensor<2>>,
    blocks: Vec<Block>,
    final_gain: Param<Tensor<1>>,
    head: Option<Param<Tensor<2>>>,
}

#[derive(Module, Debug)]
struct Block {
    attention_gain: Param<Tensor<1>>,
    query: Param<Tensor<2>>,
    key: Param<Tensor<2>>,
    value: Param<Tensor<2>>,
    output: Param<Tensor<2>>,
    ffn_gain: Param<Tensor<1>>,
    gate: Option<Param<Tensor<2>>>,
    up: Param<Tensor<2>>,
    down: Param<Tensor<2>>,
}

/// Constants of a shape and context: rotary tables and the causal mask.
#[derive(Clone, Debug)]
pub struct Tables {
    /// [1, context, 1, head_dim].
    cos: Tensor<4>,
    sin: Tensor<4>,
    /// [head_dim, head_dim]: (x1, x2) -> (-x2, x1), as a product, which is cheaper to run backward
    /// than slices and a concatenation.
    turn: Tensor<2>,
    /// [1, 1, context, context]: zero on and below the diagonal, far below zero above.
    mask: Tensor<4>,
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
    context: usize,
}

impl Tables {
    /// Tables for sequences of exactly `context` tokens.
    #[must_use]
    pub fn new(shape: &Shape, context: u32, device: &Device) -> Self {
        let (head_dim, length) = (shape.head_dim as usize, context as usize);
        let half = head_dim / 2;
        let angle = |at: usize| {
            let (position, pair) = (at / head_dim, at % head_dim % half);
            position as f64 * ROPE_BASE.powf(-(pair as f64) / half as f64)
        };
        let table = |f: fn(f64) -> f64| {
            let values: Vec<f32> = (0..length * head_dim).map(|i| f(angle(i)) as f32).collect();
            Tensor::from_data(TensorData::new(values, [1, length, 1, head_dim]), device)
        };
        let mut turn = vec![0.0_f32; head_dim * head_dim];
        for pair in 0..half {
            turn[(pair + half) * head_dim + pair] = -1.0;
            turn[pair * head_dim + pair + half] = 1.0;
        }
        let mask: Vec<f32> = (0..length * length)
            .map(|i| if i % length > i / length { -1e9 } else { 0.0 })
            .collect();
        Self {
            cos: table(f64::cos),
            sin: table(f64::sin),
            turn: Tensor::from_data(TensorData::new(turn, [head_dim, head_dim]), device),
            mask: Tensor::from_data(TensorData::new(mask, [1, 1, length, length]), device),
            heads: shape.heads as usize,
            kv_heads: shape.kv_heads as usize,
            head_dim,
            context: length,
        }
    }

    /// The same tables without recording, for evaluation.
    #[must_use]
    pub fn on_plain_device(&self) -> Self {
        Self {
            cos: self.cos.clone().inner(),
            sin: self.sin.clone().inner(),
            turn: self.turn.clone().inner(),
            mask: self.mask.clone().inner(),
            ..*self
        }
    }

    /// Turns pairs of each head by their position: [batch, context, heads, head_dim].
    fn rotate(&self, x: Tensor<4>) -> Tensor<4> {
        let [batch, context, heads, head_dim] = x.dims();
        let turned = x
            .clone()
            .reshape([batch * context * heads, head_dim])
            .matmul(self.turn.clone())
            .reshape([batch, context, heads, head_dim]);
        x * self.cos.clone() + turned * self.sin.clone()
    }
}

/// Uniform weights of a given spread: generated here, so that a seed means the same numbers on
/// every back end and with any number of trainers in one process.
struct Init<'a> {
    rng: Stream,
    device: &'a Device,
}

impl Init<'_> {
    fn matrix(&mut self, rows: usize, columns: usize, std: f64) -> Param<Tensor<2>> {
        let half_width = (3.0_f64.sqrt() * std) as f32;
        let values: Vec<f32> =
            (0..rows * columns).map(|_| self.rng.random_range(-half_width..half_width)).collect();
        let data = TensorData::new(values, [rows, columns]);
        Param::from_tensor(Tensor::from_data(data, self.device))
    }

    fn gain(&self, width: usize) -> Param<Tensor<1>> {
        Param::from_tensor(Tensor::ones([width], self.device))
    }
}

impl Decoder {
    /// A fresh model; `shape` must be [valid](Shape::validate).
    ///
    /// Matrices have a spread of 1/sqrt(fan-in), those that write into the residual stream
    /// 1/sqrt(2 layers) of that.
    #[must_use]
    pub fn new(shape: &Shape, seed: u64, device: &Device) -> Self {
        let mut init = Init { rng: stream(seed, 0), device };
        let (d, ffn) = (shape.d_model as usize, shape.ffn as usize);
        let queries = (shape.heads * shape.head_dim) as usize;
        let keys = (shape.kv_heads * shape.head_dim) as usize;
        let vocab = shape.vocab as usize;
        let fan = |width: usize| 1.0 / (width as f64).sqrt();
        let residual = 1.0 / (2.0 * f64::from(shape.layers)).sqrt();
        let embedding = init.matrix(vocab, d, EMBEDDING_STD);
        let blocks = (0..shape.layers)
            .map(|_| Block {
                attention_gain: init.gain(d),
                query: init.matrix(d, queries, fan(d)),
                key: init.matrix(d, keys, fan(d)),
                value: init.matrix(d, keys, fan(d)),
                output: init.matrix(queries, d, fan(queries) * residual),
                ffn_gain: init.gain(d),
                gate: (shape.ffn_matrices == 3).then(|| init.matrix(d, ffn, fan(d))),
                up: init.matrix(d, ffn, fan(d)),
                down: init.matrix(ffn, d, fan(ffn) * residual),
            })
            .collect();
        let head = (!shape.tied_embeddings).then(|| init.matrix(d, vocab, EMBEDDING_STD));
        Self { embedding, blocks, final_gain: init.gain(d), head }
    }

    /// Logits of the next token.
    ///
    /// - `inputs`: token ids, [batch · context], `context` as in `tables`.
    /// - Returns [batch · context, vocabulary].
    #[must_use]
    pub fn forward(&self, inputs: Tensor<1, Int>, tables: &Tables) -> Tensor<2> {
        let embedding = self.embedding.val();
        let [_, d] = embedding.dims();
        let mut x = embedding.clone().select(0, inputs) * (d as f64).sqrt();
        for block in &self.blocks {
            x = block.forward(x, tables);
        }
        let x = rms_norm(x, &self.final_gain);
        match &self.head {
            Some(head) => x.matmul(head.val()),
            None => x.matmul(embedding.transpose()),
        }
    }

    /// Mean negative log-likelihood of `targets`, nats per token, as a tensor of one element.
    #[must_use]
    pub fn loss(
        &self,
        inputs: Tensor<1, Int>,
        targets: Tensor<1, Int>,
        tables: &Tables,
    ) -> Tensor<1> {
        let [rows] = targets.dims();
        let scores = log_softmax(self.forward(inputs, tables), 1);
        -scores.gather(1, targets.reshape([rows, 1])).mean()
    }
}

impl Block {
    fn forward(&self, x: Tensor<2>, tables: &Tables) -> Tensor<2> {
        let x = x.clone() + self.attend(rms_norm(x, &self.attention_gain), tables);
        let h = rms_norm(x.clone(), &self.ffn_gain);
        let up = h.clone().matmul(self.up.val());
        let inner = match &self.gate {
            Some(gate) => {
                let gate = h.matmul(gate.val());
                sigmoid(gate.clone()) * gate * up
            }
            None => gelu(up),
        };
        x + inner.matmul(self.down.val())
    }

    fn attend(&self, h: Tensor<2>, tables: &Tables) -> Tensor<2> {
        let [rows, _] = h.dims();
        let (context, head_dim) = (tables.context, tables.head_dim);
        let batch = rows / context;
        let project = |weight: &Param<Tensor<2>>, heads: usize| {
            h.clone().matmul(weight.val()).reshape([batch, context, heads, head_dim])
        };
        let scale = 1.0 / (head_dim as f64).sqrt();
        let query = tables.rotate(project(&self.query, tables.heads)) * scale;
        let key = tables.rotate(project(&self.key, tables.kv_heads));
        let value = project(&self.value, tables.kv_heads);
        let key = shared(key, tables);
        let value = shared(value, tables);
        let scores = query.swap_dims(1, 2).matmul(key.swap_dims(1, 2).swap_dims(2, 3));
        let weights = softmax(scores + tables.mask.clone(), 3);
        let mixed = weights.matmul(value.swap_dims(1, 2)).swap_dims(1, 2);
        mixed.reshape([rows, tables.heads * head_dim]).matmul(self.output.val())
    }
}

/// Repeats key/value heads for the query heads that share them.
fn shared(x: Tensor<4>, tables: &Tables) -> Tensor<4> {
    let copies = tables.heads / tables.kv_heads;
    if copies == 1 {
        return x;
    }
    let [batch, context, kv_heads, head_dim] = x.dims();
    x.reshape([batch, context, kv_heads, 1, head_dim]).repeat_dim(3, copies).reshape([
        batch,
        context,
        tables.heads,
        head_dim,
    ])
}

fn rms_norm(x: Tensor<2>, gain: &Param<Tensor<1>>) -> Tensor<2> {
    let scale = (x.clone().square().mean_dim(1) + RMS_EPSILON).sqrt().recip();
    x * scale * gain.val().unsqueeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape {
        layers: 2,
        d_model: 32,
        heads: 4,
        kv_heads: 2,
        head_dim: 8,
        ffn: 48,
        ffn_matrices: 3,
        vocab: 256,
        tied_embeddings: true,
        experts: None,
        latent: None,
        window: None,
        positions: 0,
        relative_positions: false,
        biases: false,
    };

    fn ints(values: &[i32], device: &Device) -> Tensor<1, Int> {
        Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), device)
    }

    #[test]
    fn the_count_is_the_formula() {
        let device = Device::flex();
        for shape in [
            SHAPE,
            Shape { tied_embeddings: false, ..SHAPE },
            Shape { ffn_matrices: 2, kv_heads: 4, ..SHAPE },
        ] {
            let model = Decoder::new(&shape, 0, &device);
            assert_eq!(model.num_params() as f64, shape.params().all.get(), "{shape:?}");
        }
    }

    #[test]
    fn the_first_loss_is_ln_vocabulary() {
        let device = Device::flex();
        let tokens: Vec<i32> = (0..128).map(|i| i * 37 % 256).collect();
        let tables = Tables::new(&SHAPE, 64, &device);
        let losses: Vec<f64> = (0..8)
            .map(|seed| {
                let model = Decoder::new(&SHAPE, seed, &device);
                let targets =
                    ints(&tokens.iter().map(|t| (t + 91) % 256).collect::<Vec<_>>(), &device);
                f64::from(model.loss(ints(&tokens, &device), targets, &tables).into_scalar::<f32>())
            })
            .collect();
        // Logits have a variance of v = d · 0.02² = 0.0128: the mean loss exceeds ln 256 by v / 2,
        // and one loss over 128 tokens scatters by sqrt(v / 128).
        let variance = 32.0 * EMBEDDING_STD * EMBEDDING_STD;
        let want = 256.0_f64.ln() + variance / 2.0;
        let bound = 4.0 * (variance / 128.0 / 8.0).sqrt();
        assert!((crate::num::mean(&losses) - want).abs() < bound, "{losses:?} {want}");
    }

    #[test]
    fn later_tokens_do_not_move_earlier_logits() {
        let device = Device::flex();
        let model = Decoder::new(&SHAPE, 3, &device);
        let tables = Tables::new(&SHAPE, 16, &device);
        let mut tokens: Vec<i32> = (0..16).map(|i| i * 11).collect();
        let logits = |tokens: &[i32]| -> Vec<f32> {
            model.forward(ints(tokens, &device), &tables).into_data().try_to_vec().expect("f32")
        };
        let before = logits(&tokens);
        tokens[10] = 200;
        let after = logits(&tokens);
        assert_eq!(before[..10 * 256], after[..10 * 256]);
        assert_ne!(before[10 * 256..], after[10 * 256..]);
    }

    #[test]
    fn attention_sees_only_distances() {
        let device = Device::flex();
        let tables = Tables::new(&SHAPE, 16, &device);
        let x: Vec<f32> = (0..8).map(|i| (i as f32).sin()).collect();
        let everywhere: Vec<f32> = x.iter().copied().cycle().take(16 * 8).collect();
        let data = TensorData::new(everywhere, [1, 16, 1, 8]);
        let turned: Vec<f32> =
            tables.rotate(Tensor::from_data(data, &device)).into_data().try_to_vec().expect("f32");
        let dot = |a: usize, b: usize| -> f32 {
            (0..8).map(|i| turned[a * 8 + i] * turned[b * 8 + i]).sum()
        };
        assert!((dot(2, 5) - dot(9, 12)).abs() < 1e-4);
        assert!((dot(2, 5) - dot(2, 9)).abs() > 1e-3);
    }

    #[test]
    fn gradients_agree_with_differences() {
        let device = Device::flex().autodiff();
        let tables = Tables::new(&SHAPE, 16, &device);
        let model = Decoder::new(&SHAPE, 5, &device);
        let tokens: Vec<i32> = (0..32).map(|i| i * 29 % 256).collect();
        let targets: Vec<i32> = (0..32).map(|i| i * 31 % 256).collect();
        let loss = |m: &Decoder| m.loss(ints(&tokens, &device), ints(&targets, &device), &tables);
        let grads = loss(&model).backward();
        let weight = model.blocks[0].gate.as_ref().expect("gated").val();
        let exact: Vec<f32> =
            weight.grad(&grads).expect("tracked").into_data().try_to_vec().expect("f32");
        let values: Vec<f32> = weight.clone().into_data().try_to_vec().expect("f32");
        let [rows, columns] = weight.dims();
        // Along the gradient itself the slope is |g|, far above f32 rounding of the loss.
        let norm = exact.iter().map(|g| f64::from(g * g)).sum::<f64>().sqrt();
        let step = 0.05;
        let shifted = |sign: f64| -> f64 {
            let moved: Vec<f32> = values
                .iter()
                .zip(&exact)
                .map(|(v, g)| v + (sign * step * f64::from(*g) / norm) as f32)
                .collect();
            let mut other = model.clone();
            let data = TensorData::new(moved, [rows, columns]);
            other.blocks[0].gate = Some(Param::from_tensor(Tensor::from_data(data, &device)));
            f64::from(loss(&other).into_scalar::<f32>())
        };
        let slope = (shifted(1.0) - shifted(-1.0)) / (2.0 * step);
        // f32 leaves about 1e-6 in a loss of 5.5, so 1e-5 in the slope.
        assert!((slope / norm - 1.0).abs() < 0.02 + 2e-5 / norm, "{slope} {norm}");
    }
}
