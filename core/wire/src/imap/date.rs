//! SUMMARY    Dates of the protocol: `date`, `date-time`, INTERNALDATE.
//! STANDARDS  RFC 9051 §9 date, date-time
//! INVARIANTS No clock and no time zone data: a zone is the offset that is written. Years 0 to 9999.

use base::Timestamp;

use super::{parse::cursor::decimal, render::two_digits};

const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
const DAY_SECS: i64 = 86_400;

/// A day without time zone, as SEARCH has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date {
    pub year: u16,
    pub month: u8,
    pub day: u8,
}

impl Date {
    /// `1-Feb-1994`, `01-Feb-1994`.
    pub fn parse(text: &[u8]) -> Option<Date> {
        let mut parts = text.split(|b| *b == b'-');
        let (day, month, year) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || !(1..=2).contains(&day.len()) {
            return None;
        }
        Date::new(year, month, day)
    }

    fn new(year: &[u8], month: &[u8], day: &[u8]) -> Option<Date> {
        if year.len() != 4 {
            return None;
        }
        let month = MONTHS.iter().position(|m| m.eq_ignore_ascii_case(month))?;
        let date = Date {
            year: u16::try_from(decimal(year)?).ok()?,
            month: u8::try_from(month + 1).ok()?,
            day: u8::try_from(decimal(day)?).ok()?,
        };
        (1..=date.month_days()).contains(&date.day).then_some(date)
    }

    fn month_days(self) -> u8 {
        let leap = self.year.is_multiple_of(4) && (!self.year.is_multiple_of(100) || self.year.is_multiple_of(400));
        match self.month {
            2 => 28 + u8::from(leap),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    /// Days since 1970-01-01; negative before.
    pub fn days(self) -> i64 {
        // Howard Hinnant's days_from_civil: years start in March, so the leap day is last.
        let (m, d) = (i64::from(self.month), i64::from(self.day));
        let y = i64::from(self.year) - i64::from(m <= 2);
        let era = y.div_euclid(400);
        let yoe = y.rem_euclid(400);
        let doy = (153 * ((m + 9) % 12) + 2) / 5 + d - 1;
        let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
        era * 146_097 + doe - 719_468
    }

    /// Day of `t` in UTC; clamped to years 0 to 9999.
    pub fn of(t: Timestamp) -> Date {
        Date::from_days(t.secs().div_euclid(DAY_SECS))
    }

    /// The inverse of `days`.
    pub fn from_days(days: i64) -> Date {
        // -719_528 is 0000-01-01, 2_932_896 is 9999-12-31.
        let z = days.clamp(-719_528, 2_932_896) + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let month = if mp < 10 { mp + 3 } else { mp - 9 };
        let year = yoe + era * 400 + i64::from(month <= 2);
        Date {
            year: u16::try_from(year).unwrap_or(0),
            month: u8::try_from(month).unwrap_or(1),
            day: u8::try_from(doy - (153 * mp + 2) / 5 + 1).unwrap_or(1),
        }
    }

    /// Start of the day in UTC.
    pub fn start(self) -> Timestamp {
        Timestamp::from_secs(self.days() * DAY_SECS)
    }

    /// Start of the next day in UTC.
    pub fn end(self) -> Timestamp {
        Timestamp::from_secs((self.days() + 1) * DAY_SECS)
    }
}

/// `" 7-Feb-1994 21:52:25 -0800"` without its quotes (RFC 9051 §9 date-time). A one-digit day without its space is taken.
pub fn parse_date_time(text: &[u8]) -> Option<Timestamp> {
    let text = text.trim_ascii();
    let mut words = text.split(|b| *b == b' ');
    let (date, time, zone) = (words.next()?, words.next()?, words.next()?);
    if words.next().is_some() {
        return None;
    }
    let days = Date::parse(date)?.days();
    Some(Timestamp::from_secs(days * DAY_SECS + time_of_day(time)? - offset_secs(zone)?))
}

fn time_of_day(text: &[u8]) -> Option<i64> {
    let [h1, h2, b':', m1, m2, b':', s1, s2] = text else { return None };
    let (h, m, s) = (decimal(&[*h1, *h2])?, decimal(&[*m1, *m2])?, decimal(&[*s1, *s2])?);
    // 60 is a leap second.
    (h < 24 && m < 60 && s <= 60).then_some(())?;
    i64::try_from(h * 3_600 + m * 60 + s).ok()
}

fn offset_secs(text: &[u8]) -> Option<i64> {
    let [sign @ (b'+' | b'-'), h1, h2, m1, m2] = text else { return None };
    let (h, m) = (decimal(&[*h1, *h2])?, decimal(&[*m1, *m2])?);
    (h < 24 && m < 60).then_some(())?;
    let secs = i64::try_from(h * 3_600 + m * 60).ok()?;
    Some(if *sign == b'-' { -secs } else { secs })
}

/// Appends `"17-Jul-1996 02:44:25 +0000"` with its quotes, in UTC.
pub fn render_date_time(out: &mut Vec<u8>, t: Timestamp) {
    let date = Date::of(t);
    let secs = t.secs().rem_euclid(DAY_SECS);
    out.push(b'"');
    if date.day < 10 {
        out.extend_from_slice(&[b' ', b'0' + date.day]);
    } else {
        two_digits(out, date.day);
    }
    out.push(b'-');
    let month = MONTHS.get(usize::from(date.month).wrapping_sub(1)).copied().unwrap_or(b"Jan");
    out.extend_from_slice(month);
    out.push(b'-');
    two_digits(out, (date.year / 100) as u8);
    two_digits(out, (date.year % 100) as u8);
    for (lead, n) in [(b' ', secs / 3_600), (b':', secs / 60 % 60), (b':', secs % 60)] {
        out.push(lead);
        two_digits(out, n as u8);
    }
    out.extend_from_slice(b" +0000\"");
}
