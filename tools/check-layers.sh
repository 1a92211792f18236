#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The direction of dependencies, judged by the includes:
#   * a program's folder includes its own headers and include/hospiconnect/, never a neighbour's;
#   * production code includes nothing of tests/ or bench/;
#   * libhospiconnect and the public headers see libc alone;
#   * each third-party library is seen in one place only.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# header prefix ; where it may be included (extended regular expression over the path) ; why there
third_party=(
	'openssl/ssl.h;^sso-gateway/http/;sso-gateway/http/ alone speaks TLS'
	'openssl/pem.h;^(libhcevidence|sso-gateway/http)/;libhcevidence/ and sso-gateway/http/ alone read PEM files'
	'openssl/x509v3.h;^(libhcevidence|sso-gateway/http)/;libhcevidence/ and sso-gateway/http/ alone look into certificates'
	'openssl/err.h;^(libhccrypto|sso-gateway/(http|jose))/;libhccrypto/, sso-gateway/http/ and sso-gateway/jose/ are the only folders that see OpenSSL'
	'curl/;^(crl/fetch|helpers/hc_ocsp_fetch)\.c$;crl/fetch.c and helpers/hc_ocsp_fetch.c alone speak to the web, over libcurl'
	'event2/;^sso-gateway/(http/|broker_channel\.c$|guard(_internal)?\.[ch]$|process/duties\.c$|admin/admin_socket\.c$);sso-gateway/http/, the connections to broker and administrators, and the timers of guard and duties alone see libevent'
	'http_parser.h;^sso-gateway/http/;sso-gateway/http/ alone reads HTTP'
	'openssl/;^(libhccrypto|libhcevidence|sso-gateway/jose)/;libhccrypto/, libhcevidence/ and sso-gateway/jose/ are the only folders that see OpenSSL'
	'seccomp.h;^libhcconfine/filter\.c$;libhcconfine/filter.c alone makes filters of system calls'
	'sqlite3.h;^libhcsqlite/;libhcsqlite/ is the only folder that sees SQLite'
	'liboath/;^authd/otp\.c$;authd/otp.c is the only file that sees liboath'
	'systemd/;^authd/(loop|listener|connection(_[a-z]+)?|passcheck|device|resolver|logind|removal(_[a-z]+)?)\.[ch]$;the event loop and its sockets alone speak to systemd'
	'jansson.h;^(hospictl|sso-gateway)/;hospictl and the gateway alone read and write JSON'
	'qrencode.h;^hospictl/;hospictl alone draws QR codes'
	'p11-kit/;^helpers/pkcs11_(choice|module|scan|session)\.[ch]$;hc-pkcs11 alone sees PKCS#11'
	'winscard.h;^helpers/pkcs11_(reset|watch_card)\.c$;helpers/pkcs11_reset.c and pkcs11_watch_card.c alone speak to pcscd'
	'security/;^(pam_hospiconnect/|helpers/password_check\.c$);the module and hc-password'"'"'s check alone see libpam'
	'fido.h;^helpers/fido2_(device|info|jobs)\.c$;hc-fido2 alone opens security keys'
	'crypt.h;^helpers/password_check\.c$;hc-password alone hashes passwords'
)

# What counts as libc and kernel. Anything else in angle brackets is a third-party header.
libc='^(assert|ctype|errno|fcntl|float|grp|inttypes|libgen|limits|malloc|math|poll|pthread|pwd|sched|setjmp|signal|stdalign|stdarg|stdatomic|stdbool|stddef|stdint|stdio|stdlib|stdnoreturn|string|strings|syslog|termios|threads|time|unistd|getopt|dirent|dlfcn|glob|fnmatch|spawn|utime|wchar|endian|byteswap|langinfo|locale|netdb|ifaddrs|ftw|search|err|paths|shadow|utmp|utmpx|pty|alloca|features)\.h$|^(sys|linux|netinet|arpa|net|asm|bits)/'

check_third_party() {
	local where=$1 file=$2 header=$3 rule prefix allowed why
	for rule in "${third_party[@]}"; do
		IFS=';' read -r prefix allowed why <<<"$rule"
		[[ $header == "$prefix"* ]] || continue
		[[ $file =~ $allowed ]] || hc_violation "$where" "<$header>: $why"
		return
	done
	[[ $header =~ $libc ]] ||
		hc_violation "$where" "<$header> is not libc: name it in tools/check-layers.sh with the one place that may see it"
}

check_local() {
	local where=$1 file=$2 header=$3
	local top=${file%%/*}
	case $header in
	hospiconnect/*)
		[[ -f include/$header ]] || hc_violation "$where" "\"$header\" is not a public header"
		return
		;;
	*..*)
		hc_violation "$where" "\"$header\" climbs out of its folder"
		return
		;;
	esac
	if [[ $top == include ]]; then
		hc_violation "$where" "\"$header\": a public header includes public headers only"
	elif [[ $file =~ ^authd/store/ && ! -f $(dirname "$file")/$header ]]; then
		hc_violation "$where" "\"$header\": authd/store knows nothing of its users"
	elif [[ $file =~ ^sso-gateway/(http|jose)/ && $header != "${BASH_REMATCH[1]}"/* ]]; then
		hc_violation "$where" "\"$header\": sso-gateway/http and sso-gateway/jose know nothing of their users"
	elif [[ ! -f $(dirname "$file")/$header && ! -f $top/$header && $header != *_table.h && $header != *.inc ]]; then
		hc_violation "$where" "\"$header\" is neither in $top/ nor public: the programs meet in hospiconnect/msg.h only"
	fi
}

check_file() {
	local file=$1 line number text header
	while IFS= read -r line; do
		number=${line%%:*}
		text=${line#*:}
		if [[ $text =~ \<([^>]+)\> ]]; then
			header=${BASH_REMATCH[1]}
			if [[ $file == include/* || $file == libhospiconnect/* ]] && [[ ! $header =~ $libc ]]; then
				hc_violation "$file:$number" "<$header>: the base library sees libc alone"
			else
				check_third_party "$file:$number" "$file" "$header"
			fi
		elif [[ $text =~ \"([^\"]+)\" ]]; then
			check_local "$file:$number" "$file" "${BASH_REMATCH[1]}"
		fi
	done < <(grep -nE '^[[:space:]]*#[[:space:]]*include' "$file" || true)
}

count=0
while IFS= read -r file; do
	check_file "$file"
	count=$((count + 1))
done < <(hc_c_files "${hc_production[@]}")
hc_verdict check-layers "$count files"
