# cython: language_level=3
"""What this CPU can run. Compiled with baseline flags, so that asking is always safe."""

cdef extern from *:
    """
    #if defined(__x86_64__) && defined(__GNUC__)
    #include <cpuid.h>
    static int convops_has_v3(void) {
        __builtin_cpu_init();
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi")
            && __builtin_cpu_supports("bmi2");
    }
    static int convops_has_v4(void) {
        return convops_has_v3() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")
            && __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq")
            && __builtin_cpu_supports("avx512vl");
    }
    static int convops_has_vnni(void) { __builtin_cpu_init(); return __builtin_cpu_supports("avx512vnni"); }
    /* No bit tells how many units there are. CPUs of Intel with half-precision vectors are servers, which have two;
       VP2INTERSECT parts AMD's Zen 5 from Zen 4, whose units are 256 bits wide. */
    static int convops_has_two_units(void) {
        unsigned int a, b, c, d;
        __builtin_cpu_init();
        if (!convops_has_v4() || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return 0;
        return (__builtin_cpu_is("intel") && d >> 23 & 1) || (__builtin_cpu_is("amd") && d >> 8 & 1);
    }
    #else
    static int convops_has_two_units(void) { return 0; }
    static int convops_has_v3(void) { return 0; }
    static int convops_has_v4(void) { return 0; }
    static int convops_has_vnni(void) { return 0; }
    #endif
    """
    int convops_has_v3()
    int convops_has_v4()
    int convops_has_vnni()
    int convops_has_two_units()


def levels():
    """The ISA levels that this CPU can run, lowest first."""
    found = ["base"]
    if convops_has_v3():
        found.append("v3")
    if convops_has_v4():
        found.append("v4")
    return tuple(found)


def has_vnni():
    """Whether there are multiply-adds of four pairs of 8-bit integers in 512-bit vectors."""
    return bool(convops_has_vnni())


def has_two_units():
    """Whether the CPU is known to begin two multiply-adds of 512-bit vectors a cycle."""
    return bool(convops_has_two_units())
