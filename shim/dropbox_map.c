/*
 * dropbox_map: making the file: layout, reservation, mapping (shim/wire/README.md, "The file").
 *
 * Whatever the host can touch without asking is reserved first: an unreserved page is a SIGBUS in the host when
 * /dev/shm is full. The rest is populated piece by piece, when first used.
 */
#include "dropbox_priv.h"
#include "sys.h"
#include "text.h"

#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/vfs.h>

#define MAX_NAMES 1000u /* of one process image: exec keeps pid and start time */

static uint32_t injected_page_bytes; /* by a unit test; 0: the kernel's */

uint32_t dropbox_page_bytes(void)
{
    if (injected_page_bytes)
        return injected_page_bytes;
    unsigned long bytes = getauxval(AT_PAGESZ);
    return bytes ? (uint32_t)bytes : WIRE_ALIGN;
}

void dropbox_use_page_bytes(uint32_t bytes)
{
    injected_page_bytes = bytes;
}

/* ---- layout ---- */
static uint64_t place(struct wire_part *part, uint64_t at, uint32_t count, uint32_t entry_bytes)
{
    *part = (struct wire_part){.offset = at, .count = count, .entry_bytes = entry_bytes};
    uint64_t end = at + (uint64_t)count * entry_bytes;
    return (end + WIRE_ALIGN - 1) & ~((uint64_t)WIRE_ALIGN - 1);
}

/* Fills the parts; returns the size of the file. */
static uint64_t lay_out(struct wire_header *parts, uint32_t n_chunks, uint32_t n_threads,
                        uint32_t n_operations)
{
    uint64_t at = WIRE_HEADER_BYTES;
    at = place(&parts->chunk_lines, at, n_chunks, sizeof(struct wire_chunk_line));
    at = place(&parts->acknowledged, at, n_chunks, sizeof(uint64_t));
    at = place(&parts->closed_roots, at, n_threads, sizeof(uint64_t));
    at = place(&parts->thread_slots, at, n_threads, WIRE_THREAD_SLOT_BYTES);
    at = place(&parts->operation_slots, at, n_operations, WIRE_OPERATION_SLOT_BYTES);
    at = place(&parts->crash_slot, at, 1, WIRE_CRASH_SLOT_BYTES);
    return place(&parts->chunks, at, n_chunks, WIRE_CHUNK_BYTES);
}

static uint64_t lay_out_pool(struct wire_header *parts, const struct shim_settings *settings, bool is_small)
{
    if (is_small)
        return lay_out(parts, DROPBOX_SMALL_CHUNKS, DROPBOX_SMALL_SLOTS, DROPBOX_SMALL_SLOTS);
    uint64_t n = settings->buffer_bytes / WIRE_CHUNK_BYTES;
    if (n < 4)
        n = 4;
    if (n > WIRE_MAX_CHUNKS)
        n = WIRE_MAX_CHUNKS;
    return lay_out(parts, (uint32_t)n, WIRE_THREAD_SLOTS, WIRE_OPERATION_SLOTS);
}

/* ---- reservation ---- */
/* File systems without fallocate() (EOPNOTSUPP) get zeros written. */
static bool write_zeros(int fd, uint64_t offset, uint64_t bytes)
{
    static uint8_t zeros[4096]; /* not const: it would lie in the file, between what each start reads */
    for (uint64_t at = 0; at < bytes; at += sizeof zeros)
        if (sys_pwrite(fd, zeros, sizeof zeros, offset + at) != (long)sizeof zeros)
            return false;
    return true;
}

static bool reserve(int fd, uint64_t offset, uint64_t bytes, uint32_t page_bytes)
{
    bytes = (bytes + page_bytes - 1) & ~((uint64_t)page_bytes - 1);
    long result = sys_fallocate(fd, offset, bytes);
    if (result == -EOPNOTSUPP || result == -ENOSYS)
        return write_zeros(fd, offset, bytes);
    return result == 0;
}

static bool reserve_part(int fd, const struct wire_part *part, uint32_t page_bytes)
{
    return reserve(fd, part->offset, (uint64_t)part->count * part->entry_bytes, page_bytes);
}

static bool reserve_parts(int fd, const struct wire_header *parts, uint64_t file_bytes,
                          const struct dropbox_image *image)
{
    if (image->is_small)
        return reserve(fd, 0, file_bytes, image->page_bytes);
    return reserve(fd, 0, WIRE_HEADER_BYTES, image->page_bytes) &&
           reserve_part(fd, &parts->chunk_lines, image->page_bytes) &&
           reserve_part(fd, &parts->acknowledged, image->page_bytes) &&
           reserve_part(fd, &parts->closed_roots, image->page_bytes) &&
           reserve_part(fd, &parts->crash_slot, image->page_bytes);
}

/* Under mlockall(MCL_FUTURE) a mapping comes populated: 17 MiB of sparse file would become 17 MiB of memory. A page
 * nobody has touched tells. */
static bool is_memory_locked(uint32_t page_bytes)
{
    void *page = sys_mmap(NULL, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    if (!page)
        return true;
    unsigned char resident[16] = {0};
    bool is_locked = sys_is_error(sys_mincore(page, page_bytes, resident)) || (resident[0] & 1);
    sys_munmap(page, page_bytes);
    return is_locked;
}

/* ftruncate() past RLIMIT_FSIZE would kill the host with SIGXFSZ. */
static bool may_have_bytes(uint64_t bytes)
{
    uint64_t limit[2] = {0};
    return sys_is_error(sys_prlimit(RLIMIT_FSIZE, NULL, limit)) || bytes <= limit[0];
}

static bool has_room(int directory, uint64_t bytes)
{
    struct statfs fs = {0};
    if (sys_is_error(sys_fstatfs(directory, &fs)) || !fs.f_blocks) /* tmpfs without a limit says 0 */
        return true;
    return (uint64_t)fs.f_bavail * (uint64_t)fs.f_bsize >= bytes;
}

bool dropbox_map_populate(const struct dropbox_image *image, const void *address, size_t bytes)
{
    if (image->is_small)
        return true;
    uintptr_t mask = image->page_bytes - 1;
    uintptr_t offset = (uintptr_t)address - (uintptr_t)image->box.base; /* the mapping begins a page */
    uintptr_t from = offset & ~mask, to = (offset + bytes + mask) & ~mask;
    return sys_madvise(image->box.base + from, to - from, MADV_POPULATE_WRITE) == 0;
}

/* ---- the file ---- */
/* A descriptor, or -errno. exec keeps pid and start time: the file created last is the living image's. */
static int create_file(int directory, const struct dropbox_identity *identity, char *ret_name)
{
    for (uint32_t n = 0; n < MAX_NAMES; n++) {
        size_t at = text_append_number(ret_name, 0, DROPBOX_NAME_BYTES, identity->pid);
        at = text_append(ret_name, at, DROPBOX_NAME_BYTES, "-");
        at = text_append_number(ret_name, at, DROPBOX_NAME_BYTES, identity->start_ticks);
        at = text_append(ret_name, at, DROPBOX_NAME_BYTES, "-");
        (void)text_append_number(ret_name, at, DROPBOX_NAME_BYTES, n);
        int fd = sys_openat(directory, ret_name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
        if (fd != -EEXIST)
            return fd;
    }
    return -EEXIST;
}

static void find_parts(struct dropbox *box, const struct wire_header *parts)
{
    box->header = (struct wire_header *)(void *)box->base;
    box->counters = (struct wire_counters *)(void *)(box->base + WIRE_COUNTERS_OFFSET);
    box->exporter = (const volatile struct wire_exporter *)(void *)(box->base + WIRE_EXPORTER_OFFSET);
    box->chunk_lines = (struct wire_chunk_line *)(void *)(box->base + parts->chunk_lines.offset);
    box->acknowledged = (const volatile uint64_t *)(void *)(box->base + parts->acknowledged.offset);
    box->thread_slots = (struct wire_thread_slot *)(void *)(box->base + parts->thread_slots.offset);
    box->operation_slots = (struct wire_operation_slot *)(void *)(box->base + parts->operation_slots.offset);
    box->crash_slot = box->base + parts->crash_slot.offset;
    box->chunks = box->base + parts->chunks.offset;
    box->n_chunks = parts->chunks.count;
    box->n_thread_slots = parts->thread_slots.count;
    box->n_operation_slots = parts->operation_slots.count;
}

/* Every chunk begins free: E = H = CLOSED. The only time the host writes E: the exporter does not see the file yet. */
static void init_chunks(const struct dropbox_image *image, const struct wire_header *parts)
{
    const struct dropbox *box = &image->box;
    (void)dropbox_map_populate(image, box->chunk_lines,
                               box->n_chunks * sizeof *box->chunk_lines); /* else a fault a page */
    uint64_t *acknowledged = (uint64_t *)(void *)(box->base + parts->acknowledged.offset);
    for (uint32_t i = 0; i < box->n_chunks; i++) {
        box->chunk_lines[i].word = WIRE_CLOSED;
        acknowledged[i] = WIRE_CLOSED;
    }
}

/* Reserves and maps `fd`. False: no room, or this kernel cannot populate. */
static bool map_file(struct dropbox_image *image, int fd, const struct wire_header *parts)
{
    struct dropbox *box = &image->box;
    if (sys_is_error(sys_ftruncate(fd, box->bytes)) || !reserve_parts(fd, parts, box->bytes, image))
        return false;
    box->base = sys_mmap(NULL, box->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
    if (!box->base)
        return false;
    find_parts(box, parts);
    if (!dropbox_map_populate(image, box->base, 1)) { /* EINVAL before Linux 5.14 */
        sys_munmap(box->base, box->bytes);
        return false;
    }
    /* A core file is as without us: once unlinked, the kernel takes the mapping for anonymous memory. */
    (void)sys_madvise(box->base, box->bytes, MADV_DONTDUMP);
    (void)sys_madvise(box->base, box->bytes, MADV_NOHUGEPAGE);
    return true;
}

static bool make_file(struct dropbox_image *image, int directory, const struct dropbox_identity *identity,
                      const struct wire_header *parts)
{
    int fd = create_file(directory, identity, image->name);
    if (fd < 0)
        return false;
    (void)sys_fchmod(fd, 0600); /* whatever the host's umask */
    bool is_mapped = map_file(image, fd, parts);
    sys_close(fd);
    if (!is_mapped)
        (void)sys_unlinkat(directory, image->name);
    return is_mapped;
}

bool dropbox_map_make(struct dropbox_image *image, uint32_t generation, void (*fill)(uint8_t *area))
{
    const struct shim_settings *settings = settings_get();
    struct dropbox_identity identity;
    struct wire_header parts;
    dropbox_identify(&identity);
    memset(image, 0, sizeof *image);
    memset(&parts, 0, sizeof parts);
    image->page_bytes = dropbox_page_bytes();
    image->pid = identity.pid;
    image->uid = identity.uid;
    image->box.generation = generation;
    int directory = dropbox_directory_open(settings, identity.uid, image->directory);
    if (directory < 0)
        return false;

    bool is_made = false;
    bool is_locked = is_memory_locked(image->page_bytes);
    for (int is_small = is_locked; is_small <= 1 && !is_made; is_small++) {
        image->is_small = (uint32_t)is_small;
        image->box.bytes = lay_out_pool(&parts, settings, is_small);
        if (may_have_bytes(image->box.bytes) && has_room(directory, image->box.bytes))
            is_made = make_file(image, directory, &identity, &parts);
    }
    if (is_made) {
        struct wire_header *header = image->box.header;
        *header = parts;
        init_chunks(image, &parts);
        dropbox_header_fill(image, &identity, settings);
        if (fill)
            fill(image->box.base);
        dropbox_bell_prepare(image, directory);
        __atomic_store_n(&header->magic, WIRE_MAGIC, __ATOMIC_RELEASE);
    }
    sys_close(directory);
    return is_made;
}
