//! SUMMARY    Scalars: sizes, times and money.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use base::Timestamp;

/// Bytes; a number or its decimal text going in, the text coming out (64 bits do not fit a GraphQL Int).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteSize(pub u64);

#[Scalar]
impl ScalarType for ByteSize {
    fn parse(value: Value) -> InputValueResult<Self> {
        let bytes = match &value {
            Value::Number(n) => n.as_u64(),
            Value::String(s) => s.parse().ok(),
            Value::Null | Value::Boolean(_) | Value::Binary(_) | Value::Enum(_) | Value::List(_) | Value::Object(_) => {
                None
            }
        };
        bytes.map(ByteSize).ok_or_else(|| InputValueError::expected_type(value))
    }
    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// A moment in UTC (RFC 3339), with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DateTime(pub i64);

#[Scalar]
impl ScalarType for DateTime {
    fn parse(value: Value) -> InputValueResult<Self> {
        let time = match &value {
            Value::String(s) => s.parse::<jiff::Timestamp>().ok(),
            Value::Null
            | Value::Number(_)
            | Value::Boolean(_)
            | Value::Binary(_)
            | Value::Enum(_)
            | Value::List(_)
            | Value::Object(_) => None,
        };
        time.map(|t| DateTime(t.as_millisecond())).ok_or_else(|| InputValueError::expected_type(value))
    }
    fn to_value(&self) -> Value {
        let time = jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        Value::String(format!("{time:.3}"))
    }
}

impl From<Timestamp> for DateTime {
    fn from(at: Timestamp) -> Self {
        DateTime(at.0)
    }
}

impl From<DateTime> for Timestamp {
    fn from(at: DateTime) -> Self {
        Timestamp(at.0)
    }
}

/// An amount of money: `12.50 EUR`, with all decimals of its currency (ISO 4217: two of EUR, none of JPY); below zero it goes the
/// other way. Going in it may also be whole minor units: `{ minor: 1250, currency: "EUR" }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Money(pub billing::Money);

#[Scalar]
impl ScalarType for Money {
    fn parse(value: Value) -> InputValueResult<Self> {
        let money = match &value {
            Value::String(s) => s.parse().ok(),
            Value::Object(_) => value.clone().into_json().ok().and_then(|parts| serde_json::from_value(parts).ok()),
            Value::Null | Value::Number(_) | Value::Boolean(_) | Value::Binary(_) | Value::Enum(_) | Value::List(_) => {
                None
            }
        };
        money.map(Money).ok_or_else(|| InputValueError::expected_type(value))
    }
    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use async_graphql::value;

    #[test]
    fn money_goes_in_as_text_or_minor_units_and_comes_out_as_text() {
        for (given, text) in [
            (value!("12.50 EUR"), "12.50 EUR"),
            (value!({ "minor": 1250, "currency": "EUR" }), "12.50 EUR"),
            (value!({ "minor": -3, "currency": "JPY" }), "-3 JPY"),
        ] {
            assert_eq!(Money::parse(given).map(|m| m.to_value()).ok(), Some(Value::String(text.into())));
        }
        for wrong in [
            value!(12.5),
            value!("12.5 EUR"),
            value!("12.50"),
            value!({ "minor": 1.5, "currency": "EUR" }),
            value!({ "minor": 1 }),
            value!({ "minor": 1, "currency": "XXX" }),
            value!({ "minor": 9_000_000_000_000_000_u64, "currency": "EUR" }),
        ] {
            assert!(Money::parse(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
