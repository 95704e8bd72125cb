//! The fit of a law of N and D to a table of runs.

use std::collections::BTreeMap;

use super::beyond::{Extrapolation, measure};
use super::config::{FitConfig, Objective, ProfileOf, Resample};
use super::design::{
    AtBudget, Diagnostics, FlopCount, check, design_warnings, diagnose, mixed_recipes,
    not_followed, support,
};
use super::fitted::{AllocationExponents, Fit, SCHEMA};
use super::progress::{OnProgress, Parts, ignore};
use super::solve::{LawOn, Minimum, Penalty, Problem, Rows, minimum_of, point};
use super::uncertainty::{Draws, Profile, Spread, bootstrap, clusters, profile};
use crate::data::RunTable;
use crate::error::{Result, Warning};
use crate::law::{Law, Surface};
use crate::num::Interval;
use crate::units::Flops;

/// Fits `law` to `runs`.
///
/// Starts from every point the family proposes, narrows the Huber band step by step, and finishes
/// each with Newton steps on the exact Hessian. Then refits `config.bootstrap` resamples of the
/// rows.
///
/// # Errors
/// [`FitError`](crate::error::FitError) when there are too few runs, the design cannot identify the
/// law, or no start reached a finite minimum. A doubtful minimum is no error but a warning.
///
/// # Example
/// ```
/// use isoloss::data::{RunRecord, RunTable};
/// use isoloss::fit::{FitConfig, fit};
/// use isoloss::law::{Chinchilla, Point, Surface};
/// use isoloss::units::{ParamRule, Params, Tokens};
///
/// let truth = Surface::published("besiroglu")?;
/// let mut runs = Vec::new();
/// for n in [1e8, 3e8, 1e9, 3e9].map(Params::new) {
///     for ratio in [5.0, 20.0, 80.0] {
///         let d = Tokens::new(ratio * n.get());
///         runs.push(RunRecord::new(format!("{n} {d}"), n, d, truth.loss(&Point::new(n, d))));
///     }
/// }
/// let table = RunTable::from_runs(runs, ParamRule::All);
/// let config = FitConfig { bootstrap: 0, ..FitConfig::default() };
/// let fitted = fit(&Chinchilla, &table, &config)?;
/// assert!(fitted.certificate.certified);
/// assert!((fitted.coefficients["alpha"] / truth.theta()[3] - 1.0).abs() < 1e-6);
/// # Ok::<(), isoloss::error::Error>(())
/// ```
pub fn fit(law: &'static dyn Law, runs: &RunTable, config: &FitConfig) -> Result<Fit> {
    fit_with_progress(law, runs, config, &ignore)
}

/// As [`fit()`]; `progress` is called after each resample.
///
/// # Errors
/// As [`fit()`]; [`FitError::Stopped`](crate::error::FitError::Stopped) when `progress` says so.
pub fn fit_with_progress(
    law: &'static dyn Law,
    runs: &RunTable,
    config: &FitConfig,
    progress: &OnProgress<'_>,
) -> Result<Fit> {
    config.validate()?;
    let floor_nats = runs.floor_nats()?;
    check(law, runs, config)?;
    Parts::new(config.bootstrap, progress).check()?;
    let rows = Rows::of(runs, law);
    let minimum = minimum_of(law, &rows, config)?;
    if let Some(error) = not_followed(law, runs, &minimum.theta) {
        return Err(error.into());
    }
    let mut surface = Surface::new(
        law,
        minimum.theta.clone(),
        format!("{} fit of {} runs", law.id(), runs.runs.len()),
        runs.params,
        support(runs),
    )?;
    surface.loss_unit = runs.loss_unit();
    let flop_count = FlopCount::of(runs);
    if let Some(count) = &flop_count {
        surface.flops_per_nd = count.per_nd;
    }
    let clusters = match config.bootstrap {
        0 => Vec::new(),
        _ => clusters(runs, config.resample),
    };
    let draws = bootstrap(law, &minimum, &clusters, config, progress)?;
    // The ranges are by the rule, budgets as the runs count.
    let counted = surface.flops_per_nd / 6.0;
    let reference = Flops::new(surface.support.c.map_or(1.0, |c| c.hi * counted));
    let (samples, without_plan) = samples(&surface, &minimum, &draws, reference);
    let Spread { intervals, std_errors } = Spread::of(&samples, config.level);
    let flat = flat_intervals(law, &intervals);

    // Away from a minimum residuals and profiles only repeat that it is none.
    let at_minimum = minimum.certificate.certified;
    let diagnostics = diagnosed(law, &rows, &minimum, runs, config);
    let design = design_warnings(law, runs, minimum.free);
    let few = design.iter().any(|w| matches!(w, Warning::FewRuns { .. }));
    let weak = |name: &str| is_weak(name, few, &draws, &flat);
    let walked = |name: &str| match config.profile {
        ProfileOf::None => false,
        ProfileOf::Weak => weak(name),
        ProfileOf::All => true,
    };
    let profiles: Vec<Profile> = law
        .coefs()
        .iter()
        .enumerate()
        .filter(|(_, c)| at_minimum && walked(c.name))
        .filter_map(|(i, _)| profile(law, &minimum, config, i))
        .collect();

    let mut warnings = design;
    let resampling = resampling_warnings(law, runs, clusters.len(), config);
    // Few groups make intervals too narrow, whatever the number of runs in them.
    if resampling.iter().any(|w| matches!(w, Warning::FewClusters { .. })) {
        warnings.retain(|w| !matches!(w, Warning::FewRuns { .. }));
    }
    warnings.extend(resampling);
    warnings.extend(minimum.certificate.warnings());
    warnings.extend(draws.warning());
    warnings.extend((without_plan > 0).then(|| Warning::DrawsWithoutPlan {
        failed: without_plan,
        draws: draws.thetas.len(),
        what: "optimum at the largest budget".to_owned(),
    }));
    let no_floor = at_bounds(law, &minimum, &intervals);
    let is_zero = |coef: &str| {
        no_floor.iter().any(|w| matches!(w, Warning::NoFloor { coef: c, .. } if c == coef))
    };
    let hardly_known =
        |w: &Warning| !matches!(w, Warning::FlatProfile { coef, .. } if is_zero(coef));
    let flat: Vec<Warning> = flat.into_iter().filter(hardly_known).collect();
    warnings.extend(together(&flat));
    warnings.extend(no_floor.iter().cloned());
    let trusted = diagnostics.as_ref().filter(|_| at_minimum);
    warnings.extend(trusted.into_iter().flat_map(Diagnostics::warnings));
    // Between kinds of runs the loss may well rise.
    if warnings.iter().any(|w| matches!(w, Warning::SeveralKinds { .. })) {
        warnings.retain(|w| !matches!(w, Warning::LossRises { .. }));
    }
    let explains = diagnostics.as_ref().and_then(|d| d.kinds.as_ref()).map(|k| k.column.as_str());
    warnings.extend(mixed_recipes(law, runs, explains));
    warnings.extend(open_profiles(&profiles));

    let residuals: Vec<f64> =
        runs.runs.iter().map(|r| surface.loss(&point(r)).ln() - r.loss_nats.ln()).collect();
    // Without draws there is no interval to carry it.
    let extrapolation = (config.extrapolation && config.bootstrap > 0)
        .then(|| measure(&surface, &minimum, &residuals, &draws.thetas, runs, config))
        .flatten();
    warnings.extend(extrapolation.as_ref().and_then(Extrapolation::warning));
    let named = law.coefs().iter().zip(&minimum.theta).map(|(c, t)| (c.name.to_owned(), *t));
    Ok(Fit {
        schema: SCHEMA,
        isoloss_version: env!("CARGO_PKG_VERSION").to_owned(),
        law: law.id().to_owned(),
        objective: config.objective,
        delta: config.delta,
        n_points: runs.runs.len(),
        coefficients: named.collect(),
        intervals,
        level: config.level,
        objective_value: minimum.objective,
        certificate: minimum.certificate,
        minima: if minimum.minima.len() > 1 { minimum.minima } else { Vec::new() },
        std_errors,
        allocation: AllocationExponents::of(&surface, reference),
        profiles,
        flop_count,
        diagnostics,
        floor_nats,
        warnings,
        extrapolation,
        residuals,
        surface,
        draws: draws.thetas,
        draws_failed: draws.failed,
        stack: None,
        config: config.clone(),
        data_digest: runs.digest.clone(),
    })
}

/// One number per draw for each free coefficient and for the allocation at the reference budget, and
/// the number of draws without an optimum there, for laws that have one.
fn samples(
    surface: &Surface,
    minimum: &Minimum,
    draws: &Draws,
    reference: Flops,
) -> (BTreeMap<String, Vec<f64>>, usize) {
    let mut samples = draws.samples(surface.law().coefs(), &minimum.known.held);
    let allocations: Vec<AllocationExponents> = draws
        .thetas
        .iter()
        .filter_map(|t| AllocationExponents::of(&surface.with_theta(t.clone()), reference))
        .collect();
    let of = |f: fn(&AllocationExponents) -> f64| allocations.iter().map(f).collect();
    samples.insert("n_exponent".to_owned(), of(|a| a.n_exponent));
    samples.insert("d_exponent".to_owned(), of(|a| a.d_exponent));
    samples.insert("tokens_per_param".to_owned(), of(|a| a.tokens_per_param));
    let lost = draws.thetas.len() - allocations.len();
    (samples, if surface.law().has_optimum() { lost } else { 0 })
}

/// Design and residuals on uncentred rows.
fn diagnosed(
    law: &'static dyn Law,
    rows: &Rows,
    minimum: &Minimum,
    runs: &RunTable,
    config: &FitConfig,
) -> Option<Diagnostics> {
    let plain = rows.uncentred();
    let problem = Problem {
        model: &LawOn::new(law, &plain),
        observed: &plain.observed,
        weights: plain.weights.as_deref(),
        penalty: Penalty::of(config),
        held: &minimum.held,
        priors: &[],
    };
    // The decision at the largest N D of the runs.
    let largest = runs.runs.iter().map(|r| r.n.ln() + r.d.ln()).fold(f64::NEG_INFINITY, f64::max);
    let budget = AtBudget { law, ln_nd: largest };
    diagnose(&problem, &minimum.theta, runs, config.objective, config.level, &budget)
}

/// What limits the intervals of this way of resampling.
fn resampling_warnings(
    law: &dyn Law,
    runs: &RunTable,
    clusters: usize,
    config: &FitConfig,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let grouped = !matches!(config.resample, Resample::Row | Resample::Wild);
    if config.bootstrap > 0 && grouped && clusters < 10 {
        warnings.push(Warning::FewClusters { clusters, by: config.resample.to_string() });
    }
    let least_squares = matches!(config.objective, Objective::LsLog | Objective::LsLoss);
    let enough = least_squares && runs.runs.len() >= 10 * law.coefs().len();
    if config.bootstrap > 0 && config.resample == Resample::Wild && !enough {
        warnings.push(Warning::WildUndercovers { objective: config.objective.to_string() });
    }
    warnings
}

/// Quantities whose interval is so wide that the runs hardly fix them: coefficients by their own limit,
/// and D*/N*, which is 4 to 40 even for published laws.
fn flat_intervals(law: &dyn Law, intervals: &BTreeMap<String, Interval>) -> Vec<Warning> {
    law.coefs()
        .iter()
        .filter_map(|c| Some((c.name, c.flat_above?)))
        .chain([("tokens_per_param", 30.0)])
        .filter_map(|(name, limit)| {
            // An interval from zero to zero knows its coefficient well.
            let interval = intervals.get(name).filter(|i| i.hi > 0.0)?;
            let ratio = interval.hi / interval.lo;
            let coef = name.to_owned();
            (ratio > limit)
                .then(|| Warning::FlatProfile { coef, ratio: ratio.is_finite().then_some(ratio) })
        })
        .collect()
}

/// One warning for all that is hardly known.
fn together(flat: &[Warning]) -> Option<Warning> {
    let mut names = Vec::new();
    let mut widest: Option<f64> = Some(1.0);
    for warning in flat {
        let Warning::FlatProfile { coef, ratio } = warning else { continue };
        names.push(if coef == "tokens_per_param" { "D*/N*" } else { coef.as_str() });
        widest = widest.zip(*ratio).map(|(a, b)| a.max(b));
    }
    (!names.is_empty()).then(|| Warning::FlatProfile { coef: names.join(", "), ratio: widest })
}

/// Whether the runs hardly fix a free coefficient: those with a wide interval, or all of them when
/// runs are few or more than a hundredth of the draws found no minimum.
fn is_weak(name: &str, few: bool, draws: &Draws, flat: &[Warning]) -> bool {
    let all = draws.made;
    let wide = |w: &Warning| matches!(w, Warning::FlatProfile { coef, .. } if coef == name);
    all > 0 && (few || 100 * draws.failed > all || flat.iter().any(wide))
}

/// Coefficients that ended at a bound, and a floor that ended at zero.
fn at_bounds(
    law: &dyn Law,
    minimum: &Minimum,
    intervals: &BTreeMap<String, Interval>,
) -> Vec<Warning> {
    let at_bound = |i: usize| minimum.known.held[i].is_none() && minimum.held[i].is_some();
    let coefs = law.coefs().iter().enumerate().filter(|(i, _)| at_bound(*i));
    coefs
        .map(|(i, c)| match minimum.theta[i] {
            0.0 if c.or_zero => {
                let up_to = intervals.get(c.name).map(|interval| interval.hi);
                Warning::NoFloor { coef: c.name.to_owned(), up_to }
            }
            bound => Warning::AtBound { coef: c.name.to_owned(), bound },
        })
        .collect()
}

/// Coefficients whose profile never rises beyond chance on one side.
fn open_profiles(profiles: &[Profile]) -> Option<Warning> {
    let open: Vec<String> = profiles
        .iter()
        .filter_map(|p| match (p.lo, p.hi) {
            (None, None) => Some(format!("{} on either side", p.coef)),
            (None, _) => Some(format!("{} below", p.coef)),
            (_, None) => Some(format!("{} above", p.coef)),
            _ => None,
        })
        .collect();
    (!open.is_empty()).then(|| Warning::OpenProfile { coefs: open.join(", ") })
}
