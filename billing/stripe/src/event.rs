//! SUMMARY    Webhooks: whom an event may be about.
//! SECURITY   The body is hostile until its signature holds; afterwards it is still read without any assumption of its shape.
//! LIMITS     EVENT_BYTES_MAX; serde_json's own of nesting (128)

use crate::signature;
use base::Timestamp;
use billing::{Failure, FailureKind, Heard};
use serde_json::Value;

/// Stripe's own limit of what it sends is not told; its largest events are some tens of kilobytes.
pub const EVENT_BYTES_MAX: usize = 1 << 20;
/// Longer ids are none of Stripe's (it promises 255 characters at most).
const ID_BYTES_MAX: usize = 255;

/// Errors: `Forged`; `Malformed` for what is signed and no event.
pub fn heard(secrets: &[String], body: &[u8], header: &str, now: Timestamp) -> Result<Heard, Failure> {
    let forged = |text: String| Failure::new(FailureKind::Forged, text);
    if body.len() > EVENT_BYTES_MAX {
        return Err(forged(format!("a webhook beyond EVENT_BYTES_MAX ({EVENT_BYTES_MAX})")));
    }
    signature::check(secrets, body, header, now)?;
    let malformed = |text: String| Failure::new(FailureKind::Malformed, text);
    let event: Value = serde_json::from_slice(body).map_err(|e| malformed(format!("the webhook is no JSON: {e}")))?;
    let text = |name: &str| event.get(name).and_then(id).ok_or_else(|| malformed(format!("the webhook has no {name}")));
    let object = event.get("data").and_then(|data| data.get("object"));
    Ok(Heard {
        id: text("id")?,
        kind: text("type")?,
        customer: object.and_then(|object| named(object, "customer")),
        payment: object.and_then(|object| named(object, "payment_intent")),
    })
}

/// The id of the thing of a kind that an object is, or names, or has in itself.
fn named(object: &Value, kind: &str) -> Option<String> {
    if object.get("object").and_then(Value::as_str) == Some(kind) {
        return object.get("id").and_then(id);
    }
    let named = object.get(kind)?;
    id(named).or_else(|| named.get("id").and_then(id))
}

fn id(value: &Value) -> Option<String> {
    value.as_str().filter(|text| !text.is_empty() && text.len() <= ID_BYTES_MAX).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign};

    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn hear(body: &[u8]) -> Result<Heard, FailureKind> {
        let key = Key::new(HMAC_SHA256, b"whsec_test");
        let digest = sign(&key, &[b"1700000000.", body].concat());
        let hex: String = digest.as_ref().iter().map(|b| format!("{b:02x}")).collect();
        heard(&["whsec_test".into()], body, &format!("t=1700000000,v1={hex}"), NOW).map_err(|e| e.kind)
    }

    fn about(object: &str) -> (Option<String>, Option<String>) {
        let heard = hear(format!(r#"{{"id":"evt_1","type":"x.y","data":{{"object":{object}}}}}"#).as_bytes()).unwrap();
        assert_eq!((heard.id.as_str(), heard.kind.as_str()), ("evt_1", "x.y"));
        (heard.customer, heard.payment)
    }

    #[test]
    fn an_event_says_whom_it_is_about() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(about(r#"{"object":"customer","id":"cus_1"}"#), (some("cus_1"), None));
        assert_eq!(about(r#"{"object":"subscription","customer":"cus_1"}"#), (some("cus_1"), None));
        assert_eq!(about(r#"{"object":"invoice","customer":{"id":"cus_1"}}"#), (some("cus_1"), None));
        assert_eq!(
            about(r#"{"object":"payment_intent","id":"pi_1","customer":"cus_1"}"#),
            (some("cus_1"), some("pi_1"))
        );
        assert_eq!(about(r#"{"object":"dispute","id":"dp_1","payment_intent":"pi_1"}"#), (None, some("pi_1")));
        assert_eq!(
            about(r#"{"object":"refund","payment_intent":{"id":"pi_1"},"customer":null}"#),
            (None, some("pi_1"))
        );
        for nothing in
            ["null", "[]", "7", r#"{"customer":7,"payment_intent":[]}"#, r#"{"customer":"","payment_intent":{}}"#]
        {
            assert_eq!(about(nothing), (None, None), "{nothing}");
        }
    }

    #[test]
    fn what_is_no_event_is_refused_and_nothing_panics() {
        let deep = "[".repeat(100_000);
        let long = vec![b' '; EVENT_BYTES_MAX + 1];
        let id = format!(r#"{{"id":"{}","type":"x"}}"#, "e".repeat(300));
        for body in [
            &b""[..],
            b"{}",
            b"[]",
            b"\xff\xfe",
            b"{\"id\":1,\"type\":2}",
            deep.as_bytes(),
            id.as_bytes(),
            b"{\"id\":\"evt_1\"}",
        ] {
            assert_eq!(hear(body), Err(FailureKind::Malformed));
        }
        assert_eq!(hear(&long), Err(FailureKind::Forged), "nothing is read of it, its signature neither");
        assert_eq!(hear(b"{\"id\":\"evt_1\",\"type\":\"ping\"}").map(|h| h.customer), Ok(None));
    }
}
