/*
 * hot: where the words lie that every start writes and every span reads.
 *
 * Between two calls of a program the kernel, the program and often the server have used the CPU's caches. A word that lies
 * alone then costs a miss there and one in the TLB; these lie side by side, on a page that the loader has touched already
 * [a page of .bss that a start touches for one word alone costs it 1.7 microseconds].
 */
#ifndef OTELSHIM_HOT_H
#define OTELSHIM_HOT_H

#define HOT_DATA __attribute__((section("hot_data")))

#endif
