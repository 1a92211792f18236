# SPDX-License-Identifier: Apache-2.0
"""systemctl(1) on a machine where no systemd runs: what a person or the script of a package tells it about our units is done
by units.py; about other units it is noted, and taken for done.

    manager = Manager(units)
    manager.begin()            # from now on, for every program
    run("systemctl", "restart", "hospiconnect-authd")
    manager.told               # [["restart", "hospiconnect-authd.service"], ...]
    manager.others["ssh.service"] = restart_sshd   # called for start, restart and reload of another unit

What is enabled is asked of the true systemctl, which reads the links below /etc/systemd.
"""
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import traceback

SOCKET, TRUE = "/run/hc-systemctl", "/usr/lib/hc-systemctl"
ENDINGS = (".service", ".socket", ".timer", ".target", ".path", ".mount", ".slice")
STUB = f"""#!/usr/bin/python3
import json, socket, sys
with socket.socket(socket.AF_UNIX) as manager:
    manager.connect("{SOCKET}")
    manager.sendall(json.dumps(sys.argv[1:]).encode() + b"\\n")
    status, text = json.loads(manager.makefile().read())
(sys.stderr if status else sys.stdout).write(text)
sys.exit(status)
"""


class Manager:
    def __init__(self, units):
        self.units, self.told, self.others = units, [], {}

    def begin(self):
        if os.path.exists(TRUE):
            return
        shutil.copy2("/usr/bin/systemctl", TRUE)
        os.makedirs("/run/systemd/system", exist_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(SOCKET)
        listener.listen(8)
        threading.Thread(target=self._serve, args=(listener,), daemon=True).start()
        for path, text in (("/usr/bin/systemctl", STUB), ("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 0\n")):
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)

    def _serve(self, listener):
        while True:
            connection, _ = listener.accept()
            with connection:
                try:
                    answer = self._obey(json.loads(connection.makefile().readline()))
                except Exception:  # pylint: disable=broad-except
                    answer = 1, traceback.format_exc()
                if answer[0] == 1:  # the scripts of packages go on
                    with open(self.units.folder + "/systemctl.log", "a", encoding="utf-8") as log:
                        log.write(answer[1])
                connection.sendall(json.dumps(answer).encode())

    def _obey(self, words):
        options = [word for word in words if word.startswith("-")]
        verb, *names = [word for word in words if not word.startswith("-")] or ["list-units"]
        names = [name if name.endswith(ENDINGS) else name + ".service" for name in names]
        if verb in ("is-active", "status"):
            active = [name in self.units.running for name in names]
            return 0 if all(active) else 3, "".join(f"{name} {'' if on else 'in'}active\n" for name, on in zip(names, active))
        if verb in ("is-enabled", "enable", "disable", "preset", "cat", "mask", "unmask"):
            done = subprocess.run([TRUE, "--root=/", verb, *names], capture_output=True, text=True, check=False)
            if verb == "enable" and "--now" in options:
                self._each("start", names)
            if verb == "disable" and "--now" in options:
                self._each("stop", names)
            return done.returncode, done.stdout + done.stderr
        if verb in ("start", "stop", "restart", "reload", "try-restart", "reload-or-restart", "try-reload-or-restart"):
            self._each(verb, names)
        return 0, ""

    def _each(self, verb, names):
        self.told.append([verb, *names])
        for name in names:
            if not name.startswith(("hc-", "hospiconnect-")) or name.endswith(".timer"):
                if name in self.others and verb != "stop":
                    self.others[name]()
                continue
            runs = name in self.units.running
            if verb.startswith("try-") and not runs:
                continue
            if verb == "reload":
                os.kill(self.units.pid(name), signal.SIGHUP)
                continue
            if runs and verb != "start":
                self.units.stop(name)
            if verb != "stop":
                self.units.start(name)
