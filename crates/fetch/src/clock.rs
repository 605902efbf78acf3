//! Dates as an archive and as HTTP write them.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970, now.
pub(crate) fn now_secs() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "an archive says when a page was fetched")]
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs())
}

/// In RFC 3339 and UTC. Days to a date: Hinnant, chrono-Compatible Low-Level Date Algorithms.
pub(crate) fn date(secs: u64) -> String {
    let (days, second) = (secs / 86_400 + 719_468, secs % 86_400);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

/// The seconds that a Retry-After names: a number, or a date such as `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, 10.2.3),
/// counted from `now_secs`.
pub(crate) fn retry_after(value: &str, now_secs: u64) -> Option<u64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    if let Ok(secs) = value.trim().parse() {
        return Some(secs);
    }
    let words: Vec<&str> = value.split([' ', ':', ',']).filter(|it| !it.is_empty()).collect();
    let [_, day, month, year, hour, minute, second, "GMT"] = words[..] else { return None };
    let month = MONTHS.iter().position(|it| *it == month)? as u64 + 1;
    let number = |text: &str| text.parse::<u64>().ok();
    let (day, year) = (number(day)?, number(year)?);
    if !(1970..10_000).contains(&year) || !(1..=31).contains(&day) {
        return None;
    }
    let shifted = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let era_day = shifted % 400 * 365 + shifted % 400 / 4 - shifted % 400 / 100 + of_year;
    let days = (shifted / 400 * 146_097 + era_day).checked_sub(719_468)?;
    let (hour, minute, second) = (number(hour)?, number(minute)?, number(second)?);
    // A minute may have a leap second.
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let secs = days * 86_400 + hour * 3600 + minute * 60 + second;
    Some(secs.saturating_sub(now_secs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(0), "1970-01-01T00:00:00Z");
        assert_eq!(date(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(date(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(date(1_735_689_599), "2024-12-31T23:59:59Z");
    }

    #[test]
    fn a_site_says_how_long_to_wait_in_seconds_or_as_a_date() {
        assert_eq!(retry_after("120", 5), Some(120));
        assert_eq!(retry_after("Tue, 29 Feb 2000 00:01:00 GMT", 951_782_400), Some(60));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:37 GMT", 951_782_400), Some(0));
        assert_eq!(retry_after("soon", 5), None);
        assert_eq!(retry_after("Tue, 29 Feb 2000 18446744073709551615:00:00 GMT", 5), None);
    }
}
