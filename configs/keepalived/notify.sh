#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# notify.sh primary|backup|fault
#
# What conntrackd has to do when the addresses of the cluster come or go. Called
# by keepalived, see keepalived.conf. Each step runs even if the one before
# failed: half of a takeover is better than none.
#
# keepalived starts this script without waiting for an earlier call to end, and
# two nodes that start together change roles twice within milliseconds. So calls
# queue up behind a lock, and one that is overtaken by a newer call ends early.

CONNTRACKD=${CONNTRACKD:-/usr/sbin/conntrackd}
CONFIG=${CONFIG:-/etc/conntrackd/conntrackd.conf}
LOCKFILE=${LOCKFILE:-/var/lock/conntrack.lock}    # LockFile of the daemon
RUNDIR=${RUNDIR:-/run/conntrackd-notify}
umask 077

note() {
	logger -t conntrackd-notify -- "$1" 2>/dev/null || echo "$1" >&2
}

# One command to the daemon. Skipped if a newer call waits for the lock.
step() {
	[ "$(cat "$RUNDIR/newest" 2>/dev/null)" = "$$" ] || {
		note "$role: overtaken by a newer change, conntrackd $* not run"
		return 0
	}
	"$CONNTRACKD" -C "$CONFIG" "$@" >/dev/null ||
		note "$role: conntrackd $* failed"
}

alive() {
	"$CONNTRACKD" -C "$CONFIG" -s >/dev/null 2>&1
}

role=$1
case $role in
primary|backup|fault) ;;
*)
	echo "usage: $0 primary|backup|fault" >&2
	exit 1
	;;
esac

mkdir -p "$RUNDIR" || exit 1
echo $$ > "$RUNDIR/newest.$$" && mv "$RUNDIR/newest.$$" "$RUNDIR/newest"
exec 9> "$RUNDIR/lock"
flock 9

case $role in
primary)
	step -c             # the peer's states into the kernel; packets arrive already
	step -f             # they are ours now: forget who they came from
	step -R             # look at the kernel again: own and taken over
	step -B             # and tell all of it to the others
	;;
backup)
	if ! alive; then
		note "$role: conntrackd does not answer, starting it"
		rm -f "$LOCKFILE"
		if ! "$CONNTRACKD" -C "$CONFIG" -d 9>&-; then    # must not keep the lock
			note "$role: conntrackd does not start"
			exit 1
		fi
	fi
	step -t             # what we still have in the kernel grows old; purge it later
	step -n             # fetch what the primary has
	;;
fault)
	step -t
	;;
esac
exit 0
