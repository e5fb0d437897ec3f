// SPDX-License-Identifier: GPL-2.0-or-later
/* Operator commands that change something (conntrackd(8)). */
#include "base/err.h"
#include "priv.h"

bool admin_means(uint32_t what, uint8_t peer)
{
	return !(what & ADMIN_PEERS) || (what & ADMIN_PEER(peer));
}

const char *peer_word(const struct peer *p, const char *word)
{
	return p->name[0] ? word : "";
}

static int flush_caches(struct engine *e, uint32_t what)
{
	const uint32_t side = what & (ADMIN_INTERNAL | ADMIN_EXTERNAL);

	if (e->commit && (side & ADMIN_EXTERNAL)) {
		log_error(e->p.log, "ignoring flush command, commit still in progress");
		return CTD_EBUSY;
	}
	if (side & ADMIN_INTERNAL)
		e->purge_at = TICK_NEVER;
	if (e->p.no_internal && (side & ADMIN_INTERNAL))
		log_notice(e->p.log, "the internal cache is disabled, nothing to flush there");
	log_notice(e->p.log, side == ADMIN_INTERNAL ? "flushing internal cache" :
			     side == ADMIN_EXTERNAL ? "flushing external cache" :
						      "flushing caches");
	for (int expects = 0; expects < 2; expects++) {
		if ((side & ADMIN_INTERNAL) && !e->p.no_internal)
			local_clear(e, expects);
		if (side & ADMIN_EXTERNAL)
			remote_clear(e, expects, what);
	}
	return 0;
}

static int flush_kernel(struct engine *e, uint32_t what, uint64_t tag)
{
	const bool expects = (what & ADMIN_EXPECTS) && e->p.expect_sync;
	const bool flows = (what & ADMIN_FLOWS) != 0;
	int err = 0;

	e->st.kernel_flushes++;
	if (flows) {
		log_notice(e->p.log, "flushing kernel conntrack table");
		err = jobs_dump(e, DUMP_FLUSH, false, expects ? 0 : tag);
	}
	if (expects) {
		log_notice(e->p.log, "flushing kernel expect table");
		err = jobs_dump(e, DUMP_FLUSH, true, tag);
	}
	return err;
}

static int resync_kernel(struct engine *e, uint32_t what, uint64_t tag)
{
	const bool expects = (what & ADMIN_EXPECTS) && e->p.expect_sync;
	const bool flows = (what & ADMIN_FLOWS) != 0;
	int err = 0;

	if (e->p.no_internal) {
		log_notice(e->p.log, "resync with the kernel's tables is unsupported, the internal "
				     "cache is disabled");
		return 0;
	}
	e->st.kernel_resyncs++;
	if (flows) {
		log_notice(e->p.log, "resync with master conntrack table");
		err = jobs_dump(e, DUMP_RESYNC, false, expects ? 0 : tag);
	}
	if (expects) {
		log_notice(e->p.log, "resync with master expect table");
		err = jobs_dump(e, DUMP_RESYNC, true, tag);
	}
	return err;
}

static void take_role(struct engine *e, tick_t now, enum engine_role role)
{
	if (e->st.role != role)
		e->st.role_since = now;
	e->st.role = role;
}

static int purge_later(struct engine *e, tick_t now)
{
	take_role(e, now, ROLE_BACKUP);
	if (e->purge_at != TICK_NEVER)
		return 0;
	log_notice(e->p.log, "flushing conntrack table in %u secs", e->p.purge_timeout);
	e->purge_at = tick_add(now, e->p.purge_timeout * TICK_SEC);
	return 0;
}

static int request_resync(struct engine *e, uint32_t what, uint64_t tag)
{
	const int rc = tag ? view_await(e, what, tag) : 0;

	if (rc < 0)
		return rc;
	log_notice(e->p.log, "resync requested");
	for (uint8_t i = 0; i < e->npeers; i++)
		if (admin_means(what, i))
			repl_request_resync(e->peers[i].repl);
	return rc;
}

void engine_admin_cancel(struct engine *e, uint64_t tag)
{
	view_await_not(e, tag);
}

int engine_admin(struct engine *e, tick_t now, enum admin_cmd cmd, uint32_t what, uint64_t tag)
{
	switch (cmd) {
	case ADMIN_COMMIT:
		take_role(e, now, ROLE_PRIMARY);
		e->purge_at = TICK_NEVER;
		return jobs_commit(e, now, what, tag);
	case ADMIN_FLUSH_CACHES:
		return flush_caches(e, what);
	case ADMIN_FLUSH_KERNEL:
		return flush_kernel(e, what, tag);
	case ADMIN_RESYNC_KERNEL:
		return resync_kernel(e, what, tag);
	case ADMIN_BULK:
		for (uint8_t i = 0; i < e->npeers; i++)
			if (admin_means(what, i))
				repl_request_bulk(e->peers[i].repl);
		return 0;
	case ADMIN_REQUEST_RESYNC:
		return request_resync(e, what, tag);
	case ADMIN_PURGE:
		return purge_later(e, now);
	}
	return CTD_EUNSUPPORTED;
}
