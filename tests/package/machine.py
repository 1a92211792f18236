# SPDX-License-Identifier: Apache-2.0
"""The bare Debian that tests/package/installed.sh makes, and what its suites share: the packages, the services, people
and their codes, ways to sign in.

    def a_case(machine):
        machine.account("martin")
        check(machine.host("login", "martin", PASSWORD).entered)

    sys.exit(walk([a_case, ...]))

The cases of a suite build on each other, in their order. Arguments: names of cases, which run with those before them.
"""
import base64
import glob
import hashlib
import hmac
import json
import os
import re
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ["HC_BUILD_DIR"] = HERE  # below which the software keys and cards are found
sys.path.append(HERE + "/tests/integration")

from keys import Keys  # noqa: E402
from manager import Manager  # noqa: E402
from pamhost import sign_in  # noqa: E402
from units import Units  # noqa: E402

PASSWORD, PIN = "correct horse", "264891"
CERTIFICATE = "/etc/hospiconnect/tls/gateway-certificate.pem"
DAEMONS = ("hc-fido2.socket", "hc-pkcs11.socket", "hc-ocsp.socket", "hospiconnect-authd.service", "hospiconnect-gateway.service")


def check(good, *details):
    if not good:
        raise AssertionError(" ".join(str(part) for part in details) or "not so")


def equal(found, wanted, *details):
    check(found == wanted, f"found {found!r}, wanted {wanted!r}", *details)


def run(*command, text=None, ok=True, env=None):
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=120, check=False,
                          env={**os.environ, **(env or {})}, stdin=None if text is not None else subprocess.DEVNULL)
    if ok:
        equal(done.returncode, 0, command, done.stdout[-3000:], done.stderr[-3000:])
    return done


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def edit(path, *changes):
    """(regular expression, text) each must change something."""
    text = read(path)
    for pattern, new in changes:
        text, count = re.subn(pattern, new, text, flags=re.MULTILINE)
        check(count, "nothing to change:", pattern, path)
    write(path, text)


def apt(*arguments):
    return run("apt-get", "-q", "-y", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold", *arguments)


def packages(folder, *names):
    found = [path for name in names for path in glob.glob(f"{HERE}/{folder}/{name}_*.deb")]
    equal(len(found), len(names), names)
    return found


def wait_for(condition, seconds=10):
    until = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < until, "did not come")
        time.sleep(0.1)


def files():
    """Everything that packages of ours or programs of theirs may have put somewhere."""
    found = set()
    for top in ("/etc", "/lib", "/usr", "/var/lib", "/run", "/opt", "/srv", "/var/spool", "/var/cache/hospiconnect"):
        for folder, names, others in os.walk(top):
            if folder.startswith(("/opt/hc", "/var/lib/dpkg", "/var/lib/apt", "/run/lock")):
                names.clear()
                continue
            found.update(f"{folder}/{name}" for name in names + others)
    return found


class Machine:
    """What the cases share."""

    def __init__(self):
        self.units = Units("/var/log/hc-units")
        self.manager = Manager(self.units)
        self.manager.begin()
        self.keys = self.cards = None
        self.seeds, self.used, self.recovery = {}, {}, []
        self.before, self.old, self.app = set(), None, None
        self.syslog = []
        self.sshd = None
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listener.bind("/dev/log")
        os.chmod("/dev/log", 0o666)
        threading.Thread(target=self._listen, args=(listener,), daemon=True).start()

    def _listen(self, listener):
        while True:
            self.syslog.append(listener.recv(8192).decode(errors="replace").rstrip())

    # ---- people

    def code(self, login):
        """A code that was not used yet: of this step or the next ones, which the broker accepts one of."""
        step = int(time.time()) // 30
        if self.used.get(login, 0) >= step:
            step = self.used[login] + 1
            while int(time.time()) // 30 < step - 1:
                time.sleep(0.2)  # the broker accepts one step ahead
        self.used[login] = step
        return self.number(self.seeds[login], step)

    def wrong(self, login):
        """A code that is none of this minute."""
        step = int(time.time()) // 30
        near = [self.number(self.seeds[login], step + offset) for offset in range(-5, 6)]
        return next(code for code in ("000000", "111111", "222222", "333333", "444444", "555555") if code not in near)

    @staticmethod
    def number(seed, counter):
        """A code of six digits (RFC 4226)."""
        digest = hmac.new(base64.b32decode(seed), struct.pack(">Q", counter), hashlib.sha1).digest()
        at = digest[-1] & 15
        return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7fffffff) % 1000000:06d}"

    def account(self, login):
        run("useradd", "-m", "-s", "/bin/bash", login)
        run("chpasswd", text=f"{login}:{PASSWORD}\n")

    def enroll(self, login):
        answer = json.loads(run("hospictl", "--json", "enroll", "totp", login, "--no-confirm").stdout)
        self.seeds[login] = re.search(r"secret=([A-Z2-7]+)", json.dumps(answer)).group(1)

    def papers(self, login):
        """Ten new recovery codes."""
        said = run("hospictl", "--json", "enroll", "recovery", login).stdout
        self.recovery = re.findall(r"\b(?:[A-Z2-7]{4}-){3}[A-Z2-7]{4}\b", said)
        equal(len(self.recovery), 10, said)

    def paper(self):
        """A recovery code of martin's that was not used yet."""
        if not self.recovery:
            self.papers("martin")
        return self.recovery.pop()

    def host(self, service, login, *answers, **how):
        return sign_in(service, login, answers, **how)

    # ---- what is installed

    def profiles(self, *names):
        run("pam-auth-update", "--package", "--remove", "hospiconnect", "hospiconnect-otp", "faillock", "faillock-notify")
        if names:
            run("pam-auth-update", "--package", "--enable", *names)
        return [line for line in read("/etc/pam.d/common-auth").splitlines() if line and line[0] != "#"]

    def doctor(self, *options):
        done = run("hospictl", "--json", "doctor", *options, ok=False)
        rows = json.loads(done.stdout)
        for row in rows:
            check(row["result"] == "ok" or row["advice"], "says not what to do:", row)
        equal(done.returncode == 0, not [row for row in rows if row["result"] == "error"], rows)
        return rows

    # ---- signing in

    def _start_sshd(self):
        if self.sshd:
            return
        os.makedirs("/run/sshd", exist_ok=True)
        run("ssh-keygen", "-A")
        write("/etc/ssh/sshd_config.d/hc.conf", "KbdInteractiveAuthentication yes\nPasswordAuthentication no\nListenAddress 127.0.0.1\n"
              "Port 2222\nAuthenticationMethods keyboard-interactive\nPermitRootLogin yes\n")
        self.sshd = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e"], stdin=subprocess.DEVNULL,
                                        stdout=open("/var/log/hc-units/sshd.log", "wb"), stderr=subprocess.STDOUT)

        def listens():
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", 2222)) == 0
        wait_for(listens)
        write("/tmp/askpass", "#!/bin/bash\necho \"$1\" >>/tmp/asked\nhead -n 1 /tmp/answers\nsed -i 1d /tmp/answers\n")
        os.chmod("/tmp/askpass", 0o755)

    def ssh(self, login, *answers):
        """(entered, what was asked and said)"""
        self._start_sshd()
        write("/tmp/answers", "".join(answer + "\n" for answer in answers))
        write("/tmp/asked", "")
        done = run("timeout", "40", "ssh", "-F", "none", "-p", "2222", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                   "-o", "PreferredAuthentications=keyboard-interactive", "-o", "NumberOfPasswordPrompts=1", f"{login}@127.0.0.1", "id -un",
                   ok=False, env={"SSH_ASKPASS": "/tmp/askpass", "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": "none"})
        return done.stdout.strip() == login, read("/tmp/asked") + done.stderr

    def judged(self, service="login"):
        """What doctor says of a service's stack: (results, texts)."""
        found = [row for row in self.doctor() if row["check"] == "pam." + service]
        return {row["result"] for row in found}, [row["found"] for row in found]

    def give_a_key(self):
        """Security keys made of software, seen by every program that starts from now on."""
        os.makedirs("/run/hc-keys", exist_ok=True)
        os.chmod("/run/hc-keys", 0o755)
        edit("/etc/hospiconnect/authd.conf", (r"^\[fido2\]$", "[fido2]\nrp_id = login.example.org\npin_min = 4\ninsert_timeout = 3s"))
        self.keys = Keys("/run/hc-keys")
        self.keys.everywhere()
        self.units.restart("hospiconnect-authd.service")
        self.keys.plug("a", "--mode", "0666", "--attestation", "self", "--pin", PIN)
        run("hospictl", "user", "add", "durand")
        run("hospictl", "--json", "enroll", "fido2", "durand", text=PIN + "\n")

    def put_devices_away(self):
        """No software key or card, and no sshd, from now on."""
        if self.keys:
            self.keys.stop()
            os.unlink("/etc/ld.so.preload")
            os.unlink("/etc/hc-test-keys")
            self.keys = None
        if self.cards:
            self.cards.close()
            self.cards = None
        if self.sshd:
            self.sshd.terminate()
            self.sshd.wait(10)
            self.sshd = None


def walk(cases):
    """Runs them; the status to end with."""
    names = [case.__name__ for case in cases]
    last = max((names.index(name) for name in sys.argv[1:]), default=len(cases) - 1)
    machine, failed = Machine(), 0
    for case in cases[:last + 1]:
        started = time.monotonic()
        try:
            case(machine)
            print(f"ok      {time.monotonic() - started:5.1f} s  {case.__name__}", flush=True)
        except Exception:  # pylint: disable=broad-except
            failed += 1
            traceback.print_exc()
            print(f"FAILED  {time.monotonic() - started:5.1f} s  {case.__name__}", flush=True)
    if failed:
        for name, text in machine.units.logs():
            print(f"---- {name}\n{text[-6000:]}")
        print("---- syslog\n" + "\n".join(machine.syslog[-60:]))
    return 1 if failed else 0
