//! What a picture says where a pointer rests: areas of an SVG that are not seen, each with a text.

use super::frame::Frame;
use super::layer::Hit;
use crate::report::inert::inert;

/// Half-width of the area of a point, in page units.
const RADIUS: f64 = 9.0;
/// Most of them in one picture; of more points an even part is kept.
const MOST: usize = 1500;

/// The areas of points on the plot. `fineness` is SVG units per page unit.
///
/// Each is a circle with a `<title>` in words and, for scripts, `data-series`, `data-x` and `data-y` in
/// the units of the axes. They lie above all else, without ink, in `<g class="hits">`.
pub(super) fn areas(hits: &[Hit], frame: &Frame<'_>, fineness: f64) -> String {
    let mut text =
        "<g class=\"hits\" fill=\"none\" stroke=\"none\" pointer-events=\"all\">\n".to_owned();
    let stride = hits.len().div_ceil(MOST).max(1);
    for hit in hits.iter().step_by(stride) {
        let Some((x, y)) = frame.inside(hit.at) else { continue };
        let units = |v: f64| (v * fineness).round();
        text.push_str(&format!(
            "<circle cx=\"{}\" cy=\"{}\" r=\"{}\" data-series=\"{}\" data-x=\"{:e}\" data-y=\"{:e}\"><title>{}</title></circle>\n",
            units(x),
            units(y),
            units(RADIUS),
            escaped(&inert(&hit.series)),
            short(hit.at.0),
            short(hit.at.1),
            escaped(&inert(&hit.text)),
        ));
    }
    text + "</g>\n"
}

/// Six digits are more than a picture shows.
fn short(x: f64) -> f64 {
    format!("{x:.5e}").parse().unwrap_or(x)
}

/// Text safe in XML, in an attribute as well.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            other => out.push(other),
        }
    }
    out
}
