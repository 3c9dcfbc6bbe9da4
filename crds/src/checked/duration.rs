use std::time::Duration;

#[cfg(test)]
mod tests;

/// Parses a duration as Kubernetes writes it: numbers with units, as `1m30s`, `1.5h` or `250ms`.
///
/// Returns none for anything else, for negative durations and for those of 292 years and more, which Kubernetes refuses too.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.strip_prefix('+').unwrap_or(text);
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut total: u128 = 0;
    while !rest.is_empty() {
        let (nanoseconds, tail) = leading_term(rest)?;
        total = total.checked_add(nanoseconds)?;
        rest = tail;
    }
    let in_range = !text.is_empty() && total <= i64::MAX as u128;
    in_range.then(|| Duration::from_nanos_u128(total))
}

/// Splits off one number with its unit, in nanoseconds.
fn leading_term(text: &str) -> Option<(u128, &str)> {
    let number_end = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, tail) = text.split_at(number_end);
    let unit_end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
    let (unit, tail) = tail.split_at(unit_end);
    let unit: u128 = match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
    Some((u128::from(whole) * unit + fraction_of(unit, fraction), tail))
}

/// Returns the part of a unit given by the digits after the point; what is below a nanosecond is dropped.
fn fraction_of(unit: u128, digits: &str) -> u128 {
    // More digits than these are below a nanosecond even of an hour.
    let digits = &digits[..digits.len().min(18)];
    let scale = 10_u128.pow(digits.len() as u32);
    digits.parse::<u128>().map_or(0, |value| value * unit / scale)
}
