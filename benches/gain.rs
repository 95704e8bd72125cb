//! Two recipes compared, with and without joint draws: six budgets of fifteen sizes each, as the larger
//! public sweeps have.

use std::ops::ControlFlow;

use divan::Bencher;
use isoloss::data::{RunRecord, RunTable};
use isoloss::fit::{FitConfig, GainConfig, Recipe, gain};
use isoloss::law::{Point, Surface};
use isoloss::num::stream;
use isoloss::units::{Flops, ParamRule, Params, Tokens};
use rand::RngExt;

fn main() {
    divan::main();
}

/// 90 runs whose tokens are worth `worth` times as much as those of the published law.
fn sweep(worth: f64, seed: u64) -> RunTable {
    let law = Surface::published("besiroglu").expect("shipped");
    let mut rng = stream(seed, 0);
    let mut runs = Vec::new();
    for c in [9e18, 1.8e19, 3e19, 9e19, 1.8e20, 3e20].map(Flops::new) {
        let best = law.ln_n_optimal(c).expect("an optimum");
        for step in -7..=7 {
            let n = Params::new((best + 0.25 * f64::from(step)).exp());
            let d = c.get() / (6.0 * n.get());
            let noise: f64 = rng.random_range(-0.005..0.005);
            let loss = law.loss(&Point::new(n, Tokens::new(worth * d))) * noise.exp();
            let run = RunRecord::new(format!("{n}"), n, Tokens::new(d), loss);
            runs.push(RunRecord { budget: Some(c), ..run });
        }
    }
    RunTable::from_runs(runs, ParamRule::All)
}

#[divan::bench(args = [0, 4000], sample_count = 5)]
fn two_recipes(bencher: Bencher, bootstrap: usize) {
    let (a, b) = (sweep(1.0, 1), sweep(1.5, 2));
    let fit = FitConfig { bootstrap, ..FitConfig::default() };
    let config = GainConfig { fit, ..GainConfig::default() };
    let recipe = |name, runs| Recipe { name, runs: Some(runs), fit: None };
    bencher.bench(|| {
        let found =
            gain(&recipe("a", &a), &recipe("b", &b), &config, &|_| ControlFlow::Continue(()));
        let found = found.expect("comparable");
        assert!(found.holds_to_flops.is_some());
        found
    });
}
