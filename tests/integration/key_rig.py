# SPDX-License-Identifier: Apache-2.0
"""Sign-ins with software security keys through real PAM hosts, for scenarios of rig.run().

    def setup(machine): key_rig.setup(machine, "martin", "durand")
    ...
    key = key_rig.plug(machine, "a", "--touch", "manual")
    key_rig.enroll(machine, "martin")
    with key_rig.spent(key, tries=1), key_rig.su("martin") as terminal:
        terminal.expect(key_rig.PIN_PROMPT)
        ...

spent() is the proof that no program burns a try by itself: it counts what reached the key.
"""
import contextlib
import json
import os
import subprocess

import rig
from keys import Keys
from rig import WORK, equal, matches

FOLDER = WORK + "/keys"
PIN = "123456"
OPEN = ("--mode", "0666", "--attestation", "self")  # open as the udev rule gives it to the broker's user
PIN_PROMPT = "PIN of your key[^:]*: "
TOUCH = "Touch the key that blinks"
SIGNED_IN = r"SIGNED-IN\s"


def setup(machine, *people, **settings):
    os.makedirs(FOLDER, exist_ok=True)
    os.chmod(FOLDER, 0o755)
    machine.keys = Keys(FOLDER)
    machine.keys.everywhere(WORK + "/bin/hc-fido2")
    machine.broker.configure(authd__helper_dir=WORK + "/bin", fido2__rp_id="login.example.org",
                             fido2__insert_timeout="1s", fido2__pin_min="4", **settings)
    machine.broker.start()
    for name in people:
        machine.person(name)
    for service in ("su", "su-l", "sudo", "login"):
        primary(service, "/etc/pam.d")
    # su(1) and login(1) rest after a refusal
    with open("/etc/login.defs", "a", encoding="utf-8") as file:
        file.write("\nFAIL_DELAY 0\n")


def primary(service, folder=rig.WORK + "/pam.d", methods="fido2"):
    """A service that the key alone opens."""
    os.makedirs(folder, exist_ok=True)
    module = f"{rig.MODULE} mode=primary methods={methods}"
    rig.write(f"{folder}/{service}", f"auth required {module}\naccount required {module}\nsession required pam_permit.so\n")


def plug(machine, name, *options, pin=PIN):
    return machine.keys.plug(name, *OPEN, *(("--pin", pin) if pin else ()), *options)


def enroll(machine, login, *options, pin=PIN):
    answer = subprocess.run(
        [WORK + "/bin/hospictl", "--json", "--socket", machine.broker.admin_socket, "enroll", "fido2", login, *options],
        input=(pin or "") + "\n", capture_output=True, text=True, timeout=40,
        env={"PATH": os.environ["PATH"], "LANG": "en_GB.UTF-8"})
    equal(answer.returncode, 0, answer.stdout, answer.stderr)
    return json.loads(answer.stdout)


def sign_in(machine, login, *answers, mode="primary", methods="fido2,totp,recovery", **how):
    """One sign-in by pam_client: code, and what was shown."""
    folder = machine.pam_folder()
    module = f"{rig.MODULE} mode={mode} methods={methods}"
    rig.write(f"{folder}/hc-{mode}", f"auth required {module}\naccount required {module}\n")
    return machine.pam(login, *answers, service="hc-" + mode, **how)


def works(machine, login, pin=PIN):
    code, shown = sign_in(machine, login, pin)
    equal(code, "PAM_SUCCESS", shown)
    return shown


def terminal(*command, **how):
    return rig.Terminal(command, env={"PATH": WORK + "/bin:/usr/bin:/bin", "TERM": "dumb", "LANG": "en_GB.UTF-8",
                                      "HOME": "/"}, **how)


def su(login):
    """su(1) by root: nothing but our line stands in its stack."""
    return terminal("su", login, "-c", "echo SIGNED-IN")


def refused(session, *patterns):
    """What stands on a terminal whose program must end in a refusal."""
    status = session.wait()
    rig.check(status != 0 and "SIGNED-IN" not in session.seen, status, session.seen)
    for pattern in patterns:
        matches(pattern, session.seen)


def let_in(session):
    status = session.wait()
    equal(status, 0, session.seen)
    matches("SIGNED-IN", session.seen)


@contextlib.contextmanager
def spent(key, tries=0, wrong=0, fingers=0):
    """Exactly so many PINs reach the key meanwhile, so many of them wrong, and so many fingers."""
    before = key.counters()
    yield
    after = key.counters()
    equal(tuple(after[name] - before[name] for name in ("pin_attempts", "pin_wrong", "finger_attempts")),
          (tries, wrong, fingers), "PINs, wrong ones, and fingers that reached the key")


def reinsert(key):
    key.remove()
    key.insert()


def children(machine):
    """The names of what the broker has started."""
    return [name for _, name in machine.broker.helpers()]


def nothing_is_left(machine):
    """No helper goes on behind the last sign-in, and no sanitizer found anything."""
    rig.wait_until(lambda: not [name for name in children(machine) if name.startswith("hc-fido2")], "the helpers end")
    machine.keys.stop()
    rig.check("Sanitizer" not in machine.broker.tail(1 << 24), machine.broker.tail(8000))
