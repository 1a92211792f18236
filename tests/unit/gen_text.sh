#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Goal: tools/gen-text.pl refuses texts that are not the same set in both languages, with file and
# line, and leaves no table behind; and what it makes of good ones is sorted.
set -u
script=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/tools/gen-text.pl
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failures=0

# entry CONTEXT MSGID MSGSTR
entry() {
	printf 'msgctxt "%s"\nmsgid "%s"\nmsgstr "%s"\n\n' "$1" "$2" "$3"
}

run() {
	rm -f "$dir/out.c"
	perl "$script" --output "$dir/out.c" "$dir/fr.po" "$dir/en.po" 2>"$dir/errors"
}

# refused WHAT PATTERN: the two files that stand there now give an error that matches, and no table.
refused() {
	if run; then
		echo "not refused: $1"
	elif ! grep -qE "$2" "$dir/errors"; then
		echo "$1: wrong error: $(cat "$dir/errors")"
	elif [ -e "$dir/out.c" ]; then
		echo "$1: a table was left behind"
	else
		return
	fi
	failures=$((failures + 1))
}

good() {
	entry b.two 'Two {0}' 'Deux {0}' >"$dir/fr.po"
	entry b.two 'Two {0}' 'Two {0}' >"$dir/en.po"
}

good
entry a.one One Un >>"$dir/fr.po"
refused 'missing in English' 'fr.po:5: a.one: has no text in .*en.po'

good
entry a.one One One >>"$dir/en.po"
refused 'missing in French' 'en.po:5: a.one: has no text in .*fr.po'

good
entry b.two 'Two {0}' 'Deux {0}' >>"$dir/fr.po"
refused 'given twice' 'fr.po:5: b.two: given twice, first in line 1'

good
entry b.two 'Two {0}' 'Deux' >"$dir/fr.po"
refused 'a placeholder that one language lacks' 'fr.po:1: b.two: the placeholders differ'

good
entry b.two 'Two {0}' 'Deux {0} {1}' >"$dir/fr.po"
refused 'a placeholder too many' 'fr.po:1: b.two: the placeholders differ'

good
entry b.two 'Three {0}' 'Deux {0}' >"$dir/fr.po"
refused 'a translation of another text' 'fr.po:1: b.two: the msgid is not the one'

good
entry b.two 'Two {0}' '' >"$dir/fr.po"
refused 'empty text' 'fr.po:1: b.two: the text is empty'

good
entry b.two 'Two {0}' $'Deux {0} \xff' >"$dir/fr.po"
refused 'not UTF-8' 'fr.po:3: not UTF-8'

good
printf 'msgctxt "c"\nmsgid "x"\n' >>"$dir/fr.po"
refused 'no msgstr' 'fr.po:5: c: msgid or msgstr is missing'

good
printf 'msgid "x"\nmsgstr "y"\n' >>"$dir/fr.po"
refused 'no msgctxt' 'fr.po:5: an entry without msgctxt'

good
printf 'msgstr_plural "x"\n' >>"$dir/fr.po"
refused 'unknown keyword' 'fr.po:5: cannot read'

good
entry 'b two' x x >>"$dir/fr.po"
refused 'a name with a blank' 'a name has letters'

: >"$dir/fr.po"
: >"$dir/en.po"
refused 'no text at all' 'has no texts'

rm "$dir/en.po"
refused 'no file' 'en.po: No such file'

good
{
	printf 'msgid ""\nmsgstr ""\n"Language: fr\\n"\n\n'
	cat "$dir/fr.po"
	printf '#. a note\nmsgctxt "a.one"\nmsgid ""\n"O"\n"ne"\nmsgstr ""\n"U\xc3\xa9 \\"1\\"\\n"\n"?""?="\n' |
		sed 's/"?""?="/"??="/'
} >"$dir/fr2.po"
mv "$dir/fr2.po" "$dir/fr.po"
entry a.one One One >>"$dir/en.po"
if ! run; then
	echo "good texts refused: $(cat "$dir/errors")"
	failures=$((failures + 1))
elif [ "$(grep -oE '"(a\.one|b\.two)"' "$dir/out.c" | tr '\n' ' ')" != '"a.one" "b.two" ' ]; then
	echo "not sorted"
	failures=$((failures + 1))
elif ! grep -qF '"U\303\251 \"1\"\012?\?="' "$dir/out.c"; then
	echo "wrong text: $(grep -A1 a.one "$dir/out.c")"
	failures=$((failures + 1))
fi

[ "$failures" -eq 0 ] && echo "all texts that must be refused are refused"
exit "$((failures > 0))"
