//! The plans under each law, and how they compare.

use serde::{Serialize, Serializer};

use super::request::PlanRequest;
use crate::cost::{Budget, Workload};
use crate::error::{Result, Warning};
use crate::flops::Pattern;
use crate::law::Ensemble;
use crate::plan::{
    Goal, Limits, Recipe, RecipeInputs, Recommendation, Regret, Row, Sampling, Scenario,
    disagreement, propose, recipe, recommend, recommended_row, regret_over_draws, regret_over_laws,
};
use crate::study::law::{AskedLaw, ask_laws};
use crate::units::{ParamRule, Params};

/// What one law says.
#[derive(Clone, Debug)]
pub struct LawPlans {
    /// A row per strategy.
    pub proposed: Vec<Row>,
    /// The plan of the scenario with its intervals, where more is asked than a budget or a loss.
    pub recommended: Option<Recommendation>,
    /// That plan as a row beside the strategies.
    pub recommended_row: Option<Row>,
    /// That plan as a run, where it is asked for.
    pub recipe: Option<Recipe>,
}

/// Plans under every law asked.
///
/// Written as one object: `plans` (a row per law and strategy), `recommended` and `recipes` (one per
/// law), `across_laws`, `regret`, `warnings`, `goal`, `budget`.
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
    /// The budget in FLOPs, or the loss.
    pub goal: Goal,
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
    /// [`StudyError`](crate::error::StudyError) for a question without a target, or with two;
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
        let (goal, budget) = self.goal(laws)?;
        let scenario = self.scenario(goal, budget.as_ref())?;
        let rich = self.scenario.is_rich() || self.recipe;
        let workload = self.scenario.served_tokens().map_or(Workload::NONE, Workload::output);
        let stored = scenario.memory.map(|m| Params::new(m.bytes * 8.0 / m.stored_bits()));
        let limits = Limits { data: scenario.data, max_params: stored, given_params: self.params };
        let sampling = Sampling { draws: self.draws, seed: self.seed, ..Sampling::default() };
        let (mut answers, mut warnings) = (Vec::new(), Vec::new());
        for asked in laws {
            let ensemble = &asked.ensemble;
            let proposal = propose(ensemble, goal, &workload, &limits)?;
            warnings.extend(asked.warnings.iter().cloned());
            warnings.extend(proposal.warnings);
            let recommended =
                rich.then(|| recommend(ensemble, &scenario, &sampling)).transpose()?;
            warnings.extend(recommended.iter().flat_map(|r| r.warnings.iter().cloned()));
            let recipe = match &recommended {
                Some(r) if self.recipe => {
                    Some(self.recipe_of(r, &scenario, ensemble.best.params)?)
                }
                _ => None,
            };
            answers.push(LawPlans {
                proposed: proposal.plans,
                recommended_row: recommended.as_ref().map(|r| recommended_row(r, workload.total())),
                recommended,
                recipe,
            });
        }
        let across_laws = match across(laws, &scenario).filter(|_| laws.len() > 1) {
            Some(all) => {
                let law = format!("{} laws, each as likely", laws.len());
                Some(Recommendation { law, ..recommend(&all, &scenario, &sampling)? })
            }
            None => None,
        };
        let regret = regret(laws, &scenario, &sampling, rich)?;
        let dispute = regret.as_ref().filter(|_| laws.len() > 1).and_then(Regret::dispute);
        warnings.extend(dispute);
        let rows: Vec<Row> = answers.iter().flat_map(LawPlans::rows).cloned().collect();
        warnings.extend(disagreement(&rows));
        Ok(PlanAnswer {
            laws: answers,
            across_laws,
            regret,
            warnings,
            goal,
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

impl LawPlans {
    /// Every row, the recommended plan last.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.proposed.iter().chain(&self.recommended_row)
    }
}

impl PlanAnswer {
    /// Every row under every law.
    pub fn rows(&self) -> impl Iterator<Item = &Row> {
        self.laws.iter().flat_map(LawPlans::rows)
    }
}

impl Serialize for PlanAnswer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Written<'a> {
            plans: Vec<&'a Row>,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            recommended: Vec<&'a Recommendation>,
            #[serde(skip_serializing_if = "Option::is_none")]
            across_laws: &'a Option<Recommendation>,
            #[serde(skip_serializing_if = "Option::is_none")]
            regret: &'a Option<Regret>,
            #[serde(skip_serializing_if = "Vec::is_empty")]
            recipes: Vec<&'a Recipe>,
            #[serde(serialize_with = "crate::error::with_messages")]
            warnings: &'a [Warning],
            goal: Goal,
            #[serde(skip_serializing_if = "Option::is_none")]
            budget: &'a Option<Budget>,
        }
        Written {
            plans: self.rows().collect(),
            recommended: self.laws.iter().filter_map(|l| l.recommended.as_ref()).collect(),
            across_laws: &self.across_laws,
            regret: &self.regret,
            recipes: self.laws.iter().filter_map(|l| l.recipe.as_ref()).collect(),
            warnings: &self.warnings,
            goal: self.goal,
            budget: &self.budget,
        }
        .serialize(serializer)
    }
}

fn is_uncertain(ensemble: &Ensemble, scenario: &Scenario) -> bool {
    !ensemble.draws.is_empty() || !scenario.inputs().is_empty()
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
fn regret(
    laws: &[AskedLaw],
    scenario: &Scenario,
    sampling: &Sampling,
    rich: bool,
) -> Result<Option<Regret>> {
    // A design other laws know nothing of cannot be compared across them.
    let dense = scenario.designs.len() == 1 && scenario.designs[0].pattern.experts.is_none();
    match laws {
        [one] if rich && dense && is_uncertain(&one.ensemble, scenario) && sampling.draws > 0 => {
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
