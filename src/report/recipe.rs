//! A run in full: shape, hyper-parameters, layout, days, and the model's `config.json`.

use serde_json::{Value, json};

use super::advice::hanging;
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
            "{} layers, d_model {}, FFN {} ({} matrices)",
            s.layers, s.d_model, s.ffn, s.ffn_matrices
        ),
    );
    line("heads", format!("{} of {}, {} for keys and values", s.heads, s.head_dim, s.kv_heads));
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
    line(
        "batch",
        format!(
            "{:.0} sequences, {} tokens",
            r.batch_tokens / f64::from(r.context),
            short_count(r.batch_tokens)
        ),
    );
    line("steps", format!("{:.0}", r.steps));
    for advice in &r.advice {
        let (value, why) = advice_text(advice);
        line(&advice.quantity.to_string(), value);
        if !why.is_empty() {
            line("", why);
        }
    }
    if let Some(run) = &r.running {
        let l = &run.layout;
        let expert = if l.expert > 1 { format!(", experts {}", l.expert) } else { String::new() };
        let recompute = if l.recompute { ", layers recomputed" } else { "" };
        line("devices", format!("{} on {} nodes", run.devices, run.nodes));
        line(
            "layout",
            format!(
                "tensor {}, pipeline {}, data {}{expert}{recompute}",
                l.tensor, l.pipeline, l.data
            ),
        );
        line(
            "each device",
            format!("{:.1} GB; bubble {:.1} %", l.bytes_per_device / 1e9, 100.0 * l.bubble),
        );
        line(
            "each copy",
            format!("{} sequences x {} passes a step", l.micro_batch, l.accumulation),
        );
        if !s.layers.is_multiple_of(l.pipeline) {
            let deepest = s.layers.div_ceil(l.pipeline);
            line("", format!("stages of {deepest} and fewer layers: no equal ones fit"));
        }
        if s.kv_heads < l.tensor {
            line(
                "",
                format!("{} KV heads held by {} devices each", s.kv_heads, l.tensor / s.kv_heads),
            );
        }
        if !s.vocab.is_multiple_of(l.tensor) {
            let padded = s.vocab.next_multiple_of(l.tensor);
            line("", format!("pad the vocabulary to {padded} rows, which the tensor split shares"));
        }
        line("goodput", with_range(&run.goodput, |x| format!("{:.1} %", 100.0 * x)));
        line("days", with_range(&run.days, number));
        line("device-hours", with_range(&run.device_hours, short_count));
        line("tokens per year", short_count(run.tokens_per_year));
        line("checkpoint", format!("{} GB", short_count(run.checkpoint_bytes / 1e9)));
        if let Some(usd) = &run.usd {
            line("cost", with_range(usd, dollars));
        }
        if let Some(kwh) = &run.kwh {
            line("energy", with_range(kwh, megawatt_hours));
        }
    }
    text
}

/// What to launch, how long it takes, and what is unsure, in three lines.
#[must_use]
pub fn recipe_answer(r: &Recipe) -> String {
    let s = &r.shape;
    let cut = r.tokens_asked.map_or(String::new(), |asked| {
        format!(" ({asked} asked for: attention and vocabulary count, and the deadline holds)")
    });
    let mut text = hanging(
        "run",
        &format!(
            "{} parameters: {} layers of width {}; {} tokens{cut} in {:.0} steps of {} tokens",
            short_count(r.params.get()),
            s.layers,
            s.d_model,
            r.tokens,
            r.steps,
            short_count(r.batch_tokens)
        ),
    );
    if let Some(run) = &r.running {
        let usd =
            run.usd.as_ref().map_or(String::new(), |usd| format!(", {}", with_range(usd, dollars)));
        text.push_str(&hanging(
            "takes",
            &format!("{} days on {} devices{usd}", with_range(&run.days, number), run.devices),
        ));
    }
    let beyond: Vec<String> = r
        .advice
        .iter()
        .filter(|a| !a.in_range)
        .map(|a| {
            let nearest = a.rules.first().map_or(0.0, |rule| rule.outside);
            format!("{} ({} is {nearest:.1}x out of its range)", a.quantity, a.by)
        })
        .collect();
    let unsure = if beyond.is_empty() {
        "every hyper-parameter has a rule fitted, or used, at this scale".to_owned()
    } else {
        format!("no rule reaches this run for {}; tune these first", beyond.join(", "))
    };
    text.push_str(&hanging("unsure", &unsure));
    text
}

/// The value to use with its rule, and the band.
fn advice_text(advice: &Advice) -> (String, String) {
    let show = |x: f64| match advice.quantity {
        Hyper::BatchTokens => short_count(x),
        Hyper::WarmUpSteps => format!("{x:.0}"),
        Hyper::LearningRate => format!("{x:.2e}"),
        Hyper::WeightDecay => number(x),
    };
    let value = format!("{} ({})", show(advice.recommended), advice.by);
    let others: Vec<String> = advice
        .rules
        .iter()
        .filter(|r| r.reaches() && r.name != advice.by)
        .map(|r| format!("{} {}", r.name, show(r.value)))
        .collect();
    let far = advice.rules.iter().filter(|r| !r.reaches()).count();
    let why = match (others.is_empty(), advice.in_range) {
        (false, _) => format!("also in range: {}", others.join(", ")),
        (true, true) if far > 0 => format!("the only rule in range; {far} others left out"),
        (true, true) => String::new(),
        (true, false) => format!("no rule in range; the nearest of {}", advice.rules.len()),
    };
    (value, why)
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
