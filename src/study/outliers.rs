//! Runs off the law of the others, and what they do to the decision.

use std::collections::BTreeSet;

use crate::data::RunTable;
use crate::error::Warning;
use crate::fit::{Fit, FitConfig, ProfileOf, fit as fit_table};
use crate::num::median;
use crate::units::{Flops, Params};

/// Robust standard deviations beyond which a run is off.
const OFF_SDS: f64 = 5.0;
/// Share of the runs that can be called outliers of the rest.
const MOST: f64 = 0.15;
/// Change of N* that is worth a word.
const MOVES: f64 = 0.05;
/// Residual, in ln loss, that is worth a word whatever it does to N*.
const LARGE: f64 = 0.05;
/// Refits without the runs found so far: behind large outliers others hide.
const ROUNDS: usize = 5;

/// A warning where a few runs far off the law of the others move N* at `c`, or miss by much.
///
/// The law is fitted again without the runs beyond five robust standard deviations, until the set no
/// longer changes.
pub(super) fn outliers(fit: &Fit, table: &RunTable, c: Flops) -> Option<Warning> {
    let diagnostics = fit.diagnostics.as_ref().filter(|_| fit.certificate.certified)?;
    // Residuals at rounding, of exact losses, have no outliers; nor have several kinds of runs.
    if diagnostics.robust_sd < 1e-9 || diagnostics.kinds.is_some() {
        return None;
    }
    let law = fit.surface.law();
    let config = FitConfig { bootstrap: 0, profile: ProfileOf::None, ..fit.config.clone() };
    let mut off = beyond(&fit.residuals);
    let mut rest = None;
    for _ in 0..ROUNDS {
        if off.is_empty() || off.len() as f64 > MOST * table.runs.len() as f64 {
            return None;
        }
        let runs = table.runs.iter().enumerate().filter(|(i, _)| !off.contains(i));
        let others = table.with_runs(runs.map(|(_, run)| run.clone()).collect());
        let again = fit_table(law, &others, &config).ok()?;
        if !again.certificate.certified {
            return None;
        }
        let loss = |i: usize| {
            let run = &table.runs[i];
            let point = crate::law::Point::new(run.n, run.d).within(run.setting);
            again.surface.loss(&point).ln() - run.loss_nats.ln()
        };
        let residuals: Vec<f64> = (0..table.runs.len()).map(loss).collect();
        let found = beyond(&residuals);
        let settled = found == off;
        off = found;
        rest = Some((again, residuals));
        if settled {
            break;
        }
    }
    let (again, residuals) = rest?;
    let with = fit.surface.ln_n_optimal(c)?.exp();
    let without = again.surface.ln_n_optimal(c)?.exp();
    let largest = off.iter().map(|i| residuals[*i].abs()).fold(0.0, f64::max);
    if off.is_empty() || (with / without).ln().abs() < MOVES && largest < LARGE {
        return None;
    }
    let mut by_size: Vec<usize> = off.iter().copied().collect();
    by_size.sort_by(|a, b| residuals[*b].abs().total_cmp(&residuals[*a].abs()));
    let name = |i: &usize| {
        let miss = 100.0 * (-residuals[*i]).exp_m1();
        format!("{} {miss:+.1} %", table.runs[*i].label())
    };
    let one_file = table.files.len() <= 1;
    let rows = off.iter().map(|i| table.runs[*i].row).collect();
    Some(Warning::Outliers {
        runs: off.len(),
        names: by_size.iter().map(name).collect(),
        rows: if one_file { rows } else { Vec::new() },
        flops: c,
        with: Params::new(with),
        without: Params::new(without),
    })
}

/// Runs whose residual is beyond the limit.
fn beyond(residuals: &[f64]) -> BTreeSet<usize> {
    let robust = 1.4826 * median(&residuals.iter().map(|r| r.abs()).collect::<Vec<f64>>());
    let off = |i: &usize| residuals[*i].abs() > OFF_SDS * robust;
    (0..residuals.len()).filter(off).collect()
}
