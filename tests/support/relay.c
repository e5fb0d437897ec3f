// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A bad link: carries whole frames between two network devices and ill-treats
 * the UDP datagrams of one port, by seed. All else (ARP, neighbour discovery,
 * TCP) passes at once and untouched. It has no addresses, so neither end knows
 * of it; the devices should have none either.
 *
 *   relay LEFT RIGHT [--seed N] [--port P] [--frames MOST HELD] [--both|--forth|--back SPEC]...
 *
 * SPEC is a list as loss=20,dup=5,reorder=20,delay=10,jitter=50: shares in
 * percent, times in milliseconds. "forth" is from LEFT to RIGHT. Each datagram
 * takes delay plus 0..jitter, and waits for those before it. The share of
 * reorder then stays behind for 0..jitter more while the others move on, so
 * that on a busy link this is the share that comes late (RFC 4737); second
 * copies do the same. The n-th datagram of a direction meets the same fate in
 * each run of a seed.
 *
 * Prints "ready". Then takes commands on standard input, a line each: `report`
 * prints the statistics, `set both|forth|back SPEC` changes what SPEC names,
 * `quit`, or the end of input, or SIGTERM ends it with a last report. What is
 * held then is not sent. A report is a line of JSON; in each direction
 * matched + doubled = lost + sent + refused + failed + held.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "heap.h"
#include "base/rand.h"

#define VNET_LEN   sizeof(struct virtio_net_hdr)
#define FRAME_MAX  (VNET_LEN + 65536 + 256) /* a whole segment to be cut up later */
#define BYTES_MAX  (64u << 20)
#define BURST      64 /* frames read before looking at the clock */
#define SOCKET_BUF (16 << 20)

/* What to do to a direction. */
struct spec {
	uint32_t loss, dup, reorder; /* percent */
	uint32_t delay, jitter;      /* ms */
};

struct stats {
	uint64_t other, other_failed;
	uint64_t matched, lost, doubled, overtaken, sent, refused, failed, missed;
	uint32_t held, held_max;
};

struct direction {
	const char *name;
	int in, out; /* sockets, borrowed */
	struct spec spec;
	struct rng rng;
	tick_t line;               /* when the last one in line leaves */
	uint64_t number, youngest; /* of the last datagram taken, and sent */
	struct stats st;
};

struct frame {
	struct heap_node node;
	struct direction *dir;
	uint64_t number;
	size_t len;
	uint8_t data[]; /* with what the kernel says of it in front */
};

struct relay {
	struct direction dirs[2];
	struct heap heap; /* of frames held */
	uint16_t port;
	uint32_t frames, frames_max;
	size_t bytes;
	char line[256]; /* of standard input, so far */
	size_t line_len;
};

static tick_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (tick_t)ts.tv_sec * TICK_SEC + (tick_t)ts.tv_nsec;
}

/* ---- command line ---- */

static int spec_set(struct spec *s, const char *text)
{
	static const char *const names[] = { "loss", "dup", "reorder", "delay", "jitter" };
	uint32_t *const values[] = { &s->loss, &s->dup, &s->reorder, &s->delay, &s->jitter };

	while (*text) {
		size_t i = 0, len = strcspn(text, "=");
		unsigned long v;
		char *end;

		while (i < 5 && (strlen(names[i]) != len || memcmp(text, names[i], len) != 0))
			i++;
		if (i == 5 || !text[len])
			return -EINVAL;
		v = strtoul(text + len + 1, &end, 10);
		if (end == text + len + 1 || (*end && *end != ',') || v > (i < 3 ? 100 : 60000))
			return -EINVAL;
		*values[i] = (uint32_t)v;
		text = *end ? end + 1 : end;
	}
	return 0;
}

static int set_which(struct relay *r, const char *which, const char *text)
{
	bool known = false;

	for (int i = 0; i < 2; i++) {
		if (strcmp(which, "both") != 0 && strcmp(which, r->dirs[i].name) != 0)
			continue;
		known = true;
		if (spec_set(&r->dirs[i].spec, text) < 0)
			return -EINVAL;
	}
	return known ? 0 : -EINVAL;
}

static int number_arg(const char *text, uint64_t most, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 10);
	return errno || end == text || *end || *out > most ? -EINVAL : 0;
}

static int arguments(struct relay *r, int argc, char **argv)
{
	uint64_t seed = 1, port = 3780, frames = 65536;
	int err = argc < 3 || argc % 2 == 0 ? -EINVAL : 0;

	for (int i = 3; err == 0 && i + 1 < argc; i += 2) {
		if (strcmp(argv[i], "--seed") == 0)
			err = number_arg(argv[i + 1], UINT64_MAX, &seed);
		else if (strcmp(argv[i], "--port") == 0)
			err = number_arg(argv[i + 1], UINT16_MAX, &port);
		else if (strcmp(argv[i], "--frames") == 0)
			err = number_arg(argv[i + 1], 1u << 24, &frames);
		else if (strncmp(argv[i], "--", 2) == 0)
			err = set_which(r, argv[i] + 2, argv[i + 1]);
		else
			err = -EINVAL;
		if (err < 0)
			fprintf(stderr, "relay: do not understand %s %s\n", argv[i], argv[i + 1]);
	}
	r->port = (uint16_t)port;
	r->frames_max = (uint32_t)frames;
	rng_seed(&r->dirs[0].rng, 2 * seed);
	rng_seed(&r->dirs[1].rng, 2 * seed + 1);
	return err;
}

/* ---- devices ---- */

/*
 * Frames come with a header that tells which checksum is still to be computed
 * and where the frame is to be cut; handed on, it saves us both. Returns the
 * socket or a negated errno.
 */
static int device_open(const char *name)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET,
				  .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = (int)if_nametoindex(name) };
	struct packet_mreq all = { .mr_ifindex = to.sll_ifindex, .mr_type = PACKET_MR_PROMISC };
	const int one = 1, big = SOCKET_BUF;
	int err, fd;

	if (to.sll_ifindex == 0)
		return -ENODEV;
	/* protocol 0: nothing comes in before all is set */
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) == 0 &&
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) == 0 &&
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &big, sizeof(big)) == 0 &&
	    bind(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static uint16_t be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* Is this Ethernet frame a datagram from or to the port? Fragments are not. */
static bool is_ours(const uint8_t *p, size_t len, uint16_t port)
{
	size_t at = ETH_HLEN;

	if (len < ETH_HLEN + 20)
		return false;
	switch (be16(p + 12)) {
	case ETH_P_IP:
		if (p[at + 9] != IPPROTO_UDP || (be16(p + at + 6) & 0x3fff))
			return false;
		at += (p[at] & 15u) * 4;
		break;
	case ETH_P_IPV6:
		if (p[at + 6] != IPPROTO_UDP)
			return false;
		at += 40;
		break;
	default:
		return false;
	}
	return len >= at + 8 && (be16(p + at) == port || be16(p + at + 2) == port);
}

static bool device_send(int fd, const uint8_t *data, size_t len)
{
	return send(fd, data, len, MSG_DONTWAIT) == (ssize_t)len;
}

/* ---- what happens to a datagram ---- */

static void hold(struct relay *r, struct direction *d, const uint8_t *data, size_t len, tick_t at)
{
	struct frame *f = NULL;

	if (r->frames < r->frames_max && r->bytes + len <= BYTES_MAX)
		f = calloc(1, sizeof(*f) + len);
	if (!f || heap_set(&r->heap, &f->node, at) < 0) {
		free(f);
		d->st.refused++;
		return;
	}
	f->dir = d;
	f->number = d->number;
	f->len = len;
	memcpy(f->data, data, len);
	r->frames++;
	r->bytes += len;
	if (++d->st.held > d->st.held_max)
		d->st.held_max = d->st.held;
}

static tick_t jitter(struct direction *d)
{
	return (tick_t)rng_u32(&d->rng) % (d->spec.jitter * TICK_MSEC + 1);
}

/* The same number of dice for each, so that its fate does not depend on time. */
static void treat(struct relay *r, struct direction *d, const uint8_t *data, size_t len, tick_t t)
{
	const struct spec *s = &d->spec;
	const bool lost = rng_below(&d->rng, 100) < s->loss;
	const bool twice = rng_below(&d->rng, 100) < s->dup;
	const bool astray = rng_below(&d->rng, 100) < s->reorder;
	const tick_t at = t + s->delay * TICK_MSEC + jitter(d), behind = jitter(d),
		     second = jitter(d);

	d->st.matched++;
	d->number++;
	if (lost) {
		d->st.lost++;
		return;
	}
	d->line = at > d->line ? at : d->line + 1;
	hold(r, d, data, len, d->line + (astray ? behind : 0));
	if (twice) {
		d->st.doubled++;
		hold(r, d, data, len, d->line + second);
	}
}

static void release(struct relay *r, struct frame *f, bool send_it)
{
	struct direction *d = f->dir;

	heap_del(&r->heap, &f->node);
	r->frames--;
	r->bytes -= f->len;
	if (send_it) {
		d->st.held--;
		if (device_send(d->out, f->data, f->len))
			d->st.sent++;
		else
			d->st.failed++;
		if (f->number < d->youngest)
			d->st.overtaken++;
		else
			d->youngest = f->number;
	}
	free(f);
}

static void send_due(struct relay *r)
{
	const tick_t t = now();
	struct heap_node *n;

	while ((n = heap_top(&r->heap)) && n->at <= t)
		release(r, (struct frame *)n, true);
}

/* 0, or a negated errno when the device is gone. */
static int take(struct relay *r, struct direction *d)
{
	static uint8_t buf[FRAME_MAX];

	for (int i = 0; i < BURST; i++) {
		const ssize_t len = recv(d->in, buf, sizeof(buf), MSG_TRUNC);

		if (len < 0)
			return errno == EAGAIN || errno == EINTR || errno == ENETDOWN ? 0 : -errno;
		if ((size_t)len <= VNET_LEN || (size_t)len > sizeof(buf))
			continue;
		if (is_ours(buf + VNET_LEN, (size_t)len - VNET_LEN, r->port))
			treat(r, d, buf, (size_t)len, now());
		else if (device_send(d->out, buf, (size_t)len))
			d->st.other++;
		else
			d->st.other_failed++;
	}
	return 0;
}

/* ---- commands ---- */

static void report(struct relay *r)
{
	for (int i = 0; i < 2; i++) {
		struct direction *d = &r->dirs[i];
		struct tpacket_stats ts = { 0 };

		/* reading them begins a new count */
		if (getsockopt(d->in, SOL_PACKET, PACKET_STATISTICS, &ts,
			       &(socklen_t){ sizeof(ts) }) == 0)
			d->st.missed += ts.tp_drops;
		printf("%s\"%s\": {\"matched\": %" PRIu64 ", \"lost\": %" PRIu64
		       ", \"doubled\": %" PRIu64 ", \"overtaken\": %" PRIu64 ", \"sent\": %" PRIu64
		       ", \"refused\": %" PRIu64 ", \"failed\": %" PRIu64
		       ", \"held\": %u, \"held_max\": %u, \"missed\": %" PRIu64
		       ", \"other\": %" PRIu64 ", \"other_failed\": %" PRIu64 "}",
		       i ? ", " : "{", d->name, d->st.matched, d->st.lost, d->st.doubled,
		       d->st.overtaken, d->st.sent, d->st.refused, d->st.failed, d->st.held,
		       d->st.held_max, d->st.missed, d->st.other, d->st.other_failed);
	}
	printf("}\n");
	fflush(stdout);
}

/* False: end. */
static bool command(struct relay *r, char *line)
{
	char *which, *text, *save;

	if (strcmp(line, "report") == 0) {
		report(r);
		return true;
	}
	if (strncmp(line, "set ", 4) == 0) {
		which = strtok_r(line + 4, " ", &save);
		text = strtok_r(NULL, " ", &save);
		puts(which && text && set_which(r, which, text) == 0 ? "{}" : "{\"error\": 1}");
		fflush(stdout);
		return true;
	}
	return strcmp(line, "quit") != 0;
}

static bool commands(struct relay *r)
{
	const ssize_t n = read(0, r->line + r->line_len, sizeof(r->line) - 1 - r->line_len);
	char *end;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return false;
	r->line_len += (size_t)n;
	r->line[r->line_len] = '\0';
	while ((end = strchr(r->line, '\n'))) {
		*end = '\0';
		if (!command(r, r->line))
			return false;
		r->line_len -= (size_t)(end + 1 - r->line);
		memmove(r->line, end + 1, r->line_len + 1);
	}
	return r->line_len < sizeof(r->line) - 1;
}

/* 0 when asked to end. */
static int run(struct relay *r, int signals)
{
	struct pollfd fds[] = { { r->dirs[0].in, POLLIN, 0 },
				{ r->dirs[1].in, POLLIN, 0 },
				{ 0, POLLIN, 0 },
				{ signals, POLLIN, 0 } };
	int err;

	for (;;) {
		const struct heap_node *n = heap_top(&r->heap);
		const tick_t t = now(), left = n && n->at > t ? n->at - t : 0;
		const struct timespec wait = { (time_t)(left / TICK_SEC), (long)(left % TICK_SEC) };

		if (ppoll(fds, 4, n ? &wait : NULL, NULL) < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < 2; i++) {
			err = fds[i].revents ? take(r, &r->dirs[i]) : 0;
			if (err < 0)
				return err;
		}
		send_due(r);
		if (fds[3].revents || (fds[2].revents && !commands(r)))
			return 0;
	}
}

int main(int argc, char **argv)
{
	static struct relay r = { .dirs = { { .name = "forth" }, { .name = "back" } } };
	struct heap_node *n;
	sigset_t ends;
	int fds[2], err;

	if (arguments(&r, argc, argv) < 0) {
		fprintf(stderr, "usage: relay LEFT RIGHT [--seed N] [--port P] [--frames N] "
				"[--both|--forth|--back SPEC]...\n");
		return 2;
	}
	for (int i = 0; i < 2; i++) {
		fds[i] = device_open(argv[1 + i]);
		if (fds[i] < 0) {
			fprintf(stderr, "relay: %s: %s\n", argv[1 + i], strerror(-fds[i]));
			return 1;
		}
		r.dirs[i].in = r.dirs[1 - i].out = fds[i];
	}
	heap_init(&r.heap);
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	puts("ready");
	fflush(stdout);
	err = run(&r, signalfd(-1, &ends, SFD_CLOEXEC));
	if (err < 0)
		fprintf(stderr, "relay: %s\n", strerror(-err));
	report(&r);
	while ((n = heap_top(&r.heap)))
		release(&r, (struct frame *)n, false);
	heap_fini(&r.heap);
	return err < 0 ? 1 : 0;
}
