//! The bundled trainer as its users meet it: stopped, killed, on a full disk, its logs read by others.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

const RUN: &str = r#"
name = "chaos"
shape = { layers = 2, d_model = 32, heads = 2, qk_norm = true }
tokens = 40960
[corpus.synthetic]
vocab = 32
tokens = 20000
[execution]
checkpoint_seconds = 0
[recipe]
context = 32
batch_sequences = 4
evaluations = 5
validation_tokens = 256
"#;

fn isoloss(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_isoloss"));
    command.current_dir(home).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn home(text: &str) -> tempfile::TempDir {
    let home = tempfile::tempdir().expect("temporary folder");
    std::fs::write(home.path().join("run.toml"), text).expect("written");
    home
}

fn train(home: &Path) {
    let done = isoloss(home).args(["train", "run.toml"]).output().expect("starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// The lines of a log without what the clock and the machine say.
fn lines(path: PathBuf) -> Vec<Value> {
    let text = std::fs::read_to_string(path).expect("a log");
    let timeless = |line: &str| {
        let mut value: Value = serde_json::from_str(line).expect("a whole line");
        value.as_object_mut().expect("an object").remove("seconds");
        value
    };
    text.lines().map(timeless).collect()
}

#[test]
fn a_run_killed_again_and_again_ends_as_if_nothing_had_happened() {
    let whole = home(RUN);
    train(whole.path());
    let expected = lines(whole.path().join("runs/chaos.jsonl"));
    // The specification, the start, 320 steps, 5 evaluations, the end.
    assert_eq!(expected.len(), 328);
    let broken = home(RUN);
    let mut kills = 0;
    // Moments from before the first step to within writing any of the files.
    for delay in (0..).map(|i: u64| 20 + i * 37 % 113).take(40) {
        let mut child = isoloss(broken.path()).args(["train", "run.toml"]).spawn().expect("starts");
        std::thread::sleep(Duration::from_millis(delay));
        if child.try_wait().expect("asked").is_none() {
            child.kill().expect("killed");
            kills += 1;
        }
        child.wait().expect("gone");
    }
    assert!(kills > 3, "{kills} kills");
    train(broken.path());
    assert_eq!(lines(broken.path().join("runs/chaos.jsonl")), expected);
    assert!(!broken.path().join("runs/chaos.safetensors").exists(), "no longer needed");
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_and_json_lines_of_the_same_documents_are_one_corpus() {
    use polars::prelude::{ParquetWriter, df};

    let home = tempfile::tempdir().expect("temporary folder");
    let texts: Vec<String> = (0..40)
        .map(|i| (0..80).map(|w| format!("word{i}x{w} ")).collect::<String>() + "end")
        .collect();
    let lines: String = texts.iter().map(|text| format!("{{\"body\": \"{text}\"}}\n")).collect();
    let of = |name: &str, field: &str| {
        let done = isoloss(home.path())
            .args(["corpus", name, "--text-field", field, "--json"])
            .stdout(Stdio::piped())
            .output()
            .expect("starts");
        let error = String::from_utf8_lossy(&done.stderr).into_owned();
        serde_json::from_slice::<Value>(&done.stdout).map_err(|_| error)
    };
    // The side of a document follows from the name of its file.
    std::fs::write(home.path().join("a.jsonl"), lines).expect("written");
    let rows = of("a.jsonl", "body").expect("a corpus");
    let mut frame = df!("body" => texts, "n" => vec![1_i32; 40]).expect("a frame");
    let file = std::fs::File::create(home.path().join("a.parquet")).expect("created");
    ParquetWriter::new(file).finish(&mut frame).expect("written");
    std::fs::rename(home.path().join("a.parquet"), home.path().join("a.jsonl")).expect("moved");
    assert_eq!(of("a.jsonl", "body").expect("a corpus")["sha256"], rows["sha256"]);
    for field in ["text", "n"] {
        let error = of("a.jsonl", field).expect_err("no text there");
        assert!(error.contains("text_field"), "{error}");
    }
}

/// A machine without a cargo registry: nothing but the program and a file.
fn bare(home: &Path) -> Command {
    let mut command = isoloss(home);
    command.env("CARGO_HOME", home.join("nowhere")).env("HOME", home).stdout(Stdio::piped());
    command
}

#[test]
fn the_first_training_needs_no_registry_and_no_files() {
    let text = RUN.replace("[corpus.synthetic]\nvocab = 32\ntokens = 20000\n", "");
    assert!(!text.contains("corpus"));
    let home = home(&text);
    let done = bare(home.path()).args(["train", "run.toml", "--json"]).output().expect("starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let row: Value = serde_json::from_slice(&done.stdout).expect("one object");
    let number = |key: &str| row[key].as_f64().expect(key);
    assert!(number("loss") > number("floor_nats"), "no model is better than the source");
    assert!(number("loss") < 256.0_f64.ln(), "and this one has learned something");
}

#[test]
fn crate_sources_without_a_registry_say_how_to_choose_another_corpus() {
    let text =
        RUN.replace("[corpus.synthetic]\nvocab = 32\ntokens = 20000", "[corpus]\ncrates = true");
    let home = home(&text);
    let done = bare(home.path()).args(["train", "run.toml"]).output().expect("starts");
    let error = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(2), "{error}");
    assert!(error.contains("aho-corasick") && error.contains("synthetic source"), "{error}");
    assert!(error.contains("cargo fetch"), "{error}");
}

#[test]
fn a_checkpoint_whose_log_is_gone_is_refused() {
    let home = home(&RUN.replace("[execution]", "[execution]\nkeep_checkpoints = \"last\""));
    train(home.path());
    std::fs::remove_file(home.path().join("runs/chaos.jsonl")).expect("there");
    let done = isoloss(home.path()).args(["train", "run.toml"]).output().expect("starts");
    let error = String::from_utf8_lossy(&done.stderr);
    assert!(!done.status.success() && error.contains("0 of the 320 steps"), "{error}");
}

/// Writes fail beyond a size, as they do on a full disk; `sh` has the signal ignored.
#[cfg(unix)]
#[test]
fn a_full_disk_is_reported_and_leaves_the_last_good_checkpoint() {
    let text = RUN.replace("tokens = 40960", "tokens = 12800");
    let full = home(&text);
    let binary = env!("CARGO_BIN_EXE_isoloss");
    // A checkpoint has about 300 kB, so that blocks of 512 bytes end within the first.
    let limited = |blocks: u32| {
        Command::new("sh")
            .args([
                "-c",
                &format!("trap '' XFSZ; ulimit -f {blocks}; exec {binary} train run.toml"),
            ])
            .current_dir(full.path())
            .output()
            .expect("starts")
    };
    let checkpoint = full.path().join("runs/chaos.safetensors");
    let out = limited(100);
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert_eq!(out.status.code(), Some(1), "{said}");
    assert!(said.contains("chaos.safetensors") && said.contains("large"), "{said}");
    assert!(!checkpoint.exists(), "nothing half-written");
    assert!(!full.path().join("runs/chaos.safetensors.tmp").exists(), "nor left over");
    // A few steps on a disk with room, then none: the steps so far are kept.
    let mut child = isoloss(full.path()).args(["train", "run.toml"]).spawn().expect("starts");
    while !checkpoint.exists() && child.try_wait().expect("asked").is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let _ = child.kill();
    child.wait().expect("gone");
    let before = std::fs::read(&checkpoint);
    let out = limited(100);
    if let Ok(before) = before {
        assert_eq!(out.status.code(), Some(1));
        assert_eq!(std::fs::read(&checkpoint).expect("still there"), before);
    }
    train(full.path());
    let undisturbed = home(&text);
    train(undisturbed.path());
    let log = "runs/chaos.jsonl";
    assert_eq!(lines(full.path().join(log)), lines(undisturbed.path().join(log)));
}

#[test]
fn a_run_that_diverges_says_so_in_its_record() {
    let text = RUN.replace(
        "[recipe]",
        "[recipe]\npeak_lr = 9.9\nlr_width_exponent = 0.0\nweight_decay = 9.0\nwarmup_steps = 1",
    );
    let home = home(&text);
    // `train && fit` must not go on.
    for _ in 0..2 {
        let done = isoloss(home.path()).args(["train", "run.toml"]).output().expect("starts");
        let said = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(1), "{said}");
        assert!(said.contains("diverged") && said.contains("peak_lr"), "{said}");
        let end = lines(home.path().join("runs/chaos.jsonl")).pop().expect("an end");
        assert_eq!((&end["status"], &end["loss"]), (&"diverged".into(), &Value::Null));
    }
}

#[test]
fn a_finished_run_is_neither_trained_again_nor_written_over() {
    let text = RUN.replace("tokens = 40960", "tokens = 2560");
    let home = home(&text);
    train(home.path());
    let log = home.path().join("runs/chaos.jsonl");
    let before = std::fs::read(&log).expect("a log");
    let done = isoloss(home.path()).args(["train", "run.toml"]).output().expect("starts");
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success() && said.contains("nothing to train"), "{said}");
    for (from, to, differs) in [
        ("context = 32", "context = 32\npeak_lr = 1e-3", "recipe.peak_lr"),
        ("tokens = 2560", "tokens = 5120", "tokens"),
        ("tokens = 2560", "tokens = 2560\nseed = 3", "seed"),
        ("tokens = 20000", "tokens = 20000\nseed = 5", "corpus"),
    ] {
        std::fs::write(home.path().join("run.toml"), text.replacen(from, to, 1)).expect("written");
        let done = isoloss(home.path()).args(["train", "run.toml"]).output().expect("starts");
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(2), "{to}: {said}");
        let said: String = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(&format!("another {differs}")), "{to}: {said}");
        assert_eq!(std::fs::read(&log).expect("a log"), before, "{to}");
    }
}

#[test]
fn ctrl_c_saves_and_is_exit_130_and_a_damaged_checkpoint_is_said() {
    let whole = home(RUN);
    train(whole.path());
    let home = home(RUN);
    let mut child = isoloss(home.path()).args(["train", "run.toml"]).spawn().expect("starts");
    let checkpoint = home.path().join("runs/chaos.safetensors");
    while !checkpoint.exists() && child.try_wait().expect("asked").is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().expect("kill").success());
    assert_eq!(child.wait().expect("gone").code(), Some(130));
    let mut bytes = std::fs::read(&checkpoint).expect("a checkpoint");
    let end = bytes.len() - 100;
    bytes[end] ^= 1;
    std::fs::write(&checkpoint, bytes).expect("written");
    let done = isoloss(home.path()).args(["train", "run.toml"]).output().expect("starts");
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success() && said.contains("is damaged"), "{said}");
    assert!(home.path().join("runs/chaos.safetensors.damaged").exists());
    let log = "runs/chaos.jsonl";
    assert_eq!(lines(home.path().join(log)), lines(whole.path().join(log)));
}

#[test]
fn logs_for_other_tools_say_what_the_step_log_says() {
    let text = RUN.replace("[execution]", "[execution]\nlogs = [\"tensorboard\", \"csv\"]");
    let home = home(&text);
    train(home.path());
    let json = |args: &[&str]| -> Value {
        let out = Command::new(env!("CARGO_BIN_EXE_isoloss"))
            .args(["logs", "--json"])
            .args(args)
            .current_dir(home.path())
            .output()
            .expect("starts");
        serde_json::from_slice(&out.stdout).expect("an object")
    };
    let loss = |args: &[&str]| json(args)["runs"][0]["loss_nats"].as_f64().expect("a loss");
    let own = loss(&["runs/chaos.jsonl"]);
    let given = ["--given", "n_params=30000"];
    let csv = loss(&[&["runs/csv/chaos.csv"], &given[..]].concat());
    let events = loss(&[&["runs/tensorboard"], &given[..]].concat());
    assert_eq!(own, csv);
    assert!((own - events).abs() < 1e-6, "TensorBoard keeps 32 bits: {own} {events}");
}

#[test]
fn a_ladder_trains_its_trunk_once_and_its_branches_are_runs_of_their_own() {
    let sweep = |branches: bool| {
        format!(
            r#"
name = "ladder"
[corpus.synthetic]
vocab = 32
tokens = 20000
[recipe]
schedule = "wsd"
warmup_steps = 5
context = 32
batch_sequences = 4
evaluations = 2
validation_tokens = 256
[[ladder]]
shapes = [[1, 32, 1]]
tokens = [5120, 10240, 20480]
branches = {branches}
"#
        )
    };
    let run = |branches: bool| {
        let home = home(&sweep(branches));
        let out = isoloss(home.path()).args(["sweep", "run", "run.toml"]).output().expect("starts");
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        let rows = lines(home.path().join("runs/ladder/runs.jsonl"));
        let steps: Vec<usize> = rows
            .iter()
            .map(|row| {
                let id = row["run"].as_str().expect("a name");
                let logs = std::fs::read_dir(home.path().join("runs/ladder/logs")).expect("logs");
                let mut logs = logs.map(|entry| entry.expect("an entry").path());
                let is_of = |path: &PathBuf| {
                    let name = path.file_name().expect("a name").to_string_lossy().into_owned();
                    name.starts_with(&format!("{id}."))
                };
                let log = lines(logs.find(is_of).expect("a log"));
                log.iter().filter(|line| line["event"] == "step").count()
            })
            .collect();
        let rest = std::fs::read_dir(home.path().join("runs/ladder/checkpoints"));
        assert_eq!(rest.map_or(0, Iterator::count), 0, "checkpoints are no longer needed");
        (rows, steps)
    };
    let ((branched, steps), (apart, all_steps)) = (run(true), run(false));
    assert_eq!(steps, [40, 80, 160], "a branch's log holds the trunk's steps too");
    assert_eq!(steps, all_steps);
    for (branch, alone) in branched.iter().zip(&apart) {
        assert_eq!(branch["loss"], alone["loss"]);
    }
    // 32 of the 40 steps before the first decay are shared, 64 of 80 before the second.
    let shared: Vec<Option<f64>> = branched.iter().map(|r| r["tokens_shared"].as_f64()).collect();
    assert_eq!(shared, [None, Some(32.0 * 128.0), Some(64.0 * 128.0)]);
}

/// One step of every kind of model against PyTorch, where there is one: loss, gradient norm and moments
/// (which are the gradients) to 1e-5 of their size, parameters to 1e-5.
///
/// Parameters are compared at a usual rate: the first step of Adam is the rate times g / (|g| + 1e-8),
/// which turns the rounding of a gradient near 1e-8 into a share of a whole step.
#[test]
fn a_step_is_that_of_pytorch() {
    let python = std::env::var("ISOLOSS_TORCH").unwrap_or_else(|_| "python3".to_owned());
    let has_torch = Command::new(&python).args(["-c", "import torch, numpy"]).output();
    if !has_torch.is_ok_and(|out| out.status.success()) {
        eprintln!("skipped: {python} has no torch; set ISOLOSS_TORCH to one that has");
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/decoder.py");
    let experts = "experts = { count = 4, top_k = 2, shared = 1 }";
    for (more, recipe) in [
        ("kv_heads = 2", ""),
        ("activation = \"gelu\", tied_embeddings = false", "width_transfer = \"mup\""),
        ("kv_heads = 2, tied_embeddings = false", "width_transfer = \"completep\""),
        ("qk_norm = true, window = 9", "decay_embeddings = false\nembedding_lr_ratio = 3.0"),
        (experts, "micro_sequences = 8"),
        ("experts = { count = 3, top_k = 1, dense_layers = 1, dense_ffn = 64 }", ""),
    ] {
        // CompleteP is the usual model at two layers.
        let layers = if recipe.contains("completep") { 5 } else { 2 };
        let home = home(&format!(
            r#"
name = "one"
shape = {{ layers = {layers}, d_model = 64, heads = 4, {more} }}
tokens = 256
corpus = {{ path = "text.txt", validation_fraction = 0.2 }}
[execution]
keep_checkpoints = "all"
[recipe]
context = 32
batch_sequences = 8
evaluations = 1
validation_tokens = 32
peak_lr = 5e-4
{recipe}
"#
        ));
        // A fifth goes to validation, which leaves the eight windows of one batch and a last target.
        let text: String = (0..322).map(|i| char::from(b'a' + (i * i % 23) as u8)).collect();
        std::fs::write(home.path().join("text.txt"), &text).expect("written");
        train(home.path());
        std::fs::write(home.path().join("seen.txt"), &text[..257]).expect("written");
        let out = Command::new(&python)
            .arg(&script)
            .args(["step", "runs", "one", "seen.txt"])
            .current_dir(home.path())
            .output()
            .expect("starts");
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(out.status.success(), "{more}: {said} {}", String::from_utf8_lossy(&out.stderr));
        let theirs: Value = serde_json::from_str(&said).expect("one object");
        let log = lines(home.path().join("runs/one.jsonl"));
        let ours = log.iter().find(|line| line["event"] == "step").expect("a step");
        for (key, other) in [("loss", "loss"), ("grad_norm", "grad_norm")] {
            let (a, b) = (ours[key].as_f64(), theirs[other].as_f64());
            let (a, b) = (a.expect("a number"), b.expect("a number"));
            assert!((a / b - 1.0).abs() < 1e-5, "{more} {key}: {a} {b}");
        }
    }
}
