"""A Python program with spans, metrics and messages of its own: otelshim run python3 rounds.py (or without: the same output)."""
import otelshim


def price_of(coin):
    with otelshim.span("collect_data", coin=coin):
        if coin == "KRW-DOGE":
            raise KeyError("no such market")
        return 50000.0


def analyze(coin, confidence):
    with otelshim.span("analyze_coin", coin=coin) as span:
        price = price_of(coin)
        otelshim.span_set(span, confidence=confidence, is_buy=confidence >= 40)
        otelshim.counter_add("analysis.executions", 1, coin=coin)
        otelshim.histogram_record("analysis.confidence", float(confidence))
        if confidence >= 70:
            otelshim.trade("buy", symbol=coin, total_amount=price, order_count=1)


def main():
    with otelshim.span("round"):
        for coin, confidence in [("KRW-BTC", 80), ("KRW-ETH", 55), ("KRW-DOGE", 20)]:
            try:
                analyze(coin, confidence)
            except KeyError as error:
                otelshim.report_error(error, otelshim.CRITICAL, coin=coin)
            print(coin, "analyzed")
        trace, span_id = otelshim.ids()
        otelshim.log(otelshim.INFO, "라운드 끝", same=len(trace) == 2 * len(span_id), headers=" ".join(otelshim.server_headers()))
    otelshim.notice("round done")


main()
