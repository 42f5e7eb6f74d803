"""How a program comes by the functions: dlsym(), RTLD_DEEPBIND, copies, flavours, other ways of linking, company."""
import collections
import os
import subprocess
from pathlib import Path

from building import library, link_stub, make, out, program, renamed_stub
from case import case
from kills import number_of
from lab import LIBRARY, root
from scope import Web


def numbers(lab, service):
    return collections.Counter(number_of(s) for s in lab.calls(service))


def check_parts(lab, service, parts, n=5):
    """Calls 1 to n of each part, once each; nothing of other parts."""
    lab.wait_until_drained()
    seen = numbers(lab, service)
    wanted = {(part, i) for part in parts for i in range(1, n + 1)}
    lab.check(set(seen) == wanted, f"{service}: missing {sorted(wanted - set(seen))[:6]}, too many {sorted(set(seen) - wanted)[:6]}")
    lab.check(max(seen.values(), default=0) <= 1, f"{service}: twice {[k for k, v in seen.items() if v > 1][:6]}")


def neighbour(directory):
    """A plugin that opens its neighbour by its own RUNPATH."""
    where = out / directory
    library(f"{directory}/far/libneighbour.so", "neighbour.c")
    return library(f"{directory}/libplugin.so", "plugin.c", *link_stub(), f"-Wl,--enable-new-dtags,-rpath,{where}/far"), where


@case("names")
def names(lab):
    """dlsym() and dlopen(): what is there, what is missing, dlerror(), namespaces, RUNPATH; closed and opened again."""
    lab.use_stub()
    lab.start_exporter()
    _, where = neighbour("names.d")
    lab.compare([program("names"), str(where)], lab.traced("names"))
    check_parts(lab, "names", [1, 2, 4, 5])  # 3 is in a namespace of its own


@case("ctypes")
def ctypes(lab):
    lab.use_stub()
    lab.start_exporter()
    script = """
import ctypes
pq = ctypes.CDLL("libpq.so.5")
for f in (pq.PQconnectdb, pq.PQexec): f.restype = ctypes.c_void_p
conn = pq.PQconnectdb(b"")
for i in range(1, 6): pq.PQclear(ctypes.c_void_p(pq.PQexec(ctypes.c_void_p(conn), b"SELECT id FROM s_1_%d WHERE id = 7" % i)))
pq.PQfinish(ctypes.c_void_p(conn))
curl = ctypes.CDLL("libcurl.so.4")
curl.curl_easy_init.restype = ctypes.c_void_p
handle = ctypes.c_void_p(curl.curl_easy_init())
curl.curl_easy_setopt(handle, 10002, b"http://127.0.0.1:9/")
print(curl.curl_easy_perform(handle))
curl.curl_easy_cleanup(handle)
print(hasattr(ctypes.CDLL(None), "redisCommand"), hasattr(ctypes.CDLL(None), "printf"))
"""
    lab.compare(["/usr/bin/python3", "-c", script], lab.traced("ctypes"))
    check_parts(lab, "ctypes", [1])
    web = [s["attributes"]["url.full"] for s in lab.spans("ctypes") if "url.full" in s["attributes"]]
    lab.check(web == ["http://127.0.0.1:9/"], f"requests {web}")


@case("php")
def php(lab):
    """Its modules are opened with RTLD_DEEPBIND."""
    lab.start_servers("postgres")
    web = Web()
    lab.start_exporter()
    script = """
$c = curl_init("%s"); curl_setopt($c, CURLOPT_RETURNTRANSFER, 1); echo curl_exec($c);
$d = pg_connect("host=$_SERVER[PGHOST] port=$_SERVER[PGPORT] user=$_SERVER[PGUSER] dbname=$_SERVER[PGDATABASE]");
for ($i = 1; $i <= 3; $i++) echo pg_fetch_result(pg_query($d, "SELECT $i AS s_1_$i"), 0, 0), "\\n";
""" % web.url
    lab.compare(["php", "-r", script], lab.traced("php", OTELSHIM_RAW="true"))
    lab.wait_until_drained()
    web.close()
    spans = lab.spans("php")
    lab.check(sum("url.full" in s["attributes"] for s in spans) == 1, f"requests: {[s['name'] for s in spans]}")
    queries = [s for s in spans if "s_1_" in s["attributes"].get("db.query.text", "")]
    lab.check(len(queries) == 3, f"{len(queries)} queries of 3: {[s['name'] for s in spans]}")


@case("deepbind")
def deepbind(lab):
    """Every way of linking a module; closed and opened again; a dependency that comes with it; a bare name."""
    lab.use_stub()
    lab.start_exporter()
    relro = ["-Wl,-z,relro"]
    kinds = {
        "lazy": [*relro, "-Wl,-z,lazy"], "now": [*relro, "-Wl,-z,now"], "noplt": [*relro, "-fno-plt", "-Wl,-z,now"],
        "norelro": ["-Wl,-z,norelro,-z,lazy"], "sysv": ["-Wl,--hash-style=sysv,-z,now"]}
    plugins = [library(f"deep.d/{kind}.so", "plugin.c", *flags, *link_stub()) for kind, flags in kinds.items()]
    library("deep.d/libinner.so", "-DPLUGIN_NAME=plugin_inner", "plugin.c", "-Wl,-soname,libinner.so", *link_stub())
    plugins.append(library("deep.d/outer.so", "-DPLUGIN_INNER", "plugin.c", out / "deep.d/libinner.so",
                           f"-Wl,-rpath,{out}/deep.d"))
    deep = program("deep")
    for mode in ("now", "lazy"):
        lab.compare([deep, mode, *plugins], lab.traced(mode))
        check_parts(lab, mode, [10 * i + r for i in range(2, 2 + len(plugins)) for r in range(3)])
    bare = {"LD_LIBRARY_PATH": f"{out}/deep.d:{lab.environment['LD_LIBRARY_PATH']}"}
    lab.compare([deep, "lazy", "now.so"], lab.traced("bare", **bare), {**lab.environment, **bare})
    check_parts(lab, "bare", [20, 21, 22])
    relative = os.path.relpath(plugins[1], lab.directory)
    lab.compare([deep, "now", relative], lab.traced("relative"))
    check_parts(lab, "relative", [20, 21, 22])


@case("deepbind_off")
def deepbind_off(lab):
    """Switched off, not one slot is written."""
    lab.use_stub()
    plugin = library("deep.d/now.so", "plugin.c", "-Wl,-z,relro", "-Wl,-z,now", *link_stub())
    lab.compare([program("deep"), "now", plugin], lab.traced(OTELSHIM="0"))
    lab.check(not lab.files(), f"{lab.files()}")


@case("unknown_version")
def unknown_version(lab):
    """A libcurl whose version node nobody knew when we were built: linked, and opened."""
    lab.start_exporter()
    script = out / "unknown.d/foo.map"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text("CURL_FOO_9 { global: curl_*; local: *; };\n")
    stub = library("unknown.d/libcurl-foo.so.9", "stub_curl.c", "-Wl,-soname,libcurl-foo.so.9", f"-Wl,--version-script={script}")
    rpath = f"-Wl,-rpath,{script.parent}"
    for kind in ("lazy", "now"):
        linked = make(f"unknown-{kind}", "unknown.c", stub, rpath, f"-Wl,-z,{kind}")
        plugin = library(f"unknown.d/plugin-{kind}.so", "-DPLUGIN", "unknown.c", stub, rpath, f"-Wl,-z,{kind}")
        lab.compare([linked, plugin], lab.traced(kind))
        lab.wait_until_drained()
        urls = collections.Counter(s["attributes"]["url.full"] for s in lab.spans(kind) if "url.full" in s["attributes"])
        wanted = {f"http://unknown.example.test/{how}": 3 for how in ("linked", "opened")}
        lab.check(urls == wanted, f"{kind}: {urls}")


@case("flavours")
def flavours(lab):
    """OpenSSL's and GnuTLS's libcurl in one process, both link orders: who does the work is as without us."""
    lab.start_exporter()
    web = Web()
    url = web.url.replace("http:", "https:")
    gnutls = library("flavours.d/libgnutls.so", "-DFLAVOUR=get_gnutls", "flavours.c", "-l:libcurl-gnutls.so.4")
    openssl = library("flavours.d/libopenssl.so", "-DFLAVOUR=get_openssl", "flavours.c", "-l:libcurl.so.4")
    for name, order in {"gnutls-first": [gnutls, openssl], "openssl-first": [openssl, gnutls]}.items():
        result = lab.compare([make(name, "flavours.c", *order), url], lab.traced(name))
        lines = result.stdout.decode().splitlines()
        lab.check(len(lines) == 6 and lines[0].split(": ", 1)[1] != lines[1].split(": ", 1)[1], f"{name}: {lines}")
        lab.wait_until_drained()
        n = sum("url.full" in s["attributes"] for s in lab.spans(name))
        lab.check(n == 6, f"{name}: {n} requests of 6")
    web.close()


@case("copies")
def copies(lab):
    """Two renamed copies of libpq: which one answers is as without us. By name, only the first can be told from the second."""
    lab.start_exporter()
    one, two = (renamed_stub(f"copies.d/libpq-{n}.so", f"libpq-{n}.so") for n in ("one", "two"))
    rpath = f"-Wl,-rpath,{out}/copies.d"
    for n, copy in (("one", one), ("two", two)):
        library(f"copies.d/libplugin-{n}.so", "plugin.c", copy, rpath)
    result = lab.compare([program("copies"), f"{out}/copies.d"], lab.traced("copies"))
    lab.check(b"libpq-two.so" in result.stdout and b"libpq-one.so" in result.stdout, f"{result.stdout}")
    lab.wait_until_drained()
    seen = set(numbers(lab, "copies"))
    wanted = {(p, i) for p in (1, 20, 21, 22, 30, 31, 32, 40, 41, 42, 50) for i in range(1, 6)}
    lab.check(wanted <= seen, f"missing {sorted(wanted - seen)[:8]}")


@case("linking")
def linking(lab):
    """PIE and not, lazy and now, without a PLT, static."""
    lab.use_stub()
    lab.start_exporter()
    calls = root / "tests/integration/robust/calls.c"
    kinds = {"pie": ["-fPIE", "-pie"], "no-pie": ["-fno-pie", "-no-pie"], "lazy": ["-Wl,-z,lazy"], "now": ["-Wl,-z,now"],
             "no-plt": ["-fno-plt", "-fPIE", "-pie"], "no-plt-no-pie": ["-fno-plt", "-fno-pie", "-no-pie"],
             "sysv": ["-Wl,--hash-style=sysv"], "export": ["-rdynamic"], "pack": ["-Wl,-z,pack-relative-relocs"]}
    for kind, flags in kinds.items():
        path = make(f"linking/{kind}", *flags, calls, *link_stub(), "-lpthread")
        lab.compare([path, "5", "2"], lab.traced(kind))
        check_parts(lab, kind, [0, 1])
    static = make("linking/static", "-static", calls, root / "tests/integration/robust/stub/libpq.c",
                  bare_object(), "-lpthread")
    for path in (static, make("linking/static-pie", "-static-pie", "-fPIE", calls, root / "tests/integration/robust/stub/libpq.c",
                              bare_object(), "-lpthread")):
        lab.compare([path, "5", "2"], lab.traced("static"))
    lab.check(not lab.files() and not lab.calls("static"), "a static program was traced")


def bare_object():
    flags = ["-DPQexec=bare_PQexec", "-DPQconnectdb=bare_PQconnectdb", "-DPQfinish=bare_PQfinish"]
    return Path(make("linking/bare.o", "-fPIE", "-c", *flags, root / "tests/bench/stub_libpq.c"))


@case("company")
def company(lab):
    """An interposer that has dlsym() and dlopen() of its own. Before us it asks libc directly, by version: that is not ours to see."""
    lab.use_stub()
    lab.start_exporter()
    other = library("company.so", "company.c")
    _, where = neighbour("names.d")
    plain = {**lab.environment, "LD_PRELOAD": other}
    plugin = library("deep.d/now.so", "plugin.c", "-Wl,-z,relro", "-Wl,-z,now", *link_stub())
    for what, preload in [("before", f"{other}:{LIBRARY}"), ("behind", f"{LIBRARY}:{other}")]:
        lab.compare([program("deep"), "now", plugin], lab.traced(what, LD_PRELOAD=preload), plain, what)
    check_parts(lab, "behind", [20, 21, 22])
    lab.compare([program("names"), str(where)], lab.traced("names", LD_PRELOAD=f"{LIBRARY}:{other}"), plain, "names")
    check_parts(lab, "names", [1, 2, 4, 5])


@case("sanitizers")
def sanitizers(lab):
    """They call dlsym() before anything works. ASan wants to be first, which is not ours to mend."""
    lab.use_stub()
    lab.start_exporter()
    calls = root / "tests/integration/robust/calls.c"
    for name, library_name in (("address", "libasan.so"), ("thread", "libtsan.so"), ("undefined", "libubsan.so")):
        path = make(f"sanitized-{name}", f"-fsanitize={name}", calls, *link_stub(), "-lpthread")
        runtime = subprocess.run(["gcc", f"-print-file-name={library_name}"], capture_output=True, text=True).stdout.strip()
        runtime = os.path.realpath(runtime)
        order = {"ASAN_OPTIONS": "verify_asan_link_order=0"}
        orders = {"alone": str(LIBRARY), "first": f"{LIBRARY}:{runtime}", "last": f"{runtime}:{LIBRARY}"}
        if name == "thread":
            del orders["last"]  # then it asks nobody but itself what to overlook (shim/tsan.c)
        for what, preload in orders.items():
            service = f"{name} {what}"
            plain = {**lab.environment, **order, "LD_PRELOAD": ":".join(p for p in preload.split(":") if p != str(LIBRARY))}
            lab.compare([path, "5", "2"], lab.traced(service, LD_PRELOAD=preload, **order), plain, service)
            check_parts(lab, service, [0, 1])
