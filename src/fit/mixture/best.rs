//! The mixture of lowest loss within limits: a convex program over the simplex, by clarabel.

use clarabel::algebra::CscMatrix;
use clarabel::solver::{
    DefaultSettingsBuilder, DefaultSolver, IPSolver, SolverStatus, SupportedConeT,
};

use super::law::{MixtureForm, MixtureLaw};

/// What a mixture is to be good at: laws of targets with their weights.
pub(super) struct Aim<'a> {
    pub(super) laws: Vec<(&'a MixtureLaw, f64)>,
    /// Nats of weighted loss that a nat of divergence from the prior costs, and the prior.
    pub(super) kl: Option<(f64, &'a [f64])>,
}

/// Least and most share of each domain.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub(super) lo: Vec<f64>,
    pub(super) hi: Vec<f64>,
}

impl Aim<'_> {
    /// What is minimised: the loss, and what leaving the prior costs.
    fn gradient(&self, shares: &[f64]) -> Vec<f64> {
        let mut sum = vec![0.0; shares.len()];
        for (law, weight) in &self.laws {
            sum.iter_mut().zip(law.gradient(shares)).for_each(|(s, g)| *s += weight * g);
        }
        if let Some((cost, prior)) = self.kl {
            let of = |x: f64, p: f64| cost * ((x / p).ln() + 1.0);
            for (k, s) in sum.iter_mut().enumerate().filter(|(k, _)| prior[*k] > 0.0) {
                *s += of(shares[k].max(1e-12), prior[k]);
            }
        }
        sum
    }
}

/// The best mixture; `None` where the solver finds none.
pub(super) fn best(aim: &Aim<'_>, limits: &Limits) -> Option<Vec<f64>> {
    let n = limits.lo.len();
    let curved: Vec<(&MixtureLaw, f64)> = aim
        .laws
        .iter()
        .filter(|(law, weight)| law.form != MixtureForm::Linear && *weight > 0.0)
        .map(|(law, weight)| (*law, *weight))
        .collect();
    let kl = aim.kl.filter(|(cost, _)| *cost > 0.0);
    let diverging = kl.map_or(0, |_| n);
    let variables = n + curved.len() + diverging;
    // What is minimised: straight laws by their slopes, a variable above each exponential, and one above
    // each term of the divergence.
    let mut cost = vec![0.0; variables];
    for (law, weight) in aim.laws.iter().filter(|(law, _)| law.form == MixtureForm::Linear) {
        law.slopes.iter().zip(&mut cost).for_each(|(t, c)| *c += weight * t);
    }
    curved.iter().enumerate().for_each(|(k, (_, weight))| cost[n + k] = *weight);
    if let Some((price, _)) = kl {
        cost[n + curved.len()..].fill(price);
    }
    // Rows of A x + s = b, cone by cone.
    let mut rows: Vec<(Vec<(usize, f64)>, f64)> = Vec::new();
    rows.push(((0..n).map(|j| (j, 1.0)).collect(), 1.0));
    for j in 0..n {
        rows.push((vec![(j, 1.0)], limits.hi[j]));
        rows.push((vec![(j, -1.0)], -limits.lo[j]));
    }
    let mut cones = vec![SupportedConeT::ZeroConeT(1), SupportedConeT::NonnegativeConeT(2 * n)];
    // exp(t · x) <= s: (t · x, 1, s) lies in the exponential cone.
    for (k, (law, _)) in curved.iter().enumerate() {
        rows.push((law.slopes.iter().enumerate().map(|(j, t)| (j, -t)).collect(), 0.0));
        rows.push((Vec::new(), 1.0));
        rows.push((vec![(n + k, -1.0)], 0.0));
        cones.push(SupportedConeT::ExponentialConeT());
    }
    // x ln(x / p) <= z: (-z, x, p) lies in it.
    if let Some((_, prior)) = kl {
        for (j, p) in prior.iter().enumerate() {
            rows.push((vec![(n + curved.len() + j, 1.0)], 0.0));
            rows.push((vec![(j, -1.0)], 0.0));
            rows.push((Vec::new(), p.max(1e-12)));
            cones.push(SupportedConeT::ExponentialConeT());
        }
    }
    let mut columns: Vec<Vec<(usize, f64)>> = vec![Vec::new(); variables];
    for (i, (entries, _)) in rows.iter().enumerate() {
        entries.iter().filter(|e| e.1 != 0.0).for_each(|(j, x)| columns[*j].push((i, *x)));
    }
    let mut starts = vec![0];
    let (mut places, mut values) = (Vec::new(), Vec::new());
    for column in &columns {
        column.iter().for_each(|(i, x)| {
            places.push(*i);
            values.push(*x);
        });
        starts.push(places.len());
    }
    let matrix = CscMatrix::new(rows.len(), variables, starts, places, values);
    let bounds: Vec<f64> = rows.iter().map(|row| row.1).collect();
    let settings = DefaultSettingsBuilder::default().verbose(false).build().ok()?;
    let quadratic = CscMatrix::zeros((variables, variables));
    let mut solver =
        DefaultSolver::new(&quadratic, &cost, &matrix, &bounds, &cones, settings).ok()?;
    solver.solve();
    let solved =
        matches!(solver.solution.status, SolverStatus::Solved | SolverStatus::AlmostSolved);
    let mut shares: Vec<f64> = solver.solution.x.iter().take(n).copied().collect();
    if !solved || shares.iter().any(|x| !x.is_finite()) {
        return None;
    }
    // The solver stops within 1e-8 of the limits.
    for (j, x) in shares.iter_mut().enumerate() {
        *x = x.clamp(limits.lo[j], limits.hi[j]);
        if *x < limits.lo[j] + 1e-7 {
            *x = limits.lo[j];
        }
    }
    let sum: f64 = shares.iter().sum();
    shares.iter_mut().for_each(|x| *x /= sum);
    Some(shares)
}

/// How far a mixture is from the best: by how many nats the loss could fall to first order by moving a
/// share from one domain to another within the limits.
pub(super) fn optimality_gap(aim: &Aim<'_>, limits: &Limits, shares: &[f64]) -> f64 {
    const AT: f64 = 1e-6;
    let gradient = aim.gradient(shares);
    let places = || 0..shares.len();
    // From where a share can be taken, and to where it can be moved.
    let from = places().filter(|j| shares[*j] > limits.lo[*j] + AT).map(|j| gradient[j]);
    let to = places().filter(|j| shares[*j] < limits.hi[*j] - AT).map(|j| gradient[j]);
    let (highest, lowest) =
        (from.fold(f64::NEG_INFINITY, f64::max), to.fold(f64::INFINITY, f64::min));
    (highest - lowest).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn law(form: MixtureForm, floor_nats: f64, slopes: &[f64]) -> MixtureLaw {
        MixtureLaw { form, floor_nats, slopes: slopes.to_vec() }
    }

    /// Two targets that pull apart: the best split of two domains solves exp(a x) a = exp(b (1 - x)) b.
    #[test]
    fn a_two_domain_optimum_is_that_of_calculus() {
        let one = law(MixtureForm::Exponential, 2.0, &[-1.5, 0.2]);
        let other = law(MixtureForm::Exponential, 1.0, &[0.3, -1.0]);
        let aim = Aim { laws: vec![(&one, 0.7), (&other, 0.3)], kl: None };
        let limits = Limits { lo: vec![0.0; 2], hi: vec![1.0; 2] };
        let found = best(&aim, &limits).expect("solved");
        // By bisection of the slope along the edge.
        let slope = |x: f64| {
            let g = aim.gradient(&[x, 1.0 - x]);
            g[0] - g[1]
        };
        let (mut lo, mut hi) = (0.0, 1.0);
        for _ in 0..60 {
            let mid = 0.5 * (lo + hi);
            if slope(mid) < 0.0 { lo = mid } else { hi = mid }
        }
        // The solver closes its gap to 1e-8, and the loss is a parabola around its least value.
        let value = |x: f64| 0.7 * one.loss(&[x, 1.0 - x]) + 0.3 * other.loss(&[x, 1.0 - x]);
        assert!(value(found[0]) - value(lo) < 1e-8, "{found:?} {lo}");
        assert!((found[0] - lo).abs() < 2e-4, "{found:?} {lo}");
        assert!(optimality_gap(&aim, &limits, &found) < 1e-4);
        assert!(optimality_gap(&aim, &limits, &[0.9, 0.1]) > 0.01);
    }

    /// With a prior and linear losses the best mixture is the prior times exp(-t / cost).
    #[test]
    fn a_prior_gives_the_gibbs_mixture() {
        let straight = law(MixtureForm::Linear, 0.0, &[0.3, 0.1, 0.7]);
        let prior = [0.2, 0.3, 0.5];
        let aim = Aim { laws: vec![(&straight, 1.0)], kl: Some((0.25, &prior)) };
        let limits = Limits { lo: vec![0.0; 3], hi: vec![1.0; 3] };
        let found = best(&aim, &limits).expect("solved");
        let weight: Vec<f64> =
            prior.iter().zip(&straight.slopes).map(|(p, t)| p * (-t / 0.25_f64).exp()).collect();
        let sum: f64 = weight.iter().sum();
        for (x, w) in found.iter().zip(&weight) {
            assert!((x - w / sum).abs() < 2e-4, "{found:?}");
        }
    }

    #[test]
    fn limits_hold() {
        let straight = law(MixtureForm::Linear, 0.0, &[0.0, 1.0, 2.0]);
        let aim = Aim { laws: vec![(&straight, 1.0)], kl: None };
        let limits = Limits { lo: vec![0.0, 0.1, 0.05], hi: vec![0.6, 1.0, 1.0] };
        let found = best(&aim, &limits).expect("solved");
        let want = [0.6, 0.35, 0.05];
        assert!(found.iter().zip(want).all(|(x, w)| (x - w).abs() < 1e-6), "{found:?}");
        assert!(optimality_gap(&aim, &limits, &found) < 1e-6);
    }
}
