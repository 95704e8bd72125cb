//! Placing labels where they cover neither data nor each other.

use super::canvas::{Pen, Spot, text_width};
use super::frame::{Frame, Rect};
use super::layer::{Label, Layer, Side};

/// Ink heights of a text above and below its baseline, in em.
const ABOVE: f64 = 0.80;
const BELOW: f64 = 0.24;
/// Distances from the anchor that are tried, nearest first.
const DISTANCES: [f64; 6] = [5.0, 9.0, 15.0, 24.0, 36.0, 52.0];
const SIDES: [Side; 8] = [
    Side::Right,
    Side::AboveRight,
    Side::Above,
    Side::AboveLeft,
    Side::Left,
    Side::BelowLeft,
    Side::Below,
    Side::BelowRight,
];

/// A label with its place.
#[derive(Clone, Debug)]
pub(super) struct Placed {
    /// Left end of the baseline.
    pub(super) at: Spot,
    /// The box it fills.
    pub(super) rect: Rect,
    /// The anchor it belongs to.
    pub(super) anchor: Spot,
    /// How far the box is from it.
    pub(super) distance: f64,
}

/// What labels must not cover: marks and lines on the plot.
pub(super) fn obstacles(frame: &Frame<'_>, layers: &[Layer]) -> Vec<Rect> {
    let mut out = Vec::new();
    for layer in layers {
        match layer {
            Layer::Line { points, stroke } => {
                for part in frame.clip(points) {
                    for pair in part.windows(2) {
                        out.extend(along(pair[0], pair[1], 0.5 * stroke.width + 1.0));
                    }
                }
            }
            Layer::Marks { points, radius, .. } => {
                out.extend(
                    points
                        .iter()
                        .filter_map(|(at, _)| frame.inside(*at))
                        .map(|spot| Rect::around(spot, radius + 1.0)),
                );
            }
            // Text on a pale band stays readable.
            Layer::Band { .. } => {}
        }
    }
    out
}

/// Small squares along a segment.
fn along(from: Spot, to: Spot, half: f64) -> impl Iterator<Item = Rect> {
    let steps = ((to.0 - from.0).hypot(to.1 - from.1) / 4.0).ceil().max(1.0) as usize;
    (0..=steps).map(move |i| {
        let share = i as f64 / steps as f64;
        let at = (from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1));
        Rect::around(at, half)
    })
}

/// The best place for a label: the first in its order of preference that covers nothing, else the
/// one that covers least. `None` when no anchor lies on the plot or the text fits nowhere.
pub(super) fn place(label: &Label, pen: Pen, frame: &Frame<'_>, taken: &[Rect]) -> Option<Placed> {
    let width = text_width(&label.text, pen);
    let room = frame.rect.shrunk(3.0);
    let rest = SIDES.iter().filter(|s| !label.sides.contains(s));
    let sides: Vec<Side> = label.sides.iter().chain(rest).copied().collect();
    let mut best: Option<(f64, Placed)> = None;
    let anchors: Vec<Spot> = label.anchors.iter().filter_map(|a| frame.inside(*a)).collect();
    // Distance first: close to the second anchor is better than far from the first.
    for distance in DISTANCES {
        for anchor in anchors.iter().copied() {
            for side in &sides {
                let at = baseline(anchor, *side, distance, width, pen.em);
                let rect = Rect {
                    left: at.0,
                    right: at.0 + width,
                    top: at.1 - ABOVE * pen.em,
                    bottom: at.1 + BELOW * pen.em,
                };
                if !room.holds(&rect) {
                    continue;
                }
                let margin = rect.shrunk(-2.0);
                let covered: f64 = taken.iter().map(|r| r.overlap(&margin)).sum();
                let placed = Placed { at, rect, anchor, distance };
                if covered == 0.0 {
                    return Some(placed);
                }
                if best.as_ref().is_none_or(|(least, _)| covered < *least) {
                    best = Some((covered, placed));
                }
            }
        }
    }
    best.map(|(_, placed)| placed)
}

fn baseline((x, y): Spot, side: Side, distance: f64, width: f64, em: f64) -> Spot {
    let slant = 0.7 * distance;
    let centred = 0.5 * (ABOVE - BELOW) * em;
    let (above, below) = (y - BELOW * em, y + ABOVE * em);
    match side {
        Side::Right => (x + distance, y + centred),
        Side::Left => (x - distance - width, y + centred),
        Side::Above => (x - 0.5 * width, above - distance),
        Side::Below => (x - 0.5 * width, below + distance),
        Side::AboveRight => (x + slant, above - slant),
        Side::AboveLeft => (x - slant - width, above - slant),
        Side::BelowRight => (x + slant, below + slant),
        Side::BelowLeft => (x - slant - width, below + slant),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::chart::axis::Axis;
    use crate::report::chart::palette;

    #[test]
    fn labels_at_one_spot_do_not_overlap() {
        let (x, y) = (Axis::linear("x", (0.0, 1.0)), Axis::linear("y", (0.0, 1.0)));
        let rect = Rect { left: 0.0, top: 0.0, right: 400.0, bottom: 300.0 };
        let frame = Frame { rect, x: &x, y: &y };
        let pen = Pen::new(11.0, palette::TEXT);
        let label = Label::new((0.5, 0.5), "a label", palette::TEXT, &[Side::Right]);
        let mut taken = vec![Rect::around((200.0, 150.0), 4.0)];
        for _ in 0..6 {
            let placed = place(&label, pen, &frame, &taken).expect("there is room");
            assert!(taken.iter().all(|r| r.overlap(&placed.rect) == 0.0));
            taken.push(placed.rect);
        }
    }
}
