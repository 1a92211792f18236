#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: the gateway's link to the broker, against the real broker and the real hc-password.
 * a broker that is away, stopped, killed or somebody else's never lets anybody in
 * password and code sign in; anything else does not, with its cause
 * changes are told at once, a broker that was killed is noticed, and watched anew when it is back
 * records reach the trail once each, also when they are delivered twice or the broker is killed meanwhile
"""
import os
import shutil
import signal
import socket
import subprocess
import time

import gateway_sock
import rig
from rig import PASSWORD, WORK, check, equal, matches, wait_until

FOLDER = WORK + "/password"
SHIPPED = os.path.join(rig.SOURCE, "..", "..", "data", "pam.d", "hospiconnect-password")
PROGRAM = WORK + "/bin/gateway_link"


def setup(machine):
    with open("/etc/passwd", "a", encoding="utf-8") as file:
        file.write(f"{gateway_sock.USER}:x:{gateway_sock.UID}:{gateway_sock.UID}::/nonexistent:/usr/sbin/nologin\n")
    with open("/etc/group", "a", encoding="utf-8") as file:
        file.write(f"{gateway_sock.USER}:x:{gateway_sock.UID}:\n")
    shutil.copy(SHIPPED, "/etc/pam.d/hospiconnect-password")
    shutil.copy2(os.path.join(rig.BUILD, "tests/support/gateway_link"), PROGRAM)
    os.mkdir(FOLDER, 0o755)
    with open(WORK + "/password.log", "ab") as log:
        machine.helper = subprocess.Popen([WORK + "/bin/hc-password", "--listen", FOLDER + "/password.sock", "--peer", rig.BROKER_USER],
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    wait_until(helper_listens, "hc-password listens")
    machine.broker.configure(authd__role="authority", authd__password_socket=FOLDER + "/password.sock")
    machine.broker.start()
    machine.gateway = machine.broker.run_dir + "/gateway.sock"
    machine.token = machine.clinician("martin", "hotp")
    result = link(machine, "signin", "martin", PASSWORD, machine.token.next())
    machine.person = int(matches(r" id=(\d+) ", result)[1])


def helper_listens():
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        return probe.connect_ex(FOLDER + "/password.sock") == 0


def as_gateway():
    return {"user": gateway_sock.UID, "group": gateway_sock.UID, "extra_groups": []}


def link(machine, *arguments, timeout=20):
    done = subprocess.run([PROGRAM, machine.gateway, *arguments], capture_output=True, text=True, timeout=timeout, check=False,
                          stdin=subprocess.DEVNULL, **as_gateway())
    equal(done.returncode, 0, done.stderr)
    return done.stdout.strip()


def signs_in(machine):
    check("result allowed=1" in link(machine, "signin", "martin", PASSWORD, machine.token.next()))


def refused(machine, *arguments, **facts):
    line = link(machine, "signin", *arguments)
    check("allowed=0" in line, line)
    for name, value in facts.items():
        check(f" {name}={value} " in line, name, value, line)


def nobody_signs_in_without_both(machine):
    code = machine.token.code_again()
    refused(machine, "martin", "wrong", code, reason=220, unavailable=0, id=0)
    refused(machine, "nobody-here", PASSWORD, code, reason=205)
    refused(machine, "Not A Login", PASSWORD, code, reason=216)
    refused(machine, "martin", PASSWORD, machine.token.wrong(), reason=201)
    refused(machine, "martin", "", "", reason=220)
    signs_in(machine)


def without_hc_password_it_is_unavailable(machine):
    machine.helper.send_signal(signal.SIGSTOP)
    os.rename(FOLDER + "/password.sock", FOLDER + "/away")
    refused(machine, "martin", PASSWORD, machine.token.code_again(), reason=306, unavailable=1)
    os.rename(FOLDER + "/away", FOLDER + "/password.sock")
    machine.helper.send_signal(signal.SIGCONT)
    signs_in(machine)


def a_broker_that_is_stopped_or_away_lets_nobody_in(machine):
    machine.broker.signal(signal.SIGSTOP)
    begin = time.monotonic()
    line = link(machine, "signin", "martin", PASSWORD, "000000")
    machine.broker.signal(signal.SIGCONT)
    check(line.startswith("failed") and 1.5 < time.monotonic() - begin < 4, line)
    machine.broker.stop()
    begin = time.monotonic()
    check(link(machine, "signin", "martin", PASSWORD, "000000").startswith("failed"))
    check(link(machine, "person", str(machine.person)).startswith("failed"))
    check(3.5 < time.monotonic() - begin < 6, time.monotonic() - begin)
    machine.broker.start()
    signs_in(machine)


def somebody_else_on_the_socket_hears_nothing(machine):
    path, heard = WORK + "/open/gateway.sock", b""
    os.mkdir(WORK + "/open")
    os.chmod(WORK + "/open", 0o777)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as impostor:
        impostor.bind(path)
        os.chmod(path, 0o666)
        impostor.listen(4)
        done = subprocess.run([PROGRAM, path, "signin", "martin", PASSWORD, "000000"], capture_output=True, text=True, check=False,
                              timeout=20, stdin=subprocess.DEVNULL, **as_gateway())
        heard = impostor.accept()[0].recv(9999)
    check(done.stdout.startswith("failed"), done.stdout)
    equal(heard, b"")
    shutil.rmtree(WORK + "/open")


class Watcher:
    """A program that watches; its lines."""

    def __init__(self, machine):
        self.log = WORK + "/watch.log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([PROGRAM, machine.gateway, "watch"], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.DEVNULL, **as_gateway())

    def lines(self):
        with open(self.log, encoding="utf-8") as log:
            return log.read().splitlines()

    def expect(self, *lines, timeout=3.0):
        wait_until(lambda: self.lines() == list(lines), lines, timeout)

    def end(self):
        self.process.kill()
        self.process.wait()


def changes_are_told_and_a_killed_broker_is_noticed(machine):
    watcher = Watcher(machine)
    news = ["live 1"]
    watcher.expect(*news)
    for verb, active in (("disable", 0), ("enable", 1)):
        machine.ctl("user", verb, "martin")
        news.append(f"changed {machine.person} {active}")
        watcher.expect(*news, timeout=0.5)
    machine.broker.signal(signal.SIGSTOP)
    news.append("live 0")
    watcher.expect(*news, timeout=14)
    machine.broker.signal(signal.SIGCONT)
    news.append("live 1")
    watcher.expect(*news, timeout=10)
    machine.broker.stop()
    news.append("live 0")
    watcher.expect(*news, timeout=1)
    machine.broker.start()
    news.append("live 1")
    watcher.expect(*news, timeout=8)
    watcher.end()
    equal(link(machine, "person", str(machine.person)), "person exists=1 may=1 reason=0 login=martin")
    equal(link(machine, "person", "4711"), "person exists=0 may=0 reason=205 login=")


def logouts(machine):
    return machine.audit("--event", "logout")


def records_reach_the_trail_once_each(machine):
    now = str(int(time.time() * 1000))
    equal(link(machine, "events", "1", "64", now), "kept")
    equal(link(machine, "events", "1", "64", now), "kept")
    equal(link(machine, "events", "60", "10", now), "kept")
    records = logouts(machine)
    equal(len(records), 69)
    first = records[0]
    equal([first[name] for name in ("login", "service", "origin", "actor", "detail", "outcome")],
          ["martin", "dpi", "rhost=192.0.2.7", "gateway:uid 0 (root)", "at the page", "success"])
    matches(rf"uid {gateway_sock.UID} ", records[1]["actor"])
    machine.broker.stop()
    machine.broker.start()
    equal(link(machine, "events", "60", "10", now), "kept")
    equal(len(logouts(machine)), 69)
    equal(link(machine, "events", "1", "1", str(int(now) - 3600000)), "kept")
    equal(len(logouts(machine)), 69, "it is known, whatever its time")
    equal(link(machine, "events", "1", "1", str(int(now) + 1)), "kept")
    equal(len(logouts(machine)), 70, "the gateway's store was made anew")


def a_broker_that_is_killed_meanwhile_has_all_or_none(machine):
    known = len(logouts(machine))
    for turn in range(6):
        first = 1000 + 64 * turn
        now = str(int(time.time() * 1000))
        process = subprocess.Popen([PROGRAM, machine.gateway, "events", str(first), "64", now], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, text=True, **as_gateway())
        time.sleep(0.001 * turn)
        machine.broker.kill()
        process.wait(20)
        said = process.stdout.read().strip()
        machine.broker.start()
        found = len(logouts(machine)) - known
        print(f"       turn {turn}: {found} found, the gateway was told {said!r}")
        check(found in (0, 64) and (said != "kept" or found == 64), turn, found, said)
        equal(link(machine, "events", str(first), "64", now), "kept")
        known += 64
        equal(len(logouts(machine)), known)


def the_trail_holds(machine):
    machine.ctl("audit", "verify")


rig.run([nobody_signs_in_without_both, without_hc_password_it_is_unavailable, a_broker_that_is_stopped_or_away_lets_nobody_in,
         somebody_else_on_the_socket_hears_nothing, changes_are_told_and_a_killed_broker_is_noticed,
         records_reach_the_trail_once_each, a_broker_that_is_killed_meanwhile_has_all_or_none, the_trail_holds], setup)
