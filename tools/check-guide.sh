#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The administrator's guide is one in two languages: the same commands, settings and hands in the same order, known to the
# program that follows it; French has the blanks of French. The clinician's card fits its page.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

count=0
if [[ -e docs/ADMINISTRATION.md ]]; then
	count=1
	while IFS= read -r line; do
		[[ -z $line ]] || hc_violation "guide" "$line"
	done < <(/usr/bin/python3 -B "$hc_tools/../tests/package/guide.py" docs/ADMINISTRATION.md docs/ADMINISTRATION.fr.md \
		tests/package/test_guide.py docs/CLINICIAN.fr.md 2>&1 || true)
fi
for card in docs/CLINICIAN.md docs/CLINICIAN.fr.md; do
	[[ -e $card ]] || continue
	count=$((count + 1))
	(($(wc -l <"$card") <= 60)) || hc_violation "$card" "is longer than a page (60 lines)"
done
hc_verdict check-guide "$count documents"
