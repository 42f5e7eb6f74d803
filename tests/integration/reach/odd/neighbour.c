/* neighbour: what only a RUNPATH finds. */
int neighbour(void);
__attribute__((visibility("default"))) int neighbour(void)
{
    return 1;
}
