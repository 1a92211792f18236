# SPDX-License-Identifier: Apache-2.0
"""Security keys made of software: starts and stops them, and drives their control channel.

    with Keys(folder) as keys:
        key = keys.plug("a", "--pin", "1234", "--touch", "manual")
        program = subprocess.Popen([...], env=keys.environment())
        key.await_touch()
        key.touch()
        ...
        equal(key.counters()["pin_attempts"], 1)

A key is plugged in while its socket FOLDER/NAME.key is there. remove() and insert() pull it out and
plug it in again; stop() ends its program, and plug() of the same name starts it again with what it
remembered. In a mount namespace with an /etc of its own, everywhere() shows the keys to every program
without help of its environment (sshd, setuid programs).

Options and faults: hc-test-key --help. Counters: tests/support/fido/key.h. The control channel's
commands: tests/support/fido/control.h; by hand:  keys.py FOLDER/NAME.key.control COMMAND...
"""
import os
import re
import socket
import subprocess
import sys

SOURCE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.abspath(os.environ.get("HC_BUILD_DIR", os.path.join(SOURCE, "..", "..", "build", "dev")))
PROGRAM = os.path.join(BUILD, "tests", "support", "hc-test-key")
LIBRARY = os.path.join(BUILD, "tests", "support", "libhc_test_keys.so")

AAGUID = "0c3d5a1e-7f20-4b6e-9a41-d85502e693b7"  # what a key says without --aaguid


class KeyFailed(AssertionError):
    """The key's program did not do as it was told."""


class Control:
    """One connection to a key's control channel: a line out, a line back."""

    def __init__(self, path, timeout=10.0):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self.file = self.socket.makefile("r", encoding="utf-8")

    def tell(self, line):
        self.send(line)
        return self.receive()

    def send(self, line):
        self.socket.sendall(line.encode() + b"\n")

    def receive(self):
        answer = self.file.readline().rstrip("\n")
        if not answer or answer.startswith("error"):
            raise KeyFailed(answer or "the key is gone")
        return answer

    def close(self):
        self.file.close()
        self.socket.close()


class Key:
    def __init__(self, folder, name, options, program=PROGRAM):
        self.name = name
        self.path = os.path.join(folder, name + ".key")
        self.state = os.path.join(folder, name + ".state")
        self.command = [program, "--socket", self.path, "--state", self.state, *options]
        self.process = None
        self.control = None

    def start(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=None, env={**os.environ, "LD_PRELOAD": ""})
        line = self.process.stdout.readline()
        if line != b"ready\n":
            raise KeyFailed(f"{self.command} ended with {self.process.wait(10)}")
        self.control = Control(self.path + ".control")
        return self

    def stop(self):
        """Ends its program; a sanitizer's verdict on it is its exit status."""
        if not self.process:
            return
        self.control.close()
        self.process.terminate()
        status = self.process.wait(10)
        self.process.stdout.close()
        self.process = None
        if status != 0:
            raise KeyFailed(f"{self.command} ended with {status}")

    def tell(self, line):
        return self.control.tell(line)

    def await_touch(self, timeout=10.0):
        """Comes back once the key waits for a touch."""
        self._await("touch", timeout)

    def await_finger(self, timeout=10.0):
        self._await("finger", timeout)

    def _await(self, what, timeout):
        control = Control(self.path + ".control", timeout)
        try:
            control.tell("await " + what)
        finally:
            control.close()

    def touch(self):
        """A finger touches it; False where nothing waited for that."""
        return self.tell("touch") == "ok"

    def finger(self, good=True):
        return self.tell("finger " + ("good" if good else "bad")) == "ok"

    def remove(self):
        self.tell("remove")

    def insert(self):
        self.tell("insert")

    def fault(self, text):
        """NAME [on COMMAND] [times N] [value V], or none."""
        self.tell("fault " + text)

    def counters(self):
        return {name: int(value) for name, value in self._pairs("counters")}

    def status(self):
        """What it is in: inserted, waiting, pin_retries, pin_mismatches, uv_retries, counter, credentials, ..."""
        return {name: int(value) if value.isdigit() else value for name, value in self._pairs("status")}

    def _pairs(self, command):
        return [pair.split("=", 1) for pair in self.tell(command).split()[1:]]


class Model:
    """The maker's side of an attestation: a CA and the certificate of one model, of the form that WebAuthn
    asks for (8.2.1). `options` make a key of it; `ca` is what a trust folder holds, as PEM. `link`: there is an
    authority between the two, made today ("") or on another day."""

    def __init__(self, folder, name="model", aaguid=AAGUID, certified=AAGUID, unit="Authenticator Attestation",
                 when=None, link=None):
        self.ca = os.path.join(folder, name + ".ca.crt")
        ca_key, key, chain = (os.path.join(folder, name + part) for part in (".ca.pem", ".pem", ".crt"))
        self.options = ["--attestation-key", key, "--attestation-chain", chain, "--aaguid", aaguid]
        extensions = ["basicConstraints=critical,CA:FALSE"]
        if certified:
            extensions.append("1.3.6.1.4.1.45724.1.1.4=DER:0410" + certified.replace("-", ""))
        self._openssl(when, ca_key, self.ca, f"/C=FR/O=Example/CN=Test CA {name}", ["keyUsage=keyCertSign"])
        signer, signer_key = self.ca, ca_key
        if link is not None:
            signer, signer_key = (os.path.join(folder, name + part) for part in (".link.crt", ".link.pem"))
            self._openssl(link, signer_key, signer, f"/C=FR/O=Example/CN=Test link {name}", ["keyUsage=keyCertSign"],
                          "-CA", self.ca, "-CAkey", ca_key)
        self._openssl(when, key, chain, f"/C=FR/O=Example/OU={unit}/CN=Test model {name}", extensions,
                      "-CA", signer, "-CAkey", signer_key)
        if link is not None:
            with open(chain, "a", encoding="ascii") as out, open(signer, encoding="ascii") as more:
                out.write(more.read())

    @staticmethod
    def _openssl(when, key, out, subject, extensions, *more):
        """when: another day, as faketime says it ("-2y"), so that the certificate is over (30 days)."""
        subprocess.run([*(["faketime", "-f", when] if when else []), "openssl", "req", "-x509", "-days", "30",
                        "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", out,
                        "-subj", subject, *[word for text in extensions for word in ("-addext", text)], *more],
                       check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _sanitizer_of(program):
    """The library of the sanitizer that a program was built with, if any."""
    needs = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    found = re.search(r"lib[at]san\.so\S* => (\S+)", needs)
    return found.group(1) if found else None


class Keys:
    """The keys of one folder, which is all that a program run with environment() sees."""

    def __init__(self, folder, program=PROGRAM, library=LIBRARY):
        self.folder = os.path.abspath(folder)
        self.program = program
        self.library = os.path.abspath(library)
        self.keys = {}

    def plug(self, name, *options):
        self.unplug(name)
        self.keys[name] = Key(self.folder, name, options, self.program).start()
        return self.keys[name]

    def unplug(self, name):
        if name in self.keys:
            self.keys.pop(name).stop()

    def environment(self, base=None):
        """For a program that is to see these keys; a sanitized one needs its runtime's library first."""
        base = dict(os.environ if base is None else base)
        before = [part for part in (base.get("HC_SANITIZER_RUNTIME"), base.get("LD_PRELOAD")) if part]
        return {**base, "HC_TEST_KEYS_DIR": self.folder, "LD_PRELOAD": ":".join([*before, self.library])}

    def everywhere(self, helper=None):
        """Only where /etc is the test's own. A helper that is sanitized sees them alone, its runtime's library first: with
        the keys before that, no sanitized program starts."""
        runtime = _sanitizer_of(helper) if helper else None
        if runtime:
            real = os.path.join(os.path.dirname(helper), "sanitized", os.path.basename(helper))  # by its own name
            os.makedirs(os.path.dirname(real), exist_ok=True)
            os.rename(helper, real)
            with open(helper, "w", encoding="utf-8") as file:
                file.write(f"#!/bin/sh\nexport HC_TEST_KEYS_DIR={self.folder} LD_PRELOAD={runtime}:{self.library}\n"
                           f"exec {real}\n")
            os.chmod(helper, 0o755)
            return
        with open("/etc/hc-test-keys", "w", encoding="utf-8") as file:
            file.write(self.folder + "\n")
        with open("/etc/ld.so.preload", "a", encoding="utf-8") as file:
            file.write(self.library + "\n")

    def stop(self):
        problems = []
        for name in list(self.keys):
            try:
                self.unplug(name)
            except KeyFailed as problem:
                problems.append(str(problem))
        if problems:
            raise KeyFailed("; ".join(problems))

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        try:
            self.stop()
        except KeyFailed as problem:
            if kind is None:
                raise
            print(problem, file=sys.stderr)


def main(arguments):
    if len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        print(Control(arguments[0]).tell(" ".join(arguments[1:])))
    except (KeyFailed, OSError) as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
