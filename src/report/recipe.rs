//! A run in full: shape, hyper-parameters, layout, days, and the model's `config.json`.

use serde_json::{Value, json};

use super::number::{dollars, megawatt_hours, number, with_range};
use crate::plan::{Advice, Hyper, Recipe};
use crate::units::short_count;

/// The run, line by line.
#[must_use]
pub fn recipe_text(r: &Recipe) -> String {
    let s = &r.shape;
    let mut text = "the run\n".to_owned();
    let mut line = |what: &str, value: String| text.push_str(&format!("  {what:16} {value}\n"));
    line(
        "shape",
        format!(
            "{} layers, d_model {}, {} heads of {}, {} KV heads, FFN {} ({} matrices)",
            s.layers, s.d_model, s.heads, s.head_dim, s.kv_heads, s.ffn, s.ffn_matrices
        ),
    );
    if let Some(e) = s.experts {
        line("experts", format!("{} per layer, top {}", e.count, e.top_k));
    }
    let tied = if s.tied_embeddings { "tied" } else { "untied" };
    line("vocabulary", format!("{} tokens, {tied}", s.vocab));
    let exact = |n: f64| format!("{n:.0}");
    let active = if r.active_params == r.params {
        String::new()
    } else {
        format!(", {} active", exact(r.active_params.get()))
    };
    line(
        "parameters",
        format!(
            "{}{active} ({} from the requested size)",
            exact(r.params.get()),
            format_args!("{:+.2} %", 100.0 * r.size_error)
        ),
    );
    line(
        "FLOPs",
        format!(
            "{} counted at context {}, {:.3} of 6 N D",
            r.train_flops, r.context, r.flops_over_six_nd
        ),
    );
    line("steps", format!("{:.0} of {:.0} tokens", r.steps, r.batch_tokens));
    for advice in &r.advice {
        line(&advice.quantity.to_string(), advice_text(advice));
    }
    if let Some(run) = &r.running {
        let l = &run.layout;
        let expert = if l.expert > 1 { format!(", experts {}", l.expert) } else { String::new() };
        let recompute = if l.recompute { ", layers recomputed" } else { "" };
        line(
            "layout",
            format!(
                "{} devices: tensor {}, pipeline {}, data {}{expert}{recompute}; {:.1} GB each, bubble {:.1} %",
                run.devices,
                l.tensor,
                l.pipeline,
                l.data,
                l.bytes_per_device / 1e9,
                100.0 * l.bubble
            ),
        );
        line("goodput", with_range(&run.goodput, |x| format!("{:.1} %", 100.0 * x)));
        line("days", with_range(&run.days, number));
        line("device-hours", with_range(&run.device_hours, short_count));
        if let Some(usd) = &run.usd {
            line("cost", with_range(usd, dollars));
        }
        if let Some(kwh) = &run.kwh {
            line("energy", with_range(kwh, megawatt_hours));
        }
    }
    text
}

fn advice_text(advice: &Advice) -> String {
    let show = |x: f64| match advice.quantity {
        Hyper::BatchTokens => short_count(x),
        Hyper::WarmUpSteps => format!("{x:.0}"),
        Hyper::LearningRate => format!("{x:.2e}"),
        Hyper::WeightDecay => number(x),
    };
    let rules: Vec<String> =
        advice.rules.iter().map(|r| format!("{} {}", r.name, show(r.value))).collect();
    format!("{} to {}: {}", show(advice.low), show(advice.high), rules.join(", "))
}

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
