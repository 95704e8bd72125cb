//! Leaving the future out and ranking laws by it, on simulated truth.

use isoloss::data::{RunRecord, RunTable};
use isoloss::fit::{
    Fit, FitConfig, FutureAxis, Objective, ProfileOf, Ranking, Resample, StackedLaw, decide, fit,
    predict, rank, rollout, stack,
};
use isoloss::law::{Chinchilla, Point, Support, Surface};
use isoloss::num::stream;
use isoloss::units::{Flops, ParamRule, Params, Tokens};
use rand::RngExt;

/// Runs of a Chinchilla law at eight budgets, 1e17 to 1e21 FLOPs, seven sizes each.
fn runs(exponents: (f64, f64), noise: f64) -> RunTable {
    let theta = vec![1.7, 400.0, 3000.0, exponents.0, exponents.1];
    let truth = Surface::new(&Chinchilla, theta, "truth", ParamRule::All, Support::default())
        .expect("in its domain");
    let mut rng = stream(11, 0);
    let mut runs = Vec::new();
    for i in 0..8 {
        let c = 1e17 * 1e4_f64.powf(f64::from(i) / 7.0);
        let optimum = truth.ln_n_optimal(Flops::new(c)).expect("an optimum").exp();
        for j in 0..7 {
            let n = Params::new(optimum * 4_f64.powf(f64::from(j - 3) / 2.0));
            let d = Tokens::new(c / (6.0 * n.get()));
            // Uniform with the standard deviation asked for.
            let error = noise * 3_f64.sqrt() * rng.random_range(-1.0..1.0);
            let loss_nats = truth.loss(&Point::new(n, d)) * f64::exp(error);
            let run = format!("c{i}-n{j}");
            let c = Flops::new(c);
            let row = runs.len();
            let plain = RunRecord::new(run, n, d, loss_nats);
            runs.push(RunRecord { budget: Some(c), row, c, ..plain });
        }
    }
    RunTable::from_runs(runs, ParamRule::All)
}

fn without_draws() -> FitConfig {
    FitConfig { bootstrap: 0, ..FitConfig::default() }
}

#[test]
fn recovers_exact_losses_farther_out_along_every_axis() {
    let table = runs((0.34, 0.37), 0.0);
    for axis in [FutureAxis::C, FutureAxis::N, FutureAxis::D, FutureAxis::TokensPerParam] {
        let rolled = rollout(&Chinchilla, &table, axis, &without_draws()).expect("fits");
        assert!(rolled.max_abs_error < 1e-8, "{axis}: {:e}", rolled.max_abs_error);
    }
}

#[test]
fn no_step_tests_a_run_it_has_seen_or_one_that_is_nearer() {
    let table = runs((0.34, 0.37), 0.003);
    for axis in [FutureAxis::C, FutureAxis::N, FutureAxis::D, FutureAxis::TokensPerParam] {
        let rolled = rollout(&Chinchilla, &table, axis, &without_draws()).expect("fits");
        for fold in &rolled.folds {
            assert!(fold.fitted_to < fold.tested.lo, "{axis}: {fold:?}");
        }
        let first = &rolled.folds[0];
        assert!(2 * first.n_fitted >= table.runs.len(), "{axis}: {first:?}");
        assert_eq!(first.n_fitted + rolled.n_points, table.runs.len(), "{axis}");
    }
}

#[test]
fn an_axis_along_which_nothing_varies_is_refused() {
    let mut table = runs((0.34, 0.37), 0.0);
    table.runs.iter_mut().for_each(|r| r.budget = Some(Flops::new(1e20)));
    let error =
        rollout(&Chinchilla, &table, FutureAxis::C, &without_draws()).expect_err("one budget");
    assert!(error.to_string().contains("leaving the future out by C"), "{error}");
}

/// With exponents 0.25 and 0.55 one tied exponent is wrong by far more than 0.1 % noise.
#[test]
fn the_true_law_wins_and_wrong_ones_are_behind() {
    let ranking =
        rank(&runs((0.25, 0.55), 0.001), FutureAxis::C, &without_draws()).expect("a ranking");
    let order: Vec<&str> = ranking.laws.iter().map(|l| l.rollout.law.as_str()).collect();
    assert_eq!(order[0], "chinchilla", "{order:?}");
    // Skaling with k = 1 is the same law; its free k costs little.
    let tied = ranking.tied();
    assert!(tied.iter().all(|law| ["chinchilla", "skaling"].contains(law)), "{tied:?}");
    let errors: Vec<f64> = ranking.laws.iter().map(|l| l.rollout.mean_abs_error).collect();
    assert!(errors.windows(2).all(|e| e[0] <= e[1]), "{errors:?}");
}

/// Whatever takes part has a certified fit to all runs, and whatever does not is named with the reason.
#[test]
fn laws_without_a_certified_fit_to_all_runs_are_not_ranked() {
    let table = runs((0.25, 0.55), 0.01);
    let ranking = rank(&table, FutureAxis::C, &without_draws()).expect("a ranking");
    for law in &ranking.laws {
        let law = isoloss::law::law_by_id(&law.rollout.law).expect("registered");
        let whole = fit(law, &table, &without_draws()).expect("a fit");
        assert!(whole.certificate.certified, "{}", law.id());
    }
    for left in &ranking.unranked {
        let law = isoloss::law::law_by_id(&left.law).expect("registered");
        eprintln!("{}: {}", left.law, left.reason);
        if let Ok(whole) = fit(law, &table, &without_draws()) {
            assert!(!whole.certificate.certified && left.reason.contains("not certified"));
        }
    }
    let seen = ranking.laws.len() + ranking.unranked.len();
    assert_eq!(
        seen, 6,
        "chinchilla, tied, gadre, skaling, kaplan-joint and farseer look at N and D"
    );
}

/// A law whose budgets have no best size is no choice for plans while another predicts nearly as well.
#[test]
fn a_law_without_an_optimum_is_chosen_only_where_no_other_is_near() {
    let ranking =
        rank(&runs((0.34, 0.37), 0.003), FutureAxis::C, &without_draws()).expect("a ranking");
    let best = |r: &Ranking| r.choice().expect("laws").rollout.law.clone();
    assert_eq!(best(&ranking), ranking.laws[0].rollout.law);
    let mut without = ranking.clone();
    without.laws[0].has_optimum = false;
    assert_eq!(best(&without), ranking.laws[1].rollout.law);
    let mut far = without;
    for law in far.laws.iter_mut().skip(1) {
        law.tied_with_best = false;
        law.rollout.mean_abs_error *= 100.0;
    }
    assert_eq!(best(&far), ranking.laws[0].rollout.law);
}

/// The laws of a stack share the draws by weight, decide together and read back as they were.
#[test]
fn a_stack_is_an_ensemble_of_its_laws() {
    let table = runs((0.3, 0.45), 0.004);
    let ranking = rank(&table, FutureAxis::C, &without_draws()).expect("a ranking");
    let config = FitConfig { bootstrap: 200, profile: ProfileOf::None, ..FitConfig::default() };
    let stacked = stack(&table, &ranking, &config).expect("a stack");
    let laws = stacked.stack.as_ref().expect("several laws");
    assert!((laws.members.iter().map(|m| m.weight).sum::<f64>() - 1.0).abs() < 1e-12);
    let ensemble = stacked.ensemble();
    for member in &laws.members {
        let drawn = ensemble.draws.iter().filter(|s| s.law().id() == member.law).count();
        assert!((drawn as f64 - 200.0 * member.weight).abs() <= 0.5, "{}: {drawn}", member.law);
        eprintln!("{} {:.3}: {drawn}", member.law, member.weight);
    }
    // Half of the weight lies on either side of the decision.
    let c = Flops::new(1e22);
    let decided = decide(&stacked, c).expect("an optimum").n.get();
    let size = |m: &StackedLaw| m.surface.ln_n_optimal(c).expect("an optimum").exp();
    let weight_of = |side: &dyn Fn(f64) -> bool| -> f64 {
        laws.members.iter().filter(|m| side(size(m))).map(|m| m.weight).sum()
    };
    assert!(weight_of(&|n| n < 0.999999 * decided) <= 0.5, "{decided}");
    assert!(weight_of(&|n| n > 1.000001 * decided) <= 0.5, "{decided}");
    let point = Point::new(Params::new(1e10), Tokens::new(2e11));
    let mean: f64 = laws.members.iter().map(|m| m.weight * m.surface.loss(&point)).sum();
    let predicted = &predict(&stacked, &[point])[0];
    assert_eq!(predicted.loss_nats, mean);
    assert!(predicted.interval.is_some_and(|i| i.contains(mean)));
    let text = serde_json::to_string(&stacked).expect("serialises");
    let back: Fit = serde_json::from_str(&text).expect("parses");
    assert_eq!(decide(&back, c), decide(&stacked, c));
}

/// The overtraining law and the tied law are one surface in two notations: no runs can separate
/// them, and the ranking must say so.
#[test]
fn two_notations_of_one_law_are_tied() {
    let ranking =
        rank(&runs((0.35, 0.35), 0.002), FutureAxis::C, &without_draws()).expect("a ranking");
    let tied = ranking.tied();
    assert!(tied.contains(&"gadre") && tied.contains(&"chinchilla-tied"), "{tied:?}");
}

/// One error per size, shared by its seven token counts: rows look seven times as many as they are, so
/// the spread of alpha from single rows is too small by about sqrt(7); half of that is asked for.
#[test]
fn resampling_sizes_sees_errors_that_a_size_shares() {
    let table = {
        let mut table = runs((0.34, 0.37), 0.0);
        let mut rng = stream(12, 0);
        let errors: Vec<f64> = (0..12).map(|_| rng.random_range(-0.01..0.01)).collect();
        let mut grid = Vec::new();
        for (i, error) in errors.iter().enumerate() {
            for j in 0..7 {
                let mut run = table.runs[0].clone();
                run.n = Params::new(1e7 * 1.8_f64.powi(i as i32));
                run.d = Tokens::new(run.n.get() * 5.0 * 2_f64.powi(j));
                run.c = Flops::new(6.0 * run.n.get() * run.d.get());
                run.budget = None;
                let (n, d) = (run.n.get(), run.d.get());
                let loss = 1.7 + 400.0 / n.powf(0.34) + 3000.0 / d.powf(0.37);
                run.loss_nats = loss * error.exp();
                run.run = format!("n{i}-d{j}");
                run.row = grid.len();
                grid.push(run);
            }
        }
        table.runs = grid;
        table
    };
    let sd = |resample| {
        let objective = Objective::LsLog;
        let config = FitConfig { objective, resample, bootstrap: 1000, ..FitConfig::default() };
        fit(&Chinchilla, &table, &config).expect("a fit").std_errors["alpha"]
    };
    let (rows, sizes) = (sd(Resample::Row), sd(Resample::Size));
    eprintln!("SD of alpha: {rows:.5} by row, {sizes:.5} by size");
    assert!(sizes > 0.5 * 7_f64.sqrt() * rows, "{sizes} {rows}");
}

#[test]
fn few_groups_and_wild_signs_under_a_band_are_warned_of() {
    let table = runs((0.34, 0.37), 0.003);
    let codes = |resample| {
        let config = FitConfig { resample, bootstrap: 20, ..FitConfig::default() };
        let fitted = fit(&Chinchilla, &table, &config).expect("a fit");
        fitted.warnings.iter().map(isoloss::error::Warning::code).collect::<Vec<_>>()
    };
    assert!(codes(Resample::Budget).contains(&"few-clusters"));
    assert!(codes(Resample::Wild).contains(&"wild-undercovers"));
    let plain = codes(Resample::Row);
    assert!(!plain.contains(&"few-clusters") && !plain.contains(&"wild-undercovers"), "{plain:?}");
}
