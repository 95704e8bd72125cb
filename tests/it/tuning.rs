//! Laws of learning rate and batch from sweeps: recovery, coverage, refusals, a published law.

use std::process::Command;

use isoloss::data::{BatchUnit, TuningRun, TuningTable};
use isoloss::fit::{CellProblem, TuningConfig, TuningFit, fit_tuning};
use isoloss::num::stream;
use isoloss::units::{Params, Tokens};
use rand::RngExt;

const LR: [f64; 3] = [1.0, -0.5, 0.2];
const BATCH: [f64; 2] = [-1.0, 0.6];

fn ln_lr(n: f64, d: f64) -> f64 {
    LR[0] + LR[1] * n.ln() + LR[2] * d.ln()
}

fn ln_batch(d: f64) -> f64 {
    BATCH[0] + BATCH[1] * d.ln()
}

/// A cell: rates and batches on a grid of factors around its optimum, `shift` steps off it, under a
/// tilted bowl with `noise` in log loss.
fn cell(n: f64, d: f64, shift: (f64, f64), noise: &mut impl FnMut() -> f64) -> Vec<TuningRun> {
    let floor = 1.7 + 400.0 / n.powf(0.34) + 410.0 / d.powf(0.28);
    let mut runs = Vec::new();
    for i in -4..=4 {
        for j in -3..=3 {
            let (x, y) = (0.35 * (f64::from(i) + shift.0), 0.45 * (f64::from(j) + shift.1));
            let bowl = 0.010 * x * x + 0.004 * x * y + 0.008 * y * y;
            runs.push(TuningRun {
                n: Params::new(n),
                d: Tokens::new(d),
                lr: (ln_lr(n, d) + x).exp(),
                batch: Some((ln_batch(d) + y).exp()),
                loss_nats: floor * (bowl + noise()).exp(),
            });
        }
    }
    runs
}

fn table(runs: Vec<TuningRun>) -> TuningTable {
    TuningTable { runs, batch_unit: BatchUnit::Tokens, ..TuningTable::default() }
}

/// Nine cells with noise of `sd`.
fn sweep(seed: u64, sd: f64) -> TuningTable {
    let mut rng = stream(seed, 0);
    let mut runs = Vec::new();
    for n in [1e8, 3e8, 1e9] {
        for d in [2e9, 8e9, 3.2e10] {
            let shift = (rng.random_range(-0.5..0.5), rng.random_range(-0.5..0.5));
            let mut noise = || {
                let white: f64 = (0..12).map(|_| rng.random_range(-0.5..0.5)).sum();
                sd * white
            };
            runs.extend(cell(n, d, shift, &mut noise));
        }
    }
    table(runs)
}

/// Estimate and interval of the five coefficients.
fn coefficients(fit: &TuningFit) -> [(f64, isoloss::num::Interval); 5] {
    let batch = fit.batch.as_ref().expect("batches vary");
    let lr = |name: &str| fit.lr.intervals[name];
    [
        (fit.lr.ln_factor, lr("ln_factor")),
        (fit.lr.n_exponent.expect("N varies"), lr("n_exponent")),
        (fit.lr.d_exponent.expect("D varies"), lr("d_exponent")),
        (batch.ln_factor, batch.intervals["ln_factor"]),
        (batch.d_exponent.expect("D varies"), batch.intervals["d_exponent"]),
    ]
}

/// Without noise a quadratic bowl gives its laws back, and what they say at a run.
#[test]
fn recovers_the_laws_of_exact_bowls() {
    let fit = fit_tuning(&sweep(1, 0.0), &TuningConfig::default()).expect("a fit");
    assert!(fit.refused.is_empty(), "{:?}", fit.refused);
    for ((found, _), want) in coefficients(&fit).iter().zip(LR.iter().chain(&BATCH)) {
        assert!((found - want).abs() < 1e-6, "{found} {want}");
    }
    let (n, d) = (Params::new(7e9), Tokens::new(2e12));
    assert!((fit.lr.at(n, d).ln() - ln_lr(7e9, 2e12)).abs() < 1e-6);
    let both = fit.batch_with_n.expect("N and D vary");
    assert!(both.n_exponent.is_some_and(|a| a.abs() < 1e-6), "{both:?}");
}

/// Sixty sweeps with noise of 0.1 % of the loss: each coefficient lies in its 95 % interval in at least
/// fifty of them, which a binomial of 0.95 fails once in 10^4, and estimates are not off by more than
/// four standard errors of their mean.
#[test]
fn intervals_of_simulated_sweeps_hold() {
    const SETS: u64 = 60;
    let truth: Vec<f64> = LR.iter().chain(&BATCH).copied().collect();
    let mut inside = [0; 5];
    let mut errors: [Vec<f64>; 5] = Default::default();
    for seed in 0..SETS {
        let config = TuningConfig { bootstrap: 400, seed, ..TuningConfig::default() };
        let fit = fit_tuning(&sweep(100 + seed, 1e-3), &config).expect("a fit");
        for (k, (found, interval)) in coefficients(&fit).iter().enumerate() {
            inside[k] += u64::from(interval.contains(truth[k]));
            errors[k].push(found - truth[k]);
        }
    }
    eprintln!("{inside:?} of {SETS} inside");
    for k in 0..5 {
        assert!(inside[k] >= 50, "coefficient {k}: {inside:?} of {SETS}");
        let n = SETS as f64;
        let mean = errors[k].iter().sum::<f64>() / n;
        let sd = (errors[k].iter().map(|e| (e - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
        assert!(mean.abs() < 4.0 * sd / n.sqrt(), "coefficient {k}: {mean:e} {sd:e}");
    }
}

/// An optimum beyond either end of the grid, a valley lost in noise, and a cell of few runs are refused
/// each with its reason; the law is that of the others.
#[test]
fn edges_flat_valleys_and_small_cells_are_refused_by_name() {
    let mut runs = sweep(2, 0.0).runs;
    let mut still = || 0.0;
    runs.extend(cell(2e9, 2e9, (6.0, 0.0), &mut still));
    runs.extend(cell(2e9, 8e9, (-6.0, 0.0), &mut still));
    runs.extend(cell(2e9, 3.2e10, (0.0, 5.0), &mut still));
    let mut rng = stream(3, 0);
    let mut loud = || 0.2 * (rng.random_range(0.0..1.0) - 0.5);
    runs.extend(cell(3e9, 2e9, (0.0, 0.0), &mut loud));
    runs.extend(cell(3e9, 8e9, (0.0, 0.0), &mut still).into_iter().take(5));
    let fit = fit_tuning(&table(runs), &TuningConfig::default()).expect("a fit");
    let problem = |n: f64, d: f64| {
        let cell = fit.refused.iter().find(|c| c.n.get() == n && c.d.get() == d);
        cell.unwrap_or_else(|| panic!("{n} {d} was not refused: {:?}", fit.cells)).problem
    };
    // The grid lies above the optimum, so that is at the smallest rate.
    assert_eq!(problem(2e9, 2e9), CellProblem::Edge { batch: false, upper: false });
    assert_eq!(problem(2e9, 8e9), CellProblem::Edge { batch: false, upper: true });
    assert_eq!(problem(2e9, 3.2e10), CellProblem::Edge { batch: true, upper: false });
    assert!(!matches!(problem(3e9, 2e9), CellProblem::FewRuns { .. }));
    assert!(matches!(problem(3e9, 8e9), CellProblem::FewRuns { .. } | CellProblem::OneRate));
    assert!((fit.lr.n_exponent.expect("N varies") - LR[1]).abs() < 1e-6);
    let text = fit.refused.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(text.contains("smallest learning rate") && text.contains("add smaller"), "{text}");
}

#[test]
fn too_few_cells_say_what_is_missing() {
    let mut still = || 0.0;
    let one = cell(1e9, 2e10, (0.0, 0.0), &mut still);
    let error = fit_tuning(&table(one), &TuningConfig::default()).expect_err("one cell");
    assert!(error.to_string().contains("cells of several N or D"), "{error}");
    // N and D in one ratio cannot be told apart.
    let line: Vec<TuningRun> = [1e8, 2e8, 4e8, 8e8, 1.6e9]
        .into_iter()
        .flat_map(|n| cell(n, 20.0 * n, (0.0, 0.0), &mut still))
        .collect();
    let error = fit_tuning(&table(line), &TuningConfig::default()).expect_err("one ratio");
    assert!(error.to_string().contains("one line"), "{error}");
    // One size gives a law in D, one batch none of the batch.
    let sizes: Vec<TuningRun> = [1e9, 4e9, 1.6e10, 6.4e10]
        .into_iter()
        .flat_map(|d| cell(1e8, d, (0.0, 0.0), &mut still))
        .map(|run| TuningRun { batch: None, ..run })
        .collect();
    let fit = fit_tuning(&table(sizes), &TuningConfig::default()).expect("a law in D");
    assert!(fit.lr.n_exponent.is_none() && fit.batch.is_none());
}

/// Three rates per cell and one batch: a parabola through three points, or a refusal at an end.
#[test]
fn three_rates_per_cell_are_enough_for_a_law_of_the_rate() {
    let mut runs = Vec::new();
    for (n, middle) in [(1e8, 0.2), (2e8, -0.1), (4e8, 0.3), (8e8, -0.2), (1.6e9, 5.0)] {
        for d in [4e9, 1.6e10] {
            for step in [-1.0, 0.0, 1.0] {
                let x = middle + 1.5 * step;
                let (n, d) = (Params::new(n), Tokens::new(d));
                let lr = (ln_lr(n.get(), d.get()) + x).exp();
                let loss_nats = 3.0 * (0.01 * x * x).exp();
                runs.push(TuningRun { n, d, lr, batch: None, loss_nats });
            }
        }
    }
    let fit = fit_tuning(&table(runs), &TuningConfig::default()).expect("a law");
    assert_eq!((fit.cells.len(), fit.refused.len()), (8, 2));
    let edge = CellProblem::Edge { batch: false, upper: false };
    assert!(fit.refused.iter().all(|cell| cell.problem == edge), "{:?}", fit.refused);
    assert!((fit.lr.n_exponent.expect("N varies") - LR[1]).abs() < 1e-6);
    assert!(fit.cells[0].lr_se.is_none());
}

fn isoloss(args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_isoloss")).args(args).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
}

/// Li et al. (2025): lr = e^.5863 N^-.7129 D^.3075, batch = e^-.5435 D^.5709 tokens, from the same runs.
#[test]
fn golden_step_law_lies_within_the_spread() {
    let Some(shared) = super::shared::shared_folder("Step Law's runs") else { return };
    let runs = shared.join("reference-data/steplaw/dense.csv").display().to_string();
    let args = ["tune", &runs, "--at-params", "1B", "--at-tokens", "100B", "--json"];
    let (code, text, error) = isoloss(&args);
    assert_eq!(code, 0, "{error}");
    let json: serde_json::Value = serde_json::from_str(&text).expect("one object");
    for (law, name, want) in [
        ("lr", "ln_factor", 0.5863),
        ("lr", "n_exponent", -0.7129),
        ("lr", "d_exponent", 0.3075),
        ("batch", "ln_factor", -0.5435),
        ("batch", "d_exponent", 0.5709),
    ] {
        let end = |k: usize| json[law]["intervals"][name][k].as_f64().expect("a number");
        assert!(end(0) <= want && want <= end(1), "{law} {name}: {} to {}", end(0), end(1));
    }
    let batch = json["settings"][0]["batch"].as_f64().expect("a number");
    assert!((5e5..2e6).contains(&batch), "{batch}");
    assert_eq!(json["batch_unit"], "tokens");
}

#[test]
fn a_sweep_is_read_by_its_columns() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("sweep.csv");
    let mut text = "params,tokens,max_lr,gbs,final_loss\n".to_owned();
    for run in sweep(5, 1e-4).runs {
        let batch = run.batch.expect("batches") / 2048.0;
        let (n, d, lr, loss) = (run.n.get(), run.d.get(), run.lr, run.loss_nats);
        text.push_str(&format!("{n},{d},{lr:e},{batch},{loss}\n"));
    }
    std::fs::write(&path, &text).expect("a file");
    let path = path.display().to_string();
    let args = [
        "tune",
        &path,
        "--map",
        "loss=final_loss",
        "--given",
        "seq_len=2048",
        "--bootstrap",
        "40",
        "--json",
    ];
    let (code, out, error) = isoloss(&args);
    assert_eq!(code, 0, "{error}");
    let json: serde_json::Value = serde_json::from_str(&out).expect("one object");
    let exponent = json["batch"]["d_exponent"].as_f64().expect("a number");
    assert!((exponent - BATCH[1]).abs() < 0.05, "{exponent}");
    let factor = json["batch"]["ln_factor"].as_f64().expect("a number");
    assert!((factor - BATCH[0]).abs() < 1.0, "in tokens: {factor}");
    let (code, _, error) = isoloss(&["tune", &path, "--map", "loss=final_loss", "--lr", "eta"]);
    assert!(code == 2 && error.contains("`eta`"), "{error}");
}
