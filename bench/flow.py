# SPDX-License-Identifier: Apache-2.0
"""Whole logins against any provider, by several processes at once: authorize, pages, code, token. A browser
as thin as can be: what it does is not measured, but it runs on the same cores."""
import base64
import hashlib
import html
import http.client
import json
import multiprocessing
import os
import re
import secrets
import ssl
import time
import urllib.parse

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pids):
    total = 0.0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        total += (int(fields[11]) + int(fields[12])) / TICKS
    return total


def resident_kb(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/status", encoding="ascii") as f:
            total += next(int(line.split()[1]) for line in f if line.startswith("VmRSS"))
    return total


class Reply:
    def __init__(self, url, answer):
        self.status, self.text = answer.status, answer.read().decode()
        location = answer.getheader("Location")
        self.location = urllib.parse.urljoin(url, location) if location else None
        self.cookies = [value for name, value in answer.getheaders() if name.lower() == "set-cookie"]


class Browser:
    """Cookies by name alone: one provider, one host."""

    def __init__(self, base, ca_file=None, address="127.0.0.1"):
        parts, source = urllib.parse.urlsplit(base), (address, 0)
        self.base, self.cookies, self.last_url = base, {}, None
        if parts.scheme == "https":
            context = ssl.create_default_context(cafile=ca_file)
            self.connection = http.client.HTTPSConnection(parts.hostname, parts.port, timeout=30, context=context,
                                                          source_address=source)
        else:
            self.connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30, source_address=source)

    def request(self, method, url, body=None, kind=None, headers=None):
        url = urllib.parse.urljoin(self.base, url)
        parts = urllib.parse.urlsplit(url)
        send = dict(headers or {})
        if self.cookies:
            send["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if kind:
            send["Content-Type"] = kind
        if kind and "Authorization" not in send:  # the browser's own, not the application's
            send["Origin"] = self.base
        self.connection.request(method, parts.path + ("?" + parts.query if parts.query else ""), body, send)
        reply = Reply(url, self.connection.getresponse())
        for cookie in reply.cookies:
            name, _, value = cookie.split(";")[0].partition("=")
            if value and "max-age=0" not in cookie.lower() and "expires=thu, 01 jan 1970" not in cookie.lower():
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        self.last_url = url
        return reply

    def get(self, url, headers=None):
        return self.request("GET", url, headers=headers)

    def post(self, url, fields, headers=None):
        return self.request("POST", url, urllib.parse.urlencode(fields), "application/x-www-form-urlencoded", headers)

    def post_json(self, url, data):
        return self.request("POST", url, json.dumps(data), "application/json")

    def put_json(self, url, data):
        return self.request("PUT", url, json.dumps(data), "application/json")


def hidden(text):
    """The hidden fields of a page, and where its first form leads."""
    fields = {}
    for tag in re.findall(r"<input\b[^>]*>", text):
        values = dict(re.findall(r'([a-z]+)="([^"]*)"', tag))
        if values.get("type") == "hidden" and "name" in values:
            fields[values["name"]] = html.unescape(values.get("value", ""))
    return fields, html.unescape(re.search(r'<form\b[^>]*\baction="([^"]*)"', text).group(1))


def authorize_url(provider, challenge, scope):
    return provider.base + provider.paths["authorize"] + "?" + urllib.parse.urlencode({
        "response_type": "code", "client_id": provider.client_id, "redirect_uri": provider.callback, "scope": scope,
        "state": secrets.token_urlsafe(8), "nonce": secrets.token_urlsafe(8), "code_challenge": challenge,
        "code_challenge_method": "S256"})


def login(provider, browser, person, scope="openid"):
    """From the application's request to its tokens; on a session that exists the pages do not come."""
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    asked = authorize_url(provider, challenge, scope)
    reply = browser.get(asked + (provider.on_session if browser.cookies else ""))
    location = reply.location
    if not (location or "").startswith(provider.callback):
        location = provider.sign_in(browser, reply, person)
    code = urllib.parse.parse_qs(urllib.parse.urlsplit(location).query).get("code")
    if not code:
        raise RuntimeError(f"no code: {location}")
    reply = browser.post(provider.base + provider.paths["token"],
                         {"grant_type": "authorization_code", "code": code[0], "redirect_uri": provider.callback,
                          "code_verifier": verifier}, {"Authorization": provider.basic})
    if reply.status != 200:
        raise RuntimeError(f"token: {reply.status} {reply.text[:200]}")
    tokens = json.loads(reply.text)
    if "id_token" not in tokens or "access_token" not in tokens:
        raise RuntimeError(f"tokens are missing: {reply.text[:200]}")
    return tokens


def worker(provider, number, people, logins, again, start, results):
    """One browser after the other, or one that stays; people are its own."""
    browser = Browser(provider.base, getattr(provider, "ca_file", None), f"127.0.1.{number + 1}")
    took, failed, why = [], 0, None
    if again:
        login(provider, browser, people[0])
    start.wait()
    for n in range(logins):
        if not again:
            browser.cookies.clear()
        began = time.perf_counter()
        try:
            login(provider, browser, people[n % len(people)])
            took.append((time.perf_counter() - began) * 1000)
        except Exception as e:  # whatever it is, it is a login that failed
            failed, why = failed + 1, repr(e)
    results.put((took, failed, why))


def measure(provider, people, at_once, logins, again=False):
    """logins in all, at_once at a time. A row: CPU of the provider's processes, medians, failures."""
    context = multiprocessing.get_context("fork")
    results, start = context.Queue(), context.Barrier(at_once + 1)
    shares = [people[n::at_once] for n in range(at_once)]
    processes = [context.Process(target=worker, args=(provider, number, share, logins // at_once, again, start, results))
                 for number, share in enumerate(shares)]
    for process in processes:
        process.start()
    start.wait(120)
    cpu, parts, began = cpu_seconds(provider.pids), [cpu_seconds([pid]) for pid in provider.pids], time.perf_counter()
    got = [results.get(timeout=300) for _ in processes]
    seconds = time.perf_counter() - began
    time.sleep(0.1)
    used = cpu_seconds(provider.pids) - cpu
    split = [cpu_seconds([pid]) - part for pid, part in zip(provider.pids, parts)]
    for process in processes:
        process.join(30)
    took = sorted(ms for row in got for ms in row[0])
    failed = sum(row[1] for row in got)
    done = max(1, len(took))
    return {"at_once": at_once, "logins": len(took), "failed": failed, "why": next((r[2] for r in got if r[2]), None),
            "per_s": len(took) / seconds, "cpu_ms": used / done * 1000, "split_ms": [s / done * 1000 for s in split],
            "p50_ms": took[len(took) // 2] if took else None, "p99_ms": took[len(took) * 99 // 100] if took else None,
            "rss_kb": resident_kb(provider.pids)}
