# SPDX-License-Identifier: Apache-2.0
"""Every command of hospictl in each of its forms, in French and English, with errors and exit statuses."""
import contextlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

import rig
from rig import parsed, terminal, totp

BROKER = None
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # RFC 6238's "12345678901234567890"


def run(*words, **how):
    return rig.run(*words, socket_path=BROKER.admin_socket, **how)


def on_terminal(*words, **how):
    return terminal(*words, socket_path=BROKER.admin_socket, **how)


def secret_of(uri):
    return re.search(r"[?&]secret=([A-Z2-7]+)", uri).group(1)


class Case(unittest.TestCase):
    maxDiff = None

    def ends(self, status, result):
        self.assertEqual(status, result.status, repr(result))
        return result

    def refused(self, status, result, *texts):
        self.ends(status, result)
        self.assertEqual("", result.out, repr(result))
        for text in texts:
            self.assertIn(text, result.err)

    def person(self, login, *more):
        self.ends(0, run("user", "add", login, *more))
        return login


class Line(Case):
    """What needs no broker."""

    def test_a_wrong_line_is_refused_with_its_usage(self):
        for words, text in ((["frobnicate"], "frobnicate"), ([], "command"), (["user"], "user"),
                            (["user", "add"], "LOGIN"), (["user", "add", "a", "--bogus=SECRETWORD"], "--bogus"),
                            (["enroll", "totp", "a", "--digits", "six"], "six"),
                            (["user", "add", "a", "--valid-until", "2026-02-30"], "2026-02-30"),
                            (["audit", "list", "--since", "lately"], "lately"),
                            (["credential", "revoke", "abcdefghijkl"], "--reason")):
            result = run(*words)
            self.refused(2, result, text, "Usage: hospictl")
            self.assertNotIn("SECRETWORD", result.err)
            self.refused(2, run(*words, lang="fr_FR.UTF-8"), "Usage\u00a0: hospictl")

    def test_a_broker_that_is_away_is_told_and_is_status_4(self):
        for words in (["status"], ["user", "list"], ["--json", "audit", "verify"]):
            self.refused(4, rig.run(*words, socket_path=BROKER.dir + "/none"), "HC-101", "/none")

    def test_a_socket_that_is_no_path_is_refused(self):
        self.refused(1, rig.run("status", socket_path="relative"), "absolute")

    def test_help_names_every_command_in_both_languages(self):
        english, french = run("--help"), run("--help", lang="fr_FR.UTF-8")
        self.assertEqual("", english.err + french.err)
        named = re.compile(r"^  ([a-z]+(?: [a-z-]+){0,2})(?: LOGIN| ID| NAME| FILE| \[SID\])?  ", re.M)
        commands = named.findall(english.out)
        self.assertEqual(commands, named.findall(french.out))
        self.assertEqual(38, len(commands))
        for command in commands:
            words = command.split()
            for lang in ("C", "fr_FR.UTF-8"):
                text = self.ends(0, run(*words, "--help", lang=lang)).out
                self.assertIn(f"hospictl {command}", text)
                self.assertNotRegex(text, r"(?<![a-z])ctl\.[a-z]")

    def test_the_language_comes_from_the_environment_or_the_option(self):
        for env, text in (({"LANG": "fr_FR.UTF-8"}, "Il manque"), ({"LANG": "C"}, "missing"),
                          ({"LANG": "fr", "LC_ALL": "en_GB"}, "missing"),
                          ({"LANG": "en", "LC_MESSAGES": "fr_CA"}, "Il manque"), ({"LANG": "de_DE"}, "missing")):
            result = rig.run("user", "add", env={**rig.sanitizer_settings(), **env})
            self.refused(2, result, text)
        self.refused(2, run("--lang", "fr", "user", "add"), "Il manque")

    def test_the_version_is_the_projects(self):
        self.assertEqual(f"hospictl {os.environ['HC_VERSION']}\n", self.ends(0, run("--version")).out)

    def test_an_output_that_is_full_is_a_failure(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([rig.HOSPICTL, "--help"], stdout=full, stderr=subprocess.PIPE, check=False,
                                  env=rig.environment())
        self.assertEqual(1, done.returncode)


class People(Case):
    def test_refusals_have_a_code_and_a_status(self):
        self.refused(3, run("user", "show", "stranger"), "HC-402")
        self.refused(3, run("user", "show", "stranger", lang="fr_FR.UTF-8"), "HC-402", "Aucune")
        self.refused(1, run("user", "add", "No Such"), "HC-")
        self.refused(1, run("user", "add", "badid", "--national-id", "810003456781"), "HC-411")
        self.person("twice")
        self.refused(1, run("user", "add", "twice"), "HC-403")
        for verb in ("enable", "disable", "remove"):
            self.refused(3, run("user", verb, "stranger"), "HC-402")

    def test_a_person_is_added_shown_and_listed(self):
        added = parsed(self.ends(0, run(
            "--json", "user", "add", "martin", "--given-name", "Zoé", "--family-name", 'O\'Brien "x"',
            "--national-id", "810003456786", "--profession", "Infirmière", "--organization", "CHU \\ Nord",
            "--valid-from", "2026-01-01", "--valid-until", "2099-12-31")))
        created = added.pop("created")
        self.assertRegex(created, r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual({
            "login": "martin", "given_name": "Zoé", "family_name": 'O\'Brien "x"', "national_id": "810003456786",
            "profession": "Infirmière", "organization": "CHU \\ Nord", "state": "active",
            "valid_from": "2026-01-01T00:00:00Z", "valid_until": "2100-01-01T00:00:00Z"}, added)
        shown = parsed(self.ends(0, run("--json", "user", "show", "martin")))
        self.assertEqual({**added, "created": created}, shown)
        self.assertIn(shown, parsed(self.ends(0, run("user", "list", "--json"))))
        plain = self.ends(0, run("user", "list")).out
        self.assertIn("martin\tZoé\tO'Brien \"x\"\t810003456786\tInfirmière\tCHU \\\\ Nord\tactive\t"
                      "2100-01-01T00:00:00Z\n", plain)
        table = self.ends(0, on_terminal("user", "list", lang="fr_FR.UTF-8", columns=160)).out.split("\n")
        self.assertRegex(table[0], r"Identifiant +Prénom +Nom")
        self.assertRegex("\n".join(table), r"(?m)^martin +Zoé +O'Brien \"x\" +810003456786 .*actif +2099-12-31")
        lines = self.ends(0, on_terminal("user", "show", "martin", "--no-color", lang="fr")).out
        self.assertRegex(lines, r"(?m)^Prénom +Zoé$")
        self.assertNotIn("\033", lines)

    def test_state_changes_are_done_and_said(self):
        self.person("leaver")
        self.assertEqual("", self.ends(0, run("user", "disable", "leaver", "--reason", "left")).out)
        self.assertEqual("disabled", parsed(run("--json", "user", "show", "leaver"))["state"])
        self.assertIn("may sign in again", self.ends(0, on_terminal("user", "enable", "leaver")).out)
        self.assertEqual("active", parsed(run("--json", "user", "show", "leaver"))["state"])
        self.assertEqual({"done": True}, parsed(self.ends(0, run("--json", "user", "remove", "leaver"))))
        self.refused(3, run("user", "show", "leaver"), "HC-402")


class Enrolment(Case):
    def test_refusals_make_no_credential(self):
        self.refused(3, run("enroll", "totp", "stranger"), "HC-402")
        self.person("eve")
        self.refused(1, run("enroll", "totp", "eve", "--digits", "9"), "HC-405")
        self.refused(1, run("enroll", "totp", "eve", "--algorithm", "MD5"), "HC-405")
        self.refused(1, run("enroll", "totp", "eve", "--secret-file", "/nonexistent"), "/nonexistent")
        self.refused(1, run("enroll", "totp", "eve", "--secret-file", "-", given=b"not base32 !"), "base32")
        self.refused(1, run("enroll", "totp", "eve", "--secret-file", "-", given=b"A" * 600), "-")
        self.assertEqual([], parsed(run("--json", "credential", "list", "eve")))

    def test_a_seed_file_must_be_closed_to_others(self):
        path = BROKER.dir + "/seed"
        with open(path, "w", encoding="ascii") as out:
            out.write(SECRET.lower() + "\n")
        os.chmod(path, 0o644)
        self.person("seeded")
        self.refused(1, run("enroll", "totp", "seeded", "--secret-file", path), "chmod 600")
        os.chmod(path, 0o600)
        card = parsed(self.ends(0, run("--json", "enroll", "totp", "seeded", "--secret-file", path, "--no-confirm")))
        self.assertEqual(SECRET, secret_of(card["uri"]))
        self.assertEqual("active", card["state"])

    def test_a_phone_is_enrolled_by_its_code(self):
        self.person("paul")
        result = self.ends(0, run("--json", "enroll", "totp", "paul", "--label", "Téléphone",
                                  "--proofed-by", "D. Roux", "--document", "CNI", "--face-to-face"))
        card = parsed(result)
        self.assertEqual(["id", "uri", "state"], list(card))
        self.assertEqual("pending", card["state"])
        self.assertRegex(card["uri"], r"^otpauth://totp/")
        self.refused(1, run("credential", "confirm", card["id"], "--code", "000000"), "HC-406")
        self.refused(3, run("credential", "confirm", "aaaaaaaaaaaa", "--code", "123456"), "HC-404")
        self.refused(2, run("credential", "confirm", card["id"]), "--code")
        code = totp(secret_of(card["uri"]))
        done = self.ends(0, run("--json", "credential", "confirm", card["id"], given=f"{code[:3]} {code[3:]}\n".encode()))
        self.assertEqual({"id": card["id"], "state": "active"}, parsed(done))
        entry = parsed(run("--json", "credential", "list", "paul"))[0]
        for name, value in (("id", card["id"]), ("type", "totp"), ("state", "active"), ("label", "Téléphone"),
                            ("algorithm", "SHA1"), ("digits", 6), ("period_s", 30), ("proofed_by", "D. Roux"),
                            ("document", "CNI"), ("face_to_face", True)):
            self.assertEqual(value, entry[name], name)

    def test_tokens_of_other_kinds_are_enrolled(self):
        self.person("henri")
        card = parsed(self.ends(0, run("--json", "enroll", "hotp", "henri", "--secret-file", "-", "--digits", "8",
                                       given=SECRET.encode())))
        self.assertRegex(card["uri"], r"^otpauth://hotp/.*digits=8.*counter=")
        code = rig.hotp(b"12345678901234567890", 0, digits=8)
        self.ends(0, run("credential", "confirm", card["id"], "--code", code))
        self.refused(2, run("enroll", "hotp", "henri", "--algorithm", "SHA1"), "--algorithm")  # RFC 4226 knows no other
        card = parsed(self.ends(0, run("--json", "enroll", "totp", "henri", "--algorithm", "SHA512", "--digits", "8",
                                       "--period", "60")))
        code = totp(secret_of(card["uri"]), algorithm="sha512", digits=8, period=60)
        self.ends(0, run("credential", "confirm", card["id"], "--code=" + code))

    def test_a_pipe_gets_lines_and_a_note(self):
        self.person("piped")
        result = self.ends(0, run("enroll", "totp", "piped"))
        self.assertRegex(result.out, r"^id\t[a-z2-7]{12}\nuri\totpauth://\S+\nstate\tpending\n$")
        self.assertIn("credential confirm", result.err)

    @unittest.skipUnless(shutil.which("zbarimg"), "zbarimg is not installed")
    def test_a_terminal_shows_a_qr_code_that_a_camera_reads(self):
        self.person("camera")
        for more, lines, columns, color in (([], 24, 80, True), ([], 60, 120, True), (["--no-color"], 24, 80, False),
                                            (["--no-color"], 60, 120, False)):
            result = self.ends(0, on_terminal("enroll", "totp", "camera", "--no-confirm", *more, lines=lines,
                                              columns=columns))
            uri = re.search(r"otpauth://\S+", result.out).group(0)
            self.assertEqual(uri, rig.read_qr(result.out, color, BROKER.dir))
            key = re.search(r"(?m)^  ((?:[A-Z2-7]{4} ?)+)$", result.out).group(1)
            self.assertEqual(secret_of(uri), key.replace(" ", ""))
        narrow = self.ends(0, on_terminal("enroll", "totp", "camera", "--no-confirm", columns=30))
        self.assertIn("too narrow", narrow.out)

    def test_a_terminal_asks_until_the_code_is_right(self):
        self.person("typist")
        right = lambda screen: totp(secret_of(screen))
        result = on_terminal("enroll", "totp", "typist", lang="fr_FR.UTF-8",
                             answers=[("abandonner", "123456"), ("abandonner", "12 34"), ("abandonner", right)])
        self.ends(0, result)
        self.assertEqual(2, result.out.count("HC-406") + result.out.count("HC-212") + result.out.count("HC-405"),
                         result.out)
        self.assertIn("Confirmé", result.out)
        self.assertEqual("active", parsed(run("--json", "credential", "list", "typist"))[0]["state"])

    def test_giving_up_leaves_it_pending_and_says_what_to_do(self):
        self.person("quitter")
        for answers in ([("give up", "")], [("give up", None)],
                        [("give up", "111111"), ("give up", "111111"), ("give up", "111111")]):
            result = on_terminal("enroll", "totp", "quitter", answers=answers)
            self.ends(1, result)
            self.assertIn("hospictl credential confirm ", result.out)
        self.assertEqual({"pending"}, {entry["state"] for entry in parsed(run("--json", "credential", "list", "quitter"))})

    def test_recovery_codes_are_shown_once_in_every_form(self):
        self.person("saver")
        first = parsed(self.ends(0, run("--json", "enroll", "recovery", "saver")))
        self.assertEqual(["id", "codes"], list(first))
        self.assertEqual(10, len(set(first["codes"])))
        plain = self.ends(0, run("enroll", "recovery", "saver")).out
        self.assertRegex(plain, r"^id\t[a-z2-7]{12}\n(code\t[A-Z2-7]{4}(-[A-Z2-7]{4}){3}\n){10}$")
        for lang, words in (("C", "works once"), ("fr", "une fois")):
            screen = self.ends(0, on_terminal("enroll", "recovery", "saver", lang=lang)).out
            self.assertEqual(10, len(re.findall(r"(?m)^ +\d+\.  [A-Z2-7]{4}(?:-[A-Z2-7]{4}){3}$", screen)), screen)
            self.assertIn(words, screen.replace("\n", " "))
        states = [entry["state"] for entry in parsed(run("--json", "credential", "list", "saver"))]
        self.assertEqual(1, states.count("active"))
        self.assertEqual(10, [e for e in parsed(run("--json", "credential", "list", "saver"))
                              if e["state"] == "active"][0]["codes_left"])


class Credentials(Case):
    def test_what_is_unknown_or_without_reason_is_not_revoked(self):
        self.refused(3, run("credential", "revoke", "aaaaaaaaaaaa", "--reason", "x"), "HC-404")
        self.refused(3, run("credential", "list", "stranger"), "HC-402")
        self.refused(2, run("credential", "revoke", "aaaaaaaaaaaa"), "--reason")

    def test_a_credential_is_revoked_and_listed_so(self):
        self.person("loser")
        card = parsed(run("--json", "enroll", "totp", "loser", "--no-confirm"))
        self.ends(0, run("credential", "revoke", card["id"], "--reason", "téléphone perdu"))
        entry = parsed(run("--json", "credential", "list", "loser"))[0]
        self.assertEqual(("revoked", "téléphone perdu"), (entry["state"], entry["revoke_reason"]))
        self.assertIsNotNone(entry["revoked"])
        self.refused(1, run("credential", "revoke", card["id"], "--reason", "again"), "HC-407")
        table = on_terminal("credential", "list", "loser", lang="fr", columns=120).out
        self.assertRegex(table, rf"(?m)^{card['id']} +TOTP +révoqué .*téléphone perdu")


class Lockouts(Case):
    def test_a_locked_person_is_listed_and_cleared(self):
        self.refused(3, run("lockout", "clear", "stranger"), "HC-402")
        self.person("clumsy")
        run("enroll", "totp", "clumsy", "--no-confirm")
        for _ in range(3):
            rig.wrong_sign_in(BROKER.auth_socket, "clumsy", ["000000", "000001", "000002"])
        rows = [row for row in parsed(self.ends(0, run("--json", "lockout", "list"))) if row["login"] == "clumsy"]
        self.assertEqual(1, len(rows))
        self.assertGreaterEqual(rows[0]["failures"], 5)
        self.assertRegex(rows[0]["locked_until"], r"^20.*Z$")
        self.assertRegex(on_terminal("lockout", "list", lang="fr").out, r"(?m)^clumsy +\S.* \d+  20")
        self.assertEqual({"cleared": 1}, parsed(self.ends(0, run("--json", "lockout", "clear", "clumsy"))))
        self.assertNotIn("clumsy", self.ends(0, run("lockout", "list")).out)
        self.assertIn("was not locked out", self.ends(0, on_terminal("lockout", "clear", "clumsy")).out)


class Audit(Case):
    def head(self):
        return self.ends(0, run("audit", "head")).out

    def test_an_anchor_that_is_none_is_refused(self):
        self.refused(1, run("audit", "verify", "--anchor", "/nonexistent"), "/nonexistent")
        self.refused(1, run("audit", "verify", "--anchor", "-", given=b"{}"), "1")
        self.refused(1, run("audit", "verify", "--anchor", "-", given=self.head().encode() + b"garbage"), "2")

    def test_a_forged_head_does_not_hold(self):
        head = self.head()
        digest = re.search(r'"hash": "(.)', head)
        forged = head[:digest.start(1)] + ("1" if digest.group(1) != "1" else "2") + head[digest.end(1):]
        result = self.ends(1, run("audit", "verify", "--anchor", "-", given=(head + forged).encode()))
        self.assertIn("HC-412", result.err)
        result = self.ends(1, run("--json", "audit", "verify", "--anchor", "-", given=(head + forged).encode()))
        verdict = parsed(result)
        self.assertFalse(verdict["verified"])
        self.assertEqual(["ANCHOR_INVALID"], [defect["reason"] for defect in verdict["defects"]])

    def test_records_are_listed_and_filtered(self):
        self.person("watched")
        self.person("unseen")
        run("user", "disable", "watched")
        rows = parsed(self.ends(0, run("--json", "audit", "list", "--user", "watched")))
        self.assertEqual(["user-add", "user-disable"], [row["event"] for row in rows])
        self.assertEqual({"watched"}, {row["login"] for row in rows})
        self.assertRegex(rows[0]["time"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertRegex(rows[0]["hash"], r"^[0-9a-f]{64}$")
        self.assertEqual(1, len(parsed(run("--json", "audit", "list", "--user", "watched", "--event", "user-add"))))
        self.assertEqual(2, len(parsed(run("--json", "audit", "list", "--limit", "2"))))
        self.assertEqual([], parsed(run("--json", "audit", "list", "--since", "2099-01-01")))
        self.assertEqual("", self.ends(0, run("audit", "list", "--since", "2099-01-01")).out)
        self.assertGreater(len(parsed(run("--json", "audit", "list", "--since", "1h"))), 2)
        plain = self.ends(0, run("audit", "list", "--user", "watched")).out
        self.assertRegex(plain, r"^\d+\t20\S+Z\tuser-add\tsuccess\t\twatched\t")
        for columns in (40, 80, 200):
            table = self.ends(0, on_terminal("audit", "list", lang="fr", columns=columns)).out
            self.assertRegex(table, r"N° +Heure +Événement +Résultat")
        self.assertIn("No record", on_terminal("audit", "list", "--since", "2099-01-01").out)

    def test_the_trail_holds_with_and_without_heads(self):
        heads = self.head() + self.head()
        self.assertEqual(1, self.head().count("\n"))
        verdict = parsed(self.ends(0, run("--json", "audit", "verify", "--anchor", "-", given=heads.encode())))
        self.assertEqual((True, [], 2), (verdict["verified"], verdict["defects"], verdict["anchors"]))
        self.assertGreater(verdict["records"], 0)
        self.assertIn("holds", self.ends(0, run("audit", "verify")).out)
        self.assertIn("intact", self.ends(0, on_terminal("audit", "verify", lang="fr")).out)


class Tampering(Case):
    """Last in the alphabet, since the trail does not hold any more behind it."""

    def change(self, path, statement):
        with contextlib.closing(sqlite3.connect(path)) as store, store:
            store.execute(statement)

    def test_a_changed_record_and_a_cut_tail_are_found(self):
        head = self.ends(0, run("audit", "head")).out
        BROKER.stop()
        path = [BROKER.state_dir + "/" + name for name in os.listdir(BROKER.state_dir) if name.endswith(".db")][0]
        self.change(path, f"DELETE FROM audit WHERE seq >= {json.loads(head)['seq']}")
        BROKER.start()
        cut = parsed(self.ends(1, run("--json", "audit", "verify", "--anchor", "-", given=head.encode())))
        self.assertFalse(cut["verified"])
        BROKER.stop()
        self.change(path, "UPDATE audit SET login = 'somebody' WHERE seq = 3")
        BROKER.start()
        self.refused(1, run("audit", "verify"), "HC-410", "3")
        self.refused(1, run("audit", "verify", lang="fr"), "HC-410")


class Installation(Case):
    GOOD = {
        "common-auth": "auth [success=1 default=ignore] pam_unix.so nullok\nauth requisite pam_deny.so\n"
                       "auth required pam_permit.so\n"
                       "auth required pam_hospiconnect.so mode=second-factor methods=totp,recovery\n",
        "common-account": "account [success=1 new_authtok_reqd=done default=ignore] pam_unix.so\n"
                          "account requisite pam_deny.so\naccount required pam_permit.so\n"
                          "account [success=ok ignore=ignore user_unknown=ignore default=bad] pam_hospiconnect.so\n",
        "sshd": "@include common-auth\naccount required pam_nologin.so\n@include common-account\n",
        "sudo": "@include common-auth\n@include common-account\n",
        "sudo.dpkg-old": "auth sufficient pam_permit.so\n",
    }

    def doctor(self, stacks, *words, status=None, **how):
        folder = BROKER.dir + "/pam"
        shutil.rmtree(folder, ignore_errors=True)
        os.mkdir(folder)
        for name, text in stacks.items():
            with open(f"{folder}/{name}", "w", encoding="utf-8") as out:
                out.write(text)
        result = rig.run("doctor", "--config", BROKER.conf, "--pam-dir", folder, *words, **how)
        if status is not None:
            self.ends(status, result)
        return result

    def found(self, stacks):
        return [(entry["check"], entry["result"]) for entry in parsed(self.doctor(stacks, "--json"))]

    def test_holes_and_lock_outs_of_the_stack_are_errors(self):
        hole = {**self.GOOD, "sudo": "auth sufficient pam_unix.so\n@include common-auth\n@include common-account\n"}
        found = self.found(hole)
        self.assertIn(("pam.sudo", "error"), found)
        self.assertIn(("pam.sshd", "ok"), found)
        self.ends(1, self.doctor(hole))
        text = self.doctor(hole, lang="fr").out
        self.assertRegex(text, r"error\tpam\.sudo\tsudo\u00a0: .*sudo:1 pam_unix sufficient.*\t.+")
        closed = {**self.GOOD, "common-account": self.GOOD["common-account"].replace("user_unknown=ignore ", "")}
        self.assertEqual(2, self.found(closed).count(("pam.sshd", "error")) + self.found(closed).count(("pam.sudo", "error")))

    def test_sound_stacks_and_a_running_broker_are_good(self):
        found = self.found(self.GOOD)
        for check in ("pam.sshd", "pam.sudo", "auth_socket", "admin_socket", "broker"):
            self.assertIn((check, "ok"), found, found)
        self.assertNotIn("pam.common-auth", [check for check, _ in found])
        self.assertNotIn("pam.sudo.dpkg-old", [check for check, _ in found])

    def test_who_asks_for_the_login_before_a_device_is_told(self):
        primary = "auth [success=4 default=ignore] pam_hospiconnect.so mode=primary\n" + self.GOOD["common-auth"]
        rest = "@include common-auth\n@include common-account\n"
        stacks = {**self.GOOD, "common-auth": primary, "login": "auth requisite pam_nologin.so\n" + rest, "sudo": rest,
                  "cron": "auth requisite pam_nologin.so\n" + rest, "lightdm": rest + "auth requisite pam_nologin.so\n"}
        conf = BROKER.dir + "/nameless.conf"
        for settings, asked in (("", []), ("[fido2]\nrp_id = sso.hospital.example\n", ["login"]),
                                ("[cps]\nmodule = /x.so\n[policy]\nnameless_services = cron, sudo\n", ["cron"]),
                                ("[cps]\nmodule = /x.so\n[policy]\nnameless_services = ,\n", [])):
            with open(conf, "w", encoding="utf-8") as out:
                out.write(settings)
            self.doctor(stacks)
            result = rig.run("doctor", "--config", conf, "--pam-dir", BROKER.dir + "/pam", lang="fr")
            found = [line.split("\t")[1] for line in result.out.splitlines() if "appuyer sur Entrée" in line]
            self.assertEqual(["pam." + name for name in asked], found, settings)

    def test_a_machine_without_us_is_told(self):
        found = self.found({"sshd": "auth required pam_unix.so\n"})
        self.assertIn(("pam", "warning"), found)

    def test_a_dead_broker_a_bad_configuration_and_a_bad_key_are_errors(self):
        with open(BROKER.conf, encoding="utf-8") as conf:
            good = conf.read()
        key = BROKER.state_dir + "/seal.key"
        BROKER.stop()
        try:
            os.chmod(key, 0o644)
            with open(BROKER.conf, "a", encoding="utf-8") as conf:
                conf.write("colour = blue\n")
            found = self.found(self.GOOD)
            for check in ("auth_socket", "admin_socket", "broker", "seal", "config"):
                self.assertIn((check, "error"), found, found)
            self.assertIn("colour", self.doctor(self.GOOD).out)
        finally:
            os.chmod(key, 0o600)
            with open(BROKER.conf, "w", encoding="utf-8") as conf:
                conf.write(good)
            BROKER.start()

    def test_a_configuration_changed_since_the_start_does_not_hold_yet(self):
        self.assertNotIn("restart", [check for check, _ in self.found(self.GOOD)])
        kept = os.stat(BROKER.conf)
        os.utime(BROKER.conf, (time.time() + 5, time.time() + 5))
        try:
            found = {entry["check"]: entry for entry in parsed(self.doctor(self.GOOD, "--json"))}
        finally:
            os.utime(BROKER.conf, ns=(kept.st_atime_ns, kept.st_mtime_ns))
        self.assertEqual(("warning", "systemctl restart hospiconnect-authd"), (found["restart"]["result"], found["restart"]["advice"]))
        self.assertIn(BROKER.conf, found["restart"]["found"])

    def test_a_role_that_stands_in_the_file_alone_serves_no_gateway(self):
        folder = tempfile.mkdtemp(dir=BROKER.dir)
        user, answers = "hospiconnect-gateway", folder + "/gateway.sock"
        with open(BROKER.conf, encoding="utf-8") as conf:
            text = conf.read() + f"gateway_socket = {answers}\ngateway_user = {user}\n"
        for name, content in (("authd.conf", text + "role = authority\n"), ("standalone.conf", text + "role = standalone\n"),
                              ("gateway.conf", f"[gateway]\nauthd_socket = {answers}\nuser = {user}\n")):
            with open(f"{folder}/{name}", "w", encoding="utf-8") as out:
                out.write(content)
        for name, advice in (("authd.conf", "systemctl restart hospiconnect-authd"), ("standalone.conf", "Set “role = authority”")):
            rows = parsed(rig.run("doctor", "--json", "--config", f"{folder}/{name}", "--gateway-config", folder + "/gateway.conf",
                                  "--pam-dir", folder))
            (role,) = [row for row in rows if row["check"] == "gateway_role"]
            self.assertEqual("error", role["result"], name)
            self.assertTrue(role["advice"].startswith(advice), role)

    def test_a_socket_folder_that_others_may_write_is_an_error(self):
        folder = os.path.dirname(BROKER.admin_socket)
        mode = os.stat(folder).st_mode & 0o7777
        os.chmod(folder, mode | 0o022)
        try:
            found = self.found(self.GOOD)
            text = self.doctor(self.GOOD, lang="fr").out
        finally:
            os.chmod(folder, mode)
        for check in ("auth_socket", "admin_socket"):
            self.assertIn((check, "error"), found, found)
        self.assertIn("doit appartenir", text)

    def test_every_finding_has_its_texts_in_both_languages(self):
        for lang in ("C", "fr"):
            for entry in parsed(self.doctor(self.GOOD, "--json", lang=lang)):
                self.assertNotRegex(entry["found"] + (entry["advice"] or ""), r"(?<![a-z])ctl\.[a-z]|\{\d\}")
                self.assertTrue(entry["advice"] or entry["result"] != "error", entry)

    def test_a_terminal_gets_words_and_a_sum(self):
        screen = terminal("doctor", "--config", BROKER.conf, "--pam-dir", BROKER.dir, lang="fr").out
        self.assertRegex(screen, r"\d+ bons, \d+ avis, \d+ erreurs\.")
        for line in re.sub(r"\033\[\d+m", "", screen).split("\n"):
            self.assertLessEqual(len(line), max(80, len(line.split()[-1]) + 12 if line.split() else 0), line)

    def test_status_says_the_same_in_every_form(self):
        facts = parsed(self.ends(0, run("--json", "status")))
        self.assertEqual(os.environ["HC_VERSION"], facts["version"])
        self.assertEqual("standalone", facts["role"])
        self.assertIsInstance(facts["persons"], int)
        self.assertRegex(facts["clock"], r"^20.*\.\d{3}Z$")
        self.assertIn(f"state_dir\t{BROKER.state_dir}\n", self.ends(0, run("status")).out)
        for lang, title in (("fr", "Rôle"), ("en", "Role")):
            shown = on_terminal("status", "--no-color", lang=lang).out
            self.assertRegex(shown, rf"(?m)^{title} +standalone$")
            self.assertNotIn("ctl.", shown, "a fact whose text has no words")


def setUpModule():
    global BROKER
    BROKER = rig.Broker()


def tearDownModule():
    BROKER.remove()


if __name__ == "__main__":
    unittest.main(argv=sys.argv, verbosity=1)
