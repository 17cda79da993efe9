# The application as a plain image for containerd-shim-spin:
#   docker buildx build --platform wasi/wasm --provenance=false --file k8s/images/app.Dockerfile --tag IMAGE --push .
# BASE has Rust by rustup, make and a C compiler.
ARG BASE=rust:1.95-bookworm
FROM --platform=${BUILDPLATFORM} ${BASE} AS build
WORKDIR /src
COPY . .
RUN make wasm && k8s/images/rootfs app /rootfs

FROM scratch
COPY --from=build /rootfs /
