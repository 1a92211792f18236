# SPDX-License-Identifier: Apache-2.0
"""The gateway's pages, by curl, as its own certificate has it."""
import html
import json
import os
import re
import urllib.parse

from machine import CERTIFICATE, HERE, run

GATEWAY = "https://localhost:8443"
REDIRECT = "http://127.0.0.1:18090/back"


def curl(*arguments, ok=True):
    return run("curl", "-sS", "--max-time", "20", "--cacert", CERTIFICATE, *arguments, ok=ok)


class Browser:
    """Pages of the gateway, by curl."""

    def __init__(self):
        self.jar = "/tmp/cookies"
        if os.path.exists(self.jar):
            os.unlink(self.jar)
        self.page = self.location = ""

    def open(self, url, fields=None):
        data = [part for name, value in (fields or {}).items() for part in ("--data-urlencode", f"{name}={value}")]
        done = curl("-b", self.jar, "-c", self.jar, "-H", f"Origin: {GATEWAY}", "-H", "Accept-Language: en",
                    "-w", "\n%{redirect_url}", *data, url)
        self.page, self.location = done.stdout.rsplit("\n", 1)

    @property
    def is_back(self):
        """Whether it was sent back to the application."""
        return self.location.startswith(REDIRECT)

    def send(self, **fields):
        for name, value in re.findall(r'name="(request|conversation)" value="([^"]*)"', self.page):
            fields.setdefault(name, html.unescape(value))
        action = html.unescape(re.search(r'<form [^>]*action="([^"]*)"', self.page).group(1))
        self.open(urllib.parse.urljoin(GATEWAY + "/", action), fields)


def application(redirect, name, *options):
    """Registers docs/examples/sample-application.sh; call what comes back as its command line: what it printed."""
    made = json.loads(run("hospictl", "--json", "client", "add", name, "--redirect-uri", redirect, *options).stdout)
    environment = {"SAMPLE_ISSUER": GATEWAY, "SAMPLE_CLIENT_ID": made["client_id"], "SAMPLE_CLIENT_SECRET": made["client_secret"],
                   "SAMPLE_REDIRECT_URI": redirect, "SAMPLE_CA": CERTIFICATE, "SAMPLE_DIR": "/tmp/application-" + made["client_id"]}

    def call(*words, ok=True):
        done = run("bash", HERE + "/docs/examples/sample-application.sh", *words, env=environment, ok=ok)
        return done.stdout if done.returncode == 0 else None
    return call


def gateway_is_ready():
    return run("curl", "-fs", "http://127.0.0.1:9464/readyz", ok=False).returncode == 0
