//! A shape from the `config.json` that a model is published with.

use serde_json::Value;

use super::family::{FAMILIES, Family, KvHeads, Mixture};
use super::shape::{Experts, Latent, Shape};
use super::vectors::{QkGains, Vectors};
use crate::error::FlopsError;

impl Shape {
    /// The shape of a Hugging Face `config.json`.
    ///
    /// A multimodal file is read by its `text_config`. Defaults that a family implies (tied embeddings of
    /// Gemma, gains on queries and keys of Qwen 3, …) are filled in from `data/model-families.toml`; a file
    /// of a family that is not known is refused by its name, since its count could be wrong in silence.
    ///
    /// # Errors
    /// [`FlopsError::Family`] for a family that is not known, [`FlopsError::Config`] naming the field,
    /// [`FlopsError::Shape`] for dimensions that no model has.
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
        Self::from_keys(&|name| {
            let value = name.split('.').try_fold(config, |at, part| at.get(part))?;
            match value {
                Value::Null => None,
                Value::String(text) => Some(text.clone()),
                other => Some(other.to_string()),
            }
        })
    }

    /// The shape of a config that is known by its keys: what is written under a name, numbers and truth
    /// values as text; a dot in a name is a lower level.
    ///
    /// # Errors
    /// As [`from_config`](Self::from_config).
    ///
    /// ```
    /// use isoloss::flops::Shape;
    ///
    /// let gpt2 = [("model_type", "gpt2"), ("n_layer", "12"), ("n_embd", "768"), ("n_head", "12"),
    ///     ("vocab_size", "50257"), ("block_size", "1024")];
    /// let shape = Shape::from_keys(&|name| Some(gpt2.iter().find(|(key, _)| *key == name)?.1.to_owned()))?;
    /// assert_eq!(shape.params().all.get(), 124_439_808.0);
    /// # Ok::<(), isoloss::error::Error>(())
    /// ```
    pub fn from_keys(value: &dyn Fn(&str) -> Option<String>) -> Result<Self, FlopsError> {
        let (read, keys) = (Fields(value), &FAMILIES.keys);
        let found = read.first(&keys.kind).map(|(_, name)| name);
        let family = found.as_deref().and_then(|name| FAMILIES.of(name)).ok_or_else(|| {
            let known: Vec<&str> = FAMILIES.types().collect();
            FlopsError::Family { found: found.clone(), known: known.join(", ") }
        })?;
        let d_model = read.required(&keys.width)?;
        family.check_only(&read, d_model)?;
        let heads = read.required(&keys.heads)?;
        let experts = read.experts(family)?;
        let latent = if family.latent { Some(read.latent()?) } else { None };
        let wide = read.ffn(family, d_model)?;
        let expert_wide = match family.experts {
            Mixture::OwnWidth => Some(read.required(&keys.expert_ffn)?),
            _ => None,
        };
        let dense_layers = experts.map_or(0, |e| e.dense_layers);
        let shape = Self {
            layers: read.required(&keys.layers)?,
            d_model,
            heads,
            kv_heads: read.kv_heads(family, heads)?,
            head_dim: match latent {
                // The other part of a latent head's key is rotary.
                Some(_) => read.required(&keys.latent_head_dim)?,
                None => read
                    .optional(&keys.head_dim)?
                    .or(family.head_dim)
                    .unwrap_or(d_model / heads.max(1)),
            },
            ffn: match expert_wide {
                Some(ffn) => ffn,
                None => required(wide, &keys.ffn)?,
            },
            ffn_matrices: if family.gated { 3 } else { 2 },
            vocab: read.required(&keys.vocab)?,
            tied_embeddings: read.flag_of(&keys.tied)?.unwrap_or(family.tied),
            experts: match experts.filter(|_| dense_layers > 0) {
                Some(e) => Some(Experts { dense_ffn: required(wide, &keys.ffn)?, ..e }),
                None => experts,
            },
            latent,
            window: match read.flag("use_sliding_window")? {
                Some(false) => None,
                _ => read.optional(&keys.window)?,
            },
            positions: match family.positions.is_empty() {
                true => 0,
                false => read.required(&family.positions)? + family.positions_extra,
            },
            relative_positions: false,
            biases: false,
            qk_norm: false,
            vectors: None,
        };
        let shape = shape.with_vectors(family.vectors(&read)?);
        shape.validate()?;
        Ok(shape)
    }

    /// The same shape with these gains and biases, said as shortly as can be.
    fn with_vectors(self, vectors: Vectors) -> Self {
        let qk_norm = vectors.qk_gains == QkGains::Head;
        let short = [false, true].into_iter().find(|b| Vectors::plain(*b, qk_norm) == vectors);
        let biases = short.unwrap_or(false);
        Self { biases, qk_norm, vectors: short.is_none().then_some(vectors), ..self }
    }
}

impl Family {
    /// Refuses a config with a part that is not counted.
    fn check_only(&self, read: &Fields<'_>, width: u32) -> Result<(), FlopsError> {
        for (key, counted) in &self.only {
            let counted = if counted == "width" { width.to_string() } else { counted.clone() };
            if let Some(found) = read.value(key).filter(|found| *found != counted) {
                let expected =
                    format!("{counted}, as nothing else is counted for `{}`", self.types[0]);
                return Err(FlopsError::Config { field: key.clone(), found, expected });
            }
        }
        Ok(())
    }

    fn vectors(&self, read: &Fields<'_>) -> Result<Vectors, FlopsError> {
        let flag = |key: &str| read.flag(key);
        Ok(Vectors {
            norms: self.norms.of(&flag)?,
            outer_norms: self.outer_norms,
            shifts: self.shifts.of(&flag)?,
            qkv_bias: self.qkv_bias.of(&flag)?,
            output_bias: self.output_bias.of(&flag)?,
            ffn_bias: self.ffn_bias.of(&flag)?,
            head_bias: self.head_bias,
            qk_gains: self.qk_gains.of(&flag)?,
            sinks: self.sinks,
            router_bias: self.router_bias,
            shared_gate: self.shared_gate,
        })
    }
}

/// The fields of a config.
struct Fields<'a>(&'a dyn Fn(&str) -> Option<String>);

fn required(value: Option<u32>, names: &[String]) -> Result<u32, FlopsError> {
    value.ok_or_else(|| FlopsError::Config {
        field: names[0].clone(),
        found: "absent".to_owned(),
        expected: "a whole number".to_owned(),
    })
}

fn whole(field: &str, found: String) -> Result<u32, FlopsError> {
    let number = found.parse().ok().filter(|x: &f64| x.fract() == 0.0 && (0.0..=4e9).contains(x));
    number.map(|x| x as u32).ok_or_else(|| FlopsError::Config {
        field: field.to_owned(),
        found,
        expected: "a whole number".to_owned(),
    })
}

impl Fields<'_> {
    /// What is written under a name; Python's `None` is nothing.
    fn value(&self, name: &str) -> Option<String> {
        let text = (self.0)(name)?.trim().to_lowercase();
        (!["", "none", "null"].contains(&text.as_str())).then_some(text)
    }

    /// The first of these fields that is there.
    fn first<'n>(&self, names: &'n [String]) -> Option<(&'n str, String)> {
        names.iter().find_map(|name| Some((name.as_str(), self.value(name)?)))
    }

    fn optional(&self, names: &[String]) -> Result<Option<u32>, FlopsError> {
        self.first(names).map(|(name, found)| whole(name, found)).transpose()
    }

    fn required(&self, names: &[String]) -> Result<u32, FlopsError> {
        required(self.optional(names)?, names)
    }

    fn flag(&self, name: &str) -> Result<Option<bool>, FlopsError> {
        self.flag_of(&[name.to_owned()])
    }

    fn flag_of(&self, names: &[String]) -> Result<Option<bool>, FlopsError> {
        let Some((field, found)) = self.first(names) else { return Ok(None) };
        match found.as_str() {
            "true" | "1" | "yes" => Ok(Some(true)),
            "false" | "0" | "no" => Ok(Some(false)),
            _ => {
                let expected = "true or false".to_owned();
                Err(FlopsError::Config { field: field.to_owned(), found, expected })
            }
        }
    }

    fn kv_heads(&self, family: &Family, heads: u32) -> Result<u32, FlopsError> {
        let names = &FAMILIES.keys.kv_heads;
        if family.one_kv_head.of(&|key: &str| self.flag(key))? {
            return Ok(1);
        }
        match family.kv_heads {
            KvHeads::AsQueries => Ok(self.optional(names)?.unwrap_or(heads)),
            KvHeads::Stated => self.required(names),
        }
    }

    /// The inner width, where it is stated or follows from the width.
    fn ffn(&self, family: &Family, width: u32) -> Result<Option<u32>, FlopsError> {
        if let Some(ffn) = self.optional(&FAMILIES.keys.ffn)? {
            return Ok(Some(ffn));
        }
        let stated = self.first(&FAMILIES.keys.ffn_ratio).and_then(|(_, r)| r.parse::<f64>().ok());
        let ratio = stated.or(family.ffn_ratio.map(f64::from));
        Ok(ratio.map(|r| (r * f64::from(width)).round() as u32))
    }

    fn experts(&self, family: &Family) -> Result<Option<Experts>, FlopsError> {
        let keys = &FAMILIES.keys;
        if family.experts == Mixture::None {
            return match self.first(&keys.experts) {
                Some((field, found)) if !["0", "1"].contains(&found.as_str()) => {
                    let expected = format!("absent, as `{}` has no experts", family.types[0]);
                    Err(FlopsError::Config { field: field.to_owned(), found, expected })
                }
                _ => Ok(None),
            };
        }
        let ffn = self.optional(&keys.expert_ffn)?;
        let shared = match (self.first(&keys.shared_ffn), ffn) {
            (Some((field, found)), Some(ffn)) => {
                let wide = whole(field, found.clone())?;
                if ffn == 0 || !wide.is_multiple_of(ffn) {
                    let expected = format!("a multiple of the width of an expert, {ffn}");
                    return Err(FlopsError::Config { field: field.to_owned(), found, expected });
                }
                wide / ffn
            }
            _ => self.optional(&keys.shared_experts)?.unwrap_or(0),
        };
        Ok(Some(Experts {
            count: self.required(&keys.experts)?,
            top_k: self.required(&keys.top_k)?,
            shared,
            dense_layers: self.optional(&keys.dense_layers)?.unwrap_or(0),
            dense_ffn: 0,
        }))
    }

    fn latent(&self) -> Result<Latent, FlopsError> {
        let keys = &FAMILIES.keys;
        // Values are as wide as the part of a key without rotation.
        let width = self.required(&keys.latent_head_dim)?;
        if let Some(found) = self.value("v_head_dim").filter(|v| *v != width.to_string()) {
            let (field, expected) = ("v_head_dim".to_owned(), format!("qk_nope_head_dim, {width}"));
            return Err(FlopsError::Config { field, found, expected });
        }
        Ok(Latent {
            query_rank: self.optional(&keys.query_rank)?,
            kv_rank: self.required(&keys.kv_rank)?,
            rope_dim: self.required(&keys.rope_dim)?,
        })
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
