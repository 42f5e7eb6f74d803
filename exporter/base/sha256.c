/* sha256: see sha256.h. */
#include "base/sha256.h"

#include <assert.h>
#include <openssl/evp.h>
#include <stdbool.h>

void sha256(const void *bytes, size_t n_bytes, uint8_t ret_digest[32])
{
    int is_done = EVP_Digest(bytes, n_bytes, ret_digest, NULL, EVP_sha256(), NULL);
    assert(is_done == 1);
    (void)is_done;
}

static const char digits[] = "0123456789abcdef";

void sha256_print(const void *bytes, size_t n_bytes, char *ret_text, size_t n_digits)
{
    uint8_t digest[32];
    assert(n_digits <= 2 * sizeof(digest));
    sha256(bytes, n_bytes, digest);
    for (size_t i = 0; i < n_digits; i++)
        ret_text[i] = digits[i % 2 ? digest[i / 2] & 15 : digest[i / 2] >> 4];
    ret_text[n_digits] = 0;
}

void sha256_name_uuid(const uint8_t name_space[16], const void *name, size_t n_bytes, char ret_text[37])
{
    uint8_t id[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    bool is_done = digest && EVP_DigestInit_ex(digest, EVP_sha1(), NULL) == 1 &&
                   EVP_DigestUpdate(digest, name_space, 16) == 1 &&
                   EVP_DigestUpdate(digest, name, n_bytes) == 1 && EVP_DigestFinal_ex(digest, id, NULL) == 1;
    assert(is_done);
    (void)is_done;
    EVP_MD_CTX_free(digest);
    id[6] = (uint8_t)((id[6] & 0x0f) | 0x50);
    id[8] = (uint8_t)((id[8] & 0x3f) | 0x80);
    char *at = ret_text;
    for (unsigned i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *at++ = '-';
        *at++ = digits[id[i] >> 4];
        *at++ = digits[id[i] & 15];
    }
    *at = 0;
}
