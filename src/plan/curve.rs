//! The iso-loss compression curve: training FLOPs against model size at one loss.

use serde::{Deserialize, Serialize};

use super::allocation::Plan;
use super::isoloss::{params_for_loss, smallest_params, tokens_for_loss};
use super::optimum::optimum_for_loss;
use crate::error::Result;
use crate::law::Surface;
use crate::units::{Flops, Params, Tokens};

/// One size on the curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// Parameters.
    #[serde(rename = "params")]
    pub n: Params,
    /// Tokens this size needs.
    #[serde(rename = "tokens")]
    pub d: Tokens,
    /// 6 N D.
    pub train_flops: Flops,
    /// C / C_optimum - 1.
    pub overhead: f64,
}

/// Every size that reaches one loss, from just above the wall to far past the optimum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IsoLossCurve {
    /// Label of the law.
    pub law: String,
    /// The loss, nats per token.
    #[serde(rename = "loss")]
    pub loss_nats: f64,
    /// The compute-optimal point, where the tangent is horizontal.
    pub optimum: Plan,
    /// Infimum of the sizes that can reach the loss.
    pub wall_params: Params,
    /// Points by rising size.
    pub points: Vec<CurvePoint>,
}

/// Most tokens of a curve, over those of its optimum.
const MOST_TOKENS: f64 = 1e3;

/// The curve through `points` sizes from a thousand times the optimum's tokens to sixteen times its size,
/// closer together near the wall, where the token count grows without bound. The optimum is one of them.
///
/// # Errors
/// As [`optimum_for_loss`].
///
/// ```
/// use isoloss::{law::Surface, plan::iso_loss_curve};
///
/// let surface = Surface::published("besiroglu")?;
/// let curve = iso_loss_curve(&surface, 2.0, 100)?;
/// assert!(curve.points.iter().all(|p| p.n > curve.wall_params));
/// assert!(curve.points.iter().all(|p| p.overhead > -1e-9)); // none needs less than the optimum
/// # Ok::<(), isoloss::error::Error>(())
/// ```
pub fn iso_loss_curve(surface: &Surface, loss: f64, points: usize) -> Result<IsoLossCurve> {
    let optimum = optimum_for_loss(surface, loss)?;
    let wall_params = smallest_params(surface, loss)?;
    let at = |n: Params| -> Result<CurvePoint> {
        let d = tokens_for_loss(surface, n, loss)?;
        let train_flops = Flops::new(surface.flops_per_nd * n.get() * d.get());
        Ok(CurvePoint { n, d, train_flops, overhead: train_flops / optimum.train_flops - 1.0 })
    };
    // Beyond a thousand times the optimum's tokens a curve is a wall.
    let smallest = params_for_loss(surface, optimum.d * MOST_TOKENS, loss)
        .map_or(wall_params, |n| if n > wall_params { n } else { wall_params * 1.000_001 });
    let left = (optimum.n.get() / smallest.get()).ln();
    let left_points = (points / 2).max(2);
    let right_points = points.saturating_sub(left_points).max(2);
    let mut curve = Vec::with_capacity(points + 1);
    for i in 0..left_points {
        // Squared spacing, because the curve is steep at the wall and flat at the optimum.
        let share = i as f64 / left_points as f64;
        curve.push(at(smallest * (left * share * share).exp())?);
    }
    curve.push(CurvePoint {
        n: optimum.n,
        d: optimum.d,
        train_flops: optimum.train_flops,
        overhead: 0.0,
    });
    for i in 1..=right_points {
        let share = i as f64 / right_points as f64;
        curve.push(at(optimum.n * (16.0_f64.ln() * share).exp())?);
    }
    Ok(IsoLossCurve {
        law: surface.label.clone(),
        loss_nats: loss,
        optimum,
        wall_params,
        points: curve,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::optimum_of_size;

    #[test]
    fn the_tangent_is_horizontal_at_the_optimum_and_the_curve_is_convex() {
        let surface = Surface::published("besiroglu").expect("shipped");
        let loss = optimum_of_size(&surface, Params::new(70e9)).expect("optimum").loss_nats;
        let curve = iso_loss_curve(&surface, loss, 200).expect("curve");
        let ln = |p: &CurvePoint| (p.n.ln(), p.train_flops.ln());
        let slopes: Vec<(f64, f64)> = curve
            .points
            .windows(2)
            .map(|w| {
                let ((x0, y0), (x1, y1)) = (ln(&w[0]), ln(&w[1]));
                (0.5 * (x0 + x1), (y1 - y0) / (x1 - x0))
            })
            .collect();
        assert!(slopes.windows(2).all(|w| w[1].1 > w[0].1), "convex in the log-log plane");
        let at_optimum: Vec<_> =
            slopes.iter().filter(|(x, _)| (x - curve.optimum.n.ln()).abs() < 0.05).collect();
        assert!(at_optimum.iter().any(|(_, s)| s.abs() < 0.02), "{at_optimum:?}");
        assert!(curve.points.iter().all(|p| p.overhead >= -1e-12));
    }
}
