//! The answer of a study: its first plan, else its last decision, else why there is none.

use super::answer::{Planned, StudyReport};
use super::plans::anchor;
use crate::fit::{Fit, decide};
use crate::report::{Card, CardOf, Other};
use crate::study::next_runs::{Decide, NextRunsAnswer};
use crate::study::plan::LawPlans;
use crate::units::Flops;

/// Share of the uncertainty that is left from which runs within reach hardly help.
const HARDLY: f64 = 0.7;

impl StudyReport {
    pub(super) fn card(&self) -> Card {
        let next = self.next_steps();
        let fit = &self.fit;
        let of = |asked| CardOf {
            asked,
            fit: &fit.fit,
            warnings: &fit.warnings,
            held_out: fit.held_out.as_ref(),
            backtest: self.backtest.as_ref(),
            next: &next,
        };
        let Some((first, others)) = self.plans.split_first() else {
            return match (fit.decisions.last(), fit.fit.unfit_to_plan()) {
                (Some(decision), _) => {
                    of("The largest budget that was asked for").decision(decision)
                }
                (None, Some(reason)) => of(&self.config.title).nothing(&reason),
                (None, None) => of(&self.config.title).nothing("the study asks for no plan"),
            };
        };
        let answer = &first.answer;
        let Some((law, rivals)) = answer.laws.split_first() else {
            return of(&first.title).nothing("no law was asked");
        };
        let rivals: Vec<_> = rivals.iter().map(|law| &law.recommended).collect();
        let card = of(&first.title).plan(
            &law.recommended,
            &rivals,
            answer.regret.as_ref(),
            &answer.scenario,
            law.recipe.as_ref(),
        );
        let others = others.iter().enumerate().map(|(i, plan)| Other {
            id: anchor(i + 1),
            title: plan.title.clone(),
            says: in_one_line(plan),
        });
        Card { others: others.collect(), ..card }
    }

    /// What to do next, a sentence each.
    fn next_steps(&self) -> Vec<String> {
        if let Some(reason) = self.fit.fit.unfit_to_plan() {
            return vec![format!("Do not plan with this fit: {reason}.")];
        }
        let own = |law: &LawPlans| law.recommended.law == self.fit.fit.surface.label;
        let first = self.plans.first().and_then(|plan| plan.answer.laws.first());
        if first.is_some_and(|law| !own(law)) {
            return vec![
                "Train small runs with your own data and recipe and fit them before spending it: a published law knows neither."
                    .to_owned(),
            ];
        }
        let mut steps: Vec<String> =
            self.next_runs.iter().flat_map(|next| said(next, &self.fit.fit)).collect();
        if let (true, Some(test)) = (steps.is_empty(), &self.backtest) {
            steps.push(crate::report::sentence(&test.verdict.next));
        }
        if steps.is_empty() {
            steps.push("Test the plan with runs around it before spending the budget.".to_owned());
        }
        steps
    }
}

/// Whether to make further runs before the plan, and which.
fn said(next: &NextRunsAnswer, fit: &Fit) -> Vec<String> {
    let decision = format!("the {} at {} FLOPs", next.decide, next.target);
    let Some(last) = next.runs.last() else {
        return vec![format!(
            "No run of up to {} FLOPs would say much more of {decision}.",
            next.afford
        )];
    };
    let cost: f64 = next.runs.iter().map(|run| run.c.get()).sum();
    let runs = match next.runs.len() {
        1 => "one run".to_owned(),
        n => format!("{n} runs"),
    };
    let left = format!("leave {:.0} % of the uncertainty of {decision}", 100.0 * last.left);
    let mut says = vec![match last.left < HARDLY {
        true => format!("Make {runs} first, {cost:.2e} FLOPs together: they {left}."),
        false => format!("Small runs help little: {runs} for {cost:.2e} FLOPs together {left}."),
    }];
    if next.beyond > 1e-3 && next.decide == Decide::Size {
        says.push(format!(
            "The rest, ±{:.0} % of the size, is extrapolation, which only runs of more than {} FLOPs lower{}.",
            100.0 * next.beyond,
            next.afford,
            between(next, fit).unwrap_or_default()
        ));
    }
    says
}

/// A run between those there are and the budget of the decision, where the law puts it.
fn between(next: &NextRunsAnswer, fit: &Fit) -> Option<String> {
    let (near, far) = (next.afford.get(), next.target.get());
    if far < 2.0 * near {
        return None;
    }
    let run = decide(fit, Flops::new((near * far).sqrt()))?;
    Some(format!(", for example {} parameters on {} tokens ({} FLOPs)", run.n, run.d, run.c))
}

/// What a further plan says to train, law by law.
fn in_one_line(plan: &Planned) -> String {
    let law = |law: &LawPlans| {
        let r = &law.recommended;
        format!("{} parameters on {} tokens under {}", r.plan.n, r.plan.d, r.law)
    };
    let laws: Vec<String> = plan.answer.laws.iter().map(law).collect();
    format!("{}.", laws.join("; "))
}
