# SPDX-License-Identifier: Apache-2.0
"""A broker in a directory of its own, hospictl on pipes and on a terminal, and a small sign-in."""
import hashlib
import hmac
import base64
import json
import os
import pty
import select
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import time
import fcntl
import zlib

HOSPICTL = os.environ["HC_HOSPICTL"]
AUTHD = os.environ["HC_AUTHD"]
NOBODY = 65534


class Broker:
    """hospiconnect-authd, never as root: started by root, it runs as nobody."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="hc-ctl-")
        os.chmod(self.dir, 0o755)
        self.run_dir = self.dir + "/run"
        self.state_dir = self.dir + "/state"
        self.conf = self.dir + "/authd.conf"
        self.admin_socket = self.run_dir + "/admin.sock"
        self.auth_socket = self.run_dir + "/auth.sock"
        self.as_root = os.geteuid() == 0
        for path, mode in ((self.run_dir, 0o755), (self.state_dir, 0o700)):
            os.mkdir(path, mode)
            if self.as_root:
                os.chown(path, NOBODY, NOBODY)
        shutil.copy(AUTHD, self.dir + "/hospiconnect-authd")
        with open(self.conf, "w", encoding="utf-8") as out:
            out.write(f"[authd]\nstate_dir = {self.state_dir}\nsocket = {self.auth_socket}\n"
                      f"admin_socket = {self.admin_socket}\n")
        os.chmod(self.conf, 0o644)
        self.process = None
        self.start()

    def start(self):
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = self.dir + "/notify"
        if os.path.exists(path):
            os.remove(path)
        notify.bind(path)
        os.chmod(path, 0o666)
        notify.settimeout(10)
        who = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if self.as_root else {}
        with open(self.dir + "/log", "ab") as log:
            self.process = subprocess.Popen(
                [self.dir + "/hospiconnect-authd", "--config", self.conf], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env={**sanitizer_settings(), "NOTIFY_SOCKET": path}, **who)
        with notify:
            try:
                while b"READY=1" not in notify.recv(4096):
                    pass
            except socket.timeout:
                self.stop()
                raise AssertionError("the broker is not ready:\n" + self.log()) from None

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    def log(self):
        with open(self.dir + "/log", encoding="utf-8", errors="replace") as log:
            return log.read()

    def remove(self):
        self.stop()
        shutil.rmtree(self.dir)


def sanitizer_settings():
    return {name: value for name, value in os.environ.items() if name in ("ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS")}


def environment(lang="C", **more):
    return {"PATH": os.environ["PATH"], "LANG": lang, "TERM": "xterm", "TZ": "UTC", **sanitizer_settings(), **more}


class Result:
    def __init__(self, status, out, err=""):
        self.status, self.out, self.err = status, out, err

    def __repr__(self):
        return f"status {self.status}\n--- out\n{self.out}\n--- err\n{self.err}"


def run(*words, lang="C", given=b"", env=None, socket_path=None):
    """hospictl on pipes."""
    command = [HOSPICTL] + (["--socket", socket_path] if socket_path else []) + list(words)
    done = subprocess.run(command, input=given, capture_output=True, env=env or environment(lang), timeout=60,
                          check=False)
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


def terminal(*words, lang="C", columns=80, lines=24, answers=(), socket_path=None):
    """
    hospictl on a terminal of its own. answers: pairs of (text to wait for, line to type); typing None
    closes the terminal's input.
    """
    command = [HOSPICTL] + (["--socket", socket_path] if socket_path else []) + list(words)
    pid, master = pty.fork()
    if pid == 0:
        try:
            os.execve(HOSPICTL, command, environment(lang))
        finally:
            os._exit(126)
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    seen, left, deadline = b"", list(answers), time.monotonic() + 60
    from_here = 0
    while time.monotonic() < deadline:
        if not select.select([master], [], [], 1)[0]:
            continue
        try:
            data = os.read(master, 65536)
        except OSError:
            break
        if not data:
            break
        seen += data
        if left and left[0][0].encode() in seen[from_here:]:
            line = left.pop(0)[1]
            from_here = len(seen)
            if callable(line):
                line = line(seen.decode())
            os.write(master, b"\x04" if line is None else line.encode() + b"\n")
    else:
        os.kill(pid, signal.SIGKILL)
    os.close(master)
    return Result(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen.decode().replace("\r\n", "\n"))


def totp(secret_base32, step=0, algorithm="sha1", digits=6, period=30):
    key = base64.b32decode(secret_base32 + "=" * (-len(secret_base32) % 8))
    return hotp(key, int(time.time()) // period + step, algorithm, digits)


def hotp(key, counter, algorithm="sha1", digits=6):
    mac = hmac.new(key, struct.pack(">Q", counter), getattr(hashlib, algorithm)).digest()
    at = mac[-1] & 15
    return str((struct.unpack(">I", mac[at:at + 4])[0] & 0x7FFFFFFF) % 10 ** digits).zfill(digits)


def field(number, value):
    return struct.pack(">HH", number, len(value)) + value


def message(kind, *fields):
    body = b"".join(fields)
    return struct.pack(">BBHI", 1, 0, kind, len(body)) + body


def wrong_sign_in(path, login, answers):
    """One conversation with wrong codes over auth.sock, as the module would hold it."""
    number = lambda value: struct.pack(">I", value)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as talk:
        talk.settimeout(10)
        talk.connect(path)
        talk.send(message(1, field(1, number(1)), field(2, number(2)), field(3, number(15)), field(4, number(0)),
                          field(5, b"sshd"), field(6, login.encode()), field(10, b"en")))
        while True:
            packet = talk.recv(16384)
            kind = struct.unpack(">H", packet[2:4])[0]
            if kind == 6:
                return
            if kind == 2:
                talk.send(message(3, field(14, answers.pop(0).encode() if answers else b"000000")))


def png(pixels, width, height):
    """A grey picture as PNG; pixels: rows of bytes."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    raw = b"".join(b"\0" + row for row in pixels)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)) +
            chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))


HALVES = {" ": (0, 0), "▀": (1, 0), "▄": (0, 1), "█": (1, 1)}


def picture_of(screen, color):
    """
    What a camera sees of the QR code on a screen: each cell two pixels high, dark ink on light with
    colours, the ink of a light terminal font on a dark screen without.
    """
    rows = []
    for line in screen.split("\n"):
        if color:
            if not line.startswith("\033[38;5;16;48;5;231m") or not line.endswith("\033[0m"):
                continue
            line = line[len("\033[38;5;16;48;5;231m"):-len("\033[0m")]
        elif not line or set(line) - set(HALVES) or len(line) < 20:
            continue
        cells = [HALVES[c] for c in line]
        for half in (0, 1):
            ink = [cell[half] for cell in cells]
            rows.append([0 if bit == color else 255 for bit in ink])
    if not rows:
        raise AssertionError("no QR code on the screen:\n" + screen)
    scale, margin = 6, 4
    outside = 255 if color else 0
    width = (len(rows[0]) + 2 * margin) * scale
    pixels = []
    for row in [[outside] * len(rows[0])] * margin + rows + [[outside] * len(rows[0])] * margin:
        line = bytes(p for p in [outside] * margin + row + [outside] * margin for _ in range(scale))
        pixels += [line] * scale
    return png(pixels, width, len(pixels))


def read_qr(screen, color, folder):
    path = folder + "/qr.png"
    with open(path, "wb") as out:
        out.write(picture_of(screen, color))
    done = subprocess.run(["zbarimg", "-q", "--raw", "-Sdisable", "-Sqrcode.enable", path], capture_output=True,
                          timeout=30, check=False)
    return done.stdout.decode().strip()


def parsed(result):
    return json.loads(result.out)
