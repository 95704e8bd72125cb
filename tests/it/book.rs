//! Parts of the pages that are made from templates and tables: what is checked in is what would be made.
//!
//! `ISOLOSS_BLESS=1 cargo test --test it book::` writes them anew.

use std::collections::BTreeMap;
use std::path::PathBuf;

use isoloss::cost::{devices, models};
use isoloss::law::{benchmarks, curve_forms, forms, published_benchmarks, published_laws};
use serde::Serialize;

use super::cli::here;
use super::docs::page_paths;
use super::templates::Template;

/// Text for a cell of a table: stars and angles are themselves outside of code, bars everywhere.
fn safe(cell: &str) -> String {
    let piece = |(i, piece): (usize, &str)| match i % 2 {
        0 => piece.replace('*', "\\*").replace('<', "&lt;"),
        _ => piece.to_owned(),
    };
    let pieces: Vec<String> = cell.split('`').enumerate().map(piece).collect();
    pieces.join("`").replace('|', "\\|").replace('\n', " ")
}

/// A Markdown table.
fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let line = |cells: &[String]| {
        format!("| {} |\n", cells.iter().map(|c| safe(c)).collect::<Vec<_>>().join(" | "))
    };
    let head: Vec<String> = head.iter().map(|s| (*s).to_owned()).collect();
    let rule = format!("|{}\n", "---|".repeat(head.len()));
    rows.into_iter().fold(line(&head) + &rule, |text, row| {
        assert_eq!(row.len(), head.len(), "{row:?}");
        text + &line(&row)
    })
}

/// A word of the file in code, a number or words as they are.
fn default_cell(default: Option<&str>) -> String {
    match default {
        None => "required".to_owned(),
        Some("\"\"") => "empty".to_owned(),
        Some(text) => match text.strip_prefix('"').and_then(|t| t.strip_suffix('"')) {
            Some(word) => format!("`{word}`"),
            None if text.starts_with('[') => format!("`{text}`"),
            None => text.to_owned(),
        },
    }
}

/// The fields of some sections of a kind of file; names carry their section without `strip`.
fn fields(kind: &'static str, sections: &[&str], strip: &str) -> String {
    let template = Template::of(kind);
    let chosen = template.fields.iter().filter(|f| sections.contains(&f.section.as_str()));
    let rows = chosen.map(|f| {
        let name = format!("{}.{}", f.section, f.key);
        let name = name.trim_start_matches('.').trim_start_matches(strip);
        let default = default_cell(f.default.as_deref());
        vec![format!("`{name}`"), default, f.range.clone(), f.meaning.clone()]
    });
    table(&["Field", "Default", "Range", "Purpose"], rows)
}

fn number(x: f64) -> String {
    if x != 0.0 && !(1e-4..1e7).contains(&x.abs()) { format!("{x:e}") } else { x.to_string() }
}

fn coefficients(coefs: &BTreeMap<String, f64>) -> String {
    coefs.iter().map(|(k, v)| format!("{k} = {}", number(*v))).collect::<Vec<_>>().join(", ")
}

/// How a row was read, in the words of the data.
fn word(value: &impl Serialize) -> String {
    serde_json::to_value(value).expect("JSON").as_str().expect("a word").to_owned()
}

fn optional<T: ToString>(x: Option<T>) -> String {
    x.map_or(String::new(), |x| x.to_string())
}

fn laws() -> String {
    let head =
        ["Name", "Family", "Coefficients", "N counts", "Fitted on", "Source", "Read", "Caution"];
    let row = |law: &isoloss::law::Published| {
        vec![
            format!("`{}`", law.name),
            format!("`{}`", law.form),
            coefficients(&law.coefs),
            law.params.to_string(),
            format!("{}; {}", law.text, law.fitted_on),
            format!("{} ({})", law.source, law.year),
            word(&law.checked),
            law.caution.clone().unwrap_or_default(),
        ]
    };
    table(&head, published_laws().expect("laws").iter().map(row))
}

fn families<'a>(rows: impl Iterator<Item = (&'a str, &'a str, &'a str)>) -> String {
    let cells = rows.map(|(id, equation, source)| {
        vec![format!("`{id}`"), format!("`{equation}`"), source.to_owned()]
    });
    table(&["Family", "Equation", "Source"], cells)
}

fn benchmark_laws() -> String {
    let row = |law: &isoloss::law::PublishedBenchmark| {
        vec![
            format!("`{}`", law.name),
            format!("`{}`", law.form),
            law.title.clone(),
            coefficients(&law.coefs),
            law.source.clone(),
            word(&law.checked),
        ]
    };
    let head = ["Name", "Family", "Benchmark", "Coefficients", "Source", "Read"];
    table(&head, published_benchmarks().expect("laws").iter().map(row))
}

fn released_models() -> String {
    let row = |m: &isoloss::cost::ReleasedModel| {
        let scores = m.mmlu.iter().map(|s| format!("{} ({})", s.percent, s.source));
        vec![
            m.name.clone(),
            format!("{}, {}", m.org, m.year),
            optional(m.params),
            optional(m.active_params),
            optional(m.tokens),
            scores.collect::<Vec<_>>().join("; "),
            m.source.clone(),
            m.checked.clone(),
            m.note.clone().unwrap_or_default(),
        ]
    };
    let head = ["Name", "By", "N", "Active", "D", "MMLU, 5-shot, %", "Source", "Read", "Note"];
    table(&head, models().expect("models").iter().map(row))
}

fn accelerators() -> String {
    let row = |d: &isoloss::cost::Device| {
        let price =
            d.price.last().map(|p| format!("{} to {}, {} ({})", p.low, p.high, p.date, p.source));
        vec![
            d.name.clone(),
            optional(d.bf16_dense_tflop_per_s),
            optional(d.fp8_dense_tflop_per_s),
            d.memory_gb.to_string(),
            d.bandwidth_gb_per_s.to_string(),
            optional(d.power_w),
            price.unwrap_or_default(),
            d.source.clone(),
            d.checked.clone(),
            d.note.clone().unwrap_or_default(),
        ]
    };
    let head = [
        "Name",
        "BF16",
        "FP8",
        "Memory",
        "Bandwidth",
        "Power",
        "Price, newest row",
        "Source",
        "Read",
        "Note",
    ];
    table(&head, devices().expect("devices").iter().map(row))
}

/// What is made between `<!-- begin NAME -->` and `<!-- end NAME -->`.
fn made(name: &str) -> String {
    match name {
        "run" => fields("run", &[""], ""),
        "sweep" => fields(
            "sweep",
            &["", "trainer", "slurm", "isoflop", "cell", "grid", "tune", "ladder"],
            "",
        ),
        "shape" => fields("run", &["shape", "shape.experts"], ""),
        "corpus" => fields("run", &["corpus", "corpus.synthetic"], ""),
        "execution" => fields("run", &["execution"], ""),
        "recipe" => fields("run", &["recipe"], ""),
        "study" => fields("study", &[""], ""),
        "study.read" => fields("study", &["read"], "read."),
        "study.fit" => fields("study", &["fit"], "fit."),
        "study.plan" => fields("study", &["plan", "plan.pattern", "plan.pattern.experts"], "plan."),
        "study.curve" => fields("study", &["curve"], "curve."),
        "study.serving" => {
            let sections = ["serving", "serving.request", "serving.latency"];
            fields("study", &sections, "serving.")
        }
        "study.recipe" => fields("study", &["recipe", "recipe.training"], "recipe."),
        "study.gain" => fields("study", &["gain"], "gain."),
        "study.next" => fields("study", &["next"], "next."),
        "laws" => laws(),
        "families" => families(forms().iter().map(|f| (f.id(), f.equation(), f.source()))),
        "benchmark laws" => benchmark_laws(),
        "benchmark families" => {
            families(benchmarks().iter().map(|f| (f.id(), f.equation(), f.source())))
        }
        "curve families" => {
            families(curve_forms().iter().map(|f| (f.id(), f.equation(), f.source())))
        }
        "models" => released_models(),
        "devices" => accelerators(),
        other => panic!("nothing makes `{other}`"),
    }
}

/// Each part of every page: the page, the part, what is there.
fn parts() -> Vec<(PathBuf, String, String)> {
    let mut parts = Vec::new();
    for path in page_paths() {
        let text = std::fs::read_to_string(&path).expect("a page");
        for piece in text.split("\n<!-- begin ").skip(1) {
            let (name, rest) = piece.split_once(" -->\n").expect("a name");
            let end = format!("<!-- end {name} -->");
            let (there, _) = rest.split_once(&end).unwrap_or_else(|| panic!("no {end}"));
            parts.push((path.clone(), name.to_owned(), there.to_owned()));
        }
    }
    parts
}

#[test]
fn the_parts_of_pages_that_are_made_are_what_would_be_made() {
    let bless = std::env::var_os("ISOLOSS_BLESS").is_some();
    let parts = parts();
    assert!(parts.len() >= 15, "{} parts found", parts.len());
    for (path, name, there) in parts {
        let new = format!("\n{}\n", made(&name));
        if new == there {
            continue;
        }
        let place = path.display();
        assert!(
            bless,
            "{place}: `{name}` differs from what would be made (ISOLOSS_BLESS=1 writes it)"
        );
        let text = std::fs::read_to_string(&path).expect("a page");
        let begin = format!("<!-- begin {name} -->\n");
        std::fs::write(&path, text.replace(&(begin.clone() + &there), &(begin + &new)))
            .expect("written");
    }
}

#[test]
fn every_published_row_has_a_page_that_names_its_source() {
    let pages: String = page_paths()
        .into_iter()
        .filter(|p| p.parent().is_some_and(|p| p.ends_with("docs/reference")))
        .map(|p| std::fs::read_to_string(p).expect("a page"))
        .collect();
    let laws = published_laws().expect("laws").iter().map(|l| (l.name.as_str(), l.source.as_str()));
    let models = models().expect("models").iter().map(|m| (m.name.as_str(), m.source.as_str()));
    let devices = devices().expect("devices").iter().map(|d| (d.name.as_str(), d.source.as_str()));
    for (name, source) in laws.chain(models).chain(devices) {
        let there = pages.lines().any(|line| line.contains(name) && line.contains(source));
        assert!(there, "{name}: {source}");
    }
}

#[test]
fn every_page_is_in_the_list_of_the_book() {
    let list = std::fs::read_to_string(here().join("docs/mkdocs.yml")).expect("a list");
    for path in page_paths() {
        let page = path.strip_prefix(here()).expect("a page of ours").display().to_string();
        let listed = list.lines().any(|line| line.trim_end().ends_with(&format!(": {page}")));
        assert!(listed, "{page}: add it to `nav` in docs/mkdocs.yml");
    }
}
