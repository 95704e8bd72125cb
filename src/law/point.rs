//! N, D and setting of a run, and the ranges of the runs behind a law.

use serde::{Deserialize, Serialize};

use super::at::At;
use crate::units::{Params, Setting, Tokens};

/// N, D and setting of one training run: what a law predicts the loss from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Parameters, by the surface's convention.
    pub n: Params,
    /// Training tokens.
    pub d: Tokens,
    /// Repetition, sparsity and precision.
    #[serde(default, skip_serializing_if = "Setting::is_plain")]
    pub setting: Setting,
}

impl Point {
    /// A dense model in full precision at N, D, every token seen once.
    #[must_use]
    pub const fn new(n: Params, d: Tokens) -> Self {
        Self { n, d, setting: Setting::PLAIN }
    }

    /// The same N and D in another setting.
    #[must_use]
    pub const fn within(self, setting: Setting) -> Self {
        Self { setting, ..self }
    }

    /// Its logarithms.
    #[must_use]
    pub fn at(&self) -> At<f64> {
        At { ln_n: self.n.ln(), ln_d: self.d.ln(), setting: self.setting }
    }
}

/// A closed range of a quantity, as `[lo, hi]` in files.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "[f64; 2]", into = "[f64; 2]")]
pub struct Range {
    /// Smallest value seen.
    pub lo: f64,
    /// Largest value seen.
    pub hi: f64,
}

impl From<[f64; 2]> for Range {
    fn from([lo, hi]: [f64; 2]) -> Self {
        Self { lo, hi }
    }
}

impl From<Range> for [f64; 2] {
    fn from(r: Range) -> Self {
        [r.lo, r.hi]
    }
}

impl Range {
    /// The range of some values; `None` when there are none.
    #[must_use]
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        values.into_iter().fold(None, |range, x| match range {
            None => Some(Self { lo: x, hi: x }),
            Some(r) => Some(Self { lo: r.lo.min(x), hi: r.hi.max(x) }),
        })
    }

    /// By which factor `x` lies outside; 1 inside.
    #[must_use]
    pub fn factor_outside(&self, x: f64) -> f64 {
        (x / self.hi).max(self.lo / x).max(1.0)
    }
}

/// The ranges of the runs behind a law; outside them the law extrapolates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Support {
    /// Parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<Range>,
    /// Tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub d: Option<Range>,
    /// Training FLOPs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub c: Option<Range>,
    /// Tokens per parameter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_param: Option<Range>,
    /// Experts per mixture layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experts: Option<Range>,
    /// Granularity of the experts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub granularity: Option<Range>,
    /// Share of the experts that a token visits, one minus the sparsity: of 0.98 and 0.99 the second is
    /// twice as sparse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visited_share: Option<Range>,
    /// Times the unique tokens were seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<Range>,
}

impl Support {
    /// No range on record.
    pub const UNKNOWN: Self = Self {
        n: None,
        d: None,
        c: None,
        tokens_per_param: None,
        experts: None,
        granularity: None,
        visited_share: None,
        epochs: None,
    };

    /// [`outside`](Self::outside) by name, as results carry it.
    #[must_use]
    pub fn distances(&self, point: &Point) -> std::collections::BTreeMap<String, f64> {
        let named = |(name, factor): (&str, f64)| (name.to_owned(), factor);
        self.outside(point).into_iter().map(named).collect()
    }

    /// Whether no range of sizes, tokens or compute is on record, so that nothing says where the law holds.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        [self.n, self.d, self.c, self.tokens_per_param].iter().all(Option::is_none)
    }

    /// How far `point` lies beyond the largest runs: the largest of ln(N / N_max), ln(D / D_max) and
    /// ln(C / C_max) with C = 6 N D, or zero.
    #[must_use]
    pub fn distance_beyond(&self, point: &Point) -> f64 {
        let c = 6.0 * point.n.get() * point.d.get();
        [(self.n, point.n.get()), (self.d, point.d.get()), (self.c, c)]
            .into_iter()
            .filter_map(|(range, x)| Some((x / range?.hi).ln()))
            // Beyond rounding, as in `outside`.
            .filter(|ln| *ln > 1e-9)
            .fold(0.0, f64::max)
    }

    /// Quantities in which `point` lies outside, with the factor; empty inside.
    #[must_use]
    pub fn outside(&self, point: &Point) -> Vec<(&'static str, f64)> {
        let c = 6.0 * point.n.get() * point.d.get();
        let setting = &point.setting;
        [
            ("N", self.n, point.n.get()),
            ("D", self.d, point.d.get()),
            ("C", self.c, c),
            ("D/N", self.tokens_per_param, point.d / point.n),
            ("experts", self.experts, setting.experts),
            ("granularity", self.granularity, setting.granularity),
            ("share of experts visited", self.visited_share, 1.0 - setting.sparsity),
            ("epochs", self.epochs, setting.epochs(point.d)),
        ]
        .into_iter()
        .filter_map(|(name, range, x)| {
            let factor = range?.factor_outside(x);
            (factor > 1.0 + 1e-9).then_some((name, factor))
        })
        .collect()
    }
}
