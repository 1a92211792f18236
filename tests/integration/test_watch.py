#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: the helpers notice that a card or key has left, whatever happens around it, and never say so of one that is there.
 * a card through the real pcscd: taken out, not there, another one, taken out before anybody watched
 * pcscd started anew with the card in its reader: it goes on; without it, with another one, away or hung: left
 * a storm of insertions and removals ends each watch once; CANCEL and the end of the link end it at once
 * a key: pulled out, plugged in again under the same name, not there
 * nothing else may be asked for with WATCH, and a card's library is not needed
Ends 77 without root; the cards' part is left out without pcscd and vpcd.
"""
import inspect
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback

import rig as machine
import virtual_readers
from device_link import CANCEL, DONE, FAILED, START, WAIT, WATCH, WORKING, Closed, Link
from keys import Keys
from rig import check, equal
from virtual_readers import ATR, OTHER_ATR, Readers

BUILD = os.environ.get("HC_BUILD_DIR", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "build", "dev"))
NOBODY = 65534
MEASURED = []


class Rig:
    def __init__(self, folder):
        self.folder = folder
        os.chmod(folder, 0o755)
        self.programs = {}
        for name in ("hc-pkcs11", "hc-fido2"):
            self.programs[name] = f"{folder}/{name}"
            with open(f"{BUILD}/libexec/{name}", "rb") as source, open(self.programs[name], "wb") as copy:
                copy.write(source.read())
            os.chmod(self.programs[name], 0o755)
        self.readers = Readers("/run").start() if virtual_readers.available() else None

    def link(self, name, **fields):
        link = Link([self.programs[name]], uid=NOBODY, user=NOBODY, group=NOBODY, extra_groups=[],
                    env={key: value for key, value in os.environ.items() if key.endswith("SAN_OPTIONS")})
        link.send(START, device_operation=WATCH, **fields)
        return link

    def card(self, n=0, atr=ATR, **fields):
        return self.link("hc-pkcs11", device_path=Readers.names[n], atr=atr, **fields)

    def key(self, path, **fields):
        return self.link("hc-fido2", device_path=path, **fields)

    def put_in(self, n=0):
        """A card that is seen in its reader. One that was too slow for pcscd is mute until it is put in once more."""
        self.readers.cards[n].insert()
        end, again = time.monotonic() + 15, time.monotonic() + 3
        while True:
            with self.card(n) as link:
                message = link.receive()
                if message["type"] == WAIT:
                    return message["device_instance"]
            check(time.monotonic() < end, "the card is not seen")
            if time.monotonic() > again:
                again += 4
                self.readers.cards[n].remove()
                time.sleep(1)  # beyond pcscd's next look
                self.readers.cards[n].insert()

    def take_out(self, n=0):
        self.readers.cards[n].remove()
        end = time.monotonic() + 10
        while True:
            with self.card(n) as link:
                if link.receive()["type"] == DONE:
                    return
            check(time.monotonic() < end, "the card is seen still")


def here(link):
    return link.expect(WAIT, device_wait=WORKING)["device_instance"]


def left(link, why=None, within=1.0):
    began = time.monotonic()
    done = link.receive()
    took = time.monotonic() - began
    equal(done["type"], DONE, done)
    if why:
        equal(done["detail"], why, done)
    check(took < within, "took", took)
    link.ends()
    return took


def goes_on(link, seconds=0.5):
    link.socket.settimeout(seconds)
    try:
        message = link.receive()
    except TimeoutError:
        link.socket.settimeout(10)
        return
    raise AssertionError(f"{message} of a device that is there")


def child_of(pid):
    return int(subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=True).stdout)


def ticks(pid):
    """The processor's time that it has taken, without its children."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return sum(int(word) for word in file.read().split()[13:15])


def has_ended(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().split()[2] == "Z"
    except FileNotFoundError:
        return True


# ---- cards

def a_card_that_is_not_there_has_left(rig):
    with rig.card() as link:
        left(link, "the card was taken out", 0.5)
    with rig.link("hc-pkcs11", device_path="Other reader 00 00", atr=ATR) as link:
        left(link, "the reader was unplugged", 1.0)


def a_card_that_is_taken_out_has_left_within_a_second(rig):
    for n in (0, 1):
        rig.put_in(n)
        with rig.card(n) as link:
            here(link)
            goes_on(link)
            rig.readers.cards[n].remove()
            MEASURED.append(("card", left(link, "the card was taken out")))


def another_card_is_not_the_one(rig):
    instance = rig.put_in()
    with rig.card(atr=OTHER_ATR) as link:
        left(link)
    with rig.card(device_instance=instance) as link:
        equal(here(link), instance)
    rig.take_out()
    rig.put_in()
    with rig.card(device_instance=instance) as link:
        left(link)


def a_watch_over_one_reader_does_not_hear_of_the_other(rig):
    rig.put_in(0)
    rig.put_in(1)
    with rig.card(0) as first, rig.card(1) as second:
        here(first)
        here(second)
        rig.readers.cards[1].remove()
        left(second)
        goes_on(first)
        rig.readers.cards[0].remove()
        left(first)


def a_storm_of_insertions_ends_a_watch_once(rig):
    rig.put_in()
    with rig.card() as link:
        here(link)
        for _ in range(8):  # pcscd works through each of them
            rig.readers.cards[0].remove()
            time.sleep(0.01)
            rig.readers.cards[0].insert()
            time.sleep(0.01)
        left(link, within=2)
    rig.put_in()
    with rig.card() as link:
        here(link)
        goes_on(link)
    rig.take_out()


def goes_on_beyond_pcscd(rig, ending):
    """False: the virtual card was not back before pcscd's first look, and so was put in, for all that can be known."""
    rig.put_in()
    with rig.card() as link:
        here(link)
        ending()
        time.sleep(0.1)
        rig.readers.start()
        message = link.receive()
        if message["type"] == WAIT:
            equal(message["device_instance"], 0)
            goes_on(link)
            rig.readers.cards[0].remove()
            left(link, "the card was taken out")
            return True
        equal(message["detail"], "the card was taken out", message)
    return False


def pcscd_started_anew_is_no_removal(rig):
    for ending in (rig.readers.stop, rig.readers.kill):
        check(any(goes_on_beyond_pcscd(rig, ending) for _ in range(8)), "it never went on")
        rig.take_out()


def a_card_that_left_while_pcscd_was_away_has_left(rig):
    rig.put_in()
    with rig.card() as link:
        here(link)
        rig.readers.stop()
        rig.readers.cards[0].remove()
        rig.readers.start()
        left(link, within=2.5)
    rig.put_in()
    with rig.card() as link:
        here(link)
        rig.readers.stop()
        rig.readers.cards[0].atr = OTHER_ATR
        rig.readers.start()
        left(link, within=2.5)
    rig.readers.cards[0].atr = ATR
    rig.take_out()


def a_pcscd_that_stays_away_or_hangs_is_not_trusted(rig):
    rig.put_in()
    with rig.card() as link:
        here(link)
        rig.readers.kill()
        MEASURED.append(("pcscd away", left(link, "the reader could not be reached", 2.5)))
    with rig.card() as link:
        left(link, "the reader could not be reached", 2.5)
    rig.readers.start()
    rig.put_in()
    with rig.card() as link:
        here(link)
        rig.readers.hang()
        MEASURED.append(("pcscd hung", left(link, "the reader could not be reached", 8)))
        rig.readers.hang(False)
    rig.take_out()


def a_reader_that_pcscd_does_not_find_again_has_left(rig):
    rig.put_in()
    with rig.card() as link:
        here(link)
        rig.readers.stop()
        rig.readers.configure(readers=False)
        rig.readers.start()
        left(link, within=2.5)
    rig.readers.stop()
    rig.readers.configure()
    rig.readers.start()
    rig.take_out()


def a_watch_ends_when_nobody_wants_it(rig):
    rig.put_in()
    with rig.card() as link:
        here(link)
        link.send(CANCEL)
        equal(link.receive(), {"type": FAILED, "reason": "CANCELLED"})
        link.ends()
    with rig.card() as link:
        here(link)
        link.hang_up()
    with rig.card() as link:
        here(link)
        link.answer(b"1234")
        link.ends()
    with rig.card() as link:
        here(link)
        os.kill(child_of(link.process.pid), signal.SIGKILL)
        here(link)  # another one looks
        child = child_of(link.process.pid)
        link.kill()
        machine.wait_until(lambda: has_ended(child), "the process that looks ends as well")
    rig.take_out()


def a_watch_costs_next_to_nothing(rig):
    rig.put_in()
    with rig.card() as link:
        here(link)
        before = ticks(link.process.pid)
        time.sleep(6)  # beyond one round of the process that looks
        took = ticks(link.process.pid) - before
        check(took <= 3, "processor time", took)
        goes_on(link)
    rig.take_out()


def a_malformed_watch_ends_the_link(rig):
    table = (("hc-pkcs11", {"device_path": Readers.names[0]}), ("hc-pkcs11", {"atr": ATR}),
             ("hc-pkcs11", {"device_path": Readers.names[0], "atr": ATR, "timeout_s": 5}),
             ("hc-pkcs11", {"device_path": Readers.names[0], "atr": ATR, "module": "/m.so"}),
             ("hc-fido2", {}), ("hc-fido2", {"device_path": "pcsc://slot0"}), ("hc-fido2", {"device_path": "/dev/null", "atr": ATR}))
    for row, (name, fields) in enumerate(table):
        with rig.link(name, **fields) as link:
            try:
                message = link.receive()
                raise AssertionError(f"row {row}: {message}")
            except Closed:
                pass


# ---- keys

def keys_that_are_pulled_out_have_left_at_once(rig):
    folder = rig.folder + "/keys"
    os.makedirs(folder, exist_ok=True)
    os.chmod(folder, 0o755)
    with Keys(folder) as keys:
        key = keys.plug("a", "--mode", "0666")
        for _ in range(20):
            with rig.key(key.path) as link:
                here(link)
                key.remove()
                MEASURED.append(("key", left(link, "the key was pulled out", 0.5)))
            key.insert()
        with rig.key(key.path) as link:
            instance = here(link)
            goes_on(link)
            for _ in range(200):
                key.remove()
                key.insert()
            left(link)
        with rig.key(key.path, device_instance=instance) as link:
            left(link)
        with rig.key(key.path) as link:
            here(link)
            link.send(CANCEL)
            equal(link.receive()["type"], FAILED)
            link.ends()
        key.remove()
        with rig.key(key.path) as link:
            left(link, "the key is not there")


def run(rig):
    cases = [value for value in list(globals().values()) if inspect.isfunction(value) and
             list(inspect.signature(value).parameters) == ["rig"] and value is not run]
    wanted, failed = sys.argv[1:], 0
    for case in cases:
        if (wanted and case.__name__ not in wanted) or (rig.readers is None and "key" not in case.__name__):
            continue
        began = time.monotonic()
        if rig.readers and not rig.readers.process:
            rig.readers.start()
        try:
            case(rig)
            print(f"ok      {case.__name__} ({time.monotonic() - began:.2f} s)", flush=True)
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print(f"FAILED  {case.__name__}\n{traceback.format_exc()}", flush=True)
            if rig.readers:
                print("pcscd: " + rig.readers.tail(), flush=True)
    for what in sorted({name for name, _ in MEASURED}):
        times = sorted(seconds for name, seconds in MEASURED if name == what)
        print(f"        {what}: noticed after {1000 * times[0]:.0f} to {1000 * times[-1]:.0f} ms ({len(times)} times)")
    return 1 if failed else 0


def main():
    machine.enter()
    machine.tmpfs("/run")
    machine.loopback_up()
    with tempfile.TemporaryDirectory(prefix="hc-watch.", dir="/run") as folder:
        rig = Rig(folder)
        status = run(rig)
        if rig.readers:
            rig.readers.kill()
    return status


if __name__ == "__main__":
    sys.exit(main())
