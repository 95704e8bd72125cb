//! Whether the runs can identify the law at all, and how well they cover the plane.

use std::collections::BTreeSet;

use super::config::FitConfig;
use crate::data::{RunRecord, RunTable};
use crate::error::{FitError, Warning};
use crate::law::{Factor, Law, Range, Support};

/// Distinct values to a hundredth of a percent.
fn distinct(values: impl Iterator<Item = f64>) -> usize {
    values.map(|x| (x * 1e4).round() as i64).collect::<BTreeSet<_>>().len()
}

/// Refuses designs on which the coefficients are not functions of the data.
///
/// # Errors
/// [`FitError::TooFewRuns`], or [`FitError::NotIdentified`] with what to add.
pub(super) fn check(
    law: &'static dyn Law,
    table: &RunTable,
    config: &FitConfig,
) -> Result<(), FitError> {
    let coefs = config.held(law)?.iter().filter(|held| held.is_none()).count();
    // A run of no weight says nothing.
    let table = &table.with_runs(weighed(table).cloned().collect());
    let wanted = coefs + 1;
    if table.runs.len() < wanted {
        let found = table.runs.len();
        return Err(FitError::TooFewRuns { law: law.id(), found, coefs, wanted });
    }
    let refuse = |reason: String, mend: &str| {
        Err(FitError::NotIdentified { law: law.id(), reason, mend: mend.to_owned() })
    };
    let of = |f: fn(&RunRecord) -> f64| -> Vec<f64> { table.runs.iter().map(f).collect() };
    let values = |x: &[f64]| distinct(x.iter().copied());
    let (ln_n, ln_d) = (of(|r| r.n.ln()), of(|r| r.d.ln()));
    for factor in law.factors() {
        let (found, wanted, what) = match factor {
            Factor::Params => (values(&ln_n), 3, "model sizes"),
            Factor::Tokens => (values(&ln_d), 3, "token counts"),
            Factor::Compute => (values(&of(|r| r.n.ln() + r.d.ln())), 3, "compute budgets"),
            other => (values(&of(varied(*other))), 2, noun(*other)),
        };
        if found < wanted {
            let reason = format!("only {found} different {what}");
            let mend = format!("Add runs until there are at least {wanted} {what}{}", key(*factor));
            return refuse(reason, &mend);
        }
    }
    if law.has_optimum() {
        if distinct(ln_n.iter().zip(&ln_d).map(|(n, d)| d - n)) < 2 {
            let ratio = ((ln_d[0] - ln_n[0]).exp() * 1e4).round() / 1e4;
            let reason = format!(
                "every run has {ratio} tokens per parameter, so the capacity term and the data term cannot be told apart"
            );
            return refuse(
                reason,
                "Add runs at other D/N, e.g. a quarter and four times as many tokens",
            );
        }
        if off_line_spread(&ln_n, &ln_d) < 1e-4 {
            let reason = "all runs lie on one line in (ln N, ln D)".to_owned();
            return refuse(reason, "Add runs off that line, e.g. at a second compute budget");
        }
    }
    if distinct(table.runs.iter().map(|r| r.loss_nats.ln())) < coefs {
        let reason = "the losses hardly differ between runs".to_owned();
        return refuse(reason, "Check that the loss column holds final losses, one per run");
    }
    Ok(())
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

fn noun(factor: Factor) -> &'static str {
    match factor {
        Factor::UniqueTokens => "numbers of epochs",
        Factor::Experts => "numbers of experts",
        Factor::Granularity => "granularities",
        Factor::Sparsity => "sparsities",
        _ => "precisions",
    }
}

/// How a table says it.
fn key(factor: Factor) -> &'static str {
    match factor {
        Factor::UniqueTokens => " (--map unique=COLUMN)",
        Factor::Experts => " (--map experts=COLUMN)",
        Factor::Granularity => " (--map granularity=COLUMN)",
        Factor::Sparsity => " (--map sparsity=COLUMN)",
        Factor::Precision => " (--map weight_bits=COLUMN and the like)",
        _ => "",
    }
}

/// Whether the runs differ in everything the law looks at beside N, D and C.
pub(super) fn varies(law: &dyn Law, table: &RunTable) -> bool {
    let plane = [Factor::Params, Factor::Tokens, Factor::Compute];
    law.factors()
        .iter()
        .filter(|f| !plane.contains(f))
        .all(|f| distinct(table.runs.iter().map(varied(*f))) >= 2)
}

/// Standard deviation of (ln N, ln D) across its main axis, in ln units: zero on a line.
fn off_line_spread(x: &[f64], y: &[f64]) -> f64 {
    let n = x.len() as f64;
    let (mx, my) = (crate::num::mean(x), crate::num::mean(y));
    let moment = |f: &dyn Fn(f64, f64) -> f64| {
        x.iter().zip(y).map(|(a, b)| f(a - mx, b - my)).sum::<f64>() / n
    };
    let (xx, yy, xy) = (moment(&|a, _| a * a), moment(&|_, b| b * b), moment(&|a, b| a * b));
    crate::num::smallest_eigenvalue(2, &[xx, xy, xy, yy]).max(0.0).sqrt()
}

/// Runs per coefficient below which bootstrap intervals are measurably too wide (see
/// benches/README.md): a resample of few runs loses whole sizes.
pub(super) const FEW: usize = 8;

/// Doubts about a design that can be fitted.
pub(super) fn warnings(law: &dyn Law, table: &RunTable, free: usize) -> Vec<Warning> {
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
    let epochs = |r: &RunRecord| r.setting.unique.map_or(1.0, |u| r.d.get() / u.get());
    // Below four epochs repetition costs little (Muennighoff et al. 2023, sec. 6).
    let repeating = table.runs.iter().map(epochs).filter(|e| *e > 4.0);
    let most = repeating.clone().fold(0.0, f64::max);
    if most > 0.0 && !law.factors().contains(&Factor::UniqueTokens) {
        warnings.push(Warning::RepeatsIgnored { runs: repeating.count(), epochs: most });
    }
    let ratio_to_rule = |r: &crate::data::RunRecord| r.c.get() / (6.0 * r.n.get() * r.d.get());
    let mismatch = crate::num::median(&table.runs.iter().map(ratio_to_rule).collect::<Vec<_>>());
    if !(0.8..=1.25).contains(&mismatch) {
        warnings.push(Warning::FlopsMismatch { ratio: mismatch });
    }
    warnings.extend(table.warnings.iter().cloned());
    warnings
}

/// The ranges the runs cover.
pub(super) fn support(table: &RunTable) -> Support {
    let runs = &table.runs;
    Support {
        n: Range::of(runs.iter().map(|r| r.n.get())),
        d: Range::of(runs.iter().map(|r| r.d.get())),
        c: Range::of(runs.iter().map(|r| 6.0 * r.n.get() * r.d.get())),
        tokens_per_param: Range::of(runs.iter().map(|r| r.d / r.n)),
    }
}
