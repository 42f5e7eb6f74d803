/*
 * handover: the orderings of chunks as a model for spin (shim/wire/README.md, "Chunks"). Two threads that die and come
 * back under any free tid, one chunk to own and one to share, room for two records in each, and an exporter that may
 * restart between any two steps.
 *
 * Stores of a thread lie in a buffer and reach memory in any order, but for the release store of H, which waits for
 * the body. A thread is gone (ESRCH) only when its buffer is empty: the kernel's own context switch sees to that.
 *
 * Each switch takes a rule away, and spin must then find a fault: NO_RELEASE, NO_TID_IN_WORD, FREE_WITHOUT_CLOSED,
 * ACKNOWLEDGE_FIRST, RECLAIM_THE_LIVING, NO_SEQUENCE.
 */
#define CAP 2
#ifndef N_IDS
#define N_IDS 5
#endif
#define N_TIDS 4    /* 1..3; 0: nobody */
#define N_WRITERS 2
#ifndef DEATHS
#define DEATHS 1    /* both may end early or late; one comes back */
#endif
#ifndef RESTARTS
#define RESTARTS 1
#endif

/* | seq : 3 | tid : 3 | busy | closed | owned | 0 | bytes : 3 | */
#define BUSY 64
#define CLOSED 32
#define OWNED 16
#ifdef NO_TID_IN_WORD
#define TID_BITS(t) 0
#else
#define TID_BITS(t) ((t) << 7)
#endif
#ifdef NO_SEQUENCE
#define NEXT_LEASE(w) 0
#else
#define NEXT_LEASE(w) (((((w) >> 10) + 1) & 7) << 10)
#endif
#define SEQ(w) ((w) >> 10)
#define TID(w) (((w) >> 7) & 7)
#define BYTES(w) ((w) & 7)
#define STATE(w) ((w) & ~(896 | BUSY | OWNED))
#ifdef FREE_WITHOUT_CLOSED
#define IS_FREE(c, w) (!((w) & BUSY) && STATE((w) | CLOSED) == (E[c] | CLOSED))
#else
#define IS_FREE(c, w) (((w) & CLOSED) && E[c] == (w))
#endif

short H[2];                 /* chunk 0 is owned, chunk 1 shared */
short E[2];
byte owner[2];              /* NO_TID_IN_WORD: the owner beside the word */
byte body[4];               /* record in each place, as memory has it */
byte ghost[4];              /* what was committed there */
bool committed[N_IDS];
byte delivered[N_IDS];
bool alive[N_TIDS];
byte next_id = 1;
byte n_done;
byte restarts = RESTARTS, lives = DEATHS;

/* Store buffers: one body and one word of each thread. */
bool has_body[N_WRITERS], has_word[N_WRITERS];
byte body_at[N_WRITERS], body_id[N_WRITERS], word_at[N_WRITERS], word_id[N_WRITERS];
short word_value[N_WRITERS];

#define IS_FLUSHED(p) (!has_body[p] && !has_word[p])

proctype memory(byte p)
{
end:
    do
    :: d_step { has_body[p] -> body[body_at[p]] = body_id[p]; has_body[p] = false; body_at[p] = 0; body_id[p] = 0 }
#ifdef NO_RELEASE
    :: d_step { has_word[p] ->
#else
    :: d_step { has_word[p] && !has_body[p] ->
#endif
           H[word_at[p]] = word_value[p];
           if
           :: word_id[p] ->
               ghost[word_at[p] * CAP + BYTES(word_value[p]) - 1] = word_id[p];
               committed[word_id[p]] = true
           :: else
           fi;
           has_word[p] = false; word_at[p] = 0; word_id[p] = 0; word_value[p] = 0
       }
    od
}

inline store_body(place, number)
{
    d_step { !has_body[p] -> has_body[p] = true; body_at[p] = place; body_id[p] = number }
}
inline store_word(chunk, value, number)
{
    d_step { !has_word[p] ->
        has_word[p] = true; word_at[p] = chunk; word_value[p] = value; word_id[p] = number }
}
inline may_die()
{
    if
    :: lives -> goto die
    :: true
    fi
}
/* Compare-and-swap; it has the effect of a release, so the buffer is empty. A lease must find nothing undelivered. */
inline swap(chunk, from, to, is_lease)
{
    d_step {
        ok = (H[chunk] == from);
        if
        :: ok && is_lease ->
            i = 0;
            do
            :: i < BYTES(from) -> assert(delivered[ghost[chunk * CAP + i]] > 0); i++
            :: else -> break
            od;
            i = 0
        :: else
        fi;
        if
        :: ok -> H[chunk] = to
        :: else
        fi
    }
}
inline new_id()
{
    atomic {
        if
        :: next_id < N_IDS -> id = next_id; next_id++
        :: else -> goto die
        fi
    }
}
/* tgkill() and compare-and-swap in one step: were the word another by then, nothing would be swapped. */
inline reclaim(chunk)
{
    d_step {
#ifdef NO_TID_IN_WORD
        if
        :: !(H[chunk] & CLOSED) && (H[chunk] & (BUSY | OWNED)) && owner[chunk] && !alive[owner[chunk]] ->
#elif defined(RECLAIM_THE_LIVING)
        if
        :: TID(H[chunk]) ->
#else
        if
        :: TID(H[chunk]) && !alive[TID(H[chunk])] ->
#endif
            H[chunk] = STATE(H[chunk]) | CLOSED
        :: else
        fi
    }
}
inline set_owner(chunk)
{
#ifdef NO_TID_IN_WORD
    owner[chunk] = me
#else
    skip
#endif
}

proctype writer(byte p)
{
    short w, leased;
    byte i, id, me;
    bool ok;
born:
    atomic {
        if
        :: !alive[1] -> me = 1
        :: !alive[2] -> me = 2
        :: !alive[3] && lives < DEATHS -> me = 3
        fi;
        alive[me] = true
    }
    do
    :: atomic { leased && BYTES(leased) == CAP && IS_FLUSHED(p) ->
           store_word(0, STATE(leased) | CLOSED, 0); leased = 0 }
    :: atomic { !leased && next_id < N_IDS && IS_FREE(0, H[0]) && IS_FLUSHED(p) -> w = H[0] };
       swap(0, w, NEXT_LEASE(w) | OWNED | TID_BITS(me), true);
       if
       :: atomic { ok -> leased = NEXT_LEASE(w) | OWNED | TID_BITS(me); w = 0 };
          set_owner(0);
          may_die()
       :: atomic { !ok -> w = 0 }
       fi
    :: leased && BYTES(leased) < CAP && next_id < N_IDS ->
       atomic { !has_body[p] -> new_id(); store_body(BYTES(leased), id) };
       may_die();
       atomic { leased = leased + 1; store_word(0, leased, id); id = 0 }
    /* Shared: threads without a chunk, and handlers inside a record of a thread that has one. */
    :: atomic { next_id < N_IDS && !(H[1] & (CLOSED | BUSY | OWNED)) && BYTES(H[1]) < CAP && IS_FLUSHED(p) ->
           w = STATE(H[1]); H[1] = w | BUSY | TID_BITS(me) };
       goto shared
    :: atomic { !(H[1] & (CLOSED | BUSY | OWNED)) && BYTES(H[1]) == CAP -> H[1] = H[1] | CLOSED }
    :: atomic { next_id < N_IDS && IS_FREE(1, H[1]) && IS_FLUSHED(p) -> w = H[1] };
       swap(1, w, NEXT_LEASE(w) | BUSY | TID_BITS(me), true);
       if
       :: ok -> w = NEXT_LEASE(w); goto shared
       :: atomic { !ok -> w = 0 }
       fi
    :: atomic { next_id < N_IDS && !leased -> reclaim(0); reclaim(1) }
    :: next_id == N_IDS -> break
    :: false ->
shared:
       set_owner(1);
       atomic { !has_body[p] -> new_id(); store_body(CAP + BYTES(w), id) };
       may_die();
       atomic { store_word(1, w + 1, id); id = 0; w = 0; ok = false }
    od;
die:
    atomic {
        IS_FLUSHED(p);
        alive[me] = false; w = 0; leased = 0; i = 0; id = 0; ok = false; me = 0;
        if
        :: lives && next_id < N_IDS -> lives--; goto born
        :: else -> n_done++
        fi
    }
}

inline may_restart()
{
    if
    :: d_step { restarts -> restarts--; w = 0; c = 0; i = 0; from = 0; expected[0] = 0; expected[1] = 0 }; goto restart
    :: true
    fi
}

proctype exporter()
{
    short w;
    byte c, i, from, expected[CAP];
restart:
    do
    :: d_step { STATE(H[0]) != E[0] -> c = 0; w = H[0]; expected[0] = ghost[0]; expected[1] = ghost[1]; i = 0 };
       goto take
    :: d_step { STATE(H[1]) != E[1] -> c = 1; w = H[1]; expected[0] = ghost[2]; expected[1] = ghost[3]; i = 0 };
       goto take
    :: n_done == N_WRITERS && STATE(H[0]) == E[0] && STATE(H[1]) == E[1] -> break
    od;
    i = 1;
    do
    :: i < N_IDS -> assert(!committed[i] || delivered[i]); i++
    :: else -> goto end
    od;
take:
    skip;
    d_step {
        if
        :: SEQ(w) == SEQ(E[c]) -> from = BYTES(E[c])
        :: else -> from = 0; assert(SEQ(w) == ((SEQ(E[c]) + 1) & 7) && (E[c] & CLOSED))
        fi;
        assert(BYTES(w) >= from && BYTES(w) <= CAP)
    }
#ifdef ACKNOWLEDGE_FIRST
    E[c] = STATE(w);
    may_restart();
#endif
    i = from;
    do
    :: i < BYTES(w) -> assert(body[c * CAP + i] == expected[i]); i++
    :: else -> break
    od;
    may_restart();
    d_step {
        i = from;
        do
        :: i < BYTES(w) ->
            delivered[expected[i]]++;
            assert(delivered[expected[i]] <= 1 + RESTARTS - restarts);
            i++
        :: else -> break
        od
    };
    may_restart();
#ifndef ACKNOWLEDGE_FIRST
    E[c] = STATE(w);
#endif
    d_step { w = 0; c = 0; i = 0; from = 0; expected[0] = 0; expected[1] = 0 };
    goto restart;
end:
    skip
}

init
{
    atomic {
        H[0] = CLOSED; H[1] = CLOSED; E[0] = CLOSED; E[1] = CLOSED;
        run memory(0); run memory(1); run writer(0); run writer(1); run exporter()
    }
}
