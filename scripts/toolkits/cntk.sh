#!/bin/sh
# Makes .toolkits/cntk: the libraries of CNTK 2.7 (x86-64 Linux), which judges exported networks, and
# a program that converts ONNX to CNTK's own format. CNTK is loaded without its Python module, which
# needs Python 3.6. PYTHON chooses the interpreter, PIECEWISE_TOOLKITS another folder. It needs g++
# and readelf; on Debian, as root, they are installed.
set -eu
cd "$(dirname "$0")/../.."
recipes=$PWD/scripts/toolkits
folder=${PIECEWISE_TOOLKITS:-.toolkits}/cntk
made="cntk==2.7.post2 $(cat "$recipes"/cntk.sh "$recipes"/cntk.cpp | cksum)"
[ "$(cat "$folder/made" 2>/dev/null)" != "$made" ] || exit 0
if [ "$(uname -sm)" != "Linux x86_64" ]; then
    echo "CNTK 2.7 has libraries for x86-64 Linux only; its tests are skipped." >&2
    exit 0
fi
if ! command -v g++ >/dev/null || ! command -v readelf >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends g++ binutils
fi
echo "Making the environment of CNTK in $folder ..."
python=$("${PYTHON:-python3}" -c 'import sys; print(sys.executable)')
rm -rf "$folder"
mkdir -p "$folder"
cd "$folder"
"$python" -m pip download --disable-pip-version-check --quiet --no-deps \
    --only-binary :all: --python-version 36 --implementation cp --abi cp36m \
    --platform manylinux1_x86_64 cntk==2.7.post2
"$python" - <<'END'
import glob, zipfile

(wheel,) = glob.glob("cntk-*.whl")
needed = "Core", "Math", "PerformanceProfiler"
with zipfile.ZipFile(wheel) as archive:
    for name in archive.namelist():
        file = name.removeprefix("cntk/libs/")
        if file.startswith((*(f"libCntk.{one}-" for one in needed), "libmklml", "libiomp5")):
            with open(file, "wb") as made:
                made.write(archive.read(name))
END
rm cntk-*.whl

# The libraries name functions of Open MPI, which training on several machines calls. Evaluation
# calls none of them, so these stand-ins end the program.
for library in libCntk.*.so; do readelf -sW --dyn-syms "$library"; done |
    awk '$7 == "UND" && $8 ~ /^(MPI_|ompi_|_ZN3MPI)/ { print $4, $8 }' | sort -u > mpi_symbols
{
    echo 'extern void abort(void);'
    awk '$1 == "OBJECT" { print "char " $2 "[4096];" }
         $1 != "OBJECT" { print "void " $2 "(void) { abort(); }" }' mpi_symbols
} > mpi.c
gcc -shared -fPIC -o libmpi.so.12 -Wl,-soname,libmpi.so.12 mpi.c
echo > empty.c
gcc -shared -fPIC -o libmpi_cxx.so.1 -Wl,-soname,libmpi_cxx.so.1 empty.c

g++ -std=c++14 -O1 -o cntk_convert "$recipes/cntk.cpp" -L. -l:libCntk.Core-2.7.so -l:libmpi.so.12 \
    -l:libmpi_cxx.so.1 -Wl,-rpath,'$ORIGIN' -Wl,--allow-shlib-undefined
rm mpi.c empty.c mpi_symbols
echo "$made" > made
