"""Mail from elsewhere: the MX door and LMTP."""
import smtplib
import socket

import mail
from check import absent, check, equal, inside, refused, true

FRIEND = "friend@elsewhere.example"


def subjects(demo, account):
    return [message.split(b"\r\n\r\n")[0] for message in mail.stored(demo.imap(account)).values()]


@check("the sample mail of the demo is in every mailbox")
def sample(demo):
    for tenant in demo.info["tenants"]:
        for made in tenant["accounts"]:
            client = demo.imap()
            client.login(made["address"], made["password"])
            true(len(mail.stored(client)) >= 1, f"{made['address']} has no mail")


@check("the MX door offers what its standards name")
def offers(demo):
    with demo.smtp() as client:
        client.ehlo()
        for word in ["size", "pipelining", "8bitmime", "enhancedstatuscodes", "smtputf8", "chunking", "starttls"]:
            true(client.has_extn(word), f"EHLO does not offer {word}")
        absent("auth", client.esmtp_features, "AUTH without TLS on the MX door")


@check("a message from elsewhere arrives byte for byte behind its trace headers")
def arrives(demo):
    account, message = demo.mailbox(), mail.plain(1)
    with demo.smtp() as client:
        equal(client.sendmail(FRIEND, [account.address], message), {}, "refused recipients")
    [got] = mail.stored(demo.imap(account)).values()
    true(got.endswith(message), "the message is not the end of what is stored")
    head = got[:-len(message)]
    for name in [b"Return-Path: <friend@elsewhere.example>", b"Received: "]:
        inside(name, head, "trace headers")


@check("STARTTLS works on the MX door")
def starttls(demo):
    from demo import unverified
    account = demo.mailbox()
    with demo.smtp() as client:
        client.starttls(context=unverified())
        client.sendmail(FRIEND, [account.address], mail.plain(2))
    [got] = mail.stored(demo.imap(account)).values()
    inside(b"ESMTPS", got, "the Received header tells of TLS")


@check("an unknown address, a foreign domain and an unknown tenant are refused at RCPT")
def unknown(demo):
    for address in ["nobody-at-all@bakery.example", "someone@foreign.example"]:
        with demo.smtp() as client:
            error = refused(smtplib.SMTPRecipientsRefused, address, client.sendmail, FRIEND, [address], mail.plain(3))
            code, text = error.recipients[address]
            equal(code, 550, f"{address}: {text}")
            inside(b"5.", text, "enhanced code")


@check("plus-addressing, aliases and letter case lead to the mailbox")
def routes(demo):
    account = demo.mailbox()
    local, domain = account.address.split("@")
    alias = f"{local}-alias@{domain}"
    demo.mutate(demo.tenant(0)["token"], "aliasCreate", "AliasCreateInput!", "alias { address }",
                {"address": alias, "targets": [account.address]})
    with demo.smtp() as client:
        for number, address in enumerate([f"{local}+shop@{domain}", alias, f"{local.upper()}@{domain.upper()}"]):
            client.sendmail(FRIEND, [address], mail.plain(number))
    equal(len(mail.stored(demo.imap(account))), 3, "messages that arrived")


@check("one message to people of two tenants arrives once at each")
def several(demo):
    accounts = [demo.mailbox(0), demo.mailbox(0), demo.mailbox(1)]
    with demo.smtp() as client:
        equal(client.sendmail(FRIEND, [a.address for a in accounts], mail.plain(4)), {}, "refused")
    for account in accounts:
        equal(len(mail.stored(demo.imap(account))), 1, f"messages of {account.address}")


@check("LMTP answers once per recipient")
def lmtp(demo):
    account = demo.mailbox()
    with demo.lmtp() as client:
        client.ehlo()
        client.mail(FRIEND)
        equal(client.rcpt(account.address)[0], 250, "RCPT of a mailbox")
        equal(client.rcpt("nobody-at-all@bakery.example")[0], 550, "RCPT of nobody")
        equal(client.rcpt(demo.account(1, 0).address)[0], 250, "RCPT of another tenant's mailbox")
        client.putcmd("DATA")
        equal(client.getreply()[0], 354, "DATA")
        client.send(mail.plain(5).replace(b"\r\n.", b"\r\n..") + b".\r\n")
        equal([client.getreply()[0] for _ in range(2)], [250, 250], "one reply per accepted recipient")
    equal(len(mail.stored(demo.imap(account))), 1, "messages")


@check("BDAT chunks and binary content arrive unchanged")
def chunks(demo):
    account, message = demo.mailbox(), mail.plain(6) + bytes(range(256)) + b"\n.\n\r.\r\r\n"
    with socket.create_connection(("127.0.0.1", demo.info["smtp"]["mx_port"]), 30) as connection:
        replies = connection.makefile("rb")
        replies.readline()

        def say(command, body=b""):
            connection.sendall(command + b"\r\n" + body)
            while True:
                line = replies.readline()
                if line[3:4] != b"-":
                    return line
        say(b"EHLO client.example")
        say(b"MAIL FROM:<friend@elsewhere.example> BODY=BINARYMIME")
        say(b"RCPT TO:<" + account.address.encode() + b">")
        inside(b"250", say(b"BDAT 10", message[:10]), "first chunk")
        inside(b"250", say(b"BDAT %d LAST" % len(message[10:]), message[10:]), "last chunk")
    [got] = mail.stored(demo.imap(account)).values()
    true(got.endswith(message), "binary content changed")


@check("SMTPUTF8 mail arrives")
def utf8(demo):
    account = demo.mailbox()
    message = "From: Jürgen <jürgen@elsewhere.example>\r\nSubject: Grüße\r\n\r\nтекст\r\n".encode()
    with demo.smtp() as client:
        client.ehlo()
        client.sendmail("jürgen@elsewhere.example", [account.address], message, mail_options=["SMTPUTF8", "BODY=8BITMIME"])
    [got] = mail.stored(demo.imap(account)).values()
    true(got.endswith(message), "the message changed")


@check("a message of 20 MB arrives byte for byte")
def big(demo):
    account = demo.mailbox()
    message = mail.plain(7) + (b"0123456789abcdef" * 4 + b"\r\n") * 300_000
    with demo.smtp() as client:
        client.sendmail(FRIEND, [account.address], message)
    [got] = mail.stored(demo.imap(account)).values()
    true(got.endswith(message), "the message changed")


@check("a message over SIZE is refused before it is sent")
def too_big(demo):
    account = demo.mailbox()
    with demo.smtp() as client:
        client.ehlo()
        limit = int(client.esmtp_features["size"])
        code, text = client.mail(FRIEND, [f"SIZE={limit + 1}"])
        equal(code, 552, f"MAIL with a SIZE over the limit: {text}")
    equal(len(mail.stored(demo.imap(account))), 0, "messages")
