//! Placing labels where they cover neither each other nor, if it can be helped, data.

use super::canvas::{Pen, Spot, text_width};
use super::frame::{Frame, Rect, clip_segment};
use super::layer::{Label, Layer, Side};

/// Ink heights of a text above and below its baseline, in em.
const ABOVE: f64 = 0.80;
const BELOW: f64 = 0.24;
/// Distances from the anchor that are tried, nearest first.
const DISTANCES: [f64; 8] = [5.0, 9.0, 15.0, 24.0, 36.0, 52.0, 70.0, 92.0];
/// From this distance on a line leads back to the anchor.
const LEADER_FROM: f64 = 20.0;
/// What it counts to be nearer to another label's anchor, as an area of data under the box.
const AMBIGUOUS: f64 = 60.0;
/// Anchors nearer to each other than this are one mark.
const SAME: f64 = 3.0;
/// Gap between a line and the box it leads to.
const LEADER_GAP: f64 = 2.0;
/// Gap that labels keep from each other.
const GAP: f64 = 2.0;
/// A label that would hide more than this share of itself behind data is left out instead.
const MOST_COVERED: f64 = 0.6;
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
    /// A line from its anchor to the box, where it is far.
    pub(super) leader: Option<(Spot, Spot)>,
}

/// What became of a label.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// It is written.
    Placed(Placed),
    /// Its anchor is on the plot, but it would cover others there.
    NoRoom,
    /// None of its anchors is on the plot.
    Outside,
}

/// What is on the plot already.
#[derive(Clone, Debug, Default)]
pub(super) struct Taken {
    /// Marks and lines, which labels should not cover.
    data: Vec<Rect>,
    /// Labels, which they must not.
    labels: Vec<Rect>,
    /// Lines from labels to their anchors.
    leaders: Vec<(Spot, Spot)>,
    /// First anchors of all labels, placed or not.
    anchors: Vec<Spot>,
}

impl Taken {
    /// A plot with its data, and no label in place yet.
    pub(super) fn by(frame: &Frame<'_>, layers: &[Layer], labels: &[Label]) -> Self {
        let mut data = Vec::new();
        for layer in layers {
            match layer {
                Layer::Line { points, stroke } => {
                    for part in frame.clip(points) {
                        for pair in part.windows(2) {
                            data.extend(along(pair[0], pair[1], 0.5 * stroke.width + 1.0));
                        }
                    }
                }
                Layer::Marks { points, radius, .. } => {
                    data.extend(
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
        // Labels that may be anywhere along a line belong to no one mark.
        let marked = labels.iter().filter(|label| label.anchors.len() == 1);
        let anchors = marked.filter_map(|label| frame.inside(label.anchors[0])).collect();
        Self { data, anchors, ..Self::default() }
    }

    /// A label more.
    pub(super) fn add(&mut self, placed: &Placed) {
        self.labels.push(placed.rect);
        self.leaders.extend(placed.leader);
    }

    /// Whether a label would touch another, or a line to another.
    fn collides(&self, placed: &Placed) -> bool {
        let wide = placed.rect.shrunk(-GAP);
        let crosses =
            |rect: &Rect, (from, to): (Spot, Spot)| clip_segment(rect, from, to).is_some();
        self.labels.iter().any(|other| other.overlap(&wide) > 0.0)
            || self.leaders.iter().any(|leader| crosses(&wide, *leader))
            || placed.leader.is_some_and(|leader| {
                self.labels.iter().any(|other| crosses(&other.shrunk(-GAP), leader))
            })
    }

    /// Whether a box is nearer to the anchor of another label than to its own.
    fn is_ambiguous(&self, anchor: Spot, rect: &Rect) -> bool {
        let own = gap(anchor, rect);
        self.anchors.iter().any(|other| {
            let apart = (other.0 - anchor.0).hypot(other.1 - anchor.1);
            apart > SAME && gap(*other, rect) < own + 4.0
        })
    }

    /// Area of data under a box.
    fn covered(&self, rect: &Rect) -> f64 {
        let margin = rect.shrunk(-GAP);
        self.data.iter().map(|other| other.overlap(&margin)).sum()
    }
}

/// Distance of a spot from a box; zero inside.
fn gap(spot: Spot, rect: &Rect) -> f64 {
    let (x, y) = nearest(spot, rect);
    (spot.0 - x).hypot(spot.1 - y)
}

/// The spot of a box that is nearest to another spot.
fn nearest(spot: Spot, rect: &Rect) -> Spot {
    (spot.0.clamp(rect.left, rect.right), spot.1.clamp(rect.top, rect.bottom))
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

/// The best place for a label: the first in its order of preference that covers nothing, else the one
/// that covers least data. It never touches another label or its line.
pub(super) fn place(label: &Label, pen: Pen, frame: &Frame<'_>, taken: &Taken) -> Outcome {
    let width = text_width(&label.text, pen);
    let room = frame.rect.shrunk(3.0);
    let rest = SIDES.iter().filter(|s| !label.sides.contains(s));
    let sides: Vec<Side> = label.sides.iter().chain(rest).copied().collect();
    let mut best: Option<(f64, Placed)> = None;
    let anchors: Vec<Spot> = label.anchors.iter().filter_map(|a| frame.inside(*a)).collect();
    if anchors.is_empty() {
        return Outcome::Outside;
    }
    // Distance first: close to the second anchor is better than far from the first.
    for distance in DISTANCES {
        for anchor in anchors.iter().copied() {
            let straight = sides.iter().map(|side| direction(*side));
            let between = (0..8).map(|i| (22.5 + 45.0 * f64::from(i)).to_radians());
            let between = between.filter(|_| distance > LEADER_FROM).map(|a| (a.cos(), a.sin()));
            for way in straight.chain(between) {
                let at = baseline(anchor, way, distance, width, pen.em);
                let rect = Rect {
                    left: at.0,
                    right: at.0 + width,
                    top: at.1 - ABOVE * pen.em,
                    bottom: at.1 + BELOW * pen.em,
                };
                if !room.holds(&rect) {
                    continue;
                }
                // A line says which of two marks is meant.
                let ambiguous = anchors.len() == 1 && taken.is_ambiguous(anchor, &rect);
                let leads = distance > LEADER_FROM || ambiguous;
                let end = nearest(anchor, &rect.shrunk(-LEADER_GAP));
                let leader = leads.then_some((anchor, end));
                let placed = Placed { at, rect, leader };
                if taken.collides(&placed) {
                    continue;
                }
                let penalty = if ambiguous { AMBIGUOUS } else { 0.0 };
                let covered = taken.covered(&rect) + penalty;
                if covered == 0.0 {
                    return Outcome::Placed(placed);
                }
                if best.as_ref().is_none_or(|(least, _)| covered < *least) {
                    best = Some((covered, placed));
                }
            }
        }
    }
    let area = width * (ABOVE + BELOW) * pen.em;
    match best {
        Some((covered, placed)) if covered <= MOST_COVERED * area => Outcome::Placed(placed),
        _ => Outcome::NoRoom,
    }
}

/// The direction of a side from the anchor, y downward.
fn direction(side: Side) -> (f64, f64) {
    const SLANT: f64 = std::f64::consts::FRAC_1_SQRT_2;
    match side {
        Side::Right => (1.0, 0.0),
        Side::Left => (-1.0, 0.0),
        Side::Above => (0.0, -1.0),
        Side::Below => (0.0, 1.0),
        Side::AboveRight => (SLANT, -SLANT),
        Side::AboveLeft => (-SLANT, -SLANT),
        Side::BelowRight => (SLANT, SLANT),
        Side::BelowLeft => (-SLANT, SLANT),
    }
}

/// The left end of the baseline of a text whose box lies `distance` from its anchor.
fn baseline((x, y): Spot, way: (f64, f64), distance: f64, width: f64, em: f64) -> Spot {
    // A box in a slanted direction touches it with a corner, in a straight one with a side's middle.
    let part = |w: f64| (w * std::f64::consts::SQRT_2).clamp(-1.0, 1.0);
    let (across, down) =
        (0.5 * (part(way.0) - 1.0) * width, 0.5 * part(way.1) * (ABOVE + BELOW) * em);
    let centred = 0.5 * (ABOVE - BELOW) * em;
    (x + way.0 * distance + across, y + way.1 * distance + down + centred)
}
