//! The report of a study: its three forms say the same, in the same order, and lean on nothing outside.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use isoloss::study::StudyConfig;
use serde_json::Value;

use super::cli::{here, isoloss};

/// Every section that a study can ask for, over few resamples.
const EVERYTHING: &str = r#"
name = "everything"
title = "Everything a study <can> ask for"
about = "Runs of 33k to 824k parameters."
logs = ["data/first-light/runs.jsonl"]

[fit]
bootstrap = 200
hold_out = "C>=1e13"
leave_future_out = "C"
leave_out = "size"

[[plan]]
title = "1e14 FLOPs from these runs"
flops = 1e14
serve_tokens = 1e9

[[plan]]
title = "Two million dollars"
law = "besiroglu,hoffmann-a3-devries"
usd = 2e6
device = "H100 SXM"
serve_tokens = [1e12, 4e12]
serve_device = "H100 SXM"
what_if = true
recipe = true
draws = 400

[curve]
quality_of = 5e5
ratios = [20, 100]

[[serving]]
models = ["Mixtral 8x7B"]
devices = 2.0

[[recipe]]
params = 1.3e10
tokens = 2e12
[recipe.training]
device = "H100 SXM"
gpus = 512

[next]
runs = 3
"#;

fn files(text: &str) -> BTreeMap<String, Vec<u8>> {
    let study = StudyConfig::parse(text, "study.toml").expect("a study");
    let report = study.answer().expect("an answer");
    report.files("isoloss study study.toml").expect("files").into_iter().collect()
}

static FILES: LazyLock<BTreeMap<String, Vec<u8>>> = LazyLock::new(|| files(EVERYTHING));

fn text(name: &str) -> &'static str {
    std::str::from_utf8(&FILES[name]).expect("UTF-8")
}

fn json() -> Value {
    serde_json::from_str(text("report.json")).expect("JSON")
}

/// What stands between two marks, each time.
fn between<'a>(text: &'a str, from: &str, to: &str) -> Vec<&'a str> {
    let pieces = text.split(from).skip(1);
    pieces.map(|piece| piece.split_once(to).expect("its end").0).collect()
}

/// The text without what stands between two marks, marks included.
fn without(text: &str, from: &str, to: &str) -> String {
    let mut pieces = text.split(from);
    let mut kept = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        kept.push(' ');
        kept.push_str(piece.split_once(to).expect("its end").1);
    }
    kept
}

/// The words of the page that hold a digit, in their order, without charts.
fn numbers_of_page() -> Vec<String> {
    let body = text("index.html").split_once("<main").expect("a main part").1;
    let body = body.split_once("</main>").expect("its end").0;
    let body = without(&without(body, "<svg", "</svg>"), "<nav", "</nav>");
    let words = without(&body, "<", ">").replace("&lt;", "<").replace("&gt;", ">");
    numbers(&words.replace("&#x27;", "'").replace("&quot;", "\"").replace("&#x2f;", "/"))
}

fn numbers(text: &str) -> Vec<String> {
    let edge = |c: char| !c.is_alphanumeric() && c != '$' && c != '-' && c != '+';
    text.split_whitespace()
        .map(|word| word.trim_matches(edge).to_owned())
        .filter(|word| word.contains(|c: char| c.is_ascii_digit()))
        .collect()
}

/// Every text of a JSON value.
fn texts(value: &Value, found: &mut String) {
    match value {
        Value::String(text) => {
            found.push_str(text);
            found.push(' ');
        }
        Value::Array(values) => values.iter().for_each(|value| texts(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| texts(value, found)),
        _ => {}
    }
}

#[test]
fn page_markdown_and_json_hold_the_same_numbers() {
    let page = numbers_of_page();
    assert!(page.len() > 500, "{} numbers", page.len());
    let mut markdown = text("report.md").split_once("**").expect("the answer").1.to_owned();
    for (from, to) in [("<a id", "</a>"), ("![", ")"), ("](", ")")] {
        markdown = without(&markdown, from, to);
    }
    let markdown = markdown.replace("&lt;", "<").replace("&amp;", "&").replace("```", "");
    let markdown: String =
        markdown.lines().map(|line| line.trim_start_matches('#')).collect::<Vec<_>>().join("\n");
    let count = |numbers: &[String]| {
        let mut counts: BTreeMap<String, i64> = BTreeMap::new();
        numbers.iter().for_each(|n| *counts.entry(n.clone()).or_default() += 1);
        counts
    };
    // A phone's labels and a chart's captions aside, both say each number as often.
    let (in_page, in_markdown) = (count(&page), count(&numbers(&markdown)));
    let differ: Vec<_> = in_page
        .iter()
        .filter(|(n, k)| in_markdown.get(*n) != Some(k))
        .map(|(n, k)| (n, k, in_markdown.get(n)))
        .collect();
    assert!(differ.is_empty(), "page and Markdown differ: {differ:?}");

    let mut report = json();
    report.as_object_mut().expect("an object").remove("values");
    let mut said = String::new();
    texts(&report, &mut said);
    let said: BTreeSet<String> = numbers(&said).into_iter().collect();
    let missing: Vec<&String> = page.iter().filter(|n| !said.contains(*n)).collect();
    assert!(missing.is_empty(), "not in report.json: {missing:?}");
}

#[test]
fn the_json_form_names_its_schema_and_holds_the_values_behind_the_answer() {
    let report = json();
    assert_eq!(report["schema"], isoloss::report::PAGE_SCHEMA);
    let (answer, values) = (&report["answer"]["numbers"], &report["values"]);
    let plan = &values["plans"][0]["recommended"][0];
    for name in ["params", "tokens", "loss", "train_flops"] {
        assert!(answer[name]["value"].as_f64().is_some_and(|x| x > 0.0), "{name}: {answer}");
        assert_eq!(answer[name]["value"], plan[name], "{name}");
    }
    assert_eq!(answer["params"]["interval"], plan["intervals"]["params"]);
    for part in ["fit", "profiles", "validation", "curve", "serving", "recipes", "next_runs"] {
        assert!(!values[part].is_null(), "no {part}");
    }
    assert!(values["fit"]["draws"].as_array().is_none_or(Vec::is_empty), "draws are in fit.json");
}

#[test]
fn the_answer_is_what_the_command_line_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let fit = folder.path().join("fit.json");
    std::fs::write(&fit, &FILES["fit.json"]).expect("written");
    let fit = fit.to_str().expect("UTF-8");
    let args = ["plan", "--law", fit, "--flops", "1e14", "--serve-tokens", "1e9", "--json"];
    let done = isoloss(&args, here());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let plan: Value = serde_json::from_slice(&done.stdout).expect("JSON");
    let (said, answer) = (&plan["recommended"][0], json()["answer"]["numbers"].clone());
    for name in ["params", "tokens", "loss", "train_flops"] {
        assert_eq!(answer[name]["value"], said[name], "{name}");
        assert_eq!(
            answer[name].get("interval").unwrap_or(&Value::Null),
            said["intervals"].get(name).unwrap_or(&Value::Null),
            "{name}"
        );
    }
}

#[test]
fn the_order_is_answer_evidence_warnings_sources_command() {
    let page = text("index.html");
    let ids: Vec<&str> = ["answer"].into_iter().chain(between(page, " id=\"h-", "\"")).collect();
    let at = |id: &str| ids.iter().position(|x| *x == id).unwrap_or_else(|| panic!("no #{id}"));
    let order = [
        "answer",
        "plan-1",
        "plan-1-uncertainty",
        "plan-1-regret",
        "plan-2",
        "plan-2-recipe",
        "fit",
        "decisions",
        "approaches",
        "profiles",
        "design",
        "tests",
        "backtest",
        "curve",
        "serving-1",
        "recipe-1",
        "next",
        "warnings",
        "provenance",
        "rebuild",
    ];
    let places: Vec<usize> = order.iter().map(|id| at(id)).collect();
    assert!(places.is_sorted(), "{ids:?}");
    let markdown = between(text("report.md"), "<a id=\"", "\"");
    assert_eq!(markdown, ids[1..], "the same sections in Markdown");
}

#[test]
fn every_anchor_leads_somewhere_and_headings_descend_one_by_one() {
    let page = text("index.html");
    let mut ids = BTreeSet::new();
    let body = without(page, "<svg", "</svg>");
    for id in between(&body, " id=\"", "\"") {
        assert!(ids.insert(id), "#{id} twice");
    }
    for to in between(&body, "href=\"#", "\"").iter().chain(&between(&body, "labelledby=\"", "\""))
    {
        assert!(ids.contains(to), "nothing is #{to}");
    }
    let mut last = 0;
    for level in between(&body, "<h", ">").iter().filter_map(|tag| tag[..1].parse::<u8>().ok()) {
        assert!(level <= last + 1, "h{level} below h{last}");
        last = level;
    }
    assert_eq!(body.matches("<h1").count(), 1);
}

#[test]
fn the_page_asks_no_other_host_for_anything() {
    // Slashes in attributes are escaped.
    let page = text("index.html").replace("&#x2f;", "/");
    let page = page.as_str();
    for asks in
        ["src=\"http", "url(http", "@import", "<iframe", "<object", "<embed", "srcset", "fetch("]
    {
        assert!(!page.contains(asks), "{asks}");
    }
    for tag in between(page, "<", ">").iter().filter(|tag| tag.contains("href=\"http")) {
        assert!(tag.starts_with("a "), "<{tag}> loads something");
    }
    assert!(page.contains("default-src 'none'"), "the browser would refuse it as well");
    assert!(page.contains("https://arxiv.org/abs/2404.10102"), "papers are links");
    assert!(!page.contains("NaN") && !page.contains("<can>"), "names are text");
}

#[test]
fn the_same_study_gives_the_same_bytes() {
    let again = files(EVERYTHING);
    assert_eq!(again.keys().collect::<Vec<_>>(), FILES.keys().collect::<Vec<_>>());
    for (name, bytes) in &again {
        assert!(*bytes == FILES[name], "{name}");
    }
}

#[test]
fn a_study_without_plans_answers_with_its_decision() {
    let least = "name = 'a'\ntitle = 'A'\nlogs = ['data/first-light/runs.jsonl']\nvalidate = false\n[fit]\nbootstrap = 100\n";
    let files = files(least);
    let report: Value = serde_json::from_slice(&files["report.json"]).expect("JSON");
    let headline = report["answer"]["headline"].as_str().expect("a headline");
    assert!(headline.starts_with("Train ") && headline.contains(" tokens"), "{headline}");
    let decided = &report["values"]["fit"]["decisions"][1];
    assert_eq!(report["answer"]["numbers"]["params"]["value"], decided["params"]);
}

#[test]
fn a_section_of_a_study_refuses_a_field_it_does_not_know() {
    let base = "name = 'a'\ntitle = 'A'\nlogs = ['x.csv']\n";
    for (more, field) in [
        ("[[serving]]\nmodel = ['x']\n", "model"),
        ("[[recipe]]\nparams = 1e9\ntokens = 1e10\nbatch = 3\n", "batch"),
        ("[next]\nrun = 3\n", "run"),
    ] {
        let error = StudyConfig::parse(&format!("{base}{more}"), "study.toml").expect_err(more);
        assert!(error.to_string().contains(field), "{error}");
    }
}

/// Steps along C of these runs all test the next budget, 2.15 times farther; along D the distances differ.
#[test]
fn errors_at_one_distance_are_said_and_not_drawn() {
    for (axis, is_drawn) in [("C", false), ("D", true)] {
        let text = format!(
            "name = \"tested\"\ntitle = \"Tested\"\nlogs = [\"data/first-light/runs.jsonl\"]\n\
             [fit]\nbootstrap = 20\nleave_future_out = \"{axis}\"\n"
        );
        let files = files(&text);
        assert_eq!(files.contains_key("held-out-errors.svg"), is_drawn, "{axis}");
        let page = std::str::from_utf8(&files["report.md"]).expect("UTF-8");
        assert_eq!(page.contains("held-out-errors"), is_drawn, "{axis}");
        assert!(page.contains("## Held-out tests"), "{axis}");
    }
}
