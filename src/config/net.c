// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The networks of the address set. Lists made by programs have many thousand
 * entries, and every client command reads them, so finding a repeated one must
 * not take a look at all others: an index by hash stands beside the list.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/err.h"
#include "word.h"

static void clear_host_bits(struct filter_net *n)
{
	unsigned int i, bits;

	for (i = 0; i < sizeof(n->addr.b); i++) {
		bits = n->prefix > i * 8 ? n->prefix - i * 8 : 0;
		if (bits < 8)
			n->addr.b[i] &= (uint8_t)(0xff00u >> bits);
	}
}

/* FNV-1a. The file is the administrator's own, so no secret is needed. */
static uint32_t net_hash(const struct filter_net *n)
{
	uint32_t h = 2166136261u;
	unsigned int i;

	for (i = 0; i < sizeof(n->addr.b); i++)
		h = (h ^ n->addr.b[i]) * 16777619u;
	h = (h ^ n->prefix) * 16777619u;
	h = (h ^ n->family) * 16777619u;
	return h ^ h >> 15;
}

static bool net_equal(const struct filter_net *a, const struct filter_net *b)
{
	return a->family == b->family && a->prefix == b->prefix &&
	       memcmp(&a->addr, &b->addr, sizeof(a->addr)) == 0;
}

/* The index slot of a network: its own, or the empty one it belongs into. */
static uint32_t *net_slot(struct reader *r, const struct filter_net *n)
{
	const struct filter_net *nets = r->c->filter.nets;
	size_t i = net_hash(n) & r->net_mask;

	while (r->net_index[i] && !net_equal(&nets[r->net_index[i] - 1], n))
		i = (i + 1) & r->net_mask;
	return &r->net_index[i];
}

/* Room for one more: list twice as long, index four times the list. */
static int grow(struct reader *r)
{
	struct config_filter *f = &r->c->filter;
	size_t cap = f->cap_nets ? f->cap_nets * 2 : 16, i;
	struct filter_net *nets;
	uint32_t *index;

	nets = realloc(f->nets, cap * sizeof(*nets));
	if (!nets)
		return -ENOMEM;
	f->nets = nets;
	index = calloc(cap * 4, sizeof(*index));
	if (!index)
		return -ENOMEM;
	f->cap_nets = cap;
	free(r->net_index);
	r->net_index = index;
	r->net_mask = cap * 4 - 1;
	for (i = 0; i < f->n_nets; i++)
		*net_slot(r, &nets[i]) = (uint32_t)i + 1;
	return 0;
}

void net_index_free(struct reader *r)
{
	free(r->net_index);
	r->net_index = NULL;
}

int net_add(struct reader *r, const struct schema_key *key, const struct word *w)
{
	struct filter_net n = { .family = key->family };
	struct config_filter *f = &r->c->filter;
	unsigned int version = key->family == FAM_IP6 ? 6 : 4;
	bool has_prefix;
	uint32_t *slot;
	int rc;

	if (word_addr_shape(w) == FAM_NONE)
		return reader_fail(r, w, "%s takes an IPv%u address or network", key->name,
				   version);
	rc = word_addr(w, key->family, &n.addr, &n.prefix, &has_prefix);
	if (rc == CTD_ERANGE)
		return reader_bad(r, key, w, "prefix out of range, at most %u",
				  version == 6 ? 128 : 32);
	if (rc)
		return reader_bad(r, key, w, "not a valid IPv%u address or network", version);
	clear_host_bits(&n);
	if (f->n_nets == f->cap_nets && grow(r))
		return r->err = -ENOMEM;
	slot = net_slot(r, &n);
	if (*slot && has_prefix)
		reader_warn(r, w, "this network is repeated");
	if (*slot)
		return 0;
	f->nets[f->n_nets++] = n;
	*slot = (uint32_t)f->n_nets;
	return 0;
}
