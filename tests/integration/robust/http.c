/*
 * http: usage: http [--spawn] URL [HEADER…]: GET with that list of headers; prints status and body, and whether the list is
 * the same afterwards. --spawn: a child from the write callback and one outside print their TRACEPARENT.
 */
#include <curl/curl.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int must_spawn;

static void spawn_child(const char *where)
{
    static char shell[] = "sh", option[] = "-c", script[] = "echo $0: ${TRACEPARENT:-none}";
    char name[32];
    snprintf(name, sizeof(name), "%s", where);
    char *const arguments[] = {shell, option, script, name, NULL};
    pid_t pid;
    fflush(stdout);
    if (posix_spawnp(&pid, "sh", NULL, NULL, arguments, environ) == 0)
        waitpid(pid, NULL, 0);
    pid = fork();
    if (pid == 0) {
        snprintf(name, sizeof(name), "%s-fork", where);
        execvp("sh", arguments);
        _exit(127);
    }
    waitpid(pid, NULL, 0);
}

static size_t write_body(char *bytes, size_t size, size_t n, void *context)
{
    (void)context;
    printf("body %.*s", (int)(size * n), bytes);
    if (must_spawn)
        spawn_child("inside");
    return size * n;
}

int main(int argc, char **argv)
{
    struct curl_slist *list = NULL, *nodes[32];
    size_t n_nodes = 0, n_after = 0;
    must_spawn = argc > 1 && strcmp(argv[1], "--spawn") == 0;
    int at = must_spawn ? 2 : 1;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    for (int i = at + 1; i < argc; i++)
        list = curl_slist_append(list, argv[i]);
    for (struct curl_slist *node = list; node && n_nodes < 32; node = node->next)
        nodes[n_nodes++] = node;
    CURL *curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, argv[at]);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, write_body);
    if (list)
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    if (must_spawn)
        spawn_child("before");
    for (int i = 0; i < 2; i++) {
        long status = 0;
        CURLcode result = curl_easy_perform(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        printf("%s, status %ld\n", curl_easy_strerror(result), status);
    }
    int is_same = 1;
    for (struct curl_slist *node = list; node; node = node->next, n_after++)
        is_same &= n_after < n_nodes && nodes[n_after] == node &&
                   strcmp(node->data, argv[at + 1 + (int)n_after]) == 0;
    printf("list %s\n", is_same && n_after == n_nodes ? "unchanged" : "CHANGED");
    if (must_spawn)
        spawn_child("after");
    curl_slist_free_all(list);
    curl_easy_cleanup(curl);
    curl_global_cleanup();
    return 0;
}
