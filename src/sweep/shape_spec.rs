//! A model as it is written in a run or sweep file.

use serde::{Deserialize, Serialize};

use crate::error::SweepError;
use crate::flops::{Experts, Shape};

/// A decoder: `[layers, d_model, heads]`, or a table of these.
///
/// Every field with its default and range: [run files and sweep files](crate::sweep#run-files-and-sweep-files).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(
    untagged,
    expecting = "[layers, d_model, heads], or a table with layers, d_model, heads, kv_heads, head_dim, activation, ffn, tied_embeddings, window, qk_norm, experts"
)]
pub enum ShapeSpec {
    /// Layers, width and heads: SwiGLU with tied embeddings.
    Short([u32; 3]),
    /// Every field.
    Full(ShapeTable),
}

/// The table form of a [`ShapeSpec`].
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShapeTable {
    layers: u32,
    d_model: u32,
    heads: u32,
    kv_heads: Option<u32>,
    head_dim: Option<u32>,
    #[serde(default)]
    activation: Activation,
    ffn: Option<u32>,
    #[serde(default = "yes")]
    tied_embeddings: bool,
    window: Option<u32>,
    #[serde(default)]
    qk_norm: bool,
    experts: Option<Experts>,
}

fn yes() -> bool {
    true
}

/// The activation of a feed-forward part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Activation {
    #[default]
    Swiglu,
    Gelu,
}

impl ShapeSpec {
    /// The shape with this vocabulary; not yet [validated](Shape::validate).
    #[must_use]
    pub fn shape(&self, vocab: u32) -> Shape {
        let table = match *self {
            Self::Short([layers, d_model, heads]) => {
                return Shape::swiglu(layers, d_model, heads, vocab);
            }
            Self::Full(table) => table,
        };
        let base = Shape::swiglu(table.layers, table.d_model, table.heads, vocab);
        let (ffn, ffn_matrices) = match table.activation {
            Activation::Swiglu => (base.ffn, 3),
            Activation::Gelu => (table.d_model.saturating_mul(4), 2),
        };
        Shape {
            kv_heads: table.kv_heads.unwrap_or(base.kv_heads),
            head_dim: table.head_dim.unwrap_or(base.head_dim),
            ffn: table.ffn.unwrap_or(ffn),
            ffn_matrices,
            tied_embeddings: table.tied_embeddings,
            window: table.window,
            qk_norm: table.qk_norm,
            experts: table.experts,
            ..base
        }
    }

    /// Checks what the shape it makes cannot show any more.
    ///
    /// # Errors
    /// [`SweepError::Field`] when the heads do not divide the width and `head_dim` is not given, or
    /// attention reaches back no token.
    pub fn validate(&self) -> Result<(), SweepError> {
        let (d_model, heads, head_dim, window) = match *self {
            Self::Short([_, d_model, heads]) => (d_model, heads, None, None),
            Self::Full(t) => (t.d_model, t.heads, t.head_dim, t.window),
        };
        let bad =
            |field, found: String, expected| Err(SweepError::Field { field, found, expected });
        if head_dim.is_none() && heads > 0 && !d_model.is_multiple_of(heads) {
            let expected = "a width that the number of heads divides, or a head_dim";
            return bad("shape.d_model", format!("{d_model} with {heads} heads"), expected);
        }
        if window == Some(0) {
            return bad("shape.window", "0".to_owned(), "at least 1");
        }
        Ok(())
    }
}

/// A short name that is unique within a sweep: `l4-d128`, followed by what differs from the defaults.
#[must_use]
pub(super) fn short_name(shape: &Shape) -> String {
    let usual = Shape::swiglu(shape.layers, shape.d_model, shape.heads, shape.vocab);
    let mut name = format!("l{}-d{}", shape.layers, shape.d_model);
    let mut add = |differs: bool, text: String| {
        if differs {
            name.push('-');
            name.push_str(&text);
        }
    };
    add(shape.head_dim != usual.head_dim, format!("k{}", shape.head_dim));
    add(shape.kv_heads != shape.heads, format!("kv{}", shape.kv_heads));
    add(shape.ffn_matrices == 2, "gelu".to_owned());
    add(shape.ffn != usual.ffn, format!("f{}", shape.ffn));
    add(shape.window.is_some(), format!("w{}", shape.window.unwrap_or(0)));
    add(shape.qk_norm, "qk".to_owned());
    add(!shape.tied_embeddings, "untied".to_owned());
    if let Some(e) = shape.experts {
        add(true, format!("e{}k{}", e.count, e.top_k));
        add(e.shared > 0, format!("s{}", e.shared));
        add(e.dense_layers > 0, format!("dense{}", e.dense_layers));
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct File {
        shape: ShapeSpec,
    }

    fn shape(text: &str) -> Shape {
        let file: File = toml::from_str(&format!("shape = {text}")).expect(text);
        file.shape.shape(256)
    }

    #[test]
    fn both_forms_are_read_and_named_apart() {
        let plain = shape("[4, 128, 4]");
        assert_eq!(plain, Shape::swiglu(4, 128, 4, 256));
        assert_eq!(plain, shape("{ layers = 4, d_model = 128, heads = 4 }"));
        let moe = shape(
            "{ layers = 4, d_model = 128, heads = 4, kv_heads = 2, ffn = 176, window = 64, \
             qk_norm = true, experts = { count = 8, top_k = 2, shared = 1 } }",
        );
        assert_eq!(short_name(&plain), "l4-d128");
        assert_eq!(short_name(&moe), "l4-d128-kv2-f176-w64-qk-e8k2-s1");
        let gelu = shape("{ layers = 1, d_model = 64, heads = 2, activation = \"gelu\" }");
        assert_eq!((gelu.ffn, gelu.ffn_matrices), (256, 2));
    }

    #[test]
    fn heads_that_do_not_divide_the_width_and_an_empty_window_are_refused() {
        let error = |text: &str| {
            let file: File = toml::from_str(&format!("shape = {text}")).expect(text);
            file.shape.validate().expect_err(text).to_string()
        };
        assert!(error("[2, 48, 5]").contains("48 with 5 heads"));
        let window = "{ layers = 1, d_model = 32, heads = 1, window = 0 }";
        assert!(error(window).contains("shape.window"));
    }

    #[test]
    fn a_shape_of_neither_form_lists_the_fields() {
        let error = toml::from_str::<File>("shape = { layers = 4, widht = 3 }").err();
        assert!(error.expect("a typing error").to_string().contains("kv_heads"));
    }
}
