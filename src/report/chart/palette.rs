//! Colours for a light and for a dark ground, apart for people with any colour vision.
//!
//! A chart is made in the colours of the light ground; [`dark`] gives the one that takes its place on
//! the dark ground. Colours of text have a contrast of at least 4.5 with their ground, those of lines
//! and marks at least 3 (WCAG 2.2, criteria 1.4.3 and 1.4.11); grid lines are decoration.

use plotters::style::RGBColor;

/// The page behind a chart, and the rim of its marks.
pub(super) const GROUND: RGBColor = RGBColor(0xff, 0xff, 0xff);
/// Ink of titles and labels.
pub(super) const TEXT: RGBColor = RGBColor(0x22, 0x22, 0x22);
/// Ink of tick labels and notes.
pub(super) const QUIET: RGBColor = RGBColor(0x5a, 0x5a, 0x5a);
/// Grid lines.
pub(super) const GRID: RGBColor = RGBColor(0xe4, 0xe4, 0xe4);
/// Axis lines and guides.
pub(super) const GUIDE: RGBColor = RGBColor(0x76, 0x76, 0x76);
/// Okabe and Ito's blue.
pub(super) const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xb2);
/// Okabe and Ito's vermilion, dark enough for text on white.
pub(super) const VERMILION: RGBColor = RGBColor(0xb8, 0x4d, 0x00);
/// Their bluish green, likewise.
pub(super) const GREEN: RGBColor = RGBColor(0x00, 0x7a, 0x59);
/// Their reddish purple, likewise.
pub(super) const PURPLE: RGBColor = RGBColor(0xa3, 0x49, 0x7f);
/// Their orange, likewise.
const OCHRE: RGBColor = RGBColor(0x8f, 0x64, 0x00);
const GREY: RGBColor = RGBColor(0x6b, 0x6b, 0x6b);

/// Each colour with the one that replaces it on a dark ground.
const NAMED: [(RGBColor, RGBColor); 11] = [
    (GROUND, RGBColor(0x18, 0x19, 0x1b)),
    (TEXT, RGBColor(0xe8, 0xea, 0xed)),
    (QUIET, RGBColor(0xa6, 0xab, 0xb1)),
    (GRID, RGBColor(0x30, 0x33, 0x36)),
    (GUIDE, RGBColor(0x8b, 0x90, 0x96)),
    (BLUE, RGBColor(0x56, 0xb4, 0xe9)),
    (VERMILION, RGBColor(0xff, 0x9a, 0x5c)),
    (GREEN, RGBColor(0x2f, 0xc7, 0x9a)),
    (PURPLE, RGBColor(0xe5, 0x9c, 0xc6)),
    (OCHRE, RGBColor(0xe6, 0xb4, 0x22)),
    (GREY, RGBColor(0xb9, 0xbe, 0xc4)),
];

/// Colours of series, most distinct first.
const DISTINCT: [RGBColor; 7] = [BLUE, VERMILION, GREEN, PURPLE, OCHRE, TEXT, GREY];

/// Colours of laws above runs, which are blue.
const LAWS: [RGBColor; 6] = [VERMILION, GREEN, PURPLE, OCHRE, GREY, TEXT];

/// Viridis (Smith and van der Walt 2015) at equal steps, the part that is seen on white.
const RAMP: [RGBColor; 6] = [
    RGBColor(0x44, 0x01, 0x54),
    RGBColor(0x48, 0x28, 0x78),
    RGBColor(0x3e, 0x49, 0x89),
    RGBColor(0x31, 0x68, 0x8e),
    RGBColor(0x26, 0x82, 0x8e),
    RGBColor(0x1f, 0x9e, 0x89),
];

/// The part that is seen on a dark ground.
const DARK_RAMP: [RGBColor; 6] = [
    RGBColor(0x2a, 0x78, 0x8e),
    RGBColor(0x22, 0xa8, 0x84),
    RGBColor(0x44, 0xbf, 0x70),
    RGBColor(0x7a, 0xd1, 0x51),
    RGBColor(0xbd, 0xdf, 0x26),
    RGBColor(0xfd, 0xe7, 0x25),
];

/// Shades of a ramp: few enough that each has a rule of its own in a picture.
const SHADES: usize = 24;

/// A colour for each of `count` series without an order: distinct hues, used again once they are out.
pub(super) fn series(count: usize) -> Vec<RGBColor> {
    (0..count).map(|i| DISTINCT[i % DISTINCT.len()]).collect()
}

/// A colour for each of `count` laws drawn above runs; used again once they are out.
pub(super) fn laws(count: usize) -> Vec<RGBColor> {
    (0..count).map(|i| LAWS[i % LAWS.len()]).collect()
}

/// How many series have a hue of their own.
pub(super) const HUES: usize = DISTINCT.len();

/// A colour for each of `count` steps of an ordered quantity: distinct hues while they last, then
/// steps of a ramp.
pub(super) fn steps(count: usize) -> Vec<RGBColor> {
    if count <= HUES {
        return series(count);
    }
    (0..count).map(|i| ramp(i as f64 / (count - 1) as f64)).collect()
}

/// The colour of an ordered quantity, from 0 to 1.
pub(super) fn ramp(share: f64) -> RGBColor {
    shade(&RAMP, (share.clamp(0.0, 1.0) * (SHADES - 1) as f64).round() as usize)
}

/// The colour that takes the place of `light` on a dark ground.
pub(super) fn dark(light: RGBColor) -> RGBColor {
    let named = NAMED.iter().find(|(l, _)| *l == light).map(|(_, dark)| *dark);
    let shaded = || (0..SHADES).find(|i| shade(&RAMP, *i) == light).map(|i| shade(&DARK_RAMP, i));
    named.or_else(shaded).unwrap_or(light)
}

fn shade(stops: &[RGBColor; 6], index: usize) -> RGBColor {
    let at = index as f64 / (SHADES - 1) as f64 * (stops.len() - 1) as f64;
    let below = (at.floor() as usize).min(stops.len() - 2);
    let part = at - below as f64;
    let (a, b) = (stops[below], stops[below + 1]);
    let mix = |x: u8, y: u8| (f64::from(x) + part * (f64::from(y) - f64::from(x))).round() as u8;
    RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WCAG's contrast ratio.
    fn contrast(a: RGBColor, b: RGBColor) -> f64 {
        let linear = |x: u8| match f64::from(x) / 255.0 {
            c if c <= 0.04045 => c / 12.92,
            c => ((c + 0.055) / 1.055).powf(2.4),
        };
        let luminance =
            |c: RGBColor| 0.2126 * linear(c.0) + 0.7152 * linear(c.1) + 0.0722 * linear(c.2);
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn every_ink_is_read_on_both_grounds() {
        let inks = DISTINCT.into_iter().chain([TEXT, QUIET, GUIDE]);
        for ink in inks {
            assert!(contrast(ink, GROUND) >= 4.5, "{ink:?} on white: {}", contrast(ink, GROUND));
            let other = contrast(dark(ink), dark(GROUND));
            assert!(other >= 4.5 && dark(ink) != ink, "{ink:?} on the dark ground: {other}");
        }
        for i in 0..SHADES {
            let shade = ramp(i as f64 / (SHADES - 1) as f64);
            assert!(contrast(shade, GROUND) >= 3.0, "shade {i} on white");
            assert!(contrast(dark(shade), dark(GROUND)) >= 3.0, "shade {i} on the dark ground");
        }
    }

    #[test]
    fn every_shade_has_a_dark_one_of_its_own() {
        let shades: Vec<RGBColor> = (0..SHADES).map(|i| shade(&RAMP, i)).collect();
        for (i, light) in shades.iter().enumerate() {
            assert!(!shades[..i].contains(light) && NAMED.iter().all(|(l, _)| l != light));
            assert_eq!(dark(*light), shade(&DARK_RAMP, i));
        }
    }
}
