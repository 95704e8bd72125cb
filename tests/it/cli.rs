//! The command line as scripts meet it: fields, exit codes, files.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

pub(crate) fn isoloss(args: &[&str], folder: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_isoloss"))
        .args(args)
        .current_dir(folder)
        .output()
        .expect("the binary starts")
}

pub(crate) fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn json(args: &[&str]) -> Value {
    let output = isoloss(args, here());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {told}");
    serde_json::from_slice(&output.stdout).expect("one JSON object on stdout")
}

/// Exit code and stderr of a call that must fail, with nothing on stdout.
pub(crate) fn refusal(args: &[&str], folder: &Path) -> (i32, String) {
    let output = isoloss(args, folder);
    assert!(output.stdout.is_empty(), "{args:?} printed a result");
    (output.status.code().expect("no signal"), one_line_each(&output.stderr))
}

/// What was said, each error, hint and warning on one line again.
pub(crate) fn one_line_each(stderr: &[u8]) -> String {
    let text = std::str::from_utf8(stderr).expect("utf-8");
    // Blocks to copy are indented further.
    text.replace("\n    ", "\u{0}").replace("\n  ", " ").replace('\u{0}', "\n    ")
}

pub(crate) fn has(object: &Value, fields: &[&str]) {
    for field in fields {
        assert!(object.get(field).is_some(), "no `{field}` in {object}");
    }
}

const RUNS: &str = "data/first-light/runs.jsonl";

#[test]
fn fit_has_the_fields_of_the_contract() {
    let fit = json(&["fit", RUNS, "--bootstrap", "100", "--hold-out", "C>=1e13", "--json"]);
    has(
        &fit,
        &[
            "law",
            "objective",
            "delta",
            "n_points",
            "coefficients",
            "intervals",
            "level",
            "objective_value",
            "certificate",
            "std_errors",
            "allocation",
            "held_out",
            "warnings",
        ],
    );
    has(&fit["coefficients"], &["E", "A", "B", "alpha", "beta"]);
    has(
        &fit["certificate"],
        &["gradient_norm", "hessian_min_eigenvalue", "starts", "starts_agreeing", "certified"],
    );
    has(&fit["allocation"], &["n_exponent", "d_exponent"]);
    has(&fit["held_out"], &["n_points", "mean_abs_error", "max_abs_error", "bias"]);
    assert_eq!(fit["n_points"], 20);
    for warning in fit["warnings"].as_array().expect("a list") {
        has(warning, &["code", "message"]);
    }
}

#[test]
fn plan_has_the_fields_of_the_contract() {
    let plan = json(&[
        "plan",
        "--law",
        "besiroglu",
        "--flops",
        "5.76e23",
        "--serve-tokens",
        "2T",
        "--json",
    ]);
    let rows = plan["plans"].as_array().expect("a list");
    let strategies: Vec<&str> = rows.iter().filter_map(|r| r["strategy"].as_str()).collect();
    assert_eq!(strategies, ["kaplan", "chinchilla", "inference-aware", "recommended"]);
    for row in rows {
        has(
            row,
            &[
                "params",
                "tokens",
                "tokens_per_param",
                "loss",
                "train_flops",
                "serve_flops",
                "total_flops",
                "intervals",
                "law",
            ],
        );
    }
    let n = rows[1]["params"].as_f64().expect("a number");
    assert!((n / 72.2e9 - 1.0).abs() < 1e-2, "{n}");
    assert!(plan["warnings"].as_array().is_some_and(|w| !w.is_empty()), "it extrapolates");
}

#[test]
fn curve_compare_and_explain_have_the_fields_of_the_contract() {
    let curve = json(&["curve", "--law", "besiroglu", "--quality-of", "70B", "--json"]);
    has(&curve, &["law", "loss", "optimum", "wall_params", "points"]);
    has(&curve["optimum"], &["params", "tokens", "train_flops"]);
    has(&curve["points"][0], &["params", "tokens", "train_flops", "overhead"]);

    let table = json(&[
        "compare",
        "--law",
        "besiroglu",
        "--quality-of",
        "70B",
        "--sizes",
        "35B,21B",
        "--json",
    ]);
    has(&table, &["law", "rows"]);
    has(
        &table["rows"][1],
        &[
            "params",
            "tokens",
            "tokens_per_param",
            "train_flops",
            "overhead",
            "break_even_serve_tokens",
        ],
    );
    // 70B cut to 21B: 8.9T served tokens to break even (published with these constants).
    let pays = table["rows"][1]["break_even_serve_tokens"].as_f64().expect("smaller");
    assert!((pays / 8.9e12 - 1.0).abs() < 0.02, "{pays:e}");

    let model = json(&["explain", "LLaMA 7B", "--law", "hoffmann-a3-devries", "--json"]);
    has(
        &model,
        &[
            "model",
            "params",
            "tokens",
            "loss",
            "optimum",
            "overtraining_ratio",
            "overhead",
            "implied_serve_tokens",
            "law",
        ],
    );
    assert!((model["overhead"].as_f64().expect("a number") - 0.12).abs() < 0.01);
}

#[test]
fn every_way_to_a_budget_works() {
    for budget in [
        &["--gpus", "1024", "--device", "H100 SXM", "--days", "30", "--mfu", "0.4"][..],
        &["--usd", "$2M", "--device", "H200", "--mfu", "0.35"],
        &["--usd", "2M", "--device", "TPU v4", "--usd-per-hour", "1.5"],
        &["--loss", "2.0", "--params", "20B"],
        &["--quality-of", "70B", "--serve-tokens", "10T"],
        &["--flops", "1e23", "--unique-tokens", "300B"],
        &["--flops", "1e24", "--memory", "16GB", "--weight-bits", "4"],
    ] {
        let mut args = vec!["plan", "--law", "besiroglu", "--json"];
        args.extend(budget);
        let plan = json(&args);
        assert!(plan["plans"].as_array().is_some_and(|p| p.len() >= 2), "{budget:?}");
    }
}

#[test]
fn bad_input_is_one_message_and_exit_two() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("written");
    };
    write("empty.csv", "");
    write("one.csv", "n,d,loss\n1e9,2e10,2.5\n");
    write("bad.csv", "n,d,loss\n1e9,2e10,2.5\n1e9,4e10,-2.4\n");
    let same_ratio: String =
        (1..=12).map(|i| format!("{i}e8,{}e9,{}\n", 2 * i, 3.5 - 0.1 * f64::from(i))).collect();
    write("ratio.csv", &format!("n,d,loss\n{same_ratio}"));
    for (args, wanted) in [
        (&["fit", "missing.csv"][..], "missing.csv"),
        (&["fit", "empty.csv"], "no rows"),
        (&["fit", "one.csv"], "1 runs cannot fix"),
        (&["fit", "bad.csv"], "bad.csv:3"),
        (&["fit", "ratio.csv", "-o", "fit.json"], "20 tokens per parameter"),
        (&["fit", "one.csv", "--law", "chinchila"], "known"),
        (&["fit", "one.csv", "--map", "n"], "KEY=COLUMN"),
        (&["plan", "--law", "besiroglou", "--flops", "1e24"], "did you mean `besiroglu`"),
        (&["plan", "--law", "besiroglu", "--flops", "1e99"], "between 1e8 and 1e36"),
        (&["plan", "--law", "besiroglu", "--flops=-1"], "above zero"),
        (&["plan", "--law", "besiroglu"], "--quality-of"),
        (&["plan", "--law", "besiroglu", "--loss", "1.5"], "out of reach"),
        (&["plan", "--law", "besiroglu", "--usd", "1M", "--device", "abacus"], "unknown device"),
        (&["plan", "--law", "one.json", "--flops", "1e24"], "one.json"),
        (&["explain", "lama 7b", "--law", "besiroglu"], "did you mean"),
        (&["explain", "Mistral Large", "--law", "besiroglu"], "--params"),
        (&["curve", "--law", "besiroglu", "--loss", "2", "-o", "x.pdf"], ".svg"),
        (&["sweep", "run", "missing.toml"], "missing.toml"),
        (&["study", "one.csv"], "one.csv"),
    ] {
        let (code, told) = refusal(args, folder.path());
        assert_eq!(code, 2, "{args:?}: {told}");
        assert!(told.contains(wanted), "{args:?}: {told}");
        assert!(!told.contains("panicked"), "{args:?}: {told}");
    }
    assert!(!folder.path().join("fit.json").exists(), "nothing half-written");
}

#[test]
fn strict_turns_warnings_into_exit_three() {
    let args = ["plan", "--law", "besiroglu", "--flops", "1e26", "--strict"];
    assert_eq!(isoloss(&args, here()).status.code(), Some(3));
}

#[test]
fn a_fit_goes_to_a_file_and_into_a_plan_with_intervals() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let runs = here().join(RUNS);
    let runs = runs.to_str().expect("utf-8");
    let fit = isoloss(&["fit", runs, "--bootstrap", "200", "-o", "fit.json"], folder.path());
    assert!(fit.status.success());
    let plan = isoloss(&["plan", "--law", "fit.json", "--flops", "1e14", "--json"], folder.path());
    let plan: Value = serde_json::from_slice(&plan.stdout).expect("one object");
    let row = &plan["plans"][1];
    let interval = row["intervals"]["params"].as_array().expect("draws give intervals");
    let n = row["params"].as_f64().expect("a number");
    assert!(interval[0].as_f64() < Some(n) && Some(n) < interval[1].as_f64());
}

#[test]
fn a_study_writes_the_same_bytes_twice() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let out = |name: &str| folder.path().join(name).to_str().expect("utf-8").to_owned();
    for name in ["a", "b"] {
        let run = isoloss(&["study", "configs/first-light.toml", "-o", &out(name)], here());
        assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    }
    let names: Vec<_> = std::fs::read_dir(out("a"))
        .expect("a folder")
        .map(|e| e.expect("an entry").file_name())
        .collect();
    assert!(names.len() >= 10, "{names:?}");
    for name in names {
        let read = |side: &str| std::fs::read(Path::new(&out(side)).join(&name)).expect("there");
        assert_eq!(read("a"), read("b"), "{name:?}");
    }
    let page = std::fs::read_to_string(Path::new(&out("a")).join("index.html")).expect("a page");
    assert!(!page.contains("src=\"http"), "opens offline");
    assert!(page.matches("<svg").count() >= 4 && !page.contains("NaN"));
}

#[test]
fn the_shipped_validation_holds_the_dearest_budget_out() {
    let verdict = json(&["validate", "configs/first-light.toml", "--json"]);
    has(&verdict, &["held_out_flops", "runs", "choices", "covered", "mean_abs_error"]);
    assert_eq!(verdict["runs"].as_array().map(Vec::len), Some(5));
    assert_eq!(verdict["n_fitted"], 20);
}

#[test]
fn lists_name_their_sources() {
    assert!(json(&["laws", "--json"])["laws"].as_array().is_some_and(|l| l.len() >= 13));
    let models = json(&["models", "--json"]);
    has(&models["models"][0], &["name", "params", "source", "checked"]);
    let devices = json(&["devices", "--json"]);
    has(&devices["devices"][0], &["name", "bf16_dense_tflop_per_s", "source"]);
}

#[cfg(feature = "train")]
#[test]
fn a_sweep_that_was_stopped_goes_on_and_trains_nothing_twice() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let text: String = (0..400)
        .map(|i| format!("pub fn add_{i}(a: u32, b: u32) -> u32 {{ a + {i} * b }}\n"))
        .collect();
    std::fs::write(folder.path().join("text.rs"), text).expect("written");
    let sweep = |shapes: &str| {
        let file = format!(
            "name = \"s\"\ncorpus = \"text.rs\"\n[recipe]\ncontext = 16\nevaluations = 1\n\
             validation_tokens = 64\n[[cell]]\nflops = 2e8\nshapes = {shapes}\n"
        );
        std::fs::write(folder.path().join("s.toml"), file).expect("written");
    };
    let run = || {
        let output = isoloss(&["sweep", "run", "s.toml", "--jobs", "2", "--json"], folder.path());
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{told}");
        told
    };
    sweep("[[1, 16, 1]]");
    run();
    let first = std::fs::read_to_string(folder.path().join("runs/s/runs.jsonl")).expect("a table");
    sweep("[[1, 16, 1], [1, 32, 2]]");
    assert!(run().contains("1 of 2 runs to train"));
    let both = std::fs::read_to_string(folder.path().join("runs/s/runs.jsonl")).expect("a table");
    assert!(both.starts_with(&first) && both.lines().count() == 2);
    assert!(run().contains("nothing to train"));
}

#[test]
fn the_law_chosen_by_auto_is_the_first_of_its_ranking() {
    let fit = json(&["fit", RUNS, "--bootstrap", "100", "--law", "auto", "--json"]);
    let laws = fit["ranking"]["laws"].as_array().expect("a ranking");
    // The shipped runs are dense and see their text once: laws of N and D alone can be ranked.
    let of_plane = |law: &&&dyn isoloss::law::Law| law.has_optimum() && law.factors().len() == 2;
    let unranked = fit["ranking"]["unranked"].as_array().expect("a list").len();
    assert_eq!(laws.len() + unranked, isoloss::law::forms().iter().filter(of_plane).count());
    assert_eq!(fit["law"], laws[0]["law"]);
    let errors: Vec<f64> =
        laws.iter().map(|l| l["mean_abs_error"].as_f64().expect("a number")).collect();
    assert!(errors.windows(2).all(|e| e[0] <= e[1]), "{errors:?}");
}

/// Fitting the dear runs too would change the ranking: what is held out stays out.
#[test]
fn auto_does_not_look_at_held_out_runs() {
    let ask = ["--law", "auto", "--bootstrap", "0", "--json", "--hold-out", "C>=1e13"];
    let fit = json(&[&["fit", RUNS], &ask[..]].concat());
    let fitted = fit["n_points"].as_u64().expect("a count");
    let last = fit.pointer("/ranking/laws/0/folds").and_then(Value::as_array).expect("steps");
    let seen = last.iter().map(|f| f["n_points"].as_u64().expect("a count")).sum::<u64>()
        + last[0]["n_fitted"].as_u64().expect("a count");
    assert_eq!(seen, fitted);
}

#[test]
fn a_replayed_fit_is_the_same_to_the_bit_and_a_changed_one_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(here().join(RUNS), folder.path().join("runs.jsonl")).expect("copied");
    let run = |args: &[&str]| isoloss(args, folder.path());
    let made = run(&[
        "fit",
        "runs.jsonl",
        "--bootstrap",
        "200",
        "--objective",
        "lad-log",
        "--fix",
        "E=1.0",
        "-o",
        "fit.json",
    ]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let replay = ["fit", "--replay", "fit.json", "--strict"];
    let same = run(&replay);
    let told = String::from_utf8_lossy(&same.stdout).into_owned();
    assert!(same.status.success() && told.contains("reproduced to the bit"), "{told}");

    // The same numbers under an earlier version are reproduced, and the version is told.
    let saved = folder.path().join("fit.json");
    let text = std::fs::read_to_string(&saved).expect("a fit");
    let version = format!("\"isoloss_version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    assert!(text.contains(&version));
    let text = text.replace(&version, "\"isoloss_version\": \"0.1.0\"");
    std::fs::write(&saved, text).expect("written");
    let earlier = run(&replay);
    let told = String::from_utf8_lossy(&earlier.stdout).into_owned();
    assert!(earlier.status.success(), "{told}");
    assert!(
        one_line_each(&earlier.stdout).contains("residuals, as isoloss 0.1.0 wrote them"),
        "{told}"
    );

    // One loss moved in its last digit.
    let logs = folder.path().join("runs.jsonl");
    let text = std::fs::read_to_string(&logs).expect("runs");
    let at = text.find("\"val_loss\":").or_else(|| text.find("loss")).expect("a loss");
    let digit = at + text[at..].find(|c: char| c.is_ascii_digit()).expect("a digit") + 3;
    let mut bytes = text.into_bytes();
    bytes[digit] = if bytes[digit] == b'5' { b'6' } else { b'5' };
    std::fs::write(&logs, bytes).expect("written");
    let other = run(&replay);
    let told = String::from_utf8_lossy(&other.stdout).into_owned();
    assert_eq!(other.status.code(), Some(3), "{told}");
    assert!(told.contains("the data have changed"), "{told}");
    let version = format!("differs: isoloss 0.1.0 then, {} now", env!("CARGO_PKG_VERSION"));
    assert!(told.starts_with(&version), "{told}");
}

#[test]
fn a_fit_that_names_no_logs_cannot_be_replayed() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("fit.json");
    let made =
        isoloss(&["fit", RUNS, "--bootstrap", "0", "-o", path.to_str().expect("utf-8")], here());
    assert!(made.status.success());
    let mut fit: Value =
        serde_json::from_slice(&std::fs::read(&path).expect("a fit")).expect("JSON");
    fit["source"] = Value::Null;
    std::fs::write(&path, fit.to_string()).expect("written");
    let (code, told) = refusal(&["fit", "--replay", "fit.json"], folder.path());
    assert!(code != 0 && told.contains("which logs it was fitted to"), "{code}: {told}");
}

#[test]
fn a_replay_names_the_version_whose_request_it_cannot_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("fit.json");
    let made =
        isoloss(&["fit", RUNS, "--bootstrap", "0", "-o", path.to_str().expect("utf-8")], here());
    assert!(made.status.success());
    let text = std::fs::read_to_string(&path).expect("a fit");
    for request in [Value::Null, serde_json::json!({ "law": 7 })] {
        let mut fit: Value = serde_json::from_str(&text).expect("JSON");
        fit["isoloss_version"] = "0.0.9".into();
        fit["request"] = request;
        std::fs::write(&path, fit.to_string()).expect("written");
        let (code, told) = refusal(&["fit", "--replay", "fit.json"], folder.path());
        assert!(code != 0 && told.contains("isoloss 0.0.9 wrote it"), "{code}: {told}");
    }
}

#[test]
fn a_coefficient_that_cannot_be_held_is_named() {
    for (held, wanted) in
        [("Q=1", "E, A, B, alpha, beta"), ("E=-1", "between 0"), ("E", "NAME=VALUE")]
    {
        let (code, told) = refusal(&["fit", RUNS, "--fix", held], here());
        assert_eq!(code, 2, "{held}: {told}");
        assert!(told.contains(wanted), "{held}: {told}");
    }
}

#[test]
fn planned_runs_are_predicted_as_the_held_out_test_predicts_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let fit = folder.path().join("fit.json");
    let fit = fit.to_str().expect("utf-8");
    let made = isoloss(&["fit", RUNS, "--hold-out", "C>=5e12", "--json", "-o", fit], here());
    let made: Value = serde_json::from_slice(&made.stdout).expect("JSON");
    let held = made["held_out"]["runs"].as_array().expect("held-out runs");
    let rows: String = held
        .iter()
        .map(|r| format!("{},{},{}\n", r["run"]["run"], r["run"]["n"], r["run"]["d"]))
        .collect();
    let points = folder.path().join("planned.csv");
    std::fs::write(&points, format!("run,params,tokens\n{rows}")).expect("written");
    let points = points.to_str().expect("utf-8");
    let out = folder.path().join("predicted.csv");
    let out = out.to_str().expect("utf-8");
    let told = isoloss(&["predict", fit, points, "--json", "-o", out], here());
    let told: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    let predicted = told["rows"].as_array().expect("rows");
    assert_eq!(predicted.len(), held.len());
    for (row, run) in predicted.iter().zip(held) {
        assert_eq!(row["loss"], run["predicted"]);
        assert_eq!(row["interval"], run["interval"]);
        assert_eq!(row["run"], run["run"]["run"]);
    }
    let csv = std::fs::read_to_string(out).expect("a table");
    assert!(csv.starts_with("run,params,tokens,loss,loss_low,loss_high,outside\n"), "{csv}");
    assert_eq!(csv.lines().count(), 1 + held.len());

    let other = folder.path().join("other.csv");
    std::fs::write(&other, "non_embedding_params,tokens\n1e6,1e7\n").expect("written");
    let (code, told) = refusal(&["predict", fit, other.to_str().expect("utf-8")], here());
    assert!(code == 2 && told.contains("non-embedding"), "{code}: {told}");
    let (code, told) = refusal(&["predict", points, points], here());
    assert!(code == 2 && told.contains("planned.csv"), "{code}: {told}");
}
