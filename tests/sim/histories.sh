#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# 1,000 histories in slices, as TAP; a broken one prints its seed and last steps.
# HISTORIES=n for another number.
set -u
sim=${top_builddir:-.}/tests/sim/sim
total=${HISTORIES:-1000}
slice=$(( (total + 9) / 10 ))
out=$(mktemp) || exit 99
trap 'rm -f "$out"' EXIT
n=0

run() {      # run NAME ARGUMENTS
	name=$1; shift
	n=$((n + 1))
	if "$sim" "$@" > "$out" 2>&1; then echo "ok $n - $name"
	else sed 's/^/# /' "$out"; echo "not ok $n - $name"; fi
}

must_break() {  # must_break MECHANISM: an invariant notices when it is off
	n=$((n + 1))
	if "$sim" --seed 1 --histories 40 --break "$1" > "$out" 2>&1
	then echo "not ok $n - nothing notices that $1 is off"
	else echo "ok $n - an invariant notices that $1 is off"; fi
}

echo "1..15"
i=0
while [ $i -lt 10 ]; do
	first=$((1 + i * slice))
	run "FT-FW, seeds $first to $((first + slice - 1))" --seed $first --histories $slice
	i=$((i + 1))
done
run "NOTRACK without faults" --mode notrack --lossless --seed 1 --histories 100
for m in w4 w5 w8 hold; do must_break $m; done
