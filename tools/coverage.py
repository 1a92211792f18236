#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""Which lines the tests of a coverage build ran: a table by group and by folder, and a rule that can fail.

usage: coverage.py BUILD [--json] [--missing [PATTERN]] [--html FILE] [--minimum PERCENT]

BUILD is a build directory of the preset `coverage` after its tests ran. Exit status 1 if a group that the
rule names is under the minimum, 2 if there is nothing to count.

  --json             the same numbers for programs, with the lines that did not run
  --missing PATTERN  the lines that did not run, of the files that match (every file without a pattern)
  --html FILE        a page with the table and the lines that did not run, in their source

A line counts once however many programs contain it, and as run if it ran in one of them. Code that no test
program links counts as not run."""
import argparse
import concurrent.futures
import fnmatch
import html
import json
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDERS = ("libhospiconnect", "libhcconfine", "libhccrypto", "libhcevidence", "libhcsqlite", "pam_hospiconnect", "authd",
           "helpers", "hospictl", "crl", "sso-gateway", "include")

# One line a group: its name, whether the rule holds for it, its files (fnmatch; * crosses folders). A file may
# belong to several; what no group names is in the table of folders alone.
GROUPS = (
    ("libhospiconnect", True, ("libhospiconnect/*", "include/hospiconnect/*")),
    ("protocol", True, (
        "authd/connection*.c", "authd/hello.c", "authd/permit.c", "authd/peer.c", "authd/quota.c",
        "authd/listener.c", "authd/reply*.c", "authd/admin.c", "authd/gateway_events.c",
        "pam_hospiconnect/exchange.c", "pam_hospiconnect/dialogue.c",
        "helpers/*_request.c", "helpers/watch_link.c", "helpers/fido2_answer.c", "helpers/password_server.c",
        "sso-gateway/broker_*.c", "sso-gateway/admin/admin_request.c", "sso-gateway/admin/client_fields.c")),
    ("policy", True, (
        "authd/policy.c", "authd/throttle.c", "authd/session*.c", "authd/signin.c", "authd/situation.c",
        "authd/attempt.c", "authd/factor_*.c", "authd/otp*.c", "authd/device_place.c",
        "authd/fido2_groups.c", "authd/origin.c", "authd/pin_memory.c", "authd/settings.c",
        "authd/credential.c", "pam_hospiconnect/verdict.c", "pam_hospiconnect/marker.c",
        "pam_hospiconnect/ticket.c", "pam_hospiconnect/options.c")),
    ("certificate", True, (
        "libhcevidence/*", "authd/ocsp*.c", "authd/cps_trust.c", "helpers/hc_ocsp_*.c",
        "helpers/pkcs11_certificate.c")),
    ("http", True, ("sso-gateway/http/*",)),
    ("crypto and backup", False, (
        "libhccrypto/*", "libhcsqlite/*", "authd/rotation.c", "authd/store/copy.c", "authd/admin_backup.c",
        "authd/restored.c", "sso-gateway/store/copy.c", "sso-gateway/admin/admin_backup.c")),
    ("authd", False, ("authd/*",)),
    ("authd store", False, ("authd/store/*",)),
    ("gateway oauth", False, ("sso-gateway/oauth/*",)),
    ("gateway jose", False, ("sso-gateway/jose/*",)),
    ("gateway store", False, ("sso-gateway/store/*",)),
    ("module", False, ("pam_hospiconnect/*",)),
    ("helpers", False, ("helpers/*",)),
    ("hospictl", False, ("hospictl/*",)),
)


def notes_files(build):
    """The note files that the compiler left; tests have some too of the product, of sources that no library has."""
    found = []
    for folder, folders, files in os.walk(build):
        folders.sort()
        found += [os.path.join(folder, f) for f in sorted(files) if f.endswith(".gcno")]
    return found


def gcov(notes):
    """The documents of one call, one for each note file. Without counts of this very build nothing of a file ran."""
    done = subprocess.run(["gcov", "--json-format", "--stdout", *notes], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    documents = [json.loads(line) for line in done.stdout.splitlines() if line.strip()]
    if len(documents) != len(notes):
        raise RuntimeError(done.stderr.decode(errors="replace"))
    for line in done.stderr.decode(errors="replace").splitlines():
        if "mismatch" in line:
            name = os.path.basename(line.split(".gcda")[0])
            print(f"coverage: built anew since its tests ran: {name}", file=sys.stderr)
    return documents


def source_name(name, directory):
    """The name below the project's root, or None for what is not the product's."""
    path = os.path.relpath(os.path.realpath(os.path.join(directory, name)), ROOT)
    return path if path.split(os.sep)[0] in FOLDERS else None


def counted(build):
    """{file: {line: times}} of everything that was compiled."""
    notes = notes_files(build)
    parts = [notes[i:i + 20] for i in range(0, len(notes), 20)]
    lines = {}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for documents in pool.map(gcov, parts):
            for document in documents:
                for file in document["files"]:
                    name = source_name(file["file"], document["current_working_directory"])
                    if name is None:
                        continue
                    of_file = lines.setdefault(name, {})
                    for line in file["lines"]:
                        number = line["line_number"]
                        of_file[number] = of_file.get(number, 0) + line["count"]
    return lines


def total(lines, names):
    """What a set of files adds up to."""
    found = sum(len(lines[name]) for name in names)
    ran = sum(sum(1 for count in lines[name].values() if count) for name in names)
    percent = round(100.0 * ran / found, 2) if found else 0.0
    return {"files": len(names), "lines": found, "covered": ran, "percent": percent}


def group_rows(lines):
    rows = []
    for name, rule, patterns in GROUPS:
        for pattern in patterns:
            if not any(fnmatch.fnmatch(file, pattern) for file in lines):
                sys.exit(f"coverage: group {name}: no file matches {pattern}")
        files = [file for file in lines if any(fnmatch.fnmatch(file, pattern) for pattern in patterns)]
        rows.append({"name": name, "rule": rule, **total(lines, files)})
    return rows


def folder_rows(lines):
    folders = {}
    for file in lines:
        folders.setdefault(os.path.dirname(file), []).append(file)
    return [{"name": name, **total(lines, folders[name])} for name in sorted(folders)]


def missing_of(file_lines):
    """The lines that did not run, as ranges over what lies between them and is no code."""
    numbers = sorted(file_lines)
    ranges = []
    joined = False
    for number in numbers:
        if file_lines[number]:
            joined = False
        elif joined:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
            joined = True
    return ranges


def range_text(ranges):
    return " ".join(str(a) if a == b else f"{a}-{b}" for a, b in ranges)


def print_table(title, rows, minimum):
    print(f"{title:28} {'files':>5} {'lines':>6} {'run':>6} {'%':>7}")
    for row in rows:
        mark = ""
        if row.get("rule"):
            mark = f"  at least {minimum:g}" if row["percent"] >= minimum else f"  UNDER {minimum:g}"
        print(f"{row['name']:28} {row['files']:5} {row['lines']:6} {row['covered']:6} {row['percent']:7.2f}{mark}")
    print()


def print_missing(lines, pattern):
    for name in sorted(lines):
        ranges = missing_of(lines[name])
        if ranges and fnmatch.fnmatch(name, pattern):
            row = total(lines, [name])
            print(f"{row['percent']:6.2f} {name}: {range_text(ranges)}")


def html_table(title, rows):
    body = "".join(f"<tr><th>{html.escape(r['name'])}<td>{r['files']}<td>{r['lines']}<td>{r['covered']}<td>"
                   f"{r['percent']:.2f}" for r in rows)
    return f"<h2>{title}</h2><table><tr><th><th>files<th>lines<th>run<th>%{body}</table>"


def html_source(name, file_lines):
    ranges = missing_of(file_lines)
    out = []
    with open(os.path.join(ROOT, name), encoding="utf-8") as source:
        for number, text in enumerate(source, 1):
            if any(a - 3 <= number <= b + 3 for a, b in ranges):
                tag = "b" if file_lines.get(number) == 0 else "span"
                out.append(f"<{tag}>{number:5} {html.escape(text.rstrip())}</{tag}>")
            elif out and out[-1]:
                out.append("")
    said = f"{html.escape(name)}: {range_text(ranges)}"
    return f"<details><summary>{said}</summary><pre>" + "\n".join(out) + "</pre></details>"


def write_html(path, lines):
    parts = ["<!doctype html><meta charset=utf-8><title>Coverage</title><style>td{text-align:right;padding:0 1em}"
             "th{text-align:left}b{background:#fbb;font-weight:normal}</style><h1>Coverage</h1>",
             html_table("Groups", group_rows(lines)), html_table("Folders", folder_rows(lines)),
             "<h2>Lines that did not run</h2>"]
    parts += [html_source(name, lines[name]) for name in sorted(lines) if missing_of(lines[name])]
    with open(path, "w", encoding="utf-8") as page:
        page.write("\n".join(parts) + "\n")


def arguments():
    parser = argparse.ArgumentParser(usage=re.search("usage: (.*)", __doc__).group(1), add_help=False)
    parser.add_argument("build")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--missing", nargs="?", const="*", metavar="PATTERN")
    parser.add_argument("--html", metavar="FILE")
    parser.add_argument("--minimum", type=float, default=90.0)
    if {"-h", "--help"} & set(sys.argv[1:]):
        print(__doc__)
        sys.exit(0)
    return parser.parse_args()


def main():
    args = arguments()
    try:
        lines = counted(os.path.abspath(args.build))
    except RuntimeError as trouble:
        sys.exit(f"coverage: gcov: {trouble}")
    if not any(any(file.values()) for file in lines.values()):
        sys.exit(f"coverage: nothing was counted below {args.build}: build the preset coverage and run its tests")
    groups = group_rows(lines)
    if args.json:
        files = {name: {**total(lines, [name]), "missing": missing_of(lines[name])} for name in sorted(lines)}
        print(json.dumps({"minimum": args.minimum, "groups": groups, "folders": folder_rows(lines), "files": files,
                          "total": total(lines, list(lines))}, indent=1))
    elif args.missing:
        print_missing(lines, args.missing)
    else:
        print_table("folder", folder_rows(lines) + [{"name": "all", **total(lines, list(lines))}], args.minimum)
        print_table("group", groups, args.minimum)
    if args.html:
        write_html(args.html, lines)
    under = [row["name"] for row in groups if row["rule"] and row["percent"] < args.minimum]
    if under:
        print(f"coverage: under {args.minimum:g} % of lines: {', '.join(under)}", file=sys.stderr)
    return 1 if under else 0


if __name__ == "__main__":
    sys.exit(main())
