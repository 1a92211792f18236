#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: PIN, fingerprint and touch at real hosts (su, sudo, login, sshd, a locker, a sandboxed helper), software keys.
Each case counts the PINs that reach the key.
 * right; wrong once; the same wrong one twice; three in a row, re-inserted, on to the last try and the permanent block
 * fingerprint: right, wrong and right, until its sensor is blocked, then the PIN
 * the second-factor marker; a touch without PIN beside a password, and never instead of one
 * a host that shows questions alone; one without privileges, devices, homes and network; a remote host does not wait
"""
import shutil
import subprocess
import threading
import time

import key_rig
import rig
from key_rig import PIN, PIN_PROMPT, SIGNED_IN, TOUCH, enroll, let_in, plug, refused, reinsert, sign_in, spent, su, works
from rig import WORK, check, equal, matches

STOP_S = 1.0  # what must not wait for anybody takes less


def setup(machine):
    shutil.copy2(rig.BUILD + "/tests/stagehand.so", WORK + "/security/")
    key_rig.setup(machine, "martin", "durand", "petit", "moreau", "laurent")


def a_pin_and_a_touch_open_su(machine):
    key = plug(machine, "a")
    enroll(machine, "martin")
    key.tell("touch manual")
    with spent(key, tries=1), su("martin") as terminal:
        terminal.expect(PIN_PROMPT)
        terminal.send(PIN)
        terminal.expect(TOUCH)
        key.await_touch()
        check("SIGNED-IN" not in terminal.seen, terminal.seen)
        check(key.touch(), "nothing waited for a touch")
        let_in(terminal)
    key.tell("touch auto 0")
    machine.recorded("martin", "success", factor="fido2", service="su", detail="verified by the device")


def a_wrong_pin_costs_one_try_however_often_it_is_typed(machine):
    key = machine.keys.keys["a"]
    with spent(key, tries=2, wrong=1), su("martin") as terminal:
        for pin in ("999999", "999999", "999999", "12", PIN):
            terminal.expect(PIN_PROMPT)
            terminal.send(pin)
        let_in(terminal)
    equal(len(rig.re.findall("HC-231", terminal.seen)), 3, terminal.seen)
    matches("HC-248", terminal.seen)
    equal(key.status()["pin_retries"], 8)


def who_gives_up_at_the_question_costs_nothing(machine):
    key = machine.keys.keys["a"]
    with spent(key):
        with su("martin") as terminal:
            terminal.expect(PIN_PROMPT)
            terminal.interrupt()
            terminal.wait()
        with su("martin") as terminal:
            terminal.expect(PIN_PROMPT)
    with spent(key, tries=1):
        works(machine, "martin")


def type_wrong(terminal, count, first):
    for number in range(count):
        terminal.expect(PIN_PROMPT)
        terminal.send(f"{first + number}")


def three_wrong_pins_ask_for_the_key_to_be_plugged_in_again(machine):
    key = machine.keys.keys["a"]
    with spent(key, tries=3, wrong=3), su("martin") as terminal:
        type_wrong(terminal, 3, 900000)
        refused(terminal, "HC-232", "plug|insert")
        check("HC-233" not in terminal.seen, terminal.seen)
    machine.recorded("martin", "failure", "PIN_BLOCKED_FOR_NOW", factor="fido2")
    # not plugged in again: it says so once more, and no try is lost
    with spent(key, tries=0), su("martin") as terminal:
        terminal.expect(PIN_PROMPT)
        terminal.send(PIN)
        refused(terminal, "HC-232")
    equal(key.status()["pin_retries"], 5)


def the_last_try_is_nobodys_but_the_persons(machine):
    key = machine.keys.keys["a"]
    reinsert(key)
    with spent(key, tries=3, wrong=3), su("martin") as terminal:
        type_wrong(terminal, 3, 900010)
        refused(terminal, "HC-232", "3 tries are left")
    reinsert(key)
    with spent(key, tries=1, wrong=1), su("martin") as terminal:
        terminal.expect("2 tries are left")
        type_wrong(terminal, 1, 900020)
        terminal.expect('One try is left.*"yes"')
        terminal.send("no")
        refused(terminal)
        check("HC-233" not in terminal.seen, terminal.seen)
    reinsert(key)
    with spent(key), su("martin") as terminal:  # the PIN itself is no yes
        terminal.expect('One try is left.*"yes"')
        terminal.send(PIN)
        refused(terminal)
    equal(key.status()["pin_retries"], 1)


def the_permanent_block_is_told_apart_and_asks_nothing(machine):
    key = machine.keys.keys["a"]
    with spent(key, tries=1, wrong=1), su("martin") as terminal:
        terminal.expect('One try is left.*"yes"')
        terminal.send("yes")
        type_wrong(terminal, 1, 900030)
        refused(terminal, "HC-233")
        check("HC-232" not in terminal.seen, terminal.seen)
    machine.recorded("martin", "failure", "PIN_BLOCKED", factor="fido2")
    for _ in range(2):
        with spent(key), su("martin") as terminal:
            refused(terminal, "HC-233")
            check("PIN of your key" not in terminal.seen, terminal.seen)
        reinsert(key)
    machine.keys.unplug("a")


def a_finger_opens_and_a_wrong_one_may_try_again(machine):
    key = plug(machine, "f", "--uv", "finger")
    key.tell("finger auto 0")
    enroll(machine, "durand")
    key.tell("finger manual")
    for fingers in ([True], [False, True], [False, False, True]):
        with spent(key, fingers=len(fingers)), su("durand") as terminal:
            terminal.expect("Put your finger on the sensor")
            for good in fingers:
                key.await_finger()
                check(key.finger(good), "no finger was waited for")
            let_in(terminal)
        check("PIN" not in terminal.seen, terminal.seen)
    machine.recorded("durand", "success", factor="fido2", detail="verified by the device")


def a_finger_that_is_not_known_leaves_the_pin(machine):
    key = machine.keys.keys["f"]
    with spent(key, tries=1, fingers=3), su("durand") as terminal:
        for _ in range(3):
            key.await_finger()
            key.finger(False)
        terminal.expect("HC-237")
        terminal.expect(PIN_PROMPT)
        terminal.send(PIN)
        let_in(terminal)
    # the sensor is open again
    with spent(key, fingers=1), su("durand") as terminal:
        key.await_finger()
        key.finger(True)
        let_in(terminal)
    machine.keys.unplug("f")


def marker_stack(machine):
    folder = machine.pam_folder()
    rig.write(f"{folder}/hc-marker", f"""auth [success=1 default=ignore] {rig.MODULE} mode=primary methods=fido2
auth requisite pam_unix.so nodelay
auth required {rig.MODULE} mode=second-factor methods=totp,recovery
account required {rig.MODULE}
""")
    return {"service": "hc-marker"}


def the_key_stands_for_the_code_once(machine):
    key, token = plug(machine, "b"), machine.totp("petit")
    enroll(machine, "petit")
    how = marker_stack(machine)
    with spent(key, tries=1):
        code, shown = machine.pam("petit", PIN, **how)
    equal(code, "PAM_SUCCESS", shown)
    equal(len(rig.re.findall("(?m)^prompt:", shown)), 1, shown)
    # two lines for codes: the second one asks
    folder = machine.pam_folder()
    with open(f"{folder}/hc-marker", encoding="utf-8") as file:
        text = file.read()
    line = text.splitlines()[2]
    rig.write(f"{folder}/hc-marker2", text.replace(line, line + "\n" + line))
    with spent(key, tries=1):
        code, shown = machine.pam("petit", PIN, token.code(), service="hc-marker2")
    equal(code, "PAM_SUCCESS", shown)
    matches("Verification code", shown)
    with spent(key, tries=1):
        code, shown = machine.pam("petit", PIN, token.wrong(), service="hc-marker2")
    check(code != "PAM_SUCCESS", shown)


def without_the_key_password_and_code_are_asked_for(machine):
    key, how = machine.keys.keys["b"], marker_stack(machine)
    machine.ctl("lockout", "clear", "petit")
    key.remove()
    rig.settle()
    token = machine.totp("moreau")
    plug(machine, "c")
    enroll(machine, "moreau")
    machine.keys.keys["c"].remove()
    code, shown = machine.pam("moreau", rig.PASSWORD, token.code(), **how)
    equal(code, "PAM_SUCCESS", shown)
    code, shown = machine.pam("moreau", rig.PASSWORD, token.wrong(), **how)
    check(code != "PAM_SUCCESS", shown)
    code, shown = machine.pam("moreau", "Wrong-Horse-7", **how)
    check(code != "PAM_SUCCESS" and "Verification" not in shown, shown)
    key.insert()


def a_marker_is_one_persons(machine):
    """A line between the two makes somebody else of PAM_USER."""
    folder, key = machine.pam_folder(), machine.keys.keys["b"]
    rig.write(f"{folder}/hc-other", f"""auth [success=ok default=die] {rig.MODULE} mode=primary methods=fido2
auth required {WORK}/security/stagehand.so user=moreau
auth required {rig.MODULE} mode=second-factor methods=totp,recovery
""")
    with spent(key, tries=1):
        code, shown = machine.pam("petit", PIN, service="hc-other")
    equal(code, "PAM_CONV_ERR", shown)  # the code of the other one is asked for, and nobody answers
    matches("Verification code", shown)
    equal(machine.last("moreau")["outcome"], "failure")


def a_touch_alone_completes_a_password_and_is_never_one(machine):
    machine.keys.keys["b"].remove()
    key = plug(machine, "u", "--u2f-only", pin=None)
    enroll(machine, "laurent", pin=None)
    touches = key.counters()["u2f_signs"]
    with spent(key):
        code, shown = sign_in(machine, "laurent", mode="second-factor", methods="fido2")
        equal(code, "PAM_SUCCESS", shown)
        machine.recorded("laurent", "success", factor="fido2", detail="possession only")
        check(key.counters()["u2f_signs"] > touches, key.counters())
        touches = key.counters()["u2f_signs"]
        code, shown = sign_in(machine, "laurent", PIN)
        check(code != "PAM_SUCCESS" and "prompt" not in shown, shown)
        matches("HC-244", shown)
        equal(key.counters()["u2f_signs"], touches, "no touch is asked for in vain")
    # with a real password before it
    rig.stack("su", "methods=fido2")
    with su("laurent") as terminal:
        terminal.expect("Password: ")
        terminal.send(rig.PASSWORD)
        let_in(terminal)
    with su("laurent") as terminal:
        terminal.expect("Password: ")
        terminal.send("Wrong-Horse-7")
        refused(terminal)
        check(TOUCH not in terminal.seen, terminal.seen)
    key_rig.primary("su", "/etc/pam.d")
    machine.keys.unplug("u")


def sudo_and_login_take_the_key(machine):
    for name in ("b", "c"):
        machine.keys.unplug(name)
    key = plug(machine, "m")
    enroll(machine, "martin")
    with spent(key, tries=1), key_rig.terminal("sudo", "id", "-un", uid=rig.uid_of("martin"), gid=rig.uid_of("martin")) as terminal:
        terminal.expect(PIN_PROMPT)
        terminal.send(PIN)
        terminal.expect(r"root\s")
        equal(terminal.wait(), 0, terminal.seen)
    machine.recorded("martin", "success", service="sudo", factor="fido2")
    with spent(key, tries=2, wrong=1), key_rig.terminal("login", "martin") as terminal:
        for pin in ("999999", PIN):
            terminal.expect(PIN_PROMPT)
            terminal.send(pin)
        terminal.expect(r"[$#] ")
        terminal.send("echo SIGNED-I''N; exit")
        terminal.expect(SIGNED_IN)
    machine.recorded("martin", "success", service="login", factor="fido2")


def a_host_without_privileges_devices_and_homes_takes_the_key(machine):
    key = machine.keys.keys["m"]
    folder = machine.pam_folder()
    key_rig.primary("hc-polkit", folder)
    answer = subprocess.run([f"{rig.BUILD}/tests/support/sandboxed", WORK + "/bin/pam_client", "-d", folder, "-s", "hc-polkit",
                             "martin", PIN], capture_output=True, text=True, timeout=20, env={"LANG": "en_GB.UTF-8"},
                            stdin=subprocess.DEVNULL)
    matches("authenticate: PAM_SUCCESS", answer.stdout + answer.stderr)
    with spent(key, tries=1, wrong=1):
        answer = subprocess.run([f"{rig.BUILD}/tests/support/sandboxed", WORK + "/bin/pam_client", "-d", folder, "-s", "hc-polkit",
                                 "martin", "999999"], capture_output=True, text=True, timeout=20, env={"LANG": "en_GB.UTF-8"},
                                stdin=subprocess.DEVNULL)
    check("SUCCESS" not in answer.stdout, answer.stdout)


def locker(login, *answers):
    return subprocess.run([WORK + "/bin/locker", "swaylock", login, *answers], capture_output=True, text=True, timeout=30,
                          env={"LANG": "en_GB.UTF-8"}, **rig.as_user(login))


def a_host_that_shows_questions_alone_tells_of_the_touch_in_one(machine):
    key = machine.keys.keys["m"]
    key_rig.primary("swaylock", "/etc/pam.d")
    with spent(key, tries=1):
        done = locker("martin", PIN)
    equal(done.returncode, 0, done.stdout)
    matches("prompt: PIN of your key .*touch", done.stdout)
    with spent(key, tries=3, wrong=2):
        done = locker("martin", "999999", "999998", PIN)
    equal(done.returncode, 0, done.stdout)
    matches("prompt: .*HC-231.*PIN of your key .*touch", done.stdout)
    machine.recorded("martin", "success", service="swaylock", actor=machine.last("martin")["actor"])


def a_host_that_shows_questions_alone_is_asked_to_press_enter(machine):
    """What would be lost as a text is a question; whatever is answered there lets nobody in."""
    machine.keys.keys["m"].remove()
    with spent(machine.keys.keys["m"]):
        done = locker("martin", "yes")
    check(done.returncode != 0, done.stdout)
    matches("prompt: Plug in your security key, then press Enter: ", done.stdout)
    machine.recorded("martin", "failure", "NO_DEVICE", factor="fido2", service="swaylock")
    key = plug(machine, "f", "--uv", "finger")
    key.tell("finger manual")

    def take_it_away():
        key.await_finger()
        key.remove()
    thief = threading.Thread(target=take_it_away)
    thief.start()
    with spent(key):
        done = locker("durand", "yes")
    thief.join(10)
    check(done.returncode != 0, done.stdout)
    matches("prompt: Put your finger on the sensor of the key, then press Enter: ", done.stdout)
    equal(machine.last("durand")["outcome"], "failure")
    key.insert()
    key.tell("finger auto 0")
    with spent(key, fingers=1):
        done = locker("durand", "")
    equal(done.returncode, 0, done.stdout)
    equal(len(rig.re.findall("(?m)^prompt:", done.stdout)), 1, done.stdout)
    machine.recorded("durand", "success", factor="fido2", detail="verified by the device", service="swaylock")
    machine.keys.unplug("f")
    machine.keys.keys["m"].insert()


def a_remote_host_waits_for_no_key(machine):
    key = machine.keys.keys["m"]
    key.remove()
    key_rig.primary("sshd", "/etc/pam.d")
    machine.start_sshd()
    for there in (False, True):
        if there:
            key.insert()
        before, connections = key.counters(), key.counters()["connections"]
        with machine.ssh("martin") as terminal:
            started = time.monotonic()
            status = terminal.wait()
            took = time.monotonic() - started
        check(status != 0 and "SIGNED-IN" not in terminal.seen, terminal.seen)
        check("PIN" not in terminal.seen, terminal.seen)
        check(took < STOP_S + 2, "it took", took)
        equal((key.counters()["connections"], key.counters()), (connections, before))
        start = time.monotonic()
        code, shown = sign_in(machine, "martin", PIN, options=("-r", "192.0.2.7"))
        took = time.monotonic() - start
        equal(code, "PAM_AUTHINFO_UNAVAIL", shown)
        check(took < STOP_S, "it took", took)


rig.run([
    a_pin_and_a_touch_open_su, a_wrong_pin_costs_one_try_however_often_it_is_typed, who_gives_up_at_the_question_costs_nothing,
    three_wrong_pins_ask_for_the_key_to_be_plugged_in_again, the_last_try_is_nobodys_but_the_persons,
    the_permanent_block_is_told_apart_and_asks_nothing, a_finger_opens_and_a_wrong_one_may_try_again,
    a_finger_that_is_not_known_leaves_the_pin, the_key_stands_for_the_code_once,
    without_the_key_password_and_code_are_asked_for, a_marker_is_one_persons,
    a_touch_alone_completes_a_password_and_is_never_one, sudo_and_login_take_the_key,
    a_host_without_privileges_devices_and_homes_takes_the_key, a_host_that_shows_questions_alone_tells_of_the_touch_in_one,
    a_host_that_shows_questions_alone_is_asked_to_press_enter, a_remote_host_waits_for_no_key, key_rig.nothing_is_left,
], setup)
