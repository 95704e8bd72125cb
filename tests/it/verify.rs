//! Plans held against runs: what is asked for, and the verdict by verdict and exit code.

use std::fmt::Write as _;
use std::path::Path;

use isoloss::data::{RunRecord, RunTable};
use isoloss::error::{Error, StudyError};
use isoloss::fit::{Fit, FitConfig, Outcome, ProfileOf, fit};
use isoloss::law::{Chinchilla, Point, Surface};
use isoloss::num::stream;
use isoloss::study::{CellRole, PlanCheck, PlanFile, PlanRequest, WhichLaw, ask_each};
use isoloss::units::{Flops, ParamRule, Params, Tokens};
use rand_distr::{Distribution, Normal};
use serde_json::Value;

use super::cli::{isoloss, json, refusal};

const NOISE: f64 = 0.003;

fn truth() -> Surface {
    Surface::published("besiroglu").expect("shipped")
}

/// A run of a law, `off` times its loss, with noise of its own.
fn run(law: &Surface, n: f64, d: f64, off: f64, seed: u64) -> RunRecord {
    let (n, d) = (Params::new(n), Tokens::new(d));
    let noise: f64 = Normal::new(0.0, NOISE).expect("a width").sample(&mut stream(seed, 1));
    let loss = law.loss(&Point::new(n, d)) * off * noise.exp();
    RunRecord::new(format!("{n} {d} {seed}"), n, d, loss)
}

/// Five budgets by seven sizes of the law.
fn table() -> RunTable {
    let law = truth();
    let mut runs = Vec::new();
    for i in 0..5 {
        let c = 1e18 * 4.0_f64.powi(i);
        let best = law.ln_n_optimal(Flops::new(c)).expect("an optimum").exp();
        for k in -3..=3 {
            let n = best * 1.6_f64.powi(k);
            runs.push(run(&law, n, c / 6.0 / n, 1.0, runs.len() as u64));
        }
    }
    RunTable::from_runs(runs, ParamRule::All)
}

fn fitted() -> Fit {
    let config = FitConfig { bootstrap: 400, profile: ProfileOf::None, ..FitConfig::default() };
    fit(&Chinchilla, &table(), &config).expect("a fit")
}

/// The plan of a fit as it is written, read back.
fn plan(fit: &Fit, flops: f64) -> PlanFile {
    let request =
        PlanRequest { flops: Some(Flops::new(flops)), draws: 100, ..PlanRequest::default() };
    let laws = ask_each(&[WhichLaw::Fit(fit)]).expect("a law");
    let answer = request.answer_under(&laws).expect("a plan");
    PlanFile::parse(&serde_json::to_string(&answer).expect("JSON"), "plan.json").expect("a plan")
}

/// Runs at the cells of a plan, those that `keeps` keeps, each off the truth by what `off` says.
fn outcome(
    plan: &PlanFile,
    keeps: impl Fn(CellRole) -> bool,
    off: impl Fn(CellRole) -> f64,
) -> PlanCheck {
    let law = truth();
    let runs = plan
        .cells()
        .iter()
        .filter(|cell| keeps(cell.role))
        .enumerate()
        .map(|(i, cell)| {
            let (n, d) = (cell.prediction.params.get(), cell.prediction.tokens.get());
            run(&law, n, d, off(cell.role), 100 + i as u64)
        })
        .collect();
    plan.check(&RunTable::from_runs(runs, ParamRule::All)).expect("a verdict")
}

fn said(check: &PlanCheck) -> (Outcome, String) {
    let verdict = check.verdict.clone().expect("runs were given");
    (verdict.outcome, format!("{}; next: {}", verdict.reason, verdict.next))
}

#[test]
fn the_runs_around_a_plan_cost_what_it_costs_and_have_intervals() {
    let plan = plan(&fitted(), 2e21);
    let cells = plan.cells();
    let roles: Vec<CellRole> = cells.iter().map(|cell| cell.role).collect();
    assert_eq!(roles, [CellRole::Plan, CellRole::Half, CellRole::Double, CellRole::Kaplan]);
    let n = cells[0].prediction.params.get();
    for (cell, times) in cells.iter().zip([1.0, 0.5, 2.0]) {
        assert!((cell.prediction.params.get() / n / times - 1.0).abs() < 1e-9, "{cell:?}");
    }
    for cell in &cells {
        let p = &cell.prediction;
        assert!((6.0 * p.params.get() * p.tokens.get() / 2e21 - 1.0).abs() < 1e-9, "{cell:?}");
        let interval = p.interval.expect("the fit has draws");
        assert!(interval.lo < p.loss_nats && p.loss_nats < interval.hi);
        // The law alone is known better than one run.
        assert!((interval.hi / interval.lo).ln() > 2.0 * NOISE, "{cell:?}");
    }
    // From the smallest budget, 1e18, at its exponent in place of the law's.
    let ratio = (cells[3].prediction.params.get() / n).ln() / 2000.0_f64.ln();
    let law = plan.law().surface.allocation_exponent(Flops::new(1e20)).expect("an optimum");
    assert!((ratio - (0.73 - law)).abs() < 0.02, "{ratio} {law}");
}

#[test]
fn runs_of_the_law_hold() {
    let plan = plan(&fitted(), 2e21);
    let check = outcome(&plan, |_| true, |_| 1.0);
    let (verdict, why) = said(&check);
    assert_eq!(verdict, Outcome::Holds, "{why}");
    assert_eq!((check.runs.len(), check.missing.len(), check.not_used), (4, 0, 0));
    let coverage = check.coverage.expect("intervals");
    assert!((coverage.expected - 3.8).abs() < 1e-9 && coverage.inside >= 3, "{coverage}");
}

#[test]
fn a_loss_that_is_off_fails_and_so_does_a_better_size() {
    let plan = plan(&fitted(), 2e21);
    let (verdict, why) = said(&outcome(&plan, |_| true, |_| 1.2));
    assert_eq!(verdict, Outcome::Fails, "{why}");
    assert!(why.contains("0 of 4 runs inside"), "{why}");
    // Inside the intervals of the loss, but the half size is best beyond noise.
    let better = |role| if role == CellRole::Half { 0.96 } else { 1.0 };
    let check = outcome(&plan, |role| role != CellRole::Kaplan, better);
    let (verdict, why) = said(&check);
    assert_eq!(verdict, Outcome::Fails, "{why}");
    assert!(why.contains("beyond noise"), "{why}");
}

#[test]
fn too_few_runs_cannot_tell_and_the_missing_ones_are_named() {
    let plan = plan(&fitted(), 2e21);
    for (kept, lacks) in [
        (&[CellRole::Half, CellRole::Double][..], "the plan"),
        (&[CellRole::Plan, CellRole::Double], "half its size"),
        (&[CellRole::Plan], "twice its size"),
    ] {
        let check = outcome(&plan, |role| kept.contains(&role), |_| 1.0);
        let (verdict, why) = said(&check);
        assert_eq!(verdict, Outcome::CannotTell, "{kept:?}: {why}");
        assert!(why.contains(lacks), "{kept:?}: {why}");
    }
    // Runs that were fitted, or lie among them, test nothing.
    let (verdict, why) = said(&plan.check(&table()).expect("a verdict"));
    assert_eq!(verdict, Outcome::CannotTell, "{why}");
    let within = run(&truth(), 3e8, 3e9, 1.0, 5);
    let check = plan.check(&RunTable::from_runs(vec![within], ParamRule::All)).expect("a verdict");
    assert_eq!((check.runs.len(), check.not_used), (0, 1));
    assert_eq!(said(&check).0, Outcome::CannotTell);
}

#[test]
fn runs_between_the_fit_and_the_plan_are_held_out_runs() {
    let plan = plan(&fitted(), 1e23);
    let between = |off: f64| {
        let law = truth();
        let runs: Vec<RunRecord> =
            (0..4).map(|i| run(&law, 1e9 * f64::from(i + 1), 2e11, off, 40 + i as u64)).collect();
        plan.check(&RunTable::from_runs(runs, ParamRule::All)).expect("a verdict")
    };
    let near = between(1.0);
    assert!(near.runs.len() == 4 && near.runs.iter().all(|run| run.role.is_none()));
    let (verdict, why) = said(&near);
    assert_eq!(verdict, Outcome::CannotTell, "{why}");
    assert!(why.contains("none of them is the plan's own"), "{why}");
    assert_eq!(said(&between(1.2)).0, Outcome::Fails, "they contradict the law before the plan");
}

#[test]
fn a_published_law_has_no_interval_that_could_be_contradicted() {
    let request = PlanRequest { flops: Some(Flops::new(1e21)), draws: 0, ..PlanRequest::default() };
    let text = serde_json::to_string(&request.answer().expect("a plan")).expect("JSON");
    let plan = PlanFile::parse(&text, "plan.json").expect("a plan");
    assert!(plan.cells().iter().all(|cell| cell.prediction.interval.is_none()));
    let (verdict, why) = said(&outcome(&plan, |_| true, |_| 1.0));
    assert_eq!(verdict, Outcome::CannotTell);
    assert!(why.contains("no intervals"), "{why}");
    // An earlier version wrote no laws; a published one is known by its name.
    let mut old: Value = serde_json::from_str(&text).expect("JSON");
    old.as_object_mut().expect("an object").remove("laws");
    assert_eq!(
        PlanFile::parse(&old.to_string(), "plan.json").expect("a plan").cells(),
        plan.cells()
    );
}

#[test]
fn intervals_of_a_plan_hold_new_runs_as_often_as_they_say() {
    let plan = plan(&fitted(), 1e21);
    let law = truth();
    let cells = plan.cells();
    let (mut inside, mut all) = (0, 0);
    for seed in 0..50 {
        for cell in &cells {
            let p = &cell.prediction;
            let run = run(&law, p.params.get(), p.tokens.get(), 1.0, 1000 + seed);
            inside += usize::from(p.interval.expect("draws").contains(run.loss_nats));
            all += 1;
        }
    }
    // 95 % of 200, and more: beyond the runs intervals carry what extrapolation costs.
    assert!(inside as f64 >= 0.9 * f64::from(all), "{inside} of {all}");
}

#[test]
fn no_plan_is_made_from_a_fit_that_is_not_certified() {
    let good = fitted();
    let mut doubtful = good.clone();
    doubtful.certificate.certified = false;
    let mut drawless = good.clone();
    (drawless.draws, drawless.draws_failed) = (Vec::new(), 40);
    for fit in [doubtful, drawless] {
        let request = PlanRequest { flops: Some(Flops::new(1e21)), ..PlanRequest::default() };
        let laws = ask_each(&[WhichLaw::Text("besiroglu"), WhichLaw::Fit(&fit)]).expect("laws");
        let error = request.answer_under(&laws).expect_err("refused");
        assert!(matches!(error, Error::Study(StudyError::NotCertified { .. })), "{error}");
        assert!(error.is_bad_input() && error.to_string().contains("no plan is made"), "{error}");
    }
    assert_eq!(good.unfit_to_plan(), None);
}

/// Runs as a CSV in a folder.
fn written(folder: &Path, name: &str, runs: &[RunRecord]) -> String {
    let mut text = "run,params,tokens,loss\n".to_owned();
    for (i, run) in runs.iter().enumerate() {
        let (n, d) = (run.n.get(), run.d.get());
        writeln!(text, "r{i},{n},{d},{}", run.loss_nats).expect("text");
    }
    std::fs::write(folder.join(name), text).expect("written");
    name.to_owned()
}

#[test]
fn the_exit_code_says_the_verdict() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    written(at, "runs.csv", &table().runs);
    let ok = |args: &[&str]| {
        let run = isoloss(args, at);
        assert!(run.status.success(), "{args:?}: {}", String::from_utf8_lossy(&run.stderr));
        String::from_utf8(run.stdout).expect("UTF-8")
    };
    ok(&["fit", "runs.csv", "--bootstrap", "200", "-o", "fit.json", "--quiet"]);
    ok(&["plan", "--law", "fit.json", "--flops", "1e21", "-o", "plan.json", "--quiet"]);
    let asked = ok(&["validate", "plan.json", "-o", "verify.csv", "--quiet"]);
    assert!(asked.contains("half its size") && asked.contains("Kaplan's size"), "{asked}");
    let csv = std::fs::read_to_string(at.join("verify.csv")).expect("rows");
    assert!(
        csv.starts_with("run,params,tokens,loss,loss_low,loss_high,outside\nthe plan,"),
        "{csv}"
    );
    let text = std::fs::read_to_string(at.join("plan.json")).expect("a plan");
    let plan = PlanFile::parse(&text, "plan.json").expect("a plan");
    let law = truth();
    let made = |off: f64, count: usize| -> Vec<RunRecord> {
        let cells = plan.cells().into_iter().take(count).enumerate();
        cells
            .map(|(i, cell)| {
                let p = cell.prediction;
                run(&law, p.params.get(), p.tokens.get(), off, 70 + i as u64)
            })
            .collect()
    };
    for (name, runs, code, word) in [
        ("good.csv", made(1.0, 4), 0, "holds"),
        ("bad.csv", made(1.1, 4), 4, "fails"),
        ("few.csv", made(1.0, 1), 5, "cannot tell"),
    ] {
        written(at, name, &runs);
        let run = isoloss(&["validate", "plan.json", name, "--quiet"], at);
        let text = String::from_utf8_lossy(&run.stdout);
        assert_eq!(run.status.code(), Some(code), "{name}: {text}");
        assert!(text.starts_with(&format!("{word}: ")), "{name}: {text}");
        let run = isoloss(&["validate", "plan.json", name, "--json", "--quiet"], at);
        assert_eq!(run.status.code(), Some(code));
        let value: Value = serde_json::from_slice(&run.stdout).expect("one object");
        assert_eq!(value["verdict"]["outcome"], word.replace(' ', "-"));
        assert!(value["verdict"]["next"].as_str().is_some_and(|next| next.len() > 5));
        for key in ["cells", "runs", "coverage", "law", "flops", "tolerance"] {
            assert!(value.get(key).is_some(), "{name}: no {key}");
        }
    }
    // What is no plan is told by what it is.
    let (code, error) = refusal(&["validate", "fit.json"], at);
    assert!(code == 2 && error.contains("it holds a fit"), "{error}");
    let (code, error) = refusal(&["validate", "plan.json", "-o", "verify.toml"], at);
    assert!(code == 2 && error.contains("expected"), "beyond the trainer: {error}");
}

#[test]
fn a_sweep_file_of_the_runs_around_a_small_plan_takes_another_files_recipe() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    let base = "name = \"base\"\n[recipe]\npeak_lr = 2e-3\n[[cell]]\nflops = 1e10\n\
                shapes = [[2, 16, 1]]\n";
    std::fs::write(at.join("base.toml"), base).expect("written");
    let law = "chinchilla:E=1.2;A=60;B=90;alpha=0.4;beta=0.35";
    let plan =
        isoloss(&["plan", "--law", law, "--flops", "1e13", "-o", "plan.json", "--quiet"], at);
    assert!(plan.status.success(), "{}", String::from_utf8_lossy(&plan.stderr));
    let args = ["validate", "plan.json", "--sweep", "base.toml", "-o", "verify.toml", "--quiet"];
    let run = isoloss(&args, at);
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let sweep = isoloss::sweep::SweepConfig::read(at.join("verify.toml")).expect("a sweep");
    assert_eq!((sweep.name.as_str(), sweep.recipe.peak_lr), ("verify", 2e-3));
    let value: Value = serde_json::from_slice(
        &isoloss(&["validate", "plan.json", "--json", "--quiet"], at).stdout,
    )
    .expect("one object");
    let cells = value["cells"].as_array().expect("a list");
    assert_eq!(sweep.runs().len(), cells.len());
    for cell in cells {
        let n = cell["params"].as_f64().expect("a number");
        let near =
            sweep.runs().iter().any(|run| (run.shape.params().all.get() / n).ln().abs() < 0.1);
        assert!(near, "no shape of {n}");
    }
}

#[test]
fn the_largest_budget_of_a_sweep_gets_a_verdict_too() {
    let run = isoloss(
        &["validate", "data/first-light/runs.jsonl", "--json", "--quiet"],
        super::cli::here(),
    );
    let value: Value = serde_json::from_slice(&run.stdout).expect("one object");
    let outcome = value["verdict"]["outcome"].as_str().expect("a verdict");
    let code = match outcome {
        "holds" => 0,
        "fails" => 4,
        _ => 5,
    };
    assert_eq!(run.status.code(), Some(code), "{value}");
    assert_eq!(value["coverage"]["runs"], 5);
    assert_eq!(value["covered"], value["coverage"]["inside"]);
    let _ = json;
}
