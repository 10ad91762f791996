"""Invitations and secrets for forgotten passwords arrive as mail, and what is in them works."""
import email
import email.policy
import time

import mail
from check import Failed, check, equal, inside, true

ARRIVES_SECONDS_MAX = 20
FIRST, SECOND = "a long enough password", "another long password"


def arrived(demo, account, subject):
    """The secret of the one message with a subject."""
    until = time.monotonic() + ARRIVES_SECONDS_MAX
    while time.monotonic() < until:
        messages = [email.message_from_bytes(raw, policy=email.policy.default) for raw in mail.stored(demo.imap(account)).values()]
        found = [message for message in messages if subject in message["Subject"]]
        if found:
            equal(len(found), 1, f"messages about {subject!r}")
            equal(found[0]["Auto-Submitted"], "auto-generated", "Auto-Submitted")
            equal([to.addr_spec for to in found[0]["To"].addresses], [account.address], "To")
            text = found[0].get_content()
            return next(line.strip() for line in text.splitlines() if line.startswith("    "))
        time.sleep(0.2)
    raise Failed(f"no message about {subject!r} within {ARRIVES_SECONDS_MAX} s")


def sign_in(demo, account, password, errors=False):
    given = {"email": account.address, "password": password}
    return demo.mutate(None, "sessionCreate", "SessionCreateInput!", "tokens { accessToken }", given, errors)


@check("an invitation and a forgotten password come by mail, their secrets work once, and the person can go")
def by_mail(demo):
    account, customer = demo.mailbox(0), demo.tenant(0)
    invite = {"tenantId": customer["id"], "email": account.address, "role": "auditor", "idempotencyKey": f"invite {account.address}"}
    demo.mutate(customer["token"], "memberInvite", "MemberInviteInput!", "invitation { id }", invite)
    accept = {"secret": arrived(demo, account, "You are invited to"), "name": "Ann", "password": FIRST}
    demo.mutate(None, "invitationAccept", "InvitationAcceptInput!", "member { id }", accept)
    sign_in(demo, account, FIRST)

    demo.mutate(None, "passwordForgot", "PasswordForgotInput!", "done", {"email": account.address})
    reset = {"secret": arrived(demo, account, "A new password"), "password": SECOND}
    demo.mutate(None, "passwordReset", "PasswordResetInput!", "person { id }", reset)
    again = demo.mutate(None, "passwordReset", "PasswordResetInput!", "person { id }", reset, errors=True)
    equal([error["code"] for error in again["userErrors"]], ["NOT_FOUND"], "the secret once more")
    true(sign_in(demo, account, FIRST, errors=True)["userErrors"], "the forgotten password signs in")
    token = sign_in(demo, account, SECOND)["tokens"]["accessToken"]

    demo.mutate(token, "personDelete", "PersonDeleteInput!", "done", {"idempotencyKey": f"gone {account.address}"})
    status, body = demo.post(token, "{ me { actor } }")
    equal(status, 401, f"a session of who is gone: {body}")
    inside("UNAUTHENTICATED", str(body), "the answer")
