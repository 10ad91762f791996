//! SUMMARY    Amounts as Stripe writes them.
//! STANDARDS  docs.stripe.com/currencies: zero-decimal, three-decimal and special-case currencies
//! INVARIANTS What is sent and read again is the same amount.

use billing::{Currency, Failure, FailureKind, Money};

/// Without decimals by ISO 4217, written with two at Stripe.
const WITH_TWO: [&str; 2] = ["ISK", "UGX"];
/// With two decimals by ISO 4217, written without at Stripe.
const WITHOUT: [&str; 1] = ["MGA"];
const HUNDRED: i64 = 100;
/// Currencies of three decimals are charged in tens of their minor unit.
const THREE_DIGITS: u32 = 3;

fn refused(text: String) -> Failure {
    Failure::new(FailureKind::Refused, text)
}

/// Errors: `Refused` for an amount that Stripe cannot write.
pub fn written(money: Money) -> Result<i64, Failure> {
    let (minor, currency) = (money.minor(), money.currency());
    if WITH_TWO.contains(&currency.code()) {
        return minor.checked_mul(HUNDRED).ok_or_else(|| refused(format!("{money} is too much")));
    }
    if WITHOUT.contains(&currency.code()) {
        let whole = minor.checked_rem(HUNDRED) == Some(0);
        return if whole {
            Ok(minor / HUNDRED)
        } else {
            Err(refused(format!("{money}: Stripe takes whole ones only")))
        };
    }
    if currency.digits() == THREE_DIGITS && minor.checked_rem(10) != Some(0) {
        return Err(refused(format!("{money}: Stripe takes tens of the minor unit only")));
    }
    Ok(minor)
}

/// Errors: `Refused`.
pub fn read(amount: i64, code: &str) -> Result<Money, Failure> {
    let currency = currency(code)?;
    let minor = if WITH_TWO.contains(&currency.code()) {
        amount / HUNDRED
    } else if WITHOUT.contains(&currency.code()) {
        amount.saturating_mul(HUNDRED)
    } else {
        amount
    };
    Money::new(minor, currency).map_err(|e| refused(format!("{amount} {code}: {e}")))
}

pub fn currency(code: &str) -> Result<Currency, Failure> {
    code.to_uppercase().parse().map_err(|e| refused(format!("a currency of Stripe's: {e}")))
}

pub fn code(currency: Currency) -> String {
    currency.code().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn currencies_are_written_as_stripe_wants_them() {
        for (text, amount) in [
            ("12.50 EUR", 1250),
            ("-0.05 USD", -5),
            ("300 JPY", 300),
            ("7 ISK", 700),
            ("5 UGX", 500),
            ("1.230 KWD", 1230),
            ("4.00 MGA", 4),
        ] {
            let money: Money = text.parse().unwrap();
            assert_eq!(written(money), Ok(amount), "{text}");
            assert_eq!(read(amount, &code(money.currency())), Ok(money), "{text}");
        }
        for text in ["1.234 KWD", "4.01 MGA"] {
            assert_eq!(written(text.parse().unwrap()).unwrap_err().kind, FailureKind::Refused, "{text}");
        }
        assert!(read(1, "xyz").is_err());
    }
}
