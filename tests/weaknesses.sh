#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Every test named in the table of weaknesses of doc/testing.md is there, under the
# number of its row. As TAP, one line a row.
#
# Names in the table: `suite.test` of tests/unit, `netns/test` of tests/netns.
set -u
top=${top_srcdir:-$(dirname "$0")/..}

exists() {			# exists NAME
	case $1 in
	netns/*) grep -qE "^def ${1#netns/}\(" "$top"/tests/netns/*.py ;;
	*.*) grep -rqE "^Test\(${1%%.*}, ${1#*.}[,)]" "$top/tests/unit" ;;
	*) false ;;
	esac
}

# Lines "W8 ftfw.w8_this ftfw.w8_that" of the table.
rows=$(awk -F'|' '/^\| W[0-9]+ \|/ { gsub(/[` ,]+/, " ", $4); print $2 $4 }' "$top/doc/testing.md")
echo "1..$(echo "$rows" | wc -l)"
echo "$rows" | {
	n=0
	while read -r number names; do
		n=$((n + 1))
		wrong=''
		for name in $names; do
			exists "$name" || wrong="$wrong, there is no $name"
			echo "$name" | grep -qiE "[./_]${number}_" ||
				wrong="$wrong, $name is not named after it"
		done
		[ -n "$names" ] || wrong=", no test"
		if [ -z "$wrong" ]; then echo "ok $n - $number"
		else echo "not ok $n - $number$wrong"; fi
	done
}
