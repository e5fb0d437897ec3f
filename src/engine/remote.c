// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The peers: datagrams in, external caches, datagrams out. Which message goes
 * when is the session's business (repl); here its objects become bytes and its
 * received bodies become cache entries.
 */
#include <assert.h>
#include <errno.h>
#include "base/err.h"
#include "priv.h"
#include "wire/ident.h"
#include "wire/message.h"

/* Places of a cache looked at per slice of a bulk, per object wanted. */
#define BULK_PLACES 8u

/* How to speak with this peer: our own nodes know more, and one byte order. */
static struct wire_params params_for(const struct engine *e, const struct peer *p)
{
	struct wire_params wp = e->p.wire;

	wp.extras = view_takes_extras(p);
	wp.swapped_be = wp.swapped_be && !p->view.known;
	return wp;
}

/* ---- in ---- */

static void count_bad(struct peer *p, int err)
{
	switch (err) {
	case CTD_ETRUNCATED:
		p->net.truncated++;
		break;
	case CTD_EBADSIZE:
		p->net.bad_size++;
		break;
	case CTD_EBADVERSION:
		p->net.bad_version++;
		break;
	case CTD_ENOKEY:
		p->net.no_key++;
		break;
	default:
		p->net.bad_payload++;
		break;
	}
}

static void note_full(struct engine *e, tick_t now, struct peer *p, uint32_t kind, int err)
{
	p->refused[kind] |= err == CTD_EFULL;
	if (ratelim_ok(&e->ext_full_log, now))
		log_warning(e->p.log,
			    "external cache%s%s: %s: what the peer tells of more flows is lost "
			    "(limit %u entries, %u refused in a row before this line)",
			    peer_word(p, " of peer "), p->name, err_text(err), e->p.cache_limit,
			    (unsigned int)e->ext_full_log.suppressed);
}

static void count_add(struct side_counts *n, int err)
{
	if (err == 0)
		n->add_ok++;
	else if (err == -ENOMEM)
		n->add_nomem++;
	else
		n->add_full++;
}

/* The entry of obj, or 0; one that only waits to leave the kernel is none. */
static cache_ref find(const struct peer *p, uint32_t kind, const void *obj, bool *leaving)
{
	const cache_ref ref = cache_find(kind == OBJ_FLOW ? p->flows : p->expects, obj);

	*leaving = ref && p->direct && direct_ended(p->direct, kind == OBJ_EXPECT, ref);
	return ref;
}

/* Store obj, which is complete (fresh) or to be kept as it is, as confirmed now. */
static cache_ref store(struct engine *e, tick_t now, struct peer *p, uint32_t kind, cache_ref ref,
		       const void *obj)
{
	struct cache *c = kind == OBJ_FLOW ? p->flows : p->expects;
	struct side_counts *n = &p->count[kind];
	int err;

	if (!ref) {
		err = cache_add(c, now, obj, &ref);
		count_add(n, err);
		if (err)
			note_full(e, now, p, kind, err);
	} else {
		err = cache_set(c, now, ref, obj);
		if (err == 0)
			n->update_ok++;
		else
			n->add_nomem++;
	}
	if (ref) /* also when memory was short: it is confirmed */
		*cache_flags(c, ref) = p->view.gen;
	return ref;
}

static void erase(struct peer *p, uint32_t kind, cache_ref ref)
{
	if (!ref || (p->direct && !direct_end(p->direct, kind == OBJ_EXPECT, ref))) {
		p->count[kind].del_missing++;
		return;
	}
	p->count[kind].del_ok++;
	if (!p->direct)
		cache_del(kind == OBJ_FLOW ? p->flows : p->expects, ref);
}

void remote_forget(struct peer *p, bool expects, cache_ref ref)
{
	p->count[expects].del_ok++;
	if (p->direct)
		direct_forget(p->direct, expects, ref);
	else
		cache_del(expects ? p->expects : p->flows, ref);
}

/*
 * The same flow as the peer told it before it knew that we understand extras:
 * without keys, and without the zone of its original direction.
 */
static void forget_plain(struct peer *p, const struct flow *f)
{
	struct flow plain = *f;
	cache_ref ref;

	if (f->has & FLOW_HAS_ZONE_ORIG)
		plain.zone = 0;
	if (wire_proto_keys_extra(f->orig.proto))
		plain.orig.sport = plain.orig.dport = 0;
	if (tuple_equal(&plain.orig, &f->orig) && plain.zone == f->zone)
		return;
	ref = cache_find(p->flows, &plain);
	if (!ref)
		return;
	cache_get(p->flows, ref, &plain);
	if (!((plain.has ^ f->has) & (FLOW_HAS_PORTS | FLOW_HAS_ZONE_ORIG)))
		return; /* one of its own */
	erase(p, OBJ_FLOW, ref);
}

/*
 * Is it a later life of the same addresses? Its end may go untold when the next
 * one follows at once. Only what is told to any peer is compared.
 */
static bool other_life(const struct flow *was, const struct flow *f)
{
	const uint32_t lasting = FLOW_HAS_HELPER | FLOW_HAS_MASTER;
	struct tuple x, y;

	flow_reply(was, &x);
	flow_reply(f, &y);
	if (proto_is_icmp(f->orig.proto) || wire_proto_keys_extra(f->orig.proto))
		x.sport = x.dport = y.sport = y.dport = 0;
	return !tuple_equal(&x, &y) || ((was->has ^ f->has) & lasting) ||
	       (was->has & ~f->has & FLOW_HAS_SEQADJ);
}

/* f takes the place of what was told before, and of what was written into the kernel. */
static void replace_copy(struct engine *e, tick_t now, struct peer *p, cache_ref ref,
			 const struct flow *f)
{
	const bool ceded = local_cede(e, f);
	struct flow was, x = *f;
	bool other;

	cache_get(p->flows, ref, &was);
	other = other_life(&was, f);
	x.has |= was.has & (FLOW_HAS_MARK | FLOW_HAS_LABELS); /* 0 is not told */
	store(e, now, p, OBJ_FLOW, ref, &x);
	if (other && !ceded)
		direct_put_other(p->direct, ref);
	else
		direct_put(p->direct, false, ref, ceded);
}

static void apply_flow(struct engine *e, tick_t now, struct peer *p, uint8_t type,
		       const struct flow *f)
{
	bool leaving;
	cache_ref ref = find(p, OBJ_FLOW, f, &leaving);
	struct flow cur;

	forget_plain(p, f);
	zones_add(&p->zones, f->zone);
	if (type == WIRE_CT_DESTROY) {
		erase(p, OBJ_FLOW, ref);
		return;
	}
	if (type == WIRE_CT_UPDATE && ref && !leaving) {
		cache_get(p->flows, ref, &cur);
		flow_merge(&cur, f);
		store(e, now, p, OBJ_FLOW, ref, &cur);
	} else if (p->direct && ref) {
		replace_copy(e, now, p, ref, f);
		return;
	} else {
		ref = store(e, now, p, OBJ_FLOW, ref, f);
	}
	if (p->direct && ref)
		direct_put(p->direct, false, ref, local_cede(e, f));
}

/* As forget_plain(): the same expectation as the peer told it without its zone. */
static void forget_zoneless(struct peer *p, const struct expect *x)
{
	struct expect plain = *x;
	cache_ref ref;

	if (!(x->has & EXPECT_HAS_ZONE) || !x->zone)
		return;
	expect_set_zone(&plain, 0);
	ref = cache_find(p->expects, &plain);
	if (!ref)
		return;
	cache_get(p->expects, ref, &plain);
	if (!(plain.has & EXPECT_HAS_ZONE))
		erase(p, OBJ_EXPECT, ref);
}

static void apply_expect(struct engine *e, tick_t now, struct peer *p, uint8_t type,
			 const struct expect *x)
{
	cache_ref ref = cache_find(p->expects, x);

	forget_zoneless(p, x);

	if (type == WIRE_EXP_DESTROY) {
		erase(p, OBJ_EXPECT, ref);
		return;
	}
	ref = store(e, now, p, OBJ_EXPECT, ref, x);
	if (p->direct && ref)
		direct_put(p->direct, true, ref, false);
}

static void apply_body(struct engine *e, tick_t now, struct peer *p, const struct wire_msg *m)
{
	const struct wire_params wp = params_for(e, p);
	struct flow f;
	struct expect x;
	int err;

	if (m->h.type <= WIRE_CT_DESTROY) {
		err = wire_flow_decode(&wp, m->body, m->body_len, &f);
		if (!err)
			apply_flow(e, now, p, m->h.type, &f);
	} else if (m->h.type <= WIRE_EXP_DESTROY) {
		err = wire_expect_decode(&wp, m->body, m->body_len, &x);
		if (!err)
			apply_expect(e, now, p, m->h.type, &x);
	} else {
		p->net.bad_type++;
		return;
	}
	if (err)
		count_bad(p, err);
}

bool engine_input_msg(struct engine *e, tick_t now, uint8_t peer, const struct wire_msg *m)
{
	struct peer *p = &e->peers[peer];
	enum repl_verdict verdict;

	assert(peer < e->npeers);
	p->net.msgs_in++;
	verdict = repl_input(p->repl, now, m);
	if (repl_fresh_peer(p->repl))
		view_fresh(e, now, p);
	p->view.heard_at = now;
	switch (verdict) {
	case REPL_DATA:
		apply_body(e, now, p, m);
		return true;
	case REPL_HANDLED:
		if ((m->h.flags & WIRE_F_RESYNC) && ratelim_ok(&e->resync_log, now))
			log_notice(e->p.log, "resync requested by other node%s%s",
				   peer_word(p, ", peer "), p->name);
		if (m->h.flags & WIRE_F_ALIVE)
			view_ident(e, now, peer, m);
		if (m->h.flags & (WIRE_F_ACK | WIRE_F_HELLO))
			local_queue_all_done(e, now);
		return true;
	case REPL_BAD:
		p->net.bad_header++;
		break;
	case REPL_DROP:
		break;
	}
	return false;
}

void engine_input_bad(struct engine *e, uint8_t peer, int err)
{
	assert(peer < e->npeers);
	count_bad(&e->peers[peer], err);
}

bool engine_input(struct engine *e, tick_t now, uint8_t peer, const uint8_t *data, size_t len)
{
	struct wire_msg m;
	bool accepted = false;
	size_t used;

	assert(peer < e->npeers);
	while (len > 0) {
		int err = wire_message_next(data, len, &m, &used);

		if (err == 0)
			accepted |= engine_input_msg(e, now, peer, &m);
		else
			count_bad(&e->peers[peer], err);
		if (err == CTD_ETRUNCATED || err == CTD_EBADSIZE)
			break;
		data += used;
		len -= used;
	}
	return accepted;
}

/* ---- bulk ---- */

static uint32_t bulk_queue(struct engine *e, struct peer *p, uint8_t index, uint32_t room,
			   uint32_t *budget)
{
	struct bulk_walk *b = &p->bulk;
	uint32_t n = 0;
	cache_ref ref;

	while (n < room && *budget) {
		struct cache *c = b->expects ? e->expects : e->flows;
		const struct repl_obj o = { .kind = b->expects ? OBJ_EXPECT : OBJ_FLOW };
		struct repl_obj named = o;

		ref = cache_walk_next(c, &b->w, budget);
		if (!ref) {
			if (!cache_walk_done(&b->w))
				break;
			if (b->expects) {
				b->running = false;
				break;
			}
			b->expects = true;
			b->w = (struct cache_walk){ 0 };
			continue;
		}
		if (*cache_flags(c, ref) & (ENTRY_DEAD | ENTRY_HELD))
			continue; /* dead ones are queued or sent already */
		local_whole(c, ref);
		named.ref = ref;
		if (repl_bulk_changed(p->repl, named, &cache_slots(c, ref)[index]) == 0)
			n++;
	}
	return n;
}

static void bulk_slice(struct engine *e, tick_t now, uint8_t index)
{
	struct peer *p = &e->peers[index];
	bool restart = false;
	uint32_t n, budget, room;

	if (e->p.no_internal) {
		transit_bulk(e, now, p);
		return;
	}
	room = repl_bulk_room(p->repl, now, &restart);
	if (restart) {
		p->bulk = (struct bulk_walk){ .running = true };
		log_notice(e->p.log, "sending bulk update%s%s", peer_word(p, " to peer "), p->name);
	}
	if (!room || !p->bulk.running)
		return;
	budget = room > UINT32_MAX / BULK_PLACES ? UINT32_MAX : room * BULK_PLACES;
	n = bulk_queue(e, p, index, room, &budget);
	if (e->partial[OBJ_FLOW] || e->partial[OBJ_EXPECT])
		repl_bulk_partial(p->repl);
	p->net.bulk_objects += n;
	repl_bulk_step(p->repl, now, n, !p->bulk.running);
}

/* ---- out ---- */

/*
 * The lifetime to announce: what is left of the one the kernel reported. A flow
 * that outlived it without an event was refreshed by traffic: the full value.
 */
static uint32_t remaining(uint32_t timeout, tick_t now, tick_t updated)
{
	const tick_t age = tick_since(now, updated) / TICK_SEC;

	return age < timeout ? (uint32_t)(timeout - age) : timeout;
}

static uint8_t type_of(uint8_t flags, uint8_t base)
{
	if (flags & ENTRY_DEAD)
		return (uint8_t)(base + 2);
	return (uint8_t)(base + (flags & ENTRY_UPDATE ? 1 : 0));
}

static size_t encode_object(struct engine *e, tick_t now, struct peer *p, const struct repl_send *s,
			    uint8_t *out, size_t cap)
{
	const struct wire_params wp = params_for(e, p);
	struct cache *c = s->obj.kind == OBJ_FLOW ? e->flows : e->expects;
	const uint8_t flags = *cache_flags(c, s->obj.ref);
	const tick_t updated = cache_updated(c, s->obj.ref);
	struct expect x;
	struct flow f;

	if (s->obj.kind == OBJ_FLOW) {
		p->told_plain = p->told_plain || !wp.extras;
		cache_get(c, s->obj.ref, &f);
		if (!(flags & ENTRY_DEAD))
			f.timeout = remaining(f.timeout, now, updated);
		return wire_flow_encode(&wp, type_of(flags, WIRE_CT_NEW), s->flags, s->seq, &f, out,
					cap);
	}
	cache_get(c, s->obj.ref, &x);
	if (!(flags & ENTRY_DEAD))
		x.timeout = remaining(x.timeout, now, updated);
	p->told_plain = p->told_plain || !wp.extras;
	return wire_expect_encode(&wp, type_of(flags, WIRE_EXP_NEW), s->flags, s->seq, &x, out,
				  cap);
}

static size_t encode(struct engine *e, tick_t now, struct peer *p, const struct repl_send *s,
		     uint8_t *out, size_t cap)
{
	const struct wire_ident id = {
		.node = e->p.node_id,
		.life = e->life,
		.mode = (uint8_t)e->p.repl.mode,
		.bulk = s->bulk,
		.bulk_age = (uint32_t)tick_min(s->bulk_age / TICK_MSEC, UINT32_MAX),
		.caps = WIRE_CAP_EXTRAS,
	};

	if (s->is_object)
		return encode_object(e, now, p, s, out, cap);
	if ((s->flags & WIRE_F_ALIVE) && e->p.repl.ident)
		return wire_ident_put(out, cap, s->flags, s->seq, &id);
	return wire_control_put(out, cap, s->flags, s->seq, s->from, s->to);
}

/* Append messages while they fit; the first that does not goes into the stash. */
static size_t fill(struct engine *e, tick_t now, struct peer *p, uint8_t *buf, size_t cap)
{
	struct repl_send s;
	size_t len = 0, n;

	if (p->stash_len) {
		memcpy(buf, p->stash, p->stash_len);
		len = p->stash_len;
		p->stash_len = 0;
		p->net.msgs_out++;
	}
	while (repl_output(p->repl, now, &s)) {
		if (!s.is_object && (s.flags & WIRE_F_RESYNC))
			view_outdate(e, now, p); /* the answer will tell what is true */
		n = encode(e, now, p, &s, buf + len, cap - len);
		if (!n) {
			p->stash_len = encode(e, now, p, &s, p->stash, sizeof(p->stash));
			assert(p->stash_len > 0);
			if (s.is_object)
				local_drop_sent(e, s.obj.kind, s.obj.ref);
			break;
		}
		len += n;
		p->net.msgs_out++;
		if (s.is_object)
			local_drop_sent(e, s.obj.kind, s.obj.ref);
	}
	return len;
}

size_t engine_datagram(struct engine *e, tick_t now, uint8_t peer, uint8_t *buf, size_t cap)
{
	struct peer *p = &e->peers[peer];
	size_t len;

	assert(peer < e->npeers && cap >= WIRE_MSG_MAX);
	bulk_slice(e, now, peer);
	len = fill(e, now, p, buf, cap);
	if (len)
		p->net.dgrams_out++;
	local_queue_all_done(e, now);
	return len;
}

bool engine_window_next(const struct engine *e, uint8_t peer, uint32_t *pos, struct repl_send *s)
{
	return peer < e->npeers && repl_window_next(e->peers[peer].repl, pos, s);
}

void remote_clear(struct engine *e, bool expects, uint32_t what)
{
	for (uint8_t i = 0; i < e->npeers; i++)
		if (admin_means(what, i)) {
			cache_clear(expects ? e->peers[i].expects : e->peers[i].flows);
			e->peers[i].refused[expects ? OBJ_EXPECT : OBJ_FLOW] = false;
			if (e->peers[i].direct)
				direct_cleared(e->peers[i].direct, expects);
		}
}
