"""Messages that look like real ones, and reading them back."""
import base64
import os
import quopri
import random
import re

MESSAGES_MAX = 5000
MESSAGES = 500
WORDS = ("meeting invoice quarterly the and a to of report Grüße naïve 東京 price thread server delivery please attached find "
         "regards tomorrow budget café façade привет release notes patch review -- > quoted text holiday list").split()


def plain(number, subject=None, extra=b""):
    """A short message, CRLF lines."""
    return (b"From: Sender <sender@elsewhere.example>\r\nTo: someone@bakery.example\r\n"
            b"Subject: " + (subject or f"message {number}").encode() + b"\r\n"
            b"Date: Tue, 03 Mar 2026 10:15:00 +0100\r\nMessage-ID: <plain.%d@elsewhere.example>\r\n" % number
            + extra + b"\r\nbody of message %d\r\n.a line that starts with a dot\r\n" % number)


def by(account, number):
    """As `plain`, from an account."""
    return plain(number).replace(b"sender@elsewhere.example", account.address.encode())


def text(rng, lines):
    return "\r\n".join(" ".join(rng.choice(WORDS) for _ in range(rng.randint(0, 14))) for _ in range(lines)) + "\r\n"


def body(rng):
    """Content headers and content."""
    kind = rng.randrange(8)
    if kind == 0:
        return b"\r\n" + text(rng, rng.randint(0, 40)).encode("ascii", "replace")
    if kind == 1:
        encoded = quopri.encodestring(text(rng, 20).encode()).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        return b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + encoded
    if kind == 2:
        return b"Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + text(rng, 9).encode("latin-1", "replace")
    if kind == 3:
        return b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + text(rng, 30).encode()
    if kind == 4:
        return b"\r\n" + b"x" * rng.randint(900, 998) + b"\r\n.\r\n..\r\n.last\r\n"
    boundary = b"b%08x" % rng.getrandbits(32)
    parts = [body(rng) if kind == 7 else b"Content-Type: text/plain\r\n\r\nplain part\r\n"]
    if kind == 5:
        parts.append(b"Content-Type: text/html; charset=utf-8\r\n\r\n<p>" + text(rng, 5).encode() + b"</p>\r\n")
    else:
        parts.append(b"Content-Type: application/octet-stream; name*=utf-8''r%C3%A9sum%C3%A9.bin\r\nContent-Disposition: attachment;\r\n"
                     b" filename*=utf-8''r%C3%A9sum%C3%A9.bin\r\nContent-Transfer-Encoding: base64\r\n\r\n"
                     + base64.encodebytes(rng.randbytes(rng.randint(0, 20000))).replace(b"\n", b"\r\n"))
        parts.append(b"Content-Type: message/rfc822\r\n\r\n" + plain(rng.randrange(1000)))
    kinds = {5: b"alternative", 6: b"mixed", 7: b"mixed"}
    head = b"MIME-Version: 1.0\r\nContent-Type: multipart/%s;\r\n\tboundary=\"%s\"\r\n\r\npreamble\r\n" % (kinds[kind], boundary)
    return head + b"".join(b"--" + boundary + b"\r\n" + part for part in parts) + b"--" + boundary + b"--\r\n"


def made(number):
    """Message `number` of an endless, always equal sequence."""
    rng = random.Random(number)
    subject = " ".join(rng.choice(WORDS) for _ in range(rng.randint(0, 12)))
    if rng.randrange(2):
        subject = "=?utf-8?B?" + base64.b64encode(subject[:30].encode()).decode() + "?="
    folded = subject.encode().replace(b" of ", b"\r\n of ")
    head = [b"Received: from a.example by b.example with ESMTP id %x;\r\n\tMon, 2 Mar 2026 09:00:00 +0000" % rng.getrandbits(40),
            b"From: =?iso-8859-1?Q?J=FCrgen?= <juergen@elsewhere.example>", b"To: \"A, B\" <a@bakery.example>, undisclosed:;",
            b"Subject: " + folded, b"Message-ID: <made.%d@elsewhere.example>" % number]
    if rng.randrange(9):
        head.append(b"Date: Mon, 2 Mar 2026 %02d:%02d:%02d +0000" % (rng.randrange(24), rng.randrange(60), rng.randrange(60)))
    if rng.randrange(3) == 0:
        head.append(b"References: " + b"\r\n ".join(b"<made.%d@elsewhere.example>" % rng.randrange(max(number, 1)) for _ in range(5)))
    return b"\r\n".join(head) + b"\r\n" + body(rng)


def real(folder):
    """Messages of a folder of real ones, as SMTP can carry them."""
    names = sorted(os.path.join(base, name) for base, _, names in os.walk(folder) for name in names)
    for name in names[:MESSAGES_MAX]:
        with open(name, "rb") as file:
            raw = file.read().replace(b"\0", b"")
        lines = re.split(b"\r\n|\n|\r", raw.rstrip(b"\r\n"))
        yield b"\r\n".join(lines) + b"\r\n"


def many(count):
    """Real messages where there are some (POSTHOUSE_CORPUS), else `count` made ones."""
    folder = os.environ.get("POSTHOUSE_CORPUS")
    return list(real(folder)) if folder else [made(n) for n in range(count)]


def deliver(demo, account, messages):
    """Through LMTP, on one connection."""
    client = demo.lmtp()
    for message in messages:
        client.sendmail("sender@elsewhere.example", [account.address], message)
    client.quit()


def stored(client, mailbox="INBOX"):
    """Every message of a mailbox by UID, whole."""
    return {uid: text for part in parts(client, mailbox) for uid, text in part.items()}


def parts(client, mailbox="INBOX", count=200):
    """The same, so many at once."""
    import check
    status, answer = client.select(quoted(mailbox), readonly=True)
    check.equal(status, "OK", f"SELECT {mailbox}: {answer}")
    for first in range(1, int(answer[0]) + 1, count):
        last = min(first + count - 1, int(answer[0]))
        status, rows = client.fetch(f"{first}:{last}", "(UID BODY.PEEK[])")
        check.equal(status, "OK", "FETCH")
        yield {int(re.search(rb"UID (\d+)", row[0]).group(1)): row[1] for row in rows if isinstance(row, tuple)}


def quoted(name):
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
