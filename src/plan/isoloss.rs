//! Along an iso-loss curve: tokens for a size, a size for tokens, and the wall.

use super::allocation::{check_loss, check_params, check_tokens};
use crate::error::{PlanError, Result};
use crate::law::Surface;
use crate::num::find_root;
use crate::units::{Params, Tokens};

/// ln D at which every data term has vanished to rounding, without overflow in exp.
const LN_UNLIMITED: f64 = 600.0;

/// Infimum of the model sizes that can reach `loss` with unlimited tokens: the wall.
///
/// # Errors
/// [`PlanError::LossBelowFloor`] when no size can.
///
/// ```
/// use isoloss::law::Surface;
/// use isoloss::plan::{optimum_of_size, smallest_params};
/// use isoloss::units::Params;
///
/// let surface = Surface::published("hoffmann-a3-devries")?;
/// let loss = optimum_of_size(&surface, Params::new(70e9))?.loss_nats;
/// let wall = smallest_params(&surface, loss)?;
/// assert!((wall.get() / 70e9 - 0.097).abs() < 2e-3); // a tenth of the optimum, whatever the tokens
/// # Ok::<(), isoloss::error::Error>(())
/// ```
pub fn smallest_params(surface: &Surface, loss: f64) -> Result<Params> {
    check_loss(surface, loss)?;
    let most_useful = |ln_n: f64| surface.ln_d_most_useful(ln_n).min(LN_UNLIMITED);
    let excess = |ln_n: f64| surface.loss_at(ln_n, most_useful(ln_n)) - loss;
    if excess(0.0) < 0.0 {
        return Ok(Params::new(1.0));
    }
    if let Some(ln_n) = surface.ln_n_wall(loss) {
        return Ok(Params::new(ln_n.exp()));
    }
    let ln_n = find_root("wall", excess, 0.0, LN_UNLIMITED)?;
    Ok(Params::new(ln_n.exp()))
}

/// Tokens that bring `n` parameters to `loss`.
///
/// # Errors
/// [`PlanError::PastTheWall`] when no number of tokens does, [`PlanError::LossBelowFloor`] when no
/// size could.
///
/// ```
/// use isoloss::{law::Surface, plan::{params_for_loss, tokens_for_loss}, units::Params};
///
/// let surface = Surface::published("besiroglu")?;
/// let tokens = tokens_for_loss(&surface, Params::new(30e9), 2.0)?;
/// let params = params_for_loss(&surface, tokens, 2.0)?;
/// assert!((params.get() / 30e9 - 1.0).abs() < 1e-6);
/// assert!(tokens_for_loss(&surface, Params::new(1e9), 2.0).is_err()); // past the wall
/// # Ok::<(), isoloss::error::Error>(())
/// ```
pub fn tokens_for_loss(surface: &Surface, n: Params, loss: f64) -> Result<Tokens> {
    check_params(n)?;
    check_loss(surface, loss)?;
    let ln_d = ln_d_for_loss(surface, n.ln(), loss);
    if ln_d < LN_UNLIMITED {
        return Ok(Tokens::new(ln_d.exp()));
    }
    Err(PlanError::PastTheWall {
        law: surface.label.clone(),
        params: n,
        loss,
        wall: smallest_params(surface, loss)?,
    }
    .into())
}

/// ln D for `loss` at `ln_n`; infinite past the wall.
pub(super) fn ln_d_for_loss(surface: &Surface, ln_n: f64, loss: f64) -> f64 {
    if let Some(ln_d) = surface.ln_d_for_loss(ln_n, loss) {
        return ln_d;
    }
    let excess = |ln_d: f64| surface.loss_at(ln_n, ln_d) - loss;
    let most = surface.ln_d_most_useful(ln_n).min(LN_UNLIMITED);
    find_root("tokens for a loss", excess, -LN_UNLIMITED, most).unwrap_or(f64::INFINITY)
}

/// Parameters that reach `loss` on `d` tokens.
///
/// # Errors
/// [`PlanError::TooFewTokens`] when no size does on so few.
pub fn params_for_loss(surface: &Surface, d: Tokens, loss: f64) -> Result<Params> {
    check_tokens(d)?;
    check_loss(surface, loss)?;
    let excess = |ln_n: f64| surface.loss_at(ln_n, d.ln()) - loss;
    let ln_n = find_root("size for a loss", excess, 0.0, LN_UNLIMITED)
        .map_err(|_| PlanError::TooFewTokens { tokens: d, loss })?;
    Ok(Params::new(ln_n.exp()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::Point;
    use crate::plan::optimum_of_size;

    #[test]
    fn iso_loss_points_keep_their_loss() {
        for name in ["besiroglu", "kaplan-nd"] {
            let surface = Surface::published(name).expect("shipped");
            let loss = optimum_of_size(&surface, Params::new(70e9)).expect("optimum").loss_nats;
            // Kaplan's law has its wall at 0.47 of the optimum.
            for n in [35e9, 50e9, 70e9, 300e9] {
                let n = Params::new(n);
                let d = tokens_for_loss(&surface, n, loss).expect("reachable");
                assert!((surface.loss(&Point::new(n, d)) - loss).abs() < 1e-12);
                let back = params_for_loss(&surface, d, loss).expect("reachable");
                assert!((back.get() / n.get() - 1.0).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn the_wall_separates_what_can_be_reached() {
        let surface = Surface::published("besiroglu").expect("shipped");
        let wall = smallest_params(&surface, 2.0).expect("above the floor");
        assert!(tokens_for_loss(&surface, wall * 1.001, 2.0).is_ok());
        assert!(tokens_for_loss(&surface, wall * 0.999, 2.0).is_err());
        assert!(smallest_params(&surface, 1.8).is_err());
    }
}
