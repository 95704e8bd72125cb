//! A trainer of the user's own, as a sweep file names it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::error::{SweepError, nearest_name};

/// What a command and a result may name in braces, with what takes its place.
pub const PLACEHOLDERS: [(&str, &str); 27] = [
    ("run", "name of the run"),
    ("folder", "folder of the run's own, which exists"),
    ("n_params", "N: all parameters"),
    ("n_params_active", "parameters that a token visits"),
    ("n_params_non_embedding", "parameters without embedding and output matrices"),
    ("tokens", "D: training tokens, whole steps"),
    ("steps", "optimiser steps"),
    ("flops", "6 N D"),
    ("seed", "seed of the run"),
    ("lr", "peak learning rate of the hidden matrices"),
    ("final_lr", "learning rate of the last step"),
    ("warmup_steps", "steps with a rising rate"),
    ("decay_steps", "steps with a falling rate"),
    ("schedule", "cosine, linear or wsd"),
    ("weight_decay", "decoupled weight decay"),
    ("beta1", "decay of AdamW's first moment"),
    ("beta2", "decay of AdamW's second moment"),
    ("clip_norm", "largest norm of a gradient"),
    ("batch_sequences", "sequences of a step"),
    ("batch_tokens", "tokens of a step"),
    ("context", "tokens of a sequence"),
    ("layers", "depth"),
    ("d_model", "width"),
    ("heads", "query heads"),
    ("kv_heads", "key/value heads"),
    ("ffn", "inner width of the feed-forward part"),
    ("vocab", "kinds of tokens"),
];

/// A program that trains one run at a time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalTrainer {
    /// The program and its arguments, with placeholders. Started in the folder of the sweep file.
    pub command: CommandLine,
    /// Where it leaves its result.
    #[serde(default = "usual_result")]
    pub result: String,
    /// Files that its losses depend on, such as its source: a change of their bytes makes other runs.
    #[serde(default)]
    pub files: Vec<PathBuf>,
}

fn usual_result() -> String {
    "{folder}/log.jsonl".to_owned()
}

/// A program and its arguments: text that is split as a shell splits it, or a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "text, or a list of a program and its arguments")]
pub enum CommandLine {
    /// Split at spaces outside quotes; no shell is started.
    Text(String),
    /// As it is.
    List(Vec<String>),
}

impl CommandLine {
    /// The program and its arguments; `None` where quotes do not match.
    #[must_use]
    pub fn words(&self) -> Option<Vec<String>> {
        match self {
            Self::Text(text) => shlex::split(text),
            Self::List(list) => Some(list.clone()),
        }
    }
}

impl ExternalTrainer {
    /// Checks every field.
    ///
    /// # Errors
    /// [`SweepError::Field`] for a command without a program or with quotes that do not match, and
    /// [`SweepError::Placeholder`] for a name in braces that is none.
    pub fn validate(&self) -> Result<(), SweepError> {
        let bad = |found: &str| {
            Err(SweepError::Field {
                field: "trainer.command",
                found: found.to_owned(),
                expected: "a program and its arguments, for example \"python train.py\"",
            })
        };
        let Some(words) = self.command.words() else { return bad("text with an open quote") };
        if words.first().is_none_or(String::is_empty) {
            return bad("empty");
        }
        for word in &words {
            fill("trainer.command", word, &|_| Some(String::new()))?;
        }
        fill("trainer.result", &self.result, &|_| Some(String::new())).map(drop)
    }
}

/// Text with its placeholders replaced; `{{` and `}}` stand for braces.
///
/// # Errors
/// [`SweepError::Placeholder`] for an unknown name, and for a brace that is alone.
pub(super) fn fill(
    field: &'static str,
    text: &str,
    value: &dyn Fn(&str) -> Option<String>,
) -> Result<String, SweepError> {
    let unknown = |name: &str| {
        let known = || PLACEHOLDERS.iter().map(|(name, _)| *name);
        SweepError::Placeholder {
            field,
            name: name.to_owned(),
            nearest: nearest_name(name, known()),
            known: known().collect::<Vec<_>>().join(", "),
        }
    };
    let mut filled = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        filled.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            filled.push_str(brace);
            rest = after;
            continue;
        }
        let name = rest.split(['{', '}']).next().unwrap_or("");
        let closed = brace == "{" && rest[name.len()..].starts_with('}');
        let is_known = PLACEHOLDERS.iter().any(|(known, _)| *known == name);
        match value(name).filter(|_| closed && is_known) {
            Some(value) => filled.push_str(&value),
            None => return Err(unknown(name)),
        }
        rest = &rest[name.len() + 1..];
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trainer(command: &str) -> Result<(), SweepError> {
        let command = CommandLine::Text(command.to_owned());
        ExternalTrainer { command, result: usual_result(), files: Vec::new() }.validate()
    }

    #[test]
    fn placeholders_are_filled_and_doubled_braces_are_braces() {
        let value = |name: &str| Some(format!("<{name}>"));
        let fill = |text: &str| fill("trainer.command", text, &value);
        assert_eq!(fill("--lr={lr}{seed}").as_deref(), Ok("--lr=<lr><seed>"));
        assert_eq!(fill("{{\"a\": {lr}}}").as_deref(), Ok("{\"a\": <lr>}"));
        assert_eq!(fill("plain").as_deref(), Ok("plain"));
        for bad in ["{", "}", "{lr", "{lr {seed}", "a}b"] {
            assert!(fill(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn mistakes_name_the_field_and_what_was_probably_meant() {
        let said = |command: &str| trainer(command).expect_err(command).to_string();
        assert!(said("train --n {n_param}").contains("`n_params`"));
        assert!(said("train --n {nonsense}").contains("d_model"));
        assert!(said("train 'a b").contains("open quote"));
        assert!(said("").contains("trainer.command"));
        assert_eq!(trainer("python 'my train.py' --out {folder}"), Ok(()));
    }
}
