// An open load: GETs that are due at fixed times, whether or not those before them are answered, over
// kept connections; one thread. A request that finds no free connection waits for one, and its time
// counts from when it was due, so that a server that stalls is charged for all that came meanwhile
// (a closed loop omits these). Nothing is repeated. Prints one line of JSON.
//
// Usage: openloop --rate N --seconds N [--warmup N] [--connections N] [--timeout N] [--paths FILE]
//                 [--first N] [--host TEXT] http://HOST[:PORT][/PATH]
//   --paths FILE  one a line, asked for in one shuffled order again and again (always the same order)
//   --first N     a # in a path is replaced by a number that counts up from N
//   --timeout N   seconds that an answer may take from the send (10), and the rest after the last is due
#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { connections_max = 20000, events_max = 512, line_max = 256, request_max = 8192 };
static const uint64_t second_ns = 1000000000, look_ns = 20000000;

// What `left` is before the body: no length is known, it comes in chunks.
static const uint64_t unknown = UINT64_MAX, chunked = UINT64_MAX - 1;

// DONE and what follows it is how a request ends.
enum state {
    CLOSED, CONNECTING, IDLE, STATUS, FIELDS, BODY, CHUNK_SIZE, CHUNK, CHUNK_END, TRAILER, UNTIL_END,
    DONE, CUT, RESET, TIMED_OUT, MALFORMED, UNSENT, states
};

struct connection {
    int fd, code, closes, queued, is_measured;
    enum state state;
    uint64_t due_ns, sent_ns, left;  // left: bytes of the body or the chunk
    size_t line_bytes;               // of a line that is not whole yet: its start is kept
    char line[line_max];
};

// Log-linear: 128 steps an octave, so a value is known to less than 0.4 %. Microseconds.
enum { step_bits = 7, steps = 1 << step_bits, buckets = (64 - step_bits + 1) * steps };
struct histogram {
    uint64_t counts[buckets], count, max_us;
};

static struct connection *pool;
static int *ring, ring_first, ring_count;  // idle ones, the longest idle first
static int pool_count = 64, idle_count, busy_count, poller;
static char **paths = NULL, *host_field = NULL;
static uint64_t path_count, fresh = 1, timeout_ns = 10 * second_ns;
static struct addrinfo *server;
static struct histogram latency, late;
static uint64_t begin_ns, measured_ns, end_ns, idle_since_ns;
static uint64_t ends[states], classes[10], achieved, opened, closed, refused;

static void fail(const char *step) {
    fprintf(stderr, "openloop: %s: %s\n", step, strerror(errno));
    exit(1);
}

static uint64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * second_ns + (uint64_t)time.tv_nsec;
}

static void count(struct histogram *all, uint64_t ns) {
    uint64_t us = (ns + 500) / 1000;
    int shift = us < steps ? 0 : 63 - __builtin_clzll(us) - step_bits;
    all->counts[us < steps ? us : (uint64_t)shift * steps + (us >> shift)]++;
    all->count++;
    if (us > all->max_us) all->max_us = us;
}

static uint64_t percentile(const struct histogram *all, double share) {
    double rank = share * (double)all->count, sum = 0;
    for (uint64_t i = 0; i < buckets; i++) {
        sum += (double)all->counts[i];
        if (sum < rank || !sum) continue;
        if (i < steps) return i;
        int shift = (int)(i / steps) - 1;
        uint64_t middle = ((i - (uint64_t)shift * steps) << shift) + (1ull << shift) / 2;
        return middle < all->max_us ? middle : all->max_us;
    }
    return all->max_us;
}

static void watch(int operation, struct connection *one, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = one};
    if (epoll_ctl(poller, operation, one->fd, &event)) fail("epoll_ctl");
}

static void drop(struct connection *one) {
    if (one->state == IDLE) idle_count--;
    close(one->fd);
    one->state = CLOSED;
}

static void dial(struct connection *one) {
    int yes = 1;
    one->fd = socket(server->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (one->fd < 0) fail("socket");
    setsockopt(one->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    one->state = CONNECTING;
    one->sent_ns = now_ns();
    int status = connect(one->fd, server->ai_addr, server->ai_addrlen);
    if (status == 0 || errno == EINPROGRESS) return watch(EPOLL_CTL_ADD, one, EPOLLIN | EPOLLOUT);
    refused++;
    drop(one);
}

static void rest(struct connection *one) {
    one->state = IDLE;
    if (idle_count++ == 0) idle_since_ns = now_ns();
    if (one->queued) return;  // keeps the place that it had before it was closed
    one->queued = 1;
    ring[(ring_first + ring_count++) % pool_count] = (int)(one - pool);
}

static struct connection *next_idle(void) {
    for (;;) {
        struct connection *one = pool + ring[ring_first];
        ring_first = (ring_first + 1) % pool_count;
        ring_count--;
        one->queued = 0;
        if (one->state == IDLE) return one;
    }
}

static void record(enum state how, uint64_t due, int code, int is_measured) {
    uint64_t now = now_ns();
    if (how == DONE && code == 200 && now >= measured_ns && now < end_ns) achieved++;
    if (!is_measured) return;
    ends[how]++;
    if (how == DONE) classes[code == 200 ? 0 : code / 100]++;
    count(&latency, now - due);
}

// The request on this connection is over, in one of the ways from DONE on.
static void finish(struct connection *one, enum state how) {
    record(how, one->due_ns, one->code, one->is_measured);
    busy_count--;
    if (how == DONE && !one->closes) return rest(one);
    if (how < TIMED_OUT) closed++;
    drop(one);
    if (how == DONE) dial(one);  // the others: at the next look, lest it goes round and round
}

// A length, or the size of a chunk with its extensions; 0 where it is none.
static int number(const char *text, int base, uint64_t *value) {
    char *stop;
    errno = 0;
    *value = strtoull(text, &stop, base);
    stop += strspn(stop, " \t");
    return isxdigit((unsigned char)*text) && !errno && (!*stop || (base == 16 && *stop == ';'));
}

static enum state status_line(struct connection *one) {
    int minor, used = 0, fields = sscanf(one->line, "HTTP/1.%1d %3d%n", &minor, &one->code, &used);
    if (fields != 2 || used != 12 || one->code < 100 || one->code > 599) return MALFORMED;
    one->closes = minor == 0;
    one->left = unknown;  // no length is known
    return FIELDS;
}

static enum state field(struct connection *one) {
    char *name = one->line, *value = strchr(name, ':');
    if (!value) return MALFORMED;
    *value++ = 0;
    value += strspn(value, " \t");
    if (!strcasecmp(name, "connection") && strcasestr(value, "close")) one->closes = 1;
    if (!strcasecmp(name, "transfer-encoding") && strcasestr(value, "chunked")) one->left = chunked;
    if (!strcasecmp(name, "content-length") && one->left != chunked
        && (!number(value, 10, &one->left) || one->left >= chunked)) return MALFORMED;
    return FIELDS;
}

static enum state head_end(struct connection *one) {
    if (one->code / 100 == 1) return one->code == 101 ? MALFORMED : STATUS;
    if (one->code == 204 || one->code == 304 || one->left == 0) return DONE;
    if (one->left == chunked) return CHUNK_SIZE;
    if (one->left != unknown) return BODY;
    one->closes = 1;
    return UNTIL_END;
}

static enum state whole_line(struct connection *one) {
    int is_empty = !one->line[0];
    switch (one->state) {
    case STATUS: return status_line(one);
    case FIELDS: return is_empty ? head_end(one) : field(one);
    case CHUNK_SIZE: return !number(one->line, 16, &one->left) ? MALFORMED : one->left ? CHUNK : TRAILER;
    case CHUNK_END: return is_empty ? CHUNK_SIZE : MALFORMED;
    default: return is_empty ? DONE : TRAILER;
    }
}

// Goes through what came; the state after it is DONE or MALFORMED where the answer ends with it.
static void take(struct connection *one, const char *at, const char *end) {
    while (at < end && one->state < DONE) {
        size_t bytes = (size_t)(end - at);
        if (one->state == UNTIL_END) return;
        if (one->state == BODY || one->state == CHUNK) {
            size_t part = bytes < one->left ? bytes : (size_t)one->left;
            at += part;
            if (!(one->left -= part)) one->state = one->state == BODY ? DONE : CHUNK_END;
            continue;
        }
        const char *stop = memchr(at, '\n', bytes);
        size_t part = stop ? (size_t)(stop - at) : bytes, room = line_max - 1 - one->line_bytes;
        memcpy(one->line + one->line_bytes, at, part < room ? part : room);
        one->line_bytes += part < room ? part : room;
        if (!stop) return;
        at = stop + 1;
        if (one->line_bytes && one->line[one->line_bytes - 1] == '\r') one->line_bytes--;
        one->line[one->line_bytes] = 0;
        one->line_bytes = 0;
        one->state = whole_line(one);
    }
    if (at < end) one->state = MALFORMED;  // more than the answer
}

static void receive(struct connection *one) {
    static char bytes[65536];
    ssize_t got = recv(one->fd, bytes, sizeof bytes, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (one->state == IDLE) {  // closed, or spoke unasked
        closed++;
        drop(one);
    } else if (got <= 0) {
        finish(one, got < 0 ? RESET : one->state == UNTIL_END ? DONE : CUT);
    } else {
        take(one, bytes, bytes + got);
        if (one->state >= DONE) finish(one, one->state);
    }
}

static void heard(struct connection *one) {
    if (one->state == CLOSED) return;
    if (one->state != CONNECTING) return receive(one);
    int problem = 0;
    socklen_t size = sizeof problem;
    getsockopt(one->fd, SOL_SOCKET, SO_ERROR, &problem, &size);
    if (problem) {
        refused++;
        return drop(one);
    }
    opened++;
    watch(EPOLL_CTL_MOD, one, EPOLLIN);
    rest(one);
}

static void ask(uint64_t due, uint64_t index, int is_measured) {
    static char text[request_max];
    struct connection *one = next_idle();
    uint64_t from = due > idle_since_ns ? due : idle_since_ns;
    const char *path = paths[index % path_count], *mark = strchr(path, '#');
    int bytes = mark ? snprintf(text, sizeof text, "GET %.*s%" PRIu64 "%s HTTP/1.1\r\nHost: %s\r\n\r\n",
                                (int)(mark - path), path, fresh++, mark + 1, host_field)
                     : snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, host_field);
    idle_count--;
    busy_count++;
    one->state = STATUS;
    one->closes = one->code = 0;
    one->line_bytes = 0;
    one->due_ns = due;
    one->is_measured = is_measured;
    one->sent_ns = now_ns();
    // How late this program was: a connection was free, so nothing but itself kept it from sending. (One
    // that is busy all the time reads answers late, too; that shows in its processor time alone.)
    if (is_measured) count(&late, one->sent_ns - from);
    if (send(one->fd, text, (size_t)bytes, MSG_NOSIGNAL) != bytes) finish(one, RESET);
}

// Those that take too long are ended, those that are closed are opened.
static void look(uint64_t now) {
    for (struct connection *one = pool; one < pool + pool_count; one++) {
        int is_late = now > one->sent_ns + timeout_ns;
        if (one->state == CONNECTING && is_late) refused++, drop(one);
        else if (one->state > IDLE && is_late) finish(one, TIMED_OUT);
        else if (one->state == CLOSED) dial(one);
    }
}

static void turn(uint64_t until) {
    static struct epoll_event events[events_max];
    uint64_t now = now_ns(), pause = until > now ? until - now : 0;
    struct timespec time = {(time_t)(pause / second_ns), (long)(pause % second_ns)};
    int ready = epoll_pwait2(poller, events, events_max, &time, NULL);
    if (ready < 0 && errno != EINTR) fail("epoll_pwait2");
    for (int i = 0; i < ready; i++) heard(events[i].data.ptr);
}

static void connect_all(void) {
    pool = calloc((size_t)pool_count, sizeof *pool);
    ring = calloc((size_t)pool_count, sizeof *ring);
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (!pool || !ring || poller < 0) fail("start");
    uint64_t until = now_ns() + timeout_ns;
    for (int i = 0; i < pool_count; i++) {
        dial(pool + i);
        if (i % 64 == 63) turn(0);  // no more at once than a server's backlog holds
    }
    while (idle_count < pool_count && !refused && now_ns() < until) {
        turn(now_ns() + look_ns);
        look(now_ns());
    }
    if (idle_count == pool_count) return;
    fprintf(stderr, "openloop: %d of %d connections are open\n", idle_count, pool_count);
    exit(1);
}

static void run(double rate, double warmup_s, double seconds) {
    uint64_t first = (uint64_t)(rate * warmup_s + 0.5), total = first + (uint64_t)(rate * seconds + 0.5);
    begin_ns = now_ns();
    measured_ns = begin_ns + (uint64_t)(warmup_s * 1e9);
    end_ns = measured_ns + (uint64_t)(seconds * 1e9);
    idle_since_ns = begin_ns;
    uint64_t looked = begin_ns, next = 0, due = begin_ns;
    while ((next < total || busy_count) && now_ns() < end_ns + timeout_ns) {
        uint64_t until = looked + look_ns;
        turn(next < total && idle_count && due < until ? due : until);
        uint64_t now = now_ns();
        if (now >= looked + look_ns) look(looked = now);
        for (; next < total && due <= now && idle_count; due = begin_ns + (uint64_t)(next * 1e9 / rate)) {
            ask(due, next, next >= first);
            next++;
        }
    }
    for (struct connection *one = pool; one < pool + pool_count; one++)
        if (one->state > IDLE) finish(one, TIMED_OUT);
    for (; next < total; next++)
        record(UNSENT, begin_ns + (uint64_t)(next * 1e9 / rate), 0, next >= first);
}

static void report_percentiles(const char *name, const struct histogram *all) {
    printf(", \"%s_us\": {", name);
    static const struct { const char *name; double share; } rows[] = {
        {"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}};
    for (int i = 0; i < 4; i++) printf("\"%s\": %" PRIu64 ", ", rows[i].name, percentile(all, rows[i].share));
    printf("\"max\": %" PRIu64 "}", all->max_us);
}

static void report(double rate, double seconds) {
    printf("{\"requested_rate\": %.1f, \"achieved_rate\": %.1f, \"seconds\": %g, \"requests\": %" PRIu64
           ", \"ok\": %" PRIu64 ", \"others\": {", rate, (double)achieved / seconds, seconds, latency.count,
           classes[0]);
    for (int i = 2; i < 6; i++) printf("\"%dxx\": %" PRIu64 "%s", i, classes[i], i < 5 ? ", " : "}");
    printf(", \"errors\": {\"cut\": %" PRIu64 ", \"reset\": %" PRIu64 ", \"timeout\": %" PRIu64
           ", \"malformed\": %" PRIu64 ", \"unsent\": %" PRIu64 "}", ends[CUT], ends[RESET], ends[TIMED_OUT],
           ends[MALFORMED], ends[UNSENT]);
    printf(", \"closed\": %" PRIu64 ", \"reopened\": %" PRIu64 ", \"refused\": %" PRIu64, closed,
           opened - (uint64_t)pool_count, refused);
    report_percentiles("latency", &latency);
    report_percentiles("late", &late);
    puts("}");
}

static int usage(void) {
    fprintf(stderr, "usage: openloop --rate N --seconds N [--warmup N] [--connections N] [--timeout N]\n"
            "                [--paths FILE] [--first N] [--host TEXT] http://HOST[:PORT][/PATH]\n");
    return 2;
}

static void load_paths(const char *name) {
    FILE *file = fopen(name, "r");
    if (!file) fail(name);
    char *line = NULL;
    size_t room = 0;
    for (ssize_t bytes; (bytes = getline(&line, &room, file)) > 0;) {
        line[strcspn(line, "\r\n")] = 0;
        if (!*line) continue;
        if (path_count % 1024 == 0) paths = realloc(paths, (path_count + 1024) * sizeof *paths);
        if (!paths || !(paths[path_count++] = strdup(line))) fail(name);
    }
    free(line);
    fclose(file);
    uint64_t seed = 88172645463325252;  // xorshift64, Marsaglia 2003
    for (uint64_t i = path_count; i > 1; i--) {
        seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
        char **other = paths + seed % i, *kept = paths[i - 1];
        paths[i - 1] = *other, *other = kept;
    }
}

// Resolves the server; its path is what is asked for unless a file says otherwise.
static int understand(char *url) {
    static char *only[1];
    if (strncmp(url, "http://", 7)) return 0;
    char *authority = url + 7, *path = strchr(authority, '/');
    only[0] = path ? strdup(path) : "/";
    if (path) *path = 0;
    if (!host_field) host_field = strdup(authority);
    if (!paths) paths = only, path_count = 1;
    for (uint64_t i = 0; i < path_count; i++)
        if (paths[i][0] != '/' || strlen(paths[i]) + strlen(host_field) > request_max - 128) return 0;
    char *colon = strrchr(authority, ':');
    if (colon) *colon = 0;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    int problem = getaddrinfo(authority, colon ? colon + 1 : "80", &hints, &server);
    if (problem) fprintf(stderr, "openloop: %s: %s\n", authority, gai_strerror(problem));
    return !problem;
}

int main(int argc, char **argv) {
    double rate = 0, seconds = 0, warmup_s = 0;
    static const struct option options[] = {
        {"rate", 1, NULL, 'r'}, {"seconds", 1, NULL, 's'}, {"warmup", 1, NULL, 'w'},
        {"connections", 1, NULL, 'c'}, {"timeout", 1, NULL, 't'}, {"paths", 1, NULL, 'p'},
        {"first", 1, NULL, 'f'}, {"host", 1, NULL, 'h'}, {0}};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (option) {
        case 'r': rate = atof(optarg); break;
        case 's': seconds = atof(optarg); break;
        case 'w': warmup_s = atof(optarg); break;
        case 'c': pool_count = atoi(optarg); break;
        case 't': timeout_ns = (uint64_t)(atof(optarg) * 1e9); break;
        case 'p': load_paths(optarg); break;
        case 'f': fresh = strtoull(optarg, NULL, 10); break;
        case 'h': host_field = optarg; break;
        default: return usage();
        }
    }
    int is_whole = rate > 0 && rate <= 1e6 && seconds > 0 && seconds <= 86400 && warmup_s >= 0 && timeout_ns;
    if (!is_whole || warmup_s > 3600 || pool_count < 1 || pool_count > connections_max) return usage();
    if (argc != optind + 1 || !understand(argv[optind])) return usage();
    connect_all();
    run(rate, warmup_s, seconds);
    report(rate, seconds);
}
