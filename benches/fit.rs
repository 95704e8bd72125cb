//! The certified fit and its bootstrap on 240 simulated runs laid out like Hoffmann's; every law on 400
//! runs of its own.

use divan::Bencher;
use isoloss::data::{RunRecord, RunTable};
use isoloss::fit::{FitConfig, fit};
use isoloss::law::{Factor, Law, Point, Support, Surface, law_by_id};
use isoloss::num::stream;
use isoloss::units::{Flops, ParamRule, Params, Setting, Tokens};
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

/// What a run may vary besides N and D, in turn: repetition, experts, bits.
fn setting(i: usize, d: f64) -> Setting {
    let unique = |epochs: f64| Some(Tokens::new(d / epochs));
    match i % 4 {
        0 => Setting::PLAIN,
        1 => Setting {
            unique: unique(4.0),
            experts: 8.0,
            granularity: 4.0,
            sparsity: 0.75,
            weight_bits: Some(4.0),
            activation_bits: Some(8.0),
            kv_bits: Some(8.0),
            served_bits: Some(4.0),
        },
        2 => Setting {
            unique: unique(40.0),
            experts: 32.0,
            granularity: 16.0,
            sparsity: 0.95,
            weight_bits: Some(8.0),
            activation_bits: Some(4.0),
            kv_bits: Some(3.0),
            served_bits: Some(3.0),
        },
        _ => Setting {
            unique: unique(1.5),
            experts: 2.0,
            granularity: 2.0,
            sparsity: 0.5,
            weight_bits: Some(3.0),
            activation_bits: Some(6.0),
            kv_bits: Some(4.0),
            served_bits: Some(6.0),
        },
    }
}

/// 400 runs of a law with its example coefficients: twenty sizes of 50M to 5B by twenty ratios of 3 to 300
/// tokens per parameter, normal noise of 0.2 %.
fn runs_of(law: &'static dyn Law) -> RunTable {
    let truth =
        Surface::new(law, law.example().to_vec(), "truth", ParamRule::All, Support::default())
            .expect("inside every domain");
    let usual = [Factor::Params, Factor::Tokens, Factor::Compute];
    let plain = law.factors().iter().all(|f| usual.contains(f));
    let mut rng = stream(3, 0);
    let mut runs = Vec::new();
    for i in 0..20 {
        for j in 0..20 {
            let n = Params::new(5e7 * 100_f64.powf(i as f64 / 19.0));
            let d = Tokens::new(n.get() * 3.0 * 100_f64.powf(j as f64 / 19.0));
            let setting = if plain { Setting::PLAIN } else { setting(i + j, d.get()) };
            let normal = (0..12).map(|_| rng.random_range(0.0..1.0)).sum::<f64>() - 6.0;
            let loss = truth.loss(&Point::new(n, d).within(setting)) * (0.002 * normal).exp();
            let row = runs.len();
            runs.push(RunRecord { setting, row, ..RunRecord::new(format!("r{row}"), n, d, loss) });
        }
    }
    RunTable::from_runs(runs, ParamRule::All)
}

/// 4000 resamples of every law; those whose draws fail too often are given up.
#[divan::bench(sample_count = 3, args = [
    "chinchilla", "chinchilla-tied", "gadre", "skaling", "kaplan-joint", "farseer", "muennighoff",
    "joint-moe", "krajewski", "clark", "abnar", "kumar", "envelope",
])]
fn every_law(bencher: Bencher, id: &str) {
    let law = law_by_id(id).expect("registered");
    let table = runs_of(law);
    bencher.bench(|| fit(law, &table, &FitConfig::default()).expect("fits"));
}
