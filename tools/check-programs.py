#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""check-programs.py BUILD: the manual says what the programs that were built there do.

Asked of the programs, by running them: which commands and options they take and refuse, which keys of a configuration,
and with which status they end. Asked of their build: what is installed, the keys with their defaults, as the
preprocessor sees them. Each is held against the pages in man/ and the example configurations in data/.
"""
import json
import os
import re
import shlex
import string
import subprocess
import sys
import tempfile
import unicodedata

DAEMONS = {"hospiconnect-authd": ("authd/settings.c", "authd.conf"), "hospiconnect-crl": ("crl/settings.c", "crl.conf"),
           "hospiconnect-gateway": ("sso-gateway/settings.c", "gateway.conf")}
NEEDED = {"1": ("NAME", "SYNOPSIS", "DESCRIPTION", "SEE ALSO"), "5": ("NAME", "SYNOPSIS", "DESCRIPTION", "FILES", "EXAMPLES", "SEE ALSO"),
          "7": ("NAME", "DESCRIPTION", "SEE ALSO"), "8": ("NAME", "SYNOPSIS", "DESCRIPTION", "FILES", "EXAMPLES", "SEE ALSO")}
PROSE = ("none", "any", "the ", "where ", "a systemd credential")
# What a service manager sets for whatever it starts; a page names what its program makes use of.
MANAGER = {"JOURNAL_STREAM", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC"}
SET = {"LC_ALL", "LC_MESSAGES", "LANG", "COLUMNS", "LINES", "LISTEN_FDS", "LISTEN_PID"}
violations = []


def violation(where, why):
    violations.append(f"{where}: {why}")


def differ(where, what, real, documented):
    for word in sorted(set(real) - set(documented)):
        violation(where, f"{what} {word} is not documented")
    for word in sorted(set(documented) - set(real)):
        violation(where, f"{what} {word} is documented and does not exist")


def run(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False,
                          env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", "COLUMNS": "200"})
    return done.returncode, done.stdout + done.stderr


# ---- pages

class Page:
    def __init__(self, path):
        self.path = path
        with open(path, encoding="utf-8") as file:
            self.lines = [line for line in file.read().splitlines() if not line.startswith('.\\"')]

    def section(self, name):
        """The lines of .Sh NAME."""
        found, inside = [], False
        for line in self.lines:
            if line.startswith(".Sh "):
                inside = line[4:] == name
            elif inside:
                found.append(line)
        return found

    def items(self, lines=None):
        """(head, body) of each .It, those within others included; a head goes over .Xo to .Xc."""
        items = []
        for line in self.lines if lines is None else lines:
            if line.startswith(".It"):
                items.append([line[4:], []])
            elif line.startswith((".Ss", ".Sh")):
                items.append(["", []])
            elif items and items[-1][0].startswith("Xo") and ".Xc" not in items[-1][1]:
                items[-1][1].append(line)
                items[-1][0] += " " + line.lstrip(".")
            elif items:
                items[-1][1].append(line)
        return [(head, body) for head, body in items if head]

    def marked(self, macro, lines=None):
        """What stands behind .MACRO or MACRO, on any line: Fl -x, Ev X, Pa /x."""
        text = "\n".join(self.lines if lines is None else lines)
        return [word.replace("\\-", "-") for part in re.findall(rf"(?m)(?:^\.| ){macro} (?=(\S+(?: [,|] \S+)*))", text)
                for word in re.split(r" [,|] ", part)]

    def options(self, lines=None):
        """Only what a line shows as an option: the words behind Fl, without what they are given."""
        return {"-" + word for word in self.marked("Fl", lines) if re.fullmatch(r"-[a-z][a-z0-9-]*", word)}

    def examples(self):
        """The literal displays of EXAMPLES."""
        return re.findall(r"\.Bd -literal[^\n]*\n(.*?)\n\.Ed", "\n".join(self.section("EXAMPLES")), re.S)


def plain(lines):
    """The text of some lines, without macros."""
    words = []
    for line in lines:
        if line.startswith("."):
            parts = line[1:].split()
            line = " ".join(part for part in parts if not re.fullmatch(r"[A-Z][a-z]|Ss|Sh|Ns", part))
        words.append(line)
    return re.sub(r" ([.,;:])(?= |$)", r"\1", " ".join(words)).replace("\\&", "").replace("\\-", "-")


# ---- programs

def help_options(text):
    return set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", text))


def check_getopt(page, path, options):
    """getopt_long(3) takes what an option begins with, so that a program says itself which options it has."""
    name = os.path.basename(path)
    modes = [()] + [(word,) for word in sorted(set(re.findall(rf"^(?:usage:)? +{name} ([a-z]+)\b", run(path, "--help")[1], re.M)))]
    for option in sorted(options):
        value = re.search(rf"{option} ([A-Z]+)", run(path, "--help")[1])
        word = option + "=/nonexistent" if value else option
        if all(run(path, *mode, word, "--help")[0] != 0 for mode in modes):
            violation(page.path, f"{name} refuses {option}")
    real = set()
    for letter in string.ascii_lowercase:
        if letter in "hv":
            continue
        for mode in modes:
            status, said = run(path, *mode, f"--{letter}=", "--help")
            begins = {option for option in options if option.startswith("--" + letter)}
            if "possibilities" in said:
                real |= help_options(said.split("possibilities:")[1].splitlines()[0])
            elif "doesn't allow an argument" in said or "requires an argument" in said:
                real |= help_options(re.search(r"option '(--[a-z-]+)'", said).group(0))
            elif status == 0 and begins:
                real |= begins
            elif status == 0:
                violation(page.path, f"{name} takes an option that begins with --{letter} and is not documented")
    differ(page.path, "option", real, options - {"--help", "--version"})


def check_program(page, path):
    text = run(path, "--help")[1]
    options = page.options()
    differ(page.path, "option", help_options(text), options)
    differ(page.path, "option (SYNOPSIS)", help_options(text), page.options(page.section("SYNOPSIS")))
    check_getopt(page, path, options)
    statuses = {head.split()[0] for head, _ in page.items(page.section("EXIT STATUS"))}
    for wanted, words in (("0", ("--version",)), ("2", ("--no-such-option",)), ("2", ("no-such-word",))):
        got = run(path, *words)[0]
        if str(got) != wanted or wanted not in statuses:
            violation(page.path, f"{words[0]} ends with status {got}, the page knows {sorted(statuses)}")
    source = ""
    for name in os.listdir("helpers"):
        if name.replace("_", "-").startswith(os.path.basename(path)):
            with open(os.path.join("helpers", name), encoding="utf-8") as file:
                source += file.read()
    differ(page.path, "exit status", {"0", "1", "2"} | set(re.findall(r"#define \w+\s+(\d) /\* exit status", source)), statuses)


def command_blocks(page, commands):
    """The lines of each command and of each subsection before its first one; the heads; the subsections of commands."""
    blocks, heads, sections, where, current, long = {"": []}, {}, {}, "", None, False
    for line in page.section("DESCRIPTION"):
        if line.startswith(".Ss "):
            where, current = line[4:], None
        item = re.match(r"\.(?:It )?Cm ([a-z0-9][a-z0-9 -]*?)(?= (?:Ar|Op|Oo|Fl)\b|$)", line)
        if item and where and (long or line.startswith(".It") and (item.group(1) in commands or item.group(1).split()[0] in nouns(commands))):
            current = item.group(1)
            sections[current] = where
        long = line == ".It Xo" or long and line != ".Xc"
        blocks.setdefault(current or where, []).append(line)
        if current and (long or line.startswith(".It Cm " + current)):
            heads.setdefault(current, []).append(line)
    return blocks, heads, sections


def nouns(commands):
    return {name.split()[0] for name in commands}


def check_hospictl(page, path):
    _, text = run(path, "--lang", "en", "--help")
    commands = dict(re.findall(r"(?m)^  ([a-z][a-z0-9-]*(?: [a-z][a-z0-9-]*){0,2})(?: (\[?[A-Z]+\]?))?(?:  |$)",
                               text.split("Commands:")[1].split("\nOptions")[0]))
    blocks, heads, sections = command_blocks(page, commands)
    differ(page.path, "command", commands, heads)
    everywhere = help_options(text.split("Options of every command:")[1].split("\n\n")[0])
    differ(page.path, "option of every command", everywhere, page.options([line for line in blocks["Options of every command"] if line.startswith(".It Fl")]))
    differ(page.path, "option of every command (SYNOPSIS)", everywhere, page.options(page.section("SYNOPSIS")))
    for name, operand in commands.items():
        if name not in heads:
            continue
        said = run(path, "--lang", "en", *name.split(), "--help")[1]
        if run(path, "--lang", "en", "help", *name.split())[1] != said:
            violation("hospictl", f"help {name}: not what {name} --help says")
        listed = re.search(r"Options of this command:\n(.*?)\n\n", said, re.S)
        real = help_options(listed.group(1)) if listed else set()
        shown = page.options(heads[name] + [line for line in blocks[name] if line.startswith(".It Fl")])
        common = page.options([line for line in blocks[sections[name]] if line.startswith(".It Fl")])
        differ(page.path, f"{name}: option", real, shown | common & real)
        if operand and f"Ar {operand.strip('[]').lower()}" not in " ".join(heads[name]):
            violation(page.path, f"{name}: operand {operand} is not documented")
    numbers = set(re.findall(r"\b(\d) ", text.split("Exit status:")[1]))
    with open("hospictl/ctl.h", encoding="utf-8") as file:
        real = set(re.findall(r"\bHC_CTL_[A-Z]+ = (\d)", file.read()))
    documented = {head.split()[0] for head, _ in page.items(page.section("EXIT STATUS"))}
    differ(page.path, "exit status", real, documented)
    differ("hospictl --help", "exit status", real, numbers)
    for wanted, words in ((0, ("--version",)), (2, ("no-such-command",)), (4, ("--socket", "/nonexistent/x", "user", "list"))):
        if run(path, *words)[0] != wanted:
            violation(page.path, f"{' '.join(words)} does not end with {wanted}")


def check_environment(page, path):
    with open(path, "rb") as file:
        program = file.read()
    known = set()
    for folder in ("libhospiconnect", "libhccrypto", "authd", "helpers", "hospictl", "crl", "sso-gateway"):
        for base, _, names in os.walk(folder):
            for name in names:
                if name.endswith(".c"):
                    with open(os.path.join(base, name), encoding="utf-8") as file:
                        text = file.read()
                    known |= set(re.findall(r'getenv\("([A-Z_]+)"\)', text))
                    if "getenv(names[" in text or "getenv(name)" in text:
                        known |= set(re.findall(r'"([A-Z][A-Z_]+)"', text)) & SET
    real = {name for name in known if b"\0" + name.encode() + b"\0" in program}
    told = set(page.marked("Ev"))
    differ(page.path, "variable", real - (MANAGER - told), told)


# ---- configurations

def table(build, source):
    """{(section, key): (default or None, choices)} of a settings table, as the preprocessor sees it."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        entry = next(entry for entry in json.load(file) if entry["file"] == os.path.realpath(source))
    words = shlex.split(entry["command"])
    del words[words.index("-o"):words.index("-o") + 2]
    words[words.index("-c")] = "-E"
    text = subprocess.run(words + ["-P"], cwd=entry["directory"], capture_output=True, text=True, check=True).stdout
    lists = {name: re.findall(r'"([^"]*)"', body) for name, body in re.findall(r"\*const (\w+)\[\] = \{(.*?)\};", text, re.S)}
    body = re.search(r"struct hc_config_key \w+\[\] = \{(.*?)\n\};|struct hc_config_key \w+\[\] = \{(.*?)\{\s*\.section =", text, re.S)
    keys = {}
    for chunk in re.split(r"\.section = ", (body.group(1) or body.group(2)))[1:]:
        names = re.match(r'\(?"(\w+)"\)?,\s*\.key = \(?"(\w+)"', chunk)
        if not names:
            continue
        preset = re.search(r"\.preset = \(?((?:\s*\"(?:[^\"\\]|\\.)*\")+)", chunk)
        choices = re.search(r"\.choices = \(?(\w+)", chunk)
        keys[names.groups()] = ("".join(re.findall(r'"((?:[^"\\]|\\.)*)"', preset.group(1))) if preset else None,
                                lists.get(choices.group(1), []) if choices else [])
    return keys


def documented_keys(page):
    """{(section, key): lines} of the page."""
    keys, section, key = {}, None, None
    for line in page.section("DESCRIPTION"):
        title = re.match(r"\.Ss Section \[(\w+)\]", line)
        if line.startswith(".Ss"):
            section, key = (title.group(1) if title else None), None
        item = re.match(r"\.It Cm (\w+)", line)
        if item and section:
            key = (section, item.group(1))
            keys[key] = []
        elif key:
            keys[key].append(line)
    return keys


def split(value):
    return re.split(r"[ ,]+", value.strip())


def check_default(page, key, lines, preset, choices):
    text = plain(lines)
    said = re.findall(r"[Dd]efault: (.*?)(?:[;.] |[;.]$|, |$)", text + " ") if "," not in (preset or "") and " " not in (preset or "") \
        else re.findall(r"[Dd]efault: (.*?)\.? *$", text)
    where = "[%s] %s" % key
    if preset is None:
        if said:
            violation(page.path, f"{where} has no default, the page says {said[0]}")
    elif not said:
        if preset or not text.startswith("The same for"):
            violation(page.path, f"{where}: the default \"{preset}\" is not documented")
    elif preset == "" and not (said[0] + " ").startswith(PROSE):
        violation(page.path, f"{where} has no value by default, the page says {said[0]}")
    elif preset and split(said[0]) != split(preset):
        violation(page.path, f"{where}: the default is \"{preset}\", the page says \"{said[0]}\"")
    for choice in choices:
        if not re.search(rf"(?<![\w-]){re.escape(choice)}(?![\w-])", text):
            violation(page.path, f"{where}: the value {choice} is not documented")


def accepted(path, text):
    with tempfile.TemporaryDirectory() as folder:
        name = os.path.join(folder, "x.conf")
        with open(name, "w", encoding="utf-8") as file:
            file.write(text)
        return run(path, "--check-config", "--config", name)


def check_configuration(build, program, path):
    source, name = DAEMONS[program]
    page, shipped = Page(f"man/hospiconnect-{name}.5"), f"data/{name}"
    keys, documented = table(build, source), documented_keys(page)
    differ(page.path, "key", ["[%s] %s" % key for key in keys], ["[%s] %s" % key for key in documented])
    for key in sorted(set(keys) & set(documented)):
        check_default(page, key, documented[key], *keys[key])
    with open(shipped, encoding="utf-8") as file:
        lines = file.read().splitlines()
    section, found = None, {}
    for line in lines:
        title, entry = re.match(r"\[(\w+)\]$", line), re.match(r"(#? ?)(\w+) =(?: (.*))?$", line)
        if title:
            section = title.group(1)
        elif entry:
            found[section, entry.group(2)] = (entry.group(1), entry.group(3) or "")
    differ(shipped, "key", ["[%s] %s" % key for key in keys], ["[%s] %s" % key for key in found])
    for key, (mark, value) in found.items():
        if mark == "#" and key in keys and keys[key][0] and keys[key][0] != value:
            violation(shipped, "[%s] %s: behind a single # stands %s, the default is %s" % (*key, value, keys[key][0]))
    for what, text in [("as it is", "\n".join(lines)), ("with every default", "\n".join(re.sub(r"^#(?=\w+ = )", "", line) for line in lines))]:
        status, said = accepted(path, text + "\n")
        if status != 0:
            violation(shipped, f"{program} refuses it {what}: {said.strip()}")
    if not page.examples():
        violation(page.path, "no example")
    for text in page.examples():
        status, said = accepted(path, text.replace("\\(aq", "'") + "\n")
        if status != 0:
            violation(page.path, f"{program} refuses the example: {said.strip()}")
    if accepted(path, "\n".join(lines) + "\nno_such_key = 1\n")[0] != 1:
        violation(page.path, f"{program} does not refuse a key that it does not know")


# ---- help-desk codes

ROFF = {"\\e": "\\", "\\&": "", "\\~": "\u00a0", "\\-": "-", "\\(cq": "\u2019", "\\(Fo": "«", "\\(Fc": "»", "\\(lq": "“", "\\(rq": "”",
        "\\(en": "–", "\\(em": "—", "\\(dq": '"', "\\(aq": "'", "\\(oe": "œ", "\\(,c": "ç"}
ACCENTS = {"'": "\u0301", "`": "\u0300", "^": "\u0302", ":": "\u0308"}


def unroff(text):
    text = re.sub(r"\\\((['`^:])([A-Za-z])", lambda found: unicodedata.normalize("NFC", found[2] + ACCENTS[found[1]]), text)
    return re.sub(r"\\(?:\(..|.)", lambda found: ROFF.get(found[0], found[0]), text)


def check_codes(page):
    """What is shown with each code stands in the page as it stands in the catalogue, in both languages."""
    for place, language in enumerate(("en", "fr")):
        with open(f"po/{language}.po", encoding="utf-8") as file:
            catalogue = re.findall(r'msgctxt "reason\.(\w+)"\n(?:msgid|".*"\n)? ?.*?\nmsgstr ((?:"(?:[^"\\]|\\.)*"\n?)+)', file.read())
        texts = {name: "".join(json.loads(f'"{part}"') for part in re.findall(r'"((?:[^"\\]|\\.)*)"', text)) for name, text in catalogue}
        shown = {}
        for name, items in re.findall(r"(?m)^\.It Sy HC-\d+ Pq Dv (\w+)\n\.Bl -item[^\n]*\n(.*?)\n\.El", "\n".join(page.lines), re.S | re.M):
            shown[name] = unroff(" ".join(items.split(".It\n")[1 + place].split("\n")).strip())
        for name in sorted(set(texts) - set(shown)):
            violation(page.path, f"{name}: its text ({language}) is not documented")
        for name, text in sorted(shown.items()):
            if texts.get(name, "").replace("\u202f", "\u00a0").replace("…", "...") != text:
                violation(page.path, f"{name} ({language}): what is shown is: {texts.get(name)}")


# ---- what is installed

def check_tree(tree, pages):
    """Each page is installed, what it refers to exists, and each path that the package makes is told by a page."""
    names = {os.path.basename(page.path).rsplit(".", 1)[0]: page for page in pages}
    installed, text = set(), ""
    for base, _, files in os.walk(tree):
        for file in files:
            installed.add(os.path.join(base, file)[len(tree):])
            if file.endswith((".socket", ".service")):
                with open(os.path.join(base, file), encoding="utf-8") as unit:
                    text += unit.read()
    programs = [file for file in installed if re.match(r"/usr/(s?bin|libexec)/", file)]
    for file in programs:
        if os.path.basename(file) not in names:
            violation("man", f"{file} is installed and has no page")
    if not programs:
        violation("man", "no program is installed")
    told = set()
    for page in pages:
        name, kind = os.path.basename(page.path).rsplit(".", 1)
        if not any(file.endswith(f"/man{kind}/{name}.{kind}") for file in installed):
            violation(page.path, "is not installed")
        for section in NEEDED[kind]:
            if not page.section(section):
                violation(page.path, f"has no section {section}")
        for reference, number in re.findall(r"Xr ((?:hospi|hc-|pam_hospi)[\w.-]+) (\d)", "\n".join(page.lines)):
            if not os.path.exists(f"man/{reference}.{number}"):
                violation(page.path, f"{reference}({number}) does not exist")
        for path in page.marked("Pa"):
            told.add(path)
            if re.match(r"/usr/(lib|share)/(systemd|udev|polkit-1|pam|sysusers|tmpfiles)", path) and path not in installed:
                violation(page.path, f"{path} is not installed")
            if re.match(r"/run/hospiconnect[^ ]*\.sock$", path) and path not in SOCKETS and path not in text:
                violation(page.path, f"{path}: nothing listens there")
    for path in sorted(set(re.findall(r"ListenSequentialPacket=(\S+)", text)) | SOCKETS):
        if path not in told:
            violation("man", f"no page knows {path}")
    overview = names["hospiconnect"]
    listed = set(re.findall(r"Xr ([\w.-]+) \d", "\n".join(overview.section("SEE ALSO"))))
    differ(overview.path, "SEE ALSO: page", set(names) - {"hospiconnect"}, {name for name in listed if name.startswith(("hospi", "hc-", "pam_hospi"))})


SOCKETS = set()


def main():
    build = os.path.realpath(sys.argv[1])
    os.chdir(os.environ.get("HC_ROOT", os.path.join(os.path.dirname(os.path.realpath(__file__)), "..")))
    pages = [Page(os.path.join("man", name)) for name in sorted(os.listdir("man")) if re.search(r"\.[1-8]$", name)]
    by_name = {os.path.basename(page.path).rsplit(".", 1)[0]: page for page in pages}
    programs = sorted(os.path.join(build, folder, name) for folder in ("bin", "libexec") for name in os.listdir(os.path.join(build, folder))
                      if name.startswith(("hospi", "hc-")) and not name.startswith("hc-test"))
    for path in programs:
        name = os.path.basename(path)
        if name not in by_name:
            violation("man", f"{name} has no page")
            continue
        (check_hospictl if name == "hospictl" else check_program)(by_name[name], path)
        check_environment(by_name[name], path)
        if name in DAEMONS:
            SOCKETS.update(value for value, _ in table(build, DAEMONS[name][0]).values() if value and value.endswith(".sock"))
            check_configuration(build, name, path)
    check_codes(by_name["hospiconnect-codes"])
    with tempfile.TemporaryDirectory() as tree:
        subprocess.run(["cmake", "--install", build, "--prefix", "/usr"], env={**os.environ, "DESTDIR": tree}, check=True,
                       stdout=subprocess.DEVNULL)
        check_tree(tree, pages)
    for line in violations:
        print(line, file=sys.stderr)
    print(f"check-programs: {len(programs)} programs, {len(pages)} pages, {len(violations) or 'no'} violation(s)")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
