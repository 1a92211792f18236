# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0
# The stages of script/test. A stage is a function stage_NAME; what it checks goes through hc_check
# and hc_ctest, which count. A check that fails does not keep the next from running; a build that
# fails does keep its tests from running.

hc_passed=0
hc_failed=0
hc_stage_log=
hc_stage_skipped=
hc_results=

# hc_end_all TENTHS: ends what hc_run has started, by force if it is still there after so many tenths of a second:
# unshare(1), in which most scenarios run, listens to no other signal. A lane has less time than who waits for it.
hc_end_all() {
	local tenth
	[[ -n $hc_running ]] || return 0
	kill -TERM -- "-$hc_running" 2>/dev/null || return 0
	for ((tenth = 0; tenth < $1; tenth++)); do
		sleep 0.1
		kill -0 -- "-$hc_running" 2>/dev/null || return 0
	done
	kill -KILL -- "-$hc_running" 2>/dev/null || true
}
trap 'hc_end_all 60; exit 130' INT
trap 'hc_end_all 60; exit 143' TERM HUP

# hc_stage NAME: runs one, prints its line, and the tail of its log if anything failed.
hc_stage() {
	local name=$1 from=$EPOCHREALTIME passed=$hc_passed failed=$hc_failed
	hc_stage_log=$HC_BUILD_ROOT/log/$name.log
	: >"$hc_stage_log"
	hc_stage_skipped=
	"stage_$name" || true
	printf '%-9s %4d passed %3d failed  %4s s\n' "$name" $((hc_passed - passed)) $((hc_failed - failed)) \
		"$(hc_seconds "$from")"
	if ((hc_failed > failed)); then
		printf -- '--- %s\n' "$hc_stage_log"
		hc_failures "$hc_stage_log"
		printf -- '---\n'
	fi
	[[ -z $hc_stage_skipped ]] || printf 'not run without root:%s\n' "$hc_stage_skipped"
}

# Stages that wait for nothing but a processor, in the order in which they run beside the others, whose tests mostly
# wait. What is bounded by a clock comes last, the runs of the fuzzers. Priority: a third of what a test of the other
# lane gets where both want all, which every unit test bears.
hc_beside=(lint package analyzer clang tidy fuzz)
hc_beside_nice=5

# hc_stages STAGE…: runs them in two lanes and prints what each has to say in the order in which they were named,
# whatever ends first. A lane that breaks off leaves its other stages failed.
hc_stages() {
	local name passed failed
	local -a todo=("$@")
	local -A ended=()
	hc_results=$HC_BUILD_ROOT/log/lanes
	rm -rf "$hc_results"
	mkdir "$hc_results"
	mkfifo "$hc_results/ended"
	set -m
	hc_lanes "$@" >"$hc_results/ended" &
	hc_running=$!
	set +m
	while read -r name passed failed; do
		hc_passed=$((hc_passed + passed))
		hc_failed=$((hc_failed + failed))
		ended[$name]=1
		while ((${#todo[@]})) && [[ -n ${ended[${todo[0]}]:-} ]]; do
			cat "$hc_results/${todo[0]}.said"
			todo=("${todo[@]:1}")
		done
	done <"$hc_results/ended"
	wait "$hc_running" || true
	hc_running=
	for name in "${todo[@]}"; do
		[[ -n ${ended[$name]:-} ]] && cat "$hc_results/$name.said" && continue
		hc_failed=$((hc_failed + 1))
		printf '%-9s broke off\n' "$name"
		cat "$hc_results/$name.said" 2>/dev/null || true
	done
	rm -rf "$hc_results"
}

# Standard output tells hc_stages which stage has ended, and with what.
hc_lanes() {
	local name
	local -a first=() beside=()
	for name in "$@"; do
		[[ " ${hc_beside[*]} " == *" $name "* ]] || first+=("$name")
	done
	for name in "${hc_beside[@]}"; do
		[[ " $* " == *" $name "* ]] && beside+=("$name")
	done
	hc_lane 0 "${first[@]}" &
	hc_lane "$((${#first[@]} ? hc_beside_nice : 0))" "${beside[@]}" &
	wait
}

# hc_lane NICE STAGE…: one after the other, at that priority.
hc_lane() {
	local nice=$1 name
	shift
	trap 'hc_end_all 20; exit 143' INT TERM HUP
	((nice == 0)) || renice -n "$nice" -p "$BASHPID" >/dev/null
	for name in "$@"; do
		hc_passed=0
		hc_failed=0
		hc_stage "$name" >"$hc_results/$name.said" 2>&1
		printf '%s %d %d\n' "$name" "$hc_passed" "$hc_failed"
	done
}

# What a reader needs of a log: the failed checks, each with the end of what it said. The progress and
# the command lines of a build stay in the log.
hc_failures() {
	awk '/^\[[0-9]+\/[0-9]+\] / || /^\/usr\/bin\/(gcc|clang|cc|cmake) / || /^: && / {next}
	     /^=== / {block = ""; next}
	     /^=!= / {n = split(block, line, "\n"); from = n > 100 ? n - 100 : 1
	              print "FAILED:", substr($0, 5); for (i = from; i < n; i++) print "  " line[i]; block = ""; next}
	     {block = block $0 "\n"}' "$1"
}

# hc_check NAME COMMAND…: one check, counted by its exit status.
hc_check() {
	local name=$1
	shift
	printf '=== %s\n' "$name" >>"$hc_stage_log"
	if hc_run "$@" >>"$hc_stage_log" 2>&1; then
		hc_passed=$((hc_passed + 1))
	else
		hc_failed=$((hc_failed + 1))
		printf '=!= %s\n' "$name" >>"$hc_stage_log"
		return 1
	fi
}

# hc_ctest PRESET [CTEST ARGUMENT…]: the tests of a build, counted one by one. They wait more than they compute, so
# twice as many run as there are processors.
hc_ctest() {
	local preset=$1 out summary failed total
	shift
	out=$HC_BUILD_ROOT/log/ctest-$preset.log
	printf '=== ctest %s\n' "$preset" >>"$hc_stage_log"
	hc_run ctest --test-dir "$HC_BUILD_ROOT/$preset" --output-on-failure --no-tests=error -j "$((HC_JOBS * 2))" "$@" >"$out" 2>&1 || true
	# what a test that passed has to say stays in ctest's own log
	grep -vE '^ *[0-9]+/[0-9]+ Test .* Passed |^ +Start +[0-9]+: ' "$out" >>"$hc_stage_log" || true
	summary=$(grep -E 'tests passed, [0-9]+ tests failed out of [0-9]+' "$out" || true)
	if [[ $summary =~ ,\ ([0-9]+)\ tests\ failed\ out\ of\ ([0-9]+) ]]; then
		failed=${BASH_REMATCH[1]}
		total=${BASH_REMATCH[2]}
		hc_passed=$((hc_passed + total - failed))
		hc_failed=$((hc_failed + failed))
		hc_skips "$out" "$HC_BUILD_ROOT/$preset/Testing/Temporary/LastTest.log" || failed=1
		((failed == 0)) && return 0
	else
		hc_failed=$((hc_failed + 1))
	fi
	printf '=!= ctest %s\n' "$preset" >>"$hc_stage_log"
	return 1
}

# These need what no machine of CI is: somebody who is not root, a machine with the product on it.
hc_may_skip=' an_ordinary_user_is_not_the_system without_an_argument_the_built_in_socket_is_meant '

# hc_skips OUTPUT LOG: what a run of ctest skipped, whole tests and those within them. Root can run everything: a test
# that finds something missing then has failed, whatever it says.
hc_skips() {
	local name none=0
	while IFS= read -r name; do
		[[ $hc_may_skip == *" ${name##*:} "* ]] || hc_skip "$name" || none=1
	done < <({
		sed -nE 's/^[[:space:]]+[0-9]+ - (.*) \(Skipped\)$/\1/p' "$1"
		awk '/^[0-9]+\/[0-9]+ Testing: / {test = $3}
		     /^\[  SKIPPED \] [^0-9]/ {print test ":" $4}
		     /^(OK|FAILED) \(.*skipped=[0-9]/ {print test ":some"}' "$2"
	} | sort -u)
	return "$none"
}

# hc_skip NAME: a failure, or the reader is told.
hc_skip() {
	if ((EUID == 0)); then
		printf 'skipped, although this is root: %s\n' "$1" >>"$hc_stage_log"
		hc_failed=$((hc_failed + 1))
		return 1
	fi
	hc_stage_skipped+=" $1"
}

# ---- what the stages are made of

hc_production=(libhospiconnect libhcconfine libhccrypto libhcevidence libhcsqlite pam_hospiconnect authd hospictl helpers crl sso-gateway)

hc_format_check() {
	(cd "$HC_ROOT" && find include "${hc_production[@]}" tests bench -name '*.[ch]' -print0 |
		xargs -0 clang-format --dry-run -Werror)
}

hc_shell_check() {
	(cd "$HC_ROOT" && {
		printf '%s\0' script/test script/demo .ci/run
		find script tools tests bench data -name '*.sh' -print0
	} | xargs -0 shellcheck -x)
}

hc_python_check() {
	(cd "$HC_ROOT" && find tests tools bench script -name '*.py' -print0 | xargs -0 -r /usr/bin/python3 -c '
import ast, sys
for name in sys.argv[1:]:
    ast.parse(open(name, encoding="utf-8").read(), name)')
}

hc_tidy_files() {
	local -a folders=("$@")
	cd "$HC_ROOT" || return
	if [[ ${HC_TIDY:-all} == changed ]]; then
		git diff --name-only --diff-filter=d origin/main -- "${folders[@]/%//*.c}"
	else
		find "${folders[@]}" -name '*.c'
	fi
}

hc_tidy() {
	local database=$HC_BUILD_ROOT/lint/compile_commands.json
	hc_tidy_files "$@" | while IFS= read -r file; do
		# a file that this build does not compile has no command to check it with
		if grep -qF "/$file\"" "$database"; then printf '%s\0' "$file"; fi
	done | (cd "$HC_ROOT" && xargs -0 -r -n 4 -P "$HC_JOBS" clang-tidy --quiet -p "$HC_BUILD_ROOT/lint") 2>&1 |
		awk '!/^[0-9]+ warnings? generated\.$/'
}

# hc_each_fuzz_target COMMAND…: COMMAND TARGET CORPUS DICTIONARY for every target that was built.
hc_each_fuzz_target() {
	local target name
	while IFS= read -r target; do
		name=$(basename "$target")
		name=${name#fuzz_}
		"$@" "$target" "$HC_ROOT/tests/fuzz/corpus/$name" "$HC_ROOT/tests/fuzz/$name.dict"
	done < <(find "$HC_BUILD_ROOT/fuzz" -type f -name 'fuzz_*' -executable | sort)
}

# New inputs go to a directory that is thrown away: a checkout stays as it was.
hc_fuzz_run() {
	local limit=$1 target=$2 corpus=$3 dictionary=$4 fresh status=0
	local -a with=()
	[[ -f $dictionary ]] && with=(-dict="$dictionary")
	fresh=$(mktemp -d)
	(cd "$fresh" && mkdir new && ASAN_OPTIONS=halt_on_error=1 "$target" "$limit" -seed=1 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 \
		"${with[@]}" new "$corpus" </dev/null) || status=$?
	if ((status != 0)); then
		find "$fresh" -maxdepth 1 -type f -exec sh -c 'echo "input: $1"; base64 "$1" | head -n 20' sh {} \;
	fi
	rm -rf "$fresh"
	return "$status"
}

hc_fuzz_long_one() {
	hc_check "fuzz $(basename "$1")" hc_fuzz_run -max_total_time="${HC_FUZZ_SECONDS:-600}" "$@" || true
}

# ---- the stages

stage_lint() {
	hc_check "format" hc_format_check
	hc_check "shellcheck" hc_shell_check
	hc_check "python" hc_python_check
	hc_check "layers" "$HC_ROOT/tools/check-layers.sh"
	hc_check "headers" "$HC_ROOT/tools/check-headers.sh"
	hc_check "banned" "$HC_ROOT/tools/banned.sh"
	hc_check "sizes" "$HC_ROOT/tools/check-size.sh"
	hc_check "words" "$HC_ROOT/tools/check-words.sh"
	hc_check "manual pages" "$HC_ROOT/tools/check-man.sh"
	hc_check "documents" "$HC_ROOT/tools/check-docs.sh"
	hc_check "the guide in two languages" "$HC_ROOT/tools/check-guide.sh"
	hc_check "dependencies" "$HC_ROOT/tools/check-dependencies.sh"
	hc_check "the checks themselves" "$HC_ROOT/tests/tools/self-test.sh"
}

stage_dev() {
	hc_check "build" hc_build dev || return
	hc_ctest dev -LE integration # the release stage runs those, the asan stage most of them
	hc_check "options in the manual" "$HC_ROOT/tools/check-man.sh" "$HC_BUILD_ROOT/dev"
}

stage_release() {
	hc_check "build" hc_build release || return
	hc_check "exported symbols" "$HC_ROOT/tools/check-exports.sh" "$HC_BUILD_ROOT/release"
	hc_check "hardening" "$HC_ROOT/tools/check-hardening.sh" "$HC_BUILD_ROOT/release"
	hc_check "installation" hc_install_tree
	hc_check "units and profiles" "$HC_ROOT/tools/check-confinement.py" "$HC_BUILD_ROOT/release"
	hc_check "clients from npm" hc_clients
	hc_ctest release -L 'integration|pam'
}

# What the tests use of other people's clients, below HC_BUILD_ROOT/clients, as the lock files say; and a
# Node where the machine has none of at least version 20.
hc_clients() {
	local from=$HC_ROOT/tests/integration/clients to=$HC_BUILD_ROOT/clients version
	hc_npm_ci "$from" "$to" || return
	version=$(node --version 2>/dev/null | sed -E 's/^v([0-9]+).*/\1/') || true
	((${version:-0} >= 20)) && return
	hc_npm_ci "$from/node" "$to/node" && ln -sfn "$(find "$to/node/node_modules" -path '*/node-linux-*/bin' -print -quit)" "$to/node/bin"
}

hc_npm_ci() {
	local attempt
	mkdir -p "$2" && cp "$1/package.json" "$1/package-lock.json" "$2/" || return
	# what is there already is what the lock file says
	cmp -s "$2/package-lock.json" "$2/node_modules/installed" && return
	for attempt in 1 2 3; do
		(cd "$2" && npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier) &&
			cp "$2/package-lock.json" "$2/node_modules/installed" && return
		printf 'attempt %s failed\n' "$attempt"
	done
	return 1
}

# What `cmake --install` puts where: everything a Debian package needs.
hc_install_tree() {
	local tree file status=0
	tree=$(mktemp -d)
	DESTDIR=$tree cmake --install "$HC_BUILD_ROOT/release" --prefix /usr >/dev/null || status=1
	for file in usr/sbin/hospiconnect-authd usr/sbin/hospictl usr/share/man/man7/hospiconnect-codes.7; do
		[[ -f $tree/$file ]] || {
			echo "not installed: $file"
			status=1
		}
	done
	find "$tree" -name pam_hospiconnect.so | grep -q . || {
		echo "not installed: pam_hospiconnect.so"
		status=1
	}
	rm -rf "$tree"
	return "$status"
}

stage_asan() {
	hc_check "build" hc_build asan || return
	ASAN_OPTIONS=halt_on_error=1:detect_leaks=1:strict_string_checks=1 \
		UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 hc_ctest asan
	hc_check "build of the module for plain hosts" hc_build dev || return
	hc_sanitized_scenarios asan sshd local state store load audit gateway_flow gateway_session gateway_refusals gateway_http \
		nameless removal fido2 fido2_pin fido2_trouble fido2_enroll cps cps_pairing cps_trouble
}

# Real sign-ins at sanitized programs: sshd, su and sudo cannot load a sanitized module, so theirs is the plain
# one. Without those that preload a clock into a program or kill it a thousand times.
hc_sanitized_scenarios() {
	local name preset=$1 out
	shift
	out=$(mktemp -d)
	hc_run hc_sanitized_batch "$preset" "$out" "$@" || true
	for name in "$@"; do
		hc_check "$preset: $name" hc_sanitized_verdict "$out/$name" || true
		[[ ! -f $out/$name.skipped ]] || hc_skip "$preset:$name" || true
	done
	rm -rf "$out"
}

# Each has a machine of its own, and waits more than it computes.
hc_sanitized_batch() {
	local name preset=$1 out=$2
	shift 2
	for name in "$@"; do
		while (($(jobs -rp | wc -l) >= HC_JOBS * 2)); do wait -n || true; done
		{
			hc_sanitized_scenario "$preset" "$name" "$out/$name.skipped" >"$out/$name" 2>&1 && : >"$out/$name.passed"
		} &
	done
	wait
}

hc_sanitized_verdict() {
	cat "$1"
	[[ -f $1.passed ]]
}

hc_sanitized_scenario() {
	local status=0
	# in this group of processes, and by force in the end: unshare(1) waits for what is inside of it
	HC_BUILD_DIR=$HC_BUILD_ROOT/dev HC_PROGRAMS_DIR=$HC_BUILD_ROOT/$1 HC_SANITIZED=$1 \
		timeout --foreground --kill-after=10 300 /usr/bin/python3 -B "$HC_ROOT/tests/integration/test_$2.py" || status=$?
	((status == 77)) || return "$status"
	: >"$3"
}

stage_clang() {
	hc_check "build" hc_build lint || return
	hc_ctest lint -L unit
}

stage_tidy() {
	hc_check "build" hc_build lint || return
	hc_check "clang-tidy" hc_tidy "${hc_production[@]}"
}

# The tests are as much code again: the long runs look at them.
stage_tidytests() {
	hc_check "build" hc_build lint || return
	hc_check "clang-tidy of tests" hc_tidy tests bench
}

# Every corpus, and for each target the same short run (tests/fuzz/CMakeLists.txt).
stage_fuzz() {
	hc_check "build" hc_build fuzz fuzzers || return
	hc_ctest fuzz -L fuzz
}

stage_analyzer() {
	hc_check "gcc -fanalyzer" hc_build analyzer
}

# Of what is committed: a package is built from the repository, not from whatever lies around in a work tree.
stage_package() {
	hc_check "packages, lintian" "$HC_ROOT/tests/package/build.sh" "$HC_BUILD_ROOT/package" || return
	hc_check "schema from npm" hc_npm_ci "$HC_ROOT/tests/package/schema" "$HC_BUILD_ROOT/schema" || return
	hc_check "bills of materials" /usr/bin/python3 -B "$HC_ROOT/tests/package/check_sbom.py" "$HC_BUILD_ROOT/package/first" \
		"$HC_BUILD_ROOT/schema/node_modules/@cyclonedx/cyclonedx-library/res/schema"
}

stage_packages() {
	hc_check "packages twice, with tests" "$HC_ROOT/tests/package/build.sh" --twice "$HC_BUILD_ROOT/packages"
}

stage_installed() {
	hc_check "build of the software key and card" hc_build dev hc-test-key hc_test_keys hc-test-card || return
	hc_check "a bare machine" "$HC_ROOT/tests/package/installed.sh" "$HC_BUILD_ROOT"
	hc_check "the administrator's guide" "$HC_ROOT/tests/package/installed.sh" "$HC_BUILD_ROOT" guide en
	hc_check "the administrator's guide in French" "$HC_ROOT/tests/package/installed.sh" "$HC_BUILD_ROOT" guide fr
}

# What tests and hospictl run as processes that end by themselves: a daemon that is ended by a signal has no time to
# write its counts, and one in a sandbox without files has no place for them.
stage_coverage() {
	local page=$HC_BUILD_ROOT/log/coverage.html
	hc_check "build" hc_build coverage || return
	find "$HC_BUILD_ROOT/coverage" -name '*.gcda' -delete
	hc_ctest coverage -L 'unit|pam|ctl|fuzz' -E '^pam\.sandbox$' || true
	hc_check "lines" "$HC_ROOT/tools/coverage.py" "$HC_BUILD_ROOT/coverage" --html "$page" || true
}

# The packages' own tests, and another compiler, on the next Debian.
stage_debian13() {
	local part
	for part in packages clang installed; do
		hc_check "Debian 13: $part" "$HC_ROOT/tests/package/debian13.sh" "$HC_BUILD_ROOT" "$part" || true
	done
}

stage_tsan() {
	hc_check "build" hc_build tsan || return
	TSAN_OPTIONS=halt_on_error=1 hc_ctest tsan -L 'unit|canary'
	hc_check "build of the module for plain hosts" hc_build dev || return
	hc_sanitized_scenarios tsan gateway_flow gateway_session gateway_refusals gateway_races gateway_http
}

stage_valgrind() {
	local test
	hc_check "build" hc_build dev || return
	while IFS= read -r test; do
		hc_check "memcheck $(basename "$test")" valgrind --quiet --suppressions="$HC_ROOT/tests/support/valgrind.supp" --error-exitcode=99 --leak-check=full \
			--errors-for-leak-kinds=definite,indirect "$test" || true
	# Those that confine processes are left to asan: valgrind has no seccomp(2), and without it they rightly end.
	done < <(find "$HC_BUILD_ROOT/dev/tests" -maxdepth 1 -type f -name 'test_*' -executable |
		grep -vE '/test_(confine|connection|device|loop|removal)$' | sort)
}

stage_longfuzz() {
	hc_check "build" hc_build fuzz fuzzers || return
	hc_each_fuzz_target hc_fuzz_long_one
}

# What is bounded in CI, in full: connections, kills, rounds of races.
stage_gateway() {
	hc_check "build" hc_build release || return
	hc_check "clients from npm" hc_clients
	HC_IDLE_CONNECTIONS=10000 HC_GATEWAY_KILLS=1000 HC_RACE_ROUNDS=50 HC_TIMING_TRIES=200 hc_ctest release -R 'integration\.gateway'
}

# A card that comes and goes, as often as CI has no time for.
stage_storm() {
	hc_check "build" hc_build release || return
	HC_CARD_FLAPS=200 hc_ctest release -R 'integration\.removal_card'
}

stage_soak() {
	hc_check "build" hc_build release || return
	hc_check "clients from npm" hc_clients
	hc_ctest release -L 'integration|pam' --repeat "until-fail:${HC_SOAK_ROUNDS:-20}"
}
