//! Mixtures of domains: known laws and optima found again, a public sweep, limits, refusals.

use std::path::Path;
use std::process::Command;

use isoloss::data::{MixtureColumns, MixtureRun, MixtureTable, ReadOptions, read_mixtures};
use isoloss::fit::{MixtureConfig, MixtureForm, best_mixture, mixture_design};
use isoloss::num::stream;
use isoloss::units::Tokens;
use rand_distr::{Distribution, StandardNormal};

fn isoloss(args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_isoloss")).args(args).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let stderr = super::cli::one_line_each(&output.stderr);
    (output.status.code().unwrap_or(-1), text(&output.stdout), stderr)
}

const DOMAINS: [&str; 4] = ["web", "code", "books", "maths"];
/// Floor and slopes of two targets that pull apart.
const PROSE: (f64, [f64; 4]) = (2.2, [-0.6, 0.5, -1.0, 0.7]);
const CODE: (f64, [f64; 4]) = (1.1, [0.4, -1.2, 0.6, -0.3]);

fn loss((floor, slopes): (f64, [f64; 4]), shares: &[f64]) -> f64 {
    floor + slopes.iter().zip(shares).map(|(t, r)| t * r).sum::<f64>().exp()
}

fn sweep(runs: usize, noise: f64, seed: u64) -> MixtureTable {
    let mut rng = stream(seed, 9);
    let mixtures = mixture_design(&[0.4, 0.25, 0.2, 0.15], runs, seed);
    let mut noisy = |x: f64| -> f64 {
        let z: f64 = StandardNormal.sample(&mut rng);
        x + noise * z
    };
    let runs = mixtures.into_iter().enumerate().map(|(k, shares)| MixtureRun {
        run: k.to_string(),
        losses: vec![noisy(loss(PROSE, &shares)), noisy(loss(CODE, &shares))],
        shares,
    });
    MixtureTable {
        domains: DOMAINS.map(str::to_owned).to_vec(),
        targets: vec!["prose".to_owned(), "code".to_owned()],
        runs: runs.collect(),
        ..MixtureTable::default()
    }
}

fn go(_: isoloss::fit::Progress) -> std::ops::ControlFlow<()> {
    std::ops::ControlFlow::Continue(())
}

/// The lowest weighted loss over a fine grid of the simplex: an independent search.
fn by_grid(weights: (f64, f64)) -> (f64, [f64; 4]) {
    const STEPS: usize = 100;
    let mut best = (f64::INFINITY, [0.0; 4]);
    for a in 0..=STEPS {
        for b in 0..=STEPS - a {
            for c in 0..=STEPS - a - b {
                let shares = [a, b, c, STEPS - a - b - c].map(|x| x as f64 / STEPS as f64);
                let value = weights.0 * loss(PROSE, &shares) + weights.1 * loss(CODE, &shares);
                if value < best.0 {
                    best = (value, shares);
                }
            }
        }
    }
    best
}

#[test]
fn a_known_law_gives_the_mixture_that_a_grid_gives() {
    let table = sweep(64, 0.0, 1);
    for weights in [(0.5, 0.5), (0.8, 0.2), (0.3, 0.7)] {
        let config = MixtureConfig {
            targets: vec![("prose".to_owned(), weights.0), ("code".to_owned(), weights.1)],
            beyond_runs: true,
            bootstrap: 0,
            ..MixtureConfig::default()
        };
        let found = best_mixture(&table, None, &config, &go).expect("a mixture");
        assert!(found.certificate.certified);
        for (target, truth) in found.targets.iter().zip([PROSE, CODE]) {
            assert!((target.law.floor_nats - truth.0).abs() < 1e-5, "{target:?}");
            assert!((target.r_squared - 1.0).abs() < 1e-9);
        }
        let (value, shares) = by_grid(weights);
        assert!(found.predicted <= value + 1e-7, "{} {value}", found.predicted);
        for (domain, share) in DOMAINS.iter().zip(shares) {
            assert!((found.best[*domain] - share).abs() < 0.015, "{domain}: {:?}", found.best);
        }
        assert!(found.optimality_gap < 1e-4, "{}", found.optimality_gap);
        assert!(found.gain_over_prior > 0.0 && found.gain_over_best_run > -1e-9);
    }
}

/// Over sixty noisy sweeps the interval of each share holds the true best share as often as it says, and
/// so does that of the gain.
#[test]
fn intervals_hold_the_true_mixture() {
    const TRIALS: u64 = 60;
    let exact = sweep(48, 0.0, 500);
    let config = MixtureConfig { beyond_runs: true, bootstrap: 0, ..MixtureConfig::default() };
    let truth = best_mixture(&exact, None, &config, &go).expect("a mixture");
    let (mut held, mut judged) = (0, 0);
    for trial in 0..TRIALS {
        let mut table = sweep(48, 0.01, 500 + trial);
        // The same mixtures, other noise.
        table.runs.iter_mut().zip(&exact.runs).for_each(|(run, same)| {
            let off: Vec<f64> = run
                .losses
                .iter()
                .zip([PROSE, CODE])
                .map(|(l, law)| l - loss(law, &run.shares))
                .collect();
            run.shares.clone_from(&same.shares);
            run.losses = same.losses.iter().zip(off).map(|(l, off)| l + off).collect();
        });
        let config =
            MixtureConfig { beyond_runs: true, bootstrap: 200, ..MixtureConfig::default() };
        let found = best_mixture(&table, None, &config, &go).expect("a mixture");
        for domain in ["web", "code", "books"] {
            let share = truth.best[domain];
            if share > 0.01 {
                judged += 1;
                held += usize::from(found.intervals[domain].contains(share));
            }
        }
    }
    eprintln!("{held} of {judged} shares inside their intervals");
    // At 95 % and two thirds of the pairs independent, five standard deviations are 0.13.
    assert!(judged >= 100 && held as f64 >= 0.82 * judged as f64, "{held} of {judged}");
}

#[test]
fn floors_caps_and_a_prior_bind() {
    let table = sweep(64, 0.0, 2);
    let named = |name: &str, x: f64| (name.to_owned(), x);
    let base = MixtureConfig {
        targets: vec![named("code", 1.0)],
        bootstrap: 0,
        beyond_runs: true,
        ..MixtureConfig::default()
    };
    let free = best_mixture(&table, None, &base, &go).expect("a mixture");
    assert!(free.best["code"] > 0.99, "{:?}", free.best);
    let floors = MixtureConfig { floors: vec![named("books", 0.1)], ..base.clone() };
    let found = best_mixture(&table, None, &floors, &go).expect("a mixture");
    assert!((found.best["books"] - 0.1).abs() < 1e-6, "{:?}", found.best);
    let capped = MixtureConfig {
        tokens: vec![("code".to_owned(), Tokens::new(1e10))],
        budget: Some(Tokens::new(1e11)),
        cap: 4.0,
        ..base.clone()
    };
    let found = best_mixture(&table, None, &capped, &go).expect("a mixture");
    assert!((found.best["code"] - 0.4).abs() < 1e-6, "{:?}", found.best);
    let code = found.shares.iter().find(|d| d.domain == "code").expect("a domain");
    assert!(code.epochs.is_some_and(|e| (e - 4.0).abs() < 1e-4) && code.is_at_most());
    // A costly divergence keeps the prior.
    let prior = [("web", 0.4), ("code", 0.3), ("books", 0.2), ("maths", 0.1)];
    let prior: Vec<(String, f64)> = prior.iter().map(|(d, p)| named(d, *p)).collect();
    let kept = MixtureConfig { kl: 1e4, prior: prior.clone(), ..base.clone() };
    let found = best_mixture(&table, None, &kept, &go).expect("a mixture");
    for (domain, share) in &prior {
        assert!((found.best[domain] - share).abs() < 1e-3, "{:?}", found.best);
    }
    // Within the runs no share leaves their range.
    let within = MixtureConfig { beyond_runs: false, ..base };
    let found = best_mixture(&table, None, &within, &go).expect("a mixture");
    for d in &found.shares {
        assert!(d.share <= d.seen.hi + 1e-6 && d.share >= d.seen.lo - 1e-6, "{d:?}");
    }
}

/// 512 runs over 17 domains (RegMix): an independent least-squares program found RSS 4.683240, c 5.24353
/// and R² .9109 on the Pile-CC loss; on the 256 test mixtures Spearman .966, the predicted best 3rd.
#[test]
fn a_public_sweep_is_reproduced() {
    let Some(shared) = super::shared::shared_folder("a public sweep of mixtures") else { return };
    let file = |name: &str| shared.join("reference-data/regmix").join(name);
    let read = |part: &str| {
        let paths =
            [file(&format!("{part}_mixture_1m.csv")), file(&format!("{part}_pile_loss_1m.csv"))];
        read_mixtures(&paths, &ReadOptions::default(), &MixtureColumns::default())
            .expect("readable")
    };
    let (train, test) = (read("train"), read("test"));
    assert_eq!((train.runs.len(), train.domains.len(), test.runs.len()), (512, 17, 256));
    assert!(train.domains.contains(&"pile_cc".to_owned()), "{:?}", train.domains);
    let config = MixtureConfig {
        targets: vec![("pile_cc".to_owned(), 1.0)],
        bootstrap: 60,
        ..MixtureConfig::default()
    };
    let found = best_mixture(&train, Some(&test), &config, &go).expect("a mixture");
    let law = &found.targets[0];
    assert!((law.squares - 4.683_240).abs() < 1e-5, "{}", law.squares);
    assert!((law.law.floor_nats - 5.243_53).abs() < 1e-4, "{}", law.law.floor_nats);
    assert!((law.r_squared - 0.9109).abs() < 5e-5, "{}", law.r_squared);
    assert_eq!(law.certificate.starts_agreeing, law.certificate.starts);
    let held = found.held_out.as_ref().expect("a test");
    assert!((held.spearman - 0.966).abs() < 1e-3, "{held:?}");
    assert_eq!((held.runs, held.predicted_best_is), (256, 3));
    let few = found.fewer_runs.iter().find(|row| row.runs == 64).expect("sixty-four runs");
    assert!(few.spearman > 0.9, "{few:?}");
    let linear = found.forms.iter().find(|f| f.form == MixtureForm::Linear);
    let linear = linear.and_then(|f| f.test.clone()).expect("a test");
    assert!(linear.spearman < held.spearman, "{linear:?}");
}

fn save(path: &Path, text: &str) -> String {
    std::fs::write(path, text).expect("written");
    path.display().to_string()
}

#[test]
fn what_is_no_table_of_mixtures_is_refused_by_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str, text: &str| save(&folder.path().join(name), text);
    let rows = |change: &dyn Fn(usize) -> Option<String>| -> String {
        let table = sweep(24, 0.0, 3);
        let line = |(k, run): (usize, &MixtureRun)| {
            change(k).unwrap_or_else(|| {
                let shares: Vec<String> = run.shares.iter().map(f64::to_string).collect();
                format!("{k},{},{}\n", shares.join(","), run.losses[0])
            })
        };
        let lines: String = table.runs.iter().enumerate().map(line).collect();
        format!("run,share_web,share_code,share_books,share_maths,loss\n{lines}")
    };
    let good = at("good.csv", &rows(&|_| None));
    let bad = |name: &str, k: usize, line: &str| {
        at(name, &rows(&|row| (row == k).then(|| format!("{line}\n"))))
    };
    let negative = bad("negative.csv", 4, "4,-0.1,0.5,0.5,0.1,3.0");
    let sum = bad("sum.csv", 7, "7,0.4,0.5,0.5,0.1,3.0");
    let word = bad("word.csv", 9, "9,much,0.5,0.4,0.1,3.0");
    let few: String = rows(&|_| None).lines().take(6).map(|l| format!("{l}\n")).collect();
    let few = at("few.csv", &few);
    let constant = at(
        "constant.csv",
        &format!(
            "run,share_web,share_code,share_books,loss\n{}",
            (0..12)
                .map(|k| {
                    let x = 0.05 * f64::from(k);
                    format!("{k},{},{},0.2,{}\n", 0.8 - x, x, 3.0 + x)
                })
                .collect::<String>()
        ),
    );
    let other = at("other.csv", "run,extra_loss\n0,1.0\n");
    let cases: Vec<(Vec<&str>, &str)> = vec![
        (vec![&negative], "negative.csv:6: the share of `web` is -0.1"),
        (vec![&sum], "sum.csv:9: the shares add to 1.5000"),
        (vec![&word], "word.csv:11: `share_web` is"),
        (vec![&few], "5 runs cannot fix the 5 coefficients of 4 domains"),
        (vec![&constant], "the share of `books` is 0.2"),
        (vec![&good, &other], "run 1 is not in"),
        (vec![&good, "--target", "los"], "did you mean `loss`"),
        (vec![&good, "--floor", "web=0.7,code=0.7"], "least shares add to 1.4"),
        (
            vec![&good, "--budget", "1T", "--tokens", "web=1B,code=1B,books=1B,maths=1B"],
            "raise the cap",
        ),
        (vec![&good, "--prior", "web=0.9,code=0.9"], "shares that add to 1"),
        (vec![&good, "--cap", "0"], "`cap` is 0"),
    ];
    for (args, wanted) in cases {
        let args = [&["mix"], &args[..], &["--bootstrap", "10"]].concat();
        let (code, out, err) = isoloss(&args);
        assert_eq!(code, 2, "{args:?}: {out}{err}");
        assert!(err.contains(wanted), "{args:?}: {err}");
        assert!(out.is_empty(), "{out}");
    }
}

/// Percents, columns without a common beginning, names that are given: the same answer.
#[test]
fn shares_are_found_however_they_are_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let table = sweep(24, 0.0, 4);
    let write = |name: &str, head: &str, scale: f64| {
        let line = |run: &MixtureRun| {
            let shares: Vec<String> = run.shares.iter().map(|s| (scale * s).to_string()).collect();
            format!("{},{},{}\n", run.run, shares.join(","), run.losses[1])
        };
        let lines: String = table.runs.iter().map(line).collect();
        save(&folder.path().join(name), &format!("{head}\n{lines}"))
    };
    let tables = [
        write("a.csv", "run,train_web,train_code,train_books,train_maths,val_loss", 1.0),
        write("b.csv", "run,web,code,books,maths,loss", 1.0),
        write("c.csv", "id,mix/web,mix/code,mix/books,mix/maths,eval/loss", 100.0),
    ];
    let answer = |path: &str| -> serde_json::Value {
        let (code, out, err) = isoloss(&["mix", path, "--bootstrap", "20", "--json"]);
        assert_eq!(code, 0, "{err}");
        serde_json::from_str(&out).expect("JSON")
    };
    let first = answer(&tables[0]);
    for key in [
        "domains",
        "targets",
        "best",
        "intervals",
        "predicted",
        "gain_over_prior",
        "held_out",
        "certificate",
    ] {
        assert!(first.get(key).is_some(), "{key}");
    }
    for path in &tables[1..] {
        let other = answer(path);
        for domain in DOMAINS {
            let share = |json: &serde_json::Value| json["best"][domain].as_f64().expect("a share");
            assert!((share(&first) - share(&other)).abs() < 1e-6, "{path} {domain}");
        }
    }
    let (code, out, _) = isoloss(&["mix", "--design", "5", "--prior", "web=0.6,code=0.4"]);
    assert_eq!((code, out.lines().count()), (0, 6), "{out}");
}
