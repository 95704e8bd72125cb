//! The card: what to train, what it costs, how far to believe it, what would change it, what to do next.

use std::collections::BTreeMap;

use serde::Serialize;

use super::block::Fact;
use super::sentence::sentence;
use crate::error::Warning;
use crate::fit::{Backtest, Decision, Fit, HeldOut, Reach};
use crate::num::Interval;
use crate::plan::{Recipe, Recommendation, Regret, Scenario};
use crate::report::advice::{caveats, change, price, quality, seen};
use crate::report::number::{factor, interval_header, number};
use crate::report::recipe::run_sentence;
use crate::report::unseen::inside;
use crate::report::verdict::{belief, tested};
use crate::units::short_count;

/// How far the answer may be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tone {
    /// Also beyond the runs.
    Good,
    /// With care.
    Care,
    /// Not before something is settled.
    Bad,
}

/// A number of the answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measure {
    /// The value, in SI base units.
    pub value: f64,
    /// Its interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
}

/// A further plan of the page in one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Other {
    /// Anchor of its section.
    pub id: String,
    /// Its heading.
    pub title: String,
    /// What to train.
    pub says: String,
}

/// The answer of a page.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Card {
    /// What was asked.
    pub asked: String,
    /// What to train, in one sentence.
    pub headline: String,
    /// How far it may be believed.
    pub tone: Tone,
    /// What it costs, how far to believe it, what would change it, what to do next.
    pub facts: Vec<Fact>,
    /// The numbers of the answer by name, in full precision.
    pub numbers: BTreeMap<&'static str, Measure>,
    /// Further plans.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<Other>,
}

/// What a card is made from.
#[derive(Clone, Copy, Debug)]
pub struct CardOf<'a> {
    /// Heading of the plan.
    pub asked: &'a str,
    /// The fit of the study.
    pub fit: &'a Fit,
    /// Its warnings.
    pub warnings: &'a [Warning],
    /// Held-out runs.
    pub held_out: Option<&'a HeldOut>,
    /// The test on the largest budget.
    pub backtest: Option<&'a Backtest>,
    /// What to do next, a sentence each.
    pub next: &'a [String],
}

/// Level of the intervals of a plan.
const PLAN_LEVEL: f64 = 0.95;

impl CardOf<'_> {
    /// The answer of a plan.
    ///
    /// - `own`: whether the law is the fit of the study.
    /// - `rivals`: the plans of further laws.
    #[must_use]
    pub fn plan(
        &self,
        best: &Recommendation,
        rivals: &[&Recommendation],
        regret: Option<&Regret>,
        scenario: &Scenario,
        recipe: Option<&Recipe>,
    ) -> Card {
        let own = best.law == self.fit.surface.label;
        let mut train = vec![sentence(&quality(best)), sentence(&seen(best))];
        train.extend(recipe.map(|recipe| sentence(&run_sentence(recipe))));
        train.extend(caveats(best, scenario).iter().map(|says| sentence(says)));
        let mut believe =
            vec![ends(best.intervals.get("params"), best.intervals.get("tokens"), PLAN_LEVEL)];
        believe.push(beyond(&best.outside));
        if own {
            believe.extend(self.trust());
        } else {
            believe.push(format!(
                "{} is a published law, not a fit of these runs: its own uncertainty is in no interval.",
                sentence(&best.law).trim_end_matches('.')
            ));
        }
        let facts = [
            ("Train this", train),
            ("It costs", vec![sentence(&price(best, scenario))]),
            ("Believe it this far", believe),
            ("What would change it", vec![sentence(&change(best, rivals, regret, scenario))]),
            ("Next step", self.next.to_vec()),
        ];
        let mut numbers = BTreeMap::new();
        let mut put = |name: &'static str, value: Option<f64>| {
            if let Some(value) = value {
                let interval = best.intervals.get(name).copied();
                numbers.insert(name, Measure { value, interval });
            }
        };
        put("params", Some(best.plan.n.get()));
        put("tokens", Some(best.plan.d.get()));
        put("tokens_per_param", Some(best.plan.tokens_per_param));
        put("loss", Some(best.plan.loss_nats));
        put("train_flops", Some(best.plan.train_flops.get()));
        put("train_usd", best.costs.train_usd);
        put("serve_usd", best.costs.serve_usd);
        put("total_usd", best.costs.total_usd);
        put("train_days", best.costs.train_days);
        Card {
            asked: self.asked.to_owned(),
            headline: headline(&best.plan.n.to_string(), &best.plan.d.to_string()),
            tone: if own { self.tone() } else { Tone::Care },
            facts: kept(facts),
            numbers,
            others: Vec::new(),
        }
    }

    /// The answer of a decision, where no plan was asked for.
    #[must_use]
    pub fn decision(&self, decision: &Decision) -> Card {
        let of = |name: &str| decision.intervals.get(name);
        let train = format!(
            "the compute-optimal run for {} training FLOPs: {} tokens per parameter, loss {} {}, under {}",
            decision.c,
            number(decision.tokens_per_param),
            number(decision.loss_nats),
            self.fit.surface.loss_unit.name(),
            self.fit.surface.label,
        );
        let mut believe = vec![ends(of("params"), of("tokens"), self.fit.level)];
        believe.push(beyond(&decision.outside));
        believe.extend(self.trust());
        let measure = |name, value| Measure { value, interval: of(name).copied() };
        Card {
            asked: self.asked.to_owned(),
            headline: headline(&decision.n.to_string(), &decision.d.to_string()),
            tone: self.tone(),
            facts: kept([
                ("Train this", vec![sentence(&train)]),
                ("It costs", vec![format!("{} training FLOPs.", decision.c)]),
                ("Believe it this far", believe),
                ("Next step", self.next.to_vec()),
            ]),
            numbers: BTreeMap::from([
                ("params", measure("params", decision.n.get())),
                ("tokens", measure("tokens", decision.d.get())),
                ("tokens_per_param", measure("tokens_per_param", decision.tokens_per_param)),
                ("loss", measure("new_run", decision.loss_nats)),
                ("train_flops", Measure { value: decision.c.get(), interval: None }),
            ]),
            others: Vec::new(),
        }
    }

    /// The answer where the runs give none.
    ///
    /// - `reason`: why.
    #[must_use]
    pub fn nothing(&self, reason: &str) -> Card {
        Card {
            asked: self.asked.to_owned(),
            headline: "These runs give no plan yet".to_owned(),
            tone: Tone::Bad,
            facts: kept([("Why", vec![sentence(reason)]), ("Next step", self.next.to_vec())]),
            numbers: BTreeMap::new(),
            others: Vec::new(),
        }
    }

    fn tone(&self) -> Tone {
        let wrong = |w: &Warning| w.severity() == crate::error::Severity::Wrong;
        if !self.fit.certificate.certified || self.warnings.iter().any(wrong) {
            return Tone::Bad;
        }
        match self.fit.extrapolation.as_ref().map(|cost| cost.reach) {
            Some(Reach::Holds) => Tone::Good,
            Some(Reach::DoNotExtrapolate) => Tone::Bad,
            Some(Reach::WithCare) | None => Tone::Care,
        }
    }

    /// What stands for the fit and what was tested.
    fn trust(&self) -> Vec<String> {
        let mut says = vec![format!("The fit: {}", belief(self.fit, self.warnings))];
        says.extend(tested(self.fit, self.held_out));
        if let Some(test) = self.backtest {
            says.push(format!(
                "the runs at {} FLOPs, predicted from smaller budgets: mean error {:.2} %, {}",
                test.budget,
                100.0 * test.mean_abs_error,
                inside(test, "inside")
            ));
        }
        says.iter().map(|says| sentence(says)).collect()
    }
}

/// Between which sizes and token counts the plan may lie.
fn ends(n: Option<&Interval>, d: Option<&Interval>, level: f64) -> String {
    let span = |i: &Interval, what: &str| {
        let (lo, hi) = (short_count(i.lo), short_count(i.hi));
        (lo != hi).then(|| format!("{lo} to {hi} {what}"))
    };
    let spans: Vec<String> = [(n, "parameters"), (d, "tokens")]
        .into_iter()
        .filter_map(|(interval, what)| span(interval?, what))
        .collect();
    match spans.is_empty() {
        true => "The plan has no interval.".to_owned(),
        false => format!("{}: {}.", interval_header(level), spans.join(", ")),
    }
}

fn headline(n: &str, d: &str) -> String {
    format!("Train {n} parameters on {d} tokens")
}

/// Facts that say something.
fn kept<const K: usize>(facts: [(&str, Vec<String>); K]) -> Vec<Fact> {
    let said = |(label, lines): (&str, Vec<String>)| {
        let lines: Vec<String> = lines.into_iter().filter(|line| !line.is_empty()).collect();
        (!lines.is_empty()).then(|| Fact { label: label.to_owned(), lines })
    };
    facts.into_iter().filter_map(said).collect()
}

/// How far a plan lies from the runs of its law.
fn beyond(outside: &BTreeMap<String, f64>) -> String {
    if outside.is_empty() {
        return "The plan lies within the runs of the law.".to_owned();
    }
    let by: Vec<String> =
        outside.iter().map(|(name, by)| format!("{name} by a factor {}", factor(*by))).collect();
    format!("The plan lies beyond the runs of the law: {}.", by.join(", "))
}
