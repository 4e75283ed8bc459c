// Marks a function that is compiled for several kinds of processor; the best for the one at hand is
// chosen when the program starts. For loops that the compiler can vectorise.
#pragma once

// What chooses among clones runs before a sanitizer is ready.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) && \
    !defined(__clang__)
#define TIDEMARK_CLONES __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define TIDEMARK_CLONES
#endif
