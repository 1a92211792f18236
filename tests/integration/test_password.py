#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: hc-password with the real pam_unix, in the shipped stack.
 * nobody but the broker's user is answered, not even root; nothing that is no request is
 * a wrong password, an unknown name, an empty password, root and root under another name: no
 * expired, locked and shell-less accounts: what pam_unix's account phase says
 * a stack that asks twice, changes the name, is missing or runs pam_hospiconnect: never yes
 * a check that hangs is killed after 10 s and delays nobody
 * started by a socket that somebody else made (LISTEN_FDS)
"""
import os
import shutil
import socket
import struct
import subprocess
import time

import rig
from rig import WORK, check, equal, wait_until

HELPER = WORK + "/bin/hc-password"
FOLDER = WORK + "/password"
SOCKET = FOLDER + "/password.sock"
STACK = "/etc/pam.d/hospiconnect-password"
SHIPPED = os.path.join(rig.SOURCE, "..", "..", "data", "pam.d", "hospiconnect-password")
WRONG, BUSY, UNAVAILABLE, RIGHT = 0, 1, 2, 0x5D2A94C7
LOGIN, ANSWER, FLAGS, ANSWERED = 30, 14, 4, 20


def field(number, value):
    return struct.pack(">HH", number, len(value)) + value


def message(login, password, flags=0):
    body = field(ANSWER, password.encode())
    if login:
        body += field(LOGIN, login.encode())
    if flags:
        body += field(FLAGS, struct.pack(">I", flags))
    return struct.pack(">BBHI", 1, 0, 60, len(body)) + body


class Helper:
    def __init__(self):
        self.process = None

    def start(self, *arguments, **how):
        with open(WORK + "/password.log", "ab") as log:
            self.process = subprocess.Popen([HELPER, *(arguments or ("--listen", SOCKET, "--peer", rig.BROKER_USER))],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, **how)
        return self

    def stop(self):
        self.process.terminate()
        equal(self.process.wait(10), 0, "status after SIGTERM")

    def restart(self):
        """Its counters begin anew, so that no case is refused for another's tries."""
        self.stop()
        self.start()
        wait_until(lambda: connects(), "hc-password listens")


def connects():
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        return probe.connect_ex(SOCKET) == 0


def log():
    with open(WORK + "/password.log", encoding="utf-8") as file:
        return file.read()


def ask(packet, uid=rig.BROKER_UID, timeout=15, before=None):
    """The answer's number, None for a connection that ends without one; asked by a process of that user."""
    ends = os.pipe()
    pid = os.fork()
    if pid == 0:
        verdict = b"none"
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
                client.settimeout(timeout)
                client.connect(SOCKET)
                client.send(packet)
                answer = client.recv(16384)
                if len(answer) == 16:
                    verdict = str(struct.unpack(">I", answer[12:])[0]).encode()
                elif answer:
                    verdict = b"malformed"
        except ConnectionResetError:
            pass  # closed with our packet unread
        except OSError as error:
            verdict = type(error).__name__.encode()
        os.write(ends[1], verdict)
        os._exit(0)
    os.close(ends[1])
    with os.fdopen(ends[0], "rb") as reader:
        text = reader.read().decode()
    os.waitpid(pid, 0)
    return int(text) if text.isdigit() else text


def password(login, typed=rig.PASSWORD, **how):
    return ask(message(login, typed), **how)


def setup(machine):
    shutil.copy(SHIPPED, STACK)
    os.mkdir(FOLDER, 0o755)
    machine.helper = Helper().start()
    wait_until(connects, "hc-password listens")


def nobody_but_the_broker_is_answered(machine):
    equal(password("martin", uid=rig.uid_of("martin")), "PermissionError")
    check(password("martin", uid=0) in ("none", "BrokenPipeError"), "root passes the mode, and is closed unread")
    os.chmod(SOCKET, 0o666)
    # closed unread: before or after the question was sent
    check(password("martin", uid=rig.uid_of("martin")) in ("none", "BrokenPipeError"))
    os.chmod(SOCKET, 0o600)
    check("the caller is not the broker" in log(), log())


def a_wrong_password_is_a_no(machine):
    for login, typed in (("martin", "wrong"), ("martin", ""), ("martin", rig.PASSWORD + "\0"), ("martin", "x" * 511),
                         ("martin", "x" * 512), ("nobody-of-that-name", rig.PASSWORD), (None, rig.PASSWORD)):
        equal(password(login, typed), WRONG, login, typed)
    equal(ask(message("martin", rig.PASSWORD, 1)), WRONG, "a decoy")


def the_right_password_is_a_yes(machine):
    equal(password("martin"), RIGHT)
    equal(password("durand"), RIGHT)


def root_is_never_answered_under_whatever_name(machine):
    equal(password("root"), WRONG)
    for name in ("passwd", "shadow"):
        with open("/etc/" + name, "a", encoding="utf-8") as file:
            file.write("toor:x:0:0::/:/bin/sh\n" if name == "passwd" else f"toor:{rig.password_hash()}:19000:0:99999:7:::\n")
    equal(password("toor"), WRONG)
    check("uid 0 does not sign in" in log(), log())


def an_account_that_may_not_sign_in_is_a_no(machine):
    with open("/etc/shadow", encoding="utf-8") as file:
        before = file.read()
    day = int(time.time() // 86400)
    for fields in (f"19000:0:99999:7::{day - 1}:", "0:0:99999:7:::", f"{day - 100}:0:10:7:5::"):
        lines = [f"petit:{rig.password_hash()}:{fields}" if line.startswith("petit:") else line
                 for line in before.splitlines()]
        with open("/etc/shadow", "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        equal(password("petit"), WRONG, fields)
    for shadow in ("", "!", "*", "!" + rig.password_hash()):
        lines = [f"petit:{shadow}:19000:0:99999:7:::" if line.startswith("petit:") else line for line in before.splitlines()]
        with open("/etc/shadow", "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        equal(password("petit", "" if shadow == "" else rig.PASSWORD), WRONG, shadow)
        machine.helper.restart()
    with open("/etc/shadow", "w", encoding="utf-8") as file:
        file.write(before)
    equal(password("petit"), RIGHT)


def with_stack(*lines):
    rig.write(STACK, "\n".join(lines) + "\n")


def a_stack_that_asks_for_more_never_says_yes(machine):
    machine.helper.restart()
    rig.write(WORK + "/oath", "HOTP moreau - 00\n", 0o600)
    with_stack("auth required pam_unix.so nodelay", f"auth required pam_oath.so usersfile={WORK}/oath",
               "account required pam_permit.so")
    check(password("moreau") in (WRONG, UNAVAILABLE), "asked twice")
    with_stack("auth required pam_oath.so usersfile=" + WORK + "/oath", "auth required pam_unix.so nodelay",
               "account required pam_permit.so")
    check(password("moreau") in (WRONG, UNAVAILABLE), "asked twice, a code first")


def a_stack_that_changes_the_name_never_says_yes(machine):
    stagehand = f"{WORK}/security/stagehand.so"
    shutil.copy(f"{rig.BUILD}/tests/stagehand.so", stagehand)
    with_stack("auth required pam_unix.so nodelay", f"auth required {stagehand} user=durand", "account required pam_unix.so")
    equal(password("martin"), UNAVAILABLE)
    check("answered about somebody else" in log(), log())


def our_own_module_refuses_to_run_in_it(machine):
    with_stack("auth required pam_unix.so nodelay", f"auth required {rig.MODULE} mode=second-factor exempt=martin",
               "account required pam_permit.so")
    check(password("martin") in (WRONG, UNAVAILABLE))
    machine.syslog.expect("does not run in hospiconnect-password")


def without_its_stack_it_cannot_tell(machine):
    os.remove(STACK)
    rig.write("/etc/pam.d/other", "auth required pam_permit.so\naccount required pam_permit.so\n")
    equal(password("martin", "anything"), UNAVAILABLE)
    check("install the stack" in log(), log())


def a_check_that_hangs_is_killed_and_delays_nobody(machine):
    with_stack("auth [success=1 default=ignore] pam_succeed_if.so quiet user != laurent",
               "auth required pam_exec.so quiet /bin/sleep 60", "auth required pam_unix.so nodelay",
               "account required pam_unix.so")
    started = time.monotonic()
    pid = os.fork()
    if pid == 0:
        os._exit(0 if password("laurent", timeout=20) == "none" else 1)
    equal(password("simon"), RIGHT)
    check(time.monotonic() - started < 3, "delayed by another's check")
    equal(os.waitpid(pid, 0)[1], 0, "no answer for the one that hung")
    check(9 < time.monotonic() - started < 13, time.monotonic() - started)
    shutil.copy(SHIPPED, STACK)


def a_login_has_ten_tries_and_then_waits(machine):
    machine.helper.restart()
    for _ in range(10):
        equal(password("michel", "wrong"), WRONG)
    equal(password("michel"), BUSY)
    equal(password("garcia"), RIGHT)


def a_flood_is_answered_and_nothing_is_left_over(machine):
    machine.helper.restart()
    children = []
    for n in range(60):
        pid = os.fork()
        if pid == 0:
            os._exit(0 if password(rig.PEOPLE[n % 20]) == RIGHT else 1)
        children.append(pid)
    equal([os.waitpid(pid, 0)[1] for pid in children], [0] * 60)
    left = subprocess.run(["pgrep", "-c", "-P", str(machine.helper.process.pid)], capture_output=True, text=True, check=False)
    wait_until(lambda: left.stdout.strip() == "0", "no child is left")
    equal(len(os.listdir(f"/proc/{machine.helper.process.pid}/fd")), 5, "descriptors: 0, 1, 2, the socket, the signals")


def a_socket_that_is_handed_over_is_served(machine):
    machine.helper.stop()
    os.remove(SOCKET)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(SOCKET)
    os.chown(SOCKET, rig.BROKER_UID, 0)
    os.chmod(SOCKET, 0o600)
    equal(subprocess.run([HELPER], stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode, 2, "no socket at all")
    command = f"exec 3<&{listener.fileno()}; LISTEN_FDS=1 LISTEN_PID=$$ exec {HELPER} --peer {rig.BROKER_USER}"
    refused = subprocess.run(["/bin/sh", "-c", command], pass_fds=[listener.fileno()], capture_output=True, text=True, check=False)
    equal(refused.returncode, 1, "a socket that does not listen")
    listener.listen(8)
    process = subprocess.Popen(["/bin/sh", "-c", command], pass_fds=[listener.fileno()], stdin=subprocess.DEVNULL)
    listener.close()
    equal(password("martin"), RIGHT)
    process.terminate()
    equal(process.wait(10), 0)


def it_may_be_stopped_from_the_moment_it_listens(machine):
    for _ in range(20):
        if os.path.exists(SOCKET):
            os.remove(SOCKET)
        machine.helper.start()
        while not os.path.exists(SOCKET):
            equal(machine.helper.process.poll(), None, "ended before it listened")
        machine.helper.stop()


def nothing_of_what_was_typed_is_in_the_log(machine):
    check(rig.PASSWORD not in log() and "anything" not in log(), log())


rig.run([nobody_but_the_broker_is_answered, a_wrong_password_is_a_no, the_right_password_is_a_yes,
         root_is_never_answered_under_whatever_name, an_account_that_may_not_sign_in_is_a_no,
         a_stack_that_asks_for_more_never_says_yes, a_stack_that_changes_the_name_never_says_yes,
         our_own_module_refuses_to_run_in_it, without_its_stack_it_cannot_tell,
         a_check_that_hangs_is_killed_and_delays_nobody, a_login_has_ten_tries_and_then_waits,
         a_flood_is_answered_and_nothing_is_left_over, a_socket_that_is_handed_over_is_served,
         it_may_be_stopped_from_the_moment_it_listens,
         nothing_of_what_was_typed_is_in_the_log], setup)
