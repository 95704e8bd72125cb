//! Other laws of the same runs: where they part, one of them is wrong.

use super::folds::{NearerRuns, nearer_fits};
use crate::data::RunTable;
use crate::fit::config::FitConfig;
use crate::fit::design::check;
use crate::fit::solve::{Rows, minimum_of, point};
use crate::law::{Factor, Law, RivalLaw, Surface, forms};
use crate::num::mean;

/// Laws with more coefficients than this are no rivals: few tables fix them, and they cost seconds.
const MOST_COEFS: usize = 6;

/// Whether a law looks at N and D and at nothing else.
fn is_of_the_plane(law: &dyn Law) -> bool {
    let plane = [Factor::Params, Factor::Tokens];
    law.has_optimum() && law.factors().iter().all(|factor| plane.contains(factor))
}

/// Every other registered law of N and D with a certified fit to the same runs; none for a law that
/// looks at more.
///
/// - `own`: the fits of `surface`'s own law to the nearer runs.
pub(super) fn rivals(
    surface: &Surface,
    own: &[NearerRuns],
    residuals: &[f64],
    table: &RunTable,
    config: &FitConfig,
) -> Vec<RivalLaw> {
    if !is_of_the_plane(surface.law()) {
        return Vec::new();
    }
    // What is known of coefficients is known of one law.
    let config = FitConfig {
        fixed: Default::default(),
        bounds: Default::default(),
        priors: Default::default(),
        ..config.clone()
    };
    let own_square = mean_square_of(own);
    let mut seen = vec![residuals.to_vec()];
    let mut rivals = Vec::new();
    for law in forms().iter().copied() {
        let plain = is_of_the_plane(law) && !law.is_rugged() && law.coefs().len() <= MOST_COEFS;
        if law.id() == surface.law().id() || !plain || check(law, table, &config).is_err() {
            continue;
        }
        let Ok(best) = minimum_of(law, &Rows::of(table, law), &config) else { continue };
        if !best.certificate.certified {
            continue;
        }
        let theta = best.theta.clone();
        let made = Surface::new(law, theta, law.id(), surface.params, surface.support);
        let Ok(mut rival) = made else { continue };
        rival.flops_per_nd = surface.flops_per_nd;
        let missed: Vec<f64> = table
            .runs
            .iter()
            .map(|run| rival.loss(&point(run)).ln() - run.loss_nats.ln())
            .collect();
        // Two ways to write one law are one rival.
        if seen.iter().any(|other| same(other, &missed)) {
            continue;
        }
        let nearer = nearer_fits(law, &best, table, &config);
        let square = mean_square_of(&nearer);
        // Each law counts by how well it predicts runs farther out and describes those at hand.
        let ahead = own_square.zip(square).map_or(0.5, |(own, rival)| (own / rival).min(1.0));
        let squares = |r: &[f64]| mean(&r.iter().map(|r| r * r).collect::<Vec<_>>());
        let at_hand = (squares(residuals) / squares(&missed)).min(1.0);
        let weight = ahead * at_hand * at_hand;
        seen.push(missed);
        rivals.push(RivalLaw { surface: rival, weight, error: square.map(f64::sqrt) });
    }
    rivals
}

/// Mean square error over the fits; `None` without one.
pub(super) fn mean_square_of(fits: &[NearerRuns]) -> Option<f64> {
    let each: Vec<f64> = fits.iter().map(NearerRuns::mean_square).collect();
    (!each.is_empty()).then(|| mean(&each))
}

fn same(a: &[f64], b: &[f64]) -> bool {
    a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-7)
}
