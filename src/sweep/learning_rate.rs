//! The learning rate of each step.

use super::rules::warmup_for;
use super::schedule::{DecayShape, Schedule};
use super::train_config::TrainConfig;

impl TrainConfig {
    /// Steps of linear warm-up of a run of `steps` steps, at least one.
    #[must_use]
    pub fn warmup_of(&self, steps: u64) -> u64 {
        let by_share = || match self.warmup_fraction {
            Some(share) => (share * steps as f64).ceil() as u64,
            None => warmup_for(steps),
        };
        self.warmup_steps.unwrap_or_else(by_share).max(1)
    }

    /// Steps of a run of `steps` steps before its rate falls below the peak for good.
    ///
    /// Two [`Schedule::Wsd`] runs that differ in length alone are the same up to the smaller of these.
    #[must_use]
    pub fn steps_before_decay(&self, steps: u64) -> u64 {
        match self.schedule {
            Schedule::Cosine | Schedule::Linear => self.warmup_of(steps).min(steps),
            Schedule::Wsd => {
                let decay = (self.decay_fraction * steps as f64).round().max(1.0) as u64;
                steps.saturating_sub(decay)
            }
        }
    }

    /// Learning rate of step `step` (0-based) of `steps` when the peak is `peak`: linear warm-up, then
    /// the schedule, whose last step has `final_lr_fraction` of the peak.
    #[must_use]
    pub fn lr_at(&self, peak: f64, step: u64, steps: u64) -> f64 {
        let warmup = self.warmup_of(steps);
        let at = step + 1;
        let rise = (at as f64 / warmup as f64).min(1.0);
        let first = self.steps_before_decay(steps);
        if at <= first {
            return peak * rise;
        }
        let progress = ((at - first) as f64 / (steps - first).max(1) as f64).min(1.0);
        let left = match (self.schedule, self.decay_shape) {
            (Schedule::Cosine, _) => 0.5 * (1.0 + (std::f64::consts::PI * progress).cos()),
            (Schedule::Linear, _) | (Schedule::Wsd, DecayShape::Linear) => 1.0 - progress,
            (Schedule::Wsd, DecayShape::OneMinusSqrt) => 1.0 - progress.sqrt(),
        };
        // A decay that begins within the warm-up falls from the rate reached there.
        peak * rise * (self.final_lr_fraction + (1.0 - self.final_lr_fraction) * left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(config: &TrainConfig, steps: u64) -> Vec<f64> {
        (0..steps).map(|step| config.lr_at(1.0, step, steps)).collect()
    }

    #[test]
    fn the_rate_rises_to_its_peak_and_falls_to_its_floor() {
        for schedule in [Schedule::Cosine, Schedule::Linear, Schedule::Wsd] {
            let config = TrainConfig {
                schedule,
                warmup_fraction: Some(0.1),
                final_lr_fraction: 0.1,
                ..TrainConfig::default()
            };
            let rates = rates(&config, 100);
            assert!((rates[0] - 0.1).abs() < 1e-12 && rates[9] == 1.0);
            assert!(rates[9..].windows(2).all(|w| w[1] <= w[0]));
            assert!((rates[99] - 0.1).abs() < 1e-12);
        }
    }

    #[test]
    fn half_way_down_is_half_way_between_peak_and_floor() {
        let cosine = TrainConfig { warmup_fraction: Some(0.1), ..TrainConfig::default() };
        assert!((cosine.lr_at(1.0, 54, 100) - 0.55).abs() < 1e-12);
        let linear = TrainConfig { schedule: Schedule::Linear, ..cosine.clone() };
        assert!((linear.lr_at(1.0, 54, 100) - 0.55).abs() < 1e-12);
        let wsd = TrainConfig { schedule: Schedule::Wsd, ..cosine };
        assert_eq!(wsd.lr_at(1.0, 79, 100), 1.0);
        assert!((wsd.lr_at(1.0, 89, 100) - 0.55).abs() < 1e-12);
        let root = TrainConfig { decay_shape: DecayShape::OneMinusSqrt, ..wsd };
        // A quarter of the way down a square root is half of it.
        assert!((root.lr_at(1.0, 84, 100) - 0.55).abs() < 1e-12);
    }

    #[test]
    fn runs_of_all_lengths_share_their_steps_before_the_decay() {
        let config = TrainConfig {
            schedule: Schedule::Wsd,
            warmup_steps: Some(5),
            ..TrainConfig::default()
        };
        let (short, long) = (rates(&config, 50), rates(&config, 400));
        let shared = config.steps_before_decay(50) as usize;
        assert_eq!(shared, 40);
        assert_eq!(short[..shared], long[..shared]);
        assert!(short[shared] < long[shared]);
    }
}
