//! Families of models and what their configs leave out, from `data/model-families.toml`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use serde::Deserialize;

use super::vectors::QkGains;

const TABLE: &str = "data/model-families.toml";
const TEXT: &str = include_str!("../../data/model-families.toml");

/// The table.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Families {
    pub(super) keys: Keys,
    #[serde(rename = "family")]
    families: Vec<Family>,
}

/// Names of dimensions, the surest first.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Keys {
    #[serde(rename = "type")]
    pub(super) kind: Vec<String>,
    pub(super) layers: Vec<String>,
    pub(super) width: Vec<String>,
    pub(super) heads: Vec<String>,
    pub(super) kv_heads: Vec<String>,
    pub(super) head_dim: Vec<String>,
    pub(super) ffn: Vec<String>,
    pub(super) ffn_ratio: Vec<String>,
    pub(super) vocab: Vec<String>,
    pub(super) tied: Vec<String>,
    pub(super) window: Vec<String>,
    pub(super) experts: Vec<String>,
    pub(super) top_k: Vec<String>,
    pub(super) expert_ffn: Vec<String>,
    pub(super) shared_experts: Vec<String>,
    pub(super) shared_ffn: Vec<String>,
    pub(super) dense_layers: Vec<String>,
    pub(super) kv_rank: Vec<String>,
    pub(super) query_rank: Vec<String>,
    pub(super) rope_dim: Vec<String>,
    pub(super) latent_head_dim: Vec<String>,
}

/// What a family implies; the head of the table says what each field means.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Family {
    pub(super) types: Vec<String>,
    pub(super) tied: bool,
    pub(super) gated: bool,
    pub(super) head_dim: Option<u32>,
    #[serde(default)]
    pub(super) kv_heads: KvHeads,
    #[serde(default)]
    pub(super) one_kv_head: Part<bool>,
    pub(super) ffn_ratio: Option<u32>,
    #[serde(default)]
    pub(super) positions: Vec<String>,
    #[serde(default)]
    pub(super) positions_extra: u32,
    #[serde(default = "two")]
    pub(super) norms: Part<u32>,
    #[serde(default = "one")]
    pub(super) outer_norms: u32,
    #[serde(default)]
    pub(super) shifts: Part<bool>,
    #[serde(default)]
    pub(super) qkv_bias: Part<bool>,
    #[serde(default)]
    pub(super) output_bias: Part<bool>,
    #[serde(default)]
    pub(super) ffn_bias: Part<bool>,
    #[serde(default)]
    pub(super) head_bias: bool,
    #[serde(default)]
    pub(super) qk_gains: Part<QkGains>,
    #[serde(default)]
    pub(super) sinks: bool,
    #[serde(default)]
    pub(super) router_bias: bool,
    #[serde(default)]
    pub(super) shared_gate: bool,
    #[serde(default)]
    pub(super) experts: Mixture,
    #[serde(default)]
    pub(super) latent: bool,
    #[serde(default)]
    pub(super) only: BTreeMap<String, String>,
}

fn one() -> u32 {
    1
}

fn two() -> Part<u32> {
    Part::Is(2)
}

/// How many key/value heads there are where a config does not say it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum KvHeads {
    #[default]
    AsQueries,
    Stated,
}

/// Whether a family has experts, and which key holds their width.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Mixture {
    #[default]
    None,
    SameWidth,
    OwnWidth,
}

/// A part that all models of a family have alike, or that a key of the config decides.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Part<T> {
    Is(T),
    By { key: String, absent: bool, yes: Box<Part<T>>, no: Box<Part<T>> },
}

impl<T: Default> Default for Part<T> {
    fn default() -> Self {
        Self::Is(T::default())
    }
}

impl<T: Copy> Part<T> {
    /// What it is in a config, given what that says of a key.
    pub(super) fn of<E>(&self, flag: &dyn Fn(&str) -> Result<Option<bool>, E>) -> Result<T, E> {
        match self {
            Self::Is(part) => Ok(*part),
            Self::By { key, absent, yes, no } => {
                (if flag(key)?.unwrap_or(*absent) { yes } else { no }).of(flag)
            }
        }
    }

    fn keys<'a>(&'a self, found: &mut Vec<&'a str>) {
        if let Self::By { key, yes, no, .. } = self {
            found.push(key);
            yes.keys(found);
            no.keys(found);
        }
    }
}

/// The table, parsed once.
pub(super) static FAMILIES: LazyLock<Families> = LazyLock::new(|| {
    // The table is part of the program; a test reads it.
    toml::from_str(TEXT).unwrap_or_else(|e| panic!("{TABLE}: {e}"))
});

/// A name without case and separators.
fn bare(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

impl Families {
    /// The family of a `model_type`, or of a class as `architectures` names it.
    pub(super) fn of(&self, name: &str) -> Option<&Family> {
        let name = bare(name);
        let name = ["forcausallm", "lmheadmodel"]
            .iter()
            .find_map(|s| name.strip_suffix(s))
            .unwrap_or(&name);
        self.families.iter().find(|f| f.types.iter().any(|t| bare(t) == name))
    }

    /// Every `model_type` that is known.
    pub(super) fn types(&self) -> impl Iterator<Item = &str> {
        self.families.iter().flat_map(|f| f.types.iter().map(String::as_str))
    }

    fn all_keys(&self) -> impl Iterator<Item = &str> {
        let k = &self.keys;
        let dimensions = [
            &k.kind,
            &k.layers,
            &k.width,
            &k.heads,
            &k.kv_heads,
            &k.head_dim,
            &k.ffn,
            &k.ffn_ratio,
            &k.vocab,
            &k.tied,
            &k.window,
            &k.experts,
            &k.top_k,
            &k.expert_ffn,
            &k.shared_experts,
            &k.shared_ffn,
            &k.dense_layers,
            &k.kv_rank,
            &k.query_rank,
            &k.rope_dim,
            &k.latent_head_dim,
        ];
        let parts = self.families.iter().flat_map(|f| {
            let mut found = Vec::new();
            let flags = [&f.one_kv_head, &f.shifts, &f.qkv_bias, &f.output_bias, &f.ffn_bias];
            flags.iter().for_each(|part| part.keys(&mut found));
            f.norms.keys(&mut found);
            f.qk_gains.keys(&mut found);
            found.extend(f.only.keys().chain(&f.positions).map(String::as_str));
            found
        });
        dimensions.into_iter().flatten().map(String::as_str).chain(parts)
    }
}

/// Whether the count of parameters of any family asks for this key; `_` stands between levels.
///
/// ```
/// use isoloss::flops::is_config_key;
///
/// assert!(is_config_key("attention_bias") && is_config_key("attn_config_qk_ln"));
/// assert!(!is_config_key("learning_rate"));
/// ```
#[must_use]
pub fn is_config_key(name: &str) -> bool {
    static KEYS: LazyLock<BTreeSet<String>> =
        LazyLock::new(|| FAMILIES.all_keys().map(|key| key.replace('.', "_")).collect());
    KEYS.contains(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_known_by_its_type_and_by_its_class() {
        let first = |name: &str| Some(FAMILIES.of(name)?.types[0].as_str());
        assert_eq!(first("gpt_neox"), Some("gpt_neox"));
        assert_eq!(first("[\"GPTNeoXForCausalLM\"]"), Some("gpt_neox"));
        assert_eq!(first("GPT2LMHeadModel"), Some("gpt2"));
        assert_eq!(first("Qwen3MoeForCausalLM"), Some("qwen3_moe"));
        assert_eq!(first("Gemma3ForCausalLM"), Some("gemma3_text"));
        assert_eq!(first("LLM.C"), Some("gpt2"));
        assert_eq!(first("rwkv"), None);
        assert_eq!(first("FooForCausalLM"), None);
    }

    #[test]
    fn no_type_is_in_the_table_twice() {
        let mut seen = BTreeSet::new();
        for kind in FAMILIES.types() {
            assert!(seen.insert(bare(kind)), "{kind}");
        }
    }
}
