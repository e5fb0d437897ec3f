/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_KERNEL_EVENT_H
#define CTD_KERNEL_EVENT_H

/* One entry of the kernel's tables as an event or a dump reports it. */
#include <stdbool.h>
#include <stdint.h>
#include "flow/expect.h"
#include "flow/flow.h"

enum kernel_event_kind {
	KEV_NEW,
	KEV_UPDATE, /* also every entry of a dump */
	KEV_DESTROY,
};

struct kernel_event {
	enum kernel_event_kind kind;
	bool is_expect; /* which member of the union */
	/* Port id of the socket whose request caused it, 0 if a packet did. */
	uint32_t portid;
	union {
		struct flow flow;
		struct expect expect;
	};
};

#endif
