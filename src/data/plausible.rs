//! Whether the numbers of a table can be what their columns are called.
//!
//! A column in millions, a perplexity called loss: such a table fits as well as any, and every number
//! that follows is off by the same factor.

use super::quantity::Quantity;
use super::table::{Assumption, RunRecord, RunTable};
use crate::error::{DataError, Odd};
use crate::units::{Flops, Params, Tokens};

/// Smallest size a table may end at: below it N is in millions or billions.
const FEWEST_PARAMS: f64 = 1e3;
/// The same of D.
const FEWEST_TOKENS: f64 = 1e4;
/// Tokens per parameter, in the middle of a table, beyond which N or D is in another unit.
const USUAL_RATIOS: (f64, f64) = (1e-4, 1e5);
/// Nats per token beyond ln of any vocabulary: a model that guesses loses less.
const MOST_NATS: f64 = 13.0;
/// Half of the finished runs of a table lose less.
const MOST_USUAL_NATS: f64 = 10.0;
/// Text is never known this well.
const LEAST_NATS: f64 = 0.02;
/// Logged compute further than this from 6 N D, either way, is in another unit.
const FLOPS_OFF: f64 = 50.0;

/// Refuses a table whose numbers cannot be parameters, tokens, FLOPs or nats.
///
/// # Errors
/// [`DataError::Implausible`] with the column, what was found and what its unit seems to be.
pub(super) fn check(table: &RunTable) -> Result<(), DataError> {
    let runs = &table.runs;
    let sorted = |of: fn(&RunRecord) -> f64| {
        let mut values: Vec<f64> = runs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values
    };
    let refuse = |quantity: Quantity, found: String, odd: Odd| {
        Err(DataError::Implausible {
            quantity: quantity.noun(),
            key: quantity.key(),
            column: column(table, quantity),
            found,
            odd,
        })
    };
    let (n, d, loss) = (sorted(|r| r.n.get()), sorted(|r| r.d.get()), sorted(|r| r.loss_nats));
    let off = sorted(|r| r.c.get() / (6.0 * r.n.get() * r.d.get()));
    let (Some(&largest), Some(&most)) = (n.last(), d.last()) else { return Ok(()) };
    let middle = runs.len() / 2;
    // What follows from two others is not to blame.
    let derived = |a: &Assumption| table.assumptions.contains(a);
    if largest < FEWEST_PARAMS && !derived(&Assumption::ParamsFromFlops) {
        let found = format!("at most {} parameters", Params::new(largest));
        return refuse(Quantity::Params, found, Odd::TooSmall);
    }
    let ratio = sorted(|r| r.d / r.n)[middle];
    let found = format!("{ratio:.1e} tokens per parameter in the middle");
    let both_given =
        !derived(&Assumption::TokensFromFlops) && !derived(&Assumption::ParamsFromFlops);
    if both_given && ratio > USUAL_RATIOS.1 {
        return refuse(Quantity::Params, found, Odd::TooSmall);
    }
    if most < FEWEST_TOKENS && !derived(&Assumption::TokensFromFlops) {
        let found = format!("at most {} tokens", Tokens::new(most));
        return refuse(Quantity::Tokens, found, Odd::TooSmall);
    }
    if both_given && ratio < USUAL_RATIOS.0 {
        return refuse(Quantity::Tokens, found, Odd::TooSmall);
    }
    if most < FEWEST_TOKENS || largest < FEWEST_PARAMS || !within(off[middle], FLOPS_OFF) {
        let found = format!("{} FLOPs at most, {:.1e} of 6 N D", largest_flops(runs), off[middle]);
        return refuse(Quantity::Flops, found, Odd::OffTheRule);
    }
    let large = loss.iter().filter(|l| **l > MOST_NATS).count();
    if loss[middle] > MOST_USUAL_NATS || large > 1 && 10 * large >= loss.len() {
        let found =
            format!("{:.3} nats in the middle, {:.3} at most", loss[middle], loss[loss.len() - 1]);
        return refuse(Quantity::Loss, found, Odd::Perplexity);
    }
    if loss[middle] < LEAST_NATS {
        let found = format!("{:.1e} nats in the middle", loss[middle]);
        return refuse(Quantity::Loss, found, Odd::TooSmall);
    }
    Ok(())
}

fn within(ratio: f64, factor: f64) -> bool {
    (1.0 / factor..=factor).contains(&ratio)
}

fn largest_flops(runs: &[RunRecord]) -> Flops {
    Flops::new(runs.iter().map(|r| r.c.get()).fold(0.0, f64::max))
}

/// The column a quantity was read from, where one was recognised.
fn column(table: &RunTable, wanted: Quantity) -> Option<String> {
    table.assumptions.iter().find_map(|assumption| match assumption {
        Assumption::Column { quantity, column } if quantity == wanted.noun() => {
            Some(column.clone())
        }
        _ => None,
    })
}
