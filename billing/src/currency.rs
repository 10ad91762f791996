//! SUMMARY    Currencies by their ISO 4217 codes.
//! STANDARDS  ISO 4217: alphabetic codes, number of decimal digits

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A currency that is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

/// Codes in use, by decimal digits of their minor unit.
const DIGITS: [(u32, &str); 3] = [
    (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"),
    (3, "BHD IQD JOD KWD LYD OMR TND"),
    (
        2,
        "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP CRC CUP CVE \
         CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW \
         KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK \
         PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS \
         UAH USD UYU UZS VED VES WST XCD YER ZAR ZMW ZWG",
    ),
];

impl Currency {
    pub const EUR: Currency = Currency(*b"EUR");
    pub const USD: Currency = Currency(*b"USD");

    /// Decimal digits of the minor unit: 2 for EUR (cents), 0 for JPY, 3 for KWD.
    pub fn digits(self) -> u32 {
        digits(self.code()).unwrap_or(2)
    }

    /// Three capital letters.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }
}

fn digits(code: &str) -> Option<u32> {
    DIGITS.iter().find(|(_, codes)| codes.split(' ').any(|c| c == code)).map(|(digits, _)| *digits)
}

impl FromStr for Currency {
    type Err = Error;

    /// A code in capital letters. Errors: `Invalid` for one that is not in use.
    fn from_str(code: &str) -> Result<Currency> {
        let unknown = || Error::invalid("currency", format!("{code:.8} is no ISO 4217 code of a currency in use"));
        digits(code).and_then(|_| <[u8; 3]>::try_from(code.as_bytes()).ok()).map(Currency).ok_or_else(unknown)
    }
}

impl TryFrom<String> for Currency {
    type Error = Error;
    fn try_from(code: String) -> Result<Currency> {
        code.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> String {
        currency.code().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_their_digits() {
        for (code, digits) in [("EUR", 2), ("JPY", 0), ("KWD", 3), ("ZWG", 2), ("UGX", 0), ("HUF", 2)] {
            assert_eq!(code.parse::<Currency>().map(Currency::digits), Ok(digits), "{code}");
        }
    }

    #[test]
    fn what_is_no_currency_is_refused() {
        for code in ["", "eur", "EURO", "XXX", "DEM", "E R", "€"] {
            assert!(code.parse::<Currency>().is_err(), "{code}");
        }
    }

    #[test]
    fn no_code_stands_twice() {
        let mut codes: Vec<&str> = DIGITS.iter().flat_map(|(_, codes)| codes.split(' ')).collect();
        let all = codes.len();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!((codes.len(), codes.iter().all(|c| c.len() == 3)), (all, true));
    }
}
