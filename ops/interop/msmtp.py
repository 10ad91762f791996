"""msmtp: submission as a sendmail replacement."""
import mail
from check import check, equal, true
from client import command


def msmtp(demo, account, recipient, port, *words, password=None, stdin=b"", fails=False):
    return command("msmtp", "--file=/dev/null", "--host=127.0.0.1", f"--port={port}", "--tls=on", "--tls-certcheck=off", "--auth=plain",
                   f"--user={account.address}", f"--passwordeval=echo '{password or account.password}'", f"--from={account.address}",
                   "--timeout=60", *words, "--", recipient, stdin=stdin, fails=fails)


@check("sends with STARTTLS and over TLS; a wrong password fails")
def submission(demo):
    account, recipient = demo.mailbox(), demo.mailbox(1)
    message = mail.by(account, 1)
    smtp = demo.info["smtp"]
    unix = message.replace(b"\r\n", b"\n")
    msmtp(demo, account, recipient.address, smtp["submission_port"], "--tls-starttls=on", stdin=unix)
    msmtp(demo, account, recipient.address, smtp["submissions_port"], "--tls-starttls=off", stdin=unix)
    msmtp(demo, account, recipient.address, smtp["submissions_port"], "--tls-starttls=off", password="wrong", stdin=unix, fails=True)
    got = list(mail.stored(demo.imap(recipient)).values())
    equal(len(got), 2, "messages")
    true(all(g.endswith(message.split(b"\r\n\r\n", 1)[1]) for g in got), "the body changed")
