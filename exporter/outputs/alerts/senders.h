/*
 * senders: with which settings the messages of an account can be sent, kept after the program that had them is gone.
 *
 * Only what destinations need of them is copied: the token, the webhook's URL, servers, chats. In memory only.
 *
 * Context: loop. Ownership: settings live longer than any call with them: 64 others are learnt first.
 */
#ifndef OTELSHIM_ALERT_SENDERS_H
#define OTELSHIM_ALERT_SENDERS_H

#include "outputs/alerts/destination.h"

struct senders;

struct senders *senders_create(void);
void senders_destroy(struct senders *senders);

/* True: they were not known, or in another form. */
bool senders_learn(struct senders *senders, const struct settings *settings);
/*
 * Settings whose account a target is, the newest first. NULL: none, or only such as were refused; then *ret_is_refused tells.
 */
const struct settings *senders_find(struct senders *senders, const struct target *target,
                                    bool *ret_is_refused);
/* Another account that has the same chat in its settings, into target->account. False: there is none. */
bool senders_rehome(const struct senders *senders, struct target *target);

/* The account cannot send (token revoked): until that time (loop). True: that is news. */
bool senders_refuse(struct senders *senders, const char *account, uint64_t until_ms);
/* It can. True: it could not before. */
bool senders_accept(struct senders *senders, const char *account);
/* 0: it may send. */
uint64_t senders_refused_until(const struct senders *senders, const char *account);

#endif
