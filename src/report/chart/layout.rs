//! Where everything goes on a page: title, plot, ticks, labels and legend.
//!
//! Nothing is drawn here, so that a test can ask of any chart at any size whether its labels keep
//! apart.

use super::axis::Tick;
use super::canvas::{Pen, Spot, text_width, wrapped};
use super::frame::{Frame, Rect};
use super::layer::Label;
use super::legend::{Piece, column, column_width, lines};
use super::palette;
use super::picture::Chart;
use super::place::{Outcome, Placed, Taken, place};

/// Headline.
pub(super) const TITLE: Pen = Pen::bold(14.0, palette::TEXT);
/// Law or runs below it.
pub(super) const SUBTITLE: Pen = Pen::new(11.5, palette::QUIET);
/// Titles of axes.
pub(super) const AXIS: Pen = Pen::new(12.0, palette::TEXT);
/// Values of grid lines.
pub(super) const TICK: Pen = Pen::new(11.0, palette::QUIET);
/// Names in the plot.
pub(super) const LABEL: Pen = Pen::new(11.0, palette::TEXT);
/// Empty edge of the page.
const EDGE: f64 = 14.0;
/// Narrower pages have the legend below the plot.
const NARROW: f64 = 520.0;
/// Share of the page's width that a legend beside the plot may take.
const MOST_LEGEND: f64 = 0.34;
/// Times that the page is laid out again because a note says how many labels have no room.
const MOST_ROUNDS: usize = 4;

/// A text with the left end of its baseline.
pub(super) type Line = (String, Spot);

/// A page with everything in its place.
pub(super) struct Layout<'a> {
    pub(super) frame: Frame<'a>,
    pub(super) title: Vec<Line>,
    pub(super) subtitle: Vec<Line>,
    /// Titles of the axes, centred; that of y is read upward.
    pub(super) x_title: Vec<Line>,
    pub(super) y_title: Vec<Line>,
    /// Grid lines; only those whose text has room keep it.
    pub(super) x_ticks: Vec<Tick>,
    pub(super) y_ticks: Vec<Tick>,
    pub(super) legend: Vec<Piece<'a>>,
    pub(super) labels: Vec<(&'a Label, Placed)>,
    /// Labels that would have covered others.
    pub(super) left_out: Vec<&'a Label>,
}

/// The pen of a label.
pub(super) fn pen_of(label: &Label) -> Pen {
    Pen { bold: label.bold, color: label.color, ..LABEL }
}

impl<'a> Layout<'a> {
    /// The layout of a chart on a page of `page` units.
    pub(super) fn of(chart: &'a Chart, page: (f64, f64)) -> Self {
        let mut missing = 0;
        let mut layout = Self::with_note(chart, page, missing);
        for _ in 0..MOST_ROUNDS {
            let found = layout.left_out.iter().filter(|label| label.counted).count();
            if found == missing {
                break;
            }
            // The note takes room itself, so the number may change once more.
            missing = found;
            layout = Self::with_note(chart, page, missing);
        }
        layout
    }

    fn with_note(chart: &'a Chart, page: (f64, f64), missing: usize) -> Self {
        let note = match missing {
            0 => None,
            1 => Some("1 name left out for lack of room".to_owned()),
            n => Some(format!("{n} names left out for lack of room")),
        };
        let wide = page.0 - 2.0 * EDGE;
        let beside = column_width(&chart.legend).max(if note.is_some() { 90.0 } else { 0.0 });
        let below = page.0 < NARROW || beside > MOST_LEGEND * page.0;

        let mut y = EDGE;
        let mut heading = |text: &str, pen: Pen, most: usize| -> Vec<Line> {
            let rows = wrapped(text, pen, wide).into_iter().take(most);
            rows.filter(|row| !row.is_empty())
                .map(|row| {
                    y += 1.2 * pen.em;
                    (row, (EDGE, y - 0.25 * pen.em))
                })
                .collect()
        };
        let title = heading(&chart.title, TITLE, 3);
        let subtitle = heading(&chart.subtitle, SUBTITLE, 3);
        let top = y + 8.0;

        let (x_ticks, y_ticks) = (chart.x.ticks(), chart.y.ticks());
        let widest = y_ticks.iter().filter_map(|t| t.label.as_ref());
        let y_labels = widest.map(|l| text_width(l, TICK)).fold(0.0, f64::max);
        let x_rows = wrapped(&chart.x.title, AXIS, wide);
        let feet = 10.0 + TICK.em + 1.35 * AXIS.em * x_rows.len() as f64 + 4.0;
        let placed = match below {
            true => lines(&chart.legend, note.as_deref(), (wide, 0.4 * page.1)),
            false => {
                let room = (beside, page.1 - top - EDGE);
                column(&chart.legend, note.as_deref(), room)
            }
        };
        let bottom = page.1 - EDGE - feet - if below { placed.height + 4.0 } else { 0.0 };
        let y_rows = wrapped(&chart.y.title, AXIS, (bottom - top).max(120.0));
        let left = EDGE + 1.3 * AXIS.em * y_rows.len() as f64 + 4.0 + y_labels + 8.0;
        let right = match below || beside == 0.0 {
            true => page.0 - EDGE - 6.0,
            false => page.0 - EDGE - beside - 14.0,
        };
        let rect = Rect { left, top, right, bottom };
        let corner = match below {
            true => (EDGE, page.1 - EDGE - placed.height),
            false => (right + 14.0, top),
        };
        let frame = Frame { rect, x: &chart.x, y: &chart.y };
        let centre = (0.5 * (left + right), 0.5 * (top + bottom));
        let x_title = x_rows.into_iter().enumerate().map(|(i, row)| {
            let down = bottom + 10.0 + TICK.em + 1.3 * AXIS.em * (i as f64 + 1.0);
            (row, (centre.0, down))
        });
        let y_title = y_rows
            .into_iter()
            .enumerate()
            .map(|(i, row)| (row, (EDGE + AXIS.em * (1.0 + 1.3 * i as f64), centre.1)));
        let (labels, left_out) = labels(chart, &frame);
        Self {
            title,
            subtitle,
            x_title: x_title.collect(),
            y_title: y_title.collect(),
            x_ticks: roomy(x_ticks, &|tick| {
                let x = left + chart.x.share(tick.value) * (right - left);
                let half = tick.label.as_ref().map_or(0.0, |l| 0.5 * text_width(l, TICK));
                (x - half - 4.0, x + half)
            }),
            y_ticks: roomy(y_ticks, &|tick| {
                let up = chart.y.share(tick.value) * (bottom - top);
                (up - 0.65 * TICK.em, up + 0.65 * TICK.em)
            }),
            legend: placed.moved(corner).pieces,
            labels,
            left_out,
            frame,
        }
    }
}

/// Ticks of which only those keep their text that begin after the last one ended.
fn roomy(ticks: Vec<Tick>, reach: &dyn Fn(&Tick) -> (f64, f64)) -> Vec<Tick> {
    let mut free_from = f64::NEG_INFINITY;
    let keep = |mut tick: Tick| {
        if tick.label.is_some() {
            let (from, to) = reach(&tick);
            if from < free_from {
                tick.label = None;
            } else {
                free_from = to;
            }
        }
        tick
    };
    ticks.into_iter().map(keep).collect()
}

/// Labels in order of importance, each where it fits beside those before.
fn labels<'a>(chart: &'a Chart, frame: &Frame<'_>) -> (Vec<(&'a Label, Placed)>, Vec<&'a Label>) {
    let mut taken = Taken::by(frame, &chart.layers, &chart.labels);
    let (mut placed, mut left_out) = (Vec::new(), Vec::new());
    for label in &chart.labels {
        match place(label, pen_of(label), frame, &taken) {
            Outcome::Placed(at) => {
                taken.add(&at);
                placed.push((label, at));
            }
            Outcome::NoRoom => left_out.push(label),
            Outcome::Outside => {}
        }
    }
    (placed, left_out)
}
