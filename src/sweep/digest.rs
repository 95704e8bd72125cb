//! What decides that a run is done: a digest of everything its loss depends on.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::run::RunSpec;

/// Digits of the digest in the names of a run's files.
const IN_NAMES: usize = 8;

/// Fields of a specification that change no loss: names, what the run is for, and whether it shares
/// steps with others, which leaves each branch the run trained alone, bit for bit.
const NAMES_ONLY: [&str; 4] = ["id", "part", "budget", "trunk"];

/// SHA-256 of the settings of a run: its specification, what it is trained on, what trains it.
///
/// - `corpus`: digest of the corpus, of [`CorpusKey`](super::CorpusKey).
/// - `trainer`: the trainer's identity.
#[must_use]
pub fn settings_digest(spec: &RunSpec, corpus: &str, trainer: &str) -> String {
    digest_of(&serde_json::json!({
        "spec": settings_of(spec),
        "corpus": corpus,
        "trainer": trainer,
    }))
}

/// The settings of a run as JSON, without names.
pub(super) fn settings_of(spec: &RunSpec) -> Value {
    let mut settings = serde_json::to_value(spec).unwrap_or_default();
    if let Some(fields) = settings.as_object_mut() {
        fields.retain(|name, _| !NAMES_ONLY.contains(&name.as_str()));
    }
    settings
}

/// The name of the files of a run: its id and the first digits of its settings.
#[must_use]
pub fn stem(id: &str, settings: &str) -> String {
    format!("{id}.{}", short(settings))
}

/// The first digits of a digest.
pub(super) fn short(digest: &str) -> &str {
    digest.get(..IN_NAMES).unwrap_or(digest)
}

/// SHA-256 of a value as canonical JSON.
pub(super) fn digest_of(value: &impl Serialize) -> String {
    let mut text = String::new();
    canonical(&serde_json::to_value(value).unwrap_or_default(), &mut text);
    sha256(text.as_bytes())
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(Sha256::new().chain_update(bytes))
}

pub(super) fn hex(hash: Sha256) -> String {
    hash.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

/// JSON with sorted keys and no spaces, so that equal values are equal text.
fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut sorted: Vec<(&String, &Value)> = fields.iter().collect();
            sorted.sort_by_key(|(name, _)| *name);
            out.push('{');
            for (at, (name, value)) in sorted.into_iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                canonical(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (at, value) in items.iter().enumerate() {
                out.push_str(if at > 0 { "," } else { "" });
                canonical(value, out);
            }
            out.push(']');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

/// The dotted names of what differs between two values.
pub(super) fn compare(a: &Value, b: &Value, at: &str, differs: &mut Vec<String>) {
    if a == b {
        return;
    }
    match (a.as_object(), b.as_object()) {
        (Some(a), Some(b)) => {
            let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for name in names {
                let dotted = format!("{at}.{name}");
                let of = |fields: &serde_json::Map<String, Value>| {
                    fields.get(name).cloned().unwrap_or(Value::Null)
                };
                compare(&of(a), &of(b), dotted.trim_start_matches('.'), differs);
            }
        }
        _ => differs.push(at.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep::{Part, SweepConfig};

    /// SHA-256 of the text, by `printf '{"a":[1,{"b":null}],"c":"x"}' | sha256sum`.
    #[test]
    fn golden_the_order_of_keys_does_not_count() {
        let value: Value = serde_json::from_str(r#"{"c":"x", "a":[1, {"b":null}]}"#).expect("JSON");
        let mut text = String::new();
        canonical(&value, &mut text);
        assert_eq!(text, r#"{"a":[1,{"b":null}],"c":"x"}"#);
        assert_eq!(digest_of(&value), sha256(text.as_bytes()));
        assert_eq!(
            sha256(b"abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn names_do_not_count_and_everything_else_does() {
        let text = "name = \"a\"\n[[cell]]\nflops = 1e9\nshapes = [[1, 16, 1]]\n";
        let run = SweepConfig::parse(text, "a.toml").expect("valid").runs().swap_remove(0);
        let of = |run: &RunSpec| settings_digest(run, "corpus", "trainer");
        let mut named =
            RunSpec { id: "other".into(), part: Part::Tune, budget: None, ..run.clone() };
        named.trunk = Some("t".into());
        assert_eq!(of(&named), of(&run));
        let mut rate = run.clone();
        rate.recipe.peak_lr *= 2.0;
        for other in [of(&rate), of(&RunSpec { seed: 1, ..run.clone() })] {
            assert_ne!(other, of(&run));
        }
        assert_ne!(settings_digest(&run, "another", "trainer"), of(&run));
        assert_ne!(settings_digest(&run, "corpus", "another"), of(&run));
        assert_eq!(stem("a", "0123456789"), "a.01234567");
    }
}
