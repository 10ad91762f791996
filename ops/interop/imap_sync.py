"""IMAP: a client that was away catches up (CONDSTORE, QRESYNC)."""
import re

import mail
from check import absent, check, equal, inside
from lines import Lines


def opened(demo, count=6):
    account = demo.mailbox()
    lines = Lines(demo, account)
    for number in range(count):
        lines.append("INBOX", mail.plain(number))
    selected = b"\n".join(lines.ok("SELECT INBOX (CONDSTORE)"))
    validity = int(re.search(rb"UIDVALIDITY (\d+)", selected).group(1))
    modseq = int(re.search(rb"HIGHESTMODSEQ (\d+)", selected).group(1))
    return account, lines, validity, modseq


@check("CHANGEDSINCE gives what changed and nothing else")
def changed(demo):
    account, lines, _, modseq = opened(demo)
    other = Lines(demo, account)
    other.ok("SELECT INBOX")
    other.ok(r"UID STORE 3 +FLAGS (\Seen)")
    lines.ok("NOOP")
    rows = [r for r in lines.ok(f"UID FETCH 1:* (FLAGS) (CHANGEDSINCE {modseq})") if b"FETCH (" in r]
    equal([re.search(rb"UID (\d+)", r).group(1) for r in rows], [b"3"], "changed messages")


@check("UNCHANGEDSINCE refuses a STORE on what changed meanwhile")
def unchanged(demo):
    account, lines, _, modseq = opened(demo)
    other = Lines(demo, account)
    other.ok("SELECT INBOX")
    other.ok(r"UID STORE 2 +FLAGS (\Seen)")
    tagged = lines.ok(rf"UID STORE 1:3 (UNCHANGEDSINCE {modseq}) +FLAGS (\Flagged)")[-1]
    inside(b"MODIFIED 2", tagged, "STORE")
    row = b"\n".join(lines.ok("UID FETCH 2 (FLAGS)"))
    absent(rb"\Flagged", row, "message 2")


@check("QRESYNC tells what vanished and what changed in one SELECT")
def qresync(demo):
    account, lines, validity, modseq = opened(demo)
    other = Lines(demo, account)
    other.ok("SELECT INBOX")
    other.ok(r"UID STORE 1,4 +FLAGS (\Deleted)")
    other.ok("EXPUNGE")
    other.ok(r"UID STORE 5 +FLAGS (\Answered)")
    lines.close()
    again = Lines(demo, account)
    again.ok("ENABLE QRESYNC")
    rows = b"\n".join(again.ok(f"SELECT INBOX (QRESYNC ({validity} {modseq} 1:6))"))
    inside(b"* VANISHED (EARLIER) 1,4", rows, "SELECT")
    inside(b"UID 5", rows, "SELECT")
    absent(b"UID 2 ", rows, "SELECT")
