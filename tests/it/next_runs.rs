//! Runs that settle a decision: what is chosen, what it promises, and whether the promise is kept.

use std::fmt::Write as _;
use std::path::Path;

use isoloss::data::{RunRecord, RunTable};
use isoloss::fit::{Fit, FitConfig, ProfileOf, fit};
use isoloss::law::{Chinchilla, Point, Surface};
use isoloss::num::{Stream, median, stream};
use isoloss::study::{Decide, NextRunsRequest};
use isoloss::units::{Flops, ParamRule, Params, Tokens};
use rand_distr::{Distribution, StandardNormal};
use serde_json::Value;

use super::cli::{here, isoloss, json, refusal};

fn truth() -> Surface {
    Surface::published("besiroglu").expect("shipped")
}

fn run(n: f64, d: f64, rng: &mut Stream) -> RunRecord {
    let (n, d) = (Params::new(n), Tokens::new(d));
    let z: f64 = StandardNormal.sample(rng);
    RunRecord::new(format!("{n} {d}"), n, d, truth().loss(&Point::new(n, d)) * (0.004 * z).exp())
}

fn runs(seed: u64) -> RunTable {
    let mut rng = stream(seed, 3);
    let grid = (0..4).flat_map(|i| (0..5).map(move |k| (i, k)));
    let runs = grid.map(|(i, k)| {
        let c = 1e18 * 4.0_f64.powi(i);
        let n = 1e8 * 2.0_f64.powi(i) * 1.7_f64.powi(k - 2);
        run(n, c / 6.0 / n, &mut rng)
    });
    RunTable::from_runs(runs.collect(), ParamRule::All)
}

fn fitted(table: &RunTable) -> Fit {
    let config = FitConfig { bootstrap: 300, profile: ProfileOf::None, ..FitConfig::default() };
    fit(&Chinchilla, table, &config).expect("a fit")
}

fn ln_n(fit: &Fit, c: f64) -> f64 {
    fit.surface.ln_n_optimal(Flops::new(c)).expect("an optimum")
}

#[test]
fn runs_are_affordable_and_leave_less_and_less() {
    let fit = fitted(&runs(1));
    let c = Flops::new(1e21);
    for decide in [Decide::Size, Decide::Loss] {
        let request = NextRunsRequest {
            decide,
            flops: Some(c),
            afford: Some(Flops::new(5e19)),
            spend: Some(Flops::new(1e20)),
            runs: 5,
            against: None,
        };
        let answer = request.answer(&fit).expect("runs");
        assert!(!answer.runs.is_empty() && answer.runs.len() <= 5, "{answer:?}");
        let spent: f64 = answer.runs.iter().map(|run| run.c.get()).sum();
        assert!(spent <= 1.0001e20, "{spent:e}");
        let mut before = 1.0;
        for run in &answer.runs {
            assert!(run.c.get() <= 5.0001e19 && run.left < before, "{run:?}");
            assert!((6.0 * run.n.get() * run.d.get() / run.c.get() - 1.0).abs() < 1e-9);
            assert!(run.interval.lo < answer.value && answer.value < run.interval.hi, "{run:?}");
            before = run.left;
        }
        let narrower = answer.runs.last().expect("a run").interval;
        assert!(answer.interval.lo < narrower.lo && narrower.hi < answer.interval.hi);
    }
}

/// The spread of the decision over repeats of the whole experiment, with the runs that are chosen and with
/// as much compute spent on the design again.
#[test]
fn the_chosen_runs_settle_the_size_better_than_the_design_again() {
    let c = 1e21;
    let first = fitted(&runs(1));
    let spend = Flops::new(2.6e20);
    let request = NextRunsRequest {
        flops: Some(Flops::new(c)),
        spend: Some(spend),
        runs: 40,
        ..Default::default()
    };
    let chosen = request.answer(&first).expect("runs").runs;
    let spent: f64 = chosen.iter().map(|run| run.c.get()).sum();
    assert!(spent <= spend.get() * 1.001);
    let quick = FitConfig { bootstrap: 0, profile: ProfileOf::None, ..FitConfig::default() };
    let (mut ours, mut again, mut alone) = (Vec::new(), Vec::new(), Vec::new());
    for seed in 0..40 {
        let table = runs(100 + seed);
        let off = |more: Vec<RunRecord>| {
            let all = table.runs.iter().cloned().chain(more).collect();
            let fit = fit(&Chinchilla, &table.with_runs(all), &quick).expect("a fit");
            (ln_n(&fit, c) - truth().ln_n_optimal(Flops::new(c)).expect("an optimum")).abs()
        };
        let mut rng = stream(seed, 9);
        alone.push(off(Vec::new()));
        ours.push(off(chosen.iter().map(|r| run(r.n.get(), r.d.get(), &mut rng)).collect()));
        // The table costs 4.25e20: its runs up to the same bill, the cheapest first.
        let mut left = spent;
        let design = table.runs.iter().filter(|r| {
            left -= r.c.get();
            left >= 0.0
        });
        let design: Vec<(f64, f64)> = design.map(|r| (r.n.get(), r.d.get())).collect();
        again.push(off(design.into_iter().map(|(n, d)| run(n, d, &mut rng)).collect()));
    }
    let (ours, again, alone) = (median(&ours), median(&again), median(&alone));
    assert!(ours < again && again < 1.05 * alone, "{ours} {again} {alone}");
}

#[test]
fn a_fit_without_draws_or_certificate_says_what_it_lacks() {
    let good = fitted(&runs(1));
    let mut doubtful = good.clone();
    doubtful.certificate.certified = false;
    let mut drawless = good.clone();
    drawless.draws = Vec::new();
    let error =
        |fit: &Fit, request: NextRunsRequest| request.answer(fit).expect_err("refused").to_string();
    assert!(error(&doubtful, NextRunsRequest::default()).contains("no certified minimum"));
    assert!(error(&drawless, NextRunsRequest::default()).contains("no intervals"));
    for bad in [
        NextRunsRequest { spend: Some(Flops::new(-1.0)), ..Default::default() },
        NextRunsRequest { afford: Some(Flops::new(f64::NAN)), ..Default::default() },
        NextRunsRequest { runs: 0, ..Default::default() },
        NextRunsRequest { against: Some("no-law".to_owned()), ..Default::default() },
    ] {
        assert!(!error(&good, bad).is_empty());
    }
}

fn written(folder: &Path) {
    let mut text = "params,tokens,loss\n".to_owned();
    for run in runs(1).runs {
        writeln!(text, "{},{},{}", run.n.get(), run.d.get(), run.loss_nats).expect("text");
    }
    std::fs::write(folder.join("runs.csv"), text).expect("written");
}

#[test]
fn a_table_a_fit_and_a_sweep_are_answered_and_the_runs_are_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    written(at);
    let fit = isoloss(&["fit", "runs.csv", "--bootstrap", "200", "-o", "fit.json", "-q"], at);
    assert!(fit.status.success(), "{}", String::from_utf8_lossy(&fit.stderr));
    for input in ["runs.csv", "fit.json"] {
        let args = ["sweep", "next", input, "--bootstrap", "200", "--against", "besiroglu"];
        let out = ["-o", "next.csv", "-o", "next.json", "-q"];
        let run = isoloss(&[&args[..], &out].concat(), at);
        let text = String::from_utf8_lossy(&run.stdout);
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
        assert!(text.contains("of the uncertainty of the best size"), "{text}");
        let saved = std::fs::read_to_string(at.join("next.json")).expect("JSON");
        let saved: Value = serde_json::from_str(&saved).expect("JSON");
        let count = saved["runs"].as_array().expect("a list").len();
        assert_eq!(saved["against"]["rival"], "besiroglu");
        let rows = std::fs::read_to_string(at.join("next.csv")).expect("rows");
        assert_eq!(rows.lines().count(), count + 1, "{rows}");
        assert!(rows.starts_with("run,params,tokens,flops,"), "{rows}");
    }
    let (code, error) = refusal(&["sweep", "next", "nothing.csv"], at);
    assert_eq!(code, 2, "{error}");
    // Beyond the bundled trainer a sweep file is refused; within it one can be trained as it is.
    let far =
        ["sweep", "next", "fit.json", "--afford", "1e22", "--spend", "1e23", "-o", "next.toml"];
    let (code, error) = refusal(&far, at);
    assert!(code == 2 && error.contains("shapes"), "{error}");
    let small =
        json(&["sweep", "next", "configs/first-light-sweep.toml", "--json", "--bootstrap", "100"]);
    for key in ["todo", "advice", "sizes"] {
        assert!(small.get(key).is_some(), "{key}");
    }
    let out = at.join("next.toml").display().to_string();
    let args = ["sweep", "next", "data/first-light/runs.jsonl", "--bootstrap", "200", "--sweep"];
    let run = isoloss(
        &[&args[..], &["configs/first-light-sweep.toml", "-o", &out, "-q"]].concat(),
        here(),
    );
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let sweep = isoloss::sweep::SweepConfig::read(&out).expect("a sweep");
    let base = isoloss::sweep::SweepConfig::read(here().join("configs/first-light-sweep.toml"));
    assert_eq!(sweep.recipe, base.expect("shipped").recipe);
    assert!(!sweep.runs().is_empty());
}
