//! SUMMARY    Realistic, distinct, reproducible messages: index and seed give the same bytes again.
//! STANDARDS  RFC 5322, RFC 2045-2046
//! INVARIANTS Every message has exactly the size asked for (never less than its headers need), lines of at most 78
//!            bytes, CRLF endings and no line that starts with a dot, so that what is sent is what is stored.
//!            No DKIM-Signature: no run asks the DNS.

use std::io::Write;

use base::{Rng, rng::SeededRng};
use base64::Engine;

const TEXT_POOL_BYTES: usize = 4 << 20;
const BINARY_POOL_BYTES: usize = 3 << 20;
/// A base64 line of 57 bytes with its CRLF (RFC 2045 §6.8).
const BASE64_LINE: usize = 78;
/// Messages from this size on carry an attachment.
const ATTACHMENT_FROM_BYTES: usize = 16 * 1024;
/// Messages of one conversation.
const THREAD_MESSAGES: u64 = 4;
/// Seconds since the epoch of the Date of message 0: Mon, 05 Jan 2026 08:00:00 +0000.
const FIRST_DATE_S: u64 = 1_767_600_000;

const SYLLABLES: [&str; 40] = [
    "al", "ber", "con", "der", "en", "for", "gra", "hal", "in", "jo", "ker", "lo", "men", "nor", "or", "per", "qua",
    "re", "sta", "ter", "un", "ver", "wor", "xi", "yel", "zo", "tion", "ment", "ing", "ed", "ly", "ous", "ship",
    "land", "mar", "port", "sol", "tra", "vin", "ward",
];
const FIRST: [&str; 16] = [
    "Ada", "Ben", "Clara", "David", "Elena", "Farid", "Grace", "Hugo", "Ines", "Jonas", "Katja", "Luca", "Mira",
    "Noor", "Omar", "Petra",
];
const LAST: [&str; 16] = [
    "Moore", "Keller", "Rossi", "Novak", "Silva", "Berg", "Dubois", "Tanaka", "Okafor", "Lind", "Costa", "Meyer",
    "Haas", "Ivanova", "Reyes", "Walsh",
];
const AGENTS: [&str; 4] = ["Mozilla Thunderbird", "Apple Mail (2.3774)", "Evolution 3.50.3", "Mutt/2.2.12"];

/// Makes messages. One per run; shared by all connections.
#[derive(Debug)]
pub struct Generator {
    seed: u64,
    /// Lines of words, CRLF included.
    text: Vec<u8>,
    /// Offsets of the lines of `text`.
    line_starts: Vec<u32>,
    /// Lines of base64, `BASE64_LINE` bytes each.
    binary: Vec<u8>,
    /// Mailboxes that messages are dealt to in turn: conversations stay within one.
    lanes: u64,
}

impl Generator {
    pub fn new(seed: u64, lanes: u64) -> Self {
        let rng = SeededRng::new(seed ^ 0x006d_6573_7361_6765);
        let (text, line_starts) = text_pool(&rng);
        Generator { seed, text, line_starts, binary: binary_pool(&rng), lanes: lanes.max(1) }
    }

    /// The Message-ID of message `index`, without angle brackets.
    pub fn message_id(&self, index: u64) -> String {
        format!("{index:09}.{:08x}.load@sender.example", self.random(index).next_u64() >> 32)
    }

    /// Appends message `index` of `size` bytes to `out`.
    pub fn write(&self, index: u64, size: usize, to: &str, out: &mut Vec<u8>) {
        let begin = out.len();
        let rng = self.random(index);
        rng.next_u64(); // the first number made the Message-ID
        let attachment = size >= ATTACHMENT_FROM_BYTES;
        let alternative = !attachment && index % 3 == 1;
        self.headers(index, to, &rng, out);
        match (attachment, alternative) {
            (true, _) => self.mixed(index, begin + size, &rng, out),
            (false, true) => self.alternative(index, begin + size, &rng, out),
            (false, false) => {
                put(
                    out,
                    "Content-Type: text/plain; charset=utf-8; format=flowed\r\nContent-Transfer-Encoding: 7bit\r\n\r\n",
                );
                self.lines_until(begin + size, &rng, out);
            }
        }
    }

    fn random(&self, index: u64) -> SeededRng {
        SeededRng::new(self.seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ index.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// The first message of the conversation that message `index` belongs to.
    fn root_of(&self, index: u64) -> u64 {
        let (lane, nth) = (index % self.lanes, index / self.lanes);
        (nth - nth % THREAD_MESSAGES) * self.lanes + lane
    }

    fn subject(&self, index: u64) -> String {
        let rng = SeededRng::new(self.seed ^ index.wrapping_mul(0x00d6_e8fe_b866_59fd));
        let words = 3 + rng.below(5);
        let mut subject = String::new();
        for _ in 0..words {
            if !subject.is_empty() {
                subject.push(' ');
            }
            word(&rng, &mut subject);
        }
        subject
    }

    fn headers(&self, index: u64, to: &str, rng: &SeededRng, out: &mut Vec<u8>) {
        let (first, last) = (pick(rng, &FIRST), pick(rng, &LAST));
        let date = date(FIRST_DATE_S + index * 7);
        let root = self.root_of(index);
        let id = self.message_id(index);
        let (local, host) = (first.to_lowercase(), last.to_lowercase());
        let queue_id = rng.next_u64() >> 16;
        put(
            out,
            &format!(
                "Received: from out{}.{host}.example (out.{host}.example [192.0.2.{}])\r\n\tby relay.sender.example with ESMTPS id {queue_id:012X};\r\n\t{date}\r\n",
                index % 9,
                rng.below(250)
            ),
        );
        put(
            out,
            &format!(
                "Message-ID: <{id}>\r\nDate: {date}\r\nFrom: {first} {last} <{local}@{host}.example>\r\nTo: <{to}>\r\n"
            ),
        );
        if index.is_multiple_of(5) {
            put(out, &format!("Cc: \"{} {}\" <team@{host}.example>\r\n", pick(rng, &FIRST), pick(rng, &LAST)));
        }
        if root == index {
            put(out, &format!("Subject: {}\r\n", self.subject(root)));
        } else {
            let parent = self.message_id(root);
            put(
                out,
                &format!(
                    "Subject: Re: {}\r\nIn-Reply-To: <{parent}>\r\nReferences: <{parent}>\r\n",
                    self.subject(root)
                ),
            );
        }
        put(out, &format!("User-Agent: {}\r\nMIME-Version: 1.0\r\n", pick(rng, &AGENTS)));
    }

    fn alternative(&self, index: u64, end: usize, rng: &SeededRng, out: &mut Vec<u8>) {
        let boundary = format!("=_alt_{index:x}_{:x}", rng.next_u64());
        put(
            out,
            &format!(
                "Content-Type: multipart/alternative; boundary=\"{boundary}\"\r\n\r\n--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
            ),
        );
        let html = format!("\r\n--{boundary}\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body><p>\r\n");
        let tail = format!("</p></body></html>\r\n--{boundary}--\r\n");
        let rest = end.saturating_sub(out.len() + html.len() + tail.len());
        self.lines_until(out.len() + rest / 2, rng, out);
        put(out, &html);
        self.lines_until(end.saturating_sub(tail.len()), rng, out);
        put(out, &tail);
    }

    fn mixed(&self, index: u64, end: usize, rng: &SeededRng, out: &mut Vec<u8>) {
        let boundary = format!("=_mix_{index:x}_{:x}", rng.next_u64());
        put(
            out,
            &format!(
                "Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\r\n--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
            ),
        );
        let part = format!(
            "\r\n--{boundary}\r\nContent-Type: application/pdf; name=\"report-{index}.pdf\"\r\nContent-Disposition: attachment; filename=\"report-{index}.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        );
        let tail = format!("--{boundary}--\r\n");
        let rest = end.saturating_sub(out.len() + part.len() + tail.len());
        // Two thirds of the rest is the attachment, in whole lines; the text takes what is left over.
        let lines = rest * 2 / 3 / BASE64_LINE;
        let text_end = end.saturating_sub(part.len() + tail.len() + lines * BASE64_LINE);
        self.lines_until(text_end, rng, out);
        put(out, &part);
        let available = self.binary.len() / BASE64_LINE;
        let from = rng.below(available.saturating_sub(lines).max(1) as u64) as usize * BASE64_LINE;
        out.extend_from_slice(self.binary.get(from..from + lines * BASE64_LINE).unwrap_or(&self.binary));
        put(out, &tail);
    }

    /// Whole lines of text from a random place on until `out` is exactly `end` bytes long.
    fn lines_until(&self, end: usize, rng: &SeededRng, out: &mut Vec<u8>) {
        while end > out.len() {
            let left = end - out.len();
            if left < 3 {
                // Too little for a line: a line end of its own, or a longer last line.
                match left {
                    2 => put(out, "\r\n"),
                    _ => out.insert(out.len() - 2, b'-'),
                }
                return;
            }
            let start = self.line_starts.get(rng.below(self.line_starts.len() as u64) as usize).copied().unwrap_or(0);
            let pool = self.text.get(start as usize..).unwrap_or(&self.text);
            match pool.get(..left - 2) {
                // The last piece: cut anywhere and end the line.
                Some(piece) => {
                    let piece = match piece.strip_suffix(b"\r") {
                        Some(p) => [p, b"-".as_slice()].concat(),
                        None => piece.to_vec(),
                    };
                    out.extend_from_slice(&piece);
                    put(out, "\r\n");
                    return;
                }
                None => out.extend_from_slice(pool),
            }
        }
    }
}

fn put(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

fn pick<'a>(rng: &SeededRng, from: &[&'a str]) -> &'a str {
    from.get(rng.below(from.len() as u64) as usize).copied().unwrap_or("")
}

/// One to three syllables; a lower number of syllables is likelier, so words repeat as in prose.
fn word(rng: &SeededRng, out: &mut String) {
    let dice = rng.below(10);
    let syllables = 1 + u64::from(dice > 3) + u64::from(dice > 7);
    for _ in 0..syllables {
        // The smaller of two numbers: early syllables are commoner.
        let at = rng.below(SYLLABLES.len() as u64).min(rng.below(SYLLABLES.len() as u64));
        out.push_str(SYLLABLES.get(at as usize).copied().unwrap_or(""));
    }
}

/// Prose-like lines, one in eight with a token no dictionary has.
fn text_pool(rng: &SeededRng) -> (Vec<u8>, Vec<u32>) {
    let (mut text, mut starts) = (Vec::with_capacity(TEXT_POOL_BYTES), Vec::new());
    let mut line = String::new();
    while text.len() < TEXT_POOL_BYTES {
        starts.push(text.len() as u32);
        line.clear();
        if rng.below(8) == 0 {
            line.push_str(&format!("https://{:x}.example/{:016x} ", rng.below(4096), rng.next_u64()));
        }
        while line.len() < 60 {
            word(rng, &mut line);
            line.push(' ');
        }
        text.extend_from_slice(line.trim_end().as_bytes());
        text.extend_from_slice(b"\r\n");
    }
    (text, starts)
}

fn binary_pool(rng: &SeededRng) -> Vec<u8> {
    let mut pool = Vec::with_capacity(BINARY_POOL_BYTES + BASE64_LINE);
    let mut raw = Vec::with_capacity(64);
    while pool.len() < BINARY_POOL_BYTES {
        raw.clear();
        while raw.len() < 57 {
            raw.extend_from_slice(&rng.next_u64().to_le_bytes());
        }
        raw.truncate(57);
        put(&mut pool, &base64::engine::general_purpose::STANDARD.encode(&raw));
        put(&mut pool, "\r\n");
    }
    pool
}

/// RFC 5322 date-time of seconds since the epoch, in UTC (Howard Hinnant's civil-from-days).
pub fn date(secs: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let days = secs / 86_400;
    let z = days + 719_468;
    let (era, doe) = (z / 146_097, z % 146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + u64::from(month <= 2);
    let mut text = Vec::with_capacity(32);
    let _ = write!(
        text,
        "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} +0000",
        DAYS.get((days % 7) as usize).copied().unwrap_or(""),
        MONTHS.get((month - 1) as usize).copied().unwrap_or(""),
        secs / 3600 % 24,
        secs / 60 % 60,
        secs % 60
    );
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(g: &Generator, index: u64, size: usize) -> Vec<u8> {
        let mut out = Vec::new();
        g.write(index, size, "ada@example.org", &mut out);
        out
    }

    #[test]
    fn messages_have_the_size_asked_for_and_clean_lines() {
        let g = Generator::new(1, 5);
        for size in (2000..2080).chain([4096, 16_384, 16_385, 51_200, 51_201, 1 << 20]) {
            for index in 0..7 {
                let m = message(&g, index, size);
                assert_eq!(m.len(), size, "index {index}");
                let text = String::from_utf8(m).unwrap();
                assert!(text.ends_with("\r\n"));
                for line in text.strip_suffix("\r\n").unwrap().split("\r\n") {
                    assert!(line.len() <= 98, "{line}");
                    assert!(!line.contains(['\r', '\n']) && !line.starts_with('.'), "{line:?}");
                }
            }
        }
    }

    #[test]
    fn a_seed_and_an_index_give_the_same_bytes_again() {
        let (a, b) = (Generator::new(3, 5), Generator::new(3, 5));
        assert_eq!(message(&a, 17, 4096), message(&b, 17, 4096));
        assert_ne!(message(&a, 17, 4096), message(&a, 18, 4096));
        assert_ne!(message(&a, 17, 4096), message(&Generator::new(4, 5), 17, 4096));
    }

    #[test]
    fn ids_are_distinct_and_replies_stay_in_their_mailbox() {
        let g = Generator::new(1, 5);
        let ids: std::collections::HashSet<String> = (0..10_000).map(|i| g.message_id(i)).collect();
        assert_eq!(ids.len(), 10_000);
        for i in 0..200 {
            assert_eq!(g.root_of(i) % 5, i % 5);
            assert!(g.root_of(i) <= i && i - g.root_of(i) < 20);
        }
    }

    #[test]
    fn text_compresses_like_prose_and_attachments_do_not_repeat() {
        let g = Generator::new(1, 1);
        let m = message(&g, 0, 51_200);
        let parts = m.windows(4).collect::<std::collections::HashSet<_>>().len();
        assert!(parts > 20_000, "{parts}");
    }

    #[test]
    fn dates() {
        assert_eq!(date(0), "Thu, 01 Jan 1970 00:00:00 +0000");
        assert_eq!(date(951_826_245), "Tue, 29 Feb 2000 12:10:45 +0000");
        assert_eq!(date(FIRST_DATE_S), "Mon, 05 Jan 2026 08:00:00 +0000");
    }
}
