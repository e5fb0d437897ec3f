/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_CONTROL_CREDS_H
#define CTD_CONTROL_CREDS_H

/*
 * Who asks, and what he may. The mode of the socket file decides who can connect
 * at all; behind it, commands that change something are for root, for the user
 * the daemon runs as, and for the members of the socket's group.
 */
#include <stdbool.h>
#include <sys/types.h>

/* The configured side. */
struct control_access {
	mode_t mode; /* of the socket file; 0: 0600 */
	bool has_group;
	gid_t group; /* of the socket file, if it has one of its own */
};

/* A client, from the kernel. uid and gid are (uid_t)-1 if it does not know. */
struct control_creds {
	pid_t pid;
	uid_t uid;
	gid_t gid;
	bool in_group; /* of control_access, as first group or as another one */
};

/* Ask the kernel about the other end of a connected socket. */
void control_creds_read(int fd, const struct control_access *a, struct control_creds *creds);

/*
 * May this client change something, or else only look? own is the user the
 * daemon runs as. Looking is free to everybody where the mode lets everybody in.
 */
bool control_allowed(const struct control_creds *creds, const struct control_access *a, uid_t own,
		     bool changes);

#endif
