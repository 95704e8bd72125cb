//! The sections of a sweep file that say which runs it is made of.

use serde::{Deserialize, Serialize};

use super::schedule::Schedule;
use super::shape_spec::ShapeSpec;
use crate::error::SweepError;
use crate::flops::Experts;
use crate::units::Flops;

/// One isoFLOP budget with the shapes trained on it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// Training FLOPs of each run, C = 6 N D with all parameters a token visits.
    pub flops: Flops,
    /// Shapes.
    pub shapes: Vec<ShapeSpec>,
}

/// Budgets with sizes around the best one of each: shapes are found, nobody types layers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Isoflop {
    /// Training FLOPs of each run.
    pub budgets: Budgets,
    /// Sizes of each budget.
    #[serde(default = "five")]
    pub sizes: u32,
    /// Largest over smallest N of a budget.
    #[serde(default = "six")]
    pub span: f64,
    /// D/N in the middle of the sizes; [`USUAL_RATIO`] when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_param: Option<f64>,
    /// A mixture of experts in place of the feed-forward part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experts: Option<Experts>,
}

/// D/N at which profiles of tiny models on bytes have their minima, about.
///
/// The five profiles of `data/first-light` (byte tokens of code, 4.6e11 to 1e13 FLOPs) have them at a D/N
/// of 30, 26, 28, 19 and 18. Another corpus or tokeniser has others: a first sweep shows which.
pub const USUAL_RATIO: f64 = 25.0;

/// Budgets: a list, or some between two ends, evenly in the logarithm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a list of FLOPs, or { from, to, count }")]
pub enum Budgets {
    /// Each as it is.
    List(Vec<Flops>),
    /// `count` of them.
    Range(BudgetRange),
}

/// Budgets between two ends.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetRange {
    /// Smallest.
    pub from: Flops,
    /// Largest.
    pub to: Flops,
    /// How many, ends included.
    pub count: u32,
}

impl Budgets {
    /// Every budget, smallest first as given; those of a range have three digits.
    #[must_use]
    pub fn all(&self) -> Vec<Flops> {
        match self {
            Self::List(list) => list.clone(),
            Self::Range(range) => {
                let (from, to) = (range.from.get().ln(), range.to.get().ln());
                let last = f64::from(range.count.saturating_sub(1)).max(1.0);
                let at = |i: u32| (from + (to - from) * f64::from(i) / last).exp();
                (0..range.count).map(|i| Flops::new(three_digits(at(i)))).collect()
            }
        }
    }
}

/// Sizes crossed with token counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    /// Target N of each size.
    pub params: Vec<f64>,
    /// Training tokens of each run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<f64>,
    /// The same as D/N, in place of tokens.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tokens_per_param: Vec<f64>,
    /// A mixture of experts in place of the feed-forward part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub experts: Option<Experts>,
}

/// Shapes trained on several numbers of tokens each.
///
/// Under [`Schedule::Wsd`] the runs of one shape and seed are branches of one trunk: the steps before
/// a decay are trained once, for the shortest run, and the longer runs continue from there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ladder {
    /// Shapes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shapes: Vec<ShapeSpec>,
    /// Target N of each size, in place of shapes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub params: Vec<f64>,
    /// Training tokens of each run.
    pub tokens: Vec<f64>,
    /// How their rates fall, where it is not as in the recipe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// Whether runs share a trunk; without, each is trained from its start.
    #[serde(default = "yes")]
    pub branches: bool,
}

fn yes() -> bool {
    true
}

fn five() -> u32 {
    5
}

fn six() -> f64 {
    6.0
}

/// Seeds of a cell that is repeated, unless a number is given.
pub const REPEATS: u64 = 3;

/// Which cells have several seeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "\"floors\", or a number of seeds")]
pub enum Repeats {
    /// Where they pay.
    Floors(Floors),
    /// So many seeds of every cell, from 0 on.
    Each(u64),
}

/// Three seeds of the smallest cell, which say how much seeds scatter, and of the minimum of each isoFLOP
/// profile and its neighbours, which decide where the optimum is; one of every other. A budget of one or
/// two sizes has no profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Floors {
    /// The only value.
    Floors,
}

/// `x` with three significant digits.
pub(super) fn three_digits(x: f64) -> f64 {
    format!("{x:.2e}").parse().unwrap_or(x)
}

type Checked = Result<(), SweepError>;

fn bad<T>(
    field: &'static str,
    found: impl std::fmt::Display,
    expected: &'static str,
) -> Result<T, SweepError> {
    Err(SweepError::Field { field, found: found.to_string(), expected })
}

/// Refuses an empty list and values out of range.
fn positive(field: &'static str, values: &[f64], expected: &'static str) -> Checked {
    if values.is_empty() {
        return bad(field, "empty", expected);
    }
    match values.iter().find(|x| !(1.0..=1e15).contains(*x)) {
        Some(x) => bad(field, format!("{x:e}"), expected),
        None => Ok(()),
    }
}

impl Isoflop {
    pub(super) fn validate(&self) -> Checked {
        if let Budgets::Range(range) = &self.budgets {
            if !(2..=100).contains(&range.count) {
                return bad("isoflop.budgets.count", range.count, "2 to 100");
            }
            if range.from.get().is_nan() || range.from.get() >= range.to.get() {
                let expected = "below `to`";
                return bad("isoflop.budgets.from", range.from.get(), expected);
            }
        }
        let budgets = self.budgets.all();
        if budgets.is_empty() {
            return bad("isoflop.budgets", "empty", "at least one budget");
        }
        if let Some(c) = budgets.iter().map(|c| c.get()).find(|c| !(1e6..=1e20).contains(c)) {
            let expected = "1e6 to 1e20, the range of this trainer";
            return bad("isoflop.budgets", format!("{c:e}"), expected);
        }
        if !(1..=50).contains(&self.sizes) {
            return bad("isoflop.sizes", self.sizes, "1 to 50");
        }
        if !(1.0..=1e4).contains(&self.span) || (self.span == 1.0 && self.sizes > 1) {
            return bad("isoflop.span", self.span, "above 1, at most 1e4");
        }
        match self.tokens_per_param {
            Some(ratio) if !(1e-3..=1e6).contains(&ratio) => {
                bad("isoflop.tokens_per_param", ratio, "1e-3 to 1e6")
            }
            _ => Ok(()),
        }
    }

    /// Target sizes of a budget, smallest first: N = sqrt(C / (6 D/N)) in the middle.
    pub(super) fn targets(&self, c: Flops) -> Vec<f64> {
        let ratio = self.tokens_per_param.unwrap_or(USUAL_RATIO);
        let middle = (c.get() / (6.0 * ratio)).sqrt();
        let last = f64::from(self.sizes.saturating_sub(1)).max(1.0);
        (0..self.sizes)
            .map(|i| match self.sizes {
                1 => middle,
                _ => middle * self.span.powf(f64::from(i) / last - 0.5),
            })
            .collect()
    }
}

impl Grid {
    pub(super) fn validate(&self) -> Checked {
        positive("grid.params", &self.params, "at least one number of parameters, 1 to 1e15")?;
        match (self.tokens.is_empty(), self.tokens_per_param.is_empty()) {
            (false, true) => positive("grid.tokens", &self.tokens, "numbers of tokens, 1 to 1e15"),
            (true, false) => {
                let out = |ratio: &&f64| !(1e-3..=1e6).contains(*ratio);
                match self.tokens_per_param.iter().find(out) {
                    Some(ratio) => bad("grid.tokens_per_param", ratio, "1e-3 to 1e6"),
                    None => Ok(()),
                }
            }
            (true, true) => bad("grid.tokens", "absent", "tokens, or tokens_per_param"),
            (false, false) => {
                let expected = "tokens or tokens_per_param, not both";
                bad("grid.tokens_per_param", "beside tokens", expected)
            }
        }
    }
}

impl Ladder {
    pub(super) fn validate(&self) -> Checked {
        match (self.shapes.is_empty(), self.params.is_empty()) {
            (true, true) => bad("ladder.shapes", "absent", "shapes, or params"),
            (false, false) => bad("ladder.params", "beside shapes", "shapes or params, not both"),
            (true, false) => positive("ladder.params", &self.params, "1 to 1e15 parameters"),
            (false, true) => Ok(()),
        }?;
        positive("ladder.tokens", &self.tokens, "at least one number of tokens, 1 to 1e15")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_and_sizes_are_even_in_the_logarithm() {
        let text = "budgets = { from = 1e10, to = 1e13, count = 4 }";
        let section: Isoflop = toml::from_str(text).expect("a section");
        let budgets: Vec<f64> = section.budgets.all().iter().map(|c| c.get()).collect();
        assert_eq!(budgets, [1e10, 1e11, 1e12, 1e13]);
        let sizes = section.targets(Flops::new(6.0 * 25.0 * 1e10));
        assert_eq!(sizes.len(), 5);
        assert!((sizes[2] / 1e5 - 1.0).abs() < 1e-12);
        assert!((sizes[4] / sizes[0] - 6.0).abs() < 1e-12);
        for pair in sizes.windows(3) {
            assert!((pair[1] * pair[1] / (pair[0] * pair[2]) - 1.0).abs() < 1e-12);
        }
        let one = Isoflop { sizes: 1, ..section };
        assert_eq!(one.targets(Flops::new(150.0)).len(), 1);
    }
}
