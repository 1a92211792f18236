# SPDX-License-Identifier: Apache-2.0
"""
Goal: what a card's authority says online decides a sign-in as the configuration says: the real broker, hc-pkcs11 over the
tests' module, hc-ocsp, and a responder on loopback that openssl(1) answers for.
"""
import os
import shutil
import socket
import threading
import unittest

import cards
import device_link
import test_cps_admin
import test_ocsp

PKI = test_cps_admin.PKI
HELLO, STEP, ANSWER, INFO, RESULT, KEEPALIVE = 1, 2, 3, 5, 6, 7
ALLOW = 0x4B9C35E6
CPS = 8
device_link.REASONS[0] = "NONE"


def setUpModule():
    test_cps_admin.setUpModule()
    test_ocsp.Case.people = PKI["people"]


def tearDownModule():
    test_cps_admin.tearDownModule()


class SignIn(test_cps_admin.Case):
    def setUp(self):
        super().setUp()
        shutil.copy(cards.BUILD + "/libexec/hc-ocsp", self.dir + "/helpers/hc-ocsp")
        self.server = test_ocsp.Server(("127.0.0.1", 0), test_ocsp.Handler)
        self.server.asked, self.quiet = [], threading.Event()
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.addCleanup(self.quiet.set)
        self.settings["ocsp_url"] = f"http://127.0.0.1:{self.server.server_port}/"
        self.enroll("max")
        self.readers.card("max", (test_cps_admin.AUTH_ID, test_cps_admin.OnCard(PKI["max"])), slot=0)

    def use(self, mode, page=None, **settings):
        self.settings.update({"ocsp": mode, **settings})
        if page:
            self.server.page = lambda handler, body: handler.give(page(body))
        self.server.asked.clear()
        self.start()

    def good(self, body):
        return test_ocsp.answer(body, PKI["people"])

    def unknown(self, body):
        path = self.dir + "/empty.index"
        open(path, "w", encoding="utf-8").close()
        return test_ocsp.answer(body, PKI["people"], index=path)

    def index(self, name, revoked=None):
        """The authority's list of certificates as it is now, with one more that is revoked."""
        path = f"{self.dir}/{name}.index"
        serial = revoked and test_ocsp.igc.openssl("x509", "-in", revoked.pem, "-noout", "-serial").decode().strip().split("=")[1]
        with open(PKI["people"].base + ".index", encoding="utf-8") as source, open(path, "w", encoding="utf-8") as out:
            for line in source:
                parts = line.split("\t")
                if parts[3] == serial:
                    parts[0], parts[2] = "R", "261101000000Z"
                out.write("\t".join(parts))
        with open(path + ".attr", "w", encoding="utf-8") as out:
            out.write("unique_subject = no\n")
        return path

    def sign_in(self):
        """The verdict's reason; "ALLOW" for yes."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link:
            link.settimeout(30)
            link.connect(self.dir + "/run/auth.sock")
            link.send(device_link.pack(HELLO, request=1, mode=1, methods=CPS, flags=0, service="login", tty="tty1", user="martin",
                                       lang="en", timeout_s=60))
            while True:
                message = device_link.unpack(link.recv(16384))
                if message["type"] == STEP:
                    link.send(device_link.pack(ANSWER, answer=b"1234"))
                elif message["type"] == RESULT:
                    return "ALLOW" if message["verdict"] == ALLOW else message["reason"]
                else:
                    self.assertIn(message["type"], (INFO, KEEPALIVE))

    def test_without_a_word_from_the_authority_required_refuses_and_the_list_decides_otherwise(self):
        pages = (lambda body: b"<html>", lambda body: self.good(body)[:-1], lambda body: bytes.fromhex("30030a0103"))
        for page in pages:
            self.use("required", page)
            self.assertEqual("REVOCATION_UNKNOWN", self.sign_in())
            self.assertEqual(1, len(self.server.asked))
        self.use("when-reachable")
        self.assertEqual("ALLOW", self.sign_in())
        self.server.page = lambda handler, body: self.quiet.wait(20)
        self.use("required", ocsp_timeout="1s")
        self.assertEqual("REVOCATION_UNKNOWN", self.sign_in())
        self.use("when-reachable", ocsp_timeout="1s")
        self.assertEqual("ALLOW", self.sign_in())
        self.assertEqual("ALLOW", self.sign_in())
        self.assertEqual(1, len(self.server.asked), "nobody else waits for a responder that was away")

    def test_without_the_helper_it_is_as_without_an_answer(self):
        os.unlink(self.dir + "/helpers/hc-ocsp")
        self.use("required", self.good)
        self.assertEqual("REVOCATION_UNKNOWN", self.sign_in())
        self.use("when-reachable", self.good)
        self.assertEqual("ALLOW", self.sign_in())

    def test_a_card_that_is_revoked_or_unknown_online_is_refused_though_no_list_names_it(self):
        self.use("when-reachable", self.unknown)
        self.assertEqual("REVOCATION_UNKNOWN", self.sign_in())
        revoked = self.index("revoked", PKI["max"])
        self.use("when-reachable", lambda body: test_ocsp.answer(body, PKI["people"], index=revoked))
        self.assertEqual("CERTIFICATE_REVOKED", self.sign_in())
        self.server.page = lambda handler, body: handler.give(b"", status=503)
        self.assertEqual("CERTIFICATE_REVOKED", self.sign_in())

    def test_a_good_word_is_asked_for_once_and_serves_without_a_list(self):
        os.unlink(self.dir + "/crl/people.crl")
        self.use("required", self.good)
        self.assertEqual(["ALLOW"] * 3, [self.sign_in() for _ in range(3)])
        self.assertEqual(1, len(self.server.asked))

    def test_a_card_on_the_list_is_refused_whatever_is_said_online(self):
        before = self.index("before")
        PKI["people"].revoke(PKI["max"])
        self.addCleanup(shutil.copy, before, PKI["people"].base + ".index")
        with open(self.dir + "/crl/people.crl", "wb") as out:
            out.write(PKI["people"].crl(since=-0.5))
        self.use("when-reachable", lambda body: test_ocsp.answer(body, PKI["people"], index=before))
        self.assertEqual("CERTIFICATE_REVOKED", self.sign_in())
        self.assertEqual([], self.server.asked, "it is refused before its PIN")
        self.use("off")
        self.assertEqual("CERTIFICATE_REVOKED", self.sign_in())
        self.assertEqual([], self.server.asked)


if __name__ == "__main__":
    unittest.main(verbosity=1)
