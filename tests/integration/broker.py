# SPDX-License-Identifier: Apache-2.0
"""The machine of a scenario: its broker, its administrator's tool, its sshd, its PAM clients."""
import json
import os
import re
import signal
import socket
import subprocess
import time

import rig
from rig import WORK, check, equal, wait_until


def children(pid):
    """[(pid, name)] of a process' children."""
    listed = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return [(int(number), name) for number, name in (line.split(None, 1) for line in listed.stdout.splitlines())]


class Broker:
    """hospiconnect-authd as a process: started by root, READY awaited, ended by its pid."""

    def __init__(self, name="authd"):
        self.dir = f"{WORK}/{name}"
        self.run_dir = rig.RUN_DIR if name == "authd" else f"{WORK}/{name}.run"
        self.state_dir = self.dir + "/state"
        self.conf = self.dir + "/authd.conf"
        self.log = self.dir + "/log"
        self.process = None
        self.settings = {}
        for path in (self.dir, self.run_dir, self.state_dir):
            os.makedirs(path, exist_ok=True)
        open(self.log, "a").close()
        self.give(rig.BROKER_UID)
        self.configure()

    def give(self, uid):
        """Makes a user the owner of the folders."""
        for path in (self.run_dir, self.state_dir):
            os.chown(path, uid, uid)
        os.chmod(self.state_dir, 0o700)
        os.chmod(self.run_dir, 0o755)

    @property
    def socket(self):
        return self.run_dir + "/auth.sock"

    @property
    def admin_socket(self):
        return self.run_dir + "/admin.sock"

    def configure(self, **changes):
        """Settings as section__key=value; None takes one back."""
        self.settings.update(changes)
        settings = {"authd__state_dir": self.state_dir, "authd__language": "en", "authd__log_level": "debug"}
        if self.run_dir != rig.RUN_DIR:
            settings.update(authd__socket=self.socket, authd__admin_socket=self.admin_socket)
        settings.update(self.settings)
        text = ""
        for section in ("authd", "policy", "totp", "fido2", "cps"):
            text += f"[{section}]\n"
            for key, value in settings.items():
                if key.startswith(section + "__") and value is not None:
                    text += f"{key.split('__')[1]} = {value}\n"
        rig.write(self.conf, text)

    def launch(self, env=None, uid=None, through=()):
        """Starts without waiting for READY; returns the socket on which it would say so."""
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = f"{self.dir}/notify"
        if os.path.exists(path):
            os.remove(path)
        notify.bind(path)
        os.chmod(path, 0o666)
        environment = {"PATH": os.environ["PATH"], "NOTIFY_SOCKET": path, **(env or {})}
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*through, WORK + "/bin/hospiconnect-authd", "--config", self.conf], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, env=environment, user=uid, group=uid, extra_groups=None if uid is None else [])
        return notify

    def start(self, **how):
        notify = self.launch(**how)
        deadline = time.monotonic() + 10
        with notify:
            notify.settimeout(0.05)
            while time.monotonic() < deadline:
                try:
                    if b"READY=1" in notify.recv(4096):
                        return self
                except TimeoutError:
                    check(self.process.poll() is None, "the broker ended:", self.tail())
        raise rig.Failed("the broker did not become ready: " + self.tail())

    def fails_to_start(self, pattern, **how):
        """It must end by itself, not 0, and say why."""
        before = len(self.tail(1 << 20))
        with self.launch(**how):
            status = self.process.wait(10)
        said = self.tail(1 << 20)[before:]
        check(status > 0, "started, or died by a signal:", status, said)
        rig.matches(pattern, said, "reason")
        self.process = None
        return said

    def sides(self):
        """The processes beside it: {name: pid}."""
        return {name: pid for pid, name in children(self.process.pid)}

    def helpers(self):
        """What its starter has started: [(pid, name)]."""
        starter = self.sides().get("hc-starter")
        return children(starter) if starter else []

    def stop(self):
        """Ends it as the system would. Its exit status must be 0."""
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            equal(self.process.wait(10), 0, "exit status after SIGTERM", self.tail())
            self.process = None

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait(10)
            self.process = None

    def restart(self, **how):
        self.stop()
        return self.start(**how)

    def signal(self, number):
        self.process.send_signal(number)

    def tail(self, size=3000):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()[-size:]


class Machine:
    """What a scenario works with."""

    prompt = r"(Verification|Recovery) code: ?|Code de (vérification|secours)\s*: ?"

    def __init__(self, syslog):
        self.syslog = syslog
        self.broker = Broker()
        self.sshd = None
        self.parts = []  # other programs of the scenario: each has tail() and kill()
        self.port = 2222  # in a network namespace of our own

    # -- the administrator

    def ctl(self, *arguments, ok=True, broker=None, env=None, **how):
        command = [WORK + "/bin/hospictl", "--json", "--socket", (broker or self.broker).admin_socket, *arguments]
        answer = subprocess.run(command, capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL, **how,
                                env={"PATH": os.environ["PATH"], "LANG": "en_GB.UTF-8", **(env or {})})
        if ok:
            equal(answer.returncode, 0, "hospictl", arguments, answer.stdout, answer.stderr)
            return json.loads(answer.stdout) if answer.stdout.strip() else None
        return answer

    def person(self, login, **how):
        self.ctl("user", "add", login, **how)
        return login

    def totp(self, login, *arguments, **how):
        return rig.Token(self.ctl("enroll", "totp", login, "--no-confirm", *arguments, **how))

    def hotp(self, login, **how):
        return rig.Token(self.ctl("enroll", "hotp", login, "--no-confirm", **how))

    def clinician(self, login, kind="totp"):
        """A person with an active token."""
        self.person(login)
        return self.totp(login) if kind == "totp" else self.hotp(login)

    def recovery(self, login):
        return self.ctl("enroll", "recovery", login)["codes"]

    def audit(self, *arguments):
        return rows(self.ctl("audit", "list", *arguments))

    def credentials(self, login):
        return rows(self.ctl("credential", "list", login))

    def store_file(self):
        """The one SQLite file of the stopped broker."""
        files = [name for name in os.listdir(self.broker.state_dir) if name.endswith((".db", ".sqlite", ".sqlite3"))]
        equal(len(files), 1, os.listdir(self.broker.state_dir))
        return f"{self.broker.state_dir}/{files[0]}"

    def lockouts(self, login):
        return [row for row in rows(self.ctl("lockout", "list")) if row["login"] == login]

    def last(self, login, event="sign-in"):
        """The newest record of that person and event."""
        found = [row for row in self.audit("--user", login) if row["event"] == event]
        check(found, "no audit record", event, login)
        return max(found, key=lambda row: row["seq"])

    def recorded(self, login, outcome, reason=None, **fields):
        """The newest sign-in of that person is recorded so."""
        row = self.last(login, fields.pop("event", "sign-in"))
        equal(row["outcome"], outcome, row)
        if reason is not None:
            equal(row["reason"], reason, row)
        for name, value in fields.items():
            equal(row.get(name), value, name, row)
        return row

    def mount_disk(self, path):
        """A disk with a journal at that folder of the broker's; returns its image."""
        image = WORK + "/disk.img"
        subprocess.run(["mkfs.ext4", "-q", "-F", image, "64M"], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        rig.mount("-o", "loop,errors=remount-ro", image, path)
        os.rmdir(path + "/lost+found")
        self.broker.give(rig.BROKER_UID)
        return image

    # -- sshd

    def start_sshd(self, **environment):
        if not os.path.exists(WORK + "/hostkey"):
            for name in ("hostkey", "userkey"):
                subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{WORK}/{name}"], check=True)
        rig.write(WORK + "/sshd_config", "\n".join([
            f"Port {self.port}", "ListenAddress 127.0.0.1", f"HostKey {WORK}/hostkey", "UsePAM yes",
            "KbdInteractiveAuthentication yes", "PasswordAuthentication no", "PubkeyAuthentication yes",
            f"AuthorizedKeysFile {WORK}/userkey.pub", "StrictModes no", "PermitRootLogin yes", "UseDNS no",
            "PidFile none", "LoginGraceTime 60", "MaxAuthTries 6", "PrintMotd no", "PrintLastLog no", ""]))
        log = open(WORK + "/sshd.log", "ab")
        self.sshd = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", WORK + "/sshd_config"], stdout=log, stderr=log,
                                     stdin=subprocess.DEVNULL, env={"PATH": os.environ["PATH"], **environment})
        wait_until(self._listening, "sshd listens")

    def _listening(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def ssh(self, login, *options, command="echo SIGNED-IN", timeout=20.0):
        """ssh on a terminal, keyboard-interactive only unless the options say otherwise."""
        base = ["ssh", "-F", "none", "-p", str(self.port), "-o", "StrictHostKeyChecking=no",
                "-o", "UserKnownHostsFile=/dev/null", "-o", "NumberOfPasswordPrompts=1"]
        if not options:
            options = ["-o", "PreferredAuthentications=keyboard-interactive", "-o", "PubkeyAuthentication=no"]
        return rig.Terminal([*base, *options, f"{login}@127.0.0.1", command], timeout=timeout,
                            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"})

    def ssh_code(self, login, *codes, password=rig.PASSWORD, timeout=20.0):
        """Password and codes, each at its prompt; returns (signed in, what was shown)."""
        with self.ssh(login, timeout=timeout) as terminal:
            terminal.expect("Password: ")
            terminal.send(password)
            for code in codes:
                terminal.expect(self.prompt)
                terminal.send(code)
            status = terminal.wait()
            signed_in = "SIGNED-IN" in terminal.seen
            equal(status == 0, signed_in, "status and what was shown:", status, terminal.seen)
            return signed_in, terminal.seen

    def ssh_key(self, login):
        with self.ssh(login, "-i", WORK + "/userkey", "-o", "PreferredAuthentications=publickey") as terminal:
            status = terminal.wait()
            return status == 0 and "SIGNED-IN" in terminal.seen, terminal.seen

    # -- other PAM hosts

    def pam(self, login, *answers, options=(), service="hc-test", **how):
        """One authentication by pam_client; returns (code, output)."""
        if "input" not in how:
            how["stdin"] = subprocess.DEVNULL
        arguments = [*options, "-d", self.pam_folder(), "-s", service]
        how.setdefault("env", {"LANG": "en_GB.UTF-8"})
        answer = subprocess.run([WORK + "/bin/pam_client", *arguments, login, *answers], capture_output=True, text=True,
                                **{"timeout": 40, **how})
        codes = re.findall(r"(?:authenticate|account): (\S+)$", answer.stdout, re.M)
        check(codes, "no code:", answer.stdout, answer.stderr)
        return codes[-1], answer.stdout

    def pam_folder(self, service="hc-test", arguments=""):
        """Service files for pam_start_confdir: our module alone, as second factor."""
        folder = WORK + "/pam.d"
        if not os.path.exists(f"{folder}/{service}"):
            os.makedirs(folder, exist_ok=True)
            module = f"{rig.MODULE} mode=second-factor {arguments}"
            rig.write(f"{folder}/{service}", f"auth required {module}\naccount required {module}\n")
            rig.write(folder + "/other", "auth required pam_deny.so\naccount required pam_deny.so\n")
        return folder

    def auth(self, login, *codes, options=(), broker=None, **how):
        """One conversation by auth_client; returns its one line."""
        command = [WORK + "/bin/auth_client", *options, (broker or self.broker).socket, login, *codes]
        return subprocess.run(command, capture_output=True, text=True, timeout=40, **how).stdout.strip()

    # -- the end

    def logs(self, mark):
        text = "---- authd\n" + self.broker.tail(2000)
        for part in self.parts:
            text += f"\n---- {type(part).__name__}\n" + part.tail(3000)
        text += "\n---- syslog\n" + self.syslog.text(mark)[-3000:]
        if os.path.exists(WORK + "/sshd.log"):
            with open(WORK + "/sshd.log", encoding="utf-8", errors="replace") as log:
                text += "\n---- sshd\n" + log.read()[-2000:]
        return text + "\n----"

    def close(self):
        for part in [*self.parts, self.broker]:
            part.kill()
        if self.sshd:
            self.sshd.kill()
            self.sshd.wait()


def rows(answer):
    """A list, bare or as the one list of an object."""
    if isinstance(answer, list):
        return answer
    return next(value for value in answer.values() if isinstance(value, list))


