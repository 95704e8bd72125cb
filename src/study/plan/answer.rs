//! The plans under each law, and how they compare.

use serde::{Serialize, Serializer};

use super::basis::{PlannedLaw, check, check_plan};
use super::request::PlanRequest;
use crate::cost::Budget;
use crate::error::{Result, Warning};
use crate::flops::Pattern;
use crate::law::{Ensemble, published_laws};
use crate::plan::{
    Aim, Recipe, RecipeInputs, Recommendation, Regret, Row, Sampling, Scenario, WhatIf,
    disagreement, recipe, recommend, regret_over_draws, regret_over_laws, strategies, what_if,
};
use crate::study::law::{AskedLaw, ask_laws};
use crate::units::ParamRule;

/// What one law says.
#[derive(Clone, Debug)]
pub struct LawPlans {
    /// The plan beside the same question with fewer constraints, the plan last.
    pub rows: Vec<Row>,
    /// The plan with its intervals and what drives them.
    pub recommended: Recommendation,
    /// The plan with one input moved at a time, where it is asked for.
    pub what_if: Vec<WhatIf>,
    /// That plan as a run, where it is asked for.
    pub recipe: Option<Recipe>,
    /// The law itself, so that the plan can be tested later.
    pub basis: PlannedLaw,
}

/// Plans under every law asked.
///
/// Written as one object: `plans` (a row per law and strategy), `recommended` and `recipes` (one per
/// law), `across_laws`, `regret`, `warnings`, `goal`, `budget`, `laws` (what the plans were made with).
#[derive(Clone, Debug)]
pub struct PlanAnswer {
    /// One per law, in the order asked.
    pub laws: Vec<LawPlans>,
    /// All laws as one ensemble: intervals and shares over law, prices and demand together.
    pub across_laws: Option<Recommendation>,
    /// What choosing one size loses when another law or draw is true.
    pub regret: Option<Regret>,
    /// Warnings of the laws, the plans and the comparison.
    pub warnings: Vec<Warning>,
    /// What the plan has to do.
    pub goal: Aim,
    /// The budget as it was given.
    pub budget: Option<Budget>,
    /// What the plans were made for.
    pub scenario: Scenario,
    /// What was asked.
    pub request: PlanRequest,
}

impl PlanRequest {
    /// Plans under the laws of the request.
    ///
    /// # Errors
    /// [`StudyError`](crate::error::StudyError) for a question without a target, or with two, and for a
    /// fit that is not certified;
    /// [`LawError`](crate::error::LawError), [`CostError`](crate::error::CostError) and
    /// [`PlanError`](crate::error::PlanError) from the rooms.
    pub fn answer(&self) -> Result<PlanAnswer> {
        self.answer_under(&ask_laws(&self.law)?)
    }

    /// As [`answer`](Self::answer), under laws at hand.
    ///
    /// # Errors
    /// As [`answer`](Self::answer).
    pub fn answer_under(&self, laws: &[AskedLaw]) -> Result<PlanAnswer> {
        let (aim, budget) = self.aim(laws)?;
        let scenario = self.scenario(aim)?;
        let given = self.params.filter(|_| !matches!(aim, Aim::OfSize(_)));
        let sampling = Sampling { draws: self.draws, seed: self.seed, ..Sampling::default() };
        let (mut answers, mut warnings) = (Vec::new(), Vec::new());
        for asked in laws {
            check(asked)?;
            let ensemble = &asked.ensemble;
            let recommended = recommend(ensemble, &scenario, &sampling)?;
            check_plan(asked, &recommended.plan)?;
            let rows = strategies(ensemble, &scenario, &recommended, given, &sampling)?;
            warnings.extend(asked.warnings.iter().cloned());
            warnings.extend(recommended.warnings.iter().cloned());
            let rule = ensemble.best.params;
            let recipe =
                self.recipe.then(|| self.recipe_of(&recommended, &scenario, rule)).transpose()?;
            let design = scenario.designs.iter().find(|d| d.name == recommended.design);
            let what_if = match design.filter(|_| self.what_if) {
                Some(design) => what_if(&ensemble.best, &scenario, design)?,
                None => Vec::new(),
            };
            let basis = PlannedLaw::of(asked);
            answers.push(LawPlans { rows, recommended, what_if, recipe, basis });
        }
        let across_laws = match across(laws, &scenario).filter(|_| laws.len() > 1) {
            Some(all) => {
                let law = format!("{} laws, each as likely", laws.len());
                let mut pooled = Recommendation { law, ..recommend(&all, &scenario, &sampling)? };
                if !read_one_text(laws) {
                    // Nats on one text say nothing of nats on another.
                    pooled.intervals.remove("loss");
                    pooled.spread.retain(|s| s.quantity != "loss");
                }
                Some(pooled)
            }
            None => None,
        };
        let regret = regret(laws, &scenario, &sampling)?;
        let dispute = regret.as_ref().filter(|_| laws.len() > 1).and_then(Regret::dispute);
        warnings.extend(dispute);
        let rows: Vec<Row> = answers.iter().flat_map(|law| &law.rows).cloned().collect();
        warnings.extend(disagreement(&rows));
        Ok(PlanAnswer {
            laws: answers,
            across_laws,
            regret,
            warnings,
            goal: aim,
            budget,
            scenario,
            request: self.clone(),
        })
    }

    fn recipe_of(
        &self,
        r: &Recommendation,
        scenario: &Scenario,
        rule: ParamRule,
    ) -> Result<Recipe> {
        let design = scenario.designs.iter().find(|d| d.name == r.design);
        recipe(&RecipeInputs {
            n: r.plan.n,
            rule,
            d: r.plan.d,
            pattern: design.map_or(Pattern::MODERN, |d| d.pattern),
            context: self.train_context,
            batch_tokens: None,
            training: scenario.training.clone(),
        })
    }
}

impl PlanAnswer {
    /// Every row under every law.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.laws.iter().flat_map(|law| &law.rows)
    }
}

impl Serialize for PlanAnswer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Written<'a> {
            plans: Vec<&'a Row>,
            recommended: Vec<&'a Recommendation>,
            #[serde(skip_serializing_if = "Option::is_none")]
            across_laws: &'a Option<Recommendation>,
            #[serde(skip_serializing_if = "Option::is_none")]
            regret: &'a Option<Regret>,
            /// One list per law.
            #[serde(skip_serializing_if = "Vec::is_empty")]
            what_if: Vec<&'a [WhatIf]>,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            recipes: Vec<&'a Recipe>,
            #[serde(serialize_with = "crate::error::with_messages")]
            warnings: &'a [Warning],
            goal: Aim,
            #[serde(skip_serializing_if = "Option::is_none")]
            budget: &'a Option<Budget>,
            laws: Vec<&'a PlannedLaw>,
        }
        Written {
            plans: self.rows().collect(),
            recommended: self.laws.iter().map(|l| &l.recommended).collect(),
            across_laws: &self.across_laws,
            regret: &self.regret,
            what_if: self.laws.iter().map(|l| &*l.what_if).filter(|w| !w.is_empty()).collect(),
            recipes: self.laws.iter().filter_map(|l| l.recipe.as_ref()).collect(),
            warnings: &self.warnings,
            goal: self.goal,
            budget: &self.budget,
            laws: self.laws.iter().map(|l| &l.basis).collect(),
        }
        .serialize(serializer)
    }
}

fn is_uncertain(ensemble: &Ensemble, scenario: &Scenario) -> bool {
    !ensemble.draws.is_empty() || !scenario.inputs().is_empty()
}

/// Whether all laws are of one text, as far as is known.
fn read_one_text(laws: &[AskedLaw]) -> bool {
    let published = published_laws().unwrap_or_default();
    let text = |law: &AskedLaw| {
        let label = &law.ensemble.best.label;
        published.iter().find(|p| p.name == *label).map(|p| p.text.as_str())
    };
    let mut texts = laws.iter().map(text);
    texts.next().flatten().is_some_and(|first| texts.all(|text| text == Some(first)))
}

/// The laws that have such a plan, as one ensemble; `None` when fewer than two do.
fn across(laws: &[AskedLaw], scenario: &Scenario) -> Option<Ensemble> {
    let once = Sampling { draws: 0, ..Sampling::default() };
    let with_plan: Vec<&Ensemble> = laws
        .iter()
        .map(|law| &law.ensemble)
        .filter(|e| recommend(e, scenario, &once).is_ok())
        .collect();
    if with_plan.len() < 2 { None } else { Ensemble::rivals(&with_plan) }
}

/// One size for all laws that were asked, or for all draws of the one.
fn regret(laws: &[AskedLaw], scenario: &Scenario, sampling: &Sampling) -> Result<Option<Regret>> {
    // Of a size there is nothing to choose.
    if matches!(scenario.aim, Aim::OfSize(_)) {
        return Ok(None);
    }
    // A design other laws know nothing of cannot be compared across them.
    let dense = scenario.designs.len() == 1 && scenario.designs[0].pattern.experts.is_none();
    match laws {
        [one] if dense && is_uncertain(&one.ensemble, scenario) && sampling.draws > 0 => {
            regret_over_draws(&one.ensemble, scenario, sampling).map(Some)
        }
        [_] => Ok(None),
        several if dense => {
            let surfaces: Vec<_> = several.iter().map(|law| &law.ensemble.best).collect();
            // A law without such a plan has its own table, and no place here.
            let with_plan: Vec<_> = surfaces
                .into_iter()
                .filter(|s| regret_over_laws(&[*s], scenario).is_ok())
                .collect();
            if with_plan.len() < 2 {
                return Ok(None);
            }
            regret_over_laws(&with_plan, scenario).map(Some)
        }
        _ => Ok(None),
    }
}
