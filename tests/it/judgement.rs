//! Tables that go wrong: what is refused, what is said, and that clean tables pass without a word.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use isoloss::data::{ReadOptions, RunTable, read};
use isoloss::error::{Error, FitError, Warning};
use isoloss::fit::FitConfig;
use isoloss::num::stream;
use isoloss::study::{FitReport, FitRequest};
use isoloss::units::Flops;
use rand::RngExt;

use super::shared::shared_folder;

/// Columns of a simulated table beside `params,tokens,loss`, and what each row does to its loss.
type Spoil<'a> = &'a dyn Fn(usize, f64, f64) -> (String, f64);

/// Six sizes by six token counts of a known law, with 0.3 % of scatter.
///
/// - `more`: names of further columns, `,lr`; `spoil` gives their cells and a factor of the loss.
fn simulated(folder: &Path, more: &str, spoil: Spoil<'_>) -> PathBuf {
    let mut rng = stream(22, 0);
    let mut text = format!("params,tokens,loss{more}\n");
    let mut row = 0;
    for i in 0..6 {
        for j in 0..6 {
            let n = 3e7 * 2.2_f64.powi(i);
            let d = 4.0 * n * 2.0_f64.powi(j);
            let noise: f64 = (0..12).map(|_| rng.random_range(-0.5..0.5)).sum();
            let loss = 1.8 + 450.0 / n.powf(0.35) + 1500.0 / d.powf(0.37);
            let (cells, factor) = spoil(row, n, d);
            let loss = loss * factor * (0.003 * noise).exp();
            writeln!(text, "{n},{d},{loss}{cells}").expect("text");
            row += 1;
        }
    }
    let path = folder.join("runs.csv");
    std::fs::write(&path, text).expect("written");
    path
}

fn table(path: &Path, options: &ReadOptions) -> RunTable {
    read(&[path], options).expect("a table")
}

fn quick() -> FitRequest {
    let config = FitConfig { bootstrap: 100, ..FitConfig::default() };
    FitRequest { config, ..FitRequest::default() }
}

fn answer(path: &Path) -> FitReport {
    quick().answer(&table(path, &ReadOptions::default())).expect("a fit")
}

fn codes(report: &FitReport) -> Vec<&'static str> {
    report.warnings.iter().map(Warning::code).collect()
}

fn plain(_: usize, _: f64, _: f64) -> (String, f64) {
    (String::new(), 1.0)
}

#[test]
fn a_clean_table_is_not_doubted() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = answer(&simulated(folder.path(), "", &plain));
    // 36 runs are few for five coefficients; that is all there is to say.
    assert_eq!(codes(&report), ["few-runs"]);
    // A column that changes nothing explains nothing.
    let path = simulated(folder.path(), ",node", &|row, _, _| (format!(",n{}", row % 3), 1.0));
    assert_eq!(codes(&answer(&path)), ["few-runs"]);
}

#[test]
fn numbers_in_another_unit_are_refused_with_the_column() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = simulated(folder.path(), "", &plain);
    let clean = std::fs::read_to_string(&path).expect("text");
    let spoiled = |change: &dyn Fn([f64; 3]) -> [f64; 3]| {
        let rows = clean.lines().skip(1).map(|line| {
            let mut cells = line.split(',').map(|cell| cell.parse::<f64>().expect("a number"));
            let mut next = || cells.next().expect("three cells");
            let [n, d, loss] = change([next(), next(), next()]);
            format!("{n},{d},{loss}")
        });
        let text: Vec<String> =
            std::iter::once("params,tokens,loss".to_owned()).chain(rows).collect();
        std::fs::write(&path, text.join("\n")).expect("written");
        read(&[&path], &ReadOptions::default()).map(|t| t.runs.len()).map_err(|e| e.to_string())
    };
    assert_eq!(spoiled(&|x| x), Ok(36));
    let message = |result: Result<usize, String>| result.expect_err("another unit");
    let millions = message(spoiled(&|[n, d, l]| [n / 1e6, d, l]));
    assert!(millions.contains("`params`") && millions.contains("another unit"), "{millions}");
    let billions = message(spoiled(&|[n, d, l]| [n, d / 1e9, l]));
    assert!(billions.contains("`tokens`"), "{billions}");
    let perplexity = message(spoiled(&|[n, d, l]| [n, d, l.exp()]));
    assert!(perplexity.contains("`loss`") && perplexity.contains("perplexities"), "{perplexity}");
    let map = "loss=ln(loss)".parse().expect("a map");
    let read = table(&path, &ReadOptions { map, ..ReadOptions::default() });
    assert!((1.8..6.0).contains(&read.runs[0].loss_nats), "{}", read.runs[0].loss_nats);
    assert!(message(spoiled(&|[n, d, l]| [n, d, l * 1e-12])).contains("`loss`"));
}

#[test]
fn a_floor_may_be_zero_with_a_proof() {
    let folder = tempfile::tempdir().expect("a folder");
    // A pure power law of both: nothing is left at infinity.
    let without = |_: usize, n: f64, d: f64| {
        let law = 1.8 + 450.0 / n.powf(0.35) + 1500.0 / d.powf(0.37);
        (String::new(), (30.0 / n.powf(0.13) + 25.0 / d.powf(0.1)) / law)
    };
    let report = answer(&simulated(folder.path(), "", &without));
    let fit = &report.fit;
    assert!(fit.certificate.certified && fit.certificate.is_proof());
    if fit.coefficients["E"] == 0.0 {
        assert!(fit.certificate.multiplier.expect("at the boundary") >= 0.0);
        assert!(codes(&report).contains(&"no-floor"), "{:?}", codes(&report));
    }
    assert!(fit.intervals["E"].lo == 0.0, "{:?}", fit.intervals["E"]);
    // Held at zero or bounded by it, as a user may ask.
    let mut request = quick();
    request.config.fixed.insert("E".to_owned(), 0.0);
    let table = table(&folder.path().join("runs.csv"), &ReadOptions::default());
    assert!(request.answer(&table).expect("a fit").fit.certificate.certified);
    let mut request = quick();
    request.config.bounds.insert("E".to_owned(), isoloss::law::Range { lo: 0.0, hi: 3.0 });
    assert!(request.answer(&table).expect("a fit").fit.certificate.certified);
}

#[test]
fn a_few_runs_off_the_law_are_named_with_what_they_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let off = |row: usize, _: f64, _: f64| {
        (String::new(), if [0, 6].contains(&row) { 1.15 } else { 1.0 })
    };
    let report = answer(&simulated(folder.path(), "", &off));
    let found = report.warnings.iter().find_map(|w| match w {
        Warning::Outliers { rows, with, without, .. } => Some((rows.clone(), *with, *without)),
        _ => None,
    });
    let (rows, with, without) = found.expect("outliers");
    assert_eq!(rows, [0, 6]);
    // What the warning says of the decision without them is what a fit without them decides.
    let options = ReadOptions { exclude: rows, ..ReadOptions::default() };
    let rest = quick().answer(&table(&folder.path().join("runs.csv"), &options)).expect("a fit");
    let at = report.decisions.last().expect("a decision").c;
    let again = isoloss::fit::decide(&rest.fit, at).expect("an optimum");
    assert!((again.n.get() / without.get() - 1.0).abs() < 1e-9, "{} {without}", again.n);
    assert!(with.get().is_finite());
}

#[test]
fn columns_that_explain_the_residuals_are_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let kinds = |row: usize, _: f64, _: f64| match row % 3 {
        0 => (",code".to_owned(), 0.85),
        _ => (",web".to_owned(), 1.0),
    };
    let path = simulated(folder.path(), ",text", &kinds);
    let report = answer(&path);
    let several = |report: &FitReport| {
        report.warnings.iter().find_map(|w| match w {
            Warning::SeveralKinds { column, tries, .. } => Some((column.clone(), *tries)),
            _ => None,
        })
    };
    assert_eq!(several(&report), Some(("text".to_owned(), false)));
    let only = vec!["text == web".parse().expect("a condition")];
    let options = ReadOptions { only, ..ReadOptions::default() };
    assert_eq!(table(&path, &options).runs.len(), 24);
    let all = table(&path, &ReadOptions::default());
    let fits = quick().answer_by(&all, "text", &|_| std::ops::ControlFlow::Continue(()));
    let fits = fits.expect("two fits");
    let counts: Vec<(&str, usize)> = fits.kinds.iter().map(|k| (k.kind.as_str(), k.runs)).collect();
    assert_eq!(counts, [("code", 12), ("web", 24)]);
    let web = fits.kinds[1].report.as_ref().expect("a fit");
    let alone = quick().answer(&table(&path, &options)).expect("a fit");
    assert_eq!(web.fit.coefficients, alone.fit.coefficients);
}

/// Each cell three times with another learning rate, of which one is right: the best of each cell is the
/// clean table.
#[test]
fn the_best_of_each_cell_is_kept_on_request() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = simulated(folder.path(), "", &plain);
    let clean = answer(&path);
    let text = std::fs::read_to_string(&path).expect("text");
    let mut swept = "params,tokens,loss,lr\n".to_owned();
    for line in text.lines().skip(1) {
        let (place, loss) = line.rsplit_once(',').expect("a loss");
        let loss: f64 = loss.parse().expect("a number");
        for (lr, factor) in [(1e-4, 1.06), (1e-3, 1.0), (4e-3, 1.12)] {
            writeln!(swept, "{place},{},{lr}", loss * factor).expect("text");
        }
    }
    std::fs::write(&path, swept).expect("written");
    let report = answer(&path);
    let tries = report
        .warnings
        .iter()
        .any(|w| matches!(w, Warning::SeveralKinds { column, tries: true, .. } if column == "lr"));
    assert!(tries, "{:?}", codes(&report));
    let best_per = Some(isoloss::data::BestPer::Cell);
    let best = table(&path, &ReadOptions { best_per, ..ReadOptions::default() });
    let again = quick().answer(&best).expect("a fit");
    assert_eq!(again.fit.coefficients, clean.fit.coefficients);
}

#[test]
fn checkpoints_and_copies_are_no_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("runs.csv");
    let mut text = "run,params,tokens,loss\n".to_owned();
    for i in 0..4 {
        for k in 1..=5 {
            let (n, d) = (1e8 * 2.0_f64.powi(i), 1e9 * f64::from(k));
            let loss = 1.8 + 450.0 / n.powf(0.35) + 1500.0 / d.powf(0.37);
            writeln!(text, "r{i},{n},{d},{loss}").expect("text");
        }
    }
    std::fs::write(&path, &text).expect("written");
    let ends = table(&path, &ReadOptions::default());
    assert_eq!((ends.runs.len(), ends.skipped.len()), (4, 16));
    assert!(ends.runs.iter().all(|r| r.d.get() == 5e9));
    let every_row = ReadOptions { every_row: true, ..ReadOptions::default() };
    assert_eq!(table(&path, &every_row).runs.len(), 20);
    // The same numbers under other names, to sixteen digits, are copies; to three they may be chance.
    let copied = text.replace("run,", "name,").replace("\nr", "\nx");
    let second = copied.lines().skip(1).map(|line| format!("y{line}\n")).collect::<String>();
    std::fs::write(&path, format!("{copied}{second}")).expect("written");
    assert_eq!(table(&path, &ReadOptions::default()).runs.len(), 20);
    std::fs::write(&path, "name,params,tokens,loss\na,1e8,2e9,3.10\nb,1e8,2e9,3.10\n")
        .expect("written");
    assert_eq!(table(&path, &ReadOptions::default()).runs.len(), 2);
}

#[test]
fn runs_that_follow_no_law_are_refused_with_what_they_show() {
    let folder = tempfile::tempdir().expect("a folder");
    let rising = |_: usize, n: f64, d: f64| {
        let law = 1.8 + 450.0 / n.powf(0.35) + 1500.0 / d.powf(0.37);
        (String::new(), 3.0 * (d / 1e9).powf(0.05) / law)
    };
    let table = table(&simulated(folder.path(), "", &rising), &ReadOptions::default());
    let error = quick().answer(&table).expect_err("rising");
    assert!(matches!(error, Error::Fit(FitError::NotFollowed { .. })), "{error}");
    assert!(error.to_string().contains("per doubling of D"), "{error}");
}

/// Two ways of counting C where D follows from it: told by the losses.
#[test]
fn two_counts_of_compute_are_told_by_the_losses() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("runs.csv");
    let write = |share: &dyn Fn(usize) -> f64| {
        let mut text = "params,flops,loss\n".to_owned();
        for i in 0..36 {
            let n = 3e7 * 2.2_f64.powi(i / 6);
            let d = 4.0 * n * 2.0_f64.powi(i % 6);
            let loss = 1.8 + 450.0 / n.powf(0.35) + 1500.0 / d.powf(0.37);
            writeln!(text, "{n},{},{loss}", 6.0 * n * d * share(i as usize)).expect("text");
        }
        std::fs::write(&path, text).expect("written");
        answer(&path)
    };
    let mixed = |report: &FitReport| {
        report.warnings.iter().find_map(|w| match w {
            Warning::MixedFlops { runs, .. } => Some(*runs),
            _ => None,
        })
    };
    let third = |i: usize| if i.is_multiple_of(2) { 1.0 / 3.0 } else { 1.0 };
    assert_eq!(mixed(&write(&third)), Some(18));
    assert_eq!(mixed(&write(&|_| 1.0)), None);
}

#[test]
fn a_saved_fit_that_contradicts_itself_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = answer(&simulated(folder.path(), "", &plain));
    let saved = serde_json::to_value(&report).expect("JSON");
    let path = folder.path().join("fit.json");
    let load = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut json = saved.clone();
        change(&mut json);
        std::fs::write(&path, json.to_string()).expect("written");
        isoloss::study::load_fit(&path).map(|fit| fit.n_points).map_err(|e| e.to_string())
    };
    assert_eq!(load(&|_| {}), Ok(36));
    type Change<'a> = &'a dyn Fn(&mut serde_json::Value);
    let changes: [(&str, Change<'_>); 5] = [
        ("level", &|j| j["level"] = 0.5.into()),
        ("coefficients", &|j| j["coefficients"]["E"] = 0.3.into()),
        ("draws", &|j| j["draws"][3][0] = (-1.0).into()),
        ("residuals", &|j| j["residuals"] = serde_json::json!([0.0])),
        ("certificate", &|j| j["certificate"]["gradient_norm"] = 0.1.into()),
    ];
    for (field, change) in changes {
        let error = load(change).expect_err(field);
        assert!(error.contains(&format!("`{field}`")), "{field}: {error}");
    }
}

/// The shared inputs that once went wrong, each with what is said of it.
#[test]
fn inputs_that_went_wrong_are_judged() {
    let Some(shared) = shared_folder("inputs that once went wrong") else { return };
    let expected: [(&str, &str); 9] = [
        ("fit/grid_diverged", "outliers"),
        ("fit/grid_3seeds_one_off", "outliers"),
        ("fit/grid_3seeds_one_off", "lack-of-fit"),
        ("fit/grid_Ezero", "no-floor"),
        ("fit/grid_lr_sweep", "several-kinds"),
        ("fit/grid_mixed_tokenizer", "several-kinds"),
        ("fit/grid_mixed_flops_noD", "mixed-flops"),
        ("fit/loss_rises_with_D", "loss-rises"),
        ("trust/u10ren", "rows-skipped"),
    ];
    for (case, code) in expected {
        let report = answer(&shared.join(format!("cases/{case}.csv")));
        assert!(codes(&report).contains(&code), "{case}: {:?}", codes(&report));
        assert!(report.fit.certificate.certified, "{case}");
    }
    for (case, words) in [
        ("fit/grid_millions", "another unit"),
        ("fit/grid_ppl_named_loss", "perplexities"),
        ("trust/sub", "nats"),
        ("trust/rising", "per doubling of D"),
        ("trust/hugenoise", "depends on neither"),
        ("fit/cosine_midpoints", "tokens per parameter"),
    ] {
        let path = shared.join(format!("cases/{case}.csv"));
        let read = read(&[path], &ReadOptions::default());
        let error = read.and_then(|table| quick().answer(&table)).expect_err(case).to_string();
        assert!(error.contains(words), "{case}: {error}");
    }
    // The best-known table with all its rows: what five of them do to a plan for 1e24.
    let map = "n=Model Size,c=Training FLOP,loss=loss".parse().expect("a map");
    let options = ReadOptions { map, ..ReadOptions::default() };
    let path = shared.join("reference-data/chinchilla-epoch/svg_extracted_data.csv");
    let table = read(&[path], &options).expect("a table");
    let request = FitRequest { at: vec![Flops::new(1e24)], ..quick() };
    let report = request.answer(&table).expect("a fit");
    let moved = report.warnings.iter().find_map(|w| match w {
        Warning::Outliers { rows, with, without, .. } => Some((rows, with.get(), without.get())),
        _ => None,
    });
    let (rows, with, without) = moved.expect("outliers");
    assert!((0..5).all(|row| rows.contains(&row)), "{rows:?}");
    assert!((150e9..175e9).contains(&with) && (90e9..105e9).contains(&without), "{with} {without}");
}

/// Losses per byte keep their unit from the table to the plan.
#[test]
#[cfg(feature = "report")]
fn losses_per_byte_are_never_called_per_token() {
    use isoloss::report::{decision_table, fit_table};
    let folder = tempfile::tempdir().expect("a folder");
    let path = simulated(folder.path(), "", &plain);
    let text = std::fs::read_to_string(&path).expect("text");
    std::fs::write(&path, text.replacen("loss", "val_bpb", 1)).expect("written");
    let report = answer(&path);
    let unit = report.fit.surface.loss_unit;
    let decisions = decision_table(&report.decisions, 0.95, unit).to_text();
    for shown in [fit_table(&report.fit).to_text(), decisions] {
        assert!(shown.contains("nats per byte") && !shown.contains("per token"), "{shown}");
    }
    // A saved fit remembers, and so does what is planned with it.
    let saved = folder.path().join("fit.json");
    std::fs::write(&saved, serde_json::to_string(&report).expect("JSON")).expect("written");
    let fit = isoloss::study::load_fit(&saved).expect("a fit");
    let plan = isoloss::plan::compute_optimal(&fit.surface, Flops::new(1e21)).expect("a plan");
    assert_eq!(plan.loss_unit.name(), "nats per byte");
}

/// The ends of an interval are quantiles, and quantiles rise.
#[test]
fn quantiles_are_cut_from_the_same_distribution_as_intervals() {
    use isoloss::fit::{predict, predict_quantiles};
    use isoloss::law::Point;
    use isoloss::units::{Params, Tokens};
    let folder = tempfile::tempdir().expect("a folder");
    let fit = answer(&simulated(folder.path(), "", &plain)).fit;
    // One run among the others, one far beyond them.
    for (n, d) in [(2e8, 4e9), (1e11, 2e12)] {
        let point = Point::new(Params::new(n), Tokens::new(d));
        let interval = predict(&fit, &[point])[0].interval.expect("draws");
        let asked = [0.025, 0.1, 0.5, 0.9, 0.975];
        let found = predict_quantiles(&fit, &point, &asked).expect("draws");
        assert!(found.windows(2).all(|pair| pair[0] < pair[1]), "{found:?}");
        assert!((found[0] / interval.lo - 1.0).abs() < 1e-9, "{found:?} {interval:?}");
        assert!((found[4] / interval.hi - 1.0).abs() < 1e-9, "{found:?} {interval:?}");
    }
}

/// Runs of another table test the fit as held-out runs do.
#[test]
fn another_table_tests_the_fit_as_held_out_runs_do() {
    let folder = tempfile::tempdir().expect("a folder");
    let all = table(&simulated(folder.path(), "", &plain), &ReadOptions::default());
    let hold_out: isoloss::data::HoldOut = "N>=1e9".parse().expect("a condition");
    let (near, far) = hold_out.split(&all).expect("both sides");
    let held = FitRequest { hold_out: Some(hold_out), ..quick() }.answer(&all).expect("a fit");
    let go_on = |_| std::ops::ControlFlow::Continue(());
    let tested = quick().answer_tested(&near, Some(("other.csv", &far)), &go_on).expect("a fit");
    let (held, tested) = (held.held_out.expect("scores"), tested.held_out.expect("scores"));
    assert_eq!(tested.condition, "other.csv");
    assert_eq!(
        (held.n_points, held.mean_abs_error, held.covered),
        (tested.n_points, tested.mean_abs_error, tested.covered)
    );
}
