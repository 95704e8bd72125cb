//! Logs of other tools: each reader against the real tools' files, and the ways logs go wrong.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use isoloss::data::{Assumption, Format, LossChoice, LossSource, ReadOptions, RunTable, read};
use isoloss::units::ParamRule;
use tempfile::TempDir;

use crate::shared::shared_folder;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn put(folder: &TempDir, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("created");
    std::fs::write(&path, bytes).expect("written");
    path
}

fn options(given: &[&str]) -> ReadOptions {
    let given = given.iter().map(|g| g.parse().expect("a fact")).collect();
    ReadOptions { given, ..ReadOptions::default() }
}

fn table(path: &Path, options: &ReadOptions) -> RunTable {
    read(&[path.to_owned()], options).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn refused(path: &Path, options: &ReadOptions) -> String {
    let error = read(&[path.to_owned()], options).expect_err("bad logs");
    assert!(error.is_bad_input(), "{error}");
    error.to_string()
}

fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is missing in: {text}");
    }
}

/// Name, N, N without embeddings, D, last evaluation, mean of the last 20 training losses.
const TRUTH: [(&str, f64, f64, f64, f64, f64); 3] = [
    ("tiny-a", 3_100_000.0, 2_300_000.0, 819_200.0, 5.493_825_299_693_379, 5.505_665_858_722_549_5),
    (
        "tiny-b",
        12_400_000.0,
        10_800_000.0,
        1_638_400.0,
        4.869_573_193_347_914_5,
        4.904_323_287_271_666,
    ),
    (
        "tiny-c",
        44_000_000.0,
        40_800_000.0,
        6_553_600.0,
        4.129_964_567_588_042,
        4.167_593_548_350_639,
    ),
];

const FACTS: &str = "run,seq_len,n_params,tokens_per_step\n\
    tiny-a,256,3.1M,4096\ntiny-b,256,12.4M,8192\ntiny-c,512,44M,32768\n";

/// Formats keep four digits (nanoGPT, Hugging Face's training loss), seven (single precision), or all.
#[test]
fn golden_each_real_tools_file_gives_the_true_runs() {
    let Some(shared) = shared_folder("log samples of real tools") else { return };
    let facts = folder();
    let facts = put(&facts, "facts.csv", FACTS);
    // Folder, format, whether it needs the facts, digits of its evaluations; 0 for none.
    let samples = [
        ("csv-summary", Format::RunTable, false, 1e-12),
        ("jsonl", Format::JsonSteps, false, 1e-12),
        ("parquet", Format::ParquetSteps, false, 1e-12),
        ("wandb-offline", Format::WandbOffline, false, 1e-12),
        ("tensorboard", Format::TensorBoard, false, 1e-7),
        ("mlflow-sqlite", Format::MlflowSqlite, false, 1e-12),
        ("lightning-csv", Format::Lightning, false, 1e-12),
        ("hf-trainer", Format::HuggingFace, true, 1e-12),
        ("text-megatron", Format::Text, true, 2e-7),
        ("text-nanogpt", Format::Text, true, 2e-5),
        ("wandb-csv", Format::WandbChart, true, 0.0),
    ];
    for (name, format, needs_facts, digits) in samples {
        let mut paths = vec![shared.join("log-samples").join(name)];
        paths.extend(needs_facts.then(|| facts.clone()));
        let table = read(&paths, &ReadOptions::default()).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(table.files.iter().any(|f| f.format == Some(format)), "{name}: {:?}", table.files);
        assert_eq!(table.runs.len(), 3, "{name}");
        assert_eq!(table.params, ParamRule::All, "{name}");
        for (run, n, _, d, eval, tail) in TRUTH {
            let found = table.runs.iter().find(|r| r.run == run).expect(run);
            assert_eq!(found.n.get(), n, "{name} {run}");
            assert_eq!(found.d.get(), d, "{name} {run}");
            let (want, tolerance) = if digits == 0.0 { (tail, 1e-12) } else { (eval, digits) };
            let error = (found.loss_nats / want - 1.0).abs();
            assert!(error <= tolerance, "{name} {run}: {} for {want}", found.loss_nats);
        }
    }
}

#[test]
fn golden_the_tail_of_training_is_the_true_mean_in_every_format_that_keeps_it() {
    let Some(shared) = shared_folder("log samples of real tools") else { return };
    let tail = ReadOptions { loss: LossChoice::Tail, ..ReadOptions::default() };
    for (name, digits) in [("jsonl", 1e-12), ("parquet", 1e-12), ("tensorboard", 1e-7)] {
        let table = table(&shared.join("log-samples").join(name), &tail);
        for (run, .., want) in TRUTH {
            let found = table.runs.iter().find(|r| r.run == run).expect(run);
            assert!((found.loss_nats / want - 1.0).abs() <= digits, "{name} {run}");
            let window = LossSource::Tail { from_step: 181.0, to_step: 200.0, points: 20 };
            assert_eq!(found.loss_source, window, "{name} {run}");
        }
    }
}

#[test]
fn golden_a_folder_of_every_format_is_three_runs_told_many_times() {
    let Some(shared) = shared_folder("log samples of real tools") else { return };
    let table = table(&shared.join("log-samples"), &ReadOptions::default());
    let names: Vec<&str> = table.runs.iter().map(|r| r.run.as_str()).collect();
    assert_eq!(names, ["tiny-a", "tiny-b", "tiny-c"]);
    let copies = table.skipped.iter().filter(|s| s.reason.starts_with("the same run as in"));
    assert!(copies.count() >= 24, "{:?}", table.skipped);
    // Non-embedding N of the nanoGPT logs is not mixed in.
    assert_eq!(table.runs[1].n.get(), 12_400_000.0);
}

#[test]
fn golden_a_torn_file_of_a_real_tool_loses_only_what_is_torn() {
    let Some(shared) = shared_folder("log samples of real tools") else { return };
    let samples = shared.join("log-samples");
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
        assert_says(&refused(place.path(), &strict), &["byte ", "--strict"]);
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

/// A step log with a cosine schedule over `planned` steps, cut at `until`.
struct Curve {
    planned: u32,
    until: u32,
    from: u32,
    floor: f64,
    seed: f64,
}

impl Curve {
    fn whole() -> Self {
        Self { planned: 400, until: 400, from: 1, floor: 0.1, seed: 0.0 }
    }

    fn loss(&self, step: u32) -> f64 {
        3.0 + 4.0 / f64::from(step).sqrt() + 0.01 * (f64::from(step) * 1.7 + self.seed).sin()
    }

    fn rate(&self, step: u32) -> f64 {
        let (t, warm) = (f64::from(step), 20.0);
        if t <= warm {
            return 3e-4 * t / warm;
        }
        let share = (t - warm) / (f64::from(self.planned) - warm);
        let wave = 0.5 * (1.0 + (std::f64::consts::PI * share).cos());
        3e-4 * (self.floor + (1.0 - self.floor) * wave)
    }

    /// Rows `step,lr,train_loss`.
    fn rows(&self) -> String {
        (self.from..=self.until).fold(String::new(), |mut text, step| {
            let _ = writeln!(text, "{step},{:e},{:.6}", self.rate(step), self.loss(step));
            text
        })
    }

    fn csv(&self) -> String {
        format!("step,lr,train_loss\n{}", self.rows())
    }
}

const SIZED: [&str; 3] = ["n_params=1e6", "batch_size=8", "seq_len=128"];

#[test]
fn a_point_in_the_middle_of_a_cosine_is_never_a_finished_run() {
    let place = folder();
    for until in [100, 160, 240, 320, 380] {
        let path = put(&place, "a.csv", Curve { until, ..Curve::whole() }.csv());
        let said = refused(&path, &options(&SIZED));
        assert_says(&said, &["no run is left", "stops in the middle of its", "of its peak"]);
    }
    // Not even when the log says that this is all that was planned.
    let path = put(&place, "a.csv", Curve { until: 240, ..Curve::whole() }.csv());
    let said = refused(&path, &options(&[&SIZED[..], &["max_steps=240"]].concat()));
    assert_says(&said, &["stops in the middle of its cosine", "which would end near step 4"]);
    let path = put(&place, "a.csv", Curve::whole().csv());
    let found = table(&path, &options(&SIZED));
    assert_eq!(found.runs[0].d.get(), 400.0 * 8.0 * 128.0);
    let want: f64 = (361..=400).map(|s| Curve::whole().loss(s)).sum::<f64>() / 40.0;
    assert!((found.runs[0].loss_nats - want).abs() < 1e-6);
    assert_eq!(found.curves.len(), 1);
    assert!(found.curves[0].points[0].0.get() >= 20.0 * 1024.0, "the warm-up is trimmed");
}

#[test]
fn runs_that_went_wrong_are_set_apart_with_the_reason() {
    let header = "run,step,lr,train_loss,n_params,batch_size,seq_len,max_steps\n";
    let mut text = header.to_owned();
    let mut add = |run: &str, until: u32, loss: &dyn Fn(u32) -> String| {
        let curve = Curve::whole();
        for step in 1..=until {
            let _ =
                writeln!(text, "{run},{step},{:e},{},1e6,8,128,400", curve.rate(step), loss(step));
        }
    };
    let good = |step: u32| format!("{:.5}", Curve::whole().loss(step));
    add("good", 400, &good);
    add("nan", 400, &|s| if s < 250 { good(s) } else { "nan".to_owned() });
    add("blip", 400, &|s| if s == 250 { "inf".to_owned() } else { good(s) });
    add("cut", 300, &good);
    add("diverged", 400, &|s| {
        if s < 200 { good(s) } else { format!("{:.4}", 7.0 + 0.001 * f64::from(s)) }
    });
    let place = folder();
    let path = put(&place, "steps.csv", &text);
    let found = table(&path, &ReadOptions::default());
    let names: Vec<&str> = found.runs.iter().map(|r| r.run.as_str()).collect();
    assert_eq!(names, ["good", "blip"]);
    let reason = |run: &str| {
        let skipped = found.skipped.iter().find(|s| s.run.as_deref() == Some(run));
        skipped.unwrap_or_else(|| panic!("{run}: {:?}", found.skipped)).reason.clone()
    };
    assert_says(&reason("nan"), &["training loss is NaN or infinite from step 250"]);
    assert_says(&reason("cut"), &["stops at step 300 of the 400 planned"]);
    assert_says(&reason("diverged"), &["diverged", "`train_loss` rose from"]);
    assert!(found.warnings.iter().any(|w| w.code() == "rows-skipped"));
}

#[test]
fn a_restart_is_stitched_and_the_branch_given_up_is_dropped() {
    let place = folder();
    let lost = Curve { until: 250, ..Curve::whole() };
    let resumed = Curve { from: 201, seed: 2.0, ..Curve::whole() };
    // Within one file.
    let path = put(&place, "run.csv", format!("{}{}", lost.csv(), resumed.rows()));
    let found = table(&path, &options(&SIZED));
    let want: f64 = (361..=400).map(|s| resumed.loss(s)).sum::<f64>() / 40.0;
    assert!((found.runs[0].loss_nats - want).abs() < 1e-6);
    assert_says(&found.notes[0].note, &["restarted from step 201", "50 points"]);
    // Over two files of one run.
    let named = |c: &Curve| {
        let rows = c.rows().lines().fold(String::new(), |t, l| t + "one," + l + "\n");
        format!("run,step,lr,train_loss\n{rows}")
    };
    std::fs::remove_file(&path).expect("removed");
    put(&place, "part1.csv", named(&lost));
    put(&place, "part2.csv", named(&resumed));
    let found = table(place.path(), &options(&SIZED));
    assert_eq!(found.runs.len(), 1);
    assert!((found.runs[0].loss_nats - want).abs() < 1e-6);
    assert!(
        found.notes.iter().any(|n| n.note.contains("goes on from step 201")),
        "{:?}",
        found.notes
    );
}

#[test]
fn one_name_for_two_runs_is_two_runs() {
    let place = folder();
    put(&place, "a/metrics.csv", Curve::whole().csv());
    put(&place, "b/a.csv", Curve { seed: 1.0, ..Curve::whole() }.csv().replace("3.", "3.1"));
    let found = table(place.path(), &options(&SIZED));
    assert_eq!(found.runs.len(), 2, "{:?}", found.skipped);
    assert_ne!(found.runs[0].run, found.runs[1].run);
}

#[test]
fn a_copy_under_another_name_is_one_run() {
    let place = folder();
    put(&place, "a.csv", Curve::whole().csv());
    put(&place, "copy of a.csv", Curve::whole().csv());
    let found = table(place.path(), &options(&SIZED));
    assert_eq!(found.runs.len(), 1);
    assert_says(&found.skipped[0].to_string(), &["copy of a", "the same run as in"]);
}

#[test]
fn counts_in_millions_say_so_in_their_name() {
    let place = folder();
    let path = put(&place, "t.csv", "Params (M),tokens_b,loss\n124,2.5,3.0\n350,7,2.8\n");
    let run = &table(&path, &ReadOptions::default()).runs[0];
    assert_eq!((run.n.get(), run.d.get()), (124e6, 2.5e9));
    let text = Curve::whole().csv().replace("step,", "Iteration,");
    let path = put(&place, "s.csv", text);
    let found = table(&path, &options(&["params_m=124", "tokens_per_step=1024"]));
    assert_eq!(found.runs[0].n.get(), 124e6);
}

#[test]
fn steps_from_zero_end_one_short_of_the_plan() {
    let place = folder();
    let rows = (0..400).fold(String::new(), |mut text, step| {
        let curve = Curve::whole();
        let _ = writeln!(text, "{step},{:e},{:.6}", curve.rate(step + 1), curve.loss(step + 1));
        text
    });
    let path = put(&place, "a.csv", format!("step,lr,train_loss\n{rows}"));
    let found = table(&path, &options(&[&SIZED[..], &["max_steps=400"]].concat()));
    assert_eq!(found.runs[0].d.get(), 400.0 * 1024.0);
    // Lightning says so by its epochs, name and neighbours.
    let rows = rows.replace('\n', ",0\n");
    std::fs::remove_file(path).expect("removed");
    put(&place, "run-7/version_0/metrics.csv", format!("step,lr,train_loss,epoch\n{rows}"));
    put(&place, "run-7/version_0/hparams.yaml", "n_params: 1000000\nbatch_size: 8\nseq_len: 128\n");
    let found = table(place.path(), &ReadOptions::default());
    assert_eq!((found.runs[0].run.as_str(), found.runs[0].d.get()), ("run-7", 400.0 * 1024.0));
    assert!(found.files.iter().any(|f| f.format == Some(Format::Lightning)));
}

#[test]
fn tokens_are_steps_times_batch_times_length_times_what_multiplies_them() {
    let place = folder();
    for (facts, want) in [
        (&["batch_size=8", "seq_len=128"][..], 400.0 * 8.0 * 128.0),
        (&["batch_size=8", "seq_len=128", "gradient_accumulation_steps=4"], 400.0 * 32.0 * 128.0),
        (
            &[
                "micro_batch_size=2",
                "gradient_accumulation_steps=4",
                "world_size=8",
                "block_size=64",
            ],
            400.0 * 64.0 * 64.0,
        ),
        (
            &[
                "global_batch_size=64",
                "gradient_accumulation_steps=4",
                "world_size=8",
                "seq_length=64",
            ],
            400.0 * 64.0 * 64.0,
        ),
        (&["tokens_per_step=4096"], 400.0 * 4096.0),
    ] {
        let path = put(&place, "a.csv", Curve::whole().csv());
        let found = table(&path, &options(&[facts, &["n_params=1e6"]].concat()));
        assert_eq!(found.runs[0].d.get(), want, "{facts:?}");
    }
    let path = put(&place, "a.csv", Curve::whole().csv());
    assert_says(&refused(&path, &options(&["n_params=1e6"])), &["batch size", "--given"]);
    assert_says(
        &refused(&path, &options(&["n_params=1e6", "batch_size=8"])),
        &["sequence length", "--given seq_len"],
    );
    assert_says(&refused(&path, &options(&SIZED[1..])), &["N is not in the log", "n_params"]);
}

#[test]
fn units_are_turned_into_nats_and_a_mixture_is_refused_with_a_mend() {
    let place = folder();
    let row = |loss: f64| format!("1e8,2e9,{loss}\n2e8,4e9,{}\n", loss - 0.1);
    let one = |name: &str, loss: f64| {
        put(&place, "t.csv", format!("params,tokens,{name}\n{}", row(loss)))
    };
    let first = |path: &Path, given: &[&str]| table(path, &options(given)).runs[0].loss_nats;
    assert_eq!(first(&one("loss", 3.0), &[]), 3.0);
    assert!((first(&one("loss_bits", 4.0), &[]) - 4.0 * std::f64::consts::LN_2).abs() < 1e-15);
    assert!((first(&one("perplexity", 20.0), &[]) - 20_f64.ln()).abs() < 1e-15);
    let path = one("eval/bpb", 1.0);
    let per_byte = table(&path, &ReadOptions::default());
    assert!(per_byte.assumptions.contains(&Assumption::NatsPerByte));
    assert!((per_byte.runs[0].loss_nats - std::f64::consts::LN_2).abs() < 1e-15);
    let per_token = first(&path, &["bytes_per_token=4.5"]);
    assert!((per_token - 4.5 * std::f64::consts::LN_2).abs() < 1e-15);
    let other = put(&place, "u.csv", format!("params,tokens,loss\n{}", row(3.0)));
    let error = read(&[path, other], &ReadOptions::default()).expect_err("two units");
    assert_says(&error.to_string(), &["per token", "per byte", "bytes_per_token"]);
}

#[test]
fn evaluation_and_training_loss_do_not_mix() {
    let place = folder();
    put(&place, "a.csv", Curve::whole().csv());
    put(&place, "b.csv", Curve::whole().csv().replace("train_loss", "val_loss"));
    let said = refused(place.path(), &options(&SIZED));
    assert_says(
        &said,
        &["mixing evaluation loss (1 runs, as b)", "training loss (1 runs", "--loss tail"],
    );
    let evaluated = ReadOptions { loss: LossChoice::Evaluation, ..options(&SIZED) };
    let found = table(place.path(), &evaluated);
    assert_eq!(found.runs.len(), 1);
    assert_says(&found.skipped[0].reason, &["no evaluation loss"]);
}

#[test]
fn flops_that_follow_two_rules_are_flagged() {
    let place = folder();
    let rows: String = [(1e8, 2e9, 6.0), (2e8, 4e9, 6.0), (4e8, 8e9, 2.0)]
        .iter()
        .map(|(n, d, k)| format!("{n},{d},{},3.0\n", k * n * d))
        .collect();
    let path = put(&place, "t.csv", format!("params,tokens,flops,loss\n{rows}"));
    let found = table(&path, &ReadOptions::default());
    let warning = found.warnings.iter().find(|w| w.code() == "mixed-flops").expect("a warning");
    assert_says(&warning.to_string(), &["1 runs", "2 N D"]);
}

#[test]
fn epochs_tell_unique_tokens_and_the_other_way_round() {
    let place = folder();
    let path = put(&place, "t.csv", "params,unique_tokens,epochs,loss\n1e8,2e9,4,3.0\n");
    let run = &table(&path, &ReadOptions::default()).runs[0];
    assert_eq!((run.d.get(), run.setting.unique.map(|u| u.get())), (8e9, Some(2e9)));
    let rows =
        Curve::whole().rows().lines().enumerate().fold(String::new(), |mut text, (i, row)| {
            let _ = writeln!(text, "{row},{}", (i + 1) as f64 / 100.0);
            text
        });
    let path = put(&place, "s.csv", format!("step,lr,train_loss,epoch\n{rows}"));
    let run = &table(&path, &options(&SIZED)).runs[0];
    assert_eq!(run.setting.unique.map(|u| u.get()), Some(run.d.get() / 4.0));
}

#[test]
fn text_logs_are_read_by_their_trainers_patterns() {
    let place = folder();
    let titan: String = (1..=40)
        .map(|i| format!("[titan] 2026-01-01 12:00:00 - root - INFO - \u{1b}[31mstep: {:2}  \u{1b}[32mloss: {:7.4}  \u{1b}[33mgrad_norm:  0.8  tps: 5,000\u{1b}[39m\n", 10 * i, 8.0 - 0.1 * f64::from(i)))
        .collect();
    let head = "[titan] INFO - Model llama3 debug size: 6,300,416 total parameters\n[titan] INFO - Training starts at step 1, with local batch size 8, global batch size 16, sequence length 256, total steps 400 (warmup 20)\n";
    let path = put(
        &place,
        "titan.log",
        format!("{head}{titan}[titan] INFO - validate step: 400  loss:  4.0250\n"),
    );
    let run = &table(&path, &ReadOptions::default()).runs[0];
    assert_eq!(
        (run.n.get(), run.d.get(), run.loss_nats),
        (6_300_416.0, 400.0 * 16.0 * 256.0, 4.025)
    );

    let foundry: String = (1..=20)
        .map(|i| format!("[batch={}/200]:\n\t Train time/batch: {}\n\t Train time/token: {}\n\t Train loss/train/total: {:.4}\n\t Train metrics/train/LanguageCrossEntropy: {:.4}\n\t Train lr-DecoupledAdamW/group0: {:e}\n", 10 * i, 10 * i - 1, 10 * i * 4096, 9.0 - 0.1 * f64::from(i), 8.9 - 0.1 * f64::from(i), 1e-3 * (1.0 - f64::from(i) / 20.0)))
        .collect();
    let path = put(
        &place,
        "foundry.log",
        format!(
            "n_params: 12400000\nvocab_size: 50368\n{foundry}Eval metrics/eval/LanguageCrossEntropy: 6.8500\n"
        ),
    );
    let found = table(&path, &ReadOptions::default());
    let run = &found.runs[0];
    assert_eq!((run.n.get(), run.d.get(), run.loss_nats), (12.4e6, 819_200.0, 6.85));
    assert_eq!(found.files[0].detail.as_deref(), Some("llm-foundry text"));

    let megatron: String = (1..=20)
        .map(|i| format!(" [2026-01-01] iteration {:8}/     200 | consumed samples: {:12} | learning rate: {:e} | lm loss: {:E} | number of nan iterations: 0 |\n", 10 * i, 160 * i, 1e-3 * (1.0 - f64::from(i) / 20.0), 8.0 - 0.1 * f64::from(i)))
        .collect();
    let arguments = "  seq_length ...................................... 256\n  hidden_size ..................................... 512\n";
    let parts = "  > number of parameters on (tensor, pipeline) model parallel rank (0, 0): 5000000\n  > number of parameters on (tensor, pipeline) model parallel rank (1, 0): 5000000\n";
    // A restart prints the counts again.
    let path = put(&place, "megatron.log", format!("{arguments}{parts}{parts}{megatron}"));
    let run = &table(&path, &ReadOptions::default()).runs[0];
    assert_eq!((run.n.get(), run.d.get()), (1e7, 3200.0 * 256.0));

    let own: String = (1..=30)
        .map(|i| format!("Schritt {i}: Verlust {:.3}\n", 5.0 - 0.01 * f64::from(i)))
        .collect();
    let path = put(&place, "own.log", &own);
    assert_says(&refused(&path, &options(&SIZED)), &["no log of a kind", "--patterns"]);
    let patterns = put(
        &place,
        "mine.toml",
        "[[pattern]]\nname = \"ours\"\ndetect = '^Schritt'\nlines = ['Schritt (?<step>\\d+): Verlust (?<train_loss>NUMBER)']\n",
    );
    let mine = ReadOptions { patterns: Some(patterns), ..options(&SIZED) };
    assert_eq!(table(&path, &mine).runs[0].d.get(), 30.0 * 1024.0);
    let broken =
        put(&place, "broken.toml", "[[pattern]]\nname = \"x\"\ndetect = '('\nlines = []\n");
    let broken = ReadOptions { patterns: Some(broken), ..options(&SIZED) };
    assert_says(&refused(&path, &broken), &["broken.toml", "pattern `x`"]);
}

#[test]
fn a_trainer_state_is_read_without_the_mean_it_ends_with() {
    let place = folder();
    let state = |until: u32| {
        let steps: Vec<String> = (1..=until / 10)
            .map(|i| {
                format!(
                    "{{\"step\": {}, \"loss\": {:.4}, \"learning_rate\": {:e}, \"epoch\": {:.2}}}",
                    10 * i,
                    Curve::whole().loss(10 * i),
                    Curve::whole().rate(10 * i),
                    f64::from(i) / 20.0
                )
            })
            .collect();
        let end = format!("{{\"step\": {until}, \"train_loss\": 99.0, \"total_flos\": 1e12}}");
        format!(
            "{{\"global_step\": {until}, \"max_steps\": 400, \"train_batch_size\": 8, \"num_input_tokens_seen\": 0, \"log_history\": [{}, {end}]}}",
            steps.join(", ")
        )
    };
    put(&place, "r/checkpoint-200/trainer_state.json", state(200));
    put(&place, "r/checkpoint-400/trainer_state.json", state(400));
    let config = "{\"model_type\": \"gpt2\", \"n_embd\": 64, \"n_layer\": 2, \"n_head\": 2, \"vocab_size\": 1000, \"n_positions\": 128}";
    put(&place, "r/checkpoint-400/config.json", config);
    let found = table(place.path(), &options(&["seq_len=128"]));
    assert_eq!(found.runs.len(), 1, "{:?}", found.skipped);
    let run = &found.runs[0];
    assert_eq!((run.run.as_str(), run.d.get()), ("r", 400.0 * 8.0 * 128.0));
    // wte, wpe, two blocks of 12 d^2 + 13 d, the last norm.
    let n = 1000 * 64 + 128 * 64 + 2 * (12 * 64 * 64 + 13 * 64) + 2 * 64;
    assert_eq!(run.n.get(), f64::from(n));
    assert!(found.assumptions.iter().any(|a| a.to_string().contains("the model's config")));
    assert!(run.loss_nats < 4.0, "{}", run.loss_nats);
    assert_says(&found.skipped[0].reason, &["the same run"]);
}

#[cfg(feature = "mlflow")]
#[test]
fn mlflow_stores_are_read_from_database_and_folder() {
    let place = folder();
    let path = place.path().join("store.sqlite");
    let database = rusqlite::Connection::open(&path).expect("a database");
    database
        .execute_batch(
            "CREATE TABLE runs (run_uuid, name, status, lifecycle_stage, start_time);
             CREATE TABLE params (key, value, run_uuid);
             CREATE TABLE metrics (key, value REAL, timestamp, run_uuid, step INTEGER, is_nan BOOLEAN);
             INSERT INTO runs VALUES ('u1','first','FINISHED','active',1), ('u2','second','FAILED','active',2), ('u3','third','FINISHED','deleted',3);
             INSERT INTO params VALUES ('n_params','1000000','u1'), ('batch_size','8','u1'), ('seq_len','128','u1');",
        )
        .expect("tables");
    for step in 1..=400 {
        let values = rusqlite::params![Curve::whole().loss(step), step, step];
        let insert = "INSERT INTO metrics VALUES ('train/loss', ?1, ?2, 'u1', ?3, 0)";
        database.execute(insert, values).expect("a row");
    }
    database
        .execute_batch(
            "INSERT INTO metrics SELECT key, value + 0.5, timestamp, 'u2', step, 0 FROM metrics",
        )
        .expect("copied");
    drop(database);
    let found = table(&path, &ReadOptions::default());
    assert_eq!(found.runs.len(), 1);
    assert_eq!((found.runs[0].run.as_str(), found.runs[0].d.get()), ("first", 400.0 * 1024.0));
    let reasons: Vec<String> = found.skipped.iter().map(ToString::to_string).collect();
    assert!(reasons.iter().any(|r| r.contains("deleted in MLflow")), "{reasons:?}");
    assert!(reasons.iter().any(|r| r.contains("`failed`")), "{reasons:?}");

    let store = folder();
    let run = "mlruns/0/0123abcd";
    put(
        &store,
        &format!("{run}/meta.yaml"),
        "run_id: 0123abcd\nrun_name: filed\nstatus: 3\nlifecycle_stage: active\n",
    );
    put(&store, &format!("{run}/params/n_params"), "1000000");
    put(&store, &format!("{run}/params/tokens_per_step"), "1024");
    let lines = (1..=400).fold(String::new(), |mut t, s| {
        let _ = writeln!(t, "{} {} {s}", 1_700_000_000 + s, Curve::whole().loss(s));
        t
    });
    put(&store, &format!("{run}/metrics/train/loss"), lines);
    let found = table(store.path(), &ReadOptions::default());
    assert_eq!((found.runs[0].run.as_str(), found.runs[0].d.get()), ("filed", 400.0 * 1024.0));

    let other = place.path().join("other.db");
    rusqlite::Connection::open(&other)
        .and_then(|d| d.execute_batch("CREATE TABLE t (x)"))
        .expect("made");
    assert_says(
        &refused(&other, &ReadOptions::default()),
        &["other.db", "no such table", "MLflow"],
    );
}

#[test]
fn a_folder_of_anything_names_what_each_file_is_and_sets_the_broken_aside() {
    let place = folder();
    put(&place, "good.csv", "run,params,tokens,loss\na,1e8,2e9,3.1\nb,2e8,4e9,2.9\n");
    put(&place, "notes.md", "# nothing");
    put(&place, "weights.bin", [0_u8, 159, 146, 150, 0, 1]);
    put(&place, "gpu.csv", "time,power\n1,300\n2,310\n");
    put(&place, "sizes.csv", "layer,n_params\n1,300\n2,310\n");
    put(&place, "torn.parquet", b"PAR1 and then nothing");
    put(&place, ".hidden.csv", "run,params,tokens,loss\nz,1e8,2e9,9\n");
    let found = table(place.path(), &ReadOptions::default());
    assert_eq!(found.runs.len(), 2);
    let file = |name: &str| found.files.iter().find(|f| f.path.ends_with(name)).expect(name);
    assert_eq!(file("good.csv").format, Some(Format::RunTable));
    assert_eq!(file("notes.md").format, None);
    assert_eq!(file("weights.bin").format, None);
    assert!(!file("torn.parquet").damage.is_empty());
    let said: Vec<String> = found.skipped.iter().map(ToString::to_string).collect();
    assert!(
        said.iter().any(|s| s.contains("sizes.csv") && s.contains("no table of runs")),
        "{said:?}"
    );
    assert_eq!(file("gpu.csv").format, None);
    let strict = ReadOptions { strict: true, ..ReadOptions::default() };
    refused(place.path(), &strict);
}

#[test]
fn compressed_logs_are_the_logs_they_hold() {
    use std::io::Write;
    let place = folder();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(Curve::whole().csv().as_bytes()).expect("compressed");
    let path = put(&place, "run-1.csv.gz", gz.finish().expect("compressed"));
    let plain = put(&place, "plain.csv", Curve::whole().csv());
    #[cfg(feature = "zstd")]
    let zst = zstd::encode_all(Curve::whole().csv().as_bytes(), 1).expect("compressed");
    #[cfg(feature = "zstd")]
    let path_zst = put(&place, "run-1.csv.zst", zst);
    let want = table(&plain, &options(&SIZED)).runs[0].loss_nats;
    #[cfg(feature = "zstd")]
    let compressed = [path, path_zst];
    #[cfg(not(feature = "zstd"))]
    let compressed = [path];
    for path in compressed {
        let run = &table(&path, &options(&SIZED)).runs[0];
        assert_eq!((run.run.as_str(), run.loss_nats), ("run-1", want));
    }
}

#[test]
fn json_lines_of_our_trainer_and_of_python_are_read() {
    let place = folder();
    let text =
        "{\"run\": \"a\", \"config\": {\"n_params\": 1e6, \"batch_size\": 8, \"seq_len\": 128}}\n"
            .to_owned()
            + &(1..=400)
                .map(|s| {
                    format!(
                        "{{\"step\": {s}, \"loss\": {:.5}, \"grad\": NaN}}\n",
                        Curve::whole().loss(s)
                    )
                })
                .collect::<String>();
    let found = table(&put(&place, "x.jsonl", &text), &ReadOptions::default());
    assert_eq!((found.runs[0].run.as_str(), found.runs[0].d.get()), ("a", 400.0 * 1024.0));
    // A line torn by a kill is named, and the run with it not finished.
    let torn = &text[..text.len() - 20];
    let found = table(&put(&place, "x.jsonl", torn), &ReadOptions::default());
    assert_says(&found.files[0].damage[0], &["line 401", "not a JSON object"]);
    // The loss turns NaN as Python writes it.
    let nan = text.replace(
        &format!("\"step\": 400, \"loss\": {:.5}", Curve::whole().loss(400)),
        "\"step\": 400, \"loss\": NaN",
    );
    assert_says(
        &refused(&put(&place, "x.jsonl", nan), &ReadOptions::default()),
        &["NaN or infinite from step 400"],
    );
    // Our own sweeps: the table states the runs, their logs are the curves.
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("data/first-light");
    let found = table(&own, &ReadOptions::default());
    assert_eq!((found.runs.len(), found.curves.len()), (25, 25));
    assert!(found.skipped.is_empty(), "{:?}", found.skipped);
    let logs = table(&own.join("logs"), &ReadOptions::default());
    let key = |t: &RunTable| {
        let mut runs: Vec<_> =
            t.runs.iter().map(|r| (r.run.clone(), r.n, r.d, r.loss_nats)).collect();
        runs.sort_by(|a, b| a.0.cmp(&b.0));
        runs
    };
    // The table was written before coefficients kept their last bit.
    for (a, b) in key(&found).iter().zip(&key(&logs)) {
        assert_eq!((&a.0, a.1, a.2), (&b.0, b.1, b.2), "logs alone give the runs of the table");
        assert!((a.3 / b.3 - 1.0).abs() < 1e-14, "{} {}", a.3, b.3);
    }
}

#[test]
fn a_sparse_run_spends_six_flops_on_each_parameter_a_token_visits() {
    let place = folder();
    let text = "{\"run\": \"m\", \"config\": {\"n_params\": 4e6, \"n_params_active\": 1e6, \
                \"batch_size\": 8, \"seq_len\": 128}}\n"
        .to_owned()
        + &(1..=400)
            .map(|s| format!("{{\"step\": {s}, \"loss\": {:.5}}}\n", Curve::whole().loss(s)))
            .collect::<String>();
    let logs = put(&place, "m.jsonl", &text);
    let found = table(&logs, &ReadOptions::default());
    let run = &found.runs[0];
    assert_eq!((run.n.get(), run.c.get()), (4e6, 6.0 * 1e6 * 400.0 * 1024.0));
    assert!(!found.assumptions.contains(&Assumption::FlopsFromSixNd), "{:?}", found.assumptions);
    let active = ReadOptions { params: ParamRule::Active, ..ReadOptions::default() };
    assert_eq!(table(&logs, &active).runs[0].n.get(), 1e6);
    let rows = "run,n_params,n_params_active,tokens,loss\na,4e6,1e6,1e9,3.1\n";
    assert_eq!(table(&put(&place, "rows.csv", rows), &active).runs[0].n.get(), 1e6);
}

#[test]
fn a_constant_rate_beside_a_decay_is_a_warning() {
    let place = folder();
    put(&place, "decayed.csv", Curve::whole().csv());
    let flat = (1..=400).fold("step,lr,train_loss\n".to_owned(), |mut t, s| {
        let rate = 3e-4 * (f64::from(s) / 20.0).min(1.0);
        let _ = writeln!(t, "{s},{rate:e},{:.5}", Curve::whole().loss(s));
        t
    });
    put(&place, "flat.csv", flat);
    let found = table(place.path(), &options(&SIZED));
    assert_eq!(found.runs.len(), 2);
    assert!(found.warnings.iter().any(|w| w.code() == "mixed-schedules"), "{:?}", found.warnings);
}
