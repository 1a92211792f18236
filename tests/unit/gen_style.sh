#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Goal: tools/gen-style.pl refuses a sheet that would fetch something or cannot stand in the program,
# leaves no table behind then, and names a good one by what is sent.
set -u
script=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/tools/gen-style.pl
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failures=0

run() {
	rm -f "$dir"/out.c*
	perl "$script" --output "$dir/out.c" "$dir/style.css" 2>"$dir/errors"
}

# refused WHAT PATTERN SHEET
refused() {
	printf '%s' "$3" >"$dir/style.css"
	if run; then
		echo "not refused: $1"
	elif ! grep -qE "$2" "$dir/errors"; then
		echo "$1: wrong error: $(cat "$dir/errors")"
	elif compgen -G "$dir/out.c*" >/dev/null; then
		echo "$1: something was left behind"
	else
		return
	fi
	failures=$((failures + 1))
}

refused 'a picture' 'fetches nothing' 'p { background: url(x.png); }'
refused 'a picture in capitals' 'fetches nothing' 'p { background: URL (x.png); }'
refused 'another sheet' 'fetches nothing' '@import "x.css";'
refused 'a font' 'fetches nothing' '@font-face { font-family: x; }'
refused 'markup' 'fetches nothing' '</style>'
refused 'other bytes' 'other bytes than ASCII' $'p::before { content: "\xc3\xa9"; }'
refused 'an open comment' 'not closed' 'p { margin: 0; } /* and then'
refused 'an empty sheet' 'is empty' ' '
rm -f "$dir/style.css"
if run; then
	echo "not refused: no sheet"
	failures=$((failures + 1))
fi

printf '/* why url(x) */\n\tp {\n\t\tcontent: "\\2014 ??";\t\n\t}\n\n' >"$dir/style.css"
sent=$'p {\ncontent: "\\2014 ??";\n}\n'
if ! run; then
	echo "a good sheet refused: $(cat "$dir/errors")"
	failures=$((failures + 1))
elif ! grep -qF "/style/$(printf '%s' "$sent" | sha256sum | cut -c1-16).css" "$dir/out.c"; then
	echo "not named by what is sent: $(cat "$dir/out.c")"
	failures=$((failures + 1))
elif ! grep -qF '"content: \"\\2014 ?\?\";\n"' "$dir/out.c"; then
	echo "wrong bytes: $(cat "$dir/out.c")"
	failures=$((failures + 1))
fi

[ "$failures" -eq 0 ] && echo "all sheets that must be refused are refused"
exit "$((failures > 0))"
