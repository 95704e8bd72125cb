//! A sweep from its file to a law, with runs drawn from a law that is known.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use isoloss::data::{ReadOptions, read};
use isoloss::error::Error;
use isoloss::fit::{FitConfig, backtest, fit};
use isoloss::law::{Chinchilla, Support, Surface};
use isoloss::sweep::{
    CorpusKey, Follower, InProcess, Launched, LogFiles, RunResult, RunSpec, RunStatus, Simulated,
    SweepConfig, SweepFolder, SweepState, SweepStatus, TrainEvent, Trainer, export, launch,
    run_one,
};
use isoloss::units::ParamRule;

const TRUTH: [f64; 5] = [1.1, 60.0, 900.0, 0.45, 0.5];

const FILE: &str = r#"
name = "simulated"
seeds = [0]
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

impl Patience {
    fn hear(&self) -> ControlFlow<()> {
        let left = self.left.load(Ordering::SeqCst);
        self.left.store(left.saturating_sub(1), Ordering::SeqCst);
        if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl Follower for Patience {
    fn should_stop(&self) -> bool {
        self.left.load(Ordering::SeqCst) == 0
    }
}

/// The sweep of a text in a folder of its own.
fn sweep_of(text: &str, folder: &Path) -> SweepConfig {
    let config = SweepConfig::parse(text, "simulated.toml").expect("valid");
    SweepConfig { out: Some(folder.to_owned()), ..config }
}

fn launched(config: &SweepConfig, noise: f64, watcher: &Patience) -> Launched {
    let folder = SweepFolder::new(config.out_dir());
    let lock = folder.lock().expect("free");
    let corpus = CorpusKey::read(&config.corpus).expect("no files").digest;
    let new_trainer = || -> Box<dyn Trainer> { Box::new(trainer(noise)) };
    let mut engine = InProcess::new(folder, new_trainer, |_, _| watcher.hear());
    launch(config, &lock, &corpus, &mut engine, watcher).expect("runs")
}

fn rows(state: &SweepState) -> Vec<RunResult> {
    state.wanted.iter().filter_map(|run| state.row(run)?.ended().cloned()).collect()
}

fn run(folder: &Path, noise: f64, watcher: &Patience) -> Vec<RunResult> {
    rows(&launched(&sweep_of(FILE, folder), noise, watcher).state)
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
        let text = FILE.replace("seeds = [0]", &format!("seeds = [{repeat}]"));
        let sweep = SweepFolder::new(folder.path().to_owned());
        launched(&sweep_of(&text, folder.path()), 0.01, &Patience::of(usize::MAX));
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
fn an_edited_file_makes_other_runs_and_edited_back_the_old_ones_count_again() {
    let home = tempfile::tempdir().expect("temporary folder");
    let before = run(home.path(), 0.01, &Patience::of(usize::MAX));
    let table = || std::fs::read_to_string(home.path().join("runs.jsonl")).expect("a table");
    let first = table();
    for (from, to, named) in [
        ("context = 16", "context = 16\npeak_lr = 1e-3", "recipe.peak_lr"),
        ("context = 16", "context = 32", "recipe.context"),
        ("name =", "corpus = { synthetic = { seed = 7 } }\nname =", "corpus"),
        ("name =", "execution = { precision = \"bf16\" }\nname =", "trainer"),
        ("name =", "trainer = { command = \"true\" }\nname =", "trainer"),
    ] {
        let config = sweep_of(&FILE.replacen(from, to, 1), home.path());
        let status = SweepStatus::read(&config).expect("a folder");
        assert_eq!((status.ended, status.superseded.len()), (0, 16), "{to}");
        let differs: Vec<_> = status.superseded.iter().flat_map(|old| &old.differs).collect();
        assert!(differs.iter().any(|name| **name == named), "{to}: {differs:?}");
        assert_eq!(table(), first, "looking changes nothing");
    }
    let edited = sweep_of(&FILE.replace("context = 16", "context = 32"), home.path());
    let after = rows(&launched(&edited, 0.01, &Patience::of(usize::MAX)).state);
    assert_eq!(after.len(), 16);
    let other = |(a, b): (&RunResult, &RunResult)| a.flops_counted != b.flops_counted;
    assert!(before.iter().zip(&after).all(other), "a longer context costs more");
    // Nothing is trained again: a trainer that is stopped at its first event would show.
    assert_eq!(run(home.path(), 0.01, &Patience::of(0)), before);
    assert_eq!(table(), first);
}

#[test]
fn names_and_budgets_change_no_run() {
    let home = tempfile::tempdir().expect("temporary folder");
    run(home.path(), 0.0, &Patience::of(usize::MAX));
    // A cell more, and the seed written down.
    let more = FILE.to_owned() + "[[cell]]\nflops = 2e12\nshapes = [[3, 64, 2]]\n";
    let status = SweepStatus::read(&sweep_of(&more, home.path())).expect("a folder");
    assert_eq!((status.ended, status.todo.len(), status.superseded.len()), (16, 1, 0));
}

#[test]
fn a_damaged_or_lost_record_is_trained_again_and_the_table_made_anew() {
    let home = tempfile::tempdir().expect("temporary folder");
    let before = run(home.path(), 0.01, &Patience::of(usize::MAX));
    let table = home.path().join("runs.jsonl");
    let text = std::fs::read_to_string(&table).expect("a table");
    std::fs::remove_file(&table).expect("removed");
    assert_eq!(run(home.path(), 0.01, &Patience::of(0)), before);
    assert_eq!(std::fs::read_to_string(&table).expect("a table"), text, "made from the records");
    let records = || -> Vec<_> {
        let entries = std::fs::read_dir(home.path().join("rows")).expect("records");
        let mut paths: Vec<_> = entries.map(|e| e.expect("an entry").path()).collect();
        paths.sort();
        paths
    };
    let paths = records();
    let mut bytes = std::fs::read(&paths[3]).expect("a record");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    std::fs::write(&paths[3], bytes).expect("written");
    std::fs::remove_file(&paths[5]).expect("removed");
    let status = SweepStatus::read(&sweep_of(FILE, home.path())).expect("a folder");
    assert_eq!((status.ended, status.damaged.len()), (14, 1));
    assert_eq!(run(home.path(), 0.01, &Patience::of(usize::MAX)), before);
    assert!(records().iter().any(|path| path.extension().is_some_and(|e| e == "damaged")));
    assert_eq!(std::fs::read_to_string(&table).expect("a table"), text);
}

#[test]
fn a_table_of_before_is_kept() {
    let home = tempfile::tempdir().expect("temporary folder");
    let old = "{\"run\":\"mine\",\"n_params\":1e6,\"tokens\":1e8,\"loss\":3.0}\n";
    std::fs::write(home.path().join("runs.jsonl"), old).expect("written");
    run(home.path(), 0.0, &Patience::of(usize::MAX));
    let kept = std::fs::read_to_string(home.path().join("runs.jsonl.old")).expect("kept");
    assert_eq!(kept, old);
}

#[test]
fn seed_noise_is_the_pooled_scatter_of_log_losses() {
    let home = tempfile::tempdir().expect("temporary folder");
    let text = FILE.replace("seeds = [0]", "seeds = [0, 1, 2]");
    let config = sweep_of(&text, home.path());
    let state = launched(&config, 0.02, &Patience::of(usize::MAX)).state;
    let losses: Vec<f64> = rows(&state).iter().map(|r| r.loss_nats.expect("a loss").ln()).collect();
    // Three seeds of a shape follow each other: sum over cells of squares about their mean, 2 each.
    let spread: f64 = losses
        .chunks(3)
        .map(|c| {
            let mean = c.iter().sum::<f64>() / 3.0;
            c.iter().map(|l| (l - mean).powi(2)).sum::<f64>()
        })
        .sum();
    let noise = SweepStatus::of(&config, &state).seed_noise.expect("three seeds");
    assert_eq!((noise.cells, noise.runs), (16, 48));
    assert!((noise.log_loss_sd / (spread / 32.0).sqrt() - 1.0).abs() < 1e-9, "{noise:?}");
    // Uniform on ±0.02 has a standard deviation of 0.02 / sqrt 3 = 0.0115.
    assert!((0.008..0.016).contains(&noise.log_loss_sd), "{noise:?}");
}

#[test]
fn two_processes_do_not_train_one_sweep() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let sweep = SweepFolder::new(folder.path().to_owned());
    let held = sweep.lock().expect("free");
    let error = sweep.lock().expect_err("taken");
    assert!(error.to_string().contains(&format!("process {} on ", std::process::id())), "{error}");
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
        let ended = run_one(files, &spec, &spec, &mut careless, &mut |_| ControlFlow::Continue(()));
        let error = ended.expect_err(named).to_string();
        assert!(error.contains(named) && error.contains("`careless`"), "{error}");
    }
}

#[cfg(feature = "logs")]
#[test]
fn status_next_and_export_say_what_a_folder_holds() {
    use isoloss::study::runs_left;
    use isoloss::sweep::Lack;

    let home = tempfile::tempdir().expect("temporary folder");
    let config = sweep_of(FILE, &home.path().join("sweep"));
    let empty = SweepStatus::read(&config).expect("no folder yet");
    assert_eq!((empty.total, empty.ended, empty.todo.len()), (16, 0, 16));
    assert_eq!(runs_left(&config).expect("no folder yet").advice.len(), 16);
    // The first budget alone: its three others have nothing to say yet.
    let first = SweepConfig { cell: config.cell[..1].to_vec(), ..config.clone() };
    launched(&first, 0.0, &Patience::of(usize::MAX));
    let status = SweepStatus::read(&config).expect("a folder");
    assert_eq!((status.ended, status.todo.len(), status.runs.len()), (4, 12, 4));
    let spent: f64 = status.runs.iter().map(|row| row.flops.get()).sum();
    assert_eq!((status.flops.get(), status.saved_ratio()), (spent, 0.0));
    let losses: Vec<f64> = status.planned.iter().filter_map(|run| run.loss_nats).collect();
    let next = runs_left(&config).expect("a folder");
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
