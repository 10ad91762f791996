//! SUMMARY    Parameters of a request: `items[0][price]=…`, from a form or a query.
//! LIMITS     PARAMS_MAX
//! INVARIANTS Order is kept; nothing is guessed. `a[]` and `a[0]` are both lists.

use crate::problem::Problem;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, str::FromStr};

/// Parameters of one request.
const PARAMS_MAX: usize = 2_000;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Params(Vec<(String, String)>);

impl Params {
    pub fn of(pairs: Vec<(String, String)>) -> Params {
        Params(pairs)
    }

    /// Errors: what is no form.
    pub fn parse(text: &str) -> Result<Params, Problem> {
        let mut out = Vec::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            out.push((decode(name)?, decode(value)?));
        }
        if out.len() > PARAMS_MAX {
            return Err(Problem::invalid("", format!("PARAMS_MAX is {PARAMS_MAX}")));
        }
        Ok(Params(out))
    }

    /// Errors: a parameter that nobody knows, as Stripe refuses it.
    pub fn only(&self, known: &[&str]) -> Result<(), Problem> {
        for (name, _) in &self.0 {
            let top = name.split('[').next().unwrap_or_default();
            if !known.contains(&top) && top != "expand" {
                return Err(Problem::coded("parameter_unknown", name, format!("Received unknown parameter: {name}")));
            }
        }
        Ok(())
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Given and not empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    pub fn need(&self, name: &str) -> Result<&str, Problem> {
        self.text(name).ok_or_else(|| Problem::missing(name))
    }

    pub fn number<T: FromStr>(&self, name: &str) -> Result<Option<T>, Problem> {
        let wrong = |_| Problem::coded("parameter_invalid_integer", name, format!("Invalid integer: {name}"));
        self.text(name).map(str::parse).transpose().map_err(wrong)
    }

    pub fn flag(&self, name: &str) -> Result<Option<bool>, Problem> {
        match self.text(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => Err(Problem::invalid(name, format!("Invalid boolean: {other}"))),
        }
    }

    /// Errors: a value that is none of these.
    pub fn choice<'a>(&'a self, name: &str, known: &[&str]) -> Result<Option<&'a str>, Problem> {
        match self.text(name) {
            Some(value) if !known.contains(&value) => {
                Err(Problem::invalid(name, format!("Invalid {name}: must be one of {}", known.join(", "))))
            }
            value => Ok(value),
        }
    }

    /// Values of `name[]` or `name[0]`, ….
    pub fn list(&self, name: &str) -> Vec<&str> {
        let is_of = |key: &str| {
            key.strip_prefix(name)
                .and_then(|rest| rest.strip_prefix('['))
                .is_some_and(|r| r.strip_suffix(']').is_some_and(|index| index.bytes().all(|b| b.is_ascii_digit())))
        };
        self.0.iter().filter(|(key, _)| is_of(key)).map(|(_, value)| value.as_str()).collect()
    }

    /// What is below `name[…]`, without it: `metadata[a]` of `metadata` is `a`, `items[0][price]` of `items[0]` is `price`.
    pub fn below(&self, name: &str) -> Params {
        let inner = |(key, value): &(String, String)| {
            let (first, rest) = key.strip_prefix(name)?.strip_prefix('[')?.split_once(']')?;
            Some((format!("{first}{rest}"), value.clone()))
        };
        Params(self.0.iter().filter_map(inner).collect())
    }

    /// `items[0]`, `items[1]`, … by their index.
    pub fn groups(&self, name: &str) -> Vec<Params> {
        let mut out: BTreeMap<u64, Vec<(String, String)>> = BTreeMap::new();
        for (key, value) in &self.below(name).0 {
            let (index, rest) = key.split_once('[').unwrap_or((key, ""));
            if let Ok(index) = index.parse() {
                let (first, rest) = rest.split_once(']').unwrap_or((rest, ""));
                out.entry(index).or_default().push((format!("{first}{rest}"), value.clone()));
            }
        }
        out.into_values().map(Params).collect()
    }

    pub fn map(&self, name: &str) -> BTreeMap<String, String> {
        self.below(name).0.into_iter().collect()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// For comparing requests of one key.
    pub fn fingerprint(&self) -> String {
        let mut sorted: Vec<String> = self.0.iter().map(|(name, value)| format!("{name:?}={value:?}")).collect();
        sorted.sort_unstable();
        sorted.join("&")
    }
}

fn decode(text: &str) -> Result<String, Problem> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let wrong = || Problem::invalid("", "The body is no form");
        out.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digit =
                    |b: Option<u8>| b.and_then(|b| char::from(b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
                let (high, low) = (digit(bytes.next()).ok_or_else(wrong)?, digit(bytes.next()).ok_or_else(wrong)?);
                high * 16 + low
            }
            other => other,
        });
    }
    String::from_utf8(out).map_err(|_| Problem::invalid("", "The body is not in UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_parameters_are_found() {
        let params = Params::parse(
            "a=1&items[0][price]=p%20x&items[1][id]=s+y&items[1][metadata][k]=v&m[x]=1&expand[]=a&expand[1]=b",
        )
        .unwrap();
        assert_eq!(params.get("a"), Some("1"));
        let items = params.groups("items");
        assert_eq!((items[0].get("price"), items[1].get("id")), (Some("p x"), Some("s y")));
        assert_eq!(items[1].map("metadata"), BTreeMap::from([("k".into(), "v".into())]));
        assert_eq!(params.list("expand"), ["a", "b"]);
        assert_eq!(params.below("m").get("x"), Some("1"));
        assert_eq!(params.only(&["a", "items", "m"]), Ok(()));
        assert_eq!(params.only(&["a", "items"]).unwrap_err().code, "parameter_unknown");
    }

    #[test]
    fn what_is_no_form_is_refused() {
        for wrong in ["a=%", "a=%zz", "a=%ff"] {
            assert_eq!(Params::parse(wrong).unwrap_err().status, 400, "{wrong}");
        }
        assert!(Params::parse(&"a&".repeat(PARAMS_MAX + 1)).is_err());
    }
}
