//! Sweeps that are stopped, killed, moved, started twice and damaged end as if nothing had happened.

#![cfg(unix)]

use std::collections::BTreeSet;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A trainer in Python's standard library alone: a loss that follows from step, size and seed, a
/// checkpoint after each step, and what is asked for by words in `mood`.
const TRAINER: &str = r#"
import argparse, json, os, signal, sys, time
p = argparse.ArgumentParser()
for name in ("n", "tokens", "steps", "seed", "batch"):
    p.add_argument("--" + name, type=float)
p.add_argument("--out")
p.add_argument("--mood", default="")
a = p.parse_args()
state, log = os.path.join(a.out, "state.json"), os.path.join(a.out, "log.jsonl")
begun = os.path.join(a.out, "begun")
tries = 1 + (int(open(begun).read()) if os.path.exists(begun) else 0)
open(begun, "w").write(str(tries))
step, kept = 0, 0
if os.path.exists(state):
    step, kept = json.load(open(state))
stopping = []
signal.signal(signal.SIGTERM, lambda *_: stopping.append(1))
if "crash" in a.mood:
    print("something went wrong in layer 3"); sys.exit(3)
if "memory" in a.mood:
    print("torch.OutOfMemoryError: CUDA out of memory"); sys.exit(1)
if "killed-once" in a.mood and tries == 1:
    os.kill(os.getpid(), signal.SIGKILL)
def loss_at(step):
    return 2 + 50 / a.n ** 0.5 + 30 / (step * a.batch) ** 0.5 + 1e-3 * a.seed
with open(log, "a") as f:
    f.truncate(kept)
    f.seek(0, 2)
    while step < a.steps:
        if stopping and "stubborn" not in a.mood:
            sys.exit(0 if "polite" in a.mood else 9)
        if "hang" in a.mood and step == 2:
            time.sleep(600)
        if "slow" in a.mood:
            time.sleep(0.004)
        step += 1
        loss = float("nan") if "nan" in a.mood and step > 3 else loss_at(step)
        line = {"step": step, "tokens": step * a.batch, "train_loss": loss, "n_params": a.n}
        f.write(json.dumps(line) + "\n")
        f.flush()
        temporary = state + ".tmp"
        with open(temporary, "w") as s:
            json.dump([step, f.tell()], s)
        os.replace(temporary, state)
    if "garbage" in a.mood:
        f.seek(0); f.truncate(); f.write("{[}\n\x00\x01 not a log\n"); sys.exit(0)
    if "silent" in a.mood:
        os.remove(log); sys.exit(0)
    if "half" in a.mood:
        a.n /= 2
        lines = [json.loads(l) for l in open(log)]
        f.seek(0); f.truncate()
        for l in lines:
            l["n_params"] = a.n; f.write(json.dumps(l) + "\n")
    loss = float("nan") if "nan" in a.mood else loss_at(step) - 0.01
    last = {"step": step, "tokens": step * a.batch, "eval_loss": loss, "n_params": a.n}
    f.write(json.dumps(last) + "\n")
"#;

/// Six runs of an external trainer, about forty steps each.
fn external(mood: &str) -> String {
    format!(
        r#"
name = "s"
seeds = [0, 1]
[trainer]
command = "python3 train.py --n {{n_params}} --tokens {{tokens}} --steps {{steps}} --seed {{seed}} --batch {{batch_tokens}} --out {{folder}} --mood '{mood}'"
files = ["train.py"]
[recipe]
context = 32
batch_sequences = 4
[[cell]]
flops = 4e8
shapes = [[1, 16, 1], [1, 24, 1], [2, 24, 1]]
"#
    )
}

/// Runs of the bundled trainer with a checkpoint after every step, a ladder with a trunk among them.
#[cfg(feature = "train")]
const BUNDLED: &str = r#"
name = "s"
seeds = [0]
[corpus.synthetic]
vocab = 32
tokens = 20000
[execution]
checkpoint_seconds = 0
[recipe]
schedule = "wsd"
warmup_steps = 5
context = 32
batch_sequences = 4
evaluations = 2
validation_tokens = 256
[[cell]]
flops = 2e8
shapes = [[1, 16, 1], [1, 24, 1]]
[[ladder]]
shapes = [[1, 16, 1]]
tokens = [2560, 5120, 7680]
"#;

fn home(sweep: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("a folder");
    std::fs::write(home.path().join("s.toml"), sweep).expect("written");
    std::fs::write(home.path().join("train.py"), TRAINER).expect("written");
    home
}

fn isoloss(home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_isoloss"));
    command.args(args).current_dir(home).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn output(home: &Path, args: &[&str]) -> Output {
    isoloss(home, args).output().expect("it starts")
}

fn run(home: &Path, more: &[&str]) -> (i32, String) {
    let out = output(home, &[&["sweep", "run", "s.toml", "--jobs", "2"], more].concat());
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    (out.status.code().unwrap_or_else(|| panic!("signal {:?}", out.status.signal())), said)
}

fn finished(home: &Path) -> String {
    let (code, said) = run(home, &[]);
    assert_eq!(code, 0, "{said}");
    said
}

/// A JSON value without what the clock says.
fn timeless(mut value: Value) -> Value {
    value.as_object_mut().map(|fields| fields.remove("seconds"));
    value
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines().map(|l| timeless(serde_json::from_str(l).expect("a whole line"))).collect()
}

/// The table and all logs of a sweep, without times.
fn everything(home: &Path) -> Vec<(String, Vec<Value>)> {
    let folder = home.join("runs/s");
    let mut logs: Vec<PathBuf> = std::fs::read_dir(folder.join("logs"))
        .expect("logs")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "jsonl"))
        .collect();
    logs.sort();
    let name = |path: &Path| path.file_name().expect("a name").to_string_lossy().into_owned();
    let mut all = vec![("runs.jsonl".to_owned(), lines(&folder.join("runs.jsonl")))];
    all.extend(logs.iter().map(|log| (name(log), lines(log))));
    all
}

fn status(home: &Path) -> Value {
    let out = output(home, &["sweep", "status", "s.toml", "--json"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).expect("JSON")
}

fn states(home: &Path) -> BTreeSet<String> {
    let status = status(home);
    let planned = status["planned"].as_array().expect("runs");
    planned.iter().map(|run| run["state"].as_str().expect("a state").to_owned()).collect()
}

/// Random numbers that are the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// Processes of the workers of a sweep that are alive.
fn workers(home: &Path) -> Vec<u64> {
    let entries = std::fs::read_dir(home.join("runs/s/units")).into_iter().flatten().flatten();
    let states = entries.filter(|e| e.file_name().to_string_lossy().ends_with(".state.json"));
    let pids = states.filter_map(|e| {
        let state: Value = serde_json::from_slice(&std::fs::read(e.path()).ok()?).ok()?;
        state["pid"].as_u64()
    });
    let is_worker = |pid: &u64| {
        std::fs::read(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|line| String::from_utf8_lossy(&line).contains("worker"))
    };
    pids.filter(is_worker).collect()
}

fn kill(signal: &str, pid: u64) {
    // It may have ended by itself in between.
    let _ = Command::new("kill").args([signal, &pid.to_string()]).stderr(Stdio::null()).status();
}

fn launcher(home: &Path) -> Child {
    let mut command = isoloss(home, &["sweep", "run", "s.toml", "--jobs", "2"]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts")
}

/// Kills launchers and workers at random moments, `kills` times over as many sweeps as that takes.
fn chaos(sweep: &str, kills: usize) {
    let whole = home(sweep);
    finished(whole.path());
    let expected = everything(whole.path());
    let mut dice = Dice(25);
    let (mut killed, mut sweeps) = (0, 0);
    while killed < kills {
        let broken = home(sweep);
        sweeps += 1;
        loop {
            let mut child = launcher(broken.path());
            let mut ended = false;
            while !ended && killed < kills {
                std::thread::sleep(Duration::from_millis(20 + dice.below(180)));
                ended = child.try_wait().expect("asked").is_some();
                let of_launcher = dice.below(3) == 0;
                let alive = workers(broken.path());
                if ended {
                    break;
                }
                if of_launcher || alive.is_empty() {
                    child.kill().expect("killed");
                    killed += 1;
                    break;
                }
                kill("-9", alive[dice.below(alive.len() as u64) as usize]);
                killed += 1;
            }
            let code = child.wait().expect("gone").code();
            if code == Some(0) {
                break;
            }
            if killed >= kills {
                finished(broken.path());
                break;
            }
        }
        assert_eq!(everything(broken.path()), expected, "sweep {sweeps}, {killed} kills");
    }
    eprintln!("{killed} kills over {sweeps} sweeps");
}

#[test]
fn a_sweep_of_an_external_trainer_ends_the_same_after_fifty_kills() {
    chaos(&external("slow"), 50);
}

#[cfg(feature = "train")]
#[test]
fn a_sweep_of_the_bundled_trainer_ends_the_same_after_a_hundred_kills() {
    chaos(BUNDLED, 100);
}

#[test]
fn an_external_trainer_needs_no_bundled_one_and_its_result_is_a_row() {
    let home = home(&external(""));
    finished(home.path());
    let rows = lines(&home.path().join("runs/s/runs.jsonl"));
    assert_eq!(rows.len(), 6);
    for row in &rows {
        let n = row["n_params"].as_f64().expect("N");
        let d = row["tokens"].as_f64().expect("D");
        let seed = row["seed"].as_f64().expect("a seed");
        let loss = 2.0 + 50.0 / n.sqrt() + 30.0 / d.sqrt() + 1e-3 * seed - 0.01;
        assert!((row["loss"].as_f64().expect("a loss") - loss).abs() < 1e-9, "{row}");
    }
    let said = finished(home.path());
    assert!(said.contains("nothing to train"), "{said}");
    // The program is part of the settings.
    std::fs::write(home.path().join("train.py"), format!("{TRAINER}\n# faster\n"))
        .expect("written");
    assert_eq!(states(home.path()), BTreeSet::from(["to-do".to_owned()]));
    let table = output(home.path(), &["fit", "runs/s/runs.jsonl", "--bootstrap", "0"]);
    assert_ne!(table.status.code(), Some(101));
}

#[test]
fn what_goes_wrong_with_a_trainer_is_a_state_with_its_reason() {
    for (mood, state, reason) in [
        ("crash", "failed", "something went wrong in layer 3"),
        ("memory", "out-of-memory", "CUDA out of memory"),
        ("garbage", "failed", "left a result that cannot be read"),
        ("silent", "failed", "without a result"),
        ("half", "failed", "trained N = "),
        ("nan", "diverged", "loss"),
    ] {
        let home = home(&external(mood));
        let (code, said) = run(home.path(), &[]);
        assert_eq!(code, 1, "{mood}: {said}");
        assert!(said.contains("6 of 6 runs have no loss to fit"), "{mood}: {said}");
        let status = status(home.path());
        for run in status["planned"].as_array().expect("runs") {
            assert_eq!(run["state"], state, "{mood}: {run}");
            assert!(run["reason"].as_str().expect("a reason").contains(reason), "{mood}: {run}");
        }
        assert_eq!(status["failures"].as_array().map(Vec::len), Some(6));
        // A run that was fixed is trained; one that diverged would again.
        std::fs::write(home.path().join("s.toml"), external("")).expect("written");
        finished(home.path());
    }
}

#[test]
fn a_program_that_cannot_be_started_says_so() {
    let home = home(&external("").replace("python3", "no-such-program"));
    let (code, said) = run(home.path(), &[]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("no-such-program") && said.contains("could not be started"), "{said}");
    std::fs::write(home.path().join("s.toml"), external("").replace("{seed}", "{sed}"))
        .expect("written");
    let (code, said) = run(home.path(), &[]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("{sed}") && said.contains("`seed`"), "{said}");
}

#[test]
fn a_trainer_killed_from_outside_is_started_again() {
    let home = home(&external("killed-once"));
    finished(home.path());
    assert_eq!(lines(&home.path().join("runs/s/runs.jsonl")).len(), 6);
}

#[test]
fn a_trainer_that_hangs_is_timed_out_and_goes_on_when_it_may_take_longer() {
    let home = home(&external("hang"));
    let (code, said) = run(home.path(), &["--timeout", "0.6"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("timed out"), "{said}");
    assert_eq!(states(home.path()), BTreeSet::from(["timed-out".to_owned()]));
}

/// Waits until a run is being trained.
fn wait_for_workers(home: &Path) {
    let begun = Instant::now();
    while workers(home).is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(30), "no worker began");
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(Duration::from_millis(150));
}

#[test]
fn signals_stop_a_sweep_with_their_code_and_its_runs_are_shown_as_stopped() {
    for (signal, expected) in [("-INT", 130), ("-TERM", 143)] {
        let home = home(&external("slow"));
        let mut child = launcher(home.path());
        wait_for_workers(home.path());
        assert!(states(home.path()).contains("running"), "{:?}", states(home.path()));
        kill(signal, child.id().into());
        assert_eq!(child.wait().expect("it ends").code(), Some(expected));
        assert_eq!(workers(home.path()), Vec::<u64>::new(), "no worker outlives it");
        let now = states(home.path());
        assert!(!now.contains("running"), "{now:?}");
        finished(home.path());
    }
}

#[test]
fn a_second_launcher_is_told_of_the_first() {
    let home = home(&external("slow"));
    let mut child = launcher(home.path());
    wait_for_workers(home.path());
    let (code, said) = run(home.path(), &[]);
    assert_eq!(code, 2, "{said}");
    assert!(said.contains(&format!("process {} on ", child.id())), "{said}");
    assert!(child.wait().expect("it ends").success(), "the first is not disturbed");
}

#[test]
fn a_folder_that_is_moved_and_started_from_elsewhere_goes_on() {
    let whole = home(&external("slow"));
    finished(whole.path());
    let home = home(&external("slow"));
    let mut child = launcher(home.path());
    wait_for_workers(home.path());
    kill("-9", child.id().into());
    child.wait().expect("gone");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let moved = elsewhere.path().join("moved");
    // Workers notice that their launcher is gone.
    let begun = Instant::now();
    while !workers(home.path()).is_empty() && begun.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(10));
    }
    std::fs::rename(home.path(), &moved).expect("moved");
    std::fs::create_dir(home.path()).expect("for its guard");
    let args = ["sweep", "run", "moved/s.toml", "--jobs", "2"];
    let out = output(elsewhere.path(), &args);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert_eq!(everything(&moved), everything(whole.path()));
    assert!(!elsewhere.path().join("runs").exists(), "nothing beside the file");
}

#[cfg(feature = "train")]
#[test]
fn a_folder_that_is_moved_under_a_running_sweep_ends_it_and_nothing_is_left_behind() {
    let slow = BUNDLED.replace("flops = 2e8", "flops = 3e9");
    let whole = home(&slow);
    finished(whole.path());
    let home = home(&slow);
    let child = launcher(home.path());
    wait_for_workers(home.path());
    let (from, to) = (home.path().join("runs"), home.path().join("elsewhere"));
    std::fs::rename(&from, &to).expect("moved");
    let code = child.wait_with_output().expect("it ends").status.code();
    assert_eq!(code, Some(1), "the launcher says that its folder is gone");
    assert!(!from.exists(), "nothing is made where it was");
    std::fs::rename(&to, &from).expect("moved back");
    finished(home.path());
    assert_eq!(everything(home.path()), everything(whole.path()));
}

#[test]
fn closed_streams_end_no_sweep() {
    let home = home(&external(""));
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = isoloss(home.path(), &["sweep", "run", "s.toml", "--jobs", "2"]);
    let closed = writer.try_clone().expect("a handle");
    let status = command.stdout(closed).stderr(writer).status().expect("it starts");
    assert_eq!(status.code(), Some(0));
    assert_eq!(lines(&home.path().join("runs/s/runs.jsonl")).len(), 6);
}

#[test]
fn watching_ends_with_the_sweep_and_each_line_is_an_object() {
    let home = home(&external("slow"));
    let mut child = launcher(home.path());
    let out = output(home.path(), &["sweep", "watch", "s.toml", "--every", "0.1", "--json"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(child.wait().expect("it ends").success());
    let text = String::from_utf8(out.stdout).expect("UTF-8");
    let seen: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    let last = seen.last().expect("a line");
    assert_eq!((last["ended"].as_u64(), last["share_done"].as_f64()), (Some(6), Some(1.0)));
    let shares: Vec<f64> = seen.iter().filter_map(|s| s["share_done"].as_f64()).collect();
    assert!(shares.windows(2).all(|w| w[0] <= w[1] + 1e-9), "{shares:?}");
    // A sweep that nobody trains is watched until nobody reads.
    let idle = self::home(&external(""));
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = isoloss(idle.path(), &["sweep", "watch", "s.toml", "--json"]);
    assert!(command.stdout(writer).status().expect("it starts").success());
    let plain = output(home.path(), &["sweep", "watch", "s.toml"]);
    let plain = String::from_utf8(plain.stdout).expect("UTF-8");
    assert!(plain.starts_with("6 of 6 runs ended, 100 %"), "{plain}");
}

/// A checkpoint with a letter changed is found and said, and the run ends as it would have.
#[cfg(feature = "train")]
#[test]
fn a_flipped_byte_in_a_checkpoint_is_no_divergence() {
    let whole = home(BUNDLED);
    finished(whole.path());
    for part in [0.02, 0.5, 0.98] {
        let home = home(BUNDLED);
        let mut child = launcher(home.path());
        let folder = home.path().join("runs/s/checkpoints");
        let is_checkpoint = |path: &Path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            name.ends_with(".safetensors") && !name.starts_with("trunk") && !name.contains("before")
        };
        let found = loop {
            let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
            if let Some(path) = entries.map(|e| e.path()).find(|path| is_checkpoint(path)) {
                break path;
            }
            assert!(child.try_wait().expect("asked").is_none(), "no checkpoint was seen");
        };
        child.kill().expect("killed");
        child.wait().expect("gone");
        while !workers(home.path()).is_empty() {
            std::thread::sleep(Duration::from_millis(5));
        }
        let Ok(mut bytes) = std::fs::read(&found) else { continue };
        let at = (bytes.len() as f64 * part) as usize;
        bytes[at] ^= 0x10;
        std::fs::write(&found, bytes).expect("written");
        let said = finished(home.path());
        assert!(said.contains("is damaged"), "{said}");
        assert_eq!(everything(home.path()), everything(whole.path()));
    }
}
