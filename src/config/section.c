// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Blocks of statements: what stands between the keyword and its brace, what a
 * block starts and what it leaves behind. Sections may be repeated and add up.
 */
#include <string.h>
#include "word.h"

int section_head_word(struct reader *r, const struct schema_key *key, const struct word *w)
{
	if (r->n_head >= key->max)
		return reader_fail(r, w, "expected '{' after %s", key->name);
	r->head[r->n_head++] = *w;
	return 0;
}

int section_policy(struct reader *r, const struct schema_key *key)
{
	enum filter_policy *p = (enum filter_policy *)((char *)r->c + key->off);

	if (!r->n_head)
		return reader_fail(r, &r->token, "%s takes Accept or Ignore", key->name);
	if (word_is(&r->head[0], "Accept"))
		*p = FILTER_ACCEPT;
	else if (word_is(&r->head[0], "Ignore"))
		*p = FILTER_IGNORE;
	else
		return reader_fail(r, &r->head[0], "%s takes Accept or Ignore", key->name);
	return 0;
}

/* Stats keeps the cache for itself: it cannot run beside Sync. */
static int open_exclusive(struct reader *r, bool *own, bool other)
{
	if (other)
		return reader_fail(r, &r->key_word, "Sync and Stats cannot stand in one file");
	*own = true;
	return 0;
}

struct mode_name {
	const char *name;
	enum schema_block block;
	const char *now; /* for an old name, the one to use */
};

/* clang-format off */
static const struct mode_name mode_names[] = {
	{ "FTFW", IN_FTFW, NULL },
	{ "ALARM", IN_ALARM, NULL },
	{ "NOTRACK", IN_NOTRACK, NULL },
	{ "nack", IN_FTFW, "FTFW" },
	{ "persistent", IN_ALARM, "ALARM" },
};
/* clang-format on */

static int open_mode(struct reader *r, enum schema_block *block)
{
	const struct word *w = &r->head[0];
	size_t i;

	for (i = 0; i < sizeof(mode_names) / sizeof(mode_names[0]); i++) {
		const struct mode_name *m = &mode_names[i];

		if (!word_is_nocase(w, m->name))
			continue;
		if (m->now)
			reader_warn(r, w, "old name of a mode, now called %s", m->now);
		*block = m->block;
		r->modes |= 1u << m->block;
		r->mode_word = *w;
		return 0;
	}
	return reader_fail(r, w, "unknown mode, expected FTFW, ALARM or NOTRACK");
}

static int open_filter(struct reader *r)
{
	if (!r->n_head) {
		r->c->filter.kernelspace = false;
		return 0;
	}
	if (!word_is(&r->head[0], "From"))
		return reader_fail(r, &r->head[0], "expected From or '{' after Filter");
	if (r->n_head < 2)
		return reader_fail(r, &r->token, "expected Userspace or Kernelspace after From");
	if (!word_is(&r->head[1], "Userspace") && !word_is(&r->head[1], "Kernelspace"))
		return reader_fail(r, &r->head[1], "expected Userspace or Kernelspace");
	r->c->filter.kernelspace = word_is(&r->head[1], "Kernelspace");
	return 0;
}

static int open_block(struct reader *r, const struct schema_key *key, enum schema_block *block)
{
	struct config *c = r->c;

	switch (key->opens) {
	case IN_SYNC:
		return open_exclusive(r, &c->has_sync, c->has_stats);
	case IN_STATS:
		return open_exclusive(r, &c->has_stats, c->has_sync);
	case IN_HELPER:
		c->has_helper = true;
		return 0;
	case IN_FTFW:
		return open_mode(r, block);
	case IN_PEER:
		return peer_open(r);
	case IN_UDP:
		return link_open(r, CONFIG_LINK_UDP);
	case IN_MULTICAST:
		return link_open(r, CONFIG_LINK_MULTICAST);
	case IN_TCP:
		return link_open(r, CONFIG_LINK_TCP);
	case IN_FILTER:
		return open_filter(r);
	case IN_ADDRESS:
		return section_policy(r, key);
	case IN_TYPE:
		return helper_open(r);
	case IN_POLICY:
		return helper_policy_open(r);
	default:
		return 0;
	}
}

static int head_too_short(struct reader *r, const struct schema_key *key)
{
	switch (key->opens) {
	case IN_FTFW:
		return reader_fail(r, &r->token, "Mode takes a name: FTFW, ALARM or NOTRACK");
	case IN_PEER:
		return reader_fail(r, &r->token, "Peer takes a name");
	case IN_TYPE:
		return reader_fail(r, &r->token,
				   "Type takes a helper, inet or inet6, and tcp or udp");
	case IN_POLICY:
		return reader_fail(r, &r->token, "Policy takes a name");
	default:
		return section_policy(r, key);
	}
}

int section_open(struct reader *r, const struct schema_key *key)
{
	enum schema_block block = key->opens;
	int rc;

	if (r->n_head < key->min)
		return head_too_short(r, key);
	rc = open_block(r, key, &block);
	return rc ? rc : reader_push(r, block);
}

int section_close(struct reader *r)
{
	switch (r->stack[r->depth--]) {
	case IN_MULTICAST:
	case IN_UDP:
	case IN_TCP:
		link_close(r);
		return 0;
	case IN_POLICY:
		return helper_policy_close(r);
	default:
		return 0;
	}
}
