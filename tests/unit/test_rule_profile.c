/* profile upbit: what a program that trades there is told, and what is counted, without a line of code. */
#include "ruling.h"

#include <time.h>

#define ORDERS "https://api.upbit.com/v1/orders"

/* Bodies as examples/trader and tests/fakes/exchange write them. */
static const char accounts[] = "[{\"currency\":\"KRW\",\"balance\":\"5000.00000000\",\"locked\":\"0.0\","
                               "\"avg_buy_price\":\"0\",\"unit_currency\":\"KRW\"},"
                               "{\"currency\":\"BTC\",\"balance\":\"0.50000000\",\"locked\":\"0.1\",\"avg_"
                               "buy_price\":\"90000000\",\"unit_currency\":\"KRW\"},"
                               "{\"currency\":\"ETH\",\"balance\":\"0.0\",\"locked\":\"0.0\",\"avg_buy_"
                               "price\":\"0\",\"unit_currency\":\"KRW\"}]";

static const char *call(const char *method, const char *url, int64_t status, const char *request,
                        const char *response)
{
    begin_call(method, url, status);
    if (request)
        body_fact(WIRE_HTTP_REQUEST_BODY, request, false);
    if (response)
        body_fact(WIRE_HTTP_RESPONSE_BODY, response, false);
    return ask();
}

#define ALLOWED "counter rate_limit_requests_total{status=allowed,exchange=upbit} 1\n"
#define TIME "🕒 2023-11-15 07:13:21\n"

/* R274. */
static void test_balances(void **state)
{
    (void)state;
    read_rules("upbit", LANGUAGE_KO);
    assert_string_equal(rules.notes, "");
    assert_string_equal(call("GET", "https://api.upbit.com/v1/accounts", 200, NULL, accounts),
                        ALLOWED "gauge positions_open{symbol=BTC,exchange=upbit} 1\n"
                                "gauge positions_open{symbol=ETH,exchange=upbit} 0\n"
                                "gauge position_volume{symbol=BTC,exchange=upbit} 0.6\n"
                                "gauge position_volume{symbol=ETH,exchange=upbit} 0\n");
}

/* R163, R165, R273. */
static void test_buy(void **state)
{
    (void)state;
    read_rules("upbit", LANGUAGE_KO);
    assert_string_equal(
        call("POST", ORDERS, 201,
             "market=KRW-BTC&side=bid&ord_type=price&price=50000&identifier=bot-KRW-BTC-1",
             "{\"uuid\":\"cdd9\",\"side\":\"bid\",\"state\":\"wait\",\"market\":\"KRW-BTC\"}"),
        "alert 5/0 buy: 💰 *매수 주문 체결*\n" TIME
        "\n*종목:* 비트코인 (BTC)\n*시장:* 암호화폐\n*주문 수:* 1건\n"
        "*총 금액:* 50,000원\n" ALLOWED "counter orders_total{side=buy,status=wait,exchange=upbit} 1\n");
    assert_non_null(strstr(call("POST", ORDERS, 201,
                                "{\"market\":\"KRW-ETH\",\"side\":\"bid\",\"ord_type\":\"limit\",\"price\":"
                                "\"4300000\",\"volume\":\"0.01\"}",
                                NULL),
                           "*종목:* 이더리움 (ETH)\n*시장:* 암호화폐\n*주문 수:* 1건\n*총 금액:* 43,000원\n\n"
                           "  1. 가격: 4,300,000원 × 수량: 0.0100\n" ALLOWED
                           "counter orders_total{side=buy,status=accepted,exchange=upbit} 1\n"));
}

/* R168. */
static void test_sell(void **state)
{
    (void)state;
    read_rules("upbit", LANGUAGE_EN);
    assert_string_equal(
        call("POST", "http://127.0.0.1:8080/v1/orders", 201,
             "market=KRW-BTC&side=ask&ord_type=limit&price=92000000&volume=0.00054348&identifier=x",
             "{\"state\":\"wait\"}"),
        "alert 5/0 sell: 💰 *Sell order placed*\n" TIME
        "\n*Asset:* Bitcoin (BTC)\n*Market:* cryptocurrency\n*Orders:* 1\n"
        "*Volume:* 0.0005\n*Expected:* 50,000 KRW\n\n  1. price: 92,000,000 × volume: 0.0005\n" ALLOWED
        "counter orders_total{side=sell,status=wait,exchange=upbit} 1\n");
}

/* R059: the balance is the one that the program asked for before. */
static void test_refused(void **state)
{
    static const char refusal[] =
        "{\"error\":{\"name\":\"insufficient_funds_bid\",\"message\":\"The available balance\"}}";
    static const char request[] = "market=KRW-BTC&side=bid&ord_type=price&price=50000&identifier=x";
    (void)state;
    read_rules("upbit", LANGUAGE_KO);
    call("GET", "https://api.upbit.com/v1/accounts", 200, NULL, accounts);
    assert_string_equal(call("POST", ORDERS, 400, request, refusal),
                        "alert 5/2 failure: ❌ *매수 주문 실패*\n*코인:* 비트코인\n*이유:* InsufficientFunds\n"
                        "*잔액:* 5,000원 / *필요:* 50,000원\n" ALLOWED
                        "counter orders_total{side=buy,status=failed,exchange=upbit} 1\n");
    read_rules("upbit", LANGUAGE_EN); /* nothing is known of the balance, nor of bodies */
    assert_string_equal(
        call("POST", ORDERS, 400, request, refusal),
        "alert 5/2 failure: ❌ *Buy order failed*\n*Coin:* Bitcoin\n*Reason:* InsufficientFunds\n"
        "*Required:* 50,000 KRW\n" ALLOWED "counter orders_total{side=buy,status=failed,exchange=upbit} 1\n");
    assert_string_equal(call("POST", ORDERS, 503, NULL, NULL),
                        "alert 5/2 failure: ❌ *Order failed*\n*Reason:* HTTP 503\n" ALLOWED
                        "counter orders_total{status=failed,exchange=upbit} 1\n");
}

/* R278. */
static void test_limits(void **state)
{
    (void)state;
    read_rules("upbit", LANGUAGE_EN);
    assert_string_equal(call("GET", "https://api.upbit.com/v1/ticker?markets=KRW-BTC", 429, NULL, NULL),
                        "counter rate_limit_requests_total{status=limited,exchange=upbit} 1\n");
    assert_string_equal(call("GET", "https://sg-api.upbit.com/v1/ticker", 418, NULL, NULL),
                        "counter rate_limit_requests_total{status=limited,exchange=upbit} 1\n");
    assert_string_equal(call("GET", "https://api.binance.com/v1/ticker", 429, NULL, NULL), "");
}

/* R275: against the average price that was seen; each order once, however often the program asks. */
static void test_filled(void **state)
{
    static const char order[] =
        "{\"uuid\":\"u1\",\"side\":\"ask\",\"price\":\"92000000\",\"state\":\"done\",\"market\":\"KRW-BTC\","
        "\"executed_volume\":\"0.5\",\"remaining_volume\":\"0\",\"paid_fee\":\"23000\",\"trades\":["
        "{\"price\":\"92000000\",\"volume\":\"0.2\",\"funds\":\"18400000\"},"
        "{\"price\":\"92000000\",\"volume\":\"0.3\",\"funds\":\"27600000\"}]}";
    (void)state;
    read_rules("upbit", LANGUAGE_KO);
    call("GET", "https://api.upbit.com/v1/accounts", 200, NULL, accounts);
    assert_string_equal(call("GET", "https://api.upbit.com/v1/order?uuid=u1", 200, NULL, order),
                        "alert 5/0 fill: 💰 *매도 체결*\n" TIME
                        "\n*종목:* 비트코인 (BTC)\n*시장:* 암호화폐\n*체결가:* 92,000,000원\n"
                        "*수량:* 0.5000\n*금액:* 46,000,000원\n*실현손익:* +977,000원\n" ALLOWED
                        "counter orders_total{side=sell,status=done,exchange=upbit} 1\n"
                        "updown realized_pnl{symbol=BTC,exchange=upbit} 977000\n");
    begin_call("GET", "https://api.upbit.com/v1/order?uuid=u1", 200);
    given.raw.span.span_id[0] = 9;
    body_fact(WIRE_HTTP_RESPONSE_BODY, order, false);
    assert_string_equal(ask(), ALLOWED);
}

static void test_part_and_cancel(void **state)
{
    (void)state;
    read_rules("upbit", LANGUAGE_KO);
    assert_string_equal(
        call("GET", "https://api.upbit.com/v1/order?uuid=u2", 200, NULL,
             "{\"uuid\":\"u2\",\"side\":\"bid\",\"price\":\"100\",\"state\":\"wait\",\"market\":\"KRW-XRP\","
             "\"executed_volume\":\"2\",\"remaining_volume\":\"8\"}"),
        "alert 5/0 partial_fill: 💰 *매수 부분 체결*\n" TIME
        "\n*종목:* 리플 (XRP)\n*시장:* 암호화폐\n*체결가:* 100원\n"
        "*체결 수량:* 2.0000\n*남은 수량:* 8.0000\n*금액:* 200원\n" ALLOWED);
    assert_string_equal(call("DELETE", "https://api.upbit.com/v1/order?uuid=u2", 200, NULL,
                             "{\"uuid\":\"u2\",\"side\":\"bid\",\"state\":\"wait\",\"market\":\"KRW-XRP\"}"),
                        "alert 5/0 cancel: 🤚 *주문 취소*\n" TIME
                        "\n*종목:* 리플 (XRP)\n*시장:* 암호화폐\n*구분:* 매수\n*취소 건수:* 1건\n" ALLOWED
                        "counter orders_total{side=buy,status=cancel,exchange=upbit} 1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_balances),        cmocka_unit_test(test_buy),    cmocka_unit_test(test_sell),
        cmocka_unit_test(test_refused),         cmocka_unit_test(test_limits), cmocka_unit_test(test_filled),
        cmocka_unit_test(test_part_and_cancel),
    };
    setenv("TZ", "Asia/Seoul", 1);
    tzset();
    return cmocka_run_group_tests(tests, NULL, end_rules);
}
