//! A chart as the page draws it: columns over one axis, each with its text.

use serde::Serialize;

/// How a value on an axis reads.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Scale {
    /// `7B`, logarithmic.
    Count,
    /// `1e24`, logarithmic.
    Flops,
    /// `$2M`, logarithmic.
    Usd,
    /// A loss, linear.
    Loss,
}

/// One axis.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Axis {
    pub(super) title: String,
    pub(super) scale: Scale,
    /// What is shown of it.
    pub(super) range: (f64, f64),
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Dash {
    Solid,
    Dashed,
    Dotted,
}

/// One value per place on the first axis.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Line {
    pub(super) label: String,
    /// Which law it belongs to, for its colour.
    pub(super) law: usize,
    pub(super) dash: Dash,
    pub(super) values: Vec<Option<f64>>,
    /// Ends of the interval, where the law has draws.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) band: Option<Band>,
}

/// An interval at each place.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Band {
    /// What it is, `95 % interval`.
    pub(super) text: String,
    pub(super) low: Vec<Option<f64>>,
    pub(super) high: Vec<Option<f64>>,
}

/// A point that is named.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Mark {
    pub(super) label: String,
    pub(super) law: usize,
    pub(super) kind: MarkKind,
    pub(super) at: (f64, f64),
}

/// What a point is.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum MarkKind {
    /// The plan.
    Plan,
    /// The compute-optimal model, or the least cost.
    Optimum,
    /// A released model.
    Model,
}

/// A size that cannot be passed.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Wall {
    pub(super) label: String,
    pub(super) law: usize,
    pub(super) at: f64,
}

/// A chart.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Chart {
    pub(super) id: &'static str,
    pub(super) title: String,
    /// What it shows, in a sentence or two, also read aloud.
    pub(super) caption: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    /// Places on the first axis, rising.
    pub(super) places: Vec<f64>,
    pub(super) lines: Vec<Line>,
    pub(super) marks: Vec<Mark>,
    pub(super) walls: Vec<Wall>,
    /// What is read at each place: its own text, then one per line that has a value there.
    pub(super) texts: Vec<(String, Vec<String>)>,
    /// The same in full precision, as a table with a header.
    #[serde(skip)]
    pub(super) csv: String,
}

/// Rising values without repeats.
pub(super) fn union(all: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut all: Vec<f64> = all.into_iter().filter(|x| x.is_finite() && *x > 0.0).collect();
    all.sort_by(f64::total_cmp);
    all.dedup_by(|a, b| (*a / *b - 1.0).abs() < 1e-9);
    all
}

/// Values by their place in `places`.
pub(super) fn placed(
    places: &[f64],
    values: impl IntoIterator<Item = (f64, f64)>,
) -> Vec<Option<f64>> {
    let mut column = vec![None; places.len()];
    for (x, y) in values {
        let at = places.partition_point(|place| *place < x * (1.0 - 1e-9));
        if let Some(cell) = column.get_mut(at).filter(|_| (places[at] / x - 1.0).abs() < 1e-8) {
            *cell = Some(y).filter(|y| y.is_finite());
        }
    }
    column
}

/// Places evenly spread in ratio, ends included.
pub(super) fn spread(from: f64, to: f64, count: usize) -> impl Iterator<Item = f64> {
    let step = (to / from).ln() / (count.max(2) - 1) as f64;
    (0..count).map(move |i| from * (step * i as f64).exp())
}

/// Rows with the name of each column first, numbers in full.
pub(super) fn csv(header: &[String], columns: &[&[Option<f64>]]) -> String {
    let line = |cells: Vec<String>| cells.join(",") + "\n";
    let name = |text: &String| format!("\"{}\"", text.replace('"', "\"\""));
    let mut text = line(header.iter().map(name).collect());
    for row in 0..columns.first().map_or(0, |column| column.len()) {
        let cell =
            |column: &&[Option<f64>]| column[row].map_or(String::new(), |x| format!("{x:e}"));
        text.push_str(&line(columns.iter().map(cell).collect()));
    }
    text
}

impl Chart {
    /// The columns of the chart as a table in full precision.
    ///
    /// - `place`: name of the first column.
    /// - `value`: name of what the lines hold.
    pub(super) fn with_csv(mut self, place: &str, value: &str) -> Self {
        let places: Vec<Option<f64>> = self.places.iter().copied().map(Some).collect();
        let mut header = vec![place.to_owned()];
        let mut columns: Vec<&[Option<f64>]> = vec![&places];
        for line in &self.lines {
            header.push(format!("{value} {}", line.label));
            columns.push(&line.values);
            if let Some(band) = &line.band {
                header.extend(["low", "high"].map(|end| format!("{value} {} {end}", line.label)));
                columns.extend([band.low.as_slice(), band.high.as_slice()]);
            }
        }
        self.csv = csv(&header, &columns);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_several_grids_meet_on_one() {
        let places = union([3.0, 1.0, 2.0, 2.0 * (1.0 + 1e-12), f64::NAN]);
        assert_eq!(places, [1.0, 2.0, 3.0]);
        let column = placed(&places, [(2.0, 20.0), (3.0, f64::INFINITY), (7.0, 1.0)]);
        assert_eq!(column, [None, Some(20.0), None]);
        assert_eq!(csv(&["n".to_owned()], &[&column]), "\"n\"\n\n2e1\n\n");
    }
}
