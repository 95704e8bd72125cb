//! A shape for a number of parameters, so that nobody types layers and widths.

use super::shape_spec::short_name;
use crate::error::SweepError;
use crate::flops::{Experts, Shape};

/// Width over layers: tiny models do best far below the 64 to 128 of large ones, and the shapes behind
/// `data/first-light` have 16 to 32.
const ASPECT: f64 = 32.0;

/// Width of a head, about.
const HEAD: f64 = 32.0;

/// Layers at least: with one, no head can build on another.
const LEAST_LAYERS: u32 = 2;

/// What a step of one in ln layers away from the rule weighs against a step in ln N.
const DEPTH_WEIGHT: f64 = 0.1;

/// Shapes are searched up to this width.
const MOST_WIDTH: u32 = 16_384;

/// The shape whose parameters that a token visits, embeddings included, are nearest to `n`.
///
/// SwiGLU with tied embeddings; layers near d_model / 32, at least two; heads about 32 wide. With experts
/// those that a token visits are together as wide as the dense feed-forward part. `taken` are shapes that
/// may not be chosen again.
///
/// Widths are multiples of 4 up to 64, of 8 up to 256, of 32 beyond: sizes lie 4 to 12 % from their
/// target at most, a quarter below a width of 32, and what is used is the size of the shape.
pub(super) fn shape_near(
    n: f64,
    vocab: u32,
    experts: Option<Experts>,
    taken: &[Shape],
) -> Result<Shape, SweepError> {
    let mut best: Option<(f64, Shape)> = None;
    let mut d = 4;
    while d <= MOST_WIDTH {
        if of(LEAST_LAYERS, d, vocab, experts).params().active.get() > 2.0 * n {
            break;
        }
        let usual = (f64::from(d) / ASPECT).max(f64::from(LEAST_LAYERS));
        for layers in layers_about(usual) {
            let shape = of(layers, d, vocab, experts);
            let name = short_name(&shape);
            let used = taken.iter().any(|other| short_name(other) == name);
            if used || shape.validate().is_err() {
                continue;
            }
            let off = (shape.params().active.get() / n).ln().abs();
            let score = off + DEPTH_WEIGHT * (f64::from(layers) / usual).ln().abs();
            if best.is_none_or(|(least, _)| score < least) {
                best = Some((score, shape));
            }
        }
        d += step_at(d);
    }
    let found = best.filter(|(_, shape)| {
        // Further off than that it is another size.
        (shape.params().active.get() / n).ln().abs() < 0.35
    });
    found.map(|(_, shape)| shape).ok_or_else(|| {
        let least = of(LEAST_LAYERS, 4, vocab, experts).params().active.get();
        SweepError::NoShape {
            params: format!("{n:.3e}"),
            least: format!("{least:.3e}"),
            vocab,
            taken: taken.len(),
        }
    })
}

fn step_at(d: u32) -> u32 {
    match d {
        ..64 => 4,
        64..256 => 8,
        _ => 32,
    }
}

/// The whole numbers around `usual`, and one more on each side.
fn layers_about(usual: f64) -> std::ops::RangeInclusive<u32> {
    let low = (usual.floor() as u32).saturating_sub(1).max(LEAST_LAYERS);
    low..=(usual.ceil() as u32 + 1)
}

fn of(layers: u32, d: u32, vocab: u32, experts: Option<Experts>) -> Shape {
    let dense = Shape::swiglu(layers, d, heads_of(d), vocab);
    let Some(experts) = experts else { return dense };
    let visited = (experts.top_k + experts.shared).max(1);
    let ffn = dense.ffn.div_ceil(visited).next_multiple_of(8);
    Shape { ffn, experts: Some(experts), ..dense }
}

/// Heads that divide the width into even parts about 32 wide.
fn heads_of(d: u32) -> u32 {
    let off = |heads: u32| (f64::from(d) / f64::from(heads) / HEAD).ln().abs();
    let fits = |heads: &u32| d.is_multiple_of(*heads) && (d / heads).is_multiple_of(2);
    ((d / 128).max(1)..=(d / 8).max(1))
        .filter(fits)
        .min_by(|a, b| off(*a).total_cmp(&off(*b)))
        .unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_near_their_size_and_can_be_built() {
        for vocab in [64, 256, 4096] {
            // The embedding of the narrowest model is 4 · vocab.
            let mut n = 16.0 * f64::from(vocab) + 2e3;
            while n < 1e9 {
                let shape = shape_near(n, vocab, None, &[]).expect("a shape");
                let off = shape.params().all.get() / n - 1.0;
                // The narrowest widths lie far apart.
                let bound = if shape.d_model < 32 { 0.25 } else { 0.13 };
                assert!(off.abs() < bound, "{n:e} {vocab}: {shape:?} {off}");
                assert!(shape.validate().is_ok() && shape.head_dim.is_multiple_of(2));
                assert!((16..=64).contains(&shape.head_dim) || shape.d_model < 32, "{shape:?}");
                n *= 1.21;
            }
        }
    }

    #[test]
    fn depth_grows_with_width() {
        let depth = |n: f64| shape_near(n, 256, None, &[]).expect("a shape").layers;
        assert!(depth(3e4) <= 2 && depth(1e6) >= 3 && depth(1e7) >= 6 && depth(1e8) >= 12);
    }

    #[test]
    fn a_taken_shape_is_not_taken_again() {
        let first = shape_near(1e5, 256, None, &[]).expect("a shape");
        let second = shape_near(1e5, 256, None, &[first]).expect("another");
        assert_ne!(first, second);
        assert!((second.params().all.get() / 1e5 - 1.0).abs() < 0.3);
    }

    #[test]
    fn experts_that_a_token_visits_are_as_wide_as_a_dense_part() {
        let experts = Experts { count: 8, top_k: 2, shared: 0, dense_layers: 0, dense_ffn: 0 };
        let sparse = shape_near(3e5, 256, Some(experts), &[]).expect("a shape");
        let count = sparse.params();
        assert!((count.active.get() / 3e5 - 1.0).abs() < 0.13, "{count:?}");
        assert!(count.all.get() > 2.0 * count.active.get());
    }

    #[test]
    fn what_no_shape_has_is_refused_with_the_least() {
        let error = shape_near(100.0, 50_000, None, &[]).expect_err("too small").to_string();
        assert!(error.contains("1.000e2") && error.contains("50000"), "{error}");
    }
}
