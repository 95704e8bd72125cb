//! A shape in the words of `config.json`, which most trainers read.

use serde_json::{Value, json};

use crate::plan::Recipe;

/// The shape of a recipe as a Hugging Face `config.json`: `llama` when dense, `mistral` with a
/// sliding window, `mixtral` with experts.
///
/// Only what a [`Shape`](crate::flops::Shape) says is in it; norms, rotary base and initialisation
/// keep the defaults of the model class.
#[must_use]
pub fn model_config(recipe: &Recipe) -> Value {
    let s = &recipe.shape;
    let (kind, class) = match (s.experts, s.window) {
        (Some(_), _) => ("mixtral", "MixtralForCausalLM"),
        (None, Some(_)) => ("mistral", "MistralForCausalLM"),
        (None, None) => ("llama", "LlamaForCausalLM"),
    };
    let mut config = json!({
        "architectures": [class],
        "model_type": kind,
        "hidden_size": s.d_model,
        "intermediate_size": s.ffn,
        "num_hidden_layers": s.layers,
        "num_attention_heads": s.heads,
        "num_key_value_heads": s.kv_heads,
        "head_dim": s.head_dim,
        "hidden_act": "silu",
        "vocab_size": s.vocab,
        "tie_word_embeddings": s.tied_embeddings,
        "max_position_embeddings": recipe.context,
        "torch_dtype": "bfloat16",
    });
    if let Some(experts) = s.experts {
        config["num_local_experts"] = experts.count.into();
        config["num_experts_per_tok"] = experts.top_k.into();
    }
    if let Some(window) = s.window {
        config["sliding_window"] = window.into();
    }
    config
}
