# SPDX-License-Identifier: Apache-2.0
"""hc-ocsp against responders on loopback, as good and as bad as they get: over the broker's link, and by hand."""
import contextlib
import http.server
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.environ["HC_SUPPORT"])

import device_link  # noqa: E402  pylint: disable=wrong-import-position
import igc  # noqa: E402  pylint: disable=wrong-import-position

PROGRAM = os.environ["HC_OCSP"]
CHECK = 8
NOBODY = 65534
RESPONDER = ("basicConstraints=CA:FALSE\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid:always\n"
             "keyUsage=critical,digitalSignature\nextendedKeyUsage=OCSPSigning\nnoCheck=ignored\n")
PKI = None


def command(*words):
    drop = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []
    return [*drop, PROGRAM, *words]


def setUpModule():
    global PKI
    PKI = tempfile.mkdtemp(prefix="hc-ocsp-pki-")
    root = igc.authority(PKI, "root", "AC RACINE IGC-SANTE FORT")
    Case.people = people = igc.authority(PKI, "people", "AC IGC-SANTE FORT PERSONNES", issuer=root)
    others = igc.authority(PKI, "others", "AC IGC-SANTE ELEMENTAIRE PERSONNES", issuer=root)
    Case.card = igc.card(PKI, "card", people)
    Case.lost = igc.card(PKI, "lost", people)
    people.revoke(Case.lost)
    subject = "C=FR\nO=ASIP-SANTE\nCN=OCSP\n"
    Case.responder = igc.Party(PKI, "responder", subject, RESPONDER, people)
    Case.foreign = igc.Party(PKI, "foreign", subject, RESPONDER, others)
    Case.unfit = igc.Party(PKI, "unfit", subject, RESPONDER.replace("OCSPSigning", "clientAuth"), people)
    os.chmod(PKI, 0o755)
    for name in os.listdir(PKI):
        os.chmod(f"{PKI}/{name}", 0o644)


def tearDownModule():
    shutil.rmtree(PKI)


def answer(request, signer, index=None, name=None, given=()):
    """What openssl(1) answers as signer; index: another list of certificates."""
    where = tempfile.mkdtemp(prefix="hc-ocsp-")
    try:
        with open(where + "/q", "wb") as out:
            out.write(request)
        igc.openssl("ocsp", "-index", index or Case.people.base + ".index", "-CA", (name or Case.people).pem, "-rsigner",
                    signer.pem, "-rkey", signer.key, "-reqin", where + "/q", "-respout", where + "/a", "-ndays", "1", *given)
        with open(where + "/a", "rb") as source:
            return source.read()
    finally:
        shutil.rmtree(where)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.server.asked.append((self.path, dict(self.headers), body))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError, ssl.SSLError):
            self.server.page(self, body)

    def do_GET(self):
        self.server.asked.append((self.path, dict(self.headers), b""))
        self.send_error(405)

    def give(self, data, length=None, status=200, **headers):
        self.send_response(status)
        self.send_header("Content-Type", "application/ocsp-response")
        self.send_header("Content-Length", str(len(data) if length is None else length))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that gives up is what these tests are about."""


class Case(unittest.TestCase):
    people = card = lost = responder = foreign = unfit = None

    def setUp(self):
        self.stop = threading.Event()
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.asked, self.server.page = [], lambda handler, body: handler.give(b"whatever")
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.addCleanup(self.stop.set)
        self.url = f"http://127.0.0.1:{self.server.server_port}/ocsp"

    def link(self, **how):
        return device_link.Link(command(), uid=NOBODY if os.geteuid() == 0 else None, stderr=subprocess.PIPE, **how)

    def post(self, url=None, timeout_s=5, **how):
        """The last message, and how long that took."""
        began = time.monotonic()
        with self.link(**how) as link:
            link.start(CHECK, timeout_s=timeout_s, ocsp_url=url or self.url, ocsp_request=b"question")
            message = link.receive()
            link.process.stderr.close()
        return message, time.monotonic() - began


def drip(handler, stop, head=False):
    handler.send_response(200)
    if not head:
        handler.send_header("Content-Length", "5000")
        handler.end_headers()
    handler.flush_headers()
    handler.close_connection = True
    for _ in range(300):
        if stop.wait(0.1):
            return
        handler.wfile.write(b"X-Y: z\r\n" if head else b"0")
        handler.wfile.flush()


def endless(handler, head=False):
    handler.send_response(200)
    handler.send_header("Connection", "close")
    if not head:
        handler.end_headers()
    handler.close_connection = True
    handler.flush_headers()
    for _ in range(64):
        handler.wfile.write(b"X-Y: " + b"z" * 1000 + b"\r\n" if head else b"0" * 1024)


class OverTheLink(Case):
    def failed(self, text, page=None, most_s=3.0, **how):
        if page:
            self.server.page = page
        message, took = self.post(**how)
        self.assertEqual((device_link.FAILED, "REVOCATION_UNKNOWN"), (message["type"], message["reason"]), message)
        self.assertIn(text, message["detail"])
        self.assertLess(took, most_s)

    def test_a_start_that_is_none_reaches_nobody(self):
        good = {"timeout_s": 2, "ocsp_url": self.url, "ocsp_request": b"q"}
        for changes in ({"ocsp_url": "file:///etc/passwd"}, {"ocsp_url": "ftp://127.0.0.1/"}, {"ocsp_url": "http://"},
                        {"ocsp_url": self.url.replace("127", "me:pw@127")}, {"ocsp_url": self.url + "#x"},
                        {"ocsp_url": self.url + " x"}, {"ocsp_url": "http:///x"}, {"ocsp_url": None},
                        {"ocsp_request": None}, {"ocsp_request": b""}, {"timeout_s": 0}, {"timeout_s": 61},
                        {"device_operation": 2}, {"flags": 1}, {"rp_id": "x"}):
            with self.subTest(changes), self.link() as link:
                fields = {"device_operation": CHECK, **good, **changes}
                link.send(device_link.START, **{n: v for n, v in fields.items() if v is not None})
                self.assertEqual(1, link.ends()[1])
                link.process.stderr.close()
        self.assertEqual([], self.server.asked)

    def test_another_status_than_success(self):
        for status in (500, 404, 403, 204):
            self.failed(f"HTTP status {status}", lambda handler, _, status=status: handler.give(b"", status=status))

    def test_a_redirect_is_not_followed(self):
        for status in (301, 302, 303, 307, 308):
            self.server.asked.clear()
            self.failed(f"HTTP status {status}", lambda handler, _, status=status:
                        handler.give(b"", status=status, Location=self.url + "/other"))
            self.assertEqual(["/ocsp"], [path for path, _, _ in self.server.asked])

    def test_an_answer_without_end_and_one_that_is_too_long(self):
        self.failed("too long", lambda handler, _: handler.give(b"0" * 12289))
        self.failed("too long", lambda handler, _: handler.give(b"0", length=10 ** 12))
        self.failed("too long", lambda handler, _: endless(handler))
        self.failed("too long", lambda handler, _: endless(handler, head=True))

    def test_a_server_that_hangs_or_drips(self):
        for page in (lambda handler, _: self.stop.wait(30), lambda handler, _: drip(handler, self.stop),
                     lambda handler, _: drip(handler, self.stop, head=True)):
            self.failed("Timeout", page, timeout_s=1)

    def test_an_answer_that_was_cut(self):
        def cut(handler, _):
            handler.give(b"0" * 100, length=200)
            handler.close_connection = True
        self.failed("", cut)
        self.failed("", lambda handler, _: handler.give(b""))

    def test_nobody_there(self):
        self.failed("connect", url="http://127.0.0.1:1/")

    def test_a_server_whose_certificate_nobody_vouches_for(self):
        igc.Party(PKI, "tls", "CN=localhost\n", "subjectAltName=DNS:localhost\n")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(PKI + "/tls.pem", PKI + "/tls.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.failed("certificate", url=f"https://localhost:{self.server.server_port}/")
        self.assertEqual([], self.server.asked)

    def test_what_came_back_is_handed_over_as_it_is(self):
        for data in (b"x", b"<html>sign in to the network</html>", bytes(range(256)) * 48):
            self.server.asked.clear()
            self.server.page = lambda handler, _, data=data: handler.give(data, **{"Set-Cookie": "a=b"})
            message, _ = self.post(env={**os.environ, "http_proxy": "http://127.0.0.1:1", "ALL_PROXY": "http://127.0.0.1:1"})
            self.assertEqual({"type": device_link.DONE, "ocsp_response": data}, message)
            ((path, headers, body),) = self.server.asked
            self.assertEqual(("/ocsp", b"question"), (path, body))
            self.assertEqual("application/ocsp-request", headers["Content-Type"])
            self.assertLessEqual(set(headers), {"Host", "User-Agent", "Accept", "Content-Type", "Content-Length"})

    def test_the_broker_can_stop_it_at_once(self):
        arrived = threading.Event()

        def hang(_handler, _body):
            arrived.set()
            self.stop.wait(30)
        self.server.page = hang
        with self.link() as link:
            link.start(CHECK, timeout_s=20, ocsp_url=self.url, ocsp_request=b"q")
            self.assertTrue(arrived.wait(5))
            began = time.monotonic()
            link.send(device_link.CANCEL)
            link.expect(device_link.FAILED, reason="CANCELLED")
            self.assertEqual(0, link.ends()[1])
            self.assertLess(time.monotonic() - began, 5)  # of 20
            link.process.stderr.close()
        for end in (lambda link: link.hang_up(), lambda link: link.send(device_link.ANSWER, answer=b"x")):
            arrived.clear()
            with self.link() as link:
                link.start(CHECK, timeout_s=20, ocsp_url=self.url, ocsp_request=b"q")
                self.assertTrue(arrived.wait(5))
                end(link)
                self.assertEqual(1, link.process.wait(5))
                link.process.stderr.close()

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_it_answers_nobody_but_root_and_its_own_user(self):
        with device_link.Link(command(), uid=NOBODY - 1, stderr=subprocess.PIPE) as link:
            link.start(CHECK, ocsp_url=self.url, ocsp_request=b"q")
            self.assertEqual(1, link.ends()[1])
            self.assertIn(b"not the broker", link.process.stderr.read())
            link.process.stderr.close()
        self.assertEqual([], self.server.asked)


class ByHand(Case):
    def check(self, card=None, issuer=None, url=None, **how):
        done = subprocess.run(command("check", url or self.url, "--certificate", (card or self.card).pem, "--issuer",
                                      (issuer or self.people).pem), capture_output=True, timeout=40, check=False, **how)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def responds(self, signer, **how):
        self.server.page = lambda handler, body: handler.give(answer(body, signer, **how))

    def test_an_answer_that_does_not_count(self):
        pages = {
            "not signed for": [lambda body: answer(body, self.foreign), lambda body: answer(body, self.unfit),
                               lambda body: answer(body, self.card)],
            "malformed": [lambda body: b"<html>", lambda body: answer(body, self.people)[:-3],
                          lambda body: answer(body, self.people) + b"0"],
            "another certificate": [lambda body: answer(self.question(self.lost), self.people)],
            "nonce": [lambda body: answer(self.question(self.card), self.people)],
            "reports an error": [lambda body: bytes.fromhex("30030a0103")],
        }
        for text, makers in pages.items():
            for number, make in enumerate(makers):
                self.server.page = lambda handler, body, make=make: handler.give(make(body))
                with self.subTest(text, number=number):
                    status, out, err = self.check()
                    self.assertEqual((1, ""), (status, out), err)
                    self.assertIn(text, err)

    def question(self, card):
        """Another one, with a nonce of its own."""
        path = tempfile.mktemp(prefix="hc-ocsp-q-")
        igc.openssl("ocsp", "-issuer", self.people.pem, "-cert", card.pem, "-reqout", path)
        with open(path, "rb") as source:
            data = source.read()
        os.unlink(path)
        return data

    def test_what_is_revoked_or_unknown(self):
        self.responds(self.people)
        self.assertEqual((3, "status revoked"), self.first(self.check(self.lost)))
        empty = PKI + "/empty.index"
        open(empty, "w", encoding="utf-8").close()
        self.responds(self.people, index=empty)
        self.assertEqual((3, "status unknown"), self.first(self.check()))

    def first(self, done):
        return done[0], done[1].split("\n", 1)[0]

    def test_what_is_good(self):
        for signer in (self.people, self.responder):
            self.responds(signer)
            status, out, err = self.check()
            self.assertEqual((0, ["status good", "nonce ours"]), (status, out.split("\n")[:2]), err)

    def test_an_answer_without_a_nonce_is_told(self):
        def bare(handler, _):
            path = tempfile.mktemp(prefix="hc-ocsp-q-")
            igc.openssl("ocsp", "-no_nonce", "-issuer", self.people.pem, "-cert", self.card.pem, "-reqout", path)
            with open(path, "rb") as source:
                handler.give(answer(source.read(), self.people))
            os.unlink(path)
        self.server.page = bare
        self.assertEqual((0, ["status good", "nonce none"]), (lambda d: (d[0], d[1].split("\n")[:2]))(self.check()))

    def test_what_cannot_be_asked(self):
        self.assertEqual(1, self.check(issuer=self.responder)[0])
        self.assertEqual(1, self.check(card=self.foreign)[0])
        self.assertEqual(1, self.check(url="file:///etc/passwd")[0])
        self.assertEqual([], self.server.asked)
        self.assertEqual(1, self.check(url="http://127.0.0.1:1/")[0])
        for words in ([], ["check"], ["check", self.url], ["check", self.url, "--issuer", self.people.pem], ["other"],
                      ["--issuer", "x"]):
            done = subprocess.run(command(*words), stdin=subprocess.DEVNULL, capture_output=True, timeout=10, check=False)
            self.assertEqual(2, done.returncode, words)


if __name__ == "__main__":
    unittest.main(verbosity=1)
