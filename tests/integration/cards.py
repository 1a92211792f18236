# SPDX-License-Identifier: Apache-2.0
"""Cards for tests of hc-pkcs11: certificates, readers made of files (tests/support/pkcs11/card_files.h), SoftHSM2, and
the broker's side of the link."""
import os
import select
import shutil
import socket
import struct
import subprocess
import time

SOURCE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("HC_BUILD_DIR", os.path.join(SOURCE, "..", "..", "build", "dev"))
SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"
NOBODY = 65534  # a card's library never runs as root

START, WAIT, ASK, ANSWER, CANCEL, DONE, FAILED, ITEM = range(70, 78)
LIST, SIGN, READ = 1, 4, 6
INSERT, WORKING, PIN_PAD = 1, 4, 5
PIN, CONFIRM, CHOICE = 1, 2, 3
FIELDS = {4: "flags", 11: "timeout", 14: "answer", 16: "reason", 55: "label", 106: "detail", 120: "name", 170: "operation",
          171: "wait", 172: "ask", 173: "path", 179: "tries", 180: "choices", 183: "signature", 191: "module",
          192: "to_sign", 193: "certificate", 194: "serial"}
NUMBERS = {name: number for number, name in FIELDS.items()}
U32 = {"flags", "timeout", "reason", "operation", "wait", "ask", "tries"}


class Failed(AssertionError):
    """A case did not come out as it must."""


def check(condition, *what):
    if not condition:
        raise Failed(" ".join(str(part) for part in what))


def equal(got, expected, *what):
    check(got == expected, *what, f"\n  got      {got!r}\n  expected {expected!r}")


def pack(kind, **fields):
    body = b""
    for name, value in fields.items():
        if name in U32:
            value = struct.pack(">I", value)
        elif isinstance(value, str):
            value = value.encode()
        body += struct.pack(">HH", NUMBERS[name], len(value)) + value
    return struct.pack(">BBHI", 1, 0, kind, len(body)) + body


def unpack(packet):
    version, flags, kind, length = struct.unpack(">BBHI", packet[:8])
    check(version == 1 and flags == 0 and length == len(packet) - 8, "header")
    fields, at = {}, 8
    while at < len(packet):
        number, length = struct.unpack(">HH", packet[at:at + 4])
        value = packet[at + 4:at + 4 + length]
        name = FIELDS.get(number, number)  # those of no interest here keep their number
        fields[name] = struct.unpack(">I", value)[0] if name in U32 else value
        at += 4 + length
    return kind, fields


class Helper:
    """One operation: hc-pkcs11 with a link on descriptor 3."""

    def __init__(self, program, *arguments, environment=None, link=None):
        self.log = program + f".{time.monotonic_ns()}.log"
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [program, *arguments]
        if os.geteuid() == 0:
            command = ["/usr/bin/setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command]
        actions = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                   (os.POSIX_SPAWN_OPEN, 1, self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666),
                   (os.POSIX_SPAWN_DUP2, 1, 2),
                   (os.POSIX_SPAWN_DUP2, theirs.fileno() if link is None else link, 3)]
        kept = {name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}
        self.pid = os.posix_spawn(command[0], command, {**kept, **(environment or {})}, file_actions=actions)
        theirs.close()
        self.socket = ours
        self.status = None

    def send(self, kind, **fields):
        self.socket.send(pack(kind, **fields))

    def answer(self, text):
        self.send(ANSWER, answer=text)

    def read(self, timeout=20):
        """The next message; None when the link has ended."""
        ready, _, _ = select.select([self.socket], [], [], timeout)
        check(ready, "no message in time")
        try:
            packet = self.socket.recv(65536)
        except ConnectionResetError:
            return None
        return unpack(packet) if packet else None

    def expect(self, kind, timeout=20, **fields):
        """The next message but for WORKING, which must be of that kind and have those fields."""
        message = self.read(timeout)
        while message and message[0] == WAIT and message[1]["wait"] == WORKING:
            message = self.read(timeout)
        check(message is not None, "the link ended, expected", kind, fields, self.text())
        got = {name: message[1].get(name) for name in fields}
        equal((message[0], got), (kind, fields), "message", message)
        return message[1]

    def wait(self, timeout=20):
        """The exit status, negative for a signal."""
        end = time.monotonic() + timeout
        while self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
                break
            check(time.monotonic() < end, "the helper does not end")
            time.sleep(0.005)
        return self.status

    def close(self):
        self.socket.close()
        if self.status is None:
            try:
                self.wait(5)
            except Failed:
                os.kill(self.pid, 9)
                self.wait()
                raise

    def text(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.close()


# ---- certificates ------------------------------------------------------------------------------

CONFIG = """
utf8 = yes
string_mask = utf8only
prompt = no
distinguished_name = dn
[dn]
C = FR
title = Médecin
GN = {given}
+SN = {surname}
+CN = {number}
[auth]
basicConstraints = CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = clientAuth,msSmartcardLogin
1.2.250.1.71.1.2.5 = ASN1:FORMAT:HEX,OCT:80
[sign]
basicConstraints = CA:FALSE
keyUsage = critical,nonRepudiation
extendedKeyUsage = emailProtection
"""
KEYS = {"rsa": ["-newkey", "rsa:2048"], "rsa4096": ["-newkey", "rsa:4096"],
        "ec": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
        "ec384": ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-384"]}


class Certificate:
    """A self-signed certificate as on a card, with its key."""

    def __init__(self, folder, name, usage="auth", key="rsa", given="MAX", surname="LIBRE", number="899900063480"):
        self.der, self.key = f"{folder}/{name}.der", f"{folder}/{name}.key"
        self.public = f"{folder}/{name}.pub"
        config = f"{folder}/{name}.conf"
        with open(config, "w", encoding="utf-8") as file:
            file.write(CONFIG.format(given=given, surname=surname, number=number))
        subprocess.run(["openssl", "req", "-x509", "-nodes", *KEYS[key], "-keyout", self.key, "-outform", "DER",
                        "-out", self.der, "-config", config, "-extensions", usage, "-days", "30"],
                       check=True, capture_output=True)
        public = subprocess.run(["openssl", "x509", "-inform", "DER", "-in", self.der, "-noout", "-pubkey"],
                                check=True, capture_output=True).stdout
        with open(self.public, "wb") as file:
            file.write(public)

    def bytes(self):
        with open(self.der, "rb") as file:
            return file.read()

    def verifies(self, message, signature):
        with open(self.public + ".sig", "wb") as file:
            file.write(signature)
        return subprocess.run(["openssl", "dgst", "-sha256", "-verify", self.public, "-signature", self.public + ".sig"],
                              input=message, capture_output=True, check=False).returncode == 0


# ---- readers made of files ---------------------------------------------------------------------

class Readers:
    """A copy of the tests' module with its own readers and cards."""

    def __init__(self, folder, readers=1):
        self.folder = folder
        self.module = folder + "/libhc_test_card.so"
        os.makedirs(folder + "/faults")
        shutil.copy(BUILD + "/tests/support/libhc_test_card.so", self.module)
        for number in range(readers):
            self.write(f"slots/{number}/reader", f"Reader {number}")
        self.open_to_all()

    def open_to_all(self):
        if os.geteuid() == 0:
            for path, _, files in os.walk(self.folder):
                os.chmod(path, 0o777)
                for name in files:
                    os.chmod(os.path.join(path, name), 0o777)

    def write(self, path, text=""):
        path = os.path.join(self.folder, path)
        if not os.path.isdir(os.path.dirname(path)):
            os.makedirs(os.path.dirname(path))
            os.chmod(os.path.dirname(path), 0o777)
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path + ".new", 0o666)
        os.rename(path + ".new", path)

    def has(self, path):
        return os.path.exists(os.path.join(self.folder, path))

    def card(self, name, *objects, pin="1234", tries=3, slot=None, **more):
        """objects: (identifier, Certificate) or (identifier, Certificate, "public")."""
        self.write(f"cards/{name}/label", more.pop("label", f"CPS3v3-{name}"))
        self.write(f"cards/{name}/serial", more.pop("serial", f"serial{name}"))
        self.write(f"cards/{name}/pin", pin)
        self.write(f"cards/{name}/tries", str(tries))
        for key, value in more.items():
            self.write(f"cards/{name}/{key}", value)
        for number, entry in enumerate(objects):
            where = f"cards/{name}/objects/{number}"
            self.write(where + "/id", entry[0])
            for source, target in ((entry[1].der, "cert.der"), (entry[1].key, "key.pem")):
                shutil.copy(source, os.path.join(self.folder, where, target))
                os.chmod(os.path.join(self.folder, where, target), 0o644)
            if "public" in entry:
                self.write(where + "/public")
        self.open_to_all()
        if slot is not None:
            self.insert(name, slot)

    def insert(self, name, slot=0):
        self.write(f"slots/{slot}/card", name)

    def remove(self, slot=0):
        os.unlink(f"{self.folder}/slots/{slot}/card")

    def fault(self, function, what):
        self.write("faults/" + function, what)

    def log(self):
        try:
            with open(self.folder + "/log", encoding="utf-8") as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def logins(self):
        """What reached a card as a PIN: "A right", "A wrong", "B blocked", …"""
        return [line.split(" ", 1)[1] for line in self.log() if line.startswith("C_Login ")]

    def tries(self, name):
        with open(f"{self.folder}/cards/{name}/tries", encoding="utf-8") as file:
            return int(file.read())


# ---- SoftHSM -----------------------------------------------------------------------------------

class SoftToken:
    """A token of SoftHSM2 that looks like a card."""

    def __init__(self, folder, label, pin, *objects):
        self.conf = folder + "/softhsm.conf"
        os.makedirs(folder + "/tokens")
        with open(self.conf, "w", encoding="utf-8") as file:
            file.write(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
        self.run("softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "12345678", "--pin", pin)
        for number, (identifier, certificate) in enumerate(objects):
            pkcs8 = f"{folder}/{number}.pk8"
            self.run("openssl", "pkcs8", "-topk8", "-nocrypt", "-in", certificate.key, "-out", pkcs8)
            self.run("softhsm2-util", "--import", pkcs8, "--token", label, "--label", f"key {number}", "--id", identifier,
                     "--pin", pin)
            self.run("pkcs11-tool", "--module", SOFTHSM, "--token-label", label, "--login", "--pin", pin,
                     "--write-object", certificate.der, "--type", "cert", "--id", identifier)
        if os.geteuid() == 0:
            subprocess.run(["chmod", "-R", "a+rwX", folder], check=True)

    def run(self, *command):
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "SOFTHSM2_CONF": self.conf})
