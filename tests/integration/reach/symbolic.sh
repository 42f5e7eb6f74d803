#!/usr/bin/env bash
# Ubuntu's way: libraries built with -Bsymbolic-functions do not call themselves through the PLT, Debian's do (facts
# "interpose" 1.6). The tests of hiredis and libpq must see the same spans with both.
# symbolic.sh [LIBRARY…]: libhiredis.so.* and libpq.so.5 built so. Without: hiredis alone, linked anew from libhiredis-dev's archive.
set -eu
here=$(dirname "$(readlink -f "$0")")
libraries=()
for library in "$@"; do libraries+=("$(readlink -f "$library")"); done
cd "$here/../../.."
export BUILD=${BUILD:-build}
BUILD=$(readlink -f "$BUILD")
out=$BUILD/symbolic
mkdir -p "$out/lib"

if [ ${#libraries[@]} -eq 0 ]; then
    archive=$(gcc -print-file-name=libhiredis.a)
    soname=$(readelf -d "$(gcc -print-file-name=libhiredis.so)" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')
    gcc -shared -Wl,-Bsymbolic-functions -Wl,-soname,"$soname" -o "$out/$soname" -Wl,--whole-archive "$archive" -Wl,--no-whole-archive
    libraries=("$out/$soname")
fi

groups=()
for library in "${libraries[@]}"; do
    soname=$(readelf -d "$library" | sed -n 's/.*SONAME.*\[\(.*\)\]/\1/p')
    case $soname in
    libhiredis.so.*) group=hiredis own=redis ;;
    libpq.so.5) group=libpq own=PQ ;;
    *) echo "not ok reach/symbolic: $library is neither libhiredis.so.* nor libpq.so.5" && exit 1 ;;
    esac
    if readelf -rW "$library" | grep -E "JUMP_SLO" | grep -qE " ${own}[A-Za-z]+ "; then
        echo "not ok reach/symbolic: $library calls itself through the PLT" && exit 1
    fi
    cp -f "$library" "$out/lib/$soname"
    groups+=("$group")
done

ln -sf "$BUILD/libotelshim.so" "$BUILD/otelshim" "$out/"
python=$(tests/venv)
names=() targets=()
for name in $("$python" tests/integration/run.py --names); do
    for group in "${groups[@]}"; do
        [[ $name == "$group"/* ]] && [ -f "tests/integration/$name.c" ] || continue
        names+=("$name")
        targets+=("$out/tests/integration/$name")
    done
done
make -s -j"$(nproc)" BUILD="$out" CFLAGS="-O2 -g -Wl,-rpath,$out/lib" "${targets[@]}"
exec "$python" tests/integration/run.py --build "$out" "${names[@]}"
