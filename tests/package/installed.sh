#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016 # what stands in single quotes is for the inner shells
# The packages on a bare machine: a root of Debian 12 by debootstrap, kept below BUILD_ROOT; over it, in memory and in
# namespaces of its own, test_installed.py installs with apt what is committed, upgrades it from an older version, uses
# it, removes and purges it. No file of this machine's is changed, and every process and mount ends with the script.
#
# usage: installed.sh BUILD_ROOT [CASE…]
# Needs root, a mirror of Debian the first time (that of this machine), and BUILD_ROOT/dev/tests/support/hc-test-key.
set -euo pipefail

source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=${1:?usage: installed.sh BUILD_ROOT [CASE…]}
work=$(realpath -m "$work")
shift
here=$work/installed
suite=bookworm

# What the machine has before we come: a workstation's and a server's usual programs, and what the test needs.
packages=(ca-certificates dbus systemd polkitd openssh-server openssh-client sudo libpam-sss libpam-gnome-keyring
	python3 curl jq openssl procps sqlite3)
# Of these only the PAM services, without what they would bring.
services=(lightdm gdm3)

# An older tree, of the schema before cards, and the debian/rules of the commit that put its units right.
older=7f5cc21 older_rules=442653b older_version=0.0.9

((EUID == 0)) || {
	echo "installed.sh: needs root" >&2
	exit 77
}

# machine NETWORK LOWER COMMAND…: runs it in that root with namespaces of its own: with an overlay in memory over it
# (NETWORK no), or in the root itself (NETWORK yes: it is being made).
machine() {
	local network=$1 lower=$2 at
	shift 2
	at=$(mktemp -d "${TMPDIR:-/tmp}/hc-installed.XXXXXX")
	local -a separate=(--mount --propagation private --pid --fork --kill-child=KILL --uts)
	[[ $network == no ]] && separate+=(--net)
	local status=0
	unshare "${separate[@]}" bash -euc "$inside" inside "$network" "$lower" "$at" "$here" "$source" "$work" "$@" </dev/null || status=$?
	rmdir "$at"
	return "$status"
}

inside='
network=$1 lower=$2 at=$3 here=$4 source=$5 work=$6
shift 6
if [[ $network == no ]]; then
	mount -t tmpfs -o mode=755 memory "$at"
	mkdir "$at/upper" "$at/work" "$at/root"
	mount -t overlay -o "lowerdir=$lower,upperdir=$at/upper,workdir=$at/work" machine "$at/root"
	root=$at/root
	ip link set lo up
	hostname hospital
	printf "127.0.0.1 localhost\n127.0.1.1 hospital\n" >"$root/etc/hosts"
	echo hospital >"$root/etc/hostname"
	mkdir -p "$root/opt/hc/new" "$root/opt/hc/old" "$root/opt/hc/support"
	cp "$here"/new/first/*.deb "$root/opt/hc/new/"
	cp "$here"/old/first/*.deb "$root/opt/hc/old/" 2>/dev/null || true
	cp "$source"/tests/package/*.py "$source/tests/integration/keys.py" "$source/docs/examples/sample-application.sh" "$root/opt/hc/"
	cp "$work/dev/tests/support/hc-test-key" "$work/dev/tests/support/libhc_test_keys.so" "$root/opt/hc/support/"
else
	root=$lower
	mount --bind "$root" "$root"
	cp /etc/resolv.conf "$root/etc/resolv.conf"
fi
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
mkdir -p "$here/archives/partial"
mount --bind "$here/archives" "$root/var/cache/apt/archives"
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
	local wanted
	wanted=$(printf '%s\n' "$suite" "${packages[@]}" "${services[@]}" "$(sources)" | sha256sum)
	[[ $(cat "$here/base.made" 2>/dev/null) == "$wanted" ]] && return
	rm -rf "$here/base" "$here/base.made"
	mkdir -p "$here/archives"
	debootstrap --variant=minbase "$suite" "$here/base" http://deb.debian.org/debian
	sources >"$here/base/etc/apt/sources.list"
	# Nothing starts because it was installed: there is no service manager.
	printf '#!/bin/sh\nexit 101\n' >"$here/base/usr/sbin/policy-rc.d"
	chmod 755 "$here/base/usr/sbin/policy-rc.d"
	printf 'Binary::apt::APT::Keep-Downloaded-Packages "true";\nAPT::Keep-Downloaded-Packages "true";\nAPT::Sandbox::User "root";\n' \
		>"$here/base/etc/apt/apt.conf.d/90kept"
	machine yes "$here/base" sh -euc '
		apt-get -q -o Acquire::Retries=3 update
		apt-get -q -y -o Acquire::Retries=3 install --no-install-recommends "$@"
	' sh "${packages[@]}"
	machine yes "$here/base" sh -euc '
		cd /tmp && apt-get -q -o Acquire::Retries=3 download "$@"
		for package in *.deb; do dpkg-deb -x "$package" x; done
		mkdir -p /opt/hc/pam.d && cp x/etc/pam.d/* /opt/hc/pam.d/
	' sh "${services[@]}"
	printf '%s\n' "$wanted" >"$here/base.made"
}

# make_packages DIRECTORY WHAT BUILD OPTION…: once for each tree.
make_packages() {
	local into=$1 what=$2
	shift 2
	[[ $(cat "$into.made" 2>/dev/null) == "$what" ]] && return
	rm -f "$into.made"
	"$source/tests/package/build.sh" "$@" "$into"
	printf '%s\n' "$what" >"$into.made"
}

# What apt would fetch, fetched before: the machine that they are installed on has no network.
fetch_dependencies() {
	mkdir -p "$here/base/opt/hc/fetch"
	cp "$here"/new/first/*.deb "$here/base/opt/hc/fetch/"
	machine yes "$here/base" sh -euc 'apt-get -q -y -o Acquire::Retries=3 --download-only --no-install-recommends install \
		$(ls /opt/hc/fetch/*.deb | grep -v dbgsym)' || {
		# packages that are gone from the mirror: newer lists know the ones that took their place
		machine yes "$here/base" sh -euc 'apt-get -q -o Acquire::Retries=3 update && apt-get -q -y -o Acquire::Retries=3 --download-only \
			--no-install-recommends install $(ls /opt/hc/fetch/*.deb | grep -v dbgsym)'
	}
	rm -rf "$here/base/opt/hc/fetch"
}

mkdir -p "$here"
make_base
make_packages "$here/new" "$(git -C "$source" rev-parse "HEAD^{tree}")"
if git -C "$source" cat-file -e "$older_rules^{commit}" 2>/dev/null; then
	make_packages "$here/old" "$older $older_rules" --of "$older" --rules "$older_rules" --as "$older_version"
else
	# A history without it: the same programs under an older number; the schema is the same then.
	make_packages "$here/old" "$(git -C "$source" rev-parse "HEAD^{tree}")" --of HEAD --as "$older_version"
	same_schema=1
fi
fetch_dependencies
machine no "$here/base" ${same_schema:+env HC_SAME_SCHEMA=1} timeout 540 python3 -B /opt/hc/test_installed.py "$@"
