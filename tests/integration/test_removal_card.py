#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: who signs in with a card and takes it out has a locked session within a second; the reset after the PIN is no removal.
The whole chain: PAM, broker, hc-pkcs11, OpenSC, pcscd with virtual readers, software cards, a stand-in for logind on a
real bus. Ends 77 without root, pcscd, vpcd or OpenSC.
Readers, pcscd and storms: test_watch.py; sessions, the bus and restarts: test_removal.py.
"""
import os
import shutil
import subprocess
import sys
import time

import rig
import smartcard
import system_bus
from rig import WORK, check, equal, matches, wait_until
from smartcard import OPENSC, PORT, igc

PIN = smartcard.PIN
UPN = "subjectAltName"
ZOE = "C=FR\ntitle=Médecin\nGN=ZOÉ\n+SN=D'ARC\n+CN=899700218896\n"
TOOK = []


class Service(smartcard.Pcscd):
    """pcscd in the machine's own /run."""

    def __init__(self):  # pylint: disable=super-init-not-called
        os.makedirs("/run/pcscd")
        self.hurry()
        rig.write("/run/reader.conf", f'FRIENDLYNAME "Virtual PCD"\nDEVICENAME /dev/null:0x{PORT:X}\n'
                                      f"LIBPATH {smartcard.DRIVER}\nCHANNELID 0x{PORT:X}\n")
        self.log = open("/run/pcscd.log", "wb")
        self.start()

    def kill(self):
        if self.process.poll() is None:
            self.close()

    @staticmethod
    def tail(size):
        with open("/run/pcscd.log", encoding="utf-8", errors="replace") as log:
            return log.read()[-size:]


class Session:
    """Somebody who signed in with a card and stays."""

    def __init__(self, machine, login, id):
        self.id, self.machine, self.text = id, machine, ""
        self.process = subprocess.Popen([WORK + "/bin/pam_session", "-d", machine.pam_folder(), "-s", "hc-card", login, PIN],
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
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()
        self.machine.logind.tell("remove", self.id)
        wait_until(lambda: watches(self.machine) == 0, "nothing is watched")


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
    machine.service = Service()
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
        equal(watches(machine), 1, "a session that waits for its owner")
        clear(machine)
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


def the_figures(machine):
    print(f"        from the removal to logind's order: {1000 * TOOK[0]:.0f} ms")
    for slot in machine.slots:
        slot.close()


why = smartcard.missing(OPENSC)
if why:
    print(why)
    sys.exit(77)
rig.run([a_card_that_stays_locks_nothing, a_card_that_is_taken_out_locks_the_session, only_the_same_persons_card_unlocks, the_figures], setup)
