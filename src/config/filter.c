// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * From the Filter section to the filter the core works with. "From Kernelspace"
 * makes no difference: both spellings have the meaning of user space.
 */
#include <errno.h>
#include "config/config.h"

static int add_items(struct filter *f, const struct config_filter *in)
{
	unsigned int i;
	size_t n;
	int rc;

	for (i = 0; i < 256; i++)
		if (in->protos[i])
			filter_add_proto(f, (uint8_t)i);
	for (i = 0; i < 16; i++)
		if (in->states & 1u << i)
			filter_add_state(f, (uint8_t)i);
	for (n = 0; n < in->n_nets; n++) {
		rc = filter_add_net(f, &in->nets[n]);
		if (rc && rc != -EEXIST)
			return rc;
	}
	return 0;
}

struct filter *config_make_filter(const struct config *c)
{
	struct filter *f = filter_new();

	if (!f)
		return NULL;
	if (c->filter.proto_policy != FILTER_ABSENT)
		filter_set_proto_policy(f, c->filter.proto_policy);
	if (c->filter.addr_policy != FILTER_ABSENT)
		filter_set_addr_policy(f, c->filter.addr_policy);
	if (c->filter.state_policy != FILTER_ABSENT)
		filter_set_state_policy(f, c->filter.state_policy);
	if (add_items(f, &c->filter)) {
		filter_free(f);
		return NULL;
	}
	return f;
}
