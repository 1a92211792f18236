#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What is quick enough to run before each commit:  ln -s ../../tools/pre-commit.sh .git/hooks/pre-commit
set -euo pipefail
cd "$(git rev-parse --show-toplevel)"

mapfile -d '' -t changed < <(git diff --cached --name-only --diff-filter=d -z)
((${#changed[@]})) || exit 0
status=0
for file in "${changed[@]}"; do
	case $file in
	*.[ch]) clang-format --dry-run -Werror "$file" || status=1 ;;
	*.sh | script/test | script/demo | .ci/run) shellcheck -x "$file" || status=1 ;;
	man/*.[1-8]) mandoc -T lint -W warning "$file" || status=1 ;;
	esac
done
for check in check-layers banned check-size check-words; do
	"tools/$check.sh" >/dev/null || status=1
done
exit "$status"
