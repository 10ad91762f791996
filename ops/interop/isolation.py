"""One tenant cannot see, reach or change what is another's: it does not exist for it."""
import mail
from check import absent, check, equal, true
from demo import MAILBOXES_MAX
from lines import Lines

NAMES = ["{other}", "{other}/INBOX", "user/{other}", "user.{other}", "#user/{other}/INBOX", "Other Users/{other}", "../{other}/INBOX",
         "/{other}", "~{other}/INBOX", "Shared/{other}", "INBOX/../../{other}", "*", "%"]


def objects(demo):
    """Ids of another tenant and of things in it."""
    stranger = demo.tenant(1)
    query = "query($t: ID!) { mailboxes(tenantId: $t, first: 10) { edges { node { id address } } } }"
    rows = demo.query(stranger["token"], query, {"t": stranger["id"]})["mailboxes"]["edges"]
    return stranger, rows[0]["node"]["id"], rows[0]["node"]["address"]


@check("no mailbox name over IMAP leads to another tenant")
def names(demo):
    account, other = demo.mailbox(0), demo.account(1, 0)
    lines = Lines(demo, account)
    for name in NAMES:
        name = name.format(other=other.address)
        for command in ["SELECT", "EXAMINE", "DELETE", "SUBSCRIBE" if "*" in name else "EXAMINE"]:
            untagged, tagged = lines.command(f'{command} "{name}"')
            true(not tagged.startswith(b"OK"), f"{command} {name}: {tagged}")
        untagged, tagged = lines.command(f'STATUS "{name}" (MESSAGES)')
        true(not tagged.startswith(b"OK"), f"STATUS {name}: {tagged}")
    rows = b"\n".join(lines.ok('LIST "" "*"') + lines.ok('LIST "#user/" "*"') + lines.ok('LSUB "" "*"'))
    for text in [b"studio", other.address.split("@")[0].encode()]:
        absent(text, rows, "LIST")


@check("ids of another tenant's messages are unknown over IMAP")
def message_ids(demo):
    mine, theirs = demo.mailbox(0), demo.mailbox(1)
    for account in [mine, theirs]:
        mail.deliver(demo, account, [mail.plain(1, "the same message")])
    import re
    other = Lines(demo, theirs)
    other.ok("SELECT INBOX")
    row = other.ok("UID FETCH 1:* (EMAILID THREADID)")[0]
    email, thread = re.search(rb"EMAILID \((\S+)\) THREADID \((\S+)\)", row).groups()
    lines = Lines(demo, mine)
    lines.ok("SELECT INBOX")
    own = lines.ok("UID FETCH 1:* (EMAILID)")[0]
    if email not in own:
        equal(lines.ok(b"UID SEARCH EMAILID " + email)[0].strip(), b"* SEARCH", "SEARCH EMAILID")
        equal(lines.ok(b"UID SEARCH THREADID " + thread)[0].strip() if thread not in own else b"* SEARCH", b"* SEARCH", "SEARCH THREADID")


@check("ids of another tenant are null in queries")
def queries(demo):
    token, (stranger, mailbox, _) = demo.tenant(0)["token"], objects(demo)
    for identity in [stranger["id"], mailbox, stranger["domains"][0]]:
        equal(demo.query(token, "query($i: ID!) { node(id: $i) { id } }", {"i": identity})["node"], None, f"node {identity}")
    equal(demo.query(token, "query($i: ID!) { tenant(id: $i) { id } }", {"i": stranger["id"]})["tenant"], None, "tenant")
    equal(demo.query(token, "query($i: ID!) { mailbox(id: $i) { id } }", {"i": mailbox})["mailbox"], None, "mailbox")
    for field in ["domains(tenantId: $i, first: 10) { edges { node { id } } }", "mailboxes(tenantId: $i, first: 10) { edges { node { id } } }",
                  "aliases(tenantId: $i, first: 10) { nodes { address } }", "auditEntries(tenantId: $i, first: 10) { __typename }"]:
        equal(demo.query(token, "query($i: ID!) { r: " + field + " }", {"i": stranger["id"]})["r"], None, field)
    own = demo.query(token, "{ tenants(first: 100) { edges { node { id } } } }")["tenants"]["edges"]
    absent(stranger["id"], [row["node"]["id"] for row in own], "tenants")


@check("mutations on another tenant's ids find nothing and change nothing")
def mutations(demo):
    token, (stranger, mailbox, address) = demo.tenant(0)["token"], objects(demo)
    domain = stranger["domains"][0]
    attempts = [
        ("tenantSuspend", "TenantSuspendInput!", "tenant { id }", {"tenantId": stranger["id"], "reason": "x"}),
        ("tenantUpdate", "TenantUpdateInput!", "tenant { id }", {"tenantId": stranger["id"], "maxMailboxes": 0}),
        ("domainCreate", "DomainCreateInput!", "domain { id }", {"tenantId": stranger["id"], "name": "stolen.example"}),
        ("domainUpdate", "DomainUpdateInput!", "domain { id }", {"name": domain, "catchAll": demo.account(0, 0).address}),
        ("domainDelete", "DomainDeleteInput!", "domain { id }", {"name": domain, "idempotencyKey": "a"}),
        ("mailboxCreate", "MailboxCreateInput!", "mailbox { id }", {"address": f"mine@{domain}", "password": "long enough for it"}),
        ("mailboxUpdate", "MailboxUpdateInput!", "mailbox { id }", {"mailboxId": mailbox, "password": "long enough for it"}),
        ("mailboxSuspend", "MailboxSuspendInput!", "mailbox { id }", {"mailboxId": mailbox, "reason": "x"}),
        ("mailboxDelete", "MailboxDeleteInput!", "mailbox { id }", {"mailboxId": mailbox, "idempotencyKey": "b"}),
        ("aliasCreate", "AliasCreateInput!", "alias { address }", {"address": f"tap@{domain}", "targets": [demo.account(0, 0).address]}),
        ("aliasDelete", "AliasDeleteInput!", "alias { address }", {"address": f"hello@{domain}", "idempotencyKey": "c"}),
    ]
    for name, kind, fields, value in attempts:
        payload = demo.mutate(token, name, kind, fields, value, errors=True)
        equal(payload[fields.split()[0]], None, name)
        true(payload["userErrors"], f"{name} says why")
        for error in payload["userErrors"]:
            true(error["code"] not in ("FORBIDDEN", "PERMISSION_DENIED"), f"{name}: {error} tells that it exists")
    owner = demo.tenant(1)["accounts"][0]
    client = demo.imap()
    client.login(owner["address"], owner["password"])
    true(len(mail.stored(client)) >= 1, "the owner's mail is gone")
    found = demo.query(stranger["token"], "query($i: ID!) { tenant(id: $i) { suspended maxMailboxes } mailboxes(tenantId: $i, first: 50) "
                       "{ edges { node { address suspended } } } }", {"i": stranger["id"]})
    equal((found["tenant"]["suspended"], found["tenant"]["maxMailboxes"]), (False, MAILBOXES_MAX), "tenant")
    absent(f"mine@{domain}", [row["node"]["address"] for row in found["mailboxes"]["edges"]], "mailboxes")


@check("a claim on another tenant's domain moves nothing, and an address has one owner")
def taken(demo):
    token, mine, name = demo.tenant(0)["token"], demo.tenant(0), demo.tenant(1)["domains"][0]
    payload = demo.mutate(token, "domainCreate", "DomainCreateInput!", "domain { state }", {"tenantId": mine["id"], "name": name})
    equal(payload["domain"]["state"], "CLAIMED", "a domain of another tenant")
    payload = demo.mutate(token, "mailboxCreate", "MailboxCreateInput!", "mailbox { id }",
                          {"address": f"mine@{name}", "password": "long enough for it"}, errors=True)
    equal(payload["mailbox"], None, "a mailbox on a domain that is not proven")
    payload = demo.mutate(token, "domainVouch", "DomainCreateInput!", "domain { state }", {"tenantId": mine["id"], "name": name},
                          errors=True)
    equal(payload["userErrors"][0]["code"], "FORBIDDEN", "a customer who vouches")
    payload = demo.mutate(token, "mailboxCreate", "MailboxCreateInput!", "mailbox { id }",
                          {"address": demo.account(0, 0).address, "password": "long enough for it"}, errors=True)
    equal(payload["mailbox"], None, "an address that is taken")


@check("without a token, with a wrong one or an altered one there is nothing")
def tokens(demo):
    good = demo.tenant(0)["token"]
    for token in [None, "", "x", good[:-4] + ("AAAA" if not good.endswith("AAAA") else "BBBB"), good + "x"]:
        status, body = demo.post(token, "{ viewer { id name } }")
        true(status in (401, 403) or not (body.get("data") or {}).get("viewer"), f"token {token!r}: {status} {body}")


@check("a query too deep, too wide or too costly is refused")
def costly(demo):
    token = demo.tenant(0)["token"]
    wide = "{ " + " ".join(f"a{n}: tenants(first: 100) {{ edges {{ node {{ id name }} }} }}" for n in range(200)) + " }"
    deep = "{ __schema { types { fields { type " + "{ ofType " * 40 + "{ name }" + " }" * 40 + " } } } }"
    for query in [wide, deep, "{ viewer { id } " + " @skip(if: false)" * 100 + " }"]:
        _, body = demo.post(token, query)
        true(body.get("errors"), "no error")
