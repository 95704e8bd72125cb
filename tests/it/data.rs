//! What people feed to `read`: good tables in three formats, and the ways tables go wrong.

use std::path::PathBuf;

use isoloss::data::{Assumption, ReadOptions, RunTable, read, read_points};
use isoloss::error::Result;
#[cfg(not(all(feature = "parquet", feature = "mlflow", feature = "zstd")))]
use isoloss::error::{DataError, Error};
use isoloss::units::ParamRule;
#[cfg(feature = "parquet")]
use polars::prelude::{ParquetWriter, df};
use tempfile::TempDir;

struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, text).expect("written");
        path
    }
}

fn read_text(name: &str, text: &str, options: &ReadOptions) -> Result<RunTable> {
    let folder = Folder::new();
    read(&[folder.write(name, text)], options)
}

fn good(name: &str, text: &str) -> RunTable {
    read_text(name, text, &ReadOptions::default()).expect("a table")
}

fn refused(name: &str, text: &str) -> String {
    let error = read_text(name, text, &ReadOptions::default()).expect_err("a bad table");
    assert!(error.is_bad_input(), "{error}");
    error.to_string()
}

fn assert_says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is missing in: {text}");
    }
}

const THREE: &str = "params,tokens,loss\n1e8,2e9,3.1\n2e8,4e9,2.9\n4e8,8e9,2.7\n";

#[test]
fn a_plain_table_is_read_with_its_assumptions() {
    let table = good("runs.csv", THREE);
    assert_eq!(table.runs.len(), 3);
    assert!(table.skipped.is_empty());
    assert_eq!(table.params, ParamRule::All);
    let run = &table.runs[1];
    assert_eq!((run.n.get(), run.d.get(), run.loss_nats, run.row), (2e8, 4e9, 2.9, 1));
    assert_eq!(run.c.get(), 6.0 * 2e8 * 4e9);
    assert!(run.run.ends_with("runs.csv:3"), "{}", run.run);
    assert!(table.assumptions.contains(&Assumption::FlopsFromSixNd));
    assert!(table.assumptions.contains(&Assumption::NatsPerToken));
    assert_eq!(table.digest, good("other.csv", THREE).digest, "the bytes alone count");
}

#[test]
fn tokens_come_from_flops_where_no_column_holds_them() {
    let table = good("runs.csv", "params,flops,loss\n1e8,1.2e18,3.1\n");
    assert!((table.runs[0].d.get() / 2e9 - 1.0).abs() < 1e-12);
    assert!(table.assumptions.contains(&Assumption::TokensFromFlops));
}

#[test]
fn tabs_separate_a_tsv() {
    let table = good("runs.tsv", &THREE.replace(',', "\t"));
    assert_eq!(table.runs.len(), 3);
}

#[test]
fn files_without_rows_are_refused() {
    for (name, text) in [
        ("empty.csv", ""),
        ("blank.csv", "\n \n"),
        ("header.csv", "params,tokens,loss\n"),
        ("unended.csv", "params,tokens,loss"),
        ("empty.jsonl", "\n"),
    ] {
        assert_says(&refused(name, text), &[name, "holds no rows", "one row per run"]);
    }
}

#[test]
fn a_missing_file_and_garbage_are_refused_by_name() {
    let folder = Folder::new();
    let nowhere = folder.0.path().join("nowhere.csv");
    let error = read(&[nowhere], &ReadOptions::default()).expect_err("no such file");
    assert_says(&error.to_string(), &["nowhere.csv", "cannot be read"]);
    assert_says(
        &refused("noise.parquet", "PAR0 this is none"),
        &["noise.parquet", "not a log of a kind that is read"],
    );
}

#[cfg(feature = "parquet")]
#[test]
fn garbage_that_begins_like_parquet_is_refused_by_name() {
    assert_says(
        &refused("noise.parquet", "PAR1 this is none either"),
        &["noise.parquet", "cannot be read"],
    );
}

/// The first bytes decide, so the files need no contents.
#[cfg(not(all(feature = "parquet", feature = "mlflow", feature = "zstd")))]
#[test]
fn a_format_left_out_of_the_build_is_refused_with_the_feature_that_reads_it() {
    let formats: [(&str, &[u8], &str, bool); 3] = [
        ("t.parquet", b"PAR1 a table", "parquet", cfg!(feature = "parquet")),
        ("mlflow.db", b"SQLite format 3\0 a store", "mlflow", cfg!(feature = "mlflow")),
        ("steps.csv.zst", b"\x28\xb5\x2f\xfd a log", "zstd", cfg!(feature = "zstd")),
    ];
    for (name, bytes, feature, _) in formats.into_iter().filter(|format| !format.3) {
        let folder = Folder::new();
        let path = folder.0.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        let error =
            read(std::slice::from_ref(&path), &ReadOptions::default()).expect_err("left out");
        assert!(
            matches!(&error, Error::Data(DataError::NotBuilt { feature: f, .. }) if *f == feature),
            "{error:?}"
        );
        let quoted = format!("the feature `{feature}`");
        assert_says(&error.to_string(), &[name, "this build does not read", &quoted]);
        // Beside other logs it is set aside with the same advice.
        let other = folder.write("runs.csv", THREE);
        let table = read(&[path, other], &ReadOptions::default()).expect("the other file");
        assert_eq!(table.runs.len(), 3);
        assert!(table.skipped.iter().any(|s| s.reason.contains(&quoted)), "{:?}", table.skipped);
    }
}

#[test]
fn points_need_no_loss_and_take_their_tokens_from_what_there_is() {
    let folder = Folder::new();
    let points =
        |text: &str| read_points(&[folder.write("points.csv", text)], &ReadOptions::default());
    let pairs = |text: &str| -> Vec<(String, f64, f64)> {
        let table = points(text).expect("points");
        table.points.iter().map(|p| (p.run.clone(), p.n.get(), p.d.get())).collect()
    };
    let want = vec![("a".to_owned(), 7e9, 1.4e11), ("b".to_owned(), 7e10, 1.4e12)];
    assert_eq!(pairs("name,params,tokens\na,7B,140B\nb,70B,1.4T\n"), want);
    assert_eq!(pairs("name,params,tokens_per_param\na,7B,20\nb,70B,20\n"), want);
    assert_eq!(pairs("name,params,flops,loss\na,7e9,5.88e21,\nb,7e10,5.88e23,x\n"), want);
    let table = points("params,tokens\n1e8,2e9\n2e8,4e9\n").expect("points");
    assert_eq!((table.points[1].line, table.params), (3, ParamRule::All));
    assert!(table.points[1].run.ends_with("points.csv:3"), "{}", table.points[1].run);
    let error = points("params,tokens\n1e8,2e9\n2e8,few\n").expect_err("a bad row");
    assert_says(&error.to_string(), &["points.csv:3: `tokens` is `few`, which is not a number"]);
    let error = points("params,loss\n1e8,3\n").expect_err("no tokens");
    assert_says(&error.to_string(), &["points.csv", "tokens D", "params, loss"]);
}

#[test]
fn tokens_per_parameter_give_the_tokens_of_a_run() {
    let run = &good("runs.csv", "params,tokens_per_param,loss\n1e8,20,3.1\n").runs[0];
    assert_eq!((run.n.get(), run.d.get()), (1e8, 2e9));
}

#[test]
fn a_bad_number_is_named_with_its_line_and_column() {
    for (cell, complaint) in [
        ("NaN", "`loss` is NaN"),
        ("nan", "`loss` is NaN"),
        ("inf", "`loss` is inf"),
        ("0", "`loss` is 0"),
        ("-2.5", "`loss` is -2.5"),
        ("", "`loss` is empty"),
        ("diverged", "`loss` is `diverged`"),
    ] {
        let text = THREE.replace("2.9", cell);
        assert_says(
            &refused("runs.csv", &text),
            &["runs.csv:3: ", complaint, "leave bad rows out"],
        );
    }
    let text = THREE.replace("2e8", "-1").replace("8e9", "many");
    assert_says(&refused("runs.csv", &text), &["runs.csv:3: `params` is -1", "1 more bad row"]);
}

#[test]
fn skipping_bad_rows_keeps_the_good_ones_and_the_reasons() {
    let options = ReadOptions { skip_bad: true, ..ReadOptions::default() };
    let text = THREE.replace("2.9", "NaN").replace("8e9", "0");
    let table = read_text("runs.csv", &text, &options).expect("one good row");
    assert_eq!(table.runs.len(), 1);
    let lines: Vec<Option<usize>> = table.skipped.iter().map(|s| s.line).collect();
    assert_eq!(lines, [Some(3), Some(4)]);
    assert_says(&table.skipped[0].reason, &["`loss` is NaN"]);
    assert_says(&table.skipped[1].reason, &["`tokens` is 0"]);
}

#[test]
fn a_table_of_bad_rows_only_does_not_become_an_empty_one() {
    let options = ReadOptions { skip_bad: true, ..ReadOptions::default() };
    let text = "params,tokens,loss\n1e8,2e9,NaN\n2e8,4e9,-1\n";
    let error = read_text("runs.csv", text, &options).expect_err("nothing is left");
    assert_says(&error.to_string(), &["runs.csv"]);
}

#[test]
fn excluded_rows_are_counted_from_zero_and_never_looked_at() {
    let options = ReadOptions { exclude: vec![1], ..ReadOptions::default() };
    let table = read_text("runs.csv", &THREE.replace("2.9", "NaN"), &options).expect("two rows");
    let rows: Vec<usize> = table.runs.iter().map(|r| r.row).collect();
    assert_eq!(rows, [0, 2]);
    let options = ReadOptions { exclude: vec![0, 1, 2], ..ReadOptions::default() };
    let error = read_text("runs.csv", THREE, &options).expect_err("nothing is left");
    assert_says(&error.to_string(), &["runs.csv", "0 of 3 rows"]);
}

#[test]
fn a_file_is_detected_from_its_content_and_not_from_its_name() {
    assert_eq!(good("runs.xlsx", THREE).runs.len(), 3);
    assert_eq!(good("runs", THREE).runs.len(), 3);
    assert_eq!(
        good("runs.csv", &THREE.replace(',', ";").replace("3.1", "3,1")).runs[0].loss_nats,
        3.1
    );
    let text = refused("runs.csv", "PK\u{3}\u{4}\0\0 a spreadsheet");
    assert_says(&text, &["runs.csv", "binary data", "CSV, JSON Lines and Parquet"]);
}

#[test]
fn a_missing_column_is_named_beside_the_ones_there_are() {
    let text = refused("runs.csv", "params,tokens,accuracy\n1e8,2e9,0.4\n");
    assert_says(&text, &["the final loss", "params, tokens, accuracy", "column for `loss`"]);
    let text = refused("runs.csv", "width,tokens,loss\n64,2e9,3.0\n");
    assert_says(&text, &["parameters N", "width, tokens, loss", "column for `n`"]);
    let text = refused("runs.csv", "params,steps,loss\n1e8,200,3.0\n");
    assert_says(&text, &["tokens D", "params, steps, loss", "column for `d`"]);
}

#[test]
fn a_mapped_column_that_is_not_there_is_named() {
    let map = "loss=val/ce".parse().expect("a map");
    let options = ReadOptions { map, ..ReadOptions::default() };
    let error = read_text("runs.csv", THREE, &options).expect_err("no such column");
    assert_says(&error.to_string(), &["`val/ce`", "params, tokens, loss"]);
}

#[test]
fn two_columns_for_one_quantity_are_refused_until_one_is_mapped() {
    let text = "params,config.params,tokens,loss\n1e8,9e7,2e9,3.0\n";
    assert_says(
        &refused("runs.csv", text),
        &["params and config.params", "parameters N", "column for `n`"],
    );
    let map = "n=config.params".parse().expect("a map");
    let options = ReadOptions { map, ..ReadOptions::default() };
    let table = read_text("runs.csv", text, &options).expect("mapped");
    assert_eq!(table.runs[0].n.get(), 9e7);
}

#[test]
fn all_and_non_embedding_parameters_do_not_mix() {
    let folder = Folder::new();
    let all = folder.write("all.csv", THREE);
    let bare = folder.write("bare.csv", &THREE.replace("params", "params_non_embedding"));
    let alone = read(std::slice::from_ref(&bare), &ReadOptions::default()).expect("one rule");
    assert_eq!(alone.params, ParamRule::NonEmbedding);
    let error = read(&[all, bare], &ReadOptions::default()).expect_err("two rules");
    assert_says(
        &error.to_string(),
        &["all parameters", "non-embedding parameters", "bare.csv", "mixing"],
    );
}

#[test]
fn json_lines_keep_their_line_numbers_over_blank_lines() {
    let row = |loss: &str| format!("{{\"params\": 1e8, \"tokens\": 2e9, \"loss\": {loss}}}\n");
    let text = format!("{}\n{}", row("3.0"), row("2.9"));
    let table = good("runs.jsonl", &text);
    assert_eq!(table.runs.len(), 2);
    assert!(table.runs[1].run.ends_with("runs.jsonl:3"), "{}", table.runs[1].run);
    let bad = |loss: &str| refused("runs.jsonl", &format!("{}\n{}", row("3.0"), row(loss)));
    assert_says(&bad("\"NaN\""), &["runs.jsonl:3: `loss` is NaN"]);
    assert_says(&bad("null"), &["runs.jsonl:3: `loss` is empty"]);
    assert_says(&bad("[1]"), &["runs.jsonl:3: `loss` is `[1]`"]);
    assert_says(&bad("-1"), &["runs.jsonl:3: `loss` is -1"]);
    let text = format!("{}{{\"params\": 1e8,\n", row("3.0"));
    assert_says(&refused("runs.jsonl", &text), &["runs.jsonl:2", "not a JSON object"]);
    assert_says(&refused("runs.jsonl", "[1, 2]\n"), &["runs.jsonl", "a JSON list without objects"]);
}

#[test]
fn a_bare_nan_of_python_is_named_as_a_bad_loss() {
    let text = "{\"params\": 1e8, \"tokens\": 2e9, \"loss\": NaN}\n";
    assert_says(&refused("runs.jsonl", text), &["runs.jsonl:1"]);
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_gives_the_same_runs_as_csv() {
    let folder = Folder::new();
    let path = folder.0.path().join("runs.parquet");
    let mut frame = df!(
        "params" => [100_000_000_i64, 200_000_000, 400_000_000],
        "tokens" => [2e9, 4e9, 8e9],
        "loss" => [3.1_f64, 2.9, 2.7],
    )
    .expect("a frame");
    let file = std::fs::File::create(&path).expect("created");
    ParquetWriter::new(file).finish(&mut frame).expect("written");
    let ours = read(&[path], &ReadOptions::default()).expect("a table");
    let csv = good("runs.csv", THREE);
    let numbers = |t: &RunTable| -> Vec<_> {
        t.runs.iter().map(|r| (r.n, r.d, r.c, r.loss_nats, r.row)).collect()
    };
    assert_eq!(numbers(&ours), numbers(&csv));
    assert!(ours.runs[0].run.ends_with("runs.parquet:1"), "{}", ours.runs[0].run);
}

#[test]
fn unfinished_runs_are_set_aside_and_counted() {
    let text = "run,params,tokens,loss,status\n\
        a,1e8,2e9,3.1,finished\n\
        b,2e8,4e9,,running\n\
        c,4e8,8e9,9.9,crashed\n\
        d,8e8,9e9,2.5,Completed\n";
    let table = good("runs.csv", text);
    let names: Vec<&str> = table.runs.iter().map(|r| r.run.as_str()).collect();
    assert_eq!(names, ["a", "d"]);
    let reasons: Vec<&str> = table.skipped.iter().map(|s| s.reason.as_str()).collect();
    assert_eq!(reasons.len(), 2);
    assert_says(reasons[0], &["`running`"]);
    assert_says(reasons[1], &["`crashed`"]);
    let none = text.replace("finished", "failed").replace("Completed", "killed");
    assert_says(&refused("runs.csv", &none), &["0 of 4 rows"]);
}

#[test]
fn a_header_in_quotes_with_a_byte_order_mark_and_carriage_returns_is_read() {
    let text = format!("\u{feff}{}", THREE.replace('\n', "\r\n").replace("loss", "\"Loss\""));
    let table = good("runs.csv", &text);
    assert_eq!(table.runs.len(), 3);
    assert_eq!(table.runs[2].loss_nats, 2.7);
}

#[test]
fn a_blank_line_in_a_csv_does_not_shift_the_line_numbers() {
    let text = "params,tokens,loss\n1e8,2e9,3.1\n\n2e8,4e9,NaN\n";
    let options = ReadOptions { skip_bad: true, ..ReadOptions::default() };
    let table = read_text("runs.csv", text, &options).expect("one good row");
    assert_eq!(table.runs.len(), 1);
    let last = table.skipped.last().expect("a bad row");
    assert_eq!((last.line, last.reason.as_str()), (Some(4), "`loss` is NaN"));
}
