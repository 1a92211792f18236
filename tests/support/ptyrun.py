#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a program on a pseudo-terminal and answers its prompts.

As a module:   with Terminal(["su", "-", "martin"]) as t:
                   t.expect(r"Password: ") ; t.send("secret") ; status = t.wait()
As a command:  ptyrun.py [-t SECONDS] 'REGEX=ANSWER'... -- COMMAND...
               Each rule is used once, in order; "\\=" stands for an equals sign in the regex.
               Ends with the command's status; 124 when the time was over or a prompt did not come.

Every wait is bounded. The program is its session's leader with the terminal as controlling one, so
that ssh, su, sudo and login ask there; its whole session is killed when the object is closed.
"""
import errno
import fcntl
import os
import pty
import re
import select
import signal
import sys
import termios
import time


class Timeout(Exception):
    """The expected text did not come in time; the message holds what came instead."""


class Terminal:
    def __init__(self, command, env=None, timeout=15.0, uid=None, gid=None, cwd=None):
        self.command = list(command)
        self.timeout = timeout
        self.seen = ""  # everything that was shown
        self._unread = ""
        self._status = None
        self._eof = False
        self.pid, self.fd = self._fork(env, uid, gid, cwd)

    def _fork(self, env, uid, gid, cwd):
        pid, fd = pty.fork()
        if pid:
            fcntl.ioctl(fd, termios.TIOCSWINSZ, b"\x18\x00\xc8\x00\x00\x00\x00\x00")  # 24 x 200
            return pid, fd
        try:
            if cwd:
                os.chdir(cwd)
            if uid is not None:
                os.initgroups(uid_name(uid), gid)
                os.setresgid(gid, gid, gid)
                os.setresuid(uid, uid, uid)
            os.execvpe(self.command[0], self.command, os.environ if env is None else env)
        except BaseException as problem:  # the child must never return into the test
            os.write(2, f"{self.command[0]}: {problem}\n".encode())
        os._exit(127)

    def _read(self, seconds):
        """Takes in what comes within that time; False at the end of the output."""
        if self._eof:
            return False
        ready, _, _ = select.select([self.fd], [], [], max(0.0, seconds))
        if not ready:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError as problem:
            if problem.errno != errno.EIO:
                raise
            data = b""
        if not data:
            self._eof = True
            return False
        text = data.decode("utf-8", "replace").replace("\r\n", "\n")
        self.seen += text
        self._unread += text
        return True

    def read(self, seconds):
        """Waits that long for what comes into `seen`; False at the end of the output."""
        return self._read(seconds)

    def expect(self, pattern, timeout=None):
        """Waits for the pattern and returns its match; what stood before it is passed over."""
        end = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            match = re.search(pattern, self._unread)
            if match:
                self._unread = self._unread[match.end():]
                return match
            left = end - time.monotonic()
            if left <= 0 or not self._read(left):
                if re.search(pattern, self._unread):
                    continue
                why = "output ended" if self._eof else "time is over"
                raise Timeout(f"{why}, no /{pattern}/ from {self.command}; it showed:\n{self.seen}")

    def send(self, line):
        """Types a line, a moment after the prompt: some programs flush what was typed before it."""
        time.sleep(0.02)
        os.write(self.fd, line.encode() + b"\n")

    def interrupt(self):
        os.write(self.fd, b"\x03")

    def kill(self, number=signal.SIGKILL):
        os.kill(self.pid, number)

    def wait(self, timeout=None):
        """Reads to the end and returns the exit status (negative: the signal)."""
        end = time.monotonic() + (self.timeout if timeout is None else timeout)
        while self._status is None:
            self._read(0.02 if not self._eof else 0)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self._status = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > end:
                raise Timeout(f"{self.command} did not end; it showed:\n{self.seen}")
            elif self._eof:
                time.sleep(0.005)
        while self._read(0.0) and select.select([self.fd], [], [], 0)[0]:
            pass
        return self._status

    def close(self):
        if self._status is None:
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except OSError:
                pass
            os.kill(self.pid, signal.SIGKILL)
            self._status = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.fd)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def uid_name(uid):
    import pwd
    return pwd.getpwuid(uid).pw_name


def main(arguments):
    seconds = 30.0
    if arguments and arguments[0] == "-t":
        seconds, arguments = float(arguments[1]), arguments[2:]
    if "--" not in arguments or arguments[-1] == "--":
        print(__doc__, file=sys.stderr)
        return 2
    cut = arguments.index("--")
    rules = [re.split(r"(?<!\\)=", rule, maxsplit=1) for rule in arguments[:cut]]
    with Terminal(arguments[cut + 1:], timeout=seconds) as terminal:
        try:
            for pattern, answer in rules:
                terminal.expect(pattern.replace(r"\=", "="))
                terminal.send(answer)
            return terminal.wait()
        except Timeout as problem:
            print(problem, file=sys.stderr)
            return 124
        finally:
            sys.stdout.write(terminal.seen)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
