#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: the trail, from the decision to `hospictl audit verify`.
 * every kind of decision leaves a record and a syslog line; no record holds a code or a seed
 * untouched it verifies; records that were changed, removed, swapped or added in the store are
   found, and the message names the record
 * a cut tail is found with an anchor, and only with one, also one that went to syslog; an anchor that was changed or that another
   trail signed is refused
"""
import json
import os
import re
import shutil
import sqlite3

import rig
from rig import WORK, check, equal, matches

ANCHOR = WORK + "/anchor.json"


def setup(machine):
    machine.broker.start()


def decisions_are_recorded(machine):
    mark = machine.syslog.mark()
    token = machine.clinician("martin", "hotp")
    machine.ctl("user", "add", "durand", "--given-name", "Émilie", "--family-name", "Durand\u00a0Lévy")
    codes = machine.recovery("durand")
    machine.pam("martin", token.wrong(), token.next())
    machine.pam("durand", codes[0])
    machine.pam("nobody-here")
    machine.pam("martin", options=["-a"])
    machine.ctl("user", "disable", "durand")
    machine.pam("durand", options=["-a"])
    machine.ctl("user", "enable", "durand")
    machine.ctl("credential", "revoke", token.id, "--reason", "lost")
    machine.ctl("user", "remove", "martin")

    records = machine.audit()
    equal([row["seq"] for row in records], list(range(1, len(records) + 1)), "numbers")
    seen = [(row["event"], row["outcome"]) for row in records]
    for expected in [("broker-start", "success"), ("user-add", "success"), ("enroll", "success"), ("sign-in", "failure"),
                     ("sign-in", "success"), ("account", "failure"), ("user-disable", "success"), ("user-enable", "success"),
                     ("credential-revoke", "success"), ("user-remove", "success")]:
        check(expected in seen, expected, "in", seen)
        machine.syslog.expect(rf"hospiconnect-authd.*{expected[0]}", mark if expected[0] != "broker-start" else 0)
    kept = json.dumps(records) + machine.syslog.text(0) + machine.broker.tail(1 << 20)
    for secret in [*codes, rig.base64.b32encode(token.seed).decode().rstrip("="), token.seed.hex()]:
        check(secret not in kept, "a secret in the trail or a log")


def untouched_trail_verifies(machine):
    answer = machine.ctl("audit", "verify")
    equal((answer["verified"], answer["records"], answer["defects"]), (True, len(machine.audit()), []))
    head = keep_head(machine)
    equal((head["seq"], head["hash"]), (len(machine.audit()), machine.audit()[-1]["hash"]), "the head is the end")
    equal(machine.ctl("audit", "verify", "--anchor", ANCHOR)["anchors"], 1)


def keep_head(machine):
    head = machine.ctl("audit", "head")
    rig.write(ANCHOR, json.dumps(head))
    return head


def tampered(machine, *statements, anchor=False, broken=True, names=None):
    """The stopped broker's store is changed by hand; verify must say so. All is put back."""
    machine.broker.stop()
    store = machine.store_file()
    shutil.copy2(store, WORK + "/store.kept")
    with sqlite3.connect(store) as database:
        for statement in statements:
            database.execute(statement)
    database.close()
    os.chown(store, rig.BROKER_UID, rig.BROKER_UID)
    machine.broker.start()
    answer = machine.ctl("audit", "verify", *(["--anchor", ANCHOR] if anchor else []), ok=False)
    said = answer.stdout + answer.stderr
    if broken:
        equal(answer.returncode, 1, statements, said)
        matches("HC-41[02]", said)
        if names is not None:
            matches(rf"\b{names}\b", said.replace("HC-410", ""), "the record")
    else:
        equal(answer.returncode, 0, statements, said)
    machine.broker.stop()
    for name in (store, store + "-wal", store + "-shm"):
        if os.path.exists(name):
            os.remove(name)
    shutil.copy2(WORK + "/store.kept", store)
    os.chown(store, rig.BROKER_UID, rig.BROKER_UID)
    machine.broker.start()


def changed_record_is_found(machine):
    for field, value in (("outcome", "'success'"), ("login", "'petit'"), ("time_ms", "time_ms + 1"), ("reason", "0"),
                         ("actor", "'uid 7 (x)'"), ("detail", "'x'"), ("hash", "zeroblob(32)")):
        number = next(row["seq"] for row in machine.audit() if row["event"] == "sign-in" and row["outcome"] == "failure")
        tampered(machine, f"UPDATE audit SET {field} = {value} WHERE seq = {number}", names=number)


def removed_record_is_found(machine):
    tampered(machine, "DELETE FROM audit WHERE seq = 4", names="[45]")


def removed_first_record_is_found(machine):
    tampered(machine, "DELETE FROM audit WHERE seq = 1", names="[12]")


def closed_gap_is_found(machine):
    count = len(machine.audit())
    moves = [f"UPDATE audit SET seq = {seq - 1} WHERE seq = {seq}" for seq in range(6, count + 1)]
    tampered(machine, "DELETE FROM audit WHERE seq = 5", *moves, names="[56]")


def swapped_records_are_found(machine):
    tampered(machine, "UPDATE audit SET seq = 99999 WHERE seq = 6", "UPDATE audit SET seq = 6 WHERE seq = 7",
             "UPDATE audit SET seq = 7 WHERE seq = 99999", names="6")


def added_record_is_found(machine):
    count = len(machine.audit())
    tampered(machine, f"""INSERT INTO audit SELECT {count + 2}, time_ms, event, 'success', 0, login, factor, credential,
                      service, origin, actor, detail, hash FROM audit WHERE seq = {count}""", names=rf"({count + 1}|{count + 2})")


def cut_tail_is_found_with_an_anchor_only(machine):
    cut = f"DELETE FROM audit WHERE seq >= {keep_head(machine)['seq'] - 2}"
    tampered(machine, cut, broken=False)
    tampered(machine, cut, anchor=True)


def heads_of_the_system_log_are_anchors(machine):
    """What the broker sent to syslog by itself is enough: nobody had to think of `audit head`."""
    mark = machine.syslog.mark()
    machine.broker.restart()
    machine.syslog.expect("audit-head", mark)
    lines = [line for line in machine.syslog.lines[mark:] if "audit-head" in line]
    rig.write(ANCHOR, "\n".join(lines) + "\n")
    equal(machine.ctl("audit", "verify", "--anchor", ANCHOR)["anchors"], len(lines))
    last = int(matches(r'audit-head seq="(\d+)"', lines[0])[1])
    tampered(machine, f"DELETE FROM audit WHERE seq >= {last}", anchor=True)
    rig.write(ANCHOR, lines[0].replace(f'seq="{last}"', f'seq="{last - 1}"'))
    equal(machine.ctl("audit", "verify", "--anchor", ANCHOR, ok=False).returncode, 1, "a changed line")


def anchor_that_was_changed_is_refused(machine):
    head = keep_head(machine)
    kept = json.dumps(head)
    changes = {"seq": head["seq"] - 1, "time": re.sub(r"\d(?=\D*$)", lambda last: str((int(last[0]) + 1) % 10), head["time"])}
    changes.update({name: ("0" if head[name][0] != "0" else "1") + head[name][1:]
                    for name in ("hash", "public_key", "signature")})
    equal(sorted(changes), sorted(head), "every part of a head")
    for name, value in changes.items():
        rig.write(ANCHOR, json.dumps({**head, name: value}))
        answer = machine.ctl("audit", "verify", "--anchor", ANCHOR, ok=False)
        equal(answer.returncode, 1, name, answer)
        matches("HC-412|ANCHOR_INVALID", answer.stdout + answer.stderr, name)
    for text in ("", "{}", "[]", "{", "x" * 100000, '{"seq": -1}', kept[:-1] + ', "more": 1}'):
        rig.write(ANCHOR, text)
        answer = machine.ctl("audit", "verify", "--anchor", ANCHOR, ok=False)
        check(answer.returncode in (1, 2) and "hospictl: " in answer.stderr, repr(text[:20]), answer)
    rig.write(ANCHOR, kept)
    machine.ctl("audit", "verify", "--anchor", ANCHOR)


def anchor_of_another_trail_is_refused(machine):
    machine.broker.stop()
    shutil.rmtree(machine.broker.state_dir)
    os.mkdir(machine.broker.state_dir)
    machine.broker.give(rig.BROKER_UID)
    machine.broker.start()
    machine.clinician("durand")
    machine.ctl("audit", "verify")
    answer = machine.ctl("audit", "verify", "--anchor", ANCHOR, ok=False)
    equal(answer.returncode, 1, answer)
    matches("HC-41[02]", answer.stdout + answer.stderr)


rig.run([
    decisions_are_recorded, untouched_trail_verifies, changed_record_is_found, removed_record_is_found,
    removed_first_record_is_found, closed_gap_is_found, swapped_records_are_found, added_record_is_found,
    cut_tail_is_found_with_an_anchor_only, heads_of_the_system_log_are_anchors, anchor_that_was_changed_is_refused, anchor_of_another_trail_is_refused,
], setup)
