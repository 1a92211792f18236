# SPDX-License-Identifier: Apache-2.0
"""The gateway's side of a scenario: hospiconnect-gateway as a process beside a broker of role authority and
hc-password, a certificate of a test authority, registered applications, people with tokens.

A scenario calls install(machine) in its setup, and then works with machine.gateway (Gateway), Application and
browser.Browser. Everything lies in the rig's own namespaces, so addresses and ports are fixed.
"""
import base64
import functools
import hashlib
import http.client
import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
import urllib.parse

import jose
import rig
from browser import GONE, Browser, Page, Reply, trusting
from broker import rows
from rig import WORK, check, equal, wait_until

USER, UID = "hospiconnect-gateway", 61991
HOST, PORT, METRICS_PORT = "sso.hopital.test", 8443, 9464
FOLDER = WORK + "/gateway"
AUTHORITY = FOLDER + "/ca.pem"
HELPER = WORK + "/password"
SHIPPED = os.path.join(rig.SOURCE, "..", "..", "data", "pam.d", "hospiconnect-password")
ESTABLISHMENT = "CHU d’Essai <&> Fils"
SANITIZED = os.environ.get("HC_SANITIZED")  # "asan" or "tsan": sizes and times say nothing
WELL_KNOWN = "/.well-known/openid-configuration"


def openssl(*arguments):
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL,
                          check=False)
    equal(done.returncode, 0, "openssl", arguments, done.stderr)


def make_certificate(name="server"):
    """A test authority (once) and a certificate of the host, owned by the gateway's user."""
    if not os.path.exists(AUTHORITY):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                "/CN=rig authority", "-keyout", FOLDER + "/ca.key", "-out", AUTHORITY, "-addext", "basicConstraints=critical,CA:TRUE",
                "-addext", "keyUsage=critical,keyCertSign")
    key, request, certificate = (f"{FOLDER}/{name}.{end}" for end in ("key", "csr", "pem"))
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={HOST}", "-keyout", key,
            "-out", request)
    rig.write(FOLDER + "/extensions", f"subjectAltName=DNS:{HOST},IP:127.0.0.1\nextendedKeyUsage=serverAuth\n"
              "keyUsage=digitalSignature\nbasicConstraints=CA:FALSE\n")
    openssl("x509", "-req", "-in", request, "-CA", AUTHORITY, "-CAkey", FOLDER + "/ca.key", "-CAcreateserial", "-days", "1",
            "-extfile", FOLDER + "/extensions", "-out", certificate)
    for path, mode in ((key, 0o600), (certificate, 0o644)):
        os.chown(path, UID, UID)
        os.chmod(path, mode)
    return certificate, key


class Site:
    """What a client needs to know to speak to the gateway."""

    def __init__(self, host=HOST, port=PORT):
        self.host, self.port, self.origin = host, port, f"https://{host}:{port}"
        self.context = trusting(AUTHORITY)


class Gateway:
    """hospiconnect-gateway as a process: started by root, READY awaited, ended by its pid."""

    def __init__(self):
        self.state_dir, self.conf, self.log = FOLDER + "/state", FOLDER + "/gateway.conf", FOLDER + "/log"
        self.admin_socket = FOLDER + "/run/admin.sock"
        os.makedirs(self.state_dir)
        os.makedirs(FOLDER + "/run", mode=0o755)
        os.chown(self.state_dir, UID, UID)
        os.chmod(self.state_dir, 0o700)
        open(self.log, "w", encoding="utf-8").close()
        self.certificate, self.key = make_certificate()
        self.site = Site()
        self.issuer = self.site.origin
        self.process = None
        self.settings = {}
        self.configure()

    def configure(self, **changes):
        """Settings as section__key=value; None takes one back."""
        self.settings.update(changes)
        settings = {"gateway__issuer": self.issuer, "gateway__listen": f"127.0.0.1:{PORT}", "gateway__tls_certificate": self.certificate,
                    "gateway__tls_key": self.key, "gateway__admin_socket": self.admin_socket, "gateway__state_dir": self.state_dir, "gateway__language": "fr",
                    "gateway__admin_listen": f"127.0.0.1:{METRICS_PORT}", "gateway__log_level": "debug",
                    "gateway__establishment": ESTABLISHMENT}
        settings.update(self.settings)
        text = ""
        for section in ("gateway", "session", "token"):
            text += f"[{section}]\n" + "".join(f"{key.split('__')[1]} = {value}\n" for key, value in settings.items()
                                               if key.startswith(section + "__") and value is not None)
        rig.write(self.conf, text)

    def launch(self, env=None, through=()):
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = FOLDER + "/notify"
        if os.path.exists(path):
            os.remove(path)
        notify.bind(path)
        os.chmod(path, 0o666)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([*through, WORK + "/bin/hospiconnect-gateway", "--config", self.conf],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env={"PATH": os.environ["PATH"], "NOTIFY_SOCKET": path, **(env or {})})
        return notify

    def start(self, **how):
        deadline = time.monotonic() + 20
        with self.launch(**how) as notify:
            notify.settimeout(0.02)
            while time.monotonic() < deadline:
                try:
                    if b"READY=1" in notify.recv(4096):
                        return self
                except TimeoutError:
                    check(self.process.poll() is None, "the gateway ended:", self.tail())
        raise rig.Failed("the gateway did not become ready: " + self.tail())

    def stop(self):
        """Ends it as the system would. Its exit status must be 0."""
        if self.process:
            self.process.send_signal(signal.SIGTERM)
            equal(self.process.wait(15), 0, "exit status after SIGTERM", self.tail())
            self.process = None

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait(10)
            self.process = None

    def restart(self, **how):
        self.stop()
        return self.start(**how)

    def signal(self, number):
        self.process.send_signal(number)

    def tail(self, size=3000):
        text = ""
        for path in (WORK + "/password.log", self.log):
            with open(path, encoding="utf-8", errors="replace") as log:
                text += log.read()
        return text[-size:]

    # -- beside the pages

    def wire(self, **how):
        return Wire(self.site, **how)

    @property
    def prefix(self):
        """The issuer's own path, before every other."""
        return urllib.parse.urlsplit(self.issuer).path

    @property
    def metadata(self):
        return self.wire().get(self.prefix + WELL_KNOWN).json

    @property
    def jwks(self):
        return self.wire().get(urllib.parse.urlsplit(self.metadata["jwks_uri"]).path).json

    def monitor(self, path):
        """The listener of health and metrics: (status, text)."""
        connection = http.client.HTTPConnection("127.0.0.1", METRICS_PORT, timeout=10)
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    def metric(self, name, **labels):
        """The sum of a metric's samples with those labels."""
        total = 0.0
        for line in self.monitor("/metrics")[1].splitlines():
            head, _, value = line.rpartition(" ")
            if head.split("{")[0].endswith(name) and all(f'{key}="{text}"' in head for key, text in labels.items()):
                total += float(value)
        return total


class Wire:
    """A program's connection to the gateway, kept alive."""

    def __init__(self, site, address="127.0.0.1", timeout=30):
        self.site = site
        self.connection = http.client.HTTPSConnection(site.host, site.port, timeout=timeout, context=site.context,
                                                      source_address=(address, 0))

    def request(self, method, path, fields=None, headers=None):
        body = None
        headers = dict(headers or {})
        if fields is not None:
            body = fields if isinstance(fields, (bytes, str)) else urllib.parse.urlencode(fields)
            headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        try:
            self.connection.request(method, path, body=body, headers=headers)
            answer = self.connection.getresponse()
        except GONE:
            self.connection.close()
            self.connection.request(method, path, body=body, headers=headers)
            answer = self.connection.getresponse()
        return Answer(self.site.origin + path, answer.status, answer.getheaders(), answer.read())

    def get(self, path, **headers):
        return self.request("GET", path, headers=headers)

    def close(self):
        self.connection.close()


class Answer(Reply):
    @property
    def json(self):
        equal(self.header("content-type", "").split(";")[0], "application/json", self)
        return json.loads(self.body, object_pairs_hook=unique)


def unique(pairs):
    """No member twice."""
    result = dict(pairs)
    equal(len(result), len(pairs), "a JSON member twice:", pairs)
    return result


# ---- applications --------------------------------------------------------------------------------

class Pkce:
    def __init__(self):
        self.verifier = secrets.token_urlsafe(48)
        self.challenge = jose.encode(hashlib.sha256(self.verifier.encode()).digest())


class Refusal(Exception):
    """What came back to the application instead of a code."""

    def __init__(self, parameters):
        super().__init__(str(parameters))
        self.parameters = parameters
        self.error = parameters.get("error")


class Application:
    """A registered client, and what it does: requests, tokens, checks. A second wire may be given to any call."""

    def __init__(self, gateway, answer, redirect_uri, method="client_secret_basic", algorithm="RS256"):
        self.gateway, self.id, self.secret = gateway, answer["client_id"], answer.get("client_secret")
        self.redirect_uri, self.method, self.algorithm = redirect_uri, method, algorithm
        self.wire = gateway.wire()
        self.state = self.nonce = self.pkce = None

    # -- the browser's half

    def authorize_url(self, **changes):
        """A new request; parameters are changed by name, None leaves one out."""
        self.state, self.nonce, self.pkce = secrets.token_urlsafe(12), secrets.token_urlsafe(12), Pkce()
        parameters = {"response_type": "code", "client_id": self.id, "redirect_uri": self.redirect_uri, "scope": "openid profile",
                      "state": self.state, "nonce": self.nonce, "code_challenge": self.pkce.challenge,
                      "code_challenge_method": "S256", **changes}
        return f"{self.gateway.issuer}/oauth2/authorize?" + urllib.parse.urlencode(
            {name: value for name, value in parameters.items() if value is not None})

    def callback(self, reply):
        """The parameters that the gateway sent the browser back with; state and iss are checked."""
        check(reply.status in (302, 303), "no redirect:", reply)
        check(reply.location.startswith(self.redirect_uri), reply.location)
        rest = reply.location[len(self.redirect_uri):]
        check(rest.startswith("?") or ("?" in self.redirect_uri and rest.startswith("&")), reply.location)
        pairs = urllib.parse.parse_qsl(rest[1:], keep_blank_values=True, strict_parsing=True)
        parameters = unique(pairs)
        equal((parameters.pop("iss"), parameters.pop("state", None)), (self.gateway.issuer, self.state), reply.location)
        return parameters

    def code(self, reply):
        parameters = self.callback(reply)
        if set(parameters) != {"code"}:
            raise Refusal(parameters)
        return parameters["code"]

    # -- the program's half

    def authenticated(self, fields, method=None, secret=None):
        method, secret = method or self.method, self.secret if secret is None else secret
        headers, fields = {}, dict(fields)
        if method == "client_secret_basic":
            pair = urllib.parse.quote_plus(self.id) + ":" + urllib.parse.quote_plus(secret or "")
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            fields["client_id"] = self.id
            if method == "client_secret_post":
                fields["client_secret"] = secret
        return fields, headers

    def post(self, endpoint, fields, wire=None, **how):
        fields, headers = self.authenticated(fields, **how)
        return (wire or self.wire).request("POST", f"{self.gateway.prefix}/oauth2/{endpoint}", fields, headers)

    def token_request(self, wire=None, **fields):
        answer = self.post("token", {name: value for name, value in fields.items() if value is not None}, wire=wire)
        equal((answer.header("cache-control"), answer.header("pragma", "no-cache")), ("no-store", "no-cache"), answer)
        return answer

    def exchange(self, code, wire=None, **changes):
        return self.token_request(wire=wire, **{"grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect_uri,
                                                "code_verifier": self.pkce.verifier, **changes})

    def refresh(self, token, wire=None, **more):
        return self.token_request(wire=wire, grant_type="refresh_token", refresh_token=token, **more)

    def tokens(self, reply):
        """From the redirect to the tokens, checked."""
        answer = self.exchange(self.code(reply))
        equal(answer.status, 200, answer)
        tokens = answer.json
        equal(tokens["token_type"], "Bearer")
        tokens["claims"] = self.id_token(tokens)
        return tokens

    def id_token(self, tokens):
        claims = jose.verify(tokens["id_token"], self.gateway.jwks, self.algorithm)
        now = time.time()
        equal((claims["iss"], claims["aud"], claims.get("nonce")), (self.gateway.issuer, self.id, self.nonce), claims)
        check(claims["iat"] - 2 <= now <= claims["exp"] <= claims["iat"] + 600 and claims["auth_time"] <= claims["iat"], claims)
        equal(claims["at_hash"], jose.half_hash(tokens["access_token"]))
        return claims

    def userinfo(self, access_token, method="GET", wire=None):
        headers = {"Authorization": "Bearer " + access_token}
        return (wire or self.wire).request(method, self.gateway.prefix + "/oauth2/userinfo", "" if method == "POST" else None, headers)

    def introspect(self, token, wire=None, **more):
        answer = self.post("introspect", {"token": token, **more}, wire=wire)
        equal(answer.status, 200, answer)
        return answer.json

    def active(self, token):
        return self.introspect(token)["active"]

    def revoke(self, token, **more):
        return self.post("revoke", {"token": token, **more})

    def logout_url(self, **parameters):
        return f"{self.gateway.issuer}/oauth2/logout?" + urllib.parse.urlencode(
            {name: value for name, value in parameters.items() if value is not None})


def refused(answer, error, status=400):
    """An OAuth error in JSON, of the right status, that says what it may."""
    equal((answer.status, answer.json.get("error")), (status, error), answer)
    text = answer.json.get("error_description", "")
    check(all(" " <= char <= "~" and char not in '"\\' for char in text), text)
    check(not {"access_token", "refresh_token", "id_token"} & set(answer.json), answer)
    equal(answer.header("cache-control"), "no-store")
    if status == 401:
        check(answer.header("www-authenticate"), "401 names its schemes", answer)
    return answer.json


def code_of(machine, app, **request):
    """A code for the person of the shared browser, who is not asked again."""
    return app.code(machine.browser.get(app.authorize_url(**request)))


def error_page(reply, status=400):
    """An error page: no redirect, no cookie that says anybody signed in."""
    equal((reply.status, reply.location), (status, None), reply)
    check(Page(reply).text, reply)
    return Page(reply)


def error_back(app, reply, error):
    """The application is told, with its state and our name, and gets no code."""
    parameters = app.callback(reply)
    check("code" not in parameters, reply.location)
    equal(parameters.get("error"), error, reply.location)


# ---- people --------------------------------------------------------------------------------------

def walk(browser, url, login, code, password=rig.PASSWORD):
    """From the application's request to the redirect back to it: two pages. Returns that reply."""
    first = browser.get(url)
    equal(first.status, 200, first)
    second = browser.submit(first, username=login, password=password)
    equal(second.status, 200, second)
    check("code" in Page(second).form["fields"], "the second page asks for a code:", second)
    return browser.submit(second, code=code() if callable(code) else code)


class People:
    """A person a case: each has a password in /etc/shadow and a button token, so that nobody waits for 30 s."""

    def __init__(self, machine):
        self.machine, self.left, self.tokens = machine, list(rig.PEOPLE), {}

    def next(self, *arguments):
        login = self.left.pop(0)
        self.machine.ctl("user", "add", login, *arguments)
        self.tokens[login] = self.machine.hotp(login)
        return login, self.tokens[login]


# ---- the machine ---------------------------------------------------------------------------------

def helper_listens():
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        return probe.connect_ex(HELPER + "/password.sock") == 0


def start_helper(machine):
    with open(WORK + "/password.log", "ab") as log:
        machine.helper = subprocess.Popen(
            [WORK + "/bin/hc-password", "--listen", HELPER + "/password.sock", "--peer", rig.BROKER_USER],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    wait_until(helper_listens, "hc-password listens")


def fresh_helper(machine):
    """Its own limits begin anew, so that no case is refused for another's tries."""
    machine.helper.terminate()
    equal(machine.helper.wait(10), 0)
    start_helper(machine)


def admin(machine, *arguments, **how):
    return machine.ctl("--gateway-socket", machine.gateway.admin_socket, *arguments, **how)


def register(machine, name, *arguments, method="client_secret_basic", algorithm="RS256", path="/cb", logout=True,
             grants=("authorization_code", "refresh_token"), scopes=("openid", "profile")):
    """An application of that name at https://NAME.test, by hospictl."""
    uri = f"https://{name}.test{path}"
    options = ["--redirect-uri", uri] if "authorization_code" in grants else []
    if logout and options:
        options += ["--post-logout-redirect-uri", f"https://{name}.test/bye"]
    options += ["--auth-method", method]
    for grant in grants:
        options += ["--grant", grant]
    for scope in scopes:
        options += ["--scope", scope]
    if algorithm != "RS256":
        options += ["--id-token-alg", algorithm]
    answer = admin(machine, "client", "add", name, *options, *arguments)
    equal(bool(answer.get("client_secret")), method != "none", answer)
    return Application(machine.gateway, answer, uri, method, algorithm)


def install(machine, start=True, **settings):
    """Accounts, certificate, broker of role authority, hc-password, gateway."""
    for name in ("passwd", "group"):
        row = f"{USER}:x:{UID}:" + (f"{UID}::/nonexistent:/usr/sbin/nologin" if name == "passwd" else "")
        with open("/etc/" + name, "a", encoding="utf-8") as file:
            file.write(row + "\n")
    with open("/etc/hosts", "a", encoding="utf-8") as file:
        file.write(f"127.0.0.1 {HOST}\n")
    shutil.copy2(os.path.join(rig.PROGRAMS, "bin/hospiconnect-gateway"), WORK + "/bin/")
    shutil.copy(SHIPPED, "/etc/pam.d/hospiconnect-password")
    for folder in (HELPER, FOLDER):
        os.makedirs(folder, mode=0o755, exist_ok=True)
    start_helper(machine)
    machine.broker.configure(authd__role="authority", authd__password_socket=HELPER + "/password.sock", policy__free_tries=20)
    machine.broker.start()
    machine.gateway = Gateway()
    machine.gateway.configure(**settings)
    machine.parts.append(machine.gateway)
    machine.people = People(machine)
    machine.admin = functools.partial(admin, machine)
    if start:
        machine.gateway.start()


def sessions(machine):
    return rows(machine.admin("session", "list"))


def signed_in(machine, application, language="en", scope="openid profile", **how):
    """A new browser of a new person, signed in for that application: (browser, login, token, tokens)."""
    login, token = machine.people.next(*how.pop("person", ()))
    browser = Browser(machine.gateway.site, language, **how)
    reply = walk(browser, application.authorize_url(scope=scope), login, token.next)
    return browser, login, token, application.tokens(reply)


def no_complaint_in_the_gateways_log(machine):
    """It ends well (a sanitizer has its say then), and ordinary use caused no error; nothing typed is in the log."""
    machine.gateway.stop()
    text = machine.gateway.tail(1 << 26)
    lines = [line for line in text.splitlines() if re.search(r"\berror: |Sanitizer", line)]
    check(not lines, "\n".join(lines[:10]))
    check(rig.PASSWORD not in text, "a password is in the log")
