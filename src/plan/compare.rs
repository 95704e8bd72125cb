//! Overtraining trade-offs at one loss: smaller models, longer training, when it pays back.

use serde::{Deserialize, Serialize};

use super::allocation::Plan;
use super::inference::break_even_tokens;
use super::isoloss::{ln_d_for_loss, smallest_params, tokens_for_loss};
use super::optimum::optimum_for_loss;
use crate::error::{PlanError, Result, Warning};
use crate::law::Surface;
use crate::num::find_root;
use crate::units::{Params, Tokens};

/// One way to the loss.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ComparisonRow {
    /// Size, tokens, loss and training FLOPs.
    #[serde(flatten)]
    pub plan: Plan,
    /// C / C_optimum - 1.
    pub overhead: f64,
    /// Served tokens from which its training and serving together take fewer FLOPs than those of the
    /// optimum; absent when it is not smaller than the optimum.
    pub break_even_serve_tokens: Option<Tokens>,
}

/// Several ways to one loss, beside the compute-optimal one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Label of the law.
    pub law: String,
    /// The loss they share, nats per token.
    #[serde(rename = "loss")]
    pub loss_nats: f64,
    /// The compute-optimal way.
    pub optimum: Plan,
    /// Infimum of the sizes that can reach the loss.
    pub wall_params: Params,
    /// The ways asked for, in the order asked.
    pub rows: Vec<ComparisonRow>,
}

impl Comparison {
    /// One warning for each row within a third of the wall, where the law is least certain.
    #[must_use]
    pub fn near_wall(&self) -> Vec<Warning> {
        self.rows
            .iter()
            .map(|row| row.plan.n.get() / self.wall_params.get())
            .filter(|ratio| *ratio < 4.0 / 3.0)
            .map(|ratio| Warning::NearWall { ratio })
            .collect()
    }
}

fn comparison(surface: &Surface, loss: f64, sizes: &[Params]) -> Result<Comparison> {
    let optimum = optimum_for_loss(surface, loss)?;
    let rows = sizes
        .iter()
        .map(|&n| {
            let plan = Plan::at(surface, n, tokens_for_loss(surface, n, loss)?);
            Ok(ComparisonRow {
                plan,
                overhead: plan.train_flops / optimum.train_flops - 1.0,
                break_even_serve_tokens: break_even_tokens(&plan, &optimum),
            })
        })
        .collect::<Result<_>>()?;
    Ok(Comparison {
        law: surface.label.clone(),
        loss_nats: loss,
        optimum,
        wall_params: smallest_params(surface, loss)?,
        rows,
    })
}

/// Compares model sizes at equal loss.
///
/// # Errors
/// [`PlanError::PastTheWall`] naming the first size that cannot reach the loss.
///
/// ```
/// use isoloss::law::Surface;
/// use isoloss::plan::{compare_sizes, optimum_of_size};
/// use isoloss::units::Params;
///
/// let surface = Surface::published("besiroglu")?;
/// let loss = optimum_of_size(&surface, Params::new(70e9))?.loss_nats;
/// let half = compare_sizes(&surface, loss, &[Params::new(35e9)])?.rows[0];
/// assert!((half.overhead - 0.26).abs() < 0.01); // half the size for 26 % more training compute
/// # Ok::<(), isoloss::error::Error>(())
/// ```
pub fn compare_sizes(surface: &Surface, loss: f64, sizes: &[Params]) -> Result<Comparison> {
    comparison(surface, loss, sizes)
}

/// Compares tokens per parameter at equal loss.
///
/// Along the curve D/N falls from infinity at the wall, so each ratio belongs to exactly one size.
///
/// # Errors
/// [`PlanError::Ratio`] for a ratio that no size on the curve has.
pub fn compare_ratios(surface: &Surface, loss: f64, ratios: &[f64]) -> Result<Comparison> {
    let wall = smallest_params(surface, loss)?.ln();
    let sizes = ratios
        .iter()
        .map(|&ratio| {
            let none = || PlanError::Ratio { found: ratio };
            if !(1e-3..=1e7).contains(&ratio) {
                return Err(none().into());
            }
            // Capped, because infinite at the wall itself.
            let excess =
                |ln_n: f64| (ln_d_for_loss(surface, ln_n, loss) - ln_n).min(500.0) - ratio.ln();
            let ln_n =
                find_root("size of a ratio", excess, wall, wall + 60.0).map_err(|_| none())?;
            Ok(Params::new(ln_n.exp()))
        })
        .collect::<Result<Vec<_>>>()?;
    comparison(surface, loss, &sizes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::optimum_of_size;

    #[test]
    fn ratios_come_back_as_asked() {
        let surface = Surface::published("besiroglu").expect("shipped");
        let loss = optimum_of_size(&surface, Params::new(70e9)).expect("optimum").loss_nats;
        let ratios = [5.0, 20.0, 100.0, 500.0];
        let table = compare_ratios(&surface, loss, &ratios).expect("reachable");
        for (row, ratio) in table.rows.iter().zip(ratios) {
            assert!((row.plan.tokens_per_param / ratio - 1.0).abs() < 1e-9);
            assert!((row.plan.loss_nats - loss).abs() < 1e-10);
        }
    }
}
