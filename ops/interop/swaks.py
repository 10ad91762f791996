"""swaks: every door for mail, with the options administrators use."""
import mail
from check import check, equal, inside
from client import command


def swaks(demo, port, recipient, *words, fails=False):
    return command("swaks", "--server", "127.0.0.1", "--port", str(port), "--to", recipient, "--helo", "client.example", "--timeout", "60",
                   "--hide-informational", *words, fails=fails)


@check("MX with and without TLS, pipelined")
def mx(demo):
    account, port = demo.mailbox(), demo.info["smtp"]["mx_port"]
    for words in [[], ["--tls"], ["--pipeline"], ["--body", "." * 80 + "\\n.\\n.."]]:
        swaks(demo, port, account.address, "--from", "friend@elsewhere.example", *words)
    swaks(demo, port, "nobody-at-all@bakery.example", "--from", "friend@elsewhere.example", fails=True)
    equal(len(mail.stored(demo.imap(account))), 4, "messages")


@check("submission with STARTTLS and over TLS, PLAIN and LOGIN")
def submission(demo):
    account, recipient = demo.mailbox(), demo.mailbox(1)
    login = ["--from", account.address, "--auth-user", account.address, "--auth-password", account.password]
    for mechanism in ["PLAIN", "LOGIN"]:
        swaks(demo, demo.info["smtp"]["submission_port"], recipient.address, "--tls", "--auth", mechanism, *login)
        swaks(demo, demo.info["smtp"]["submissions_port"], recipient.address, "--tls-on-connect", "--auth", mechanism, *login)
    equal(len(mail.stored(demo.imap(recipient))), 4, "messages")


@check("LMTP")
def lmtp(demo):
    account = demo.mailbox()
    inside(b"250", swaks(demo, demo.info["lmtp_port"], account.address, "--protocol", "LMTP", "--from", "<>"), "LMTP")
    equal(len(mail.stored(demo.imap(account))), 1, "messages")
