# SPDX-License-Identifier: Apache-2.0
"""What dpkg knows of the machine that builds: which package brings a shared library, and what that package is. Nothing is
asked of a network, and nothing is guessed: a library without a package is an error."""
import os
import re
import subprocess
from urllib.parse import quote

# How Debian's machine-readable copyright files name licences, and how SPDX does.
SPDX = {
    "Apache-2.0": "Apache-2.0", "BSD-2-clause": "BSD-2-Clause", "BSD-3-clause": "BSD-3-Clause",
    "BSD-3-Clause": "BSD-3-Clause", "Expat": "MIT", "MIT": "MIT", "ISC": "ISC", "curl": "curl", "Zlib": "Zlib",
    "zlib": "Zlib", "GPL-2": "GPL-2.0-only", "GPL-2+": "GPL-2.0-or-later", "GPL-3+": "GPL-3.0-or-later",
    "LGPL-2.1": "LGPL-2.1-only", "LGPL-2.1+": "LGPL-2.1-or-later", "LGPL-2+": "LGPL-2.0-or-later",
    "LGPL-3+": "LGPL-3.0-or-later", "OpenLDAP-2.8": "OLDAP-2.8",
}


def purl(name, version=None, arch=None, distro=None, namespace="debian"):
    """A package URL as its specification has it: qualifiers sorted, ':' and '~' as they are, all else escaped."""
    text = f"pkg:deb/{namespace}/{quote(name, safe='')}"
    if version:
        text += "@" + quote(version, safe=":")
    qualifiers = [f"{key}={quote(value, safe=':')}" for key, value in (("arch", arch), ("distro", distro)) if value]
    return text + ("?" + "&".join(qualifiers) if qualifiers else "")


def distro():
    """debian-12, as purl's qualifier wants it."""
    fields = dict(line.rstrip("\n").split("=", 1) for line in open("/etc/os-release", encoding="utf-8") if "=" in line)
    return fields["ID"].strip('"') + "-" + fields.get("VERSION_ID", "").strip('"')


class Packages:
    """Answers, each asked for once."""

    def __init__(self, multiarch, licences):
        self.folders = [f"/lib/{multiarch}", f"/usr/lib/{multiarch}", "/lib", "/usr/lib", "/lib64", "/usr/lib64"]
        self.licences = licences
        self.distro = distro()
        self.files, self.owners, self.known = {}, None, {}

    def file(self, soname):
        """The file that the loader would take for a name, or None."""
        if soname not in self.files:
            places = (os.path.join(folder, soname) for folder in self.folders)
            self.files[soname] = next((place for place in places if os.path.exists(place)), None)
        return self.files[soname]

    @staticmethod
    def _search(pattern):
        """path: packages that have it; one question for many files, since dpkg reads all its lists for each."""
        out = subprocess.run(["dpkg-query", "--search", pattern], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             encoding="utf-8", check=False).stdout
        found = {}
        for line in out.splitlines():
            owners, _, path = line.rpartition(": ")
            if not owners.startswith("diversion "):
                found.setdefault(path, set()).update(owners.split(", "))
        return found

    def owner(self, path):
        """The package of a file, as dpkg-query takes it (name:arch where several may be installed)."""
        if self.owners is None:
            self.owners = self._search("*.so*")
        real = os.path.realpath(path)
        # a machine whose /lib is a link has files there under either name
        names = {p for n in (path, real) for p in (n, n.removeprefix("/usr"), "/usr" + n)}
        found = set().union(*(self.owners.get(name, ()) for name in names)) or \
            set().union(*(self._search(name).get(name, ()) for name in names))
        if len(found) != 1:
            raise SystemExit(f"sbom: {path} is of {sorted(found) or 'no package'}")
        return found.pop()

    def describe(self, package):
        """name, version, arch, source, source version, maintainer, homepage, licence."""
        if package not in self.known:
            form = "\t".join("${%s}" % field for field in (
                "Package", "Version", "Architecture", "source:Package", "source:Version", "Maintainer", "Homepage"))
            out = subprocess.run(["dpkg-query", "--show", "--showformat", form, package], stdout=subprocess.PIPE,
                                 encoding="utf-8", check=True).stdout
            keys = ("name", "version", "arch", "source", "source_version", "maintainer", "homepage")
            entry = dict(zip(keys, out.split("\t")))
            entry["licence"] = self.licences.get(entry["source"]) or self._licence(entry["name"])
            entry["purl"] = purl(entry["name"], entry["version"], entry["arch"], self.distro)
            self.known[package] = entry
        return self.known[package]

    @staticmethod
    def _licence(name):
        """What the copyright file says of most files, in SPDX's words; None where only a reader can tell."""
        try:
            text = open(f"/usr/share/doc/{name}/copyright", encoding="utf-8").read()
        except OSError:
            return None
        if not text.startswith("Format:"):
            return None
        found = re.search(r"^Files:[ \t]*\*[ \t]*\n(?:.+\n)*?License:[ \t]*(.*)$", text, re.M)
        words = found.group(1).strip() if found else ""
        parts = [SPDX.get(part) for part in re.split(r" or ", words)]
        return " OR ".join(parts) if parts and all(parts) else None
