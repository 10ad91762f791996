//! SUMMARY    Money: whole minor units of one currency, never a float.
//! LIMITS     MINOR_MAX
//! INVARIANTS Amounts of two currencies are never added. Every operation that rounds says how.

use crate::{Currency, Error, Kind, Result};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Minor units that an amount has at most, above or below zero.
pub const MINOR_MAX: i64 = 1_000_000_000_000_000;

/// An amount, as `minor` units (cents) of its currency; below zero it is owed the other way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct Money {
    minor: i64,
    currency: Currency,
}

/// As it is stored and sent.
#[derive(Serialize, Deserialize)]
struct Parts {
    minor: i64,
    currency: Currency,
}

impl Money {
    /// `Overflow` beyond MINOR_MAX.
    pub fn new(minor: i64, currency: Currency) -> Result<Money> {
        within(i128::from(minor), currency)
    }

    pub const fn zero(currency: Currency) -> Money {
        Money { minor: 0, currency }
    }

    pub fn minor(self) -> i64 {
        self.minor
    }

    pub fn currency(self) -> Currency {
        self.currency
    }

    pub fn is_zero(self) -> bool {
        self.minor == 0
    }

    pub fn is_negative(self) -> bool {
        self.minor < 0
    }

    /// The sum. Errors: `Currency`, `Overflow`.
    pub fn plus(self, other: Money) -> Result<Money> {
        self.same(other)?;
        within(i128::from(self.minor) + i128::from(other.minor), self.currency)
    }

    /// The difference. Errors: `Currency`, `Overflow`.
    pub fn minus(self, other: Money) -> Result<Money> {
        self.plus(other.negated())
    }

    pub fn negated(self) -> Money {
        Money { minor: -self.minor, ..self }
    }

    /// So many of it. Errors: `Overflow`.
    pub fn times(self, count: u64) -> Result<Money> {
        within(i128::from(self.minor) * i128::from(count), self.currency)
    }

    /// `part` of `whole` equal parts of it, to the nearest minor unit; halves go away from zero. Errors: `Invalid` for a whole of
    /// nothing, `Overflow`.
    pub fn share(self, part: u64, whole: u64) -> Result<Money> {
        if whole == 0 {
            return Err(Error::invalid("", "a share of nothing"));
        }
        let (product, whole) = (i128::from(self.minor) * i128::from(part), i128::from(whole));
        let (quotient, rest) = (product / whole, product % whole);
        let is_half = rest.unsigned_abs() * 2 >= whole.unsigned_abs();
        within(quotient + if is_half { product.signum() } else { 0 }, self.currency)
    }

    /// The smaller one. Errors: `Currency`.
    pub fn at_most(self, other: Money) -> Result<Money> {
        self.same(other)?;
        Ok(if other.minor < self.minor { other } else { self })
    }

    fn same(self, other: Money) -> Result<()> {
        if self.currency == other.currency {
            return Ok(());
        }
        let text = format!("{} and {} are not added", self.currency, other.currency);
        Err(Error::new(Kind::Currency, "", text))
    }
}

/// The sum of amounts of one currency. Errors: `Currency`, `Overflow`.
pub fn sum(currency: Currency, amounts: impl IntoIterator<Item = Money>) -> Result<Money> {
    amounts.into_iter().try_fold(Money::zero(currency), Money::plus)
}

fn within(minor: i128, currency: Currency) -> Result<Money> {
    match i64::try_from(minor) {
        Ok(minor) if minor.abs() <= MINOR_MAX => Ok(Money { minor, currency }),
        Ok(_) | Err(_) => Err(Error::new(Kind::Overflow, "", "an amount beyond MINOR_MAX")),
    }
}

impl TryFrom<Parts> for Money {
    type Error = Error;
    fn try_from(parts: Parts) -> Result<Money> {
        Money::new(parts.minor, parts.currency)
    }
}

impl From<Money> for Parts {
    fn from(money: Money) -> Parts {
        Parts { minor: money.minor, currency: money.currency }
    }
}

/// `12.50 EUR`, `-3 JPY`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.currency.digits() as usize;
        let scale = 10u64.pow(self.currency.digits());
        let sign = if self.minor < 0 { "-" } else { "" };
        let (units, rest) = (self.minor.unsigned_abs() / scale, self.minor.unsigned_abs() % scale);
        match digits {
            0 => write!(f, "{sign}{units} {}", self.currency),
            _ => write!(f, "{sign}{units}.{rest:0digits$} {}", self.currency),
        }
    }
}

impl FromStr for Money {
    type Err = Error;

    /// What `Display` writes: an amount with all or none of its decimals, a space, the code.
    fn from_str(text: &str) -> Result<Money> {
        let wrong = || Error::invalid("money", format!("{text:.40?} is no amount as 12.50 EUR"));
        let (amount, code) = text.split_once(' ').ok_or_else(wrong)?;
        let currency: Currency = code.parse()?;
        let (is_negative, amount) = match amount.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, amount),
        };
        let (units, decimals) = amount.split_once('.').map_or((amount, None), |(u, d)| (u, Some(d)));
        let digits = currency.digits() as usize;
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !is_number(units) || decimals.is_some_and(|d| !is_number(d) || d.len() != digits) {
            return Err(wrong());
        }
        let zeros = "0".repeat(digits);
        let minor: i64 = format!("{units}{}", decimals.unwrap_or(&zeros)).parse().map_err(|_| wrong())?;
        Money::new(if is_negative { -minor } else { minor }, currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn eur(minor: i64) -> Money {
        Money::new(minor, Currency::EUR).unwrap()
    }

    #[test]
    fn it_is_written_and_read() {
        for (text, minor) in [("12.50 EUR", 1250), ("-0.05 EUR", -5), ("3 JPY", 3), ("1.005 KWD", 1005), ("7 EUR", 700)]
        {
            assert_eq!(text.parse::<Money>().map(Money::minor), Ok(minor), "{text}");
        }
        for text in [
            "",
            "12.5 EUR",
            "12,50 EUR",
            "1.0 JPY",
            "12.50EUR",
            "12.50  EUR",
            "--1 EUR",
            ".50 EUR",
            "1e3 EUR",
            "12.50 XXX",
        ] {
            assert!(text.parse::<Money>().is_err(), "{text}");
        }
    }

    #[test]
    fn currencies_are_not_mixed_and_nothing_overflows() {
        let usd = Money::new(1, Currency::USD).unwrap();
        assert_eq!(eur(1).plus(usd).unwrap_err().kind, Kind::Currency);
        assert_eq!(eur(MINOR_MAX).plus(eur(1)).unwrap_err().kind, Kind::Overflow);
        assert_eq!(eur(MINOR_MAX).times(u64::MAX).unwrap_err().kind, Kind::Overflow);
        assert!(serde_json::from_str::<Money>(r#"{"minor":9000000000000000,"currency":"EUR"}"#).is_err());
        assert!(eur(1).share(1, 0).is_err());
    }

    #[test]
    fn halves_go_away_from_zero() {
        let shares = [(1, 2, 1), (-1, 2, -1), (100, 3, 33), (200, 3, 67), (-200, 3, -67), (5, 10, 1), (4, 10, 0)];
        for (minor, whole, share) in shares {
            assert_eq!(eur(minor).share(1, whole), Ok(eur(share)), "{minor} / {whole}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(minor in -MINOR_MAX..=MINOR_MAX, code in prop::sample::select(vec!["EUR", "JPY", "KWD"])) {
            let money = Money::new(minor, code.parse().unwrap()).unwrap();
            prop_assert_eq!(money.to_string().parse(), Ok(money));
        }

        #[test]
        fn a_share_and_the_rest_are_the_whole(minor in -1_000_000i64..1_000_000, part in 0u64..100_000, more in 1u64..100_000) {
            let (money, whole) = (eur(minor), part + more);
            let both = money.share(part, whole).unwrap().plus(money.share(more, whole).unwrap()).unwrap();
            prop_assert!((both.minor() - minor).abs() <= 1, "rounded once each");
            prop_assert!(money.share(part, whole).unwrap().minor().abs() <= minor.abs());
        }
    }
}
