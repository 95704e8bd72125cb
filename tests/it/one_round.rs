//! Messages that end the search in one round: what was found is always shown, all that is missing is
//! named at once with what to type, and what a user says counts.

use std::path::Path;

use isoloss::data::{ReadOptions, read};
use serde_json::Value;
use tempfile::TempDir;

use super::cli::{here, isoloss};
use super::step_logs::{assert_says, folder, options, put, table};

/// A finished step log with tokens and evaluations, and what else it says of its run.
fn log(planned: u32, until: u32, facts: &str) -> String {
    let rows = (1..=until).map(|step| {
        let loss = 3.0 + 4.0 / f64::from(step).sqrt();
        let tokens = 4096 * step;
        format!("{{\"step\": {step}, \"train/loss\": {loss:.5}, \"eval/loss\": {loss:.5}, \"tokens\": {tokens}, \"max_steps\": {planned}{facts}}}\n")
    });
    rows.collect()
}

/// Exit code, stdout and stderr of a command.
fn run(args: &[&str]) -> (i32, String, String) {
    let output = isoloss(args, here());
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("utf-8");
    (output.status.code().expect("no signal"), text(output.stdout), text(output.stderr))
}

fn shown(place: &TempDir) -> &str {
    place.path().to_str().expect("utf-8")
}

/// The object of `logs --json`, whether or not there is an error.
fn object(paths: &[&str]) -> (i32, Value, String) {
    let (code, out, error) = run(&[&["logs", "--json"], paths].concat());
    let found: Value = serde_json::from_str(&out).expect("one object on stdout");
    assert_eq!(out.trim_end(), found.to_string(), "written item by item, its keys in order");
    (code, found, error)
}

fn fits_a_page(text: &str) {
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{} columns: {line}", line.chars().count());
    }
}

#[test]
fn what_runs_lack_is_told_in_one_block_that_works_when_it_is_pasted() {
    let place = folder();
    put(&place, "plain.jsonl", log(60, 60, ""));
    put(&place, "with space.jsonl", log(50, 50, ""));
    let (code, out, error) = run(&["logs", shown(&place)]);
    assert_eq!(code, 2, "{error}");
    assert!(out.starts_with("none of 2 runs is usable\n"), "{out}");
    assert_says(
        &out,
        &["plain.jsonl", "JSON Lines step log", "Left out\n plain, with space: N is"],
    );
    assert_says(
        &super::cli::one_line_each(error.as_bytes()),
        &["error: no run is left of 2: 2 like plain: N is not in the log"],
    );
    fits_a_page(&out);
    fits_a_page(&error);
    let (_, block) = out.split_once("give what is missing:\n").expect("a block at the end");
    assert_says(block, &["--given plain:n_params=N", "--given 'with space:n_params=N'"]);
    let script = format!(
        "'{}' logs '{}' --json {}",
        env!("CARGO_BIN_EXE_isoloss"),
        shown(&place),
        block.trim().replace("=N", "=3.1M")
    );
    let pasted = std::process::Command::new("sh").args(["-c", &script]).output().expect("sh");
    let said = String::from_utf8_lossy(&pasted.stderr);
    assert!(pasted.status.success(), "{script}: {said}");
    let found: Value = serde_json::from_slice(&pasted.stdout).expect("an object");
    assert_eq!(found["runs"].as_array().map(Vec::len), Some(2));
    assert_eq!(found.get("error"), None);
}

#[test]
fn scripts_get_the_same_object_when_no_run_is_left() {
    let place = folder();
    put(&place, "a.jsonl", log(60, 60, ", \"n_params\": 3100000"));
    let (code, good, _) = object(&[shown(&place)]);
    assert_eq!(code, 0);
    put(&place, "a.jsonl", log(60, 60, ""));
    let (code, bad, error) = object(&[shown(&place)]);
    assert_eq!(code, 2);
    let keys = |object: &Value| -> Vec<String> {
        object.as_object().expect("an object").keys().cloned().collect()
    };
    for key in keys(&good) {
        assert!(keys(&bad).contains(&key), "`{key}` is missing in {bad}");
    }
    assert_eq!(bad["runs"], serde_json::json!([]));
    assert_eq!(bad["files"][0]["format"], "json-steps");
    assert_eq!(bad["skipped"][0]["lacks"], serde_json::json!(["params"]));
    assert_says(bad["error"]["message"].as_str().expect("text"), &["no run is left of 1"]);
    assert_says(bad["error"]["hint"].as_str().expect("text"), &["--given a:n_params=N"]);
    assert_says(
        &super::cli::one_line_each(error.as_bytes()),
        &["error: no run is left of 1", "hint: give what is missing"],
    );
}

#[test]
fn a_folder_without_logs_says_what_each_file_is() {
    let place = folder();
    let (code, out, error) = run(&["logs", shown(&place)]);
    assert_eq!((code, out.trim()), (2, "no run was found"));
    assert_says(
        &super::cli::one_line_each(error.as_bytes()),
        &["no file is in it", "expected logs"],
    );
    put(&place, "a.png", b"\x89PNG\r\n\x1a\n\0\0");
    put(&place, "notes.txt", "lr 3e-4 was best\n");
    put(&place, "prices.csv", "item,price\nbread,3\nmilk,1\n");
    put(&place, "empty.log", "");
    for verb in ["logs", "fit"] {
        let (code, out, error) = run(&[verb, shown(&place)]);
        assert_eq!(code, 2);
        let flat = error.replace("\n  ", " ");
        assert_says(
            &flat,
            &[
                "none of 4 files holds a log",
                "a.png: binary data",
                "notes.txt: text that no pattern knows",
                "prices.csv: a table of something else, with the columns item, price",
                "empty.log: it is empty",
            ],
        );
        if verb == "logs" {
            assert_says(&out, &["no run was found", "no log: binary data", "no log: it is empty"]);
            fits_a_page(&out);
            fits_a_page(&error);
        }
    }
    for i in 0..9 {
        put(&place, &format!("{i}.png"), b"\x89PNG\r\n\x1a\n\0\0");
    }
    let (_, _, error) = run(&["fit", shown(&place)]);
    assert_says(
        &super::cli::one_line_each(error.as_bytes()),
        &["none of 13 files holds a log; 10 like 0.png: binary data"],
    );
    let (_, found, _) = object(&[shown(&place)]);
    assert_eq!(found["files"].as_array().map(Vec::len), Some(13));
    assert_says(found["files"][0]["detail"].as_str().expect("text"), &["binary data"]);
}

#[test]
fn two_kinds_of_loss_are_refused_with_the_files_and_the_kind_of_each_run() {
    let place = folder();
    let sized = ", \"n_params\": 3100000";
    put(&place, "a.jsonl", log(60, 60, sized));
    put(&place, "b.jsonl", log(60, 60, sized).replace("eval/loss", "grad_norm"));
    let (code, found, error) = object(&[shown(&place)]);
    assert_eq!((code, &found["runs"]), (2, &serde_json::json!([])), "{error}");
    assert_eq!(found["files"].as_array().map(Vec::len), Some(2));
    assert_says(&found["error"].to_string(), &["mixing evaluation loss", "--loss tail"]);
    let why = found["skipped"].to_string();
    assert_says(&why, &["has an evaluation loss", "has a training loss alone"]);
}

#[test]
fn impossible_numbers_are_shown_but_are_no_runs() {
    let place = folder();
    let path = put(&place, "runs.csv", "run,n_params,tokens,loss\na,30,2e9,3.1\nb,70,4e9,2.9\n");
    let path = path.to_str().expect("utf-8");
    let (code, found, _) = object(&[path]);
    assert_eq!((code, &found["runs"]), (2, &serde_json::json!([])));
    assert_eq!(found["refused"].as_array().map(Vec::len), Some(2));
    assert_says(&found["error"]["message"].to_string(), &["parameters N, column `n_params`"]);
    let (code, out, error) = run(&["logs", path]);
    assert_eq!(code, 2);
    assert!(out.starts_with("2 runs found, not usable as they are\n"), "{out}");
    assert_says(&out, &["runs.csv", "Runs, not usable as they are", "70"]);
    assert_says(&error.replace("\n  ", " "), &["--map 'n=n_params*1e6'"]);
}

#[test]
fn a_table_of_unknown_columns_is_told_all_that_it_lacks_at_once() {
    let place = folder();
    let path = put(&place, "runs.csv", "who,speed,final\nq,100,3\nr,200,5\n");
    let path = path.to_str().expect("utf-8");
    for verb in ["logs", "fit"] {
        let (code, _, error) = run(&[verb, path]);
        assert_eq!(code, 2);
        assert_says(
            &error.replace("\n  ", " "),
            &[
                "no column for the final loss, parameters N or tokens D; found: who, speed, final",
                "--map loss=COLUMN,n=COLUMN,d=COLUMN",
                "--given RUN:n_params=N",
            ],
        );
    }
    // Several of them, and in a folder.
    let other = put(&place, "more.csv", "who,loss,epoch\nq,3,1\nr,5,1\n");
    let (code, out, _) = run(&["logs", path, other.to_str().expect("utf-8")]);
    assert_eq!(code, 2);
    let flat = out.replace("\n  ", "").replace("  ", " ");
    assert_says(&flat, &["runs.csv: no column for", "more.csv: no column for parameters N"]);
    let (code, found, error) = object(&[shown(&place)]);
    assert_eq!(code, 2, "{found}");
    assert_says(&super::cli::one_line_each(error.as_bytes()), &["found: who, loss, epoch"]);
}

#[test]
fn other_verbs_name_every_reason_and_the_flags_with_the_runs_names() {
    let place = folder();
    put(&place, "a.jsonl", log(60, 60, ""));
    put(&place, "b.jsonl", log(50, 50, ""));
    put(&place, "c.jsonl", log(200, 140, ", \"n_params\": 3100000"));
    let (code, out, error) = run(&["fit", shown(&place)]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert_says(
        &super::cli::one_line_each(error.as_bytes()),
        &[
            "no run is left of 3: (2 like a: N is not in the log",
            "(c: stops at step 140 of the 200 planned)",
            "--given a:n_params=N --given b:n_params=N",
        ],
    );
}

#[test]
fn the_reason_of_a_run_comes_before_the_damage_of_its_file() {
    let place = folder();
    let whole = log(200, 200, ", \"n_params\": 3100000");
    let torn = &whole[..whole.len() * 7 / 10];
    put(&place, "torn.jsonl", torn);
    let (_, found, error) = object(&[shown(&place)]);
    assert_says(found["skipped"][0]["reason"].as_str().expect("text"), &["cut off at step 1"]);
    assert_says(found["skipped"][1]["reason"].as_str().expect("text"), &["not a JSON object"]);
    assert!(error.find("cut off at step") < error.find("not a JSON object"), "{error}");
}

#[test]
fn what_the_user_says_of_a_row_counts_more_than_its_table() {
    let place = folder();
    let text = "run,params_m,tokens,loss,status\n\
                a,100,2e9,3.1,finished\nb,200,4e9,2.9,running\nc,400,8e9,2.7,finished\n";
    let path = put(&place, "runs.csv", text);
    let found = table(&path, &ReadOptions::default());
    assert_eq!(found.runs.len(), 2);
    let given = ["b:status=finished", "c:n_params=500M", "a:n_params=100.01M"];
    let found = table(&path, &options(&given));
    let sizes: Vec<f64> = found.runs.iter().map(|run| run.n.get()).collect();
    assert_eq!(sizes, [100.01e6, 200e6, 500e6]);
    let notes: Vec<String> =
        found.notes.iter().map(|note| format!("{}: {}", note.run, note.note)).collect();
    // A tenth of a per mille is rounding, no contradiction.
    assert_eq!(
        notes,
        [
            "b: given status=finished, its table says running",
            "c: given n_params=500M, its table says params_m=400000000"
        ]
    );
    // A column that a table does not have, for one run and for all.
    let bare = put(&place, "bare.csv", "run,tokens,loss\na,2e9,3.1\nb,4e9,2.9\n");
    let found = table(&bare, &options(&["n_params=1e8", "b:n_params=2e8"]));
    let sizes: Vec<f64> = found.runs.iter().map(|run| run.n.get()).collect();
    assert_eq!((sizes, found.notes.len()), (vec![1e8, 2e8], 0));
    let error = read(&[bare], &options(&["a:n_params=1e8"])).expect_err("b has no N");
    assert_says(&error.to_string(), &["bare.csv:3", "n_params"]);
    // Where the map names a column in millions, what is given is the number itself.
    let millions =
        put(&place, "millions.csv", "run,size,tokens,loss\na,100,2e9,3.1\nb,200,4e9,2.9\n");
    let map = "n=size*1e6".parse().expect("a map");
    let mapped = ReadOptions { map, ..options(&["b:n_params=3e8"]) };
    let sizes: Vec<f64> = table(&millions, &mapped).runs.iter().map(|run| run.n.get()).collect();
    assert_eq!(sizes, [1e8, 3e8]);
}

#[test]
fn what_the_user_says_of_a_log_counts_more_than_its_file() {
    let place = folder();
    let facts = ", \"n_params\": 3100000, \"model\": {\"block_size\": 64}";
    let rows = log(60, 60, facts).replace("\"tokens\"", "\"unused\"");
    let path = put(&place, "a.jsonl", rows);
    let d = |given: &[&str]| {
        let found = table(&path, &options(given));
        let notes: Vec<String> = found.notes.iter().map(|note| note.note.clone()).collect();
        (found.runs[0].d.get(), notes)
    };
    let (tokens, notes) = d(&["tokens_per_step=1024"]);
    assert_eq!((tokens, notes.len()), (60.0 * 1024.0, 0));
    let (_, notes) = d(&["tokens_per_step=1024", "a:n_params=4M"]);
    assert_eq!(notes, ["given n_params=4M, its log says 3100000"]);
    let (_, notes) = d(&["tokens_per_step=1024", "a:n_params=3.1M"]);
    assert_eq!(notes, Vec::<String>::new());
    // A plan of the user's own makes an end of the run's.
    let cut = put(&place, "b.jsonl", log(200, 140, ", \"n_params\": 3100000"));
    assert!(read(std::slice::from_ref(&cut), &ReadOptions::default()).is_err());
    let found = table(&cut, &options(&["b:max_steps=140"]));
    assert_eq!(found.runs.len(), 1);
    assert_says(&found.notes[0].note, &["given max_steps=140, its log says 200"]);
}

#[test]
fn facts_of_a_run_that_is_not_there_are_a_warning_with_the_nearest_name() {
    let place = folder();
    put(&place, "tiny-a.jsonl", log(60, 60, ", \"n_params\": 3100000"));
    put(&place, "runs.csv", "run,params,tokens,loss\nbig-row,1e9,2e10,2.3\n");
    let said = |given: &[&str]| -> Vec<String> {
        let found = table(Path::new(shown(&place)), &options(given));
        let codes = found.warnings.iter().filter(|w| w.code() == "unknown-run");
        codes.map(ToString::to_string).collect()
    };
    assert_eq!(said(&["tiny-a:n_params=3.1M", "big-row:status=done"]), Vec::<String>::new());
    // Another separator means the same run.
    assert_eq!(said(&["tiny_a:n_params=3.1M"]), Vec::<String>::new());
    let slips = said(&["tiny-e:n_params=3M", "big-rov:n_params=1e9"]);
    assert_eq!(slips.len(), 2, "{slips:?}");
    assert_says(&slips[0], &["no run is called `big-rov`", "there is big-row"]);
    assert_says(&slips[1], &["no run is called `tiny-e`", "there is tiny-a"]);
}
