//! From logs to a plan: reads the 25 runs of data/first-light, fits a law, plans for ten times the
//! largest budget.
//!
//! `cargo run --example logs_to_plan`

#![allow(clippy::print_stdout, reason = "an example prints")]

use isoloss::cost::Uncertain;
use isoloss::data::{ReadOptions, read};
use isoloss::study::{AskedLaw, FitRequest, PlanAnswer, PlanRequest};
use isoloss::units::Flops;

/// What `isoloss fit` and then `isoloss plan --law fit.json --flops 1e14 --serve-tokens 1B` answer.
pub(crate) fn plan() -> isoloss::Result<PlanAnswer> {
    let runs = read(&["data/first-light/runs.jsonl"], &ReadOptions::default())?;
    let report = FitRequest::default().answer(&runs)?;
    let law = AskedLaw { warnings: report.warnings, ..AskedLaw::of_fit(&report.fit) };
    let mut request = PlanRequest { flops: Some(Flops::new(1e14)), ..PlanRequest::default() };
    request.scenario.serve_tokens = Some(Uncertain::known(1e9));
    request.answer_under(&[law])
}

fn main() -> isoloss::Result<()> {
    let answer = plan()?;
    for row in answer.laws.iter().flat_map(|law| &law.rows) {
        let plan = &row.plan;
        println!("{}: N {}, D {}, loss {:.4}", row.strategy, plan.n, plan.d, plan.loss_nats);
    }
    for warning in &answer.warnings {
        println!("warning: {warning}");
    }
    Ok(())
}
