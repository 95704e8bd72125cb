//! The colours of an SVG picture on a dark ground, as a style sheet inside it.
//!
//! Attributes hold the colours of the light ground, so that a viewer without style sheets, and paper,
//! show those. On a dark screen one rule for each colour takes over. Rules name a colour by itself, so
//! those of several pictures on one page agree.

use std::collections::BTreeSet;

use super::palette::{GROUND, dark};
use plotters::style::RGBColor;

/// Property of CSS by which a page gives charts a dark ground of its own. Two dashes begin one.
const GROUND_PROPERTY: &str = concat!("-", "-chart-ground");

/// Class of a picture, which its rules begin with.
pub(super) const CLASS: &str = "isoloss-chart";

/// `#0072B2`, as plotters writes it.
fn hex(color: RGBColor) -> String {
    format!("#{:02X}{:02X}{:02X}", color.0, color.1, color.2)
}

/// A colour in an attribute, `fill="#0072B2"`.
fn parsed(text: &str) -> Option<RGBColor> {
    let digits = text.strip_prefix('#')?.get(..6)?;
    let byte = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    Some(RGBColor(byte(0)?, byte(2)?, byte(4)?))
}

/// A style sheet for the colours that `body` fills and strokes with. `--chart-ground` of a page is the
/// ground where it is set.
pub(super) fn style(body: &str) -> String {
    let mut rules = BTreeSet::new();
    for property in ["fill", "stroke"] {
        let begin = format!(" {property}=\"");
        for (at, _) in body.match_indices(&begin) {
            let Some(light) = parsed(&body[at + begin.len()..]) else { continue };
            let (from, to) = (hex(light), hex(dark(light)));
            let to = if light == GROUND { format!("var({GROUND_PROPERTY},{to})") } else { to };
            rules.insert(format!("svg.{CLASS} [{property}=\"{from}\"]{{{property}:{to}}}"));
        }
    }
    let rules: Vec<String> = rules.into_iter().collect();
    format!(
        "<style>@media screen and (prefers-color-scheme:dark){{{}}}</style>\n",
        rules.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_colour_has_one_rule_for_each_property() {
        let body =
            "<a fill=\"#0072B2\"/><b fill=\"#0072B2\" stroke=\"#222222\"/><c fill=\"none\"/>";
        let css = style(body);
        assert_eq!(css.matches("]{fill:#56B4E9}").count(), 1, "{css}");
        assert_eq!(css.matches("]{stroke:#E8EAED}").count(), 1, "{css}");
        assert!(css.starts_with("<style>@media screen and (prefers-color-scheme:dark){"), "{css}");
        assert!(!css.contains("none"), "{css}");
    }
}
