/* An open load: GETs at a fixed rate, whether or not those before are answered.
 *
 * Usage: load PORT RATE CONNECTIONS KEYS MISSES FIRST FILE
 *   RATE         requests a second, evenly spaced
 *   CONNECTIONS  most that are open at a time; each has one request under way
 *   KEYS         items 1 to KEYS are asked for again and again
 *   MISSES       so many in 1,000 requests are for an item that nobody has asked for, from FIRST on
 *   FILE         what came of each: 16 bytes (struct record), in the order of their ends
 * SIGTERM ends it, once what is under way is answered or 3 s are over.
 *
 * Time is counted from when a request was due, so that a load which cannot be kept up shows. A request
 * on a kept connection that ends before the first byte of an answer is asked again once, on a new
 * connection, as every HTTP client does with a GET (RFC 9112 section 9.3.1), and is marked so.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { REFUSED = 0, BROKEN = -1, LATE = -2, CROWDED = -3 };
enum { HEAD_BYTES_MAX = 8192, CONNECTIONS_MAX = 8192, KEPT_MIN = 32 };
static const uint64_t LATE_US = 25000000, END_US = 3000000;

struct record {
    uint64_t due_us;     /* CLOCK_MONOTONIC */
    uint32_t took_us;
    int16_t status;      /* of HTTP, or why there is none */
    uint8_t is_miss, is_repeated;
};

struct connection {
    int fd, is_busy, is_used, is_connected, closes;
    struct record now;
    uint64_t item;
    long long left;      /* bytes of the body to come; -1: the head is not complete; -2: until the end */
    size_t got;
    char head[HEAD_BYTES_MAX + 1];
};

static struct connection *pool;
static int *idle, idle_first, idle_count, poller, connections_max;
static uint16_t port;
static FILE *file;
static volatile sig_atomic_t is_over;

static void end(int number) { (void)number; is_over = 1; }

static uint64_t now_us(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static void give_back(struct connection *one) {
    idle[(idle_first + idle_count++) % connections_max] = one - pool;
}

static void drop(struct connection *one) {
    if (one->fd >= 0) close(one->fd);
    one->fd = -1;
    one->is_used = one->is_connected = 0;
}

static void finish(struct connection *one, int status) {
    one->now.status = status;
    one->now.took_us = now_us() - one->now.due_us;
    fwrite(&one->now, sizeof one->now, 1, file);
    one->is_busy = 0;
    if (status <= 0 || one->closes) drop(one);
    give_back(one);
}

static int dial(struct connection *one) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    one->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (one->fd < 0) return -1;
    int yes = 1;
    setsockopt(one->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (connect(one->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS) return -1;
    struct epoll_event wanted = {.events = EPOLLIN | EPOLLOUT, .data.u32 = one - pool};
    return epoll_ctl(poller, EPOLL_CTL_ADD, one->fd, &wanted);
}

static void ask(struct connection *one);

/* The connection ended under a request. */
static void lost(struct connection *one, int status) {
    int again = one->is_used && one->got == 0 && !one->now.is_repeated;
    drop(one);
    if (!again) {
        finish(one, status);
        return;
    }
    one->now.is_repeated = 1;
    ask(one);
}

static void send_request(struct connection *one) {
    char text[160];
    int bytes = snprintf(text, sizeof text, "GET /items/MLA%llu HTTP/1.1\r\nHost: load.example\r\n\r\n",
                         (unsigned long long)one->item);
    if (send(one->fd, text, bytes, MSG_NOSIGNAL) != bytes) lost(one, BROKEN);
}

static void ask(struct connection *one) {
    one->is_busy = 1;
    one->got = one->closes = 0;
    one->left = -1;
    if (one->fd < 0) {
        if (dial(one) < 0) lost(one, REFUSED);
    } else if (one->is_connected) {
        send_request(one);
    }
}

/* Reads what the head says about the body; false while it is not complete. */
static int understand(struct connection *one) {
    char *stop = memmem(one->head, one->got, "\r\n\r\n", 4);
    if (!stop) return 0;
    stop[2] = 0;
    one->now.status = one->got > 12 ? atoi(one->head + 9) : 0;
    char *length = strcasestr(one->head, "\r\ncontent-length:");
    char *close = strcasestr(one->head, "\r\nconnection: close");
    one->closes = close != NULL || !length;
    long long body = length ? atoll(length + 17) : -1;
    long long extra = one->head + one->got - (stop + 4);
    one->left = length ? body - extra : -2;
    return 1;
}

static void take(struct connection *one, const char *bytes, size_t count) {
    if (one->left == -1) {
        size_t room = HEAD_BYTES_MAX - one->got, part = count < room ? count : room;
        memcpy(one->head + one->got, bytes, part);
        one->got += part;
        one->head[one->got] = 0;
        if (understand(one) && one->left >= 0) one->left -= count - part;
        else if (one->left == -1 && part < count) finish(one, BROKEN);
    } else if (one->left >= 0) {
        one->left -= count;
    }
    if (one->is_busy && one->left == 0) {
        one->is_used = 1;
        finish(one, one->now.status);
    } else if (one->is_busy && one->left < -2) {
        finish(one, BROKEN); /* more than was promised */
    }
}

static void heard(struct connection *one, uint32_t events) {
    if (one->fd < 0) return;
    if (!one->is_connected) {
        int problem = 0;
        socklen_t size = sizeof problem;
        getsockopt(one->fd, SOL_SOCKET, SO_ERROR, &problem, &size);
        if (problem) {
            if (one->is_busy) lost(one, REFUSED);
            else drop(one);
            return;
        }
        if (!(events & EPOLLOUT)) return;
        one->is_connected = 1;
        struct epoll_event wanted = {.events = EPOLLIN, .data.u32 = one - pool};
        epoll_ctl(poller, EPOLL_CTL_MOD, one->fd, &wanted);
        if (one->is_busy) send_request(one);
        return;
    }
    char bytes[65536];
    ssize_t count = recv(one->fd, bytes, sizeof bytes, 0);
    if (count < 0 && errno == EAGAIN) return;
    if (!one->is_busy) drop(one);
    else if (count > 0) take(one, bytes, count);
    else if (count == 0 && one->left == -2) finish(one, one->now.status);
    else lost(one, BROKEN);
}

static void begin(uint64_t due, uint64_t item, int is_miss) {
    struct record new = {.due_us = due, .is_miss = is_miss};
    if (!idle_count) {
        new.status = CROWDED;
        fwrite(&new, sizeof new, 1, file);
        return;
    }
    struct connection *one = pool + idle[idle_first];
    idle_first = (idle_first + 1) % connections_max;
    idle_count--;
    one->now = new;
    one->item = item;
    ask(one);
}

static int busy(uint64_t now) {
    int count = 0;
    for (int i = 0; i < connections_max; i++) {
        if (!pool[i].is_busy) continue;
        count++;
        if (now > pool[i].now.due_us + LATE_US) finish(pool + i, LATE);
    }
    return count;
}

/* A few connections are used in turn; the others wait until those do not suffice. */
static int prepare(void) {
    pool = calloc(connections_max, sizeof *pool);
    idle = calloc(connections_max, sizeof *idle);
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (!pool || !idle || poller < 0) return -1;
    for (int i = 0; i < connections_max; i++) pool[i].fd = -1;
    for (int i = 0; i < KEPT_MIN; i++) give_back(pool + i);
    signal(SIGTERM, end);
    signal(SIGINT, end);
    return 0;
}

/* A timer that wakes the poller for each request that is due. */
static int tick(double pause_us) {
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    struct itimerspec turn = {.it_value = {0, 1}, .it_interval = {0, (long)(pause_us * 1000)}};
    struct epoll_event wanted = {.events = EPOLLIN, .data.u32 = UINT32_MAX};
    timerfd_settime(timer, 0, &turn, NULL);
    epoll_ctl(poller, EPOLL_CTL_ADD, timer, &wanted);
    return timer;
}

static void hear(int timer) {
    struct epoll_event events[256];
    int found = epoll_wait(poller, events, 256, 100);
    for (int i = 0; i < found; i++) {
        if (events[i].data.u32 == UINT32_MAX) (void)!read(timer, &(uint64_t){0}, 8);
        else heard(pool + events[i].data.u32, events[i].events);
    }
}

int main(int argc, char **argv) {
    if (argc != 8) return 2;
    port = atoi(argv[1]);
    double pause_us = 1e6 / atof(argv[2]);
    connections_max = atoi(argv[3]);
    uint64_t keys = atoll(argv[4]), misses = atoll(argv[5]), fresh = atoll(argv[6]), count = 0;
    if (connections_max < KEPT_MIN || connections_max > CONNECTIONS_MAX) return 2;
    if (!(file = fopen(argv[7], "wb")) || prepare() < 0) return 2;
    int timer = tick(pause_us), spare = KEPT_MIN;
    double due = now_us();
    uint64_t looked = 0, over_since = 0;
    for (;;) {
        hear(timer);
        uint64_t now = now_us();
        for (; !is_over && due <= now; due += pause_us, count++) {
            if (!idle_count && spare < connections_max) give_back(pool + spare++);
            int is_miss = count * 617 % 1000 < misses;
            begin(due, is_miss ? fresh++ : 1 + count * 7919 % keys, is_miss);
        }
        if (is_over && !over_since) over_since = now;
        if (now - looked < 100000 && !over_since) continue;
        looked = now;
        if (!busy(now) && over_since) break;
        if (over_since && now - over_since > END_US) break;
    }
    for (int i = 0; i < connections_max; i++)
        if (pool[i].is_busy) finish(pool + i, LATE);
    return fclose(file) ? 1 : 0;
}
