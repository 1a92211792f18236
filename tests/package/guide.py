# SPDX-License-Identifier: Apache-2.0
"""Reads the administrator's guide: the blocks that are followed, and what is said about them beside the reader.

    for step in read("docs/ADMINISTRATION.md"):
        step.kind, step.text, step.line, step.answers

A block ```sh is typed as root, ```ini goes into a file, ```text is what the block before it shows. Comments that no
reader sees say what hands do (docs/STYLE.md, "Guides"):

    <!-- answers: y; {pin durand} -->   to the questions of the next block, in order
    <!-- let: NAME = command -->        what NAME stands for in the blocks from here on
    <!-- into: /etc/file.conf -->       where the next block ```ini belongs
    <!-- do: name -->                   something done by hand
    <!-- check: name -->                what the reader may rely on from here on
    <!-- not followed: reason -->       the next block is for the reader alone

As a program:  guide.py ONE OTHER FOLLOWER FRENCH…   says where two languages of a guide differ in what is done, which
names FOLLOWER, the program that follows it, does not know, and where OTHER and more documents in French have blanks that
French has not.
"""
import dataclasses
import re
import sys

BEFORE_A_BLOCK = ("answers", "into", "not followed")
ALONE = ("let", "do", "check")
SKIPPED_MAX = 3
TYPED = ("sh", "ini", "text")


@dataclasses.dataclass
class Step:
    kind: str  # sh, ini, text, let, do, check
    text: str
    line: int
    answers: list = dataclasses.field(default_factory=list)
    into: str = ""
    skipped: str = ""

    def same(self):
        """What both languages share: texts in double quotes, settings that are shown to people and what programs say are
        translated."""
        text = {"text": "", "ini": re.sub(r"^(issuer|establishment) = (?!https://).*", r"\1 = …", self.text, flags=re.M)}.get(
            self.kind, re.sub(r'"[^"$]*"', '"…"', self.text))
        return self.kind, text, self.answers, self.into, bool(self.skipped)


class BadGuide(Exception):
    """With the line."""


def comment(text, line):
    match = re.fullmatch(r"<!-- ([a-z ]+): (.+) -->", text)
    if not match or match[1] not in BEFORE_A_BLOCK + ALONE:
        raise BadGuide(f"{line}: no comment that is known: {text}")
    return match.groups()


def block(kind, said, body, line):
    if kind not in TYPED:
        raise BadGuide(f"{line}: a block of kind {kind!r}")
    if (kind == "ini") != ("into" in said):
        raise BadGuide(f"{line}: a block ```ini, and no other, has a file that it belongs to")
    answers = [part.strip() for part in said.get("answers", "").split(";") if part.strip()]
    return Step(kind, "".join(body), line, answers, said.get("into", ""), said.get("not followed", ""))


def read(path):
    steps, said, body, kind, started = [], {}, [], None, 0
    with open(path, encoding="utf-8") as file:
        for line, text in enumerate(file, 1):
            if kind is not None:
                if text.startswith("```"):
                    steps.append(block(kind, said, body, started))
                    said, body, kind = {}, [], None
                else:
                    body.append(text)
            elif text.startswith("```"):
                kind, started = text[3:].strip(), line
            elif text.startswith("<!--"):
                name, value = comment(text.strip(), line)
                if name in ALONE:
                    steps.append(Step(name, value, line))
                else:
                    said[name] = value
    if kind is not None or said:
        raise BadGuide(f"{path}: something is open at the end")
    return steps


def prose(path):
    """Line and text, without blocks, comments and code."""
    inside = False
    with open(path, encoding="utf-8") as file:
        for line, text in enumerate(file, 1):
            if text.startswith("```"):
                inside = not inside
            elif not inside and not text.startswith("<!--"):
                yield line, re.sub(r"`[^`]*`", "", text)


def french(path):
    """Blanks where French has one that does not break."""
    for line, text in prose(path):
        if re.search(r"«(?![\u00a0\u202f])|(?<![\u00a0\u202f])»| [;:!?»]", text):
            yield f"{path}:{line}: the blank before a double sign, or within « », does not hold: {text.strip()}"


def differences(one, other):
    """Of two guides, as texts."""
    first, second = read(one), read(other)
    for left, right in zip(first, second):
        if left.same() != right.same():
            yield f"{one}:{left.line} and {other}:{right.line}: not the same: {left.same()} {right.same()}"
            return
    if len(first) != len(second):
        yield f"{one} has {len(first)} steps, {other} has {len(second)}"


def complaints(one, other, follower, *more):
    yield from differences(one, other)
    steps = read(one)
    with open(follower, encoding="utf-8") as file:
        known = set(re.findall(r"^    def ((?:do|check)_\w+)\(", file.read(), re.M))
    named = {f"{step.kind}_{step.text}" for step in steps if step.kind in ("do", "check")}
    for name in sorted(named - known):
        yield f"{one}: {follower} has no {name}"
    for name in sorted(known - named):
        yield f"{follower}: {name} is not asked for in {one}"
    skipped = [step for step in steps if step.skipped]
    if len(skipped) > SKIPPED_MAX:
        yield f"{one}: {len(skipped)} blocks are not followed; {SKIPPED_MAX} at most"
    for path in (other, *more):
        yield from french(path)


if __name__ == "__main__":
    try:
        found = list(complaints(*sys.argv[1:]))
    except BadGuide as problem:
        found = [str(problem)]
    print("\n".join(found), end="\n" if found else "")
    sys.exit(1 if found else 0)
