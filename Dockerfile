# syntax=docker/dockerfile:1
# Every command runs on the platform of the builder: other platforms need no emulation.

ARG GO_IMAGE=docker.io/library/golang:1.26-bookworm
ARG BASE_IMAGE=docker.io/library/debian:bookworm-slim

# The program. Sound cards want cgo; ALSA is loaded at run time, so a C compiler for the target is enough.
FROM --platform=$BUILDPLATFORM ${GO_IMAGE} AS build
ARG TARGETARCH
ARG TARGETVARIANT
RUN set -eu; \
    case "$TARGETARCH$TARGETVARIANT" in \
      amd64*) debian=amd64; triplet=x86-64-linux-gnu; cc=x86_64-linux-gnu-gcc ;; \
      arm64*) debian=arm64; triplet=aarch64-linux-gnu; cc=aarch64-linux-gnu-gcc ;; \
      armv7) debian=armhf; triplet=arm-linux-gnueabihf; cc=arm-linux-gnueabihf-gcc ;; \
      *) echo "linux/$TARGETARCH/$TARGETVARIANT is not one of linux/amd64, linux/arm64, linux/arm/v7" >&2; exit 1 ;; \
    esac; \
    echo "$cc" > /cc; \
    if [ "$(dpkg --print-architecture)" != "$debian" ]; then \
      apt-get -q update; \
      apt-get -q -y install --no-install-recommends "gcc-$triplet" "libc6-dev-$debian-cross"; \
      rm -rf /var/lib/apt/lists/*; \
    fi
WORKDIR /src
ARG GOPROXY=https://proxy.golang.org,direct
COPY go.mod go.sum ./
RUN GOPROXY=$GOPROXY go mod download
COPY . .
ARG VERSION=dev
RUN CC="$(cat /cc)" CGO_ENABLED=1 GOOS=linux GOARCH=$TARGETARCH GOARM=${TARGETVARIANT#v} GOPROXY=$GOPROXY \
    go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$VERSION" -o /housephone ./cmd/housephone

# The root file system: the C library, ALSA, espeak-ng and what they load, certificates, time zones; no shell, no
# package manager. Packages are unpacked, never configured, so they may be of another architecture.
FROM --platform=$BUILDPLATFORM ${BASE_IMAGE} AS root
ARG TARGETARCH
ARG TARGETVARIANT
RUN set -eu; \
    case "$TARGETARCH$TARGETVARIANT" in armv7) arch=armhf ;; *) arch=$TARGETARCH ;; esac; \
    dpkg --add-architecture "$arch"; \
    apt-get -q update; \
    apt-get -q -y install --no-install-recommends ca-certificates tzdata binutils-multiarch; \
    mkdir /debs /all /root.fs; \
    # as if nothing were installed, so that apt names everything that is needed
    touch /debs/status; \
    apt-get -q -y --download-only --no-install-recommends -o APT::Architecture="$arch" -o APT::Architectures="$arch" \
      -o Dir::State::status=/debs/status -o Dir::Cache::archives=/debs install libc6 libgcc-s1 libasound2 espeak-ng; \
    for deb in /debs/*.deb; do dpkg -x "$deb" /all; done; \
    # usrmerge: what Debian's own installation would have linked
    cd /root.fs; \
    mkdir -p usr/bin usr/lib usr/share etc/ssl/certs tmp media var/lib/housephone run dev proc sys; \
    ln -s usr/lib lib; ln -s usr/bin bin; \
    chmod 1777 tmp; chown 10001:10001 var/lib/housephone; \
    # the libraries that the programs load, followed by name
    lib() { find /all/lib /all/usr/lib -name "$1" ! -path '*/gconv/*' -print -quit; }; \
    need() { objdump -p "$1" | awk '$1 == "NEEDED" { print $2 }'; }; \
    queue="libasound.so.2 libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 libresolv.so.2 libnss_dns.so.2 libnss_files.so.2 $(need /all/usr/bin/espeak-ng)"; \
    while [ -n "$queue" ]; do \
      set -- $queue; queue=""; \
      for name in "$@"; do \
        path=$(lib "$name"); \
        [ -n "$path" ] || { echo "no package brings $name" >&2; exit 1; }; \
        to="usr/lib/${path##*/lib/}"; \
        [ ! -e "$to" ] || continue; \
        mkdir -p "${to%/*}"; cp -L "$path" "$to"; \
        queue="$queue $(need "$path")"; \
      done; \
    done; \
    # the loader has a fixed place on each architecture
    for loader in lib64/ld-linux-x86-64.so.2 lib/ld-linux-aarch64.so.1 lib/ld-linux-armhf.so.3; do \
      [ -e "/all/$loader" ] || continue; \
      mkdir -p "usr/${loader%/*}"; cp -L "/all/$loader" "usr/$loader"; \
      [ "${loader%/*}" = lib ] || ln -s usr/lib64 lib64; \
    done; \
    cp /all/usr/bin/espeak-ng usr/bin/; \
    data=$(cd /all && find usr/lib -type d -name espeak-ng-data -print -quit); \
    mkdir -p "${data%/*}" usr/share/zoneinfo; cp -a "/all/$data" "$data"; \
    cp -a /all/usr/share/alsa usr/share/; \
    cp -a /usr/share/zoneinfo/. usr/share/zoneinfo/; rm -rf usr/share/zoneinfo/right usr/share/zoneinfo/posix; \
    cp /etc/ssl/certs/ca-certificates.crt etc/ssl/certs/; \
    # Debian's copyright files go where its packages' files go
    for d in /all/usr/share/doc/*/copyright; do install -D -m 644 "$d" "usr/share/doc/${d#/all/usr/share/doc/}"; done; \
    printf 'root:x:0:0:root:/:/sbin/nologin\nhousephone:x:10001:10001:housephone:/var/lib/housephone:/sbin/nologin\n' > etc/passwd; \
    printf 'root:x:0:\naudio:x:29:housephone\nhousephone:x:10001:\n' > etc/group; \
    printf 'hosts: files dns\npasswd: files\ngroup: files\n' > etc/nsswitch.conf

FROM scratch
ARG VERSION=dev
LABEL org.opencontainers.image.title="housephone" \
      org.opencontainers.image.description="The telephone of the house as an MQTT device" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION"
COPY --from=root /root.fs /
COPY --from=build /housephone /usr/bin/housephone
COPY LICENSE /usr/share/doc/housephone/LICENSE
ENV PATH=/usr/bin HOME=/var/lib/housephone STATE_DIR=/var/lib/housephone TTS_CACHE_DIR=/var/lib/housephone/speech MEDIA_DIR=/media
USER 10001:10001
WORKDIR /var/lib/housephone
# SIP, sound, health and metrics; with the host's network they need no publishing
EXPOSE 5060/udp 5060/tcp 16384-16484/udp 8080/tcp
# housephone handles signals as process 1 and starts its children itself: no init is needed
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["/usr/bin/housephone", "-health"]
ENTRYPOINT ["/usr/bin/housephone"]
