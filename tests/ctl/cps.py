# SPDX-License-Identifier: Apache-2.0
"""Cards, authorities and revocation lists, as an administrator handles them, in French and English."""
import hashlib
import json
import os
import pwd
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.environ["HC_SUPPORT"])

import igc  # noqa: E402  pylint: disable=wrong-import-position
from rig import HOSPICTL, environment, parsed, run, terminal  # noqa: E402

PKI = None


def content(path):
    with open(path, "rb") as source:
        return source.read()


class Pki:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="hc-cps-")
        self.root = igc.authority(self.dir, "root", "AC RACINE IGC-SANTE FORT")
        self.people = igc.authority(self.dir, "people", "AC IGC-SANTE FORT PERSONNES", issuer=self.root)
        self.organisations = igc.authority(self.dir, "org", "AC IGC-SANTE FORT ORGANISATIONS", issuer=self.root)
        self.test_root = igc.authority(self.dir, "testroot", "TEST AC RACINE IGC-SANTE FORT", "IGC-SANTE TEST")
        self.test_people = igc.authority(self.dir, "testpeople", "TEST AC IGC-SANTE FORT PERSONNES",
                                         "IGC-SANTE TEST", self.test_root)
        self.stranger = igc.authority(self.dir, "stranger", "AC IGC-SANTE FORT PERSONNES")
        self.card = igc.card(self.dir, "card", self.people)
        self.test_card = igc.card(self.dir, "testcard", self.test_people,
                                  changes=[("1.2.250.1.71.1.2.5", "DER:040180")])

    def path(self, name, data):
        path = os.path.join(self.dir, name)
        with open(path, "wb") as out:
            out.write(data if isinstance(data, bytes) else data.encode())
        return path


def setUpModule():
    global PKI
    PKI = Pki()


def tearDownModule():
    shutil.rmtree(PKI.dir)


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="hc-cps-")
        self.addCleanup(shutil.rmtree, self.dir)
        self.trust, self.crl = self.dir + "/cps/trust", self.dir + "/crl"
        os.mkdir(self.crl, 0o755)
        self.configure()

    def configure(self, more=""):
        self.conf = self.dir + "/authd.conf"
        with open(self.conf, "w", encoding="utf-8") as out:
            out.write(f"[authd]\nlanguage = fr\n[cps]\ntrust_dir = {self.trust}\ncrl_dir = {self.crl}\n{more}")

    def cps(self, *words, **how):
        return run("cps", *words, "--config", self.conf, **how)

    def ends(self, status, result):
        self.assertEqual(status, result.status, repr(result))
        return result

    def refused(self, result, *texts):
        self.ends(1, result)
        self.assertEqual("", result.out, repr(result))
        for text in texts:
            self.assertIn(text, result.err)

    def inspect(self, path, **how):
        return parsed(self.ends(0, self.cps("inspect", path, "--json", **how)))

    def trusting(self, *parties):
        bundle = b"".join(content(party.pem) for party in parties)
        self.ends(0, self.cps("trust", "add", PKI.path("bundle.pem", bundle)))

    def add_list(self, data, name="list.crl"):
        return self.cps("crl", "add", PKI.path(name, data))


class Inspect(Case):
    def test_what_is_no_certificate_is_refused_with_what_it_is(self):
        for data, text in ((b"", "no certificate"), (b"hello", "no certificate"), (b"0\x82\x01\x01x", "malformed"),
                           (content(PKI.card.key), "no certificate"),
                           (PKI.card.der[:-1], "malformed"), (PKI.card.der + b"x", "malformed"),
                           (content(PKI.card.pem) * 2, "more than one"),
                           (b"x" * (1024 * 1024 + 1), "too long")):
            self.refused(self.cps("inspect", PKI.path("odd", data)), text)
        self.refused(self.cps("inspect", self.dir + "/none"), "No such file")
        self.refused(self.cps("inspect", self.dir + "/none", lang="fr_FR.UTF-8"), "lecture impossible")
        self.refused(self.cps("inspect", self.dir), "directory")

    def test_a_card_of_nobody_we_trust_signs_nobody_in(self):
        seen = self.inspect(PKI.card.pem)
        self.assertEqual(("untrusted", "unknown", False, "HC-254"),
                         (seen["chain"], seen["revocation"], seen["may_sign_in"], seen["code"]))

    def test_a_good_card_is_read_out_whole(self):
        self.trusting(PKI.root, PKI.people)
        self.ends(0, self.add_list(PKI.people.crl()))
        path = PKI.path("card.der", PKI.card.der)
        seen = self.inspect(path)
        self.assertEqual({"given_name": "MAX", "family_name": "LIBRE", "national_id": "899900063480",
                          "national_id_kind": "RPPS", "structure_id": None, "profession": "Médecin",
                          "profession_code": 10, "title": "Médecin", "training": None, "skills": ["SM26"],
                          "card": "CPS", "card_number": "2600855206", "card_issuer": "8025000001",
                          "category": "production", "product": "card", "use": "authentication",
                          "key": "RSA 2048", "upn": "8.99900063480@carte-cps.fr", "chain": "trusted",
                          "revocation": "good", "may_sign_in": True, "code": None, "reason": None,
                          "needs_mapping": False},
                         {key: value for key, value in seen.items()
                          if key not in ("not_before", "not_after", "issuer", "serial", "fingerprint")})
        self.assertRegex(seen["not_after"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertEqual(hashlib.sha256(PKI.card.der).hexdigest(), seen["fingerprint"])
        self.assertIn("CN=AC IGC-SANTE FORT PERSONNES", seen["issuer"])
        piped = run("cps", "inspect", "-", "--json", "--config", self.conf, given=PKI.card.der)
        self.assertEqual(seen, parsed(self.ends(0, piped)))
        plain = dict(line.split("\t") for line in self.ends(0, self.cps("inspect", path)).out.splitlines())
        self.assertEqual(("899900063480", "Médecin", "yes"),
                         (plain["national_id"], plain["profession"], plain["may_sign_in"]))

    def test_people_read_it_in_their_language(self):
        self.trusting(PKI.root, PKI.people)
        self.ends(0, self.add_list(PKI.people.crl()))
        english = terminal("cps", "inspect", PKI.card.pem, "--config", self.conf, "--no-color").out
        french = terminal("cps", "inspect", PKI.card.pem, "--config", self.conf, "--no-color", lang="fr_FR.UTF-8").out
        for screen, lines in ((english, ("Physician (10)", "card of a health professional", "899900063480 (RPPS)",
                                         "not revoked; list valid until 20", "May sign in           yes")),
                              (french, ("Médecin (10)", "carte de professionnel de santé", "Chaîne ",
                                        "non révoqué", "Peut se connecter     oui"))):
            for line in lines:
                self.assertIn(line, screen.replace("\u00a0", " "))
            self.assertNotIn("ctl.", screen)

    def test_every_kind_of_refusal_has_its_code(self):
        self.trusting(PKI.root, PKI.people, PKI.organisations)
        self.ends(0, self.add_list(PKI.people.crl()))
        number = "1.2.250.1.71.1.2."
        for row, (name, how, wanted) in enumerate((
                ("sign", {"changes": [("keyUsage", "critical,nonRepudiation"), ("extendedKeyUsage", "emailProtection")]},
                 {"code": "HC-251", "use": "signature"}),
                ("old", {"days": (-100, -1)}, {"code": "HC-252", "chain": "expired"}),
                ("org", {"issuer": PKI.organisations}, {"code": "HC-258", "chain": "organisation"}),
                ("alien", {"issuer": PKI.stranger}, {"code": "HC-254", "chain": "untrusted"}),
                ("test", {"changes": [(number + "5", "DER:040180")]}, {"code": "HC-256", "category": "test"}),
                ("shared", {"subject": "C=FR\nCN=EMPLOYE0001\n", "changes": [("subjectAltName", None)]},
                 {"code": "HC-257", "family_name": None}),
                ("two", {"changes": [("subjectAltName", "otherName:msUPN;UTF8:8.99900063499@carte-cps.fr")]},
                 {"code": "HC-263"}),
                ("cpf", {"changes": [(number + "2", "DER:020101")]}, {"card": "CPF", "code": None}),
                ("nurse", {"changes": [(number + "7", "DER:02013C")]}, {"profession": "Infirmier", "code": None}),
                ("odd", {"changes": [(number + "7", "DER:02014F")]}, {"profession": "79", "code": None}),
        )):
            how = {"issuer": PKI.people, **how}
            seen = self.inspect(igc.card(PKI.dir, "kind-" + name, **how).pem)
            got = {key: seen[key] for key in wanted}
            self.assertEqual(wanted, got, f"row {row}: {name}")
            self.assertEqual(wanted["code"] is None, seen["may_sign_in"], f"row {row}: {name}")

    def test_a_test_card_signs_in_only_where_the_configuration_says_so(self):
        self.trusting(PKI.test_root, PKI.test_people)
        self.ends(0, self.add_list(PKI.test_people.crl()))
        seen = self.inspect(PKI.test_card.pem)
        self.assertEqual(("test", "trusted", "HC-256"), (seen["category"], seen["chain"], seen["code"]))
        self.configure("allow_test_cards = yes\n")
        self.assertTrue(self.inspect(PKI.test_card.pem)["may_sign_in"])

    def test_a_revoked_card_is_refused_however_old_the_list_is(self):
        lost = igc.card(PKI.dir, "lost", PKI.people)
        PKI.people.revoke(lost)
        self.trusting(PKI.root, PKI.people)
        self.ends(0, self.add_list(PKI.people.crl(since=-30, until=-20)))
        for path, wanted in ((lost.pem, ("revoked", "HC-253")), (PKI.card.pem, ("unknown", "HC-255"))):
            seen = self.inspect(path)
            self.assertEqual(wanted, (seen["revocation"], seen["code"]))
        self.configure("crl_degraded_max_age = 21d\n")
        seen = self.inspect(PKI.card.pem)
        self.assertEqual(("degraded", True), (seen["revocation"], seen["may_sign_in"]))
        self.assertEqual("HC-253", self.inspect(lost.pem)["code"])

    def test_an_identifier_of_a_structure_needs_a_mapping(self):
        self.trusting(PKI.root, PKI.people)
        self.ends(0, self.add_list(PKI.people.crl()))
        bound = igc.card(PKI.dir, "bound", PKI.people, changes=[("subjectAltName", None)],
                         subject="C=FR\nGN=MAX\n+SN=LIBRE\n+CN=3760021832/000000018\n")
        seen = self.inspect(bound.pem)
        self.assertEqual((True, "3760021832"), (seen["needs_mapping"], seen["structure_id"]))

    def test_nothing_in_a_certificate_acts_on_the_terminal(self):
        evil = igc.card(PKI.dir, "evil", PKI.people,
                        subject="C=FR\nGN=M\u202eX\n+SN=LIBRE\n+CN=899900063480\n")
        result = self.cps("inspect", evil.pem)
        self.assertNotIn("\u202e", result.out + result.err)

    def test_a_configuration_that_is_wrong_is_no_default(self):
        for more in ("allow_test_cards = perhaps\n", "crl_degraded_max_age = 31d\n", "crl_degraded_max_age = soon\n"):
            self.configure(more)
            self.refused(self.cps("inspect", PKI.card.pem), self.conf)


class Trust(Case):
    def names(self):
        return [row["name"] for row in parsed(self.ends(0, self.cps("trust", "list", "--json")))]

    def test_what_is_no_authority_adds_nothing(self):
        both = content(PKI.root.pem) + content(PKI.card.pem)
        key = content(PKI.root.pem) + content(PKI.root.key)
        for data in (content(PKI.card.pem), both, key, b"", b"hello"):
            self.refused(self.cps("trust", "add", PKI.path("odd", data)), "Nothing was added")
        self.assertEqual([], self.names())
        self.assertFalse(os.path.exists(self.trust) and os.listdir(self.trust))

    def test_a_bundle_of_any_form_is_taken_and_listed(self):
        pem = b"".join(content(p.pem) for p in (PKI.root, PKI.people))
        p7 = igc.openssl("crl2pkcs7", "-nocrl", "-certfile", PKI.path("two.pem", pem), "-outform", "DER")
        added = parsed(self.ends(0, self.cps("trust", "add", PKI.path("two.p7b", p7), "--json")))
        self.assertEqual(["AC IGC-SANTE FORT PERSONNES", "AC RACINE IGC-SANTE FORT"],
                         sorted(row["name"] for row in added))
        self.ends(0, self.cps("trust", "add", PKI.path("o.der", PKI.organisations.der)))
        rows = {row["name"]: row for row in parsed(self.cps("trust", "list", "--json"))}
        self.assertEqual(3, len(rows))
        root = rows["AC RACINE IGC-SANTE FORT"]
        self.assertEqual((True, False, "production", hashlib.sha256(PKI.root.der).hexdigest()),
                         (root["root"], root["organisations"], root["category"], root["fingerprint"]))
        self.assertTrue(rows["AC IGC-SANTE FORT ORGANISATIONS"]["organisations"])
        for name in os.listdir(self.trust):
            self.assertRegex(name, r"^[a-z0-9-]+-[0-9a-f]{16}\.pem$")
            self.assertEqual(0o644, stat.S_IMODE(os.stat(self.trust + "/" + name).st_mode))

    def test_what_is_trusted_already_is_said_and_changes_nothing(self):
        self.trusting(PKI.root)
        before = os.listdir(self.trust)
        again = self.ends(0, self.cps("trust", "add", PKI.root.pem, "--json"))
        self.assertEqual([], parsed(again))
        self.assertIn("already", terminal("cps", "trust", "add", PKI.root.pem, "--config", self.conf).out)
        self.assertEqual(before, os.listdir(self.trust))

    def test_the_administrator_is_told_of_test_and_expired_authorities_and_to_compare(self):
        self.assertIn("test branch", self.cps("trust", "add", PKI.test_root.pem).err)
        old = igc.authority(PKI.dir, "oldroot", "AC RACINE IGC-SANTE STANDARD", days=(-100, -1))
        self.assertIn("expired", self.cps("trust", "add", old.pem).err)
        screen = terminal("cps", "trust", "add", PKI.root.pem, "--config", self.conf).out
        self.assertIn("Compare the fingerprints", screen)
        self.assertIn(hashlib.sha256(PKI.root.der).hexdigest(), screen)
        self.assertIn("empreintes", terminal("cps", "trust", "add", PKI.people.pem, "--config", self.conf,
                                             lang="fr_FR.UTF-8").out)

    def test_a_directory_that_others_may_write_is_no_place_for_trust(self):
        self.trusting(PKI.root)
        os.chmod(self.trust, 0o777)
        for words in (("trust", "list"), ("trust", "add", PKI.people.pem), ("crl", "status")):
            self.refused(self.cps(*words), self.trust)
        self.assertEqual("unknown", self.inspect(PKI.card.pem)["chain"])

    def test_nobody_but_root_may_write(self):
        if os.geteuid() != 0:
            self.skipTest("needs root to become nobody")
        os.chmod(self.dir, 0o755)
        self.trusting(PKI.root)
        shutil.copy(HOSPICTL, self.dir + "/hospictl")
        bundle = self.dir + "/people.pem"
        shutil.copy(PKI.people.pem, bundle)
        os.chmod(bundle, 0o644)
        nobody = pwd.getpwnam("nobody")
        done = subprocess.run([self.dir + "/hospictl", "cps", "trust", "add", bundle, "--config", self.conf],
                              user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[], env=environment(),
                              capture_output=True, check=False)
        self.assertEqual(1, done.returncode, done.stderr)
        self.assertIn(b"Be root", done.stderr)
        self.assertEqual(1, len(os.listdir(self.trust)))

    def test_an_empty_directory_says_what_to_do(self):
        self.assertIn("cps trust add", terminal("cps", "trust", "list", "--config", self.conf).out)
        self.assertEqual("", self.ends(0, self.cps("trust", "list")).out)


class Lists(Case):
    def rows(self):
        return {row["issuer"]: row for row in parsed(self.ends(0, self.cps("crl", "status", "--json")))}

    def test_a_list_of_nobody_we_trust_is_refused(self):
        self.refused(self.add_list(PKI.people.crl()), "HC-254")
        self.trusting(PKI.root, PKI.people)
        for data, text in ((PKI.stranger.crl(), "HC-254"), (PKI.people.crl()[:-1], "Nothing was changed"),
                           (b"", "Nothing"), (PKI.card.der, "Nothing"),
                           (PKI.people.crl(since=1, until=2), "Nothing")):
            self.refused(self.add_list(data), text)
        self.assertEqual([], os.listdir(self.crl))

    def test_an_older_list_never_replaces_a_newer_one(self):
        self.trusting(PKI.root, PKI.people)
        self.ends(0, self.add_list(PKI.people.crl(since=-1)))
        (name,) = os.listdir(self.crl)
        before = content(self.crl + "/" + name)
        self.refused(self.add_list(PKI.people.crl(since=-2)), "as new, or newer")
        self.refused(self.cps("crl", "add", PKI.path("same.crl", before), lang="fr_FR.UTF-8"), "aussi récente")
        self.assertEqual(before, content(self.crl + "/" + name))
        self.ends(0, self.add_list(PKI.people.crl(since=-0.5, form="PEM")))
        self.assertEqual([name], os.listdir(self.crl))
        self.assertRegex(name, r"^[0-9a-f]{32}\.crl$")

    def test_the_status_says_what_sign_ins_are_told(self):
        self.trusting(PKI.root, PKI.people, PKI.test_people, PKI.organisations)
        self.assertEqual({"AC IGC-SANTE FORT PERSONNES": "unknown", "TEST AC IGC-SANTE FORT PERSONNES": "unknown"},
                         {name: row["says"] for name, row in self.rows().items()})
        self.ends(0, self.add_list(PKI.people.crl(since=-2)))
        ran_out = self.ends(0, self.add_list(PKI.test_people.crl(since=-9, until=-2)))
        self.assertIn("run out", ran_out.err)
        rows = self.rows()
        self.assertEqual(("good", "unknown"), (rows["AC IGC-SANTE FORT PERSONNES"]["says"],
                                               rows["TEST AC IGC-SANTE FORT PERSONNES"]["says"]))
        self.assertAlmostEqual(2 * 86400, rows["AC IGC-SANTE FORT PERSONNES"]["age_s"], delta=120)
        self.configure("crl_degraded_max_age = 3d\n")
        self.assertEqual("degraded", self.rows()["TEST AC IGC-SANTE FORT PERSONNES"]["says"])
        screen = terminal("cps", "crl", "status", "--config", self.conf, lang="fr_FR.UTF-8", columns=140).out
        self.assertIn("dégradé", screen)

    def test_a_file_that_is_damaged_is_told_and_the_others_count(self):
        self.trusting(PKI.root, PKI.people)
        self.ends(0, self.add_list(PKI.people.crl()))
        with open(self.crl + "/zz.crl", "wb") as out:
            out.write(b"0\x82\x00")
        result = self.ends(0, self.cps("crl", "status", "--json"))
        self.assertEqual("good", parsed(result)[0]["says"])
        self.assertIn("zz.crl", result.err)
        self.assertIn("left out", result.err)

    def test_root_writes_as_the_owner_of_the_directory(self):
        if os.geteuid() != 0:
            self.skipTest("needs root")
        nobody = pwd.getpwnam("nobody")
        self.trusting(PKI.root, PKI.people)
        os.chmod(self.dir, 0o755)
        os.chown(self.crl, nobody.pw_uid, nobody.pw_gid)
        self.ends(0, self.add_list(PKI.people.crl()))
        (name,) = os.listdir(self.crl)
        self.assertEqual(nobody.pw_uid, os.stat(self.crl + "/" + name).st_uid)


class Doctor(Case):
    def checks(self, lang="C"):
        rows = parsed(run("doctor", "--json", "--config", self.conf, "--gateway-config", self.dir + "/none",
                          "--pam-dir", self.dir, lang=lang))
        return [(row["check"], row["result"], row["found"], row["advice"]) for row in rows
                if row["check"].startswith("cps_")]

    def test_where_cards_are_not_used_nothing_is_missing(self):
        with open(self.conf, "w", encoding="utf-8") as out:
            out.write("[authd]\nlanguage = fr\n")
        if os.path.exists("/etc/hospiconnect/cps/trust"):
            self.skipTest("cards are used on this machine")
        self.assertEqual([("cps_module", "ok")], [row[:2] for row in self.checks()])

    def test_what_refuses_cards_is_an_error_and_what_soon_will_a_warning(self):
        def has(*wanted):
            found = self.checks()
            for _, result, text, advice in found:
                self.assertNotIn("ctl.", text)
                self.assertEqual(result == "ok", advice is None, text)
            for result, text in wanted:
                self.assertTrue([row for row in found if row[1] == result and text in row[2]], (text, found))
            return {row[1] for row in found}

        has(("warning", "does not exist"))
        self.trusting(PKI.root)
        has(("warning", "is over persons"))
        self.trusting(PKI.people)
        has(("error", "no revocation list of AC IGC-SANTE FORT PERSONNES"))
        self.ends(0, self.add_list(PKI.people.crl(since=-1)))
        self.assertEqual({"ok"}, has(("ok", "2 trusted authorities; over persons: AC IGC-SANTE FORT PERSONNES."), ("ok", "is 24 h")))
        (name,) = os.listdir(self.crl)
        os.unlink(self.crl + "/" + name)
        self.ends(0, self.add_list(PKI.people.crl(since=-40, until=-20)))
        self.trusting(PKI.test_root)
        has(("error", "ran out"), ("warning", "test cards are not allowed"))
        self.configure("crl_degraded_max_age = 21d\nallow_test_cards = yes\n")
        with open(self.crl + "/zz.crl", "wb") as out:
            out.write(b"x")
        has(("warning", "degraded mode"), ("warning", "anybody can obtain one"), ("warning", "left out"))
        self.ends(0, self.add_list(PKI.people.crl(since=-4)))
        self.trusting(igc.authority(PKI.dir, "soon", "AC RACINE IGC-SANTE ELEMENTAIRE", days=(-100, 30)))
        self.trusting(igc.authority(PKI.dir, "gone", "AC RACINE IGC-SANTE STANDARD", days=(-100, -1)))
        has(("warning", "a new one is issued each day"), ("warning", "expires on"), ("error", "expired on"))
        os.chmod(self.trust, 0o777)
        has(("error", "every card is refused"))
        self.configure("crl_degraded_max_age = soon\n")
        has(("error", "[cps]"))

    def test_a_root_of_ones_own_over_persons_is_no_reason_to_refuse_cards(self):
        own = igc.authority(PKI.dir, "own", "AC HOPITAL PERSONNES")
        self.trusting(own)
        self.ends(0, self.add_list(own.crl(since=-1)))
        found = self.checks()
        self.assertEqual({"ok"}, {row[1] for row in found}, found)
        self.assertTrue([row for row in found if "over persons: AC HOPITAL PERSONNES." in row[2]], found)

    def test_helpers_are_looked_for_where_this_build_installs_them(self):
        helper = os.environ["HC_HELPER_DIR"] + "/hc-fido2"
        if os.path.exists(helper):
            self.skipTest("there is one on this machine")
        os.mkdir(self.dir + "/bin")
        program = shutil.copy(HOSPICTL, self.dir + "/bin/hospictl")
        with open(self.conf, "w", encoding="utf-8") as out:
            out.write("[fido2]\nrp_id = login.example.org\n")
        done = subprocess.run([program, "doctor", "--json", "--config", self.conf, "--gateway-config", self.dir + "/none", "--pam-dir",
                               self.dir], capture_output=True, text=True, env=environment(), timeout=60, check=False)
        (row,) = [row for row in json.loads(done.stdout) if row["check"] == "fido2_helper"]
        self.assertEqual("error", row["result"])
        self.assertIn(helper, row["found"])

    def test_it_speaks_french(self):
        self.trusting(PKI.root, PKI.people)
        self.assertIn("ses cartes sont refusées", " ".join(row[2] for row in self.checks("fr_FR.UTF-8")))


if __name__ == "__main__":
    unittest.main(verbosity=1)
