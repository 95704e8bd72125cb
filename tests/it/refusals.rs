//! Designs that cannot be fitted are errors that say what is missing, never numbers.

use isoloss::data::{RunRecord, RunTable};
use isoloss::error::{Error, FitError};
use isoloss::fit::{FitConfig, fit};
use isoloss::law::{Point, Surface, forms};
use isoloss::units::{Flops, ParamRule, Params, Tokens};

/// Runs at (N, D) with the losses of a published law and a little deterministic scatter.
fn runs(points: &[(f64, f64)]) -> RunTable {
    let truth = Surface::published("besiroglu").expect("shipped");
    let record = |(row, &(n, d)): (usize, &(f64, f64))| {
        let (n, d) = (Params::new(n), Tokens::new(d));
        let loss_nats = truth.loss(&Point::new(n, d)) * (1.0 + 1e-3 * (row as f64).sin());
        let c = Flops::new(6.0 * n.get() * d.get());
        RunRecord { c, row, ..RunRecord::new(format!("run-{row}"), n, d, loss_nats) }
    };
    RunTable::from_runs(points.iter().enumerate().map(record).collect(), ParamRule::All)
}

/// The refusal of every family, as text.
fn refusals(table: &RunTable, variant: fn(&FitError) -> bool) -> Vec<String> {
    let config = FitConfig { bootstrap: 0, ..FitConfig::default() };
    // Farseer takes ten runs before any of this is looked at; the others take more than N and D.
    forms()
        .iter()
        .filter(|law| law.has_optimum() && law.factors().len() == 2 && law.coefs().len() <= 5)
        .map(|law| match fit(*law, table, &config) {
            Ok(_) => panic!("{} was fitted", law.id()),
            Err(Error::Fit(e)) if variant(&e) => {
                let text = e.to_string();
                assert!(text.contains(law.id()), "names the law: {text}");
                text
            }
            Err(e) => panic!("{}: another error: {e}", law.id()),
        })
        .collect()
}

fn too_few(e: &FitError) -> bool {
    matches!(e, FitError::TooFewRuns { .. })
}

fn not_identified(e: &FitError) -> bool {
    matches!(e, FitError::NotIdentified { .. })
}

const SIZES: [f64; 8] = [5e7, 1e8, 2e8, 4e8, 8e8, 1.6e9, 3.2e9, 6.4e9];

#[test]
fn no_run_and_one_run_are_too_few() {
    for text in refusals(&runs(&[]), too_few) {
        assert!(text.contains("0 runs"), "{text}");
    }
    for text in refusals(&runs(&[(1e8, 2e9)]), too_few) {
        assert!(text.contains("at least"), "{text}");
    }
}

#[test]
fn as_many_runs_as_coefficients_are_too_few() {
    let points: Vec<(f64, f64)> =
        (0..12).map(|i| (5e7 * 1.5_f64.powi(i), 1e9 * f64::from(1 + i * 7 % 12))).collect();
    let config = FitConfig { bootstrap: 0, ..FitConfig::default() };
    for law in forms() {
        let coefs = law.coefs().len();
        let error = fit(*law, &runs(&points[..coefs]), &config).expect_err("too few");
        assert!(error.to_string().contains(&format!("{coefs} runs")), "{error}");
        assert!(error.is_bad_input());
        assert!(error.to_string().contains(&format!("at least {}", coefs + 1)), "{error}");
    }
}

#[test]
fn one_ratio_of_tokens_to_parameters_cannot_separate_the_terms() {
    let points = SIZES.map(|n| (n, 20.0 * n));
    for text in refusals(&runs(&points), not_identified) {
        assert!(text.contains("20 tokens per parameter"), "{text}");
        assert!(text.contains("other D/N"), "{text}");
    }
}

#[test]
fn one_model_size_cannot_give_an_exponent_of_size() {
    let points = SIZES.map(|n| (1e9, 20.0 * n));
    for text in refusals(&runs(&points), not_identified) {
        assert!(text.contains("only 1 different model sizes"), "{text}");
        assert!(text.contains("at least 3 model sizes"), "{text}");
    }
}

#[test]
fn one_token_count_cannot_give_an_exponent_of_data() {
    let points = SIZES.map(|n| (n, 2e10));
    for text in refusals(&runs(&points), not_identified) {
        assert!(text.contains("only 1 different token counts"), "{text}");
    }
}

#[test]
fn one_isoflop_line_is_refused_with_a_second_budget_as_the_fix() {
    let points = SIZES.map(|n| (n, 1e20 / (6.0 * n)));
    for text in refusals(&runs(&points), not_identified) {
        assert!(text.contains("one line in (ln N, ln D)"), "{text}");
        assert!(text.contains("second compute budget"), "{text}");
    }
}

#[test]
fn one_loss_for_every_run_is_refused() {
    let points: Vec<(f64, f64)> =
        SIZES.iter().flat_map(|n| [5.0, 40.0].map(|ratio| (*n, ratio * n))).collect();
    let mut table = runs(&points);
    table.runs.iter_mut().for_each(|r| r.loss_nats = 3.0);
    for text in refusals(&table, not_identified) {
        assert!(text.contains("losses hardly differ"), "{text}");
    }
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let points: Vec<(f64, f64)> =
        SIZES.iter().flat_map(|n| [5.0, 40.0].map(|ratio| (*n, ratio * n))).collect();
    let table = runs(&points);
    let good = FitConfig::default();
    for (field, config) in [
        ("delta", FitConfig { delta: 0.0, ..good.clone() }),
        ("delta", FitConfig { delta: f64::NAN, ..good.clone() }),
        ("bootstrap", FitConfig { bootstrap: 3, ..good.clone() }),
        ("level", FitConfig { level: 95.0, ..good.clone() }),
    ] {
        let error = fit(forms()[0], &table, &config).expect_err("out of range");
        assert!(error.to_string().contains(&format!("`{field}`")), "{error}");
    }
}
