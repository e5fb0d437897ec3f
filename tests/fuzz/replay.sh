#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The corpus of every fuzz target once, as TAP: one line a target.
set -u
corpus=${top_srcdir:-.}/tests/fuzz/corpus
out=$(mktemp) || exit 99
trap 'rm -f "$out"' EXIT
# shellcheck disable=SC2012
echo "1..$(ls "$corpus" | wc -l)"
n=0
for folder in "$corpus"/*; do
	n=$((n + 1))
	target=${folder##*/}
	if "${top_builddir:-.}/tests/fuzz/${target}_replay" "$folder" > "$out" 2>&1; then
		echo "ok $n - $target:$(sed -n 's/^ok.*://p' "$out")"
	else
		# the last file named is the one that did it
		tail -n 40 "$out" | sed 's/^#* */# /'
		echo "not ok $n - $target"
	fi
done
