//! Where `-o` writes what: the name of a file says its format.

use std::path::Path;

use serde_json::Value;

use super::cli::{here, isoloss, refusal};

const RUNS: &str = "data/first-light/runs.jsonl";

/// One rule for every verb: an extension names the format, in any case; a name without one is JSON
/// where JSON is all that a verb writes beside pictures, and no format elsewhere.
#[test]
fn a_result_is_written_in_the_format_its_name_says_or_not_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let plan: &[&str] = &["plan", "--law", "besiroglu", "--flops", "1e21"];
    let fit: &[&str] = &["fit", RUNS, "--bootstrap", "0", "--profile", "none"];
    let gain: &[&str] = &["gain", RUNS, RUNS, "--bootstrap", "0"];
    let recipe: &[&str] = &["recipe", "--params", "1B", "--tokens", "20B"];
    let curve: &[&str] = &["curve", "--law", "besiroglu", "--quality-of", "70B"];
    let drawing: &[&[&str]] = &[plan, fit, gain];
    let init: &[&str] = &["init", "study"];
    let elsewhere: &[&[&str]] = &[
        &["tune", RUNS],
        &["forecast", RUNS],
        recipe,
        init,
        curve,
        &["predict", "fit.json", RUNS],
        &["compare", "--law", "besiroglu", "--quality-of", "70B", "--sizes", "35B"],
        &["talk"],
        &["logs", RUNS],
        &["validate", RUNS],
        &["serving", "Mistral 7B", "--device", "H100 SXM"],
    ];
    for verb in drawing.iter().chain(elsewhere) {
        for name in ["p.gif", "p.jpg", "p.pdf", "p.JSON.txt", "-.gif"] {
            let path = if name == "-.gif" { name.to_owned() } else { at(name) };
            let (code, said) =
                refusal(&[verb, &[&format!("--out={path}")[..]][..]].concat(), here());
            assert_eq!(code, 2, "{verb:?} {name}: {said}");
            assert!(said.contains("is not a format for this; expected"), "{verb:?} {name}: {said}");
            assert!(!Path::new(&path).exists(), "{verb:?} {name}");
        }
    }
    // A law of one quantity has no picture, and a table has no form without an extension.
    let (code, said) = refusal(&[curve, &["-o", &at("p")]].concat(), here());
    assert!(code == 2 && said.contains("a name without extension gives no format"), "{said}");

    for verb in [plan, fit, recipe] {
        for name in ["a.json", "b.JSON", "c", "d."] {
            let output = isoloss(&[verb, &["-o", &at(name)]].concat(), here());
            assert!(output.status.success(), "{verb:?} {name}");
            let written = std::fs::read(at(name)).expect("there");
            assert!(serde_json::from_slice::<Value>(&written).is_ok(), "{verb:?} {name}");
        }
        for dash in ["-", "/dev/stdout", "-.json"] {
            let output = isoloss(&[verb, &[&format!("--out={dash}")[..]][..]].concat(), here());
            assert!(serde_json::from_slice::<Value>(&output.stdout).is_ok(), "{verb:?} {dash}");
        }
    }
    for verb in [plan, fit] {
        for (name, begins) in [("a.svg", &b"<svg"[..]), ("b.SVG", b"<svg"), ("c.PNG", b"\x89PNG")] {
            let output = isoloss(&[verb, &["-o", &at(name)]].concat(), here());
            assert!(output.status.success(), "{verb:?} {name}");
            assert!(std::fs::read(at(name)).expect("there").starts_with(begins), "{name}");
        }
    }
    for name in ["study.toml", "study"] {
        assert!(isoloss(&[init, &["-o", &at(name)]].concat(), here()).status.success());
    }
}

#[test]
fn a_law_of_one_quantity_draws_no_picture_and_writes_what_it_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).to_str().expect("UTF-8").to_owned();
    let loss = |c: f64| 1.7 + 40.0 * c.powf(-0.07);
    let rows = (0..12).map(|k| 1e18 * 10_f64.powf(0.3 * f64::from(k)));
    let rows: String = rows.map(|c| format!("{c:e},{}\n", loss(c))).collect();
    std::fs::write(at("runs.csv"), "compute,loss\n".to_owned() + &rows).expect("a file");
    let (runs, fit_file) = (at("runs.csv"), at("fit.json"));
    let fit = ["fit", &runs, "--map", "c=compute", "--bootstrap", "0"];
    let plan = ["plan", "--law", &fit_file, "--flops", "1e22"];
    assert!(isoloss(&[&fit[..], &["-o", &fit_file]].concat(), here()).status.success());
    for verb in [&fit[..], &plan[..]] {
        let (code, said) = refusal(&[verb, &["-o", &at("p.svg")]].concat(), here());
        assert!(code == 2 && said.contains("a law of N and D"), "{said}");
    }
    assert!(isoloss(&[&plan[..], &["-o", &at("plan.json")]].concat(), here()).status.success());
    let plan: Value =
        serde_json::from_slice(&std::fs::read(at("plan.json")).expect("there")).expect("JSON");
    let found = plan["rows"][0]["loss"].as_f64().expect("a loss");
    assert!((found / loss(1e22) - 1.0).abs() < 0.02, "{plan}");
}
