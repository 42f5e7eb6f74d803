/*
 * callbacks: usage: callbacks URL: a C++ exception, a longjmp and a C++ exception through two calls leave curl_easy_perform() by its
 * write callback; pthread_exit() and pthread_cancel() end a thread in there. After each the next request is as good as the first.
 */
#include <csetjmp>
#include <cstdio>
#include <curl/curl.h>
#include <pthread.h>
#include <stdexcept>
#include <unistd.h>

namespace
{
const char *url;
std::jmp_buf back;
unsigned n_destroyed;

struct Witness {
    ~Witness()
    {
        n_destroyed++;
    }
};

enum Way { NOTHING, THROW, JUMP, NESTED, EXIT, CANCEL };

CURLcode request(Way way);

size_t write_body(char *, size_t size, size_t n, void *way)
{
    switch (*static_cast<Way *>(way)) {
    case THROW:
        throw std::runtime_error("thrown");
    case JUMP:
        std::longjmp(back, 1);
    case NESTED: {
        Witness witness;
        request(THROW);
        break;
    }
    case EXIT:
        pthread_exit(nullptr);
    case CANCEL:
        pthread_cancel(pthread_self());
        pthread_testcancel();
        break;
    case NOTHING:
        break;
    }
    return size * n;
}

CURLcode request(Way way)
{
    Witness witness;
    CURL *curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, write_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &way);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_cleanup(curl);
    return code;
}

void try_it(const char *name, Way way)
{
    try {
        if (setjmp(back) == 0)
            std::printf("%s: %d\n", name, static_cast<int>(request(way)));
        else
            std::printf("%s: came back\n", name);
    } catch (const std::exception &error) {
        std::printf("%s: %s\n", name, error.what());
    }
}

void *run(void *way)
{
    request(*static_cast<Way *>(way));
    return nullptr;
}
} // namespace

int main(int argc, char **argv)
{
    url = argc > 1 ? argv[1] : "";
    for (int round = 0; round < 2; round++) {
        try_it("nothing", NOTHING);
        try_it("throw", THROW);
        try_it("jump", JUMP);
        try_it("nested", NESTED);
        for (Way way : {EXIT, CANCEL}) {
            pthread_t thread;
            void *result = nullptr;
            pthread_create(&thread, nullptr, run, &way);
            pthread_join(thread, &result);
            std::printf("thread %s\n", result == PTHREAD_CANCELED ? "cancelled" : "ended");
        }
        try_it("nothing", NOTHING);
    }
    std::printf("%u destroyed\n", n_destroyed);
    return 0;
}
