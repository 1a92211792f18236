#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016 # what stands in single quotes is for the inner shells
# The packages on a bare machine: a root of Debian 12 by debootstrap, kept below BUILD_ROOT; over it, in memory and in
# namespaces of its own, a suite runs. No file of this machine's is changed, and every process and mount ends with the
# script. Several may run at a time. The suites:
#   installed  installs with apt what is committed, upgrades it from an older version, uses it, removes and purges it
#   guide      follows the administrator's guide
#
# usage: installed.sh [--as-is] BUILD_ROOT [SUITE [CASE…]]
#   --as-is  with the packages that were built before, whatever is committed by now
# HC_INSTALLED_BASE names another place for the root, which several BUILD_ROOTs may share. Needs root, a mirror of Debian
# the first time (that of this machine), and in BUILD_ROOT/dev the targets hc-test-key, hc_test_keys and hc-test-card.
set -euo pipefail

source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
as_is=no
[[ ${1:-} == --as-is ]] && as_is=yes && shift
work=${1:?usage: installed.sh [--as-is] BUILD_ROOT [SUITE [CASE…]]}
work=$(realpath -m "$work")
tests=${2:-installed}
shift $(($# < 2 ? 1 : 2))
[[ -e $source/tests/package/test_$tests.py ]] || {
	echo "installed.sh: no such suite: $tests" >&2
	exit 2
}
here=$work/installed
shared=$(realpath -m "${HC_INSTALLED_BASE:-$here}")
suite=bookworm

# What the machine has before we come: a workstation's and a server's usual programs, and what the test needs.
packages=(ca-certificates dbus systemd polkitd openssh-server openssh-client sudo libpam-sss libpam-gnome-keyring
	iproute2 python3 curl jq openssl procps sqlite3)
# What cases install with apt, as an administrator does later on.
later=(pcscd opensc-pkcs11 vsmartcard-vpcd gnome-keyring krb5-admin-server krb5-kdc libpam-krb5 libpam-mount oathtool)
# Of these only the PAM services, without what they would bring.
services=(lightdm gdm3)

# An older tree, of the schema before cards, and the debian/rules of the commit that put its units right.
older=7f5cc21 older_rules=442653b older_version=0.0.9

((EUID == 0)) || {
	echo "installed.sh: needs root" >&2
	exit 77
}

# machine HOW COMMAND…: runs it in that root with namespaces of its own. HOW: make, in the root itself, with network;
# fetch, with network, and test, without: with an overlay in memory over it.
machine() {
	local how=$1 at
	shift
	at=$(mktemp -d "${TMPDIR:-/tmp}/hc-installed.XXXXXX")
	local -a separate=(--mount --propagation private --pid --fork --kill-child=KILL --uts)
	[[ $how == test ]] && separate+=(--net)
	local status=0
	unshare "${separate[@]}" bash -euc "$inside" inside "$how" "$shared" "$at" "$given" "$source" "$work" "$@" </dev/null || status=$?
	rmdir "$at"
	return "$status"
}

inside='
how=$1 shared=$2 at=$3 given=$4 source=$5 work=$6
shift 6
root=$shared/base
if [[ $how == make ]]; then
	mount --bind "$root" "$root"
else
	mount -t tmpfs -o mode=755 memory "$at"
	mkdir "$at/upper" "$at/work" "$at/root" "$at/archives" "$at/archives-work"
	mount -t overlay -o "lowerdir=$root,upperdir=$at/upper,workdir=$at/work" machine "$at/root"
	root=$at/root
fi
if [[ $how == test ]]; then
	ip link set lo up
	hostname hospital
	printf "127.0.0.1 localhost\n127.0.1.1 hospital\n" >"$root/etc/hosts"
	echo hospital >"$root/etc/hostname"
	mkdir -p "$root/opt/hc/tests" "$root/opt/hc/docs"
	cp "$source"/tests/package/*.py "$root/opt/hc/"
	cp -r "$source"/docs/*.md "$source/docs/examples" "$root/opt/hc/docs/"
	cp -r "$source/debian/tests" "$root/opt/hc/debian-tests"
	cp -r "$source/tests/integration" "$source/tests/support" "$root/opt/hc/tests/"
	for program in hc-test-key libhc_test_keys.so hc-test-card; do
		cp "$work/dev/tests/support/$program" "$root/opt/hc/tests/support/"
	done
else
	cp /etc/resolv.conf "$root/etc/resolv.conf"
fi
[[ -z $given ]] || cp -r "$given/." "$root/opt/hc/"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"
mount -t tmpfs -o mode=755 run "$root/run"
mkdir -m 1777 "$root/run/lock"
mount -t tmpfs -o mode=755 dev "$root/dev"
n=3
for device in null zero - full - random urandom; do
	[[ $device == - ]] || mknod -m 666 "$root/dev/$device" c 1 "$n"
	n=$((n + 1))
	[[ $device == full ]] && n=8
done
mknod -m 666 "$root/dev/tty" c 5 0
mkdir "$root/dev/pts" "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=666,mode=620,gid=5 pts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
mount -t tmpfs -o mode=1777 shm "$root/dev/shm"
mkdir -p "$shared/archives/partial"
if [[ $how == test ]]; then
	mount -t overlay -o "lowerdir=$shared/archives,upperdir=$at/archives,workdir=$at/archives-work" archives "$root/var/cache/apt/archives"
else
	mount --bind "$shared/archives" "$root/var/cache/apt/archives"
fi
proxies=$(env | grep -iE "^(http|https|no)_proxy=" || true)
exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb \
	DEBIAN_FRONTEND=noninteractive ${proxies:+$proxies} "$@"
'

# The mirrors that this machine uses for Debian, for that root.
sources() {
	local mirror=http://deb.debian.org/debian security=http://deb.debian.org/debian-security
	printf 'deb %s %s main\ndeb %s %s-updates main\ndeb %s %s-security main\n' "$mirror" "$suite" "$mirror" "$suite" "$security" "$suite"
}

make_base() {
	rm -rf "$shared/base" "$shared/base.made" "$shared/fetched"
	mkdir -p "$shared/archives"
	debootstrap --variant=minbase "$suite" "$shared/base" http://deb.debian.org/debian
	sources >"$shared/base/etc/apt/sources.list"
	# Nothing starts because it was installed: there is no service manager.
	printf '#!/bin/sh\nexit 101\n' >"$shared/base/usr/sbin/policy-rc.d"
	chmod 755 "$shared/base/usr/sbin/policy-rc.d"
	printf 'Binary::apt::APT::Keep-Downloaded-Packages "true";\nAPT::Keep-Downloaded-Packages "true";\nAPT::Sandbox::User "root";\n' \
		>"$shared/base/etc/apt/apt.conf.d/90kept"
	machine make sh -euc '
		apt-get -q -o Acquire::Retries=3 update
		apt-get -q -y -o Acquire::Retries=3 install --no-install-recommends "$@"
	' sh "${packages[@]}"
	machine make sh -euc '
		cd /tmp && apt-get -q -o Acquire::Retries=3 download "$@"
		for package in *.deb; do dpkg-deb -x "$package" x; done
		mkdir -p /opt/hc/pam.d && cp x/etc/pam.d/* /opt/hc/pam.d/
	' sh "${services[@]}"
}

# Made by one, while nobody uses it; from then on it is held against the next who would make it anew.
hold_base() {
	local wanted
	wanted=$(printf '%s\n' "$suite" "${packages[@]}" "${services[@]}" "$(sources)" | sha256sum)
	mkdir -p "$shared"
	exec {base_lock}>"$shared/base.lock"
	flock --shared "$base_lock"
	if [[ $(cat "$shared/base.made" 2>/dev/null) != "$wanted" ]]; then
		flock "$base_lock"
		if [[ $(cat "$shared/base.made" 2>/dev/null) != "$wanted" ]]; then
			make_base
			printf '%s\n' "$wanted" >"$shared/base.made"
		fi
		flock --shared "$base_lock"
	fi
}

# make_packages DIRECTORY WHAT BUILD OPTION…: once for each tree.
make_packages() {
	local into=$1 what=$2
	shift 2
	[[ $(cat "$into.made" 2>/dev/null) == "$what" ]] && return
	[[ $as_is == yes && -e $into.made ]] && return
	rm -f "$into.made"
	"$source/tests/package/build.sh" "$@" "$into"
	printf '%s\n' "$what" >"$into.made"
}

# The packages of this run: what is built for the next one changes them no more.
take_packages() {
	local packages_lock
	exec {packages_lock}>"$here/packages.lock"
	flock "$packages_lock"
	make_packages "$here/new" "$(git -C "$source" rev-parse "HEAD^{tree}")"
	if git -C "$source" cat-file -e "$older_rules^{commit}" 2>/dev/null; then
		make_packages "$here/old" "$older $older_rules" --of "$older" --rules "$older_rules" --as "$older_version"
	else
		# A history without it: the same programs under an older number; the schema is the same then.
		make_packages "$here/old" "$(git -C "$source" rev-parse "HEAD^{tree}")" --of HEAD --as "$older_version"
		same_schema=1
	fi
	given=$(mktemp -d "$here/given.XXXXXX")
	mkdir "$given/new" "$given/old"
	cp -l "$here"/new/first/*.deb "$given/new/"
	cp -l "$here"/old/first/*.deb "$given/old/"
	exec {packages_lock}>&-
}

# What apt would fetch, fetched before: the machine that they are installed on has no network.
fetch_dependencies() {
	local fetch_lock wanted
	exec {fetch_lock}>"$shared/fetch.lock"
	flock "$fetch_lock"
	wanted=$({
		printf '%s\n' "${later[@]}"
		for package in "$given"/new/*.deb; do dpkg-deb -f "$package" Depends; done | sort -u
	} | sha256sum)
	if [[ $(cat "$shared/fetched" 2>/dev/null) != "$wanted" ]]; then
		machine fetch sh -euc '
			fetch() {
				apt-get -q -y -o Acquire::Retries=3 --download-only --no-install-recommends install "$@" \
					$(ls /opt/hc/new/*.deb | grep -v dbgsym)
			}
			# packages that are gone from the mirror: newer lists know the ones that took their place
			fetch "$@" || { apt-get -q -o Acquire::Retries=3 update && fetch "$@"; }
		' sh "${later[@]}"
		printf '%s\n' "$wanted" >"$shared/fetched"
	fi
	exec {fetch_lock}>&-
}

mkdir -p "$here"
given=
trap '[[ -z $given ]] || rm -rf "$given"' EXIT
hold_base
take_packages
fetch_dependencies
machine test ${same_schema:+env HC_SAME_SCHEMA=1} timeout 900 python3 -B "/opt/hc/test_$tests.py" "$@"
