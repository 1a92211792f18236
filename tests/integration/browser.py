# SPDX-License-Identifier: Apache-2.0
"""A browser without script: pages, forms, cookies and redirects as a strict browser treats them, and what every
page of the gateway must be like, checked on each one that is seen.
 * cookies: __Host- rules (Secure, Path=/, no Domain), HttpOnly and SameSite are demanded; Max-Age=0 removes
 * forms: hidden fields, the action resolved; sent only where the page's CSP form-action lets them, and the
   redirects behind them too
 * redirects: GET after 303; it stops at the first address that is not the gateway's and gives it back
"""
import html.parser
import http.client
import re
import ssl
import urllib.parse

from rig import check, equal


# A connection that was kept alive and has ended meanwhile.
GONE = (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError, ssl.SSLEOFError, ssl.SSLZeroReturnError)


class Reply:
    """One response, read whole."""

    def __init__(self, url, status, headers, body):
        self.url, self.status, self.headers, self.body = url, status, headers, body

    def header(self, name, default=None):
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        check(len(found) <= 1 or name.lower() == "set-cookie", "sent twice:", name, found)
        return found[0] if found else default

    @property
    def text(self):
        return self.body.decode()

    @property
    def location(self):
        """Where it leads, absolute; None if it leads nowhere."""
        value = self.header("location")
        return None if value is None else urllib.parse.urljoin(self.url, value)

    @property
    def policy(self):
        directives = (part.split() for part in self.header("content-security-policy", "").split(";") if part.strip())
        return {words[0]: words[1:] for words in directives}

    def __repr__(self):
        return f"<{self.status} {self.url} {self.headers} {self.body[:3000]!r}>"


class Page(html.parser.HTMLParser):
    """What a person, a screen reader and a form filler see of a page."""

    def __init__(self, reply):
        super().__init__()
        self.reply, self.lang, self.title, self.forms, self.links, self.alerts = reply, None, "", [], [], []
        self.tags, self.labels, self.headings, self.problems = [], {}, [], []
        self._open, self._text = [], []
        self.feed(reply.text)
        self.text = re.sub(r"\s+", " ", " ".join(self._text)).strip()

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.problems += [f"attribute {name} on {tag}" for name in values if name.startswith("on") or name == "style"]
        if len(values) != len(attrs):
            self.problems.append(f"an attribute twice on {tag}")
        self.tags.append((tag, values))
        if tag not in ("input", "meta", "link", "br", "hr", "img"):
            self._open.append((tag, values))
        if tag == "html":
            self.lang = values.get("lang")
        elif tag == "form":
            self.forms.append({"action": values.get("action", ""), "method": values.get("method", "get").lower(), "fields": {},
                               "hidden": set(), "inputs": {}, "buttons": []})
        elif tag in ("input", "button") and self.forms and values.get("name"):
            form = self.forms[-1]
            form["inputs"][values["name"]] = values
            if values.get("type") == "hidden":
                form["hidden"].add(values["name"])
            if tag == "input" and values.get("type") != "submit":
                form["fields"][values["name"]] = values.get("value", "")
        if self.forms and (tag == "button" and values.get("type", "submit") == "submit" or values.get("type") == "submit"):
            self.forms[-1]["buttons"].append((values.get("name"), values.get("value", "")))
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        elif tag == "label" and values.get("for"):
            self.labels[values["for"]] = ""

    def handle_endtag(self, tag):
        while self._open:
            if self._open.pop()[0] == tag:
                return
        self.problems.append(f"</{tag}> closes nothing")

    def handle_data(self, data):
        inside = [tag for tag, _ in self._open]
        if "title" in inside:
            self.title += data
            return
        self._text.append(data)
        if any(values.get("role") == "alert" for _, values in self._open) and data.strip():
            self.alerts.append(data.strip())
        if "h1" in inside:
            self.headings.append(data)
        for tag, values in self._open:
            if tag == "label" and values.get("for"):
                self.labels[values["for"]] += data

    @property
    def form(self):
        equal(len(self.forms), 1, "forms on the page:", self.text)
        return self.forms[0]


def check_page(page):
    """What holds for every page: no script, nothing inline, nobody frames or keeps it, it can be read aloud."""
    reply = page.reply
    equal(reply.header("content-type"), "text/html; charset=utf-8")
    check("no-store" in reply.header("cache-control", ""), reply.headers)
    policy = reply.policy
    equal((policy.get("default-src"), policy.get("frame-ancestors"), policy.get("base-uri")), (["'none'"],) * 3, policy)
    check("unsafe" not in str(policy) and "script-src" not in policy and "*" not in str(policy), policy)
    equal((reply.header("x-content-type-options"), reply.header("referrer-policy"), reply.header("x-frame-options")),
          ("nosniff", "same-origin", "DENY"))
    check("max-age=" in reply.header("strict-transport-security", ""), reply.headers)
    tags = {tag for tag, _ in page.tags}
    check(not tags & {"script", "style", "iframe", "object", "embed", "base", "svg"}, tags)
    check(not page.problems and not page._open, page.problems, page._open)
    check(page.lang in ("fr", "en") and page.title.strip() and len(page.headings) >= 1, page.lang, page.title)
    check(reply.text.lower().startswith("<!doctype html>") and "main" in tags, reply.text[:200])
    for form in page.forms:
        equal(form["method"], "post")
        for name, values in form["inputs"].items():
            if values.get("type") not in ("hidden", "submit", None) and name not in form["hidden"]:
                check(page.labels.get(values.get("id", ""), "").strip(), "a field without label:", name)


class Refused(AssertionError):
    """The browser does not do this: its own rules forbid it."""


class Browser:
    """One person's browser. address: the one that it comes from."""
    rules = staticmethod(check_page)  # what holds for each page that is seen

    def __init__(self, site, language="en", address="127.0.0.1", keep=True):
        self.site, self.address, self.keep = site, address, keep
        self.agent = {"Accept": "text/html", "Accept-Language": language, "User-Agent": "rig"}
        self.cookies = {}
        self.connection = None
        self.seen = []  # every reply

    def close(self):
        if self.connection:
            self.connection.close()
            self.connection = None

    def _exchange(self, method, target, headers, body):
        if self.connection is None:
            self.connection = http.client.HTTPSConnection(self.site.host, self.site.port, timeout=30,
                                                          context=self.site.context, source_address=(self.address, 0))
        self.connection.request(method, target, body=body, headers=headers)
        answer = self.connection.getresponse()
        return answer.status, answer.getheaders(), answer.read()

    def request(self, method, url, fields=None, headers=None):
        """One exchange with the gateway; cookies are sent and kept."""
        parts = urllib.parse.urlsplit(url)
        equal(f"{parts.scheme}://{parts.netloc}", self.site.origin, "only the gateway is spoken to")
        send = {**self.agent, **(headers or {})}
        if self.cookies:
            send["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        body = None
        if fields is not None:
            body = fields if isinstance(fields, (bytes, str)) else urllib.parse.urlencode(fields)
            send["Content-Type"] = "application/x-www-form-urlencoded"
        target = parts.path + ("?" + parts.query if parts.query else "")
        try:
            status, got, data = self._exchange(method, target, send, body)
        except GONE:
            if self.connection is None:
                raise
            self.close()  # kept alive and closed by the server meanwhile
            status, got, data = self._exchange(method, target, send, body)
        if not self.keep:
            self.close()
        reply = Reply(url, status, got, data)
        self.seen.append(reply)
        self._keep_cookies(reply)
        if reply.header("content-type", "").startswith("text/html"):
            self.rules(Page(reply))
        if method == "POST" and 300 <= status < 400:
            equal(status, 303, "a redirect after POST:", reply)
        return reply

    def _keep_cookies(self, reply):
        for key, value in reply.headers:
            if key.lower() != "set-cookie":
                continue
            first, *rest = [part.strip() for part in value.split(";")]
            name, _, content = first.partition("=")
            flags = {part.split("=")[0].lower(): part.partition("=")[2] for part in rest}
            check(name.startswith("__Host-") and "secure" in flags and flags.get("path") == "/" and "domain" not in flags,
                  "a cookie that another host could set:", value)
            check("httponly" in flags and flags.get("samesite") == "Lax", value)
            check("no-store" in reply.header("cache-control", ""), "a cookie in an answer that may be kept", reply)
            if flags.get("max-age") == "0" or not content:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = content

    def get(self, url, **how):
        return self.follow(self.request("GET", url, **how))

    def post(self, url, fields, policy=None, origin=None):
        """origin: of the page with the form; None for a form of no page of the gateway's."""
        return self.follow(self.request("POST", url, fields, {"Origin": origin or "https://elsewhere.test"}), policy)

    def follow(self, reply, policy=None):
        """Goes along redirects within the gateway; the reply that leads elsewhere, or the page."""
        for _ in range(5):
            if not 300 <= reply.status < 400:
                return reply
            self._may_lead(policy, reply)
            if not reply.location.startswith(self.site.origin + "/"):
                return reply
            reply = self.request("GET", reply.location)
        raise Refused("redirects without end")

    def _may_lead(self, policy, reply):
        """form-action, as Chromium has it: also for the redirects that a form leads to."""
        if policy is None:
            return
        parts = urllib.parse.urlsplit(reply.location)
        origin = f"{parts.scheme}://{parts.netloc}"
        allowed = [self.site.origin if source == "'self'" else source for source in policy]
        if origin not in allowed and f"{parts.scheme}:" not in allowed:
            raise Refused(f"form-action {policy} does not allow {origin}")

    def submit(self, reply, press=None, **values):
        """Fills the page's one form and sends it: with the button of that name, or as the enter key does, with the first."""
        page = Page(reply)
        form = page.form
        check(form["buttons"], "no button", page.text)
        pressed = next(row for row in form["buttons"] if press in (None, row[0]))
        for name in values:
            check(name in form["fields"] and name not in form["hidden"], "no such field:", name, page.text)
        target = urllib.parse.urljoin(reply.url, form["action"])
        policy = reply.policy.get("form-action", [])
        self._may_lead(policy, Reply(reply.url, 303, [("location", target)], b""))
        button = {pressed[0]: pressed[1]} if pressed[0] else {}
        return self.post(target, {**form["fields"], **values, **button}, policy, self.site.origin)


def trusting(ca_file, **limits):
    """A TLS context that trusts that authority alone."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ca_file)
    for name, value in limits.items():
        setattr(context, name, value)
    return context
