# SPDX-License-Identifier: Apache-2.0
"""A system bus of the scenario's own, by the real dbus-daemon, and a stand-in for logind on it."""
import os
import queue
import subprocess
import threading
import time

import rig
from rig import check, equal

FOLDER = rig.WORK + "/bus"
ADDRESS = f"unix:path={FOLDER}/socket"
ENVIRONMENT = {"DBUS_SYSTEM_BUS_ADDRESS": ADDRESS}
CONFIG = f"""<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>{ADDRESS}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/><allow send_destination="*" eavesdrop="false"/><allow receive_sender="*"/><allow own="*"/>
  </policy>
</busconfig>
"""


class Bus:
    def __init__(self):
        os.makedirs(FOLDER, exist_ok=True)
        os.chmod(FOLDER, 0o755)
        rig.write(FOLDER + "/bus.conf", CONFIG)
        self.process = None

    def start(self):
        log = open(FOLDER + "/log", "ab")
        self.process = subprocess.Popen(["dbus-daemon", f"--config-file={FOLDER}/bus.conf", "--nofork", "--print-address"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        log.close()
        check(self.process.stdout.readline().startswith(b"unix:"), "the bus does not start")
        return self

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.process = None

    def tail(self, size=2000):
        with open(FOLDER + "/log", encoding="utf-8", errors="replace") as log:
            return log.read()[-size:]


class Logind:
    """orders: what it was told to do, [member, session, monotonic seconds, uid, outcome] each."""

    def __init__(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
                                        env={**os.environ, **ENVIRONMENT})
        self.orders, self._answers = [], queue.Queue()
        self._news = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()
        equal(self._answers.get(timeout=10), "ready")

    def _read(self):
        for line in self.process.stdout:
            words = line.split()
            if words[0] in ("LockSession", "TerminateSession"):
                with self._news:
                    self.orders.append([words[0], words[1], int(words[2]) / 1000, int(words[3]), words[4]])
                    self._news.notify_all()
            else:
                self._answers.put(words[0])

    def tell(self, *words):
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        equal(self._answers.get(timeout=10), "ok", words)

    def await_order(self, member, session, outcome="done", since=0, timeout=5.0):
        """The first such order behind that many others; when it came."""
        end = time.monotonic() + timeout
        with self._news:
            while True:
                for order in self.orders[since:]:
                    if (order[0], order[1], order[4]) == (member, session, outcome):
                        return order[2]
                check(self._news.wait(max(0, end - time.monotonic())) or time.monotonic() < end,
                      f"no {member} {session} {outcome} in {self.orders[since:]}")

    def stop(self):
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    @staticmethod
    def tail(_size=0):
        return ""
