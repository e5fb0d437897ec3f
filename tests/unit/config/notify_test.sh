#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# configs/keepalived/notify.sh against a stand-in for the daemon that writes
# down how it was called. TAP output.
set -u
: "${top_srcdir:?}"
script=$top_srcdir/configs/keepalived/notify.sh
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT

# Fails for the commands named in $dir/fail; -c waits while $dir/hold exists.
cat > "$dir/conntrackd" <<'D'
#!/bin/sh
dir=$(dirname "$0")
[ "$1 $2" = "-C $dir/test.conf" ] || exit 99
shift 2
printf "%s\n" "$*" >> "$dir/calls"
if [ "$1" = -c ]; then
	while [ -e "$dir/hold" ]; do sleep 0.02; done
fi
if [ "$1" = -d ]; then
	rm -f "$dir/dead"
	( exec 2>/dev/null; : >&9 ) && echo "lock inherited" >> "$dir/calls"
fi
[ "$1" = -s ] && [ -e "$dir/dead" ] && exit 1
! grep -qxe "$1" "$dir/fail"
D
chmod 755 "$dir/conntrackd"

export CONNTRACKD="$dir/conntrackd" CONFIG="$dir/test.conf" LOCKFILE="$dir/lock" RUNDIR="$dir/run"
n=0

# check TITLE WANTED-STATUS WANTED-CALLS WORD...
check() {
	title=$1; want_rc=$2; want=$3; shift 3
	n=$((n + 1))
	: > "$dir/calls"
	sh "$script" "$@" >> "$dir/out" 2>&1
	rc=$?
	got=$(tr '\n' ' ' < "$dir/calls")
	if [ $rc -eq "$want_rc" ] && [ "$got" = "$want" ]; then
		echo "ok $n - $title"
	else
		echo "not ok $n - $title: exit $rc, calls: $got"
		sed 's/^/# /' "$dir/out"
	fi
	: > "$dir/fail"
}

wait_for() {
	i=0
	until grep -q -e "$1" "$2" 2>/dev/null; do
		i=$((i + 1))
		[ $i -lt 500 ] || return 1
		sleep 0.02
	done
}

echo 1..10
: > "$dir/fail"
check "primary" 0 "-c -f -R -B " primary
check "backup, daemon alive" 0 "-s -t -n " backup
check "fault" 0 "-t " fault
check "no word" 1 "" ""
check "unknown word" 1 "" master
echo -c > "$dir/fail"
check "a failing step does not stop the others" 0 "-c -f -R -B " primary

touch "$dir/dead" "$dir/lock"
check "backup, daemon dead: started, without our lock" 0 "-s -d -t -n " backup
n=$((n + 1))
[ ! -e "$dir/lock" ] && echo "ok $n - the left-over lock file is gone" || echo "not ok $n - lock file"

touch "$dir/dead"
echo -d > "$dir/fail"
check "backup, daemon cannot be started" 1 "-s -d " backup

# A backup call while the primary call is still at its first step.
n=$((n + 1))
: > "$dir/calls"
touch "$dir/hold"
rm -f "$dir/dead"
sh "$script" primary > "$dir/out" 2>&1 & first=$!
wait_for '^-c' "$dir/calls"
sh "$script" backup >> "$dir/out" 2>&1 & second=$!
wait_for "^$second\$" "$dir/run/newest"
rm -f "$dir/hold"
wait $first
wait $second
got=$(tr '\n' ' ' < "$dir/calls")
if [ "$got" = "-c -s -t -n " ]; then
	echo "ok $n - an overtaken call ends early and the newer one runs after it"
else
	echo "not ok $n - overtaken: $got"
fi
