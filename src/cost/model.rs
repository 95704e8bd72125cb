//! Released models, from `data/models.toml`.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::own_file::Own;
use crate::error::{CostError, nearest_name};
use crate::flops::Shape;
use crate::units::{Params, Tokens};

const TABLE: &str = "data/models.toml";
const TEXT: &str = include_str!("../../data/models.toml");

/// One released model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleasedModel {
    /// Name by which [`model()`] finds it.
    pub name: String,
    /// Maker.
    pub org: String,
    /// Year of release.
    pub year: u16,
    /// All parameters as stated, where published.
    #[serde(default)]
    pub params: Option<Params>,
    /// Parameters used per token, where fewer.
    #[serde(default)]
    pub active_params: Option<Params>,
    /// Training tokens, where published.
    #[serde(default)]
    pub tokens: Option<Tokens>,
    /// Longest context, tokens.
    #[serde(default)]
    pub context: Option<u32>,
    /// Device-hours its training was billed for.
    #[serde(default)]
    pub train_device_hours: Option<f64>,
    /// What it was trained on.
    #[serde(default)]
    pub train_device: Option<String>,
    /// Dimensions, where published.
    #[serde(default)]
    pub shape: Option<Shape>,
    /// 5-shot MMLU, one row per report.
    #[serde(default)]
    pub mmlu: Vec<Score>,
    /// Paper or card.
    pub source: String,
    /// How size and tokens were read: primary, secondary or recalled.
    pub checked: String,
    /// What to know about it.
    #[serde(default)]
    pub note: Option<String>,
}

/// A benchmark score as reported.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// Percent correct.
    pub percent: f64,
    /// How it was read.
    pub checked: String,
    /// Who reported it.
    pub source: String,
}

static OWN_MODELS: Own<ReleasedModel> = Own::new();

/// Adds a model of one's own, which [`model()`] then finds by `path`: a Hugging Face `config.json`, see
/// [`Shape::from_config`].
///
/// # Errors
/// [`CostError::OwnFile`] for text that holds no model of a known family.
pub fn add_model(path: &str, text: &str) -> Result<(), CostError> {
    let read = || {
        let config = serde_json::from_str(text).map_err(|e| e.to_string())?;
        let shape = Shape::from_config(&config).map_err(|e| e.to_string())?;
        Ok(ReleasedModel::of_shape(path, shape))
    };
    OWN_MODELS.add(path, read())
}

impl ReleasedModel {
    /// A model of one's own, of which only the shape is known.
    fn of_shape(path: &str, shape: Shape) -> Self {
        let params = shape.params();
        Self {
            name: path.to_owned(),
            org: String::new(),
            year: 0,
            params: Some(params.all),
            active_params: (params.active < params.all).then_some(params.active),
            tokens: None,
            context: None,
            train_device_hours: None,
            train_device: None,
            shape: Some(shape),
            mmlu: Vec::new(),
            source: "its configuration".to_owned(),
            checked: "counted".to_owned(),
            note: None,
        }
    }

    /// The N a law of dense models takes: the parameters one token uses.
    #[must_use]
    pub fn n(&self) -> Option<Params> {
        self.active_params.or(self.params)
    }

    /// [`n`](Self::n), where it is published.
    ///
    /// # Errors
    /// [`CostError::SizeUnknown`] where it is not.
    pub fn size(&self) -> Result<Params, CostError> {
        self.n().ok_or_else(|| CostError::SizeUnknown { name: self.name.clone() })
    }

    /// N and training tokens, where both are published.
    ///
    /// # Errors
    /// [`CostError::SizeUnknown`] or [`CostError::TokensUnknown`] where one is not.
    pub fn size_and_tokens(&self) -> Result<(Params, Tokens), CostError> {
        let unknown = || CostError::TokensUnknown { name: self.name.clone() };
        Ok((self.size()?, self.tokens.ok_or_else(unknown)?))
    }

    /// Its dimensions, where they are published.
    ///
    /// # Errors
    /// [`CostError::ShapeUnknown`] where they are not.
    pub fn known_shape(&self) -> Result<Shape, CostError> {
        self.shape.ok_or_else(|| CostError::ShapeUnknown { name: self.name.clone() })
    }

    /// The MMLU score to quote: the most carefully read, the first of equals.
    #[must_use]
    pub fn mmlu_percent(&self) -> Option<&Score> {
        let rank = |s: &&Score| match s.checked.as_str() {
            "primary" => 0,
            "secondary" => 1,
            _ => 2,
        };
        self.mmlu.iter().min_by_key(rank)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    model: Vec<ReleasedModel>,
}

static MODELS: LazyLock<Result<Table, CostError>> = LazyLock::new(|| {
    toml::from_str(TEXT)
        .map_err(|e| CostError::Table { table: TABLE, reason: e.message().to_owned() })
});

/// Every model on record.
///
/// # Errors
/// [`CostError::Table`] when the shipped table does not parse.
pub fn models() -> Result<&'static [ReleasedModel], CostError> {
    MODELS.as_ref().map(|t| t.model.as_slice()).map_err(Clone::clone)
}

/// The model of this name. Case, spaces and hyphens do not matter; the start of a name is enough where
/// only one model has it (`Gopher`).
///
/// Models of one's own are found by the path they were added by, see [`add_model`].
///
/// # Errors
/// [`CostError::UnknownModel`] with the nearest name.
///
/// ```
/// use isoloss::cost::model;
///
/// assert_eq!(model("gopher")?.name, "Gopher 280B");
/// assert!(model("gofer").is_err());
/// # Ok::<(), isoloss::error::Error>(())
/// ```
pub fn model(name: &str) -> Result<&'static ReleasedModel, CostError> {
    if let Some(own) = OWN_MODELS.get(name) {
        return Ok(own);
    }
    let plain = |text: &str| -> String {
        text.to_lowercase().chars().filter(|c| c.is_alphanumeric() || *c == '.').collect()
    };
    let asked = plain(name);
    let models = models()?;
    if let Some(exact) = models.iter().find(|m| plain(&m.name) == asked) {
        return Ok(exact);
    }
    let starts: Vec<&ReleasedModel> =
        models.iter().filter(|m| !asked.is_empty() && plain(&m.name).starts_with(&asked)).collect();
    if let [one] = starts.as_slice() {
        return Ok(one);
    }
    let nearest = nearest_name(name, models.iter().map(|m| m.name.as_str()));
    Err(CostError::UnknownModel { name: name.to_owned(), nearest })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_found_however_they_are_written() {
        for name in ["LLaMA 7B", "llama-7b", "Llama7B"] {
            assert_eq!(model(name).expect("known").tokens, Some(Tokens::new(1e12)), "{name}");
        }
        assert_eq!(model("gopher").map(|m| m.name.as_str()).ok(), Some("Gopher 280B"));
        assert!(model("llama 8b").expect_err("ambiguous").to_string().contains("on record"));
    }

    /// A stated count has only so many digits: half a unit of its last one is no disagreement.
    #[test]
    fn golden_shapes_give_the_stated_counts_within_half_a_percent() {
        // Stated as 1.1B and 314B; the shapes give 1.125B and 315.7B.
        let loose = [("SantaCoder 1.1B", 0.023), ("Grok-1", 0.0055)];
        let mut shapes = 0;
        for model in models().expect("shipped") {
            let (Some(shape), Some(stated)) = (model.shape, model.params) else { continue };
            shape.validate().expect("can be built");
            let off = shape.params().all.get() / stated.get() - 1.0;
            let bound = loose.iter().find(|(n, _)| *n == model.name).map_or(0.005, |(_, b)| *b);
            assert!(off.abs() < bound, "{}: {off:+.4}", model.name);
            if let Some(active) = model.active_params {
                // Stated as 12.9B, 37B and 86B: Grok's shape visits 83.8B.
                // Some makers leave one of the embedding matrices out of the active parameters.
                let left_out =
                    model.note.as_ref().is_some_and(|n| n.contains("leave one embedding"));
                let embedding = f64::from(shape.vocab) * f64::from(shape.d_model);
                let counted = shape.params().active.get() - if left_out { embedding } else { 0.0 };
                let off = counted / active.get() - 1.0;
                assert!(off.abs() < 0.027, "{}: active {off:+.4}", model.name);
            }
            shapes += 1;
        }
        assert_eq!(shapes, 29);
    }

    /// Counts of released weight files, which say more digits than a name.
    #[test]
    fn golden_shapes_give_the_exact_counts_of_released_weights() {
        for (name, exact) in [
            ("LLaMA 7B", 6_738_415_616.0),
            ("Llama 2 13B", 13_015_864_320.0),
            ("Llama 2 70B", 68_976_648_192.0),
            ("Mistral 7B", 7_241_732_096.0),
            ("Mixtral 8x7B", 46_702_792_704.0),
            ("Llama 3 8B", 8_030_261_248.0),
            ("Llama 3 70B", 70_553_706_496.0),
            ("GPT-2 XL", 1_557_611_200.0),
        ] {
            let shape = model(name).expect("known").shape.expect("a shape");
            assert_eq!(shape.params().all.get(), exact, "{name}");
        }
    }
}
