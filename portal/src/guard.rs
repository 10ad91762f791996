//! SUMMARY    What a request must show before a form is taken, and what every answer tells the browser.
//! STANDARDS  Fetch Metadata (Sec-Fetch-Site), RFC 6454 (Origin), Content Security Policy Level 3
//! SECURITY   Three locks on every form, each enough against a stranger's page: the cookie is SameSite, the request comes from our own
//!            origin, and the form carries its session's token. Nothing runs or is drawn that is not one of our files.

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// Where pages may take anything from: their own origin, and nothing inline.
pub(crate) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                                 form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Whether a form was sent by one of our own pages: those of the portal's address, or of the brand's host that it came to.
pub(crate) fn is_own(headers: &HeaderMap, origin: &str) -> bool {
    let text = |name: &str| headers.get(name).map(|v| v.to_str().unwrap_or("?"));
    if text("sec-fetch-site").is_some_and(|site| !matches!(site, "same-origin" | "none")) {
        return false;
    }
    text("origin").is_none_or(|from| from == origin)
}

/// Whether a form carries its session's token; takes the same time wherever they differ.
pub(crate) fn is_token(given: &str, expected: &str) -> bool {
    !expected.is_empty()
        && aws_lc_rs::constant_time::verify_slices_are_equal(given.as_bytes(), expected.as_bytes()).is_ok()
}

/// A path of ours that a redirect may lead to; `/` instead of anything else.
pub(crate) fn own_path(next: &str) -> &str {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~@?=&%".contains(c);
    let is_path = next.starts_with('/') && !next.starts_with("//") && next.chars().all(plain);
    if is_path { next } else { "/" }
}

/// Adds what keeps a browser from doing more than it is told.
pub(crate) fn seal_off(headers: &mut HeaderMap) {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_lead_to_own_paths_only() {
        for (next, to) in [
            ("/domains?after=a%3Db", "/domains?after=a%3Db"),
            ("", "/"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("/\t/evil.example", "/"),
            ("https://evil.example/", "/"),
            ("javascript:alert(1)", "/"),
            ("/a\r\nSet-Cookie: x=y", "/"),
            ("/\u{2f}\u{2f}evil.example", "/"),
        ] {
            assert_eq!(own_path(next), to, "{next:?}");
        }
    }

    #[test]
    fn forms_come_from_our_own_pages() {
        let check = |pairs: &[(&'static str, &str)], own: bool| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().unwrap());
            }
            assert_eq!(is_own(&headers, "https://mail.example"), own, "{pairs:?}");
        };
        check(&[], true);
        check(&[("origin", "https://mail.example")], true);
        check(&[("origin", "https://mail.example"), ("sec-fetch-site", "same-origin")], true);
        // A name that nobody knows is nobody's, whatever the request was sent to.
        check(&[("origin", "http://127.0.0.1:2080"), ("host", "127.0.0.1:2080")], false);
        check(&[("origin", "https://evil.example"), ("host", "evil.example")], false);
        check(&[("origin", "http://mail.example")], false);
        check(&[("origin", "https://mail.example"), ("sec-fetch-site", "cross-site")], false);
        check(&[("sec-fetch-site", "same-site")], false);
        check(&[("origin", "null")], false);
        check(&[("origin", "https://evil.example")], false);
        check(&[("origin", "https://mail.example.evil.example"), ("host", "mail.example")], false);
    }

    #[test]
    fn no_token_is_no_token() {
        assert!(is_token("a", "a"));
        assert!(!is_token("", "") && !is_token("b", "a") && !is_token("", "a"));
    }
}
