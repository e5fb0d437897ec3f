/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_TESTS_WIRE_SUPPORT_H
#define CTD_TESTS_WIRE_SUPPORT_H

/* What the tests of the wire share: recorded payloads, and random valid objects. */
#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include "base/rand.h"
#include "wire/codec.h"
#include "wire/message.h"

struct bytes {
	size_t len;
	uint8_t data[4096];
};

/* A file of tests/golden/vectors; the test fails if it is not there. */
json_t *vectors_load(const char *name);

/* Hex text of a JSON string. */
void bytes_from_hex(struct bytes *b, const json_t *hex);
const char *json_text(const json_t *obj, const char *key);

/* A text of the bytes for messages; static storage. */
const char *hex_text(const uint8_t *data, size_t len);

/* Build attributes by hand: length, number, payload, padding. */
struct attrs {
	size_t len;
	uint8_t data[2048];
};
void attrs_add(struct attrs *a, uint16_t id, const void *payload, size_t size);
void attrs_add8(struct attrs *a, uint16_t id, uint8_t v);
void attrs_add32(struct attrs *a, uint16_t id, uint32_t v);
/* Addresses, protocol and ports: what makes a flow usable. */
void attrs_add_key(struct attrs *a, uint8_t proto);

/*
 * Send what was received: the codec decodes (without asking for a key) and
 * encodes a message again. Returns its length, 0 if it did not decode.
 */
size_t reencode(const struct wire_params *p, const struct wire_msg *m, uint8_t *out, size_t cap);

/* Random objects such as a kernel reports (reply tuple) or a peer sends (translations). */
void random_flow(struct rng *r, struct flow *f, bool from_kernel);
void random_expect(struct rng *r, struct expect *e);

#endif
