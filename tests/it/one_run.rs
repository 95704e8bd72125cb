//! One run told by two tools counts once, however each writes its name and its numbers.

use std::fmt::Write as _;

use isoloss::data::{ReadOptions, RunTable};

use crate::shared::shared_folder;
use crate::step_logs::{Curve, assert_says, folder, options, put, table};

/// A step log of tool one, in full precision, that names its run and knows N and D.
fn csv(name: &str, curve: &Curve) -> String {
    let mut text = "run,step,lr,train_loss,n_params,tokens_per_step\n".to_owned();
    for step in curve.from..=curve.until {
        let (rate, loss) = (curve.rate(step), curve.loss(step));
        let _ = writeln!(text, "{name},{step},{rate:e},{loss},1000000,65536");
    }
    text
}

/// The same by a tool that keeps what `kept` leaves of a loss.
fn jsonl(name: &str, curve: &Curve, kept: impl Fn(f64) -> f64) -> String {
    (curve.from..=curve.until).fold(String::new(), |mut text, step| {
        let (rate, loss) = (curve.rate(step), kept(curve.loss(step)));
        let _ = writeln!(
            text,
            "{{\"run\": \"{name}\", \"step\": {step}, \"lr\": {rate:e}, \"loss\": {loss}, \"n_params\": 1000000, \"tokens_per_step\": 65536}}"
        );
        text
    })
}

fn single(x: f64) -> f64 {
    f64::from(x as f32)
}

fn four_digits(x: f64) -> f64 {
    (x * 1e4).round() / 1e4
}

fn names(found: &RunTable) -> Vec<&str> {
    found.runs.iter().map(|r| r.run.as_str()).collect()
}

/// Spellings of one name: composed and decomposed accents, none, case, separators.
const SPELLINGS: [(&str, &str); 5] = [
    ("gr\u{f6}\u{df}e-1", "gro\u{308}\u{df}e-1"),
    ("caf\u{e9}", "cafe"),
    ("run-1", "run_1"),
    ("a/lr.3e-4", "a_lr 3e-4"),
    ("Tiny.Model-2", "tiny model_2"),
];

#[test]
fn two_logs_of_one_run_are_one_however_the_name_is_written() {
    for (one, other) in SPELLINGS {
        for kept in [single, four_digits, |x| x] {
            let place = folder();
            put(&place, "a.csv", csv(one, &Curve::whole()));
            put(&place, "b.jsonl", jsonl(other, &Curve::whole(), kept));
            let found = table(place.path(), &ReadOptions::default());
            assert_eq!(found.runs.len(), 1, "{one} {other} {:?}", names(&found));
            assert_says(&found.skipped[0].to_string(), &["the same run as in", "a.csv"]);
        }
    }
}

#[test]
fn a_row_of_a_table_and_a_log_are_one_run() {
    let curve = Curve::whole();
    // The mean over the last tenth, as the reader takes it.
    let loss = (361..=400).map(|s| curve.loss(s)).sum::<f64>() / 40.0;
    for (one, other) in SPELLINGS {
        for stated in [loss, single(loss), four_digits(loss)] {
            let place = folder();
            put(
                &place,
                "runs.csv",
                format!("run,params,tokens,loss\n{one},1e6,26214400,{stated}\n"),
            );
            put(&place, "log.csv", csv(other, &curve));
            let found = table(place.path(), &ReadOptions::default());
            assert_eq!(names(&found), [one], "{:?}", found.skipped);
            assert_says(&found.skipped[0].to_string(), &["the same run as", one, "runs.csv"]);
        }
    }
}

#[test]
fn names_that_differ_in_more_need_equal_numbers_in_single_precision() {
    let curve = Curve::whole();
    let loss = (361..=400).map(|s| curve.loss(s)).sum::<f64>() / 40.0;
    let runs = |stated: f64| {
        let place = folder();
        put(&place, "runs.csv", format!("run,params,tokens,loss\nbest,1e6,26214400,{stated}\n"));
        put(&place, "log.csv", csv("run-7", &curve));
        table(place.path(), &ReadOptions::default())
    };
    let once = runs(single(loss));
    assert_eq!(names(&once), ["best"]);
    assert_says(&once.skipped[0].to_string(), &["run-7", "`best`", "runs.csv", "last digit"]);
    assert_eq!(runs(four_digits(loss)).runs.len(), 2);
    assert_eq!(runs(loss * (1.0 + 1e-6)).runs.len(), 2);
}

#[test]
fn runs_whose_names_are_alike_and_whose_numbers_are_not_both_stay() {
    let one = csv("run-1", &Curve::whole());
    let second_seed = Curve { seed: 2.0, ..Curve::whole() };
    let rounded = |name: &str| jsonl(name, &Curve::whole(), four_digits);
    for (name, other) in [
        ("run_1", csv("run_1", &second_seed)),
        ("RUN-1", csv("RUN-1", &second_seed)),
        ("run_1", rounded("run_1").replace("1000000", "1100000")),
        ("run_1", rounded("run_1").replace("65536", "32768")),
    ] {
        let place = folder();
        put(&place, "a.csv", &one);
        put(&place, if other.starts_with('{') { "b.jsonl" } else { "b.csv" }, &other);
        let found = table(place.path(), &ReadOptions::default());
        assert_eq!(names(&found), ["run-1", name], "{:?}", found.skipped);
    }
}

#[test]
fn seeds_of_one_config_in_two_tables_are_two_runs() {
    let place = folder();
    let row = |name: &str, loss: &str| format!("run,params,tokens,loss\n{name},1e8,2e9,{loss}\n");
    put(&place, "a.csv", row("base-1", "3.12340"));
    put(&place, "b.csv", row("base_1", "3.12390"));
    assert_eq!(table(place.path(), &ReadOptions::default()).runs.len(), 2);
    // The second rounds what the first says.
    put(&place, "b.csv", row("base_1", "3.1234"));
    put(&place, "a.csv", row("base-1", "3.123412345"));
    let found = table(place.path(), &ReadOptions::default());
    assert_eq!(found.runs.len(), 1);
    assert_says(&found.skipped[0].to_string(), &["b.csv", "`base-1`", "a.csv"]);
}

#[test]
fn equal_losses_of_few_digits_are_a_coincidence_in_single_precision_too() {
    let place = folder();
    let row = |name: &str, loss: f64| format!("run,params,tokens,loss\n{name},1e8,2e9,{loss}\n");
    put(&place, "a.csv", row("one", single(3.2346)));
    put(&place, "b.csv", row("two", single(3.2346)));
    assert_eq!(table(place.path(), &ReadOptions::default()).runs.len(), 2);
}

#[test]
fn facts_find_their_run_by_a_name_in_another_spelling() {
    let bare = |name: &str| {
        csv(name, &Curve::whole()).lines().fold(String::new(), |text, line| {
            let cells: Vec<&str> = line.split(',').collect();
            text + &cells[..4].join(",") + "\n"
        })
    };
    let facts = "run,n_params,tokens_per_step\ntiny 1,2e6,1024\n";
    let place = folder();
    put(&place, "a.csv", bare("tiny-1"));
    put(&place, "facts.csv", facts);
    let found = table(place.path(), &ReadOptions::default());
    assert_eq!((found.runs[0].n.get(), found.runs[0].d.get()), (2e6, 400.0 * 1024.0));
    // A fact given by hand, too.
    let place = folder();
    put(&place, "a.csv", bare("tiny-1"));
    let given = options(&["Tiny_1:n_params=3e6", "tokens_per_step=1024", "other:n_params=9e9"]);
    assert_eq!(table(place.path(), &given).runs[0].n.get(), 3e6);
    // An exact name wins, and then the other is not meant.
    put(&place, "b.csv", bare("tiny_1").replace(",3.", ",3.1"));
    let given = options(&["tiny_1:n_params=3e6", "tiny-1:n_params=4e6", "tokens_per_step=1024"]);
    let found = table(place.path(), &given);
    let n: Vec<f64> = found.runs.iter().map(|r| r.n.get()).collect();
    assert_eq!(n, [4e6, 3e6], "{:?}", names(&found));
}

#[test]
fn a_log_that_lacks_its_size_takes_it_from_a_row_with_its_loss() {
    let curve = Curve::whole();
    let place = folder();
    let log = curve.csv().replace("step,", "run,step,").replace('\n', "\ntiny_1,");
    put(&place, "log.csv", log.trim_end_matches("tiny_1,"));
    let row = |loss: f64| format!("run,params,tokens,loss\ntiny-1,1e6,26214400,{loss}\n");
    put(&place, "runs.csv", row(curve.loss(400)));
    let found = table(place.path(), &ReadOptions::default());
    assert_eq!(names(&found), ["tiny-1"]);
    assert_says(&found.skipped[0].to_string(), &["tiny_1", "the same run as `tiny-1`", "runs.csv"]);
    // With another loss it is another run, of which N is not known.
    put(&place, "runs.csv", row(1.1 * curve.loss(400)));
    let found = table(place.path(), &ReadOptions::default());
    assert_says(&found.skipped[0].to_string(), &["tiny_1", "N is not in the log"]);
}

/// Copies a sample under another name.
fn copied(place: &tempfile::TempDir, sample: &str, name: &str) {
    let Some(samples) = shared_folder("log samples of real tools") else { return };
    let from = samples.join("log-samples").join(sample);
    put(place, name, std::fs::read(&from).unwrap_or_else(|e| panic!("{}: {e}", from.display())));
}

/// TensorBoard keeps single precision, Hugging Face four digits of the training loss; both are named
/// by their folders here, as people name folders.
#[test]
fn golden_one_run_of_three_tools_under_three_spellings_is_one() {
    if shared_folder("log samples of real tools").is_none() {
        return;
    }
    for run in ["a", "b", "c"] {
        let place = folder();
        let events = format!("tensorboard/tiny-{run}/events.out.tfevents.1795417879.vm");
        copied(&place, &format!("jsonl/tiny-{run}.jsonl"), "log.jsonl");
        copied(&place, &events, &format!("T\u{ed}ny_{run}/events.out.tfevents.1795417879.vm"));
        for file in ["trainer_state.json", "config.json"] {
            let from = format!("hf-trainer/tiny-{run}/checkpoint-200/{file}");
            copied(&place, &from, &format!("TINY.{run}/checkpoint-200/{file}"));
        }
        let found = table(place.path(), &ReadOptions::default());
        assert_eq!(found.runs.len(), 1, "{:?} {:?}", names(&found), found.skipped);
        let copies = found.skipped.iter().filter(|s| s.reason.starts_with("the same run as in"));
        assert_eq!(copies.count(), 2, "{:?}", found.skipped);
    }
}
