/* SPDX-License-Identifier: Apache-2.0
 *
 * image.c -- kernel images: checked, packed, mapped
 *
 * Packed: a head of 64-bit words (PackedHead), the manifest's numbers, hyper[], input[],
 * state[], report[], value[], phase[], exchange[], then the image.  All in the machine's own
 * byte order, which the magic number tells: an image runs on its own kind of machine only.
 */
#include "runtime/image.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/hash.h"

enum { MAX_NAMES = 1 << 16 };
#define MAX_BYTES (UINT64_C(1) << 40)
#define MAX_IMAGE (UINT64_C(1) << 31)
#define MAGIC UINT64_C(0x31474d492d4d4245) /* "EBM-IMG1" */

typedef struct PackedHead {
    uint64_t magic, abi, size;
    uint64_t key[2];
    uint64_t hash[2]; /* of everything after the head, and of key and size */
} PackedHead;

/* The manifest without its pointers. */
typedef struct PackedManifest {
    uint64_t entry[EBM_ENTRY_COUNT];
    uint64_t image_bytes, uniform_bytes, state_bytes, x_bytes, value_bytes, scratch_bytes;
    uint64_t n_hyper, n_inputs, n_state, n_reports, n_values, x_given;
    uint64_t n_phases, n_exchange, batch;
    uint64_t work_known, work_hyper;
    double work[EBM_WORK_COUNT], work_turn[EBM_WORK_COUNT];
} PackedManifest;

/* ---- checks */

static bool
ended(const char *name)
{
    return memchr(name, '\0', sizeof((EbmSlot){0}).name) != NULL;
}

static unsigned
size_of(uint32_t dtype)
{
    static const unsigned char size[] = {
        [EBM_DT_bool] = 1, [EBM_DT_i32] = 4, [EBM_DT_i64] = 8,
        [EBM_DT_f32] = 4,  [EBM_DT_f64] = 8,
    };
    return dtype < sizeof size ? size[dtype] : 0;
}

/* Is the shape one, of `count` elements that can be addressed? */
static bool
well_formed(const EbmSlot *slot)
{
    uint64_t count = 1;

    if (!ended(slot->name) || size_of(slot->dtype) == 0 || slot->rank > 8)
        return false;
    for (unsigned i = 0; i < slot->rank; i++)
        if (__builtin_mul_overflow(count, slot->dim[i], &count) || count > MAX_BYTES)
            return false;
    return count == slot->count;
}

/* Do all 16 lanes of the slot lie in a record of `bytes`? */
static bool
inside(const EbmSlot *slot, uint64_t bytes)
{
    uint64_t need = slot->count * EBM_BLOCK * size_of(slot->dtype);
    return slot->offset % 64 == 0 && slot->offset <= bytes && need <= bytes - slot->offset;
}

static bool
slots_fit(const EbmSlot *slot, uint32_t n, uint64_t bytes)
{
    for (uint32_t i = 0; i < n; i++)
        if (!well_formed(&slot[i]) || !inside(&slot[i], bytes))
            return false;
    return true;
}

static bool
names_end(const EbmManifest *m)
{
    for (uint32_t i = 0; i < m->n_hyper; i++)
        if (!ended(m->hyper[i].name) || m->hyper[i].kind > EBM_HYPER_int)
            return false;
    for (uint32_t i = 0; i < m->n_reports; i++)
        if (!ended(m->report[i].name))
            return false;
    for (uint32_t i = 0; i < m->n_inputs; i++)
        if (!well_formed(&m->input[i]))
            return false;
    return true;
}

static bool
counts_fit(const EbmManifest *m)
{
    uint32_t most = MAX_NAMES;
    return m->n_hyper <= most && m->n_inputs <= most && m->n_state <= most &&
           m->n_reports <= most && m->n_values <= 2 && m->n_phases <= most &&
           m->n_exchange <= most;
}

static bool
sizes_fit(const EbmManifest *m)
{
    return m->image_bytes <= MAX_IMAGE && m->uniform_bytes <= MAX_BYTES &&
           m->state_bytes <= MAX_BYTES && m->x_bytes <= MAX_BYTES &&
           m->value_bytes <= MAX_BYTES && m->scratch_bytes <= MAX_BYTES &&
           m->state_bytes % 64 == 0 && m->x_bytes % 64 == 0 && m->value_bytes % 64 == 0;
}

static bool
entries_fit(const EbmManifest *m)
{
    for (unsigned i = 0; i < EBM_ENTRY_COUNT; i++)
        if (m->entry[i] != UINT64_MAX && m->entry[i] >= m->image_bytes)
            return false;
    return true;
}

/* Groups follow one another; every phase can be run. */
static bool
phases_fit(const EbmManifest *m)
{
    uint32_t group = 0;

    for (uint32_t i = 0; i < m->n_phases; i++) {
        const EbmPhase *p = &m->phase[i];
        if (p->group < group || p->group >= EBM_GROUP_COUNT || p->kind > EBM_PHASE_whole ||
            p->pieces == 0 || p->run >= m->image_bytes ||
            (p->prepare != UINT64_MAX && p->prepare >= m->image_bytes))
            return false;
        group = p->group;
    }
    return true;
}

static bool
exchange_fits(const EbmManifest *m)
{
    for (uint32_t i = 0; i < m->n_exchange; i++) {
        const EbmExchange *x = &m->exchange[i];
        if (!well_formed(&x->slot) || x->slot.offset != 0 || x->layout > EBM_LAYOUT_rows ||
            x->role > EBM_ROLE_handed)
            return false;
    }
    return true;
}

/* An image samples, or trains, or both. */
static bool
state_fits(const EbmManifest *m)
{
    if (m->n_state == 0)
        return m->n_phases > 0;
    return m->state[0].offset == 0 &&
           m->state[0].count * EBM_BLOCK * size_of(m->state[0].dtype) <= m->x_bytes;
}

/* Are offsets inside what they index, names ended, sizes what their shapes say? */
static bool
check_manifest(const EbmManifest *m, RtError *error)
{
    bool good = counts_fit(m) && sizes_fit(m) && entries_fit(m) && names_end(m) &&
                slots_fit(m->state, m->n_state, m->state_bytes) &&
                slots_fit(m->value, m->n_values, m->value_bytes) && state_fits(m) &&
                phases_fit(m) && exchange_fits(m);

    return good ? true
                : rt_fail(error, RT_FORMAT, "the kernel's description contradicts itself");
}

/* ---- mapping */

static void *
copy_array(char **at, const void *from, size_t bytes)
{
    void *to = *at;

    if (bytes)
        memcpy(to, from, bytes);
    *at += bytes;
    return to;
}

static bool
copy_manifest(const EbmManifest *m, RtImage *ret, RtError *error)
{
    size_t slots = (size_t)m->n_inputs + m->n_state + m->n_reports + m->n_values;
    size_t bytes = m->n_hyper * sizeof(EbmHyper) + slots * sizeof(EbmSlot) +
                   m->n_phases * sizeof(EbmPhase) + m->n_exchange * sizeof(EbmExchange);
    char *at = malloc(bytes + 1);

    if (!at)
        return rt_fail_memory(error, "kernel", bytes);
    ret->manifest = *m;
    ret->arrays = at;
    EbmManifest *to = &ret->manifest;
    to->input = copy_array(&at, m->input, m->n_inputs * sizeof(EbmSlot));
    to->state = copy_array(&at, m->state, m->n_state * sizeof(EbmSlot));
    to->report = copy_array(&at, m->report, m->n_reports * sizeof(EbmSlot));
    to->value = copy_array(&at, m->value, m->n_values * sizeof(EbmSlot));
    to->phase = copy_array(&at, m->phase, m->n_phases * sizeof(EbmPhase));
    to->exchange = copy_array(&at, m->exchange, m->n_exchange * sizeof(EbmExchange));
    to->hyper = copy_array(&at, m->hyper, m->n_hyper * sizeof(EbmHyper));
    return true;
}

/* Maps writable memory, copies, and only then makes it executable. */
static bool
map_code(const unsigned char *bytes, uint64_t size, RtImage *ret, RtError *error)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t mapped = (size + page - 1) / page * page;
    int protection = PROT_READ | PROT_WRITE;

    if (size == 0)
        return true;
    void *code = mmap(NULL, mapped, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (code == MAP_FAILED)
        return rt_fail_errno(error, errno, "kernel", "map");
    ret->code = code;
    ret->mapped = mapped;
    memcpy(code, bytes, size);
    if (mprotect(code, mapped, PROT_READ | PROT_EXEC) != 0)
        return rt_fail_errno(error, errno, "kernel", "make executable");
    __builtin___clear_cache((char *)code, (char *)code + mapped);
    return true;
}

bool
rt_image_load(const EbmManifest *manifest, const unsigned char *bytes, RtImage *ret,
              RtError *error)
{
    RtImage image = {0};

    if (check_manifest(manifest, error) && copy_manifest(manifest, &image, error) &&
        map_code(bytes, manifest->image_bytes, &image, error)) {
        *ret = image;
        return true;
    }
    rt_image_clear(&image);
    return false;
}

void
rt_image_clear(RtImage *image)
{
    free(image->arrays);
    if (image->code)
        munmap(image->code, image->mapped);
    *image = (RtImage){0};
}

static EbmKernelFn *
function_at(const RtImage *image, uint64_t offset)
{
    if (offset == UINT64_MAX)
        return NULL;
    unsigned char *at = image->code + offset;
    EbmKernelFn *fn;
    memcpy(&fn, &at, sizeof fn); /* ISO C has no cast from data to a function */
    return fn;
}

EbmKernelFn *
rt_image_entry(const RtImage *image, EbmEntry entry)
{
    return function_at(image, image->manifest.entry[entry]);
}

EbmKernelFn *
rt_image_phase(const RtImage *image, uint32_t phase, bool prepare)
{
    const EbmPhase *p = &image->manifest.phase[phase];

    return function_at(image, prepare ? p->prepare : p->run);
}

/* ---- packing */

static void
hash_packed(const unsigned char *packed, const PackedHead *head, uint64_t ret[2])
{
    for (unsigned i = 0; i < 2; i++) {
        uint64_t h = hash_word(head->key[0] + i, head->key[1]);
        h = hash_word(hash_word(h, head->abi), head->size);
        ret[i] = hash_bytes(h, packed + sizeof *head, head->size - sizeof *head);
    }
}

static PackedManifest
pack_numbers(const EbmManifest *m)
{
    PackedManifest p = {
        .image_bytes = m->image_bytes,
        .uniform_bytes = m->uniform_bytes,
        .state_bytes = m->state_bytes,
        .x_bytes = m->x_bytes,
        .value_bytes = m->value_bytes,
        .scratch_bytes = m->scratch_bytes,
        .n_hyper = m->n_hyper,
        .n_inputs = m->n_inputs,
        .n_state = m->n_state,
        .n_reports = m->n_reports,
        .n_values = m->n_values,
        .x_given = m->x_given,
        .n_phases = m->n_phases,
        .n_exchange = m->n_exchange,
        .batch = m->batch,
        .work_known = m->work_known,
        .work_hyper = m->work_hyper,
    };

    memcpy(p.entry, m->entry, sizeof p.entry);
    memcpy(p.work, m->work, sizeof p.work);
    memcpy(p.work_turn, m->work_turn, sizeof p.work_turn);
    return p;
}

/* The counts are at most MAX_NAMES. */
static uint64_t
packed_size(const PackedManifest *p)
{
    uint64_t slots = p->n_inputs + p->n_state + p->n_reports + p->n_values;
    return sizeof(PackedHead) + sizeof *p + p->n_hyper * sizeof(EbmHyper) +
           slots * sizeof(EbmSlot) + p->n_phases * sizeof(EbmPhase) +
           p->n_exchange * sizeof(EbmExchange) + p->image_bytes;
}

bool
rt_image_pack(const EbmManifest *m, const unsigned char *bytes, RtKey key, unsigned char **ret,
              size_t *ret_size, RtError *error)
{
    if (!check_manifest(m, error))
        return false;
    PackedManifest numbers = pack_numbers(m);
    PackedHead head = {.magic = MAGIC, .abi = EBM_ABI, .size = packed_size(&numbers)};
    memcpy(head.key, key.word, sizeof head.key);
    unsigned char *packed = malloc(head.size);
    if (!packed)
        return rt_fail_memory(error, "kernel", head.size);
    char *at = (char *)packed + sizeof head;
    copy_array(&at, &numbers, sizeof numbers);
    copy_array(&at, m->hyper, m->n_hyper * sizeof(EbmHyper));
    copy_array(&at, m->input, m->n_inputs * sizeof(EbmSlot));
    copy_array(&at, m->state, m->n_state * sizeof(EbmSlot));
    copy_array(&at, m->report, m->n_reports * sizeof(EbmSlot));
    copy_array(&at, m->value, m->n_values * sizeof(EbmSlot));
    copy_array(&at, m->phase, m->n_phases * sizeof(EbmPhase));
    copy_array(&at, m->exchange, m->n_exchange * sizeof(EbmExchange));
    copy_array(&at, bytes, m->image_bytes);
    hash_packed(packed, &head, head.hash);
    memcpy(packed, &head, sizeof head);
    *ret = packed;
    *ret_size = head.size;
    return true;
}

/* Numbers that a hash cannot vouch for: they are checked before anything is computed from
 * them. */
static bool
unpack_numbers(const PackedManifest *p, EbmManifest *ret)
{
    uint64_t most = MAX_NAMES;

    if (p->n_hyper > most || p->n_inputs > most || p->n_state > most || p->n_reports > most ||
        p->n_values > 2 || p->n_phases > most || p->n_exchange > most ||
        p->batch > UINT32_MAX || p->image_bytes > MAX_IMAGE || p->x_given > 1 ||
        p->work_known > 1 || (p->work_hyper >= p->n_hyper && p->work_hyper != EBM_NO_HYPER))
        return false;
    *ret = (EbmManifest){
        .image_bytes = p->image_bytes,
        .uniform_bytes = p->uniform_bytes,
        .state_bytes = p->state_bytes,
        .x_bytes = p->x_bytes,
        .value_bytes = p->value_bytes,
        .scratch_bytes = p->scratch_bytes,
        .n_hyper = (uint32_t)p->n_hyper,
        .n_inputs = (uint32_t)p->n_inputs,
        .n_state = (uint32_t)p->n_state,
        .n_reports = (uint32_t)p->n_reports,
        .n_values = (uint32_t)p->n_values,
        .x_given = (uint32_t)p->x_given,
        .n_phases = (uint32_t)p->n_phases,
        .n_exchange = (uint32_t)p->n_exchange,
        .batch = (uint32_t)p->batch,
        .work_known = (uint32_t)p->work_known,
        .work_hyper = (uint32_t)p->work_hyper,
    };
    memcpy(ret->entry, p->entry, sizeof ret->entry);
    memcpy(ret->work, p->work, sizeof ret->work);
    memcpy(ret->work_turn, p->work_turn, sizeof ret->work_turn);
    return true;
}

static bool
head_fits(const PackedHead *head, const unsigned char *packed, size_t size, RtKey key)
{
    uint64_t hash[2];

    if (head->magic != MAGIC || head->abi != EBM_ABI || head->size != size ||
        memcmp(head->key, key.word, sizeof key.word) != 0)
        return false;
    hash_packed(packed, head, hash);
    return memcmp(hash, head->hash, sizeof hash) == 0;
}

/* The arrays follow one another; all of them are inside because the sizes add up. */
static void
point_arrays(EbmManifest *m, char *copy)
{
    m->hyper = (EbmHyper *)(void *)copy;
    copy += m->n_hyper * sizeof(EbmHyper);
    m->input = (EbmSlot *)(void *)copy;
    m->state = m->input + m->n_inputs;
    m->report = m->state + m->n_state;
    m->value = m->report + m->n_reports;
    m->phase = (EbmPhase *)(void *)(m->value + m->n_values);
    m->exchange = (EbmExchange *)(void *)(m->phase + m->n_phases);
}

bool
rt_image_unpack(const unsigned char *packed, size_t size, RtKey key, RtImage *ret,
                RtError *error)
{
    PackedHead head;
    PackedManifest numbers;
    EbmManifest manifest;
    size_t start = sizeof head + sizeof numbers;

    if (size < start)
        return rt_fail(error, RT_FORMAT, "not a packed kernel: too short");
    memcpy(&head, packed, sizeof head);
    memcpy(&numbers, packed + sizeof head, sizeof numbers);
    if (!head_fits(&head, packed, size, key) || !unpack_numbers(&numbers, &manifest) ||
        packed_size(&numbers) != size)
        return rt_fail(error, RT_FORMAT, "not the packed kernel that was looked for");
    size_t arrays = size - start - manifest.image_bytes;
    char *copy = malloc(arrays + 1); /* aligned, unlike the packed bytes */
    if (!copy)
        return rt_fail_memory(error, "kernel", arrays);
    memcpy(copy, packed + start, arrays);
    point_arrays(&manifest, copy);
    bool done = rt_image_load(&manifest, packed + start + arrays, ret, error);
    free(copy);
    return done;
}
