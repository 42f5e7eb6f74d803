/*
 * rounds: a C++ program with spans, metrics and messages of its own. Nothing is linked:
 *
 *   g++ -std=c++11 -I/usr/local/include rounds.cc -o rounds
 *   otelshim run ./rounds          (or without: the output is the same)
 */
#include "otelshim.h"

#include <iostream>
#include <stdexcept>
#include <string>

static double price_of(const std::string &coin)
{
    OTELSHIM_SPAN("collect_data", {"coin", coin});
    if (coin == "KRW-DOGE")
        throw std::runtime_error("no such market");
    return 50000.0;
}

static void analyze(const std::string &coin, double confidence)
{
    OTELSHIM_SPAN_AS(span, "analyze_coin", {"coin", coin}); /* ends with the block, also by an exception */
    try {
        double price = price_of(coin);
        otelshim_span_set(span, {"confidence", confidence}, {"is_buy", confidence >= 40});
        otelshim_counter_add("analysis.executions", 1, {"coin", coin},
                             {"confidence_range", otelshim_range(confidence, 40, 70)});
        if (confidence >= 70)
            otelshim_trade("buy", {"symbol", coin}, {"total_amount", price}, {"order_count", 1});
    } catch (const std::exception &error) {
        otelshim_span_error(span, "runtime_error", error.what());
        otelshim_report_error(OTELSHIM_ERROR, "runtime_error", error.what(), {"coin", coin});
    }
    std::cout << coin << " analyzed\n";
}

int main()
{
    OTELSHIM_SPAN("round");
    analyze("KRW-BTC", 80);
    analyze("KRW-ETH", 55);
    analyze("KRW-DOGE", 20);
    otelshim_notice("round done");
}
