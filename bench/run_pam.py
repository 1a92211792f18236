#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Whole sign-ins with a TOTP code: HospiConnect beside pam_oath and google-authenticator, in one run.

usage: run_pam.py BUILD_DIR [--users 1,1000,20000,100000] [--count 2000] [--json FILE]

Needs root (a private mount namespace with its own /dev/log, since without a listener syslog(3)
falls back to the console) and the packages libpam-oath and libpam-google-authenticator. Prints one
Markdown table; CPU is that of all processes that take part, the broker included.
"""
import argparse
import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

SEED_HEX = "3132333435363738393031323334353637383930"
LIB = "/lib/x86_64-linux-gnu/security"
PEER_SECONDS = 20  # a peer whose cost grows with the number of people gets fewer calls than this takes


def private_dev_log():
    """A /dev of our own, with a socket at /dev/log that is read and thrown away."""
    new = tempfile.mkdtemp(prefix="hcbench-dev-")
    run = lambda *a: subprocess.run(a, check=True)
    run("mount", "-t", "tmpfs", "tmpfs", new)
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        st = os.stat("/dev/" + name)
        os.mknod(f"{new}/{name}", st.st_mode, st.st_rdev)
        os.chmod(f"{new}/{name}", st.st_mode & 0o777)  # whatever the umask
    sink = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sink.bind(new + "/log")
    run("mount", "--move", new, "/dev")
    os.rmdir(new)

    def drain():
        while True:
            sink.recv(65536)

    threading.Thread(target=drain, daemon=True).start()


def percent(value):
    return f"{value:.2f}"


class Broker:
    """hospiconnect-authd on sockets and a state of its own, its clock shifted by a shared file."""

    def __init__(self, build, shim, directory):
        self.dir = directory
        self.clock = f"{directory}/clock"
        with open(self.clock, "wb") as f:
            f.write(bytes(8))
        conf = f"{directory}/authd.conf"
        with open(conf, "w", encoding="utf-8") as f:
            f.write(f"[authd]\nrole = standalone\nuser = root\nlanguage = en\nlog_level = warning\n"
                    f"state_dir = {directory}/state\nsocket = {directory}/auth.sock\n"
                    f"admin_socket = {directory}/admin.sock\n")
        os.mkdir(f"{directory}/state", 0o700)
        env = dict(os.environ, LD_PRELOAD=shim, HC_BENCH_CLOCK=self.clock)
        self.log = open(f"{directory}/authd.log", "wb")
        self.proc = subprocess.Popen([f"{build}/bin/hospiconnect-authd", "--config", conf], env=env, stderr=self.log)
        deadline = time.monotonic() + 10
        while not os.path.exists(f"{directory}/admin.sock"):
            if self.proc.poll() is not None or time.monotonic() > deadline:
                sys.exit("run_pam.py: authd did not start:\n" + open(f"{directory}/authd.log").read())
            time.sleep(0.01)

    def rss_kb(self):
        for line in open(f"/proc/{self.proc.pid}/status"):
            if line.startswith("VmRSS"):
                return int(line.split()[1])
        return 0

    def stop(self):
        self.proc.terminate()
        self.proc.wait(10)


def write_services(directory, people):
    pam = f"{directory}/pam.d"
    os.makedirs(pam, exist_ok=True)
    secret = base64.b32encode(bytes.fromhex(SEED_HEX)).decode()
    lines = {
        "pam_permit": "auth required pam_permit.so",
        "pam_oath": f"auth required {LIB}/pam_oath.so usersfile={directory}/users.oath window=2 digits=6",
        "google-authenticator, no state":
            f"auth required {LIB}/pam_google_authenticator.so user=root secret={directory}/ga/plain",
        "google-authenticator, reuse refused":
            f"auth required {LIB}/pam_google_authenticator.so user=root secret={directory}/ga/strict",
    }
    os.makedirs(f"{directory}/ga", mode=0o700, exist_ok=True)
    for name, options in (("plain", ""), ("strict", '" RATE_LIMIT 3 30\n" DISALLOW_REUSE\n')):
        path = f"{directory}/ga/{name}"
        with open(path, "w", encoding="ascii") as f:
            f.write(f'{secret}\n{options}" WINDOW_SIZE 3\n" TOTP_AUTH\n')
        os.chmod(path, 0o600)
    with open(f"{directory}/users.oath", "w", encoding="ascii") as f:
        for i in range(people):
            f.write(f"HOTP/T30/6\tu{i:07d}\t-\t{SEED_HEX}\n")
    os.chmod(f"{directory}/users.oath", 0o600)
    for name, line in lines.items():
        with open(f"{pam}/{service_name(name)}", "w", encoding="ascii") as f:
            f.write(line + "\n")
    return pam, list(lines)


def service_name(name):
    return name.replace(",", "").replace(" ", "-")


def loop(build, pam, name, people, count, broker=None):
    command = [f"{build}/bench/pam_loop", pam, service_name(name), str(people), str(count), SEED_HEX]
    if broker:
        command += [str(broker.proc.pid), broker.clock]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if not done.stdout.startswith("{"):
        sys.exit(f"run_pam.py: {name}: {done.stderr}")
    row = json.loads(done.stdout)
    row.update(module=name, people=people)
    return row


def measure(build, people, count, rows):
    with tempfile.TemporaryDirectory(prefix="hcbench-") as directory:
        os.chmod(directory, 0o755)
        pam, peers = write_services(directory, people)
        for name in peers:
            calls = count
            if name == "pam_oath":  # about 0.4 ms for every 1,000 people
                calls = max(30, min(count, int(PEER_SECONDS / (0.0006 + people * 4e-7))))
            rows.append(loop(build, pam, name, people, calls))
        broker = Broker(build, f"{build}/bench/shift_clock.so", directory)
        try:
            idle = broker.rss_kb()
            print(subprocess.run([f"{build}/bench/enroll_many", f"{directory}/admin.sock", str(people), SEED_HEX],
                                 check=True, capture_output=True, text=True).stdout.strip(), file=sys.stderr)
            with open(f"{pam}/hospiconnect", "w", encoding="ascii") as f:
                f.write(f"auth required {build}/lib/security/pam_hospiconnect.so mode=second-factor "
                        f"methods=totp socket={directory}/auth.sock\n")
            row = loop(build, pam, "hospiconnect", people, count, broker)
            row.update(broker_idle_kb=idle, broker_kb=broker.rss_kb())
            rows.append(row)
        finally:
            broker.stop()


def table(rows):
    out = ["| people | module | passed | CPU ms | wall ms | p50 ms | p99 ms | host RSS kB | CPU, HospiConnect = 1 | p50, HospiConnect = 1 |",
           "|---|---|---|---|---|---|---|---|---|---|"]
    for row in rows:
        own = next(r for r in rows if r["module"] == "hospiconnect" and r["people"] == row["people"])
        out.append(f"| {row['people']:,} | {row['module']} | {row['passed']} of {row['count']} | {row['cpu_ms']:.3f} | {row['wall_ms']:.3f} "
                   f"| {row['p50_ms']:.3f} | {row['p99_ms']:.3f} | {row['rss_kb']} "
                   f"| {percent(row['cpu_ms'] / own['cpu_ms'])} | {percent(row['p50_ms'] / own['p50_ms'])} |")
    for row in rows:
        if row["module"] == "hospiconnect":
            out.append(f"\nauthd with {row['people']:,} people: {row['broker_idle_kb']} kB resident when empty and idle, "
                       f"{row['broker_kb']} kB after the run.")
    return "\n".join(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--users", default="1,1000,20000,100000")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--json")
    args = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("run_pam.py: needs root, for a private mount namespace")
    if os.environ.get("HC_BENCH_NAMESPACE") != "1":
        os.environ["HC_BENCH_NAMESPACE"] = "1"
        os.execvp("unshare", ["unshare", "-m", "--propagation", "private", sys.executable, *sys.argv])
    for need in ("pam_oath.so", "pam_google_authenticator.so"):
        if not os.path.exists(f"{LIB}/{need}"):
            sys.exit(f"run_pam.py: {need} is missing; apt-get install libpam-oath libpam-google-authenticator")
    if not shutil.which("mount"):
        sys.exit("run_pam.py: mount(8) is missing")
    private_dev_log()
    rows = []
    for people in (int(n) for n in args.users.split(",")):
        measure(os.path.abspath(args.build), people, args.count, rows)
    print(table(rows))
    if args.json:
        with open(args.json, "w", encoding="utf-8") as f:
            json.dump(rows, f, indent=1)


if __name__ == "__main__":
    main()
