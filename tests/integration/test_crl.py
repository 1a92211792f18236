# SPDX-License-Identifier: Apache-2.0
"""hospiconnect-crl against a real server of the web on loopback, as good and as bad as servers get."""
import contextlib
import hashlib
import http.server
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.environ["HC_SUPPORT"])

import igc  # noqa: E402  pylint: disable=wrong-import-position

PROGRAM = os.environ["HC_CRL"]
PKI = None


def content(path):
    with open(path, "rb") as source:
        return source.read()


def setUpModule():
    global PKI
    PKI = tempfile.mkdtemp(prefix="hc-crl-pki-")
    root = igc.authority(PKI, "root", "AC RACINE IGC-SANTE FORT")
    setUpModule.people = igc.authority(PKI, "people", "AC IGC-SANTE FORT PERSONNES", issuer=root)
    setUpModule.others = igc.authority(PKI, "others", "AC IGC-SANTE ELEMENTAIRE PERSONNES", issuer=root)
    setUpModule.stranger = igc.authority(PKI, "stranger", "AC IGC-SANTE FORT PERSONNES")


def tearDownModule():
    shutil.rmtree(PKI)


class Handler(http.server.BaseHTTPRequestHandler):
    """What the test put under the path: a list, or a function that answers."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.asked.append((self.path, dict(self.headers)))
        page = self.server.pages.get(self.path)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            if page is None:
                self.send_error(404)
            elif callable(page):
                page(self)
            else:
                self.give(page)

    def give(self, data, length=None):
        tag = '"' + hashlib.sha256(data).hexdigest()[:16] + '"'
        if self.headers.get("If-None-Match") == tag:
            self.send_response(304)
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        self.send_header("ETag", tag)
        self.send_header("Last-Modified", "Sat, 21 Nov 2026 07:00:00 GMT")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A client that gives up is what these tests are about."""


class Case(unittest.TestCase):
    def setUp(self):
        self.people, self.others, self.stranger = setUpModule.people, setUpModule.others, setUpModule.stranger
        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.pages, self.server.asked = {}, []
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        self.base = f"http://127.0.0.1:{self.server.server_port}"
        self.dir = tempfile.mkdtemp(prefix="hc-crl-")
        self.addCleanup(shutil.rmtree, self.dir, True)
        self.trust, self.crl = self.dir + "/trust", self.dir + "/crl"
        os.mkdir(self.trust)
        shutil.copy(self.people.pem, self.trust)
        self.user = {}
        if os.geteuid() == 0:
            os.chmod(self.dir, 0o755)
            os.mkdir(self.crl, 0o700)
            os.chown(self.crl, 65534, 65534)
        self.configure()

    def configure(self, *more, urls=None):
        self.conf = self.dir + "/crl.conf"
        with open(self.conf, "w", encoding="utf-8") as out:
            out.write(f"[crl]\nurls = {urls or self.base + '/list.crl'}\ntrust_dir = {self.trust}\n"
                      f"crl_dir = {self.crl}\nuser = nobody\n" + "".join(line + "\n" for line in more))
        os.chmod(self.conf, 0o644)

    def fetch(self, *words, wrap=(), env=None):
        done = subprocess.run([*wrap, PROGRAM, "--config", self.conf, *words], capture_output=True, timeout=60,
                              check=False, env={**os.environ, **(env or {})})
        return done.returncode, done.stderr.decode()

    def lists(self):
        return {name: content(self.crl + "/" + name) for name in os.listdir(self.crl) if name.endswith(".crl")}

    def good(self, *words, **how):
        status, log = self.fetch(*words, **how)
        self.assertEqual(0, status, log)
        return log

    def bad(self, text, *words, **how):
        """Refused or failed, said so, and what was there is there still, without a draft beside it."""
        before = self.lists() if os.path.isdir(self.crl) else {}
        status, log = self.fetch(*words, **how)
        self.assertEqual(1, status, log)
        self.assertIn(text, log)
        self.assertEqual(before, self.lists() if os.path.isdir(self.crl) else {})
        self.assertEqual([], [n for n in os.listdir(self.crl) if n.startswith(".")])
        return log

    def with_list(self):
        self.server.pages["/list.crl"] = self.people.crl(since=-2)
        self.good("--force")
        self.assertEqual([self.server.pages["/list.crl"]], list(self.lists().values()))
        self.server.asked.clear()


class Refused(Case):
    """Each with nothing there before, and with a list that must stay."""

    def each(self, text, page, *settings, start=None):
        for there in (False, True):
            with self.subTest(there=there):
                if there:
                    self.configure()
                    self.with_list()
                self.configure(*settings, urls=self.base + (start or "/list.crl"))
                self.server.pages["/list.crl"] = page
                self.bad(text, "--force")

    def test_a_list_of_an_authority_that_nobody_trusts(self):
        self.each("signed by no authority", self.stranger.crl())

    def test_a_list_with_a_byte_changed(self):
        data = bytearray(self.people.crl(since=-1))
        data[-1] ^= 1
        self.each("signed by no authority", bytes(data))

    def test_what_is_no_list(self):
        self.each("malformed", b"<html>Please sign in to the hospital's network</html>")
        self.each("malformed", b"")
        self.each("malformed", self.people.der)

    def test_a_list_from_the_future(self):
        self.each("from the future", self.people.crl(since=2, until=9))

    def test_a_list_that_was_cut_by_the_server(self):
        data = self.people.crl(since=-1)
        self.each("malformed", data[:-7])

    def test_a_connection_that_ends_before_the_list_does(self):
        data = self.people.crl(since=-1)

        def cut(handler):
            handler.give(data[:-7], length=len(data))
            handler.close_connection = True
        self.each("cannot be fetched", cut)

    def test_a_list_longer_than_the_limit(self):
        self.each("longer than", b"0" * (1024 * 1024 + 1), "max_size = 1")
        self.each("longer than", lambda handler: endless(handler, 2 * 1024 * 1024), "max_size = 1")

    def test_a_server_that_does_not_answer_or_never_ends(self):
        stop = threading.Event()
        self.addCleanup(stop.set)
        began = time.monotonic()
        self.each("cannot be fetched", lambda handler: stop.wait(30), "timeout = 1s")
        self.each("cannot be fetched", lambda handler: drip(handler, stop), "timeout = 1s")
        self.assertLess(time.monotonic() - began, 20)

    def test_another_status_than_success(self):
        for status in (404, 403, 500, 206, 204):
            self.each(f"HTTP status {status}", lambda handler, status=status: say(handler, status))

    def test_redirects_in_a_ring_or_to_another_scheme(self):
        self.each("cannot be fetched", lambda handler: say(handler, 302, "/list.crl"))
        path = self.dir + "/local.crl"
        with open(path, "wb") as out:
            out.write(self.people.crl(since=-1))
        os.chmod(path, 0o644)
        for target in ("file://" + path, "ftp://127.0.0.1/x", "gopher://127.0.0.1/x"):
            self.each("cannot be fetched", lambda handler, target=target: say(handler, 302, target))

    def test_a_third_redirect(self):
        for here, there in (("/1", "/2"), ("/2", "/3"), ("/3", "/4")):
            self.server.pages[here] = lambda handler, there=there: say(handler, 302, there)
        self.server.pages["/4"] = self.people.crl()
        self.configure(urls=self.base + "/1")
        self.bad("cannot be fetched")

    def test_an_unasked_not_modified(self):
        self.server.pages["/list.crl"] = lambda handler: say(handler, 304)
        self.bad("HTTP status 304")

    def test_nobody_at_the_address(self):
        self.with_list()
        self.configure(urls="http://127.0.0.1:1/list.crl")
        self.bad("cannot be fetched", "--force")


def say(handler, status, location=None):
    handler.send_response(status)
    if location:
        handler.send_header("Location", location)
    handler.send_header("Content-Length", "0")
    handler.end_headers()


def endless(handler, size):
    """No length, more than was allowed."""
    handler.send_response(200)
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.close_connection = True
    for _ in range(size // 65536):
        handler.wfile.write(b"0" * 65536)


def drip(handler, stop):
    handler.send_response(200)
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    handler.close_connection = True
    for _ in range(300):
        if stop.wait(0.1):
            return
        handler.wfile.write(b"0")
        handler.wfile.flush()


class Kept(Case):
    def test_a_newer_list_takes_the_place_of_the_older_and_never_the_reverse(self):
        self.with_list()
        (name,) = self.lists()
        newer = self.people.crl(since=-1)
        self.server.pages["/list.crl"] = newer
        self.assertIn("revocation list replaced", self.good("--force"))
        self.assertEqual({name: newer}, self.lists())
        self.server.pages["/list.crl"] = self.people.crl(since=-1.5)
        self.bad("older than the one that is there", "--force")
        self.assertEqual({name: newer}, self.lists())

    def test_what_did_not_change_is_not_sent_again(self):
        self.with_list()
        self.assertIn("is the newest", self.good("--force"))
        self.assertIn("If-None-Match", self.server.asked[0][1])
        self.assertEqual("Sat, 21 Nov 2026 07:00:00 GMT", self.server.asked[0][1]["If-Modified-Since"])

    def test_a_lost_list_is_asked_for_whole(self):
        self.with_list()
        (name,) = self.lists()
        os.unlink(self.crl + "/" + name)
        self.good()
        self.assertNotIn("If-None-Match", self.server.asked[0][1])
        self.assertEqual([name], list(self.lists()))

    def test_a_damaged_list_or_note_is_replaced(self):
        self.with_list()
        for name in os.listdir(self.crl):
            with open(self.crl + "/" + name, "wb") as out:
                out.write(b"0\x82damaged")
        self.good()
        self.assertEqual([self.server.pages["/list.crl"]], list(self.lists().values()))

    def test_an_address_that_answered_is_left_in_peace_and_one_that_failed_is_not(self):
        self.with_list()
        self.good()
        self.assertEqual([], self.server.asked)
        self.configure("interval = 0s")
        self.good()
        self.assertEqual(1, len(self.server.asked))
        self.configure()
        self.server.pages["/list.crl"] = None
        self.bad("404", "--force")
        (name,) = self.lists()
        os.unlink(self.crl + "/" + name)
        self.server.asked.clear()
        for _ in range(2):
            self.bad("404")
        self.assertEqual(2, len(self.server.asked))

    def test_a_list_that_ran_out_is_taken_and_told(self):
        self.server.pages["/list.crl"] = self.people.crl(since=-9, until=-2)
        status, log = self.fetch()
        self.assertEqual(1, status)
        self.assertIn("it has run out", log)
        self.assertIn('no revocation list that serves', log)
        self.assertEqual(1, len(self.lists()))

    def test_one_address_that_fails_takes_no_other_along(self):
        shutil.copy(self.others.pem, self.trust)
        self.server.pages["/b.crl"] = self.others.crl()
        self.configure(urls=f"{self.base}/none.crl, {self.base}/b.crl")
        status, log = self.fetch()
        self.assertEqual(1, status)
        self.assertIn("404", log)
        self.assertIn('authority="AC IGC-SANTE FORT PERSONNES"', log)
        self.assertEqual([self.server.pages["/b.crl"]], list(self.lists().values()))

    def test_two_redirects_are_followed(self):
        self.server.pages["/1"] = lambda handler: say(handler, 302, "/2")
        self.server.pages["/2"] = lambda handler: say(handler, 301, "/list.crl")
        self.server.pages["/list.crl"] = self.people.crl()
        self.configure(urls=self.base + "/1")
        self.good()
        self.assertEqual(1, len(self.lists()))

    def test_pem_is_as_good(self):
        self.server.pages["/list.crl"] = self.people.crl(form="PEM")
        self.good()

    def test_the_environment_names_no_proxy_and_the_configuration_does(self):
        self.server.pages["/list.crl"] = self.people.crl()
        self.good(env={"http_proxy": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1"})
        self.server.pages["http://igc.invalid/list.crl"] = self.people.crl()
        self.configure(f"proxy = {self.base}", urls="http://igc.invalid/list.crl")
        self.good()


class Place(Case):
    def test_without_authorities_there_is_nothing_to_do(self):
        shutil.rmtree(self.trust)
        self.assertIn("no authority is trusted", self.good())
        self.assertEqual([], self.server.asked)

    def test_a_trust_directory_that_others_may_write_ends_it(self):
        os.chmod(self.trust, 0o777)
        self.bad("the trust directory cannot be used")
        self.assertEqual([], self.server.asked)

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_a_directory_that_cannot_be_written_keeps_its_list(self):
        self.with_list()
        os.chown(self.crl, 0, 0)
        os.chmod(self.crl, 0o755)
        self.server.pages["/list.crl"] = self.people.crl(since=-1)
        self.bad("cannot be written", "--force")

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_a_full_disk_keeps_its_list(self):
        script = ('mount -t tmpfs -o size=16k,mode=0700,uid=65534,gid=65534 none "$0" && '
                  '"$1" --config "$2" || exit 9; head -c 100000 /dev/zero >"$0/fill" 2>/dev/null; sha256sum "$0"/*.crl; '
                  'touch "$3"; while [ -e "$3" ]; do sleep 0.05; done; "$1" --config "$2" --force; echo "status $?"; '
                  'sha256sum "$0"/*.crl; ls -A "$0"')
        flag = self.dir + "/wait"
        self.server.pages["/list.crl"] = old = self.people.crl(since=-2)
        run = subprocess.Popen(["unshare", "-m", "sh", "-c", script, self.crl, PROGRAM, self.conf, flag],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 20
        while not os.path.exists(flag) and run.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        self.server.pages["/list.crl"] = self.people.crl(since=-1)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(flag)
        out, log = run.communicate(timeout=30)
        self.assertIn("status 1", out, log)
        self.assertIn("cannot be written; the former one stays", log)
        self.assertEqual(2, out.count(hashlib.sha256(old).hexdigest()), out)
        self.assertNotIn("draft", out)

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_root_becomes_the_user_before_it_asks_anybody(self):
        self.server.pages["/list.crl"] = self.people.crl()
        os.rmdir(self.crl)
        self.good()
        facts = [os.stat(path) for path in (self.crl, self.crl + "/" + list(self.lists())[0])]
        self.assertEqual({65534}, {fact.st_uid for fact in facts})
        self.configure()
        with open(self.conf, encoding="utf-8") as source:
            text = source.read().replace("user = nobody", "user = no-such-user")
        with open(self.conf, "w", encoding="utf-8") as out:
            out.write(text)
        self.assertEqual(1, self.fetch("--force")[0])


class Line(Case):
    def test_a_wrong_configuration_is_refused_with_its_line(self):
        for line in ("urls = file:///etc/passwd", "urls = http://", "urls = http://u:p@host/x", "urls = ftp://h/x",
                     "urls = http://h/a http://h/a", "urls = http:///x", "timeout = 0s", "max_size = 65",
                     "proxy = socks5://h:1", "interval = 8d", "unknown = x"):
            with open(self.conf, "w", encoding="utf-8") as out:
                out.write(f"[crl]\n{line}\n")
            status, log = self.fetch("--check-config")
            self.assertEqual(1, status, line)
            self.assertIn(f"{self.conf}:2:", log, line)

    def test_without_configuration_it_says_what_to_write(self):
        os.unlink(self.conf)
        status, log = self.fetch("--check-config")
        self.assertEqual(1, status)
        for words in (self.conf + ": no such file", '"[crl]"', "urls", "trust_dir", "hospiconnect-crl.conf(5)"):
            self.assertIn(words, log)
        with open(self.conf, "w", encoding="utf-8") as out:
            out.write("[crl]\n")
        self.assertEqual(0, self.fetch("--check-config")[0])

    def test_the_example_is_the_defaults(self):
        example = os.environ["HC_EXAMPLE"]
        done = subprocess.run([PROGRAM, "--config", example, "--check-config"], capture_output=True, check=False)
        self.assertEqual((0, b"ok\n"), (done.returncode, done.stdout))
        with open(example, encoding="utf-8") as source, open(self.conf, "w", encoding="utf-8") as out:
            for line in source:
                bare = line[1:] if line[0] == "#" and line[1:2].islower() and " = " in line else line
                out.write(bare if not bare.startswith("proxy =") else "")
        status, log = self.fetch("--check-config")
        self.assertEqual(0, status, log)

    def test_a_word_that_means_nothing_is_refused(self):
        self.assertEqual(2, self.fetch("--frobnicate")[0])
        self.assertEqual(2, self.fetch("word")[0])


if __name__ == "__main__":
    unittest.main(verbosity=1)
