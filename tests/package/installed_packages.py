# SPDX-License-Identifier: Apache-2.0
"""Cases of packages coming and going: from an older version to the purge."""
import glob
import hashlib
import json
import os
import re
import shutil

from machine import CERTIFICATE, PASSWORD, apt, check, edit, equal, files, packages, read, run
from units import FOLDER


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
