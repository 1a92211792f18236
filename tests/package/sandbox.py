# SPDX-License-Identifier: Apache-2.0
"""The sandbox of a unit where no systemd runs, by the namespaces and filters that systemd makes of it.

    command = sandbox.prefix(unit, account)         # before the privileges are given up: mounts, network, devices, users
    command += privileges + sandbox.filters(unit)   # after that: system calls
    command += program                              # all of them exec: the process stays the same

What is re-enacted stands in MOUNTS and CALLS; units.py takes every key of [Service] that it does not obey elsewhere from
there. Limits that only control groups give (memory, tasks, addresses) are not. As a program: the two steps themselves.
"""
import ctypes
import fcntl
import functools
import json
import os
import socket
import stat
import struct
import subprocess
import sys

MOUNTS = {"ProtectSystem", "ProtectHome", "ProtectProc", "ProcSubset", "ProtectKernelTunables", "ProtectControlGroups",
          "PrivateDevices", "PrivateTmp", "PrivateMounts", "PrivateNetwork", "PrivateUsers", "ProtectHostname", "ReadWritePaths",
          "RuntimeDirectory", "StateDirectory", "TemporaryFileSystem", "BindPaths", "InaccessiblePaths", "DevicePolicy", "DeviceAllow"}
CALLS = {"RestrictAddressFamilies", "MemoryDenyWriteExecute", "RestrictNamespaces", "RestrictRealtime", "RestrictSUIDSGID",
         "LockPersonality", "SystemCallFilter", "SystemCallErrorNumber", "SystemCallArchitectures"}

PSEUDO_DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "ptmx", "fd", "stdin", "stdout", "stderr", "pts", "shm", "log", "mqueue")
MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 1, 2, 4, 8, 4096, 16384, 1 << 18
NEWNS, NEWUTS, NEWUSER, NEWNET = 0x20000, 0x4000000, 0x10000000, 0x40000000
AT_FDCWD, AT_RECURSIVE, ATTR_RDONLY = -100, 0x8000, 1
ROOM = "/tmp"  # of this namespace alone, once it is mounted
libc = ctypes.CDLL(None, use_errno=True)


def words(unit, key):
    return " ".join(unit.get(key, [])).split()


def said(unit, key):
    return (unit.get(key) or ["no"])[-1] in ("yes", "strict")


def prefix(unit, account):
    """ACCOUNT: uid and gid of the unit's user."""
    if not MOUNTS & set(unit):
        return []
    given = {key: unit[key] for key in MOUNTS if key in unit}
    return ["/usr/bin/python3", "-IS", os.path.abspath(__file__), "mounts", json.dumps({**given, "account": account})]


def filters(unit):
    if not CALLS & set(unit):
        return []
    given = {key: unit[key] for key in CALLS if key in unit}
    if "SystemCallFilter" in given:
        given["calls"] = system_calls(given["SystemCallFilter"])
    return ["/usr/bin/python3", "-IS", os.path.abspath(__file__), "calls", json.dumps(given)]


# ---- mounts


def tried(result, *what):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), *map(str, what))


def mount(source, target, kind=None, flags=0, data=None):
    coded = [None if text is None else text.encode() for text in (source, target, kind, data)]
    tried(libc.mount(coded[0], coded[1], coded[2], ctypes.c_ulong(flags), coded[3]), source, target)


def read_only(path, yes):
    attributes = struct.pack("<QQQQ", ATTR_RDONLY if yes else 0, 0 if yes else ATTR_RDONLY, 0, 0)
    tried(libc.mount_setattr(AT_FDCWD, path.encode(), AT_RECURSIVE, attributes, len(attributes)), path)


def real_paths(unit, key):
    """Those that are there; one that is marked with "-" may be missing, another one ends the start as it does with systemd."""
    for word in words(unit, key):
        path = word.split(":")[0].lstrip("-+")
        if os.path.exists(path):
            yield os.path.realpath(path)
        elif not word.startswith("-"):
            raise FileNotFoundError(f"{key}={word}: status 226/NAMESPACE")


def cover(path):
    """Nothing is seen there, whoever looks."""
    if stat.S_ISDIR(os.stat(path).st_mode):
        mount("none", path, "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV, "mode=000,size=4k")
        return
    nothing = f"{ROOM}/.nothing"
    if not os.path.exists(nothing):
        os.close(os.open(nothing, os.O_CREAT | os.O_WRONLY, 0))
    mount(nothing, path, flags=MS_BIND)


def private_devices():
    """The old ones that are no hardware, in a /dev of its own."""
    new = f"{ROOM}/.dev"
    os.mkdir(new)
    mount("dev", new, "tmpfs", MS_NOSUID, "mode=755")
    for name in PSEUDO_DEVICES:
        old = f"/dev/{name}"
        if os.path.islink(old):
            os.symlink(os.readlink(old), f"{new}/{name}")
        elif os.path.isdir(old):
            os.mkdir(f"{new}/{name}")
            mount(old, f"{new}/{name}", flags=MS_BIND | MS_REC)
        elif os.path.exists(old):
            os.close(os.open(f"{new}/{name}", os.O_CREAT | os.O_WRONLY, 0))
            mount(old, f"{new}/{name}", flags=MS_BIND)
    mount(new, "/dev", flags=MS_BIND | MS_REC)


def closed_devices(unit):
    """No control group says no here: what is not allowed is covered. A device that comes later is not."""
    allowed = {word.removeprefix("char-") for word in words(unit, "DeviceAllow")}
    for path in [f"{folder}/{name}" for folder, _, names in os.walk("/dev") for name in names]:
        name = path.removeprefix("/dev/")
        if name.split("/")[0] in PSEUDO_DEVICES:
            continue
        mode = os.lstat(path).st_mode
        if (stat.S_ISCHR(mode) or stat.S_ISBLK(mode)) and not any(name.startswith(kind) for kind in allowed):
            cover(path)


def lower_proc(unit):
    options = [text for key, value, text in (("ProtectProc", "invisible", "hidepid=invisible"), ("ProcSubset", "pid", "subset=pid"))
               if unit.get(key, [""])[-1] == value]
    if options:
        mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, ",".join(options))


def hide(unit):
    """/tmp first: it is the room in which the rest is made."""
    if not said(unit, "PrivateTmp"):
        raise ValueError("no unit of ours is without PrivateTmp")
    sources = [(os.open(path, os.O_PATH), path) for path in real_paths(unit, "BindPaths")]
    for path in ("/tmp", "/var/tmp") if said(unit, "PrivateTmp") else ():
        mount("tmp", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777")
    for path in ("/home", "/root", "/run/user") if said(unit, "ProtectHome") else ():
        if os.path.isdir(path):
            cover(path)
    empty = list(real_paths(unit, "TemporaryFileSystem"))
    for path in empty:
        mount("none", path, "tmpfs", MS_NOSUID | MS_NODEV, "mode=755")
    for fd, path in sources:
        os.makedirs(path, exist_ok=True)
        mount(f"/proc/self/fd/{fd}", path, flags=MS_BIND | MS_REC)
        os.close(fd)
    for path in list(real_paths(unit, "InaccessiblePaths")):
        cover(path)
    if said(unit, "PrivateDevices"):
        private_devices()
    elif unit.get("DevicePolicy", [""])[-1] == "closed":
        closed_devices(unit)
    return empty, [path for _, path in sources]


def mounts(unit):
    mount(None, "/", flags=MS_REC | MS_PRIVATE)
    writable = list(real_paths(unit, "ReadWritePaths"))
    writable += [f"/run/{name}" for name in words(unit, "RuntimeDirectory")] + [f"/var/lib/{name}" for name in words(unit, "StateDirectory")]
    for path in writable:
        mount(path, path, flags=MS_BIND | MS_REC)
    empty, bound = hide(unit)
    lower_proc(unit)
    if unit.get("ProtectSystem", [""])[-1] == "strict":
        read_only("/", True)
        private = ["/tmp", "/var/tmp"] if said(unit, "PrivateTmp") else []
        for path in writable + bound + private + ["/dev", "/proc"]:
            read_only(path, False)
    if said(unit, "ProtectKernelTunables") and os.path.isdir("/proc/sys"):
        mount("/proc/sys", "/proc/sys", flags=MS_BIND | MS_REC)
        read_only("/proc/sys", True)
    return empty


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        fcntl.ioctl(probe, 0x8914, struct.pack("16sh14x", b"lo", 1))  # SIOCSIFFLAGS, IFF_UP


def private_users(account):
    """root and the unit's own user are seen, and nobody else; somebody outside has to write that down. The kernel makes no
    users for a process below a chroot, and there they are left out."""
    pid, (ready, go) = os.getpid(), os.pipe()
    child = os.fork()
    if child == 0:
        os.close(go)
        if os.read(ready, 1):
            for name, number in (("uid_map", account[0]), ("gid_map", account[1])):
                with open(f"/proc/{pid}/{name}", "w", encoding="ascii") as file:
                    file.write("0 0 1\n" + (f"{number} {number} 1\n" if number else ""))
        os._exit(0)
    os.close(ready)
    made = libc.unshare(NEWUSER) == 0 or ctypes.get_errno()
    if made is True:
        os.write(go, b"x")
    os.close(go)
    if os.waitpid(child, 0)[1] or made not in (True, EPERM):
        raise OSError("users cannot be made")


# ---- system calls


def system_calls(values):
    """[allow list?, names]: as systemd reads them, the first value says of which kind the list is."""
    allow, names = not values[0].startswith("~"), set()
    if allow:
        names |= members("@default")
    for value in values:
        removes = value.startswith("~") == allow
        for word in value.lstrip("~").split():
            found = members(word)
            names = names - found if removes else names | found
    return [allow, sorted(names)]


@functools.lru_cache
def groups():
    """{"@group": [name or group, …]} of the systemd that is installed."""
    found, group = {}, None
    for line in subprocess.run(["systemd-analyze", "--no-pager", "syscall-filter"], capture_output=True, text=True, check=True,
                               timeout=20).stdout.splitlines():
        if line.startswith("@"):
            group = found.setdefault(line.strip(), [])
        elif group is not None and line.startswith(" ") and not line.strip().startswith("#"):
            group.append(line.strip())
    return found


def members(word):
    return set().union(*map(members, groups()[word])) if word.startswith("@") else {word}


class Compare(ctypes.Structure):
    """One argument of a call, as libseccomp has it."""
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


NOT, EQUAL, MASKED, ABOVE = 1, 4, 7, 6
ALLOW = 0x7fff0000
EPERM, ENOSYS, EAFNOSUPPORT = 1, 38, 97


class Filter:
    """One filter; what a rule names is treated as it says, everything else by default."""

    def __init__(self, default):
        self.lib = ctypes.CDLL("libseccomp.so.2")
        self.lib.seccomp_init.restype = ctypes.c_void_p
        self.context = ctypes.c_void_p(self.lib.seccomp_init(ctypes.c_uint32(default)))

    def rule(self, action, call, *compares):
        """False: no such call on this machine."""
        number = self.lib.seccomp_syscall_resolve_name(call.encode())
        if number < 0:
            return False
        array = (Compare * max(1, len(compares)))(*(Compare(*compare) for compare in compares))
        result = self.lib.seccomp_rule_add_array(self.context, ctypes.c_uint32(action), number, len(compares), array)
        if result < 0:
            raise OSError(-result, call)
        return True

    def load(self):
        result = self.lib.seccomp_load(self.context)
        if result < 0:
            raise OSError(-result, "the filter cannot be loaded")


def refuse(number):
    return 0x00050000 | number


def restrict(unit):
    found = Filter(ALLOW)
    if "RestrictAddressFamilies" in unit:
        allowed = {getattr(socket, name) for name in words(unit, "RestrictAddressFamilies")}
        for family in set(range(64)) - allowed:
            found.rule(refuse(EAFNOSUPPORT), "socket", (0, EQUAL, family, 0))
        found.rule(refuse(EAFNOSUPPORT), "socket", (0, ABOVE, 63, 0))
    if said(unit, "MemoryDenyWriteExecute"):
        found.rule(refuse(EPERM), "mmap", (2, MASKED, 6, 6))
        for call in ("mprotect", "pkey_mprotect"):
            found.rule(refuse(EPERM), call, (2, MASKED, 4, 4))
        found.rule(refuse(EPERM), "shmat", (2, MASKED, 0o100000, 0o100000))
    if said(unit, "RestrictNamespaces"):
        found.rule(refuse(ENOSYS), "clone3")
        for call in ("unshare", "setns"):
            found.rule(refuse(EPERM), call)
        for flag in (NEWNS, NEWUTS, NEWUSER, NEWNET, 0x20000000, 0x8000000, 0x2000000):
            found.rule(refuse(EPERM), "clone", (0, MASKED, flag, flag))
    if said(unit, "RestrictRealtime"):
        for policy in (1, 2, 6):
            found.rule(refuse(EPERM), "sched_setscheduler", (1, EQUAL, policy, 0))
    if said(unit, "RestrictSUIDSGID"):
        for call, place in (("chmod", 1), ("fchmod", 1), ("fchmodat", 2), ("mkdir", 1), ("mkdirat", 2), ("mknod", 1), ("mknodat", 2)):
            for bit in (stat.S_ISUID, stat.S_ISGID):
                found.rule(refuse(EPERM), call, (place, MASKED, bit, bit))
    if said(unit, "LockPersonality"):
        found.rule(refuse(EPERM), "personality", (0, NOT, 0xffffffff, 0))
    found.load()


def filter_calls(unit):
    allow, names = unit["calls"]
    found = Filter(refuse(EPERM) if allow else ALLOW)
    known = [found.rule(ALLOW if allow else refuse(EPERM), name) for name in names]
    if sum(known) < (150 if allow else 1):
        raise ValueError("too few system calls are known")
    found.load()


# ---- the two steps


def main():
    step, given, command = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3:]
    if step == "mounts":
        wanted = NEWNS | (NEWNET if said(given, "PrivateNetwork") else 0) | (NEWUTS if said(given, "ProtectHostname") else 0)
        tried(libc.unshare(wanted), "namespaces")
        if said(given, "PrivateNetwork"):
            loopback_up()
        mounts(given)
        if said(given, "PrivateUsers"):
            private_users(given["account"])
        os.chdir("/")
    else:
        restrict(given)
        if "calls" in given:
            filter_calls(given)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
