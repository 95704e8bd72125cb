//! Frontiers read off each other: at one loss, the compute of one over that of the other.

/// ln C over ln loss through measured points, between them only.
#[derive(Clone, Debug)]
pub(super) struct Curve {
    /// (ln C, ln loss), smallest C first.
    points: Vec<(f64, f64)>,
}

impl Curve {
    /// - `points`: (ln C, ln loss), smallest C first.
    pub(super) fn through(points: Vec<(f64, f64)>) -> Self {
        Self { points }
    }

    /// Lowest and highest ln loss.
    pub(super) fn span(&self) -> (f64, f64) {
        self.points
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), p| (lo.min(p.1), hi.max(p.1)))
    }

    /// ln C at which the loss is reached: the parabola in ln loss through the three nearest points, the
    /// line where there are two. `None` outside the points, and where their losses do not fall.
    ///
    /// A line between budgets a factor of three apart would be off by a hundredth of C, and by seven
    /// between budgets a factor of ten apart.
    pub(super) fn ln_c_at(&self, ln_loss: f64) -> Option<f64> {
        let (lo, hi) = self.span();
        let falls = self.points.windows(2).all(|w| w[1].1 < w[0].1);
        if !falls || self.points.len() < 2 || !(lo..=hi).contains(&ln_loss) {
            return None;
        }
        // The segment holds the loss; the third point is its nearer neighbour.
        let after = self.points.partition_point(|p| p.1 > ln_loss).clamp(1, self.points.len() - 1);
        let mut used = vec![self.points[after - 1], self.points[after]];
        let before = after.checked_sub(2).map(|i| self.points[i]);
        let next = self.points.get(after + 1).copied();
        let off = |p: &(f64, f64)| (p.1 - ln_loss).abs();
        used.extend(match (before, next) {
            (Some(b), Some(n)) => Some(if off(&b) < off(&n) { b } else { n }),
            (one, other) => one.or(other),
        });
        Some(interpolated(&used, ln_loss))
    }
}

/// Lagrange's polynomial through (value, at).
fn interpolated(points: &[(f64, f64)], at: f64) -> f64 {
    let weight = |i: usize| {
        let others = points.iter().enumerate().filter(|(j, _)| *j != i);
        others.map(|(_, p)| (at - p.1) / (points[i].1 - p.1)).product::<f64>()
    };
    points.iter().enumerate().map(|(i, p)| p.0 * weight(i)).sum()
}

/// A loss that both recipes reached, with the compute each took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Reading {
    pub(super) ln_loss: f64,
    pub(super) ln_c_a: f64,
    pub(super) ln_c_b: f64,
}

impl Reading {
    /// ln of the compute multiplier.
    pub(super) fn ln_multiplier(&self) -> f64 {
        self.ln_c_a - self.ln_c_b
    }
}

/// What is read at each point of either curve whose loss the other one reaches, in the order of
/// [`levels`]; `None` where it is not reached.
pub(super) fn read_off(a: &Curve, b: &Curve) -> Vec<Option<Reading>> {
    let at_a = a
        .points
        .iter()
        .map(|&(ln_c_a, ln_loss)| Some(Reading { ln_loss, ln_c_a, ln_c_b: b.ln_c_at(ln_loss)? }));
    let at_b = b
        .points
        .iter()
        .map(|&(ln_c_b, ln_loss)| Some(Reading { ln_loss, ln_c_a: a.ln_c_at(ln_loss)?, ln_c_b }));
    at_a.chain(at_b).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// L = 1.8 + 60 C^-0.09 at some budgets; the other recipe reaches each loss with `gain` times less.
    fn curve(gain: f64, budgets: &[f64]) -> Curve {
        let loss = |c: f64| (1.8 + 60.0 * (gain * c).powf(-0.09)).ln();
        Curve::through(budgets.iter().map(|&c| (c.ln(), loss(c))).collect())
    }

    #[test]
    fn a_known_gain_is_read_off_to_a_few_thousandths() {
        let a = curve(1.0, &[1e18, 4e18, 1.6e19, 6.4e19, 2.56e20]);
        for gain in [0.5, 1.0, 1.07, 2.4, 9.0] {
            let b = curve(gain, &[1e18, 3e18, 1e19, 3e19, 1e20]);
            let read: Vec<f64> =
                read_off(&a, &b).into_iter().flatten().map(|r| r.ln_multiplier()).collect();
            assert!(read.len() >= 4, "{gain}: {read:?}");
            for m in read {
                assert!((m - gain.ln()).abs() < 4e-3, "{gain}: {}", m.exp());
            }
        }
    }

    #[test]
    fn nothing_is_read_where_one_curve_ends() {
        let a = curve(1.0, &[1e18, 1e19]);
        let b = curve(1.0, &[1e20, 1e21]);
        assert!(read_off(&a, &b).iter().all(Option::is_none));
    }
}
