//! N of a run: stated, or counted from its model's config.

use std::collections::BTreeMap;

use crate::data::copies::digits;
use crate::data::log::{RunLog, Value};
use crate::data::spelling::without_groups;
use crate::data::vocabulary::Term;
use crate::error::FlopsError;
use crate::flops::{ParamCount, Shape};

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
    /// Why the config was not counted, in words; `None` where it was, or where there is none.
    pub(super) uncounted: Option<String>,
    /// What was taken for granted in counting.
    pub(super) notes: Vec<String>,
}

/// Stated and counted N further apart than this are of two models.
const APART: f64 = 0.03;

/// A count written with so few digits is rounded, and gives way to one that is this near.
const FEW_DIGITS: usize = 4;
const NEAR: f64 = 0.01;

/// The group of a multimodal config that holds its decoder.
const TEXT_PART: &str = "text_config_";

pub(in crate::data) fn sizes(log: &RunLog) -> Sizes {
    let stated = Sizes {
        all: log.count(Term::AllParams),
        non_embedding: log.count(Term::NonEmbeddingParams),
        active: log.count(Term::ActiveParams),
        ..Sizes::default()
    };
    let counted = match count(log) {
        Ok(Some(counted)) => counted,
        // The positions are a small part.
        Ok(None) => return but_positions(log, stated),
        Err(why) => return but_positions(log, Sizes { uncounted: Some(why), ..stated }),
    };
    let ParamCount { all, non_embedding, active } = counted.params;
    // Where the family is a guess, what is stated stands.
    let is_sure = counted.family_is_stated;
    let stands = |kind, stated: Option<f64>, exact: f64| {
        stated.filter(|n| {
            let near = (n / exact - 1.0).abs() <= NEAR;
            !(is_sure && near && is_rounded(log, kind))
        })
    };
    let apart = |stated: Option<f64>, counted: f64| {
        stated.is_some_and(|n| (n / counted - 1.0).abs() > APART).then_some(counted)
    };
    let disputed =
        apart(stated.all, all.get()).or_else(|| apart(stated.non_embedding, non_embedding.get()));
    let stated_all = stands(Term::AllParams, stated.all, all.get());
    let stated_rest = stands(Term::NonEmbeddingParams, stated.non_embedding, non_embedding.get());
    let sparse = all != active;
    Sizes {
        all: stated_all.or(Some(all.get())),
        non_embedding: stated_rest.or(Some(non_embedding.get())),
        active: stands(Term::ActiveParams, stated.active, active.get())
            .or(sparse.then(|| active.get())),
        counted: stated_all.is_none() && stated_rest.is_none(),
        disputed,
        uncounted: None,
        notes: counted.notes,
    }
}

/// Where nothing else says N, a count that leaves out the position embeddings, which are few.
fn but_positions(log: &RunLog, known: Sizes) -> Sizes {
    let all = known.all.or_else(|| log.count(Term::AllButPositions));
    Sizes { all, ..known }
}

/// Whether a count is stated as people round it: `8.95M`, 124000000.
fn is_rounded(log: &RunLog, kind: Term) -> bool {
    match log.fact(kind).map(|fact| fact.1) {
        Some(Value::Text(text)) => text.chars().any(char::is_alphabetic),
        Some(Value::Number(x)) => *x >= 1e4 && digits(*x) <= FEW_DIGITS,
        _ => false,
    }
}

/// A config counted.
struct Counted {
    params: ParamCount,
    /// Whether the config names its family.
    family_is_stated: bool,
    notes: Vec<String>,
}

/// The parameters of a config; `None` where there is none of a model.
///
/// # Errors
/// Why they are not counted, in words.
fn count(log: &RunLog) -> Result<Option<Counted>, String> {
    let config = Config::of(log);
    let mut notes = Vec::new();
    if config.has_text_part {
        notes.push("N is that of the text part of its config".to_owned());
    }
    match Shape::from_keys(&|name| config.value(name)) {
        Ok(shape) => Ok(Some(Counted { params: shape.params(), family_is_stated: true, notes })),
        Err(FlopsError::Family { found: Some(name), .. }) => {
            let name: String = name.chars().filter(|c| !"[]\"".contains(*c)).take(60).collect();
            Err(format!(
                "its config is of the family `{name}`, whose parameters are not counted here"
            ))
        }
        Err(FlopsError::Family { found: None, .. }) => Ok(config.guess().map(|(family, shape)| {
            notes.push(format!("its config names no family of models: counted as a {family}"));
            Counted { params: shape.params(), family_is_stated: false, notes }
        })),
        Err(FlopsError::Config { field, found, .. }) if found == "absent" => {
            Err(format!("its config does not say `{field}`, from which N would follow"))
        }
        Err(other) => Err(format!("its config is not one to count N from ({other})")),
    }
}

/// The facts of a log by the names that a model's config has for them.
struct Config {
    values: BTreeMap<String, String>,
    has_text_part: bool,
}

impl Config {
    /// Of keys in groups, that of the text part comes first, then the one in the fewest.
    fn of(log: &RunLog) -> Self {
        let mut found: BTreeMap<&str, (usize, &Value)> = BTreeMap::new();
        let mut has_text_part = false;
        for (key, value) in &log.facts {
            for (depth, form) in without_groups(key).into_iter().enumerate() {
                let is_text = key[..key.len() - form.len()].ends_with(TEXT_PART);
                has_text_part |= is_text && form == "model_type";
                let rank = if is_text { 0 } else { depth + 1 };
                if found.get(form).is_none_or(|(best, _)| rank < *best) {
                    found.insert(form, (rank, value));
                }
            }
        }
        let text = |value: &Value| match value {
            Value::Number(x) => Some(x.to_string()),
            Value::Text(text) => Some(text.clone()),
            Value::Missing => None,
        };
        let values = found
            .into_iter()
            .filter_map(|(name, (_, value))| Some((name.to_owned(), text(value)?)))
            .collect();
        Self { values, has_text_part }
    }

    fn value(&self, name: &str) -> Option<String> {
        self.values.get(&name.replace('.', "_")).cloned()
    }

    /// The shape of a config without a family that says all that a Llama's does.
    fn guess(&self) -> Option<(&'static str, Shape)> {
        let says = |names: &[&str]| names.iter().find_map(|name| self.value(name));
        let activation = says(&["hidden_act", "activation_function", "activation", "act_fn"])?;
        let gated = ["silu", "swish", "swiglu", "geglu"];
        let is_gated = gated.contains(&activation.to_lowercase().as_str());
        let is_whole =
            says(&["tie_word_embeddings", "tied_embeddings", "tie_embeddings", "weight_tying"])
                .is_some()
                && is_gated;
        ["Llama", "Mixtral"].into_iter().filter(|_| is_whole).find_map(|family| {
            let with_family = |name: &str| match name {
                "model_type" => Some(family.to_owned()),
                name => self.value(name),
            };
            Some((family, Shape::from_keys(&with_family).ok()?))
        })
    }
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

    fn llama(more: &[(&str, &str)]) -> Sizes {
        let dimensions = [
            ("hidden_size", "64"),
            ("num_hidden_layers", "2"),
            ("num_attention_heads", "4"),
            ("intermediate_size", "128"),
            ("vocab_size", "1000"),
        ];
        sizes(&log(&[&dimensions, more].concat()))
    }

    /// d (2 V + 1) + layers (4 d^2 + 3 d f + 2 d).
    const LLAMA: f64 = 64.0 * 2001.0 + 2.0 * (4.0 * 4096.0 + 3.0 * 8192.0 + 128.0);

    #[test]
    fn a_family_is_never_guessed_from_a_name_that_is_not_known() {
        let unknown = llama(&[("model_type", "foo"), ("hidden_act", "silu")]);
        assert_eq!(unknown.all, None);
        assert!(unknown.uncounted.is_some_and(|why| why.contains("family `foo`")));
        let class = llama(&[("architectures", "[\"FooForCausalLM\"]"), ("hidden_act", "silu")]);
        assert!(class.uncounted.is_some_and(|why| why.contains("`fooforcausallm`")));
        let known = llama(&[("architectures", "[\"LlamaForCausalLM\"]")]);
        assert_eq!((known.all, known.notes.len()), (Some(LLAMA), 0));
    }

    #[test]
    fn without_a_family_all_must_be_said_and_the_guess_is_noted() {
        let tied = ("tie_word_embeddings", "false");
        let guessed = llama(&[("hidden_act", "silu"), tied]);
        assert_eq!(guessed.all, Some(LLAMA));
        assert!(guessed.notes[0].contains("counted as a Llama"), "{:?}", guessed.notes);
        assert_eq!(llama(&[("hidden_act", "silu")]), Sizes::default());
        assert_eq!(llama(&[("hidden_act", "gelu"), tied]), Sizes::default());
    }

    #[test]
    fn what_a_config_states_wins_over_its_family() {
        let tied = llama(&[("model_type", "llama"), ("tie_word_embeddings", "True")]);
        assert_eq!(tied.all, Some(LLAMA - 64_000.0));
        let biased = llama(&[("model_type", "llama"), ("attention_bias", "true")]);
        assert_eq!(biased.all, Some(LLAMA + 2.0 * 4.0 * 64.0));
        let lacking = llama(&[("model_type", "mistral")]);
        assert!(lacking.uncounted.is_some_and(|why| why.contains("`num_key_value_heads`")));
        let odd = llama(&[("model_type", "llama"), ("num_experts", "8")]);
        assert!(odd.uncounted.is_some_and(|why| why.contains("num_experts")));
    }

    #[test]
    fn the_text_part_of_a_config_is_counted() {
        let part = log(&[
            ("model_type", "llava"),
            ("hidden_size", "9999"),
            ("text_config.model_type", "llama"),
            ("text_config.hidden_size", "64"),
            ("text_config.num_hidden_layers", "2"),
            ("text_config.num_attention_heads", "4"),
            ("text_config.intermediate_size", "128"),
            ("text_config.vocab_size", "1000"),
        ]);
        let sizes = sizes(&part);
        assert_eq!((sizes.all, sizes.notes.len()), (Some(LLAMA), 1));
    }

    #[test]
    fn a_rounded_count_gives_way_to_the_exact_one_beside_it() {
        let family = ("model_type", "llama");
        for rounded in ["0.21M", "210.2K", "210000", "2.11e5"] {
            let sizes = llama(&[family, ("n_params", rounded)]);
            assert_eq!((sizes.all, sizes.counted), (Some(LLAMA), true), "{rounded}");
        }
        // Not rounded, or too far away.
        for stated in ["210137", "205000", "0.3M"] {
            let sizes = llama(&[family, ("n_params", stated)]);
            assert!(sizes.all != Some(LLAMA) && !sizes.counted, "{stated}");
        }
    }

    #[test]
    fn a_config_that_says_too_little_counts_nothing() {
        let vague =
            log(&[("hidden_size", "512"), ("num_hidden_layers", "6"), ("vocab_size", "1000")]);
        assert_eq!(sizes(&vague), Sizes::default());
    }
}
