"""IMAP IDLE: a waiting client hears at once."""
import time

import mail
from check import check, inside, true
from lines import Lines


def waiting(demo, account):
    lines = Lines(demo, account)
    lines.ok("SELECT INBOX")
    tag = lines.send("IDLE")
    inside(b"+", lines.line(), "IDLE")
    return lines, tag


def hears(lines, text, what, seconds=10):
    lines.socket.settimeout(seconds)
    while True:
        line = lines.line()
        if text in line:
            return


@check("new mail, flags and removals reach an idling client")
def idle(demo):
    account = demo.mailbox()
    lines, tag = waiting(demo, account)
    begin = time.monotonic()
    mail.deliver(demo, account, [mail.plain(1)])
    hears(lines, b"* 1 EXISTS", "EXISTS")
    true(time.monotonic() - begin < 5, "EXISTS took more than 5 s")
    other = demo.imap(account)
    other.select()
    other.store("1", "+FLAGS", r"(\Flagged)")
    hears(lines, rb"\Flagged", "FLAGS")
    other.store("1", "+FLAGS", r"(\Deleted)")
    other.expunge()
    hears(lines, b"* 1 EXPUNGE", "EXPUNGE")
    lines.write(b"DONE\r\n")
    true(lines.until(tag)[1].startswith(b"OK"), "DONE")


@check("nothing of another account reaches an idling client")
def quiet(demo):
    account, other = demo.mailbox(), demo.mailbox()
    lines, tag = waiting(demo, account)
    mail.deliver(demo, other, [mail.plain(1)])
    lines.write(b"DONE\r\n")
    untagged, _ = lines.until(tag)
    true(not any(b"EXISTS" in line for line in untagged), f"heard {untagged}")
