#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The gateway beside node oidc-provider and Glewlwyd, in one run, on one machine.

usage: run_gateway.py BUILD_DIR --modules DIRECTORY [--seconds 6] [--tokens 1000,1000000] [--sessions 100000] [--json FILE]

DIRECTORY has oidc-provider in its node_modules (npm install --prefix DIRECTORY oidc-provider@9). Needs root (namespaces
of its own, as the integration tests have), node, wrk, glewlwyd, sqlite3. HospiConnect speaks TLS, with broker, hc-password
and everything synced to disk, as it would be installed; the peers speak plain HTTP, without a second factor, node without
a disk. Prints Markdown; CPU is user and system time of the provider's own processes.
"""
import argparse
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, HERE + "/peers", HERE + "/../tests/integration"]

CONNECTIONS = 32
PEOPLE_A_MEASUREMENT = 64
LOGINS = 256  # below what hc-password lets through at once


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--modules", required=True)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--tokens", default="1000,1000000")
    parser.add_argument("--sessions", type=int, default=100000)
    parser.add_argument("--only", default="", help="endpoints, login, store or profile: a part alone")
    parser.add_argument("--json")
    return parser.parse_args()


ARGS = arguments()
os.environ["HC_BUILD_DIR"] = os.path.abspath(ARGS.build)

import flow  # noqa: E402
import gateway  # noqa: E402
import peers  # noqa: E402
import rig  # noqa: E402


class Person:
    def __init__(self, login, token):
        self.login, self.token = login, token


class Ours(peers.Peer):
    """What run_gateway measures: gateway and broker; the check of the password stands beside."""

    name = "HospiConnect"
    ca_file = gateway.AUTHORITY
    callback = "https://app.example/cb"
    jwt_body = opaque_body = "grant_type=client_credentials&scope=api"

    def __init__(self, machine):
        self.machine = machine
        add = ("client", "add")
        grants = [part for grant in ("authorization_code", "refresh_token", "client_credentials") for part in ("--grant", grant)]
        common = ["--redirect-uri", self.callback, *grants, "--scope", "openid", "--scope", "profile", "--scope", "api",
                  "--may-introspect"]
        self.jwt = machine.admin(*add, "jwt", *common, "--access-token", "jwt", "--id-token-alg", "ES256")
        self.app = machine.admin(*add, "bench", *common, "--id-token-alg", "ES256")
        self.rsa = machine.admin(*add, "rsa", *common)
        self.use(self.app)
        self.paths = {"discovery": gateway.WELL_KNOWN, **{name: "/oauth2/" + name for name in (
            "jwks", "token", "introspect", "userinfo", "authorize")}}

    def use(self, client):
        self.client_id, self.client_secret = client["client_id"], client["client_secret"]
        return self

    @property
    def base(self):
        return self.machine.gateway.issuer

    @property
    def pids(self):
        return [self.machine.gateway.process.pid, self.machine.broker.process.pid]

    def sign_in(self, browser, reply, person):
        fields, action = flow.hidden(reply.text)
        reply = browser.post(action, {**fields, "username": person.login, "password": rig.PASSWORD})
        fields, action = flow.hidden(reply.text)
        reply = browser.post(action, {**fields, "code": person.token.next()})
        if reply.status != 303:
            raise RuntimeError(f"no sign-in: {reply.status} {reply.text[-600:]}")
        return reply.location


# ---- one endpoint ----------------------------------------------------------------------------------

def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000, "m": 60000}[unit]


def wrk(url, script, seconds):
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as lua:
        lua.write(script)
        lua.flush()
        out = subprocess.run(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "10s", "--latency", "-s",
                              lua.name, url], capture_output=True, text=True, check=True, timeout=seconds + 60).stdout
    find = lambda pattern: re.search(pattern, out, re.M)
    bad = find(r"Non-2xx or 3xx responses: (\d+)")
    errors = find(r"Socket errors: (.*)")
    return {"requests": int(find(r"(\d+) requests in").group(1)), "per_s": float(find(r"Requests/sec:\s+([\d.]+)").group(1)),
            "p50_ms": milliseconds(find(r"^\s+50%\s+(\S+)").group(1)), "p99_ms": milliseconds(find(r"^\s+99%\s+(\S+)").group(1)),
            "bad": int(bad.group(1)) if bad else 0, "errors": errors.group(1) if errors else ""}


def script_of(method="GET", body="", **headers):
    lines = [f"wrk.method = {json.dumps(method)}"]
    if body:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        lines.append(f"wrk.body = {json.dumps(body)}")
    return "\n".join(lines + [f"wrk.headers[{json.dumps(name)}] = {json.dumps(value)}" for name, value in headers.items()])


def endpoint(provider, what, path, script):
    url = provider.base + path
    wrk(url, script, 1)
    cpu = flow.cpu_seconds(provider.pids)
    row = wrk(url, script, ARGS.seconds)
    time.sleep(0.1)
    row.update(provider=provider.name, what=what, cpu_us=(flow.cpu_seconds(provider.pids) - cpu) / max(1, row["requests"]) * 1e6,
               rss_kb=flow.resident_kb(provider.pids))
    print(f"{provider.name:20} {what:44} {row['per_s']:9.0f}/s  CPU {row['cpu_us']:8.1f} us  p50 {row['p50_ms']:7.2f} "
          f"p99 {row['p99_ms']:7.2f} ms  bad {row['bad']} {row['errors']}", file=sys.stderr, flush=True)
    return row


def tokens_of(provider, body):
    browser = flow.Browser(provider.base, getattr(provider, "ca_file", None))
    reply = browser.request("POST", provider.base + provider.paths["token"], body, "application/x-www-form-urlencoded",
                            {"Authorization": provider.basic})
    rig.equal(reply.status, 200, provider.name, reply.text)
    return json.loads(reply.text)


def endpoints(provider, person, jwt_client=None, opaque_client=None):
    rows = [endpoint(provider, "discovery", provider.paths["discovery"], script_of()),
            endpoint(provider, "jwks", provider.paths["jwks"], script_of())]
    if jwt_client:
        provider.use(jwt_client)
    rows.append(endpoint(provider, "token, client_credentials, JWT ES256", provider.paths["token"],
                         script_of("POST", provider.jwt_body, Authorization=provider.basic)))
    if opaque_client:
        provider.use(opaque_client)
    if provider.name != "Glewlwyd":
        rows.append(endpoint(provider, "token, client_credentials, opaque", provider.paths["token"],
                             script_of("POST", provider.opaque_body, Authorization=provider.basic)))
    token = tokens_of(provider, provider.opaque_body)["access_token"]
    rows.append(endpoint(provider, "introspection", provider.paths["introspect"],
                         script_of("POST", "token=" + urllib.parse.quote(token), Authorization=provider.basic)))
    browser = flow.Browser(provider.base, getattr(provider, "ca_file", None))
    signed = flow.login(provider, browser, person)
    rows.append(endpoint(provider, "userinfo", provider.paths["userinfo"],
                         script_of(Authorization="Bearer " + signed["access_token"])))
    return rows


# ---- whole logins ------------------------------------------------------------------------------------

def logins(provider, what, people, at_once, count, again=False):
    row = flow.measure(provider, people, at_once, count, again)
    row.update(provider=provider.name, what=what)
    print(f"{provider.name:20} {what:44} {at_once:3} at once: {row['per_s']:7.1f}/s  CPU {row['cpu_ms']:7.3f} ms "
          f"{[round(ms, 3) for ms in row['split_ms']]}  p50 {row['p50_ms'] or 0:8.1f} p99 {row['p99_ms'] or 0:8.1f} ms  failed {row['failed']} {row['why'] or ''}",
          file=sys.stderr, flush=True)
    return row


class Crowd:
    """People with passwords and button tokens; each is used in one measurement, since its processes press the buttons."""

    def __init__(self, machine):
        self.machine, self.number = machine, 0

    def take(self, count):
        hashed = rig.password_hash()
        first, self.number = self.number, self.number + count
        names = [f"bench{n:04}" for n in range(first, first + count)]
        with open("/etc/passwd", "a", encoding="utf-8") as passwd, open("/etc/shadow", "a", encoding="utf-8") as shadow:
            for n, name in enumerate(names, first):
                passwd.write(f"{name}:x:{63000 + n}:{63000 + n}::/nonexistent:/bin/sh\n")
                shadow.write(f"{name}:{hashed}:19000:0:99999:7:::\n")
        people = []
        for name in names:
            self.machine.ctl("user", "add", name, "--given-name", "Max", "--family-name", "Libre")
            people.append(Person(name, self.machine.hotp(name)))
        gateway.fresh_helper(self.machine)
        return people


def our_logins(ours, crowd):
    rows = []
    for at_once in (4, 16, 64):
        people = crowd.take(PEOPLE_A_MEASUREMENT)
        before = flow.cpu_seconds([ours.machine.helper.pid]) + children_cpu(ours.machine.helper.pid)
        row = logins(ours.use(ours.app), "whole login, ES256", people, at_once, LOGINS)
        after = flow.cpu_seconds([ours.machine.helper.pid]) + children_cpu(ours.machine.helper.pid)
        row["password_ms"] = (after - before) / max(1, row["logins"]) * 1000
        rows.append(row)
    rows.append(logins(ours.use(ours.rsa), "whole login, RS256", crowd.take(PEOPLE_A_MEASUREMENT), 4, LOGINS))
    for at_once in (4, 16):
        rows.append(logins(ours.use(ours.app), "session exists, ES256", crowd.take(at_once), at_once, 4000, again=True))
    return rows


def children_cpu(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[13]) + int(fields[14])) / flow.TICKS


def peers_logins(provider, one):
    if provider.name == "Glewlwyd":
        return [logins(provider, "whole login, ES256", [one] * n, n, 40) for n in (1, 4)] + \
            [logins(provider, "session exists, ES256", [one], 1, 200, again=True)]
    return [logins(provider, "whole login, ES256", [one] * n, n, 512) for n in (4, 16, 64)] + \
        [logins(provider, "session exists, ES256", [one] * n, n, 2000, again=True) for n in (4, 16)]


# ---- the store, full ---------------------------------------------------------------------------------

def among(tokens, method, body, **headers):
    """One of many tokens at each request."""
    listed = ",".join(json.dumps(token) for token in tokens)
    set_headers = "\n".join(f"headers[{json.dumps(name)}] = {value}" for name, value in headers.items())
    return (f"local tokens = {{{listed}}}\nrequest = function()\n local token = tokens[math.random(#tokens)]\n"
            f"local headers = {{}}\n{set_headers}\nreturn wrk.format({json.dumps(method)}, nil, headers, {body})\nend\n")


def fill(ours, tokens, sessions, written=10000):
    machine = ours.machine
    database = machine.gateway.state_dir + "/gateway.db"
    machine.gateway.stop()
    with sqlite3.connect(database) as connection:
        person, sub = connection.execute("SELECT person_id, sub FROM grants WHERE person_id > 0 ORDER BY id DESC").fetchone()
    done = subprocess.run([ARGS.build + "/bench/fill_gstore", database, ours.app["client_id"], str(person), sub, str(sessions),
                           str(tokens), str(written)], capture_output=True, text=True, timeout=900, check=True, user=gateway.UID,
                          group=gateway.UID)
    machine.gateway.start()
    return done.stdout.split()


def store(ours):
    rows = []
    for count in (int(n) for n in ARGS.tokens.split(",")):
        tokens = fill(ours, count, 0)
        ours.use(ours.app)
        for what, script in (
                ("introspection", among(tokens, "POST", '"token=" .. token', Authorization=json.dumps(ours.basic),
                                        **{"Content-Type": '"application/x-www-form-urlencoded"'})),
                ("userinfo", among(tokens, "GET", "nil", Authorization='"Bearer " .. token'))):
            path = ours.paths["introspect" if what == "introspection" else what]
            rows.append(endpoint(ours, f"{what}, {count:,} live tokens", path, script))
    return rows


def resident(ours):
    """Empty and idle, and with that many sessions; and from exec to the first answer."""
    machine = ours.machine
    fill(ours, 0, ARGS.sessions)
    machine.gateway.stop()
    took = []
    for _ in range(5):
        began = time.perf_counter()
        with machine.gateway.launch():
            while True:
                try:
                    rig.equal(machine.gateway.wire(timeout=2).get(gateway.WELL_KNOWN).status, 200)
                    break
                except OSError:
                    time.sleep(0.0005)
            took.append((time.perf_counter() - began) * 1000)
        machine.gateway.stop()
    machine.gateway.start()
    return {"sessions": ARGS.sessions, "rss_kb": flow.resident_kb([machine.gateway.process.pid]),
            "start_ms": sorted(took)[len(took) // 2]}


# ---- what it costs at least ----------------------------------------------------------------------------

def raw_signature_us():
    out = subprocess.run(["openssl", "speed", "-seconds", "3", "ecdsap256"], capture_output=True, text=True, timeout=60,
                         check=True).stdout
    return 1e6 / float(out.strip().splitlines()[-1].split()[-2])


def handshakes(port, pid, seconds=4):
    cpu = flow.cpu_seconds([pid])
    out = subprocess.run(["openssl", "s_time", "-connect", f"127.0.0.1:{port}", "-new", "-time", str(seconds), "-tls1_3"],
                         capture_output=True, text=True, timeout=60, check=False).stdout
    count = int(re.search(r"(\d+) connections in [\d.]+s;", out).group(1))
    return (flow.cpu_seconds([pid]) - cpu) / max(1, count) * 1e6


def handshake(machine):
    """Server CPU of a new TLS connection, ours and that of openssl's own server, with the same certificate."""
    own = handshakes(gateway.PORT, machine.gateway.process.pid)
    port = peers.free_port()
    server = subprocess.Popen(["openssl", "s_server", "-quiet", "-accept", f"127.0.0.1:{port}", "-cert", machine.gateway.certificate,
                               "-key", machine.gateway.key, "-num_tickets", "2"], stdin=subprocess.PIPE,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.5)
    try:
        return {"own_us": own, "openssl_us": handshakes(port, server.pid)}
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()


def profile(ours):
    """Where the processor is while tokens are made (perf, by the clock)."""
    with tempfile.NamedTemporaryFile(suffix=".perf") as data:
        recorder = subprocess.Popen(["perf", "record", "-q", "-e", "cpu-clock", "-F", "1999", "-g", "-o", data.name, "-p",
                                     str(ours.pids[0])], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            endpoint(ours.use(ours.jwt), "token, client_credentials, JWT ES256", ours.paths["token"],
                     script_of("POST", ours.jwt_body, Authorization=ours.basic))
        finally:
            recorder.send_signal(signal.SIGINT)
            recorder.wait(30)
        for options in (["--no-children", "--sort", "dso"], ["--no-children", "--sort", "dso,symbol"]):
            print(subprocess.run(["perf", "report", "-i", data.name, "--stdio", "-g", "none", "--percent-limit", "0.7", *options],
                                 capture_output=True, text=True, check=False).stdout)


# ---- the tables ------------------------------------------------------------------------------------------

def ratio(value, own):
    return f"{value / own:.1f}" if value and own else "–"


def print_endpoints(rows):
    print("| | provider | requests/s | CPU µs | p50 ms | p99 ms | not 2xx | CPU, HospiConnect = 1 |\n|---|---|---|---|---|---|---|---|")
    for row in rows:
        own = next((r["cpu_us"] for r in rows if r["what"] == row["what"] and r["provider"] == "HospiConnect"), None)
        print(f"| {row['what']} | {row['provider']} | {row['per_s']:,.0f} | {row['cpu_us']:.1f} | {row['p50_ms']:.2f} | {row['p99_ms']:.2f} "
              f"| {row['bad']} | {ratio(row['cpu_us'], own)} |")


def print_logins(rows):
    print("\n| | provider | at once | logins/s | CPU ms | of which broker | p50 ms | p99 ms | failed | CPU, HospiConnect = 1 |\n"
          "|---|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        own = next((r["cpu_ms"] for r in rows if r["what"] == row["what"] and r["provider"] == "HospiConnect"), None)
        broker = f"{row['split_ms'][1]:.3f}" if len(row["split_ms"]) > 1 else ""
        print(f"| {row['what']} | {row['provider']} | {row['at_once']} | {row['per_s']:.0f} | {row['cpu_ms']:.3f} | {broker} | "
              f"{row['p50_ms'] or 0:.1f} | {row['p99_ms'] or 0:.1f} | {row['failed']} of {row['failed'] + row['logins']} | {ratio(row['cpu_ms'], own)} |")


def bench(machine):
    gateway.install(machine, gateway__log_level="warning", session__lifetime="8h")
    machine.broker.configure(authd__log_level="warning")
    machine.broker.restart()
    results = {"signature_us": raw_signature_us(), "endpoints": [], "logins": [], "memory": []}
    ours, crowd = Ours(machine), Crowd(machine)
    results["memory"].append({"provider": ours.name, "idle_kb": flow.resident_kb(ours.pids[:1]), "broker_kb": flow.resident_kb(ours.pids[1:])})
    wanted = ARGS.only.split(",") if ARGS.only else ["endpoints", "login", "store"]
    if "profile" in wanted:
        profile(ours)
    if "endpoints" in wanted:
        results["endpoints"] += endpoints(ours, crowd.take(1)[0], ours.jwt, ours.app)
        results["handshake"] = handshake(machine)
    if "login" in wanted:
        results["logins"] += our_logins(ours, crowd)
    with tempfile.TemporaryDirectory(prefix="hcbench-") as directory:
        for make in () if not {"endpoints", "login"} & set(wanted) else (
                lambda: peers.OidcProvider(ARGS.modules, directory), lambda: peers.Glewlwyd(directory)):
            peer = make()
            results["memory"].append({"provider": peer.name, "idle_kb": flow.resident_kb(peer.pids), "start_ms": peer.start_ms})
            try:
                if "endpoints" in wanted:
                    results["endpoints"] += endpoints(peer, "bench")
                if "login" in wanted:
                    results["logins"] += peers_logins(peer, "bench")
                results["memory"][-1]["after_kb"] = flow.resident_kb(peer.pids)
            finally:
                peer.stop()
    if "store" in wanted:
        flow.login(ours.use(ours.app), flow.Browser(ours.base, ours.ca_file), crowd.take(1)[0])
        results["endpoints"] += store(ours)
        results["full"] = resident(ours)
    results["endpoints"].sort(key=lambda row: row["what"])
    results["logins"].sort(key=lambda row: (row["what"], row["at_once"]))
    print(f"one P-256 signature: {results['signature_us']:.1f} µs\n")
    print_endpoints(results["endpoints"])
    print_logins(results["logins"])
    print()
    for key in ("memory", "full", "handshake"):
        print(key, json.dumps(results.get(key)))
    if ARGS.json:
        with open(ARGS.json, "w", encoding="utf-8") as f:
            json.dump(results, f, indent=1)


if __name__ == "__main__":
    if os.environ.get("HC_RIG_INSIDE") != "1":
        need = peers.missing(ARGS.modules) or next((f"apt-get install {name}" for name in ("wrk", "sqlite3", "node")
                                                     if not shutil.which(name)), "")
        if need:
            sys.exit(f"run_gateway.py: something is missing: {need}")
    rig.run([bench])
