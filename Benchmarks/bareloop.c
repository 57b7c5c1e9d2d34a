// The floor under a cached hit: one thread, epoll, and for every read one fixed response. Nothing
// is parsed, looked up, counted or logged; a client that pipelines or splits its requests is not
// served rightly. Usage: bareloop PORT FILE, where FILE holds the whole response, head and body.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { connections_max = 65536, events_max = 512, backlog = 4096 };

static char *response;
static size_t response_bytes;
static size_t sent_bytes[connections_max];  // by descriptor, as is:
static char waits[connections_max];         // whether a response waits for room in the socket

static void fail(const char *step) {
    perror(step);
    exit(1);
}

static void load(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0) fail(path);
    response_bytes = (size_t)ftell(file);
    rewind(file);
    response = malloc(response_bytes);
    if (!response || fread(response, 1, response_bytes, file) != response_bytes) fail(path);
    fclose(file);
}

static int listener(uint16_t port) {
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, backlog))
        fail("listen");
    return fd;
}

static void watch(int loop, int operation, int fd, uint32_t events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (epoll_ctl(loop, operation, fd, &event)) fail("epoll_ctl");
}

static void accept_all(int loop, int from) {
    int fd, one = 1;
    while ((fd = accept4(from, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (fd >= connections_max) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        sent_bytes[fd] = 0;
        waits[fd] = 0;
        watch(loop, EPOLL_CTL_ADD, fd, EPOLLIN);
    }
}

// Sends what is left of the response; waits for room in the socket only where there is none.
static void answer(int loop, int fd) {
    size_t before = sent_bytes[fd];
    ssize_t count = send(fd, response + before, response_bytes - before, MSG_NOSIGNAL);
    if (count < 0 && errno != EAGAIN) {
        close(fd);
        return;
    }
    sent_bytes[fd] = before + (count > 0 ? (size_t)count : 0);
    char pending = sent_bytes[fd] < response_bytes;
    if (!pending) sent_bytes[fd] = 0;
    if (pending != waits[fd]) watch(loop, EPOLL_CTL_MOD, fd, pending ? EPOLLOUT : EPOLLIN);
    waits[fd] = pending;
}

static void receive(int loop, int fd) {
    char request[4096];
    ssize_t count = recv(fd, request, sizeof request, 0);
    if (count > 0) answer(loop, fd);
    else if (count == 0 || errno != EAGAIN) close(fd);
}

int main(int count, char **arguments) {
    if (count != 3) return fprintf(stderr, "usage: bareloop PORT FILE\n"), 2;
    load(arguments[2]);
    int from = listener((uint16_t)atoi(arguments[1])), loop = epoll_create1(EPOLL_CLOEXEC);
    watch(loop, EPOLL_CTL_ADD, from, EPOLLIN);
    for (struct epoll_event events[events_max];;) {
        int ready = epoll_wait(loop, events, events_max, -1);
        if (ready < 0 && errno != EINTR) fail("epoll_wait");
        for (int i = 0; i < ready; i++) {
            int fd = events[i].data.fd;
            if (fd == from) accept_all(loop, from);
            else if (waits[fd]) answer(loop, fd);
            else receive(loop, fd);
        }
    }
}
