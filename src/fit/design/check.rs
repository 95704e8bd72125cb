//! Whether the runs can identify the law at all, and how well they cover the plane.

use std::collections::BTreeSet;

use super::flops::FlopCount;
use super::slopes::{check_fall, rise};
use crate::data::{RunRecord, RunTable};
use crate::error::{DesignGap, FitError, Quantity, Warning};
use crate::fit::config::FitConfig;
use crate::fit::limits;
use crate::law::{Factor, Law, Range, Support};
use crate::num::{mean, median, smallest_eigenvalue};

/// Distinct values to a hundredth of a percent.
fn distinct(values: impl Iterator<Item = f64>) -> usize {
    values.map(|x| (x * 1e4).round() as i64).collect::<BTreeSet<_>>().len()
}

/// Refuses designs on which the coefficients are not functions of the data.
///
/// # Errors
/// [`FitError::TooFewRuns`], [`FitError::NotIdentified`] with what to add, or
/// [`FitError::NotFollowed`].
pub(crate) fn check(
    law: &'static dyn Law,
    table: &RunTable,
    config: &FitConfig,
) -> Result<(), FitError> {
    let held = limits::held(law.id(), law.coefs(), &config.fixed)?;
    let coefs = held.iter().filter(|held| held.is_none()).count();
    // A run of no weight does not count.
    let table = &table.with_runs(weighed(table).cloned().collect());
    let wanted = coefs + 1;
    if table.runs.len() < wanted {
        let found = table.runs.len();
        return Err(FitError::TooFewRuns { law: law.id(), found, coefs, wanted });
    }
    let refuse = |gap| Err(FitError::NotIdentified { law: law.id(), gap });
    let of = |f: fn(&RunRecord) -> f64| -> Vec<f64> { table.runs.iter().map(f).collect() };
    let values = |x: &[f64]| distinct(x.iter().copied());
    let (ln_n, ln_d) = (of(|r| r.n.ln()), of(|r| r.d.ln()));
    for factor in law.factors() {
        let (found, wanted) = match factor {
            Factor::Params => (values(&ln_n), 3),
            Factor::Tokens => (values(&ln_d), 3),
            Factor::Compute => (values(&of(|r| r.n.ln() + r.d.ln())), 3),
            other => (values(&of(varied(*other))), 2),
        };
        if found < wanted {
            return refuse(DesignGap::FewValues { quantity: quantity(*factor), found, wanted });
        }
    }
    if law.has_optimum() {
        if distinct(ln_n.iter().zip(&ln_d).map(|(n, d)| d - n)) < 2 {
            let tokens_per_param = ((ln_d[0] - ln_n[0]).exp() * 1e4).round() / 1e4;
            return refuse(DesignGap::OneRatio { tokens_per_param });
        }
        if off_line_spread(&ln_n, &ln_d) < 1e-4 {
            return refuse(DesignGap::OneLine);
        }
    }
    if distinct(table.runs.iter().map(|r| r.loss_nats.ln())) < coefs {
        return refuse(DesignGap::OneLoss);
    }
    check_fall(law, table)
}

/// Runs that count.
fn weighed(table: &RunTable) -> impl Iterator<Item = &RunRecord> {
    table.runs.iter().filter(|r| r.weight.is_none_or(|w| w > 0.0))
}

/// What a run has of a factor beyond N and D.
fn varied(factor: Factor) -> fn(&RunRecord) -> f64 {
    match factor {
        Factor::UniqueTokens => {
            |r| r.setting.unique.map_or(0.0, |u| (r.d.get() / u.get()).max(1.0).ln())
        }
        Factor::Experts => |r| r.setting.experts.ln(),
        Factor::Granularity => |r| r.setting.granularity.ln(),
        Factor::Sparsity => |r| r.setting.sparsity,
        _ => |r| {
            let s = &r.setting;
            let bits = [s.weight_bits, s.activation_bits, s.kv_bits, s.served_bits];
            bits.iter().zip([1.0, 100.0, 1e4, 1e6]).map(|(b, k)| b.unwrap_or(99.0) * k).sum()
        },
    }
}

/// What a factor is called where it takes too few values.
fn quantity(factor: Factor) -> Quantity {
    match factor {
        Factor::Params => Quantity::Params,
        Factor::Tokens => Quantity::Tokens,
        Factor::Compute => Quantity::Compute,
        Factor::UniqueTokens => Quantity::Epochs,
        Factor::Experts => Quantity::Experts,
        Factor::Granularity => Quantity::Granularity,
        Factor::Sparsity => Quantity::Sparsity,
        Factor::Precision => Quantity::Precision,
    }
}

/// Whether the runs differ in everything the law depends on beside N, D and C.
pub(crate) fn varies(law: &dyn Law, table: &RunTable) -> bool {
    let plane = [Factor::Params, Factor::Tokens, Factor::Compute];
    law.factors()
        .iter()
        .filter(|f| !plane.contains(f))
        .all(|f| distinct(table.runs.iter().map(varied(*f))) >= 2)
}

/// Something beside N and D in which the runs differ and of which the law says nothing.
pub(crate) fn unspoken(law: &dyn Law, table: &RunTable) -> Option<Quantity> {
    const BESIDE: [Factor; 5] = [
        Factor::UniqueTokens,
        Factor::Experts,
        Factor::Granularity,
        Factor::Sparsity,
        Factor::Precision,
    ];
    let differs = |f: &&Factor| distinct(table.runs.iter().map(varied(**f))) >= 2;
    let silent = |f: &&Factor| !law.factors().contains(f);
    BESIDE.iter().filter(silent).find(differs).map(|f| quantity(*f))
}

/// Standard deviation of (ln N, ln D) across its main axis, in ln units: zero on a line.
fn off_line_spread(x: &[f64], y: &[f64]) -> f64 {
    let n = x.len() as f64;
    let (mx, my) = (mean(x), mean(y));
    let moment = |f: &dyn Fn(f64, f64) -> f64| {
        x.iter().zip(y).map(|(a, b)| f(a - mx, b - my)).sum::<f64>() / n
    };
    let (xx, yy, xy) = (moment(&|a, _| a * a), moment(&|_, b| b * b), moment(&|a, b| a * b));
    smallest_eigenvalue(2, &[xx, xy, xy, yy]).max(0.0).sqrt()
}

/// Runs per coefficient below which bootstrap intervals are measurably too wide (see
/// benches/README.md): a resample of few runs loses whole sizes.
pub(crate) const FEW: usize = 8;

/// What a reader has to know of a design that can be fitted.
pub(crate) fn warnings(law: &dyn Law, table: &RunTable, free: usize) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let (runs, coefs) = (weighed(table).count(), free);
    if runs < FEW * coefs {
        warnings.push(Warning::FewRuns { runs, coefs });
    }
    if let Some(ratio) = support(table).tokens_per_param {
        let ratio_span = ratio.hi / ratio.lo;
        if law.has_optimum() && ratio_span < 4.0 {
            warnings.push(Warning::NarrowDesign { ratio_span });
        }
    }
    let epochs = |r: &RunRecord| r.setting.epochs(r.d);
    // Below four epochs repetition costs little (Muennighoff et al. 2023, sec. 6).
    let repeating = table.runs.iter().map(epochs).filter(|e| *e > 4.0);
    let most = repeating.clone().fold(0.0, f64::max);
    if most > 0.0 && !law.factors().contains(&Factor::UniqueTokens) {
        warnings.push(Warning::RepeatsIgnored { runs: repeating.count(), epochs: most });
    }
    let ratio_to_rule = |r: &RunRecord| r.c.get() / (6.0 * r.n.get() * r.d.get());
    let mismatch = median(&table.runs.iter().map(ratio_to_rule).collect::<Vec<_>>());
    // Two counts in one table have a warning of their own, and no common ratio.
    let mixed = table.warnings.iter().any(|w| matches!(w, Warning::MixedFlops { .. }));
    if !mixed && !(0.8..=1.25).contains(&mismatch) {
        warnings.push(Warning::FlopsMismatch { ratio: mismatch });
    }
    warnings.extend(rise(law, table));
    warnings.extend(FlopCount::of(table).and_then(|count| count.warning()));
    warnings.extend(table.warnings.iter().cloned());
    warnings
}

/// The ranges the runs cover.
pub(crate) fn support(table: &RunTable) -> Support {
    let runs = &table.runs;
    // What no run varies is not an axis of the table.
    let range = |of: fn(&RunRecord) -> f64, plain: f64| {
        Range::of(runs.iter().map(of)).filter(|r| (r.lo, r.hi) != (plain, plain))
    };
    Support {
        n: Range::of(runs.iter().map(|r| r.n.get())),
        d: Range::of(runs.iter().map(|r| r.d.get())),
        c: Range::of(runs.iter().map(|r| 6.0 * r.n.get() * r.d.get())),
        tokens_per_param: Range::of(runs.iter().map(|r| r.d / r.n)),
        experts: range(|r| r.setting.experts, 1.0),
        granularity: range(|r| r.setting.granularity, 1.0),
        visited_share: range(|r| 1.0 - r.setting.sparsity, 1.0),
        epochs: range(|r| r.setting.epochs(r.d), 1.0),
    }
}
