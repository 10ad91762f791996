"""Checks: functions with a title, registered in the order they are written."""

_checks = []


class Failed(AssertionError):
    """What was expected did not happen."""


def check(title):
    def register(function):
        _checks.append((title, function))
        return function
    return register


def take():
    """The checks registered since the last call."""
    taken = list(_checks)
    _checks.clear()
    return taken


def equal(got, expect, what):
    if got != expect:
        raise Failed(f"{what}: got {shown(got)}, expected {shown(expect)}")


def true(value, what):
    if not value:
        raise Failed(what)


def inside(part, whole, what):
    if part not in whole:
        raise Failed(f"{what}: {shown(part)} is not in {shown(whole)}")


def absent(part, whole, what):
    if part in whole:
        raise Failed(f"{what}: {shown(part)} is in {shown(whole)}")


def refused(kind, what, function, *arguments):
    """The call raises `kind`; returns the error."""
    try:
        result = function(*arguments)
    except kind as error:
        return error
    raise Failed(f"{what}: was not refused but answered {shown(result)}")


def shown(value):
    text = repr(value)
    return text if len(text) <= 300 else text[:200] + " .. " + text[-80:]
