// The floor of what a server over loopback TCP costs: one thread, epoll, one read and one write for each socket that can
// be read. It finds where requests end, stores nothing, and answers constants.
//
//     floor PORT
//
// GET answers as many bytes as the number in its key says (v64:000000000017: 64 bytes), MGET as many such values as it has
// keys, EVALSHA and FCALL as GET where there is such a number in their first key, PING answers PONG, SET and MSET answer OK,
// and all else the number 1.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS = 1 << 17, ROOM = 256 * 1024, EVENTS = 1024, CONSTANTS = 64 };

// Bytes of a buffer that stays, or of `own` when there was more to write than the socket took.
struct connection {
    char *input; size_t input_length;     // a request that has come in part
    size_t skip;                          // bytes of a long argument that are still to come
    const char *rest; size_t rest_length; // an answer that is still to leave
    char *own;
};

static struct connection connections[CONNECTIONS];
static struct constant { size_t size, length; char *bytes; } constants[CONSTANTS];
static char read_buffer[2 * ROOM], *answers;
static size_t answers_length, answers_room;
static const struct constant *lone; // the one answer there is, when it is long: it is written from where it lies
static int poller;

static const struct constant *value_of(size_t size) {
    struct constant *c = constants;
    for (; c->bytes; c++)
        if (c->size == size) return c;
    if (c == constants + CONSTANTS - 1) { fprintf(stderr, "floor: too many sizes\n"); exit(1); }
    c->bytes = malloc(size + 32);
    c->length = sprintf(c->bytes, "$%zu\r\n", size);
    memset(c->bytes + c->length, 'x', size);
    memcpy(c->bytes + c->length + size, "\r\n", 2);
    c->size = size, c->length += size + 2;
    return c;
}

static void answer(const char *bytes, size_t length) {
    if (answers_length + length > answers_room)
        answers = realloc(answers, answers_room = 2 * (answers_length + length));
    memcpy(answers + answers_length, bytes, length);
    answers_length += length;
}

static void answer_value(size_t size) {
    const struct constant *c = value_of(size);
    if (lone) answer(lone->bytes, lone->length), lone = NULL;
    if (!answers_length && c->length > 4096) lone = c;
    else answer(c->bytes, c->length);
}

// The position of the first key: behind the script and the number of keys, if there is a script.
static long first_key(const char *name, size_t length) {
    return (length == 7 && !memcmp(name, "EVALSHA", 7)) || (length == 5 && !memcmp(name, "FCALL", 5)) ? 3 : 1;
}

static void answer_request(const char *name, size_t name_length, size_t size, long words) {
    if (lone) answer(lone->bytes, lone->length), lone = NULL;
    char start[32];
    switch (name[0] & ~32) {
    case 'G': if (name_length == 3) answer_value(size); else answer(":1\r\n", 4); break; // GET, or GEOADD and its kind
    case 'P': answer("+PONG\r\n", 7); break;
    case 'S': answer("+OK\r\n", 5); break;
    case 'M':
        if ((name[1] & ~32) == 'S') { answer("+OK\r\n", 5); break; }
        answer(start, sprintf(start, "*%ld\r\n", words - 1));
        for (long i = 1; i < words; i++) answer(value_of(size)->bytes, value_of(size)->length);
        break;
    default:
        if (size && first_key(name, name_length) == 3) answer_value(size);
        else answer(":1\r\n", 4);
    }
}

static long number(const char **at, const char *end) {
    long n = 0;
    for (; *at < end && **at >= '0' && **at <= '9'; ++*at) n = n * 10 + **at - '0';
    return n;
}

// Answers the request at `start`. Its length; 0 when it is not all there, -1 when it is none. A last argument that is longer
// than the buffer is counted, and its bytes that are still to come are skipped.
static long request(const char *start, const char *end, struct connection *c) {
    const char *at = start, *name = NULL;
    size_t name_length = 0, size = 0, missing = 0;
    if (*at++ != '*') return -1;
    long words = number(&at, end);
    at += 2;
    for (long i = 0; i < words; i++) {
        if (at >= end) return 0;
        if (*at++ != '$') return -1;
        long length = number(&at, end);
        if (at + 2 > end) return 0;
        at += 2;
        if (at + length + 2 > end) {
            if (i + 1 < words || length <= ROOM / 2) return 0;
            missing = at + length + 2 - end;
        }
        if (i == 0) name = at, name_length = length;
        if (i == first_key(name, name_length) && length > 1) {
            const char *digits = at + 1;
            size = number(&digits, at + length);
        }
        at += length + 2;
    }
    if (at > end && !missing) return 0;
    answer_request(name, name_length, size, words);
    c->skip = missing;
    return missing ? end - start : at - start;
}

static void wait_for(int socket, unsigned events, int what) {
    struct epoll_event event = {.events = events, .data.fd = socket};
    epoll_ctl(poller, what, socket, &event);
}

static void keep_input(struct connection *c, const char *bytes, size_t length) {
    if (!c->input) c->input = malloc(ROOM);
    memcpy(c->input, bytes, length);
    c->input_length = length;
}

static void end(int socket) {
    struct connection *c = &connections[socket];
    free(c->input), free(c->own);
    *c = (struct connection){0};
    close(socket);
}

static int write_rest(int socket, struct connection *c) {
    ssize_t written = write(socket, c->rest, c->rest_length);
    if (written < 0 && errno != EAGAIN) return -1;
    if (written > 0) c->rest += written, c->rest_length -= written;
    return c->rest_length > 0;
}

static int write_answers(int socket, struct connection *c) {
    c->rest = lone ? lone->bytes : answers, c->rest_length = lone ? lone->length : answers_length;
    int more = write_rest(socket, c);
    if (more != 1) return more;
    if (!lone) c->rest = c->own = memcpy(realloc(c->own, c->rest_length), c->rest, c->rest_length);
    wait_for(socket, EPOLLOUT, EPOLL_CTL_MOD); // what has not left is not added to
    return 0;
}

static int turn(int socket, unsigned events) {
    struct connection *c = &connections[socket];
    if (events & EPOLLOUT) {
        int more = write_rest(socket, c);
        if (!more) wait_for(socket, EPOLLIN, EPOLL_CTL_MOD);
        return more < 0 ? -1 : 0;
    }
    size_t before = c->input_length;
    memcpy(read_buffer, c->input, before);
    ssize_t got = read(socket, read_buffer + before, ROOM);
    if (got <= 0) return got < 0 && errno == EAGAIN ? 0 : -1;
    const char *at = read_buffer, *stop = read_buffer + before + got;
    size_t skipped = c->skip < (size_t)got ? c->skip : (size_t)got;
    at += skipped, c->skip -= skipped;
    answers_length = 0, lone = NULL, c->input_length = 0;
    long length = 1;
    while (at < stop && (length = request(at, stop, c)) > 0) at += length;
    if (length < 0 || stop - at > ROOM) return -1;
    if (at < stop) keep_input(c, at, stop - at);
    return answers_length || lone ? write_answers(socket, c) : 0;
}

static void greet(int listener) {
    int one = 1, socket;
    while ((socket = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        if (socket >= CONNECTIONS) { close(socket); continue; }
        setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        wait_for(socket, EPOLLIN, EPOLL_CTL_ADD);
    }
}

int main(int count, char **words) {
    int one = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(count > 1 ? atoi(words[1]) : 6400)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (void *)&address, sizeof address) || listen(listener, 4096)) { perror("floor"); return 1; }
    poller = epoll_create1(0);
    wait_for(listener, EPOLLIN, EPOLL_CTL_ADD);
    struct epoll_event events[EVENTS];
    for (;;) {
        int ready = epoll_wait(poller, events, EVENTS, -1);
        for (int i = 0; i < ready; i++) {
            int socket = events[i].data.fd;
            if (socket == listener) greet(listener);
            else if (turn(socket, events[i].events)) end(socket);
        }
    }
}
