//! The legend: beside the plot where there is width, below it on a narrow page.

use super::canvas::{Pen, Spot, shortened, text_width};
use super::frame::Rect;
use super::layer::{ColorBar, Key, Legend};
use super::palette;

/// Rows.
pub(super) const KEY: Pen = Pen::new(11.0, palette::TEXT);
/// Headings of groups.
pub(super) const HEADING: Pen = Pen::bold(11.0, palette::TEXT);
/// What is left out.
pub(super) const NOTE: Pen = Pen::new(11.0, palette::QUIET);
/// Width of a sample with its gap to the text.
pub(super) const SAMPLE: f64 = 32.0;
/// Height of a row.
const ROW: f64 = 17.0;
/// Gap between rows side by side.
const GAP: f64 = 16.0;
/// Length of a colour scale.
const BAR: f64 = 170.0;
/// Width of an upright colour scale, and height of a lying one.
const BAR_THICK: f64 = 12.0;

/// A part of the legend with its place.
#[derive(Clone, Debug)]
pub(super) enum Piece<'a> {
    /// A text and the left end of its baseline.
    Text(String, Spot, Pen),
    /// A row: its sample, its text, and the middle of its left edge.
    Row(&'a Key, String, Spot),
    /// A colour scale, upright or lying.
    Bar(&'a ColorBar, Rect, bool),
}

/// Pieces with the width and the height they take, from the upper left corner (0, 0).
#[derive(Clone, Debug, Default)]
pub(super) struct Placed<'a> {
    pub(super) pieces: Vec<Piece<'a>>,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Width of the widest row in a column.
pub(super) fn column_width(legend: &Legend) -> f64 {
    let rows = legend.groups.iter().flat_map(|(heading, keys)| {
        let keys = keys.iter().map(|k| SAMPLE + text_width(&k.text, KEY));
        keys.chain([text_width(heading, HEADING)])
    });
    let bar = legend.bar.iter().flat_map(|bar| {
        let ticks = bar.ticks.iter().map(|(_, text)| 24.0 + text_width(text, KEY));
        ticks.chain([text_width(&bar.heading, HEADING)])
    });
    rows.chain(bar).fold(0.0, f64::max)
}

/// The legend as a column of at most `room` width and height. Rows that have no room are counted in
/// its last line.
pub(super) fn column<'a>(legend: &'a Legend, note: Option<&str>, room: (f64, f64)) -> Placed<'a> {
    let mut placed = Placed { width: column_width(legend).min(room.0), ..Placed::default() };
    let (mut y, mut missing) = (0.0, 0);
    let bottom = room.1 - if note.is_some() { 2.6 * ROW } else { 1.3 * ROW };
    for (heading, keys) in &legend.groups {
        if !heading.is_empty() && y < bottom {
            let text = shortened(heading, HEADING, room.0);
            placed.pieces.push(Piece::Text(text, (0.0, y + 0.85 * ROW), HEADING));
            y += 1.15 * ROW;
        }
        for key in keys {
            if y > bottom {
                missing += 1;
                continue;
            }
            let text = shortened(&key.text, KEY, room.0 - SAMPLE);
            placed.pieces.push(Piece::Row(key, text, (0.0, y + 0.5 * ROW)));
            y += ROW;
        }
        y += 0.6 * ROW;
    }
    if let Some(bar) = legend.bar.as_ref().filter(|_| y + 4.0 * ROW < bottom) {
        placed.pieces.push(Piece::Text(bar.heading.clone(), (0.0, y + 0.85 * ROW), HEADING));
        let top = y + 1.4 * ROW;
        let height = (bottom - top - 6.0).min(BAR);
        let rect = Rect { left: 0.0, top, right: BAR_THICK, bottom: top + height };
        placed.pieces.push(Piece::Bar(bar, rect, true));
        y = rect.bottom + ROW;
    }
    let more = (missing > 0).then(|| format!("and {missing} more"));
    for line in more.iter().map(String::as_str).chain(note) {
        let width = if placed.width > 0.0 { placed.width } else { room.0 };
        for line in super::canvas::wrapped(line, NOTE, width) {
            placed.pieces.push(Piece::Text(line, (0.0, y + 0.85 * ROW), NOTE));
            y += 0.9 * ROW;
        }
    }
    placed.height = y;
    placed
}

/// The legend as lines below the plot, `width` wide and at most `height` high.
pub(super) fn lines<'a>(
    legend: &'a Legend,
    note: Option<&str>,
    (width, height): (f64, f64),
) -> Placed<'a> {
    let mut placed = Placed { width, ..Placed::default() };
    let (mut y, mut missing) = (0.0, 0);
    let last = height - 1.1 * ROW;
    let mut x = 0.0;
    let advance = |x: &mut f64, y: &mut f64, wide: f64| {
        if *x > 0.0 && *x + wide > width {
            (*x, *y) = (0.0, *y + ROW);
        }
        let at = (*x, *y);
        *x += wide + GAP;
        at
    };
    for (heading, keys) in &legend.groups {
        if !heading.is_empty() {
            if x > 0.0 {
                (x, y) = (0.0, y + ROW);
            }
            let text = shortened(heading, HEADING, width);
            let at = advance(&mut x, &mut y, text_width(&text, HEADING));
            if at.1 <= last {
                placed.pieces.push(Piece::Text(text, (at.0, at.1 + 0.72 * ROW), HEADING));
            }
        }
        for key in keys {
            let text = shortened(&key.text, KEY, width - SAMPLE);
            let at = advance(&mut x, &mut y, SAMPLE + text_width(&text, KEY));
            if at.1 > last {
                missing += 1;
                continue;
            }
            placed.pieces.push(Piece::Row(key, text, (at.0, at.1 + 0.5 * ROW)));
        }
    }
    y = if x > 0.0 { y + ROW } else { y };
    if let Some(bar) = legend.bar.as_ref().filter(|_| y + 2.2 * ROW <= height) {
        let heading = text_width(&bar.heading, HEADING) + 12.0;
        placed.pieces.push(Piece::Text(bar.heading.clone(), (0.0, y + 0.72 * ROW), HEADING));
        let right = (heading + BAR).min(width - 12.0);
        let top = y + 3.0;
        let rect = Rect { left: heading, top, right, bottom: top + BAR_THICK };
        placed.pieces.push(Piece::Bar(bar, rect, false));
        y += 2.0 * ROW;
    }
    y = y.min(last + ROW);
    let more = (missing > 0).then(|| format!("and {missing} more"));
    for line in more.iter().map(String::as_str).chain(note) {
        placed.pieces.push(Piece::Text(line.to_owned(), (0.0, y + 0.72 * ROW), NOTE));
        y += ROW;
    }
    placed.height = y;
    placed
}

impl Placed<'_> {
    /// Everything moved so that the corner is at `by`.
    pub(super) fn moved(mut self, by: Spot) -> Self {
        for piece in &mut self.pieces {
            match piece {
                Piece::Text(_, at, _) | Piece::Row(_, _, at) => {
                    *at = (at.0 + by.0, at.1 + by.1);
                }
                Piece::Bar(_, r, _) => {
                    *r = Rect {
                        left: r.left + by.0,
                        right: r.right + by.0,
                        top: r.top + by.1,
                        bottom: r.bottom + by.1,
                    };
                }
            }
        }
        self
    }
}
