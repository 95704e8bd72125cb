//! The standard tests of every registered family: right derivatives, falling loss, a round trip of its
//! centre, closed forms that agree with the loss, and coefficients that a fit finds again.
//!
//! `each_family!` makes a module of them for each family, so that `laws::gadre::` runs those of one.

use std::collections::BTreeSet;

use isoloss::data::{RunRecord, RunTable};
use isoloss::fit::{Fit, FitConfig, fit};
use isoloss::law::{At, Factor, Law, Point, Support, Surface, forms, published_laws};
use isoloss::num::stream;
use isoloss::units::{Flops, ParamRule, Params, Setting, Tokens};
use rand::RngExt;

/// A surface to test a family at.
struct Case {
    name: String,
    surface: Surface,
}

/// The surfaces a family is tested at: its published ones, and its example.
fn cases(law: &'static dyn Law) -> Vec<Case> {
    let published = published_laws().expect("shipped").iter().filter(|p| p.form == law.id());
    let mut cases: Vec<Case> = published
        .map(|p| Case { name: p.name.clone(), surface: p.surface().expect("a surface") })
        .collect();
    let name = format!("the example of {}", law.id());
    let theta = law.example().to_vec();
    let surface = Surface::new(law, theta, &name, ParamRule::All, Support::default());
    cases.push(Case { surface: surface.expect("inside every domain"), name });
    cases
}

/// Settings that differ in everything a law may look at; the first is plain.
fn settings(d: f64) -> [Setting; 4] {
    let unique = |epochs: f64| Some(Tokens::new(d / epochs));
    [
        Setting::PLAIN,
        Setting {
            unique: unique(4.0),
            experts: 8.0,
            granularity: 4.0,
            sparsity: 0.75,
            weight_bits: Some(4.0),
            activation_bits: Some(8.0),
            kv_bits: Some(8.0),
            served_bits: Some(4.0),
        },
        Setting {
            unique: unique(40.0),
            experts: 32.0,
            granularity: 16.0,
            sparsity: 0.95,
            weight_bits: Some(8.0),
            activation_bits: Some(4.0),
            kv_bits: Some(3.0),
            served_bits: Some(3.0),
        },
        Setting {
            unique: unique(1.5),
            experts: 2.0,
            granularity: 2.0,
            sparsity: 0.5,
            weight_bits: Some(3.0),
            activation_bits: Some(6.0),
            kv_bits: Some(4.0),
            served_bits: Some(6.0),
        },
    ]
}

/// Sizes and token counts from small runs to far beyond any.
fn plane() -> Vec<At<f64>> {
    let sizes = [1e6, 1e8, 1e10, 1e12_f64];
    let token_counts = [1e8, 1e10, 1e12, 1e14_f64];
    sizes
        .into_iter()
        .flat_map(|n| token_counts.into_iter().map(move |d| (n, d)))
        .flat_map(|(n, d)| settings(d).map(|setting| At { ln_n: n.ln(), ln_d: d.ln(), setting }))
        .collect()
}

/// Central difference with four points: error h^4 f''''' / 30, so 3e-8 at h = 3e-4 where the fifth
/// derivative in the logarithm of a coefficient is near 10^8, as in the exponents of Muennighoff's
/// law.
fn difference(f: impl Fn(f64) -> f64) -> f64 {
    const H: f64 = 3e-4;
    (8.0 * (f(H) - f(-H)) - (f(2.0 * H) - f(-2.0 * H))) / (12.0 * H)
}

/// Coefficient `i` times e^u.
fn moved(theta: &[f64], i: usize, u: f64) -> Vec<f64> {
    let mut theta = theta.to_vec();
    theta[i] *= u.exp();
    theta
}

struct Jet {
    loss: f64,
    gradient: Vec<f64>,
    hessian: Vec<f64>,
}

/// Loss, gradient and Hessian as `derive` writes them.
fn jet_of(p: usize, derive: impl FnOnce(&mut [f64], &mut [f64]) -> f64) -> Jet {
    let (mut gradient, mut hessian) = (vec![f64::NAN; p], vec![f64::NAN; p * p]);
    let loss = derive(&mut gradient, &mut hessian);
    Jet { loss, gradient, hessian }
}

fn jet(law: &dyn Law, theta: &[f64], at: &At<f64>) -> Jet {
    jet_of(theta.len(), |gradient, hessian| law.jet(theta, at, gradient, hessian))
}

fn close(a: f64, b: f64, tolerance: f64) -> bool {
    (a - b).abs() <= tolerance * (1.0 + a.abs().max(b.abs()))
}

fn check_the_declaration(law: &'static dyn Law) {
    let same_id = forms().iter().filter(|other| other.id() == law.id()).count();
    assert_eq!(same_id, 1, "the id is its own");
    assert_eq!(law.example().len(), law.coefs().len(), "an example for every coefficient");
    let names: BTreeSet<&str> = law.coefs().iter().map(|c| c.name).collect();
    assert_eq!(names.len(), law.coefs().len(), "no name twice");
    for text in [law.title(), law.equation(), law.source()] {
        assert!(!text.trim().is_empty());
    }
}

fn check_the_jet_against_differences(law: &'static dyn Law) {
    for case in cases(law) {
        let theta = case.surface.theta().to_vec();
        let p = theta.len();
        for at in plane() {
            let here = jet(law, &theta, &at);
            let whose = format!("{} at {at:?}", case.name);
            assert!(close(here.loss, law.loss(&theta, &at), 1e-14), "{whose}");
            for i in 0..p {
                let want = difference(|u| law.loss(&moved(&theta, i, u), &at));
                let ours = here.gradient[i] * theta[i];
                assert!(close(ours, want, 1e-7), "{whose}: gradient {i}: {ours} {want}");
                for j in 0..p {
                    let want =
                        difference(|u| jet(law, &moved(&theta, j, u), &at).gradient[i] * theta[i]);
                    let ours = here.hessian[i * p + j] * theta[i] * theta[j];
                    assert!(close(ours, want, 1e-7), "{whose}: {i} {j}: {ours} {want}");
                }
            }
        }
    }
}

fn check_derivatives_against_dual_numbers(law: &'static dyn Law) {
    for case in cases(law) {
        let theta = case.surface.theta().to_vec();
        let p = theta.len();
        for at in plane() {
            let whose = format!("{} at {at:?}", case.name);
            let ours = jet(law, &theta, &at);
            let want = jet_of(p, |g, h| law.jet_by_duals(&theta, &at, g, h));
            assert!(close(ours.loss, want.loss, 1e-14), "{whose}");
            for i in 0..p {
                let (a, b) = (ours.gradient[i] * theta[i], want.gradient[i] * theta[i]);
                assert!(close(a, b, 1e-12), "{whose}: gradient {i}: {a} {b}");
                for j in 0..p {
                    let scale = theta[i] * theta[j];
                    let a = ours.hessian[i * p + j] * scale;
                    let b = want.hessian[i * p + j] * scale;
                    assert!(close(a, b, 1e-11), "{whose}: hessian {i} {j}: {a} {b}");
                }
            }
            let (a, b) = (law.slopes(&theta, &at), law.slopes_by_duals(&theta, &at));
            assert!(close(a.0, b.0, 1e-13) && close(a.1, b.1, 1e-13), "{whose}: {a:?} {b:?}");
        }
    }
}

fn check_slopes_against_differences(law: &'static dyn Law) {
    for case in cases(law) {
        let theta = case.surface.theta().to_vec();
        for at in plane() {
            let (by_n, by_d) = law.slopes(&theta, &at);
            let along_n = |u| law.loss(&theta, &At { ln_n: at.ln_n + u, ..at });
            let along_d = |u| law.loss(&theta, &At { ln_d: at.ln_d + u, ..at });
            let want = (difference(along_n), difference(along_d));
            let whose = format!("{} at {at:?}", case.name);
            assert!(close(by_n, want.0, 1e-9), "{whose}: {by_n} {}", want.0);
            assert!(close(by_d, want.1, 1e-9), "{whose}: {by_d} {}", want.1);
        }
    }
}

fn check_that_the_loss_falls(law: &'static dyn Law) {
    let looks_at = |factor| law.factors().contains(&factor);
    let compute = looks_at(Factor::Compute);
    for case in cases(law) {
        for At { ln_n, ln_d, setting } in plane() {
            // A quantised model can get worse with more data; that is Kumar's finding.
            let setting = Setting { served_bits: None, ..setting };
            let surface = case.surface.within(setting);
            let whose = format!("{} at {ln_n} {ln_d} {setting:?}", case.name);
            let loss = surface.loss_at(ln_n, ln_d);
            assert!(loss.is_finite() && loss > surface.floor(), "{whose}: {loss}");
            let (by_n, by_d) = surface.slopes_at(ln_n, ln_d);
            // Below rounding of the loss a slope cannot be seen in it: hundreds of epochs.
            let seen = |slope: f64| slope < -1e-12;
            if looks_at(Factor::Params) || compute {
                assert!(by_n <= 0.0, "{whose}: {by_n}");
                assert!(!seen(by_n) || surface.loss_at(ln_n + 0.1, ln_d) < loss, "{whose}");
            }
            if looks_at(Factor::Tokens) || compute {
                assert!(by_d <= 0.0, "{whose}: {by_d}");
                assert!(!seen(by_d) || surface.loss_at(ln_n, ln_d + 0.1) < loss, "{whose}");
            }
            // Beyond one parameter per token Muennighoff's law gives nothing for more of them.
            if setting.is_plain() && ln_n < ln_d {
                let wanted = [(Factor::Params, by_n), (Factor::Tokens, by_d)];
                let moves = |(factor, slope)| !looks_at(factor) || seen(slope);
                assert!(wanted.into_iter().all(moves), "{whose}: {by_n} {by_d}");
            }
        }
    }
}

/// Another centre changes coefficients but no loss, and the way back gives them again.
fn check_the_centre(law: &'static dyn Law) {
    let ln_n0 = 1e9_f64.ln();
    let ln_d0 = if law.centres_tokens() { 2e10_f64.ln() } else { 0.0 };
    for case in cases(law) {
        let theta = case.surface.theta().to_vec();
        let mut centred = theta.clone();
        law.recentre(&mut centred, ln_n0, ln_d0);
        for at in plane() {
            let relative = at.relative_to(ln_n0, ln_d0);
            let (a, b) = (law.loss(&theta, &at), law.loss(&centred, &relative));
            assert!((a / b - 1.0).abs() < 1e-12, "{}: {a} {b}", case.name);
        }
        law.recentre(&mut centred, -ln_n0, -ln_d0);
        for (a, b) in theta.iter().zip(&centred) {
            assert!((a / b - 1.0).abs() < 1e-12, "{}: {a} {b}", case.name);
        }
    }
}

/// Where a family has closed forms: tokens for a loss give the loss back, both optima are where the
/// slopes balance, and at the wall unlimited tokens just reach the loss.
fn check_closed_forms(law: &'static dyn Law) {
    for case in cases(law) {
        let theta = case.surface.theta().to_vec();
        for at in plane() {
            let whose = format!("{} at {at:?}", case.name);
            let surface = case.surface.within(at.setting);
            let loss = law.loss(&theta, &at);
            if let Some(ln_d) = surface.ln_d_for_loss(at.ln_n, loss) {
                let back = surface.loss_at(at.ln_n, ln_d);
                assert!((back / loss - 1.0).abs() < 1e-12, "{whose}");
            }
            let balanced = |ln_n: f64, ln_d: f64| {
                let (by_n, by_d) = surface.slopes_at(ln_n, ln_d);
                assert!(
                    (by_n - by_d).abs() <= 1e-10 * (by_n + by_d).abs(),
                    "{whose}: {by_n} {by_d}"
                );
            };
            if let Some(ln_n) = law.ln_n_optimal(&theta, at.ln_n + at.ln_d, &at.setting) {
                balanced(ln_n, at.ln_n + at.ln_d - ln_n);
            }
            if let Some((ln_n, ln_d)) = surface.ln_optimum_for_loss(loss) {
                balanced(ln_n, ln_d);
                assert!((surface.loss_at(ln_n, ln_d) / loss - 1.0).abs() < 1e-12, "{whose}");
            }
            if let Some(ln_n) = surface.ln_n_wall(loss) {
                let there = surface.loss_at(ln_n, 600.0_f64.max(ln_n));
                assert!((there / loss - 1.0).abs() < 1e-12, "{whose}: {there} {loss}");
            }
        }
    }
}

/// The optimum of a budget has no better neighbour on C = 6 N D, solved or closed.
fn check_the_optimum(law: &'static dyn Law) {
    for case in cases(law) {
        for c in [1e19, 1e22, 1e25] {
            let Some(ln_n) = case.surface.ln_n_optimal(Flops::new(c)) else { continue };
            let loss = |u: f64| case.surface.loss_at(ln_n + u, (c / 6.0).ln() - ln_n - u);
            assert!(loss(0.0) < loss(0.01) && loss(0.0) < loss(-0.01), "{} at {c:e}", case.name);
        }
    }
}

/// Whether a law looks at N, D and C only.
fn is_plain(law: &dyn Law) -> bool {
    law.factors().iter().all(|f| matches!(f, Factor::Params | Factor::Tokens | Factor::Compute))
}

/// Runs on a grid of six sizes, 50M to 5B, and seven ratios, 3 to 300 tokens per parameter, the
/// settings in turn where the law looks at any.
fn simulated(surface: &Surface, mut noise: impl FnMut() -> f64) -> RunTable {
    let mut runs = Vec::new();
    let plain = is_plain(surface.law());
    for i in 0..6 {
        for j in 0..7 {
            let n = Params::new(5e7 * 100_f64.powf(f64::from(i) / 5.0));
            let d = Tokens::new(n.get() * 3.0 * 100_f64.powf(f64::from(j) / 6.0));
            let all = settings(d.get());
            for (k, setting) in all.into_iter().enumerate().take(if plain { 1 } else { all.len() })
            {
                let loss_nats = surface.loss(&Point::new(n, d).within(setting)) * noise().exp();
                let run = RunRecord::new(format!("n{i}-d{j}-{k}"), n, d, loss_nats);
                runs.push(RunRecord { setting, row: runs.len(), ..run });
            }
        }
    }
    RunTable::from_runs(runs, ParamRule::All)
}

/// Exact losses are the easiest of all: a fit finds the coefficients, is certified, and so are all its
/// resamples, since rounding in the residuals is no uncertainty about the minimum.
fn check_recovery_from_exact_losses(law: &'static dyn Law) {
    let config = FitConfig { bootstrap: 20, ..FitConfig::default() };
    for Case { name, surface } in cases(law) {
        let runs = simulated(&surface, || 0.0);
        let fitted = fit(law, &runs, &config, &|_| {}).expect("a fit");
        assert!(fitted.certificate.certified, "{name}: {:?}", fitted.certificate);
        assert_eq!(fitted.draws_failed, 0, "{name}");
        for (coef, want) in law.coefs().iter().zip(surface.theta()) {
            let error = fitted.coefficients[coef.name] / want - 1.0;
            assert!(error.abs() < 1e-6, "{name}, {}: off by {error:e}", coef.name);
        }
    }
}

/// Normal to the accuracy needed: twelve uniforms have variance one.
fn nearly_normal(rng: &mut impl rand::Rng) -> f64 {
    (0..12).map(|_| rng.random_range(0.0..1.0)).sum::<f64>() - 6.0
}

/// Noisy losses: the truth lies within the intervals, or, with fewer than five runs per coefficient,
/// the fit says that it is uncertain and predicts all the same.
fn check_recovery_from_noisy_losses(law: &'static dyn Law) {
    // Saturation of experts and the like take better runs than powers of N and D do.
    let sd = if is_plain(law) { 0.002 } else { 0.0003 };
    let Case { name, surface } = cases(law).swap_remove(0);
    let mut rng = stream(20_240_115, 0);
    let runs = simulated(&surface, || sd * nearly_normal(&mut rng));
    let few = runs.runs.len() < 5 * law.coefs().len();
    let bootstrap = if few { 0 } else { 1000 };
    let config = FitConfig { bootstrap, level: 0.999, seed: 3, ..FitConfig::default() };
    let fitted = fit(law, &runs, &config, &|_| {}).expect("a fit");
    if few {
        check_that_it_predicts_but_is_uncertain(&fitted, &surface, &runs, sd);
    } else {
        check_intervals(&name, &fitted, &surface, sd);
    }
}

/// At level 0.999 an honest interval misses once in a thousand, so all of a family's coefficients
/// are inside with probability 0.995; the seed is fixed, so this holds always or never.
fn check_intervals(name: &str, fitted: &Fit, surface: &Surface, sd: f64) {
    assert!(fitted.certificate.certified, "{name}: {:?}", fitted.certificate);
    // A resample of 42 runs may lose the corner that fixes an exponent, but seldom.
    assert!(fitted.draws_failed <= 10, "{name}: {} failed", fitted.draws_failed);
    for (coef, truth) in surface.law().coefs().iter().zip(surface.theta()) {
        let (interval, ours) = (fitted.intervals[coef.name], fitted.coefficients[coef.name]);
        eprintln!("{name} {}: {ours:.5e} for {truth:.5e} in {interval:?}", coef.name);
        assert!(interval.contains(*truth), "{}: {truth} in {interval:?}", coef.name);
        assert!(interval.contains(ours), "{}: {ours} in {interval:?}", coef.name);
    }
    // Scatter of the residuals is the noise: a standard deviation of 42 - p values has a
    // relative error of 1 / sqrt(2 (42 - p)) = 0.12; four of them.
    let p = surface.theta().len() as f64;
    let n = fitted.residuals.len() as f64;
    let scatter = (fitted.residuals.iter().map(|r| r * r).sum::<f64>() / (n - p)).sqrt();
    assert!((scatter / sd - 1.0).abs() < 0.48, "{name}: {scatter}");
}

/// Farseer: nine coefficients on two variables. Noise of 0.2 % on 42 runs moves them by orders of
/// magnitude along a flat floor of the objective, where starts end far apart, and the fit has to say
/// so. What it predicts inside the runs holds all the same: p coefficients on n runs leave an error
/// of sd sqrt(p / n) on average.
fn check_that_it_predicts_but_is_uncertain(fit: &Fit, truth: &Surface, runs: &RunTable, sd: f64) {
    let codes: Vec<&str> = fit.warnings.iter().map(|w| w.code()).collect();
    let uncertain = |code: &&str| ["not-certified", "starts-disagree"].contains(code);
    assert!(codes.iter().any(uncertain), "{codes:?}");
    let errors = runs.runs.iter().map(|r| {
        let point = Point::new(r.n, r.d).within(r.setting);
        (fit.surface.loss(&point) / truth.loss(&point)).ln().powi(2)
    });
    let (n, p) = (runs.runs.len() as f64, truth.theta().len() as f64);
    let error = (errors.sum::<f64>() / n).sqrt();
    assert!(error < 2.0 * sd * (p / n).sqrt(), "{error}");
}

macro_rules! standard_tests {
    ($($module:ident: $Type:ident,)*) => {$(
        mod $module {
            use isoloss::law::$Type;

            #[test]
            fn is_declared_in_full() {
                super::check_the_declaration(&$Type);
            }

            #[test]
            fn its_jet_agrees_with_central_differences() {
                super::check_the_jet_against_differences(&$Type);
            }

            #[test]
            fn its_derivatives_agree_with_dual_numbers() {
                super::check_derivatives_against_dual_numbers(&$Type);
            }

            #[test]
            fn its_slopes_agree_with_central_differences() {
                super::check_slopes_against_differences(&$Type);
            }

            #[test]
            fn its_loss_is_above_the_floor_and_falls_in_size_and_in_data() {
                super::check_that_the_loss_falls(&$Type);
            }

            #[test]
            fn another_centre_changes_coefficients_but_no_loss() {
                super::check_the_centre(&$Type);
            }

            #[test]
            fn its_closed_forms_agree_with_its_loss() {
                super::check_closed_forms(&$Type);
            }

            #[test]
            fn its_optimum_has_no_better_neighbour() {
                super::check_the_optimum(&$Type);
            }

            #[test]
            fn recovers_its_own_coefficients_from_exact_losses() {
                super::check_recovery_from_exact_losses(&$Type);
            }

            #[test]
            fn recovers_the_truth_within_its_intervals_from_noisy_losses() {
                super::check_recovery_from_noisy_losses(&$Type);
            }
        }
    )*};
}

isoloss::each_family!(standard_tests);
