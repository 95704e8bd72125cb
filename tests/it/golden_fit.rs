//! The fit of the digitised Chinchilla runs against a minimum computed elsewhere to 50 digits.
//!
//! Source: `reference-data/chinchilla-epoch/golden.json` of the shared folder (mpmath), on the 245
//! points Besiroglu et al. 2024 (arXiv:2404.10102) read off the figures of Hoffmann et al. 2022.

use std::path::Path;

use isoloss::data::{ReadOptions, RunRecord, RunTable, read};
use isoloss::fit::{Fit, FitConfig, Objective, Resample, fit, score_held_out};
use isoloss::law::{Chinchilla, GadreOvertraining, Point};
use isoloss::plan::compute_optimal;
use isoloss::units::{Flops, ParamRule, Params, Tokens};
use serde_json::Value;

use crate::shared::shared_folder;

/// Tolerances for coefficients the reference prints to 14 and to 8 digits.
const PRINTED_14: f64 = 1e-11;
const PRINTED_8: f64 = 5e-8;

const NAMES: [&str; 5] = ["A", "B", "E", "alpha", "beta"];

struct Reference {
    golden: Value,
    all: RunTable,
    kept: RunTable,
}

fn reference(what: &str) -> Option<Reference> {
    let folder = shared_folder(what)?.join("reference-data/chinchilla-epoch");
    let text = std::fs::read_to_string(folder.join("golden.json")).expect("golden.json");
    let golden = serde_json::from_str(&text).expect("golden.json parses");
    Some(Reference { golden, all: table(&folder, vec![]), kept: table(&folder, (0..5).collect()) })
}

fn table(folder: &Path, exclude: Vec<usize>) -> RunTable {
    let options = ReadOptions {
        map: "n=Model Size,c=Training FLOP,loss=loss".parse().expect("a column map"),
        exclude,
        ..ReadOptions::default()
    };
    read(&[folder.join("svg_extracted_data.csv")], &options).expect("the digitised runs")
}

fn point_fit(runs: &RunTable, delta: f64) -> Fit {
    let config = FitConfig { delta, bootstrap: 0, ..FitConfig::default() };
    fit(&Chinchilla, runs, &config).expect("a fit")
}

fn number(value: &Value, pointer: &str) -> f64 {
    value.pointer(pointer).and_then(Value::as_f64).unwrap_or_else(|| panic!("{pointer} in golden"))
}

/// Coefficients to `tolerance` relative, the objective to 1e-14, and the certificate.
fn assert_minimum(fitted: &Fit, golden: &Value, tolerance: f64) {
    for name in NAMES {
        let want = number(golden, &format!("/{name}"));
        let error = fitted.coefficients[name] / want - 1.0;
        eprintln!("delta {:e}, {name}: relative difference {error:e}", fitted.delta);
        assert!(error.abs() < tolerance, "{name}: {error:e}");
    }
    let difference = fitted.objective_value - number(golden, "/objective_sum");
    eprintln!("delta {:e}, objective: difference {difference:e}", fitted.delta);
    assert!(difference.abs() < 1e-14, "objective: {difference:e}");
    assert!(fitted.certificate.certified, "{:?}", fitted.certificate);
}

#[test]
fn golden_the_huber_minimum_of_240_rows_is_the_certified_one() {
    let Some(r) = reference("the Huber minimum of 240 rows") else {
        return;
    };
    let golden = &r.golden["huber_log_1e-3_sum"];
    let fitted = point_fit(&r.kept, 1e-3);
    assert_eq!(fitted.n_points, 240);
    assert_minimum(&fitted, golden, PRINTED_14);
    let certificate = &fitted.certificate;
    assert_eq!(Some(certificate.rows_in_band as u64), golden["rows_inside_band"].as_u64());
    let want = number(golden, "/hessian_eigenvalues_lnA_lnB_lnE_alpha_beta/0");
    let eigenvalue = certificate.hessian_min_eigenvalue;
    eprintln!("smallest eigenvalue {eigenvalue:e}, want {want:e}; {certificate:?}");
    assert!((eigenvalue / want - 1.0).abs() < 1e-3, "{eigenvalue:e}");
}

#[test]
fn golden_plans_of_the_huber_minimum_are_the_reference_ones() {
    let Some(r) = reference("plans of the Huber minimum") else {
        return;
    };
    let golden = &r.golden["huber_log_1e-3_sum"];
    let surface = point_fit(&r.kept, 1e-3).surface;
    let c = Flops::new(5.88e23);
    let plan = compute_optimal(&surface, c).expect("an optimum");
    let loss = surface.loss(&Point::new(Params::new(70e9), Tokens::new(1.4e12)));
    let exponent = surface.allocation_exponent(c).expect("an optimum");
    for (key, ours) in [
        ("/n_opt_5.88e23", plan.n.get()),
        ("/d_opt_5.88e23", plan.d.get()),
        ("/tokens_per_param_5.88e23", plan.tokens_per_param),
        ("/loss_at_opt_5.88e23", plan.loss_nats),
        ("/loss_70e9_1.4e12", loss),
        ("/a_opt", exponent),
    ] {
        let error = ours / number(golden, key) - 1.0;
        eprintln!("{key}: relative difference {error:e}");
        assert!(error.abs() < 1e-6, "{key}: {error:e}");
    }
}

#[test]
fn golden_the_huber_minimum_of_all_245_rows_is_the_reference_one() {
    let Some(r) = reference("the Huber minimum of all 245 rows") else {
        return;
    };
    let golden = &r.golden["huber_log_1e-3_sum_all_245"];
    let fitted = point_fit(&r.all, 1e-3);
    assert_eq!(fitted.n_points, 245);
    assert_minimum(&fitted, golden, PRINTED_14);
    let in_band = fitted.certificate.rows_in_band as u64;
    assert_eq!(Some(in_band), golden["rows_inside_band"].as_u64());
}

#[test]
fn golden_other_widths_of_the_band_give_the_reference_minima() {
    let Some(r) = reference("other widths of the Huber band") else {
        return;
    };
    for (key, delta) in [("1e-2", 1e-2), ("1e-4", 1e-4)] {
        let fitted = point_fit(&r.kept, delta);
        assert_minimum(&fitted, &r.golden["huber_log_other_delta"][key], PRINTED_14);
    }
}

#[test]
fn golden_large_budgets_are_predicted_from_small_ones_as_well_as_in_the_reference() {
    let Some(r) = reference("the held-out test") else {
        return;
    };
    let golden = &r.golden["held_out_train_C_lt_1e21"];
    let config = FitConfig { bootstrap: 0, ..FitConfig::default() };
    let condition: isoloss::data::HoldOut = "C>=1e21".parse().expect("a condition");
    let (train, test) = condition.split(&r.kept).expect("two sides");
    let fitted = fit(&Chinchilla, &train, &config).expect("a fit");
    let scores = score_held_out(&fitted, &test, &condition);
    assert_eq!(Some(fitted.n_points as u64), golden["train_rows"].as_u64());
    assert_eq!(Some(scores.n_points as u64), golden["test_rows"].as_u64());
    let golden = &golden["huber_1e-3"];
    assert_minimum(&fitted, golden, PRINTED_8);
    for (key, ours) in [
        ("/test_mean_abs_rel_pct", scores.mean_abs_error),
        ("/test_max_abs_rel_pct", scores.max_abs_error),
        ("/test_mean_signed_rel_pct", scores.bias),
    ] {
        let difference = 100.0 * ours - number(golden, key);
        eprintln!("{key}: difference {difference:e} points");
        // Six decimals are printed.
        assert!(difference.abs() < 0.6e-6, "{key}: {difference:e}");
    }
}

#[test]
fn golden_bootstrap_spreads_agree_within_monte_carlo_error() {
    let Some(r) = reference("the bootstrap") else {
        return;
    };
    let golden = &r.golden["bootstrap_huber_1e-3"];
    let config = FitConfig { bootstrap: 4000, seed: 42, ..FitConfig::default() };
    let fitted = fit(&Chinchilla, &r.kept, &config).expect("a fit");
    assert_eq!(fitted.draws_failed, 0);
    assert_eq!(fitted.draws.len(), 4000);
    // Ours and theirs are both estimates from 4000 draws.
    let four_errors = 4.0 * 2_f64.sqrt();
    for (name, key) in NAMES.map(|n| (n, n)).into_iter().chain([("n_exponent", "a_opt")]) {
        let want = number(golden, &format!("/sd/{key}"));
        let bound = four_errors * number(golden, &format!("/monte_carlo_se_of_sd_relative/{key}"));
        let error = fitted.std_errors[name] / want - 1.0;
        eprintln!("SD of {name}: relative difference {error:+.4}, bound {bound:.4}");
        assert!(error.abs() < bound, "{name}: {error:+.4}");
    }
    let ensemble = fitted.ensemble();
    let optimum = ensemble.map(|s| compute_optimal(s, Flops::new(5.88e23)));
    let chinchilla = Point::new(Params::new(70e9), Tokens::new(1.4e12));
    let losses = ensemble.map(|s| Ok(s.loss(&chinchilla)));
    assert_eq!((optimum.failed, losses.failed), (0, 0));
    // A 2.5 % quantile of 4000 normal draws has a standard error of sqrt(0.025 · 0.975 / 4000) /
    // 0.0584 = 0.0423 SD. A, B and D/N are closer to normal in their logarithms.
    let bound_in_sd = four_errors * 0.0423;
    let ln_ratio_sd = {
        // ln(D/N) = ln C/6 - 2 ln N on the isoFLOP line.
        2.0 * number(golden, "/sd/ln_n_opt_5.88e23")
    };
    type Scale = fn(f64) -> f64;
    let (log, plain): (Scale, Scale) = (f64::ln, |x| x);
    let sd = |key: &str| number(golden, &format!("/sd/{key}"));
    for (key, ours, scale, sd) in [
        ("A", fitted.intervals["A"], log, sd("lnA")),
        ("B", fitted.intervals["B"], log, sd("lnB")),
        ("E", fitted.intervals["E"], plain, sd("E")),
        ("alpha", fitted.intervals["alpha"], plain, sd("alpha")),
        ("beta", fitted.intervals["beta"], plain, sd("beta")),
        ("a_opt", fitted.intervals["n_exponent"], plain, sd("a_opt")),
        (
            "tokens_per_param_5.88e23",
            optimum.interval(|p| p.tokens_per_param).expect("draws"),
            log,
            ln_ratio_sd,
        ),
        (
            "loss_70e9_1.4e12",
            losses.interval(|l| *l).expect("draws"),
            plain,
            sd("loss_70e9_1.4e12"),
        ),
    ] {
        for (end, ours) in [ours.lo, ours.hi].into_iter().enumerate() {
            let want = number(golden, &format!("/percentile_2.5_97.5/{key}/{end}"));
            let off = (scale(ours) - scale(want)) / sd;
            eprintln!("{key} end {end}: {ours} for {want}, {off:+.3} SD");
            assert!(off.abs() < bound_in_sd, "{key} end {end}: {off:+.3} SD");
        }
    }
}

/// The other objectives, at 1e-6 relative as the references were printed.
#[test]
fn golden_every_objective_finds_its_reference_minimum() {
    let Some(r) = reference("the minima of the other objectives") else {
        return;
    };
    for (objective, key, value) in [
        (Objective::LadLog, "least_absolute_deviation_log", "/lad_sum"),
        (Objective::LsLog, "least_squares_log", "/sum_r2"),
        (Objective::LsLoss, "least_squares_linear_loss", "/rss"),
    ] {
        let golden = &r.golden[key];
        let config = FitConfig { objective, bootstrap: 0, ..FitConfig::default() };
        let fitted = fit(&Chinchilla, &r.kept, &config).expect("a fit");
        for name in NAMES {
            let error = fitted.coefficients[name] / number(golden, &format!("/{name}")) - 1.0;
            eprintln!("{objective}, {name}: relative difference {error:e}");
            // Ten digits are printed; the absolute deviations to twelve.
            assert!(error.abs() < 2e-9, "{objective}, {name}: {error:e}");
        }
        let error = fitted.objective_value / number(golden, value) - 1.0;
        assert!(error.abs() < 1e-12, "{objective}: {error:e}");
        assert!(fitted.certificate.certified, "{objective}: {:?}", fitted.certificate);
    }
}

#[test]
fn golden_absolute_deviations_meet_the_reference_rows() {
    let Some(r) = reference("the rows that absolute deviations meet") else {
        return;
    };
    let config = FitConfig { objective: Objective::LadLog, bootstrap: 0, ..FitConfig::default() };
    let fitted = fit(&Chinchilla, &r.kept, &config).expect("a fit");
    let golden = r.golden.pointer("/least_absolute_deviation_log/rows_interpolated");
    let want: Vec<usize> = serde_json::from_value(golden.expect("rows").clone()).expect("numbers");
    let met: Vec<usize> = r
        .kept
        .runs
        .iter()
        .zip(&fitted.residuals)
        .filter(|(_, residual)| residual.abs() < 1e-11)
        .map(|(run, _)| run.row)
        .collect();
    // The reference counts either data rows or kept rows.
    let kept: Vec<usize> = met.iter().map(|row| row - 5).collect();
    assert!(met == want || kept == want, "{met:?} for {want:?}");
}

/// Gadre's three five-run fits to 1e-7, and what they predict for the largest runs.
#[test]
fn golden_the_overtraining_law_of_three_datasets() {
    let Some(folder) = shared_folder("the overtraining fits") else {
        return;
    };
    let folder = folder.join("reference-data/gadre-overtraining");
    let text = std::fs::read_to_string(folder.join("golden.json")).expect("golden.json");
    let golden: Value = serde_json::from_str(&text).expect("golden.json parses");
    let mut csv = std::fs::read_to_string(folder.join("models_104.csv")).expect("runs");
    csv.retain(|c| c != '\r');
    let mut lines = csv.lines().map(|l| l.split(',').collect::<Vec<_>>());
    let header = lines.next().expect("a header");
    let column = |name: &str| header.iter().position(|h| *h == name).expect("a column");
    let [set, params, tokens, multiplier, loss] =
        ["train_set", "params", "tokens", "token_multiplier", "loss_c4_val"].map(column);
    let rows: Vec<Vec<&str>> = lines.collect();
    for (name, largest) in [
        ("c4_original", ("1.4B M=80", 80.0)),
        ("rpj", ("1.4B M=640", 640.0)),
        ("rw_original", ("1.4B M=320", 320.0)),
    ] {
        let runs: Vec<(f64, RunRecord)> = rows
            .iter()
            .enumerate()
            .filter(|(_, cells)| cells[set] == name)
            .map(|(row, cells)| {
                let value = |i: usize| cells[i].parse::<f64>().expect("a number");
                let (n, d) = (Params::new(value(params)), Tokens::new(value(tokens)));
                let c = Flops::new(6.0 * n.get() * d.get());
                let run = format!("{name}-{row}");
                let run = RunRecord { c, row, ..RunRecord::new(run, n, d, value(loss)) };
                (value(multiplier), run)
            })
            .collect();
        let is_fitted =
            |m: f64, n: Params| (m == 20.0 && n.get() < 4.2e8) || (m == 320.0 && n.get() < 1.1e7);
        let fitted_on =
            runs.iter().filter(|(m, r)| is_fitted(*m, r.n)).map(|(_, r)| r.clone()).collect();
        let table = RunTable::from_runs(fitted_on, ParamRule::All);
        assert_eq!(table.runs.len(), 5);
        let config =
            FitConfig { objective: Objective::LsLoss, bootstrap: 0, ..FitConfig::default() };
        let fitted = fit(&GadreOvertraining, &table, &config).expect("a fit");
        assert!(fitted.certificate.certified, "{name}: {:?}", fitted.certificate);
        let golden = &golden[name];
        for coef in ["E", "a", "b", "eta"] {
            let error = fitted.coefficients[coef] / number(golden, &format!("/{coef}")) - 1.0;
            eprintln!("{name}, {coef}: relative difference {error:e}");
            assert!(error.abs() < 1e-7, "{name}, {coef}: {error:e}");
        }
        let error = fitted.objective_value / number(golden, "/rss") - 1.0;
        assert!(error.abs() < 1e-7, "{name}: {error:e}");
        for (key, m, n) in [(largest.0, largest.1, 1.4e9), ("6.9B M=20", 20.0, 6.9e9)] {
            let near = |r: &RunRecord| (r.n.get() / n).ln().abs() < 0.1;
            let (_, run) = runs.iter().find(|(t, r)| *t == m && near(r)).expect("the run");
            let ours =
                100.0 * (fitted.surface.loss(&Point::new(run.n, run.d)) / run.loss_nats - 1.0);
            let want = golden["held_out_loss_rel_pct"][key].as_f64().expect("a number");
            // Four decimals are printed; magnitudes of the error for some.
            assert!((ours.abs() - want.abs()).abs() < 6e-5, "{name} {key}: {ours} for {want}");
        }
    }
}

#[test]
fn holding_a_coefficient_at_its_minimum_changes_nothing_and_elsewhere_costs() {
    let Some(r) = reference("held coefficients") else {
        return;
    };
    let free = point_fit(&r.kept, 1e-3);
    // E stays put under recentring, A does not.
    for name in ["E", "alpha", "A"] {
        let hold = |value: f64| {
            let fixed = [(name.to_owned(), value)].into();
            let config = FitConfig { fixed, bootstrap: 20, ..FitConfig::default() };
            fit(&Chinchilla, &r.kept, &config).expect("a fit")
        };
        let same = hold(free.coefficients[name]);
        for other in NAMES {
            let error = same.coefficients[other] / free.coefficients[other] - 1.0;
            assert!(error.abs() < 1e-9, "{name} held, {other}: {error:e}");
        }
        let moved = hold(free.coefficients[name] * 0.97);
        assert_eq!(moved.coefficients[name], free.coefficients[name] * 0.97);
        assert!(moved.objective_value > free.objective_value, "{name}");
        assert!(moved.certificate.certified, "{name}: {:?}", moved.certificate);
        assert!(!moved.intervals.contains_key(name), "a held {name} has no interval");
    }
}

/// An over-estimate counts ten times: most runs lie above the law, as under-tuned runs should.
#[test]
fn the_asymmetric_law_lies_below_most_runs() {
    let Some(r) = reference("the asymmetric objective") else {
        return;
    };
    let config =
        FitConfig { objective: Objective::AsymmetricLog, bootstrap: 0, ..FitConfig::default() };
    let fitted = fit(&Chinchilla, &r.kept, &config).expect("a fit");
    assert!(fitted.certificate.certified, "{:?}", fitted.certificate);
    let over = fitted.residuals.iter().filter(|r| **r > 0.0).count() as f64;
    // At the minimum over E alone the linear pulls balance: over · 10 = under, up to runs in band.
    let slack = fitted.certificate.rows_in_band as f64;
    let expected = fitted.residuals.len() as f64 / 11.0;
    assert!((over - expected).abs() <= slack, "{over} over-estimates, {expected} expected");
}

/// Random signs estimate what the sandwich estimates: SDs between the reference HC0 and HC3, give
/// or take four Monte Carlo errors of 4000 draws, 1 / sqrt(8000) = 1.1 % each. A and B are left out:
/// they are skewed, and the reference linearises them.
#[test]
fn golden_wild_resampling_of_least_squares_gives_the_reference_sandwich() {
    let Some(r) = reference("the sandwich of least squares") else {
        return;
    };
    let golden = &r.golden["least_squares_log"];
    let (objective, resample) = (Objective::LsLog, Resample::Wild);
    let config = FitConfig { objective, resample, seed: 5, ..FitConfig::default() };
    let fitted = fit(&Chinchilla, &r.kept, &config).expect("a fit");
    assert_eq!(fitted.draws_failed, 0);
    for name in ["E", "alpha", "beta"] {
        let sd = fitted.std_errors[name];
        let low = number(golden, &format!("/se_hc0/{name}")) * (1.0 - 0.045);
        let high = number(golden, &format!("/se_hc3/{name}")) * (1.0 + 0.045);
        eprintln!("wild SD of {name}: {sd:.5e} in {low:.5e} to {high:.5e}");
        assert!((low..=high).contains(&sd), "{name}: {sd:e} not in {low:e} to {high:e}");
    }
}

/// Wald and HC3 errors and the correlations the reference prints, to its seven and six digits.
#[test]
fn golden_diagnostics_of_least_squares_are_the_reference_ones() {
    let Some(r) = reference("the diagnostics of least squares") else {
        return;
    };
    let golden = &r.golden["least_squares_log"];
    let objective = Objective::LsLog;
    let config = FitConfig { objective, bootstrap: 0, ..FitConfig::default() };
    let fitted = fit(&Chinchilla, &r.kept, &config).expect("a fit");
    let d = fitted.diagnostics.as_ref().expect("the runs fix the law");
    for name in NAMES {
        for (key, ours) in
            [("se_wald_gauss_newton", &d.wald_std_errors), ("se_hc3", &d.hc3_std_errors)]
        {
            let error = ours[name] / number(golden, &format!("/{key}/{name}")) - 1.0;
            eprintln!("{key} of {name}: relative difference {error:e}");
            assert!(error.abs() < 1e-6, "{key} {name}: {error:e}");
        }
    }
    assert!((d.residual_sd / number(golden, "/s") - 1.0).abs() < 1e-8);
    for (pair, key) in [(["A", "alpha"], "/corr_lnA_alpha"), (["B", "beta"], "/corr_lnB_beta")] {
        let found = d.correlations.iter().find(|c| c.coefs == pair).expect("entangled");
        assert!((found.correlation - number(golden, key)).abs() < 1e-6, "{found:?}");
    }
    // SOURCE.md of the data: the run farthest off is row 5, by 0.0503 under the Huber fit.
    let huber = point_fit(&r.kept, 1e-3);
    let worst = &huber.diagnostics.as_ref().expect("the runs fix the law").outliers[0];
    assert_eq!(worst.row, 5);
    assert!((worst.residual.abs() - 0.0503).abs() < 1e-4, "{worst:?}");
}
