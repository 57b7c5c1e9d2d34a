#include <pthread.h>
#include <uv.h>

// pthread_setname_np is hidden behind _GNU_SOURCE, which Swift's Glibc module is built without.
static inline void cuv_name_this_thread(const char *name) {
#ifdef __linux__
    extern int pthread_setname_np(pthread_t, const char *);
    pthread_setname_np(pthread_self(), name);
#endif
}
