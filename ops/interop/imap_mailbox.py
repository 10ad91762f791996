"""IMAP: mailboxes."""
import re

import mail
from check import absent, check, equal, inside, true
from lines import Lines


def names(client, pattern="*"):
    status, rows = client.list('""', pattern)
    equal(status, "OK", "LIST")
    return sorted(re.search(rb'"?([^" ]+)"?$', row).group(1).decode() for row in rows if row)


@check("a new account has an INBOX and the special-use mailboxes")
def special(demo):
    lines = Lines(demo, demo.mailbox())
    rows = b"\n".join(lines.ok('LIST "" "*" RETURN (SPECIAL-USE)'))
    for use in [rb"\Sent", rb"\Drafts", rb"\Trash", rb"\Junk"]:
        inside(use, rows, "LIST")
    inside(b"INBOX", rows, "LIST")


@check("CREATE, RENAME with children, DELETE")
def tree(demo):
    client = demo.imap(demo.mailbox())
    before = names(client)
    for name in ["Work", "Work/2026/March"]:
        equal(client.create(name)[0], "OK", f"CREATE {name}")
    equal(client.rename("Work", "Archive/Work")[0], "OK", "RENAME")
    after = names(client)
    inside("Archive/Work/2026/March", after, "LIST after RENAME")
    absent("Work", after, "LIST after RENAME")
    for name in ["Archive/Work/2026/March", "Archive/Work/2026", "Archive/Work"]:
        equal(client.delete(name)[0], "OK", f"DELETE {name}")
    equal([n for n in names(client) if n not in ("Archive",)], [n for n in before if n != "Archive"], "LIST at the end")
    equal(client.create("INBOX")[0], "NO", "CREATE INBOX")
    equal(client.delete("INBOX")[0], "NO", "DELETE INBOX")
    equal(client.select("Nowhere")[0], "NO", "SELECT of what is not there")


@check("SUBSCRIBE, UNSUBSCRIBE, LSUB")
def subscriptions(demo):
    client = demo.imap(demo.mailbox())
    client.create("News")
    client.subscribe("News")
    inside(b"News", b" ".join(r or b"" for r in client.lsub()[1]), "LSUB")
    client.unsubscribe("News")
    absent(b"News", b" ".join(r or b"" for r in client.lsub()[1]), "LSUB")


@check("mailbox names in other scripts, in UTF-7 for rev1 and in UTF-8 for rev2")
def scripts(demo):
    account = demo.mailbox()
    client = demo.imap(account)
    equal(client.create('"&ZeVnLIqe-"')[0], "OK", "CREATE in modified UTF-7")
    lines = Lines(demo, account)
    lines.ok("ENABLE IMAP4rev2")
    inside("日本語".encode(), b"\n".join(lines.ok('LIST "" "*"')), "LIST in UTF-8")
    lines.ok('CREATE "Grüße"')
    inside(b"Gr&APwA3w-e", b" ".join(client.list()[1]), "LIST in modified UTF-7")


@check("STATUS and SELECT agree on what is there")
def status(demo):
    account = demo.mailbox()
    mail.deliver(demo, account, [mail.plain(n) for n in range(3)])
    lines = Lines(demo, account)
    row = lines.ok("STATUS INBOX (MESSAGES UIDNEXT UIDVALIDITY UNSEEN SIZE HIGHESTMODSEQ)")[0]
    got = {key: int(value) for key, value in re.findall(rb"([A-Z]+) (\d+)", row)}
    equal((got[b"MESSAGES"], got[b"UNSEEN"]), (3, 3), "STATUS")
    selected = b"\n".join(lines.ok("SELECT INBOX"))
    for text in [b"* 3 EXISTS", b"[UIDVALIDITY %d]" % got[b"UIDVALIDITY"], b"[UIDNEXT %d]" % got[b"UIDNEXT"],
                 b"[HIGHESTMODSEQ %d]" % got[b"HIGHESTMODSEQ"], b"[PERMANENTFLAGS ("]:
        inside(text, selected, "SELECT")
    sizes = re.findall(rb"RFC822.SIZE (\d+)", b"\n".join(lines.ok("FETCH 1:* RFC822.SIZE")))
    equal(sum(map(int, sizes)), got[b"SIZE"], "STATUS SIZE")
    lines.ok("UNSELECT")


@check("LIST-EXTENDED with STATUS in one round trip")
def list_status(demo):
    account = demo.mailbox()
    mail.deliver(demo, account, [mail.plain(1)])
    rows = b"\n".join(Lines(demo, account).ok('LIST "" "%" RETURN (CHILDREN SUBSCRIBED STATUS (MESSAGES UNSEEN))'))
    inside(b"MESSAGES 1", rows, "STATUS in LIST")
    true(b"HasNoChildren" in rows or b"HasChildren" in rows, "CHILDREN in LIST")


@check("quota is told and is enforced")
def quota(demo):
    account = demo.mailbox()
    demo.mutate(demo.tenant(0)["token"], "mailboxUpdate", "MailboxUpdateInput!", "mailbox { id }",
                {"mailboxId": account.node, "quotaBytesMax": "100000"})
    lines = Lines(demo, account)
    inside(b"STORAGE", b"\n".join(lines.ok("GETQUOTAROOT INBOX")), "GETQUOTAROOT")
    lines.append("INBOX", mail.plain(1))
    big = mail.plain(2) + b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 2000
    tagged = lines.fails(b"APPEND INBOX {%d+}\r\n" % len(big) + big)
    inside(b"OVERQUOTA", tagged, "APPEND over quota")
    lines.ok("SELECT INBOX")
    with demo.smtp() as client:
        client.ehlo()
        client.mail("friend@elsewhere.example", [f"SIZE={len(big)}"])
        code = client.rcpt(account.address)[0]
        if code == 250:
            code = client.data(big)[0]
        true(code in (452, 552, 550, 422), f"delivery over quota answered {code}")
    inside(b"1 EXISTS", b"\n".join(Lines(demo, account).ok("EXAMINE INBOX")), "messages")
