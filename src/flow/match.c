// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Filter expressions of listings: read once into a small table, then held
 * against every entry of a walk, without allocation.
 */
#include "flow/match.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/str.h"
#include "print_names.h"

enum key {
	KEY_PROTO,
	KEY_SRC,
	KEY_DST,
	KEY_ADDR,
	KEY_SPORT,
	KEY_DPORT,
	KEY_PORT,
	KEY_ZONE,
	KEY_MARK,
	KEY_STATE,
	KEYS
};

static const char *const key_names[KEYS] = {
	"proto", "src", "dst", "addr", "sport", "dport", "port", "zone", "mark", "state",
};

#define WORD_MAX 64
#define STATES   10 /* at most, of any protocol */

struct parse {
	struct flow_match *m;
	const char *at;
	char word[WORD_MAX];
	char *err;
	size_t cap;
};

static int fail(struct parse *p, const char *what, const char *word)
{
	struct strbuf b;

	strbuf_init(&b, p->err, p->cap);
	strbuf_addf(&b, "%s `%s'", what, word);
	return -EINVAL;
}

/* --- values -------------------------------------------------------------------- */

static bool number(const char *s, uint64_t max, uint32_t *out)
{
	uint64_t v;

	if (str_to_u64(s, 0, max, &v) < 0)
		return false;
	*out = (uint32_t)v;
	return true;
}

static bool proto_value(const char *s, struct match_value *v)
{
	static const uint8_t known[] = {
		IPP_TCP, IPP_UDP, IPP_ICMP, IPP_ICMP6, IPP_SCTP, IPP_DCCP, IPP_GRE, IPP_UDPLITE,
	};

	for (size_t i = 0; i < sizeof(known); i++) {
		v->n = known[i];
		if (strcasecmp(proto_name(known[i]), s) == 0)
			return true;
	}
	return number(s, 255, &v->n);
}

static void clear_host_bits(struct addr *a, unsigned int prefix)
{
	for (unsigned int i = 0; i < sizeof(a->b); i++) {
		if (i * 8 >= prefix)
			a->b[i] = 0;
		else if (i * 8 + 8 > prefix)
			a->b[i] = (uint8_t)(a->b[i] & 0xff << (i * 8 + 8 - prefix));
	}
}

static bool net_value(char *s, struct match_value *v)
{
	char *slash = strchr(s, '/');
	uint32_t prefix;

	if (slash)
		*slash = '\0';
	if (addr_parse(s, &v->addr, &v->family) < 0)
		return false;
	prefix = 8 * addr_len(v->family);
	if (slash && !number(slash + 1, prefix, &prefix))
		return false;
	v->prefix = (uint8_t)prefix;
	clear_host_bits(&v->addr, prefix);
	return true;
}

/* Marks are mostly written in hexadecimal. */
static bool any_base(const char *s, uint32_t *out)
{
	unsigned long long v;
	char *end;

	if (s[0] != '0' || (s[1] != 'x' && s[1] != 'X'))
		return number(s, UINT32_MAX, out);
	v = strtoull(s, &end, 16);
	*out = (uint32_t)v;
	return s[2] && !*end && v <= UINT32_MAX;
}

static bool mark_value(char *s, struct match_value *v)
{
	char *slash = strchr(s, '/');

	v->mask = UINT32_MAX;
	if (slash)
		*slash = '\0';
	return any_base(s, &v->n) && (!slash || any_base(slash + 1, &v->mask));
}

/* The name as listings spell it, NULL if no protocol has such a state. */
static const char *state_name(const char *s)
{
	static const uint8_t protos[] = { IPP_TCP, IPP_SCTP, IPP_DCCP };
	struct flow f = { .has = FLOW_HAS_STATE };

	for (size_t i = 0; i < sizeof(protos); i++) {
		f.orig.proto = protos[i];
		for (f.state = 0; f.state < STATES; f.state++)
			if (strcasecmp(print_state_name(&f), s) == 0)
				return print_state_name(&f);
	}
	return NULL;
}

static bool state_value(const char *s, struct match_value *v)
{
	v->n = CTS_ASSURED;
	if (strcasecmp(s, "assured") == 0)
		return true;
	v->n = CTS_SEEN_REPLY;
	if (strcasecmp(s, "unreplied") == 0)
		return true;
	v->state = state_name(s);
	return v->state != NULL;
}

static bool read_one(enum key key, char *s, struct match_value *v)
{
	switch (key) {
	case KEY_PROTO:
		return proto_value(s, v);
	case KEY_SRC:
	case KEY_DST:
	case KEY_ADDR:
		return net_value(s, v);
	case KEY_SPORT:
	case KEY_DPORT:
	case KEY_PORT:
	case KEY_ZONE:
		return number(s, UINT16_MAX, &v->n);
	case KEY_MARK:
		return mark_value(s, v);
	case KEY_STATE:
		return state_value(s, v);
	case KEYS:
		break;
	}
	return false;
}

/* --- expressions --------------------------------------------------------------- */

/* The next word, up to a blank, '=' or comma. False at the end. */
static bool word(struct parse *p)
{
	size_t len;

	p->at += strspn(p->at, " \t=");
	len = *p->at == '!' ? 1 : strcspn(p->at, " \t=,");
	if (!len)
		return false;
	if (len >= WORD_MAX)
		len = WORD_MAX - 1; /* too long for anything; the rest will not fit either */
	memcpy(p->word, p->at, len);
	p->word[len] = '\0';
	p->at += len;
	return true;
}

static const char *const wants[KEYS] = {
	[KEY_PROTO] = "not a protocol:",
	[KEY_STATE] = "not a state:",
	[KEY_SRC] = "not an address or network:",
	[KEY_DST] = "not an address or network:",
	[KEY_ADDR] = "not an address or network:",
	[KEY_SPORT] = "not a port:",
	[KEY_DPORT] = "not a port:",
	[KEY_PORT] = "not a port:",
	[KEY_ZONE] = "not a zone:",
	[KEY_MARK] = "not a mark:",
};

static int read_values(struct parse *p, enum key key, struct match_term *t)
{
	char said[WORD_MAX];

	t->first = p->m->n_values;
	do {
		if (!word(p))
			return fail(p, "a value is missing after", key_names[key]);
		if (p->m->n_values == MATCH_VALUES)
			return fail(p, "too many values at", p->word);
		memcpy(said, p->word, sizeof(said));
		if (!read_one(key, p->word, &p->m->value[p->m->n_values]))
			return fail(p, wants[key], said);
		p->m->n_values++;
		t->n++;
	} while (*p->at == ',' && p->at++);
	return 0;
}

static bool find_key(const char *name, enum key *key)
{
	for (*key = 0; *key < KEYS; (*key)++)
		if (strcasecmp(key_names[*key], name) == 0)
			return true;
	return false;
}

static int read_term(struct parse *p)
{
	struct match_term *t;
	enum key key;

	if (p->m->n_terms == MATCH_TERMS)
		return fail(p, "too many terms at", p->word);
	t = &p->m->term[p->m->n_terms];
	while (strcasecmp(p->word, "not") == 0 || strcmp(p->word, "!") == 0) {
		t->negated = !t->negated;
		if (!word(p))
			return fail(p, "nothing follows", "not");
	}
	if (!find_key(p->word, &key))
		return fail(p,
			    "not one of proto, src, dst, addr, sport, dport, port, zone, mark, "
			    "state:",
			    p->word);
	t->key = (uint8_t)key;
	p->m->n_terms++;
	return read_values(p, key, t);
}

int flow_match_parse(struct flow_match *m, const char *expr, char *err, size_t cap)
{
	struct parse p = { .m = m, .at = expr, .err = err, .cap = cap };
	int rc = 0;

	*m = (struct flow_match){ 0 };
	while (!rc && word(&p))
		if (!m->n_terms || strcasecmp(p.word, "and") != 0)
			rc = read_term(&p);
	if (!rc && (*p.at || !m->n_terms))
		return fail(&p, *p.at ? "cannot read" : "no terms in", *p.at ? p.at : expr);
	return rc;
}

/* --- matching ------------------------------------------------------------------ */

/* An entry as terms see it. */
struct subject {
	const struct tuple *a, *b; /* original and reply; expected and master */
	uint32_t mark, status;
	const char *state; /* NULL: none */
	uint16_t zone[2];
};

static bool in_net(const struct match_value *v, const struct addr *a, uint8_t family)
{
	struct addr masked = *a;

	if (v->family != family)
		return false;
	clear_host_bits(&masked, v->prefix);
	return addr_equal(&masked, &v->addr);
}

static bool any_addr(const struct match_value *v, const struct tuple *t)
{
	return in_net(v, &t->src, t->family) || in_net(v, &t->dst, t->family);
}

static bool any_port(uint32_t n, const struct tuple *t)
{
	return proto_has_ports(t->proto) && (t->sport == n || t->dport == n);
}

static bool in_state(const struct match_value *v, const struct subject *s)
{
	if (v->state)
		return s->state && strcmp(s->state, v->state) == 0;
	return v->n == CTS_ASSURED ? (s->status & CTS_ASSURED) != 0 : !(s->status & CTS_SEEN_REPLY);
}

static bool fits(enum key key, const struct match_value *v, const struct subject *s)
{
	switch (key) {
	case KEY_PROTO:
		return s->a->proto == v->n;
	case KEY_SRC:
		return in_net(v, &s->a->src, s->a->family);
	case KEY_DST:
		return in_net(v, &s->a->dst, s->a->family);
	case KEY_ADDR:
		return any_addr(v, s->a) || any_addr(v, s->b);
	case KEY_SPORT:
		return proto_has_ports(s->a->proto) && s->a->sport == v->n;
	case KEY_DPORT:
		return proto_has_ports(s->a->proto) && s->a->dport == v->n;
	case KEY_PORT:
		return any_port(v->n, s->a) || any_port(v->n, s->b);
	case KEY_ZONE:
		return s->zone[0] == v->n || s->zone[1] == v->n;
	case KEY_MARK:
		return (s->mark & v->mask) == v->n;
	case KEY_STATE:
		return in_state(v, s);
	case KEYS:
		break;
	}
	return false;
}

static bool holds(const struct flow_match *m, const struct match_term *t, const struct subject *s)
{
	bool any = false;

	for (uint8_t i = 0; i < t->n && !any; i++)
		any = fits(t->key, &m->value[t->first + i], s);
	return any != t->negated;
}

static bool all_hold(const struct flow_match *m, const struct subject *s)
{
	for (uint8_t i = 0; i < m->n_terms; i++)
		if (!holds(m, &m->term[i], s))
			return false;
	return true;
}

bool flow_match(const struct flow_match *m, const struct flow *f)
{
	struct tuple reply;
	struct subject s = {
		.a = &f->orig,
		.b = &reply,
		.mark = f->has & FLOW_HAS_MARK ? f->mark : 0,
		.status = f->has & FLOW_HAS_STATUS ? f->status : CTS_SEEN_REPLY,
		.state = print_state_name(f),
		.zone = { f->zone, f->zone },
	};

	if (f->has & FLOW_HAS_ZONE_ORIG)
		s.zone[0] = f->zone_orig;
	if (f->has & FLOW_HAS_ZONE_REPLY)
		s.zone[1] = f->zone_reply;
	flow_reply(f, &reply);
	return all_hold(m, &s);
}

bool flow_match_expect(const struct flow_match *m, const struct expect *e)
{
	const struct subject s = {
		.a = &e->tuple,
		.b = &e->master,
		.status = CTS_SEEN_REPLY,
		.zone = { e->zone, e->zone },
	};

	return all_hold(m, &s);
}
