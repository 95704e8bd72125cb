//! Hoffmann's three approaches: isoFLOP profiles against the reference, the envelope against a known law.

use isoloss::data::{ReadOptions, RunRecord, RunTable, read};
use isoloss::fit::{FitConfig, approaches, decide, fit, leave_groups_out, valleys, valleys_within};
use isoloss::fit::{Resample, Valley};
use isoloss::law::{Chinchilla, Point, Surface};
use isoloss::num::stream;
use isoloss::units::{Flops, ParamRule, Params, Tokens};
use rand::RngExt;
use serde_json::Value;

use crate::shared::shared_folder;

/// The 124 digitised rows within 10 % of a nominal budget, at that budget: the rule of golden.json.
fn nominal(what: &str) -> Option<(Value, RunTable)> {
    let folder = shared_folder(what)?.join("reference-data/chinchilla-epoch");
    let text = std::fs::read_to_string(folder.join("golden.json")).expect("golden.json");
    let golden: Value = serde_json::from_str(&text).expect("golden.json parses");
    let options = ReadOptions {
        map: "n=Model Size,c=Training FLOP,loss=loss".parse().expect("a map"),
        exclude: (0..5).collect(),
        ..ReadOptions::default()
    };
    let table = read(&[folder.join("svg_extracted_data.csv")], &options).expect("the runs");
    let budgets = [6e18, 1e19, 3e19, 6e19, 1e20, 3e20, 6e20, 1e21, 3e21_f64];
    let runs: Vec<RunRecord> = table
        .runs
        .iter()
        .filter_map(|r| {
            let c = r.c.get();
            let budget = *budgets.iter().find(|b| (c / **b - 1.0).abs() < 0.1)?;
            let d = Tokens::new(budget / (6.0 * r.n.get()));
            let c = Flops::new(budget);
            Some(RunRecord { d, c, budget: Some(c), ..r.clone() })
        })
        .collect();
    assert_eq!(runs.len(), 124);
    Some((golden["approach_2"].clone(), table.with_runs(runs)))
}

/// ln N of the minimum of the parabola; the reference keeps those outside the sizes.
fn minimum(valley: &Valley) -> f64 {
    valley.ln_n0 - valley.parabola[1] / (2.0 * valley.parabola[2])
}

/// log10 N* = a log10 C + b by least squares.
fn line(valleys: &[Valley]) -> (f64, f64) {
    let log10_n = |v: &Valley| minimum(v) / std::f64::consts::LN_10;
    let points: Vec<(f64, f64)> = valleys.iter().map(|v| (v.c.get().log10(), log10_n(v))).collect();
    let k = points.len() as f64;
    let (mx, my) = points.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0 / k, y + p.1 / k));
    let (xy, xx) = points
        .iter()
        .fold((0.0, 0.0), |(xy, xx), p| (xy + (p.0 - mx) * (p.1 - my), xx + (p.0 - mx).powi(2)));
    (xy / xx, my - xy / xx * mx)
}

#[test]
fn golden_profiles_through_all_points_and_through_those_near_the_minimum() {
    let Some((golden, table)) = nominal("isoFLOP profiles") else { return };
    let near = |ours: f64, want: &Value, tolerance: f64, what: &str| {
        let want = want.as_f64().unwrap_or_else(|| panic!("{what} in golden"));
        eprintln!("{what}: {ours} for {want}");
        assert!((ours / want - 1.0).abs() < tolerance, "{what}: {ours} for {want}");
    };
    let all = valleys(&table);
    assert_eq!(all.len(), 9);
    near(line(&all).0, &golden["window_all_points"]["a"], 1e-6, "a, all points");
    near(line(&all).1, &golden["window_all_points"]["intercept"], 1e-8, "b, all points");
    let four = valleys_within(&table, 4.0);
    let reference = &golden["window_factor_4_of_lowest_loss_N"];
    near(line(&four).0, &reference["a"], 1e-9, "a, factor 4");
    let each = reference["per_budget_n_points_c2_nopt_lossmin"].as_array().expect("nine budgets");
    assert_eq!(each.len(), four.len());
    for (valley, want) in four.iter().zip(each) {
        near(valley.c.get(), &want[0], 1e-12, "budget");
        assert_eq!(valley.n_points as f64, want[1].as_f64().expect("points"));
        // The reference's parabola is in log10 N.
        let c2 = valley.parabola[2] * std::f64::consts::LN_10.powi(2);
        near(c2, &want[2], 1e-8, "curvature");
        near(minimum(valley).exp(), &want[3], 1e-8, "N*");
        near(valley.loss_at(minimum(valley)), &want[4], 1e-9, "loss");
        let open = golden["window_factor_4_of_lowest_loss_N"]["not_bracketed"][0].as_f64();
        assert_eq!(valley.refusal().is_some(), Some(valley.c.get()) == open, "{}", valley.c);
    }
    near(
        line(&valleys_within(&table, 2.5)).0,
        &golden["window_factor_2.5"]["a"],
        1e-9,
        "factor 2.5",
    );
}

/// Training curves of a known law at constant rate: loss after d tokens is that of a run of d.
fn curves(truth: &Surface, noise: f64) -> RunTable {
    let mut rng = stream(5, 0);
    let mut runs = Vec::new();
    for i in 0..14 {
        let n = Params::new(1e7 * 10_f64.powf(0.2 * f64::from(i)));
        let error = noise * (0..12).map(|_| rng.random_range(-0.5..0.5_f64)).sum::<f64>();
        for j in 0..60 {
            let d = Tokens::new(1e8 * 10_f64.powf(0.08 * f64::from(j)));
            let loss = truth.loss(&Point::new(n, d)) * error.exp();
            let run = RunRecord::new(format!("size-{i}"), n, d, loss);
            runs.push(RunRecord { row: runs.len(), ..run });
        }
    }
    RunTable::from_runs(runs, ParamRule::All)
}

#[test]
fn recovers_the_exponent_from_the_envelope_of_curves() {
    let truth = Surface::published("besiroglu").expect("shipped");
    let a = truth.allocation_exponent(Flops::new(1e20)).expect("an optimum");
    let table = curves(&truth, 0.0);
    let config = FitConfig { bootstrap: 200, resample: Resample::Run, ..FitConfig::default() };
    let fitted = fit(&Chinchilla, &table, &config).expect("a fit");
    let sides = approaches(&fitted, &table);
    let envelope = &sides.approaches[0];
    assert!(envelope.refused.is_empty(), "{:?}", envelope.refused);
    // Sizes are a factor 1.58 apart, so each corner is within half of that of the optimum, 0.23 in
    // ln N; over corners spread evenly across 5 decades of C the slope is good to 0.23 / 11 = 0.02.
    let ours = envelope.n_exponent.expect("an exponent");
    assert!((ours - a).abs() < 0.02, "{ours} for {a}");
    assert!(envelope.measured.len() >= 8, "{:?}", envelope.measured);
    let law = sides.approaches[2].n_exponent.expect("an exponent");
    assert!((law - a).abs() < 1e-6, "{law} for {a}");
}

/// One line of C per budget with three sizes: the largest is the best, or the middle is the worst.
#[test]
fn profiles_that_show_no_optimum_are_refused_with_the_reason() {
    let run = |c: f64, n: f64, loss: f64| {
        let d = Tokens::new(c / (6.0 * n));
        let run = RunRecord::new(format!("{c:e} {n:e}"), Params::new(n), d, loss);
        RunRecord { budget: Some(Flops::new(c)), ..run }
    };
    let runs = vec![
        run(1e18, 1e7, 3.0),
        run(1e18, 3e7, 2.8),
        run(1e18, 9e7, 2.7),
        run(1e19, 1e7, 2.5),
        run(1e19, 3e7, 2.6),
        run(1e19, 9e7, 2.4),
        run(1e20, 3e7, 2.3),
        run(1e20, 9e7, 2.2),
        run(1e20, 2.7e8, 2.3),
    ];
    let found = valleys(&RunTable::from_runs(runs, ParamRule::All));
    let reasons: Vec<Option<String>> = found.iter().map(Valley::refusal).collect();
    assert!(reasons[0].as_ref().is_some_and(|r| r.contains("minimum lies outside")), "{reasons:?}");
    assert!(reasons[1].as_ref().is_some_and(|r| r.contains("concave")), "{reasons:?}");
    assert_eq!(reasons[2], None);
}

/// Runs whose law bends away from a power: isoFLOP profiles follow the runs, the law cannot.
#[test]
fn approaches_that_disagree_are_flagged_and_those_that_agree_are_not() {
    let truth = Surface::published("besiroglu").expect("shipped");
    let table = |shift_per_e: f64| {
        let mut rng = stream(8, 0);
        let mut runs = Vec::new();
        for i in 0..5 {
            let c = 1e18 * 10_f64.powi(i);
            let best = truth.ln_n_optimal(Flops::new(c)).expect("an optimum");
            // The law is asked at a size moved along the budget, so that the minimum is elsewhere.
            let moved = shift_per_e * (c / 1e20).ln();
            for j in 0..7 {
                let ln_n = best + moved + 0.35 * f64::from(j - 3);
                let asked = Params::new((ln_n - moved).exp());
                let noise: f64 = (0..12).map(|_| rng.random_range(-0.5..0.5)).sum();
                let loss = truth.loss(&Point::new(asked, Tokens::new(c / (6.0 * asked.get()))));
                let n = Params::new(ln_n.exp());
                let d = Tokens::new(c / (6.0 * n.get()));
                let run = RunRecord::new(format!("{i}-{j}"), n, d, loss * (0.0005 * noise).exp());
                runs.push(RunRecord { budget: Some(Flops::new(c)), row: runs.len(), ..run });
            }
        }
        RunTable::from_runs(runs, ParamRule::All)
    };
    let config = FitConfig { bootstrap: 400, ..FitConfig::default() };
    let sides = |shift: f64| {
        let table = table(shift);
        let fitted = fit(&Chinchilla, &table, &config).expect("a fit");
        approaches(&fitted, &table)
    };
    let agree = sides(0.0);
    assert!(agree.warnings.is_empty(), "{:?}", agree.warnings);
    let a = agree.approaches[1].n_exponent.expect("profiles");
    let truth_a = truth.allocation_exponent(Flops::new(1e20)).expect("an optimum");
    assert!((a - truth_a).abs() < 0.02, "{a} for {truth_a}");
    let moved = sides(0.25).approaches[1].n_exponent.expect("profiles");
    assert!((moved - truth_a - 0.25).abs() < 0.03, "{moved}");
}

/// The decision of the best surface agrees with the plan, and every interval holds its estimate.
#[test]
fn a_decision_is_the_optimum_with_the_spread_of_its_draws() {
    let truth = Surface::published("besiroglu").expect("shipped");
    let table = curves(&truth, 0.002);
    let config = FitConfig { bootstrap: 200, resample: Resample::Run, ..FitConfig::default() };
    let fitted = fit(&Chinchilla, &table, &config).expect("a fit");
    let c = Flops::new(1e25);
    let decision = decide(&fitted, c).expect("an optimum");
    let plan = isoloss::plan::compute_optimal(&fitted.surface, c).expect("a plan");
    assert!((decision.n.get() / plan.n.get() - 1.0).abs() < 1e-12);
    assert!((decision.loss_nats / plan.loss_nats - 1.0).abs() < 1e-12);
    let estimates = [
        ("params", decision.n.get()),
        ("tokens", decision.d.get()),
        ("tokens_per_param", decision.tokens_per_param),
        ("loss", decision.loss_nats),
        ("new_run", decision.loss_nats),
        ("flops_for_loss", c.get()),
        ("loss_at_params", decision.loss_nats),
    ];
    for (name, estimate) in estimates {
        let interval = decision.intervals[name];
        assert!(interval.contains(estimate), "{name}: {estimate} in {interval:?}");
    }
    // The budget for the loss inverts the loss at the budget, draw by draw.
    let one = fitted.ensemble().draws[0].clone();
    let again = decide(&fitted, c).expect("an optimum");
    assert_eq!(decision, again);
    assert!(one.ln_n_optimal(c).is_some());
    assert!(decision.outside.contains_key("C"), "{:?}", decision.outside);
}

/// A group at the edge of the runs is marked by its distance, one in the middle is not.
#[test]
fn groups_left_out_say_how_far_they_lie_from_the_others() {
    let truth = Surface::published("besiroglu").expect("shipped");
    let mut runs = Vec::new();
    for i in 0..6 {
        for j in 0..6 {
            let n = Params::new(1e8 * 2_f64.powi(i));
            let d = Tokens::new(n.get() * 5.0 * 2_f64.powi(j));
            let loss = truth.loss(&Point::new(n, d));
            runs.push(RunRecord { row: runs.len(), ..RunRecord::new(format!("{i}"), n, d, loss) });
        }
    }
    let table = RunTable::from_runs(runs, ParamRule::All);
    let config = FitConfig { bootstrap: 20, ..FitConfig::default() };
    let left = leave_groups_out(&Chinchilla, &table, Resample::Size, &config).expect("groups");
    assert_eq!((left.folds.len(), left.n_points), (6, 36));
    assert!(left.mean_abs_error < 1e-9, "exact losses: {}", left.mean_abs_error);
    for fold in &left.folds {
        let edge = fold.group == "N 100M" || fold.group == "N 3.20B";
        assert_eq!(fold.distance > 1.9, edge, "{fold:?}");
    }
}
