#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: whatever happens to cards, people and the broker, the wrong one is never let in and no try of a card is lost.
Through real PAM hosts, broker and helper; how many PINs reached the card is asserted in each case.
 * none, one that comes late, one without a name; another host's sign-in never waits for one
 * taken out at the question for the PIN, and between PIN and signature; the broker restarted at the question
 * signatures that do not verify lock out, and an administrator opens again
 * sixteen persons with cards of their own at once, and two who give each other's PIN
 * SoftHSM2 as the module; pcscd with a virtual reader and a card made of software, through OpenSC
"""
import contextlib
import os
import shutil
import time

import cards
import key_rig
import rig
import smartcard
from key_rig import let_in, refused, su
from rig import WORK, check, equal, matches
from smartcard import igc

PIN, WRONG = "1234", "9999"
PIN_PROMPT = "PIN of your card: "
AUTH_ID = "e828bd080f8025000001ff001020"
SIXTEEN = rig.PEOPLE[4:]
UNAVAILABLE = "cannot retrieve authentication info"
P256 = smartcard.EC_256
PKI = {}


class OnCard:
    """A certificate as the tests' module wants it; key: of which party, where it is not its own."""

    def __init__(self, party, key=None):
        self.key, self.der = (key or party).key, party.base + ".der"
        with open(self.der, "wb") as out:
            out.write(party.der)


def with_check_digit(number):
    """An RPPS number: the last of its digits is Luhn's."""
    digits = [int(digit) for digit in number]
    total = sum(digits[-2::-2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[-1::-2])
    return number + str(-total % 10)


def make_certificates(folder):
    os.makedirs(folder, mode=0o755)
    people = PKI["people"] = igc.authority(folder, "people", "AC IGC-SANTE FORT PERSONNES")
    PKI["max"] = igc.card(folder, "max", people)
    PKI["unnamed"] = igc.shape(folder, "cpe unnamed", people)
    for number, login in enumerate(SIXTEEN):
        rpps = with_check_digit(f"99700218{number:02d}")
        subject = f"C=FR\ntitle=Médecin\nGN=ZOÉ\n+SN={login.upper()}\n+CN=8{rpps}\n"
        upn = ("subjectAltName", f"otherName:msUPN;UTF8:8.{rpps}@carte-cps.fr")
        PKI[login] = igc.card(folder, login, people, subject, [upn], key=P256)


def setup(machine):
    make_certificates(WORK + "/pki")
    for name in ("trust", "crl"):
        os.makedirs(f"{WORK}/{name}", mode=0o755)
    shutil.copy(PKI["people"].pem, WORK + "/trust/people.pem")
    with open(WORK + "/crl/people.crl", "wb") as out:
        out.write(PKI["people"].crl())
    machine.readers = cards.Readers(WORK + "/cards")
    machine.readers.card("max", (AUTH_ID, OnCard(PKI["max"])))
    machine.readers.card("unnamed", (AUTH_ID, OnCard(PKI["unnamed"])))
    machine.readers.card("forged", (AUTH_ID, OnCard(PKI["max"], PKI["unnamed"])))
    machine.broker.configure(authd__helper_dir=WORK + "/bin", cps__module=machine.readers.module,
                             cps__trust_dir=WORK + "/trust", cps__crl_dir=WORK + "/crl", fido2__insert_timeout="2s")
    machine.broker.start()
    for login in ("martin", "durand"):
        machine.person(login)
    enroll(machine, "martin", "max")
    for service, folder in (("su", "/etc/pam.d"), ("hc-card", machine.pam_folder())):
        key_rig.primary(service, folder, "cps")
    with open("/etc/login.defs", "a", encoding="utf-8") as file:
        file.write("\nFAIL_DELAY 0\n")


def enroll(machine, login, name):
    return machine.ctl("enroll", "cps", login, "--certificate", PKI[name].pem)


def sign_in(machine, login, *answers, **how):
    return machine.pam(login, *answers, service="hc-card", **how)


@contextlib.contextmanager
def spent(readers, *wanted):
    """Exactly these PINs reach a card meanwhile: "max right", "max wrong"."""
    before = len(readers.logins())
    yield
    equal(readers.logins()[before:], list(wanted), "PINs that reached the card")


def works(machine):
    machine.readers.insert("max")
    with spent(machine.readers, "max right"):
        code, shown = sign_in(machine, "martin", PIN)
        equal(code, "PAM_SUCCESS", shown)


def restart(machine, **settings):
    machine.broker.stop()
    machine.broker.configure(**settings)
    machine.broker.start()


def without_a_card_nothing_is_asked(machine):
    start = time.monotonic()
    with spent(machine.readers), su("martin") as terminal:
        terminal.expect("Insert your card")
        refused(terminal, "HC-230")
    check(1.5 < time.monotonic() - start < 5, time.monotonic() - start)
    check(PIN_PROMPT not in terminal.seen, terminal.seen)


def a_sign_in_of_another_host_never_waits(machine):
    for name in (None, "max"):
        if name:
            machine.readers.insert(name)
        start = time.monotonic()
        with spent(machine.readers):
            code, shown = sign_in(machine, "martin", PIN, options=("-r", "192.0.2.7"))
        check(time.monotonic() - start < 1.9, name, time.monotonic() - start)
        equal(code, "PAM_AUTHINFO_UNAVAIL", name, shown)
        check("prompt:" not in shown and "Insert" not in shown, name, shown)


def a_card_without_a_name_is_told_so_and_asked_no_pin(machine):
    machine.readers.insert("unnamed")
    with spent(machine.readers):
        code, shown = sign_in(machine, "martin", PIN)
    equal(code, "PAM_AUTH_ERR", shown)
    matches("HC-257", shown)
    check("prompt: PIN" not in shown, shown)
    machine.recorded("martin", "failure", "CARD_SHARED", factor="cps")
    answer = machine.ctl("enroll", "cps", "durand", "--certificate", PKI["unnamed"].pem, ok=False)
    check(answer.returncode != 0, "it became somebody's:", answer.stdout)
    equal(machine.credentials("durand"), [])
    equal(machine.lockouts("martin"), [], "nobody guessed at anything")


def a_card_that_comes_while_it_is_waited_for_is_taken(machine):
    machine.readers.remove()
    with spent(machine.readers, "max right"), su("martin") as terminal:
        terminal.expect("Insert your card")
        machine.readers.insert("max")
        terminal.expect(PIN_PROMPT)
        terminal.send(PIN)
        let_in(terminal)


def a_card_taken_out_at_the_question_ends_it(machine):
    with spent(machine.readers), su("martin") as terminal:
        terminal.expect(PIN_PROMPT)
        machine.readers.remove()
        terminal.send(PIN)
        refused(terminal, "HC-235")
    machine.recorded("martin", "failure", "DEVICE_REMOVED", factor="cps")
    works(machine)


def a_card_taken_out_between_pin_and_signature_ends_it(machine):
    for call in ("C_SignInit", "C_Sign"):
        machine.readers.fault(call, "remove")
        with spent(machine.readers, "max right"), su("martin") as terminal:
            terminal.expect(PIN_PROMPT)
            start = time.monotonic()
            terminal.send(PIN)
            refused(terminal, "HC-235")
            check(time.monotonic() - start < 3, call, time.monotonic() - start)
        check(not machine.readers.has("slots/0/card"), call)
        equal(machine.readers.tries("max"), 3, call)
        works(machine)


def the_broker_restarted_at_the_question_sends_no_pin(machine):
    for how in ("restart", "kill"):
        with spent(machine.readers), su("martin") as terminal:
            terminal.expect(PIN_PROMPT)
            if how == "kill":
                machine.broker.kill()
                machine.broker.start()
            else:
                machine.broker.restart()
            start = time.monotonic()
            terminal.send(PIN)
            refused(terminal, UNAVAILABLE)  # PAM_AUTHINFO_UNAVAIL
            check(time.monotonic() - start < 2, how, time.monotonic() - start)
        equal(machine.readers.tries("max"), 3, how)
        works(machine)


def signatures_that_do_not_verify_lock_out_until_an_administrator_opens(machine):
    machine.readers.insert("forged")
    code, refusals = "PAM_AUTH_ERR", 0
    while code == "PAM_AUTH_ERR" and refusals < 9:
        with spent(machine.readers, "forged right"):
            code, shown = sign_in(machine, "martin", PIN)
        refusals += 1
    equal((code, refusals), ("PAM_MAXTRIES", 5), shown)
    equal([row["factor"] for row in machine.lockouts("martin")], ["cps"])
    machine.recorded("martin", "failure", "SIGNATURE_INVALID", factor="cps")
    machine.readers.insert("max")
    with spent(machine.readers):
        code, shown = sign_in(machine, "martin", PIN)
    equal(code, "PAM_MAXTRIES", shown)
    matches("HC-203", shown)
    check("prompt:" not in shown, shown)
    machine.ctl("lockout", "clear", "martin")
    works(machine)


class Desks:
    """A reader and a card for each person, as at desks of their own: what stands between broker and helper puts the desk
    that the sign-in is at into the module's path."""
    between = """#!/usr/bin/python3 -B
import os, select, socket
with open("DESK") as file:
    desk = b"/desks/" + file.read(2).encode()
ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
if os.fork() == 0:
    os.dup2(theirs.fileno(), 3)
    os.execv("REAL", ["hc-pkcs11"])
theirs.close()
broker = socket.socket(fileno=3)
to, packet = {broker: ours, ours: broker}, b" "
while packet:
    source = select.select([broker, ours], [], [])[0][0]
    packet = source.recv(65536)
    if packet:
        to[source].send(packet.replace(b"/desks/--", desk))
ours.close()
os.wait()
"""

    def __init__(self, machine):
        self.folder = WORK + "/desks"
        os.mkdir(self.folder)
        os.mkdir(WORK + "/desk-bin")
        shutil.copy2(WORK + "/bin/hc-pkcs11", WORK + "/desk-bin/real")
        rig.write(WORK + "/desk-bin/hc-pkcs11",
                  self.between.replace("DESK", WORK + "/desk").replace("REAL", WORK + "/desk-bin/real"), 0o755)
        self.readers = {}
        for number, login in enumerate(SIXTEEN):
            self.readers[login] = cards.Readers(f"{self.folder}/{number:02d}")
            self.readers[login].card("own", (AUTH_ID, OnCard(PKI[login])), pin=self.pin(login), slot=0)
            machine.person(login)
            enroll(machine, login, login)

    @staticmethod
    def pin(login):
        return f"55{SIXTEEN.index(login):02d}"

    def at_once(self, pins):
        """All stand at the question; then each gives his PIN. Who was let in, and as whom."""
        with contextlib.ExitStack() as stack:
            terminals = {}
            for login in pins:
                rig.write(WORK + "/desk", f"{SIXTEEN.index(login):02d}")
                terminals[login] = stack.enter_context(key_rig.terminal("su", login, "-c", "echo SIGNED-IN as $(id -un)"))
                terminals[login].expect(PIN_PROMPT)
            for login, pin in pins.items():
                terminals[login].send(pin)
            came = {}
            for login, terminal in terminals.items():
                if pins[login] != self.pin(login):
                    terminal.expect(PIN_PROMPT)
                    terminal.send("")
                    continue
                let_in(terminal)
                came[login] = matches(r"SIGNED-IN as (\S+)", terminal.seen)[1]
            return came


def sixteen_persons_sign_in_at_once(machine):
    machine.desks = Desks(machine)
    restart(machine, authd__helper_dir=WORK + "/desk-bin", cps__module=machine.desks.folder + "/--/libhc_test_card.so")
    came = machine.desks.at_once({login: machine.desks.pin(login) for login in SIXTEEN})
    equal(came, {login: login for login in SIXTEEN})
    for login, readers in machine.desks.readers.items():
        equal(readers.logins(), ["own right"], login)
        machine.recorded(login, "success", factor="cps")


def of_sixteen_the_two_with_each_others_pin_are_refused(machine):
    one, other = SIXTEEN[3], SIXTEEN[4]
    pins = {login: machine.desks.pin(login) for login in SIXTEEN}
    pins[one], pins[other] = pins[other], pins[one]
    came = machine.desks.at_once(pins)
    equal(came, {login: login for login in SIXTEEN if login not in (one, other)})
    for login, readers in machine.desks.readers.items():
        equal(readers.logins()[1:], ["own wrong" if login in (one, other) else "own right"], login)
        equal(readers.tries("own"), 2 if login in (one, other) else 3, login)


def softhsm_signs_in(machine):
    if not os.path.exists(cards.SOFTHSM):
        print("  (left out: no SoftHSM)")
        return
    folder = WORK + "/softhsm"
    os.mkdir(folder)
    token = cards.SoftToken(folder, "CPS3v3-2600855206", PIN, (AUTH_ID, OnCard(PKI["max"])))
    os.makedirs("/etc/softhsm", exist_ok=True)
    os.chmod("/etc/softhsm", 0o755)
    shutil.copy(token.conf, "/etc/softhsm/softhsm2.conf")
    os.chmod("/etc/softhsm/softhsm2.conf", 0o644)
    restart(machine, authd__helper_dir=WORK + "/bin", cps__module=cards.SOFTHSM)
    for answers, outcome in (((WRONG,), False), ((WRONG, PIN), True), ((PIN,), True)):
        code, shown = sign_in(machine, "martin", *answers)
        equal(code == "PAM_SUCCESS", outcome, answers, shown)
    machine.recorded("martin", "success", factor="cps")
    equal(machine.lockouts("martin"), [])


def a_card_in_a_reader_of_pcscd_signs_in(machine):
    if smartcard.missing(smartcard.OPENSC):
        print("  (left out: " + smartcard.missing(smartcard.OPENSC) + ")")
        return
    machine.service = smartcard.Service()
    machine.parts.append(machine.service)
    machine.slot = smartcard.Slot(0)
    card = smartcard.Card(WORK + "/pki/max.card", "2600855206", s9a=PKI["max"])
    restart(machine, cps__module=smartcard.OPENSC)
    machine.slot.insert(card)
    smartcard.Client().await_card(machine.slot.reader)
    for pin, outcome, tries in ((PIN, True, 3), (WRONG, False, 2), (PIN, True, 3)):
        before = machine.slot.status()["verify"]
        code, shown = sign_in(machine, "martin", pin)
        equal(code == "PAM_SUCCESS", outcome, pin, shown)
        equal((machine.slot.status()["verify"] - before, card.tries()), (1, tries), pin, shown)
    machine.recorded("martin", "success", factor="cps")
    machine.slot.close()


def nothing_is_left(machine):
    """No helper goes on behind the last sign-in, and no sanitizer found anything."""
    rig.wait_until(lambda: not [name for name in key_rig.children(machine) if name.startswith(("hc-pkcs11", "real"))],
                   "the helpers end")
    check("Sanitizer" not in machine.broker.tail(1 << 24), machine.broker.tail(8000))


rig.run([
    without_a_card_nothing_is_asked, a_sign_in_of_another_host_never_waits,
    a_card_without_a_name_is_told_so_and_asked_no_pin, a_card_that_comes_while_it_is_waited_for_is_taken,
    a_card_taken_out_at_the_question_ends_it, a_card_taken_out_between_pin_and_signature_ends_it,
    the_broker_restarted_at_the_question_sends_no_pin,
    signatures_that_do_not_verify_lock_out_until_an_administrator_opens, sixteen_persons_sign_in_at_once,
    of_sixteen_the_two_with_each_others_pin_are_refused, softhsm_signs_in, a_card_in_a_reader_of_pcscd_signs_in,
    nothing_is_left,
], setup)
