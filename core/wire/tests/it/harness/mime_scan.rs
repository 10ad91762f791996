//! SUMMARY    Fuzz harness: any bytes have a structure whose parts are nested, and texts that are valid IMAP.

use base::Domain;
use base::limits::{FETCH_ITEM_BYTES_MAX, MIME_DEPTH_MAX, MIME_PARTS_MAX, PREVIEW_CHARS_MAX};
use wire::mime::{self, Media, Section, SectionKind, Structure};

fn nested(s: &Structure, message: &[u8]) {
    assert!(!s.parts.is_empty() && s.parts.len() <= MIME_PARTS_MAX + MIME_DEPTH_MAX + 2);
    for (index, part) in s.parts.iter().enumerate() {
        assert!(
            part.header.start <= part.header.end
                && part.header.end == part.body.start
                && part.body.start <= part.body.end
        );
        assert!(
            part.body.end as usize <= message.len() && part.end as usize > index && part.end as usize <= s.parts.len()
        );
        let mut at = part.body.start;
        let mut count = 0;
        for child in s.children(index) {
            let c = &s.parts[child];
            assert_eq!(c.parent, Some(index as u32));
            assert!(c.header.start >= at && c.body.end <= part.body.end, "part {child} is outside of part {index}");
            at = c.body.end;
            count += 1;
        }
        match part.media {
            Media::Multipart => assert!(count >= 1),
            Media::Message => assert_eq!(count, 1),
            Media::Text | Media::Other => assert_eq!(count, 0),
        }
    }
}

/// Whom a submission was checked for is whom every reader shows.
pub fn named(message: &[u8]) {
    let Ok(checked) = mime::originator(message) else { return };
    let shown = mime::mailboxes(mime::first(message, b"from").expect("it has one"));
    assert_eq!(shown.len(), checked.from.len(), "{shown:?} {checked:?}");
    for (shown, checked) in shown.iter().zip(&checked.from) {
        let local = String::from_utf8_lossy(&shown.local).to_lowercase();
        let domain = Domain::parse(&String::from_utf8_lossy(&shown.domain));
        assert_eq!((local, domain.as_ref()), (checked.canonical_local(), Ok(checked.domain())), "{shown:?}");
    }
}

pub fn run(data: &[u8]) {
    named(data);
    named(&[b"From: ", data].concat());
    let s = mime::scan(data);
    nested(&s, data);
    let envelope = mime::render_envelope(&s, data);
    mime::check::check_envelope(&envelope).expect("an envelope");
    let full = mime::render_bodystructure(&s, data);
    let parts = mime::check::check_bodystructure(&full).expect("a bodystructure");
    let stripped = mime::body_from_bodystructure(&full).expect("a bodystructure of ours");
    mime::check::check_body(&stripped).expect("a body");
    mime::check::check_body(&mime::render_body(&s, data)).expect("a body");
    assert!(parts <= s.parts.len());
    assert!(envelope.len() <= FETCH_ITEM_BYTES_MAX && full.len() <= FETCH_ITEM_BYTES_MAX);
    for path in [vec![], vec![1], vec![2], vec![1, 1], vec![1, 2, 1], vec![0]] {
        let _ = mime::binary(data, &s, &path);
        let names = vec![b"subject".to_vec()];
        for kind in [
            SectionKind::All,
            SectionKind::Header,
            SectionKind::Text,
            SectionKind::Mime,
            SectionKind::HeaderFields(names.clone()),
            SectionKind::HeaderFieldsNot(names),
        ] {
            let _ = mime::section(data, &s, &Section { path: path.clone(), kind });
        }
    }
    assert!(mime::preview(data, &s).chars().count() <= PREVIEW_CHARS_MAX);
    let needle = mime::Needle::new("Ä b");
    mime::text_contains(data, &s, &needle, mime::SearchScope::Whole);
    mime::header_contains(data, b"subject", &needle);
    mime::has_attachment(&s);
    mime::thread_facts(data, &s);
    mime::decode_text(data);
    mime::mailboxes(data);
    if let Some(at) = mime::parse_date(data) {
        mime::render_date(at);
    }
    mime::received_count(data);
    for part in &s.parts {
        part.filename(data);
        part.charset(data);
    }
}
