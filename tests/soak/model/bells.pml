/*
 * bells: the asleep word and the doorbell as a model for spin (shim/wire/README.md, "Bells"). The host's stores lie in a
 * buffer while its loads already run: on every processor we know a release store does not hold up a later load.
 *
 * The model has no timeout: where the exporter sleeps for ever on a committed record, a bell was missed. Switches that
 * must make it fail: NO_MEMBARRIER, NO_SECOND_LOOK, VALUE_AFTER_LOOK.
 */
#define RECORDS 3

byte committed;            /* H, as memory has it */
byte buffered;             /* H, as the host has stored it */
bool asleep, is_waiting;
byte doorbell, taken;

proctype memory()
{
end:
    do
    :: committed != buffered -> committed = buffered
    od
}

proctype host()
{
    byte n;
    bool seen;
    do
    :: n < RECORDS ->
        n++;
        buffered = n;      /* commit: one release store */
        seen = asleep;     /* a plain load */
        if
        :: seen ->
            committed = buffered; /* the system calls of a ring are barriers */
            doorbell++;           /* pwrite, then FUTEX_WAKE */
            is_waiting = false
        :: else
        fi
    :: else -> break
    od
}

proctype exporter()
{
    byte value;
    do
    :: taken == RECORDS -> break
    :: committed != taken -> taken = committed
    :: committed == taken ->
#ifndef VALUE_AFTER_LOOK
        value = doorbell;
#endif
        asleep = true;
#ifndef NO_MEMBARRIER
        committed = buffered; /* every thread of a registered host passes a full barrier */
#endif
#ifndef NO_SECOND_LOOK
        if
        :: committed != taken -> asleep = false; goto awake
        :: else
        fi;
#endif
#ifdef VALUE_AFTER_LOOK
        value = doorbell;
#endif
        atomic { is_waiting = (doorbell == value) }; /* FUTEX_WAIT compares and sleeps in one step */
        if
        :: !is_waiting
        :: taken == RECORDS -> break /* nothing more will come */
        fi;
        asleep = false;
awake:  skip
    od
}

init
{
    atomic { run memory(); run host(); run exporter() }
}
