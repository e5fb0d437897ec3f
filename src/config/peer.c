// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The nodes to replicate with, and the links to each. A link directly in Sync
 * belongs to the one peer without a name; several peers stand in Peer blocks. A
 * file has either the one or the others, because a peer without a name could not
 * be told from the named ones in a command.
 */
#include <string.h>
#include "word.h"

static struct config_peer *last_peer(struct reader *r)
{
	struct config_sync *s = &r->c->sync;

	return &s->peers[s->n_peers - 1];
}

struct config_link *peer_link(struct reader *r)
{
	struct config_peer *p = last_peer(r);

	return &p->links[p->n_links - 1];
}

static int peer_new(struct reader *r)
{
	struct config_sync *s = &r->c->sync;

	if (s->n_peers == CONFIG_PEERS)
		return reader_fail(r, &r->key_word, "too many peers, at most %d", CONFIG_PEERS);
	s->n_peers++;
	last_peer(r)->line = r->key_word.line;
	return 0;
}

/* It must also be possible as an argument on the command line. */
static int check_name(struct reader *r, const struct word *w)
{
	const struct config_sync *s = &r->c->sync;

	if (w->len >= CONFIG_PEER_NAME)
		return reader_fail(r, w, "too long for the name of a peer, at most %d characters",
				   CONFIG_PEER_NAME - 1);
	if (!word_is_name(w) || w->s[0] == '-')
		return reader_fail(r, w, "not possible as the name of a peer");
	for (uint8_t i = 0; i < s->n_peers; i++)
		if (word_is(w, s->peers[i].name))
			return reader_fail(r, w, "line %u has a peer of this name already",
					   s->peers[i].line);
	return 0;
}

int peer_open(struct reader *r)
{
	const struct config_sync *s = &r->c->sync;
	const struct word *w = &r->head[0];
	int rc = check_name(r, w);

	if (rc)
		return rc;
	if (s->n_peers && !s->peers[0].name[0])
		return reader_fail(r, &r->key_word,
				   "the link of line %u stands directly in Sync, with Peer "
				   "blocks each link belongs into one of them",
				   s->peers[0].line);
	rc = peer_new(r);
	if (!rc)
		memcpy(last_peer(r)->name, w->s, w->len);
	return rc;
}

/* The peer that the link about to be read belongs to. */
static int link_owner(struct reader *r)
{
	const struct config_sync *s = &r->c->sync;

	if (reader_block(r) == IN_PEER)
		return 0;
	if (!s->n_peers)
		return peer_new(r);
	if (s->peers[0].name[0])
		return reader_fail(r, &r->key_word,
				   "with Peer blocks, as in line %u, each link belongs into one "
				   "of them",
				   s->peers[0].line);
	return 0;
}

static const char *kind_name(enum config_link_kind kind)
{
	static const char *const names[] = {
		[CONFIG_LINK_UDP] = "UDP",
		[CONFIG_LINK_MULTICAST] = "Multicast",
		[CONFIG_LINK_TCP] = "TCP",
	};

	return names[kind];
}

int link_open(struct reader *r, enum config_link_kind kind)
{
	struct config_peer *p;
	struct config_link *l;
	int rc;

	if (r->n_head && !word_is(&r->head[0], "Default"))
		return reader_fail(r, &r->head[0], "expected Default or '{' after %s",
				   kind_name(kind));
	rc = link_owner(r);
	if (rc)
		return rc;
	p = last_peer(r);
	if (p->n_links && p->links[0].kind != kind)
		return reader_fail(r, &r->key_word, "%s cannot be used together with %s links",
				   kind_name(kind), kind_name(p->links[0].kind));
	if (p->n_links == CONFIG_LINKS)
		return reader_fail(r, &r->key_word, "too many links, at most %d", CONFIG_LINKS);
	if (r->n_head)
		p->default_link = p->n_links;
	l = &p->links[p->n_links++];
	schema_defaults(SCOPE_LINK, l);
	l->kind = kind;
	l->line = r->key_word.line;
	memset(&r->link, 0, sizeof(r->link));
	return 0;
}

/* Choose among the addresses as written. */
void link_close(struct reader *r)
{
	struct config_link *l = peer_link(r);
	struct reader_link *g = &r->link;
	unsigned int six = g->last == FAM_IP6;

	if (g->mixed)
		reader_warn(r, &g->mixed_at, "IPv4 and IPv6 are mixed in this block, IPv%u is used",
			    six ? 6 : 4);
	l->family = g->last;
	l->has_local = g->given[six][ADDR_LOCAL];
	l->has_dest = g->given[six][ADDR_DEST];
	l->has_iface_addr = g->given[six][ADDR_IFACE];
	l->local = g->addr[six][ADDR_LOCAL];
	l->dest = g->addr[six][ADDR_DEST];
	l->iface_addr = g->addr[six][ADDR_IFACE];
}
