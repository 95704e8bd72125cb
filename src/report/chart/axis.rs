//! Axes: scale, range, ticks and how their labels read.

/// How values map to positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scale {
    /// Equal differences.
    Linear,
    /// Equal ratios.
    Log,
}

/// How tick labels read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// `100k`, `7B`.
    Count,
    /// `1e12`.
    Exponent,
    /// `2.5`.
    Plain,
    /// `64`, at powers of two: batches, devices.
    PowersOfTwo,
}

/// One axis.
#[derive(Clone, Debug)]
pub(super) struct Axis {
    /// Quantity and unit.
    pub(super) title: String,
    pub(super) scale: Scale,
    pub(super) style: Style,
    pub(super) lo: f64,
    pub(super) hi: f64,
}

/// A grid line, with its text if it has one.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tick {
    pub(super) value: f64,
    pub(super) label: Option<String>,
}

impl Axis {
    /// A logarithmic axis from `lo` to `hi`, both above zero.
    pub(super) fn log(title: &str, style: Style, (lo, hi): (f64, f64)) -> Self {
        Self { title: title.to_owned(), scale: Scale::Log, style, lo, hi }
    }

    /// A linear axis.
    pub(super) fn linear(title: &str, (lo, hi): (f64, f64)) -> Self {
        Self { title: title.to_owned(), scale: Scale::Linear, style: Style::Plain, lo, hi }
    }

    /// Position of `value` between 0 at the low end and 1 at the high one; outside, beyond these.
    pub(super) fn share(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => (value - self.lo) / (self.hi - self.lo),
            Scale::Log => (value / self.lo).ln() / (self.hi / self.lo).ln(),
        }
    }

    /// Grid lines by rising value: few enough to be read, always at least two with a label.
    pub(super) fn ticks(&self) -> Vec<Tick> {
        match self.scale {
            Scale::Linear => self.linear_ticks(),
            Scale::Log => self.log_ticks(),
        }
    }

    fn linear_ticks(&self) -> Vec<Tick> {
        let rough = (self.hi - self.lo) / 6.0;
        let unit = 10_f64.powf(rough.log10().floor());
        let factor = [1.0, 2.0, 2.5, 5.0].into_iter().find(|f| f * unit >= rough).unwrap_or(10.0);
        let step = factor * unit;
        let decimals = (0..12).find(|&k| {
            let shifted = step * 10_f64.powi(k);
            (shifted - shifted.round()).abs() < 1e-6 * shifted
        });
        let decimals = decimals.unwrap_or(12).unsigned_abs() as usize;
        let first = (self.lo / step - 1e-9).ceil() as i64;
        let last = (self.hi / step + 1e-9).floor() as i64;
        (first..=last)
            .map(|i| {
                let value = i as f64 * step;
                let label = match self.style {
                    Style::Plain => format!("{value:.decimals$}"),
                    Style::Count | Style::Exponent | Style::PowersOfTwo => self.text(value),
                };
                Tick { value, label: Some(label) }
            })
            .collect()
    }

    /// Powers of two, every one of them or every second, fourth, …
    fn doubling_ticks(&self) -> Vec<Tick> {
        let within = 1e-9;
        let first = (self.lo.log2() - within).ceil() as i32;
        let last = (self.hi.log2() + within).floor() as i32;
        let stride = ((last - first) / 10 + 1).max(1);
        let tick = |power: i32| {
            let value = 2_f64.powi(power);
            let label = (power - first) % stride == 0;
            Tick { value, label: label.then(|| self.text(value)) }
        };
        (first..=last).map(tick).collect()
    }

    fn log_ticks(&self) -> Vec<Tick> {
        let decades = (self.hi / self.lo).log10();
        if self.style == Style::PowersOfTwo && self.hi >= 4.0 * self.lo {
            return self.doubling_ticks();
        }
        if decades < 0.4 {
            return self.linear_ticks();
        }
        // (labelled, bare) multiples of each power of ten.
        let (labelled, bare): (&[u32], &[u32]) = match decades {
            d if d < 0.8 => (&[1, 2, 3, 4, 5, 6, 8], &[7, 9]),
            d if d < 1.3 => (&[1, 2, 3, 5, 7], &[4, 6, 8, 9]),
            d if d < 2.6 => (&[1, 2, 5], &[3, 4, 6, 7, 8, 9]),
            d if d < 3.6 => (&[1, 3], &[2, 5]),
            d if d < 8.0 => (&[1], &[2, 5]),
            _ => (&[1], &[]),
        };
        let stride = ((decades / 8.0).ceil() as i32).max(1);
        let first = self.lo.log10().floor() as i32;
        let last = self.hi.log10().ceil() as i32;
        let mut ticks = Vec::new();
        for exponent in first..=last {
            for multiple in 1..10 {
                let value = exact_power(multiple, exponent);
                if value < self.lo * (1.0 - 1e-9) || value > self.hi * (1.0 + 1e-9) {
                    continue;
                }
                let on_stride = exponent.rem_euclid(stride) == 0;
                if labelled.contains(&multiple) && on_stride {
                    ticks.push(Tick { value, label: Some(self.text(value)) });
                } else if bare.contains(&multiple) || (multiple == 1 && !on_stride) {
                    ticks.push(Tick { value, label: None });
                }
            }
        }
        ticks
    }

    fn text(&self, value: f64) -> String {
        match self.style {
            Style::Count => count_text(value),
            Style::Exponent => exponent_text(value),
            Style::Plain => format!("{value}"),
            Style::PowersOfTwo if value < 1e5 => format!("{value}"),
            Style::PowersOfTwo => count_text(value),
        }
    }
}

/// `multiple` x 10^`exponent` as the nearest double, which 10^x multiplied out is not always.
fn exact_power(multiple: u32, exponent: i32) -> f64 {
    format!("{multiple}e{exponent}").parse().expect("digits and an exponent are a number")
}

/// `count` values from `lo` to `hi` at equal ratios if both are above zero, else equal steps.
pub(super) fn spread(lo: f64, hi: f64, count: usize) -> Vec<f64> {
    let last = (count.max(2) - 1) as f64;
    (0..count.max(2))
        .map(|i| {
            let share = i as f64 / last;
            if lo > 0.0 { lo * (hi / lo).powf(share) } else { lo + share * (hi - lo) }
        })
        .collect()
}

/// `100k`, `2.5M`, `7B`, `1e15`: as short as the value allows.
pub(super) fn count_text(value: f64) -> String {
    const STEPS: [(f64, &str); 5] = [(1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"), (1.0, "")];
    if value >= 0.999_999e15 {
        return exponent_text(value);
    }
    let step = STEPS.into_iter().find(|(unit, _)| value >= unit * 0.999_999);
    match step {
        Some((unit, suffix)) => format!("{}{suffix}", trimmed(value / unit)),
        None => trimmed(value),
    }
}

/// `1e12`, `2.5e13`.
pub(super) fn exponent_text(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let text = format!("{value:.2e}");
    match text.split_once('e') {
        Some((digits, exponent)) => {
            let digits = digits.trim_end_matches('0').trim_end_matches('.');
            format!("{digits}e{exponent}")
        }
        None => text,
    }
}

/// Three significant digits at most, no trailing zeros.
fn trimmed(x: f64) -> String {
    let decimals = (2 - x.abs().max(1e-9).log10().floor() as i32).clamp(0, 6);
    let text = format!("{x:.*}", decimals.unsigned_abs() as usize);
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

/// The smallest range that holds all finite values, widened by `margin` of its width on each side
/// (in logarithms for [`Scale::Log`]); an empty range is given some width.
pub(super) fn range_of(
    values: impl IntoIterator<Item = f64>,
    scale: Scale,
    margin: f64,
) -> (f64, f64) {
    let log = scale == Scale::Log;
    let usable = |x: &f64| x.is_finite() && (!log || *x > 0.0);
    let (lo, hi) = values
        .into_iter()
        .filter(usable)
        .map(|x| if log { x.ln() } else { x })
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), x| (lo.min(x), hi.max(x)));
    let (lo, hi) = if lo <= hi { (lo, hi) } else { (0.0, 1.0) };
    let least = if log { 0.2 } else { 1e-3 * lo.abs().max(1e-3) };
    let length = (hi - lo).max(least);
    let middle = 0.5 * (lo + hi);
    let half = length * (0.5 + margin);
    if log {
        ((middle - half).exp(), (middle + half).exp())
    } else {
        (middle - half, middle + half)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<String> {
        axis.ticks().into_iter().filter_map(|t| t.label).collect()
    }

    #[test]
    fn sizes_read_as_people_say_them() {
        let axis = Axis::log("N", Style::Count, (30e3, 30e6));
        assert_eq!(labels(&axis), ["30k", "100k", "300k", "1M", "3M", "10M", "30M"]);
        assert_eq!(count_text(7e9), "7B");
        assert_eq!(count_text(2.5e6), "2.5M");
    }

    #[test]
    fn less_than_a_decade_still_has_ticks() {
        for (lo, hi) in [(1.1e12, 1.3e12), (3e5, 8e5), (9e9, 2e10), (1.0, 10.0)] {
            let axis = Axis::log("C", Style::Exponent, (lo, hi));
            let labels = labels(&axis);
            assert!((2..=9).contains(&labels.len()), "{lo:e}..{hi:e}: {labels:?}");
        }
    }

    #[test]
    fn batches_are_marked_at_powers_of_two() {
        let axis = Axis::log("batch", Style::PowersOfTwo, (1.0, 256.0));
        assert_eq!(labels(&axis), ["1", "2", "4", "8", "16", "32", "64", "128", "256"]);
        let axis = Axis::log("batch", Style::PowersOfTwo, (1.0, 65536.0));
        assert_eq!(labels(&axis)[..4], ["1", "4", "16", "64"]);
        let narrow = Axis::log("batch", Style::PowersOfTwo, (100.0, 180.0));
        assert!(labels(&narrow).len() >= 2, "{:?}", labels(&narrow));
    }

    #[test]
    fn many_decades_do_not_crowd() {
        let axis = Axis::log("C", Style::Exponent, (1e8, 1e30));
        let labels = labels(&axis);
        assert!((4..=9).contains(&labels.len()), "{labels:?}");
    }

    #[test]
    fn linear_ticks_are_round_and_even() {
        let axis = Axis::linear("loss", (2.03, 3.31));
        assert_eq!(labels(&axis), ["2.25", "2.50", "2.75", "3.00", "3.25"]);
    }

    #[test]
    fn a_single_value_gets_a_range_around_it() {
        for scale in [Scale::Linear, Scale::Log] {
            let (lo, hi) = range_of([2.0], scale, 0.05);
            assert!(lo < 2.0 && hi > 2.0 && lo.is_finite() && hi.is_finite());
        }
    }
}
