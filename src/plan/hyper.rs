//! Learning rate, batch, weight decay and warm-up by published rules, and how far they disagree.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::law::{Point, Range, Support, Surface};
use crate::units::{Params, Setting, Tokens};

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
    /// The runs it was fitted on, or used for by its authors.
    pub range: Support,
    /// Factor by which the run lies outside them in the quantity farthest out; 1 inside.
    pub outside: f64,
    /// How many runs are behind it; 0 for a habit.
    pub runs: u32,
}

/// Factor outside its range up to which a rule still counts as in range.
const NEARLY: f64 = 1.25;

impl Rule {
    /// Whether the run lies in its range, or within a quarter of it.
    #[must_use]
    pub fn reaches(&self) -> bool {
        self.outside <= NEARLY
    }
}

/// The rules on one quantity.
///
/// The band holds the rules in whose range the run lies; where there is none, the one it lies nearest to.
/// Recommended is the rule in range with the most runs behind it, else the nearest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    /// The quantity.
    pub quantity: Hyper,
    /// Smallest value of a rule in range.
    pub low: f64,
    /// The value to use.
    pub recommended: f64,
    /// The rule it is from.
    pub by: String,
    /// Largest value of a rule in range.
    pub high: f64,
    /// Whether the run lies in the range of any rule.
    pub in_range: bool,
    /// The rules, those in range first.
    pub rules: Vec<Rule>,
}

impl Advice {
    fn of(quantity: Hyper, mut rules: Vec<Rule>) -> Self {
        let farness = |r: &Rule| if r.reaches() { 1.0 } else { r.outside };
        rules.sort_by(|a, b| farness(a).total_cmp(&farness(b)).then(b.runs.cmp(&a.runs)));
        let within = rules.iter().filter(|r| r.reaches()).count();
        let band = &rules[..within.max(1)];
        let (low, high) = band
            .iter()
            .fold((f64::INFINITY, 0.0_f64), |(lo, hi), r| (lo.min(r.value), hi.max(r.value)));
        let (recommended, by) = (band[0].value, band[0].name.clone());
        Self { quantity, low, recommended, by, high, in_range: within > 0, rules }
    }
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
    let run = Point::new(n, d).within(Setting { experts, ..Setting::PLAIN });
    let rule = |about: &About, formula: &str, value: f64| Rule {
        name: about.name.to_owned(),
        formula: formula.to_owned(),
        value,
        source: about.source.to_owned(),
        checked: about.checked.to_owned(),
        range: about.range,
        outside: about.range.outside(&run).iter().map(|(_, factor)| *factor).fold(1.0, f64::max),
        runs: about.runs,
    };
    let deepseek_lr = 0.3118 * c.powf(-0.125);
    let deepseek_batch = 0.2920 * c.powf(0.3271);
    let joint_lr = (8.39 - 0.81 * n.ln() - 0.25 * experts.ln()).exp();
    let kaplan = Surface::published("kaplan-nd")?;
    let critical = 2.1e8 / kaplan.loss(&Point::new(non_embedding, d)).powf(1.0 / 0.21);
    let rate = Advice::of(
        Hyper::LearningRate,
        vec![
            rule(&STEP_LAW, "1.797 N^-0.713 D^0.307", lr),
            rule(&DEEPSEEK, "0.3118 C^-0.125", deepseek_lr),
            rule(&JOINT_MOE, "exp(8.39 - 0.81 ln N - 0.25 ln E)", joint_lr),
        ],
    );
    let size = Advice::of(
        Hyper::BatchTokens,
        vec![
            rule(&STEP_LAW, "0.581 D^0.571", batch),
            rule(&DEEPSEEK, "0.2920 C^0.3271", deepseek_batch),
            rule(&KAPLAN, "2.1e8 / L^(1/0.21) tokens, L of Kaplan's law", critical),
        ],
    );
    let timescale = power_lines_timescale(n, d);
    let decay = size.recommended / (rate.recommended * timescale * d.get());
    let decays = vec![
        rule(&POWER_LINES, "B / (lr tau D), tau = 1.084 (D/N)^-0.527", decay),
        rule(&HABIT, "0.1", 0.1),
    ];
    let scaled = (n.get() / size.recommended).max(1.0);
    let warm_ups = vec![
        rule(&HABIT, "2000 steps", 2000.0),
        rule(&PORIAN, "as many tokens as parameters", scaled),
    ];
    Ok(vec![
        rate,
        size,
        Advice::of(Hyper::WeightDecay, decays),
        Advice::of(Hyper::WarmUpSteps, warm_ups),
    ])
}

/// What a rule is known for.
struct About {
    name: &'static str,
    source: &'static str,
    checked: &'static str,
    range: Support,
    runs: u32,
}

const ANY: Support = Support { n: None, d: None, c: None, tokens_per_param: None, experts: None };
const DENSE: Option<Range> = Some(Range { lo: 1.0, hi: 1.0 });

/// Li et al. 2025: the released dense runs.
const STEP_LAW: About = About {
    name: "Step Law",
    source: "arXiv:2503.04715, eq. 1; ranges of its released runs",
    checked: "primary",
    range: Support {
        n: Some(Range { lo: 2.1e8, hi: 1.1e9 }),
        d: Some(Range { lo: 4e9, hi: 1e11 }),
        experts: DENSE,
        ..ANY
    },
    runs: 1911,
};
/// Bi et al. 2024: fitted up to 2e19 FLOPs, and used by its authors for 7B and 67B on 2T tokens (8e23).
const DEEPSEEK: About = About {
    name: "DeepSeek",
    source: "arXiv:2401.02954, sec. 3; its authors trained 7B and 67B on 2T tokens by it",
    checked: "secondary",
    range: Support { c: Some(Range { lo: 1e17, hi: 8.2e23 }), experts: DENSE, ..ANY },
    runs: 80,
};
/// Ludziejewski et al. 2025.
const JOINT_MOE: About = About {
    name: "joint MoE",
    source: "arXiv:2502.05172, eq. 8",
    checked: "primary",
    range: Support {
        n: Some(Range { lo: 0.0, hi: 2.7e9 }),
        experts: Some(Range { lo: 1.0, hi: 32.0 }),
        ..ANY
    },
    runs: 280,
};
/// Kaplan et al. 2020: the batch beyond which more sequences save few steps, not the best one.
const KAPLAN: About = About {
    name: "Kaplan critical",
    source: "arXiv:2001.08361",
    checked: "secondary",
    range: Support {
        n: Some(Range { lo: 7.68e2, hi: 1.5e9 }),
        d: Some(Range { lo: 2.2e7, hi: 2.3e10 }),
        experts: DENSE,
        ..ANY
    },
    runs: 0,
};
/// Bergsma et al. 2025.
const POWER_LINES: About = About {
    name: "Power Lines",
    source: "arXiv:2505.13738; range recalled",
    checked: "secondary",
    range: Support { n: Some(Range { lo: 1.1e8, hi: 3.3e9 }), ..ANY },
    runs: 1,
};
/// What GPT-3 and the LLaMA models used.
const HABIT: About = About {
    name: "habit",
    source: "GPT-3 and LLaMA papers, 125M to 175B",
    checked: "recalled",
    range: Support { n: Some(Range { lo: 1.25e8, hi: 1.75e11 }), ..ANY },
    runs: 0,
};
/// Porian et al. 2024.
const PORIAN: About = About {
    name: "scaled",
    source: "arXiv:2406.19146, models of 5M to 900M",
    checked: "recalled",
    range: Support { n: Some(Range { lo: 5e6, hi: 9e8 }), ..ANY },
    runs: 1,
};

#[cfg(test)]
mod tests {
    use super::*;

    /// Bi et al. 2024 trained 7B and 67B on 2T tokens with peaks of 4.2e-4 and 3.2e-4 and batches of 9.4M
    /// and 18.9M tokens.
    #[test]
    fn deepseek_s_rule_gives_what_its_authors_used() {
        for (n, lr, batch) in [(6.9e9, 4.2e-4, 9.4e6), (67e9, 3.2e-4, 18.9e6)] {
            let n = Params::new(n);
            let advice = advise(n, n, Tokens::new(2e12), 1.0).expect("shipped");
            let [rate, size, ..] = &advice[..] else { panic!("four quantities") };
            assert_eq!((rate.by.as_str(), size.by.as_str()), ("DeepSeek", "DeepSeek"));
            assert!((rate.recommended / lr - 1.0).abs() < 0.05, "{rate:?}");
            assert!((size.recommended / batch - 1.0).abs() < 0.1, "{size:?}");
        }
    }

    #[test]
    fn the_band_holds_the_rules_in_range_and_no_others() {
        for (n, d, experts) in [
            (5e8, 1e10, 1.0),
            (7e9, 1.4e12, 1.0),
            (7e10, 2e12, 1.0),
            (4e11, 4e13, 1.0),
            (2e9, 1e12, 16.0),
        ] {
            let n = Params::new(n);
            for advice in advise(n, n, Tokens::new(d), experts).expect("shipped") {
                let within: Vec<&Rule> = advice.rules.iter().filter(|r| r.reaches()).collect();
                assert_eq!(advice.in_range, !within.is_empty());
                for rule in within {
                    assert!((advice.low..=advice.high).contains(&rule.value), "{advice:?}");
                }
                assert!((advice.low..=advice.high).contains(&advice.recommended), "{advice:?}");
                // Twenty to sixty times, when every rule was asked about everything.
                assert!(advice.high / advice.low < 20.0, "{advice:?}");
                assert!(advice.rules.iter().all(|r| r.value.is_finite() && r.value > 0.0));
            }
        }
    }
}
