//! What a test of a law or of a plan comes to.

use serde::{Deserialize, Serialize};
use statrs::distribution::{Binomial, DiscreteCDF};

/// What a test comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything tested agrees with what was measured.
    Holds,
    /// Something tested is contradicted by more than chance explains.
    Fails,
    /// Too little was measured, or too roughly.
    CannotTell,
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Holds => "holds",
            Self::Fails => "fails",
            Self::CannotTell => "cannot tell",
        })
    }
}

/// An outcome with its reason and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What the test comes to.
    pub outcome: Outcome,
    /// Why, in one sentence.
    pub reason: String,
    /// What to run next, in one sentence.
    pub next: String,
}

/// Probability below which chance is no explanation.
pub(super) const BY_CHANCE: f64 = 0.05;

/// How many runs lie inside their intervals, beside how many should.
///
/// Runs of one law share its error, so that misses come together; then a miss of all of them is as likely
/// as a miss of one, never likelier.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coverage {
    /// Runs with an interval.
    pub runs: usize,
    /// Those inside it.
    pub inside: usize,
    /// Level of the intervals, as 0.95.
    pub level: f64,
    /// How many are expected inside.
    pub expected: f64,
    /// Probability that as few or fewer are inside when the intervals are right, by the binomial
    /// distribution.
    pub chance: f64,
}

impl Coverage {
    /// Counts runs; `None` without one.
    ///
    /// - `inside`: whether each run lies in its interval.
    ///
    /// ```
    /// use isoloss::fit::Coverage;
    ///
    /// let coverage = Coverage::of([true, true, false, false], 0.95).expect("four runs");
    /// // 1 - 4 p³ (1 - p) - p⁴ with p = 0.95.
    /// assert!((coverage.chance - 0.014019).abs() < 1e-6 && coverage.is_too_low());
    /// ```
    #[must_use]
    pub fn of(inside: impl IntoIterator<Item = bool>, level: f64) -> Option<Self> {
        let (mut runs, mut covered) = (0, 0);
        for is_inside in inside {
            runs += 1;
            covered += usize::from(is_inside);
        }
        let binomial = Binomial::new(level, runs as u64).ok().filter(|_| runs > 0)?;
        let chance = binomial.cdf(covered as u64);
        Some(Self { runs, inside: covered, level, expected: level * runs as f64, chance })
    }

    /// Whether fewer lie inside than chance explains.
    #[must_use]
    pub fn is_too_low(&self) -> bool {
        self.chance < BY_CHANCE - 1e-9
    }
}

impl std::fmt::Display for Coverage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { runs, inside, level, expected, chance } = self;
        let percent = 100.0 * level;
        write!(
            f,
            "{inside} of {runs} runs inside their {percent:.0} % interval, {expected:.1} expected"
        )?;
        match *chance {
            p if p >= 0.995 => Ok(()),
            p if p >= 0.001 => write!(f, " (as few by chance: {:.1} %)", 100.0 * p),
            _ => f.write_str(" (as few by chance: below 0.1 %)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_miss_of_one_is_no_proof_and_two_of_two_are() {
        let of = |inside: &[bool]| Coverage::of(inside.iter().copied(), 0.95).expect("runs");
        assert!(!of(&[false]).is_too_low(), "one run in twenty is outside");
        assert!(of(&[false, false]).is_too_low());
        assert!(!of(&[true; 4]).is_too_low() && (of(&[true; 4]).chance - 1.0).abs() < 1e-12);
        assert!(Coverage::of([], 0.95).is_none());
    }

    #[test]
    fn the_chance_is_the_tail_of_the_binomial_distribution() {
        // Sum over k from 0 to 7 of C(10, k) 0.9^k 0.1^(10 - k), from tables.
        let inside = (0..10).map(|i| i < 7);
        assert!((Coverage::of(inside, 0.9).expect("runs").chance - 0.070_190_8).abs() < 1e-6);
    }
}
