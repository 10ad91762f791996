"""A suspended tenant is refused at every door at once, and everything is as before when it is resumed."""
import imaplib
import smtplib

import mail
from check import check, equal, refused, true
from demo import unverified
from lines import Lines


def hold(demo, tenant):
    demo.mutate(demo.info["operator_token"], "tenantSuspend", "TenantSuspendInput!", "tenant { suspended }",
                {"tenantId": tenant["id"], "reason": "a check"})


def resume(demo, tenant):
    demo.mutate(demo.info["operator_token"], "tenantResume", "TenantResumeInput!", "tenant { suspended }", {"tenantId": tenant["id"]})


def refuses_logins(demo, account):
    for tls in [False, True]:
        refused(imaplib.IMAP4.error, "IMAP LOGIN", demo.imap(tls=tls).login, account.address, account.password)
    with demo.smtp("submission_port") as client:
        client.starttls(context=unverified())
        client.ehlo()
        refused(smtplib.SMTPAuthenticationError, "submission AUTH", client.login, account.address, account.password)
    with demo.smtp("submissions_port") as client:
        refused(smtplib.SMTPAuthenticationError, "submissions AUTH", client.login, account.address, account.password)


def refuses_mail(demo, account):
    for opened in [demo.smtp, demo.lmtp]:
        with opened() as client:
            client.ehlo()
            client.mail("friend@elsewhere.example")
            code, text = client.rcpt(account.address)
            true(code >= 400, f"RCPT: {code} {text}")
            client.rset()


@check("a suspended tenant is refused at every door, its open sessions too")
def tenant(demo):
    account, customer = demo.mailbox(1), demo.tenant(1)
    mail.deliver(demo, account, [mail.plain(1)])
    session = Lines(demo, account)
    session.ok("SELECT INBOX")
    hold(demo, customer)
    try:
        refuses_logins(demo, account)
        refuses_mail(demo, account)
        try:
            ends = session.command("UID FETCH 1:* (BODY.PEEK[])")[1]
            true(not ends.startswith(b"OK"), f"an open session goes on: {ends}")
        except (EOFError, OSError):
            pass  # it was closed
    finally:
        resume(demo, customer)
    equal(len(mail.stored(demo.imap(account))), 1, "messages after resuming")
    mail.deliver(demo, account, [mail.plain(2)])
    equal(len(mail.stored(demo.imap(account))), 2, "mail flows again")


@check("the other tenant notices nothing")
def other(demo):
    account = demo.mailbox(0)
    hold(demo, demo.tenant(1))
    try:
        mail.deliver(demo, account, [mail.plain(1)])
        equal(len(mail.stored(demo.imap(account))), 1, "messages")
    finally:
        resume(demo, demo.tenant(1))


@check("a suspended mailbox is refused, its neighbour is not")
def mailbox(demo):
    account, neighbour, token = demo.mailbox(0), demo.mailbox(0), demo.tenant(0)["token"]
    demo.mutate(token, "mailboxSuspend", "MailboxSuspendInput!", "mailbox { suspended }", {"mailboxId": account.node, "reason": "a check"})
    refuses_logins(demo, account)
    demo.imap(neighbour).logout()
    demo.mutate(token, "mailboxResume", "MailboxResumeInput!", "mailbox { suspended }", {"mailboxId": account.node})
    demo.imap(account).logout()


@check("a deleted mailbox takes no mail and lets nobody in, comes back whole, and once purged shows its mail to nobody")
def deleted(demo):
    account, token = demo.mailbox(0), demo.tenant(0)["token"]
    mail.deliver(demo, account, [mail.plain(1)])
    demo.mutate(token, "mailboxDelete", "MailboxDeleteInput!", "mailbox { id }",
                {"mailboxId": account.node, "idempotencyKey": account.node})
    refuses_logins(demo, account)
    refuses_mail(demo, account)
    demo.mutate(token, "mailboxRestore", "MailboxRestoreInput!", "mailbox { id }", {"mailboxId": account.node})
    equal(len(mail.stored(demo.imap(account))), 1, "messages of the restored mailbox")
    demo.mutate(token, "mailboxDelete", "MailboxDeleteInput!", "mailbox { id }",
                {"mailboxId": account.node, "idempotencyKey": account.node + " again"})
    demo.mutate(token, "mailboxPurge", "MailboxPurgeInput!", "mailbox { id }",
                {"mailboxId": account.node, "idempotencyKey": account.node + " purge"})
    refuses_logins(demo, account)
    refuses_mail(demo, account)
    again = demo.mutate(token, "mailboxCreate", "MailboxCreateInput!", "mailbox { id }",
                        {"address": account.address, "password": account.password})["mailbox"]["id"]
    true(again != account.node, "a new mailbox has a new id")
    equal(mail.stored(demo.imap(account)), {}, "mail of the former owner")
