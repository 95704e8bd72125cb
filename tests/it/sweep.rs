//! A sweep from its file to a law, with runs drawn from a law that is known.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use isoloss::data::{ReadOptions, read};
use isoloss::error::Error;
use isoloss::fit::{FitConfig, backtest, fit};
use isoloss::law::{Chinchilla, Support, Surface};
use isoloss::sweep::{
    RunResult, RunSpec, Simulated, SweepConfig, SweepFolder, TrainEvent, Watcher, run_sweep,
};
use isoloss::units::ParamRule;

const TRUTH: [f64; 5] = [1.1, 60.0, 900.0, 0.45, 0.5];

const FILE: &str = r#"
name = "simulated"
[recipe]
context = 16
batch_sequences = 1
[[cell]]
flops = 1e10
shapes = [[1, 16, 1], [2, 24, 1], [2, 32, 1], [2, 48, 2]]
[[cell]]
flops = 4e10
shapes = [[1, 16, 1], [2, 32, 1], [2, 48, 2], [3, 64, 2]]
[[cell]]
flops = 2e11
shapes = [[2, 24, 1], [2, 48, 2], [3, 64, 2], [4, 80, 2]]
[[cell]]
flops = 1e12
shapes = [[2, 32, 1], [3, 64, 2], [4, 80, 2], [4, 128, 4]]
"#;

fn trainer(noise: f64) -> Simulated {
    let surface =
        Surface::new(&Chinchilla, TRUTH.to_vec(), "truth", ParamRule::All, Support::default());
    Simulated { surface: surface.expect("inside the domain"), noise }
}

/// Stops after some events, or never.
struct Patience {
    left: AtomicUsize,
}

impl Patience {
    fn of(events: usize) -> Self {
        Self { left: AtomicUsize::new(events) }
    }
}

impl Watcher for Patience {
    fn on_event(&self, _: &RunSpec, _: &TrainEvent) -> ControlFlow<()> {
        let left = self.left.load(Ordering::SeqCst);
        self.left.store(left.saturating_sub(1), Ordering::SeqCst);
        if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
    fn on_end(&self, _: &RunSpec, _: &RunResult) {}
    fn should_stop(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 0
    }
}

fn run(folder: &Path, noise: f64, watcher: &Patience) -> Vec<RunResult> {
    let config = SweepConfig::parse(FILE, "simulated.toml").expect("valid");
    let folder = SweepFolder::new(folder.to_owned());
    run_sweep(&folder, &config.runs(), 2, &[], &|| trainer(noise), watcher).expect("runs")
}

#[cfg(feature = "logs")]
#[test]
fn recovers_the_law_a_sweep_was_drawn_from() {
    let folder = tempfile::tempdir().expect("temporary folder");
    assert_eq!(run(folder.path(), 0.0, &Patience::of(usize::MAX)).len(), 16);
    let table = read(&[folder.path().join("runs.jsonl")], &ReadOptions::default()).expect("read");
    assert_eq!((table.runs.len(), table.by_budget().len()), (16, 4));
    let config = FitConfig { bootstrap: 20, ..FitConfig::default() };
    let fitted = fit(&Chinchilla, &table, &config).expect("fits");
    assert!(fitted.certificate.certified && fitted.draws_failed == 0);
    for (found, truth) in fitted.surface.theta().iter().zip(TRUTH) {
        assert!((found / truth - 1.0).abs() < 1e-6, "{:?}", fitted.surface.theta());
    }
    let test = backtest(&Chinchilla, &table, &config).expect("four budgets");
    assert!(test.max_abs_error < 1e-9, "{}", test.max_abs_error);
    assert_eq!((test.n_fitted, test.runs.len()), (12, 4));
}

#[cfg(feature = "logs")]
#[test]
fn predictions_of_noisy_runs_are_inside_their_intervals_about_as_often_as_they_say() {
    let mut inside = 0;
    let mut total = 0;
    for repeat in 0..10 {
        let folder = tempfile::tempdir().expect("temporary folder");
        let config = SweepConfig::parse(FILE, "simulated.toml").expect("valid");
        let runs: Vec<RunSpec> =
            config.runs().into_iter().map(|r| RunSpec { seed: repeat, ..r }).collect();
        let sweep = SweepFolder::new(folder.path().to_owned());
        let watcher = Patience::of(usize::MAX);
        run_sweep(&sweep, &runs, 1, &[], &|| trainer(0.01), &watcher).expect("runs");
        let table = read(&[sweep.records()], &ReadOptions::default()).expect("read");
        let config = FitConfig { bootstrap: 400, delta: 0.1, ..FitConfig::default() };
        let test = backtest(&Chinchilla, &table, &config).expect("four budgets");
        inside += test.covered;
        total += test.runs.len();
    }
    // Nominal 38 of 40. Fewer than 31 has a probability below 1e-3 even at a true rate of 0.92,
    // and runs of one law are not independent, so the bound is that of 0.92.
    assert!(inside >= 31, "{inside} of {total}");
}

#[test]
fn a_sweep_stopped_anywhere_ends_with_the_same_table() {
    let whole = tempfile::tempdir().expect("temporary folder");
    let undisturbed = run(whole.path(), 0.02, &Patience::of(usize::MAX));
    let broken = tempfile::tempdir().expect("temporary folder");
    let mut rounds = 0;
    loop {
        rounds += 1;
        let rows = run(broken.path(), 0.02, &Patience::of(7));
        if rows.len() == undisturbed.len() {
            assert_eq!(rows, undisturbed);
            break;
        }
        assert!(rounds < 50, "it does not get on");
    }
    assert!(rounds > 3, "it was stopped on the way");
}

#[test]
fn a_finished_run_of_another_configuration_is_not_taken_for_this_one() {
    let folder = tempfile::tempdir().expect("temporary folder");
    run(folder.path(), 0.0, &Patience::of(usize::MAX));
    let changed = FILE.replace("context = 16", "context = 16\npeak_lr = 1e-3");
    let config = SweepConfig::parse(&changed, "simulated.toml").expect("valid");
    let sweep = SweepFolder::new(folder.path().to_owned());
    let watcher = Patience::of(usize::MAX);
    let error = run_sweep(&sweep, &config.runs(), 1, &[], &|| trainer(0.0), &watcher);
    let told = error.expect_err("other settings").to_string();
    assert!(told.contains("another configuration") && told.contains("c1.00e10-l1-d16-s0"), "{told}");
}

#[test]
fn two_launchers_do_not_share_a_sweep() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let sweep = SweepFolder::new(folder.path().to_owned());
    let held = sweep.lock().expect("free");
    assert!(matches!(sweep.lock(), Err(Error::Sweep(_))));
    drop(held);
    assert!(sweep.lock().is_ok());
}
