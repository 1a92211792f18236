#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The documents point at what exists: every relative link, every path written as code below a folder of
# ours, and every test that a document names as `tests/FILE:NAME`.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

documents() {
	find . -maxdepth 1 -name '*.md'
	hc_files '*.md' docs bench tests | sed 's|^|./|'
}

check_path() {
	local where=$1 from=$2 path=$3
	[[ -e $from/$path || -e $path ]] || hc_violation "$where" "$path does not exist"
}

count=0
while IFS= read -r document; do
	document=${document#./}
	count=$((count + 1))
	while IFS= read -r link; do
		link=${link%%#*}
		[[ -z $link || $link == *://* || $link == mailto:* ]] && continue
		check_path "$document" "$(dirname "$document")" "$link"
	done < <(grep -oE '\]\([^) ]+\)' "$document" | sed 's/^](//; s/)$//' || true)
	# shellcheck disable=SC2016 # the backticks are Markdown's
	while IFS= read -r reference; do
		file=${reference%%:*}
		if [[ ! -f $file ]]; then
			hc_violation "$document" "$file does not exist"
		elif [[ $reference == *:* ]] && ! grep -qw -- "${reference#*:}" "$file"; then
			hc_violation "$document" "$file has no ${reference#*:}"
		fi
	done < <(grep -oE '`(authd|libhospiconnect|pam_hospiconnect|hospictl|include|tests|tools|script|cmake|data|po|man|debian|bench)/[A-Za-z0-9_./-]+\.[a-z0-9]+(:[a-z0-9_]+)?`' "$document" | tr -d '`' | sort -u || true)
done < <(documents | sort -u)
hc_verdict check-docs "$count documents"
