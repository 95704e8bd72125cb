//! Counts as people say them.

/// `7.24B`, `1.40T`, `91.2k`: three significant digits with the suffix people say aloud.
///
/// Below 1000 there is no suffix; from 1e16 on it is printed as `1.54e16`.
#[must_use]
pub fn short_count(count: f64) -> String {
    const STEPS: [(f64, &str); 4] = [(1e3, "k"), (1e6, "M"), (1e9, "B"), (1e12, "T")];
    if !count.is_finite() || count.abs() >= 9.995e15 {
        return format!("{count:.2e}");
    }
    // 999.6M must read 1.00B, not 1000M, so the step is chosen on the rounded value.
    let step = STEPS.iter().rev().find(|(unit, _)| count.abs() >= unit * 0.9995);
    match step {
        Some((unit, suffix)) => format!("{}{suffix}", three_digits(count / unit)),
        None => three_digits(count),
    }
}

fn three_digits(x: f64) -> String {
    let a = x.abs();
    if a >= 99.95 {
        format!("{x:.0}")
    } else if a >= 9.995 {
        format!("{x:.1}")
    } else {
        format!("{x:.2}")
    }
}
/// A ratio such as a compute multiplier with the digits it deserves: 1.13, 2.4, 12.
///
/// ```
/// use isoloss::units::times;
///
/// assert_eq!([1.1299, 2.414, 12.3].map(times), ["1.13", "2.4", "12"]);
/// assert_eq!([f64::INFINITY, 2.5e9, 4e-4].map(times), ["infinite", "2.5e9", "4.0e-4"]);
/// ```
#[must_use]
pub fn times(ratio: f64) -> String {
    match ratio {
        x if !x.is_finite() => "infinite".to_owned(),
        x if x != 0.0 && !(5e-3..1e5).contains(&x) => format!("{x:.1e}"),
        x if x >= 9.95 => format!("{x:.0}"),
        x if x >= 1.995 => format!("{x:.1}"),
        x => format!("{x:.2}"),
    }
}
