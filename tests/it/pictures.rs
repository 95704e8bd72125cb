//! Pictures of the command line: what they say, and what they refuse.

use std::path::Path;

use super::cli::{here, isoloss};

/// Runs a verb and gives the SVG it wrote as `x.svg`, with a PNG beside it.
fn drawn(args: &[&str]) -> String {
    let folder = tempfile::tempdir().expect("temporary folder");
    let (svg, png) = (folder.path().join("x.svg"), folder.path().join("x.png"));
    let path = |p: &Path| p.display().to_string();
    let (svg_path, png_path) = (path(&svg), path(&png));
    let args: Vec<&str> = args.iter().copied().chain(["-o", &svg_path, "-o", &png_path]).collect();
    let output = isoloss(&args, here());
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.code().is_some_and(|code| [0, 4, 5].contains(&code)),
        "{args:?}: {error}"
    );
    assert!(std::fs::read(png).expect("written").starts_with(b"\x89PNG"), "{args:?}");
    std::fs::read_to_string(svg).expect("written")
}

/// What a picture says of its points.
fn said(svg: &str) -> Vec<&str> {
    let (_, hits) = svg.split_once("<g class=\"hits\"").expect("areas");
    hits.split("<title>").skip(1).filter_map(|t| Some(t.split_once("</title>")?.0)).collect()
}

const RUNS: &str = "data/first-light/runs.jsonl";

#[test]
fn the_plane_of_the_talk_has_its_tangent_its_wall_and_its_models() {
    let svg = drawn(&["talk"]);
    for text in
        ["horizontal tangent", "capacity wall 10.2B", "LLaMA 7B", "Gopher 280B", "optimal 70B"]
    {
        assert!(svg.contains(text), "{text}");
    }
    assert!(said(&svg).iter().any(|t| t.starts_with("Chinchilla 70B: 70.0B parameters, 5.88e23")));
}

#[test]
fn a_comparison_is_drawn_under_several_laws() {
    let laws = "besiroglu,hoffmann-a3-devries";
    let what = ["compare", "--law", laws, "--quality-of", "70B", "--sizes", "35B"];
    let svg = drawn(&what);
    assert!(svg.contains("35B: +26 %, 2.01T served") && svg.contains("hoffmann-a3-devries"));
    let svg = drawn(&[&what[..], &["--picture", "cost"]].concat());
    assert!(
        said(&svg).iter().any(|t| t.contains("35B, besiroglu is the least expensive from ")),
        "{:?}",
        said(&svg)
    );
}

#[test]
fn curves_of_several_laws_share_a_picture_with_models_among_them() {
    let laws = "besiroglu,hoffmann-a3-devries";
    let svg = drawn(&["curve", "--law", laws, "--quality-of", "65B", "--models", "all"]);
    assert!(svg.contains("Under 2 laws: besiroglu, hoffmann-a3-devries"));
    let optima = said(&svg).iter().filter(|t| t.starts_with("compute-optimal under")).count();
    assert_eq!(optima, 2);
    assert!(said(&svg).iter().any(|t| t.starts_with("Gopher 280B: ")));
}

#[test]
fn a_plan_is_drawn_as_a_plane_a_frontier_and_costs() {
    let plan =
        ["plan", "--law", "besiroglu", "--flops", "1e24", "--serve-tokens", "10T", "--picture"];
    let plane = drawn(&[&plan[..], &["plane"]].concat());
    assert!(said(&plane).iter().any(|t| t.starts_with("recommended under besiroglu")));
    let frontier = drawn(&[&plan[..], &["frontier"]].concat());
    assert!(frontier.contains("plan: ") && said(&frontier)[0].contains("loss given up worth"));
    let cost = drawn(&[&plan[..], &["cost"]].concat());
    assert!(cost.contains("10.0T served") && cost.contains("chinchilla"));
}

#[test]
fn a_frontier_without_a_demand_is_refused_with_what_it_needs() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let args =
        ["plan", "--law", "besiroglu", "--flops", "1e24", "--picture", "frontier", "-o", "x.svg"];
    let output = isoloss(&args, folder.path());
    let error = String::from_utf8_lossy(&output.stderr);
    let error = error.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("a training budget and a number of served tokens"), "{error}");
    assert!(!folder.path().join("x.svg").exists());
}

#[test]
fn a_fit_is_drawn_and_its_errors_grow_from_the_runs_outward() {
    let fit = ["fit", RUNS, "--bootstrap", "100", "--leave-future-out", "C", "--picture"];
    let errors = drawn(&[&fit[..], &["errors"]].concat());
    assert!(said(&errors).iter().all(|t| t.contains("times beyond the fitted runs")));
    assert!(errors.contains("Chinchilla, fitted anew at each step"));
    let frontier = drawn(&[&fit[..], &["frontier"]].concat());
    assert!(frontier.contains("Chinchilla fit of 25 runs"));
    assert!(said(&frontier).iter().any(|t| t.contains("lowest loss") && t.contains("interval")));
}

#[test]
fn a_backtest_is_drawn_with_each_of_its_runs() {
    let svg = drawn(&["validate", RUNS, "--picture", "errors"]);
    assert!(said(&svg).len() >= 3 && svg.contains("beyond the fitted runs"));
}

#[test]
fn training_curves_of_logs_are_drawn_by_run() {
    let svg = drawn(&["logs", "data/first-light/logs", "--picture", "curves"]);
    assert!(said(&svg).iter().any(|t| t.contains("tokens, final ")));
    let lines = said(&svg).iter().filter(|t| !t.contains("final")).count();
    assert!(lines > 50, "{lines} points of curves say their values");
}
