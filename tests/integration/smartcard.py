# SPDX-License-Identifier: Apache-2.0
"""A real pcscd with virtual readers (vpcd), and PIV cards made of software in them (tests/support/card).

For scenarios in namespaces of their own (rig.enter): pcscd's socket is compiled in, and vpcd listens on every address.
"""
import ctypes
import os
import shutil
import socket
import subprocess
import sys
import time

import rig as machine
from cards import BUILD, check, equal

sys.path.insert(0, os.path.join(machine.SOURCE, "..", "support"))
import igc  # noqa: E402

DRIVER = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so"
OPENSC = "/usr/lib/x86_64-linux-gnu/opensc-pkcs11.so"
PORT = 0x4C7B  # below the ports that connections get by themselves, of which one would keep a slot from listening
READERS = ("Virtual PCD 00 00", "Virtual PCD 00 01")
PIN = "1234"
SELECT_PIV = "00A4040009A00000030800001000"
EC_256 = ["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"]


def missing(*more):
    """Why a scenario cannot run here; None: it can."""
    for path in (DRIVER, *more):
        if not os.path.exists(path):
            return f"skipped: needs {path}"
    return None if shutil.which("pcscd") else "skipped: needs pcscd"


class Pcscd:
    """pcscd with one virtual reader of two slots, which listen on PORT and PORT + 1."""

    def __init__(self):
        machine.tmpfs("/run")
        os.makedirs("/run/pcscd")
        with open("/run/reader.conf", "w", encoding="ascii") as file:
            file.write(f'FRIENDLYNAME "Virtual PCD"\nDEVICENAME /dev/null:0x{PORT:X}\nLIBPATH {DRIVER}\nCHANNELID 0x{PORT:X}\n')
        machine.loopback_up()
        self.hurry()
        self.log = open("/run/pcscd.log", "wb")
        self.start()

    @staticmethod
    def hurry():
        """The 40 ms of delayed acknowledgements would be in every exchange with the driver."""
        for route in ("127.0.0.0/8", "127.0.0.1"):
            subprocess.run(["ip", "route", "change", "local", route, "dev", "lo", "proto", "kernel", "scope", "host", "src",
                            "127.0.0.1", "table", "local", "quickack", "1"], check=False)

    def start(self):
        self.begin()
        self.await_readers()

    def begin(self):
        self.process = subprocess.Popen(["pcscd", "-f", "-c", "/run/reader.conf"], stdout=self.log, stderr=self.log)

    def await_readers(self):
        for port in (PORT, PORT + 1):
            self.until_it_listens(port)

    @staticmethod
    def until_it_listens(port):
        """Looked up, not tried: whoever connects is a card."""
        wanted = f":{port:04X} "
        machine.wait_until(lambda: any(wanted in line.split(":", 1)[1] and " 0A " in line for line in
                                       open("/proc/net/tcp", encoding="ascii").readlines()[1:]), "vpcd listens", 10)

    def stop(self):
        self.process.terminate()
        self.process.wait()

    def close(self):
        self.stop()
        self.log.close()


class Service(Pcscd):
    """pcscd beside a broker, on the machine of rig.run(): in its /run."""

    def __init__(self):  # pylint: disable=super-init-not-called
        os.makedirs("/run/pcscd")
        self.hurry()
        self.configure()
        self.log = open("/run/pcscd.log", "wb")
        self.start()

    @staticmethod
    def configure(readers=True):
        machine.write("/run/reader.conf", f'FRIENDLYNAME "Virtual PCD"\nDEVICENAME /dev/null:0x{PORT:X}\n'
                                          f"LIBPATH {DRIVER}\nCHANNELID 0x{PORT:X}\n" if readers else "\n")

    def kill(self):
        if self.process.poll() is None:
            self.close()

    @staticmethod
    def tail(size):
        with open("/run/pcscd.log", encoding="utf-8", errors="replace") as log:
            return log.read()[-size:]


class Slot:
    """One slot of the reader. The commands are those of tests/support/card/control.c."""

    def __init__(self, number):
        self.reader = READERS[number]
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.socket.settimeout(10)
        self.process = subprocess.Popen([BUILD + "/tests/support/hc-test-card", str(PORT + number)], stdin=theirs)
        theirs.close()

    def command(self, *words):
        self.socket.send(" ".join(str(word) for word in words).encode())
        answer = self.socket.recv(4096).decode()
        check(not answer.startswith("error"), words, answer)
        return answer

    def insert(self, card):
        self.command("insert", card.folder)

    def remove(self):
        self.command("remove")

    def swap(self, card, after_ms=600):
        self.command("swap", after_ms, card.folder)

    def at(self, kind, number, *action):
        self.command("at", kind, number, *action)

    def status(self):
        return {name: int(value) for name, value in (pair.split("=") for pair in self.command("status").split())}

    def empty(self):
        self.command("clear")
        self.command("remove")

    def close(self):
        self.socket.close()
        self.process.wait(5)


class Card:
    """A card's folder (tests/support/card/card.h). slots: for each slot a certificate of igc's."""

    def __init__(self, folder, serial, pin=PIN, tries=3, **slots):
        self.folder, self.serial = folder, serial
        os.makedirs(folder)
        for name, text in (("serial", serial), ("pin", pin), ("tries", str(tries))):
            self.write(name, text)
        for name, party in slots.items():
            with open(f"{folder}/{name[1:]}.der", "wb") as file:
                file.write(party.der)
            shutil.copy(party.key, f"{folder}/{name[1:]}.key")

    def write(self, name, text):
        with open(f"{self.folder}/{name}", "w", encoding="ascii") as file:
            file.write(text + "\n")

    def tries(self):
        with open(self.folder + "/tries", encoding="ascii") as file:
            return int(file.read())


def verifies(party, message, signature):
    """Whether OpenSSL takes the signature for one by the key of party's certificate."""
    with open(party.base + ".pub", "wb") as file:
        file.write(igc.openssl("x509", "-in", party.pem, "-noout", "-pubkey"))
    with open(party.base + ".sig", "wb") as file:
        file.write(signature)
    return subprocess.run(["openssl", "dgst", "-sha256", "-verify", party.base + ".pub", "-signature", party.base + ".sig"],
                          input=message, capture_output=True, check=False).returncode == 0


# ---- what other programs see, through pcsc-lite ----------------------------------------------

class ReaderState(ctypes.Structure):
    """SCARD_READERSTATE."""
    _fields_ = [("reader", ctypes.c_char_p), ("data", ctypes.c_void_p), ("now", ctypes.c_ulong), ("then", ctypes.c_ulong),
                ("atr_len", ctypes.c_ulong), ("atr", ctypes.c_ubyte * 33)]


class Request(ctypes.Structure):
    """SCARD_IO_REQUEST."""
    _fields_ = [("protocol", ctypes.c_ulong), ("length", ctypes.c_ulong)]


class Client:
    """Another program on the same machine."""
    EMPTY, PRESENT, LEAVE, RESET, SHARED, T1 = 0x10, 0x20, 0, 1, 2, 2

    def __init__(self):
        self.library = ctypes.CDLL("libpcsclite.so.1")
        for name in ("SCardEstablishContext", "SCardReleaseContext", "SCardGetStatusChange", "SCardConnect",
                     "SCardDisconnect", "SCardTransmit"):
            getattr(self.library, name).restype = ctypes.c_ulong
        self.context = ctypes.c_ulong()
        self.do("EstablishContext", ctypes.c_ulong(2), None, None, ctypes.byref(self.context))

    def do(self, name, *arguments):
        value = getattr(self.library, "SCard" + name)(*arguments) & 0xffffffff
        check(value == 0, f"SCard{name}: {value:#x}")

    def close(self):
        self.do("ReleaseContext", self.context)

    def state(self, reader):
        """What pcscd knows of a reader: flags, and how often a card came or went."""
        state = ReaderState(reader.encode(), None, 0, 0, 0)
        self.do("GetStatusChange", self.context, ctypes.c_ulong(0), ctypes.byref(state), ctypes.c_ulong(1))
        return state.then & 0xffff, state.then >> 16

    def await_card(self, reader, present=True):
        """Until pcscd has looked: a reset that failed says "empty" before that, and hides what comes in between."""
        def looked():
            flags, changes = self.state(reader)
            return flags & (self.PRESENT if present else self.EMPTY) and changes % 2 == present
        machine.wait_until(looked, f"{reader}: present {present}", 10)

    def transmit(self, reader, *commands):
        """Statuses of commands; the card is left as it is."""
        card, protocol, statuses = ctypes.c_ulong(), ctypes.c_ulong(), []
        self.do("Connect", self.context, reader.encode(), ctypes.c_ulong(self.SHARED), ctypes.c_ulong(self.T1),
                ctypes.byref(card), ctypes.byref(protocol))
        for command in commands:
            data, out, length = bytes.fromhex(command), ctypes.create_string_buffer(4096), ctypes.c_ulong(4096)
            self.do("Transmit", card, ctypes.byref(Request(self.T1, ctypes.sizeof(Request))), data,
                    ctypes.c_ulong(len(data)), None, out, ctypes.byref(length))
            statuses.append(int.from_bytes(out.raw[length.value - 2:length.value], "big"))
        self.do("Disconnect", card, ctypes.c_ulong(self.LEAVE))
        return statuses
