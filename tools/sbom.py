#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the bill of materials (SBOM, CycloneDX 1.5 in JSON) of a folder as it will be installed: each file with its
SHA-256; for each program the libraries that its ELF header names, theirs in turn, and what it loads or asks while it runs
(tools/sbom.tsv); for each library the Debian package, version, supplier, licence and package URL.

usage: sbom.py --multiarch TRIPLET [--built-with PROGRAM]… --deb FOLDER…
         packages before they are packed: name, version and architecture from FOLDER/DEBIAN/control; each is written
         to usr/share/hospiconnect/sbom/PACKAGE_ARCHITECTURE.cdx.json in its folder
       sbom.py --multiarch TRIPLET --tree FOLDER --name NAME --version VERSION --arch ARCH --into FILE
         any other folder, e.g. what `cmake --install` made

The same folder on a machine with the same packages gives the same bytes: the time is SOURCE_DATE_EPOCH (or none is
said), the serial number a hash of what is said, and no path of the build appears. Asks dpkg, never a network."""
import argparse
import datetime
import hashlib
import json
import os
import re
import shutil
import stat
import sys
import uuid

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import sbom_debian  # noqa: E402
import sbom_elf  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PLACE = "usr/share/hospiconnect/sbom"
OURS = {"name": "HospiConnect maintainers"}
DEBIAN = {"name": "Debian", "url": ["https://www.debian.org/"]}
LICENCE = [{"license": {"id": "Apache-2.0"}}]


def licences_of_dependencies():
    """Source package to SPDX expression, as docs/DEPENDENCIES.md says: what a reader of the sources decided."""
    found = {}
    for line in open(os.path.join(ROOT, "docs/DEPENDENCIES.md"), encoding="utf-8"):
        cells = [cell.strip().strip("`") for cell in line.split("|")[1:-1]]
        if len(cells) >= 4 and re.fullmatch(r"[a-z0-9][a-z0-9.+-]+", cells[1]) and cells[3]:
            found[cells[1]] = cells[3]
    return found


def run_time():
    """program: [(package, how, why)]"""
    table = {}
    for line in open(os.path.join(ROOT, "tools/sbom.tsv"), encoding="utf-8"):
        if line.strip() and not line.startswith("#"):
            program, *rest = line.rstrip("\n").split("\t")
            table.setdefault(program, []).append(tuple(rest))
    return table


def licences(expression):
    """CycloneDX tells one identifier from an expression, and both from words."""
    if not expression:
        return [{"license": {"name": "see the package's copyright file"}}]
    if " " in expression:
        return [{"expression": expression}]
    return [{"license": {"id": expression}}]


def properties(**pairs):
    return [{"name": "hospiconnect:" + name.replace("_", "-"), "value": value} for name, value in sorted(pairs.items())]


class Bill:
    """Collects components and who depends on whom, then says it all in one document."""

    def __init__(self, packages):
        self.packages = packages
        self.components, self.edges, self.open_ended = {}, {}, set()

    def link(self, user, used):
        if user != used:
            self.edges.setdefault(user, set()).add(used)

    def library(self, soname):
        """The component of the package that brings a library, with what that library needs in turn."""
        path = self.packages.file(soname)
        if path is None:
            raise SystemExit(f"sbom: nothing on this machine is called {soname}")
        entry = self.packages.describe(self.packages.owner(path))
        ref = self.package(entry, "required")
        sonames = self.components[ref]["sonames"]
        if soname not in sonames:
            sonames.add(soname)
            library = sbom_elf.read(path)
            for needed in library.needed:
                # the loader itself is no library of its own, and belongs to libc
                self.link(ref, self.library(needed))
            self.components[ref]["optional"].update(library.optional)
        return ref

    def package(self, entry, scope, **why):
        ref = entry["purl"]
        if ref not in self.components:
            self.components[ref] = {"entry": entry, "scope": scope, "why": why, "sonames": set(), "optional": set()}
        elif scope == "required":
            self.components[ref]["scope"] = scope
        return ref

    def named(self, name, scope, **why):
        """A package of which any version may be there at run time."""
        ref = sbom_debian.purl(name)
        present = [known for known, part in self.components.items() if part.get("entry", {}).get("name") == name]
        if present:
            return present[0]
        return self.package({"name": name, "purl": ref}, scope, **why)

    def file(self, root, path):
        """A file of ours; programs and modules with what they need."""
        place = "/" + os.path.relpath(path, root)
        with open(path, "rb") as stream:
            digest = hashlib.sha256(stream.read()).hexdigest()
        binary = sbom_elf.read(path)
        kind = "file" if binary is None else "library" if path.endswith(".so") else "application"
        ref = "file:" + place
        self.components[ref] = {"place": place, "kind": kind, "digest": digest,
                                "needed": [] if binary is None else binary.needed}
        for soname in [] if binary is None else binary.needed:
            self.link(ref, self.library(soname))
        return ref

    def loads(self, table):
        """What the table says of programs that are here: after all of them, so that a library is not said twice."""
        for ref in [ref for ref, part in self.components.items() if part.get("kind") == "application"]:
            program = os.path.basename(self.components[ref]["place"])
            for package, how, why in table.get(program, []):
                self.link(ref, self.named(package, "optional", at_run_time=how, reason=why))
                if how == "dlopen":
                    self.open_ended.add(ref)

    def said(self):
        """The components as the format wants them, by reference."""
        out = []
        for ref, part in sorted(self.components.items()):
            out.append(self._file(ref, part) if "place" in part else self._package(ref, part))
        return out

    @staticmethod
    def _file(ref, part):
        said = {"type": part["kind"], "bom-ref": ref, "supplier": OURS, "name": part["place"],
                "hashes": [{"alg": "SHA-256", "content": part["digest"]}], "licenses": LICENCE}
        if part["kind"] != "file":
            said["properties"] = properties(elf_needed=" ".join(part["needed"]))
        return said

    @staticmethod
    def _package(ref, part):
        entry = part["entry"]
        said = {"type": "library" if part["sonames"] else "application", "bom-ref": ref, "supplier": DEBIAN}
        if entry.get("maintainer"):
            said["publisher"] = entry["maintainer"]
        said["name"] = entry["name"]
        if entry.get("version"):
            said["version"] = entry["version"]
        said["scope"] = part["scope"]
        if "version" in entry:
            said["licenses"] = licences(entry["licence"])
        said["purl"] = ref
        if entry.get("homepage"):
            said["externalReferences"] = [{"type": "website", "url": entry["homepage"]}]
        why = dict(part["why"])
        if entry.get("source"):
            why["debian_source"] = f"{entry['source']} {entry['source_version']}"
        if part["sonames"]:
            why["libraries"] = " ".join(sorted(part["sonames"]))
        if part["optional"]:
            why["may_load"] = " ".join(sorted(part["optional"]))
        if why:
            said["properties"] = properties(**why)
        return said

    def depends(self, top, files):
        graph = dict(self.edges)
        graph[top] = graph.get(top, set()) | set(files)
        return [{"ref": ref, "dependsOn": sorted(graph[ref])} if graph.get(ref) else {"ref": ref}
                for ref in sorted({top} | set(self.components))]

    def compositions(self, top):
        """Where the graph is the whole truth, and where somebody's module may join at run time."""
        said = [{"aggregate": "complete", "assemblies": [top]}]
        whole = [ref for ref, part in self.components.items() if part.get("kind", "file") != "file"]
        for aggregate, refs in (("complete", set(whole) - self.open_ended), ("incomplete", self.open_ended)):
            if refs:
                said.append({"aggregate": aggregate, "dependencies": sorted(refs)})
        return said


def document(bill, top, files, product):
    """The whole, its serial number a hash of the rest."""
    metadata = {}
    if os.environ.get("SOURCE_DATE_EPOCH"):
        when = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.timezone.utc)
        metadata["timestamp"] = when.strftime("%Y-%m-%dT%H:%M:%SZ")
    metadata["lifecycles"] = [{"phase": "build"}]
    metadata["tools"] = {"components": [{"type": "application", "supplier": OURS, "name": "tools/sbom.py",
                                         "version": product["version"]}]}
    metadata["component"] = {"type": "application", "bom-ref": top, "supplier": OURS, "name": product["name"],
                             "version": product["version"], "licenses": LICENCE, "purl": top}
    metadata["supplier"] = OURS
    body = {"metadata": metadata, "components": bill.said(), "dependencies": bill.depends(top, files),
            "compositions": bill.compositions(top)}
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    return {"$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json", "bomFormat": "CycloneDX", "specVersion": "1.5",
            "serialNumber": uuid.uuid5(uuid.NAMESPACE_URL, top + "#" + digest).urn, "version": 1, **body}


def installed_files(root):
    """Regular files in the order of their names; dpkg's own folder and bills of materials are not installed software."""
    for folder, folders, names in os.walk(root):
        folders.sort()
        if folder == root and "DEBIAN" in folders:
            folders.remove("DEBIAN")
        if os.path.relpath(folder, root) == PLACE:
            continue
        for name in sorted(names):
            path = os.path.join(folder, name)
            if stat.S_ISREG(os.lstat(path).st_mode):
                yield path


def control_of(folder):
    """The fields of DEBIAN/control; continuation lines are joined."""
    text = open(os.path.join(folder, "DEBIAN/control"), encoding="utf-8").read()
    return dict(line.split(": ", 1) for line in re.sub(r"\n[ \t]+", " ", text).splitlines() if ": " in line)


def arguments():
    parser = argparse.ArgumentParser(description="bill of materials of what will be installed")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--deb", nargs="+", default=[])
    what.add_argument("--tree")
    for name in ("--name", "--version", "--arch", "--into"):
        parser.add_argument(name)
    parser.add_argument("--multiarch", required=True)
    parser.add_argument("--built-with", action="append", default=[])
    return parser.parse_args()


def write(packages, folder, product, into, built_with):
    """One folder's document."""
    bill = Bill(packages)
    files = [bill.file(folder, path) for path in installed_files(folder)]
    bill.loads(run_time())
    top = sbom_debian.purl(product["name"], product["version"], product["arch"], namespace="hospiconnect")
    for name in re.findall(r"(?:^|, )([a-z0-9.+-]+)", product["depends"]):
        if not name.startswith(("hospiconnect", "hospictl", "libpam-hospiconnect")):
            bill.link(top, bill.named(name, "required", reason="Depends of the package"))
    # the compiler's start files end in programs; .buildinfo names all the rest
    for program in built_with if any(part.get("needed") for part in bill.components.values()) else []:
        tool = packages.describe(packages.owner(os.path.realpath(shutil.which(program) or program)))
        bill.package(tool, "excluded", reason=f"built with its {os.path.basename(program)}")
    os.umask(0o022)
    os.makedirs(os.path.dirname(os.path.abspath(into)), exist_ok=True)
    with open(into, "w", encoding="utf-8") as stream:
        json.dump(document(bill, top, files, product), stream, indent=1, ensure_ascii=False)
        stream.write("\n")
    os.chmod(into, 0o644)


def main():
    wanted = arguments()
    packages = sbom_debian.Packages(wanted.multiarch, licences_of_dependencies())
    for folder in wanted.deb:
        control = control_of(folder)
        product = {"name": control["Package"], "version": control["Version"], "arch": control["Architecture"],
                   "depends": control.get("Depends", "")}
        into = os.path.join(folder, PLACE, f"{product['name']}_{product['arch']}.cdx.json")
        write(packages, folder, product, into, wanted.built_with)
    if wanted.tree:
        product = {"name": wanted.name, "version": wanted.version, "arch": wanted.arch, "depends": ""}
        write(packages, wanted.tree, product, wanted.into, wanted.built_with)


if __name__ == "__main__":
    main()
