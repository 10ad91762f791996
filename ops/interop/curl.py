"""curl: IMAP and SMTP as URLs, and the HTTP port."""
import json
import tempfile

import mail
from check import check, equal, inside, true
from client import command

QUIET = ["curl", "--silent", "--show-error", "--insecure", "--max-time", "60"]


@check("imaps:// lists, searches and fetches")
def imaps(demo):
    account, message = demo.mailbox(), mail.made(11)
    mail.deliver(demo, account, [mail.plain(0), message])
    base = f"imaps://127.0.0.1:{demo.info['imap']['tls_port']}"
    login = ["--user", f"{account.address}:{account.password}"]
    inside(b"INBOX", command(*QUIET, *login, base + "/"), "LIST")
    true(command(*QUIET, *login, base + "/INBOX;UID=2").endswith(message), "the message fetched is another")
    inside(b"SEARCH 1 2", command(*QUIET, *login, base + "/INBOX?ALL"), "SEARCH")
    inside(b"EXISTS", command(*QUIET, *login, base, "--request", "EXAMINE INBOX"), "EXAMINE")


@check("imap:// with STARTTLS appends")
def append(demo):
    account, message = demo.mailbox(), mail.made(12)
    with tempfile.NamedTemporaryFile() as file:  # curl wants to know the size before
        file.write(message)
        file.flush()
        command(*QUIET, "--ssl-reqd", "--user", f"{account.address}:{account.password}", "--upload-file", file.name,
                f"imap://127.0.0.1:{demo.info['imap']['port']}/INBOX")
    equal(list(mail.stored(demo.imap(account)).values()), [message], "messages")


@check("smtp:// to the MX door and smtps:// with a login")
def smtp(demo):
    account, sender = demo.mailbox(), demo.mailbox()
    command(*QUIET, "--mail-from", "friend@elsewhere.example", "--mail-rcpt", account.address, "--upload-file", "-",
            f"smtp://127.0.0.1:{demo.info['smtp']['mx_port']}/client.example", stdin=mail.plain(1))
    command(*QUIET, "--user", f"{sender.address}:{sender.password}", "--mail-from", sender.address, "--mail-rcpt", account.address,
            "--upload-file", "-", f"smtps://127.0.0.1:{demo.info['smtp']['submissions_port']}/client.example", stdin=mail.by(sender, 2))
    command(*QUIET, "--ssl-reqd", "--user", f"{sender.address}:wrong", "--mail-from", sender.address, "--mail-rcpt", account.address,
            "--upload-file", "-", f"smtp://127.0.0.1:{demo.info['smtp']['submission_port']}/client.example", stdin=mail.by(sender, 3), fails=True)
    equal(len(mail.stored(demo.imap(account))), 2, "messages")


@check("GraphQL, health and metrics over HTTP")
def http(demo):
    base = f"http://127.0.0.1:{demo.info['http_port']}"
    answer = command(*QUIET, "--fail", "-H", "Authorization: Bearer " + demo.tenant(0)["token"], "-H", "Content-Type: application/json",
                     "--data", '{"query": "{ viewer { name } }"}', demo.info["graphql_url"])
    equal(json.loads(answer)["data"]["viewer"]["name"], demo.tenant(0)["name"], "viewer")
    for path in ["/healthz", "/readyz"]:
        command(*QUIET, "--fail", base + path)
    inside(b"# TYPE ", command(*QUIET, "--fail", demo.info["metrics_url"]), "metrics")
