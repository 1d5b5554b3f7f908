/* The floor: nothing but send(), to sockets that were upgraded already.
 *
 *   floor SENDS_PER_S TICKS_PER_SEND SOCKETS_SHARE FRAME FD...
 *
 * Each socket gets SENDS_PER_S writes of TICKS_PER_SEND frames on average, SOCKETS_SHARE of all sockets at
 * the same moment, in turn. FRAME is a tick without its header, at least 126 bytes; its "seq" and "recv_us"
 * are rewritten for each moment, so that clients can tell the age. It runs until it is ended.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

enum { MOST_TICKS = 4096, DIGITS_SEQ = 13, DIGITS_US = 16 };

static int64_t now_ns(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void digits(char *at, int count, int64_t value) {
    while (count--) {
        at[count] = '0' + value % 10;
        value /= 10;
    }
}

int main(int argc, char **argv) {
    double sends_per_s = atof(argv[1]), ticks_per_send = atof(argv[2]), share = atof(argv[3]);
    const char *payload = argv[4];
    int sockets = argc - 5, *fds = malloc(sizeof(int) * (sockets + 1));
    size_t length = strlen(payload), size = length + 4;
    long seq_at = strstr(payload, "\"seq\":") - payload + 4 + 6;
    long us_at = strstr(payload, "\"recv_us\":") - payload + 4 + 10;

    for (int i = 0; i < sockets; i++) fds[i] = atoi(argv[5 + i]);
    char *blob = malloc(size * MOST_TICKS);
    for (int i = 0; i < MOST_TICKS; i++) {
        char *frame = blob + i * size;
        frame[0] = (char)0x81, frame[1] = 126, frame[2] = (char)(length >> 8), frame[3] = (char)length;
        memcpy(frame + 4, payload, length);
    }

    int at_once = (int)(sockets * share + 0.5);
    if (at_once < 1) at_once = 1;
    int64_t period = (int64_t)(1e9 * at_once / (sends_per_s * sockets));
    int64_t due = now_ns(CLOCK_MONOTONIC), seq = now_ns(CLOCK_REALTIME) / 1000000;
    double owed = 0;
    prctl(PR_SET_TIMERSLACK, 1000);

    for (int next = 0;;) {
        int64_t late = now_ns(CLOCK_MONOTONIC) - due;
        if (late < 0) {
            struct timespec until = {due / 1000000000LL, due % 1000000000LL};
            clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        } else if (late > 100000000LL) {
            due += late; /* saturated: no backlog, the rate is what it is */
        }
        due += period;
        owed += ticks_per_send;
        int ticks = (int)owed;
        owed -= ticks;
        if (ticks > MOST_TICKS) ticks = MOST_TICKS;
        int64_t us = now_ns(CLOCK_REALTIME) / 1000;
        for (int i = 0; i < ticks; i++) {
            digits(blob + i * size + seq_at, DIGITS_SEQ, ++seq);
            digits(blob + i * size + us_at, DIGITS_US, us);
        }
        for (int i = 0; ticks && i < at_once; i++) {
            if (send(fds[next], blob, size * ticks, MSG_NOSIGNAL) < 0) return 1;
            if (++next == sockets) next = 0;
        }
    }
}
