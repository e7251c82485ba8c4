/* SPDX-License-Identifier: Apache-2.0
 *
 * image.c -- an ELF object as a flat, position-independent image
 *
 * Sections that are needed at run time are laid out one after another, text first, and
 * PC-relative references among them are filled in.  Whatever an image cannot have, as a
 * reference to a symbol elsewhere, is an error.
 */
#include <elf.h>
#include <string.h>

#include "backends/llvm/emit.h"

enum { SECTION_ALIGN = 64 };

typedef struct Object {
    const unsigned char *bytes;
    size_t size;
    const Elf64_Shdr *section;
    unsigned n;
    const char *names;
    uint64_t *at; /* by section: offset into the image, UINT64_MAX if it is not there */
    unsigned char *image;
    uint64_t image_bytes;
} Object;

static const char *
open_object(Object *o)
{
    const Elf64_Ehdr *h = (const void *)o->bytes;

    if (o->size < sizeof *h || memcmp(h->e_ident, ELFMAG, SELFMAG) != 0 ||
        h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_machine != EM_X86_64)
        return "not an x86-64 object";
    if (h->e_shoff > o->size || h->e_shnum > (o->size - h->e_shoff) / sizeof(Elf64_Shdr) ||
        h->e_shstrndx >= h->e_shnum)
        return "its sections are cut off";
    o->section = (const void *)(o->bytes + h->e_shoff);
    o->n = h->e_shnum;
    for (unsigned i = 0; i < o->n; i++)
        if (o->section[i].sh_type != SHT_NOBITS &&
            (o->section[i].sh_offset > o->size ||
             o->section[i].sh_size > o->size - o->section[i].sh_offset))
            return "a section is cut off";
    o->names = (const char *)o->bytes + o->section[h->e_shstrndx].sh_offset;
    return NULL;
}

static bool
is_needed(const Object *o, unsigned i)
{
    const Elf64_Shdr *s = &o->section[i];

    return (s->sh_flags & SHF_ALLOC) && s->sh_size && s->sh_type != SHT_X86_64_UNWIND &&
           strcmp(o->names + s->sh_name, ".eh_frame") != 0;
}

static const char *
lay_out(Object *o, Arena *arena)
{
    uint64_t end = 0;

    o->at = arena_array(arena, uint64_t, o->n);
    for (int pass = 0; pass < 2; pass++)
        for (unsigned i = 0; i < o->n; i++) {
            const Elf64_Shdr *s = &o->section[i];
            bool text = s->sh_flags & SHF_EXECINSTR;
            if (pass == 0)
                o->at[i] = UINT64_MAX;
            if (!is_needed(o, i) || text != (pass == 0))
                continue;
            if (s->sh_type == SHT_NOBITS || (s->sh_flags & SHF_WRITE))
                return "writable data";
            uint64_t align = s->sh_addralign > SECTION_ALIGN ? s->sh_addralign : SECTION_ALIGN;
            o->at[i] = end = (end + align - 1) & ~(align - 1);
            end += s->sh_size;
        }
    o->image_bytes = end;
    o->image = arena_alloc(arena, end + SECTION_ALIGN, 1);
    for (unsigned i = 0; i < o->n; i++)
        if (o->at[i] != UINT64_MAX)
            memcpy(o->image + o->at[i], o->bytes + o->section[i].sh_offset,
                   o->section[i].sh_size);
    return NULL;
}

static const char *
relocate_one(Object *o, const Elf64_Rela *r, const Elf64_Shdr *table, unsigned section)
{
    const Elf64_Sym *symbol = (const void *)(o->bytes + o->section[table->sh_link].sh_offset);
    const Elf64_Sym *s = &symbol[ELF64_R_SYM(r->r_info)];
    unsigned type = ELF64_R_TYPE(r->r_info);

    if (s->st_shndx == SHN_UNDEF || s->st_shndx >= o->n || o->at[s->st_shndx] == UINT64_MAX)
        return "a reference to something outside";
    int64_t place = (int64_t)(o->at[section] + r->r_offset);
    int64_t v = (int64_t)(o->at[s->st_shndx] + s->st_value) + r->r_addend - place;
    int32_t narrow = (int32_t)v;
    if (r->r_offset + 8 > o->section[section].sh_size + 4)
        return "a reference past its section";
    if (type == R_X86_64_PC32 || type == R_X86_64_PLT32) {
        memcpy(o->image + place, &narrow, sizeof narrow);
        return narrow == v ? NULL : "a reference too far";
    }
    if (type != R_X86_64_PC64)
        return "a reference that is not relative";
    memcpy(o->image + place, &v, sizeof v);
    return NULL;
}

static const char *
relocate(Object *o)
{
    for (unsigned i = 0; i < o->n; i++) {
        const Elf64_Shdr *t = &o->section[i];
        if (t->sh_type == SHT_REL)
            return "references of an unknown form";
        if (t->sh_type != SHT_RELA || t->sh_info >= o->n || o->at[t->sh_info] == UINT64_MAX)
            continue;
        const Elf64_Rela *r = (const void *)(o->bytes + t->sh_offset);
        for (size_t k = 0; k < t->sh_size / sizeof *r; k++) {
            const char *why = relocate_one(o, &r[k], t, t->sh_info);
            if (why)
                return why;
        }
    }
    return NULL;
}

static void
set_entry(EbmManifest *m, const char *name, uint64_t at)
{
    uint32_t number;
    bool prepare;

    for (int entry = 0; entry < EBM_ENTRY_COUNT; entry++)
        if (strcmp(name, entry_symbol[entry]) == 0)
            m->entry[entry] = at;
    if (phase_of_symbol(name, &number, &prepare))
        *(prepare ? &m->phase[number].prepare : &m->phase[number].run) = at;
}

static void
find_entries(const Object *o, EbmManifest *manifest)
{
    for (unsigned i = 0; i < o->n; i++) {
        const Elf64_Shdr *t = &o->section[i];
        if (t->sh_type != SHT_SYMTAB)
            continue;
        const Elf64_Sym *s = (const void *)(o->bytes + t->sh_offset);
        const char *names = (const char *)o->bytes + o->section[t->sh_link].sh_offset;
        for (size_t k = 0; k < t->sh_size / sizeof *s; k++)
            if (s[k].st_shndx != SHN_UNDEF && s[k].st_shndx < o->n)
                set_entry(manifest, names + s[k].st_name, o->at[s[k].st_shndx] + s[k].st_value);
    }
}

const char *
image_from_object(const unsigned char *object, size_t size, Arena *arena,
                  const unsigned char **ret_bytes, EbmManifest *manifest)
{
    Object o = {.bytes = object, .size = size};
    const char *why = open_object(&o);

    why = why ? why : lay_out(&o, arena);
    why = why ? why : relocate(&o);
    if (why)
        return why;
    find_entries(&o, manifest);
    manifest->image_bytes = o.image_bytes;
    *ret_bytes = o.image;
    return NULL;
}
