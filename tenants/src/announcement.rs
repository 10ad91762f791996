//! SUMMARY    Announcements: what a tenant tells the people of all tenants below it, for a time.
//! STANDARDS  docs/decisions/0052-the-operators-console.md; BCP 47 (language tags)
//! SECURITY   Texts are plain: whoever shows one escapes it. What the provider tells is shown before anybody has signed in.
//! LIMITS     ANNOUNCEMENT_CHARS_MAX, ANNOUNCEMENT_LANGUAGES_MAX, ANNOUNCEMENTS_OPEN_MAX, ANNOUNCEMENTS_SHOWN_MAX, ANNOUNCEMENT_KEPT
//! INVARIANTS Nobody sees what stands below or beside. Who put one away sees it again once it says something else.

mod shown;
mod write;

use crate::{
    Code, Error, Result,
    db::Row,
    limits::{ANNOUNCEMENT_CHARS_MAX, ANNOUNCEMENT_LANGUAGES_MAX},
    rows::{id, number, optional, text},
    visible::seen,
};
use base::TenantId;
use serde::{Deserialize, Serialize};

/// Longest language tag that is taken, characters.
const TAG_CHARS_MAX: usize = 35;

/// What it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Severity {
    Info,
    /// Something will not work for a while.
    Maintenance,
    /// Something does not work.
    Incident,
}

impl Severity {
    const EVERY: [(Severity, &'static str); 3] =
        [(Severity::Info, "INFO"), (Severity::Maintenance, "MAINTENANCE"), (Severity::Incident, "INCIDENT")];

    /// As it is stored and shown.
    pub fn name(self) -> &'static str {
        Self::EVERY.iter().find(|(severity, _)| *severity == self).map_or("", |(_, name)| name)
    }

    fn parse(text: &str) -> Result<Severity> {
        Self::EVERY.iter().find(|(_, name)| *name == text).map(|(severity, _)| *severity).ok_or_else(damaged)
    }
}

/// What is told, in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnnouncementText {
    /// A tag: `de`, `fr-CH`.
    pub language: String,
    /// One plain line.
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// `ann_…`
    pub id: String,
    /// Who tells it.
    pub tenant: TenantId,
    pub severity: Severity,
    /// The first one is for who reads none of the others.
    pub texts: Vec<AnnouncementText>,
    pub starts_at_ms: i64,
    /// It stays until somebody ends it, when missing.
    pub ends_at_ms: Option<i64>,
    /// Whether each person may put it away.
    pub dismissible: bool,
    pub version: i64,
    pub created_by: String,
    pub created_at_ms: i64,
}

impl Announcement {
    /// The text for who reads a language: of that tag, of that language, else the first one.
    pub fn text(&self, language: &str) -> Option<&AnnouncementText> {
        let primary = |tag: &str| tag.split('-').next().unwrap_or_default().to_lowercase();
        let exact = self.texts.iter().find(|t| t.language.eq_ignore_ascii_case(language));
        exact.or_else(|| self.texts.iter().find(|t| primary(&t.language) == primary(language))).or(self.texts.first())
    }
}

/// An announcement to be made.
#[derive(Debug, Clone)]
pub struct NewAnnouncement {
    pub tenant: TenantId,
    pub severity: Severity,
    pub texts: Vec<AnnouncementText>,
    /// Now, when missing.
    pub starts_at_ms: Option<i64>,
    pub ends_at_ms: Option<i64>,
    pub dismissible: bool,
}

/// Changes; `None` leaves as it is.
#[derive(Debug, Clone, Default)]
pub struct AnnouncementPatch {
    pub severity: Option<Severity>,
    pub texts: Option<Vec<AnnouncementText>>,
    pub starts_at_ms: Option<i64>,
    /// `Some(None)`: it has no end.
    pub ends_at_ms: Option<Option<i64>>,
    pub dismissible: Option<bool>,
}

fn damaged() -> Error {
    Error::new(Code::Internal, "", "a stored announcement is damaged")
}

/// Texts as they are kept. `Invalid`.
fn checked(texts: &[AnnouncementText]) -> Result<Vec<AnnouncementText>> {
    let invalid = |message: String| Err(Error::new(Code::Invalid, "texts", message));
    if texts.is_empty() || texts.len() > ANNOUNCEMENT_LANGUAGES_MAX {
        return invalid(format!("1 to {ANNOUNCEMENT_LANGUAGES_MAX} languages (ANNOUNCEMENT_LANGUAGES_MAX)"));
    }
    let mut kept: Vec<AnnouncementText> = Vec::with_capacity(texts.len());
    for AnnouncementText { language, text } in texts {
        let (language, text) = (language.trim(), text.trim());
        let is_part = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
        if language.len() > TAG_CHARS_MAX || !language.split('-').all(is_part) {
            return invalid("A language is a tag like de or fr-CH".to_owned());
        }
        if kept.iter().any(|known| known.language.eq_ignore_ascii_case(language)) {
            return invalid(format!("There are two texts in {language}"));
        }
        if text.is_empty() || text.chars().count() > ANNOUNCEMENT_CHARS_MAX || text.chars().any(char::is_control) {
            return invalid(format!(
                "A text is one line of 1 to {ANNOUNCEMENT_CHARS_MAX} characters (ANNOUNCEMENT_CHARS_MAX)"
            ));
        }
        seen(text, "texts")?;
        kept.push(AnnouncementText { language: language.to_owned(), text: text.to_owned() });
    }
    Ok(kept)
}

/// `Invalid`: the end comes before the beginning, or has passed.
fn checked_times(starts_at_ms: i64, ends_at_ms: Option<i64>, now_ms: i64) -> Result<()> {
    match ends_at_ms {
        Some(end) if end <= starts_at_ms || end <= now_ms => {
            Err(Error::new(Code::Invalid, "endsAt", "It ends after it begins, and not in the past"))
        }
        Some(_) | None => Ok(()),
    }
}

fn from_row(row: &Row) -> Result<Announcement> {
    Ok(Announcement {
        id: text(row, "id")?,
        tenant: id(row, "tenant")?,
        severity: Severity::parse(&text(row, "severity")?)?,
        texts: serde_json::from_str(&text(row, "texts")?).map_err(|_| damaged())?,
        starts_at_ms: number(row, "starts_at")?,
        ends_at_ms: optional(row, "ends_at")?,
        dismissible: number(row, "dismissible")? != 0,
        version: number(row, "version")?,
        created_by: text(row, "created_by")?,
        created_at_ms: number(row, "created_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(all: &[(&str, &str)]) -> Vec<AnnouncementText> {
        let of = |(language, text): &(&str, &str)| AnnouncementText {
            language: (*language).to_owned(),
            text: (*text).to_owned(),
        };
        all.iter().map(of).collect()
    }

    #[test]
    fn who_reads_none_of_the_languages_gets_the_first() {
        let told = Announcement {
            id: String::new(),
            tenant: TenantId(1),
            severity: Severity::Info,
            texts: texts(&[("en", "E"), ("de", "D"), ("de-CH", "C"), ("fr-CA", "F")]),
            starts_at_ms: 0,
            ends_at_ms: None,
            dismissible: true,
            version: 1,
            created_by: String::new(),
            created_at_ms: 0,
        };
        for (language, text) in
            [("en", "E"), ("en-GB", "E"), ("de", "D"), ("DE-ch", "C"), ("de-AT", "D"), ("fr", "F"), ("it", "E")]
        {
            assert_eq!(told.text(language).unwrap().text, text, "{language}");
        }
    }

    #[test]
    fn texts_are_plain_lines_one_for_each_language() {
        assert_eq!(checked(&texts(&[(" en ", " Hello <b> ")])).unwrap(), texts(&[("en", "Hello <b>")]));
        let long = "x".repeat(ANNOUNCEMENT_CHARS_MAX + 1);
        let many: Vec<(String, &str)> = (0..=ANNOUNCEMENT_LANGUAGES_MAX).map(|n| (format!("x{n}"), "x")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|(tag, text)| (tag.as_str(), *text)).collect();
        for wrong in [
            &[][..],
            &[("", "x")],
            &[("en", "")],
            &[("en", "a\nb")],
            &[("en", "a\u{202e}b")],
            &[("en", &long)],
            &[("en", "a"), ("EN", "b")],
            &[("english tongue", "a")],
            &many,
        ] {
            assert_eq!(checked(&texts(wrong)).unwrap_err().code, Code::Invalid, "{wrong:?}");
        }
    }

    #[test]
    fn an_end_comes_after_the_beginning_and_after_now() {
        for (starts, ends, fits) in
            [(5, None, true), (5, Some(6), true), (5, Some(5), false), (20, Some(15), false), (1, Some(9), false)]
        {
            let now = if starts == 1 { 10 } else { 0 };
            assert_eq!(checked_times(starts, ends, now).is_ok(), fits, "{starts} {ends:?}");
        }
    }
}
