//! Bounds, priors and weights, and the profiles that show what the runs do not fix.

use isoloss::data::{RunRecord, RunTable};
use isoloss::fit::{Fit, FitConfig, NormalPrior, Objective, ProfileOf, fit};
use isoloss::law::{Chinchilla, Point, Range, Surface};
use isoloss::num::stream;
use isoloss::units::{ParamRule, Params, Tokens};
use rand::RngExt;

/// 48 runs of the refitted Chinchilla law with nearly normal log errors of 0.3 %.
fn runs() -> RunTable {
    let truth = Surface::published("besiroglu").expect("shipped");
    let mut rng = stream(11, 0);
    let mut runs = Vec::new();
    for i in 0..6 {
        for j in 0..8 {
            let n = Params::new(5e7 * 10_f64.powf(f64::from(i) * 0.4));
            let d = Tokens::new(n.get() * 2.0 * 2_f64.powi(j));
            let noise: f64 = (0..12).map(|_| rng.random_range(-0.5..0.5)).sum();
            let loss = truth.loss(&Point::new(n, d)) * (0.003 * noise).exp();
            runs.push(RunRecord {
                row: runs.len(),
                ..RunRecord::new(format!("{i}-{j}"), n, d, loss)
            });
        }
    }
    RunTable::from_runs(runs, ParamRule::All)
}

fn squares() -> FitConfig {
    FitConfig { objective: Objective::LsLog, bootstrap: 0, ..FitConfig::default() }
}

fn fitted(runs: &RunTable, config: &FitConfig) -> Fit {
    fit(&Chinchilla, runs, config).expect("a fit")
}

fn codes(fit: &Fit) -> Vec<&'static str> {
    fit.warnings.iter().map(|w| w.code()).collect()
}

#[test]
fn a_bound_that_holds_the_minimum_changes_nothing() {
    let free = fitted(&runs(), &squares());
    let e = free.coefficients["E"];
    let bounds = [("E".to_owned(), Range { lo: e - 0.1, hi: e + 0.1 })].into();
    let bounded = fitted(&runs(), &FitConfig { bounds, ..squares() });
    for (name, value) in &free.coefficients {
        assert!((bounded.coefficients[name] / value - 1.0).abs() < 1e-7, "{name}");
    }
    assert!(!codes(&bounded).contains(&"at-bound"));
}

#[test]
fn a_bound_below_the_minimum_is_met_as_if_the_coefficient_were_held_there() {
    for name in ["E", "A", "beta"] {
        let free = fitted(&runs(), &squares());
        let hi = 0.97 * free.coefficients[name];
        let bounds = [(name.to_owned(), Range { lo: 0.5 * hi, hi })].into();
        let bounded = fitted(&runs(), &FitConfig { bounds, ..squares() });
        let fixed = [(name.to_owned(), hi)].into();
        let held = fitted(&runs(), &FitConfig { fixed, ..squares() });
        assert_eq!(bounded.coefficients[name], hi);
        assert!((bounded.objective_value / held.objective_value - 1.0).abs() < 1e-10, "{name}");
        assert!(bounded.objective_value > free.objective_value);
        assert!(codes(&bounded).contains(&"at-bound"), "{:?}", codes(&bounded));
    }
}

/// Two bounds at once, where the first one held pushes the other coefficient out of its range.
#[test]
fn two_bounds_are_met_together() {
    let free = fitted(&runs(), &squares());
    let (e, alpha) = (free.coefficients["E"], free.coefficients["alpha"]);
    let ranges = [
        ("E".to_owned(), Range { lo: 0.5, hi: 0.97 * e }),
        ("alpha".to_owned(), Range { lo: 0.999 * alpha, hi: 1.5 }),
    ];
    let bounded = fitted(&runs(), &FitConfig { bounds: ranges.into(), ..squares() });
    assert!(bounded.coefficients["E"] <= 0.97 * e * (1.0 + 1e-12));
    assert!(bounded.coefficients["alpha"] >= 0.999 * alpha * (1.0 - 1e-12));
    assert!(bounded.certificate.certified, "{:?}", bounded.certificate);
}

/// With normal errors and squares a prior adds its precision to that of the runs: the mean lies
/// between both by their weights. The law is curved, so this holds to a few percent of the shift.
#[test]
fn a_prior_is_weighed_against_the_runs_by_its_precision() {
    let free = fitted(&runs(), &squares());
    let wald = free.diagnostics.as_ref().expect("diagnostics").wald_std_errors["E"];
    let e = free.coefficients["E"];
    let by_runs = wald;
    let (mean, sd) = (e + by_runs, by_runs);
    let priors = [("E".to_owned(), NormalPrior { mean, sd })].into();
    let known = fitted(&runs(), &FitConfig { priors, ..squares() });
    let shift = (known.coefficients["E"] - e) / (mean - e);
    assert!((shift - 0.5).abs() < 0.05, "{shift}");
    // A prior far sharper than the runs decides; a far wider one changes nothing.
    for (factor, want) in [(1e-3, 1.0), (1e3, 0.0)] {
        let priors = [("E".to_owned(), NormalPrior { mean, sd: factor * by_runs })].into();
        let known = fitted(&runs(), &FitConfig { priors, ..squares() });
        let shift = (known.coefficients["E"] - e) / (mean - e);
        assert!((shift - want).abs() < 1e-4, "{factor}: {shift}");
    }
}

/// The interval of a coefficient with a sharp prior is that of the prior: each draw takes a new value from it.
#[test]
fn a_sharp_prior_gives_its_own_spread_to_the_draws() {
    let (mean, sd) = (1.75, 0.002);
    let priors = [("E".to_owned(), NormalPrior { mean, sd })].into();
    let config = FitConfig { priors, bootstrap: 1000, ..squares() };
    let known = fitted(&runs(), &config);
    // An SD of 1000 draws has a relative error of 1 / sqrt(2000); four of them, and a hundredth for
    // what the runs still add.
    let ratio = known.std_errors["E"] / sd;
    assert!((ratio - 1.0).abs() < 4.0 / 2000_f64.sqrt() + 0.01, "{ratio}");
}

#[test]
fn a_weight_of_two_is_the_run_twice_and_of_zero_is_no_run() {
    let table = runs();
    for objective in [Objective::HuberLog, Objective::LsLog, Objective::LadLog] {
        let config = FitConfig { objective, ..squares() };
        let weigh = |i: usize| match i {
            5 => 2.0,
            9 => 0.0,
            _ => 1.0,
        };
        let weighted: Vec<RunRecord> = table
            .runs
            .iter()
            .enumerate()
            .map(|(i, r)| RunRecord { weight: Some(weigh(i)), ..r.clone() })
            .collect();
        let mut repeated: Vec<RunRecord> = table.runs.clone();
        repeated.remove(9);
        repeated.push(table.runs[5].clone());
        let one = fitted(&table.with_runs(weighted), &config);
        let other = fitted(&table.with_runs(repeated), &config);
        let error = one.objective_value / other.objective_value - 1.0;
        assert!(error.abs() < 1e-10, "{objective}: {error:e}");
        for (name, value) in &one.coefficients {
            let error = value / other.coefficients[name] - 1.0;
            assert!(error.abs() < 1e-6, "{objective} {name}: {error:e}");
        }
    }
}

/// At an end of the profile interval the objective is what the level allows, by a fit that holds the
/// coefficient there; and for squares the interval is near Wald's.
#[test]
fn a_profile_ends_where_the_objective_reaches_its_limit() {
    let config = FitConfig { profile: ProfileOf::All, ..squares() };
    let free = fitted(&runs(), &config);
    assert_eq!(free.profiles.len(), 5);
    let (n, p) = (48.0, 5.0);
    // Student's 0.975 quantile of 43 degrees of freedom, from tables.
    let t = 2.016_692;
    let allowed = free.objective_value * (1.0 + t * t / (n - p));
    for profile in &free.profiles {
        let (lo, hi) = (profile.lo.expect("a lower end"), profile.hi.expect("an upper end"));
        let name = profile.coef.as_str();
        assert!(lo < free.coefficients[name] && free.coefficients[name] < hi);
        for end in [lo, hi] {
            let fixed = [(name.to_owned(), end)].into();
            let held = fitted(&runs(), &FitConfig { fixed, ..squares() });
            let error = held.objective_value / allowed - 1.0;
            assert!(error.abs() < 1e-3, "{name} at {end}: {error:e}");
        }
        let wald = free.diagnostics.as_ref().expect("diagnostics").wald_std_errors[name];
        // A and B are curved most; their logarithms move with exponents.
        let width = (hi - lo) / (2.0 * t * wald);
        eprintln!("{name}: profile over Wald width {width:.3}");
        assert!((0.85..1.3).contains(&width), "{name}: {width}");
    }
}

#[test]
fn runs_of_no_weight_do_not_count() {
    let table = runs();
    let light = |k: usize| -> RunTable {
        let weigh = |(i, r): (usize, &RunRecord)| RunRecord {
            weight: Some(if i < k { 1.0 } else { 0.0 }),
            ..r.clone()
        };
        table.with_runs(table.runs.iter().enumerate().map(weigh).collect())
    };
    for (counted, expected) in [(0, "0 runs"), (5, "5 runs"), (8, "model sizes")] {
        let error = fit(&Chinchilla, &light(counted), &squares()).expect_err("too few");
        assert!(error.to_string().contains(expected), "{counted}: {error}");
    }
}
