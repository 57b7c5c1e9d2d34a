# meliproxy and what its stack needs beside it.
#   docker build -t meliproxy .                        the proxy
#   docker build -t meliproxy-demo --target demo .     the demo API
#   docker build -t meliproxy-load --target load .     a load generator (wrk)

FROM swift:6.3-bookworm AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        libuv1-dev libcurl4-openssl-dev libssl-dev libhiredis-dev zlib1g-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# What changes seldom first, so that it is built seldom.
COPY Package.swift ./
RUN swift package resolve
COPY Sources Sources
COPY Tests Tests
# The flags of the Makefile's `build`.
RUN swift build -c release --static-swift-stdlib -Xswiftc -cross-module-optimization \
        -Xswiftc -enforce-exclusivity=unchecked --product meliproxy \
    && swift build -c release --static-swift-stdlib -Xswiftc -cross-module-optimization \
        -Xswiftc -enforce-exclusivity=unchecked --product demo-api \
    && mkdir /out \
    && strip -o /out/meliproxy .build/release/meliproxy \
    && strip -o /out/demo-api .build/release/demo-api

FROM debian:bookworm-slim AS runtime
RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        libuv1 libcurl4 libhiredis0.14 zlib1g libstdc++6 ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin meliproxy
COPY --chmod=0755 scripts/healthcheck /usr/local/bin/healthcheck
USER 10001:10001

FROM debian:bookworm-slim AS load
RUN apt-get update \
    && apt-get install -y --no-install-recommends wrk \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin load
COPY config/load.lua /etc/load.lua
USER 10001:10001
ENTRYPOINT ["wrk", "-s", "/etc/load.lua"]

FROM runtime AS demo
COPY --from=build /out/demo-api /usr/local/bin/demo-api
EXPOSE 8081
HEALTHCHECK --interval=5s --timeout=2s CMD ["healthcheck", "8081", "/sites"]
ENTRYPOINT ["demo-api"]
CMD ["--listen", "0.0.0.0:8081"]

FROM runtime AS meliproxy
COPY --from=build /out/meliproxy /usr/local/bin/meliproxy
COPY config/meliproxy.yaml /etc/meliproxy/meliproxy.yaml
EXPOSE 8080 9900
# Alive, not ready: one that drains is still wanted.
HEALTHCHECK --interval=5s --timeout=2s CMD ["healthcheck", "9900", "/-/healthy"]
ENTRYPOINT ["meliproxy"]
CMD ["serve", "--config", "/etc/meliproxy/meliproxy.yaml"]
