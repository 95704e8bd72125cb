//! Colours that people with any colour vision can tell apart.

use plotters::style::RGBColor;

/// Ink of titles and labels.
pub(super) const TEXT: RGBColor = RGBColor(0x22, 0x22, 0x22);
/// Ink of tick labels and notes.
pub(super) const QUIET: RGBColor = RGBColor(0x5a, 0x5a, 0x5a);
/// Grid lines.
pub(super) const GRID: RGBColor = RGBColor(0xe4, 0xe4, 0xe4);
/// Axis lines and guides.
pub(super) const GUIDE: RGBColor = RGBColor(0x8c, 0x8c, 0x8c);
/// Okabe and Ito's blue.
pub(super) const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xb2);
/// Okabe and Ito's vermilion.
pub(super) const VERMILION: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
/// Okabe and Ito's bluish green.
pub(super) const GREEN: RGBColor = RGBColor(0x00, 0x9e, 0x73);
/// Okabe and Ito's reddish purple.
pub(super) const PURPLE: RGBColor = RGBColor(0xcc, 0x79, 0xa7);

/// Okabe and Ito 2008, without yellow, which fades on white.
const DISTINCT: [RGBColor; 7] = [
    BLUE,
    RGBColor(0xe6, 0x9f, 0x00),
    GREEN,
    VERMILION,
    PURPLE,
    RGBColor(0x56, 0xb4, 0xe9),
    RGBColor(0x00, 0x00, 0x00),
];

/// Viridis (Smith and van der Walt 2015) at equal steps, up to where it fades on white.
const RAMP: [RGBColor; 6] = [
    RGBColor(0x44, 0x01, 0x54),
    RGBColor(0x41, 0x44, 0x87),
    RGBColor(0x2f, 0x6b, 0x8e),
    RGBColor(0x20, 0x90, 0x8d),
    RGBColor(0x35, 0xb7, 0x79),
    RGBColor(0x8f, 0xd0, 0x44),
];

/// A colour for each of `count` series: distinct hues while they last, then steps of a ramp.
pub(super) fn series(count: usize) -> Vec<RGBColor> {
    if count <= DISTINCT.len() {
        return DISTINCT[..count].to_vec();
    }
    (0..count).map(|i| ramp(i as f64 / (count - 1) as f64)).collect()
}

/// The colour of an ordered quantity, from dark at 0 to light at 1.
pub(super) fn ramp(share: f64) -> RGBColor {
    let at = share.clamp(0.0, 1.0) * (RAMP.len() - 1) as f64;
    let below = (at.floor() as usize).min(RAMP.len() - 2);
    let part = at - below as f64;
    let (a, b) = (RAMP[below], RAMP[below + 1]);
    let mix = |x: u8, y: u8| (f64::from(x) + part * (f64::from(y) - f64::from(x))).round() as u8;
    RGBColor(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}
