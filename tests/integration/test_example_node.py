#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Goal: docs/examples/node-application as it is shipped, in a real Node, signs people in at a real gateway.
 * refused first: no session; an answer with a false state, another browser's or a second time; a request whose nonce,
   level or max_age was changed in the browser; a level that the gateway does not give; a false client secret
 * signed in: who it is, with identifier and profession, in French and English, at pages that keep a browser's rules
 * prescriptions want a recent sign-in; a session that nobody uses ends; many requests at once stay signed in; a session that ended at the gateway, by an
   administrator or a log-out, has ended here at the next look; a gateway that is away lets nobody in
 * nothing secret in the log
Python is the browser. Needs HC_CLIENTS_DIR as test_gateway_client.py does; without it it is skipped.
"""
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.parse

import gateway
import rig
from browser import Browser, Page
from clients_node import CLIENTS, found, node
from gateway import Site, error_page, walk
from rig import check, equal, matches, wait_until

EXAMPLE = os.path.join(rig.SOURCE, "..", "..", "docs", "examples", "node-application")
FOLDER = rig.WORK + "/records"
FRESH, PHYSICIAN = 4, ("--profession", "10", "--national-id", "899900063480")


class Application:
    """The example as a process; settings as NAME=value."""

    def __init__(self, machine, port, secret=None, **settings):
        self.site = Site(gateway.HOST, port)
        self.log = f"{FOLDER}/{port}.log"
        answer = machine.admin("client", "add", f"records{port}", "--redirect-uri", self.site.origin + "/callback",
                               "--post-logout-redirect-uri", self.site.origin + "/bye", "--scope", "openid", "--scope", "scope_all")
        self.secret, secret_file = answer["client_secret"], f"{FOLDER}/{port}.secret"
        rig.write(secret_file, (secret or self.secret) + "\n", 0o600)
        shutil.chown(secret_file, gateway.UID)
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [node(), "server.mjs"], cwd=FOLDER, stdin=subprocess.DEVNULL, stdout=log, stderr=log, user=gateway.UID, group=gateway.UID,
                extra_groups=[], env={
                    "PATH": os.environ["PATH"], "HOME": "/nonexistent", "NODE_EXTRA_CA_CERTS": gateway.AUTHORITY, "TZ": "UTC",
                    "RECORDS_ISSUER": machine.gateway.issuer, "RECORDS_CLIENT_ID": answer["client_id"],
                    "RECORDS_CLIENT_SECRET_FILE": secret_file, "RECORDS_URL": self.site.origin, "RECORDS_LISTEN": f"127.0.0.1:{port}",
                    "RECORDS_TLS_CERTIFICATE": machine.gateway.certificate, "RECORDS_TLS_KEY": machine.gateway.key,
                    **{"RECORDS_" + name: value for name, value in settings.items()}})
        wait_until(lambda: "listens" in self.text, "the application listens", 10)

    @property
    def text(self):
        with open(self.log, encoding="utf-8") as log:
            return log.read()

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def tail(self, size=3000):
        return self.text[-size:]


class Person:
    """One browser, with its cookies at the gateway and at the application."""

    def __init__(self, machine, app, *arguments, language="en"):
        self.sso, self.here, self.app = Browser(machine.gateway.site, language), Browser(app.site, language), app
        self.login, self.token = machine.people.next(*arguments)

    def get(self, path):
        return self.here.get(self.app.site.origin + path)

    def asked(self, path="/", **changed):
        """The application sends to the gateway; that address, with parameters changed on the way (None: taken out)."""
        reply = self.get(path)
        equal(reply.status, 303, reply)
        check(reply.location.startswith(self.sso.site.origin + "/oauth2/authorize?"), reply.location)
        address, _, query = reply.location.partition("?")
        parameters = {**dict(urllib.parse.parse_qsl(query)), **changed}
        return address + "?" + urllib.parse.urlencode({name: value for name, value in parameters.items() if value is not None})

    def answered(self, url):
        """Password and code at the gateway; where it sends back to."""
        reply = walk(self.sso, url, self.login, self.token.next)
        check(reply.location.startswith(self.app.site.origin + "/callback?"), reply)
        return reply.location

    def sign_in(self, path="/"):
        reply = self.here.get(self.answered(self.asked(path)))
        equal(reply.status, 200, reply, self.app.text)
        return Page(reply)

    def refused(self, url):
        """Where the browser came back to opens nothing."""
        page = error_page(self.here.get(url), 403)
        check("__Host-records" not in self.here.cookies, self.here.cookies)
        self.asked()
        return page


def setup(machine):
    gateway.install(machine)
    os.mkdir(FOLDER, 0o755)
    for name in os.listdir(EXAMPLE):
        if name != "node_modules":
            shutil.copy(os.path.join(EXAMPLE, name), FOLDER)
    os.symlink(os.path.abspath(CLIENTS) + "/node_modules", FOLDER + "/node_modules")
    machine.app = Application(machine, 8501, CHECK_SECONDS="0", FRESH_SECONDS=str(FRESH))
    machine.parts.append(machine.app)


def what_it_takes_from_npm_is_what_the_tests_have(_machine):
    packages = []
    for folder in (EXAMPLE, os.path.join(rig.SOURCE, "clients")):
        with open(folder + "/package-lock.json", encoding="utf-8") as file:
            packages.append({name: what for name, what in json.load(file)["packages"].items() if name})
    equal(packages[0], packages[1])


def nobody_comes_in_unasked(machine):
    person = Person(machine, machine.app)
    for path in ("/", "/prescriptions"):
        url = person.asked(path)
        parameters = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
        equal((parameters["code_challenge_method"], parameters["response_type"]), ("S256", "code"))
        check(len(parameters["state"]) >= 32 and len(parameters["nonce"]) >= 32, parameters)
    person.here.cookies["__Host-records"] = "A" * 43
    person.asked()
    equal(person.get("/elsewhere").status, 404)
    equal(person.get("/__proto__").status, 404)


def an_answer_to_another_request_opens_nothing(machine):
    person = Person(machine, machine.app)
    for row, change in enumerate((
            lambda url: url.replace("state=", "state=x"),
            lambda url: url.replace("iss=https", "iss=http"),
            lambda url: url.replace("code=", "code=x"),
            lambda url: url.split("?")[0] + "?error=access_denied&" + url.split("?")[1].replace("code=", "x="),
            lambda url: url.split("?")[0],
            lambda url: url + "&code=1")):
        url = change(person.answered(person.asked()) if row == 0 else code_anew(person))
        person.refused(url)
    other = Person(machine, machine.app)
    other.asked()
    stolen = code_anew(person)
    other.refused(stolen)
    person.here.cookies.pop("__Host-records-signin")
    person.refused(stolen)


def code_anew(person):
    """The gateway asks nobody a second time."""
    return person.sso.get(person.asked()).location


def an_answer_serves_once(machine):
    person = Person(machine, machine.app)
    url = person.answered(person.asked())
    kept = dict(person.here.cookies)
    equal(person.here.get(url).status, 200)
    person.here.cookies = kept
    person.refused(url)
    url = code_anew(person)
    kept = dict(person.here.cookies)
    person.refused(url.replace("state=", "state=x"))
    person.here.cookies = kept
    person.refused(url)  # one try a request, also for the right answer


def a_request_that_was_changed_in_the_browser_opens_nothing(machine):
    person = Person(machine, machine.app)
    person.refused(person.answered(person.asked(nonce="n" * 43)))
    matches("JWT_CLAIM_COMPARISON|INVALID_RESPONSE", machine.app.text, "the nonce it was")
    person.refused(person.sso.get(person.asked(code_challenge="c" * 43)).location)
    matches("invalid_grant", machine.app.text, "the verifier it was")


def a_level_that_the_gateway_does_not_give_lets_nobody_in(machine):
    app = Application(machine, 8502, ACR="http://eidas.europa.eu/LoA/high")
    try:
        person = Person(machine, app)
        person.refused(person.answered(person.asked()))
        matches("sign-in refused: acr", app.text)
    finally:
        app.kill()


def a_false_client_secret_is_nobodys_refusal(machine):
    app = Application(machine, 8503, secret="false")
    try:
        person = Person(machine, app)
        reply = person.here.get(person.answered(person.asked()))
        equal((reply.status, "__Host-records" in person.here.cookies), (503, False), reply)
        matches("no gateway", app.text)
    finally:
        app.kill()


def it_shows_who_signed_in(machine):
    person = Person(machine, machine.app, *PHYSICIAN, "--given-name", "Anne", "--family-name", "Martin <b>&",
                    "--organization", "CHU d’Essai")
    page = person.sign_in()
    for text in ("Anne Martin <b>&", "899900063480", "Physician (10)", "CHU d’Essai", person.login):
        check(text in page.text, text, page.text)
    page = Person(machine, machine.app, "--given-name", "Paul", "--profession", "secretary", language="fr").sign_in()
    check(page.lang == "fr" and "Paul" in page.text and "non renseigné" in page.text and "secretary" not in page.text, page.text)
    equal(person.here.get(machine.app.site.origin + "/style.css").header("content-type"), "text/css; charset=utf-8")


def prescriptions_want_a_recent_sign_in(machine):
    person = Person(machine, machine.app)
    person.sign_in()
    time.sleep(FRESH + 1.1)  # the passing of time is what this is about
    equal(person.get("/").status, 200, "the records are open all the same")
    url = person.asked("/prescriptions")
    check(f"max_age={FRESH}" in url, url)
    reply = person.sso.get(person.asked("/prescriptions", max_age=None))
    equal(reply.status, 303, "the gateway asks nothing if the wish is taken out of the request", reply)
    person.here.request("GET", reply.location)
    person.asked("/prescriptions")  # and that answer is too old
    check("recent" in person.sign_in("/prescriptions").text)
    equal(person.get("/prescriptions").status, 200)


def many_requests_at_once_stay_signed_in(machine):
    person = Person(machine, machine.app)
    person.sign_in()
    found_out = []

    def one():
        browser = Browser(machine.app.site)
        browser.cookies = dict(person.here.cookies)
        found_out.append(browser.get(machine.app.site.origin + "/").status)
    for _ in range(3):
        threads = [threading.Thread(target=one) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    equal(found_out, [200] * 18)


def a_log_out_ends_it_here_and_at_the_gateway(machine):
    person = Person(machine, machine.app)
    reply = person.here.get(person.answered(person.asked()))
    cookies = dict(person.here.cookies)
    equal(person.here.post(machine.app.site.origin + "/logout", {}).status, 403, "a form of another site")
    equal(person.get("/").status, 200)
    out = person.here.submit(reply)
    check(out.location.startswith(person.sso.site.origin + "/oauth2/logout?") and "__Host-records" not in person.here.cookies, out)
    back = person.sso.get(out.location)
    equal(back.location, machine.app.site.origin + "/bye", back)
    check("signed out" in Page(person.here.get(back.location)).text)
    person.here.cookies = cookies
    equal(person.sso.get(person.asked()).status, 200, "the gateway asks anew, and the old cookie opens nothing")


def a_log_out_needs_no_gateway(machine):
    app = Application(machine, 8504, CHECK_SECONDS="3600")
    try:
        person = Person(machine, app)
        reply = person.here.get(person.answered(person.asked()))
        cookies = dict(person.here.cookies)
        equal(person.get("/").status, 200)
        person.here.submit(reply)
        person.here.cookies = cookies
        person.asked()
    finally:
        app.kill()


def a_session_that_nobody_uses_ends(machine):
    app = Application(machine, 8506, CHECK_SECONDS="3600", IDLE_SECONDS="3")
    try:
        person = Person(machine, app)
        person.sign_in()
        equal(person.get("/").status, 200)
        time.sleep(3.1)  # the passing of time is what this is about
        person.asked()
        person.asked("/prescriptions")
    finally:
        app.kill()


def a_session_that_ended_at_the_gateway_ends_here_at_the_next_look(machine):
    person = Person(machine, machine.app)
    person.sign_in()
    equal(person.get("/").status, 200)
    machine.admin("session", "revoke", "--user", person.login)
    equal(person.sso.get(person.asked()).status, 200, "the gateway asks anew")
    matches("session ended: invalid_grant", machine.app.text)


def without_the_gateway_nobody_new_comes_in(machine):
    inside, outside = Person(machine, machine.app), Person(machine, machine.app)
    inside.sign_in()
    url = outside.answered(outside.asked())
    machine.gateway.stop()
    equal(outside.here.get(url).status, 503)
    check("__Host-records" not in outside.here.cookies, "no session of it")
    equal(inside.get("/").status, 200, "what the gateway said last counts for the rest of its five minutes")
    machine.gateway.start()
    equal(outside.here.get(code_anew(outside)).status, 200)
    equal(inside.get("/").status, 200)


def nothing_secret_is_in_its_log(machine):
    text = machine.app.text
    for secret in (machine.app.secret, rig.PASSWORD, "eyJ", "code=", "state=", *machine.people.tokens):
        check(secret not in text, secret, text)
    machine.app.process.terminate()
    equal(machine.app.process.wait(10), 0, text)


if os.geteuid() == 0 and os.environ.get("HC_RIG_INSIDE") != "1" and not found():
    print(f"skipped: no {CLIENTS}/node_modules/openid-client or no Node of version 20 (script/test installs both)")
    sys.exit(77)
rig.run([what_it_takes_from_npm_is_what_the_tests_have, nobody_comes_in_unasked, an_answer_to_another_request_opens_nothing,
         an_answer_serves_once, a_request_that_was_changed_in_the_browser_opens_nothing,
         a_level_that_the_gateway_does_not_give_lets_nobody_in, a_false_client_secret_is_nobodys_refusal, it_shows_who_signed_in,
         prescriptions_want_a_recent_sign_in, many_requests_at_once_stay_signed_in, a_log_out_ends_it_here_and_at_the_gateway,
         a_log_out_needs_no_gateway, a_session_that_nobody_uses_ends, a_session_that_ended_at_the_gateway_ends_here_at_the_next_look,
         without_the_gateway_nobody_new_comes_in, nothing_secret_is_in_its_log, gateway.no_complaint_in_the_gateways_log], setup)
