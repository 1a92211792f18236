#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: an administrator enrols the keys that exist, with software keys, and is told what is wrong with the others.
 * no rp_id; every algorithm; discoverable; a key that this person has; credProtect; fingerprint; old U2F key; blocked PIN
 * a new key gets its first PIN on a terminal: typed twice, never shown, never logged
 * attestation: none, self, unknown maker, chain with and without a link, wrong model, bad signature, what is over, U2F
 * what the list tells; the PIN of a key that is plugged in: seen, set, changed; an rp_id that changed
"""
import json
import os
import re
import shutil
import subprocess

import rig
from keys import AAGUID, Keys, Model
from rig import WORK, Terminal, check, equal, matches

FOLDER = WORK + "/keys"
MAKERS = WORK + "/makers"
PIN = "123456"
OPEN = ("--mode", "0666")


def setup(machine):
    for folder in (FOLDER, MAKERS):
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o755)
    machine.keys = Keys(FOLDER)
    machine.keys.everywhere(WORK + "/bin/hc-fido2")
    machine.people = 0
    machine.broker.configure(authd__helper_dir=WORK + "/bin", fido2__rp_id="login.example.org")
    machine.broker.start()


def plug(machine, *options, pin=PIN, attestation="self"):
    """The one key that is there."""
    for name in list(machine.keys.keys):
        machine.keys.unplug(name)
    machine.people += 1
    pins = ("--pin", pin) if pin else ()
    return machine.keys.plug(f"k{machine.people}", *OPEN, "--attestation", attestation, *pins, *options)


def somebody(machine):
    machine.people += 1
    return machine.person(f"person{machine.people}")


def command(machine, *words, lang="en_GB.UTF-8"):
    return {"command": [WORK + "/bin/hospictl", "--socket", machine.broker.admin_socket, *words],
            "env": {"PATH": os.environ["PATH"], "LANG": lang, "TERM": "xterm", "COLUMNS": "160"}}


def run(machine, *words, typed="", lang="en_GB.UTF-8"):
    how = command(machine, *words, lang=lang)
    return subprocess.run(how["command"], input=typed, capture_output=True, text=True, timeout=40, env=how["env"])


def enroll(machine, login, *options, typed=PIN + "\n"):
    """What was made, and what the administrator was told meanwhile."""
    answer = run(machine, "--json", "enroll", "fido2", login, *options, typed=typed)
    equal(answer.returncode, 0, answer.stdout, answer.stderr)
    return json.loads(answer.stdout), answer.stderr


def refuse(machine, code, login, *options, typed=PIN + "\n"):
    before = len(machine.credentials(login))
    answer = run(machine, "--json", "enroll", "fido2", login, *options, typed=typed)
    check(answer.returncode != 0, answer.stdout)
    matches(code, answer.stderr)
    equal(len(machine.credentials(login)), before)
    return answer.stderr


def without_rp_id_the_setting_and_its_file_are_named(machine):
    machine.broker.configure(fido2__rp_id=None)
    machine.broker.restart()
    plug(machine)
    told = refuse(machine, "HC-405", somebody(machine))
    matches(r"rp_id .*\[fido2\] .*/etc/hospiconnect/authd.conf", told)
    machine.broker.configure(fido2__rp_id="login.example.org")
    machine.broker.restart()


def every_algorithm_that_a_key_has_is_enrolled(machine):
    for name in ("es256", "eddsa", "rs256", "rs256,eddsa,es256"):
        plug(machine, "--algs", name)
        made, _ = enroll(machine, somebody(machine))
        equal((made["verifies"], made["discoverable"], made["rp_id"]), (True, False, "login.example.org"), name)


def a_discoverable_credential_is_on_the_key_under_a_name_that_tells_nothing(machine):
    key = plug(machine)
    login = somebody(machine)
    made, _ = enroll(machine, login, "--discoverable", "--label", "blue")
    check(made["discoverable"], made)
    equal(key.status()["credentials"], 1)
    plug(machine, "--no-resident")
    refuse(machine, "HC-249", login, "--discoverable")
    plug(machine, "--capacity", "1")
    enroll(machine, somebody(machine), "--discoverable")
    refuse(machine, "HC-247", somebody(machine), "--discoverable")


def the_key_itself_says_that_this_person_has_it(machine):
    key = plug(machine)
    login = somebody(machine)
    enroll(machine, login)
    touches = key.counters()["makes"]
    refuse(machine, "HC-246", login, typed="")
    equal(key.counters()["makes"], touches, "nobody had to touch it for that")
    machine.recorded(login, "failure", "KEY_ALREADY_REGISTERED", event="enroll")
    enroll(machine, somebody(machine))  # somebody else may share it


def protection_is_asked_for_and_kept_as_the_key_said_it(machine):
    for options, level in (((), 2), (("--no-protect",), None)):
        plug(machine, *options)
        login = somebody(machine)
        enroll(machine, login)
        equal(machine.credentials(login)[0]["cred_protect"], level)


def a_fingerprint_does_without_pin(machine):
    key = plug(machine, "--uv", "finger")
    made, told = enroll(machine, somebody(machine), typed="")
    check(made["verifies"], made)
    matches("finger", told)
    equal(key.counters()["pin_attempts"], 0)


def an_old_key_is_possession_and_that_is_said(machine):
    plug(machine, "--u2f-only", pin=None)
    login = somebody(machine)
    made, told = enroll(machine, login, typed="")
    equal(made["verifies"], False)
    matches("completes a password", told)
    matches("verifies=false", machine.credentials(login)[0]["options"])
    refuse(machine, "HC-249", somebody(machine), "--discoverable", typed="")


def a_blocked_pin_is_told_before_anything_is_typed(machine):
    plug(machine, "--pin-retries", "1")
    login = somebody(machine)
    refuse(machine, "HC-23[13]", login, typed="yes\n000000\n")
    refuse(machine, "HC-233", login, typed="")


def a_new_key_gets_its_first_pin_on_a_terminal(machine):
    key = plug(machine, "--min-pin", "8", pin=None)
    login = somebody(machine)
    how = command(machine, "enroll", "fido2", login)
    with Terminal(how["command"], env=how["env"]) as terminal:
        terminal.expect(r"no PIN yet")
        terminal.expect(r"New PIN for the key, 8 characters or more: ")
        terminal.send("7654321")
        terminal.expect(r"HC-248")
        terminal.expect(r"8 characters or more: ")
        terminal.send("87654321")
        terminal.expect(r"once more: ")
        terminal.send("87654322")
        terminal.expect(r"HC-270")
        terminal.expect(r"8 characters or more: ")
        terminal.send("87654321")
        terminal.expect(r"once more: ")
        terminal.send("87654321")
        terminal.expect(r"PIN of your key: ")
        terminal.send("87654321")
        terminal.expect(r"is enrolled for " + login)
        equal(terminal.wait(), 0, terminal.seen)
        for typed in ("7654321", "87654321", "87654322"):
            check(typed not in terminal.seen, "shown on the terminal", terminal.seen)
    check("8765432" not in machine.broker.tail(1 << 22) and "8765432" not in machine.syslog.text(), "logged")
    equal(key.counters()["pin_wrong"], 0)
    equal(len(machine.credentials(login)), 1)
    events = [row for row in machine.audit("--user", login) if row["event"] == "key-pin"]
    equal([row["outcome"] for row in events], ["success"])


def who_gives_up_leaves_nothing(machine):
    key = plug(machine, pin=None)
    login = somebody(machine)
    refuse(machine, "HC-211", login, typed="")  # the terminal is gone
    equal(machine.credentials(login), [])
    equal(key.counters()["makes"], 0)


# ---- attestation ---------------------------------------------------------------------------------

def trust(machine, *makers, attestation="chain", aaguids=None):
    shutil.rmtree(MAKERS)
    os.makedirs(MAKERS, mode=0o755)
    for number, maker in enumerate(makers):
        shutil.copy(maker.ca, f"{MAKERS}/{number}.pem")
        os.chmod(f"{MAKERS}/{number}.pem", 0o644)
    machine.broker.configure(fido2__attestation=attestation, fido2__attestation_trust_dir=MAKERS, fido2__aaguids=aaguids)
    machine.broker.restart()


def kinds_of_attestation_are_told_apart(machine):
    maker = Model(FOLDER)
    stranger = Model(FOLDER, "stranger")
    trust(machine, maker, attestation="none")
    rows = (("none", (), "none"), ("self", (), "self"), ("packed", tuple(stranger.options), "unknown"),
            ("packed", tuple(maker.options), "chain"))
    for attestation, options, kind in rows:
        plug(machine, *options, attestation=attestation)
        login = somebody(machine)
        made, _ = enroll(machine, login)
        equal(made["attestation"], kind)
        row = machine.credentials(login)[0]
        equal((row["attestation"], row["aaguid"]), (kind, AAGUID))
        equal(row["model"], "Test model model" if kind == "chain" else None, "a name that somebody vouches for")


def what_policy_asks_for_is_the_least(machine):
    maker = Model(FOLDER)
    stranger = Model(FOLDER, "stranger")
    rows = (("self", "none", ()), ("unknown", "self", ()), ("chain", "packed", stranger.options))
    for least, attestation, options in rows:
        trust(machine, maker, attestation=least)
        plug(machine, *options, attestation=attestation)
        refuse(machine, "HC-272", somebody(machine))
        plug(machine, *maker.options, attestation="packed")
        enroll(machine, somebody(machine))


def a_chain_holds_link_by_link(machine):
    linked = Model(FOLDER, "linked", link="")
    over = Model(FOLDER, "over", link="-2y")
    old = Model(FOLDER, "old", when="-2y")
    trust(machine, linked, over, old)
    plug(machine, *linked.options, attestation="packed")
    equal(enroll(machine, somebody(machine))[0]["attestation"], "chain")
    for maker in (over, old):
        plug(machine, *maker.options, attestation="packed")
        refuse(machine, "HC-272", somebody(machine))


def a_statement_that_lies_is_refused_whatever_the_policy(machine):
    other = Model(FOLDER, "other", certified="00000000-1111-2222-3333-444444444444")
    unit = Model(FOLDER, "unit", unit="Something Else")
    maker = Model(FOLDER)
    trust(machine, maker, other, unit, attestation="none")
    for wrong in (other, unit):
        plug(machine, *wrong.options, attestation="packed")
        told = refuse(machine, "HC-242", somebody(machine))
        matches("use another key", told)
    for attestation, fault in (("packed", "wrong-attestation"), ("self", "wrong-attestation"), ("packed", "wrong-aaguid")):
        key = plug(machine, *maker.options, attestation=attestation)
        key.fault(fault)
        refuse(machine, "HC-242|HC-243", somebody(machine))


def models_are_allowed_by_a_list_under_a_chain_alone(machine):
    maker = Model(FOLDER)
    trust(machine, maker, aaguids="00000000-1111-2222-3333-444444444444")
    plug(machine, *maker.options, attestation="packed")
    refuse(machine, "HC-273", somebody(machine))
    trust(machine, maker, aaguids=f"00000000-1111-2222-3333-444444444444 {AAGUID}")
    plug(machine, *maker.options, attestation="packed")
    enroll(machine, somebody(machine))
    plug(machine, attestation="self")  # says that it is that model
    refuse(machine, "HC-272", somebody(machine))


def an_old_key_has_a_maker_too(machine):
    maker = Model(FOLDER)
    trust(machine, maker)
    plug(machine, "--u2f-only", *maker.options, pin=None)
    made, _ = enroll(machine, somebody(machine), typed="")
    equal((made["attestation"], made["verifies"]), ("chain", False))
    plug(machine, "--u2f-only", pin=None)
    refuse(machine, "HC-272", somebody(machine), typed="")
    plug(machine, "--u2f-only", *maker.options, pin=None).fault("wrong-attestation")
    refuse(machine, "HC-242", somebody(machine), typed="")


# ---- what is told afterwards ---------------------------------------------------------------------

def a_list_says_what_a_key_is(machine):
    maker = Model(FOLDER)
    trust(machine, maker)
    plug(machine, *maker.options, attestation="packed")
    login = somebody(machine)
    enroll(machine, login, "--discoverable", "--label", "blue")
    for lang, words in (("en_GB.UTF-8", ("blue", "Test model model", "PIN or fingerprint", "says whose it is",
                                        "for login.example.org", "counter 1")),
                        ("fr_FR.UTF-8", ("clé de sécurité", "code PIN ou empreinte", "pour login.example.org"))):
        how = command(machine, "credential", "list", login, lang=lang)
        with Terminal(how["command"], env=how["env"]) as terminal:
            equal(terminal.wait(), 0, terminal.seen)
            for word in words:
                check(word in terminal.seen, word, terminal.seen)


def a_narrow_terminal_shows_what_tells_credentials_apart(machine):
    trust(machine, attestation="none")
    plug(machine)
    login = somebody(machine)
    enroll(machine, login, "--label", "blue")
    machine.ctl("enroll", "recovery", login)
    machine.ctl("enroll", "totp", login, "--no-confirm")
    for lang in ("en_GB.UTF-8", "fr_FR.UTF-8"):
        for columns in (80, 120):
            how = command(machine, "credential", "list", login, "--no-color", lang=lang)
            sized = ["/bin/sh", "-c", f'stty cols {columns} && exec "$@"', "sh", *how["command"]]
            with Terminal(sized, env=how["env"]) as terminal:
                equal(terminal.wait(), 0, terminal.seen)
                if os.environ.get("HC_SHOW"):
                    print(terminal.seen)
                check("blue" in terminal.seen and AAGUID[:8] in terminal.seen, columns, terminal.seen)
                check(max(len(line) for line in terminal.seen.splitlines()) <= columns, terminal.seen)


def a_key_that_is_not_there_is_waited_for(machine):
    trust(machine, attestation="none")
    for name in list(machine.keys.keys):
        machine.keys.unplug(name)
    machine.broker.configure(fido2__insert_timeout="1s")
    machine.broker.restart()
    matches("Plug in", refuse(machine, "HC-230", somebody(machine), typed=""))
    machine.broker.configure(fido2__insert_timeout="30s")
    machine.broker.restart()
    login = somebody(machine)
    how = command(machine, "enroll", "fido2", login)
    with subprocess.Popen(how["command"], env=how["env"], stdin=subprocess.PIPE, stderr=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as process:
        matches("Plug in", process.stderr.readline())
        plug(machine)
        _, told = process.communicate(PIN + "\n", timeout=40)
        equal(process.returncode, 0, told)
    equal(len(machine.credentials(login)), 1)


def the_help_desk_sees_sets_and_changes_pins(machine):
    trust(machine, attestation="none")
    plug(machine, pin=None)
    listed = json.loads(run(machine, "--json", "fido2", "list").stdout)
    equal([(row["pin"], row["tries_left"], row["aaguid"]) for row in listed], [("unset", None, AAGUID)])
    matches("HC-236", run(machine, "fido2", "pin", "change", typed="").stderr)
    answer = run(machine, "fido2", "pin", "set", typed="123456\n123456\n")
    equal(answer.returncode, 0, answer.stderr)
    listed = json.loads(run(machine, "--json", "fido2", "list").stdout)
    equal([(row["pin"], row["tries_left"]) for row in listed], [("set", 8)])
    matches("HC-271", run(machine, "fido2", "pin", "set", typed="").stderr)
    answer = run(machine, "fido2", "pin", "change", typed="123456\n654321\n654321\n")
    equal(answer.returncode, 0, answer.stderr)
    enroll(machine, somebody(machine), typed="654321\n")
    equal([row["outcome"] for row in machine.audit("--event", "key-pin")][-2:], ["failure", "success"])
    for name in list(machine.keys.keys):
        machine.keys.unplug(name)
    equal(run(machine, "fido2", "list").stdout, "")
    matches("Aucune clé", run_on_terminal(machine, "fido2", "list", lang="fr_FR.UTF-8"))


def run_on_terminal(machine, *words, lang):
    how = command(machine, *words, lang=lang)
    with Terminal(how["command"], env=how["env"]) as terminal:
        equal(terminal.wait(), 0, terminal.seen)
        return terminal.seen


def an_rp_id_that_changed_is_told_and_older_keys_keep_theirs(machine):
    plug(machine)
    login = somebody(machine)
    enroll(machine, login)
    machine.broker.configure(fido2__rp_id="new.example.org")
    machine.broker.restart()
    equal(machine.credentials(login)[0]["rp_id"], "login.example.org")
    answer = run(machine, "--json", "doctor", "--config", machine.broker.conf)
    found = [row for row in json.loads(answer.stdout) if row["check"] == "rp_id"]
    equal(len(found), 1, answer.stdout)
    matches("new.example.org", json.dumps(found[0]))
    check(re.search(r"another rp_id.*rp_id=new.example.org", machine.broker.tail(1 << 22)), "the log says so as well")
    machine.keys.stop()


rig.run([
    without_rp_id_the_setting_and_its_file_are_named, every_algorithm_that_a_key_has_is_enrolled,
    a_discoverable_credential_is_on_the_key_under_a_name_that_tells_nothing, the_key_itself_says_that_this_person_has_it,
    protection_is_asked_for_and_kept_as_the_key_said_it, a_fingerprint_does_without_pin,
    an_old_key_is_possession_and_that_is_said, a_blocked_pin_is_told_before_anything_is_typed,
    a_new_key_gets_its_first_pin_on_a_terminal, who_gives_up_leaves_nothing, kinds_of_attestation_are_told_apart,
    what_policy_asks_for_is_the_least, a_chain_holds_link_by_link, a_statement_that_lies_is_refused_whatever_the_policy,
    models_are_allowed_by_a_list_under_a_chain_alone, an_old_key_has_a_maker_too, a_list_says_what_a_key_is, a_narrow_terminal_shows_what_tells_credentials_apart,
    a_key_that_is_not_there_is_waited_for,
    the_help_desk_sees_sets_and_changes_pins, an_rp_id_that_changed_is_told_and_older_keys_keep_theirs,
], setup)
