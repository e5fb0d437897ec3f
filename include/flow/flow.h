/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_FLOW_FLOW_H
#define CTD_FLOW_FLOW_H

/*
 * A tracked connection as a plain value: everything one kernel entry, or one
 * message of the wire, can say of it. "has" tells which parts are known.
 * This is the working form (on the stack); at rest flows are packed, see
 * flow/pack.h.
 *
 * The reply direction comes in two forms, because the kernel reports the
 * reply tuple and the wire reports translations only:
 *  - FLOW_HAS_REPLY: "reply" is what the kernel said;
 *  - otherwise the four translations (FLOW_HAS_SNAT ... DPAT) as received.
 * flow_reply() and flow_nat() give either view of both.
 */
#include <stdbool.h>
#include <stdint.h>
#include "flow/tuple.h"

/* Bits of "has". */
#define FLOW_HAS_REPLY        (1u << 0)
#define FLOW_HAS_STATUS       (1u << 1)
#define FLOW_HAS_TIMEOUT      (1u << 2)
#define FLOW_HAS_MARK         (1u << 3)
#define FLOW_HAS_STATE        (1u << 4) /* TCP, SCTP or DCCP state */
#define FLOW_HAS_WSCALE       (1u << 5) /* both window scales */
#define FLOW_HAS_TCPFLAGS     (1u << 6) /* both directions' kernel flags */
#define FLOW_HAS_VTAG         (1u << 7) /* both SCTP verification tags */
#define FLOW_HAS_DCCP_ROLE    (1u << 8)
#define FLOW_HAS_MASTER       (1u << 9)
#define FLOW_HAS_SNAT         (1u << 10) /* snat address, wire form */
#define FLOW_HAS_DNAT         (1u << 11)
#define FLOW_HAS_SPAT         (1u << 12) /* snat_port, wire form */
#define FLOW_HAS_DPAT         (1u << 13)
#define FLOW_HAS_SEQADJ       (1u << 14)
#define FLOW_HAS_HELPER       (1u << 15)
#define FLOW_HAS_LABELS       (1u << 16)
#define FLOW_HAS_SYNPROXY     (1u << 17)
#define FLOW_HAS_ZONE         (1u << 18) /* both directions */
#define FLOW_HAS_ZONE_ORIG    (1u << 19) /* original direction only */
#define FLOW_HAS_ZONE_REPLY   (1u << 20) /* reply direction only */
#define FLOW_HAS_ID           (1u << 21) /* kernel id, local use only */
#define FLOW_HAS_PORTS        (1u << 22) /* orig ports known (protocols with ports) */
#define FLOW_HAS_ICMP         (1u << 23) /* orig ICMP type, code, id known */
#define FLOW_HAS_MASTER_PORTS (1u << 24)
#define FLOW_HAS_COUNTERS     (1u << 25) /* destroy events and dumps, accounting on */
#define FLOW_HAS_DURATION     (1u << 26) /* destroy events, time stamps on */
#define FLOW_HAS_USE          (1u << 27) /* dumps */
/* Of the moment, or of this host: neither replicated nor compared. */
#define FLOW_HAS_ASIDE (FLOW_HAS_ID | FLOW_HAS_COUNTERS | FLOW_HAS_DURATION | FLOW_HAS_USE)

/* Kernel status bits (uapi nf_conntrack_common.h). */
#define CTS_EXPECTED      (1u << 0)
#define CTS_SEEN_REPLY    (1u << 1)
#define CTS_ASSURED       (1u << 2)
#define CTS_CONFIRMED     (1u << 3)
#define CTS_SRC_NAT       (1u << 4)
#define CTS_DST_NAT       (1u << 5)
#define CTS_SEQ_ADJUST    (1u << 6)
#define CTS_SRC_NAT_DONE  (1u << 7)
#define CTS_DST_NAT_DONE  (1u << 8)
#define CTS_DYING         (1u << 9)
#define CTS_FIXED_TIMEOUT (1u << 10)
#define CTS_HELPER        (1u << 13)

/* Kernel TCP states (uapi nf_conntrack_tcp.h). */
#define TCPS_NONE        0
#define TCPS_SYN_SENT    1
#define TCPS_SYN_RECV    2
#define TCPS_ESTABLISHED 3
#define TCPS_FIN_WAIT    4
#define TCPS_CLOSE_WAIT  5
#define TCPS_LAST_ACK    6
#define TCPS_TIME_WAIT   7
#define TCPS_CLOSE       8
#define TCPS_SYN_SENT2   9

/* Kernel TCP flags of one direction (uapi nf_conntrack_tcp.h). */
#define TCPF_WINDOW_SCALE 0x01
#define TCPF_SACK_PERM    0x02
#define TCPF_CLOSE_INIT   0x04
#define TCPF_BE_LIBERAL   0x08

#define FLOW_HELPER_MAX  16 /* NF_CT_HELPER_NAME_LEN, with the NUL */
#define FLOW_LABEL_WORDS 4  /* kernel limit: 128 labels */

/* One direction of a sequence adjustment. Offsets are signed. */
struct seqadj {
	uint32_t pos;
	int32_t before, after;
};

struct flow {
	uint32_t has;
	uint32_t status;  /* CTS_* */
	uint32_t timeout; /* seconds left when learned */
	uint32_t mark;
	uint32_t id; /* kernel id of this host */
	uint16_t zone;
	uint16_t zone_orig, zone_reply;
	uint8_t state; /* TCP, SCTP, DCCP */
	uint8_t dccp_role;
	uint8_t wscale[2]; /* original, reply */
	uint8_t tcp_flags[2];
	uint16_t snat_port, dnat_port;
	uint32_t vtag[2]; /* SCTP, original, reply */
	struct tuple orig;
	struct tuple reply;
	struct tuple master; /* original tuple of the master */
	struct addr snat, dnat;
	struct seqadj seqadj[2]; /* original, reply */
	uint32_t synproxy_its, synproxy_isn, synproxy_tsoff;
	uint32_t labels[FLOW_LABEL_WORDS]; /* word 0 = labels 0..31 */
	char helper[FLOW_HELPER_MAX];
	uint64_t packets[2], bytes[2];
	uint32_t duration; /* seconds it lived */
	uint32_t use;      /* references to the kernel's entry */
};

/* All zero. */
void flow_init(struct flow *f);

/*
 * Has it a usable key: family and addresses, protocol, and ports or ICMP
 * fields where the protocol has them?
 */
bool flow_has_key(const struct flow *f);

/*
 * Lay what src knows over dst (kernel update, wire update): parts known in
 * src replace those in dst, others stay. The key of dst is kept. A reply
 * tuple or translation in src replaces all of dst's reply knowledge.
 */
void flow_merge(struct flow *dst, const struct flow *src);

/* The reply tuple: as reported, else rebuilt from original and translations. */
void flow_reply(const struct flow *f, struct tuple *reply);

/* The translations of a flow. */
struct flow_nat {
	bool snat, dnat;          /* addresses translated */
	bool spat, dpat;          /* ports (or ICMP id) translated */
	struct addr saddr, daddr; /* reply destination, reply source */
	uint16_t sport, dport;    /* reply destination port, reply source port */
};

/*
 * Translations from either form. From a kernel reply tuple they follow the
 * rules of doc/protocol.md (NAT): a translation counts if its "done" bit is
 * set, or the status is unknown, and the reply differs from the swapped
 * original. From the wire form: as received; ports 0 are not translations. The
 * id of ICMP is one number, "sport".
 */
void flow_nat(const struct flow *f, struct flow_nat *nat);

/* Has it a master with family, addresses, protocol? */
static inline bool flow_is_child(const struct flow *f)
{
	return (f->has & FLOW_HAS_MASTER) != 0;
}

/* Equal in every part both announce, "has" equal too (kernel id and counters aside). */
bool flow_equal(const struct flow *a, const struct flow *b);

#endif
