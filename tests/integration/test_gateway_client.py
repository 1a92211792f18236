#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: programs that are not ours, over TLS.
 * openid-client (Node): discovery, code and PKCE, ID token verified, userinfo, refresh, a second application without a
   question, client_credentials, introspection, revocation, logout
 * curl and openssl: docs/examples/sample-application.sh, which verifies the ID token by itself
Python is the browser. Needs HC_CLIENTS_DIR with what `npm ci` made of clients/ (script/test does that); without it the
first is skipped.
"""
import json
import os
import shutil
import subprocess
import sys

import gateway
import rig
from browser import Browser, Page
from clients_node import CLIENTS, found, node
from gateway import register, walk
from rig import check, equal

EXAMPLE = os.path.join(rig.SOURCE, "..", "..", "docs", "examples", "sample-application.sh")


def setup(machine):
    gateway.install(machine)
    machine.web = register(machine, "dossier")
    machine.es = register(machine, "imagerie", method="client_secret_post", algorithm="ES256")
    machine.api = register(machine, "api", "--may-introspect", grants=("client_credentials",), scopes=("read",))


def facts(machine, app, **more):
    return {"issuer": machine.gateway.issuer, "id": app.id, "secret": app.secret, "method": app.method, "algorithm": app.algorithm,
            "redirect": app.redirect_uri, "scope": "openid profile", **more}


class Program:
    """The Node program, line by line."""

    def __init__(self):
        self.process = subprocess.Popen(
            [node(), f"{CLIENTS}/openid_client.mjs"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={"PATH": os.environ["PATH"], "NODE_EXTRA_CA_CERTS": gateway.AUTHORITY, "HOME": "/nonexistent"})

    def tell(self, what):
        self.process.stdin.write(json.dumps(what) + "\n")
        self.process.stdin.flush()

    def hear(self, name):
        line = self.process.stdout.readline()
        check(line, "openid-client ended:", self.process.stderr.read() if not line else "")
        said = json.loads(line)
        equal(set(said), {name}, said)
        return said[name]


def openid_client_walks_the_whole_way(machine):
    shutil.copy(os.path.join(rig.SOURCE, "clients", "openid_client.mjs"), f"{CLIENTS}/openid_client.mjs")
    login, token = machine.people.next("--given-name", "Anne", "--family-name", "Martin")
    browser, program = Browser(machine.gateway.site), Program()
    program.tell({"first": facts(machine, machine.web, bye="https://dossier.test/bye"), "second": facts(machine, machine.es),
                  "program": facts(machine, machine.api, scope="read")})
    program.tell({"callback": walk(browser, program.hear("open"), login, token.next).location})
    reply = browser.get(program.hear("open"))
    equal(reply.status, 303, "the second application asks nobody", reply)
    program.tell({"callback": reply.location})
    reply = browser.get(program.hear("open"))
    if reply.status == 200:
        reply = browser.submit(reply)
    program.tell({"callback": reply.location})
    done = program.hear("done")
    equal(program.process.wait(10), 0)
    equal((done["user"]["given_name"], done["refreshedUser"]["family_name"]), ("Anne", "Martin"), done)
    equal((done["claims"]["sub"], done["rotated"], done["own"]), (done["other"]["sub"], True, "bearer"), done)
    equal((done["claims"]["sid"], sorted(done["claims"]["amr"])), (done["other"]["sid"], ["mfa", "otp", "pwd"]), done)
    equal((done["seen"]["active"], done["revoked"]["active"], done["after"]["active"]), (True, False, False), done)
    equal((done["callback"], done["refusal"]), ("https://dossier.test/bye?state=over", "invalid_grant"), done)


def sample(machine, *arguments):
    folder = rig.WORK + "/sample"
    done = subprocess.run([EXAMPLE, *arguments], capture_output=True, text=True, timeout=60, check=False, env={
        "PATH": os.environ["PATH"], "SAMPLE_ISSUER": machine.gateway.issuer, "SAMPLE_CLIENT_ID": machine.sample.id,
        "SAMPLE_CLIENT_SECRET": machine.sample.secret, "SAMPLE_REDIRECT_URI": machine.sample.redirect_uri,
        "SAMPLE_CA": gateway.AUTHORITY, "SAMPLE_DIR": folder})
    return done.returncode, done.stdout, done.stderr


def the_sample_application_verifies_its_tokens(machine):
    for algorithm in ("RS256", "ES256"):
        machine.sample = register(machine, "exemple" + algorithm.lower(), algorithm=algorithm)
        login, token = machine.people.next("--given-name", "Jeanne")
        browser = Browser(machine.gateway.site)
        status, url, error = sample(machine, "begin")
        equal(status, 0, error)
        reply = walk(browser, url.strip(), login, token.next)
        status, text, error = sample(machine, "finish", reply.location)
        equal(status, 0, text, error)
        check("Jeanne" in text and machine.sample.algorithm + " signature" in error, text, error)
        status, _, error = sample(machine, "finish", reply.location)
        check(status != 0, "the same answer again")
        equal(sample(machine, "refresh")[0], 0)
        status, url, _ = sample(machine, "logout")
        equal(status, 0)
        reply = browser.get(url.strip())
        check(reply.location is not None or reply.status == 200, reply)
        if reply.status == 200 and Page(reply).forms:
            browser.submit(reply)
        check(sample(machine, "refresh")[0] != 0, "signed out")


def the_sample_application_believes_no_forged_answer(machine):
    app = machine.sample
    login, token = machine.people.next()
    browser = Browser(machine.gateway.site)
    reply = walk(browser, sample(machine, "begin")[1].strip(), login, token.next)
    for bad in (reply.location.replace("state=", "state=x"), reply.location.replace("iss=https", "iss=http"),
                app.redirect_uri + "?error=access_denied", reply.location.split("&code")[0] if "&code" in reply.location else app.redirect_uri):
        status, text, _ = sample(machine, "finish", bad)
        check(status != 0, bad, text)
    equal(sample(machine, "finish", reply.location)[0], 0)


if os.geteuid() == 0 and os.environ.get("HC_RIG_INSIDE") != "1" and not found():
    print(f"skipped: no {CLIENTS}/node_modules/openid-client or no Node of version 20 (script/test installs both)")
    sys.exit(77)
rig.run([openid_client_walks_the_whole_way, the_sample_application_verifies_its_tokens,
         the_sample_application_believes_no_forged_answer, gateway.no_complaint_in_the_gateways_log], setup)
