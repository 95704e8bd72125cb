//! Resampling rows with replacement and refitting, in parallel, the same whatever the threads.

use std::sync::atomic::{AtomicUsize, Ordering};

use rand::RngExt;

use super::config::FitConfig;
use super::objective::{Penalty, Problem};
use super::solve::{Minimum, descend, finish, stands};
use crate::law::Law;
use crate::num::stream;

/// Coefficients of one refit in natural units, or `None` where no certified minimum was found.
pub(super) type Draw = Option<Vec<f64>>;

/// `config.bootstrap` refits of resampled rows, in order.
///
/// Draw i takes stream i of the seed, so the draws do not depend on the number of threads.
pub(super) fn draws(
    law: &'static dyn Law,
    best: &Minimum,
    config: &FitConfig,
    progress: &(dyn Fn(usize) + Sync),
) -> Vec<Draw> {
    let done = AtomicUsize::new(0);
    let one = |i: usize| {
        let draw = refit(law, best, config, i as u64);
        progress(done.fetch_add(1, Ordering::Relaxed) + 1);
        draw
    };
    #[cfg(feature = "parallel")]
    {
        use rayon::prelude::*;
        (0..config.bootstrap).into_par_iter().map(one).collect()
    }
    #[cfg(not(feature = "parallel"))]
    {
        (0..config.bootstrap).map(one).collect()
    }
}

fn refit(law: &'static dyn Law, best: &Minimum, config: &FitConfig, i: u64) -> Draw {
    let rows = &best.rows;
    let mut rng = stream(config.seed, i);
    let mut counts = vec![0.0; rows.len()];
    for _ in 0..rows.len() {
        counts[rng.random_range(0..rows.len())] += 1.0;
    }
    let weights = Some(counts.as_slice());
    let problem = Problem { law, rows, weights, penalty: Penalty::of(config), held: &best.held };
    let mut end = finish(&problem, &best.x);
    if !stands(&end) {
        end = descend(&problem, &best.x);
    }
    if !stands(&end) {
        return None;
    }
    let mut theta = problem.natural(&end.x);
    law.recentre(&mut theta, -rows.ln_n0, -rows.ln_d0);
    let in_domain = |(c, t): (&crate::law::Coef, &f64)| *t > c.domain.0 && *t < c.domain.1;
    law.coefs().iter().zip(&theta).all(in_domain).then_some(theta)
}
