#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What others wrote is named in one list, with its floor: docs/DEPENDENCIES.md, CMake and debian/control say the same
# packages and versions, and what programs ask for while they run (debian/control, tools/sbom.tsv) and what the tests
# install (script/packages.txt) stands in the list as well.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

list=docs/DEPENDENCIES.md
declare -A floor=() module_floor=() mentioned=() at_run_time=() source_of=() cmake_floor=() control_floor=()
count=0

# Rows of a table: | `package` | …. Those of eight cells are of the build, those of three of run time.
while IFS='|' read -r _ package source version _ module rest; do
	[[ $package =~ ^\ \`([a-z0-9.+-]+)\`\ $ ]] || continue
	package=${BASH_REMATCH[1]}
	if [[ -n $rest ]]; then
		count=$((count + 1))
		version=${version// /}
		module=${module// /}
		floor[$package]=$version
		source_of[$package]=${source//[ \`]/}
		[[ -z $module ]] || module_floor[$module]=$version
	else
		at_run_time[$package]=1
	fi
done <"$list"
# shellcheck disable=SC2016 # the backticks are Markdown's
while IFS= read -r name; do mentioned[$name]=1; done < <(grep -oE '`[a-z0-9.+-]+`' "$list" | tr -d '`')

# Every requirement that CMake states: "module version".
while read -r module version; do
	cmake_floor[$module]=$version
done < <(perl -ne '
	next if /^\s*#/;
	print "$1 $2\n" if /pkg_check_modules\([^)]*?([A-Za-z0-9_+.-]+)>=([0-9.]+)\)/;
	print "$1 $2\n" if /find_package\((OpenSSL)\s+([0-9.]+)/;
	print "$1 $2\n" if /hc_header_library\((\S+)\s+([0-9.]+)/;
	print "cmake $1\n" if /cmake_minimum_required\(VERSION\s+([0-9.]+)/;
	print "$1 none\n" if /pkg_check_modules\(\S+\s+(?:REQUIRED\s+)?(?:IMPORTED_TARGET\s+)?([^)\s>]+)\)/;
' CMakeLists.txt cmake/*.cmake)

# Every package that debian/control wants for the build: "package version", and those it names for run time.
while read -r package version; do
	control_floor[$package]=${version:-}
done < <(perl -0777 -ne '
	/^Build-Depends:(.*?)\n(?=\S|\n)/ms or exit;
	for (split /,/, $1) { s/<[^>]*>//g; print "$1 ", ($2 // ""), "\n" if /^\s*([a-z0-9.+-]+)(?::any)?\s*(?:\(>=\s*([^)]+)\))?/ }
' debian/control)

same() {
	local what=$1 name=$2 here=$3 there=$4
	[[ $here == "$there" ]] || hc_violation "$what" "$name has the floor '$here', $list says '$there'"
}

for module in "${!cmake_floor[@]}"; do
	if [[ -n ${module_floor[$module]+there} ]]; then
		same cmake "$module" "${cmake_floor[$module]}" "${module_floor[$module]}"
	else
		hc_violation cmake "$module is not in $list"
	fi
done
for module in "${!module_floor[@]}"; do
	[[ -n ${cmake_floor[$module]+there} ]] || hc_violation "$list" "CMake does not ask for $module"
done
for package in "${!control_floor[@]}"; do
	if [[ -n ${floor[$package]+there} ]]; then
		same debian/control "$package" "${control_floor[$package]}" "${floor[$package]}"
	else
		hc_violation debian/control "$package is not in $list"
	fi
done
for package in "${!floor[@]}"; do
	[[ -n ${control_floor[$package]+there} ]] || hc_violation "$list" "debian/control does not ask for $package"
	[[ -n ${source_of[$package]} ]] || hc_violation "$list" "$package has no source package"
done

while IFS= read -r package; do
	[[ -n ${at_run_time[$package]:-} ]] || hc_violation debian/control "$package, for run time, is not in $list"
done < <(perl -0777 -ne 's/\n[ \t]+/ /g; while (/^(?:Pre-)?(?:Depends|Recommends|Suggests):(.*)$/mg) {
	for (split /[,|]/, $1) { print "$1\n" if /^\s*([a-z0-9.+-]+)/ && $1 !~ /^(hospi|libpam-hospiconnect)/ } }' debian/control)
if [[ -f tools/sbom.tsv ]]; then
	while IFS=$'\t' read -r program package _; do
		[[ $program == '#'* || $package == libc6 || -n ${at_run_time[$package]:-} ]] ||
			hc_violation tools/sbom.tsv "$package, for run time, is not in $list"
	done < <(cat tools/sbom.tsv)
fi
if [[ -f script/packages.txt ]]; then
	while read -r group package; do
		[[ -z $group || $group == '#'* || -n ${mentioned[$package]:-} ]] ||
			hc_violation script/packages.txt "$package is not in $list"
	done < <(cat script/packages.txt)
fi
((count > 0)) || hc_violation "$list" "no table of dependencies"
hc_verdict check-dependencies "$count packages of the build"
