//! A frontier N* ∝ C^a by one approach.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use crate::fit::config::FitConfig;
use crate::num::{Interval, Stream, mean, stream};
use crate::units::{Flops, Params};

/// What an approach left out, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// A budget or a run.
    pub what: String,
    /// The reason.
    pub reason: String,
}

/// N* of a budget.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FrontierPoint {
    /// Training FLOPs.
    #[serde(rename = "flops")]
    pub c: Flops,
    /// N*.
    #[serde(rename = "params")]
    pub n: Params,
    /// Its interval; absent without resamples, and for a point that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<Interval>,
}

/// A frontier by one approach.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Approach {
    /// Which.
    pub name: String,
    /// a in N* ∝ C^a; absent where the approach cannot be taken.
    pub n_exponent: Option<f64>,
    /// Its interval.
    pub interval: Option<Interval>,
    /// Points the line goes through: minima of isoFLOP profiles, or corners of the envelope; none for a law.
    pub measured: Vec<FrontierPoint>,
    /// N* at the largest budget, ten and a hundred times that.
    pub predicted: Vec<FrontierPoint>,
    /// What was left out.
    pub refused: Vec<Refused>,
}

/// Most resamples of the first two approaches.
const MOST_RESAMPLES: usize = 1000;

/// The line ln N = a ln C + b through frontier points, by least squares.
#[derive(Clone, Copy)]
pub(super) struct Line {
    a: f64,
    b: f64,
}

impl Line {
    /// - `points`: (ln C, ln N).
    pub(super) fn through(points: &[(f64, f64)]) -> Option<Self> {
        let x: Vec<f64> = points.iter().map(|p| p.0).collect();
        let y: Vec<f64> = points.iter().map(|p| p.1).collect();
        let (mx, my) = (mean(&x), mean(&y));
        let xx: f64 = x.iter().map(|x| (x - mx).powi(2)).sum();
        let xy: f64 = points.iter().map(|(x, y)| (x - mx) * (y - my)).sum();
        let a = xy / xx;
        (xx > 1e-9 && a.is_finite()).then_some(Self { a, b: my - a * mx })
    }

    fn ln_n(self, c: Flops) -> f64 {
        self.a * c.ln() + self.b
    }
}

/// A line with its resamples.
#[derive(Default)]
pub(super) struct Frontier {
    /// `None` where the approach cannot be taken.
    pub(super) line: Option<Line>,
    /// The line of each resample that has one.
    pub(super) resampled: Vec<Line>,
}

impl Frontier {
    /// The line through `points`, and the lines of up to a thousand resamples.
    ///
    /// - `drawn`: the line of one resample, or `None` where it has none.
    pub(super) fn of(
        points: &[(f64, f64)],
        config: &FitConfig,
        drawn: impl Fn(&mut Stream) -> Option<Line>,
    ) -> Self {
        let resamples = config.bootstrap.min(MOST_RESAMPLES) as u64;
        let resampled = (0..resamples).filter_map(|k| drawn(&mut stream(config.seed, k))).collect();
        Self { line: Line::through(points), resampled }
    }

    /// The exponent and the predictions of the frontier.
    pub(super) fn approach(
        &self,
        name: &str,
        targets: &[Flops],
        level: f64,
        measured: Vec<FrontierPoint>,
        refused: Vec<Refused>,
    ) -> Approach {
        let interval = |f: &dyn Fn(&Line) -> f64| {
            Interval::percentile(&self.resampled.iter().map(f).collect::<Vec<_>>(), level)
        };
        let predicted = targets
            .iter()
            .filter_map(|&c| {
                let n = Params::new(self.line?.ln_n(c).exp());
                Some(FrontierPoint { c, n, interval: interval(&|l| l.ln_n(c).exp()) })
            })
            .collect();
        Approach {
            name: name.to_owned(),
            n_exponent: self.line.map(|l| l.a),
            interval: interval(&|l| l.a),
            measured,
            predicted,
            refused,
        }
    }
}

/// As many of `items`, drawn with replacement.
pub(super) fn drawn<T: Copy>(items: &[T], rng: &mut Stream) -> Vec<T> {
    (0..items.len()).map(|_| items[rng.random_range(0..items.len())]).collect()
}
