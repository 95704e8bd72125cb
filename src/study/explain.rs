//! Where a model is against the optimum, and why it can be smaller than another.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

use super::law::{AskedLaw, USUAL_LAWS, ask_laws};
use super::own::model_of;
use crate::error::{CostError, Result, StudyError, Warning};
use crate::law::{Ensemble, Point, Surface};
use crate::num::Interval;
use crate::plan::{
    Continued, Decomposition, Explanation, OUT_OF_REACH, continue_training, decompose, explain,
};
use crate::units::{Params, Setting, Tokens};

/// The reference when none is given and the model's tokens are not published: the model that Mensch's
/// talk compares with.
const USUAL_REFERENCE: &str = "Gopher 280B";

/// Which model to explain.
///
/// | field | default | purpose |
/// |---|---|---|
/// | `law` | [`USUAL_LAWS`] | the laws, as [`ask_laws`] reads them |
/// | `model` | none | a released model |
/// | `params`, `tokens` | those of the model | N and D of a model without a name, or instead of those on record |
/// | `unique_tokens`, `experts`, `granularity`, `served_bits` | those of the law | the setting, where the law has such terms |
/// | `against` | Gopher where the tokens are not published | a larger model of about the same quality |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ExplainRequest {
    /// The laws.
    pub law: String,
    /// A released model.
    pub model: Option<String>,
    /// Parameters, instead of those on record.
    pub params: Option<Params>,
    /// Training tokens, instead of those on record.
    pub tokens: Option<Tokens>,
    /// Unique tokens: the others are repeats.
    pub unique_tokens: Option<Tokens>,
    /// Experts per layer.
    pub experts: Option<f64>,
    /// Granularity of the experts.
    pub granularity: Option<f64>,
    /// Bits per weight after training.
    pub served_bits: Option<f64>,
    /// A larger model of about the same quality, whose size is compared with this one.
    pub against: Option<String>,
    /// Tokens to train it on further.
    pub more_tokens: Option<Tokens>,
}

impl Default for ExplainRequest {
    fn default() -> Self {
        Self {
            law: USUAL_LAWS.to_owned(),
            model: None,
            params: None,
            tokens: None,
            unique_tokens: None,
            experts: None,
            granularity: None,
            served_bits: None,
            against: None,
            more_tokens: None,
        }
    }
}

/// A model under each law.
///
/// Serialised as the one explanation under one law; otherwise as `explanations`, with the laws under
/// which the model is past the wall in `past_the_wall`.
#[derive(Clone, Debug, PartialEq)]
pub struct ExplainReport {
    /// Its name, or `custom`.
    pub model: String,
    /// N.
    pub params: Params,
    /// D; absent where it is not published.
    pub tokens: Option<Tokens>,
    /// The row of the table of models; absent for a model without a name.
    pub record: Option<Record>,
    /// One per law, in the order asked.
    pub laws: Vec<Explained>,
    /// Warnings of the laws, and of extrapolation.
    pub warnings: Vec<Warning>,
}

/// Where a released model is on record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Whether N counts the parameters one token uses, fewer than all.
    pub active: bool,
    /// Paper or card.
    pub source: String,
    /// How it was read.
    pub checked: String,
}

/// A model under one law.
#[derive(Clone, Debug, PartialEq)]
pub enum Explained {
    /// The model against the optima.
    Placed(Box<Placed>),
    /// It cannot reach the loss of its reference, and its own tokens are not published.
    PastTheWall(Box<Decomposition>),
}

/// The place of a model under one law.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Placed {
    /// Its name.
    pub model: String,
    /// Whether the tokens are those that would reach the loss of the reference, because the model's own
    /// are not published.
    pub tokens_assumed: bool,
    /// The model against the optima.
    #[serde(flatten)]
    pub explanation: Explanation,
    /// Quantities in which the model lies outside the runs of the law, with the factor.
    pub outside: BTreeMap<String, f64>,
    /// Over the draws of a fit, by field name; empty for a published law.
    pub intervals: BTreeMap<String, Interval>,
    /// Level of the intervals.
    #[serde(skip)]
    pub level: f64,
    /// What further tokens do for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub continued: Option<Continued>,
    /// Its size against that of the reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub against: Option<Decomposition>,
}

impl Serialize for ExplainReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Several<'a> {
            explanations: Vec<&'a Placed>,
            past_the_wall: Vec<&'a Decomposition>,
        }
        let mut several = Several { explanations: Vec::new(), past_the_wall: Vec::new() };
        for law in &self.laws {
            match law {
                Explained::Placed(placed) => several.explanations.push(placed),
                Explained::PastTheWall(split) => several.past_the_wall.push(split),
            }
        }
        match (several.explanations.as_slice(), several.past_the_wall.is_empty()) {
            ([one], true) => one.serialize(serializer),
            _ => several.serialize(serializer),
        }
    }
}

/// A model with its N and D.
struct Subject {
    name: String,
    n: Params,
    d: Option<Tokens>,
    record: Option<Record>,
}

impl ExplainRequest {
    /// Explains the model under each law.
    ///
    /// # Errors
    /// [`StudyError::NothingToExplain`] without a model; [`CostError`] for an unknown model, a reference
    /// whose size or tokens are not published, and a setting out of range; those of [`ask_laws`].
    ///
    /// ```
    /// use isoloss::study::{Explained, ExplainRequest};
    ///
    /// let request = ExplainRequest {
    ///     law: "hoffmann-a3-devries".to_owned(),
    ///     model: Some("LLaMA 7B".to_owned()),
    ///     ..ExplainRequest::default()
    /// };
    /// let report = request.answer()?;
    /// let Explained::Placed(llama) = &report.laws[0] else { unreachable!() };
    /// assert!((llama.explanation.overhead - 0.12).abs() < 0.01); // de Vries 2023: 12 %
    /// # Ok::<(), isoloss::error::Error>(())
    /// ```
    pub fn answer(&self) -> Result<ExplainReport> {
        // Unknown models are reported before unknown laws.
        let subject = self.subject()?;
        let reference = self.reference(&subject)?;
        self.place(subject, reference, &ask_laws(&self.law)?)
    }

    /// As [`answer`](Self::answer), under laws at hand instead of those named.
    ///
    /// # Errors
    /// As [`answer`](Self::answer).
    pub fn answer_under(&self, laws: &[AskedLaw]) -> Result<ExplainReport> {
        let subject = self.subject()?;
        let reference = self.reference(&subject)?;
        self.place(subject, reference, laws)
    }

    fn place(
        &self,
        subject: Subject,
        reference: Option<Reference>,
        laws: &[AskedLaw],
    ) -> Result<ExplainReport> {
        let Subject { name, n, d, record } = subject;
        let (mut explained, mut warnings) = (Vec::new(), Vec::new());
        for law in laws {
            warnings.extend(law.warnings.iter().cloned());
            let ensemble = self.within(&law.ensemble)?;
            let surface = &ensemble.best;
            let against = match &reference {
                Some(r) => Some(decompose(surface, n, &r.name, r.n, r.d)?),
                None => None,
            };
            let needed = against.as_ref().and_then(|split| split.tokens_needed);
            let Some(at) = d.or(needed.filter(|tokens| *tokens <= OUT_OF_REACH)) else {
                // Past the wall, or near it, there is nothing to place; the decomposition says so.
                explained.extend(against.map(|split| Explained::PastTheWall(Box::new(split))));
                continue;
            };
            let outside = surface.support.distances(&Point::new(n, at));
            if let Some((quantity, factor)) = outside.iter().max_by(|a, b| a.1.total_cmp(b.1)) {
                let quantity = format!("{quantity} of {name} under {}", surface.label);
                warnings.push(Warning::Extrapolation { quantity, factor: *factor });
            }
            explained.push(Explained::Placed(Box::new(Placed {
                model: name.clone(),
                tokens_assumed: d.is_none(),
                explanation: explain(surface, n, at)?,
                outside,
                intervals: intervals(&ensemble, n, at),
                level: ensemble.level,
                continued: self
                    .more_tokens
                    .map(|more| continue_training(surface, n, at, more))
                    .transpose()?,
                against,
            })));
        }
        Ok(ExplainReport { model: name, params: n, tokens: d, record, laws: explained, warnings })
    }

    /// A law in the setting that is asked for.
    fn within(&self, law: &Ensemble) -> Result<Ensemble> {
        let one = |surface: &Surface| -> Result<Surface> {
            let own = surface.setting;
            let setting = Setting {
                unique: self.unique_tokens.or(own.unique),
                experts: self.experts.unwrap_or(own.experts),
                granularity: self.granularity.unwrap_or(own.granularity),
                served_bits: self.served_bits.or(own.served_bits),
                ..own
            };
            if let Some((field, found, expected)) = setting.fault() {
                return Err(CostError::Field { field, found, expected }.into());
            }
            Ok(surface.within(setting))
        };
        Ok(Ensemble {
            best: one(&law.best)?,
            draws: law.draws.iter().map(one).collect::<Result<_>>()?,
            level: law.level,
            beyond: law.beyond.clone(),
        })
    }

    fn subject(&self) -> Result<Subject> {
        let Some(name) = &self.model else {
            let missing = |missing| StudyError::NothingToExplain { missing };
            let n = self.params.ok_or_else(|| missing("the number of parameters"))?;
            let d = self.tokens.ok_or_else(|| missing("the number of training tokens"))?;
            return Ok(Subject { name: "custom".to_owned(), n, d: Some(d), record: None });
        };
        let model = model_of(name)?;
        Ok(Subject {
            name: model.name.clone(),
            n: self.params.map_or_else(|| model.size(), Ok)?,
            d: self.tokens.or(model.tokens),
            record: Some(Record {
                active: model.active_params.is_some(),
                source: model.source.clone(),
                checked: model.checked.clone(),
            }),
        })
    }

    /// The model to compare with.
    fn reference(&self, subject: &Subject) -> Result<Option<Reference>> {
        let name = match (&self.against, subject.d) {
            (Some(name), _) => name.as_str(),
            (None, None) => USUAL_REFERENCE,
            (None, Some(_)) => return Ok(None),
        };
        let model = model_of(name)?;
        let (n, d) = model.size_and_tokens()?;
        Ok(Some(Reference { name: model.name.clone(), n, d }))
    }
}

/// The larger model of a comparison.
struct Reference {
    name: String,
    n: Params,
    d: Tokens,
}

/// Intervals of the ratios over the draws of a fit; empty for a published law.
fn intervals(ensemble: &Ensemble, n: Params, d: Tokens) -> BTreeMap<String, Interval> {
    let draws = ensemble.map(|surface| explain(surface, n, d));
    type Of = fn(&Explanation) -> f64;
    let fields: [(&str, Of); 4] = [
        ("overtraining_ratio", |e| e.overtraining_ratio),
        ("overhead", |e| e.overhead),
        ("size_ratio", |e| e.size_ratio),
        ("tokens_over_optimal", |e| e.tokens_over_optimal),
    ];
    fields
        .into_iter()
        .filter_map(|(name, of)| Some((name.to_owned(), draws.interval(of)?)))
        .collect()
}
