/* A library that is replaced, deleted or unloaded while the program runs: cases 93 and 86. -DOTHER is the new version. */
extern volatile int replaced_always;
volatile int replaced_always = 1;

#ifdef OTHER
void other_name(void);
void other_name(void)
{
    replaced_always++;
}
#endif

void replaced_function(void);
void replaced_function(void)
{
    volatile int *volatile nothing = 0;
    *nothing = 1; /* here: replaced_function */
    replaced_always++;
}
