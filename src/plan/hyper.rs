//! Learning rate, batch, weight decay and warm-up by published rules, and how far they disagree.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::law::{Point, Surface};
use crate::units::{Params, Tokens};

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hyper {
    /// Peak learning rate of AdamW.
    LearningRate,
    /// Tokens of one optimiser step.
    BatchTokens,
    /// Decoupled weight decay.
    WeightDecay,
    /// Steps of linear warm-up.
    WarmUpSteps,
}

impl std::fmt::Display for Hyper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::LearningRate => "learning rate",
            Self::BatchTokens => "batch, tokens",
            Self::WeightDecay => "weight decay",
            Self::WarmUpSteps => "warm-up, steps",
        })
    }
}

/// One published rule, evaluated for a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// The formula.
    pub formula: String,
    /// What it gives.
    pub value: f64,
    /// Where it is from.
    pub source: String,
    /// How it was read: primary, secondary or recalled.
    pub checked: String,
}

/// The rules on one quantity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    /// The quantity.
    pub quantity: Hyper,
    /// Smallest value of any rule.
    pub low: f64,
    /// Geometric mean of the rules.
    pub middle: f64,
    /// Largest.
    pub high: f64,
    /// The rules.
    pub rules: Vec<Rule>,
}

/// Peak learning rate and batch in tokens by Step Law: 1.797 N^-0.713 D^0.307 and 0.581 D^0.571.
///
/// Source: Li et al. 2025, arXiv:2503.04715, eq. 1; N without embeddings.
#[must_use]
pub fn step_law(n: Params, d: Tokens) -> (f64, f64) {
    let lr = 1.797 * n.get().powf(-0.713) * d.get().powf(0.307);
    (lr, 0.581 * d.get().powf(0.571))
}

/// Optimal AdamW time scale B / (lr · decay · D), as a share of the run: 1.084 (D/N)^-0.527.
///
/// Source: Bergsma et al. 2025, arXiv:2505.13738 (Power Lines).
#[must_use]
pub fn power_lines_timescale(n: Params, d: Tokens) -> f64 {
    1.084 * (d / n).powf(-0.527)
}

/// Every rule on record for a run of `n` parameters on `d` tokens with `experts` experts per layer.
///
/// - `n`: active parameters; `non_embedding`: those without embeddings, which Step Law counts.
///
/// Rules published as an exponent without its constant (batch ∝ D^0.383 in Power Lines) give no number
/// and are left out.
///
/// # Errors
/// Those of the shipped table of laws.
///
/// ```
/// use isoloss::plan::{Hyper, advise};
/// use isoloss::units::{Params, Tokens};
///
/// let (n, d) = (Params::new(7e9), Tokens::new(2e12));
/// let advice = advise(n, n, d, 1.0)?;
/// let rate = advice.iter().find(|a| a.quantity == Hyper::LearningRate).unwrap();
/// assert!(rate.low > 1e-5 && rate.high < 1e-2);
/// # Ok::<(), isoloss::error::Error>(())
/// ```
pub fn advise(n: Params, non_embedding: Params, d: Tokens, experts: f64) -> Result<Vec<Advice>> {
    let c = 6.0 * n.get() * d.get();
    let (lr, batch) = step_law(non_embedding, d);
    let rule = |name: &str, formula: &str, value: f64, source: &str, checked: &str| Rule {
        name: name.to_owned(),
        formula: formula.to_owned(),
        value,
        source: source.to_owned(),
        checked: checked.to_owned(),
    };
    let deepseek_lr = 0.3118 * c.powf(-0.125);
    let deepseek_batch = 0.2920 * c.powf(0.3271);
    let joint_lr = (8.39 - 0.81 * n.ln() - 0.25 * experts.ln()).exp();
    let kaplan = Surface::published("kaplan-nd")?;
    let critical = 2.1e8 / kaplan.loss(&Point::new(non_embedding, d)).powf(1.0 / 0.21);
    let step = "arXiv:2503.04715, eq. 1";
    let deepseek = "arXiv:2401.02954, sec. 3";
    let mut rates = vec![
        rule("Step Law", "1.797 N^-0.713 D^0.307", lr, step, "primary"),
        rule("DeepSeek", "0.3118 C^-0.125", deepseek_lr, deepseek, "secondary"),
    ];
    let joint_formula = "exp(8.39 - 0.81 ln N - 0.25 ln E)";
    let joint = "arXiv:2502.05172, App.";
    rates.push(rule("joint MoE", joint_formula, joint_lr, joint, "primary"));
    let critical_formula = "2.1e8 / L^(1/0.21) tokens, L of Kaplan's law";
    let batches = vec![
        rule("Step Law", "0.581 D^0.571", batch, step, "primary"),
        rule("DeepSeek", "0.2920 C^0.3271", deepseek_batch, deepseek, "secondary"),
        rule("Kaplan critical", critical_formula, critical, "arXiv:2001.08361", "secondary"),
    ];
    let decay = |lr: f64, batch: f64| batch / (lr * power_lines_timescale(n, d) * d.get());
    let power_lines = "arXiv:2505.13738";
    let formula =
        |of: &str| format!("B / (lr · tau · D), tau = 1.084 (D/N)^-0.527, lr and B of {of}");
    let decays = vec![
        rule("Power Lines", &formula("Step Law"), decay(lr, batch), power_lines, "secondary"),
        rule(
            "Power Lines",
            &formula("DeepSeek"),
            decay(deepseek_lr, deepseek_batch),
            power_lines,
            "secondary",
        ),
        rule("habit", "0.1", 0.1, "GPT-3 and LLaMA papers", "recalled"),
    ];
    let warm_ups = vec![
        rule("habit", "2000 steps", 2000.0, "LLaMA and DeepSeek LLM papers", "recalled"),
        rule(
            "scaled",
            "as many tokens as parameters",
            (n.get() / batch).max(1.0),
            "Porian et al. 2024, arXiv:2406.19146",
            "recalled",
        ),
    ];
    let advice = |quantity, rules: Vec<Rule>| {
        let logs = rules.iter().map(|r| r.value.ln());
        let middle = (logs.clone().sum::<f64>() / rules.len() as f64).exp();
        let (low, high) =
            logs.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), x| (lo.min(x), hi.max(x)));
        Advice { quantity, low: low.exp(), middle, high: high.exp(), rules }
    };
    Ok(vec![
        advice(Hyper::LearningRate, rates),
        advice(Hyper::BatchTokens, batches),
        advice(Hyper::WeightDecay, decays),
        advice(Hyper::WarmUpSteps, warm_ups),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_contain_every_rule() {
        let (n, d) = (Params::new(7e9), Tokens::new(1.4e12));
        for advice in advise(n, n, d, 1.0).expect("shipped") {
            assert!(advice.low <= advice.middle && advice.middle <= advice.high, "{advice:?}");
            assert!(advice.rules.iter().all(|r| r.value.is_finite() && r.value > 0.0));
            assert!(advice.rules.iter().all(|r| r.value >= advice.low * (1.0 - 1e-12)));
        }
    }
}
