// SPDX-License-Identifier: GPL-2.0-or-later
/* Users and groups of the configuration, by name or number. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include "base/str.h"
#include "rights.h"

static bool as_number(const char *s, uint32_t *out)
{
	uint64_t v;

	if (str_to_u64(s, 0, UINT32_MAX - 1, &v) < 0)
		return false;
	*out = (uint32_t)v;
	return true;
}

int rights_find_user(const char *name, struct account *a)
{
	uint32_t uid;
	const struct passwd *pw = as_number(name, &uid) ? getpwuid(uid) : getpwnam(name);

	if (!pw)
		return -ENOENT;
	*a = (struct account){ .uid = pw->pw_uid, .gid = pw->pw_gid };
	return 0;
}

int rights_find_group(const char *name, gid_t *gid)
{
	const struct group *gr;

	if (as_number(name, gid))
		return 0;
	gr = getgrnam(name);
	if (!gr)
		return -ENOENT;
	*gid = gr->gr_gid;
	return 0;
}
