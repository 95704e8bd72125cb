//! Plans per second: closed forms, serving, whole scenarios over a posterior.

use std::hint::black_box;

use divan::Bencher;
use divan::counter::ItemsCount;
use isoloss::cost::{
    BatchSize, CostModel, Deployment, Latency, Requests, TrainingMemory, Uncertain, Workload,
    device,
};
use isoloss::law::{Ensemble, Surface};
use isoloss::plan::{
    Aim, Currency, DataLimit, Demand, Sampling, Scenario, Serving, Training, compute_optimal,
    inference_aware, optimum_for_loss, recommend, tokens_for_loss,
};
use isoloss::units::{Flops, Params, Tokens};

fn main() {
    divan::main();
}

fn surface() -> Surface {
    Surface::published("besiroglu").expect("shipped")
}

/// Draws around the published refit, spread as its standard errors are.
fn ensemble(draws: usize) -> Ensemble {
    let best = surface();
    let scattered = (0..draws).map(|i| {
        let wave = |k: f64| (i as f64 * k).sin();
        let mut theta = best.theta().to_vec();
        theta[3] += 0.01 * wave(0.7);
        theta[4] += 0.01 * wave(1.3);
        theta[0] += 0.02 * wave(2.1);
        best.with_theta(theta)
    });
    Ensemble { draws: scattered.collect(), ..Ensemble::single(best.clone()) }
}

const BATCH: u64 = 10_000;

fn budgets() -> impl Iterator<Item = Flops> {
    (0..BATCH).map(|i| Flops::new(1e20 * (1.0 + i as f64)))
}

#[divan::bench]
fn compute_optimal_plans(bencher: Bencher) {
    let surface = surface();
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for c in budgets() {
            black_box(compute_optimal(&surface, c).expect("a plan"));
        }
    });
}

#[divan::bench]
fn optima_for_a_loss(bencher: Bencher) {
    let surface = surface();
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for i in 0..BATCH {
            let loss = 1.9 + i as f64 * 1e-4;
            black_box(optimum_for_loss(&surface, loss).expect("a plan"));
        }
    });
}

#[divan::bench]
fn tokens_of_a_size_for_a_loss(bencher: Bencher) {
    let surface = surface();
    bencher.counter(ItemsCount::new(BATCH)).bench_local(|| {
        for i in 0..BATCH {
            let n = Params::new(2e10 + i as f64 * 1e6);
            black_box(tokens_for_loss(&surface, n, 2.0).expect("reachable"));
        }
    });
}

#[divan::bench]
fn inference_aware_plans(bencher: Bencher) {
    let surface = surface();
    let workload = Workload::output(Tokens::new(5e12));
    bencher.counter(ItemsCount::new(1000u64)).bench_local(|| {
        for i in 0..1000 {
            let loss = 1.9 + f64::from(i) * 1e-3;
            let plan = inference_aware(&surface, loss, &workload, &CostModel::FLOPS);
            black_box(plan.expect("a plan"));
        }
    });
}

/// Money over training and serving on real devices, with text, machines and waiting limited.
fn money() -> Scenario {
    let h100 = device("H100 SXM").expect("known");
    let mut scenario = Scenario::new(Aim::QualityOf(Params::new(30e9)));
    scenario.currency = Currency::LifetimeUsd;
    scenario.training = Some(Training {
        device: h100,
        devices: Some(2048.0),
        duration_s: Some(120.0 * 86_400.0),
        utilisation: Uncertain { low: 0.2, mid: 0.35, high: 0.48 },
        usd_per_hour: Some(Uncertain { low: 1.99, mid: 2.95, high: 5.0 }),
        usd_per_kwh: None,
        energy_overhead: 1.2,
        memory: TrainingMemory::default(),
    });
    scenario.serving = Some(Serving::Physics {
        deployment: Deployment::of("H100 SXM", 2.0).expect("known"),
        batch: BatchSize::Largest(256.0),
        latency: Latency { per_token_s: Some(0.02), first_token_s: Some(0.5) },
        usd_per_hour: Some(Uncertain { low: 1.99, mid: 2.95, high: 5.0 }),
        speed: Uncertain { low: 0.8, mid: 1.0, high: 1.1 },
    });
    scenario.demand = Some(Demand {
        request: Requests { prompt: 1000.0, answer: 300.0 },
        requests: Uncertain { low: 1e9, mid: 5e9, high: 2e10 },
    });
    scenario
}

/// Intervals alone: one plan per draw.
#[divan::bench(args = [1000, 4000], sample_count = 10)]
fn money_plan_over_draws(bencher: Bencher, draws: usize) {
    let (ensemble, scenario) = (ensemble(draws), money());
    let sampling = Sampling { draws, share_draws: 0, seed: 0 };
    let [drawn, failed] = recommend(&ensemble, &scenario, &sampling).expect("a plan").draws;
    assert!(failed * 20 < drawn, "{failed} of {drawn} draws have no plan");
    bencher.counter(ItemsCount::new(draws)).bench_local(|| {
        black_box(recommend(&ensemble, &scenario, &sampling).expect("a plan"));
    });
}

/// Intervals and the share of each input: seven more plans for each of a thousand draws.
#[divan::bench(sample_count = 5)]
fn money_plan_over_4000_draws_with_shares(bencher: Bencher) {
    let (ensemble, scenario) = (ensemble(4000), money());
    bencher.bench_local(|| {
        black_box(recommend(&ensemble, &scenario, &Sampling::default()).expect("a plan"));
    });
}

/// With repeated text, under the data-constrained law.
#[divan::bench(sample_count = 5)]
fn money_plan_over_4000_draws_with_repeated_text(bencher: Bencher) {
    let (ensemble, mut scenario) = (ensemble(4000), money());
    scenario.data = Some(DataLimit {
        unique: Tokens::new(3e11),
        max_epochs: 16.0,
        repetition: (15.387_756, 5.309_743),
        rival: None,
    });
    let sampling = Sampling { draws: 4000, share_draws: 0, seed: 0 };
    bencher.bench_local(|| {
        black_box(recommend(&ensemble, &scenario, &sampling).expect("a plan"));
    });
}
