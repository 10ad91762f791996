"""IMAP: messages, with imaplib where it can say it."""
import re

import mail
from check import check, equal, inside, true
from lines import Lines


def filled(demo, count=5):
    account = demo.mailbox()
    client = demo.imap(account)
    for number in range(count):
        equal(client.append("INBOX", "", None, mail.plain(number))[0], "OK", "APPEND")
    client.select()
    return account, client


def flags(client, uid):
    return re.search(rb"FLAGS \(([^)]*)\)", client.uid("FETCH", str(uid), "(FLAGS)")[1][0]).group(1).split()


@check("APPEND keeps bytes, flags and date, and tells the UID")
def append(demo):
    client = demo.imap(demo.mailbox())
    for number in range(30):
        message = mail.made(number)
        status, [text] = client.append("INBOX", r"(\Flagged $Work)", '"02-Mar-2026 09:00:00 +0100"', message)
        equal(status, "OK", "APPEND")
        uid = int(re.search(rb"APPENDUID \d+ (\d+)", text).group(1))
        client.select()
        [(head, got), *_] = client.uid("FETCH", str(uid), "(FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])")[1]
        equal(got, message, f"message {number}")
        for part in [rb"\Flagged", b"$Work", b'" 2-Mar-2026', b"RFC822.SIZE %d" % len(message)]:
            true(part in head or part.replace(b'" 2', b'"02') in head, f"{part} is not in {head}")


@check("MULTIAPPEND appends all or none")
def multiappend(demo):
    lines = Lines(demo, demo.mailbox())
    one, two = mail.plain(1), mail.plain(2)
    tagged = lines.ok(b"APPEND INBOX {%d+}\r\n%b (\\Seen) {%d+}\r\n%b" % (len(one), one, len(two), two))[-1]
    true(re.search(rb"APPENDUID \d+ \d+[:,]\d+", tagged), f"APPENDUID of two: {tagged}")
    inside(b"2 EXISTS", b"\n".join(lines.ok("SELECT INBOX")), "SELECT")


@check("every FETCH item of both revisions answers")
def items(demo):
    lines = Lines(demo, demo.mailbox())
    whole = (b"From: a@x.example\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
             b"--b\r\nContent-Type: text/plain\r\n\r\nfirst part\r\n--b\r\nContent-Type: application/octet-stream\r\n"
             b"Content-Transfer-Encoding: base64\r\n\r\nAAECAwQ=\r\n--b--\r\n")
    lines.append("INBOX", whole)
    lines.ok("SELECT INBOX")

    def fetch(item):
        return b"\n".join(lines.ok(f"UID FETCH 1:* ({item})"))
    for item, expect in [
            ("BODY.PEEK[]", whole), ("RFC822.SIZE", b"RFC822.SIZE %d" % len(whole)), ("INTERNALDATE", b'INTERNALDATE "'),
            ("ENVELOPE", b"=?utf-8?Q?Gr=C3=BC=C3=9Fe?="), ("BODYSTRUCTURE", b'"BOUNDARY" "b"'), ("BODY", b'"MIXED"'), ("FLAGS", b"FLAGS ("),
            ("BODY.PEEK[HEADER.FIELDS (SUBJECT)]", b"Subject: =?utf-8"), ("BODY.PEEK[HEADER.FIELDS.NOT (SUBJECT)]", b"From: a@x"),
            ("BODY.PEEK[HEADER]", b"From: a@x"), ("BODY.PEEK[TEXT]", b"--b\r\n"), ("BODY.PEEK[1]", b"first part"),
            ("BODY.PEEK[2.MIME]", b"base64"), ("BODY.PEEK[]<5.10>", b"BODY[]<5> {10}\r\n" + whole[5:15]), ("BINARY.PEEK[2]", bytes(range(5))),
            ("BINARY.SIZE[2]", b"BINARY.SIZE[2] 5"), ("PREVIEW", b"first part"), ("MODSEQ", b"MODSEQ ("), ("EMAILID THREADID", b"THREADID ("),
            ("RFC822.HEADER", b"Subject"), ("RFC822.TEXT", b"--b"), ("BODY[1]", rb"first part")]:
        got = fetch(item)
        true(expect.lower() in got.lower(), f"{item}: {got}")
    inside(rb"\Seen", fetch("FLAGS"), "BODY[1] sets the flag")
    for macro in ["ALL", "FAST", "FULL"]:
        inside(b"RFC822.SIZE", lines.ok(f"FETCH 1 {macro}")[0], macro)


@check("STORE adds, removes and replaces flags")
def store(demo):
    _, client = filled(demo)
    client.uid("STORE", "1", "+FLAGS", r"(\Seen $Forwarded)")
    equal(set(flags(client, 1)) - {rb"\Recent"}, {rb"\Seen", b"$Forwarded"}, "+FLAGS")
    client.uid("STORE", "1", "-FLAGS.SILENT", r"(\Seen)")
    client.uid("STORE", "1:2", "FLAGS", r"(\Answered)")
    equal(set(flags(client, 1)) - {rb"\Recent"}, {rb"\Answered"}, "FLAGS")


@check("COPY and MOVE tell the new UIDs and keep bytes and flags")
def copy(demo):
    account, client = filled(demo)
    client.create("Other")
    client.uid("STORE", "2", "+FLAGS", r"(\Flagged)")
    lines = Lines(demo, account)
    lines.ok("SELECT INBOX")
    inside(b"COPYUID", lines.ok("UID COPY 1:2 Other")[-1], "COPY")
    moved = b"\n".join(lines.ok("UID MOVE 3:4 Other"))
    inside(b"COPYUID", moved, "MOVE")
    inside(b"EXPUNGE", moved, "MOVE")
    equal(sorted(mail.stored(client)), [1, 2, 5], "UIDs in INBOX")
    equal(list(mail.stored(client, "Other").values()), [mail.plain(n) for n in range(4)], "messages in Other")
    inside(rb"\Flagged", flags(client, 2), "flags of the copy")
    inside(b"TRYCREATE", lines.fails("UID COPY 1 Nowhere"), "COPY to nowhere")


@check("EXPUNGE, UID EXPUNGE and CLOSE remove what is marked and nothing else")
def expunge(demo):
    account, client = filled(demo, 6)
    client.uid("STORE", "1:3", "+FLAGS", r"(\Deleted)")
    client.uid("EXPUNGE", "2")
    equal(sorted(mail.stored(client)), [1, 3, 4, 5, 6], "after UID EXPUNGE")
    client.select()
    equal(len(client.expunge()[1]), 2, "EXPUNGE")
    client.uid("STORE", "4", "+FLAGS", r"(\Deleted)")
    client.close()
    equal(sorted(mail.stored(client)), [5, 6], "after CLOSE")
    equal(client.uid("STORE", "5", "+FLAGS", r"(\Deleted)")[0], "NO", "STORE after EXAMINE")
    equal(sorted(mail.stored(demo.imap(account))), [5, 6], "in another session")


@check("SEARCH by header, text, flag, date, size and sets; ESEARCH; saved results")
def search(demo):
    account, client = filled(demo, 5)
    client.append("INBOX", r"(\Flagged)", '"02-Jan-2020 09:00:00 +0000"', "From: z@z.example\r\nSubject: Grüße aus Köln\r\n\r\nviel Glück\r\n".encode())
    client.select()

    def found(*criteria):
        return [int(n) for n in client.uid("SEARCH", *criteria)[1][0].split()]
    for criteria, expect in [
            (["ALL"], [1, 2, 3, 4, 5, 6]), (["SUBJECT", '"message 3"'], [4]), (["FROM", "elsewhere"], [1, 2, 3, 4, 5]), (["FLAGGED"], [6]),
            (["NOT", "FLAGGED", "SUBJECT", '"message 1"'], [2]), (["BODY", '"body of message 2"'], [3]), (["TEXT", "sender"], [1, 2, 3, 4, 5]),
            (["BEFORE", "1-Jan-2021"], [6]), (["SINCE", "1-Jan-2021", "UID", "4:*"], [4, 5]), (["OR", "UID", "1", "UID", "3"], [1, 3]),
            (["HEADER", "Message-ID", "plain.4@"], [5]), (["LARGER", "100000"], []), (["2:3"], [2, 3]), (["SENTON", "3-Mar-2026"], [1, 2, 3, 4, 5]),
            (["UNSEEN", "UNDELETED", "KEYWORD", "$Work"], [])]:
        equal(found(*criteria), expect, f"SEARCH {criteria}")
    lines = Lines(demo, account)
    lines.ok("SELECT INBOX")
    needle = "glück".encode()
    inside(b"* SEARCH 6", lines.ok(b"UID SEARCH CHARSET UTF-8 TEXT {%d+}\r\n%b" % (len(needle), needle))[0], "UTF-8")
    row = lines.ok("UID SEARCH RETURN (MIN MAX COUNT ALL) SUBJECT message")[0]
    for part in [b"MIN 1", b"MAX 5", b"COUNT 5", b"ALL 1:5"]:
        inside(part, row, "ESEARCH")
    lines.ok("UID SEARCH RETURN (SAVE) FLAGGED")
    inside(b"UID 6", lines.ok("UID FETCH $ (UID)")[0], "SEARCHRES")


@check("ENVELOPE and BODYSTRUCTURE of made messages are well-formed")
def structure(demo):
    lines = Lines(demo, demo.mailbox())
    for number in range(60):
        lines.append("INBOX", mail.made(number))
    lines.ok("SELECT INBOX")
    rows = [row for row in lines.ok("FETCH 1:* (ENVELOPE BODYSTRUCTURE)") if row.startswith(b"* ")]
    equal(len(rows), 60, "rows")
    for row in rows:
        bare = re.sub(rb'"(?:[^"\\]|\\.)*"', b"s", re.sub(rb"\{\d+\}\r\n", b"", row))
        equal(bare.count(b"("), bare.count(b")"), f"parentheses of {row}")
