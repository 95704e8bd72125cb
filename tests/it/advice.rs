//! Plans a lead could sign: no absurd size, no two answers to one question, no number without its doubt.

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

/// Where only training counts and a limit presses the size, the neighbour that serves a hundred times
/// cheaper is told first.
#[test]
fn a_plan_pressed_against_a_limit_names_its_neighbour() {
    let args = [CLUSTER, EIGHT, &["--cost", "train-usd"]].concat();
    let pressed = plan(&args);
    let r = &pressed["recommended"][0];
    assert!(number(r, "/served/batch") < 2.0, "{r}");
    let neighbour = &r["neighbour"];
    assert!(number(neighbour, "/cost_ratio") < 0.1, "{neighbour}");
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
