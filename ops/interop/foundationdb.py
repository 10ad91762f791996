#!/usr/bin/env python3
"""Our FoundationDB library under FoundationDB's own Python binding: `ops/interop/foundationdb.py --fake target/debug/libfake_fdb.so`.

The binding finds the library by the loader's path under the name libfdb_c.so, and knows nothing of it: what it and its tuple and directory
layers do with a cluster they do here. Each weather (fair, slow, faulty) is a process of its own, as a process has one library. Then the same over
the cluster that several processes share (`fake-fdb`), where processes are killed and connections cut besides.
"""
import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
import traceback

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import check  # noqa: E402
import fdbcluster  # noqa: E402

PACKAGES = os.path.join(os.environ.get("CARGO_TARGET_DIR", "target"), "interop-foundationdb")
FAULTS = "seed=7,conflict=100,too_old=20,read_too_old=5,read_behind=5,unknown_applied=80,unknown_lost=80"
CHILD_SECONDS_MAX = 120
ROWS = 1000

fdb = None  # the binding, loaded in the child


def strinc(prefix):
    """The first key behind all that begin with `prefix`."""
    return fdb.impl.strinc(prefix)


def code(kind, what, function, *arguments):
    """The call ends with error `kind`."""
    error = check.refused(fdb.FDBError, what, function, *arguments)
    check.equal(error.code, kind, what)


def fresh(db):
    """A transaction that nobody retries."""
    return db.create_transaction()


def space(name):
    """Keys of one check, emptied."""
    prefix = fdb.tuple.pack((name,))
    fdb.open().clear_range_startswith(prefix)
    return prefix


def fill(db, prefix, rows=ROWS):
    @fdb.transactional
    def write(tr):
        for n in range(rows):
            tr[prefix + b"%05d" % n] = b"v%d" % n
    write(db)


@check.check("values are set, read, and cleared")
def values(db):
    at = space("values")
    db[at + b"a"] = b"1"
    db[at + b"empty"] = b""
    check.equal(db[at + b"a"], b"1", "a set value")
    check.equal(db[at + b"empty"], b"", "an empty value is there")
    check.true(db[at + b"b"] is None, "a missing value is not")
    del db[at + b"a"]
    check.true(db[at + b"a"] is None, "a cleared value is not")
    db[at + b"\x00\xff\x00"] = bytes(range(256))
    check.equal(db[at + b"\x00\xff\x00"], bytes(range(256)), "any byte")


@check.check("ranges: forward, reverse, limits, every streaming mode")
def ranges(db):
    at = space("ranges")
    fill(db, at)
    every = [at + b"%05d" % n for n in range(ROWS)]
    for mode in ["iterator", "want_all", "small", "medium", "large", "serial"]:
        mode_of = getattr(fdb.StreamingMode, mode)
        for reverse in (False, True):
            got = [row.key for row in fresh(db).get_range(at, strinc(at), 0, reverse, mode_of)]
            check.equal(got, every[::-1] if reverse else every, f"{mode}, reverse {reverse}")
            got = [row.key for row in fresh(db).get_range(at, strinc(at), 7, reverse, mode_of)]
            check.equal(got, every[::-1][:7] if reverse else every[:7], f"{mode} with a limit, reverse {reverse}")
    exact = fresh(db).get_range(at, strinc(at), 300, False, fdb.StreamingMode.exact).to_list()
    check.equal([row.key for row in exact], every[:300], "exact")
    code(2210, "exact without a limit", lambda: list(fresh(db).get_range(at, strinc(at), 0, False, fdb.StreamingMode.exact)))
    check.equal([row.value for row in db[every[3]:every[6]]], [b"v3", b"v4", b"v5"], "the end is left out")
    check.equal(db[every[6]:every[6]], [], "an empty range")
    check.equal(list(fresh(db)[every[6]:every[3]]), [], "an inverted range")
    check.equal(len(db.get_range_startswith(at + b"0001")), 10, "a prefix")


@check.check("key selectors: each kind, offsets, both ends")
def selectors(db):
    at = space("selectors")
    for name in (b"b", b"d", b"f"):
        db[at + name] = name
    select = fdb.KeySelector
    for selector, want in [
        (select.last_less_than(at + b"d"), b"b"), (select.last_less_or_equal(at + b"d"), b"d"), (select.last_less_or_equal(at + b"e"), b"d"),
        (select.first_greater_than(at + b"d"), b"f"), (select.first_greater_or_equal(at + b"d"), b"d"),
        (select.first_greater_or_equal(at + b"c"), b"d"), (select.first_greater_or_equal(at + b"a") + 2, b"f"),
        (select.last_less_than(at + b"z") - 2, b"b"), (select.first_greater_than(at + b"f") - 1, b"f"),
    ]:
        check.equal(db.get_key(selector), at + want, repr(selector))
    tr = fresh(db)
    check.equal(tr.get_key(select.last_less_than(b"")).wait(), b"", "before everything")
    check.equal(tr.get_key(select.first_greater_than(b"\xfe\xff")).wait(), b"\xff", "behind everything")
    got = list(tr.get_range(select.first_greater_than(at + b"b"), select.first_greater_or_equal(at + b"f") + 1, 2))
    check.equal([row.value for row in got], [b"d", b"f"], "a range between selectors")


@check.check("a transaction reads its own writes, in ranges too")
def own_writes(db):
    at = space("own")
    fill(db, at, 5)
    tr = fresh(db)
    tr[at + b"00001"] = b"own"
    del tr[at + b"00002"]
    tr[at + b"000025"] = b"new"
    tr.clear_range(at + b"00004", at + b"9")
    tr.add(at + b"count", (5).to_bytes(8, "little"))
    check.equal(tr[at + b"00001"].wait(), b"own", "a set")
    check.true(not tr[at + b"00002"].present(), "a clear")
    check.equal(tr[at + b"count"].wait(), (5).to_bytes(8, "little"), "an atomic operation")
    want = [b"00000", b"00001", b"000025", b"00003", b"count"]
    check.equal([row.key[len(at):] for row in tr[at:strinc(at)]], want, "a range")
    check.equal([row.key[len(at):] for row in tr.get_range(at, strinc(at), 2, True)], [b"count", b"00003"], "in reverse")
    check.equal([row.key[len(at):] for row in tr.snapshot[at:strinc(at)]], want, "in a snapshot")
    old = fresh(db)
    old.options.set_read_your_writes_disable()
    old[at + b"00000"] = b"unseen"
    check.equal(old[at + b"00000"].wait(), b"v0", "not where that is switched off")
    tr.commit().wait()
    check.equal([row.key[len(at):] for row in db[at:strinc(at)]], want, "and that is what is committed")


def race(db, first, second):
    """`first` reads, `second` commits, and the first one tries."""
    one = fresh(db)
    first(one)
    one[b"race"] = b""
    two = fresh(db)
    second(two)
    two.commit().wait()
    one.commit().wait()


@check.check("conflicts: keys, ranges, phantoms, and what is none")
def conflicts(db):
    at = space("conflicts")
    db[at + b"a"] = b"1"
    key, end = at + b"a", strinc(at)
    read = lambda tr: tr[key].wait()  # noqa: E731
    scan = lambda tr: list(tr[at:end])  # noqa: E731
    for what, first, second in [
        ("set of a read key", read, lambda tr: tr.set(key, b"2")), ("clear of a read key", read, lambda tr: tr.clear(key)),
        ("add to a read key", read, lambda tr: tr.add(key, b"\x01")), ("clear over a read key", read, lambda tr: tr.clear_range(at, end)),
        ("a key that appears", read, lambda tr: tr.set(key, b"2")), ("a phantom", scan, lambda tr: tr.set(at + b"p", b"")),
        ("a read conflict by hand", lambda tr: tr.add_read_conflict_key(key), lambda tr: tr.set(key, b"3")),
        ("a range of conflicts by hand", lambda tr: tr.add_read_conflict_range(at, end), lambda tr: tr.set(key, b"3")),
        ("a write conflict by hand", read, lambda tr: tr.add_write_conflict_key(key)),
        ("a stamped phantom", scan, lambda tr: tr.set_versionstamped_key(at + bytes(10) + len(at).to_bytes(4, "little"), b"")),
    ]:
        def pinned(tr, first=first):
            tr.get_read_version().wait()
            first(tr)
        code(1020, what, race, db, pinned, second)
    for what, first, second in [
        ("a snapshot read", lambda tr: tr.snapshot[key].wait(), lambda tr: tr.set(key, b"4")),
        ("a snapshot range", lambda tr: list(tr.snapshot[at:end]), lambda tr: tr.set(key, b"4")),
        ("the end of a range", scan, lambda tr: tr.set(end, b"")),
        ("behind what a limit read", lambda tr: list(tr.get_range(at, end, 1)), lambda tr: tr.set(at + b"z", b"")),
        ("an own set that is read", lambda tr: (tr.set(key, b"5"), tr[key].wait()), lambda tr: tr.set(key, b"6")),
        ("a blind write", lambda tr: tr.set(key, b"5"), lambda tr: tr.set(key, b"6")),
        ("two adds", lambda tr: tr.add(key, b"\x01"), lambda tr: tr.add(key, b"\x01")),
        ("a write without a conflict", read, lambda tr: (tr.options.set_next_write_no_write_conflict_range(), tr.set(key, b"7"))),
    ]:
        race(db, first, second)
    check.true(True, "none of these conflicts")


@check.check("atomic operations, each against what its documentation says")
def atomics(db):
    at = space("atomics")
    for name, before, operand, want in [
        ("add", b"\xff\x01", b"\x01\x00", b"\x00\x02"), ("add", None, b"\x05\x00", b"\x05\x00"), ("add", b"\x01", b"\x01\x00\x00", b"\x02\x00\x00"),
        ("add", b"\x01\x02\x03", b"\x01", b"\x02"), ("add", b"\xff\xff", b"\x01\x00", b"\x00\x00"),
        ("bit_and", b"\x0f\xff", b"\x3c\x0f", b"\x0c\x0f"), ("bit_and", None, b"\x3c", b"\x3c"), ("bit_and", b"\xff", b"\xff\xff", b"\xff\x00"),
        ("bit_or", b"\x0f", b"\x30", b"\x3f"), ("bit_or", None, b"\x30", b"\x30"), ("bit_xor", b"\x0f", b"\x3c", b"\x33"),
        ("max", b"\x01\x02", b"\x02\x01", b"\x01\x02"), ("max", b"\x02\x01", b"\x01\x02", b"\x01\x02"), ("max", None, b"\x01", b"\x01"),
        ("min", b"\x01\x02", b"\x02\x01", b"\x02\x01"), ("min", None, b"\x07", b"\x07"), ("min", b"\x01", b"\x05\x00", b"\x01\x00"),
        ("byte_min", b"abc", b"abd", b"abc"), ("byte_min", b"abd", b"abc", b"abc"), ("byte_min", None, b"x", b"x"),
        ("byte_max", b"abc", b"abd", b"abd"), ("byte_max", b"b", b"abd", b"b"), ("byte_max", None, b"x", b"x"),
        ("append_if_fits", b"ab", b"cd", b"abcd"), ("append_if_fits", None, b"cd", b"cd"), ("append_if_fits", b"a" * 99_999, b"bc", b"a" * 99_999),
        ("compare_and_clear", b"x", b"x", None), ("compare_and_clear", b"x", b"y", b"x"), ("compare_and_clear", None, b"y", None),
    ]:
        for seen in (False, True):
            tr = fresh(db)
            del tr[at]
            if before is not None:
                tr[at] = before
            tr.commit().wait()
            tr = fresh(db)
            getattr(tr, name)(at, operand)
            if seen:
                check.equal(tr[at].wait(), want, f"{name} {before} {operand}, in the transaction")
            tr.commit().wait()
            check.equal(db[at], want, f"{name} {before} {operand}")


@check.check("versionstamps: keys, values, the future, and tuples")
def stamps(db):
    at = space("stamps")
    order = []
    for n in range(10):
        tr = fresh(db)
        stamp = tr.get_versionstamp()
        tr.set_versionstamped_key(fdb.tuple.pack_with_versionstamp((at, fdb.tuple.Versionstamp(user_version=n), "x")), b"%d" % n)
        tr.set_versionstamped_value(at + b"value", b"<" + bytes(10) + b">" + (1).to_bytes(4, "little"))
        tr.commit().wait()
        got = stamp.wait()
        check.equal(int.from_bytes(bytes(got)[:8], "big"), tr.get_committed_version(), "a stamp begins with its version")
        check.equal(db[at + b"value"], b"<" + bytes(got) + b">", "a stamped value")
        order.append(bytes(got))
    rows = list(db.get_range_startswith(fdb.tuple.pack((at,))))
    check.equal([row.value for row in rows], [b"%d" % n for n in range(10)], "stamped keys are in the order of their commits")
    check.equal([fdb.tuple.unpack(row.key)[1].tr_version for row in rows], order, "and have their commits' stamps")
    tr = fresh(db)
    tr.set_versionstamped_value(at + b"later", bytes(10) + (0).to_bytes(4, "little"))
    code(1036, "a value that will be stamped is not readable", tr[at + b"later"].wait)
    tr = fresh(db)
    stamp = tr.get_versionstamp()
    tr[at].wait()
    tr.commit().wait()
    code(2021, "a transaction that only read has no stamp", stamp.wait)
    check.equal(tr.get_committed_version(), -1, "and no version")


@check.check("limits: keys, values, transactions, legal keys")
def limits(db):
    at = space("limits")

    def commit(write):
        tr = fresh(db)
        write(tr)
        tr.commit().wait()
    longest = (at + bytes(10_000))[:10_000]
    commit(lambda tr: tr.set(longest, b"v" * 100_000))
    check.equal(len(db[longest]), 100_000, "the longest key and value")
    code(2102, "a longer key", commit, lambda tr: tr.set(longest + b"x", b""))
    code(2102, "a read of a longer key", lambda: fresh(db)[longest + b"x"].wait())
    code(2103, "a longer value", commit, lambda tr: tr.set(at, b"v" * 100_001))
    code(2101, "a larger transaction", commit, lambda tr: [tr.set(at + b"%d" % n, b"v" * 100_000) for n in range(101)])
    code(2101, "a transaction over its own limit", commit,
         lambda tr: (tr.options.set_size_limit(1_000), tr.set(at, b"v" * 2_000)))
    check.true(db[at] is None, "none of these wrote")
    code(2004, "a system key", commit, lambda tr: tr.set(b"\xff/x", b""))
    code(2004, "a read of a system key", lambda: fresh(db)[b"\xff/x"].wait())
    code(2005, "an inverted clear", commit, lambda tr: tr.clear_range(at + b"b", at + b"a"))
    commit(lambda tr: (tr.options.set_access_system_keys(), tr.set(b"\xff/x", b"1"), tr.clear(b"\xff/x")))


@check.check("versions: old ones, future ones, snapshots that stand still")
def versions(db):
    at = space("versions")
    db[at] = b"1"
    old = fresh(db)
    version = old.get_read_version().wait()
    db[at] = b"2"
    check.equal(old[at].wait(), b"1", "a snapshot stands still")
    again = fresh(db)
    again.set_read_version(version)
    check.equal(again[at].wait(), b"1", "a version can be read again")
    check.true(fresh(db).get_read_version().wait() >= version, "versions rise")
    for kind, what, other in [(1007, "a version of long ago", 1), (1009, "a version to come", version + 10**12)]:
        tr = fresh(db)
        tr.set_read_version(other)
        code(kind, what, tr[at].wait)
    tr = fresh(db)
    tr[at] = b"3"
    tr.commit().wait()
    check.true(tr.get_committed_version() > version, "a commit is newer than what was read before it")
    tr = fresh(db)
    tr.get_read_version().wait()
    tr.set_read_version(version)
    code(2010, "a second version", tr[at].wait)


@check.check("watches tell of another value, and of nothing else")
def watches(db):
    at = space("watches")
    db[at] = b"1"
    value, watch = db.get_and_watch(at)
    check.equal(value, b"1", "the value")
    db[at + b"other"] = b"1"
    db[at] = b"1"
    check.true(not watch.is_ready(), "the same value")
    db[at] = b"2"
    watch.wait()
    unsent = fresh(db)
    pending = unsent.watch(at)
    unsent.cancel()
    code(1025, "a watch of a cancelled transaction", pending.wait)
    dropped = db.get_and_watch(at)[1]
    dropped.cancel()
    code(1101, "a cancelled watch", dropped.wait)


@check.check("transactions: reset, cancel, timeout, retries, options")
def lifetimes(db):
    at = space("lifetimes")
    tr = fresh(db)
    tr[at] = b"1"
    tr.reset()
    tr.commit().wait()
    check.true(db[at] is None, "what was reset is not committed")
    tr.cancel()
    code(1025, "a cancelled transaction", tr[at].wait)
    tr = fresh(db)
    tr.options.set_timeout(1)
    time.sleep(0.02)
    code(1031, "a transaction that timed out", tr[at].wait)
    tr = fresh(db)
    tr.options.set_retry_limit(1)
    tr.on_error(1020).wait()
    code(1020, "more retries than allowed", tr.on_error(1020).wait)
    code(2000, "an error that no retry helps against", fresh(db).on_error(2000).wait)
    code(2007, "an option that is none", fresh(db)._set_option, 12_345, None, 0)
    code(2006, "an option's wrong value", fresh(db)._set_option, 500, b"abc", 3)
    heard = threading.Event()
    db.create_transaction()[at].on_ready(lambda _future: heard.set())
    check.true(heard.wait(5), "a callback comes")
    errors = [fdb.FDBError(kind) for kind in (1020, 1021, 2101)]
    judged = [(fdb.predicates.is_retryable(error), fdb.predicates.is_maybe_committed(error)) for error in errors]
    check.equal(judged, [(True, False), (True, True), (False, False)], "what a retry helps against, and what may be committed")


@check.check("sizes, split points, addresses; tenants are refused")
def rest(db):
    at = space("rest")
    fill(db, at)
    tr = fresh(db)
    size = tr.get_estimated_range_size_bytes(at, strinc(at)).wait()
    check.true(ROWS * len(at) < size < ROWS * 100, f"a size of {size}")
    points = tr.get_range_split_points(at, strinc(at), 5_000).wait()
    check.true(len(points) > 3 and points[0] == at and points[-1] == strinc(at), "split points")
    check.equal(sorted(points), list(points), "in order")
    check.equal(fdb.locality.get_addresses_for_key(tr, at).wait(), [b"127.0.0.1:4500"], "an address")
    check.true(tr.get_approximate_size().wait() >= 0, "a size of a transaction")
    code(2108, "a tenant", db.open_tenant, b"somebody")
    check.inside(b"Healthy", bytes(db.get_client_status().wait()), "the client's status")


@check.check("tuples keep their order, whatever they hold")
def tuples(db):
    at = space("tuples")
    dice = random.Random(5)
    kinds = [lambda: dice.randint(-2**70, 2**70), lambda: dice.random() * 1e6 - 5e5, lambda: bytes(dice.choices(range(256), k=dice.randint(0, 6))),
             lambda: "".join(dice.choices("aä\x00z€", k=dice.randint(0, 6))), lambda: dice.random() < 0.5, lambda: None, lambda: (1, None, "n")]
    rows = [tuple(dice.choice(kinds)() for _ in range(dice.randint(1, 4))) for _ in range(300)]
    inside = fdb.Subspace((at,))

    @fdb.transactional
    def write(tr):
        for row in rows:
            tr[inside.pack(row)] = fdb.tuple.pack(row)
    write(db)
    stored = list(db.get_range(inside.range().start, inside.range().stop))
    check.equal([inside.unpack(row.key) for row in stored], [fdb.tuple.unpack(row.value) for row in stored], "keys are their tuples")
    packed = [row.value for row in stored]
    check.equal(packed, sorted(packed), "in order")
    by_tuple = sorted({fdb.tuple.pack(row): row for row in rows}.items())
    check.true(all(fdb.tuple.compare(a[1], b[1]) < 0 for a, b in zip(by_tuple, by_tuple[1:])), "the layer's own order is the bytes'")


@check.check("directories: create, open, list, move, remove, layers, partitions")
def directories(db):
    top = fdb.directory.create_or_open(db, ("directories",))
    one, two = top.create(db, ("one",)), top.create(db, ("two",), layer=b"kind")
    check.true(one.key() != two.key() and not one.key().startswith(two.key()), "prefixes are apart")
    db[one.pack(("k",))] = b"1"
    check.equal(top.list(db), ["one", "two"], "a list")
    check.equal(fdb.directory.open(db, ("directories", "one")).key(), one.key(), "opened again")
    check.refused(ValueError, "a second creation", top.create, db, ("one",))
    check.refused(ValueError, "another layer", top.open, db, ("two",), b"other")
    check.refused(ValueError, "what is not there", top.open, db, ("three",))
    one.create(db, ("deep", "deeper"))
    moved = top.move(db, ("one",), ("two", "moved"))
    check.equal(moved.key(), one.key(), "a move keeps the prefix")
    check.equal(db[moved.pack(("k",))], b"1", "and what is in it")
    check.equal(top.list(db), ["two"], "the old name is gone")
    check.true(top.exists(db, ("two", "moved", "deep", "deeper")), "what is below moved too")
    part = top.create(db, ("part",), layer=b"partition")
    inner = part.create(db, ("inner",))
    check.true(part.exists(db, ("inner",)), "a directory in a partition")
    sibling = top.create(db, ("sibling",))
    check.true(not inner.key().startswith(sibling.key()) and len(inner.key()) > len(sibling.key()), "stands below the partition's prefix")
    top.remove(db, ("two",))
    check.true(not top.exists(db, ("two",)) and db[one.pack(("k",))] is None, "removed with all below")
    check.true(not top.remove_if_exists(db, ("two",)), "once")
    many = [top.create(db, ("many", str(n))).key() for n in range(40)]
    check.equal(len(set(many)), 40, "forty directories have forty prefixes")
    fdb.directory.remove(db, ("directories",))


def in_threads(count, work):
    failures = []

    def guarded(number):
        try:
            work(number)
        except Exception as error:  # told by the main thread
            failures.append(error)
    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


@check.check("threads that increment under the retry loop lose nothing")
def increments(db):
    at = space("increments")

    @fdb.transactional
    def increment(tr, mark):
        if tr[mark].present():
            return  # an attempt of which nobody knew was applied
        tr[mark] = b""
        before = tr[at + b"read"]
        tr[at + b"read"] = b"%d" % (int(before.wait()) + 1 if before.present() else 1)
        tr.add(at + b"added", (1).to_bytes(8, "little"))
    in_threads(6, lambda number: [increment(db, at + b"mark%d.%d" % (number, n)) for n in range(40)])
    check.equal(db[at + b"read"], b"240", "by reading")
    check.equal(int.from_bytes(db[at + b"added"], "little"), 240, "by adding")


@check.check("a commit of which nobody knows was applied or not, wholly")
def unknown(db):
    at = space("unknown")
    applied = lost = known = 0
    for n in range(300):
        tr = fresh(db)
        left, right = at + b"l%d" % n, at + b"r%d" % n
        tr[left], tr[right] = b"", b""
        try:
            tr.commit().wait()
            known += 1
            result = None
        except fdb.FDBError as error:
            result = error.code
        both = {db[left] is not None, db[right] is not None}
        check.equal(len(both), 1, "both keys or none")
        there = both.pop()
        if result is None:
            check.true(there, "a commit that was told")
        elif result == 1021:
            applied, lost = applied + there, lost + (not there)
        else:
            check.inside(result, (1020, 1007), "a failure")
            check.true(not there, "a failure that was told")
    stormy = "unknown" in os.environ.get("FAKE_FDB_FAULTS", "")
    check.equal((applied > 0, lost > 0), (stormy, stormy), f"{applied} applied, {lost} lost, {known} known")


# What can be asked of a cluster that fails: only what retries.
STORMY = ("values", "own_writes", "tuples", "directories_in_storms", "increments", "unknown")


@check.check("directories are made and removed in any weather")
def directories_in_storms(db):
    top = fdb.directory.create_or_open(db, ("storms",))
    made = [fdb.directory.create_or_open(db, ("storms", str(n))).key() for n in range(20)]
    check.equal(len(set(made)), 20, "prefixes are apart")
    check.equal(sorted(top.list(db)), sorted(str(n) for n in range(20)), "a list")
    fdb.directory.remove_if_exists(db, ("storms",))
    check.true(not fdb.directory.exists(db, ("storms",)), "removed")


def bind():
    """The binding, in the process that has the library."""
    global fdb
    import fdb as binding
    fdb = binding
    fdb.api_version(730)


def inside(weather):
    """Runs in the process that has the library: one JSON line for each check."""
    bind()
    db = fdb.open()
    for title, function in check.take():
        if weather == "faulty" and function.__name__ not in STORMY:
            continue
        failure = None
        try:
            function(db)
        except Exception as error:  # one failure must not hide the others
            where = traceback.extract_tb(error.__traceback__)[-1]
            failure = f"{type(error).__name__}: {error} ({os.path.basename(where.filename)}:{where.lineno})"
        print(json.dumps([title, failure]), flush=True)


def run(weather, environment):
    command = [sys.executable, os.path.abspath(__file__), "--inside", weather]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, timeout=CHILD_SECONDS_MAX, text=True)
    results = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode != 0:
        results.append([f"the process ends well ({weather})", f"it ended with {done.returncode}"])
    return results


WEATHERS = [("fair", {}), ("slow", {"FAKE_FDB_FAULTS": "delay_ms=2,batch=1"}), ("faulty", {"FAKE_FDB_FAULTS": FAULTS})]


def everything(plain, folder):
    """Weather, title and failure of every check."""
    for weather, more in WEATHERS:
        yield from ([weather, *result] for result in run(weather, {**plain, **more}))
    library = os.path.realpath(os.path.join(folder, "libfdb_c.so"))
    for weather, more in WEATHERS:
        cluster = fdbcluster.Shared(library=library)
        try:
            yield from ([f"shared, {weather}", *result] for result in run(weather, {**plain, **more, "FDB_CLUSTER_FILE": cluster.cluster_file}))
        finally:
            cluster.remove()
    check.take()  # the binding's own, which ran
    import fdbprocesses
    yield from (["shared", *result] for result in fdbprocesses.run(os.path.abspath(__file__), plain, folder))


def child(what, names):
    if what in ("worker", "judge"):
        import fdbprocesses
        bind()
        fdbprocesses.work(fdb, *names) if what == "worker" else fdbprocesses.judge(fdb)
    else:
        inside(what)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    target = os.environ.get("CARGO_TARGET_DIR", "target")
    parser.add_argument("--fake", default=os.path.join(target, "debug", "libfake_fdb.so"), help="our library")
    parser.add_argument("--inside", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        child(options.inside[0], options.inside[1:])
        return 0
    results = []
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(os.path.abspath(options.fake), os.path.join(folder, "libfdb_c.so"))
        plain = {name: value for name, value in os.environ.items() if name not in ("FDB_CLUSTER_FILE", "FAKE_FDB_FAULTS")}
        plain.update(LD_LIBRARY_PATH=folder, PYTHONPATH=PACKAGES, PYTHONDONTWRITEBYTECODE="1")
        for weather, title, failure in everything(plain, folder):
            results.append(failure)
            print(f"{'FAIL' if failure else 'PASS'} fake-fdb, {weather}: {title}" + (f"\n     {failure}" if failure else ""), flush=True)
    failed = sum(failure is not None for failure in results)
    print(f"fake-fdb: {len(results) - failed} passed, {failed} failed")
    return 1 if failed or not results else 0


if __name__ == "__main__":
    sys.exit(main())
