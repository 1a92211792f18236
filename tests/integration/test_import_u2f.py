#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: people who have pam-u2f keep their keys: hospictl import u2f.
 * nothing is taken from a file that others may write, from OpenSSH's, for people who are not there, or half
 * the migration as administrators do it: mapping files of the real pamu2fcfg, imported, signing in through our module,
   while the same file still serves the real pam_u2f
 * touch alone, PIN, RSA, keys that find their credential by themselves, old U2F keys and what they can do
 * the same file again, a revoked key, somebody else's key, several relying parties of one person, the policy
"""
import json
import os
import socket
import subprocess

import rig
from keys import Keys
from rig import WORK, check, equal, matches

FOLDER = WORK + "/keys"
FILE = WORK + "/u2f_mappings"
PIN = "123456"
ORIGIN = f"pam://{socket.gethostname()}"
OPEN = ("--mode", "0666")
LOGINS = ("martin", "durand", "petit", "moreau", "laurent", "simon")


def setup(machine):
    os.makedirs(FOLDER, exist_ok=True)
    os.chmod(FOLDER, 0o755)
    machine.keys = Keys(FOLDER)
    machine.keys.everywhere()
    machine.broker.configure(authd__helper_dir=WORK + "/bin", fido2__rp_id="login.example.org",
                             fido2__insert_timeout="3s", fido2__pin_min="4")
    machine.broker.start()
    for name in LOGINS:
        machine.person(name)
    machine.lines = {}
    keys = {"plain": (), "pin": ("--pin", PIN), "rsa": ("--algs", "es256,rs256"), "found": ("--no-protect",), "old": ("--u2f-only",),
            "second": ()}
    for name, options in keys.items():
        machine.keys.plug(name, *OPEN, *options)
    for name, login, options in (("plain", "martin", ()), ("pin", "durand", ("-N",)), ("rsa", "petit", ("-t", "RS256")),
                                 ("found", "moreau", ("-r",)), ("old", "laurent", ()), ("second", "simon", ())):
        machine.lines[login] = enrol(machine, name, login, *options)
    everybody(machine, inserted=False)


def only(machine, *names):
    """Those keys are plugged in, and no others."""
    everybody(machine, inserted=False)
    for name in names:
        machine.keys.keys[name].insert()


def everybody(machine, inserted):
    for key in machine.keys.keys.values():
        if key.status()["inserted"] != int(inserted):
            key.insert() if inserted else key.remove()


def enrol(machine, name, login, *options):
    """A line of the mapping file, as pamu2fcfg writes it at that key."""
    only(machine, name)
    answer = subprocess.run(["pamu2fcfg", "-u", login, "-o", ORIGIN, "-i", ORIGIN, *options], input=PIN + "\n",
                            start_new_session=True, capture_output=True, text=True, timeout=30)
    equal(answer.returncode, 0, name, answer.stderr)
    return login + ":" + answer.stdout.split(login + ":", 1)[1].strip()


def mapping(*lines, path=FILE, mode=0o644):
    if os.path.exists(path):
        os.unlink(path)
    rig.write(path, "\n".join(lines) + "\n", mode)
    return path


def bring(machine, *options, path=FILE, ok=True, **how):
    """What became of the lines, by login (or by number, where that is not known)."""
    answer = machine.ctl("import", "u2f", path, *options, ok=False, **how)
    equal(answer.returncode, 0 if ok else 1, answer.stdout, answer.stderr)
    return {row["login"] or row["line"]: row for row in json.loads(answer.stdout or "[]")}, answer.stderr


def sign_in(machine, login, *answers, mode="second-factor", **how):
    folder = machine.pam_folder()
    module = f"{rig.MODULE} mode={mode} methods=fido2,totp,recovery"
    rig.write(f"{folder}/hc-{mode}", f"auth required {module}\naccount required {module}\n")
    return machine.pam(login, *answers, service=f"hc-{mode}", **how)


def pam_u2f(machine, login, *answers):
    folder = machine.pam_folder()
    rig.write(f"{folder}/u2f", f"auth required pam_u2f.so authpending_file= authfile={FILE} origin={ORIGIN} "
              f"appid={ORIGIN}\naccount required pam_permit.so\n")
    return machine.pam(login, *answers, service="u2f")


def keys_of(machine, login):
    return [row for row in machine.credentials(login) if row["type"] == "fido2"]


# ---- what is refused -----------------------------------------------------------------------------

def a_file_that_proves_nothing_is_not_read(machine):
    good = machine.lines["martin"]
    for path, lines, mode, said in ((FILE, [good], 0o666, "by others"), (FILE, [good], 0o664, "by others"),
                                    (FILE, ["-----BEGIN OPENSSH PRIVATE KEY-----", good], 0o644, "OpenSSH"),
                                    (WORK + "/nowhere", [], None, "does not exist"), (WORK, [], None, "regular")):
        if mode:
            mapping(*lines, path=path, mode=mode)
        matches(said, bring(machine, path=path, ok=False)[1])
    mapping(good, path=FILE + ".real")
    os.symlink(FILE + ".real", FILE + ".link")
    matches("regular", bring(machine, path=FILE + ".link", ok=False)[1])
    equal(keys_of(machine, "martin"), [])


def a_file_of_a_person_speaks_for_that_person_alone(machine):
    mapping(machine.lines["martin"], machine.lines["durand"])
    os.chown(FILE, rig.uid_of("durand"), rig.uid_of("durand"))
    rows, _ = bring(machine, "--dry-run", ok=False)
    equal([rows[login]["result"] for login in ("martin", "durand")], ["refused", "imported"], rows)


def lines_that_are_not_understood_are_nobodys(machine):
    handle, public = machine.lines["martin"].split(":")[1].split(",")[:2]
    mapping("# keys of the ward", "", "nobody", "martin:", "durand:" + handle,
            f"petit:{handle},{public},es999,+presence", f"moreau:{handle},{public},es256,+magic",
            f"laurent:{handle},{public[:-8]}AAAAAA==,es256,+presence", f"simon:{handle},{public},es256,+presence:x,y",
            f"ghost:{handle},{public},es256,+presence")
    rows, _ = bring(machine, ok=False)
    equal({name: row["result"] for name, row in rows.items()},
          {3: "refused", "martin": "refused", "durand": "refused", "petit": "refused", "moreau": "refused",
           "laurent": "refused", "simon": "refused", "ghost": "unknown"})
    equal(rows["martin"]["line"], 4)
    matches("HC-402", rows["ghost"]["reason"])
    for login in LOGINS:
        equal(keys_of(machine, login), [], login)


def the_policy_for_makes_of_keys_holds_for_them_too(machine):
    mapping(machine.lines["martin"])
    machine.broker.configure(fido2__attestation="self")
    machine.broker.restart()
    rows, _ = bring(machine, ok=False)
    matches("HC-272", rows["martin"]["reason"])
    machine.recorded("martin", "failure", "MAKER_NOT_VERIFIED", event="enroll")
    machine.broker.configure(fido2__attestation="none")
    machine.broker.restart()
    matches("HC-405", bring(machine, "--origin", "login.example.org", ok=False)[0]["martin"]["reason"])
    equal(keys_of(machine, "martin"), [])


# ---- the migration -------------------------------------------------------------------------------

def a_look_changes_nothing(machine):
    mapping(*machine.lines.values())
    rows, _ = bring(machine, "--dry-run")
    equal([rows[login]["result"] for login in LOGINS], ["imported"] * 6, rows)
    for login in LOGINS:
        equal(keys_of(machine, login), [], login)


def everybodys_keys_are_taken_over(machine):
    rows, _ = bring(machine)
    equal([(rows[login]["result"], rows[login]["new_keys"]) for login in LOGINS], [("imported", 1)] * 6, rows)
    for login in LOGINS:
        key = keys_of(machine, login)[0]
        equal((key["label"], key["rp_id"], key["state"]), ("pam-u2f import", ORIGIN, "active"), key)
        row = machine.recorded(login, "success", event="enroll", factor="fido2")
        matches("import=pam-u2f", row["detail"])
    matches("verifies=yes", machine.last("durand", "enroll")["detail"])
    matches("discoverable=yes", machine.last("moreau", "enroll")["detail"])


def the_same_file_again_brings_nothing_new(machine):
    rows, _ = bring(machine)
    equal([(rows[login]["result"], rows[login]["held"]) for login in LOGINS], [("held", 1)] * 6, rows)
    equal([len(keys_of(machine, login)) for login in LOGINS], [1] * 6)


def a_touch_completes_a_password_with_each_of_them(machine):
    for name, login in (("plain", "martin"), ("rsa", "petit"), ("found", "moreau"), ("old", "laurent"),
                        ("second", "simon")):
        only(machine, name)
        code, shown = sign_in(machine, login)
        equal(code, "PAM_SUCCESS", login, shown)
        machine.recorded(login, "success", factor="fido2", detail="possession only")
    only(machine, "plain")
    code, shown = sign_in(machine, "petit")
    check(code != "PAM_SUCCESS", "with another's key", shown)


def a_key_that_finds_its_credential_is_known_by_name_from_then_on(machine):
    only(machine, "found")
    before = machine.keys.keys["found"].counters()["silent_assertions"]
    equal(sign_in(machine, "moreau")[0], "PAM_SUCCESS")
    equal(machine.keys.keys["found"].counters()["silent_assertions"], before + 1)
    equal(bring(machine)[0]["moreau"]["result"], "held")


def a_pin_makes_it_two_factors(machine):
    only(machine, "pin")
    code, shown = sign_in(machine, "durand", PIN, mode="primary")
    equal(code, "PAM_SUCCESS", shown)
    machine.recorded("durand", "success", factor="fido2", detail="verified by the device")


def an_old_key_says_what_it_can_do(machine):
    only(machine, "old")
    code, shown = sign_in(machine, "laurent", PIN, mode="primary")
    check(code != "PAM_SUCCESS", shown)
    matches("HC-244", shown)
    equal(sign_in(machine, "laurent")[0], "PAM_SUCCESS")


def the_same_file_still_serves_pam_u2f(machine):
    for name, login, answers in (("plain", "martin", ()), ("pin", "durand", (PIN,)), ("found", "moreau", ()),
                                 ("old", "laurent", ())):
        only(machine, name)
        code, shown = pam_u2f(machine, login, *answers)
        equal(code, "PAM_SUCCESS", login, shown)
        everybody(machine, inserted=False)
        check(pam_u2f(machine, login, *answers)[0] != "PAM_SUCCESS", "without its key", login)


# ---- afterwards ----------------------------------------------------------------------------------

def a_key_of_somebody_else_brings_none_of_that_line(machine):
    fresh = enrol(machine, "second", "simon")
    taken = machine.lines["martin"].split(":", 1)[1]
    mapping(f"{fresh}:{taken}")
    rows, _ = bring(machine, ok=False)
    matches("HC-246", rows["simon"]["reason"])
    equal(len(keys_of(machine, "simon")), 1)
    machine.recorded("simon", "failure", "KEY_ALREADY_REGISTERED", event="enroll")


def of_several_lines_the_last_one_counts(machine):
    fresh = enrol(machine, "plain", "simon")
    mapping(machine.lines["simon"].replace("es256", "es999"), fresh)
    answer = machine.ctl("import", "u2f", FILE, ok=False)
    equal([row["result"] for row in json.loads(answer.stdout)], ["superseded", "imported"], answer.stdout)
    equal(len(keys_of(machine, "simon")), 2)


def a_key_of_ours_stands_beside_them(machine):
    machine.keys.plug("ours", *OPEN, "--attestation", "self", "--pin", PIN)
    only(machine, "ours")
    answer = subprocess.run([WORK + "/bin/hospictl", "--socket", machine.broker.admin_socket, "enroll", "fido2", "martin"],
                            input=PIN + "\n", capture_output=True, text=True, timeout=40)
    equal(answer.returncode, 0, answer.stderr)
    for name in ("ours", "plain"):
        only(machine, name)
        code, shown = sign_in(machine, "martin")
        equal(code, "PAM_SUCCESS", name, shown)
    only(machine, "rsa")
    check(sign_in(machine, "martin")[0] != "PAM_SUCCESS", "with a foreign key")


def a_revoked_key_does_not_come_back_by_the_file(machine):
    for login, name in (("petit", "rsa"), ("moreau", "found")):
        machine.ctl("credential", "revoke", keys_of(machine, login)[0]["id"], "--reason", "lost")
        mapping(machine.lines[login])
        row = bring(machine)[0][login]
        equal((row["result"], row["revoked"], row["new_keys"]), ("held", 1, 0), row)
        only(machine, name)
        check(sign_in(machine, login)[0] != "PAM_SUCCESS", login)


def an_import_needs_the_broker(machine):
    mapping(machine.lines["martin"])
    machine.broker.stop()
    equal(machine.ctl("import", "u2f", FILE, ok=False).returncode, 4)
    machine.broker.start()
    machine.keys.stop()


rig.run([
    a_file_that_proves_nothing_is_not_read, a_file_of_a_person_speaks_for_that_person_alone,
    lines_that_are_not_understood_are_nobodys, the_policy_for_makes_of_keys_holds_for_them_too,
    a_look_changes_nothing, everybodys_keys_are_taken_over, the_same_file_again_brings_nothing_new,
    a_touch_completes_a_password_with_each_of_them, a_key_that_finds_its_credential_is_known_by_name_from_then_on,
    a_pin_makes_it_two_factors, an_old_key_says_what_it_can_do, the_same_file_still_serves_pam_u2f,
    a_key_of_somebody_else_brings_none_of_that_line, of_several_lines_the_last_one_counts,
    a_key_of_ours_stands_beside_them, a_revoked_key_does_not_come_back_by_the_file, an_import_needs_the_broker,
], setup)
