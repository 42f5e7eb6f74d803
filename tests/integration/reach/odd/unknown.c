/* unknown: a program (or, with PLUGIN, a module with the function `request`) linked with a libcurl of an unknown version. */
#include <curl/curl.h>
#include <dlfcn.h>
#include <stdio.h>

static size_t print_body(char *bytes, size_t size, size_t n, void *prefix)
{
    printf("%s%.*s\n", (const char *)prefix, (int)(size * n), bytes);
    return size * n;
}

int request(const char *url);
__attribute__((visibility("default"))) int request(const char *url)
{
    static char prefix[] = "body ";
    CURL *curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, print_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, prefix);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_cleanup(curl);
    return code == CURLE_OK;
}

#ifndef PLUGIN
int main(int argc, char **argv)
{
    int n = 0;
    for (int i = 0; i < 3; i++)
        n += request("http://unknown.example.test/linked");
    void *plugin = argc > 1 ? dlopen(argv[1], RTLD_LAZY | RTLD_LOCAL) : NULL;
    int (*of_plugin)(const char *) = plugin ? (int (*)(const char *))dlsym(plugin, "request") : NULL;
    for (int i = 0; of_plugin && i < 3; i++)
        n += of_plugin("http://unknown.example.test/opened");
    printf("%d requests\n", n);
    return 0;
}
#endif
