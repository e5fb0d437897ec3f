// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two configurations side by side: what a daemon that runs with the one needs to
 * know to go on with the other. Which keywords count at the start alone is said in
 * their rows.
 */
#include <string.h>
#include "config/config.h"
#include "schema.h"

static bool same_value(const struct schema_key *key, const struct config *a, const struct config *b)
{
	const char *x = (const char *)a + key->off, *y = (const char *)b + key->off;

	switch (key->type) {
	case KEY_BOOL:
		return *(const bool *)x == *(const bool *)y;
	case KEY_PATH:
	case KEY_BOOL_PATH:
	case KEY_ACCOUNT:
		return strcmp(x, y) == 0;
	default:
		return *(const uint32_t *)x == *(const uint32_t *)y;
	}
}

static const char *fixed_key(const struct config *a, const struct config *b)
{
	const struct schema_key *key;

	for (size_t i = 0; (key = schema_row(i)); i++)
		if ((key->flags & KEY_AT_START) && !same_value(key, a, b))
			return key->name;
	return NULL;
}

const char *config_fixed(const struct config *old, const struct config *new)
{
	if (old->has_sync != new->has_sync || old->has_stats != new->has_stats)
		return "Sync or Stats";
	if (old->sync.mode != new->sync.mode)
		return "Mode";
	if (old->sync.expect_sync != new->sync.expect_sync)
		return "ExpectationSync on or off";
	if (!old->general.poll_secs != !new->general.poll_secs)
		return "PollSecs instead of events";
	return fixed_key(old, new);
}

/* Order and repetitions aside it could still be the same; then nothing is lost. */
bool config_same_filter(const struct config *a, const struct config *b)
{
	const struct config_filter *f = &a->filter, *g = &b->filter;

	return f->kernelspace == g->kernelspace && f->proto_policy == g->proto_policy &&
	       f->addr_policy == g->addr_policy && f->state_policy == g->state_policy &&
	       f->states == g->states && !memcmp(f->protos, g->protos, sizeof(f->protos)) &&
	       f->n_nets == g->n_nets &&
	       (!f->n_nets || !memcmp(f->nets, g->nets, f->n_nets * sizeof(*f->nets)));
}

static bool same_addr(const struct addr *a, const struct addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

bool config_same_link(const struct config_link *a, const struct config_link *b)
{
	return a->kind == b->kind && a->family == b->family && a->has_local == b->has_local &&
	       a->has_dest == b->has_dest && a->has_iface_addr == b->has_iface_addr &&
	       same_addr(&a->local, &b->local) && same_addr(&a->dest, &b->dest) &&
	       same_addr(&a->iface_addr, &b->iface_addr) && !strcmp(a->interface, b->interface) &&
	       a->port == b->port && a->snd_buffer == b->snd_buffer &&
	       a->rcv_buffer == b->rcv_buffer && a->checksum == b->checksum;
}
