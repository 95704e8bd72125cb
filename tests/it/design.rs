//! What a sweep file wants: shapes found, rates tuned, floors repeated. Losses come from truths that are
//! known here and nowhere in the library.

use std::collections::{BTreeMap, BTreeSet};

use isoloss::num::stream;
use isoloss::sweep::{DesignDoubt, Part, RunResult, RunSpec, Schedule, Stage, SweepConfig, Tuning};
use rand::RngExt;
use serde_json::json;

type Rows = BTreeMap<String, RunResult>;

fn sweep(text: &str) -> SweepConfig {
    SweepConfig::parse(text, "sweep.toml").unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// The row of a run that finished with this loss, or diverged.
fn row(spec: &RunSpec, loss: Option<f64>) -> RunResult {
    let n = spec.shape.params();
    let flops = 6.0 * n.active.get() * spec.tokens.get();
    serde_json::from_value(json!({
        "run": spec.id,
        "status": if loss.is_some() { "finished" } else { "diverged" },
        "n_params": n.all, "n_params_non_embedding": n.non_embedding,
        "tokens": spec.tokens, "loss": loss, "train_loss": loss,
        "flops": flops, "flops_counted": flops, "budget": spec.budget,
        "unique_tokens": 1e9, "seed": spec.seed, "lr": spec.recipe.lr_for(spec.shape.d_model),
        "seconds": 1.0, "trainer": "known", "corpus_sha256": "",
    }))
    .expect("a row")
}

/// Trains everything that is wanted until nothing new is; the runs in the order in which they ended.
fn settle(config: &SweepConfig, loss: &dyn Fn(&RunSpec) -> Option<f64>) -> (Rows, Vec<RunSpec>) {
    let (mut rows, mut order) = (Rows::new(), Vec::new());
    for _ in 0..20 {
        let wanted = config.wanted(&rows).expect("a design");
        let new: Vec<RunSpec> =
            wanted.into_iter().filter(|spec| !rows.contains_key(&spec.id)).collect();
        if new.is_empty() {
            return (rows, order);
        }
        for spec in new {
            rows.insert(spec.id.clone(), row(&spec, loss(&spec)));
            order.push(spec);
        }
    }
    panic!("no end: {} runs", order.len());
}

fn active(spec: &RunSpec) -> f64 {
    spec.shape.params().active.get()
}

/// ln of the loss: a valley in ln N with its floor at D/N = 25, and one in ln lr around `best`.
fn truth(spec: &RunSpec, best: f64) -> f64 {
    let ratio = (spec.tokens.get() / active(spec) / 25.0).ln();
    let rate = (spec.recipe.peak_lr / best).ln();
    0.7 - 0.02 * spec.tokens.ln() + 0.02 * ratio * ratio + 0.04 * rate * rate
}

fn normal(seed: u64) -> f64 {
    let mut rng = stream(seed, 3);
    let (u, v): (f64, f64) = (rng.random_range(1e-12..1.0), rng.random_range(0.0..1.0));
    (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()
}

/// A seed of its own for every run of a repeat.
fn salt(spec: &RunSpec, repeat: u64) -> u64 {
    spec.id.bytes().fold(repeat, |h, b| h.wrapping_mul(1_000_003).wrapping_add(b.into()))
}

const TUNED: &str = "name = 'tuned'\n[recipe]\npeak_lr = 4e-3\n[tune]\n[[isoflop]]\n\
                     budgets = [1e11, 3e11, 1e12]\n";

fn tuning(config: &SweepConfig, rows: &Rows) -> Tuning {
    config.tuning(rows).expect("a design").expect("a section [tune]")
}

#[test]
fn shapes_are_found_for_budgets_and_each_spends_its_own() {
    let mut rng = stream(5, 0);
    for case in 0..40 {
        let from = 10_f64.powf(rng.random_range(11.0..13.0));
        let count = rng.random_range(2..6);
        let to = from * 10_f64.powf(rng.random_range(0.5..2.0));
        let sizes = rng.random_range(3..7);
        let span: f64 = rng.random_range(6.0..12.0);
        let experts = if case % 3 == 0 { "experts = { count = 4, top_k = 2 }" } else { "" };
        let config = sweep(&format!(
            "name = 'a'\n[[isoflop]]\nbudgets = {{ from = {from}, to = {to}, count = {count} }}\n\
             sizes = {sizes}\nspan = {span}\n{experts}\n"
        ));
        let runs = config.runs();
        assert_eq!(runs.len(), (count * sizes) as usize);
        let ids: BTreeSet<&str> = runs.iter().map(|run| run.id.as_str()).collect();
        assert_eq!(ids.len(), runs.len());
        for profile in runs.chunks(sizes as usize) {
            let c = profile[0].budget.expect("a budget").get();
            for run in profile {
                assert!((6.0 * active(run) * run.tokens.get() / c - 1.0).abs() < 1e-12);
                run.shape.validate().expect("it can be built");
                assert!(run.steps() >= 200 || run.recipe.batch_sequences == Some(1), "{}", run.id);
            }
            let n: Vec<f64> = profile.iter().map(active).collect();
            assert!(n.windows(2).all(|pair| pair[1] > pair[0]), "{n:?}");
            // The smallest targets may be below what the vocabulary leaves room for.
            let found = n[n.len() - 1] / n[0];
            assert!((found / span).ln().abs() < 0.5, "{span} {n:?}");
        }
    }
}

#[test]
fn all_sections_may_be_in_one_file() {
    let config = sweep(
        "name = 'all'\n[[cell]]\nflops = 2e11\nshapes = [[2, 32, 1], [2, 48, 2]]\n\
         [[isoflop]]\nbudgets = [2e11, 1e12]\n\
         [[isoflop]]\nbudgets = [1e12]\nexperts = { count = 4, top_k = 1 }\n\
         [[grid]]\nparams = [3e4, 1e5]\ntokens_per_param = [5, 20]\n\
         [[ladder]]\nparams = [5e4]\ntokens = [1e6, 2e6, 4e6]\nschedule = 'wsd'\n",
    );
    let runs = config.runs();
    assert_eq!(runs.len(), 2 + 10 + 5 + 4 + 3);
    let ids: BTreeSet<&str> = runs.iter().map(|run| run.id.as_str()).collect();
    assert_eq!(ids.len(), runs.len(), "{ids:?}");
    let branches: Vec<&RunSpec> = runs.iter().filter(|run| run.trunk.is_some()).collect();
    assert_eq!(branches.len(), 3);
    // Branches differ in their tokens alone, warm-up and batch by rule included.
    assert!(branches.iter().all(|run| run.recipe == branches[0].recipe));
    assert!(branches.iter().all(|run| run.recipe.schedule == Schedule::Wsd));
    assert!(runs[0].recipe.schedule == Schedule::Cosine && branches[0].id.ends_with("-wsd-s0"));
    for (run, ratio) in runs[17..21].iter().zip([5.0, 20.0, 5.0, 20.0]) {
        assert!((run.tokens.get() / active(run) / ratio - 1.0).abs() < 1e-4, "{}", run.id);
    }
}

#[test]
fn files_that_ask_for_what_cannot_be_name_the_field() {
    for (text, named) in [
        ("", "isoflop"),
        ("[[isoflop]]\nbudgets = []", "isoflop.budgets"),
        ("[[isoflop]]\nbudgets = [1e3]", "isoflop.budgets"),
        ("[[isoflop]]\nbudgets = [nan]", "isoflop.budgets"),
        ("[[isoflop]]\nbudgets = { from = 1e12, to = 1e11, count = 3 }", "isoflop.budgets.from"),
        ("[[isoflop]]\nbudgets = { from = 1e11, to = 1e12, count = 1 }", "isoflop.budgets.count"),
        ("[[isoflop]]\nbudgets = [1e11]\nsizes = 0", "isoflop.sizes"),
        ("[[isoflop]]\nbudgets = [1e11]\nspan = 1.0", "isoflop.span"),
        ("[[isoflop]]\nbudgets = [1e11]\nspan = -3.0", "isoflop.span"),
        ("[[isoflop]]\nbudgets = [1e11]\ntokens_per_param = 0.0", "isoflop.tokens_per_param"),
        ("[[isoflop]]\nbudgets = [1e6]", "no model of about"),
        ("[[grid]]\nparams = [1e4]", "grid.tokens"),
        ("[[grid]]\nparams = []\ntokens = [1e5]", "grid.params"),
        ("[[grid]]\nparams = [1e4]\ntokens = [1e5]\ntokens_per_param = [1.0]", "not both"),
        ("[[grid]]\nparams = [1e4]\ntokens = [1e5, 1e5]", "twice"),
        ("[[ladder]]\ntokens = [1e5]", "ladder.shapes"),
        ("[[ladder]]\nparams = [1e4]\ntokens = []", "ladder.tokens"),
        ("[[ladder]]\nparams = [1e4]\nshapes = [[2, 32, 1]]\ntokens = [1e5]", "not both"),
        ("seeds = [0]\nrepeats = 2\n[[isoflop]]\nbudgets = [1e11]", "repeats"),
        ("repeats = 0\n[[isoflop]]\nbudgets = [1e11]", "repeats"),
        ("[tune]\ncells = 0\n[[isoflop]]\nbudgets = [1e11]", "tune.cells"),
        ("[tune]\nlr = [1e-3, 2e-3]\n[[isoflop]]\nbudgets = [1e11]", "tune.lr"),
        ("[tune]\nlr = [1e-3, 1e-3, 2e-3]\n[[isoflop]]\nbudgets = [1e11]", "tune.lr"),
        ("[tune]\nlr = { factor = 1.0, points = 5 }\n[[isoflop]]\nbudgets = [1e11]", "factor"),
        ("[tune]\nlr = { factor = 2.0, points = 2 }\n[[isoflop]]\nbudgets = [1e11]", "points"),
        ("[tune]\nbatch = [0.0]\n[[isoflop]]\nbudgets = [1e11]", "tune.batch"),
        ("[tune]\nrate = 1\n[[isoflop]]\nbudgets = [1e11]", "rate"),
    ] {
        let error = SweepConfig::parse(&format!("name = 'a'\n{text}\n"), "a.toml");
        let error = error.expect_err(text).to_string();
        assert!(error.contains(named), "{text}: {error}");
    }
}

#[test]
fn the_floor_of_each_profile_and_the_smallest_cell_have_three_seeds() {
    let config = sweep("name = 'a'\n[[isoflop]]\nbudgets = [1e11, 3e11, 1e12]\n");
    let first = config.wanted(&Rows::new()).expect("a design");
    // The noise is known first: three seeds of the smallest cell lead.
    assert_eq!(first.len(), 15 + 2);
    assert!(first[..3].iter().all(|run| run.shape == first[0].shape));
    assert_eq!(first.iter().take(3).map(|run| run.seed).collect::<Vec<_>>(), [0, 1, 2]);
    let (_, order) = settle(&config, &|spec| Some(truth(spec, 4e-3).exp()));
    let mut seeds: BTreeMap<&str, usize> = BTreeMap::new();
    for spec in &order {
        let cell = spec.id.rsplit_once("-s").expect("a seed").0;
        *seeds.entry(cell).or_default() += 1;
    }
    for budget in [1e11, 3e11, 1e12] {
        let mut profile: Vec<&RunSpec> = order
            .iter()
            .filter(|run| run.seed == 0 && run.budget.is_some_and(|c| c.get() == budget))
            .collect();
        profile.sort_by(|a, b| active(a).total_cmp(&active(b)));
        let loss: Vec<f64> = profile.iter().map(|run| truth(run, 4e-3)).collect();
        let lowest = (0..5).min_by(|a, b| loss[*a].total_cmp(&loss[*b])).expect("five");
        for (i, run) in profile.iter().enumerate() {
            let cell = run.id.rsplit_once("-s").expect("a seed").0;
            let near = i.abs_diff(lowest) <= 1 || (budget == 1e11 && i == 0);
            assert_eq!(seeds[cell], if near { 3 } else { 1 }, "{cell}");
        }
    }
    // What the user says is what is done.
    let given = sweep("name = 'a'\nseeds = [4, 7]\n[[isoflop]]\nbudgets = [1e11, 1e12]\n");
    let (_, order) = settle(&given, &|spec| Some(truth(spec, 4e-3).exp()));
    assert_eq!(order.len(), 20);
    assert!(order.iter().all(|run| [4, 7].contains(&run.seed)));
    let each = sweep("name = 'a'\nrepeats = 2\n[[isoflop]]\nbudgets = [1e11, 1e12]\n");
    assert_eq!(settle(&each, &|spec| Some(truth(spec, 4e-3).exp())).1.len(), 20);
}

#[test]
fn what_is_wanted_stays_wanted_and_does_not_depend_on_the_order_of_rows() {
    let config = sweep(TUNED);
    let (mut rows, mut before) = (Rows::new(), BTreeSet::new());
    loop {
        let wanted = config.wanted(&rows).expect("a design");
        let ids: BTreeSet<String> = wanted.iter().map(|run| run.id.clone()).collect();
        assert_eq!(ids.len(), wanted.len(), "each once");
        assert!(before.is_subset(&ids), "{:?}", before.difference(&ids).collect::<Vec<_>>());
        // The last of those left ends first.
        let Some(next) = wanted.into_iter().rev().find(|run| !rows.contains_key(&run.id)) else {
            break;
        };
        rows.insert(next.id.clone(), row(&next, Some(truth(&next, 5e-3).exp())));
        before = ids;
    }
    let (ordered, _) = settle(&config, &|spec| Some(truth(spec, 5e-3).exp()));
    assert_eq!(rows, ordered);
}

#[test]
fn recovers_the_rate_that_is_best_and_trains_the_design_with_it() {
    for best in [1.3e-3, 3.3e-3, 4e-3, 9e-3] {
        let config = sweep(TUNED);
        let (rows, order) = settle(&config, &|spec| Some(truth(spec, best).exp()));
        let tuning = tuning(&config, &rows);
        let found = tuning.peak_lr.expect("tuned");
        assert!((found / best - 1.0).abs() < 0.005, "{best}: {found}");
        assert!(tuning.cells.iter().all(|cell| cell.bracketed && !cell.is_under_tuned()));
        let check = tuning.check.expect("a larger cell");
        assert_eq!((check.holds, check.tried.len()), (Some(true), 3));
        assert_eq!(tuning.under_tuned, []);
        for spec in order.iter().filter(|spec| spec.part == Part::Main) {
            assert_eq!(spec.recipe.peak_lr, found);
        }
        // Tuning runs end before anything else begins.
        let first_main = order.iter().position(|spec| spec.part == Part::Main).expect("some");
        assert!(order[..first_main].iter().all(|spec| spec.part == Part::Tune));
        assert!(order[first_main..].iter().all(|spec| spec.part != Part::Tune));
        assert_eq!(order.iter().filter(|spec| spec.part == Part::Check).count(), 2);
    }
}

#[test]
fn the_interval_of_the_rate_holds_the_truth_as_often_as_it_says() {
    let config = sweep(&TUNED.replace("[tune]", "[tune]\ncheck = false"));
    let (mut inside, mut cells_inside, mut cells) = (0, 0, 0);
    const REPEATS: u64 = 300;
    for repeat in 0..REPEATS {
        // The best rate lies anywhere between two that are tried.
        let best = 4e-3 * 2_f64.powf((repeat as f64 / REPEATS as f64) - 0.5);
        let loss = |spec: &RunSpec| truth(spec, best) + 0.004 * normal(salt(spec, repeat));
        let mut rows = Rows::new();
        while config.tuning(&rows).expect("a design").is_none_or(|t| t.peak_lr.is_none()) {
            for spec in config.wanted(&rows).expect("a design") {
                rows.entry(spec.id.clone()).or_insert_with(|| row(&spec, Some(loss(&spec).exp())));
            }
        }
        let tuning = tuning(&config, &rows);
        let interval = tuning.interval.expect("an interval");
        inside += u64::from(interval.contains(best));
        for cell in tuning.cells.iter().filter_map(|cell| cell.interval) {
            cells += 1;
            cells_inside += u64::from(cell.contains(best));
        }
    }
    // Nominal 95 %; three standard deviations of 300 draws are 3.8 %.
    let share = inside as f64 / REPEATS as f64;
    assert!((0.91..=0.995).contains(&share), "{share}");
    let of_cells = cells_inside as f64 / cells as f64;
    assert!((0.91..=0.99).contains(&of_cells), "{of_cells}");
}

#[test]
fn an_axis_that_misses_the_best_rate_is_widened_twice_at_most() {
    for (best, widened, bracketed) in [(4e-2, 1, true), (4e-4, 1, true), (1.2e-1, 2, true)] {
        let config = sweep(TUNED);
        let (rows, _) = settle(&config, &|spec| Some(truth(spec, best).exp()));
        let tuning = tuning(&config, &rows);
        for cell in &tuning.cells {
            assert_eq!((cell.widened, cell.bracketed), (widened, bracketed), "{best}");
        }
        assert!((tuning.peak_lr.expect("tuned") / best - 1.0).abs() < 0.01, "{best}");
    }
    // Beyond reach: said, not hidden.
    let config = sweep(TUNED);
    let (rows, order) = settle(&config, &|spec| Some(truth(spec, 5.0).exp()));
    let far = tuning(&config, &rows);
    assert!(far.cells.iter().all(|cell| !cell.bracketed && cell.widened == 2));
    let text = isoloss::report::sweep_tuning_text(&far).to_string();
    assert!(text.contains("outermost"), "{text}");
    assert!(order.iter().all(|spec| spec.recipe.peak_lr < 10.0));
}

#[test]
fn rates_that_diverge_bound_the_axis() {
    let config = sweep(TUNED);
    let loss = |spec: &RunSpec| (spec.recipe.peak_lr < 7e-3).then(|| truth(spec, 4e-3).exp());
    let (rows, _) = settle(&config, &loss);
    let tuned = tuning(&config, &rows);
    assert!(tuned.cells.iter().all(|cell| cell.bracketed && cell.widened == 0));
    assert!((tuned.peak_lr.expect("tuned") / 4e-3 - 1.0).abs() < 0.01);
    // When everything diverges, there is no end of runs and no rate that anyone tried.
    let (rows, _) = settle(&config, &|_| None);
    let lost = tuning(&config, &rows);
    assert!(lost.peak_lr.is_some() && lost.interval.is_none());
    assert!(lost.cells.iter().all(|cell| !cell.bracketed));
}

#[test]
fn a_rate_that_does_not_transfer_is_found_out() {
    let config = sweep(TUNED);
    let best = |spec: &RunSpec| 4e-3 * (active(spec) / 2e4).powf(-0.8);
    let (rows, _) = settle(&config, &|spec| Some(truth(spec, best(spec)).exp()));
    let tuning = tuning(&config, &rows);
    let check = tuning.check.clone().expect("a larger cell");
    assert_eq!(check.holds, Some(false));
    assert!(check.best_ratio.expect("judged") < 1.0 && check.excess.expect("judged") > 0.01);
    let text = isoloss::report::sweep_tuning_text(&tuning).to_string();
    assert!(text.contains("transfer fails"), "{text}");
    // The largest cells lie farther out still, and are named.
    assert!(tuning.under_tuned.iter().any(|cell| cell.cell.starts_with("c1.00e12")), "{tuning:?}");
    // The two cells disagree: the interval of their mean is wider than that of either.
    let width = |i: isoloss::num::Interval| (i.hi / i.lo).ln();
    let own = tuning.cells.iter().filter_map(|cell| cell.interval).map(width);
    assert!(width(tuning.interval.expect("an interval")) > own.fold(0.0, f64::max));
    assert!(tuning.cells.iter().any(isoloss::sweep::TunedRate::is_under_tuned));
}

#[test]
fn batches_are_tried_with_their_own_rates() {
    let config = sweep(&TUNED.replace("[tune]", "[tune]\nbatch = [0.5, 1.0, 2.0]"));
    let usual = sweep(TUNED).runs();
    let loss = |spec: &RunSpec| {
        let rule = usual.iter().find(|run| run.shape == spec.shape && run.budget == spec.budget);
        let rule = rule.expect("a cell").recipe.batch_sequences.expect("fixed");
        let ratio = f64::from(spec.recipe.batch_sequences.expect("fixed")) / f64::from(rule);
        // Twice the batch is best, at a rate that grows with its root.
        let batch = (ratio / 2.0).ln();
        Some((truth(spec, 3e-3 * ratio.sqrt()) + 0.03 * batch * batch).exp())
    };
    let (rows, order) = settle(&config, &loss);
    let tuning = tuning(&config, &rows);
    assert_eq!((tuning.batch_ratio, tuning.batches.len()), (2.0, 3));
    assert!((tuning.peak_lr.expect("tuned") / (3e-3 * 2_f64.sqrt()) - 1.0).abs() < 0.01);
    for spec in order.iter().filter(|spec| spec.part == Part::Main) {
        let rule = usual.iter().find(|run| run.shape == spec.shape && run.budget == spec.budget);
        let rule = rule.expect("a cell").recipe.batch_sequences.expect("fixed");
        assert_eq!(spec.recipe.batch_sequences, Some(2 * rule));
    }
}

#[test]
fn a_dry_run_expects_what_happens_when_losses_are_as_expected() {
    let config = sweep(TUNED);
    let dry = config.dry_run(&Rows::new(), 2).expect("a design");
    let (rows, order) = settle(&config, &|spec| Some(truth(spec, 4e-3).exp()));
    assert_eq!(dry.runs.len(), order.len());
    let count = |stage: Stage| dry.stages.iter().find(|s| s.stage == stage).map(|s| s.runs);
    assert_eq!(
        Stage::ALL.map(count),
        [Some(10), Some(15), Some(2 + 3 * 6), Some(2)],
        "three seeds of three cells at each budget, and of the smallest"
    );
    let spent: f64 = order.iter().map(|s| 6.0 * active(s) * s.tokens.get()).sum();
    assert!((dry.flops.get() / spent - 1.0).abs() < 1e-9);
    let (one, two) = (config.dry_run(&Rows::new(), 1).expect("a design"), &dry);
    assert!((one.hours - one.run_hours).abs() < 1e-12);
    assert!(two.hours < 0.7 * one.hours && two.hours >= 0.5 * one.hours);
    assert!(
        dry.doubts.iter().all(|d| matches!(d, DesignDoubt::Repeats { .. })),
        "{:?}",
        dry.doubts
    );
    // Ended runs need no hours more, and say how fast this machine is.
    let after = config.dry_run(&rows, 2).expect("a design");
    assert_eq!((after.hours, after.runs.iter().all(|run| run.ended)), (0.0, true));
    assert_eq!(after.speed.measured_rows, order.len());
}

#[test]
fn a_dry_run_says_what_a_design_cannot_tell() {
    let codes = |text: &str| -> Vec<String> {
        let dry = sweep(&format!("name = 'a'\n{text}")).dry_run(&Rows::new(), 1);
        let doubts = serde_json::to_value(dry.expect("a design").doubts).expect("JSON");
        let doubts = doubts.as_array().expect("a list").clone();
        doubts.iter().map(|d| d["code"].as_str().expect("a code").to_owned()).collect()
    };
    let long = "[corpus.synthetic]\ntokens = 1e9\n";
    assert_eq!(codes(&format!("{long}[[isoflop]]\nbudgets = [1e11, 1e12]")), ["few-budgets"]);
    let narrow = format!("{long}[[grid]]\nparams = [1e4, 3e4]\ntokens_per_param = [20]");
    assert_eq!(codes(&narrow), ["narrow-ratio"]);
    let short = "[corpus.synthetic]\ntokens = 1e4\n[[isoflop]]\nbudgets = [1e11, 3e11, 1e12]";
    assert_eq!(codes(short), ["repeats"]);
    let few =
        format!("{long}[recipe]\nbatch_sequences = 64\n[[isoflop]]\nbudgets = [1e10, 3e10, 1e11]");
    assert_eq!(codes(&few), ["few-steps"]);
}

#[test]
fn branches_of_a_trunk_are_not_counted_twice() {
    let text = "name = 'a'\n[recipe]\nschedule = 'wsd'\n[[ladder]]\nparams = [5e4]\n\
                tokens = [1e6, 2e6, 4e6]\nbranches = ";
    let spent = |branches: bool| {
        let config = sweep(&format!("{text}{branches}"));
        config.dry_run(&Rows::new(), 4).expect("a design").flops.get()
    };
    // By hand: 0.8 of the first is shared with the second, 0.8 of the second with the third.
    let saved = 1.0 - spent(true) / spent(false);
    assert!((saved - (0.8 + 1.6) / 7.0).abs() < 0.01, "{saved}");
}

#[cfg(feature = "cli")]
#[test]
fn a_dry_run_on_the_command_line_trains_nothing_and_draws_the_rates() {
    use super::cli::isoloss;

    let home = tempfile::tempdir().expect("a folder");
    let text = "name = 'a'\n[tune]\n[[isoflop]]\nbudgets = [1e10, 3e10, 1e11]\n\
                [[ladder]]\nparams = [2e4]\ntokens = [1e6, 2e6]\nschedule = 'wsd'\n";
    std::fs::write(home.path().join("a.toml"), text).expect("written");
    let run = |more: &[&str]| {
        let args = [&["sweep", "run", "a.toml", "--jobs", "2"], more].concat();
        let done = isoloss(&args, home.path());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (done.status.code(), text(&done.stdout), text(&done.stderr))
    };
    let (code, out, error) = run(&["--dry-run", "-o", "rates.svg", "-o", "all.json"]);
    assert_eq!(code, Some(0), "{error}");
    assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
    assert!(out.starts_with("a: ") && out.contains("cosine") && out.contains("wsd"), "{out}");
    for stage in ["tune", "main", "repeats", "check"] {
        assert!(out.lines().any(|line| line.trim_start().starts_with(stage)), "{stage}: {out}");
    }
    let svg = std::fs::read_to_string(home.path().join("rates.svg")).expect("a picture");
    assert!(svg.starts_with("<svg") && svg.contains("Learning rate over the steps"));
    let (code, json, _) = run(&["--dry-run", "--json"]);
    let dry: serde_json::Value = serde_json::from_str(&json).expect("one object");
    assert_eq!((code, dry["jobs"].as_u64()), (Some(0), Some(2)));
    let saved = std::fs::read_to_string(home.path().join("all.json")).expect("a file");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&saved).expect("JSON"), dry);
    assert_eq!(dry["runs"].as_array().map(Vec::len), Some(10 + 15 + 2 + 20 + 2));
    assert!(!home.path().join("runs").exists(), "nothing was trained");
    let (code, _, error) = run(&["-o", "rates.svg"]);
    assert!(code == Some(2) && error.contains("--dry-run"), "{error}");
}
