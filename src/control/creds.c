// SPDX-License-Identifier: GPL-2.0-or-later
/* Identity and rights of the clients on the control socket. */
#define _GNU_SOURCE
#include "control/creds.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* Is the group among the further ones of the other end? */
static bool has_group(int fd, gid_t group)
{
	socklen_t len = 0;
	gid_t *groups;
	bool found = false;

	/* Tells the size; fails with ERANGE if there are any. */
	getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len);
	groups = len ? malloc(len) : NULL;
	if (!groups)
		return false;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) == 0)
		for (size_t i = 0; i < len / sizeof(*groups); i++)
			found = found || groups[i] == group;
	free(groups);
	return found;
}

void control_creds_read(int fd, const struct control_access *a, struct control_creds *creds)
{
	struct ucred uc;
	socklen_t len = sizeof(uc);

	*creds = (struct control_creds){ .uid = (uid_t)-1, .gid = (gid_t)-1 };
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &uc, &len) < 0 || len != sizeof(uc))
		return;
	*creds = (struct control_creds){ .pid = uc.pid, .uid = uc.uid, .gid = uc.gid };
	if (a->has_group)
		creds->in_group = uc.gid == a->group || has_group(fd, a->group);
}

bool control_allowed(const struct control_creds *creds, const struct control_access *a, uid_t own,
		     bool changes)
{
	if (creds->uid == (uid_t)-1)
		return false;
	if (creds->uid == 0 || creds->uid == own || creds->in_group)
		return true;
	return !changes && (a->mode & S_IWOTH);
}
