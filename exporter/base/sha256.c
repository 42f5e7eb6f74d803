/* sha256: see sha256.h. */
#include "base/sha256.h"

#include <assert.h>
#include <openssl/evp.h>

void sha256(const void *bytes, size_t n_bytes, uint8_t ret_digest[32])
{
    int is_done = EVP_Digest(bytes, n_bytes, ret_digest, NULL, EVP_sha256(), NULL);
    assert(is_done == 1);
    (void)is_done;
}

void sha256_print(const void *bytes, size_t n_bytes, char *ret_text, size_t n_digits)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t digest[32];
    assert(n_digits <= 2 * sizeof(digest));
    sha256(bytes, n_bytes, digest);
    for (size_t i = 0; i < n_digits; i++)
        ret_text[i] = digits[i % 2 ? digest[i / 2] & 15 : digest[i / 2] >> 4];
    ret_text[n_digits] = 0;
}
