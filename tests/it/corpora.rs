//! Data for the trainer as its users meet it: what is read, counted, refused; and runs that are too large.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn isoloss(home: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_isoloss"));
    command.current_dir(home).args(args).output().expect("starts")
}

fn home() -> tempfile::TempDir {
    tempfile::tempdir().expect("temporary folder")
}

/// The JSON of `isoloss corpus`, or what it said.
fn corpus(home: &Path, args: &[&str]) -> Result<Value, String> {
    let done = isoloss(home, &[&["corpus", "--json"], args].concat());
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    serde_json::from_slice(&done.stdout).map_err(|_| said)
}

#[cfg(feature = "parquet")]
#[test]
fn text_in_parquet_is_read_whatever_it_is_encoded_as_and_wherever_it_lies() {
    let home = home();
    // Written by pyarrow: dictionary, large and plain strings, bytes, and strings inside one and two
    // structs; row 8 of 40 is null, and row 10 has no inner struct. Row groups of 16.
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/texts/kinds.parquet");
    let of = |field: &str| corpus(home.path(), &[file, "--text-field", field]);
    let plain = of("plain").expect("a corpus");
    let documents = |value: &Value| {
        let facts = &value["facts"];
        ["train_documents", "validation_documents"].map(|k| facts[k].as_u64().expect(k))
    };
    assert_eq!(documents(&plain).iter().sum::<u64>(), 39);
    assert_eq!(plain["facts"]["set_aside"]["empty"], 1);
    for field in ["dictionary", "large", "binary", "data.text", "/data/text"] {
        assert_eq!(of(field).expect(field)["sha256"], plain["sha256"], "{field}");
    }
    let deep = of("deep.inner.text").expect("a corpus");
    assert_eq!(documents(&deep).iter().sum::<u64>(), 38);
    for (field, said) in [
        ("number", "Int64"),
        ("data", "group of id, text"),
        ("data.body", "not `body`"),
        ("plain.text", "no group"),
        ("nothing", "the file has `dictionary`"),
    ] {
        let error = of(field).expect_err("no text there");
        assert!(error.contains(said) && error.contains("text_field"), "{field}: {error}");
    }
}

#[test]
fn stored_tokens_train_and_a_vocabulary_that_is_too_small_says_which_is_needed() {
    let home = home();
    let ids: Vec<u8> = (0..6000_u32).flat_map(|i| ((i * i % 331) as u16).to_le_bytes()).collect();
    let mut header = vec![0_u8; 1024];
    for (i, word) in [20_240_520_u32, 1, 6000].iter().enumerate() {
        header[4 * i..4 * i + 4].copy_from_slice(&word.to_le_bytes());
    }
    std::fs::create_dir(home.path().join("nano")).expect("a folder");
    std::fs::write(home.path().join("nano/train.bin"), &ids).expect("written");
    let shard = [header, ids].concat();
    let file = std::fs::File::create(home.path().join("shard.bin.gz")).expect("created");
    let mut gz = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    gz.write_all(&shard).and_then(|()| gz.finish().map(|_| ())).expect("written");
    let [nano, llm] = ["nano", "shard.bin.gz"].map(|p| corpus(home.path(), &[p]).expect(p));
    assert_eq!(nano["sha256"], llm["sha256"]);
    assert_eq!((&nano["train_tokens"], &nano["vocab"]), (&5700.into(), &330.into()));

    let run = |vocab: &str| {
        let text = format!(
            "name = \"stored\"\nshape = [1, 16, 1]\ntokens = 100\n\
             [corpus]\npath = \"nano\"\n{vocab}\n\
             [recipe]\ncontext = 32\nbatch_sequences = 2\nevaluations = 1\nvalidation_tokens = 256\n"
        );
        std::fs::write(home.path().join("run.toml"), text).expect("written");
        isoloss(home.path(), &["train", "run.toml", "--json"])
    };
    let refused = run("");
    // A message is broken into lines of 80 columns.
    let said = String::from_utf8_lossy(&refused.stderr);
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(refused.status.code() == Some(2) && said.contains("set vocab = 330"), "{said}");
    let done = run("vocab = 400");
    let row: Value = serde_json::from_slice(&done.stdout).expect("one object");
    // Three sequences are nearest to 100 tokens.
    assert_eq!(row["tokens"], 96.0);
    let (counted, built) = (row["n_params"].as_f64(), row["n_params_built"].as_f64());
    let dead = (built.expect("a number") - counted.expect("a number")) / 16.0;
    let used = nano["facts"]["used_tokens"].as_f64().expect("a count");
    assert_eq!(dead, 400.0 - used);
}

#[test]
fn a_run_shorter_than_a_sequence_is_refused_and_a_short_one_trains_what_was_asked_for() {
    let home = home();
    let run = |tokens: u32| {
        let text = format!(
            "name = \"short\"\nshape = [1, 16, 1]\ntokens = {tokens}\n[corpus.synthetic]\ntokens = 5e4\n\
             [recipe]\ncontext = 64\nbatch_sequences = 16\nevaluations = 1\nvalidation_tokens = 256\n"
        );
        std::fs::write(home.path().join("run.toml"), text).expect("written");
        let _ = std::fs::remove_dir_all(home.path().join("runs"));
        isoloss(home.path(), &["train", "run.toml", "--json"])
    };
    let refused = run(63);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(refused.status.code() == Some(2) && said.contains("one sequence"), "{said}");
    for (tokens, trained) in [(64, 64.0), (100, 128.0), (5000, 4992.0)] {
        let row: Value = serde_json::from_slice(&run(tokens).stdout).expect("one object");
        assert_eq!(row["tokens"], trained, "{tokens}");
        assert_eq!(row["floor_nats"].as_f64().map(|x| (x * 1e4).round()), Some(13_783.0));
    }
}

#[test]
fn unique_tokens_are_exactly_those_asked_for() {
    let home = home();
    let text = "name = \"unique\"\nshape = [1, 16, 1]\ntokens = 12800\n\
                [corpus]\nunique_tokens = 6400\n[corpus.synthetic]\ntokens = 5e4\n\
                [recipe]\ncontext = 64\nbatch_sequences = 10\nevaluations = 1\nvalidation_tokens = 256\n";
    std::fs::write(home.path().join("run.toml"), text).expect("written");
    let done = isoloss(home.path(), &["train", "run.toml", "--json"]);
    let row: Value = serde_json::from_slice(&done.stdout).expect("one object");
    assert_eq!((&row["unique_tokens"], &row["epochs"]), (&6400.0.into(), &2.0.into()));
}

/// Each is larger than any machine, by another of its numbers; some overflow 32 or 64 bits.
#[test]
fn what_does_not_fit_in_memory_is_refused_with_what_it_needs() {
    let home = home();
    let experts =
        "{ layers = 2, d_model = 64, heads = 2, experts = { count = 4000000000, top_k = 2 } }";
    for (shape, corpus, recipe) in [
        ("[1, 4000000000, 1]", "", ""),
        ("[2, 1000000, 1]", "", ""),
        ("[4294967295, 4294967294, 1]", "", ""),
        ("[4294967295, 64, 1]", "", ""),
        ("{ layers = 1, d_model = 64, heads = 4294967295, head_dim = 4294967294 }", "", ""),
        (
            "{ layers = 1, d_model = 64, heads = 1, ffn = 4294967295, activation = \"gelu\" }",
            "",
            "",
        ),
        (experts, "", ""),
        ("[1, 1000000, 1]", "vocab = 16777216", ""),
        ("[1, 64, 1]", "", "batch_sequences = 4294967295"),
        ("[1, 64, 1]", "", "context = 4294967295\nvalidation_tokens = 4294967295"),
    ] {
        let run = format!(
            "name = \"big\"\nshape = {shape}\ntokens = 1e12\n[corpus]\n{corpus}\n[recipe]\n{recipe}\n"
        );
        let sweep = format!(
            "name = \"big\"\n[corpus]\n{corpus}\n[recipe]\n{recipe}\n\
             [[ladder]]\nshapes = [{shape}]\ntokens = [1e12]\n"
        );
        for (text, verb) in [(run, &["train"][..]), (sweep, &["sweep", "run"][..])] {
            std::fs::write(home.path().join("big.toml"), &text).expect("written");
            let done = isoloss(home.path(), &[verb, &["big.toml"]].concat());
            let said = String::from_utf8_lossy(&done.stderr).into_owned();
            assert_eq!(done.status.code(), Some(2), "{text}\n{said}");
            for part in ["memory", "there is", "reduce"] {
                assert!(said.contains(part), "{text}\n{said}");
            }
        }
    }
}
