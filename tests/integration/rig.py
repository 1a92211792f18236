# SPDX-License-Identifier: Apache-2.0
"""The rig of the integration tests: a machine of its own around real programs.

A scenario script calls rig.run([case, ...]). The rig then
 * starts the script again in private mount, pid and network namespaces (`enter`): every process of
   the scenario ends with it, whatever happens; nothing of the host's /etc, /run, /dev or /var/log is
   touched;
 * lays an overlay over /etc with the scenario's own accounts, PAM stacks, sudoers and sshd;
 * copies the programs under test, so that a rebuild beside a running test does no harm;
 * collects what goes to /dev/log, and prints all logs when a case fails.

Environment: HC_BUILD_DIR (bin/, lib/security/, tests/support/, bench/), HC_BROKER_USER, HC_ADMIN_GROUP,
HC_RUN_DIR as the programs were built with; HC_PROGRAMS_DIR where the broker and its tools come from another
build (a sanitized one). Without root the script ends 77 (skipped).
"""
import base64
import ctypes
import fcntl
import hashlib
import hmac
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback
import urllib.parse

SOURCE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(SOURCE, "..", "support"))
from ptyrun import Terminal, Timeout  # noqa: E402,F401  (scenarios take them from here)

BUILD = os.environ.get("HC_BUILD_DIR", os.path.join(SOURCE, "..", "..", "build", "dev"))
PROGRAMS = os.environ.get("HC_PROGRAMS_DIR", BUILD)
BROKER_USER = os.environ.get("HC_BROKER_USER", "hospiconnect")
ADMIN_GROUP = os.environ.get("HC_ADMIN_GROUP", "hospiconnect-admin")
RUN_DIR = os.environ.get("HC_RUN_DIR", "/run/hospiconnect")

WORK = "/run/rig"
MODULE = WORK + "/security/pam_hospiconnect.so"
PASSWORD = "Correct-Horse-7"
PEOPLE = ["martin", "durand", "petit", "moreau", "laurent", "simon", "michel", "garcia", "david",
          "bertrand", "roux", "vincent", "fournier", "morel", "girard", "andre", "mercier", "dupont",
          "lambert", "bonnet"]
BROKER_UID, FIRST_UID = 61990, 62001


class Failed(AssertionError):
    """A case did not come out as it must."""


def check(condition, *what):
    if not condition:
        raise Failed(" ".join(str(part) for part in what))


def equal(got, expected, *what):
    check(got == expected, *what, f"\n  got      {got!r}\n  expected {expected!r}")


def matches(pattern, text, *what):
    match = re.search(pattern, text)
    check(match, *what, f"\n  no /{pattern}/ in:\n{text}")
    return match


def wait_until(condition, what, timeout=5.0):
    """Polls, bounded; for states of other processes that give no sign of themselves."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        check(time.monotonic() < end, "did not happen in time:", what)
        time.sleep(0.005)


# ---- namespaces --------------------------------------------------------------------------------

def enter():
    """Starts the script again, as init of its own namespaces. Ends 77 without root."""
    if os.geteuid() != 0:
        print("skipped: needs root for private namespaces")
        sys.exit(77)
    if os.environ.get("HC_RIG_INSIDE") != "1":
        os.environ["HC_RIG_INSIDE"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", "--pid", "--fork",
                              "--kill-child=KILL", "--net", "--mount-proc", sys.executable, "-B", *sys.argv])


def mount(*arguments):
    subprocess.run(["mount", *arguments], check=True)


def tmpfs(path, options="mode=755"):
    os.makedirs(path, exist_ok=True)
    mount("-t", "tmpfs", "-o", options, "rig", path)


def private_dev():
    """A /dev with the few nodes that login programs need, and room for our /dev/log."""
    kept = ["null", "zero", "full", "random", "urandom", "tty", "loop-control"]
    kept += [f"loop{n}" for n in range(64)]
    os.makedirs(WORK + "/dev")
    tmpfs(WORK + "/dev")
    for name in kept:
        if os.path.exists("/dev/" + name):
            open(f"{WORK}/dev/{name}", "w").close()
            mount("--bind", "/dev/" + name, f"{WORK}/dev/{name}")
    for name in ("pts", "shm"):
        os.mkdir(f"{WORK}/dev/{name}")
    mount("-t", "devpts", "-o", "newinstance,ptmxmode=0666,mode=620,gid=5", "rig", WORK + "/dev/pts")
    mount("-t", "tmpfs", "-o", "mode=1777", "rig", WORK + "/dev/shm")
    for name, target in (("ptmx", "pts/ptmx"), ("fd", "/proc/self/fd"), ("stdin", "fd/0"),
                         ("stdout", "fd/1"), ("stderr", "fd/2")):
        os.symlink(target, f"{WORK}/dev/{name}")
    mount("--move", WORK + "/dev", "/dev")


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH14s", b"lo", 0x1 | 0x40, b"")  # IFF_UP | IFF_RUNNING
        fcntl.ioctl(control, 0x8914, request)


def private_machine():
    ctypes.CDLL(None).setsid()
    tmpfs("/run")
    os.makedirs(WORK + "/etc/upper")
    os.makedirs(WORK + "/etc/work")
    mount("-t", "overlay", "-o", f"lowerdir=/etc,upperdir={WORK}/etc/upper,workdir={WORK}/etc/work", "rig", "/etc")
    private_dev()
    tmpfs("/var/log")
    for path in ("/run/home", "/run/home/root"):
        os.mkdir(path)
    for path in ("/run/sshd", "/run/sudo", "/run/lock", WORK + "/bin", WORK + "/security"):
        os.makedirs(path, exist_ok=True)
    os.chmod("/run/sudo", 0o711)
    for path in ("/run/utmp", "/var/log/wtmp", "/var/log/btmp", "/var/log/lastlog"):
        open(path, "w").close()
    os.chmod("/var/log/btmp", 0o600)
    loopback_up()


# ---- accounts and PAM stacks -------------------------------------------------------------------

def password_hash():
    """crypt(3) of PASSWORD: sha512 with 1000 rounds, cheap on purpose."""
    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    return library.crypt(PASSWORD.encode(), b"$6$rounds=1000$rigsalt").decode()


def accounts():
    """passwd, shadow and group: the base system's own lines, the broker's user, the people."""
    taken = {BROKER_USER, ADMIN_GROUP, "root", *PEOPLE}
    shadow = password_hash()
    lines = {}
    for name in ("passwd", "shadow", "group", "gshadow"):
        with open("/etc/" + name, encoding="utf-8") as source:
            lines[name] = [line for line in source.read().splitlines() if line.split(":")[0] not in taken]
    rows = [("root", 0, "/run/home/root", "/bin/sh", shadow),
            (BROKER_USER, BROKER_UID, "/nonexistent", "/usr/sbin/nologin", "*")]
    rows += [(name, FIRST_UID + n, "/run/home/" + name, "/bin/sh", shadow) for n, name in enumerate(PEOPLE)]
    for name, uid, home, shell, secret in rows:
        lines["passwd"].append(f"{name}:x:{uid}:{uid}:{name}:{home}:{shell}")
        lines["shadow"].append(f"{name}:{secret}:19000:0:99999:7:::")
        lines["group"].append(f"{name}:x:{uid}:")
        lines["gshadow"].append(f"{name}:!::")
        if name in PEOPLE:
            os.mkdir(home, 0o755)
            os.chown(home, uid, uid)
    lines["group"].append(f"{ADMIN_GROUP}:x:{FIRST_UID + 900}:")
    for name, content in lines.items():
        write("/etc/" + name, "\n".join(content) + "\n", 0o640 if "shadow" in name else 0o644)
    gid = int(next(line.split(":")[2] for line in lines["group"] if line.startswith("shadow:")))
    for name in ("shadow", "gshadow"):
        os.chown("/etc/" + name, 0, gid)  # unix_chkpwd is setgid shadow


def uid_of(name):
    return FIRST_UID + PEOPLE.index(name)


def as_user(name):
    """Arguments for subprocess: as that person, with no other group."""
    return {"user": uid_of(name), "group": uid_of(name), "extra_groups": []}


def write(path, content, mode=0o644):
    with open(path, "w", encoding="utf-8") as file:
        file.write(content)
    os.chmod(path, mode)


def stack(service, arguments="", before="auth requisite pam_unix.so nodelay", control="required", folder="/etc/pam.d"):
    """A service: pam_unix, then our module, in all four phases."""
    module = f"{MODULE} mode=second-factor {arguments}"
    write(f"{folder}/{service}", "\n".join([
        before, f"auth {control} {module}",
        f"account [success=ok ignore=ignore user_unknown=ignore default=bad] {module}", "account required pam_unix.so",
        "password required pam_deny.so", "session required pam_permit.so", f"session optional {module}", ""]))


def pam_stacks():
    for service in ("sshd", "su", "su-l", "sudo", "sudo-i", "swaylock", "notalocker"):
        stack(service)
    stack("login")
    write("/etc/sudoers", "Defaults timestamp_timeout=0, lecture=never, passwd_tries=1, !fqdn\n"
          "root ALL=(ALL) ALL\nmartin ALL=(ALL) ALL\n", 0o440)
    write("/etc/hosts", f"127.0.0.1 localhost {socket.gethostname()}\n")
    for name in ("securetty", "motd"):
        if os.path.exists("/etc/" + name):
            os.remove("/etc/" + name)


def programs():
    for path, folder in (("bin/hospiconnect-authd", "bin"), ("libexec/hc-password", "bin"),
                         ("libexec/hc-fido2", "bin"), ("libexec/hc-pkcs11", "bin"), ("bin/hospictl", "bin"),
                         ("lib/security/pam_hospiconnect.so", "security"), ("tests/support/pam_client", "bin"),
                         ("tests/support/locker", "bin"), ("tests/support/auth_client", "bin"), ("bench/shift_clock.so", "bin")):
        build = PROGRAMS if path.startswith(("bin/", "libexec/")) else BUILD
        shutil.copy2(os.path.join(build, path), f"{WORK}/{folder}/")


# ---- logs --------------------------------------------------------------------------------------

class Syslog:
    """What the machine sends to /dev/log."""

    def __init__(self):
        self.lines = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        self._socket.bind("/dev/log")
        os.chmod("/dev/log", 0o666)
        threading.Thread(target=self._collect, daemon=True).start()

    def _collect(self):
        while True:
            self.lines.append(self._socket.recv(65536).decode("utf-8", "replace").rstrip("\n\0"))

    def mark(self):
        return len(self.lines)

    def text(self, since=0):
        return "\n".join(self.lines[since:])

    def expect(self, pattern, since=0, timeout=3.0):
        try:
            wait_until(lambda: re.search(pattern, self.text(since)), pattern, timeout)
        except Failed:
            raise Failed(f"no syslog line /{pattern}/ in:\n{self.text(since)}") from None


# ---- one-time passwords ------------------------------------------------------------------------

def hotp(seed, counter, digits=6, algorithm="sha1"):
    mac = hmac.new(seed, struct.pack(">Q", counter), getattr(hashlib, algorithm)).digest()
    at = mac[-1] & 15
    return f"{(int.from_bytes(mac[at:at + 4], 'big') & 0x7fffffff) % 10 ** digits:0{digits}d}"


class Token:
    """The phone of a person: made from the otpauth URI of the enrolment."""

    def __init__(self, answer):
        uri = urllib.parse.urlsplit(answer["uri"])
        query = dict(urllib.parse.parse_qsl(uri.query))
        secret = query["secret"]
        self.id, self.uri, self.state, self.kind = answer["id"], answer["uri"], answer["state"], uri.netloc
        self.seed = base64.b32decode(secret + "=" * (-len(secret) % 8))
        self.digits = int(query.get("digits", 6))
        self.period = int(query.get("period", 30))
        self.algorithm = query.get("algorithm", "SHA1").lower()
        self.counter = int(query.get("counter", 0))

    def code(self, offset=0, now=None):
        """The code now, or so many time steps later."""
        step = int(time.time() if now is None else now) // self.period + offset
        return hotp(self.seed, step, self.digits, self.algorithm)

    def next(self):
        """HOTP: the next code of the button."""
        self.counter += 1
        return hotp(self.seed, self.counter - 1, self.digits, self.algorithm)

    def code_again(self):
        """HOTP: the code that next() would give, without pressing."""
        return hotp(self.seed, self.counter, self.digits, self.algorithm)

    def wrong(self, nth=0):
        """A code that is none of those around now."""
        if self.kind == "hotp":
            near = {hotp(self.seed, self.counter + k, self.digits, self.algorithm) for k in range(-min(20, self.counter), 40)}
        else:
            near = {self.code(offset) for offset in range(-40, 41)}
        bad = (f"{n:0{self.digits}d}" for n in range(123456, 10 ** self.digits))
        return next(code for code in bad if code not in near and (nth := nth - 1) < 0)


def settle(seconds=6):
    """Waits until the time step has that many seconds left, so that a check does not cross into the next."""
    left = 30 - time.time() % 30
    if left < seconds:
        time.sleep(left + 0.05)


def oathtool(token, when):
    """The code at that time by an independent program."""
    arguments = ["oathtool", f"--totp={token.algorithm}", "-d", str(token.digits), "-s", f"{token.period}s",
                 "-N", f"@{int(when)}", "-"]
    answer = subprocess.run(arguments, input=token.seed.hex(), capture_output=True, text=True, timeout=10)
    check(answer.returncode == 0, "oathtool:", answer.stderr)
    return answer.stdout.strip()


# ---- the scenario ------------------------------------------------------------------------------

def no_complaint_in_the_brokers_log(machine):
    """What ordinary use must not cause: a line at warning or error that nobody expected."""
    lines = [line for line in machine.broker.tail(1 << 22).splitlines() if re.search(r"\b(error|warning):", line)]
    check(not lines, "\n".join(lines[:10]))


def run(cases, setup=None):
    """Runs the cases in order on one machine; ends 0 if all came out right."""
    enter()
    from broker import Machine
    started = time.monotonic()
    private_machine()
    accounts()
    pam_stacks()
    programs()
    machine = Machine(Syslog())
    failures = 0
    for case in ([setup] if setup else []) + cases:
        begin, mark = time.monotonic(), machine.syslog.mark()
        try:
            case(machine)
            verdict = "ok"
        except Exception:
            failures += 1
            verdict = "FAILED"
            traceback.print_exc(file=sys.stdout)
            print(machine.logs(mark))
        print(f"{verdict:6} {time.monotonic() - begin:6.2f} s  {case.__name__}", flush=True)
        if failures and case is setup:
            break
    machine.close()
    print(f"{len(cases)} cases, {failures} failed, {time.monotonic() - started:.1f} s", flush=True)
    sys.stdout.flush()
    os._exit(1 if failures else 0)
