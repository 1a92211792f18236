#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Functions of at most 80 lines and four levels of nesting, files of at most 800 lines (a warning from
# 500 on). Relies on clang-format: a function's braces stand in the first column.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

count=0
while IFS= read -r file; do
	count=$((count + 1))
	lines=$(wc -l <"$file")
	if ((lines > 800)); then
		hc_violation "$file" "$lines lines: split it (800 at most)"
	elif ((lines > 500)); then
		printf '%s: warning: %d lines: time to split it\n' "$file" "$lines"
	fi
	while IFS= read -r long; do
		hc_violation "$file:${long%% *}" "function of ${long#* } lines: 80 at most"
	done < <(awk '/^\{/ {start = NR} /^\}/ && start {if (NR - start - 1 > 80) print start, NR - start - 1; start = 0}' "$file")
done < <(hc_c_files "${hc_all_code[@]}")
hc_verdict check-size "$count files"
