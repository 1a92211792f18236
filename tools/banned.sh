#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Calls and habits that do not belong here. A rule is
#   folders ; files left out ; Perl regular expression ; why
# and is matched against the code without its comments and strings. `all` stands for every folder with
# C code, `ship` for those that ship.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

rules=(
	'all;;\b(strcpy|stpcpy|strcat|strncpy|strncat|wcscpy|wcscat)\s*\(;no bound, or no terminator: use snprintf or memcpy with a checked length'
	'all;;\bv?sprintf\s*\(;no bound: use snprintf'
	'all;;\bstrtok(_r)?\s*\(;changes its input and loses empty fields: walk with a cursor'
	'all;;\bato(i|l|ll|f)\s*\(;no error, no range: parse with a checked function'
	'all;;\b(system|popen|wordexp)\s*\(;starts a shell: use posix_spawn with an argument vector'
	'all;;\bgets\s*\(;cannot be bounded'
	'ship;;\b(rand|srand|random|srandom|drand48|lrand48|rand_r)\s*\(;predictable: use hc_random'
	'all;;\balloca\s*\(;unbounded stack: use a fixed buffer or the heap'
	'all;;\b(mktemp|tmpnam|tempnam)\s*\(;races with others: use mkstemp or O_TMPFILE'
	'ship;;\b(setlocale|uselocale|bindtextdomain)\s*\(;process-global: texts come from hc_text, without a locale'
	'pam_hospiconnect libhospiconnect;;\bstrerror\s*\(;speaks the host process its language from a shared buffer: use %m of syslog, or strerrordesc_np'
	'ship;;\b(getpwnam|getpwuid|getgrnam|getgrgid|localtime|gmtime|ctime|asctime)\s*\(;returns a static buffer: use the _r form'
	'libhospiconnect pam_hospiconnect authd;pam_hospiconnect/facts.c;(?<!secure_)\bgetenv\s*\(;the environment belongs to whoever started us: use secure_getenv'
	'pam_hospiconnect libhccrypto helpers authd/otp.c authd/factor_otp.c authd/factor_recovery.c authd/otp_enroll.c authd/recovery.c libhospiconnect/secret.c;;\b(memcmp|strcmp|strncmp|bcmp)\s*\(.*(secret|answer|code|seed|key|hash|tag);time depends on the secret: use hc_secret_equal or hc_bytes_equal'
	'libhospiconnect pam_hospiconnect;libhospiconnect/log.c libhospiconnect/program.c;\b(printf|vprintf|fprintf|puts|putchar|perror|stdout|stderr)\b;the streams belong to the host process'
	'authd pam_hospiconnect libhospiconnect;;\bpthread_(create|mutex_lock)\b;no threads in authd, the module and the base library'
	'authd;;\b(sleep|usleep|nanosleep|clock_nanosleep)\s*\(;the broker never sleeps: the loop has deadlines'
	'pam_hospiconnect;;\b(signal|sigaction|fork|exec[lv][pe]*|exit|_exit|abort|chdir|umask|set[er]*[ug]id)\s*\(;signals, children and life of the host process are not ours'
	'all;;\b(setjmp|longjmp)\s*\(;hidden control flow'
	'all;;\brealloc(array)?\s*\(.*(secret|code|seed|key|password);leaves a copy of the secret behind: struct hc_secret never moves'
	'all;;^[^"]*(?<!:)//;comments are /* */'
	'ship;pam_hospiconnect/verdict.c helpers/password_check.c;(?<![=!]=)(?<![=!]= )\bPAM_(SUCCESS|IGNORE)\b;verdict.c alone may produce a code that lets the host continue'
	'helpers;helpers/password_check.c;(?<![=!]=)(?<![=!]= )(?<!case )\bHC_PASSWORD_RIGHT\b;password_check.c alone finds a password right'
	'authd;authd/policy.c;(?<![=!]=)(?<![=!]= )(?<!case )\bHC_(ALLOW|GRACE)\b;authd/policy.c is the one place of the broker that can grant'
	'authd;;\bHC_EXEMPT\b;exempt accounts are the decision of the module alone'
	'pam_hospiconnect;pam_hospiconnect/verdict.c;(?<![=!]=)(?<![=!]= )(?<!case )\bHC_ALLOW\b;the module never grants by itself: it passes on what the broker decided'
)

mirror=$(mktemp -d)
trap 'rm -rf "$mirror"' EXIT
count=0
while IFS= read -r file; do
	mkdir -p "$mirror/$(dirname "$file")"
	hc_strip_c "$file" >"$mirror/$file"
	count=$((count + 1))
done < <(hc_c_files "${hc_all_code[@]}")

check_rule() {
	local folders=$1 except=$2 pattern=$3 why=$4 hit file rest text
	local -a where=()
	case $folders in
	all) where=("${hc_all_code[@]}") ;;
	ship) where=("${hc_production[@]}") ;;
	*) read -ra where <<<"$folders" ;;
	esac
	local -a present=()
	local folder
	for folder in "${where[@]}"; do
		[[ -e $mirror/$folder ]] && present+=("$folder")
	done
	((${#present[@]})) || return 0
	while IFS= read -r hit; do
		file=${hit%%:*}
		rest=${hit#*:}
		[[ " $except " == *" $file "* ]] && continue
		text=${rest#*:}
		hc_violation "$file:${rest%%:*}" "${text#"${text%%[![:space:]]*}"}
	$why"
	done < <(cd "$mirror" && { grep -rnP -- "$pattern" "${present[@]}" || true; })
}

for rule in "${rules[@]}"; do
	IFS=';' read -r folders except pattern why <<<"$rule"
	check_rule "$folders" "$except" "$pattern" "$why"
done

# Unfinished work, in comments too and in every kind of source.
while IFS= read -r hit; do
	hc_violation "${hit%%:*}" "unfinished work does not stand on main: ${hit#*:}"
done < <(grep -rnwE --include='*.[ch]' --include='*.cmake' --include=CMakeLists.txt --include='*.sh' \
	--include='*.py' --include='*.pl' --include='*.po' --include='*.[1-8]' --exclude=banned.sh --exclude=self-test.sh \
	'TODO|FIXME|XXX' "${hc_all_code[@]}" cmake tools script man po data 2>/dev/null || true)
hc_verdict banned "$count files, ${#rules[@]} rules"
