#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Licence line first in every source, no blanks at the ends of lines, a line break at the end of the
# file, spelling.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

sources() {
	hc_c_files "${hc_all_code[@]}"
	hc_files '*.sh' tools script tests bench data
	hc_files '*.cmake' cmake tests
	hc_files CMakeLists.txt . | sed 's|^\./||' | grep -v '^build/' || true
	hc_files '*.py' tests tools bench script
	hc_files '*.pl' tools
	hc_files '*.[1-8]' man
}

count=0
while IFS= read -r file; do
	count=$((count + 1))
	head -n 3 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' ||
		hc_violation "$file:1" "SPDX-License-Identifier: Apache-2.0 is missing from the first lines"
	grep -nqE '[[:blank:]]+$' "$file" && hc_violation "$file:$(grep -nE -m1 '[[:blank:]]+$' "$file" | cut -d: -f1)" "blanks at the end of the line"
	[[ -s $file && -n $(tail -c1 "$file") ]] && hc_violation "$file" "no line break at the end"
done < <(sources | sort -u)

if command -v codespell >/dev/null; then
	mapfile -t folders < <(for f in "${hc_all_code[@]}" cmake tools script man docs data README.md CONTRIBUTING.md \
		SECURITY.md CHANGELOG.md; do [[ -e $f ]] && echo "$f"; done)
	ignored=$(grep -v '^#' "$hc_tools/codespell-ignore.txt" | paste -sd, || true)
	while IFS= read -r line; do
		hc_violation "$line" "spelling (tools/codespell-ignore.txt lists words that are right)"
	# the texts of the help-desk codes are French as well; they are compared with those of po/
	done < <(codespell --quiet-level 2 ${ignored:+--ignore-words-list "$ignored"} --skip 'tests,*.bin,*.fr.md,pages.mjs,man/hospiconnect-codes.7' \
		"${folders[@]}" 2>/dev/null || true)
else
	hc_violation codespell "is not installed: no word was looked at"
fi
hc_verdict check-words "$count files"
