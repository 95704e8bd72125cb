//! A law of your own, outside the crate: written in one `impl`, fitted to data/first-light, certified
//! and used for a plan like the built-in ones.
//!
//! `cargo run --example your_own_law`

#![allow(clippy::print_stdout, reason = "an example prints")]

use isoloss::data::{ReadOptions, read};
use isoloss::fit::{FitConfig, fit};
use isoloss::law::{At, Coef, Form, LinearPart, grid, ranked_starts};
use isoloss::num::Real;
use isoloss::plan::compute_optimal;
use isoloss::units::{Flops, Setting};

/// L(N, D) = E + (A / N + B / D)^gamma: size and data share one power.
struct SharedPower;

impl Form for SharedPower {
    const ID: &'static str = "shared-power";
    const TITLE: &'static str = "Shared power";
    const EQUATION: &'static str = "L = E + (A/N + B/D)^gamma";
    const SOURCE: &'static str = "this example";
    const COEFS: &'static [Coef] = &[
        Coef::positive("E", "nats per token"),
        Coef::positive("A", "parameters"),
        Coef::positive("B", "tokens"),
        Coef::exponent("gamma"),
    ];
    const EXAMPLE: &'static [f64] = &[1.7, 1e6, 2e7, 0.35];

    fn loss<T: Real>(&self, theta: &[T], at: &At<T>) -> T {
        let sum = theta[1] * (-at.ln_n).exp() + theta[2] * (-at.ln_d).exp();
        theta[0] + (theta[3] * sum.ln()).exp()
    }

    fn floor(&self, theta: &[f64], _setting: &Setting) -> f64 {
        theta[0]
    }

    fn recentre(&self, theta: &mut [f64], ln_n0: f64, ln_d0: f64) {
        theta[1] *= (-ln_n0).exp();
        theta[2] *= (-ln_d0).exp();
    }

    // For a fixed E and gamma, (L - E)^(1 / gamma) is linear in A and B.
    fn starts(&self, at: &[At<f64>], loss: &[f64]) -> Vec<Vec<f64>> {
        let lowest = loss.iter().copied().fold(f64::INFINITY, f64::min);
        let part = |&[share, gamma]: &[f64; 2]| {
            let e = share * lowest;
            let root = move |l: f64| (l - e).powf(1.0 / gamma);
            LinearPart::of(loss, root, move |x| e + x.powf(gamma))
                .with(at.iter().map(|x| (-x.ln_n).exp()))
                .with(at.iter().map(|x| (-x.ln_d).exp()))
        };
        ranked_starts(&grid([&[0.3, 0.6, 0.9], &[0.2, 0.4, 0.7]]), loss, part)
            .into_iter()
            .map(|([share, gamma], x)| vec![share * lowest, x[0], x[1], gamma])
            .collect()
    }
}

fn main() -> isoloss::Result<()> {
    let runs = read(&["data/first-light/runs.jsonl"], &ReadOptions::default())?;
    let fit = fit(&SharedPower, &runs, &FitConfig::default())?;
    for (name, value) in &fit.coefficients {
        println!("{name:5} {value:.4e}");
    }
    println!("certified: {}", fit.certificate.certified);
    let plan = compute_optimal(&fit.surface, Flops::new(1e14))?;
    println!("at 1e14 FLOPs: N {}, D {}, loss {:.3}", plan.n, plan.d, plan.loss_nats);
    Ok(())
}
