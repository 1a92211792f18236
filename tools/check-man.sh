#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# check-man.sh [BUILD]: the manual says what the programs do.
#   * every page passes mandoc -T lint;
#   * every help-desk code of reason.h stands in hospiconnect-codes(7), and no other; each has a text in
#     French and English;
#   * every key of a daemon's settings table stands in its page (hospiconnect-authd.conf(5),
#     hospiconnect-crl.conf(5), hospiconnect-gateway.conf(5)), and no other;
#   * every event of the audit trail stands in hospictl(8) and in the completion, and no other;
#   * every argument of the module stands in pam_hospiconnect(8);
#   * with BUILD: what the programs that were built there take and refuse (check-programs.py).
build=${1:+$(realpath "$1")}
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# differ WHERE WHAT THIS THAT: each word of one list must be in the other.
differ() {
	local where=$1 what=$2 here=$3 there=$4 word
	while IFS= read -r word; do
		hc_violation "$where" "$what $word is not documented"
	done < <(comm -23 <(sort -u <<<"$here") <(sort -u <<<"$there") | grep . || true)
	while IFS= read -r word; do
		hc_violation "$where" "$what $word is documented and does not exist"
	done < <(comm -13 <(sort -u <<<"$here") <(sort -u <<<"$there") | grep . || true)
}

count=0
while IFS= read -r page; do
	count=$((count + 1))
	out=$(mandoc -T lint -W warning "$page" 2>&1) || hc_violation "$page" "mandoc -T lint:
$out"
done < <(hc_files '*.[1-8]' man)
((count > 0)) || hc_violation man "no manual page"

codes=man/hospiconnect-codes.7
names=$(sed -n 's/^[[:space:]]*X(\([0-9]*\), \([A-Z_]*\)).*/\1 \2/p' include/hospiconnect/reason.h)
differ "$codes" code "$(cut -d' ' -f1 <<<"$names" | sed 's/^/HC-/')" \
	"$(sed -n 's/^\.It Sy \(HC-[0-9]*\).*/\1/p' "$codes" 2>/dev/null)"
for language in en fr; do
	[[ -f po/$language.po ]] || continue
	differ "po/$language.po" "text" "$(cut -d' ' -f2 <<<"$names" | sed 's/^/reason./')" \
		"$(sed -n 's/^msgctxt "\(reason\.[A-Z_]*\)"$/\1/p' "po/$language.po")"
done

# The catalogue of events, in the page and in the completion.
if [[ -f authd/audit.h ]]; then
	events=$(sed -nE 's/^[[:space:]]*X\([A-Z_]+, "([a-z-]+)"\).*/\1/p' authd/audit.h)
	differ man/hospictl.8 event "$events" \
		"$(sed -nE '/^\.It Fl -event/,/^\.It Fl -limit/s/^\.It Sy //p' man/hospictl.8 | sed 's/ , /\n/g')"
	differ data/completion/hospictl.bash event "$events" \
		"$(sed -n "/^_hospictl_events='/,/'$/p" data/completion/hospictl.bash | sed "s/.*='//; s/'$//" | tr -s ' \t' '\n' | grep .)"
fi

# The settings table is the program's own: an entry begins with its key, or with section and key.
settings_keys() {
	perl -0777 -ne 'next unless /struct hc_config_key \w+\[\] = \{(.*?)\n\};/s;
		my $table = $1;
		while ($table =~ /[({]\s*"([a-z0-9_]+)"(?:\s*,\s*"([a-z0-9_]+)")?/g) { print $2 // $1, "\n" }' "$1"
}
for daemon in authd:authd crl:crl gateway:sso-gateway; do
	settings=$(grep -lE 'struct hc_config_key [a-z_]+\[\] = ' "${daemon#*:}"/settings.c "${daemon#*:}"/*.c 2>/dev/null | head -n 1 || true)
	page=man/hospiconnect-${daemon%%:*}.conf.5
	[[ -n $settings ]] || continue
	differ "$page" "key" "$(settings_keys "$settings")" "$(sed -n 's/^\.It Cm \([a-z0-9_]*\).*/\1/p' "$page" 2>/dev/null)"
done

if [[ -f pam_hospiconnect/options.c ]]; then
	differ man/pam_hospiconnect.8 "argument" \
		"$(perl -ne 'print "$1\n" while /\{"([a-z_]+)", (?:true|false), store_/g' pam_hospiconnect/options.c)" \
		"$(sed -n 's/^\.It Cm \([a-z_]*\).*/\1/p' man/pam_hospiconnect.8 2>/dev/null)"
fi

# What the programs that were built say of themselves.
if [[ -n $build ]]; then
	"$hc_tools/check-programs.py" "$build" || hc_violations=$((hc_violations + 1))
fi
hc_verdict check-man "$count pages"
