//! Means, spreads and percentile intervals of samples.

use serde::{Deserialize, Serialize};

/// A two-sided interval, serialised as `[lo, hi]`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "[f64; 2]", into = "[f64; 2]")]
pub struct Interval {
    /// Lower end.
    pub lo: f64,
    /// Upper end.
    pub hi: f64,
}

impl From<[f64; 2]> for Interval {
    fn from([lo, hi]: [f64; 2]) -> Self {
        Self { lo, hi }
    }
}

impl From<Interval> for [f64; 2] {
    fn from(i: Interval) -> Self {
        [i.lo, i.hi]
    }
}

impl Interval {
    /// The central percentile interval of a sample at `level` (0.95 leaves 2.5 % on each side).
    ///
    /// `None` with fewer than two finite values.
    #[must_use]
    pub fn percentile(sample: &[f64], level: f64) -> Option<Self> {
        let mut sorted: Vec<f64> = sample.iter().copied().filter(|x| x.is_finite()).collect();
        if sorted.len() < 2 {
            return None;
        }
        sorted.sort_by(f64::total_cmp);
        let tail = 0.5 * (1.0 - level);
        Some(Self { lo: quantile(&sorted, tail), hi: quantile(&sorted, 1.0 - tail) })
    }

    /// The interval of a positive quantity with `half` more in its logarithm, in quadrature around the
    /// middle; the same where `half` is zero or an end has no logarithm.
    ///
    /// ```
    /// use isoloss::num::Interval;
    ///
    /// let draws = Interval { lo: (-0.03_f64).exp(), hi: 0.03_f64.exp() };
    /// let wider = draws.widened(0.04);
    /// assert!((wider.hi.ln() - 0.05).abs() < 1e-12);
    /// assert_eq!(draws.widened(0.0), draws);
    /// ```
    #[must_use]
    pub fn widened(self, half: f64) -> Self {
        let (lo, hi) = (self.lo.ln(), self.hi.ln());
        if half.is_nan() || half <= 0.0 || !(lo.is_finite() && hi.is_finite()) {
            return self;
        }
        let (middle, whole) = (0.5 * (lo + hi), (0.5 * (hi - lo)).hypot(half));
        Self { lo: (middle - whole).exp(), hi: (middle + whole).exp() }
    }

    /// Whether `x` lies within, ends included.
    #[must_use]
    pub fn contains(&self, x: f64) -> bool {
        (self.lo..=self.hi).contains(&x)
    }
}

/// Quantile of a sorted sample with linear interpolation (Hyndman and Fan's type 7, as NumPy's).
///
/// NaN for an empty sample.
#[must_use]
pub fn quantile(sorted: &[f64], p: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let at = p.clamp(0.0, 1.0) * last as f64;
    let below = at.floor() as usize;
    let above = (below + 1).min(last);
    let share = at - below as f64;
    sorted[below] + share * (sorted[above] - sorted[below])
}

/// Arithmetic mean; NaN for an empty sample.
#[must_use]
pub fn mean(sample: &[f64]) -> f64 {
    sample.iter().sum::<f64>() / sample.len() as f64
}

/// Median; NaN for an empty sample.
#[must_use]
pub fn median(sample: &[f64]) -> f64 {
    let mut sorted = sample.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile(&sorted, 0.5)
}

/// Standard deviation with n - 1; NaN with fewer than two values.
#[must_use]
pub fn standard_deviation(sample: &[f64]) -> f64 {
    let centre = mean(sample);
    let squares: f64 = sample.iter().map(|x| (x - centre).powi(2)).sum();
    (squares / (sample.len() as f64 - 1.0)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_quantiles_match_numpy() {
        // numpy.quantile([1, 2, 4, 8], [0.1, 0.5, 0.9])
        let sorted = [1.0, 2.0, 4.0, 8.0];
        for (p, want) in [(0.1, 1.3), (0.5, 3.0), (0.9, 6.8)] {
            assert!((quantile(&sorted, p) - want).abs() < 1e-12);
        }
    }

    #[test]
    fn intervals_skip_what_is_not_finite() {
        let interval = Interval::percentile(&[f64::NAN, 1.0, 3.0], 0.5).expect("two values");
        assert_eq!(interval, Interval { lo: 1.5, hi: 2.5 });
        assert!(Interval::percentile(&[1.0, f64::NAN], 0.5).is_none());
    }
}
