# SPDX-License-Identifier: Apache-2.0
"""Cases of packages coming and going: from an older version to the purge."""
import glob
import hashlib
import json
import os
import re
import shutil

from machine import CERTIFICATE, DAEMONS, PASSWORD, apt, check, edit, equal, files, packages, read, run, wait_for, write
from pages import GATEWAY, REDIRECT, Browser, application, curl, gateway_is_ready
from pamhost import AUTHINFO_UNAVAIL
from units import FOLDER


OURS = ("hospiconnect-authd", "hospictl", "libpam-hospiconnect", "hospiconnect-gateway", "hospiconnect-crl", "hospiconnect-doc")
STORES = ("/var/lib/hospiconnect", "/var/lib/hospiconnect-gateway")


def facts():
    """What an upgrade or a reinstallation must not change, and the schemas, which it may."""
    seals = [hashlib.sha256(open(folder + "/seal.key", "rb").read()).hexdigest() for folder in STORES]
    rows = json.loads(run("hospictl", "--json", "credential", "list", "martin").stdout)
    clients = json.loads(run("hospictl", "--json", "client", "list").stdout)
    keys = json.loads(curl(GATEWAY + "/.well-known/openid-configuration").stdout)["jwks_uri"]
    keys = {key["kid"] for key in json.loads(curl(keys).stdout)["keys"]}
    run("hospictl", "audit", "verify")
    return seals, {(row["type"], row["id"]) for row in rows}, {row["client_id"] for row in clients}, keys, read(CERTIFICATE)


def schemas():
    """Of both stores, each of which its daemon has for itself while it runs."""
    found = []
    run("systemctl", "stop", "hospiconnect-gateway", "hospiconnect-authd")
    for folder in STORES:
        path = glob.glob(folder + "/*.db")[0]
        found.append(int(run("sqlite3", path, "pragma user_version").stdout))
    run("systemctl", "start", "hospiconnect-authd", "hospiconnect-gateway")
    wait_for(gateway_is_ready)
    return found


def configure_old_gateway():
    """By hand: the installation did neither this nor enabled it then."""
    os.makedirs(os.path.dirname(CERTIFICATE), exist_ok=True)
    key = CERTIFICATE.replace("certificate", "key")
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=localhost",
        "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", CERTIFICATE)
    shutil.chown(key, "root", "hospiconnect-gateway")
    os.chmod(key, 0o640)
    write("/etc/hospiconnect/gateway.conf", f"[gateway]\nissuer = {GATEWAY}\nlisten = 127.0.0.1:8443\ntls_certificate = {CERTIFICATE}\n"
          f"tls_key = {key}\n")


def an_older_version_is_installed_and_used(machine):
    machine.before = files()
    apt("install", *packages("old", *OURS[:4]))
    configure_old_gateway()
    machine.account("martin")
    run("hospictl", "user", "add", "martin", "--given-name", "Alice", "--family-name", "Martin")
    machine.enroll("martin")
    machine.papers("martin")
    edit("/etc/hospiconnect/authd.conf", (r"^#language = fr", "language = en"), (r"^#role = standalone", "role = authority"))
    run("systemctl", "restart", "hospiconnect-authd")
    run("systemctl", "enable", "--now", "hc-password.socket", "hospiconnect-gateway.service")
    wait_for(gateway_is_ready)
    machine.app = application(REDIRECT, "Of old")
    browser = Browser()
    browser.open(machine.app("begin").strip())
    browser.send(username="martin", password=PASSWORD)
    browser.send(code=machine.code("martin"))
    check(browser.is_back, browser.page)
    machine.app("finish", browser.location)
    machine.old = facts(), schemas()


def an_upgrade_while_somebody_signs_in(machine):
    """The question is open at the old broker: who answers it to the new one is not let in, and can sign in anew."""
    write("/etc/pam.d/hc-upgrade", "auth requisite pam_unix.so\n"
          "auth required pam_hospiconnect.so mode=second-factor methods=totp,recovery\naccount required pam_unix.so\n")
    code = machine.code("martin")

    def upgrade():
        machine.manager.told.clear()
        apt("install", *packages("new", *OURS))
        return code

    outcome = machine.host("hc-upgrade", "martin", PASSWORD, upgrade)
    check(not outcome.entered, "let in by an answer to a broker that is gone", outcome)
    equal(outcome.auth, AUTHINFO_UNAVAIL, outcome)
    told = {name for verb, *names in machine.manager.told if verb in ("restart", "start") for name in names}
    check(told >= set(DAEMONS), "not restarted by the scripts of the packages:", set(DAEMONS) - told, machine.manager.told)
    for name in DAEMONS[-2:]:
        check(not os.readlink(f"/proc/{machine.units.pid(name)}/exe").endswith(" (deleted)"), "the old program still runs:", name)
    outcome = machine.host("hc-upgrade", "martin", PASSWORD, code)
    check(outcome.entered, "the code was never judged, and does not count:", outcome)
    check(not machine.host("hc-upgrade", "martin", PASSWORD, code).entered)
    os.unlink("/etc/pam.d/hc-upgrade")


def the_upgrade_keeps_everything(machine):
    check("language = en" in read("/etc/hospiconnect/authd.conf"), "the administrator's setting is gone")
    wait_for(gateway_is_ready)
    before, old = machine.old
    equal(facts(), before)
    new = schemas()
    print(f"    schemas {old} → {new}")
    check(new[0] > old[0] or os.environ.get("HC_SAME_SCHEMA"), old, new)
    check(new[1] >= old[1], old, new)
    machine.app("refresh")
    check("martin" in run("hospictl", "audit", "list", "--user", "martin").stdout)
    edit("/etc/hospiconnect/authd.conf", (r"^role = authority", "#role = standalone"))  # what comes is as after an installation
    run("systemctl", "restart", "hospiconnect-authd")


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


def without_the_module_the_stacks_are_as_before(machine):
    machine.profiles("hospiconnect", "hospiconnect-otp")
    apt("remove", "libpam-hospiconnect")
    for file in glob.glob("/etc/pam.d/common-*"):
        check("hospiconnect" not in read(file), file)
    check(machine.host("login", "martin", PASSWORD).entered)


def removal_keeps_the_stores(machine):
    machine.put_devices_away()
    done = apt("remove", *OURS)
    check("audit trail" in done.stdout + done.stderr, done.stdout)
    equal(list(machine.units.running), [], "still runs")
    for path in (*(folder + "/seal.key" for folder in STORES), "/etc/hospiconnect/gateway.conf", "/etc/hospiconnect/authd.conf",
                 CERTIFICATE):
        check(os.path.exists(path), path)
    check(not os.path.exists("/usr/sbin/hospiconnect-authd"))


def what_was_removed_comes_back_with_its_stores(machine):
    apt("install", *packages("new", *OURS))
    wait_for(gateway_is_ready)
    (seals, credentials, clients, keys, certificate), _ = machine.old
    now = facts()
    equal((now[0], now[3], now[4]), (seals, keys, certificate))
    check(now[1] >= {row for row in credentials if row[0] == "totp"} and now[2] >= clients, now)
    app = application(REDIRECT, "Once more")
    browser = Browser()
    browser.open(app("begin").strip())
    browser.send(username="martin", password=PASSWORD)
    browser.send(code=machine.paper())
    check(browser.is_back, browser.page)
    for unit in DAEMONS:  # with the next start of the machine too
        equal(run("systemctl", "is-enabled", unit).stdout.strip(), "enabled", unit)


def purging_leaves_nothing(machine, *orders):
    """orders: what is purged after what; else all at once, as apt orders it."""
    for names in orders or (OURS,):
        done = apt("purge", *names)
        said = [line for line in (done.stdout + done.stderr).splitlines() if "not empty" in line and "hospiconnect'" in line]
        equal(said, [], names)
    equal(list(machine.units.running), [], "still runs")
    left = sorted(path for path in files() - machine.before if "hospiconnect" in path or "hc-" in os.path.basename(path))
    left = [path for path in left if not path.startswith(("/run/hc-", "/usr/lib/hc-systemctl", "/etc/ssh/sshd_config.d"))]
    equal(left, [])
    for path in ("/etc/pam.d", "/var/lib/pam", "/etc/systemd"):
        done = run("grep", "-rl", "hospiconnect", path, ok=False)
        equal(done.stdout, "", path)


def purging_in_the_other_order_leaves_nothing(machine):
    """apt purges the broker before the gateway, whose files lie beside its own."""
    apt("remove", "hospiconnect-gateway")
    purging_leaves_nothing(machine, ["hospiconnect-gateway"], OURS[:3])
