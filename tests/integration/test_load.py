#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: many at once, through real libpam, one process each.
 * one person with one code, 64 at once: exactly one gets in (TOTP, HOTP, recovery code)
 * 64 people with their codes at once: none is refused
 * a person who takes long to type delays nobody, and is let in even after more than the 12 s of silence
   that pass for a hang
 * 300 connections of unprivileged users that say nothing do not keep root's services from signing
   people in, nor does an administrator's program that asks and does not read
"""
import os
import subprocess
import time

import rig
from rig import WORK, check, equal, wait_until

IDLE = """
import socket, sys
held = []
for _ in range(int(sys.argv[2])):
    one = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    one.settimeout(2)
    try:
        one.connect(sys.argv[1])
    except OSError:
        pass
    held.append(one)
print("holding", flush=True)
sys.stdin.read()
"""
# AUDIT_LIST, no fields: many rows, none of them read
DEAF = """
import socket, sys
one = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
one.connect(sys.argv[1])
one.send(bytes([1, 0, 0, 150, 0, 0, 0, 0]))
print("holding", flush=True)
sys.stdin.read()
"""


def setup(machine):
    machine.broker.start()
    token = machine.clinician("mercier", "hotp")
    machine.slowest = subprocess.Popen([WORK + "/bin/pam_client", "-w", "13500", "-d", machine.pam_folder(), "mercier",
                                        token.next()], stdout=subprocess.PIPE, text=True)


def at_once(machine, people):
    """Signs all in at the same instant; returns the codes of libpam, one for each."""
    lines = "".join(f"{login} {code}\n" for login, code in people)
    _, output = machine.pam("", options=["-b"], input=lines, timeout=60)
    codes = [line.split()[-1] for line in output.splitlines()]
    equal(len(codes), len(people), output)
    return codes


def exactly_once(machine, login, code):
    codes = at_once(machine, [(login, code)] * 64)
    equal(codes.count("PAM_SUCCESS"), 1, login, sorted(codes))
    check(set(codes) <= {"PAM_SUCCESS", "PAM_AUTH_ERR", "PAM_MAXTRIES", "PAM_CONV_ERR"}, "clear refusals only:", set(codes))
    events = [row["outcome"] for row in machine.audit("--user", login) if row["event"] == "sign-in"]
    equal(events.count("success"), 1, "records of success")


def one_totp_code_passes_once(machine):
    exactly_once(machine, "martin", machine.clinician("martin").code())


def one_hotp_code_passes_once(machine):
    exactly_once(machine, "durand", machine.clinician("durand", "hotp").next())


def one_recovery_code_passes_once(machine):
    machine.person("petit")
    exactly_once(machine, "petit", machine.recovery("petit")[7])


def sixty_four_people_sign_in_at_once(machine):
    tokens = {f"nurse{n:02}": None for n in range(64)}
    for login in tokens:
        tokens[login] = machine.clinician(login)
    begin = time.monotonic()
    codes = at_once(machine, [(login, token.code()) for login, token in tokens.items()])
    equal(set(codes), {"PAM_SUCCESS"}, sorted(codes))
    print(f"64 people in {time.monotonic() - begin:.2f} s")
    equal(sum(row["outcome"] == "success" and (row["login"] or "").startswith("nurse") and row["event"] == "sign-in"
              for row in machine.audit("--limit", "1000")), 64, "records")
    machine.tokens = tokens


def a_slow_hand_delays_nobody(machine):
    slow = machine.clinician("moreau", "hotp")
    quick = machine.clinician("laurent", "hotp")
    waiting = subprocess.Popen([WORK + "/bin/pam_client", "-w", "3000", "-d", machine.pam_folder(), "moreau", slow.next()],
                               stdout=subprocess.PIPE, text=True)
    check("prompt:" in waiting.stdout.readline(), "the slow one is at the question")
    for _ in range(20):
        begin = time.monotonic()
        equal(machine.pam("laurent", quick.next())[0], "PAM_SUCCESS")
        check(time.monotonic() - begin < 2.5, "delayed:", time.monotonic() - begin)
    check(waiting.poll() is None, "still typing")
    output = waiting.communicate(timeout=10)[0]
    check("PAM_SUCCESS" in output, output)


def holder(program, path, *arguments, **how):
    process = subprocess.Popen(["/usr/bin/python3", "-c", program, path, *arguments], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True, **how)
    check("holding" in process.stdout.readline(), "connections are made")
    return process


def idle_connections_do_not_keep_root_out(machine):
    token = machine.clinician("simon", "hotp")
    holders = [holder(IDLE, machine.broker.socket, "100", **rig.as_user(login)) for login in ("martin", "durand", "petit")]
    try:
        for _ in range(5):
            begin = time.monotonic()
            code, output = machine.pam("simon", token.next())
            equal(code, "PAM_SUCCESS", output)
            check(time.monotonic() - begin < 2.5, "delayed:", time.monotonic() - begin)
        machine.ctl("status")
        done = subprocess.run([WORK + "/bin/locker", "swaylock", "simon", rig.PASSWORD, token.next()], text=True,
                              capture_output=True, timeout=20, **rig.as_user("simon"))
        equal(done.returncode, 0, "another user's locker:", done.stdout)
    finally:
        for process in holders:
            process.kill()
            process.wait()
    rig.matches("too many", machine.broker.tail(), "the log tells who was refused")
    wait_until(lambda: machine.auth("simon", token.next()).split()[1] == "allow", "sign-in afterwards")


def an_administrator_who_does_not_read_delays_nobody(machine):
    token = machine.clinician("michel", "hotp")
    process = holder(DEAF, machine.broker.admin_socket)
    try:
        for _ in range(5):
            begin = time.monotonic()
            equal(machine.pam("michel", token.next())[0], "PAM_SUCCESS")
            check(time.monotonic() - begin < 2.5, "delayed:", time.monotonic() - begin)
    finally:
        process.kill()
        process.wait()
    with open(f"/proc/{machine.broker.process.pid}/stat") as stat:
        ticks = sum(int(field) for field in stat.read().rsplit(")", 1)[1].split()[11:13])
    print(f"broker: {ticks / os.sysconf('SC_CLK_TCK'):.2f} s of CPU in all")


def whoever_types_for_longer_than_the_silence_gets_in(machine):
    """The broker's signs of life wait in the socket while the module waits for the person."""
    output = machine.slowest.communicate(timeout=20)[0]
    check("PAM_SUCCESS" in output, output)


rig.run([
    one_totp_code_passes_once, one_hotp_code_passes_once, one_recovery_code_passes_once,
    sixty_four_people_sign_in_at_once, a_slow_hand_delays_nobody,
    an_administrator_who_does_not_read_delays_nobody, rig.no_complaint_in_the_brokers_log,
    idle_connections_do_not_keep_root_out, whoever_types_for_longer_than_the_silence_gets_in,
], setup)
