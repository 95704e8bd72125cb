//! The programs of `examples/` answer what the command line answers.

use super::cli::{here, isoloss, json};

#[allow(dead_code, unreachable_pub, reason = "a program of its own")]
#[path = "../../examples/logs_to_plan.rs"]
mod logs_to_plan;

#[test]
fn logs_to_plan_gives_the_plan_of_the_command_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let fit = folder.path().join("fit.json").display().to_string();
    let output = isoloss(&["fit", "data/first-light/runs.jsonl", "-o", &fit], here());
    assert!(output.status.success());
    let theirs =
        json(&["plan", "--law", &fit, "--flops", "1e14", "--serve-tokens", "1B", "--json"]);
    let ours = serde_json::to_value(logs_to_plan::plan().expect("a plan")).expect("JSON");
    assert!(ours["plans"].as_array().is_some_and(|plans| plans.len() == 4));
    assert_eq!(ours, theirs);
}
