/*
 * dropbox_priv: what the files of the writing side share: the image of one mapped file, and its makers.
 *
 * Context: cold, except where a field says hot. Included by dropbox*.c, thread.c, buffer.c and their tests only.
 */
#ifndef OTELSHIM_DROPBOX_PRIV_H
#define OTELSHIM_DROPBOX_PRIV_H

#include "dropbox.h"
#include "settings.h"

#define DROPBOX_PATH_BYTES 512u
#define DROPBOX_NAME_BYTES 80u

/* Where memory is short (or locked, or cannot be populated one by one) everything is reserved at the start. */
#define DROPBOX_SMALL_CHUNKS 16u
#define DROPBOX_SMALL_SLOTS 16u

/* Threads beyond the slots of the file: slots in private memory, in blocks made when needed. */
#define DROPBOX_OVERFLOW_BLOCKS 16u
#define DROPBOX_OVERFLOW_BLOCK_SLOTS 64u

/*
 * One mapped file. Lives in a static ring (dropbox.c) and is never freed: a thread may still be writing to a file
 * that was left. All of it is set once, before `box` is published, but for the fields marked otherwise.
 */
struct dropbox_image {
    struct dropbox box; /* first: what the other parts see */
    uint32_t pid;       /* of the maker: a fork child has no business in this mapping */
    uint32_t uid;       /* effective */
    uint32_t page_bytes;
    uint32_t is_small; /* every page is reserved */
    char directory[DROPBOX_PATH_BYTES];
    char name[DROPBOX_NAME_BYTES]; /* of the file in it */

    /* Atomics, any thread. */
    const volatile void *doorbell; /* read-only mapping for FUTEX_WAKE, never dereferenced; NULL none */
    uint64_t doorbell_inode;
    uint32_t must_keep;       /* even if it is empty at exit */
    uint32_t n_touched_slots; /* thread slots [0, n) have their pages; grows only */
    uint32_t populate_pause;  /* leases to go before a page is asked for again after /dev/shm was full */
    uint32_t shared_hint;     /* chunk that last had room for a shared record */
    uint32_t reclaim_slot;    /* next thread slot to look at for a dead owner */
    uint64_t reclaimed_ns;    /* when chunks of dead owners were last looked for */
    struct wire_thread_slot *overflow[DROPBOX_OVERFLOW_BLOCKS];
};

static inline struct dropbox_image *dropbox_image(const struct dropbox *box)
{
    return (struct dropbox_image *)(uintptr_t)box;
}

/* The file of that generation if this very process made it and it is still mapped; NULL in a fork child. */
const struct dropbox *dropbox_of_generation(uint32_t generation);

/* ---- dropbox_directory.c ---- */
/* Opens (makes) the drop box and stores its path. A descriptor, or -errno of the last place tried. */
int dropbox_directory_open(const struct shim_settings *settings, uint32_t uid, char *ret_path);

/* ---- dropbox_map.c ---- */
/* Makes and maps the file. False: no trace is left but, perhaps, the directory. */
bool dropbox_map_make(struct dropbox_image *image, uint32_t generation, void (*fill)(uint8_t *area));
/* Of the kernel, or what a test injected with dropbox_use_page_bytes(). */
uint32_t dropbox_page_bytes(void);
void dropbox_use_page_bytes(uint32_t bytes);
/* As dropbox_populate(), of this image. */
bool dropbox_map_populate(const struct dropbox_image *image, const void *address, size_t bytes);

/* ---- dropbox_header.c ---- */
struct dropbox_identity {
    uint64_t pid_namespace;
    uint64_t start_ticks;
    uint32_t pid;
    uint32_t uid;
};
void dropbox_identify(struct dropbox_identity *ret_identity);
/* Fills the header area but for the magic and the parts. */
void dropbox_header_fill(struct dropbox_image *image, const struct dropbox_identity *identity,
                         const struct shim_settings *settings);

/* ---- dropbox_bell.c ---- */
/* Registers for the exporter's membarrier and maps the doorbell; makes it when nobody has yet. */
void dropbox_bell_prepare(struct dropbox_image *image, int directory);
/* Does somebody hold the exporter's lock of this box? Three system calls. */
bool dropbox_exporter_lives(const struct dropbox_image *image);

#endif
