"""The checks: each takes the demo's JSON and a number of messages, and fails by raising."""
import email.utils, imaplib, json, os, pathlib, random, smtplib, socket, ssl, subprocess, tempfile, threading, time, urllib.request

TLS = ssl.create_default_context()
TLS.check_hostname, TLS.verify_mode = False, ssl.CERT_NONE
imaplib._MAXLINE = 50_000_000


def same(got, want, what=""):
    if got != want:
        raise AssertionError(f"{what}: got {got!r}, wanted {want!r}")


def account(demo, tenant=0, number=0):
    a = demo["tenants"][tenant]["accounts"][number]
    return a["address"], a["password"]


def imap(demo, tenant=0, number=0):
    m = imaplib.IMAP4("127.0.0.1", demo["imap"]["port"])
    m.login(*account(demo, tenant, number))
    return m


def graphql(demo, query, token=None):
    headers = {"Authorization": "Bearer " + (token or demo["operator_token"]), "Content-Type": "application/json"}
    request = urllib.request.Request(demo["graphql_url"], json.dumps({"query": query}).encode(), headers)
    return json.load(urllib.request.urlopen(request))


def messages(n):
    """Bytes with CRLF line ends: real ones from POSTHOUSE_CORPUS, else made."""
    corpus = os.environ.get("POSTHOUSE_CORPUS")
    if corpus:
        for path in sorted(p for p in pathlib.Path(corpus).rglob("*") if p.is_file())[:n]:
            raw = path.read_bytes().replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\0", b"")
            yield raw.replace(b"\n", b"\r\n")
        return
    rng = random.Random(7)
    words = "lorem ipsum dolor sit amet Grüße 日本 consectetur . .. --x".split(" ")
    for i in range(n):
        lines = [" ".join(rng.choice(words) for _ in range(rng.randint(0, 12))) for _ in range(rng.randint(1, 60))]
        lines.insert(rng.randint(0, len(lines)), ".")
        head = [f"From: sender{i}@elsewhere.example", f"Subject: message {i}", f"Message-ID: <m{i}@elsewhere.example>",
                "Date: " + email.utils.formatdate(1760000000 + i), "Content-Type: text/plain; charset=utf-8"]
        yield ("\r\n".join(head) + "\r\n\r\n" + "\r\n".join(lines) + "\r\n").encode()


def round_trip(demo, n):
    """What goes in by SMTP comes back byte for byte by IMAP, with ENVELOPE and BODYSTRUCTURE for all."""
    to, _ = account(demo, 0, 2)
    sent = list(messages(n))
    with smtplib.SMTP("127.0.0.1", demo["smtp"]["mx_port"]) as s:
        for raw in sent:
            s.sendmail("x@elsewhere.example", [to], raw if raw.endswith(b"\r\n") else raw + b"\r\n")
    m = imap(demo, 0, 2)
    count = int(m.select()[1][0])
    first = count - len(sent) + 1
    for number, raw in enumerate(sent, first):
        if number % 500 == first % 500:
            m.noop()
        body = m.fetch(str(number), "(BODY.PEEK[])")[1][0][1]
        want = raw if raw.endswith(b"\r\n") else raw + b"\r\n"
        if not body.endswith(want):
            raise AssertionError(f"message {number} came back different")
        trace = body[: len(body) - len(want)]
        assert trace.startswith(b"Return-Path: <x@elsewhere.example>\r\nReceived: "), trace
    answer = m.fetch(f"{first}:*", "(ENVELOPE BODYSTRUCTURE RFC822.SIZE INTERNALDATE FLAGS)")[1]
    rows = [r for r in answer if (r[0] if isinstance(r, tuple) else r).split(b" ", 1)[0].isdigit()]
    same(len(rows), len(sent), "rows with ENVELOPE")
    m.logout()


def submission(demo, _):
    user, password = account(demo)
    other, _ = account(demo, 1)
    port = demo["smtp"]
    for connect in (lambda: smtplib.SMTP("127.0.0.1", port["submission_port"]),
                    lambda: smtplib.SMTP_SSL("127.0.0.1", port["submissions_port"], context=TLS)):
        s = connect()
        s.ehlo()
        if not isinstance(s, smtplib.SMTP_SSL):
            s.starttls(context=TLS)
            s.ehlo()
        for mechanism in ("PLAIN", "LOGIN"):
            s.user, s.password = user, password
            s.auth(mechanism, getattr(s, "auth_" + mechanism.lower()), initial_response_ok=mechanism == "PLAIN")
            break
        same(s.sendmail(user, [other], "Subject: s\r\n\r\nhello\r\n"), {}, "refused recipients")
        try:
            s.sendmail(other, [user], "Subject: forged\r\n\r\nx\r\n")
            raise AssertionError("another's address was taken")
        except smtplib.SMTPSenderRefused as e:
            same(e.smtp_code, 553)
        s.quit()
    s = smtplib.SMTP("127.0.0.1", port["submission_port"])
    s.ehlo()
    s.starttls(context=TLS)
    try:
        s.login(user, "wrong")
        raise AssertionError("a wrong password was taken")
    except smtplib.SMTPAuthenticationError as e:
        same(e.smtp_code, 535)


def relay_is_refused(demo, _):
    s = smtplib.SMTP("127.0.0.1", demo["smtp"]["mx_port"])
    s.ehlo()
    s.mail("x@elsewhere.example")
    same(s.rcpt("someone@elsewhere.example")[0], 550, "relaying")
    same(s.rcpt("nobody@bakery.example")[0], 550, "unknown recipient")
    same(s.rcpt("anna+tag@bakery.example")[0], 250, "plus address")
    same(s.rcpt("hello@bakery.example")[0], 250, "alias")
    s.quit()


def lmtp(demo, _):
    for number in (0, 1):
        lmtp_one(demo, account(demo, 0, number)[0])


def mailboxes(demo, _):
    m = imap(demo, 1, 0)
    for name in ("Work", '"Work/A b"', '"&ZeVnLIqe-"'):
        same(m.create(name)[0], "OK", f"create {name}")
    listed = b"\n".join(m.list()[1])
    assert b'"Work/A b"' in listed and b"&ZeVnLIqe-" in listed and b"\\Sent" in listed, listed
    same(m.append("Work", r"(\Seen \Flagged note)", imaplib.Time2Internaldate(1700000000), b"Subject: a\r\n\r\nx\r\n")[0], "OK")
    m.select("Work")
    row = m.fetch("1", "(FLAGS INTERNALDATE)")[1][0]
    assert b"\\Flagged" in row and b"note" in row and b"14-Nov-2023" in row, row
    same(m.copy("1", "Archive")[0], "OK")
    same(m.uid("MOVE", "1", "Trash")[0], "OK")
    same(m.select("Work")[1], [b"0"])
    same(m.select("Trash")[1], [b"1"])
    m.store("1", "+FLAGS", r"(\Deleted)")
    same(m.expunge()[1], [b"1"])
    same(m.rename("Work", "Play")[0], "OK")
    same(m.status('"Play/A b"', "(MESSAGES UIDNEXT)")[0], "OK")
    for name in ('"Play/A b"', "Play", '"&ZeVnLIqe-"'):
        same(m.delete(name)[0], "OK", f"delete {name}")
    m.logout()


def idle(demo, _):
    m = imap(demo, 1, 1)
    m.select()
    m.send(b"i IDLE\r\n")
    assert m.readline().startswith(b"+ ")
    threading.Thread(target=lmtp_one, args=(demo, account(demo, 1, 1)[0])).start()
    m.sock.settimeout(10)
    while b"EXISTS" not in m.readline():
        pass
    m.send(b"DONE\r\n")
    while not m.readline().startswith(b"i OK"):
        pass
    m.shutdown()


def lmtp_one(demo, to):
    with smtplib.LMTP("127.0.0.1", demo["lmtp_port"]) as s:
        s.sendmail("x@elsewhere.example", [to], "Subject: idle\r\n\r\nx\r\n")


def smuggling(demo, _):
    """False ends of DATA never begin a second message."""
    to = account(demo, 0, 1)[0].encode()
    false_ends = [b"\n.\n", b"\n.\r\n", b"\n.\r", b"\r.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\n", b"\r\n.\r", b"\r\n\0.\r\n",
                  b"\r\n.\0\r\n", b"\r\n.\r\r\n", b"\r\r\n.\r\r\n", b"\r\n.\r\0\n", b"\n\n.\r\n", b"\r\n. \r\n", b"\0\r\n.\0\r\n"]
    for end in false_ends:
        s = socket.create_connection(("127.0.0.1", demo["smtp"]["mx_port"]), 10)
        f = s.makefile("rb")

        def reply():
            while True:
                line = f.readline()
                if line[3:4] != b"-":
                    return line[:3]

        def ask(line):
            s.sendall(line + b"\r\n")
            return reply()

        reply()
        ask(b"EHLO x")
        ask(b"MAIL FROM:<a@elsewhere.example>")
        ask(b"RCPT TO:<%s>" % to)
        same(ask(b"DATA"), b"354")
        second = b"MAIL FROM:<s@elsewhere.example>\r\nRCPT TO:<%s>\r\nDATA\r\nSubject: smuggled\r\n\r\nx" % to
        s.sendall(b"Subject: p\r\n\r\nbody" + end + second + b"\r\n.\r\n")
        first = reply()
        s.sendall(b"NOOP\r\n")
        assert first in (b"250", b"550", b"554"), (end, first)
        same(reply(), b"250", f"after {end!r}: more than one message was seen")
        s.close()


def suspension(demo, _):
    """A suspended tenant is refused at every door, and back when resumed."""
    tenant = demo["tenants"][1]
    user, password = account(demo, 1)
    m = imap(demo, 1)
    graphql(demo, 'mutation { tenantSuspend(input: {tenantId: "%s", reason: "test"}) { userErrors { message } } }' % tenant["id"])
    try:
        for _ in range(20):
            try:
                m.noop()
                time.sleep(0.1)
            except imaplib.IMAP4.abort:
                break
        else:
            raise AssertionError("the session was not cut")
        try:
            imap(demo, 1)
            raise AssertionError("IMAP let a suspended account in")
        except imaplib.IMAP4.error:
            pass
        s = smtplib.SMTP("127.0.0.1", demo["smtp"]["mx_port"])
        s.ehlo()
        s.mail("x@elsewhere.example")
        same(s.rcpt(user)[0], 450, "delivery to a suspended account")
        s = smtplib.SMTP_SSL("127.0.0.1", demo["smtp"]["submissions_port"], context=TLS)
        try:
            s.login(user, password)
            raise AssertionError("submission let a suspended account in")
        except smtplib.SMTPAuthenticationError:
            pass
    finally:
        graphql(demo, 'mutation { tenantResume(tenantId: "%s") { userErrors { message } } }' % tenant["id"])
    imap(demo, 1).logout()


def isolation(demo, _):
    a, b = demo["tenants"]
    answer = graphql(demo, '{ tenant(id: "%s") { name } mailboxes(tenantId: "%s", first: 5) { totalCount } }' % (b["id"], b["id"]), a["token"])
    same(answer["data"], {"tenant": None, "mailboxes": None})
    m = imap(demo, 0)
    same(m.select('"user/%s"' % b["accounts"][0]["address"])[0], "NO")
    m.logout()


def curl(demo, _):
    user, password = account(demo)
    got = subprocess.run(["curl", "-sk", "--user", f"{user}:{password}", f"imaps://127.0.0.1:{demo['imap']['tls_port']}/INBOX;MAILINDEX=1"],
                         capture_output=True, timeout=30)
    assert b"Subject: Welcome" in got.stdout, got
    with tempfile.NamedTemporaryFile() as f:
        f.write(b"Subject: by curl\r\n\r\nx\r\n")
        f.flush()
        subprocess.run(["curl", "-s", "--mail-from", "c@elsewhere.example", "--mail-rcpt", user, "-T", f.name,
                        f"smtp://127.0.0.1:{demo['smtp']['mx_port']}/elsewhere.example"], check=True, timeout=30)


def mbsync(demo, n):
    """isync pulls a mailbox, pushes a flag and a new message, and finds nothing more to do."""
    user, password = account(demo, 0, 2)
    with tempfile.TemporaryDirectory() as folder:
        rc = os.path.join(folder, "rc")
        pathlib.Path(rc).write_text(f"""IMAPStore far
Host 127.0.0.1
Port {demo['imap']['port']}
User {user}
Pass {password}
SSLType None
AuthMechs PLAIN

MaildirStore near
Path {folder}/mail/
Inbox {folder}/mail/INBOX

Channel all
Far :far:
Near :near:
Patterns INBOX
Create Both
Expunge Both
SyncState *
""")
        os.mkdir(os.path.join(folder, "mail"))

        def run():
            done = subprocess.run(["mbsync", "-c", rc, "all"], capture_output=True, text=True, timeout=600)
            same(done.returncode, 0, "mbsync: " + done.stderr[-2000:])

        run()
        inbox = pathlib.Path(folder, "mail", "INBOX")
        files = [p for sub in ("new", "cur") for p in (inbox / sub).iterdir()]
        m = imap(demo, 0, 2)
        count = int(m.select()[1][0])
        same(len(files), count, "pulled messages")
        (inbox / "new" / "1760000000.pushed.host").write_bytes(b"Subject: pushed\nMessage-ID: <pushed@near>\n\nfrom the client\n")
        run()
        m.noop()
        same(int(m.select()[1][0]), count + 1, "pushed messages")
        assert m.search(None, "SUBJECT", "pushed")[1][0], "the pushed message is found"
        m.logout()


ALL = [("round trip", round_trip), ("submission", submission), ("relay refused", relay_is_refused), ("lmtp", lmtp),
       ("mailboxes", mailboxes), ("idle", idle), ("smuggling", smuggling), ("suspension", suspension),
       ("isolation", isolation), ("curl", curl), ("mbsync", mbsync)]
