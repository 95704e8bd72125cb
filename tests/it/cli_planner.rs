//! The planner's command line: scenarios, recipes, serving, explanations and pictures.

use std::path::Path;

use serde_json::Value;

use super::cli::{has, here, isoloss, json, refusal};

fn number(value: &Value, path: &str) -> f64 {
    value.pointer(path).and_then(Value::as_f64).unwrap_or_else(|| panic!("no {path} in {value}"))
}

const MONEY: &[&str] = &[
    "plan",
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
    "1T..4T",
    "--tpot",
    "20ms",
    "--recipe",
    "--draws",
    "400",
    "--json",
];

#[test]
fn a_money_plan_says_what_it_costs_how_sure_it_is_and_how_to_run_it() {
    let plan = json(MONEY);
    let r = &plan["recommended"][0];
    has(
        r,
        &[
            "law",
            "design",
            "params",
            "tokens",
            "loss",
            "train_flops",
            "total_params",
            "cost",
            "costs",
            "currency",
            "served",
            "intervals",
            "spread",
            "outside",
            "designs",
        ],
    );
    assert_eq!(r["currency"], "lifetime-usd");
    let total = number(r, "/costs/total_usd");
    assert!((number(r, "/cost") / total - 1.0).abs() < 1e-9);
    let interval = r["intervals"]["total_usd"].as_array().expect("an interval");
    let ends = [0, 1].map(|i| interval[i].as_f64().expect("a number"));
    assert!(ends[0] < total && total < ends[1], "{total} {ends:?}");
    assert!(number(r, "/served/per_token_s") <= 0.02 * (1.0 + 1e-6));
    // Every quantity names every input, and no share is negative or above one.
    for spread in r["spread"].as_array().expect("doubts") {
        let shares = spread["shares"].as_array().expect("shares");
        // Training and serving pay one price for the same device.
        assert_eq!(shares.len(), 4, "{spread}");
        let within = |s: &Value| (0.0..=1.0).contains(&s["in_all"].as_f64().unwrap_or(f64::NAN));
        assert!(shares.iter().all(within), "{spread}");
    }
    let row =
        plan["plans"].as_array().expect("rows").iter().find(|p| p["strategy"] == "recommended");
    assert_eq!(row.map(|p| &p["params"]), Some(&r["params"]));
    let run = &plan["recipes"][0];
    has(run, &["shape", "params", "train_flops", "advice", "running", "steps"]);
    assert!(number(run, "/size_error").abs() < 5e-3);
    assert!(number(run, "/running/layout/bytes_per_device") < 72e9);
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
    let with = |threads: &str| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_isoloss"))
            .args(MONEY)
            .env("RAYON_NUM_THREADS", threads)
            .current_dir(here())
            .output()
            .expect("starts");
        output.stdout
    };
    assert_eq!(with("1"), with("2"));
}

#[test]
fn repeated_text_is_planned_in_epochs() {
    let args =
        ["plan", "--law", "muennighoff-repeat", "--flops", "9.3e21", "--unique-tokens", "25B"];
    let plan = json(&[&args[..], &["--json"]].concat());
    let rows = plan["plans"].as_array().expect("rows");
    let of = |s: &str| rows.iter().find(|p| p["strategy"] == s).expect("a row");
    for strategy in ["data-constrained", "recommended"] {
        let row = of(strategy);
        assert!((number(row, "/epochs") / 9.1 - 1.0).abs() < 0.02, "{row}");
        assert!((number(row, "/params") / 6.8e9 - 1.0).abs() < 0.02, "{row}");
    }
    let once = json(&[&args[..], &["--max-epochs", "1", "--json"]].concat());
    let rows = once["plans"].as_array().expect("rows");
    assert!(rows.iter().any(|p| (number(p, "/tokens") / 25e9 - 1.0).abs() < 1e-9));
}

#[test]
fn experts_are_chosen_by_what_memory_holds() {
    let plan = json(&[
        "plan",
        "--law",
        "joint-moe",
        "--flops",
        "1e22",
        "--experts",
        "1,4,16",
        "--memory",
        "24GB",
        "--context",
        "16384",
        "--json",
    ]);
    let r = &plan["recommended"][0];
    assert_eq!(r["design"], "4 experts, top 1");
    assert_eq!(r["limited_by"], "deployment memory");
    assert!(number(r, "/total_params") > 2.0 * number(r, "/active_params"));
    assert_eq!(r["designs"].as_array().map(Vec::len), Some(3));
}

/// Constants of one's own, here of the precision law: quantising the same laptop model harder makes
/// less overtraining worth while.
#[test]
fn a_family_takes_constants_of_ones_own() {
    let same = json(&[
        "plan",
        "--law",
        "chinchilla:E=1.8172;A=482.01;B=2085.43;alpha=0.3478;beta=0.3658",
        "--flops",
        "5.76e23",
        "--json",
    ]);
    let published = json(&["plan", "--law", "besiroglu", "--flops", "5.76e23", "--json"]);
    assert_eq!(same["plans"][1]["params"], published["plans"][1]["params"]);
    let law = "kumar:E=1.8;A=400;B=1200;alpha=0.34;beta=0.35;gw=2.6;ga=2.2;gkv=0.9;CT=0.06;gD=0.5;gN=0.5;gpost=0.55";
    let tokens = |bits: &str| {
        let plan = json(&[
            "plan",
            "--law",
            law,
            "--flops",
            "1e23",
            "--memory",
            "1TB",
            "--max-params",
            "1B",
            "--weight-bits",
            bits,
            "--json",
        ]);
        number(&plan, "/recommended/0/tokens_per_param")
    };
    let (sixteen, four, three) = (tokens("16"), tokens("4"), tokens("3"));
    // Sixteen bits lose nothing, and spend the whole budget.
    assert!((sixteen / (1e23 / 6e18) - 1.0).abs() < 1e-2, "{sixteen}");
    assert!(four <= sixteen && three < 0.9 * four, "{sixteen} {four} {three}");
    for (law, wanted) in [
        ("chinchilla:E=1.8", "A"),
        ("chinchilla:E=1.8;A=x;B=1;alpha=0.3;beta=0.3", "NAME=NUMBER"),
        ("chinchilla:Q=1", "each of E, A, B, alpha, beta"),
        ("chinchila:E=1", "known"),
    ] {
        let (code, told) = refusal(&["plan", "--law", law, "--flops", "1e22"], here());
        assert!(code == 2 && told.contains(wanted), "{law}: {told}");
    }
}

#[test]
fn laws_that_disagree_are_weighed_by_regret() {
    let plan =
        json(&["plan", "--law", "besiroglu,hoffmann-a3-rounded", "--flops", "5.76e23", "--json"]);
    let regret = &plan["regret"];
    has(regret, &["least", "choices", "states"]);
    let least = number(regret, "/least/worst");
    for own in regret["choices"].as_array().expect("choices") {
        assert!(least <= own["worst"].as_f64().expect("a number"));
    }
    // Two laws, one input in doubt: which of them is true.
    let across = &plan["across_laws"];
    let shares = across["spread"][0]["shares"].as_array().expect("shares");
    assert_eq!((shares.len(), &shares[0]["input"]), (1, &Value::from("law")));
    let interval = across["intervals"]["params"].as_array().expect("an interval");
    for own in regret["choices"].as_array().expect("choices") {
        let n = number(own, "/params");
        let ends = [0, 1].map(|i| interval[i].as_f64().expect("a number"));
        assert!(ends[0] * (1.0 - 1e-9) <= n && n <= ends[1] * (1.0 + 1e-9), "{n:e} {ends:?}");
    }
    let codes = plan["warnings"].as_array().expect("warnings").iter();
    assert!(codes.clone().any(|w| w["code"] == "laws-disagree"));
    assert!(codes.clone().any(|w| w["code"] == "decision-disputed"), "{regret}");
}

#[test]
fn a_benchmark_error_can_be_the_aim() {
    let law = "gadre-redpajama";
    let plan = json(&["plan", "--law", law, "--target-error", "0.5", "--benchmark", law, "--json"]);
    let rows = plan["plans"].as_array().expect("rows");
    let row = rows.iter().find(|p| p["strategy"] == "chinchilla").expect("a row");
    let error = 0.857 - 2.21 * (-0.715 * number(row, "/loss")).exp();
    assert!((error - 0.5).abs() < 1e-9, "{error}");
}

#[test]
fn models_without_published_tokens_are_explained_by_a_reference() {
    let e = json(&["explain", "Mistral 7B", "--law", "hoffmann-a3-devries", "--json"]);
    assert_eq!(e["tokens_assumed"], true);
    let split = &e["against"];
    assert_eq!(split["reference"], "Gopher 280B");
    assert!((number(split, "/size_ratio") - 38.674).abs() < 1e-3);
    let product =
        number(split, "/allocation") * number(split, "/compression") * number(split, "/residual");
    assert!((product / number(split, "/size_ratio") - 1.0).abs() < 1e-12);
    has(&e, &["next_doubling", "implied_serve_tokens", "outside"]);
    let several = json(&["explain", "Mistral 7B", "--json"]);
    // Under the refit no sensible number of tokens brings it to the loss of Gopher.
    assert_eq!(several["explanations"].as_array().map(Vec::len), Some(1));
    assert_eq!(several["past_the_wall"].as_array().map(Vec::len), Some(1));
}

/// Exact values of the datablations readme, through the command line.
#[test]
fn golden_losses_of_repeated_text_are_told() {
    for (n, d, loss) in
        [("6.34e9", "242e9", 2.225_644_088_998_447_7), ("8.67e9", "178e9", 2.226_963_407_508_786_7)]
    {
        let e = json(&[
            "explain",
            "--params",
            n,
            "--tokens",
            d,
            "--unique-tokens",
            "25e9",
            "--law",
            "muennighoff-repeat",
            "--json",
        ]);
        assert!((number(&e, "/loss") - loss).abs() < 1e-12, "{e}");
    }
}

/// The scaling book's table: Llama 2 13B on 8 TPU v5e at 8192 tokens, step times in ms.
#[test]
fn golden_ideal_serving_is_the_roofline() {
    let s = json(&[
        "serving",
        "Llama 2 13B",
        "--device",
        "TPU v5e",
        "--devices",
        "8",
        "--ideal",
        "--memory",
        "10TB",
        "--prompt",
        "8191",
        "--answer",
        "2",
        "--batch",
        "1,8,16,32,64,240",
        "--json",
    ]);
    let rows = s["models"][0]["rows"].as_array().expect("rows");
    for (row, ms) in rows.iter().zip([4.98, 12.13, 20.3, 36.65, 69.33, 249.09]) {
        let ours = 1e3 * number(row, "/per_token_s");
        assert!((ours / ms - 1.0).abs() < 0.015, "{ours} {ms}");
    }
}

#[test]
fn serving_shows_what_a_batch_does_to_experts() {
    let args = [
        "serving",
        "Mixtral 8x7B",
        "--device",
        "A100 80GB SXM",
        "--devices",
        "2",
        "--batch",
        "1,16",
        "--twins",
        "--json",
    ];
    let s = json(&args);
    let models = s["models"].as_array().expect("models");
    assert_eq!(models.len(), 3);
    let rows = &models[0]["rows"];
    assert_eq!(number(rows, "/0/experts_reached"), 2.0);
    assert!((number(rows, "/1/share_read") - 0.99).abs() < 0.01);
    // Measured: 96.67 tokens per second on two A100.
    assert!((1.0 / number(rows, "/0/per_token_s") / 96.67 - 1.0).abs() < 0.10);
    // Good at input, worse at output: as fast as its active twin at reading a long prompt, far slower at
    // writing. At a short prompt the time to read all experts still shows.
    let ratio =
        |s: &Value, path: &str| number(&s["models"][0], path) / number(&s["models"][1], path);
    let long = json(&[&args[..], &["--prompt", "8000"]].concat());
    assert!(ratio(&long, "/rows/1/first_token_s") < 1.1);
    assert!(ratio(&s, "/rows/1/first_token_s") > 1.1);
    assert!(ratio(&s, "/rows/1/per_token_s") > 2.0);
}

#[test]
fn pictures_and_tables_of_families_and_serving_are_written() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let ok = |args: &[&str]| {
        let output = isoloss(args, folder.path());
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    };
    ok(&[
        "curve",
        "--law",
        "besiroglu",
        "--family",
        "1B,7B,70B",
        "--models",
        "Gopher",
        "-o",
        "f.svg",
        "-o",
        "f.png",
        "-o",
        "f.csv",
    ]);
    ok(&["serving", "Mixtral 8x7B", "--device", "H200", "--twins", "-o", "s.svg", "-o", "s.png"]);
    let read = |name: &str| std::fs::read(folder.path().join(name)).expect("written");
    ok(&["plan", "--law", "besiroglu", "--flops", "1e22", "-o", "plan.json"]);
    let plan: Value = serde_json::from_slice(&read("plan.json")).expect("JSON");
    assert_eq!(plan["plans"][1]["strategy"], "chinchilla");
    for (name, start) in [("f.png", &b"\x89PNG"[..]), ("s.png", b"\x89PNG"), ("f.svg", b"<svg")] {
        assert!(read(name).starts_with(start), "{name}");
    }
    let csv = String::from_utf8(read("f.csv")).expect("utf-8");
    let mut lines = csv.lines();
    assert_eq!(lines.next(), Some("loss,params,tokens,train_flops,overhead"));
    assert!(lines.clone().count() > 150);
    assert!(
        lines.all(|l| l.split(',').count() == 5 && l.split(',').all(|c| c.parse::<f64>().is_ok()))
    );
    assert!(String::from_utf8(read("f.svg")).expect("utf-8").contains("Gopher 280B"));
}

#[test]
fn a_recipe_writes_a_config_that_counts_to_its_parameters() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let args = ["recipe", "--params", "7.24B", "--tokens", "1T", "--json", "-o", "config.json"];
    let output = isoloss(&args, folder.path());
    let run: Value = serde_json::from_slice(&output.stdout).expect("one object");
    let text = std::fs::read_to_string(folder.path().join("config.json")).expect("written");
    let c: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(c["model_type"], "llama");
    // Counted from the file alone: projections, gated feed-forward, two gains a layer, one at the end.
    let of = |key: &str| number(&c, &format!("/{key}"));
    let (d, layers, head) = (of("hidden_size"), of("num_hidden_layers"), of("head_dim"));
    let attention = 2.0 * d * head * (of("num_attention_heads") + of("num_key_value_heads"));
    let block = attention + 3.0 * d * of("intermediate_size") + 2.0 * d;
    let all = layers * block + d + 2.0 * of("vocab_size") * d;
    assert_eq!(all, number(&run, "/params"));
}

#[test]
fn the_talk_is_checked_claim_by_claim() {
    let talk = json(&["talk", "--json"]);
    assert_eq!(talk["claims"].as_array().map(Vec::len), Some(23));
    assert_eq!(talk["systems"].as_array().map(Vec::len), Some(18));
    for claim in talk["claims"].as_array().expect("claims") {
        has(claim, &["id", "says", "findings", "verdict"]);
    }
}

#[test]
fn planners_refuse_with_one_message() {
    let plan = ["plan", "--law", "besiroglu", "--quality-of", "30B"];
    let served = ["--device", "H100 SXM", "--serve-device", "H100 SXM", "--requests", "1e9"];
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (more, wanted) in [
        (&["--experts", "0"][..], "--experts 1"),
        (&["--experts", "8"], "joint-moe"),
        (&["--serve-tokens", "1T", "--cost", "lifetime-usd"], "--usd-per-hour"),
        (&["--tpot", "10ms"], "--serve-device"),
        (&["--mfu", "40", "--device", "H200", "--cost", "train-usd"], "0.4 for 40 %"),
        (&["--mfu", "0.4..0.3"], "not a range"),
        (&["--unique-tokens", "1B"], "out of reach"),
        (&["--vocab", "0", "--recipe"], "vocab"),
        (&["--device", "Apple M4", "--recipe"], "no dense BF16 peak"),
        (&["--memory", "16GB", "--weight-bits", "0"], "`weight_bits`"),
        (&[&served[..], &["--batch", "1e9"]].concat(), "serving memory"),
        (&[&served[..], &["--batch", "0"]].concat(), "batch"),
        (&[&served[..], &["--prompt", "nan"]].concat(), "prompt"),
        (&[&served[..], &["--serve-devices", "0"]].concat(), "`devices`"),
        (
            &["--serve-device", "Apple M4", "--requests", "1", "--device", "H200"],
            "--serve-usd-per-hour",
        ),
    ] {
        let (code, told) = refusal(&[&plan[..], more].concat(), folder);
        assert_eq!(code, 2, "{more:?}: {told}");
        assert!(told.contains(wanted), "{more:?}: {told}");
    }
    for (args, wanted) in [
        (&["serving", "Mistral Large", "--device", "H200"][..], "shape"),
        (&["serving", "GPT-3", "--device", "Apple M4"], "355.3 GB"),
        (&["serving", "--device", "H200"], "--params"),
        (&["recipe", "--params", "1k", "--tokens", "1B"], "vocabulary"),
        (&["curve", "--law", "besiroglu", "--family", "7B", "--axis", "usd"], "--device"),
        (&["explain", "Llama 3 8B", "--against", "Mistral 7B"], "tokens are not published"),
    ] {
        let (code, told) = refusal(args, folder);
        assert_eq!(code, 2, "{args:?}: {told}");
        assert!(told.contains(wanted), "{args:?}: {told}");
    }
}
