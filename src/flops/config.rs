//! A shape from the `config.json` that a model is published with.

use serde_json::Value;

use super::shape::{Experts, Latent, Shape};
use crate::error::FlopsError;

/// What a family implies where its file is silent: the defaults of its class in Hugging Face transformers.
struct Family {
    /// `model_type` of the file.
    kinds: &'static [&'static str],
    tied: bool,
    gated: bool,
    biases: bool,
    positions: bool,
    qk_norm: bool,
}

const LLAMA: Family = Family {
    kinds: &[
        "llama",
        "mistral",
        "mixtral",
        "phi3",
        "olmo",
        "deepseek_v2",
        "deepseek_v3",
        "smollm3",
    ],
    tied: false,
    gated: true,
    biases: false,
    positions: false,
    qk_norm: false,
};

const FAMILIES: [Family; 7] = [
    LLAMA,
    // Their projections of queries, keys and values have biases, which weigh under 1e-4.
    Family { kinds: &["qwen2", "qwen2_moe"], ..LLAMA },
    Family { kinds: &["qwen3", "qwen3_moe", "olmo2", "olmo3"], qk_norm: true, ..LLAMA },
    Family { kinds: &["gemma", "gemma2"], tied: true, ..LLAMA },
    Family { kinds: &["gemma3_text"], tied: true, qk_norm: true, ..LLAMA },
    Family { kinds: &["gpt_neox"], gated: false, biases: true, ..LLAMA },
    Family { kinds: &["gpt2"], tied: true, gated: false, biases: true, positions: true, ..LLAMA },
];

impl Shape {
    /// The shape of a Hugging Face `config.json`.
    ///
    /// A multimodal file is read by its `text_config`. Defaults that a family implies (tied embeddings of
    /// Gemma, gains on queries and keys of Qwen 3, …) are filled in; a file of a family that is not known
    /// is refused by its name, since its count could be wrong in silence.
    ///
    /// # Errors
    /// [`FlopsError::Config`] naming the field, [`FlopsError::Shape`] for dimensions that no model has.
    ///
    /// ```
    /// use isoloss::flops::Shape;
    ///
    /// let mistral = serde_json::json!({
    ///     "model_type": "mistral", "num_hidden_layers": 32, "hidden_size": 4096, "vocab_size": 32000,
    ///     "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336,
    /// });
    /// assert_eq!(Shape::from_config(&mistral)?.params().all.get(), 7_241_732_096.0);
    /// # Ok::<(), isoloss::error::Error>(())
    /// ```
    pub fn from_config(config: &Value) -> Result<Self, FlopsError> {
        let config = config.get("text_config").unwrap_or(config);
        let kind = config.get("model_type").and_then(Value::as_str).unwrap_or_default();
        let unknown = || {
            let known: Vec<&str> = FAMILIES.iter().flat_map(|f| f.kinds.iter().copied()).collect();
            FlopsError::Config {
                field: "model_type",
                found: if kind.is_empty() { "absent".to_owned() } else { kind.to_owned() },
                expected: format!("one of {}", known.join(", ")),
            }
        };
        let family = FAMILIES.iter().find(|f| f.kinds.contains(&kind)).ok_or_else(unknown)?;
        let read = Fields(config);
        let d_model = read.required(&["hidden_size", "n_embd"])?;
        let heads = read.required(&["num_attention_heads", "n_head"])?;
        let head_dim = read.optional(&["head_dim"])?.unwrap_or(d_model / heads.max(1));
        let experts = read.experts()?;
        let wide = read.optional(&["intermediate_size", "n_inner"])?.unwrap_or(4 * d_model);
        let expert_width = read.optional(&["moe_intermediate_size"])?;
        let latent = read.latent()?;
        let shape = Self {
            layers: read.required(&["num_hidden_layers", "n_layer"])?,
            d_model,
            heads,
            kv_heads: read.optional(&["num_key_value_heads"])?.unwrap_or(heads),
            // The other part of a latent head's key is rotary.
            head_dim: match latent {
                Some(_) => read.optional(&["qk_nope_head_dim"])?.unwrap_or(head_dim),
                None => head_dim,
            },
            ffn: expert_width.filter(|_| experts.is_some()).unwrap_or(wide),
            ffn_matrices: if family.gated { 3 } else { 2 },
            vocab: read.required(&["vocab_size"])?,
            tied_embeddings: config
                .get("tie_word_embeddings")
                .and_then(Value::as_bool)
                .unwrap_or(family.tied),
            experts: experts
                .map(|e| Experts { dense_ffn: if e.dense_layers > 0 { wide } else { 0 }, ..e }),
            latent,
            window: read
                .optional(&["sliding_window"])?
                .filter(|_| config.get("use_sliding_window") != Some(&Value::Bool(false))),
            positions: if family.positions {
                read.required(&["n_positions", "max_position_embeddings"])?
            } else {
                0
            },
            relative_positions: false,
            biases: family.biases,
            qk_norm: family.qk_norm,
        };
        shape.validate()?;
        Ok(shape)
    }
}

/// The fields of a file.
struct Fields<'a>(&'a Value);

impl Fields<'_> {
    /// The first of these fields that is there, and not null.
    fn optional(&self, names: &[&'static str]) -> Result<Option<u32>, FlopsError> {
        let Some((name, value)) = names
            .iter()
            .find_map(|name| Some((*name, self.0.get(*name).filter(|v| !v.is_null())?)))
        else {
            return Ok(None);
        };
        let number = value.as_u64().and_then(|x| u32::try_from(x).ok());
        number.map(Some).ok_or_else(|| FlopsError::Config {
            field: name,
            found: value.to_string(),
            expected: "a whole number".to_owned(),
        })
    }

    fn required(&self, names: &[&'static str]) -> Result<u32, FlopsError> {
        self.optional(names)?.ok_or_else(|| FlopsError::Config {
            field: names[0],
            found: "absent".to_owned(),
            expected: "a whole number".to_owned(),
        })
    }

    fn experts(&self) -> Result<Option<Experts>, FlopsError> {
        const COUNT: &[&str] =
            &["num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"];
        let Some(count) = self.optional(COUNT)?.filter(|count| *count > 1) else {
            return Ok(None);
        };
        Ok(Some(Experts {
            count,
            top_k: self.required(&["num_experts_per_tok", "moe_top_k"])?,
            shared: self.optional(&["n_shared_experts"])?.unwrap_or(0),
            dense_layers: self.optional(&["first_k_dense_replace"])?.unwrap_or(0),
            dense_ffn: 0,
        }))
    }

    fn latent(&self) -> Result<Option<Latent>, FlopsError> {
        let Some(kv_rank) = self.optional(&["kv_lora_rank"])? else { return Ok(None) };
        Ok(Some(Latent {
            query_rank: self.required(&["q_lora_rank"])?,
            kv_rank,
            rope_dim: self.required(&["qk_rope_head_dim"])?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Stated counts of the released weights.
    #[test]
    fn golden_configs_count_to_the_released_weights() {
        let qwen3 = json!({
            "model_type": "qwen3", "num_hidden_layers": 36, "hidden_size": 4096, "vocab_size": 151_936,
            "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 128,
            "intermediate_size": 12_288, "tie_word_embeddings": false,
        });
        let gpt2 = json!({
            "model_type": "gpt2", "n_layer": 12, "n_embd": 768, "n_head": 12, "n_positions": 1024,
            "vocab_size": 50_257,
        });
        let deepseek = json!({
            "model_type": "deepseek_v3", "num_hidden_layers": 61, "hidden_size": 7168,
            "vocab_size": 129_280, "num_attention_heads": 128, "num_key_value_heads": 128,
            "intermediate_size": 18_432, "moe_intermediate_size": 2048, "n_routed_experts": 256,
            "num_experts_per_tok": 8, "n_shared_experts": 1, "first_k_dense_replace": 3,
            "kv_lora_rank": 512, "q_lora_rank": 1536, "qk_rope_head_dim": 64, "qk_nope_head_dim": 128,
            "v_head_dim": 128,
        });
        for (config, stated, within) in
            [(qwen3, 8.19e9, 5e-4), (gpt2, 124_439_808.0, 1e-12), (deepseek, 671e9, 1e-3)]
        {
            let n = Shape::from_config(&config).expect("known").params().all.get();
            assert!((n / stated - 1.0).abs() < within, "{n} {stated}");
        }
    }

    #[test]
    fn what_is_not_known_is_named() {
        let missing = json!({ "model_type": "llama", "hidden_size": 64 });
        let error = Shape::from_config(&missing).expect_err("no heads").to_string();
        assert!(error.contains("num_attention_heads"), "{error}");
        let odd = json!({ "model_type": "rwkv", "hidden_size": 64 });
        assert!(Shape::from_config(&odd).expect_err("unknown").to_string().contains("rwkv"));
        let text = json!({ "model_type": "llama", "hidden_size": "wide" });
        assert!(Shape::from_config(&text).expect_err("text").to_string().contains("hidden_size"));
    }
}
