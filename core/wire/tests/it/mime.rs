//! Random and generated messages: the scan is sound for all of them, and agrees with an independent parser on good ones.

use proptest::prelude::*;

#[path = "harness/mime_scan.rs"]
mod harness;

/// Pieces from which messages grow that look like mail.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        "\r\n",
        "\n",
        "\r",
        "\r\n\r\n",
        " ",
        "\t",
        "--",
        "--b",
        "--b--",
        "\r\n--b\r\n",
        "\r\n--b--\r\n",
        "\r\n--c\r\n",
        "\r\n--c--\r\n",
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n",
        "Content-Type: multipart/digest; boundary=\"c\"\r\n\r\n",
        "Content-Type: message/rfc822\r\n\r\n",
        "Content-Type: multipart/alternative\r\n",
        "Content-Type: text/html; charset=utf-8",
        "Content-Type: text; name*0*=utf-8''%41; name*1=b",
        "content-type:",
        "Content-Disposition: attachment; filename=\"",
        "Content-Transfer-Encoding: base64\r\n",
        "Content-Transfer-Encoding: quoted-printable\r\n",
        "Content-Language: a, b\r\n",
        "Content-ID: <",
        "Content-MD5: \u{0}\r\n",
        "From: A <a@b>, G: c@d;\r\n",
        "To: \"",
        "Cc: (",
        "Bcc: <@a,@b:c@d>",
        "Subject: =?utf-8?q?",
        "Date: Mon, 23 Nov 2026 10:00:00 +0000\r\n",
        "?=",
        "=?utf-8?b?",
        "\"",
        "\\",
        "<",
        ">",
        "(",
        ")",
        ";",
        ":",
        ",",
        "@",
        ".",
        "=",
        "=\r\n",
        "=C3=A4",
        "ä",
        "<p>",
        "<style>",
        "</style>",
        "<!--",
        "&amp;",
        "&#x41;",
        "+",
        "{",
        "}",
        "NIL",
        "text",
    ]);
    let bytes =
        prop_oneof![8 => piece.prop_map(|p| p.as_bytes().to_vec()), 1 => prop::collection::vec(any::<u8>(), 0..8)];
    prop::collection::vec(bytes, 0..60).prop_map(|p| p.concat())
}

/// A well-formed part: text, or a multipart or message of such parts.
fn tree(level: usize) -> BoxedStrategy<String> {
    let text = ("[a-zA-Z ]{1,30}", prop::sample::select(vec!["plain", "html", "calendar"]))
        .prop_map(|(body, sub)| format!("Content-Type: text/{sub}; charset=utf-8\r\n\r\n{body}\r\n"));
    if level == 0 {
        return text.boxed();
    }
    let binary =
        "[A-Z]{4}".prop_map(|b| format!("Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n{b}\r\n"));
    let many =
        (prop::collection::vec(tree(level - 1), 1..4), prop::sample::select(vec!["mixed", "alternative", "related"]));
    let many = many.prop_map(move |(parts, sub)| {
        let body: String = parts.iter().map(|p| format!("\r\n--b{level}\r\n{p}")).collect();
        format!("Content-Type: multipart/{sub}; boundary=\"b{level}\"\r\n\r\npreamble{body}\r\n--b{level}--\r\n")
    });
    let message =
        tree(level - 1).prop_map(|inner| format!("Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n{inner}"));
    prop_oneof![2 => text, 1 => binary, 3 => many, 1 => message].boxed()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn any_bytes_have_a_sound_structure(data in prop::collection::vec(any::<u8>(), 0..400)) {
        harness::run(&data);
    }

    #[test]
    fn mail_like_bytes_have_a_sound_structure(data in pieces()) {
        harness::run(&data);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn well_formed_messages_have_a_sound_structure(tree in tree(3)) {
        let message = format!("From: a@b\r\nSubject: s\r\nMIME-Version: 1.0\r\n{tree}").into_bytes();
        harness::run(&message);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn whom_a_submission_was_checked_for_is_whom_readers_show(
        value in r#"((a|b|@|\.|<|>|"|\(|\)|,|:|;| |\\|\[|\]|=\?|\?=|é|\r\n |a@b\.c|<a@b\.c>|G:){0,14})"#,
    ) {
        harness::named(format!("From: {value}\r\n\r\n").as_bytes());
    }
}
