#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: when the key that opened a session is taken away, logind is told to lock that session, and no other.
A real dbus-daemon with a stand-in for logind, real PAM, broker and helpers, software keys.
 * nothing of what the key did not open: another's session, one that leads elsewhere, a remote one, one that has ended
 * within a second; in the trail; logout instead of lock; a storm locks once; two sessions on two keys
 * only the same person's device unlocks, and is watched from then on
 * the bus away, logind deaf or refusing: told, recorded, tried again; no bus at all: sign-ins do not notice
 * the broker started anew: goes on watching; a key that was taken away meanwhile locks
"""
import os
import subprocess
import threading
import time

import rig
import system_bus
from keys import Keys
from rig import WORK, check, equal, matches, wait_until

FOLDER = WORK + "/keys"
PIN = "123456"
TOOK = []


class Session:
    """Somebody who signed in with a key and stays."""

    def __init__(self, machine, login, *answers, id=None, leader=None, name=None, options=(), ok=True):
        self.id, self.machine, self.text = id, machine, ""
        folder = service(machine)
        self.process = subprocess.Popen(
            [WORK + "/bin/pam_session", "-d", folder, "-s", "hc-primary", *options, login, *answers],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1, env={"LANG": "en_GB.UTF-8"})
        self.pid = int(self.read(r"pid (\d+)").group(1))
        if id:
            machine.logind.tell("session", id, name or login, leader or self.pid)
        code = self.read(r"authenticate: (\S+)").group(1)
        equal(code == "PAM_SUCCESS", ok, self.text)
        if ok:
            equal(self.read(r"open_session: (\S+)").group(1), "PAM_SUCCESS", self.text)

    def read(self, pattern):
        while True:
            line = self.process.stdout.readline()
            self.text += line
            check(line, "it ended:", self.text)
            found = rig.re.search(pattern, line)
            if found:
                return found

    def close(self, last=""):
        self.process.stdin.write(last)
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()
        if self.id:
            self.machine.logind.tell("remove", self.id)


def service(machine):
    folder = machine.pam_folder()
    module = f"{rig.MODULE} mode=primary methods=fido2"
    rig.write(f"{folder}/hc-primary", f"auth required {module}\naccount required {module}\nsession required {module}\n")
    return folder


def setup(machine):
    for name in ("pam_session", "logind_stand_in"):
        subprocess.run(["cp", f"{rig.BUILD}/tests/support/{name}", WORK + "/bin/"], check=True)
    os.makedirs(FOLDER, exist_ok=True)
    os.chmod(FOLDER, 0o755)
    machine.keys = Keys(FOLDER)
    machine.keys.everywhere(WORK + "/bin/hc-fido2")
    machine.bus = system_bus.Bus().start()
    machine.logind = system_bus.Logind(WORK + "/bin/logind_stand_in")
    machine.parts += [machine.bus, machine.logind]
    rig.stack("swaylock", "methods=fido2")
    rig.write("/etc/pam.d/swaylock", f"auth required {rig.MODULE} mode=primary methods=fido2\n")
    machine.broker.configure(authd__helper_dir=WORK + "/bin", fido2__rp_id="login.example.org",
                             fido2__insert_timeout="2s", fido2__pin_min="4", fido2__on_removal="lock")
    start(machine)
    for login, key in (("martin", "a"), ("durand", "b")):
        machine.person(login)
        plug(machine, key)
        enroll(machine, login)
        machine.keys.keys[key].remove()


def start(machine, **environment):
    machine.broker.start(env={**system_bus.ENVIRONMENT, **environment})


def restart(machine, **environment):
    machine.broker.stop()
    start(machine, **environment)


def plug(machine, name):
    return machine.keys.plug(name, "--mode", "0666", "--attestation", "self", "--pin", PIN)


def enroll(machine, login):
    answer = subprocess.run(
        [WORK + "/bin/hospictl", "--json", "--socket", machine.broker.admin_socket, "enroll", "fido2", login],
        input=PIN + "\n", capture_output=True, text=True, timeout=40, env={"PATH": os.environ["PATH"], "LANG": "en_GB.UTF-8"})
    equal(answer.returncode, 0, answer.stdout, answer.stderr)


def key(machine, name="a"):
    return machine.keys.keys[name]


def watches(machine):
    return int(machine.ctl("status")["watches"])


def watched(machine, count=1):
    wait_until(lambda: watches(machine) == count, f"{count} sessions are watched")
    wait_until(lambda: helpers(machine) >= count, "by a helper each")


def helpers(machine):
    return [name for _, name in machine.broker.helpers()].count("hc-fido2")


def orders(machine):
    return len(machine.logind.orders)


def no_order(machine, since, seconds=0.7):
    time.sleep(seconds)  # what must not happen has no sign of its own
    equal(machine.logind.orders[since:], [])


def removed(machine, login="martin"):
    return [row for row in machine.audit("--user", login) if row["event"] == "device-removed"]


def recorded(machine, count, outcome, pattern, login="martin"):
    wait_until(lambda: len(removed(machine, login)) > count, "a record of it", 8)
    row = max(removed(machine, login), key=lambda row: row["seq"])
    equal((row["outcome"], row["factor"]), (outcome, "fido2"), row)
    matches(pattern, row["detail"])


def take_away(machine, session, name="a", member="LockSession"):
    """Takes the key away and waits for the order; how long that took."""
    since, began = orders(machine), time.monotonic()
    key(machine, name).remove()
    took = machine.logind.await_order(member, session, since=since) - began
    TOOK.append(took)
    check(took < 2, "took", took)
    return took


# ---- what is not locked

def a_session_that_the_key_did_not_open_is_left_alone(machine):
    key(machine).insert()
    table = (("led by another process", {"id": "inner", "leader": 1}), ("another's", {"id": "c90", "name": "durand"}))
    for row, (what, how) in enumerate(table):
        since = orders(machine)
        session = Session(machine, "martin", PIN, **how)
        wait_until(lambda: watches(machine) == 0, f"row {row}: {what} is not watched")
        key(machine).remove()
        no_order(machine, since, 0.3)
        key(machine).insert()
        session.close()


def a_session_that_has_ended_is_left_alone(machine):
    for ending in ("", "crash\n"):
        since = orders(machine)
        session = Session(machine, "martin", PIN, id="c1")
        watched(machine)
        session.close(ending)
        wait_until(lambda: watches(machine) == 0, "the watch has ended")
        wait_until(lambda: helpers(machine) == 0, "and its helper")
        key(machine).remove()
        no_order(machine, since, 0.3)
        key(machine).insert()


def nobody_at_another_machine_is_watched(machine):
    session = Session(machine, "martin", PIN, options=("-r", "192.0.2.7"), ok=False)
    session.close()
    equal(watches(machine), 0)


def a_sign_in_without_a_session_is_not_watched(machine):
    code, shown = machine.pam("martin", PIN, service="hc-primary")
    equal(code, "PAM_SUCCESS", shown)
    equal(watches(machine), 0)
    wait_until(lambda: helpers(machine) == 0, "the helper has gone")


# ---- what is locked

def the_session_is_locked_within_a_second_and_it_is_recorded(machine):
    before = len(removed(machine))
    session = Session(machine, "martin", PIN, id="c1")
    watched(machine)
    took = take_away(machine, "c1")
    check(took < 1, "took", took)
    equal(machine.logind.orders[-1][3], rig.BROKER_UID, "asked as the broker's user")
    recorded(machine, before, "success", r"session c1 locked; device /")
    session.close()
    wait_until(lambda: watches(machine) == 0, "the watch has ended")
    key(machine).insert()


def a_key_that_left_before_the_session_was_there_locks_it(machine):
    session = Session(machine, "martin", PIN)
    key(machine).remove()
    time.sleep(0.3)
    since = orders(machine)
    machine.logind.tell("session", "c2", "martin", session.pid)
    session.id = "c2"
    machine.logind.await_order("LockSession", "c2", since=since)
    session.close()
    key(machine).insert()


def of_two_sessions_the_one_is_locked_whose_key_has_left(machine):
    first = Session(machine, "martin", PIN, id="c1")
    key(machine, "b").insert()
    second = Session(machine, "durand", PIN, id="c2")
    watched(machine, 2)
    since = orders(machine)
    take_away(machine, "c2", "b")
    no_order(machine, since + 1, 0.3)
    take_away(machine, "c1", "a")
    first.close()
    second.close()
    key(machine).insert()


def a_storm_locks_once(machine):
    session = Session(machine, "martin", PIN, id="c1")
    watched(machine)
    since = orders(machine)
    for _ in range(200):
        key(machine).remove()
        key(machine).insert()
    machine.logind.await_order("LockSession", "c1", since=since)
    no_order(machine, since + 1, 0.5)
    equal(len(machine.logind.orders[since:]), 1)
    session.close()


def unlock(machine, login, *answers):
    answer = subprocess.run([WORK + "/bin/locker", "swaylock", login, *answers], capture_output=True, text=True, timeout=40,
                            env={"LANG": "en_GB.UTF-8"}, **rig.as_user(login))
    return "PAM_SUCCESS" in answer.stdout, answer.stdout


def only_the_same_persons_device_unlocks_and_is_watched_from_then_on(machine):
    session = Session(machine, "martin", PIN, id="c1")
    watched(machine)
    for turn in range(5):
        take_away(machine, "c1")
        if turn == 0:
            key(machine, "b").insert()
            done, shown = unlock(machine, "martin", PIN)
            check(not done, "another's key opened:", shown)
            wait_until(lambda: helpers(machine) == 0, "the helper has gone")
            key(machine, "b").remove()
        key(machine).insert()
        done, shown = unlock(machine, "martin", PIN)
        check(done, shown)
        watched(machine)
    session.close()


def the_session_is_ended_where_it_is_to_be(machine):
    machine.broker.configure(fido2__on_removal="logout")
    restart(machine)
    before = len(removed(machine))
    session = Session(machine, "martin", PIN, id="c1")
    watched(machine)
    take_away(machine, "c1", member="TerminateSession")
    recorded(machine, before, "success", "session c1 ended")
    session.close()
    key(machine).insert()
    machine.broker.configure(fido2__on_removal=None)  # nothing is the default of keys
    restart(machine)
    since = orders(machine)
    session = Session(machine, "martin", PIN, id="c1")
    equal(watches(machine), 0)
    wait_until(lambda: helpers(machine) == 0, "the sign-in's own helper has ended")
    key(machine).remove()
    no_order(machine, since, 0.3)
    session.close()
    key(machine).insert()
    machine.broker.configure(fido2__on_removal="lock")
    restart(machine)


# ---- trouble

def a_refusal_of_logind_is_told_and_recorded_and_tried_again(machine):
    before = len(removed(machine))
    machine.logind.tell("allow", 0)
    session = Session(machine, "martin", PIN, id="c1")
    watched(machine)
    since = orders(machine)
    key(machine).remove()
    machine.logind.await_order("LockSession", "c1", "refused", since=since)
    recorded(machine, before, "failure", "session c1 NOT secured: logind refuses it")
    machine.logind.tell("allow", -1)
    machine.logind.await_order("LockSession", "c1", since=since)
    recorded(machine, before + 1, "success", "session c1 locked")
    session.close()
    key(machine).insert()


def a_logind_that_hangs_is_asked_again(machine):
    session = Session(machine, "martin", PIN, id="c1")
    watched(machine)
    machine.logind.tell("deaf")
    since = orders(machine)
    key(machine).remove()
    machine.logind.await_order("LockSession", "c1", "ignored", since=since)
    machine.logind.tell("hears")
    machine.logind.await_order("LockSession", "c1", since=since)
    session.close()
    key(machine).insert()


def a_bus_that_is_away_is_waited_for(machine):
    before = len(removed(machine))
    session = Session(machine, "martin", PIN, id="c1")
    watched(machine)
    wait_until(lambda: machine.ctl("status")["system_bus"] == "connected", "the bus")
    machine.bus.kill()
    wait_until(lambda: machine.ctl("status")["system_bus"] == "not connected", "no bus")
    machine.logind.kill()
    key(machine).remove()
    recorded(machine, before, "failure", "session c1 NOT secured")
    matches("a device was taken away, and the session is not secured yet", machine.broker.tail())
    machine.parts.remove(machine.logind)
    machine.bus.start()
    machine.logind = system_bus.Logind(WORK + "/bin/logind_stand_in")
    machine.parts.append(machine.logind)
    machine.logind.tell("session", "c1", "martin", session.pid)
    machine.logind.await_order("LockSession", "c1", timeout=8)
    recorded(machine, before + 1, "success", "session c1 locked")
    session.close()
    key(machine).insert()


def the_broker_started_anew_goes_on_watching(machine):
    session = Session(machine, "martin", PIN, id="c1")
    watched(machine)
    restart(machine)
    watched(machine)
    take_away(machine, "c1")
    key(machine).insert()
    check(unlock(machine, "martin", PIN)[0], "no unlocking")
    watched(machine)
    machine.broker.stop()
    since = orders(machine)
    key(machine).remove()
    start(machine)
    machine.logind.await_order("LockSession", "c1", since=since)
    session.close()
    key(machine).insert()
    session = Session(machine, "martin", PIN, id="c1")
    watched(machine)
    machine.broker.kill()
    session.close()
    other = subprocess.Popen(["sleep", "60"])
    machine.logind.tell("session", "c1", "martin", other.pid)  # the id, once more, of another session
    since = orders(machine)
    key(machine).remove()
    start(machine)
    wait_until(lambda: watches(machine) == 0, "what has ended is not watched")
    no_order(machine, since, 0.3)
    machine.logind.tell("remove", "c1")
    other.kill()
    other.wait()
    key(machine).insert()


def a_helper_that_dies_is_started_again(machine):
    session = Session(machine, "martin", PIN, id="c1")
    watched(machine)
    since = orders(machine)
    wait_until(lambda: helpers(machine) == 1, "the sign-in's own helper has ended")
    pid = next(pid for pid, name in machine.broker.helpers() if name == "hc-fido2")
    os.kill(pid, 9)
    matches("a device is not watched", wait_until(lambda: "helper broke down" in machine.broker.tail() and machine.broker.tail(), "a line"))
    wait_until(lambda: helpers(machine) == 1 and not os.path.exists(f"/proc/{pid}"), "another helper")
    no_order(machine, since, 0.3)
    take_away(machine, "c1")
    session.close()
    key(machine).insert()


def without_a_bus_sign_ins_notice_nothing(machine):
    restart(machine, DBUS_SYSTEM_BUS_ADDRESS="unix:path=/run/no-such-bus")
    before = len(removed(machine))
    for _ in range(2):
        began = time.monotonic()
        session = Session(machine, "martin", PIN)
        check(time.monotonic() - began < 3, "took", time.monotonic() - began)
        session.close()
    equal(machine.broker.tail().count("no system bus: sessions are not locked"), 1)
    session = Session(machine, "martin", PIN)
    key(machine).remove()
    recorded(machine, before, "failure", "session unknown NOT secured")
    session.close()
    wait_until(lambda: watches(machine) == 0, "the watch has ended")
    key(machine).insert()
    restart(machine)


def no_helper_is_left_behind(machine):
    wait_until(lambda: helpers(machine) == 0, "no helper")
    times = sorted(TOOK)
    print(f"        from the removal to logind's order: {1000 * times[0]:.0f} to {1000 * times[-1]:.0f} ms, "
          f"{1000 * times[len(times) // 2]:.0f} ms in the middle ({len(times)} times)")
    machine.keys.stop()


rig.run([
    a_session_that_the_key_did_not_open_is_left_alone, a_session_that_has_ended_is_left_alone,
    nobody_at_another_machine_is_watched, a_sign_in_without_a_session_is_not_watched,
    the_session_is_locked_within_a_second_and_it_is_recorded, a_key_that_left_before_the_session_was_there_locks_it,
    of_two_sessions_the_one_is_locked_whose_key_has_left, a_storm_locks_once,
    only_the_same_persons_device_unlocks_and_is_watched_from_then_on, the_session_is_ended_where_it_is_to_be,
    a_refusal_of_logind_is_told_and_recorded_and_tried_again, a_logind_that_hangs_is_asked_again,
    a_bus_that_is_away_is_waited_for, the_broker_started_anew_goes_on_watching, a_helper_that_dies_is_started_again,
    without_a_bus_sign_ins_notice_nothing, no_helper_is_left_behind,
], setup)
