#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: the way to the broker is broken, at sshd and at pam_client; nobody is let in by it.
 * broker stopped, hung before the first answer, hung in the middle: PAM_AUTHINFO_UNAVAIL within
   bounded seconds, the person reads which
 * an impostor on the socket is sent nothing and its verdict is not read
 * a question that nobody answers times out, and the late answer counts for nothing
 * broker killed between question and answer; ssh client gone at the question: a denial, the trail
   says so, the broker lives
 * when the broker is back, sign-in works without restarting anything else
"""
import os
import signal
import subprocess
import time

import rig
from rig import WORK, check, equal, matches, wait_until

# Listens as another user, tells every client that it may come in, keeps what it was sent.
IMPOSTOR = """
import socket, sys
listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
listener.bind(sys.argv[1])
import os; os.chmod(sys.argv[1], 0o666)
listener.listen(16)
print("listening", flush=True)
allow = bytes.fromhex(sys.argv[2])
while True:
    client, _ = listener.accept()
    print("client", flush=True)
    try:
        client.send(allow)
        client.settimeout(3)
        print("received", len(client.recv(16384)), flush=True)
    except OSError as problem:
        print("received nothing:", problem, flush=True)
    client.close()
"""
# RESULT, verdict HC_ALLOW, reason 0
ALLOW = bytes([1, 0]) + (6).to_bytes(2, "big") + (16).to_bytes(4, "big") + b"".join(
    field.to_bytes(2, "big") + (4).to_bytes(2, "big") + value.to_bytes(4, "big") for field, value in ((15, 0x4B9C35E6), (16, 0)))


def setup(machine):
    machine.broker.start()
    machine.start_sshd()
    machine.token = machine.clinician("martin", "hotp")
    machine.person("durand")
    signed_in, shown = machine.ssh_code("martin", machine.token.next())
    check(signed_in, "the rig itself:", shown)


def timed(function, *arguments, **how):
    begin = time.monotonic()
    return (*function(*arguments, **how), time.monotonic() - begin)


def stopped_broker_lets_nobody_in(machine):
    machine.broker.stop()
    mark = machine.syslog.mark()
    code, output, seconds = timed(machine.pam, "martin", machine.token.code_again())
    equal(code, "PAM_AUTHINFO_UNAVAIL", output)
    check(seconds < 4, "bounded:", seconds)
    matches("HC-101", output)
    check("prompt:" not in output, "nothing is asked:", output)
    machine.syslog.expect("pam_hospiconnect.*HC-101|HC-101.*", mark)

    signed_in, shown, seconds = timed(machine.ssh_code, "martin")
    check(not signed_in, shown)
    check(seconds < 8, seconds)
    matches("HC-101", shown)
    signed_in, shown = machine.ssh_key("martin")
    check(not signed_in, "account phase:", shown)
    machine.broker.start()
    signed_in, shown = machine.ssh_code("martin", machine.token.next())
    check(signed_in, "the broker is back:", shown)


def hung_broker_is_waited_for_two_seconds(machine):
    machine.broker.signal(signal.SIGSTOP)
    try:
        code, output, seconds = timed(machine.pam, "martin")
        equal(code, "PAM_AUTHINFO_UNAVAIL", output)
        check(1.5 < seconds < 5, "bounded:", seconds)
        matches("HC-102", output)
        signed_in, shown, seconds = timed(machine.ssh_code, "martin")
        check(not signed_in and seconds < 8, seconds, shown)
        matches("HC-102", shown)
    finally:
        machine.broker.signal(signal.SIGCONT)
    signed_in, shown = machine.ssh_code("martin", machine.token.next())
    check(signed_in, "woken up:", shown)


def broker_hung_behind_the_question_is_given_up(machine):
    with machine.ssh("martin", timeout=25) as terminal:
        terminal.expect("Password: ")
        terminal.send(rig.PASSWORD)
        terminal.expect(machine.prompt)
        machine.broker.signal(signal.SIGSTOP)
        try:
            begin = time.monotonic()
            terminal.send(machine.token.next())
            check(terminal.wait() != 0, terminal.seen)
            check(10 < time.monotonic() - begin < 18, "silence over 12 s is a hang:", time.monotonic() - begin)
            matches("HC-102", terminal.seen)
        finally:
            machine.broker.signal(signal.SIGCONT)
    signed_in, shown = machine.ssh_code("martin", machine.token.next())
    check(signed_in, shown)


def impostor_is_told_nothing_and_believed_nothing(machine):
    machine.broker.stop()
    path = machine.broker.socket
    if os.path.exists(path):
        os.remove(path)
    os.chmod(machine.broker.run_dir, 0o777)
    said = WORK + "/impostor"
    try:
        with open(said, "w") as out:
            impostor = subprocess.Popen(["/usr/bin/python3", "-c", IMPOSTOR, path, ALLOW.hex()], stdout=out,
                                        **rig.as_user("durand"))
        wait_until(lambda: "listening" in open(said).read(), "impostor listens")
        mark = machine.syslog.mark()
        code, output = machine.pam("martin", "123456")
        equal(code, "PAM_AUTHINFO_UNAVAIL", output)
        matches("HC-103", output)
        machine.syslog.expect("HC-103", mark)
        code, output = machine.pam("martin", options=["-a"])
        equal(code, "PAM_AUTHINFO_UNAVAIL", output)
        signed_in, shown = machine.ssh_code("martin")
        check(not signed_in and "HC-103" in shown, shown)
        wait_until(lambda: open(said).read().count("received") >= 3, "impostor saw three clients")
        for line in open(said).read().splitlines():
            check(not line.startswith("received ") or line in ("received 0",) or "nothing" in line, "it was told:", line)
    finally:
        impostor.kill()
        impostor.wait()
        os.remove(path)
        os.chmod(machine.broker.run_dir, 0o755)
    machine.broker.start()
    signed_in, shown = machine.ssh_code("martin", machine.token.next())
    check(signed_in, shown)


def broker_killed_at_the_question_denies(machine):
    with machine.ssh("martin") as terminal:
        terminal.expect("Password: ")
        terminal.send(rig.PASSWORD)
        terminal.expect(machine.prompt)
        machine.broker.kill()
        code = machine.token.next()
        terminal.send(code)
        check(terminal.wait() != 0, terminal.seen)
        matches("HC-10[12]", terminal.seen)
    machine.broker.start()
    signed_in, shown = machine.ssh_code("martin", code)
    check(signed_in, "the code was not consumed:", shown)


def client_gone_at_the_question_is_recorded(machine):
    with machine.ssh("martin") as terminal:
        terminal.expect("Password: ")
        terminal.send(rig.PASSWORD)
        terminal.expect(machine.prompt)
        terminal.kill()
    row = wait_until(lambda: next((row for row in machine.audit("--user", "martin")
                                   if row["reason"] == "CANCELLED"), None), "a record of the cut")
    equal(row["outcome"], "failure", row)
    signed_in, shown = machine.ssh_code("martin", machine.token.next())
    check(signed_in, shown)


def interrupt_at_the_question_ends_the_sign_in(machine):
    with rig.Terminal(["su", "martin", "-c", "echo SIGNED-IN"], uid=rig.uid_of("durand"), gid=rig.uid_of("durand")) as terminal:
        terminal.expect("Password: ")
        terminal.send(rig.PASSWORD)
        terminal.expect(machine.prompt)
        terminal.interrupt()
        check(terminal.wait() != 0 and "SIGNED-IN" not in terminal.seen, terminal.seen)
    code, output = machine.pam("martin", machine.token.next())
    equal(code, "PAM_SUCCESS", output)


def conversation_that_fails_denies(machine):
    code, output = machine.pam("martin")
    equal(code, "PAM_CONV_ERR", output)
    matches("prompt:", output)


def unanswered_question_times_out(machine):
    machine.broker.configure(policy__answer_timeout="5s")
    machine.broker.restart()
    code, output = machine.pam("martin", machine.token.code_again(), options=["-w", "6000"])
    equal(code, "PAM_AUTH_ERR", output)
    matches("HC-210", output)
    equal(machine.last("martin")["reason"], "TIMED_OUT")
    machine.broker.configure(policy__answer_timeout=None)
    machine.broker.restart()
    equal(machine.pam("martin", machine.token.next())[0], "PAM_SUCCESS", "the late code was not consumed")


def nobody_behind_a_closed_socket_folder(machine):
    os.chmod(machine.broker.run_dir, 0o700)
    os.chown(machine.broker.run_dir, 0, 0)
    try:
        answer = subprocess.run([WORK + "/bin/locker", "swaylock", "martin", rig.PASSWORD, "123456"], text=True,
                                capture_output=True, timeout=20, **rig.as_user("martin"))
        matches("authenticate: PAM_AUTHINFO_UNAVAIL", answer.stdout)
    finally:
        machine.broker.give(rig.BROKER_UID)


rig.run([
    stopped_broker_lets_nobody_in, hung_broker_is_waited_for_two_seconds, impostor_is_told_nothing_and_believed_nothing,
    broker_killed_at_the_question_denies, client_gone_at_the_question_is_recorded,
    interrupt_at_the_question_ends_the_sign_in, conversation_that_fails_denies, unanswered_question_times_out,
    nobody_behind_a_closed_socket_folder,
    broker_hung_behind_the_question_is_given_up,
], setup)
