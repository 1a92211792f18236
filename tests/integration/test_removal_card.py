#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: who signs in with a card and takes it out has a locked session within a second; the reset after the PIN is no removal.
The whole chain: PAM, broker, hc-pkcs11, OpenSC, pcscd with virtual readers, software cards, a stand-in for logind on a
real bus. Ends 77 without root, pcscd, vpcd or OpenSC. HC_CARD_FLAPS: how often the card comes and goes in the storm,
a second each: vpcd looks for a card that often, and the next one has to try again until then.
 * nothing for a card that stays, one whose session has ended, or where on_removal says nothing
 * only the same person's card unlocks, in whichever reader, and is watched from then on
 * two readers and two sessions; the broker started anew; a storm locks once; logout instead of lock
 * pcscd started anew: with the card it goes on or locks, without card or reader it locks
 * the bus away: told, recorded as a failure, done when it is back
Readers, pcscd and sleep: test_watch.py; sessions, logind and a bus in trouble: test_removal.py.
"""
import json
import os
import shutil
import subprocess
import sys
import time

import cards
import rig
import smartcard
import system_bus
from rig import WORK, check, equal, matches, wait_until
from smartcard import OPENSC, igc

PIN = smartcard.PIN
UPN = "subjectAltName"
ZOE = "C=FR\ntitle=Médecin\nGN=ZOÉ\n+SN=D'ARC\n+CN=899700218896\n"
FLAPS = int(os.environ.get("HC_CARD_FLAPS", "6"))
TOOK = []


class Session:
    """Somebody who signed in with a card and stays."""

    def __init__(self, machine, login, id, *answers):
        self.id, self.machine, self.text = id, machine, ""
        self.process = subprocess.Popen([WORK + "/bin/pam_session", "-d", machine.pam_folder(), "-s", "hc-card", login, *answers, PIN],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
                                        env={"LANG": "en_GB.UTF-8"})
        self.pid = int(self.process.stdout.readline().split()[1])
        machine.logind.tell("session", id, login, self.pid)
        while "open_session" not in self.text:
            line = self.process.stdout.readline()
            self.text += line
            check(line, "it ended:", self.text)
        matches("open_session: PAM_SUCCESS", self.text)

    def close(self):
        before = watches(self.machine)
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()
        self.machine.logind.tell("remove", self.id)
        wait_until(lambda: watches(self.machine) == 0 or watches(self.machine) < before, "the watch has ended")


def setup(machine):
    for name in ("tests/support/pam_session", "tests/support/logind_stand_in", "libexec/hc-pkcs11"):
        shutil.copy2(f"{rig.BUILD}/{name}", WORK + "/bin/")
    folder = WORK + "/pki"
    for path in (folder, WORK + "/trust", WORK + "/crl"):
        os.mkdir(path, 0o755)
    people = igc.authority(folder, "people", "AC IGC-SANTE FORT PERSONNES")
    parties = {"martin": igc.card(folder, "max", people),
               "durand": igc.card(folder, "zoe", people, ZOE, [(UPN, "otherName:msUPN;UTF8:8.99700218896@carte-cps.fr")])}
    shutil.copy(people.pem, WORK + "/trust/people.pem")
    with open(WORK + "/crl/people.crl", "wb") as out:
        out.write(people.crl())
    for path in (WORK + "/crl", WORK + "/crl/people.crl"):
        os.chown(path, rig.BROKER_UID, rig.BROKER_UID)
    machine.bus = system_bus.Bus().start()
    machine.logind = system_bus.Logind(WORK + "/bin/logind_stand_in")
    machine.service = smartcard.Service()
    machine.parts += [machine.bus, machine.logind, machine.service]
    machine.slots = [smartcard.Slot(0), smartcard.Slot(1)]
    machine.client = smartcard.Client()
    machine.broker.configure(authd__helper_dir=WORK + "/bin", cps__module=OPENSC, cps__trust_dir=WORK + "/trust",
                             cps__crl_dir=WORK + "/crl")
    machine.broker.start(env=system_bus.ENVIRONMENT)
    machine.cards = {}
    for number, (login, party) in enumerate(parties.items()):
        machine.person(login)
        machine.ctl("enroll", "cps", login, "--certificate", party.pem)
        machine.cards[login] = smartcard.Card(f"{folder}/{login}.card", f"26008{number:05}", s9a=party)
    folder, module = machine.pam_folder(), f"{rig.MODULE} mode=primary methods=cps"
    rig.write(f"{folder}/hc-card", f"auth required {module}\naccount required {module}\nsession required {module}\n")
    rig.write("/etc/pam.d/swaylock", f"auth required {module}\n")


def insert(machine, login, slot=0):
    machine.slots[slot].insert(machine.cards[login])
    machine.client.await_card(machine.slots[slot].reader)


def clear(machine):
    for slot in machine.slots:
        slot.empty()
    for slot in machine.slots:
        machine.client.await_card(slot.reader, False)


def watches(machine):
    return int(machine.ctl("status")["watches"])


def watched(machine, count=1):
    """Each by its two processes, and the reader has been seen."""
    wait_until(lambda: watches(machine) == count, f"{count} sessions are watched")
    time.sleep(0.2)


def locked(machine, session, since, began, within=2):
    took = machine.logind.await_order("LockSession", session, since=since) - began
    check(took < within, "took", took)
    return took


def take_out(machine, session, slot=0):
    since, began = len(machine.logind.orders), time.monotonic()
    machine.slots[slot].remove()
    TOOK.append(locked(machine, session, since, began))
    machine.client.await_card(machine.slots[slot].reader, False)


def unlock(machine, login):
    answer = subprocess.run([WORK + "/bin/locker", "swaylock", login, PIN], capture_output=True, text=True, timeout=40,
                            env={"LANG": "en_GB.UTF-8"}, **rig.as_user(login))
    return "PAM_SUCCESS" in answer.stdout, answer.stdout


def a_card_that_stays_locks_nothing(machine):
    insert(machine, "martin")
    session = Session(machine, "martin", "c1")
    watched(machine)
    since = len(machine.logind.orders)
    done, shown = unlock(machine, "martin")  # the same card, used and reset once more
    check(done, shown)
    time.sleep(1)  # what must not happen has no sign of its own
    equal(machine.logind.orders[since:], [])
    session.close()
    clear(machine)


def a_card_that_is_taken_out_locks_the_session(machine):
    insert(machine, "martin")
    session = Session(machine, "martin", "c1")
    watched(machine)
    take_out(machine, "c1")
    row = machine.recorded("martin", "success", event="device-removed", factor="cps")
    matches(r"session c1 locked; device Virtual PCD 00 00", row["detail"])
    session.close()


def only_the_same_persons_card_unlocks(machine):
    insert(machine, "martin")
    session = Session(machine, "martin", "c1")
    watched(machine)
    for turn in range(2):
        take_out(machine, "c1")
        insert(machine, "durand", turn)
        done, shown = unlock(machine, "martin")
        check(not done, "another's card opened:", shown)
        machine.recorded("martin", "failure", "CARD_OF_SOMEBODY_ELSE", event="sign-in", factor="cps", service="swaylock")
        done, shown = unlock(machine, "durand")  # her own session, elsewhere: his goes on waiting for him
        check(done, shown)
        equal(watches(machine), 1, "a session that waits for its owner")
        since = len(machine.logind.orders)
        clear(machine)
        no_order(machine, since, 0.3)
        insert(machine, "martin", turn)
        done, shown = unlock(machine, "martin")
        check(done, shown)
        watched(machine)
        if turn == 0:
            continue
        since, began = len(machine.logind.orders), time.monotonic()
        machine.slots[turn].remove()
        locked(machine, "c1", since, began)
    session.close()
    clear(machine)


def sign_out(machine, *sessions):
    for session in sessions:
        session.close()
    equal(watches(machine), 0)
    clear(machine)


def no_order(machine, since, seconds=0.7):
    time.sleep(seconds)  # what must not happen has no sign of its own; pcscd looks each 400 ms
    equal(machine.logind.orders[since:], [])


def restart(machine, **settings):
    machine.broker.stop()
    machine.broker.configure(**settings)
    machine.broker.start(env=system_bus.ENVIRONMENT)


def a_card_that_leaves_after_its_session_locks_nothing(machine):
    insert(machine, "martin")
    session = Session(machine, "martin", "c1")
    watched(machine)
    session.close()
    since = len(machine.logind.orders)
    clear(machine)
    no_order(machine, since)


def of_two_readers_the_one_counts_that_the_session_was_opened_from(machine):
    insert(machine, "martin", 0)
    first = Session(machine, "martin", "c1")
    machine.slots[1].insert(machine.cards["durand"])
    machine.client.await_card(machine.slots[1].reader)
    second = Session(machine, "durand", "c2", "2")  # of the two cards
    watched(machine, 2)
    take_out(machine, "c2", 1)
    since = len(machine.logind.orders)
    no_order(machine, since)
    restart(machine)  # the one goes on, the other one is locked, as it was
    watched(machine, 2)
    machine.logind.await_order("LockSession", "c2", since=since)
    since = len(machine.logind.orders)
    no_order(machine, since)
    take_out(machine, "c1", 0)
    sign_out(machine, first, second)


def a_card_that_left_while_the_broker_was_away_locks(machine):
    insert(machine, "martin")
    session = Session(machine, "martin", "c1")
    watched(machine)
    machine.broker.stop()
    clear(machine)
    insert(machine, "martin")  # there again, but it was in somebody's hand
    since = len(machine.logind.orders)
    machine.broker.start(env=system_bus.ENVIRONMENT)
    machine.logind.await_order("LockSession", "c1", since=since)
    sign_out(machine, session)


def a_storm_locks_once(machine):
    insert(machine, "martin")
    session = Session(machine, "martin", "c1")
    watched(machine)
    since, began = len(machine.logind.orders), time.monotonic()
    for _ in range(FLAPS):
        machine.slots[0].remove()
        machine.slots[0].insert(machine.cards["martin"])
    machine.logind.await_order("LockSession", "c1", since=since)
    machine.storm = time.monotonic() - began
    no_order(machine, since + 1, 1)
    clear(machine)
    insert(machine, "martin")
    done, shown = unlock(machine, "martin")
    check(done, shown)
    watched(machine)
    take_out(machine, "c1")
    sign_out(machine, session)


def stop_pcscd(machine):
    machine.service.stop()
    for slot in machine.slots:
        slot.empty()


def start_pcscd(machine, login=None):
    """With a card it is put in the moment that the reader is there: before pcscd's first look, nearly always."""
    machine.service.begin()
    end = time.monotonic() + 10
    while login:
        try:
            machine.slots[0].insert(machine.cards[login])
            break
        except cards.Failed:
            check(time.monotonic() < end, "there is no reader")
    machine.service.await_readers()
    machine.client = smartcard.Client()


def pcscd_started_anew_goes_on_or_locks(machine):
    insert(machine, "martin")
    session = Session(machine, "martin", "c1")
    watched(machine)
    went_on = 0
    for turn in range(6):
        since = len(machine.logind.orders)
        stop_pcscd(machine)
        start_pcscd(machine, "martin")
        time.sleep(1)  # what must not happen has no sign of its own
        if machine.logind.orders[since:]:
            clear(machine)
            insert(machine, "martin")
            done, shown = unlock(machine, "martin")
            check(done, shown)
            watched(machine)
        else:
            went_on += 1
        if went_on and turn > 0:
            break
    check(went_on, "it never went on")
    since, began = len(machine.logind.orders), time.monotonic()
    machine.slots[0].remove()
    locked(machine, "c1", since, began)
    session.close()
    stop_pcscd(machine)
    start_pcscd(machine)


def pcscd_started_anew_without_the_card_locks(machine):
    for readers in (True, False):
        insert(machine, "martin")
        session = Session(machine, "martin", "c1")
        watched(machine)
        since, began = len(machine.logind.orders), time.monotonic()
        stop_pcscd(machine)
        machine.service.configure(readers)
        machine.service.begin()
        locked(machine, "c1", since, began, within=3.5)
        session.close()
        machine.service.stop()
        machine.service.configure()
        start_pcscd(machine)


def a_bus_that_is_away_is_told_and_waited_for(machine):
    insert(machine, "martin")
    session = Session(machine, "martin", "c1")
    watched(machine)
    machine.bus.kill()
    machine.logind.kill()
    machine.slots[0].remove()
    wait_until(lambda: "NOT secured" in (machine.last("martin", "device-removed")["detail"] or ""), "a record of it", 8)
    machine.recorded("martin", "failure", event="device-removed", factor="cps")
    machine.parts.remove(machine.logind)
    machine.bus.start()
    machine.logind = system_bus.Logind(WORK + "/bin/logind_stand_in")
    machine.parts.append(machine.logind)
    machine.logind.tell("session", "c1", "martin", session.pid)
    machine.logind.await_order("LockSession", "c1", timeout=8)
    wait_until(lambda: machine.last("martin", "device-removed")["outcome"] == "success", "a record of it")
    sign_out(machine, session)


def the_session_is_ended_or_left_alone_where_that_is_wanted(machine):
    restart(machine, cps__on_removal="logout")
    insert(machine, "martin")
    session = Session(machine, "martin", "c1")
    watched(machine)
    since = len(machine.logind.orders)
    machine.slots[0].remove()
    machine.logind.await_order("TerminateSession", "c1", since=since)
    wait_until(lambda: "session c1 ended" in machine.last("martin", "device-removed")["detail"], "a record of it")
    sign_out(machine, session)
    restart(machine, cps__on_removal="nothing")
    insert(machine, "martin")
    session = Session(machine, "martin", "c1")
    since = len(machine.logind.orders)
    clear(machine)
    no_order(machine, since)
    equal(watches(machine), 0)
    sign_out(machine, session)


def the_examination_looks_at_what_it_takes(machine):
    wanted = {"system_bus", "logind", "polkit_rule"}
    for action, said in (("nothing", set()), ("lock", wanted)):
        machine.broker.configure(cps__on_removal=action)
        answer = machine.ctl("doctor", "--config", machine.broker.conf, ok=False)
        rows = {row["check"]: row["result"] for row in json.loads(answer.stdout)}
        equal(set(rows) & wanted, said)
    equal(rows["system_bus"], "warning", "there is none at the usual place here")


def the_figures(machine):
    print(f"        from the removal to logind's order: {1000 * min(TOOK):.0f} to {1000 * max(TOOK):.0f} ms ({len(TOOK)} times); "
          f"{FLAPS} times out and in: {machine.storm:.1f} s")
    for slot in machine.slots:
        slot.close()


why = smartcard.missing(OPENSC)
if why:
    print(why)
    sys.exit(77)
rig.run([
    a_card_that_stays_locks_nothing, a_card_that_leaves_after_its_session_locks_nothing,
    a_card_that_is_taken_out_locks_the_session, only_the_same_persons_card_unlocks,
    of_two_readers_the_one_counts_that_the_session_was_opened_from, a_card_that_left_while_the_broker_was_away_locks,
    a_storm_locks_once, pcscd_started_anew_goes_on_or_locks, pcscd_started_anew_without_the_card_locks,
    a_bus_that_is_away_is_told_and_waited_for, the_session_is_ended_or_left_alone_where_that_is_wanted,
    the_examination_looks_at_what_it_takes, the_figures,
], setup)
