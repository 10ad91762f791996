"""Stopping and starting: what was answered with 250 or OK is there afterwards."""
import signal

import mail
from check import check, equal, true
from lines import Lines


@check("after Ctrl-C the next start finds everything again")
def clean(demo):
    account = demo.mailbox()
    messages = [mail.plain(n) for n in range(20)]
    mail.deliver(demo, account, messages)
    lines = Lines(demo, account)
    lines.ok('CREATE "Kept"')
    lines.ok("SELECT INBOX")
    lines.ok(r"UID STORE 1:5 +FLAGS (\Flagged)")
    before, info = mail.stored(demo.imap(account)), demo.info
    equal(demo.stop(), 0, "exit code")
    demo.start()
    for key in ["operator_token", "tenants"]:
        equal(demo.info[key], info[key], key)
    equal(mail.stored(demo.imap(account)), before, "messages")
    client = demo.imap(account)
    client.select()
    equal(len(client.uid("SEARCH", "FLAGGED")[1][0].split()), 5, "flags")
    true(b"Kept" in b" ".join(client.list()[1]), "mailbox")


@check("after SIGKILL every acknowledged message is there once")
def killed(demo):
    account = demo.mailbox()
    for round_number in range(3):
        client = demo.lmtp()
        for number in range(15):
            client.sendmail("sender@elsewhere.example", [account.address], mail.plain(round_number * 100 + number))
        lines = Lines(demo, account)
        lines.append("INBOX", mail.plain(round_number * 100 + 50))
        demo.stop(signal.SIGKILL)
        demo.start()
        equal(len(mail.stored(demo.imap(account))), (round_number + 1) * 16, f"messages after kill {round_number + 1}")
