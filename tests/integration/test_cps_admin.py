# SPDX-License-Identifier: Apache-2.0
"""
Goal: an administrator links cards to people with hospictl, from a file or from a reader, and nothing else gets linked:
the real broker, the real helper, the tests' PKCS#11 module, cards issued by a hierarchy like IGC-Santé's.
"""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import cards

sys.path.insert(0, os.path.join(cards.SOURCE, "..", "support"))

import igc  # noqa: E402  pylint: disable=wrong-import-position
import ptyrun  # noqa: E402  pylint: disable=wrong-import-position

AUTHD, HOSPICTL = cards.BUILD + "/bin/hospiconnect-authd", cards.BUILD + "/bin/hospictl"
AUTH_ID = "e828bd080f8025000001ff001020"
ROOT = os.geteuid() == 0
UID = cards.NOBODY if ROOT else os.geteuid()
UPN = "subjectAltName"
BOUND = "C=FR\ntitle=Infirmier\nO=CHU\nGN=LEA\n+SN=MARTIN\n+CN=3760021832/000000018\n"
BOUND_UPN = "otherName:msUPN;UTF8:3.760021832/000000018@carte-cps.fr"
SECOND = "C=FR\ntitle=Médecin\nGN=ZOÉ\n+SN=D'ARC\n+CN=899700218896\n"
SECOND_UPN = "otherName:msUPN;UTF8:8.99700218896@carte-cps.fr"
PKI = {}


class OnCard:
    """A certificate as the tests' module wants it."""

    def __init__(self, party):
        self.key, self.der = party.key, party.base + ".der"
        with open(self.der, "wb") as out:
            out.write(party.der)


def setUpModule():
    folder = PKI["folder"] = tempfile.mkdtemp(prefix="hc-cps-pki-")
    os.chmod(folder, 0o755)
    root = igc.authority(folder, "root", "AC RACINE IGC-SANTE FORT")
    people = igc.authority(folder, "people", "AC IGC-SANTE FORT PERSONNES", issuer=root)
    others = igc.authority(folder, "others", "AC IGC-SANTE FORT ORGANISATIONS", issuer=root)
    test_root = igc.authority(folder, "troot", "TEST AC RACINE IGC-SANTE FORT", unit="IGC-SANTE TEST")
    test_people = igc.authority(folder, "tpeople", "TEST AC IGC-SANTE FORT PERSONNES", unit="IGC-SANTE TEST",
                                issuer=test_root)
    stranger = igc.authority(folder, "stranger", "AC IGC-SANTE FORT PERSONNES")
    PKI["anchors"] = [root, people, others, test_root, test_people]
    PKI["people"] = people
    PKI["max"] = igc.card(folder, "max", people)
    PKI["new"] = igc.card(folder, "new", people)
    PKI["zoe"] = igc.card(folder, "zoe", people, subject=SECOND, changes=[(UPN, SECOND_UPN)])
    PKI["bound"] = igc.card(folder, "bound", people, subject=BOUND,
                            changes=[(UPN, BOUND_UPN), ("1.2.250.1.71.1.2.2", "DER:020102")])
    PKI["revoked"] = igc.card(folder, "revoked", people)
    people.revoke(PKI["revoked"])
    PKI["expired"] = igc.card(folder, "expired", people, days=(-100, -1))
    PKI["signature"] = igc.card(folder, "signature", people, changes=[
        ("keyUsage", "critical,nonRepudiation"), ("extendedKeyUsage", "emailProtection"), (UPN, None)])
    PKI["test"] = igc.card(folder, "test", test_people, changes=[("1.2.250.1.71.1.2.5", "DER:040180")])
    PKI["organisation"] = igc.card(folder, "organisation", others)
    PKI["foreign"] = igc.card(folder, "foreign", stranger)


def tearDownModule():
    shutil.rmtree(PKI["folder"])


class Case(unittest.TestCase):
    """A broker of its own with one reader, hospictl beside it."""

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="hc-cps-admin-")
        self.addCleanup(shutil.rmtree, self.dir)
        os.chmod(self.dir, 0o755)
        self.readers = cards.Readers(self.dir + "/card", 2)
        self.crl, self.process = PKI["people"].crl(), None
        for name, mode in (("state", 0o700), ("run", 0o755), ("trust", 0o755), ("crl", 0o755), ("helpers", 0o755)):
            os.mkdir(f"{self.dir}/{name}", mode)
        for number, anchor in enumerate(PKI["anchors"]):
            shutil.copy(anchor.pem, f"{self.dir}/trust/{number}.pem")
        shutil.copy(cards.BUILD + "/libexec/hc-pkcs11", self.dir + "/helpers/hc-pkcs11")
        with open(self.dir + "/crl/people.crl", "wb") as out:
            out.write(self.crl)
        self.settings = {"module": self.readers.module, "trust_dir": self.dir + "/trust", "crl_dir": self.dir + "/crl"}
        self.start()
        self.ctl("user", "add", "martin")

    def start(self):
        self.stop()
        with open(self.dir + "/authd.conf", "w", encoding="utf-8") as out:
            out.write(f"[authd]\nstate_dir = {self.dir}/state\nsocket = {self.dir}/run/auth.sock\nlanguage = en\n"
                      f"admin_socket = {self.dir}/run/admin.sock\nhelper_dir = {self.dir}/helpers\n[cps]\n")
            out.writelines(f"{name} = {value}\n" for name, value in self.settings.items())
        if ROOT:
            for path, folders, files in os.walk(self.dir):
                for name in [".", *folders, *files]:
                    if not path.startswith((self.dir + "/card", self.dir + "/trust")) and name not in ("card", "trust"):
                        os.chown(os.path.join(path, name), UID, UID)
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = self.dir + "/notify"
        if os.path.exists(path):
            os.unlink(path)
        notify.bind(path)
        os.chmod(path, 0o666)
        who = {"user": UID, "group": UID, "extra_groups": []} if ROOT else {}
        kept = {name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}
        with open(self.dir + "/log", "ab") as log, notify:
            self.process = subprocess.Popen([AUTHD, "--config", self.dir + "/authd.conf"], stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, env={**kept, "NOTIFY_SOCKET": path}, **who)
            self.addCleanup(self.stop)
            notify.settimeout(20)
            while b"READY=1" not in notify.recv(4096):
                pass

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            self.assertEqual(0, self.process.wait(20), self.log())
            self.process = None

    def log(self):
        with open(self.dir + "/log", encoding="utf-8", errors="replace") as source:
            return source.read()

    def command(self, *words):
        return [HOSPICTL, "--socket", self.dir + "/run/admin.sock", *words]

    def run_ctl(self, *words, lang="en"):
        return subprocess.run(self.command(*words), capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=60,
                              env={**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": lang}, check=False)

    def ctl(self, *words, status=0):
        done = self.run_ctl(*words)
        self.assertEqual(status, done.returncode, (words, done.stdout, done.stderr, self.log()))
        return done.stdout if status == 0 else done.stderr

    def json(self, *words):
        return json.loads(self.ctl("--json", *words))

    def enroll(self, name, login="martin", *more, status=0):
        done = self.ctl("--json", "enroll", "cps", login, "--certificate", PKI[name].pem, *more, status=status)
        return json.loads(done) if status == 0 else done

    def credentials(self, login="martin"):
        return self.json("credential", "list", login)

    def trail(self):
        return [record for record in self.json("audit", "list") if record["event"] == "enroll"]


class Refusals(Case):
    def test_what_could_never_sign_in_is_not_enrolled(self):
        for name, code in (("expired", "HC-252"), ("revoked", "HC-253"), ("foreign", "HC-254"), ("test", "HC-256"),
                           ("organisation", "HC-258"), ("signature", "HC-251"), ("bound", "HC-267")):
            with self.subTest(name):
                self.assertIn(code, self.enroll(name, status=1))
        self.assertEqual([], self.credentials())
        self.assertIsNone(self.json("user", "show", "martin")["national_id"])
        self.assertEqual({"failure"}, {record["outcome"] for record in self.trail()})
        self.assertEqual(7, len(self.trail()))

    def test_what_is_no_certificate_is_not_enrolled(self):
        path = self.dir + "/garbage"
        for content, said in ((b"", "no certificate"), (b"garbage", "no certificate"), (PKI["max"].der[:-1], "certificate"),
                              (b"x" * 2000000, "too long")):
            with open(path, "wb") as out:
                out.write(content)
            self.assertIn(said, self.ctl("enroll", "cps", "martin", "--certificate", path, status=1))
        self.assertIn("cannot be read", self.ctl("enroll", "cps", "martin", "--certificate", path + "x", status=1))
        self.assertEqual([], self.credentials())

    def test_a_person_who_is_not_there_or_disabled_gets_no_card(self):
        self.assertIn("HC-402", self.enroll("max", login="nobody", status=3))
        self.ctl("user", "disable", "martin")
        self.assertIn("HC-206", self.enroll("max", status=1))

    def test_another_identifier_than_the_persons_is_refused_with_both(self):
        self.ctl("user", "add", "zoe", "--national-id", "899700218896")
        said = self.enroll("max", login="zoe", status=1)
        for part in ("HC-268", "899900063480", "899700218896"):
            self.assertIn(part, said)
        self.assertIn("HC-413", self.enroll("zoe", status=1))
        self.assertEqual([], self.credentials())

    def test_a_certificate_is_one_persons(self):
        made = self.enroll("max")
        self.ctl("user", "add", "durand")
        for login in ("martin", "durand"):
            said = self.enroll("max", login=login, status=1)
            for part in ("HC-269", "martin", made["id"]):
                self.assertIn(part, said)
        self.ctl("credential", "revoke", made["id"], "--reason", "lost")
        self.assertIn("was revoked", self.enroll("max", status=1))

    def test_the_command_line_says_one_source(self):
        self.ctl("enroll", "cps", "martin", "--reader", "--certificate", PKI["max"].pem, status=2)
        self.ctl("cps", "inspect", "--reader", PKI["max"].pem, status=2)
        self.ctl("cps", "inspect", status=2)

    def test_without_a_module_no_card_is_read(self):
        del self.settings["module"]
        self.start()
        self.assertIn("[cps] module", self.ctl("enroll", "cps", "martin", "--reader", status=1))


class Enrolment(Case):
    def test_a_certificate_becomes_a_credential_and_names_the_person(self):
        made = self.enroll("max", "martin", "--proofed-by", "DRH", "--document", "CNI", "--face-to-face")
        self.assertEqual(
            {"national_id": "899900063480", "card": "CPS", "card_number": "2600855206", "given_name": "MAX",
             "family_name": "LIBRE", "profession": "Médecin", "category": "production", "label": None},
            {name: made[name] for name in made if name not in ("id", "not_after")})
        self.assertEqual("899900063480", self.json("user", "show", "martin")["national_id"])
        held, = self.credentials()
        self.assertEqual(
            (made["id"], "cps", "active", "CPS", "2600855206", "MAX LIBRE", "899900063480", "DRH", True),
            tuple(held[name] for name in ("id", "type", "state", "card", "card_number", "holder", "national_id", "proofed_by",
                                          "face_to_face")))
        record, = self.trail()
        self.assertEqual(("success", "cps", made["id"]), (record["outcome"], record["factor"], record["credential"]))
        for part in ("card=2600855206", "national-id=899900063480", "identifier-by=card", "revocation=good", "DRH"):
            self.assertIn(part, record["detail"])
        self.ctl("credential", "revoke", made["id"], "--reason", "lost")
        self.assertEqual("revoked", self.credentials()[0]["state"])

    def test_a_second_card_of_the_same_person_is_enrolled_too(self):
        self.enroll("max")
        self.enroll("new", "martin", "--label", "théâtre")
        self.assertEqual([None, "théâtre"], [held["label"] for held in self.credentials()])
        self.assertIn("identifier-by=record", self.trail()[1]["detail"])

    def test_a_card_of_an_establishment_is_linked_by_an_explicit_word(self):
        made = self.enroll("bound", "martin", "--structure-bound")
        self.assertEqual(("CPE", "3760021832/000000018"), (made["card"], made["national_id"]))
        self.assertIsNone(self.json("user", "show", "martin")["national_id"])
        self.assertIn("identifier-by=mapping", self.trail()[0]["detail"])

    def test_without_a_list_the_card_is_enrolled_and_that_is_said(self):
        os.unlink(self.dir + "/crl/people.crl")
        done = self.run_ctl("--json", "enroll", "cps", "martin", "--certificate", PKI["max"].pem)
        self.assertEqual(0, done.returncode, done.stderr)
        self.assertIn("could not be checked", done.stderr)
        self.assertIn("revocation=unknown", self.trail()[0]["detail"])

    def test_a_person_agrees_on_a_terminal_to_what_is_shown(self):
        words = self.command("enroll", "cps", "martin", "--certificate", PKI["max"].pem)
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        for answer, status in (("n", 1), ("", 1), ("yes", 0)):
            with ptyrun.Terminal(words, env=environment) as terminal:
                terminal.expect(r"Link the card of MAX LIBRE to martin\? ")
                for part in ("MAX LIBRE", "899900063480", "CPS 2600855206"):
                    self.assertIn(part, terminal.seen)
                terminal.send(answer)
                self.assertEqual(status, terminal.wait(), terminal.seen)
            self.assertEqual(1 - status, len(self.credentials()))
        with ptyrun.Terminal(words, env=environment) as terminal:
            self.assertEqual(1, terminal.wait())
            self.assertIn("HC-269", terminal.seen)
            self.assertNotIn("Link the card", terminal.seen)


class Reader(Case):
    def insert(self, name, slot=0):
        self.readers.card(name, (AUTH_ID, OnCard(PKI[name])), slot=slot)

    def test_the_card_in_the_reader_is_enrolled_without_its_pin(self):
        self.insert("max")
        made = self.json("enroll", "cps", "martin", "--reader")
        self.assertEqual(("899900063480", "2600855206"), (made["national_id"], made["card_number"]))
        self.assertEqual("active", self.credentials()[0]["state"])
        self.assertEqual([], self.readers.logins())

    def test_a_card_is_waited_for_by_name(self):
        with subprocess.Popen(self.command("--json", "enroll", "cps", "martin"), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as run:
            self.assertIn("martin", run.stderr.readline())
            self.insert("max")
            out, said = run.communicate(timeout=60)
        self.assertEqual(0, run.returncode, said)
        self.assertEqual("899900063480", json.loads(out)["national_id"])

    def test_of_two_cards_the_administrator_chooses(self):
        self.insert("max")
        self.insert("zoe", 1)
        run = subprocess.run(self.command("--json", "enroll", "cps", "martin", "--reader"), input="2\n", capture_output=True,
                             text=True, timeout=60, check=False)
        self.assertEqual(0, run.returncode, run.stderr)
        for part in ("1) ", "2) ", "LIBRE", "ARC"):
            self.assertIn(part, run.stderr)
        self.assertEqual("899700218896", json.loads(run.stdout)["national_id"])

    def test_a_card_that_may_not_sign_in_is_refused(self):
        self.insert("expired")
        self.assertIn("HC-252", self.ctl("enroll", "cps", "martin", "--reader", status=1))
        self.assertEqual([], self.credentials())

    def test_nobodys_broker_waits_for_a_tool_that_went(self):
        with subprocess.Popen(self.command("enroll", "cps", "martin"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              stdin=subprocess.DEVNULL, text=True) as run:
            self.assertIn("martin", run.stderr.readline())
            run.kill()
        deadline = time.monotonic() + 20
        while self.helpers() and time.monotonic() < deadline:
            time.sleep(0.02)
        self.assertEqual([], self.helpers())
        self.insert("max")
        self.assertEqual("CPS", self.json("enroll", "cps", "martin")["card"])

    def helpers(self):
        """Processes of this broker's helper."""
        found = []
        for name in os.listdir("/proc"):
            try:
                if name.isdigit() and os.readlink(f"/proc/{name}/exe") == self.dir + "/helpers/hc-pkcs11":
                    found.append(name)
            except OSError:
                continue
        return found

    def test_a_card_says_what_its_file_says(self):
        self.insert("max")
        config = ("--config", self.dir + "/authd.conf")
        read = self.json("cps", "inspect", "--reader", *config)
        self.assertEqual(self.json("cps", "inspect", PKI["max"].pem, *config), read)
        self.assertEqual(("trusted", "good", True), (read["chain"], read["revocation"], read["may_sign_in"]))
        self.assertEqual([], self.credentials())

    def doctor(self):
        """What it says of readers, as somebody who is not root: by check and result."""
        who = {"user": UID, "group": UID, "extra_groups": []} if ROOT else {}
        done = subprocess.run(self.command("--json", "doctor", "--config", self.dir + "/authd.conf"), capture_output=True,
                              stdin=subprocess.DEVNULL, timeout=60, check=False, **who)
        return {(item["check"], item["result"]): item["advice"] for item in json.loads(done.stdout)}

    def test_the_examination_tries_the_module(self):
        self.assertIn(("cps_reader", "ok"), self.doctor())
        self.settings["module"] = self.dir + "/no-such-module.so"
        self.start()
        self.assertIn("[cps] module", self.doctor()[("cps_module", "error")])
        shutil.copy(AUTHD, self.dir + "/no-such-module.so")
        self.assertIn("hc-pkcs11 list --module", self.doctor()[("cps_module", "error")])
        del self.settings["module"]
        self.start()
        self.assertIn(("cps_module", "ok"), self.doctor())

    def test_a_module_that_does_not_load_is_told(self):
        self.settings["module"] = self.dir + "/no-such-module.so"
        self.start()
        self.assertIn("HC-262", self.ctl("enroll", "cps", "martin", status=1))


if __name__ == "__main__":
    unittest.main(verbosity=1)
