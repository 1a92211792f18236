#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: what an administrator gets from the packages on a bare Debian 12 (tests/package/installed.sh runs this there):
 * an older version, a person enrolled, the upgrade: everybody still signs in, the store is of the new schema
 * units that systemd understands, started under their users with their sockets; doctor says what is left to do
 * ssh with password and code; the gateway on the loopback with the certificate that the installation made, at port 443
   too, without a capability; an application through the installed paths
 * the profiles of pam-auth-update, together and apart, beside sss, faillock and gnome-keyring; root at the console;
   snippets for single services; the module taken away
 * remove keeps the stores, purge leaves nothing
The cases build on each other, in their order. Arguments: names of cases, which run with those before them.
"""
import base64
import glob
import hashlib
import hmac
import html
import json
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

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ["HC_BUILD_DIR"] = HERE  # what keys.py finds its programs below: tests/support
os.makedirs(HERE + "/tests", exist_ok=True)
if not os.path.exists(HERE + "/tests/support"):
    os.symlink(HERE + "/support", HERE + "/tests/support")

from keys import Keys  # noqa: E402
from pamhost import sign_in  # noqa: E402
from units import FOLDER, Units  # noqa: E402

PASSWORD, PIN = "correct horse", "264891"
CERTIFICATE = "/etc/hospiconnect/tls/gateway-certificate.pem"
REDIRECT = "http://127.0.0.1:18090/back"
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


class Machine:
    """What the cases share."""

    def __init__(self):
        self.units = Units("/var/log/hc-units")
        self.keys = None
        self.seeds, self.used, self.recovery = {}, {}, []
        self.schema = self.seal = None
        self.before = {}
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
        digest = hmac.new(base64.b32decode(self.seeds[login]), struct.pack(">Q", step), hashlib.sha1).digest()
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


# ---- installation and upgrade


def an_older_version_is_installed_and_used(machine):
    machine.before = files()
    apt("install", *packages("old", "hospiconnect-authd", "hospictl", "libpam-hospiconnect"))
    machine.units.start("hospiconnect-authd.service")
    machine.account("martin")
    run("hospictl", "user", "add", "martin", "--given-name", "Alice", "--family-name", "Martin")
    machine.enroll("martin")
    machine.papers("martin")
    edit("/etc/hospiconnect/authd.conf", (r"^#language = fr", "language = en"))
    machine.units.stop("hospiconnect-authd.service")
    machine.schema = schema("/var/lib/hospiconnect")
    machine.seal = hashlib.sha256(open("/var/lib/hospiconnect/seal.key", "rb").read()).hexdigest()


def schema(folder):
    path = [name for name in glob.glob(folder + "/*.db")][0]
    return int(run("sqlite3", path, "pragma user_version").stdout)


def the_upgrade_keeps_everything(machine):
    apt("install", *packages("new", "hospiconnect-authd", "hospictl", "libpam-hospiconnect", "hospiconnect-gateway",
                             "hospiconnect-crl", "hospiconnect-doc"))
    check("language = en" in read("/etc/hospiconnect/authd.conf"), "the administrator's setting is gone")
    machine.units.start("hospiconnect-authd.service")
    machine.units.stop("hospiconnect-authd.service")
    new = schema("/var/lib/hospiconnect")
    print(f"    schema {machine.schema} → {new}")
    check(new > machine.schema or os.environ.get("HC_SAME_SCHEMA"), machine.schema, new)
    machine.units.start("hospiconnect-authd.service")
    equal(hashlib.sha256(open("/var/lib/hospiconnect/seal.key", "rb").read()).hexdigest(), machine.seal)
    rows = json.loads(run("hospictl", "--json", "credential", "list", "martin").stdout)
    equal(sorted({row["type"] for row in rows}), ["recovery", "totp"], rows)
    run("hospictl", "audit", "verify")
    check("martin" in run("hospictl", "audit", "list", "--user", "martin").stdout)


def the_module_needs_libpam_and_libc_alone(_machine):
    module = glob.glob("/lib/*/security/pam_hospiconnect.so")[0]
    needed = set(re.findall(r"^\s*(lib\S+?)\.so", run("ldd", module).stdout, re.MULTILINE))
    check(needed <= {"libpam", "libc", "libaudit", "libcap-ng"}, needed)  # the last two are libpam's own
    depends = run("dpkg-query", "-W", "-f", "${Depends}", "libpam-hospiconnect").stdout
    equal({word.split()[0] for word in depends.split(",")}, {"libpam-runtime", "libpam0g", "libc6"}, depends)


def every_unit_is_understood(_machine):
    names = [os.path.basename(path) for path in sorted(glob.glob(FOLDER + "/hc-*") + glob.glob(FOLDER + "/hospiconnect-*"))]
    check(len(names) >= 12, names)
    for name in names:
        done = run("systemd-analyze", "verify", "--man=yes" if shutil.which("man") else "--man=no", name.replace("@.", "@1."), ok=False)
        said = [line for line in (done.stdout + done.stderr).splitlines() if re.search(r"hc-|hospiconnect", line)]
        check(done.returncode == 0 and not said, name, done.stdout, done.stderr)


# ---- everything runs


def everything_starts_and_doctor_says_what_is_left(machine):
    machine.units.stop("hospiconnect-authd.service")
    for name in DAEMONS:
        machine.units.start(name)
    found = {row["check"]: row for row in machine.doctor()}
    errors = {name for name, row in found.items() if row["result"] == "error"}
    check(errors <= {"gateway_role", "gateway_broker"} and "gateway_role" in errors, [found[name] for name in errors])
    check("role = authority" in found["gateway_role"]["advice"], found["gateway_role"])
    equal(found["gateway_certificate"]["result"], "warning")
    check(CERTIFICATE in found["gateway_certificate"]["advice"] and "reload" in found["gateway_certificate"]["advice"])
    equal(found["gateway_password"]["result"], "ok", "the gateway's unit wants the socket")
    edit("/etc/hospiconnect/authd.conf", (r"^#role = standalone", "role = authority"))
    machine.units.restart("hospiconnect-authd.service")
    wait_for(lambda: not [row for row in machine.doctor() if row["result"] == "error"])
    left = {row["check"] for row in machine.doctor() if row["result"] == "warning"}
    # the clock of a machine without network is nobody's business here
    equal(left - {"clock"}, {"gateway_certificate", "pam"})


def wait_for(condition, seconds=10):
    until = time.monotonic() + seconds
    while not condition():
        check(time.monotonic() < until, "did not come")
        time.sleep(0.1)


def curl(*arguments, ok=True):
    return run("curl", "-sS", "--max-time", "20", "--cacert", CERTIFICATE, *arguments, ok=ok)


def the_gateway_answers_on_the_loopback_alone(_machine):
    answer = json.loads(curl("https://localhost:8443/.well-known/openid-configuration").stdout)
    equal(answer["issuer"], "https://localhost:8443")
    listening = [line.split()[1] for line in read("/proc/net/tcp").splitlines()[1:] if line.split()[3] == "0A"]
    check("0100007F:20FB" in listening, listening)
    check(not [address for address in listening if not address.startswith("0100007F:")], "open to the network:", listening)
    facts = os.stat("/etc/hospiconnect/tls/gateway-key.pem")
    import grp  # pylint: disable=import-outside-toplevel
    equal((facts.st_uid, grp.getgrgid(facts.st_gid).gr_name, facts.st_mode & 0o777), (0, "hospiconnect-gateway", 0o640))
    facts = os.stat("/etc/hospiconnect/gateway.conf")
    equal((facts.st_uid, facts.st_mode & 0o777), (0, 0o644))
    # made a second time: nothing changes
    before = read(CERTIFICATE)
    run("hospiconnect-gateway", "--make-certificate")
    equal(read(CERTIFICATE), before)


def the_gateway_binds_a_low_port_and_keeps_no_capability(machine):
    conf = "/etc/hospiconnect/gateway.conf"
    kept = read(conf)
    edit(conf, (r"^listen = .*", "listen = 127.0.0.1:443"), (r"^issuer = .*", "issuer = https://localhost"))
    machine.units.restart("hospiconnect-gateway.service")
    equal(json.loads(curl("https://localhost/.well-known/openid-configuration").stdout)["issuer"], "https://localhost")
    status = dict(line.split(":", 1) for line in read(f"/proc/{machine.units.pid('hospiconnect-gateway.service')}/status").splitlines())
    import pwd  # pylint: disable=import-outside-toplevel
    uid = str(pwd.getpwnam("hospiconnect-gateway").pw_uid)
    equal(status["Uid"].split(), [uid] * 4)
    equal([int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")], [0, 0, 0, 0])
    equal(status["NoNewPrivs"].strip(), "1")
    broker = dict(line.split(":", 1) for line in read(f"/proc/{machine.units.pid('hospiconnect-authd.service')}/status").splitlines())
    equal([int(broker[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")], [0, 0, 0, 0])
    write(conf, kept)
    machine.units.restart("hospiconnect-gateway.service")


# ---- an application


class Browser:
    """Pages of the gateway, by curl."""

    def __init__(self):
        self.jar = "/tmp/cookies"
        if os.path.exists(self.jar):
            os.unlink(self.jar)
        self.page = self.location = ""

    def open(self, url, fields=None):
        data = [part for name, value in (fields or {}).items() for part in ("--data-urlencode", f"{name}={value}")]
        done = curl("-b", self.jar, "-c", self.jar, "-H", "Origin: https://localhost:8443", "-H", "Accept-Language: en",
                    "-w", "\n%{redirect_url}", *data, url)
        self.page, self.location = done.stdout.rsplit("\n", 1)

    def send(self, **fields):
        for name, value in re.findall(r'name="(request|conversation)" value="([^"]*)"', self.page):
            fields.setdefault(name, html.unescape(value))
        action = html.unescape(re.search(r'<form [^>]*action="([^"]*)"', self.page).group(1))
        self.open(urllib.parse.urljoin("https://localhost:8443/", action), fields)


def an_application_signs_people_in(machine):
    made = json.loads(run("hospictl", "--json", "client", "add", "Patient record", "--redirect-uri", REDIRECT).stdout)
    text = json.dumps(made)
    environment = {"SAMPLE_ISSUER": "https://localhost:8443", "SAMPLE_CLIENT_ID": made["client_id"],
                   "SAMPLE_CLIENT_SECRET": re.search(r'"client_secret": ?"([^"]+)"', text).group(1), "SAMPLE_REDIRECT_URI": REDIRECT,
                   "SAMPLE_CA": CERTIFICATE, "SAMPLE_DIR": "/tmp/application"}

    def application(*words):
        return run("bash", HERE + "/sample-application.sh", *words, env=environment).stdout

    wait_for(lambda: run("curl", "-fs", "http://127.0.0.1:9464/readyz", ok=False).returncode == 0)
    browser = Browser()
    browser.open(application("begin").strip())
    browser.send(username="martin", password="wrong")
    if "code" in browser.page and 'name="code"' in browser.page:
        browser.send(code="000000")
    equal(browser.location, "", "let in without the password")
    browser = Browser()
    browser.open(application("begin").strip())
    browser.send(username="martin", password=PASSWORD)
    browser.send(code=machine.code("martin"))
    check(browser.location.startswith(REDIRECT), browser.page)
    person = json.loads(application("finish", browser.location))
    equal(person["id_token"]["iss"], "https://localhost:8443", person)
    check("Martin" in json.dumps(person), person)
    application("refresh")


# ---- signing in at this machine


def start_sshd(machine):
    if machine.sshd:
        return
    os.makedirs("/run/sshd", exist_ok=True)
    run("ssh-keygen", "-A")
    write("/etc/ssh/sshd_config.d/hc.conf", "KbdInteractiveAuthentication yes\nPasswordAuthentication no\nListenAddress 127.0.0.1\n"
          "Port 2222\nAuthenticationMethods keyboard-interactive\nPermitRootLogin yes\n")
    machine.sshd = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e"], stdin=subprocess.DEVNULL,
                                    stdout=open("/var/log/hc-units/sshd.log", "wb"), stderr=subprocess.STDOUT)

    def listens():
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", 2222)) == 0
    wait_for(listens)
    write("/tmp/askpass", "#!/bin/bash\necho \"$1\" >>/tmp/asked\nhead -n 1 /tmp/answers\nsed -i 1d /tmp/answers\n")
    os.chmod("/tmp/askpass", 0o755)


def ssh(machine, login, *answers):
    start_sshd(machine)
    write("/tmp/answers", "".join(answer + "\n" for answer in answers))
    write("/tmp/asked", "")
    done = run("timeout", "40", "ssh", "-F", "none", "-p", "2222", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
               "-o", "PreferredAuthentications=keyboard-interactive", "-o", "NumberOfPasswordPrompts=1", f"{login}@127.0.0.1", "id -un",
               ok=False, env={"SSH_ASKPASS": "/tmp/askpass", "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": "none"})
    return done.stdout.strip() == login, read("/tmp/asked") + done.stderr


def judged(machine, service="login"):
    found = [row for row in machine.doctor() if row["check"] == "pam." + service]
    return {row["result"] for row in found}, [row["found"] for row in found]


def before_a_profile_is_selected_nothing_has_changed(machine):
    for file in glob.glob("/etc/pam.d/*"):
        if os.path.basename(file) != "hospiconnect-password":
            check("hospiconnect" not in read(file), file)
    check(machine.host("login", "martin", PASSWORD).entered)
    equal([row["result"] for row in machine.doctor() if row["check"] == "pam"], ["warning"])


def the_code_profile_asks_behind_the_password(machine):
    machine.account("durand")
    lines = machine.profiles("hospiconnect-otp")
    check("pam_hospiconnect.so mode=second-factor" in lines[-1] or any("mode=second-factor" in line for line in lines[4:]), lines)
    entered, shown = ssh(machine, "martin", PASSWORD)
    check(not entered, "a password alone let in")
    entered, shown = ssh(machine, "durand", PASSWORD)
    check(not entered, "somebody who is not enrolled was let in", shown)
    entered, shown = ssh(machine, "martin", "wrong", machine.paper())
    check(not entered, shown)
    entered, shown = ssh(machine, "martin", PASSWORD, machine.code("martin"))
    check(entered, shown)
    entered, shown = ssh(machine, "martin", PASSWORD, machine.paper())
    check(entered, shown)
    entered, shown = ssh(machine, "martin", PASSWORD, "000000")
    check(not entered, shown)
    write("/etc/sudoers.d/martin", "martin ALL=(root) ALL\n")
    for answers, good in ((f"{PASSWORD}\n", False), (f"{PASSWORD}\nXXXX-XXXX-XXXX-XXXX\n", False),
                          (f"{PASSWORD}\n{machine.paper()}\n", True)):
        done = run("runuser", "-u", "martin", "--", "sudo", "-S", "-k", "id", "-un", text=answers, ok=False)
        equal(done.stdout == "root\n", good, done)
    for service in ("sshd", "sudo"):
        results, found = judged(machine, service)
        check("error" not in results, found)


def root_at_the_console_needs_nothing_of_ours(machine):
    run("chpasswd", text=f"root:{PASSWORD}\n")
    machine.units.stop("hospiconnect-authd.service")
    outcome = machine.host("login", "root", PASSWORD)
    check(outcome.entered, outcome)
    check(not machine.host("login", "root", "wrong").entered)
    check(not machine.host("login", "martin", PASSWORD, "000000").entered, "the broker is away")
    check(not machine.host("sshd", "root", PASSWORD, "000000", tty="ssh", rhost="192.0.2.7").entered, "root from the network")
    machine.units.start("hospiconnect-authd.service")


def give_a_key(machine):
    """Security keys made of software, seen by every program that starts from now on."""
    os.makedirs("/run/hc-keys", exist_ok=True)
    os.chmod("/run/hc-keys", 0o755)
    edit("/etc/hospiconnect/authd.conf", (r"^\[fido2\]$", "[fido2]\nrp_id = login.example.org\npin_min = 4\ninsert_timeout = 3s"))
    machine.keys = Keys("/run/hc-keys")
    machine.keys.everywhere()
    machine.units.restart("hospiconnect-authd.service")
    machine.keys.plug("a", "--mode", "0666", "--attestation", "self", "--pin", PIN)
    run("hospictl", "user", "add", "durand")
    run("hospictl", "--json", "enroll", "fido2", "durand", text=PIN + "\n")


def both_profiles_take_a_key_or_password_and_code(machine):
    lines = machine.profiles("hospiconnect", "hospiconnect-otp")
    print("".join(f"    {line}\n" for line in lines), end="")
    check(lines[0].endswith("pam_hospiconnect.so methods=cps,fido2"), lines)
    give_a_key(machine)
    outcome = machine.host("login", "durand", PIN)
    check(outcome.entered and len(outcome.asked) == 1, outcome)
    check(machine.units.running["hc-fido2.socket"].count, "the helper runs in the broker's unit, which has no devices")
    check(not machine.host("login", "durand", "000000", PASSWORD, "000000").entered, "wrong PIN, password, no code")
    outcome = machine.host("login", "martin", PASSWORD, machine.paper())
    check(outcome.entered, outcome)
    check(not machine.host("login", "martin", PASSWORD).entered, "a password alone let in")
    check(machine.host("login", "root", PASSWORD).entered)
    run("hospictl", "user", "disable", "durand")
    check(not machine.host("login", "durand", PIN, PASSWORD, "000000").entered, "disabled, and let in")
    run("hospictl", "user", "enable", "durand")
    machine.keys.keys["a"].remove()
    check(not machine.host("login", "durand", PASSWORD, "000000").entered, "without his key")
    machine.keys.keys["a"].insert()
    for service in ("lightdm", "gdm-password"):  # as their packages have them
        shutil.copy(f"{HERE}/pam.d/{service}", "/etc/pam.d/")
        check(machine.host(service, "durand", PIN).entered, service)
        check(machine.host(service, "martin", PASSWORD, machine.paper()).entered, service)
        check(not machine.host(service, "martin", PASSWORD).entered, service)
    for service in ("login", "lightdm", "gdm-password", "sshd", "sudo"):
        results, found = judged(machine, service)
        equal(results, {"ok"} if service != "gdm-password" else results - {"error"}, found)


def the_account_is_asked_before_others_end_the_stack(machine):
    """pam_localuser of sss is sufficient: what stands behind it is not asked for people of this machine."""
    lines = read("/etc/pam.d/common-account")
    check(lines.index("pam_hospiconnect.so") < lines.index("pam_localuser.so"), lines)
    run("hospictl", "user", "disable", "martin")
    outcome = machine.host("cron" if os.path.exists("/etc/pam.d/cron") else "login", "martin", PASSWORD, machine.paper())
    check(not outcome.entered, outcome)
    run("hospictl", "user", "enable", "martin")


def the_key_profile_alone_is_no_second_factor_and_doctor_says_so(machine):
    machine.profiles("hospiconnect")
    check(machine.host("login", "durand", PIN).entered)
    check(machine.host("login", "martin", PASSWORD).entered, "a password alone, as before")
    results, found = judged(machine)
    check("error" in results, found)
    check(any("password alone" in text for text in found), found)


FAILLOCK = {"faillock": "Name: Count wrong passwords\nDefault: no\nPriority: 0\nAuth-Type: Primary\nAuth:\n\t[default=die]\tpam_faillock.so authfail\n",
            "faillock-notify": "Name: Refuse whoever is locked\nDefault: no\nPriority: 1024\nAuth-Type: Primary\nAuth:\n"
                               "\trequisite\tpam_faillock.so preauth\nAccount-Type: Primary\nAccount:\n\trequired\tpam_faillock.so\n"}


def faillock_counts_passwords_beside_us(machine):
    for name, text in FAILLOCK.items():
        write("/usr/share/pam-configs/" + name, text)
    lines = machine.profiles("hospiconnect", "hospiconnect-otp", "faillock", "faillock-notify")
    print("".join(f"    {line}\n" for line in lines), end="")
    run("faillock", "--user", "martin", "--reset")
    outcome = machine.host("login", "martin", PASSWORD, machine.paper())
    check(outcome.entered, outcome)
    check(machine.host("login", "durand", PIN).entered)
    for _ in range(3):
        check(not machine.host("login", "martin", "wrong").entered)
    check(not machine.host("login", "martin", PASSWORD, machine.paper()).entered, "locked by faillock, and let in")
    run("faillock", "--user", "martin", "--reset")
    check(machine.host("login", "martin", PASSWORD, machine.paper()).entered)
    check(not machine.host("login", "martin", PASSWORD).entered)
    results, found = judged(machine)
    check("error" not in results, found)
    machine.profiles()
    for name in FAILLOCK:
        os.unlink("/usr/share/pam-configs/" + name)


def the_examples_hold_for_one_service_each(machine):
    machine.profiles()
    run("faillock", "--user", "martin", "--reset")
    folder = "/usr/share/doc/libpam-hospiconnect/examples"
    for service in ("sshd", "sudo", "lightdm", "gdm-password"):
        own = f"/etc/pam.d/{service}"
        kept = read(own if os.path.exists(own) else f"{HERE}/pam.d/{service}")
        shutil.copy(f"{folder}/{service}", own)
        check(not machine.host(service, "martin", PASSWORD).entered, service, "a password alone let in")
        check(not machine.host(service, "martin", "wrong", machine.paper()).entered, service)
        outcome = machine.host(service, "martin", PASSWORD, machine.paper())
        check(outcome.entered, service, outcome)
        if service in ("lightdm", "gdm-password"):
            outcome = machine.host(service, "durand", PIN)
            check(outcome.entered and len(outcome.asked) == 1, service, outcome)
        if service in ("sudo", "lightdm"):
            check(machine.host(service, "root", PASSWORD).entered, service, "root at this machine")
        run("hospictl", "user", "disable", "martin")
        check(not machine.host(service, "martin", PASSWORD, machine.paper()).entered, service)
        run("hospictl", "user", "enable", "martin")
        results, found = judged(machine, service)
        check("error" not in results, service, found)
        write(own, kept)


# ---- the end


def without_the_module_the_stacks_are_as_before(machine):
    machine.profiles("hospiconnect", "hospiconnect-otp")
    apt("remove", "libpam-hospiconnect")
    for file in glob.glob("/etc/pam.d/common-*"):
        check("hospiconnect" not in read(file), file)
    check(machine.host("login", "martin", PASSWORD).entered)


def removal_keeps_the_stores(machine):
    if machine.keys:
        machine.keys.stop()
        os.unlink("/etc/ld.so.preload")
        os.unlink("/etc/hc-test-keys")
    machine.units.end()
    if machine.sshd:
        machine.sshd.terminate()
        machine.sshd.wait(10)
    done = apt("remove", "hospiconnect-authd", "hospiconnect-gateway", "hospictl", "hospiconnect-crl")
    check("audit trail" in done.stdout + done.stderr, done.stdout)
    for path in ("/var/lib/hospiconnect/seal.key", "/var/lib/hospiconnect-gateway/seal.key", "/etc/hospiconnect/gateway.conf",
                 "/etc/hospiconnect/authd.conf", CERTIFICATE):
        check(os.path.exists(path), path)
    check(not os.path.exists("/usr/sbin/hospiconnect-authd"))


def purging_leaves_nothing(machine):
    apt("purge", "hospiconnect-authd", "hospiconnect-gateway", "hospictl", "hospiconnect-crl", "libpam-hospiconnect", "hospiconnect-doc")
    left = sorted(path for path in files() - machine.before if "hospiconnect" in path or "hc-" in os.path.basename(path))
    left = [path for path in left if not path.startswith(("/run/hc-", "/etc/ssh/sshd_config.d"))]
    equal(left, [])
    for path in ("/etc/pam.d", "/var/lib/pam", "/etc/systemd"):
        done = run("grep", "-rl", "hospiconnect", path, ok=False)
        equal(done.stdout, "", path)


CASES = [an_older_version_is_installed_and_used, the_upgrade_keeps_everything, the_module_needs_libpam_and_libc_alone,
         every_unit_is_understood, everything_starts_and_doctor_says_what_is_left, the_gateway_answers_on_the_loopback_alone,
         the_gateway_binds_a_low_port_and_keeps_no_capability, an_application_signs_people_in,
         before_a_profile_is_selected_nothing_has_changed, the_code_profile_asks_behind_the_password,
         root_at_the_console_needs_nothing_of_ours, both_profiles_take_a_key_or_password_and_code,
         the_account_is_asked_before_others_end_the_stack, the_key_profile_alone_is_no_second_factor_and_doctor_says_so,
         faillock_counts_passwords_beside_us, the_examples_hold_for_one_service_each,
         without_the_module_the_stacks_are_as_before, removal_keeps_the_stores, purging_leaves_nothing]


def main():
    names = [case.__name__ for case in CASES]
    last = max((names.index(name) for name in sys.argv[1:]), default=len(CASES) - 1)
    machine, failed = Machine(), 0
    for case in CASES[:last + 1]:
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


if __name__ == "__main__":
    sys.exit(main())
