//! What the residuals and the design show of a fit.

use std::collections::BTreeMap;

use nalgebra::{DMatrix, DVector};
use serde::{Deserialize, Serialize};

use super::kinds::{Explaining, explaining};
use super::plane::{Plane, SeedNoise, coverage, seed_noise};
use super::trend::{AtBudget, Trend, trends};
use crate::data::{RunRecord, RunTable};
use crate::error::Warning;
use crate::fit::config::Objective;
use crate::fit::solve::Problem;
use crate::law::Scale;
use crate::num::median;

/// Two coefficients that the runs hardly separate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Correlation {
    /// Their names; of a positive coefficient its logarithm is meant.
    pub coefs: [String; 2],
    /// Correlation of their estimates under equal independent log errors.
    pub correlation: f64,
}

/// A run that stands out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notable {
    /// Its name, or its row where the table names no runs.
    pub run: String,
    /// 0-based data row in its file.
    pub row: usize,
    /// ln(predicted) - ln(observed).
    pub residual: f64,
    /// The residual in robust standard deviations.
    pub robust_sds: f64,
    /// Share of its own fitted value that the run decides, 0 to 1, under least squares.
    pub leverage: f64,
}

/// Design and residuals at the minimum.
///
/// All of it comes from the Jacobian J of the log residuals in the variables papers print
/// (logarithms of positive coefficients, exponents, uncentred), n runs by p free coefficients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Diagnostics {
    /// Largest over smallest singular value of J.
    pub condition_number: f64,
    /// Pairs of coefficients correlated beyond 0.99 either way.
    pub correlations: Vec<Correlation>,
    /// Where the runs lie.
    pub plane: Plane,
    /// Noise of seeds, from repeats; absent without any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed_noise: Option<SeedNoise>,
    /// The column beside N and D that explains most of the residuals, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kinds: Option<Explaining>,
    /// Quantities along which the residuals are not scatter, strongest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trends: Vec<Trend>,
    /// sqrt(sum r² / (n - p)).
    pub residual_sd: f64,
    /// 1.4826 times the median absolute residual: what `residual_sd` would be without outliers.
    pub robust_sd: f64,
    /// Runs beyond five robust standard deviations, farthest first.
    pub outliers: Vec<Notable>,
    /// Runs with more than three times the mean leverage p / n, highest first.
    pub high_leverage: Vec<Notable>,
    /// Wald standard errors by name, in natural units by the delta method; ls-log only, since for
    /// the other objectives J'J is not the curvature.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub wald_std_errors: BTreeMap<String, f64>,
    /// HC3 standard errors (MacKinnon and White 1985), valid when errors differ between runs;
    /// ls-log only, and absent when one run alone decides its fitted value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hc3_std_errors: BTreeMap<String, f64>,
}

/// Filled cells of the plane below which a law rests on a line or a corner of it.
const FEW_CELLS: usize = 6;

/// Change of ln N* at the largest budget of the runs from which a trend in the residuals matters.
const MOVES: f64 = 0.1;

/// Standard deviation of ln loss beyond which runs at one place differ by more than their seed. Seeds
/// scatter by 0.1 to 0.5 % in public tables.
const MOST_OF_SEEDS: f64 = 0.02;

impl Diagnostics {
    /// What a reader has to know before planning with the fit.
    pub(crate) fn warnings(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if self.plane.cells_filled < FEW_CELLS {
            warnings.push(Warning::ThinPlane { cells: self.plane.cells_filled });
        }
        if let Some(kinds) = &self.kinds {
            let Explaining { column, values, share, tries } = kinds.clone();
            warnings.push(Warning::SeveralKinds { column, values, share, tries });
            // What a column explains is not for another law to explain.
            return warnings;
        }
        let changes = |trend: &&Trend| trend.moves.is_some_and(|m| m.ln().abs() > MOVES);
        if let Some(trend) = self.trends.first().filter(changes) {
            let Trend { against, t, size, moves, .. } = trend.clone();
            let moves = moves.unwrap_or(1.0);
            warnings.push(Warning::ResidualTrend { against, t, size, moves });
        }
        match self.seed_noise {
            Some(noise) if noise.sd > MOST_OF_SEEDS => {
                warnings.push(Warning::NotSeeds { sd: noise.sd, cells: noise.cells });
            }
            Some(SeedNoise { lack_of_fit_p: p, .. }) if p < 1e-3 => {
                warnings.push(Warning::LackOfFit { p });
            }
            _ => {}
        }
        warnings
    }
}

/// Diagnostics at `theta` on uncentred rows; `None` when the runs do not fix every coefficient.
pub(crate) fn diagnose(
    problem: &Problem<'_>,
    theta: &[f64],
    runs: &RunTable,
    objective: Objective,
    level: f64,
    budget: &AtBudget,
) -> Option<Diagnostics> {
    const OUTLIER_SDS: f64 = 5.0;
    const ENTANGLED: f64 = 0.99;
    let rows: Vec<(f64, Vec<f64>)> =
        (0..problem.len()).map(|i| problem.residual_with_gradient(theta, i)).collect();
    let (n, p) = (rows.len(), rows.first()?.1.len());
    if n <= p {
        return None;
    }
    let jacobian = DMatrix::from_fn(n, p, |i, a| rows[i].1[a]);
    let residuals = DVector::from_fn(n, |i, _| rows[i].0);
    let singular = jacobian.clone().singular_values();
    let condition_number = singular.max() / singular.min();
    // J = Q R, so (J'J)^-1 = R^-1 R^-T without squaring the condition number.
    let qr = jacobian.clone().qr();
    let inverse_r = qr.r().try_inverse().filter(|r| r.iter().all(|x| x.is_finite()))?;
    let covariance = &inverse_r * inverse_r.transpose();
    let q = qr.q();
    let leverage: Vec<f64> = (0..n).map(|i| q.row(i).norm_squared().min(1.0)).collect();

    let squares = residuals.norm_squared();
    let residual_sd = (squares / (n - p) as f64).sqrt();
    let sizes: Vec<f64> = residuals.iter().map(|r| r.abs()).collect();
    let robust_sd = 1.4826 * median(&sizes);

    let coefs = problem.model.coefs();
    let free: Vec<usize> = (0..coefs.len()).filter(|&k| problem.held[k].is_none()).collect();
    let mut correlations = Vec::new();
    for a in 0..p {
        for b in a + 1..p {
            let correlation = covariance[(a, b)] / (covariance[(a, a)] * covariance[(b, b)]).sqrt();
            if correlation.abs() > ENTANGLED {
                let coefs = [a, b].map(|k| coefs[free[k]].name.to_owned());
                correlations.push(Correlation { coefs, correlation });
            }
        }
    }

    let natural = |variance: &dyn Fn(usize) -> f64| -> BTreeMap<String, f64> {
        free.iter()
            .enumerate()
            .map(|(a, &k)| {
                let chain = if coefs[k].scale == Scale::Log { theta[k] } else { 1.0 };
                (coefs[k].name.to_owned(), chain * variance(a).sqrt())
            })
            .collect()
    };
    let (mut wald_std_errors, mut hc3_std_errors) = (BTreeMap::new(), BTreeMap::new());
    if objective == Objective::LsLog {
        wald_std_errors = natural(&|a| residual_sd * residual_sd * covariance[(a, a)]);
        let bread = &covariance * jacobian.transpose();
        hc3_std_errors = natural(&|a| {
            (0..n).map(|i| (bread[(a, i)] * residuals[i] / (1.0 - leverage[i])).powi(2)).sum()
        });
        // A run that alone decides its fitted value has no HC3 weight.
        if hc3_std_errors.values().any(|x: &f64| !x.is_finite()) {
            hc3_std_errors.clear();
        }
    }

    let notable = |(i, run): (usize, &RunRecord)| Notable {
        run: run.label(),
        row: run.row,
        residual: residuals[i],
        robust_sds: residuals[i] / robust_sd,
        leverage: leverage[i],
    };
    let all: Vec<Notable> = runs.runs.iter().enumerate().map(notable).collect();
    // Residuals at rounding, of exact losses, have no outliers.
    let scattered = robust_sd > 1e-12;
    let mut outliers: Vec<Notable> =
        all.iter().filter(|r| scattered && r.robust_sds.abs() > OUTLIER_SDS).cloned().collect();
    outliers.sort_by(|a, b| b.robust_sds.abs().total_cmp(&a.robust_sds.abs()));
    let limit = 3.0 * p as f64 / n as f64;
    let mut high_leverage: Vec<Notable> =
        all.into_iter().filter(|r| scattered && r.leverage > limit).collect();
    high_leverage.sort_by(|a, b| b.leverage.total_cmp(&a.leverage));
    let kinds = explaining(runs, residuals.as_slice());
    let kind = kinds.as_ref().map(|kinds| kinds.column.as_str());
    Some(Diagnostics {
        plane: coverage(runs)?,
        seed_noise: seed_noise(runs, residuals.as_slice(), p, kind, level),
        kinds,
        trends: trends(runs, (&q, &inverse_r), &residuals, budget, (theta, &free)),
        condition_number,
        correlations,
        residual_sd,
        robust_sd,
        outliers,
        high_leverage,
        wald_std_errors,
        hc3_std_errors,
    })
}
