/*
 * hot: where the words lie that every start writes and every span reads, and the functions that every call runs through.
 *
 * Between two calls of a program the kernel, the program and often the server have used the CPU's caches. A word that lies
 * alone then costs a miss there and one in the TLB; these lie side by side, on a page that the loader has touched already
 * [a page of .bss that a start touches for one word alone costs it 1.7 microseconds].
 */
#ifndef OTELSHIM_HOT_H
#define OTELSHIM_HOT_H

#define HOT_DATA __attribute__((section("hot_data")))

/* Of these, what every call reads: side by side in two cache lines at the end of that page (layout.ld). */
#define HOT_WORD __attribute__((section("hot_words")))

/* The linker puts these side by side: a request of libcurl ran through 12 pages of code, for 3 pages worth of it. The gate `pages`
 * of tests/bench/gates counts them. Functions that a path runs through at every call have it. */
#define HOT __attribute__((hot))

#endif
