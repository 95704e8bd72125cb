//! Runs chosen one after another on public tables: held-out error against the budget that was spent.

use std::collections::BTreeSet;

use isoloss::data::{RunRecord, RunTable};
use isoloss::fit::{
    CandidateRun, Doubt, ErrorModel, Fit, FitConfig, ProfileOf, choose, fit, predict_runs,
};
use isoloss::law::{Chinchilla, Law, Point};
use isoloss::num::{median, stream};
use isoloss::units::Flops;
use nalgebra::DMatrix;
use rand::RngExt;

use crate::beyond::tables;
use crate::shared::shared_folder;

/// Budgets, as shares of what all runs of the pool cost.
const SHARES: [f64; 5] = [0.02, 0.05, 0.1, 0.2, 0.5];
/// Orders of the runs drawn at random.
const SEEDS: u64 = 20;
/// Runs between two fits.
const BATCH: usize = 3;

/// What a table offers and what is asked of it.
struct Task {
    name: String,
    /// The runs below 80 % of the range of log C, cheapest first.
    pool: RunTable,
    /// The others.
    far: RunTable,
    /// Places in the pool of the runs everybody begins with.
    start: Vec<usize>,
}

fn compute(run: &RunRecord) -> f64 {
    6.0 * run.n.get() * run.d.get()
}

fn config(bootstrap: usize) -> FitConfig {
    let extrapolation = bootstrap > 0;
    FitConfig { bootstrap, profile: ProfileOf::None, extrapolation, ..FitConfig::default() }
}

impl Task {
    fn of(name: String, table: &RunTable) -> Option<Self> {
        let mut runs = table.runs.clone();
        runs.sort_by(|a, b| compute(a).total_cmp(&compute(b)));
        let (lo, hi) = (compute(runs.first()?).ln(), compute(runs.last()?).ln());
        let cut = (lo + 0.8 * (hi - lo)).exp();
        let far = runs.split_off(runs.partition_point(|run| compute(run) <= cut));
        let (pool, far) = (table.with_runs(runs), table.with_runs(far));
        let mut task = Self { name, pool, far, start: Vec::new() };
        // The cheapest few that fix the law.
        let count = (8..=task.pool.runs.len()).find(|k| {
            let chosen: Vec<usize> = (0..*k).collect();
            task.fitted(&chosen, 60).is_some_and(|f| f.certificate.certified && f.draws.len() > 40)
        })?;
        task.start = (0..count).collect();
        (task.far.runs.len() >= 3).then_some(task)
    }

    fn cost(&self, place: usize) -> f64 {
        compute(&self.pool.runs[place])
    }

    fn spent(&self, places: &[usize]) -> f64 {
        places.iter().map(|place| self.cost(*place)).sum()
    }

    fn all(&self) -> f64 {
        self.spent(&(0..self.pool.runs.len()).collect::<Vec<_>>())
    }

    fn fitted(&self, places: &[usize], bootstrap: usize) -> Option<Fit> {
        let runs = places.iter().map(|place| self.pool.runs[*place].clone()).collect();
        fit(&Chinchilla, &self.pool.with_runs(runs), &config(bootstrap)).ok()
    }

    /// Mean |predicted / actual - 1| of the farther runs.
    fn error(&self, places: &[usize]) -> f64 {
        let Some(fit) = self.fitted(places, 0) else { return f64::NAN };
        let runs = predict_runs(&fit, &self.far);
        runs.iter().map(|run| run.error.abs()).sum::<f64>() / runs.len() as f64
    }

    fn left(&self, places: &[usize], budget: f64) -> Vec<usize> {
        let left = budget - self.spent(places);
        (0..self.pool.runs.len())
            .filter(|place| !places.contains(place) && self.cost(*place) <= left)
            .collect()
    }

    /// The points that the chooser is asked about: those of the farther runs, at most a dozen.
    fn targets(&self) -> Vec<Point> {
        let step = self.far.runs.len().div_ceil(12);
        let runs = self.far.runs.iter().step_by(step);
        runs.map(|run| Point::new(run.n, run.d).within(run.setting)).collect()
    }
}

/// A way to go on from some runs within a budget; no run where it is spent.
type Way<'a> = &'a dyn Fn(&Task, &[usize], f64) -> Vec<usize>;

/// Errors at each budget.
fn walk(task: &Task, way: Way<'_>) -> Vec<f64> {
    let mut places = task.start.clone();
    SHARES
        .iter()
        .map(|share| {
            let budget = share * task.all();
            while task.spent(&places) < budget {
                let next = way(task, &places, budget);
                if next.is_empty() {
                    break;
                }
                places.extend(next);
            }
            if task.spent(&task.start) > budget { f64::NAN } else { task.error(&places) }
        })
        .collect()
}

/// The chooser of the program: draws of the losses of the farther runs.
fn ours(task: &Task, places: &[usize], budget: f64) -> Vec<usize> {
    let candidates = task.left(places, budget);
    let Some(fitted) = task.fitted(places, 200).filter(|f| f.draws.len() > 20) else {
        // Nothing to go by: the cheapest.
        return candidates.into_iter().take(1).collect();
    };
    let draws = fitted.ensemble().draws;
    let at = |run: &RunRecord| Point::new(run.n, run.d).within(run.setting);
    let ln_losses =
        |point: Point| draws.iter().map(|law| law.loss(&point).ln()).collect::<Vec<_>>();
    let runs: Vec<CandidateRun> = candidates
        .iter()
        .map(|place| &task.pool.runs[*place])
        .map(|run| CandidateRun { n: run.n, d: run.d, c: Flops::new(compute(run)) })
        .collect();
    let seen: Vec<Vec<f64>> =
        candidates.iter().map(|place| ln_losses(at(&task.pool.runs[*place]))).collect();
    let decisions: Vec<Vec<f64>> = task.targets().into_iter().map(ln_losses).collect();
    let target = task.far.runs.iter().map(compute).fold(0.0, f64::max);
    let errors = ErrorModel::of(&fitted, Flops::new(target));
    let doubt = Doubt::new(&decisions, &runs, &seen, &errors).map(Doubt::each_once);
    let Some(doubt) = doubt else { return candidates.into_iter().take(1).collect() };
    let left = budget - task.spent(places);
    let chosen = choose(&doubt, left, candidates.len());
    chosen.iter().take(BATCH).map(|run| candidates[run.candidate]).collect()
}

/// The run that adds most to the log determinant of the information, per FLOP.
fn d_optimal(task: &Task, places: &[usize], budget: f64) -> Vec<usize> {
    let candidates = task.left(places, budget);
    let Some(fitted) = task.fitted(places, 0) else {
        return candidates.into_iter().take(1).collect();
    };
    let theta = fitted.surface.theta();
    // Gradients of ln loss in ln theta, by differences.
    let slope = |place: usize| -> Vec<f64> {
        let run = &task.pool.runs[place];
        let at = Point::new(run.n, run.d).within(run.setting).at();
        let one = |i: usize, step: f64| {
            let mut moved = theta.to_vec();
            moved[i] *= f64::exp(step);
            Chinchilla.loss(&moved, &at).ln()
        };
        (0..theta.len()).map(|i| (one(i, 1e-4) - one(i, -1e-4)) / 2e-4).collect()
    };
    let p = theta.len();
    let mut information = DMatrix::<f64>::identity(p, p) * 1e-6;
    let add = |information: &mut DMatrix<f64>, place: usize| {
        let g = DMatrix::from_column_slice(p, 1, &slope(place));
        *information += &g * g.transpose();
    };
    places.iter().for_each(|place| add(&mut information, *place));
    let (mut left, mut chosen) = (budget - task.spent(places), Vec::new());
    while chosen.len() < BATCH {
        let Some(inverse) = information.clone().try_inverse() else { break };
        let worth = |place: &usize| {
            let g = DMatrix::from_column_slice(p, 1, &slope(*place));
            (g.transpose() * &inverse * &g)[(0, 0)].ln_1p() / task.cost(*place)
        };
        let free = candidates.iter().filter(|c| !chosen.contains(*c) && task.cost(**c) <= left);
        let best = free.max_by(|a, b| worth(a).total_cmp(&worth(b))).copied();
        let Some(best) = best else { break };
        add(&mut information, best);
        left -= task.cost(best);
        chosen.push(best);
    }
    chosen
}

fn cheapest(task: &Task, places: &[usize], budget: f64) -> Vec<usize> {
    task.left(places, budget).into_iter().take(1).collect()
}

fn percent(x: f64) -> String {
    if x.is_nan() { "–".to_owned() } else { format!("{:.2}", 100.0 * x) }
}

#[test]
#[ignore = "minutes; prints a table"]
fn held_out_error_against_budget_spent() {
    let Some(folder) = shared_folder("designs on public tables") else { return };
    let mut names = BTreeSet::new();
    eprintln!(
        "| table | runs | way | {} | all |",
        SHARES.map(|s| format!("{:.0} %", 100.0 * s)).join(" | ")
    );
    let mut rank: Vec<[f64; 4]> = Vec::new();
    for (name, table) in tables(&folder) {
        let wanted = ["extrapolation/", "two-recipes/", "chinchilla-epoch/"];
        if !wanted.iter().any(|start| name.starts_with(start)) || !names.insert(name.clone()) {
            continue;
        }
        let Some(task) = Task::of(name, &table) else { continue };
        let everything: Vec<usize> = (0..task.pool.runs.len()).collect();
        let all = task.error(&everything);
        let random: Vec<Vec<f64>> = (0..SEEDS)
            .map(|seed| {
                let rng = std::cell::RefCell::new(stream(seed, 0));
                walk(&task, &|task, places, budget| {
                    let free = task.left(places, budget);
                    let draw = |n: usize| rng.borrow_mut().random_range(0..n);
                    if free.is_empty() { free } else { vec![free[draw(free.len())]] }
                })
            })
            .collect();
        let of_random: Vec<f64> = (0..SHARES.len())
            .map(|k| {
                let at: Vec<f64> = random.iter().map(|w| w[k]).filter(|e| !e.is_nan()).collect();
                if at.is_empty() { f64::NAN } else { median(&at) }
            })
            .collect();
        let ways = [
            ("random (median of 20)", of_random),
            ("cheapest first", walk(&task, &cheapest)),
            ("D-optimal per FLOP", walk(&task, &d_optimal)),
            ("ours", walk(&task, &ours)),
        ];
        for k in 0..SHARES.len() {
            let row = [0, 1, 2, 3].map(|w: usize| ways[w].1[k]);
            if row.iter().all(|e| !e.is_nan()) {
                rank.push(row);
            }
        }
        for (way, errors) in &ways {
            let cells: Vec<String> = errors.iter().map(|e| percent(*e)).collect();
            eprintln!(
                "| {} | {} of {} + {} | {way} | {} | {} |",
                task.name,
                task.start.len(),
                task.pool.runs.len(),
                task.far.runs.len(),
                cells.join(" | "),
                percent(all)
            );
        }
    }
    let mean = |w: usize| rank.iter().map(|row| row[w].ln()).sum::<f64>() / rank.len() as f64;
    let wins = |w: usize| rank.iter().filter(|row| row[3] < row[w]).count();
    eprintln!(
        "geometric mean of errors: random {}, cheapest {}, D-optimal {}, ours {}; ours lower than each in {}, {}, {} of {}",
        percent(mean(0).exp()),
        percent(mean(1).exp()),
        percent(mean(2).exp()),
        percent(mean(3).exp()),
        wins(0),
        wins(1),
        wins(2),
        rank.len()
    );
    assert!(
        mean(3) < mean(1) && mean(3) < mean(2),
        "no better than the cheapest or D-optimal runs"
    );
}
