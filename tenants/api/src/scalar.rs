//! SUMMARY    Scalars: sizes and times.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};

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
