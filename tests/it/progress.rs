//! Long computations report how far they are, and stop when they are told to.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering};

use isoloss::data::{RunRecord, RunTable};
use isoloss::error::{Error, FitError, Result};
use isoloss::fit::{
    BenchmarkConfig, FitConfig, FutureAxis, Progress, Resample, backtest_with_progress,
    fit_benchmark_with_progress, fit_with_progress, leave_groups_out_with_progress, predict,
    predict_runs, rank_with_progress, rollout_with_progress,
};
use isoloss::law::{Benchmark, Chinchilla, ExponentialError, Point, Surface};
use isoloss::units::{Flops, ParamRule, Params, Tokens};

/// Five budgets of five sizes, with a little deterministic scatter.
fn runs() -> RunTable {
    let truth = Surface::published("besiroglu").expect("shipped");
    let mut runs = Vec::new();
    for c in [1e18, 3e18, 1e19, 3e19, 1e20].map(Flops::new) {
        let best = truth.ln_n_optimal(c).expect("an optimum");
        for step in -2..=2 {
            let n = Params::new((best + 0.4 * f64::from(step)).exp());
            let d = Tokens::new(c.get() / (6.0 * n.get()));
            let noise = 1.0 + 0.002 * (3.0 * runs.len() as f64).sin();
            let loss = noise * truth.loss(&Point::new(n, d));
            let run = RunRecord::new(format!("{c} {n}"), n, d, loss);
            runs.push(RunRecord { budget: Some(c), row: runs.len(), ..run });
        }
    }
    RunTable::from_runs(runs, ParamRule::All)
}

fn config() -> FitConfig {
    FitConfig { bootstrap: 20, ..FitConfig::default() }
}

type Watch<'a> = &'a (dyn Fn(Progress) -> ControlFlow<()> + Sync);

/// Every long computation on runs, by name.
fn long_ones(progress: Watch<'_>) -> Vec<(&'static str, Result<()>)> {
    let (law, table, config) = (&Chinchilla, runs(), config());
    let axis = FutureAxis::C;
    let truth = [0.8, 1.9, 0.9];
    let row = |i: i32| 2.2 + 0.1 * f64::from(i);
    let rows: Vec<(f64, f64)> =
        (0..12).map(row).map(|l| (l, ExponentialError.error(&truth, l))).collect();
    let of_tasks = BenchmarkConfig { bootstrap: 20, ..BenchmarkConfig::default() };
    vec![
        ("fit", fit_with_progress(law, &table, &config, progress).map(drop)),
        ("rollout", rollout_with_progress(law, &table, axis, &config, progress).map(drop)),
        ("rank", rank_with_progress(&table, axis, &config, progress).map(drop)),
        (
            "groups",
            leave_groups_out_with_progress(law, &table, Resample::Budget, &config, progress)
                .map(drop),
        ),
        ("backtest", backtest_with_progress(law, &table, &config, progress).map(drop)),
        (
            "benchmark",
            fit_benchmark_with_progress(&ExponentialError, &rows, &of_tasks, progress)
                .map(drop)
                .map_err(Error::from),
        ),
    ]
}

#[test]
fn a_long_computation_counts_to_its_total_unless_it_is_stopped() {
    let most = AtomicUsize::new(0);
    let counted = |p: Progress| {
        assert!(p.done <= p.total, "{p:?}");
        most.fetch_max(p.done, Ordering::Relaxed);
        ControlFlow::Continue(())
    };
    for (name, outcome) in long_ones(&counted) {
        assert!(outcome.is_ok(), "{name}: {outcome:?}");
    }
    assert!(most.load(Ordering::Relaxed) >= 20);
    for (name, outcome) in long_ones(&|_| ControlFlow::Break(())) {
        assert!(matches!(outcome, Err(Error::Fit(FitError::Stopped))), "{name}: {outcome:?}");
    }
    // In the middle of the resamples.
    let late =
        |p: Progress| if p.done < 7 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) };
    let outcome = fit_with_progress(&Chinchilla, &runs(), &config(), &late);
    assert!(matches!(outcome, Err(Error::Fit(FitError::Stopped))));
}

/// Points without losses are predicted as the runs made there are.
#[test]
fn points_and_runs_are_predicted_alike() {
    let table = runs();
    let quiet = |_: Progress| ControlFlow::Continue(());
    let fitted = fit_with_progress(&Chinchilla, &table, &config(), &quiet).expect("a fit");
    let points: Vec<Point> = table.runs.iter().map(|r| Point::new(r.n, r.d)).collect();
    for (point, run) in predict(&fitted, &points).iter().zip(predict_runs(&fitted, &table)) {
        assert_eq!(point.loss_nats, run.predicted_nats);
        assert_eq!((point.interval, &point.outside), (run.interval, &run.outside));
    }
}
