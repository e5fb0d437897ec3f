// SPDX-License-Identifier: GPL-2.0-or-later
#include "sample.h"

#include <stdio.h>
#include <string.h>

char said[16384];

static void keep_log(void *ctx, enum log_level level, const char *line)
{
	const size_t at = strlen(said);

	(void)ctx;
	(void)level;
	snprintf(said + at, sizeof(said) - at, "%s\n", line);
}

const struct log kept_log = { .emit = keep_log, .max = LOG_LVL_NOTICE };

int said_lines(const char *text)
{
	int n = 0;

	for (const char *line = said, *end; (end = strchr(line, '\n')); line = end + 1) {
		const char *at = strstr(line, text);

		n += at && at < end;
	}
	return n;
}

struct flow tcp_sample(uint16_t sport, uint32_t id)
{
	struct flow f;

	flow_init(&f);
	f.has = FLOW_HAS_STATUS | FLOW_HAS_TIMEOUT | FLOW_HAS_PORTS | FLOW_HAS_REPLY |
		FLOW_HAS_STATE | FLOW_HAS_ID;
	f.orig.family = FAM_IP4;
	f.orig.src.b[0] = 10;
	f.orig.dst.b[0] = 20;
	f.orig.proto = IPP_TCP;
	f.orig.sport = sport;
	f.orig.dport = 80;
	f.state = TCPS_ESTABLISHED;
	f.status = CTS_CONFIRMED | CTS_SEEN_REPLY | CTS_ASSURED;
	f.timeout = 432000;
	f.id = id;
	tuple_invert(&f.orig, &f.reply);
	return f;
}
