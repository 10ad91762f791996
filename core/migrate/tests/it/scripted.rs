//! SUMMARY    A small IMAP server that says what a test wants, and sources that are not like ours: Gmail, bearer tokens, no CONDSTORE, bad messages.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

use crate::world::{EVE, World, source};
use migrate::{Error, Order, SignIn, Source, What};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};

/// What is answered to a command: its tag and the rest of its line; `None` closes the connection.
pub type Answer = Box<dyn FnMut(&str, &str) -> Option<Vec<u8>> + Send>;

pub struct Scripted {
    pub port: u16,
    /// Every line that was read.
    pub heard: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Scripted {
    /// `answers` makes what a connection says.
    pub async fn new(greeting: &'static str, mut answers: impl FnMut() -> Answer + Send + 'static) -> Scripted {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let told = heard.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (mut answer, told) = (answers(), told.clone());
                tokio::spawn(async move {
                    let (read, mut write) = stream.into_split();
                    let mut lines = BufReader::new(read).lines();
                    if write.write_all(greeting.as_bytes()).await.is_err() {
                        return;
                    }
                    while let Ok(Some(line)) = lines.next_line().await {
                        told.lock().unwrap().push(line.clone());
                        let (tag, rest) = line.split_once(' ').unwrap_or((&line, ""));
                        let Some(bytes) = answer(tag, rest) else { return };
                        if write.write_all(&bytes).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Scripted { port, heard, task }
    }

    pub fn source(&self) -> Source {
        source(self.port, "u", "p")
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub const GREETING: &str = "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN] ready\r\n";

/// A message of a folder that never changes.
#[derive(Clone)]
pub struct Message {
    pub uid: u32,
    pub flags: &'static str,
    pub extra: String,
    pub bytes: Vec<u8>,
}

pub fn message(uid: u32, text: &str) -> Message {
    Message { uid, flags: "\\Seen", extra: String::new(), bytes: text.as_bytes().to_vec() }
}

/// A set of uids as our commands have them.
pub fn in_set(set: &str, uid: u32) -> bool {
    set.split(',').any(|range| {
        let (a, b) = range.split_once(':').unwrap_or((range, range));
        (a.parse().unwrap()..=b.parse().unwrap()).contains(&uid)
    })
}

/// Folders with attributes and messages; `twist` may answer first.
pub fn folders(
    folders: Vec<(&'static str, &'static str, Vec<Message>)>,
    mut twist: impl FnMut(&str, &str) -> Option<Option<Vec<u8>>> + Send + 'static,
) -> Answer {
    let by_name: HashMap<&str, Vec<Message>> = folders.iter().map(|(n, _, m)| (*n, m.clone())).collect();
    let mut open: Vec<Message> = Vec::new();
    Box::new(move |tag, rest| {
        if let Some(answer) = twist(tag, rest) {
            return answer;
        }
        let mut out = Vec::new();
        let words: Vec<&str> = rest.split(' ').collect();
        let quoted = rest.split('"').nth(1).unwrap_or_default();
        match words[0] {
            "LIST" => {
                for (name, attributes, _) in &folders {
                    out.extend(format!("* LIST ({attributes}) \"/\" \"{name}\"\r\n").into_bytes());
                }
            }
            "STATUS" => {
                let many = by_name.get(quoted).map_or(0, Vec::len);
                out.extend(format!("* STATUS \"{quoted}\" (MESSAGES {many})\r\n").into_bytes());
            }
            "EXAMINE" => {
                open = by_name.get(quoted).cloned().unwrap_or_default();
                out.extend(format!("* {} EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n", open.len()).into_bytes());
            }
            "UID" => {
                let with_body = rest.contains("BODY.PEEK[]");
                for (at, m) in open.iter().enumerate().filter(|(_, m)| in_set(words[2], m.uid)) {
                    let (at, size) = (at + 1, m.bytes.len());
                    let items = format!("UID {} FLAGS ({}) RFC822.SIZE {size}{}", m.uid, m.flags, m.extra);
                    out.extend(format!("* {at} FETCH ({items}").into_bytes());
                    if with_body {
                        out.extend(
                            format!(" INTERNALDATE \"01-Jan-2020 00:00:00 +0000\" BODY[] {{{size}}}\r\n").into_bytes(),
                        );
                        out.extend(&m.bytes);
                    }
                    out.extend(b")\r\n");
                }
            }
            _ => {}
        }
        out.extend(format!("{tag} OK done\r\n").into_bytes());
        Some(out)
    })
}

#[tokio::test]
async fn labels_of_gmail_are_mailboxes() {
    let labelled = |uid, labels: &str| Message {
        extra: format!(" X-GM-LABELS ({labels})"),
        ..message(uid, &format!("Subject: {uid}\r\n\r\n"))
    };
    let all = vec![
        labelled(1, "\"\\\\Inbox\" \"\\\\Important\" Work/2020"),
        labelled(2, "\"\\\\Sent\""),
        labelled(3, ""),
        labelled(4, "\"Rechnungen &- mehr\" \\Starred"),
    ];
    let greeting = "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=XOAUTH2 X-GM-EXT-1] Gimap ready\r\n";
    let server = Scripted::new(greeting, move || {
        let spam = vec![message(9, "Subject: spam\r\n\r\n")];
        let shown = vec![message(5, "Subject: 1\r\n\r\n")];
        let all =
            vec![("INBOX", "", shown), ("[Gmail]/All Mail", "\\All", all.clone()), ("[Gmail]/Spam", "\\Junk", spam)];
        folders(all, |tag, rest| match rest {
            _ if rest.starts_with("AUTHENTICATE") => Some(Some(
                format!("* CAPABILITY IMAP4rev1 X-GM-EXT-1\r\n{tag} OK u@g.example authenticated (Success)\r\n")
                    .into_bytes(),
            )),
            _ => None,
        })
    })
    .await;
    let world = World::new().await;
    let source = Source { sign_in: SignIn::Token, ..server.source() };
    let report = world.run(&source, &Order::default()).await.unwrap();
    assert_eq!((report.stored, report.failed), (5, 0), "{report:?}");
    let expect =
        ["INBOX", "Archive", "Junk", "Rechnungen & mehr", "Sent", "Work/2020"].map(|path| (path.to_owned(), 1));
    assert_eq!(world.counts(EVE).await, expect);
    let again = world.run(&source, &Order::default()).await.unwrap();
    assert_eq!((again.stored, again.found), (0, 0));
    world.dump(EVE).await;
    let heard = server.heard.lock().unwrap().join("\n");
    assert!(heard.contains("AUTHENTICATE XOAUTH2 ") && !heard.contains("EXAMINE \"INBOX\""), "{heard}");
}

#[tokio::test]
async fn a_refused_token_ends_it_at_once_and_is_read_anew_for_each_connection() {
    let greeting = "* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=OAUTHBEARER] ready\r\n";
    let server = Scripted::new(greeting, || {
        let mut failed = None;
        Box::new(move |tag, rest| {
            if rest.starts_with("AUTHENTICATE") {
                failed = Some(tag.to_owned());
                // The error in base64; it is answered with an empty line.
                return Some(b"+ eyJzdGF0dXMiOiI0MDEifQ==\r\n".to_vec());
            }
            failed.take().map(|tag| format!("{tag} NO [AUTHENTICATIONFAILED] Invalid token\r\n").into_bytes())
        })
    })
    .await;
    let world = World::new().await;
    let asked = Arc::new(Mutex::new(0));
    let counted = asked.clone();
    let secret: migrate::Secret = Arc::new(move || {
        *counted.lock().unwrap() += 1;
        Ok(zeroize::Zeroizing::new(format!("token {}", counted.lock().unwrap())))
    });
    let source = Source { sign_in: SignIn::Token, secret, ..server.source() };
    for _ in 0..2 {
        let failed = world.run(&source, &Order::default()).await.unwrap_err();
        assert!(matches!(&failed.why, Error::Refused(why) if why.contains("Invalid token")), "{failed}");
    }
    assert_eq!(*asked.lock().unwrap(), 2);
}

#[tokio::test]
async fn a_password_goes_nowhere_that_takes_none() {
    let server =
        Scripted::new("* OK [CAPABILITY IMAP4rev1 LOGINDISABLED] ready\r\n", || folders(Vec::new(), |_, _| None)).await;
    let world = World::new().await;
    let failed = world.run(&server.source(), &Order::default()).await.unwrap_err();
    assert!(matches!(failed.why, Error::Refused(_)), "{failed}");
    let source = Source { security: migrate::Security::StartTls, ..server.source() };
    let failed = world.run(&source, &Order::default()).await.unwrap_err();
    assert!(matches!(failed.why, Error::Refused(_)), "{failed}");
    assert!(server.heard.lock().unwrap().iter().all(|line| !line.contains("LOGIN") && !line.contains("AUTH")));
}

#[tokio::test]
async fn a_message_that_the_source_cannot_give_is_told_and_the_rest_comes() {
    let server = Scripted::new(GREETING, || {
        let messages = (1..=6).map(|uid| message(uid, &format!("Subject: {uid}\r\n\r\n"))).collect();
        folders(vec![("INBOX", "", messages)], |tag, rest| {
            let set = rest.split(' ').nth(2).unwrap_or_default();
            (rest.contains("BODY.PEEK") && in_set(set, 4))
                .then(|| Some(format!("{tag} NO cannot open message\r\n").into_bytes()))
        })
    })
    .await;
    let world = World::new().await;
    let report = world.run(&server.source(), &Order::default()).await.unwrap();
    assert_eq!((report.stored, report.failed), (5, 1), "{report:?}");
    let told = &report.told[0];
    assert_eq!((told.what, told.folder.as_str(), told.uid), (What::Message, "INBOX", Some(4)));
    assert!(told.why.contains("cannot open message"));
    // It is tried again.
    let again = world.run(&server.source(), &Order::default()).await.unwrap();
    assert_eq!((again.stored, again.failed), (0, 1));
}

#[tokio::test]
async fn a_source_without_condstore_is_compared() {
    let state = Arc::new(Mutex::new(vec![message(1, "Subject: 1\r\n\r\n"), message(2, "Subject: 2\r\n\r\n")]));
    let shown = state.clone();
    let server =
        Scripted::new(GREETING, move || folders(vec![("INBOX", "", shown.lock().unwrap().clone())], |_, _| None)).await;
    let world = World::new().await;
    world.run(&server.source(), &Order::default()).await.unwrap();
    {
        let mut state = state.lock().unwrap();
        state.remove(0);
        state[0].flags = "\\Flagged";
        state.push(message(7, "Subject: 7\r\n\r\n"));
    }
    let order = Order { remove: true, ..Order::default() };
    let report = world.run(&server.source(), &order).await.unwrap();
    assert_eq!((report.stored, report.flagged, report.removed), (1, 1, 1), "{report:?}");
    let dump = world.dump(EVE).await;
    assert!(dump[1].starts_with("  2 [\"\\\\flagged\"]") && dump[2].starts_with("  7 "), "{dump:?}");
}
