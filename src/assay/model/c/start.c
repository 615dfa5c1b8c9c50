#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__FAST_MATH__)
#error "Compile without -ffast-math: missing values and exact sums need IEEE 754."
#endif
#if defined(FLT_EVAL_METHOD) && FLT_EVAL_METHOD == 2
#error "Compile with -msse2 -mfpmath=sse: x87 registers keep digits that a double does not."
#endif

/* GCC needs to be told that loops over rows are worth vectors at -O2 too, and that joining two
   splits of a tree in one loop undoes that. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("tree-vectorize", "vect-cost-model=dynamic", "no-loop-unroll-and-jam", \
                     "fp-contract=off", "no-trapping-math")
#endif

/* In a loop: leaves are found faster one by one than gathered to vectors. */
#if defined(__GNUC__)
#define ONE_BY_ONE __asm__ volatile("")
#else
#define ONE_BY_ONE ((void)0)
#endif
