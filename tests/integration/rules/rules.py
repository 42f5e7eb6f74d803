"""examples/trader, unchanged, with profile upbit: the documents' trade messages and business metrics. Own rules and templates."""
import json
import os
import re
import subprocess
import sys
import urllib.request
from pathlib import Path

here = Path(__file__).resolve().parent
sys.path.insert(0, str(here.parent / "robust"))
from lab import Lab, build, root  # noqa: E402

TRADER = str(build / "examples/trader")
TOKEN = "4711:AAHfake-token-of-the-tests_0123456789"
# Only in bodies: nothing that leaves the exporter may have it.
ONLY_IN_BODIES = [b"ord_type", b"bot-KRW-", b"avg_buy_price_modified", b"remaining_fee", b"reserved_fee"]


class Telegram:
    def __init__(self, directory):
        self.port_file, self.ca = directory / "telegram.port", directory / "telegram.pem"
        self.process = subprocess.Popen(
            [root / "tests/fakes/telegram", "--port-file", self.port_file, "--ca", self.ca, "--no-limits"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        Lab.until(lambda: self.port_file.exists() and len(self.port_file.read_text().split()) == 2, 20)
        self.port, self.control = self.port_file.read_text().split()

    def settings(self):
        return {"TELEGRAM_TOKEN": TOKEN, "TELEGRAM_CHAT_ID": "4711", "TELEGRAM_API_URL": f"https://127.0.0.1:{self.port}",
                "OTELSHIM_TELEGRAM_CERTIFICATE": str(self.ca)}

    def messages(self):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.control}/messages", timeout=60) as answer:
            return json.load(answer)

    def texts(self):
        return [re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", message["text"]) for message in self.messages()]

    def close(self):
        self.process.terminate()
        self.process.wait(60)


class Bench(Lab):
    """One case: servers, a Bot API server, an exporter."""

    def __init__(self, name):
        super().__init__(name, False)
        self.telegram = Telegram(self.directory)
        self.start_servers("postgres", "redis", "exchange")
        self.exporter = self.start_exporter()

    def trade(self, *options, **settings):
        settings = {"OTEL_METRIC_EXPORT_INTERVAL": "300", "OTELSHIM_BODY_BYTES": "2048", "TZ": "Asia/Seoul", **settings}
        environment = self.traced("trader", **self.telegram.settings(), **settings)
        return self.compare([TRADER, "--interval", "1", "--rounds", "1", *options], environment, what="trader")

    def expect_messages(self, *expected):
        self.until(lambda: len(self.telegram.messages()) >= len(expected), 15)
        got = self.telegram.texts()
        self.check(sorted(got) == sorted(expected), f"messages {json.dumps(got, ensure_ascii=False, indent=1)}")

    def own_points(self):
        self.receiver.decode()
        return [point for point in self.receiver.points if not re.match(r"(http|db|process)\.", point["name"])]

    def values(self):
        """{"name{label=value,…}": value} of our own measurements, as they were exported last."""
        last = {}
        for point in self.own_points():
            labels = ",".join(f"{key}={value}" for key, value in sorted(point["attributes"].items()))
            key = f"{point['name']}{{{labels}}}"
            if key not in last or last[key]["time"] < point["time"]:
                last[key] = point
        return {key: point["value"] if "value" in point else (point["count"], point["sum"]) for key, point in last.items()}

    def check_values(self, expected):
        self.wait_until_drained()
        self.until(lambda: self.values() == expected, 15)  # an export may come between two records
        got = self.values()
        self.check(got == expected, f"measured {json.dumps(got, indent=1)}")

    def check_secrets(self):
        """Bodies are for rules alone: not in what was exported, nor in what is on the disk."""
        seen = b"".join(bytes(request[2]) for request in self.requests)
        for file in self.state.rglob("*"):
            if file.is_file():
                seen += file.read_bytes()
        self.check(len(seen) > 2000, f"only {len(seen)} bytes were looked at")
        for word in ONLY_IN_BODIES + [TOKEN.encode()]:
            self.check(word not in seen, f"{word.decode()} left the exporter")

    def keep_requests(self):
        take, self.requests = self.receiver.take, []

        def keep(*request):
            self.requests.append(request)
            take(*request)
        self.receiver.take = keep

    def close(self):
        self.telegram.close()
        return super().close()


BUY = "💰 매수 주문 체결\n🕒 TIME\n\n종목: 비트코인 (BTC)\n시장: 암호화폐\n주문 수: 1건\n총 금액: 50,000원"
BALANCES = {f"{name}{{exchange=upbit,symbol={symbol}}}": value for symbol, value in
            (("BTC", 0.5), ("ETH", 10.0), ("XRP", 5000.0), ("DOGE", 20000.0))
            for name, value in (("position_volume", value), ("positions_open", 1.0))}


def normal(bench):
    """R163, R165, R166, R273, R274, R278: one order of each market, what is held, what was allowed."""
    bench.keep_requests()
    bench.trade(OTELSHIM_RULES="upbit", OTELSHIM_LANG="ko")
    bench.until(lambda: len(bench.telegram.messages()) >= 2, 15)
    texts = sorted(bench.telegram.texts())
    sale = re.fullmatch(
        r"💰 매도 주문 체결\n🕒 TIME\n\n종목: 이더리움 \(ETH\)\n시장: 암호화폐\n주문 수: 1건\n총 수량: 0\.\d{4}\n예상 금액: (50,000|49,999|50,001)원\n\n"
        r"  1\. 가격: 4,\d{3},\d{3}원 × 수량: 0\.\d{4}", texts[0]) if texts else None
    bench.check(len(texts) == 2 and sale and texts[1] == BUY, json.dumps(texts, ensure_ascii=False, indent=1))
    bench.check(all(not m["silent"] for m in bench.telegram.messages()), "silent")
    bench.check_values({
        **BALANCES,
        "orders_total{exchange=upbit,side=buy,status=wait}": 1.0,
        "orders_total{exchange=upbit,side=sell,status=wait}": 1.0,
        "rate_limit_requests_total{exchange=upbit,status=allowed}": 10.0})
    bench.check_secrets()


def refused(bench):
    """R059: the order is refused; the balance is what the exchange said just before."""
    bench.trade("--markets", "KRW-BTC", "--scenario", "insufficient-funds", OTELSHIM_RULES="upbit", OTELSHIM_LANG="ko")
    bench.expect_messages("❌ 매수 주문 실패\n코인: 비트코인\n이유: InsufficientFunds\n잔액: 1,000,000원 / 필요: 5,000,000,000원")
    bench.check_values({
        **BALANCES, "orders_total{exchange=upbit,side=buy,status=failed}": 1.0,
        "rate_limit_requests_total{exchange=upbit,status=allowed}": 5.0})


def own(bench):
    """Own rules and templates; several files; statements; a file that is wrong is said in the exporter's log, and the rest works."""
    rules, templates = bench.directory / "my.rules", bench.directory / "my.templates"
    rules.write_text("""
[rule broken]
match = http GET

[rule saved]
match = sql INSERT INTO orders ok
counter orders_saved{table=orders} = 1
message = template saved
field.what = after($statement, "INTO ")

[rule quotes]
match = http GET */v1/candles/{unit}/* status=200
histogram candle_seconds[s]{unit=$path.unit} = $duration_s
""")
    templates.write_text("[template saved]\n📝 *saved* {what}\n")
    bench.trade("--markets", "KRW-BTC", OTELSHIM_RULES=str(rules), OTELSHIM_TEMPLATES=str(templates), OTELSHIM_BODY_BYTES="0")
    bench.expect_messages("📝 saved orders (uuid, market, side, price, volume, state) VALUES ($1, $2, $3, $4, $5, $6) RETURNING id")
    bench.wait_until_drained()
    bench.until(lambda: len(bench.values()) == 2, 15)
    values = bench.values()
    bench.check(values.pop("candle_seconds{unit=minutes}", [0])[0] == 1, f"measured {values}")
    bench.check(values == {"orders_saved{table=orders}": 1.0}, f"measured {values}")
    log = (bench.directory / "exporter.log").read_text()
    bench.check(f"{rules}:3: rule broken: http METHOD HOST/PATH CONDITION… is allowed; rule left out" in log, log)


def traded_unsampled(bench):
    """What is not sampled is told and counted all the same."""
    bench.trade("--markets", "KRW-BTC", OTELSHIM_RULES="upbit", OTELSHIM_LANG="ko", OTEL_TRACES_SAMPLER="always_off")
    bench.expect_messages(BUY)
    bench.until(lambda: len(bench.values()) == len(BALANCES) + 2, 15)
    values = bench.values()
    bench.check(values.get("orders_total{exchange=upbit,side=buy,status=wait}") == 1.0, f"measured {values}")
    bench.check(not bench.spans("trader"), "spans of a program that is not sampled")


def api(bench):
    """R129, R130, R143: the documents' api.calls and api.call.duration of every request, by services and operations of one's own in front of
    the profile's; R134, R138: what the query asked for and the answer says, as attributes of the span; R113: http.request_id; R110: rules see
    the old names, where they are asked for."""
    rules = bench.directory / "my.rules"
    rules.write_text("""
[words api_services]
127.0.0.1 = upbit
[words api_operations]
GET 127.0.0.1/v1/candles/* = candles
POST 127.0.0.1/v1/orders = place_order
[rule asked]
match = http GET */v1/candles/{unit}/{n}
attribute.asked.market = $query.market
attribute.asked.count = number($query.count)
attribute.asked.minutes = number($path.n)
attribute.answer.first = $response/0/market
attribute.asked.as = $attribute.http.method
""")
    bench.trade("--markets", "KRW-BTC", "--scenario", "insufficient-funds", OTELSHIM_RULES=f"{rules},api", OTEL_SEMCONV_STABILITY_OPT_IN="http/dup")
    calls = {"candles,service=upbit,status=success": 2, "place_order,service=upbit,status=error": 1, "GET,service=upbit,status=success": 2}
    bench.wait_until_drained()
    bench.until(lambda: {k: v for k, v in bench.values().items() if k.startswith("api.calls")}
                == {f"api.calls{{operation={key}}}": float(n) for key, n in calls.items()}, 15)
    values = bench.values()
    bench.check({k: v for k, v in values.items() if k.startswith("api.calls")} == {f"api.calls{{operation={key}}}": float(n) for key, n in calls.items()},
                f"measured {json.dumps(values, indent=1)}")
    durations = {k: v[0] for k, v in values.items() if k.startswith("api.call.duration")}
    bench.check(durations == {f"api.call.duration{{operation={name},service=upbit}}": n for name, n in (("candles", 2), ("place_order", 1), ("GET", 2))},
                f"measured {json.dumps(values, indent=1)}")
    bench.check(all(point["unit"] == "ms" for point in bench.own_points() if point["name"] == "api.call.duration"), "unit")
    candles = [s["attributes"] for s in bench.spans("trader") if "/v1/candles/minutes" in s["attributes"].get("url.full", "")]
    bench.check(len(candles) == 1 and candles[0].get("asked.market") == "KRW-BTC" and candles[0].get("asked.count") == 60
                and candles[0].get("asked.minutes") == 1 and candles[0].get("answer.first") == "KRW-BTC" and candles[0].get("asked.as") == "GET"
                and candles[0].get("http.request_id") == "unknown", f"candles: {candles}")


def bodies(bench):
    """Every way a body is sent (set, copied; easy and multi interface), and answers of which only the beginning is there."""
    rules = bench.directory / "my.rules"
    rules.write_text("""
[rule order]
match = http POST */v1/orders status=201
counter orders{market=$request/market, price=$request/price, state=$response/state} = 1
[rule long]
match = http GET */v1/candles/minutes/1 ok
counter candles{first=$response/0/market, last=default($response/199/market, cut), n=default(count($response), unknown)} = 1
[rule short]
match = http GET */v1/accounts status=200
counter accounts{n=default(count($response), unknown), first=$response/0/currency} = 1
""")
    program = str(build / "tests/integration/curl/bodies")
    environment = bench.traced("bodies", OTEL_METRIC_EXPORT_INTERVAL="300", OTELSHIM_BODY_BYTES="2048", OTELSHIM_RULES=str(rules))
    bench.compare([program], environment)
    bench.check_values({
        "orders{market=KRW-BTC,price=50000,state=wait}": 4.0,
        "candles{first=KRW-BTC,last=cut,n=unknown}": 4.0,
        # 5 requests; one is left by a jump, one has CURLOPT_HEADERDATA without a function: not seen
        "accounts{first=KRW,n=5}": 4.0, "accounts{n=unknown}": 1.0})


def scenario(bench):
    """R128, R140: what the documents' first scenario counts: one analysis and its duration, by its span; three requests and the model's."""
    rules = bench.directory / "my.rules"
    rules.write_text("""
[rule analysis]
match = span "analyze_coin: *"
histogram analysis.duration[ms]{status=success, asset_name=$1, market=$attribute.market} = $duration_ms
""")
    environment = bench.traced("scenario", OTEL_METRIC_EXPORT_INTERVAL="300", OTELSHIM_RULES=str(rules))
    bench.compare([str(build / "tests/integration/api/scenario")], environment)
    bench.wait_until_drained()
    bench.until(lambda: len(bench.values()) == 3, 15)
    values = bench.values()
    duration = values.pop("analysis.duration{asset_name=KRW-BTC,market=KRW,status=success}", (0, 0))
    whole = [s for s in bench.spans("scenario") if s["name"] == "analyze_coin: KRW-BTC"]
    bench.check(duration[0] == 1 and len(whole) == 1 and abs(duration[1] - (whole[0]["end"] - whole[0]["start"]) / 1e6) < 1e-3, f"{duration}, {whole}")
    bench.check(values == {"analysis.executions{confidence_range=high,status=success}": 1, "api.calls{service=upbit,status=success}": 4}, str(values))


CASES = {"api": api, "scenario": scenario, "bodies": bodies, "normal": normal, "refused": refused, "own": own, "unsampled": traded_unsampled}


def main():
    failed = 0
    for name in sys.argv[1:] or CASES:
        bench = Bench(name)
        try:
            CASES[name](bench)
        finally:
            log = bench.close()
        for problem in bench.problems:
            print(f"    {str(problem)[:2500]}")
        if bench.problems and log:
            print(log)
        print(f"{'not ok' if bench.problems else 'ok'} {name}", flush=True)
        failed += bool(bench.problems)
    return failed > 0


sys.exit(main())
