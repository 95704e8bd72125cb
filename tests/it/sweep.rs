//! A sweep from its file to a law, with runs drawn from a law that is known.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use isoloss::data::{ReadOptions, read};
use isoloss::error::Error;
use isoloss::fit::{FitConfig, backtest, fit};
use isoloss::law::{Chinchilla, Support, Surface};
use isoloss::sweep::{
    Lack, LogFiles, NextRuns, RunResult, RunSpec, RunStatus, Simulated, SweepConfig, SweepFolder,
    SweepStatus, TrainEvent, Trainer, Watcher, export, run_one, run_sweep,
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
        inside += test.covered.expect("intervals");
        total += test.runs.len();
    }
    // Nominal 38 of 40. Fewer than 31 has a probability below 1e-3 even at a true rate of 0.92,
    // and runs of one law are not independent, so the bound is that of 0.92.
    assert!(inside >= 31, "{inside} of {total}");
}

#[test]
fn a_sweep_stopped_at_any_moment_ends_with_the_same_table() {
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
        assert!(rounds < 50, "every round must end some run");
    }
    assert!(rounds > 3, "it was stopped several times");
}

#[test]
fn a_finished_run_of_another_configuration_is_refused() {
    let folder = tempfile::tempdir().expect("temporary folder");
    run(folder.path(), 0.0, &Patience::of(usize::MAX));
    let changed = FILE.replace("context = 16", "context = 16\npeak_lr = 1e-3");
    let config = SweepConfig::parse(&changed, "simulated.toml").expect("valid");
    let sweep = SweepFolder::new(folder.path().to_owned());
    let watcher = Patience::of(usize::MAX);
    let error = run_sweep(&sweep, &config.runs(), 1, &[], &|| trainer(0.0), &watcher);
    let error = error.expect_err("another learning rate").to_string();
    assert!(error.contains("another configuration"), "{error}");
    assert!(error.contains("c1.00e10-l1-d16-s0"), "{error}");
}

#[test]
fn two_processes_do_not_train_one_sweep() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let sweep = SweepFolder::new(folder.path().to_owned());
    let held = sweep.lock().expect("free");
    assert!(matches!(sweep.lock(), Err(Error::Sweep(_))));
    drop(held);
    assert!(sweep.lock().is_ok());
}

/// A trainer that reports other events than it should.
struct Careless {
    events: Vec<TrainEvent>,
}

impl Trainer for Careless {
    fn name(&self) -> &str {
        "careless"
    }

    fn train(
        &mut self,
        _: &RunSpec,
        on_event: &mut (dyn FnMut(&TrainEvent) -> ControlFlow<()> + Send),
    ) -> Result<RunStatus, Error> {
        for event in &self.events {
            if on_event(event).is_break() {
                return Ok(RunStatus::Stopped);
            }
        }
        Ok(RunStatus::Finished)
    }
}

#[test]
fn a_trainer_that_does_not_report_its_start_first_is_an_error_and_no_panic() {
    let config = SweepConfig::parse(FILE, "simulated.toml").expect("valid");
    let spec = config.runs().swap_remove(0);
    let mut events = Vec::new();
    let mut keep = |event: &TrainEvent| {
        events.push(event.clone());
        ControlFlow::Continue(())
    };
    trainer(0.0).train(&spec, &mut keep).expect("a simulated run");
    let [start, step, ..] = events.as_slice() else { panic!("a start and a step") };
    let home = tempfile::tempdir().expect("temporary folder");
    let log = home.path().join("a.jsonl");
    for (reported, named) in [
        (vec![], "an end without a start"),
        (vec![step.clone(), start.clone()], "an event before its start"),
        (vec![start.clone(), step.clone(), start.clone()], "a second start"),
    ] {
        let files = LogFiles { log: &log, branched: None, formats: &[] };
        let mut careless = Careless { events: reported };
        let ended = run_one(files, &spec, &mut careless, &mut |_| ControlFlow::Continue(()));
        let error = ended.expect_err(named).to_string();
        assert!(error.contains(named) && error.contains("`careless`"), "{error}");
    }
}

#[test]
fn status_next_and_export_say_what_a_folder_holds() {
    let home = tempfile::tempdir().expect("temporary folder");
    let text = format!("out = \"{}\"\n{FILE}", home.path().join("sweep").display());
    let config = SweepConfig::parse(&text, "simulated.toml").expect("valid");
    let empty = SweepStatus::read(&config).expect("no folder yet");
    assert_eq!((empty.total, empty.ended, empty.todo.len()), (16, 0, 16));
    assert_eq!(NextRuns::read(&config).expect("no folder yet").advice.len(), 16);
    // The first budget alone: its three others have nothing to say yet.
    let specs = config.runs();
    let sweep = SweepFolder::new(config.out_dir());
    let watcher = Patience::of(usize::MAX);
    run_sweep(&sweep, &specs[..4], 1, &[], &|| trainer(0.0), &watcher).expect("runs");
    let status = SweepStatus::read(&config).expect("a folder");
    assert_eq!((status.ended, status.todo.len(), status.runs.len()), (4, 12, 4));
    let spent: f64 = status.runs.iter().map(|row| row.flops.get()).sum();
    assert_eq!((status.flops.get(), status.saved_ratio()), (spent, 0.0));
    let losses: Vec<f64> = status.planned.iter().filter_map(|run| run.loss_nats).collect();
    let next = NextRuns::read(&config).expect("a folder");
    // Losses fall and rise again with the size, or fall all the way: the advice follows from them.
    let lowest = losses.iter().copied().fold(f64::INFINITY, f64::min);
    let lacks = match losses.iter().position(|loss| *loss == lowest) {
        Some(0) => Some(Lack::Smaller),
        Some(3) => Some(Lack::Larger),
        _ => None,
    };
    assert_eq!(next.sizes.iter().map(|size| size.lacks).next(), lacks);
    assert_eq!(next.advice.len(), 12 + next.sizes.len());
    let out = home.path().join("small");
    let exported = export(&config, &out, 10).expect("written");
    assert_eq!(exported.runs, 4);
    let table = std::fs::read_to_string(out.join("runs.jsonl")).expect("a table");
    assert_eq!(table.lines().count(), 4);
}
