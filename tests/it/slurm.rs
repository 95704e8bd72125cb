//! Sweeps on a real Slurm. Skipped, and said so, unless `ISOLOSS_SLURM` names the folder of one that
//! `tools/slurm-up` of the shared material started with two nodes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use serde_json::Value;

/// A trainer that learns nothing: its loss follows from step and seed alone. It continues from where it
/// was killed, and notes when it finds itself alive twice.
const TRAINER: &str = r#"
import json, math, os, signal, sys, time
args = dict(zip(sys.argv[1::2], sys.argv[2::2]))
out, steps, seed, n = args["--out"], int(args["--steps"]), int(args["--seed"]), int(args["--n"])
batch, pause = int(args["--batch"]), float(args["--pause"])
mine, log = os.path.join(out, "alive"), os.path.join(out, "log.jsonl")
def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
if os.path.exists(mine) and alive(open(mine).read() or "0"):
    open(os.path.join(out, "twice"), "a").write("twice\n")
open(mine, "w").write(str(os.getpid()))
lines = []
if os.path.exists(log):
    for line in open(log).read().split("\n"):
        try:
            lines.append(json.dumps(json.loads(line)))
        except ValueError:
            break
with open(log + ".new", "w") as file:
    file.write("".join(line + "\n" for line in lines))
os.rename(log + ".new", log)
with open(log, "a") as file:
    for step in range(len(lines) + 1, steps + 1):
        loss = 1.5 + 5.0 / math.sqrt(step) + 0.001 * seed
        row = {"step": step, "tokens": step * batch, "loss": loss, "n_params": n}
        if step == steps:
            row["eval_loss"] = loss
        file.write(json.dumps(row) + "\n")
        file.flush()
        time.sleep(pause)
os.remove(mine)
"#;

struct Cluster {
    folder: PathBuf,
}

/// The cluster, or nothing where there is none.
fn cluster(test: &str) -> Option<Cluster> {
    let Some(folder) = std::env::var_os("ISOLOSS_SLURM").map(PathBuf::from) else {
        eprintln!("{test}: skipped, no ISOLOSS_SLURM");
        return None;
    };
    Some(Cluster { folder })
}

struct Sweep {
    home: tempfile::TempDir,
    conf: Option<PathBuf>,
}

impl Sweep {
    fn new(cluster: Option<&Cluster>, cells: usize, pause: f64) -> Self {
        let home = tempfile::tempdir().expect("a folder");
        std::fs::write(home.path().join("train.py"), TRAINER).expect("written");
        let command = format!(
            "python3 train.py --out {{folder}} --steps {{steps}} --seed {{seed}} --n {{n_params}} \
             --batch {{batch_tokens}} --pause {pause}"
        );
        let flops: Vec<String> = (0..cells)
            .map(|at| {
                format!(
                    "[[cell]]\nflops = {:e}\nshapes = [[1, 16, 1], [1, 24, 1]]\n",
                    2e9 + 1e9 * at as f64
                )
            })
            .collect();
        let text = format!(
            "name = \"s\"\nseeds = [0, 1]\n[trainer]\ncommand = '{command}'\n[recipe]\ncontext = 64\n\
             batch_sequences = 16\n{}",
            flops.concat()
        );
        std::fs::write(home.path().join("s.toml"), text).expect("written");
        Self { home, conf: cluster.map(|c| c.folder.join("slurm.conf")) }
    }

    fn root(&self) -> PathBuf {
        self.home.path().join("runs/s")
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_isoloss"));
        command.args(["sweep", words[0]]).arg(self.home.path().join("s.toml")).args(&words[1..]);
        if let Some(conf) = &self.conf {
            command.env("SLURM_CONF", conf);
        }
        command
    }

    fn run(&self, words: &[&str]) -> Value {
        let done = self.command(words).arg("--json").output().expect("started");
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{words:?}: {:?} {said}", done.status);
        serde_json::from_slice(&done.stdout).expect("JSON")
    }

    fn start(&self) -> Child {
        self.command(&["run", "--executor", "slurm", "--jobs", "4"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("started")
    }

    /// The rows without what a clock says.
    fn rows(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.root().join("runs.jsonl")).unwrap_or_default();
        text.lines()
            .map(|line| {
                let mut row: Value = serde_json::from_str(line).expect("a row");
                row.as_object_mut().expect("fields").remove("seconds");
                row
            })
            .collect()
    }

    /// The files that the trainer left, by the run that they belong to.
    fn logs(&self) -> BTreeMap<String, String> {
        let folders = std::fs::read_dir(self.root().join("external")).expect("runs");
        folders
            .map(|entry| {
                let path = entry.expect("a folder").path();
                assert!(
                    !path.join("twice").exists(),
                    "{}: trained twice at a time",
                    path.display()
                );
                let name = path.file_name().expect("named").to_string_lossy().into_owned();
                (name, std::fs::read_to_string(path.join("log.jsonl")).expect("a log"))
            })
            .collect()
    }

    /// Processes of living workers and of what they started.
    fn workers(&self) -> Vec<u32> {
        let states = std::fs::read_dir(self.root().join("units")).into_iter().flatten();
        let read = |path: &Path| -> Option<[Option<u32>; 2]> {
            let state: Value = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
            let pid = |name: &str| u32::try_from(state[name].as_u64()?).ok();
            Some([pid("pid"), pid("trainer_group")])
        };
        let mut pids: Vec<u32> = states
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| path.to_string_lossy().ends_with(".state.json"))
            .filter_map(|path| read(&path))
            .flatten()
            .flatten()
            .filter(|pid| Path::new(&format!("/proc/{pid}")).exists())
            .collect();
        pids.sort_unstable();
        pids
    }
}

fn kill(pid: u32) {
    let _ = Command::new("kill").args(["-9", &pid.to_string()]).stderr(Stdio::null()).status();
}

impl Cluster {
    /// Kills the daemon of a node and starts it again, as an operator would.
    fn kill_node(&self, node: usize) {
        let pid = self.folder.join(format!("run/slurmd-n{node}.pid"));
        let pid = std::fs::read_to_string(pid).ok().and_then(|text| text.trim().parse().ok());
        if let Some(pid) = pid {
            kill(pid);
        }
        std::thread::sleep(Duration::from_millis(300));
        let _ = Command::new("slurmd")
            .args([
                "-f",
                &self.folder.join("slurm.conf").display().to_string(),
                "-N",
                &format!("n{node}"),
            ])
            .env("PATH", format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}

#[test]
fn slurm_trains_a_sweep_as_this_machine_does() {
    let Some(cluster) = cluster("slurm_trains_a_sweep_as_this_machine_does") else { return };
    let (here, there) = (Sweep::new(None, 2, 0.0), Sweep::new(Some(&cluster), 2, 0.02));
    here.run(&["run"]);
    // The command differs in its pause, and with it the names of files; nothing else does.
    let answer = there.run(&["run", "--executor", "slurm", "--jobs", "3"]);
    assert_eq!((answer["ended"].clone(), answer["total"].clone()), (8.into(), 8.into()));
    let plain = |sweep: &Sweep| -> Vec<Value> {
        let mut rows = sweep.rows();
        rows.iter_mut()
            .for_each(|row| drop(row.as_object_mut().expect("fields").remove("trainer")));
        rows
    };
    assert_eq!(plain(&here), plain(&there));
    let again = there.run(&["run", "--executor", "slurm"]);
    assert_eq!(again["ended"], 8);
    assert!(there.root().join("slurm/0.sh").exists() && !there.root().join("slurm/1.sh").exists());
}

#[test]
fn slurm_jobs_outlive_their_launcher_and_stop_when_they_are_told_to() {
    let Some(cluster) = cluster("slurm_jobs_outlive_their_launcher") else { return };
    let sweep = Sweep::new(Some(&cluster), 3, 0.3);
    let mut launcher = sweep.start();
    let since = Instant::now();
    while sweep.workers().len() < 4 && since.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(
        Command::new("kill")
            .args(["-2", &launcher.id().to_string()])
            .status()
            .expect("kill")
            .success()
    );
    assert_eq!(launcher.wait().expect("ended").code(), Some(130));
    assert!(!sweep.workers().is_empty(), "jobs go on");
    let stopped = sweep.run(&["stop"]);
    assert!(stopped["stopped"][0].as_str().expect("said").contains("jobs in Slurm"), "{stopped}");
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(sweep.workers(), Vec::<u32>::new());
    let answer = sweep.run(&["run", "--executor", "slurm"]);
    assert_eq!(
        (answer["ended"].clone(), answer["failures"].clone()),
        (12.into(), Value::Array(vec![]))
    );
    assert!(sweep.logs().len() == 12);
}

/// Kills of the launcher, of workers and their programs, and of daemons, at random moments; then the
/// sweep is what it would have been. `ISOLOSS_KILLS` sets how many, 12 without.
#[test]
fn slurm_sweeps_survive_kills_of_everything() {
    let Some(cluster) = cluster("slurm_sweeps_survive_kills_of_everything") else { return };
    let kills: usize =
        std::env::var("ISOLOSS_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(12);
    let calm = Sweep::new(None, kills / 4, 0.25);
    let wild = Sweep::new(Some(&cluster), kills / 4, 0.25);
    let text = std::fs::read_to_string(calm.home.path().join("s.toml")).expect("read");
    // The pause is in the command and so in the names of files: the same command, but in no time.
    std::fs::write(calm.home.path().join("train.py"), TRAINER.replace("time.sleep(pause)", "pass"))
        .expect("written");
    assert!(text.contains("0.25"));
    calm.run(&["run"]);
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(20_261_127);
    let mut launcher = wild.start();
    let (mut done, mut finished) = (0, false);
    while done < kills && !finished {
        std::thread::sleep(Duration::from_millis(rng.random_range(200..2500)));
        match rng.random_range(0..10) {
            0..=2 => {
                let _ = launcher.kill();
                let _ = launcher.wait();
                launcher = wild.start();
            }
            9 => cluster.kill_node(rng.random_range(1..=2)),
            _ => {
                let workers = wild.workers();
                if workers.is_empty() {
                    continue;
                }
                kill(workers[rng.random_range(0..workers.len())]);
            }
        }
        done += 1;
        if let Some(status) = launcher.try_wait().expect("asked") {
            finished = status.success();
            launcher = wild.start();
        }
    }
    let since = Instant::now();
    loop {
        if let Some(status) = launcher.try_wait().expect("asked") {
            // Runs that were killed too often are told, and go on with the next command.
            if status.success() {
                break;
            }
            launcher = wild.start();
        }
        assert!(since.elapsed() < Duration::from_secs(900), "the sweep does not end");
        std::thread::sleep(Duration::from_millis(200));
    }
    eprintln!("{done} kills");
    assert!(done >= kills.min(10), "only {done} kills before the sweep ended");
    assert_eq!(wild.rows(), calm.rows());
    assert_eq!(wild.logs(), calm.logs());
}
