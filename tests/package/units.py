# SPDX-License-Identifier: Apache-2.0
"""Starts services and sockets by their unit files where no systemd runs: what a unit says of user, capabilities,
directories, limits and sockets holds, and so does its sandbox (sandbox.py) but for what only control groups give.

    units = Units("/var/log/hc-units")
    units.start("hospiconnect-gateway.service")   # with what it Wants, as far as that is a socket
    units.pid("hospiconnect-gateway.service")
    units.stop("hospiconnect-gateway.service")
    units.end()

A key of [Service] or [Socket] that is neither obeyed nor known to be left out ends the test: a unit that grows is
looked at.
"""
import os
import pwd
import signal
import socket
import subprocess
import threading

import sandbox

FOLDER = "/lib/systemd/system"
OBEYED = {"Type", "ExecStart", "ExecReload", "User", "Group", "UMask", "LimitNOFILE", "LimitCORE", "RuntimeDirectory",
          "RuntimeDirectoryMode", "RuntimeDirectoryPreserve", "StateDirectory", "StateDirectoryMode", "NoNewPrivileges",
          "CapabilityBoundingSet", "AmbientCapabilities", "ListenSequentialPacket", "Accept", "SocketUser", "SocketMode",
          "DirectoryMode", "RemoveOnStop"}
# What a service manager does over time, what control groups do, and what another key does here already.
LEFT_OUT = {"Restart", "RestartSec", "WatchdogSec", "TimeoutStopSec", "TimeoutStartSec", "RuntimeMaxSec", "KillMode", "NotifyAccess",
            "OOMScoreAdjust", "Nice", "IOSchedulingClass", "TasksMax", "MemoryMax", "MemoryHigh", "MemorySwapMax", "MemoryZSwapMax",
            "Slice", "Delegate", "IPAddressDeny", "IPAddressAllow", "SocketBindDeny", "SocketBindAllow", "LimitMEMLOCK", "LimitNPROC",
            "LimitAS", "CoredumpFilter", "RemoveIPC", "KeyringMode", "ProtectClock", "ProtectKernelLogs", "ProtectKernelModules",
            "MaxConnections", "TriggerLimitIntervalSec", "Backlog", "FileDescriptorName"}


class UnitFailed(AssertionError):
    """A unit did not start or end as it must."""


def read(name):
    """{key: [value, …]} of all sections; an empty value begins the list anew."""
    found = {}
    template = name.split("@")[0] + "@." + name.rsplit(".", 1)[1] if "@" in name else name
    with open(f"{FOLDER}/{template}", encoding="utf-8") as file:
        text = file.read().replace("\\\n", " ")
    section = None
    for line in text.splitlines():
        line = line.strip()
        if not line or line[0] in "#;":
            continue
        if line[0] == "[":
            section = line.strip("[]")
            continue
        key, value = (part.strip() for part in line.split("=", 1))
        if section in ("Service", "Socket") and key not in OBEYED | LEFT_OUT | sandbox.MOUNTS | sandbox.CALLS:
            raise UnitFailed(f"{name}: {key}= is new: let units.py obey it, or say that it is left out")
        found[key] = [] if value == "" else found.get(key, []) + [value]
    return found


class Service:
    """One process of a service."""

    def __init__(self, name, log, given=None):
        self.unit = read(name)
        self.name = name
        self.user = pwd.getpwnam(self.one("User", "root"))
        self._directories()
        self.notify = None
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
        passed = []
        script = f"umask {self.one('UMask', '0022')}; ulimit -c 0; "
        if self.one("LimitNOFILE"):
            script += f"ulimit -n {self.one('LimitNOFILE')}; "
        if given is not None:
            passed = [given.fileno()]
            environment["LISTEN_FDS"] = "1"
            script += f"exec 3<&{given.fileno()}; "
            if given.fileno() != 3:
                script += f"exec {given.fileno()}<&-; "
        if self.one("Type") == "notify":
            self._listen(environment)
        script += 'export LISTEN_PID=$$; exec "$@"'
        self.process = subprocess.Popen(["bash", "-c", script, "unit", *self._command()],
                                        env=environment, pass_fds=passed, cwd="/", stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                        start_new_session=True)

    def one(self, key, default=None):
        return (self.unit.get(key) or [default])[-1]

    def _command(self):
        """In the order of systemd: what it hides, whom it becomes, what may be called."""
        hidden = sandbox.prefix(self.unit, (self.user.pw_uid, self.user.pw_gid))
        return [*hidden, *self._privileges(), *sandbox.filters(self.unit), *self.one("ExecStart").split()]

    def _directories(self):
        group = self.user.pw_gid
        for key, base, mode in (("RuntimeDirectory", "/run", "0755"), ("StateDirectory", "/var/lib", "0755")):
            for folder in " ".join(self.unit.get(key, [])).split():
                os.makedirs(f"{base}/{folder}", exist_ok=True)
                os.chown(f"{base}/{folder}", self.user.pw_uid, group)
                os.chmod(f"{base}/{folder}", int(self.one(key + "Mode", mode), 8))

    def _listen(self, environment):
        path = f"/run/hc-notify-{self.name}"
        if os.path.exists(path):
            os.unlink(path)
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(path)
        os.chmod(path, 0o666)
        environment["NOTIFY_SOCKET"] = path

    def _privileges(self):
        """What systemd does before it starts the program, by setpriv(1)."""
        command = ["setpriv"]
        if "User" in self.unit:
            command += [f"--reuid={self.user.pw_uid}", f"--regid={self.user.pw_gid}", "--init-groups"]
        if "CapabilityBoundingSet" in self.unit:
            kept = self._capabilities("CapabilityBoundingSet")
            command += ["--bounding-set=" + ",".join(["-all", *("+" + name for name in kept)])]
        ambient = self._capabilities("AmbientCapabilities")
        command += ["--inh-caps=" + ",".join(["-all", *("+" + name for name in ambient)])]
        if ambient:
            command += ["--ambient-caps=" + ",".join("+" + name for name in ambient)]
        if self.one("NoNewPrivileges") == "yes":
            command += ["--no-new-privs"]
        return command

    def _capabilities(self, key):
        return [name.lower().removeprefix("cap_") for name in " ".join(self.unit.get(key, [])).split()]

    def await_ready(self, seconds=20):
        if self.notify is None:
            return
        self.notify.settimeout(1)
        for _ in range(seconds):
            try:
                if b"READY=1" in self.notify.recv(4096).split(b"\n"):
                    return
            except TimeoutError:
                if self.process.poll() is not None:
                    break
        raise UnitFailed(f"{self.name} does not start (status {self.process.poll()})")

    def stop(self):
        """Its exit status; SIGKILL and a failure when it does not end by itself."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise UnitFailed(f"{self.name} does not end") from None
        finally:
            if self.notify:
                self.notify.close()


class Socket:
    """A listening socket, and the services that it starts."""

    def __init__(self, name, log):
        self.unit, self.name, self.log = read(name), name, log
        path = self.unit["ListenSequentialPacket"][-1]
        os.makedirs(os.path.dirname(path), mode=int(self.unit["DirectoryMode"][-1], 8), exist_ok=True)
        if os.path.exists(path):
            os.unlink(path)
        self.path = path
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(path)
        os.chmod(path, int(self.unit["SocketMode"][-1], 8))
        owner = pwd.getpwnam(self.unit["SocketUser"][-1])
        os.chown(path, owner.pw_uid, 0)
        self.listener.listen(128)
        self.listener.settimeout(0.2)
        self.ended = False
        self.services = []
        self.count = 0
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        each = self.unit["Accept"][-1] == "yes"
        base = self.name.removesuffix(".socket")
        while not self.ended:
            try:
                if each:
                    connection, _ = self.listener.accept()
                    self.count += 1
                    with connection:
                        self.services.append(Service(f"{base}@{self.count}.service", self.log, connection))
                else:
                    self._on_demand(base)
            except TimeoutError:
                pass
            self.services = [service for service in self.services if service.process.poll() is None]

    def _on_demand(self, base):
        """The service gets the listening socket itself once somebody is there."""
        import select  # pylint: disable=import-outside-toplevel
        if any(service.process.poll() is None for service in self.services):
            select.select([], [], [], 0.05)
        elif select.select([self.listener], [], [], 0.2)[0]:
            self.count += 1
            self.services.append(Service(base + ".service", self.log, self.listener))

    def stop(self):
        self.ended = True
        self.thread.join(5)
        self.listener.close()
        for service in self.services:
            service.stop()
        if self.unit.get("RemoveOnStop", ["no"])[-1] == "yes" and os.path.exists(self.path):
            os.unlink(self.path)


class Units:
    def __init__(self, folder):
        os.makedirs(folder, exist_ok=True)
        self.folder, self.running = folder, {}

    def start(self, name):
        if name in self.running:
            return
        unit = read(name)
        for other in " ".join(unit.get("Wants", []) + unit.get("Requires", [])).split():
            if other.endswith(".socket") and os.path.exists(f"{FOLDER}/{other}") and other.startswith("hc-"):
                self.start(other)
        for path in unit.get("ConditionPathExists", []):
            if not os.path.exists(path):
                raise UnitFailed(f"{name} is not started: no {path}")
        # pylint: disable=consider-using-with
        log = open(f"{self.folder}/{name}.log", "ab")
        if name.endswith(".socket"):
            self.running[name] = Socket(name, log)
        else:
            self.running[name] = Service(name, log)
            self.running[name].await_ready()

    def pid(self, name):
        return self.running[name].process.pid

    def stop(self, name):
        status = self.running.pop(name).stop()
        if status not in (None, 0, -signal.SIGTERM):
            raise UnitFailed(f"{name} ended with {status}")

    def restart(self, name):
        self.stop(name)
        self.start(name)

    def end(self):
        for name in reversed(list(self.running)):
            self.stop(name)

    def logs(self):
        for name in sorted(os.listdir(self.folder)):
            with open(f"{self.folder}/{name}", encoding="utf-8", errors="replace") as file:
                yield name, file.read()
