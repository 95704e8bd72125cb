//! Short ways to minima, beside long ones: resamples from the fitted minimum, walks along a valley.

use isoloss::data::{RunRecord, RunTable};
use isoloss::fit::{FitConfig, ProfileOf, fit};
use isoloss::law::{Chinchilla, Farseer, Law, Point, Skaling, Surface};
use isoloss::num::stream;
use isoloss::units::{Params, Tokens};
use rand::RngExt;

use crate::joined_laws::{on_a_grid, simulated, surface};

/// The table that draw `k` of a row bootstrap is refitted to: each run as often as it was drawn.
fn resampled(table: &RunTable, seed: u64, k: u64) -> RunTable {
    let runs = table.runs.len();
    let mut rng = stream(seed, k);
    let mut counts = vec![0.0; runs];
    (0..runs).for_each(|_| counts[rng.random_range(0..runs)] += 1.0);
    let drawn = table.runs.iter().zip(counts).filter(|(_, count)| *count > 0.0);
    let weighted =
        drawn.map(|(run, count)| RunRecord { weight: Some(count), ..run.clone() }).collect();
    table.with_runs(weighted)
}

/// What a fit minimises: the Huber sum over weighted runs.
fn objective(surface: &Surface, table: &RunTable) -> f64 {
    let (law, delta) = (surface.law(), FitConfig::default().delta);
    let terms = table.runs.iter().map(|run| {
        let at = Point::new(run.n, run.d).at();
        let r = (law.loss(surface.theta(), &at).ln() - run.loss_nats.ln()).abs();
        let huber = if r <= delta { 0.5 * r * r } else { delta * (r - 0.5 * delta) };
        run.weight.unwrap_or(1.0) * huber
    });
    terms.sum()
}

/// Draws start at the fitted minimum and take a few steps. A fit from scratch, with every start of the
/// family, other bands and another centre, finds no lower minimum. Farseer has many: where a fit from
/// scratch finds a lower one it is lower by a percent or two, for a third of the draws of 400 runs.
#[test]
fn draws_are_the_minima_that_fits_from_scratch_find() {
    let laws: [(&'static dyn Law, usize); 3] = [(&Chinchilla, 40), (&Skaling, 30), (&Farseer, 20)];
    for (law, count) in laws {
        // Nine coefficients on forty-eight runs have more minima than anyone follows.
        let table = match law.id() {
            "farseer" => on_a_grid(&surface(law, law.example()), (20, 20), 0.002, 8),
            _ => simulated(&surface(&Skaling, &[1.7, 2e5, 1e6, 0.7, 0.72, 0.45]), 0.002, 8),
        };
        let profile = ProfileOf::None;
        let config = FitConfig { bootstrap: count, profile, seed: 5, ..FitConfig::default() };
        let fitted = fit(law, &table, &config).expect("a fit");
        assert_eq!(fitted.draws.len() + fitted.draws_failed, count, "{}", law.id());
        let alone = FitConfig { bootstrap: 0, ..config };
        let mut excess: Vec<f64> = Vec::new();
        for k in 0..count as u64 {
            let drawn = resampled(&table, 5, k);
            let Ok(long) = fit(law, &drawn, &alone) else { continue };
            // The draw of this resample is the one of all that fits it best.
            let of = |t: &Vec<f64>| objective(&fitted.surface.with_theta(t.clone()), &drawn);
            let short = fitted.draws.iter().map(of).fold(f64::INFINITY, f64::min);
            excess.push(short / long.objective_value - 1.0);
        }
        let same = excess.iter().filter(|e| **e < 1e-7).count();
        let worst = excess.iter().copied().fold(0.0, f64::max);
        eprintln!("{}: {same} of {count}, the worst {worst:.4} above", law.id());
        let wanted = if law.id() == "farseer" { count.div_ceil(2) } else { count };
        assert!(same >= wanted && worst < 0.03, "{}: {same} of {count}, {worst}", law.id());
    }
}

/// Seven runs on which the starts of the family meet in one minimum, and a lower one lies along the
/// valley: 1.981511e-5 at E = 2.104, found from thousands of starts by another program.
#[test]
fn a_lower_minimum_along_the_valley_of_few_runs_is_found() {
    let rows = [
        (15650251.610805169, 11838213320.942556, 3.738591658849933),
        (558490455.2327628, 1974564669.6414242, 3.2805499088419277),
        (145916924.48648208, 2504468150.821386, 3.379263961027984),
        (597759342.0676291, 3070254095.0940237, 3.0791491211682347),
        (375176668.7251097, 7708537281.865212, 2.925478928207997),
        (547620312.3701258, 8745635541.711742, 2.8068244827939917),
        (13019423.741875255, 24955358815.576073, 3.7236468653369443),
    ];
    let runs = rows
        .iter()
        .enumerate()
        .map(|(row, (n, d, loss))| {
            let run = RunRecord::new(format!("r{row}"), Params::new(*n), Tokens::new(*d), *loss);
            RunRecord { row, ..run }
        })
        .collect();
    let table = RunTable::from_runs(runs, isoloss::units::ParamRule::All);
    let config = FitConfig { bootstrap: 0, ..FitConfig::default() };
    let fitted = fit(&Chinchilla, &table, &config).expect("a fit");
    assert!(fitted.certificate.certified);
    assert!(
        (fitted.objective_value / 1.981511e-5 - 1.0).abs() < 1e-6,
        "{}",
        fitted.objective_value
    );
    assert!((fitted.coefficients["E"] - 2.104).abs() < 1e-3);
    let codes: Vec<&str> = fitted.warnings.iter().map(|w| w.code()).collect();
    assert!(codes.contains(&"starts-disagree") && fitted.minima.len() > 1, "{codes:?}");
}
