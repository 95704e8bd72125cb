//! Quantities as people write them.

use super::error::UnitsError;

/// A count written by a person: `7B`, `1.4T`, `5.76e23`, `300 B tokens`.
///
/// - `noun`: what is counted, for the message.
/// - `words`: unit words allowed after the number, lower case.
///
/// # Errors
/// [`UnitsError`] when the text is not a number, the suffix is unknown, or the count is not a finite
/// number above zero.
pub(super) fn parse_count(
    text: &str,
    noun: &'static str,
    words: &[&str],
) -> Result<f64, UnitsError> {
    let lower = text.trim().to_ascii_lowercase();
    let bare = words.iter().find_map(|w| lower.strip_suffix(w)).unwrap_or(&lower).trim_end();
    let count =
        parse_scaled(bare).ok_or_else(|| UnitsError::NotACount { text: text.to_owned(), noun })?;
    if count.is_finite() && count > 0.0 {
        Ok(count)
    } else {
        Err(UnitsError::NotPositive { text: text.to_owned(), noun })
    }
}

/// A number with an optional `k`, `M`, `B`/`G`, `T`, `P` suffix; `None` if it is not one.
fn parse_scaled(bare: &str) -> Option<f64> {
    const SUFFIXES: [(&str, f64); 6] =
        [("k", 1e3), ("m", 1e6), ("b", 1e9), ("g", 1e9), ("t", 1e12), ("p", 1e15)];
    let lower = bare.trim().to_ascii_lowercase().replace('_', "");
    let (digits, scale) = SUFFIXES
        .iter()
        .find_map(|(s, scale)| lower.strip_suffix(s).map(|d| (d, *scale)))
        .unwrap_or((&lower, 1.0));
    // `inf` and `nan` parse as f64; only digits may start a count.
    if !digits.trim().starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c)) {
        return None;
    }
    digits.trim().parse::<f64>().ok().map(|x| x * scale)
}

/// US dollars: `$2M`, `2M`, `350k USD`.
///
/// ```
/// assert_eq!(isoloss::units::parse_usd("$2M")?, 2e6);
/// # Ok::<(), isoloss::error::Error>(())
/// ```
///
/// # Errors
/// [`UnitsError`] when the text is not an amount above zero.
pub fn parse_usd(text: &str) -> Result<f64, UnitsError> {
    let bare = text.trim().trim_start_matches('$');
    parse_count(bare, "US dollars", &["usd", "dollars", "$"])
}

/// A duration in seconds: `2w`, `30d`, `12h`, `90min`, `45s`, `20ms`. The unit is required.
///
/// ```
/// assert_eq!(isoloss::units::parse_duration_s("90min")?, 5400.0);
/// # Ok::<(), isoloss::error::Error>(())
/// ```
///
/// # Errors
/// [`UnitsError`] when the unit is missing or the number is not above zero.
pub fn parse_duration_s(text: &str) -> Result<f64, UnitsError> {
    const UNITS: [(&str, f64); 9] = [
        ("weeks", 604_800.0),
        ("days", 86_400.0),
        ("hours", 3_600.0),
        ("min", 60.0),
        ("w", 604_800.0),
        ("d", 86_400.0),
        ("h", 3_600.0),
        ("m", 60.0),
        ("s", 1.0),
    ];
    let lower = text.trim().to_ascii_lowercase();
    if let Some(number) = lower.strip_suffix("ms") {
        return parse_plain(number, text, "a duration").map(|ms| ms / 1e3);
    }
    let (number, unit_s) = UNITS
        .iter()
        .find_map(|(u, s)| lower.strip_suffix(u).map(|n| (n, *s)))
        .ok_or_else(|| UnitsError::NoTimeUnit { text: text.to_owned() })?;
    parse_plain(number, text, "a duration").map(|x| x * unit_s)
}

/// A number of days in seconds: `30` and `30d` are thirty days; other units as in [`parse_duration_s`].
///
/// ```
/// use isoloss::units::{parse_days_s, parse_duration_s};
///
/// assert_eq!(parse_days_s("30"), parse_duration_s("30d"));
/// ```
///
/// # Errors
/// [`UnitsError`] when the text is not a duration above zero.
pub fn parse_days_s(text: &str) -> Result<f64, UnitsError> {
    match text.trim().parse::<f64>() {
        Ok(_) => parse_duration_s(&format!("{}d", text.trim())),
        Err(_) => parse_duration_s(text),
    }
}

/// Two numbers above zero with a comma between them: `0.5,0.01`.
///
/// ```
/// assert_eq!(isoloss::units::parse_pair("0.5, 0.01")?, (0.5, 0.01));
/// # Ok::<(), isoloss::error::Error>(())
/// ```
///
/// # Errors
/// [`UnitsError::NotAPair`] when the text is something else.
pub fn parse_pair(text: &str) -> Result<(f64, f64), UnitsError> {
    let bad = || UnitsError::NotAPair { text: text.to_owned() };
    let (a, b) = text.split_once(',').ok_or_else(bad)?;
    let number = |t: &str| t.trim().parse::<f64>().ok().filter(|x| x.is_finite() && *x > 0.0);
    Ok((number(a).ok_or_else(bad)?, number(b).ok_or_else(bad)?))
}

/// Bytes: `16GB` is decimal, `16GiB` binary. The unit is required.
///
/// ```
/// assert_eq!(isoloss::units::parse_bytes("16GiB")?, 16.0 * 1024_f64.powi(3));
/// # Ok::<(), isoloss::error::Error>(())
/// ```
///
/// # Errors
/// [`UnitsError`] when the unit is missing or the number is not above zero.
pub fn parse_bytes(text: &str) -> Result<f64, UnitsError> {
    const UNITS: [(&str, f64); 6] = [
        ("tib", 1_099_511_627_776.0),
        ("gib", 1_073_741_824.0),
        ("mib", 1_048_576.0),
        ("tb", 1e12),
        ("gb", 1e9),
        ("mb", 1e6),
    ];
    let lower = text.trim().to_ascii_lowercase();
    let (number, unit) = UNITS
        .iter()
        .find_map(|(u, b)| lower.strip_suffix(u).map(|n| (n, *b)))
        .ok_or_else(|| UnitsError::NoByteUnit { text: text.to_owned() })?;
    parse_plain(number, text, "an amount of memory").map(|x| x * unit)
}

fn parse_plain(number: &str, text: &str, noun: &'static str) -> Result<f64, UnitsError> {
    match number.trim().parse::<f64>() {
        Ok(x) if x.is_finite() && x > 0.0 => Ok(x),
        Ok(_) => Err(UnitsError::NotPositive { text: text.to_owned(), noun }),
        Err(_) => Err(UnitsError::NotACount { text: text.to_owned(), noun }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_time_and_memory_need_their_units() {
        assert_eq!(parse_usd("$2M"), Ok(2e6));
        assert_eq!(parse_usd("350k USD"), Ok(350e3));
        assert_eq!(parse_duration_s("30d"), Ok(2_592_000.0));
        assert_eq!(parse_duration_s("90min"), Ok(5400.0));
        assert!(parse_duration_s("30").is_err());
        assert_eq!(parse_duration_s("20ms"), Ok(0.02));
        assert!(parse_pair("0.5").is_err() && parse_pair("0.5,-1").is_err());
        assert_eq!(parse_bytes("16GB"), Ok(16e9));
        assert_eq!(parse_bytes("16GiB"), Ok(17_179_869_184.0));
        assert!(parse_bytes("16").is_err());
    }
}
