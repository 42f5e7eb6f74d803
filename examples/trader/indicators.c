#include "trader.h"

#define RSI_PERIOD 14
#define SMA_SHORT 5
#define SMA_LONG 20
#define MACD_FAST 12
#define MACD_SLOW 26
#define MACD_SIGNAL 9

/* Simple moving average of the last `period` values. */
double sma(const double *closes, int n, int period)
{
    double sum = 0;

    if (period > n)
        period = n;
    for (int i = n - period; i < n; i++)
        sum += closes[i];
    return period > 0 ? sum / period : 0;
}

/* Relative strength index after Wilder: 100 where nothing fell, 50 where nothing moved. */
double rsi(const double *closes, int n, int period)
{
    double gain = 0, loss = 0;

    if (n <= period)
        return 50;
    for (int i = 1; i < n; i++) {
        double change = closes[i] - closes[i - 1];
        double up = change > 0 ? change : 0, down = change < 0 ? -change : 0;
        if (i <= period) {
            gain += up / period;
            loss += down / period;
        } else {
            gain = (gain * (period - 1) + up) / period;
            loss = (loss * (period - 1) + down) / period;
        }
    }
    if (loss <= 0)
        return gain > 0 ? 100 : 50;
    return 100 - 100 / (1 + gain / loss);
}

static double ema_step(double average, double value, int period)
{
    double weight = 2.0 / (period + 1);

    return average + weight * (value - average);
}

/* Moving average convergence/divergence (12, 26) and its signal line (9). */
void macd(const double *closes, int n, double *ret_macd, double *ret_signal)
{
    double fast = n ? closes[0] : 0, slow = fast, signal = 0;

    for (int i = 1; i < n; i++) {
        fast = ema_step(fast, closes[i], MACD_FAST);
        slow = ema_step(slow, closes[i], MACD_SLOW);
        signal = ema_step(signal, fast - slow, MACD_SIGNAL);
    }
    *ret_macd = fast - slow;
    *ret_signal = signal;
}

void indicators_compute(struct indicators *indicators, const double *closes, int n)
{
    indicators->rsi = rsi(closes, n, RSI_PERIOD);
    indicators->sma_short = sma(closes, n, SMA_SHORT);
    indicators->sma_long = sma(closes, n, SMA_LONG);
    macd(closes, n, &indicators->macd, &indicators->macd_signal);
}
