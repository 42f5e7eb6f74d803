/* streams: iostream, tied to stdio and not. */
#include <cstdio>
#include <iostream>

int main(int argc, char **)
{
    std::ios::sync_with_stdio(argc == 1);
    std::cout << "cout " << 1 << '\n';
    std::cerr << "cerr " << 2 << std::endl;
    std::clog << "clog\n";
    std::wclog.flush();
    if (argc == 1)
        std::printf("printf\n");
    std::cout << std::string(20000, 'c') << '\n';
    return 3;
}
