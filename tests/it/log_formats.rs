//! The formats of logs, in files made on the spot.

use std::path::PathBuf;

use isoloss::data::{Format, LossSource, ReadOptions, RunTable};

use crate::step_logs::{Curve, SIZED, assert_says, folder, options, put, refused, table};

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
    assert_says(&refused(&path, &options(&SIZED)), &["not a log of a kind", "no pattern knows"]);
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
    /// Two blocks of 12 d^2 + 13 d, and the last norm.
    const BODY: i32 = 2 * (12 * 64 * 64 + 13 * 64) + 2 * 64;
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
        // 6 x tokens x parameters that are no embedding, as the trainer counts them.
        let flos = 6.0 * f64::from(until) * 1024.0 * f64::from(BODY);
        let end = format!("{{\"step\": {until}, \"train_loss\": 99.0, \"total_flos\": {flos:e}}}");
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
    // wte and wpe beside the body.
    assert_eq!(run.n.get(), f64::from(1000 * 64 + 128 * 64 + BODY));
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
    let line = |s: u32| format!("{} {} {s}\n", 1_700_000_000 + s, Curve::whole().loss(s));
    let lines: String = (1..=400).map(line).collect();
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
        said.iter().any(|s| s.contains("sizes.csv") && s.contains("not a table of runs")),
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
    // A line torn by a kill is named, and the run with it not finished unless the user says so.
    let torn = put(&place, "x.jsonl", &text[..text.len() - 20]);
    assert_says(&refused(&torn, &ReadOptions::default()), &["cut off at step 399"]);
    let found = table(&torn, &options(&["status=finished"]));
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
fn a_text_log_that_counts_epochs_is_put_on_steps_by_a_fact() {
    let place = folder();
    let text: String = (1..=10)
        .map(|i| {
            let loss = 5.0 - 0.1 * f64::from(i);
            format!("Epoch {i} done: training {:.3}, held out {:.3}\n", loss - 0.05, loss)
        })
        .collect();
    let path = put(&place, "run-e.log", text);
    let patterns = put(
        &place,
        "mine.toml",
        "[[pattern]]\nname = \"by epoch\"\ndetect = '^Epoch \\d+ done'\nlines = ['^Epoch (?<epoch>\\d+) done: training (?<train_loss>NUMBER), held out (?<eval_loss>NUMBER)']\n",
    );
    let with = |facts: &[&str]| ReadOptions {
        patterns: Some(patterns.clone()),
        ..options(&[&SIZED[..], facts].concat())
    };
    // 40 steps of 8 sequences of 128 tokens in each of 10 epochs.
    for facts in
        [&["steps_per_epoch=40"][..], &["max_steps=400", "num_epochs=10"], &["unique_tokens=40960"]]
    {
        let found = table(&path, &with(facts));
        let run = &found.runs[0];
        assert_eq!((run.run.as_str(), run.d.get()), ("run-e", 400.0 * 1024.0), "{facts:?}");
        assert_eq!((run.loss_nats, run.loss_source), (4.0, LossSource::Evaluation { step: 400.0 }));
        assert_eq!(run.setting.unique.map(|u| u.get()), Some(40960.0), "{facts:?}");
    }
    let said = refused(&path, &with(&[]));
    assert_says(&said, &["run-e", "counts epochs and no steps", "give steps_per_epoch"]);
    // A plan of steps is compared with the steps that the epochs are.
    let said = refused(&path, &with(&["steps_per_epoch=40", "max_steps=800"]));
    assert_says(&said, &["stops at step 400 of the 800 planned"]);
}

#[test]
fn a_text_log_that_counts_tokens_or_sequences_needs_no_steps() {
    let place = folder();
    let line = |group: &str| {
        format!(
            "[[pattern]]\nname = \"{group}\"\ndetect = '^at '\nlines = ['^at (?<{group}>[\\d,]+) loss (?<train_loss>NUMBER)']\n"
        )
    };
    for (group, each) in [("tokens", 1024.0), ("samples", 8.0)] {
        let text: String = (1..=100)
            .map(|i| format!("at {} loss {:.3}\n", each * f64::from(i), 5.0 - 0.01 * f64::from(i)))
            .collect();
        let path = put(&place, &format!("{group}.log"), text);
        let patterns = Some(put(&place, &format!("{group}.toml"), line(group)));
        let known = ReadOptions { patterns: patterns.clone(), ..options(&SIZED) };
        assert_eq!(table(&path, &known).runs[0].d.get(), 100.0 * 1024.0, "{group}");
        let facts = options(&["n_params=1e6", "seq_len=128"]);
        let unknown = ReadOptions { patterns, ..facts };
        assert_eq!(table(&path, &unknown).runs[0].d.get(), 100.0 * 1024.0, "{group}");
    }
}

/// The seeds of the hostile inputs are whole logs: pattern, what has to be given, D, loss in nats.
#[test]
fn every_shipped_pattern_reads_its_seed() {
    let each = "tokens_per_step=4096";
    for (name, pattern, given, d, loss) in [
        ("build-nanogpt", "build-nanogpt", each, 40.0 * 4096.0, 4.05),
        ("deepspeed", "DeepSpeed", "seq_len=128", 409_600.0, 4.0),
        ("fairseq", "fairseq", "n_params=1e6", 409_600.0, 5.817 * std::f64::consts::LN_2),
        ("gpt-neox", "GPT-NeoX", "n_params=1e6", 409_600.0, 4.0321),
        ("hugging-face", "Hugging Face", "seq_len=128", 409_600.0, 4.0321),
        ("levanter", "Levanter", each, 409_600.0, 4.032),
        ("litgpt", "litgpt", "n_params=1e6", 409_600.0, 4.0321),
        ("llm.c", "llm.c", each, 40.0 * 4096.0, 4.05),
        ("maxtext", "MaxText", "n_params=1e6", 40.0 * 4096.0, 4.125),
        ("nanochat", "nanochat", "n_params=1e6", 40.0 * 4096.0, 1.937 * std::f64::consts::LN_2),
        ("nanotron", "nanotron", "n_params=1e6", 410e3, 4.0),
        ("nemo", "NeMo", "seq_len=128", 409_600.0, 4.1),
        ("olmo", "OLMo", "n_params=1e6", 409_600.0, 4.032),
        ("val-loss-only", "key: value lines", each, 1250.0 * 4096.0, 4.0),
    ] {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/text").join(name);
        let found = table(&path, &options(&["n_params=1e6", given]));
        assert_eq!(found.files[0].detail, Some(format!("{pattern} text")), "{name}");
        let run = &found.runs[0];
        assert_eq!((found.runs.len(), run.n.get()), (1, 1e6), "{name}");
        assert!((run.d.get() / d - 1.0).abs() < 1e-12, "{name}: {}", run.d.get());
        assert!((run.loss_nats / loss - 1.0).abs() < 1e-12, "{name}: {}", run.loss_nats);
    }
}
