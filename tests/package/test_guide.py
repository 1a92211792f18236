#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: the administrator's guide holds, word for word (tests/package/installed.sh runs this on a bare Debian 12): each
command is typed as root in its order and ends with 0, settings go into the files that it names, what it shows is shown,
and what the reader relies on afterwards is so. What hands do (keys, cards, codes, paper) is done here.

Services start by their units, without systemd (units.py); systemctl(1) is a small stand-in that hands on to them, also for
the maintainer scripts of the packages (manager.py).

usage: test_guide.py [en|fr]
"""
import base64
import glob
import http.server
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback

import guide
import pages
from machine import CERTIFICATE, HERE, PASSWORD, Machine, check, equal, files, read, run, write

sys.path.append(HERE + "/tests/support")
sys.path.append(HERE + "/tests/integration")
from installed_day import Cards  # noqa: E402
from keys import Keys, Model  # noqa: E402
from ptyrun import Terminal  # noqa: E402
import smartcard  # noqa: E402

PINS = {"durand": "264891", "petit": "773301"}
GUIDES = {"en": ("ADMINISTRATION.md", "C.UTF-8"), "fr": ("ADMINISTRATION.fr.md", "fr_FR.UTF-8")}
pages.GATEWAY, REDIRECT = "https://sso.hospital.example", "https://records.hospital.example/callback"
QUESTION = re.compile(r"[:?\])] ?$")
CODE = re.compile(r"\b(?:[A-Z2-7]{4}-){3}[A-Z2-7]{4}\b")


class Follower:
    """An administrator with the guide in the hand."""

    def __init__(self, language):
        self.machine = machine = Machine()
        name, self.locale = GUIDES[language]
        self.steps = guide.read(f"{HERE}/docs/{name}")
        self.shown = self.former = ""
        self.values, self.papers, self.client = {}, {}, {}
        self.recovery_key = self.cards = self.mirror = None
        self.card_is_in = False
        for login in ("martin", "durand", "petit"):
            machine.account(login)
        run("chpasswd", text=f"root:{PASSWORD}\n")
        os.makedirs("/root/hospiconnect")
        for path in glob.glob(HERE + "/new/*.deb"):
            shutil.copy(path, "/root/hospiconnect/")
        write("/etc/apt/apt.conf.d/95guide", 'APT::Install-Recommends "false";\n')  # no network, from which they would come
        os.environ.pop("DEBIAN_FRONTEND", None)
        self.before = files()
        os.makedirs("/run/sshd", exist_ok=True)
        run("ssh-keygen", "-A")
        # pylint: disable=consider-using-with
        machine.sshd = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e"], stdin=subprocess.DEVNULL,
                                        stdout=open("/var/log/hc-units/sshd.log", "wb"), stderr=subprocess.STDOUT)
        machine.manager.others["ssh.service"] = lambda: machine.sshd.send_signal(signal.SIGHUP)

    def follow(self):
        for step in self.steps:
            began = time.monotonic()
            if step.skipped:
                print(f"not followed   line {step.line}: {step.skipped}", flush=True)
                continue
            try:
                getattr(self, "step_" + step.kind)(step)
            except Exception:
                print(f"FAILED         line {step.line}: {step.kind}\n{step.text}\n---- shown\n{self.shown[-6000:]}\n---- before\n{self.former[-3000:]}", flush=True)
                raise
            print(f"ok     {time.monotonic() - began:5.1f} s  line {step.line}: {step.kind} {step.text.splitlines()[0]}", flush=True)
        followed = [step.kind for step in self.steps if not step.skipped]
        print(f"{followed.count('sh')} blocks typed, {followed.count('ini')} settings written, {followed.count('check')} checks made, "
              f"{len(self.steps) - len(followed)} blocks not followed")

    def fill(self, text):
        for name, value in self.values.items():
            text = re.sub(rf"\b{name}\b", value, text)
        return text

    # ---- the kinds of steps

    def step_let(self, step):
        name, command = step.text.split(" = ", 1)
        self.values[name] = run("bash", "-euc", self.fill(command)).stdout.strip()
        check(self.values[name] and "\n" not in self.values[name], step.text, self.values)

    def step_do(self, step):
        getattr(self, "do_" + step.text)()

    def step_check(self, step):
        getattr(self, "check_" + step.text)()

    def step_ini(self, step):
        """Each key under its section, in the place of the line that is there, commented or not."""
        lines, section = read(step.into).splitlines(), None
        for line in self.fill(step.text).splitlines():
            if line.startswith("["):
                section = line
            elif line.strip():
                self._set(lines, section, line)
        write(step.into, "\n".join(lines) + "\n")

    @staticmethod
    def _set(lines, section, line):
        key = line.split("=")[0].strip()
        if section not in lines:
            lines += [section]
        begin = lines.index(section) + 1
        end = next((at for at in range(begin, len(lines)) if lines[at].startswith("[")), len(lines))
        for form in (rf"{key}\s*=", rf"#\s*{key}\s*="):
            for at in range(begin, end):
                if re.match(form, lines[at]):
                    lines[at] = line
                    return
        lines.insert(begin, line)

    def step_text(self, step):
        """… stands for anything within a line; lines between those that are shown may be others."""
        shown = self.shown.splitlines()
        for line in step.text.splitlines():
            pattern = ".*".join(re.escape(part) for part in self.fill(line).split("…"))
            while shown and not re.fullmatch(pattern, shown[0].strip()):
                shown.pop(0)
            check(shown, "not shown:", line)

    def step_sh(self, step):
        environment = {**os.environ, "LANG": self.locale, "TERM": "dumb", "NO_COLOR": "1", "HOME": "/root"}
        with Terminal(["bash", "-euc", self.fill(step.text)], env=environment, cwd="/root", timeout=120) as terminal:
            try:
                self._answer(terminal, list(step.answers))
                status = terminal.wait(60)
            finally:
                self.former, self.shown = self.shown, terminal.seen
        equal(status, 0, step.text)
        self._learn(step.text)

    def _answer(self, terminal, answers):
        """Each question is answered once it stands there and nothing more comes."""
        answered, quiet = 0, 0
        while True:
            before = len(terminal.seen)
            if not terminal.read(0.4):
                break
            quiet = quiet + 1 if len(terminal.seen) == before else 0
            if quiet and before > answered and QUESTION.search(terminal.seen):
                self.shown = terminal.seen
                check(answers, "asks what the guide does not tell:", terminal.seen[-300:])
                terminal.send(self._value(answers.pop(0)))
                answered = len(terminal.seen)
            check(quiet < 150, "does not end")
        check(not answers, "was not asked for", answers)

    def _value(self, answer):
        match = re.fullmatch(r"\{(\w+) (\w+)\}", answer)
        if not match:
            return answer
        kind, login = match.groups()
        self._learn_seed(login)
        return {"code": self.machine.code, "password": lambda _: PASSWORD, "pin": PINS.get}[kind](login)

    def _learn_seed(self, login):
        """What the phone reads off the screen."""
        seed = re.findall(rf":{login}\?\S*secret=([A-Z2-7]+)", self.shown)
        if seed:
            self.machine.seeds[login] = seed[-1]

    def _learn(self, command):
        """What is printed or written down."""
        enrolled = re.search(r"enroll recovery (\w+)", command)
        if enrolled:
            self.papers[enrolled[1]] = CODE.findall(self.shown)
            equal(len(self.papers[enrolled[1]]), 10, self.shown)
        if "client add" in command:
            first, second = self.shown.splitlines()[:2]
            self.client = {"client_id": first.split()[-1], "client_secret": second.split()[-1]}

    # ---- what hands do

    def do_keep_recovery_key(self):
        self.recovery_key = read("/root/recovery.key")

    def do_type_the_recovery_key(self):
        write("/root/recovery.key", self.recovery_key)
        os.chmod("/root/recovery.key", 0o600)

    def do_maker(self):
        for folder in ("/run/hc-keys", "/run/hc-maker"):
            os.makedirs(folder)
            os.chmod(folder, 0o755)
        self.machine.keys = Keys("/run/hc-keys")
        self.machine.keys.everywhere()
        self.model = Model("/run/hc-maker")
        shutil.copy(self.model.ca, "/root/maker.pem")

    def plug(self, name):
        for key in self.machine.keys.keys.values():
            key.remove()
        if name in self.machine.keys.keys:
            self.machine.keys.keys[name].insert()
        elif name:
            self.machine.keys.plug(name, "--mode", "0666", *self.model.options)

    def do_plug_a_new_key(self):
        self.plug("blue")

    def do_plug_a_pool_key(self):
        self.plug("pool")

    def do_reader(self):
        run("apt-get", "-q", "-y", "install", "vsmartcard-vpcd")  # the reader's driver, where there is none of metal
        self.cards = Cards()
        shutil.copy(self.cards.folder + "/authorities.pem", "/root/igc-sante.pem")
        os.makedirs("/run/mirror/igc")
        shutil.copy(self.cards.folder + "/list.crl", "/run/mirror/igc/ACI-FO-PP.crl")
        write("/etc/hosts", read("/etc/hosts") + "127.0.0.1 mirror.hospital.example sso.hospital.example\n")
        handler = type("Mirror", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
        self.mirror = http.server.ThreadingHTTPServer(("127.0.0.1", 80), lambda *given: handler(*given, directory="/run/mirror"))
        threading.Thread(target=self.mirror.serve_forever, daemon=True).start()

    def do_newer_list(self):
        with open("/root/ACI-FO-PP.crl", "wb") as out:
            out.write(self.cards.people.crl(since=-0.5))

    def do_insert_card(self):
        self.plug(None)
        if not self.card_is_in:
            self.cards.insert()
        self.card_is_in = True

    def take_card_out(self):
        if self.card_is_in:
            self.cards.remove()
        self.card_is_in = False

    def do_name_of_the_gateway(self):
        self.take_card_out()
        equal(socket.gethostbyname("sso.hospital.example"), "127.0.0.1")

    def do_seed(self):
        self.machine.seeds["petit"] = base64.b32encode(secrets.token_bytes(20)).decode()
        write("/root/petit.seed", self.machine.seeds["petit"] + "\n")
        os.chmod("/root/petit.seed", 0o600)

    def do_lock_martin(self):
        for _ in range(3):
            self.host("martin", PASSWORD, "000000", "000000", "000000")
        outcome = self.host("martin", PASSWORD, self.machine.code("martin"))
        check(not outcome.entered, "not locked out")
        check("HC-203" in str(outcome.shown), outcome.shown)

    def do_empty_machine(self):
        """Nothing but the packages, the backups, the paper."""
        self.take_card_out()
        run("apt-get", "-q", "-y", "purge", "libpam-hospiconnect", "hospiconnect-gateway", "hospiconnect-crl", "hospictl", "hospiconnect-authd")
        for path in ("/var/lib/hospiconnect", "/var/lib/hospiconnect-gateway"):
            check(not os.path.exists(path), path, "survives a purge")
        shutil.rmtree("/etc/hospiconnect")  # what the administrator has put there
        equal(dict(self.machine.units.running), {})

    def do_newer_packages(self):
        """The same programs under a higher number."""
        os.makedirs("/root/hospiconnect-new")
        self.version = run("dpkg-query", "-W", "-f", "${Version}", "hospictl").stdout
        for path in glob.glob("/root/hospiconnect/*.deb"):
            if "-dbgsym_" in path:
                continue
            run("dpkg-deb", "-R", path, "/run/hc-package")
            control = read("/run/hc-package/DEBIAN/control").replace(self.version, self.version + "+next")
            write("/run/hc-package/DEBIAN/control", control)
            run("dpkg-deb", "-Zgzip", "-b", "/run/hc-package", "/root/hospiconnect-new/" + os.path.basename(path).replace(self.version, self.version + "+next"))
            shutil.rmtree("/run/hc-package")

    # ---- what the reader relies on

    def host(self, login, *answers, **how):
        return self.machine.host("login", login, *answers, **how)

    def paper(self, login):
        return self.papers[login].pop()

    def enters(self, *given, as_login=None, **how):
        outcome = self.host(*given, **how)
        check(outcome.entered, given, outcome)
        if as_login:
            equal(outcome.user, as_login)

    def stays_outside(self, *given, **how):
        outcome = self.host(*given, **how)
        check(not outcome.entered, given, outcome)

    def check_martin_needs_a_code(self):
        self.stays_outside("martin", PASSWORD)
        self.stays_outside("martin", PASSWORD, "000000", "000000", "000000")
        self.stays_outside("martin", "wrong", self.paper("martin"))
        self.enters("martin", PASSWORD, self.paper("martin"))

    def check_martin_enters(self):
        self.enters("martin", PASSWORD, self.machine.code("martin"))
        self.stays_outside("martin", PASSWORD)

    def check_martin_enters_with_a_recovery_code(self):
        self.stays_outside("martin", PASSWORD)
        self.enters("martin", PASSWORD, self.paper("martin"))
        self.machine.used["martin"] = int(time.time()) // 30 + 4  # those that a restored store does not accept

    def check_martin_stays_outside(self):
        self.stays_outside("martin", PASSWORD, self.paper("martin"))

    def check_root_enters_at_the_console(self):
        self.stays_outside("root", "wrong")
        self.machine.units.stop("hospiconnect-authd.service")
        self.enters("root", PASSWORD)
        self.stays_outside("martin", PASSWORD, self.paper("martin"))
        self.machine.units.start("hospiconnect-authd.service")

    def check_a_password_is_enough(self):
        self.stays_outside("martin", "wrong")
        self.enters("martin", PASSWORD)

    def check_durand_enters_with_the_key(self):
        self.enters("durand", PINS["durand"])
        self.stays_outside("martin", PASSWORD)

    def check_durand_enters_without_a_login(self):
        self.enters(None, PINS["durand"], as_login="durand")
        self.stays_outside(None, "000000", PASSWORD)

    def check_durand_stays_outside_with_the_key(self):
        self.plug("blue")
        self.stays_outside("durand", PINS["durand"], PASSWORD)
        self.plug(None)

    def check_durand_enters_with_a_recovery_code(self):
        self.stays_outside("durand", PASSWORD)
        self.enters("durand", PASSWORD, self.paper("durand"))

    def check_durand_enters_with_the_card(self):
        self.do_insert_card()
        self.stays_outside("durand", "", PASSWORD)
        self.enters("durand", smartcard.PIN)
        self.enters(None, smartcard.PIN, as_login="durand")
        self.take_card_out()

    def check_petit_enters_with_the_key(self):
        self.enters("petit", PINS["petit"])

    def check_petit_enters_with_the_code(self):
        self.enters("petit", PASSWORD, self.machine.code("petit"))

    def check_petit_stays_outside(self):
        self.stays_outside("petit", PINS["petit"], PASSWORD)
        if "petit" in self.machine.seeds:
            self.plug(None)
            self.stays_outside("petit", PASSWORD, self.machine.code("petit"))

    def check_the_application_gets_tokens(self):
        environment = {"SAMPLE_ISSUER": pages.GATEWAY, "SAMPLE_CLIENT_ID": self.client["client_id"], "SAMPLE_CLIENT_SECRET": self.client["client_secret"],
                       "SAMPLE_REDIRECT_URI": REDIRECT, "SAMPLE_CA": CERTIFICATE, "SAMPLE_DIR": "/tmp/application"}

        def application(*words):
            return run("bash", HERE + "/docs/examples/sample-application.sh", *words, env=environment).stdout
        browser = pages.Browser()
        browser.open(application("begin").strip())
        browser.send(username="martin", password=PASSWORD)
        browser.send(code=self.machine.code("martin"))
        check(browser.location.startswith(REDIRECT), browser.page)
        person = json.loads(application("finish", browser.location))
        equal(person["id_token"]["iss"], pages.GATEWAY, person)
        check("Martin" in json.dumps(person), person)

    def check_nothing_is_left(self):
        left = sorted(path for path in files() - self.before if "hospiconnect" in path and not path.startswith("/run/hc-"))
        equal(left, [])
        check("hospiconnect" not in run("grep", "-rl", "hospiconnect", "/etc/pam.d", "/var/lib/pam", ok=False).stdout)
        self.enters("martin", PASSWORD)


def main():
    follower = Follower((sys.argv[1:] or ["en"])[0])
    try:
        follower.follow()
    except Exception:  # pylint: disable=broad-except
        traceback.print_exc()
        for name, text in follower.machine.units.logs():
            print(f"---- {name}\n{text[-3000:]}")
        print("---- syslog\n" + "\n".join(follower.machine.syslog[-40:]))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
