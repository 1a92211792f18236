#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# shellcheck disable=SC2016 # what stands in single quotes is for the inner shells
# The next Debian: a root of Debian 13 by debootstrap, kept below BUILD_ROOT/trixie; in it, without root and network, what
# is committed is built by its gcc as packages, with unit tests and corpora, and by its clang, warnings being errors; then
# its lintian, its systemd and its apt look at the packages. No file of this machine's is changed outside of BUILD_ROOT,
# and every process and mount ends with the script.
#
# usage: debian13.sh BUILD_ROOT [packages | clang | installed]…
# Needs root, and a mirror of Debian the first time.
set -euo pipefail

source=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
work=$(realpath -m "${1:?usage: debian13.sh BUILD_ROOT [packages | clang | installed]…}")
shift
here=$work/trixie
suite=trixie
mirror=http://deb.debian.org/debian
user=64321

# Beside what debian/control says: the second compiler, the judges, and what the tests of the package ask for.
packages=(build-essential clang fakeroot iproute2 lintian systemd udev)

((EUID == 0)) || {
	echo "debian13.sh: needs root" >&2
	exit 77
}

# machine NETWORK COMMAND…: runs it in the root, in namespaces of its own. NETWORK no: loopback alone, and what
# it changes outside of /build is gone with it.
machine() {
	local network=$1 at status=0
	shift
	at=$(mktemp -d "${TMPDIR:-/tmp}/hc-trixie.XXXXXX")
	local -a separate=(--mount --propagation private --pid --fork --kill-child=KILL --uts)
	[[ $network == no ]] && separate+=(--net)
	unshare "${separate[@]}" bash -euc "$inside" inside "$network" "$at" "$here" "$@" </dev/null || status=$?
	rmdir "$at"
	return "$status"
}

inside='
network=$1 at=$2 here=$3
shift 3
root=$here/root
if [[ $network == no ]]; then
	mount -t tmpfs -o mode=755 memory "$at"
	mkdir "$at/upper" "$at/work" "$at/root"
	mount -t overlay -o "lowerdir=$root,upperdir=$at/upper,workdir=$at/work" machine "$at/root"
	root=$at/root
	ip link set lo up
	hostname hospital
	printf "127.0.0.1 localhost hospital\n" >"$root/etc/hosts"
	mkdir "$root/build"
	mount --bind "$here/build" "$root/build"
else
	mount --bind "$root" "$root"
	cp /etc/resolv.conf "$root/etc/resolv.conf"
fi
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=1777 tmp "$root/tmp"
mount -t tmpfs -o mode=755 run "$root/run"
mkdir -m 1777 "$root/run/lock"
mount -t tmpfs -o mode=755 dev "$root/dev"
for device in null:3 zero:5 full:7 random:8 urandom:9; do
	mknod -m 666 "$root/dev/${device%:*}" c 1 "${device#*:}"
done
ln -s /proc/self/fd "$root/dev/fd"
mkdir -m 1777 "$root/dev/shm"
mkdir -p "$here/archives/partial"
mount --bind "$here/archives" "$root/var/cache/apt/archives"
proxies=$(env | grep -iE "^(http|https|no)_proxy=" || true)
exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 TERM=dumb \
	DEBIAN_FRONTEND=noninteractive ${proxies:+$proxies} "$@"
'

sources() {
	printf 'deb %s %s main\ndeb %s %s-updates main\ndeb %s-security %s-security main\n' "$mirror" "$suite" "$mirror" "$suite" "$mirror" "$suite"
}

# The root with what debian/control asks for: made once, and again when that changed.
make_root() {
	local wanted
	wanted=$({
		printf '%s\n' "$suite" "${packages[@]}" "$(sources)"
		git -C "$source" show "$commit:debian/control" | sed '/^$/,$d'
	} | sha256sum)
	[[ $(cat "$here/root.made" 2>/dev/null) == "$wanted" ]] && return
	mkdir -p "$here/archives"
	if [[ ! -e $here/root/etc/apt/apt.conf.d/90kept ]]; then
		rm -rf "$here/root"
		debootstrap --variant=minbase "$suite" "$here/root" "$mirror"
		printf '#!/bin/sh\nexit 101\n' >"$here/root/usr/sbin/policy-rc.d"
		chmod 755 "$here/root/usr/sbin/policy-rc.d"
		printf 'Binary::apt::APT::Keep-Downloaded-Packages "true";\nAPT::Sandbox::User "root";\n' >"$here/root/etc/apt/apt.conf.d/90kept"
	fi
	sources >"$here/root/etc/apt/sources.list"
	mkdir -p "$here/root/opt/control/debian"
	git -C "$source" show "$commit:debian/control" >"$here/root/opt/control/debian/control"
	machine yes sh -euc '
		apt-get -q -o Acquire::Retries=3 update
		apt-get -q -y -o Acquire::Retries=3 install --no-install-recommends "$@"
		apt-get -q -y -o Acquire::Retries=3 build-dep --no-install-recommends /opt/control
	' sh "${packages[@]}"
	rm -rf "$here/root/opt/control"
	printf '%s\n' "$wanted" >"$here/root.made"
}

# unpacked NAME: the committed tree at /build/NAME/hospiconnect of the root, owned by who builds.
unpacked() {
	rm -rf "$here/build/$1"
	mkdir -p "$here/build/$1/hospiconnect"
	git -C "$source" archive "$commit" | tar -x -C "$here/build/$1/hospiconnect"
	chown -R "$user:$user" "$here/build/$1"
}

# as_builder NAME COMMAND…: there, as a user that is nobody else's.
as_builder() {
	local name=$1 status=0
	shift
	machine no sh -euc 'cd /build; name=$1; shift; test ! -d "$name/hospiconnect" || cd "$name/hospiconnect"
		exec setpriv --reuid='"$user"' --regid='"$user"' --clear-groups --no-new-privs env HOME="/build/$name" "$@"' sh "$name" "$@" \
		>"$here/$name.log" 2>&1 || status=$?
	((status == 0)) || {
		echo "debian13.sh: $name: the end of $here/$name.log"
		grep -E -B2 -A8 'error:|\*\*\*Failed|CMake Error' "$here/$name.log" | head -n 60 || true
		tail -n 40 "$here/$name.log"
	}
	return "$status"
}

# gcc, with unit tests and corpora, as debian/rules says; lintian of that Debian.
check_packages() {
	unpacked packages
	as_builder packages env DEB_BUILD_OPTIONS="parallel=$(nproc)" dpkg-buildpackage --build=binary --unsigned-changes || return
	as_builder lintian sh -euc 'lintian --fail-on error,warning --tag-display-limit 0 /build/packages/hospiconnect_*.changes' || return
	echo "packages: gcc, unit tests, corpora, lintian: good"
}

check_clang() {
	unpacked clang
	as_builder clang sh -euc 'cmake -G Ninja -B build -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=RelWithDebInfo
		cmake --build build --parallel "$(nproc)"
		ctest --test-dir build --output-on-failure --no-tests=error -j "$(nproc)" -L "unit|fuzz"' || return
	echo "clang: built, unit tests, corpora: good"
}

# What apt would fetch comes before: the machine that the packages are installed on has no network.
check_installed() {
	mkdir -p "$here/root/opt/fetch"
	cp "$here"/build/packages/*.deb "$here/root/opt/fetch/"
	rm -f "$here"/root/opt/fetch/*dbgsym*
	machine yes sh -euc 'apt-get -q -y -o Acquire::Retries=3 --download-only --no-install-recommends install /opt/fetch/*.deb' \
		>"$here/fetched.log" 2>&1 || {
		tail -n 20 "$here/fetched.log"
		return 1
	}
	machine no sh -euc '
		apt-get -q -y -o Dpkg::Use-Pty=0 --no-install-recommends install /opt/fetch/*.deb
		cd /usr/lib/systemd/system
		systemd-analyze verify --man=no hospiconnect*.service hospiconnect*.timer hc-*.socket
		for unit in hospiconnect*.service hospiconnect*.timer hc-*; do test "$(readlink -f "$unit")" = "$PWD/$unit"; done
		udevadm verify /usr/lib/udev/rules.d/70-hospiconnect.rules
		ls -l /usr/lib/*/security/pam_hospiconnect.so
		for program in hospiconnect-authd hospiconnect-gateway hospiconnect-crl hospictl; do "$program" --version; done
		systemd-tmpfiles --create hospiconnect.conf hospiconnect-gateway.conf
		install -d -o hospiconnect -g hospiconnect -m 700 /var/lib/hospiconnect
		install -d -o hospiconnect -g hospiconnect -m 755 /run/hospiconnect
		setpriv --reuid=hospiconnect --regid=hospiconnect --clear-groups hospiconnect-authd &
		timeout 30 sh -c "until test -S /run/hospiconnect/admin.sock; do sleep 0.1; done"
		hospictl user add martin --given-name Alice --family-name Martin
		hospictl audit verify
		kill $! && wait $!
		dpkg --verify libpam-hospiconnect hospiconnect-authd hospiconnect-crl hospiconnect-gateway hospictl hospiconnect-doc
		apt-get -q -y -o Dpkg::Use-Pty=0 purge hospiconnect-authd libpam-hospiconnect hospiconnect-gateway hospictl
	' >"$here/installed.log" 2>&1 || {
		tail -n 40 "$here/installed.log"
		return 1
	}
	rm -rf "$here/root/opt/fetch"
	echo "installed: units, rules, programs, a broker that serves: good"
}

commit=$(git -C "$source" rev-parse HEAD)
mkdir -p "$here/build"
make_root >"$here/root.log" 2>&1 || {
	tail -n 20 "$here/root.log"
	exit 1
}
(($#)) || set -- packages clang installed
status=0
for part in "$@"; do
	case $part in
	packages) check_packages || status=1 ;;
	clang) check_clang || status=1 ;;
	installed) check_installed || status=1 ;;
	*) exit 2 ;;
	esac
done
exit "$status"
