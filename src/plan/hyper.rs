//! Learning rate, batch, weight decay and warm-up by published rules, and how far they disagree.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::law::{Point, Range, Support, Surface};
use crate::units::{ParamRule, Params, Setting, Tokens};

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
    /// Which parameters its N counts.
    #[serde(default = "active")]
    pub counts: ParamRule,
    /// How many runs are behind it; 0 for a habit, and where the authors do not say.
    pub runs: u32,
}

fn active() -> ParamRule {
    ParamRule::Active
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

    /// Factor by which the run lies outside the range of the recommended rule; 1 inside.
    #[must_use]
    pub fn nearest(&self) -> f64 {
        self.rules.first().map_or(1.0, |rule| rule.outside)
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
/// - `n`: active parameters; `non_embedding`: those without embeddings, which some rules count.
/// - `batch_tokens`: tokens of a step where they are given; weight decay and warm-up follow from the
///   recommended ones otherwise.
///
/// Rules published as an exponent without its constant (batch ∝ D^0.383 in Power Lines) give no number
/// and are left out. A warm-up is cut to a tenth of the run, a limit of this function and of no paper.
///
/// # Errors
/// Those of the shipped table of laws.
///
/// ```
/// use isoloss::plan::{Hyper, advise};
/// use isoloss::units::{Params, Tokens};
///
/// let (n, d) = (Params::new(7e9), Tokens::new(2e12));
/// let advice = advise(n, n, d, 1.0, None)?;
/// let rate = advice.iter().find(|a| a.quantity == Hyper::LearningRate).unwrap();
/// assert!(rate.low > 1e-5 && rate.high < 1e-2);
/// # Ok::<(), isoloss::error::Error>(())
/// ```
pub fn advise(
    n: Params,
    non_embedding: Params,
    d: Tokens,
    experts: f64,
    batch_tokens: Option<f64>,
) -> Result<Vec<Advice>> {
    let c = 6.0 * n.get() * d.get();
    let (lr, batch) = step_law(non_embedding, d);
    // `more` is the distance in what a `Support` does not hold.
    let rule = |about: &About, formula: &str, value: f64, more: f64| {
        let counted = if about.counts == ParamRule::NonEmbedding { non_embedding } else { n };
        let run = Point::new(counted, d).within(Setting { experts, ..Setting::PLAIN });
        Rule {
            name: about.name.to_owned(),
            formula: formula.to_owned(),
            value,
            source: about.source.to_owned(),
            checked: about.checked.to_owned(),
            range: about.range,
            outside: about.range.outside(&run).iter().fold(more, |far, (_, x)| far.max(*x)),
            counts: about.counts,
            runs: about.runs,
        }
    };
    let deepseek_lr = 0.3118 * c.powf(-0.125);
    let deepseek_batch = 0.2920 * c.powf(0.3271);
    let joint_lr = (8.39 - 0.81 * non_embedding.ln() - 0.25 * experts.ln()).exp();
    let kaplan = Surface::published("kaplan-nd")?;
    let critical = 2.1e8 / kaplan.loss(&Point::new(non_embedding, d)).powf(1.0 / 0.21);
    let used = |a: f64, b: f64| (a * b).sqrt();
    let rate = Advice::of(
        Hyper::LearningRate,
        vec![
            rule(&STEP_LAW, "1.797 N^-0.713 D^0.307", lr, 1.0),
            rule(&DEEPSEEK, "0.3118 C^-0.125", deepseek_lr, 1.0),
            rule(&JOINT_MOE, "exp(8.39 - 0.81 ln N - 0.25 ln E)", joint_lr, 1.0),
            rule(&MIXTURES, "4.2e-4 and 5e-4, their geometric mean", used(4.2e-4, 5e-4), 1.0),
        ],
    );
    let size = Advice::of(
        Hyper::BatchTokens,
        vec![
            rule(&STEP_LAW, "0.581 D^0.571", batch, 1.0),
            rule(&DEEPSEEK, "0.2920 C^0.3271", deepseek_batch, 1.0),
            rule(&KAPLAN, "2.1e8 / L^(1/0.21) tokens, L of Kaplan's law", critical, 1.0),
            rule(&MIXTURES, "18.9M and 4M, their geometric mean", used(18.9e6, 4e6), 1.0),
        ],
    );
    let step = batch_tokens.unwrap_or(size.recommended);
    let decay = step / (rate.recommended * power_lines_timescale(n, d) * d.get());
    // It takes the learning rate and the batch from other rules, and is as far out as they are.
    let inherited = rate.nearest().max(if batch_tokens.is_none() { size.nearest() } else { 1.0 });
    let decays = vec![
        rule(&POWER_LINES, "B / (lr tau D), tau = 1.084 (D/N)^-0.527", decay, inherited),
        rule(&HABIT, "0.1", 0.1, 1.0),
    ];
    let steps = d.get() / step;
    let short = |warm_up: f64| warm_up.min(0.1 * steps).max(1.0);
    let length = WARM_UP_STEPS.factor_outside(steps);
    let warm_ups = vec![
        rule(&WARM_UP, "2000 steps, at most a tenth of the run", short(2000.0), length),
        rule(
            &PORIAN,
            "as many tokens as parameters, at most a tenth of the run",
            short(n.get() / step),
            1.0,
        ),
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
    counts: ParamRule,
    runs: u32,
}

const ANY: Support = Support::UNKNOWN;
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
    counts: ParamRule::NonEmbedding,
    runs: 1911,
};
/// Bi et al. 2024: fitted up to 2e19 FLOPs, and used by its authors for 7B and 67B on 2T tokens (8e23).
const DEEPSEEK: About = About {
    name: "DeepSeek",
    source: "arXiv:2401.02954, sec. 3; its authors trained 7B and 67B on 2T tokens by it",
    checked: "secondary",
    range: Support {
        n: Some(Range { lo: 0.0, hi: 6.7e10 }),
        d: Some(Range { lo: 0.0, hi: 2e12 }),
        c: Some(Range { lo: 1e17, hi: 8.1e23 }),
        experts: DENSE,
        ..ANY
    },
    counts: ParamRule::Active,
    runs: 80,
};
/// Ludziejewski et al. 2025: the runs that used it. How many it was fitted on is not printed.
const JOINT_MOE: About = About {
    name: "joint MoE",
    source: "arXiv:2502.05172, eq. 8; ranges of the runs listed in its appendix E, top 1",
    checked: "primary",
    range: Support {
        n: Some(Range { lo: 2.7e7, hi: 2.5e9 }),
        d: Some(Range { lo: 5e8, hi: 8e10 }),
        experts: Some(Range { lo: 1.0, hi: 32.0 }),
        ..ANY
    },
    counts: ParamRule::NonEmbedding,
    runs: 0,
};
/// DeepSeek-V2-Lite (2.4B active, 5.7T tokens) and JetMoE-8B (2.2B active, 1.25T tokens).
const MIXTURES: About = About {
    name: "mixtures as trained",
    source: "model cards of DeepSeek-V2-Lite and JetMoE-8B; experts of the first recalled",
    checked: "primary",
    range: Support {
        n: Some(Range { lo: 2.2e9, hi: 2.4e9 }),
        d: Some(Range { lo: 1.25e12, hi: 5.7e12 }),
        experts: Some(Range { lo: 8.0, hi: 64.0 }),
        ..ANY
    },
    counts: ParamRule::Active,
    runs: 2,
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
    counts: ParamRule::NonEmbedding,
    runs: 0,
};
/// Bergsma et al. 2025: dense models under muP.
const POWER_LINES: About = About {
    name: "Power Lines",
    source: "arXiv:2505.13738; models of 111M to 3.3B",
    checked: "secondary",
    range: Support { n: Some(Range { lo: 1.11e8, hi: 3.3e9 }), experts: DENSE, ..ANY },
    counts: ParamRule::Active,
    runs: 1,
};
/// What GPT-3, the LLaMA and the DeepSeek models used.
const HABIT: About = About {
    name: "habit",
    source: "GPT-3 and LLaMA papers, 125M to 175B (recalled); DeepSeek LLM, DeepSeek-V2-Lite",
    checked: "secondary",
    range: Support { n: Some(Range { lo: 1.25e8, hi: 1.75e11 }), ..ANY },
    counts: ParamRule::Active,
    runs: 0,
};
/// What the LLaMA and the DeepSeek models used.
const WARM_UP: About = About {
    name: "habit",
    source: "LLaMA papers, 7B to 70B (recalled); DeepSeek LLM, DeepSeek-V2-Lite",
    checked: "secondary",
    range: Support { n: Some(Range { lo: 2.4e9, hi: 7e10 }), ..ANY },
    counts: ParamRule::Active,
    runs: 0,
};
/// Steps of those runs: DeepSeek 67B on 2T tokens in batches of 18.9M, Llama 2 on 2T in batches of 4M.
const WARM_UP_STEPS: Range = Range { lo: 1.06e5, hi: 5e5 };
/// Porian et al. 2024.
const PORIAN: About = About {
    name: "scaled",
    source: "arXiv:2406.19146, models of 5M to 900M",
    checked: "recalled",
    range: Support { n: Some(Range { lo: 5e6, hi: 9e8 }), experts: DENSE, ..ANY },
    counts: ParamRule::Active,
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
            let advice = advise(n, n, Tokens::new(2e12), 1.0, None).expect("shipped");
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
            for advice in advise(n, n, Tokens::new(d), experts, None).expect("shipped") {
                let within: Vec<&Rule> = advice.rules.iter().filter(|r| r.reaches()).collect();
                assert_eq!(advice.in_range, !within.is_empty());
                for rule in within {
                    assert!((advice.low..=advice.high).contains(&rule.value), "{advice:?}");
                }
                assert!((advice.low..=advice.high).contains(&advice.recommended), "{advice:?}");
                // Twenty to sixty times, when every rule was asked about everything.
                let most = if advice.quantity == Hyper::LearningRate { 6.0 } else { 20.0 };
                assert!(advice.high / advice.low < most, "{advice:?}");
                assert!(advice.rules.iter().all(|r| r.value.is_finite() && r.value > 0.0));
            }
        }
    }

    /// Ludziejewski et al. 2025 count active parameters without embeddings (their eq. 8). The card of
    /// DeepSeek-V2-Lite gives 4.2e-4 for 2.4B active parameters on 5.7T tokens.
    #[test]
    fn a_mixture_gets_the_rate_of_mixtures_of_its_size() {
        let of = |n: f64, bare: f64, d: f64, experts: f64| {
            let (n, bare) = (Params::new(n), Params::new(bare));
            advise(n, bare, Tokens::new(d), experts, None).expect("shipped")
        };
        let large = of(2.4e9, 2.2e9, 5.7e12, 64.0);
        assert!((large[0].recommended / 4.2e-4).ln().abs() < 0.2, "{:?}", large[0]);
        let small = of(3.21e8, 2.18e8, 1.6e10, 8.0);
        assert_eq!(small[0].by, "joint MoE");
        let rate = 8.39 - 0.81 * 2.18e8f64.ln() - 0.25 * 8f64.ln();
        assert!((small[0].recommended.ln() - rate).abs() < 1e-12);
        // A weight decay that follows from a rate out of range is as far out.
        let far = of(3e9, 2.9e9, 1e14, 16.0);
        assert!(!far[0].in_range && far[2].by == "habit", "{far:?}");
    }

    #[test]
    fn a_warm_up_is_shorter_than_its_run() {
        for (n, d, batch) in
            [(7e9, 1e9, 4e6), (7e9, 2e12, 4e6), (1e8, 2e9, 2.4e5), (4e11, 1e13, 6e7)]
        {
            let (n, d) = (Params::new(n), Tokens::new(d));
            let advice = advise(n, n, d, 1.0, Some(batch)).expect("shipped");
            for rule in &advice[3].rules {
                let most = 0.1 * d.get() / batch * (1.0 + 1e-12);
                assert!((1.0..=most).contains(&rule.value), "{rule:?}");
            }
        }
        let n = Params::new(7e9);
        let usual = advise(n, n, Tokens::new(2e12), 1.0, None).expect("shipped");
        assert_eq!((usual[3].recommended, usual[3].in_range), (2000.0, true));
    }
}
