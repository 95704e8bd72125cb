//! The standard tests of every registered family: right derivatives, falling loss, a round trip of its
//! centre, closed forms that agree with the loss, and coefficients that a fit finds again.
//!
//! `each_family!` makes a module of them for each family, so that `laws::gadre::` runs those of one.

use std::collections::BTreeSet;

use isoloss::law::{At, Factor, Law, Support, Surface, forms, published_laws};
use isoloss::units::{Flops, ParamRule, Setting, Tokens};

mod recovery;

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
                super::recovery::check_recovery_from_exact_losses(&$Type);
            }

            #[test]
            fn recovers_the_truth_within_its_intervals_from_noisy_losses() {
                super::recovery::check_recovery_from_noisy_losses(&$Type);
            }
        }
    )*};
}

isoloss::each_family!(standard_tests);
