//! SUMMARY    Mail of other programs: Takeout, mbox, EML, Maildir on disk and in archives.

use crate::world::{EVE, World, input, packed};
use base::{Kind, limits::KEYWORDS_MAX};
use import::{Order, open};
use std::path::Path;

const ONE: &str = "From: a@b.example\r\nSubject: one\r\n\r\nx\r\n";

async fn count(world: &World, path: &str) -> u32 {
    let eve = world.owner(EVE).await;
    let Ok((id, _)) = world.mail.mailbox_at(&eve, path).await else { return 0 };
    world.mail.mailbox_state(&eve, id).await.unwrap().emails
}

fn mbox(bodies: &[&str]) -> String {
    bodies.iter().map(|body| format!("From - Mon Nov 23 19:23:32 2026\n{body}\n")).collect()
}

#[tokio::test]
async fn labels_of_takeout_are_mailboxes_and_flags() {
    let world = World::new().await;
    let of = |id: u32, labels: &str| {
        format!(
            "From {id}@xxx Mon Nov 23 19:23:32 2026\nX-GM-THRID: 7\nX-Gmail-Labels: {labels}\nSubject: {id}\n\nx\n\n"
        )
    };
    let all =
        [of(1, "Inbox,Unread,Work/2026"), of(2, "Sent,Starred"), of(3, "Archived"), of(4, "Inbox,Work/2026")].concat();
    let work = [of(1, "Inbox,Unread,Work/2026"), of(4, "Inbox,Work/2026")].concat();
    let zip = packed(&[
        ("Takeout/Mail/All mail Including Spam and Trash.mbox", all.as_bytes()),
        ("Takeout/Mail/Work-2026.mbox", work.as_bytes()),
        ("Takeout/archive_browser.html", b"<html>"),
    ]);
    let report = world.import(EVE, vec![input("takeout.zip", zip.clone())], &Order::default()).await.unwrap();
    assert_eq!((report.imported, report.problems_told, report.passed_over), (4, 0, 1), "{report:?}");
    for (path, emails) in [("INBOX", 2), ("Work/2026", 2), ("Sent", 1), ("Archive", 1)] {
        assert_eq!(count(&world, path).await, emails, "{path}");
    }
    let dump = world.dump(EVE).await;
    assert_eq!(dump.iter().filter(|line| line.contains("in 2")).count(), 4, "two emails in two mailboxes: {dump:?}");
    assert!(dump.iter().any(|line| line.contains("[\"\\\\flagged\", \"\\\\seen\"]")), "{dump:?}");
    let report = world.import(EVE, vec![input("takeout.zip", zip)], &Order::default()).await.unwrap();
    assert_eq!((report.imported, report.already_there), (0, 4), "{report:?}");
}

#[tokio::test]
async fn mbox_eml_and_archives_of_both() {
    let world = World::new().await;
    let sent = mbox(&["Subject: 1\nStatus: RO\n\nx\n", "Subject: 2\n\n>From y\n"]);
    let zip = packed(&[
        ("Export/Projects/a.mbox", sent.as_bytes()),
        ("Export/Projects/b*c/one.eml", ONE.as_bytes()),
        ("Export/Projects/readme.txt", b"no mail"),
    ]);
    let inputs = vec![input("Sent.mbox", sent.clone()), input("one.eml", ONE), input("mail.zip", zip)];
    let report = world.import(EVE, inputs, &Order::default()).await.unwrap();
    assert_eq!((report.imported, report.passed_over), (6, 1), "{report:?}");
    assert_eq!(report.passed_names, ["Export/Projects/readme.txt"]);
    assert_eq!(report.problems.len(), 1, "a name that no mailbox has: {:?}", report.problems);
    assert!(report.problems[0].why.contains("b_c"), "{:?}", report.problems);
    assert_eq!((count(&world, "Sent").await, count(&world, "INBOX").await), (2, 1));
    assert_eq!((count(&world, "a").await, count(&world, "b_c").await), (2, 1), "{:?}", world.dump(EVE).await);
}

fn write(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[tokio::test]
async fn a_maildir_on_disk_with_its_folders_and_flags() {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    let root = folder.path();
    write(root, "cur/1700000000.M1P1.host:2,FS", "Subject: 1\n\nx\n");
    write(root, "new/1700000001.M1P1.host", "Subject: 2\n\nx\n");
    write(root, "tmp/1700000002.M1P1.host", "Subject: 3\n\nx\n");
    write(root, ".Sent/cur/1700000003.M1P1.host:2,Sa", "Subject: 4\n\nx\n");
    write(root, ".Sent/dovecot-keywords", "0 Work\n");
    write(root, ".Work.Deep/cur/1700000004.M1P1.host:2,T", "Subject: 5\n\nx\n");
    write(root, "dovecot.index", "x");
    std::os::unix::fs::symlink("/etc/hostname", root.join("cur/1700000005.M1P1.host:2,S")).unwrap();
    for again in [false, true] {
        let inputs = open(root).await.unwrap();
        let report = world.import(EVE, inputs, &Order::default()).await.unwrap();
        assert_eq!(report.imported + report.already_there, 4, "{report:?}");
        assert_eq!(report.imported == 0, again);
        for (path, emails) in [("INBOX", 2), ("Sent", 1), ("Work/Deep", 1)] {
            assert_eq!(count(&world, path).await, emails, "{path}");
        }
    }
    let dump = world.dump(EVE).await;
    for flags in
        ["[\"\\\\flagged\", \"\\\\seen\"] 1700000000", "[\"\\\\seen\", \"work\"] 1700000003", "[\"\\\\deleted\"]"]
    {
        assert!(dump.iter().any(|line| line.contains(flags)), "{flags}: {dump:#?}");
    }
}

#[tokio::test]
async fn paths_of_this_machine() {
    let (world, folder) = (World::new().await, tempfile::tempdir().unwrap());
    let root = folder.path();
    write(root, "a/one.eml", ONE);
    write(root, "a/b/two.mbox", &mbox(&["Subject: 2\n\nx\n"]));
    write(root, "a/notes.txt", "x");
    let report = world.import(EVE, open(root).await.unwrap(), &Order::default()).await.unwrap();
    assert_eq!((report.imported, report.passed_over), (2, 1), "{report:?}");
    // Archives of an export that was fetched: in order of their numbers, and nothing beside them.
    let zip = packed(&[("x/one.eml", ONE.as_bytes())]);
    for number in [10, 9] {
        std::fs::write(root.join(format!("export-{number}.zip")), &zip).unwrap();
    }
    std::fs::write(root.join("manifest.json"), "{}").unwrap();
    assert_eq!(open(root).await.unwrap().len(), 2);
    assert_eq!(open(&root.join("none")).await.err().unwrap().kind, Kind::Invalid);
    assert_eq!(open(Path::new("/dev/null")).await.err().unwrap().kind, Kind::Invalid);
}

#[tokio::test]
async fn keywords_that_there_is_no_room_for_are_told_and_cost_no_message() {
    let world = World::new().await;
    let many = KEYWORDS_MAX + 7;
    let mbox: String = (0..many)
        .map(|n| format!("From - Mon Nov 23 19:23:32 2026\nSubject: {n}\nX-Keywords: word{n}\n\nx\n\n"))
        .collect();
    let report = world.import(EVE, vec![input("inbox.mbox", mbox)], &Order::default()).await.unwrap();
    assert_eq!((report.imported, report.problems_told), (many as u64, 7), "{report:?}");
    assert!(
        report.problems.iter().all(|problem| problem.place.offset.is_some() && problem.why.contains("KEYWORDS_MAX"))
    );
}
