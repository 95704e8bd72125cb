//! Tables of C, of N or of D alone: the law, what it answers, what it refuses.

use std::process::Command;

use isoloss::data::{OneQuantity, OneQuantityTable};
use isoloss::fit::{FitConfig, fit_one_quantity};

fn isoloss(args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_isoloss")).args(args).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code().unwrap_or(-1),
        text(&output.stdout),
        super::cli::one_line_each(&output.stderr),
    )
}

const TRUTH: [f64; 3] = [1.6, 90.0, 0.093];

fn loss(x: f64) -> f64 {
    TRUTH[0] + TRUTH[1] * x.powf(-TRUTH[2])
}

#[test]
fn recovers_a_law_of_any_one_quantity_and_inverts_it() {
    for (of, scale) in [(OneQuantity::C, 1e18), (OneQuantity::N, 1e7), (OneQuantity::D, 1e9)] {
        let rows: Vec<(f64, f64)> = (0..12)
            .map(|k| scale * 10_f64.powf(0.3 * f64::from(k)))
            .map(|x| (x, loss(x)))
            .collect();
        let table = OneQuantityTable { of, rows, per_byte: false };
        let config = FitConfig { bootstrap: 40, ..FitConfig::default() };
        let go = |_| std::ops::ControlFlow::Continue(());
        let law = fit_one_quantity(&table, &config, &go).expect("a fit");
        assert!(law.fit.certificate.certified, "{of}");
        for (name, want) in ["E", "A", "gamma"].iter().zip(TRUTH) {
            let found = law.coefficients[*name];
            assert!((found / want - 1.0).abs() < 1e-6, "{of} {name}: {found}");
        }
        let far = 100.0 * scale * 1e4;
        let predicted = &law.predict(&[far])[0];
        assert!((predicted.loss_nats - loss(far)).abs() < 1e-8, "{predicted:?}");
        assert!(predicted.outside.is_some_and(|factor| factor > 100.0));
        let needed = law.needed(loss(far)).needed.expect("above the floor");
        assert!((needed / far - 1.0).abs() < 1e-5, "{needed:e} {far:e}");
        assert_eq!(law.needed(1.5).needed, None);
    }
}

#[test]
fn a_table_of_compute_is_fitted_predicted_and_planned_with_and_refuses_the_rest() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (runs, fit, points) = (at("runs.csv"), at("fit.json"), at("points.csv"));
    let mut text = "compute,loss\n".to_owned();
    for k in 0..12 {
        let c = 1e18 * 10_f64.powf(0.3 * f64::from(k));
        let noise = 1.0 + 5e-4 * f64::sin(f64::from(k) * 2.7);
        text.push_str(&format!("{c:e},{}\n", loss(c) * noise));
    }
    std::fs::write(&runs, text).expect("a file");
    std::fs::write(&points, "C\n1e22\n").expect("a file");
    let args = ["fit", &runs, "--map", "c=compute", "--bootstrap", "200", "-o", &fit, "--json"];
    let (code, out, error) = isoloss(&args);
    assert_eq!(code, 0, "{error}");
    let json: serde_json::Value = serde_json::from_str(&out).expect("one object");
    assert_eq!(
        (json["of"].as_str(), json["certificate"]["certified"].as_bool()),
        (Some("C"), Some(true))
    );
    assert!(json["intervals"]["gamma"][0].as_f64() < json["coefficients"]["gamma"].as_f64());

    let (code, out, error) = isoloss(&["predict", &fit, &points, "--json"]);
    assert_eq!(code, 0, "{error}");
    let json: serde_json::Value = serde_json::from_str(&out).expect("one object");
    let found = json["rows"][0]["loss"].as_f64().expect("a number");
    assert!((found / loss(1e22) - 1.0).abs() < 0.01, "{found}");

    let wanted = format!("{:.4}", loss(1e22));
    let (code, out, error) = isoloss(&["plan", "--law", &fit, "--loss", &wanted, "--json"]);
    assert_eq!(code, 0, "{error}");
    let json: serde_json::Value = serde_json::from_str(&out).expect("one object");
    let needed = json["needed"]["needed"].as_f64().expect("a number");
    assert!((0.5..2.0).contains(&(needed / 1e22)), "{needed:e}");
    let (code, out, error) = isoloss(&["plan", "--law", &fit, "--flops", "1e22"]);
    assert!(code == 0 && out.contains("1.00e22"), "{error}");

    for refused in [
        vec!["plan", "--law", &fit, "--quality-of", "7B"],
        vec!["curve", "--law", &fit, "--loss", "2.5"],
        vec!["explain", "--law", &fit, "--params", "7B", "--tokens", "1T"],
    ] {
        let (code, out, error) = isoloss(&refused);
        assert_eq!((code, out.as_str()), (2, ""), "{refused:?}: {error}");
        assert!(error.contains("law of C alone") && error.contains("N and D"), "{error}");
        assert_eq!(error.trim().lines().count(), 1, "{error}");
    }
    // Another law needs what the table does not have.
    let (code, _, error) = isoloss(&["fit", &runs, "--map", "c=compute", "--law", "kaplan"]);
    assert!(code == 2 && error.contains("no column for"), "{error}");
}
