//! Whether the loss falls with size and tokens at all, before any law is asked.

use std::collections::BTreeMap;

use nalgebra::{DMatrix, DVector};
use statrs::distribution::{ContinuousCDF, FisherSnedecor};

use crate::data::{RunRecord, RunTable};
use crate::error::{FitError, Shown, Warning};
use crate::law::{Factor, Law};
use crate::num::mean;
use crate::units::{Params, Tokens};

/// Probability of such a fall by chance above which runs show none.
const BY_CHANCE: f64 = 0.01;
/// A slope this many standard errors above zero is a rise.
const RISE_SES: f64 = 3.0;

/// ln loss = constant + n ln N + d ln D by least squares.
struct Slopes {
    /// Slope in ln N and in ln D.
    slope: [f64; 2],
    /// Their standard errors.
    error: [f64; 2],
    /// Probability of slopes this large if the loss depended on neither.
    p: f64,
}

fn slopes(runs: &[RunRecord]) -> Option<Slopes> {
    let rows = runs.len();
    let centred = |of: fn(&RunRecord) -> f64| {
        let values: Vec<f64> = runs.iter().map(of).collect();
        let middle = mean(&values);
        DVector::from_iterator(rows, values.into_iter().map(|x| x - middle))
    };
    let y = centred(|r| r.loss_nats.ln());
    let x = DMatrix::from_columns(&[centred(|r| r.n.ln()), centred(|r| r.d.ln())]);
    let inverse = (x.transpose() * &x).try_inverse()?;
    let slope = &inverse * x.transpose() * &y;
    let left = (&y - &x * &slope).norm_squared();
    let freedom = rows.checked_sub(3).filter(|f| *f > 0)? as f64;
    let variance = left / freedom;
    let explained = (y.norm_squared() - left) / 2.0;
    let p = match FisherSnedecor::new(2.0, freedom) {
        Ok(fisher) if variance > 0.0 => fisher.sf((explained / variance).max(0.0)),
        _ => 0.0,
    };
    let error = [0, 1].map(|k| (variance * inverse[(k, k)]).sqrt());
    Some(Slopes { slope: [slope[0], slope[1]], error, p })
}

/// What the runs show where they do not follow a law that falls with N and D; `None` where they may.
fn shown(runs: &[RunRecord]) -> Option<Shown> {
    let Slopes { slope, error, p } = slopes(runs)?;
    let per_doubling = slope.map(|s| s.exp2() - 1.0);
    let rises = |k: usize| slope[k] > RISE_SES * error[k];
    if rises(0) || rises(1) {
        let quantity = if slope[0] / error[0] > slope[1] / error[1] { "N" } else { "D" };
        let share = per_doubling[usize::from(quantity == "D")];
        return Some(Shown::Rises { quantity, share });
    }
    (p > BY_CHANCE).then_some(Shown::Nothing { p })
}

/// Refuses runs whose loss rises with N or D.
///
/// # Errors
/// [`FitError::NotFollowed`].
pub(crate) fn check_fall(law: &'static dyn Law, table: &RunTable) -> Result<(), FitError> {
    let factors = law.factors();
    let of_both = factors.contains(&Factor::Params) && factors.contains(&Factor::Tokens);
    // Under repetition more tokens may well raise the loss.
    if !of_both || factors.contains(&Factor::UniqueTokens) {
        return Ok(());
    }
    // Whether the loss depends on either is seen better by the law, which bends as isoFLOP profiles do.
    match shown(&table.runs) {
        Some(shown @ Shown::Rises { .. }) => Err(FitError::NotFollowed { law: law.id(), shown }),
        _ => Ok(()),
    }
}

/// The error for coefficients that left their range: the runs pull the law where it has no meaning.
pub(crate) fn not_followed(
    law: &'static dyn Law,
    table: &RunTable,
    theta: &[f64],
) -> Option<FitError> {
    let coef = law.coefs().iter().zip(theta).find(|(c, t)| !c.holds(**t))?.0.name;
    let shown = shown(&table.runs).unwrap_or(Shown::Runaway { coef });
    Some(FitError::NotFollowed { law: law.id(), shown })
}

/// Rise, in ln loss, that is no scatter of seeds.
const RISES: f64 = 0.01;

/// A warning where at several sizes more tokens end at a higher loss: no law of N and D does that.
pub(crate) fn rise(law: &dyn Law, table: &RunTable) -> Option<Warning> {
    if law.factors().contains(&Factor::UniqueTokens) {
        return None;
    }
    let mut sizes: BTreeMap<i64, Vec<&RunRecord>> = BTreeMap::new();
    for run in &table.runs {
        sizes.entry((run.n.ln() * 1e4).round() as i64).or_default().push(run);
    }
    let mut rises: Vec<(Params, Tokens, Tokens, f64)> = Vec::new();
    let (mut of, mut longest) = (0, 0);
    for runs in sizes.values_mut() {
        runs.sort_by(|a, b| a.d.get().total_cmp(&b.d.get()));
        // Of several runs at one place the best says what it can reach.
        let mut best: Vec<&RunRecord> = Vec::new();
        for run in runs.iter() {
            match best.last_mut() {
                Some(last) if run.d.get() < (1.0 + 1e-4) * last.d.get() => {
                    if run.loss_nats < last.loss_nats {
                        *last = run;
                    }
                }
                _ => best.push(run),
            }
        }
        if best.len() < 3 {
            continue;
        }
        of += 1;
        let by_loss = |a: &&RunRecord, b: &&RunRecord| a.loss_nats.total_cmp(&b.loss_nats);
        let Some(low) = best.iter().copied().min_by(by_loss) else { continue };
        let Some(last) = best.last() else { continue };
        let share = last.loss_nats / low.loss_nats - 1.0;
        let after = best.iter().filter(|run| run.d.get() > low.d.get()).count();
        if share > RISES {
            rises.push((low.n, low.d, last.d, share));
            longest = longest.max(after);
        }
    }
    let (at, from, to, share) = *rises.iter().max_by(|a, b| a.3.total_cmp(&b.3))?;
    let sizes = rises.len();
    // One run at the end of one or two sizes is an outlier, not the way of the loss.
    let seen = sizes > 2 || longest > 1;
    (seen && (sizes > 1 || of == 1)).then_some(Warning::LossRises {
        sizes,
        of,
        at,
        from,
        to,
        share,
    })
}
