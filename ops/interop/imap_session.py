"""IMAP: connecting, logging in, what is offered."""
import imaplib

from check import absent, check, equal, inside, refused, true
from lines import Lines


@check("login over STARTTLS and over TLS")
def login(demo):
    account = demo.mailbox()
    for tls in [False, True]:
        client = demo.imap(account, tls)
        equal(client.state, "AUTH", "state")
        equal(client.logout()[0], "BYE", "LOGOUT")


@check("AUTHENTICATE PLAIN, with and without an initial response")
def authenticate(demo):
    account = demo.mailbox()
    client = demo.imap(tls=True)
    client.authenticate("PLAIN", lambda _: f"\0{account.address}\0{account.password}".encode())
    lines = Lines(demo)
    import base64
    secret = base64.b64encode(f"\0{account.address}\0{account.password}".encode()).decode()
    lines.ok("AUTHENTICATE PLAIN " + secret)


@check("a wrong password and an unknown name are refused alike")
def wrong(demo):
    account = demo.mailbox()
    texts = set()
    for name in [account.address, "nobody@bakery.example"]:
        client = demo.imap(tls=True)
        texts.add(str(refused(imaplib.IMAP4.error, name, client.login, name, "wrong")))
    equal(len(texts), 1, f"different answers tell who exists: {texts}")


@check("nothing works before login")
def before(demo):
    lines = Lines(demo)
    for command in ["SELECT INBOX", 'LIST "" "*"', "STATUS INBOX (MESSAGES)"]:
        lines.fails(command, b"BAD")


@check("capabilities name both revisions and the extensions")
def capabilities(demo):
    lines = Lines(demo, demo.mailbox())
    got = set(lines.ok("CAPABILITY")[0].decode().split())
    expect = ("IMAP4rev1 IMAP4rev2 IDLE NAMESPACE ID ENABLE UIDPLUS UNSELECT MOVE MULTIAPPEND BINARY ESEARCH SEARCHRES LIST-EXTENDED "
              "LIST-STATUS SPECIAL-USE STATUS=SIZE CONDSTORE QRESYNC OBJECTID PREVIEW QUOTA COMPRESS=DEFLATE SASL-IR LITERAL+").split()
    missing = [word for word in expect if word not in got]
    true(not missing, f"missing: {missing}")


@check("ID, NAMESPACE, NOOP, ENABLE")
def small(demo):
    lines = Lines(demo, demo.mailbox())
    inside(b"* ID (", lines.ok('ID ("name" "check")')[0], "ID")
    inside(b"* NAMESPACE ((", lines.ok("NAMESPACE")[0], "NAMESPACE")
    inside(b"QRESYNC", lines.ok("ENABLE QRESYNC")[0], "ENABLE")
    lines.ok("NOOP")


@check("COMPRESS=DEFLATE carries a session")
def compress(demo):
    import mail
    lines = Lines(demo, demo.mailbox())
    lines.compress()
    message = mail.made(3)
    lines.append("INBOX", message)
    lines.ok("SELECT INBOX")
    inside(message, lines.ok("FETCH 1 BODY[]")[0], "message")


@check("a line that is no command is BAD and the session goes on")
def garbage(demo):
    lines = Lines(demo, demo.mailbox())
    for command in ["FROBNICATE", "SELECT", "FETCH 1 FLAGS", "STORE", "UID", 'LOGIN "a" "b"']:
        lines.fails(command, b"BAD")
    absent(b"BYE", lines.ok("NOOP")[0], "NOOP")
