# The application as a plain image for containerd-shim-spin:
#   docker buildx build --platform wasi/wasm --provenance=false --file k8s/images/app.Dockerfile --tag IMAGE --push .
# BASE has Rust by rustup, make and a C compiler.
ARG BASE=rust:1.95-bookworm@sha256:6258907abe69656e41cd992e0b705cdcfabcbbe3db374f92ed2d47121282d4a1
FROM --platform=${BUILDPLATFORM} ${BASE} AS build
WORKDIR /src
COPY . .
RUN make wasm && k8s/images/rootfs app /rootfs

FROM scratch
COPY --from=build /rootfs /
