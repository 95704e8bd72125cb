//! Released models, from `data/models.toml`.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::error::{LawError, PlanError, Result, nearest_name};
use crate::units::{Params, Tokens};

const TABLE: &str = "data/models.toml";
const TEXT: &str = include_str!("../../data/models.toml");

/// One released model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Name, as on the command line.
    pub name: String,
    /// Maker.
    pub org: String,
    /// Year of release.
    pub year: u16,
    /// All parameters.
    pub params: Params,
    /// Parameters used per token, where fewer.
    #[serde(default)]
    pub active_params: Option<Params>,
    /// Training tokens, where published.
    #[serde(default)]
    pub tokens: Option<Tokens>,
    /// Paper or card.
    pub source: String,
    /// How it was read: primary, secondary or recalled.
    pub checked: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    model: Vec<Model>,
}

static MODELS: LazyLock<Result<Table, LawError>> = LazyLock::new(|| {
    toml::from_str(TEXT)
        .map_err(|e| LawError::Table { table: TABLE, reason: e.message().to_owned() })
});

/// Every model on record.
///
/// # Errors
/// [`LawError::Table`] when the shipped table does not parse.
pub fn models() -> Result<&'static [Model], LawError> {
    MODELS.as_ref().map(|t| t.model.as_slice()).map_err(Clone::clone)
}

/// The model of this name; case, spaces and hyphens do not matter.
///
/// # Errors
/// [`PlanError::UnknownModel`] with the nearest name.
pub fn model(name: &str) -> Result<&'static Model> {
    let plain = |text: &str| -> String {
        text.to_lowercase().chars().filter(|c| c.is_alphanumeric() || *c == '.').collect()
    };
    let wanted = plain(name);
    let models = models()?;
    models.iter().find(|m| plain(&m.name) == wanted).ok_or_else(|| {
        let nearest = nearest_name(name, models.iter().map(|m| m.name.as_str()));
        PlanError::UnknownModel { name: name.to_owned(), nearest }.into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_found_however_they_are_written() {
        for name in ["LLaMA 7B", "llama-7b", "Llama7B"] {
            assert_eq!(model(name).expect("known").tokens, Some(Tokens::new(1e12)), "{name}");
        }
        assert!(model("llama 8b").expect_err("ambiguous").to_string().contains("isoloss models"));
    }
}
