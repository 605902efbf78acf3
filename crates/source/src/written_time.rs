//! Dates and timestamps of columns, written as RFC 3339.

use parquet::data_type::Int96;

/// The timestamps of old Spark and Impala: nanoseconds of the day, and the Julian day (2,440,588 was 1970-01-01).
pub(crate) fn write_int96(time: Int96) -> String {
    let [low, high, day] = [0, 1, 2].map(|index| i128::from(time.data()[index]));
    write_time((day - 2_440_588) * 86_400_000_000_000 + (high << 32 | low), 1_000_000_000)
}

/// Seconds since 1970 in units of 1/`parts`, as RFC 3339 in UTC. A fraction of zero is left out.
pub(crate) fn write_time(number: i128, parts: i128) -> String {
    let (seconds, fraction) = (number.div_euclid(parts), number.rem_euclid(parts) * (1_000_000_000 / parts));
    let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let date = write_date(i64::try_from(day).unwrap_or(0));
    let fraction = format!(".{fraction:09}");
    format!("{date}T{hour:02}:{minute:02}:{second:02}{}Z", fraction.trim_end_matches('0').trim_end_matches('.'))
}

/// Days since 1970-01-01 as a date of the Gregorian calendar.
/// Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
pub(crate) fn write_date(days: i64) -> String {
    let days = i128::from(days) + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i128::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_rfc_3339() {
        assert_eq!(write_date(0), "1970-01-01");
        assert_eq!(write_date(19_782), "2024-02-29");
        assert_eq!(write_date(-1), "1969-12-31");
        let mut time = Int96::new();
        time.set_data(0, 0, 2_440_589);
        assert_eq!(write_int96(time), "1970-01-02T00:00:00Z");
        assert_eq!(write_time(i64::MAX.into(), 1_000_000_000), "2262-04-11T23:47:16.854775807Z");
        assert!(write_time(i64::MIN.into(), 1_000).starts_with('-'));
    }
}
