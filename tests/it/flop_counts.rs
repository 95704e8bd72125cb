//! Compute as the log counts it: what a table with another count than 6 N D changes, and what it does not.

use std::fmt::Write;
use std::path::Path;

use serde_json::Value;

use super::cli::isoloss;

/// Runs of one law on budgets of 6 N D, their logged C `count` times that, with `digits` digits.
fn table(folder: &Path, name: &str, count: f64, digits: usize) {
    let mut text = "n,d,c,loss\n".to_owned();
    for budget in [1e18_f64, 1e19, 1e20, 1e21] {
        for step in [-2.0, -1.0, 0.0, 1.0, 2.0_f64] {
            let n = (budget / 120.0).sqrt() * (0.4 * step).exp();
            let d = budget / 6.0 / n;
            let loss = 1.8 + 400.0 / n.powf(0.34) + 1200.0 / d.powf(0.35);
            let scatter = 1.0 + 1e-3 * (7.0 * step + budget.ln()).sin();
            let c = count * budget;
            writeln!(text, "{n},{d},{c:.digits$e},{}", loss * scatter).expect("memory");
        }
    }
    std::fs::write(folder.join(name), text).expect("written");
}

fn answer(args: &[&str], folder: &Path) -> Value {
    let out = isoloss(&[args, &["--json"]].concat(), folder);
    let told = String::from_utf8_lossy(&out.stderr);
    serde_json::from_slice(&out.stdout).unwrap_or_else(|e| panic!("{args:?}: {e}: {told}"))
}

fn number(value: &Value, path: &str) -> f64 {
    value.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("no {path} in {value}"))
}

/// Half the count is half of every budget, and no other size, token count, loss or overhead.
#[test]
fn another_count_scales_budgets_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    for (name, count) in [("full", 1.0), ("half", 0.5)] {
        table(at, &format!("{name}.csv"), count, 15);
        let fit = format!("{name}.json");
        let fitted = isoloss(&["fit", &format!("{name}.csv"), "--bootstrap", "40", "-o", &fit], at);
        assert!(fitted.status.success());
    }
    let same = |path: &str, a: &Value, b: &Value, factor: f64| {
        let (a, b) = (number(a, path), number(b, path));
        assert!((b / a / factor - 1.0).abs() < 1e-9, "{path}: {a:e} {b:e}");
    };
    let read = |name: &str| answer(&["fit", &format!("{name}.csv"), "--bootstrap", "40"], at);
    let (full, half) = (read("full"), read("half"));
    for i in 0..2 {
        let of = |field: &str| format!("/decisions/{i}/{field}");
        for field in ["params", "tokens", "loss", "tokens_per_param"] {
            same(&of(field), &full, &half, 1.0);
        }
        same(&of("flops"), &full, &half, 0.5);
        same(&of("intervals/tokens/0"), &full, &half, 1.0);
    }
    // The three approaches, asked in the same currency.
    let profiles = |fit: &Value| fit.pointer("/approaches/approaches").expect("approaches").clone();
    for i in [1, 2] {
        let (a, b) = (&profiles(&full)[i], &profiles(&half)[i]);
        same("/predicted/0/params", a, b, 1.0);
        same("/predicted/0/flops", a, b, 0.5);
    }
    let curve = |name: &str, more: &[&str]| {
        let law = format!("{name}.json");
        answer(&[&["curve", "--law", &law], more].concat(), at)
    };
    let one = &["--quality-of", "1B"][..];
    let (full, half) = (curve("full", one), curve("half", one));
    same("/optimum/params", &full, &half, 1.0);
    same("/optimum/train_flops", &full, &half, 0.5);
    for end in [0, 1] {
        let band = format!("/train_flops_intervals/5/{end}");
        same(&band, &full, &half, 0.5);
    }
    // Models laid beside a curve are counted as the curve is.
    let family = |name: &str| {
        let law = format!("{name}.json");
        let args = ["curve", "--law", &law, "--family", "1B,2B"];
        String::from_utf8(isoloss(&args, at).stdout).expect("utf-8")
    };
    let shares = |text: &str| -> Vec<String> {
        text.split_whitespace().filter(|w| w.contains('%')).map(str::to_owned).collect()
    };
    let (full, half) = (family("full"), family("half"));
    assert_eq!(shares(&full), shares(&half), "{full}\n{half}");
}

/// Compute written with three digits is 6 N D when it is 6 N D.
#[test]
fn rounded_compute_is_no_other_count() {
    let folder = tempfile::tempdir().expect("a folder");
    table(folder.path(), "runs.csv", 1.0, 2);
    let out = isoloss(&["fit", "runs.csv", "--bootstrap", "0"], folder.path());
    let text = String::from_utf8_lossy(&out.stdout);
    assert!(out.status.success() && !text.contains("logged C is"), "{text}");
}
