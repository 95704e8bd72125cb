//! Muennighoff's law on the published runs: the lowest minimum, which is not the published one, and
//! all others.
//!
//! Source: `reference-data/muennighoff-data-constrained/golden.json` of the shared folder (starts on
//! a fine grid, each followed to all digits).

use isoloss::data::{ReadOptions, RunTable, read};
use isoloss::fit::{Fit, FitConfig, ProfileOf, fit};
use isoloss::law::{Muennighoff, Point, Surface};
use isoloss::units::{Params, Setting, Tokens};
use serde_json::Value;

use crate::shared::shared_folder;

fn reference(what: &str) -> Option<(Value, RunTable)> {
    let folder = shared_folder(what)?.join("reference-data/muennighoff-data-constrained");
    let text = std::fs::read_to_string(folder.join("golden.json")).expect("golden.json");
    let map = "n=params_b*1e9,d=tokens_b*1e9,unique=unique_tokens_b*1e9,loss=val_loss";
    let options = ReadOptions { map: map.parse().expect("a map"), ..ReadOptions::default() };
    let table = read(&[folder.join("runs_182.csv")], &options).expect("182 runs");
    Some((serde_json::from_str(&text).expect("golden.json parses"), table))
}

fn published() -> Surface {
    Surface::published("muennighoff-repeat").expect("shipped")
}

/// The base held at its published constants, and whatever else.
fn holding(more: &[(&str, f64)]) -> FitConfig {
    let base = published();
    let names = ["E", "A", "B", "alpha", "beta"];
    let mut fixed: std::collections::BTreeMap<String, f64> = names
        .iter()
        .map(|name| ((*name).to_owned(), base.coef(name).expect("a coefficient")))
        .collect();
    fixed.extend(more.iter().map(|(name, value)| ((*name).to_owned(), *value)));
    FitConfig { fixed, bootstrap: 0, ..FitConfig::default() }
}

fn fitted(runs: &RunTable, config: &FitConfig) -> Fit {
    fit(&Muennighoff, runs, config).expect("a fit")
}

fn close(ours: f64, want: f64, tolerance: f64, what: &str) {
    let error = ours / want - 1.0;
    eprintln!("{what}: {ours:.12e} for {want:.12e}, off by {error:.1e}");
    assert!(error.abs() < tolerance, "{what}: {ours} for {want}");
}

/// The Huber objective at the published base, written out.
fn objective(runs: &RunTable, rd: f64, rn: f64) -> f64 {
    let mut theta = published().theta().to_vec();
    (theta[5], theta[6]) = (rd, rn);
    let surface = published().with_theta(theta);
    runs.runs
        .iter()
        .map(|r| {
            let loss = surface.loss(&Point::new(r.n, r.d).within(r.setting));
            let residual = (loss.ln() - r.loss_nats.ln()).abs();
            if residual <= 1e-3 { 0.5 * residual * residual } else { 1e-3 * (residual - 5e-4) }
        })
        .sum()
}

#[test]
fn golden_the_published_law_gives_the_losses_of_its_readme() {
    let Some((golden, _)) = reference("losses of the published law of repetition") else { return };
    let checks = golden["readme_checks"].as_object().expect("checks");
    assert_eq!(checks.len(), 2);
    for (name, want) in checks {
        let numbers: Vec<f64> = name
            .trim_start_matches("L(")
            .trim_end_matches(')')
            .split(',')
            .map(|x| x.parse().expect("a number"))
            .collect();
        let setting = Setting { unique: Some(Tokens::new(numbers[2])), ..Setting::PLAIN };
        let point = Point::new(Params::new(numbers[0]), Tokens::new(numbers[1])).within(setting);
        // The reference was computed in single precision from constants of seven digits.
        close(published().loss(&point), want.as_f64().expect("a loss"), 1e-6, name);
    }
}

#[test]
fn golden_the_lowest_minimum_of_the_repeated_runs_and_every_other_one() {
    let Some((golden, runs)) = reference("the minima of the law of repetition") else { return };
    let fitted = fitted(&runs, &holding(&[]));
    assert!(fitted.certificate.certified, "{:?}", fitted.certificate);
    let lowest = &golden["global_minimum"];
    close(fitted.coefficients["RD"], lowest["R_D"].as_f64().expect("R_D"), 1e-7, "RD");
    close(fitted.coefficients["RN"], lowest["R_N"].as_f64().expect("R_N"), 1e-7, "RN");
    let objective = lowest["objective"].as_f64().expect("an objective");
    assert!((fitted.objective_value - objective).abs() < 1e-13, "{}", fitted.objective_value);
    // All four of the reference; a fifth, narrower one lies between two of them.
    for known in golden["local_minima_R_D_R_N_objective"].as_array().expect("minima") {
        let want: Vec<f64> = (0..3).map(|k| known[k].as_f64().expect("a number")).collect();
        let found = fitted.minima.iter().any(|m| {
            (m.coefficients["RD"] / want[0] - 1.0).abs() < 1e-6
                && (m.coefficients["RN"] / want[1] - 1.0).abs() < 1e-6
                && (m.objective - want[2]).abs() < 1e-11
        });
        assert!(found, "{want:?} not among {:?}", fitted.minima);
    }
    let sorted = fitted.minima.windows(2).all(|w| w[0].objective <= w[1].objective);
    assert!(sorted && fitted.minima[0].objective == fitted.objective_value);
}

/// Every minimum listed is one: its neighbours in RD and RN are higher.
#[test]
fn every_listed_minimum_has_higher_neighbours() {
    let Some((_, runs)) = reference("neighbours of the minima") else { return };
    let fitted = fitted(&runs, &holding(&[]));
    assert!(fitted.minima.len() >= 4);
    for minimum in &fitted.minima {
        let (rd, rn) = (minimum.coefficients["RD"], minimum.coefficients["RN"]);
        let here = objective(&runs, rd, rn);
        assert!((here / minimum.objective - 1.0).abs() < 1e-12);
        for k in 0..16 {
            let angle = f64::from(k) * std::f64::consts::TAU / 16.0;
            let (dx, dy) = (1e-4 * angle.cos(), 1e-4 * angle.sin());
            let there = objective(&runs, rd * dx.exp(), rn * dy.exp());
            assert!(there > here, "RD {rd}, RN {rn}, direction {k}: {there} {here}");
        }
    }
}

#[test]
fn golden_the_profile_of_rd_is_flat() {
    let Some((golden, runs)) = reference("the profile over RD") else { return };
    let at = |rd: f64, rn: f64| objective(&runs, rd, rn);
    for known in golden["profile_R_D_objective"].as_array().expect("a profile") {
        let (rd, want) = (known[0].as_f64().expect("RD"), known[1].as_f64().expect("objective"));
        let held = fitted(&runs, &holding(&[("RD", rd)])).objective_value;
        // The reference walked down from one start, so it is an upper limit of nine decimals; the
        // lowest of a fine grid in RN, 1e-3 to 1e6, is the truth to the square of its step.
        let grid = (0..20_000).map(|k| at(rd, 1e-3 * 1e9_f64.powf(f64::from(k) / 20_000.0)));
        let least = grid.fold(f64::INFINITY, f64::min);
        eprintln!("RD {rd}: {held:.9}, reference {want:.9}, grid {least:.9}");
        assert!(held < want + 6e-10, "RD {rd}: {held} above the reference {want}");
        assert!(held <= least && held > least * (1.0 - 1e-6), "RD {rd}: {held} and {least}");
    }
    let config = FitConfig { profile: ProfileOf::All, ..holding(&[]) };
    let fit = fitted(&runs, &config);
    let profile = fit.profiles.iter().find(|p| p.coef == "RD").expect("a profile of RD");
    // The reference bootstrap has 5.45 to 8.4e9.
    let lo = profile.lo.expect("a lower end");
    assert!((4.0..7.0).contains(&lo) && profile.hi.is_none_or(|hi| hi > 1e6), "{profile:?}");
    assert!(fit.warnings.iter().any(|w| w.code() == "open-profile"), "{:?}", fit.warnings);
}
