"""docs/recipes/hosting_company.py beside knotd on loopback: a hosting company over the API, the effect of each step checked at the doors."""
import os
import shutil
import subprocess
import sys
import tempfile

from check import check, equal, inside
from domains import SECRET, Served

RECIPE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "docs", "recipes", "hosting_company.py")
SECONDS_MAX = 600
ZONES = ["start.example", "office.example", "agency.example"]


@check("a hosting company claims, proves, makes 1,000, limits, suspends, renames, deletes and restores, and the doors follow")
def company(demo):
    folder = tempfile.mkdtemp(prefix="posthouse-hosting-")
    server = Served(demo.binary, os.path.join(folder, "data"))
    try:
        server.begin(folder, ZONES)
        doors = {"--smtp": server.info["smtp"]["mx_port"], "--submission": server.info["smtp"]["submission_port"], "--imap": server.info["imap"]["port"]}
        command = [sys.executable, RECIPE, "--api", server.info["graphql_url"], "--token", server.operator, "--dns", f"127.0.0.1:{server.dns_port}",
                   "--tsig", f"posthouse:{SECRET}", "--domains", ",".join(ZONES)]
        command += [word for name, port in doors.items() for word in (name, f"127.0.0.1:{port}")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_MAX)
        print(done.stdout, end="")
        equal(done.returncode, 0, f"{done.stderr[-1500:]}")
        inside("all as they should be", done.stdout, "the last line")
    except Exception:
        print(server.log_tail())
        raise
    finally:
        server.end()
        shutil.rmtree(folder, ignore_errors=True)
