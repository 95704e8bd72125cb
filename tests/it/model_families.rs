//! Parameters of configs, family by family, against the counts of the released weights.

use std::collections::BTreeSet;
use std::path::Path;

use isoloss::data::{ReadOptions, read};
use isoloss::flops::Shape;
use serde_json::{Value, json};

/// A released model: its count, the part that one token visits where it is known, and its config.
struct Released {
    name: String,
    params: f64,
    active: Option<f64>,
    config: Value,
}

/// Counts are those of the weights on Hugging Face (safetensors, or `num_parameters()` of the loaded
/// model); of configs, the keys that N follows from. DeepSeek-V3's is without the biases that balance
/// its experts and without its second prediction head.
fn released() -> Vec<Released> {
    include_str!("model_families.jsonl")
        .lines()
        .map(|line| {
            let row: Value = serde_json::from_str(line).expect("a model");
            Released {
                name: row["name"].as_str().expect("a name").to_owned(),
                params: row["params"].as_f64().expect("a count"),
                active: row["active"].as_f64(),
                config: row["config"].clone(),
            }
        })
        .collect()
}

#[test]
fn golden_configs_count_to_the_parameter() {
    let models = released();
    assert!(models.len() > 80);
    for Released { name, params, active, config } in models {
        let counted = Shape::from_config(&config).expect(&name).params();
        assert_eq!(counted.all.get(), params, "{name}");
        if let Some(active) = active {
            assert_eq!(counted.active.get(), active, "{name}");
        }
    }
}

#[test]
fn every_family_is_held_against_a_released_model() {
    let table = include_str!("../../data/model-families.toml");
    let table: toml::Table = table.parse().expect("TOML");
    let held: BTreeSet<String> = released()
        .iter()
        .map(|model| model.config["model_type"].as_str().expect("a type").to_owned())
        .collect();
    for family in table["family"].as_array().expect("families") {
        let types = family["types"].as_array().expect("types");
        assert!(
            types.iter().any(|t| held.contains(t.as_str().expect("text"))),
            "no released model of {types:?}"
        );
    }
}

/// A finished run: 40 steps of a fall to a loss that is its name's own, with a config beside.
fn run(folder: &Path, name: &str, config: &Value) {
    let place = folder.join(name);
    std::fs::create_dir_all(&place).expect("a folder");
    std::fs::write(place.join("config.json"), config.to_string()).expect("written");
    let letters = name.bytes().fold(0_u32, |sum, b| (31 * sum + u32::from(b)) % 99_991);
    let floor = 2.0 + f64::from(letters) * 1e-5;
    let steps: String = (1..=40_u32)
        .map(|step| {
            let loss = floor + 2.0 / f64::from(step);
            format!(
                "{{\"step\": {step}, \"eval_loss\": {loss}, \"tokens\": {}}}\n",
                f64::from(step) * 1e9
            )
        })
        .collect();
    std::fs::write(place.join("log.jsonl"), steps).expect("written");
}

#[test]
fn golden_a_config_beside_a_log_gives_its_n() {
    let folder = tempfile::tempdir().expect("a folder");
    let models = released();
    for model in &models {
        run(folder.path(), &model.name, &model.config);
    }
    let table = read(&[folder.path()], &ReadOptions::default()).expect("a table");
    assert_eq!(table.runs.len(), models.len(), "{:?}", table.skipped);
    for model in models {
        let found = table.runs.iter().find(|r| r.run.starts_with(&model.name)).expect(&model.name);
        assert_eq!(found.n.get(), model.params, "{}", model.name);
    }
}

#[test]
fn a_class_in_place_of_a_type_and_a_lower_level_are_read() {
    let gemma = json!({
        "model_type": "gemma3", "vision_config": { "hidden_size": 1152, "num_hidden_layers": 27 },
        "text_config": {
            "model_type": "gemma3_text", "num_hidden_layers": 34, "hidden_size": 2560,
            "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 256,
            "intermediate_size": 10_240, "vocab_size": 262_208,
        },
    });
    let llama = json!({
        "architectures": ["LlamaForCausalLM"], "num_hidden_layers": 22, "hidden_size": 2048,
        "num_attention_heads": 32, "num_key_value_heads": 4, "intermediate_size": 5632,
        "vocab_size": 32_000,
    });
    let folder = tempfile::tempdir().expect("a folder");
    run(folder.path(), "gemma", &gemma);
    run(folder.path(), "llama", &llama);
    let table = read(&[folder.path()], &ReadOptions::default()).expect("a table");
    let n = |name: &str| table.runs.iter().find(|r| r.run.starts_with(name)).map(|r| r.n.get());
    assert_eq!(n("gemma"), Some(3_880_263_168.0)); // Gemma 3 4B without its vision tower
    assert_eq!(n("llama"), Some(1_100_048_384.0));
    assert!(table.notes.iter().any(|n| n.note.contains("text part")), "{:?}", table.notes);
}

#[test]
fn a_family_that_is_not_known_is_named_and_not_counted() {
    let dimensions = json!({
        "num_hidden_layers": 22, "hidden_size": 2048, "num_attention_heads": 32, "hidden_act": "silu",
        "num_key_value_heads": 4, "intermediate_size": 5632, "vocab_size": 32_000,
        "tie_word_embeddings": false,
    });
    let with = |key: &str, value: Value| {
        let mut config = dimensions.clone();
        config[key] = value;
        config
    };
    for (config, word) in [
        (with("model_type", json!("foo")), "family `foo`"),
        (with("architectures", json!(["FooForCausalLM"])), "`fooforcausallm`"),
        (with("model_type", json!("stablelm-epoch")), "family `stablelm-epoch`"),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        run(folder.path(), "odd", &config);
        run(folder.path(), "known", &with("model_type", json!("llama")));
        let table = read(&[folder.path()], &ReadOptions::default()).expect("a table");
        assert_eq!(table.runs.len(), 1);
        let reason = &table.skipped[0].reason;
        assert!(reason.contains(word) && reason.contains("give n_params"), "{reason}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    run(folder.path(), "silent", &dimensions);
    let table = read(&[folder.path()], &ReadOptions::default()).expect("a table");
    assert_eq!(table.runs[0].n.get(), 1_100_048_384.0);
    assert!(table.notes[0].note.contains("counted as a Llama"), "{:?}", table.notes);
}

#[test]
fn parts_that_are_not_counted_are_refused_by_name() {
    for (name, key, value) in [
        ("opt-125m", "do_layer_norm_before", json!(false)),
        ("opt-125m", "word_embed_proj_dim", json!(512)),
        ("phi-2", "qk_layernorm", json!(true)),
        ("Qwen3-30B-A3B", "mlp_only_layers", json!([0, 1])),
        ("DeepSeek-V3", "v_head_dim", json!(192)),
        ("Qwen1.5-MoE-A2.7B", "shared_expert_intermediate_size", json!(5000)),
    ] {
        let mut model = released().into_iter().find(|m| m.name == name).expect(name);
        model.config[key] = value;
        let error = Shape::from_config(&model.config).expect_err(name).to_string();
        assert!(error.contains(key), "{error}");
    }
}
