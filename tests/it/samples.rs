//! Logs of real tools, against the truth files beside them.

use std::path::{Path, PathBuf};

use isoloss::data::{Format, LossChoice, LossSource, ReadOptions, RunRecord, RunTable, read};
use isoloss::units::ParamRule;
use serde::Deserialize;

use crate::shared::shared_folder;
use crate::step_logs::{assert_says, folder, options, put, refused, table};

/// The log samples, or `None` with a line that says what is skipped.
fn samples() -> Option<PathBuf> {
    shared_folder("log samples of real tools").map(|shared| shared.join("log-samples"))
}

fn truth<T: serde::de::DeserializeOwned>(samples: &Path, name: &str) -> T {
    let text = std::fs::read_to_string(samples.join(name)).expect("a truth file");
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// `truth.json`: three runs that each of the first formats holds.
#[derive(Deserialize)]
struct ThreeRuns {
    runs: Vec<TrueRun>,
}

#[derive(Deserialize)]
struct TrueRun {
    name: String,
    n_params: f64,
    tokens: f64,
    final_eval_loss: f64,
    mean_last_20_train_loss: f64,
}

/// Folder, format, whether it needs the facts, digits of its evaluations (0 for none), and whether
/// this build reads it. Formats keep four digits (nanoGPT, Hugging Face's training loss), seven
/// (single precision), or all.
const FIRST_SET: [(&str, Format, bool, f64, bool); 11] = [
    ("csv-summary", Format::RunTable, false, 1e-12, true),
    ("jsonl", Format::JsonSteps, false, 1e-12, true),
    ("parquet", Format::ParquetSteps, false, 1e-12, cfg!(feature = "parquet")),
    ("wandb-offline", Format::WandbOffline, false, 1e-12, true),
    ("tensorboard", Format::TensorBoard, false, 1e-7, true),
    ("mlflow-sqlite", Format::MlflowSqlite, false, 1e-12, cfg!(feature = "mlflow")),
    ("lightning-csv", Format::Lightning, false, 1e-12, true),
    ("hf-trainer", Format::HuggingFace, true, 1e-12, true),
    ("text-megatron", Format::Text, true, 2e-7, true),
    ("text-nanogpt", Format::Text, true, 2e-5, true),
    ("wandb-csv", Format::WandbChart, true, 0.0, true),
];

const FACTS: &str = "run,seq_len,n_params,tokens_per_step\n\
    tiny-a,256,3.1M,4096\ntiny-b,256,12.4M,8192\ntiny-c,512,44M,32768\n";

#[test]
fn golden_each_real_tools_file_gives_the_true_runs() {
    let Some(samples) = samples() else { return };
    let truth: ThreeRuns = truth(&samples, "truth.json");
    let facts = folder();
    let facts = put(&facts, "facts.csv", FACTS);
    for (name, format, needs_facts, digits, _) in FIRST_SET.into_iter().filter(|s| s.4) {
        let mut paths = vec![samples.join(name)];
        paths.extend(needs_facts.then(|| facts.clone()));
        let table = read(&paths, &ReadOptions::default()).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(table.files.iter().any(|f| f.format == Some(format)), "{name}: {:?}", table.files);
        assert_eq!(table.runs.len(), truth.runs.len(), "{name}");
        assert_eq!(table.params, ParamRule::All, "{name}");
        for run in &truth.runs {
            let found = table.runs.iter().find(|r| r.run == run.name).expect(&run.name);
            assert_eq!(found.n.get(), run.n_params, "{name} {}", run.name);
            assert_eq!(found.d.get(), run.tokens, "{name} {}", run.name);
            let (want, tolerance) = match digits {
                0.0 => (run.mean_last_20_train_loss, 1e-12),
                _ => (run.final_eval_loss, digits),
            };
            let error = (found.loss_nats / want - 1.0).abs();
            assert!(error <= tolerance, "{name} {}: {} for {want}", run.name, found.loss_nats);
        }
    }
}

#[test]
fn golden_the_tail_of_training_is_the_true_mean_in_every_format_that_keeps_it() {
    let Some(samples) = samples() else { return };
    let truth: ThreeRuns = truth(&samples, "truth.json");
    let tail = ReadOptions { loss: LossChoice::Tail, ..ReadOptions::default() };
    for (name, digits) in [("jsonl", 1e-12), ("parquet", 1e-12), ("tensorboard", 1e-7)] {
        if FIRST_SET.iter().any(|s| s.0 == name && !s.4) {
            continue;
        }
        let table = table(&samples.join(name), &tail);
        for run in &truth.runs {
            let found = table.runs.iter().find(|r| r.run == run.name).expect(&run.name);
            let error = (found.loss_nats / run.mean_last_20_train_loss - 1.0).abs();
            assert!(error <= digits, "{name} {}", run.name);
            let window = LossSource::Tail { from_step: 181.0, to_step: 200.0, points: 20 };
            assert_eq!(found.loss_source, window, "{name} {}", run.name);
        }
    }
}

#[test]
fn golden_a_folder_of_every_format_is_three_runs_in_many_copies() {
    let Some(samples) = samples() else { return };
    let paths = FIRST_SET.map(|s| samples.join(s.0));
    let table = read(&paths, &ReadOptions::default()).expect("runs");
    let names: Vec<&str> = table.runs.iter().map(|r| r.run.as_str()).collect();
    assert_eq!(names, ["tiny-a", "tiny-b", "tiny-c"]);
    let copies = table.skipped.iter().filter(|s| s.reason.starts_with("the same run as in"));
    // Three of each format but the first, and the chart and the table hold no whole logs.
    let formats = FIRST_SET.iter().filter(|s| s.4).count();
    assert!(copies.count() >= 3 * (formats - 3), "{:?}", table.skipped);
    // Non-embedding N of the nanoGPT logs is not mixed in.
    assert_eq!(table.runs[1].n.get(), 12_400_000.0);
}

/// `truth-2.json`: formats by name.
#[derive(Deserialize)]
struct SecondSet {
    formats: std::collections::BTreeMap<String, Sample>,
}

#[derive(Deserialize)]
struct Sample {
    path: String,
    /// Facts that a user adds.
    given: Vec<String>,
    /// Flags of `isoloss logs` that a user adds.
    args: Vec<String>,
    tolerance: Tolerance,
    /// What has to be said about the sample.
    must_tell: Option<String>,
    runs: Vec<SampleRun>,
}

#[derive(Deserialize)]
struct Tolerance {
    n: f64,
    d: f64,
    loss: f64,
}

#[derive(Deserialize)]
struct SampleRun {
    run: String,
    expect: String,
    n_params: f64,
    tokens: f64,
    loss: f64,
}

/// Samples of the second set that are not read yet. Take one off when it is.
const KNOWN_GAPS: &[&str] = &[
    "hf-stdout",
    "hf-grad-accum",
    "long-preamble",
    "megatron-val-test",
    "gpt-neox",
    "deepspeed",
    "olmo-console",
    "nanotron",
    "nemo",
    "litgpt",
    "litgpt-csv",
    "levanter",
    "fairseq",
    "llama-factory",
    "maxtext",
    "build-nanogpt",
    "llm.c",
    "val-loss-only",
    "nanochat",
    "several-runs-one-stdout",
    "wandb-runs-table",
    "tensorboard-ui-csv",
    "keras-csvlogger",
    "wsd-end-15pct",
    "midrun-nan",
];

/// What a reading says beside its runs.
fn said(table: &RunTable) -> String {
    let skipped = table.skipped.iter().map(ToString::to_string);
    let notes = table.notes.iter().map(|n| n.note.clone());
    let warnings = table.warnings.iter().map(ToString::to_string);
    let assumptions = table.assumptions.iter().map(ToString::to_string);
    let damage = table.files.iter().flat_map(|f| f.damage.clone());
    let all: Vec<String> =
        skipped.chain(notes).chain(warnings).chain(assumptions).chain(damage).collect();
    all.join("\n")
}

/// What is not as `truth-2.json` has it; `None` when all is.
fn fault(samples: &Path, sample: &Sample) -> Option<String> {
    let given: Vec<&str> = sample.given.iter().map(String::as_str).collect();
    let map = match sample.args.as_slice() {
        [flag, map] if flag == "--map" => map.parse().expect("a map"),
        [] => Default::default(),
        other => panic!("{}: {other:?}", sample.path),
    };
    let options = ReadOptions { map, ..options(&given) };
    let table = match read(&[samples.join(&sample.path)], &options) {
        Ok(table) => table,
        Err(error) => return Some(error.to_string()),
    };
    if let Some(word) = &sample.must_tell {
        let word = regex::Regex::new(word).expect("an expression");
        if !word.is_match(&said(&table)) {
            return Some(format!("says nothing that matches {word}"));
        }
    }
    let mut left: Vec<&RunRecord> = table.runs.iter().collect();
    for run in &sample.runs {
        let near = |x: f64, want: f64, tolerance: f64| (x / want - 1.0).abs() <= tolerance;
        let is_it = |r: &&RunRecord| {
            near(r.n.get(), run.n_params, sample.tolerance.n)
                && near(r.d.get(), run.tokens, sample.tolerance.d)
                && near(r.loss_nats, run.loss, sample.tolerance.loss)
        };
        match (left.iter().position(is_it), run.expect.as_str()) {
            (Some(at), "read") => {
                left.remove(at);
            }
            (None, "read") => return Some(format!("{} is not among {left:?}", run.run)),
            (Some(_), _) => return Some(format!("{} is not a finished run", run.run)),
            (None, _) => {}
        }
    }
    (!left.is_empty()).then(|| format!("{left:?} are not runs"))
}

#[test]
fn golden_each_sample_of_the_second_set_is_read_or_is_a_known_gap() {
    let Some(samples) = samples() else { return };
    let truth: SecondSet = truth(&samples, "truth-2.json");
    let mut wrong = Vec::new();
    for (name, sample) in &truth.formats {
        match (fault(&samples, sample), KNOWN_GAPS.contains(&name.as_str())) {
            (None, true) => wrong.push(format!("{name} is read now: take it off the list of gaps")),
            (Some(fault), false) => wrong.push(format!("{name}: {fault}")),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    let unknown: Vec<_> = KNOWN_GAPS.iter().filter(|g| !truth.formats.contains_key(**g)).collect();
    assert!(unknown.is_empty(), "{unknown:?} are not in the truth file");
}

#[test]
fn every_folder_of_samples_has_its_truth() {
    let Some(samples) = samples() else { return };
    let truth: SecondSet = truth(&samples, "truth-2.json");
    for entry in std::fs::read_dir(&samples).expect("a folder") {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        let known = FIRST_SET.iter().any(|s| s.0 == name)
            || truth.formats.values().any(|s| Path::new(&s.path).starts_with(&name));
        assert!(!path.is_dir() || known, "{name} is in no truth file");
    }
}

#[test]
fn golden_a_torn_file_of_a_real_tool_loses_only_what_is_torn() {
    let Some(samples) = samples() else { return };
    let place = folder();
    let one = |name: &str| -> Vec<u8> {
        let mut files: Vec<PathBuf> = walk(&samples.join(name));
        files.sort();
        std::fs::read(files.last().expect("a file")).expect("bytes")
    };
    for (name, file) in
        [("tensorboard", "a/events.out.tfevents.1"), ("wandb-offline", "a/run-x.wandb")]
    {
        let bytes = one(name);
        // A flipped byte in the middle: its record goes, with its position.
        let mut flipped = bytes.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 0x55;
        put(&place, file, &flipped);
        let found = table(place.path(), &ReadOptions::default());
        assert_eq!(found.runs.len(), 1, "{name}");
        let damage = &found.files.last().expect("a file").damage;
        assert!(!damage.is_empty() && damage[0].starts_with("byte "), "{name}: {damage:?}");
        let strict = ReadOptions { strict: true, ..ReadOptions::default() };
        assert_says(&refused(place.path(), &strict), &["byte ", "Strict reading"]);
        // Cut off: an unfinished run, never one taken for finished.
        put(&place, file, &bytes[..bytes.len() * 2 / 3]);
        let said = refused(place.path(), &ReadOptions::default());
        assert_says(&said, &["no run is left"]);
        std::fs::remove_file(place.path().join(file)).expect("removed");
    }
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { files.extend(walk(&path)) } else { files.push(path) }
    }
    files
}
