"""Runs a command-line client; what it printed is in the error."""
import shutil
import subprocess

from check import Failed

CLIENT_SECONDS_MAX = 300


def command(*words, stdin=b"", env=None, fails=False):
    if shutil.which(words[0]) is None:
        raise Failed(f"{words[0]} is not installed: ops/test installs it")
    done = subprocess.run(words, input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=CLIENT_SECONDS_MAX, env=env)
    text = (done.stdout + done.stderr)[-1500:].decode(errors="replace")
    if fails and done.returncode == 0:
        raise Failed(f"{words[0]} succeeded where it had to fail: {text}")
    if not fails and done.returncode != 0:
        raise Failed(f"{words[0]} ended with {done.returncode}: {text}")
    return done.stdout
