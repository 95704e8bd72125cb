//! Plans a lead could sign: no absurd size, no two answers to one question, no number without its doubt.

use std::path::Path;

use serde_json::Value;

use super::cli::{here, isoloss, json, refusal};

fn number(value: &Value, path: &str) -> f64 {
    value.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("no {path} in {value}"))
}

fn plan(more: &[&str]) -> Value {
    json(&[&["plan"], more, &["--draws", "200", "--json"]].concat())
}

fn codes(plan: &Value) -> Vec<String> {
    let warnings = plan["warnings"].as_array().expect("warnings");
    warnings.iter().map(|w| w["code"].as_str().expect("a code").to_owned()).collect()
}

/// Two months of a cluster, and what is served; without the deployment.
const CLUSTER: &[&str] = &[
    "--law",
    "besiroglu",
    "--gpus",
    "2048",
    "--device",
    "H100 SXM",
    "--days",
    "60",
    "--mfu",
    "0.4",
    "--serve-tokens",
    "10T",
    "--serve-device",
    "H100 SXM",
];
const EIGHT: &[&str] = &["--serve-devices", "8", "--tpot", "20ms"];

/// A budget of training does not buy the last thousandth of a nat with hundreds of millions of serving,
/// whatever limits the size.
#[test]
fn a_training_budget_is_weighed_against_serving() {
    let most_of_it = |extra: &[&str]| {
        let plan = plan(&[CLUSTER, extra].concat());
        let r = &plan["recommended"][0];
        let serve = number(r, "/costs/serve_usd");
        let train = number(r, "/costs/train_usd");
        assert!(number(r, "/served/batch") > 8.0, "{extra:?}: {r}");
        assert!(serve < 2.0 * train, "{extra:?}: {serve} {train}");
        // No point of the frontier is worth more, at the exchange the plan states.
        let worth = |p: &Value| number(p, "/serve_cost") + number(p, "/loss_cost");
        let points = r["frontier"].as_array().expect("a frontier");
        let own = points.iter().find(|p| p["recommended"] == true).expect("the plan itself");
        assert!(points.iter().all(|p| worth(p) >= worth(own) * (1.0 - 1e-9)), "{extra:?}");
        (number(r, "/params"), serve)
    };
    let (n, _) = most_of_it(EIGHT);
    let (explicit, _) = most_of_it(&[EIGHT, &["--cost", "lifetime-usd"]].concat());
    assert_eq!(n, explicit);
    most_of_it(&[EIGHT, &["--ttft", "200ms"]].concat());
    most_of_it(&["--serve-devices", "4", "--tpot", "30ms"]);
    // A nat worth more buys a larger model.
    let (larger, dearer) = most_of_it(&[EIGHT, &["--nat-value", "$2B"]].concat());
    let (smaller, cheaper) = most_of_it(&[EIGHT, &["--nat-value", "$100M"]].concat());
    assert!(smaller < n && n < larger && cheaper < dearer);
}

/// Where only training counts and a limit presses the size, the neighbour that serves several times cheaper
/// is told first.
#[test]
fn a_plan_pressed_against_a_limit_names_its_neighbour() {
    let args = [CLUSTER, EIGHT, &["--cost", "train-usd"]].concat();
    let pressed = plan(&args);
    let r = &pressed["recommended"][0];
    assert!(number(r, "/served/batch") < 2.0, "{r}");
    let neighbour = &r["neighbour"];
    assert!(number(neighbour, "/cost_ratio") < 0.2, "{neighbour}");
    assert!(number(neighbour, "/batches/1") > 4.0, "{neighbour}");
    assert!(number(neighbour, "/loss_share") < 0.005 + 1e-9);
    assert_eq!(codes(&pressed)[0], "cheaper-neighbour");
    let text = isoloss(&[&["plan"], &args[..], &["--draws", "0"]].concat(), here());
    let text = String::from_utf8(text.stdout).expect("utf-8");
    assert!(text.starts_with("first"), "{text}");
    // Without such a limit nothing is said.
    let free = plan(&["--law", "besiroglu", "--flops", "1e24", "--serve-tokens", "2T"]);
    assert!(!codes(&free).contains(&"cheaper-neighbour".to_owned()));
}

/// Every row of an answer follows from the scenario with fewer constraints, so equal questions have equal
/// answers.
#[test]
fn rows_of_one_answer_do_not_contradict_each_other() {
    for question in [
        &["--quality-of", "30B", "--memory", "48GB", "--context", "200000"][..],
        &["--flops", "1e22", "--unique-tokens", "20B", "--max-epochs", "8"],
        &["--flops", "1e22", "--memory", "8GB", "--unique-tokens", "20B"],
        &["--quality-of", "30B", "--serve-tokens", "10T"],
        &["--flops", "1e24"],
        &["--loss", "2.0", "--max-params", "30B"],
    ] {
        let plan = plan(&[&["--law", "besiroglu"], question].concat());
        let rows = plan["plans"].as_array().expect("rows");
        let of = |s: &str| rows.iter().find(|r| r["strategy"] == s);
        let own = of("recommended").expect("a recommended row");
        assert_eq!(own["params"], plan["recommended"][0]["params"], "{question:?}");
        // A row with one limit answers the question with that limit alone.
        let alone = |flag: &[&str]| question.windows(1).any(|w| flag.contains(&w[0]));
        for (strategy, limit, others) in [
            ("memory-constrained", "--memory", &["--unique-tokens", "--serve-tokens"][..]),
            ("data-constrained", "--unique-tokens", &["--memory", "--serve-tokens"]),
            ("inference-aware", "--serve-tokens", &["--memory", "--unique-tokens"]),
        ] {
            assert_eq!(of(strategy).is_some(), question.contains(&limit), "{question:?}");
            if let (Some(row), false) = (of(strategy), alone(others)) {
                assert_eq!(row["params"], own["params"], "{question:?} {strategy}");
            }
        }
    }
}

/// One device that trains and serves has one price: the interval is that of the price, not of two.
#[test]
fn one_price_is_drawn_once() {
    let ask = |price: &str| {
        let more = [
            "--law",
            "besiroglu",
            "--quality-of",
            "30B",
            "--device",
            "H100 SXM",
            "--serve-device",
            "H100 SXM",
            "--serve-devices",
            "2",
            "--serve-tokens",
            "2T",
            "--mfu",
            "0.4",
            "--usd-per-hour",
            price,
        ];
        plan(&more)
    };
    let (cheap, dear, range) = (ask("1.99"), ask("5"), ask("1.99..5"));
    let of = |p: &Value| number(p, "/recommended/0/params");
    // One price scales everything alike, so it cannot move the size.
    assert!((of(&cheap) / of(&dear) - 1.0).abs() < 1e-6);
    let inputs = range["recommended"][0]["spread"].to_string();
    assert!(inputs.contains("device-price") && !inputs.contains("train-price"), "{inputs}");
    let ends = range["recommended"][0]["intervals"]["cost"].as_array().expect("an interval");
    let end = |i: usize| ends[i].as_f64().expect("a number");
    let total = |p: &Value| number(p, "/recommended/0/costs/total_usd");
    // At 95 % the interval reaches nearly from the cheapest price to the dearest.
    assert!(end(0) < total(&cheap) * 1.15 && end(1) > total(&dear) * 0.9, "{ends:?}");
}

#[test]
fn a_size_alone_asks_for_its_tokens() {
    let alone = plan(&["--law", "besiroglu", "--params", "7B"]);
    let r = &alone["recommended"][0];
    assert!((number(r, "/params") / 7e9 - 1.0).abs() < 1e-12);
    let optimum =
        json(&["explain", "--params", "7B", "--tokens", "1T", "--law", "besiroglu", "--json"]);
    assert!(number(r, "/tokens") < number(&optimum, "/tokens"));
    // The budget of which 7B is the optimum gives the same tokens.
    let budget = number(r, "/train_flops").to_string();
    let back = plan(&["--law", "besiroglu", "--flops", &budget]);
    assert!((number(&back, "/recommended/0/params") / 7e9 - 1.0).abs() < 1e-6);
    // Served tokens make it worth training longer, and the plan at that loss has this size.
    let served = plan(&["--law", "besiroglu", "--params", "7B", "--serve-tokens", "5T"]);
    let r = &served["recommended"][0];
    let loss = number(r, "/loss").to_string();
    let back = plan(&["--law", "besiroglu", "--loss", &loss, "--serve-tokens", "5T"]);
    assert!((number(&back, "/recommended/0/params") / 7e9 - 1.0).abs() < 1e-4, "{back}");
}

/// Repetition is priced, bounded and told; a law that cannot price it says so.
#[test]
fn repeated_tokens_are_told_for_what_they_are_worth() {
    let text = |more: &[&str]| {
        let out = isoloss(&[&["plan"], more, &["--draws", "0"]].concat(), here());
        String::from_utf8(out.stdout).expect("utf-8")
    };
    let kaplan =
        ["--law", "kaplan-nd", "--flops", "1e22", "--unique-tokens", "5B", "--max-epochs", "8"];
    assert!(codes(&plan(&kaplan)).contains(&"repetition-unpriced".to_owned()));
    let told = text(&kaplan);
    assert!(told.contains("each seen once") && !told.contains("8 epochs"), "{told}");
    let many = ["--law", "besiroglu", "--flops", "1e24", "--unique-tokens", "5B"];
    let wasteful = plan(&many);
    assert!(codes(&wasteful).contains(&"compute-wasted".to_owned()));
    let r = &wasteful["recommended"][0];
    assert!(number(r, "/effective_tokens") < 0.5 * number(r, "/tokens"), "{r}");
    let few = ["--law", "besiroglu", "--flops", "1e22", "--unique-tokens", "100B"];
    assert!(!codes(&plan(&few)).contains(&"compute-wasted".to_owned()));
}

/// The doubt of a published law lies between laws; losses of different texts are not pooled.
#[test]
fn losses_of_different_texts_are_not_pooled() {
    let same = plan(&["--law", "besiroglu,hoffmann-a3-devries", "--flops", "1e23"]);
    assert!(same["across_laws"]["intervals"].get("loss").is_some());
    let other = plan(&["--law", "besiroglu,muennighoff-base", "--flops", "1e23"]);
    assert!(other["across_laws"]["intervals"].get("loss").is_none(), "{other}");
}

#[test]
fn the_answer_comes_first_and_short() {
    for more in [
        &["--law", "besiroglu", "--flops", "5.76e23"][..],
        &["--law", "besiroglu,hoffmann-a3-devries", "--quality-of", "70B", "--serve-tokens", "10T"],
        &[CLUSTER, EIGHT].concat(),
    ] {
        let out = isoloss(&[&["plan"], more, &["--draws", "200"]].concat(), here());
        let (text, told) =
            (String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
        assert!(text.starts_with("train "), "{text}");
        assert!(text.contains("\ncost ") && text.contains("\nchange "), "{text}");
        let wide = text.lines().find(|line| line.chars().count() > 80);
        assert_eq!(wide, None, "{more:?}");
        let laws = more[1].split(',').count();
        assert!(told.matches("[extrapolation]").count() <= laws, "{told}");
        assert!(!text.contains("kaplan"), "{text}");
    }
    let (code, told) =
        refusal(&["plan", "--law", "besiroglu", "--flops", "1e22", "--nat-value", "0"], here());
    assert!(code == 2 && told.contains("--nat-value"), "{told}");
}

/// Laws of experts know how far they were seen, and what they do not say.
#[test]
fn experts_stay_within_what_a_law_saw() {
    let huge = plan(&["--law", "joint-moe", "--flops", "1e27", "--experts", "1,64,4096"]);
    let r = &huge["recommended"][0];
    assert!(number(r, "/total_params") < 0.1 * 1.15e17, "{r}");
    let args = ["plan", "--law", "joint-moe", "--flops", "1e27", "--experts", "1,64,4096"];
    let text = String::from_utf8(isoloss(&args, here()).stdout).expect("utf-8");
    assert!(text.starts_with("first ") && text.contains("7709"), "{text}");
    let refused = r["designs"][2]["refused"].as_str().expect("a reason");
    assert!(refused.contains("4096") && refused.contains("32"), "{refused}");
    assert!(r["outside"].get("N").is_some() && r["outside"].get("experts").is_some(), "{r}");
    assert!(codes(&huge).contains(&"extrapolation".to_owned()));
    for (law, experts, more, wanted) in [
        ("joint-moe", "8", &["--top-k", "8"][..], "dense model"),
        ("joint-moe", "4", &["--top-k", "6"], "experts.top_k"),
        ("joint-moe", "4096", &[], "four times"),
        ("krajewski-moe-active", "32", &[], "64"),
        ("joint-moe", "8", &["--granularity", "4"], "granularity"),
        ("besiroglu", "8", &[], "joint-moe"),
    ] {
        let args =
            [&["plan", "--law", law, "--flops", "1e22", "--experts", experts], more].concat();
        let (code, told) = refusal(&args, here());
        assert!(code == 2 && told.contains(wanted), "{args:?}: {told}");
    }
    // Finer experts help, by the law of fine-grained experts.
    let loss = |granularity: &str| {
        let law = ["--law", "krajewski-moe-active", "--flops", "1e21", "--experts", "64"];
        number(&plan(&[&law[..], &["--granularity", granularity]].concat()), "/recommended/0/loss")
    };
    assert!(loss("8") < loss("2") && loss("2") < loss("1"));
}

/// In active parameters the fine-grained law is the published one: N is 43 times the active ones.
#[test]
fn the_fine_grained_law_in_active_parameters_is_the_published_one() {
    use isoloss::law::{Point, Surface};
    use isoloss::units::{Params, Setting, Tokens};
    let of = |name: &str| Surface::published(name).expect("shipped");
    let (stored, active) = (of("krajewski-moe"), of("krajewski-moe-active"));
    for (n, d, granularity) in [(1e8, 4.37e9, 8.0), (1e9, 28.94e9, 16.0), (70e9, 941e9, 32.0)] {
        let at = |n: f64| {
            let setting = Setting { experts: 64.0, granularity, ..Setting::PLAIN };
            Point::new(Params::new(n), Tokens::new(d)).within(setting)
        };
        let share = 1.0 / 3.0 + 2.0 / 3.0 * 64.0;
        let (a, b) = (stored.loss(&at(share * n)), active.loss(&at(n)));
        assert!((a / b - 1.0).abs() < 1e-7, "{a} {b}");
    }
}

/// Laws of one answer have names of their own, and a family is not taken for a law.
#[test]
fn laws_are_told_apart() {
    let two = plan(&[
        "--law",
        "chinchilla:E=1.8;A=480;B=2085;alpha=.348;beta=.366,chinchilla:E=1.7;A=400;B=410;alpha=.34;beta=.28",
        "--flops",
        "1e23",
    ]);
    let of = |i: usize| two["recommended"][i]["law"].as_str().expect("a law").to_owned();
    assert_ne!(of(0), of(1));
    assert!(codes(&two).contains(&"no-range".to_owned()));
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["one.json", "two.json"] {
        let fit = isoloss(
            &[
                "fit",
                here().join("data/first-light/runs.jsonl").to_str().expect("utf-8"),
                "--bootstrap",
                "20",
                "-o",
                name,
            ],
            folder.path(),
        );
        assert!(fit.status.success());
    }
    let out = isoloss(
        &["plan", "--law", "one.json,two.json", "--flops", "1e14", "--json"],
        folder.path(),
    );
    let fits: Value = serde_json::from_slice(&out.stdout).expect("JSON");
    assert_ne!(fits["recommended"][0]["law"], fits["recommended"][1]["law"]);
    for (law, wanted) in [
        ("chinchilla", "besiroglu"),
        ("joint_moe", "joint-moe"),
        ("muennighoff", "muennighoff-repeat"),
    ] {
        let (code, told) = refusal(&["plan", "--law", law, "--flops", "1e22"], here());
        assert!(code == 2 && told.contains(wanted), "{law}: {told}");
    }
}

/// The other constants that the runs of repetition allow widen the interval to their own plan.
#[test]
fn the_doubt_about_repetition_is_in_the_interval() {
    let ask = |law: &str, more: &[&str]| {
        let question = ["--law", law, "--flops", "1e22", "--unique-tokens", "20B"];
        plan(&[&question[..], more].concat())
    };
    for law in ["besiroglu", "muennighoff-repeat"] {
        let doubted = ask(law, &[]);
        let interval = doubted["recommended"][0]["intervals"]["params"].as_array().expect("doubt");
        let end = |i: usize| interval[i].as_f64().expect("a number");
        let rival = if law == "besiroglu" {
            number(&ask(law, &["--repetition", "95.37,1.706"]), "/recommended/0/params")
        } else {
            end(0)
        };
        let own = number(&doubted, "/recommended/0/params");
        assert!(
            end(0) < rival * 1.1 && end(1) > own * (1.0 - 1e-9),
            "{law} {rival:e} {interval:?}"
        );
        assert!(end(0) < 0.7 * own, "{law} {interval:?}");
        assert!(doubted["recommended"][0]["spread"].to_string().contains("repetition"));
    }
    // Constants that are given are known.
    let given = ask("besiroglu", &["--repetition", "15.39,5.31"]);
    assert_eq!(given["recommended"][0]["intervals"], serde_json::json!({}));
}

/// Runs that count 0.49 of 6 N D: a plan at their budget is a run of that budget, not a smaller one.
#[test]
fn budgets_are_spent_as_the_runs_count_them() {
    use std::fmt::Write;
    let folder = tempfile::tempdir().expect("a folder");
    let loss = |n: f64, d: f64| 1.8 + 400.0 / n.powf(0.34) + 1200.0 / d.powf(0.35);
    let mut table = "n,d,c,loss\n".to_owned();
    for i in 0..6 {
        for j in 0..6 {
            let (n, d) = (1e7 * 3f64.powi(i), 2e8 * 3f64.powi(j));
            writeln!(table, "{n},{d},{},{}", 0.49 * 6.0 * n * d, loss(n, d)).expect("memory");
        }
    }
    std::fs::write(folder.path().join("runs.csv"), table).expect("written");
    let fit = isoloss(
        &["fit", "runs.csv", "--bootstrap", "50", "-o", "fit.json", "--verbose"],
        folder.path(),
    );
    let told = String::from_utf8_lossy(&fit.stdout);
    assert!(told.contains("0.490 of 6 N D"), "{told}");
    let out = isoloss(&["plan", "--law", "fit.json", "--flops", "1e19", "--json"], folder.path());
    let plan: Value = serde_json::from_slice(&out.stdout).expect("JSON");
    let r = &plan["recommended"][0];
    let (n, d) = (number(r, "/params"), number(r, "/tokens"));
    assert!((0.49 * 6.0 * n * d / 1e19 - 1.0).abs() < 1e-6, "{n:e} {d:e}");
    assert!((number(r, "/train_flops") / 1e19 - 1.0).abs() < 1e-6);
    // No size on the budget, counted so, is better by the law that made the runs.
    for factor in [0.5, 0.8, 1.25, 2.0] {
        assert!(loss(n * factor, d / factor) > loss(n, d));
    }
}

/// A limit on waiting that cannot be kept is an error, in `serving` and in `plan`.
#[test]
fn waits_that_cannot_be_kept_are_refused() {
    for args in [
        &["serving", "Mistral 7B", "--device", "H100 SXM", "--tpot", "0.1ms"][..],
        &["serving", "Mistral 7B", "--device", "H100 SXM", "--ttft", "1ms"],
        &["serving", "Llama 2 70B", "--device", "H100 SXM", "--devices", "4", "--tpot", "2ms"],
    ] {
        let (code, told) = refusal(args, here());
        assert!(code == 2 && told.contains("takes"), "{told}");
    }
    let args = [
        "plan",
        "--law",
        "besiroglu",
        "--quality-of",
        "70B",
        "--serve-device",
        "H100 SXM",
        "--requests",
        "1e9",
        "--tpot",
        "0.01ms",
    ];
    let (code, told) = refusal(&args, here());
    assert!(code == 2 && told.contains("time per token"), "{told}");
    // Prompts on the same devices make the users of a large batch wait.
    let per_token = |more: &[&str]| {
        let args = ["serving", "--params", "19.5B", "--device", "H100 SXM", "--devices", "2"];
        let s = json(&[&args[..], &["--batch", "256", "--json"], more].concat());
        number(&s, "/models/0/rows/0/per_token_s")
    };
    let (shared, apart) = (per_token(&[]), per_token(&["--prefill-apart"]));
    assert!(shared > 1.5 * apart, "{shared} {apart}");
}

/// Whatever the size, the tokens and the machines: batch, heads, layers and experts divide as the layout
/// splits them, and the devices' memory holds.
#[test]
fn recipes_can_be_launched() {
    use isoloss::study::{RecipeRequest, TrainingRequest};
    use isoloss::units::{Params, Tokens};
    let (mut launched, mut uneven) = (0, 0);
    for n in [1.3e9, 7e9, 13e9, 34e9, 70e9, 180e9, 405e9] {
        for (d, gpus) in
            [(3e11, 256.0), (2e12, 1000.0), (2e12, 1024.0), (1.5e13, 2048.0), (1.5e13, 16384.0)]
        {
            for experts in [1, 8, 24] {
                let pattern = isoloss::flops::Pattern::MODERN.with_experts(experts, 2);
                let request = RecipeRequest {
                    pattern,
                    training: Some(TrainingRequest {
                        gpus: Some(gpus),
                        ..TrainingRequest::on("H100 SXM")
                    }),
                    ..RecipeRequest::new(Params::new(n), Tokens::new(d))
                };
                // What no layout holds is refused; everything else launches.
                let Ok(run) = request.answer() else { continue };
                launched += 1;
                let (shape, at) = (run.shape, run.running.expect("devices"));
                let l = at.layout;
                let name = format!("{n:e} {d:e} {gpus} {experts}: {shape:?} {l:?}");
                assert!(run.size_error.abs() < 5e-3, "{name}");
                // Stages of unequal depth only where equal ones do not fit.
                uneven += usize::from(shape.layers % l.pipeline != 0);
                assert_eq!(shape.heads % l.tensor, 0, "{name}");
                assert!(shape.kv_heads % l.tensor == 0 || l.tensor % shape.kv_heads == 0, "{name}");
                assert_eq!(experts.max(1) % l.expert, 0, "{name}");
                let sequences = run.batch_tokens / f64::from(run.context);
                assert_eq!(sequences % f64::from(l.data), 0.0, "{name}");
                assert_eq!(sequences, f64::from(l.data * l.micro_batch * l.accumulation), "{name}");
                assert!(l.bytes_per_device <= 0.9 * 80e9 && at.devices <= gpus, "{name}");
                assert!((run.batch_tokens / run.batch_wanted).ln().abs() < 0.5, "{name}");
            }
        }
    }
    assert!(launched > 60 && uneven * 20 < launched, "{launched} {uneven}");
}

/// With days alone as many devices are used as finish in them; with devices too, a refusal names devices, days
/// and tokens that do keep the deadline when they are asked for.
#[test]
fn deadlines_hold_on_a_grid() {
    use isoloss::error::{Error, PlanError};
    use isoloss::study::{RecipeRequest, TrainingRequest};
    use isoloss::units::{Params, Tokens};
    let ask = |n: f64, d: f64, gpus: Option<f64>, days: f64| {
        RecipeRequest {
            training: Some(TrainingRequest {
                gpus,
                duration_s: Some(days * 86_400.0),
                ..TrainingRequest::on("H100 SXM")
            }),
            ..RecipeRequest::new(Params::new(n), Tokens::new(d))
        }
        .answer()
    };
    let (mut kept, mut refused, mut hopeless) = (0, 0, 0);
    for n in [3e8, 1.3e9, 7e9, 13e9, 70e9, 400e9] {
        for d in [1e11, 2e12, 15e12] {
            for days in [0.5, 7.0, 60.0] {
                match ask(n, d, None, days) {
                    Ok(run) => {
                        let at = run.running.expect("devices");
                        assert!(at.days.mid <= days * (1.0 + 1e-9), "{n:e} {d:e} {days}: {at:?}");
                        assert!(run.tokens_asked.is_none() && at.devices_given.is_none());
                        kept += 1;
                    }
                    Err(Error::Plan(PlanError::TooLarge { .. })) => hopeless += 1,
                    Err(error) => panic!("{n:e} {d:e} {days}: {error}"),
                }
                for gpus in [8.0, 256.0, 2048.0] {
                    let missed = match ask(n, d, Some(gpus), days) {
                        Ok(run) => {
                            let at = run.running.expect("devices");
                            assert!(at.days.mid <= days * (1.0 + 1e-9));
                            // No more is cut than counting and idle devices explain.
                            let least = at.devices / gpus / run.flops_over_six_nd.max(1.0);
                            assert!(run.tokens.get() >= 0.99 * least * d);
                            continue;
                        }
                        Err(Error::Plan(error)) => error,
                        Err(error) => panic!("{error}"),
                    };
                    let name = format!("{n:e} {d:e} {gpus} {days}: {missed}");
                    refused += 1;
                    match missed {
                        PlanError::Deadline { devices_needed, takes_days, fitting, .. } => {
                            let whole = |run: isoloss::plan::Recipe| run.tokens_asked.is_none();
                            if let Some(enough) = devices_needed {
                                assert!(ask(n, d, Some(enough), days).is_ok_and(whole), "{name}");
                            }
                            let up = (takes_days * 10.0).ceil() / 10.0;
                            assert!(ask(n, d, Some(gpus), up).is_ok_and(whole), "{name}");
                            // Fewer tokens take a smaller batch, which may use fewer of the devices.
                            let fewer = ask(n, fitting.get(), Some(gpus), days);
                            assert!(fewer.is_ok() || fitting.get() < 0.1 * d, "{name}");
                        }
                        PlanError::Memory { enough: Some(enough), .. } => {
                            let again = ask(n, d, Some(enough), 1e6);
                            assert!(again.is_ok(), "{name}");
                        }
                        PlanError::FewSteps { .. } => {}
                        other => panic!("{n:e} {d:e}: {other}"),
                    }
                }
            }
        }
    }
    assert!(kept > 40 && refused > 40 && hopeless < 8, "{kept} {refused} {hopeless}");
}

/// What cannot be launched is refused with the reason, and what is left idle or rounded is said.
#[test]
fn what_a_recipe_changes_is_said() {
    let on = ["recipe", "--params", "1.3B", "--tokens", "300B", "--device", "H100 SXM"];
    let text = |more: &[&str]| {
        let out = isoloss(&[&on[..], more].concat(), here());
        let text = String::from_utf8(out.stdout).expect("utf-8");
        assert!(text.starts_with("run ") && text.contains("\nunsure "), "{text}");
        let wide = text.lines().find(|line| line.chars().count() > 80);
        assert_eq!(wide, None);
        text
    };
    // Counting attention takes more than 6 N D: the tokens that fit are told twice.
    let cut = text(&["--gpus", "64", "--days", "2.75", "--mfu", "0.16"]);
    assert_eq!(cut.matches("300B asked for").count(), 2, "{cut}");
    let idle = text(&["--gpus", "16384"]);
    assert!(idle.contains(" of 16384") && idle.contains("too few sequences"), "{idle}");
    let rounded = text(&["--gpus", "64", "--batch-tokens", "1M"]);
    assert!(rounded.contains("(1.00M wanted; rounded to divide)"), "{rounded}");
    assert!(text(&["--gpus", "64", "--batch-tokens", "100k"]).contains("the batch is"));
    assert!(!text(&["--gpus", "64", "--mfu", "0.4"]).contains("goodput spans"));
    for (more, wanted) in [
        (&["--gpus", "0"][..], "at least 1"),
        (&["--gpus", "8", "--days", "0.1"], "what would keep the deadline"),
        (&["--days", "0.0001"], "no number of devices"),
        (&["--gpus", "8", "--train-context", "4000000000"], "shorter context"),
    ] {
        let (code, told) = refusal(&[&on[..], more].concat(), here());
        assert!(code == 2 && told.contains(wanted), "{more:?}: {told}");
    }
    let large = ["recipe", "--params", "70B", "--tokens", "2T", "--device", "H100 SXM"];
    let (code, told) = refusal(&[&large[..], &["--gpus", "8"]].concat(), here());
    assert!(code == 2 && told.contains("devices would hold it"), "{told}");
}

#[test]
fn deadlines_are_kept_or_refused() {
    fn recipe<'a>(more: &[&'a str]) -> Vec<&'a str> {
        [&["recipe", "--params", "7B", "--tokens", "2T"], more].concat()
    }
    let machine = ["--device", "H100 SXM", "--gpus", "8", "--days", "3"];
    let (code, told) = refusal(&recipe(&machine), here());
    assert!(
        code == 2 && told.contains("devices, ") && told.contains("would keep the deadline"),
        "{told}"
    );
    // What counting attention adds is cut from the tokens, and told.
    let plan = json(&[
        "plan",
        "--law",
        "besiroglu",
        "--gpus",
        "1024",
        "--device",
        "H100 SXM",
        "--days",
        "60",
        "--mfu",
        "0.4",
        "--recipe",
        "--json",
    ]);
    let run = &plan["recipes"][0];
    assert!(number(run, "/running/days/mid") <= 60.0 * (1.0 + 1e-6), "{run}");
    assert!(number(run, "/tokens_asked") > number(run, "/tokens"));
    for (args, wanted) in [
        (&["recipe", "--params", "7B", "--tokens", "1"][..], "ten optimiser steps"),
        (&["recipe", "--params", "7B", "--tokens", "2T", "--batch-tokens", "5"], "one sequence"),
        (
            &[
                "recipe",
                "--params",
                "7B",
                "--tokens",
                "2T",
                "--device",
                "A100 80GB SXM",
                "--fp8-training",
            ],
            "FP8",
        ),
    ] {
        let (code, told) = refusal(args, here());
        assert!(code == 2 && told.contains(wanted), "{told}");
    }
    let days = |more: &[&str]| {
        let args = recipe(
            &[&["--device", "H100 SXM", "--gpus", "1024", "--mfu", "0.4", "--json"], more].concat(),
        );
        number(&json(&args), "/running/days/mid")
    };
    assert!((days(&[]) / days(&["--fp8-training"]) - 1.385).abs() < 1e-6);
}

/// What people type: percents, a part of a name, a family of devices, a file of their own.
#[test]
fn names_and_numbers_are_read_as_people_write_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let refused = |args: &[&str], words: &[&str]| {
        let (code, told) = refusal(args, here());
        assert!(code == 2 && words.iter().all(|w| told.contains(w)), "{args:?}: {told}");
    };
    fn served(device: &str) -> [&str; 4] {
        ["serving", "Mistral 7B", "--device", device]
    }
    refused(&served("H100"), &["H100 SXM 80GB", "H100 PCIe", "name one"]);
    refused(&served("A100"), &["name one"]);
    refused(&served("H200 SMX"), &["did you mean `H200 SXM`"]);
    let mfu = |share: &str| {
        let args = ["--law", "besiroglu", "--gpus", "512", "--device", "H200", "--days", "20"];
        number(&plan(&[&args[..], &["--mfu", share]].concat()), "/recommended/0/train_flops")
    };
    assert!((mfu("40%") / mfu("0.4") - 1.0).abs() < 1e-12);
    assert!((mfu("30%..45%") / mfu("0.3..0.45") - 1.0).abs() < 1e-12);
    let write = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("written");
        folder.path().join(name).display().to_string()
    };
    let own = write(
        "mine.toml",
        "[[device]]\nname = 'Mine'\nvendor = 'us'\nclass = 'datacenter'\nbf16_dense_tflop_per_s = 500\n\
         memory_gb = 100\nbandwidth_gb_per_s = 3000\nsource = 'data sheet'\nchecked = 'primary'\n\
         price = [{ date = '2026-11', kind = 'assumed', low = 1.0, high = 2.0, source = 'us' }]\n",
    );
    let config = write(
        "config.json",
        r#"{"model_type": "mistral", "num_hidden_layers": 32, "hidden_size": 4096, "vocab_size": 32000,
            "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 14336}"#,
    );
    let s = json(&["serving", &config, "--device", &own, "--json"]);
    assert_eq!(number(&s, "/models/0/params"), 7_241_732_096.0);
    assert_eq!(s["device"], "Mine");
    let e = json(&["explain", &config, "--tokens", "1T", "--law", "besiroglu", "--json"]);
    assert_eq!(number(&e, "/params"), 7_241_732_096.0);
    for (name, text, word) in [
        ("bad.toml", "[[device]]\nname = 'x'\nmemory_gb = -1\n", "missing field"),
        ("no.toml", "[[gpu]]\n", "unknown field"),
        ("odd.json", r#"{"model_type": "rwkv", "hidden_size": 64}"#, "rwkv"),
        ("broken.json", "{", "EOF"),
    ] {
        let path = write(name, text);
        let is_device = Path::new(name).extension().is_some_and(|e| e == "toml");
        let args = match is_device {
            true => ["serving", "Mistral 7B", "--device", &path],
            false => ["serving", &path, "--device", "H200"],
        };
        refused(&args, &[word, name]);
    }
}

/// Beyond a thousand trillion tokens the answer is that tokens alone do not do it; curves end before.
#[test]
fn numbers_of_tokens_stay_sensible() {
    let text = |args: &[&str]| {
        let out = isoloss(args, here());
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).expect("utf-8")
    };
    let told = text(&["explain", "Mistral 7B", "--against", "Gopher", "--law", "besiroglu"]);
    assert!(told.contains("out of reach") && !told.contains("9340T"), "{told}");
    for law in ["besiroglu", "hoffmann-a3-devries", "kaplan-nd"] {
        let curve = json(&["curve", "--law", law, "--quality-of", "70B", "--json"]);
        let optimum = number(&curve, "/optimum/tokens");
        let points = curve["points"].as_array().expect("points");
        let most = points.iter().map(|p| number(p, "/tokens")).fold(0.0, f64::max);
        assert!(most <= 1e3 * optimum * (1.0 + 1e-6), "{law}: {most:e} {optimum:e}");
    }
    let more = text(&["explain", "LLaMA 7B", "--law", "besiroglu", "--more-tokens", "1T"]);
    assert!(more.contains("2.00T tokens") && more.contains("from scratch"), "{more}");
    // Dollars of a curve and of a plan come from the same utilisation.
    let family =
        ["curve", "--law", "besiroglu", "--family", "30B", "--axis", "usd", "--device", "H200"];
    let told = text(&family);
    assert!(told.contains("0.377"), "{told}");
}

/// One week, one exponent, one price at a time.
#[test]
fn what_would_change_a_plan_is_told() {
    let args = [CLUSTER, EIGHT, &["--what-if"]].concat();
    let plan = plan(&args);
    let rows = plan["what_if"][0].as_array().expect("rows");
    let changes: Vec<&str> = rows.iter().filter_map(|r| r["change"].as_str()).collect();
    for wanted in ["7 days less", "alpha -0.02", "beta +0.02", "demand doubled", "MFU 15 % lower"] {
        assert!(changes.contains(&wanted), "{changes:?}");
    }
    let of = |change: &str| rows.iter().find(|r| r["change"] == change).expect("a row");
    // A week less loses loss, which the exchange rate prices.
    let worth = number(of("7 days less"), "/loss_cost");
    let nat = number(&plan, "/recommended/0/nat_value");
    let lost = number(of("7 days less"), "/plan/loss") - number(of("as asked"), "/plan/loss");
    assert!(lost > 0.0 && (worth / (lost * nat) - 1.0).abs() < 1e-6, "{worth} {lost} {nat}");
}
