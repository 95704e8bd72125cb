//! A run in full: shape, hyper-parameters, layout, days, and the model's `config.json`.

use serde_json::{Value, json};

use super::advice::hanging;
use super::number::{dollars, factor, megawatt_hours, with_range};
use super::text::Text;
use crate::plan::{Advice, Hyper, Recipe, Running};
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
            "{:.0} sequences, {} tokens{}",
            r.batch_tokens / f64::from(r.context),
            short_count(r.batch_tokens),
            rounded_from(r)
        ),
    );
    line("steps", format!("{:.0} for {} tokens{}", r.steps, r.tokens, cut_from(r)));
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
        line("devices", format!("{} on {} of 8", used_of(run), counted(run.nodes, "node")));
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
            format!(
                "{} x {} a step; {}",
                counted(l.micro_batch.into(), "sequence"),
                counted(l.accumulation.into(), "pass"),
                if l.data == 1 { "1 copy".to_owned() } else { format!("{} copies", l.data) }
            ),
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
        let share = with_range(&run.goodput, |x| format!("{:.1} %", 100.0 * x));
        line("goodput", format!("{share} of the dense BF16 peak"));
        line("days", with_range(&run.days, three_digits));
        line("device-hours", with_range(&run.device_hours, short_count));
        line(
            "tokens",
            format!(
                "{} a day, {} a year",
                short_count(run.tokens_per_day),
                short_count(run.tokens_per_year)
            ),
        );
        let (size, unit) = match run.checkpoint_bytes {
            bytes if bytes >= 1e12 => (bytes / 1e12, "TB"),
            bytes => (bytes / 1e9, "GB"),
        };
        line("checkpoint", format!("{} {unit} with optimiser", short_count(size)));
        if let Some(usd) = &run.usd {
            line("cost", with_range(usd, dollars));
        }
        if let Some(kwh) = &run.kwh {
            line("energy", with_range(kwh, megawatt_hours));
        }
    }
    text
}

/// Share of the devices in use below which the answer says that some are idle.
const IDLE: f64 = 0.9;
/// Factor between batches from which a learning rate is no longer the one that its rule means.
const OTHER_BATCH: f64 = 2.0;

/// The batch asked for, where another one is launched.
fn rounded_from(r: &Recipe) -> String {
    let (asked, used) = (short_count(r.batch_wanted), short_count(r.batch_tokens));
    if asked == used { String::new() } else { format!(" ({asked} wanted; rounded to divide)") }
}

/// `1 node`, `2 nodes`, `3 passes`.
fn counted(x: f64, what: &str) -> String {
    let ending = match (x == 1.0, what.ends_with('s')) {
        (true, _) => "",
        (false, true) => "es",
        (false, false) => "s",
    };
    format!("{x} {what}{ending}")
}

/// As a count, and with two digits below one.
fn three_digits(x: f64) -> String {
    if x >= 1.0 || x <= 0.0 {
        return short_count(x);
    }
    let decimals = (1.0 - x.log10().floor()).clamp(0.0, 12.0) as usize;
    format!("{x:.decimals$}")
}

/// The tokens asked for, where fewer fit the deadline.
fn cut_from(r: &Recipe) -> String {
    r.tokens_asked
        .map_or(String::new(), |asked| format!(" ({asked} asked for; so many fit the time)"))
}

/// Devices, and of how many where some are idle.
fn used_of(run: &Running) -> String {
    match run.devices_given {
        Some(there) => format!("{} of {there}", run.devices),
        None => run.devices.to_string(),
    }
}

/// What to launch, in one sentence.
pub(super) fn run_sentence(r: &Recipe) -> String {
    let s = &r.shape;
    let cut = cut_from(r);
    let active = match s.experts {
        Some(_) => format!(" ({} active)", short_count(r.active_params.get())),
        None => String::new(),
    };
    format!(
        "{}{active} parameters: {} layers of width {}; {} tokens{cut} in {:.0} steps of {} tokens",
        short_count(r.params.get()),
        s.layers,
        s.d_model,
        r.tokens,
        r.steps,
        short_count(r.batch_tokens)
    )
}

/// What to launch, how long it takes, and what is unsure, in three lines.
#[must_use]
pub fn recipe_answer(r: &Recipe) -> Text {
    let mut text = Text::from(hanging("run", &run_sentence(r)));
    if let Some(run) = &r.running {
        let usd =
            run.usd.as_ref().map_or(String::new(), |usd| format!(", {}", with_range(usd, dollars)));
        text.push_str(&hanging(
            "takes",
            &format!(
                "{} days on {} device{}{usd}",
                with_range(&run.days, three_digits),
                used_of(run),
                if used_of(run) == "1" { "" } else { "s" }
            ),
        ));
    }
    let beyond: Vec<String> = r
        .advice
        .iter()
        .filter(|a| !a.in_range && a.quantity != Hyper::WarmUpSteps)
        .map(|a| format!("{} ({} is {}x out of its range)", a.quantity, a.by, factor(a.nearest())))
        .collect();
    let mut unsure = Vec::new();
    if !beyond.is_empty() {
        let these = beyond.join(", ");
        unsure.push(format!("tune first, since no rule reaches this run: {these}"));
    }
    let idle = |run: &Running| run.devices_given.is_some_and(|there| run.devices < IDLE * there);
    if r.running.as_ref().is_some_and(idle) {
        unsure.push("the batch has too few sequences for all devices".to_owned());
    }
    let rule = r.advice.iter().find(|a| a.quantity == Hyper::BatchTokens);
    let apart = rule.map_or(1.0, |a| (r.batch_tokens / a.recommended).ln().abs().exp());
    if apart > OTHER_BATCH {
        unsure.push(format!(
            "the batch is {}x from the one that the learning rate is for",
            factor(apart)
        ));
    }
    if let Some(run) = r.running.as_ref().filter(|run| !run.goodput.is_known()) {
        unsure.push(format!(
            "goodput spans a factor of {}; measure yours",
            factor(run.goodput.high / run.goodput.low)
        ));
    }
    if unsure.is_empty() {
        unsure.push("little: every hyper-parameter has a rule at this scale".to_owned());
    }
    let unsure = unsure.join("; ");
    text.push_str(&hanging("unsure", &unsure));
    text
}

/// The value to use with its rule, and the band.
fn advice_text(advice: &Advice) -> (String, String) {
    let show = |x: f64| match advice.quantity {
        Hyper::BatchTokens => short_count(x),
        Hyper::WarmUpSteps => format!("{x:.0}"),
        Hyper::LearningRate => format!("{x:.2e}"),
        Hyper::WeightDecay => three_digits(x),
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
        (true, true) if far == 1 => "the only rule in range; another left out".to_owned(),
        (true, true) if far > 1 => format!("the only rule in range; {far} others left out"),
        (true, true) => String::new(),
        (true, false) => format!(
            "no rule in range; the nearest of {}, {}x out",
            advice.rules.len(),
            factor(advice.nearest())
        ),
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
