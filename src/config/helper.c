// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The Helper section: which user space helpers exist, with the limits each has
 * unless a Policy changes them. Only the language; running them is not done here.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "word.h"

#define POLICY_NAME_MAX 16

struct known {
	const char *name; /* also the name of its one policy */
	bool tcp, udp;
	uint32_t expect_max;
	uint32_t expect_timeout; /* s */
};

/* clang-format off */
static const struct known helpers[] = {
	{ "amanda", false, true, 3, 180 },
	{ "dhcpv6", false, true, 1, 300 },
	{ "ftp", true, false, 1, 300 },
	{ "mdns", false, true, 8, 30 },
	{ "rpc", true, true, 1, 300 },
	{ "sane", true, false, 1, 300 },
	{ "slp", false, true, 8, 16 },
	{ "ssdp", true, true, 8, 300 },
	{ "tftp", false, true, 1, 300 },
	{ "tns", true, false, 1, 300 },
};
/* clang-format on */

static const struct known *find(const struct word *name, uint8_t proto)
{
	size_t i;

	for (i = 0; i < sizeof(helpers) / sizeof(helpers[0]); i++)
		if (word_is(name, helpers[i].name) &&
		    (proto == IPP_TCP ? helpers[i].tcp : helpers[i].udp))
			return &helpers[i];
	return NULL;
}

/* A block for a helper already named changes that one; it becomes the last. */
static struct config_helper *take(struct config *c, const char *name, uint8_t family, uint8_t proto)
{
	struct config_helper *h, copy;
	size_t i;

	for (i = 0; i < c->n_helpers; i++) {
		h = &c->helpers[i];
		if (strcmp(h->name, name) == 0 && h->family == family && h->proto == proto) {
			copy = *h;
			memmove(h, h + 1, (c->n_helpers - i - 1) * sizeof(*h));
			c->helpers[c->n_helpers - 1] = copy;
			return &c->helpers[c->n_helpers - 1];
		}
	}
	return NULL;
}

/* At most one for each name, family and protocol of the table, so the list is bounded. */
static int append(struct reader *r, const struct known *k, uint8_t family, uint8_t proto)
{
	struct config *c = r->c;
	struct config_helper *h;

	if (take(c, k->name, family, proto))
		return 0;
	h = realloc(c->helpers, (c->n_helpers + 1) * sizeof(*h));
	if (!h)
		return r->err = -ENOMEM;
	c->helpers = h;
	h = &c->helpers[c->n_helpers++];
	memset(h, 0, sizeof(*h));
	schema_defaults(SCOPE_HELPER, h);
	memcpy(h->name, k->name, strlen(k->name));
	h->family = family;
	h->proto = proto;
	h->expect_max = k->expect_max;
	h->expect_timeout = k->expect_timeout;
	return 0;
}

int helper_open(struct reader *r)
{
	const struct word *name = &r->head[0], *net = &r->head[1], *transport = &r->head[2];
	const struct known *k;
	uint8_t proto, family;

	if (!word_is(net, "inet") && !word_is(net, "inet6"))
		return reader_fail(r, net, "unknown layer 3 protocol, expected inet or inet6");
	if (!word_is(transport, "tcp") && !word_is(transport, "udp"))
		return reader_fail(r, transport, "unknown layer 4 protocol, expected tcp or udp");
	family = word_is(net, "inet") ? FAM_IP4 : FAM_IP6;
	proto = word_is(transport, "tcp") ? IPP_TCP : IPP_UDP;
	k = find(name, proto);
	if (!k)
		return reader_fail(r, name, "unknown helper for %s",
				   proto == IPP_TCP ? "tcp" : "udp");
	return append(r, k, family, proto);
}

int helper_policy_open(struct reader *r)
{
	const struct config_helper *h = &r->c->helpers[r->c->n_helpers - 1];
	const struct word *name = &r->head[0];

	if (name->len > POLICY_NAME_MAX)
		return reader_fail(r, name, "policy name too long, at most %d characters",
				   POLICY_NAME_MAX);
	if (!word_is(name, h->name))
		return reader_fail(r, name, "unknown policy, the one of this helper is %s",
				   h->name);
	r->policy_given = false;
	return 0;
}

int helper_policy_close(struct reader *r)
{
	if (!r->policy_given)
		return reader_fail(r, &r->token,
				   "this Policy is empty, it needs ExpectMax or "
				   "ExpectTimeout");
	return 0;
}
