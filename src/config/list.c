// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Words in braces: protocols, TCP states, helper names. An unknown protocol is
 * left out with a warning, as it always was: one name that this host does not
 * know must not keep a firewall from starting.
 */
#include <string.h>
#include "word.h"

int list_open(struct reader *r, const struct schema_key *key)
{
	r->states_open = false;
	r->after_for = false;
	if (key->type != KEY_BOOL_LIST)
		return section_policy(r, key);
	*(bool *)((char *)r->c + key->off) = true;
	return 0;
}

static int add_proto(struct reader *r, const struct schema_key *key, const struct word *w)
{
	int proto = name_to_proto(w, r->flags & CONFIG_HOST);

	if (proto < 0)
		return reader_bad(r, key, w, "unknown protocol");
	r->c->filter.protos[proto] = true;
	return 0;
}

/* SYN_SENT ESTABLISHED for TCP ... */
static int add_state(struct reader *r, const struct word *w)
{
	int state;

	if (r->after_for) {
		if (!word_is(w, "TCP"))
			return reader_fail(r, w, "expected TCP after 'for'");
		r->after_for = false;
		r->states_open = false;
		return 0;
	}
	if (word_is(w, "for")) {
		r->after_for = true;
		return 0;
	}
	state = name_to_state(w);
	if (state < 0)
		return reader_fail(r, w, "unknown TCP state");
	r->c->filter.states |= (uint16_t)(1u << state);
	r->states_open = true;
	return 0;
}

/* A name longer than the kernel's helper names is compared as far as they go. */
static int add_helper_name(struct reader *r, const struct word *w)
{
	struct config_sync *s = &r->c->sync;
	char name[FLOW_HELPER_MAX] = "";
	uint8_t i;

	memcpy(name, w->s, w->len < sizeof(name) ? w->len : sizeof(name) - 1);
	for (i = 0; i < s->n_expect_helpers; i++)
		if (strcmp(s->expect_helpers[i], name) == 0)
			return 0;
	if (s->n_expect_helpers == CONFIG_EXPECT_HELPERS)
		return reader_fail(r, w, "too many helpers in ExpectationSync, at most %d",
				   CONFIG_EXPECT_HELPERS);
	memcpy(s->expect_helpers[s->n_expect_helpers++], name, sizeof(name));
	return 0;
}

int list_item(struct reader *r, const struct schema_key *key, const struct word *w)
{
	if (key->type == KEY_BOOL_LIST)
		return add_helper_name(r, w);
	if (key->off == offsetof(struct config, filter.proto_policy))
		return add_proto(r, key, w);
	return add_state(r, w);
}

int list_close(struct reader *r, const struct schema_key *key)
{
	if (r->states_open || r->after_for)
		return reader_fail(r, &r->token, "the list of %s must end in 'for TCP'", key->name);
	return 0;
}
