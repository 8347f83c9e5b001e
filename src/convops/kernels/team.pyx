# cython: language_level=3, freethreading_compatible=True
"""Threads that share the tiles of a call. Nobody waits for a helper that has not begun.

Called by `bind.pyx`; hands ranges of tiles to a kernel. The caller puts a job on the board, with a seat for every
helper it can use, and works on it; whoever takes a seat claims tiles until none is left. When the caller finds none,
it takes the free seats away and waits for helpers that are at a tile, so a helper that the system wakes late costs
nothing but its share. OpenMP's barrier would wait for it: several milliseconds where both threads wake on one CPU.
Start reading at `share`.
"""
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from convops.kernels.abi cimport Args
from convops.kernels.system cimport (
    Berth, add, count_cpus, fegetenv, fenv_t, fesetenv, get, get_item, keep_bits, keep_off, lie_down, lock, nap,
    part_from, pause, pthread_atfork, pthread_cond_broadcast, pthread_cond_signal, pthread_cond_wait,
    pthread_mutex_lock, pthread_mutex_unlock, put, renew, rise, start_thread, swap, swap_item, this_cpu, work_to_do)

cdef enum:
    JOBS = 16                  # at a time; a caller that finds the board full works alone
    FREE_SEAT = 1 << 16        # above the helpers that are at work
    BUSY_SEATS = FREE_SEAT - 1
    MOST_HELPERS = 255
    PARTS = 8                  # of a thread's share of what is left make a claim
    PAUSES = 32                # between two looks
    LOOKS = 200                # before the waiting caller sleeps
    SPIN_NANOSECONDS = 500000  # after a job: the next call mostly follows soon

cdef struct Job:
    int taken
    int seats                  # free ones in the upper half, busy ones in the lower
    fenv_t environment         # of the caller: rounding and subnormals are the same in every thread
    Kernel kernel
    const Args* args
    Py_ssize_t next            # item
    Py_ssize_t items           # tiles, or slots
    Py_ssize_t grain           # tiles that go together; 0: items are slots, which take every `workers`-th tile each
    Py_ssize_t kin             # tiles in a row that share what is prepared for them

cdef Job board[JOBS]
cdef int posted = 0            # jobs so far
cdef int asleep = 0            # helpers
cdef Berth berths[MOST_HELPERS]
cdef int helpers = 0
cdef int offered = 0           # seats at the jobs on the board
cdef int cpus = 1
cdef int caller_cpu = -1       # of the newest job


cdef inline Py_ssize_t fair_share(Job* job, Py_ssize_t begin) noexcept nogil:
    """Kin go to one thread as long as every other finds as many."""
    cdef Py_ssize_t left = job.items - begin, workers = job.args.workers
    cdef Py_ssize_t count = max(1, left // (PARTS * workers * job.grain)) * job.grain
    if left >= job.kin * workers:
        count = max(count // job.kin, 1) * job.kin - (job.args.tile_begin + begin) % job.kin
    return min(left, count)


cdef Py_ssize_t claim(Job* job, Py_ssize_t* begin) noexcept nogil:
    """How many items, from `begin` on, are this thread's now: many at first, few at the end, 0 when all are taken."""
    cdef Py_ssize_t count
    begin[0] = get_item(&job.next)
    while begin[0] < job.items:
        count = fair_share(job, begin[0]) if job.grain else 1
        if swap_item(&job.next, begin, begin[0] + count):
            return count
    return 0


cdef void work(Job* job, int seat) noexcept nogil:
    """Claim tiles until none is left."""
    cdef Args mine = job.args[0]
    cdef Py_ssize_t first, count = claim(job, &first)
    if job.grain:
        mine.scratch = mine.scratch + seat * mine.scratch_stride
    while count:
        mine.tile_begin = job.args.tile_begin + first
        if job.grain:
            mine.tile_end = mine.tile_begin + count
        job.kernel(&mine)
        mine.fresh = False
        count = claim(job, &first)


cdef Job* take_seat(int* seat) noexcept nogil:
    """A seat at any job, or NULL."""
    cdef int i, seats
    for i in range(JOBS):
        seats = get(&board[i].seats)
        while seats >= FREE_SEAT:
            if swap(&board[i].seats, &seats, seats - FREE_SEAT + 1):
                seat[0] = seats // FREE_SEAT
                return &board[i]
    return NULL


cdef long long now() noexcept nogil:
    cdef timespec time
    clock_gettime(CLOCK_MONOTONIC, &time)
    return time.tv_sec * 1000000000 + time.tv_nsec


cdef Job* spin(int* seat) noexcept nogil:
    """A seat at the next job, if it comes soon and no other thread needs the CPU."""
    cdef long long end = now() + (SPIN_NANOSECONDS if helpers < cpus else 0)
    cdef int seen = get(&posted) - 1, current, _
    cdef Job* job
    while now() < end:
        current = get(&posted)
        if current != seen:
            seen = current
            part_from(get(&caller_cpu))
            job = take_seat(seat)
            if job != NULL:
                return job
        for _ in range(PAUSES):
            pause()
    return NULL


cdef Job* sleep_until_work(int* seat, Berth* berth) noexcept nogil:
    """A seat, after a sleep off the caller's CPU."""
    cdef Job* job
    pthread_mutex_lock(&lock)
    lie_down(berth, get(&caller_cpu))
    add(&asleep, 1)
    job = take_seat(seat)
    while job == NULL:
        pthread_cond_wait(&work_to_do, &lock)
        job = take_seat(seat)
    add(&asleep, -1)
    rise(berth)
    pthread_mutex_unlock(&lock)
    return job


cdef void* help(void* own_berth) noexcept nogil:
    """The life of a helper."""
    cdef int seat
    cdef Berth* berth = <Berth*> own_berth
    cdef Job* job = sleep_until_work(&seat, berth)
    while True:
        fesetenv(&job.environment)
        work(job, seat)
        add(&job.seats, -1)
        job = spin(&seat)
        if job == NULL:
            job = sleep_until_work(&seat, berth)


cdef void call_helpers(int wanted) noexcept nogil:
    """Start those that are missing for all jobs together, wake those that sleep."""
    global helpers, cpus
    cdef int all = min(get(&offered), MOST_HELPERS), i
    if get(&helpers) >= all and not get(&asleep):
        return
    pthread_mutex_lock(&lock)
    if helpers < all:
        cpus = count_cpus()
    for i in range(helpers):
        if berths[i].id:
            keep_off(&berths[i], get(&caller_cpu))
    while helpers < all and start_thread(help, &berths[helpers]):
        helpers = helpers + 1
    if wanted > 1:
        pthread_cond_broadcast(&work_to_do)
    else:
        pthread_cond_signal(&work_to_do)
    pthread_mutex_unlock(&lock)


cdef Job* take_place() noexcept nogil:
    """A free place on the board, or NULL."""
    cdef int i, free
    for i in range(JOBS):
        free = 0
        if swap(&board[i].taken, &free, 1):
            return &board[i]
    return NULL


cdef void wait_for_helpers(Job* job) noexcept nogil:
    cdef int looks = 0, _
    while get(&job.seats):
        if looks < LOOKS:
            looks = looks + 1
            for _ in range(PAUSES):
                pause()
        else:
            nap()


cdef void share(Kernel kernel, const Args* args, Py_ssize_t grain, Py_ssize_t kin) noexcept nogil:
    """Compute the tiles of `args` with up to `args.workers` threads; the caller is one of them.

    `kin` is a multiple of `grain`.
    """
    cdef Py_ssize_t items = args.tile_end - args.tile_begin if grain else args.workers
    cdef int wanted = min(min(args.workers, (items - 1) // max(1, grain) + 1) - 1, MOST_HELPERS)
    cdef Job alone
    cdef Job* job = take_place() if wanted > 0 else NULL
    if wanted <= 0 and grain:
        kernel(args)
        return
    if job == NULL:
        job, wanted = &alone, 0
    job.kernel, job.args, job.grain, job.kin, job.items, job.next = kernel, args, grain, kin, items, 0
    if wanted <= 0:
        work(job, 0)
        return
    fegetenv(&job.environment)
    put(&caller_cpu, this_cpu())
    add(&offered, wanted)
    put(&job.seats, wanted * FREE_SEAT)
    add(&posted, 1)
    call_helpers(wanted)
    work(job, 0)
    keep_bits(&job.seats, BUSY_SEATS)
    wait_for_helpers(job)
    add(&offered, -wanted)
    put(&job.taken, 0)


cdef void begin_anew() noexcept nogil:
    """In a forked child, which has no thread but the one that forked."""
    global asleep, helpers, offered
    cdef int i
    for i in range(JOBS):
        board[i].taken = board[i].seats = 0
    for i in range(MOST_HELPERS):
        berths[i].id = 0
    asleep = helpers = offered = 0
    renew()


pthread_atfork(NULL, NULL, begin_anew)
