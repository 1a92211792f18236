#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: what stands in for systemd's sandbox in tests (sandbox.py) refuses what it says it refuses, and nothing else.
 * each key alone: the probe fails with it and succeeds without it
 * all keys of each of our units at once: a program starts, under its user, and sees itself
Argument: the folder of the units. Needs root and namespaces.
"""
import glob
import os
import subprocess
import sys

import sandbox

NOBODY = (65534, 65534)
ALWAYS = {"PrivateTmp": ["yes"]}
SETPRIV = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]
TRUE = "/bin/true"
# What a key is about, a probe that it must end (root's, where a user's would be refused anyway).
KEYS = [
    ({"ProtectSystem": ["strict"]}, "root", "touch /var/lib/hc-sandbox && rm /var/lib/hc-sandbox"),
    ({"ProtectHome": ["yes"]}, "user", "test -r /home/."),
    ({"ProtectProc": ["invisible"]}, "user", "test -d /proc/1"),
    ({"ProcSubset": ["pid"]}, "root", "test -e /proc/sys"),
    ({"PrivateTmp": ["yes"]}, "root", "test -e /tmp/hc-sandbox-outside"),
    ({"PrivateDevices": ["yes"]}, "root", "test -e /dev/hc-sandbox"),
    ({"DevicePolicy": ["closed"]}, "user", "head -c 1 /dev/hc-sandbox"),
    ({"PrivateNetwork": ["yes"]}, "root", f"test $(readlink /proc/self/ns/net) = {os.readlink('/proc/self/ns/net')}"),
    ({"PrivateUsers": ["yes"]}, "root", f"test $(readlink /proc/self/ns/user) = {os.readlink('/proc/self/ns/user')}"),
    ({"InaccessiblePaths": ["-/nowhere", "/var/cache"]}, "user", "ls /var/cache/"),
    ({"TemporaryFileSystem": ["/var/cache:ro"]}, "root", "ls /var/cache/* >/dev/null"),
    ({"RestrictAddressFamilies": ["AF_UNIX"]}, "user", "python3 -c 'import socket; socket.socket(socket.AF_INET)'"),
    ({"RestrictAddressFamilies": ["AF_UNIX"]}, "user", "python3 -c 'import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)'"),
    ({"MemoryDenyWriteExecute": ["yes"]}, "user", "python3 -c 'import mmap; mmap.mmap(-1, 4096, prot=7)'"),
    ({"RestrictNamespaces": ["yes"]}, "root", "unshare --uts true"),
    ({"RestrictRealtime": ["yes"]}, "root", "chrt --rr 1 true"),
    ({"RestrictSUIDSGID": ["yes"]}, "root", "touch /tmp/x && chmod u+s /tmp/x"),
    ({"LockPersonality": ["yes"]}, "user", "setarch --uname-2.6 true"),
    ({"SystemCallFilter": ["@system-service", "~@privileged"]}, "root", "chown 1 /tmp"),
    ({"SystemCallFilter": ["~@chown"]}, "root", "chown 1 /tmp"),
]

# The scripts and units go where nothing is hidden: a checkout may be below /home or /tmp.
MACHINE = """
mount -t tmpfs none /mnt
mkdir /mnt/units
cp "$1"/*sandbox.py /mnt/
cp "$2"/*.service /mnt/units/
mount -t tmpfs none /tmp
mount -t tmpfs none /home
mount -t tmpfs none /var/cache
mkdir -p /var/cache/some /tmp/dev/pts /tmp/dev/shm
>/var/cache/some/file
>/tmp/hc-sandbox-outside
cp -a /dev/null /dev/zero /dev/full /dev/random /dev/urandom /dev/tty /tmp/dev/
mount --bind /tmp/dev /dev
mknod -m 666 /dev/hc-sandbox c 1 5
cd /
HC_SANDBOX_INSIDE=1 exec /usr/bin/python3 -B /mnt/test_sandbox.py /mnt/units
"""

failed = []


def check(good, *details):
    if not good:
        failed.append(details)
        print("FAILED:", *details)


def run(unit, who, script, ok=None):
    command = sandbox.prefix(unit, NOBODY) + (SETPRIV if who == "user" else []) + sandbox.filters(unit)
    done = subprocess.run([*command, "bash", "-c", script], capture_output=True, text=True, timeout=30, check=False, stdin=subprocess.DEVNULL)
    return done.returncode, done.stderr


def each_key_refuses_its_probe():
    for row, (key, who, script) in enumerate(KEYS):
        status, said = run({}, who, script)
        check(status == 0, row, key, "is refused without it:", said)
        status, said = run({**ALWAYS, **key}, who, script)
        check(status != 0, row, key, "does not refuse:", script)
        check("sandbox.py" not in said, row, key, "cannot be made:", said)
        status, said = run({**ALWAYS, **key}, who, TRUE)
        check(status == 0, row, key, "lets nothing start:", said)


def what_is_opened_is_open():
    unit = {**ALWAYS, "ProtectSystem": ["strict"], "ReadWritePaths": ["-/nowhere", "/var/cache"]}
    check(run(unit, "root", "touch /var/cache/hc-sandbox && rm /var/cache/hc-sandbox")[0] == 0, "ReadWritePaths")
    check(run({**unit, "ReadWritePaths": ["/nowhere"]}, "root", TRUE)[0] != 0, "a path that must be there may be missing")
    unit = {**ALWAYS, "ProtectSystem": ["strict"], "TemporaryFileSystem": ["/var/lib:ro"], "BindPaths": ["/var/lib/dpkg"]}
    status, said = run(unit, "root", "test \"$(ls /var/lib)\" = dpkg && touch /var/lib/dpkg/hc-sandbox && rm /var/lib/dpkg/hc-sandbox")
    check(status == 0, "BindPaths", said)
    check(run(unit, "root", "touch /var/lib/x")[0] != 0, "an empty directory can be written")


def units_let_a_program_start(folder):
    names = glob.glob(folder + "/*.service")
    check(len(names) >= 7, "units:", names)
    for name in names:
        unit = {}
        with open(name, encoding="utf-8") as file:
            for line in file:
                key, _, value = line.strip().partition("=")
                if key in sandbox.MOUNTS | sandbox.CALLS:
                    unit.setdefault(key, []).append(value)
        # our directories are not on this machine
        for key in ("ReadWritePaths", "BindPaths", "TemporaryFileSystem", "RuntimeDirectory", "StateDirectory"):
            unit.pop(key, None)
        status, said = run(unit, "user", "id -u; test -r /proc/self/status")
        check(status == 0, os.path.basename(name), said)


def main():
    if os.geteuid() != 0 or subprocess.run(["unshare", "--mount", TRUE], check=False, capture_output=True).returncode:
        print("needs root and namespaces")
        return 77
    # a machine of its own: what the probes look for stands in it, and is nobody else's
    if os.environ.get("HC_SANDBOX_INSIDE") is None:
        return subprocess.run(["unshare", "--mount", "--propagation", "private", "bash", "-ec", MACHINE, "bash",
                               os.path.dirname(os.path.abspath(__file__)), os.path.abspath(sys.argv[1])], check=False).returncode
    each_key_refuses_its_probe()
    what_is_opened_is_open()
    units_let_a_program_start(sys.argv[1])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
