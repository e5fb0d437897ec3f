/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_FLOW_PACK_H
#define CTD_FLOW_PACK_H

/*
 * Flows and expectations at rest. A packed object is a fixed part, whose size
 * depends on its class alone and which starts with the key, and an optional
 * extension of up to PACK_EXT_MAX bytes for what most flows do not have:
 * translations, mark, helper, labels, master, sequence adjustment ...
 * An IPv4 flow takes 32 bytes, an IPv6 flow 56; neither a reply tuple without
 * translation nor a mark of 0 needs an extension, source NAT needs 4 to 6 bytes.
 * The bytes are a private matter of one process; nothing of it is sent.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "flow/expect.h"
#include "flow/flow.h"

#define PACK_EXT_MAX 256

enum pack_class { PACK_FLOW4, PACK_FLOW6, PACK_EXPECT, PACK_CLASSES };

/* Largest fixed part of any class, in bytes. */
#define PACK_FIXED_MAX 224

/* One kind of object as the cache sees it. All functions are pure. */
struct pack_ops {
	/* Class of this object; its key decides. */
	enum pack_class (*class_of)(const void *obj);
	/* Bytes of a class's fixed part, a multiple of 4. */
	size_t (*fixed_size)(enum pack_class c);
	/* Hash of the key under a secret. */
	uint32_t (*hash)(const void *obj, uint64_t secret);
	/* Hash of a packed object: the same number. */
	uint32_t (*hash_packed)(enum pack_class c, const uint8_t *fixed, uint64_t secret);
	/* Same key? */
	bool (*match)(enum pack_class c, const uint8_t *fixed, const void *obj);
	/*
	 * Pack. fixed has fixed_size() bytes, ext PACK_EXT_MAX. Returns the bytes
	 * of extension used, 0 if none.
	 */
	size_t (*pack)(const void *obj, uint8_t *fixed, uint8_t *ext);
	/* Unpack into an object; ext NULL when ext_len is 0. */
	void (*unpack)(enum pack_class c, const uint8_t *fixed, const uint8_t *ext, size_t ext_len,
		       void *obj);
	/* sizeof the unpacked object. */
	size_t obj_size;
};

/*
 * struct flow. Counters are not kept; translations beside a reply tuple neither
 * (flow/flow.h: a flow has one form or the other). Everything else comes back,
 * provided that what "has" does not announce is 0.
 */
extern const struct pack_ops pack_flow;

/* struct expect. */
extern const struct pack_ops pack_expect;

#endif
