#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: a backup is made while people sign in, opens with its recovery key alone, and gives another machine everything back.
 * no recovery key, another one, a bit that was changed, an end that was cut, a file that is no backup: nothing is given out
   or put in place, and what is there stays
 * 50 sign-ins while it is made: all of them succeed, and the backup is one moment of the store
 * restored into an empty directory (docs/OPERATIONS.md, step by step): HOTP, TOTP and recovery codes open there; a code of TOTP
   that was used since the backup does not; the trail goes on and holds against an anchor from before
 * another seal key: everything still opens, under it alone, whenever the broker is killed in between
 * the gateway: its applications are there, its sessions and tokens are not
"""
import json
import os
import random
import shutil
import signal
import subprocess
import threading
import time

import gateway
import rig
from broker import Broker
from browser import Browser
from gateway import register
from rig import WORK, check, equal, matches

KEY = WORK + "/recovery.key"
FILE = WORK + "/authd.backup"
GATEWAY_FILE = WORK + "/gateway.backup"


def setup(machine):
    gateway.install(machine)
    machine.application = register(machine, "dossier")
    machine.busy = [machine.clinician(f"busy{n}", "hotp") for n in range(5)]
    machine.totp_person = machine.clinician("temps")
    machine.hotp_person = machine.clinician("bouton", "hotp")
    machine.person("papier")
    machine.codes = machine.recovery("papier")


def backup(machine, *arguments, ok=True):
    return machine.ctl("--gateway-socket", machine.gateway.admin_socket, "backup", *arguments, ok=ok)


def refused(machine, pattern, *arguments):
    answer = backup(machine, *arguments, ok=False)
    equal(answer.returncode, 1, arguments, answer.stdout, answer.stderr)
    matches(pattern, answer.stderr, arguments)


def configs(broker, machine):
    return ("--config", broker.conf, "--gateway-config", machine.gateway.conf)


def allowed(machine, *arguments, **how):
    line = machine.auth(*arguments, **how)
    check(line.split()[1] == "allow", line)


def denied(machine, *arguments, **how):
    line = machine.auth(*arguments, **how)
    check(line.split()[1] == "deny", line)


def without_a_recovery_key_there_is_no_backup(machine):
    answer = backup(machine, "create", FILE, ok=False)
    equal(answer.returncode, 3, answer.stderr)
    matches("HC-420|recovery key", answer.stderr)
    check(not os.path.exists(FILE), "something was written")
    equal([name for name in os.listdir(WORK) if name.startswith("authd.backup")], [])
    equal(machine.ctl("audit", "list", "--event", "backup")[-1]["outcome"], "failure")


def the_recovery_key_is_made_once(machine):
    said = backup(machine, "key", "create", KEY, *configs(machine.broker, machine))
    equal(os.stat(KEY).st_mode & 0o777, 0o600)
    equal(len(said["recovery_key"]), 16)
    for folder, uid in ((machine.broker.state_dir, rig.BROKER_UID), (machine.gateway.state_dir, gateway.UID)):
        facts = os.stat(folder + "/backup.seal")
        equal((facts.st_uid, facts.st_mode & 0o777), (uid, 0o600), folder)
    refused(machine, "exists", "key", "create", KEY, *configs(machine.broker, machine))


def a_key_that_something_is_sealed_for_is_kept(machine):
    folders = (machine.broker.state_dir, machine.gateway.state_dir)
    owners = (rig.BROKER_UID, gateway.UID)
    for folder in folders:
        shutil.copy2(folder + "/backup.seal", folder + "/kept")
    os.unlink(folders[1] + "/backup.seal")
    os.mkdir(folders[1] + "/backup.seal")  # cannot be replaced
    refused(machine, "half that seals", "key", "create", WORK + "/second.key", *configs(machine.broker, machine))
    backup(machine, "create", FILE + ".second")
    backup(machine, "verify", FILE + ".second", "--key", WORK + "/second.key")
    os.rmdir(folders[1] + "/backup.seal")
    for folder, owner in zip(folders, owners):
        os.rename(folder + "/kept", folder + "/backup.seal")
        os.chown(folder + "/backup.seal", owner, owner)
    os.unlink(FILE + ".second")


def people_sign_in_while_it_is_made(machine):
    failures = []

    def sign_in(number):
        for _ in range(10):
            line = machine.auth(f"busy{number}", machine.busy[number].next())
            if line.split()[1] != "allow":
                failures.append(line)

    threads = [threading.Thread(target=sign_in, args=(number,)) for number in range(5)]
    for thread in threads:
        thread.start()
    made = [backup(machine, "create", f"{FILE}.{n}") for n in range(3)]
    for thread in threads:
        thread.join()
    equal(failures, [])
    for n, answer in enumerate(made):
        equal(os.stat(f"{FILE}.{n}").st_size, answer["bytes"])
        equal(os.stat(f"{FILE}.{n}").st_mode & 0o777, 0o600)
        said = backup(machine, "verify", f"{FILE}.{n}", "--key", KEY)
        equal(said["persons"], 8, said)
    equal([name for name in os.listdir(machine.broker.state_dir) if name.startswith("copy-")], [])


def what_was_changed_is_refused(machine):
    backup(machine, "create", FILE)
    with open(FILE, "rb") as file:
        whole = file.read()
    bad = WORK + "/bad.backup"
    piece = 12304
    changes = {"empty": (b"", "is not a backup"), "foreign": (b"x" * 500, "is not a backup"), "header alone": (whole[:49], "damaged"),
               "newer": (whole[:8] + b"\2" + whole[9:], "newer version"), "key id": (whole[:9] + b"\0" * 8 + whole[17:], "another recovery key"),
               "ephemeral": (whole[:20] + bytes([whole[20] ^ 1]) + whole[21:], "damaged"),
               "first bit": (whole[:49] + bytes([whole[49] ^ 1]) + whole[50:], "damaged"),
               "last bit": (whole[:-1] + bytes([whole[-1] ^ 1]), "damaged"), "cut by one": (whole[:-1], "damaged"),
               "cut at a chunk": (whole[:49 + piece], "damaged"), "longer": (whole + b"\0", "damaged"),
               "swapped": (whole[:49] + whole[49 + piece:49 + 2 * piece] + whole[49:49 + piece] + whole[49 + 2 * piece:], "damaged")}
    for name, (content, pattern) in changes.items():
        with open(bad, "wb") as file:
            file.write(content)
        try:
            refused(machine, pattern, "verify", bad, "--key", KEY)
        except AssertionError as failure:
            raise rig.Failed(name) from failure
    with open(KEY, encoding="ascii") as file:
        text = file.read()
    digits = text.splitlines()[2]
    typo = digits.replace(digits[0], "0" if digits[0] != "0" else "1", 1)
    rig.write(WORK + "/typo.key", text.replace(digits, typo), 0o600)
    refused(machine, "recovery key", "verify", FILE, "--key", WORK + "/typo.key")
    refused(machine, "--key", "verify", FILE)


def a_store_that_is_there_is_left_alone(machine):
    refused(machine, "in use", "restore", FILE, "--key", KEY, "--force", *configs(machine.broker, machine))
    machine.broker.stop()
    refused(machine, "already", "restore", FILE, "--key", KEY, *configs(machine.broker, machine))
    machine.broker.start()
    allowed(machine, "bouton", machine.hotp_person.next())


def another_machine_gets_everything_back(machine):
    head = machine.ctl("audit", "head")
    rig.settle(12)
    used = machine.totp_person.code()
    os.unlink(FILE)
    backup(machine, "create", FILE)
    allowed(machine, "temps", used)
    machine.other = other = Broker("other")
    os.chown(other.run_dir, 0, 0)  # root binds its sockets
    shutil.rmtree(other.state_dir)
    said = backup(machine, "restore", FILE, "--key", KEY, "--config", other.conf)
    equal(said["persons"], 8)
    equal(os.stat(other.state_dir).st_mode & 0o777, 0o700)
    for name in ("authd.db", "seal.key"):
        facts = os.stat(f"{other.state_dir}/{name}")
        equal((facts.st_uid, facts.st_mode & 0o777), (rig.BROKER_UID, 0o600), name)
    equal(sorted(os.listdir(other.state_dir)), ["authd.db", "seal.key"])
    other.start()
    denied(machine, "temps", used, broker=other)
    denied(machine, "temps", machine.totp_person.wrong(), broker=other)
    code = machine.hotp_person.next()
    allowed(machine, "bouton", code, broker=other)
    denied(machine, "bouton", code, broker=other)
    allowed(machine, "papier", machine.codes[0], broker=other)
    records = machine.ctl("audit", "list", "--event", "restore", broker=other)
    equal(len(records), 1)
    matches(r"to record \d+; to be renewed: hotp 6, recovery 1", records[0]["detail"])
    rig.write(WORK + "/anchor", json.dumps(head))
    check(machine.ctl("audit", "verify", "--anchor", WORK + "/anchor", broker=other)["verified"], "the trail does not hold")
    other.restart()
    equal(len(machine.ctl("audit", "list", "--event", "restore", broker=other)), 1, "settled twice")


def force_moves_aside_what_is_there(machine):
    machine.other.stop()
    backup(machine, "restore", FILE, "--key", KEY, "--force", "--config", machine.other.conf)
    names = os.listdir(machine.other.state_dir)
    equal(len([name for name in names if ".before-" in name and name.startswith("authd.db")]) >= 1, True, names)
    machine.other.start()
    allowed(machine, "papier", machine.codes[1], broker=machine.other)
    machine.other.stop()


def what_belonged_to_a_lost_store_is_not_mixed_into_a_restored_one(machine):
    folder = machine.other.state_dir
    for name in ("authd.db-wal", "seal.key.new"):
        for left in os.listdir(folder):
            os.unlink(f"{folder}/{left}")
        rig.write(f"{folder}/{name}", "of another store", 0o600)
        refused(machine, "already", "restore", FILE, "--key", KEY, "--config", machine.other.conf)
        equal(os.listdir(folder), [name])
        backup(machine, "restore", FILE, "--key", KEY, "--force", "--config", machine.other.conf)
        check(not os.path.exists(f"{folder}/{name}"), name)


def a_verification_that_is_broken_off_leaves_nothing_readable(machine):
    folder = WORK + "/unpacked"
    os.mkdir(folder, 0o700)
    command = [WORK + "/bin/hospictl", "--json", "backup", "verify", FILE, "--key", KEY]
    for _ in range(20):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "TMPDIR": folder}) as process:
            rig.wait_until(lambda running=process: os.listdir(folder) or running.poll() is not None, "what is unpacked")
            process.terminate()
            process.wait(30)
        equal(os.listdir(folder), [])
        if process.returncode == -signal.SIGTERM:
            return
    raise rig.Failed("no verification was broken off")


def the_seal_key_is_exchanged(machine):
    before = machine.ctl("status")["seal_key_id"]
    with open(machine.broker.state_dir + "/seal.key", "rb") as file:
        old = file.read()
    said = machine.ctl("seal", "rotate")
    check(said["done"] and said["sealed_anew"] >= 7, said)
    after = machine.ctl("status")["seal_key_id"]
    check(after != before, "the key is the same")
    for _ in range(2):
        allowed(machine, "bouton", machine.hotp_person.next())
        allowed(machine, "papier", machine.codes.pop())
        machine.broker.restart()
        equal(machine.ctl("status")["seal_key_id"], after)
    with open(machine.broker.state_dir + "/seal.key", "rb") as file:
        check(file.read() != old, "the old key is still there")
    equal(sorted(name for name in os.listdir(machine.broker.state_dir) if "seal" in name), ["backup.seal", "seal.key"])
    equal(machine.ctl("audit", "list", "--event", "seal-rotate")[-1]["outcome"], "success")
    backup(machine, "create", FILE + ".rotated")
    equal(backup(machine, "verify", FILE + ".rotated", "--key", KEY)["persons"], 8)


def kills_in_between_lose_nothing(machine):
    chance = random.Random(7)
    for login in range(60):
        machine.person(f"many{login}")
        machine.ctl("enroll", "totp", f"many{login}", "--no-confirm")
    begun = time.monotonic()
    machine.ctl("seal", "rotate")
    delay = time.monotonic() - begun
    kept = 0
    for _ in range(25):
        timer = threading.Timer(delay * chance.uniform(0.5, 1), machine.broker.process.kill)
        timer.start()
        answer = machine.ctl("seal", "rotate", ok=False)
        timer.join()
        machine.broker.process.wait(10)
        machine.broker.start()
        fell_in = answer.returncode != 0
        delay *= 1.4 if fell_in else 0.7  # round the moment at which a rotation ends, however fast this machine is
        kept += fell_in
        allowed(machine, "bouton", machine.hotp_person.next())
        check(not os.path.exists(machine.broker.state_dir + "/seal.key.new"), "a rotation was not finished")
    check(kept > 0, "no kill fell into a rotation")
    allowed(machine, "papier", machine.codes.pop())
    os.unlink(FILE + ".rotated")
    backup(machine, "create", FILE + ".rotated")
    said = backup(machine, "verify", FILE + ".rotated", "--key", KEY)
    equal(said["secrets"] >= 67, True, said)
    check(machine.ctl("audit", "verify")["verified"], "the trail does not hold")


def two_rotations_at_once_keep_the_key(machine):
    path = machine.broker.state_dir + "/seal.key"
    for _ in range(5):
        threads = [threading.Thread(target=machine.ctl, args=("seal", "rotate"), kwargs={"ok": False}) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with open(path, "rb") as file:
            check(file.read() != bytes(32), "the key on the disk was overwritten while it was needed")
        check(not os.path.exists(path + ".new"), "a rotation was not finished")
    machine.broker.restart()
    allowed(machine, "bouton", machine.hotp_person.next())
    allowed(machine, "papier", machine.codes.pop())
    os.unlink(FILE + ".rotated")
    backup(machine, "create", FILE + ".rotated")
    said = backup(machine, "verify", FILE + ".rotated", "--key", KEY)
    equal(said["secrets"] >= 67, True, said)


def the_gateway_comes_back_without_its_sessions(machine):
    application = machine.application
    machine.session = browser, login, token, tokens = gateway.signed_in(machine, application, scope="openid profile")
    clients = [row["client_id"] for row in machine.ctl("--gateway-socket", machine.gateway.admin_socket, "client", "list")]
    keys = [row["kid"] for row in machine.ctl("--gateway-socket", machine.gateway.admin_socket, "key", "list")]
    backup(machine, "create", "--gateway", GATEWAY_FILE)
    equal(backup(machine, "verify", GATEWAY_FILE, "--key", KEY)["clients"], len(clients))
    refused(machine, "in use", "restore", GATEWAY_FILE, "--key", KEY, "--force", *configs(machine.broker, machine))
    machine.gateway.stop()
    os.rename(machine.gateway.state_dir, machine.gateway.state_dir + ".lost")
    backup(machine, "restore", GATEWAY_FILE, "--key", KEY, *configs(machine.broker, machine))
    machine.gateway.start()
    equal([row["client_id"] for row in machine.ctl("--gateway-socket", machine.gateway.admin_socket, "client", "list")], clients)
    equal([row["kid"] for row in machine.ctl("--gateway-socket", machine.gateway.admin_socket, "key", "list")], keys)
    rig.wait_until(lambda: machine.ctl("audit", "list", "--event", "restore"), "the record of the restore")
    equal(application.callback(browser.get(application.authorize_url(prompt="none"))).get("error"), "login_required")
    equal(application.refresh(tokens["refresh_token"]).status, 400)
    machine.tokens = again = application.tokens(gateway.walk(Browser(machine.gateway.site), application.authorize_url(), login, token.next))
    equal(again["claims"]["sub"], tokens["claims"]["sub"], "the person is another one for applications")


def the_gateway_changes_its_seal_key_at_a_start(machine):
    socket = ("--gateway-socket", machine.gateway.admin_socket)
    jwks = machine.gateway.jwks
    with open(machine.gateway.state_dir + "/seal.key", "rb") as file:
        old = file.read()
    equal(machine.ctl(*socket, "seal", "rotate", "--gateway")["done"], False)
    answer = machine.ctl(*socket, "seal", "rotate", "--gateway", ok=False)
    matches("HC-422|exchanged", answer.stderr)
    machine.gateway.restart()
    with open(machine.gateway.state_dir + "/seal.key", "rb") as file:
        check(file.read() != old, "the old key is still there")
    equal(machine.gateway.jwks, jwks)
    machine.gateway.restart()
    equal(machine.gateway.jwks, jwks)
    _, login, token, _ = machine.session
    again = machine.application.tokens(gateway.walk(Browser(machine.gateway.site), machine.application.authorize_url(), login, token.next))
    equal(again["claims"]["sub"], machine.tokens["claims"]["sub"], "the person is another one for applications")


rig.run([
    without_a_recovery_key_there_is_no_backup,
    the_recovery_key_is_made_once,
    a_key_that_something_is_sealed_for_is_kept,
    people_sign_in_while_it_is_made,
    what_was_changed_is_refused,
    a_store_that_is_there_is_left_alone,
    another_machine_gets_everything_back,
    force_moves_aside_what_is_there,
    what_belonged_to_a_lost_store_is_not_mixed_into_a_restored_one,
    a_verification_that_is_broken_off_leaves_nothing_readable,
    the_seal_key_is_exchanged,
    kills_in_between_lose_nothing,
    two_rotations_at_once_keep_the_key,
    the_gateway_comes_back_without_its_sessions,
    the_gateway_changes_its_seal_key_at_a_start,
], setup)
