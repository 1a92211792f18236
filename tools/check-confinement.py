#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What confines the programs from outside, as `cmake --install` of BUILD puts it: units and AppArmor profiles.

 * systemd understands each unit, and none is more exposed than it was (systemd-analyze, no service manager needed)
 * apparmor_parser understands each profile, complaining and enforced
 * each program but hospictl has the profile that is named after its path, and includes the hospital's own rules
 * a profile that complains can refuse nothing: no "deny", and no change of profile, which no_new_privs would refuse
 * where a unit lets its program write or listen, the profile does as well

usage: check-confinement.py BUILD
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

# Exposure in tenths, 0 to 100. A unit that comes below its number gets a lower one here; the units say why it is no lower.
EXPOSURE = {"hospiconnect-authd.service": 12, "hospiconnect-gateway.service": 15, "hospiconnect-crl.service": 11,
            "hc-password.service": 11, "hc-fido2@.service": 6, "hc-pkcs11@.service": 6, "hc-ocsp@.service": 12}
UNCONFINED = {"hospictl"}  # docs/adr/0060-apparmor.md

faults = []


def fault(*words):
    faults.append(" ".join(str(word) for word in words))


def run(*command, text=None):
    done = subprocess.run(command, input=text, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
    return done.returncode, done.stdout


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


# ---- units


def unit_keys(path):
    """{key: [word, …]}; what the paths are marked with is taken off."""
    found = {}
    for key, value in re.findall(r"^(\w+)=(.*)$", read(path), re.MULTILINE):
        found.setdefault(key, []).extend(word.lstrip("-+") for word in value.split())
    return found


def check_units(tree, folder):
    """The units of this machine stand in for those that ours are ordered by."""
    shutil.copytree("/lib/systemd/system", tree + "/lib/systemd/system", symlinks=True)
    os.makedirs(tree + "/bin", exist_ok=True)
    shutil.copy("/bin/kill", tree + "/bin/kill")
    names = sorted(os.listdir(folder))
    status, said = run("systemd-analyze", "verify", "--man=no", "--root=" + tree, *names)
    if status or said:
        fault("systemd-analyze verify:", said or status)
    services = {name for name in names if name.endswith(".service")}
    if services != set(EXPOSURE):
        fault("services and the exposures that are known:", services ^ set(EXPOSURE))
    for name in sorted(services & set(EXPOSURE)):
        status, said = run("systemd-analyze", "security", "--no-pager", "--offline=true", "--root=" + tree,
                           f"--threshold={EXPOSURE[name]}", name.replace("@.", "@1."))
        if status:
            fault(name, f"is more exposed than {EXPOSURE[name] / 10}:\n" + "\n".join(re.findall(r"^✗.*|^→.*", said, re.MULTILINE)))


# ---- profiles


class Profile:
    """The file rules of one profile; those of what it includes are not looked at."""
    TOKEN = re.compile(r"\*\*|\*|\?|\{|\}|,|.")

    def __init__(self, path):
        self.path, self.text = path, read(path)
        self.code = "\n".join(line for line in self.text.splitlines() if not line.lstrip().startswith("#"))
        head = re.search(r"^profile (\S+) (\S+) flags=\(([^)]*)\) \{$", self.code, re.MULTILINE)
        self.name, self.program, self.flags = head.groups() if head else ("", "", "")
        self.rules = [(self._expression(path), rights) for path, rights
                      in re.findall(r"^\s+((?:/|@\{)\S*) (\w+),$", self.code, re.MULTILINE)]

    def _expression(self, text):
        for name, value in (("run", "/{,var/}run"), ("PROC", "/proc"), ("sys", "/sys"), ("pid", "*"), ("multiarch", "*")):
            text = text.replace("@{%s}" % name, value)
        parts, depth = "", 0
        for token in self.TOKEN.findall(text):
            depth += {"{": 1, "}": -1}.get(token, 0)
            special = {"**": ".+", "*": "[^/]*", "?": "[^/]", "{": "(?:", "}": ")"}
            parts += "|" if token == "," and depth else special.get(token, re.escape(token))
        return re.compile(parts)

    def allows(self, path, right):
        return any(right in rights and expression.fullmatch(path) for expression, rights in self.rules)


def check_profile(profile):
    name = os.path.basename(profile.path)
    if name != profile.program.strip("/").replace("/", "."):
        fault(name, "is not named after its program", profile.program)
    if "complain" not in profile.flags.split(", "):
        fault(name, "does not complain")
    if f"include if exists <local/{name}>" not in profile.code:
        fault(name, "has no room for the hospital's rules")
    if re.search(r"^\s*(audit )?deny\b", profile.code, re.MULTILINE):
        fault(name, "denies, which it would also where it complains")
    for rights in re.findall(r"^\s+(?:/|@\{)\S* (\w*x\w*)[, ]", profile.code, re.MULTILINE):
        if "ix" not in rights or re.search("[pPcCuU]", rights):
            fault(name, "starts programs in another profile, which no_new_privs refuses:", rights)
    enforced = re.sub(r", complain\)", ")", profile.text)
    for kind, text in (("as it is", profile.text), ("enforced", enforced)):
        status, said = run("apparmor_parser", "-Q", "-K", text=text)
        lines = [line for line in said.splitlines() if "interface file missing" not in line]
        if status or lines:
            fault(name, kind, "is not understood:", status, *lines)


def check_writable(profile, units):
    """What the unit of a program opens for it, and the sockets that it is given."""
    program = os.path.basename(profile.program)
    wanted = []
    for unit, keys in units.items():
        if unit.split(".")[0].rstrip("@") != program:
            continue
        wanted += [path.split(":")[0] + "/x" for key in ("ReadWritePaths", "BindPaths") for path in keys.get(key, [])]
        wanted += ["/run/" + path + "/x" for path in keys.get("RuntimeDirectory", [])]
        wanted += ["/var/lib/" + path + "/x" for path in keys.get("StateDirectory", [])]
        wanted += keys.get("ListenSequentialPacket", [])
    for path in wanted:
        if not profile.allows(path, "w"):
            fault(os.path.basename(profile.path), "forbids what the unit allows:", path)
    return len(wanted)


def check_hosts(tree):
    """What is added to the profiles of others must never keep them from being loaded."""
    path = next((f"{folder}/hospiconnect" for folder, _, _ in os.walk(tree) if folder.endswith("/abstractions/authentication.d")), "")
    text = "abi <abi/3.0>,\ninclude <tunables/global>\nprofile host {\n include <abstractions/authentication>\n%s}\n"
    status, said = run("apparmor_parser", "-Q", "-K", text=text % (read(path) if path else "?"))
    if status or "auth.sock rw," not in read(path):
        fault("confined hosts of the module:", said)


def check_profiles(tree, units):
    profiles = {}
    for folder, _, names in os.walk(tree):
        if folder.endswith("/apparmor.d"):
            for name in names:
                profile = Profile(f"{folder}/{name}")
                check_profile(profile)
                profiles[profile.program] = profile
    check_hosts(tree)
    programs = {f"{folder[len(tree):]}/{name}" for folder, _, names in os.walk(tree + "/usr") for name in names
                if folder.endswith(("/sbin", "/bin", "/libexec/hospiconnect")) and name not in UNCONFINED}
    if programs != set(profiles):
        fault("programs and profiles:", programs ^ set(profiles))
    if len(programs) < 7:
        fault("too few programs:", programs)
    if sum(check_writable(profile, units) for profile in profiles.values()) < 9:
        fault("too few paths were compared")


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: check-confinement.py BUILD")
    with tempfile.TemporaryDirectory() as tree:
        status, said = run("env", "DESTDIR=" + tree, "cmake", "--install", sys.argv[1])
        if status:
            sys.exit(said)
        folder = next(path for path, _, _ in os.walk(tree) if path.endswith("/systemd/system"))
        units = {name: unit_keys(f"{folder}/{name}") for name in os.listdir(folder)}
        check_profiles(tree, units)
        check_units(tree, folder)
    for text in faults:
        print(text)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
