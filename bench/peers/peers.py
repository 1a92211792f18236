# SPDX-License-Identifier: Apache-2.0
"""The other OpenID Providers of run_gateway.py, each started fresh on a loopback port, and how to drive them.

A peer has: name, base, endpoints (discovery, jwks, token, introspect, userinfo, authorize), client_id and
client_secret, bodies of its token requests, pids whose CPU counts, and login(browser) where the whole login
can be driven."""
import base64
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.parse

SQL = "/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3"


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(port, path, process, seconds=20):
    """Milliseconds until the first answer of status 200."""
    started = time.perf_counter()
    while time.perf_counter() - started < seconds:
        if process.poll() is not None:
            raise RuntimeError(f"it ended with status {process.returncode}")
        try:
            c = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            c.request("GET", path)
            if c.getresponse().status == 200:
                return (time.perf_counter() - started) * 1000
        except OSError:
            pass
        time.sleep(0.001)
    raise RuntimeError("no answer")


class Peer:
    name = ""
    process = None
    port = 0
    client_id = "bench"
    client_secret = "bench-secret-of-the-peer"
    on_session = ""  # behind the request of a browser that is signed in

    @property
    def pids(self):
        return [self.process.pid]

    @property
    def base(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def basic(self):
        return "Basic " + base64.b64encode(f"{self.client_id}:{self.client_secret}".encode()).decode()

    def stop(self):
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class OidcProvider(Peer):
    """npm's oidc-provider, in memory, without a check of the password."""

    name = "node oidc-provider"
    jwt_body = "grant_type=client_credentials&scope=api&resource=urn:jwt"
    opaque_body = "grant_type=client_credentials&scope=api&resource=urn:opaque"
    callback = "https://app.example/cb"

    def __init__(self, modules, directory):
        self.port = free_port()
        self.log = open(f"{directory}/oidc-provider.log", "wb")
        here = os.path.dirname(os.path.abspath(__file__))
        self.process = subprocess.Popen(
            ["node", f"{here}/oidc_provider.mjs"], stdout=self.log, stderr=self.log,
            env=dict(os.environ, PORT=str(self.port), PEER_MODULES=modules, NODE_ENV="production"))
        self.start_ms = wait_for(self.port, "/.well-known/openid-configuration", self.process)
        self.paths = {"discovery": "/.well-known/openid-configuration", "jwks": "/jwks", "token": "/token",
                      "introspect": "/token/introspection", "userinfo": "/me", "authorize": "/auth"}

    def sign_in(self, browser, response, person):
        """The pages of its development interaction: any name and password, then consent."""
        for _ in range(12):
            location = response.location
            if location and location.startswith(self.callback):
                return location
            if location:
                response = browser.get(location)
                continue
            prompt = re.search(r'name="prompt" value="(\w+)"', response.text)
            fields = {"prompt": prompt.group(1)}
            if prompt.group(1) == "login":
                fields.update(login=person, password="any")
            action = re.search(r'action="([^"]+)"', response.text).group(1)
            response = browser.post(action, fields)
        raise RuntimeError("the peer's login does not end")


class Glewlwyd(Peer):
    """Debian's glewlwyd with SQLite, as the package sets it up, an OpenID Connect plugin, one user."""

    name = "Glewlwyd"
    client_id = "bench"
    jwt_body = opaque_body = "grant_type=client_credentials&scope=api"
    callback = "https://app.example/cb"
    on_session = "&g_continue"

    def __init__(self, directory):
        self.port = free_port()
        self.jar = ""
        database = f"{directory}/glewlwyd.db"
        with open(SQL, encoding="utf-8") as sql:
            subprocess.run(["sqlite3", database], stdin=sql, check=True, stdout=subprocess.DEVNULL)
        with open(f"{directory}/glewlwyd.conf", "w", encoding="utf-8") as f:
            f.write(f'''port={self.port}
bind_address="127.0.0.1"
external_url="http://127.0.0.1:{self.port}"
login_url="login.html"
api_prefix="api"
log_mode="file"
log_level="INFO"
log_file="{directory}/glewlwyd.log"
cookie_secure=0
session_expiration=2419200
session_key="GLEWLWYD2_SESSION_ID"
admin_scope="g_admin"
profile_scope="g_profile"
user_module_path="/usr/lib/glewlwyd/user"
client_module_path="/usr/lib/glewlwyd/client"
user_auth_scheme_module_path="/usr/lib/glewlwyd/scheme"
plugin_module_path="/usr/lib/glewlwyd/plugin"
hash_algorithm="SHA512"
database={{type="sqlite3" path="{database}"}};
''')
        self.process = subprocess.Popen(["glewlwyd", "-c", f"{directory}/glewlwyd.conf"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.start_ms = wait_for(self.port, "/config", self.process)
        self.configure(directory)
        oidc = "/api/oidc"
        self.paths = {"discovery": f"{oidc}/.well-known/openid-configuration", "jwks": f"{oidc}/jwks",
                      "token": f"{oidc}/token", "introspect": f"{oidc}/introspect", "userinfo": f"{oidc}/userinfo",
                      "authorize": f"{oidc}/auth"}

    def api(self, method, path, data=None, jar=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        headers = {"Content-Type": "application/json", "Cookie": self.jar if jar is None else jar}
        c.request(method, "/api" + path, json.dumps(data) if data is not None else None, headers)
        answer = c.getresponse()
        text = answer.read().decode()
        if answer.status != 200:
            raise RuntimeError(f"glewlwyd: {method} {path}: {answer.status} {text[:300]}")
        return answer, text

    def configure(self, directory):
        answer, _ = self.api("POST", "/auth", {"username": "admin", "password": "password"})
        self.jar = answer.getheader("Set-Cookie").split(";")[0]
        for scope in ("api", "profile"):
            self.api("POST", "/scope", {"name": scope, "display_name": scope, "description": scope,
                                        "password_required": False, "password_max_age": 0, "scheme": {}})
        scope = json.loads(self.api("GET", "/scope/openid")[1])
        scope["password_required"] = True
        self.api("PUT", "/scope/openid", scope)
        key = f"{directory}/glewlwyd-key.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", key],
                       check=True, stderr=subprocess.DEVNULL)
        public = subprocess.run(["openssl", "pkey", "-in", key, "-pubout"], check=True, capture_output=True, text=True)
        with open(key, encoding="ascii") as f:
            private = f.read()
        yes, no = True, False
        self.api("POST", "/mod/plugin", {
            "module": "oidc", "name": "oidc", "display_name": "oidc", "parameters": {
                "iss": self.base, "jwt-type": "ecdsa", "jwt-key-size": "256", "key": private, "cert": public.stdout,
                "access-token-duration": 3600, "refresh-token-duration": 1209600, "code-duration": 600,
                "refresh-token-rolling": yes, "allow-non-oidc": yes, "auth-type-code-enabled": yes,
                "auth-type-token-enabled": no, "auth-type-id-token-enabled": no, "auth-type-none-enabled": no,
                "auth-type-password-enabled": no, "auth-type-client-enabled": yes, "auth-type-device-enabled": no,
                "auth-type-refresh-enabled": yes, "jwks-show": yes, "pkce-allowed": yes,
                "pkce-method-plain-allowed": no, "introspection-revocation-allowed": yes,
                "introspection-revocation-allow-target-client": yes, "introspection-revocation-auth-scope": [],
                "secret-type": "pairwise", "subject-type": "pairwise", "allowed-scope": ["openid", "api"],
                "session-management-allowed": no}})
        self.api("POST", "/client", {
            "client_id": self.client_id, "name": "bench", "confidential": yes, "enabled": yes,
            "client_secret": self.client_secret, "redirect_uri": [self.callback],
            "authorization_type": ["code", "refresh_token", "client_credentials"],
            "token_endpoint_auth_method": ["client_secret_basic"], "scope": ["api"]})
        self.api("POST", "/user", {"username": "bench", "name": "Max Libre", "password": "bench-password",
                                   "enabled": yes, "scope": ["openid", "profile", "g_profile"]})

    def sign_in(self, browser, response, person):
        """Its login page is a script over this JSON interface."""
        del response, person
        again = browser.last_url
        browser.post_json(f"{self.base}/api/auth", {"username": "bench", "password": "bench-password"})
        browser.put_json(f"{self.base}/api/auth/grant/{self.client_id}", {"scope": "openid"})
        response = browser.get(again + "&g_continue")
        if not (response.location or "").startswith(self.callback):
            raise RuntimeError(f"glewlwyd: no code: {response.status} {response.location}")
        return response.location


def missing(modules):
    """What has to be installed first, as a sentence, or nothing."""
    if not os.path.isdir(f"{modules}/node_modules/oidc-provider"):
        return f"npm install --prefix {modules} oidc-provider@9"
    if not shutil.which("glewlwyd"):
        return "apt-get install --no-install-recommends glewlwyd"
    return ""


def form(fields):
    return urllib.parse.urlencode(fields)
