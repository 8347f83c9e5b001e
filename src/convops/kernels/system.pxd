# What `team.pyx` needs of the system: threads, CPUs, atomic memory (all in one order), the floating-point environment.

cdef extern from "<fenv.h>" nogil:
    ctypedef struct fenv_t:
        pass
    int fegetenv(fenv_t*)
    int fesetenv(const fenv_t*)

cdef extern from *:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <pthread.h>
    #include <sched.h>
    #include <signal.h>
    #include <sys/syscall.h>
    #include <time.h>
    #include <unistd.h>
    #if defined(__x86_64__)
    #define convops_pause() __builtin_ia32_pause()
    #elif defined(__aarch64__)
    #define convops_pause() __asm__ __volatile__("yield")
    #else
    #define convops_pause() ((void) 0)
    #endif
    static pthread_mutex_t convops_lock = PTHREAD_MUTEX_INITIALIZER;
    static pthread_cond_t convops_work = PTHREAD_COND_INITIALIZER;

    static void convops_renew(void) {
        pthread_mutex_init(&convops_lock, 0);
        pthread_cond_init(&convops_work, 0);
    }
    /* A thread without signals: they belong to the threads of the user. */
    static int convops_start(void* (*run)(void*), void* own) {
        pthread_t thread;
        sigset_t all, before;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before);
        int failed = pthread_create(&thread, 0, run, own);
        pthread_sigmask(SIG_SETMASK, &before, 0);
        if (!failed) pthread_detach(thread);
        return !failed;
    }
    /* Go to another CPU that this thread may use, if there is one. */
    static void convops_part_from(int cpu) {
        cpu_set_t allowed, others;
        if (sched_getcpu() != cpu || sched_getaffinity(0, sizeof allowed, &allowed)) return;
        others = allowed;
        CPU_CLR(cpu, &others);
        if (CPU_COUNT(&others) && !sched_setaffinity(0, sizeof others, &others))
            sched_setaffinity(0, sizeof allowed, &allowed);
    }
    /* Where a helper sleeps: off the CPU of its caller. The system likes to wake it there, and there it would wait
       until the caller is done. `id` is 0 while it is awake. */
    typedef struct { pid_t id; int cpu; cpu_set_t allowed, others; } convops_berth_t;
    static void convops_keep_off(convops_berth_t* berth, int cpu) {
        if (berth->cpu == cpu) return;
        berth->cpu = cpu;
        berth->others = berth->allowed;
        if (cpu >= 0) CPU_CLR(cpu, &berth->others);
        if (CPU_COUNT(&berth->others)) sched_setaffinity(berth->id, sizeof berth->others, &berth->others);
    }
    static void convops_lie_down(convops_berth_t* berth, int cpu) {
        berth->id = (pid_t) syscall(SYS_gettid);
        berth->cpu = -1;
        sched_getaffinity(0, sizeof berth->allowed, &berth->allowed);
        berth->others = berth->allowed;
        convops_keep_off(berth, cpu);
    }
    /* Back to the CPUs that were allowed, unless somebody else has allowed others since. */
    static void convops_rise(convops_berth_t* berth) {
        cpu_set_t now;
        berth->id = 0;
        if (!sched_getaffinity(0, sizeof now, &now) && CPU_EQUAL(&now, &berth->others)) convops_keep_off(berth, -1);
    }
    static int convops_cpu(void) { return sched_getcpu(); }
    static int convops_cpus(void) {
        cpu_set_t allowed;
        return sched_getaffinity(0, sizeof allowed, &allowed) ? 1 : CPU_COUNT(&allowed);
    }
    static void convops_nap(void) { struct timespec t = {0, 50000}; nanosleep(&t, 0); }
    #define convops_get(p) __atomic_load_n(p, __ATOMIC_SEQ_CST)
    #define convops_set(p, v) __atomic_store_n(p, v, __ATOMIC_SEQ_CST)
    #define convops_add(p, v) __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST)
    #define convops_keep_bits(p, v) __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST)
    #define convops_swap(p, old, v) \
        __atomic_compare_exchange_n(p, old, v, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)
    """
    ctypedef struct pthread_mutex_t:
        pass
    ctypedef struct pthread_cond_t:
        pass
    pthread_mutex_t lock "convops_lock"
    pthread_cond_t work_to_do "convops_work"
    int pthread_mutex_lock(pthread_mutex_t*) nogil
    int pthread_mutex_unlock(pthread_mutex_t*) nogil
    int pthread_cond_wait(pthread_cond_t*, pthread_mutex_t*) nogil
    int pthread_cond_signal(pthread_cond_t*) nogil
    int pthread_cond_broadcast(pthread_cond_t*) nogil
    int pthread_atfork(void (*)() noexcept nogil, void (*)() noexcept nogil, void (*)() noexcept nogil)
    void renew "convops_renew"() nogil
    bint start_thread "convops_start"(void* (*)(void*) noexcept nogil, void*) nogil
    void part_from "convops_part_from"(int cpu) nogil
    ctypedef struct Berth "convops_berth_t":
        int id
    void keep_off "convops_keep_off"(Berth*, int cpu) nogil
    void lie_down "convops_lie_down"(Berth*, int cpu) nogil
    void rise "convops_rise"(Berth*) nogil
    int this_cpu "convops_cpu"() nogil
    int count_cpus "convops_cpus"() nogil
    void nap "convops_nap"() nogil
    void pause "convops_pause"() nogil
    int get "convops_get"(int*) nogil
    void put "convops_set"(int*, int) nogil
    int add "convops_add"(int*, int) nogil
    Py_ssize_t get_item "convops_get"(Py_ssize_t*) nogil
    bint swap_item "convops_swap"(Py_ssize_t*, Py_ssize_t*, Py_ssize_t) nogil
    int keep_bits "convops_keep_bits"(int*, int) nogil
    bint swap "convops_swap"(int*, int*, int) nogil
