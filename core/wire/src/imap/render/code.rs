//! SUMMARY    Response codes.
//! STANDARDS  RFC 9051 §7.1, RFC 4315, RFC 5530, RFC 6154, RFC 7162, RFC 8437, RFC 8474, RFC 9208, RFC 4978, RFC 4469

use super::{number, string};
use crate::imap::set::NumSet;

/// What stands in brackets after OK, NO, BAD or BYE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code<'a> {
    /// A code without arguments, by its name: ALERT, READ-ONLY, TRYCREATE, AUTHENTICATIONFAILED, OVERQUOTA ..
    Word(&'static str),
    BadCharset(&'a [&'a str]),
    Capability(&'a [&'a str]),
    PermanentFlags {
        keywords: &'a [String],
        new: bool,
        none: bool,
    },
    UidNext(u32),
    UidValidity(u32),
    Unseen(u32),
    HighestModSeq(u64),
    AppendUid {
        uid_validity: u32,
        uids: &'a NumSet,
    },
    CopyUid {
        uid_validity: u32,
        from: &'a NumSet,
        to: &'a NumSet,
    },
    Modified(&'a NumSet),
    MailboxId(&'a str),
    /// A catenated URL that could not be resolved.
    BadUrl(&'a str),
    Limit,
    TooBig,
}

impl Code<'_> {
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut counted = |name: &str, n: u64| {
            out.extend_from_slice(name.as_bytes());
            number(out, n);
        };
        match self {
            Code::UidNext(n) => counted("UIDNEXT ", u64::from(*n)),
            Code::UidValidity(n) => counted("UIDVALIDITY ", u64::from(*n)),
            Code::Unseen(n) => counted("UNSEEN ", u64::from(*n)),
            Code::HighestModSeq(n) => counted("HIGHESTMODSEQ ", *n),
            Code::Word(word) => out.extend_from_slice(word.as_bytes()),
            Code::Limit => out.extend_from_slice(b"LIMIT"),
            Code::TooBig => out.extend_from_slice(b"TOOBIG"),
            Code::BadCharset(names) => {
                out.extend_from_slice(b"BADCHARSET ");
                super::list_of(out, names.iter().copied());
            }
            Code::Capability(names) => {
                out.extend_from_slice(b"CAPABILITY");
                for name in *names {
                    out.push(b' ');
                    out.extend_from_slice(name.as_bytes());
                }
            }
            Code::PermanentFlags { keywords, new, none } => {
                out.extend_from_slice(b"PERMANENTFLAGS ");
                let system = ["\\Answered", "\\Flagged", "\\Deleted", "\\Seen", "\\Draft"];
                let names = system.into_iter().chain(keywords.iter().map(String::as_str)).chain(new.then_some("\\*"));
                super::list_of(out, names.filter(|_| !none));
            }
            Code::AppendUid { uid_validity, uids } => {
                out.extend_from_slice(b"APPENDUID ");
                number(out, u64::from(*uid_validity));
                out.push(b' ');
                uids.render(out);
            }
            Code::CopyUid { uid_validity, from, to } => {
                out.extend_from_slice(b"COPYUID ");
                number(out, u64::from(*uid_validity));
                out.push(b' ');
                from.render(out);
                out.push(b' ');
                to.render(out);
            }
            Code::Modified(set) => {
                out.extend_from_slice(b"MODIFIED ");
                set.render(out);
            }
            Code::MailboxId(id) => {
                out.extend_from_slice(b"MAILBOXID (");
                out.extend_from_slice(id.as_bytes());
                out.push(b')');
            }
            Code::BadUrl(url) => {
                out.extend_from_slice(b"BADURL ");
                string(out, url.as_bytes());
            }
        }
    }
}
