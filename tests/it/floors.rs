//! Runs on a source whose entropy is known, and runs of several recipes in one table.

use std::fmt::Write as _;
use std::path::Path;

use isoloss::num::stream;
use rand_distr::{Distribution, StandardNormal};
use serde_json::Value;

use super::cli::{here, isoloss, refusal};

/// Six sizes by six token counts of a law with this floor, with noise.
fn runs(floor: f64, noise: f64, cells: &dyn Fn(usize) -> String) -> String {
    let mut rng = stream(9, 0);
    let mut text = String::new();
    for i in 0..36 {
        let n = 1e5 * 2.0_f64.powi(i % 6);
        let d = 1e6 * 2.0_f64.powi(i / 6);
        let z: f64 = StandardNormal.sample(&mut rng);
        let loss = floor + 60.0 / n.powf(0.5) + 400.0 / d.powf(0.5);
        let loss = loss * (noise * z).exp();
        writeln!(text, "{n},{d},{loss}{}", cells(i as usize)).expect("text");
    }
    text
}

fn write(folder: &Path, name: &str, head: &str, rows: &str) {
    std::fs::write(folder.join(name), format!("params,tokens,loss{head}\n{rows}"))
        .expect("written");
}

fn fit(folder: &Path, name: &str, more: &[&str]) -> (i32, String, String) {
    let args = [&["fit", name, "--bootstrap", "200"], more].concat();
    let run = isoloss(&args, folder);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace("\n    ", " ");
    (
        run.status.code().expect("no signal"),
        text(&run.stdout),
        super::cli::one_line_each(&run.stderr),
    )
}

#[test]
fn a_fit_that_holds_the_entropy_of_its_source_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let fitted = |name: &str| {
        let (code, text, told) = fit(folder.path(), name, &["-o", "fit.json"]);
        assert_eq!(code, 0, "{told}");
        let saved = std::fs::read_to_string(folder.path().join("fit.json")).expect("a fit");
        let saved: Value = serde_json::from_str(&saved).expect("JSON");
        (text, saved)
    };
    let rows = runs(1.3783, 0.003, &|_| ",1.3783".to_owned());
    write(folder.path(), "runs.csv", ",floor_nats", &rows);
    let (text, saved) = fitted("runs.csv");
    assert!(text.contains("entropy of the source 1.3783; fitted E 1."), "{text}");
    assert_eq!(saved["floor_nats"], 1.3783);
    let of = |end: usize| saved["intervals"]["E"][end].as_f64().expect("an interval");
    for (source, says) in [(0.5 * (of(0) + of(1)), "holds it"), (1.2, "above it")] {
        let rows = runs(1.3783, 0.003, &|_| format!(",{source}"));
        write(folder.path(), "there.csv", ",floor_nats", &rows);
        let (text, _) = fitted("there.csv");
        assert!(text.replace('\n', " ").contains(says), "{source}: {text}");
    }
    // A column of another name is mapped.
    write(folder.path(), "other.csv", ",entropy", &rows);
    let (_, text, _) = fit(folder.path(), "other.csv", &[]);
    assert!(!text.contains("entropy of the source"), "{text}");
    let (_, text, _) = fit(folder.path(), "other.csv", &["--map", "floor=entropy"]);
    assert!(text.contains("entropy of the source 1.3783"), "{text}");
}

#[test]
fn a_law_below_the_entropy_of_its_source_is_refused_with_both_numbers() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows = runs(0.6, 0.002, &|_| ",1.2425".to_owned());
    write(folder.path(), "low.csv", ",floor_nats", &rows);
    let (code, error) = refusal(&["fit", "low.csv", "--bootstrap", "200"], folder.path());
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("its E is 0.") && error.contains("1.2425"), "{error}");
    // Without an interval, what the law says to do is below it all the same.
    let far = ["fit", "low.csv", "--bootstrap", "0", "--at", "1e16"];
    let (code, error) = refusal(&far, folder.path());
    assert!(code == 2 && error.contains("1.00e16 FLOPs it predicts 0."), "{error}");
    // Held at an entropy that its runs lie below, no minimum is found, and nothing is recommended.
    let (_, text, told) = fit(folder.path(), "low.csv", &["--fix", "E=1.2425"]);
    assert!(text.contains("is held") && told.contains("not-certified"), "{text}{told}");
    assert!(!text.contains("what the law recommends"), "{text}");
}

#[test]
fn runs_of_two_sources_are_refused_and_can_be_fitted_apart() {
    let folder = tempfile::tempdir().expect("a folder");
    let one = runs(1.2, 0.003, &|_| ",1.2".to_owned());
    let two = runs(1.6, 0.003, &|_| ",1.6".to_owned());
    write(folder.path(), "both.csv", ",floor_nats", &(one.clone() + &two));
    let (code, error) = refusal(&["fit", "both.csv", "--bootstrap", "0"], folder.path());
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("36 have a source of entropy 1.2000"), "{error}");
    assert!(error.contains("1.6000") && error.contains("--by floor_nats"), "{error}");
    let (code, text, told) = fit(folder.path(), "both.csv", &["--where", "floor_nats == 1.6"]);
    assert!(code == 0 && text.contains("entropy of the source 1.6000"), "{told}{text}");
    let (code, text, told) = fit(folder.path(), "both.csv", &["--by", "floor_nats"]);
    assert!(code == 0 && text.contains("1.6"), "{told}{text}");
    // One that says nothing beside one that does.
    let silent: String = one.lines().map(|l| format!("{}\n", l.replace(",1.2", ","))).collect();
    let some = silent.lines().take(6).map(|l| format!("{l}\n")).collect::<String>();
    let rest = one.lines().skip(6).map(|l| format!("{l}\n")).collect::<String>();
    write(folder.path(), "half.csv", ",floor_nats", &(some + &rest));
    let (code, error) = refusal(&["fit", "half.csv", "--bootstrap", "0"], folder.path());
    assert!(code == 2 && error.contains("no stated entropy"), "{error}");
    // An entropy below zero is a bad row.
    write(folder.path(), "bad.csv", ",floor_nats", &runs(1.0, 0.0, &|_| ",-1".to_owned()));
    let (code, error) = refusal(&["fit", "bad.csv", "--bootstrap", "0"], folder.path());
    assert!(code == 2 && error.contains("floor_nats"), "{error}");
}

#[test]
fn pooled_recipes_are_told_with_the_column_and_its_groups() {
    let folder = tempfile::tempdir().expect("a folder");
    let schedule =
        |i: usize| if (i + i / 6).is_multiple_of(2) { ",wsd" } else { ",cosine" }.to_owned();
    for (name, head, cells) in [
        ("schedule", ",schedule", &schedule as &dyn Fn(usize) -> String),
        ("tokenizer", ",tokenizer", &|i| format!(",{}", ["a", "b"][(i + i / 6) % 2])),
        ("corpus", ",corpus_sha256", &|i| format!(",{}", ["ab12", "cd34"][(i + i / 6) % 2])),
        ("experts", ",n_params_active", &|i| {
            let n = 1e5 * 2.0_f64.powi((i % 6) as i32);
            if (i / 6) % 2 == 0 { format!(",{}", n / 4.0) } else { ",".to_owned() }
        }),
    ] {
        let file = format!("{name}.csv");
        write(folder.path(), &file, head, &runs(1.5, 0.003, cells));
        let (code, _, told) = fit(folder.path(), &file, &[]);
        assert_eq!(code, 0, "{told}");
        let column = head.trim_start_matches(',');
        assert!(told.contains("warning[mixed-recipes]"), "{name}: {told}");
        assert!(told.contains(&format!("`{column}`")), "{name}: {told}");
        assert!(told.contains("18 runs"), "{name}: {told}");
    }
    // One recipe, and a setting that only follows the size.
    let context = |i: usize| format!(",wsd,{}", 128 << (i % 6));
    write(folder.path(), "one.csv", ",schedule,context", &runs(1.5, 0.003, &context));
    let (_, _, told) = fit(folder.path(), "one.csv", &[]);
    assert!(!told.contains("mixed-recipes"), "{told}");
}

/// Tables of one recipe pass without a word; those of two corpora do not.
#[test]
fn real_tables_of_one_recipe_pass() {
    let Some(folder) = super::shared::shared_folder("recipes of public tables") else { return };
    let at = |path: &str| folder.join("reference-data").join(path).display().to_string();
    let told = |args: &[&str]| {
        let args = [&["fit"], args, &["--bootstrap", "0", "--verbose"]].concat();
        let run = isoloss(&args, here());
        super::cli::one_line_each(&run.stderr).contains("warning[mixed-recipes]")
    };
    let budget = "n=params,d=tokens,c=budget,loss=loss";
    for (path, map) in [
        ("extrapolation/kyo.csv", "n=N,d=D,c=C,loss=loss"),
        ("extrapolation/misfit_bestlr.csv", "n=N,d=D,c=C,loss=loss"),
        ("extrapolation/comma.csv", budget),
        ("extrapolation/ml_scalefit.csv", budget),
        ("extrapolation/misfitting.csv", budget),
        ("extrapolation/porian2.csv", budget),
        ("extrapolation/porian3.csv", budget),
        ("chinchilla-epoch/svg_extracted_data.csv", "n=Model Size,c=Training FLOP,loss=loss"),
        ("muennighoff-data-constrained/runs_all.csv", "n=params,d=tokens,loss=val_loss"),
        ("steplaw/dense.csv", "n=N,d=D,loss=smooth loss"),
    ] {
        assert!(!told(&[&at(path), "--map", map]), "{path}");
    }
    assert!(!told(&["data/first-light/runs.jsonl"]));
    let marin = at("two-recipes/marin.csv");
    let both = [&*marin, "--map", budget];
    let run = isoloss(&[&["fit"][..], &both, &["--bootstrap", "0"]].concat(), here());
    let said = super::cli::one_line_each(&run.stderr);
    assert!(said.contains("mixed-recipes") || said.contains("several-kinds"), "{said}");
}

/// Real runs: what the data README says of E and of the largest budget.
#[test]
fn on_the_shipped_source_the_interval_of_e_holds_the_entropy_and_the_largest_budget_is_predicted() {
    let json = |args: &[&str]| -> Value {
        let run = isoloss(args, here());
        serde_json::from_slice(&run.stdout).expect("one object")
    };
    let runs = "data/contexts/runs.jsonl";
    let fit = json(&["fit", runs, "--json", "--quiet", "--bootstrap", "1000"]);
    assert_eq!((&fit["n_points"], &fit["certificate"]["certified"]), (&57.into(), &true.into()));
    let source = fit["floor_nats"].as_f64().expect("the entropy");
    // Σ -p ln p of the four tokens that may follow, and of Zipf's law over 4096 contexts; a third of it.
    let follow: f64 = [0.6_f64, 0.2, 0.1, 0.1].iter().map(|p| -p * p.ln()).sum();
    let weights: Vec<f64> = (1..=4096).map(|rank| f64::from(rank).powf(-1.5)).collect();
    let total: f64 = weights.iter().sum();
    let contexts: f64 = weights.iter().map(|w| -w / total * (w / total).ln()).sum();
    assert!((source - (contexts + follow) / 3.0).abs() < 1e-9, "{source}");
    let end = |i: usize| fit["intervals"]["E"][i].as_f64().expect("an interval");
    assert!(end(0) < source && source < end(1), "{} to {}", end(0), end(1));
    assert!(end(1) - end(0) < 0.1, "an interval that tells nothing: {} to {}", end(0), end(1));
    let tested = json(&["validate", runs, "--json", "--quiet"]);
    assert_eq!(tested["verdict"]["outcome"], "holds", "{}", tested["verdict"]);
}
