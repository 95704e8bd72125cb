//! Training curves as files, and the two verbs that read more than a run table.

use std::process::Command;

use isoloss::data::read_curve;

fn isoloss(args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_isoloss")).args(args).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code().unwrap_or(-1),
        text(&output.stdout),
        super::cli::one_line_each(&output.stderr),
    )
}

fn file(folder: &tempfile::TempDir, name: &str, text: &str) -> String {
    let path = folder.path().join(name);
    std::fs::write(&path, text).expect("a file");
    path.display().to_string()
}

/// Steps of a run at constant and then falling rate, with losses up to `known`.
fn curve(known: usize) -> String {
    let mut text = "step,lr,loss\n".to_owned();
    let (mut area, mut last, mut momentum, mut annealed) = (0.0, 0.0, 0.0, 0.0);
    for step in 1..=4000 {
        let rate = match step {
            1..=100 => 1e-3 * f64::from(step) / 100.0,
            101..=2000 => 1e-3,
            _ => 1e-3 - 9e-4 * f64::from(step - 2000) / 2000.0,
        };
        area += rate;
        if step > 100 {
            momentum = 0.999 * momentum + last - rate;
            annealed += momentum;
        }
        last = rate;
        if step % 10 == 0 {
            let noise = 0.002 * f64::sin(f64::from(step) * 1.7) * f64::cos(f64::from(step) * 0.3);
            let loss = 2.0 + 0.8 * f64::powf(area, -0.5) - 0.1 * annealed;
            let loss =
                if step <= known as i32 { format!("{:.6}", loss + noise) } else { String::new() };
            text.push_str(&format!("{step},{rate:e},{loss}\n"));
        }
    }
    text
}

#[test]
fn a_curve_is_read_with_its_plan_and_its_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = "iteration,learning_rate,train_loss\n10,1e-4,5\n20,2e-4,4\n30,2e-4,3.5\n20,2e-4,4.1\n30,2e-4,3.6\n40,1e-4,\n50,0,\n";
    let curve = read_curve(file(&folder, "restart.csv", text)).expect("a curve");
    assert_eq!((curve.points.len(), curve.replaced, curve.known_until()), (5, 2, 30));
    assert_eq!(curve.points[2].loss_nats, Some(3.6));
    let rates = curve.rates();
    assert_eq!(rates.len(), 50);
    // A warm-up from zero to the first row, then straight lines between rows.
    for (step, want) in [(5, 5e-5), (10, 1e-4), (15, 1.5e-4), (35, 1.5e-4), (50, 0.0)] {
        assert!((rates[step - 1] - want).abs() < 1e-12, "step {step}: {}", rates[step - 1]);
    }
}

#[test]
fn bad_curves_are_named_with_line_and_column() {
    let folder = tempfile::tempdir().expect("a folder");
    for (text, wanted) in [
        ("step,loss\n1,2\n", "the learning rate"),
        ("step,lr,loss\n1,1e-3,2\n2,fast,2\n", "3: `lr` is `fast`"),
        ("step,lr,loss\n1,1e-3,-2\n", "a loss above zero"),
        ("step,lr,loss\n1,1e-3,\n2,1e-3,3\n", "step 1 has no loss, but a later one has"),
        ("step,lr,loss\n1e300,1e-3,2\n", "beyond"),
        ("step,lr,loss\n1,-1e-3,2\n", "`lr` is -0.001"),
        ("step,lr,loss\n", "holds no rows"),
    ] {
        let path = file(&folder, "bad.csv", text);
        let (code, out, error) = isoloss(&["forecast", &path]);
        assert_eq!((code, out.as_str()), (2, ""), "{text}: {error}");
        assert!(error.contains("bad.csv") && error.contains(wanted), "{text}: {error}");
    }
}

#[test]
fn a_half_finished_run_is_forecast_and_the_file_written_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let half = file(&folder, "half.csv", &curve(3000));
    let out = folder.path().join("forecast.json").display().to_string();
    let args = ["forecast", &half, "--law", "annealing", "--bootstrap", "50", "--json", "-o", &out];
    let (code, text, error) = isoloss(&args);
    assert_eq!(code, 0, "{error}");
    let json: serde_json::Value = serde_json::from_str(&text).expect("one object");
    assert_eq!(
        (json["known_until"].as_u64(), json["final_step"].as_u64()),
        (Some(3000), Some(4000))
    );
    let interval = |k: usize| json["interval"][k].as_f64().expect("a number");
    let loss = json["loss"].as_f64().expect("a number");
    assert!(interval(0) < loss && loss < interval(1));
    // The whole curve says what came.
    let came: f64 = curve(4000)
        .lines()
        .last()
        .expect("a row")
        .rsplit(',')
        .next()
        .expect("a loss")
        .parse()
        .expect("a number");
    assert!((loss / came - 1.0).abs() < 0.01, "{loss} for {came}");
    assert!(json["hindsight"].as_array().is_some_and(|h| !h.is_empty()));
    let saved = std::fs::read_to_string(&out).expect("written");
    let saved: serde_json::Value = serde_json::from_str(&saved).expect("JSON");
    assert_eq!(saved["loss"], json["loss"]);
    // The same schedule by flags, from the rows that have a loss.
    let logged: String =
        curve(3000).lines().filter(|l| !l.ends_with(',')).map(|l| format!("{l}\n")).collect();
    let logged = file(&folder, "logged.csv", &logged);
    let more = ["--until", "4000", "--shape", "linear", "--final-lr", "1e-4"];
    let args: Vec<&str> = ["forecast", &logged, "--law", "annealing", "--bootstrap", "0", "--json"]
        .into_iter()
        .chain(more)
        .collect();
    let (code, text, error) = isoloss(&args);
    assert_eq!(code, 0, "{error}");
    let planned: serde_json::Value = serde_json::from_str(&text).expect("one object");
    let again = planned["loss"].as_f64().expect("a number");
    assert!((again / loss - 1.0).abs() < 1e-6, "{again} {loss}");
    // The same curve as a step log of a tool, the warm-up left out and said.
    let mut log = "{\"event\":\"spec\",\"run\":\"logged\",\"spec\":{\"steps\":4000}}\n".to_owned();
    for line in curve(3000).lines().skip(11).filter(|l| !l.ends_with(',')) {
        let cells: Vec<&str> = line.split(',').collect();
        let (step, rate, loss) = (cells[0], cells[1], cells[2]);
        log.push_str(&format!(
            "{{\"event\":\"step\",\"step\":{step},\"loss\":{loss},\"lr\":{rate}}}\n"
        ));
    }
    let log = file(&folder, "steps.jsonl", &log);
    let args: Vec<&str> = ["forecast", &log, "--law", "annealing", "--bootstrap", "0", "--json"]
        .into_iter()
        .chain(["--warmup", "100"])
        .chain(more)
        .collect();
    let (code, text, error) = isoloss(&args);
    assert_eq!(code, 0, "{error}");
    let logged_run: serde_json::Value = serde_json::from_str(&text).expect("one object");
    let again = logged_run["loss"].as_f64().expect("a number");
    assert!((again / loss - 1.0).abs() < 1e-4, "{again} {loss}");
    // Without rates in the log, flags say the schedule from its start.
    let bare: String = curve(3000)
        .lines()
        .filter(|l| !l.ends_with(','))
        .map(|l| {
            let cells: Vec<&str> = l.split(',').collect();
            format!("{},{}\n", cells[0], cells[2])
        })
        .collect();
    let bare = file(&folder, "bare.csv", &bare);
    let schedule = ["--peak-lr", "1e-3", "--warmup", "100", "--decay-steps", "2000"];
    let args: Vec<&str> = ["forecast", &bare, "--law", "annealing", "--bootstrap", "0", "--json"]
        .into_iter()
        .chain(schedule)
        .chain(more)
        .collect();
    let (code, text, error) = isoloss(&args);
    assert_eq!(code, 0, "{error}");
    let laid: serde_json::Value = serde_json::from_str(&text).expect("one object");
    let again = laid["loss"].as_f64().expect("a number");
    assert!((again / loss - 1.0).abs() < 1e-4, "{again} {loss}");
    for bad in [["--until", "2000"], ["--until", "99000000"]] {
        let (code, _, error) = isoloss(&["forecast", &logged, bad[0], bad[1]]);
        assert!(code == 2 && error.contains("--until"), "{error}");
    }
}

#[test]
fn a_benchmark_law_is_fitted_and_predicts_in_two_steps() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut text = "n,d,loss,err\n".to_owned();
    for i in 0..24 {
        let loss = 2.2 + 0.12 * f64::from(i);
        let error = 0.85 - 2.1 * f64::exp(-0.75 * loss) + 0.002 * f64::sin(f64::from(i) * 2.3);
        text.push_str(&format!("{},{},{loss},{error}\n", 1e8 * f64::from(i + 1), 1e10));
    }
    let evals = file(&folder, "evals.csv", &text);
    let law = ["--law", "besiroglu", "--flops", "1e21", "--target", "0.5"];
    let args: Vec<&str> =
        ["benchmark", &evals, "--map", "error=err", "--bootstrap", "200", "--json"]
            .into_iter()
            .chain(law)
            .collect();
    let (code, text, error) = isoloss(&args);
    assert_eq!(code, 0, "{error}");
    let json: serde_json::Value = serde_json::from_str(&text).expect("one object");
    let number = |v: &serde_json::Value| v.as_f64().expect("a number");
    assert!((number(&json["coefficients"]["gamma"]) / 0.75 - 1.0).abs() < 0.1, "{json}");
    let prediction = &json["predictions"][0];
    let want = 0.85 - 2.1 * f64::exp(-0.75 * number(&prediction["loss"]));
    assert!((number(&prediction["error"]) - want).abs() < 0.01, "{prediction}");
    let loss = number(&json["loss_for_target"]);
    assert!((0.85 - 2.1 * f64::exp(-0.75 * loss) - 0.5).abs() < 0.01, "{loss}");
    let (code, _, error) = isoloss(&["benchmark", &evals]);
    assert!(code == 2 && error.contains("--map error=COLUMN"), "{error}");
    let (code, _, error) =
        isoloss(&["benchmark", &evals, "--map", "error=err", "--fix", "eps=2000"]);
    assert!(code == 2 && error.contains("eps"), "{error}");
}

#[test]
fn bounds_priors_and_borrowed_constants_are_checked_on_the_command_line() {
    let runs = "data/first-light/runs.jsonl";
    for (flags, wanted) in [
        (["--bound", "E=2..1"], "a lower end below the upper one"),
        (["--bound", "E=1"], "expected NAME=LO..HI"),
        (["--bound", "Q=1..2"], "only E, A, B, alpha, beta"),
        (["--prior", "E=1.7+-0"], "a standard deviation above zero"),
        (["--prior", "E=1.7"], "expected NAME=MEAN+-SD"),
        (["--fix", "E@besiroglou"], "did you mean `besiroglu`"),
        (["--fix", "RD@besiroglu"], "`besiroglu` has no `RD`"),
        (["--at", "0"], "above zero"),
        (["--law", "muennighoff"], "numbers of epochs"),
        (["--law", "joint-moe"], "--map experts=COLUMN"),
    ] {
        let args: Vec<&str> = ["fit", runs, "--bootstrap", "0"].into_iter().chain(flags).collect();
        let (code, out, error) = isoloss(&args);
        assert_eq!((code, out.as_str()), (2, ""), "{flags:?}: {error}");
        assert!(error.contains(wanted), "{flags:?}: {error}");
    }
    let args = [
        "fit",
        runs,
        "--bootstrap",
        "0",
        "--prior",
        "E=1.05±0.01",
        "--bound",
        "alpha=0.3..0.5",
        "--json",
    ];
    let (code, text, error) = isoloss(&args);
    assert_eq!(code, 0, "{error}");
    let json: serde_json::Value = serde_json::from_str(&text).expect("one object");
    let e = json["coefficients"]["E"].as_f64().expect("a number");
    let alpha = json["coefficients"]["alpha"].as_f64().expect("a number");
    assert!((1.02..1.08).contains(&e) && alpha <= 0.5, "{e} {alpha}");
}

/// The bundled trainer's own step logs, finished runs of one size among others.
#[test]
fn step_logs_of_our_own_are_forecast_and_other_sizes_left_out() {
    let logs = "data/first-light/logs";
    let args = ["forecast", logs, "--bootstrap", "20", "--json"];
    let (code, text, error) = isoloss(&args);
    assert_eq!(code, 0, "{error}");
    let json: serde_json::Value = serde_json::from_str(&text).expect("one object");
    assert!(json["left_out"].as_array().is_some_and(|l| !l.is_empty()), "{json}");
    assert!(json["loss"].as_f64().is_some_and(|l| (1.0..2.0).contains(&l)), "{json}");
    let run = json["fitted"][0]["run"].as_str().expect("a name").to_owned();
    let (code, _, error) = isoloss(&["forecast", logs, "--run", "nobody"]);
    assert!(code == 2 && error.contains("nobody") && error.contains(&run), "{error}");
}
