// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Rules that look at more than one key. check_rules() ends every reading and
 * brings values that depend on each other in line; config_check_start() asks
 * what only a starting daemon needs, because a client must be able to work with
 * a file that lacks it.
 */
#include <net/if.h>
#include <string.h>
#include "base/err.h"
#include "msgs.h"
#include "word.h"

#define ABOUT_FILE 0, 0

static void warn_file(struct reader *r, const char *text)
{
	msgs_addf(r->m, LOG_LVL_WARNING, r->name, ABOUT_FILE, "%s", text);
}

static enum repl_mode mode_of(enum schema_block block)
{
	if (block == IN_FTFW)
		return REPL_FTFW;
	return block == IN_ALARM ? REPL_ALARM : REPL_NOTRACK;
}

/* Clauses the mode in effect does not know have no effect, so they have no value. */
static void reset_foreign(struct config *c, enum schema_block mode)
{
	const struct schema_key *key;
	size_t i;

	for (i = 0; (key = schema_row(i)); i++)
		if ((key->where & IN_MODES) && !(key->where & 1u << mode))
			schema_default(key, c);
}

static void settle_mode(struct reader *r)
{
	struct config_sync *s = &r->c->sync;
	enum schema_block mode = IN_FTFW;

	s->has_mode = r->modes != 0;
	if (r->modes && !(r->modes & IN(FTFW)))
		mode = r->modes & IN(ALARM) ? IN_ALARM : IN_NOTRACK;
	if (r->modes & (r->modes - 1))
		reader_warn(r, &r->mode_word, "several modes are given, %s is used",
			    schema_block_name(mode));
	s->mode = mode_of(mode);
	reset_foreign(r->c, mode);
}

static void settle_sync(struct reader *r)
{
	struct config_sync *s = &r->c->sync;

	settle_mode(r);
	if (s->disable_external && s->commit_timeout) {
		warn_file(r, "CommitTimeout is ignored: with DisableExternalCache on there is "
			     "nothing to commit");
		s->commit_timeout = 0;
	}
}

/* The flow log follows the facility of the daemon's own messages. */
static void settle_syslog(struct reader *r)
{
	struct config *c = r->c;

	if (c->stats.syslog == CONFIG_NO_SYSLOG || c->general.syslog == CONFIG_NO_SYSLOG ||
	    c->stats.syslog == c->general.syslog)
		return;
	warn_file(r, "Syslog differs between Stats and General, the facility of General is used");
	c->stats.syslog = c->general.syslog;
}

/* Without a policy the daemon asks for the most; a priority alone never counted. */
static void settle_sched(struct config_general *g)
{
	if (g->sched_policy != CONFIG_SCHED_UNSET)
		return;
	g->sched_policy = CONFIG_SCHED_RR;
	g->sched_priority = 99;
}

/* Only a warning: a client works on a host that lacks the device. */
void check_interface(struct reader *r, const struct word *w, const char *name)
{
	if ((r->flags & CONFIG_HOST) && !if_nametoindex(name))
		reader_warn(r, w, "no such device on this host");
}

void check_rules(struct reader *r)
{
	if (r->c->has_sync)
		settle_sync(r);
	settle_syslog(r);
	settle_sched(&r->c->general);
}

/* ---- what a start needs ---- */

static bool is_group(const struct config_link *l)
{
	if (l->family == FAM_IP4)
		return (l->local.b[0] & 0xf0) == 0xe0;
	return l->local.b[0] == 0xff;
}

/* What is missing in a link, or NULL. */
static const char *link_lacks(const struct config_link *l)
{
	bool multicast = l->kind == CONFIG_LINK_MULTICAST;

	if (!l->interface[0])
		return "needs an Interface";
	if (l->family == FAM_NONE)
		return "needs an address";
	if (multicast && !l->has_local)
		return "needs the address of a group";
	if (multicast && !is_group(l))
		return "needs a multicast address";
	if (!multicast && !l->has_dest)
		return l->family == FAM_IP4 ? "needs an IPv4_Destination_Address" :
					      "needs an IPv6_Destination_Address";
	if (!l->port)
		return multicast ? "needs a Group, 1 to 65535" : "needs a Port, 1 to 65535";
	return NULL;
}

static int check_links(const struct config_peer *p, struct config_msgs *m)
{
	const char *lack;
	uint8_t i;

	for (i = 0; i < p->n_links; i++) {
		lack = link_lacks(&p->links[i]);
		if (!lack)
			continue;
		msgs_addf(m, LOG_LVL_ERROR, "Sync", ABOUT_FILE, "the link of line %u %s",
			  p->links[i].line, lack);
		return CTD_ESYNTAX;
	}
	if (p->n_links)
		return 0;
	msgs_addf(m, LOG_LVL_ERROR, "Sync", ABOUT_FILE,
		  "the peer of line %u needs a dedicated link, a UDP, Multicast or TCP block",
		  p->line);
	return CTD_ESYNTAX;
}

static bool same_addr(const struct addr *a, const struct addr *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

/* Does the device tell apart what comes in on the same address? */
static bool by_device(const struct config_link *l)
{
	return l->kind == CONFIG_LINK_MULTICAST ||
	       (l->family == FAM_IP6 && l->local.b[0] == 0xfe && (l->local.b[1] & 0xc0) == 0x80);
}

/*
 * Would both receive on the same address and port, so that what comes in could be
 * anyone's? Of what is sent to one node its source tells.
 */
static bool collide(const struct config_link *a, const struct config_link *b)
{
	if (a->kind != b->kind || a->family != b->family || a->port != b->port)
		return false;
	if (!a->has_local || !b->has_local)
		return true;
	if (a->kind != CONFIG_LINK_MULTICAST && !same_addr(&a->dest, &b->dest))
		return false;
	return same_addr(&a->local, &b->local) &&
	       !(by_device(a) && strcmp(a->interface, b->interface));
}

/* What two links that collide have in common. */
static const char *in_common(enum config_link_kind kind)
{
	return kind == CONFIG_LINK_MULTICAST ? "address and Group" : "addresses and Port";
}

/* Does a link of this peer collide with one of another? */
static int check_apart(const struct config_peer *p, const struct config_peer *q,
		       struct config_msgs *m)
{
	uint8_t i, j;

	for (i = 0; i < p->n_links; i++) {
		for (j = 0; j < q->n_links; j++) {
			if (!collide(&p->links[i], &q->links[j]))
				continue;
			msgs_addf(m, LOG_LVL_ERROR, "Sync", ABOUT_FILE,
				  "the links of lines %u and %u, of peers `%s' and `%s', have the "
				  "same %s, one of them needs another",
				  p->links[i].line, q->links[j].line, p->name, q->name,
				  in_common(p->links[i].kind));
			return CTD_ESYNTAX;
		}
	}
	return 0;
}

static int check_peers(const struct config_sync *s, struct config_msgs *m)
{
	uint8_t i, j;
	int rc;

	if (!s->n_peers) {
		msgs_addf(m, LOG_LVL_ERROR, "Sync", ABOUT_FILE,
			  "needs a dedicated link, a UDP, Multicast or TCP block");
		return CTD_ESYNTAX;
	}
	for (i = 0; i < s->n_peers; i++) {
		rc = check_links(&s->peers[i], m);
		for (j = 0; j < i && !rc; j++)
			rc = check_apart(&s->peers[j], &s->peers[i], m);
		if (rc)
			return rc;
	}
	return 0;
}

/* The buffer asked for must not exceed the growth allowed. */
static void settle_buffer(struct config_general *g, struct config_msgs *m)
{
	if (g->nl_buffer && g->nl_buffer <= g->nl_buffer_max)
		return;
	msgs_addf(m, LOG_LVL_NOTICE, "General", ABOUT_FILE,
		  "NetlinkBufferSize is not set or exceeds NetlinkBufferSizeMaxGrowth, "
		  "the system default is used");
	g->nl_buffer = 0;
}

int config_check_start(struct config *c, struct config_msgs *m)
{
	int rc;

	if (c->has_sync && !c->sync.has_mode)
		msgs_addf(m, LOG_LVL_WARNING, "Sync", ABOUT_FILE, "no Mode given, FTFW is used");
	if (c->n_helpers)
		msgs_addf(m, LOG_LVL_WARNING, "Helper", ABOUT_FILE,
			  "helpers in user space are not available in this build, "
			  "the section has no effect");
	if (c->has_sync) {
		rc = check_peers(&c->sync, m);
		if (rc)
			return rc;
	}
	settle_buffer(&c->general, m);
	return 0;
}
