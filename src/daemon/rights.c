// SPDX-License-Identifier: GPL-2.0-or-later
/* Dropping privileges, by means of libcap-ng. */
#define _GNU_SOURCE
#include "rights.h"

#include <cap-ng.h>
#include <errno.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Only what we have ourselves can be kept. */
static void select_needed(bool low_ports)
{
	static const unsigned int needed[] = { CAP_NET_ADMIN, CAP_SYS_NICE, CAP_NET_BIND_SERVICE };
	bool have[3];

	capng_get_caps_process();
	for (int i = 0; i < 3; i++)
		have[i] = capng_have_capability(CAPNG_PERMITTED, needed[i]);
	capng_clear(CAPNG_SELECT_BOTH);
	for (int i = 0; i < (low_ports ? 3 : 2); i++)
		if (have[i])
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, needed[i]);
}

int rights_drop(const struct account *user, bool low_ports, const struct log *log)
{
	int rc;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		log_warning(log, "no_new_privs is not supported by this kernel");
	select_needed(low_ports);
	if (user && user->uid != geteuid()) {
		rc = capng_change_id((int)user->uid, (int)user->gid,
				     CAPNG_INIT_SUPP_GRP | CAPNG_CLEAR_BOUNDING);
		return rc < 0 ? -EPERM : 0;
	}
	/* Without CAP_SETPCAP the bounding set cannot be touched. */
	if (capng_apply(CAPNG_SELECT_BOTH) < 0 && capng_apply(CAPNG_SELECT_CAPS) < 0)
		log_warning(log, "can't give up capabilities, going on with all of them");
	return 0;
}
