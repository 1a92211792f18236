#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: a disk that is full, and one that went read-only, under the running broker and at its start.
 * a right code is refused with PAM_AUTHINFO_UNAVAIL and HC-302, and the log says why
 * nothing was half-written: the store is whole, the trail holds, and the same code, not consumed,
   signs in once there is space again
 * administration is refused with a clear text, too
"""
import os
import subprocess

import rig
from rig import WORK, check, equal, matches


def setup(machine):
    machine.disk = machine.broker.state_dir


def fill(path):
    """Writes until there is no space; as root, to the last page."""
    with open(path + "/ballast", "wb", buffering=0) as ballast:
        for size in (65536, 4096, 512, 1):
            try:
                while True:
                    ballast.write(b"\0" * size)
            except OSError:
                continue


def whole(machine):
    machine.broker.stop()
    done = subprocess.run(["sqlite3", machine.store_file(), "PRAGMA integrity_check"], capture_output=True, text=True,
                          timeout=20)
    equal(done.stdout.strip(), "ok", done.stderr)
    machine.broker.start()
    machine.ctl("audit", "verify")


def refused_while_not_writable(machine, login, code):
    mark, before = machine.syslog.mark(), len(machine.broker.tail(1 << 20))
    for _ in range(2):
        answer, output = machine.pam(login, code)
        equal(answer, "PAM_AUTHINFO_UNAVAIL", output)
        matches("HC-30[12]", output)
    matches("STORE_NOT_WRITABLE", machine.broker.tail(1 << 20)[before:], "authd's log")
    machine.syslog.expect("HC-30[12]", mark)


def full_disk_refuses_and_forgets_nothing(machine):
    rig.mount("-t", "tmpfs", "-o", "size=2m,mode=700", "small", machine.disk)
    machine.broker.give(rig.BROKER_UID)
    machine.broker.start()
    token = machine.clinician("martin", "hotp")
    codes = machine.recovery("martin")
    machine.broker.restart()
    fill(machine.disk)
    code = token.next()
    refused_while_not_writable(machine, "martin", code)
    refused_while_not_writable(machine, "martin", codes[0])
    answer = machine.ctl("user", "add", "durand", ok=False)
    equal(answer.returncode, 1, answer)
    matches("HC-302", answer.stderr + answer.stdout)

    os.remove(machine.disk + "/ballast")
    equal(machine.pam("martin", code)[0], "PAM_SUCCESS", "space is back: the code was not consumed")
    equal(machine.pam("martin", code, code, code)[0], "PAM_AUTH_ERR", "now it is")
    equal(machine.pam("martin", codes[0])[0], "PAM_SUCCESS", "recovery code")
    equal(machine.ctl("user", "show", "durand", ok=False).returncode, 3, "nothing of the refused person")
    whole(machine)


def start_on_a_full_disk_lets_nobody_in(machine):
    token = machine.clinician("petit", "hotp")
    machine.broker.stop()
    fill(machine.disk)
    with machine.broker.launch():
        code, output = machine.pam("petit", token.code_again())
    equal(code, "PAM_AUTHINFO_UNAVAIL", output)
    matches("(?i)full|no space", machine.broker.tail(), "authd's log")
    machine.broker.kill()
    os.remove(machine.disk + "/ballast")
    machine.broker.start()
    equal(machine.pam("petit", token.next())[0], "PAM_SUCCESS", "space is back")
    whole(machine)
    machine.broker.stop()
    subprocess.run(["umount", machine.disk], check=True)


def disk_that_turned_read_only_refuses(machine):
    image = machine.mount_disk(machine.disk)
    machine.broker.start()
    token = machine.clinician("moreau", "hotp")
    equal(machine.pam("moreau", token.next())[0], "PAM_SUCCESS", "before")
    rig.mount("-o", "remount,abort", machine.disk)  # what the kernel does on an I/O error
    code = token.next()
    refused_while_not_writable(machine, "moreau", code)

    machine.broker.kill()
    subprocess.run(["umount", machine.disk], check=True)
    rig.mount("-o", "loop", image, machine.disk)
    machine.broker.start()
    equal(machine.pam("moreau", code)[0], "PAM_SUCCESS", "mounted anew: the code was not consumed")
    whole(machine)
    machine.token = token


def start_on_a_read_only_disk_lets_nobody_in(machine):
    machine.broker.stop()
    rig.mount("-o", "remount,ro", machine.disk)
    with machine.broker.launch():
        code, output = machine.pam("moreau", machine.token.code_again())
    equal(code, "PAM_AUTHINFO_UNAVAIL", output)
    matches("(?i)read-?only", machine.broker.tail(), "authd's log")
    machine.broker.kill()
    rig.mount("-o", "remount,rw", machine.disk)
    machine.broker.start()
    equal(machine.pam("moreau", machine.token.next())[0], "PAM_SUCCESS", "writable again")
    machine.broker.stop()
    subprocess.run(["umount", machine.disk], check=True)


rig.run([
    full_disk_refuses_and_forgets_nothing, start_on_a_full_disk_lets_nobody_in, disk_that_turned_read_only_refuses,
    start_on_a_read_only_disk_lets_nobody_in,
], setup)
