/* SPDX-License-Identifier: Apache-2.0
 *
 * image.h -- kernel images: checked, packed into bytes, mapped to run.
 *
 * The packed form is what the disk cache and standalone samplers hold.  Reading one trusts
 * nothing: its hash covers every byte, and every size and offset is checked besides.  Code is
 * never writable and executable at once.
 */
#ifndef EBM_RUNTIME_IMAGE_H
#define EBM_RUNTIME_IMAGE_H

#include <stddef.h>

#include "runtime/error.h"
#include "runtime/kernel.h"

/* Names what an image was made from. */
typedef struct RtKey {
    uint64_t word[2];
} RtKey;

/* A kernel that can be launched; owns its manifest's arrays and its code. */
typedef struct RtImage {
    EbmManifest manifest;
    void *arrays; /* what the manifest's pointers point into */
    unsigned char *code;
    size_t mapped;
} RtImage;

/* Copies and maps.  The manifest is checked. */
bool rt_image_load(const EbmManifest *manifest, const unsigned char *bytes, RtImage *ret,
                   RtError *error);
void rt_image_clear(RtImage *image);

/* NULL if the image has no such entry. */
EbmKernelFn *rt_image_entry(const RtImage *image, EbmEntry entry);

/* A phase of the manifest, or its preparation: NULL if it has none. */
EbmKernelFn *rt_image_phase(const RtImage *image, uint32_t phase, bool prepare);

/* The packed form, which the caller frees. */
bool rt_image_pack(const EbmManifest *manifest, const unsigned char *bytes, RtKey key,
                   unsigned char **ret, size_t *ret_size, RtError *error);

/* RT_FORMAT for anything but what rt_image_pack made for this key, to the byte. */
bool rt_image_unpack(const unsigned char *packed, size_t size, RtKey key, RtImage *ret,
                     RtError *error);

#endif
