#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Whole sign-ins with a card: HospiConnect beside pam_pkcs11 and pam_p11, on one SoftHSM token, in one run.

usage: run_card.py BUILD_DIR [--count 200] [--peers DIR] [--json FILE]

Needs root (a private mount namespace with its own /dev/log and accounts), SoftHSM 2, OpenSC's pkcs11-tool and the
packages libpam-pkcs11 and libpam-p11, installed or unpacked below DIR (dpkg -x). Prints one Markdown table; CPU is that of
all processes that take part, the broker and its helpers included. hc-pkcs11 is measured by itself as well, from its start
to its last message, with what it starts itself. The card is never reset here: SoftHSM has no reader.
"""
import argparse
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "tests", "integration"), os.path.join(HERE, "..", "tests", "support"), HERE]
import igc  # noqa: E402
import run_pam  # noqa: E402

SOFTHSM, PIN, CARD_ID = "/usr/lib/softhsm/libsofthsm2.so", "1234", "e828bd080f8025000001ff001020"
USER, BROKER = "u0000000", os.environ.get("HC_BROKER_USER", "hospiconnect")
NOBODY, BROKER_UID = 65534, 61235

PKCS11_CONF = """pam_pkcs11 {{
  nullok = false; debug = false; use_first_pass = false; card_only = true; wait_for_card = false;
  use_pkcs11_module = softhsm;
  pkcs11_module softhsm {{
    module = {softhsm}; description = "SoftHSM"; slot_num = 0; support_threads = false;
    ca_dir = {dir}/ca; crl_dir = {dir}/ca; cert_policy = ca,signature; token_type = "card";
  }}
  use_mappers = cn;
  mapper_search_path = {mappers};
  mapper cn {{ debug = false; module = internal; ignorecase = false; mapfile = file://{dir}/cn_map; }}
}}
"""


def run(*command, **how):
    done = subprocess.run(command, capture_output=True, text=True, check=False, **how)
    if done.returncode != 0:
        sys.exit(f"run_card.py: {' '.join(command)}:\n{done.stdout}{done.stderr}")
    return done.stdout


def make_token(directory):
    """One token that looks like a card, with one key; and the authority over it."""
    root = igc.authority(directory, "root", "AC RACINE IGC-SANTE FORT")
    people = igc.authority(directory, "people", "AC IGC-SANTE FORT PERSONNES", issuer=root)
    card = igc.card(directory, "card", people)
    os.environ["SOFTHSM2_CONF"] = f"{directory}/softhsm.conf"
    os.makedirs(f"{directory}/tokens")
    with open(f"{directory}/softhsm.conf", "w", encoding="ascii") as file:
        file.write(f"directories.tokendir = {directory}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
    run("openssl", "pkcs8", "-topk8", "-nocrypt", "-in", card.key, "-out", f"{directory}/card.pk8")
    with open(f"{directory}/card.der", "wb") as file:
        file.write(card.der)
    run("softhsm2-util", "--init-token", "--free", "--label", "CPS3v3-2600855206", "--so-pin", "12345678", "--pin", PIN)
    run("softhsm2-util", "--import", f"{directory}/card.pk8", "--token", "CPS3v3-2600855206", "--label", "CPS_PRIV_AUT",
        "--id", CARD_ID, "--pin", PIN)
    run("pkcs11-tool", "--module", SOFTHSM, "--token-label", "CPS3v3-2600855206", "--login", "--pin", PIN, "--write-object",
        f"{directory}/card.der", "--type", "cert", "--id", CARD_ID)
    os.makedirs(f"{directory}/ca")
    for name, party in (("root", root), ("people", people)):
        with open(f"{directory}/ca/{name}.pem", "wb") as file:
            file.write(igc.openssl("x509", "-in", party.pem))
        with open(f"{directory}/ca/{name}.crl", "wb") as file:
            file.write(party.crl(form="PEM"))
    run("openssl", "rehash", f"{directory}/ca")
    run("chmod", "-R", "a+rwX", f"{directory}/tokens")
    return card


def own_accounts(directory):
    """The person of the loop and the broker's user, and SoftHSM's settings, in this namespace alone."""
    for path, lines in (("passwd", f"{USER}:x:61234:61234::{directory}/home:/bin/false\n{BROKER}:x:{BROKER_UID}:{BROKER_UID}::/:/bin/false\n"),
                        ("group", f"{BROKER}:x:{BROKER_UID}:\n")):
        with open(f"/etc/{path}", encoding="utf-8") as file:
            text = "".join(line for line in file if not line.startswith(BROKER + ":"))
        with open(f"{directory}/{path}", "w", encoding="utf-8") as file:
            file.write(text + lines)
        run("mount", "--bind", f"{directory}/{path}", f"/etc/{path}")
    os.mkdir(f"{directory}/softhsm")  # Debian's own is closed to others
    run("cp", f"{directory}/softhsm.conf", f"{directory}/softhsm/softhsm2.conf")
    run("mount", "--bind", f"{directory}/softhsm", "/etc/softhsm")


def write_services(build, directory, peers, card):
    lib, mappers = peers + run_pam.LIB, peers + "/lib/x86_64-linux-gnu/pam_pkcs11"
    with open(f"{directory}/pam_pkcs11.conf", "w", encoding="ascii") as file:
        file.write(PKCS11_CONF.format(softhsm=SOFTHSM, dir=directory, mappers=mappers))
    with open(f"{directory}/cn_map", "w", encoding="ascii") as file:
        file.write(f"899900063480 -> {USER}\n")
    os.makedirs(f"{directory}/home/.eid")
    with open(f"{directory}/home/.eid/authorized_certificates", "wb") as file:
        file.write(igc.openssl("x509", "-in", card.pem))
    pam = f"{directory}/pam.d"
    os.makedirs(pam)
    for name, line in (("pam_permit", "pam_permit.so"), ("pam_p11", f"{lib}/pam_p11.so {SOFTHSM}"),
                       ("pam_pkcs11", f"{lib}/pam_pkcs11.so config_file={directory}/pam_pkcs11.conf"),
                       ("hospiconnect", f"{build}/lib/security/pam_hospiconnect.so mode=primary methods=cps "
                                        f"socket={directory}/auth.sock")):
        with open(f"{pam}/{name}", "w", encoding="ascii") as file:
            file.write(f"auth required {line}\n")
    return pam


class Broker:
    """hospiconnect-authd, to which the card is known."""

    def __init__(self, build, directory, card):
        self.clock, self.log = f"{directory}/clock", f"{directory}/authd.log"
        with open(self.clock, "wb") as file:
            file.write(bytes(8))
        with open(f"{directory}/authd.conf", "w", encoding="ascii") as file:
            file.write(f"[authd]\nrole = standalone\nuser = {BROKER}\nlanguage = en\nlog_level = warning\n"
                       f"state_dir = {directory}/state\nsocket = {directory}/auth.sock\n"
                       f"admin_socket = {directory}/admin.sock\nhelper_dir = {directory}/helpers\n"
                       f"[cps]\nmodule = {SOFTHSM}\ntrust_dir = {directory}/trust\ncrl_dir = {directory}/crl\n")
        for name, mode in (("state", 0o700), ("trust", 0o755), ("crl", 0o755), ("helpers", 0o755)):
            os.mkdir(f"{directory}/{name}", mode)
        os.chown(f"{directory}/state", BROKER_UID, BROKER_UID)
        for name in ("root", "people"):
            run("cp", f"{directory}/ca/{name}.pem", f"{directory}/trust/")
            run("cp", f"{directory}/ca/{name}.crl", f"{directory}/crl/")
        run("cp", f"{build}/libexec/hc-pkcs11", f"{directory}/helpers/")
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([f"{build}/bin/hospiconnect-authd", "--config", f"{directory}/authd.conf"], stderr=log)
        end = time.monotonic() + 10
        while not os.path.exists(f"{directory}/admin.sock"):
            if self.process.poll() is not None or time.monotonic() > end:
                sys.exit("run_card.py: authd did not start:\n" + self.text())
            time.sleep(0.01)
        ctl = f"{build}/bin/hospictl", "--socket", f"{directory}/admin.sock"
        run(*ctl, "user", "add", USER)
        run(*ctl, "enroll", "cps", USER, "--certificate", card.pem)

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


def loop(build, pam, name, count, broker=None):
    command = [f"{build}/bench/pam_loop", pam, name, "1", str(count), "pin:" + PIN]
    if broker:
        command += [str(broker.process.pid), broker.clock]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    if not done.stdout.startswith("{"):
        sys.exit(f"run_card.py: {name}: {done.stderr}")
    if done.returncode != 0:
        print(f"run_card.py: {name}: {done.stderr}{broker.text() if broker else ''}", file=sys.stderr)
    return {**json.loads(done.stdout), "module": name}


def one_signature(program, directory, cards):
    """One operation, as the broker would have it: True when it ended with a signature."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.posix_spawn(program, [program, "--softhsm-conf", f"{directory}/softhsm.conf"], {},
                         file_actions=[(os.POSIX_SPAWN_DUP2, theirs.fileno(), 3)])
    theirs.close()
    ours.send(cards.pack(cards.START, operation=cards.SIGN, timeout=20, module=SOFTHSM,
                         to_sign=b"HospiConnect-CPS-v1" + bytes(range(64))))
    kind = None
    while kind not in (cards.DONE, cards.FAILED):
        kind, fields = cards.unpack(ours.recv(65536))
        if kind == cards.ASK:
            ours.send(cards.pack(cards.ANSWER, answer=PIN))
    told = time.monotonic()
    if kind == cards.FAILED:
        print(f"run_card.py: hc-pkcs11 failed: {fields}", file=sys.stderr)
    ours.close()
    os.waitpid(pid, 0)
    return kind == cards.DONE, told


def helper_loop(build, directory, count):
    """In a process that is nobody, since hc-pkcs11 is not measured as root."""
    os.environ["HC_BUILD_DIR"] = build
    import cards  # pylint: disable=import-outside-toplevel
    program = f"{directory}/hc-pkcs11"
    run("cp", f"{build}/libexec/hc-pkcs11", program)
    run("chmod", "755", program)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        times, passed = [], 0
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        for _ in range(count):
            began = time.monotonic()
            good, told = one_signature(program, directory, cards)
            times.append((told - began) * 1e3)
            passed += good
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.sort()
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        os.write(write, json.dumps({"module": "hc-pkcs11", "count": count, "passed": passed, "cpu_ms": cpu * 1e3 / count,
                                    "wall_ms": sum(times) / count, "p50_ms": times[count // 2],
                                    "p99_ms": times[count * 99 // 100], "rss_kb": after.ru_maxrss}).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as file:
        text = file.read()
    os.waitpid(pid, 0)
    if not text:
        sys.exit("run_card.py: hc-pkcs11 was not measured")
    return json.loads(text)


def table(rows):
    peer = next(row for row in rows if row["module"] == "pam_pkcs11")
    out = ["| module | passed | CPU ms | wall ms | p50 ms | p99 ms | RSS kB | CPU, pam_pkcs11 = 1 | p50 over pam_pkcs11's, ms |",
           "|---|---|---|---|---|---|---|---|---|"]
    for row in rows:
        out.append(f"| {row['module']} | {row['passed']} of {row['count']} | {row['cpu_ms']:.3f} | {row['wall_ms']:.3f} "
                   f"| {row['p50_ms']:.3f} | {row['p99_ms']:.3f} | {row['rss_kb']} "
                   f"| {row['cpu_ms'] / peer['cpu_ms']:.2f} | {row['p50_ms'] - peer['p50_ms']:+.2f} |")
    return "\n".join(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--peers", default="", metavar="DIR")
    parser.add_argument("--json")
    args = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit("run_card.py: needs root, for a private mount namespace")
    if os.environ.get("HC_BENCH_NAMESPACE") != "1":
        os.environ["HC_BENCH_NAMESPACE"] = "1"
        os.execvp("unshare", ["unshare", "-m", "--propagation", "private", sys.executable, "-B", *sys.argv])
    for need in ("pam_pkcs11.so", "pam_p11.so"):
        if not os.path.exists(f"{args.peers}{run_pam.LIB}/{need}"):
            sys.exit(f"run_card.py: {need} is missing; apt-get install libpam-pkcs11 libpam-p11, or --peers")
    if args.peers:
        os.environ["LD_LIBRARY_PATH"] = f"{args.peers}/usr/lib/x86_64-linux-gnu"
    build = os.path.abspath(args.build)
    run_pam.private_dev_log()
    with tempfile.TemporaryDirectory(prefix="hcbench-card-") as directory:
        os.chmod(directory, 0o755)
        card = make_token(directory)
        own_accounts(directory)
        pam = write_services(build, directory, args.peers, card)
        rows = [loop(build, pam, name, args.count) for name in ("pam_permit", "pam_p11", "pam_pkcs11")]
        rows.append(helper_loop(build, directory, args.count))
        broker = Broker(build, directory, card)
        try:
            rows.append(loop(build, pam, "hospiconnect", args.count, broker))
        finally:
            broker.stop()
    print(table(rows))
    if args.json:
        with open(args.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1)


if __name__ == "__main__":
    main()
