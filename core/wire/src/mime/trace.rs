//! SUMMARY    Trace fields: counting, reading and writing them.
//! STANDARDS  RFC 5321 §4.4, §6.3; RFC 9228 (Delivered-To)
//! SECURITY   Names a client claimed are written: control characters never are, brackets and parentheses cannot break out.
//! INVARIANTS A rendered field ends with CRLF, is folded below 998 bytes a line, and carries the time it is given.

use std::net::IpAddr;

use base::Timestamp;

use super::date::render_date;
use super::header::{headers, unfold};

/// Number of Received fields (loop detection against RECEIVED_FIELDS_MAX).
pub fn received_count(message: &[u8]) -> usize {
    headers(message).filter(|f| f.name.eq_ignore_ascii_case(b"received")).count()
}

/// Values of Delivered-To fields, newest first.
pub fn delivered_to(message: &[u8]) -> impl Iterator<Item = String> + '_ {
    let fields = headers(message).filter(|f| f.name.eq_ignore_ascii_case(b"delivered-to"));
    fields.map(|f| String::from_utf8_lossy(&unfold(f.value.of(message))).into_owned())
}

/// Values of a Received field (RFC 5321 §4.4).
#[derive(Debug, Clone, Copy)]
pub struct Received<'a> {
    /// What the client said in EHLO.
    pub helo: &'a str,
    /// Address the connection came from, if it came over the network.
    pub client: Option<IpAddr>,
    /// Verified reverse name of that address.
    pub client_name: Option<&'a str>,
    /// Our name.
    pub by: &'a str,
    /// Protocol of RFC 3848 or RFC 6531: ESMTP, ESMTPS, ESMTPSA, LMTP, UTF8SMTPSA ..
    pub protocol: &'a str,
    /// TLS version and suite, shown as a comment.
    pub tls: Option<&'a str>,
    pub id: &'a str,
    /// The recipient; only where there is exactly one.
    pub recipient: Option<&'a str>,
    pub at: Timestamp,
}

/// Renders a Received field to be put before the message.
pub fn prepend_received(r: &Received<'_>) -> Vec<u8> {
    let mut out = format!("Received: from {}", clean(r.helo));
    if let Some(ip) = r.client {
        let literal = match ip {
            IpAddr::V4(v4) => format!("[{v4}]"),
            IpAddr::V6(v6) => format!("[IPv6:{v6}]"),
        };
        match r.client_name {
            Some(name) => out.push_str(&format!(" ({} {literal})", clean(name))),
            None => out.push_str(&format!(" ({literal})")),
        }
    }
    out.push_str(&format!("\r\n\tby {} with {} id {}", clean(r.by), clean(r.protocol), clean(r.id)));
    if let Some(tls) = r.tls {
        out.push_str(&format!("\r\n\t({})", clean_text(tls)));
    }
    if let Some(recipient) = r.recipient {
        out.push_str(&format!("\r\n\tfor <{}>", clean(recipient)));
    }
    out.push_str(&format!(";\r\n\t{}\r\n", render_date(r.at)));
    out.into_bytes()
}

/// Renders a Return-Path field; an empty path is the null sender.
pub fn return_path(path: &str) -> Vec<u8> {
    format!("Return-Path: <{}>\r\n", clean(path)).into_bytes()
}

/// Longest value written, bytes: an address of RFC 5321 §4.5.3.1.3 fits.
const VALUE_BYTES_MAX: usize = 320;

fn clean(text: &str) -> String {
    let ok = |c: &char| !c.is_whitespace() && !c.is_control() && !matches!(c, '(' | ')' | '<' | '>' | ';');
    cut(text.chars().filter(ok))
}

fn clean_text(text: &str) -> String {
    cut(text.chars().filter(|c| !c.is_control() && !matches!(c, '(' | ')' | '\\')))
}

fn cut(chars: impl Iterator<Item = char>) -> String {
    let mut out = String::new();
    for c in chars {
        if out.len() + c.len_utf8() > VALUE_BYTES_MAX {
            break;
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn received_is_one_field_whatever_the_client_says() {
        let r = Received {
            helo: "evil\r\nX: y (",
            client: Some("192.0.2.1".parse().unwrap()),
            client_name: Some("a.example"),
            by: "mx.example.org",
            protocol: "ESMTPS",
            tls: Some("TLS1.3 TLS_AES_256_GCM_SHA384"),
            id: "q1",
            recipient: Some("ann@example.org"),
            at: Timestamp::from_secs(0),
        };
        let text = String::from_utf8(prepend_received(&r)).unwrap();
        assert_eq!(
            text,
            "Received: from evilX:y (a.example [192.0.2.1])\r\n\tby mx.example.org with ESMTPS id q1\r\n\t\
             (TLS1.3 TLS_AES_256_GCM_SHA384)\r\n\tfor <ann@example.org>;\r\n\tThu, 01 Jan 1970 00:00:00 +0000\r\n"
        );
        let message =
            [text.as_bytes(), text.as_bytes(), b"Delivered-To: ann@example.org\r\n\r\nReceived: no\r\n"].concat();
        assert_eq!(received_count(&message), 2);
        assert_eq!(delivered_to(&message).collect::<Vec<_>>(), ["ann@example.org"]);
        assert_eq!(return_path(""), b"Return-Path: <>\r\n");
    }
}
