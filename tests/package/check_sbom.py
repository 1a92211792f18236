#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Judges the bills of materials in built packages, with nothing of the program that writes them: against the published
schema, the files that are in the package, the libraries that readelf names (and those that they name), the grammar of
package URLs, and the table of what is loaded at run time. Then spoils one in every way it knows, and sees that noticed.

usage: check_sbom.py FOLDER SCHEMAS
  FOLDER   has the packages
  SCHEMAS  has bom-1.5.SNAPSHOT.schema.json and what it refers to
"""
import copy
import glob
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.parse
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # newer versions have another way, which Debian 12's lacks
    from jsonschema import Draft7Validator, FormatChecker, RefResolver

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PLACE = "usr/share/hospiconnect/sbom"
UNRESERVED = r"(?:[A-Za-z0-9._~:-]|%[0-9A-F]{2})+"
PURL = re.compile(rf"pkg:deb/(debian|hospiconnect)/([a-z0-9][a-z0-9+.-]*|{UNRESERVED})"
                  rf"(?:@({UNRESERVED}))?(?:\?([a-z]+={UNRESERVED}(?:&[a-z]+={UNRESERVED})*))?")


def run(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def schema_errors(document, folder):
    def load(name):
        with open(os.path.join(folder, name + ".SNAPSHOT.schema.json"), encoding="utf-8") as stream:
            return json.load(stream)

    bom = load("bom-1.5")
    # by the names that the npm package gave its copies
    store = {urllib.parse.urljoin(bom["$id"], name + ".SNAPSHOT.schema.json"): load(name) for name in ("spdx", "jsf-0.82")}
    checker = Draft7Validator(bom, resolver=RefResolver.from_schema(bom, store=store), format_checker=FormatChecker())
    return [f"schema: {'/'.join(map(str, error.path))}: {error.message[:200]}" for error in checker.iter_errors(document)]


def needed(path):
    return re.findall(r"\(NEEDED\).*\[(.+)\]", run("readelf", "--dynamic", "--wide", path))


def is_elf(path):
    with open(path, "rb") as stream:
        return stream.read(4) == b"\x7fELF"


class Judge:
    def __init__(self, tree, control, schemas):
        self.tree, self.control, self.schemas = tree, control, schemas
        self.files = {}
        for folder, folders, names in os.walk(tree):
            folders.sort()
            for name in names:
                path = os.path.join(folder, name)
                if not os.path.islink(path) and os.path.relpath(folder, tree) != PLACE:
                    self.files["/" + os.path.relpath(path, tree)] = path
        self.needs = {place: needed(path) for place, path in self.files.items() if is_elf(path)}
        self.libraries = {}
        self.table = [line.rstrip("\n").split("\t") for line in open(os.path.join(ROOT, "tools/sbom.tsv"), encoding="utf-8")
                      if not line.startswith("#")]

    def judge(self, document):
        """Everything that is wrong with it."""
        errors = schema_errors(document, self.schemas)
        components = {part["bom-ref"]: part for part in document["components"]}
        graph = {entry["ref"]: entry.get("dependsOn", []) for entry in document["dependencies"]}
        top = document["metadata"]["component"]
        errors += self.identity(document, top)
        errors += self.references(components, graph, top["bom-ref"])
        errors += self.of_files(components)
        errors += self.of_libraries(components, graph)
        for part in components.values():
            errors += self.of_purl(part)
        return errors

    def identity(self, document, top):
        if (top["name"], top["version"]) != (self.control["Package"], self.control["Version"]):
            yield f"it is of {top['name']} {top['version']}"
        if document["metadata"].get("timestamp") != self.control["time"]:
            yield f"its time is {document['metadata'].get('timestamp')}, not {self.control['time']}"
        if any(mark in json.dumps(document) for mark in ("/build/", "/tmp/", "/debian/tmp")):
            yield "a path of the build is in it"

    @staticmethod
    def references(components, graph, top):
        if len(components) + 1 != len(set(components) | {top}) or set(graph) != set(components) | {top}:
            yield "components and dependencies don't name the same"
        reached, todo = set(), [top]
        while todo:
            ref = todo.pop()
            if ref not in reached:
                reached.add(ref)
                todo += graph.get(ref, [])
        for ref in sorted(reached - set(components) - {top}):
            yield f"{ref} is no component"
        for ref in sorted(set(components) - reached):
            if components[ref].get("scope") != "excluded":
                yield f"nothing depends on {ref}"

    def of_files(self, components):
        said = {part["name"]: part for ref, part in components.items() if ref.startswith("file:")}
        for place in sorted(set(said) ^ set(self.files)):
            yield f"{place} is {'not in the package' if place in said else 'not listed'}"
        for place in sorted(set(said) & set(self.files)):
            with open(self.files[place], "rb") as stream:
                digest = hashlib.sha256(stream.read()).hexdigest()
            if said[place].get("hashes") != [{"alg": "SHA-256", "content": digest}]:
                yield f"{place} has another SHA-256"

    def of_libraries(self, components, graph):
        """Each name that a program's header has is brought by a component that it depends on; theirs likewise."""
        brought = {}
        for ref, part in components.items():
            for soname in self.property(part, "libraries").split():
                brought[soname] = ref
        wanted = [(f"file:{place}", soname) for place, names in self.needs.items() for soname in names]
        done = set()
        while wanted:
            user, soname = wanted.pop()
            if (user, soname) in done:
                continue
            done.add((user, soname))
            ref = brought.get(soname)
            if ref is None:
                yield f"{user} needs {soname}, which nobody brings"
                continue
            if ref != user and ref not in graph.get(user, []):
                yield f"{user} needs {soname}, and does not depend on {ref}"
            if user.startswith("file:") and "name" in components[ref].get("licenses", [{}])[0].get("license", {"name": 1}) \
                    and "expression" not in components[ref].get("licenses", [{}])[0]:
                yield f"{ref} has no licence"
            if not components[ref].get("version") or components[ref].get("scope") != "required":
                yield f"{ref} has no version, or need not be there"
            wanted += [(ref, name) for name in self.of_library(soname)]
        for program, package, how, _ in self.table:
            places = [place for place in self.needs if os.path.basename(place) == program]
            for place in places:
                if not any(ref.startswith(f"pkg:deb/debian/{package}") for ref in graph.get(f"file:{place}", [])):
                    yield f"{place} has {package} by {how}, and does not say so"

    def of_library(self, soname):
        if soname not in self.libraries:
            folders = [f"{lib}/{self.control['multiarch']}" for lib in ("/lib", "/usr/lib")] + ["/lib64", "/lib", "/usr/lib"]
            path = next(path for path in (os.path.join(folder, soname) for folder in folders) if os.path.exists(path))
            self.libraries[soname] = needed(path)
        return self.libraries[soname]

    @staticmethod
    def property(part, name):
        return "".join(p["value"] for p in part.get("properties", []) if p["name"] == "hospiconnect:" + name)

    @staticmethod
    def of_purl(part):
        purl = part.get("purl")
        if part["bom-ref"].startswith("file:"):
            return
        found = PURL.fullmatch(purl or "")
        if not found:
            yield f"{part['bom-ref']} is no package URL"
            return
        name, version = (urllib.parse.unquote(text) if text else None for text in found.group(2, 3))
        qualifiers = [pair.split("=")[0] for pair in (found.group(4) or "").split("&") if pair]
        if (name, version) != (part["name"], part.get("version")):
            yield f"{purl} is not {part['name']} {part.get('version')}"
        if qualifiers != sorted(set(qualifiers)):
            yield f"{purl} has its qualifiers in no order"


def spoil(document):
    """(what, document): one spoilt in each way."""
    def changed(what, change):
        spoilt = copy.deepcopy(document)
        change(spoilt)
        return what, spoilt

    library = next(i for i, part in enumerate(document["components"]) if "libraries" in str(part.get("properties")))
    program = next(i for i, part in enumerate(document["components"]) if part["type"] != "file" and part.get("hashes"))
    ref = document["components"][library]["bom-ref"]
    yield changed("a library is missing", lambda d: d["components"].pop(library))
    yield changed("a program is missing", lambda d: d["components"].pop(program))
    yield changed("a program depends on nothing", lambda d: [entry.pop("dependsOn", 0) for entry in d["dependencies"]
                                                            if entry["ref"].startswith("file:")])
    yield changed("nobody depends on a library", lambda d: [entry["dependsOn"].remove(ref) for entry in d["dependencies"]
                                                           if ref in entry.get("dependsOn", [])])
    yield changed("another hash", lambda d: d["components"][program]["hashes"][0].update(content="0" * 64))
    yield changed("a hash of another kind", lambda d: d["components"][program]["hashes"][0].update(alg="CRC"))
    yield changed("no version", lambda d: d["components"][library].pop("version"))
    yield changed("another version", lambda d: d["components"][library].update(version="0"))
    yield changed("a blank in a package URL", lambda d: d["components"][library].update(purl="pkg:deb/debian/a b"))
    yield changed("a licence that SPDX doesn't know", lambda d: d["components"][library].update(
        licenses=[{"license": {"id": "None-Such"}}]))
    yield changed("no licence", lambda d: [part.pop("licenses", 0) for part in d["components"] if part.get("scope")])
    yield changed("a field of another version of the format", lambda d: d.update(annotation="x"))
    yield changed("another time", lambda d: d["metadata"].update(timestamp="2020-01-01T00:00:00Z"))
    yield changed("a path of the build", lambda d: d["components"][library].update(description="/build/x"))


def check(package, schemas, source_time):
    """Errors of one package, and whether it had a program that could be spoilt."""
    fields = dict(line.split(": ", 1) for line in run("dpkg-deb", "--field", package, "Package", "Version",
                                                      "Architecture").splitlines())
    fields["time"] = source_time
    fields["multiarch"] = run("dpkg-architecture", "-qDEB_HOST_MULTIARCH").strip()
    with tempfile.TemporaryDirectory() as tree:
        subprocess.run(["dpkg-deb", "--extract", package, tree], check=True)
        wanted = os.path.join(tree, PLACE, f"{fields['Package']}_{fields['Architecture']}.cdx.json")
        if glob.glob(os.path.join(tree, PLACE, "*")) != [wanted]:
            return [f"no {os.path.basename(wanted)}"], 0
        with open(wanted, encoding="utf-8") as stream:
            document = json.load(stream)
        judge = Judge(tree, fields, schemas)
        errors = judge.judge(document)
        spoilt = list(spoil(document)) if judge.needs else []
        errors += [f"not noticed: {what}" for what, other in spoilt if not judge.judge(other)]
        return errors, len(spoilt)


def main():
    folder, schemas = sys.argv[1:]
    packages = [name for name in sorted(glob.glob(os.path.join(folder, "*.deb"))) if "-dbgsym_" not in name]
    stamp = run("dpkg-parsechangelog", "--file", os.path.join(ROOT, "debian/changelog"), "--show-field", "Timestamp").strip()
    source_time = run("date", "--utc", f"--date=@{stamp}", "+%Y-%m-%dT%H:%M:%SZ").strip()
    failed, spoilt = not packages, 0
    for package in packages:
        errors, count = check(package, schemas, source_time)
        spoilt += count
        failed |= bool(errors)
        for error in errors:
            print(f"{os.path.basename(package)}: {error}")
    print(f"check_sbom: {len(packages)} packages, {spoilt} spoilt ones, {'see above' if failed else 'as it should be'}")
    sys.exit(failed or spoilt == 0)


if __name__ == "__main__":
    main()
