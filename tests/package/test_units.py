#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: the daemons of a build, installed on a copy of this machine, do their work inside of what their units leave open.
 * broker, gateway, the helpers' sockets and the fetcher of lists start in their sandboxes, and serve
 * what a unit hides is hidden from the process; privileges and network are gone
Argument: the build directory. Needs root and namespaces; the copy is in memory, and gone with the test.
"""
import json
import os
import pwd
import socket
import subprocess
import sys
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
MACHINE = """
at=/mnt
mount -t tmpfs -o mode=755 none "$at"
mkdir "$at/upper" "$at/work" "$at/root"
mount -t overlay -o "lowerdir=/,upperdir=$at/upper,workdir=$at/work" copy "$at/root" || exit 77
root=$at/root
DESTDIR=$root cmake --install "$2" >/dev/null
mkdir -p "$root/mnt/test"
cp "$1"/*.py "$root/mnt/test/"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs -o mode=755 run "$root/run"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"
rm -rf "$root/etc/hospiconnect" "$root/var/lib/hospiconnect" "$root/var/lib/hospiconnect-gateway"
ip link set lo up
exec chroot "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 HC_UNITS_INSIDE=1 \
	/usr/bin/python3 -B /mnt/test/test_units.py
"""
CASES = []


def case(function):
    CASES.append(function)
    return function


def check(good, *details):
    if not good:
        raise AssertionError(" ".join(str(part) for part in details) or "not so")


def run(*command, ok=True, text=None):
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)
    check(not ok or done.returncode == 0, command, done.stdout, done.stderr)
    return done


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def prepare():
    """What the scripts of the packages do."""
    run("systemd-sysusers", *[f"/usr/local/lib/sysusers.d/{name}.conf" for name in ("hospiconnect", "hospiconnect-gateway")])
    run("systemd-tmpfiles", "--create", *[f"/usr/local/lib/tmpfiles.d/{name}.conf" for name in ("hospiconnect", "hospiconnect-gateway")])
    os.makedirs("/etc/hospiconnect/tls")
    write("/etc/hospiconnect/authd.conf", "[authd]\nrole = authority\n[fido2]\nrp_id = localhost\ninsert_timeout = 1s\n")
    write("/etc/hospiconnect/crl.conf", "[crl]\nurls = http://127.0.0.1:9/none.crl\n")
    write("/etc/hospiconnect/gateway.conf", "[gateway]\nissuer = https://localhost\nlisten = 127.0.0.1:443\n"
          "tls_certificate = /etc/hospiconnect/tls/certificate.pem\ntls_key = /etc/hospiconnect/tls/key.pem\n")
    for path in ("authd", "crl", "gateway"):
        os.chmod(f"/etc/hospiconnect/{path}.conf", 0o644)
    run("hospiconnect-gateway", "--make-certificate")


def status_of(pid):
    return dict(line.split(":\t", 1) for line in read(f"/proc/{pid}/status").splitlines() if ":\t" in line)


@case
def the_broker_serves(units):
    for name in ("hc-fido2.socket", "hc-pkcs11.socket", "hc-ocsp.socket", "hospiconnect-authd.service"):
        units.start(name)
    run("hospictl", "user", "add", "martin")
    run("hospictl", "--json", "enroll", "totp", "martin", "--no-confirm")
    run("hospictl", "audit", "verify")


@case
def a_key_is_asked_for_in_the_helpers_unit(units):
    said = run("hospictl", "--json", "enroll", "fido2", "martin", ok=False, text="264891\n").stderr
    check("HC-230" in said, "there is no key here, and that is all:", said)
    check(units.running["hc-fido2.socket"].count > 0, "the broker started the helper itself")


def helper_of(units, name, number):
    """The process that the unit starts for its connection of that number."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        for service in units.running[name + ".socket"].services:
            if service.name == f"{name}@{number}.service" and os.path.basename(os.readlink(f"/proc/{service.process.pid}/exe")) == name:
                return service.process.pid
        time.sleep(0.02)
    raise AssertionError(f"{name} does not start")


@case
def helpers_do_not_see_what_their_user_the_broker_has(units):
    check(os.path.exists("/var/lib/hospiconnect/seal.key"), "there is something to see")
    for name in ("hc-fido2", "hc-pkcs11", "hc-ocsp"):
        number = units.running[name + ".socket"].count + 1
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
            os.seteuid(pwd.getpwnam("hospiconnect").pw_uid)
            try:
                link.connect(f"/run/hospiconnect/{name[3:]}.sock")
            finally:
                os.seteuid(0)
            root = f"/proc/{helper_of(units, name, number)}/root"
            for path in ("/var/lib/hospiconnect", "/run/hospiconnect"):
                check(os.listdir(root + path) == [], name, "sees", path, os.listdir(root + path))


@case
def the_gateway_serves(units):
    units.start("hospiconnect-gateway.service")
    until = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen("http://127.0.0.1:9464/readyz", timeout=5) as answer:
                check(answer.status == 200, answer.status)
                return
        except OSError as error:
            check(time.monotonic() < until, error)
            time.sleep(0.1)


@case
def doctor_finds_nothing_wrong(_units):
    rows = json.loads(run("hospictl", "--json", "doctor", ok=False).stdout)
    # these two it looks for where packages have them; a build installs them elsewhere
    errors = [row for row in rows if row["result"] == "error" and row["check"] not in ("module", "fido2_helper")]
    check(not errors, errors)


@case
def what_is_hidden_is_hidden(units):
    mine = os.readlink("/proc/self/ns/net")
    for name, network in (("hospiconnect-authd.service", False), ("hospiconnect-gateway.service", True)):
        pid = units.pid(name)
        facts = status_of(pid)
        check(facts["Uid"].split()[1] != "0" and int(facts["CapEff"], 16) == 0 and facts["NoNewPrivs"] == "1", name, facts)
        check(facts["Seccomp"] == "2" and int(facts["Seccomp_filters"]) >= 2, name, "filters:", facts["Seccomp_filters"])
        check((os.readlink(f"/proc/{pid}/ns/net") == mine) == network, name, "network")
        root = f"/proc/{pid}/root"
        check(os.listdir(root + "/home") == [] and os.listdir(root + "/root") == [], name, "homes")
        check(not set(os.listdir(root + "/dev")) & {"kmsg", "mem", "fuse", "kvm"}, name, os.listdir(root + "/dev"))
        where = [line.split() for line in read(f"/proc/{pid}/mountinfo").splitlines()]
        check([line[5].split(",")[0] for line in where if line[4] == "/"] == ["ro"], name, where)
        writable = {line[4] for line in where if line[5].split(",")[0] == "rw" and line[4].startswith(("/var", "/run", "/etc"))}
        own = {"hospiconnect-authd.service": {"/run/hospiconnect", "/var/lib/hospiconnect"},
               "hospiconnect-gateway.service": {"/run/hospiconnect-gateway", "/var/lib/hospiconnect-gateway"}}[name]
        check(writable == own | {"/var/tmp"}, name, writable)


@case
def the_fetcher_of_lists_runs_in_its_sandbox(units):
    os.makedirs("/etc/hospiconnect/cps/trust")
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=authority", "-days", "2",
        "-keyout", "/tmp/key.pem", "-out", "/etc/hospiconnect/cps/trust/authority.pem")
    units.start("hospiconnect-crl.service")
    status = units.running["hospiconnect-crl.service"].process.wait(30)
    said = read("/run/units/hospiconnect-crl.service.log")
    check(status == 1 and "127.0.0.1:9" in said and "connect" in said, status, said)
    units.running.pop("hospiconnect-crl.service")


def inside():
    sys.path.insert(0, HERE)
    import units as runner  # pylint: disable=import-outside-toplevel
    runner.FOLDER = "/usr/local/lib/systemd/system"
    prepare()
    units, failed = runner.Units("/run/units"), 0
    try:
        for function in CASES:
            function(units)
            print("ok", function.__name__, flush=True)
        units.end()
    except Exception as error:  # pylint: disable=broad-except
        failed = 1
        print("FAILED", function.__name__, error)
        for name, text in units.logs():
            print(f"---- {name}\n{text[-3000:]}")
    return failed


def main():
    if os.environ.get("HC_UNITS_INSIDE"):
        return inside()
    namespaces = ["unshare", "--mount", "--propagation", "private", "--net", "--pid", "--fork", "--kill-child=KILL"]
    if os.geteuid() != 0 or subprocess.run([*namespaces, "true"], check=False, capture_output=True).returncode:
        print("needs root and namespaces")
        return 77
    return subprocess.run([*namespaces, "bash", "-euc", MACHINE, "bash", HERE, os.path.abspath(sys.argv[1])], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
