// SPDX-License-Identifier: GPL-2.0-or-later
/* In place of rights.c where there is no libcap-ng: the daemon stays who it is. */
#include "rights.h"

#include <sys/prctl.h>
#include <unistd.h>
#include "base/err.h"

int rights_drop(const struct account *user, bool low_ports, const struct log *log)
{
	(void)low_ports;
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (!user || user->uid == geteuid())
		return 0;
	log_error(log, "this program was built without libcap-ng, it cannot change its user");
	return CTD_EUNSUPPORTED;
}
