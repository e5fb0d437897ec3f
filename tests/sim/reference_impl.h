/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CTD_SIM_REFERENCE_IMPL_H
#define CTD_SIM_REFERENCE_IMPL_H

/* What the two files of the reference share. */
#include "base/rand.h"
#include "reference.h"

#define OBJECTS  512u
#define ELEMENTS 4096u

enum place { PLACE_NONE, PLACE_QUEUED, PLACE_SENT };
enum greet { UNSAID, SAYING, DONE };

/* An entry of a cache. */
struct object {
	bool used, is_expect, dead;
	uint8_t type;      /* 0 new, 1 update; dead ones are sent as 2 */
	enum place place;  /* internal ones only */
	tick_t refresh_at; /* ALARM; internal: send again, external: forget */
	union {
		struct flow f;
		struct expect x;
	};
};

/* Something to send, or sent and not acknowledged. */
struct element {
	bool control;
	uint8_t flags; /* greeting included (W9) */
	uint32_t from, to;
	uint32_t object;
	uint32_t seq;
};

struct list {
	uint32_t n;
	struct element e[ELEMENTS];
};

struct reference {
	struct reference_params p;
	struct rng rng;
	struct object in[OBJECTS], ext[OBJECTS];
	struct list txq, resend;
	bool counting; /* the first number is set */
	uint32_t seq;
	bool heard;
	uint32_t last; /* number received */
	enum greet greet;
	bool answer; /* owe HELLO_BACK */
	bool ack_set;
	uint32_t ack_from, countdown;
	tick_t alive_at;
};

/* Entry with the key of v; a new one, NULL if there is no room. */
struct object *ref_find(struct object *set, bool is_expect, const void *v);
struct object *ref_add(struct object *set, bool is_expect, const void *v);

void ref_cut(struct list *l, uint32_t i);
void ref_append(struct list *l, const struct element *e);
/* An element will not be needed again; a dead object goes with it. */
void ref_release(struct reference *r, const struct element *e);

void ref_queue_object(struct reference *r, struct object *o);
void ref_queue_control(struct reference *r, uint8_t flags, uint32_t from, uint32_t to);
/* ALARM: when an object is sent again. */
void ref_schedule(struct reference *r, tick_t now, struct object *o);

#endif
