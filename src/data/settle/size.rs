//! N of a run: stated, or counted from its model's config.

use crate::data::log::{RunLog, Value};
use crate::data::vocabulary::Term;
use crate::flops::{Experts, ParamCount, Shape};

/// N by each convention, as far as the log knows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::data) struct Sizes {
    pub(in crate::data) all: Option<f64>,
    pub(in crate::data) non_embedding: Option<f64>,
    pub(in crate::data) active: Option<f64>,
    /// Where they were counted from the config rather than stated.
    pub(super) counted: bool,
    /// The config's count where it is not the stated one.
    pub(super) disputed: Option<f64>,
}

/// Stated and counted N further apart than this are of two models.
const APART: f64 = 0.03;

pub(in crate::data) fn sizes(log: &RunLog) -> Sizes {
    let stated = Sizes {
        all: log.count(Term::AllParams),
        non_embedding: log.count(Term::NonEmbeddingParams),
        active: log.count(Term::ActiveParams),
        ..Sizes::default()
    };
    let Some(counted) = shape(log).map(|s| s.params()) else {
        // The positions are a small part.
        let all = stated.all.or_else(|| log.count(Term::AllButPositions));
        return Sizes { all, ..stated };
    };
    let ParamCount { all, non_embedding, active } = counted;
    let apart = |stated: Option<f64>, counted: f64| {
        stated.is_some_and(|n| (n / counted - 1.0).abs() > APART).then_some(counted)
    };
    let sparse = all != active;
    Sizes {
        all: stated.all.or(Some(all.get())),
        non_embedding: stated.non_embedding.or(Some(non_embedding.get())),
        active: stated.active.or(sparse.then(|| active.get())),
        counted: stated.all.is_none() && stated.non_embedding.is_none(),
        disputed: apart(stated.all, all.get())
            .or_else(|| apart(stated.non_embedding, non_embedding.get())),
    }
}

/// Families whose configs leave out what they all share.
enum Family {
    /// Learned positions, biases, plain feed-forward part of 4 d, tied embeddings.
    Gpt2,
    /// Rotary positions, biases, plain feed-forward part, untied embeddings.
    NeoX,
    /// Rotary positions, no biases, gated feed-forward part, untied embeddings.
    Llama,
}

/// The shape of a config that says enough for an exact count; `None` for any other.
fn shape(log: &RunLog) -> Option<Shape> {
    let number = |kind| {
        let x = log.count(kind)?;
        (x.fract() == 0.0 && x < 1e9).then_some(x as u32)
    };
    let text = |kind| match log.fact(kind)?.1 {
        Value::Text(text) => Some(text.to_lowercase()),
        _ => None,
    };
    let (d_model, layers) = (number(Term::Width)?, number(Term::Layers)?);
    let vocab = number(Term::Vocab)?;
    let heads = number(Term::Heads)?;
    let head_dim = number(Term::HeadDim).or_else(|| d_model.checked_div(heads))?;
    let activation = text(Term::Activation).unwrap_or_default();
    let gated =
        ["silu", "swish", "swiglu", "geglu", "gelu_pytorch_tanh"].contains(&activation.as_str());
    let family = match text(Term::ModelType).as_deref() {
        Some("gpt2" | "gpt" | "nanogpt") => Family::Gpt2,
        Some("gpt_neox" | "gptneox" | "pythia") => Family::NeoX,
        Some("llama" | "mistral" | "mixtral" | "qwen2" | "qwen3" | "olmo" | "olmo2" | "gemma") => {
            Family::Llama
        }
        _ if gated => Family::Llama,
        // Without a family, biases and gates would be guessed.
        _ => return None,
    };
    let ratio = log.count(Term::InnerRatio).map(|r| (r * f64::from(d_model)).round() as u32);
    let ffn = number(Term::Inner).or(ratio);
    let plain_ffn = ffn.unwrap_or(4 * d_model);
    let tied = match log.fact(Term::Tied).map(|f| f.1) {
        Some(Value::Text(text)) => Some(text.eq_ignore_ascii_case("true")),
        Some(Value::Number(x)) => Some(*x != 0.0),
        _ => None,
    };
    let shape = Shape {
        kv_heads: number(Term::KvHeads).unwrap_or(heads),
        head_dim,
        ..Shape::swiglu(layers, d_model, heads, vocab)
    };
    let shape = match family {
        Family::Gpt2 => Shape {
            ffn: plain_ffn,
            ffn_matrices: 2,
            tied_embeddings: tied.unwrap_or(true),
            positions: number(Term::Positions).or_else(|| number(Term::Length))?,
            biases: true,
            ..shape
        },
        Family::NeoX => Shape {
            ffn: plain_ffn,
            ffn_matrices: 2,
            tied_embeddings: tied.unwrap_or(false),
            biases: true,
            ..shape
        },
        Family::Llama => Shape {
            ffn: ffn?,
            ffn_matrices: 3,
            tied_embeddings: tied.unwrap_or(false),
            experts: number(Term::Experts).filter(|e| *e > 1).map(|count| Experts {
                count,
                top_k: number(Term::TopK).unwrap_or(2).clamp(1, count),
                shared: 0,
                dense_layers: 0,
                dense_ffn: 0,
            }),
            ..shape
        },
    };
    shape.validate().ok().map(|()| shape)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::data::format::Format;

    fn log(facts: &[(&str, &str)]) -> RunLog {
        let mut log = RunLog::new("a", Path::new("a"), Format::Config);
        facts.iter().for_each(|(k, v)| log.set(k, Value::from_text(v)));
        log
    }

    /// Counts of released models, from their weights.
    #[test]
    fn golden_configs_give_the_released_counts() {
        let gpt2 = log(&[
            ("model_type", "gpt2"),
            ("n_embd", "768"),
            ("n_layer", "12"),
            ("n_head", "12"),
            ("vocab_size", "50257"),
            ("n_positions", "1024"),
        ]);
        assert_eq!(sizes(&gpt2).all, Some(124_439_808.0));
        let mistral = log(&[
            ("model.model_type", "mistral"),
            ("model.hidden_size", "4096"),
            ("model.num_hidden_layers", "32"),
            ("model.num_attention_heads", "32"),
            ("model.num_key_value_heads", "8"),
            ("model.intermediate_size", "14336"),
            ("model.vocab_size", "32000"),
        ]);
        let counted = sizes(&mistral);
        assert_eq!(counted.all, Some(7_241_732_096.0));
        assert!(counted.counted);
        let pythia = log(&[
            ("model_type", "gpt_neox"),
            ("hidden_size", "512"),
            ("num_hidden_layers", "6"),
            ("num_attention_heads", "8"),
            ("intermediate_size", "2048"),
            ("vocab_size", "50304"),
        ]);
        assert_eq!(sizes(&pythia).all, Some(70_426_624.0));
        assert_eq!(sizes(&pythia).non_embedding, Some(18_915_328.0));
    }

    #[test]
    fn a_stated_count_stands_and_a_config_beside_it_is_compared() {
        let disputed = log(&[
            ("model_type", "gpt2"),
            ("n_embd", "768"),
            ("n_layer", "12"),
            ("n_head", "12"),
            ("vocab_size", "50257"),
            ("n_positions", "1024"),
            ("n_params", "85M"),
        ]);
        let sizes = sizes(&disputed);
        assert_eq!(sizes.all, Some(85e6));
        assert_eq!(sizes.disputed, Some(124_439_808.0));
    }

    #[test]
    fn a_config_that_says_too_little_counts_nothing() {
        let vague =
            log(&[("hidden_size", "512"), ("num_hidden_layers", "6"), ("vocab_size", "1000")]);
        assert_eq!(sizes(&vague), Sizes::default());
    }
}
