// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The effective configuration: every row of the schema with the value in effect,
 * in the language of the file itself, so that it reads back to the same value.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include "word.h"

struct printer {
	FILE *out;
	const struct config *c;
	unsigned int indent;
};

static void line(struct printer *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void line(struct printer *p, const char *fmt, ...)
{
	va_list ap;
	unsigned int i;

	for (i = 0; i < p->indent; i++)
		fputc('\t', p->out);
	va_start(ap, fmt);
	vfprintf(p->out, fmt, ap);
	va_end(ap);
	fputc('\n', p->out);
}

static void begin(struct printer *p, const char *head)
{
	line(p, "%s {", head);
	p->indent++;
}

static void end(struct printer *p)
{
	p->indent--;
	line(p, "}");
}

/*
 * The reader takes no IPv4 part in an IPv6 address, so that none may be printed
 * either: inet_ntop() does it where the first half is empty.
 */
static void conf_addr(uint8_t family, const struct addr *a, char text[INET6_ADDRSTRLEN])
{
	size_t at = 0;

	inet_ntop(family, a->b, text, INET6_ADDRSTRLEN);
	if (family != FAM_IP6 || !strchr(text, '.'))
		return;
	for (int i = 0; i < 16; i += 2)
		at += (size_t)snprintf(text + at, INET6_ADDRSTRLEN - at, "%s%x", i ? ":" : "",
				       (unsigned int)(a->b[i] << 8 | a->b[i + 1]));
}

static void addr_line(struct printer *p, const char *name, const struct addr *a, uint8_t family)
{
	char text[INET6_ADDRSTRLEN] = "";

	conf_addr(family, a, text);
	line(p, "%s %s", name, text);
}

static void net_lines(struct printer *p, uint8_t family, const char *name)
{
	const struct config_filter *f = &p->c->filter;
	char text[INET6_ADDRSTRLEN] = "";
	size_t i;

	for (i = 0; i < f->n_nets; i++) {
		if (f->nets[i].family != family)
			continue;
		conf_addr(family, &f->nets[i].addr, text);
		line(p, "%s %s/%u", name, text, f->nets[i].prefix);
	}
}

static void link_addr(struct printer *p, const struct schema_key *key, const struct config_link *l)
{
	if (key->family != l->family)
		return;
	if (key->addr == ADDR_LOCAL && l->has_local)
		addr_line(p, key->name, &l->local, l->family);
	if (key->addr == ADDR_DEST && l->has_dest)
		addr_line(p, key->name, &l->dest, l->family);
	if (key->addr == ADDR_IFACE && l->has_iface_addr)
		addr_line(p, key->name, &l->iface_addr, l->family);
}

static void expect_sync(struct printer *p, const char *name)
{
	const struct config_sync *s = &p->c->sync;
	uint8_t i;

	if (!s->expect_sync || !s->n_expect_helpers) {
		line(p, "%s %s", name, s->expect_sync ? "on" : "off");
		return;
	}
	begin(p, name);
	for (i = 0; i < s->n_expect_helpers; i++)
		line(p, "%s", s->expect_helpers[i]);
	end(p);
}

static void number(struct printer *p, const struct schema_key *key, uint32_t n)
{
	if (n || !(key->flags & KEY_ZERO_UNSET))
		line(p, "%s %u", key->name, n);
}

/* One row; base is the value its offset counts from. */
static void statement(struct printer *p, const struct schema_key *key, const void *base)
{
	const char *at = (const char *)base + key->off;

	switch (key->type) {
	case KEY_NUMBER:
		number(p, key, *(const uint32_t *)at);
		break;
	case KEY_BOOL:
		line(p, "%s %s", key->name, *(const bool *)at ? "on" : "off");
		break;
	case KEY_BOOL_NUMBER:
		if (*(const uint32_t *)at)
			line(p, "%s %u", key->name, *(const uint32_t *)at);
		else
			line(p, "%s off", key->name);
		break;
	case KEY_PATH:
	case KEY_INTERFACE:
	case KEY_ACCOUNT:
		if (*at)
			line(p, "%s %s", key->name, at);
		break;
	case KEY_FILE_MODE:
		if (*(const uint32_t *)at)
			line(p, "%s %04o", key->name, *(const uint32_t *)at);
		break;
	case KEY_BOOL_PATH:
		line(p, "%s %s", key->name, *at ? at : "off");
		break;
	case KEY_FACILITY:
		line(p, "%s %s", key->name, facility_to_name(*(const int32_t *)at));
		break;
	case KEY_CHOICE:
		line(p, "%s %s", key->name, key->choices[*(const uint32_t *)at - 1]);
		break;
	case KEY_LINK_ADDR:
		link_addr(p, key, base);
		break;
	case KEY_NET:
		net_lines(p, key->family, key->name);
		break;
	case KEY_BOOL_LIST:
		expect_sync(p, key->name);
		break;
	default: /* blocks, lists: by those who know them; ignored, removed: never */
		break;
	}
}

static void statements(struct printer *p, enum schema_block block, const void *value)
{
	const struct schema_key *key;
	size_t i;

	for (i = 0; (key = schema_row(i)); i++)
		if (key->where & 1u << block) /* one row of links counts for all of them */
			statement(p, key, key->scope == SCOPE_CONFIG ? (const void *)p->c : value);
}

static void block(struct printer *p, const char *head, enum schema_block b, const void *value)
{
	begin(p, head);
	statements(p, b, value);
	end(p);
}

static void print_link(struct printer *p, const struct config_link *l, bool is_default)
{
	static const enum schema_block blocks[] = {
		[CONFIG_LINK_UDP] = IN_UDP,
		[CONFIG_LINK_MULTICAST] = IN_MULTICAST,
		[CONFIG_LINK_TCP] = IN_TCP,
	};
	enum schema_block b = blocks[l->kind];

	line(p, "%s%s {", schema_block_name(b), is_default ? " Default" : "");
	p->indent++;
	statements(p, b, l);
	end(p);
}

/* What the mode knows; directly in Sync if no Mode was given. */
static void print_mode(struct printer *p, const struct config_sync *s)
{
	static const enum schema_block modes[] = {
		[REPL_FTFW] = IN_FTFW,
		[REPL_ALARM] = IN_ALARM,
		[REPL_NOTRACK] = IN_NOTRACK,
	};
	enum schema_block mode = modes[s->mode];
	const struct schema_key *key;
	size_t i;

	if (s->has_mode) {
		block(p, schema_block_name(mode), mode, NULL);
		return;
	}
	for (i = 0; (key = schema_row(i)); i++)
		if ((key->where & IN(SYNC)) && (key->where & 1u << mode))
			statement(p, key, p->c);
}

static void print_peer(struct printer *p, const struct config_peer *peer)
{
	uint8_t i;

	if (peer->name[0]) {
		line(p, "Peer %s {", peer->name);
		p->indent++;
	}
	for (i = 0; i < peer->n_links; i++)
		print_link(p, &peer->links[i], i == peer->default_link);
	if (peer->name[0])
		end(p);
}

static void print_sync(struct printer *p)
{
	const struct config_sync *s = &p->c->sync;
	uint8_t i;

	begin(p, "Sync");
	print_mode(p, s);
	for (i = 0; i < s->n_peers; i++)
		print_peer(p, &s->peers[i]);
	block(p, "Options", IN_OPTIONS, NULL);
	end(p);
}

static const char *policy_name(enum filter_policy policy)
{
	return policy == FILTER_ACCEPT ? "Accept" : "Ignore";
}

static void print_protos(struct printer *p, const struct config_filter *f)
{
	unsigned int i;

	line(p, "Protocol %s {", policy_name(f->proto_policy));
	p->indent++;
	for (i = 0; i < 256; i++) {
		const char *name = proto_to_name((uint8_t)i);

		if (f->protos[i] && name)
			line(p, "%s", name);
		else if (f->protos[i])
			line(p, "%u", i);
	}
	end(p);
}

static void print_states(struct printer *p, const struct config_filter *f)
{
	unsigned int i;

	line(p, "State %s {", policy_name(f->state_policy));
	p->indent++;
	for (i = 0; i < 16; i++)
		if (f->states & 1u << i)
			line(p, "%s", state_to_name(i));
	if (f->states)
		line(p, "for TCP");
	end(p);
}

static void print_filter(struct printer *p)
{
	const struct config_filter *f = &p->c->filter;

	if (!f->kernelspace && f->proto_policy == FILTER_ABSENT &&
	    f->addr_policy == FILTER_ABSENT && f->state_policy == FILTER_ABSENT)
		return;
	line(p, "Filter From %s {", f->kernelspace ? "Kernelspace" : "Userspace");
	p->indent++;
	if (f->proto_policy != FILTER_ABSENT)
		print_protos(p, f);
	if (f->addr_policy != FILTER_ABSENT) {
		line(p, "Address %s {", policy_name(f->addr_policy));
		p->indent++;
		statements(p, IN_ADDRESS, NULL);
		end(p);
	}
	if (f->state_policy != FILTER_ABSENT)
		print_states(p, f);
	end(p);
}

static void print_helpers(struct printer *p)
{
	size_t i;

	begin(p, "Helper");
	statements(p, IN_HELPER, NULL);
	for (i = 0; i < p->c->n_helpers; i++) {
		const struct config_helper *h = &p->c->helpers[i];

		line(p, "Type %s %s %s {", h->name, h->family == FAM_IP4 ? "inet" : "inet6",
		     h->proto == IPP_TCP ? "tcp" : "udp");
		p->indent++;
		statements(p, IN_TYPE, h);
		line(p, "Policy %s {", h->name);
		p->indent++;
		statements(p, IN_POLICY, h);
		end(p);
		end(p);
	}
	end(p);
}

int config_print(const struct config *c, FILE *out)
{
	struct printer p = { .out = out, .c = c };

	if (c->has_sync)
		print_sync(&p);
	begin(&p, "General");
	statements(&p, IN_GENERAL, NULL);
	block(&p, "UNIX", IN_UNIX, NULL);
	block(&p, "Scheduler", IN_SCHEDULER, NULL);
	print_filter(&p);
	end(&p);
	if (c->has_stats)
		block(&p, "Stats", IN_STATS, NULL);
	if (c->has_helper)
		print_helpers(&p);
	return fflush(out) || ferror(out) ? -EIO : 0;
}
