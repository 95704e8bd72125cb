//! The plot rectangle: data to page, and cutting lines at its edges.

use super::axis::Axis;
use super::canvas::Spot;
use super::layer::At;

/// An upright rectangle on the page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rect {
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) right: f64,
    pub(super) bottom: f64,
}

impl Rect {
    /// A square around a spot.
    pub(super) fn around((x, y): Spot, half: f64) -> Self {
        Self { left: x - half, top: y - half, right: x + half, bottom: y + half }
    }

    /// Area shared with another rectangle.
    pub(super) fn overlap(&self, other: &Self) -> f64 {
        let w = self.right.min(other.right) - self.left.max(other.left);
        let h = self.bottom.min(other.bottom) - self.top.max(other.top);
        if w > 0.0 && h > 0.0 { w * h } else { 0.0 }
    }

    /// Whether `other` lies inside.
    pub(super) fn holds(&self, other: &Self) -> bool {
        other.left >= self.left
            && other.right <= self.right
            && other.top >= self.top
            && other.bottom <= self.bottom
    }

    /// Smaller by `by` on each side.
    pub(super) fn shrunk(&self, by: f64) -> Self {
        Self {
            left: self.left + by,
            top: self.top + by,
            right: self.right - by,
            bottom: self.bottom - by,
        }
    }

    /// Its corners, in order.
    pub(super) fn corners(&self) -> [Spot; 4] {
        [
            (self.left, self.top),
            (self.right, self.top),
            (self.right, self.bottom),
            (self.left, self.bottom),
        ]
    }
}

/// The plot area with its axes.
#[derive(Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) rect: Rect,
    pub(super) x: &'a Axis,
    pub(super) y: &'a Axis,
}

impl Frame<'_> {
    /// The spot of a data point, maybe outside; `None` for zero on a log axis or NaN.
    pub(super) fn spot(&self, (x, y): At) -> Option<Spot> {
        let r = &self.rect;
        let at = (
            r.left + self.x.share(x) * (r.right - r.left),
            r.bottom - self.y.share(y) * (r.bottom - r.top),
        );
        (at.0.is_finite() && at.1.is_finite()).then_some(at)
    }

    /// The spot of a data point on the plot, allowing half a unit for rounding.
    pub(super) fn inside(&self, at: At) -> Option<Spot> {
        let spot = self.spot(at)?;
        self.rect.shrunk(-0.5).holds(&Rect::around(spot, 0.0)).then_some(spot)
    }

    /// The parts of a polyline on the plot.
    pub(super) fn clip(&self, points: &[At]) -> Vec<Vec<Spot>> {
        let mut parts: Vec<Vec<Spot>> = Vec::new();
        let mut open = false;
        for pair in points.windows(2) {
            let ends = self.spot(pair[0]).zip(self.spot(pair[1]));
            let Some((from, to)) = ends.and_then(|(a, b)| clip_segment(&self.rect, a, b)) else {
                open = false;
                continue;
            };
            match parts.last_mut() {
                Some(part) if open && part.last() == Some(&from) => part.push(to),
                _ => parts.push(vec![from, to]),
            }
            open = true;
        }
        parts
    }

    /// The outline of a band on the plot, for rows of (x, lower, upper); cut at the edges as
    /// Sutherland and Hodgman 1974 do, one edge after the other.
    pub(super) fn band(&self, rows: &[(f64, f64, f64)]) -> Vec<Spot> {
        let r = &self.rect;
        let lower = rows.iter().filter_map(|(x, lo, _)| self.spot((*x, *lo)));
        let upper = rows.iter().rev().filter_map(|(x, _, hi)| self.spot((*x, *hi)));
        let mut outline: Vec<Spot> = lower.chain(upper).collect();
        // How far a spot lies inside each edge.
        let edges: [&dyn Fn(Spot) -> f64; 4] =
            [&|s| s.0 - r.left, &|s| r.right - s.0, &|s| s.1 - r.top, &|s| r.bottom - s.1];
        for depth in edges {
            let Some(last) = outline.last().copied() else { break };
            let mut from = last;
            let mut kept = Vec::with_capacity(outline.len() + 2);
            for to in outline {
                let (a, b) = (depth(from), depth(to));
                if (a < 0.0) != (b < 0.0) {
                    let share = a / (a - b);
                    kept.push((from.0 + share * (to.0 - from.0), from.1 + share * (to.1 - from.1)));
                }
                if b >= 0.0 {
                    kept.push(to);
                }
                from = to;
            }
            outline = kept;
        }
        outline
    }
}

/// The part of a segment inside a rectangle (Liang and Barsky 1984).
pub(super) fn clip_segment(rect: &Rect, from: Spot, to: Spot) -> Option<(Spot, Spot)> {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let (mut start, mut end) = (0.0_f64, 1.0_f64);
    for (step, room) in [
        (-dx, from.0 - rect.left),
        (dx, rect.right - from.0),
        (-dy, from.1 - rect.top),
        (dy, rect.bottom - from.1),
    ] {
        if step == 0.0 {
            if room < 0.0 {
                return None;
            }
        } else if step < 0.0 {
            start = start.max(room / step);
        } else {
            end = end.min(room / step);
        }
    }
    let at = |t: f64| {
        // The ends themselves stay exact, so that neighbouring segments join.
        if t == 0.0 {
            from
        } else if t == 1.0 {
            to
        } else {
            (from.0 + t * dx, from.1 + t * dy)
        }
    };
    (start <= end).then(|| (at(start), at(end)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::chart::axis::Style;

    #[test]
    fn lines_are_cut_at_the_edges_and_skip_undrawable_points() {
        let x = Axis::log("N", Style::Count, (1.0, 100.0));
        let y = Axis::linear("loss", (0.0, 1.0));
        let rect = Rect { left: 0.0, top: 0.0, right: 100.0, bottom: 100.0 };
        let frame = Frame { rect, x: &x, y: &y };
        let parts = frame.clip(&[(0.1, 0.5), (10.0, 0.5), (1e3, 0.5), (-1.0, 0.5), (5.0, 0.1)]);
        assert_eq!(parts.len(), 1);
        assert_eq!(parts[0], [(0.0, 50.0), (50.0, 50.0), (100.0, 50.0)]);
    }
}
