#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# What is installed beside the program: completion, unit, log rotation. TAP output.
[ -n "${BASH_VERSION-}" ] || exec bash "$0" "$@"
set -u
: "${top_srcdir:?}" "${top_builddir:?}"
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
program=$top_builddir/conntrackd/conntrackd
n=0

tell() {        # tell TITLE STATUS [MORE]
	n=$((n + 1))
	if [ "$2" = 0 ]; then echo "ok $n - $1"; else echo "not ok $n - $1 ${3-}"; fi
}

skip() {
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}

# shellcheck disable=SC1091
. "$top_srcdir/configs/completion/conntrackd"

complete_line() {       # words, the last one to be completed -> candidates
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	_conntrackd
	printf '%s\n' "${COMPREPLY[@]}"
}

expect() {              # expect TITLE WANTED WORD...
	local title=$1 want=$2
	shift 2
	got=$(complete_line conntrackd "$@" | tr '\n' ' ')
	[ "$got" = "$want " ]
	tell "completion: $title" $? "got: $got"
}

echo 1..11

"$program" -h > "$dir/help"
missing=
for word in $(grep -o -e '--[a-z-]*' "$dir/help" | sort -u); do
	complete_line conntrackd "$word" | grep -qx -e "$word" || missing+=" $word"
done
tell "completion: every option of the usage text" "$([ -z "$missing" ]; echo $?)" "$missing"

unknown=
for word in $(complete_line conntrackd --); do
	grep -q -e "$word\b" "$dir/help" || case $word in
	--status|--health|--reload) ;;          # the long form of a word
	*) unknown+=" $word" ;;
	esac
done
tell "completion: no option that there is not" "$([ -z "$unknown" ]; echo $?)" "$unknown"

expect "arguments of -c" "ct expect" -c ''
expect "reports" "runtime rsqueue" -s r
expect "caches" "external" --flush-cache e
expect "words" "status" st
printf 'Sync {\n\tPeer left {\n\t}\n\tPeer right {\n\t}\n}\n' > "$dir/conf"
expect "peers of the configuration" "left right" -C "$dir/conf" -e --peer ''
expect "terms of a filter" "proto port" -i --filter p

make -s -C "$top_builddir" configs/systemd/conntrackd.service > "$dir/out" 2>&1
grep -q '^ExecStart=/.*sbin/conntrackd -C /.*/conntrackd.conf$' \
	"$top_builddir/configs/systemd/conntrackd.service"
tell "unit: paths are filled in" $? "$(cat "$dir/out")"

if command -v systemd-analyze > /dev/null; then
	sed "s,=/[^ ]*/sbin/conntrackd,=$(command -v true)," \
		"$top_builddir/configs/systemd/conntrackd.service" > "$dir/conntrackd.service"
	systemd-analyze verify "$dir/conntrackd.service" > "$dir/out" 2>&1
	tell "unit: systemd has nothing to say about it" $? "$(tr '\n' ' ' < "$dir/out")"
else
	skip "unit: systemd has nothing to say about it" "no systemd-analyze here"
fi

[ "$(grep -c '[{]' "$top_srcdir/configs/logrotate/conntrackd")" = 1 ] &&
	grep -q 'conntrackd reload' "$top_srcdir/configs/logrotate/conntrackd"
tell "log rotation: one block, and nothing is restarted" $?
