//! Learning rates of a run, step by step.

use crate::error::LawError;

/// Learning rates of a run, one per step from step 1.
///
/// ```
/// use isoloss::law::LearningRates;
///
/// // 500 steps of warm-up to 3e-4, then a cosine down to a tenth of it.
/// let rates = LearningRates::cosine(3e-4, 3e-5, 500, 20_000)?;
/// assert_eq!((rates.steps(), rates.warmup()), (20_000, 500));
/// assert!((rates.decay(20_000) - 0.9).abs() < 1e-12);
/// # Ok::<(), isoloss::error::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct LearningRates {
    rates: Vec<f64>,
    /// Sums of the rates up to and with each step; entry 0 is zero.
    sums: Vec<f64>,
    /// Step of the first largest rate: until then the rate warms up.
    warm: usize,
}

impl LearningRates {
    /// Learning rates, one per step.
    ///
    /// # Errors
    /// [`LawError::Rate`] when one is negative or not finite, [`LawError::NoRate`] when none is above
    /// zero.
    pub fn new(rates: Vec<f64>) -> Result<Self, LawError> {
        if let Some(i) = rates.iter().position(|r| !(r.is_finite() && *r >= 0.0)) {
            return Err(LawError::Rate { step: i + 1, found: rates[i] });
        }
        let peak = rates.iter().copied().fold(0.0, f64::max);
        if peak <= 0.0 {
            return Err(LawError::NoRate { steps: rates.len() });
        }
        let warm = 1 + rates.iter().position(|r| *r == peak).unwrap_or(0);
        let mut sums = Vec::with_capacity(rates.len() + 1);
        sums.push(0.0);
        let mut sum = 0.0;
        for rate in &rates {
            sum += rate;
            sums.push(sum);
        }
        Ok(Self { rates, sums, warm })
    }

    /// Linear warm-up to `peak`, then what `shape` gives for the share of the rest that is done.
    fn shaped(peak: f64, warmup: usize, steps: usize, shape: impl Fn(f64) -> f64) -> Vec<f64> {
        (1..=steps)
            .map(|s| {
                if s <= warmup {
                    peak * s as f64 / warmup as f64
                } else {
                    let done = (s - warmup) as f64 / (steps - warmup) as f64;
                    shape(done)
                }
            })
            .collect()
    }

    /// Cosine decay from `peak` to `last` after a linear warm-up (Loshchilov and Hutter 2017).
    ///
    /// # Errors
    /// As [`LearningRates::new`].
    pub fn cosine(peak: f64, last: f64, warmup: usize, steps: usize) -> Result<Self, LawError> {
        let shape =
            |done: f64| last + 0.5 * (peak - last) * (1.0 + (std::f64::consts::PI * done).cos());
        Self::new(Self::shaped(peak, warmup, steps, shape))
    }

    /// Warm-up, a stable rate, and a linear decay to `last` over the final `decay` steps (WSD, Hu et
    /// al. 2024, arXiv:2404.06395). `decay` of 0 is a constant rate.
    ///
    /// # Errors
    /// As [`LearningRates::new`].
    pub fn wsd(
        peak: f64,
        last: f64,
        warmup: usize,
        decay: usize,
        steps: usize,
    ) -> Result<Self, LawError> {
        let mut rates = Self::shaped(peak, warmup, steps, |_| peak);
        let first = steps.saturating_sub(decay);
        for (k, rate) in rates.iter_mut().skip(first).enumerate() {
            let done = (k + 1) as f64 / decay as f64;
            *rate = (1.0 - done) * peak + done * last;
        }
        Self::new(rates)
    }

    /// Number of steps.
    #[must_use]
    pub fn steps(&self) -> usize {
        self.rates.len()
    }

    /// Rates, one per step from step 1.
    #[must_use]
    pub fn rates(&self) -> &[f64] {
        &self.rates
    }

    /// Step at which the rate is first largest.
    #[must_use]
    pub fn warmup(&self) -> usize {
        self.warm
    }

    /// Rate of a step from 1; 0 before.
    pub(super) fn rate(&self, step: usize) -> f64 {
        step.checked_sub(1).map_or(0.0, |i| self.rates[i.min(self.rates.len() - 1)])
    }

    /// Sum of the rates of steps 1 to `step`.
    #[must_use]
    pub fn area(&self, step: usize) -> f64 {
        self.sums[step.min(self.rates.len())]
    }

    /// How far the rate has come down from its peak by `step`, as a share of the peak.
    #[must_use]
    pub fn decay(&self, step: usize) -> f64 {
        if step <= self.warm { 0.0 } else { 1.0 - self.rate(step) / self.rate(self.warm) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_have_their_corners() {
        let wsd = LearningRates::wsd(1.0, 0.1, 10, 20, 100).expect("rates");
        assert_eq!((wsd.rate(5), wsd.rate(10), wsd.rate(80), wsd.rate(100)), (0.5, 1.0, 1.0, 0.1));
        assert_eq!((wsd.warmup(), wsd.steps()), (10, 100));
        assert!((wsd.decay(100) - 0.9).abs() < 1e-12 && wsd.decay(70) == 0.0);
        let cosine = LearningRates::cosine(1.0, 0.1, 0, 100).expect("rates");
        assert!((cosine.rate(50) - 0.55).abs() < 1e-12 && (cosine.rate(100) - 0.1).abs() < 1e-12);
        assert!((cosine.area(100) - cosine.rates().iter().sum::<f64>()).abs() < 1e-9);
        for bad in [vec![], vec![0.0], vec![1.0, -1.0], vec![f64::NAN]] {
            assert!(LearningRates::new(bad).is_err());
        }
    }
}
