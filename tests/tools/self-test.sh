#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A check that cannot fail checks nothing: each of tools/ is shown a small clean tree, which it must
# accept, and the same tree with one planted violation, which it must refuse and name.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

# A tree with one file of each kind, and nothing to complain about.
clean_tree() {
	rm -rf "$work/tree"
	mkdir -p "$work/tree"/{include/hospiconnect,libhospiconnect,libhccrypto,pam_hospiconnect,authd/store,hospictl,man,po,tools}
	cd "$work/tree"
	printf '/* SPDX-License-Identifier: Apache-2.0 */\n#ifndef HC_PART_H\n#define HC_PART_H\n\n#include <stddef.h>\n\nsize_t hc_part(const char *text);\n\n#endif\n' >include/hospiconnect/part.h
	printf '/* SPDX-License-Identifier: Apache-2.0 */\n#include "hospiconnect/part.h"\n\n#include <string.h>\n\nsize_t hc_part(const char *text)\n{\n\t/* strcpy( in a comment is no call */\n\treturn strlen(text) + strlen("strcpy(a, b) // no");\n}\n' >libhospiconnect/part.c
	for folder in pam_hospiconnect authd hospictl; do
		printf '/* SPDX-License-Identifier: Apache-2.0 */\n#include "hospiconnect/part.h"\n' >$folder/user.c
	done
	printf '/* SPDX-License-Identifier: Apache-2.0 */\n#include <openssl/evp.h>\n' >libhccrypto/evp.c
	printf '#define HC_REASONS(X) \\\n\tX(201, WRONG_CODE) \\\n\tX(202, CODE_ALREADY_USED)\n' >include/hospiconnect/reason.txt
	sed -e '1i /* SPDX-License-Identifier: Apache-2.0 */\n#ifndef HC_REASON_H\n#define HC_REASON_H' -e '$a #endif' include/hospiconnect/reason.txt >include/hospiconnect/reason.h
	rm include/hospiconnect/reason.txt
	for language in en fr; do
		printf 'msgctxt "reason.WRONG_CODE"\nmsgid "a"\nmsgstr "b"\n\nmsgctxt "reason.CODE_ALREADY_USED"\nmsgid "c"\nmsgstr "d"\n' >po/$language.po
	done
	cat >man/hospiconnect-codes.7 <<'END'
.\" SPDX-License-Identifier: Apache-2.0
.Dd November 1, 2026
.Dt HOSPICONNECT-CODES 7
.Os
.Sh NAME
.Nm hospiconnect-codes
.Nd help-desk codes
.Sh DESCRIPTION
.Bl -tag -width Ds
.It Sy HC-201
One.
.It Sy HC-202
Two.
.El
END
}

# expect accept|refuse NAME PATTERN COMMAND…
expect() {
	local wish=$1 name=$2 pattern=$3 got=accept out
	shift 3
	out=$(HC_ROOT=$work/tree "$@" 2>&1 </dev/null) || got=refuse
	if [[ $got == "$wish" && $out =~ $pattern ]]; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		printf 'FAILED: %s: wanted %s and /%s/, got %s:\n%s\n' "$name" "$wish" "$pattern" "$got" "$out"
	fi
}

# planted CHECK NAME PATTERN FILE TEXT: the text is appended to the file of a clean tree.
planted() {
	local check=$1 name=$2 pattern=$3 file=$4 text=$5
	clean_tree
	mkdir -p "$(dirname "$file")"
	printf '%b\n' "$text" >>"$file"
	expect refuse "$check: $name" "$pattern" "$root/tools/$check.sh"
}

clean_tree
for check in check-layers check-headers banned check-size check-words check-man check-docs; do
	expect accept "$check accepts a clean tree" 'no violation' "$root/tools/$check.sh"
done

planted check-layers "a neighbour's header" 'neither in authd' authd/user.c '#include "pam_hospiconnect/options.h"'
planted check-layers "a way out of the folder" 'climbs' hospictl/user.c '#include "../authd/authd.h"'
planted check-layers "OpenSSL in the module" 'OpenSSL' pam_hospiconnect/user.c '#include <openssl/evp.h>'
planted check-layers "SQLite outside of the store" 'SQLite' authd/user.c '#include <sqlite3.h>'
planted check-layers "libpam in the broker" 'libpam' authd/user.c '#include <security/pam_modules.h>'
planted check-layers "libcrypt in the broker" 'hashes passwords' authd/user.c '#include <crypt.h>'
planted check-layers "libfido2 in the broker" 'security keys' authd/user.c '#include <fido.h>'
planted check-layers "PKCS#11 in the broker" 'hc-pkcs11 alone' authd/user.c '#include <p11-kit/pkcs11.h>'
planted check-layers "pcscd in the broker" 'pkcs11_reset' authd/user.c '#include <winscard.h>'
planted check-layers "an unknown library" 'not libc' authd/user.c '#include <glib.h>'
planted check-layers "a library in the base library" 'libc alone' libhospiconnect/part.c '#include <systemd/sd-daemon.h>'
planted check-layers "the store that knows its users" 'knows nothing' authd/store/db.c '#include "user.h"'
planted check-layers "the crypto library that knows its users" 'neither in libhccrypto' libhccrypto/evp.c '#include "authd.h"'
planted check-layers "TLS outside of the server" 'alone speaks TLS' sso-gateway/jose/key.c '#include <openssl/ssl.h>'
planted check-layers "libevent in the protocol" 'alone see libevent' sso-gateway/oauth/token.c '#include <event2/event.h>'
planted check-layers "a second reader of HTTP" 'alone reads HTTP' sso-gateway/oauth/token.c '#include <http_parser.h>'
planted check-layers "the server that knows its users" 'know nothing' sso-gateway/http/server.c '#include "oauth/token.h"'
planted check-layers "OpenSSL in the broker" 'OpenSSL' authd/user.c '#include <openssl/evp.h>'
planted check-layers "tests in production" 'neither in' hospictl/user.c '#include "tests/support/clock.h"'

planted check-headers "a header that needs another" 'does not compile alone' include/hospiconnect/other.h \
	'/* SPDX-License-Identifier: Apache-2.0 */\n#ifndef HC_OTHER_H\n#define HC_OTHER_H\nuint32_t hc_other(void);\n#endif'
planted check-headers "a foreign guard" 'guard must be' include/hospiconnect/third.h \
	'#ifndef THIRD\n#define THIRD\nint hc_third(void);\n#endif'

for call in 'strcpy(a, b)' 'strcat(a, b)' 'sprintf(a, "x")' 'strtok(a, b)' 'atoi(a)' 'atol(a)' 'system(a)' \
	'popen(a, "r")' 'gets(a)' 'rand()' 'alloca(8)' 'setlocale(0, "")' 'strerror(errno)' 'getenv("A")' \
	'memcmp(secret, other, 8)' 'return PAM_SUCCESS' 'x = PAM_IGNORE' 'puts("x")' 'fork()' 'x = HC_ALLOW'; do
	planted banned "$call" "${call%%(*}|PAM_|HC_" pam_hospiconnect/user.c "int f(void) { $call; }"
done
planted banned "another part of hc-password says yes" 'finds a password right' helpers/user.c 'int f(void) { return HC_PASSWORD_RIGHT; }'
planted banned "the broker grants elsewhere" 'can grant' authd/user.c 'int f(void) { return HC_GRACE; }'
planted banned "a comment of the other kind" 'comments are' hospictl/user.c 'int f(void); // why'
planted banned "unfinished work" 'unfinished' authd/user.c '/* TODO: later */'
planted banned "unfinished work in a build file" 'unfinished' tools/x.cmake '# FIXME'
clean_tree
printf 'int f(int r) { return r == PAM_SUCCESS; }\nint g(int v) { return v != HC_ALLOW; }\n' >>pam_hospiconnect/user.c
expect accept "banned lets comparisons pass" 'no violation' "$root/tools/banned.sh"

planted check-size "a long function" 'function of 81 lines' authd/user.c "void f(void)\n{\n$(printf '\\tg();\\n%.0s' {1..81})}"
planted check-size "a long file" 'split it' authd/user.c "$(printf 'int a;\\n%.0s' {1..900})"
planted check-words "no licence line" 'SPDX' authd/bare.c 'int hc_bare;'
planted check-words "blanks at the end" 'blanks' authd/user.c 'int hc_bare; '
planted check-words "a misspelt word" 'spelling' authd/user.c '/* recieve */'

planted check-man "a page that mandoc refuses" 'mandoc' man/hospiconnect-codes.7 '.Bogus'
planted check-man "a code that does not exist" 'HC-999 is documented' man/hospiconnect-codes.7 '.Bl -tag -width Ds\n.It Sy HC-999\nx\n.El'
planted check-man "a text without a reason" 'reason.GONE is documented' po/fr.po 'msgctxt "reason.GONE"'
clean_tree
sed -i '/HC-202/d' man/hospiconnect-codes.7
expect refuse "check-man: a code without its entry" 'HC-202 is not documented' "$root/tools/check-man.sh"
clean_tree
sed -i '/CODE_ALREADY_USED/d' po/fr.po
expect refuse "check-man: a reason without a French text" 'reason.CODE_ALREADY_USED is not' "$root/tools/check-man.sh"
clean_tree
printf 'static const struct hc_config_key keys[] = {\n\t{"authd", "role", 1},\n};\n' >>authd/user.c
expect refuse "check-man: a key without its entry" 'key role is not documented' "$root/tools/check-man.sh"
clean_tree
mkdir -p sso-gateway
printf 'static const struct hc_config_key keys[] = {\n\t{"gateway", "issuer", 1},\n};\n' >>sso-gateway/settings.c
expect refuse "check-man: a key of the gateway without its entry" 'key issuer is not documented' "$root/tools/check-man.sh"
planted check-man "an event without its entry" 'event sign-in is not documented' authd/audit.h '\tX(SIGN_IN, "sign-in")'
planted check-docs "a link to nowhere" 'GONE.md does not exist' README.md '[there](GONE.md)'
# shellcheck disable=SC2016 # the backticks are Markdown's
planted check-docs "a test that does not exist" 'no such_case' README.md '`authd/user.c:such_case`'

# A guide of two steps in two languages, and the program that follows it.
# shellcheck disable=SC2016 # the backticks are Markdown's
guide_tree() {
	local name
	clean_tree
	mkdir -p docs tests/package
	for name in docs/ADMINISTRATION.md docs/ADMINISTRATION.fr.md; do
		printf '# G\n\n```sh\nhospictl status\n```\n<!-- check: it_runs -->\n' >$name
	done
	printf 'class Follower:\n    def check_it_runs(self):\n        pass\n' >tests/package/test_guide.py
	printf '# C\n' | tee docs/CLINICIAN.md >docs/CLINICIAN.fr.md
}

# of_guide accept|refuse NAME PATTERN FILE TEXT
of_guide() {
	guide_tree
	printf '%b\n' "$5" >>"$work/tree/$4"
	expect "$1" "check-guide: $2" "$3" "$root/tools/check-guide.sh"
}
guide=docs/ADMINISTRATION.md
of_guide accept "the clean tree" 'no violation' $guide ''
# shellcheck disable=SC2016 # the backticks are Markdown's
of_guide refuse "a step of one language alone" 'has 3 steps' $guide '```sh\nid\n```'
of_guide refuse "a check that nobody makes" 'has no check_gone' $guide '<!-- check: gone -->'
of_guide refuse "a comment that means nothing" 'no comment that is known' $guide '<!-- look: here -->'
# shellcheck disable=SC2016 # the backticks are Markdown's
of_guide refuse "settings without their file" 'has a file' $guide '```ini\n[authd]\n```'
of_guide refuse "a check that the guide does not ask for" 'not asked for' tests/package/test_guide.py '    def check_more(self):\n        pass'
of_guide refuse "a blank that does not hold" 'does not hold' docs/ADMINISTRATION.fr.md 'Quoi ?'
of_guide refuse "a card of two pages" 'longer than a page' docs/CLINICIAN.md "$(printf 'x\\n%.0s' {1..60})"

# A tree that says of one library, one program at run time and one of the tests the same everywhere.
# shellcheck disable=SC2016 # the backticks are Markdown's
dependencies_tree() {
	clean_tree
	mkdir -p docs cmake debian script
	printf '| %s | %s | 3.0 | Apache-2.0 | OpenSSL | 3.0 | 3.5 | x |\n| %s | %s | 1.2 | MIT | thing | 1.2 | 1.3 | x |\n| %s | module | x |\n%s\n' \
		'`libssl-dev`' '`openssl`' '`libthing-dev`' '`thing`' '`pcscd`' '`jq`' >docs/DEPENDENCIES.md
	printf 'find_package(OpenSSL 3.0 REQUIRED)\npkg_check_modules(thing REQUIRED IMPORTED_TARGET thing>=1.2)\n' >cmake/all.cmake
	printf 'project(x)\n' >CMakeLists.txt
	printf 'Source: x\nBuild-Depends: libssl-dev (>= 3.0),\n    libthing-dev (>= 1.2) <!nocheck>\n\nPackage: hospictl\nSuggests: pcscd\n' >debian/control
	printf 'hospictl\tpcscd\tsocket\tx\n' >tools/sbom.tsv
	printf 'test jq\n' >script/packages.txt
}

# differs NAME PATTERN FILE SED: one of the places says something else.
differs() {
	dependencies_tree
	sed -i "$4" "$3"
	expect refuse "check-dependencies: $1" "$2" "$root/tools/check-dependencies.sh"
}
dependencies_tree
expect accept "check-dependencies accepts what is said alike" '2 packages of the build, no violation' "$root/tools/check-dependencies.sh"
differs "another floor in CMake" "cmake: thing has the floor '1.3'" cmake/all.cmake 's/thing>=1.2/thing>=1.3/'
differs "no floor in CMake" "thing has the floor 'none'" cmake/all.cmake 's/thing>=1.2/thing/'
differs "another floor of OpenSSL" "OpenSSL has the floor '3.2'" cmake/all.cmake 's/3.0/3.2/'
differs "another floor in debian/control" "libthing-dev has the floor '1.1'" debian/control 's/>= 1.2/>= 1.1/'
differs "no floor in debian/control" "libssl-dev has the floor ''" debian/control 's/ (>= 3.0)//'
differs "another floor in the list" "says '1.9'" docs/DEPENDENCIES.md 's/| 1.2 | MIT/| 1.9 | MIT/'
differs "a library that the list lacks" 'debian/control: libnew-dev is not in' debian/control 's/libssl-dev/libnew-dev, libssl-dev/'
differs "a module that the list lacks" 'cmake: new is not in' cmake/all.cmake "\$a pkg_check_modules(new REQUIRED new>=1.0)"
differs "a library that nobody asks for" 'does not ask for thing' cmake/all.cmake '/thing/d'
differs "a suggestion that the list lacks" 'polkitd, for run time' debian/control 's/pcscd/pcscd, polkitd/'
differs "a module at run time that the list lacks" 'tools/sbom.tsv: opensc' tools/sbom.tsv "\$a hospictl\topensc\tdlopen\tx"
differs "a test's package that the list lacks" 'script/packages.txt: strace' script/packages.txt "\$a test strace"
differs "an empty list" 'no table' docs/DEPENDENCIES.md '/^|/d'

# The two that look at binaries, with a module made for it.
module() {
	clean_tree
	mkdir -p build/lib/security build/bin
	{
		for entry in authenticate setcred acct_mgmt open_session close_session chauthtok; do
			printf 'int pam_sm_%s(void);\nint pam_sm_%s(void) { return 7; }\n' $entry $entry
		done
		printf '%b\n' "$1"
	} >m.c
	shift
	cc -shared -fPIC -o build/lib/security/pam_hospiconnect.so m.c -Wl,--as-needed "$@"
}
module ''
expect accept "check-exports accepts six entry points" 'no violation' "$root/tools/check-exports.sh" "$work/tree/build"
module 'int helper(void) { return 1; }'
expect refuse "check-exports: a seventh symbol" 'exports' "$root/tools/check-exports.sh" "$work/tree/build"
module '' -Wl,--no-as-needed -l:libm.so.6
expect refuse "check-exports: another library" 'needs libm' "$root/tools/check-exports.sh" "$work/tree/build"
module '#include <stdio.h>\n__attribute__((used)) static int v(void) { return puts("x"); }'
expect refuse "check-exports: writes to the host's streams" 'calls puts' "$root/tools/check-exports.sh" "$work/tree/build"

clean_tree
mkdir -p build/bin
printf 'int main(void) { return 0; }\n' >m.c
cc -no-pie -fno-stack-protector -U_FORTIFY_SOURCE -Wl,-z,norelro,-z,lazy -o build/bin/hospictl m.c
expect refuse "check-hardening: a bare program" 'position-independent.*relro.*lazily.*protector.*fortified' \
	"$root/tools/check-hardening.sh" "$work/tree/build"

# The two lanes of script/test: what is said comes in the order that was asked for, every count is kept, and a stage
# that breaks off is a failure, not a silence.
lanes() {
	# shellcheck disable=SC2016 # expanded by the inner shell
	HC_BUILD_ROOT=$work/lanes bash -c '
		mkdir -p "$HC_BUILD_ROOT/log"
		. "$1/script/lib/common.sh"
		. "$1/script/lib/stages.sh"
		stage_dev() { hc_check late sleep 0.3; }
		stage_lint() { hc_check niced test "$(nice)" -ge '"$2"'; }
		stage_tidy() { hc_check bad sh -c "echo what it said; false" || true; }
		fuzz=$2
		stage_fuzz() { eval "$fuzz"; }
		hc_stages $3
		printf "%d passed, %d failed" "$hc_passed" "$hc_failed"' bash "$root" "$1" "$3"
}
expect accept "lanes: in the order asked for, all counted" \
	'^dev .*lint  .*1 passed   0 failed.*tidy  .*FAILED: bad.*what it said.*fuzz .*3 passed, 1 failed$' \
	lanes 'hc_check good true' 5 'dev lint tidy fuzz'
expect accept "lanes: one that breaks off is a failure" 'fuzz      broke off.*2 passed, 2 failed$' \
	lanes 'exit 0' 5 'dev lint tidy fuzz'
expect accept "lanes: nothing to give way to" '^lint  .*2 passed, 0 failed$' lanes 'hc_check good true' "$(nice)" 'lint fuzz'

# What a run of ctest skipped: root can run everything, so that there it is a failure; others are told.
skips() {
	printf '\t 12 - integration.card (Skipped)\n' >"$work/ctest.out"
	printf '3/9 Testing: unit.seal\n[  SKIPPED ] of_another_user\n[  SKIPPED ] 1 test(s), listed below:\n[  SKIPPED ] of_another_user\n
4/9 Testing: unit.peer\n[  SKIPPED ] an_ordinary_user_is_not_the_system\n5/9 Testing: ctl.x\nOK (skipped=2)\n' >"$work/ctest.log"
	# shellcheck disable=SC2016 # expanded by the inner shell
	bash -c '
		. "$1/script/lib/common.sh"
		. "$1/script/lib/stages.sh"
		hc_stage_log=$2/skips.log
		hc_skips "$2/ctest.out" "$2/ctest.log" || true
		printf "%d failed, told: %s" "$hc_failed" "$hc_stage_skipped"' bash "$root" "$work"
}
if ((EUID == 0)); then wanted='^3 failed, told: $'; else wanted='^0 failed, told:  ctl.x:some integration.card unit.seal:of_another_user$'; fi
expect accept "skips: everything but what needs another machine" "$wanted" skips

# A run that is ended ends what listens to no signal, and nothing is left behind.
ended() {
	local pid tries=0
	# shellcheck disable=SC2016 # expanded by the inner shell
	HC_BUILD_ROOT=$work/ended bash -c '
		mkdir -p "$HC_BUILD_ROOT/log"
		. "$1/script/lib/common.sh"
		. "$1/script/lib/stages.sh"
		deaf() { trap "" TERM; echo "$BASHPID" >"$HC_BUILD_ROOT/deaf"; for n in {1..30}; do sleep 1; done; }
		stage_dev() { hc_check deaf deaf; }
		hc_stages dev' bash "$root" &
	pid=$!
	until [[ -s $work/ended/deaf ]] || ((++tries > 300)); do sleep 0.1; done
	kill -TERM "$pid"
	wait "$pid" && return 1
	kill -0 "$(cat "$work/ended/deaf")" 2>/dev/null && echo "is still there"
	echo ended
}
expect accept "lanes: who is ended leaves nobody behind" '^ended$' ended

# covered RUN: a group of ten lines, of which so many ran; another group, that the rule does not name, of none.
covered() {
	/usr/bin/python3 -B -c '
import sys
sys.path.insert(0, sys.argv[1] + "/tools")
import coverage
ran = int(sys.argv[2])
coverage.GROUPS = (("readers", True, ("authd/*",)), ("others", False, ("helpers/*",)))
coverage.counted = lambda build: {"authd/a.c": {n: int(n <= ran) for n in range(1, 11)}, "helpers/b.c": {1: 0}}
sys.argv[1:] = ["build"]
sys.exit(coverage.main())' "$root" "$1"
}
expect accept "coverage: nine lines of ten" 'readers .* 90\.00  at least 90' covered 9
expect refuse "coverage: eight lines of ten" 'readers .* 80\.00  UNDER 90.*: readers' covered 8
expect refuse "coverage: nothing ran" 'nothing was counted' covered 0
expect refuse "coverage: no counts" 'nothing was counted' "$root/tools/coverage.py" "$work"

printf '%d passed, %d failed\n' "$passed" "$failed"
((failed == 0))
