// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the kernel says about expectations, as values. The zone is never told:
 * ctnetlink leaves CTA_EXPECT_ZONE out, whoever needs it asks the master.
 */
#include "kernel/conv.h"
#include "conv_tuple.h"

/* A tuple of an expectation: which of the two bits given apply. */
static uint32_t parse_part(struct attr_run run, uint8_t family, struct tuple *t, uint32_t has_tuple,
			   uint32_t has_ports)
{
	uint16_t zone = 0;
	uint32_t parts = parse_tuple(run, family, t, &zone);

	return (parts & ATTR_BAD) | has_tuple | ((parts & T_PORTS) == T_PORTS ? has_ports : 0);
}

static uint32_t parse_nat(struct attr_run run, uint8_t family, struct expect *e)
{
	struct attr_iter it = attr_start(run);
	uint32_t has = EXPECT_HAS_NAT;

	while (attr_next(&it)) {
		switch (it.type) {
		case CTA_EXPECT_NAT_DIR:
			e->nat_dir = attr_be32(&it);
			has |= EXPECT_HAS_NAT_DIR;
			break;
		case CTA_EXPECT_NAT_TUPLE:
			has |= parse_part(it.cur, family, &e->nat,
					  EXPECT_HAS_NAT_ADDR | EXPECT_HAS_NAT_PROTO,
					  EXPECT_HAS_NAT_PORTS);
			break;
		}
	}
	return attr_found(&it, has);
}

static uint32_t parse_tuples(unsigned int type, struct attr_run run, uint8_t family,
			     struct expect *e)
{
	switch (type) {
	case CTA_EXPECT_MASTER:
		return parse_part(run, family, &e->master, EXPECT_HAS_MASTER,
				  EXPECT_HAS_MASTER_PORTS);
	case CTA_EXPECT_TUPLE:
		return parse_part(run, family, &e->tuple, EXPECT_HAS_TUPLE, EXPECT_HAS_PORTS);
	case CTA_EXPECT_MASK:
		return parse_part(run, family, &e->mask, EXPECT_HAS_MASK, EXPECT_HAS_MASK_PORTS);
	}
	return 0;
}

static uint32_t parse_attrs(struct attr_run run, uint8_t family, struct expect *e)
{
	struct attr_iter it = attr_start(run);
	uint32_t has = 0;

	while (attr_next(&it)) {
		switch (it.type) {
		case CTA_EXPECT_MASTER:
		case CTA_EXPECT_TUPLE:
		case CTA_EXPECT_MASK:
			has |= parse_tuples(it.type, it.cur, family, e);
			break;
		case CTA_EXPECT_TIMEOUT:
			e->timeout = attr_be32(&it);
			has |= EXPECT_HAS_TIMEOUT;
			break;
		case CTA_EXPECT_ID:
			e->id = attr_be32(&it);
			has |= EXPECT_HAS_ID;
			break;
		case CTA_EXPECT_HELP_NAME:
			has |= attr_str(it.cur, e->helper, sizeof(e->helper), EXPECT_HAS_HELPER);
			break;
		case CTA_EXPECT_ZONE:
			e->zone = attr_be16(&it);
			has |= EXPECT_HAS_ZONE;
			break;
		case CTA_EXPECT_FLAGS:
			e->flags = attr_be32(&it);
			has |= EXPECT_HAS_FLAGS;
			break;
		case CTA_EXPECT_CLASS:
			e->class_ = attr_be32(&it);
			has |= EXPECT_HAS_CLASS;
			break;
		case CTA_EXPECT_NAT:
			has |= parse_nat(it.cur, family, e);
			break;
		case CTA_EXPECT_FN:
			has |= attr_str(it.cur, e->fn, sizeof(e->fn), EXPECT_HAS_FN);
			break;
		}
	}
	return attr_found(&it, has);
}

int conv_expect(const void *nlmsg, size_t len, struct expect *out)
{
	struct attr_run run;
	uint8_t family;
	uint32_t has;
	int err = open_msg(nlmsg, len, NFNL_SUBSYS_CTNETLINK_EXP, &family, &run);

	if (err)
		return err;
	memset(out, 0, sizeof(*out));
	has = parse_attrs(run, family, out);
	if (has & ATTR_BAD)
		return CTD_EBADPAYLOAD;
	out->has = has;
	return has & EXPECT_HAS_TUPLE ? 0 : CTD_ENOKEY;
}
