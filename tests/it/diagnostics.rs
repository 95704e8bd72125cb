//! What is reported of runs and residuals, on simulated truth: seed noise, trends, coverage of the
//! plane, and runs that repeat their data.

use isoloss::data::{RunRecord, RunTable};
use isoloss::fit::{Diagnostics, Fit, FitConfig, Objective, fit};
use isoloss::law::{Chinchilla, Point, Surface};
use isoloss::num::stream;
use isoloss::units::{ParamRule, Params, Setting, Tokens};
use rand::RngExt;

fn truth() -> Surface {
    Surface::published("besiroglu").expect("shipped")
}

/// Six sizes by eight token counts, `repeats` seeds each, nearly normal log errors.
fn runs(seed: u64, sd: f64, repeats: usize, bend: f64) -> RunTable {
    let mut rng = stream(seed, 0);
    let mut runs = Vec::new();
    for i in 0..6 {
        for j in 0..8 {
            let n = Params::new(5e7 * 10_f64.powf(f64::from(i) * 0.4));
            let d = Tokens::new(n.get() * 2.0 * 2_f64.powi(j));
            for k in 0..repeats {
                let noise: f64 = (0..12).map(|_| rng.random_range(-0.5..0.5)).sum();
                let off = bend * (d.ln() - 24.0).powi(2);
                let loss = truth().loss(&Point::new(n, d)) * (sd * noise + off).exp();
                let run = RunRecord::new(format!("{i}-{j}-{k}"), n, d, loss);
                runs.push(RunRecord { row: runs.len(), ..run });
            }
        }
    }
    RunTable::from_runs(runs, ParamRule::All)
}

fn fitted(runs: &RunTable) -> Fit {
    let config = FitConfig { objective: Objective::LsLog, bootstrap: 0, ..FitConfig::default() };
    fit(&Chinchilla, runs, &config).expect("a fit")
}

fn diagnostics(runs: &RunTable) -> Diagnostics {
    fitted(runs).diagnostics.expect("diagnostics")
}

fn codes(fit: &Fit) -> Vec<&'static str> {
    fit.warnings.iter().map(|w| w.code()).collect()
}

/// 48 places of three runs: 96 degrees of freedom, so a standard deviation within
/// 4 / sqrt(2 * 96) = 0.29 of the truth; and a law that is right is not called wrong.
#[test]
fn repeats_show_the_seed_noise() {
    let table = runs(1, 0.004, 3, 0.0);
    let noise = diagnostics(&table).seed_noise.expect("repeats");
    assert_eq!((noise.cells, noise.runs), (48, 144));
    assert!((noise.sd / 0.004 - 1.0).abs() < 0.29, "{noise:?}");
    assert!(noise.interval.contains(0.004), "{noise:?}");
    assert!(noise.lack_of_fit_p > 1e-3, "{noise:?}");
    assert!(diagnostics(&runs(1, 0.004, 1, 0.0)).seed_noise.is_none());
    // Runs at one N and D in other settings are no repeats.
    let mut other = table.clone();
    for (i, run) in other.runs.iter_mut().enumerate() {
        run.setting = Setting { experts: (i % 3 + 1) as f64, ..Setting::PLAIN };
    }
    assert!(diagnostics(&other).seed_noise.is_none());
}

/// A bend of the losses along D that no Chinchilla law has shows as a trend and as lack of fit.
#[test]
fn a_law_that_bends_away_shows_in_its_residuals() {
    let bent = fitted(&runs(2, 0.002, 3, 0.002));
    let d = bent.diagnostics.clone().expect("diagnostics");
    assert!(!d.trends.is_empty() && d.trends.iter().all(|t| t.p < 1e-3), "{:?}", d.trends);
    assert!(codes(&bent).contains(&"residual-trend"), "{:?}", codes(&bent));
    assert!(codes(&bent).contains(&"lack-of-fit"), "{:?}", codes(&bent));
}

/// Under a law that is right a trend is reported with probability 1e-3 at most, after Bonferroni: more
/// than 2 alarms in 200 data sets have a probability of 1e-3.
#[test]
fn trends_are_seldom_false_alarms() {
    let alarms = (0..200).filter(|k| !diagnostics(&runs(100 + k, 0.004, 1, 0.0)).trends.is_empty());
    let alarms = alarms.count();
    assert!(alarms <= 2, "{alarms} of 200");
}

#[test]
fn the_plane_is_counted() {
    let full = diagnostics(&runs(3, 0.002, 1, 0.0)).plane;
    assert_eq!((full.sizes, full.token_counts, full.cells_filled), (6, 48, 16));
    assert!((full.n_span / 100.0 - 1.0).abs() < 1e-9 && (full.ratio_span - 128.0).abs() < 1e-6);
    // A cross: one size at all token counts, one ratio at all sizes.
    let mut table = runs(3, 0.002, 1, 0.0);
    table.runs.retain(|r| r.run.starts_with("2-") || r.run.ends_with("-3-0"));
    let cross = fitted(&table);
    let plane = cross.diagnostics.as_ref().expect("diagnostics").plane;
    assert!(plane.cells_filled < 8, "{plane:?}");
    let thin = plane.cells_filled < 6;
    assert_eq!(codes(&cross).contains(&"thin-plane"), thin);
}

#[test]
fn repeated_data_under_a_law_of_new_data_is_warned_of() {
    let mut table = runs(4, 0.002, 1, 0.0);
    assert!(!codes(&fitted(&table)).contains(&"repeats-ignored"));
    for run in &mut table.runs {
        run.setting.unique = Some(Tokens::new(run.d.get() / 10.0));
    }
    assert!(codes(&fitted(&table)).contains(&"repeats-ignored"));
}
