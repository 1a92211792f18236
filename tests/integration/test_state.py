#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: what the broker keeps, whose it is, and how it starts.
 * a lock survives a restart and kill -9; stale sockets are replaced
 * a second broker on the same state or the same sockets refuses; the first goes on
 * wrong mode, owner or length of the seal key, a missing or foreign key beside sealed secrets, a
   store that others may write: refused with a message that says what to do
 * it starts with the capabilities of its unit, drops to its own user with nothing left of root; its files are 0600; a missing user, bad
   configuration and bad arguments are clear errors
 * sockets handed over by a service manager are used and left in place
 * started by another uid it serves that uid and root
 * administration: root and the group only, whatever the socket's mode; the log tells of strangers
 * garbage on the sockets ends that connection and nothing else
"""
import os
import re
import shutil
import socket
import subprocess

import rig
from broker import Broker
from rig import WORK, check, equal, matches

LANG = {"PATH": "/usr/bin:/bin", "LANG": "en_GB.UTF-8"}


def setup(machine):
    machine.broker.start()
    machine.key = machine.broker.state_dir + "/seal.key"


def lock_survives_restart_and_kill(machine):
    token = machine.clinician("martin", "hotp")
    for _ in range(2):
        machine.pam("martin", *[token.wrong(n) for n in range(3)])
    code = token.next()
    machine.broker.restart()
    equal(machine.pam("martin", code)[0], "PAM_MAXTRIES", "after a restart")
    machine.broker.kill()
    check(os.path.exists(machine.broker.socket), "a stale socket is there")
    machine.broker.start()
    answer, output = machine.pam("martin", code)
    equal(answer, "PAM_MAXTRIES", "after kill -9")
    matches("HC-203", output)
    machine.ctl("lockout", "clear", "martin")
    equal(machine.pam("martin", code)[0], "PAM_SUCCESS", "cleared")


def process_has_nothing_left_of_root(machine):
    with open(f"/proc/{machine.broker.process.pid}/status") as status:
        facts = dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)
    equal(set(facts["Uid"].split()), {str(rig.BROKER_UID)}, "uids")
    equal(set(facts["Gid"].split()), {str(rig.BROKER_UID)}, "gids")
    check(set(facts["Groups"].split()) <= {str(rig.BROKER_UID)}, "groups", facts["Groups"])
    for name in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
        equal(int(facts[name], 16), 0, name)
    equal(facts["NoNewPrivs"], "1")


def it_starts_with_the_capabilities_of_its_unit(machine):
    """CapabilityBoundingSet= and NoNewPrivileges= of data/hospiconnect-authd.service.in, in root's own directory."""
    with open(rig.SOURCE + "/../../data/hospiconnect-authd.service.in", encoding="utf-8") as unit:
        bounding = matches(r"(?m)^CapabilityBoundingSet=(.*)$", unit.read())[1].split()
    check(bounding, "the unit bounds nothing")
    some = ",".join(["-all", *("+" + name.removeprefix("CAP_").lower() for name in bounding)])
    machine.broker.stop()
    os.chown(machine.broker.run_dir, 0, 0)
    try:
        for _ in range(2):  # the second time over the sockets of the first
            machine.broker.start(through=["setpriv", "--no-new-privs", "--inh-caps=-all", "--bounding-set=" + some])
            machine.ctl("status")
            equal(os.stat(machine.broker.admin_socket).st_gid, rig.FIRST_UID + 900, "group of admin.sock")
            machine.broker.kill()
    finally:
        machine.broker.give(rig.BROKER_UID)
    for path in (machine.broker.socket, machine.broker.admin_socket):
        os.remove(path)  # root's, which a broker of another directory's owner leaves alone
    machine.broker.start()


def files_are_private(machine):
    for name in os.listdir(machine.broker.state_dir):
        facts = os.stat(f"{machine.broker.state_dir}/{name}")
        equal(facts.st_mode & 0o777, 0o600, name)
        equal(facts.st_uid, rig.BROKER_UID, name)
    equal(os.stat(machine.key).st_size, 32, "seal key")
    equal(os.stat(machine.broker.socket).st_mode & 0o777, 0o666, "auth.sock")
    admin = os.stat(machine.broker.admin_socket)
    equal(admin.st_mode & 0o777, 0o660, "admin.sock")
    equal(admin.st_gid, rig.FIRST_UID + 900, "group of admin.sock")


def second_broker_refuses(machine):
    token = machine.clinician("durand", "hotp")
    other = Broker("second")
    other.configure(authd__state_dir=machine.broker.state_dir)
    other.fails_to_start("(?i)another|in use|owns")
    same = Broker("third")
    same.configure(authd__socket=machine.broker.socket, authd__admin_socket=machine.broker.admin_socket)
    same.fails_to_start("another one answers")
    equal(machine.pam("durand", token.next())[0], "PAM_SUCCESS", "the first goes on")


def with_key(machine, pattern, change, undo):
    """Changes the key of the stopped broker, which then must refuse; and all is well afterwards."""
    machine.broker.stop()
    kept = WORK + "/seal.key"
    shutil.copy2(machine.key, kept)
    change(machine.key)
    said = machine.broker.fails_to_start(pattern)
    check("seal" in said.lower() and "key" in said.lower(), said)
    equal(machine.pam("durand")[0], "PAM_AUTHINFO_UNAVAIL", "nobody is let in")
    if undo:
        undo(machine.key)
    else:
        shutil.copy2(kept, machine.key)
        os.chown(machine.key, rig.BROKER_UID, rig.BROKER_UID)
    machine.broker.start()


def seal_key_that_others_may_read_is_refused(machine):
    with_key(machine, "(?i)mode|0600|others|chmod", lambda key: os.chmod(key, 0o640), lambda key: os.chmod(key, 0o600))


def seal_key_of_another_owner_is_refused(machine):
    with_key(machine, "(?i)chown", lambda key: os.chown(key, rig.uid_of("martin"), -1),
             lambda key: os.chown(key, rig.BROKER_UID, -1))


def seal_key_behind_a_link_is_refused(machine):
    def link(key):
        os.rename(key, key + ".real")
        os.symlink(key + ".real", key)

    with_key(machine, "(?i)seal", link, lambda key: os.rename(key + ".real", key))


def seal_key_that_was_cut_is_refused(machine):
    with_key(machine, "(?i)32", lambda key: os.truncate(key, 31), None)


def missing_seal_key_is_not_replaced(machine):
    with_key(machine, "(?i)missing|no such|not there|restore|lost", os.remove, None)


def foreign_seal_key_is_refused(machine):
    def foreign(key):
        with open(key, "r+b") as file:
            file.write(os.urandom(32))

    with_key(machine, "(?i)seal", foreign, None)


def store_that_others_may_write_is_refused(machine):
    machine.broker.stop()
    store = machine.store_file()
    os.chmod(store, 0o666)
    machine.broker.fails_to_start("(?i)mode|write|chmod|perm")
    os.chmod(store, 0o600)
    with open(store, "r+b") as file:
        head = file.read(32)
        file.seek(0)
        file.write(b"not a database, is it?          ")
    machine.broker.fails_to_start("(?i)store|database")
    with open(store, "r+b") as file:
        file.write(head)
    machine.broker.start()


def missing_user_is_a_clear_error(machine):
    machine.broker.stop()
    machine.broker.configure(authd__user="nosuchuser")
    machine.broker.fails_to_start("nosuchuser")
    machine.broker.configure(authd__user=None)
    machine.broker.start()


def user_root_is_for_those_who_say_so(machine):
    machine.broker.stop()
    other = Broker("root")
    other.give(0)
    other.configure(authd__user="root")
    other.start()
    matches("(?i)warning.*root", other.tail())
    other.stop()
    machine.broker.start()


def authd(*arguments, **how):
    return subprocess.run([WORK + "/bin/hospiconnect-authd", *arguments], capture_output=True, text=True, timeout=20, **how)


def configuration_errors_name_file_and_line(machine):
    path = WORK + "/bad.conf"
    rows = [
        ("[authd]\nrole = standalone\nrole = standalone\n", 3), ("[authd]\ncolour = blue\n", 2), ("[autd]\nrole = x\n", 1),
        ("[policy]\nattempts = 0\n", 2), ("[policy]\nattempts = many\n", 2), ("[policy]\nunenrolled = allow\n", 2),
        ("[policy]\nunenrolled = grace until 2026-02-31\n", 2), ("[authd]\nsocket = run/x\n", 2),
        ("[authd]\n# fine\nlanguage = de\n", 3), ("[authd]\nrole\n", 2), ("role = standalone\n", 1),
        ("[fido2]\nrp_id = X\n", 2), ("[authd]\ngateway_socket =\n", 2), ("[authd]\nhelper_dir = run/x\n", 2), ("[totp]\nwindow = 99\n", 2),
        ("[authd]\nstate_dir = /a\0b\n", 2), ("[authd]\nstate_dir = /\xff\n", 2),
    ]
    for number, (text, line) in enumerate(rows):
        with open(path, "w", encoding="latin-1") as file:
            file.write(text)
        os.chmod(path, 0o644)
        for arguments in (["--check-config", "--config", path], ["--config", path]):
            done = authd(*arguments)
            check(done.returncode > 0, "row", number, arguments, done)
            check(path in done.stderr and re.search(rf"\b{line}\b", done.stderr.replace(path, "")), "row", number,
                  "file and line:", done.stderr)
    os.chmod(path, 0o666)
    rig.write(path, "[authd]\nlanguage = fr\n", 0o666)
    check(authd("--check-config", "--config", path).returncode > 0, "a file that others may write")
    check(authd("--check-config", "--config", WORK + "/absent.conf").returncode > 0, "no file")
    rig.write(path, "[authd]\nlanguage = fr\n\n[policy]\nunenrolled = grace until 2030-01-31\n")
    done = authd("--check-config", "--config", path)
    equal(done.returncode, 0, done.stderr)


def listening_sockets_are_taken_over(machine):
    """As from a service manager: who comes before the broker runs is served when it does."""
    token = machine.clinician("bonnet", "hotp")
    machine.broker.stop()
    listeners = []
    for path in (machine.broker.socket, machine.broker.admin_socket):
        if os.path.exists(path):
            os.remove(path)
        listeners.append(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
        listeners[-1].bind(path)
        listeners[-1].listen(16)
    early = subprocess.Popen([WORK + "/bin/pam_client", "-d", machine.pam_folder(), "bonnet", token.next()],
                             stdout=subprocess.PIPE, text=True)

    def hand_over():
        for number, listener in enumerate(listeners):
            os.dup2(listener.fileno(), 3 + number)

    with open(machine.broker.log, "ab") as log:
        machine.broker.process = subprocess.Popen(
            ["/bin/sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh", WORK + "/bin/hospiconnect-authd", "--config",
             machine.broker.conf], env={"LISTEN_FDS": "2", "LISTEN_FDNAMES": "auth:admin"}, stdout=log, stderr=log,
            stdin=subprocess.DEVNULL, preexec_fn=hand_over, close_fds=False)
    matches("PAM_SUCCESS", early.communicate(timeout=10)[0], "who came early")
    for listener in listeners:
        listener.close()
    equal(machine.pam("bonnet", token.next())[0], "PAM_SUCCESS")
    machine.ctl("status")
    machine.broker.stop()
    for path in (machine.broker.socket, machine.broker.admin_socket):
        check(os.path.exists(path), "the service manager's sockets stay")
    machine.broker.start()


def command_line_is_strict(machine):
    equal(authd("--help").returncode, 0)
    check("--check-config" in authd("--help").stdout)
    matches(r"\d+\.\d+\.\d+", authd("--version").stdout)
    equal(authd("--nonsense").returncode, 2)
    equal(authd("stray").returncode, 2)
    answer = machine.ctl("user", "fly", "martin", ok=False)
    equal(answer.returncode, 2, answer)


def started_by_another_uid_it_serves_that_uid_and_root(machine):
    uid = rig.uid_of("petit")
    own = Broker("own")
    own.give(uid)
    own.start(uid=uid)
    machine.pam_folder("hc-own", f"socket={own.socket}")
    try:
        machine.ctl("user", "add", "moreau", broker=own, **rig.as_user("petit"))
        rig.settle(2)
        token = machine.totp("moreau", broker=own, **rig.as_user("petit"))
        equal(machine.pam("moreau", token.code(-1), service="hc-own", **rig.as_user("petit"))[0], "PAM_SUCCESS")
        equal(machine.pam("moreau", token.code(), service="hc-own")[0], "PAM_SUCCESS", "root")
        answer = machine.pam("moreau", token.code(1), service="hc-own", **rig.as_user("simon"))[0]
        equal(answer, "PAM_AUTH_ERR", "a third uid asks for somebody else")
        os.chmod(own.run_dir, 0o777)
        equal(machine.pam("moreau", token.code(1), service="hc-own")[0], "PAM_AUTHINFO_UNAVAIL",
              "others may write beside the socket: its owner proves nothing")
    finally:
        own.kill()


def administration_is_for_root_and_the_group(machine):
    # whoever may open the socket at all is asked for his groups
    refused = machine.ctl("user", "list", ok=False, **rig.as_user("laurent"))
    equal(refused.returncode, 1, refused)
    matches("HC-401", refused.stderr)
    machine.ctl("user", "add", "laurent", user=rig.uid_of("laurent"), group=rig.uid_of("laurent"),
                extra_groups=[rig.FIRST_UID + 900])
    matches(f"uid {rig.uid_of('laurent')}.*laurent", machine.last("laurent", "user-add")["actor"])
    os.chmod(machine.broker.admin_socket, 0o666)  # the mode of the socket is not what decides
    before = len(machine.audit())
    refused = machine.ctl("user", "add", "roux", ok=False, **rig.as_user("laurent"))
    check(refused.returncode in (1, 4), refused)
    equal(machine.ctl("user", "show", "roux", ok=False).returncode, 3, "nothing was done")
    equal(len(machine.audit()), before, "and nothing entered into the trail")
    matches("connection refused: the caller may not use this socket", machine.broker.tail())
    os.chmod(machine.broker.admin_socket, 0o660)


def garbage_ends_the_connection_and_nothing_else(machine):
    token = machine.clinician("simon", "hotp")
    header = lambda kind, length: bytes([1, 0]) + kind.to_bytes(2, "big") + length.to_bytes(4, "big")  # noqa: E731
    packets = [b"", b"\0", os.urandom(64), b"A" * 16384, b"B" * 60000, header(1, 0), header(1, 9999), header(6, 0),
               header(100, 0), header(7, 0), header(1, 8) + bytes([0, 1, 0, 4, 0, 0, 0, 9])]
    for number, packet in enumerate(packets):
        for path in (machine.broker.socket, machine.broker.admin_socket):
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
                client.settimeout(5)
                client.connect(path)
                if packet:
                    client.send(packet)
                else:
                    client.shutdown(socket.SHUT_WR)
                if path == machine.broker.socket or number not in (8,):
                    try:
                        while client.recv(65536):
                            pass
                    except ConnectionResetError:
                        pass
                    except TimeoutError:
                        raise rig.Failed(f"packet {number} on {path}: the connection stays") from None
    check(machine.broker.process.poll() is None, "the broker lives")
    equal(machine.pam("simon", token.next())[0], "PAM_SUCCESS")


def broker_stops_while_a_question_is_open(machine):
    waiting = subprocess.Popen([WORK + "/bin/pam_client", "-w", "1500", "-d", machine.pam_folder(), "simon", "123456"],
                               stdout=subprocess.PIPE, text=True, env=LANG)
    check("prompt:" in waiting.stdout.readline())
    machine.broker.stop()
    output = waiting.communicate(timeout=15)[0]
    matches("PAM_AUTHINFO_UNAVAIL", output)
    machine.broker.start()


rig.run([
    lock_survives_restart_and_kill, process_has_nothing_left_of_root, it_starts_with_the_capabilities_of_its_unit, files_are_private, second_broker_refuses,
    seal_key_that_others_may_read_is_refused, seal_key_of_another_owner_is_refused, seal_key_behind_a_link_is_refused,
    seal_key_that_was_cut_is_refused, missing_seal_key_is_not_replaced, foreign_seal_key_is_refused,
    store_that_others_may_write_is_refused, missing_user_is_a_clear_error, user_root_is_for_those_who_say_so,
    configuration_errors_name_file_and_line,
    listening_sockets_are_taken_over, command_line_is_strict, started_by_another_uid_it_serves_that_uid_and_root, administration_is_for_root_and_the_group,
    garbage_ends_the_connection_and_nothing_else, broker_stops_while_a_question_is_open,
], setup)
