/*
 * threads: transfers that are begun in one thread and end in another; a share handle with locks, used by four threads.
 */
#include "http.h"
#include <pthread.h>

static pthread_mutex_t locks[CURL_LOCK_DATA_LAST];

static void lock(CURL *handle, curl_lock_data data, curl_lock_access access, void *context)
{
    (void)handle;
    (void)access;
    (void)context;
    pthread_mutex_lock(&locks[data]);
}

static void unlock(CURL *handle, curl_lock_data data, void *context)
{
    (void)handle;
    (void)context;
    pthread_mutex_unlock(&locks[data]);
}

static void *finish(void *multi)
{
    drive(multi);
    printf("ended in another thread: %d\n", collect(multi));
    return NULL;
}

static void *clean_up(void *multi)
{
    printf("cleaned up in another thread: %d\n", curl_multi_cleanup(multi));
    return NULL;
}

static void *perform_many(void *share)
{
    CURL *handle = new_handle("/small");
    curl_easy_setopt(handle, CURLOPT_SHARE, share);
    for (int i = 0; i < 25; i++)
        if (curl_easy_perform(handle) != CURLE_OK)
            puts("failed");
    curl_easy_cleanup(handle);
    return NULL;
}

int main(void)
{
    pthread_t threads[4];
    CURL *handles[3];
    curl_global_init(CURL_GLOBAL_ALL);
    CURLM *multi = curl_multi_init();
    for (int i = 0; i < 3; i++) {
        handles[i] = new_handle("/small");
        curl_multi_add_handle(multi, handles[i]);
    }
    pthread_create(&threads[0], NULL, finish, multi);
    pthread_join(threads[0], NULL);
    curl_multi_add_handle(multi, handles[0]); /* left to a thread that only cleans up */
    pthread_create(&threads[0], NULL, clean_up, multi);
    pthread_join(threads[0], NULL);
    for (int i = 0; i < 3; i++)
        curl_easy_cleanup(handles[i]);

    CURLSH *share = curl_share_init();
    for (int i = 0; i < CURL_LOCK_DATA_LAST; i++)
        pthread_mutex_init(&locks[i], NULL);
    curl_share_setopt(share, CURLSHOPT_LOCKFUNC, lock);
    curl_share_setopt(share, CURLSHOPT_UNLOCKFUNC, unlock);
    curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_DNS);
    curl_share_setopt(share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, perform_many, share);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    curl_share_cleanup(share);
    curl_global_cleanup();
    return 0;
}
