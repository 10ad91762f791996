"""Mail from our users: submission with STARTTLS and over TLS, with Python's smtplib."""
import smtplib

import mail
from check import check, equal, inside, refused, true
from demo import unverified


def message(sender, recipient, subject):
    return (f"From: {sender}\r\nTo: {recipient}\r\nSubject: {subject}\r\nMessage-ID: <{subject}@client.example>\r\n"
            "Date: Tue, 03 Mar 2026 10:15:00 +0100\r\n\r\nhello\r\n").encode()


def arrived(demo, account):
    return list(mail.stored(demo.imap(account)).values())


@check("PLAIN and LOGIN over STARTTLS")
def starttls(demo):
    sender, recipient = demo.mailbox(), demo.mailbox(1)
    for mechanism in ["auth_plain", "auth_login"]:
        with demo.smtp("submission_port") as client:
            client.starttls(context=unverified())
            client.ehlo()
            client.user, client.password = sender.address, sender.password
            code, text = client.auth(mechanism[5:].upper(), getattr(client, mechanism))
            equal(code, 235, f"{mechanism}: {text}")
            client.sendmail(sender.address, [recipient.address], message(sender.address, recipient.address, mechanism))
    equal(len(arrived(demo, recipient)), 2, "messages")


@check("implicit TLS")
def implicit(demo):
    sender, recipient = demo.mailbox(), demo.mailbox(1)
    with demo.smtp("submissions_port") as client:
        client.login(sender.address, sender.password)
        client.sendmail(sender.address, [recipient.address], message(sender.address, recipient.address, "implicit"))
    [got] = arrived(demo, recipient)
    inside(b"ESMTPSA", got, "the Received header tells of TLS and a login")


@check("nothing is taken without a login")
def login_first(demo):
    recipient = demo.mailbox()
    with demo.smtp("submission_port") as client:
        client.starttls(context=unverified())
        client.ehlo()
        error = refused(smtplib.SMTPSenderRefused, "MAIL without AUTH", client.sendmail, "a@bakery.example",
                        [recipient.address], mail.plain(1))
        equal(error.smtp_code, 530, "code")
    equal(arrived(demo, recipient), [], "messages")


@check("a wrong password, a wrong name and an empty password are refused alike")
def wrong(demo):
    account = demo.mailbox()
    texts = set()
    for name, password in [(account.address, "wrong"), ("nobody@bakery.example", "wrong"), (account.address, "")]:
        with demo.smtp("submissions_port") as client:
            error = refused(smtplib.SMTPAuthenticationError, name, client.login, name, password)
            equal(error.smtp_code, 535, "code")
            texts.add(error.smtp_error)
    equal(len(texts), 1, f"different answers tell who exists: {texts}")


@check("a user sends only as an own address")
def spoofed(demo):
    sender, recipient = demo.mailbox(), demo.mailbox(1)
    for other in [recipient.address, "ceo@elsewhere.example"]:
        with demo.submission(sender) as client:
            error = refused(smtplib.SMTPException, other, client.sendmail, other, [recipient.address],
                            message(other, recipient.address, "spoofed"))
            true(str(error).find("5") >= 0, "a permanent code")
    equal(arrived(demo, recipient), [], "messages")


@check("a message names only its sender, and gets the date and the id it lacks")
def header(demo):
    sender, recipient = demo.mailbox(), demo.mailbox(1)
    own = f"From: Ann <{sender.address}>\r\n"
    cases = [("From: ceo@elsewhere.example\r\n", 550), (own + own, 554), ("Subject: nobody\r\n", 554),
             (own + f"Sender: {recipient.address}\r\n", 550), (f"From: <{sender.address}> <ceo@elsewhere.example>\r\n", 554)]
    with demo.submission(sender) as client:
        for fields, code in cases:
            for mail_from in [sender.address, ""]:
                error = refused(smtplib.SMTPDataError, fields, client.sendmail, mail_from, [recipient.address], fields + "\r\nhello\r\n")
                equal(error.smtp_code, code, f"{fields!r}: {error.smtp_error}")
        client.sendmail(sender.address, [recipient.address], own + "\r\nhello\r\n")
    [got] = arrived(demo, recipient)
    inside(b"\r\nDate: ", got, "the date that was missing")
    inside(b"\r\nMessage-ID: <", got, "the id that was missing")


@check("an app password logs in and ends when it is revoked")
def app_password(demo):
    account = demo.mailbox()
    token = demo.tenant(0)["token"]
    made = demo.mutate(token, "appPasswordCreate", "AppPasswordCreateInput!", "id secret", {"mailboxId": account.node, "label": "phone"})
    with demo.smtp("submissions_port") as client:
        client.login(account.address, made["secret"])
    demo.mutate(token, "appPasswordRevoke", "AppPasswordRevokeInput!", "done",
                {"mailboxId": account.node, "id": made["id"], "idempotencyKey": made["id"]})
    with demo.smtp("submissions_port") as client:
        refused(smtplib.SMTPAuthenticationError, "a revoked app password", client.login, account.address, made["secret"])
