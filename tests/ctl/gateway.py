#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""
hospictl and the gateway: applications, signing keys, sessions, status and doctor, against hospiconnect-gateway
itself and a broker that keeps its audit records.
"""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import threading
import time
import unittest

import rig
from rig import NOBODY

GATEWAY = os.environ["HC_GATEWAY"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Gateway:
    """hospiconnect-gateway beside a broker of role authority; both as one user, never as root."""

    def __init__(self, broker):
        self.broker, self.dir = broker, broker.dir
        self.state_dir, self.conf = self.dir + "/gateway-state", self.dir + "/gateway.conf"
        self.admin_socket = broker.run_dir + "/gateway-admin.sock"
        self.certificate, self.key = self.dir + "/certificate.pem", self.dir + "/key.pem"
        self.port, self.monitor_port = free_port(), free_port()
        os.mkdir(self.state_dir, 0o700)
        self.make_certificate()
        self.configure()
        shutil.copy(GATEWAY, self.dir + "/hospiconnect-gateway")
        for path in (self.state_dir, self.certificate, self.key, self.conf):
            if broker.as_root:
                os.chown(path, NOBODY, NOBODY)
        if broker.as_root:
            os.chown(self.conf, 0, 0)
        self.process = None

    def make_certificate(self, name="localhost", days=30, signer=False):
        by = []
        if signer:
            by = ["-CA", self.dir + "/ca.pem", "-CAkey", self.dir + "/ca-key.pem"]
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=CA",
                            "-keyout", by[3], "-out", by[1]], check=True, capture_output=True)
        subprocess.run(["openssl", "req", "-x509", *by, "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
                        str(days), "-subj", "/CN=test", "-addext", f"subjectAltName=DNS:{name}", "-keyout", self.key, "-out",
                        self.certificate], check=True, capture_output=True)
        os.chmod(self.key, 0o600)
        if self.broker.as_root:
            os.chown(self.key, NOBODY, NOBODY)

    def configure(self, **changes):
        keys = {"issuer": f"https://localhost:{self.port}", "listen": f"127.0.0.1:{self.port}",
                "tls_certificate": self.certificate, "tls_key": self.key, "state_dir": self.state_dir,
                "authd_socket": self.broker.run_dir + "/gateway.sock", "admin_socket": self.admin_socket,
                "admin_listen": f"127.0.0.1:{self.monitor_port}", "language": "en", "user": "nobody", **changes}
        with open(self.conf, "w", encoding="utf-8") as out:
            out.write("[gateway]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items()))

    def start(self):
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = self.dir + "/gateway-notify"
        if os.path.exists(path):
            os.remove(path)
        notify.bind(path)
        os.chmod(path, 0o666)
        notify.settimeout(20)
        who = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if self.broker.as_root else {}
        with open(self.dir + "/gateway-log", "ab") as log:
            self.process = subprocess.Popen([self.dir + "/hospiconnect-gateway", "--config", self.conf],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env={**rig.sanitizer_settings(), "NOTIFY_SOCKET": path}, **who)
        with notify:
            while b"READY=1" not in notify.recv(4096):
                pass

    def stop(self):
        if self.process:
            self.process.terminate()
            status = self.process.wait(20)
            self.process = None
            assert status == 0, f"the gateway ended with {status}:\n" + self.log()

    def log(self):
        with open(self.dir + "/gateway-log", encoding="utf-8", errors="replace") as log:
            return log.read()

    def monitor(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.monitor_port, timeout=10)
        connection.request("GET", path)
        answer = connection.getresponse()
        result = answer.status, answer.read().decode()
        connection.close()
        return result

    def jwks(self):
        context = ssl.create_default_context(cafile=self.certificate)
        connection = http.client.HTTPSConnection("localhost", self.port, timeout=10, context=context)
        connection.request("GET", "/oauth2/jwks")
        keys = json.loads(connection.getresponse().read())["keys"]
        connection.close()
        return {key["kid"]: key["alg"] for key in keys}

    def add_sessions(self, *rows):
        """As sign-ins would: (sid, login, person). The gateway is not running."""
        now = int(time.time() * 1000)
        store = sqlite3.connect(self.state_dir + "/gateway.db")
        for number, (sid, login, person) in enumerate(rows):
            store.execute("INSERT INTO session VALUES (?, randomblob(32), ?, ?, ?, 'acr', 'pwd otp mfa', ?, ?, ?, ?, ?, 0)",
                          (1000 + number, person, login, sid, now, now, now, now + 3600000, now + 3600000))
        store.commit()
        store.close()


BROKER = GW = None


def setUpModule():
    global BROKER, GW
    BROKER = rig.Broker()
    BROKER.stop()
    with open(BROKER.conf, "a", encoding="utf-8") as out:
        out.write(f"role = authority\ngateway_socket = {BROKER.run_dir}/gateway.sock\n"
                  f"password_socket = {BROKER.run_dir}/password.sock\n")
    BROKER.start()
    GW = Gateway(BROKER)
    GW.start()


def tearDownModule():
    GW.stop()
    BROKER.remove()


def run(*words, **how):
    return rig.run("--gateway-socket", GW.admin_socket, *words, socket_path=BROKER.admin_socket, **how)


def terminal(*words, **how):
    return rig.terminal("--gateway-socket", GW.admin_socket, *words, socket_path=BROKER.admin_socket, **how)


class Case(unittest.TestCase):
    maxDiff = None

    def done(self, *words, **how):
        result = run(*words, **how)
        self.assertEqual(0, result.status, repr(result))
        return result

    def parsed(self, *words):
        return json.loads(self.done("--json", *words).out)

    def refused(self, status, *words, says="", **how):
        result = run(*words, **how)
        self.assertEqual((status, ""), (result.status, result.out), repr(result))
        self.assertIn(says, result.err)
        return result

    def soon(self, what, condition):
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            if condition():
                return
            time.sleep(0.02)
        self.fail(what)

    def events(self):
        return [(row["event"], row["actor"], row["detail"]) for row in self.parsed("audit", "list")]


class Applications(Case):
    def test_what_contradicts_itself_is_refused(self):
        good = ("--redirect-uri", "https://a.test/cb")
        for words, name in ((["client", "add", "x"], "redirect-uri"),
                            (["client", "add", "x", "--redirect-uri", "http://a.test/cb"], "http://a.test/cb"),
                            (["client", "add", "x", "--redirect-uri", "https://a.test/#f"], "#f"),
                            (["client", "add", "x", *good, *good], "twice"),
                            (["client", "add", "x", *good, "--profile", "saml"], "profile"),
                            (["client", "add", "x", *good, "--auth-method", "tls"], "auth-method"),
                            (["client", "add", "x", *good, "--id-token-alg", "none"], "id-token-alg"),
                            (["client", "add", "x", *good, "--grant", "password"], "grant"),
                            (["client", "add", "x", *good, "--grant", "client_credentials"], "redirect-uri"),
                            (["client", "add", "x", "--grant", "refresh_token"], "grant"),
                            (["client", "add", "x", *good, "--auth-method", "none", "--may-introspect"], "may-introspect"),
                            (["client", "add", "x", *good, "--auth-method", "none", "--grant", "authorization_code", "--grant",
                              "client_credentials"], "grant"),
                            (["client", "add", "x", *good, "--scope", "a\"b"], "scope"),
                            (["client", "add", "x", *good, "--post-logout-redirect-uri", "nowhere"], "post-logout")):
            self.refused(1, *words, says=name)
            self.assertIn("HC-405", run(*words, lang="fr").err)
        self.assertEqual([], [row for row in self.parsed("client", "list") if row["name"] == "x"])

    def test_an_application_from_registration_to_removal(self):
        added = self.parsed("client", "add", "Dossier d’été (n° 1)", "--redirect-uri", "https://dpi.test/cb", "--redirect-uri",
                            "https://dpi.test/other", "--post-logout-redirect-uri", "https://dpi.test/bye", "--id-token-alg", "ES256")
        self.assertEqual({"client_id", "client_secret"}, set(added))
        self.assertRegex(added["client_id"], r"^dossier-d-ete-n-1-[a-z2-7]{8}$")
        self.assertRegex(added["client_secret"], r"^[A-Za-z0-9_-]{43}$")
        shown = self.parsed("client", "show", added["client_id"])
        self.assertEqual(("Dossier d’été (n° 1)", ["https://dpi.test/cb", "https://dpi.test/other"], ["openid", "profile"], "ES256",
                          ["authorization_code", "refresh_token"], "client_secret_basic", "opaque", False),
                         tuple(shown[key] for key in ("name", "redirect_uris", "scopes", "id_token_alg", "grants", "auth_method",
                                                      "access_token", "may_introspect")))
        self.assertNotIn(added["client_secret"], json.dumps(shown))
        fresh = self.parsed("client", "rotate-secret", added["client_id"])
        self.assertNotEqual(added["client_secret"], fresh["client_secret"])
        with open(GW.state_dir + "/gateway.db-wal", "rb") as log:
            self.assertNotIn(fresh["client_secret"].encode(), log.read())
        self.assertEqual({"done": True}, self.parsed("client", "remove", added["client_id"]))
        for words in (["show"], ["remove"], ["rotate-secret"]):
            self.refused(3, "client", *words, added["client_id"], says="HC-414")

    def test_a_public_client_has_no_secret_and_gets_none(self):
        added = self.parsed("client", "add", "app", "--redirect-uri", "fr.hopital.app:/cb", "--auth-method", "none")
        self.assertEqual({"client_id"}, set(added))
        self.refused(1, "client", "rotate-secret", added["client_id"], says="HC-407")

    def test_every_act_is_in_the_trail_with_who_did_it(self):
        uid = os.geteuid()
        added = self.parsed("client", "add", "trace", "--grant", "client_credentials")
        self.done("client", "rotate-secret", added["client_id"])
        self.done("client", "remove", added["client_id"])
        actor = f"gateway:uid {uid}" + (" (root)" if uid == 0 else "")
        wanted = [("client-add", actor, "trace"), ("client-secret", actor, None), ("client-remove", actor, "trace")]
        self.soon("the records reach the broker", lambda: all(
            any(event == row[0] and who == row[1] and (detail or None) == row[2] for event, who, detail in self.events())
            for row in wanted))

    def test_a_terminal_asks_before_it_removes(self):
        name = self.parsed("client", "add", "kept", "--grant", "client_credentials")["client_id"]
        screen = terminal("client", "remove", name, answers=[("Type yes", "no")])
        self.assertEqual(1, screen.status, repr(screen))
        self.assertIn("Nothing was changed", screen.out)
        self.done("client", "show", name)
        screen = terminal("client", "remove", name, lang="fr", answers=[("Tapez oui", "oui")])
        self.assertEqual(0, screen.status, repr(screen))
        self.refused(3, "client", "show", name)

    def test_a_new_secret_stands_on_the_screen_once_with_what_to_do(self):
        screen = terminal("client", "add", "écran", "--grant", "client_credentials", lang="fr").out
        self.assertRegex(screen, r"Secret.* [A-Za-z0-9_-]{43}\n")
        self.assertIn("n’est affiché que cette fois", screen)
        table = terminal("client", "list", lang="fr", columns=160).out
        self.assertRegex(table, r"(?m)^.*Client +Nom +Profil")
        self.assertIn("ecran-", table)


class Keys(Case):
    def test_a_new_key_is_published_before_it_signs(self):
        before = GW.jwks()
        fresh = self.parsed("key", "rotate", "--alg", "ES256")
        self.assertEqual(("next", "ES256"), (fresh["state"], fresh["algorithm"]))
        self.assertIsNotNone(fresh["due"])
        self.soon("the new key is in the JWKS", lambda: set(GW.jwks()) == set(before) | {fresh["kid"]})
        self.refused(1, "key", "rotate", "--alg", "ES256", says="HC-416")
        signing = self.parsed("key", "rotate", "--alg", "ES256", "--now")
        self.assertEqual((fresh["kid"], "active"), (signing["kid"], signing["state"]))
        states = {row["kid"]: row["state"] for row in self.parsed("key", "list") if row["algorithm"] == "ES256"}
        self.assertEqual({"active": 1, "retired": len(states) - 1},
                         {state: list(states.values()).count(state) for state in ("active", "retired")})
        self.assertEqual(set(before) | {fresh["kid"]}, set(GW.jwks()), "the former one is published still")

    def test_at_once_a_key_signs_without_overlap(self):
        fresh = self.parsed("key", "rotate", "--now")
        self.assertEqual(("RS256", "active"), (fresh["algorithm"], fresh["state"]))
        self.soon("its public part is there", lambda: GW.jwks().get(fresh["kid"]) == "RS256")
        self.refused(1, "key", "rotate", "--alg", "HS256", says="alg")

    def test_no_private_part_is_shown(self):
        for words in (["--json", "key", "list"], ["key", "list"]):
            self.assertNotRegex(self.done(*words).out, r'"d"|PRIVATE|sealed')


class Sessions(Case):
    def setUp(self):
        GW.stop()
        GW.add_sessions(("sid-a", "martin", 1), ("sid-b", "martin", 1), ("sid-c", "roux", 2))
        self.start()

    def start(self):
        GW.start()

    def tearDown(self):
        self.done("session", "revoke", "--all")
        GW.stop()
        store = sqlite3.connect(GW.state_dir + "/gateway.db")
        store.execute("DELETE FROM session")
        store.commit()
        store.close()
        GW.start()

    def sids(self, *words):
        return sorted(row["sid"] for row in self.parsed("session", "list", *words))

    def test_sessions_are_listed_and_ended_one_by_one_by_person_or_all(self):
        # The broker knows neither of them: the guard ends what it finds, so all of this is quick.
        known = self.sids()
        self.assertLessEqual(set(known), {"sid-a", "sid-b", "sid-c"})
        self.refused(3, "session", "revoke", "sid-x", says="HC-415")
        for words in ([], ["sid-a", "--all"], ["--user", "martin", "--all"]):
            self.assertEqual(2, run("session", "revoke", *words).status)
        self.assertLessEqual(self.parsed("session", "revoke", "--user", "martin")["ended"], 2)
        self.assertEqual([], self.sids("--user", "martin"))
        self.done("session", "revoke", "--all")
        self.assertEqual([], self.sids())
        self.assertEqual("", self.done("session", "list").out)
        self.assertIn("Personne n’est connecté", terminal("session", "list", lang="fr").out)


class Whole(Case):
    def test_health_readiness_and_metrics(self):
        self.assertEqual((200, '{"status":"ok"}\n'), GW.monitor("/healthz"))
        self.soon("the broker is live", lambda: GW.monitor("/readyz")[0] == 200)
        answer = json.loads(GW.monitor("/readyz")[1])
        self.assertEqual({"status": "ok", "store": True, "broker": True, "keys": True, "certificate": True}, answer)
        status, text = GW.monitor("/metrics")
        self.assertEqual(200, status)
        names = re.findall(r"^# TYPE (\S+) (?:counter|gauge)$", text, re.M)
        self.assertEqual(len(names), len(set(names)), "each metric once")
        for line in text.splitlines():
            self.assertRegex(line, r'^(# (HELP|TYPE) .+|[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? [0-9.]+)$')
        self.assertIn("hospiconnect_gateway_ready 1\n", text)
        self.assertEqual(404, GW.monitor("/")[0])
        connection = http.client.HTTPConnection("127.0.0.1", GW.monitor_port, timeout=10)
        connection.request("POST", "/metrics")
        self.assertEqual(405, connection.getresponse().status)
        connection.close()

    def test_a_broker_that_is_away_is_no_death(self):
        self.soon("ready", lambda: GW.monitor("/readyz")[0] == 200)
        BROKER.stop()
        self.soon("not ready", lambda: GW.monitor("/readyz")[0] == 503)
        self.assertEqual(["the broker is away"], json.loads(GW.monitor("/readyz")[1])["reasons"])
        self.assertEqual(200, GW.monitor("/healthz")[0])
        BROKER.start()
        self.soon("ready again", lambda: GW.monitor("/readyz")[0] == 200)

    def test_a_gateway_that_is_away_is_told_and_is_status_4(self):
        for words in (["client", "list"], ["--json", "key", "list"], ["session", "list"], ["client", "show", "x"]):
            result = rig.run("--gateway-socket", GW.dir + "/none", *words)
            self.assertEqual((4, ""), (result.status, result.out))
            self.assertIn("--gateway-socket", result.err)

    def test_status_tells_of_both(self):
        facts = self.parsed("status")
        self.assertEqual("authority", facts["role"])
        self.assertEqual((os.environ["HC_VERSION"], 2, True),
                         (facts["gateway"]["version"], facts["gateway"]["threads"], facts["gateway"]["certificate_fits"]))
        self.assertIn(f"gateway.issuer\thttps://localhost:{GW.port}\n", self.done("status").out)
        self.assertIn("La passerelle", terminal("status", lang="fr").out)

    def test_a_certificate_that_cannot_be_read_anew_leaves_the_old_one(self):
        kids = GW.jwks()
        with open(GW.key, encoding="utf-8") as file:
            kept = file.read()
        with open(GW.key, "w", encoding="utf-8") as file:
            file.write("nonsense\n")
        GW.process.send_signal(signal.SIGHUP)
        self.soon("it is told", lambda: "the former certificate and key stay in use" in GW.log())
        self.assertEqual(kids, GW.jwks())
        with open(GW.key, "w", encoding="utf-8") as file:
            file.write(kept)
        GW.process.send_signal(signal.SIGHUP)
        self.soon("and read again", lambda: "were loaded anew" in GW.log())

    def test_the_doctor_is_content_with_the_certificate_of_an_authority(self):
        kept = []
        for path in (GW.certificate, GW.key):
            with open(path, "rb") as file:
                kept.append((path, file.read()))
        GW.make_certificate(signer=True)
        GW.process.send_signal(signal.SIGHUP)

        def result():
            rows = json.loads(run("doctor", "--json", "--config", BROKER.conf, "--pam-dir", BROKER.dir, "--gateway-config", GW.conf).out)
            return [row["result"] for row in rows if row["check"] == "gateway_certificate"]
        self.soon("content", lambda: result() == ["ok"])
        for path, content in kept:
            with open(path, "wb") as file:
                file.write(content)
        GW.process.send_signal(signal.SIGHUP)
        self.soon("and warns again", lambda: result() == ["warning"])

    def test_a_request_that_was_begun_is_answered_before_the_end(self):
        context = ssl.create_default_context(cafile=GW.certificate)
        with socket.create_connection(("localhost", GW.port)) as raw, \
                context.wrap_socket(raw, server_hostname="localhost") as tls:
            tls.sendall(b"GET /oauth2/jwks HTTP/1.1\r\nHost: loc")
            time.sleep(0.1)
            GW.process.terminate()
            self.soon("it says so", lambda: "requests that were begun" in GW.log())
            tls.sendall(b"alhost\r\n\r\n")
            self.assertTrue(tls.recv(4096).startswith(b"HTTP/1.1 200 "))
        self.assertEqual(0, GW.process.wait(20))
        GW.start()

    def test_a_second_gateway_on_the_same_store_is_refused(self):
        other = GW.dir + "/second.conf"
        with open(GW.conf, encoding="utf-8") as file:
            text = file.read()
        text = re.sub(r"(?m)^listen = .*$", f"listen = 127.0.0.1:{free_port()}", text)
        text = re.sub(r"(?m)^admin_listen = .*$", f"admin_listen = 127.0.0.1:{free_port()}", text)
        text = re.sub(r"(?m)^admin_socket = .*$", f"admin_socket = {BROKER.run_dir}/second.sock", text)
        with open(other, "w", encoding="utf-8") as file:
            file.write(text)
        who = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if BROKER.as_root else {}
        done = subprocess.run([GW.dir + "/hospiconnect-gateway", "--config", other], capture_output=True, text=True, timeout=20,
                              env=rig.sanitizer_settings(), check=False, **who)
        self.assertEqual(1, done.returncode)
        self.assertIn("another gateway has this store open", done.stderr)

    def test_the_doctor_looks_at_the_gateway_where_there_is_one(self):
        common = ("doctor", "--json", "--config", BROKER.conf, "--pam-dir", BROKER.dir)
        self.soon("ready", lambda: GW.monitor("/readyz")[0] == 200)
        without = json.loads(run(*common, "--gateway-config", GW.dir + "/none").out)
        self.assertEqual([], [row for row in without if row["check"].startswith("gateway")])
        found = {row["check"]: (row["result"], row["found"]) for row in json.loads(run(*common, "--gateway-config", GW.conf).out)}
        for check in ("config", "state", "seal", "tls_key", "admin_socket", "answer", "broker", "store", "port"):
            self.assertEqual("ok", found["gateway_" + check][0], found["gateway_" + check])
        self.assertEqual("warning", found["gateway_certificate"][0], "no authority signed it")
        self.assertEqual("error", found["gateway_password"][0], "no hc-password runs here")
        os.chmod(GW.key, 0o644)
        found = json.loads(run(*common, "--gateway-config", GW.conf, lang="fr").out)
        broken = [row for row in found if row["check"] == "gateway_tls_key"][0]
        os.chmod(GW.key, 0o600)
        self.assertEqual("error", broken["result"])
        self.assertIn("chmod 640", broken["advice"])

    def test_the_doctor_waits_for_a_gateway_that_was_just_started(self):
        socket_path = BROKER.run_dir + "/gateway.sock"
        GW.stop()
        os.rename(socket_path, socket_path + ".away")
        GW.start()
        later = threading.Timer(1, os.rename, (socket_path + ".away", socket_path))  # while doctor is there
        later.start()
        try:
            done = run("doctor", "--json", "--config", BROKER.conf, "--pam-dir", BROKER.dir, "--gateway-config", GW.conf)
        finally:
            later.join()
        self.assertEqual(["ok"], [row["result"] for row in json.loads(done.out) if row["check"] == "gateway_broker"])


if __name__ == "__main__":
    unittest.main()
