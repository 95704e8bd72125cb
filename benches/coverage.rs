//! Nominal against actual coverage of every kind of interval, over simulated data sets.
//!
//! `cargo bench --bench coverage [-- DATA_SETS] [beyond]`; 1000 data sets per row by default. With
//! `beyond` only larger runs under laws that are true and laws that are not.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

use isoloss::data::{RunRecord, RunTable};
use isoloss::fit::{
    Fit, FitConfig, Objective, PredictedRun, ProfileOf, Resample, decide, fit, predict_runs,
};
use isoloss::law::{Chinchilla, Point, Support, Surface};
use isoloss::num::{Interval, Stream, find_root, median, stream};
use isoloss::units::{Flops, ParamRule, Params, Tokens};
use rand_distr::{Distribution, Normal, StudentT};
use rayon::prelude::*;

const LEVEL: f64 = 0.95;
const DRAWS: usize = 400;
/// The decision is asked for at this multiple of the largest run.
const BEYOND: f64 = 10.0;

#[derive(Clone, Copy)]
struct Design {
    name: &'static str,
    /// Compute budgets, evenly spaced in ln C from 1e18 to 1e21 FLOPs.
    budgets: usize,
    /// Sizes per budget.
    sizes: usize,
    /// Largest over optimal size.
    spread: f64,
}

const DESIGNS: [Design; 3] = [
    Design { name: "5 x 5, D/N over 256x", budgets: 5, sizes: 5, spread: 4.0 },
    Design { name: "8 x 8, D/N over 256x", budgets: 8, sizes: 8, spread: 4.0 },
    Design { name: "8 x 8, D/N over 2.5x", budgets: 8, sizes: 8, spread: 1.25 },
];

#[derive(Clone, Copy)]
enum Noise {
    /// Normal log errors.
    Normal(f64),
    /// Student's t with three degrees of freedom, scaled to this standard deviation.
    Heavy(f64),
}

impl Noise {
    fn name(self) -> String {
        match self {
            Self::Normal(sd) => format!("normal {:.1} %", 100.0 * sd),
            Self::Heavy(sd) => format!("t3 {:.1} %", 100.0 * sd),
        }
    }

    fn draw(self, rng: &mut Stream) -> f64 {
        match self {
            Self::Normal(sd) => Normal::new(0.0, sd).expect("positive").sample(rng),
            Self::Heavy(sd) => {
                let t: f64 = StudentT::new(3.0).expect("positive").sample(rng);
                sd * t / 3_f64.sqrt()
            }
        }
    }
}

fn truth() -> Surface {
    let theta = vec![1.82, 478.0, 2143.0, 0.347, 0.367];
    Surface::new(&Chinchilla, theta, "truth", ParamRule::All, Support::default())
        .expect("in its domain")
}

fn run_at(truth: &Surface, n: f64, c: f64, error: f64, row: usize) -> RunRecord {
    let (n, d) = (Params::new(n), Tokens::new(c / (6.0 * n)));
    let loss_nats = truth.loss(&Point::new(n, d)) * error.exp();
    let c = Flops::new(c);
    RunRecord { c, budget: Some(c), row, ..RunRecord::new(format!("r{row}"), n, d, loss_nats) }
}

fn table(truth: &Surface, design: Design, noise: Noise, rng: &mut Stream) -> RunTable {
    let mut runs = Vec::new();
    for i in 0..design.budgets {
        let c = 1e18 * 1e3_f64.powf(i as f64 / (design.budgets - 1) as f64);
        let optimum = truth.ln_n_optimal(Flops::new(c)).expect("an optimum").exp();
        for j in 0..design.sizes {
            let side = 2.0 * j as f64 / (design.sizes - 1) as f64 - 1.0;
            let n = optimum * design.spread.powf(side);
            runs.push(run_at(truth, n, c, noise.draw(rng), runs.len()));
        }
    }
    RunTable::from_runs(runs, ParamRule::All)
}

const KINDS: [&str; 10] = [
    "E",
    "alpha",
    "beta",
    "a",
    "N* at 10x",
    "L* at 10x",
    "C for L*",
    "new run",
    "E, profile",
    "alpha, profile",
];

/// Per kind, whether the interval holds the truth; `None` where the fit gave no interval.
struct Verdict {
    inside: [Option<bool>; KINDS.len()],
    warned: bool,
}

fn judge(design: Design, noise: Noise, config: &FitConfig, k: u64) -> Option<Verdict> {
    let truth = truth();
    let mut rng = stream(2026, k);
    let runs = table(&truth, design, noise, &mut rng);
    let fitted = fit(&Chinchilla, &runs, config).ok()?;
    let c = Flops::new(1e21 * BEYOND);
    let decision = decide(&fitted, c)?;
    let best = truth.ln_n_optimal(c).expect("an optimum");
    let loss_there = truth.loss_at(best, (c.get() / 6.0).ln() - best);
    let decided = |name: &str| decision.intervals.get(name).copied();
    let profile = |name: &str| {
        let profile = fitted.profiles.iter().find(|p| p.coef == name)?;
        let (lo, hi) = (profile.lo.unwrap_or(0.0), profile.hi.unwrap_or(f64::INFINITY));
        Some(Interval { lo, hi })
    };
    // What the law's own loss costs under the truth: the budget at which the truth has that loss.
    let excess = |ln_c: f64| {
        let n = truth.ln_n_optimal(Flops::new(ln_c.exp())).expect("an optimum");
        truth.loss_at(n, ln_c - 6_f64.ln() - n) - decision.loss_nats
    };
    let true_cost = find_root("cost", excess, c.ln() - 10.0, c.ln() + 10.0).ok().map(f64::exp);
    let holds = |interval: Option<Interval>, x: Option<f64>| Some(interval?.contains(x?));
    let coef = |name: &str| holds(fitted.intervals.get(name).copied(), truth.coef(name));
    // A new run at the true optimum of twice the largest budget.
    let c_new = 2e21;
    let n_new = truth.ln_n_optimal(Flops::new(c_new)).expect("an optimum").exp();
    let new = run_at(&truth, n_new, c_new, noise.draw(&mut rng), 0);
    let observed = new.loss_nats;
    let predicted = predict_runs(&fitted, &RunTable::from_runs(vec![new], ParamRule::All));
    Some(Verdict {
        inside: [
            coef("E"),
            coef("alpha"),
            coef("beta"),
            holds(
                fitted.intervals.get("n_exponent").copied(),
                truth.allocation_exponent(Flops::new(1e21)),
            ),
            holds(decided("params"), Some(best.exp())),
            holds(decided("loss"), Some(loss_there)),
            holds(decided("flops_for_loss"), true_cost),
            holds(predicted[0].interval, Some(observed)),
            holds(profile("E"), truth.coef("E")),
            holds(profile("alpha"), truth.coef("alpha")),
        ],
        warned: !fitted.warnings.is_empty(),
    })
}

fn main() {
    let data_sets: u64 =
        std::env::args().skip(1).find_map(|a| a.parse().ok()).unwrap_or(1000).max(1);
    if std::env::args().any(|a| a == "beyond") {
        return beyond(data_sets);
    }
    let monte_carlo = (LEVEL * (1.0 - LEVEL) / data_sets as f64).sqrt();
    println!(
        "{data_sets} data sets per row, {DRAWS} draws each, nominal {:.0} %; one standard error of a figure is {:.1} points",
        100.0 * LEVEL,
        100.0 * monte_carlo
    );
    println!("| design | noise | objective | resample | {} | warned | no fit |", KINDS.join(" | "));
    println!("|{}", "---|".repeat(KINDS.len() + 6));
    let noises = [Noise::Normal(0.003), Noise::Heavy(0.003)];
    // Every objective with the default resample, and every resample with the two that differ most.
    let by_row = Objective::ALL.map(|objective| (objective, Resample::Row));
    let others = [Resample::Size, Resample::Budget, Resample::Wild];
    let both = [Objective::HuberLog, Objective::LsLog];
    let by_other = others.iter().flat_map(|r| both.map(|objective| (objective, *r)));
    let settings: Vec<(Objective, Resample)> = by_row.into_iter().chain(by_other).collect();
    for design in DESIGNS {
        for noise in noises {
            for (objective, resample) in &settings {
                let config = FitConfig {
                    objective: *objective,
                    resample: *resample,
                    bootstrap: DRAWS,
                    level: LEVEL,
                    // The draws alone: what extrapolation costs has a table of its own.
                    extrapolation: false,
                    profile: match resample {
                        Resample::Row => ProfileOf::All,
                        _ => ProfileOf::None,
                    },
                    ..FitConfig::default()
                };
                // Vertices of absolute deviations take ten times as long.
                let sets = if *objective == Objective::LadLog { data_sets / 5 } else { data_sets };
                let verdicts: Vec<Option<Verdict>> = (0..sets.max(1))
                    .into_par_iter()
                    .map(|k| judge(design, noise, &config, k))
                    .collect();
                row(design, noise, &config, &verdicts);
            }
        }
    }
    beyond(data_sets);
}

/// What the runs follow in truth; the law that is fitted is Chinchilla's.
struct Truth {
    name: &'static str,
    loss: fn(f64, f64) -> f64,
}

fn separable(n: f64, d: f64) -> f64 {
    478.0 / n.powf(0.347) + 2143.0 / d.powf(0.367)
}

const TRUTHS: [Truth; 4] = [
    Truth { name: "Chinchilla: the law is true", loss: |n, d| 1.82 + separable(n, d) },
    Truth {
        name: "Skaling, k = 0.45",
        loss: |n, d| 1.82 + (5.8e5 / n.powf(0.75) + 1.7e7 / d.powf(0.8)).powf(0.45),
    },
    Truth {
        name: "floor falls 0.5 % per e-fold of D",
        loss: |n, d| 1.82 * (d / 1e10).powf(-0.005) + separable(n, d),
    },
    Truth {
        name: "data term saturates: beta 0.55 below 20B tokens",
        loss: |n, d| {
            let knee = 1.0 + (d / 2e10).powi(2);
            1.82 + 478.0 / n.powf(0.347) + 1.7e5 / d.powf(0.55) * knee.powf(0.09)
        },
    },
];

impl Truth {
    /// ln N of the lowest loss at `c`, and that loss, by golden section.
    fn optimum(&self, c: f64) -> (f64, f64) {
        let at = |ln_n: f64| (self.loss)(ln_n.exp(), c / 6.0 / ln_n.exp());
        let (mut lo, mut hi) = (12.0_f64, (c / 6.0).ln() - 12.0);
        let golden = 0.5 * (5_f64.sqrt() - 1.0);
        while hi - lo > 1e-8 {
            let (a, b) = (hi - golden * (hi - lo), lo + golden * (hi - lo));
            if at(a) < at(b) { hi = b } else { lo = a }
        }
        (lo, at(lo))
    }

    fn run(&self, n: f64, c: f64, error: f64, row: usize) -> RunRecord {
        let d = c / (6.0 * n);
        let loss = (self.loss)(n, d) * error.exp();
        let c = Flops::new(c);
        let plain = RunRecord::new(format!("r{row}"), Params::new(n), Tokens::new(d), loss);
        RunRecord { c, budget: Some(c), row, ..plain }
    }
}

/// Multiples of the largest budget at which new runs are made.
const FARTHER: [f64; 3] = [2.0, 10.0, 100.0];

/// Per kind of interval, whether it holds and its width: new runs, then N* and L* at ten times the largest
/// budget.
type Held = [(bool, f64); FARTHER.len() + 2];

/// What the draws say, and what the fit says; `None` without a fit.
fn held(truth: &Truth, sd: f64, k: u64) -> Option<[Held; 2]> {
    let mut rng = stream(2027, k);
    let noise = Normal::new(0.0, sd).expect("positive");
    let mut runs = Vec::new();
    for i in 0..8 {
        let c = 1e18 * 1e3_f64.powf(f64::from(i) / 7.0);
        let best = truth.optimum(c).0.exp();
        for j in 0..8 {
            let n = best * 4_f64.powf(2.0 * f64::from(j) / 7.0 - 1.0);
            runs.push(truth.run(n, c, noise.sample(&mut rng), runs.len()));
        }
    }
    let profile = ProfileOf::None;
    let config = FitConfig { bootstrap: DRAWS, level: LEVEL, profile, ..FitConfig::default() };
    let table = RunTable::from_runs(runs, ParamRule::All);
    let carrying = fit(&Chinchilla, &table, &config).ok()?;
    let plain = Fit { extrapolation: None, ..carrying.clone() };
    let new: Vec<RunRecord> = FARTHER
        .iter()
        .map(|factor| {
            let c = 1e21 * factor;
            truth.run(truth.optimum(c).0.exp(), c, noise.sample(&mut rng), 0)
        })
        .collect();
    let new = RunTable::from_runs(new, ParamRule::All);
    let (ln_n, loss) = truth.optimum(1e21 * BEYOND);
    let of = |fit: &Fit| -> Option<Held> {
        let predicted = predict_runs(fit, &new);
        let width = |i: Interval| (i.hi / i.lo).ln();
        let run = |k: usize| {
            let p: &PredictedRun = predicted.get(k)?;
            Some((p.is_covered(), width(p.interval?)))
        };
        let decision = decide(fit, Flops::new(1e21 * BEYOND))?;
        let decided = |name: &str, truth: f64| {
            let interval = *decision.intervals.get(name)?;
            Some((interval.contains(truth), width(interval)))
        };
        let (size, best) = (decided("params", ln_n.exp())?, decided("loss", loss)?);
        Some([run(0)?, run(1)?, run(2)?, size, best])
    };
    Some([of(&plain)?, of(&carrying)?])
}

/// The table of larger runs: per truth and noise a row for the draws alone and one for the fit.
fn beyond(data_sets: u64) {
    println!("\nlarger runs, {data_sets} data sets per row; per cell share inside, median width");
    println!(
        "| truth | noise | intervals | new run at 2x | 10x | 100x | N* at 10x | L* at 10x | no fit |"
    );
    println!("|{}", "---|".repeat(9));
    for truth in &TRUTHS {
        for sd in [0.001, 0.003, 0.01] {
            let sets: Vec<u64> = (0..data_sets).collect();
            let all: Vec<Option<[Held; 2]>> =
                sets.into_par_iter().map(|k| held(truth, sd, k)).collect();
            let fits: Vec<&[Held; 2]> = all.iter().flatten().collect();
            for (which, name) in ["draws alone", "with extrapolation"].into_iter().enumerate() {
                let cell = |kind: usize| {
                    let inside = fits.iter().filter(|f| f[which][kind].0).count();
                    let widths: Vec<f64> = fits.iter().map(|f| f[which][kind].1).collect();
                    let width = median(&widths).exp_m1();
                    let share = 100.0 * inside as f64 / fits.len().max(1) as f64;
                    format!("{share:.1}, {:.1} %", 100.0 * width)
                };
                let cells: Vec<String> = (0..FARTHER.len() + 2).map(cell).collect();
                println!(
                    "| {} | {:.1} % | {name} | {} | {} |",
                    truth.name,
                    100.0 * sd,
                    cells.join(" | "),
                    all.len() - fits.len()
                );
            }
        }
    }
}

fn row(design: Design, noise: Noise, config: &FitConfig, verdicts: &[Option<Verdict>]) {
    let fits: Vec<&Verdict> = verdicts.iter().flatten().collect();
    let share = |k: usize| {
        let known: Vec<bool> = fits.iter().filter_map(|v| v.inside[k]).collect();
        if known.is_empty() {
            return "-".to_owned();
        }
        let inside = known.iter().filter(|x| **x).count();
        format!("{:.1}", 100.0 * inside as f64 / known.len() as f64)
    };
    let shares: Vec<String> = (0..KINDS.len()).map(share).collect();
    let warned = fits.iter().filter(|v| v.warned).count();
    println!(
        "| {} | {} | {} | {} | {} | {:.0} % | {} |",
        design.name,
        noise.name(),
        config.objective,
        config.resample,
        shares.join(" | "),
        100.0 * warned as f64 / fits.len().max(1) as f64,
        verdicts.len() - fits.len(),
    );
}
