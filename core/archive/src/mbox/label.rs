//! SUMMARY    Labels of Gmail, as Google Takeout writes them into each message: mailboxes, roles and keywords.
//! STANDARDS  RFC 2047 (encoded words), RFC 8621 §4.1.1 (keywords), RFC 8457 (`$important`)
//! SECURITY   The field is a stranger's. Any bytes are labels; control characters are none.
//! LIMITS     MBOX_LABELS_BYTES_MAX, MBOX_LABELS_MAX, MAILBOX_PATH_BYTES_MAX (a longer label is cut)
//! INVARIANTS Names of Gmail itself are known in English, German and French; in other languages they become mailboxes. A label of the
//!            user's that is called like one of them is taken for it: the field does not tell them apart.

use std::collections::BTreeSet;

use base::limits::{KEYWORD_BYTES_MAX, MAILBOX_PATH_BYTES_MAX, MBOX_LABELS_BYTES_MAX, MBOX_LABELS_MAX};
use wire::mime::decode_text;

use crate::metadata::Role;

/// What the labels of one message say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labels {
    /// Mailboxes of Gmail itself, by what they are for; `Archive` is where mail is that is in none of the others.
    pub roles: BTreeSet<Role>,
    /// Labels of the user: paths with `/` between levels.
    pub mailboxes: BTreeSet<String>,
    /// Keywords as JMAP has them: `$seen` (unless the message is unread), `$flagged`, `$important`, `$draft`, and what a client
    /// had set over IMAP.
    pub keywords: BTreeSet<String>,
}

/// What a label of Gmail means.
#[derive(Clone, Copy)]
enum Meaning {
    Role(Role),
    Keyword(&'static str),
    Unread,
    /// Said by others already (opened is not unread), or by where it is.
    Nothing,
}

/// Names of Gmail in lower case.
const MEANINGS: [(&[&str], Meaning); 13] = [
    (&["inbox", "posteingang", "boîte de réception"], Meaning::Role(Role::Inbox)),
    (&["sent", "sent mail", "gesendet", "envoyé", "envoyés", "messages envoyés"], Meaning::Role(Role::Sent)),
    (&["draft", "drafts", "entwurf", "entwürfe", "brouillon", "brouillons"], Meaning::Role(Role::Drafts)),
    (&["trash", "bin", "papierkorb", "corbeille"], Meaning::Role(Role::Trash)),
    (&["spam", "pourriel"], Meaning::Role(Role::Junk)),
    (&["archived", "archiviert", "archivé", "archivés", "messages archivés"], Meaning::Role(Role::Archive)),
    (&["starred", "markiert", "suivi", "suivis", "messages suivis"], Meaning::Keyword("$flagged")),
    (&["important", "wichtig", "importants", "messages importants"], Meaning::Keyword("$important")),
    (&["unread", "ungelesen", "non lu", "non lus", "messages non lus"], Meaning::Unread),
    (&["opened", "geöffnet", "ouvert", "ouverts"], Meaning::Nothing),
    (&["all mail", "alle nachrichten", "tous les messages"], Meaning::Nothing),
    (&["imap_notjunk", "imap_$notjunk", "imap_nonjunk"], Meaning::Keyword("$notjunk")),
    (&["imap_junk", "imap_$junk"], Meaning::Keyword("$junk")),
];

/// Beginnings of labels that Gmail gives by itself: `Category Updates`, `Kategorie: "Werbung"`, `Catégorie : E-mails personnels`.
const CATEGORIES: [&str; 3] = ["category ", "kategorie:", "catégorie :"];

/// Reads the value of `X-Gmail-Labels`, folded and encoded as it came.
pub fn gmail_labels(value: &[u8]) -> Labels {
    let value = value.get(..MBOX_LABELS_BYTES_MAX).unwrap_or(value);
    let mut out = Labels::default();
    let mut unread = false;
    for label in split(&decode_text(value)).into_iter().take(MBOX_LABELS_MAX) {
        let lower = label.to_lowercase();
        match MEANINGS.iter().find(|(names, _)| names.contains(&lower.as_str())) {
            Some((_, Meaning::Role(role))) => {
                out.roles.insert(*role);
            }
            Some((_, Meaning::Keyword(keyword))) => {
                out.keywords.insert((*keyword).to_owned());
            }
            Some((_, Meaning::Unread)) => unread = true,
            Some((_, Meaning::Nothing)) => {}
            None => other(&label, &lower, &mut out),
        }
    }
    if !unread {
        out.keywords.insert("$seen".to_owned());
    }
    if out.roles.contains(&Role::Drafts) {
        out.keywords.insert("$draft".to_owned());
    }
    out
}

fn other(label: &str, lower: &str, out: &mut Labels) {
    if CATEGORIES.iter().any(|c| lower.starts_with(c)) {
        return;
    }
    match lower.strip_prefix("imap_") {
        Some(keyword) if is_keyword(keyword) => out.keywords.insert(keyword.to_owned()),
        _ => out.mailboxes.insert(label.to_owned()),
    };
}

/// An atom of IMAP (RFC 8621 §4.1.1).
fn is_keyword(text: &str) -> bool {
    let atom = |b: u8| b.is_ascii_graphic() && !b"(){]%*\"\\".contains(&b);
    !text.is_empty() && text.len() <= KEYWORD_BYTES_MAX && text.bytes().all(atom)
}

/// Labels with commas between them; a comma between double quotes is part of a label. A quote that is not closed is none.
fn split(text: &str) -> Vec<String> {
    let last = text.rfind('"').filter(|_| text.matches('"').count() % 2 == 1);
    let (mut quoted, mut label, mut out) = (false, String::new(), Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            ',' if !quoted => out.extend(tidy(&std::mem::take(&mut label))),
            _ => {
                quoted ^= c == '"' && Some(at) != last;
                label.push(c);
            }
        }
    }
    out.extend(tidy(&label));
    out
}

/// A label without the quotes and spaces around it; None if nothing is left.
fn tidy(label: &str) -> Option<String> {
    let plain: String = label.chars().map(|c| if c.is_control() || c == '\u{a0}' { ' ' } else { c }).collect();
    let plain = plain.trim();
    let inner = plain.strip_prefix('"').and_then(|p| p.strip_suffix('"')).unwrap_or(plain).trim();
    let cut = inner.get(..inner.floor_char_boundary(MAILBOX_PATH_BYTES_MAX)).unwrap_or_default().trim_end();
    (!cut.is_empty()).then(|| cut.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Roles, mailboxes and keywords in one line.
    fn check(value: &str, expect: &str) {
        let labels = gmail_labels(value.as_bytes());
        let roles = labels.roles.iter().map(|r| format!("{r:?}"));
        let all: Vec<String> = roles.chain(labels.mailboxes).chain(labels.keywords).collect();
        assert_eq!(all.join(" | "), expect, "{value}");
    }

    #[test]
    fn labels_of_takeout() {
        check("Inbox,Important,Opened,Category Updates", "Inbox | $important | $seen");
        check("Sent,Starred,Unread", "Sent | $flagged");
        check("Archived,Work/2026,Opened", "Archive | Work/2026 | $seen");
        check("Draft", "Drafts | $draft | $seen");
        check("Spam, Trash ,Unread", "Trash | Junk");
        check("Archived,IMAP_$Forwarded,IMAP_NotJunk,IMAP_a b", "Archive | IMAP_a b | $forwarded | $notjunk | $seen");
        check("", "$seen");
        check(" , ,,", "$seen");
    }

    #[test]
    fn labels_in_german_and_french() {
        check("=?UTF-8?Q?Posteingang,Wichtig,Ungelesen,Kategorie:_=22Neuigkeiten=22?=", "Inbox | $important");
        check("=?UTF-8?Q?Archiviert,Ge=C3=B6ffnet,Kategorie:_=22=22Pers=C3=B6nlich=22=22?=", "Archive | $seen");
        check(
            "=?UTF-8?Q?Entw=C3=BCrfe,Papierkorb,Gesendet,Markiert?=",
            "Sent | Drafts | Trash | $draft | $flagged | $seen",
        );
        check("=?UTF-8?Q?Bo=C3=AEte_de_r=C3=A9ception,Non_lus?=", "Inbox");
        check(
            "=?UTF-8?Q?Messages_archiv=C3=A9s,Ouvert,Cat=C3=A9gorie=C2=A0:_E-mails_?=\r\n \
             =?UTF-8?Q?personnels,\"Culture,_associations,_=C3=A9v=C3=A9nements\"?=",
            "Archive | Culture, associations, événements | $seen",
        );
    }

    #[test]
    fn commas_and_quotes() {
        check("\"Kunden, alt\",=?UTF-8?Q?Ge=C3=B6ffnet?=", "Kunden, alt | $seen");
        check("=?UTF-8?Q?Caf=C3=A9=2CInbox?=", "Inbox | Café | $seen");
        check("5\" disks,Inbox", "Inbox | 5\" disks | $seen");
        check("a \"b, c\" d,\"e,f", "\"e | a \"b, c\" d | f | $seen");
        check("a\u{0}b\u{1b}[31m", "a b [31m | $seen");
    }

    #[test]
    fn hostile_fields_are_bounded() {
        let many: String = (0..100_000).map(|n| format!("{n},")).collect();
        assert_eq!(gmail_labels(many.as_bytes()).mailboxes.len(), MBOX_LABELS_MAX);
        let long = gmail_labels("ä".repeat(30_000).as_bytes());
        assert!(long.mailboxes.iter().all(|m| m.len() <= MAILBOX_PATH_BYTES_MAX));
    }
}
