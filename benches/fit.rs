//! The certified fit and its bootstrap on 240 simulated runs laid out like Hoffmann's.

use divan::Bencher;
use isoloss::data::{RunRecord, RunTable};
use isoloss::fit::{FitConfig, fit};
use isoloss::law::{Point, Surface, law_by_id};
use isoloss::num::stream;
use isoloss::units::{Flops, ParamRule, Params, Tokens};
use rand::RngExt;

fn main() {
    divan::main();
}

/// 240 runs: nine budgets from 6e18 to 3e21 FLOPs, sizes over a decade around each optimum, log
/// losses with the heavy tails of points read off a figure.
fn runs() -> RunTable {
    let truth = Surface::published("besiroglu").expect("shipped");
    let mut rng = stream(7, 0);
    let budgets = [6e18, 1e19, 3e19, 6e19, 1e20, 3e20, 6e20, 1e21, 3e21];
    let runs = (0..240)
        .map(|i| {
            let c = budgets[i % budgets.len()];
            let optimum = truth.ln_n_optimal(Flops::new(c)).expect("optimum").exp();
            let n = optimum * 10_f64.powf(rng.random_range(-0.7..0.7));
            let d = c / (6.0 * n);
            let u: f64 = rng.random_range(-1.0..1.0);
            let noise = 0.004 * u / (1.02 - u.abs());
            let point = Point::new(Params::new(n), Tokens::new(d));
            let loss = truth.loss(&point) * noise.exp();
            RunRecord { row: i, ..RunRecord::new(format!("r{i}"), point.n, point.d, loss) }
        })
        .collect();
    RunTable::from_runs(runs, ParamRule::All)
}

#[divan::bench(args = [0, 4000])]
fn certified_fit(bencher: Bencher, bootstrap: usize) {
    let table = runs();
    let law = law_by_id("chinchilla").expect("registered");
    let config = FitConfig { bootstrap, ..FitConfig::default() };
    bencher.bench(|| {
        let fitted = fit(law, &table, &config).expect("fits");
        assert!(fitted.certificate.certified);
        fitted
    });
}
