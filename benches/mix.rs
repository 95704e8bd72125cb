//! The best mixture with resamples of the whole decision: 512 runs over 17 domains, one target and
//! thirteen, as the largest public sweep has.

use std::ops::ControlFlow;

use divan::Bencher;
use isoloss::data::{MixtureRun, MixtureTable};
use isoloss::fit::{MixtureConfig, best_mixture, mixture_design};
use isoloss::num::stream;
use rand::RngExt;

fn main() {
    divan::main();
}

const DOMAINS: usize = 17;

/// Laws of their own for each target, noise of a hundredth of a nat.
fn sweep(targets: usize) -> MixtureTable {
    let mut rng = stream(11, 0);
    let laws: Vec<Vec<f64>> =
        (0..targets).map(|_| (0..DOMAINS).map(|_| rng.random_range(-1.0..0.7)).collect()).collect();
    let prior = vec![1.0 / DOMAINS as f64; DOMAINS];
    let runs = mixture_design(&prior, 512, 5).into_iter().enumerate().map(|(k, shares)| {
        let loss = |slopes: &Vec<f64>| {
            let along: f64 = slopes.iter().zip(&shares).map(|(t, r)| t * r).sum();
            2.0 + along.exp() + rng.random_range(-0.02..0.02)
        };
        MixtureRun { run: k.to_string(), losses: laws.iter().map(loss).collect(), shares }
    });
    MixtureTable {
        domains: (0..DOMAINS).map(|k| format!("d{k}")).collect(),
        targets: (0..targets).map(|k| format!("t{k}")).collect(),
        runs: runs.collect(),
        ..MixtureTable::default()
    }
}

#[divan::bench(args = [1, 13], sample_count = 3)]
fn a_thousand_decisions(bencher: Bencher, targets: usize) {
    let table = sweep(targets);
    let config = MixtureConfig { bootstrap: 1000, ..MixtureConfig::default() };
    bencher.bench(|| {
        let found = best_mixture(&table, None, &config, &|_| ControlFlow::Continue(()));
        let found = found.expect("a mixture");
        assert!(found.certificate.certified);
        found
    });
}
