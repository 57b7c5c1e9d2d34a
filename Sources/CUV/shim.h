#include <pthread.h>
#include <uv.h>

// pthread_setname_np is hidden behind _GNU_SOURCE, which Swift's Glibc module is built without.
static inline void cuv_name_this_thread(const char *name) {
#ifdef __linux__
    extern int pthread_setname_np(pthread_t, const char *);
    pthread_setname_np(pthread_self(), name);
#endif
}

// glibc's mallopt is in a header that Swift's Glibc module leaves out.
#ifdef __GLIBC__
#include <malloc.h>
static inline void cuv_tune_allocator(int map_bytes_min, int trim_bytes_min) {
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, map_bytes_min);
    mallopt(M_TRIM_THRESHOLD, trim_bytes_min);
}
#else
static inline void cuv_tune_allocator(int map_bytes_min, int trim_bytes_min) {
    (void)map_bytes_min, (void)trim_bytes_min;
}
#endif
