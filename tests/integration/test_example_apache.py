#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: docs/examples/apache as it is shipped, in a real Apache with mod_auth_openidc, signs people in at a real gateway
and tells a legacy application who they are.
 * refused first: no session; an answer with a false state, in another browser or a second time; a request whose nonce or
   verifier was changed; a level that the gateway does not give; prescriptions without the profession for it
 * headers say who it is, and nobody else can write them; no cookie of the module's reaches the application
 * a log-out ends it here and at the gateway; a session that was revoked at the gateway ends here at the next refresh
Python is the browser and the legacy application. Without libapache2-mod-auth-openidc it is skipped.
"""
import http.server
import json
import os
import re
import socket
import subprocess
import sys
import threading
import urllib.parse

import gateway
import rig
from browser import Browser, Reply
from gateway import Site, walk
from rig import check, equal, matches, wait_until

EXAMPLE = os.path.join(rig.SOURCE, "..", "..", "docs", "examples", "apache")
MODULES = "/usr/lib/apache2/modules"
FOLDER, SETTINGS = rig.WORK + "/apache", "/etc/apache2/records"
PORT, BACKEND = 8601, 8602
USER = "records"
PHYSICIAN = ("--profession", "10", "--national-id", "899900063480", "--given-name", "Anne", "--family-name", "Martin")
# What Debian's own apache2.conf and a2enmod would have done.
MAIN = """ServerRoot /run/rig/apache
ServerName localhost
PidFile apache.pid
ErrorLog error.log
LogLevel warn auth_openidc:info
User records
Group records
Listen 127.0.0.1:8601
{modules}
<Directory />
	Require all denied
</Directory>
<Directory "{example}">
	Require all granted
</Directory>
Include {example}/records.conf
"""


class Legacy(http.server.BaseHTTPRequestHandler):
    """The application that knows nothing of all this: says what it was told."""

    def do_GET(self):
        body = json.dumps({"path": self.path, "headers": {name.lower(): value for name, value in self.headers.items()}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Apache:
    """Apache in the foreground, with the shipped files and a place's own settings."""

    def __init__(self, machine):
        self.site, self.process = Site(gateway.HOST, PORT), None
        self.client = machine.admin("client", "add", "records", "--redirect-uri", self.site.origin + "/signed-in",
                                    "--post-logout-redirect-uri", self.site.origin + "/bye", "--scope", "openid", "--scope", "scope_all")
        self.values = {
            "SSO": machine.gateway.issuer, "RECORDS_HOST": gateway.HOST, "RECORDS_PORT": PORT, "RECORDS": self.site.origin,
            "RECORDS_BACKEND": f"http://127.0.0.1:{BACKEND}", "RECORDS_BYE": EXAMPLE + "/bye.html",
            "RECORDS_CERTIFICATE": machine.gateway.certificate, "RECORDS_KEY": machine.gateway.key, "RECORDS_CA": gateway.AUTHORITY,
            "RECORDS_CLIENT_ID": self.client["client_id"]}

    def start(self, **changes):
        with open(EXAMPLE + "/settings.conf", encoding="utf-8") as file:
            text = file.read()
        for name, value in {**self.values, **changes}.items():
            text, count = re.subn(rf"(?m)^Define {name} .*$", f"Define {name} {value}", text)
            equal(count, 1, "a setting of the shipped file:", name)
        os.makedirs(SETTINGS, mode=0o755, exist_ok=True)
        rig.write(SETTINGS + "/settings.conf", text)
        rig.write(SETTINGS + "/secrets.conf", f'OIDCClientSecret "{self.client["client_secret"]}"\nOIDCCryptoPassphrase "rig"\n', 0o600)
        modules = "mpm_event authn_core authz_core authz_user alias env headers proxy proxy_http socache_shmcb ssl auth_openidc"
        rig.write(FOLDER + "/httpd.conf", MAIN.format(example=os.path.realpath(EXAMPLE), modules="\n".join(
            f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in modules.split())))
        with open(FOLDER + "/log", "ab") as log:
            self.process = subprocess.Popen(["/usr/sbin/apache2", "-DFOREGROUND", "-f", FOLDER + "/httpd.conf"],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(self.listens, "Apache listens", 10)

    def listens(self):
        check(self.process.poll() is None, "Apache ended:", self.tail())
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", PORT)) == 0

    def kill(self):
        if self.process:
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    def tail(self, size=3000):
        text = ""
        for name in ("log", "error.log"):
            if os.path.exists(f"{FOLDER}/{name}"):
                with open(f"{FOLDER}/{name}", encoding="utf-8", errors="replace") as log:
                    text += log.read()
        return text[-size:]


def kept(headers):
    """The module's cookies as this browser demands them: Strict is as good as Lax. How one is dropped says nothing."""
    for key, value in headers:
        if key.lower() != "set-cookie":
            yield key, value
        elif "01-Jan-1970" not in value and "01 Jan 1970" not in value:
            yield key, value.replace("SameSite=Strict", "SameSite=Lax")


def dropped(headers):
    return [value.split("=")[0] for key, value in headers if key.lower() == "set-cookie" and "Jan" in value and "1970" in value]


class Here(Browser):
    """A browser at Apache, whose error pages are its own. A connection a request: behind a page of the module's, this
    version leaves something on it."""
    rules = staticmethod(lambda page: None)

    def _keep_cookies(self, reply):
        super()._keep_cookies(Reply(reply.url, reply.status, list(kept(reply.headers)), reply.body))
        for name in dropped(reply.headers):
            self.cookies.pop(name, None)


class Person:
    """One browser, with its cookies at the gateway and at Apache."""

    def __init__(self, machine, *arguments):
        self.site = machine.apache.site
        self.sso, self.here = Browser(machine.gateway.site), Here(machine.apache.site, keep=False)
        self.login, self.token = machine.people.next(*arguments)

    def get(self, path, **headers):
        return self.here.get(self.site.origin + path, headers=headers)

    def asked(self, path="/", **changed):
        reply = self.get(path)
        equal(reply.status, 302, reply)
        check(reply.location.startswith(self.sso.site.origin + "/oauth2/authorize?"), reply.location)
        address, _, query = reply.location.partition("?")
        return address + "?" + urllib.parse.urlencode({**dict(urllib.parse.parse_qsl(query)), **changed})

    def answered(self, url):
        reply = walk(self.sso, url, self.login, self.token.next)
        check(reply.location.startswith(self.site.origin + "/signed-in?"), reply)
        return reply.location

    def sign_in(self, path="/", status=200):
        reply = self.here.get(self.answered(self.asked(path)))
        equal(reply.status, status, reply)
        return reply

    def refused(self, url):
        """Where the browser came back to opens nothing."""
        reply = self.here.request("GET", url)
        check("__Host-records" not in self.here.cookies and "headers" not in reply.text, reply)
        self.asked()


def setup(machine):
    gateway.install(machine)
    os.makedirs(FOLDER)
    for name, rest in (("passwd", ":61995:61995::/nonexistent:/usr/sbin/nologin"), ("group", ":61995:")):
        with open("/etc/" + name, "a", encoding="utf-8") as file:
            file.write(f"{USER}:x{rest}\n")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", BACKEND), Legacy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    machine.apache = Apache(machine)
    machine.parts.append(machine.apache)
    machine.apache.start(RECORDS_ACR="http://eidas.europa.eu/LoA/high")


def a_level_that_the_gateway_does_not_give_lets_nobody_in(machine):
    person = Person(machine, "--profession", "10")
    person.sign_in(status=403)
    equal(person.get("/prescriptions").status, 403)
    machine.apache.kill()
    machine.apache.start()


def nobody_comes_in_unasked(machine):
    person = Person(machine)
    for path in ("/", "/prescriptions", "/prescriptions/new", "/..%2fbye", "/bye/../records"):
        reply = person.get(path, **{"PersonId": "899900063480", "PersonLogin": "root"})
        check(reply.status in (302, 404) and "headers" not in reply.text, path, reply)
    parameters = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(person.asked()).query))
    equal((parameters["code_challenge_method"], parameters["response_type"]), ("S256", "code"))
    check(len(parameters["state"]) >= 20 and len(parameters["nonce"]) >= 20, parameters)
    person.here.cookies["__Host-records"] = "a" * 32
    person.asked()
    reply = person.get("/", Accept="application/json")
    equal(reply.status, 401, "a program is not sent to a page", reply)


def an_answer_to_another_request_opens_nothing(machine):
    person, other = Person(machine), Person(machine)
    person.refused(person.answered(person.asked()).replace("state=", "state=x"))

    def anew(**changed):
        return person.sso.get(person.asked(**changed)).location
    for url in (anew().replace("code=", "code=x"), anew(nonce="n" * 43), anew(code_challenge="c" * 43)):
        person.refused(url)
    matches("nonce", machine.apache.tail(), "the nonce it was")
    other.asked()
    other.refused(anew())
    url = anew()
    equal(person.here.get(url).status, 200)
    kept = person.here.cookies
    person.here.cookies = {}
    person.refused(url)
    person.here.cookies = kept
    equal(person.get("/").status, 200)


def the_application_is_told_who_it_is_by_nobody_else(machine):
    person = Person(machine, *PHYSICIAN)
    person.sign_in()
    reply = person.get("/records?patient=1", **{
        "PersonId": "1", "PersonLogin": "root", "PersonName": "root", "PersonRole": "99", "PersonSignedIn": "9999999999",
        "OIDC_CLAIM_sub": "root"})
    told = json.loads(reply.body)
    equal(told["path"], "/records?patient=1")
    headers = told["headers"]
    equal([headers.get("person" + name) for name in ("id", "login", "name", "role")],
          ["899900063480", person.login, "Anne Martin", "10^1.2.250.1.213.1.1.5.5"], headers)
    check(int(headers["personsignedin"]) < 9999999999, headers)
    for text in ("root", "__Host", "eyJ", "'oidc"):
        check(text not in str(headers), text, headers)
    equal(reply.header("cache-control"), "no-store")
    nobody = Person(machine)
    nobody.sign_in()
    forged = {"Person" + name: "forged" for name in ("Id", "Login", "Name", "Role", "SignedIn")}
    headers = json.loads(nobody.get("/", **forged).body)["headers"]
    equal((headers.get("personid"), headers.get("personrole"), headers["personlogin"]), (None, None, nobody.login), headers)
    check("forged" not in str(headers), headers)
    names = ("Person_Id", "Person-Id", "X_Person_Id", "PERSONID", "personId")
    headers = json.loads(nobody.get("/", **dict.fromkeys(names, "forged")).body)["headers"]
    seen = [value for name, value in headers.items() if name.replace("-", "_") == "personid"]  # as CGI, PHP and WSGI name it
    equal(seen, [], headers)


def prescriptions_are_for_physicians_alone(machine):
    cases = ((("--profession", "60"), 403), ((), 403), (("--profession", "physician"), 403), (("--profession", "10"), 200))
    for row, (arguments, status) in enumerate(cases):
        person = Person(machine, *arguments)
        person.sign_in()
        equal(person.get("/prescriptions").status, status, row)
        for path in ("/prescriptions/new", "//prescriptions", "/%70rescriptions", "/records/../prescriptions", "/./prescriptions?a=/"):
            equal(person.get(path).status, status, row, path)
        equal(person.get("/").status, 200, row)


def a_log_out_ends_it_here_and_at_the_gateway(machine):
    person = Person(machine)
    person.sign_in()
    cookies, bye = dict(person.here.cookies), person.site.origin + "/bye"
    for place in ("https://elsewhere.test/bye", bye + "/../x", bye + "x"):
        reply = person.get("/signed-in?logout=" + urllib.parse.quote(place, ""))
        check(reply.location is None and "not allowed" in reply.text, place, reply)
    equal(person.get("/").status, 200)
    reply = person.get("/signed-in?logout=" + urllib.parse.quote(bye, ""))
    check(reply.location.startswith(person.sso.site.origin + "/oauth2/logout?"), reply)
    back = person.sso.get(reply.location)
    equal(back.location, bye, back)
    reply = person.here.get(back.location)
    check(reply.status == 200 and "Vous êtes déconnecté" in reply.text, reply)
    person.here.cookies = cookies
    equal(person.sso.get(person.asked()).status, 200, "the gateway asks anew, and the old cookie opens nothing")


def a_session_that_ended_at_the_gateway_ends_here_at_the_next_refresh(machine):
    machine.apache.kill()
    machine.apache.start(RECORDS_REFRESH="300")  # at each request
    person = Person(machine)
    person.sign_in()
    for _ in range(3):
        equal(person.get("/").status, 200)
    machine.admin("session", "revoke", "--user", person.login)
    reply = person.here.request("GET", person.site.origin + "/")
    equal((reply.status, reply.location), (302, person.site.origin + "/bye"), reply)
    equal(person.sso.get(person.asked()).status, 200, "the gateway asks anew")


def nothing_secret_is_in_its_log(machine):
    machine.apache.kill()
    text = machine.apache.tail(1 << 24)
    for secret in (machine.apache.client["client_secret"], rig.PASSWORD, "refresh_token=", "eyJ"):
        check(secret not in text, secret, text[-3000:])
    matches("auth_openidc", text)


if os.geteuid() == 0 and os.environ.get("HC_RIG_INSIDE") != "1" and not os.path.exists(MODULES + "/mod_auth_openidc.so"):
    print("skipped: no libapache2-mod-auth-openidc (script/test installs it)")
    sys.exit(77)
rig.run([a_level_that_the_gateway_does_not_give_lets_nobody_in, nobody_comes_in_unasked, an_answer_to_another_request_opens_nothing,
         the_application_is_told_who_it_is_by_nobody_else, prescriptions_are_for_physicians_alone,
         a_log_out_ends_it_here_and_at_the_gateway, a_session_that_ended_at_the_gateway_ends_here_at_the_next_refresh,
         nothing_secret_is_in_its_log, gateway.no_complaint_in_the_gateways_log], setup)
