#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Builds the Debian packages of what is committed, as a build daemon does: from a clean tree, without root, with no
# network but loopback. Lintian finds neither error nor warning. With --twice the tests of the package run as well, and
# it is built once more elsewhere, under another name, time zone, language and umask: the same bytes, or it says which
# package differs.
#
# usage: build.sh [--twice | --of COMMIT --rules COMMIT --as VERSION] DIRECTORY
#   DIRECTORY is emptied first; the packages end in DIRECTORY/first.
#   --of, --rules, --as  of an older tree, by the debian/rules of another one, under another version, for upgrades:
#                        nothing but built
# HC_PACKAGE_CACHE names a folder of ccache's for one build; what is built twice is compiled twice.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
twice=no
commit=$(git -C "$root" rev-parse HEAD) # one and the same, whatever is committed meanwhile
version=
[[ ${1:-} == --twice ]] && twice=yes && shift
[[ ${1:-} == --of ]] && commit=$2 && shift 2
rules=
[[ ${1:-} == --rules ]] && rules=$2 && shift 2
[[ ${1:-} == --as ]] && version=$2 && shift 2
into=${1:?usage: build.sh [--twice | --of COMMIT --rules COMMIT --as VERSION] DIRECTORY}
user=64321 # no user of this machine; "nobody" is one of the people in the tests

((EUID == 0)) || {
	echo "build.sh: needs root, to give up root and the network" >&2
	exit 77
}

# build NAME FOLDER VARIABLE=VALUE…: the committed tree, built in DIRECTORY/NAME/FOLDER.
build() {
	local at=$into/$1 tree=$into/$1/$2
	shift 2
	mkdir -p "$tree" "$at/home"
	git -C "$root" archive "$commit" | tar -x -C "$tree"
	[[ -z $rules ]] || git -C "$root" show "$rules:debian/rules" >"$tree/debian/rules"
	[[ -z $version ]] || sed -i "1s/(.*)/($version)/" "$tree/debian/changelog"
	chown -R "$user:$user" "$at"
	local -a cache=()
	if [[ $twice == no && -n ${HC_PACKAGE_CACHE:-} ]]; then
		install -d -o "$user" -g "$user" "$HC_PACKAGE_CACHE"
		cache=(CMAKE_C_COMPILER_LAUNCHER=ccache CCACHE_DIR="$HC_PACKAGE_CACHE")
	fi
	# shellcheck disable=SC2016 # expanded by the inner shell
	unshare --net -- sh -c 'ip link set lo up && cd "$1" && shift && exec "$@"' sh "$tree" \
		setpriv --reuid="$user" --regid="$user" --clear-groups --no-new-privs \
		env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME="$at/home" "${cache[@]}" "$@" \
		dpkg-buildpackage --build=binary --unsigned-source --unsigned-changes >"$at/build.log" 2>&1 || {
		tail -n 40 "$at/build.log"
		return 1
	}
}

case $into in / | /usr | /etc | /home | "$root") exit 2 ;; esac
rm -rf "$into"
mkdir -p "$into"
chmod 755 "$into"
options="parallel=$(nproc)"
[[ $twice == yes ]] || options+=" nocheck"
build first "hospiconnect-${version:-$(cd "$root" && dpkg-parsechangelog -S Version)}" LANG=C.UTF-8 TZ=UTC DEB_BUILD_OPTIONS="$options"
[[ -z $version ]] || exit 0

status=0
if [[ $twice == yes ]]; then
	(
		umask 027
		build second "another-place" LANG=C TZ=Asia/Tokyo DEB_BUILD_OPTIONS="parallel=1 nocheck"
	)
	for package in "$into"/first/*.deb; do
		name=$(basename "$package")
		cmp "$package" "$into/second/$name" || status=1
	done
fi
lintian --allow-root --fail-on error,warning --tag-display-limit 0 "$into"/first/*.changes || status=1
exit "$status"
