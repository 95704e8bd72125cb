//! All claims and all systems together.

use serde::Serialize;

use super::claim::Claim;
use super::{compression, growth, quality, serving};
use crate::cost::{ReleasedModel, model};
use crate::error::Result;

/// Every quantitative claim of Mensch's talk "Chinchilla to Mistral 7B", and every system it names.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TalkReport {
    /// The claims, each with our numbers.
    pub claims: Vec<Claim>,
    /// The systems, in the order of time.
    pub systems: Vec<System>,
}

/// A system the talk names.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct System {
    /// What the talk calls it.
    pub said: &'static str,
    /// The model on record.
    pub model: ReleasedModel,
}

/// Checks the claims of the talk with the laws and facts on record.
///
/// # Errors
/// Those of the shipped tables.
///
/// ```
/// let report = isoloss::study::talk()?;
/// let kaplan = &report.claims[0].findings[0]; // N with ten times the compute
/// assert!((kaplan.value.unwrap() - 5.37).abs() < 0.01);
/// # Ok::<(), isoloss::error::Error>(())
/// ```
pub fn talk() -> Result<TalkReport> {
    Ok(TalkReport { claims: claims()?, systems: systems()? })
}

fn claims() -> Result<Vec<Claim>> {
    Ok(vec![
        growth::kaplan_growth()?,
        growth::equal_growth()?,
        growth::constant_ratio()?,
        growth::thirty_tokens()?,
        growth::saturation()?,
        growth::at_chance()?,
        quality::tokens_of_seven()?,
        quality::entropy()?,
        quality::gpt3_far_from_sixty()?,
        quality::seven_above_thirteen()?,
        quality::small_above_mixtral()?,
        quality::experts_train_well()?,
        compression::llama_past_optimum()?,
        compression::horizontal_tangent()?,
        compression::ten_times_smaller()?,
        compression::compression_costs()?,
        compression::useful_threshold()?,
        compression::factor_forty()?,
        serving::twelve_active()?,
        serving::five_times_faster()?,
        serving::experts_loaded()?,
        serving::laptop()?,
        serving::latency()?,
    ])
}

fn systems() -> Result<Vec<System>> {
    const NAMED: [(&str, &str); 18] = [
        ("GPT-2", "GPT-2 XL"),
        ("GPT-3 (\"Palmyra\" in the transcript)", "GPT-3 175B"),
        ("Gopher", "Gopher 280B"),
        ("Megatron-Turing", "MT-NLG 530B"),
        ("RETRO", "RETRO 7.5B"),
        ("Chinchilla", "Chinchilla 70B"),
        ("LLaMA", "LLaMA 7B"),
        ("LLaMA", "LLaMA 13B"),
        ("LLaMA", "LLaMA 33B"),
        ("LLaMA", "LLaMA 65B"),
        ("Llama 2", "Llama 2 7B"),
        ("Llama 2 (\"Lama 21B\")", "Llama 2 13B"),
        ("Llama 2 (\"Lama 27B\")", "Llama 2 70B"),
        ("Mistral 7B", "Mistral 7B"),
        ("Mixtral", "Mixtral 8x7B"),
        ("Grok", "Grok-1"),
        ("Mistral Small", "Mistral Small"),
        ("Mistral Large", "Mistral Large"),
    ];
    NAMED.iter().map(|(said, name)| Ok(System { said, model: model(name)?.clone() })).collect()
}
