#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# 3,000 histories in slices, two at a time, as TAP; a broken one prints its seed
# and last steps. HISTORIES=n for another number.
set -u
sim=${top_builddir:-.}/tests/sim/sim
total=${HISTORIES:-3000}
slices=10
slice=$(( (total + slices - 1) / slices ))
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
n=0

# Histories that showed a mistake once, as "ARGUMENTS: what it was". They mean what
# they say as long as draw.c draws as it does; most mistakes have a unit test, too.
regressions() { cat <<'END'
--steps 120 --seed 85: after a flush without ExpectationSync no bulk counted
--steps 120 --seed 34: a bulk left parts of an older flow
--steps 100 --seed 100815: lost events were not told when -R ran
--steps 120 --mode alarm --seed 2: a refresh left parts of an older flow
--steps 120 --mode ftfw --seed 1594: a late HELLO brought an ended flow back
--steps 100 --seed 230332: a peer greeted anew got no bulk and kept what had ended
--steps 100 --seed 283087: after a failed dump the next one spared what had ended
--steps 120 --mode notrack --seed 766: one late ALIVE ended the removal of stale entries
--steps 100 --seed 1020040: a bulk that began before its node was heard anew did not count
--steps 100 --seed 1038371: the same
--steps 150 --limit 2 --seed 2022: an end given up for lack of room stayed on a peer back soon
--steps 100 --seed 3014976: the same, told of again before the peer had read what was sent
--steps 120 --limit 2 --seed 7381: what a full cache had refused was not told when -R ran
END
}

slice_args() { echo "--steps 100 --seed $((1 + $1 * slice)) --histories $slice"; }

half() {    # half FIRST: every second slice
	i=$1
	while [ "$i" -lt $slices ]; do
		# shellcheck disable=SC2046
		"$sim" $(slice_args "$i") > "$dir/$i" 2>&1
		echo $? > "$dir/$i.rc"
		i=$((i + 2))
	done
}

result() {  # result NAME RC FILE
	n=$((n + 1))
	if [ "$2" -eq 0 ]; then echo "ok $n - $1"
	else sed 's/^/# /' "$3"; echo "not ok $n - $1"; fi
}

must_break() {  # must_break MECHANISM ARGUMENTS: an invariant notices when it is off
	mechanism=$1; shift
	n=$((n + 1))
	if "$sim" "$@" --break "$mechanism" > "$dir/out" 2>&1
	then echo "not ok $n - nothing notices that $mechanism is off"
	else echo "ok $n - an invariant notices that $mechanism is off"; fi
}

half 0 & one=$!
half 1 & two=$!
wait $one $two
i=0
while [ $i -lt $slices ]; do
	result "histories $(slice_args $i)" "$(cat "$dir/$i.rc")" "$dir/$i"
	i=$((i + 1))
done
while IFS=: read -r args what; do
	# shellcheck disable=SC2086
	"$sim" $args > "$dir/out" 2>&1
	result "regression:$what" $? "$dir/out"
done <<END
$(regressions)
END
for m in w2 w4 w5 w8 rto hold; do must_break $m --steps 120 --seed 1 --histories 150; done
must_break w9 --steps 120 --seed 401 --histories 200
echo "1..$n"
