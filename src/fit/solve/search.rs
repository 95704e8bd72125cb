//! The best minimum over all starts.

use argmin::core::{CostFunction, Executor, Gradient, State};
use argmin::solver::linesearch::MoreThuenteLineSearch;
use argmin::solver::quasinewton::LBFGS;

use super::certificate::is_minimum;
use super::descent::{descend, finish, finish_within, wider_bands};
use super::problem::Problem;
use crate::num::{Jet, NewtonConfig, NewtonEnd, Quadratic, map_all, minimise};

/// Where a search over starts ended.
pub(super) struct SearchEnd {
    pub(super) best: NewtonEnd,
    /// Starts that ended at the best point.
    pub(super) agreeing: usize,
    /// Starts in all.
    pub(super) starts: usize,
    /// All ends, with the number of starts that led there.
    pub(super) ends: Vec<(NewtonEnd, usize)>,
}

/// Starts of a rugged family that are followed to the last step: those that got lowest at first.
const LEADING: usize = 24;

/// Ends from which a quasi-Newton method may go on where none is a minimum.
const MOST_AGAIN: usize = 6;

/// The best end over all starts; `None` when none ends at a finite objective.
///
/// - `starts`: coefficients in natural units around the centre of the rows.
/// - `rugged`: whether every start is followed to its own end, see
///   [`Form::RUGGED`](crate::law::Form::RUGGED).
pub(super) fn search(
    problem: &Problem<'_>,
    starts: &[Vec<f64>],
    rugged: bool,
) -> Option<SearchEnd> {
    let mut all: Vec<Vec<f64>> = starts.iter().map(|theta| problem.variables(theta)).collect();
    // Each end with the number of starts that led to it.
    let mut ends: Vec<(NewtonEnd, usize)> = Vec::new();
    if rugged {
        let straight = straight(problem, &all);
        for (_, end) in &straight {
            match ends.iter_mut().find(|(seen, _)| same_point(&seen.x, &end.x)) {
                Some((_, count)) => *count += 1,
                None => ends.push((end.clone(), 1)),
            }
        }
        all = straight.into_iter().take(LEADING).map(|(k, _)| all[k].clone()).collect();
    }
    for (x, starts) in gather(problem, &all) {
        let end = descend(problem, &x);
        match ends.iter_mut().find(|(seen, _)| same_point(&seen.x, &end.x)) {
            // Where every start was followed already, these are the same starts again.
            Some((_, count)) if rugged => *count = (*count).max(starts),
            Some((_, count)) => *count += starts,
            None => ends.push((end, starts)),
        }
    }
    ends.retain(|(end, _)| end.jet.value.is_finite());
    if !ends.iter().any(|(end, _)| is_minimum(end)) {
        // Quasi-Newton needs no curvature to be positive; where it ends, Newton may begin again.
        ends.sort_by(|a, b| a.0.jet.value.total_cmp(&b.0.jet.value));
        let again: Vec<(NewtonEnd, usize)> = ends
            .iter()
            .take(MOST_AGAIN)
            .filter_map(|(end, starts)| Some((quasi_newton(*problem, &end.x)?, *starts)))
            .map(|(x, starts)| (finish(problem, &x), starts))
            .filter(|(end, _)| end.jet.value.is_finite())
            .collect();
        ends.extend(again);
    }
    SearchEnd::of(ends, starts.len())
}

impl SearchEnd {
    /// The best of all ends of some `starts`.
    pub(super) fn of(ends: Vec<(NewtonEnd, usize)>, starts: usize) -> Option<Self> {
        let best = ends
            .iter()
            .map(|(end, _)| end)
            .min_by(|a, b| {
                // A minimum beats a lower value from which the way still leads down.
                is_minimum(b).cmp(&is_minimum(a)).then(a.jet.value.total_cmp(&b.jet.value))
            })?
            .clone();
        let agreeing = ends
            .iter()
            .filter(|(end, _)| same_point(&end.x, &best.x))
            .map(|(_, starts)| starts)
            .sum::<usize>()
            .min(starts);
        Some(Self { best, agreeing, starts, ends })
    }
}

/// Where Newton leads from each start at the penalty asked for, with the place of the start, lowest
/// first. Those that have not arrived after some steps go on only when they are among the leading.
fn straight(problem: &Problem<'_>, starts: &[Vec<f64>]) -> Vec<(usize, NewtonEnd)> {
    const FIRST_STEPS: usize = 50;
    let mut ends: Vec<(usize, NewtonEnd)> =
        map_all(starts, &|x| finish_within(problem, x, FIRST_STEPS))
            .into_iter()
            .enumerate()
            .collect();
    let by_value = |a: &(usize, NewtonEnd), b: &(usize, NewtonEnd)| {
        a.1.jet.value.total_cmp(&b.1.jet.value).then(a.0.cmp(&b.0))
    };
    ends.sort_by(by_value);
    let leading: Vec<NewtonEnd> = ends.iter().take(LEADING).map(|(_, end)| end.clone()).collect();
    let arrived = map_all(&leading, &|end| {
        if is_minimum(end) { end.clone() } else { finish(problem, &end.x) }
    });
    ends.iter_mut().zip(arrived).for_each(|((_, end), further)| *end = further);
    ends.sort_by(by_value);
    ends
}

/// Where the starts lead at the widest band, each point with the number of its starts.
///
/// Most starts meet there. From one point there is one way down, so it is walked once.
///
/// - `starts`: in variables of the solver.
fn gather(problem: &Problem<'_>, starts: &[Vec<f64>]) -> Vec<(Vec<f64>, usize)> {
    // A point this flat is within a thousandth of where it leads: near enough to tell basins apart,
    // and the way down starts from there.
    let settings = NewtonConfig { stop_at: 1e-5, max_iterations: 300, ..NewtonConfig::default() };
    let widest = wider_bands(problem.penalty).first().copied().unwrap_or(f64::INFINITY);
    let penalty = problem.penalty.with_band(widest);
    let mut points: Vec<(Vec<f64>, usize)> = Vec::new();
    let led = map_all(starts, &|x| minimise(&mut Problem { penalty, ..*problem }, x, &settings).x);
    for x in led {
        match points.iter_mut().find(|(seen, _)| within(seen, &x, 1e-2)) {
            Some((_, starts)) => *starts += 1,
            None => points.push((x, 1)),
        }
    }
    points
}

/// Whether two points of solver variables agree to `tolerance`, relative above one.
pub(super) fn within(a: &[f64], b: &[f64], tolerance: f64) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance * (1.0 + b.abs()))
}

pub(super) fn same_point(a: &[f64], b: &[f64]) -> bool {
    within(a, b, 1e-6)
}

struct Smooth<'a>(Problem<'a>);

impl Smooth<'_> {
    fn jet(&self, x: &[f64]) -> Jet {
        let mut jet = Jet::zeros(x.len());
        self.0.clone().jet(x, &mut jet);
        jet
    }
}

impl CostFunction for Smooth<'_> {
    type Param = Vec<f64>;
    type Output = f64;

    fn cost(&self, x: &Vec<f64>) -> Result<f64, argmin::core::Error> {
        Ok(self.jet(x).value)
    }
}

impl Gradient for Smooth<'_> {
    type Param = Vec<f64>;
    type Gradient = Vec<f64>;

    fn gradient(&self, x: &Vec<f64>) -> Result<Vec<f64>, argmin::core::Error> {
        Ok(self.jet(x).gradient)
    }
}

/// L-BFGS from argmin; `None` when its line search leaves the finite numbers, as it often does
/// far from a minimum.
fn quasi_newton(problem: Problem<'_>, x0: &[f64]) -> Option<Vec<f64>> {
    let solver = LBFGS::new(MoreThuenteLineSearch::new(), 7);
    let outcome = Executor::new(Smooth(problem), solver)
        .configure(|state| state.param(x0.to_vec()).max_iters(500))
        .run()
        .ok()?;
    outcome.state().get_best_param().cloned()
}
